package pack

import (
	"slices"

	"comity/internal/form"
	"comity/internal/procedure"
)

// rollYAML declares who takes part in a case in one capacity.
type rollYAML struct {
	Mark  mark       `yaml:"-"`
	ID    string     `yaml:"id" doc:"Id of the roll."`
	Most  int        `yaml:"most" doc:"At most so many at a time; left out, any number."`
	Marks []markYAML `yaml:"marks" doc:"What guards may read about each member."`
	Law   lawRefYAML `yaml:"law" doc:"The article it rests on."`
	Name  words      `yaml:"name" doc:"What one of them is called."`
}

type markYAML struct {
	Mark   mark             `yaml:"-"`
	ID     string           `yaml:"id" doc:"Id of the mark."`
	Values []string         `yaml:"values" doc:"What it can be; it begins unset."`
	Name   words            `yaml:"name" doc:"Its name."`
	Names  map[string]words `yaml:"names" doc:"Words of its values."`
}

type joinsYAML struct {
	Mark  mark              `yaml:"-"`
	Roll  string            `yaml:"roll" doc:"The roll that whoever opens a case is put on; the follow code is their key."`
	When  string            `yaml:"when" doc:"Guard: only where this holds of the facts the case begins with."`
	Marks map[string]string `yaml:"marks" plain:"yes" doc:"Marks they begin with."`
}

func (b *builder) roll(y rollYAML) {
	b.id(y.Mark, "roll", y.ID)
	if _, twice := b.d.Roll(y.ID); twice {
		b.bad.on(y.Mark, "roll %q is listed twice", y.ID)
	}
	if slices.Contains(readers, y.ID) {
		b.bad.on(y.Mark, "roll %q: notices use this word for something else; choose another", y.ID)
	}
	r := procedure.Roll{ID: y.ID, Most: y.Most, Law: b.law(y.Law)}
	b.say(y.Mark, "roll."+b.d.ID+"."+y.ID, y.Name, true)
	for _, m := range y.Marks {
		b.id(m.Mark, "mark", m.ID)
		at := "mark." + b.d.ID + "." + y.ID + "." + m.ID
		b.say(m.Mark, at, m.Name, true)
		if _, twice := r.Mark(m.ID); twice || len(m.Values) == 0 {
			b.bad.on(m.Mark, "mark %q of roll %q is listed twice or has no values", m.ID, y.ID)
		}
		for _, v := range m.Values {
			b.say(m.Mark, at+"."+v, m.Names[v], true)
		}
		for v := range m.Names {
			if !slices.Contains(m.Values, v) {
				b.bad.on(m.Mark, "mark %q: %q has a name but is not one of its values", m.ID, v)
			}
		}
		r.Marks = append(r.Marks, procedure.Mark{ID: m.ID, Values: m.Values})
	}
	b.d.Rolls = append(b.d.Rolls, r)
}

// rolls checks what the opening and the acts do to rolls, now that all names are known.
func (b *builder) rolls() {
	open := b.f.Opening
	b.d.Joins = procedure.Joining{Roll: open.Joins.Roll, Marks: settings(open.Joins.Marks)}
	if open.Joins.Roll != "" {
		b.marked(open.Joins.Mark, "opening: joins", open.Joins.Roll, b.d.Joins.Marks, b.d.Intake)
		b.d.Joins.When = b.guard(open.Joins.Mark.of("when"), "opening: joins: when", open.Joins.When)
		if err := b.d.Joins.When.Check(b.d, b.d.Intake, ""); err != nil {
			b.bad.on(open.Joins.Mark.of("when"), "opening: joins: when: %v", err)
		}
	}
	for i := range b.f.Acts {
		b.actRolls(b.f.Acts[i], &b.d.Acts[i])
	}
}

func (b *builder) actRolls(y actYAML, a *procedure.Act) {
	at := func(format string, args ...any) {
		b.bad.on(y.Mark, "act %q: "+format, append([]any{y.ID}, args...)...)
	}
	if a.Adds != "" && a.About != "" {
		at("adds puts somebody new on a roll and about is somebody who is on one; an act does one of the two")
	}
	if len(a.Marks) > 0 && a.Adds == "" && a.About == "" {
		at("marks needs adds or about, to say whose marks they are")
	}
	if a.Leaves && a.About == "" {
		at("leaves needs about, to say who leaves")
	}
	if (a.About != "" || a.Adds != "") && !a.ByPeople() {
		at("the system knows no member to name; give it every: {ROLL: {MARK: value}} instead")
	}
	if roll := a.Adds + a.About; roll != "" {
		b.marked(y.Mark, "act "+y.ID, roll, a.Marks, a.Fields)
	}
	if _, ok := b.d.Roll(a.As); !ok && a.As != "" {
		at("as names the roll %q, which is not listed", a.As)
	}
	for _, e := range a.Every {
		b.marked(y.Mark, "act "+y.ID+": every", e.Roll, e.Marks, a.Fields)
	}
	if slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Name == procedure.FieldMember }) {
		at("the field %q is there by itself where an act is about somebody; give yours another name", procedure.FieldMember)
	}
	for _, n := range a.Notices {
		if n.To == procedure.ByMember && a.About == "" && a.Adds == "" {
			at("there is no member to tell; name a roll, or say about or adds")
		}
	}
}

// marked checks that a roll has the marks that are set and that they can be so.
func (b *builder) marked(m mark, what, roll string, list []procedure.Setting, fields []form.Field) {
	r, ok := b.d.Roll(roll)
	if !ok {
		b.bad.on(m, "%s names the roll %q, which is not listed", what, roll)
		return
	}
	for _, s := range list {
		mk, ok := r.Mark(s.Fact)
		if !ok {
			b.bad.on(m, "%s: roll %q has no mark %q", what, roll, s.Fact)
			continue
		}
		values := []string{s.Value}
		if s.Field != "" {
			i := slices.IndexFunc(fields, func(x form.Field) bool { return x.Name == s.Field })
			if i < 0 || fields[i].Kind != form.Choice {
				b.bad.on(m, "%s: takes the mark %q from %q, which is not a choice field here", what, s.Fact, s.Field)
				continue
			}
			values = fields[i].Options
		}
		for _, v := range values {
			if v != "" && !slices.Contains(mk.Values, v) {
				b.bad.on(m, "%s: mark %q cannot be %q; it can be %v", what, s.Fact, v, mk.Values)
			}
		}
	}
}
