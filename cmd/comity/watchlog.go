package main

import (
	"context"
	"time"

	"comity/internal/db"
)

// overlong is the length of a SQLite log of which somebody has to know: a reader stays, or the disk cannot keep up.
const overlong = 8 * db.LogLimit

// watchLog tells, once each time, that the log of the database has grown overlong.
func (c *city) watchLog(ctx context.Context, r *rooms) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n := r.db.Unwritten(); n < overlong {
			told = false
		} else if !told {
			told = true
			c.log.Warn("the log of the database has grown: something reads one snapshot for long, such as a backup, or the disk is too slow for what is written",
				"compartment", r.compartment, "bytes", n)
		}
	}
}
