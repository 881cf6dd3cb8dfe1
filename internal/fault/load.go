package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/ledger"
)

// board is what clients know of cases: they meet at the newest ones, so that their acts get in each other's way.
type board struct {
	mu    sync.Mutex
	cases []casework.CaseID
}

const boardSize = 12

func (b *board) put(ids ...casework.CaseID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cases = append(b.cases, ids...)
	if over := len(b.cases) - boardSize; over > 0 {
		b.cases = b.cases[over:]
	}
}

func (b *board) pick(random *rand.Rand) casework.CaseID {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.cases) == 0 {
		return ""
	}
	return b.cases[random.IntN(len(b.cases))]
}

func (b *board) known() []casework.CaseID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]casework.CaseID{}, b.cases...)
}

// client is one of those who stand at the door.
type client struct {
	h      *house
	board  *board
	n      int // of this client
	round  int
	i      int64
	random *rand.Rand
	tell   func(op)
	// patient clients try again what failed, under its key, as people and programs do.
	pause  time.Duration
	reader bool
}

func (h *house) client(b *board, round, n int, tell func(op)) *client {
	return &client{h: h, board: b, n: n, round: round, tell: tell, pause: 20 * time.Millisecond,
		random: rand.New(rand.NewPCG(uint64(round), uint64(n)+uint64(time.Now().UnixNano())))}
}

const (
	perClient = 1 << 20
	perRound  = perClient << 8
)

func (c *client) fresh(o op) op {
	o.ID = int64(c.round)*perRound + int64(c.n)*perClient + c.i
	o.Client = c.n
	if o.Key == "" && o.Kind != kindRead {
		o.Key = fmt.Sprintf("k%dx%dx%d", c.round, c.n, c.i)
	}
	o.Return, o.Outcome, o.Seq, o.Now, o.Hash, o.State, o.Said, o.Replayed = 0, "", 0, 0, "", "", "", false
	c.i++
	return o
}

// work goes on until the context ends. It begins with what was left without an answer.
func (c *client) work(ctx context.Context, left []op) {
	for _, o := range left {
		c.until(ctx, o)
	}
	for ctx.Err() == nil {
		o := c.next()
		if c.reader { // somebody only looks, also while those who write wait
			if o = (op{Kind: kindRead, Case: c.board.pick(c.random)}); o.Case == "" {
				time.Sleep(c.pause)
				continue
			}
			time.Sleep(c.pause / 4)
		}
		c.until(ctx, o)
	}
}

