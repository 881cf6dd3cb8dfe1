package ledger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/org"
)

func head(unit org.UnitID) authz.Scope {
	return authz.Staff("head of "+string(unit), []authz.Grant{{Role: "head", Unit: unit}}).Scope()
}

// runOut lets every clock run out by then, each at its own time.
func (c *city) runOut(set func(time.Time), until time.Time) {
	c.t.Helper()
	for {
		at, err := c.l.NextTimer(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if at.IsZero() || at.After(until) {
			set(until)
			return
		}
		set(at)
		if _, err := c.l.RunTimers(c.t.Context(), 200); err != nil {
			c.t.Fatal(err)
		}
	}
}

func Test_what_becomes_late_is_news_to_every_unit_above_and_to_nobody_else(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newCity(t, d)
		var refs []casework.Ref
		for i := range 5 {
			r, err := c.open(fmt.Sprintf("k%d", i))
			if err != nil {
				t.Fatal(err)
			}
			refs = append(refs, r.Ref)
		}
		root := c.pack.Units.Root()
		if p, err := c.r.News(t.Context(), head(root), ledger.NewsFilter{Unit: root, Kind: ledger.NewsLate, Since: dbtest.Start}); err != nil || len(p.News) != 0 {
			t.Fatalf("before anything is late there is news: %+v %v", p, err)
		}
		c.runOut(set, dbtest.Start.AddDate(0, 0, 30))
		seen := map[casework.Ref]bool{}
		f := ledger.NewsFilter{Unit: root, Since: dbtest.Start, Kind: ledger.NewsLate, Limit: 2}
		for pages := 0; ; pages++ {
			p, err := c.r.News(t.Context(), head(root), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range p.News {
				if seen[n.Item.Ref] {
					t.Errorf("%s is told twice", n.Item.Ref)
				}
				seen[n.Item.Ref] = true
				if n.Clock != "answer" || n.At.IsZero() || !n.Item.Late {
					t.Errorf("the news is %+v", n)
				}
			}
			if f.After = p.Next; p.Next == "" {
				if pages != 2 {
					t.Errorf("five cases took %d pages of two", pages+1)
				}
				break
			}
		}
		if len(seen) != len(refs) {
			t.Errorf("%d of %d late cases are news", len(seen), len(refs))
		}
		if p, err := c.r.News(t.Context(), head(root), ledger.NewsFilter{Unit: root, Since: dbtest.Start.AddDate(0, 0, 29), Kind: ledger.NewsLate}); err != nil || len(p.News) != 0 {
			t.Errorf("since yesterday there is %+v, %v", p, err)
		}
		other := org.UnitID("donghu")
		if p, err := c.r.News(t.Context(), head(other), ledger.NewsFilter{Unit: other, Kind: ledger.NewsLate, Since: dbtest.Start}); err != nil || len(p.News) != 0 {
			t.Errorf("a unit beside the road hears %+v, %v", p, err)
		}
		if _, err := c.r.News(t.Context(), head(other), ledger.NewsFilter{Unit: root, Kind: ledger.NewsLate, Since: dbtest.Start}); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the news of a unit outside the scope answered %v", err)
		}
		var bad *ledger.BadFilter
		if _, err := c.r.News(t.Context(), head(root), ledger.NewsFilter{Unit: root, Kind: ledger.NewsLate, After: "nonsense"}); !errors.As(err, &bad) {
			t.Errorf("a cursor of nobody's answered %v", err)
		}
	})
}
