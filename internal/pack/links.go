package pack

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/procedure"
)

// settings reads `fact: value` and `fact: $field`, in a fixed order.
func settings(set map[string]string) []procedure.Setting {
	var out []procedure.Setting
	for _, fact := range slices.Sorted(maps.Keys(set)) {
		if field, ok := strings.CutPrefix(set[fact], "$"); ok {
			out = append(out, procedure.Setting{Fact: fact, Field: field})
		} else {
			out = append(out, procedure.Setting{Fact: fact, Value: set[fact]})
		}
	}
	return out
}

func (b *builder) fact(y factYAML) {
	b.id(y.Mark, "fact", y.ID)
	if _, twice := b.d.Fact(y.ID); twice {
		b.bad.on(y.Mark, "fact %q is listed twice", y.ID)
	}
	if guardFlags[y.ID] != "" || y.ID == "form" {
		b.bad.on(y.Mark, "fact %q: guards use this word for something else; choose another", y.ID)
	}
	if len(y.Values) == 0 {
		b.bad.on(y.Mark, "fact %q has no values", y.ID)
	}
	b.d.Facts = append(b.d.Facts, procedure.Fact{ID: y.ID, Values: y.Values, Law: b.law(y.Law), KeepsClocks: y.KeepsClocks})
	b.say(y.Mark, "fact."+b.d.ID+"."+y.ID, y.Name, true)
	for _, v := range y.Values {
		b.say(y.Mark, "fact."+b.d.ID+"."+y.ID+"."+v, y.Names[v], true)
	}
	for v := range y.Names {
		if !slices.Contains(y.Values, v) {
			b.bad.on(y.Mark, "fact %q: %q has a name but is not one of its values", y.ID, v)
		}
	}
}

func (b *builder) document(y documentYAML) {
	b.id(y.Mark, "document", y.ID)
	if _, twice := b.d.Document(y.ID); twice {
		b.bad.on(y.Mark, "document %q is listed twice", y.ID)
	}
	template := y.Template
	if template == "" {
		template = y.ID
	}
	b.template(y, template)
	b.d.Documents = append(b.d.Documents, procedure.Document{ID: y.ID, Template: template, Law: b.law(y.Law), Remedies: y.Remedies})
	b.say(y.Mark, "document."+b.d.ID+"."+y.ID, y.Name, true)
}

func (b *builder) link(y linkYAML) {
	at := func(format string, args ...any) {
		b.bad.on(y.Mark, "link %q: %s", y.ID, fmt.Sprintf(format, args...))
	}
	b.id(y.Mark, "link", y.ID)
	if _, twice := b.d.Link(y.ID); twice {
		at("is listed twice")
	}
	kind := procedure.LinkKind(y.Kind)
	if kind != procedure.Child && kind != procedure.Referral {
		at("kind %q is not child or referral", y.Kind)
	}
	unit := y.Unit
	if unit == "" {
		unit = procedure.UnitHolder
	}
	if !slices.Contains([]string{procedure.UnitHolder, procedure.UnitSuperior, procedure.UnitField}, unit) && !strings.HasPrefix(unit, procedure.UnitDept) {
		at("unit %q is not holder, superior, field or dept:KEY", unit)
	}
	if dept, ok := strings.CutPrefix(unit, procedure.UnitDept); ok && !b.hasDept(dept) {
		at("no unit is department %q", dept)
	}
	b.d.Links = append(b.d.Links, procedure.Link{ID: y.ID, Kind: kind, Procedure: y.Procedure, Unit: unit, Carry: y.Carry, Sets: settings(y.Set),
		NotBy: y.NotBy, Review: y.Review, Many: y.Many, Sealed: y.Sealed, Ended: y.Ended, Law: b.law(y.Law)})
	b.say(y.Mark, "link."+b.d.ID+"."+y.ID, y.Purpose, true)
}

func (b *builder) guard(m mark, what, src string) procedure.Guard {
	g, err := parseGuard(src)
	if err != nil {
		b.bad.on(m, "%s: %v", what, err)
		return procedure.Guard{}
	}
	return g
}

