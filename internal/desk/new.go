package desk

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/alike"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/web"
)

// newForm is intake on behalf of a resident, with what was typed so far.
type newForm struct {
	Category, Text, Address, Unit          string
	Same                                   string         // number of the report it may be the same as, or sameNone
	likely                                 []alike.Likely // those it may be, asked before anything is stored
	Source, Name, Channel, ContactTo, Lang string
	Received                               string            // day a letter came in, 2006-01-02
	Asked                                  string            // procedure whose own questions were on the form
	Fields                                 map[string]string // answers to them
}

// newPage is what the intake page shows.
type newPage struct {
	Form     newForm
	Groups   []categoryGroup
	Units    []unitGroup
	Sources  []web.Choice
	Langs    []web.Choice
	Wrong    map[string]string
	Mistakes []web.Mistake
	Key      string
	Places   []string // street names for the browser's own suggestions
	Asks     []web.Control
	Guide    bool // there is a guide for a matter that belongs who knows where
	More     bool // the questions of the procedure have just come up
	Today    string
	Same     []likeRow // open reports it may be the same as
}

// readBack is the page that is read aloud to a caller before anything is stored.
type readBack struct {
	Form   newForm
	Hidden [][2]string
	Rows   []web.Check
	Key    string
	Wrong  bool // sent without the tick
}

type categoryGroup struct {
	Label   string
	Choices []web.Choice
}

// slip is what the resident takes along.
type slip struct {
	Ref, Code, Title string
	Follow           string // address of the resident's page
	Unit             string // text key
	Promise          string
	Href             string
	QR               string
	Dates            []web.Fact
	Replayed         bool
}

// The channels staff take matters in by.
const (
	byCounter = "counter"
	byPhone   = "phone"
	byLetter  = "letter"
)

var sources = []string{byCounter, byPhone, byLetter}

// receivedField is the question of an opening form that the day of arrival answers.
const receivedField = "received_on"

func (v *visit) newShow() error {
	u := v.r.URL.Query()
	f := newForm{Source: byCounter, Unit: string(v.who.Home()), Category: u.Get("category")}
	if slices.Contains(sources, u.Get("source")) {
		f.Source = u.Get("source")
	}
	v.fromGuide(&f)
	return v.showNew(http.StatusOK, f, nil, web.NewKey())
}

func (v *visit) showNew(status int, f newForm, problems []form.Problem, key string) error {
	p := v.page("desk.new.title")
	return v.write(p, status, newBody(p, v.newData(p, f, problems, key)))
}

// newData is what a page of intake shows: what was typed, and what cannot stand.
func (v *visit) newData(p *web.Page, f newForm, problems []form.Problem, key string) newPage {
	p.Wrong = len(problems) > 0
	data := newPage{Form: f, Groups: v.categoryGroups(p), Units: v.placeUnits(p), Key: key, Wrong: map[string]string{}, Today: v.today(), Guide: v.guided(), Same: v.likeRows(p, f.likely)}
	for _, s := range sources {
		data.Sources = append(data.Sources, web.Choice{Value: s, Label: p.T("desk.source." + s)})
	}
	for _, l := range p.Site.Langs {
		data.Langs = append(data.Langs, web.Choice{Value: l, Label: p.Site.Text.In(l).T("web.lang.name")})
	}
	for _, pl := range v.pack.Places[:min(len(v.pack.Places), web.MaxOffered)] {
		data.Places = append(data.Places, p.T(pl.Key))
	}
	if d := v.pack.ProcedureFor(f.Category); d != nil {
		data.Asks = v.asks(p, d, f, problems)
		data.More = len(data.Asks) > 0 && f.Asked != d.ID && len(problems) == 0 && v.r.Method == http.MethodPost
		data.Form.Asked = d.ID
	}
	for _, b := range problems {
		if i := slices.IndexFunc(data.Asks, func(c web.Control) bool { return c.Name == askName(b.Field) }); i >= 0 {
			c := data.Asks[i]
			data.Mistakes = append(data.Mistakes, web.Mistake{ID: c.ID, Words: c.Label + p.T("web.colon") + c.Wrong})
			continue
		}
		field := fieldOf(b.Field)
		if data.Wrong[field] == "" {
			data.Wrong[field] = p.Problem(b.Rule, b.Params)
			data.Mistakes = append(data.Mistakes, web.Mistake{ID: "n-" + field, Words: p.T("desk.new."+field) + p.T("web.colon") + data.Wrong[field]})
		}
	}
	return data
}

