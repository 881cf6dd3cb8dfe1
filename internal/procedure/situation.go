package procedure

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"comity/internal/form"
	"comity/internal/org"
)

// config is one abstract situation, packed: the state, where every clock stands, the kind of unit that
// holds the case, the facts that guards read, how often limited acts were done, and which children are
// open. All other data of a case is left out, so what depends on it may go either way: what holds for
// all configurations holds for all cases.
type config [4]uint64

// slot is where one figure lies in a config.
type slot struct{ word, shift, width uint8 }

func (s slot) get(c config) int {
	if s.width == 0 {
		return 0
	}
	return int(c[s.word] >> s.shift & (1<<s.width - 1))
}

func (s slot) set(c config, v int) config {
	if s.width > 0 {
		c[s.word] = c[s.word]&^((1<<s.width-1)<<s.shift) | uint64(v)<<s.shift
	}
	return c
}

// class is a set of units that the procedure cannot tell apart: as far as it asks for them, the same level,
// roles, department and line upwards.
type class struct {
	sample    org.UnitID
	parent    int
	sameAbove int // class of the same department one step up its line; itself when there is none
	top       bool
	level     string
	roles     map[string]bool
	depts     map[string]int // department → class of the nearest one; -1 when there is none
}

// space is the layout of situations of one procedure.
type space struct {
	d       *Definition
	classes []class
	of      map[org.UnitID]int

	state, class, offered, answered, joint, contact, sealed slot
	clocks, facts, done, open, ended                        []slot
	tallies                                                 []tally // what members of rolls have
	onRoll                                                  map[string][]tally

	facted   map[string]int        // facts that are tracked
	counted  map[string]int        // acts whose number is tracked
	most     []int                 // highest number that matters
	results  map[string]int        // links whose outcome is tracked
	read     map[string][][]string // marks that some guard reads, as roll.mark, and the values it tells apart
	lapsed   map[string]int        // clocks of which some guard asks whether they ran out
	outcomes [][]string            // per link

	clockAt, linkAt map[string]int
	extending       map[string][]int      // clock → acts that extend it
	byState         [][]int               // acts that can be done in a state, by people
	asks            [][]string            // per act: answers that a guard or a tracked fact reads
	given           [][]map[string]string // per act: every combination of them
	used            int                   // bits
	vital           []keptUntilRead       // what is forgotten where nobody reads it any more
}

func (s *space) take(values int) slot {
	width := bits.Len(uint(max(values-1, 0)))
	if s.used%64+width > 64 {
		s.used += 64 - s.used%64
	}
	at := slot{uint8(s.used / 64), uint8(s.used % 64), uint8(width)}
	s.used += width
	return at
}

// newSpace lays situations out; ok is false when they do not fit, which no sensible procedure reaches.
func newSpace(d *Definition) (*space, bool) {
	s := &space{d: d, facted: map[string]int{}, counted: map[string]int{}, results: map[string]int{}, lapsed: map[string]int{}, read: map[string][][]string{}, clockAt: map[string]int{}, linkAt: map[string]int{}, extending: map[string][]int{}}
	s.classesOf()
	s.readGuards()
	s.state, s.class, s.offered = s.take(len(d.States)), s.take(len(s.classes)), s.take(len(s.classes)+1)
	s.answered, s.contact, s.sealed = s.take(2), s.take(2), s.take(2)
	if s.jointMatters() {
		s.joint = s.take(2)
	}
	for i, c := range d.Clocks {
		s.clocks = append(s.clocks, s.take(4))
		s.clockAt[c.ID] = i
	}
	s.facts = make([]slot, len(d.Facts))
	for i, f := range d.Facts {
		if _, ok := s.facted[f.ID]; ok {
			s.facted[f.ID], s.facts[i] = i, s.take(len(f.Values)+1)
		}
	}
	s.layRolls()
	s.done, s.most = make([]slot, len(d.Acts)), make([]int, len(d.Acts))
	for i, a := range d.Acts {
		s.most[i] = a.Times
		if cl, ok := d.Clock(a.Extends); ok { // counted by the clock, which forgets it when it starts anew
			s.extending[a.Extends] = append(s.extending[a.Extends], i)
			// counted by the clock, which forgets it when it starts anew
			s.most[i] = cl.Extend.Times
		}
		if _, ok := s.counted[a.ID]; ok {
			s.most[i] = max(1, a.Times)
		}
		s.done[i] = s.take(s.most[i] + 1)
	}
	for i, l := range d.Links {
		s.linkAt[l.ID] = i
		ends := append(slices.Clone(d.Ends[l.Procedure]), "recalled")
		s.outcomes = append(s.outcomes, ends)
		width := 0
		if _, ok := s.results[l.ID]; ok {
			width = len(ends) + 1
		}
		s.open, s.ended = append(s.open, s.take(2)), append(s.ended, s.take(width))
	}
	s.index()
	s.layLive()
	return s, s.used <= 64*len(config{}) && len(d.States) < 1000 && len(s.classes) < 1000
}

