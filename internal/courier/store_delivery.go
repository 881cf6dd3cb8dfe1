package courier

import (
	"context"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
)

const deliveryColumns = `id, msg_key, job_key, case_id, case_ref, place, programme, sealed, template, recipient, whom, channel, lang, hurry, state, reason,
 tries, unclear, batch, created_at, first_at, next_at, changed_at`

func scanDelivery(row db.Scanner) (d Delivery, err error) {
	var sealed, hurry, created, first, next, changed int64
	err = row.Scan(&d.ID, &d.Key, &d.job, &d.Case, &d.Ref, &d.Place, &d.Programme, &sealed, &d.Template, &d.Recipient, &d.Whom, &d.Channel, &d.Lang, &hurry,
		&d.State, &d.Reason, &d.Tries, &d.Unclear, &d.Batch, &created, &first, &next, &changed)
	d.Sealed, d.Hurry = sealed == 1, hurry == 1
	d.Created, d.First, d.Next, d.Changed = db.FromMicros(created), db.FromMicrosOrNone(first), db.FromMicrosOrNone(next), db.FromMicros(changed)
	return d, err
}

func putDelivery(ctx context.Context, tx *db.Tx, d Delivery) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO deliveries (msg_key, job_key, case_id, case_ref, place, programme, sealed, template, recipient, whom, channel, lang, hurry, state,
 reason, tries, unclear, batch, created_at, first_at, next_at, changed_at)
 VALUES (?1, '', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0, 0, 0, ?15, 0, 0, ?15) RETURNING id`,
		[]any{d.Key, string(d.Case), string(d.Ref), d.Place, d.Programme, db.Flag(d.Sealed), d.Template, d.Recipient, d.Whom, d.Channel, d.Lang, db.Flag(d.Hurry), string(d.State),
			d.Reason, db.Micros(tx.Now)}, db.ScanID)
}

// setDelivery stores what changes in the life of a delivery.
func setDelivery(ctx context.Context, tx *db.Tx, d Delivery) error {
	return tx.Send(ctx, `UPDATE deliveries SET job_key = ?2, state = ?3, reason = ?4, tries = ?5, unclear = ?6, batch = ?7, first_at = ?8, next_at = ?9, changed_at = ?10 WHERE id = ?1`,
		d.ID, d.job, string(d.State), d.Reason, int64(d.Tries), int64(d.Unclear), d.Batch, db.MicrosOrNone(d.First), db.MicrosOrNone(d.Next), db.Micros(tx.Now))
}

func loadDelivery(ctx context.Context, tx *db.Tx, id int64) (Delivery, error) {
	return db.One(ctx, tx, `SELECT `+deliveryColumns+` FROM deliveries WHERE id = ?1`, []any{id}, scanDelivery)
}

func saidSince(ctx context.Context, tx *db.Tx, d Delivery, since time.Time) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM deliveries WHERE case_id = ?1 AND template = ?2 AND created_at > ?3 AND recipient = ?4 AND whom = ?5 AND state <> 'cancelled'`,
		[]any{string(d.Case), d.Template, db.Micros(since), d.Recipient, d.Whom}, db.ScanID)
	return n > 0, err
}

func moveDeliveries(ctx context.Context, tx *db.Tx, id casework.CaseID, place string, sealed bool) error {
	return tx.Send(ctx, `UPDATE deliveries SET place = ?2, sealed = ?3 WHERE case_id = ?1 AND (place <> ?2 OR sealed <> ?3)`, string(id), place, db.Flag(sealed))
}

func removeDeliveries(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	if err := tx.Send(ctx, `DELETE FROM delivery_attempts WHERE case_id = ?1`, string(id)); err != nil {
		return err
	}
	return tx.Send(ctx, `DELETE FROM deliveries WHERE case_id = ?1`, string(id))
}

