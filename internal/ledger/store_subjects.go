package ledger

import (
	"context"

	"comity/internal/db"
)

func putSubjects(ctx context.Context, tx *db.Tx, n int64, list []subject) error {
	for _, s := range list {
		if err := tx.Send(ctx, `INSERT INTO subjects (n, kind, token) VALUES (?1, ?2, ?3) ON CONFLICT (token, n) DO NOTHING`, n, s.kind, s.token); err != nil {
			return err
		}
	}
	return nil
}

// dropSubjects takes a case out of its person's sight, when it is sealed or erased.
func dropSubjects(ctx context.Context, tx *db.Tx, n int64) error {
	if err := tx.Send(ctx, `DELETE FROM subjects_missing WHERE n = ?1`, n); err != nil {
		return err
	}
	return tx.Send(ctx, `DELETE FROM subjects WHERE n = ?1`, n)
}

func casesOfSubject(ctx context.Context, tx *db.Tx, token string) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM subjects WHERE token = ?1 ORDER BY n`, []any{token}, scanInt)
}

func tokensOf(ctx context.Context, tx *db.Tx, n int64) ([]string, error) {
	return db.All(ctx, tx, `SELECT token FROM subjects WHERE n = ?1 ORDER BY token`, []any{n}, func(row db.Scanner) (s string, err error) {
		return s, row.Scan(&s)
	})
}

func missingSubjects(ctx context.Context, tx *db.Tx, limit int) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM subjects_missing ORDER BY n LIMIT ?1`, []any{int64(limit)}, scanInt)
}

func doneSubjects(ctx context.Context, tx *db.Tx, n int64) error {
	return tx.Send(ctx, `DELETE FROM subjects_missing WHERE n = ?1`, n)
}
