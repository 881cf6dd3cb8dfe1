package mediation

import (
	"context"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

// Seats: who of the roster is on the roll of which case.

func scanSeat(row db.Scanner) (s Seat, err error) {
	var settled, seq int64
	err = row.Scan(&s.Case, &s.Member, &s.Mediator, &seq, &settled)
	s.Seq, s.Settled = int(seq), settled == 1
	return s, err
}

func putSeat(ctx context.Context, tx *db.Tx, s Seat) error {
	return tx.Send(ctx, `INSERT INTO mediation_seats (case_id, member, mediator, seq, settled, gone) VALUES (?1, ?2, ?3, ?4, ?5, 0)`,
		s.Case, s.Member, s.Mediator, int64(s.Seq), s.Settled)
}

// seatMediator says whom of the roster the member is whom an event put on the roll.
func seatMediator(ctx context.Context, tx *db.Tx, id casework.CaseID, seq int, mediator int64) error {
	n, err := tx.Exec(ctx, `UPDATE mediation_seats SET mediator = ?1 WHERE case_id = ?2 AND seq = ?3`, mediator, string(id), int64(seq))
	if err == nil && n != 1 {
		err = refuse("mediation.changed")
	}
	return err
}

func setSeat(ctx context.Context, tx *db.Tx, id casework.CaseID, member string, settled, gone bool) error {
	return tx.Send(ctx, `UPDATE mediation_seats SET settled = ?1, gone = ?2 WHERE case_id = ?3 AND member = ?4`, settled, gone, string(id), member)
}

// seatsOf lists who mediates a case now.
func seatsOf(ctx context.Context, tx *db.Tx, id casework.CaseID) ([]Seat, error) {
	return db.All(ctx, tx, `SELECT case_id, member, mediator, seq, settled FROM mediation_seats WHERE case_id = ?1 AND gone = 0 ORDER BY seq, member`, []any{string(id)}, scanSeat)
}

// openSeats lists who mediates any case now.
func openSeats(ctx context.Context, tx *db.Tx) ([]Seat, error) {
	return db.All(ctx, tx, `SELECT case_id, member, mediator, seq, settled FROM mediation_seats WHERE gone = 0 AND case_id IN
 (SELECT case_id FROM mediation_matters WHERE open = 1) ORDER BY case_id, seq, member`, nil, scanSeat)
}

// Sessions.

const sessionColumns = `id, case_id, case_ref, unit, mode, room, place, begins, ends, state, version, changed_at, changed_by`

// heldFor is how long a time is kept for somebody who is moving a session: long enough for the second step,
// short enough that a lost one does no harm.
const heldFor = 2 * time.Minute

// taking selects the sessions that keep their time, people and room from others; now is the second figure.
const taking = `(state IN ('called', 'open') OR state = 'reserved' AND changed_at > ?2)`

func scanSession(row db.Scanner) (s Session, err error) {
	var unit, state string
	var begins, ends, version, changed int64
	err = row.Scan(&s.ID, &s.Case, &s.Ref, &unit, &s.Mode, &s.Room, &s.Place, &begins, &ends, &state, &version, &changed, &s.ChangedBy)
	s.Unit, s.State, s.Version, s.Changed = org.UnitID(unit), State(state), int(version), db.FromMicros(changed)
	s.Begins, s.Ends = db.FromMicrosOrNone(begins), db.FromMicrosOrNone(ends)
	return s, err
}

// withHolders adds who holds each session.
func withHolders(ctx context.Context, tx *db.Tx, list []Session) ([]Session, error) {
	for i := range list {
		var err error
		list[i].Mediators, err = db.All(ctx, tx, `SELECT mediator FROM mediation_holders WHERE session = ?1 ORDER BY mediator`, []any{list[i].ID}, db.ScanID)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func oneSession(ctx context.Context, tx *db.Tx, where string, args ...any) (s Session, ok bool, err error) {
	list, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions WHERE `+where, args, scanSession)
	if err != nil || len(list) == 0 {
		return s, false, err
	}
	list, err = withHolders(ctx, tx, list[:1])
	if err != nil {
		return s, false, err
	}
	return list[0], true, nil
}

// liveSession is the session that comes next in a case, or goes on, or waits for another time.
func liveSession(ctx context.Context, tx *db.Tx, id casework.CaseID) (Session, bool, error) {
	return oneSession(ctx, tx, `case_id = ?1 AND state IN ('called', 'open', 'reserved', 'put_off')`, string(id))
}

func loadSession(ctx context.Context, tx *db.Tx, id int64) (Session, error) {
	s, ok, err := oneSession(ctx, tx, `id = ?1`, id)
	if err == nil && !ok {
		err = errNone
	}
	return s, err
}

func sessionsOf(ctx context.Context, tx *db.Tx, id casework.CaseID) ([]Session, error) {
	list, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions WHERE case_id = ?1 ORDER BY begins DESC, id DESC`, []any{string(id)}, scanSession)
	if err != nil {
		return nil, err
	}
	return withHolders(ctx, tx, list)
}

// takingBetween lists what keeps times from others between two instants.
func takingBetween(ctx context.Context, tx *db.Tx, from, to time.Time) ([]Session, error) {
	list, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions WHERE begins < ?1 AND ends > ?3 AND begins > 0 AND `+taking+` ORDER BY begins, id`,
		[]any{db.Micros(to), db.Micros(tx.Now.Add(-heldFor)), db.Micros(from)}, scanSession)
	if err != nil {
		return nil, err
	}
	return withHolders(ctx, tx, list)
}

// sessionsBetween lists the sessions of a time, whatever became of them.
func sessionsBetween(ctx context.Context, tx *db.Tx, from, to time.Time) ([]Session, error) {
	list, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions WHERE begins >= ?1 AND begins < ?2 ORDER BY begins, id`,
		[]any{db.Micros(from), db.Micros(to)}, scanSession)
	if err != nil {
		return nil, err
	}
	return withHolders(ctx, tx, list)
}

// loadBetween lists what counts against the hours that mediators gave for a week: sessions that were held, and those to come.
func loadBetween(ctx context.Context, tx *db.Tx, from, to time.Time) ([]load, error) {
	return db.All(ctx, tx, `SELECT h.mediator, s.case_id, s.state, s.begins, s.ends FROM mediation_sessions s JOIN mediation_holders h ON h.session = s.id
 WHERE s.begins >= ?1 AND s.begins < ?3 AND (s.state = 'held' OR `+taking+`) ORDER BY s.begins, s.id, h.mediator`,
		[]any{db.Micros(from), db.Micros(tx.Now.Add(-heldFor)), db.Micros(to)}, func(row db.Scanner) (l load, err error) {
			var state string
			var begins, ends int64
			err = row.Scan(&l.mediator, &l.of, &state, &begins, &ends)
			l.held, l.begins, l.ends = State(state) == Held, db.FromMicros(begins), db.FromMicros(ends)
			return l, err
		})
}

// missedSince lists sessions to which somebody did not come, newest first, of cases with nothing called since.
func missedSince(ctx context.Context, tx *db.Tx, from time.Time) ([]Session, error) {
	list, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions a WHERE state = 'absent' AND changed_at >= ?1 AND NOT EXISTS
 (SELECT 1 FROM mediation_sessions b WHERE b.case_id = a.case_id AND b.id > a.id) AND case_id IN (SELECT case_id FROM mediation_matters WHERE open = 1)
 ORDER BY changed_at DESC, id DESC`, []any{db.Micros(from)}, scanSession)
	if err != nil {
		return nil, err
	}
	return withHolders(ctx, tx, list)
}

// ofMediator lists the sessions somebody of the roster holds from a time on.
func ofMediator(ctx context.Context, tx *db.Tx, mediator int64, from time.Time) ([]Session, error) {
	list, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions WHERE ends > ?1 AND state IN ('called', 'open', 'held', 'absent') AND id IN
 (SELECT session FROM mediation_holders WHERE mediator = ?2) ORDER BY begins, id`, []any{db.Micros(from), mediator}, scanSession)
	if err != nil {
		return nil, err
	}
	return withHolders(ctx, tx, list)
}

