package schedule

import (
	"cmp"
	"slices"
	"time"
)

// starts are the beginnings at which a job has its parties, enough mediators and a room, given what
// the calendars say: free for so many steps.
func (s *solver) starts(j int, free func(calendar, steps int) row) row {
	job := &s.jobs[j]
	out := job.window.runs(job.steps)
	for _, i := range job.parties {
		out.and(free(i, job.steps))
	}
	out.and(anyOf(job.mediators, job.Need, job.steps, len(out), free))
	if !job.Room.Remote {
		out.and(anyOf(job.rooms, 1, job.steps, len(out), free))
	}
	return out
}

func anyOf(calendars []int, need, steps, words int, free func(calendar, steps int) row) row {
	var rows []row
	for _, i := range calendars {
		rows = append(rows, free(i, steps))
	}
	return atLeast(rows, need, words)
}

// best is the earliest place a job can have now.
func (s *solver) best(j int) (spot, bool) {
	if at := s.starts(j, s.startable).next(0); at >= 0 {
		return s.spotAt(j, at), true
	}
	return spot{}, false
}

// spotAt chooses who and where at a beginning that is possible.
func (s *solver) spotAt(j, start int) spot {
	job := &s.jobs[j]
	from := s.at(start)
	at := spot{placed: true, span: Span{from, from.Add(job.Duration)}, room: -1}
	var able []int
	for _, i := range job.mediators {
		if s.startable(i, job.steps).has(start) {
			able = append(able, i)
		}
	}
	slices.SortStableFunc(able, func(a, b int) int { return cmp.Compare(s.calendars[a].load, s.calendars[b].load) })
	at.mediators = slices.Clone(able[:job.Need])
	slices.Sort(at.mediators)
	if !job.Room.Remote {
		at.room = s.roomAt(j, start, at.mediators)
	}
	return at
}

// roomAt prefers the room a mediator is in already that day, then the one with the least to spare,
// so that large and well fitted rooms stay for those who need them.
func (s *solver) roomAt(j, start int, mediators []int) int {
	best, least := -1, [2]int{}
	for _, i := range s.jobs[j].rooms {
		if !s.startable(i, s.jobs[j].steps).has(start) {
			continue
		}
		cost := [2]int{s.changes(j, s.at(start), mediators, i), s.spare(i)}
		if best < 0 || slices.Compare(cost[:], least[:]) < 0 {
			best, least = i, cost
		}
	}
	return best
}

// spare orders rooms by what they offer.
func (s *solver) spare(room int) int {
	r := s.p.Rooms[room-len(s.p.Parties)-len(s.p.Mediators)]
	return 1000*len(r.Features) + r.Size
}

// changes counts how often mediators would change rooms around a job, were it in this one.
func (s *solver) changes(j int, from time.Time, mediators []int, room int) int {
	n := 0
	for _, m := range mediators {
		before, after := s.neighbours(j, from, m)
		for _, other := range []int{before, after} {
			if other >= 0 && s.spots[other].room >= 0 && s.spots[other].room != room {
				n++
			}
		}
	}
	return n
}

// neighbours are the jobs of a mediator next to a time on the same day, or -1.
func (s *solver) neighbours(j int, from time.Time, mediator int) (before, after int) {
	before, after = -1, -1
	day := s.dayOf(from)
	for _, k := range s.calendars[mediator].held {
		t := s.spots[k].span.From
		if k == j || s.spots[k].day != day {
			continue
		}
		if t.Before(from) && (before < 0 || t.After(s.spots[before].span.From)) {
			before = k
		}
		if !t.Before(from) && (after < 0 || t.Before(s.spots[after].span.From)) {
			after = k
		}
	}
	return before, after
}
