package procedure

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"comity/internal/form"
	"comity/internal/org"
)

// searched is what a search says of a procedure, with and without what is forgotten.
func searched(d *Definition, remembers bool) (said []string, met map[config]bool, ok bool) {
	s, fits := newSpace(d)
	if !fits {
		return nil, nil, false
	}
	forget := s.forget
	if remembers {
		s.vital = nil
		plain, _ := newSpace(d)
		forget = plain.forget // what is compared afterwards
	}
	for _, v := range s.check(40_000).Violations {
		state := v.State
		if v.Order != "" {
			state = "" // of several roads of one length either may be told
		}
		said = append(said, fmt.Sprint(v.Property, state, v.Act, v.Clock, v.Link, v.Order))
	}
	slices.Sort(said)
	k := &checker{space: s, limit: 40_000, seen: map[config]int32{}, said: map[string]bool{}}
	if !k.search() {
		return nil, nil, false
	}
	met = map[config]bool{}
	for _, c := range k.nodes {
		met[forget(c)] = true
	}
	return said, met, true
}

func noLess(t rapid.TB, d *Definition) {
	t.Helper()
	with, small, ok := searched(d, false)
	without, large, fits := searched(d, true)
	if !ok || !fits {
		return
	}
	for _, v := range without {
		if !slices.Contains(with, v) {
			t.Fatalf("forgetting does not find %s; it finds %v", v, with)
		}
	}
	for c := range large {
		if !small[c] {
			t.Fatalf("forgetting meets %d situations and not one of the %d that remembering meets", len(small), len(large))
		}
	}
}

func Test_a_search_that_forgets_meets_and_finds_all_that_one_that_remembers_does(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { noLess(t, dream(t)) })
}

// An answer that may be left out leaves a fact as it was, so the fact is still needed.
func Test_only_a_sure_setting_lets_a_fact_be_forgotten_before_it(t *testing.T) {
	field := form.Field{Name: "f", Kind: form.Choice, Options: []string{"yes"}}
	for _, required := range []bool{true, false} {
		d := desk(t)
		d.Facts = []Fact{{ID: "seen", Values: []string{"yes"}}}
		field.Required = required
		answer, _ := d.Act("answer")
		answer.When = Guard{Src: "x", Root: &Node{Op: OpEq, Args: []*Node{{Op: OpFact, Name: "seen"}, {Op: OpText, List: []string{"yes"}}}}}
		d.Acts = append(d.Acts, Act{ID: "look", Event: "looked", From: []string{"waiting"}, To: "open", By: []string{"officer"}, Of: OfHolder, Fields: []form.Field{field}, Sets: []Setting{{Fact: "seen", Field: "f"}}})
		for _, id := range []string{"reply", "lapse", "raise"} {
			a, _ := d.Act(id)
			a.Sets = []Setting{{Fact: "seen", Value: ""}}
		}
		s, _ := newSpace(d)
		if live := s.vital[0].live[s.stateAt("waiting")]; live == required {
			t.Errorf("required %v: the fact matters while waiting: %v", required, live)
		}
		noLess(t, d)
	}
}

// dream makes a small procedure of random states, acts, facts and marks; most are unsound, and both searches
// have to say the same of them.
func dream(t *rapid.T) *Definition {
	units, err := org.NewTree([]org.Unit{{ID: "city", Level: org.City, Roles: []string{"officer"}}, {ID: "street", Parent: "city", Level: org.Street, Roles: []string{"officer", "clerk"}}})
	if err != nil {
		t.Fatal(err)
	}
	pick := func(list []string, what string) string { return rapid.SampledFrom(list).Draw(t, what) }
	states, facts, values := []string{"a", "b", "c", "d"}, []string{"f", "g"}, []string{"x", "y"}
	d := &Definition{ID: "p", Start: "a", Opening: "opened", Units: units,
		Facts: []Fact{{ID: "f", Values: values}, {ID: "g", Values: values}},
		Rolls: []Roll{{ID: "party", Marks: []Mark{{ID: "m", Values: values}, {ID: "n", Values: values}}}},
		Joins: Joining{Roll: "party", Marks: []Setting{{Fact: "m", Value: "x"}, {Fact: "n", Value: "x"}}}}
	for _, id := range states {
		d.States = append(d.States, State{ID: id, Owner: OwnerHolder})
	}
	d.States = append(d.States, State{ID: "end", Final: true})
	answer := form.Field{Name: "v", Kind: form.Choice, Options: values}
	setting := func(name string) Setting {
		if rapid.Bool().Draw(t, "from the answer") {
			return Setting{Fact: name, Field: "v"}
		}
		return Setting{Fact: name, Value: pick(append([]string{""}, values...), "value")}
	}
	guard := func(about bool) Guard {
		var n *Node
		is := func(left *Node) *Node {
			return &Node{Op: OpEq, Args: []*Node{left, {Op: OpText, List: []string{pick(values, "value")}}}}
		}
		switch rapid.IntRange(0, 6).Draw(t, "guard") {
		case 0:
			n = is(&Node{Op: OpFact, Name: pick(facts, "fact")})
		case 1:
			n = &Node{Op: OpAll, Name: "party." + pick([]string{"m", "n"}, "mark"), List: []string{pick(values, "value")}}
		case 2:
			n = &Node{Op: OpSome, Name: "party." + pick([]string{"m", "n"}, "mark"), List: []string{pick(values, "value")}}
		case 3:
			if about {
				n = is(&Node{Op: OpMember, Name: "m", List: []string{"party"}})
			}
		case 4:
			n = &Node{Op: OpDone, Name: "t0"}
		}
		if n == nil {
			return Guard{}
		}
		return Guard{Src: "x", Root: n}
	}
	for i := range rapid.IntRange(4, 9).Draw(t, "acts") {
		id := fmt.Sprint("t", i)
		a := Act{ID: id, Event: id, From: []string{pick(states, "from")}, To: pick([]string{"", "a", "b", "c", "d", "end"}, "to"), By: []string{"officer"}, Of: OfHolder,
			Times: rapid.IntRange(0, 2).Draw(t, "times"), Answers: rapid.Bool().Draw(t, "answers"), Remedy: RemedyNone, Fields: []form.Field{answer}}
		a.Fields[0].Required = rapid.Bool().Draw(t, "required")
		if rapid.Bool().Draw(t, "sets") {
			a.Sets = []Setting{setting(pick(facts, "fact"))}
		}
		switch rapid.IntRange(0, 4).Draw(t, "roll") {
		case 0:
			a.Adds, a.Marks = "party", []Setting{setting("m"), setting("n")}
		case 1:
			a.About, a.Marks = "party", []Setting{setting("m")}
		case 2:
			a.About, a.Leaves = "party", true
		case 3:
			a.Every = []Every{{Roll: "party", Marks: []Setting{setting(pick([]string{"m", "n"}, "mark"))}}}
		}
		a.When = guard(a.About != "")
		d.Acts = append(d.Acts, a)
	}
	d.Orders = []Order{{ID: "o", Act: "t1", After: []string{"t2"}, Anew: []string{"t3"}}}
	return d
}