// readGuards finds out what must be tracked: only what some guard reads.
func (s *space) readGuards() {
	guards := []Guard{s.d.Seal, s.d.Joins.When}
	for _, a := range s.d.Acts {
		guards = append(guards, a.When)
		s.readMarks(a.About, a.When)
	}
	for _, g := range guards {
		g.Walk(func(n *Node) {
			switch n.Op {
			case OpFact:
				s.facted[n.Name] = 0
			case OpDone:
				s.counted[n.Name] = 0
			case OpOutcome:
				s.results[n.Name] = 0
			case OpExpired:
				s.lapsed[n.Name] = 0
			}
		})
	}
	for _, f := range s.d.Facts {
		if f.KeepsClocks {
			s.facted[f.ID] = 0
		}
	}
}

// jointMatters says whether it makes a difference that a unit has joined. What joint units add to the
// record and nothing else can be left out of the search.
func (s *space) jointMatters() bool {
	matters := false
	for _, a := range s.d.Acts {
		a.When.Walk(func(n *Node) { matters = matters || n.Op == OpJoint })
		heard := slices.ContainsFunc(s.d.Clocks, func(c Clock) bool { return slices.Contains(c.Start, a.Event) || slices.Contains(c.Stop, a.Event) })
		plain := a.To == "" && len(a.Sets) == 0 && len(a.Spawn) == 0 && len(a.Effects) == 0 && !a.Recall && !a.Answers && a.Extends == "" && !heard
		matters = matters || a.Of == OfJoint && !plain
	}
	return matters
}

func (s *space) index() {
	s.given = make([][]map[string]string, len(s.d.Acts))
	s.byState, s.asks = make([][]int, len(s.d.States)), make([][]string, len(s.d.Acts))
	for i := range s.d.Acts {
		a := &s.d.Acts[i]
		a.When.Walk(func(n *Node) {
			if n.Op == OpForm && !slices.Contains(s.asks[i], n.Name) {
				s.asks[i] = append(s.asks[i], n.Name)
			}
		})
		for _, set := range a.Sets {
			if _, ok := s.facted[set.Fact]; ok && set.Field != "" && !slices.Contains(s.asks[i], set.Field) {
				s.asks[i] = append(s.asks[i], set.Field)
			}
		}
		read := slices.Clone(s.asks[i]) // by guards and facts, which tell every answer apart
		s.asks[i] = s.marked(a, s.asks[i])
		s.given[i] = s.combine(a, s.asks[i], read)
		for _, from := range a.From {
			if n := s.stateAt(from); n >= 0 && (a.ByPeople() || slices.Contains(a.By, ByGroup)) {
				s.byState[n] = append(s.byState[n], i)
			}
		}
	}
}

func (s *space) stateAt(id string) int {
	return slices.IndexFunc(s.d.States, func(x State) bool { return x.ID == id })
}

// answers lists every combination of the answers that matter for an act here, about every member it may be.
func (s *space) answers(c config, act int) []map[string]string {
	a := &s.d.Acts[act]
	if a.About == "" {
		return s.given[act]
	}
	var all []map[string]string
	for _, member := range s.members(c, a) {
		for _, given := range s.given[act] {
			with := maps.Clone(given)
			with[FieldMember] = member
			all = append(all, with)
		}
	}
	return all
}

// combine lists every combination of the answers to some fields of an act. Of answers that set marks and are read
// by nothing else, those that no guard tells apart are one.
func (s *space) combine(a *Act, names, read []string) []map[string]string {
	all := []map[string]string{{FieldMember: ""}}
	for _, name := range names {
		f, ok := find(a.Fields, name, func(f *form.Field) string { return f.Name })
		if !ok {
			continue
		}
		options := slices.Clone(f.Options)
		if f.Kind == form.Yes {
			options = []string{"yes"}
		}
		if !slices.Contains(read, name) && len(s.tallies) > 0 {
			seen := map[string]bool{}
			options = slices.DeleteFunc(options, func(o string) bool {
				kind := s.same(a, name, o)
				twice := seen[kind]
				seen[kind] = true
				return twice
			})
		}
		if !f.Required {
			options = append([]string{""}, options...)
		}
		var next []map[string]string
		for _, m := range all {
			for _, o := range options {
				n := maps.Clone(m)
				n[name] = o
				next = append(next, n)
			}
		}
		all = next
	}
	return all
}

