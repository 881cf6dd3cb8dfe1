package pack

import (
	"maps"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
)

// Neighbour is a unit of the city that works on a system of its own, which is spoken to by Open311 GeoReport v2. What
// it is offered or holds is handed to that system; what the system says becomes acts of the unit. A pack writes it in
// neighbours.yaml; where the system is and by which key it is asked is the operator's to say.
type Neighbour struct {
	ID           string
	Unit         org.UnitID
	Roles        []authz.Role // in which its system acts here
	Jurisdiction string       // its name at the endpoint; empty: the endpoint serves one alone
	Lang         string       // in which it is written to
	Updates      bool         // it speaks the updates extension
	Files        bool         // it takes pictures as parts of the form
	Sends        []HandOver
	Arrived      []Deed // when it has given the matter a number
	Says         []Saying
	Takes        []Taking
}

// HandOver is a category that is handed to a service of the neighbour.
type HandOver struct {
	Category, Service string
	Attributes        map[string]string // code → value, with places to fill: {ref}, {address}, {answer.NAME}
}

// Saying is what a status of the neighbour means here: acts of its unit, in this order. One that cannot be done where
// the case stands is passed over, so that a list may begin with what has usually happened already.
type Saying struct {
	Statuses []string
	Deeds    []Deed
}

// Deed is one act with what its fields are given: words of the pack's choice, WordsPlace or FromPlace.
type Deed struct {
	Act    string
	Fields map[string]string
}

// Places in the fields of a Deed.
const (
	WordsPlace = "{words}" // what the neighbour wrote
	FromPlace  = "{from}"  // the unit the matter came from
)

// Taking is a service of the neighbour whose requests are cases here.
type Taking struct{ Service, Category string }

// Gives says as which service a category is handed to the neighbour.
func (n *Neighbour) Gives(category string) (HandOver, bool) {
	i := slices.IndexFunc(n.Sends, func(h HandOver) bool { return h.Category == category })
	if i < 0 {
		return HandOver{}, false
	}
	return n.Sends[i], true
}

// Means lists what a status of the neighbour brings about. A status the pack does not name brings nothing about, and
// becomes a note.
func (n *Neighbour) Means(status string) []Deed {
	i := slices.IndexFunc(n.Says, func(s Saying) bool { return slices.Contains(s.Statuses, status) })
	if i < 0 {
		return nil
	}
	return n.Says[i].Deeds
}

// actorMark begins the name of the actor that a neighbour's system is in the records.
const actorMark = "neighbour:"

// Actor is the name under which its system acts, in records where officers have their account.
func (n *Neighbour) Actor() string { return actorMark + n.ID }

// NeighbourActing finds the neighbour whose system an actor is.
func (p *Pack) NeighbourActing(actor string) (*Neighbour, bool) {
	id, ok := strings.CutPrefix(actor, actorMark)
	if !ok {
		return nil, false
	}
	return p.Neighbour(id)
}

// Neighbour finds one by its id.
func (p *Pack) Neighbour(id string) (*Neighbour, bool) {
	return p.neighbour(func(n *Neighbour) bool { return n.ID == id })
}

// NeighbourOf finds the neighbour whose unit it is.
func (p *Pack) NeighbourOf(unit org.UnitID) (*Neighbour, bool) {
	return p.neighbour(func(n *Neighbour) bool { return n.Unit == unit })
}

func (p *Pack) neighbour(is func(*Neighbour) bool) (*Neighbour, bool) {
	for i := range p.Neighbours {
		if n := &p.Neighbours[i]; is(n) {
			return n, true
		}
	}
	return nil, false
}

type neighboursFile struct {
	Mark       mark            `yaml:"-"`
	Neighbours []neighbourYAML `yaml:"neighbours" doc:"Units of the city that work on a system of their own."`
}

