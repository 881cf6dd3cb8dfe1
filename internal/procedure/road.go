package procedure

import (
	"fmt"
	"slices"

	"comity/internal/worktime"
)

// Road is the longest road a case can take if everybody keeps the law: each act is done on the last
// lawful day. It is what a resident can be told on the first day.
type Road struct {
	// Ordinary leaves out disputes between offices about who is responsible, Worst has them in.
	Ordinary Length `json:"ordinary"`
	Worst    Length `json:"worst"`
	// Repeats are acts that the law lets staff do again and again, such as a question that stops the
	// clock. They are left out of the lengths, and a resident is told that each of them adds time.
	Repeats []string `json:"repeats,omitempty"`
}

// Length is how long the longest road is, in calendar days: terms in working days count as the longest
// stretch of the calendar that holds so many, and no last day is rolled. Known is false when the search
// was too large to finish.
type Length struct {
	Known   bool   `json:"known"`
	First   int    `json:"first"` // days to the first answer
	Final   int    `json:"final"` // days until nothing more can be asked
	ToFirst []Stay `json:"to_first,omitempty"`
	ToFinal []Stay `json:"to_final,omitempty"`
}

// Stay is one stop on the road: how long the case stays in a state, which term or child bounds that, and
// what ends the stay.
type Stay struct {
	State string `json:"state"`
	Days  int    `json:"days"`
	Clock string `json:"clock,omitempty"`
	Link  string `json:"link,omitempty"`
	Act   string `json:"act"`
}

// maxRoads bounds the walk; MaxStates bounds the check itself.
const maxRoads = 400_000

// maxTurns is the most stops of one road.
const maxTurns = 2000

// never is shorter than every road: nothing leads there.
const never = -1 << 30

// spot is a situation with the days left of every clock and child.
type spot struct {
	c    config
	left string // one byte pair a clock and a link
}

// way is the longest continuation from a spot.
type way struct {
	days, stops int
	stay        Stay
	next        spot
	ends        bool
}

type walker struct {
	*space
	disputes bool
	skip     map[string]bool // acts left out
	terms    []int           // days of each clock
	best     map[spot][2]way // to the first answer, to the end
	onRoad   map[spot]int    // days at which a spot of the present road was met, plus one
	repeats  map[string]bool
	over     bool
	classSet []int // kinds of units worth telling apart
}

// longest walks the roads of a procedure that has every property. Acts that turn out to repeat without a
// limit are left out and the roads walked again, so that what is left has an end.
func longest(s *space) Road {
	skip := map[string]bool{}
	var r Road
	for range s.d.Acts {
		repeats := map[string]bool{}
		r.Worst = walk(s, true, skip, repeats)
		r.Ordinary = r.Worst
		if slices.ContainsFunc(s.d.Acts, func(a Act) bool { return a.Dispute }) {
			r.Ordinary = walk(s, false, skip, repeats)
		}
		more := false
		for i := range s.d.Acts {
			if a := &s.d.Acts[i]; repeats[a.ID] && a.ByPeople() && !slices.Equal(a.By, []string{ByResident}) && !skip[a.ID] {
				skip[a.ID], more = true, true
				r.Repeats = append(r.Repeats, a.ID)
			}
		}
		if !more {
			break
		}
	}
	return r
}

func walk(s *space, disputes bool, skip, repeats map[string]bool) Length {
	w := &walker{space: s, disputes: disputes, skip: skip, best: map[spot][2]way{}, onRoad: map[spot]int{}, repeats: repeats}
	for i := range s.d.Clocks {
		w.terms = append(w.terms, days(s.d.Calendar, &s.d.Clocks[i]))
	}
	w.tellApart()
	l := Length{First: never, Final: never}
	var first, final spot
	for _, c := range s.begins() {
		if !slices.Contains(w.classSet, s.class.get(c)) {
			continue
		}
		at := w.start(c)
		got := w.from(at, 0)
		if got[0].days > l.First {
			l.First, first = got[0].days, at
		}
		if got[1].days > l.Final {
			l.Final, final = got[1].days, at
		}
	}
	l.Known = !w.over && l.Final >= 0
	if !l.Known {
		return Length{}
	}
	l.ToFirst, l.ToFinal = w.stays(first, 0), w.stays(final, 1)
	l.First = max(l.First, 0)
	return l
}

// days is a term in calendar days at its longest.
func days(cal *worktime.Calendar, c *Clock) int {
	longest := 0
	for _, r := range append([]worktime.Rule{c.Rule}, rules(c.ByCategory)...) {
		n := r.N
		switch r.Unit {
		case worktime.WorkingDays:
			n = LongestStretch(cal, r.N)
		case worktime.Hours:
			n = (r.N + 23) / 24
		case worktime.Minutes:
			n = (r.N + 24*60 - 1) / (24 * 60)
		}
		longest = max(longest, n)
	}
	if c.Until != "" {
		return 0 // a date somebody sets is no term of the law
	}
	return longest
}