// ofAccount lists the sessions before a mediator with an account.
func ofAccount(ctx context.Context, tx *db.Tx, account string, from time.Time) ([]Session, error) {
	return db.All(ctx, tx, `SELECT `+sessionColumns+` FROM mediation_sessions WHERE ends > ?1 AND state IN ('called', 'open', 'held', 'absent') AND id IN
 (SELECT h.session FROM mediation_holders h JOIN mediation_mediators m ON m.id = h.mediator WHERE m.account = ?2) ORDER BY begins, id`, []any{db.Micros(from), account}, scanSession)
}

// clash finds a session that keeps a mediator or the room of another at its time. Whoever asks takes a turn at
// both first, so that of two at once, on whatever node, the later one sees what the first did.
func clash(ctx context.Context, tx *db.Tx, s Session) (other Session, mediator int64, ok bool, err error) {
	const meets = `id <> ?1 AND ` + taking + ` AND begins < ?3 AND ends > ?4`
	args := []any{s.ID, db.Micros(tx.Now.Add(-heldFor)), db.Micros(s.Ends), db.Micros(s.Begins)}
	for _, m := range s.Mediators {
		if err = tx.Send(ctx, `UPDATE mediation_mediators SET turn = turn + 1 WHERE id = ?1`, m); err != nil {
			return other, 0, false, err
		}
		other, ok, err = oneSession(ctx, tx, meets+` AND id IN (SELECT session FROM mediation_holders WHERE mediator = ?5)`, append(args, m)...)
		if ok || err != nil {
			return other, m, ok, err
		}
	}
	if s.Room == 0 {
		return other, 0, false, nil
	}
	if err = tx.Send(ctx, `UPDATE mediation_rooms SET turn = turn + 1 WHERE id = ?1`, s.Room); err != nil {
		return other, 0, false, err
	}
	other, ok, err = oneSession(ctx, tx, meets+` AND room = ?5`, append(args, s.Room)...)
	return other, 0, ok, err
}

