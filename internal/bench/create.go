package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
)

// door measures opening and accepting cases through ledger.Do against a loop that writes the same rows
// into the same tables and decides nothing. The rows of the loop are those an earlier run of the door
// left behind, so number and sizes are the same by construction. Both go through internal/db, with
// every commit on disk.
func door(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	d := &doorRun{o: o, dir: dir, pack: p, per: map[string]series{}}
	if err := d.through(ctx, nil); err != nil { // also warms up
		return err
	}
	for round := range o.rounds {
		steps := []func() error{
			func() error { return profiled(profileOf(o, round), func() error { return d.through(ctx, d.per) }) },
			func() error { return d.bare(ctx, "one", 1, true) },
			func() error { return d.bare(ctx, "batch", d.batch, true) },
			func() error { return d.bare(ctx, "plain", d.batch, false) },
		}
		for i := range steps {
			if err := steps[(i+round)%len(steps)](); err != nil {
				return err
			}
		}
	}
	for _, act := range []string{"open a case", "accept a case"} {
		do, one, batch := d.per[act], d.per["one "+act], d.per["batch "+act]
		ratio := do.over(one)
		t.row(fmt.Sprintf("%s, %d clients, /s", act, o.clients), do.format("%.0f"), "same rows, bare loop, 1 a commit: "+one.format("%.0f"),
			ratio.String(), "≥ 0.50", yes(ratio.median() >= 0.5))
		t.row(fmt.Sprintf("%s, %d clients, /s", act, o.clients), do.format("%.0f"), fmt.Sprintf("same rows, bare loop, %d a commit: %s", d.batch, batch.format("%.0f")),
			do.over(batch).String(), "–", "–")
		plain := d.per["plain "+act]
		t.row(act+", rows of trust in the bare loop, /s", batch.format("%.0f"), "without key, leaf and keyed words: "+plain.format("%.0f"),
			batch.over(plain).String(), "–", "–")
	}
	return nil
}

func profileOf(o options, round int) string {
	if round > 0 {
		return ""
	}
	return o.profile
}

type doorRun struct {
	o     options
	dir   string
	pack  *pack.Pack
	per   map[string]series // what was done → per second, by round
	rows  []caseRows        // what the door left behind, by case
	batch int               // mean number of commands in one commit of the door
	seed  uint64
}

// through opens and accepts cases through the door. Without per it keeps the rows instead of the times.
func (d *doorRun) through(ctx context.Context, per map[string]series) error {
	return d.inCity(ctx, func(c *city) error {
		d.seed++
		cmds, err := reports(d.pack, d.o.cases, d.seed)
		if err != nil {
			return err
		}
		receipts := make([]ledger.Receipt, len(cmds))
		opened, err := clients(d.o.clients, len(cmds), func(i int) (err error) {
			receipts[i], err = c.l.Do(ctx, authz.Reporter(), cmds[i])
			return err
		})
		if err != nil {
			return err
		}
		if per == nil {
			said := map[casework.CaseID]string{}
			for i, r := range receipts {
				o := cmds[i].Open
				said[r.Case] = o.Title + "\n" + o.Text + "\n" + o.Place.Address
			}
			if d.rows, err = readOpened(ctx, c.d, said); err != nil {
				return err
			}
		}
		who := head(d.pack)
		accepted, err := clients(d.o.clients, len(cmds), func(i int) error {
			_, err := c.l.Do(ctx, who, casework.Command{Case: receipts[i].Case, Version: 1, Act: "accept", Key: fmt.Sprintf("accept-%d", i)})
			return err
		})
		if err != nil {
			return err
		}
		s := c.l.Stats()
		d.batch = max(1, int(s.Commands/s.Batches))
		if per == nil {
			return readAccepted(ctx, c.d, d.rows)
		}
		d.add("open a case", opened)
		d.add("accept a case", accepted)
		return nil
	})
}

// bare writes the same rows with one writer.
func (d *doorRun) bare(ctx context.Context, name string, batch int, trust bool) error {
	return d.inCity(ctx, func(c *city) error {
		opened, err := loop(ctx, c.d, d.rows, batch, trust, writeOpened)
		if err != nil {
			return err
		}
		accepted, err := loop(ctx, c.d, d.rows, batch, trust, writeAccepted)
		if err != nil {
			return err
		}
		d.add(name+" open a case", opened)
		d.add(name+" accept a case", accepted)
		return nil
	})
}

func (d *doorRun) add(what string, took time.Duration) {
	d.per[what] = append(d.per[what], float64(d.o.cases)/took.Seconds())
}

func (d *doorRun) inCity(ctx context.Context, fn func(*city) error) error {
	dir, err := os.MkdirTemp(d.dir, "door-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := openCity(ctx, d.pack, filepath.Join(dir, "city.db"))
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(c)
}

// clients does n things from several goroutines and tells how long it took.
func clients(many, n int, do func(i int) error) (time.Duration, error) {
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make(chan error, many)
	began := time.Now()
	for range many {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return 0, err
	default:
		return took, nil
	}
}

func loop(ctx context.Context, d *db.DB, rows []caseRows, batch int, trust bool, write func(context.Context, *db.Tx, *caseRows, bool) error) (time.Duration, error) {
	began := time.Now()
	for i := 0; i < len(rows); i += batch {
		part := rows[i:min(i+batch, len(rows))]
		err := d.Transact(ctx, func(tx *db.Tx) error {
			for j := range part {
				if err := write(ctx, tx, &part[j], trust); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// staff is somebody who reads what lies at or under a unit.
func staff(unit org.UnitID) authz.Scope {
	return authz.Staff("bench", []authz.Grant{{Role: "clerk", Unit: unit}}).Scope()
}