func putAttempt(ctx context.Context, tx *db.Tx, d Delivery, a Attempt) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO delivery_attempts (delivery, case_id, began_at, ended_at, gateway, actor, outcome, words, external)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '') RETURNING id`,
		[]any{d.ID, string(d.Case), db.MicrosOrNone(a.Began), db.MicrosOrNone(a.Ended), a.Gateway, a.Actor, a.Outcome, a.Words}, db.ScanID)
}

func endAttempt(ctx context.Context, tx *db.Tx, id int64, outcome, words, external string) error {
	return tx.Send(ctx, `UPDATE delivery_attempts SET ended_at = ?2, outcome = ?3, words = ?4, external = ?5 WHERE id = ?1`, id, db.Micros(tx.Now), outcome, words, external)
}

// endOpenAttempts marks tries whose end nobody knows.
func endOpenAttempts(ctx context.Context, tx *db.Tx, delivery int64) error {
	return tx.Send(ctx, `UPDATE delivery_attempts SET outcome = 'unclear' WHERE delivery = ?1 AND ended_at = 0 AND outcome = ''`, delivery)
}

func listAttempts(ctx context.Context, tx *db.Tx, delivery int64) ([]Attempt, error) {
	return db.All(ctx, tx, `SELECT began_at, ended_at, gateway, actor, outcome, words, external FROM delivery_attempts WHERE delivery = ?1 ORDER BY id`, []any{delivery},
		func(row db.Scanner) (a Attempt, err error) {
			var began, ended int64
			err = row.Scan(&began, &ended, &a.Gateway, &a.Actor, &a.Outcome, &a.Words, &a.External)
			a.Began, a.Ended = db.FromMicrosOrNone(began), db.FromMicrosOrNone(ended)
			return a, err
		})
}

// Reach is what somebody may see of the deliveries: those of cases held at these places or below, and where
// Programmes is set, of these alone.
type Reach struct {
	Place      string
	Programmes []string
}

// Within is the condition that a row with the columns place and programme is within reach. arg gives a value its
// placeholder.
func Within(in []Reach, arg func(any) string) string {
	var parts []string
	for _, r := range in {
		one := "substr(place, 1, " + strconv.Itoa(len(r.Place)) + ") = " + arg(r.Place)
		if len(r.Programmes) > 0 {
			one += " AND " + among("programme", r.Programmes, arg)
		}
		parts = append(parts, "("+one+")")
	}
	if len(parts) == 0 {
		return "1 = 0"
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func among(column string, values []string, arg func(any) string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = arg(v)
	}
	return column + " IN (" + strings.Join(marks, ", ") + ")"
}

// Filter narrows a list of deliveries.
type Filter struct {
	Reach    []Reach
	States   []State
	Channels []string
	Batch    int64
	Before   int64 // id of the last one of the page before; 0 = from the newest
	Limit    int
}

// where writes the condition of a list; its reach is a part of it, so that no page can leave it out.
func (f Filter) where() (text string, args []any) {
	arg := func(v any) string {
		args = append(args, v)
		return "?" + strconv.Itoa(len(args))
	}
	parts := []string{Within(f.Reach, arg)}
	var states []string
	for _, s := range f.States {
		states = append(states, string(s))
	}
	if len(states) > 0 {
		parts = append(parts, among("state", states, arg))
	}
	if len(f.Channels) > 0 {
		parts = append(parts, among("channel", f.Channels, arg))
	}
	if f.Batch != 0 {
		parts = append(parts, "batch = "+arg(f.Batch))
	}
	if f.Before != 0 {
		parts = append(parts, "id < "+arg(f.Before))
	}
	return strings.Join(parts, " AND "), args
}

// mark is the placeholder of the last argument.
func mark(args []any) string { return "?" + strconv.Itoa(len(args)) }

func listDeliveries(ctx context.Context, tx *db.Tx, f Filter) ([]Delivery, error) {
	where, args := f.where()
	args = append(args, int64(f.Limit))
	return db.All(ctx, tx, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+where+` ORDER BY id DESC LIMIT `+mark(args), args, scanDelivery)
}

// findDelivery is a list of one: whoever may not see it in a list does not see it alone either.
func findDelivery(ctx context.Context, tx *db.Tx, reach []Reach, id int64) (Delivery, error) {
	where, args := Filter{Reach: reach}.where()
	args = append(args, id)
	return db.One(ctx, tx, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+where+` AND id = `+mark(args), args, scanDelivery)
}

func countDeliveries(ctx context.Context, tx *db.Tx, f Filter) (map[State]int, error) {
	where, args := f.where()
	type count struct {
		state State
		n     int
	}
	rows, err := db.All(ctx, tx, `SELECT state, COUNT(*) FROM deliveries WHERE `+where+` GROUP BY state`, args, func(row db.Scanner) (c count, err error) {
		return c, row.Scan(&c.state, &c.n)
	})
	out := map[State]int{}
	for _, r := range rows {
		out[r.state] = r.n
	}
	return out, err
}
