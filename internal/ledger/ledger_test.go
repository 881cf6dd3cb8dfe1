package ledger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
)

type city struct {
	t    *testing.T
	db   *db.DB
	l    *ledger.Ledger
	r    *ledger.Reader
	pack *pack.Pack
}

func newCity(t *testing.T, d *db.DB) *city {
	t.Helper()
	c := ledgertest.Open(t, d, "../../packs/demo")
	return &city{t: t, db: d, l: c.Ledger, r: c.Reader, pack: c.Pack}
}

// open files a report in a community and returns its receipt.
func (c *city) open(key string) (ledger.Receipt, error) {
	cmd, err := intake.Command(c.pack, intake.Report{Category: request(c.pack), Text: "路面有一个大坑，已经三天了。", Unit: community(c.pack), Source: "web", Key: key})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.l.Do(context.Background(), authz.Reporter(), cmd)
}

// request is a category of service requests: the tests take their terms and levels for known.
func request(p *pack.Pack) string {
	for _, c := range p.Categories {
		if c.Procedure == "service-request" {
			return c.ID
		}
	}
	panic("the demo pack has no service request")
}

func community(p *pack.Pack) org.UnitID {
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); u.Level == org.Community {
			return id
		}
	}
	panic("the demo pack has no community")
}

func Test_a_report_becomes_a_case_that_its_units_list(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newCity(t, d)
		ctx := context.Background()
		r, err := c.open("k1")
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.open("k1")
		if err != nil || !again.Replayed || again.Ref != r.Ref {
			t.Fatalf("the same form twice gave %+v, %v; want the first receipt again", again, err)
		}
		got, err := c.r.ByCode(ctx, r.Code)
		if err != nil || got.Ref != r.Ref || got.State != "received" {
			t.Fatalf("by code: %+v, %v", got, err)
		}
		for _, unit := range c.pack.Units.Path(got.Holder) {
			scope := authz.Staff("x", []authz.Grant{{Role: "clerk", Unit: unit}}).Scope()
			page, err := c.r.Worklist(ctx, scope, ledger.Filter{})
			if err != nil || len(page.Items) != 1 || page.Items[0].Ref != r.Ref {
				t.Errorf("worklist of %s: %+v, %v", unit, page, err)
			}
		}
		if _, err := c.r.Case(ctx, authz.Scope{}, string(r.Ref)); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("nobody's scope reads the case: %v", err)
		}
		if err := c.r.Verify(ctx, r.Case); err != nil {
			t.Error(err)
		}
	})
}

func Test_a_clock_nobody_answers_raises_the_case_level_by_level(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newCity(t, d)
		ctx := context.Background()
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		first, _ := c.r.ByCode(ctx, r.Code)
		path := c.pack.Units.Path(first.Holder)
		for step := 1; step <= len(path)+1; step++ {
			at, err := c.l.NextTimer(ctx)
			if err != nil || at.IsZero() {
				t.Fatalf("step %d: no clock runs any more: %v", step, err)
			}
			set(at)
			if n, err := c.l.RunTimers(ctx, 10); err != nil || n == 0 {
				t.Fatalf("step %d: %d timers, %v", step, n, err)
			}
			now, _ := c.r.ByCode(ctx, r.Code)
			if want := path[min(step, len(path)-1)]; now.Holder != want {
				t.Fatalf("step %d: held by %s, want %s", step, now.Holder, want)
			}
		}
		if err := c.r.Verify(ctx, r.Case); err != nil {
			t.Error(err)
		}
	})
}