type neighbourYAML struct {
	Mark         mark           `yaml:"-"`
	ID           string         `yaml:"id" key:"id" doc:"Its id, by which the operator's file says where the system is."`
	Unit         string         `yaml:"unit" doc:"Whose matters it looks after: a unit of units.yaml, in which nobody works at this desk."`
	Roles        []string       `yaml:"roles" doc:"Roles of the unit in which its system acts here."`
	Jurisdiction string         `yaml:"jurisdiction" doc:"Its jurisdiction_id at the endpoint, if the endpoint serves several."`
	Language     string         `yaml:"language" doc:"In which it is written to; the first language of the pack if left out."`
	Updates      bool           `yaml:"updates" doc:"Its system speaks the updates extension (servicerequestupdates)."`
	Files        bool           `yaml:"files" doc:"Its system takes pictures as parts of the form (multipart)."`
	Sends        []handOverYAML `yaml:"sends" doc:"What is handed to it."`
	Arrived      []deedYAML     `yaml:"arrived" doc:"Acts of the unit when its system has given the matter a number."`
	Says         []sayingYAML   `yaml:"says" doc:"What its statuses mean here. One that stands nowhere becomes a note on the case."`
	Takes        []takingYAML   `yaml:"takes" doc:"Requests of its system that are cases here."`
}

type handOverYAML struct {
	Mark       mark              `yaml:"-"`
	Category   string            `yaml:"category" key:"category" doc:"A category of a civic procedure about places (heading: title)."`
	Service    string            `yaml:"service" doc:"service_code at the neighbour."`
	Attributes map[string]string `yaml:"attributes" plain:"yes" doc:"Answers to its questions: code to value, which may hold {ref}, {address} and {answer.NAME}."`
}

type sayingYAML struct {
	Mark     mark       `yaml:"-"`
	Statuses []string   `yaml:"status" doc:"Status words of the neighbour: open and closed, and those of the updates extension."`
	Acts     []deedYAML `yaml:"acts" doc:"Acts of the unit, in this order; one that cannot be done is passed over."`
}

type deedYAML struct {
	Mark   mark              `yaml:"-"`
	Act    string            `yaml:"act" doc:"Id of the act."`
	Fields map[string]string `yaml:"fields" plain:"yes" doc:"What its fields are given; {words} is what the neighbour wrote, {from} the unit the matter came from."`
}

type takingYAML struct {
	Mark     mark   `yaml:"-"`
	Service  string `yaml:"service" key:"service" doc:"service_code at the neighbour."`
	Category string `yaml:"category" doc:"The category such a request is here."`
}

// neighbours reads neighbours.yaml. A kept version has none: with whom one works together is the current one's to say.
func (l *loader) neighbours() {
	if l.kept || !l.has("neighbours.yaml") {
		return
	}
	var f neighboursFile
	if !readYAML(l.fsys, "neighbours.yaml", &f, &l.bad) {
		return
	}
	if l.p.Abstract {
		l.bad.on(f.Mark, "a base has no units and no neighbours; write neighbours.yaml in the pack of a city")
		return
	}
	for _, y := range f.Neighbours {
		r := nextDoor{loader: l, y: &y}
		r.read()
		if _, twice := l.p.Neighbour(r.n.ID); twice {
			l.bad.on(y.Mark, "neighbour %q is listed twice", y.ID)
		}
		if other, twice := l.p.NeighbourOf(r.n.Unit); twice {
			l.bad.on(y.Mark.of("unit"), "neighbour %q: unit %q is that of %q already", y.ID, y.Unit, other.ID)
		}
		l.p.Neighbours = append(l.p.Neighbours, r.n)
	}
}

// nextDoor is one neighbour while it is read.
type nextDoor struct {
	*loader
	y *neighbourYAML
	n Neighbour
}

func (r *nextDoor) wrong(m mark, format string, args ...any) {
	r.bad.on(m, "neighbour %q: "+format, append([]any{r.y.ID}, args...)...)
}

func (r *nextDoor) read() {
	y := r.y
	r.n = Neighbour{ID: y.ID, Unit: org.UnitID(y.Unit), Jurisdiction: y.Jurisdiction, Lang: y.Language, Updates: y.Updates, Files: y.Files}
	r.id(y.Mark.of("id"), "neighbour", y.ID)
	if r.n.Lang == "" {
		r.n.Lang = r.p.Langs[0]
	} else if !slices.Contains(r.p.Langs, r.n.Lang) {
		r.wrong(y.Mark.of("language"), "language %q is not one of the pack's languages %v", r.n.Lang, r.p.Langs)
	}
	u, ok := r.p.Units.Unit(r.n.Unit)
	if !ok {
		r.wrong(y.Mark.of("unit"), "there is no unit %q", y.Unit)
	}
	for _, role := range y.Roles {
		r.n.Roles = append(r.n.Roles, authz.Role(role))
		if ok && !slices.Contains(u.Roles, role) {
			r.wrong(y.Mark.of("roles"), "role %q is not one of unit %q", role, y.Unit)
		}
	}
	if len(y.Roles) == 0 {
		r.wrong(y.Mark.of("roles"), "roles are missing; its system could do nothing here")
	}
	if len(y.Sends)+len(y.Takes) == 0 {
		r.wrong(y.Mark, "neither sends nor takes says what is exchanged with it")
	}
	for _, s := range y.Sends {
		r.sends(s)
	}
	r.n.Arrived = r.deeds(y.Arrived)
	for _, s := range y.Says {
		r.says(s)
	}
	for _, t := range y.Takes {
		r.takes(t)
	}
	r.holes()
}

