package petition

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/worktime"
)

func Test_a_slot_is_had_once_and_a_matter_has_one_booking(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(2)
		one, two := c.report("lamp"), c.report("drain")
		c.mustBook(d, 1, one)
		_, err := c.book(d, 1, two)
		refused(t, err, "reception.taken")
		_, err = c.book(d, 2, one)
		refused(t, err, "reception.one")
		if b := c.mustBook(d, 2, two); b.State != Booked || b.Slot != 2 {
			t.Fatalf("the other slot was free: %+v", b)
		}
		if got := len(c.bookings(d.ID)); got != 2 {
			t.Fatalf("%d bookings are stored, want 2: a refusal leaves nothing", got)
		}
	})
}

func Test_of_two_who_want_the_last_slot_at_once_one_gets_it_and_the_other_may_wait(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(1)
		second := ledgertest.OpenPack(t, c.db, c.pack) // another node on the same database
		matters := []casework.Case{c.report("lamp"), c.report("drain")}
		doors := []*ledger.Ledger{c.city.Ledger, second.Ledger}
		errs := make([]error, 2)
		var wait sync.WaitGroup
		for i := range matters {
			wait.Go(func() {
				k := matters[i]
				note := casework.Command{Case: k.ID, Version: casework.AnyVersion, Note: &casework.Note{Text: "asked", Public: true}}
				_, errs[i] = doors[i].DoWith(t.Context(), authz.Holder(string(k.ID)), note, func(tx *db.Tx, _ ledger.Receipt) error {
					_, err := book(context.Background(), tx, d.ID, 1, k.ID, k.Ref, "resident", today(tx.Now, c.pack.Zone))
					return err
				})
			})
		}
		wait.Wait()
		lost := 0
		if errs[0] == nil {
			lost = 1
		}
		if errs[1-lost] != nil {
			t.Fatalf("nobody got the slot: %v, %v", errs[0], errs[1])
		}
		refused(t, errs[lost], "reception.taken")
		events, err := c.city.Reader.Events(t.Context(), matters[lost].ID)
		if err != nil || len(events) != 1 {
			t.Fatalf("the case of whoever lost has %d events (%v), want the opening alone", len(events), err)
		}
		b := c.mustBook(d, 0, matters[lost])
		if b.State != Waiting || place(b, c.bookings(d.ID)) != 1 {
			t.Fatalf("the waiting list was not given: %+v", b)
		}
	})
}

func Test_a_slot_taken_back_goes_to_whoever_asked_first_and_they_are_told(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(1)
		one, two, three := c.report("lamp"), c.report("drain"), c.report("noise")
		first := c.mustBook(d, 1, one)
		second, third := c.mustBook(d, 0, two), c.mustBook(d, 0, three)
		if err := c.withdraw(first, one); err != nil {
			t.Fatal(err)
		}
		if got := c.state(second); got.State != Booked || got.Slot != 1 {
			t.Fatalf("whoever asked first has %+v", got)
		}
		if got := c.state(third); got.State != Waiting || place(got, c.bookings(d.ID)) != 1 {
			t.Fatalf("whoever asked second has %+v", got)
		}
		told := c.letters(movedUp)
		if len(told) != 1 || told[0].Ref != two.Ref || !strings.Contains(told[0].Body, "09:00") || strings.Contains(told[0].Body, "{") {
			t.Fatalf("told were %+v", told)
		}
		if again := c.letters(movedUp); len(again) != 1 {
			t.Fatalf("a letter was sent %d times", len(again))
		}
		events, err := c.city.Reader.Events(t.Context(), two.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(events, func(e casework.Event) bool { return e.Sent != nil && e.Sent.Template == movedUp }) {
			t.Error("the case does not say that its resident was told")
		}
		if b := c.mustBook(d, 0, one); b.State != Waiting || place(b, c.bookings(d.ID)) != 2 {
			t.Errorf("whoever took a slot back stands at the end of the list, not at %+v", b)
		}
	})
}

func Test_asking_for_the_waiting_list_while_a_slot_is_free_gives_the_slot(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		if b := c.mustBook(c.announce(1), 0, c.report("lamp")); b.State != Booked || b.Slot != 1 {
			t.Fatalf("got %+v", b)
		}
	})
}

func Test_a_booking_is_taken_back_by_its_own_case_only(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(2)
		one, two := c.report("lamp"), c.report("drain")
		b := c.mustBook(d, 1, one)
		if err := c.withdraw(b, two); err != errNone {
			t.Fatalf("got %v, want that there is no such booking", err)
		}
		if err := c.withdraw(b, one); err != nil {
			t.Fatal(err)
		}
		refused(t, c.withdraw(b, one), "reception.changed")
	})
}

func Test_booking_closes_the_days_before_that_the_papers_need(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d, k := c.announce(1), c.report("lamp")
		try := func(at int) error {
			return c.try(func(ctx context.Context, tx *db.Tx) error {
				_, err := book(ctx, tx, d.ID, 1, k.ID, k.Ref, "resident", d.Closes+worktime.Day(at))
				return err
			})
		}
		refused(t, try(1), "reception.closed")
		if err := try(0); err != nil {
			t.Fatal(err)
		}
	})
}

