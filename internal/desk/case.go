package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"comity/internal/alike"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/web"
)

// sheet is what the case page shows.
type sheet struct {
	Case     casework.Case
	Gone     *web.Gone
	Ref      string
	Title    string
	Tags     []web.Tag
	Levels   []level
	Term     *Term
	Promise  string
	Others   []otherClock
	Acts     []actButton
	Sets     []actSet // the acts in groups, where there are many
	Hand     string   // where a transfer stands
	Stale    string
	Contact  []web.Fact
	Masked   bool // only the end of a number is shown
	Facts    []web.Fact
	Answer   []web.Fact
	Plan     *Plan
	Here     []string // why it was received where it was
	Files    []fileRow
	Papers   []documentLink // made by acts, newest first
	Rolls    []rollCard     // who takes part
	Dossier  *dossierCard   // nil where the pack knows no file for such cases
	Beside   []web.Link     // ways to pages of programmes
	Timeline []web.Entry
	Filter   string // all, public
	Count    int
	Writes   bool // this officer may write notes
	Note     noteForm
	Toast    string
	Prev     string
	Next     string
	Back     string // the list this was opened from
	In       string // query part that keeps the list
	Why      bool   // the day-by-day count is unfolded
	Print    string // who printed it and when; empty on screen
	Owner    []web.Fact
	Family   family
	Behalf   []web.Link // acts that can be recorded for the resident
	Look     *lookForm  // asks for a purpose, where something is still veiled
	Veiled   bool       // what the case is about is not shown
}

type level struct {
	Key     string
	Done    bool
	Current bool
}

type otherClock struct {
	Name string
	Pill web.Pill
	At   string
	Why  string // address of the page that explains it
}

type fileRow struct {
	Name, Href, Sub, Icon string
	Image                 bool
	Public                bool
	Held                  string // why it cannot be opened; empty: it can
	Redacted              bool
	Published             bool // everybody sees it
	Publishes             bool // it can be shown to everybody
}

type noteForm struct {
	Text   string
	Public bool
	Wrong  string
}

// found is the case an address names, or ErrNotFound for one outside the officer's units.
func (v *visit) found() (casework.Case, error) {
	return v.Reader.Case(v.ctx(), v.scope, v.r.PathValue("ref"))
}

func (v *visit) caseShow() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	return v.showOpened(http.StatusOK, c, noteForm{})
}

// showOpened is the page of a case for whoever works on it.
func (v *visit) showOpened(status int, c casework.Case, n noteForm) error {
	s, err := v.open(c)
	if err != nil {
		return err
	}
	return v.showCase(status, s, n)
}

func (v *visit) showCase(status int, open shown, n noteForm) error {
	c := open.c
	p := v.page("desk.case.title", "ref", string(c.Ref), "title", v.listedTitle(c))
	v.speak(p, c)
	p.Wrong = n.Wrong != ""
	q, listed := inList(v.r.URL.Query())
	s, err := v.sheet(p, open, q, listed)
	if err != nil {
		return err
	}
	s.Note = n
	if v.r.URL.Query().Get("print") != "" {
		s.Why = true
		s.Print = p.T("desk.print.by", "who", v.who.NameIn(p.Lang), "when", p.Moment(v.now))
	}
	if err := v.neighbours(&s, q, listed); err != nil {
		return err
	}
	p.Officer.Keys = append(p.Officer.Keys, caseKeys(p, s))
	return v.write(p, status, caseBody(p, s))
}

func caseKeys(p *web.Page, s sheet) web.KeyGroup {
	g := web.KeyGroup{Title: p.T("desk.keys.case")}
	for _, a := range s.Acts {
		if a.Key != "" {
			g.Keys = append(g.Keys, web.KeyHelp{Keys: []string{a.Key}, Label: a.Label})
		}
	}
	return web.KeyGroup{Title: g.Title, Keys: append(g.Keys,
		web.KeyHelp{Keys: []string{"n"}, Label: p.T("desk.note.internal")},
		web.KeyHelp{Keys: []string{"[", "]"}, Label: p.T("desk.keys.neighbours")})}
}

// listedTitle is the title as lists and histories of browsers may keep it.
func (v *visit) listedTitle(c casework.Case) string {
	say := v.site.Text.In(v.site.Lang(v.r))
	if c.Sealed != "" {
		return say.T("desk.sealed")
	}
	if title := v.heading(c); title != "" {
		return title
	}
	return say.T("category." + c.Category)
}

// heading is the title where lists may show it and it has been opened; empty otherwise.
func (v *visit) heading(c casework.Case) string {
	if d, err := v.definition(c); err != nil || d.Heading != procedure.HeadingTitle || c.Title == casework.Veil {
		return ""
	}
	return c.Title
}

