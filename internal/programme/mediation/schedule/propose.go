package schedule

import (
	"cmp"
	"fmt"
	"slices"
)

// Proposal is a plan that has been verified.
type Proposal struct {
	Plan     Plan
	Standing []Violation // rules that what is agreed already breaks by itself; shown, never mended by the machine
}

// Propose places as many sessions as it can. Those with the nearest term choose first, each takes the
// earliest time that is left; then others make room for what found none; then times, hours of work and
// rooms are made better. Where time is too short for all, a second try lets short sessions choose
// before long ones of the same urgency, and the plan with more sessions is kept. A plan that Verify
// finds fault with is an error of this package.
func Propose(p Problem) (Proposal, error) {
	if err := p.check(); err != nil {
		return Proposal{}, err
	}
	s := attempt(&p, (*solver).nearest)
	if s.placed() < s.able() {
		if other := attempt(&p, (*solver).shortest); other.placed() > s.placed() {
			s = other
		}
	}
	return s.proven()
}

func attempt(p *Problem, first func(s *solver, a, b int) int) *solver {
	s := newSolver(p)
	s.fix()
	order := s.order(first)
	for _, j := range order {
		s.insert(j, 0)
	}
	s.repair(order)
	s.exact(order)
	s.sooner(order)
	s.late(order)
	for again := true; again; again = s.late(order) {
		s.even(order)
		s.settle(order)
	}
	return s
}

// late places what found no place before: whoever was moved may have left room, in whichever way.
func (s *solver) late(order []int) (any bool) {
	for _, j := range order {
		if !s.spots[j].placed && s.insert(j, 0) {
			any = true
		}
	}
	return any
}

// placed counts the sessions with a place, able those that could have one.
func (s *solver) placed() (n int) {
	for j := range s.jobs {
		if s.spots[j].placed {
			n++
		}
	}
	return n
}

func (s *solver) able() (n int) {
	for j := range s.jobs {
		if s.fixed(j) || !s.starts(j, s.openable).empty() {
			n++
		}
	}
	return n
}

// nearest lets the nearest term choose first.
func (s *solver) nearest(a, b int) int { return s.term(a).Compare(s.term(b)) }

// shortest lets short sessions choose first, after all whose term ends inside this plan: the others
// can wait for the next one.
func (s *solver) shortest(a, b int) int {
	now := func(j int) int {
		if s.term(j).Before(s.p.Horizon.To) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(now(a), now(b)), cmp.Compare(s.jobs[a].Duration, s.jobs[b].Duration), s.nearest(a, b))
}

// order is who chooses when: then come the fewest possible beginnings, then the longest.
func (s *solver) order(first func(s *solver, a, b int) int) []int {
	var out []int
	choice := make([]int, len(s.jobs))
	for j := range s.jobs {
		if !s.fixed(j) {
			out = append(out, j)
			choice[j] = s.starts(j, s.openable).count()
		}
	}
	slices.SortFunc(out, func(a, b int) int {
		return cmp.Or(first(s, a, b), cmp.Compare(choice[a], choice[b]),
			cmp.Compare(s.jobs[b].Duration, s.jobs[a].Duration), cmp.Compare(s.jobs[a].ID, s.jobs[b].ID))
	})
	return out
}

// proven writes the plan down and has it verified.
func (s *solver) proven() (Proposal, error) {
	var agreed Plan
	out := Proposal{Plan: s.plan()}
	for _, x := range s.p.Sessions {
		if x.Fixed != nil {
			agreed.Placed = append(agreed.Placed, *x.Fixed)
		} else {
			agreed.Unplaced = append(agreed.Unplaced, Unplaced{Session: x.ID})
		}
	}
	out.Standing = Verify(*s.p, agreed)
	out.Plan.Facts = Certify(*s.p, out.Plan)
	found := Verify(*s.p, out.Plan)
	for _, v := range found {
		if !slices.Contains(out.Standing, v) {
			return Proposal{}, fmt.Errorf("schedule: the proposal breaks the rule %s at session %s (%s %s); this is a fault of the program, the plan was not used", v.Rule, v.Session, v.Kind, v.Who)
		}
	}
	return out, nil
}

func (s *solver) plan() Plan {
	var plan Plan
	for j := range s.jobs {
		switch {
		case s.fixed(j):
			plan.Placed = append(plan.Placed, *s.jobs[j].Fixed)
		case s.spots[j].placed:
			plan.Placed = append(plan.Placed, s.placing(j))
		default:
			plan.Unplaced = append(plan.Unplaced, s.why(j))
		}
	}
	slices.SortFunc(plan.Placed, func(a, b Placing) int {
		return cmp.Or(a.Begins.Compare(b.Begins), cmp.Compare(a.Session, b.Session))
	})
	return plan
}

// Alternatives are the next n beginnings at which a session breaks no rule while all others stay where
// they are; the one it has is left out. A fixed session may be asked about: whoever moves it asks its
// people again.
func Alternatives(p Problem, plan Plan, session SessionID, n int) ([]Placing, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	p, err := loosened(p, session)
	if err != nil {
		return nil, err
	}
	s := newSolver(&p)
	at, now := -1, Placing{}
	for j := range s.jobs {
		i := slices.IndexFunc(plan.Placed, func(a Placing) bool { return a.Session == s.jobs[j].ID })
		switch {
		case s.jobs[j].ID == session:
			at = j
			if i >= 0 {
				now = plan.Placed[i]
			}
		case i >= 0:
			s.adopt(j, plan.Placed[i])
		}
	}
	var out []Placing
	open := s.starts(at, s.startable)
	for start := open.next(0); start >= 0 && len(out) < n; start = open.next(start + 1) {
		if s.at(start).Equal(now.Begins) {
			continue
		}
		s.move(at, s.spotAt(at, start))
		move := s.placing(at)
		s.move(at, spot{})
		if found := Conflicts(p, plan, move); len(found) > 0 {
			return nil, fmt.Errorf("schedule: an alternative breaks the rule %s at session %s; this is a fault of the program", found[0].Rule, session)
		}
		out = append(out, move)
	}
	return out, nil
}

// loosened is the problem with one session not fixed.
func loosened(p Problem, session SessionID) (Problem, error) {
	i := slices.IndexFunc(p.Sessions, func(x Session) bool { return x.ID == session })
	if i < 0 {
		return p, fmt.Errorf("schedule: no session %q in the problem", session)
	}
	p.Sessions = slices.Clone(p.Sessions)
	p.Sessions[i].Fixed = nil
	return p, nil
}
