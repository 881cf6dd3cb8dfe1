package portal

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/form"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/web"
	"comity/internal/worktime"
)

// casePage is one matter as its resident sees it.
type casePage struct {
	Base    string // /f/CODE
	Ref     string
	Title   string
	Done    string // what was just done, in words
	Gone    *web.Gone
	Now     string // one sentence: where it is
	By      string // by when an answer comes, in words
	Rules   string // address of the rules of the procedure
	Road    string // how long it can take if everybody keeps the law
	ActBy   string // said when no answer is promised: by when whoever holds it has to act
	Waiting bool   // the date stands still
	Not     bool   // the date depends on a calendar that is not published yet
	Late    string // said once the promised date passed
	Pill    web.Pill
	Updated string
	Unit    string // who holds it
	Offered string // whom it is being passed to
	HasWhy  bool
	Steps   []web.Step
	Ask     *askView // what the office waits for
	Answer  []web.Fact
	Outcome *web.Tag
	Can     []canView
	Beside  []web.Link // ways to pages of programmes
	Law     []lawView
	Kids    []kidView
	Belongs string   // said when this matter was opened from another one
	Ways    []string // other remedies, as the pack words them
	Sent    []web.Fact
	Photos  []casework.File
	Papers  []casework.File
	Held    []casework.File // wait for a check, or were refused
	Entries []web.Entry
}

// askView is an act the resident is waited for, with its form on the page itself.
type askView struct {
	From  string
	Until string // by when the office waits
	Facts []web.Fact
	Form  actForm
}

// canView is a way to an act of its own page.
type canView struct{ Icon, Href, Label, Until string }

// lawView is an article behind what the resident may do.
type lawView struct{ Name, Words string }

// matter is a case with what is needed to speak about it.
type matter struct {
	page   *web.Page
	c      casework.Case
	d      *procedure.Definition
	events []casework.Event
	phases []string
	now    time.Time
	kids   map[casework.CaseID]casework.Case // matters this one opened
	packs  *pack.Registry
	gone   *web.Gone
	door   Door
	who    authz.Actor
	member casework.Member // who reads it, where that is not whoever opened it
}

func (p *Portal) caseOf(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.case.title")
	if err != nil {
		return err
	}
	v := m.view(r.URL.Query().Get("done"))
	for _, g := range p.Programmes {
		if g.Beside == nil {
			continue
		}
		ways, err := g.Beside(r.Context(), m.page, m.c)
		if err != nil {
			return err
		}
		v.Beside = append(v.Beside, ways...)
	}
	if m.door.Prove != nil {
		v.Beside = append(v.Beside, web.Link{Href: m.base() + "/proof", Label: m.page.T("portal.proof.way")})
	}
	return m.page.Write(w, r, http.StatusOK, web.PublicLayout(m.page, caseBody(m.page, v)))
}

// matter loads the case of the code in the address, the procedure it was opened under and its record.
func (p *Portal) matter(r *http.Request, title string) (*matter, error) {
	door, c, err := p.held(r)
	if err != nil {
		return nil, err
	}
	d, err := p.Packs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return nil, err
	}
	look, err := door.look(r, c)
	if err != nil {
		return nil, err
	}
	code := c.Code // whoever asked has it, though its own copy may be erased
	c, events := look.Case(), look.Events()
	c.Code = code
	page := p.pageOf(r, c, title)
	kids, err := door.Reader.Children(r.Context(), c)
	if err != nil {
		return nil, err
	}
	for _, k := range c.Children {
		if explain.Theirs(d, k.Link) { // its code opens it for them
			kid, err := door.look(r, kids[k.Case])
			if err != nil {
				return nil, err
			}
			kids[k.Case] = kid.Case()
		}
	}
	var gone *web.Gone
	if e, erased, err := door.Reader.Erased(r.Context(), c.ID); err != nil {
		return nil, err
	} else if erased {
		gone = &web.Gone{At: e.At, Ground: e.Ground, Law: e.Law}
	}
	return &matter{
		door: door, gone: gone, who: authz.Holder(string(c.ID)),
		page: page, c: c, d: d, events: events, kids: kids, packs: p.Packs,
		phases: p.Packs.Pack(c.Pack).Phases[c.Procedure], now: p.Site.Now(),
	}, nil
}