// classesOf sorts the units into kinds.
func (s *space) classesOf() {
	t := s.d.Units
	depts := s.deptsUsed()
	index := map[string]int{}
	s.of = map[org.UnitID]int{}
	// A department is told apart by its key only where the procedure speaks of it: streets and road
	// centres with the same roles take the same roads.
	roles, level := s.rolesUsed(), s.readsLevel()
	mark := func(id org.UnitID) string {
		u, ok := t.Unit(id)
		has := slices.DeleteFunc(slices.Clone(u.Roles), func(r string) bool { return !roles[r] })
		slices.Sort(has)
		dept, of := u.Dept, ""
		if !slices.Contains(depts, dept) {
			dept = ""
		}
		if level {
			of = u.Level.String()
		}
		return fmt.Sprint(ok, of, dept, has)
	}
	line := func(id org.UnitID) (marks string) { // where a sealed case goes from here, step by step
		for to, ok := t.SameAbove(id); ok; to, ok = t.SameAbove(to) {
			marks += mark(to)
		}
		return marks
	}
	for _, id := range t.All() { // parents first
		u, _ := t.Unit(id)
		up, hasUp := t.Superior(id)
		key := fmt.Sprint(mark(id), hasUp, s.of[up], line(id))
		for _, dept := range depts {
			if to, ok := t.Nearest(id, dept); ok {
				key += mark(to)
			} else {
				key += "-"
			}
		}
		i, ok := index[key]
		if !ok {
			i = len(s.classes)
			index[key] = i
			c := class{sample: id, top: !hasUp, parent: s.of[up], level: u.Level.String(), roles: map[string]bool{}, depts: map[string]int{}}
			if !hasUp {
				c.parent = i
			}
			for _, r := range u.Roles {
				c.roles[r] = true
			}
			s.classes = append(s.classes, c)
		}
		s.of[id] = i
	}
	for i := range s.classes {
		c := &s.classes[i]
		c.sameAbove = i
		if to, ok := t.SameAbove(c.sample); ok {
			c.sameAbove = s.of[to]
		}
		for _, dept := range depts {
			c.depts[dept] = -1
			if to, ok := t.Nearest(c.sample, dept); ok {
				c.depts[dept] = s.of[to]
			}
		}
	}
}

// rolesUsed are the roles that make a difference to this procedure.
func (s *space) rolesUsed() map[string]bool {
	used := map[string]bool{}
	for _, a := range s.d.Acts {
		for _, r := range slices.Concat(a.By, a.Behalf) {
			used[r] = true
		}
	}
	return used
}

// readsLevel reports a guard that asks on which level the case is.
func (s *space) readsLevel() bool {
	reads := false
	for _, a := range s.d.Acts {
		a.When.Walk(func(n *Node) { reads = reads || n.Op == OpLevel })
	}
	s.d.Seal.Walk(func(n *Node) { reads = reads || n.Op == OpLevel })
	s.d.Joins.When.Walk(func(n *Node) { reads = reads || n.Op == OpLevel })
	return reads
}

func (s *space) deptsUsed() []string {
	var out []string
	for _, a := range s.d.Acts {
		if a.Dept != "" && !slices.Contains(out, a.Dept) {
			out = append(out, a.Dept)
		}
	}
	slices.Sort(out)
	return out
}

// situation is a config as rules see it: the abstract twin of casework's view of a case.
type situation struct {
	s *space
	c config
}

func (v situation) State() string { return v.s.d.States[v.s.state.get(v.c)].ID }

func (v situation) Fact(id string) string {
	i, ok := v.s.facted[id]
	if !ok {
		return ""
	}
	n := v.s.facts[i].get(v.c)
	if n == 0 {
		return ""
	}
	return v.s.d.Facts[i].Values[n-1]
}

func (v situation) Clock(id string) Status {
	i, ok := v.s.clockAt[id]
	if !ok {
		return Idle
	}
	return Status(v.s.clocks[i].get(v.c))
}

func (v situation) Done(act string) int {
	return v.s.done[v.s.d.actAt(act)].get(v.c)
}

func (v situation) Open(link string) bool {
	i, ok := v.s.linkAt[link]
	return ok && v.s.open[i].get(v.c) == 1
}

