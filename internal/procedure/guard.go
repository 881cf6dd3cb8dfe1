package procedure

import (
	"cmp"
	"fmt"
	"slices"

	"comity/internal/form"
	"comity/internal/org"
)

// Guard is a condition on an act: a finished tree, so that the checker can read it as well as run it.
// The zero Guard always holds. Packs write guards as text; package pack parses them into this form.
type Guard struct {
	Src  string // as the pack writes it
	Root *Node
}

// Node is one part of a guard. Every evaluation ends: there are no loops, calls of the pack's own, or
// numbers.
type Node struct {
	Op   GuardOp
	Args []*Node
	Name string   // of OpFact, OpForm, and what a call is about
	List []string // of OpIn, OpAll and OpSome; of OpText the one value
}

// GuardOp is what a node does.
type GuardOp string

// Operators and atoms. Those marked (text) have a value, the others are true or false.
const (
	OpAnd     GuardOp = "&&"
	OpOr      GuardOp = "||"
	OpNot     GuardOp = "!"
	OpEq      GuardOp = "=="
	OpNe      GuardOp = "!="
	OpIn      GuardOp = "in"
	OpText    GuardOp = "text"    // (text) a constant
	OpFact    GuardOp = "fact"    // (text) a fact of the case, empty when unset
	OpForm    GuardOp = "form"    // (text) the answer to a choice or yes field of the act
	OpLevel   GuardOp = "level"   // (text) the level of the holder
	OpOutcome GuardOp = "outcome" // (text) how the last child of a link ended
	OpTop     GuardOp = "top"     // the holder has no superior here
	OpContact GuardOp = "contact" // the resident can be reached
	OpJoint   GuardOp = "joint"   // some unit was asked to join
	OpOpen    GuardOp = "open"    // a child of the link is open
	OpRunning GuardOp = "running" // a clock runs
	OpExpired GuardOp = "expired" // a clock ran out
	OpDone    GuardOp = "done"    // an act has been done
	OpAll     GuardOp = "all"     // everybody on a roll has one of these values of a mark, "party.consent"
	OpSome    GuardOp = "some"    // somebody has
	OpMember  GuardOp = "member"  // (text) a mark of the member the act is about
)

// Texts reports atoms that have a text as value.
func (o GuardOp) Texts() bool {
	return o == OpText || o == OpFact || o == OpForm || o == OpLevel || o == OpOutcome || o == OpMember
}

// Truth is the answer of a guard; a guard that reads answers not yet given may be open.
type Truth uint8

// The three answers.
const (
	No Truth = iota
	Maybe
	Yes
)

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// View is a case as far as rules see it. A concrete case and a situation of the checker are both one.
type View interface {
	State() string
	Fact(id string) string
	Clock(id string) Status
	Done(act string) int
	Open(link string) bool      // a child of the link is open
	Outcome(link string) string // how its last ended child ended
	Top() bool
	Level() string
	Contact() bool
	Joint() bool
	Marks(roll, mark string) []string // the values that members of the roll have, each once; "" where it is unset
	Mark(member, mark string) string  // of one member
	About() string                    // the member an act would be about, where that is settled before it is done
	Full(roll string) bool            // nobody more can be put on the roll
}

// Holds evaluates the guard. fields are the act's answers; nil means they are not given yet, and what
// depends on them is Maybe.
func (g Guard) Holds(v View, fields map[string]string) Truth {
	if g.Root == nil {
		return Yes
	}
	return g.Root.holds(v, fields)
}

