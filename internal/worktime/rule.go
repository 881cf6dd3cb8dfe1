package worktime

import (
	"fmt"
	"time"
)

// Unit is what a rule counts.
type Unit string

const (
	CalendarDays Unit = "calendar_days"
	WorkingDays  Unit = "working_days" // make-up days count, holidays and weekends do not
	Hours        Unit = "hours"        // elapsed hours, nights and weekends included
	Minutes      Unit = "minutes"      // elapsed minutes, nights and weekends included
)

// Roll says what happens when the last day is not worked.
type Roll string

const (
	NoRoll         Roll = "none" // also the empty value
	NextWorkingDay Roll = "next_working_day"
)

// At says at what time of the last day a clock counted in days expires: end_of_day (also the empty value),
// same_time, or a wall-clock time written HH:MM. A clock in hours or minutes expires to the second and takes
// only same_time or the empty value.
type At string

const (
	EndOfDay At = "end_of_day" // 23:59:59 on the last day, the instant a person can be shown without doubt about the day
	SameTime At = "same_time"  // the wall-clock time of the start
)

// Arrival says whether an event outside office hours waits for the office to open.
type Arrival string

const (
	AnyTime Arrival = "any"    // also the empty value
	Office  Arrival = "office" // an event on a day off or outside hours counts as arriving at the next opening
)

// Rule is the length of one clock. The zero values of Roll, At and Arrival mean none, end_of_day and any.
type Rule struct {
	N       int
	Unit    Unit
	Roll    Roll
	At      At
	Arrival Arrival
}

// Span is a pause from From until just before To. A zero To means still paused. A span whose To is not after
// its From is ignored; spans may overlap and come in any order.
type Span struct{ From, To time.Time }

// Due is the end of one clock. Raw is start plus term and serves as internal target; At is the statutory
// instant, rolled if the rule says so. Raw <= At.
//
// A clock that is still paused before it ran out has no end yet: Paused is true and At is zero, and Raw is
// zero unless the pause began after Raw, while the last day was being rolled.
//
// Provisional means that the answer depends on days after Calendar.KnownUntil and may move when the next
// schedule is loaded. A rule that never consults the calendar is never provisional.
type Due struct {
	Start       time.Time // when counting began: the event, or the next opening for Arrival office
	Raw, At     time.Time
	Provisional bool
	Paused      bool
}

// maxDays bounds a term to a hundred years; a longer one is a typing mistake.
const maxDays = 36600

// Check returns what is wrong with r, naming the field, or nil.
func (r Rule) Check() error {
	perDay, known := map[Unit]int{CalendarDays: 1, WorkingDays: 1, Hours: 24, Minutes: 24 * 60}[r.Unit]
	if !known {
		return fmt.Errorf("unit: %q is not one of calendar_days, working_days, hours, minutes", r.Unit)
	}
	if r.N < 0 || r.N > maxDays*perDay {
		return fmt.Errorf("n: %d %s must lie between 0 and %d", r.N, r.Unit, maxDays*perDay)
	}
	switch r.Roll {
	case "", NoRoll, NextWorkingDay:
	default:
		return fmt.Errorf("roll: %q is not one of none, next_working_day", r.Roll)
	}
	switch r.Arrival {
	case "", AnyTime, Office:
	default:
		return fmt.Errorf("arrival: %q is not one of any, office", r.Arrival)
	}
	return r.checkAt()
}

func (r Rule) checkAt() error {
	switch r.At {
	case "", SameTime:
		return nil
	case EndOfDay:
	default:
		if _, _, ok := r.At.clock(); !ok {
			return fmt.Errorf("at: %q is not end_of_day, same_time or a time from 00:00 to 23:59", r.At)
		}
	}
	if !r.inDays() {
		return fmt.Errorf("at: %q does not fit unit %s, which ends to the second; use same_time or leave it out", r.At, r.Unit)
	}
	return nil
}

// Due computes the end of the clock for an event at start. extra lengthens the term in the rule's unit; a
// negative extra is taken as 0. The answer depends on the instants only, never on the zones they are shown in.
//
// Days. The day of the event is not counted. A pause loses whole days: every day from the day of From up to,
// not including, the day of To, so a pause that begins and ends on one day loses nothing, and [a,b) with
// [b,c) loses what [a,c) loses. Lost days before or on the start day do not lengthen the term. A rule that
// rolls ends on the first day, from the last day of the term on, that is worked and not paused; Raw stays.
//
// Hours and minutes. Time runs day and night and stands still during pauses. With next_working_day a clock
// that would end while the office is closed ends when it next opens.
func (r Rule) Due(c *Calendar, start time.Time, pauses []Span, extra int) Due {
	begin := start
	if r.Arrival == Office {
		begin = c.NextOpen(start)
	}
	begin = begin.In(c.zone())
	var due Due
	if r.inDays() {
		due = r.dueInDays(c, begin, dayGaps(c, pauses), r.total(extra))
	} else {
		due = r.dueInTime(c, begin, timeGaps(pauses), r.total(extra))
	}
	due.Start = begin
	due.Provisional = r.consultsCalendar() && c.DayAt(latest(due.Start, due.Raw, due.At)) > c.KnownUntil
	return due
}

