package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/pack"
)

// pages compares the lists of a large city with those of a small one: the same page, in turn from one
// and the other, so that whatever else the machine does falls on both.
func pages(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	small, err := bigCity(ctx, p, filepath.Join(dir, fmt.Sprintf("city-%d", o.small)), o.small)
	if err != nil {
		return err
	}
	defer small.Close()
	large, err := bigCity(ctx, p, filepath.Join(dir, fmt.Sprintf("city-%d", o.n)), o.n)
	if err != nil {
		return err
	}
	defer large.Close()
	if err := samePlan(ctx, small, large, o, t); err != nil {
		return err
	}
	return figures(ctx, small, large, o, t)
}

// view is one kind of page: the i-th of it in one city.
type view struct {
	what string
	of   func(ctx context.Context, c *city) (func(ctx context.Context, i int) error, error)
}

func samePlan(ctx context.Context, small, large *city, o options, t *table) error {
	for _, v := range views() {
		showSmall, err := v.of(ctx, small)
		if err != nil {
			return fmt.Errorf("%s: %w", v.what, err)
		}
		showLarge, err := v.of(ctx, large)
		if err != nil {
			return fmt.Errorf("%s: %w", v.what, err)
		}
		var a, b, mid series
		for round := range o.rounds + 1 {
			var as, bs []float64
			for i := range o.pages {
				for k := range 2 {
					show, to := showSmall, &as
					if (k+i)%2 == 0 {
						show, to = showLarge, &bs
					}
					began := time.Now()
					if err := show(ctx, i+round*o.pages); err != nil {
						return fmt.Errorf("%s: %w", v.what, err)
					}
					*to = append(*to, time.Since(began).Seconds()*1000)
				}
			}
			if round > 0 { // the first one warms up
				a, b = append(a, quantile(as, 0.99)), append(b, quantile(bs, 0.99))
				mid = append(mid, quantile(bs, 0.5)/quantile(as, 0.5))
			}
		}
		r := b.over(a)
		t.row(fmt.Sprintf("page, %s, %d open, p99 ms", v.what, o.n), b.String(), fmt.Sprintf("%d open: %s", o.small, a.String()),
			fmt.Sprintf("%s (p50 %.2f)", r, mid.median()), "≤ 1.30", yes(r.median() <= 1.3))
	}
	return nil
}

