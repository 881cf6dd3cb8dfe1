package pack

import (
	"slices"
	"strings"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Open311 is what a city offers to other programs through GeoReport v2: which services, to whom they
// belong, and how much of a request anybody may see. A pack writes it in open311.yaml. The words are
// the texts open311.contact and open311.key_service, and of a service open311.SERVICE.name, …group and
// …keywords where they differ from those of its category.
type Open311 struct {
	Changeset     string // day of the last change, ISO
	Jurisdictions []Jurisdiction
	Services      []Service // in the order they are listed
	Words         []StatusWords
}

// Jurisdiction is a part of the city that other programs know by a name of their own.
type Jurisdiction struct {
	ID   string
	Unit org.UnitID
}

// Service is one category that is offered.
type Service struct {
	Code     string
	Category string
	Batch    bool // the answer is a token, by which the number is asked for
	Shown    Shown
}

// Shown is how much of a request anybody may see without a key. Each holds what the one before holds.
type Shown int

// The steps of Shown.
const (
	ShowNothing Shown = iota // as if it were not there
	ShowStatus               // service, status, unit and dates
	ShowPlace                // where it is
	ShowText                 // what was written, and what was answered
)

// shownWords are the steps as authors write them.
var shownWords = []string{"nothing", "status", "place", "text"}

// serviceTypes are the ways to answer a request, as authors write them.
var serviceTypes = []string{"realtime", "batch"}

// StatusWords says in the words of the updates extension how cases of a procedure stand.
type StatusWords struct {
	Procedure string
	Phases    map[string]string // every phase has one
	Outcomes  map[string]string // say more than the phase once there is an answer
	States    map[string]string // say more than both
	Takes     []Taken
}

// Taken says which act an update from outside is, by its status; what no Taken names becomes a note.
type Taken struct {
	Status string
	Act    string
	Field  string // of the act, for the words of the update
}

// UpdateWords are the status words of the updates extension, as its real clients know them.
var UpdateWords = []string{"open", "closed", "fixed", "in_progress", "planned", "action_scheduled", "investigating", "duplicate",
	"not_councils_responsibility", "no_further_action", "internal_referral", "cancelled", "reopen", "for_triage", "unchanged"}

// visibility are keywords by which clients hide a category. A list of synonyms must not hold one by chance.
var visibility = []string{"private", "staff", "inactive", "waste_only"}

// Service finds a service by its code; there are none in a pack that offers none.
func (o *Open311) Service(code string) (Service, bool) {
	return o.service(func(s Service) bool { return s.Code == code })
}

// ServiceOf finds the service that offers a category.
func (o *Open311) ServiceOf(category string) (Service, bool) {
	return o.service(func(s Service) bool { return s.Category == category })
}

func (o *Open311) service(is func(Service) bool) (Service, bool) {
	if o == nil {
		return Service{}, false
	}
	i := slices.IndexFunc(o.Services, is)
	if i < 0 {
		return Service{}, false
	}
	return o.Services[i], true
}

// WordsOf finds the status words of a procedure.
func (o *Open311) WordsOf(procedure string) StatusWords {
	i := slices.IndexFunc(o.Words, func(w StatusWords) bool { return w.Procedure == procedure })
	if i < 0 {
		return StatusWords{}
	}
	return o.Words[i]
}

type open311File struct {
	Mark          mark              `yaml:"-"`
	Changeset     string            `yaml:"changeset" doc:"Day of the last change of this file, such as 2026-11-02; programs read the lists anew when it moves."`
	Contact       words             `yaml:"contact" doc:"Whom to ask about this interface."`
	KeyService    words             `yaml:"key_service" doc:"How one gets a key to send requests with."`
	Shown         string            `yaml:"shown" enum:"shown" doc:"What anybody sees of a request of services that do not say it themselves; status if left out."`
	Jurisdictions []jurisdictYAML   `yaml:"jurisdictions" doc:"Names by which other programs know the city, or parts of it."`
	Statuses      []statusWordsYAML `yaml:"statuses" doc:"How cases stand, in the words of the updates extension."`
	Services      []serviceYAML     `yaml:"services" doc:"What is offered, in the order of the list."`
}

type jurisdictYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"The name, usually the address of the city's site without www."`
	Unit string `yaml:"unit" doc:"The unit whose area it is; requests from elsewhere are refused."`
}

type serviceYAML struct {
	Mark     mark                `yaml:"-"`
	Code     string              `yaml:"code" key:"code" doc:"Code of the service; it stays the same for ever, since other programs keep it."`
	Category string              `yaml:"category" doc:"Category of a civic procedure that residents may choose; code if left out. A category is offered once."`
	Name     words               `yaml:"name" doc:"What it is called; the name of the category if left out."`
	Group    words               `yaml:"group" doc:"The heading it stands under; that of the category if left out."`
	Keywords map[string][]string `yaml:"keywords" doc:"Other words people use for it, by language; those of the category if left out."`
	Type     string              `yaml:"type" enum:"service_type" doc:"realtime: the number is given at once; batch: a token, by which the number is asked for. realtime if left out."`
	Shown    string              `yaml:"shown" enum:"shown" doc:"What anybody sees of a request: nothing, status, place or text. Place and text need a procedure with heading: title."`
}

type statusWordsYAML struct {
	Mark      mark              `yaml:"-"`
	Procedure string            `yaml:"procedure" key:"procedure" doc:"Id of the procedure."`
	Phases    map[string]string `yaml:"phases" plain:"yes" doc:"Phase to word; every phase needs one."`
	Outcomes  map[string]string `yaml:"outcomes" plain:"yes" doc:"Outcome to word, as soon as there is an answer."`
	States    map[string]string `yaml:"states" plain:"yes" doc:"State to word, where it says more than phase and outcome."`
	Takes     []takenYAML       `yaml:"takes" doc:"Updates from outside that are an act; all others become notes."`
}

type takenYAML struct {
	Mark   mark   `yaml:"-"`
	Status string `yaml:"status" key:"status" doc:"Status word of the update."`
	Act    string `yaml:"act" doc:"The act it is; staff must be able to do it."`
	Field  string `yaml:"field" doc:"Its field for the words of the update."`
}

// open311 reads open311.yaml; a pack without it offers nothing, and neither does a kept version: what is offered is
// the current one's to say.
func (l *loader) open311() {
	if l.kept || !l.has("open311.yaml") {
		return
	}
	var f open311File
	if !readYAML(l.fsys, "open311.yaml", &f, &l.bad) {
		return
	}
	if l.p.Abstract {
		l.bad.on(f.Mark, "a base has no units and offers nothing; write open311.yaml in the pack of a city")
		return
	}
	r := offer{loader: l, f: &f, o: &Open311{Changeset: f.Changeset}}
	l.say(f.Mark.of("contact"), "open311.contact", f.Contact, true)
	l.say(f.Mark.of("key_service"), "open311.key_service", f.KeyService, true)
	if _, err := worktime.ParseDay(f.Changeset); err != nil {
		l.bad.on(f.Mark.of("changeset"), "changeset %q: write the day of the last change, such as 2026-11-02", f.Changeset)
	}
	if f.Shown != "" && !slices.Contains(shownWords, f.Shown) {
		l.bad.on(f.Mark.of("shown"), "shown %q is not one of %s", f.Shown, strings.Join(shownWords, ", "))
	}
	r.jurisdictions()
	for _, s := range f.Services {
		r.service(s)
	}
	if len(f.Services) == 0 {
		l.bad.on(f.Mark.of("services"), "services: there is none; programs delete what a list leaves out, so take the file away instead")
	}
	for _, w := range f.Statuses {
		r.words(w)
	}
	r.worded()
	l.p.Open311 = r.o
}

// offer is an open311.yaml while it is read.
type offer struct {
	*loader
	f *open311File
	o *Open311
}

func (r *offer) jurisdictions() {
	for _, j := range r.f.Jurisdictions {
		r.id(j.Mark.of("id"), "jurisdiction", j.ID)
		if slices.ContainsFunc(r.o.Jurisdictions, func(o Jurisdiction) bool { return o.ID == j.ID }) {
			r.bad.on(j.Mark, "jurisdiction %q is listed twice", j.ID)
		}
		if _, ok := r.p.Units.Unit(org.UnitID(j.Unit)); !ok {
			r.bad.on(j.Mark.of("unit"), "jurisdiction %q: there is no unit %q", j.ID, j.Unit)
		}
		r.o.Jurisdictions = append(r.o.Jurisdictions, Jurisdiction{j.ID, org.UnitID(j.Unit)})
	}
	if len(r.f.Jurisdictions) == 0 {
		r.bad.on(r.f.Mark, "jurisdictions: name at least one, such as {id: example.gov, unit: %s}", r.p.Units.Root())
	}
}

func (r *offer) service(y serviceYAML) {
	s := Service{Code: y.Code, Category: y.Category, Batch: y.Type == serviceTypes[1]}
	if s.Category == "" {
		s.Category = s.Code
	}
	r.id(y.Mark.of("code"), "service", y.Code)
	if _, twice := r.o.Service(s.Code); twice {
		r.bad.on(y.Mark, "service %q is listed twice", s.Code)
	}
	if other, twice := r.o.ServiceOf(s.Category); twice {
		r.bad.on(y.Mark, "service %q: category %q is offered as %q already, and a request could not tell which", s.Code, s.Category, other.Code)
	}
	if y.Type != "" && !slices.Contains(serviceTypes, y.Type) {
		r.bad.on(y.Mark.of("type"), "service %q: type %q is not %s", s.Code, y.Type, strings.Join(serviceTypes, " or "))
	}
	where, shown := y.Mark.of("shown"), y.Shown
	if shown == "" {
		where, shown = r.f.Mark.of("shown"), r.f.Shown
	}
	if shown == "" {
		shown = shownWords[ShowStatus]
	}
	i := slices.Index(shownWords, shown)
	if i < 0 {
		r.bad.on(where, "service %q: shown %q is not one of %s", s.Code, shown, strings.Join(shownWords, ", "))
	}
	s.Shown = Shown(max(i, 0))
	key := "open311." + s.Code
	r.say(y.Mark.of("name"), key+".name", y.Name, len(y.Name) > 0)
	r.say(y.Mark.of("group"), key+".group", y.Group, len(y.Group) > 0)
	r.keywords(y, s, key)
	r.o.Services = append(r.o.Services, s)
	r.offered(y, s, where)
}

// keywords files them as one text each language, as they are sent.
func (r *offer) keywords(y serviceYAML, s Service, key string) {
	said := words{}
	for lang, list := range y.Keywords {
		said[lang] = strings.Join(list, ",")
	}
	if len(said) == 0 {
		c, _ := r.p.Category(s.Category)
		for lang, list := range c.Keywords {
			said[lang] = strings.Join(list, ",")
		}
	}
	r.say(y.Mark.of("keywords"), key+".keywords", said, false)
	for _, list := range said {
		for word := range strings.SplitSeq(list, ",") {
			if slices.Contains(visibility, strings.ToLower(strings.TrimSpace(word))) {
				r.bad.on(y.Mark.of("keywords"), "service %q: programs hide a category with the keyword %q; say shown: nothing where that is meant", y.Code, word)
			}
		}
	}
}

// offered refuses what may not be offered: what residents may not file, what lies in a compartment of its
// own, and words of people where the procedure is about people.
func (r *offer) offered(y serviceYAML, s Service, shown mark) {
	where := y.Mark.of("category")
	c, ok := r.p.Category(s.Category)
	d := r.p.ProcedureFor(s.Category)
	switch {
	case !ok || d == nil:
		r.bad.on(where, "service %q: category %q is not in categories.yaml", s.Code, s.Category)
		return
	case !c.Resident:
		r.bad.on(where, "service %q: residents may not choose category %q (resident: false)", s.Code, s.Category)
	case d.Compartment != procedure.Civic:
		r.bad.on(where, "service %q: category %q is of procedure %q in the compartment %s; only civic procedures are offered to other programs", s.Code, s.Category, d.ID, d.Compartment)
	}
	if s.Shown >= ShowPlace && d.Heading != procedure.HeadingTitle {
		r.bad.on(shown, "service %q: shown %s needs a procedure about places (heading: title), and %q is about people; say status or nothing", s.Code, shownWords[s.Shown], d.ID)
	}
	for _, f := range d.Intake {
		if !slices.Contains(attributes, f.Kind) {
			r.bad.on(where, "service %q: field %q of procedure %q is of kind %s, which no program can fill in", s.Code, f.Name, d.ID, f.Kind)
		}
	}
}

// attributes are the kinds of fields that have a datatype in GeoReport v2.
var attributes = []form.Kind{form.Text, form.LongText, form.Choice, form.Number, form.Date, form.Yes, form.Phone, form.Unit}

func (r *offer) words(y statusWordsYAML) {
	w := StatusWords{Procedure: y.Procedure, Phases: y.Phases, Outcomes: y.Outcomes, States: y.States}
	d := r.p.Procedures[y.Procedure]
	if d == nil {
		r.bad.on(y.Mark.of("procedure"), "procedure %q is not in this pack", y.Procedure)
		return
	}
	outcome := func(id string) bool {
		return slices.ContainsFunc(d.Outcomes, func(o procedure.Outcome) bool { return o.ID == id })
	}
	r.wordsIn(y.Mark.of("phases"), "phase", y.Phases, func(id string) bool { return slices.Contains(r.p.Phases[d.ID], id) })
	r.wordsIn(y.Mark.of("outcomes"), "outcome", y.Outcomes, outcome)
	r.wordsIn(y.Mark.of("states"), "state", y.States, func(id string) bool { _, ok := d.State(id); return ok })
	for _, p := range r.p.Phases[d.ID] {
		if y.Phases[p] == "" {
			r.bad.on(y.Mark.of("phases"), "procedure %q: phase %q has no status word", d.ID, p)
		}
	}
	for _, t := range y.Takes {
		r.takes(d, t)
		w.Takes = append(w.Takes, Taken{t.Status, t.Act, t.Field})
	}
	r.o.Words = append(r.o.Words, w)
}

func (r *offer) wordsIn(m mark, what string, said map[string]string, known func(string) bool) {
	for id, word := range said {
		if !known(id) {
			r.bad.on(m, "%s %q is not one of the procedure", what, id)
		}
		if !slices.Contains(UpdateWords, word) {
			r.bad.on(m, "%s %q: %q is not a status word; there are %s", what, id, word, strings.Join(UpdateWords, ", "))
		}
	}
}

// takes holds an act that is done from outside to what outside can give: words for one field.
func (r *offer) takes(d *procedure.Definition, t takenYAML) {
	a, ok := d.Act(t.Act)
	switch {
	case !slices.Contains(UpdateWords, t.Status):
		r.bad.on(t.Mark.of("status"), "%q is not a status word; there are %s", t.Status, strings.Join(UpdateWords, ", "))
	case !ok:
		r.bad.on(t.Mark.of("act"), "procedure %q: it has no act %q", d.ID, t.Act)
	case !slices.ContainsFunc(a.By, func(by string) bool { return !slices.Contains(notStaff, by) }):
		r.bad.on(t.Mark.of("act"), "procedure %q: staff cannot do act %q", d.ID, t.Act)
	default:
		r.fills(a, t)
	}
}

// notStaff are those an act can name who have no account.
var notStaff = []string{"resident", "system", procedure.ByMember}

func (r *offer) fills(a *procedure.Act, t takenYAML) {
	found := t.Field == ""
	for _, f := range a.Fields {
		switch {
		case f.Name == t.Field:
			if found = true; f.Kind != form.Text && f.Kind != form.LongText {
				r.bad.on(t.Mark.of("field"), "act %q: field %q does not take words", a.ID, f.Name)
			}
		case f.Required:
			r.bad.on(t.Mark.of("act"), "act %q asks for %q too, which an update does not hold", a.ID, f.Name)
		}
	}
	if !found {
		r.bad.on(t.Mark.of("field"), "act %q has no field %q", a.ID, t.Field)
	}
}

// worded asks for status words of every procedure that is offered.
func (r *offer) worded() {
	var asked []string
	for _, s := range r.o.Services {
		d := r.p.ProcedureFor(s.Category)
		if d == nil || slices.Contains(asked, d.ID) {
			continue
		}
		asked = append(asked, d.ID)
		if r.o.WordsOf(d.ID).Procedure == "" {
			r.bad.on(r.f.Mark.of("statuses"), "procedure %q is offered and has no status words", d.ID)
		}
	}
}
