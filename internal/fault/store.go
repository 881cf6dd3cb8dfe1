package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"comity/internal/casework"
	"comity/internal/db"
)

// stored is one event as it lies in the table.
type stored struct {
	n, at int64
	seq   int
	hash  string
	e     casework.Event
}

// events reads every event, in the order of cases.
func (h *house) events(ctx context.Context) (out []stored, err error) {
	err = h.db.View(ctx, func(tx *db.Tx) error {
		out, err = db.All(ctx, tx, `SELECT n, seq, at, hash, doc FROM events ORDER BY n, seq`, nil, func(row db.Scanner) (s stored, err error) {
			var hash []byte
			var doc string
			if err := row.Scan(&s.n, &s.seq, &s.at, &hash, &doc); err != nil {
				return s, err
			}
			s.hash = hex.EncodeToString(hash)
			return s, json.Unmarshal([]byte(doc), &s.e)
		})
		return err
	})
	return out, err
}

// titles are the cases by their titles, which are the keys under which they were opened.
func (h *house) titles(ctx context.Context) (out map[string][]casework.CaseID, err error) {
	out = map[string][]casework.CaseID{}
	err = h.db.View(ctx, func(tx *db.Tx) error {
		clear(out)
		type line struct {
			n     int64
			title string
		}
		for l, err := range db.Query(ctx, tx, `SELECT n, title FROM cases ORDER BY n`, nil, func(row db.Scanner) (l line, err error) { return l, row.Scan(&l.n, &l.title) }) {
			if err != nil {
				return err
			}
			out[l.title] = append(out[l.title], caseOf(l.n))
		}
		return nil
	})
	return out, err
}

func caseOf(n int64) casework.CaseID { return casework.CaseID(strconv.FormatInt(n, 36)) }

// number asks for one number.
func (h *house) number(ctx context.Context, q string, args ...any) (n int64, err error) {
	err = h.db.View(ctx, func(tx *db.Tx) error {
		n, err = db.One(ctx, tx, q, args, db.ScanID)
		return err
	})
	return n, err
}

// undone is how many jobs are neither done nor given up.
func (h *house) undone(ctx context.Context) (int64, error) {
	return h.number(ctx, `SELECT COUNT(*) FROM jobs WHERE done_at IS NULL AND dead = 0 AND kind <> 'nobody'`)
}

// stray counts rows that should not be: what a half transaction would leave.
func (h *house) stray(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for what, q := range map[string]string{
		"keys kept without their case":           `SELECT COUNT(*) FROM idempotency WHERE n NOT IN (SELECT n FROM cases)`,
		"keys kept without their event":          `SELECT COUNT(*) FROM idempotency WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.n = idempotency.n AND events.seq = idempotency.seq)`,
		"events without a case":                  `SELECT COUNT(*) FROM events WHERE n NOT IN (SELECT n FROM cases)`,
		"cases whose events are not all there":   `SELECT COUNT(*) FROM cases WHERE seq <> (SELECT COUNT(*) FROM events WHERE events.n = cases.n)`,
		"deliveries without a message":           `SELECT COUNT(*) FROM deliveries WHERE msg_key NOT IN (SELECT msg_key FROM messages)`,
		"jobs given up":                          `SELECT COUNT(*) FROM jobs WHERE dead = 1`,
		"messages that nobody was sent, stopped": `SELECT COUNT(*) FROM deliveries WHERE state NOT IN ('delivered', 'permanent', 'cancelled')`,
	} {
		n, err := h.number(ctx, q)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out[what] = n
		}
	}
	return out, nil
}

// tries are the attempts of each message by which the gateway knows it, and how many of them have no known end.
type tries struct{ all, unclear int }

func (h *house) tries(ctx context.Context) (out map[string]tries, err error) {
	out = map[string]tries{}
	err = h.db.View(ctx, func(tx *db.Tx) error {
		clear(out)
		type line struct {
			key string
			tries
		}
		q := `SELECT d.msg_key, CAST(COUNT(*) AS BIGINT), CAST(SUM(CASE WHEN a.outcome = 'unclear' THEN 1 ELSE 0 END) AS BIGINT)
 FROM deliveries d JOIN delivery_attempts a ON a.delivery = d.id GROUP BY d.msg_key`
		for l, err := range db.Query(ctx, tx, q, nil, func(row db.Scanner) (l line, err error) { return l, row.Scan(&l.key, &l.all, &l.unclear) }) {
			if err != nil {
				return err
			}
			out[courierKey(l.key)] = l.tries
		}
		return nil
	})
	return out, err
}

func createSchema(ctx context.Context, d *db.DB, name string) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `CREATE SCHEMA `+name)
		return err
	})
}

// endBackends ends every connection to the server but its own.
func endBackends(ctx context.Context, admin *db.DB) error {
	return admin.View(ctx, func(tx *db.Tx) error {
		_, err := db.All(ctx, tx, `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`, nil, db.ScanID)
		return err
	})
}

// How often something with a key is there.
const (
	countTitle    = `SELECT COUNT(*) FROM cases WHERE title = ?1`
	countOfficers = `SELECT COUNT(*) FROM events WHERE doc LIKE '%"officer":"' || ?1 || '"%'`
	countJobs     = `SELECT COUNT(*) FROM jobs WHERE key = ?1`
	countLeaves   = `SELECT COUNT(*) FROM log_entries WHERE ref LIKE ?1 || '%'`
	countAccounts = `SELECT COUNT(*) FROM accounts WHERE id = ?1`
	countSessions = `SELECT COUNT(*) FROM account_sessions WHERE CAST(?1 AS TEXT) <> ''`
	countLooks    = `SELECT COUNT(*) FROM looks WHERE CAST(?1 AS TEXT) <> ''`
)
