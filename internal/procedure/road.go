package procedure

import (
	"fmt"
	"maps"
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
const maxRoads = 60_000

// never is shorter than every road: nothing leads there.
const never = -1 << 30

// spot is a situation with the days left of every clock and child.
type spot struct {
	c    config
	left string // one byte pair a clock and a link
}

// turn is one way on from a spot: wait, then do.
type turn struct {
	to            int
	act           *Act
	answers, last bool // an answer; the last word
}

// halt is a spot as the walk knows it.
type halt struct {
	at          spot
	final       bool
	wait        int
	clock, link string
	turns       []turn
	circle      int // the strongly connected part it belongs to
}

type walker struct {
	*space
	disputes bool
	skip     map[string]bool // acts left out
	terms    []int           // days of each clock
	halts    []halt
	met      map[spot]int
	aside    []bool // links whose cases run beside the work
	targets  []int  // kinds worth giving a case to
	like     []int  // for each kind of unit, the one that stands for all that take the same road
	circles  [][]int
	longest  [2][]int // days per circle: to the first answer, to the end
	known    known
}

// known is what can be done in each situation, found out once for every walk.
type known map[config][]doing

// longest walks the roads of a procedure that has every property, without and with the disputes between
// offices. The two are walked apart: what only a dispute lets repeat belongs to the ordinary road.
func longest(s *space) Road {
	var r Road
	k := known{}
	r.Ordinary, r.Repeats = bounded(s, false, k)
	r.Worst = r.Ordinary
	if slices.ContainsFunc(s.d.Acts, func(a Act) bool { return a.Dispute }) {
		var left []string
		r.Worst, left = bounded(s, true, k)
		endless := slices.ContainsFunc(left, func(act string) bool { return !slices.Contains(r.Repeats, act) })
		if endless || r.Worst.Final < r.Ordinary.Final {
			r.Worst = Length{} // a dispute that can be had again and again has no longest road
		}
	}
	return r
}

// bounded walks the roads again and again: acts that turn out to repeat without a limit are left out, so
// that what is left has an end.
func bounded(s *space, disputes bool, k known) (l Length, left []string) {
	skip := map[string]bool{}
	for range len(s.d.Acts) + 1 {
		repeats := map[string]bool{}
		l = walk(s, disputes, skip, repeats, k)
		more := false
		for i := range s.d.Acts {
			if a := &s.d.Acts[i]; repeats[a.ID] && a.ByPeople() && !slices.Equal(a.By, []string{ByResident}) && !skip[a.ID] {
				skip[a.ID], more = true, true
				left = append(left, a.ID)
			}
		}
		if !more {
			break
		}
	}
	return l, left
}

func walk(s *space, disputes bool, skip, repeats map[string]bool, k known) Length {
	w := &walker{space: s, disputes: disputes, skip: maps.Clone(skip), met: map[spot]int{}, known: k}
	for i := range s.d.Clocks {
		w.terms = append(w.terms, days(s.d.Calendar, &s.d.Clocks[i]))
	}
	w.tellApart()
	w.sift()
	for _, c := range s.begins() {
		w.meet(w.start(c))
	}
	starts := len(w.halts)
	for i := 0; i < len(w.halts); i++ {
		if len(w.halts) > maxRoads {
			return Length{}
		}
		w.look(i)
	}
	w.join()
	if w.repeated(repeats) {
		return Length{}
	}
	w.measure()
	l := Length{First: never, Final: never}
	var first, final int
	for i := range starts {
		c := w.halts[i].circle
		if d := w.longest[0][c]; d > l.First {
			l.First, first = d, i
		}
		if d := w.longest[1][c]; d > l.Final {
			l.Final, final = d, i
		}
	}
	if l.Known = l.Final >= 0; !l.Known {
		return Length{}
	}
	l.ToFirst, l.ToFinal = w.stays(first, 0), w.stays(final, 1)
	l.First = max(l.First, 0)
	return l
}

func (w *walker) meet(at spot) int {
	at.c = w.alike(at.c)
	if i, ok := w.met[at]; ok {
		return i
	}
	i := len(w.halts)
	w.met[at] = i
	w.halts = append(w.halts, halt{at: at, final: w.d.States[w.state.get(at.c)].Final})
	return i
}

// look finds the ways on from a spot: time passes until the first term ends, then something is done.
func (w *walker) look(i int) {
	if w.halts[i].final {
		return
	}
	now, wait, clock, link := w.wait(w.halts[i].at)
	var turns []turn
	try := func(act *Act, next spot) {
		to := w.meet(next)
		if to != i || wait > 0 {
			answers := act.Answers && !slices.Contains(act.By, ByResident)
			turns = append(turns, turn{to, act, answers, answers && act.Remedy == RemedyNone || w.bars(act)})
		}
	}
	w.acts(now, try)
	w.lapses(now, try)
	w.ends(now, try)
	h := &w.halts[i]
	h.wait, h.clock, h.link, h.turns = wait, clock, link, turns
}

// join finds the circles of spots that lead to each other (Tarjan 1972, without recursion). A circle is
// numbered after all that it leads to.
func (w *walker) join() {
	n := len(w.halts)
	index, low, on := make([]int, n), make([]int, n), make([]bool, n)
	var stack, path, at []int // at[k] is the next turn to follow from path[k]
	count := 0
	for root := range n {
		if index[root] > 0 {
			continue
		}
		path, at = append(path, root), append(at, 0)
		for len(path) > 0 {
			v := path[len(path)-1]
			if at[len(at)-1] == 0 && index[v] == 0 {
				count++
				index[v], low[v], on[v] = count, count, true
				stack = append(stack, v)
			}
			if k := at[len(at)-1]; k < len(w.halts[v].turns) {
				at[len(at)-1]++
				to := w.halts[v].turns[k].to
				if index[to] == 0 {
					path, at = append(path, to), append(at, 0)
				} else if on[to] {
					low[v] = min(low[v], index[to])
				}
				continue
			}
			path, at = path[:len(path)-1], at[:len(at)-1]
			if len(path) > 0 {
				up := path[len(path)-1]
				low[up] = min(low[up], low[v])
			}
			if low[v] == index[v] {
				var circle []int
				for {
					x := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					on[x] = false
					w.halts[x].circle = len(w.circles)
					circle = append(circle, x)
					if x == v {
						break
					}
				}
				w.circles = append(w.circles, circle)
			}
		}
	}
}

// repeated notes the acts of staff that make a circle in which time passes: such a road has no end. Where
// some of them stop the term the resident was told, it is those; else all that give some term more time.
func (w *walker) repeated(into map[string]bool) bool {
	found := false
	for _, circle := range w.circles {
		inside := func(i int, t turn) bool { return w.halts[t.to].circle == w.halts[i].circle }
		passes := slices.ContainsFunc(circle, func(i int) bool {
			return w.halts[i].wait > 0 && slices.ContainsFunc(w.halts[i].turns, func(t turn) bool { return inside(i, t) })
		})
		if !passes {
			continue
		}
		found = true
		for _, promised := range []bool{true, false} {
			named := false
			for _, i := range circle {
				for _, t := range w.halts[i].turns {
					if inside(i, t) && t.act.ByPeople() && w.gains(i, t.to, promised) {
						into[t.act.ID], named = true, true
					}
				}
			}
			if named {
				break
			}
		}
	}
	return found
}

// gains reports a turn after which some term has more time left than before, or stands still; promised
// asks only for the term the resident was told.
func (w *walker) gains(from, to int, promised bool) bool {
	a, b := w.halts[from].at, w.halts[to].at
	for i := range w.d.Clocks {
		if promised && !w.d.Clocks[i].Promise {
			continue
		}
		was, is := Status(w.clocks[i].get(a.c)), Status(w.clocks[i].get(b.c))
		if was == Running && is == Paused || is == Running && (was == Idle || w.at(b.left, i) > w.at(a.left, i)-w.halts[from].wait) {
			return true
		}
	}
	return false
}

// measure finds the longest way on from each circle, those that others lead to first.
func (w *walker) measure() {
	for which := range w.longest {
		w.longest[which] = make([]int, len(w.circles))
	}
	for c, circle := range w.circles {
		for which := range w.longest {
			longest := never
			for _, i := range circle {
				h := &w.halts[i]
				if h.final && which == 1 {
					longest = max(longest, 0)
				}
				for k := range h.turns {
					if r := w.rest(which, i, k); r >= 0 {
						longest = max(longest, h.wait+r)
					}
				}
			}
			w.longest[which][c] = longest
		}
	}
}

// rest is how long the road is from a turn on; never when it does not lead there.
func (w *walker) rest(which, i, k int) int {
	t := w.halts[i].turns[k]
	if which == 0 && t.answers || which == 1 && t.last {
		return 0
	}
	if c := w.halts[t.to].circle; c != w.halts[i].circle {
		return w.longest[which][c]
	}
	return never
}

// stays reads the longest road off, by the shortest way through each circle; which is 0 for the first
// answer, 1 for the end.
func (w *walker) stays(i, which int) []Stay {
	var out []Stay
	for range len(w.circles) {
		way, exit := w.leave(i, which)
		for _, k := range way {
			out = append(out, w.stay(i, k))
			i = w.halts[i].turns[k].to
		}
		if exit < 0 {
			return out
		}
		t := w.halts[i].turns[exit]
		out = append(out, w.stay(i, exit))
		if which == 0 && t.answers || which == 1 && t.last {
			return out
		}
		i = t.to
	}
	return out
}

// leave finds the spot of the circle from which the longest road goes on: the turns to it, and the turn
// that leaves the circle there, -1 at the end of the road. Where several do, the usual next step is told
// rather than a correction, and the nearer one rather than one further off.
func (w *walker) leave(from, which int) (way []int, exit int) {
	type step struct{ via, turn int }
	longest := w.longest[which][w.halts[from].circle]
	back := map[int]step{from: {-1, -1}}
	at, liked := -1, -1
	exit = -1
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		h := &w.halts[i]
		if h.final && at < 0 {
			at = i
		}
		for k, t := range h.turns {
			if r := w.rest(which, i, k); r >= 0 && h.wait+r == longest && t.act.usual() > liked {
				at, exit, liked = i, k, t.act.usual()
			}
			if _, seen := back[t.to]; !seen && w.halts[t.to].circle == h.circle {
				back[t.to] = step{i, k}
				queue = append(queue, t.to)
			}
		}
	}
	for i := at; i >= 0 && i != from; i = back[i].via {
		way = append(way, back[i].turn)
	}
	slices.Reverse(way)
	return way, exit
}

