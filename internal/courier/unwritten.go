package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
)

// Unwritten is a notice that was given up before it was a message: whoever was to write it failed, or died, each time.
type Unwritten struct {
	ID        string
	Ref       casework.Ref
	Place     string
	Programme string
	Sealed    bool // nothing but its number is told
	Template  string
	Since     time.Time
}

// mostUnwritten bounds how many are looked through for a page.
const mostUnwritten = 1000

// Unwritten lists notices within reach that were given up, at most so many.
func (c *Courier) Unwritten(ctx context.Context, reach []Reach, limit int) (list []Unwritten, err error) {
	err = c.unwritten(ctx, reach, func(u Unwritten) (more bool) {
		list = append(list, u)
		return len(list) < limit
	})
	slices.SortFunc(list, func(a, b Unwritten) int { return a.Since.Compare(b.Since) })
	return list, err
}

// WriteAgain has a notice that was given up written, with all its tries.
func (c *Courier) WriteAgain(ctx context.Context, reach []Reach, id string) error {
	found := false
	err := c.unwritten(ctx, reach, func(u Unwritten) (more bool) {
		found = u.ID == id
		return !found
	})
	if err != nil {
		return err
	}
	if !found {
		return ErrNone
	}
	return c.DB.Transact(ctx, func(tx *db.Tx) error { return jobs.Revive(ctx, tx, id) })
}

var errEnough = errors.New("enough was looked through")

func (c *Courier) unwritten(ctx context.Context, reach []Reach, each func(Unwritten) (more bool)) error {
	looked := 0
	err := jobs.Unfinished(ctx, c.DB, KindName, func(job jobs.Job, dead bool) error {
		if looked++; !dead || looked > mostUnwritten {
			return errEnough
		}
		u, err := c.givenUp(ctx, job)
		if errors.Is(err, ledger.ErrNotFound) { // under seal, or gone
			return nil
		}
		if err == nil && within(reach, u) && !each(u) {
			err = errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (c *Courier) givenUp(ctx context.Context, job jobs.Job) (u Unwritten, err error) {
	var p payload
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return u, fmt.Errorf("notice %s: %w", job.Key, err)
	}
	k, err := c.Reader.ByID(ctx, authz.Machine().Scope(), p.Case)
	if err != nil {
		return u, err
	}
	u = Unwritten{ID: job.ID, Ref: k.Ref, Place: Place(c.Packs.Current().Units, k.Holder), Programme: k.Programme, Sealed: k.Sealed != "", Since: job.RunAt}
	events, err := c.Reader.Events(ctx, p.Case)
	if err == nil && p.Seq >= 1 && p.Seq <= len(events) && p.N < len(events[p.Seq-1].Notices) {
		u.Template = events[p.Seq-1].Notices[p.N].Template
	}
	return u, err
}

// within is what [Within] says of a row.
func within(reach []Reach, u Unwritten) bool {
	return slices.ContainsFunc(reach, func(r Reach) bool {
		return strings.HasPrefix(u.Place, r.Place) && (len(r.Programmes) == 0 || slices.Contains(r.Programmes, u.Programme))
	})
}
