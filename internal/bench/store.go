package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
)

// words is the ledger's search index.
const words = db.SearchTable("case_words")

// row is the values of one stored row, in the order of its columns.
type row = []any

// caseRows is every row that opening, then accepting, one case writes.
type caseRows struct {
	n      int64
	text   string // what the search index takes
	opened rowSet
	after  rowSet // rows that accepting left
}

type rowSet struct {
	cases                                   row
	events, worklist, timers, keys, notices []row
}

const (
	caseColumns = `n, ref, code, pack, programme, procedure, category, state, is_open, sort_at, clock, paused, holder, assignee, offered,
 place_unit, address, title, opened_at, changed_at, files, raised, late, outcome, source, seq, hash, doc`
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

// readSet reads the rows of all cases as they stand, of events and notices only those at seq.
func readSet(ctx context.Context, d *db.DB, caseList string, seq int) (map[int64]*rowSet, error) {
	sets := map[int64]*rowSet{}
	err := d.View(ctx, func(tx *db.Tx) error {
		list, err := db.All(ctx, tx, `SELECT n, `+caseList+` FROM cases`, nil, anyRow(columns(caseList)+1))
		if err != nil {
			return err
		}
		for _, r := range list {
			sets[r[0].(int64)] = &rowSet{cases: r[1:]}
		}
		for _, part := range []struct {
			q    string
			args []any
			to   func(*rowSet) *[]row
		}{
			{`SELECT n, n, seq, kind, at, hash, doc FROM events WHERE seq = ?1`, []any{int64(seq)}, func(s *rowSet) *[]row { return &s.events }},
			{`SELECT n, unit, is_open, sort_at, n, state, programme FROM worklist`, nil, func(s *rowSet) *[]row { return &s.worklist }},
			{`SELECT n, n, clock, fires_at, prio FROM timers`, nil, func(s *rowSet) *[]row { return &s.timers }},
			{`SELECT n, actor, idem_key, digest, n, seq, at FROM idempotency WHERE seq = ?1`, []any{int64(seq)}, func(s *rowSet) *[]row { return &s.keys }},
		} {
			k := columns(part.q[:strings.Index(part.q, " FROM")])
			rows, err := db.All(ctx, tx, part.q, part.args, anyRow(k))
			if err != nil {
				return err
			}
			for _, r := range rows {
				to := part.to(sets[r[0].(int64)])
				*to = append(*to, r[1:])
			}
		}
		return readNotices(ctx, tx, sets, seq)
	})
	return sets, err
}

func readNotices(ctx context.Context, tx *db.Tx, sets map[int64]*rowSet, seq int) error {
	byCase := map[string]*rowSet{}
	for _, s := range sets {
		var c struct{ ID string }
		doc, _ := s.cases[len(s.cases)-1].(string) // the last column read
		if err := json.Unmarshal([]byte(doc), &c); err != nil {
			continue
		}
		byCase[c.ID] = s
	}
	rows, err := db.All(ctx, tx, `SELECT id, kind, key, payload, run_at, prio, max_attempts FROM jobs`, nil, anyRow(7))
	if err != nil {
		return err
	}
	for _, r := range rows {
		var p struct {
			Case string
			Seq  int
		}
		if err := json.Unmarshal([]byte(r[3].(string)), &p); err != nil {
			return err
		}
		if s := byCase[p.Case]; s != nil && p.Seq == seq {
			s.notices = append(s.notices, r)
		}
	}
	return nil
}

func readOpened(ctx context.Context, d *db.DB) ([]caseRows, error) {
	sets, err := readSet(ctx, d, caseColumns, 1)
	if err != nil {
		return nil, err
	}
	var out []caseRows
	for n, s := range sets {
		var c casework.Case
		if err := json.Unmarshal([]byte(s.cases[len(s.cases)-1].(string)), &c); err != nil {
			return nil, err
		}
		out = append(out, caseRows{n: n, text: c.Title + "\n" + c.Text + "\n" + c.Place.Address, opened: *s})
	}
	slices.SortFunc(out, func(a, b caseRows) int { return int(a.n - b.n) })
	return out, nil
}

// acceptedColumns ends with the document, from which the notices' case is read.
const acceptedColumns = `state, is_open, sort_at, clock, paused, holder, assignee, offered, changed_at, files, raised, late, outcome, seq, hash, doc`

func readAccepted(ctx context.Context, d *db.DB, rows []caseRows) error {
	sets, err := readSet(ctx, d, acceptedColumns, 2)
	if err != nil {
		return err
	}
	for i := range rows {
		s := sets[rows[i].n]
		if s == nil || len(s.events) != 1 {
			return fmt.Errorf("case %d was not accepted", rows[i].n)
		}
		s.cases = append(s.cases, rows[i].n)
		rows[i].after = *s
	}
	return nil
}

func writeOpened(ctx context.Context, tx *db.Tx, c *caseRows) error {
	w := writer{ctx: ctx, tx: tx}
	w.do(`INSERT INTO counters (name, value) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1`, "bare")
	w.do(`INSERT INTO cases (`+caseColumns+`) VALUES (`+marks(28)+`)`, c.opened.cases...)
	if w.err == nil {
		w.err = words.IndexText(ctx, tx, c.n, c.text)
	}
	w.common(&c.opened)
	w.tallies(c, c.opened.worklist, 1)
	w.worklist(c.opened.worklist)
	w.timers(c.opened.timers)
	return w.err
}

func writeAccepted(ctx context.Context, tx *db.Tx, c *caseRows) error {
	w := writer{ctx: ctx, tx: tx}
	w.do(`UPDATE cases SET state = ?1, is_open = ?2, sort_at = ?3, clock = ?4, paused = ?5, holder = ?6, assignee = ?7, offered = ?8,
 changed_at = ?9, files = ?10, raised = ?11, late = ?12, outcome = ?13, seq = ?14, hash = ?15, doc = ?16 WHERE n = ?17`, c.after.cases...)
	w.common(&c.after)
	for _, r := range c.opened.worklist {
		w.do(`DELETE FROM worklist WHERE unit = ?1 AND is_open = ?2 AND sort_at = ?3 AND n = ?4`, r[:4]...)
	}
	w.tallies(c, c.opened.worklist, -1)
	w.tallies(c, c.after.worklist, 1)
	w.worklist(c.after.worklist)
	for _, r := range without(c.opened.timers, c.after.timers) {
		w.do(`DELETE FROM timers WHERE n = ?1 AND clock = ?2`, r[:2]...)
	}
	w.timers(without(c.after.timers, c.opened.timers))
	return w.err
}

// without are the rows of a that are not in b.
func without(a, b []row) []row {
	return slices.DeleteFunc(slices.Clone(a), func(r row) bool {
		return slices.ContainsFunc(b, func(o row) bool { return slices.Equal(r, o) })
	})
}

// writer runs statements until one fails.
type writer struct {
	ctx context.Context
	tx  *db.Tx
	err error
}

func (w *writer) do(q string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.Exec(w.ctx, q, args...)
	}
}

