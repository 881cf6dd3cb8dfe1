package procedure

import (
	"fmt"
	"slices"
	"strings"

	"comity/internal/org"
)

// Property names one thing every loaded procedure must satisfy.
type Property string

// The properties checked on every load: first those that the search decides, then those that the
// declarations alone decide. The letters are those of the project's list of properties.
const (
	Reachable      Property = "every-state-reachable"
	CanFinish      Property = "can-always-finish"           // L1
	Owned          Property = "someone-must-act"            // L2
	Heard          Property = "expiry-is-heard"             // L2
	FinalStays     Property = "final-means-final"           //
	Answered       Property = "no-close-without-answer"     // L1
	TransferEnds   Property = "transfer-ends"               // L3
	EscalationGoes Property = "escalation-goes-on"          // L2
	NoOrphans      Property = "no-close-over-open-child"    //
	ChildHeard     Property = "child-is-heard"              //
	ChildRecalled  Property = "child-can-be-recalled"       //
	LeadHeard      Property = "lead-is-heard"               //
	ClassKeeps     Property = "class-change-keeps-clocks"   // S16
	MoveKeeps      Property = "moving-keeps-the-term"       // S22
	RemedyNamed    Property = "answer-names-the-remedy"     // S1
	OtherReviews   Property = "reviewer-is-not-the-handler" // S2
	PauseLawful    Property = "pause-is-lawful"             // S9
	ExtensionBound Property = "extension-is-bounded"        // S10
	ServiceFirst   Property = "time-bar-needs-service"      // S15
	OwnWithdrawal  Property = "withdrawal-is-the-residents" // S17
	OwnRating      Property = "rating-is-the-residents"     // S21
	Bounded        Property = "bounded-search"
)

// Properties lists them in the order they are reported.
var Properties = []Property{Reachable, CanFinish, Owned, Heard, FinalStays, Answered, TransferEnds, EscalationGoes, NoOrphans, ChildHeard,
	ChildRecalled, LeadHeard, ClassKeeps, MoveKeeps, RemedyNamed, OtherReviews, PauseLawful, ExtensionBound, ServiceFirst, OwnWithdrawal, OwnRating, InOrder, Bounded}

// MaxStates bounds the search; a procedure that needs more is refused instead of hanging the load.
const MaxStates = 1_000_000

// Violation is a property that does not hold, with the shortest road that shows it.
type Violation struct {
	Property Property `json:"property"`
	State    string   `json:"state,omitempty"`
	Act      string   `json:"act,omitempty"`   // the act at fault, if one is
	Clock    string   `json:"clock,omitempty"` // the clock at fault, if one is
	Link     string   `json:"link,omitempty"`  // the link at fault, if one is
	Order    string   `json:"order,omitempty"` // the order that is broken, if one is
	Road     []Step   `json:"road,omitempty"`
}

// Step is one event on the road: an act by somebody, a clock that ran out, or a child that ended.
type Step struct {
	Act   string     `json:"act,omitempty"`
	Clock string     `json:"clock,omitempty"` // not empty when the act is the answer to this clock's expiry
	Link  string     `json:"link,omitempty"`  // not empty when a child of this link ended
	Ended string     `json:"ended,omitempty"` // with this outcome
	State string     `json:"state"`           // where the case is afterwards
	Unit  org.UnitID `json:"unit,omitempty"`
}

// Report is the result of a check.
type Report struct {
	States     int         `json:"states"` // situations visited
	Steps      int         `json:"steps"`  // ways between them
	Violations []Violation `json:"violations,omitempty"`
	// Roads is the shortest road to each state that a case can be in.
	Roads map[string][]Step `json:"-"`
	Road  Road              `json:"road"` // the longest one, if everybody keeps the law
}

// Reached is every situation that the search of a procedure visits.
type Reached struct {
	s   *space
	met map[config]bool
}

// Explore searches a procedure without judging it, so that a test can ask whether what happens to real
// cases stays inside what was checked.
func Explore(d *Definition) (*Reached, bool) {
	s, fits := newSpace(d)
	k := &checker{space: s, limit: MaxStates, seen: map[config]int32{}, said: map[string]bool{}}
	if !fits || !k.search() {
		return nil, false
	}
	r := &Reached{s, map[config]bool{}}
	for _, c := range k.nodes {
		r.met[r.plain(c)] = true
	}
	return r, true
}

