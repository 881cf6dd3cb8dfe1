package schedule

import (
	"cmp"
	"slices"
	"time"
)

// Bounds of the search, in steps and not in seconds, so that a slow machine makes the same plan.
const (
	depth       = 3   // how far one push may lead to another
	width       = 12  // ways tried at each depth
	triesPerJob = 300 // ways tried for one session
	triesInAll  = 10_000
	mostPushed  = 2 // sessions that make room for one
)

// repair tries to place what found no place, by moving others.
func (s *solver) repair(order []int) {
	for _, j := range order {
		if !s.spots[j].placed {
			s.tries = min(triesPerJob, s.triesLeft)
			given := s.tries
			s.insert(j, depth)
			s.triesLeft -= given - s.tries
		}
	}
}

// insert places a job; where it cannot, others make room if they find another place themselves.
func (s *solver) insert(j, depth int) bool {
	if at, ok := s.best(j); ok {
		s.set(j, at)
		return true
	}
	if depth == 0 {
		return false
	}
	s.moving[j] = true
	defer func() { s.moving[j] = false }()
	for _, w := range s.ways(j) {
		if s.tries == 0 {
			return false
		}
		s.tries--
		mark := len(s.journal)
		if s.push(j, w, depth) {
			return true
		}
		s.undo(mark)
	}
	return false
}

// way is a place that would be free if the jobs in it went elsewhere.
type way struct {
	start int
	at    spot
	in    []int
}

func (s *solver) push(j int, w way, depth int) bool {
	for _, k := range w.in {
		s.set(k, spot{})
	}
	s.set(j, w.at)
	for _, k := range w.in {
		if !s.insert(k, depth-1) {
			return false
		}
	}
	return true
}

// ways lists the places with the fewest jobs in them first, then the earliest.
func (s *solver) ways(j int) []way {
	var out []way
	open := s.starts(j, s.openable)
	single := 0
	for start := open.next(0); start >= 0 && single < width; start = open.next(start + 1) {
		if w, ok := s.wayAt(j, start); ok {
			out = append(out, w)
			if len(w.in) == 1 {
				single++
			}
		}
	}
	slices.SortStableFunc(out, func(a, b way) int { return cmp.Compare(len(a.in), len(b.in)) })
	return out[:min(len(out), width)]
}

// openable is startable as if only what is fixed were placed.
func (s *solver) openable(i, steps int) row {
	c := &s.calendars[i]
	r, ok := c.opens[steps]
	if !ok {
		r = c.open.runs(steps)
		c.opens[steps] = r
	}
	return r
}

func (s *solver) wayAt(j, start int) (way, bool) {
	job := &s.jobs[j]
	from := s.at(start)
	w := way{start: start, at: spot{placed: true, span: Span{from, from.Add(job.Duration)}, room: -1}}
	for _, i := range job.parties {
		in, ok := s.inTheWay(i, w.at.span)
		if !ok {
			return w, false
		}
		w.in = append(w.in, in...)
	}
	mediators, ok := s.cheapest(job.mediators, job.Need, &w, job.steps)
	if !ok {
		return w, false
	}
	w.at.mediators = mediators
	if !job.Room.Remote {
		room, ok := s.cheapest(job.rooms, 1, &w, job.steps)
		if !ok {
			return w, false
		}
		w.at.room = room[0]
	}
	slices.Sort(w.in)
	w.in = slices.Compact(w.in)
	return w, len(w.in) > 0 && len(w.in) <= mostPushed
}

// cheapest chooses calendars in which the fewest further jobs are in the way, and adds those.
func (s *solver) cheapest(calendars []int, need int, w *way, steps int) ([]int, bool) {
	type choice struct {
		calendar int
		in       []int
		more     int
	}
	var able []choice
	for _, i := range calendars {
		if !s.openable(i, steps).has(w.start) {
			continue
		}
		if in, ok := s.inTheWay(i, w.at.span); ok {
			c := choice{calendar: i, in: in}
			for _, k := range in {
				if !slices.Contains(w.in, k) {
					c.more++
				}
			}
			able = append(able, c)
		}
	}
	if len(able) < need {
		return nil, false
	}
	slices.SortStableFunc(able, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.more, b.more), cmp.Compare(s.calendars[a.calendar].load, s.calendars[b.calendar].load))
	})
	var chosen []int
	for _, c := range able[:need] {
		chosen = append(chosen, c.calendar)
		w.in = append(w.in, c.in...)
	}
	slices.Sort(chosen)
	return chosen, true
}

// inTheWay are the jobs that would have to leave a calendar; false when one of them may not.
func (s *solver) inTheWay(i int, when Span) ([]int, bool) {
	c := &s.calendars[i]
	wide := Span{when.From.Add(-c.buffer), when.To.Add(c.buffer)}
	day := s.dayOf(when.From)
	var in, sameDay []int
	for _, k := range c.held {
		here := s.spots[k].day == day
		switch {
		case meets(s.spots[k].span, wide):
			if s.fixed(k) || s.moving[k] {
				return nil, false
			}
			in = append(in, k)
		case here:
			sameDay = append(sameDay, k)
		}
	}
	if c.most == 0 {
		return in, true
	}
	// The day is full, too: those with the most time left go first.
	slices.SortStableFunc(sameDay, func(a, b int) int { return s.term(b).Compare(s.term(a)) })
	for left := len(sameDay); left >= c.most; left-- {
		k := slices.IndexFunc(sameDay, func(k int) bool { return !s.fixed(k) && !s.moving[k] })
		if k < 0 {
			return nil, false
		}
		in = append(in, sameDay[k])
		sameDay = slices.Delete(sameDay, k, k+1)
	}
	return in, true
}

func meets(a, b Span) bool { return a.From.Before(b.To) && b.From.Before(a.To) }

// term is when a job has to be over.
func (s *solver) term(j int) time.Time {
	if t := s.jobs[j].Latest; !t.IsZero() {
		return t
	}
	return s.p.Horizon.To
}