// pageOf is a private page about a case, in the words of the version it was opened under.
func (p *Portal) pageOf(r *http.Request, c casework.Case, title string) *web.Page {
	page := p.Site.Page(r, title, "ref", string(c.Ref))
	page.Private = true
	if c.Pack != p.Packs.Current().Digest {
		page.Speaker = p.Site.Text.With(p.Packs.Pack(c.Pack).Texts).In(page.Lang)
	}
	return page
}

// told is the matter for those who put its rules into words.
func (m *matter) told() explain.Matter {
	return explain.Matter{Say: m.page.Speaker, Zone: m.page.Site.Zone, D: m.d, Case: m.c, Events: m.events}
}

func (m *matter) base() string {
	at, code := "/f/", m.c.Code
	if m.member.ID != "" {
		at, code = "/p/", m.member.Code
	}
	if m.page.Kiosk {
		return at + handle
	}
	return at + string(code)
}

func (m *matter) view(done string) casePage {
	v := casePage{
		Gone: m.gone, Base: m.base(), Ref: string(m.c.Ref), Title: m.c.Title, Unit: m.unit(string(m.c.Holder)),
		Now: m.page.T("state." + m.d.ID + "." + m.c.State + ".now"), Updated: m.page.Moment(m.c.Changed),
		Steps: m.steps(), Answer: m.answer(), Entries: m.entries(), Sent: m.sentFacts(), Pill: m.pill(),
	}
	if m.c.Offered != "" {
		v.Offered = m.unit(string(m.c.Offered))
	}
	if done == "note" {
		v.Done = m.page.T("portal.note.done")
	} else if a, ok := m.d.Act(done); ok {
		v.Done = m.page.T("event." + m.d.ID + "." + a.Event)
	}
	m.promise(&v)
	m.acts(&v)
	m.family(&v)
	v.Road, v.Rules = m.road(), v.Base+"/law"
	v.HasWhy = v.By != "" || v.Waiting || slices.ContainsFunc(v.Can, func(c canView) bool { return c.Until != "" })
	if o, ok := m.d.Outcome(m.c.Outcome); ok {
		v.Outcome = &web.Tag{Class: "line", Label: m.page.T("outcome." + m.d.ID + "." + o.ID)}
		if o.Solved {
			v.Outcome.Class, v.Outcome.Icon = "ok", "check"
		}
	}
	for _, f := range m.c.Files {
		if !f.Public {
			continue
		}
		if f.Held != "" {
			v.Held = append(v.Held, f)
			continue
		}
		if picture(f) {
			v.Photos = append(v.Photos, f)
		} else {
			v.Papers = append(v.Papers, f)
		}
	}
	return v
}

func (m *matter) unit(id string) string { return m.page.T("unit." + id) }

// promised is the clock whose date the resident is told.
func (m *matter) promised() (casework.Clock, bool) {
	return m.c.Promised()
}

func (m *matter) promise(v *casePage) {
	k, ok := m.promised()
	switch {
	case m.final() || !ok:
	case k.Running():
		v.By, v.Not = promise(m.page, m.c, k, "portal.case.by"), k.Provisional
	case k.Status == procedure.Paused.String():
		v.Waiting = true
	}
	if m.c.Late && m.c.Answered.IsZero() {
		v.By, v.Not = "", false
		v.Late = m.page.T("portal.case.late")
	}
	if k, ok := m.c.Due(); ok && v.By == "" && !v.Waiting && m.owedByOffice() {
		v.ActBy = m.page.T("portal.case.act_by", "unit", v.Unit, "when", m.page.Day(k.Due))
	}
}

