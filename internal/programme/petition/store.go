package petition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/worktime"
)

const dayColumns = `id, unit, office, leader, topics, place, date, begins, ends, slots, minutes, closes, why, changed_at, published_at, cancelled_at, cancelled_why`

func scanDay(row db.Scanner) (d Day, err error) {
	var unit, date, closes string
	var begins, ends, slots, minutes, changed, published, cancelled int64
	if err = row.Scan(&d.ID, &unit, &d.Office, &d.Leader, &d.Topics, &d.Place, &date, &begins, &ends, &slots, &minutes, &closes, &d.Why,
		&changed, &published, &cancelled, &d.CancelledWhy); err != nil {
		return d, err
	}
	d.Unit, d.Begins, d.Ends, d.Slots, d.Minutes = org.UnitID(unit), int(begins), int(ends), int(slots), int(minutes)
	d.Changed, d.Published, d.Cancelled = db.FromMicrosOrNone(changed), db.FromMicrosOrNone(published), db.FromMicrosOrNone(cancelled)
	if d.Date, err = worktime.ParseDay(date); err != nil {
		return d, err
	}
	d.Closes, err = worktime.ParseDay(closes)
	return d, err
}

func loadDay(ctx context.Context, tx *db.Tx, id int64) (Day, error) {
	d, err := db.One(ctx, tx, `SELECT `+dayColumns+` FROM reception_days WHERE id = ?1`, []any{id}, scanDay)
	if errors.Is(err, db.ErrNoRows) {
		return d, errNone
	}
	return d, err
}

// daysBetween lists every day of the span, drafts too, in the order they come.
func daysBetween(ctx context.Context, tx *db.Tx, from, to worktime.Day) ([]Day, error) {
	return db.All(ctx, tx, `SELECT `+dayColumns+` FROM reception_days WHERE date >= ?1 AND date <= ?2 ORDER BY date, begins, id`,
		[]any{from.String(), to.String()}, scanDay)
}

// putDay stores a new day, or a draft anew.
func putDay(ctx context.Context, tx *db.Tx, d Day) (int64, error) {
	args := []any{string(d.Unit), d.Office, d.Leader, d.Topics, d.Place, d.Date.String(), int64(d.Begins), int64(d.Ends), int64(d.Slots),
		int64(d.Minutes), d.Closes.String(), d.Why, db.Micros(tx.Now)}
	if d.ID == 0 {
		return db.One(ctx, tx, `INSERT INTO reception_days (unit, office, leader, topics, place, date, begins, ends, slots, minutes, closes, why, changed_at,
 published_at, cancelled_at, cancelled_why, turn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, 0, '', 0) RETURNING id`, args, db.ScanID)
	}
	n, err := tx.Exec(ctx, `UPDATE reception_days SET unit = ?1, office = ?2, leader = ?3, topics = ?4, place = ?5, date = ?6, begins = ?7, ends = ?8,
 slots = ?9, minutes = ?10, closes = ?11, why = ?12, changed_at = ?13 WHERE id = ?14 AND published_at = 0`, append(args, d.ID)...)
	if err == nil && n == 0 {
		err = refuse("reception.published")
	}
	return d.ID, err
}

func publishDay(ctx context.Context, tx *db.Tx, id int64) error {
	n, err := tx.Exec(ctx, `UPDATE reception_days SET published_at = ?1, changed_at = ?1 WHERE id = ?2 AND published_at = 0`, db.Micros(tx.Now), id)
	if err == nil && n == 0 {
		err = refuse("reception.published")
	}
	return err
}

// takeTurn puts the changes of one day's bookings in a row, on every node: of two at once the later runs
// again and sees what the first did. Without it both could choose the same slot.
func takeTurn(ctx context.Context, tx *db.Tx, day int64) (Day, error) {
	if err := tx.Send(ctx, `UPDATE reception_days SET turn = turn + 1 WHERE id = ?1`, day); err != nil {
		return Day{}, err
	}
	return loadDay(ctx, tx, day)
}