// askName is how the answer to a question of the procedure is sent: apart from the names every intake has.
func askName(field string) string { return "ask." + field }

// asks are the procedure's own questions. The day of arrival is asked for every letter anyway.
func (v *visit) asks(p *web.Page, d *procedure.Definition, f newForm, problems []form.Problem) []web.Control {
	own := web.ActForm(d.ID, "open")
	own.Values, own.Problems = f.Fields, problems
	var out []web.Control
	for _, c := range p.Controls(d.Intake, own) {
		if c.Field.Name == receivedField {
			continue
		}
		c.ID, c.Field.Name = "n-"+c.Field.Name, askName(c.Field.Name)
		out = append(out, c)
	}
	return out
}

func (v *visit) today() string { return v.now.In(v.site.Zone).Format(time.DateOnly) }

// fieldOf maps a problem's field to the control that can mend it.
func fieldOf(name string) string {
	switch name {
	case "title", "text":
		return "text"
	case "place", "unit", "point":
		return "unit"
	case "category", "address", "name", "contact", "received", "files":
		return name
	case receivedField:
		return "received"
	}
	return "text"
}

// categoryGroups are the kinds of matters under their headings; where there are several procedures,
// each has its own.
func (v *visit) categoryGroups(p *web.Page) []categoryGroup {
	var out []categoryGroup
	procs := v.procedures()
	for _, id := range procs {
		for _, g := range v.pack.Groups {
			cg := categoryGroup{Label: p.T("group." + g.ID)}
			if len(procs) > 1 {
				cg.Label = p.T("procedure."+id) + p.T("desk.sep") + cg.Label
			}
			for _, c := range v.pack.Categories {
				if c.Group == g.ID && c.Procedure == id {
					cg.Choices = append(cg.Choices, web.Choice{Value: c.ID, Label: p.T("category." + c.ID)})
				}
			}
			if len(cg.Choices) > 0 {
				out = append(out, cg)
			}
		}
	}
	return out
}

// placeUnits are the units a matter can lie in, departments left out, the officer's own part first.
func (v *visit) placeUnits(p *web.Page) []unitGroup {
	home := v.who.Home()
	top := unitGroup{Label: p.T("unit." + string(home))}
	rest := unitGroup{Label: p.T("desk.new.elsewhere")}
	for _, id := range v.pack.Units.All() {
		u, _ := v.pack.Units.Unit(id)
		if !holdsMatters(u) {
			continue
		}
		depth := max(0, int(u.Level)-1)
		c := web.Choice{Value: string(id), Label: strings.Repeat("\u2003", depth) + p.T("unit."+string(id))}
		if v.pack.Units.Under(home, id) {
			top.Units = append(top.Units, c)
		} else {
			rest.Units = append(rest.Units, c)
		}
	}
	return slices.DeleteFunc([]unitGroup{top, rest}, func(g unitGroup) bool { return len(g.Units) == 0 })
}

// holdsMatters reports a unit a matter can lie in: a part of the city, down to a community.
func holdsMatters(u org.Unit) bool { return u.Kind != "department" && u.Level != org.Group }

// screen is how the steps of an intake look: the form, what is read back to a caller, and the end.
type screen struct {
	form func(status int, f newForm, problems []form.Problem, key string) error
	read func(f newForm, d *procedure.Definition, cmd casework.Command, key string) error
	done func(receipt ledger.Receipt, f newForm) error
}

// newDo registers a matter.
func (v *visit) newDo() error {
	if err := v.parse(v.newFields()...); err != nil {
		return err
	}
	return v.take(v.readNew(), screen{v.showNew, v.showReadBack, v.showSlip})
}

