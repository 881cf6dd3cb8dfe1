// Package org owns the units of the five levels (city, district or county, street or township,
// community or village, group or building) and the tree they form.
//
// It refuses people: accounts, names of officers and who is on duty live elsewhere. A unit here is
// an office that can hold a case, nothing more. Names of units are texts of the pack, not of Go.
//
// Open this file first; it is the whole package.
package org

import (
	"fmt"
	"slices"
)

// UnitID names a unit inside one pack, for example "dingwangtai" or a statistical code.
type UnitID string

// Level is the rung of the administrative ladder a unit stands on.
type Level int

// The five levels. A smaller number is a higher level.
const (
	City      Level = 1
	District  Level = 2
	Street    Level = 3
	Community Level = 4
	Group     Level = 5
)

var levelNames = [...]string{City: "city", District: "district", Street: "street", Community: "community", Group: "group"}

// String is the level's name in packs; ParseLevel is its inverse.
func (l Level) String() string {
	if l < City || l > Group {
		return fmt.Sprintf("level(%d)", int(l))
	}
	return levelNames[l]
}

// ParseLevel reads a level as packs write it.
func ParseLevel(s string) (Level, error) {
	if i := slices.Index(levelNames[:], s); i >= int(City) {
		return Level(i), nil
	}
	return 0, fmt.Errorf("unknown level %q; use city, district, street, community or group", s)
}

// Unit is an office that can hold cases.
type Unit struct {
	ID     UnitID
	Parent UnitID // empty for the root only
	Level  Level
	Kind   string   // "government", "centre", "department"; shown, never decided upon
	Roles  []string // roles that people of this unit hold
	Dept   string   // key of a department ("discipline"); empty for the general units of a level
}

// Tree is an immutable, checked forest with exactly one root.
type Tree struct {
	units    map[UnitID]Unit
	children map[UnitID][]UnitID
	order    []UnitID // pre-order: a parent before its children, siblings as listed
	spans    map[UnitID]span
	root     UnitID
}

// span is where a unit and all below it stand in the order: Under is asked for every row of a list.
type span struct{ first, last int }

// NewTree checks the units and builds the tree. It reports the first unit that is named twice,
// has an unknown or lower parent, or stands in a loop.
func NewTree(units []Unit) (*Tree, error) {
	t := &Tree{units: make(map[UnitID]Unit, len(units)), children: map[UnitID][]UnitID{}, spans: make(map[UnitID]span, len(units))}
	for _, u := range units {
		if u.ID == "" {
			return nil, fmt.Errorf("a unit has no id")
		}
		if _, twice := t.units[u.ID]; twice {
			return nil, fmt.Errorf("unit %q is listed twice", u.ID)
		}
		t.units[u.ID] = u
	}
	for _, u := range units {
		if u.Parent == "" {
			if t.root != "" {
				return nil, fmt.Errorf("units %q and %q both have no parent; a pack has one root", t.root, u.ID)
			}
			t.root = u.ID
			continue
		}
		p, ok := t.units[u.Parent]
		if !ok {
			return nil, fmt.Errorf("unit %q: parent %q is not a unit", u.ID, u.Parent)
		}
		if p.Level > u.Level {
			return nil, fmt.Errorf("unit %q (%s): its parent %q is on a lower level (%s)", u.ID, u.Level, p.ID, p.Level)
		}
		t.children[u.Parent] = append(t.children[u.Parent], u.ID)
	}
	if t.root == "" {
		return nil, fmt.Errorf("no unit without a parent; a pack needs one root")
	}
	t.walk(t.root)
	if len(t.order) != len(t.units) {
		for id := range t.units {
			if !slices.Contains(t.order, id) {
				return nil, fmt.Errorf("unit %q stands in a loop of parents", id)
			}
		}
	}
	return t, nil
}

func (t *Tree) walk(id UnitID) {
	first := len(t.order)
	t.order = append(t.order, id)
	for _, c := range t.children[id] {
		t.walk(c)
	}
	t.spans[id] = span{first, len(t.order) - 1}
}

// Unit finds a unit by id.
func (t *Tree) Unit(id UnitID) (Unit, bool) { u, ok := t.units[id]; return u, ok }

// Root is the one unit without a parent.
func (t *Tree) Root() UnitID { return t.root }

// All lists every unit, parents before children. The caller must not change it.
func (t *Tree) All() []UnitID { return t.order }

// Children lists the units directly below, in the pack's order.
func (t *Tree) Children(id UnitID) []UnitID { return t.children[id] }

// Superior is the unit one step up. The root has none.
func (t *Tree) Superior(id UnitID) (UnitID, bool) {
	p := t.units[id].Parent
	return p, p != ""
}

// Nearest is the closest department with this key: the unit itself, or the first one found among the
// children of the unit and of each unit above it. ok is false when there is none.
func (t *Tree) Nearest(from UnitID, dept string) (UnitID, bool) {
	if t.units[from].Dept == dept && dept != "" {
		return from, true
	}
	for _, id := range t.Path(from) {
		for _, c := range t.children[id] {
			if t.units[c].Dept == dept && dept != "" {
				return c, true
			}
		}
	}
	return "", false
}

// SameAbove is the department of the same key one step up the line: the discipline body of the city above
// that of a district. ok is false at the top of that line.
func (t *Tree) SameAbove(id UnitID) (UnitID, bool) {
	u := t.units[id]
	up := t.units[u.Parent].Parent
	if u.Dept == "" || up == "" {
		return "", false
	}
	return t.Nearest(up, u.Dept)
}

// Path lists the unit and its superiors up to the root; empty for an unknown unit.
func (t *Tree) Path(id UnitID) []UnitID {
	var path []UnitID
	for u, ok := t.units[id]; ok; u, ok = t.units[u.Parent] {
		path = append(path, u.ID)
	}
	return path
}

// Under says whether id is top itself or stands anywhere below it.
func (t *Tree) Under(top, id UnitID) bool {
	below, ok := t.spans[id]
	if !ok {
		return false
	}
	above, ok := t.spans[top]
	return ok && above.first <= below.first && below.first <= above.last
}

// CommonSuperior is the lowest unit strictly above both, or the root when one of them is the root.
func (t *Tree) CommonSuperior(a, b UnitID) UnitID {
	above := t.Path(a)
	for _, id := range t.Path(b) {
		if id != a && id != b && slices.Contains(above, id) {
			return id
		}
	}
	return t.root
}

// RolesAt reports which roles some unit of each level holds: what the checker may count on.
func (t *Tree) RolesAt() map[Level]map[string]bool {
	at := map[Level]map[string]bool{}
	for _, id := range t.order {
		u := t.units[id]
		if at[u.Level] == nil {
			at[u.Level] = map[string]bool{}
		}
		for _, r := range u.Roles {
			at[u.Level][r] = true
		}
	}
	return at
}
