package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/wire"
	"comity/internal/ledger"
)

// nodes measures opening and accepting cases on PostgreSQL over a network, through one door and through several that
// share the database. The baseline is a loop that writes the same rows and waits for each answer, on as many
// connections as there are nodes.
func nodes(ctx context.Context, o options, dir string, t *table) error {
	if o.server == "" {
		t.row("door, PostgreSQL", "not measured", "name an empty database with --postgres", "–", "–", "–")
		return nil
	}
	p, err := demoPack()
	if err != nil {
		return err
	}
	d := &doorRun{o: o, dir: dir, pack: p, per: map[string]series{}}
	if err := d.through(ctx, nil); err != nil { // the rows to be written, taken from SQLite
		return err
	}
	n := &nodesRun{doorRun: d}
	if n.admin, err = db.Open(ctx, o.server, time.Now); err != nil {
		return err
	}
	defer n.admin.Close()
	many := max(o.nodes, 1)
	for round := range o.rounds {
		steps := []func() error{
			func() error { return n.through(ctx, 1) },
			func() error { return n.bare(ctx, 1) },
			func() error { return n.through(ctx, many) },
			func() error { return n.bare(ctx, many) },
		}
		for i := range steps {
			if err := steps[(i+round)%len(steps)](); err != nil {
				return err
			}
		}
	}
	for _, nodes := range []int{1, many} {
		for _, act := range []string{"open a case", "accept a case"} {
			do, bare := d.per[fmt.Sprint(nodes, " ", act)], d.per[fmt.Sprint("bare ", nodes, " ", act)]
			ratio := do.over(bare)
			t.row(fmt.Sprintf("%s, PostgreSQL %s away, %d nodes, %d clients each, /s", act, o.latency, nodes, o.clients), do.format("%.0f"),
				fmt.Sprintf("same rows, %d bare loops, 1 a commit: %s", nodes, bare.format("%.0f")), ratio.String(), "≥ 0.50", yes(ratio.median() >= 0.5))
		}
		t.row(fmt.Sprintf("transactions run again, %d nodes", nodes), d.per[fmt.Sprint(nodes, " retries")].format("%.3f")+" per batch", "–", "–", "–", "–")
		t.row(fmt.Sprintf("round trips, %d nodes", nodes), d.per[fmt.Sprint(nodes, " trips")].format("%.2f")+" per command", "–", "–", "–", "–")
	}
	return nil
}

type nodesRun struct {
	*doorRun
	admin *db.DB
	count int
}

// inCities opens one city several times, each over the same wire, as its nodes do.
func (n *nodesRun) inCities(ctx context.Context, many int, fn func([]*city, *wire.Wire) error) (err error) {
	n.count++
	schema := fmt.Sprintf("bench%d", n.count)
	if err := freshSchema(ctx, n.admin, schema); err != nil {
		return err
	}
	w, dsn, err := wire.Through(inSchema(n.o.server, schema), n.o.latency)
	if err != nil {
		return err
	}
	var list []*city
	defer func() {
		for _, c := range list {
			err = errors.Join(err, c.Close())
		}
		err = errors.Join(err, w.Close(), dropSchema(ctx, n.admin, schema))
	}()
	for range many {
		c, err := openCityAt(ctx, n.pack, dsn)
		if err != nil {
			return err
		}
		list = append(list, c)
	}
	return fn(list, w)
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

func (n *nodesRun) through(ctx context.Context, many int) error {
	return n.inCities(ctx, many, func(list []*city, w *wire.Wire) error {
		n.seed++
		cmds, err := reports(n.pack, n.o.cases, n.seed)
		if err != nil {
			return err
		}
		before := w.Trips()
		receipts := make([]ledger.Receipt, len(cmds))
		opened, err := clients(n.o.clients*many, len(cmds), func(i int) (err error) {
			receipts[i], err = list[i%many].l.Do(ctx, authz.Reporter(), cmds[i])
			return err
		})
		if err != nil {
			return err
		}
		who := head(n.pack)
		accepted, err := clients(n.o.clients*many, len(cmds), func(i int) error {
			_, err := list[i%many].l.Do(ctx, who, casework.Command{Case: receipts[i].Case, Version: 1, Act: "accept", Key: fmt.Sprintf("accept-%d", i)})
			return err
		})
		if err != nil {
			return err
		}
		var sum ledger.Stats
		for _, c := range list {
			s := c.l.Stats()
			sum.Batches, sum.Commands, sum.Retries = sum.Batches+s.Batches, sum.Commands+s.Commands, sum.Retries+s.Retries
		}
		n.add(fmt.Sprint(many, " open a case"), opened)
		n.add(fmt.Sprint(many, " accept a case"), accepted)
		n.note(fmt.Sprint(many, " retries"), float64(sum.Retries)/float64(sum.Batches))
		n.note(fmt.Sprint(many, " trips"), float64(w.Trips()-before)/float64(sum.Commands))
		return nil
	})
}

// again goes on where a transaction was disturbed by its neighbours more often than a program would put up with:
// few rows lie on few pages.
func again(do func() error) (err error) {
	for range 20 {
		if err = do(); err == nil {
			return nil
		}
	}
	return err
}

func (n *nodesRun) note(what string, figure float64) { n.per[what] = append(n.per[what], figure) }

// bare writes the same rows, each loop its share of the cases.
func (n *nodesRun) bare(ctx context.Context, many int) error {
	return n.inCities(ctx, 1, func(list []*city, _ *wire.Wire) error {
		for _, step := range []struct {
			name  string
			write func(context.Context, *db.Tx, *caseRows, bool) error
		}{{"open a case", writeOpened}, {"accept a case", writeAccepted}} {
			took, err := clients(many, many, func(k int) error {
				share := n.rows[k*len(n.rows)/many : (k+1)*len(n.rows)/many]
				for i := range share {
					share[i].shard = int64(k)
				}
				for at := range share {
					if err := again(func() error { _, err := loop(ctx, list[0].d, share[at:at+1], 1, true, step.write); return err }); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			n.add(fmt.Sprint("bare ", many, " ", step.name), took)
		}
		return nil
	})
}