func dropDraft(ctx context.Context, tx *db.Tx, id int64) error {
	n, err := tx.Exec(ctx, `DELETE FROM reception_days WHERE id = ?1 AND published_at = 0`, id)
	if err == nil && n == 0 {
		err = refuse("reception.published")
	}
	return err
}

func cancelDay(ctx context.Context, tx *db.Tx, id int64, why string) error {
	n, err := tx.Exec(ctx, `UPDATE reception_days SET cancelled_at = ?1, changed_at = ?1, cancelled_why = ?2 WHERE id = ?3 AND published_at > 0 AND cancelled_at = 0`,
		db.Micros(tx.Now), why, id)
	if err == nil && n == 0 {
		err = refuse("reception.cancelled")
	}
	return err
}

const bookingColumns = `id, day, slot, case_id, case_ref, state, live, made_at`

func scanBooking(row db.Scanner) (b Booking, err error) {
	var slot, live, made int64
	var state string
	err = row.Scan(&b.ID, &b.Day, &slot, &b.Case, &b.Ref, &state, &live, &made)
	b.Slot, b.State, b.Live, b.Made = int(slot), State(state), live == 1, db.FromMicros(made)
	return b, err
}

// bookingsOf lists the bookings of a day by the time of the request.
func bookingsOf(ctx context.Context, tx *db.Tx, day int64) ([]Booking, error) {
	return db.All(ctx, tx, `SELECT `+bookingColumns+` FROM reception_bookings WHERE day = ?1 ORDER BY made_at, id`, []any{day}, scanBooking)
}

func loadBooking(ctx context.Context, tx *db.Tx, id int64) (Booking, error) {
	b, err := db.One(ctx, tx, `SELECT `+bookingColumns+` FROM reception_bookings WHERE id = ?1`, []any{id}, scanBooking)
	if errors.Is(err, db.ErrNoRows) {
		return b, errNone
	}
	return b, err
}

// liveBooking is the booking the case has now; ok is false when it has none.
func liveBooking(ctx context.Context, tx *db.Tx, id casework.CaseID) (b Booking, ok bool, err error) {
	b, err = db.One(ctx, tx, `SELECT `+bookingColumns+` FROM reception_bookings WHERE case_id = ?1 AND live = 1`, []any{string(id)}, scanBooking)
	if errors.Is(err, db.ErrNoRows) {
		return b, false, nil
	}
	return b, err == nil, err
}

// lastBooking is the newest booking of a case, whatever became of it.
func lastBooking(ctx context.Context, tx *db.Tx, id casework.CaseID) (b Booking, ok bool, err error) {
	b, err = db.One(ctx, tx, `SELECT `+bookingColumns+` FROM reception_bookings WHERE case_id = ?1 ORDER BY id DESC LIMIT 1`, []any{string(id)}, scanBooking)
	if errors.Is(err, db.ErrNoRows) {
		return b, false, nil
	}
	return b, err == nil, err
}

// endPast lets go of a booking whose day is over, so that an office that writes nothing down keeps
// nobody from the next day.
func endPast(ctx context.Context, tx *db.Tx, id casework.CaseID, today worktime.Day) error {
	return tx.Send(ctx, `UPDATE reception_bookings SET live = 0 WHERE case_id = ?1 AND live = 1 AND day IN (SELECT id FROM reception_days WHERE date < ?2)`,
		string(id), today.String())
}

