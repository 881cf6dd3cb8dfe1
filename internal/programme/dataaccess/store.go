package dataaccess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"comity/internal/db"
	"comity/internal/org"
)

// request is what is known between two data requests.
type request struct{ Case, Application, Question, State string }

const requestColumns = `case_id, application, question, state`

func scanRequest(row db.Scanner) (r request, err error) {
	return r, row.Scan(&r.Case, &r.Application, &r.Question, &r.State)
}

func requestsOf(ctx context.Context, tx *db.Tx, application string) ([]request, error) {
	return db.All(ctx, tx, `SELECT `+requestColumns+` FROM data_requests WHERE application = ?1 ORDER BY changed_at, case_id`, []any{application}, scanRequest)
}

func loadRequest(ctx context.Context, tx *db.Tx, id string) (request, error) {
	return db.One(ctx, tx, `SELECT `+requestColumns+` FROM data_requests WHERE case_id = ?1`, []any{id}, scanRequest)
}

func putRequest(ctx context.Context, tx *db.Tx, r request) error {
	return tx.Send(ctx, `INSERT INTO data_requests (case_id, application, question, state, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)`,
		r.Case, r.Application, r.Question, r.State, db.Micros(tx.Now))
}

func setRequest(ctx context.Context, tx *db.Tx, id, state string) error {
	return tx.Send(ctx, `UPDATE data_requests SET state = ?1, changed_at = ?2 WHERE case_id = ?3`, state, db.Micros(tx.Now), id)
}

// endRequest makes room for another question; a refusal is remembered.
func endRequest(ctx context.Context, tx *db.Tx, id string) error {
	return tx.Send(ctx, `UPDATE data_requests SET state = 'ended', changed_at = ?1 WHERE case_id = ?2 AND state = 'open'`, db.Micros(tx.Now), id)
}

const entryColumns = `id, area, place, operated_by, purpose, basis, retention, cameras, contact, version, entered_at, changed_at, withdrawn_at, withdrawn_why`

func scanEntry(row db.Scanner) (e Entry, err error) {
	var area string
	var retention, cameras, version, entered, changed, withdrawn int64
	if err = row.Scan(&e.ID, &area, &e.Place, &e.Operator, &e.Purpose, &e.Basis, &retention, &cameras, &e.Contact, &version, &entered, &changed, &withdrawn, &e.WithdrawnWhy); err != nil {
		return e, err
	}
	e.Area, e.Retention, e.Cameras, e.Version = org.UnitID(area), int(retention), int(cameras), int(version)
	e.Entered, e.Changed = db.FromMicros(entered), db.FromMicros(changed)
	if withdrawn != 0 {
		e.Withdrawn = db.FromMicros(withdrawn)
	}
	return e, nil
}

// everyEntry lists the register, withdrawn entries too.
func everyEntry(ctx context.Context, tx *db.Tx) ([]Entry, error) {
	return db.All(ctx, tx, `SELECT `+entryColumns+` FROM camera_entries ORDER BY id`, nil, scanEntry)
}

func loadEntry(ctx context.Context, tx *db.Tx, id int64) (Entry, error) {
	e, err := db.One(ctx, tx, `SELECT `+entryColumns+` FROM camera_entries WHERE id = ?1`, []any{id}, scanEntry)
	if errors.Is(err, db.ErrNoRows) {
		return e, errNone
	}
	return e, err
}

// author is who changes an entry, in whose name and why.
type author struct {
	Actor string
	Unit  org.UnitID
	Why   string
}

// enter stores a new entry.
func enter(ctx context.Context, tx *db.Tx, e Entry, by author) (int64, error) {
	id, err := db.One(ctx, tx, `INSERT INTO camera_entries (area, place, operated_by, purpose, basis, retention, cameras, contact, version, entered_at, changed_at, withdrawn_at, withdrawn_why)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9, 0, '') RETURNING id`,
		[]any{string(e.Area), e.Place, e.Operator, e.Purpose, e.Basis, int64(e.Retention), int64(e.Cameras), e.Contact, db.Micros(tx.Now)},
		func(row db.Scanner) (id int64, err error) { return id, row.Scan(&id) })
	if err != nil {
		return 0, err
	}
	return id, recordChange(ctx, tx, id, "entered", nil, &e, by)
}

