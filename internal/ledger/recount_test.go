package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
)

// dated is the pack with another version of its calendar, in which lines were changed.
func dated(t *testing.T, p *pack.Pack, version string, changes ...string) *pack.Pack {
	t.Helper()
	const name = "calendars/linjiang.yaml"
	files := maps.Clone(p.Files)
	text := string(files[name])
	changes = append([]string{`version: "2026.1"`, fmt.Sprintf("version: %q", version)}, changes...)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("the calendar has no line %q", changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	files[name] = []byte(text)
	fsys, err := pack.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	next, err := pack.Load(fsys, pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// flood closes the offices on the two days after dbtest.Start.
func flood(t *testing.T, p *pack.Pack) *pack.Pack {
	first := dbtest.Start.In(p.Zone).AddDate(0, 0, 1).Format(time.DateOnly)
	second := dbtest.Start.In(p.Zone).AddDate(0, 0, 2).Format(time.DateOnly)
	off := fmt.Sprintf("days_off:\n  - {from: %s, to: %s, name: {zh-CN: 停工, en: closed}}\n", first, second)
	return dated(t, p, "flood", "days_off:\n", off)
}

// recountAll counts in small batches until nothing is left.
func recountAll(t *testing.T, l *ledger.Ledger, p *pack.Pack) (total int) {
	t.Helper()
	for {
		n, err := l.Recount(t.Context(), p.CalendarVersions(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return total
		}
		total += n
	}
}

func (c *city) machine(id casework.CaseID) casework.Case {
	c.t.Helper()
	look, err := c.l.Look(context.Background(), authz.Machine(), ledger.Ticket{Case: id, Purpose: "notice", Level: authz.Identity})
	if err != nil {
		c.t.Fatal(err)
	}
	return look.Case()
}

// kinds lists what happened to a case.
func (c *city) kinds(id casework.CaseID) (out []string) {
	c.t.Helper()
	events, err := c.r.Events(context.Background(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range events {
		out = append(out, e.Kind)
	}
	return out
}

// count tells how often a kind of event happened.
func (c *city) count(id casework.CaseID, kind string) (n int) {
	for _, k := range c.kinds(id) {
		if k == kind {
			n++
		}
	}
	return n
}

func Test_a_new_calendar_moves_the_dates_of_open_cases_and_says_so(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		town := ledgertest.Open(t, d, "../../packs/demo")
		c := &city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: town.Pack}
		old := town.Pack
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		before := c.machine(r.Case)
		wasDue, _ := before.Clock("answer")
		next := flood(t, old)
		town.Change(next)
		if n := recountAll(t, c.l, next); n != 1 {
			t.Fatalf("%d cases were counted again, want 1", n)
		}
		after := c.machine(r.Case)
		now, _ := after.Clock("answer")
		// The demo's term of five working days is two later, both of them working days.
		if want := next.Calendars["linjiang"].AddWorking(next.Calendars["linjiang"].DayAt(before.Opened), now.Rule.N); next.Calendars["linjiang"].DayAt(now.Due) != want || !now.Due.After(wasDue.Due) {
			t.Errorf("due %s, was %s, want %s", now.Due, wasDue.Due, want)
		}
		if now.Calendar != "linjiang@flood" || after.Pack != old.Digest || after.Version != before.Version {
			t.Errorf("calendar %s, pack %.8s (was %.8s), version %d (was %d)", now.Calendar, after.Pack, old.Digest, after.Version, before.Version)
		}
		events, _ := c.r.Events(t.Context(), r.Case)
		e := events[len(events)-1]
		if e.Kind != "clocks.recounted" || e.By.Role != string(authz.System) || len(e.Recounted) != len(e.Clocks) || len(e.Notices) > 0 {
			t.Fatalf("the event says %+v", e)
		}
		for i, was := range e.Recounted {
			k, _ := before.Clock(was.Clock)
			if !was.Due.Equal(k.Due) || !was.Raw.Equal(k.Raw) || was.Calendar != "linjiang@2026.1" || e.Clocks[i].ID != was.Clock {
				t.Errorf("the event remembers %+v, the clock was %+v", was, k)
			}
		}
		c.whole() // timers are at the new dates
		if named := texts(t, d, `SELECT DISTINCT calendar FROM timers`); len(named) != 1 || named[0] != "linjiang@flood" {
			t.Errorf("the timers were counted with %v", named)
		}
		if n := recountAll(t, c.l, next); n != 0 || c.count(r.Case, "clocks.recounted") != 1 {
			t.Errorf("a second run counted %d cases again; events %v", n, c.kinds(r.Case))
		}
		// A case opened under the new version counts alike; nothing is left for it.
		if _, err := c.open("later"); err != nil {
			t.Fatal(err)
		}
		if n := recountAll(t, c.l, next); n != 0 {
			t.Errorf("%d cases counted again, want none", n)
		}
	})
}

func Test_a_provisional_date_becomes_firm_when_the_schedule_is_there(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		town := ledgertest.Open(t, d, "../../packs/demo")
		c := &city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: town.Pack}
		set(time.Date(2026, 12, 30, 9, 0, 0, 0, town.Pack.Zone))
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		was := c.machine(r.Case)
		if k, _ := was.Clock("answer"); !k.Provisional {
			t.Fatalf("the date is firm: %+v", k)
		}
		next := dated(t, town.Pack, "2027.1", "known_until: 2026-12-31", "known_until: 2027-12-31")
		town.Change(next)
		recountAll(t, c.l, next)
		now := c.machine(r.Case)
		k, _ := now.Clock("answer")
		old, _ := was.Clock("answer")
		if k.Provisional || !k.Due.Equal(old.Due) {
			t.Errorf("%+v, was %+v; want the same date, firm", k, old)
		}
		c.whole()
	})
}

