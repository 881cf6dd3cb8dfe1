package dataaccess

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

var market = map[string]string{"area": "guiyuan-ganyuan", "place": "Market gate", "operator": "Market office", "purpose": "Safety of the entrance",
	"basis": "public_system", "retention_days": "30", "cameras": "4", "contact": "0000-1"}

func with(base map[string]string, kv ...string) map[string]string {
	out := map[string]string{}
	for k, v := range base {
		out[k] = v
	}
	for i := 0; i+1 < len(kv); i += 2 {
		out[kv[i]] = kv[i+1]
	}
	return out
}

func (c *town) areas(unit org.UnitID) []org.UnitID {
	return keeping(c.pack, staff("lin", unit, "officer"))
}

func (c *town) entry(raw map[string]string) Entry {
	c.t.Helper()
	e, bad := entryFrom(raw, c.areas("linjiang"), c.pack.Cameras, noLaw)
	if len(bad) > 0 {
		c.t.Fatalf("%v", bad)
	}
	return e
}

func Test_an_entry_is_words_and_numbers_that_can_stand(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		for name, x := range map[string]struct {
			raw         map[string]string
			field, rule string
		}{
			"a recording kept too short":   {with(market, "retention_days", "29"), "retention_days", "cameras.too_short"},
			"a link to a stream":           {with(market, "contact", "rtsp://10.0.0.4/live"), "contact", "cameras.link"},
			"a link to a page of pictures": {with(market, "place", "https://example.org/gate.jpg"), "place", "cameras.link"},
			"another part of the city":     {with(market, "area", "donghu"), "area", "form.choice"},
			"no purpose":                   {with(market, "purpose", ""), "purpose", "form.required"},
			"a basis that is none":         {with(market, "basis", "because"), "basis", "form.choice"},
			"no camera at all":             {with(market, "cameras", "0"), "cameras", "form.range"},
		} {
			_, bad := entryFrom(x.raw, c.areas("guiyuan"), c.pack.Cameras, noLaw)
			if len(bad) != 1 || bad[0].Field != x.field || bad[0].Rule != x.rule {
				t.Errorf("%s: %v", name, bad)
			}
		}
		if _, bad := entryFrom(with(market, "basis", "duty_of_care", "retention_days", "7"), c.areas("guiyuan"), c.pack.Cameras, noLaw); len(bad) > 0 {
			t.Errorf("the shortest retention does not bind other places: %v", bad)
		}
	})
}

func Test_every_change_of_an_entry_is_kept_with_who_and_why(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		var id int64
		e := c.entry(market)
		c.done(c.try(func(ctx context.Context, tx *db.Tx) (err error) {
			id, err = enter(ctx, tx, e, author{"lin", "guiyuan", "First entry."})
			return err
		}))
		first := c.loaded(id)
		more := first
		more.Cameras = 6
		c.done(c.try(func(ctx context.Context, tx *db.Tx) error {
			return change(ctx, tx, first, more, author{"he", "guiyuan", "Two more at the back."})
		}))
		// Somebody who saw the entry before that change cannot write over it.
		err := c.try(func(ctx context.Context, tx *db.Tx) error {
			return change(ctx, tx, first, e, author{"lin", "guiyuan", "Back to four."})
		})
		var no *casework.Refusal
		if !errors.As(err, &no) || no.Rule != "cameras.changed" {
			t.Fatalf("a stale change was taken: %v", err)
		}
		if err := c.try(func(ctx context.Context, tx *db.Tx) error {
			return withdraw(ctx, tx, c.loadedIn(ctx, tx, id), author{"he", "guiyuan", ""})
		}); err == nil {
			t.Fatal("an entry was withdrawn without a reason")
		}
		c.done(c.try(func(ctx context.Context, tx *db.Tx) error {
			return withdraw(ctx, tx, c.loadedIn(ctx, tx, id), author{"he", "guiyuan", "Taken down."})
		}))
		last := c.loaded(id)
		if last.Stands() || last.WithdrawnWhy != "Taken down." || last.Cameras != 6 || last.Version != 3 {
			t.Errorf("it stands as %+v", last)
		}
		c.done(c.try(func(ctx context.Context, tx *db.Tx) error {
			h, err := historyOf(ctx, tx, id)
			if err != nil || len(h) != 3 {
				return fmt.Errorf("history %v: %w", h, err)
			}
			if h[0].What != "entered" || h[1].What != "changed" || h[2].What != "withdrawn" || h[1].Actor != "he" || h[1].Why != "Two more at the back." ||
				h[1].Was.Cameras != 4 || h[1].Became.Cameras != 6 || h[0].Before || h[2].Then {
				t.Errorf("history %+v", h)
			}
			return nil
		}))
	})
}