// owedByOffice reports a state in which the unit that holds the case has to act.
func (m *matter) owedByOffice() bool {
	s, ok := m.d.State(m.c.State)
	return ok && !s.Final && s.Owner == procedure.OwnerHolder
}

func (m *matter) final() bool {
	s, ok := m.d.State(m.c.State)
	return ok && s.Final
}

// pill counts working days with the procedure's own calendar when the term is in working days.
func (m *matter) pill() web.Pill {
	k, ok := m.promised()
	switch {
	case !ok || m.final():
		return web.Pill{}
	case k.Status == procedure.Paused.String():
		return m.page.Pill(web.Term{Paused: true})
	case !k.Running():
		return web.Pill{}
	}
	t := web.Term{Start: k.Start, Due: k.Due}
	if k.Rule.Unit == worktime.WorkingDays && m.d.Calendar != nil {
		t.InWorking, t.Working = true, m.d.Calendar.WorkingBetween(m.d.Calendar.DayAt(m.now), m.d.Calendar.DayAt(k.Due))
	}
	return m.page.Pill(t)
}

// steps shows the phases of the procedure: where the matter was, is and goes next.
func (m *matter) steps() []web.Step {
	at := -1
	if s, ok := m.d.State(m.c.State); ok {
		at = slices.Index(m.phases, s.Phase)
	}
	var out []web.Step
	dated := false // a promise is kept in one step; those after it have no date yet
	for i, ph := range m.phases {
		s := web.Step{State: "next", Name: m.page.T("phase." + m.d.ID + "." + ph)}
		since, unit := m.entered(ph)
		switch {
		case i < at && since.IsZero():
			continue // the matter went past it: it was never there
		case i < at:
			s.State, s.Sub = "was", m.page.Moment(since)+" · "+unit
		case i == at:
			s.State, s.Sub = "is", m.page.T("portal.case.since", "when", m.page.Moment(since))+" · "+unit
		case m.final():
			continue
		case !dated && i > at && m.endsIn(ph):
			if k, ok := m.promised(); ok && k.Running() && !m.c.Late {
				s.Sub = m.page.T("portal.case.at_latest", "when", m.page.Day(k.Due))
			}
			dated = true
		}
		out = append(out, s)
	}
	return out
}

// entered is when the matter last came into a phase, and which unit held it then.
func (m *matter) entered(phase string) (time.Time, string) {
	var at time.Time
	var unit string
	before := ""
	for _, e := range m.events {
		s, ok := m.d.State(e.State)
		if !ok {
			continue
		}
		if s.Phase == phase && before != phase {
			at, unit = e.At, m.unit(string(e.Holder))
		}
		before = s.Phase
	}
	return at, unit
}

// endsIn reports a step that some act leads to which ends the term the resident was told.
func (m *matter) endsIn(phase string) bool {
	k, _ := m.promised()
	cl, ok := m.d.Clock(k.ID)
	return ok && slices.ContainsFunc(m.d.Acts, func(a procedure.Act) bool {
		s, to := m.d.State(a.To)
		return to && s.Phase == phase && !a.Withdraw && slices.Contains(cl.Stop, a.Event)
	})
}

// promise says what the resident is promised by a date: in the words the pack has for this term
// (promise.PROCEDURE.CLOCK), or that there will be an answer.
func promise(page *web.Page, c casework.Case, k casework.Clock, otherwise string) string {
	if key := "promise." + c.Procedure + "." + k.ID; page.Has(key) {
		otherwise = key
	}
	return page.T(otherwise, "when", page.Day(k.Due))
}

// road says on the first day how long it can take if everybody keeps the law.
func (m *matter) road() string {
	r := m.packs.Pack(m.c.Pack).Reports[m.d.ID].Road
	if !r.Ordinary.Known || r.Ordinary.First == 0 || m.final() {
		return ""
	}
	return m.page.T("portal.case.road", "first", m.page.N("portal.law.road.days", r.Ordinary.First), "final", m.page.N("portal.law.road.days", r.Ordinary.Final))
}

