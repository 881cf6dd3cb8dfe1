package worktime

import "time"

// Reasons a Line can carry. Weekend, holiday and make-up reuse the words of DayKind.
const (
	WhyStart   = "start"   // the day of the event: not counted in days
	WhyArrives = "arrives" // the next opening, when the event came while the office was closed
	WhyCounted = "counted"
	WhyWeekend = string(Weekend)
	WhyHoliday = string(Holiday)
	WhyMakeup  = string(Makeup) // counted although it is a weekend by the week pattern
	WhyPaused  = "paused"
	WhyRolled  = "rolled" // the last day of the term, not worked, so the clock ends later
	WhyDue     = "due"    // the day of Due.At
)

// Line is one day of the answer to "why this date?".
//
// For a clock in days N is the number of the counted day, 0 if it is not counted. For a clock in hours or
// minutes N is the number of whole units that have run by the end of the day, or by the end of the clock.
type Line struct {
	Day     Day
	N       int
	Counted bool
	Why     string
	Name    string // name of the holiday or make-up day, if it is one
}

// Explain lists every day from the event to the end of the clock. For a clock in days it walks
// day by day without the arithmetic of Due, so that each checks the other; tests hold them to agree. The last line is the day of
// Due.At with WhyDue; for a clock that is still paused it is the first paused day and no line is WhyDue.
func (r Rule) Explain(c *Calendar, start time.Time, pauses []Span, extra int) []Line {
	due := r.Due(c, start, pauses, extra)
	lines := r.explainArrival(c, c.DayAt(start), c.DayAt(due.Start))
	if r.inDays() {
		return r.walkDays(c, lines, dayGaps(c, pauses), r.total(extra))
	}
	return r.walkTime(c, lines, due, timeGaps(pauses), r.total(extra))
}

// explainArrival gives the lines from the event to the day counting begins.
func (r Rule) explainArrival(c *Calendar, event, begin Day) []Line {
	lines := []Line{line(c, event, WhyStart)}
	for d := event + 1; d < begin; d++ {
		lines = append(lines, line(c, d, idle(c, d)))
	}
	if begin > event {
		lines = append(lines, line(c, begin, WhyArrives))
	}
	return lines
}

func (r Rule) walkDays(c *Calendar, lines []Line, gaps []dayGap, total int) []Line {
	n := 0
	d := lines[len(lines)-1].Day
	for n < total {
		d++
		if g, paused := gapAt(gaps, d); paused {
			lines = append(lines, line(c, d, WhyPaused))
			if g.open() {
				return lines
			}
			continue
		}
		if r.Unit == WorkingDays && !c.Working(d) {
			lines = append(lines, line(c, d, idle(c, d)))
			continue
		}
		n++
		lines = append(lines, countedLine(c, r, d, n))
	}
	return r.walkRoll(c, lines, gaps, total)
}

// walkRoll names the last counted day and adds the days a roll passes over.
func (r Rule) walkRoll(c *Calendar, lines []Line, gaps []dayGap, total int) []Line {
	last := &lines[len(lines)-1]
	_, paused := gapAt(gaps, last.Day)
	if r.Roll != NextWorkingDay || (c.Working(last.Day) && !paused) {
		return endOn(c, lines, total)
	}
	if total > 0 {
		last.Why = WhyRolled
	}
	for d := last.Day + 1; ; d++ {
		g, paused := gapAt(gaps, d)
		switch {
		case paused && c.Working(d) && g.open():
			return append(lines, line(c, d, WhyPaused))
		case paused:
			lines = append(lines, line(c, d, WhyPaused))
		case c.Working(d):
			return append(lines, line(c, d, WhyDue))
		default:
			lines = append(lines, line(c, d, idle(c, d)))
		}
	}
}

// endOn marks the last line as due; a term of no length ends on its start day with a line of its own.
func endOn(c *Calendar, lines []Line, total int) []Line {
	if total == 0 {
		return append(lines, line(c, lines[len(lines)-1].Day, WhyDue))
	}
	lines[len(lines)-1].Why = WhyDue
	return lines
}

// walkTime gives one line for each day on which the clock could run. The first day keeps its WhyStart or
// WhyArrives line and takes the units that ran on it.
func (r Rule) walkTime(c *Calendar, lines []Line, due Due, gaps []Span, total int) []Line {
	first := lines[len(lines)-1].Day
	term := time.Duration(total) * r.tick()
	var before time.Duration
	for d := first; ; d++ {
		midnight := c.InstantAt(d+1, 0, 0, 0, 0)
		ran := min(ranBetween(due.Start, midnight, gaps), term)
		l := line(c, d, WhyCounted)
		l.N, l.Counted = int(ran/r.tick()), ran > before
		if !l.Counted {
			l.Why = WhyPaused
		}
		if before = ran; d == first {
			l.Why = lines[len(lines)-1].Why
			lines = lines[:len(lines)-1]
		}
		lines = append(lines, l)
		if due.Paused && standsStill(gaps, midnight) {
			return endPaused(c, lines, d)
		}
		if !due.Paused && d == c.DayAt(due.Raw) {
			return r.endTime(c, lines, due, total)
		}
	}
}

func endPaused(c *Calendar, lines []Line, d Day) []Line {
	last := lines[len(lines)-1]
	if last.Why == WhyStart || last.Why == WhyArrives {
		last = line(c, d, WhyPaused)
		return append(lines, last)
	}
	lines[len(lines)-1].Why = WhyPaused
	return lines
}

func (r Rule) endTime(c *Calendar, lines []Line, due Due, total int) []Line {
	end, raw := c.DayAt(due.At), c.DayAt(due.Raw)
	last := &lines[len(lines)-1]
	if end == raw && (last.Why == WhyStart || last.Why == WhyArrives) {
		l := line(c, end, WhyDue)
		l.N, l.Counted = total, total > 0
		return append(lines, l)
	}
	if end == raw {
		last.Why = WhyDue
		return lines
	}
	if last.Why == WhyCounted || last.Why == WhyPaused {
		last.Why = WhyRolled
	}
	for d := raw + 1; d < end; d++ {
		lines = append(lines, line(c, d, idle(c, d)))
	}
	return append(lines, line(c, end, WhyDue))
}

// ranBetween returns how long a clock ran in [a, b) outside gaps.
func ranBetween(a, b time.Time, gaps []Span) time.Duration {
	ran := b.Sub(a)
	for _, g := range gaps {
		from, to := later(g.From, a), g.To
		if to.IsZero() || to.After(b) {
			to = b
		}
		if to.After(from) {
			ran -= to.Sub(from)
		}
	}
	return ran
}

// standsStill reports whether a pause without end has begun before t.
func standsStill(gaps []Span, t time.Time) bool {
	for _, g := range gaps {
		if g.To.IsZero() && g.From.Before(t) {
			return true
		}
	}
	return false
}

func line(c *Calendar, d Day, why string) Line {
	_, name := c.Why(d)
	return Line{Day: d, Why: why, Name: name}
}

func countedLine(c *Calendar, r Rule, d Day, n int) Line {
	l := line(c, d, WhyCounted)
	l.N, l.Counted = n, true
	if kind, _ := c.Why(d); kind == Makeup && r.Unit == WorkingDays {
		l.Why = WhyMakeup
	}
	return l
}

// idle names why a day is not worked.
func idle(c *Calendar, d Day) string {
	kind, _ := c.Why(d)
	return string(kind)
}
