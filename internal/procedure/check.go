package procedure

import (
	"fmt"
	"slices"
	"strings"

	"comity/internal/org"
)

// Property names one thing every loaded procedure must satisfy.
type Property string

// The properties checked on every load.
const (
	Reachable  Property = "every-state-reachable"
	CanFinish  Property = "can-always-finish"
	Owned      Property = "someone-must-act"
	Heard      Property = "expiry-is-heard"
	FinalStays Property = "final-means-final"
	Answered   Property = "no-close-without-answer"
	Bounded    Property = "bounded-search"
)

// Properties lists them in the order they are reported.
var Properties = []Property{Reachable, CanFinish, Owned, Heard, FinalStays, Answered}

// MaxStates bounds the search; a procedure that needs more is refused instead of hanging the load.
const MaxStates = 400_000

// Violation is a property that does not hold, with the shortest road that shows it.
type Violation struct {
	Property Property
	State    string
	Act      string // the act at fault, if one is
	Clock    string // the clock at fault, if one is
	Road     []Step
}

// Step is one event on the road: an act by somebody, or a clock that ran out.
type Step struct {
	Act   string
	Clock string // not empty when the act is the answer to this clock's expiry
	State string // where the case is afterwards
	Unit  org.UnitID
}

// Report is the result of a check.
type Report struct {
	States     int // configurations visited
	Violations []Violation
}

// config is one abstract situation: the state, where every clock stands, and what kind of unit holds
// the case. Case data is left out, so every guard on data may go either way: what holds for all
// configurations holds for all cases.
type config struct {
	state    uint8
	class    uint8
	offered  uint8 // class + 1, 0 = no offer
	answered bool  // or withdrawn by the resident: nothing more is owed
	clocks   uint64
}

func (c config) clock(i int) Status { return Status(c.clocks >> (2 * i) & 3) }
func (c config) with(i int, s Status) config {
	c.clocks = c.clocks&^(3<<(2*i)) | uint64(s)<<(2*i)
	return c
}

// class is a set of units that the procedure cannot tell apart: same level, roles and line upwards.
type class struct {
	sample org.UnitID
	parent uint8
	top    bool
	roles  map[string]bool
}

type edge struct {
	from  int32
	act   int16
	clock int16 // -1 unless an expiry
}

type checker struct {
	d       *Definition
	classes []class
	seen    map[config]int32
	nodes   []config
	edges   []edge    // how each node was first reached
	back    [][]int32 // predecessors by sure steps, for CanFinish
	out     []Violation
	said    map[string]bool
}

// Check searches every situation a case of this procedure can get into and reports each property
// that fails, with the shortest counterexample. It terminates for every definition: the
// configurations are finite and at most MaxStates of them are visited.
func Check(d *Definition) Report {
	k := &checker{d: d, seen: map[config]int32{}, said: map[string]bool{}}
	k.classes = classesOf(d.Units)
	if len(d.Clocks) > 32 || len(d.States) > 255 || len(k.classes) > 250 {
		return Report{Violations: []Violation{{Property: Bounded}}}
	}
	k.finals()
	if !k.search() {
		k.say(Violation{Property: Bounded})
		return Report{States: len(k.nodes), Violations: k.out}
	}
	k.reachable()
	k.canFinish()
	slices.SortStableFunc(k.out, func(a, b Violation) int {
		return slices.Index(Properties, a.Property) - slices.Index(Properties, b.Property)
	})
	return Report{States: len(k.nodes), Violations: k.out}
}

func classesOf(t *org.Tree) []class {
	var out []class
	index := map[string]uint8{}
	of := map[org.UnitID]uint8{}
	for _, id := range t.All() { // parents first
		u, _ := t.Unit(id)
		roles := slices.Clone(u.Roles)
		slices.Sort(roles)
		up, hasUp := t.Superior(id)
		key := fmt.Sprint(u.Level, roles, hasUp, of[up])
		i, ok := index[key]
		if !ok {
			if len(out) > 250 {
				break
			}
			i = uint8(len(out))
			index[key] = i
			c := class{sample: id, top: !hasUp, parent: of[up], roles: map[string]bool{}}
			if !hasUp {
				c.parent = i
			}
			for _, r := range roles {
				c.roles[r] = true
			}
			out = append(out, c)
		}
		of[id] = i
	}
	return out
}

