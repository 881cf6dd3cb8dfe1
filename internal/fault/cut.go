package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/translog"
)

// deed is one thing a room stores. stored is how often it is there, asked past the proxy.
type deed struct {
	name   string
	do     func(ctx context.Context, key string) error
	stored func(ctx context.Context, key string) (int64, error)
	once   bool // it may be asked for again only when it is not stored: it has no key of its own
	before bool // it is stored before there is anything to answer, as a look is before anything is shown
}

// deeds are the writes of every room that has any. h writes through the proxy, look reads past it.
func (h *house) deeds(look *house) []deed {
	counted := func(q string) func(context.Context, string) (int64, error) {
		return func(ctx context.Context, key string) (int64, error) { return look.number(ctx, q, key) }
	}
	c := h.client(&board{}, 0, 0, func(op) {})
	var at op // the case acts are about
	return []deed{
		{name: "ledger, a new case", stored: counted(countTitle), do: func(ctx context.Context, key string) error {
			o := op{Kind: kindOpen, Key: key}
			err := c.open(ctx, &o)
			at = o
			return err
		}},
		{name: "ledger, an act", stored: counted(countOfficers),
			do: func(ctx context.Context, key string) error {
				act := "assign"
				if k, err := look.reader.ByID(ctx, authz.Machine().Scope(), at.Case); err == nil && k.State == "received" {
					if _, err := look.ledger.Do(ctx, h.everyone(), casework.Command{Case: at.Case, Version: casework.AnyVersion, Act: "accept"}); err != nil {
						return err
					}
				}
				return c.act(ctx, &op{Kind: kindAct, Key: key, Case: at.Case, Act: act, Version: casework.AnyVersion})
			}},
		{name: "ledger, a look", once: true, before: true, stored: counted(countLooks), do: func(ctx context.Context, key string) error {
			_, err := h.ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: at.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity})
			return err
		}},
		{name: "jobs, a job", stored: counted(countJobs), do: func(ctx context.Context, key string) error {
			return h.db.Transact(ctx, func(tx *db.Tx) error {
				return jobs.Enqueue(ctx, tx, jobs.New{Kind: "nobody", Key: key, RunAt: tx.Now})
			})
		}},
		{name: "translog, a record", once: true, stored: counted(countLeaves), do: func(ctx context.Context, key string) error {
			return h.db.Transact(ctx, func(tx *db.Tx) error { return translog.Add(ctx, tx, "fault", leafOf(key), make([]byte, 32)) })
		}},
		{name: "account, an account", once: true, stored: counted(countAccounts), do: func(ctx context.Context, key string) error {
			_, err := h.accounts.Create(ctx, account.Account{ID: key, Login: key, Name: map[string]string{"en": key}}, "long enough for anybody")
			return err
		}},
		{name: "account, a session", once: true, stored: counted(countSessions), do: func(ctx context.Context, key string) error {
			_, _, err := h.accounts.SignIn(ctx, "cutter", "long enough for anybody")
			return err
		}},
	}
}

// leafOf makes a name of a record out of a key.
func leafOf(key string) string { return key + strings.Repeat("x", max(0, 16-len(key))) }

// cutEverywhere cuts the connection of every deed before each of its messages, in both directions. What was answered
// must hold: stored, not stored, or not known; and the same again under the same key must come to exactly one.
func cutEverywhere(ctx context.Context, o options) (r result, err error) {
	p, dsn, direct, err := r.behindProxy(ctx, "cut")
	if p == nil {
		return r, err
	}
	defer p.close()
	at := site{DSN: dsn, Sent: filepath.Join(o.dir, "sent"), Node: "a"}
	h, err := openHouse(ctx, at)
	if err != nil {
		return r, err
	}
	defer h.shut()
	look, err := openHouse(ctx, site{DSN: direct, Sent: at.Sent, Node: "b"})
	if err != nil {
		return r, err
	}
	defer look.shut()
	if _, err := h.accounts.Create(ctx, account.Account{ID: "cutter", Login: "cutter", Name: map[string]string{"en": "C"}}, "long enough for anybody"); err != nil {
		return r, err
	}
	step := max(1, 300/max(1, o.rounds)) // few rounds take every so many messages, many take each
	for i, d := range h.deeds(look) {
		for _, toServer := range []bool{true, false} {
			if err := r.cutDeed(ctx, p, d, i, toServer, step); err != nil {
				return r, fmt.Errorf("%s: %w", d.name, err)
			}
		}
	}
	if err := h.cutWork(ctx, p, &r, step); err != nil {
		return r, err
	}
	look.jump(time.Duration(h.ahead.Load())) // what was ordered by the clock that went ahead is due for who looks, too
	v, err := look.check(ctx, nil)
	r.add(v)
	return r, err
}

