package simulate

import (
	"time"

	"comity/internal/worktime"
)

// hours counts time in which the office is open.
type hours struct {
	cal  *worktime.Calendar
	base worktime.Day
}

func newHours(cal *worktime.Calendar, from worktime.Day) hours { return hours{cal, from - 1} }

// day is the length of an office day in minutes.
func (h hours) day() float64 { return float64(h.cal.Closes - h.cal.Opens) }

func (h hours) open(t time.Time) bool { return h.cal.NextOpen(t).Equal(t) }

// at is the office time up to t in minutes, counted from a fixed day before the scenario.
func (h hours) at(t time.Time) float64 {
	d := h.cal.DayAt(t)
	minutes := float64(h.cal.WorkingBetween(h.base, d-1)) * h.day()
	if h.cal.Working(d) {
		opens := h.cal.InstantAt(d, 0, h.cal.Opens, 0, 0)
		minutes += min(max(t.Sub(opens).Minutes(), 0), h.day())
	}
	return minutes
}

// between is the office time from a to b in minutes.
func (h hours) between(a, b time.Time) float64 { return h.at(b) - h.at(a) }

// after is when so many minutes of office time have passed since t. Work that is not done when the office
// closes goes on when it opens.
func (h hours) after(t time.Time, minutes float64) time.Time {
	t = h.cal.NextOpen(t)
	for {
		d := h.cal.DayAt(t)
		left := h.cal.InstantAt(d, 0, h.cal.Closes, 0, 0).Sub(t).Minutes()
		if minutes <= left {
			return t.Add(time.Duration(minutes * float64(time.Minute)))
		}
		minutes -= left
		t = h.cal.InstantAt(h.cal.AddWorking(d, 1), 0, h.cal.Opens, 0, 0)
	}
}
