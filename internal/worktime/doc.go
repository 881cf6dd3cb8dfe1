// Package worktime owns working calendars and statutory clocks: which days an office works, and on what
// day and at what instant a term ends.
//
// Everything here is a pure function of its arguments. The package reads no wall clock and no server time
// zone, stores nothing, and knows no country: holidays, office hours and the length of a term are data that
// a pack supplies. It refuses contradictory calendars (Calendar.Check) and rules (Rule.Check).
//
// The life of a clock: an event happens at an instant; Rule.Due turns it, with the pauses and the extension
// recorded on the case, into an internal target (Raw) and the statutory instant (At); Rule.Explain shows the
// same computation day by day for the person who asks why it is this date.
//
// Open calendar.go first (days), then rule.go (clocks), then explain.go.
package worktime