// take goes from a form to a case. Nothing is stored until every answer stands, a caller has heard what will
// be written, and a letter lies scanned with it.
func (v *visit) take(f newForm, at screen) error {
	key := web.KeyOf(v.r)
	d := v.pack.ProcedureFor(f.Category)
	if v.r.PostFormValue("do") == "edit" || (d != nil && f.Asked != d.ID && asksMore(d)) {
		return at.form(http.StatusOK, f, nil, key)
	}
	cmd, problems, err := v.opening(f, d, key)
	if err != nil {
		return err
	}
	if d != nil && len(problems) == 0 {
		if to := v.pack.ProcedureFor(cmd.Open.Category); to != nil {
			d = to // a rule of routing may have changed the category
		}
		problems, err = v.rehearse(d, cmd)
		if err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		return at.form(http.StatusUnprocessableEntity, f, problems, key)
	}
	if f.likely, err = v.same(cmd.Open, key); err != nil {
		return err
	}
	if cmd.Open.Alike, err = v.sameAs(cmd.Open.Category, f.Same); err != nil {
		return err
	}
	switch ticked := v.r.PostFormValue("readback"); {
	case f.Source != byLetter && f.Same == "" && len(f.likely) > 0: // a scan would have to be chosen anew
		return at.form(http.StatusOK, f, nil, key)
	case f.Source == byPhone && ticked != "yes":
		return at.read(f, d, cmd, key)
	}
	receipt, err := v.Ledger.Do(v.ctx(), v.actor, cmd)
	var no *casework.Refusal
	switch {
	case errors.As(err, &no) && len(no.Fields) > 0:
		return at.form(http.StatusUnprocessableEntity, f, no.Fields, key)
	case err != nil:
		return err
	}
	if err := v.noteArrival(f, d, receipt, key); err != nil {
		return err
	}
	return at.done(receipt, f)
}

// newFields are the fields of the page: its own and every question any procedure asks, because the kind
// can be changed after the questions of another were shown.
func (v *visit) newFields() []string {
	out := []string{"category", "text", "address", "unit", "source", "name", "contact", "lang", "received", "asked", "same", "step", "do", "readback", "files*"}
	for _, q := range v.pack.Questions() {
		out = append(out, askName(q))
	}
	return out
}

func (v *visit) readNew() newForm {
	get := v.r.PostFormValue
	f := newForm{Category: get("category"), Text: get("text"), Address: get("address"), Unit: get("unit"), Source: get("source"),
		Name: get("name"), ContactTo: strings.TrimSpace(get("contact")), Lang: get("lang"), Received: strings.TrimSpace(get("received")), Same: get("same"),
		Asked: get("asked"), Fields: map[string]string{}}
	if !slices.Contains(sources, f.Source) {
		f.Source = byCounter
	}
	for name := range v.r.PostForm {
		if field, ok := strings.CutPrefix(name, "ask."); ok {
			f.Fields[field] = get(name)
		}
	}
	return f
}

func asksMore(d *procedure.Definition) bool {
	return slices.ContainsFunc(d.Intake, func(f form.Field) bool { return f.Name != receivedField })
}

// opening makes the command out of the form, with every problem that can be seen before the door.
func (v *visit) opening(f newForm, d *procedure.Definition, key string) (casework.Command, []form.Problem, error) {
	contact, problems := readContact(f)
	report := intake.Report{Category: f.Category, Text: f.Text, Address: f.Address, Unit: org.UnitID(f.Unit), Contact: contact,
		Source: f.Source, Key: key, Now: v.now, Fields: openFields(f, d, v.today())}
	v.locate(&report, f.Address)
	if f.Source == byLetter {
		problems = append(problems, v.checkArrival(f)...)
		files, err := v.uploads(true) // it is the resident's own letter
		var no file.Refused
		switch {
		case errors.As(err, &no):
			problems = append(problems, form.Problem{Field: "files", Rule: no.Rule, Params: no.Params})
		case err != nil:
			return casework.Command{}, nil, err
		case len(files) == 0:
			problems = append(problems, form.Problem{Field: "files", Rule: "desk.new.scan"})
		}
		report.Files = files
	}
	cmd, err := intake.Command(v.pack, report)
	var no *casework.Refusal
	if errors.As(err, &no) {
		return cmd, append(no.Fields, problems...), nil
	}
	return cmd, problems, err
}

