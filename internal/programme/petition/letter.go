package petition

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/text"
	"comity/internal/web"
)

// send carries a letter that a change of a day owes. What changed again meanwhile is not told any more.
func (r *receptions) send(ctx context.Context, job jobs.Job) error {
	var l letter
	if err := json.Unmarshal(job.Payload, &l); err != nil {
		return fmt.Errorf("letter %s: %w", job.Key, err)
	}
	var b Booking
	var d Day
	err := r.DB.View(ctx, func(tx *db.Tx) (err error) {
		if b, err = loadBooking(ctx, tx, l.Booking); err == nil {
			d, err = loadDay(ctx, tx, b.Day)
		}
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("letter %s", job.Key), err)
	}
	if l.Template == movedUp && b.State != Booked {
		return nil
	}
	zone := r.Packs.Current().Zone
	return r.Courier.Send(ctx, job, courier.Letter{Case: casework.CaseID(b.Case), Template: l.Template, Figures: func(say text.Speaker) []string {
		kv := []string{"who", whoOf(say, d), "date", dateOf(say, d.Date), "place", d.Place, "why", d.CancelledWhy, "papers", dateOf(say, d.Closes)}
		if b.Slot > 0 {
			kv = append(kv, "time", web.HourOf(d.Starts(b.Slot, zone), zone))
		}
		return kv
	}})
}
