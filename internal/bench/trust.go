package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/load"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/vault"
)

// trust measures what it costs that every look is recorded before anything is shown, that search words
// are keyed, and that everything stands in one tree.
func trust(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	c, err := openCity(ctx, p, filepath.Join(dir, "trust.db"))
	if err != nil {
		return err
	}
	defer c.Close()
	ids, said, err := c.lived(ctx, o.cases)
	if err != nil {
		return err
	}
	err = load.Profiled(o.profile, func() error { return c.looked(ctx, o, ids, "SQLite", t) })
	if err != nil {
		return err
	}
	if err := c.sought(ctx, o, ids, said, t); err != nil {
		return err
	}
	if err := logged(ctx, o, filepath.Join(dir, "log.db"), t); err != nil {
		return err
	}
	return lookedOnServer(ctx, o, p, t)
}

func lookedOnServer(ctx context.Context, o options, p *pack.Pack, t *table) error {
	if o.server == "" {
		t.row("look, PostgreSQL", "not measured", "name an empty database with --postgres", "–", "–", "–")
		return nil
	}
	c, err := openCityAt(ctx, p, o.server)
	if err != nil {
		return err
	}
	defer c.Close()
	ids, _, err := c.lived(ctx, o.cases)
	if err != nil {
		return err
	}
	return c.looked(ctx, o, ids, "PostgreSQL", t)
}

// lived opens and accepts n cases and tells what was said in them.
func (c *city) lived(ctx context.Context, n int) (ids []casework.CaseID, said []string, err error) {
	cmds, err := reports(c.pack, n, uint64(time.Now().UnixNano()))
	if err != nil {
		return nil, nil, err
	}
	receipts, errs := c.l.DoAll(ctx, authz.Reporter(), cmds)
	if err := firstOf(errs); err != nil {
		return nil, nil, err
	}
	accepts := make([]casework.Command, n)
	for i, r := range receipts {
		ids = append(ids, r.Case)
		said = append(said, cmds[i].Open.Title+"\n"+cmds[i].Open.Text+"\n"+cmds[i].Open.Place.Address)
		accepts[i] = casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "accept"}
	}
	_, errs = c.l.DoAll(ctx, head(c.pack), accepts)
	return ids, said, firstOf(errs)
}

// looked compares showing a case after the look was recorded with reading the same case and events, where
// nothing is recorded and nothing opened, and with that and the least that a commit can be.
func (c *city) looked(ctx context.Context, o options, ids []casework.CaseID, engine string, t *table) error {
	who := head(c.pack)
	scope := who.Scope()
	read := func(i int) error {
		k, err := c.r.ByID(ctx, scope, ids[i%len(ids)])
		if err != nil {
			return err
		}
		_, err = c.r.Events(ctx, k.ID)
		return err
	}
	commit := func(i int) error { return errors.Join(bareCommit(ctx, c.d), read(i)) }
	look := func(i int) error {
		k, err := c.l.Look(ctx, who, ledger.Ticket{Case: ids[i%len(ids)], Purpose: ledger.PurposeHandle, Level: authz.Identity})
		if err != nil {
			return err
		}
		if shown := k.Case(); vault.Sealed(shown.Text) || shown.Text == "" || len(k.Events()) < 2 {
			return errors.New("a look that shows nothing measures nothing")
		}
		return nil
	}
	for _, many := range []int{1, 16} {
		var one [3]series
		for round := range o.rounds + 1 {
			for k := range 3 {
				step := (k + round) % 3
				took, err := load.InTurn(many, o.cases, []func(int) error{read, look, commit}[step])
				if err != nil {
					return err
				}
				if round > 0 { // the first one warms up
					one[step] = append(one[step], float64(took.Microseconds())/float64(o.cases))
				}
			}
		}
		what := fmt.Sprintf("look, recorded first, %s, %d clients, µs", engine, many)
		t.row(what, one[1].format("%.0f"), "the same read, not recorded: "+one[0].format("%.0f"), one[1].over(one[0]).String(), "–", "–")
		t.row(what, one[1].format("%.0f"), "that read and a commit of one row: "+one[2].format("%.0f"), one[1].over(one[2]).String(), "–", "–")
	}
	return nil
}

