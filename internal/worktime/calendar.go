package worktime

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// DayKind says why a day is worked or not.
type DayKind string

const (
	Workday DayKind = "workday" // worked by the week pattern
	Weekend DayKind = "weekend" // not worked by the week pattern
	Holiday DayKind = "holiday" // listed in Calendar.Off
	Makeup  DayKind = "makeup"  // listed in Calendar.On: worked although the week pattern says no
)

// maxYears bounds the dated part of a calendar so that a mistyped year cannot cost gigabytes of table.
const maxYears = 200

const minutesPerDay = 24 * 60

// Calendar says when an office works. Treat it as immutable once filled in; Compile returns a checked copy
// that is also fast, and that is the one to keep. All methods are safe for concurrent use.
type Calendar struct {
	ID, Version string
	Zone        *time.Location
	Week        [7]bool        // index time.Weekday: true = working
	Off         map[Day]string // dated holidays: name or text key
	On          map[Day]string // dated make-up working days: name or text key
	KnownUntil  Day            // last day for which Off and On are complete
	Source      string         // the document the dates come from
	Opens       int            // minutes after midnight, 0 to 1439
	Closes      int            // minutes after midnight, Opens+1 to 1440; the first minute that is closed

	counts *table
}

// Compile checks c and returns a copy with counting tables. The error joins everything Check found.
// An uncompiled calendar gives the same answers but rebuilds its tables on every count.
func (c *Calendar) Compile() (*Calendar, error) {
	if err := errors.Join(c.Check()...); err != nil {
		return nil, err
	}
	out := *c
	out.Off, out.On = maps.Clone(c.Off), maps.Clone(c.On)
	out.counts = out.buildTable()
	return &out, nil
}

// Check returns every contradiction in c, in a stable order. A holiday on a weekend is allowed: official
// schedules give whole ranges. A make-up day that the week pattern works anyway is refused, because it is
// nearly always a wrong date.
func (c *Calendar) Check() []error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("calendar %s: %w", c.ID, fmt.Errorf(format, args...)))
	}
	if c.ID == "" {
		fail("id: is empty; give the calendar a name")
	}
	if c.Zone == nil {
		fail("zone: is missing; name an IANA zone")
	}
	if c.Week == [7]bool{} {
		fail("week: no day is worked; list at least one weekday")
	}
	if c.Opens < 0 || c.Closes > minutesPerDay || c.Opens >= c.Closes {
		fail("hours: opens %d and closes %d must satisfy 0 <= opens < closes <= 1440 minutes; use 0 and 1440 for always open", c.Opens, c.Closes)
	}
	for _, d := range sortedDays(c.Off) {
		if d > c.KnownUntil {
			fail("days_off: %s lies after known_until %s; move known_until or remove the date", d, c.KnownUntil)
		}
	}
	for _, d := range sortedDays(c.On) {
		if d > c.KnownUntil {
			fail("days_on: %s lies after known_until %s; move known_until or remove the date", d, c.KnownUntil)
		}
		if _, both := c.Off[d]; both {
			fail("days_on: %s is also in days_off; keep one", d)
		} else if c.Week[d.Weekday()] {
			fail("days_on: %s is a %s, worked every week; remove it or correct the date", d, d.Weekday())
		}
	}
	if first, last := c.dated(); int(last)-int(first) > maxYears*366 {
		fail("dates: run from %s to %s, more than %d years; one of them is mistyped", first, last, maxYears)
	}
	return errs
}

// Same reports whether every date is counted alike by both calendars.
func (c *Calendar) Same(o *Calendar) bool {
	days := func(a, b map[Day]string) bool {
		return maps.EqualFunc(a, b, func(string, string) bool { return true }) // names may be put better
	}
	return c.zone().String() == o.zone().String() && c.Week == o.Week && days(c.Off, o.Off) && days(c.On, o.On) &&
		c.KnownUntil == o.KnownUntil && c.Opens == o.Opens && c.Closes == o.Closes
}

// Working reports whether the office works on d.
func (c *Calendar) Working(d Day) bool {
	kind, _ := c.Why(d)
	return kind == Workday || kind == Makeup
}

// Why returns the kind of day and, for holidays and make-up days, its name.
func (c *Calendar) Why(d Day) (kind DayKind, name string) {
	if name, ok := c.On[d]; ok {
		return Makeup, name
	}
	if name, ok := c.Off[d]; ok {
		return Holiday, name
	}
	if c.Week[d.Weekday()] {
		return Workday, ""
	}
	return Weekend, ""
}

// AddWorking returns the n-th working day after d, or before d for a negative n. d itself is never counted;
// n = 0 returns d even when d is not worked. The cost does not depend on n for a compiled calendar.
func (c *Calendar) AddWorking(d Day, n int) Day {
	if n == 0 {
		return d
	}
	t := c.table()
	if n > 0 {
		return t.nth(t.upTo(d) + n)
	}
	return t.nth(t.upTo(d-1) + n + 1)
}

// WorkingBetween counts the working days in (a, b]; it is negative when b lies before a.
func (c *Calendar) WorkingBetween(a, b Day) int {
	t := c.table()
	return t.upTo(b) - t.upTo(a)
}

// DayAt returns the civil day of an instant in the calendar's zone.
func (c *Calendar) DayAt(t time.Time) Day { return DayOf(t.In(c.zone()).Date()) }

// InstantAt returns the instant of a wall-clock time on d in the calendar's zone. A time skipped or repeated
// by a change of clocks is resolved as time.Date does.
func (c *Calendar) InstantAt(d Day, hour, minute, second, nanosecond int) time.Time {
	year, month, day := d.Date()
	return time.Date(year, month, day, hour, minute, second, nanosecond, c.zone())
}

// NextOpen returns t when the office is open at t, otherwise the next instant at which it opens.
func (c *Calendar) NextOpen(t time.Time) time.Time {
	d := c.DayAt(t)
	if c.Working(d) {
		local := t.In(c.zone())
		minute := local.Hour()*60 + local.Minute()
		if minute < c.Opens {
			return c.InstantAt(d, 0, c.Opens, 0, 0)
		}
		if minute < c.Closes {
			return t
		}
	}
	return c.InstantAt(c.AddWorking(d, 1), 0, c.Opens, 0, 0)
}

func (c *Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// dated returns the first and last day that Off, On or KnownUntil mention.
func (c *Calendar) dated() (first, last Day) {
	first, last = c.KnownUntil, c.KnownUntil
	for _, days := range []map[Day]string{c.Off, c.On} {
		for d := range days {
			first, last = min(first, d), max(last, d)
		}
	}
	return first, last
}

func sortedDays(m map[Day]string) []Day { return slices.Sorted(maps.Keys(m)) }
