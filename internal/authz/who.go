package authz

import (
	"slices"

	"comity/internal/org"
)

// Holding is a grant that some people hold.
type Holding struct {
	Grant  Grant
	People int
}

// Seer is who can see a case: the people of one unit in one role, through which rule and how far.
type Seer struct {
	Unit   org.UnitID
	Role   Role
	People int
	Ground Ground
	Rule   Rule  // the one that shows most
	Level  Level // which it shows
}

// Concerned lists the units whose people a case can be open to: those that hold it, are offered it or joined,
// and all above them; of a sealed one, its unit alone.
func (t *Table) Concerned(of Target) (out []org.UnitID) {
	if t == nil {
		return nil
	}
	if of.Sealed != "" {
		return []org.UnitID{of.Sealed}
	}
	for _, u := range append([]org.UnitID{of.Holder, of.Offered}, of.Joint...) {
		for _, up := range t.units.Path(u) {
			if !slices.Contains(out, up) {
				out = append(out, up)
			}
		}
	}
	return out
}

// Through lists the ways in which one grant opens a case, the highest level first, whoever holds it.
func (t *Table) Through(g Grant, of Target) []Decision {
	return t.Ways(Actor{id: "anybody", grants: []Grant{g}}, of)
}

// Seers answers who can see a case, from what people hold: nearest ground first, then in the order of the
// units, then of the roles' names. What opens nothing is left out.
func (t *Table) Seers(of Target, held []Holding) (out []Seer) {
	of.Assignee = "" // a person, not a role: the page names them itself
	for _, h := range held {
		ways := t.Through(h.Grant, of)
		if len(ways) == 0 {
			continue
		}
		best := ways[0] // of one unit all ways have one ground
		same := func(s Seer) bool { return s.Unit == h.Grant.Unit && s.Role == h.Grant.Role }
		i := slices.IndexFunc(out, same)
		if i < 0 {
			out = append(out, Seer{Unit: h.Grant.Unit, Role: h.Grant.Role, Ground: best.Ground})
			i = len(out) - 1
		}
		out[i].People += h.People
		if best.Level > out[i].Level {
			out[i].Rule, out[i].Level = best.Rule, best.Level
		}
	}
	units := t.Concerned(of)
	slices.SortStableFunc(out, func(a, b Seer) int {
		if c := slices.Index(Grounds, a.Ground) - slices.Index(Grounds, b.Ground); c != 0 {
			return c
		}
		if c := slices.Index(units, a.Unit) - slices.Index(units, b.Unit); c != 0 {
			return c
		}
		return slices.Compare([]Role{a.Role}, []Role{b.Role})
	})
	return out
}