func (r Rule) dueInDays(c *Calendar, begin time.Time, gaps []dayGap, total int) Due {
	raw, ok := r.rawDay(c, c.DayAt(begin), gaps, total)
	if !ok {
		return Due{Paused: true}
	}
	due := Due{Raw: r.instant(c, raw, begin)}
	day, ok := r.rollDay(c, raw, gaps)
	if !ok {
		due.Paused = true
		return due
	}
	due.At = r.instant(c, day, begin)
	return due
}

// rawDay returns the total-th counted day after first that no gap contains; false when an open gap comes first.
func (r Rule) rawDay(c *Calendar, first Day, gaps []dayGap, total int) (Day, bool) {
	raw := r.advance(c, first, total)
	for _, g := range gaps {
		from := max(g.from, first+1)
		if from > raw || from >= g.to {
			continue
		}
		if g.open() {
			return 0, false
		}
		raw = r.advance(c, raw, r.counted(c, from-1, g.to-1))
	}
	return raw, true
}

// rollDay returns the first day from raw on that is worked and in no gap; false when an open gap comes first.
func (r Rule) rollDay(c *Calendar, raw Day, gaps []dayGap) (Day, bool) {
	if r.Roll != NextWorkingDay {
		return raw, true
	}
	for day := raw; ; {
		if !c.Working(day) {
			day = c.AddWorking(day, 1)
		}
		g, paused := gapAt(gaps, day)
		if !paused {
			return day, true
		}
		if g.open() {
			return 0, false
		}
		if day = g.to; c.Working(day) {
			return day, true // gaps do not touch
		}
	}
}

func (r Rule) dueInTime(c *Calendar, begin time.Time, gaps []Span, total int) Due {
	raw := begin.Add(time.Duration(total) * r.tick())
	for _, g := range gaps {
		from := later(g.From, begin)
		if !from.Before(raw) || (!g.To.IsZero() && !g.To.After(from)) {
			continue
		}
		if g.To.IsZero() {
			return Due{Paused: true}
		}
		raw = raw.Add(g.To.Sub(from))
	}
	due := Due{Raw: raw, At: raw}
	if r.Roll == NextWorkingDay {
		due.At = c.NextOpen(raw)
	}
	return due
}

func (r Rule) inDays() bool { return r.Unit != Hours && r.Unit != Minutes }

func (r Rule) total(extra int) int { return r.N + max(extra, 0) }

func (r Rule) tick() time.Duration {
	if r.Unit == Hours {
		return time.Hour
	}
	return time.Minute
}

func (r Rule) consultsCalendar() bool {
	return r.Unit == WorkingDays || r.Roll == NextWorkingDay || r.Arrival == Office
}

func (r Rule) advance(c *Calendar, d Day, n int) Day {
	if r.Unit == WorkingDays {
		return c.AddWorking(d, n)
	}
	return d + Day(n)
}

func (r Rule) counted(c *Calendar, a, b Day) int {
	if r.Unit == WorkingDays {
		return c.WorkingBetween(a, b)
	}
	return int(b - a)
}

// instant places the end of a clock on day; begin supplies the wall-clock time for same_time.
func (r Rule) instant(c *Calendar, day Day, begin time.Time) time.Time {
	if r.At == SameTime {
		return c.InstantAt(day, begin.Hour(), begin.Minute(), begin.Second(), begin.Nanosecond())
	}
	if hour, minute, ok := r.At.clock(); ok {
		return c.InstantAt(day, hour, minute, 0, 0)
	}
	return c.InstantAt(day, 23, 59, 59, 0)
}

// clock reads HH:MM.
func (a At) clock() (hour, minute int, ok bool) {
	if len(a) != len("15:04") {
		return 0, 0, false
	}
	t, err := time.Parse("15:04", string(a))
	return t.Hour(), t.Minute(), err == nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func latest(a, b, c time.Time) time.Time { return later(a, later(b, c)) }