// openFields are the answers to the procedure's questions; the day of arrival is one where it is asked.
func openFields(f newForm, d *procedure.Definition, today string) map[string]string {
	if d == nil {
		return nil
	}
	out := map[string]string{}
	for _, q := range d.Intake {
		out[q.Name] = f.Fields[q.Name]
		if q.Name == receivedField {
			if out[q.Name] = today; f.Source == byLetter {
				out[q.Name] = f.Received
			}
		}
	}
	return out
}

// checkArrival asks for the day a letter came in; it cannot lie ahead.
func (v *visit) checkArrival(f newForm) []form.Problem {
	clean, bad := form.Check([]form.Field{{Name: "received", Kind: form.Date, Required: true}}, map[string]string{"received": f.Received})
	if len(bad) == 0 && clean["received"] > v.today() {
		bad = append(bad, form.Problem{Field: "received", Rule: "desk.new.ahead"})
	}
	return bad
}

// rehearse asks the kernel what it would say, so that a caller hears only what will stand.
func (v *visit) rehearse(d *procedure.Definition, cmd casework.Command) ([]form.Problem, error) {
	_, err := casework.Decide(d, casework.Case{}, cmd, v.actor, v.now)
	var no *casework.Refusal
	if errors.As(err, &no) && len(no.Fields) > 0 {
		return no.Fields, nil
	}
	return nil, err
}

// showReadBack shows what will be stored, to be read aloud; the form travels along.
func (v *visit) showReadBack(f newForm, d *procedure.Definition, cmd casework.Command, key string) error {
	p := v.page("desk.readback.title")
	data := v.readBackOf(p, f, d, cmd, key)
	status := http.StatusOK
	if data.Wrong {
		status, p.Wrong = http.StatusUnprocessableEntity, true
	}
	return v.write(p, status, readBackBody(p, data))
}

func (v *visit) readBackOf(p *web.Page, f newForm, d *procedure.Definition, cmd casework.Command, key string) readBack {
	data := readBack{Form: f, Key: key, Wrong: v.r.PostFormValue("step") == "readback"}
	row := func(label, value string) {
		if value != "" {
			data.Rows = append(data.Rows, web.Check{Label: label, Value: value})
		}
	}
	row(p.T("desk.new.category"), p.T("category."+f.Category))
	row(p.T("desk.new.text"), f.Text)
	row(p.T("desk.new.unit"), p.T("unit."+f.Unit))
	row(p.T("desk.new.address"), f.Address)
	own := web.ActForm(d.ID, "open")
	for _, q := range d.Intake {
		row(p.T("field."+d.ID+".open."+q.Name), p.Answer(own, q, cmd.Fields[q.Name]))
	}
	row(p.T("desk.readback.name"), f.Name)
	row(p.T("desk.readback.contact"), f.ContactTo)
	if f.Lang != "" {
		row(p.T("desk.new.lang"), p.Site.Text.In(f.Lang).T("web.lang.name"))
	}
	row(p.T("desk.fact.holder"), p.T("unit."+string(cmd.Open.Unit)))
	data.Hidden = append(data.Hidden, [][2]string{{"category", f.Category}, {"text", f.Text}, {"address", f.Address}, {"unit", f.Unit}, {"source", f.Source}, {"name", f.Name},
		{"contact", f.ContactTo}, {"lang", f.Lang}, {"asked", d.ID}, {"same", f.Same}, {"step", "readback"}}...)
	for _, q := range d.Intake {
		data.Hidden = append(data.Hidden, [2]string{askName(q.Name), f.Fields[q.Name]})
	}
	return data
}

// noteArrival keeps the day a letter came in where the procedure has no question for it. The case itself
// is opened when it is registered.
func (v *visit) noteArrival(f newForm, d *procedure.Definition, receipt ledger.Receipt, key string) error {
	asked := d != nil && slices.ContainsFunc(d.Intake, func(q form.Field) bool { return q.Name == receivedField })
	if f.Source != byLetter || asked {
		return nil
	}
	say := v.site.Text.In(v.site.Lang(v.r))
	note := casework.Command{Case: receipt.Case, Version: casework.AnyVersion, Key: key + "-arrival", Note: &casework.Note{Text: say.T("desk.new.arrived", "date", v.dayWords(say, f.Received))}}
	_, err := v.Ledger.Do(v.ctx(), v.actor, note)
	var no *casework.Refusal
	if errors.As(err, &no) {
		return nil // it went to a unit this officer has no part in; the slip still says the day
	}
	return err
}

