package authz

import (
	"fmt"
	"slices"

	"comity/internal/org"
)

// Privacy says whether an actor looks after the use of data in a unit: holds a role for that there, or in a
// unit above it. It opens no case by itself.
func (t *Table) Privacy(a Actor, unit org.UnitID) bool {
	if t == nil || !a.IsStaff() {
		return false
	}
	return slices.ContainsFunc(a.grants, func(g Grant) bool {
		d, _ := t.Role(g.Role)
		return d.Privacy && t.units.Under(g.Unit, unit)
	})
}

// Reach says which cases a rule opens, seen from the unit a role is held in.
type Reach int

// The reaches. Subtree holds the other two.
const (
	Subtree Reach = iota // held by, offered to or joined by the unit or one below it
	Own                  // held by the unit itself, or offered to it
	Joint                // joined by the unit itself
)

var reachNames = [...]string{Subtree: "subtree", Own: "own", Joint: "joint"}

// Reaches lists them, for the pack loader.
var Reaches = []Reach{Own, Subtree, Joint}

// String is the reach as packs write it.
func (r Reach) String() string { return reachNames[r] }

// Rule opens cases to whoever holds its role: those of some programmes (none listed = all), as far as the
// reach goes, up to a level.
type Rule struct {
	Role       Role
	Programmes []string
	Reach      Reach
	Level      Level
}

// Declared is a role as the pack declares it.
type Declared struct {
	Role        Role
	Admin       bool   // manages accounts, sees no case
	Privacy     bool   // looks after how data are used, see Table.Privacy
	Compartment string // where the role counts; empty = the civic one
	Supported   bool   // the compartment holds people who are supported: a worker serves in one of those only
	Reads       []Rule
}

// Table is all the rules of a pack: the one place that decides who sees what. Decide asks it in Go, Scope
// compiles it into lists to read, and a test holds the two against each other. A role it does not know opens
// nothing, and so does the nil Table. It is immutable.
type Table struct {
	units     *org.Tree
	roles     map[Role]*Declared
	exclusive [][2]Role
}

// NewTable joins the roles of a pack with its units. The pack loader has checked them.
func NewTable(units *org.Tree, roles []Declared, exclusive [][2]Role) *Table {
	t := &Table{units: units, roles: map[Role]*Declared{}, exclusive: exclusive}
	for _, d := range roles {
		d.Reads = slices.Clone(d.Reads)
		for i := range d.Reads {
			d.Reads[i].Role = d.Role
		}
		t.roles[d.Role] = &d
	}
	return t
}

// Role finds a declared role.
func (t *Table) Role(r Role) (Declared, bool) {
	if t == nil {
		return Declared{}, false
	}
	d, ok := t.roles[r]
	if !ok {
		return Declared{}, false
	}
	return *d, true
}

// rules are what a grant opens in a compartment: the rules of its role, of the grant's programmes only.
func (t *Table) rules(g Grant, compartment string) (out []Rule) {
	d, ok := t.Role(g.Role)
	if !ok || !d.opensIn(compartment) {
		return nil
	}
	for _, r := range d.Reads {
		both, some := meet(g.Programmes, r.Programmes)
		if r.Level >= Steps && some {
			r.Programmes = both
			out = append(out, r)
		}
	}
	return out
}

// opensIn says whether the role may open anything in a compartment.
func (d *Declared) opensIn(compartment string) bool {
	return !d.Admin && sameCompartment(d.Compartment, compartment)
}

// civic is the compartment that needs no name.
const civic = "civic"

func sameCompartment(a, b string) bool {
	return a == b || (a == "" || a == civic) && (b == "" || b == civic)
}

// meet is what two lists of programmes have in common, where an empty list is all of them. some is false
// when that is nothing.
func meet(a, b []string) (both []string, some bool) {
	switch {
	case len(a) == 0:
		return slices.Clone(b), true
	case len(b) == 0:
		return slices.Clone(a), true
	}
	both = slices.DeleteFunc(slices.Clone(a), func(p string) bool { return !slices.Contains(b, p) })
	return both, len(both) > 0
}

// Ground is what entitles somebody to see a case: the word that records and pages use.
type Ground string

// The grounds.
const (
	ByAssignee Ground = "assignee" // the case was given to the person
	ByHolder   Ground = "holder"   // the person's unit has the case
	ByOffered  Ground = "offered"  // it was offered to the person's unit
	ByJoint    Ground = "joint"    // the person's unit was asked to join
	BySuperior Ground = "superior" // the person's unit stands above one of those
	ByDelegate Ground = "delegate" // the person acts for somebody who is away
	ByCode     Ground = "code"     // the resident holds the follow code
	ByMachine  Ground = "machine"  // the machine's own work
	ByPerson   Ground = "person"   // the person stood at the counter and asked

	ByOrder      Ground = "order"       // an order opened what is under seal, for a time
	ByBreakGlass Ground = "break_glass" // an emergency, told and reviewed afterwards
)

// Grounds lists those of staff in the order in which pages group them.
var Grounds = []Ground{ByAssignee, ByHolder, ByOffered, ByJoint, BySuperior}

