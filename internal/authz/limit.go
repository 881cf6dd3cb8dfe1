package authz

import "slices"

// Power is one thing a program may be let do with a token.
type Power string

// The powers. Tell and Identify open what is sealed: a token has them only when they were asked for.
const (
	Read     Power = "read"     // numbers, steps and dates of cases in scope
	Do       Power = "act"      // acts, notes and files
	Intake   Power = "intake"   // open cases
	Export   Power = "export"   // lists of more than a page, tables
	Tell     Power = "story"    // what a case is about, level Story
	Identify Power = "identity" // whose it is, level Identity
)

// Powers lists them in the order they are shown.
var Powers = []Power{Read, Do, Intake, Export, Tell, Identify}

// Limit is what a token leaves of what its account may do. The zero Limit takes nothing away: it is that
// of a person in front of a page.
type Limit struct {
	bound  bool
	powers []Power
}

// Only is the limit that leaves these powers; none leaves nothing.
func Only(powers ...Power) Limit { return Limit{bound: true, powers: slices.Clone(powers)} }

// Bound reports a limit that takes anything away: the actor is a program with a token.
func (l Limit) Bound() bool { return l.bound }

// Leaves reports whether the limit leaves a power.
func (l Limit) Leaves(p Power) bool { return !l.bound || slices.Contains(l.powers, p) }

// Opens reports whether the limit lets the actor be shown a level of a case.
func (l Limit) Opens(level Level) bool {
	switch {
	case level <= Steps:
		return l.Leaves(Read)
	case level == Story:
		return l.Leaves(Tell) || l.Leaves(Identify)
	case level == Identity:
		return l.Leaves(Identify)
	}
	return !l.bound // what one party said in confidence is for no program
}

// Limit is how far the actor is held back below the grants.
func (a Actor) Limit() Limit { return a.limit }

// Limited is the same actor, held back. A limit once set is never widened.
func (a Actor) Limited(l Limit) Actor {
	if a.limit.bound {
		kept := slices.DeleteFunc(slices.Clone(a.limit.powers), func(p Power) bool { return !l.Leaves(p) })
		l = Limit{bound: true, powers: kept}
	}
	a.limit = l
	return a
}
