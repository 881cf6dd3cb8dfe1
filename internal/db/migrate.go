package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrPending says that a database is older than the program, where it is only looked at.
var ErrPending = errors.New("was not applied yet, and this database is only looked at; open it once with comity serve")

// ErrNewer says that a newer program has been here.
var ErrNewer = errors.New("which this program does not know: it was opened by a newer version; start that version, or restore a backup")

// migration is one number of a set: a plain file, or the states of a step.
type migration struct {
	number   int64
	name     string // file name of the plain file or of the expand
	text     string
	sum      string // SHA-256 of text, hex
	stepped  bool   // it has states
	fill     *Fill
	contract script
}

// script is a further file of a migration; one without a name is not there.
type script struct{ name, text, sum string }

// applied is a row of db_migrations.
type applied struct {
	number    int64
	name, sum string // of a step, name says the state it has reached
}

// The states of a step, as they stand in the names of files and in db_migrations.
const (
	Plain    = "plain" // of a file without states
	Expand   = "expand"
	Filled   = "fill"
	Contract = "contract"
)

const migrationsDDL = `CREATE TABLE IF NOT EXISTS db_migrations (
	set_name TEXT NOT NULL,
	number INTEGER NOT NULL,
	name TEXT NOT NULL,
	checksum TEXT NOT NULL,
	applied_at INTEGER NOT NULL,
	PRIMARY KEY (set_name, number)
) STRICT;
CREATE TABLE IF NOT EXISTS db_steps (
	set_name TEXT NOT NULL,
	number INTEGER NOT NULL,
	state TEXT NOT NULL,
	place TEXT NOT NULL,
	rows_done INTEGER NOT NULL,
	rows_all INTEGER NOT NULL,
	began_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	PRIMARY KEY (set_name, number)
) STRICT;
CREATE TABLE IF NOT EXISTS db_nodes (
	id TEXT NOT NULL PRIMARY KEY,
	version TEXT NOT NULL,
	knows TEXT NOT NULL,
	since INTEGER NOT NULL,
	seen_at INTEGER NOT NULL
) STRICT;`

// Migrate brings the database to the files of fsys. Sets are independent; each package with tables has its own.
//
// A file is called NNNN_name.sql and holds SQL as SQLite spells it: tables end
// in ") STRICT;", types are INTEGER, TEXT, BLOB and REAL, "id INTEGER PRIMARY
// KEY" is a number the database gives out. For PostgreSQL the words are respelled
// (see respell in dialect.go). Where an engine needs a text of its own, a second
// file NNNN_name.sqlite.sql or NNNN_name.postgres.sql replaces the first for it.
//
// Such a file changes what an older program relies on, and is applied only while none runs. A change beside which older
// programs go on is a step of several states:
//
//	NNNN_name.expand.sql    only adds: tables, columns with a default or none, indexes. Older programs open such a database
//	a [Fill] of the number  brings old rows up in small batches
//	NNNN_name.contract.sql  takes away what only older programs read; from then on they refuse to open
//
// The program that brings a step must run with it in every state from expanded on. On SQLite, which has one program, and on a
// new database everything is applied here, in order of the numbers and in one transaction: all or none. On a PostgreSQL
// database that is in use plain files are applied so, and expands one statement at a time, without making anybody wait
// long; filling and contracting is left to who calls [DB.Plan].
//
// It refuses an applied file whose text changed, a number below one already
// applied, a plain file while another node runs or behind a step that is not done, and a database with files this program
// does not have, which means that a newer program has been here, unless they only expand.
func (d *DB) Migrate(ctx context.Context, set string, fsys fs.FS, fills ...Fill) error {
	files, err := readMigrations(d.engine, fsys, fills)
	if err == nil && d.plan != nil {
		err = d.plan.add(ctx, set, files)
	} else if err == nil {
		d.know(set, files)
		err = d.bringUp(ctx, set, files)
	}
	if err != nil {
		return fmt.Errorf("db: migrate %s: %w", set, err)
	}
	return nil
}

// bringUp applies what may be applied at a start.
func (d *DB) bringUp(ctx context.Context, set string, files []migration) error {
	for {
		var step *migration
		err := d.Transact(ctx, func(tx *Tx) (err error) {
			step, err = migrate(ctx, tx, set, files)
			return err
		})
		if err != nil || step == nil {
			return err
		}
		if err := d.online(ctx, func(o *online) error { return o.expand(ctx, set, *step) }); err != nil {
			return err
		}
	}
}