// sought compares a page of search by keyed words with the bare index of plain words over the same texts,
// which joins nothing and asks nobody's rights.
func (c *city) sought(ctx context.Context, o options, ids []casework.CaseID, said []string, t *table) error {
	err := c.d.Transact(ctx, func(tx *db.Tx) error {
		if err := plainWords.Create(ctx, tx); err != nil {
			return err
		}
		for i, text := range said {
			if err := plainWords.IndexText(ctx, tx, int64(i+1), text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var queries []string
	for i := range o.pages {
		w := db.Bigrams(said[i*7%len(said)])
		queries = append(queries, w[i%len(w)])
	}
	scope := staff(c.pack.Units.All()[0])
	found := [2]int{}
	page := func(i int) error {
		p, err := c.r.Worklist(ctx, scope, ledger.Filter{Words: []ledger.Word{{Text: queries[i]}}, Both: true, Limit: 20})
		found[0] += len(p.Items)
		return err
	}
	bare := func(i int) error {
		return c.d.View(ctx, func(tx *db.Tx) error {
			hits, err := plainWords.Match(ctx, tx, queries[i], 0, 20)
			found[1] += len(hits)
			return err
		})
	}
	var a, b series
	for range o.rounds {
		var as, bs []float64
		for i := range queries {
			for _, one := range []struct {
				do func(int) error
				to *[]float64
			}{{page, &as}, {bare, &bs}} {
				began := time.Now()
				if err := one.do(i); err != nil {
					return err
				}
				*one.to = append(*one.to, float64(time.Since(began).Nanoseconds())/1000)
			}
		}
		a, b = append(a, quantile(as, 0.5)), append(b, quantile(bs, 0.5))
	}
	t.row(fmt.Sprintf("search page, keyed words, %d cases, p50 µs", len(ids)), a.format("%.0f"), "bare index of plain words: "+b.format("%.0f"),
		a.over(b).String(), "≤ 5", yes(a.over(b).median() <= 5))
	t.row("what keyed search finds", fmt.Sprint(found[0]), fmt.Sprintf("plain: %d", found[1]), fmt.Sprintf("%.3f", float64(found[0])/float64(found[1])), "1.000", yes(found[0] == found[1]))
	if err := errors.Join(mergeWords(ctx, c.d, words), mergeWords(ctx, c.d, plainWords)); err != nil {
		return err
	}
	keyed, plain, err := searchBytes(ctx, c.d)
	n := float64(len(ids))
	t.row("search index, bytes a case", fmt.Sprintf("%.0f", keyed/n), fmt.Sprintf("plain words: %.0f", plain/n), fmt.Sprintf("%.2f", keyed/plain), "–", "–")
	return err
}

// logged gives 10 000 entries their places, proves and checks them. Each step is compared with the one
// below it: placing with writing the entries down, a proof with finding the entry, a check with reading them all.
func logged(ctx context.Context, o options, path string, t *table) error {
	const entries = 10_000
	d, err := db.Open(ctx, "sqlite:"+path, time.Now)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := translog.Migrate(ctx, d); err != nil {
		return err
	}
	ring := vault.FromSeed("civic", "std", []byte("a log for measurements"))
	l := &translog.Log{DB: d, Origin: receipt.Origin("bench", "civic"), Key: ring.Public().String(), Sign: ring.Sign}
	today := time.Now()
	id := func(round, i int) string {
		return translog.Dated(today, ring.Index("bench", fmt.Sprint(round, " ", i)))
	}
	hash := sha256.Sum256([]byte("an entry"))
	var add, place, find, prove, read, check series
	rate := func(n int, began time.Time) float64 { return float64(n) / time.Since(began).Seconds() }
	for round := range o.rounds {
		began := time.Now()
		for first := 0; first < entries; first += 250 {
			err := d.Transact(ctx, func(tx *db.Tx) error {
				for i := range 250 {
					if err := translog.Add(ctx, tx, ledger.LeafEvent, id(round, first+i), hash[:]); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		add = append(add, rate(entries, began))
		began = time.Now()
		if n, err := l.Sequence(ctx); err != nil || n != entries {
			return fmt.Errorf("%d of %d entries got a place: %w", n, entries, err)
		}
		place = append(place, rate(entries, began))
		if _, err := l.SignHead(ctx); err != nil {
			return err
		}
		began = time.Now()
		for i := range o.pages {
			if err := d.View(ctx, func(tx *db.Tx) error {
				return translog.Holds(ctx, tx, ledger.LeafEvent, hash[:], id(round, i*31%entries))
			}); err != nil {
				return err
			}
		}
		find = append(find, 1e6/rate(o.pages, began))
		began = time.Now()
		for i := range o.pages {
			if _, err := l.Proof(ctx, ledger.LeafEvent, id(round, i*31%entries), 0); err != nil {
				return err
			}
		}
		prove = append(prove, 1e6/rate(o.pages, began))
		began = time.Now()
		n, err := readLog(ctx, d)
		if err != nil {
			return err
		}
		read = append(read, rate(n, began))
		began = time.Now()
		if _, err := l.Check(ctx, nil); err != nil {
			return err
		}
		check = append(check, rate(n, began))
	}
	t.row(fmt.Sprintf("log, giving %d entries their places, /s", entries), place.format("%.0f"), "writing them down: "+add.format("%.0f"), place.over(add).String(), "–", "–")
	t.row("log, proof of an entry, µs", prove.format("%.0f"), "finding it: "+find.format("%.0f"), prove.over(find).format("%.1f"), "–", "–")
	t.row("log, checking the whole tree, entries/s", check.format("%.0f"), "reading the entries: "+read.format("%.0f"), check.over(read).String(), "–", "–")
	return nil
}

// decided times the table of rules on rows of all communities, for somebody who serves in two of them and
// stands above a third of the rest.
func decided(p *pack.Pack, o options, t *table) error {
	at := communities(p)
	if len(at) < 2 {
		return fmt.Errorf("the demo pack has %d communities; rights are compared over several", len(at))
	}
	top, _ := p.Units.Unit(at[0])
	who := authz.Staff("bench", []authz.Grant{{Role: "clerk", Unit: at[0]}, {Role: "clerk", Unit: at[1]}, {Role: "head", Unit: top.Parent}}).Under(p.Rules)
	rows := make([]authz.Target, 1000)
	for i := range rows {
		rows[i] = authz.Target{Case: fmt.Sprint(i), Holder: at[i%len(at)], Programme: "report", Level: authz.Story}
	}
	scope := who.Scope()
	var decide, list, bare, write series
	ns := func(do func(authz.Target)) float64 {
		return microseconds(100, func() {
			for i := range rows {
				do(rows[i])
			}
		}) * 1000 / float64(len(rows))
	}
	open := map[org.UnitID]bool{}
	for _, u := range at {
		open[u] = scope.Level(p.Units, authz.Target{Holder: u, Programme: "report"}) > 0
	}
	seen := 0
	for range o.rounds {
		decide = append(decide, ns(func(of authz.Target) {
			if who.Decide(p.Units, of).Allowed {
				seen++
			}
		}))
		list = append(list, ns(func(of authz.Target) { scope.Level(p.Units, of) }))
		bare = append(bare, ns(func(of authz.Target) {
			if open[of.Holder] {
				seen++
			}
		}))
		write = append(write, microseconds(1000, func() { who.Scope() }))
	}
	if seen == 0 {
		return errors.New("rules that open nothing measure nothing")
	}
	t.row("may this person see this row, three grants, ns", decide.format("%.0f"), "a look-up of units worked out before: "+bare.format("%.0f"), decide.over(bare).format("%.1f"), "≤ 50 ns", yes(decide.median() <= 50))
	t.row("how much of the row the list shows, ns", list.format("%.0f"), "the same: "+bare.format("%.0f"), list.over(bare).format("%.1f"), "≤ 50 ns", yes(list.median() <= 50))
	t.row("rights of a person written out for lists, µs", write.String(), "–", "–", "–", "–")
	return nil
}
