package neighbour

import (
	"context"

	"comity/internal/jobs"
)

// Starts writes down that a try begins and does no more, as a process does that dies there.
func (o *Office) Starts(ctx context.Context, job jobs.Job, send int64) error {
	_, _, err := o.starts(ctx, job, send)
	return err
}
