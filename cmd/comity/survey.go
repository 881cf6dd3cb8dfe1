package main

import (
	"context"
	"errors"
	"time"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/ledger"
)

// A survey walks through all open cases. It is taken when the house is quiet, and once soon after a start
// when there is none yet or nights were missed.
const (
	surveyHour   = 3
	surveyEvery  = 10 * time.Minute // how often to ask whether it is time
	noticeMayLag = 24 * time.Hour   // before an answer counts as unsent

	hooksKept = 90 * 24 * time.Hour // for which an event can be told to a receiver of webhooks again
)

// surveys takes the nightly survey until the context ends.
func (c *city) surveys(ctx context.Context) {
	tick := time.NewTicker(surveyEvery)
	defer tick.Stop()
	for {
		if err := errors.Join(c.surveyIfDue(ctx), c.expireConsents(ctx), c.courier.TidyHooks(ctx, c.clock.Now().Add(-hooksKept))); err != nil && ctx.Err() == nil {
			c.log.Error("the invariants could not be looked at; trying again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// surveyIfDue takes a survey of each compartment if none has been kept since the last night. Two nodes may
// both do so; they find the same.
func (c *city) surveyIfDue(ctx context.Context) (err error) {
	for _, r := range c.all() {
		err = errors.Join(err, c.surveyOfIfDue(ctx, r))
	}
	return err
}

func (c *city) surveyOfIfDue(ctx context.Context, r *rooms) error {
	kept, err := r.reader.Findings(ctx)
	if err != nil {
		return err
	}
	if len(kept) == len(ledger.Invariants) && !kept[0].At.Before(lastNight(c.clock.Now().In(c.packs.Current().Zone))) {
		return nil
	}
	found, err := c.surveyOf(ctx, r, nil)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Count > 0 {
			c.log.Warn("an invariant is broken; comity verify and the desk name the cases", "compartment", r.compartment, "invariant", f.Name, "cases", f.Count)
		}
	}
	return nil
}

// lastNight is the hour of the survey that has passed most recently.
func lastNight(now time.Time) time.Time {
	at := time.Date(now.Year(), now.Month(), now.Day(), surveyHour, 0, 0, 0, now.Location())
	if at.After(now) {
		at = at.AddDate(0, 0, -1)
	}
	return at
}

// surveyOf looks at everything of a compartment now and keeps what it finds.
func (c *city) surveyOf(ctx context.Context, r *rooms, seen func(int)) ([]ledger.Finding, error) {
	found, err := c.surveyed(ctx, r, seen)
	if err != nil {
		return nil, err
	}
	return found, r.ledger.Keep(ctx, found)
}

// works says which of those that cases are given to exist: accounts that are not disabled, and systems of neighbours.
func (c *city) works(ctx context.Context, ids []string) (map[string]bool, error) {
	out, err := c.accounts.Known(ctx, ids)
	for _, id := range ids {
		if _, ok := c.packs.Current().NeighbourActing(id); ok && err == nil {
			out[id] = true
		}
	}
	return out, err
}

// surveyed looks at everything of a compartment now.
func (c *city) surveyed(ctx context.Context, r *rooms, seen func(int)) ([]ledger.Finding, error) {
	p := c.packs.Current()
	return r.ledger.Survey(ctx, ledger.Beyond{Units: p.Units, Calendars: p.CalendarVersions(), Works: c.works, Patience: noticeMayLag,
		Unsent: func(ctx context.Context, each func(casework.CaseID, int) error) error {
			return courier.Unsent(ctx, r.db, each)
		}}, seen)
}