func (n *Node) holds(v View, fields map[string]string) Truth {
	switch n.Op {
	case OpAnd:
		return min(n.Args[0].holds(v, fields), n.Args[1].holds(v, fields))
	case OpOr:
		return max(n.Args[0].holds(v, fields), n.Args[1].holds(v, fields))
	case OpNot:
		return Yes - n.Args[0].holds(v, fields)
	case OpEq, OpNe:
		a, okA := n.Args[0].text(v, fields)
		b, okB := n.Args[1].text(v, fields)
		if !okA || !okB {
			return Maybe
		}
		return truth((a == b) == (n.Op == OpEq))
	case OpIn:
		a, ok := n.Args[0].text(v, fields)
		if !ok {
			return Maybe
		}
		return truth(slices.Contains(n.List, a))
	case OpForm: // a yes field standing alone
		a, ok := n.text(v, fields)
		if !ok {
			return Maybe
		}
		return truth(a != "")
	case OpTop:
		return truth(v.Top())
	case OpContact:
		return truth(v.Contact())
	case OpJoint:
		return truth(v.Joint())
	case OpOpen:
		return truth(v.Open(n.Name))
	case OpRunning:
		return truth(v.Clock(n.Name) == Running)
	case OpExpired:
		return truth(v.Clock(n.Name) == Expired)
	case OpDone:
		return truth(v.Done(n.Name) > 0)
	case OpAll, OpSome:
		roll, mark := rollMark(n.Name)
		return truth(n.among(v.Marks(roll, mark)))
	}
	return No
}

// among says whether all, or some, of the values that members have are those named. Where nobody is on the
// roll, all is true and some is not.
func (n *Node) among(have []string) bool {
	named := func(x string) bool { return slices.Contains(n.List, x) }
	if n.Op == OpSome {
		return slices.ContainsFunc(have, named)
	}
	return !slices.ContainsFunc(have, func(x string) bool { return !named(x) })
}

func (n *Node) text(v View, fields map[string]string) (string, bool) {
	switch n.Op {
	case OpText:
		return n.List[0], true
	case OpFact:
		return v.Fact(n.Name), true
	case OpForm:
		return fields[n.Name], fields != nil
	case OpLevel:
		return v.Level(), true
	case OpOutcome:
		return v.Outcome(n.Name), true
	case OpMember:
		id := cmp.Or(fields[FieldMember], v.About())
		return v.Mark(id, n.Name), id != ""
	}
	return "", false
}

// Walk visits every part of the guard.
func (g Guard) Walk(visit func(*Node)) {
	var walk func(*Node)
	walk = func(n *Node) {
		visit(n)
		for _, a := range n.Args {
			walk(a)
		}
	}
	if g.Root != nil {
		walk(g.Root)
	}
}

// Check says what is wrong with the names and types of a guard, or nil. fields are those of the act or
// opening it stands on, about the roll of the member it concerns.
func (g Guard) Check(d *Definition, fields []form.Field, about string) error {
	if g.Root == nil {
		return nil
	}
	var err error
	g.Walk(func(n *Node) {
		if n.Op == OpMember && err == nil {
			err = n.marked(d, about)
		}
	})
	if err != nil {
		return err
	}
	return g.Root.check(d, fields)
}

// marked checks that the act is about a member who has such a mark, and gives the part its roll.
func (n *Node) marked(d *Definition, about string) error {
	if about == "" {
		return fmt.Errorf("%s: the act is about nobody; say about: ROLL", n.name())
	}
	r, ok := d.Roll(about)
	if ok {
		_, ok = r.Mark(n.Name)
	}
	if !ok {
		return fmt.Errorf("%s is not known here", n.name())
	}
	n.List = []string{about}
	return nil
}

