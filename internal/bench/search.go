package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// search measures the first page of a search in a large city. Each kind of question is compared with the same page
// without words, and the narrow ones also with the same words looked up first and cut to the unit afterwards, which
// is what an index without scope has to do.
func search(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	c, err := wordyCity(ctx, p, filepath.Join(dir, fmt.Sprintf("words-%d", o.n)), o.n)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, q := range questions(c) {
		if err := c.asked(ctx, o, q, t); err != nil {
			return fmt.Errorf("%s: %w", q.what, err)
		}
	}
	return nil
}

// question is one kind of search: the i-th of it.
type question struct {
	what  string
	of    func(i int) (org.UnitID, ledger.Filter)
	empty bool // finds nothing, and has to find that out
	apart bool // compared with words first, scope afterwards
}

func questions(c *city) []question {
	all := c.pack.Units.All()
	at := communities(c.pack)
	root := all[0]
	word := func(words ...string) (f ledger.Filter) {
		for _, w := range words {
			f.Words = append(f.Words, ledger.Word{Text: w})
		}
		f.Both = true
		return f
	}
	common := commonHan(c.pack)
	return []question{
		{what: "whole city, a common word", of: func(i int) (org.UnitID, ledger.Filter) { return root, word(common[i%len(common)]) }},
		{what: "whole city, two words", of: func(i int) (org.UnitID, ledger.Filter) {
			return root, word(common[i%len(common)], string(at[i%len(at)]))
		}},
		{what: "whole city, a rare word", of: func(i int) (org.UnitID, ledger.Filter) { return root, word(rareWord(i * 37)) }},
		{what: "one community, a common word", apart: true, of: func(i int) (org.UnitID, ledger.Filter) {
			return at[i%len(at)], word(common[i%len(common)])
		}},
		{what: "one community, the name of another", apart: true, empty: true, of: func(i int) (org.UnitID, ledger.Filter) {
			f := ledger.Filter{Both: true, Words: []ledger.Word{{Text: string(at[(i+7)%len(at)]), Phrase: true}}}
			return at[i%len(at)], f
		}},
		{what: "whole city, a common word, a state few are in", of: func(i int) (org.UnitID, ledger.Filter) {
			f := word(common[i%len(common)])
			f.Both, f.States = false, []string{"accepted"}
			f.Tests = []ledger.Test{{Field: ledger.TestState, Values: f.States}}
			return root, f
		}},
		{what: "whole city, a common word, due on one day", of: func(i int) (org.UnitID, ledger.Filter) {
			f := word(common[i%len(common)])
			day := time.Now().Truncate(24*time.Hour).AddDate(0, 0, i%20)
			f.Both, f.Ranges = false, []ledger.Range{{Field: ledger.RangeDue, From: day, Before: day.AddDate(0, 0, 1)}}
			return root, f
		}},
		{what: "whole city, a common word, a category", of: func(i int) (org.UnitID, ledger.Filter) {
			f := word(common[i%len(common)])
			category := c.pack.Categories[i%len(c.pack.Categories)].ID
			f.Tests = []ledger.Test{{Field: ledger.TestCategory, Values: []string{category}}}
			return root, f
		}},
	}
}

// asked measures one kind of question against its baselines, in turn.
func (c *city) asked(ctx context.Context, o options, q question, t *table) error {
	found := 0
	list := func(unit org.UnitID, f ledger.Filter) error {
		page, err := c.r.Worklist(ctx, staff(unit), f)
		found += len(page.Items)
		return err
	}
	steps := []func(i int) error{
		func(i int) error { unit, f := q.of(i); return list(unit, f) },
		func(i int) error {
			unit, _ := q.of(i)
			return list(unit, ledger.Filter{Sort: "-opened"})
		},
	}
	if q.apart {
		steps = append(steps, func(i int) error {
			unit, f := q.of(i)
			return wordsFirst(ctx, c.d, c.plainQuery(f.Words[0]), string(unit))
		})
	}
	took := make([]series, len(steps))
	mid := make([]series, len(steps))
	pages := max(o.pages/2, 50)
	for round := range o.rounds + 1 {
		times := make([][]float64, len(steps))
		for i := range pages {
			for k := range steps {
				s := (k + i) % len(steps)
				began := time.Now()
				if err := steps[s](i + round*pages); err != nil {
					return err
				}
				times[s] = append(times[s], time.Since(began).Seconds()*1000)
			}
		}
		for s := range steps {
			if round > 0 { // the first one warms up
				took[s] = append(took[s], quantile(times[s], 0.99))
				mid[s] = append(mid[s], quantile(times[s], 0.5))
			}
		}
	}
	if found == 0 {
		return errors.New("nothing was ever found; an empty page measures nothing")
	}
	what := fmt.Sprintf("search, %s, %d cases, p99 ms", q.what, o.n)
	t.row(what, took[0].format("%.2f"), "the same page without words: "+took[1].format("%.2f"), fmt.Sprintf("%s (p50 %.2f)", took[0].over(took[1]), mid[0].median()/mid[1].median()), "≤ 150 ms", yes(took[0].median() <= 150))
	if q.apart {
		t.row(what, took[0].format("%.2f"), "words first, scope afterwards: "+took[2].format("%.2f"), fmt.Sprintf("%s (p50 %.2f)", took[0].over(took[2]), mid[0].median()/mid[2].median()), "–", "–")
	}
	return nil
}