// answer is the last answer in the words of its public fields; the outcome is shown as a tag above it.
func (m *matter) answer() []web.Fact {
	for _, e := range slices.Backward(m.events) {
		if e.Answers {
			outcome := e.Outcome
			e.Fields = maps.Clone(e.Fields)
			maps.DeleteFunc(e.Fields, func(name, v string) bool { return outcome != "" && name == "outcome" })
			return m.public(e)
		}
	}
	return nil
}

// public are the fields of an event that the resident reads. What the pack does not call public stays inside.
func (m *matter) public(e casework.Event) []web.Fact {
	a, ok := m.d.Act(e.Act)
	if !ok {
		return nil
	}
	f := web.ActForm(m.d.ID, a.ID)
	var out []web.Fact
	for _, field := range a.Fields {
		if v := e.Fields[field.Name]; v != "" && field.Public {
			out = append(out, web.Fact{Label: m.page.T(f.Prefix + "." + field.Name), Value: m.page.Answer(f, field, v)})
		}
	}
	return out
}

// acts sorts what the resident may do now: what the office waits for goes on the page, the rest is a link.
func (m *matter) acts(v *casePage) {
	state, _ := m.d.State(m.c.State)
	for i := range m.d.Acts {
		a := &m.d.Acts[i]
		if !m.may(a) {
			continue
		}
		if a.To != "" && a.While == "" && !a.Withdraw && state != nil && state.Owner == procedure.OwnerResident {
			v.Ask = m.ask(a)
			continue
		}
		can := canView{Icon: "next", Href: v.Base + "/do/" + a.ID, Label: m.page.T("act." + m.d.ID + "." + a.ID)}
		if a.Withdraw {
			can.Icon = "x"
		}
		if k, ok := m.c.Clock(a.While); ok && k.Running() {
			can.Until = m.page.T("portal.case.until", "when", m.page.Day(k.Due))
		}
		v.Can = append(v.Can, can)
		if words := m.page.Article(a.Law); words != "" && !a.Withdraw {
			law := lawView{m.page.Law(a.Law), words}
			if !slices.Contains(v.Law, law) {
				v.Law = append(v.Law, law)
			}
		}
	}
}

func (m *matter) may(a *procedure.Act) bool {
	return m.theirs(a) && casework.CanAct(m.d, m.c, a, m.who, m.now)
}

// ask shows an act the office waits for, below what the office last said.
func (m *matter) ask(a *procedure.Act) *askView {
	v := &askView{From: m.unit(string(m.c.Holder)), Form: m.form(a, nil, nil)}
	for _, k := range m.c.Clocks {
		if cl, ok := m.d.Clock(k.ID); ok && k.Running() && slices.Contains(cl.In, m.c.State) {
			v.Until = m.page.T("portal.case.reply_by", "when", m.page.Day(k.Due))
		}
	}
	for _, e := range slices.Backward(m.events) {
		if facts := m.public(e); len(facts) > 0 && e.By.Role != string(authz.Resident) {
			v.Facts = facts
			break
		}
	}
	return v
}

// entries is the record as the resident may read it: acts with their public words, public notes and
// files. People of the office are never named, only their unit.
func (m *matter) entries() []web.Entry {
	var out []web.Entry
	for _, e := range slices.Backward(m.events) {
		if entry, ok := m.entry(e); ok {
			out = append(out, entry)
		}
	}
	return out
}

