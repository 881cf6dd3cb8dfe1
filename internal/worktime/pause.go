package worktime

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// dayGap is a run of paused days [from, to). Gaps handed around in a slice are sorted and disjoint.
type dayGap struct{ from, to Day }

// forever ends a gap whose pause has not ended.
const forever = Day(math.MaxInt32)

func (g dayGap) open() bool          { return g.to == forever }
func (g dayGap) contains(d Day) bool { return g.from <= d && d < g.to }

func gapAt(gaps []dayGap, d Day) (dayGap, bool) {
	for _, g := range gaps {
		if g.contains(d) {
			return g, true
		}
	}
	return dayGap{}, false
}

func dayGaps(c *Calendar, pauses []Span) []dayGap {
	gaps := make([]dayGap, 0, len(pauses))
	for _, p := range timeGaps(pauses) {
		g := dayGap{from: c.DayAt(p.From), to: forever}
		if !p.To.IsZero() {
			g.to = c.DayAt(p.To)
		}
		if g.from >= g.to {
			continue
		}
		// Pauses apart by hours of one day touch as days.
		if n := len(gaps); n > 0 && gaps[n-1].to == g.from {
			gaps[n-1].to = g.to
			continue
		}
		gaps = append(gaps, g)
	}
	return gaps
}

// timeGaps sorts pauses and joins those that touch, so that time paused twice is lost once.
func timeGaps(pauses []Span) []Span {
	var gaps []Span
	for _, p := range slices.SortedFunc(slices.Values(pauses), compareFrom) {
		if !p.To.IsZero() && !p.To.After(p.From) {
			continue
		}
		n := len(gaps)
		if n == 0 || (!gaps[n-1].To.IsZero() && gaps[n-1].To.Before(p.From)) {
			gaps = append(gaps, p)
			continue
		}
		gaps[n-1].To = laterEnd(gaps[n-1].To, p.To)
	}
	return gaps
}

func compareFrom(a, b Span) int {
	return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To))
}

// laterEnd returns the later of two ends, where zero means never.
func laterEnd(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	return later(a, b)
}
