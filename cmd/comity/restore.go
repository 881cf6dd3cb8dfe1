package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"comity/internal/authz"
	"comity/internal/backup"
	"comity/internal/file/whole"
	"comity/internal/ledger"
	"comity/internal/synced"
	"comity/internal/text"
	"comity/internal/vault"
)

const restoreExamples = `  comity restore --from /backup/follow --at 2026-03-02T09:10:00+08:00 --identity backup.key --data /srv/again
    (what comity backup follow has shipped, as it was at that moment; without --at the newest. Then the keys:)
  comity restore keys --from /safe/follow --identity backup.key --pack ./mycity --data /srv/again
  comity restore --from /backup/data/2026-03-02 --pack ./mycity --data /var/lib/comity
    (into a data folder without databases; then the keys:)
  comity restore keys --from /safe/keys/2026-03-02 --pack ./mycity --data /var/lib/comity
    (keeps what is newer in the key folder, and brings back no key that was destroyed since)
  comity restore --accept-loss --pack ./mycity --data /var/lib/comity
    (only where the program refuses to start because the log is older than its last published head, and no
    newer backup exists: says on the record that what came after is lost)
`

// runRestore brings data or keys back, or says on the record that later records are lost.
func runRestore(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	keys := len(args) > 0 && args[0] == "keys"
	if keys {
		args = args[1:]
	}
	f := flags("restore", "Brings a backup back: first the data, then the keys.", restoreExamples, stderr)
	from := f.String("from", "", "folder that comity backup has made")
	at := f.String("at", "", "moment to go back to, of what comity backup follow has shipped (default: the newest)")
	identity := f.String("identity", "", "file of the secret that opens what comity backup follow has shipped")
	lost := f.Bool("accept-loss", false, "go on from an older log than the published one; what came after is lost")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 || (*from == "") == !*lost || *lost && keys {
		return usagef("name the folder of a backup with --from DIR, or say --accept-loss")
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	say := words.In(langOf(*lang))
	cfg := cityConfig{Data: *cf.data, Keys: *cf.keys}
	switch {
	case *lost:
		return withMending(ctx, cf, stderr, func(c *city) error { return acceptLoss(ctx, c, stdout, say) })
	case !keys && isFollowed(*from):
		when, err := moment(*at)
		if err != nil {
			return err
		}
		if *cf.db != "" {
			return usagef("what was followed are SQLite databases, which go into the data folder; leave --db (COMITY_DB) out")
		}
		return restoreFollowed(ctx, *from, *identity, when, cfg, stdout, say)
	case keys && *at != "":
		return usagef("keys are brought back as they are now, for data of any moment; leave --at out")
	case !isFollowed(*from) && (*at != "" || *identity != ""):
		return usagef("%s holds no %s: it is no folder of comity backup follow, and takes no --at and --identity", *from, backup.StatusFile)
	case !keys:
		return restoreData(ctx, *from, cfg, *cf.db, stdout, say)
	}
	dir := *from
	if isFollowed(dir) {
		unsealed, remove, err := unsealKeys(dir, *identity, cfg)
		if err != nil {
			return err
		}
		defer remove()
		dir = unsealed
	}
	if err := putBackKeyFiles(dir, cfg); err != nil {
		return err
	}
	return withMending(ctx, cf, stderr, func(c *city) error { return putBackKeys(ctx, c, dir, stdout, say) })
}

// withMending opens the city without comparing keys, data and log.
func withMending(ctx context.Context, cf cityFlags, stderr io.Writer, do func(*city) error) error {
	c, err := cf.openWith(ctx, slog.New(slog.NewTextHandler(stderr, nil)), func(cfg *cityConfig) { cfg.Mending = true })
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close())
}

// restoreData puts databases and attachments into a folder that has no database yet.
func restoreData(ctx context.Context, from string, cfg cityConfig, dsn string, stdout io.Writer, say text.Speaker) error {
	m, err := readManifest(from, dataFormat)
	if err != nil {
		return err
	}
	if dsn != "" {
		return usagef("a backup of SQLite databases goes into the data folder; leave --db out, or bring a dump back with pg_restore")
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return err
	}
	for _, p := range m.Parts {
		for _, name := range []string{p.Database, p.Database + "-wal"} {
			if _, err := os.Lstat(filepath.Join(cfg.Data, name)); p.Database != "" && err == nil {
				return fmt.Errorf("%s is there already; move it away first, together with its -wal and -shm", filepath.Join(cfg.Data, name))
			}
		}
	}
	n := 0
	for _, p := range m.Parts {
		more, err := copyFolder(ctx, filesOf(from, string(p.Compartment)), filesOf(cfg.Data, string(p.Compartment)))
		if err != nil {
			return err
		}
		n += more
	}
	for _, p := range m.Parts {
		if p.Database == "" {
			fmt.Fprintln(stdout, say.T("cli.restore.postgres", "compartment", string(p.Compartment)))
			fmt.Fprintf(stdout, "  pg_restore -d DATABASE %s\n", filepath.Join(from, string(p.Compartment)+".dump"))
			continue
		}
		if _, err := whole.Copy(filepath.Join(from, p.Database), filepath.Join(cfg.Data, p.Database)); err != nil {
			return err
		}
	}
	if err := synced.Path(cfg.Data); err != nil {
		return err
	}
	fmt.Fprintln(stdout, say.T("cli.restore.data", "at", m.At.Format("2006-01-02 15:04 MST"), "files", strconv.Itoa(n)))
	return nil
}

// putBackKeyFiles comes before the city is opened: without a key file it does not open.
func putBackKeyFiles(from string, cfg cityConfig) error {
	m, err := readManifest(from, keysFormat)
	if err != nil {
		return err
	}
	for _, p := range m.Parts {
		if err := vault.PutBack(from, keysFolder(cfg), p.Compartment); err != nil {
			return err
		}
	}
	path := filepath.Join(cfg.Data, "secret")
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := os.ReadFile(filepath.Join(from, "secret"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return err
	}
	return whole.Write(path, b)
}

func putBackKeys(ctx context.Context, c *city, from string, stdout io.Writer, say text.Speaker) error {
	for _, p := range c.all() {
		n, err := wrappedFrom(ctx, p, wrappedFile(from, p.ring.Compartment()))
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, say.T("cli.restore.keys", "compartment", string(p.ring.Compartment()), "keys", strconv.Itoa(n)))
	}
	return nil
}

// wrappedFrom reads what wrappedTo wrote, a batch at a time.
func wrappedFrom(ctx context.Context, p *rooms, path string) (total int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := json.NewDecoder(f)
	for {
		var batch []ledger.KeptKey
		for len(batch) < rewrapBatch && err == nil {
			var k ledger.KeptKey
			if err = lines.Decode(&k); err == nil {
				batch = append(batch, k)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return total, fmt.Errorf("%s: %w", path, err)
		}
		n, fail := p.ledger.BringKeysBack(ctx, batch)
		total += n
		if fail != nil || err != nil {
			return total, fail
		}
	}
}

func acceptLoss(ctx context.Context, c *city, stdout io.Writer, say text.Speaker) error {
	var last error
	for _, p := range c.all() {
		lost, kept, err := p.ledger.AcceptLoss(ctx, authz.Machine())
		if errors.Is(err, ledger.ErrNoLoss) {
			last = err
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, say.T("cli.restore.lost", "compartment", string(p.ring.Compartment()), "published", strconv.FormatInt(lost.Size, 10), "kept", strconv.FormatInt(kept, 10)))
		last = nil
	}
	return last
}