// definition is the procedure the case was opened under.
func (v *visit) definition(c casework.Case) (*procedure.Definition, error) {
	return v.Packs.Definition(c.Pack, c.Procedure)
}

func (v *visit) sheet(p *web.Page, open shown, q listQuery, listed bool) (sheet, error) {
	c, events := open.c, open.events
	d, err := v.definition(c)
	if err != nil {
		return sheet{}, err
	}
	s := sheet{Case: c, Ref: string(c.Ref), Count: len(events), Filter: v.r.URL.Query().Get("show"), Back: backTo(v.r.URL.Query()), Writes: v.writes(c)}
	if listed {
		s.In = v.r.URL.Query().Get("in")
		if s.In == "" {
			if s.In = q.peek("").encode(); s.In == "" {
				s.In = "-"
			}
		}
	}
	s.Look, s.Veiled = v.lookForm(p, d, open), open.level < authz.Story && v.veils(c)
	if open.no != nil && s.Look != nil && v.r.Method == http.MethodPost {
		s.Look.Wrong = p.Problem(open.no.Rule, open.no.Params)
	}
	if s.Gone, err = v.gone(c); err != nil {
		return s, err
	}
	if s.Gone != nil {
		s.Look = nil // there is nothing left to ask for
	}
	if s.Title = c.Title; s.Title == casework.Veil {
		s.Title = v.listedTitle(c)
	}
	s.Tags = v.caseTags(p, d, c)
	s.Levels = v.levels(c)
	s.Term = v.term(p, d, c, events)
	s.Promise = promise(p, d, c)
	s.Others = otherClocks(p, d, c, s.Term)
	s.Acts = v.acts(p, d, c, s.In)
	s.Sets = grouped(s.Acts)
	if c.Offered != "" {
		s.Hand = p.T("desk.case.offered", "from", p.T("unit."+string(c.Holder)), "to", p.T("unit."+string(c.Offered)))
	}
	s.Contact, s.Masked = v.contact(p, c, open.level), open.level < authz.Identity
	s.Facts = append(v.facts(p, d, c), caseFacts(p, d, c)...)
	s.Owner = append(v.owner(p, c), retention(p, d)...)
	if s.Family, err = v.family(p, d, c); err != nil {
		return s, err
	}
	s.Behalf = v.behalf(p, d, c, s.In)
	s.Answer = v.answer(p, d, c)
	address := c.Place.Address
	if address == casework.Veil {
		address = ""
	}
	s.Plan = v.drawPlan(p, v.pack, c.Place.Point, c.Place.Unit, address)
	s.Here = p.WhyHere(v.Packs.Pack(c.Pack), &c)
	for _, f := range c.Files {
		s.Files = append(s.Files, v.fileRow(p, c, f, events))
	}
	for _, e := range slices.Backward(events) {
		s.Papers = append(s.Papers, v.documentLinks(p, d, c, e)...)
	}
	s.Rolls = v.rolls(p, d, c, s.In)
	if s.Gone == nil {
		if s.Dossier, err = v.dossierCard(p, c, d, events); err != nil {
			return s, err
		}
	}
	s.Timeline = v.timeline(p, d, c, events, s.Filter == "public")
	s.Toast = v.toast(p, c)
	s.Beside, err = v.beside(p, c)
	return s, err
}

// beside are the ways that programmes offer from the page of a case.
func (v *visit) beside(p *web.Page, c casework.Case) (out []web.Link, err error) {
	for _, g := range v.Programmes {
		if g.DeskBeside == nil {
			continue
		}
		ways, err := g.DeskBeside(v.ctx(), p, c, v.actor)
		if err != nil {
			return nil, err
		}
		out = append(out, ways...)
	}
	return out, nil
}

// writes reports whether the officer's scope holds the case: the same rule as casework's for notes.
func (v *visit) writes(c casework.Case) bool {
	return c.ReadableBy(v.scope, v.pack.Units)
}

func (v *visit) caseTags(p *web.Page, d *procedure.Definition, c casework.Case) []web.Tag {
	out := []web.Tag{
		{Icon: v.icon(c.Category), Label: p.T("category." + c.Category)},
		{Class: "info", Label: p.T("state." + c.Procedure + "." + c.State)},
	}
	st, _ := d.State(c.State)
	return append(out, v.rowTags(p, v.itemOf(c), st != nil && st.Final)...)
}

// levels is the road from the city down to the place, with the unit that has the case marked.
func (v *visit) levels(c casework.Case) []level {
	path := v.pack.Units.Path(c.Place.Unit)
	if !slices.Contains(path, c.Holder) {
		// A department beside the road: show the road to it.
		path = v.pack.Units.Path(c.Holder)
	}
	slices.Reverse(path)
	var out []level
	for _, u := range path {
		out = append(out, level{Key: "unit." + string(u), Current: u == c.Holder})
	}
	return out
}

