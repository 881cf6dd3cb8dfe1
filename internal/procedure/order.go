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

// walked is a situation together with the answer to "has it been done?".
type walked struct {
	node int32
	done bool
}

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
	came := map[walked]int{} // the way by which it was first met; -1 at a start
	var queue []walked
	meet := func(at walked, by int) {
		if _, met := came[at]; !met {
			came[at] = by
			queue = append(queue, at)
		}
	}
	for _, n := range starts {
		meet(walked{n, false}, -1)
	}
	before := map[walked]walked{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, i := range from[at.node] {
			w := k.ways[i]
			next := walked{w.to, at.done}
			if act := k.actOf(w); act != "" {
				switch {
				case act == o.Act && !at.done:
					road := append(k.roadTo(at, came, before), k.stepOf(w))
					k.say(Violation{Property: InOrder, State: k.d.States[k.state.get(k.nodes[at.node])].ID, Act: act, Order: o.ID, Road: road})
					return
				case slices.Contains(o.After, act):
					next.done = true
				case slices.Contains(o.Anew, act):
					next.done = false
				}
			}
			if _, met := came[next]; !met {
				before[next] = at
			}
			meet(next, i)
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
func (k *checker) roadTo(at walked, came map[walked]int, before map[walked]walked) []Step {
	var out []Step
	for {
		i := came[at]
		if i < 0 {
			c := k.nodes[at.node]
			out = append(out, Step{State: k.d.States[k.state.get(c)].ID, Unit: k.unit(c)})
			slices.Reverse(out)
			return out
		}
		out = append(out, k.stepOf(k.ways[i]))
		at = before[at]
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
