package simulate

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Read reads a scenario for a pack. Every mistake is named with its file and line.
func Read(fsys fs.FS, file string, p *pack.Pack) (*Scenario, error) {
	if p.Abstract {
		return nil, fmt.Errorf("pack %s is a base without offices; simulate a city's pack that stands on it", p.ID)
	}
	var y scenarioYAML
	if err := pack.ReadYAML(fsys, file, &y); err != nil {
		return nil, err
	}
	r := reader{p: p}
	s := r.scenario(y)
	for _, a := range y.Arrivals {
		if a.File != "" {
			s.replayed = append(s.replayed, r.replay(fsys, path.Join(path.Dir(file), a.File), a.Mark)...)
		}
	}
	if len(r.bad) > 0 {
		return nil, errors.Join(r.bad...)
	}
	if _, err := s.plan(p, nil); err != nil {
		return nil, err
	}
	for i, v := range s.Variants {
		if _, err := s.plan(p, v.Changes); err != nil {
			return nil, y.WhatIf[i].Mark.Errorf("%v", err)
		}
	}
	return s, nil
}

// reader checks what was written against the pack.
type reader struct {
	p   *pack.Pack
	bad []error
}

func (r *reader) fail(m pack.Mark, format string, args ...any) {
	r.bad = append(r.bad, m.Errorf(format, args...))
}

func (r *reader) scenario(y scenarioYAML) *Scenario {
	s := &Scenario{ID: y.ID, Name: y.Name, Seed: uint64(y.Seed), Runs: y.Runs, policy: Policy(cmp.Or(y.Policy, string(DueFirst))),
		noContact: y.NoContact, arrivals: y.Arrivals, staff: y.Staff, service: y.Service, next: y.Next, residents: y.Residents, fields: y.Fields}
	if s.ID == "" {
		r.fail(y.Mark, "scenario: give it a name, like street-office")
	}
	if s.Runs < 1 {
		r.fail(y.Mark, "runs: %d is too few; 20 give a useful range", s.Runs)
	}
	r.policy(y.Mark, s.policy)
	if y.NoContact < 0 || y.NoContact > 1 {
		r.fail(y.Mark, "no_contact: %v is not between 0 and 1", y.NoContact)
	}
	r.days(y, s)
	s.cal = r.calendar(y)
	if len(y.Arrivals) == 0 {
		r.fail(y.Mark, "arrivals: without any there is nothing to simulate")
	}
	for _, a := range y.Arrivals {
		r.arrival(a)
	}
	for i := range y.Staff {
		r.staff(y.Staff, i)
	}
	r.service(y)
	for _, n := range y.Next {
		r.next(n)
	}
	for _, x := range y.Residents {
		r.resident(x)
	}
	for _, f := range y.Fields {
		r.field(f)
	}
	for _, v := range y.WhatIf {
		s.Variants = append(s.Variants, r.variant(v))
	}
	return s
}

func (r *reader) days(y scenarioYAML, s *Scenario) {
	day := func(name, value string, otherwise worktime.Day) worktime.Day {
		if value == "" {
			return otherwise
		}
		d, err := worktime.ParseDay(value)
		if err != nil {
			r.fail(y.Mark, "%s: %v", name, err)
		}
		return d
	}
	s.from = day("from", cmp.Or(y.From, "?"), 0)
	s.to = day("to", cmp.Or(y.To, "?"), 0)
	s.count = day("count_from", y.Count, s.from)
	s.until = day("until", y.Until, 0)
	if s.to < s.from || s.count < s.from || s.count > s.to || s.until != 0 && s.until < s.to {
		r.fail(y.Mark, "dates must follow each other: from, count_from, to, until")
	}
	if s.until != 0 {
		return
	}
	for _, a := range y.Arrivals {
		if d := r.p.ProcedureFor(a.Category); d != nil {
			if _, ok := d.Promise(); !ok {
				r.fail(a.Mark, "until: say on which day to stop; procedure %s promises no date after which a case counts as late", d.ID)
				return
			}
		}
	}
}

func (r *reader) calendar(y scenarioYAML) *worktime.Calendar {
	if c, ok := r.p.Calendars[y.Calendar]; ok {
		return c
	}
	if y.Calendar != "" || len(r.p.Calendars) != 1 {
		r.fail(y.Mark, "calendar: %q is none of the pack's calendars; name the one whose office hours the staff keep", y.Calendar)
		return nil
	}
	for _, c := range r.p.Calendars {
		return c
	}
	return nil
}

