package ledger

import (
	"context"

	"comity/internal/db"
)

// measuringMark is the name of a counter that stands for a mark: it goes wherever the database goes, by backup or move,
// and every schema has the table.
const measuringMark = "made for measuring"

func measuring(ctx context.Context, tx *db.Tx) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM counters WHERE name = ?1`, []any{measuringMark}, scanInt)
	return n > 0, err
}

func anyCase(ctx context.Context, tx *db.Tx) (bool, error) {
	some, err := db.All(ctx, tx, `SELECT n FROM cases LIMIT 1`, nil, scanInt)
	return len(some) > 0, err
}

func markMeasuring(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO counters (name, value) VALUES (?1, 1) ON CONFLICT (name) DO NOTHING`, measuringMark)
	return err
}
