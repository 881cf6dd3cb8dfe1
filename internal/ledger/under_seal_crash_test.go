package ledger_test

import (
	"errors"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
)

// Each step of sealing and opening is one transaction. It is cut off before its commit and after it, and done
// again as whoever comes back would.
func Test_sealing_and_opening_cut_off_at_any_commit_are_whole_or_have_not_happened(t *testing.T) {
	before := func(func() error) error { return errCut }
	behind := func(commit func() error) error { return errors.Join(commit(), errCut) }
	for name, hook := range map[string]func(func() error) error{"before": before, "behind": behind} {
		t.Run(name, func(t *testing.T) {
			dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
				c := newSealCity(t, d, set, closing)
				ctx := t.Context()
				r := c.closed("k")
				cut := func(do func() error) {
					t.Helper()
					d.InterceptCommit(hook)
					err := do()
					d.InterceptCommit(nil)
					if !errors.Is(err, errCut) {
						t.Fatalf("got %v, want that it was cut off", err)
					}
					if _, err := c.r.VerifyAll(ctx, func(bad error) { t.Error(bad) }); err != nil {
						t.Fatal(err)
					}
				}
				cut(func() error { _, err := c.l.RunSeals(ctx); return err })
				if _, err := c.l.SealAgain(ctx); err != nil {
					t.Fatal(err)
				}
				c.run()
				c.counts(map[string]int{"cases": 0, "events": 0, "sealed_cases": 1, "sealed_events": 2, "seal_due": 0})
				cut(func() error { _, err := c.l.AskOrder(ctx, c.person("requester"), ask(string(r.Ref)), 24); return err })
				id := c.ask(string(r.Ref))
				cut(func() error { return c.enter(id) })
				if v, err := c.l.Order(ctx, c.person("custodian-one"), id); err != nil {
					t.Fatal(err)
				} else if v.Given[0] { // the commit had happened: a second entering is refused, and another order goes the whole way
					id = c.ask(string(r.Ref))
				}
				if err := c.enter(id); err != nil {
					t.Fatal(err)
				}
				look := ledger.Ticket{Order: id, Purpose: "review", Level: authz.Identity}
				cut(func() error { _, err := c.l.LookUnder(ctx, c.person("requester"), look); return err })
				if k, err := c.l.LookUnder(ctx, c.person("requester"), look); err != nil || k.Case().Contact.Name != "Li" {
					t.Errorf("after all that: %v", err)
				}
				set(dbtest.Start.Add(25 * time.Hour))
				cut(func() error { _, err := c.l.RunSeals(ctx); return err })
				c.run()
				if kept := texts(t, d, `SELECT wrapped FROM seal_orders WHERE wrapped <> ''`); len(kept) > 0 {
					t.Error("a copy of the key outlived the order")
				}
			})
		})
	}
}