func (v situation) Outcome(link string) string {
	i, ok := v.s.linkAt[link]
	if !ok {
		return ""
	}
	n := v.s.ended[i].get(v.c)
	if n == 0 {
		return ""
	}
	return v.s.outcomes[i][n-1]
}

func (v situation) Top() bool     { return v.s.classes[v.s.class.get(v.c)].top }
func (v situation) Level() string { return v.s.classes[v.s.class.get(v.c)].level }
func (v situation) Contact() bool { return v.s.contact.get(v.c) == 1 }
func (v situation) Joint() bool   { return v.s.joint.get(v.c) == 1 }

// begins lists the situations in which a case of the procedure can be opened.
func (s *space) begins() []config {
	var out []config
	starts := s.d.Begins
	if len(starts) == 0 {
		starts = []Begin{{}}
	}
	contacts := []int{1}
	if s.readsContact() {
		contacts = []int{0, 1}
	}
	for _, b := range starts {
		for _, cl := range s.classesFor(b.Units) {
			for _, fields := range s.openAnswers() {
				for _, contact := range contacts {
					c := s.begin(b, cl, fields, contact)
					if !slices.Contains(out, c) {
						out = append(out, c)
					}
				}
			}
		}
	}
	return out
}

func (s *space) readsContact() bool {
	reads := false
	for _, a := range s.d.Acts {
		a.When.Walk(func(n *Node) { reads = reads || n.Op == OpContact })
	}
	return reads
}