func (r *reader) policy(m pack.Mark, p Policy) {
	if p != DueFirst && p != Oldest {
		r.fail(m, "policy: %q is not due or oldest", p)
	}
}

func (r *reader) spread(m pack.Mark, s string) {
	if s != "" && Spread(s) != Exponential && Spread(s) != Fixed {
		r.fail(m, "spread: %q is not exponential or fixed", s)
	}
}

// where checks the place a line applies to: one unit, or all of a level.
func (r *reader) where(m pack.Mark, unit, each string) {
	switch {
	case (unit == "") == (each == ""):
		r.fail(m, "name either one unit or each: a level")
	case each != "":
		if _, err := org.ParseLevel(each); err != nil {
			r.fail(m, "each: %v", err)
		}
	default:
		r.unit(m, unit)
	}
}

func (r *reader) unit(m pack.Mark, id string) {
	if _, ok := r.p.Units.Unit(org.UnitID(id)); !ok {
		r.fail(m, "unit %q is not in the pack", id)
	}
}

func (r *reader) arrival(a arrivalYAML) {
	if a.File != "" {
		if a.Category != "" || a.At != "" || a.Each != "" || a.PerDay != 0 {
			r.fail(a.Mark, "file: the file says what arrives where and when; leave the other names out")
		}
		return
	}
	if _, ok := r.p.Category(a.Category); !ok {
		r.fail(a.Mark, "category %q is not in the pack", a.Category)
	}
	r.where(a.Mark, a.At, a.Each)
	if a.PerDay <= 0 {
		r.fail(a.Mark, "per_day: say how many arrive in a day, on average")
	}
	if a.Hours != "" && a.Hours != "office" && a.Hours != "any" {
		r.fail(a.Mark, "hours: %q is not office or any", a.Hours)
	}
}

func (r *reader) staff(all []staffYAML, i int) {
	s := all[i]
	r.where(s.Mark, s.Unit, s.Each)
	if s.N < 0 {
		r.fail(s.Mark, "n: %d people are fewer than nobody", s.N)
	}
	known := slices.ContainsFunc(r.p.Units.All(), func(id org.UnitID) bool {
		u, _ := r.p.Units.Unit(id)
		return (s.Unit == "" || string(id) == s.Unit) && (s.Each == "" || u.Level.String() == s.Each) && slices.Contains(u.Roles, s.Role)
	})
	if !known {
		r.fail(s.Mark, "role %q is held by nobody there; units.yaml says which roles a unit has", s.Role)
	}
	for _, t := range all[:i] {
		if t.Unit == s.Unit && t.Each == s.Each && t.Role == s.Role {
			r.fail(s.Mark, "%s of %s stand here twice", s.Role, cmp.Or(s.Unit, s.Each))
		}
	}
}

// procedures lists the procedures a line means: the one it names, or all.
func (r *reader) procedures(m pack.Mark, id string) []*procedure.Definition {
	if id != "" {
		if d, ok := r.p.Procedures[id]; ok {
			return []*procedure.Definition{d}
		}
		r.fail(m, "procedure %q is not in the pack", id)
		return nil
	}
	var out []*procedure.Definition
	for _, d := range r.p.Procedures {
		out = append(out, d)
	}
	return out
}

func (r *reader) act(m pack.Mark, in, id string, fits func(*procedure.Definition, *procedure.Act) bool, want string) {
	list := r.procedures(m, in)
	ok := slices.ContainsFunc(list, func(d *procedure.Definition) bool {
		a, ok := d.Act(id)
		return ok && fits(d, a)
	})
	if !ok && len(list) > 0 {
		r.fail(m, "act %q is not %s", id, want)
	}
}

func (r *reader) service(y scenarioYAML) {
	for _, s := range y.Service {
		r.spread(s.Mark, s.Spread)
		if s.Minutes <= 0 {
			r.fail(s.Mark, "minutes: even the quickest act takes some time")
		}
		if s.Act != "*" {
			r.act(s.Mark, s.Procedure, s.Act, func(_ *procedure.Definition, a *procedure.Act) bool { return byStaff(a) }, "something staff do")
		}
	}
	if !slices.ContainsFunc(y.Service, func(s serviceYAML) bool { return s.Act == "*" && s.Procedure == "" }) {
		r.fail(y.Mark, `service: say how long an act takes that has no line of its own: {act: "*", minutes: …}`)
	}
}

