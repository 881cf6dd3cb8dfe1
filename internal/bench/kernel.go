package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/simulate"
	"comity/internal/worktime"
	"comity/packs"
)

// kernel times what needs no database: why a date is what it is, and the model check of a pack. There
// is nothing to compare them with but themselves, so only the first has a baseline: the date alone.
func kernel(ctx context.Context, o options, _ string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	var calendar *worktime.Calendar
	for _, id := range slices.Sorted(maps.Keys(p.Calendars)) {
		calendar = p.Calendars[id]
		break
	}
	if calendar == nil {
		return fmt.Errorf("the demo pack has no calendar")
	}
	rule := worktime.Rule{N: 60, Unit: "working_days"}
	at := time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC)
	pauses := []worktime.Span{{From: at.AddDate(0, 0, 10), To: at.AddDate(0, 0, 24)}}
	var why, date series
	for range o.rounds {
		why = append(why, microseconds(1000, func() { rule.Explain(calendar, at, pauses, 0) }))
		date = append(date, microseconds(1000, func() { rule.Due(calendar, at, pauses, 0) }))
	}
	t.row("why this date, 60 working days and a pause, µs", why.String(), "the date alone: "+date.String(), why.over(date).format("%.0f"), "–", "–")
	if err := decided(p, o, t); err != nil {
		return err
	}
	if err := checked(o, t); err != nil {
		return err
	}
	return simulated(ctx, o, p, t)
}

// checked times the model checker on the largest pack that ships, against reading the same pack without it.
func checked(o options, t *table) error {
	p, err := pack.LoadFrom(packs.FS, "cn-changsha", pack.Unsearched())
	if err != nil {
		return err
	}
	files, err := pack.FromFiles(p.Files)
	if err != nil {
		return err
	}
	var search, read series
	states := 0
	for range o.rounds {
		began := time.Now()
		if _, err := pack.LoadKept(files); err != nil {
			return err
		}
		read = append(read, time.Since(began).Seconds())
		began = time.Now()
		states = 0
		for _, id := range slices.Sorted(maps.Keys(p.Procedures)) {
			states += procedure.Check(p.Procedures[id]).States
		}
		search = append(search, time.Since(began).Seconds())
	}
	t.row(fmt.Sprintf("model check of %s, %d procedures, %d situations, s", p.ID, len(p.Procedures), states), search.format("%.2f"),
		"reading the pack: "+read.format("%.2f"), search.over(read).format("%.1f"), "–", "below 10 s")
	return nil
}

// simulated plays the demo's scenario once per round: every case is opened, worked, answered and closed by
// the kernel, with a few calls for the world around it.
func simulated(ctx context.Context, o options, p *pack.Pack, t *table) error {
	files, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		return err
	}
	s, err := simulate.Read(files, "scenarios/street-office.yaml", p)
	if err != nil {
		return err
	}
	s.Variants = nil
	var rate series
	cases := 0
	for range o.rounds {
		began := time.Now()
		r, err := simulate.Run(ctx, p, s, simulate.Options{Runs: 1})
		if err != nil {
			return err
		}
		cases = r.Base.Arrived
		rate = append(rate, float64(cases)/time.Since(began).Seconds())
	}
	t.row(fmt.Sprintf("simulation of %d cases on one core, cases/s", cases), rate.format("%.0f"), "–", "–", "–", "–")
	return nil
}

func microseconds(n int, fn func()) float64 {
	began := time.Now()
	for range n {
		fn()
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n) / 1000
}