// dayWords says a day that is stored as 2006-01-02.
func (v *visit) dayWords(say text.Speaker, day string) string {
	at, err := time.ParseInLocation(time.DateOnly, day, v.site.Zone)
	if err != nil {
		return day
	}
	return say.Date(at, v.site.Zone)
}

// locate finds the point when the address has a landmark in it whole; the longest name says most. The unit
// stays the one the officer chose: where the two differ, the case says so.
func (v *visit) locate(r *intake.Report, address string) {
	for _, h := range v.pack.Names.Find(address, 1) {
		if h.Whole && h.Spot.Point != nil {
			r.Point = h.Spot.Point
		}
	}
}

// readContact takes one line for either a telephone number or an address of mail.
func readContact(f newForm) (casework.Contact, []form.Problem) {
	c := casework.Contact{Name: strings.TrimSpace(f.Name), Lang: f.Lang}
	if f.ContactTo == "" {
		return c, nil
	}
	if strings.Contains(f.ContactTo, "@") {
		if at := strings.IndexByte(f.ContactTo, '@'); at < 1 || at == len(f.ContactTo)-1 || strings.ContainsAny(f.ContactTo, " \t") {
			return c, []form.Problem{{Field: "contact", Rule: "desk.contact.bad"}}
		}
		c.Channel, c.Address = "mail", f.ContactTo
		return c, nil
	}
	clean, bad := form.Check([]form.Field{{Name: "contact", Kind: form.Phone}}, map[string]string{"contact": f.ContactTo})
	if len(bad) > 0 {
		return c, bad
	}
	c.Channel, c.Address = "sms", clean["contact"]
	return c, nil
}

// showSlip is shown once, to be printed or read out: the code is the resident's and is not shown to
// officers anywhere else.
func (v *visit) showSlip(receipt ledger.Receipt, f newForm) error {
	p := v.page("desk.slip.title")
	s, err := v.slipOf(p, receipt, f)
	if err != nil {
		return err
	}
	return v.write(p, http.StatusOK, slipBody(p, s))
}

func (v *visit) slipOf(p *web.Page, receipt ledger.Receipt, f newForm) (slip, error) {
	s := slip{Ref: string(receipt.Ref), Code: string(receipt.Code), Replayed: receipt.Replayed, Href: caseAddress(string(receipt.Ref), "")}
	if v.Follow != nil {
		s.Follow = p.Site.Origin(v.r) + v.Follow(receipt.Code)
		var err error
		if s.QR, err = web.QRSVG(s.Follow, p.T("desk.slip.qr")); err != nil {
			return s, err
		}
	}
	c, err := v.Reader.ByID(v.ctx(), authz.Scope{Case: string(receipt.Case)}, receipt.Case)
	if err != nil {
		return s, err
	}
	if f.Source == byLetter {
		s.Dates = append(s.Dates, web.Fact{Label: p.T("desk.slip.arrived"), Value: v.dayWords(p.Speaker, f.Received)})
	}
	s.Dates = append(s.Dates, web.Fact{Label: p.T("desk.slip.registered"), Value: p.Moment(c.Opened)})
	s.Title, s.Unit = p.T("category."+c.Category), "unit."+string(c.Holder)
	if _, err := v.Reader.Case(v.ctx(), v.scope, s.Ref); missing(err) {
		s.Href = "" // taken in here, dealt with elsewhere
	}
	if d, err := v.definition(c); err == nil {
		s.Promise = promise(p, d, c)
		if k, ok := c.Promised(); ok && k.Running() {
			s.Dates = append(s.Dates, web.Fact{Label: p.T("clock." + d.ID + "." + k.ID), Value: p.Day(k.Due)})
		}
	}
	return s, nil
}
