package mediation

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/programme/mediation/schedule"
	"comity/internal/web"
	"comity/internal/worktime"
)

// mediatorRow is somebody in the list of the desk.
type mediatorRow struct {
	Href, Name, Unit, Fields, Languages, Hours string
	Room                                       string // hours left in the days a proposal looks at
	Left                                       bool
}

type rosterPage struct {
	Rows   []mediatorRow
	Gone   []mediatorRow
	May    bool
	Unit   string
	Units  []web.Choice
	Filter bool
}

// roster lists the mediators of the units the officer may read.
func (s *service) roster(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	page := o.Page("mediation.roster.title")
	v := rosterPage{May: len(kept(p, o.Actor)) > 0, Unit: o.R.URL.Query().Get("unit")}
	w, err := s.look(o.R.Context(), p, o.Site.Now())
	if err != nil {
		return err
	}
	var units []org.UnitID
	for _, m := range w.mediators {
		if !sees(p, o.Actor, m.Unit) {
			continue
		}
		if !slices.Contains(units, m.Unit) {
			units = append(units, m.Unit)
		}
		if v.Unit != "" && v.Unit != string(m.Unit) {
			continue
		}
		row := mediatorRow{Href: href("mediators", idOf(m.ID)), Name: m.Name, Unit: page.T("unit." + string(m.Unit)), Fields: fieldWords(page, p, m.Fields),
			Languages: languageWords(page, m.Languages), Hours: hoursText(page, m.Hours), Left: !m.Active()}
		if m.Active() {
			row.Room = page.T("mediation.room_left", "n", spareText(w.spare(m)))
			v.Rows = append(v.Rows, row)
		} else {
			v.Gone = append(v.Gone, row)
		}
	}
	v.Units, v.Filter = unitChoices(page, units), v.Unit != ""
	return o.Write(page, http.StatusOK, rosterBody(page, v))
}

// look reads what a plan would have to fit into from now on.
func (s *service) look(ctx context.Context, p *pack.Pack, now time.Time) (w world, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { w, err = readWorld(ctx, tx, p, now); return err })
	return w, err
}

// spare is how much time somebody has left in the days a proposal looks at: their hours, within the bound they
// gave for a week, less absences and what is booked.
func (w *world) spare(m Mediator) time.Duration {
	var hours, booked time.Duration
	for _, f := range m.Hours.spans(schedule.Span{From: w.from, To: w.to}, w.p.Zone, calendarOf(w.p)) {
		hours += free(f.From, f.To, w.away, m.ID)
	}
	if m.WeekHours > 0 {
		hours = min(hours, time.Duration(float64(m.WeekHours)*float64(time.Hour)*w.to.Sub(w.from).Hours()/(7*24)))
	}
	for _, x := range w.taking {
		if slices.Contains(x.Mediators, m.ID) && x.Ends.After(w.from) {
			booked += x.Ends.Sub(x.Begins)
		}
	}
	return max(0, hours-booked)
}

// free is what of a time no absence takes.
func free(from, to time.Time, away []Away, id int64) time.Duration {
	away = slices.Clone(away)
	slices.SortFunc(away, func(a, b Away) int { return a.Begins.Compare(b.Begins) })
	left := to.Sub(from)
	for _, a := range away {
		if a.Mediator != id || !a.Ends.After(from) || !a.Begins.Before(to) {
			continue
		}
		begins, ends := a.Begins, a.Ends
		if begins.Before(from) {
			begins = from
		}
		if ends.After(to) {
			ends = to
		}
		left -= ends.Sub(begins)
		from = ends // what two absences share counts once
	}
	return max(0, left)
}

