package petition

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// What came of a meeting is part of the case and of nothing else: an act of its procedure where it has
// one that this officer may do, else a note its resident reads.

// heldFields are the questions where the procedure has no act of its own.
var heldFields = []form.Field{
	{Name: "note", Kind: form.LongText, Required: true, Public: true, Max: 2000},
	{Name: "promise", Kind: form.LongText, Public: true, Max: 1000},
	{Name: "due", Kind: form.Date, Public: true},
}

func missing(err error) bool { return errors.Is(err, ledger.ErrNotFound) || errors.Is(err, errNone) }

// due finds a booking whose meeting can be written down: its day has come.
func (r *receptions) due(o *programme.Officer) (*pack.Pack, Day, Booking, error) {
	p, d, bookings, err := r.asked(o)
	if err != nil {
		return p, d, Booking{}, err
	}
	id, err := strconv.ParseInt(o.R.PathValue("booking"), 10, 64)
	i := slices.IndexFunc(bookings, func(b Booking) bool { return b.ID == id })
	switch {
	case err != nil || i < 0:
		return p, d, Booking{}, errNone
	case !past(p, o, d, bookings[i]):
		return p, d, Booking{}, refuse("reception.changed")
	}
	return p, d, bookings[i], nil
}

// past reports a meeting that has come and is not written down.
func past(p *pack.Pack, o *programme.Officer, d Day, b Booking) bool {
	return b.State == Booked && d.takesPlace() && today(o.Site.Now(), p.Zone) >= d.Date
}

// records reports who writes the outcome of a unit's meeting down: whoever arranges its receptions, or
// those of the unit that holds the case now, since a case may have gone up between booking and meeting.
func records(p *pack.Pack, o *programme.Officer, unit org.UnitID, c casework.Case) bool {
	return arranges(p, o.Actor, unit) || arranges(p, o.Actor, c.Holder)
}

// meeting is a booking with its case and how the outcome will be stored.
type meeting struct {
	pack    *pack.Pack
	day     Day
	booking Booking
	c       casework.Case
	d       *procedure.Definition
	act     *procedure.Act // nil: a note
	task    bool           // the procedure also has an act for a promise that opens a task
	asTask  bool           // and that is the one
}

