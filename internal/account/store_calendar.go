package account

import (
	"context"
	"time"

	"comity/internal/db"
)

func putCalendar(ctx context.Context, tx *db.Tx, account, hash string) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_calendars (account_id, hash, made_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, made_at = excluded.made_at`, account, hash, db.Micros(tx.Now))
	return err
}

func dropCalendar(ctx context.Context, tx *db.Tx, account string) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_calendars WHERE account_id = ?1`, account)
	return err
}

func calendarMade(ctx context.Context, tx *db.Tx, account string) (time.Time, error) {
	return db.One(ctx, tx, `SELECT made_at FROM account_calendars WHERE account_id = ?1`, []any{account}, func(row db.Scanner) (time.Time, error) {
		var at int64
		err := row.Scan(&at)
		return db.FromMicros(at), err
	})
}

func calendarOwner(ctx context.Context, tx *db.Tx, hash string) (string, error) {
	return db.One(ctx, tx, `SELECT account_id FROM account_calendars WHERE hash = ?1`, []any{hash}, func(row db.Scanner) (id string, err error) { return id, row.Scan(&id) })
}
