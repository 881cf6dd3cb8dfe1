// Package authz decides who may do and see what: Actor, Grant, Scope, Allow, and the Table of rules behind them.
//
// It refuses a superuser: no role passes every check, and the zero Actor may do nothing. An Actor
// is built only where somebody proved who they are (sign-in, token, follow code) or where the
// machine itself acts (timers, import); archtest holds the list of those places.
//
// Open this file first, then table.go, which holds the rules of reading; level.go says how much of a case,
// delegation.go has deputies and administrators, limit.go what a token leaves.
package authz

import (
	"slices"

	"comity/internal/org"
)

// Role is a name from the pack ("clerk", "officer", "head") or one of the four below.
type Role string

// Roles the kernel itself knows. No unit can grant them.
const (
	System   Role = "system"   // timers and the courier
	Resident Role = "resident" // whoever holds the follow code of one case
	Member   Role = "member"   // whoever holds the key of one member of one case
	Importer Role = "importer" // history from another system, at its own times
)

// Grant is a role somebody holds in one unit, for some programmes (none listed = all).
type Grant struct {
	Role       Role
	Unit       org.UnitID
	Programmes []string
}

// Actor is who acts. The zero value is nobody and is refused everywhere.
type Actor struct {
	id     string
	kind   Role // System, Resident, Member, Importer, or empty for staff
	grants []Grant
	one    string // the only case a resident or member may touch
	member string // of that case

	rules       *Table // what the grants open; see Under
	ruled       bool
	compartment string       // which one Scope is about; empty = civic
	stands      string       // who is acted for, when a deputy acts
	admin       []org.UnitID // subtrees whose accounts are kept; no right to cases
	limit       Limit        // of a token
}

// Staff is a signed-in person or a token acting for one. A grant of a kernel role is worth nothing: it
// is left out, so that no stored row makes a person the clock, a resident or an import.
func Staff(id string, grants []Grant) Actor {
	cases, admin := apart(grants)
	return Actor{id: id, grants: cases, admin: admin}
}

// Under puts a person under the rules of a table: they read what its rules open to their roles, and under the
// nil table nothing. Whoever has proved who they are is put under rules at once (account.Account.Actor). A
// person under no table, who exists in stories and simulations only, reads the subtrees of their units.
func (a Actor) Under(t *Table) Actor {
	a.rules, a.ruled = t, true
	return a
}

// In is the actor at work in a compartment: Scope then holds what is open there.
func (a Actor) In(compartment string) Actor {
	a.compartment = compartment
	return a
}

// Rules is the table the actor is under; nil for none.
func (a Actor) Rules() *Table { return a.rules }

// Holder is a resident who proved that the follow code of this one case is theirs.
func Holder(caseID string) Actor { return Actor{id: "resident", kind: Resident, one: caseID} }

// Party is somebody who proved that the key of this one member of this one case is theirs.
func Party(caseID, member string) Actor {
	return Actor{id: "member", kind: Member, one: caseID, member: member}
}

// MemberID is the member of the case a Party is; empty for everybody else.
func (a Actor) MemberID() string { return a.member }

// Reporter is a resident opening a new case; there is no case to hold a code for yet.
func Reporter() Actor { return Actor{id: "resident", kind: Resident} }

// Machine is the system itself.
func Machine() Actor { return Actor{id: "system", kind: System} }

// History imports what happened elsewhere; by names the account that started the import.
func History(by string) Actor { return Actor{id: by, kind: Importer} }

// ID names the actor in records. Empty for the zero Actor.
func (a Actor) ID() string { return a.id }

// Grants lists what a staff actor holds.
func (a Actor) Grants() []Grant { return slices.Clone(a.grants) }

// Is reports one of the kernel's own roles.
func (a Actor) Is(r Role) bool { return a.id != "" && a.kind == r && r != "" }

// IsStaff reports a person working for a unit.
func (a Actor) IsStaff() bool { return a.id != "" && a.kind == "" }

// Need is what an act asks of the actor.
type Need struct {
	Roles     []Role
	Unit      org.UnitID // the unit in whose name the act is done
	Programme string
	Case      string // the case, for residents
}

