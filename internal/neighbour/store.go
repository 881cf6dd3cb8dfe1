package neighbour

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
)

const sendColumns = `id, neighbour, kind, job_key, case_id, case_ref, place, programme, link, seq, origin, state, reason, token, tries, unclear, created_at, first_at, next_at, changed_at`

func scanSend(row db.Scanner) (s Send, err error) {
	var created, first, next, changed int64
	err = row.Scan(&s.ID, &s.Neighbour, &s.Kind, &s.job, &s.Case, &s.Ref, &s.Place, &s.Programme, &s.link, &s.seq, &s.origin, &s.State, &s.Reason, &s.Token, &s.Tries, &s.Unclear,
		&created, &first, &next, &changed)
	s.Created, s.first, s.Next, s.Changed = db.FromMicros(created), db.FromMicrosOrNone(first), db.FromMicrosOrNone(next), db.FromMicros(changed)
	return s, err
}

func putSend(ctx context.Context, tx *db.Tx, s Send) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO neighbour_sends (neighbour, kind, job_key, case_id, case_ref, place, programme, link, seq, origin, state, reason, token, tries, unclear,
 created_at, first_at, next_at, changed_at) VALUES (?1, ?2, '', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '', '', 0, 0, ?11, 0, 0, ?11) RETURNING id`,
		[]any{s.Neighbour, string(s.Kind), string(s.Case), string(s.Ref), s.Place, s.Programme, s.link, int64(s.seq), string(s.origin), string(s.State), db.Micros(tx.Now)}, db.ScanID)
}

func setSend(ctx context.Context, tx *db.Tx, s Send) error {
	_, err := tx.Exec(ctx, `UPDATE neighbour_sends SET job_key = ?2, state = ?3, reason = ?4, token = ?5, tries = ?6, unclear = ?7, first_at = ?8, next_at = ?9, changed_at = ?10 WHERE id = ?1`,
		s.ID, s.job, string(s.State), s.Reason, s.Token, int64(s.Tries), int64(s.Unclear), db.MicrosOrNone(s.first), db.MicrosOrNone(s.Next), db.Micros(tx.Now))
	return err
}

func loadSend(ctx context.Context, tx *db.Tx, id int64) (Send, error) {
	return db.One(ctx, tx, `SELECT `+sendColumns+` FROM neighbour_sends WHERE id = ?1`, []any{id}, scanSend)
}

// arrivedReport is the newest report of a case that has a number at a neighbour.
func arrivedReport(ctx context.Context, tx *db.Tx, id casework.CaseID, neighbour string) (Send, error) {
	return db.One(ctx, tx, `SELECT `+sendColumns+` FROM neighbour_sends WHERE case_id = ?1 AND neighbour = ?2 AND kind = 'report' AND state = 'delivered' ORDER BY id DESC LIMIT 1`,
		[]any{string(id), neighbour}, scanSend)
}

// lateFrom is when the oldest of the matters was written down that got their number since a time; zero: there is none.
func lateFrom(ctx context.Context, tx *db.Tx, neighbour string, since time.Time) (time.Time, error) {
	return db.One(ctx, tx, `SELECT COALESCE(MIN(s.created_at), 0) FROM neighbour_links l JOIN neighbour_sends s ON s.case_id = l.case_id AND s.neighbour = l.neighbour AND s.kind = 'report'
 WHERE l.neighbour = ?1 AND l.ours = 1 AND l.ended = 0 AND l.began_at >= ?2`, []any{neighbour, db.MicrosOrNone(since)}, func(row db.Scanner) (time.Time, error) {
		var at int64
		err := row.Scan(&at)
		return db.FromMicrosOrNone(at), err
	})
}

// liveReports lists the reports of a case that are on their way, or may still be.
func liveReports(ctx context.Context, tx *db.Tx, id casework.CaseID) ([]Send, error) {
	return db.All(ctx, tx, `SELECT `+sendColumns+` FROM neighbour_sends WHERE case_id = ?1 AND kind = 'report' AND state NOT IN ('delivered', 'cancelled') ORDER BY id`,
		[]any{string(id)}, scanSend)
}

// telling says whether an update of a link is on its way.
func telling(ctx context.Context, tx *db.Tx, link int64) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM neighbour_sends WHERE link = ?1 AND kind = 'update' AND state IN ('created', 'sending', 'temporary')`, []any{link}, db.ScanID)
	return n > 0, err
}

