package main

import (
	"context"
	"flag"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/procedure"
	"comity/internal/vault"
	"comity/packs"
)

// clocks is how many others run while one is waited for: go test ./cmd/comity -run Test_a_clock_that_runs_out -v -args -clocks 10000000
var clocks = flag.Int("clocks", 20_000, "how many clocks run while one that runs out is waited for")

// manyClocks has others run that end in years to come.
func manyClocks(t *testing.T, d *db.DB, n int) {
	t.Helper()
	const page = 500_000
	for from := 0; from < n; from += page {
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO timers (n, clock, fires_at, prio, lease_until)
				SELECT i, 'other', ?3 + i * 1000000, i % 2, 0 FROM (WITH RECURSIVE k(i) AS (SELECT CAST(?1 AS BIGINT) UNION ALL SELECT i + 1 FROM k WHERE i < ?2) SELECT i FROM k) AS k`,
				from+1, min(from+page, n), db.Micros(tx.Now.AddDate(10, 0, 0)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// twoNodes opens one city twice, as two processes on one database do.
func twoNodes(t *testing.T, address func() string) (list []*city) {
	t.Helper()
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	databases := map[string]string{}
	for _, name := range procedure.AllCompartments {
		databases[name] = address()
	}
	for range 2 {
		c, err := openCity(t.Context(), cityConfig{DBs: databases, Data: filepath.Join(t.TempDir(), "city"), Pack: sub, Clock: &clock{}, Hashing: account.Cheap(),
			Rings: func(name string) *vault.Ring {
				return vault.FromSeed(vault.Compartment(name), "std", []byte("two nodes"))
			}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		list = append(list, c)
	}
	return list
}

// looseTile reports one.
func looseTile(t *testing.T, c *city) casework.Command {
	t.Helper()
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A loose tile.", Unit: "guiyuan-ganyuan", Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// A clock is answered when it runs out, not at the next tick, also where another node has set it going.
func Test_a_clock_that_runs_out_is_answered_by_whoever_is_awake(t *testing.T) {
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		list := twoNodes(t, address)
		writer, worker := list[0], list[1]
		ctx, stop := context.WithCancel(context.Background())
		var work sync.WaitGroup
		defer work.Wait()
		defer stop()
		r, err := writer.ledger.Do(t.Context(), authz.Reporter(), looseTile(t, writer))
		if err != nil {
			t.Fatal(err)
		}
		k, err := writer.reader.ByID(t.Context(), authz.Machine().Scope(), r.Case)
		if err != nil {
			t.Fatal(err)
		}
		due, ok := k.Due()
		if !ok {
			t.Fatal("no clock runs")
		}
		seq := k.Seq
		manyClocks(t, writer.db, *clocks)
		for _, c := range list { // the day has come, but for a second
			c.clock.Advance(due.Due.Sub(c.clock.Now()) - time.Second)
		}
		work.Go(func() { worker.timers(ctx, &worker.rooms) })
		deadline := time.Now().Add(30 * time.Second)
		for k.Seq == seq && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
			if k, err = writer.reader.ByID(t.Context(), authz.Machine().Scope(), r.Case); err != nil {
				t.Fatal(err)
			}
		}
		if k.Seq == seq {
			t.Error("the clock was not answered")
		}
		t.Logf("answered within %v of its time, among %d others", writer.clock.Now().Sub(due.Due), *clocks)
		if next, err := worker.ledger.NextFree(t.Context()); err != nil || !next.IsZero() && !next.After(worker.clock.Now()) {
			t.Errorf("%v is still due (%v)", next, err)
		}
	})
}

// Two nodes that look for clocks at once answer each of them once.
func Test_clocks_that_two_nodes_claim_at_once_are_answered_once(t *testing.T) {
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		list := twoNodes(t, address)
		const cases = 30
		var latest time.Time
		var ids []casework.CaseID
		for range cases {
			r, err := list[0].ledger.Do(t.Context(), authz.Reporter(), looseTile(t, list[0]))
			if err != nil {
				t.Fatal(err)
			}
			k, err := list[0].reader.ByID(t.Context(), authz.Machine().Scope(), r.Case)
			if err != nil {
				t.Fatal(err)
			}
			due, _ := k.Due()
			latest = due.Due
			ids = append(ids, r.Case)
		}
		for _, c := range list {
			c.clock.Fix(latest.Add(time.Second))
		}
		var work sync.WaitGroup
		answered := make([]int, len(list))
		for i, c := range list {
			work.Go(func() {
				for {
					n, err := c.ledger.RunTimers(context.Background(), 5)
					if err != nil {
						t.Error(err)
					}
					if answered[i] += n; n == 0 || err != nil {
						return
					}
				}
			})
		}
		work.Wait()
		for _, c := range list { // what one passed over because the other was taking it
			if err := c.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range ids {
			events, err := list[0].reader.Events(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			fired := map[string]int{}
			for _, e := range events {
				if e.Expired != "" {
					fired[e.Expired]++
				}
			}
			for clock, n := range fired {
				if n != 1 {
					t.Errorf("case %s: clock %s ran out %d times", id, clock, n)
				}
			}
			if len(fired) == 0 {
				t.Errorf("case %s: no clock ran out", id)
			}
		}
		t.Logf("claimed %v", answered)
	})
}
