package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
)

var errCut = errors.New("the line was cut")

// openDoor is one more door to the same database, as a second node has.
func (c *city) openDoor(notify func(context.Context, *db.Tx, ledger.Order) error) *ledger.Ledger {
	c.t.Helper()
	return ledgertest.OpenPack(c.t, c.db, c.pack, func(o *ledger.Config) { o.Notify = notify }).Ledger
}

// drawAhead has the numbers of cases drawn before commits are broken: on PostgreSQL some are drawn at once, in a
// transaction of its own.
func (c *city) drawAhead() {
	c.t.Helper()
	for _, d := range c.pack.Procedures {
		if err := c.l.DrawAhead(d); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *city) counts(want map[string]int) {
	c.t.Helper()
	for table, n := range want {
		got := column(c.t, c.db, `SELECT COUNT(*) FROM `+table, func(row db.Scanner) (n int, err error) { return n, row.Scan(&n) })
		if got[0] != n {
			c.t.Errorf("%s holds %d rows, want %d", table, got[0], n)
		}
	}
}

func Test_a_commit_that_failed_can_be_tried_again_under_its_key(t *testing.T) {
	hooks := map[string]func(commit func() error) error{
		"and stored nothing":        func(func() error) error { return errCut },
		"after everything was kept": func(commit func() error) error { return errors.Join(commit(), errCut) },
	}
	for name, hook := range hooks {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				c := newCity(t, d)
				c.drawAhead()
				d.InterceptCommit(hook)
				_, err := c.open("k")
				d.InterceptCommit(nil)
				if !errors.Is(err, errCut) {
					t.Fatalf("the first try gave %v, want the failure of the commit", err)
				}
				r, err := c.open("k")
				if err != nil {
					t.Fatalf("the second try gave %v", err)
				}
				if kept := name == "after everything was kept"; r.Replayed != kept {
					t.Errorf("replayed is %v, want %v", r.Replayed, kept)
				}
				accept := casework.Command{Case: r.Case, Version: 1, Act: "accept", Key: "a"}
				d.InterceptCommit(hook)
				_, err = c.l.Do(context.Background(), everyone(c.pack), accept)
				d.InterceptCommit(nil)
				if !errors.Is(err, errCut) {
					t.Fatalf("accepting gave %v, want the failure of the commit", err)
				}
				again, err := c.l.Do(context.Background(), everyone(c.pack), accept)
				if err != nil || again.Seq != 2 {
					t.Errorf("accepting again gave %+v, %v; want event 2", again, err)
				}
				c.counts(map[string]int{"cases": 1, "events": 2, "idempotency": 2})
				c.whole()
			})
		})
	}
}

// Whoever asks again must get the receipt they would have had: a hash of another event could never be found again.
func Test_a_receipt_that_is_given_again_is_of_the_event_it_was_given_for(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		first, err := c.open("k")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.l.Do(t.Context(), everyone(c.pack), casework.Command{Case: first.Case, Version: 1, Act: "accept", Key: "a"}); err != nil {
			t.Fatal(err)
		}
		again, err := c.open("k")
		if err != nil || !again.Replayed || again.Seq != first.Seq || again.Hash != first.Hash {
			t.Errorf("asked again after somebody else's act: %+v, %v; want %+v", again, err, first)
		}
	})
}

func Test_what_must_be_stored_with_a_command_fails_with_it(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx := context.Background()
		if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d)); err != nil {
			t.Fatal(err)
		}
		l := c.openDoor(courier.Enqueue)
		r, err := c.open("first")
		if err != nil {
			t.Fatal(err)
		}
		cmd := casework.Command{Case: r.Case, Version: 1, Act: "accept", Key: "a"}
		_, err = l.DoWith(ctx, everyone(c.pack), cmd, func(tx *db.Tx, _ ledger.Receipt) error {
			return errors.Join(jobs.Enqueue(ctx, tx, jobs.New{Kind: "x"}), errCut)
		})
		if !errors.Is(err, errCut) {
			t.Fatalf("got %v, want what the second half said", err)
		}
		c.counts(map[string]int{"cases": 1, "events": 1, "idempotency": 1, "jobs": 0})
		c.whole()
		got, err := l.DoWith(ctx, everyone(c.pack), cmd, func(tx *db.Tx, _ ledger.Receipt) error { return nil })
		if err != nil || got.Replayed || got.Seq != 2 {
			t.Errorf("the same command again gave %+v, %v; want event 2, not a replay", got, err)
		}
		c.counts(map[string]int{"events": 2, "idempotency": 2})
		c.whole()
	})
}