func quantile(list []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func views() []view {
	list := func(what string, f func(c *city, i int) (authz.Scope, ledger.Filter)) view {
		return view{what, func(ctx context.Context, c *city) (func(context.Context, int) error, error) {
			return func(ctx context.Context, i int) error {
				scope, filter := f(c, i)
				page, err := c.r.Worklist(ctx, scope, filter)
				if err == nil && len(page.Items) == 0 {
					err = fmt.Errorf("an empty page measures nothing")
				}
				return err
			}, nil
		}}
	}
	root := func(c *city) authz.Scope { return staff(c.pack.Units.All()[0]) }
	two := func(c *city, i int) authz.Scope {
		at := communities(c.pack)
		grant := func(k int) authz.Grant { return authz.Grant{Role: "clerk", Unit: at[k%len(at)]} }
		return authz.Staff("bench", []authz.Grant{grant(i), grant(i + 1)}).Scope()
	}
	return []view{
		list("whole city, first", func(c *city, i int) (authz.Scope, ledger.Filter) { return root(c), ledger.Filter{} }),
		{"whole city, deep in the list", deep},
		list("one community", func(c *city, i int) (authz.Scope, ledger.Filter) {
			at := communities(c.pack)
			return staff(at[i%len(at)]), ledger.Filter{}
		}),
		list("two communities", func(c *city, i int) (authz.Scope, ledger.Filter) { return two(c, i), ledger.Filter{} }),
		list("whole city, one state", func(c *city, i int) (authz.Scope, ledger.Filter) {
			return root(c), ledger.Filter{States: []string{"accepted"}}
		}),
		list("whole city, two states", func(c *city, i int) (authz.Scope, ledger.Filter) {
			return root(c), ledger.Filter{States: []string{"accepted", "assigned"}}
		}),
		list("whole city, newest first", func(c *city, i int) (authz.Scope, ledger.Filter) {
			return root(c), ledger.Filter{Sort: "-opened"}
		}),
		list("whole city, due on one day", func(c *city, i int) (authz.Scope, ledger.Filter) {
			day := time.Now().Truncate(24*time.Hour).AddDate(0, 0, i%20)
			return root(c), ledger.Filter{DueFrom: day, DueBefore: day.AddDate(0, 0, 1)}
		}),
		{"whole city, due strip", strip},
	}
}

// deep shows pages from all over the list, found by walking it once.
func deep(ctx context.Context, c *city) (func(context.Context, int) error, error) {
	scope := staff(c.pack.Units.All()[0])
	var cursors []string
	for after := ""; ; {
		page, err := c.r.Worklist(ctx, scope, ledger.Filter{Limit: 200, After: after})
		if err != nil {
			return nil, err
		}
		if after = page.Next; after == "" {
			break
		}
		cursors = append(cursors, after)
	}
	if len(cursors) < 10 {
		return nil, fmt.Errorf("a list of %d pages is not deep", len(cursors))
	}
	step := max(1, len(cursors)/45) // as many places in either city: how often one is seen again must not differ
	return func(ctx context.Context, i int) error {
		_, err := c.r.Worklist(ctx, scope, ledger.Filter{After: cursors[(i%45*step)%len(cursors)]})
		return err
	}, nil
}

func strip(_ context.Context, c *city) (func(context.Context, int) error, error) {
	edges := []time.Time{time.Unix(0, 0), time.Now()}
	for i := 1; i <= 14; i++ {
		edges = append(edges, edges[1].Truncate(24*time.Hour).AddDate(0, 0, i))
	}
	scope := staff(c.pack.Units.All()[0])
	return func(ctx context.Context, _ int) error {
		_, err := c.r.Strip(ctx, scope, ledger.Filter{}, edges, 100)
		return err
	}, nil
}

// figures are the counts of a unit's home page, which look at every open case.
func figures(ctx context.Context, small, large *city, o options, t *table) error {
	var a, b series
	for range 3 {
		for _, c := range []*city{small, large} {
			root := c.pack.Units.All()[0]
			began := time.Now()
			if _, err := c.r.Counts(ctx, staff(root), root, time.Now().Add(12*time.Hour)); err != nil {
				return err
			}
			if ms := time.Since(began).Seconds() * 1000; c == small {
				a = append(a, ms)
			} else {
				b = append(b, ms)
			}
		}
	}
	t.row(fmt.Sprintf("counts of the whole city, %d open, ms", o.n), b.format("%.1f"), fmt.Sprintf("%d open: %s", o.small, a.format("%.1f")), b.over(a).format("%.0f"), "–", "–")
	return nil
}

// templates is how many cases the door makes; the rest of a large city are copies of their rows with
// numbers and dates of their own.
const templates = 600

// bigCity opens the city of n open cases in the folder, and builds it when it is not there.
func bigCity(ctx context.Context, p *pack.Pack, dir string, n int) (*city, error) {
	path := filepath.Join(dir, "city.db")
	_, err := os.Stat(filepath.Join(dir, "complete"))
	known := err == nil
	if !known {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	c, err := openCity(ctx, p, path)
	if err != nil || known {
		return c, err
	}
	began := time.Now()
	if err := c.fill(ctx, n); err != nil {
		c.Close()
		return nil, err
	}
	if err := c.Close(); err != nil { // and the log goes back into the file
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "a city of %d open cases built in %s\n", n, time.Since(began).Round(time.Second))
	if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o600); err != nil {
		return nil, err
	}
	return openCity(ctx, p, path)
}

// fill makes the templates through the door, a third each just received, accepted and assigned, and
// copies them.
func (c *city) fill(ctx context.Context, n int) error {
	cmds, err := reports(c.pack, templates, 7)
	if err != nil {
		return err
	}
	receipts, errs := c.l.DoAll(ctx, authz.Reporter(), cmds)
	if err := firstOf(errs); err != nil {
		return err
	}
	who := head(c.pack)
	for _, step := range []struct {
		act   string
		every int
		field map[string]string
	}{{"accept", 2, nil}, {"assign", 4, map[string]string{"officer": "somebody"}}} {
		var acts []casework.Command
		for i, r := range receipts {
			if i%step.every == 0 {
				acts = append(acts, casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: step.act, Fields: step.field})
			}
		}
		if _, errs := c.l.DoAll(ctx, who, acts); firstOf(errs) != nil {
			return fmt.Errorf("%s: %w", step.act, firstOf(errs))
		}
	}
	return multiply(ctx, c.d, n, time.Now())
}

func firstOf(errs []error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}
