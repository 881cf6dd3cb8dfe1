package mediation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/worktime"
)

func listOf(s string) (out []string, err error) { return out, json.Unmarshal([]byte(s), &out) }

func jsonOf(list []string) string {
	if list == nil {
		return "[]"
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return "[]" // a list of strings is always JSON
	}
	return string(raw)
}

func missing[T any](x T, err error) (T, error) {
	if errors.Is(err, db.ErrNoRows) {
		err = errNone
	}
	return x, err
}

// The roster.

const mediatorColumns = `id, unit, name, account, phone, organisation, fields, languages, hours, week_hours, day_most, listed, left_at, version, changed_at, changed_by`

func scanMediator(row db.Scanner) (m Mediator, err error) {
	var unit, fields, languages, hours string
	var week, day, listed, left, version, changed int64
	if err = row.Scan(&m.ID, &unit, &m.Name, &m.Account, &m.Phone, &m.Organisation, &fields, &languages, &hours, &week, &day, &listed, &left, &version, &changed, &m.ChangedBy); err != nil {
		return m, err
	}
	m.Unit, m.WeekHours, m.DayMost, m.Listed, m.Version = org.UnitID(unit), int(week), int(day), listed == 1, int(version)
	m.Left, m.Changed = db.FromMicrosOrNone(left), db.FromMicrosOrNone(changed)
	m.Hours, _ = parseHours(hours) // written by String
	if m.Fields, err = listOf(fields); err != nil {
		return m, err
	}
	m.Languages, err = listOf(languages)
	return m, err
}

func loadMediator(ctx context.Context, tx *db.Tx, id int64) (Mediator, error) {
	return missing(db.One(ctx, tx, `SELECT `+mediatorColumns+` FROM mediation_mediators WHERE id = ?1`, []any{id}, scanMediator))
}

// allMediators lists the roster by unit and name, those who left too.
func allMediators(ctx context.Context, tx *db.Tx) ([]Mediator, error) {
	return db.All(ctx, tx, `SELECT `+mediatorColumns+` FROM mediation_mediators ORDER BY unit, name, id`, nil, scanMediator)
}

// putMediator stores a new mediator, or a change by whoever has seen the version they change.
func putMediator(ctx context.Context, tx *db.Tx, m Mediator) (int64, error) {
	args := []any{string(m.Unit), m.Name, m.Account, m.Phone, m.Organisation, jsonOf(m.Fields), jsonOf(m.Languages), m.Hours.String(), int64(m.WeekHours),
		int64(m.DayMost), m.Listed, db.MicrosOrNone(m.Left), db.Micros(tx.Now), m.ChangedBy}
	if m.ID == 0 {
		return db.One(ctx, tx, `INSERT INTO mediation_mediators (unit, name, account, phone, organisation, fields, languages, hours, week_hours, day_most, listed, left_at,
 version, changed_at, changed_by, turn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1, ?13, ?14, 0) RETURNING id`, args, db.ScanID)
	}
	n, err := tx.Exec(ctx, `UPDATE mediation_mediators SET unit = ?1, name = ?2, account = ?3, phone = ?4, organisation = ?5, fields = ?6, languages = ?7, hours = ?8,
 week_hours = ?9, day_most = ?10, listed = ?11, left_at = ?12, version = version + 1, changed_at = ?13, changed_by = ?14 WHERE id = ?15 AND version = ?16`,
		append(args, m.ID, int64(m.Version))...)
	if err == nil && n == 0 {
		err = refuse("mediation.changed")
	}
	return m.ID, err
}

// namedLike finds active mediators of the roster by their exact name.
func namedLike(ctx context.Context, tx *db.Tx, name string) ([]Mediator, error) {
	return db.All(ctx, tx, `SELECT `+mediatorColumns+` FROM mediation_mediators WHERE name = ?1 AND left_at = 0 ORDER BY id`, []any{name}, scanMediator)
}