// StatesPurpose says that whoever looks on this ground does so from outside the unit that works on the case,
// and has to say what for.
func (g Ground) StatesPurpose() bool { return g == BySuperior }

// Target is a case as the rules see it, and how much of it is asked for.
type Target struct {
	Case        string
	Holder      org.UnitID
	Offered     org.UnitID
	Joint       []org.UnitID
	Programme   string
	Compartment string     // empty = civic
	Sealed      org.UnitID // the one unit it is sealed to; empty = open to the line
	Assignee    string
	Level       Level // asked for; zero = Steps
}

// reached says whether a rule held in a unit opens the case.
func (t *Target) reached(units *org.Tree, r Reach, programmes []string, unit org.UnitID) bool {
	if unit == "" || len(programmes) > 0 && !slices.Contains(programmes, t.Programme) {
		return false
	}
	if t.Sealed != "" { // who stands above that unit does not read what was given to it in confidence
		return r != Joint && unit == t.Sealed
	}
	switch r {
	case Own:
		return unit == t.Holder || unit == t.Offered
	case Joint:
		return slices.Contains(t.Joint, unit)
	}
	if units.Under(unit, t.Holder) || t.Offered != "" && units.Under(unit, t.Offered) {
		return true
	}
	for _, u := range t.Joint {
		if units.Under(unit, u) {
			return true
		}
	}
	return false
}

// ground names what a grant in this unit rests on, for a case that is reached.
func (t *Target) ground(actor string, unit org.UnitID) Ground {
	holder := t.Holder
	if t.Sealed != "" {
		holder = t.Sealed
	}
	switch {
	case unit == holder && actor != "" && actor == t.Assignee:
		return ByAssignee
	case unit == holder:
		return ByHolder
	case unit == t.Offered:
		return ByOffered
	case slices.Contains(t.Joint, unit):
		return ByJoint
	}
	return BySuperior
}

// Refusals to see, as Decision.Why names them. Words for them are texts.
const (
	WhyNobody      = "nobody"      // no grant at all
	WhyRole        = "role"        // no role held opens any case
	WhyCompartment = "compartment" // the roles held count in another compartment
	WhyProgramme   = "programme"   // the units would reach it, but not in this programme
	WhyUnit        = "unit"        // no unit of theirs has to do with it
	WhySealed      = "sealed"      // it is sealed to one unit
	WhyLevel       = "level"       // a rule opens the case, but not so much of it
)

// Decision is the answer of the table, with what a page needs to explain it.
type Decision struct {
	Allowed bool
	Grant   Grant  // the grant that decided
	Rule    Rule   // and the rule of its role
	Ground  Ground // what it rests on
	Level   Level  // the most the actor may see of the case; zero = nothing
	Why     string // when refused
}

// Decide says whether the actor may see so much of a case, and through which of their grants. Of several it
// names the nearest: the assignee's own before the unit's, the unit's before the superior's.
func (t *Table) Decide(a Actor, of Target) Decision {
	of.Level = max(of.Level, Steps)
	switch {
	case a.id == "" || a.kind == Importer:
		return Decision{Why: WhyNobody}
	case a.kind == System:
		return Decision{Allowed: true, Ground: ByMachine, Level: Caucus}
	case a.kind == Member && a.one != "" && a.one == of.Case:
		return Decision{Allowed: of.Level <= Story, Ground: ByCode, Level: Story, Why: whyIf(of.Level > Story, WhyLevel)}
	case a.kind == Resident && a.one != "" && a.one == of.Case:
		return Decision{Allowed: of.Level <= Identity, Ground: ByCode, Level: Identity, Why: whyIf(of.Level > Identity, WhyLevel)}
	case a.kind == Resident || a.kind == Member:
		return Decision{Why: WhyUnit}
	}
	near, enough, most := t.nearest(a, of)
	switch {
	case near.rule == nil:
		return Decision{Why: t.why(a, of)}
	case enough.rule == nil:
		d := near.decision()
		d.Allowed, d.Level, d.Why = false, most, WhyLevel
		return d
	}
	d := enough.decision()
	d.Level = most
	return d
}

// way is one way in which a grant opens a case.
type way struct {
	grant *Grant
	rule  *Rule // nil for no way
	rank  int   // place of the ground in Grounds
}

// nearer says whether w comes before v where a person's ways to a case are listed.
func (w way) nearer(v way) bool {
	return v.rule == nil || w.rank < v.rank || w.rank == v.rank && w.rule.Level > v.rule.Level
}

func (w way) decision() Decision {
	r := *w.rule
	r.Programmes, _ = meet(w.grant.Programmes, r.Programmes)
	return Decision{Allowed: true, Grant: *w.grant, Rule: r, Ground: Grounds[w.rank], Level: r.Level}
}

