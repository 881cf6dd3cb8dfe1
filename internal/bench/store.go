package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
	text   string   // what can be searched for, in clear
	tokens []string // and what the search index holds of it
	shard  int64    // which loop writes it: each counts in rows of its own
	opened rowSet
	after  rowSet // rows that accepting left
}

type rowSet struct {
	cases                                   row
	events, worklist, timers, keys, notices []row
	trust                                   rowTrust
}

// rowTrust are the rows a city that seals and logs has beside: the wrapped key of the case and a leaf for each event.
type rowTrust struct{ keys, leaves []row }

const (
	caseColumns = `n, ref, code, pack, programme, procedure, category, state, is_open, sort_at, clock, paused, holder, assignee, offered,
 place_unit, address, title, opened_at, changed_at, files, raised, late, outcome, source, seq, hash, joint, sealed, doc`
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
			{`SELECT n, unit, is_open, sort_at, n, state, programme, late FROM worklist`, nil, func(s *rowSet) *[]row { return &s.worklist }},
			{`SELECT n, n, clock, fires_at, prio, calendar FROM timers`, nil, func(s *rowSet) *[]row { return &s.timers }},
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
		if err := readLeaves(ctx, tx, sets, seq); err != nil {
			return err
		}
		return readNotices(ctx, tx, sets, seq)
	})
	return sets, err
}

// readLeaves hands out the leaves of the events at seq. Their names tell not whose they are, and it does not
// matter: each case gets one.
func readLeaves(ctx context.Context, tx *db.Tx, sets map[int64]*rowSet, seq int) error {
	leaves, err := db.All(ctx, tx, `SELECT kind, ref, hash FROM log_entries ORDER BY id LIMIT ?1 OFFSET ?2`,
		[]any{int64(len(sets)), int64(len(sets) * (seq - 1))}, anyRow(3))
	if err != nil {
		return err
	}
	if len(leaves) != len(sets) {
		return fmt.Errorf("%d leaves of %d cases at step %d", len(leaves), len(sets), seq)
	}
	for i, n := range slices.Sorted(maps.Keys(sets)) {
		sets[n].trust.leaves = leaves[i : i+1]
	}
	return nil
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

// readOpened reads what opening left behind; text is what was said in each case.
func readOpened(ctx context.Context, d *db.DB, text map[casework.CaseID]string) ([]caseRows, error) {
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
		out = append(out, caseRows{n: n, text: text[c.ID], opened: *s})
	}
	slices.SortFunc(out, func(a, b caseRows) int { return int(a.n - b.n) })
	return out, d.Transact(ctx, func(tx *db.Tx) error { return readSealed(ctx, tx, out) })
}

// readSealed reads the keys of cases and the tokens the search index holds of them.
func readSealed(ctx context.Context, tx *db.Tx, out []caseRows) error {
	if _, err := tx.Exec(ctx, `CREATE VIRTUAL TABLE bench_tokens USING fts5vocab(case_words, instance)`); err != nil {
		return err
	}
	for i := range out {
		c := &out[i]
		keys, err := db.All(ctx, tx, `SELECT n, slot, wrapped, state FROM case_keys WHERE n = ?1`, []any{c.n}, anyRow(4))
		if err != nil {
			return err
		}
		c.opened.trust.keys = keys
	}
	words, err := db.All(ctx, tx, `SELECT doc, term FROM bench_tokens ORDER BY doc, offset`, nil, anyRow(2))
	if err != nil {
		return err
	}
	at := 0
	for _, w := range words {
		for out[at].n != w[0].(int64) {
			at++
		}
		out[at].tokens = append(out[at].tokens, w[1].(string))
	}
	_, err = tx.Exec(ctx, `DROP TABLE bench_tokens`)
	return err
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

// writeOpened writes the rows of a fresh case; with trust its key, its leaf and keyed words, else plain words.
func writeOpened(ctx context.Context, tx *db.Tx, c *caseRows, trust bool) error {
	w := writer{ctx: ctx, tx: tx, trust: trust}
	w.do(`INSERT INTO counters (name, value) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1`, fmt.Sprint("bare ", c.shard))
	w.do(`INSERT INTO cases (`+caseColumns+`) VALUES (`+marks(30)+`)`, c.opened.cases...)
	switch {
	case w.err != nil:
	case trust:
		w.err = words.IndexTokens(ctx, tx, c.n, c.tokens)
	default:
		w.err = words.IndexText(ctx, tx, c.n, c.text)
	}
	w.common(&c.opened)
	w.tallies(c, c.opened.worklist, 1)
	w.worklist(c.opened.worklist)
	w.timers(c.opened.timers)
	return w.err
}

func writeAccepted(ctx context.Context, tx *db.Tx, c *caseRows, trust bool) error {
	w := writer{ctx: ctx, tx: tx, trust: trust}
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
	ctx   context.Context
	tx    *db.Tx
	trust bool
	err   error
}

// do waits for each answer, as a plain loop over a driver does.
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
	if !w.trust {
		return
	}
	for _, r := range s.trust.keys {
		w.do(`INSERT INTO case_keys (n, slot, wrapped, state) VALUES (?1, ?2, ?3, ?4)`, r...)
	}
	for _, r := range s.trust.leaves {
		w.do(`INSERT INTO log_entries (kind, ref, hash) VALUES (?1, ?2, ?3)`, r...)
	}
}

func (w *writer) worklist(rows []row) {
	for _, r := range rows {
		w.do(`INSERT INTO worklist (unit, is_open, sort_at, n, state, programme, late) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`, r...)
	}
}

