package account

import (
	"context"
	"encoding/json"
	"time"

	"comity/internal/db"
)

// Change is one line of what was done to accounts. Nothing ever changes or removes one.
type Change struct {
	N       int64
	At      time.Time
	By      string // account; empty: the console
	Account string
	Kind    string
	Detail  map[string]string
}

// record adds a line in the transaction of the change itself.
func record(ctx context.Context, tx *db.Tx, by, account, kind string, detail map[string]string) error {
	if detail == nil {
		detail = map[string]string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO account_changes (at, by_id, account_id, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)`,
		db.Micros(tx.Now), by, account, kind, spell(detail))
	return err
}

// Changes lists what was done to an account, newest first, from before a number; 0 begins at the newest.
func (s *Store) Changes(ctx context.Context, account string, before int64, most int) (list []Change, err error) {
	if before <= 0 {
		before = 1 << 62
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = db.All(ctx, tx, `SELECT id, at, by_id, account_id, kind, detail FROM account_changes WHERE account_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`,
			[]any{account, before, most}, scanChange)
		return err
	})
	return list, err
}

func scanChange(r db.Scanner) (c Change, err error) {
	var at int64
	var detail string
	if err = r.Scan(&c.N, &at, &c.By, &c.Account, &c.Kind, &detail); err != nil {
		return c, err
	}
	c.At = db.FromMicros(at)
	return c, json.Unmarshal([]byte(detail), &c.Detail)
}
