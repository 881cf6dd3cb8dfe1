package ledger

import (
	"context"
	"errors"

	"comity/internal/db"
)

// ErrInUse says that a database holds cases of people, and is not to be filled or loaded for a measurement.
var ErrInUse = errors.New("ledger: this database holds cases and was not made for measuring; take an empty one")

// Measuring tells whether the database was made for measuring, so that invented cases and load may go into it. A
// database without tables was not.
func Measuring(ctx context.Context, d *db.DB) (marked bool, err error) {
	fresh, err := d.Fresh(ctx)
	if err != nil || fresh {
		return false, err
	}
	err = d.View(ctx, func(tx *db.Tx) (err error) {
		marked, err = measuring(ctx, tx)
		return err
	})
	return marked, err
}

// MarkMeasuring makes the database one for measuring, for ever: there is no way back, and none into it for a database
// that holds a case already (ErrInUse). Marking twice changes nothing. The ledger's tables must be there.
func MarkMeasuring(ctx context.Context, d *db.DB) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		marked, err := measuring(ctx, tx)
		if err != nil || marked {
			return err
		}
		used, err := anyCase(ctx, tx)
		if err != nil {
			return err
		}
		if used {
			return ErrInUse
		}
		return markMeasuring(ctx, tx)
	})
}
