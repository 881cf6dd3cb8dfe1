package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"comity/internal/db"
)

// readMeasured reads the mark of a city for measurements. No other city has one.
func readMeasured(ctx context.Context, tx *db.Tx) (f Filled, ok bool, err error) {
	f, err = db.One(ctx, tx, `SELECT begun_at, ended_at, done, plan FROM measured`, nil, func(row db.Scanner) (f Filled, err error) {
		var begun, ended, done int64
		var text string
		if err := row.Scan(&begun, &ended, &done, &text); err != nil {
			return f, err
		}
		f.Begun, f.Ended, f.Done = db.FromMicros(begun), db.FromMicrosOrNone(ended), int(done)
		f.left, err = decodePlan(text)
		f.Filling = f.left.Filling
		return f, err
	})
	if errors.Is(err, db.ErrNoRows) {
		return Filled{}, false, nil
	}
	return f, err == nil, err
}

func putMeasured(ctx context.Context, tx *db.Tx, p plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO measured (one, begun_at, ended_at, done, plan) VALUES (1, ?1, 0, 0, ?2)`, db.Micros(tx.Now), string(text))
	return err
}

func replan(ctx context.Context, tx *db.Tx, p plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE measured SET plan = ?1`, string(text))
	return err
}

func doneMeasured(ctx context.Context, tx *db.Tx, done int) error {
	_, err := tx.Exec(ctx, `UPDATE measured SET done = ?1`, int64(done))
	return err
}

func endMeasured(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE measured SET ended_at = ?1`, db.Micros(tx.Now))
	return err
}

// endedCases are the first cases of matters that have ended: those that no other case opened.
func endedCases(ctx context.Context, tx *db.Tx) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM cases WHERE is_open = 0 AND sealed = 0 AND erased_at = 0 ORDER BY n`, nil, scanInt)
}

// readCounters are the series from which public numbers are drawn.
func readCounters(ctx context.Context, tx *db.Tx) (map[string]int64, error) {
	type counter struct {
		name  string
		value int64
	}
	all, err := db.All(ctx, tx, `SELECT name, value FROM counters`, nil, func(row db.Scanner) (c counter, err error) {
		return c, row.Scan(&c.name, &c.value)
	})
	out := map[string]int64{}
	for _, c := range all {
		if strings.HasPrefix(c.name, "ref ") {
			out[c.name] = c.value
		}
	}
	return out, err
}

func putCounter(ctx context.Context, tx *db.Tx, name string, value int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// addTally adds to a tally of one shard.
func addTally(ctx context.Context, tx *db.Tx, shard int64, programme, procedure string, t tally, n counts) error {
	_, err := tx.Exec(ctx, `INSERT INTO tallies (programme, procedure, shard, unit, state, cases, late, unassigned, offered, paused) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
 ON CONFLICT (unit, programme, procedure, state, shard) DO UPDATE SET cases = tallies.cases + excluded.cases, late = tallies.late + excluded.late,
 unassigned = tallies.unassigned + excluded.unassigned, offered = tallies.offered + excluded.offered, paused = tallies.paused + excluded.paused`,
		programme, procedure, shard, string(t.unit), t.state, n[0], n[1], n[2], n[3], n[4])
	return err
}

// Where the rows of copies go: the columns are those that save and its neighbours write.
var (
	intoCases     = db.Into{Table: "cases", Columns: caseColumns, Kinds: "ittttttt" + "ii" + "t" + "i" + "tttttt" + "iiiii" + "tt" + "i" + "b" + "t" + "ii"}
	intoEvents    = db.Into{Table: "events", Columns: "n, seq, kind, at, hash, doc", Kinds: "iitibt"}
	intoWorklist  = db.Into{Table: "worklist", Columns: "unit, is_open, sort_at, n, state, programme, late", Kinds: "tiiitti"}
	intoTimers    = db.Into{Table: "timers", Columns: "n, clock, fires_at, prio, lease_until, calendar", Kinds: "itiiit"}
	intoNotable   = db.Into{Table: "notable", Columns: "unit, kind, at, n, clock", Kinds: "ttiit"}
	intoKeys      = db.Into{Table: "case_keys", Columns: "n, slot, wrapped, state, id, generation", Kinds: "itttti"}
	intoLooks     = db.Into{Table: "looks", Columns: "ref, n, at, actor, for_actor, role, unit, purpose, ground, level, note, hash, order_ref", Kinds: "tiittttttttbt"}
	intoSubjects  = db.Into{Table: "subjects", Columns: "n, kind, token", Kinds: "itt"}
	intoMembers   = db.Into{Table: "member_keys", Columns: "code, n, member", Kinds: "tit"}
	intoCaseFiles = db.Into{Table: "case_files", Columns: "name, n", Kinds: "ti"}
)

func countStock(ctx context.Context, tx *db.Tx) (Stock, error) {
	return db.One(ctx, tx, `SELECT (SELECT COUNT(*) FROM cases), (SELECT COUNT(*) FROM cases WHERE is_open = 1), (SELECT COUNT(*) FROM cases WHERE is_open = 1 AND late = 1),
 (SELECT COUNT(*) FROM events), (SELECT COUNT(*) FROM looks), (SELECT COUNT(*) FROM timers)`, nil, func(row db.Scanner) (s Stock, err error) {
		return s, row.Scan(&s.Cases, &s.Open, &s.Late, &s.Events, &s.Looks, &s.Timers)
	})
}
