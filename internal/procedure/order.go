package procedure

import "slices"

// Order says what must have been done before an act: nothing is answered without consent or duty, nothing
// is used before the person has seen it. A guard could say the same where somebody thinks of it; this
// is a claim about every road, which the checker proves and an overlay of a city cannot lose unseen.
type Order struct {
	ID    string
	Act   string   // does not happen
	After []string // before one of these was done
	Anew  []string // and since the last of these
	Law   Law
}

// InOrder is the property of orders.
const InOrder Property = "acts-in-order"

// way is one step of the search, kept only where a procedure has orders to prove.
type way struct {
	edge
	to int32
}

// walked is a situation together with the answer to "has it been done?": the number of the situation twice, and one
// more where it has. A walk is two lists over these numbers, since it meets millions of them.
type walked int32

func at(node int32, done bool) walked {
	if done {
		return walked(2*node + 1)
	}
	return walked(2 * node)
}

func (w walked) node() int32 { return int32(w / 2) }
func (w walked) done() bool  { return w%2 == 1 }

// orderWalk is how situations were first met.
type orderWalk struct {
	by   []int32  // the way; beginning at a start, unmet before
	from []walked // where it set out
}

const (
	unmet     = -2
	beginning = -1
)

// orders proves every order: it walks all ways again, with one bit that says whether one of After was
// done since the last of Anew, and tells the shortest road on which the act comes too early.
func (k *checker) orders() {
	if len(k.d.Orders) == 0 {
		return
	}
	from := make([][]int, len(k.nodes))
	var starts []int32
	for i, w := range k.ways {
		if w.from < 0 {
			starts = append(starts, w.to)
			continue
		}
		from[w.from] = append(from[w.from], i)
	}
	for i := range k.d.Orders {
		k.order(&k.d.Orders[i], from, starts)
	}
}

func (k *checker) order(o *Order, from [][]int, starts []int32) {
	w := orderWalk{make([]int32, 2*len(k.nodes)), make([]walked, 2*len(k.nodes))}
	for i := range w.by {
		w.by[i] = unmet
	}
	var queue []walked
	meet := func(there walked, by int32, from walked) {
		if w.by[there] == unmet {
			w.by[there], w.from[there] = by, from
			queue = append(queue, there)
		}
	}
	for _, n := range starts {
		meet(at(n, false), beginning, 0)
	}
	for len(queue) > 0 {
		here := queue[0]
		queue = queue[1:]
		for _, i := range from[here.node()] {
			took, done := k.ways[i], here.done()
			if act := k.actOf(took); act != "" {
				switch {
				case act == o.Act && !done:
					road := append(k.roadTo(here, w), k.stepOf(took))
					k.say(Violation{Property: InOrder, State: k.d.States[k.state.get(k.nodes[here.node()])].ID, Act: act, Order: o.ID, Road: road})
					return
				case slices.Contains(o.After, act):
					done = true
				case slices.Contains(o.Anew, act):
					done = false
				}
			}
			meet(at(took.to, done), int32(i), here)
		}
	}
}

// ordered reports a step whose act some order speaks of. Of the other steps those that change nothing are no
// part of any road that an order is proved on.
func (k *checker) ordered(e edge) bool {
	if e.act < 0 {
		return false
	}
	id := k.d.Acts[e.act].ID
	return slices.ContainsFunc(k.d.Orders, func(o Order) bool {
		return o.Act == id || slices.Contains(o.After, id) || slices.Contains(o.Anew, id)
	})
}

func (k *checker) actOf(w way) string {
	if w.act < 0 {
		return ""
	}
	return k.d.Acts[w.act].ID
}

// roadTo tells how the walk came to a situation.
func (k *checker) roadTo(there walked, w orderWalk) []Step {
	var out []Step
	for {
		i := w.by[there]
		if i == beginning {
			c := k.nodes[there.node()]
			out = append(out, Step{State: k.d.States[k.state.get(c)].ID, Unit: k.unit(c)})
			slices.Reverse(out)
			return out
		}
		out = append(out, k.stepOf(k.ways[i]))
		there = w.from[there]
	}
}

func (k *checker) stepOf(w way) Step {
	c := k.nodes[w.to]
	s := Step{Act: k.actOf(w), State: k.d.States[k.state.get(c)].ID, Unit: k.unit(c)}
	if w.clock >= 0 {
		s.Clock = k.d.Clocks[w.clock].ID
	}
	if w.link >= 0 {
		s.Link, s.Ended = k.d.Links[w.link].ID, k.outcomes[w.link][w.ended]
	}
	return s
}
