package schedule

import "slices"

// A small plan is searched through, so that a committee with a handful of sessions gets the most that
// can be placed, not merely much. Above these bounds repair has the last word.
const (
	exactJobs  = 6
	exactNodes = 400_000
)

type search struct {
	*solver
	order []int
	nodes int
	most  int    // placed in the best plan so far
	best  []spot // that plan; nil = the one that was there before
}

// exact looks for a plan with more sessions by trying all of them.
func (s *solver) exact(order []int) {
	var able []int
	placed := 0
	for _, j := range order {
		if !s.starts(j, s.openable).empty() {
			able = append(able, j)
		}
		if s.spots[j].placed {
			placed++
		}
	}
	if len(able) > exactJobs || placed == len(able) {
		return
	}
	x := &search{solver: s, order: able, nodes: exactNodes, most: placed}
	mark := len(s.journal)
	for _, j := range able {
		s.set(j, spot{})
	}
	x.from(0, 0)
	s.undo(mark)
	if x.best == nil {
		return
	}
	for _, j := range able {
		s.set(j, spot{})
	}
	for _, j := range able {
		s.set(j, x.best[j])
	}
}

// from tries every place of the k-th job, the last of which is none.
func (x *search) from(k, placed int) {
	if placed > x.most {
		x.most, x.best = placed, slices.Clone(x.spots)
	}
	if k == len(x.order) || placed+len(x.order)-k <= x.most || x.nodes == 0 {
		return
	}
	x.nodes--
	j := x.order[k]
	open := x.starts(j, x.startable)
	for start := open.next(0); start >= 0 && x.most < len(x.order); start = open.next(start + 1) {
		for _, at := range x.spotsAt(j, start) {
			x.move(j, at)
			x.from(k+1, placed+1)
			x.move(j, spot{})
		}
	}
	x.from(k+1, placed)
}

// spotsAt are all places at a beginning: every choice of mediators and room.
func (x *search) spotsAt(j, start int) []spot {
	job := &x.jobs[j]
	free := func(calendars []int) (out []int) {
		for _, i := range calendars {
			if x.startable(i, job.steps).has(start) {
				out = append(out, i)
			}
		}
		return out
	}
	rooms := []int{-1}
	if !job.Room.Remote {
		rooms = free(job.rooms)
	}
	from := x.at(start)
	var out []spot
	choose(free(job.mediators), job.Need, nil, func(mediators []int) {
		for _, r := range rooms {
			out = append(out, spot{placed: true, span: Span{from, from.Add(job.Duration)}, mediators: mediators, room: r})
		}
	})
	return out
}

// choose calls give with every way to take n of a list.
func choose(list []int, n int, taken []int, give func([]int)) {
	if n == 0 {
		give(slices.Clone(taken))
		return
	}
	for i := range list {
		if len(list)-i >= n {
			choose(list[i+1:], n-1, append(taken, list[i]), give)
		}
	}
}
