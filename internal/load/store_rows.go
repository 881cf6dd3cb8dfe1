package load

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"comity/internal/db"
	"comity/internal/ledger"
)

// row is the values of one stored row, in the order of its columns.
type row = []any

// rows is every row that opening, then acting upon, one case wrote.
type rows struct {
	n      int64
	tokens []string // what the search index holds of it
	opened step
	acted  step
}

// step is what one change left: the case as it stood then, and what belongs to the event.
type step struct {
	of                                                              row // the columns of the case that change, or all of them
	events, worklist, timers, keys, jobs, subjects, wrapped, leaves []row
}

const (
	fixedColumns  = `n, ref, code, pack, programme, procedure, category, place_unit, address, title, opened_at, source`
	movingColumns = `state, is_open, sort_at, clock, paused, holder, assignee, offered, changed_at, files, raised, late, outcome, seq, hash, doc, joint, sealed`
	allColumns    = fixedColumns + `, ` + movingColumns
	procedureAt   = 5 // where the procedure stands in fixedColumns
)

// anyRow reads a row of k columns as it is.
func anyRow(k int) func(db.Scanner) (row, error) {
	return func(s db.Scanner) (row, error) {
		values, into := make(row, k), make([]any, k)
		for i := range into {
			into[i] = &values[i]
		}
		if err := s.Scan(into...); err != nil {
			return nil, err
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				values[i] = slices.Clone(b)
			}
		}
		return values, nil
	}
}

func columns(list string) int { return strings.Count(list, ",") + 1 }

// readStep reads what the change of number seq left of every case. The cases stand as it left them.
func readStep(ctx context.Context, tx *db.Tx, seq int64) (map[int64]*step, error) {
	of := map[int64]*step{}
	list := movingColumns
	if seq == 1 {
		list = allColumns
	}
	cases, err := db.All(ctx, tx, `SELECT n, `+list+` FROM cases`, nil, anyRow(columns(list)+1))
	if err != nil {
		return nil, err
	}
	for _, r := range cases {
		of[r[0].(int64)] = &step{of: r[1:]}
	}
	for _, part := range []struct {
		q    string
		args []any
		to   func(*step) *[]row
	}{
		{`SELECT n, n, seq, kind, at, hash, doc FROM events WHERE seq = ?1`, []any{seq}, func(s *step) *[]row { return &s.events }},
		{`SELECT n, unit, is_open, sort_at, n, state, programme, late FROM worklist ORDER BY n, unit`, nil, func(s *step) *[]row { return &s.worklist }},
		{`SELECT n, n, clock, fires_at, prio, calendar FROM timers ORDER BY n, clock`, nil, func(s *step) *[]row { return &s.timers }},
		{`SELECT n, actor, idem_key, digest, n, seq, at FROM idempotency WHERE seq = ?1`, []any{seq}, func(s *step) *[]row { return &s.keys }},
		{`SELECT n, n, kind, token FROM subjects`, nil, func(s *step) *[]row { return &s.subjects }},
		{`SELECT n, n, slot, wrapped, state FROM case_keys`, nil, func(s *step) *[]row { return &s.wrapped }},
	} {
		got, err := db.All(ctx, tx, part.q, part.args, anyRow(columns(part.q[:strings.Index(part.q, " FROM")])))
		if err != nil {
			return nil, err
		}
		for _, r := range got {
			to := part.to(of[r[0].(int64)])
			*to = append(*to, r[1:])
		}
	}
	if err := readJobs(ctx, tx, of, seq); err != nil {
		return nil, err
	}
	return of, readLeaves(ctx, tx, of, seq)
}

// readJobs hands out the jobs that the change of this number ordered: notices name their case and event.
func readJobs(ctx context.Context, tx *db.Tx, of map[int64]*step, seq int64) error {
	byCase := map[string]*step{}
	for _, s := range of {
		var c struct{ ID string }
		if err := json.Unmarshal([]byte(s.of[len(s.of)-3].(string)), &c); err != nil {
			return err
		}
		byCase[c.ID] = s
	}
	jobs, err := db.All(ctx, tx, `SELECT id, kind, key, payload, run_at, prio, max_attempts FROM jobs`, nil, anyRow(7))
	if err != nil {
		return err
	}
	for _, r := range jobs {
		var p struct {
			Case string
			Seq  int64
		}
		if err := json.Unmarshal([]byte(r[3].(string)), &p); err != nil {
			continue // a job of another kind
		}
		if s := byCase[p.Case]; s != nil && p.Seq == seq {
			s.jobs = append(s.jobs, r)
		}
	}
	return nil
}