// exchanged refuses what may not cross to another system: what lies in a compartment of its own, what is about people,
// and what may go under seal.
func (r *nextDoor) exchanged(m mark, category string) *procedure.Definition {
	d := r.p.ProcedureFor(category)
	switch {
	case d == nil:
		r.wrong(m, "there is no category %q", category)
		return nil
	case d.Compartment != procedure.Civic:
		r.wrong(m, "category %q is of procedure %q in the compartment %s; only civic matters are exchanged with other systems", category, d.ID, d.Compartment)
	case d.Heading != procedure.HeadingTitle:
		r.wrong(m, "category %q is of procedure %q, which is about people; only what is about places (heading: title) is exchanged with other systems", category, d.ID)
	case d.Sealing.When != "":
		r.wrong(m, "category %q is of procedure %q, whose cases may go under seal; they are not exchanged with other systems", category, d.ID)
	case r.n.Updates && (r.p.Open311 == nil || r.p.Open311.WordsOf(d.ID).Procedure == ""):
		r.wrong(m, "procedure %q has no status words in open311.yaml (statuses), by which the neighbour is told how its cases stand", d.ID)
	}
	return d
}

func (r *nextDoor) sends(y handOverYAML) {
	if _, twice := r.n.Gives(y.Category); twice {
		r.wrong(y.Mark, "category %q is sent twice", y.Category)
	}
	if y.Service == "" {
		r.wrong(y.Mark.of("service"), "category %q: service is missing", y.Category)
	}
	r.n.Sends = append(r.n.Sends, HandOver{y.Category, y.Service, y.Attributes})
	d := r.exchanged(y.Mark.of("category"), y.Category)
	if d == nil {
		return
	}
	for _, code := range slices.Sorted(maps.Keys(y.Attributes)) {
		for _, place := range placesIn(y.Attributes[code]) {
			name, answer := strings.CutPrefix(place, "answer.")
			known := place == "ref" || place == "address" || answer && slices.ContainsFunc(d.Intake, func(f form.Field) bool { return f.Name == name })
			if !known {
				r.wrong(y.Mark.of("attributes"), "attribute %q: {%s} is neither {ref}, {address} nor {answer.NAME} of a question of procedure %q", code, place, d.ID)
			}
		}
	}
}

// placesIn lists the names that stand in braces.
func placesIn(s string) (out []string) {
	for {
		_, rest, ok := strings.Cut(s, "{")
		if !ok {
			return out
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return out
		}
		out, s = append(out, name), after
	}
}

func (r *nextDoor) says(y sayingYAML) {
	if len(y.Statuses) == 0 {
		r.wrong(y.Mark.of("status"), "status is missing; it is one of %s", strings.Join(UpdateWords, ", "))
	}
	for _, word := range y.Statuses {
		if !slices.Contains(UpdateWords, word) {
			r.wrong(y.Mark.of("status"), "%q is not a status word; there are %s", word, strings.Join(UpdateWords, ", "))
		}
		if slices.ContainsFunc(r.n.Says, func(s Saying) bool { return slices.Contains(s.Statuses, word) }) {
			r.wrong(y.Mark.of("status"), "status %q stands twice", word)
		}
	}
	r.n.Says = append(r.n.Says, Saying{y.Statuses, r.deeds(y.Acts)})
}

// deeds holds acts to every procedure that is handed over: each must know one of them, and what an act asks for must be
// there.
func (r *nextDoor) deeds(list []deedYAML) (out []Deed) {
	for _, y := range list {
		out = append(out, Deed{y.Act, y.Fields})
		found := false
		for _, d := range r.handed() {
			if a, ok := d.Act(y.Act); ok {
				found = true
				r.deed(y, d, a)
			}
		}
		if !found {
			r.wrong(y.Mark.of("act"), "no procedure of what is sent has an act %q", y.Act)
		}
	}
	return out
}