// nextUpdate is the oldest update of a link that waits for the one before it.
func nextUpdate(ctx context.Context, tx *db.Tx, link int64) (Send, error) {
	return db.One(ctx, tx, `SELECT `+sendColumns+` FROM neighbour_sends WHERE link = ?1 AND kind = 'update' AND state = 'created' AND job_key = '' ORDER BY id LIMIT 1`, []any{link}, scanSend)
}

func moveSends(ctx context.Context, tx *db.Tx, id casework.CaseID, place string) error {
	_, err := tx.Exec(ctx, `UPDATE neighbour_sends SET place = ?2 WHERE case_id = ?1 AND place <> ?2`, string(id), place)
	return err
}

func putAttempt(ctx context.Context, tx *db.Tx, s Send, a courier.Attempt) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO neighbour_attempts (send, case_id, began_at, ended_at, actor, outcome, words, external) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id`,
		[]any{s.ID, string(s.Case), db.MicrosOrNone(a.Began), db.MicrosOrNone(a.Ended), a.Actor, a.Outcome, a.Words, a.External}, db.ScanID)
}

func endAttempt(ctx context.Context, tx *db.Tx, id int64, outcome, words, external string) error {
	_, err := tx.Exec(ctx, `UPDATE neighbour_attempts SET ended_at = ?2, outcome = ?3, words = ?4, external = ?5 WHERE id = ?1`, id, db.Micros(tx.Now), outcome, words, external)
	return err
}

// endOpenAttempts marks tries whose end nobody knows.
func endOpenAttempts(ctx context.Context, tx *db.Tx, send int64) error {
	_, err := tx.Exec(ctx, `UPDATE neighbour_attempts SET outcome = 'unclear' WHERE send = ?1 AND ended_at = 0 AND outcome = ''`, send)
	return err
}

// firstTry is when a report was first put to the neighbour, or one of the same case that was called off and may be there;
// zero: never.
func firstTry(ctx context.Context, tx *db.Tx, s Send) (time.Time, error) {
	return db.One(ctx, tx, `SELECT COALESCE(MIN(a.began_at), 0) FROM neighbour_sends s JOIN neighbour_attempts a ON a.send = s.id
 WHERE s.case_id = ?1 AND s.neighbour = ?2 AND s.kind = 'report' AND (s.id = ?3 OR s.state = 'cancelled') AND a.actor = ''`, []any{string(s.Case), s.Neighbour, s.ID}, func(row db.Scanner) (time.Time, error) {
		var at int64
		err := row.Scan(&at)
		return db.FromMicrosOrNone(at), err
	})
}

func listAttempts(ctx context.Context, tx *db.Tx, send int64) ([]courier.Attempt, error) {
	return db.All(ctx, tx, `SELECT began_at, ended_at, actor, outcome, words, external FROM neighbour_attempts WHERE send = ?1 ORDER BY id`, []any{send},
		func(row db.Scanner) (a courier.Attempt, err error) {
			var began, ended int64
			err = row.Scan(&began, &ended, &a.Actor, &a.Outcome, &a.Words, &a.External)
			a.Began, a.Ended = db.FromMicrosOrNone(began), db.FromMicrosOrNone(ended)
			return a, err
		})
}

// where writes the condition of a list; its reach is a part of it, so that no page can leave it out.
func (f Filter) where() (text string, args []any) {
	arg := func(v any) string {
		args = append(args, v)
		return "?" + strconv.Itoa(len(args))
	}
	parts := []string{courier.Within(f.Reach, arg)}
	var states []string
	for _, s := range f.States {
		states = append(states, arg(string(s)))
	}
	if len(states) > 0 {
		parts = append(parts, "state IN ("+strings.Join(states, ", ")+")")
	}
	if f.Case != "" {
		parts = append(parts, "case_id = "+arg(string(f.Case)))
	}
	if f.Before != 0 {
		parts = append(parts, "id < "+arg(f.Before))
	}
	return strings.Join(parts, " AND "), args
}

func listSends(ctx context.Context, tx *db.Tx, f Filter) ([]Send, error) {
	where, args := f.where()
	args = append(args, int64(f.Limit))
	return db.All(ctx, tx, `SELECT `+sendColumns+` FROM neighbour_sends WHERE `+where+` ORDER BY id DESC LIMIT ?`+strconv.Itoa(len(args)), args, scanSend)
}

// findSend is a list of one: whoever may not see it in a list does not see it alone either.
func findSend(ctx context.Context, tx *db.Tx, reach []courier.Reach, id int64) (Send, error) {
	where, args := Filter{Reach: reach}.where()
	args = append(args, id)
	s, err := db.One(ctx, tx, `SELECT `+sendColumns+` FROM neighbour_sends WHERE `+where+` AND id = ?`+strconv.Itoa(len(args)), args, scanSend)
	if errors.Is(err, db.ErrNoRows) {
		err = courier.ErrNone
	}
	return s, err
}

func countSends(ctx context.Context, tx *db.Tx, f Filter) (map[courier.State]int, error) {
	where, args := f.where()
	type count struct {
		state courier.State
		n     int
	}
	rows, err := db.All(ctx, tx, `SELECT state, COUNT(*) FROM neighbour_sends WHERE `+where+` GROUP BY state`, args, func(row db.Scanner) (c count, err error) {
		return c, row.Scan(&c.state, &c.n)
	})
	out := map[courier.State]int{}
	for _, r := range rows {
		out[r.state] = r.n
	}
	return out, err
}

const linkColumns = `id, neighbour, theirs, ours, case_id, case_ref, origin, word, ended`

func scanLink(row db.Scanner) (l Link, err error) {
	var ours, ended int64
	err = row.Scan(&l.ID, &l.Neighbour, &l.Theirs, &ours, &l.Case, &l.Ref, &l.Origin, &l.Word, &ended)
	l.Ours, l.Ended = ours == 1, ended == 1
	return l, err
}

// putLink joins a request of theirs with a case of ours, or joins again what was joined before and had ended.
func putLink(ctx context.Context, tx *db.Tx, l Link) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO neighbour_links (neighbour, theirs, ours, case_id, case_ref, origin, word, ended, began_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
 ON CONFLICT (neighbour, theirs, ours) DO UPDATE SET origin = excluded.origin, ended = excluded.ended, changed_at = excluded.changed_at RETURNING id`,
		[]any{l.Neighbour, l.Theirs, db.Flag(l.Ours), string(l.Case), string(l.Ref), string(l.Origin), l.Word, db.Flag(l.Ended), db.Micros(tx.Now)}, db.ScanID)
}