// promise is the one sentence about the date the resident was told.
func promise(p *web.Page, d *procedure.Definition, c casework.Case) string {
	k, ok := c.Promised()
	if !ok {
		return ""
	}
	name := p.T("clock." + d.ID + "." + k.ID)
	switch {
	case k.Status == procedure.Running.String():
		return p.T("desk.promise.running", "name", name, "date", p.Day(k.Due))
	case k.Status == pausedStatus:
		return p.T("desk.promise.paused", "name", name)
	case !c.Answered.IsZero() && c.Late:
		return p.T("desk.promise.late", "date", p.Day(c.Answered))
	case !c.Answered.IsZero():
		return p.T("desk.promise.kept", "date", p.Day(c.Answered))
	case c.Late:
		return p.T("desk.promise.missed", "date", p.Day(k.Due))
	}
	return ""
}

func otherClocks(p *web.Page, d *procedure.Definition, c casework.Case, shown *Term) []otherClock {
	var out []otherClock
	for _, k := range c.Clocks {
		name := p.T("clock." + d.ID + "." + k.ID)
		if k.Running() && (shown == nil || shown.ID != k.ID) {
			out = append(out, otherClock{Name: name, Pill: p.Pill(web.Term{Start: k.Start, Due: k.Due}), At: shortDue(p, k.Due),
				Why: caseHref(string(c.Ref)) + "/why/" + url.PathEscape(k.ID)})
		}
	}
	return out
}

func (v *visit) contact(p *web.Page, c casework.Case, level authz.Level) []web.Fact {
	var out []web.Fact
	add := func(key, value string) {
		if value != "" {
			out = append(out, web.Fact{Label: p.T(key), Value: value})
		}
	}
	add("desk.contact.name", c.Contact.Name)
	if c.Contact.Address != "" {
		address := masked(c.Contact.Address)
		if level >= authz.Identity {
			address = c.Contact.Address
		}
		add("desk.contact."+channelKey(c.Contact.Channel), address)
	}
	if key := "web.lang.name"; c.Contact.Lang != "" && c.Contact.Lang != p.Lang && slices.Contains(p.Site.Langs, c.Contact.Lang) {
		add("desk.contact.lang", p.Site.Text.In(c.Contact.Lang).T(key))
	}
	return out
}

func channelKey(channel string) string {
	if channel == "mail" {
		return "mail"
	}
	return "phone"
}

// masked keeps what is needed to recognise a number or address and hides the rest.
func masked(address string) string {
	if name, host, ok := strings.Cut(address, "@"); ok {
		r := []rune(name)
		return string(r[:min(1, len(r))]) + "***@" + host
	}
	r := []rune(address)
	switch {
	case len(r) >= 9:
		return string(r[:3]) + " **** " + string(r[len(r)-4:])
	case len(r) >= 5:
		return "**** " + string(r[len(r)-2:])
	}
	return "****"
}

func (v *visit) facts(p *web.Page, d *procedure.Definition, c casework.Case) []web.Fact {
	out := []web.Fact{{Label: p.T("desk.fact.category"), Value: p.T("category." + c.Category)}}
	for _, f := range d.Intake {
		if a := c.Intake[f.Name]; a != "" && !f.Personal && !stands(d, c, f.Name, a) {
			out = append(out, web.Fact{Label: p.T("field." + d.ID + ".open." + f.Name), Value: p.Answer(web.ActForm(d.ID, "open"), f, a)})
		}
	}
	out = append(out, web.Fact{Label: p.T("desk.fact.opened"), Value: p.Moment(c.Opened)})
	if key := "desk.source." + c.Source; p.Has(key) {
		out = append(out, web.Fact{Label: p.T("desk.fact.source"), Value: p.T(key)})
	}
	if c.External != "" {
		out = append(out, web.Fact{Label: p.T("desk.fact.external"), Value: c.External})
	}
	return out
}

func (v *visit) owner(p *web.Page, c casework.Case) []web.Fact {
	officer := v.officer(p, c.Assignee)
	if officer == "" {
		officer = p.T("desk.tag.unassigned")
	}
	out := []web.Fact{
		{Label: p.T("desk.fact.holder"), Rich: web.Words(p, "unit."+string(c.Holder))},
		{Label: p.T("desk.fact.officer"), Value: officer},
	}
	if len(c.Barred) > 0 {
		var names []string
		for _, id := range c.Barred {
			names = append(names, v.officer(p, id))
		}
		out = append(out, web.Fact{Label: p.T("desk.fact.barred"), Value: strings.Join(names, p.T("desk.comma"))})
	}
	return append(out, web.Fact{Label: p.T("desk.fact.changed"), Value: p.Moment(c.Changed)})
}