// plain forgets how often clocks were extended, which a case keeps with its clocks.
func (r *Reached) plain(c config) config {
	for i := range r.s.d.Acts {
		if r.s.d.Acts[i].Extends != "" {
			c = r.s.done[i].set(c, 0)
		}
	}
	return c
}

// Standing is what a case has beside what rules see: the units it is with, and what is owed.
type Standing struct {
	Holder, Offered  org.UnitID
	Answered, Sealed bool
}

// Holds reports whether the search met the situation a case is in; the text describes it.
func (r *Reached) Holds(v View, at Standing) (bool, string) {
	s := r.s
	c := s.state.set(config{}, s.stateAt(v.State()))
	c = s.class.set(c, s.of[at.Holder])
	if at.Offered != "" {
		c = s.offered.set(c, s.of[at.Offered]+1)
	}
	bit := func(in slot, b bool) {
		if b {
			c = in.set(c, 1)
		}
	}
	bit(s.answered, at.Answered)
	bit(s.joint, v.Joint())
	bit(s.contact, v.Contact() || !s.readsContact())
	bit(s.sealed, at.Sealed)
	for i, k := range s.d.Clocks {
		c = s.clocks[i].set(c, s.standing(k.ID, v.Clock(k.ID)))
	}
	for _, f := range s.d.Facts {
		c = s.setFact(c, f.ID, v.Fact(f.ID))
	}
	for i, a := range s.d.Acts {
		if a.Extends == "" {
			c = s.done[i].set(c, min(v.Done(a.ID), s.most[i]))
		}
	}
	for _, t := range s.tallies {
		r := s.d.Rolls[t.roll]
		for _, value := range v.Marks(r.ID, r.Marks[t.mark].ID) {
			c = t.with(c, value)
		}
	}
	for i, l := range s.d.Links {
		bit(s.open[i], v.Open(l.ID))
		c = s.ended[i].set(c, slices.Index(s.outcomes[i], v.Outcome(l.ID))+1)
	}
	if c = r.s.forget(c); r.met[c] {
		return true, ""
	}
	return false, s.describe(c)
}

type edge struct {
	from             int32
	act, clock, link int16 // -1 where there is none
	ended            uint8 // outcome of the link
}

type checker struct {
	*space
	limit int
	seen  map[config]int32
	nodes []config
	edges []edge     // how each node was first reached
	ways  []way      // every step, where the procedure has orders
	sure  [][2]int32 // steps the city can rely on, for CanFinish
	steps int
	out   []Violation
	said  map[string]bool
}

// Check searches every situation a case of this procedure can get into and reports each property
// that fails, with the shortest counterexample. Acts are carried out by the same Step as in production.
// It ends for every definition: the situations are finite and at most MaxStates of them are visited.
//
// Assumed: a unit that has a role has enough people in it that somebody has not yet acted on the case;
// a procedure that is opened by a link ends, which its own check proves.
func Check(d *Definition) Report { return CheckWithin(d, MaxStates) }

// CheckWithin is Check with another bound on the number of situations.
func CheckWithin(d *Definition, limit int) Report {
	s, fits := newSpace(d)
	if !fits {
		return Report{Violations: []Violation{{Property: Bounded}}}
	}
	return s.check(limit)
}

func (s *space) check(limit int) Report {
	k := &checker{space: s, limit: limit, seen: map[config]int32{}, said: map[string]bool{}}
	k.static()
	bounded := k.search()
	if !bounded {
		k.say(Violation{Property: Bounded})
	} else {
		k.reachable()
		k.canFinish()
		k.orders()
	}
	slices.SortStableFunc(k.out, func(a, b Violation) int {
		return slices.Index(Properties, a.Property) - slices.Index(Properties, b.Property)
	})
	r := Report{States: len(k.nodes), Steps: k.steps, Violations: k.out, Roads: k.roads()}
	if len(k.out) == 0 {
		r.Road = longest(s)
	}
	return r
}

// say keeps the first, that is shortest, counterexample per property and place.
func (k *checker) say(v Violation) {
	key := fmt.Sprint(v.Property, "|", v.State, "|", v.Act, "|", v.Clock, "|", v.Link, "|", v.Order)
	if !k.said[key] {
		k.said[key] = true
		k.out = append(k.out, v)
	}
}