func loadLink(ctx context.Context, tx *db.Tx, id int64) (Link, error) {
	return db.One(ctx, tx, `SELECT `+linkColumns+` FROM neighbour_links WHERE id = ?1`, []any{id}, scanLink)
}

func linkedTo(ctx context.Context, tx *db.Tx, neighbour, theirs string, ours bool) (Link, error) {
	return db.One(ctx, tx, `SELECT `+linkColumns+` FROM neighbour_links WHERE neighbour = ?1 AND theirs = ?2 AND ours = ?3`, []any{neighbour, theirs, db.Flag(ours)}, scanLink)
}

// linksOf lists what of a case is not ended.
func linksOf(ctx context.Context, tx *db.Tx, id casework.CaseID) ([]Link, error) {
	return db.All(ctx, tx, `SELECT `+linkColumns+` FROM neighbour_links WHERE case_id = ?1 AND ended = 0 ORDER BY id`, []any{string(id)}, scanLink)
}

// openLinks lists what was handed to a neighbour and has not ended, from an id on.
func openLinks(ctx context.Context, tx *db.Tx, neighbour string, after int64, limit int) ([]Link, error) {
	return db.All(ctx, tx, `SELECT `+linkColumns+` FROM neighbour_links WHERE neighbour = ?1 AND ours = 1 AND ended = 0 AND id > ?2 ORDER BY id LIMIT ?3`,
		[]any{neighbour, after, int64(limit)}, scanLink)
}

// theirsOf is the number a case has at a neighbour; the newest one where there are several.
func theirsOf(ctx context.Context, tx *db.Tx, id casework.CaseID) (Link, error) {
	return db.One(ctx, tx, `SELECT `+linkColumns+` FROM neighbour_links WHERE case_id = ?1 ORDER BY id DESC LIMIT 1`, []any{string(id)}, scanLink)
}