// putSession stores a session, new or changed, with who holds it.
func putSession(ctx context.Context, tx *db.Tx, s Session) (int64, error) {
	args := []any{string(s.Unit), s.Mode, s.Room, s.Place, db.MicrosOrNone(s.Begins), db.MicrosOrNone(s.Ends), string(s.State), int64(s.Version), db.Micros(tx.Now), s.ChangedBy}
	if s.ID == 0 {
		id, err := db.One(ctx, tx, `INSERT INTO mediation_sessions (unit, mode, room, place, begins, ends, state, version, changed_at, changed_by, case_id, case_ref)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id`, append(args, s.Case, s.Ref), db.ScanID)
		if err != nil {
			return 0, err
		}
		s.ID = id
	} else if err := tx.Send(ctx, `UPDATE mediation_sessions SET unit = ?1, mode = ?2, room = ?3, place = ?4, begins = ?5, ends = ?6, state = ?7, version = ?8,
 changed_at = ?9, changed_by = ?10 WHERE id = ?11`, append(args, s.ID)...); err != nil {
		return 0, err
	}
	if err := tx.Send(ctx, `DELETE FROM mediation_holders WHERE session = ?1`, s.ID); err != nil {
		return 0, err
	}
	for _, m := range s.Mediators {
		if err := tx.Send(ctx, `INSERT INTO mediation_holders (session, mediator) VALUES (?1, ?2)`, s.ID, m); err != nil {
			return 0, err
		}
	}
	return s.ID, nil
}

// Times at which somebody of a case cannot come.

func putUnavailable(ctx context.Context, tx *db.Tx, u Unavailable) error {
	return tx.Send(ctx, `INSERT INTO mediation_unavailable (case_id, member, begins, ends) VALUES (?1, ?2, ?3, ?4)`, u.Case, u.Member, db.Micros(u.Begins), db.Micros(u.Ends))
}

func dropUnavailable(ctx context.Context, tx *db.Tx, id casework.CaseID, member string, n int64) error {
	return tx.Send(ctx, `DELETE FROM mediation_unavailable WHERE id = ?1 AND case_id = ?2 AND member = ?3`, n, string(id), member)
}