func Test_a_stale_version_is_refused_and_changes_nothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx := context.Background()
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		now, _ := c.r.ByCode(ctx, r.Code)
		clerk := authz.Staff("a", []authz.Grant{{Role: "clerk", Unit: now.Holder}, {Role: "officer", Unit: now.Holder}})
		if _, err := c.l.Do(ctx, clerk, casework.Command{Case: r.Case, Version: 1, Act: "accept"}); err != nil {
			t.Fatal(err)
		}
		_, err = c.l.Do(ctx, clerk, casework.Command{Case: r.Case, Version: 1, Act: "accept"})
		var no *casework.Refusal
		if !errors.As(err, &no) || no.Rule != casework.Conflict {
			t.Fatalf("a stale version gave %v", err)
		}
		events, _ := c.r.Events(ctx, r.Case)
		if len(events) != 2 {
			t.Errorf("%d events, want 2", len(events))
		}
	})
}

func Test_a_changed_byte_of_an_event_is_named(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx := context.Background()
		good, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		bad, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		err = d.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE events SET doc = REPLACE(doc, '"Text":"~', '"Text":"^') WHERE id = (SELECT MAX(id) FROM events)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var named []error
		seen, err := c.r.VerifyAll(ctx, func(err error) { named = append(named, err) })
		if err != nil || seen.Cases != 2 || len(named) != 1 || !strings.Contains(named[0].Error(), string(bad.Ref)) {
			t.Errorf("verified %d cases, named %v, %v; want 2 and %s", seen, named, err, bad.Ref)
		}
		if err := c.r.Verify(ctx, good.Case); err != nil {
			t.Errorf("the untouched case: %v", err)
		}
	})
}

func Test_a_changed_record_of_a_list_that_left_is_named_and_so_is_one_the_log_does_not_know(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx := t.Context()
		var list []ledger.Export
		for _, name := range []string{"clerk", "head", "deputy"} {
			e, err := c.l.Exporting(ctx, authz.Staff(name, nil), ledger.Export{Unit: c.pack.Units.Root(), List: "open", Format: "csv"})
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, e)
		}
		named := func() (out []string) {
			if _, err := c.r.VerifyAll(ctx, func(err error) {
				var diff *ledger.Difference
				if !errors.As(err, &diff) || diff.What != ledger.DiffExport {
					t.Errorf("named is %v", err)
					return
				}
				out = append(out, diff.Of)
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got := named(); len(got) != 0 {
			t.Fatalf("untouched, and named are %q", got)
		}
		for _, change := range []string{`UPDATE exports SET actor = 'nobody' WHERE actor = 'head'`, `INSERT INTO exports (id, ref, at, actor, for_actor, unit, list, format, hash)
 SELECT id + 100, 'made-up', at, actor, for_actor, unit, list, format, hash FROM exports WHERE actor = 'clerk'`} {
			if err := d.Transact(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, change); return err }); err != nil {
				t.Fatal(err)
			}
		}
		if got := named(); !slices.Equal(got, []string{list[1].Ref, "made-up"}) {
			t.Errorf("named are %q, want %q and the one made up", got, list[1].Ref)
		}
	})
}

func Test_events_recorded_before_names_began_with_the_day_are_found_and_a_second_record_of_one_is_named(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx := t.Context()
		older, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		today, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		leaf := func(of ledger.Receipt) string {
			e, err := c.r.Stored(ctx, casework.Case{ID: of.Case, Ref: of.Ref}, 1)
			if err != nil {
				t.Fatal(err)
			}
			return e.Leaf
		}
		dated := leaf(older)
		if day := dbtest.Start.UTC().Format("060102"); !strings.HasPrefix(dated, day) || !strings.HasPrefix(leaf(today), day) {
			t.Fatalf("events of %s are recorded as %s and %s", day, dated, leaf(today))
		}
		before := c.r.OlderLeaf(older.Case, 1)
		change := func(sql string, args ...any) {
			t.Helper()
			if err := d.Transact(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, sql, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		named := func() (out []string) {
			if _, err := c.r.VerifyAll(ctx, func(err error) { out = append(out, err.Error()) }); err != nil {
				t.Fatal(err)
			}
			return out
		}
		change(`UPDATE log_entries SET ref = ?1 WHERE ref = ?2`, before, dated)
		if got := leaf(older); got != before {
			t.Errorf("the older event is looked for as %s, its record is %s", got, before)
		}
		if got := named(); len(got) != 0 {
			t.Errorf("older and newer records, and named are %q", got)
		}
		change(`INSERT INTO log_entries (kind, ref, hash) SELECT kind, ?1, hash FROM log_entries WHERE ref = ?2`, dated, before)
		if got := named(); len(got) != 1 || !strings.Contains(got[0], before) && !strings.Contains(got[0], dated) {
			t.Errorf("one event recorded twice, and named are %q", got)
		}
	})
}