// readLeaves hands out the leaves of the log. Their names tell not whose they are, and it does not matter: each event gets one.
func readLeaves(ctx context.Context, tx *db.Tx, of map[int64]*step, seq int64) error {
	leaves, err := db.All(ctx, tx, `SELECT kind, ref, hash FROM log_entries WHERE kind = ?1 ORDER BY id LIMIT ?2 OFFSET ?3`,
		[]any{ledger.LeafEvent, int64(len(of)), int64(len(of)) * (seq - 1)}, anyRow(3))
	if err != nil {
		return err
	}
	if len(leaves) != len(of) {
		return fmt.Errorf("%d leaves of %d cases at step %d", len(leaves), len(of), seq)
	}
	i := 0
	for _, s := range of {
		s.leaves = leaves[i : i+1]
		i++
	}
	return nil
}

// readTokens reads what the search index holds of every case, in the order in which it stands there.
func readTokens(ctx context.Context, d *db.DB) (map[int64][]string, error) {
	out := map[int64][]string{}
	q := `SELECT doc, term FROM load_tokens ORDER BY doc, offset`
	if d.Engine() == db.Postgres {
		q = `SELECT w.id, u.lexeme FROM case_words w, UNNEST(w.tokens) u, UNNEST(u.positions) AS p (pos) ORDER BY w.id, p.pos`
	}
	err := d.Transact(ctx, func(tx *db.Tx) error {
		if d.Engine() == db.SQLite {
			if _, err := tx.Exec(ctx, `CREATE VIRTUAL TABLE load_tokens USING fts5vocab(case_words, instance)`); err != nil {
				return err
			}
		}
		list, err := db.All(ctx, tx, q, nil, anyRow(2))
		if err != nil {
			return err
		}
		for _, r := range list {
			out[r[0].(int64)] = append(out[r[0].(int64)], r[1].(string))
		}
		if d.Engine() == db.SQLite {
			_, err = tx.Exec(ctx, `DROP TABLE load_tokens`)
		}
		return err
	})
	return out, err
}

// statement is one statement of a baseline, with its arguments.
type statement struct {
	q    string
	args []any
}

// Arguments that differ from client to client, or from case to case, where many write the rows of one.
type (
	ownText string // has the number of the case behind it
	ownName string // has the number of the client behind it
	ownLine int64  // is the number of the client
)

// opening is what opening the case writes, in as few statements as a careful programmer would use.
func (c *rows) opening(e db.Engine) []statement {
	w := &script{}
	w.add(`INSERT INTO counters (name, value) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1`, ownName("load "))
	all := slices.Clone(c.opened.of)
	all[1], all[2] = ownText(all[1].(string)), ownText(all[2].(string))
	w.insert(`cases (`+allColumns+`)`, all)
	w.each(`case_keys (n, slot, wrapped, state)`, c.opened.wrapped)
	w.each(`subjects (n, kind, token)`, c.opened.subjects)
	w.words(e, c.n, c.tokens)
	w.step(&c.opened)
	w.tallies(c, nil, c.opened.worklist)
	w.insert(`worklist (unit, is_open, sort_at, n, state, programme, late)`, c.opened.worklist...)
	w.each(`timers (n, clock, fires_at, prio, calendar, lease_until)`, leased(c.opened.timers))
	return w.list
}

// acting is what the act writes.
func (c *rows) acting() []statement {
	w := &script{}
	var set []string
	for i, name := range strings.Split(movingColumns, ", ") {
		set = append(set, fmt.Sprintf("%s = ?%d", name, i+1))
	}
	w.add(`UPDATE cases SET `+strings.Join(set, ", ")+fmt.Sprintf(` WHERE n = ?%d`, len(set)+1), append(slices.Clone(c.acted.of), c.n)...)
	w.step(&c.acted)
	w.tallies(c, c.opened.worklist, c.acted.worklist)
	if len(c.opened.worklist) > 0 {
		first := c.opened.worklist[0]
		args, in := row{first[1], first[2], c.n}, []string{}
		for _, r := range c.opened.worklist {
			args = append(args, r[0])
			in = append(in, fmt.Sprintf("?%d", len(args)))
		}
		w.add(`DELETE FROM worklist WHERE is_open = ?1 AND sort_at = ?2 AND n = ?3 AND unit IN (`+strings.Join(in, ", ")+`)`, args...)
	}
	w.insert(`worklist (unit, is_open, sort_at, n, state, programme, late)`, c.acted.worklist...)
	for _, r := range without(c.opened.timers, c.acted.timers) {
		w.add(`DELETE FROM timers WHERE n = ?1 AND clock = ?2`, r[:2]...)
	}
	w.each(`timers (n, clock, fires_at, prio, calendar, lease_until)`, leased(without(c.acted.timers, c.opened.timers)))
	return w.list
}

func leased(timers []row) (out []row) {
	for _, r := range timers {
		out = append(out, append(slices.Clone(r), int64(0)))
	}
	return out
}

// without are the rows of a that are not in b.
func without(a, b []row) []row {
	return slices.DeleteFunc(slices.Clone(a), func(r row) bool {
		return slices.ContainsFunc(b, func(o row) bool { return slices.Equal(r, o) })
	})
}

// script collects statements.
type script struct{ list []statement }

