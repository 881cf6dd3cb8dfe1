package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// stretch is how many kills one city lives through before it is checked whole and the next one begins.
const stretch = 20

// killNode kills the process that works for a city, at random moments under load, and checks what is left. The clock
// goes on by more than a day from life to life, so that leases of the dead are over and terms run out.
func killNode(ctx context.Context, o options, address func() (string, error)) (r result, err error) {
	random := rand.New(rand.NewPCG(uint64(o.seed), 1))
	r.of = o.rounds
	for left := o.rounds; left > 0 && ctx.Err() == nil; left -= stretch {
		dsn, err := address()
		if err != nil {
			return r, err
		}
		v, err := oneStretch(ctx, o, dsn, min(left, stretch), random, &r)
		r.add(v)
		if err != nil || len(v.Broken) > 0 {
			return r, err
		}
	}
	return r, ctx.Err()
}

func oneStretch(ctx context.Context, o options, dsn string, rounds int, random *rand.Rand, r *result) (v verdict, err error) {
	h, b := newHistory(), &board{}
	at := site{DSN: dsn, Sent: filepath.Join(o.dir, fmt.Sprintf("sent-%d", random.Int64())), Node: "a"}
	var first time.Duration
	for i := range rounds {
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		at.Ahead = time.Duration(i) * 26 * time.Hour
		woke, err := live(orders{Site: at, Round: i, Clients: o.clients, Left: leftOver(h.all()), Known: b.known()},
			10+random.IntN(40), time.Duration(random.IntN(20_000))*time.Microsecond, func(p op) {
				h.tell(p)
				if p.Outcome == done && p.Kind == kindOpen && !p.Replayed {
					b.put(p.Case)
				}
			})
		if err != nil {
			return v, err
		}
		r.played()
		if i == 0 {
			first = woke
		} else {
			r.Back = append(r.Back, woke.Seconds()/first.Seconds())
		}
	}
	at.Ahead += 26 * time.Hour
	house, err := openHouse(ctx, at)
	if err != nil {
		return v, err
	}
	defer house.shut()
	// What was left without an answer gets one now.
	for _, p := range leftOver(h.all()) {
		house.client(b, rounds, p.Client, h.tell).until(ctx, p)
	}
	return house.check(ctx, h.all())
}