// until tries an operation under one key until it has an answer.
func (c *client) until(ctx context.Context, o op) {
	for ctx.Err() == nil {
		o = c.once(c.fresh(o))
		if !o.retried() {
			return
		}
		wait := time.NewTimer(c.pause + time.Duration(c.random.Int64N(int64(c.pause))))
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
}

// next chooses what to do.
func (c *client) next() op {
	id := c.board.pick(c.random)
	dice := c.random.IntN(100)
	switch {
	case id == "" || dice < 25:
		return op{Kind: kindOpen}
	case dice < 50:
		return op{Kind: kindRead, Case: id}
	}
	seen := c.once(c.fresh(op{Kind: kindRead, Case: id}))
	act := map[string]string{"received": "accept", "raised": "accept", "contested": "accept", "accepted": "begin", "assigned": "begin", "in_hand": "assign"}[seen.State]
	if act == "" {
		return op{Kind: kindOpen}
	}
	return op{Kind: kindAct, Case: id, Act: act, Version: seen.Now}
}

// once carries one operation out, and tells of it before and after.
func (c *client) once(o op) op {
	o.Call = time.Now().UnixNano()
	c.tell(o)
	ctx := context.Background()
	var err error
	switch o.Kind {
	case kindOpen:
		err = c.open(ctx, &o)
	case kindAct:
		err = c.act(ctx, &o)
	case kindRead:
		err = c.read(ctx, &o)
	}
	o.Return = time.Now().UnixNano()
	o.Outcome = outcomeOf(err)
	if no, ok := errors.AsType[*casework.Refusal](err); ok {
		o.Said = no.Rule
	} else if err != nil {
		o.Said = err.Error()
	}
	c.tell(o)
	if o.Outcome == done && o.Kind == kindOpen && !o.Replayed {
		c.board.put(o.Case)
	}
	return o
}

// outcomeOf is what an answer says. Only [db.ErrCommitUnknown] admits that nobody knows; every other error claims that
// nothing was stored, and is held to it.
func outcomeOf(err error) string {
	_, no := errors.AsType[*casework.Refusal](err)
	switch {
	case err == nil:
		return done
	case no:
		return refused
	case errors.Is(err, db.ErrCommitUnknown):
		return unknown
	}
	return failed
}

func (c *client) open(ctx context.Context, o *op) error {
	cmd, err := intake.Command(c.h.pack, intake.Report{Category: c.h.request(), Title: o.Key, Text: "There is a hole in the road.",
		Unit: c.h.community(), Source: "web", Key: o.Key, Contact: casework.Contact{Channel: "mail", Address: o.Key + "@example.org"}})
	if err != nil {
		return err
	}
	r, err := c.h.ledger.Do(ctx, authz.Reporter(), cmd)
	o.take(r)
	return err
}

func (c *client) act(ctx context.Context, o *op) error {
	cmd := casework.Command{Case: o.Case, Version: o.Version, Act: o.Act, Key: o.Key}
	if o.Act == "assign" {
		cmd.Fields = map[string]string{"officer": o.Key} // so that an act that was carried out twice is seen
	}
	r, err := c.h.ledger.Do(ctx, c.h.everyone(), cmd)
	if err == nil {
		o.take(r)
	}
	return err
}

func (o *op) take(r ledger.Receipt) {
	if r.Case != "" {
		o.Case, o.Seq, o.Hash, o.Replayed = r.Case, r.Seq, r.Hash, r.Replayed
	}
}

func (c *client) read(ctx context.Context, o *op) error {
	k, err := c.h.reader.ByID(ctx, authz.Machine().Scope(), o.Case)
	if err != nil {
		return err
	}
	s, err := c.h.reader.Stored(ctx, k, k.Seq)
	if err != nil {
		return err
	}
	o.Seq, o.Now, o.State, o.Hash = k.Seq, k.Version, k.State, hex.EncodeToString(s.Hash)
	return nil
}

// load lets clients work until the context ends.
func (h *house) load(ctx context.Context, b *board, round, clients int, left []op, tell func(op)) {
	var wait sync.WaitGroup
	for n := range clients {
		var mine []op
		for _, o := range left {
			if o.Client == n {
				mine = append(mine, o)
			}
		}
		c := h.client(b, round, n, tell)
		c.reader = n == clients-1
		wait.Go(func() { c.work(ctx, mine) })
	}
	wait.Wait()
}

// leftOver are the operations of a history whose clients never got an answer: the last try under each key.
func leftOver(ops []op) (left []op) {
	last := map[string]op{}
	var keys []string
	for _, o := range ops {
		if o.Key == "" {
			continue
		}
		if _, known := last[o.Key]; !known {
			keys = append(keys, o.Key)
		}
		last[o.Key] = o
	}
	for _, k := range keys {
		if last[k].retried() {
			left = append(left, last[k])
		}
	}
	return left
}

// hear notes what users were told, in short.
func (r *result) hear(ops []op) {
	for _, o := range ops {
		switch o.Outcome {
		case failed:
			r.saw("not stored: " + gist(o.Said))
		case unknown:
			r.saw("not known: " + gist(o.Said))
		}
	}
}

// gist is what is behind the last colon of an error, without what differs from run to run.
func gist(said string) string {
	said = paths.ReplaceAllString(said, " …")
	said, _, _ = strings.Cut(said, " in [")
	if at := strings.LastIndex(said, ": "); at >= 0 {
		said = said[at+2:]
	}
	return strings.Trim(said, " ()[]")
}

var paths = regexp.MustCompile(` \/[^ ]*`)
