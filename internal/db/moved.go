package db

import (
	"context"
	"errors"
	"time"
)

// MoveUnfinished tells whether the database is the target of a move that has not ended (see internal/db/move), and
// since when: it may hold half of a city, and nobody is to open it as one.
func (d *DB) MoveUnfinished(ctx context.Context) (since time.Time, unfinished bool, err error) {
	err = d.View(ctx, func(tx *Tx) error {
		there, err := One(ctx, tx, moveTable(d.engine), nil, scanInt)
		if err != nil || there == 0 {
			return err
		}
		begun, err := One(ctx, tx, `SELECT begun_at FROM db_move WHERE ended_at = 0`, nil, scanInt)
		if errors.Is(err, ErrNoRows) {
			return nil
		}
		since, unfinished = FromMicros(begun), err == nil
		return err
	})
	return since, unfinished, err
}
