// Package ical writes calendars that other programs read (RFC 5545): days to subscribe to, and
// invitations, changes and cancellations of one appointment (the methods of RFC 5546).
//
// It owns escaping, folding, times in UTC and what each method requires. Whoever calls it brings the
// words, a UID that never changes, and a SEQUENCE that grows with every change: a calendar program
// takes a file for news of the appointment it knows only by these two.
//
// It refuses what a reader would misunderstand: an event without a UID or an end, two events of one
// UID, an invitation without a sender or a receiver. It knows no case and no zone, and lists nobody
// but whom the caller names: a file for one party must not tell of the others.
//
// Open this file first, then write.go.
package ical

import (
	"fmt"
	"time"
)

// Method says what a reader is to do with the file.
type Method string

const (
	Publish Method = "PUBLISH" // to look at
	Request Method = "REQUEST" // an invitation, or a change of one: higher Sequence, same UID
	Cancel  Method = "CANCEL"  // takes invitations back
)

// Calendar is one file.
type Calendar struct {
	Product string // who wrote it, as "-//Organisation//Product//EN"
	Name    string // what a reader calls it; may be empty
	Method  Method
	Events  []Event
}

// Event is one appointment.
type Event struct {
	UID       string
	Sequence  int       // grows with every change of time, place or state
	Changed   time.Time // when it was last changed
	Begins    time.Time
	Ends      time.Time
	Cancelled bool

	Summary     string
	Location    string
	Description string
	URL         string

	Organizer Person   // required by Request and Cancel
	Attendees []Person // required by Request
	Alarms    []Alarm  // left out of what is cancelled
}

// Person is somebody as a calendar knows them.
type Person struct {
	Name    string
	Address string // a URI, for example mailto:office@example.org
}

// Alarm is a reminder shown by the reader's own program.
type Alarm struct {
	Before time.Duration // whole minutes before the beginning
	Words  string
}

// File is the calendar as bytes to send, or what stands against writing it.
func (c Calendar) File() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var w writer
	w.calendar(c)
	return []byte(w.String()), nil
}

func (c Calendar) check() error {
	if c.Product == "" {
		return fmt.Errorf("ical: Product is empty; name who wrote the file")
	}
	if c.Method != Publish && c.Method != Request && c.Method != Cancel {
		return fmt.Errorf("ical: Method %q is none of %s, %s and %s", c.Method, Publish, Request, Cancel)
	}
	seen := map[string]bool{}
	for i, e := range c.Events {
		if err := e.check(c.Method); err != nil {
			return fmt.Errorf("ical: Events[%d] (%s): %w", i, e.UID, err)
		}
		if seen[e.UID] {
			return fmt.Errorf("ical: Events[%d]: UID %s stands twice in one file; write a file for each change", i, e.UID)
		}
		seen[e.UID] = true
	}
	return nil
}

func (e Event) check(m Method) error {
	switch {
	case e.UID == "":
		return fmt.Errorf("UID is empty; without it a change cannot find the appointment")
	case e.Sequence < 0:
		return fmt.Errorf("field Sequence is %d; it begins at 0", e.Sequence)
	case e.Changed.IsZero() || e.Begins.IsZero():
		return fmt.Errorf("fields Changed and Begins are required")
	case !e.Ends.After(e.Begins):
		return fmt.Errorf("field Ends is not after Begins")
	case m == Cancel && !e.Cancelled:
		return fmt.Errorf("a file with method %s holds an event that is not cancelled", Cancel)
	case m == Request && e.Cancelled:
		return fmt.Errorf("a cancelled event is sent with method %s", Cancel)
	case m != Publish && e.Organizer.Address == "":
		return fmt.Errorf("method %s needs the address of an Organizer", m)
	case m == Request && len(e.Attendees) == 0:
		return fmt.Errorf("method %s needs an attendee: whom the file is for", m)
	}
	for _, a := range e.Alarms {
		if a.Before < 0 || a.Before%time.Minute != 0 {
			return fmt.Errorf("an alarm %s before the beginning; whole minutes are meant", a.Before)
		}
	}
	for _, p := range e.Attendees {
		if p.Address == "" {
			return fmt.Errorf("the attendee %q has no address", p.Name)
		}
	}
	return nil
}