func (k *checker) search() bool {
	if k.stateAt(k.d.Start) < 0 {
		return true // the loader names the missing state with its line
	}
	for _, c := range k.begins() {
		k.visit(c, edge{from: -1, act: -1, clock: -1, link: -1})
	}
	for i := 0; i < len(k.nodes); i++ {
		if len(k.nodes) > k.limit {
			return false
		}
		k.expand(int32(i))
	}
	return true
}

func (k *checker) visit(c config, e edge) int32 {
	k.steps++
	i, ok := k.seen[c]
	if !ok {
		i = int32(len(k.nodes))
		k.seen[c] = i
		k.nodes, k.edges = append(k.nodes, c), append(k.edges, e)
	}
	if len(k.d.Orders) > 0 && (e.from != i || k.ordered(e)) {
		k.ways = append(k.ways, way{e, i})
	}
	return i
}

// rely records a step that does not depend on anybody's good will.
func (k *checker) rely(from, to int32) { k.sure = append(k.sure, [2]int32{from, to}) }

func (k *checker) expand(i int32) {
	c := k.nodes[i]
	st := &k.d.States[k.state.get(c)]
	if st.Final {
		if k.answered.get(c) == 0 && !k.d.inner() {
			k.say(Violation{Property: Answered, State: st.ID, Road: k.road(i)})
		}
		return
	}
	k.people(i, c, st)
	running := k.expiries(i, c, st)
	open := k.children(i, c, st)
	if st.Owner == "" || !running && !open || st.Owner == OwnerOutside && !running || st.Owner == OwnerChild && !open {
		k.say(Violation{Property: Owned, State: st.ID, Road: k.road(i)})
	}
	if k.d.Recallable {
		k.recall(i, c, st)
	}
}

// people does every act that somebody may do here.
func (k *checker) people(i int32, c config, st *State) {
	for _, n := range k.byState[k.state.get(c)] {
		a := &k.d.Acts[n]
		possible, sure := k.enabled(c, a)
		if !possible {
			continue
		}
		for _, fields := range k.answers(c, n) {
			all, change, no := k.step(c, n, fields, "")
			if no != nil {
				continue
			}
			k.keeps(i, c, a, change, "")
			for _, next := range all {
				j := k.visit(next, edge{i, int16(n), -1, -1, 0})
				if sure {
					k.rely(i, j)
				}
			}
			if a.Has(Offer) && a.Times == 0 {
				k.transfers(i, st, a, all)
			}
		}
	}
}

// expiries lets every running clock run out and reports whether one is heard.
func (k *checker) expiries(i int32, c config, st *State) bool {
	bounded := false
	for n := range k.d.Clocks {
		if Status(k.clocks[n].get(c)) != Running {
			continue
		}
		cl := &k.d.Clocks[n]
		act := k.d.actAt(cl.Expire)
		if act < 0 || !slices.Contains(k.d.Acts[act].By, BySystem) {
			k.say(Violation{Property: Heard, State: st.ID, Clock: cl.ID, Act: cl.Expire, Road: k.road(i)})
			continue
		}
		all, change, no := k.step(c, act, nil, cl.ID)
		if no != nil {
			property := Heard
			if no.Rule == "act.child_open" {
				property = NoOrphans
			}
			k.say(Violation{Property: property, State: st.ID, Clock: cl.ID, Act: cl.Expire, Road: k.road(i)})
			continue
		}
		bounded = true
		a := &k.d.Acts[act]
		k.keeps(i, c, a, change, cl.ID)
		for _, next := range all {
			j := k.visit(next, edge{i, int16(act), int16(n), -1, 0})
			k.rely(i, j)
			if a.Has(Escalate) && !change.Final && !k.escalatesOn(next) {
				k.say(Violation{Property: EscalationGoes, State: change.State, Clock: cl.ID, Act: a.ID, Road: k.road(j)})
			}
		}
	}
	return bounded
}

// escalatesOn reports a clock that will bring the case up again if the unit above does nothing either.
func (k *checker) escalatesOn(c config) bool {
	for n := range k.d.Clocks {
		if Status(k.clocks[n].get(c)) != Running {
			continue
		}
		a, ok := k.d.Act(k.d.Clocks[n].Expire)
		if ok && (a.Has(Escalate) || a.Has(DecideAbove)) && slices.Contains(a.From, situation{k.space, c}.State()) {
			return true
		}
	}
	return false
}

