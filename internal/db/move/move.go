// Package move copies the database of one compartment from one engine to the other: every table, row by row, and
// nothing else. The tables at the target are made by whoever calls, with the migrations every start runs.
//
// The life of a move:
//
//	Begin    both sides are locked and looked at; whatever speaks against it is refused before anything is written
//	Mark     the target says that a move is under way: no command opens it as a city until Done
//	Copy     table after table, each in one transaction with a line in db_move_tables
//	Compare  rows and digest of every table are read back and held against the source
//	Done     the mark is taken away
//
// A move that broke off is begun with the same words. Tables that were copied whole stay, if the source still has
// the same rows; if it has not, because the city was open in between, all are emptied and copied anew.
//
// It refuses: a source somebody has open; a target that holds anything else; a table, column or type that one of
// the sides lacks; schemas of different versions; a value the other engine cannot hold. It changes nothing at the
// source: not a row, and no log is written back into the file.
//
// Both sides stay locked until Close. Memory does not grow with the number of rows.
//
// Open this file first; store_sqlite.go and store_postgres.go are the two sides, wire.go is how a row travels.
package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Move is one database on its way. Close it.
type Move struct {
	city     string
	from, to side
	tables   []table
	resumed  bool
	ended    time.Time
	source   map[string]Summary // of tables, as the source had them during this move
	tick     func()             // a test's, called for every row
}

// side is a database of either engine.
type side interface {
	// hold keeps writers away until close, or says who is there.
	hold(ctx context.Context) error
	// claim keeps other moves away from a target.
	claim(ctx context.Context) error
	// mark is the one row of db_move; ok is false where there is none. others tells whether there are other tables.
	mark(ctx context.Context) (m mark, ok, others bool, err error)
	// setMark writes the row, and makes the tables of the move when needed.
	setMark(ctx context.Context, m mark) error
	// copied lists what db_move_tables says is whole.
	copied(ctx context.Context) (map[string]string, error)
	// migrations are those applied, as SET NUMBER_NAME.
	migrations(ctx context.Context) ([]string, error)
	// tables lists all that hold data, those others refer to before those that refer to them.
	tables(ctx context.Context) ([]table, error)
	// count is how many rows a table has.
	count(ctx context.Context, t table) (int64, error)
	// rows hands over every row of a table; the slice is used again.
	rows(ctx context.Context, t table, each func(row []byte) error) error
	// empty takes all rows of all tables away, and what was noted of copied ones.
	empty(ctx context.Context, all []table) error
	// fill puts rows into an empty table and notes it as copied, all or nothing.
	fill(ctx context.Context, t table, feed func(put func(row []byte) error) (Summary, error)) error
	close() error
}

// mark is what a target says of a move.
type mark struct {
	city  string
	begun time.Time
	ended time.Time // zero while it has not
}

// Errors a caller tells apart.
var (
	ErrOpen  = errors.New("somebody has the database open")
	ErrTaken = errors.New("another move is writing to this database")
)

