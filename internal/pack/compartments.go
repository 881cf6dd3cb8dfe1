package pack

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"comity/internal/form"
	"comity/internal/procedure"
)

// What keeps the matters of people apart, and what no pack may say about a person, is refused here, when a
// pack is read: a rule that is not there cannot be forgotten. Versions that cases were opened under are
// not judged again. Decision 21 has the reasons.

// compartment reads where the cases of a procedure lie, what lists call them, and on which ground they
// are opened.
func (b *builder) compartment() {
	f, d := b.f, b.d
	d.Compartment = cmp.Or(f.Compartment, procedure.Civic)
	if !slices.Contains(procedure.AllCompartments, d.Compartment) {
		b.bad.on(f.Mark.of("compartment"), "compartment %q is not one of %v", f.Compartment, procedure.AllCompartments)
	}
	d.Heading = cmp.Or(f.Heading, procedure.HeadingCategory)
	if !slices.Contains(procedure.Headings, d.Heading) {
		b.bad.on(f.Mark.of("heading"), "heading %q is not one of %v", f.Heading, procedure.Headings)
	}
	if d.Heading == procedure.HeadingTitle && d.Compartment != procedure.Civic {
		b.bad.on(f.Mark.of("heading"), "heading: title is for civic matters; a case of compartment %q is listed by its category", d.Compartment)
	}
	y := f.Opening.Basis
	d.Basis = procedure.Basis{Ground: y.Ground, Law: b.law(y.Law)}
	if y.Ground != "" && !slices.Contains(procedure.Grounds, y.Ground) {
		b.bad.on(y.Mark.of("ground"), "basis: ground %q is not one of %v", y.Ground, procedure.Grounds)
	}
	if d.Compartment == procedure.Civic || b.kept {
		return
	}
	if d.Basis.Ground == "" || d.Basis.Law.None() {
		b.bad.on(f.Opening.Mark, "a case of compartment %q says on which ground it is opened; give opening.basis a ground of %v and its law", d.Compartment, procedure.Grounds)
	}
	if f.Retention.Class == "" || f.Retention.Years <= 0 || f.Retention.Law.ID == "" {
		b.bad.on(f.Mark, "a procedure of compartment %q says how long its cases are kept; give retention a class, years and a law", d.Compartment)
	}
}

// article asks every term for the rule that sets it.
func (b *builder) article(y clockYAML, c procedure.Clock) {
	switch {
	case b.kept:
	case y.Parameter && !c.Law.None():
		b.bad.on(y.Mark, "clock %q cites a law and calls itself a parameter; keep one", y.ID)
	case y.Parameter:
		b.say(y.Mark, "parameter."+b.d.ID+"."+y.ID, y.ToConfirm, true)
	case c.Law.None() || c.Law.Article == "":
		b.bad.on(y.Mark, "clock %q cites no article; give law its id and article, or say parameter: true and to_confirm, what is to be confirmed and by whom", y.ID)
	}
}

// rankings are words, in ids, that put people in an order.
var rankings = []string{"score", "scores", "scoring", "points", "rank", "ranking", "level", "grade", "tier", "risk", "danger", "dangerousness",
	"threat", "credit", "trust", "rating", "star", "stars", "key_person", "recidivism", "severity", "priority", "focus"}

// steps are answers that stand in an order whatever the question is called.
var steps = []string{"low", "medium", "middle", "high", "mild", "moderate", "severe", "red", "orange", "yellow", "green", "blue"}

// ranks reports the word of an id that puts people in an order.
func ranks(id string) (string, bool) {
	parts := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	for _, w := range rankings {
		if slices.Contains(parts, w) || strings.Contains(w, "_") && strings.Contains(strings.ReplaceAll(id, "-", "_"), w) {
			return w, true
		}
	}
	return "", false
}

