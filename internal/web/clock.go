package web

import (
	"time"

	"comity/internal/explain"
)

// Pill is a clock as shown: words, a shape and only then a colour.
type Pill struct {
	Class string // over, today, soon, good, hold
	Words string
	ISO   string // machine form of the date, empty when paused
}

// Term is what a pill is made of. Zero Due means that no clock runs.
type Term struct {
	Start, Due time.Time
	Paused     bool
	Working    int  // working days left
	InWorking  bool // Working counts, else calendar days are counted here
}

// Pill says how a term stands: paused, overdue, within 24 hours, in its last fifth, or quiet. The
// words are made here and not by the script, so that print and screen readers get them. The zero Pill
// stands for no term.
func (p *Page) Pill(t Term) Pill {
	now := p.Site.Now()
	left := t.Due.Sub(now)
	switch {
	case t.Paused:
		return Pill{Class: "hold", Words: p.T("web.clock.hold")}
	case t.Due.IsZero():
		return Pill{}
	case left < 0:
		return Pill{"over", p.over(-left), p.ISO(t.Due)}
	case left < 24*time.Hour:
		return Pill{"today", p.within(now, t.Due), p.ISO(t.Due)}
	}
	class := "good"
	if last := t.Due.Sub(t.Start) / 5; (!t.Start.IsZero() && left < last) || (t.Start.IsZero() && left < 72*time.Hour) {
		class = "soon"
	}
	if t.InWorking {
		return Pill{class, p.N("web.clock.working", t.Working), p.ISO(t.Due)}
	}
	return Pill{class, p.N("web.clock.days", p.daysBetween(now, t.Due)), p.ISO(t.Due)}
}

func (p *Page) over(d time.Duration) string {
	switch {
	case d < time.Hour:
		return p.T("web.clock.over.now")
	case d < 24*time.Hour:
		return p.N("web.clock.over.hours", int(d.Hours()))
	}
	return p.N("web.clock.over.days", int(d.Hours()/24))
}

func (p *Page) within(now, due time.Time) string {
	key := "web.clock.today"
	if p.daysBetween(now, due) > 0 {
		key = "web.clock.tomorrow"
	}
	return p.T(key, "time", HourOf(due, p.Site.Zone))
}

// HourOf says the time of day; the last minute of a day is 24:00, the way offices write it.
func HourOf(t time.Time, zone *time.Location) string {
	if t = t.In(zone); t.Hour() == 23 && t.Minute() == 59 {
		return "24:00"
	}
	return t.Format("15:04")
}

// daysBetween counts midnights between two instants in the zone of the site.
func (p *Page) daysBetween(a, b time.Time) int {
	day := func(t time.Time) int64 {
		y, m, d := t.In(p.Site.Zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	}
	return int(day(b) - day(a))
}

// Bytes says a size of a file.
func (p *Page) Bytes(n int64) string { return explain.Bytes(p.Speaker, n) }

func (c Pill) icon() string {
	switch c.Class {
	case "over":
		return "alert"
	case "hold":
		return "pause"
	}
	return "clock"
}
