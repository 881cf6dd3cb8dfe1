package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"comity/internal/db/faultdisk"
)

// powerCuts cuts the power of the disk at random moments under load: what was synced is there, of everything else each
// sector by chance.
func powerCuts(ctx context.Context, o options) (result, error) {
	return failing(ctx, o, "power", func(d *faultdisk.Disk, random *rand.Rand, _ int) {
		d.Slow(time.Duration(random.IntN(2000)) * time.Microsecond) // most of the time is spent between two syncs then
		time.Sleep(time.Duration(50+random.IntN(250)) * time.Millisecond)
	})
}

// failingSyncs lets single syncs fail, or all for a while, and then cuts the power: what a failed sync did not write is
// never written by a later one.
func failingSyncs(ctx context.Context, o options) (result, error) {
	return failing(ctx, o, "sync", func(d *faultdisk.Disk, random *rand.Rand, round int) {
		for range 4 {
			time.Sleep(time.Duration(20+random.IntN(60)) * time.Millisecond)
			d.FailSyncs(1 + random.IntN(2))
		}
		if round%2 == 0 {
			d.FailSyncs(-1)
			time.Sleep(100 * time.Millisecond)
			d.FailSyncs(0)
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// failing opens a city on a disk that fails, lets something happen to the disk, cuts its power, and opens the city again
// from what is left; after a stretch of such rounds it is checked whole.
func failing(ctx context.Context, o options, name string, happen func(*faultdisk.Disk, *rand.Rand, int)) (r result, err error) {
	random := rand.New(rand.NewPCG(uint64(o.seed), 3))
	r.of = max(2, o.rounds/5)
	for left := r.of; left > 0 && ctx.Err() == nil && len(r.Broken) == 0; left -= stretch {
		d := faultdisk.New(fmt.Sprintf("%s-%d", name, random.Int64()))
		err := r.powerless(ctx, o, d, min(left, stretch), random, happen)
		d.Remove()
		if err != nil {
			return r, err
		}
	}
	return r, ctx.Err()
}

func (r *result) powerless(ctx context.Context, o options, d *faultdisk.Disk, rounds int, random *rand.Rand, happen func(*faultdisk.Disk, *rand.Rand, int)) error {
	path := filepath.Join(o.dir, d.Name()+".db")
	at := site{DSN: "sqlite:" + path, Disk: d.Name(), Sent: path + ".sent", Node: "a"}
	life, b := newHistory(), &board{}
	var first time.Duration
	for i := range rounds {
		at.Ahead = time.Duration(i) * 26 * time.Hour
		began := time.Now()
		h, err := openHouse(ctx, at)
		if err != nil {
			return fmt.Errorf("after the power came back: %w", err)
		}
		h.begin()
		working, stop := context.WithCancel(ctx)
		gone := make(chan struct{})
		left := leftOver(life.all())
		go func() {
			defer close(gone)
			h.load(working, b, i, o.clients, left, life.tell)
		}()
		if err := waitFor(ctx, func() bool { return !life.firstDone(began).IsZero() }); err != nil {
			stop()
			return err
		}
		woke := life.firstDone(began).Sub(began)
		if i == 0 {
			first = woke
		} else {
			r.Back = append(r.Back, woke.Seconds()/first.Seconds())
		}
		happen(d, random, i)
		d.Cut()
		stop()
		<-gone
		h.shut()
		unsynced, old, err := d.Restore(func() bool { return random.IntN(2) == 0 })
		if err != nil {
			return err
		}
		r.Sectors, r.Old = r.Sectors+unsynced, r.Old+old
		r.played()
		if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) { // it lay in memory
			return err
		}
	}
	_, bad := d.Syncs()
	r.FailedSyncs += bad
	return r.conclude(ctx, at, life, b, rounds)
}

// conclude opens the city once more, answers what was left, and checks.
func (r *result) conclude(ctx context.Context, at site, life *history, b *board, rounds int) error {
	at.Ahead += 26 * time.Hour
	h, err := openHouse(ctx, at)
	if err != nil {
		return err
	}
	defer h.shut()
	for _, p := range leftOver(life.all()) {
		h.client(b, rounds, p.Client, life.tell).until(ctx, p)
	}
	r.hear(life.all())
	v, err := h.check(ctx, life.all())
	r.add(v)
	return err
}

// slowDisk makes every write wait, and sees whether readers wait with it.
func slowDisk(ctx context.Context, o options) (r result, err error) {
	d := faultdisk.New(fmt.Sprintf("slow-%d", o.seed))
	defer d.Remove()
	path := filepath.Join(o.dir, "slow.db")
	err = r.through(ctx, o, site{DSN: "sqlite:" + path, Disk: d.Name()}, max(1, o.rounds/100), func(h *house, life *history) error {
		if err := waitFor(ctx, func() bool { return !life.firstDone(time.Now().Add(-time.Second)).IsZero() }); err != nil {
			return err
		}
		began := time.Now()
		d.Slow(30 * time.Millisecond)
		time.Sleep(2 * time.Second)
		said := h.ready()
		d.Slow(0)
		ended := time.Now()
		r.saw("/readyz: " + said)
		read, wrote := life.typical(began, ended)
		r.saw(fmt.Sprintf("a read took %.3f of the time of a write", read.Seconds()/max(wrote.Seconds(), 1e-9)))
		if err := waitFor(ctx, func() bool { return !life.firstDone(ended).IsZero() }); err != nil {
			return err
		}
		r.Back = append(r.Back, life.firstDone(ended).Sub(ended).Seconds()/ended.Sub(began).Seconds())
		return nil
	})
	return r, err
}
