package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
)

// lastNumber lies behind every case.
const lastNumber = int64(math.MaxInt64)

type openCase struct {
	n int64
	c casework.Case
}

// openAfter reads the open cases after a number, in the order of their key.
func openAfter(ctx context.Context, tx *db.Tx, after int64, limit int) ([]openCase, error) {
	return db.All(ctx, tx, `SELECT n, doc FROM cases WHERE n > ?1 AND is_open = 1 ORDER BY n LIMIT ?2`, []any{after, int64(limit)}, func(row db.Scanner) (o openCase, err error) {
		var doc string
		if err := row.Scan(&o.n, &doc); err != nil {
			return o, err
		}
		if err := json.Unmarshal([]byte(doc), &o.c); err != nil {
			return o, fmt.Errorf("ledger: case %d does not read: %w", o.n, err)
		}
		return o, nil
	})
}

type timerRow struct {
	n     int64
	clock string
	at    time.Time
}

// timersBetween reads the timers after one case and up to another, by case and clock.
func timersBetween(ctx context.Context, tx *db.Tx, after, last int64) (map[int64]map[string]timerRow, error) {
	rows, err := db.All(ctx, tx, `SELECT n, clock, fires_at FROM timers WHERE n > ?1 AND n <= ?2`, []any{after, last}, func(row db.Scanner) (t timerRow, err error) {
		var at int64
		err = row.Scan(&t.n, &t.clock, &at)
		t.at = db.FromMicros(at)
		return t, err
	})
	out := map[int64]map[string]timerRow{}
	for _, t := range rows {
		if out[t.n] == nil {
			out[t.n] = map[string]timerRow{}
		}
		out[t.n][t.clock] = t
	}
	return out, err
}

// openFlag is false for a case that is closed, or not there.
func openFlag(ctx context.Context, tx *db.Tx, n int64) (bool, error) {
	open, err := db.One(ctx, tx, `SELECT is_open FROM cases WHERE n = ?1`, []any{n}, scanInt)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return open == 1, err
}

// refOf is the number people use; a case that is not there is named by its key.
func refOf(ctx context.Context, tx *db.Tx, n int64) (casework.Ref, error) {
	ref, err := db.One(ctx, tx, `SELECT ref FROM cases WHERE n = ?1`, []any{n}, func(row db.Scanner) (ref casework.Ref, err error) {
		return ref, row.Scan(&ref)
	})
	if errors.Is(err, db.ErrNoRows) {
		return casework.Ref(caseID(n)), nil
	}
	return ref, err
}

func eventAt(ctx context.Context, tx *db.Tx, n int64, seq int) (casework.Event, error) {
	return db.One(ctx, tx, `SELECT doc FROM events WHERE n = ?1 AND seq = ?2`, []any{n, int64(seq)}, func(row db.Scanner) (e casework.Event, err error) {
		var doc string
		if err := row.Scan(&doc); err != nil {
			return e, err
		}
		return e, json.Unmarshal([]byte(doc), &e)
	})
}

func countCases(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT (SELECT COUNT(*) FROM cases) + (SELECT COUNT(*) FROM sealed_cases)`, nil, scanInt)
}

func keepFindings(ctx context.Context, tx *db.Tx, found []Finding) error {
	for _, f := range found {
		examples, err := json.Marshal(f.Examples)
		if err != nil {
			return err
		}
		err = tx.Send(ctx, `INSERT INTO invariants (name, at, count, examples) VALUES (?1, ?2, ?3, ?4)
 ON CONFLICT (name) DO UPDATE SET at = excluded.at, count = excluded.count, examples = excluded.examples`,
			f.Name, db.Micros(f.At), int64(f.Count), string(examples))
		if err != nil {
			return err
		}
	}
	return nil
}

func listFindings(ctx context.Context, tx *db.Tx) ([]Finding, error) {
	return db.All(ctx, tx, `SELECT name, at, count, examples FROM invariants`, nil, func(row db.Scanner) (f Finding, err error) {
		var at, count int64
		var examples string
		if err := row.Scan(&f.Name, &at, &count, &examples); err != nil {
			return f, err
		}
		f.At, f.Count = db.FromMicros(at), int(count)
		return f, json.Unmarshal([]byte(examples), &f.Examples)
	})
}
