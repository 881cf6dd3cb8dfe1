package desk

import (
	"strconv"
	"time"

	"comity/internal/casework"
	"comity/internal/procedure"
	"comity/internal/web"
	"comity/internal/worktime"
)

// Term is the drawing of one clock: everything the SVG needs, lengths in per cent of its width.
type Term struct {
	ID    string
	Name  string
	Pill  web.Pill
	Note  string // how far it is, in words
	Label string // the whole drawing in words
	Bars  []Bar
	Marks []Mark
	Now   string // position of the present, empty when the clock stopped before
	First string // words at the left end
	Last  string // words at the right end
	Today string // words at the present, empty when too near an end
	Why   web.DateView
}

const pausedStatus = "paused" // procedure.Paused as records spell it

// Bar is one stretch of a term.
type Bar struct{ Class, X, W string }

// Mark is something that happened during a term.
type Mark struct{ X, Label string }

// moment is an instant with words, for marks.
type moment struct {
	at    time.Time
	label string
}

// span is what a term's axis covers.
type span struct{ from, to time.Time }

func (s span) at(t time.Time) float64 {
	all := s.to.Sub(s.from)
	if all <= 0 {
		return 0
	}
	return min(100, max(0, 100*float64(t.Sub(s.from))/float64(all)))
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) + "%" }

// drawTerm lays a clock out on one line. stopped is when it stopped running, zero while it runs.
func drawTerm(k casework.Clock, due, now, stopped time.Time, marks []moment) ([]Bar, []Mark, string) {
	end := now
	if !stopped.IsZero() {
		end = stopped
	}
	axis := span{from: k.Start, to: due}
	if end.After(axis.to) {
		axis.to = end
	}
	var bars []Bar
	add := func(class string, from, to time.Time) {
		x, y := axis.at(from), axis.at(to)
		if y > x {
			bars = append(bars, Bar{Class: class, X: percent(x), W: percent(y - x)})
		}
	}
	at := k.Start
	for _, g := range k.Pauses {
		to := g.To
		if to.IsZero() || to.After(end) {
			to = end
		}
		if !to.After(at) {
			continue
		}
		from := later(g.From, at)
		add("run", at, from)
		add("stop", from, to)
		at = to
	}
	add("run", at, end)
	if end.Before(due) && stopped.IsZero() {
		add("left", end, due)
	}
	nowAt := ""
	if stopped.IsZero() {
		nowAt = percent(axis.at(now))
	}
	return bars, spread(axis, marks), nowAt
}

// spread drops marks whose words would run into each other or over the edge.
func spread(axis span, marks []moment) []Mark {
	const room = 16
	var out []Mark
	last := -100.0
	for _, m := range marks {
		if m.at.Before(axis.from) || m.at.After(axis.to) {
			continue
		}
		x := axis.at(m.at)
		mark := Mark{X: percent(x)}
		if x-last >= room && x >= 8 && x <= 92 {
			mark.Label = m.label
			last = x
		}
		out = append(out, mark)
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dueOf is the date a clock reaches; for a paused one the date it would reach if it went on now.
func dueOf(k casework.Clock, cal *worktime.Calendar, now time.Time) time.Time {
	if !k.Due.IsZero() {
		return k.Due
	}
	pauses := make([]worktime.Span, len(k.Pauses))
	copy(pauses, k.Pauses)
	if n := len(pauses); n > 0 && pauses[n-1].To.IsZero() {
		pauses[n-1].To = now
	}
	return k.Rule.Due(cal, k.Start, pauses, k.Extra).At
}

// term builds the page part for the clock that matters: the promise, or the nearest one.
func (v *visit) term(p *web.Page, d *procedure.Definition, c casework.Case, events []casework.Event) *Term {
	k, ok := leading(c)
	if !ok {
		return nil
	}
	due := dueOf(k, d.Calendar, v.now)
	stopped := stoppedAt(k, events)
	bars, marks, now := drawTerm(k, due, v.now, stopped, v.milestones(p, c, events))
	t := &Term{
		ID:   k.ID,
		Name: p.T("clock." + d.ID + "." + k.ID), Bars: bars, Marks: marks, Now: now,
		First: p.T("desk.term.start", "date", p.Short(k.Start)),
		Last:  p.T("desk.term.end", "date", p.Short(due)),
	}
	switch paused := k.Status == pausedStatus; {
	case !stopped.IsZero() && k.Status == procedure.Expired.String():
		t.Pill = web.Pill{Class: "over", Words: p.T("desk.term.pill.missed"), ISO: p.ISO(due)}
		t.Note = p.T("desk.term.missed", "date", p.Day(due))
	case !stopped.IsZero():
		t.Pill = web.Pill{Class: "good", Words: p.T("desk.term.pill.met"), ISO: p.ISO(stopped)}
		t.Note = p.T("desk.term.met", "date", p.Day(stopped))
	case paused:
		t.Pill = p.Pill(web.Term{Paused: true})
		t.Note = p.T("desk.term.paused", "date", p.Day(due))
	default:
		t.Pill = p.Pill(web.Term{Start: k.Start, Due: k.Due})
		t.Note = p.T("desk.term.ends", "date", p.Day(due), "time", web.HourOf(due, p.Site.Zone))
	}
	if x := (span{k.Start, due}).at(v.now); now != "" && x > 22 && x < 78 {
		t.Today = p.T("desk.term.now")
	}
	t.Label = p.T("desk.term.label", "name", t.Name, "start", p.Day(k.Start), "note", t.Note)
	if date, ok := v.told(p, d, c, events).Date(k.ID); ok {
		t.Why = p.DateView(date, k.Rule.Unit)
	}
	return t
}

// leading picks the clock the page shows: the promise while it counts or once it was decided, else
// the running clock that ends first.
func leading(c casework.Case) (casework.Clock, bool) {
	if k, ok := c.Promised(); ok {
		if due, some := c.Due(); k.Status != procedure.Expired.String() || !some || due.ID == k.ID {
			return k, true
		}
	}
	return c.Due()
}

// stoppedAt finds when a clock that runs no more stopped: the last event that carries it.
func stoppedAt(k casework.Clock, events []casework.Event) time.Time {
	if k.Running() || k.Status == pausedStatus {
		return time.Time{}
	}
	var at time.Time
	for _, e := range events {
		for _, x := range e.Clocks {
			if x.ID == k.ID {
				at = e.At
			}
		}
	}
	return at
}

// milestones are the events that changed the state, for ticks on the term.
func (v *visit) milestones(p *web.Page, c casework.Case, events []casework.Event) []moment {
	var out []moment
	state := ""
	for _, e := range events {
		if e.State != state && state != "" {
			out = append(out, moment{e.At, p.T("state." + c.Procedure + "." + e.State)})
		}
		state = e.State
	}
	return out
}
