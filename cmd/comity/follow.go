package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"comity/internal/backup"
	"comity/internal/db"
	"comity/internal/db/pages"
	"comity/internal/ledger"
	"comity/internal/text"
	"comity/internal/vault"
)

const followExamples = `  comity backup identity --out /safe/backup.key
    (once, on the machine that will bring back: a secret to keep away from the city, and what to give the city)
  comity backup follow --to /backup/follow --recipient age1… --keys-to /safe/follow --data /var/lib/comity
    (beside the city, for ever: what changes is in the two folders within seconds. Put them on two other machines)
  comity backup follow --once …
    (ships what has changed since the last time, and ends)
  comity backup list --from /backup/follow
    (generations, the moments they reach from and to, their sizes, and gaps; --hash reads every file)
`

// followEvery is how often a follower looks for changes, unless told otherwise.
const followEvery = time.Second

// breath is how long after it a follower lets go on who waits for the log to be emptied.
const breath = 100 * time.Millisecond

// oldestKeys bounds how old a generation of keys may become: with the one before it, 28 days.
const oldestKeys = 14 * 24 * time.Hour

// statusEvery is how often a follower says that it lives.
const statusEvery = 10 * time.Second

// recipients collects a flag that may be given several times.
type recipients []string

func (r *recipients) String() string { return strings.Join(*r, ",") }
func (r *recipients) Set(s string) error {
	*r = append(*r, strings.FieldsFunc(s, func(c rune) bool { return c == ',' })...)
	return nil
}

// runFollow ships what a city changes, until it is stopped. It opens no city: it needs neither the pack nor what opens
// the keys.
func runFollow(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("backup follow", "Keeps SQLite databases encrypted as they become, for a restore to any moment. Runs beside the city.", followExamples, stderr)
	to := f.String("to", "", "folder that data are shipped to")
	var public, keyPublic recipients
	f.Var(&public, "recipient", "who may open it: age1…, as comity backup identity or age-keygen prints it; may be given several times")
	f.Var(&keyPublic, "keys-recipient", "who may open the keys, if not the same")
	keysTo := f.String("keys-to", "", "folder that the keys of cases are shipped to, apart from the data; without it make backups of the keys often enough")
	every := f.Duration("every", followEvery, "how often to look for changes")
	anew := f.Duration("anew", 24*time.Hour, "age after which everything is copied anew, so that no chain grows long")
	keep := f.Int("keep", 7, "how many such generations to keep: times --anew is how far back the city can be brought")
	once := f.Bool("once", false, "ship what has changed, and end")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case *to == "" || len(public) == 0 || f.NArg() > 0:
		return usagef("name a folder with --to DIR, and who may open it with --recipient age1…")
	case *every <= 0 || *every > 5*time.Second:
		return usagef("--every is between nothing and five seconds: what is erased waits for the follower")
	case *keep < 2 || *anew < time.Minute:
		return usagef("--keep is at least 2, --anew at least a minute")
	case *keysTo != "" && *anew > oldestKeys:
		return usagef("--anew is 14 days at most where keys are kept: two generations of them lie there, and as long as one does what was erased meanwhile could be opened again")
	}
	if len(keyPublic) == 0 {
		keyPublic = public
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	cfg := cityConfig{DB: *cf.db, Data: *cf.data, Keys: *cf.keys, Clock: &clock{}, Log: slog.New(slog.NewJSONHandler(stderr, nil))}
	w := &follower{cfg: cfg, anew: *anew, keep: *keep, shippers: map[vault.Compartment]*backup.Shipper{}, say: words.In(langOf(*lang)), out: stdout}
	if w.data, err = folderFor(*to, public, cfg); err != nil {
		return err
	}
	if *keysTo != "" {
		if w.keys, err = folderFor(*keysTo, keyPublic, cfg); err != nil {
			return err
		}
		if err := vault.Outside(*keysTo, *to); err != nil {
			return err
		}
	}
	defer w.close()
	if *once {
		return w.once(ctx)
	}
	return w.run(ctx, *every)
}