// usual says how likely an act is the next step that people think of.
func (a *Act) usual() int {
	switch {
	case a.Prime:
		return 3
	case a.Extends != "" || a.To != "" && len(a.Sets) == 0:
		return 2
	case a.To != "":
		return 1
	}
	return 0
}

func (w *walker) stay(i, k int) Stay {
	h := &w.halts[i]
	return Stay{State: w.d.States[w.state.get(h.at.c)].ID, Days: h.wait, Clock: h.clock, Link: h.link, Act: h.turns[k].act.ID}
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
	plain := n*7/5 + min(n, 1)*2 // what five-day weeks need, where no calendar can tell
	if cal == nil || n == 0 {
		return plain
	}
	longest := 0
	for d := cal.KnownUntil - 730; cal.AddWorking(d, n) <= cal.KnownUntil; d++ {
		longest = max(longest, int(cal.AddWorking(d, n)-d))
	}
	if longest == 0 { // the term is longer than what the calendar knows
		return plain
	}
	return longest
}

// tellApart picks one kind of unit for each level, set of roles and place in the line: a street and
// another street take the same road. It also picks the kinds worth giving a case to: on each level the one
// that can do most.
func (w *walker) tellApart() {
	seen, most := map[string]int{}, map[string]int{}
	for i, c := range w.classes {
		key := fmt.Sprint(c.top, c.level, c.roles, c.depts, w.classes[c.parent].roles)
		if _, ok := seen[key]; !ok {
			seen[key] = i
		}
		w.like = append(w.like, seen[key])
		if best, ok := most[c.level]; w.can(i) > 0 && (!ok || w.can(i) > w.can(best)) {
			most[c.level] = seen[key]
		}
	}
	w.targets = slices.Sorted(maps.Values(most))
}

