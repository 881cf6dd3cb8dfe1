package worktime

// table counts the working days of one calendar in constant time. Inside the dated range it looks the answer
// up; outside it only the week pattern applies and division does the work.
//
// Days are numbered from origin, the day before the dated range: the first working day after origin has
// index 1, the last one up to and including origin has index 0.
type table struct {
	week    [7]bool
	perWeek int
	origin  Day
	prefix  []int32 // prefix[i] = working days in (origin, origin+i]
	days    []Day   // days[k-1] = working day with index k
}

func (c *Calendar) table() *table {
	if c.counts != nil {
		return c.counts
	}
	return c.buildTable()
}

func (c *Calendar) buildTable() *table {
	first, last := c.dated()
	t := &table{week: c.Week, origin: first - 1, prefix: make([]int32, 1, int(last)-int(first)+2)}
	for _, working := range c.Week {
		if working {
			t.perWeek++
		}
	}
	for d := first; d <= last; d++ {
		if c.Working(d) {
			t.days = append(t.days, d)
		}
		t.prefix = append(t.prefix, int32(len(t.days)))
	}
	return t
}

func (t *table) last() Day { return t.origin + Day(len(t.prefix)-1) }

// upTo returns the index of the last working day at or before d.
func (t *table) upTo(d Day) int {
	switch last := t.last(); {
	case d < t.origin:
		return -t.inWeeks(d, t.origin)
	case d > last:
		return len(t.days) + t.inWeeks(last, d)
	}
	return int(t.prefix[d-t.origin])
}

// inWeeks counts (a, b] by the week pattern alone; a <= b.
func (t *table) inWeeks(a, b Day) int {
	weeks := (b - a) / 7
	n := int(weeks) * t.perWeek
	for d := a + weeks*7 + 1; d <= b; d++ {
		if t.week[d.Weekday()] {
			n++
		}
	}
	return n
}

// nth returns the working day with index k. It is the inverse of upTo on working days.
func (t *table) nth(k int) Day {
	if k >= 1 && k <= len(t.days) {
		return t.days[k-1]
	}
	if t.perWeek == 0 {
		panic("worktime: the calendar works no weekday; Calendar.Check refuses it")
	}
	if k > len(t.days) {
		return t.step(t.last()+1, k-len(t.days)-1, 1)
	}
	return t.step(t.origin, -k, -1)
}

// step returns the working day that lies skip working days past the first one at or beyond d, in direction dir.
func (t *table) step(d Day, skip, dir int) Day {
	d += Day(dir * 7 * (skip / t.perWeek))
	for skip %= t.perWeek; ; d += Day(dir) {
		if !t.week[d.Weekday()] {
			continue
		}
		if skip == 0 {
			return d
		}
		skip--
	}
}
