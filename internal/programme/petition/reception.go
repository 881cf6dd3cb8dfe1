package petition

import (
	"time"

	"comity/internal/org"
	"comity/internal/worktime"
)

// Day is one reception day: an office sits at a place and hears people, one after the other.
type Day struct {
	ID           int64
	Unit         org.UnitID
	Office       string // the leader's office and name, both shown to everybody
	Leader       string
	Topics       string
	Place        string
	Date         worktime.Day
	Begins, Ends int // minutes after midnight
	Slots        int
	Minutes      int          // of one slot
	Closes       worktime.Day // last day for booking
	Why          string       // the reason for a day on which offices do not work
	Changed      time.Time
	Published    time.Time // zero: a draft
	Cancelled    time.Time // zero: it takes place
	CancelledWhy string
}

// Starts is when a slot begins; slots are counted from 1.
func (d Day) Starts(slot int, zone *time.Location) time.Time {
	return d.at(d.Begins+(slot-1)*d.Minutes, zone)
}

func (d Day) at(minute int, zone *time.Location) time.Time {
	year, month, day := d.Date.Date()
	return time.Date(year, month, day, 0, minute, 0, 0, zone)
}

// Open reports a day that people may ask for today.
func (d Day) Open(today worktime.Day) bool {
	return d.takesPlace() && today <= d.Closes
}

func (d Day) takesPlace() bool { return !d.Published.IsZero() && d.Cancelled.IsZero() }

// State of a booking. The words are stored.
type State string

// A booking waits or has a slot until the meeting was held, nobody came, the resident took it back or
// the day was cancelled.
const (
	Booked    State = "booked"
	Waiting   State = "waiting"
	Held      State = "held"
	Absent    State = "absent"
	Withdrawn State = "withdrawn"
	Cancelled State = "cancelled"
)

// Booking is one matter on one day. It names a case and no person.
type Booking struct {
	ID    int64
	Day   int64
	Slot  int // 0: on the waiting list
	Case  string
	Ref   string
	State State
	Live  bool // the one booking its case may have at a time
	Made  time.Time
}

// takes reports a booking that keeps its slot from others.
func (b Booking) takes() bool {
	return b.Slot > 0 && (b.State == Booked || b.State == Held || b.State == Absent)
}

// Promise is what was promised at a meeting: the words are an event of the case.
type Promise struct {
	ID      int64
	Booking int64
	Unit    org.UnitID
	Case    string
	Ref     string
	Seq     int
	Due     worktime.Day
	Made    time.Time
	Kept    worktime.Day // 0: open
}

// Tally is how a unit keeps what it promised at receptions. It counts promises, not people and not visits.
type Tally struct {
	Unit    org.UnitID
	Made    int
	InTime  int // kept by the day that was said
	Late    int // kept after it
	Open    int // not due yet
	Overdue int // due and not kept
}

// free lists the slots of a day that nobody has, in their order.
func free(d Day, bookings []Booking) []int {
	taken := map[int]bool{}
	for _, b := range bookings {
		if b.takes() {
			taken[b.Slot] = true
		}
	}
	var out []int
	for slot := 1; slot <= d.Slots; slot++ {
		if !taken[slot] {
			out = append(out, slot)
		}
	}
	return out
}

// place is how many stand on the waiting list up to and including the booking; 0 when it does not wait.
// The list is ordered by the time of the request and by nothing else.
func place(of Booking, bookings []Booking) int {
	n := 0
	for _, b := range bookings {
		if b.State != Waiting {
			continue
		}
		n++
		if b.ID == of.ID {
			return n
		}
	}
	return 0
}