// can counts the acts that people of a kind of unit can do.
func (w *walker) can(class int) (n int) {
	for _, a := range w.d.Acts {
		if slices.ContainsFunc(a.By, func(r string) bool { return w.classes[class].roles[r] }) {
			n++
		}
	}
	return n
}

// sift finds what makes no difference to how long a case takes: units that join, tasks that run beside the
// work, acts that only write something down.
func (w *walker) sift() {
	for i := range w.d.Links {
		w.aside = append(w.aside, w.beside(i))
	}
	for i := range w.d.Acts {
		a := &w.d.Acts[i]
		idle := (a.To == "" || len(a.From) == 1 && a.From[0] == a.To) && !a.Moves() && !a.Has(Offer) && !a.Has(TurnBack) && a.Extends == "" && !a.Answers && !a.Recall
		for _, c := range w.d.Clocks {
			idle = idle && !slices.Contains(c.Start, a.Event) && !slices.Contains(c.Stop, a.Event)
		}
		for _, set := range a.Sets {
			_, read := w.facted[set.Fact]
			idle = idle && !read
		}
		for _, l := range a.Spawn {
			idle = idle && w.aside[w.linkAt[l]]
		}
		_, read := w.counted[a.ID]
		if idle && !read && !w.enrolls(a) {
			w.skip[a.ID] = true
		}
	}
}

