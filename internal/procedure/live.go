package procedure

import (
	"slices"

	"comity/internal/form"
)

// keptUntilRead is one figure of a situation and the states in which somebody can still read it before it is
// written anew. In all others it is forgotten: two situations that differ in nothing but what nobody will
// ever read are one. Compilers call this the liveness of variables. The search meets no situation less and
// finds no mistake less; it may meet one more, because two values of a forgotten mark no longer show that at
// least two are on the roll.
type keptUntilRead struct {
	at   slot
	roll bool // a set of values: that somebody is on the roll is kept
	live []bool
}

// readsOf says for one figure which acts read it and which write it whatever it was.
type readsOf struct {
	reads  func(*Act) bool
	writes func(*Act) bool
}

func nothing(*Act) bool { return false }

// layLive works out for each figure in which states it matters.
func (s *space) layLive() {
	add := func(at slot, roll bool, r readsOf) {
		if at.width > 0 {
			s.vital = append(s.vital, keptUntilRead{at, roll, s.alive(r)})
		}
	}
	for i, f := range s.d.Facts {
		if _, ok := s.facted[f.ID]; ok && !f.KeepsClocks { // a correction is told from a first entry by what was there
			add(s.facts[i], false, readsOf{
				reads:  func(a *Act) bool { return mentions(a, OpFact, f.ID) },
				writes: func(a *Act) bool { return a.surely(a.Sets, f.ID) },
			})
		}
	}
	for _, t := range s.tallies {
		r := s.d.Rolls[t.roll]
		add(t.at, true, s.readsOfMark(r.ID, r.Marks[t.mark].ID))
	}
	for i := range s.d.Acts {
		self := &s.d.Acts[i]
		add(s.done[i], false, readsOf{
			reads:  func(a *Act) bool { return a == self && s.bounded(a) || mentions(a, OpDone, self.ID) },
			writes: nothing,
		})
	}
	for i, l := range s.d.Links {
		add(s.ended[i], false, readsOf{func(a *Act) bool { return mentions(a, OpOutcome, l.ID) }, nothing})
	}
}

// bounded reports an act that may be done only so often.
func (s *space) bounded(a *Act) bool { return a.Times > 0 || a.Extends != "" }

func (s *space) readsOfMark(roll, mark string) readsOf {
	return readsOf{
		reads: func(a *Act) bool {
			return mentions(a, OpAll, roll+"."+mark) || mentions(a, OpSome, roll+"."+mark) || a.About == roll && mentions(a, OpMember, mark)
		},
		writes: func(a *Act) bool {
			return slices.ContainsFunc(a.Every, func(e Every) bool {
				return e.Roll == roll && a.surely(e.Marks, mark)
			})
		},
	}
}

// surely reports a setting that an act makes each time it is done: of a value, or of an answer that it cannot
// be done without. An optional answer that is left out leaves what was there.
func (a *Act) surely(sets []Setting, name string) bool {
	return slices.ContainsFunc(sets, func(x Setting) bool {
		if x.Fact != name || x.Field == "" {
			return x.Fact == name
		}
		f, ok := find(a.Fields, x.Field, func(f *form.Field) string { return f.Name })
		return ok && f.Required
	})
}

func mentions(a *Act, op GuardOp, name string) bool {
	hit := false
	a.When.Walk(func(n *Node) { hit = hit || n.Op == op && n.Name == name })
	return hit
}

// alive lists the states from which a reader can be reached before a writer: those where a reader starts, and
// then, until nothing changes, those from which an act that does not write leads to one of them.
func (s *space) alive(r readsOf) []bool {
	live := make([]bool, len(s.d.States))
	for changed := true; changed; {
		changed = false
		for i := range s.d.Acts {
			a := &s.d.Acts[i]
			to := s.stateAt(a.To)
			for _, id := range a.From {
				from := s.stateAt(id)
				if from < 0 || live[from] {
					continue
				}
				if r.reads(a) || to >= 0 && live[to] && !r.writes(a) {
					live[from], changed = true, true
				}
			}
		}
	}
	return live
}

// forget drops what nobody can read from here on.
func (s *space) forget(c config) config {
	state := s.state.get(c)
	for _, v := range s.vital {
		if v.live[state] {
			continue
		}
		left := 0
		if v.roll && v.at.get(c) != 0 {
			left = 1
		}
		c = v.at.set(c, left)
	}
	return c
}