func (r *reader) next(n nextYAML) {
	found := false
	for _, d := range r.procedures(n.Mark, n.Procedure) {
		_, ok := d.State(n.State)
		found = found || ok
	}
	if !found {
		r.fail(n.Mark, "state %q is not in the procedure", n.State)
		return
	}
	if n.Hours < 0 {
		r.fail(n.Mark, "after_hours: %v is before the case came there", n.Hours)
	}
	for id, weight := range n.Acts {
		if weight < 0 {
			r.fail(n.Mark, "%s: a weight is not below 0", id)
		}
		r.act(n.Mark, n.Procedure, id, func(_ *procedure.Definition, a *procedure.Act) bool {
			return byStaff(a) && slices.Contains(a.From, n.State)
		}, "something staff can do in state "+strconv.Quote(n.State))
	}
}

func (r *reader) resident(x residentYAML) {
	r.spread(x.Mark, x.Spread)
	if x.Chance < 0 || x.Chance > 1 {
		r.fail(x.Mark, "chance: %v is not between 0 and 1", x.Chance)
	}
	if x.Hours <= 0 {
		r.fail(x.Mark, "after_hours: say how long it takes, on average")
	}
	r.act(x.Mark, x.Procedure, x.Act, func(_ *procedure.Definition, a *procedure.Act) bool { return byResident(a) }, "something residents do")
}

func (r *reader) field(f fieldYAML) {
	has := func(list []form.Field) bool {
		return slices.ContainsFunc(list, func(x form.Field) bool { return x.Name == f.Field })
	}
	if !slices.ContainsFunc(r.procedures(f.Mark, f.Procedure), func(d *procedure.Definition) bool {
		if f.Act == "" {
			return has(d.Intake)
		}
		a, ok := d.Act(f.Act)
		return ok && has(a.Fields)
	}) {
		r.fail(f.Mark, "act %q has no field %q", f.Act, f.Field)
	}
}

func (r *reader) variant(v variantYAML) Variant {
	out := Variant{Name: v.Name}
	if len(v.Changes) == 0 {
		r.fail(v.Mark, "changes: say what is different, for example \"+2 clerk in UNIT\"")
	}
	for _, text := range v.Changes {
		c, err := ParseChange(text)
		if err != nil {
			r.fail(v.Mark, "%v", err)
		}
		out.Changes = append(out.Changes, c)
	}
	return out
}

// replay reads arrivals that happened: a CSV with the columns at, category and unit.
func (r *reader) replay(fsys fs.FS, file string, m pack.Mark) (out []matter) {
	f, err := fsys.Open(file)
	if err != nil {
		r.fail(m, "file: %v", err)
		return nil
	}
	defer f.Close()
	in := csv.NewReader(f)
	head, err := in.Read()
	if err != nil || !slices.Equal(head, []string{"at", "category", "unit"}) {
		r.bad = append(r.bad, fmt.Errorf("%s:1: the columns must be at,category,unit", file))
		return nil
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			r.bad = append(r.bad, fmt.Errorf("%s: %w", file, err))
			return out
		}
		line, _ := in.FieldPos(0)
		x, err := r.matter(row)
		if err != nil {
			r.bad = append(r.bad, fmt.Errorf("%s:%d: %w", file, line, err))
			continue
		}
		out = append(out, x)
	}
}

func (r *reader) matter(row []string) (matter, error) {
	at, err := time.ParseInLocation("2006-01-02 15:04", row[0], r.p.Zone)
	if err != nil {
		if at, err = time.Parse(time.RFC3339, row[0]); err != nil {
			return matter{}, fmt.Errorf("at: %q is not a time like 2026-03-02 09:10", row[0])
		}
	}
	if _, ok := r.p.Category(row[1]); !ok {
		return matter{}, fmt.Errorf("category %q is not in the pack", row[1])
	}
	if _, ok := r.p.Units.Unit(org.UnitID(row[2])); !ok {
		return matter{}, fmt.Errorf("unit %q is not in the pack", row[2])
	}
	return matter{at, row[1], org.UnitID(row[2])}, nil
}