func setWord(ctx context.Context, tx *db.Tx, link int64, word string) error {
	_, err := tx.Exec(ctx, `UPDATE neighbour_links SET word = ?2, changed_at = ?3 WHERE id = ?1`, link, word, db.Micros(tx.Now))
	return err
}

func endLink(ctx context.Context, tx *db.Tx, link int64) error {
	_, err := tx.Exec(ctx, `UPDATE neighbour_links SET ended = 1, changed_at = ?2 WHERE id = ?1`, link, db.Micros(tx.Now))
	return err
}

// heard is how far a piece of news has been carried out.
type heard struct {
	steps       int
	acted, done bool
}

func loadHeard(ctx context.Context, tx *db.Tx, neighbour, news string) (h heard, err error) {
	h, err = db.One(ctx, tx, `SELECT steps, acted, done FROM neighbour_heard WHERE neighbour = ?1 AND news = ?2`, []any{neighbour, news}, func(row db.Scanner) (h heard, err error) {
		var acted, done int64
		err = row.Scan(&h.steps, &acted, &done)
		h.acted, h.done = acted == 1, done == 1
		return h, err
	})
	if errors.Is(err, db.ErrNoRows) {
		return heard{}, nil
	}
	return h, err
}

func putHeard(ctx context.Context, tx *db.Tx, neighbour, news string, id casework.CaseID, h heard) error {
	_, err := tx.Exec(ctx, `INSERT INTO neighbour_heard (neighbour, news, case_id, steps, acted, done, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
 ON CONFLICT (neighbour, news) DO UPDATE SET steps = excluded.steps, acted = excluded.acted, done = excluded.done`,
		neighbour, news, string(id), int64(h.steps), db.Flag(h.acted), db.Flag(h.done), db.Micros(tx.Now))
	return err
}

// tidyHeard forgets what is too old to be told again.
func tidyHeard(ctx context.Context, tx *db.Tx, neighbour string, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM neighbour_heard WHERE neighbour = ?1 AND at < ?2 AND case_id IN (SELECT case_id FROM neighbour_links WHERE neighbour = ?1 AND ended = 1)`,
		neighbour, db.Micros(before))
	return err
}

func loadPoll(ctx context.Context, tx *db.Tx, neighbour string) (p Poll, err error) {
	p, err = db.One(ctx, tx, `SELECT updates_at, requests_at, reached_at, failed_at, words FROM neighbour_polls WHERE neighbour = ?1`, []any{neighbour}, func(row db.Scanner) (p Poll, err error) {
		var updates, requests, reached, failed int64
		err = row.Scan(&updates, &requests, &reached, &failed, &p.Words)
		p.updates, p.requests, p.Reached, p.Failed = db.FromMicrosOrNone(updates), db.FromMicrosOrNone(requests), db.FromMicrosOrNone(reached), db.FromMicrosOrNone(failed)
		return p, err
	})
	p.Neighbour = neighbour
	if errors.Is(err, db.ErrNoRows) {
		return p, nil
	}
	return p, err
}

func putPoll(ctx context.Context, tx *db.Tx, p Poll) error {
	_, err := tx.Exec(ctx, `INSERT INTO neighbour_polls (neighbour, updates_at, requests_at, reached_at, failed_at, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
 ON CONFLICT (neighbour) DO UPDATE SET updates_at = excluded.updates_at, requests_at = excluded.requests_at, reached_at = excluded.reached_at, failed_at = excluded.failed_at, words = excluded.words`,
		p.Neighbour, db.MicrosOrNone(p.updates), db.MicrosOrNone(p.requests), db.MicrosOrNone(p.Reached), db.MicrosOrNone(p.Failed), p.Words)
	return err
}

// removeCase takes away what is kept of a case.
func removeCase(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	for _, table := range []string{
		// That a request of theirs was here stays, without what it became: else it would be taken in anew.
		`UPDATE neighbour_links SET case_id = '', case_ref = '', origin = '', word = '', ended = 1 WHERE case_id = ?1 AND ours = 0`,
		`DELETE FROM neighbour_attempts WHERE case_id = ?1`, `DELETE FROM neighbour_sends WHERE case_id = ?1`,
		`DELETE FROM neighbour_links WHERE case_id = ?1`, `DELETE FROM neighbour_heard WHERE case_id = ?1`,
	} {
		if _, err := tx.Exec(ctx, table, string(id)); err != nil {
			return err
		}
	}
	return nil
}