// behindProxy makes a server with an empty database, and a proxy before it whose end is the server's too. dsn leads through the
// proxy, direct past it. Without a proxy the scene cannot be played, or err says why not.
func (r *result) behindProxy(ctx context.Context, name string) (p *proxy, dsn, direct string, err error) {
	c, err := cluster(ctx, r)
	if c == nil {
		return nil, "", "", err
	}
	if direct, err = fresh(ctx, c, name); err == nil {
		p, err = newProxy(c.Socket())
	}
	if err != nil {
		return nil, "", "", errors.Join(err, c.Close())
	}
	p.behind = c.Close
	return p, strings.ReplaceAll(direct, escaped(filepath.Dir(c.Socket())), escaped(p.dir)), direct, nil
}

// cutDeed goes on until a deed is over before its cut comes.
func (r *result) cutDeed(ctx context.Context, p *proxy, d deed, i int, toServer bool, step int) error {
	for k := 1; ; k += step {
		key := fmt.Sprintf("d%dx%vx%d", i, toServer, k)
		before, err := d.stored(ctx, key)
		if err != nil {
			return err
		}
		p.arm(toServer, k)
		answer := d.do(ctx, key)
		over := p.disarm()
		time.Sleep(settleTime) // a server that was left in the middle ends by itself
		after, err := d.stored(ctx, key)
		if err != nil {
			return err
		}
		r.played()
		r.judge(d, k, toServer, answer, after-before)
		if d.once && after > before {
			if over {
				return nil
			}
			continue
		}
		if err := again(ctx, d, key); err != nil {
			r.say("%s, cut before message %d: tried again with the connection whole: %v", d.name, k, err)
		}
		if n, err := d.stored(ctx, key); err != nil || n != before+1 {
			r.Twice++
			r.say("%s, cut before message %d: stored %d times after it was tried again (%v)", d.name, k, n-before, err)
		}
		if over {
			return nil
		}
	}
}

// settleTime is how long a server may take to notice that its client is gone.
const settleTime = 3 * time.Millisecond

// again tries until there is an answer: the next connection may have been cut in the same moment.
func again(ctx context.Context, d deed, key string) (err error) {
	for range 5 {
		if err = d.do(ctx, key); err == nil {
			return nil
		}
	}
	return err
}

// judge holds an answer against what is stored.
func (r *result) judge(d deed, k int, toServer bool, answer error, stored int64) {
	r.Ops++
	way := "from"
	if toServer {
		way = "to"
	}
	switch outcomeOf(answer) {
	case done:
		r.Acked++
		if stored != 1 {
			r.Lost++
			r.say("%s, cut before message %d %s the server: acknowledged, and stored %d times", d.name, k, way, stored)
		}
	case unknown:
		r.Unknown++
	case failed:
		r.Failed++
		if stored != 0 && !d.before {
			r.Lost++
			r.say("%s, cut before message %d %s the server: stored %d times, and the answer was %v", d.name, k, way, stored, answer)
		}
	default:
		r.Refused++
		r.say("%s, cut before message %d %s the server: refused: %v", d.name, k, way, answer)
	}
}

