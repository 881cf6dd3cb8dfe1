package explore

import (
	"cmp"
	"slices"
)

// Rule is what a guide promises to whoever answers its questions.
type Rule string

// The rules, in the order in which they are judged. Each is shown by the shortest road that breaks it.
const (
	EndsAtDoor   Rule = "ends-at-door"   // there is a first question, and no question without answers
	NoDeadAnswer Rule = "no-dead-answer" // every answer leads to a question or a door that exists
	NoCircle     Rule = "no-circle"      // no road comes back to a question
	Reachable    Rule = "reachable"      // every question is asked on some road, every door stands on some page
	Decides      Rule = "decides"        // the answers to a question do not all do the same
	ShortEnough  Rule = "short-enough"   // no road asks more than Graph.Most questions
	HelpAtOnce   Rule = "help-at-once"   // urgent help can be reached from every question
)

// Rules lists every rule.
var Rules = []Rule{EndsAtDoor, NoDeadAnswer, NoCircle, Reachable, Decides, ShortEnough, HelpAtOnce}

// Broken is one rule broken at one place. Road is the shortest way to it from the start; it is empty where
// no road leads there.
type Broken struct {
	Rule     Rule
	Question string // where it is broken; empty when it is about a door or about the whole
	Option   string
	Door     string
	Road     []Step
	N        int // questions on the longest road, for ShortEnough
}

// Check judges a guide by every rule. Rules about roads are judged only when the answers lead somewhere
// and no road runs in a circle, because everything else would be a consequence.
func Check(g *Graph) []Broken {
	c := newChecker(g)
	bad := slices.Concat(c.ends(), c.dead())
	if len(bad) == 0 {
		bad = c.circle()
	}
	if len(bad) > 0 {
		return bad
	}
	return slices.Concat(c.unreached(), c.idle(), c.long(), c.help())
}

// checker knows the shortest road to everything that can be reached.
type checker struct {
	g    *Graph
	road map[string][]Step
}

func newChecker(g *Graph) *checker { return &checker{g, shortest(g, g.Start)} }

// shortest finds the shortest road from a place to every other: breadth first, in the order of answers.
func shortest(g *Graph, from string) map[string][]Step {
	road := map[string][]Step{from: nil}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		q, ok := g.Question(queue[0])
		if !ok {
			continue
		}
		for _, o := range q.Options {
			if _, seen := road[o.To]; !seen {
				road[o.To] = append(slices.Clone(road[q.ID]), Step{q.ID, o.ID})
				queue = append(queue, o.To)
			}
		}
	}
	return road
}

func (c *checker) ends() []Broken {
	var bad []Broken
	if _, ok := c.g.Question(c.g.Start); !ok {
		bad = append(bad, Broken{Rule: EndsAtDoor})
	}
	for _, q := range c.g.Questions {
		if len(q.Options) == 0 {
			bad = append(bad, Broken{Rule: EndsAtDoor, Question: q.ID, Road: c.road[q.ID]})
		}
	}
	return bad
}

func (c *checker) there(id string) bool {
	_, question := c.g.Question(id)
	_, door := c.g.Door(id)
	return question || door
}

// to is the shortest road that ends with an answer; none where nobody is asked.
func (c *checker) to(question, option string) []Step {
	road, reached := c.road[question]
	if !reached {
		return nil
	}
	return append(slices.Clone(road), Step{question, option})
}

func (c *checker) dead() []Broken {
	var bad []Broken
	for _, q := range c.g.Questions {
		for _, o := range q.Options {
			if !c.there(o.To) {
				bad = append(bad, Broken{Rule: NoDeadAnswer, Question: q.ID, Option: o.ID, Road: c.to(q.ID, o.ID)})
			}
		}
	}
	return bad
}

// circle finds the circle that is met soonest, and tells the road to it and once around.
func (c *checker) circle() []Broken {
	var best *Broken
	for _, q := range c.g.Questions {
		to, reached := c.road[q.ID]
		if !reached {
			continue
		}
		around := c.around(q)
		if around != nil && (best == nil || len(to)+len(around) < len(best.Road)) {
			last := around[len(around)-1]
			best = &Broken{Rule: NoCircle, Question: last.Question, Option: last.Option, Road: slices.Concat(to, around)}
		}
	}
	if best != nil {
		return []Broken{*best}
	}
	return nil
}

// around is the shortest road from a question back to it; nil = there is none.
func (c *checker) around(q Question) []Step {
	var best []Step
	for _, o := range q.Options {
		for id, road := range shortest(c.g, o.To) {
			if id == q.ID && (best == nil || len(road)+1 < len(best)) {
				best = append([]Step{{q.ID, o.ID}}, road...)
			}
		}
	}
	return best
}

func (c *checker) unreached() []Broken {
	var bad []Broken
	for _, q := range c.g.Questions {
		if _, ok := c.road[q.ID]; !ok {
			bad = append(bad, Broken{Rule: Reachable, Question: q.ID})
		}
	}
	shown := append(slices.Clone(c.g.Otherwise), c.g.Emergency)
	for _, d := range c.g.Doors {
		if _, ok := c.road[d.ID]; ok {
			shown = append(shown, d.ID)
		}
	}
	for i := 0; i < len(shown); i++ { // a door shown beside a door that is shown
		if d, ok := c.g.Door(shown[i]); ok {
			for _, also := range d.Also {
				if !slices.Contains(shown, also) {
					shown = append(shown, also)
				}
			}
		}
	}
	for _, d := range c.g.Doors {
		if !slices.Contains(shown, d.ID) {
			bad = append(bad, Broken{Rule: Reachable, Door: d.ID})
		}
	}
	return bad
}

func (c *checker) idle() []Broken {
	var bad []Broken
	for _, q := range c.g.Questions {
		first := q.Options[0].To
		if !slices.ContainsFunc(q.Options, func(o Option) bool { return o.To != first || o.Fills }) || len(q.Options) < 2 {
			bad = append(bad, Broken{Rule: Decides, Question: q.ID, Road: c.road[q.ID]})
		}
	}
	return bad
}

// long finds a question that is the first too many, and the road on which it is.
func (c *checker) long() []Broken {
	most := c.g.Left(c.g.Start)
	if most <= c.g.Most {
		return nil
	}
	var road []Step
	at := c.g.Start
	for len(road) < c.g.Most {
		q, _ := c.g.Question(at)
		o := slices.MaxFunc(q.Options, func(a, b Option) int { return cmp.Compare(c.g.Left(a.To), c.g.Left(b.To)) })
		road, at = append(road, Step{q.ID, o.ID}), o.To
	}
	return []Broken{{Rule: ShortEnough, Question: at, Road: road, N: most}}
}

// help holds where every page shows an urgent door, or where each question leads to one.
func (c *checker) help() []Broken {
	if d, ok := c.g.Door(c.g.Emergency); ok && d.Urgent {
		return nil
	}
	var worst *Broken
	for _, q := range c.g.Questions {
		road, reached := c.road[q.ID]
		if !reached || slices.ContainsFunc(c.g.After(q.ID), c.urgent) {
			continue
		}
		if worst == nil || len(road) < len(worst.Road) {
			worst = &Broken{Rule: HelpAtOnce, Question: q.ID, Road: road}
		}
	}
	if worst == nil {
		return nil
	}
	return []Broken{*worst}
}

func (c *checker) urgent(id string) bool {
	d, ok := c.g.Door(id)
	return ok && d.Urgent
}
