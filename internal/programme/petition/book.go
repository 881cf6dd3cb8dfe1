package petition

import (
	"context"
	"encoding/json"
	"fmt"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/worktime"
)

// The steps below run inside one transaction: that of the event on the case, or their own. None
// commits, and each leaves the day so that nobody waits while a slot is free.

// book gives a matter a slot, or with slot 0 the next place on the waiting list. Of two who want the
// same slot the first gets it; the other is told and may choose again.
func book(ctx context.Context, tx *db.Tx, day int64, slot int, c casework.CaseID, ref casework.Ref, actor string, today worktime.Day) (Booking, error) {
	var none Booking
	d, err := takeTurn(ctx, tx, day)
	if err != nil {
		return none, err
	}
	if !d.Open(today) {
		return none, refuse("reception.closed")
	}
	if err := endPast(ctx, tx, c, today); err != nil {
		return none, err
	}
	if _, has, err := liveBooking(ctx, tx, c); err != nil || has {
		return none, orRefuse(err, "reception.one")
	}
	all, err := bookingsOf(ctx, tx, day)
	if err != nil {
		return none, err
	}
	b := Booking{Day: day, Slot: slot, Case: string(c), Ref: string(ref), State: Waiting, Live: true}
	if slot != 0 {
		if !has(free(d, all), slot) {
			return none, refuse("reception.taken")
		}
		b.State = Booked
	}
	if b.ID, err = putBooking(ctx, tx, b); err != nil {
		return none, err
	}
	if err := record(ctx, tx, day, b.ID, actor, string(b.State), ""); err != nil {
		return none, err
	}
	if b.State == Booked {
		return b, nil
	}
	if err := moveUp(ctx, tx, d, actor); err != nil { // a slot may have become free since the page was shown
		return none, err
	}
	return loadBooking(ctx, tx, b.ID)
}

func has(slots []int, slot int) bool {
	for _, s := range slots {
		if s == slot {
			return true
		}
	}
	return false
}

// orRefuse is the error, or where there is none the refusal.
func orRefuse(err error, rule string) error {
	if err != nil {
		return err
	}
	return refuse(rule)
}

// withdraw takes the booking of a case back; whoever waits first gets the slot.
func withdraw(ctx context.Context, tx *db.Tx, booking int64, c casework.CaseID, actor string, today worktime.Day) error {
	b, err := loadBooking(ctx, tx, booking)
	if err != nil {
		return err
	}
	if b.Case != string(c) {
		return errNone
	}
	d, err := takeTurn(ctx, tx, b.Day)
	if err != nil {
		return err
	}
	if !b.Live || today > d.Date || (b.State != Booked && b.State != Waiting) {
		return refuse("reception.changed")
	}
	if err := setBooking(ctx, tx, b, Withdrawn, b.Slot, false); err != nil {
		return err
	}
	if err := record(ctx, tx, b.Day, b.ID, actor, string(Withdrawn), ""); err != nil {
		return err
	}
	if today >= d.Date {
		return nil // whoever waits could not be told in time to come
	}
	return moveUp(ctx, tx, d, actor)
}

// moveUp gives free slots to those who wait, in the order in which they asked, and owes each a letter.
func moveUp(ctx context.Context, tx *db.Tx, d Day, actor string) error {
	if !d.takesPlace() {
		return nil
	}
	all, err := bookingsOf(ctx, tx, d.ID)
	if err != nil {
		return err
	}
	slots := free(d, all)
	for _, b := range all {
		if b.State != Waiting || len(slots) == 0 {
			continue
		}
		if err := setBooking(ctx, tx, b, Booked, slots[0], b.Live); err != nil {
			return err
		}
		if err := record(ctx, tx, d.ID, b.ID, actor, "moved_up", ""); err != nil {
			return err
		}
		if err := owe(ctx, tx, movedUp, b); err != nil {
			return err
		}
		slots = slots[1:]
	}
	return nil
}

// cancel ends a day with a reason; everybody booked or waiting is told.
func cancel(ctx context.Context, tx *db.Tx, day int64, why, actor string) error {
	if _, err := takeTurn(ctx, tx, day); err != nil {
		return err
	}
	if err := cancelDay(ctx, tx, day, why); err != nil {
		return err
	}
	if err := record(ctx, tx, day, 0, actor, "cancelled", why); err != nil {
		return err
	}
	all, err := bookingsOf(ctx, tx, day)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.State != Booked && b.State != Waiting {
			continue
		}
		if err := setBooking(ctx, tx, b, Cancelled, b.Slot, false); err != nil {
			return err
		}
		if err := owe(ctx, tx, dayCancelled, b); err != nil {
			return err
		}
	}
	return nil
}

// letterKind is the job of a letter to the resident of a booking.
const letterKind = "reception.letter"

// Templates of the letters: the words are under notice.NAME.
const (
	movedUp      = "reception_moved_up"
	dayCancelled = "reception_cancelled"
)

// letter is the payload of the job: which booking is told what. The words are made when it is sent.
type letter struct {
	Booking  int64  `json:"booking"`
	Template string `json:"template"`
}

// owe orders a letter in the transaction of the change that makes it due. A booking changes a slot or
// loses its day once, so its key names the letter for ever.
func owe(ctx context.Context, tx *db.Tx, template string, b Booking) error {
	raw, err := json.Marshal(letter{b.ID, template})
	if err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, jobs.New{Kind: letterKind, Key: fmt.Sprintf("%s:%d", template, b.ID), Payload: raw})
}