func folderFor(dir string, public recipients, cfg cityConfig) (backup.Folder, error) {
	list, err := backup.Recipients(public...)
	if err != nil {
		return backup.Folder{}, usagef("%v", err)
	}
	if err := vault.Outside(dir, cfg.Data); err != nil {
		return backup.Folder{}, err
	}
	return backup.Folder{Dir: dir, Recipients: list}, os.MkdirAll(dir, 0o700)
}

// follower ships every compartment there is a database of.
type follower struct {
	cfg        cityConfig
	data, keys backup.Folder
	anew       time.Duration
	keep       int
	shippers   map[vault.Compartment]*backup.Shipper
	told       time.Time // when the status was written
	trouble    string    // told last; empty: none
	troubled   time.Time // when
	say        text.Speaker
	out        io.Writer
}

// each goes through what is followed, always in one order.
func (w *follower) each(yield func(vault.Compartment, *backup.Shipper) bool) {
	for _, c := range vault.Compartments() {
		if s := w.shippers[c]; s != nil && !yield(c, s) {
			return
		}
	}
}

func (w *follower) close() {
	for _, s := range w.each {
		s.Close()
	}
}

func (w *follower) run(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := w.round(ctx)
		if usage := (*usageError)(nil); errors.As(err, &usage) {
			return err // which stays wrong
		}
		if ctx.Err() == nil {
			w.tell(err)
		}
		w.breathe(ctx, min(breath, every/2))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// troubleEvery is how often the same trouble is told.
const troubleEvery = time.Minute

// tell writes down what is wrong when it begins or is another, and now and then while it lasts.
func (w *follower) tell(err error) {
	now, words := w.cfg.Clock.Now(), ""
	if err != nil {
		words = err.Error()
	}
	switch same := words == w.trouble; {
	case err == nil && same, same && now.Sub(w.troubled) < troubleEvery:
		return
	case err == nil:
		w.cfg.Log.Info("the backup goes on")
	default:
		w.cfg.Log.Error("the backup is behind; trying again", "error", err)
	}
	w.trouble, w.troubled = words, now
}

func (w *follower) breathe(ctx context.Context, after time.Duration) {
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return
	}
	for c, s := range w.each {
		if err := s.Breathe(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.Warn("the log could not be let go", "compartment", c, "error", err) // the next round says more
		}
	}
}

func (w *follower) once(ctx context.Context) error {
	if err := w.round(ctx); err != nil {
		return err
	}
	for c, s := range w.each {
		fmt.Fprintln(w.out, w.say.T("cli.follow.once", "compartment", string(c), "files", strconv.Itoa(s.Count), "bytes", strconv.FormatInt(s.Shipped, 10)))
	}
	return nil
}

// round ships each compartment, and says until when all of them are there.
func (w *follower) round(ctx context.Context) error {
	if err := w.look(); err != nil {
		return err
	}
	var until time.Time
	var failed error
	for c, s := range w.each {
		if err := s.Tick(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("compartment %s: %w", c, err))
			continue
		}
		if until.IsZero() || s.Until.Before(until) {
			until = s.Until
		}
	}
	since := until.Sub(w.told) // less than nothing where the clock was set back
	if failed != nil || since >= 0 && since < statusEvery {
		return failed
	}
	w.told = until
	err := errors.Join(backup.WriteBeat(w.cfg.Data, until), backup.WriteStatus(w.data.Dir, backup.Data, until))
	if w.keys.Dir != "" {
		err = errors.Join(err, backup.WriteStatus(w.keys.Dir, backup.Keys, until))
	}
	return err
}

// look begins with databases that have come since: a pack may need another compartment.
func (w *follower) look() error {
	for _, c := range vault.Compartments() {
		if w.shippers[c] != nil {
			continue
		}
		dsn, err := databaseOf(w.cfg, string(c))
		if err != nil {
			return err
		}
		file, lite := db.FileOf(dsn)
		if !lite {
			return usagef("comity backup follow is for SQLite; PostgreSQL archives its own log: docs/operations.md says how")
		}
		if info, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			continue
		} else if err != nil {
			return err
		}
		w.shippers[c] = &backup.Shipper{Source: w.source(c, file)}
	}
	if len(w.shippers) == 0 {
		return fmt.Errorf("there is no database in %s yet; start the city first, or name its folder with --data", w.cfg.Data)
	}
	return nil
}