func (m *matter) entry(e casework.Event) (web.Entry, bool) {
	v := web.Entry{Icon: "next", When: m.page.Moment(e.At), ISO: m.page.ISO(e.At), By: m.by(e)}
	changes := explain.Public(m.told().Changes(e))
	switch {
	case e.Opening != nil:
		v.Icon, v.Title = "inbox", m.page.T("event."+m.d.ID+"."+e.Kind)
	case e.Note != nil && e.Note.Public && m.member.ID == "": // between the office and whoever opened it
		v.Icon, v.Class, v.Title, v.Text, v.Public = "chat", "pub", m.page.T("portal.event.noted"), e.Note.Text, true
	case e.Act != "":
		v.Title = m.page.T("event." + m.d.ID + "." + e.Kind)
		if facts := m.public(e); len(facts) > 0 {
			v.Class, v.Icon, v.Public = "pub", "chat", true
			v.Text = joined(m.page, facts)
		}
		if e.Answers {
			v.Class, v.Icon = "ok", "check"
		}
	case e.Kind == "attached" && slices.ContainsFunc(e.Files, func(f casework.File) bool { return f.Public }):
		v.Icon, v.Title = "doc", m.page.T("portal.event.attached")
	case m.told().ForResident(e):
		v.Icon = "clock"
		v.Title, _ = m.told().Title(e)
	default:
		return v, false
	}
	if len(changes) > 0 {
		v.Body = web.ChangesOf(m.page, web.Changes(changes, m.kidHref))
	}
	return v, true
}

func joined(page *web.Page, facts []web.Fact) string {
	if len(facts) == 1 {
		return facts[0].Value
	}
	var lines []string
	for _, f := range facts {
		lines = append(lines, f.Label+page.T("web.colon")+f.Value)
	}
	return strings.Join(lines, "\n")
}

func (m *matter) by(e casework.Event) string {
	if e.Behalf {
		return m.page.T("portal.by.behalf", "unit", m.unit(string(e.By.Unit)))
	}
	switch authz.Role(e.By.Role) {
	case authz.Resident, authz.Member:
		if e.By.Member == m.member.ID || m.member.ID == "" && e.By.Role == string(authz.Resident) {
			return m.page.T("portal.by.you")
		}
		return m.page.T("portal.by.other")
	case authz.System:
		return m.page.T("portal.by.system")
	}
	unit := e.By.Unit
	if unit == "" {
		unit = e.Holder
	}
	return m.unit(string(unit))
}

// sentFacts repeats what the resident told, the number masked: the page may be open on a shared screen.
func (m *matter) sentFacts() []web.Fact {
	out := []web.Fact{
		{Label: m.page.T("portal.check.kind"), Value: m.page.T("category." + m.c.Category)},
		{Label: m.page.T("portal.check.text"), Value: m.c.Text},
	}
	if where := placeWords(m.page, m.c.Place); where != "" {
		out = append(out, web.Fact{Label: m.page.T("portal.check.place"), Value: where})
	}
	if why := m.page.WhyHere(m.packs.Pack(m.c.Pack), &m.c); len(why) > 0 {
		out = append(out, web.Fact{Label: m.page.T("here.title"), Value: strings.Join(why, "\n")})
	}
	f := web.ActForm(m.d.ID, "open")
	for _, field := range m.d.Intake {
		if v := m.c.Intake[field.Name]; v != "" {
			out = append(out, web.Fact{Label: m.page.T(f.Prefix + "." + field.Name), Value: m.page.Answer(f, field, v)})
		}
	}
	if n := m.c.Contact.Address; n != "" {
		out = append(out, web.Fact{Label: m.page.T("portal.check.contact"), Value: masked(n)})
	}
	return out
}

// masked keeps the last four characters of a number.
func masked(s string) string {
	r := []rune(s)
	if len(r) <= 4 {
		return strings.Repeat("*", len(r))
	}
	return strings.Repeat("*", len(r)-4) + string(r[len(r)-4:])
}

// form is the form of an act; values and problems are of an earlier attempt.
func (m *matter) form(a *procedure.Act, values map[string]string, bad []form.Problem) actForm {
	f := web.ActForm(m.d.ID, a.ID)
	f.Values, f.Problems = values, bad
	controls := m.page.Controls(a.Fields, f)
	return actForm{
		To: m.base() + "/do/" + a.ID, Key: web.NewKey(), Controls: controls, Mistakes: m.page.Mistakes(controls, bad),
		Button: m.page.T("act." + m.d.ID + "." + a.ID), Withdraw: a.Withdraw,
	}
}