// tallies counts the case of these worklist rows in or out; an accepted case has no officer yet.
func (w *writer) tallies(c *caseRows, rows []row, by int64) {
	for _, r := range rows {
		w.do(`INSERT INTO tallies (unit, state, programme, procedure, shard, cases, late, unassigned, offered, paused) VALUES (?1, ?2, ?3, ?4, ?6, ?5, 0, ?5, 0, 0)
 ON CONFLICT (unit, programme, procedure, state, shard) DO UPDATE SET cases = tallies.cases + excluded.cases, unassigned = tallies.unassigned + excluded.unassigned`,
			r[0], r[4], r[5], c.opened.cases[5], by, c.shard)
	}
}

func (w *writer) timers(rows []row) {
	for _, r := range rows {
		w.do(`INSERT INTO timers (n, clock, fires_at, prio, lease_until, calendar) VALUES (?1, ?2, ?3, ?4, 0, ?5)`, r...)
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
 ` + spread + `, clock, paused, holder, assignee, offered, place_unit, address, title, opened_at, changed_at, files, raised, late, outcome, source, seq, hash, joint, sealed, doc
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

// bareCommit is the least that can be made durable: one row changed.
func bareCommit(ctx context.Context, d *db.DB) error {
	return alone(ctx, d, `INSERT INTO counters (name, value) VALUES ('bare', 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1`)
}

// plainWords is the search index as it would be without keys.
const plainWords = db.SearchTable("bench_words")

// searchBytes is how large the two indexes are, keyed and plain.
func searchBytes(ctx context.Context, d *db.DB) (keyed, plain float64, err error) {
	size := func(tx *db.Tx, of db.SearchTable) (float64, error) {
		return db.One(ctx, tx, `SELECT SUM(LENGTH(block)) FROM `+string(of)+`_data`, nil, func(s db.Scanner) (n float64, err error) { return n, s.Scan(&n) })
	}
	err = d.View(ctx, func(tx *db.Tx) (err error) {
		if keyed, err = size(tx, words); err == nil {
			plain, err = size(tx, plainWords)
		}
		return err
	})
	return keyed, plain, err
}

// mergeWords brings an index to its smallest form, so that sizes compare.
func mergeWords(ctx context.Context, d *db.DB, of db.SearchTable) error {
	return alone(ctx, d, `INSERT INTO `+string(of)+` (`+string(of)+`) VALUES ('optimize')`)
}

// readLog reads every entry of the log and does nothing with it.
func readLog(ctx context.Context, d *db.DB) (n int, err error) {
	err = d.View(ctx, func(tx *db.Tx) error {
		rows, err := db.All(ctx, tx, `SELECT kind, ref, hash FROM log_entries ORDER BY pos`, nil, anyRow(3))
		n = len(rows)
		return err
	})
	return n, err
}

// indexed are the tokens of each case, in the order of their numbers.
func indexed(ctx context.Context, d *db.DB) (out [][]string, err error) {
	err = d.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE VIRTUAL TABLE bench_tokens USING fts5vocab(case_words, instance)`); err != nil {
			return err
		}
		list, err := db.All(ctx, tx, `SELECT doc, term FROM bench_tokens ORDER BY doc, offset`, nil, anyRow(2))
		if err != nil {
			return err
		}
		last := int64(-1)
		for _, w := range list {
			if n := w[0].(int64); n != last {
				out, last = append(out, nil), n
			}
			out[len(out)-1] = append(out[len(out)-1], w[1].(string))
		}
		for _, q := range []string{`DROP TABLE bench_tokens`, `DELETE FROM case_words`} {
			if _, err := tx.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// copyWords indexes the copies that multiply makes.
func copyWords(ctx context.Context, d *db.DB, n int, now time.Time, tokens [][]string, own func(i int) []string) error {
	const most = 20_000
	base := now.AddDate(-1, 0, 0).UnixMicro() << 10
	for first := 1; first <= n; first += most {
		err := d.Transact(ctx, func(tx *db.Tx) error {
			for i := first; i <= min(n, first+most-1); i++ {
				_, err := tx.Exec(ctx, `INSERT INTO case_words (rowid, tokens) VALUES (?1, ?2)`, base+int64(i)*30000000000, strings.Join(append(own(i), tokens[i%templates]...), " "))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// matchText is a query to the index of SQLite, where all phrases must stand.
func matchText(phrases []db.Phrase) string {
	var parts []string
	for _, p := range phrases {
		parts = append(parts, `"`+strings.Join(p.Tokens, " ")+`"`)
	}
	return strings.Join(parts, " AND ")
}

// wordsFirst is the first page of a search as an index gives it that knows no scope.
func wordsFirst(ctx context.Context, d *db.DB, query, unit string) error {
	return d.View(ctx, func(tx *db.Tx) error {
		_, err := db.All(ctx, tx, `WITH m AS NOT MATERIALIZED (SELECT rowid AS id FROM case_words WHERE case_words MATCH ?1)
 SELECT c.n, c.doc FROM m JOIN cases c ON c.n = m.id JOIN worklist w ON w.n = c.n AND w.is_open = c.is_open AND w.sort_at = c.sort_at WHERE w.unit = ?2 ORDER BY w.n DESC LIMIT 51`,
			[]any{query, unit}, anyRow(2))
		return err
	})
}

// freshSchema makes an empty place in a PostgreSQL database.
func freshSchema(ctx context.Context, d *db.DB, name string) error {
	return inOne(ctx, d, "CREATE SCHEMA "+name)
}

func dropSchema(ctx context.Context, d *db.DB, name string) error {
	return inOne(ctx, d, "DROP SCHEMA "+name+" CASCADE")
}

func inOne(ctx context.Context, d *db.DB, text string) error {
	return d.Transact(ctx, func(tx *db.Tx) error { return tx.Send(ctx, text) })
}
