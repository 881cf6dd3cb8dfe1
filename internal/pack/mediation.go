package pack

import (
	"net/url"
	"slices"
	"strings"

	"comity/internal/form"
	"comity/internal/procedure"
)

// Mediation says on which procedures, acts and answers the pages of mediation rest: its roster, rooms and
// sessions are the programme's, but which act calls a session is the pack's to say.
type Mediation struct {
	Law         procedure.Law
	Procedures  []string
	Party       string   // roll of those between whom it is mediated
	Mediator    string   // roll of those who mediate
	Others      []string // rolls of whoever else takes part: hints of conflict look at them too
	Mark        string   // of the roll of mediators
	Settled     []string // its values with which somebody may hold a session
	Field       string   // fact that says what kind of dispute it is
	Keepers     []string // roles that keep roster and rooms of their unit and those below
	Languages   []string
	Name        NameAct
	Call        CallAct
	PutOff      string // act that takes a called session away, so that another can be called; empty: calling again moves it
	Hold        string // act that opens a session
	Record      string // act that ends one with its record
	NoShow      string // act that says somebody did not come; may be empty
	Instalments []string
	Figures     Figures
	Reminders   []int  // hours before a session
	Video       string // address of a remote session, with {ref} and {session}; empty: typed by hand
}

// NameAct is the act that puts a mediator on the roll. Account may be empty.
type NameAct struct{ Act, Name, Phone, Account string }

// CallAct is the act that calls a session, with the answers that say when, where and how.
type CallAct struct {
	Act, On, At, Where, Mode string
	Joint, Apart, Remote     string // values of Mode; Apart and Remote may be empty
	Sooner                   string // answer with which everybody agrees to less notice; empty: nobody can
}

// Figures are the numbers a city settles.
type Figures struct {
	Minutes int // a session usually takes
	Notice  int // days between the call and the session, at least
	Ahead   int // days a proposal looks ahead
	Near    int // days before its end in which a term is near
	Buffer  int // minutes between two sessions of a mediator
	Least   int // counts below are not shown in statistics
}

// Takes reports a procedure whose cases have sessions.
func (m *Mediation) Takes(procedure string) bool {
	return m != nil && slices.Contains(m.Procedures, procedure)
}

type mediationFile struct {
	Mark        mark            `yaml:"-"`
	Law         lawRefYAML      `yaml:"law" doc:"The article that sessions and the roster rest on."`
	Procedures  []string        `yaml:"procedures" doc:"The procedures whose cases have mediators and sessions."`
	Party       string          `yaml:"party" doc:"The roll of the parties."`
	Mediator    string          `yaml:"mediator" doc:"The roll of the mediators."`
	Others      []string        `yaml:"others" doc:"Rolls of others who take part; hints of a conflict of interest look at them too."`
	Settled     settledYAML     `yaml:"settled" doc:"When a mediator may hold a session."`
	Field       string          `yaml:"field" doc:"The fact that says what kind of dispute it is."`
	Keepers     []string        `yaml:"keepers" doc:"Roles that keep the roster and the rooms of their unit and of those below it."`
	Languages   []languageYAML  `yaml:"languages" doc:"Languages a mediator may speak."`
	Names       nameActYAML     `yaml:"names" doc:"The act that names a mediator."`
	Calls       callActYAML     `yaml:"calls" doc:"The act that calls a session."`
	PutOff      string          `yaml:"put_off" doc:"The act that takes a called session away, so that another time can be called; left out where calling again moves it."`
	Hold        string          `yaml:"hold" doc:"The act that opens a session."`
	Record      string          `yaml:"record" doc:"The act that ends a session with its record."`
	NoShow      string          `yaml:"no_show" doc:"The act that says that somebody did not come."`
	Instalments []string        `yaml:"instalments" doc:"Procedures of the instalments of an agreement, whose dates the desk shows."`
	Figures     mediationFigure `yaml:"figures" doc:"The numbers a city settles."`
	Reminders   []int           `yaml:"reminders" doc:"How many hours before a session the parties are reminded."`
	Video       string          `yaml:"video" doc:"Address of a remote session (https), with {ref} and {session} in it; left out, it is typed by hand."`
}

type settledYAML struct {
	Mark   mark     `yaml:"-"`
	OfMark string   `yaml:"mark" doc:"The mark of the roll of mediators."`
	Values []string `yaml:"values" doc:"Its values with which somebody may hold a session."`
}

type languageYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"Id of the language."`
	Name words  `yaml:"name" doc:"What it is called."`
}

type nameActYAML struct {
	Mark    mark   `yaml:"-"`
	Act     string `yaml:"act" doc:"Id of the act."`
	Name    string `yaml:"name" doc:"Its field for the name."`
	Phone   string `yaml:"phone" doc:"Its field for the telephone number, if it has one."`
	Account string `yaml:"account" doc:"Its field for the account at the desk, if it has one."`
}

type callActYAML struct {
	Mark   mark   `yaml:"-"`
	Act    string `yaml:"act" doc:"Id of the act."`
	On     string `yaml:"on" doc:"Its field for the day."`
	At     string `yaml:"at" doc:"Its field for the time; it is written as 09:00-10:30."`
	Where  string `yaml:"where" doc:"Its field for the place, or the address of a remote session."`
	How    string `yaml:"mode" doc:"Its field for the form of the session."`
	Joint  string `yaml:"joint" doc:"The value for a session of all together."`
	Apart  string `yaml:"apart" doc:"The value for talks with each side alone."`
	Remote string `yaml:"remote" doc:"The value for a session by a link."`
	Sooner string `yaml:"sooner" doc:"Its field, answered yes where everybody agrees to less notice than notice_days; left out, no session is called sooner."`
}

type mediationFigure struct {
	Mark    mark `yaml:"-"`
	Minutes int  `yaml:"minutes" doc:"How long a session usually takes, in minutes."`
	Notice  int  `yaml:"notice_days" doc:"Days between the call and the session, at least."`
	Ahead   int  `yaml:"ahead_days" doc:"How many days a proposal looks ahead."`
	Near    int  `yaml:"near_days" doc:"Days before its end in which a term is near."`
	Buffer  int  `yaml:"buffer_minutes" doc:"Minutes between two sessions of a mediator."`
	Least   int  `yaml:"least" doc:"Counts below this are not shown in statistics."`
}

// mediation reads mediation.yaml; a pack without it has no roster and no sessions.
func (l *loader) mediation() {
	if !l.has("mediation.yaml") {
		return
	}
	var f mediationFile
	if !readYAML(l.fsys, "mediation.yaml", &f, &l.bad) {
		return
	}
	b := builder{loader: l}
	m := &Mediation{
		Law: b.law(f.Law), Procedures: f.Procedures, Party: f.Party, Mediator: f.Mediator, Others: f.Others, Mark: f.Settled.OfMark, Settled: f.Settled.Values,
		Field: f.Field, Keepers: f.Keepers, Name: NameAct{f.Names.Act, f.Names.Name, f.Names.Phone, f.Names.Account},
		Call:   CallAct{f.Calls.Act, f.Calls.On, f.Calls.At, f.Calls.Where, f.Calls.How, f.Calls.Joint, f.Calls.Apart, f.Calls.Remote, f.Calls.Sooner},
		PutOff: f.PutOff, Hold: f.Hold, Record: f.Record, NoShow: f.NoShow, Instalments: f.Instalments, Reminders: f.Reminders, Video: f.Video,
		Figures: Figures{f.Figures.Minutes, f.Figures.Notice, f.Figures.Ahead, f.Figures.Near, f.Figures.Buffer, f.Figures.Least},
	}
	for _, y := range f.Languages {
		l.id(y.Mark, "language", y.ID)
		l.say(y.Mark, "mediation.language."+y.ID, y.Name, true)
		m.Languages = append(m.Languages, y.ID)
	}
	l.p.Mediation = m
	c := mediationCheck{loader: l, f: &f, m: m}
	c.figures()
	c.keepers(b.rolesHeld())
	c.procedures()
}

// mediationCheck finds what mediation.yaml names that is not there.
type mediationCheck struct {
	*loader
	f *mediationFile
	m *Mediation
	d *procedure.Definition // the procedure it is held against
}

func (c *mediationCheck) figures() {
	for name, x := range map[string][3]int{
		"minutes": {c.m.Figures.Minutes, 15, 480}, "notice_days": {c.m.Figures.Notice, 0, 60}, "ahead_days": {c.m.Figures.Ahead, 1, 60},
		"near_days": {c.m.Figures.Near, 1, 60}, "buffer_minutes": {c.m.Figures.Buffer, 0, 240}, "least": {c.m.Figures.Least, 10, 1000},
	} {
		if x[0] < x[1] || x[0] > x[2] {
			c.bad.on(c.f.Figures.Mark.of(name), "%s is %d; it is %d to %d", name, x[0], x[1], x[2])
		}
	}
	for _, h := range c.m.Reminders {
		if h < 1 || h > 24*30 {
			c.bad.on(c.f.Mark.of("reminders"), "a reminder %d hours before a session; 1 to 720 are possible", h)
		}
	}
	if u, err := url.Parse(c.m.Video); c.m.Video != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		c.bad.on(c.f.Mark.of("video"), "video %q is not an address that begins with https://", c.m.Video)
	}
}

func (c *mediationCheck) keepers(held map[string]bool) {
	if len(c.m.Keepers) == 0 || len(c.m.Procedures) == 0 {
		c.bad.on(c.f.Mark, "name the procedures, and the roles that keep the roster (keepers)")
	}
	if c.p.Abstract {
		return // its units come with the pack that stands on it
	}
	if !slices.ContainsFunc(c.m.Keepers, func(r string) bool { return held[r] }) {
		c.p.Warnings = append(c.p.Warnings, c.f.Mark.of("keepers").String()+": no unit has one of the roles that keep the roster of mediators; nobody can keep it")
	}
}

func (c *mediationCheck) procedures() {
	for _, id := range append(slices.Clone(c.m.Instalments), c.m.Procedures...) {
		if c.p.Procedures[id] == nil {
			c.bad.on(c.f.Mark, "procedure %q is not in this pack", id)
		}
	}
	for _, id := range c.m.Procedures {
		if c.d = c.p.Procedures[id]; c.d != nil {
			c.rolls()
			c.fact()
			c.acts()
		}
	}
}

func (c *mediationCheck) no(m mark, format string, args ...any) {
	c.bad.on(m, "procedure %q: "+format, append([]any{c.d.ID}, args...)...)
}

func (c *mediationCheck) rolls() {
	for _, id := range append([]string{c.m.Party, c.m.Mediator}, c.m.Others...) {
		if _, ok := c.d.Roll(id); !ok {
			c.no(c.f.Mark, "it has no roll %q", id)
		}
	}
	r, ok := c.d.Roll(c.m.Mediator)
	if !ok {
		return
	}
	mk, ok := r.Mark(c.m.Mark)
	if !ok {
		c.no(c.f.Settled.Mark, "its roll %q has no mark %q", r.ID, c.m.Mark)
		return
	}
	if len(c.m.Settled) == 0 {
		c.no(c.f.Settled.Mark, "say with which values of %q somebody may hold a session", c.m.Mark)
	}
	for _, v := range c.m.Settled {
		if !slices.Contains(mk.Values, v) {
			c.no(c.f.Settled.Mark, "mark %q cannot be %q%s", c.m.Mark, v, suggest(v, mk.Values))
		}
	}
}

func (c *mediationCheck) fact() {
	if f, ok := c.d.Fact(c.m.Field); !ok || len(f.Values) == 0 {
		c.no(c.f.Mark.of("field"), "it has no fact %q with values", c.m.Field)
	}
}

func (c *mediationCheck) acts() {
	name := c.act(c.f.Names.Mark, "names", c.m.Name.Act)
	if name != nil {
		if name.Adds != c.m.Mediator {
			c.no(c.f.Names.Mark, "act %q does not put anybody on the roll %q", name.ID, c.m.Mediator)
		}
		c.field(c.f.Names.Mark, name, c.m.Name.Name, true, form.Text)
		c.field(c.f.Names.Mark, name, c.m.Name.Phone, false, form.Phone, form.Text)
		c.field(c.f.Names.Mark, name, c.m.Name.Account, false, form.Officer)
	}
	if call := c.act(c.f.Calls.Mark, "calls", c.m.Call.Act); call != nil {
		c.calls(call)
	}
	for what, id := range map[string]string{"hold": c.m.Hold, "record": c.m.Record} {
		c.act(c.f.Mark.of(what), what, id)
	}
	for what, id := range map[string]string{"put_off": c.m.PutOff, "no_show": c.m.NoShow} {
		if id != "" {
			c.act(c.f.Mark.of(what), what, id)
		}
	}
}

func (c *mediationCheck) calls(a *procedure.Act) {
	at := c.f.Calls.Mark
	if a.To == "" {
		c.no(at, "act %q leads to no state; a called session is one the case waits in", a.ID)
	}
	c.field(at, a, c.m.Call.On, true, form.Date)
	c.field(at, a, c.m.Call.At, true, form.Text)
	c.field(at, a, c.m.Call.Where, true, form.Text, form.LongText)
	c.field(at, a, c.m.Call.Sooner, false, form.Yes)
	mode := c.field(at, a, c.m.Call.Mode, true, form.Choice)
	if mode == nil {
		return
	}
	if c.m.Call.Joint == "" {
		c.no(at, "say which value of %q is a session of all together (joint)", mode.Name)
	}
	for _, v := range []string{c.m.Call.Joint, c.m.Call.Apart, c.m.Call.Remote} {
		if v != "" && !slices.Contains(mode.Options, v) {
			c.no(at, "field %q of act %q cannot be %q%s", mode.Name, a.ID, v, suggest(v, mode.Options))
		}
	}
}

func (c *mediationCheck) act(m mark, what, id string) *procedure.Act {
	a, ok := c.d.Act(id)
	if !ok {
		var all []string
		for i := range c.d.Acts {
			all = append(all, c.d.Acts[i].ID)
		}
		c.no(m, "%s: it has no act %q%s", what, id, suggest(id, all))
		return nil
	}
	return a
}

func (c *mediationCheck) field(m mark, a *procedure.Act, name string, needed bool, kinds ...form.Kind) *form.Field {
	if name == "" && !needed {
		return nil
	}
	for i := range a.Fields {
		f := &a.Fields[i]
		if f.Name != name {
			continue
		}
		if !slices.Contains(kinds, f.Kind) {
			c.no(m, "field %q of act %q is of kind %s; here it is one of %s", name, a.ID, f.Kind, strings.Join(wordsOf(kinds...), ", "))
		}
		return f
	}
	c.no(m, "act %q has no field %q", a.ID, name)
	return nil
}