// ordered reports a list of answers that is a scale: two of them are numbers, or words for more and less.
func ordered(options []string) bool {
	n := 0
	for _, o := range options {
		digits := strings.TrimLeft(o, "abcdefghijklmnopqrstuvwxyz_-")
		if _, err := strconv.Atoi(digits); err == nil || slices.Contains(steps, o) {
			n++
		}
	}
	return n > 1
}

// aboutPeople refuses what would put people in an order: in compartments of people by name and by shape,
// elsewhere where a field is said to be about a person.
func (b *builder) aboutPeople() {
	if b.kept {
		return
	}
	apart := b.d.Compartment != procedure.Civic
	for _, y := range b.f.Opening.Fields {
		b.aboutOne(y, apart)
	}
	for _, a := range b.f.Acts {
		for _, y := range a.Fields {
			b.aboutOne(y, apart)
		}
		if slices.Contains(a.Effects, string(procedure.Group)) && (apart || b.d.Sealing.When != "") {
			b.bad.on(a.Mark, "act %q: effect %q is for civic matters that are never put under seal; elsewhere a case must not name another one", a.ID, procedure.Group)
		}
		if a.Consent && b.d.Basis.Ground == procedure.ByDuty {
			b.bad.on(a.Mark, "act %q is a consent, but the ground of this procedure is duty: nobody may be asked for what they cannot refuse; take consent away, or the ground is another one", a.ID)
		}
	}
	if !apart {
		return
	}
	for _, y := range b.f.Facts {
		if word, ok := ranks(y.ID); ok {
			b.bad.on(y.Mark, "fact %q says %q of a person; a compartment of people keeps no score, level or rank: record the decision that was made, with its reasons", y.ID, word)
		} else if ordered(y.Values) {
			b.bad.on(y.Mark, "fact %q is a scale %v; a compartment of people keeps none: record the decision that was made, with its reasons", y.ID, y.Values)
		}
	}
}

func (b *builder) aboutOne(y fieldYAML, apart bool) {
	kind := form.Kind(y.Kind)
	if !apart && !y.Personal {
		return
	}
	word, named := ranks(y.Name)
	switch {
	case kind == form.Number && y.Personal && apart:
		b.bad.on(y.Mark, "field %q is a number about a person; a compartment of people keeps none: ask for a date, a yes, or the decision in words", y.Name)
	case (kind == form.Number || kind == form.Choice) && named:
		b.bad.on(y.Mark, "field %q says %q of a person; nobody is scored, graded or ranked: record the decision that was made, with its reasons", y.Name, word)
	case kind == form.Choice && ordered(y.Options):
		b.bad.on(y.Mark, "field %q is a scale %v; nobody is scored, graded or ranked: record the decision that was made, with its reasons", y.Name, y.Options)
	}
}

// compartments checks what holds between procedures: whom a compartment belongs to, who works in it, and
// the words of those that the law orders.
func (l *loader) compartments() {
	if l.kept {
		return
	}
	programme, role := map[string]string{}, map[string]string{}
	lies := map[string]string{}
	for _, f := range l.files {
		d := l.p.Procedures[f.Procedure]
		if d.Basis.Ground == procedure.ByDuty {
			l.asksNobody(f)
		}
		if was, ok := lies[d.Programme]; ok && was != d.Compartment && (procedure.Supported(was) || procedure.Supported(d.Compartment)) {
			l.bad.on(f.Mark.of("compartment"), "programme %q lies in the compartments %q and %q; a programme of supported people has one of its own", d.Programme, was, d.Compartment)
		}
		lies[d.Programme] = d.Compartment
		if was, ok := programme[d.Compartment]; ok && was != d.Programme && procedure.Supported(d.Compartment) {
			l.bad.on(f.Mark.of("programme"), "compartment %q already belongs to programme %q; two programmes of supported people never share one, so that no list has both", d.Compartment, was)
		}
		programme[d.Compartment] = d.Programme
		l.workers(f, d.Compartment, role)
	}
}