func (s *space) classesFor(units []org.UnitID) []int {
	var out []int
	if len(units) == 0 {
		for i := range s.classes {
			out = append(out, i)
		}
		return out
	}
	for _, u := range units {
		if c, ok := s.of[u]; ok && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (s *space) openAnswers() []map[string]string {
	opening := Act{ID: "", Fields: s.d.Intake, Sets: s.d.OpenSets, When: s.d.Seal, Adds: s.d.Joins.Roll, Marks: s.d.Joins.Marks}
	one := &space{d: &Definition{Acts: []Act{opening}, Facts: s.d.Facts}, facted: s.facted, read: s.read}
	one.index()
	return one.answers(config{}, 0)
}

func (s *space) begin(b Begin, cl int, fields map[string]string, contact int) config {
	change := s.d.Begin("", b.Facts, fields)
	c := s.state.set(config{}, max(s.stateAt(change.State), 0))
	c = s.contact.set(s.class.set(c, cl), contact)
	for fact, v := range b.Facts {
		c = s.setFact(c, fact, v)
	}
	c = s.enroll(s.apply(c, change), change.Rolls, "")[0]
	if s.d.Seal.Root != nil && s.d.Seal.Holds(situation{s, c}, fields) == Yes {
		c = s.sealed.set(c, 1)
	}
	return s.forget(c)
}

func (s *space) setFact(c config, fact, value string) config {
	i, ok := s.facted[fact]
	if !ok {
		return c
	}
	return s.facts[i].set(c, slices.Index(s.d.Facts[i].Values, value)+1)
}

// apply carries out what Step or Begin decided, as casework folds it into a case.
func (s *space) apply(c config, change Change) config {
	for _, f := range change.Sets {
		c = s.setFact(c, f.Fact, f.Value)
	}
	for _, m := range change.Moves {
		c = s.clocks[s.clockAt[m.Clock]].set(c, s.standing(m.Clock, m.Op.After()))
		if m.Op == OpStart || m.Op == OpStop || m.Op == OpExpire { // what does not run cannot be extended
			for _, act := range s.extending[m.Clock] {
				c = s.done[act].set(c, 0)
			}
		}
	}
	if change.Recall {
		for i, l := range s.d.Links {
			if l.Kind == Child && s.open[i].get(c) == 1 {
				c = s.ended[i].set(s.open[i].set(c, 0), slices.Index(s.outcomes[i], "recalled")+1)
			}
		}
	}
	for _, l := range change.Spawn {
		if l.Kind == Child {
			c = s.open[s.linkAt[l.ID]].set(c, 1)
		}
	}
	return s.state.set(c, max(s.stateAt(change.State), 0))
}

// standing is where a clock stands as far as rules can tell: Moves starts a clock that ran out as it starts
// one that never ran, so that the two are one situation unless a guard asks.
func (s *space) standing(clock string, status Status) int {
	if _, asked := s.lapsed[clock]; status == Expired && !asked {
		status = Idle
	}
	return int(status)
}

// step lists where an act leads: one situation, or one per kind of unit that it may give the case to.
func (s *space) step(c config, act int, fields map[string]string, expired string) ([]config, Change, *Refused) {
	a := &s.d.Acts[act]
	if a.Extends != "" && s.done[act].get(c) >= s.most[act] {
		return nil, Change{}, refused("clock.extended")
	}
	change, no := s.d.Step(situation{s, c}, a, fields, expired)
	if no != nil {
		return nil, change, no
	}
	next := s.apply(c, change)
	if n := s.done[act].get(c); n < s.most[act] {
		next = s.done[act].set(next, n+1)
	}
	if a.Answers || a.Withdraw {
		next = s.answered.set(next, 1)
	}
	var all []config
	for _, x := range s.enroll(next, change.Rolls, fields[FieldMember]) {
		for _, y := range s.move(c, x, a) {
			if y = s.forget(y); !slices.Contains(all, y) {
				all = append(all, y)
			}
		}
	}
	if st, ok := s.d.State(change.State); ok && st.Owner != OwnerOffered {
		for i := range all {
			all[i] = s.offered.set(all[i], 0)
		}
	}
	return all, change, nil
}

// move gives the case to other units, as the effects say.
func (s *space) move(c, next config, a *Act) []config {
	holder, offered := s.class.get(c), s.offered.get(c)
	all := []config{next}
	each := func(set func(config, int) config) {
		var out []config
		for _, x := range all {
			for cl := range s.classes {
				out = append(out, set(x, cl))
			}
		}
		all = out
	}
	to := func(cl int) {
		for i := range all {
			all[i] = s.offered.set(s.class.set(all[i], cl), 0)
		}
	}
	for _, e := range a.Effects {
		switch e {
		case Escalate:
			up := s.classes[holder].parent
			if s.sealed.get(c) == 1 {
				up = s.classes[holder].sameAbove
			}
			to(up)
		case Take:
			if offered > 0 {
				to(offered - 1)
			}
		case TurnBack:
			for i := range all {
				all[i] = s.offered.set(all[i], 0)
			}
		case DecideAbove:
			to(s.classes[holder].parent)
		case Give:
			each(func(x config, cl int) config { return s.offered.set(s.class.set(x, cl), 0) })
		case Offer:
			each(func(x config, cl int) config { return s.offered.set(x, cl+1) })
		case SendToDept:
			if cl := s.classes[holder].depts[a.Dept]; cl >= 0 {
				to(cl)
			}
		case Seal:
			for i := range all {
				all[i] = s.sealed.set(all[i], 1)
			}
		case Invite:
			for i := range all {
				all[i] = s.joint.set(all[i], 1)
			}
		case Release:
			for _, x := range all {
				all = append(all, s.joint.set(x, 0))
			}
		}
	}
	return all
}

// end lists where it leads when the child of a link ends with an outcome. heard is false when the case
// names an act for it that cannot be done here.
func (s *space) end(c config, link int, outcome string) (all []config, act int, heard bool) {
	l := &s.d.Links[link]
	closed := s.ended[link].set(s.open[link].set(c, 0), slices.Index(s.outcomes[link], outcome)+1)
	id := l.Answer(outcome)
	act = s.d.actAt(id)
	if act < 0 {
		all, heard = []config{s.forget(closed)}, id == ""
	} else {
		fields := map[string]string{"outcome": outcome}
		next, _, no := s.step(closed, act, fields, "")
		if no != nil {
			return []config{closed}, act, false
		}
		all, heard = next, true
	}
	if l.Many { // another one of the same link may still be open
		for _, x := range all {
			all = append(all, s.open[link].set(x, 1))
		}
	}
	return all, act, heard
}

// describe is a situation in words, for traces.
func (s *space) describe(c config) string {
	v := situation{s, c}
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s", v.State(), s.classes[s.class.get(c)].sample)
	for _, f := range s.d.Facts {
		if x := v.Fact(f.ID); x != "" {
			fmt.Fprintf(&b, " %s=%s", f.ID, x)
		}
	}
	for i, k := range s.d.Clocks {
		if st := Status(s.clocks[i].get(c)); st != Idle {
			fmt.Fprintf(&b, " %s:%s", k.ID, st)
		}
	}
	for i, l := range s.d.Links {
		if s.open[i].get(c) == 1 {
			fmt.Fprintf(&b, " %s open", l.ID)
		}
	}
	for _, t := range s.tallies {
		r := s.d.Rolls[t.roll]
		fmt.Fprintf(&b, " %s.%s=%v", r.ID, r.Marks[t.mark].ID, t.has(c))
	}
	return b.String()
}
