package desk

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/ical"
	"comity/internal/ledger"
	"comity/internal/web"
)

// calendarPage is where an officer gets the address of their calendar, and sees what they took with them.
type calendarPage struct {
	Address string // shown once
	Made    string
	Exports []exportRow
}

type exportRow struct{ When, Where, What string }

func (v *visit) calendar() error { return v.showCalendar(calendarPage{}) }

// exportsShown is how many of their exports an officer is shown.
const exportsShown = 50

func (v *visit) showCalendar(d calendarPage) error {
	if err := v.own(); err != nil {
		return err
	}
	p := v.page("desk.calendar.title")
	made, err := v.Accounts.CalendarMade(v.ctx(), v.who.ID)
	if err != nil {
		return err
	}
	if !made.IsZero() {
		d.Made = p.Moment(made)
	}
	list, err := v.Reader.Exports(v.ctx(), v.actor.ID(), exportsShown)
	if err != nil {
		return err
	}
	for _, e := range list {
		view, _, _ := strings.Cut(e.List, " ")
		d.Exports = append(d.Exports, exportRow{When: p.Moment(e.At), Where: p.T("unit." + string(e.Unit)), What: p.T("desk.view."+view) + p.T("desk.sep") + p.T("desk.export."+e.Format)})
	}
	return v.write(p, http.StatusOK, calendarBody(p, d))
}

func (v *visit) calendarMake() error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	plain, err := v.Accounts.MakeCalendar(v.ctx(), v.actor)
	if err != nil {
		return err
	}
	return v.showCalendar(calendarPage{Address: v.site.Origin(v.r) + "/desk/calendar/" + plain})
}

func (v *visit) calendarDrop() error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	if err := v.Accounts.DropCalendar(v.ctx(), v.actor); err != nil {
		return err
	}
	return v.backTo("/desk/me/calendar")
}

// calendarMost bounds what a calendar shows: the nearest dates.
const calendarMost = 200

// calendarFile answers a calendar program, which comes without a session. Whoever has the address sees numbers
// and dates and nothing that was written: no title, no place, no name.
func (d *Desk) calendarFile(w http.ResponseWriter, r *http.Request) error {
	from, now := d.Client(r), d.site.Now()
	if wait := d.guesses.Wait(from, now); wait > 0 {
		return &web.Refused{Status: http.StatusTooManyRequests, Rule: "desk.too_many", Wait: wait}
	}
	who, err := d.Accounts.Calendar(r.Context(), r.PathValue("secret"))
	if errors.Is(err, account.ErrNoSession) {
		d.guesses.Count(from, now)
		return &web.Noted{Err: web.ErrNotFound, As: "token.invalid"}
	}
	if err != nil {
		return err
	}
	p := d.site.Page(r, "desk.calendar.name")
	host := d.site.Host(r)
	actor := who.Actor(d.Packs.Current().Rules).In(d.Compartment)
	c := ical.Calendar{Product: "-//Comity//Desk//" + strings.ToUpper(p.Lang), Name: p.T("desk.calendar.name"), Method: ical.Publish}
	if c.Events, err = d.deadlines(r.Context(), p, actor, host, d.site.Origin(r)); err != nil {
		return err
	}
	for _, g := range d.Programmes {
		if g.Agenda == nil {
			continue
		}
		more, err := g.Agenda(r.Context(), p, actor, host, d.site.Origin(r))
		if err != nil {
			return err
		}
		c.Events = append(c.Events, more...)
	}
	raw, err := c.File()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Cache-Control", "private, no-store")
	_, err = w.Write(raw)
	return err
}

// deadlines are the dates of the cases that are the actor's to do, of a quarter of an hour each. A case has one
// date at a time; its version is the sequence that makes a calendar program move it.
func (d *Desk) deadlines(ctx context.Context, p *web.Page, who authz.Actor, host, origin string) (out []ical.Event, err error) {
	page, err := d.Reader.Worklist(ctx, who.Scope(), ledger.Filter{Assignee: who.Seat(), Limit: calendarMost})
	if err != nil {
		return nil, err
	}
	for _, it := range page.Items {
		if it.Due.IsZero() || it.Sealed {
			continue
		}
		ref := string(it.Ref)
		out = append(out, ical.Event{UID: "due-" + strings.ToLower(ref) + "@" + host, Sequence: it.Seq, Changed: it.Changed, Begins: it.Due.Add(-15 * time.Minute), Ends: it.Due,
			Summary: p.T("desk.calendar.due", "ref", ref, "clock", p.T("clock."+it.Procedure+"."+it.Clock)), URL: origin + "/desk/cases/" + ref,
			Description: p.T("category."+it.Category) + p.T("desk.sep") + p.T("state."+it.Procedure+"."+it.State), Alarms: []ical.Alarm{{Before: 24 * time.Hour, Words: p.T("desk.calendar.due", "ref", ref, "clock", p.T("clock."+it.Procedure+"."+it.Clock))}}})
	}
	return out, nil
}