// Begin locks both databases and looks whether one can be moved to the other. city names it for ever: an unfinished
// move is gone on with for the same name only.
func Begin(ctx context.Context, from, to, city string) (m *Move, err error) {
	if postgresAddress(from) == postgresAddress(to) {
		return nil, errors.New("source and target are of one engine; to copy SQLite use comity backup and restore, to copy PostgreSQL use pg_dump")
	}
	m = &Move{city: city, source: map[string]Summary{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if m.from, err = open(ctx, from, false); err != nil {
		return m, fmt.Errorf("the source: %w", err)
	}
	if err = m.from.hold(ctx); err != nil {
		return m, fmt.Errorf("the source: %w", err)
	}
	if err = m.sourceWhole(ctx); err != nil {
		return m, fmt.Errorf("the source: %w", err)
	}
	if m.to, err = open(ctx, to, true); err != nil {
		return m, fmt.Errorf("the target: %w", err)
	}
	if err = m.to.claim(ctx); err != nil {
		return m, fmt.Errorf("the target: %w", err)
	}
	if err = m.targetFree(ctx); err != nil {
		return m, fmt.Errorf("the target: %w", err)
	}
	return m, nil
}

func open(ctx context.Context, address string, create bool) (side, error) {
	if postgresAddress(address) {
		s, err := openPostgres(ctx, address)
		if err != nil {
			return nil, err // and no side that is nothing
		}
		return s, nil
	}
	s, err := openSQLite(address, create)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func postgresAddress(a string) bool {
	return strings.HasPrefix(a, "postgres://") || strings.HasPrefix(a, "postgresql://")
}

// sourceWhole refuses a source that is itself half of a move, or no city.
func (m *Move) sourceWhole(ctx context.Context) error {
	mark, ok, others, err := m.from.mark(ctx)
	switch {
	case err != nil:
		return err
	case ok && mark.ended.IsZero():
		return fmt.Errorf("it holds a move begun at %s that did not end: it is no whole city", mark.begun.UTC().Format("2006-01-02 15:04 MST"))
	case !others:
		return errors.New("it is empty: there is no city to move; was the right folder named with --data?")
	}
	return nil
}

// targetFree refuses a target that holds anything but an unfinished move of this city.
func (m *Move) targetFree(ctx context.Context) error {
	mark, ok, others, err := m.to.mark(ctx)
	switch {
	case err != nil:
		return err
	case !ok && others:
		return errors.New("it is not empty; name a new database, or drop and create this one again if nothing in it is needed")
	case ok && mark.city != m.city:
		return errors.New("it holds a move of another city or compartment; name a new database, or drop and create this one again")
	}
	m.resumed, m.ended = ok, mark.ended
	return nil
}

// Resumed tells whether the target holds a move of this city, broken off or done.
func (m *Move) Resumed() bool { return m.resumed }

// Ended is when a move of this city into the target had been done, or zero.
func (m *Move) Ended() time.Time { return m.ended }

// Mark says at the target that a move is under way. Until Done no city opens it.
func (m *Move) Mark(ctx context.Context, now time.Time) error {
	if m.resumed && m.ended.IsZero() {
		return nil
	}
	return m.to.setMark(ctx, mark{city: m.city, begun: now})
}

// Total is how many rows there are to copy.
func (m *Move) Total(ctx context.Context) (total int64, err error) {
	list, err := m.from.tables(ctx)
	for _, t := range list {
		if err == nil {
			var n int64
			n, err = m.from.count(ctx, t)
			total += n
		}
	}
	return total, err
}

// Kept is what a move found of an earlier one that broke off.
type Kept struct {
	Tables int  // copied whole then, and still the same
	Anew   bool // the source has changed since, or the target has, and everything is copied anew
}

// Copy copies every table that is not there yet. The tables have to be there, with the migrations of the source.
// tell is told how many rows have been dealt with.
func (m *Move) Copy(ctx context.Context, tell func(rows int64)) (kept Kept, err error) {
	if m.tables, err = m.plan(ctx); err != nil {
		return kept, err
	}
	copied := map[string]string{}
	if m.resumed {
		if copied, err = m.to.copied(ctx); err != nil {
			return kept, err
		}
	}
	done := int64(0)
	tick := func() {
		if done++; done%1000 == 0 {
			tell(done)
		}
		if m.tick != nil {
			m.tick()
		}
	}
	same, err := m.same(ctx, copied, tick)
	if err == nil && same && len(copied) > 0 {
		same, err = m.restEmpty(ctx, copied)
	}
	if err != nil {
		return kept, err
	}
	if !same || len(copied) == 0 { // a first start has written rows of its own
		kept.Anew = !same
		copied, done = nil, 0
		if err := m.to.empty(ctx, m.tables); err != nil {
			return kept, fmt.Errorf("emptying the tables of the target: %w", err)
		}
	}
	kept.Tables = len(copied)
	for _, t := range m.tables {
		if _, ok := copied[t.name]; ok {
			continue
		}
		if err := m.copy(ctx, t, tick); err != nil {
			return kept, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	tell(done)
	return kept, nil
}

// same tells whether the source still has the rows that were copied before.
func (m *Move) same(ctx context.Context, copied map[string]string, tick func()) (bool, error) {
	for _, t := range m.tables {
		was, ok := copied[t.name]
		if !ok {
			continue
		}
		now, err := m.sum(ctx, m.from, t, tick)
		if err != nil {
			return false, fmt.Errorf("table %s of the source: %w", t.name, err)
		}
		if noted(now) != was {
			return false, nil
		}
		m.source[t.name] = now
	}
	return true, nil
}

// restEmpty tells whether the tables that are still to be copied have no rows at the target: a newer program that was
// put in place since may have made one with rows of its own.
func (m *Move) restEmpty(ctx context.Context, copied map[string]string) (bool, error) {
	for _, t := range m.tables {
		if _, ok := copied[t.name]; ok {
			continue
		}
		if n, err := m.to.count(ctx, t); err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// noted is a summary as db_move_tables keeps it.
func noted(s Summary) string { return fmt.Sprintf("%d %s", s.Rows, s.Digest()) }

func (m *Move) sum(ctx context.Context, s side, t table, tick func()) (sum Summary, err error) {
	err = s.rows(ctx, t, func(row []byte) error {
		sum.add(row)
		m.counted(t, row, tick)
		return ctx.Err()
	})
	return sum, err
}

// counted tells of a row; of a search table only of the texts in it, which is what count counts.
func (m *Move) counted(t table, row []byte, tick func()) {
	if t.search {
		if _, null, _, err := field(row[12:]); err != nil || !null {
			return
		}
	}
	tick()
}

func (m *Move) copy(ctx context.Context, t table, tick func()) error {
	return m.to.fill(ctx, t, func(put func([]byte) error) (sum Summary, err error) {
		err = m.from.rows(ctx, t, func(row []byte) error {
			sum.add(row)
			m.counted(t, row, tick)
			return put(row)
		})
		m.source[t.name] = sum
		return sum, err
	})
}

// Compared is what was held against each other.
type Compared struct {
	Tables int
	Rows   int64
}

// Compare reads the target back and holds every table against what the source has.
func (m *Move) Compare(ctx context.Context, tell func(rows int64)) (c Compared, err error) {
	done := int64(0)
	for _, t := range m.tables {
		there, err := m.sum(ctx, m.to, t, func() {
			if done++; done%1000 == 0 {
				tell(done)
			}
		})
		if err != nil {
			return c, fmt.Errorf("table %s of the target: %w", t.name, err)
		}
		here := m.source[t.name]
		if here.Rows != there.Rows {
			return c, fmt.Errorf("table %s has %d rows at the source and %d at the target", t.name, here.Rows, there.Rows)
		}
		if here != there {
			return c, fmt.Errorf("table %s has %d rows on both sides, and their content differs", t.name, here.Rows)
		}
		c.Tables++
		c.Rows += here.Rows
	}
	tell(done)
	return c, nil
}

// Done takes the mark away. A connection to the source that was lost meanwhile has let go of what kept writers away,
// and nobody knows whether one came: then the mark stays.
func (m *Move) Done(ctx context.Context, now time.Time) error {
	if _, err := m.from.migrations(ctx); err != nil {
		return fmt.Errorf("the source: the connection that kept it from being changed was lost; give the same command again (%w)", err)
	}
	mark, _, _, err := m.to.mark(ctx)
	if err != nil {
		return err
	}
	mark.ended = now
	return m.to.setMark(ctx, mark)
}

// Close lets go of both databases.
func (m *Move) Close() error {
	var errs []error
	for _, s := range []side{m.to, m.from} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	m.from, m.to = nil, nil
	return errors.Join(errs...)
}

// plan holds the catalogues of both sides against each other.
func (m *Move) plan(ctx context.Context) ([]table, error) {
	here, err := m.from.migrations(ctx)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	there, err := m.to.migrations(ctx)
	if err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	if err := sameSchemas(here, there); err != nil {
		return nil, err
	}
	source, err := m.from.tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	target, err := m.to.tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	return matched(source, target)
}

// sameSchemas refuses databases that were brought up to different versions.
func sameSchemas(source, target []string) error {
	for _, s := range target {
		if !slices.Contains(source, s) {
			return fmt.Errorf("the schema of the source is older: it lacks migration %s; start this version once with the old database, stop it, and move then", s)
		}
	}
	for _, s := range source {
		if !slices.Contains(target, s) {
			return fmt.Errorf("the schema of the source has migration %s, which this program does not know: move with the version that last opened the city, or a newer one", s)
		}
	}
	return nil
}

// matched are the tables of the target, in its order, with the columns of the source. What one side lacks is refused by name.
func matched(source, target []table) (out []table, err error) {
	for _, t := range source {
		if !slices.ContainsFunc(target, func(o table) bool { return o.name == t.name }) {
			return nil, fmt.Errorf("table %s is at the source only: no migration of this program makes it", t.name)
		}
	}
	for _, t := range target {
		i := slices.IndexFunc(source, func(o table) bool { return o.name == t.name })
		if i < 0 {
			return nil, fmt.Errorf("table %s is at the target only; start this version once with the old database, stop it, and move then", t.name)
		}
		if err := sameColumns(source[i], t); err != nil {
			return nil, err
		}
		if !t.search {
			t.columns = inOrder(source[i].columns, t.columns)
		}
		out = append(out, t)
	}
	return out, nil
}

func sameColumns(s, t table) error {
	if s.search != t.search {
		return fmt.Errorf("table %s is a search index on one side only", s.name)
	}
	for _, c := range s.columns {
		i := slices.IndexFunc(t.columns, func(o column) bool { return o.name == c.name })
		if i < 0 {
			return fmt.Errorf("column %s of table %s is at the source only", c.name, s.name)
		}
		if t.columns[i].kind != c.kind {
			return fmt.Errorf("column %s of table %s is of another type on each side", c.name, s.name)
		}
	}
	for _, c := range t.columns {
		if !slices.ContainsFunc(s.columns, func(o column) bool { return o.name == c.name }) {
			return fmt.Errorf("column %s of table %s is at the target only", c.name, t.name)
		}
	}
	return nil
}

// ordered puts tables behind those they refer to.
func ordered(all []table) (out []table, err error) {
	placed := map[string]bool{}
	for len(out) < len(all) {
		before := len(out)
		for _, t := range all {
			ready := !slices.ContainsFunc(t.needs, func(n string) bool { return n != t.name && !placed[n] })
			if !placed[t.name] && ready {
				placed[t.name] = true
				out = append(out, t)
			}
		}
		if len(out) == before {
			return nil, errors.New("tables refer to each other in a circle; they cannot be copied one after the other")
		}
	}
	return out, nil
}

// inOrder are the columns of the target in the order of the source.
func inOrder(source, target []column) (out []column) {
	for _, s := range source {
		i := slices.IndexFunc(target, func(o column) bool { return o.name == s.name })
		out = append(out, target[i])
	}
	return out
}
