package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"comity/internal/db"
	"comity/internal/db/wire"
	"comity/internal/ledger"
	"comity/internal/load"
	"comity/internal/pack"
)

// nodes measures opening and accepting cases on PostgreSQL over a network, through one door and through several that
// share the database. The baseline is loops that write the same rows and wait for each answer, one for each node.
func nodes(ctx context.Context, o options, dir string, t *table) error {
	if o.server == "" {
		t.row("door, PostgreSQL", "not measured", "name an empty database with --postgres", "–", "–", "–")
		return nil
	}
	p, err := demoPack()
	if err != nil {
		return err
	}
	many := max(o.nodes, 1)
	n := &network{o: o, pack: p, many: many}
	if n.admin, err = db.Open(ctx, o.server, time.Now); err != nil {
		return err
	}
	defer n.admin.Close()
	bases, err := load.Baselines(ctx, load.Against{Empty: n.empty, Clients: o.clients, Loops: many, Cases: o.cases, Turns: o.rounds, Nodes: n.together})
	if err != nil {
		return err
	}
	what := func(nodes int) string {
		return fmt.Sprintf("open and accept cases, PostgreSQL %s away, %d nodes, %d clients each, changes/s", o.latency, nodes, o.clients)
	}
	one, all := turns(bases, load.Door), turns(bases, load.Nodes)
	bare := fmt.Sprintf("same rows, %d bare loops, 1 a commit", many)
	against(t, what(1), one, bare, turns(bases, load.BareOne), 0)
	against(t, what(many), all, bare, turns(bases, load.BareOne), 0.5)
	against(t, what(many), all, "one node", one, 0)
	t.row(fmt.Sprintf("transactions run again, %d nodes", many), n.retries.format("%.3f")+" per batch", "–", "–", "–", "–")
	t.row(fmt.Sprintf("round trips, %d nodes", many), n.trips.format("%.2f")+" per command", "–", "–", "–", "–")
	return nil
}

// network is a PostgreSQL server behind a line that takes its time.
type network struct {
	o              options
	pack           *pack.Pack
	many, count    int
	admin          *db.DB
	wire           *wire.Wire // of the city that is open
	retries, trips series
}

// empty makes a city in a schema of its own, behind a line of its own.
func (n *network) empty(ctx context.Context) (*load.Scratch, error) {
	n.count++
	schema := fmt.Sprintf("bench%d", n.count)
	if err := load.MakeSchema(ctx, n.admin, schema); err != nil {
		return nil, err
	}
	w, dsn, err := wire.Through(inSchema(n.o.server, schema), n.o.latency)
	if err != nil {
		return nil, err
	}
	c, err := openCityAt(ctx, n.pack, dsn)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	n.wire = w
	s := c.scratch(func() error {
		return errors.Join(w.Close(), load.DropSchema(context.WithoutCancel(ctx), n.admin, schema))
	})
	s.Address = dsn
	return s, nil
}

// together has several doors open and accept cases in one city, all at once, and tells how long the slowest took.
func (n *network) together(ctx context.Context, s *load.Scratch, cases int, begun func()) (slowest time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	list := make([]*city, n.many)
	defer func() {
		for _, c := range list {
			if c != nil {
				err = errors.Join(err, c.Close())
			}
		}
	}()
	for i := range list {
		if list[i], err = openCityAt(ctx, n.pack, s.Address); err != nil {
			return 0, err
		}
	}
	before := n.wire.Trips()
	var arrived atomic.Int64
	begin := make(chan struct{})
	took := make([]time.Duration, n.many)
	_, err = load.InTurn(n.many, n.many, func(k int) (err error) {
		took[k], err = load.ChangesAt(ctx, list[k].rooms(), n.o.clients, max(1, cases/n.many), func() error {
			if int(arrived.Add(1)) == n.many {
				begun()
				close(begin)
			}
			select {
			case <-begin:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil {
			cancel() // nobody waits for whom nothing comes from
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	var sum ledger.Stats
	for k, c := range list {
		slowest = max(slowest, took[k])
		x := c.l.Stats()
		sum.Batches, sum.Commands, sum.Retries = sum.Batches+x.Batches, sum.Commands+x.Commands, sum.Retries+x.Retries
	}
	n.retries = append(n.retries, float64(sum.Retries)/float64(sum.Batches))
	n.trips = append(n.trips, float64(n.wire.Trips()-before)/float64(sum.Commands))
	return slowest, nil
}

func inSchema(dsn, schema string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn // opening it says what is wrong
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
