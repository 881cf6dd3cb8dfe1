package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"comity/internal/account"
)

// jumps are where the clock goes, one after the other, under load: back by hours and on again, years ahead, and back to
// where it should have been.
var jumps = []struct {
	by   time.Duration
	what string
}{
	{-3 * time.Hour, "three hours back"}, {3 * time.Hour, "three hours ahead"},
	{-time.Second, "a second back"}, {40 * 24 * time.Hour, "forty days ahead"},
	{2 * 365 * 24 * time.Hour, "two years ahead"}, {-2 * 365 * 24 * time.Hour, "two years back"},
	{2 * 365 * 24 * time.Hour, "to where it had been, so that what was ordered there is due"},
}

// clockJumps sets the clock of a working city on both engines.
func clockJumps(ctx context.Context, o options) (r result, err error) {
	if err := r.jumping(ctx, o, site{DSN: "sqlite:" + filepath.Join(o.dir, "clock.db")}); err != nil {
		return r, err
	}
	c, err := cluster(ctx, &r)
	if c == nil {
		r.Skipped = ""
		return r, err
	}
	defer c.Close()
	dsn, err := fresh(ctx, c, "clock")
	if err != nil {
		return r, err
	}
	return r, r.jumping(ctx, o, site{DSN: dsn})
}

func (r *result) jumping(ctx context.Context, o options, at site) error {
	at.Ahead = 24 * time.Hour
	turn := 0
	var token string
	return r.through(ctx, o, at, len(jumps), func(h *house, life *history) error {
		if turn == 0 {
			if _, err := h.accounts.Create(ctx, account.Account{ID: "clerk", Login: "clerk", Name: map[string]string{"en": "C"}}, "long enough for anybody"); err != nil {
				return err
			}
			var err error
			if _, token, err = h.accounts.SignIn(ctx, "clerk", "long enough for anybody"); err != nil {
				return err
			}
		}
		j := jumps[turn]
		turn++
		before, err := h.tree.Head(ctx)
		if err != nil {
			if before, err = h.tree.SignHead(ctx); err != nil {
				return err
			}
		}
		h.jump(j.by)
		at := time.Now()
		if err := waitFor(ctx, func() bool { return life.doneSince(at) > 30 }); err != nil {
			return fmt.Errorf("%s: %w", j.what, err)
		}
		if err := waitFor(ctx, func() bool {
			head, err := h.tree.Head(ctx)
			return err == nil && head.Size > before.Size && !head.At.Before(before.At)
		}); err != nil {
			r.say("the clock was set %s: no head was signed any more", j.what)
		}
		_, err = h.accounts.Session(ctx, token)
		r.saw(fmt.Sprintf("%s: who was signed in still is: %v", j.what, err == nil))
		if err == nil && j.by > 30*24*time.Hour {
			r.say("the clock was set %s, and a session from before lives on", j.what)
		}
		return nil
	})
}
