package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/db"
)

// words is the ledger's search index.
const words = db.SearchTable("case_words")

// row is the values of one stored row, in the order of its columns.
type row = []any

const caseColumns = `n, ref, code, pack, programme, procedure, category, state, is_open, sort_at, clock, paused, holder, assignee, offered,
 place_unit, address, title, opened_at, changed_at, files, raised, late, outcome, source, seq, hash, joint, sealed, doc`

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
		`CREATE INDEX worklist_late ON worklist (unit, late, is_open, sort_at, n, programme, state) WHERE is_open = 1 AND late = 1`,
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