func (n *Node) check(d *Definition, fields []form.Field) error {
	for _, a := range n.Args {
		if err := a.check(d, fields); err != nil {
			return err
		}
	}
	if err := n.known(d, fields); err != nil {
		return err
	}
	switch n.Op {
	case OpAnd, OpOr, OpNot:
		for _, a := range n.Args {
			if a.Op.Texts() && !isYes(a, fields) {
				return fmt.Errorf("%s is a text, not a condition; compare it with == or in", a.name())
			}
		}
	case OpEq, OpNe:
		return n.comparable(d, fields)
	case OpIn:
		if !n.Args[0].Op.Texts() {
			return fmt.Errorf("%s is a condition; in needs a text before it", n.Args[0].name())
		}
		for _, v := range n.List {
			if err := n.Args[0].may(d, fields, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// known checks that the name a part speaks of exists.
func (n *Node) known(d *Definition, fields []form.Field) error {
	ok := true
	switch n.Op {
	case OpFact:
		_, ok = d.Fact(n.Name)
	case OpForm:
		f, there := find(fields, n.Name, func(f *form.Field) string { return f.Name })
		if there && f.Personal && f.Kind == form.Number {
			return fmt.Errorf("form.%s is a number about a person; no rule may depend on it, so ask for the decision and its reasons instead", n.Name)
		}
		if there && f.Kind != form.Choice && f.Kind != form.Yes && f.Kind != form.Outcome {
			return fmt.Errorf("form.%s is of kind %s; a guard may read choice, outcome and yes fields only", n.Name, f.Kind)
		}
		if there && f.Personal {
			return fmt.Errorf("form.%s says something about a person; no rule may depend on it", n.Name)
		}
		ok = there
	case OpOpen, OpOutcome:
		_, ok = d.Link(n.Name)
	case OpRunning, OpExpired:
		_, ok = d.Clock(n.Name)
	case OpDone:
		_, ok = d.Act(n.Name)
	case OpAll, OpSome:
		roll, mark := rollMark(n.Name)
		r, there := d.Roll(roll)
		if ok = there; ok {
			m, there := r.Mark(mark)
			if ok = there; ok {
				return among(n, m.Values)
			}
		}
	}
	if !ok {
		return fmt.Errorf("%s is not known here", n.name())
	}
	return nil
}

// among checks that every value a part names is one of these.
func among(n *Node, values []string) error {
	for _, v := range n.List {
		if v != "" && !slices.Contains(values, v) {
			return fmt.Errorf("%s is never %q; it can be %v", n.name(), v, values)
		}
	}
	return nil
}

func isYes(n *Node, fields []form.Field) bool {
	f, ok := find(fields, n.Name, func(f *form.Field) string { return f.Name })
	return n.Op == OpForm && ok && f.Kind == form.Yes
}

func (n *Node) comparable(d *Definition, fields []form.Field) error {
	a, b := n.Args[0], n.Args[1]
	for _, x := range n.Args {
		if !x.Op.Texts() {
			return fmt.Errorf("%s is a condition; == and != compare texts", x.name())
		}
	}
	if b.Op == OpText {
		return a.may(d, fields, b.List[0])
	}
	if a.Op == OpText {
		return b.may(d, fields, a.List[0])
	}
	return nil
}

// may checks that a part can have this value at all: a comparison that is never true is a mistake.
func (n *Node) may(d *Definition, fields []form.Field, value string) error {
	var all []string
	switch n.Op {
	case OpFact:
		f, _ := d.Fact(n.Name)
		all = f.Values
	case OpForm:
		f, _ := find(fields, n.Name, func(f *form.Field) string { return f.Name })
		if all = f.Options; f.Kind == form.Yes {
			all = []string{"yes"}
		}
	case OpMember:
		r, _ := d.Roll(n.List[0])
		m, _ := r.Mark(n.Name)
		all = m.Values
	case OpLevel:
		for l := org.City; l <= org.Group; l++ {
			all = append(all, l.String())
		}
	case OpOutcome:
		l, _ := d.Link(n.Name)
		if all = d.Ends[l.Procedure]; len(all) == 0 {
			return nil // known once the other procedure is read
		}
	default:
		return nil
	}
	if value == "" || slices.Contains(all, value) {
		return nil
	}
	return fmt.Errorf("%s is never %q; it can be %v", n.name(), value, all)
}

func (n *Node) name() string {
	switch n.Op {
	case OpText:
		return fmt.Sprintf("%q", n.List[0])
	case OpFact:
		return n.Name
	case OpForm:
		return "form." + n.Name
	case OpOpen, OpOutcome, OpRunning, OpExpired, OpDone, OpAll, OpSome, OpMember:
		return fmt.Sprintf("%s(%q)", n.Op, n.Name)
	}
	return string(n.Op)
}

// Needs lists the acts without which a guard never holds: those it asks for with done in every case.
func (g Guard) Needs() []string {
	var out []string
	var walk func(n *Node)
	walk = func(n *Node) {
		switch {
		case n == nil:
		case n.Op == OpDone:
			out = append(out, n.Name)
		case n.Op == OpAnd:
			for _, a := range n.Args {
				walk(a)
			}
		}
	}
	walk(g.Root)
	return out
}