// children lets every open child end in every way it can, and reports whether there is one.
func (k *checker) children(i int32, c config, st *State) bool {
	any := false
	for n := range k.d.Links {
		if k.open[n].get(c) == 0 {
			continue
		}
		any = true
		ends := k.outcomes[n][:len(k.outcomes[n])-1] // being recalled is the parent's own doing
		if len(ends) == 0 {
			ends = []string{""}
		}
		for e, outcome := range ends {
			all, act, heard := k.end(c, n, outcome)
			if !heard {
				k.say(Violation{Property: ChildHeard, State: st.ID, Link: k.d.Links[n].ID, Act: k.d.Links[n].Answer(outcome), Road: k.road(i)})
			}
			for x, next := range all {
				j := k.visit(next, edge{i, int16(act), -1, int16(n), uint8(e)})
				if x == 0 {
					k.rely(i, j)
				}
			}
		}
	}
	return any
}

func (k *checker) recall(i int32, c config, st *State) {
	for n := range k.d.Acts {
		a := &k.d.Acts[n]
		if !slices.Contains(a.By, ByParent) || !slices.Contains(a.From, st.ID) {
			continue
		}
		all, change, no := k.step(c, n, nil, "")
		if no == nil && change.Final {
			for _, next := range all {
				k.visit(k.answered.set(next, 1), edge{i, int16(n), -1, -1, 0}) // its parent has told the resident
			}
			return
		}
	}
	k.say(Violation{Property: ChildRecalled, State: st.ID, Road: k.road(i)})
}

// keeps checks that a correction starts no clock anew, and that giving the case to another unit does not
// change the date the resident was told.
func (k *checker) keeps(i int32, c config, a *Act, change Change, expired string) {
	if a.Answers || change.Final {
		return
	}
	v := situation{k.space, c}
	corrected := slices.ContainsFunc(change.Sets, func(s Set) bool {
		f, ok := k.d.Fact(s.Fact)
		return ok && f.KeepsClocks && v.Fact(s.Fact) != "" && v.Fact(s.Fact) != s.Value
	})
	for _, m := range change.Moves {
		cl, _ := k.d.Clock(m.Clock)
		was := v.Clock(m.Clock)
		live := was == Running || was == Paused
		if m.Clock == expired {
			continue // it has run out; what comes next is another term
		}
		again := m.Op == OpStart && live
		ended := m.Op == OpStop && live && cl.Promise
		if corrected && (again || ended) {
			k.say(Violation{Property: ClassKeeps, State: v.State(), Act: a.ID, Clock: cl.ID, Road: k.road(i)})
		}
		if a.Moves() && cl.Promise && (again || ended) {
			k.say(Violation{Property: MoveKeeps, State: v.State(), Act: a.ID, Clock: cl.ID, Road: k.road(i)})
		}
	}
}

// transfers looks for a matter that two units can send to and fro: offered, turned back, offered again,
// and nothing counts how often.
func (k *checker) transfers(i int32, st *State, a *Act, offered []config) {
	for _, c := range offered {
		for _, n := range k.byState[k.state.get(c)] {
			back := &k.d.Acts[n]
			if !back.Has(TurnBack) || back.Times > 0 {
				continue
			}
			first := k.answers(c, n)
			if len(first) == 0 {
				continue
			}
			all, _, no := k.step(c, n, first[0], "")
			if no != nil {
				continue
			}
			again := slices.IndexFunc(all, func(x config) bool { return k.d.Allowed(situation{k.space, x}, a, nil) == nil })
			if again >= 0 {
				road := append(k.road(i),
					Step{Act: a.ID, State: situation{k.space, c}.State(), Unit: k.unit(c)},
					Step{Act: back.ID, State: situation{k.space, all[again]}.State(), Unit: k.unit(all[again])},
					Step{Act: a.ID, State: situation{k.space, c}.State(), Unit: k.unit(c)})
				k.say(Violation{Property: TransferEnds, State: st.ID, Act: a.ID, Road: road})
				return
			}
		}
	}
}

func (k *checker) unit(c config) org.UnitID { return k.classes[k.class.get(c)].sample }

