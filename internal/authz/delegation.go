package authz

import (
	"slices"

	"comity/internal/org"
)

// Admin is the kernel's role of who keeps accounts. A grant of it says over which subtree; it lets
// nobody read or change a case, and no procedure can name it.
const Admin Role = "admin"

// Delegation is what somebody chose to have done by a deputy while they are away.
type Delegation struct {
	For    string  // who is acted for
	Chosen []Grant // what they chose
	Held   []Grant // what they hold at this moment
}

// Acting is the actor standing in for another person: with nothing but what that person chose and still
// holds, and with the name of both. An actor who stands in already cannot be sent on, and nobody stands in
// for themselves: the answer is nobody.
func (a Actor) Acting(d Delegation) Actor {
	if !a.IsStaff() || a.stands != "" || d.For == "" || d.For == a.id {
		return Actor{}
	}
	return Actor{id: a.id, stands: d.For, grants: Within(d.Chosen, d.Held), limit: a.limit}
}

// For is who is acted for; empty when somebody acts for themselves.
func (a Actor) For() string { return a.stands }

// Seat is whose desk the actor sits at: who is acted for, else the actor.
func (a Actor) Seat() string {
	if a.stands != "" {
		return a.stands
	}
	return a.id
}

// Persons are everybody an act of this actor counts for when duties are kept apart: a deputy must not do
// what the absent person may not do, nor what the deputy may not do.
func (a Actor) Persons() []string {
	switch {
	case !a.IsStaff():
		return nil
	case a.stands != "":
		return []string{a.id, a.stands}
	}
	return []string{a.id}
}

// Within is what remains of chosen grants inside those held: never another role or unit, never more
// programmes. Grants of the kernel's roles are never passed on.
func Within(chosen, held []Grant) []Grant {
	var out []Grant
	for _, c := range chosen {
		for _, h := range held {
			if c.Role != h.Role || c.Unit != h.Unit || Kernel(c.Role) {
				continue
			}
			if g, ok := narrowed(h, c.Programmes); ok {
				out = append(out, g)
			}
		}
	}
	return out
}

// narrowed keeps of a grant what lies in the programmes; none named = all of them.
func narrowed(g Grant, programmes []string) (Grant, bool) {
	if len(programmes) == 0 {
		return g, true
	}
	if len(g.Programmes) == 0 {
		g.Programmes = slices.Clone(programmes)
		return g, true
	}
	g.Programmes = slices.DeleteFunc(slices.Clone(g.Programmes), func(p string) bool { return !slices.Contains(programmes, p) })
	return g, len(g.Programmes) > 0
}

// Kernel reports a role that the kernel itself knows and no pack may declare.
func Kernel(r Role) bool {
	return r == System || r == Resident || r == Importer || r == Admin
}

// Administers lists the subtrees whose accounts the actor keeps. Who stands in for somebody keeps none.
func (a Actor) Administers() []org.UnitID { return slices.Clone(a.admin) }

// Keeps reports whether the actor keeps the accounts of a unit.
func (a Actor) Keeps(t *org.Tree, unit org.UnitID) bool {
	return a.id != "" && slices.ContainsFunc(a.admin, func(root org.UnitID) bool { return t.Under(root, unit) })
}

// apart takes the grants of Admin out of a list: they are no right to cases.
func apart(grants []Grant) (rest []Grant, admin []org.UnitID) {
	for _, g := range grants {
		switch {
		case g.Role == Admin:
			admin = append(admin, g.Unit)
		case !Kernel(g.Role):
			rest = append(rest, g)
		}
	}
	return rest, admin
}