func (w *follower) source(c vault.Compartment, file string) backup.Source {
	ring := &keyFolder{dir: keysFolder(w.cfg), data: w.cfg.Data, compartment: c}
	return backup.Source{Compartment: string(c), Database: file, Temp: filepath.Dir(file),
		Files: filesOf(w.cfg.Data, string(c)), FilesTo: filesOf(w.data.Dir, string(c)),
		Data: w.data, Keys: w.keys, Rule: ledger.KeyInPage,
		Row:  func(r pages.Row) (any, bool) { return ledger.KeyOfPage(r) },
		Ring: ring.files,
		Now:  w.cfg.Clock.Now, Anew: w.anew, Keep: w.keep, Log: w.cfg.Log}
}

// keyFolder is what a backup of the keys holds beside the keys of cases.
type keyFolder struct {
	dir, data   string
	compartment vault.Compartment
	seen        string // names, sizes and times when it was read
	held        map[string][]byte
}

// files reads them, unless nothing has changed since the last time.
func (k *keyFolder) files() (map[string][]byte, error) {
	now, err := k.look()
	if err != nil || k.held != nil && now == k.seen {
		return k.held, err
	}
	files := map[string][]byte{}
	if vault.Exists(k.dir, k.compartment) {
		if files, err = vault.Files(k.dir, k.compartment); err != nil {
			return nil, err
		}
	}
	if k.compartment == vault.Of[vault.Civic]() {
		b, err := os.ReadFile(filepath.Join(k.data, "secret"))
		if err == nil {
			files["secret"] = b
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	k.seen, k.held = now, files
	return files, nil
}

func (k *keyFolder) look() (string, error) {
	list, err := os.ReadDir(k.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var b strings.Builder
	for _, f := range list {
		if info, err := f.Info(); err == nil && strings.HasPrefix(f.Name(), string(k.compartment)+".") {
			fmt.Fprintln(&b, f.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String(), nil
}

// runFollowList says what lies in a folder of a follower.
func runFollowList(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("backup list", "Lists what comity backup follow has shipped.", followExamples, stderr)
	from := f.String("from", "", "folder that comity backup follow writes to")
	hashed := f.Bool("hash", false, "read every file and hold it against the one behind it")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	if err := parse(f, args); err != nil {
		return err
	}
	if *from == "" || f.NArg() > 0 {
		return usagef("name the folder with --from DIR")
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	say := words.In(langOf(*lang))
	status, err := backup.ReadStatus(*from)
	if err != nil {
		return err
	}
	list, err := backup.List(*from, status.Kind, *hashed)
	if err != nil {
		return err
	}
	gaps := 0
	for _, g := range list {
		fmt.Fprintln(stdout, say.T("cli.follow.generation", "compartment", g.Compartment, "from", g.From.Format(time.RFC3339), "until", g.Until.Format(time.RFC3339),
			"files", strconv.Itoa(g.Files), "bytes", strconv.FormatInt(g.Bytes, 10)))
		for _, gap := range g.Gaps {
			gaps++
			fmt.Fprintln(stdout, "  "+gap)
		}
	}
	fmt.Fprintln(stdout, say.T("cli.follow.until", "at", status.At.Format(time.RFC3339)))
	if gaps > 0 {
		return fmt.Errorf("%d places of the backup are broken; the moments before them can still be brought back", gaps)
	}
	return nil
}

// runIdentity draws the secret that opens what a follower ships.
func runIdentity(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("backup identity", "Draws a secret for backups. It is the same as age-keygen makes.", followExamples, stderr)
	out := f.String("out", "", "file to make for the secret; keep it away from the city")
	if err := parse(f, args); err != nil {
		return err
	}
	if *out == "" || f.NArg() > 0 {
		return usagef("name a new file with --out FILE")
	}
	secret, recipient, err := backup.NewIdentity()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "# public key: %s\n%s\n", recipient, secret)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		fmt.Fprintln(stdout, recipient)
	}
	return err
}