func unavailableOf(ctx context.Context, tx *db.Tx, id casework.CaseID, from time.Time) ([]Unavailable, error) {
	return db.All(ctx, tx, `SELECT id, case_id, member, begins, ends FROM mediation_unavailable WHERE case_id = ?1 AND ends > ?2 ORDER BY begins, id`, []any{string(id), db.Micros(from)}, func(row db.Scanner) (u Unavailable, err error) {
		var begins, ends int64
		err = row.Scan(&u.ID, &u.Case, &u.Member, &begins, &ends)
		u.Begins, u.Ends = db.FromMicros(begins), db.FromMicros(ends)
		return u, err
	})
}

// Matters: where each case stands, by issue and place.

func putMatter(ctx context.Context, tx *db.Tx, m Matter) error {
	return tx.Send(ctx, `INSERT INTO mediation_matters (case_id, case_ref, pack, procedure, unit, place, field, state, open, outcome, opened_at, closed_at)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (case_id) DO UPDATE SET unit = excluded.unit, place = excluded.place, field = excluded.field,
 state = excluded.state, open = excluded.open, outcome = excluded.outcome, closed_at = excluded.closed_at`,
		m.Case, m.Ref, m.Pack, m.Procedure, string(m.Unit), string(m.Place), m.Field, m.State, m.Open, m.Outcome, db.MicrosOrNone(m.Opened), db.MicrosOrNone(m.Closed))
}

const matterColumns = `case_id, case_ref, pack, procedure, unit, place, field, state, open, outcome, opened_at, closed_at`

func scanMatter(row db.Scanner) (m Matter, err error) {
	var unit, place string
	var open, opened, closed int64
	err = row.Scan(&m.Case, &m.Ref, &m.Pack, &m.Procedure, &unit, &place, &m.Field, &m.State, &open, &m.Outcome, &opened, &closed)
	m.Unit, m.Place, m.Open, m.Opened, m.Closed = org.UnitID(unit), org.UnitID(place), open == 1, db.FromMicrosOrNone(opened), db.FromMicrosOrNone(closed)
	return m, err
}

// waitingIn lists the open matters of a unit, oldest first.
func waitingIn(ctx context.Context, tx *db.Tx, unit org.UnitID) ([]Matter, error) {
	return db.All(ctx, tx, `SELECT `+matterColumns+` FROM mediation_matters WHERE open = 1 AND unit = ?1 ORDER BY opened_at, case_id`, []any{string(unit)}, scanMatter)
}

// tally is how many matters have the same unit, field, state or outcome.
type tally struct {
	Unit, Place             org.UnitID
	Procedure, Field, State string
	Outcome                 string
	N                       int
}

func scanTally(row db.Scanner) (t tally, err error) {
	var unit, place string
	var n int64
	err = row.Scan(&unit, &place, &t.Procedure, &t.Field, &t.State, &t.Outcome, &n)
	t.Unit, t.Place, t.N = org.UnitID(unit), org.UnitID(place), int(n)
	return t, err
}

// openTally counts the open matters by unit and state.
func openTally(ctx context.Context, tx *db.Tx) ([]tally, error) {
	return db.All(ctx, tx, `SELECT unit, '', procedure, '', state, '', COUNT(*) FROM mediation_matters WHERE open = 1 GROUP BY unit, procedure, state ORDER BY unit, procedure, state`, nil, scanTally)
}

// cameIn counts what was opened in a time, by unit, place and field.
func cameIn(ctx context.Context, tx *db.Tx, from, to time.Time) ([]tally, error) {
	return db.All(ctx, tx, `SELECT unit, place, '', field, '', '', COUNT(*) FROM mediation_matters WHERE opened_at >= ?1 AND opened_at < ?2 GROUP BY unit, place, field ORDER BY unit, place, field`,
		[]any{db.Micros(from), db.Micros(to)}, scanTally)
}

// ended counts what ended in a time, by unit, field and outcome.
func ended(ctx context.Context, tx *db.Tx, from, to time.Time) ([]tally, error) {
	return db.All(ctx, tx, `SELECT unit, '', procedure, field, '', outcome, COUNT(*) FROM mediation_matters WHERE open = 0 AND closed_at >= ?1 AND closed_at < ?2
 GROUP BY unit, procedure, field, outcome ORDER BY unit, field, outcome`, []any{db.Micros(from), db.Micros(to)}, scanTally)
}