// moreReferences checks the names one act uses of facts, links, documents, departments and other acts.
func (b *builder) moreReferences(y actYAML, roles map[string]bool) {
	d := b.d
	at := func(format string, args ...any) {
		b.bad.on(y.Mark, "act %q: %s", y.ID, fmt.Sprintf(format, args...))
	}
	for _, r := range y.Behalf {
		if !roles[r] {
			at("behalf: role %q is held by no unit%s", r, suggest(r, keys(roles)))
		}
	}
	if len(y.Behalf) > 0 && !slices.Contains(y.By, procedure.ByResident) {
		at("behalf is for acts by [resident]; this one is by %v", y.By)
	}
	for _, other := range y.NotBy {
		if _, ok := d.Act(other); !ok {
			at("not_by names the act %q, which is not listed", other)
		}
	}
	for _, id := range y.Spawn {
		if _, ok := d.Link(id); !ok {
			at("spawn names the link %q, which is not listed", id)
		}
	}
	for _, id := range y.Documents {
		if _, ok := d.Document(id); !ok {
			at("documents names %q, which is not listed under documents", id)
		}
	}
	if _, ok := d.Clock(y.Remedy); !ok && y.Remedy != "" && y.Remedy != procedure.RemedyNone {
		at("remedy %q is not a clock", y.Remedy)
	}
	if has := slices.Contains(y.Effects, string(procedure.SendToDept)); has != (y.Dept != "") {
		at("effect %q and dept go together", procedure.SendToDept)
	} else if y.Dept != "" && !b.hasDept(y.Dept) {
		at("no unit is department %q", y.Dept)
	}
	a, _ := d.Act(y.ID)
	b.sets(y.Mark, "act "+y.ID, a.Sets, a.Fields)
}

// sets checks that facts exist and can take what an act gives them.
func (b *builder) sets(m mark, what string, list []procedure.Setting, fields []form.Field) {
	for _, s := range list {
		f, ok := b.d.Fact(s.Fact)
		if !ok {
			b.bad.on(m, "%s: set names the fact %q, which is not listed", what, s.Fact)
			continue
		}
		if s.Field == "" {
			if s.Value != "" && !slices.Contains(f.Values, s.Value) {
				b.bad.on(m, "%s: fact %q cannot be %q; it can be %v", what, s.Fact, s.Value, f.Values)
			}
			continue
		}
		i := slices.IndexFunc(fields, func(x form.Field) bool { return x.Name == s.Field })
		if i < 0 || fields[i].Kind != form.Choice && fields[i].Kind != form.Outcome {
			b.bad.on(m, "%s: set takes the fact %q from %q, which is not a choice field here", what, s.Fact, s.Field)
			continue
		}
		if fields[i].Personal {
			b.bad.on(m, "%s: %q says something about a person; no rule may depend on it", what, s.Field)
		}
		for _, o := range fields[i].Options {
			if !slices.Contains(f.Values, o) {
				b.bad.on(m, "%s: field %q can be %q, which is not a value of fact %q", what, s.Field, o, s.Fact)
			}
		}
	}
}

// guards checks names and types of every guard, now that all names are known.
func (b *builder) guards() {
	d := b.d
	for _, y := range b.f.Acts {
		a, _ := d.Act(y.ID)
		if err := a.When.Check(d, a.Fields, a.About); err != nil {
			b.bad.on(y.Mark.of("when"), "act %q: when: %v", y.ID, err)
		}
	}
	open := b.f.Opening
	d.OpenSets = settings(open.Set)
	b.sets(open.Mark, "opening", d.OpenSets, d.Intake)
	d.Seal = b.guard(open.Mark.of("seal"), "opening: seal", open.Seal)
	if err := d.Seal.Check(d, d.Intake, ""); err != nil {
		b.bad.on(open.Mark.of("seal"), "opening: seal: %v", err)
	}
	if _, ok := d.Link(d.Stuck); !ok && d.Stuck != "" {
		b.bad.on(b.f.Mark.of("stuck"), "stuck names the link %q, which is not listed", d.Stuck)
	}
}