func Test_a_cancelled_day_frees_its_matters_and_tells_everybody_why(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(1)
		one, two := c.report("lamp"), c.report("drain")
		booked, waiting := c.mustBook(d, 1, one), c.mustBook(d, 0, two)
		c.do(func(ctx context.Context, tx *db.Tx) error { return cancel(ctx, tx, d.ID, "flood duty", "he") })
		for _, b := range []Booking{booked, waiting} {
			if got := c.state(b); got.State != Cancelled || got.Live {
				t.Fatalf("a booking of the cancelled day is %+v", got)
			}
		}
		told := c.letters(dayCancelled)
		if len(told) != 2 || !strings.Contains(told[0].Body, "flood duty") {
			t.Fatalf("told were %+v", told)
		}
		_, err := c.book(d, 1, one)
		refused(t, err, "reception.closed")
		refused(t, c.try(func(ctx context.Context, tx *db.Tx) error { return cancel(ctx, tx, d.ID, "again", "he") }), "reception.cancelled")
		c.mustBook(c.announce(1), 1, one)
	})
}

func Test_a_day_that_is_over_keeps_nobody_from_the_next(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d, k := c.announce(1), c.report("lamp")
		old := c.mustBook(d, 1, k)
		c.do(func(ctx context.Context, tx *db.Tx) error {
			next := d
			next.ID, next.Date, next.Closes = 0, d.Date+20, d.Date+15
			id, err := putDay(ctx, tx, next)
			if err == nil {
				err = publishDay(ctx, tx, id)
			}
			if err == nil {
				_, err = book(ctx, tx, id, 1, k.ID, k.Ref, "resident", d.Date+1)
			}
			return err
		})
		if got := c.state(old); got.State != Booked || got.Live {
			t.Errorf("the old booking can still be written down as held, but blocks nothing: %+v", got)
		}
	})
}

func Test_after_a_restart_everything_stands_where_it_stood(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d, k := c.announce(1), c.report("lamp")
		c.mustBook(d, 1, k)
		before := c.bookings(d.ID)
		again := newTown(t, c.db, c.set, false)
		if got := again.load(d.ID); got != d {
			t.Errorf("the day reads %+v, was %+v", got, d)
		}
		after := again.bookings(d.ID)
		if len(after) != 1 || after[0] != before[0] {
			t.Errorf("the booking reads %+v, was %+v", after, before)
		}
	})
}

func Test_a_published_day_is_not_changed_and_not_discarded(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(1)
		refused(t, c.try(func(ctx context.Context, tx *db.Tx) error { _, err := putDay(ctx, tx, d); return err }), "reception.published")
		refused(t, c.try(func(ctx context.Context, tx *db.Tx) error { return dropDraft(ctx, tx, d.ID) }), "reception.published")
		refused(t, c.try(func(ctx context.Context, tx *db.Tx) error { return publishDay(ctx, tx, d.ID) }), "reception.published")
	})
}

func Test_promises_are_counted_by_unit_and_by_how_they_were_kept(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		d := c.announce(4)
		for i := range 4 {
			k := c.report("lamp")
			b := c.mustBook(d, i+1, k)
			c.do(func(ctx context.Context, tx *db.Tx) error {
				return putPromise(ctx, tx, Promise{Booking: b.ID, Unit: d.Unit, Case: b.Case, Ref: b.Ref, Seq: 1, Due: monday + 2})
			})
		}
		var open []Promise
		c.do(func(ctx context.Context, tx *db.Tx) (err error) { open, err = everyPromise(ctx, tx); return err })
		c.do(func(ctx context.Context, tx *db.Tx) error { return keepPromise(ctx, tx, open[0].ID, monday+2) })
		c.do(func(ctx context.Context, tx *db.Tx) error { return keepPromise(ctx, tx, open[1].ID, monday+3) })
		refused(t, c.try(func(ctx context.Context, tx *db.Tx) error { return keepPromise(ctx, tx, open[1].ID, monday+1) }), "reception.kept")
		for _, at := range []struct {
			on   int
			want Tally
		}{{2, Tally{"guiyuan", 4, 1, 1, 2, 0}}, {3, Tally{"guiyuan", 4, 1, 1, 0, 2}}} {
			var all []Promise
			c.do(func(ctx context.Context, tx *db.Tx) (err error) { all, err = everyPromise(ctx, tx); return err })
			got := tally(all, monday+worktime.Day(at.on))
			if len(got) != 1 || got[0] != at.want {
				t.Errorf("on day %d the units stand at %+v, want %+v", at.on, got, at.want)
			}
		}
	})
}

func Test_no_change_is_recorded_without_an_actor(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		if err := c.try(func(ctx context.Context, tx *db.Tx) error { return record(ctx, tx, 1, 0, "", "written", "") }); err == nil {
			t.Error("a line without an actor was stored")
		}
	})
}
