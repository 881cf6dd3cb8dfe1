package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"time"
)

// volume is how much the city writes to its log, which an operator changes while it runs: one signal begins and ends
// more, the other begins and ends less. Both are logged, so that a gap in the log has a reason in it. No level logs
// what people wrote.
type volume struct {
	level slog.LevelVar
	log   *slog.Logger
	from  slog.Level // where a signal leads back to
}

// newVolume makes the log of a server. name is a level in words; empty is info.
func newVolume(w io.Writer, name string) (*volume, error) {
	v := &volume{}
	if name != "" {
		if err := v.from.UnmarshalText([]byte(name)); err != nil {
			return nil, usagef("--log-level %s: say debug, info, warn or error", name)
		}
	}
	v.level.Set(v.from)
	v.log = slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: &v.level}))
	return v, nil
}

// toggle goes to a level, or from it back to where the city began.
func (v *volume) toggle(to slog.Level) {
	if v.level.Level() == to {
		to = v.from
	}
	before := v.level.Level()
	v.level.Set(min(before, to, slog.LevelWarn)) // the line itself is to be read under either level
	v.log.Warn("the level of the log was changed by a signal", "from", before.String(), "to", to.String())
	v.level.Set(to)
}

// listen obeys signals until stop is called, which is after the last request was answered: to whom nobody listens, such
// a signal ends the process. more and less are nil where the system has no such signals.
func (v *volume) listen(more, less os.Signal) (stop func()) {
	if more == nil || less == nil {
		return func() {}
	}
	got, end := make(chan os.Signal, 4), make(chan struct{})
	signal.Notify(got, more, less)
	go func() {
		for {
			select {
			case s := <-got:
				if s == more {
					v.toggle(slog.LevelDebug)
				} else {
					v.toggle(slog.LevelWarn)
				}
			case <-end:
				return
			}
		}
	}()
	return func() {
		signal.Stop(got)
		close(end)
	}
}

// pulseEvery is how often a city whose log is turned up tells how it is.
const pulseEvery = 10 * time.Second

// pulses tell, at level debug, how much the process holds and what is due next.
func (c *city) pulses(ctx context.Context) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c.log.Enabled(ctx, slog.LevelDebug) {
				c.pulse(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (c *city) pulse(ctx context.Context) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	next, err := c.NextTimer(ctx)
	if err != nil {
		c.log.Debug("pulse: the next clock cannot be found", "error", err)
		return
	}
	stats := c.ledger.Stats()
	c.log.Debug("pulse", "goroutines", runtime.NumGoroutine(), "heap_mb", m.HeapAlloc>>20, "held_mb", m.Sys>>20, "collections", m.NumGC,
		"next_clock", next, "commands", stats.Commands, "batches", stats.Batches)
}
