package neighbour

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
)

// What people do with what is exchanged: look at what is stuck, send it again, write down a number they were told on the
// telephone, or give the matter back to the unit it came from. Each is refused beyond the reach of whoever asks, as if
// there were no such row.

// Filter narrows a list of sends.
type Filter struct {
	Reach  []courier.Reach
	States []courier.State
	Case   casework.CaseID
	Before int64 // id of the last one of the page before; 0 = from the newest
	Limit  int
}

// Deed is what a person decides about a send.
type Deed string

// The deeds.
const (
	Again  Deed = "again"  // it is sent again, with all its tries
	Number Deed = "number" // the neighbour has it, under a number somebody was told
	Cancel Deed = "cancel" // it is not sent; of a report, the matter goes back to the unit it came from
)

// leads are the deeds in the order in which a page offers them, with the state each brings a send into.
var leads = []struct {
	deed Deed
	to   courier.State
}{{Again, courier.Created}, {Number, courier.Delivered}, {Cancel, courier.Cancelled}}

// Possible lists what can be done with a send.
func (s Send) Possible() (out []Deed) {
	for _, l := range leads {
		if s.State != courier.Sending && s.State != courier.Cancelled && may(s.State, l.to) && (l.deed != Number || s.Kind == Report) {
			out = append(out, l.deed)
		}
	}
	return out
}

// List gives a page of sends, newest first.
func (o *Office) List(ctx context.Context, f Filter) (out []Send, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listSends(ctx, tx, f)
		return err
	})
	return out, err
}

// Count says how many sends within reach are in each state.
func (o *Office) Count(ctx context.Context, f Filter) (out map[courier.State]int, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		out, err = countSends(ctx, tx, f)
		return err
	})
	return out, err
}

// Find gives one send, what was tried, oldest first, and the number the case has at the neighbour, if it has one.
func (o *Office) Find(ctx context.Context, reach []courier.Reach, id int64) (s Send, tried []courier.Attempt, theirs string, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		if s, err = findSend(ctx, tx, reach, id); err != nil {
			return err
		}
		if l, err := theirsOf(ctx, tx, s.Case); err == nil && l.Neighbour == s.Neighbour {
			theirs = l.Theirs
		} else if err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		tried, err = listAttempts(ctx, tx, id)
		return err
	})
	return s, tried, theirs, err
}

// Polls says how each neighbour was last asked, in the order of the pack.
func (o *Office) Polls(ctx context.Context) (out []Poll, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		out = nil
		for _, n := range o.Packs.Current().Neighbours {
			p, err := loadPoll(ctx, tx, n.ID)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// What is refused to whoever decides.
const (
	RuleNumber = "neighbour.number" // a number that is none
	RuleWhy    = "neighbour.why"    // a matter is given back without a word why
	RuleStays  = "neighbour.stays"  // the procedure knows no way back from where it stands
)

// mostNumber bounds a number somebody types, in characters.
const mostNumber = 100

// Decide carries out what a person decided about a send, and writes it down among its tries. words are the number of a
// Number, and of a Cancel why.
func (o *Office) Decide(ctx context.Context, reach []courier.Reach, id int64, deed Deed, words, actor string) error {
	words = readable(words)
	if deed == Number && (words == "" || len([]rune(words)) > mostNumber || strings.ContainsAny(words, "\r\n")) {
		return &casework.Refusal{Rule: RuleNumber, Params: map[string]string{"max": fmt.Sprint(mostNumber)}}
	}
	var s Send
	err := o.DB.View(ctx, func(tx *db.Tx) (err error) {
		s, err = findSend(ctx, tx, reach, id)
		return err
	})
	switch {
	case err != nil:
		return err
	case !slices.Contains(s.Possible(), deed):
		return &casework.Refusal{Rule: "post.not_now"}
	case deed == Cancel && s.Kind == Report:
		return o.giveBack(ctx, s, words, actor)
	}
	return o.DB.Transact(ctx, func(tx *db.Tx) error {
		s, err := findSend(ctx, tx, reach, id)
		if err != nil {
			return err
		}
		return o.decide(ctx, tx, s, deed, words, actor)
	})
}

// giveBack brings a matter back to the unit it came from. With the act its report is called off, in the step of the act:
// a process that dies leaves no matter that is with the neighbour and on no way to it.
func (o *Office) giveBack(ctx context.Context, s Send, why, actor string) error {
	if why == "" {
		return &casework.Refusal{Rule: RuleWhy}
	}
	if err := o.back(ctx, s, why, actor); err != nil {
		return err
	}
	return o.DB.Transact(ctx, func(tx *db.Tx) error {
		s, err := loadSend(ctx, tx, s.ID) // the unit it went back to may be out of reach
		if err != nil {
			return err
		}
		if s.State != courier.Cancelled {
			return &casework.Refusal{Rule: RuleStays}
		}
		s.Reason = reasonByHand
		_, err = putAttempt(ctx, tx, s, courier.Attempt{Began: tx.Now, Ended: tx.Now, Actor: actor, Outcome: string(courier.Cancelled)})
		return errors.Join(err, setSend(ctx, tx, s))
	})
}

func (o *Office) decide(ctx context.Context, tx *db.Tx, s Send, deed Deed, words, actor string) error {
	if !slices.Contains(s.Possible(), deed) {
		return &casework.Refusal{Rule: "post.not_now"}
	}
	a := courier.Attempt{Began: tx.Now, Ended: tx.Now, Actor: actor}
	for _, l := range leads {
		if l.deed == deed {
			a.Outcome = string(l.to)
		}
	}
	if deed == Number {
		a.External = words
	}
	if _, err := putAttempt(ctx, tx, s, a); err != nil {
		return err
	}
	if s.job != "" {
		if _, err := jobs.Cancel(ctx, tx, s.job); err != nil {
			return err
		}
	}
	s.job, s.Next, s.Reason = "", time.Time{}, reasonByHand
	switch deed {
	case Again:
		return o.begin(ctx, tx, s)
	case Number:
		return o.arrives(ctx, tx, s, words, false)
	}
	s.State = courier.Cancelled
	return errors.Join(setSend(ctx, tx, s), o.nextWord(ctx, tx, s))
}

// back gives a matter back to the unit it came from, as the pack says it is given back when the neighbour is not
// responsible; in the record it is the act of whoever decided it.
func (o *Office) back(ctx context.Context, s Send, why, actor string) error {
	n, ok := o.Packs.Current().Neighbour(s.Neighbour)
	if !ok {
		return nil
	}
	return o.hear(ctx, n, Link{Neighbour: n.ID, Case: s.Case, Ref: s.Ref, Origin: s.origin}, news{id: fmt.Sprintf("back:%d", s.ID), by: actor, words: why, deeds: n.Means("not_councils_responsibility")})
}
