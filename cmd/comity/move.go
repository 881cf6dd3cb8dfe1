package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"comity/internal/account"
	"comity/internal/db"
	"comity/internal/db/move"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/packs"
)

const moveExamples = `  comity move --pack ./mycity --data /var/lib/comity --to 'postgres://comity@db.internal/comity?sslmode=verify-full'
    (stop the city first; the databases have to be there and empty: comity, and comity_NAME for each other
    compartment. The password may stand in COMITY_TO, PGPASSWORD or ~/.pgpass instead)
  comity move --pack ./mycity --data /var/lib/comity --db postgres://comity@db.internal/comity --to sqlite:/var/lib/comity/comity.db
    (the way back)
A move that was broken off goes on when the same command is given again. Nothing of the source is changed.
`

// mover is a city on its way.
type mover struct {
	from, to cityConfig // the same but for the databases
	rowsOnly bool
	out      io.Writer
	progress func(key string, total int) func(int)
	say      text.Speaker
	parts    []*movePart
}

// movePart is one compartment on its way.
type movePart struct {
	compartment string
	from, to    string // addresses
	move        *move.Move
	compared    move.Compared
}

// runMove copies every compartment's database to the other engine and verifies both sides.
func runMove(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("move", "Takes a city to the other engine: every compartment's database is copied, compared row by row, and verified on both sides. Keys, attachments and the rest of the data folder stay where they are.", moveExamples, stderr)
	to := f.String("to", os.Getenv("COMITY_TO"), "the new database: postgres://… or sqlite:/path/comity.db; the other compartments' names follow from it")
	only := f.Bool("rows-only", false, "compare the rows, and leave deriving every case again to comity verify afterwards: shorter in a large city")
	quiet := f.Bool("quiet", false, "no progress")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if *to == "" || f.NArg() > 0 {
		return usagef("name the new database with --to postgres://user@host/name, or --to sqlite:/path/comity.db for the way back")
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	say := words.In(langOf(*lang))
	cfg, err := moveConfig(cf, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	m := &mover{from: cfg, to: cfg, rowsOnly: *only, out: stdout, say: say, progress: func(key string, total int) func(int) {
		if *quiet {
			return func(int) {}
		}
		return meter(stderr, say, key, total)
	}}
	m.to.DB = *to
	if err := m.run(ctx); err != nil {
		return err
	}
	fmt.Fprintln(stdout, say.T("move.start"))
	fmt.Fprintln(stdout, "  "+startWith(cf, *to))
	if old := oldFiles(m.parts); len(old) > 0 {
		fmt.Fprintln(stdout, say.T("move.old", "files", strings.Join(old, " ")))
	} else {
		fmt.Fprintln(stdout, say.T("move.old.databases", "databases", strings.Join(oldDatabases(m.parts), " ")))
	}
	return nil
}

// moveConfig is how both sides are opened: at one and the same time, which stands still, so that they find the same.
func moveConfig(cf cityFlags, log *slog.Logger) (cityConfig, error) {
	fsys, err := packFS(*cf.pack)
	if err != nil {
		return cityConfig{}, err
	}
	at := &clock{}
	at.Fix(at.Now())
	return cityConfig{DB: *cf.db, Data: *cf.data, Keys: *cf.keys, Suite: *cf.suite, Pack: fsys, Bases: basesOf(*cf.pack), Clock: at, Log: log, Hashing: account.OWASP(),
		Files: *cf.files, Still: true, Mending: true}, nil
}

// run moves everything, or says what is in the way and leaves the target marked.
func (m *mover) run(ctx context.Context) (err error) {
	if err := m.plan(); err != nil {
		return err
	}
	defer func() {
		for _, p := range m.parts {
			if p.move != nil {
				err = errors.Join(err, p.move.Close())
			}
		}
	}()
	resumed, err := m.begin(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(m.out, m.say.T("move.begun."+resumed, "compartments", strings.Join(m.names(), " ")))
	for _, p := range m.parts {
		if err := p.move.Mark(ctx, m.from.Clock.Now()); err != nil {
			return fmt.Errorf("compartment %s: %w", p.compartment, err)
		}
	}
	if err := m.carry(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, m.say.T("move.marked"))
	}
	return nil
}

func (m *mover) carry(ctx context.Context) error {
	there, err := openCity(ctx, m.to) // which makes the tables
	if err != nil {
		return err
	}
	if err := there.Close(); err != nil {
		return err
	}
	for _, p := range m.parts {
		if err := m.copy(ctx, p); err != nil {
			return fmt.Errorf("compartment %s: %w", p.compartment, err)
		}
	}
	if err := m.verify(ctx); err != nil {
		return err
	}
	for _, p := range slices.Backward(m.parts) { // the civic one, without which no city opens, comes last
		if err := p.move.Done(ctx, m.from.Clock.Now()); err != nil {
			return fmt.Errorf("compartment %s: %w", p.compartment, err)
		}
	}
	return nil
}

// plan lists the compartments the city opens, with their databases on both sides.
func (m *mover) plan() error {
	if _, err := os.Stat(filepath.Join(m.from.Data, "secret")); err != nil {
		return usagef("%s is no city's data folder: it holds no file called secret; name the folder with --data", m.from.Data)
	}
	current, err := pack.LoadWith(m.from.Pack, m.basesOr(), remembered(m.from.Data))
	if err != nil {
		return fmt.Errorf("the pack does not load:\n%w", err)
	}
	named := append([]string{procedure.Civic}, others(current)...)
	for _, name := range procedure.AllCompartments {
		from, err := databaseOf(m.from, name)
		if err != nil {
			return err
		}
		to, err := databaseOf(m.to, name)
		if err != nil {
			return err
		}
		if slices.Contains(named, name) {
			m.parts = append(m.parts, &movePart{compartment: name, from: from, to: to})
		} else if file, ok := db.FileOf(from); ok {
			if _, err := os.Stat(file); err == nil {
				fmt.Fprintln(m.out, m.say.T("move.left", "file", file, "compartment", name))
			}
		}
	}
	slices.SortStableFunc(m.parts, func(a, b *movePart) int {
		return slices.Index(named, a.compartment) - slices.Index(named, b.compartment)
	})
	return nil
}

func (m *mover) basesOr() pack.Finder {
	if m.from.Bases != nil {
		return m.from.Bases
	}
	return pack.In(packs.FS)
}

func (m *mover) names() (out []string) {
	for _, p := range m.parts {
		out = append(out, p.compartment)
	}
	return out
}

// begin locks every database of both sides before the first is written to, and tells everything that is in the way at once.
func (m *mover) begin(ctx context.Context) (resumed string, err error) {
	var errs []error
	resumed = "new"
	for _, p := range m.parts {
		city, err := m.nameOf(p.compartment)
		if err == nil {
			p.move, err = move.Begin(ctx, p.from, p.to, city)
		}
		switch {
		case errors.Is(err, move.ErrOpen):
			errs = append(errs, fmt.Errorf("compartment %s: %w: stop the city and whatever else works on it, then give the command again", p.compartment, err))
		case err != nil:
			errs = append(errs, fmt.Errorf("compartment %s: %w", p.compartment, err))
		case p.compartment == procedure.Civic && !p.move.Ended().IsZero(): // which is the last to be done
			errs = append(errs, errors.New(m.say.T("move.done", "at", p.move.Ended().Format("2006-01-02 15:04 MST"))))
		case p.move.Resumed():
			resumed = "again"
		}
	}
	return resumed, errors.Join(errs...)
}

// nameOf names a compartment of this city for ever: by the public key that signs its log.
func (m *mover) nameOf(compartment string) (string, error) {
	dir := keysFolder(m.from)
	if !vault.Exists(dir, vault.Compartment(compartment)) {
		return "", fmt.Errorf("the key folder %s holds no key file for it; name the right folder with --keys, or start the city once with this pack, if the compartment is new", dir)
	}
	r := &rooms{compartment: compartment}
	if err := r.openKeys(m.from); err != nil {
		return "", err
	}
	return compartment + " " + r.ring.Public().String(), nil
}

func (m *mover) copy(ctx context.Context, p *movePart) error {
	total, err := p.move.Total(ctx)
	if err != nil {
		return err
	}
	tell := func(key string) func(int64) {
		show := m.progress(key, int(total))
		return func(rows int64) { show(int(rows)) }
	}
	kept, err := p.move.Copy(ctx, tell("move.copy.progress"))
	switch {
	case err != nil:
		return err
	case kept.Anew:
		fmt.Fprintln(m.out, m.say.T("move.anew", "compartment", p.compartment))
	case kept.Tables > 0:
		fmt.Fprintln(m.out, m.say.T("move.again", "compartment", p.compartment, "n", strconv.Itoa(kept.Tables)))
	}
	p.compared, err = p.move.Compare(ctx, tell("move.compare.progress"))
	return err
}

// sideFound is what verifying one compartment on one side found.
type sideFound struct {
	verified
	wrong  []string       // differences, in order
	broken map[string]int // invariants that do not hold
}

// verify holds both sides against their events and logs, as comity verify does, and writes to neither.
func (m *mover) verify(ctx context.Context) error {
	if m.rowsOnly {
		for _, p := range m.parts {
			fmt.Fprintln(m.out, m.say.T("move.rows", m.line(p)...))
		}
		return nil
	}
	m.from.Reading, m.to.Reading = true, true
	here, err := openCity(ctx, m.from)
	if err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	defer here.Close()
	there, err := openCity(ctx, m.to)
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	defer there.Close()
	for _, p := range m.parts {
		if err := m.verifyPart(ctx, p, here, there); err != nil {
			return fmt.Errorf("compartment %s: %w", p.compartment, err)
		}
	}
	return nil
}

func (m *mover) verifyPart(ctx context.Context, p *movePart, here, there *city) error {
	r, _ := there.of(p.compartment)
	total, err := r.reader.Total(ctx)
	if err != nil {
		return err
	}
	// Both at a time: they wait for two different engines.
	var a, b sideFound
	var errA, errB error
	var wait sync.WaitGroup
	wait.Go(func() { a, errA = m.found(ctx, here, p.compartment, func(int) {}) })
	b, errB = m.found(ctx, there, p.compartment, m.progress("cli.verify.cases.progress", total))
	wait.Wait()
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if a.verified != b.verified || !slices.Equal(a.wrong, b.wrong) || !maps.Equal(a.broken, b.broken) {
		for _, w := range b.wrong {
			if !slices.Contains(a.wrong, w) {
				fmt.Fprintln(m.out, m.say.T("verify.in", "compartment", p.compartment, "what", w))
			}
		}
		return fmt.Errorf("the two sides do not verify alike: %+v with %d differences at the source, %+v with %d at the target", a.verified, len(a.wrong), b.verified, len(b.wrong))
	}
	for _, w := range a.wrong {
		fmt.Fprintln(m.out, m.say.T("verify.in", "compartment", p.compartment, "what", w))
	}
	fmt.Fprintln(m.out, m.say.T("move.verified", append(m.line(p), "cases", strconv.Itoa(b.Cases), "events", strconv.Itoa(b.Events), "looks", strconv.Itoa(b.Looks),
		"entries", strconv.FormatInt(b.Entries, 10), "wrong", strconv.Itoa(len(b.wrong)), "broken", strconv.Itoa(len(b.broken)))...))
	if len(a.wrong)+len(a.broken) > 0 {
		fmt.Fprintln(m.out, m.say.T("move.wrong", "compartment", p.compartment))
	}
	return nil
}

func (m *mover) line(p *movePart) []string {
	return []string{"compartment", p.compartment, "tables", strconv.Itoa(p.compared.Tables), "rows", strconv.FormatInt(p.compared.Rows, 10)}
}

func (m *mover) found(ctx context.Context, c *city, compartment string, tell func(int)) (f sideFound, err error) {
	r, ok := c.of(compartment)
	if !ok {
		return f, errors.New("the city does not open it")
	}
	if f.verified, err = r.verify(ctx, func(bad error) { f.wrong = append(f.wrong, difference(m.say, bad)) }, tell); err != nil {
		return f, err
	}
	list, err := c.surveyed(ctx, r, func(int) {})
	if err != nil {
		return f, err
	}
	slices.Sort(f.wrong)
	f.broken = broken(list)
	return f, nil
}

func broken(list []ledger.Finding) map[string]int {
	out := map[string]int{}
	for _, f := range list {
		if f.Count > 0 {
			out[f.Name] = f.Count
		}
	}
	return out
}

// startWith is the command that starts the city on the new database. A password is left out.
func startWith(cf cityFlags, to string) string {
	args := []string{"comity serve", "--pack " + shell(*cf.pack), "--data " + shell(*cf.data)}
	for _, more := range []struct{ flag, value string }{{"--keys", *cf.keys}, {"--base", *cf.base}, {"--files", *cf.files}, {"--post", *cf.post}, {"--maps", *cf.maps}, {"--archive", *cf.archive}, {"--witness", *cf.witness}} {
		if more.value != "" {
			args = append(args, more.flag+" "+shell(more.value))
		}
	}
	return strings.Join(append(args, "--db "+shell(withoutPassword(to))), " ")
}

func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	_, beside := u.User.Password()
	q := u.Query()
	if !beside && !q.Has("password") {
		return address // as it was written
	}
	if beside {
		u.User = url.UserPassword(u.User.Username(), "PASSWORD")
	}
	if q.Has("password") {
		q.Set("password", "PASSWORD")
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// shell quotes a word for a shell where it needs to be.
func shell(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:@_-+,=", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// oldFiles are the SQLite databases that were moved away from.
func oldFiles(parts []*movePart) (out []string) {
	for _, p := range parts {
		if file, ok := db.FileOf(p.from); ok {
			out = append(out, file)
		}
	}
	return out
}

// oldDatabases are those of PostgreSQL that were moved away from.
func oldDatabases(parts []*movePart) (out []string) {
	for _, p := range parts {
		out = append(out, withoutPassword(p.from))
	}
	return out
}