// plainQuery is a word as the index without scope would be asked.
func (c *city) plainQuery(w ledger.Word) string {
	phrases := db.QueryPhrases(w.Text)
	if w.Phrase {
		phrases = db.ExactPhrase(w.Text)
	}
	ring := benchRing()
	for i, p := range phrases {
		tokens := make([]string, len(p.Tokens))
		for j, s := range p.Tokens {
			if p.Prefix && j == len(p.Tokens)-1 {
				s = "^" + db.PrefixOf(s)
			}
			tokens[j] = ring.Token(s)
		}
		phrases[i] = db.Phrase{Tokens: tokens}
	}
	return matchText(phrases)
}

func benchRing() *vault.Ring {
	return vault.FromSeed(procedure.Civic, "std", []byte("a city for measurements"))
}

// rareWord stands in one case of a thousand.
func rareWord(i int) string { return fmt.Sprintf("lane%04d", i%1000) }

// commonHan are the pairs of characters that stand in most categories' names and reports.
func commonHan(p *pack.Pack) []string {
	count := map[string]int{}
	cmds, err := reports(p, templates, 7)
	if err != nil {
		return []string{"lamp"}
	}
	for _, cmd := range cmds {
		seen := map[string]bool{}
		for _, token := range db.Bigrams(cmd.Open.Title + "\n" + cmd.Open.Text) {
			if len([]rune(token)) == 2 && token[0] > 0x7f && !seen[token] {
				seen[token] = true
				count[token]++
			}
		}
	}
	var out []string
	for token := range count {
		out = append(out, token)
	}
	slices.SortFunc(out, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return slices.Compare([]rune(a), []rune(b))
	})
	return out[:min(len(out), 20)]
}

// wordyCity is bigCity with a search index.
func wordyCity(ctx context.Context, p *pack.Pack, dir string, n int) (*city, error) {
	path := filepath.Join(dir, "city.db")
	_, err := os.Stat(filepath.Join(dir, "complete"))
	known := err == nil
	if !known {
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
			return nil, err
		}
	}
	c, err := openCity(ctx, p, path)
	if err != nil || known {
		return c, err
	}
	began := time.Now()
	if err := c.fillWords(ctx, n); err != nil {
		c.Close()
		return nil, err
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "a city of %d cases that can be searched built in %s\n", n, time.Since(began).Round(time.Second))
	if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o600); err != nil {
		return nil, err
	}
	return openCity(ctx, p, path)
}

// fillWords makes the templates through the door, copies them, and indexes each copy as its template was, with a
// word of its own beside.
func (c *city) fillWords(ctx context.Context, n int) error {
	cmds, err := reports(c.pack, templates, 7)
	if err != nil {
		return err
	}
	receipts, errs := c.l.DoAll(ctx, authz.Reporter(), cmds)
	if err := firstOf(errs); err != nil {
		return err
	}
	accepts := make([]casework.Command, 3) // of 600: a state that few are in
	for i := range accepts {
		accepts[i] = casework.Command{Case: receipts[i*200].Case, Version: casework.AnyVersion, Act: "accept"}
	}
	if _, errs := c.l.DoAll(ctx, head(c.pack), accepts); firstOf(errs) != nil {
		return firstOf(errs)
	}
	tokens, err := indexed(ctx, c.d)
	if err != nil {
		return err
	}
	if len(tokens) != templates {
		return fmt.Errorf("%d of %d templates are indexed", len(tokens), templates)
	}
	now := time.Now()
	if err := multiply(ctx, c.d, n, now); err != nil {
		return err
	}
	ring := benchRing()
	return copyWords(ctx, c.d, n, now, tokens, func(i int) []string {
		word := rareWord(i)
		out := []string{ring.Token(word)}
		for _, p := range db.Prefixes(word) {
			out = append(out, ring.Token("^"+p))
		}
		return out
	})
}