// change stores an entry anew; refused when somebody else changed or withdrew it meanwhile.
func change(ctx context.Context, tx *db.Tx, was, e Entry, by author) error {
	n, err := tx.Exec(ctx, `UPDATE camera_entries SET area = ?1, place = ?2, operated_by = ?3, purpose = ?4, basis = ?5, retention = ?6, cameras = ?7, contact = ?8,
 changed_at = ?9, version = version + 1 WHERE id = ?10 AND version = ?11 AND withdrawn_at = 0`,
		string(e.Area), e.Place, e.Operator, e.Purpose, e.Basis, int64(e.Retention), int64(e.Cameras), e.Contact, db.Micros(tx.Now), was.ID, int64(was.Version))
	if err == nil && n == 0 {
		err = refuse("cameras.changed")
	}
	if err != nil {
		return err
	}
	return recordChange(ctx, tx, was.ID, "changed", &was, &e, by)
}

// withdraw takes an entry out of the list; it stays to be read, with the reason.
func withdraw(ctx context.Context, tx *db.Tx, was Entry, by author) error {
	n, err := tx.Exec(ctx, `UPDATE camera_entries SET withdrawn_at = ?1, changed_at = ?1, withdrawn_why = ?2, version = version + 1 WHERE id = ?3 AND version = ?4 AND withdrawn_at = 0`,
		db.Micros(tx.Now), by.Why, was.ID, int64(was.Version))
	if err == nil && n == 0 {
		err = refuse("cameras.changed")
	}
	if err != nil {
		return err
	}
	return recordChange(ctx, tx, was.ID, "withdrawn", &was, nil, by)
}

func recordChange(ctx context.Context, tx *db.Tx, entry int64, what string, was, became *Entry, by author) error {
	if by.Actor == "" || by.Why == "" {
		return fmt.Errorf("dataaccess: entry %d was %s without saying who and why", entry, what)
	}
	before, err := written(was)
	if err != nil {
		return err
	}
	after, err := written(became)
	if err != nil {
		return err
	}
	err = tx.Send(ctx, `INSERT INTO camera_changes (entry, at, actor, unit, what, why, was, became) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
		entry, db.Micros(tx.Now), by.Actor, string(by.Unit), what, by.Why, before, after)
	return err
}

func written(e *Entry) (string, error) {
	if e == nil {
		return "", nil
	}
	doc, err := json.Marshal(e)
	return string(doc), err
}

// changed is one line of the history of an entry.
type changed struct {
	At           time.Time
	Actor        string
	Unit         org.UnitID
	What, Why    string
	Was, Became  Entry
	Before, Then bool // there was one before; there is one afterwards
}

func historyOf(ctx context.Context, tx *db.Tx, entry int64) ([]changed, error) {
	return db.All(ctx, tx, `SELECT at, actor, unit, what, why, was, became FROM camera_changes WHERE entry = ?1 ORDER BY id`, []any{entry}, func(row db.Scanner) (c changed, err error) {
		var at int64
		var unit, was, became string
		if err = row.Scan(&at, &c.Actor, &unit, &c.What, &c.Why, &was, &became); err != nil {
			return c, err
		}
		c.At, c.Unit = db.FromMicros(at), org.UnitID(unit)
		if c.Before = was != ""; c.Before {
			err = json.Unmarshal([]byte(was), &c.Was)
		}
		if c.Then = became != ""; c.Then && err == nil {
			err = json.Unmarshal([]byte(became), &c.Became)
		}
		return c, err
	})
}
