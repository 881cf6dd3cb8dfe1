package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// cluster starts a PostgreSQL server for a scene. Where none can be had the scene is skipped, and says so, except in CI.
func cluster(ctx context.Context, r *result, settings ...string) (*dbtest.Cluster, error) {
	c, err := dbtest.NewCluster(ctx, settings...)
	if errors.Is(err, dbtest.ErrNoServer) && os.Getenv("CI") == "" {
		r.Skipped = err.Error()
		return nil, nil
	}
	return c, err
}

// fresh makes an empty database and gives its address.
func fresh(ctx context.Context, c *dbtest.Cluster, name string, parameters ...string) (string, error) {
	d, err := db.Open(ctx, c.Address("postgres"), time.Now)
	if err != nil {
		return "", err
	}
	err = createSchema(ctx, d, name)
	return c.Address("postgres", append([]string{"search_path", name}, parameters...)...), errors.Join(err, d.Close())
}

// killNodePostgres kills the process that works for a city while the server lives on.
func killNodePostgres(ctx context.Context, o options) (r result, err error) {
	c, err := cluster(ctx, &r)
	if c == nil {
		return r, err
	}
	defer c.Close()
	n := 0
	return killNode(ctx, o, func() (string, error) {
		n++
		return fresh(ctx, c, fmt.Sprintf("city%d", n))
	})
}

// killServer kills the PostgreSQL server under load, in turn with kill -9 of all its processes and with SIGQUIT, starts
// it again and lets the city, which was not told, find it.
func killServer(ctx context.Context, o options) (r result, err error) {
	c, err := cluster(ctx, &r)
	if c == nil {
		return r, err
	}
	defer c.Close()
	random := rand.New(rand.NewPCG(uint64(o.seed), 2))
	r.of = o.rounds
	for left := o.rounds; left > 0 && ctx.Err() == nil && len(r.Broken) == 0; left -= stretch {
		dsn, err := fresh(ctx, c, fmt.Sprintf("killed%d", left))
		if err != nil {
			return r, err
		}
		err = r.outages(ctx, o, dsn, min(left, stretch), func() (func() error, error) {
			signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGQUIT}[random.IntN(2)]
			err := c.Kill(signal)
			wait := time.Duration(random.IntN(300)) * time.Millisecond
			return func() error {
				time.Sleep(wait)
				return c.Start(ctx)
			}, err
		})
		if err != nil {
			return r, err
		}
	}
	return r, ctx.Err()
}

// outages lets a city live through faults of what it stands on. fault breaks it and gives what mends it again; after
// each the city has to be back by itself, and the page for probes has to have told the truth.
func (r *result) outages(ctx context.Context, o options, dsn string, rounds int, fault func() (func() error, error)) error {
	return r.through(ctx, o, site{DSN: dsn}, rounds, func(h *house, life *history) error { return r.outage(ctx, h, life, fault) })
}

// through opens a city, lets clients work, has something happen to it as often as is wanted, and checks what is left.
func (r *result) through(ctx context.Context, o options, at site, rounds int, happen func(*house, *history) error) error {
	at.Sent, at.Node = filepath.Join(o.dir, fmt.Sprintf("sent-%d", time.Now().UnixNano())), "a"
	h, err := openHouse(ctx, at)
	if err != nil {
		return err
	}
	defer h.shut()
	h.begin()
	life, b := newHistory(), &board{}
	for _, p := range at.earlier {
		life.tell(p)
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		h.load(working, b, 2*at.round, o.clients, nil, life.tell)
	}()
	for range rounds {
		if err := happen(h, life); err != nil {
			return err
		}
		r.played()
	}
	stop()
	<-gone
	h.rest()
	for _, p := range leftOver(life.all()) {
		h.client(b, 2*at.round+1, p.Client, life.tell).until(ctx, p)
	}
	r.hear(life.all())
	v, err := h.check(ctx, life.all())
	r.add(v)
	return err
}

// fastShutdown has PostgreSQL end every connection and stop in order.
const fastShutdown = syscall.SIGINT

// comeBack bounds the wait for a city that finds its own way back.
const comeBack = time.Minute

var errAway = errors.New("the city did not come back by itself")

func (r *result) outage(ctx context.Context, h *house, life *history, fault func() (func() error, error)) error {
	if err := waitFor(ctx, func() bool { return life.doneSince(time.Now().Add(-time.Second)) > 5 }); err != nil {
		return err
	}
	if said := h.ready(); said != "ready" {
		r.say("before the fault the page for probes said %q", said)
	}
	began := time.Now()
	mend, err := fault()
	if err != nil {
		return err
	}
	turned := r.probe(ctx, h, func(said string) bool { return said != "ready" })
	if err := mend(); err != nil {
		return err
	}
	mended := time.Now()
	if err := waitFor(ctx, func() bool { return !life.firstDone(mended).IsZero() }); err != nil {
		return err
	}
	r.Back = append(r.Back, life.firstDone(mended).Sub(mended).Seconds()/mended.Sub(began).Seconds())
	if !turned {
		r.say("during the fault the page for probes went on saying that all is well")
	}
	if !r.probe(ctx, h, func(said string) bool { return said == "ready" }) {
		r.say("after the fault the page for probes does not say that all is well: %q", h.ready())
	}
	return nil
}

// probe asks the page for probes until it says what is wanted, for some seconds.
func (r *result) probe(ctx context.Context, h *house, wanted func(string) bool) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && ctx.Err() == nil; {
		said := h.ready()
		r.saw("/readyz: " + said)
		if wanted(said) {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

func waitFor(ctx context.Context, yes func() bool) error {
	for end := time.Now().Add(comeBack); time.Now().Before(end); {
		if yes() {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errAway
}