// say keeps the first, that is shortest, counterexample per property and place.
func (k *checker) say(v Violation) {
	key := string(v.Property) + "|" + v.State + "|" + v.Act + "|" + v.Clock
	if !k.said[key] {
		k.said[key] = true
		k.out = append(k.out, v)
	}
}

func (k *checker) finals() {
	for _, a := range k.d.Acts {
		for _, s := range a.From {
			if st, ok := k.d.State(s); ok && st.Final {
				k.say(Violation{Property: FinalStays, State: s, Act: a.ID})
			}
		}
	}
}

func (k *checker) search() bool {
	start := slices.IndexFunc(k.d.States, func(s State) bool { return s.ID == k.d.Start })
	if start < 0 {
		return true // the loader names the missing state with its line
	}
	for cl := range k.classes {
		c := k.apply(config{state: uint8(start), class: uint8(cl)}, nil, k.d.Opening, "", k.d.Start, "")
		k.visit(c, edge{from: -1, act: -1, clock: -1})
	}
	for i := 0; i < len(k.nodes); i++ {
		if len(k.nodes) > MaxStates {
			return false
		}
		k.expand(int32(i))
	}
	return true
}

func (k *checker) visit(c config, e edge) int32 {
	if i, ok := k.seen[c]; ok {
		return i
	}
	i := int32(len(k.nodes))
	k.seen[c] = i
	k.nodes, k.edges, k.back = append(k.nodes, c), append(k.edges, e), append(k.back, nil)
	return i
}

func (k *checker) expand(i int32) {
	c := k.nodes[i]
	st := k.d.States[c.state]
	if st.Final {
		if !c.answered {
			k.say(Violation{Property: Answered, State: st.ID, Road: k.road(i)})
		}
		return
	}
	for n := range k.d.Acts {
		a := &k.d.Acts[n]
		if slices.Contains(a.From, st.ID) && !slices.Contains(a.By, "system") {
			possible, sure := k.enabled(c, a)
			if !possible {
				continue
			}
			for _, next := range k.outcomes(c, a, "") {
				j := k.visit(next, edge{i, int16(n), -1})
				if sure {
					k.back[j] = append(k.back[j], i)
				}
			}
		}
	}
	heard := st.Owner != ""
	bounded := false
	for n := range k.d.Clocks {
		if c.clock(n) != Running {
			continue
		}
		cl := &k.d.Clocks[n]
		a, ok := k.d.Act(cl.Expire)
		if !ok || !slices.Contains(a.From, st.ID) || !slices.Contains(a.By, "system") {
			k.say(Violation{Property: Heard, State: st.ID, Clock: cl.ID, Act: cl.Expire, Road: k.road(i)})
			continue
		}
		bounded = true
		at := slices.IndexFunc(k.d.Acts, func(x Act) bool { return x.ID == a.ID })
		for _, next := range k.outcomes(c, a, cl.ID) {
			j := k.visit(next, edge{i, int16(at), int16(n)})
			k.back[j] = append(k.back[j], i)
		}
	}
	if !heard || !bounded {
		k.say(Violation{Property: Owned, State: st.ID, Road: k.road(i)})
	}
}

// enabled says whether anybody may do the act here, and whether the city can rely on it: by a role
// that the unit in question really holds, any number of times. A resident may answer or withdraw,
// but a case must be able to end without that.
func (k *checker) enabled(c config, a *Act) (possible, sure bool) {
	if a.While != "" {
		n := slices.IndexFunc(k.d.Clocks, func(x Clock) bool { return x.ID == a.While })
		if n < 0 || c.clock(n) != Running {
			return false, false
		}
	}
	holder := k.classes[c.class]
	switch a.Of {
	case OfSuperior:
		holder = k.classes[holder.parent]
	case OfOffered:
		if c.offered == 0 {
			return false, false
		}
		holder = k.classes[c.offered-1]
	}
	byStaff := slices.ContainsFunc(a.By, func(r string) bool { return holder.roles[r] })
	return byStaff || slices.Contains(a.By, "resident"), byStaff && a.Times == 0
}