// workers refuses a role that works in a compartment of supported people and anywhere else: whoever holds
// it would stand in both.
func (l *loader) workers(f procedureFile, compartment string, role map[string]string) {
	for _, a := range f.Acts {
		for _, r := range slices.Concat(a.By, a.Behalf) {
			was, ok := role[r]
			if ok && was != compartment && !slices.Contains(nobody, r) && (procedure.Supported(was) || procedure.Supported(compartment)) {
				l.bad.on(a.Mark, "act %q: role %q works in compartment %q and in %q; a compartment of supported people has roles of its own", a.ID, r, was, compartment)
			}
			role[r] = compartment
		}
	}
}

// asksNobody refuses words of agreement in a procedure that the law orders: who may not say no is not to
// be asked.
func (l *loader) asksNobody(f procedureFile) {
	shown := []string{"act", "event", "field", "option", "state", "when"}
	for _, lang := range l.p.Langs {
		var asking []string // few of thousands of keys, so they are found first and sorted then
		for key, words := range l.p.Texts[lang] {
			kind, rest, _ := strings.Cut(key, ".")
			if slices.Contains(shown, kind) && strings.HasPrefix(rest, f.Procedure+".") && l.consents(lang, words) != "" {
				asking = append(asking, key)
			}
		}
		slices.Sort(asking)
		for _, key := range asking {
			l.bad.on(l.where[lang+" "+key], "%q says %q, but the ground of procedure %q is duty: say what the law orders, do not ask for agreement", key, l.consents(lang, l.p.Texts[lang][key]), f.Procedure)
		}
	}
}

// consents returns the first word of agreement in a text, or nothing.
func (l *loader) consents(lang, words string) string {
	words = strings.ToLower(words)
	for _, w := range l.consentWords[lang] {
		if strings.Contains(words, strings.ToLower(w)) {
			return w
		}
	}
	return ""
}

// crosses checks a link that leads to another compartment: a sealed referral, which tells as little as can
// be, and words of the person only after they agreed.
func (l *loader) crosses(d, to *procedure.Definition, link *procedure.Link, at func(string, ...any)) {
	if l.kept {
		return
	}
	if d.Compartment == to.Compartment {
		if link.Sealed {
			at("sealed is for a referral to another compartment; %q lies in the same one", to.ID)
		}
		return
	}
	switch {
	case link.Kind != procedure.Referral:
		at("leads from compartment %q to %q and is of kind %s; only a referral may, since a child tells its parent how it ended", d.Compartment, to.Compartment, link.Kind)
	case !link.Sealed:
		at("leads from compartment %q to %q; say sealed: true, so that it goes as an envelope to the unit that receives it", d.Compartment, to.Compartment)
	}
	if link.Review || len(link.NotBy) > 0 || len(link.Ended) > 0 {
		at("review, not_by and ended do not cross from compartment %q to %q; nothing of the record does", d.Compartment, to.Compartment)
	}
	for _, s := range link.Sets {
		if s.Field != "" {
			at("set: fact %q of this case does not cross from compartment %q to %q; give a value, or let the other case ask", s.Field, d.Compartment, to.Compartment)
		}
	}
	for _, name := range link.Carry {
		if name != "category" && !l.agreed(d, link) {
			at("carries %q from compartment %q to %q; each act that opens it needs when: \"done('ACT')\" with an act of the person that says consent: true", name, d.Compartment, to.Compartment)
		}
	}
}

// agreed reports that the person's consent stands before every act that opens a link.
func (l *loader) agreed(d *procedure.Definition, link *procedure.Link) bool {
	opened := false
	for _, a := range d.Acts {
		if !slices.Contains(a.Spawn, link.ID) {
			continue
		}
		opened = true
		if !slices.ContainsFunc(a.When.Needs(), func(id string) bool {
			c, ok := d.Act(id)
			return ok && c.Consent && slices.Equal(c.By, []string{procedure.ByResident})
		}) {
			return false
		}
	}
	return opened
}