func (c *town) loadedIn(ctx context.Context, tx *db.Tx, id int64) Entry {
	c.t.Helper()
	e, err := loadEntry(ctx, tx, id)
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

func (c *town) loaded(id int64) (e Entry) {
	c.t.Helper()
	c.done(c.try(func(ctx context.Context, tx *db.Tx) error { e = c.loadedIn(ctx, tx, id); return nil }))
	return e
}

func Test_the_register_is_kept_by_the_unit_and_those_above_it(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		own := c.areas("guiyuan")
		if !slices.Contains(own, "guiyuan-yandu") || slices.Contains(own, "wangchuan") || slices.Contains(own, "guiyuan-ganyuan-1") || slices.Contains(own, "binjiang") {
			t.Errorf("Guiyuan keeps %v", own)
		}
		if got := keeping(c.pack, staff("x", "guiyuan", "clerk")); len(got) > 0 {
			t.Errorf("a clerk keeps %v", got)
		}
		if got := keeping(c.pack, holder(casework.Case{ID: "1"})); len(got) > 0 {
			t.Errorf("a resident keeps %v", got)
		}
		if unit, ok := inNameOf(c.pack, staff("x", "binjiang", "head"), "guiyuan-yandu"); !ok || unit != "binjiang" {
			t.Errorf("in the name of %q %v", unit, ok)
		}
	})
}

func Test_a_table_is_taken_in_as_a_whole_or_its_lines_are_named(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		head := "place,area,operator,purpose,basis,retention_days,cameras,contact,remark\n"
		read := func(text string, standing ...Entry) ([]Entry, string) {
			t.Helper()
			entries, bad, err := readTable(strings.NewReader(text), c.areas("guiyuan"), c.pack.Cameras, standing, noLaw)
			c.done(err)
			var b strings.Builder
			for _, x := range bad {
				fmt.Fprintf(&b, "%d %s %s; ", x.Line, x.Problem.Field, x.Problem.Rule)
			}
			return entries, b.String()
		}
		good := head + "Gate,guiyuan-ganyuan,Market,Safety of the gate,public_system,30,4,0000-1,\n\"Steps, north\",guiyuan-yandu,School,Safety of the steps,duty_of_care,7,1,0000-2,x\n"
		entries, bad := read(good)
		if bad != "" || len(entries) != 2 || entries[1].Place != "Steps, north" || entries[1].Retention != 7 {
			t.Errorf("%v %s", entries, bad)
		}
		for text, want := range map[string]string{
			"":                           "1  cameras.csv_empty; ",
			head:                         "1  cameras.csv_empty; ",
			"place,area\nGate,guiyuan\n": "1  cameras.csv_column_missing; ",
			head + "Gate,guiyuan-ganyuan,Market,Safety of the gate,public_system,3,0,0000-1,\nGate,donghu,Market,Safety of the gate,public_system,30,4,0000-1,\n": "2 cameras form.range; 2 retention_days cameras.too_short; 3 area form.choice; ",
			good + "Gate,guiyuan-ganyuan,Market,Safety of the gate,public_system,30,4,0000-1,\n":                                                                  "4 place cameras.twice; ",
			head + "Gate,guiyuan-ganyuan\n": "2  cameras.csv_torn; ",
		} {
			if _, bad := read(text); bad != want && !sameProblems(bad, want) {
				t.Errorf("%q\n got %s\nwant %s", text, bad, want)
			}
		}
		if _, bad := read(good, c.entry(with(market, "place", "Gate", "operator", "Market"))); bad != "2 place cameras.twice; " {
			t.Errorf("an entry that stands was taken in again: %s", bad)
		}
		raw, err := table(append(entries, Entry{ID: 9, Area: "guiyuan", Place: "=cmd|1", Operator: "@x", Purpose: "p", Basis: "duty_of_care", Retention: 1, Cameras: 1, Contact: "-1"}))
		c.done(err)
		if !strings.Contains(string(raw), "'=cmd|1") || !strings.Contains(string(raw), "'@x") || !strings.Contains(string(raw), "'-1") {
			t.Errorf("a cell can run as a formula:\n%s", raw)
		}
		back, bad := read(strings.TrimPrefix(string(raw), "\ufeff"))
		if bad != "" && !strings.HasPrefix(bad, "4 ") || len(back) != 3 || !back[0].same(entries[0]) || !back[1].same(entries[1]) {
			t.Errorf("what was exported cannot be taken in: %v %s", back, bad)
		}
	})
}

// sameProblems compares without order.
func sameProblems(a, b string) bool {
	x, y := strings.Split(a, "; "), strings.Split(b, "; ")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
