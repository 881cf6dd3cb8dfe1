package main

import (
	"context"
	"time"
)

// lookAgain is the longest that a node sleeps without looking for clocks that ran out and for what is due to go under
// seal. It wakes earlier for the next clock, and when one is written that is due before that; so it bounds only how
// late the clocks of a killed node are, beyond their lease.
const lookAgain = 3 * time.Second

// timers answers the clocks of a compartment when they run out, until the context ends. Compartments do not wait for
// each other.
func (c *city) timers(ctx context.Context, r *rooms) {
	bell := r.ledger.TimersBell()
	defer bell.Close()
	for ctx.Err() == nil {
		err := r.due(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.Error("clocks could not be looked at; trying again", "compartment", r.compartment, "error", err)
		}
		if err := r.seals(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("something due to go under seal, to end or to be told was not; trying again", "compartment", r.compartment, "error", err)
		}
		wait := lookAgain
		next, fail := r.ledger.NextFree(ctx)
		if err == nil && fail == nil && !next.IsZero() {
			wait = min(wait, max(next.Sub(c.clock.Now()), 10*time.Millisecond)) // another node may just be taking it
		}
		bell.Sleep(ctx, wait, c.clock.Now().Add(wait), nil)
	}
}

// due answers every clock of the compartment that has run out by now.
func (r *rooms) due(ctx context.Context) error {
	for {
		n, err := r.ledger.RunTimers(ctx, 200)
		if err != nil || n == 0 {
			return err
		}
	}
}

// seals puts under seal what is due, ends orders whose time is over, and has people told of emergencies.
func (r *rooms) seals(ctx context.Context) error {
	_, err := r.ledger.RunSeals(ctx)
	return err
}