func putBooking(ctx context.Context, tx *db.Tx, b Booking) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO reception_bookings (day, slot, case_id, case_ref, state, live, made_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6) RETURNING id`,
		[]any{b.Day, int64(b.Slot), b.Case, b.Ref, string(b.State), db.Micros(tx.Now)}, db.ScanID)
}

// setBooking moves a booking from one state to another; refused when it is not in the first any more.
func setBooking(ctx context.Context, tx *db.Tx, b Booking, to State, slot int, live bool) error {
	n, err := tx.Exec(ctx, `UPDATE reception_bookings SET state = ?1, slot = ?2, live = ?3, changed_at = ?4 WHERE id = ?5 AND state = ?6`,
		string(to), int64(slot), live, db.Micros(tx.Now), b.ID, string(b.State))
	if err == nil && n == 0 {
		err = refuse("reception.changed")
	}
	return err
}

const promiseColumns = `id, booking, unit, case_id, case_ref, seq, due, made_at, kept_on`

func scanPromise(row db.Scanner) (p Promise, err error) {
	var unit, due, kept string
	var seq, made int64
	if err = row.Scan(&p.ID, &p.Booking, &unit, &p.Case, &p.Ref, &seq, &due, &made, &kept); err != nil {
		return p, err
	}
	p.Unit, p.Seq, p.Made = org.UnitID(unit), int(seq), db.FromMicros(made)
	if p.Due, err = worktime.ParseDay(due); err != nil || kept == "" {
		return p, err
	}
	p.Kept, err = worktime.ParseDay(kept)
	return p, err
}

func putPromise(ctx context.Context, tx *db.Tx, p Promise) error {
	return tx.Send(ctx, `INSERT INTO reception_promises (booking, unit, case_id, case_ref, seq, due, made_at, kept_at, kept_on) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, '')`,
		p.Booking, string(p.Unit), p.Case, p.Ref, int64(p.Seq), p.Due.String(), db.Micros(tx.Now))
}

func loadPromise(ctx context.Context, tx *db.Tx, id int64) (Promise, error) {
	p, err := db.One(ctx, tx, `SELECT `+promiseColumns+` FROM reception_promises WHERE id = ?1`, []any{id}, scanPromise)
	if errors.Is(err, db.ErrNoRows) {
		return p, errNone
	}
	return p, err
}

func keepPromise(ctx context.Context, tx *db.Tx, id int64, on worktime.Day) error {
	n, err := tx.Exec(ctx, `UPDATE reception_promises SET kept_at = ?1, kept_on = ?2 WHERE id = ?3 AND kept_at = 0`, db.Micros(tx.Now), on.String(), id)
	if err == nil && n == 0 {
		err = refuse("reception.kept")
	}
	return err
}

// everyPromise lists what was promised, by the day it is due.
func everyPromise(ctx context.Context, tx *db.Tx) ([]Promise, error) {
	return db.All(ctx, tx, `SELECT `+promiseColumns+` FROM reception_promises ORDER BY due, id`, nil, scanPromise)
}

// record adds a line to the log: who did what, and why where a reason is owed.
func record(ctx context.Context, tx *db.Tx, day, booking int64, actor, what, why string) error {
	if actor == "" {
		return fmt.Errorf("petition: a change (%s) without an actor", what)
	}
	return tx.Send(ctx, `INSERT INTO reception_log (day, booking, at, actor, what, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		day, booking, db.Micros(tx.Now), actor, what, why)
}

// logLine is one line of the log.
type logLine struct {
	Booking          int64
	At               time.Time
	Actor, What, Why string
}

func logOf(ctx context.Context, tx *db.Tx, day int64) ([]logLine, error) {
	return db.All(ctx, tx, `SELECT booking, at, actor, what, why FROM reception_log WHERE day = ?1 ORDER BY id`, []any{day}, func(row db.Scanner) (l logLine, err error) {
		var at int64
		err = row.Scan(&l.Booking, &at, &l.Actor, &l.What, &l.Why)
		l.At = db.FromMicros(at)
		return l, err
	})
}

// Forget takes away the meetings of a case that goes under seal: what they held stands in its events.
func Forget(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	for _, text := range []string{
		`DELETE FROM reception_log WHERE booking IN (SELECT id FROM reception_bookings WHERE case_id = ?1)`,
		`DELETE FROM reception_promises WHERE case_id = ?1`,
		`DELETE FROM reception_bookings WHERE case_id = ?1`,
	} {
		if err := tx.Send(ctx, text, string(id)); err != nil {
			return err
		}
	}
	return nil
}