// outcomes lists where the act can lead: one configuration, or one per kind of unit for an offer.
func (k *checker) outcomes(c config, a *Act, expired string) []config {
	from := k.d.States[c.state].ID
	to := a.To
	if to == "" {
		to = from
	}
	n := slices.IndexFunc(k.d.States, func(s State) bool { return s.ID == to })
	if n < 0 {
		return nil
	}
	next := k.apply(c, a, a.Event, from, to, expired)
	next.state = uint8(n)
	next.answered = c.answered || a.Answers || a.Withdraw
	switch {
	case a.Has(Escalate):
		next.class = k.classes[c.class].parent
	case a.Has(Take) && c.offered > 0:
		next.class, next.offered = c.offered-1, 0
	case a.Has(TurnBack):
		next.offered = 0
	case a.Has(DecideAbove):
		next.class, next.offered = k.classes[c.class].parent, 0
	case a.Has(Offer):
		var all []config
		for cl := range k.classes {
			o := next
			o.offered = uint8(cl) + 1
			all = append(all, o)
		}
		return all
	}
	return []config{next}
}

func (k *checker) apply(c config, a *Act, event, from, to, expired string) config {
	moves := k.d.Moves(a, event, from, to, expired, func(id string) Status {
		return c.clock(slices.IndexFunc(k.d.Clocks, func(x Clock) bool { return x.ID == id }))
	})
	for _, m := range moves {
		c = c.with(slices.IndexFunc(k.d.Clocks, func(x Clock) bool { return x.ID == m.Clock }), m.Op.After())
	}
	return c
}

func (k *checker) reachable() {
	seen := make([]bool, len(k.d.States))
	for _, c := range k.nodes {
		seen[c.state] = true
	}
	for i, s := range k.d.States {
		if !seen[i] {
			k.say(Violation{Property: Reachable, State: s.ID})
		}
	}
}

// canFinish walks backwards from the final configurations over steps that are always open (acts
// limited in number are not); what it does not meet can get stuck.
func (k *checker) canFinish() {
	ok := make([]bool, len(k.nodes))
	var queue []int32
	for i, c := range k.nodes {
		if k.d.States[c.state].Final {
			ok[i] = true
			queue = append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, p := range k.back[i] {
			if !ok[p] {
				ok[p] = true
				queue = append(queue, p)
			}
		}
	}
	for i := range k.nodes {
		if !ok[i] {
			k.say(Violation{Property: CanFinish, State: k.d.States[k.nodes[i].state].ID, Road: k.road(int32(i))})
		}
	}
}

func (k *checker) road(i int32) []Step {
	var out []Step
	for i >= 0 {
		e, c := k.edges[i], k.nodes[i]
		s := Step{State: k.d.States[c.state].ID, Unit: k.classes[c.class].sample}
		if e.act >= 0 {
			s.Act = k.d.Acts[e.act].ID
		}
		if e.clock >= 0 {
			s.Clock = k.d.Clocks[e.clock].ID
		}
		out = append(out, s)
		i = e.from
	}
	slices.Reverse(out)
	return out
}

// String is the violation for logs and errors; the story in the reader's language is made from the
// pack's texts.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: state %q", v.Property, v.State)
	if v.Act != "" {
		fmt.Fprintf(&b, " act %q", v.Act)
	}
	if v.Clock != "" {
		fmt.Fprintf(&b, " clock %q", v.Clock)
	}
	for i, s := range v.Road {
		if i == 0 {
			b.WriteString("; road:")
		}
		switch {
		case s.Clock != "":
			fmt.Fprintf(&b, " -[%s runs out: %s]-> %s", s.Clock, s.Act, s.State)
		case s.Act != "":
			fmt.Fprintf(&b, " -[%s]-> %s", s.Act, s.State)
		default:
			fmt.Fprintf(&b, " %s", s.State)
		}
	}
	return b.String()
}
