package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/bulk"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
)

const window = 10 * time.Second

// office is a street with a clerk, real cases and the book of bulks.
type office struct {
	*testing.T
	d      *db.DB
	set    func(time.Time)
	city   *ledgertest.City
	book   *bulk.Book
	before func(n int) // called before the n-th case is done, counted from 1
	asked  int
}

func each(t *testing.T, run func(o *office)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		if err := errors.Join(jobs.Migrate(t.Context(), d), bulk.Migrate(t.Context(), d)); err != nil {
			t.Fatal(err)
		}
		o := &office{T: t, d: d, set: set, city: ledgertest.Open(t, d, "../../packs/demo"), before: func(int) {}}
		o.book = &bulk.Book{DB: d, Ledger: o.city.Ledger, Window: window, Actor: func(_ context.Context, id string) (authz.Actor, error) {
			o.asked++
			o.before(o.asked)
			return clerk(id), nil
		}}
		run(o)
	})
}

func clerk(id string) authz.Actor {
	return authz.Staff(id, []authz.Grant{{Role: "clerk", Unit: "guiyuan"}})
}

func (o *office) runner() *jobs.Runner {
	o.Helper()
	r, err := jobs.NewRunner(o.d, o.book.Kind())
	if err != nil {
		o.Fatal(err)
	}
	return r
}

// cases opens n cases that the street may accept.
func (o *office) cases(n int) (out []bulk.Item) {
	o.Helper()
	for i := range n {
		open := &casework.Opening{Unit: org.UnitID("guiyuan"), Title: fmt.Sprintf("Matter %d", i), Text: "A slab is loose.", Category: "road.pavement", Source: "web"}
		r, err := o.city.Ledger.Do(o.Context(), authz.Reporter(), casework.Command{Version: casework.AnyVersion, Open: open})
		if err != nil {
			o.Fatal(err)
		}
		out = append(out, bulk.Item{Case: r.Case, Ref: r.Ref, Version: r.Seq})
	}
	return out
}

func (o *office) begin(items []bulk.Item) string {
	o.Helper()
	id, err := o.book.Begin(o.Context(), bulk.Order{Actor: "zhou", Key: "form-1", Procedure: "service-request", Act: "accept", Items: items})
	if err != nil {
		o.Fatal(err)
	}
	return id
}

func (o *office) get(id string) bulk.Bulk {
	o.Helper()
	b, err := o.book.Get(o.Context(), "zhou", id)
	if err != nil {
		o.Fatal(err)
	}
	return b
}

func (o *office) accepted(it bulk.Item) (n int) {
	o.Helper()
	events, err := o.city.Reader.Events(o.Context(), it.Case)
	if err != nil {
		o.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == "accepted" {
			n++
		}
	}
	return n
}

func (o *office) due(want int) {
	o.Helper()
	if n, err := o.runner().RunDue(o.Context(), 10); n != want || err != nil {
		o.Fatalf("%d jobs ran, want %d (%v)", n, want, err)
	}
}

func Test_a_bulk_waits_for_its_window_and_leaves_one_entry_per_case(t *testing.T) {
	each(t, func(o *office) {
		items := o.cases(3)
		id := o.begin(items)
		if again := o.begin(items); again != id {
			o.Errorf("the same form sent twice made the bulks %s and %s", id, again)
		}
		o.due(0)
		o.set(dbtest.Start.Add(window))
		o.due(1)
		b := o.get(id)
		if b.Status != bulk.Done || b.Count(bulk.Acted) != 3 || b.Ended.IsZero() || len(b.Fields) != 0 {
			o.Fatalf("the bulk ended as %+v", b)
		}
		for _, it := range items {
			if n := o.accepted(it); n != 1 {
				o.Errorf("case %s was accepted %d times", it.Ref, n)
			}
		}
		o.due(0)
		if _, err := o.book.Get(o.Context(), "somebody else", id); !errors.Is(err, bulk.ErrNotFound) {
			o.Errorf("somebody else's bulk answered %v", err)
		}
	})
}

