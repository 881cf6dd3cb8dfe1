package procedure

import (
	"slices"
	"strconv"
)

// Refused is why an act cannot be done: the name of a rule, with its figures. The words are the pack's.
type Refused struct {
	Rule   string
	Params []string // name, value, name, value …
}

func refused(rule string, params ...string) *Refused { return &Refused{rule, params} }

// Change is everything an act does that does not depend on people, dates and texts: what a case and a
// situation of the checker have in common.
type Change struct {
	State  string
	Final  bool
	Sets   []Set // facts that change
	Moves  []Move
	Spawn  []*Link
	Recall bool
	Rolls  Enters
}

// Set is one fact and its new value.
type Set struct{ Fact, Value string }

// Allowed says whether an act may be done in this situation, as far as the procedure says: its state, how
// often, while which clock, and its guard. fields may be nil when the answers are not given yet.
//
// It is asked by casework.Decide, by the pages that offer acts, and by the model checker: there is no
// second meaning of any of these rules.
func (d *Definition) Allowed(v View, a *Act, fields map[string]string) *Refused {
	if !slices.Contains(a.From, v.State()) {
		return refused("act.state", "state", v.State(), "act", a.ID)
	}
	if a.Times > 0 && v.Done(a.ID) >= a.Times {
		return refused("act.times", "times", strconv.Itoa(a.Times))
	}
	if a.While != "" && v.Clock(a.While) != Running {
		return refused("act.too_late", "clock", a.While)
	}
	if a.When.Holds(v, fields) == No {
		return refused("act.guard", "act", a.ID)
	}
	if a.Adds != "" && v.Full(a.Adds) {
		r, _ := d.Roll(a.Adds)
		return refused("roll.full", "roll", a.Adds, "most", strconv.Itoa(r.Most))
	}
	for _, id := range a.Spawn {
		if l, ok := d.Link(id); ok && !l.Many && l.Kind == Child && v.Open(id) && !a.Recall {
			return refused("act.child_already", "link", id)
		}
		if l, ok := d.Link(id); ok && l.Unit == UnitSuperior && v.Top() {
			return refused("act.no_superior", "link", id)
		}
	}
	return nil
}

// Step is what an allowed act does. fields are its answers, cleaned; expired names the clock whose
// running out the act answers, empty otherwise.
//
// Invariants: the new state is one of the definition's; a final state is never entered over an open
// child; every clock move is one that Moves allows.
func (d *Definition) Step(v View, a *Act, fields map[string]string, expired string) (Change, *Refused) {
	if r := d.Allowed(v, a, fields); r != nil {
		return Change{}, r
	}
	c := Change{State: a.To, Recall: a.Recall}
	if c.State == "" {
		c.State = v.State()
	}
	if st, ok := d.State(c.State); ok {
		c.Final = st.Final
	}
	if c.Final && !a.Recall {
		for i := range d.Links {
			if l := &d.Links[i]; l.Kind == Child && v.Open(l.ID) {
				return Change{}, refused("act.child_open", "link", l.ID)
			}
		}
	}
	c.Sets = settle(a.Sets, func(s Setting) string { return fields[s.Field] })
	for _, id := range a.Spawn {
		if l, ok := d.Link(id); ok {
			c.Spawn = append(c.Spawn, l)
		}
	}
	c.Rolls = a.enters(fields)
	c.Moves = d.Moves(a, a.Event, v.State(), c.State, expired, v.Clock)
	return c, nil
}

// Begin is what opening a case does, with the facts it is given and those its category brings.
func (d *Definition) Begin(category string, given, fields map[string]string) Change {
	c := Change{State: d.Start}
	for _, f := range d.Facts {
		if v := d.CategoryFacts[category][f.ID]; v != "" {
			c.Sets = append(c.Sets, Set{f.ID, v})
		}
	}
	c.Sets = append(c.Sets, settle(d.OpenSets, func(s Setting) string { return fields[s.Field] })...)
	c.Rolls = d.opened(given, c.Sets, fields)
	c.Moves = d.Moves(nil, d.Opening, "", d.Start, "", func(string) Status { return Idle })
	return c
}

// opened puts whoever opens a case on a roll. The condition reads the facts the case begins with.
func (d *Definition) opened(given map[string]string, sets []Set, fields map[string]string) Enters {
	if d.Joins.Roll == "" || d.Joins.When.Holds(blank{given, sets}, fields) != Yes {
		return Enters{}
	}
	return Enters{Adds: d.Joins.Roll, Marks: settle(d.Joins.Marks, func(s Setting) string { return fields[s.Field] })}
}

// blank is a case about to be opened: it has the facts it begins with and nothing else.
type blank struct {
	given map[string]string
	sets  []Set
}

func (b blank) Fact(id string) string {
	v := b.given[id]
	for _, s := range b.sets {
		if s.Fact == id {
			v = s.Value
		}
	}
	return v
}
func (blank) State() string                 { return "" }
func (blank) Clock(string) Status           { return Idle }
func (blank) Done(string) int               { return 0 }
func (blank) Open(string) bool              { return false }
func (blank) Outcome(string) string         { return "" }
func (blank) Top() bool                     { return false }
func (blank) Level() string                 { return "" }
func (blank) Contact() bool                 { return false }
func (blank) Joint() bool                   { return false }
func (blank) Marks(string, string) []string { return nil }
func (blank) Mark(string, string) string    { return "" }
func (blank) About() string                 { return "" }
func (blank) Full(string) bool              { return false }

// Brings are the facts of the case a link opens, read from the case that opens it.
func (l *Link) Brings(fact func(string) string) map[string]string {
	out := map[string]string{}
	for _, s := range settle(l.Sets, func(s Setting) string { return fact(s.Field) }) {
		out[s.Fact] = s.Value
	}
	return out
}

// settle gives settings their values; an answer that was not given changes nothing.
func settle(list []Setting, from func(Setting) string) []Set {
	var out []Set
	for _, s := range list {
		v := s.Value
		if s.Field != "" {
			if v = from(s); v == "" {
				continue
			}
		}
		out = append(out, Set{s.Fact, v})
	}
	return out
}