// handed are the procedures of what is sent, each once.
func (r *nextDoor) handed() (out []*procedure.Definition) {
	for _, s := range r.n.Sends {
		if d := r.p.ProcedureFor(s.Category); d != nil && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

func (r *nextDoor) deed(y deedYAML, d *procedure.Definition, a *procedure.Act) {
	if !slices.ContainsFunc(a.By, func(by string) bool { return slices.Contains(r.n.Roles, authz.Role(by)) }) {
		r.wrong(y.Mark.of("act"), "act %q of procedure %q is done by %s, none of which is among its roles", a.ID, d.ID, strings.Join(a.By, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(y.Fields)) {
		i := slices.IndexFunc(a.Fields, func(f form.Field) bool { return f.Name == name })
		if i < 0 {
			r.wrong(y.Mark.of("fields"), "act %q of procedure %q has no field %q", a.ID, d.ID, name)
			continue
		}
		r.given(y, d, a, a.Fields[i], y.Fields[name])
	}
	for _, f := range a.Fields {
		if f.Required && y.Fields[f.Name] == "" {
			r.wrong(y.Mark.of("fields"), "act %q of procedure %q asks for %q; say what it is given", a.ID, d.ID, f.Name)
		}
	}
}

// given holds a value to its field, as far as it is known before the neighbour speaks.
func (r *nextDoor) given(y deedYAML, d *procedure.Definition, a *procedure.Act, f form.Field, value string) {
	m := y.Mark.of("fields")
	for _, place := range placesIn(value) {
		if "{"+place+"}" != WordsPlace && "{"+place+"}" != FromPlace {
			r.wrong(m, "act %q: {%s} is neither %s nor %s", a.ID, place, WordsPlace, FromPlace)
		}
	}
	words := strings.Contains(value, WordsPlace)
	switch {
	case words && f.Kind != form.Text && f.Kind != form.LongText:
		r.wrong(m, "act %q: field %q does not take words", a.ID, f.Name)
	case strings.Contains(value, FromPlace) != (f.Kind == form.Unit) || f.Kind == form.Unit && value != FromPlace:
		r.wrong(m, "act %q: a unit is given by %s alone, and nothing else is (field %q)", a.ID, FromPlace, f.Name)
	case f.Kind == form.Outcome:
		if _, ok := d.Outcome(value); !ok {
			r.wrong(m, "act %q: %q is not an outcome of procedure %q", a.ID, value, d.ID)
		}
	case f.Kind == form.Choice && !slices.Contains(f.Options, value):
		r.wrong(m, "act %q: %q is not an option of field %q", a.ID, value, f.Name)
	case f.Kind == form.Officer:
		r.wrong(m, "act %q: field %q names somebody who works here; a neighbour cannot", a.ID, f.Name)
	}
}

func (r *nextDoor) takes(y takingYAML) {
	if slices.ContainsFunc(r.n.Takes, func(t Taking) bool { return t.Service == y.Service }) {
		r.wrong(y.Mark, "service %q is taken twice", y.Service)
	}
	if slices.ContainsFunc(r.n.Sends, func(h HandOver) bool { return h.Service == y.Service }) {
		r.wrong(y.Mark.of("service"), "service %q is handed over and taken; what was handed over would come back", y.Service)
	}
	r.n.Takes = append(r.n.Takes, Taking{y.Service, y.Category})
	d := r.exchanged(y.Mark.of("category"), y.Category)
	if d == nil {
		return
	}
	if !r.n.Updates {
		r.wrong(y.Mark, "what is taken has to be answered, and only the updates extension (updates: true) can; who reported it would hear nothing")
	}
	for _, f := range d.Intake {
		if f.Required {
			r.wrong(y.Mark.of("category"), "procedure %q asks for %q, which a request of the neighbour does not answer", d.ID, f.Name)
		}
	}
}

// holes asks for what every GeoReport endpoint can say: that a request is closed. Without an act for it a matter would
// wait for a neighbour that has long finished.
func (r *nextDoor) holes() {
	if len(r.n.Sends) == 0 {
		return
	}
	if len(r.n.Arrived) == 0 {
		r.wrong(r.y.Mark, "arrived is missing; it says by which act its unit takes over what its system has given a number")
	}
	if len(r.n.Means("closed")) == 0 {
		r.wrong(r.y.Mark, "says has nothing for the status closed, which every system knows; a matter would wait for ever")
	}
}