func (w *writer) common(s *rowSet) {
	for _, r := range s.events {
		w.do(`INSERT INTO events (n, seq, kind, at, hash, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, r...)
	}
	for _, r := range s.keys {
		w.do(`INSERT INTO idempotency (actor, idem_key, digest, n, seq, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, r...)
	}
	for _, r := range s.notices {
		w.do(`INSERT INTO jobs (id, kind, key, payload, run_at, prio, max_attempts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`, r...)
	}
}

func (w *writer) worklist(rows []row) {
	for _, r := range rows {
		w.do(`INSERT INTO worklist (unit, is_open, sort_at, n, state, programme) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, r...)
	}
}

// tallies counts the case of these worklist rows in or out; an accepted case has no officer yet.
func (w *writer) tallies(c *caseRows, rows []row, by int64) {
	for _, r := range rows {
		w.do(`INSERT INTO tallies (unit, state, programme, procedure, shard, cases, late, unassigned, offered, paused) VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, ?5, 0, 0)
 ON CONFLICT (unit, programme, procedure, state, shard) DO UPDATE SET cases = tallies.cases + excluded.cases, unassigned = tallies.unassigned + excluded.unassigned`,
			r[0], r[4], r[5], c.opened.cases[5], by)
	}
}

func (w *writer) timers(rows []row) {
	for _, r := range rows {
		w.do(`INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (?1, ?2, ?3, ?4, 0)`, r...)
	}
}

func marks(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("?%d", i+1)
	}
	return strings.Join(list, ", ")
}

// multiply replaces the cases there are by n copies of them, spread over dates: from 20 days overdue
// to 40 days ahead. Lists read no events and no search rows, so none are written.
func multiply(ctx context.Context, d *db.DB, n int, now time.Time) error {
	steps := []string{
		`DROP INDEX worklist_state`,
		`DROP INDEX worklist_opened`,
		`DROP INDEX worklist_late`,
		`DROP INDEX timers_due`,
		`CREATE TABLE bench_case AS SELECT ROW_NUMBER() OVER (ORDER BY n) - 1 AS rank, cases.* FROM cases`,
		`CREATE INDEX bench_case_rank ON bench_case (rank)`,
		`CREATE TABLE bench_list AS SELECT t.rank AS rank, w.unit AS unit, w.state AS state, w.programme AS programme FROM bench_case t JOIN worklist w ON w.n = t.n`,
		`CREATE INDEX bench_list_rank ON bench_list (rank)`,
		`CREATE TABLE bench_timer AS SELECT t.rank AS rank, x.clock AS clock, x.prio AS prio, x.fires_at - t.sort_at AS after FROM bench_case t JOIN timers x ON x.n = t.n`,
		`CREATE INDEX bench_timer_rank ON bench_timer (rank)`,
		`DELETE FROM cases`, `DELETE FROM worklist`, `DELETE FROM timers`, `DELETE FROM tallies`, `DELETE FROM events`, `DELETE FROM jobs`,
	}
	copies := []string{
		`INSERT INTO cases (` + caseColumns + `) SELECT ?3 + i * 30000000000, 'SR-20-' || printf('%08d', i), printf('%07d-%06d', i, i), pack, programme, procedure, category, state, 1,
 ` + spread + `, clock, paused, holder, assignee, offered, place_unit, address, title, opened_at, changed_at, files, raised, late, outcome, source, seq, hash, doc
 FROM i JOIN bench_case ON rank = i % ` + fmt.Sprint(templates),
		`INSERT INTO worklist (unit, is_open, sort_at, n, state, programme) SELECT unit, 1, ` + spread + ` AS at, ?3 + i * 30000000000 AS n, state, programme
 FROM i JOIN bench_list ON rank = i % ` + fmt.Sprint(templates) + ` ORDER BY unit, at, n`,
		`INSERT INTO timers (n, clock, fires_at, prio, lease_until) SELECT ?3 + i * 30000000000, clock, ` + spread + ` + after, prio, 0
 FROM i JOIN bench_timer ON rank = i % ` + fmt.Sprint(templates),
	}
	after := []string{
		`CREATE INDEX worklist_state ON worklist (unit, is_open, state, sort_at, n)`,
		`CREATE INDEX worklist_opened ON worklist (unit, is_open, n)`,
		`CREATE INDEX worklist_late ON worklist (unit, sort_at, n) WHERE is_open = 1 AND late = 1`,
		`CREATE INDEX timers_due ON timers (prio, fires_at)`,
		`INSERT INTO tallies (unit, programme, procedure, state, shard, cases, late, unassigned, offered, paused)
 SELECT l.unit, l.programme, t.procedure, l.state, 0, SUM(` + copiesOf + `), 0, SUM(CASE WHEN t.assignee = '' THEN ` + copiesOf + ` ELSE 0 END), 0, 0
 FROM bench_case t JOIN bench_list l ON l.rank = t.rank GROUP BY l.unit, l.programme, t.procedure, l.state`,
		`DROP TABLE bench_case`, `DROP TABLE bench_list`, `DROP TABLE bench_timer`,
	}
	each := fmt.Sprintf("((%d - t.rank) / %d + (t.rank > 0))", n, templates)
	for i := range after {
		after[i] = strings.ReplaceAll(after[i], copiesOf, each)
	}
	for _, q := range steps {
		if err := alone(ctx, d, q); err != nil {
			return err
		}
	}
	for _, q := range copies {
		const most = 200_000 // a transaction of everything would hold a log of everything
		for first := 1; first <= n; first += most {
			q := `WITH RECURSIVE i(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM i WHERE i < ?2) ` + q
			err := d.Transact(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, q, int64(first), int64(min(n, first+most-1)), now.AddDate(-1, 0, 0).UnixMicro()<<10, db.Micros(now))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	for _, q := range after {
		if err := alone(ctx, d, q); err != nil {
			return err
		}
	}
	return nil
}

// copiesOf stands for how many copies a template gets: of rank r, the i from 1 to n with i % templates = r.
const copiesOf = "{copies}"

// spread is the nearest date of the i-th case: a second of sixty days, far from that of its neighbour.
const spread = `?4 + (i * 2654435761 % 5184000 - 1728000) * 1000000`

func alone(ctx context.Context, d *db.DB, q string) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, q)
		return err
	})
}