func rules(m map[string]worktime.Rule) []worktime.Rule {
	var out []worktime.Rule
	for _, r := range m {
		out = append(out, r)
	}
	return out
}

// LongestStretch is the most calendar days that n working days can take within the two years before the
// end of what the calendar knows.
func LongestStretch(cal *worktime.Calendar, n int) int {
	if cal == nil || n == 0 {
		return n*7/5 + min(n, 1)*2
	}
	longest := 0
	for d := cal.KnownUntil - 730; cal.AddWorking(d, n) <= cal.KnownUntil; d++ {
		longest = max(longest, int(cal.AddWorking(d, n)-d))
	}
	return longest
}

// tellApart picks one kind of unit for each set of roles and place in the line: a street and another
// street take the same road.
func (w *walker) tellApart() {
	seen := map[string]bool{}
	for i, c := range w.classes {
		key := fmt.Sprint(c.top, c.level, c.roles, w.classes[c.parent].top)
		if !seen[key] && len(c.roles) > 0 {
			seen[key] = true
			w.classSet = append(w.classSet, i)
		}
	}
	for i := range w.d.Begins { // where cases begin is always worth it
		for _, u := range w.d.Begins[i].Units[:min(len(w.d.Begins[i].Units), 1)] {
			if cl, ok := w.of[u]; ok && !slices.Contains(w.classSet, cl) {
				w.classSet = append(w.classSet, cl)
			}
		}
	}
}

func (w *walker) at(left string, i int) int { return int(left[2*i])<<8 | int(left[2*i+1]) }

func put(left []byte, i, days int) {
	left[2*i], left[2*i+1] = byte(days>>8), byte(days)
}

// start gives every clock that runs its full term.
func (w *walker) start(c config) spot {
	left := make([]byte, 2*(len(w.clocks)+len(w.open)))
	for i := range w.clocks {
		if Status(w.clocks[i].get(c)) != Idle {
			put(left, i, w.terms[i])
		}
	}
	return spot{c, string(left)}
}

// after is the spot an act leads to: clocks it starts get their full term, extended ones the longest
// extension, children the longest road of their procedure.
func (w *walker) after(at spot, next config, moves []Move, act *Act) spot {
	left := []byte(at.left)
	for _, m := range moves {
		i := w.clockAt[m.Clock]
		switch m.Op {
		case OpStart:
			put(left, i, w.terms[i])
		case OpExtend:
			cl := &w.d.Clocks[i]
			more := cl.Extend.Max / max(cl.Extend.Times, 1)
			if cl.Rule.Unit == worktime.WorkingDays {
				more = LongestStretch(w.d.Calendar, more)
			}
			put(left, i, w.at(at.left, i)+more)
		case OpStop, OpExpire:
			put(left, i, 0)
		}
	}
	for i := range w.open {
		n := len(w.clocks) + i
		switch was, is := w.open[i].get(at.c), w.open[i].get(next); {
		case is == 1 && (was == 0 || act != nil && slices.Contains(act.Spawn, w.d.Links[i].ID)):
			put(left, n, w.d.ChildDays[w.d.Links[i].Procedure])
		case is == 0:
			put(left, n, 0)
		}
	}
	return spot{next, string(left)}
}

// from finds the longest roads from a spot; sofar is how long the present road is.
func (w *walker) from(at spot, sofar int) [2]way {
	none := [2]way{{days: never}, {days: never}}
	st := &w.d.States[w.state.get(at.c)]
	if st.Final {
		return [2]way{{days: never}, {days: 0, ends: true}}
	}
	if got, ok := w.best[at]; ok {
		return got
	}
	if len(w.best) > maxRoads || len(w.onRoad) > maxTurns || w.over {
		w.over = true
		return none
	}
	w.onRoad[at] = sofar + 1
	now, wait, clock, link := w.wait(at)
	best := none
	try := func(act *Act, next spot) {
		stay := Stay{State: st.ID, Days: wait, Clock: clock, Link: link, Act: act.ID}
		if met := w.onRoad[next]; met > 0 {
			if met-1 < sofar+wait {
				w.repeats[act.ID] = true
			}
			return
		}
		got := w.from(next, sofar+wait)
		answers := act.Answers && !slices.Contains(act.By, ByResident)
		if answers {
			got[0] = way{}
		}
		for i, g := range got {
			if g.days < 0 {
				continue
			}
			longer := way{days: g.days + wait, stops: g.stops + 1, stay: stay, next: next, ends: i == 0 && answers}
			if longer.days > best[i].days || longer.days == best[i].days && longer.stops < best[i].stops {
				best[i] = longer
			}
		}
	}
	w.acts(now, try)
	w.lapses(now, try)
	w.ends(now, try)
	delete(w.onRoad, at)
	w.best[at] = best
	return best
}

