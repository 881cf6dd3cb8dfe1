package petition

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// rowView is a day in the list of the desk.
type rowView struct {
	Href, Date, Hours, Who, Unit string
	State                        web.Tag
	Booked                       string
}

// listPage is the desk's list of days.
type listPage struct {
	Ahead, Past []rowView
	May         bool // may write down a new day
}

// menu leads to the receptions where the city has them and the officer sees some.
func (r *receptions) menu(page *web.Page, who authz.Actor, at string) []web.NavItem {
	p, err := r.open()
	if err != nil {
		return nil
	}
	for _, root := range who.Scope().Roots {
		if sees(p, who, root.Unit) {
			return []web.NavItem{{Href: "/desk/reception", Label: page.T("reception.title"), Icon: "calendar", Current: strings.HasPrefix(at, "/desk/reception")}}
		}
	}
	return nil
}

// days lists what is to come and what has been, for the units the officer may read.
func (r *receptions) days(o *programme.Officer) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	now := today(o.Site.Now(), p.Zone)
	page := o.Page("reception.desk.title")
	l := listPage{May: len(arranged(p, o.Actor)) > 0}
	ctx := o.R.Context()
	err = r.DB.View(ctx, func(tx *db.Tx) error {
		all, err := daysBetween(ctx, tx, now-366, now+ahead)
		if err != nil {
			return err
		}
		for _, d := range all {
			if !shows(p, o.Actor, d) {
				continue
			}
			bookings, err := bookingsOf(ctx, tx, d.ID)
			if err != nil {
				return err
			}
			row := rowOf(page, p, d, bookings)
			if d.Date >= now {
				l.Ahead = append(l.Ahead, row)
			} else {
				l.Past = append([]rowView{row}, l.Past...)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.Write(page, http.StatusOK, listBody(page, l))
}

func rowOf(page *web.Page, p *pack.Pack, d Day, bookings []Booking) rowView {
	v := rowView{Href: pathOf(d.ID), Date: dateOf(page.Speaker, d.Date), Hours: hoursOf(page.Speaker, d, p.Zone), Who: whoOf(page.Speaker, d),
		Unit: page.T("unit." + string(d.Unit)), State: stateOf(page, d)}
	n := 0
	for _, b := range bookings {
		if b.takes() {
			n++
		}
	}
	v.Booked = page.T("reception.desk.booked", "n", strconv.Itoa(n), "all", strconv.Itoa(d.Slots))
	return v
}

func stateOf(page *web.Page, d Day) web.Tag {
	switch {
	case !d.Cancelled.IsZero():
		return web.Tag{Class: "warn", Label: page.T("reception.state.cancelled")}
	case d.Published.IsZero():
		return web.Tag{Class: "line", Label: page.T("reception.state.draft")}
	}
	return web.Tag{Class: "ok", Label: page.T("reception.state.published")}
}

// The questions of a day. Times are written the way a clock shows them.
func dayFields(units []org.UnitID) []form.Field {
	var ids []string
	for _, u := range units {
		ids = append(ids, string(u))
	}
	return []form.Field{
		{Name: "unit", Kind: form.Choice, Required: true, Options: ids},
		{Name: "office", Kind: form.Text, Required: true, Max: 60},
		{Name: "leader", Kind: form.Text, Max: 60},
		{Name: "topics", Kind: form.Text, Required: true, Max: 200},
		{Name: "date", Kind: form.Date, Required: true},
		{Name: "from", Kind: form.Text, Required: true, Max: 5},
		{Name: "to", Kind: form.Text, Required: true, Max: 5},
		{Name: "slots", Kind: form.Number, Required: true, Min: 1, Max: 60},
		{Name: "minutes", Kind: form.Number, Required: true, Min: 5, Max: 240},
		{Name: "place", Kind: form.Text, Required: true, Max: 200},
		{Name: "why", Kind: form.Text, Max: 200},
	}
}

// dayFrom reads a day from its form, with everything that cannot stand.
func dayFrom(p *pack.Pack, units []org.UnitID, raw map[string]string, now worktime.Day) (Day, []form.Problem) {
	clean, bad := form.Check(dayFields(units), raw)
	d := Day{Unit: org.UnitID(clean["unit"]), Office: clean["office"], Leader: clean["leader"], Topics: clean["topics"], Place: clean["place"], Why: clean["why"]}
	d.Slots, _ = strconv.Atoi(clean["slots"])
	d.Minutes, _ = strconv.Atoi(clean["minutes"])
	problem := func(field, rule string, params map[string]string) {
		bad = append(bad, form.Problem{Field: field, Rule: rule, Params: params})
	}
	var okFrom, okTo bool
	if s := clean["from"]; s != "" {
		if d.Begins, okFrom = minutesOf(s); !okFrom {
			problem("from", "reception.time", nil)
		}
	}
	if s := clean["to"]; s != "" {
		if d.Ends, okTo = minutesOf(s); !okTo {
			problem("to", "reception.time", nil)
		}
	}
	switch {
	case !okFrom || !okTo:
	case d.Ends <= d.Begins:
		problem("to", "reception.ends", nil)
	case d.Slots > 0 && d.Minutes > 0 && d.Slots*d.Minutes > d.Ends-d.Begins:
		problem("slots", "reception.too_many", map[string]string{"fit": strconv.Itoa((d.Ends - d.Begins) / d.Minutes)})
	}
	if s := clean["date"]; s != "" {
		bad = append(bad, d.dated(p, s, now)...)
	}
	return d, bad
}

// dated sets the date and the last day for booking: papers come that many days before, as the pack says.
func (d *Day) dated(p *pack.Pack, s string, now worktime.Day) []form.Problem {
	date, err := worktime.ParseDay(s)
	if err != nil {
		return []form.Problem{{Field: "date", Rule: "reception.past"}}
	}
	days := p.Parameters["reception.papers_days"]
	d.Date, d.Closes = date, date-worktime.Day(days)
	switch c := calendarOf(p); {
	case date < now:
		return []form.Problem{{Field: "date", Rule: "reception.past"}}
	case date > now+ahead:
		return []form.Problem{{Field: "date", Rule: "reception.far"}}
	case d.Closes < now:
		return []form.Problem{{Field: "date", Rule: "reception.too_soon", Params: map[string]string{"days": strconv.Itoa(days)}}}
	case c != nil && !c.Working(date) && d.Why == "":
		return []form.Problem{{Field: "why", Rule: "reception.day_off"}}
	}
	return nil
}

// formPage is a form of the desk.
type formPage struct {
	Title, Intro, To, Back, Button string
	Key                            string
	Refused                        string
	Controls                       []web.Control
	Mistakes                       []web.Mistake
	Danger                         bool
	Facts                          []web.Fact
	Other                          web.Link // another form for the same thing
}

func (r *receptions) newDay(o *programme.Officer) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	units := arranged(p, o.Actor)
	if len(units) == 0 {
		return &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	return r.showDayForm(o, units, map[string]string{"unit": string(units[0])}, nil, "/desk/reception/new", http.StatusOK)
}

func (r *receptions) showDayForm(o *programme.Officer, units []org.UnitID, values map[string]string, bad []form.Problem, to string, status int) error {
	page := o.Page("reception.new.title")
	page.Wrong = len(bad) > 0
	f := web.Form{Prefix: "reception.field", Values: values, Problems: bad, Choices: map[string][]web.Choice{}}
	for _, u := range units {
		f.Choices["unit"] = append(f.Choices["unit"], web.Choice{Value: string(u), Label: page.T("unit." + string(u))})
	}
	controls := page.Controls(dayFields(units), f)
	v := formPage{Title: page.Title, Intro: page.T("reception.new.intro"), To: to, Back: "/desk/reception", Button: page.T("reception.new.save"), Key: web.NewKey(),
		Controls: controls, Mistakes: page.Mistakes(controls, bad)}
	return o.Write(page, status, formBody(page, v))
}

// posted reads the fields of a form that was sent.
func posted(o *programme.Officer, fields []form.Field) (map[string]string, error) {
	var known []string
	for _, f := range fields {
		known = append(known, f.Name)
	}
	if err := web.ReadForm(o.R, known...); err != nil {
		return nil, err
	}
	raw := map[string]string{}
	for _, f := range fields {
		if v := o.R.PostFormValue(f.Name); v != "" {
			raw[f.Name] = v
		}
	}
	return raw, nil
}

func (r *receptions) newDayPost(o *programme.Officer) error {
	return r.saveDay(o, 0, "/desk/reception/new")
}

// saveDay stores a draft, new or changed.
func (r *receptions) saveDay(o *programme.Officer, id int64, to string) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	units := arranged(p, o.Actor)
	if len(units) == 0 {
		return &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	raw, err := posted(o, dayFields(units))
	if err != nil {
		return err
	}
	d, bad := dayFrom(p, units, raw, today(o.Site.Now(), p.Zone))
	if len(bad) > 0 {
		return r.showDayForm(o, units, raw, bad, to, http.StatusUnprocessableEntity)
	}
	d.ID = id
	what := "changed"
	if id == 0 {
		what = "written"
	}
	ctx := o.R.Context()
	err = r.DB.Transact(ctx, func(tx *db.Tx) error {
		id, err := putDay(ctx, tx, d)
		if err != nil {
			return err
		}
		d.ID = id
		return record(ctx, tx, id, 0, o.Actor.ID(), what, d.Why)
	})
	if err != nil {
		return err
	}
	return o.Go(pathOf(d.ID))
}

func (r *receptions) editDay(o *programme.Officer) error {
	p, d, _, err := r.own(o)
	if err != nil {
		return err
	}
	if !d.Published.IsZero() {
		return refuse("reception.published")
	}
	values := map[string]string{"unit": string(d.Unit), "office": d.Office, "leader": d.Leader, "topics": d.Topics, "place": d.Place, "why": d.Why,
		"date": d.Date.String(), "from": clock(d.Begins), "to": clock(d.Ends), "slots": strconv.Itoa(d.Slots), "minutes": strconv.Itoa(d.Minutes)}
	return r.showDayForm(o, arranged(p, o.Actor), values, nil, pathOf(d.ID, "edit"), http.StatusOK)
}

func (r *receptions) editDayPost(o *programme.Officer) error {
	_, d, _, err := r.own(o)
	if err != nil {
		return err
	}
	return r.saveDay(o, d.ID, pathOf(d.ID, "edit"))
}

// asked finds the day of the address among those the officer may read.
func (r *receptions) asked(o *programme.Officer) (*pack.Pack, Day, []Booking, error) {
	p, err := r.open()
	if err != nil {
		return nil, Day{}, nil, err
	}
	id, err := strconv.ParseInt(o.R.PathValue("day"), 10, 64)
	if err != nil {
		return nil, Day{}, nil, errNone
	}
	var d Day
	var bookings []Booking
	ctx := o.R.Context()
	err = r.DB.View(ctx, func(tx *db.Tx) (err error) {
		if d, err = loadDay(ctx, tx, id); err == nil {
			bookings, err = bookingsOf(ctx, tx, id)
		}
		return err
	})
	if err == nil && !shows(p, o.Actor, d) {
		err = errNone
	}
	return p, d, bookings, err
}

// own is asked for a change: only those who arrange the unit's receptions may make one.
func (r *receptions) own(o *programme.Officer) (*pack.Pack, Day, []Booking, error) {
	p, d, bookings, err := r.asked(o)
	if err == nil && !arranges(p, o.Actor, d.Unit) {
		err = &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	return p, d, bookings, err
}

// bookingView is one booking in the list of a day.
type bookingView struct {
	Time         string
	Ref, Title   string // empty when the officer may not read the case
	Href         string
	State        web.Tag
	Held, Absent string // where its outcome is written down
}

type logView struct{ When, ISO, What, Why string }

// dayPage is a day at the desk.
type dayPage struct {
	Day       dayView
	Path      string
	State     web.Tag
	Why       string
	May       bool
	Draft     bool
	CanCancel bool
	Late      string // why it can no longer be published
	Booked    []bookingView
	Waiting   []bookingView
	Key       string
	Log       []logView
}

func (r *receptions) day(o *programme.Officer) error {
	p, d, bookings, err := r.asked(o)
	if err != nil {
		return err
	}
	now := today(o.Site.Now(), p.Zone)
	page := o.Page("reception.day.title", "who", whoOf(o.Visitor.Page("reception.title").Speaker, d))
	v := dayPage{Day: r.shown(page, p, d, bookings, now), Path: pathOf(d.ID), State: stateOf(page, d), Why: d.Why, May: arranges(p, o.Actor, d.Unit), Key: web.NewKey()}
	v.Draft = d.Published.IsZero()
	v.CanCancel = d.takesPlace() && d.Date >= now
	if v.Draft {
		v.Day.Room = ""
		if now > d.Closes {
			v.Late = page.T("reception.desk.late", "when", dateOf(page.Speaker, d.Closes))
		}
	}
	slices.SortStableFunc(bookings, func(a, b Booking) int { return cmp.Compare(a.Slot, b.Slot) })
	for _, b := range bookings {
		line, err := r.line(o, page, p, d, b)
		if err != nil {
			return err
		}
		switch {
		case b.takes():
			v.Booked = append(v.Booked, line)
		case b.State == Waiting:
			v.Waiting = append(v.Waiting, line)
		}
	}
	if v.Log, err = r.log(o, page, d.ID); err != nil {
		return err
	}
	return o.Write(page, http.StatusOK, dayBody(page, v))
}

// line shows a booking. A case the officer may not read, a sealed one among them, is a taken slot and
// nothing else.
func (r *receptions) line(o *programme.Officer, page *web.Page, p *pack.Pack, d Day, b Booking) (bookingView, error) {
	v := bookingView{State: web.Tag{Class: "line", Label: page.T("reception.booking." + string(b.State))}}
	if b.Slot > 0 {
		v.Time = web.HourOf(d.Starts(b.Slot, p.Zone), p.Zone)
	}
	if b.State == Held {
		v.State.Class = "ok"
	}
	id := strconv.FormatInt(b.ID, 10)
	if past(p, o, d, b) && arranges(p, o.Actor, d.Unit) {
		v.Absent = pathOf(d.ID, "absent", id)
	}
	c, err := r.Reader.ByID(o.R.Context(), o.Actor.Scope(), casework.CaseID(b.Case))
	if missing(err) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Ref, v.Title, v.Href = b.Ref, page.T("category."+c.Category), "/desk/cases/"+b.Ref
	if c.Sealed != "" { // a day is a list
		v.Title = page.T("desk.sealed")
	}
	if past(p, o, d, b) && records(p, o, d.Unit, c) {
		v.Held = pathOf(d.ID, "held", id)
	}
	return v, nil
}

// log is what was changed on the day itself; who booked is on the cases.
func (r *receptions) log(o *programme.Officer, page *web.Page, day int64) (out []logView, err error) {
	ctx := o.R.Context()
	err = r.DB.View(ctx, func(tx *db.Tx) error {
		lines, err := logOf(ctx, tx, day)
		for _, l := range lines {
			if l.Booking == 0 {
				out = append(out, logView{page.Moment(l.At), page.ISO(l.At), page.T("reception.log." + l.What), l.Why})
			}
		}
		return err
	})
	return out, err
}

// change makes one change of a day the officer arranges, in a transaction of its own.
func (r *receptions) change(o *programme.Officer, to string, step func(tx *db.Tx, p *pack.Pack, d Day) error) error {
	p, d, _, err := r.own(o)
	if err != nil {
		return err
	}
	if err := r.DB.Transact(o.R.Context(), func(tx *db.Tx) error { return step(tx, p, d) }); err != nil {
		return err
	}
	if to == "" {
		to = pathOf(d.ID)
	}
	return o.Go(to)
}

func (r *receptions) publish(o *programme.Officer) error {
	if err := web.ReadForm(o.R); err != nil {
		return err
	}
	ctx := o.R.Context()
	return r.change(o, "", func(tx *db.Tx, p *pack.Pack, d Day) error {
		if today(o.Site.Now(), p.Zone) > d.Closes {
			return refuse("reception.publish_late")
		}
		if err := publishDay(ctx, tx, d.ID); err != nil {
			return err
		}
		return record(ctx, tx, d.ID, 0, o.Actor.ID(), "published", "")
	})
}

func (r *receptions) discard(o *programme.Officer) error {
	if err := web.ReadForm(o.R); err != nil {
		return err
	}
	ctx := o.R.Context()
	return r.change(o, "/desk/reception", func(tx *db.Tx, _ *pack.Pack, d Day) error {
		if err := dropDraft(ctx, tx, d.ID); err != nil {
			return err
		}
		return record(ctx, tx, d.ID, 0, o.Actor.ID(), "discarded", "")
	})
}

var cancelFields = []form.Field{{Name: "reason", Kind: form.Text, Required: true, Max: 200, Public: true}}

func (r *receptions) cancelShow(o *programme.Officer) error {
	return r.showCancel(o, nil, nil, http.StatusOK)
}

func (r *receptions) showCancel(o *programme.Officer, values map[string]string, bad []form.Problem, status int) error {
	p, d, _, err := r.own(o)
	if err != nil {
		return err
	}
	page := o.Page("reception.cancel.title")
	page.Wrong = len(bad) > 0
	controls := page.Controls(cancelFields, web.Form{Prefix: "reception.field", Values: values, Problems: bad})
	v := formPage{Title: page.Title, Intro: page.T("reception.cancel.intro"), To: pathOf(d.ID, "cancel"), Back: pathOf(d.ID), Button: page.T("reception.cancel.button"),
		Key: web.NewKey(), Controls: controls, Mistakes: page.Mistakes(controls, bad), Danger: true, Facts: dayFacts(page, p, d)}
	return o.Write(page, status, formBody(page, v))
}

func dayFacts(page *web.Page, p *pack.Pack, d Day) []web.Fact {
	return []web.Fact{
		{Label: page.T("reception.desk.when"), Value: dateOf(page.Speaker, d.Date) + " " + hoursOf(page.Speaker, d, p.Zone)},
		{Label: page.T("reception.desk.who"), Value: whoOf(page.Speaker, d)},
	}
}

func (r *receptions) cancelPost(o *programme.Officer) error {
	raw, err := posted(o, cancelFields)
	if err != nil {
		return err
	}
	clean, bad := form.Check(cancelFields, raw)
	if len(bad) > 0 {
		return r.showCancel(o, raw, bad, http.StatusUnprocessableEntity)
	}
	return r.change(o, "", func(tx *db.Tx, p *pack.Pack, d Day) error {
		if today(o.Site.Now(), p.Zone) > d.Date {
			return refuse("reception.cancelled")
		}
		return cancel(o.R.Context(), tx, d.ID, clean["reason"], o.Actor.ID())
	})
}

func (r *receptions) absent(o *programme.Officer) error {
	if err := web.ReadForm(o.R); err != nil {
		return err
	}
	p, d, b, err := r.due(o)
	if err != nil {
		return err
	}
	if !arranges(p, o.Actor, d.Unit) {
		return &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	ctx := o.R.Context()
	err = r.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := setBooking(ctx, tx, b, Absent, b.Slot, false); err != nil {
			return err
		}
		return record(ctx, tx, d.ID, b.ID, o.Actor.ID(), string(Absent), "")
	})
	if err != nil {
		return err
	}
	return o.Go(pathOf(d.ID))
}
