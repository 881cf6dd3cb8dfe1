package procedure

import (
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
	List []string // of OpIn; of OpText the one value
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
)

// Texts reports atoms that have a text as value.
func (o GuardOp) Texts() bool {
	return o == OpText || o == OpFact || o == OpForm || o == OpLevel || o == OpOutcome
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
	}
	return No
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
// opening it stands on.
func (g Guard) Check(d *Definition, fields []form.Field) error {
	if g.Root == nil {
		return nil
	}
	return g.Root.check(d, fields)
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
	}
	if !ok {
		return fmt.Errorf("%s is not known here", n.name())
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
	case OpOpen, OpOutcome, OpRunning, OpExpired, OpDone:
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