// dates checks that clocks that start or end on a written date find it in every act that starts them.
func (b *builder) dates() {
	d := b.d
	for i, y := range b.f.Clocks {
		if i >= len(d.Clocks) {
			return
		}
		c := d.Clocks[i]
		if len(c.Pause) > 0 && c.PauseLaw.None() && c.Law.None() {
			b.bad.on(y.Mark, "clock %q: a pause needs pause_law, the rule that allows it", y.ID)
		}
		for _, n := range c.Alerts {
			if n < 0 || n > 366 {
				b.bad.on(y.Mark, "clock %q: alert %d is not between 0 and 366 days", y.ID, n)
			}
		}
		for _, field := range []string{c.From, c.Until} {
			if field == "" {
				continue
			}
			for _, fields := range b.starters(c) {
				j := slices.IndexFunc(fields, func(f form.Field) bool { return f.Name == field && f.Kind == form.Date && f.Required })
				k := slices.IndexFunc(d.Intake, func(f form.Field) bool { return f.Name == field && f.Kind == form.Date && f.Required })
				if j < 0 && k < 0 {
					b.bad.on(y.Mark, "clock %q: %q must be a required date field of the opening or of every act that starts it", y.ID, field)
					break
				}
			}
		}
	}
}

// starters are the forms of the acts that can start a clock.
func (b *builder) starters(c procedure.Clock) (out [][]form.Field) {
	if slices.Contains(c.Start, b.d.Opening) || slices.Contains(c.In, b.d.Start) {
		out = append(out, b.d.Intake)
	}
	for _, a := range b.d.Acts {
		if slices.Contains(c.Start, a.Event) || slices.Contains(c.In, a.To) {
			out = append(out, a.Fields)
		}
	}
	return out
}

// linkMark is where a link stands; that of its procedure for one that is not found.
func (l *loader) linkMark(id, link string) mark {
	for _, f := range l.files {
		if f.Procedure != id {
			continue
		}
		for _, y := range f.Links {
			if y.ID == link {
				return y.Mark
			}
		}
		return f.Mark
	}
	return mark{file: "procedures", line: 1, col: 1}
}

func (l *loader) catMark(id string) mark {
	return l.cats[slices.IndexFunc(l.p.Categories, func(c Category) bool { return c.ID == id })]
}

// categoryFacts gives the procedure the facts that a category brings.
func (l *loader) categoryFacts(d *procedure.Definition, c Category) {
	for fact, v := range c.Facts {
		f, ok := d.Fact(fact)
		if !ok || !slices.Contains(f.Values, v) {
			l.bad.on(l.catMark(c.ID), "category %q: procedure %q has no fact %q with the value %q", c.ID, d.ID, fact, v)
			continue
		}
		if d.CategoryFacts == nil {
			d.CategoryFacts = map[string]map[string]string{}
		}
		if d.CategoryFacts[c.ID] == nil {
			d.CategoryFacts[c.ID] = map[string]string{}
		}
		d.CategoryFacts[c.ID][fact] = v
	}
}

// links checks the ways between procedures once all are read, and tells each procedure how the cases it
// opens can end.
func (l *loader) links() {
	for _, id := range slices.Sorted(maps.Keys(l.p.Procedures)) {
		d := l.p.Procedures[id]
		d.Ends = map[string][]string{}
		for i := range d.Links {
			l.linkTo(d, &d.Links[i])
		}
	}
	l.order = l.childrenFirst()
}

func (l *loader) linkTo(d *procedure.Definition, link *procedure.Link) {
	at := func(format string, args ...any) {
		l.bad.on(l.linkMark(d.ID, link.ID), "link %q: %s", link.ID, fmt.Sprintf(format, args...))
	}
	to := l.p.Procedures[link.Procedure]
	if to == nil {
		at("procedure %q is not in procedures/%s", link.Procedure, suggest(link.Procedure, slices.Collect(maps.Keys(l.p.Procedures))))
		return
	}
	l.crosses(d, to, link, at)
	to.Recallable = to.Recallable || link.Kind == procedure.Child && recalls(d)
	ends := []string{}
	for _, o := range to.Outcomes {
		ends = append(ends, o.ID)
	}
	d.Ends[to.ID] = ends
	for outcome, act := range link.Ended {
		if outcome != "*" && outcome != casework.Recalled && !slices.Contains(ends, outcome) {
			at("ended names the outcome %q, which %q does not have; it has %v", outcome, to.ID, ends)
		}
		a, ok := d.Act(act)
		if act != "" && (!ok || !slices.Contains(a.By, procedure.ByChild)) {
			at("ended: %q is not an act by [child]", act)
		}
	}
	for _, s := range link.Sets {
		f, ok := to.Fact(s.Fact)
		if !ok || s.Value != "" && !slices.Contains(f.Values, s.Value) {
			at("set: %q has no fact %q with the value %q", to.ID, s.Fact, s.Value)
		}
		if _, ok := d.Fact(s.Field); s.Field != "" && !ok {
			at("set: %q is not a fact here", s.Field)
		}
	}
	for _, act := range link.NotBy {
		if _, ok := d.Act(act); !ok {
			at("not_by names the act %q, which is not listed", act)
		}
	}
	l.carried(d, to, link, at)
}

