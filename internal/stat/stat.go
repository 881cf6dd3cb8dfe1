// Package stat turns counts of cases into what may be shown: tables from which no small count can be
// read or reckoned, and charts that say when a week is out of the ordinary.
//
// It owns Count, a number that is shown or hidden; Protect, which hides small counts of a table and as
// many others as it takes; and Watch, the control chart over weeks, with the method in words beside it.
//
// It refuses to count persons: what comes in are cases by issue, place, level or outcome, and every
// name of a row is one of these. It refuses to know a hidden number: what is hidden is gone from the
// value, so that no page, file or chart drawn from it can give it away. It has no words of its own.
//
// Open this file first, then table.go (what is hidden), network.go (what else has to be, and why),
// rank.go (the proof), chart.go (the method), limits.go (its arithmetic), svg.go (the picture).
package stat

import "strconv"

// Count is a number of cases as it may be shown. The zero value is hidden.
type Count struct {
	n     int
	shown bool
}

// Hide gives n where it is large enough to be shown. A zero is hidden like every other small number:
// that there was nobody says something about those who might have been.
func Hide(n, least int) Count {
	if n < max(least, 0) || n < 0 {
		return Count{}
	}
	return Count{n, true}
}

// Value is the number, and whether there is one to show.
func (c Count) Value() (n int, shown bool) { return c.n, c.shown }

// String is the number in digits, or nothing where it is hidden.
func (c Count) String() string {
	if !c.shown {
		return ""
	}
	return strconv.Itoa(c.n)
}