// enabled says whether anybody may do the act here, and whether the city can rely on it: by a role
// that the unit in question really holds. A resident may answer or withdraw, but a case must be able to
// end without that.
func (k *checker) enabled(c config, a *Act) (possible, sure bool) {
	if slices.Contains(a.By, ByGroup) {
		return true, false // whenever the lead likes, or never
	}
	holder := k.classes[k.class.get(c)]
	switch a.Of {
	case OfSuperior:
		holder = k.classes[holder.parent]
	case OfOffered:
		n := k.offered.get(c)
		if n == 0 {
			return false, false
		}
		holder = k.classes[n-1]
	case OfJoint:
		if k.joint.width > 0 && k.joint.get(c) == 0 {
			return false, false
		}
		return true, false // some unit joined; which roles it has is not known here
	}
	if a.As != "" && !k.manned(c, a.As) {
		return false, false
	}
	byStaff := slices.ContainsFunc(a.By, func(r string) bool { return holder.roles[r] })
	return byStaff || slices.Contains(a.By, ByResident) || slices.Contains(a.By, ByMember), byStaff
}

func (k *checker) reachable() {
	seen := make([]bool, len(k.d.States))
	for _, c := range k.nodes {
		seen[k.state.get(c)] = true
	}
	for i, s := range k.d.States {
		if !seen[i] {
			k.say(Violation{Property: Reachable, State: s.ID})
		}
	}
}

// canFinish walks backwards from the final situations over steps that the city can rely on; what it does
// not meet can get stuck.
func (k *checker) canFinish() {
	from := make([]int32, len(k.nodes)+1) // where the steps into a node begin in into
	for _, e := range k.sure {
		from[e[1]+1]++
	}
	for i := range k.nodes {
		from[i+1] += from[i]
	}
	into := make([]int32, len(k.sure))
	fill := slices.Clone(from)
	for _, e := range k.sure {
		into[fill[e[1]]] = e[0]
		fill[e[1]]++
	}
	ok := make([]bool, len(k.nodes))
	var queue []int32
	for i, c := range k.nodes {
		if k.d.States[k.state.get(c)].Final {
			ok[i] = true
			queue = append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, p := range into[from[i]:from[i+1]] {
			if !ok[p] {
				ok[p] = true
				queue = append(queue, p)
			}
		}
	}
	for i := range k.nodes {
		if !ok[i] {
			k.say(Violation{Property: CanFinish, State: k.d.States[k.state.get(k.nodes[i])].ID, Road: k.road(int32(i))})
		}
	}
}

func (k *checker) road(i int32) []Step {
	var out []Step
	for i >= 0 {
		e, c := k.edges[i], k.nodes[i]
		s := Step{State: k.d.States[k.state.get(c)].ID, Unit: k.unit(c)}
		if e.act >= 0 {
			s.Act = k.d.Acts[e.act].ID
		}
		if e.clock >= 0 {
			s.Clock = k.d.Clocks[e.clock].ID
		}
		if e.link >= 0 {
			s.Link, s.Ended = k.d.Links[e.link].ID, k.outcomes[e.link][e.ended]
		}
		out = append(out, s)
		i = e.from
	}
	slices.Reverse(out)
	return out
}

func (k *checker) roads() map[string][]Step {
	out := map[string][]Step{}
	for i, c := range k.nodes {
		if id := k.d.States[k.state.get(c)].ID; out[id] == nil {
			out[id] = k.road(int32(i))
		}
	}
	return out
}

// String is the violation for logs and errors; the story in the reader's language is made from the
// pack's texts.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: state %q", v.Property, v.State)
	for _, part := range [][2]string{{"act", v.Act}, {"clock", v.Clock}, {"link", v.Link}, {"order", v.Order}} {
		if part[1] != "" {
			fmt.Fprintf(&b, " %s %q", part[0], part[1])
		}
	}
	for i, s := range v.Road {
		if i == 0 {
			b.WriteString("; road:")
		}
		switch {
		case s.Clock != "":
			fmt.Fprintf(&b, " -[%s runs out: %s]-> %s", s.Clock, s.Act, s.State)
		case s.Link != "":
			fmt.Fprintf(&b, " -[%s ends: %s]-> %s", s.Link, s.Ended, s.State)
		case s.Act != "":
			fmt.Fprintf(&b, " -[%s]-> %s", s.Act, s.State)
		default:
			fmt.Fprintf(&b, " %s", s.State)
		}
	}
	return b.String()
}