func (r *receptions) meeting(o *programme.Officer) (m meeting, err error) {
	if m.pack, m.day, m.booking, err = r.due(o); err != nil {
		return m, err
	}
	if m.c, err = r.Reader.ByID(o.R.Context(), o.Actor.Scope(), casework.CaseID(m.booking.Case)); err != nil {
		return m, err
	}
	if !records(m.pack, o, m.day.Unit, m.c) {
		return m, &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	look, err := r.Ledger.Show(o.R.Context(), o.Actor, ledger.Ticket{Case: m.c.ID, Purpose: ledger.PurposeHandle})
	if err != nil {
		return m, err
	}
	m.c = look.Case()
	if m.d, err = r.Packs.Definition(m.c.Pack, m.c.Procedure); err != nil {
		return m, err
	}
	m.act = m.can(o, heldAct)
	if a := m.can(o, promiseAct); a != nil {
		if m.task = true; o.R.URL.Query().Get("with") == "task" {
			m.act, m.asTask = a, true
		}
	}
	return m, nil
}

// can finds an act that this officer may do on the case now.
func (m meeting) can(o *programme.Officer, id string) *procedure.Act {
	a, ok := m.d.Act(id)
	if !ok || !casework.CanAct(m.d, m.c, a, o.Actor, o.Site.Now()) {
		return nil
	}
	return a
}

// path is the address of the form.
func (m meeting) path(task bool) string {
	to := pathOf(m.day.ID, "held", strconv.FormatInt(m.booking.ID, 10))
	if task {
		to += "?with=task"
	}
	return to
}

// fields are the questions of the meeting, with where their words are.
func (m meeting) fields() ([]form.Field, web.Form) {
	if m.act != nil {
		return m.act.Fields, web.ActForm(m.d.ID, m.act.ID)
	}
	return heldFields, web.Form{Prefix: "reception.field"}
}

func (r *receptions) heldShow(o *programme.Officer) error {
	m, err := r.meeting(o)
	if err != nil {
		return err
	}
	return r.showHeld(o, m, nil, nil, "", http.StatusOK)
}

func (r *receptions) showHeld(o *programme.Officer, m meeting, values map[string]string, bad []form.Problem, refused string, status int) error {
	page := o.Page("reception.held.title")
	page.Wrong = len(bad) > 0 || refused != ""
	fields, f := m.fields()
	f.Values, f.Problems = values, bad
	f.Choices = map[string][]web.Choice{"unit": m.units(page)}
	controls := page.Controls(fields, f)
	v := formPage{Title: page.Title, Intro: page.T("reception.held.intro"), To: m.path(m.asTask), Back: pathOf(m.day.ID), Button: page.T("reception.held.button"),
		Key: web.NewKey(), Controls: controls, Mistakes: page.Mistakes(controls, bad), Refused: refused}
	switch {
	case m.asTask:
		v.Other = web.Link{Href: m.path(false), Label: page.T("reception.held.plain")}
	case m.task:
		v.Other = web.Link{Href: m.path(true), Label: page.T("reception.held.task")}
	}
	v.Facts = append(dayFacts(page, m.pack, m.day), web.Fact{Label: page.T("reception.matter"), Value: string(m.c.Ref) + " " + m.c.Title})
	return o.Write(page, status, formBody(page, v))
}

// units lists who may be given a task: the unit of the day, those above it and those next below.
func (m meeting) units(page *web.Page) (out []web.Choice) {
	for _, u := range slices.Concat(m.pack.Units.Path(m.day.Unit), m.pack.Units.Children(m.day.Unit)) {
		if unit, _ := m.pack.Units.Unit(u); len(unit.Roles) > 0 {
			out = append(out, web.Choice{Value: string(u), Label: page.T("unit." + string(u))})
		}
	}
	return out
}

// wordsOf and dueOf read a promise from the answers: the act that opens a task calls them otherwise.
func wordsOf(values map[string]string) string { return cmp.Or(values["promise"], values["what"]) }

func dueOf(values map[string]string) string { return cmp.Or(values["due"], values["report_by"]) }

// promiseIn reads what was promised and by when; a promise without a day, or a day without a promise, is
// half of one.
func promiseIn(values map[string]string, now worktime.Day) (due worktime.Day, made bool, bad []form.Problem) {
	words, date := wordsOf(values), dueOf(values)
	switch {
	case words == "" && date == "":
		return 0, false, nil
	case date == "":
		return 0, false, []form.Problem{{Field: "due", Rule: "reception.promise_due"}}
	case words == "":
		return 0, false, []form.Problem{{Field: "promise", Rule: "reception.promise_words"}}
	}
	due, err := worktime.ParseDay(date)
	if err != nil || due < now {
		field := "due"
		if values["due"] == "" {
			field = "report_by"
		}
		return 0, false, []form.Problem{{Field: field, Rule: "reception.past"}}
	}
	return due, true, nil
}

func (r *receptions) heldPost(o *programme.Officer) error {
	m, err := r.meeting(o)
	if err != nil {
		return err
	}
	fields, _ := m.fields()
	raw, err := posted(o, fields)
	if err != nil {
		return err
	}
	clean, bad := form.Check(fields, raw)
	due, made, more := promiseIn(clean, today(o.Site.Now(), m.pack.Zone))
	if bad = append(bad, more...); len(bad) > 0 {
		return r.showHeld(o, m, raw, bad, "", http.StatusUnprocessableEntity)
	}
	ctx, b := o.R.Context(), m.booking
	_, err = r.Ledger.DoWith(ctx, o.Actor, m.command(o, clean), func(tx *db.Tx, done ledger.Receipt) error {
		if err := setBooking(ctx, tx, b, Held, b.Slot, false); err != nil {
			return err
		}
		if err := record(ctx, tx, m.day.ID, b.ID, o.Actor.ID(), string(Held), ""); err != nil || !made {
			return err
		}
		return putPromise(ctx, tx, Promise{Booking: b.ID, Unit: m.day.Unit, Case: b.Case, Ref: b.Ref, Seq: done.Seq, Due: due})
	})
	if no, is := isRefusal(err); is {
		words := ""
		if len(no.Fields) == 0 {
			words = o.Page("reception.held.title").Problem(no.Rule, no.Params)
		}
		return r.showHeld(o, m, raw, no.Fields, words, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return o.Go(pathOf(m.day.ID))
}

// command is the change of the case: the act, or a note in the first language of the city.
func (m meeting) command(o *programme.Officer, clean map[string]string) casework.Command {
	cmd := casework.Command{Case: m.c.ID, Version: casework.AnyVersion, Key: web.KeyOf(o.R)}
	if m.act != nil {
		cmd.Act, cmd.Fields = m.act.ID, clean
		return cmd
	}
	say := o.Site.Text.In(noteLang(m.c, o.Site))
	words := say.T("reception.note.held", "who", whoOf(say, m.day), "date", dateOf(say, m.day.Date), "note", clean["note"])
	if clean["promise"] != "" {
		due, _ := worktime.ParseDay(clean["due"]) // it was read before
		words += "\n" + say.T("reception.note.promise", "promise", clean["promise"], "due", dateOf(say, due))
	}
	cmd.Note = &casework.Note{Text: words, Public: true}
	return cmd
}

// noteLang is the language of words the resident reads: theirs if the site has it.
func noteLang(c casework.Case, site *web.Site) string {
	for _, l := range site.Langs {
		if l == c.Contact.Lang {
			return l
		}
	}
	return site.Langs[0]
}
