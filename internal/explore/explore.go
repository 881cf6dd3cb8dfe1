// Package explore owns the guide before filing: plain questions whose answers lead to a door, which is
// where a matter belongs. A guide is a graph of questions without circles; questions may be shared by
// several roads, and what is asked next depends on nothing but the answer just given.
//
// It refuses words, laws and memory: texts and doors are the pack's, and a person's answers are a list of
// option ids that whoever asks carries along. Nothing here counts, keeps or compares answers.
//
// Open this file first; check.go proves that no road gets lost.
package explore

import (
	"iter"
	"slices"
)

// Graph is a guide: where it starts, what it asks and where answers lead.
type Graph struct {
	Start     string
	Most      int // questions on the longest road, at most
	Questions []Question
	Doors     []Door
	Emergency string   // the door that every page shows; empty = none
	Otherwise []string // doors for whom nothing fits, shown on every page
}

// Question is asked with a closed list of answers.
type Question struct {
	ID      string
	Options []Option
}

// Option is one answer and where it leads: to a question or to a door.
type Option struct {
	ID, To string
	// Fills marks an answer that puts something into the filing. Two answers that lead to the same place
	// are worth asking about only if one of them does.
	Fills bool
}

// Door is where a road ends.
type Door struct {
	ID     string
	Urgent bool     // help comes at once when one calls
	Also   []string // doors that stay open beside it
}

// Step is one answer.
type Step struct{ Question, Option string }

// Question finds a question.
func (g *Graph) Question(id string) (*Question, bool) {
	i := slices.IndexFunc(g.Questions, func(q Question) bool { return q.ID == id })
	if i < 0 {
		return nil, false
	}
	return &g.Questions[i], true
}

// Door finds a door.
func (g *Graph) Door(id string) (*Door, bool) {
	i := slices.IndexFunc(g.Doors, func(d Door) bool { return d.ID == id })
	if i < 0 {
		return nil, false
	}
	return &g.Doors[i], true
}

// Option finds an answer of a question.
func (q *Question) Option(id string) (*Option, bool) {
	i := slices.IndexFunc(q.Options, func(o Option) bool { return o.ID == id })
	if i < 0 {
		return nil, false
	}
	return &q.Options[i], true
}

// Follow goes as far along a list of answers as the guide knows them. at is the question or the door that
// was reached; whole is false when answers were left over, as in an address from before the guide changed.
func (g *Graph) Follow(answers []string) (road []Step, at string, whole bool) {
	at = g.Start
	for _, a := range answers {
		q, ok := g.Question(at)
		if !ok {
			return road, at, false
		}
		o, ok := q.Option(a)
		if !ok || len(road) >= len(g.Questions) {
			return road, at, false
		}
		road, at = append(road, Step{q.ID, o.ID}), o.To
	}
	return road, at, true
}

// Left is how many questions the longest road from here still asks, this one included; 0 at a door.
func (g *Graph) Left(at string) int {
	return g.tally(at, func(q *Question, of func(string) int) int {
		most := 0
		for _, o := range q.Options {
			most = max(most, of(o.To))
		}
		return most + 1
	})
}

// uncounted is where Count stops counting.
const uncounted = 1 << 30

// Count is how many roads lead from the start to doors.
func (g *Graph) Count() int {
	n := g.tally(g.Start, func(q *Question, of func(string) int) int {
		n := 0
		for _, o := range q.Options {
			if _, door := g.Door(o.To); door {
				n++
			}
			n = min(n+of(o.To), uncounted)
		}
		return n
	})
	return n
}

// tally works a figure out for every question from those after it, each once; doors have none. A circle,
// which no checked guide has, counts as its end.
func (g *Graph) tally(at string, sum func(q *Question, of func(string) int) int) int {
	known := map[string]int{}
	var of func(string) int
	of = func(id string) int {
		n, ok := known[id]
		q, asks := g.Question(id)
		if ok || !asks {
			return n
		}
		known[id] = 0
		known[id] = sum(q, of)
		return known[id]
	}
	return of(at)
}

// Roads goes through every road from the start to a door, in the order of the questions' answers. Of a
// guide that was not checked it skips the roads that come back to where they were.
func (g *Graph) Roads() iter.Seq2[[]Step, string] {
	return func(yield func([]Step, string) bool) {
		var road []Step
		var walk func(at string) bool
		walk = func(at string) bool {
			if _, door := g.Door(at); door {
				return yield(slices.Clone(road), at)
			}
			q, ok := g.Question(at)
			if !ok || slices.ContainsFunc(road, func(s Step) bool { return s.Question == at }) {
				return true
			}
			for _, o := range q.Options {
				road = append(road, Step{q.ID, o.ID})
				on := walk(o.To)
				road = road[:len(road)-1]
				if !on {
					return false
				}
			}
			return true
		}
		walk(g.Start)
	}
}

// After lists what can be reached from a question or door by answering, itself included.
func (g *Graph) After(at string) []string {
	out := []string{at}
	for i := 0; i < len(out); i++ {
		q, ok := g.Question(out[i])
		if !ok {
			continue
		}
		for _, o := range q.Options {
			if !slices.Contains(out, o.To) {
				out = append(out, o.To)
			}
		}
	}
	return out
}