// carried checks that what a link carries is there on both sides, and that the other case gets what it
// must have.
func (l *loader) carried(d, to *procedure.Definition, link *procedure.Link, at func(string, ...any)) {
	var asked []string
	for _, f := range to.Intake {
		if f.Required && !slices.Contains(link.Carry, f.Name) {
			at("%q must be told %q; carry it", to.ID, f.Name)
		}
		asked = append(asked, f.Name)
	}
	for _, name := range link.Carry {
		if slices.Contains(casework.Carriers, name) {
			continue
		}
		if roll, ok := strings.CutPrefix(name, casework.CarryRoll); ok {
			carriedRoll(d, to, link, roll, at)
			continue
		}
		if !slices.Contains(asked, name) {
			at("carry: %q has no field %q in its opening%s", to.ID, name, suggest(name, append(asked, casework.Carriers...)))
		}
	}
	for _, a := range d.Acts {
		if !slices.Contains(a.Spawn, link.ID) {
			continue
		}
		for _, f := range to.Intake {
			has := slices.ContainsFunc(a.Fields, func(x form.Field) bool { return x.Name == f.Name && x.Required })
			if f.Required && slices.Contains(link.Carry, f.Name) && !has {
				at("act %q opens it and must ask for %q, which %q requires", a.ID, f.Name, to.ID)
			}
		}
		unit := slices.ContainsFunc(a.Fields, func(x form.Field) bool { return x.Name == "unit" && x.Kind == form.Unit })
		if link.Unit == procedure.UnitField && !unit {
			at("act %q opens it and needs a field \"unit\" of kind unit", a.ID)
		}
	}
}

// carriedRoll checks that both sides have a roll that a link carries, and that no rule of the other side rests on
// how its members begin: the search that proves its rules knows nothing of where they come from.
func carriedRoll(d, to *procedure.Definition, link *procedure.Link, roll string, at func(string, ...any)) {
	_, here := d.Roll(roll)
	_, there := to.Roll(roll)
	if !here || !there {
		at("carry: %q has to be a roll of both sides", casework.CarryRoll+roll)
	}
	if link.Kind != procedure.Child {
		at("carry: %q crosses to a child only; nobody who takes part here is handed on with a referral", casework.CarryRoll+roll)
	}
	if to.Joins.Roll == roll {
		at("carry: %q already puts whoever opens it on the roll %q; the link brings them", to.ID, roll)
	}
	for i := range to.Acts {
		a := &to.Acts[i]
		a.When.Walk(func(n *procedure.Node) {
			if n.Op == procedure.OpMember && a.About == roll || (n.Op == procedure.OpAll || n.Op == procedure.OpSome) && strings.HasPrefix(n.Name, roll+".") {
				at("carry: act %q of %q asks about marks of the roll %q, which comes with the case; use another roll", a.ID, to.ID, roll)
			}
		})
	}
}

func recalls(d *procedure.Definition) bool {
	return slices.ContainsFunc(d.Acts, func(a procedure.Act) bool { return a.Recall })
}

// childrenFirst orders the procedures so that each comes after those it opens; a circle is an error.
func (l *loader) childrenFirst() []string {
	var order []string
	state := map[string]int{} // 1 = being visited, 2 = done
	var visit func(id string, road []string)
	visit = func(id string, road []string) {
		road = append(road, id)
		if state[id] == 1 {
			l.bad.on(l.linkMark(id, ""), "procedures open each other in a circle: %s", strings.Join(road, " → "))
			return
		}
		if state[id] == 2 || l.p.Procedures[id] == nil {
			return
		}
		state[id] = 1
		for _, link := range l.p.Procedures[id].Links {
			if link.Kind == procedure.Child {
				visit(link.Procedure, road)
			}
		}
		state[id] = 2
		order = append(order, id)
	}
	for _, id := range slices.Sorted(maps.Keys(l.p.Procedures)) {
		visit(id, nil)
	}
	return order
}
