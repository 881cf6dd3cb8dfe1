package schedule

import (
	"cmp"
	"slices"
)

// rounds bounds what is made better after everything has found its place. Nothing here takes a
// session out of the plan or moves it to a later time.
const rounds = 4

// sooner moves sessions to earlier places that others have left.
func (s *solver) sooner(order []int) {
	for range rounds {
		moved := false
		for _, j := range s.byTime(order) {
			was := s.spots[j]
			s.move(j, spot{})
			at, ok := s.best(j)
			if ok && at.span.From.Before(was.span.From) {
				s.move(j, at)
				moved = true
			} else {
				s.move(j, was)
			}
		}
		if !moved {
			return
		}
	}
}

// even hands sessions from mediators with many hours in this plan to those with few. Each step brings
// two of them closer together, so it comes to an end.
func (s *solver) even(order []int) {
	for range rounds {
		moved := false
		for _, j := range s.byTime(order) {
			for k := range s.spots[j].mediators {
				moved = s.relieve(j, k) || moved
			}
		}
		if !moved {
			return
		}
	}
}

// relieve gives the place of one mediator in a session to the one with the fewest hours who is free.
func (s *solver) relieve(j, k int) bool {
	at := s.spots[j]
	from, long := at.mediators[k], s.jobs[j].Duration
	start := s.down(at.span.From)
	to := -1
	for _, i := range s.jobs[j].mediators {
		if slices.Contains(at.mediators, i) || !s.startable(i, s.jobs[j].steps).has(start) {
			continue
		}
		if s.calendars[i].load+long < s.calendars[from].load && (to < 0 || s.calendars[i].load < s.calendars[to].load) {
			to = i
		}
	}
	if to < 0 {
		return false
	}
	at.mediators = slices.Clone(at.mediators)
	at.mediators[k] = to
	slices.Sort(at.mediators)
	s.move(j, at)
	return true
}

// settle spares mediators the way from room to room.
func (s *solver) settle(order []int) {
	for range rounds {
		moved := false
		for _, j := range s.byTime(order) {
			at := s.spots[j]
			if at.room < 0 {
				continue
			}
			if room := s.roomAt(j, s.down(at.span.From), at.mediators); room >= 0 &&
				s.changes(j, at.span.From, at.mediators, room) < s.changes(j, at.span.From, at.mediators, at.room) {
				at.room = room
				s.move(j, at)
				moved = true
			}
		}
		if !moved {
			return
		}
	}
}

// byTime are the jobs that are placed, in the order in which they begin.
func (s *solver) byTime(order []int) []int {
	var out []int
	for _, j := range order {
		if s.spots[j].placed {
			out = append(out, j)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		return cmp.Or(s.spots[a].span.From.Compare(s.spots[b].span.From), cmp.Compare(s.jobs[a].ID, s.jobs[b].ID))
	})
	return out
}