// nearest finds the first of [Table.Ways], the first of them that shows as much as is asked for, and the most
// that any of them shows. It is asked for every row somebody acts on, so it makes no list.
func (t *Table) nearest(a Actor, of Target) (near, enough way, most Level) {
	if t == nil {
		return way{}, way{}, 0
	}
	for i := range a.grants {
		g := &a.grants[i]
		d := t.roles[g.Role]
		if d == nil || !d.opensIn(of.Compartment) || !g.covers(of.Programme) {
			continue
		}
		for j := range d.Reads {
			r := &d.Reads[j]
			if r.Level < Steps || !of.reached(t.units, r.Reach, r.Programmes, g.Unit) {
				continue
			}
			w := way{g, r, slices.Index(Grounds, of.ground(a.id, g.Unit))}
			if w.nearer(near) {
				near = w
			}
			if r.Level >= of.Level && w.nearer(enough) {
				enough = w
			}
			most = max(most, r.Level)
		}
	}
	return near, enough, most
}

func whyIf(no bool, why string) string {
	if no {
		return why
	}
	return ""
}

// Ways lists every way in which a person's grants open a case, each with its own level, nearest ground
// first and of one ground the highest level first. Target.Level is not asked.
func (t *Table) Ways(a Actor, of Target) (out []Decision) {
	if t == nil || !a.IsStaff() {
		return nil
	}
	for _, g := range a.grants {
		for _, r := range t.rules(g, of.Compartment) {
			if of.reached(t.units, r.Reach, r.Programmes, g.Unit) {
				out = append(out, Decision{Allowed: true, Grant: g, Rule: r, Ground: of.ground(a.id, g.Unit), Level: r.Level})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y Decision) int {
		if c := slices.Index(Grounds, x.Ground) - slices.Index(Grounds, y.Ground); c != 0 {
			return c
		}
		return int(y.Level) - int(x.Level)
	})
	return out
}

// why finds the nearest reason for which nothing of a case is open to a person.
func (t *Table) why(a Actor, of Target) string {
	if t == nil {
		t = &Table{}
	}
	some := func(in *Target) bool { // whatever the programme
		for i := range a.grants {
			d := t.roles[a.grants[i].Role]
			if d == nil || !d.opensIn(in.Compartment) {
				continue
			}
			for j := range d.Reads {
				if in.reached(t.units, d.Reads[j].Reach, nil, a.grants[i].Unit) {
					return true
				}
			}
		}
		return false
	}
	reads, here, unsealed := false, false, of
	unsealed.Sealed = ""
	for i := range a.grants {
		if d := t.roles[a.grants[i].Role]; d != nil {
			reads = reads || !d.Admin && len(d.Reads) > 0
			here = here || d.opensIn(of.Compartment) && len(d.Reads) > 0
		}
	}
	switch {
	case len(a.grants) == 0:
		return WhyNobody
	case !reads:
		return WhyRole
	case some(&of):
		return WhyProgramme
	case of.Sealed != "" && some(&unsealed):
		return WhySealed
	case !here:
		return WhyCompartment
	}
	return WhyUnit
}

// Conflicts says why one account may not hold all these grants together; it is asked when they are given.
func (t *Table) Conflicts(grants []Grant) error {
	admin, reads, supported := Role(""), Role(""), Declared{}
	for _, g := range grants {
		d, ok := t.Role(g.Role)
		switch {
		case !ok:
			return &Conflict{Kind: "unknown", Roles: [2]Role{g.Role}, Unit: g.Unit}
		case d.Supported && supported.Supported && supported.Compartment != d.Compartment:
			return &Conflict{Kind: "compartments", Roles: [2]Role{supported.Role, d.Role}, Unit: g.Unit}
		case d.Supported:
			supported = d
		}
		if d.Admin {
			admin = d.Role
		} else if len(d.Reads) > 0 {
			reads = d.Role
		}
		if admin != "" && reads != "" {
			return &Conflict{Kind: "admin", Roles: [2]Role{admin, reads}, Unit: g.Unit}
		}
	}
	for _, pair := range t.exclusivePairs() {
		for _, g := range grants {
			other := func(o Grant) bool { return o.Unit == g.Unit && o.Role == pair[1] }
			if g.Role == pair[0] && slices.ContainsFunc(grants, other) {
				return &Conflict{Kind: "exclusive", Roles: pair, Unit: g.Unit}
			}
		}
	}
	return nil
}

func (t *Table) exclusivePairs() [][2]Role {
	if t == nil {
		return nil
	}
	return t.exclusive
}

// Conflict names two roles one account may not hold together, or one that no pack declares.
type Conflict struct {
	Kind  string // unknown, compartments, admin or exclusive; its words are problem.grant.KIND
	Roles [2]Role
	Unit  org.UnitID
}

// Error says it for logs and the command line.
func (c *Conflict) Error() string {
	switch c.Kind {
	case "unknown":
		return fmt.Sprintf("role %q in unit %s: the pack's roles.yaml does not declare it", c.Roles[0], c.Unit)
	case "compartments":
		return fmt.Sprintf("roles %q and %q belong to two compartments of supported people; one account serves in one of them only", c.Roles[0], c.Roles[1])
	case "admin":
		return fmt.Sprintf("role %q manages accounts and sees no case; the same account cannot hold %q, which does", c.Roles[0], c.Roles[1])
	}
	return fmt.Sprintf("roles %q and %q in unit %s: the pack lets no one account hold both there", c.Roles[0], c.Roles[1], c.Unit)
}
