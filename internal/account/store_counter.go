package account

import (
	"context"
	"errors"
	"time"

	"comity/internal/db"
)

func putCounter(ctx context.Context, tx *db.Tx, hash, by string) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_counters (hash, made_by, made_at, seen_at) VALUES (?1, ?2, ?3, ?3)`, hash, by, db.Micros(tx.Now))
	return err
}

func seenCounter(ctx context.Context, tx *db.Tx, hash string) (time.Time, error) {
	at, err := db.One(ctx, tx, `SELECT seen_at FROM account_counters WHERE hash = ?1`, []any{hash}, scanCount)
	if errors.Is(err, db.ErrNoRows) {
		return time.Time{}, ErrNoSession
	}
	return db.FromMicros(at), err
}

func touchCounter(ctx context.Context, tx *db.Tx, hash string) error {
	_, err := tx.Exec(ctx, `UPDATE account_counters SET seen_at = ?2 WHERE hash = ?1`, hash, db.Micros(tx.Now))
	return err
}

func dropCounter(ctx context.Context, tx *db.Tx, hash string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM account_seats WHERE counter = ?1`, hash); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM account_counters WHERE hash = ?1`, hash)
	return err
}

func putSeat(ctx context.Context, tx *db.Tx, counter, account, pin string, ends int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_seats (counter, account_id, pin, misses, ends_at) VALUES (?1, ?2, ?3, 0, ?4)
		ON CONFLICT (counter, account_id) DO UPDATE SET pin = excluded.pin, misses = 0, ends_at = excluded.ends_at`, counter, account, pin, ends)
	return err
}

func seatsOf(ctx context.Context, tx *db.Tx, counter string) ([]Account, error) {
	return db.All(ctx, tx, `SELECT a.id, a.login, a.names, a.lang, a.disabled FROM account_seats s JOIN accounts a ON a.id = s.account_id
		WHERE s.counter = ?1 AND s.ends_at > ?2 AND a.disabled = 0 ORDER BY a.login`, []any{counter, db.Micros(tx.Now)}, scanAccount)
}

// seatPIN is the sealed PIN of a seat that still counts, else ErrWrong.
func seatPIN(ctx context.Context, tx *db.Tx, counter, account string) (string, error) {
	pin, err := db.One(ctx, tx, `SELECT pin FROM account_seats WHERE counter = ?1 AND account_id = ?2 AND ends_at > ?3`, []any{counter, account, db.Micros(tx.Now)},
		func(r db.Scanner) (s string, err error) { return s, r.Scan(&s) })
	if errors.Is(err, db.ErrNoRows) {
		return "", ErrWrong
	}
	return pin, err
}

// missSeat counts a wrong PIN and drops the seat with the last one allowed.
func missSeat(ctx context.Context, tx *db.Tx, counter, account string, most int) error {
	if _, err := tx.Exec(ctx, `UPDATE account_seats SET misses = misses + 1 WHERE counter = ?1 AND account_id = ?2`, counter, account); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM account_seats WHERE counter = ?1 AND account_id = ?2 AND misses >= ?3`, counter, account, most)
	return err
}

func hitSeat(ctx context.Context, tx *db.Tx, counter, account string) error {
	_, err := tx.Exec(ctx, `UPDATE account_seats SET misses = 0 WHERE counter = ?1 AND account_id = ?2`, counter, account)
	return err
}

func putSession(ctx context.Context, tx *db.Tx, hash, account string) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_sessions (hash, account_id, created_at, seen_at) VALUES (?1, ?2, ?3, ?3)`, hash, account, db.Micros(tx.Now))
	return err
}
