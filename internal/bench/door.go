package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"comity/internal/load"
	"comity/internal/pack"
)

// door measures opening and accepting cases through ledger.Do against a loop that writes the same rows
// into the same tables and decides nothing, with every commit on disk. With a profile, a last turn of the door is
// taken down in it.
func door(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	empty := scratchIn(dir, p)
	bases, err := load.Baselines(ctx, load.Against{Empty: empty, Clients: o.clients, Cases: o.cases, Turns: o.rounds})
	if err != nil {
		return err
	}
	do := turns(bases, load.Door)
	what := fmt.Sprintf("open and accept cases, %d clients, changes/s", o.clients)
	against(t, what, do, "same rows, bare loop, 1 a commit", turns(bases, load.BareOne), 0.5)
	against(t, what, do, "same rows, bare loop, as many a commit", turns(bases, load.Bare), 0)
	if o.profile == "" {
		return nil
	}
	s, err := empty(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return load.Profiled(o.profile, func() error {
		_, err := load.Changes(ctx, s.Rooms, o.clients, o.cases)
		return err
	})
}

// against adds a line; least is the ratio that is promised, 0 where none is.
func against(t *table, what string, value series, name string, base series, least float64) {
	aim, met, ratio := "–", "–", value.over(base)
	if least > 0 {
		aim, met = fmt.Sprintf("≥ %.2f", least), yes(ratio.median() >= least)
	}
	t.row(what, value.format("%.0f"), name+": "+base.format("%.0f"), ratio.String(), aim, met)
}

// turns are the figures of a baseline, by turn.
func turns(bases []load.Base, name string) series {
	i := slices.IndexFunc(bases, func(b load.Base) bool { return b.Name == name })
	if i < 0 {
		return nil
	}
	return bases[i].Turns
}

// scratchIn makes empty cities in a folder, each of which is thrown away.
func scratchIn(dir string, p *pack.Pack) func(context.Context) (*load.Scratch, error) {
	return func(ctx context.Context) (*load.Scratch, error) {
		folder, err := os.MkdirTemp(dir, "door-")
		if err != nil {
			return nil, err
		}
		c, err := openCity(ctx, p, filepath.Join(folder, "city.db"))
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(folder))
		}
		return c.scratch(func() error { return os.RemoveAll(folder) }), nil
	}
}

// scratch is the city as one to be thrown away; away is what is to be done when it is closed.
func (c *city) scratch(away func() error) *load.Scratch {
	return &load.Scratch{Rooms: c.rooms(), Close: func() error {
		if err := c.Close(); err != nil {
			return err
		}
		return away()
	}}
}

func (c *city) rooms() load.Rooms {
	return load.Rooms{DB: c.d, Ledger: c.l, Reader: c.r, Pack: c.pack, Now: time.Now}
}