// migrate applies in one transaction what can be applied so; step is an expand that cannot, because others are at work.
func migrate(ctx context.Context, tx *Tx, set string, files []migration) (step *migration, err error) {
	if err := tx.tables(ctx); err != nil {
		return nil, err
	}
	done, err := appliedOf(ctx, tx, set)
	if err != nil {
		return nil, err
	}
	if err := compare(files, done); err != nil {
		return nil, err
	}
	alone := tx.d.engine == SQLite || len(done) == 0
	for _, m := range files {
		state := stateOf(done, m)
		switch {
		case m.done(state):
		case tx.d.reading && state == "":
			return nil, fmt.Errorf("%s %w", m.name, ErrPending)
		case tx.d.reading:
		case m.stepped && alone:
			err = tx.whole(ctx, set, m, state)
		case m.stepped && state == "":
			return &m, nil
		case m.stepped: // its states are somebody's to carry on
		case !alone:
			if err = tx.mayChange(ctx, m, files, done); err == nil {
				err = tx.apply(ctx, set, m)
			}
		default:
			err = tx.apply(ctx, set, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// tables makes those of the migrator, and keeps other programs out until the transaction ends.
func (tx *Tx) tables(ctx context.Context) error {
	if tx.d.reading {
		return nil
	}
	if lock := migrationLock(tx.d.engine); lock != "" {
		if err := tx.script(ctx, lock); err != nil {
			return err
		}
	}
	return tx.script(ctx, respell(tx.d.engine, migrationsDDL))
}

func appliedOf(ctx context.Context, tx *Tx, set string) ([]applied, error) {
	return All(ctx, tx, `SELECT number, name, checksum FROM db_migrations WHERE set_name = ?1 ORDER BY number`,
		[]any{set}, func(row Scanner) (a applied, err error) {
			err = row.Scan(&a.number, &a.name, &a.sum)
			return a, err
		})
}

// apply runs a plain file, or the expand of a step, and notes it.
func (tx *Tx) apply(ctx context.Context, set string, m migration) error {
	if err := tx.script(ctx, respell(tx.d.engine, m.text)); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return tx.reached(ctx, set, m, m.name, m.sum)
}

// whole carries a step through all its states at once, where nobody else is there.
func (tx *Tx) whole(ctx context.Context, set string, m migration, state string) error {
	if state == "" {
		if err := tx.apply(ctx, set, m); err != nil {
			return err
		}
	}
	if m.fill != nil && state != Filled {
		place := ""
		for {
			next, _, err := m.fill.Batch(ctx, tx, place, mostFilled)
			if err != nil {
				return fmt.Errorf("%s: filling behind %q: %w", m.name, place, err)
			}
			if next == "" {
				break
			}
			place = next
		}
		if err := tx.reached(ctx, set, m, m.filled(), m.sum); err != nil {
			return err
		}
	}
	return tx.contract(ctx, set, m)
}

func (tx *Tx) contract(ctx context.Context, set string, m migration) error {
	if m.contract.name == "" {
		return nil
	}
	if err := tx.script(ctx, respell(tx.d.engine, m.contract.text)); err != nil {
		return fmt.Errorf("%s: %w", m.contract.name, err)
	}
	return tx.reached(ctx, set, m, m.contract.name, m.sum+" "+m.contract.sum)
}

// reached notes how far a migration has come.
func (tx *Tx) reached(ctx context.Context, set string, m migration, name, sum string) error {
	_, err := tx.Exec(ctx, `INSERT INTO db_migrations (set_name, number, name, checksum, applied_at)
		VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (set_name, number) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, applied_at = excluded.applied_at`,
		set, m.number, name, sum, Micros(tx.Now))
	return err
}

// mayChange refuses a plain file while others work with the database as it was, and behind a step that is not done.
func (tx *Tx) mayChange(ctx context.Context, m migration, files []migration, done []applied) error {
	for _, earlier := range files {
		if earlier.number < m.number && !earlier.done(stateOf(done, earlier)) {
			return fmt.Errorf("%s comes behind %s, which is not done: run comity migrate fill and comity migrate contract with the program that brought it", m.name, earlier.name)
		}
	}
	nodes, err := nodesIn(ctx, tx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Alive {
			return fmt.Errorf("%s changes what older programs rely on, and node %s (version %s) was seen at %s: stop every node first; one that was killed counts as gone %v after it was seen last",
				m.name, n.ID, n.Version, n.Seen.Format("15:04:05 MST"), nodeGone)
		}
	}
	return nil
}

// stateOf is the state a migration has reached; empty: it was not begun.
func stateOf(done []applied, m migration) string {
	for _, a := range done {
		if a.number == m.number {
			return stateIn(a.name)
		}
	}
	return ""
}

// stateIn is the state a name in db_migrations tells; "plain" for a file without states.
func stateIn(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	state, _, _ := strings.Cut(rest, ".")
	if state == Expand || state == Filled || state == Contract {
		return state
	}
	return Plain
}

// last is the state in which nothing is left to do.
func (m migration) last() string {
	switch {
	case !m.stepped:
		return Plain
	case m.contract.name != "":
		return Contract
	case m.fill != nil:
		return Filled
	}
	return Expand
}

func (m migration) done(state string) bool { return state == m.last() }

func (m migration) stem() string {
	stem, _, _ := strings.Cut(m.name, ".")
	return stem
}

// filled is the name of a step whose rows are brought up.
func (m migration) filled() string { return m.stem() + "." + Filled }

// compare says why what was applied and the files do not fit, if they do not.
func compare(files []migration, done []applied) error {
	have := make(map[int64]migration, len(files))
	for _, m := range files {
		have[m.number] = m
	}
	last := int64(0)
	for _, a := range done {
		m, ok := have[a.number]
		state := stateIn(a.name)
		switch {
		case !ok && (state == Expand || state == Filled):
			continue // a newer program has added something, and takes nothing away
		case !ok:
			return fmt.Errorf("the database holds migration %s, %w", a.name, ErrNewer)
		case !m.fits(a, state):
			return fmt.Errorf("%s was changed after it had been applied; restore the file and write the change as a new number", m.name)
		}
		last = a.number
		delete(have, a.number)
	}
	for _, m := range files {
		if _, ok := have[m.number]; ok && m.number < last {
			return fmt.Errorf("%s comes before %04d, which is applied already; give it a higher number", m.name, last)
		}
	}
	return nil
}

// fits tells whether a row of db_migrations is about the texts the program has.
func (m migration) fits(a applied, state string) bool {
	if state == Contract {
		return m.contract.name != "" && a.sum == m.sum+" "+m.contract.sum
	}
	return a.sum == m.sum && m.stepped == (state != Plain)
}

var migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)(?:\.(expand|contract))?(?:\.(sqlite|postgres))?\.sql$`)

// readMigrations picks, for each number and state, the engine's own file or else the common one.
func readMigrations(e Engine, fsys fs.FS, fills []Fill) ([]migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	type place struct {
		number int64
		state  string
	}
	chosen, stem := map[place]string{}, map[int64]string{}
	for _, name := range names {
		parts := migrationName.FindStringSubmatch(name)
		if parts == nil {
			return nil, fmt.Errorf("%s: a migration is called NNNN_name.sql, with .expand or .contract behind the name if it has states, and .sqlite or .postgres behind that if it is one engine's", name)
		}
		number, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || number == 0 {
			return nil, fmt.Errorf("%s: numbers begin at 0001", name)
		}
		if old, ok := stem[number]; ok && old != parts[2] {
			return nil, fmt.Errorf("%s: number %s is taken by %s", name, parts[1], old)
		}
		stem[number] = parts[2]
		at := place{number, parts[3]}
		if parts[4] == string(e) || parts[4] == "" && chosen[at] == "" {
			chosen[at] = name
		}
	}
	byNumber := map[int64]*migration{}
	for at, name := range chosen {
		m := byNumber[at.number]
		if m == nil {
			m = &migration{number: at.number}
			byNumber[at.number] = m
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		one := script{name, string(text), hex.EncodeToString(sum[:])}
		switch at.state {
		case Contract:
			m.contract = one
		default:
			if m.name != "" {
				return nil, fmt.Errorf("%s: a number is either one plain file or a step with .expand, and there is %s too", name, m.name)
			}
			m.name, m.text, m.sum, m.stepped = one.name, one.text, one.sum, at.state == Expand
		}
	}
	return joinFills(byNumber, fills)
}

func joinFills(byNumber map[int64]*migration, fills []Fill) (files []migration, err error) {
	for _, f := range fills {
		m := byNumber[f.Number]
		if m == nil || !m.stepped || f.Batch == nil || m.fill != nil {
			return nil, fmt.Errorf("the fill of %04d needs an .expand.sql of that number, a Batch, and to be the only one", f.Number)
		}
		m.fill = &f
	}
	for _, m := range byNumber {
		if !m.stepped && m.contract.name != "" {
			return nil, fmt.Errorf("%s: there is no .expand.sql before it", m.contract.name)
		}
		files = append(files, *m)
	}
	slices.SortFunc(files, func(a, b migration) int { return int(a.number - b.number) })
	return files, nil
}

// script runs several statements without arguments.
func (tx *Tx) script(ctx context.Context, text string) error {
	if err := tx.usable(); err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("the text is empty")
	}
	if err := tx.s.flush(ctx); err != nil { // several statements do not go in one line with others
		return tx.fail("BEGIN", err)
	}
	if err := tx.s.control(ctx, text); err != nil {
		return tx.fail(text, err)
	}
	return nil
}