func Test_cases_opened_in_one_instant_get_numbers_of_their_own(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { // the clock stands still
		c := newCity(t, d)
		const many = 400
		var wg sync.WaitGroup
		for client := range 8 {
			wg.Go(func() {
				for i := range many / 8 {
					if _, err := c.open(fmt.Sprintf("%d-%d", client, i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		c.counts(map[string]int{"cases": many})
	})
}

func Test_giving_a_case_to_somebody_moves_all_its_clocks_back_in_line(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx, who := context.Background(), everyone(c.pack)
		r, err := c.open("k")
		if err != nil {
			t.Fatal(err)
		}
		for _, cmd := range []casework.Command{{Act: "accept"}, {Act: "assign", Fields: map[string]string{"officer": "somebody"}}} {
			cmd.Case, cmd.Version = r.Case, casework.AnyVersion
			if _, err := c.l.Do(ctx, who, cmd); err != nil {
				t.Fatal(err)
			}
			c.whole()
		}
	})
}

// Two doors with a writer each are to the database what two nodes are.
func Test_two_nodes_on_one_PostgreSQL_database(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		if d.Engine() != db.Postgres {
			return
		}
		c := newCity(t, d)
		nodes := []*ledger.Ledger{c.l, c.openDoor(nil)}
		ctx, who := context.Background(), everyone(c.pack)
		const clients, rounds = 8, 6
		each := func(do func(node *ledger.Ledger, worker int)) {
			var wg sync.WaitGroup
			for n, node := range nodes {
				for client := range clients {
					wg.Go(func() { do(node, n*clients+client) })
				}
			}
			wg.Wait()
		}
		receipts := make([]ledger.Receipt, len(nodes)*clients*rounds)
		t.Run("both open cases, and no number is given twice", func(t *testing.T) {
			each(func(node *ledger.Ledger, worker int) {
				at := city{t: t, l: node, pack: c.pack}
				for i := range rounds {
					key := fmt.Sprintf("%d-%d", worker, i)
					r, err := at.open(key)
					if err != nil {
						t.Errorf("%s: %v", key, err)
						return
					}
					receipts[worker*rounds+i] = r
				}
			})
			c.counts(map[string]int{"cases": len(receipts), "events": len(receipts), "idempotency": len(receipts)})
			refs := map[casework.Ref]bool{}
			for _, r := range receipts {
				refs[r.Ref] = true
			}
			if len(refs) != len(receipts) {
				t.Errorf("%d references for %d cases", len(refs), len(receipts))
			}
		})
		if t.Failed() {
			return
		}
		t.Run("the same report sent to both is one case", func(t *testing.T) {
			got := make([]ledger.Receipt, len(nodes)*clients)
			each(func(node *ledger.Ledger, worker int) {
				at := city{t: t, l: node, pack: c.pack}
				r, err := at.open("both")
				if err != nil {
					t.Error(err)
				}
				got[worker] = r
			})
			for _, r := range got {
				if r.Case != got[0].Case {
					t.Errorf("case %s and case %s", r.Case, got[0].Case)
				}
			}
			c.counts(map[string]int{"cases": len(receipts) + 1})
		})
		t.Run("no note is lost", func(t *testing.T) {
			each(func(node *ledger.Ledger, worker int) {
				for i := range rounds {
					cmd := casework.Command{Case: receipts[0].Case, Version: casework.AnyVersion, Note: &casework.Note{Text: fmt.Sprint(worker, i)}}
					if _, err := node.Do(ctx, who, cmd); err != nil {
						t.Error(err)
					}
				}
			})
			events, err := c.r.Events(ctx, receipts[0].Case)
			if want := 1 + len(nodes)*clients*rounds; err != nil || len(events) != want {
				t.Errorf("%d events, want %d (%v)", len(events), want, err)
			}
		})
		t.Run("one of all who saw the same version acts", func(t *testing.T) {
			var mu sync.Mutex
			won := 0
			each(func(node *ledger.Ledger, worker int) {
				_, err := node.Do(ctx, who, casework.Command{Case: receipts[1].Case, Version: 1, Act: "accept"})
				var no *casework.Refusal
				if err != nil && !(errors.As(err, &no) && no.Rule == casework.Conflict) {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				}
			})
			if won != 1 {
				t.Errorf("%d acted, want 1", won)
			}
		})
		t.Run("each clock is answered once", func(t *testing.T) {
			due, err := c.l.NextTimer(ctx)
			if err != nil {
				t.Fatal(err)
			}
			running := map[string]int{}
			for _, k := range texts(t, d, `SELECT n || clock FROM timers WHERE fires_at <= ?1`, db.Micros(due)) {
				running[k] = 1
			}
			set(due)
			var wg sync.WaitGroup
			for _, node := range nodes {
				wg.Go(func() {
					for {
						n, err := node.RunTimers(ctx, 7)
						if err != nil {
							t.Error(err)
						}
						if n == 0 {
							return
						}
					}
				})
			}
			wg.Wait()
			answered := map[string]int{}
			for _, id := range column(t, d, `SELECT n FROM cases`, func(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) }) {
				events, err := c.r.Events(ctx, caseOf(id))
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if e.Expired != "" {
						answered[fmt.Sprint(id, e.Expired)]++
					}
				}
			}
			if len(running) < len(receipts)/2 {
				t.Fatalf("only %d clocks ran out; the test looks at nothing", len(running))
			}
			for k := range running {
				if answered[k] != 1 {
					t.Errorf("clock %s was answered %d times", k, answered[k])
				}
			}
		})
		t.Run("a tick that both send raises once", func(t *testing.T) {
			k, err := c.r.ByID(ctx, authz.Machine().Scope(), receipts[2].Case)
			if err != nil {
				t.Fatal(err)
			}
			clock, ok := k.Due()
			if !ok {
				t.Fatal("no clock runs")
			}
			set(clock.Due)
			each(func(node *ledger.Ledger, worker int) {
				_, err := node.Do(ctx, authz.Machine(), casework.Command{Case: k.ID, Version: casework.AnyVersion, Tick: &casework.Tick{Clock: clock.ID, Due: clock.Due}})
				if err != nil {
					t.Error(err)
				}
			})
			now, err := c.r.ByID(ctx, authz.Machine().Scope(), k.ID)
			if err != nil || now.Raised != k.Raised+1 {
				t.Errorf("raised %d times, want %d (%v)", now.Raised, k.Raised+1, err)
			}
		})
		c.whole()
	})
}
