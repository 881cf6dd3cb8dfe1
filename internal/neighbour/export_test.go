package neighbour

import (
	"context"
	"errors"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
)

// Starts writes down that a try begins and does no more, as a process does that dies there.
func (o *Office) Starts(ctx context.Context, job jobs.Job, send int64) error {
	_, _, err := o.starts(ctx, job, send)
	return err
}

// Knows says whether a request of theirs was taken in, and as which case.
func (o *Office) Knows(ctx context.Context, neighbour, theirs string) (known bool, of casework.CaseID, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		l, err := linkedTo(ctx, tx, neighbour, theirs, false)
		known, of = err == nil, l.Case
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	return known, of, err
}