func Test_the_strip_counts_the_same_on_both_engines(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newCity(t, d)
		ctx := context.Background()
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		scope := authz.Machine().Scope()
		edges := []time.Time{dbtest.Start, dbtest.Start.AddDate(0, 0, 7), dbtest.Start.AddDate(0, 0, 14)}
		n, err := c.r.Strip(ctx, scope, ledger.Filter{}, edges, 100)
		if err != nil || n[0] != 1 || n[1] != 0 {
			t.Fatalf("strip %v, %v", n, err)
		}
		root := c.pack.Units.Root()
		counts, err := c.r.Counts(ctx, scope, root, dbtest.Start.AddDate(0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		below := 0
		for _, u := range counts.ByUnit {
			below += u.Open
		}
		if below != 1 || len(counts.ByUnit) != len(c.pack.Units.Children(root)) {
			t.Errorf("below the city: %+v", counts.ByUnit)
		}
		// Nobody answers: once the promised date has passed the case is late, and stays open.
		set(dbtest.Start.AddDate(0, 0, 30))
		for {
			n, err := c.l.RunTimers(ctx, 10)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		counts, err = c.r.Counts(ctx, scope, root, dbtest.Start.AddDate(0, 0, 31))
		if err != nil || counts.Open != 1 || counts.Overdue != 1 {
			t.Errorf("counts %+v, %v", counts, err)
		}
		// A head reads much of what the unit holds and only the steps of what those below hold: the unit's own
		// cases stand in both lists and are counted once.
		look, err := c.l.Look(ctx, authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: ledger.PurposeNotice, Level: authz.Story})
		if err != nil {
			t.Fatal(err)
		}
		holder := look.Case().Holder
		both := authz.Scope{Roots: []authz.Root{{Unit: holder, Reach: authz.Own, Level: authz.Identity}, {Unit: holder, Reach: authz.Subtree, Level: authz.Steps}}}
		if counts, err = c.r.Counts(ctx, both, holder, dbtest.Start.AddDate(0, 0, 31)); err != nil || counts.Open != 1 || counts.Overdue != 1 || len(counts.ByState) != 1 || counts.ByState[0].N != 1 {
			t.Errorf("for who reads two lists: %+v, %v", counts, err)
		}
		page, err := c.r.Worklist(ctx, scope, ledger.Filter{Late: true})
		if err != nil || len(page.Items) != 1 || page.Items[0].Ref != r.Ref {
			t.Errorf("late list %+v, %v", page, err)
		}
	})
}

func Test_a_hand_edited_list_is_named(t *testing.T) {
	for what, edit := range map[string]string{
		"a column of the case":      `UPDATE cases SET state = 'closed'`,
		"a row of the worklist":     `DELETE FROM worklist WHERE unit = (SELECT MIN(unit) FROM worklist)`,
		"the state in the worklist": `UPDATE worklist SET state = 'closed'`,
	} {
		t.Run(what, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				c := newCity(t, d)
				ctx := context.Background()
				r, err := c.open("")
				if err != nil {
					t.Fatal(err)
				}
				if err := c.r.Verify(ctx, r.Case); err != nil {
					t.Fatalf("before the edit: %v", err)
				}
				err = d.Transact(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, edit); return err })
				if err != nil {
					t.Fatal(err)
				}
				if err := c.r.Verify(ctx, r.Case); err == nil {
					t.Error("nothing was noticed")
				}
			})
		})
	}
}