// cutWork cuts what a node does by itself: notices, their deliveries, the log, heads, clocks. What is left is checked
// by the caller: each notice once, every proof whole.
func (h *house) cutWork(ctx context.Context, p *proxy, r *result, step int) error {
	works := map[string]func() error{
		"courier": func() error { _, err := h.runner.RunDue(ctx, 1); return err },
		"log":     func() error { _, err := h.tree.Sequence(ctx); return err },
		"head":    func() error { _, err := h.tree.SignHead(ctx); return err },
		"timers":  func() error { _, err := h.ledger.RunTimers(ctx, 5); return err },
	}
	c := h.client(&board{}, 7, 0, func(op) {})
	for name, work := range works {
		for _, toServer := range []bool{true, false} {
			over := false
			for k := 1; !over; k += step {
				o := op{Kind: kindOpen, Key: fmt.Sprintf("w%s%vx%d", name, toServer, k)}
				if err := c.open(ctx, &o); err != nil {
					return err
				}
				if name == "timers" {
					h.jump(15 * 24 * time.Hour)
				} else {
					h.jump(5 * time.Minute) // leases of the last try are over
				}
				p.arm(toServer, k)
				err := work()
				over = p.disarm()
				r.played()
				r.Ops++
				if err != nil {
					r.Failed++
				} else {
					r.Acked++
				}
			}
		}
	}
	return nil
}

// cutStorm cuts connections at random while clients work.
func cutStorm(ctx context.Context, o options) (r result, err error) {
	p, dsn, _, err := r.behindProxy(ctx, "storm")
	if p == nil {
		return r, err
	}
	defer p.close()
	turn := 0
	err = r.through(ctx, o, site{DSN: dsn}, max(1, o.rounds/20), func(h *house, life *history) error {
		turn++
		p.storm.Store([]int64{60, 150, 400}[turn%3])
		began := time.Now()
		time.Sleep(1500 * time.Millisecond)
		p.storm.Store(0)
		ended := time.Now()
		if err := waitFor(ctx, func() bool { return !life.firstDone(ended).IsZero() }); err != nil {
			return err
		}
		r.Back = append(r.Back, life.firstDone(ended).Sub(ended).Seconds()/ended.Sub(began).Seconds())
		return nil
	})
	return r, err
}

// netHangs lets a network carry nothing for some seconds, and then cuts every connection or goes on.
func netHangs(ctx context.Context, o options) (r result, err error) {
	p, dsn, _, err := r.behindProxy(ctx, "hang")
	if p == nil {
		return r, err
	}
	defer p.close()
	turn := 0
	err = r.outages(ctx, o, dsn, max(1, o.rounds/50), func() (func() error, error) {
		turn++
		end := p.hang()
		return func() error {
			if turn%2 == 0 {
				p.cutAll()
			}
			end()
			return nil
		}, nil
	})
	return r, err
}

// restarted restarts the server as an administrator does, or ends every connection as a failover does.
func restarted(ctx context.Context, o options) (r result, err error) {
	c, err := cluster(ctx, &r)
	if c == nil {
		return r, err
	}
	defer c.Close()
	dsn, err := fresh(ctx, c, "restarted")
	if err != nil {
		return r, err
	}
	if err := r.outages(ctx, o, dsn, max(1, o.rounds/20), func() (func() error, error) {
		return func() error { return c.Start(ctx) }, c.Kill(fastShutdown)
	}); err != nil {
		return r, err
	}
	admin, err := db.Open(ctx, c.Address("postgres"), time.Now)
	if err != nil {
		return r, err
	}
	defer admin.Close()
	if dsn, err = fresh(ctx, c, "ended"); err != nil {
		return r, err
	}
	err = r.through(ctx, o, site{DSN: dsn}, max(1, o.rounds/20), func(h *house, life *history) error {
		for range 20 {
			if err := endBackends(ctx, admin); err != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
		ended := time.Now()
		return waitFor(ctx, func() bool { return !life.firstDone(ended).IsZero() && h.ready() == "ready" })
	})
	return r, err
}

// escaped is a path as it stands in an address.
func escaped(path string) string { return strings.ReplaceAll(path, "/", "%2F") }
