package ledger

import (
	"context"
	"iter"
	"slices"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

// keptEvent is an event as it lies in its table, with every column that says something.
type keptEvent struct {
	seq       int
	kind      string
	at        int64
	hash, doc []byte
}

func eventRowsOf(ctx context.Context, tx *db.Tx, n int64) ([]keptEvent, error) {
	return db.All(ctx, tx, `SELECT seq, kind, at, hash, doc FROM events WHERE n = ?1 ORDER BY seq`, []any{n}, func(row db.Scanner) (e keptEvent, err error) {
		var doc string
		err = row.Scan(&e.seq, &e.kind, &e.at, &e.hash, &doc)
		e.doc = []byte(doc)
		return e, err
	})
}

func itemOf(ctx context.Context, tx *db.Tx, n int64) (Item, error) {
	return db.One(ctx, tx, `SELECT `+itemColumns+` FROM cases c WHERE c.n = ?1`, []any{n}, scanItem)
}

func countListed(ctx context.Context, tx *db.Tx, unit org.UnitID, n int64, p place) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM worklist WHERE unit = ?1 AND is_open = ?2 AND sort_at = ?3 AND n = ?4 AND state = ?5 AND late = ?6`,
		[]any{string(unit), db.Flag(p.open), p.sortAt, n, p.state, db.Flag(p.late)}, scanInt)
}

// wake is when a timer fires, and whether somebody watches the case meanwhile.
type wake struct{ at, prio int64 }

func timersOf(ctx context.Context, tx *db.Tx, n int64) (map[string]wake, error) {
	type named struct {
		wake
		clock string
	}
	rows, err := db.All(ctx, tx, `SELECT clock, fires_at, prio FROM timers WHERE n = ?1`, []any{n}, func(row db.Scanner) (t named, err error) {
		return t, row.Scan(&t.clock, &t.at, &t.prio)
	})
	out := map[string]wake{}
	for _, t := range rows {
		out[t.clock] = t.wake
	}
	return out, err
}

// listedCount is in how many lists a case stands.
type listedCount struct {
	n     int64
	count int
}

func listedCounts(ctx context.Context, tx *db.Tx) iter.Seq2[listedCount, error] {
	return db.Query(ctx, tx, `SELECT n, COUNT(*) FROM worklist GROUP BY n`, nil, func(row db.Scanner) (c listedCount, err error) {
		return c, row.Scan(&c.n, &c.count)
	})
}

// listersOf reads all of the table: only for a case whose count is wrong.
func listersOf(ctx context.Context, tx *db.Tx, n int64) ([]org.UnitID, error) {
	return db.All(ctx, tx, `SELECT unit FROM worklist WHERE n = ?1 ORDER BY unit`, []any{n}, func(row db.Scanner) (u org.UnitID, err error) {
		return u, row.Scan(&u)
	})
}

// caseTables hold rows that must each belong to a case.
var caseTables = []string{"events", "worklist", "timers", "case_keys", "looks"}

// sealedKeep hold rows of cases under seal too: who looked before, and the wrapped key.
var sealedKeep = []string{"case_keys", "looks"}

func strayNumbers(ctx context.Context, tx *db.Tx, table string) ([]int64, error) {
	q := `SELECT DISTINCT t.n FROM ` + table + ` t LEFT JOIN cases c ON c.n = t.n WHERE c.n IS NULL`
	if slices.Contains(sealedKeep, table) {
		q += ` AND t.n NOT IN (SELECT n FROM sealed_cases)`
	}
	return db.All(ctx, tx, q+` ORDER BY t.n LIMIT 1000`, nil, scanInt)
}

func storedTallies(ctx context.Context, tx *db.Tx) (map[string]counts, error) {
	return talliesOf(ctx, tx, `SELECT unit, programme, procedure, state, CAST(SUM(cases) AS BIGINT), CAST(SUM(late) AS BIGINT), CAST(SUM(unassigned) AS BIGINT),
 CAST(SUM(offered) AS BIGINT), CAST(SUM(paused) AS BIGINT) FROM tallies GROUP BY unit, programme, procedure, state`)
}

func countedTallies(ctx context.Context, tx *db.Tx) (map[string]counts, error) {
	return talliesOf(ctx, tx, `SELECT w.unit, c.programme, c.procedure, c.state, COUNT(*), CAST(SUM(c.late) AS BIGINT), CAST(SUM(CASE WHEN c.assignee = '' THEN 1 ELSE 0 END) AS BIGINT),
 CAST(SUM(CASE WHEN c.offered <> '' AND (w.unit = c.offered OR w.unit = '=' || c.offered) THEN 1 ELSE 0 END) AS BIGINT), CAST(SUM(c.paused) AS BIGINT)
 FROM worklist w JOIN cases c ON c.n = w.n WHERE w.is_open = 1 GROUP BY w.unit, c.programme, c.procedure, c.state`)
}

func talliesOf(ctx context.Context, tx *db.Tx, q string) (map[string]counts, error) {
	type named struct {
		unit, programme, procedure, state string
		n                                 counts
	}
	out := map[string]counts{}
	for t, err := range db.Query(ctx, tx, q, nil, func(row db.Scanner) (t named, err error) {
		return t, row.Scan(&t.unit, &t.programme, &t.procedure, &t.state, &t.n[0], &t.n[1], &t.n[2], &t.n[3], &t.n[4])
	}) {
		if err != nil {
			return nil, err
		}
		out[t.unit+" "+t.programme+" "+t.procedure+" "+t.state] = t.n
	}
	return out, nil
}

func countRecorded(ctx context.Context, tx *db.Tx) (events, looks int64, err error) {
	if events, err = db.One(ctx, tx, `SELECT (SELECT COUNT(*) FROM events) + (SELECT COUNT(*) FROM sealed_events)`, nil, scanInt); err != nil {
		return 0, 0, err
	}
	looks, err = db.One(ctx, tx, `SELECT COUNT(*) FROM looks`, nil, scanInt)
	return events, looks, err
}

// eventNames tells the names in the log that every event may have.
func eventNames(ctx context.Context, tx *db.Tx, leaves func(casework.CaseID, int, time.Time) []string) func(func(...string)) error {
	type key struct {
		n   int64
		seq int
		at  int64
	}
	return func(each func(...string)) error {
		for k, err := range db.Query(ctx, tx, `SELECT n, seq, at FROM events UNION ALL SELECT n, seq, at FROM sealed_events`, nil, func(row db.Scanner) (k key, err error) {
			return k, row.Scan(&k.n, &k.seq, &k.at)
		}) {
			if err != nil {
				return err
			}
			each(leaves(caseID(k.n), k.seq, db.FromMicros(k.at))...)
		}
		return nil
	}
}

func lookNames(ctx context.Context, tx *db.Tx) func(func(...string)) error {
	return func(each func(...string)) error {
		for ref, err := range db.Query(ctx, tx, `SELECT ref FROM looks`, nil, func(row db.Scanner) (ref string, err error) {
			return ref, row.Scan(&ref)
		}) {
			if err != nil {
				return err
			}
			each(ref)
		}
		return nil
	}
}
