package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/enough"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
)

// orchard is a forest whose cases differ in their words, times and where they came from.
type orchard struct {
	*forest
	said  map[casework.CaseID]string
	items map[casework.CaseID]ledger.Item
}

const orchardCases = 60

var (
	hanWords = []string{"路灯", "井盖", "噪声", "水管", "丁王台", "坏了", "漏水"}
	engWords = []string{"lamp", "lamps", "street", "noise", "pipe", "no"}
	sources  = []string{"web", "phone", "counter"}
)

func newOrchard(t *testing.T, d *db.DB, set func(time.Time), seed int64) *orchard {
	t.Helper()
	draw := rand.New(rand.NewSource(seed))
	p, err := pack.Load(forestFiles(draw), pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	made := ledgertest.OpenPack(t, d, p)
	o := &orchard{forest: &forest{city: city{t: t, db: d, l: made.Ledger, r: made.Reader, pack: p}, units: p.Units.All()}, said: map[casework.CaseID]string{}, items: map[casework.CaseID]ledger.Item{}}
	for i := range orchardCases {
		set(dbtest.Start.AddDate(0, 0, i))
		o.grow(draw)
	}
	page, err := o.r.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Both: true, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range page.Items {
		o.items[it.ID] = it
	}
	for i := range o.cases { // the machine's lists leave out what is sealed to one unit
		c := &o.cases[i]
		page, err := o.r.Worklist(t.Context(), staffIn(c.Sealed).Scope(), ledger.Filter{Both: true, Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			o.items[it.ID] = it
		}
	}
	return o
}

func staffIn(unit org.UnitID) authz.Actor {
	if unit == "" {
		return authz.Actor{}
	}
	return authz.Staff("anybody", []authz.Grant{{Role: "officer", Unit: unit}})
}

func (o *orchard) grow(draw *rand.Rand) {
	o.t.Helper()
	some := func(list []string) string { return list[draw.Intn(len(list))] }
	title := some(hanWords) + some(hanWords) + "，" + some(engWords) + " " + some(engWords)
	text := some(hanWords) + "。" + some(engWords)
	holder := o.units[draw.Intn(len(o.units))]
	r, err := o.l.Do(o.t.Context(), authz.Reporter(), casework.Command{Open: &casework.Opening{Unit: holder, Title: title, Text: text, Category: some([]string{"help", "care"}), Source: some(sources)}})
	if err != nil {
		o.t.Fatal(err)
	}
	o.said[r.Case] = title + "\n" + text
	staff := authz.Staff(some(persons), []authz.Grant{{Role: "officer", Unit: holder}})
	do := func(act string, unit org.UnitID) {
		cmd := casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: act}
		if unit != "" {
			cmd.Fields = map[string]string{"unit": string(unit)}
		}
		o.l.Do(o.t.Context(), staff, cmd) // a unit that has joined already is refused: the case stays as it is
	}
	if draw.Intn(2) == 0 {
		do("take", "")
	}
	if draw.Intn(3) == 0 {
		do("offer", o.units[draw.Intn(len(o.units))])
	}
	if draw.Intn(3) == 0 {
		do("invite", o.units[draw.Intn(len(o.units))])
	}
	if draw.Intn(6) == 0 {
		do("seal", "")
	}
	c, err := o.r.ByID(o.t.Context(), authz.Machine().Scope(), r.Case)
	if err != nil {
		o.t.Fatal(err)
	}
	o.cases = append(o.cases, c)
}

// fits is what a filter means, said plainly: no index, no SQL.
func (o *orchard) fits(f ledger.Filter, it ledger.Item) bool {
	said := o.said[it.ID]
	for _, w := range f.Words {
		if it.Sealed || !w.Not && !holds(said, w) || w.Not && holds(said, w) {
			return false
		}
	}
	for _, t := range f.Tests {
		if o.passes(t, it) == t.Not {
			return false
		}
	}
	if len(f.States) > 0 && !slices.Contains(f.States, it.State) || f.Category != "" && f.Category != it.Category || f.Programme != "" && f.Programme != it.Programme {
		return false
	}
	for _, r := range f.Ranges {
		in := (r.From.IsZero() || !it.Opened.Before(r.From)) && (r.Before.IsZero() || it.Opened.Before(r.Before))
		if in == r.Not {
			return false
		}
	}
	return f.Both || it.Open != f.Closed
}

// holds says whether a word occurs: Chinese anywhere, English as a word or from three letters on as its beginning.
func holds(said string, w ledger.Word) bool {
	if w.Text[0] > 0x7f {
		return strings.Contains(said, w.Text)
	}
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' }
	if strings.Contains(w.Text, " ") {
		for at := range said {
			before, after := strings.TrimRightFunc(said[:at], letter), strings.TrimPrefix(said[at:], w.Text)
			if len(before) == at && len(after) < len(said)-at && len(strings.TrimLeftFunc(after, letter)) == len(after) {
				return true
			}
		}
		return false
	}
	words := strings.FieldsFunc(said, func(r rune) bool { return !letter(r) })
	return slices.ContainsFunc(words, func(x string) bool {
		return x == w.Text || len(w.Text) >= 3 && !w.Phrase && strings.HasPrefix(x, w.Text)
	})
}

func (o *orchard) passes(t ledger.Test, it ledger.Item) bool {
	got := map[string]string{ledger.TestCategory: it.Category, ledger.TestProcedure: it.Procedure, ledger.TestProgramme: it.Programme, ledger.TestSource: it.Source,
		ledger.TestAssignee: it.Assignee, ledger.TestOffered: string(it.Offered), ledger.TestState: it.Procedure + "." + it.State}
	switch t.Field {
	case ledger.TestJoint:
		return it.Joint
	case ledger.TestLate:
		return it.Late
	case ledger.TestPaused:
		return it.Paused
	case ledger.TestRaised:
		return it.Raised > 0
	case ledger.TestUnit:
		i := slices.IndexFunc(o.cases, func(c casework.Case) bool { return c.ID == it.ID })
		c := o.cases[i]
		return c.Sealed == "" && slices.ContainsFunc(c.Listed(o.pack.Units.Path), func(u org.UnitID) bool { return slices.Contains(t.Values, string(u)) })
	}
	return slices.Contains(t.Values, got[t.Field])
}

// draw makes a filter of a few parts.
func (o *orchard) draw(t *rapid.T) ledger.Filter {
	f := ledger.Filter{Both: rapid.Bool().Draw(t, "both"), Limit: 200}
	for range rapid.IntRange(0, 2).Draw(t, "words") {
		w := ledger.Word{Text: rapid.SampledFrom(slices.Concat(hanWords, engWords, []string{"灯", "王台", "stre", "la", "灯坏"})).Draw(t, "word"), Not: rapid.IntRange(0, 3).Draw(t, "not") == 3}
		if rapid.IntRange(0, 5).Draw(t, "phrase") == 5 {
			w.Text, w.Phrase = rapid.SampledFrom(engWords).Draw(t, "first")+" "+rapid.SampledFrom(engWords).Draw(t, "second"), true
		}
		f.Words = append(f.Words, w)
	}
	values := map[string][]string{ledger.TestCategory: {"help", "care", "nothing"}, ledger.TestProcedure: {"help", "care"}, ledger.TestProgramme: {"help", "care"}, ledger.TestSource: sources,
		ledger.TestAssignee: append([]string{""}, persons...), ledger.TestState: {"help.open", "care.open", "help.shut"}, ledger.TestLate: nil, ledger.TestPaused: nil, ledger.TestRaised: nil, ledger.TestJoint: nil}
	for _, u := range o.units {
		values[ledger.TestUnit] = append(values[ledger.TestUnit], string(u))
		values[ledger.TestOffered] = append(values[ledger.TestOffered], string(u))
	}
	if rapid.Bool().Draw(t, "by state") {
		f.States = rapid.SliceOfN(rapid.SampledFrom([]string{"open", "shut"}), 1, 2).Draw(t, "states")
	}
	if rapid.IntRange(0, 5).Draw(t, "by category") == 5 {
		f.Category = rapid.SampledFrom([]string{"help", "care"}).Draw(t, "category")
		f.Programme = rapid.SampledFrom([]string{"", "help", "care"}).Draw(t, "programme")
	}
	fields := slices.Sorted(maps.Keys(values))
	for range rapid.IntRange(0, 2).Draw(t, "tests") {
		test := ledger.Test{Field: rapid.SampledFrom(fields).Draw(t, "field"), Not: rapid.Bool().Draw(t, "not")}
		if list := values[test.Field]; list != nil {
			test.Values = rapid.SliceOfN(rapid.SampledFrom(list), 1, 2).Draw(t, "values")
		}
		f.Tests = append(f.Tests, test)
	}
	if rapid.IntRange(0, 3).Draw(t, "range") == 3 {
		from := dbtest.Start.AddDate(0, 0, rapid.IntRange(0, orchardCases).Draw(t, "from"))
		f.Ranges = append(f.Ranges, ledger.Range{Field: ledger.RangeOpened, Not: rapid.Bool().Draw(t, "not"), From: from, Before: from.AddDate(0, 0, 20)})
	}
	return f
}

func Test_a_search_finds_exactly_what_a_plain_look_at_every_readable_case_would(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		o := newOrchard(t, d, set, 5)
		o.whole()
		usual := o.r
		ways := map[string]*ledger.Reader{"asked one by one": usual, "walked past others": usual.ShortLists(0, 1<<40), "walked": usual.ShortLists(0, 0)}
		enough.Check(t, append([]string{"hit", "miss", "only part", "of another unit"}, slices.Sorted(maps.Keys(ways))...), func(t *rapid.T, met func(string)) {
			unit := rapid.SampledFrom(o.units).Draw(t, "unit")
			in := staffIn(unit).Scope()
			f := o.draw(t)
			way := rapid.SampledFrom(slices.Sorted(maps.Keys(ways))).Draw(t, "way")
			o.r = ways[way]
			found := o.found(in, f)
			wanted := 0
			for id, it := range o.items {
				_, err := o.r.ByID(context.Background(), in, id)
				fits := o.fits(f, it)
				want := err == nil && fits
				if err != nil && fits {
					met("of another unit")
				}
				if want {
					wanted++
				}
				if found[id] != want {
					t.Fatalf("%s asks %+v\ncase %s at %s (sealed %v) says %q: found %v, want %v", unit, f, it.Ref, it.Holder, it.Sealed, o.said[id], found[id], want)
				}
			}
			if len(found) > wanted {
				t.Fatalf("%d cases are found, %d fit", len(found), wanted)
			}
			met(map[bool]string{true: "hit", false: "miss"}[wanted > 0])
			if wanted > 0 && wanted < len(o.items)/2 {
				met("only part")
			}
			if wanted > 0 && len(f.Words) > 0 && len(f.States) > 0 && !f.Both {
				met(way)
			}
		})
	})
}