func Test_a_paused_clock_gets_the_new_calendar_when_it_runs_again(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		town := ledgertest.Open(t, d, "../../packs/demo")
		c := &city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: town.Pack}
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		for _, cmd := range []casework.Command{{Act: "accept"}, {Act: "begin"}, {Act: "ask", Fields: map[string]string{"question": "Where?"}}} {
			cmd.Case, cmd.Version = r.Case, casework.AnyVersion
			if _, err := c.l.Do(t.Context(), everyone(c.pack), cmd); err != nil {
				t.Fatal(cmd.Act, err)
			}
		}
		next := flood(t, town.Pack)
		town.Change(next)
		// Nothing but the paused clock is left: its own row has no date, so only the resume can count it.
		err = d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM timers WHERE clock = 'reply'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := recountAll(t, c.l, next); n != 0 {
			t.Fatalf("%d cases were counted again while nothing ran", n)
		}
		if _, err := c.l.Do(t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "reply", Fields: map[string]string{"reply": "There."}}); err != nil {
			t.Fatal(err)
		}
		now := c.machine(r.Case)
		k, _ := now.Clock("answer")
		cal := next.Calendars["linjiang"]
		if want := cal.AddWorking(cal.DayAt(now.Opened), k.Rule.N); k.Calendar != "linjiang@flood" || cal.DayAt(k.Due) != want {
			t.Errorf("after the reply %+v, want %s counted with the new calendar", k, want)
		}
	})
}

func Test_counting_again_may_be_broken_off_between_and_inside_batches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		town := ledgertest.Open(t, d, "../../packs/demo")
		c := &city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: town.Pack}
		var ids []casework.CaseID // two timers each, so four rows are two cases
		for i := range 5 {
			r, err := c.open(fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.Case)
		}
		next := flood(t, town.Pack)
		town.Change(next)
		if n, err := c.l.Recount(t.Context(), next.CalendarVersions(), 4); n != 2 || err != nil {
			t.Fatalf("the first batch: %d, %v", n, err)
		}
		c.l.Close() // the process dies here
		again := ledgertest.OpenPack(t, d, town.Pack, func(o *ledger.Config) { o.Definitions = town })
		c.l = again.Ledger
		for _, hook := range []func(func() error) error{
			func(func() error) error { return errCut },
			func(commit func() error) error { return errors.Join(commit(), errCut) },
		} {
			d.InterceptCommit(hook)
			n, err := c.l.Recount(t.Context(), next.CalendarVersions(), 1)
			d.InterceptCommit(nil)
			if n != 0 || !errors.Is(err, errCut) {
				t.Fatalf("a commit that failed gave %d, %v", n, err)
			}
		}
		if n := recountAll(t, c.l, next); n != 2 {
			t.Errorf("%d cases were left, want 2: two were done before, and one in the commit that was kept", n)
		}
		for _, id := range ids {
			if n := c.count(id, "clocks.recounted"); n != 1 {
				t.Errorf("case %s was counted again %d times", id, n)
			}
		}
		c.whole()
	})
}

func Test_two_nodes_count_each_case_again_once(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		town := ledgertest.Open(t, d, "../../packs/demo")
		c := &city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: town.Pack}
		var ids []casework.CaseID
		for i := range 12 {
			r, err := c.open(fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.Case)
		}
		next := flood(t, town.Pack)
		town.Change(next)
		other := ledgertest.OpenPack(t, d, town.Pack, func(o *ledger.Config) { o.Definitions = town })
		var wg sync.WaitGroup
		for _, node := range []*ledger.Ledger{c.l, other.Ledger} {
			wg.Go(func() {
				for {
					n, err := node.Recount(context.Background(), next.CalendarVersions(), 3)
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
		for _, id := range ids {
			if n := c.count(id, "clocks.recounted"); n != 1 {
				t.Errorf("case %s was counted again %d times", id, n)
			}
		}
		c.whole()
	})
}

func Test_timers_from_before_calendars_were_noted_are_looked_at_once(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		r, err := c.open("")
		if err != nil {
			t.Fatal(err)
		}
		err = d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE timers SET calendar = ''`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := recountAll(t, c.l, c.pack); n != 1 || c.count(r.Case, "clocks.recounted") != 0 {
			t.Errorf("looked at %d cases; events %v: the dates were right", n, c.kinds(r.Case))
		}
	})
}

func Test_a_case_that_cannot_be_counted_does_not_keep_the_others(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		town := ledgertest.Open(t, d, "../../packs/demo")
		c := &city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: town.Pack}
		good, err := c.open("good")
		if err != nil {
			t.Fatal(err)
		}
		bad, err := c.open("bad")
		if err != nil {
			t.Fatal(err)
		}
		err = d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE cases SET doc = REPLACE(doc, '"pack":"', '"pack":"gone') WHERE n = ?1`, key(bad.Case))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		next := flood(t, town.Pack)
		town.Change(next)
		n, err := c.l.Recount(t.Context(), next.CalendarVersions(), 10)
		if n != 1 || err == nil || !strings.Contains(err.Error(), string(bad.Case)) {
			t.Errorf("counted %d, %v; want the good one, and the bad one named", n, err)
		}
		if c.count(good.Case, "clocks.recounted") != 1 {
			t.Error("the good case was not counted")
		}
	})
}