func spareText(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', 1, 64) }

// lists are the questions of a mediator that take several answers.
func lists(p *pack.Pack) (fields, languages list) {
	values, key := fieldsOf(p)
	return list{"field", values, func(s string) string { return key[s] }},
		list{"language", p.Mediation.Languages, func(s string) string { return "mediation.language." + s }}
}

func mediatorFields(p *pack.Pack, units []org.UnitID) []form.Field {
	fields, languages := lists(p)
	out := []form.Field{
		{Name: "unit", Kind: form.Choice, Required: true, Options: ids(units)},
		{Name: "name", Kind: form.Text, Required: true, Max: 60},
		{Name: "account", Kind: form.Text, Max: 60},
		{Name: "phone", Kind: form.Phone},
		{Name: "organisation", Kind: form.Text, Max: 120},
		{Name: "listed", Kind: form.Yes},
	}
	out = append(out, fields.boxes()...)
	out = append(out, languages.boxes()...)
	out = append(out, hourFields()...)
	return append(out,
		form.Field{Name: "week_hours", Kind: form.Number, Min: 0, Max: 80},
		form.Field{Name: "day_most", Kind: form.Number, Min: 0, Max: 20},
		form.Field{Name: "left", Kind: form.Yes})
}

// mediatorFrom reads a mediator from the form.
func mediatorFrom(p *pack.Pack, units []org.UnitID, raw map[string]string, now time.Time) (Mediator, []form.Problem) {
	clean, bad := form.Check(mediatorFields(p, units), raw)
	fields, languages := lists(p)
	m := Mediator{Unit: org.UnitID(clean["unit"]), Name: clean["name"], Account: clean["account"], Phone: clean["phone"], Organisation: clean["organisation"],
		Listed: clean["listed"] == "yes", Fields: fields.chosen(clean), Languages: languages.chosen(clean), WeekHours: atoi(clean["week_hours"]), DayMost: atoi(clean["day_most"])}
	hours, wrong := hoursFrom(clean)
	m.Hours, bad = hours, append(bad, wrong...)
	if clean["left"] == "yes" {
		m.Left = now
	}
	return m, bad
}

func (s *service) mediatorNew(o *programme.Officer) error {
	p, units, err := s.keeping(o)
	if err != nil {
		return err
	}
	values := map[string]string{"unit": string(units[0]), "listed": "yes"}
	if u := o.R.URL.Query().Get("unit"); slices.Contains(ids(units), u) {
		values["unit"] = u
	}
	h, _ := parseHours(officeWeek)
	hourValues(values, h)
	return s.showMediator(o, p, units, 0, values, nil, "", http.StatusOK)
}

// keeping is the pack, and the units whose roster and rooms the officer keeps.
func (s *service) keeping(o *programme.Officer) (*pack.Pack, []org.UnitID, error) {
	p, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	units := kept(p, o.Actor)
	if len(units) == 0 {
		return nil, nil, notYours()
	}
	return p, units, nil
}

// controlsOf draws the form of a mediator or a room: the boxes of a list by their words, the days of a week by
// their names.
func controlsOf(page *web.Page, fields []form.Field, units []org.UnitID, values map[string]string, bad []form.Problem, of ...list) []web.Control {
	f := web.Form{Prefix: "mediation.field", Values: values, Problems: bad, Choices: map[string][]web.Choice{"unit": unitChoices(page, units)}}
	out := page.Controls(slices.DeleteFunc(slices.Clone(fields), func(x form.Field) bool { return strings.Contains(x.Name, ".") }), f)
	var all []web.Control
	for _, c := range out {
		if c.Name == Weekdays[0] { // the lists stand before the week
			for _, l := range of {
				all = append(all, boxesOf(page, l, values)...)
			}
		}
		all = append(all, c)
	}
	return all
}

func boxesOf(page *web.Page, l list, values map[string]string) (out []web.Control) {
	for _, b := range l.boxes() {
		option := strings.TrimPrefix(b.Name, l.Name+".")
		out = append(out, web.Control{Field: b, ID: "f-" + b.Name, Label: page.T("mediation."+l.Name+".box", "what", page.T(l.key(option))), Value: values[b.Name]})
	}
	return out
}

func (s *service) showMediator(o *programme.Officer, p *pack.Pack, units []org.UnitID, id int64, values map[string]string, bad []form.Problem, refused string, status int) error {
	title, to, back := "mediation.mediator.new", href("mediators", "new"), href("mediators")
	if id != 0 {
		title, to, back = "mediation.mediator.edit", href("mediators", idOf(id), "edit"), href("mediators", idOf(id))
	}
	page := o.Page(title)
	page.Wrong = len(bad) > 0 || refused != ""
	fields := mediatorFields(p, units)
	if id == 0 {
		fields = fields[:len(fields)-1] // nobody new has left
	}
	a, b := lists(p)
	controls := controlsOf(page, fields, units, values, bad, a, b)
	v := formPage{Title: page.Title, Intro: page.T("mediation.mediator.intro"), To: to, Back: back, Button: page.T("mediation.save"), Key: web.NewKey(), Controls: controls,
		Mistakes: page.Mistakes(controls, bad), Refused: refused, Hidden: map[string]string{"version": values["version"]}}
	if id == 0 {
		v.Way = web.Link{Href: href("mediators", "import"), Label: page.T("mediation.import.title")}
	}
	return o.Write(page, status, formBody(page, v))
}

func (s *service) mediatorNewPost(o *programme.Officer) error {
	p, units, err := s.keeping(o)
	if err != nil {
		return err
	}
	return s.saveMediator(o, p, units, 0)
}

func (s *service) saveMediator(o *programme.Officer, p *pack.Pack, units []org.UnitID, id int64) error {
	raw, err := posted(o, mediatorFields(p, units), "version")
	if err != nil {
		return err
	}
	m, bad := mediatorFrom(p, units, raw, o.Site.Now())
	version := o.R.PostFormValue("version")
	raw["version"] = version
	if len(bad) > 0 {
		return s.showMediator(o, p, units, id, raw, bad, "", http.StatusUnprocessableEntity)
	}
	m.ID, m.Version, m.ChangedBy = id, atoi(version), o.Actor.ID()
	ctx, what := o.R.Context(), "changed"
	if id == 0 {
		what = "added"
	}
	err = s.DB.Transact(ctx, func(tx *db.Tx) error {
		if id != 0 {
			old, err := loadMediator(ctx, tx, id)
			if err != nil {
				return err
			}
			what = mediatorChange(old, &m)
		}
		n, err := putMediator(ctx, tx, m)
		if err != nil {
			return err
		}
		m.ID = n
		return record(ctx, tx, "mediator", n, o.Actor.ID(), what, "")
	})
	if no, is := isRefusal(err); is {
		return s.showMediator(o, p, units, id, raw, nil, o.Page("mediation.roster.title").Problem(no.Rule, no.Params), http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return o.Go(href("mediators", idOf(m.ID)))
}

// mediatorChange names what changed, and keeps the day on which somebody left.
func mediatorChange(old Mediator, m *Mediator) string {
	switch {
	case old.Active() && !m.Active():
		return "left"
	case !old.Active() && m.Active():
		return "returned"
	case !old.Active():
		m.Left = old.Left
	}
	return "changed"
}

// one finds the mediator of the address among those the officer may read.
func (s *service) one(o *programme.Officer) (p *pack.Pack, m Mediator, err error) {
	if p, err = s.open(); err != nil {
		return p, m, err
	}
	id, err := number(o.R.PathValue("id"))
	if err != nil {
		return p, m, err
	}
	ctx := o.R.Context()
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { m, err = loadMediator(ctx, tx, id); return err })
	if err == nil && !sees(p, o.Actor, m.Unit) {
		err = errNone
	}
	return p, m, err
}

func (s *service) mediatorEdit(o *programme.Officer) error {
	p, m, err := s.one(o)
	if err != nil {
		return err
	}
	if !keeps(p, o.Actor, m.Unit) {
		return notYours()
	}
	values := map[string]string{"unit": string(m.Unit), "name": m.Name, "account": m.Account, "phone": m.Phone, "organisation": m.Organisation, "version": strconv.Itoa(m.Version)}
	for name, yes := range map[string]bool{"listed": m.Listed, "left": !m.Active()} {
		if yes {
			values[name] = "yes"
		}
	}
	for name, n := range map[string]int{"week_hours": m.WeekHours, "day_most": m.DayMost} {
		if n > 0 {
			values[name] = strconv.Itoa(n)
		}
	}
	a, b := lists(p)
	a.tick(values, m.Fields)
	b.tick(values, m.Languages)
	hourValues(values, m.Hours)
	return s.showMediator(o, p, kept(p, o.Actor), m.ID, values, nil, "", http.StatusOK)
}

func (s *service) mediatorEditPost(o *programme.Officer) error {
	p, m, err := s.one(o)
	if err != nil {
		return err
	}
	if !keeps(p, o.Actor, m.Unit) {
		return notYours()
	}
	return s.saveMediator(o, p, kept(p, o.Actor), m.ID)
}

// mediatorPage is one mediator at the desk.
type mediatorPage struct {
	Path, Name, Unit string
	Facts            []web.Fact
	State            web.Tag
	May              bool
	Sessions         []sessionRow
	Training         []trainingView
	Away             []awayView
	TrainForm        []web.Control
	AwayForm         []web.Control
	Wrong            []web.Mistake
	Key              string
	Log              []logView
}

type trainingView struct{ Day, Hours, Topic, By string }

type awayView struct{ ID, From, To string }

var trainingFields = []form.Field{
	{Name: "day", Kind: form.Date, Required: true},
	{Name: "hours", Kind: form.Number, Required: true, Min: 1, Max: 500},
	{Name: "topic", Kind: form.Text, Required: true, Max: 120},
}

var awayFields = []form.Field{
	{Name: "from_day", Kind: form.Date, Required: true},
	{Name: "to_day", Kind: form.Date, Required: true},
}

func (s *service) mediatorShow(o *programme.Officer) error {
	p, m, err := s.one(o)
	if err != nil {
		return err
	}
	return s.mediatorPage(o, p, m, nil, nil, http.StatusOK)
}

func (s *service) mediatorPage(o *programme.Officer, p *pack.Pack, m Mediator, values map[string]string, bad []form.Problem, status int) error {
	page := o.Page("mediation.mediator.title", "name", m.Name)
	page.Wrong = len(bad) > 0
	ctx, now := o.R.Context(), o.Site.Now()
	v := mediatorPage{Path: href("mediators", idOf(m.ID)), Name: m.Name, Unit: page.T("unit." + string(m.Unit)), May: keeps(p, o.Actor, m.Unit), Key: web.NewKey()}
	w, err := s.look(ctx, p, now)
	if err != nil {
		return err
	}
	var training []Training
	var list []Session
	var lines []logLine
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		if training, err = trainingOf(ctx, tx, m.ID); err != nil {
			return err
		}
		if list, err = ofMediator(ctx, tx, m.ID, now); err != nil {
			return err
		}
		lines, err = logOf(ctx, tx, "mediator", m.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range training {
		v.Training = append(v.Training, trainingView{civil(page, t.Day), page.T("mediation.hours.n", "n", strconv.Itoa(t.Hours)), t.Topic, nameOf(o, page, t.By)})
	}
	v.Log = logViews(o, page, lines)
	for _, x := range list {
		if v.Sessions, err = s.sessionRow(o, page, p, v.Sessions, x, &w); err != nil {
			return err
		}
	}
	for _, a := range w.away {
		if a.Mediator == m.ID {
			v.Away = append(v.Away, awayView{idOf(a.ID), page.Date(a.Begins, p.Zone), page.Date(a.Ends.Add(-time.Minute), p.Zone)})
		}
	}
	v.Facts = mediatorFacts(page, p, m)
	v.State = web.Tag{Class: "ok", Label: page.T("mediation.state.active")}
	if m.Active() {
		v.Facts = append(v.Facts, web.Fact{Label: page.T("mediation.spare"), Value: page.T("mediation.room_left", "n", spareText(w.spare(m)))})
	} else {
		v.State = web.Tag{Class: "line", Label: page.T("mediation.state.left", "when", page.Short(m.Left))}
	}
	v.TrainForm = page.Controls(trainingFields, web.Form{Prefix: "mediation.train", Values: values, Problems: bad})
	v.AwayForm = page.Controls(awayFields, web.Form{Prefix: "mediation.away", Values: values, Problems: bad})
	v.Wrong = page.Mistakes(append(slices.Clone(v.TrainForm), v.AwayForm...), bad)
	return o.Write(page, status, mediatorBody(page, v))
}

func mediatorFacts(page *web.Page, p *pack.Pack, m Mediator) []web.Fact {
	yes := map[bool]string{true: page.T("web.yes"), false: page.T("mediation.no")}
	out := []web.Fact{
		{Label: page.T("mediation.field.unit"), Value: page.T("unit." + string(m.Unit))},
		{Label: page.T("mediation.fields"), Value: fieldWords(page, p, m.Fields)},
		{Label: page.T("mediation.languages"), Value: languageWords(page, m.Languages)},
		{Label: page.T("mediation.week"), Value: hoursText(page, m.Hours)},
		{Label: page.T("mediation.field.listed"), Value: yes[m.Listed]},
	}
	add := func(key, value string) {
		if value != "" {
			out = append(out, web.Fact{Label: page.T(key), Value: value})
		}
	}
	if m.WeekHours > 0 {
		add("mediation.field.week_hours", strconv.Itoa(m.WeekHours))
	}
	if m.DayMost > 0 {
		add("mediation.field.day_most", strconv.Itoa(m.DayMost))
	}
	add("mediation.field.phone", m.Phone)
	add("mediation.field.organisation", m.Organisation)
	add("mediation.field.account", m.Account)
	return out
}

// add carries out a small change of a mediator's record and comes back to their page.
func (s *service) add(o *programme.Officer, fields []form.Field, do func(ctx context.Context, tx *db.Tx, p *pack.Pack, m Mediator, clean map[string]string) ([]form.Problem, error)) error {
	p, m, err := s.one(o)
	if err != nil {
		return err
	}
	if !keeps(p, o.Actor, m.Unit) {
		return notYours()
	}
	raw, err := posted(o, fields, "drop")
	if err != nil {
		return err
	}
	clean, bad := form.Check(fields, raw)
	if o.R.PostFormValue("drop") != "" {
		clean, bad = map[string]string{"drop": o.R.PostFormValue("drop")}, nil
	}
	if len(bad) == 0 {
		ctx := o.R.Context()
		err = s.DB.Transact(ctx, func(tx *db.Tx) (err error) { bad, err = do(ctx, tx, p, m, clean); return err })
	}
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return s.mediatorPage(o, p, m, raw, bad, http.StatusUnprocessableEntity)
	}
	return o.Go(href("mediators", idOf(m.ID)))
}

func (s *service) trainingPost(o *programme.Officer) error {
	return s.add(o, trainingFields, func(ctx context.Context, tx *db.Tx, _ *pack.Pack, m Mediator, clean map[string]string) ([]form.Problem, error) {
		day, err := worktime.ParseDay(clean["day"])
		if err != nil {
			return []form.Problem{{Field: "day", Rule: "form.date"}}, nil
		}
		if err := putTraining(ctx, tx, m.ID, Training{Day: day, Hours: atoi(clean["hours"]), Topic: clean["topic"], By: o.Actor.ID()}); err != nil {
			return nil, err
		}
		return nil, record(ctx, tx, "mediator", m.ID, o.Actor.ID(), "trained", clean["topic"])
	})
}

func (s *service) awayPost(o *programme.Officer) error {
	return s.add(o, awayFields, func(ctx context.Context, tx *db.Tx, p *pack.Pack, m Mediator, clean map[string]string) ([]form.Problem, error) {
		if clean["drop"] != "" {
			id, err := number(clean["drop"])
			if err == nil {
				err = dropAway(ctx, tx, m.ID, id)
			}
			if err != nil {
				return nil, err
			}
			return nil, record(ctx, tx, "mediator", m.ID, o.Actor.ID(), "away_dropped", "")
		}
		from, err1 := worktime.ParseDay(clean["from_day"])
		to, err2 := worktime.ParseDay(clean["to_day"])
		if err1 != nil || err2 != nil || to < from || to > from+366 {
			return []form.Problem{{Field: "to_day", Rule: "mediation.order"}}, nil
		}
		if err := putAway(ctx, tx, Away{Mediator: m.ID, Begins: on(from, 0, p.Zone), Ends: on(to+1, 0, p.Zone)}); err != nil {
			return nil, err
		}
		return nil, record(ctx, tx, "mediator", m.ID, o.Actor.ID(), "away", from.String()+" – "+to.String())
	})
}