// whole asks that nothing of the draws was lost on the way.
func (o *orchard) whole() {
	o.t.Helper()
	if len(o.items) != orchardCases {
		o.t.Fatalf("%d of %d cases are on a list", len(o.items), orchardCases)
	}
}

func (o *orchard) found(in authz.Scope, f ledger.Filter) map[casework.CaseID]bool {
	f.Limit = 200
	out := map[casework.CaseID]bool{}
	page, err := o.r.Worklist(context.Background(), in, f)
	if err != nil {
		o.t.Fatal(err)
	}
	for i, it := range page.Items {
		if i > 0 && (f.Both || len(f.Words) > 0) && it.Opened.After(page.Items[i-1].Opened) {
			o.t.Fatalf("%s stands behind an older case", it.Ref)
		}
		out[it.ID] = true
	}
	return out
}

func Test_pages_of_a_search_hold_every_hit_once(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		o := newOrchard(t, d, set, 11)
		in := staffIn(o.units[0]).Scope()
		for _, f := range []ledger.Filter{{Words: []ledger.Word{{Text: "灯"}}, Both: true}, {Both: true}, {Words: []ledger.Word{{Text: "lam"}, {Text: "噪声", Not: true}}}} {
			all := o.found(in, f)
			seen := map[casework.CaseID]bool{}
			for after, pages := "", 0; pages == 0 || after != ""; pages++ {
				f.Limit, f.After = 4, after
				page, err := o.r.Worklist(t.Context(), in, f)
				if err != nil {
					t.Fatal(err)
				}
				for _, it := range page.Items {
					if seen[it.ID] {
						t.Errorf("%+v: %s twice", f, it.Ref)
					}
					seen[it.ID] = true
				}
				after = page.Next
			}
			f.Limit = 200
			if len(all) < 9 || !maps.Equal(all, seen) {
				t.Errorf("%+v: pages hold %d, one long page holds %d", f, len(seen), len(all))
			}
		}
	})
}

