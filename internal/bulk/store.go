package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
)

// putBulk stores an order and answers its id; where the same form was sent before, that one's.
func putBulk(ctx context.Context, tx *db.Tx, id string, o Order, starts time.Time) (string, error) {
	fields, err := json.Marshal(o.Fields)
	if err != nil {
		return "", err
	}
	got, err := db.One(ctx, tx, `INSERT INTO bulks (id, actor, form_key, procedure, act, fields, ordered_at, starts_at, ended_at, status)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 'waiting') ON CONFLICT (actor, form_key) DO NOTHING RETURNING id`,
		[]any{id, o.Actor, o.Key, o.Procedure, o.Act, string(fields), db.Micros(tx.Now), db.Micros(starts)}, scanText)
	if errors.Is(err, db.ErrNoRows) {
		return findBulk(ctx, tx, o.Actor, o.Key)
	}
	return got, err
}

func findBulk(ctx context.Context, tx *db.Tx, actor, key string) (string, error) {
	return db.One(ctx, tx, `SELECT id FROM bulks WHERE actor = ?1 AND form_key = ?2`, []any{actor, key}, scanText)
}

func scanText(row db.Scanner) (s string, err error) { return s, row.Scan(&s) }

func putItem(ctx context.Context, tx *db.Tx, id string, n int, it Item) error {
	_, err := tx.Exec(ctx, `INSERT INTO bulk_items (bulk, n, case_id, ref, version, result, refusal) VALUES (?1, ?2, ?3, ?4, ?5, '', '')`,
		id, int64(n), string(it.Case), string(it.Ref), int64(it.Version))
	return err
}

// move changes the status, if it is still what it is thought to be.
func move(ctx context.Context, tx *db.Tx, id, actor string, from, to Status) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE bulks SET status = ?4 WHERE id = ?1 AND actor = ?2 AND status = ?3`, id, actor, string(from), string(to))
	return n > 0, err
}

// end closes a bulk that ran and empties what the cases' own events hold.
func end(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, `UPDATE bulks SET status = 'done', ended_at = ?2, fields = '{}' WHERE id = ?1 AND status = 'running'`, id, db.Micros(tx.Now))
	return err
}

// settle stores how a case ended, once.
func settle(ctx context.Context, tx *db.Tx, id string, n int, r Result, no *casework.Refusal) error {
	doc := ""
	if no != nil {
		raw, err := json.Marshal(no)
		if err != nil {
			return err
		}
		doc = string(raw)
	}
	_, err := tx.Exec(ctx, `UPDATE bulk_items SET result = ?3, refusal = ?4 WHERE bulk = ?1 AND n = ?2 AND result = ''`, id, int64(n), string(r), doc)
	return err
}

func getBulk(ctx context.Context, tx *db.Tx, id string) (Bulk, error) {
	b, err := db.One(ctx, tx, `SELECT id, actor, procedure, act, fields, ordered_at, starts_at, ended_at, status FROM bulks WHERE id = ?1`, []any{id}, scanBulk)
	if err != nil {
		return b, err
	}
	b.Items, err = db.All(ctx, tx, `SELECT n, case_id, ref, version, result, refusal FROM bulk_items WHERE bulk = ?1 ORDER BY n`, []any{id}, scanItem)
	return b, err
}

func scanBulk(row db.Scanner) (b Bulk, err error) {
	var fields string
	var ordered, starts, ended int64
	if err = row.Scan(&b.ID, &b.Actor, &b.Procedure, &b.Act, &fields, &ordered, &starts, &ended, &b.Status); err != nil {
		return b, err
	}
	b.Ordered, b.Starts = db.FromMicros(ordered), db.FromMicros(starts)
	if ended != 0 {
		b.Ended = db.FromMicros(ended)
	}
	return b, json.Unmarshal([]byte(fields), &b.Fields)
}

func scanItem(row db.Scanner) (it Item, err error) {
	var doc string
	if err = row.Scan(&it.N, &it.Case, &it.Ref, &it.Version, &it.Result, &doc); err != nil || doc == "" {
		return it, err
	}
	it.Refusal = &casework.Refusal{}
	return it, json.Unmarshal([]byte(doc), it.Refusal)
}

// Forget takes a case that goes under seal out of the bulk acts it was in.
func Forget(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	_, err := tx.Exec(ctx, `DELETE FROM bulk_items WHERE case_id = ?1`, string(id))
	return err
}
