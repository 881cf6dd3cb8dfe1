package courier

import (
	"context"
	"errors"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
)

func putHappened(ctx context.Context, tx *db.Tx, id casework.CaseID, e Happened) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO hook_events (name, case_id, case_ref, kind, state, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id`,
		[]any{e.ID, string(id), string(e.Ref), e.Kind, e.State, db.Micros(e.At)}, db.ScanID)
}

// putSend gives the line of a receiver and an event, made where there is none.
func putSend(ctx context.Context, tx *db.Tx, receiver string, event int64) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO hook_sends (receiver, event, job_key, state, tries, first_at, changed_at, words) VALUES (?1, ?2, '', 'created', 0, ?3, ?3, '')
 ON CONFLICT (receiver, event) DO UPDATE SET tries = 0, words = '' RETURNING id`, []any{receiver, event, db.Micros(tx.Now)}, db.ScanID)
}

func setSend(ctx context.Context, tx *db.Tx, s hookSend) error {
	return tx.Send(ctx, `UPDATE hook_sends SET job_key = ?2, state = ?3, tries = ?4, first_at = ?5, changed_at = ?6, words = ?7 WHERE id = ?1`,
		s.ID, s.job, string(s.State), int64(s.Tries), db.Micros(s.First), db.Micros(tx.Now), s.Words)
}

func loadSend(ctx context.Context, tx *db.Tx, id int64) (s hookSend, e Happened, of casework.CaseID, err error) {
	_, err = db.One(ctx, tx, `SELECT s.id, s.receiver, s.event, s.job_key, s.state, s.tries, s.first_at, s.words, e.name, e.case_id, e.case_ref, e.kind, e.state, e.at
 FROM hook_sends s JOIN hook_events e ON e.id = s.event WHERE s.id = ?1`, []any{id}, func(row db.Scanner) (struct{}, error) {
		var first, at int64
		err := row.Scan(&s.ID, &s.Receiver, &s.Event, &s.job, &s.State, &s.Tries, &first, &s.Words, &e.ID, &of, &e.Ref, &e.Kind, &e.State, &at)
		s.First, e.At, e.n = db.FromMicros(first), db.FromMicros(at), s.Event
		return struct{}{}, err
	})
	return s, e, of, err
}

// kept is an event with the case it belongs to.
type kept struct {
	Happened
	id casework.CaseID
}

func listHappened(ctx context.Context, tx *db.Tx, from, to time.Time, after int64, limit int) ([]kept, error) {
	return db.All(ctx, tx, `SELECT id, case_id, kind FROM hook_events WHERE at >= ?1 AND at < ?2 AND id > ?3 ORDER BY id LIMIT ?4`,
		[]any{db.Micros(from), db.Micros(to), after, int64(limit)}, func(row db.Scanner) (k kept, err error) { return k, row.Scan(&k.n, &k.id, &k.Kind) })
}

func countSends(ctx context.Context, tx *db.Tx, receiver string) (map[State]int, error) {
	type count struct {
		state State
		n     int
	}
	rows, err := db.All(ctx, tx, `SELECT state, COUNT(*) FROM hook_sends WHERE receiver = ?1 GROUP BY state`, []any{receiver}, func(row db.Scanner) (c count, err error) {
		return c, row.Scan(&c.state, &c.n)
	})
	out := map[State]int{}
	for _, r := range rows {
		out[r.state] = r.n
	}
	return out, err
}

// lastRefusal is what a receiver said when it last refused, and since when something waits for it.
func lastRefusal(ctx context.Context, tx *db.Tx, receiver string) (words string, since time.Time, err error) {
	words, err = db.One(ctx, tx, `SELECT words FROM hook_sends WHERE receiver = ?1 AND state IN ('temporary', 'permanent') ORDER BY changed_at DESC LIMIT 1`, []any{receiver},
		func(row db.Scanner) (w string, err error) { return w, row.Scan(&w) })
	if errors.Is(err, db.ErrNoRows) {
		return "", since, nil
	}
	if err != nil {
		return "", since, err
	}
	since, err = db.One(ctx, tx, `SELECT e.at FROM hook_sends s JOIN hook_events e ON e.id = s.event WHERE s.receiver = ?1 AND s.state IN ('temporary', 'permanent') ORDER BY s.event LIMIT 1`,
		[]any{receiver}, func(row db.Scanner) (time.Time, error) {
			var at int64
			err := row.Scan(&at)
			return db.FromMicros(at), err
		})
	return words, since, err
}

func removeHappened(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	if err := tx.Send(ctx, `DELETE FROM hook_sends WHERE event IN (SELECT id FROM hook_events WHERE case_id = ?1)`, string(id)); err != nil {
		return err
	}
	return tx.Send(ctx, `DELETE FROM hook_events WHERE case_id = ?1`, string(id))
}

func removeHappenedBefore(ctx context.Context, tx *db.Tx, before time.Time) error {
	if err := tx.Send(ctx, `DELETE FROM hook_sends WHERE event IN (SELECT id FROM hook_events WHERE at < ?1)`, db.Micros(before)); err != nil {
		return err
	}
	return tx.Send(ctx, `DELETE FROM hook_events WHERE at < ?1`, db.Micros(before))
}
