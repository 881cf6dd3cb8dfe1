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
	"time"

	"comity/internal/db"
	"comity/internal/file/whole"
	"comity/internal/ledger"
	"comity/internal/synced"
	"comity/internal/text"
	"comity/internal/vault"
)

const backupExamples = `  comity backup --to /backup/data/2026-03-02 --pack ./mycity --data /var/lib/comity
    (databases without the keys of cases, and the attachments: alone it opens nothing)
  comity backup keys --to /safe/keys/2026-03-02 --pack ./mycity --data /var/lib/comity
    (key files and the wrapped keys of cases: keep it apart from the data, and no longer than 30 days,
    since as long as it is kept what was erased meanwhile could be opened again)
  comity backup follow --help
    (all the time, encrypted, to any moment; with comity backup list and comity backup identity)
`

const (
	manifestFile = "backup.json"
	dataFormat   = "comity-data-1"
	keysFormat   = "comity-keys-backup-1"
)

// manifest is written last: a folder without it holds a backup that was broken off.
type manifest struct {
	Format string         `json:"format"`
	At     time.Time      `json:"at"`
	Parts  []manifestPart `json:"parts"`
	Files  int            `json:"files"`
}

type manifestPart struct {
	Compartment vault.Compartment `json:"compartment"`
	Database    string            `json:"database,omitempty"` // file name; empty for PostgreSQL, which copies itself
	Keys        int               `json:"keys,omitempty"`
}

// runBackup copies the data, or apart from them the keys.
func runBackup(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	more := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"follow": runFollow, "list": runFollowList, "identity": runIdentity}
	if len(args) > 0 && more[args[0]] != nil {
		return more[args[0]](ctx, args[1:], stdout, stderr)
	}
	keys := len(args) > 0 && args[0] == "keys"
	if keys {
		args = args[1:]
	}
	f := flags("backup", "Copies a city while it is open: the data, or with the word keys what opens them. The two belong in two places.", backupExamples, stderr)
	to := f.String("to", "", "folder to make; it must not be there, or be empty")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if *to == "" || f.NArg() > 0 {
		return usagef("name a new folder with --to DIR")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := newFolder(*to); err != nil {
		return err
	}
	say := c.words.In(langOf(*lang))
	if keys {
		if err := vault.Outside(*to, *cf.data); err != nil {
			return err
		}
		return c.backUpKeys(ctx, *to, cityConfig{Data: *cf.data, Keys: *cf.keys}, stdout, say)
	}
	return c.backUp(ctx, *to, *cf.data, stdout, say)
}

// newFolder makes a folder that only its owner reads.
func newFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err == nil && len(list) > 0 {
		err = usagef("%s is not empty; name a new folder", dir)
	}
	return err
}

func (c *city) backUp(ctx context.Context, to, data string, stdout io.Writer, say text.Speaker) error {
	m := manifest{Format: dataFormat, At: c.clock.Now().UTC()}
	for _, p := range c.all() {
		name := databaseName(p.ring.Compartment())
		err := p.db.CopyTo(ctx, filepath.Join(to, name), ledger.WithoutKeys)
		if errors.Is(err, db.ErrElsewhere) {
			fmt.Fprintln(stdout, say.T("cli.backup.postgres", "compartment", string(p.ring.Compartment())))
			fmt.Fprintf(stdout, "  pg_dump -Fc --exclude-table-data=case_keys -d DATABASE -f %s\n", filepath.Join(to, string(p.ring.Compartment())+".dump"))
			name, err = "", nil
		}
		if err != nil {
			return err
		}
		m.Parts = append(m.Parts, manifestPart{Compartment: p.ring.Compartment(), Database: name})
	}
	// Files after the databases: whatever those name is there by then.
	for _, p := range c.all() {
		n, err := copyFolder(ctx, filesOf(data, p.compartment), filesOf(to, p.compartment))
		if err != nil {
			return err
		}
		m.Files += n
	}
	if err := writeManifest(to, m); err != nil {
		return err
	}
	fmt.Fprintln(stdout, say.T("cli.backup.done", "to", to, "files", fmt.Sprint(m.Files)))
	return nil
}

// databaseName is the file of a compartment's SQLite database.
func databaseName(c vault.Compartment) string {
	if c == vault.Of[vault.Civic]() {
		return "comity.db"
	}
	return "comity-" + string(c) + ".db"
}

func writeManifest(dir string, m manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := whole.Write(filepath.Join(dir, manifestFile), append(b, '\n')); err != nil {
		return err
	}
	return synced.Path(dir)
}

func readManifest(dir, format string) (m manifest, err error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s holds no %s: it is no backup, or one that was broken off", dir, manifestFile)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Format != format {
		return m, fmt.Errorf("%s: its format is %q, not %s; data and keys are brought back by two commands", filepath.Join(dir, manifestFile), m.Format, format)
	}
	return m, nil
}

// copyFolder copies attachments, which are whole under their names and never change. One that is erased
// meanwhile is left out.
func copyFolder(ctx context.Context, from, to string) (n int, err error) {
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if len(d.Name()) > 0 && d.Name()[0] == '.' {
			return nil // being written, or left by a crash
		}
		_, err = whole.Copy(path, filepath.Join(to, rel))
		if err == nil {
			n++
		} else if _, gone := os.Lstat(path); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return n, err
}

func wrappedFile(dir string, c vault.Compartment) string {
	return filepath.Join(dir, string(c)+".wrapped")
}

func (c *city) backUpKeys(ctx context.Context, to string, cfg cityConfig, stdout io.Writer, say text.Speaker) error {
	m := manifest{Format: keysFormat, At: c.clock.Now().UTC()}
	for _, p := range c.all() {
		n, err := wrappedTo(ctx, p, wrappedFile(to, p.ring.Compartment()))
		if err != nil {
			return err
		}
		// The key file after the wrapped keys, so that it has every generation they name.
		if err := vault.BackUp(keysFolder(cfg), to, p.ring.Compartment()); err != nil {
			return err
		}
		m.Parts = append(m.Parts, manifestPart{Compartment: p.ring.Compartment(), Keys: n})
		fmt.Fprintln(stdout, say.T("cli.backup.keys", "compartment", string(p.ring.Compartment()), "keys", fmt.Sprint(n)))
	}
	// What signs and seals for the whole house belongs to the keys, not to the data.
	b, err := os.ReadFile(filepath.Join(cfg.Data, "secret"))
	if err != nil {
		return err
	}
	if err := whole.Write(filepath.Join(to, "secret"), b); err != nil {
		return err
	}
	return writeManifest(to, m)
}

// wrappedTo writes one line of JSON for each wrapped key.
func wrappedTo(ctx context.Context, p *rooms, path string) (n int, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := json.NewEncoder(f)
	err = p.reader.BackUpKeys(ctx, func(k ledger.KeptKey) error {
		n++
		return lines.Encode(k)
	})
	return n, errors.Join(err, f.Sync())
}