func Test_a_bulk_that_is_undone_in_time_does_nothing_and_one_that_began_cannot_be_undone(t *testing.T) {
	each(t, func(o *office) {
		items := o.cases(1)
		id := o.begin(items)
		if ok, err := o.book.Undo(o.Context(), "somebody else", id); ok || err != nil {
			o.Fatalf("somebody else undid it: %v %v", ok, err)
		}
		if ok, err := o.book.Undo(o.Context(), "zhou", id); !ok || err != nil {
			o.Fatalf("undoing answered %v %v", ok, err)
		}
		o.set(dbtest.Start.Add(time.Minute))
		o.due(0)
		if b := o.get(id); b.Status != bulk.Undone || o.accepted(items[0]) != 0 {
			o.Errorf("an undone bulk stands as %+v", b)
		}
		second, err := o.book.Begin(o.Context(), bulk.Order{Actor: "zhou", Key: "form-2", Procedure: "service-request", Act: "accept", Items: items})
		if err != nil {
			o.Fatal(err)
		}
		o.set(dbtest.Start.Add(time.Hour))
		o.due(1)
		if ok, err := o.book.Undo(o.Context(), "zhou", second); ok || err != nil {
			o.Errorf("a bulk that is done was undone: %v %v", ok, err)
		}
	})
}

func Test_a_case_that_changed_meanwhile_is_reported_and_not_overwritten(t *testing.T) {
	each(t, func(o *office) {
		items := o.cases(3)
		id := o.begin(items)
		_, err := o.city.Ledger.Do(o.Context(), clerk("wu"), casework.Command{Case: items[1].Case, Version: items[1].Version, Act: "accept"})
		if err != nil {
			o.Fatal(err)
		}
		o.set(dbtest.Start.Add(window))
		o.due(1)
		b := o.get(id)
		if b.Count(bulk.Acted) != 2 || b.Items[1].Result != bulk.Declined || b.Items[1].Refusal.Rule != casework.Conflict {
			o.Errorf("the items ended as %+v", b.Items)
		}
		if n := o.accepted(items[1]); n != 1 {
			o.Errorf("the changed case was accepted %d times", n)
		}
	})
}

func Test_a_bulk_killed_between_cases_goes_on_where_it_stopped_and_does_nothing_twice(t *testing.T) {
	each(t, func(o *office) {
		items := o.cases(5)
		id := o.begin(items)
		o.set(dbtest.Start.Add(window))
		dead, wake := make(chan struct{}), make(chan struct{})
		o.before = func(n int) {
			if n == 3 { // the first run stops here, as a process that is killed, and comes back too late
				close(dead)
				<-wake
			}
		}
		late := make(chan error)
		go func() {
			_, err := o.runner().RunDue(context.Background(), 10)
			late <- err
		}()
		<-dead
		if b := o.get(id); b.Status != bulk.Running || b.Count(bulk.Acted) != 2 {
			o.Fatalf("it was stopped as %+v", b)
		}
		o.set(dbtest.Start.Add(time.Hour))
		o.due(1)
		if b := o.get(id); b.Status != bulk.Done || b.Count(bulk.Acted) != 5 {
			o.Fatalf("the second run ended as %+v", b)
		}
		close(wake)
		if err := <-late; err != nil {
			o.Log("the late run said:", err)
		}
		for _, it := range items {
			if n := o.accepted(it); n != 1 {
				o.Errorf("case %s was accepted %d times", it.Ref, n)
			}
		}
		if b := o.get(id); b.Status != bulk.Done || b.Count(bulk.Acted) != 5 {
			o.Errorf("the late run changed it to %+v", b)
		}
	})
}

func Test_a_right_that_was_taken_away_ends_a_bulk_case_by_case(t *testing.T) {
	each(t, func(o *office) {
		items := o.cases(2)
		o.book.Actor = func(context.Context, string) (authz.Actor, error) { return authz.Actor{}, nil }
		id := o.begin(items)
		o.set(dbtest.Start.Add(window))
		o.due(1)
		if b := o.get(id); b.Count(bulk.Declined) != 2 || b.Items[0].Refusal.Rule != "actor.forbidden" {
			o.Errorf("without rights the items ended as %+v", b.Items)
		}
	})
}

func Test_too_many_cases_or_none_are_no_order(t *testing.T) {
	d := &bulk.Book{}
	for _, n := range []int{0, bulk.Most + 1} {
		if _, err := d.Begin(t.Context(), bulk.Order{Actor: "zhou", Key: "k", Items: make([]bulk.Item, n)}); err == nil {
			t.Errorf("%d cases were taken", n)
		}
	}
}