func (v *visit) answer(p *web.Page, d *procedure.Definition, c casework.Case) []web.Fact {
	var out []web.Fact
	if c.Outcome != "" {
		out = append(out, web.Fact{Label: p.T("desk.fact.outcome"), Value: p.T("outcome." + d.ID + "." + c.Outcome)})
	}
	if key := "rating." + c.Rating; c.Rating != "" {
		words := c.Rating
		if p.Has(key) {
			words = p.T(key)
		}
		out = append(out, web.Fact{Label: p.T("desk.fact.rating"), Value: words})
	}
	return out
}

func (v *visit) fileRow(p *web.Page, c casework.Case, f casework.File, events []casework.Event) fileRow {
	at := c.Opened
	if f.Seq >= 1 && f.Seq <= len(events) {
		at = events[f.Seq-1].At
	}
	r := fileRow{Name: f.Name, Href: "/desk/cases/" + url.PathEscape(string(c.Ref)) + "/files/" + f.SHA256, Icon: "doc",
		Sub: p.Bytes(f.Size) + p.T("desk.sep") + p.Short(at), Image: strings.HasPrefix(f.Kind, "image/"), Public: f.Public}
	if r.Image {
		r.Icon = "camera"
	}
	if i := slices.IndexFunc(c.Files, func(now casework.File) bool { return now.SHA256 == f.SHA256 }); i >= 0 {
		f.Held, f.Redacts, f.Published = c.Files[i].Held, c.Files[i].Redacts, c.Files[i].Published // an event tells how it was then
	}
	if f.Held != "" {
		r.Href, r.Image, r.Icon, r.Held = "", false, "lock", p.T("file.waits")
		if f.Held == casework.HeldRefused {
			r.Held = p.T("file.refused")
		}
	}
	r.Redacted, r.Published = f.Redacts != "", f.Published
	r.Publishes = r.Redacted && r.Image && c.Sealed == "" && alike.Shows(v.pack, c.Category)
	return r
}

// neighbours finds the cases before and after this one in the list it was opened from, by reading
// that page of the list again: no state is kept anywhere.
func (v *visit) neighbours(s *sheet, q listQuery, listed bool) error {
	if !listed {
		return nil
	}
	refs, err := v.listRefs(q)
	if err != nil {
		return err
	}
	i := slices.Index(refs, s.Ref)
	if i > 0 {
		s.Prev = q.caseHref(refs[i-1])
	}
	if i >= 0 && i+1 < len(refs) {
		s.Next = q.caseHref(refs[i+1])
	}
	return nil
}

func (v *visit) listRefs(q listQuery) ([]string, error) {
	f, err := v.filter(q, v.parsed(q))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	page, err := v.Reader.Worklist(v.ctx(), v.scope, f)
	if err != nil {
		return nil, err
	}
	return refsOf(page), nil
}

func refsOf(page ledger.Page) []string {
	var out []string
	for _, it := range page.Items {
		out = append(out, string(it.Ref))
	}
	return out
}

// toast says what the last act did. Only acts and the few fixed words are known, so that an address
// cannot put words into the officer's page.
func (v *visit) toast(p *web.Page, c casework.Case) string {
	done := v.r.URL.Query().Get("done")
	for _, key := range []string{"event." + c.Procedure + "." + done, "desk.done." + done} {
		if done != "" && p.Has(key) {
			return p.T(key)
		}
	}
	return ""
}

// caseAddress is the page of a case, kept in its list.
func caseAddress(ref, in string, kv ...string) string {
	u := url.Values{}
	if in != "" {
		u.Set("in", in)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		u.Set(kv[i], kv[i+1])
	}
	to := "/desk/cases/" + url.PathEscape(ref)
	if len(u) > 0 {
		to += "?" + u.Encode()
	}
	return to
}

// unitsOf lists units that can hold a case, grouped by district, for the unit picker.
func (v *visit) unitsOf(p *web.Page, except org.UnitID) []unitGroup {
	var out []unitGroup
	for _, id := range v.pack.Units.All() {
		u, _ := v.pack.Units.Unit(id)
		if u.Level <= org.District && u.Kind != "department" || len(out) == 0 {
			out = append(out, unitGroup{Label: p.T("unit." + string(id))})
		}
		if len(u.Roles) == 0 || id == except {
			continue
		}
		g := &out[len(out)-1]
		g.Units = append(g.Units, web.Choice{Value: string(id), Label: p.T("unit." + string(id))})
	}
	return slices.DeleteFunc(out, func(g unitGroup) bool { return len(g.Units) == 0 })
}

func unitChoices(p *web.Page, units []org.UnitID) []web.Choice {
	var out []web.Choice
	for _, id := range units {
		out = append(out, web.Choice{Value: string(id), Label: p.T("unit." + string(id))})
	}
	return out
}

type unitGroup struct {
	Label string
	Units []web.Choice
}

func sameDay(a, b time.Time, zone *time.Location) bool { return daysBetween(a, b, zone) == 0 }
