package pack

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/procedure"
)

// Role is a role as pages explain it; what it opens is in Pack.Rules. Its name is the text desk.role.ID, and
// why it sees what it sees is role.ID.why where the pack says so.
type Role struct {
	ID          authz.Role
	Admin       bool
	Privacy     bool
	Files       bool   // looks after files that wait for a check
	Compartment string // where it counts; never empty
	Law         procedure.Law
	Reads       []authz.Rule
}

// Exclusive is a pair of roles one account may not hold in the same unit.
type Exclusive struct {
	ID    string
	Roles [2]authz.Role
	Law   procedure.Law
}

// Role finds a declared role.
func (p *Pack) Role(id authz.Role) (Role, bool) {
	i := slices.IndexFunc(p.Roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return p.Roles[i], true
}

// roles reads roles.yaml into the table that decides who sees what. A pack kept from before there were roles
// has none: staff read by the roles of the version in force.
func (l *loader) roles() {
	if _, err := fs.Stat(l.fsys, "roles.yaml"); errors.Is(err, fs.ErrNotExist) {
		if used := l.usedRoles(); !l.kept && len(used) > 0 {
			l.bad.at(l.fsys[0].path("roles.yaml"), 1, "the file is missing; declare in it what these roles may read: %s", strings.Join(slices.Sorted(maps.Keys(used)), ", "))
		}
		return
	}
	var f rolesFile
	if !readYAML(l.fsys, "roles.yaml", &f, &l.bad) {
		return
	}
	for _, y := range f.Roles {
		l.role(y)
	}
	var pairs [][2]authz.Role
	for _, y := range f.Exclusive {
		if x, ok := l.exclusive(y); ok {
			l.p.Exclusive = append(l.p.Exclusive, x)
			pairs = append(pairs, x.Roles)
		}
	}
	l.useOfRoles(f)
	var declared []authz.Declared
	for _, r := range l.p.Roles {
		declared = append(declared, authz.Declared{Role: r.ID, Admin: r.Admin, Privacy: r.Privacy, Compartment: r.Compartment, Supported: procedure.Supported(r.Compartment), Reads: r.Reads})
	}
	l.p.Rules = authz.NewTable(l.p.Units, declared, pairs)
}

func (l *loader) role(y roleYAML) {
	l.id(y.Mark, "role", y.ID)
	switch _, twice := l.p.Role(authz.Role(y.ID)); {
	case twice:
		l.bad.on(y.Mark, "role %q is listed twice", y.ID)
	case slices.Contains(nobody, y.ID) || y.ID == string(authz.Importer):
		l.bad.on(y.Mark, "role %q is the system's own; no unit can give it, so it is not declared", y.ID)
	case y.Admin && len(y.Reads) > 0:
		l.bad.on(y.Mark.of("reads"), "role %q: an administrator manages accounts and sees no case; take out reads, or admin", y.ID)
	}
	l.say(y.Mark, "desk.role."+y.ID, y.Name, true)
	l.say(y.Mark, "role."+y.ID+".why", y.Why, false)
	compartment := cmp.Or(y.Compartment, procedure.Civic)
	if !slices.Contains(procedure.AllCompartments, compartment) {
		l.bad.on(y.Mark.of("compartment"), "compartment %q is not one of %v", y.Compartment, procedure.AllCompartments)
	}
	r := Role{ID: authz.Role(y.ID), Admin: y.Admin, Privacy: y.Privacy, Files: y.Files, Compartment: compartment, Law: (&builder{loader: l}).law(y.Law)}
	for _, read := range y.Reads {
		r.Reads = append(r.Reads, l.read(read))
	}
	l.p.Roles = append(l.p.Roles, r)
}

func (l *loader) read(y readsYAML) authz.Rule {
	rule := authz.Rule{Programmes: y.Programmes}
	i := slices.IndexFunc(authz.Reaches, func(r authz.Reach) bool { return r.String() == y.Reach })
	if i < 0 {
		l.bad.on(y.Mark.of("reach"), "reach %q is not one of %v", y.Reach, closed("reach"))
	} else {
		rule.Reach = authz.Reaches[i]
	}
	level, ok := authz.ParseLevel(y.Level)
	if !ok || !slices.Contains(closed("seen"), y.Level) {
		l.bad.on(y.Mark.of("level"), "level %q is not one of %v", y.Level, closed("seen"))
	}
	rule.Level = level
	for _, id := range y.Programmes {
		if !slices.ContainsFunc(l.p.Programmes, func(g Programme) bool { return g.ID == id }) {
			l.bad.on(y.Mark.of("programmes"), "programme %q is not listed in pack.yaml", id)
		}
	}
	return rule
}

func (l *loader) exclusive(y exclusiveYAML) (Exclusive, bool) {
	x := Exclusive{ID: y.ID, Law: (&builder{loader: l}).law(y.Law)}
	l.say(y.Mark, "exclusive."+y.ID, y.Why, true)
	if len(y.Roles) != 2 || y.Roles[0] == y.Roles[1] {
		l.bad.on(y.Mark.of("roles"), "exclusive %q: name two different roles", y.ID)
		return x, false
	}
	for i, id := range y.Roles {
		if _, ok := l.p.Role(authz.Role(id)); !ok {
			l.bad.on(y.Mark.of("roles"), "exclusive %q: role %q is not declared here", y.ID, id)
		}
		x.Roles[i] = authz.Role(id)
	}
	return x, true
}

// useOfRoles holds what is declared against what procedures and units name.
func (l *loader) useOfRoles(f rolesFile) {
	used := l.usedRoles()
	for _, id := range slices.Sorted(maps.Keys(used)) {
		switch r, ok := l.p.Role(authz.Role(id)); {
		case !ok && !l.kept:
			l.bad.on(used[id], "role %q is not declared in roles.yaml, so nobody who holds it could read a case", id)
		case ok && r.Admin:
			l.bad.on(used[id], "role %q is an administrator's: it does no acts and holds no cases", id)
		}
	}
	l.inTheirCompartment()
	for _, y := range f.Roles {
		if _, ok := used[y.ID]; !ok && !y.Admin && !y.Privacy && y.ID != "" {
			l.p.Warnings = append(l.p.Warnings, y.Mark.Errorf("role %q is declared, but no act and no unit names it", y.ID).Error())
		}
	}
}

// inTheirCompartment refuses acts by roles that count elsewhere: nobody who holds one could read the case.
func (l *loader) inTheirCompartment() {
	for _, f := range l.files {
		d := l.p.Procedures[f.Procedure]
		for _, a := range f.Acts {
			for _, id := range slices.Concat(a.By, a.Behalf) {
				r, ok := l.p.Role(authz.Role(id))
				if ok && !r.Admin && d != nil && r.Compartment != d.Compartment {
					l.bad.on(a.Mark.of("by"), "act %q: role %q counts in compartment %s, but the cases of this procedure lie in %s", a.ID, id, r.Compartment, d.Compartment)
				}
			}
		}
	}
}

// usedRoles lists the roles that acts and units name, each with a place where it is named.
func (l *loader) usedRoles() map[string]mark {
	used := map[string]mark{}
	note := func(m mark, roles []string) {
		for _, r := range roles {
			if _, known := used[r]; !known && !slices.Contains(nobody, r) {
				used[r] = m
			}
		}
	}
	for _, f := range l.files {
		for _, a := range f.Acts {
			note(a.Mark.of("by"), a.By)
			note(a.Mark.of("behalf"), a.Behalf)
		}
	}
	if !l.p.Abstract { // the units of a base are a sample
		for _, u := range l.listed {
			note(u.Mark, u.Roles)
		}
	}
	return used
}
