package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"comity/internal/db"
)

// Names of what Baselines measures: changes a second, of which half open a case and half are the first act on it.
const (
	Door    = "door"             // through ledger.Do, by the clients of the run
	BareOne = "bare-1-a-commit"  // the same rows and no decision, one change in a commit
	Bare    = "bare-same-commit" // as many changes in a commit as the door had
	PgBench = "pgbench"          // the same statements by pgbench, a connection for each client
	Nodes   = "nodes"            // through the doors of several processes that share one database
)

// Scratch is an empty city of the same engine, on the same disk or server, that is thrown away.
type Scratch struct {
	Rooms
	Address string       // of its database
	Folder  string       // where the rest of it lies
	Close   func() error // throws it away
}

// Against says what the door is held against.
type Against struct {
	Empty   func(context.Context) (*Scratch, error)
	Clients int // at the door, and connections of pgbench
	Loops   int // bare loops at once, on a connection each; default 1
	Cases   int // opened and acted upon in each turn
	Turns   int
	// Nodes has processes of their own open and act upon so many cases in one city, and tells how long that took them
	// all; no time says that they could not. It calls begun when all have started and none has done anything yet.
	// nil: it is not measured, as on SQLite.
	Nodes func(ctx context.Context, s *Scratch, cases int, begun func()) (time.Duration, error)
}

// Baselines opens and acts upon cases through the door of empty cities, and has the same rows written by a bare loop
// and, on PostgreSQL where it is installed, by pgbench. They take turns for some rounds, and the medians count: what
// the machine does beside falls on all of them.
func Baselines(ctx context.Context, a Against) ([]Base, error) {
	b := &baselines{Against: a, per: map[string][]float64{}, server: map[string][]float64{}}
	if err := b.throughDoor(ctx, true); err != nil { // warms up, and leaves the rows
		return nil, err
	}
	steps := []func() error{
		func() error { return b.throughDoor(ctx, false) },
		func() error { return b.bare(ctx, BareOne, 1) },
		func() error { return b.bare(ctx, Bare, b.batch) },
		func() error { return b.pgbench(ctx) },
		func() error { return b.nodes(ctx) },
	}
	for turn := range max(a.Turns, 1) {
		for i := range steps {
			if err := steps[(i+turn)%len(steps)](); err != nil {
				return nil, err
			}
		}
	}
	var out []Base
	for _, name := range []string{Door, Nodes, BareOne, Bare, PgBench} {
		if list := b.per[name]; len(list) > 0 {
			out = append(out, Base{Name: name, PerSecond: Median(list), Turns: list, Server: Median(b.server[name])})
		}
	}
	return out, nil
}

type baselines struct {
	Against
	per    map[string][]float64 // changes a second, by turn
	server map[string][]float64 // what a change cost the database server, by turn, where that can be seen
	rows   []*rows
	batch  int // changes in one commit of the door
}

func (b *baselines) nodes(ctx context.Context) error {
	if b.Nodes == nil {
		return nil
	}
	return b.in(ctx, func(s *Scratch) error {
		m, err := meterOf(ctx, s.DB)
		if err != nil {
			return err
		}
		var before time.Duration
		took, err := b.Nodes(ctx, s, b.Cases, func() { before = m.used() })
		if err == nil && took > 0 {
			b.add(Nodes, took, m.used()-before)
		}
		return err
	})
}

// in works in an empty city.
func (b *baselines) in(ctx context.Context, fn func(*Scratch) error) (err error) {
	s, err := b.Empty(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}

// add notes a turn: how long all changes took, and what the database server did for them.
func (b *baselines) add(name string, took, server time.Duration) {
	changes := float64(2 * b.Cases)
	b.per[name] = append(b.per[name], changes/took.Seconds())
	if server > 0 {
		b.server[name] = append(b.server[name], server.Seconds()/changes)
	}
}

// throughDoor opens all cases and then acts upon them. The first time its rows are kept instead of its time.
func (b *baselines) throughDoor(ctx context.Context, first bool) error {
	return b.in(ctx, func(s *Scratch) error {
		p, err := newPlan(s.Rooms, b.Cases)
		if err != nil {
			return err
		}
		m, err := meterOf(ctx, s.DB)
		if err != nil {
			return err
		}
		before, used := s.Ledger.Stats(), m.used()
		opened, err := p.open(ctx, b.Clients)
		if err == nil && first {
			err = b.keepOpened(ctx, s.DB)
		}
		if err != nil {
			return err
		}
		acted, err := p.act(ctx, b.Clients)
		if err != nil {
			return err
		}
		after := s.Ledger.Stats()
		b.batch = max(1, int((after.Commands-before.Commands)/max(1, after.Batches-before.Batches)))
		if first {
			return b.keepActed(ctx, s.DB)
		}
		b.add(Door, opened+acted, m.used()-used)
		return nil
	})
}

func (b *baselines) keepOpened(ctx context.Context, d *db.DB) error {
	tokens, err := readTokens(ctx, d)
	if err != nil {
		return err
	}
	return d.View(ctx, func(tx *db.Tx) error {
		of, err := readStep(ctx, tx, 1)
		if err != nil {
			return err
		}
		for n, s := range of {
			b.rows = append(b.rows, &rows{n: n, tokens: tokens[n], opened: *s})
		}
		slices.SortFunc(b.rows, func(a, b *rows) int { return cmp.Compare(a.n, b.n) })
		return nil
	})
}

func (b *baselines) keepActed(ctx context.Context, d *db.DB) error {
	return d.View(ctx, func(tx *db.Tx) error {
		of, err := readStep(ctx, tx, 2)
		if err != nil {
			return err
		}
		for _, r := range b.rows {
			r.acted = *of[r.n]
			if len(r.opened.events) != 1 || len(r.acted.events) != 1 || len(r.tokens) == 0 {
				return fmt.Errorf("case %d left %d and %d events and %d words; one, one and some are wanted", r.n, len(r.opened.events), len(r.acted.events), len(r.tokens))
			}
		}
		return nil
	})
}

// bare writes the same rows by loops that decide nothing, each its share of the cases.
func (b *baselines) bare(ctx context.Context, name string, batch int) error {
	return b.in(ctx, func(s *Scratch) error {
		var opening, acting [][]statement
		for _, r := range b.rows {
			opening, acting = append(opening, r.opening(s.DB.Engine())), append(acting, r.acting())
		}
		m, err := meterOf(ctx, s.DB)
		if err != nil {
			return err
		}
		used := m.used()
		loops := max(1, b.Loops)
		took, err := InTurn(loops, loops, func(k int) error {
			from, to := k*len(b.rows)/loops, (k+1)*len(b.rows)/loops
			for _, all := range [][][]statement{opening[from:to], acting[from:to]} {
				for part := range slices.Chunk(all, batch) {
					if err := commit(ctx, s.DB, part, k); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err == nil {
			b.add(name, took, m.used()-used)
		}
		return err
	})
}

// commit writes the rows of some changes in one transaction, as the loop of number k.
func commit(ctx context.Context, d *db.DB, changes [][]statement, k int) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		for _, list := range changes {
			if err := play(ctx, tx, list, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// InTurn does n things from several clients and tells how long it took.
func InTurn(clients, n int, do func(i int) error) (time.Duration, error) {
	var wait sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, clients)
	began := time.Now()
	for k := range errs {
		wait.Go(func() {
			for errs[k] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[k] = do(i)
			}
		})
	}
	wait.Wait()
	return time.Since(began), errors.Join(errs...)
}