// beside reports a link whose cases run beside the work: no state waits for one, and nobody above is asked.
func (w *walker) beside(link int) bool {
	l := &w.d.Links[link]
	if l.Unit == UnitSuperior {
		return false
	}
	for _, a := range w.d.Acts {
		st, ok := w.d.State(a.To)
		if ok && st.Owner == OwnerChild && slices.Contains(a.Spawn, l.ID) {
			return false
		}
	}
	return true
}

// alike puts the case with the unit that stands for all of its kind, and forgets what makes no difference.
func (w *walker) alike(c config) config {
	c = w.class.set(c, w.like[w.class.get(c)])
	if off := w.offered.get(c); off > 0 {
		c = w.offered.set(c, w.like[off-1]+1)
	}
	for i, aside := range w.aside {
		if aside {
			c = w.open[i].set(c, 0)
		}
	}
	return c
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

// bars reports the end of the time in which an answer can be challenged: nothing more can be asked after
// it, whatever is still carried out and filed.
func (w *walker) bars(act *Act) bool {
	if !slices.Equal(act.By, []string{BySystem}) {
		return false
	}
	return slices.ContainsFunc(w.d.Clocks, func(c Clock) bool {
		return c.Expire == act.ID && c.lawful(w.d) && slices.ContainsFunc(w.d.Acts, func(a Act) bool { return a.Remedy == c.ID })
	})
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
	for _, m := range w.doable(at.c) {
		a := &w.d.Acts[m.act]
		if w.skip[a.ID] || a.Dispute && !w.disputes {
			continue
		}
		for _, next := range m.all {
			if to := w.after(at, next, m.moves, a); to != at {
				try(a, to)
			}
		}
	}
}

// doable is what can be done in a situation, and where it leads. Many spots differ in how much of their terms is left and
// in nothing else, and a procedure is walked several times: it is found out once for all of them.
func (w *walker) doable(c config) []doing {
	if list, ok := w.known[c]; ok {
		return list
	}
	k := checker{space: w.space}
	var out []doing
	for _, n := range w.byState[w.state.get(c)] {
		a := &w.d.Acts[n]
		if possible, _ := k.enabled(c, a); !possible || a.Withdraw {
			continue
		}
		for _, fields := range w.answers(c, n) {
			if all, change, no := w.step(c, n, fields, ""); no == nil {
				out = append(out, doing{n, w.worth(all), change.Moves})
			}
		}
	}
	w.known[c] = out
	return out
}

// doing is an act with answers: where it leads and what it does to clocks.
type doing struct {
	act   int
	all   []config
	moves []Move
}

// worth keeps the units worth giving a case to, where an act may give it to any.
func (w *walker) worth(all []config) []config {
	if len(all) < len(w.classes) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c config) bool {
		off := w.offered.get(c)
		return off > 0 && !slices.Contains(w.targets, off-1) || off == 0 && !slices.Contains(w.targets, w.class.get(c))
	})
}

// lapses lets terms run out that bind the resident: nobody breaks the law by that.
func (w *walker) lapses(at spot, try func(*Act, spot)) {
	for i := range w.clocks {
		cl := &w.d.Clocks[i]
		if Status(w.clocks[i].get(at.c)) != Running || w.at(at.left, i) > 0 || !cl.lawful(w.d) {
			continue
		}
		n := w.d.actAt(cl.Expire)
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
	for _, id := range c.In { // a body outside has to keep its term, too
		if st, ok := d.State(id); ok && st.Owner == OwnerOutside {
			return false
		}
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
				if act = &w.d.Acts[n]; act.Dispute && !w.disputes {
					continue
				}
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