func (w *script) add(q string, args ...any) { w.list = append(w.list, statement{q, args}) }

// insert writes several rows by one statement.
func (w *script) insert(into string, list ...row) {
	if len(list) == 0 {
		return
	}
	var args row
	var values []string
	for _, r := range list {
		var marks []string
		for _, v := range r {
			args = append(args, v)
			marks = append(marks, fmt.Sprintf("?%d", len(args)))
		}
		values = append(values, "("+strings.Join(marks, ", ")+")")
	}
	w.add(`INSERT INTO `+into+` VALUES `+strings.Join(values, ", "), args...)
}

func (w *script) each(into string, list []row) {
	for _, r := range list {
		w.insert(into, r)
	}
}

// step writes what belongs to the event of a change.
func (w *script) step(s *step) {
	w.each(`events (n, seq, kind, at, hash, doc)`, s.events)
	for _, r := range s.keys {
		w.insert(`idempotency (actor, idem_key, digest, n, seq, at)`, row{r[0], ownText(r[1].(string)), r[2], r[3], r[4], r[5]})
	}
	for _, r := range s.jobs {
		w.insert(`jobs (id, kind, key, payload, run_at, prio, max_attempts)`, row{ownText(r[0].(string)), r[1], ownText(r[2].(string)), r[3], r[4], r[5], r[6]})
	}
	for _, r := range s.leaves {
		w.insert(`log_entries (kind, ref, hash)`, row{r[0], ownText(r[1].(string)), r[2]})
	}
}

// words writes the line of the search index.
func (w *script) words(e db.Engine, n int64, tokens []string) {
	if e == db.SQLite {
		w.add(`DELETE FROM case_words WHERE rowid = ?1`, n)
		w.add(`INSERT INTO case_words (rowid, tokens) VALUES (?1, ?2)`, n, strings.Join(tokens, " "))
		return
	}
	var b strings.Builder
	for i, t := range tokens {
		fmt.Fprintf(&b, "'%s':%d ", t, i+1)
	}
	w.add(`DELETE FROM case_words WHERE id = ?1`, n)
	w.add(`INSERT INTO case_words (id, tokens) VALUES (?1, CAST(CAST(?2 AS TEXT) AS TSVECTOR))`, n, b.String())
}

// tallies takes the case out of some lists' figures and into others'. It has no officer before and after.
func (w *script) tallies(c *rows, from, to []row) {
	moved, order := map[[2]any]int64{}, [][2]any{}
	count := func(list []row, by int64) {
		for _, r := range list {
			k := [2]any{r[0], r[4]}
			if _, known := moved[k]; !known {
				order = append(order, k)
			}
			moved[k] += by
		}
	}
	count(from, -1)
	count(to, 1)
	slices.SortFunc(order, func(a, b [2]any) int { // one order everywhere, or two would wait for each other
		return strings.Compare(a[0].(string)+" "+a[1].(string), b[0].(string)+" "+b[1].(string))
	})
	order = slices.DeleteFunc(order, func(k [2]any) bool { return moved[k] == 0 })
	programme := slices.Concat(to, from)
	for part := range slices.Chunk(order, 12) { // a statement takes 99 arguments
		args := row{programme[0][5], c.opened.of[procedureAt], ownLine(0)}
		var values []string
		for _, k := range part {
			at := len(args)
			args = append(args, k[0], k[1], moved[k])
			values = append(values, fmt.Sprintf("(?1, ?2, ?3, ?%d, ?%d, ?%d, 0, ?%d, 0, 0)", at+1, at+2, at+3, at+3))
		}
		w.add(`INSERT INTO tallies (programme, procedure, shard, unit, state, cases, late, unassigned, offered, paused) VALUES `+strings.Join(values, ", ")+
			` ON CONFLICT (unit, programme, procedure, state, shard) DO UPDATE SET cases = tallies.cases + excluded.cases, unassigned = tallies.unassigned + excluded.unassigned`, args...)
	}
}

// play runs statements, as the client of number k.
func play(ctx context.Context, tx *db.Tx, list []statement, k int) error {
	for _, s := range list {
		args := slices.Clone(s.args)
		for i, v := range args {
			switch v := v.(type) {
			case ownText:
				args[i] = string(v)
			case ownName:
				args[i] = string(v) + strconv.Itoa(k)
			case ownLine:
				args[i] = int64(k)
			}
		}
		if _, err := tx.Exec(ctx, s.q, args...); err != nil {
			return err
		}
	}
	return nil
}

// MakeSchema makes an empty place of its own in a PostgreSQL database.
func MakeSchema(ctx context.Context, d *db.DB, name string) error {
	return alone(ctx, d, `CREATE SCHEMA `+name)
}

// DropSchema takes it away, with all that is in it.
func DropSchema(ctx context.Context, d *db.DB, name string) error {
	return alone(ctx, d, `DROP SCHEMA `+name+` CASCADE`)
}

func alone(ctx context.Context, d *db.DB, q string) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, q)
		return err
	})
}