func putTraining(ctx context.Context, tx *db.Tx, mediator int64, t Training) error {
	return tx.Send(ctx, `INSERT INTO mediation_training (mediator, day, hours, topic, at, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		mediator, t.Day.String(), int64(t.Hours), t.Topic, db.Micros(tx.Now), t.By)
}

func trainingOf(ctx context.Context, tx *db.Tx, mediator int64) ([]Training, error) {
	return db.All(ctx, tx, `SELECT id, day, hours, topic, at, actor FROM mediation_training WHERE mediator = ?1 ORDER BY day DESC, id DESC`, []any{mediator}, func(row db.Scanner) (t Training, err error) {
		var day string
		var hours, at int64
		if err = row.Scan(&t.ID, &day, &hours, &t.Topic, &at, &t.By); err != nil {
			return t, err
		}
		t.Hours, t.At = int(hours), db.FromMicros(at)
		t.Day, err = worktime.ParseDay(day)
		return t, err
	})
}

func putAway(ctx context.Context, tx *db.Tx, a Away) error {
	return tx.Send(ctx, `INSERT INTO mediation_away (mediator, begins, ends) VALUES (?1, ?2, ?3)`, a.Mediator, db.Micros(a.Begins), db.Micros(a.Ends))
}

func dropAway(ctx context.Context, tx *db.Tx, mediator, id int64) error {
	return tx.Send(ctx, `DELETE FROM mediation_away WHERE id = ?1 AND mediator = ?2`, id, mediator)
}

// awayAfter lists absences that are not over at a time.
func awayAfter(ctx context.Context, tx *db.Tx, at time.Time) ([]Away, error) {
	return db.All(ctx, tx, `SELECT id, mediator, begins, ends FROM mediation_away WHERE ends > ?1 ORDER BY begins, id`, []any{db.Micros(at)}, func(row db.Scanner) (a Away, err error) {
		var begins, ends int64
		err = row.Scan(&a.ID, &a.Mediator, &begins, &ends)
		a.Begins, a.Ends = db.FromMicrosOrNone(begins), db.FromMicrosOrNone(ends)
		return a, err
	})
}

// The rooms.

const roomColumns = `id, unit, name, place, seats, step_free, second, hours, closed_at, version, changed_at, changed_by`

func scanRoom(row db.Scanner) (r Room, err error) {
	var unit, hours string
	var seats, step, second, closed, version, changed int64
	err = row.Scan(&r.ID, &unit, &r.Name, &r.Place, &seats, &step, &second, &hours, &closed, &version, &changed, &r.ChangedBy)
	r.Unit, r.Seats, r.StepFree, r.Second, r.Version = org.UnitID(unit), int(seats), step == 1, second == 1, int(version)
	r.Closed, r.Changed = db.FromMicrosOrNone(closed), db.FromMicrosOrNone(changed)
	r.Hours, _ = parseHours(hours) // written by String
	return r, err
}

func loadRoom(ctx context.Context, tx *db.Tx, id int64) (Room, error) {
	return missing(db.One(ctx, tx, `SELECT `+roomColumns+` FROM mediation_rooms WHERE id = ?1`, []any{id}, scanRoom))
}

func allRooms(ctx context.Context, tx *db.Tx) ([]Room, error) {
	return db.All(ctx, tx, `SELECT `+roomColumns+` FROM mediation_rooms ORDER BY unit, name, id`, nil, scanRoom)
}

// roomCalled finds the room with this label; ok is false for any other place.
func roomCalled(ctx context.Context, tx *db.Tx, label string) (r Room, ok bool, err error) {
	r, err = db.One(ctx, tx, `SELECT `+roomColumns+` FROM mediation_rooms WHERE label = ?1`, []any{label}, scanRoom)
	if errors.Is(err, db.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

func putRoom(ctx context.Context, tx *db.Tx, r Room) (int64, error) {
	other, taken, err := roomCalled(ctx, tx, r.Label())
	if err != nil {
		return 0, err
	}
	if taken && other.ID != r.ID {
		return 0, refuse("mediation.room_twice")
	}
	args := []any{string(r.Unit), r.Name, r.Place, r.Label(), int64(r.Seats), r.StepFree, r.Second, r.Hours.String(), db.MicrosOrNone(r.Closed), db.Micros(tx.Now), r.ChangedBy}
	if r.ID == 0 {
		return db.One(ctx, tx, `INSERT INTO mediation_rooms (unit, name, place, label, seats, step_free, second, hours, closed_at, version, changed_at, changed_by, turn)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, 0) RETURNING id`, args, db.ScanID)
	}
	n, err := tx.Exec(ctx, `UPDATE mediation_rooms SET unit = ?1, name = ?2, place = ?3, label = ?4, seats = ?5, step_free = ?6, second = ?7, hours = ?8, closed_at = ?9,
 version = version + 1, changed_at = ?10, changed_by = ?11 WHERE id = ?12 AND version = ?13`, append(args, r.ID, int64(r.Version))...)
	if err == nil && n == 0 {
		err = refuse("mediation.changed")
	}
	return r.ID, err
}

// record adds a line to the log: who did what.
func record(ctx context.Context, tx *db.Tx, kind string, of int64, actor, what, detail string) error {
	if actor == "" {
		return fmt.Errorf("mediation: a change (%s of %s %d) without an actor", what, kind, of)
	}
	return tx.Send(ctx, `INSERT INTO mediation_log (kind, of, at, actor, what, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, kind, of, db.Micros(tx.Now), actor, what, detail)
}

// logLine is one line of the log, newest first.
type logLine struct {
	At                  time.Time
	Actor, What, Detail string
}

func logOf(ctx context.Context, tx *db.Tx, kind string, of int64) ([]logLine, error) {
	return db.All(ctx, tx, `SELECT at, actor, what, detail FROM mediation_log WHERE kind = ?1 AND of = ?2 ORDER BY id DESC LIMIT 50`, []any{kind, of}, func(row db.Scanner) (l logLine, err error) {
		var at int64
		err = row.Scan(&at, &l.Actor, &l.What, &l.Detail)
		l.At = db.FromMicros(at)
		return l, err
	})
}

// Forget takes away the sessions of a case that goes under seal, and its line among the counts: what
// happened stands in its events.
func Forget(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	for _, text := range []string{
		`DELETE FROM mediation_log WHERE kind = 'session' AND of IN (SELECT id FROM mediation_sessions WHERE case_id = ?1)`,
		`DELETE FROM mediation_holders WHERE session IN (SELECT id FROM mediation_sessions WHERE case_id = ?1)`,
		`DELETE FROM mediation_sessions WHERE case_id = ?1`,
		`DELETE FROM mediation_unavailable WHERE case_id = ?1`,
		`DELETE FROM mediation_seats WHERE case_id = ?1`,
		`DELETE FROM mediation_matters WHERE case_id = ?1`,
	} {
		if err := tx.Send(ctx, text, string(id)); err != nil {
			return err
		}
	}
	return nil
}
