package mediation

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ical"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

// uid names a session for calendar programs, for ever.
func uid(s Session, host string) string {
	return "mediation-session-" + strconv.FormatInt(s.ID, 10) + "@" + host
}

// event is a session as a calendar shows it. It names nobody: whoever has the file knows who they are, and is
// not to learn from it who else comes.
func event(say text.Speaker, p *pack.Pack, s Session, host, page string) ical.Event {
	e := ical.Event{UID: uid(s, host), Sequence: s.Version, Changed: s.Changed, Begins: s.Begins, Ends: s.Ends, Summary: say.T("mediation.ics.summary", "ref", s.Ref),
		Location: s.Place, Description: say.T("mediation.ics.words", "unit", say.T("unit."+string(s.Unit))), URL: page}
	if s.State == PutOff || s.State == Ended || s.State == Reserved || s.State == Absent {
		e.Cancelled = true
		return e
	}
	for _, hours := range p.Mediation.Reminders {
		e.Alarms = append(e.Alarms, ical.Alarm{Before: time.Duration(hours) * time.Hour, Words: say.T("mediation.ics.summary", "ref", s.Ref)})
	}
	return e
}

// send writes sessions as a calendar. Those without a readable time are left out.
func send(w http.ResponseWriter, say text.Speaker, p *pack.Pack, list []Session, host string, page func(Session) string) error {
	c := ical.Calendar{Product: "-//Comity//Mediation//" + strings.ToUpper(say.Lang), Method: ical.Publish, Name: say.T("mediation.ics.name")}
	for _, s := range list {
		if !s.Begins.IsZero() {
			c.Events = append(c.Events, event(say, p, s, host, page(s)))
		}
	}
	raw, err := c.File()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="session.ics"`)
	w.Header().Set("Cache-Control", "private, no-store")
	_, err = w.Write(raw)
	return err
}

// sessionFile is one session for the calendar of whoever may read its case.
func (s *service) sessionFile(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	id, err := number(o.R.PathValue("session"))
	if err != nil {
		return err
	}
	ctx := o.R.Context()
	var x Session
	if err := s.DB.View(ctx, func(tx *db.Tx) (err error) { x, err = loadSession(ctx, tx, id); return err }); err != nil {
		return err
	}
	if _, err := s.Reader.ByID(ctx, o.Actor.Scope(), casework.CaseID(x.Case)); err != nil {
		return err
	}
	return s.deskFile(o, p, []Session{x})
}

func (s *service) deskFile(o *programme.Officer, p *pack.Pack, list []Session) error {
	page := o.Page("mediation.roster.title")
	origin := o.Site.Origin(o.R)
	return send(o.W, page.Speaker, p, list, o.Site.Host(o.R), func(x Session) string { return origin + "/desk/cases/" + x.Ref + "/sessions" })
}

// mediatorFile is what a mediator has before them, for their own calendar.
func (s *service) mediatorFile(o *programme.Officer) error {
	p, m, err := s.one(o)
	if err != nil {
		return err
	}
	ctx := o.R.Context()
	var list []Session
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = ofMediator(ctx, tx, m.ID, o.Site.Now()); return err })
	if err != nil {
		return err
	}
	if list, err = s.readable(ctx, o.Actor, list); err != nil {
		return err
	}
	return s.deskFile(o, p, list)
}

// readable are the sessions of matters that are somebody's to read.
func (s *service) readable(ctx context.Context, who authz.Actor, list []Session) (out []Session, err error) {
	for _, x := range list {
		_, err := s.Reader.ByID(ctx, who.Scope(), casework.CaseID(x.Case))
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// agenda are the sessions of a mediator who signs in at the desk, for their calendar. It is read without a sign-in, so
// that it does not say where: that is somebody's home at times, or the way into a conversation.
func (s *service) agenda(ctx context.Context, page *web.Page, who authz.Actor, host, origin string) (out []ical.Event, err error) {
	p := s.Packs.Current()
	if p.Mediation == nil {
		return nil, nil
	}
	var list []Session
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		list, err = ofAccount(ctx, tx, who.ID(), page.Site.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	if list, err = s.readable(ctx, who, list); err != nil {
		return nil, err
	}
	for _, x := range list {
		if !x.Begins.IsZero() {
			e := event(page.Speaker, p, x, host, origin+"/desk/cases/"+x.Ref+"/sessions")
			e.Location = ""
			out = append(out, e)
		}
	}
	return out, nil
}
