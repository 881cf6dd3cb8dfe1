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
)

// surveys takes the nightly survey until the context ends.
func (c *city) surveys(ctx context.Context) {
	tick := time.NewTicker(surveyEvery)
	defer tick.Stop()
	for {
		if err := errors.Join(c.surveyIfDue(ctx), c.expireConsents(ctx)); err != nil && ctx.Err() == nil {
			c.log.Error("the invariants could not be looked at; trying again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// surveyIfDue takes a survey if none has been kept since the last night. Two nodes may both do so; they
// find the same.
func (c *city) surveyIfDue(ctx context.Context) error {
	kept, err := c.reader.Findings(ctx)
	if err != nil {
		return err
	}
	if len(kept) == len(ledger.Invariants) && !kept[0].At.Before(lastNight(c.clock.Now().In(c.packs.Current().Zone))) {
		return nil
	}
	found, err := c.survey(ctx, nil)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Count > 0 {
			c.log.Warn("an invariant is broken; comity verify and the desk name the cases", "invariant", f.Name, "cases", f.Count)
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

// survey looks at everything now and keeps what it finds.
func (c *city) survey(ctx context.Context, seen func(int)) ([]ledger.Finding, error) {
	p := c.packs.Current()
	found, err := c.ledger.Survey(ctx, ledger.Beyond{Units: p.Units, Calendars: p.CalendarVersions(), Works: c.accounts.Known, Patience: noticeMayLag,
		Unsent: func(ctx context.Context, each func(casework.CaseID, int) error) error {
			return courier.Unsent(ctx, c.db, each)
		}}, seen)
	if err != nil {
		return nil, err
	}
	return found, c.ledger.Keep(ctx, found)
}