// Allow finds the grant under which the actor may meet the need. ok is false when there is none.
// A staff grant counts for its own unit only: a superior sees what happens below but must take a
// case over before acting on it, so that the record shows in whose name it was done.
func Allow(a Actor, n Need) (Grant, bool) {
	if a.id == "" {
		return Grant{}, false
	}
	switch a.kind {
	case System, Importer:
		if slices.Contains(n.Roles, a.kind) || (a.kind == Importer && anyStaff(n.Roles)) {
			return Grant{Role: a.kind, Unit: n.Unit}, true
		}
		return Grant{}, false
	case Resident:
		if slices.Contains(n.Roles, Resident) && a.one == n.Case {
			return Grant{Role: Resident}, true
		}
		if slices.Contains(n.Roles, Member) && a.one == n.Case && a.one != "" {
			return Grant{Role: Resident}, true // whether they are on a roll, the case knows
		}
		return Grant{}, false
	case Member:
		return Grant{Role: Member}, slices.Contains(n.Roles, Member) && a.one == n.Case && a.one != ""
	}
	for _, g := range a.grants {
		if g.Unit == n.Unit && slices.Contains(n.Roles, g.Role) && g.covers(n.Programme) {
			return g, true
		}
	}
	return Grant{}, false
}

// anyStaff lets an import replay what staff or residents did, but never what only the clock may do.
func anyStaff(roles []Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return r != System })
}

func (g Grant) covers(programme string) bool {
	return len(g.Programmes) == 0 || slices.Contains(g.Programmes, programme)
}

// Scope is what an actor may read: lists to look into, each for some programmes. It becomes the WHERE
// clause, so that "not yours" equals "not found". The zero Scope reads nothing.
type Scope struct {
	Roots []Root
	Case  string // a resident's one case
	All   bool   // the machine's own jobs; never staff
}

// Root opens the cases that a unit reaches, up to a level. A level of zero tells that a case exists, as Steps.
type Root struct {
	Unit       org.UnitID
	Programmes []string // empty = all
	Reach      Reach
	Level      Level
}

// Scope lists what the actor may read: the rules of the table, written out for the units of the grants.
func (a Actor) Scope() Scope {
	switch {
	case a.id == "":
		return Scope{}
	case a.kind == System:
		return Scope{All: true}
	case a.kind == Resident || a.kind == Member:
		return Scope{Case: a.one}
	case a.kind == Importer:
		return Scope{}
	}
	var s Scope
	for _, g := range a.grants {
		s.Roots = append(s.Roots, a.Opens(g)...)
	}
	return s
}

// Opens lists what one grant of the actor opens.
func (a Actor) Opens(g Grant) (out []Root) {
	if !a.ruled {
		return []Root{{Unit: g.Unit, Programmes: g.Programmes, Level: Identity}}
	}
	for _, r := range a.rules.rules(g, a.compartment) {
		out = append(out, Root{Unit: g.Unit, Programmes: r.Programmes, Reach: r.Reach, Level: r.Level})
	}
	return out
}

// Decide asks the table the actor is under; units are asked only for a person under none.
func (a Actor) Decide(units *org.Tree, of Target) Decision {
	if a.ruled || !a.IsStaff() {
		return a.rules.Decide(a, of)
	}
	var plain []Declared
	for _, g := range a.grants {
		plain = append(plain, Declared{Role: g.Role, Compartment: of.Compartment, Reads: []Rule{{Level: Identity}}})
	}
	return NewTable(units, plain, nil).Decide(a, of)
}

// Level is the most the scope shows of a case; zero when it does not hold it. It is the Go twin of the WHERE
// clause. The scope is of one compartment, so the target's is not asked.
func (s Scope) Level(t *org.Tree, of Target) Level {
	switch {
	case s.All:
		return Caucus
	case s.Case != "" && s.Case == of.Case:
		return Identity
	}
	var most Level
	for _, r := range s.Roots {
		if of.reached(t, r.Reach, r.Programmes, r.Unit) {
			most = max(most, r.Level, Steps)
		}
	}
	return most
}

// Reads says whether a case held by unit (of that programme) is inside the scope.
func (s Scope) Reads(t *org.Tree, caseID string, unit org.UnitID, programme string) bool {
	return s.Level(t, Target{Case: caseID, Holder: unit, Programme: programme}) > 0
}

// ReadsSealed says whether the scope holds exactly the unit a case is sealed to: who stands above that unit
// does not read what was given to it in confidence.
func (s Scope) ReadsSealed(caseID string, unit org.UnitID, programme string) bool {
	return s.Level(nil, Target{Case: caseID, Sealed: unit, Programme: programme}) > 0
}

// Sees says whether lists of the unit are inside the scope, whatever they hold.
func (s Scope) Sees(t *org.Tree, unit org.UnitID) bool {
	return s.All || slices.ContainsFunc(s.Roots, func(r Root) bool {
		return r.Unit == unit || r.Reach == Subtree && t.Under(r.Unit, unit)
	})
}
