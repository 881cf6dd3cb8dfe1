package dataaccess

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// Entry is one place with cameras in the public register.
type Entry struct {
	ID        int64      `json:"-"`
	Area      org.UnitID `json:"area"`
	Place     string     `json:"place"`
	Operator  string     `json:"operator"`
	Purpose   string     `json:"purpose"`
	Basis     string     `json:"basis"`
	Retention int        `json:"retention_days"`
	Cameras   int        `json:"cameras"`
	Contact   string     `json:"contact"`

	Version      int       `json:"-"`
	Entered      time.Time `json:"-"`
	Changed      time.Time `json:"-"`
	Withdrawn    time.Time `json:"-"` // zero: it stands
	WithdrawnWhy string    `json:"-"`
}

// Stands reports an entry that has not been withdrawn.
func (e Entry) Stands() bool { return e.Withdrawn.IsZero() }

// values are the answers of a form that would make this entry; they are also the columns of a table.
func (e Entry) values() map[string]string {
	return map[string]string{"area": string(e.Area), "place": e.Place, "operator": e.Operator, "purpose": e.Purpose, "basis": e.Basis,
		"retention_days": strconv.Itoa(e.Retention), "cameras": strconv.Itoa(e.Cameras), "contact": e.Contact}
}

// same reports two entries that say the same.
func (e Entry) same(o Entry) bool {
	return e.Area == o.Area && e.Place == o.Place && e.Operator == o.Operator && e.Purpose == o.Purpose && e.Basis == o.Basis &&
		e.Retention == o.Retention && e.Cameras == o.Cameras && e.Contact == o.Contact
}

// whyField is asked with every change.
var whyField = form.Field{Name: "why", Kind: form.Text, Required: true, Min: 2, Max: 200}

// entryFields are the questions of an entry: words and numbers, and nothing that could hold a picture.
func entryFields(areas []org.UnitID, rules *pack.CameraRules) []form.Field {
	var units, bases []string
	for _, u := range areas {
		units = append(units, string(u))
	}
	for _, b := range rules.Bases {
		bases = append(bases, b.ID)
	}
	return []form.Field{
		{Name: "area", Kind: form.Choice, Required: true, Options: units},
		{Name: "place", Kind: form.Text, Required: true, Min: 2, Max: 120},
		{Name: "operator", Kind: form.Text, Required: true, Min: 2, Max: 100},
		{Name: "purpose", Kind: form.Text, Required: true, Min: 4, Max: 200},
		{Name: "basis", Kind: form.Choice, Required: true, Options: bases},
		{Name: "retention_days", Kind: form.Number, Required: true, Min: 1, Max: 3650},
		{Name: "cameras", Kind: form.Number, Required: true, Min: 1, Max: 9999},
		{Name: "contact", Kind: form.Text, Required: true, Min: 3, Max: 100},
	}
}

// entryFrom reads an entry from the answers of a form or a line of a table. law puts an article into words.
func entryFrom(raw map[string]string, areas []org.UnitID, rules *pack.CameraRules, law func(procedure.Law) string) (Entry, []form.Problem) {
	fields := entryFields(areas, rules)
	clean, bad := form.Check(fields, raw)
	e := Entry{Area: org.UnitID(clean["area"]), Place: clean["place"], Operator: clean["operator"], Purpose: clean["purpose"], Basis: clean["basis"], Contact: clean["contact"]}
	e.Retention, _ = strconv.Atoi(clean["retention_days"])
	e.Cameras, _ = strconv.Atoi(clean["cameras"])
	for _, name := range []string{"place", "operator", "purpose", "contact"} {
		if strings.Contains(clean[name], "://") {
			bad = append(bad, form.Problem{Field: name, Rule: "cameras.link"})
		}
	}
	if b, ok := rules.Basis(e.Basis); ok && e.Retention > 0 && e.Retention < b.Least {
		bad = append(bad, form.Problem{Field: "retention_days", Rule: "cameras.too_short", Params: map[string]string{"least": strconv.Itoa(b.Least), "rule": law(b.Retention)}})
	}
	slices.SortStableFunc(bad, func(a, b form.Problem) int { return at(fields, a.Field) - at(fields, b.Field) })
	return e, bad
}

func at(fields []form.Field, name string) int {
	return slices.IndexFunc(fields, func(f form.Field) bool { return f.Name == name })
}

// keeping lists the units whose part of the register the officer keeps: those with a role for it, and all
// below them. Departments and groups have no area of their own.
func keeping(p *pack.Pack, who authz.Actor) []org.UnitID {
	if !who.IsStaff() {
		return nil
	}
	var tops []org.UnitID
	for _, g := range who.Grants() {
		if _, ok := grantAt(p, who, g.Unit); ok {
			tops = append(tops, g.Unit)
		}
	}
	var out []org.UnitID
	for _, id := range p.Units.All() {
		u, _ := p.Units.Unit(id)
		if u.Dept != "" || u.Level == org.Group {
			continue
		}
		if slices.ContainsFunc(tops, func(top org.UnitID) bool { return p.Units.Under(top, id) }) {
			out = append(out, id)
		}
	}
	return out
}

func grantAt(p *pack.Pack, who authz.Actor, unit org.UnitID) (authz.Grant, bool) {
	var roles []authz.Role
	for _, r := range p.Cameras.Roles {
		roles = append(roles, authz.Role(r))
	}
	return authz.Allow(who, authz.Need{Roles: roles, Unit: unit, Programme: Name})
}

// inNameOf is the unit in whose name the officer changes an entry of this area: the nearest one with a role.
func inNameOf(p *pack.Pack, who authz.Actor, area org.UnitID) (org.UnitID, bool) {
	for _, id := range p.Units.Path(area) {
		if g, ok := grantAt(p, who, id); ok {
			return g.Unit, true
		}
	}
	return "", false
}
