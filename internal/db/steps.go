package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fill brings up the rows an expand made room for, while programs go on working. It comes after every program writes both
// the old and the new.
type Fill struct {
	// Number is that of the expand.
	Number int64
	// Total tells how many rows there are to go through, for who waits; it may estimate.
	Total func(ctx context.Context, tx *Tx) (int64, error)
	// Batch brings up to limit rows up that come behind a place in the order of a key, and tells the place it came to,
	// empty when none is left. Nothing is before the place "". It may be run again for rows that were brought up.
	Batch func(ctx context.Context, tx *Tx, after string, limit int) (next string, rows int, err error)
}

const (
	fewFilled  = 50
	mostFilled = 5000
	// A batch that takes longer is made smaller, and one that takes less than a quarter of it larger.
	batchTime = 200 * time.Millisecond

	// lockWait is how long a change of a table waits for those who use it: behind it everybody else waits, too.
	lockWait  = "1s"
	lockTries = 40
)

// ErrSteps says that another program carries steps on just now.
var ErrSteps = errors.New("another comity migrate, or a node that starts, is at work on this database")

// online is the one who carries steps on, on a connection of its own.
type online struct {
	d *DB
	s *session
}

// online runs fn while no other does the same. It asks again and again for the lock instead of waiting in the server:
// who waits there holds a snapshot, and an index that is made beside others would wait for it, for ever.
func (d *DB) online(ctx context.Context, fn func(*online) error) error {
	s, err := openSession(ctx, d.engine, d.sql, "")
	if err != nil {
		return err
	}
	defer s.close() // and with it the lock
	o := &online{d, s}
	for try := 0; ; try++ {
		got, err := o.number(ctx, "SELECT CASE WHEN pg_try_advisory_lock(7020312) THEN 1 ELSE 0 END")
		if err != nil {
			return err
		}
		if got == 1 {
			return fn(o)
		}
		if try == 600 {
			return ErrSteps
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (o *online) number(ctx context.Context, q string) (n int64, err error) {
	return n, o.s.conn.QueryRowContext(ctx, q).Scan(&n)
}

// expand runs the statements of an expand, each for itself; after a crash it goes on behind the last that was done.
func (o *online) expand(ctx context.Context, set string, m migration) error {
	var from int
	err := o.d.View(ctx, func(tx *Tx) error {
		done, err := appliedOf(ctx, tx, set)
		if err != nil || stateOf(done, m) != "" {
			from = -1 // somebody else was faster
			return err
		}
		at, err := stepAt(ctx, tx, set, m.number, Expand)
		if err == nil && at.place != "" {
			from, err = strconv.Atoi(at.place)
		}
		return err
	})
	if err != nil || from < 0 {
		return err
	}
	list := statements(respell(o.d.engine, m.text))
	for i := from; i < len(list); i++ {
		note := func(tx *Tx) error {
			return tx.keepStep(ctx, set, m.number, stepPlace{Expand, strconv.Itoa(i + 1), int64(i + 1), int64(len(list))})
		}
		if err := o.one(ctx, list[i], note); err != nil {
			return fmt.Errorf("%s, statement %d of %d: %w", m.name, i+1, len(list), err)
		}
	}
	return o.d.Transact(ctx, func(tx *Tx) error { return tx.reached(ctx, set, m, m.name, m.sum) })
}

// one runs a statement and notes it. An index is made beside those who write to the table.
func (o *online) one(ctx context.Context, text string, note func(*Tx) error) error {
	x, ok := indexIn(text)
	if !ok {
		return o.gently(ctx, func(tx *Tx) error {
			if err := tx.script(ctx, text); err != nil {
				return err
			}
			return note(tx)
		})
	}
	if err := o.index(ctx, x); err != nil {
		return err
	}
	return o.d.Transact(ctx, note)
}

// gently runs a transaction that changes tables. It gives up soon where somebody uses them, so that nobody waits behind
// it, and tries again.
func (o *online) gently(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := o.d.Transact(ctx, func(tx *Tx) error {
			if err := tx.script(ctx, "SET LOCAL lock_timeout = '"+lockWait+"'"); err != nil {
				return err
			}
			return fn(tx)
		})
		if err == nil || !notGranted(err) || try == lockTries {
			return err
		}
		if err := sleep(ctx, time.Duration(min(try, 10))*100*time.Millisecond); err != nil {
			return err
		}
	}
}

// Gently runs a transaction of fn that changes tables while others use them: it waits for them a second at a time, so that
// nobody waits behind it, and nobody else changes tables meanwhile. fn must have no effect outside the transaction.
func (d *DB) Gently(ctx context.Context, fn func(*Tx) error) error {
	return d.online(ctx, func(o *online) error { return o.gently(ctx, fn) })
}

// index is a CREATE INDEX, taken apart.
type index struct{ unique, name, table, rest string }

// indexIn takes a CREATE INDEX apart; ok is false for any other statement.
func indexIn(text string) (x index, ok bool) {
	ts := tokens(text)
	word := func() string {
		for len(ts) > 0 {
			t := ts[0]
			ts = ts[1:]
			if strings.TrimSpace(t) != "" && !strings.HasPrefix(t, "--") && !strings.HasPrefix(t, "/*") {
				return t
			}
		}
		return ""
	}
	if !strings.EqualFold(word(), "CREATE") {
		return x, false
	}
	w := word()
	if strings.EqualFold(w, "UNIQUE") {
		x.unique, w = "UNIQUE ", word()
	}
	if !strings.EqualFold(w, "INDEX") {
		return x, false
	}
	x.name = word()
	if !strings.EqualFold(word(), "ON") {
		return x, false // IF NOT EXISTS and its like: run as it stands
	}
	x.table = word()
	x.rest = strings.Join(ts, "")
	return x, true
}

// index makes an index beside those who write. One that was left behind half made is taken away first; on a table in
// parts it is made part by part, and becomes whole with the last.
func (o *online) index(ctx context.Context, x index) error {
	parts, err := o.parts(ctx, x.table)
	if err != nil {
		return err
	}
	if parts == nil {
		return o.indexOf(ctx, x)
	}
	if there, err := o.indexes(ctx, x.name, ""); err != nil {
		return err
	} else if there == 0 {
		if err := o.gently(ctx, func(tx *Tx) error {
			return tx.script(ctx, "CREATE "+x.unique+"INDEX "+x.name+" ON ONLY "+x.table+x.rest)
		}); err != nil {
			return err
		}
	}
	for _, part := range parts {
		own := x
		own.name, own.table = part+"_"+x.name, part
		if err := o.indexOf(ctx, own); err != nil {
			return err
		}
		if err := o.gently(ctx, func(tx *Tx) error { return tx.script(ctx, "ALTER INDEX "+x.name+" ATTACH PARTITION "+own.name) }); err != nil {
			return err
		}
	}
	return nil
}

func (o *online) indexOf(ctx context.Context, x index) error {
	broken, err := o.indexes(ctx, x.name, " AND NOT i.indisvalid")
	if err == nil && broken > 0 {
		err = o.s.control(ctx, "DROP INDEX CONCURRENTLY "+x.name)
	}
	if err != nil {
		return err
	}
	if whole, err := o.indexes(ctx, x.name, ""); err != nil || whole > 0 {
		return err
	}
	return o.s.control(ctx, "CREATE "+x.unique+"INDEX CONCURRENTLY "+x.name+" ON "+x.table+x.rest)
}

func (o *online) indexes(ctx context.Context, name, more string) (int64, error) {
	return o.number(ctx, `SELECT COUNT(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relname = '`+name+`'`+more)
}

// parts are the partitions of a table; nil: it has none and can have none.
func (o *online) parts(ctx context.Context, table string) (parts []string, err error) {
	parted, err := o.number(ctx, `SELECT COUNT(*) FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relname = '`+table+`' AND c.relkind = 'p'`)
	if err != nil || parted == 0 {
		return nil, err
	}
	rows, err := o.s.conn.QueryContext(ctx, `SELECT p.relname FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid JOIN pg_class c ON c.oid = h.inhparent
		JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = current_schema() AND c.relname = '`+table+`' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	parts = []string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		parts = append(parts, name)
	}
	return parts, rows.Err()
}

// statements cuts a text at its semicolons.
func statements(text string) (out []string) {
	var one []string
	says := false
	for _, t := range append(tokens(text), ";") {
		if t != ";" {
			one = append(one, t)
			says = says || strings.TrimSpace(t) != "" && !strings.HasPrefix(t, "--") && !strings.HasPrefix(t, "/*")
			continue
		}
		if says {
			out = append(out, strings.TrimSpace(strings.Join(one, "")))
		}
		one, says = nil, false
	}
	return out
}

// stepPlace is how far a state of a step has come.
type stepPlace struct {
	state, place string
	rows, all    int64
}

func stepAt(ctx context.Context, tx *Tx, set string, number int64, state string) (stepPlace, error) {
	p, err := One(ctx, tx, `SELECT state, place, rows_done, rows_all FROM db_steps WHERE set_name = ?1 AND number = ?2 AND state = ?3`, []any{set, number, state},
		func(row Scanner) (p stepPlace, err error) { return p, row.Scan(&p.state, &p.place, &p.rows, &p.all) })
	if errors.Is(err, ErrNoRows) {
		err = nil
	}
	return p, err
}

func (tx *Tx) keepStep(ctx context.Context, set string, number int64, p stepPlace) error {
	_, err := tx.Exec(ctx, `INSERT INTO db_steps (set_name, number, state, place, rows_done, rows_all, began_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
		ON CONFLICT (set_name, number) DO UPDATE SET state = excluded.state, place = excluded.place, rows_done = excluded.rows_done, rows_all = excluded.rows_all, changed_at = excluded.changed_at`,
		set, number, p.state, p.place, p.rows, p.all, Micros(tx.Now))
	return err
}

// Plan is what the migrations of a program still have to do with a database.
type Plan struct {
	d     *DB
	sets  []planned
	Nodes []Node
}

type planned struct {
	set   string
	files []migration
	done  []applied
	at    map[int64]stepPlace
}

// Step is one migration that is not done, as people are told of it.
type Step struct {
	Set, Name string
	State     string // that it has reached; empty: not begun
	Next      string // Plain, expand, fill or contract
	Rows, All int64  // of a fill that has begun
	Behind    []Node // nodes that run and do not know it: they have to be restarted before Next, unless that is expand
}

// Plan lists what migrations would do, and applies nothing. migrate are the functions that call [DB.Migrate].
func (d *DB) Plan(ctx context.Context, migrate ...func(context.Context, *DB) error) (*Plan, error) {
	p := &Plan{d: d}
	d.plan = p
	defer func() { d.plan = nil }()
	for _, m := range migrate {
		if err := m(ctx, d); err != nil {
			return nil, err
		}
	}
	nodes, err := d.Nodes(ctx)
	p.Nodes = nodes
	return p, err
}

// add looks how far the files of a set have come.
func (p *Plan) add(ctx context.Context, set string, files []migration) error {
	one := planned{set: set, files: files, at: map[int64]stepPlace{}}
	err := p.d.View(ctx, func(tx *Tx) error {
		for _, table := range []string{"db_migrations", "db_steps"} {
			there, err := One(ctx, tx, tableThere(p.d.engine, table), nil, scanInt)
			if err != nil || there == 0 {
				return err
			}
			if table == "db_migrations" {
				if one.done, err = appliedOf(ctx, tx, set); err != nil {
					return err
				}
				continue
			}
			for _, m := range files {
				if one.at[m.number], err = stepAt(ctx, tx, set, m.number, Filled); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		err = compare(files, one.done)
	}
	p.sets = append(p.sets, one)
	return err
}

// Steps lists what is not done.
func (p *Plan) Steps() (out []Step) {
	for _, one := range p.sets {
		for _, m := range one.files {
			state := stateOf(one.done, m)
			if m.done(state) {
				continue
			}
			s := Step{Set: one.set, Name: m.stem(), State: state, Next: m.next(state), Rows: one.at[m.number].rows, All: one.at[m.number].all}
			for _, n := range p.Nodes {
				if n.Alive && n.lacks(one.set, m.number) {
					s.Behind = append(s.Behind, n)
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// next is the state after the one that was reached.
func (m migration) next(state string) string {
	switch {
	case !m.stepped:
		return Plain
	case state == "":
		return Expand
	case state == Expand && m.fill != nil:
		return Filled
	}
	return Contract
}

// ErrBehind says that a step has to wait for nodes that do not know it.
var ErrBehind = errors.New("these nodes do not know it and still run; restart them with this version first, and wait a while for one that was killed")

// each carries every step on whose next state is the one asked for.
func (p *Plan) each(ctx context.Context, next string, do func(o *online, set string, m migration) error) error {
	if p.d.engine != Postgres {
		return errors.New("db: SQLite is used by one program alone, which does all of this when it starts")
	}
	return p.d.online(ctx, func(o *online) error {
		for _, one := range p.sets {
			for _, m := range one.files {
				if state := stateOf(one.done, m); m.done(state) || m.next(state) != next {
					continue
				}
				if err := p.mayFollow(ctx, one.set, m, next); err != nil {
					return err
				}
				if err := do(o, one.set, m); err != nil {
					return fmt.Errorf("%s %s: %w", one.set, m.stem(), err)
				}
			}
		}
		return nil
	})
}

// mayFollow refuses a state that nodes at work are not ready for.
func (p *Plan) mayFollow(ctx context.Context, set string, m migration, next string) error {
	if next == Expand {
		return nil
	}
	nodes, err := p.d.Nodes(ctx)
	if err != nil {
		return err
	}
	var behind []string
	for _, n := range nodes {
		if n.Alive && n.lacks(set, m.number) {
			behind = append(behind, fmt.Sprintf("%s (version %s, seen %s)", n.ID, n.Version, n.Seen.Format("15:04:05 MST")))
		}
	}
	if len(behind) > 0 {
		return fmt.Errorf("%s %s, %s: %w: %s", set, m.stem(), next, ErrBehind, strings.Join(behind, ", "))
	}
	return nil
}

// Expand adds what is to be added, while everybody goes on. A database without tables is left to the first start.
func (p *Plan) Expand(ctx context.Context, tell func(set, name string)) error {
	return p.each(ctx, Expand, func(o *online, set string, m migration) error {
		if one := p.sets[slices.IndexFunc(p.sets, func(s planned) bool { return s.set == set })]; len(one.done) == 0 {
			return nil
		}
		if err := o.d.Transact(ctx, func(tx *Tx) error { return tx.tables(ctx) }); err != nil {
			return err
		}
		if err := o.expand(ctx, set, m); err != nil {
			return err
		}
		tell(set, m.stem())
		return nil
	})
}

// Pace is how hard a fill works.
type Pace struct {
	Share float64 // of the time, between 0 and 1; 0 = a half
}

// Progress is how far a fill has come.
type Progress struct {
	Set, Name string
	Rows, All int64
	Done      bool
}

// Fill brings old rows up, batch after batch, each a transaction with the place it came to: broken off anywhere it goes on
// there.
func (p *Plan) Fill(ctx context.Context, pace Pace, tell func(Progress)) error {
	if pace.Share <= 0 || pace.Share > 1 {
		pace.Share = 0.5
	}
	return p.each(ctx, Filled, func(o *online, set string, m migration) error { return o.fill(ctx, set, m, pace, tell) })
}

func (o *online) fill(ctx context.Context, set string, m migration, pace Pace, tell func(Progress)) error {
	var at stepPlace
	err := o.d.Transact(ctx, func(tx *Tx) (err error) {
		if at, err = stepAt(ctx, tx, set, m.number, Filled); err != nil || at.state != "" {
			return err
		}
		at.state = Filled
		if m.fill.Total != nil {
			at.all, err = m.fill.Total(ctx, tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	limit := fewFilled
	for {
		begun, next := o.d.now(), at
		err := o.d.Transact(ctx, func(tx *Tx) error {
			place, rows, err := m.fill.Batch(ctx, tx, at.place, limit)
			if err != nil {
				return err
			}
			next = at
			next.place, next.rows = place, at.rows+int64(rows)
			if place == "" {
				return tx.reached(ctx, set, m, m.filled(), m.sum)
			}
			return tx.keepStep(ctx, set, m.number, next)
		})
		if err != nil {
			return fmt.Errorf("behind %q: %w", at.place, err)
		}
		tell(Progress{set, m.stem(), next.rows, max(at.all, next.rows), next.place == ""})
		if next.place == "" {
			return nil
		}
		at = next
		took := o.d.now().Sub(begun)
		limit = sized(limit, took)
		if err := sleep(ctx, time.Duration(float64(took)*(1-pace.Share)/pace.Share)); err != nil {
			return err
		}
	}
}

// sized is how many rows the next batch takes.
func sized(limit int, took time.Duration) int {
	switch {
	case took > batchTime:
		return max(limit/2, 1)
	case took < batchTime/4:
		return min(limit*2, mostFilled)
	}
	return limit
}

// Contract takes away what only older programs read. From then on they refuse to open the database.
func (p *Plan) Contract(ctx context.Context, tell func(set, name string)) error {
	return p.each(ctx, Contract, func(o *online, set string, m migration) error {
		err := o.gently(ctx, func(tx *Tx) error {
			if err := tx.tables(ctx); err != nil {
				return err
			}
			return tx.contract(ctx, set, m)
		})
		if err == nil {
			tell(set, m.stem())
		}
		return err
	})
}
