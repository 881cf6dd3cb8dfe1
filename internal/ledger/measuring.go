package ledger

import (
	"context"
	"errors"

	"comity/internal/db"
)

// Measuring tells whether the database was made for measuring, so that invented cases and load may go into it. A
// database without tables was not.
func Measuring(ctx context.Context, d *db.DB) (marked bool, err error) {
	fresh, err := d.Fresh(ctx)
	if err != nil || fresh {
		return false, err
	}
	err = d.View(ctx, func(tx *db.Tx) (err error) {
		_, marked, err = readMeasured(ctx, tx)
		return err
	})
	return marked, err
}

// MarkMeasuring makes the database one for measuring, for ever: there is no way back, and none into it for a database
// that holds a case already (ErrNotEmpty). Marking twice changes nothing. The ledger's tables must be there.
func MarkMeasuring(ctx context.Context, d *db.DB) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, marked, err := readMeasured(ctx, tx)
		if err != nil || marked {
			return err
		}
		n, err := countCases(ctx, tx)
		if err != nil {
			return err
		}
		if n > 0 {
			return ErrNotEmpty
		}
		return errors.Join(putMeasured(ctx, tx, plan{}), endMeasured(ctx, tx)) // filled with nothing
	})
}
