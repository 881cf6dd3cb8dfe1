package draw

import (
	"slices"
	"strings"

	"comity/internal/procedure"
	"comity/internal/worktime"
)

// graph is a procedure as boxes and lines, before anything has a place.
type graph struct {
	d      *procedure.Definition
	w      Words
	o      Options
	nodes  []node
	roads  []road
	phases []string
	rows   [][]int // nodes of each row, from left to right
}

// node is one state.
type node struct {
	state    *procedure.State
	loops    []label // acts that leave the case where it is
	phase    int
	rank     int
	number   int // as it is written in the box and beside every road that leads to it
	row, col int
}

// road is all that leads from one state to another: one line for what people do, another for what
// the clock does.
type road struct {
	from, to int
	clock    bool
	labels   []label
}

// label is the name of one act; Term is set when a clock does it.
type label struct {
	words string
	sign  sign
}

// sign is the small mark before a label.
type sign byte

const (
	plain sign = iota
	clockSign
	loopSign
)

func graphOf(d *procedure.Definition, w Words, o Options) *graph {
	g := &graph{d: d, w: w, o: o, phases: slices.Clone(o.Phases)}
	index := map[string]int{}
	for i := range d.States {
		s := &d.States[i]
		if !slices.Contains(g.phases, s.Phase) {
			g.phases = append(g.phases, s.Phase)
		}
		index[s.ID] = i
		g.nodes = append(g.nodes, node{state: s, phase: slices.Index(g.phases, s.Phase)})
	}
	for i := range d.Acts {
		a := &d.Acts[i]
		for _, from := range a.From {
			f, ok := index[from]
			if !ok {
				continue // the loader names the mistake; a drawing shows what there is
			}
			t, ok := index[a.To]
			if a.To == "" {
				t, ok = f, true
			}
			if ok {
				g.add(f, t, a)
			}
		}
	}
	return g
}

// Order lists the states as a drawing numbers them: phase by phase, and within a phase as a case
// comes to them.
func Order(d *procedure.Definition, phases []string) []string {
	key := func(k string, _ ...string) string { return k }
	g := graphOf(d, Words{T: key, N: func(k string, _ int, _ ...string) string { return k }}, Options{Phases: phases})
	g.layer(1)
	out := make([]string, len(g.nodes))
	for _, n := range g.nodes {
		out[n.number-1] = n.state.ID
	}
	return out
}

// add puts an act on the road between two states.
func (g *graph) add(from, to int, a *procedure.Act) {
	clock := slices.Contains(a.By, procedure.BySystem)
	l := label{words: g.label(a, from, clock)}
	if clock {
		l.sign = clockSign
	}
	if from == to {
		if !clock {
			l.sign = loopSign
		}
		g.nodes[from].loops = append(g.nodes[from].loops, l)
		return
	}
	i := slices.IndexFunc(g.roads, func(r road) bool { return r.from == from && r.to == to && r.clock == clock })
	if i < 0 {
		i = len(g.roads)
		g.roads = append(g.roads, road{from: from, to: to, clock: clock})
	}
	g.roads[i].labels = append(g.roads[i].labels, l)
}

// label is the name of an act with what its box does not say: the term, or who else does it.
func (g *graph) label(a *procedure.Act, from int, clock bool) string {
	name := g.w.T("act." + g.d.ID + "." + a.ID)
	if clock {
		if terms := Terms(g.d, a, g.nodes[from].state.ID, g.w); len(terms) > 0 {
			return g.w.T("draw.after", "act", name, "term", strings.Join(terms, " / "))
		}
		return name
	}
	if who := Stranger(a, g.nodes[from].state.Owner); who != "" {
		return g.w.T("draw.by", "act", name, "who", g.w.T("draw.who."+who))
	}
	return name
}

// Stranger names who does an act in a state that is somebody else's turn: resident, superior, parent
// or child; empty when it is done by whose turn it is, or by the unit that holds the case.
func Stranger(a *procedure.Act, owner procedure.Owner) string {
	for _, who := range []string{procedure.ByResident, procedure.ByParent, procedure.ByChild, procedure.ByGroup} {
		if len(a.By) == 1 && a.By[0] == who && string(owner) != who {
			return who
		}
	}
	if a.Of == procedure.OfSuperior {
		return string(procedure.OfSuperior)
	}
	return ""
}

// Terms are the terms after which the clock does an act in a state, in words, each once. A clock that
// starts and stops with acts may run anywhere.
func Terms(d *procedure.Definition, a *procedure.Act, state string, w Words) []string {
	var out []string
	for i := range d.Clocks {
		c := &d.Clocks[i]
		if c.Expire != a.ID || (len(c.In) > 0 && !slices.Contains(c.In, state)) {
			continue
		}
		if t := Term(c.Rule, w); t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// Term says how long a rule is; empty for a clock that ends on a date somebody sets.
func Term(r worktime.Rule, w Words) string {
	if r.N == 0 {
		return ""
	}
	return w.N("draw.term."+string(r.Unit), r.N)
}

// Turn is the key of the words that say whose turn a state is.
func Turn(s *procedure.State) string {
	if s.Final {
		return "draw.turn.final"
	}
	return "draw.turn." + string(s.Owner)
}