// wait lets the time pass until the first term ends, and says which.
func (w *walker) wait(at spot) (now spot, wait int, clock, link string) {
	wait = never
	shorter := func(n int) bool { return wait == never || n < wait }
	for i := range w.clocks {
		if Status(w.clocks[i].get(at.c)) == Running && shorter(w.at(at.left, i)) && w.d.Clocks[i].Until == "" {
			wait, clock, link = w.at(at.left, i), w.d.Clocks[i].ID, ""
		}
	}
	for i := range w.open {
		if n := w.at(at.left, len(w.clocks)+i); w.open[i].get(at.c) == 1 && shorter(n) && w.waitsFor(at.c, i) {
			wait, clock, link = n, "", w.d.Links[i].ID
		}
	}
	if wait == never {
		return at, 0, "", ""
	}
	left := []byte(at.left)
	for i := range w.clocks {
		if Status(w.clocks[i].get(at.c)) == Running {
			put(left, i, max(w.at(at.left, i)-wait, 0))
		}
	}
	for i := range w.open {
		if n := len(w.clocks) + i; w.open[i].get(at.c) == 1 {
			put(left, n, max(w.at(at.left, n)-wait, 0))
		}
	}
	return spot{at.c, string(left)}, wait, clock, link
}

// waitsFor says that a child holds the case up; a task that runs beside the work does not lengthen it
// unless nothing else runs.
func (w *walker) waitsFor(c config, link int) bool {
	return w.d.States[w.state.get(c)].Owner == OwnerChild || w.d.Links[link].Unit == UnitSuperior
}

func (w *walker) acts(at spot, try func(*Act, spot)) {
	k := checker{space: w.space}
	for _, n := range w.byState[w.state.get(at.c)] {
		a := &w.d.Acts[n]
		if possible, _ := k.enabled(at.c, a); !possible || a.Withdraw || w.skip[a.ID] || a.Dispute && !w.disputes {
			continue
		}
		for _, fields := range w.answers(n) {
			all, change, no := w.step(at.c, n, fields, "")
			if no != nil {
				continue
			}
			for _, next := range w.few(all) {
				if to := w.after(at, next, change.Moves, a); to != at {
					try(a, to)
				}
			}
		}
	}
}

// few keeps one situation for each kind of unit worth telling apart.
func (w *walker) few(all []config) []config {
	if len(all) == 1 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c config) bool {
		off := w.offered.get(c)
		return !slices.Contains(w.classSet, w.class.get(c)) || off > 0 && !slices.Contains(w.classSet, off-1)
	})
}

// lapses lets terms run out that bind the resident: nobody breaks the law by that.
func (w *walker) lapses(at spot, try func(*Act, spot)) {
	for i := range w.clocks {
		cl := &w.d.Clocks[i]
		if Status(w.clocks[i].get(at.c)) != Running || w.at(at.left, i) > 0 || !cl.lawful(w.d) {
			continue
		}
		n := slices.IndexFunc(w.d.Acts, func(a Act) bool { return a.ID == cl.Expire })
		all, change, no := w.step(at.c, n, nil, cl.ID)
		if no != nil {
			continue
		}
		for _, next := range all {
			try(&w.d.Acts[n], w.after(at, next, change.Moves, &w.d.Acts[n]))
		}
	}
}

// lawful reports a term that may run out without anybody breaking the law.
func (c *Clock) lawful(d *Definition) bool {
	switch {
	case c.Binds == "resident" || c.TimeBar:
		return true
	case c.Binds == "unit" || c.Promise:
		return false
	}
	a, ok := d.Act(c.Expire)
	return ok && !a.Has(Escalate) && !a.Has(DecideAbove)
}

func (w *walker) ends(at spot, try func(*Act, spot)) {
	for i := range w.open {
		if w.open[i].get(at.c) == 0 || w.at(at.left, len(w.clocks)+i) > 0 && w.waitsFor(at.c, i) {
			continue
		}
		ends := w.outcomes[i][:len(w.outcomes[i])-1]
		if len(ends) == 0 {
			ends = []string{""}
		}
		for _, outcome := range ends {
			all, n, heard := w.end(at.c, i, outcome)
			if !heard {
				continue
			}
			act := &Act{}
			var moves []Move
			if n >= 0 {
				act = &w.d.Acts[n]
				closed := w.ended[i].set(w.open[i].set(at.c, 0), slices.Index(w.outcomes[i], outcome)+1)
				_, change, _ := w.step(closed, n, map[string]string{"outcome": outcome}, "")
				moves = change.Moves
			}
			for _, next := range all[:1] {
				try(act, w.after(at, next, moves, act))
			}
		}
	}
}

// stays reads the longest road off; which is 0 for the first answer, 1 for the end.
func (w *walker) stays(at spot, which int) []Stay {
	var out []Stay
	for range 1000 {
		got, ok := w.best[at]
		if !ok || got[which].days < 0 || got[which].stay.State == "" {
			break
		}
		out = append(out, got[which].stay)
		if got[which].ends {
			break
		}
		at = got[which].next
	}
	return out
}