func Test_what_an_older_version_indexed_is_indexed_anew_and_nothing_of_veiled_headings_stays(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		o := newOrchard(t, d, set, 3)
		in := staffIn(o.units[0]).Scope()
		f := ledger.Filter{Words: []ledger.Word{{Text: "路灯"}}, Both: true}
		before := o.found(in, f)
		table := db.SearchTable("case_words")
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			list, err := db.All(t.Context(), tx, `SELECT n FROM cases`, nil, func(r db.Scanner) (n int64, err error) { return n, r.Scan(&n) })
			if err != nil {
				return err
			}
			for _, n := range list {
				if err := table.IndexTokens(t.Context(), tx, n, []string{"old"}); err != nil {
					return err
				}
				if _, err := tx.Exec(t.Context(), `INSERT INTO words_missing (n) VALUES (?1)`, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(before) == 0 || len(o.found(in, f)) != 0 {
			t.Fatalf("%d before, and then still something", len(before))
		}
		second := ledgertest.OpenPack(t, d, o.pack)
		if err := second.Ledger.IndexWords(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		o.r = second.Reader
		if after := o.found(in, f); !maps.Equal(before, after) {
			t.Errorf("%d before, %d after", len(before), len(after))
		}
		if n := texts(t, d, `SELECT CAST(COUNT(*) AS TEXT) FROM words_missing`); n[0] != "0" {
			t.Errorf("%s cases still wait", n[0])
		}
	})
}

func Test_marks_stand_on_the_words_that_were_asked_for_and_on_no_others(t *testing.T) {
	f := ledger.Filter{Words: []ledger.Word{{Text: "路灯"}, {Text: "lamp"}, {Text: "坏了", Not: true}}}
	if got := fmt.Sprint(f.Marks("路灯坏了 Lamps")); got != "[[0 6] [13 18]]" {
		t.Error(got)
	}
	if got := (ledger.Filter{Words: []ledger.Word{{Text: "street"}}, Both: true}).Marks(""); got != nil {
		t.Error(got)
	}
}

func Test_a_test_or_range_of_an_unknown_field_is_refused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		for _, f := range []ledger.Filter{{Tests: []ledger.Test{{Field: "ref; DROP"}}}, {Ranges: []ledger.Range{{Field: "age"}}}} {
			if _, err := c.r.Worklist(t.Context(), authz.Machine().Scope(), f); err == nil {
				t.Errorf("%+v is taken", f)
			}
		}
	})
}
