package mediation

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// attendee is somebody on a roll of a case at their own page: whoever opened the case by its follow code, or a
// member by their own key. Both see the same: when and where, and when they have said they cannot come.
type attendee struct {
	programme.Visitor
	c      casework.Case
	member string // empty: the follow code of a case whose holder is on no roll
	base   string // address of their page
}

func ofResident(h func(*attendee) error) func(*programme.Resident) error {
	return func(v *programme.Resident) error {
		a := &attendee{Visitor: v.Visitor, c: v.Case, base: "/f/" + v.R.PathValue("code")}
		if i := slices.IndexFunc(v.Case.Members, func(m casework.Member) bool { return m.Own && !m.Left }); i >= 0 {
			a.member = v.Case.Members[i].ID
		}
		return h(a)
	}
}

func ofParty(h func(*attendee) error) func(*programme.Party) error {
	return func(v *programme.Party) error {
		return h(&attendee{Visitor: v.Visitor, c: v.Case, member: v.Member.ID, base: "/p/" + v.R.PathValue("code")})
	}
}

// Page begins an answer that search engines are kept away from.
func (a *attendee) Page(title string, kv ...string) *web.Page {
	p := a.Visitor.Page(title, kv...)
	p.Private = true
	return p
}

// peoplePage is the page of the sessions of somebody who takes part.
type peoplePage struct {
	Base, Ref, Done string
	When, Hours     string // of the next session; empty: none
	Place, Link     string
	State           web.Tag
	File            string
	Changed         string
	Past            []sessionRow
	May             bool
	Busy            []awayView
	Controls        []web.Control
	Mistakes        []web.Mistake
	Key             string
}

var busyFields = []form.Field{
	{Name: "day", Kind: form.Date, Required: true},
	{Name: "from", Kind: form.Text, Max: 5},
	{Name: "to", Kind: form.Text, Max: 5},
}

// theirs is the pack of a case that has sessions.
func (s *service) theirs(c casework.Case) (*pack.Pack, error) {
	p := s.Packs.Pack(c.Pack)
	if p == nil || !p.Mediation.Takes(c.Procedure) || c.Sealed != "" {
		return nil, errNone
	}
	return p, nil
}

func (s *service) people(a *attendee) error {
	return s.showPeople(a, nil, nil, http.StatusOK)
}

func (s *service) showPeople(a *attendee, values map[string]string, bad []form.Problem, status int) error {
	p, err := s.theirs(a.c)
	if err != nil {
		return err
	}
	page := a.Page("mediation.people.title")
	page.Wrong = len(bad) > 0
	v := peoplePage{Base: a.base, Ref: string(a.c.Ref), May: a.member != "" && a.c.Closed.IsZero(), Key: web.NewKey()}
	if done := a.R.URL.Query().Get("done"); done == "kept" || done == "dropped" {
		v.Done = page.T("mediation.people.done." + done)
	}
	ctx := a.R.Context()
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		list, err := sessionsOf(ctx, tx, a.c.ID)
		if err != nil {
			return err
		}
		for _, x := range list {
			v.take(page, p, a.base, x)
		}
		busy, err := unavailableOf(ctx, tx, a.c.ID, a.Site.Now())
		for _, u := range busy {
			if u.Member == a.member {
				v.Busy = append(v.Busy, awayView{idOf(u.ID), page.DateTime(u.Begins, p.Zone), page.DateTime(u.Ends, p.Zone)})
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	v.Controls = page.Controls(busyFields, web.Form{Prefix: "mediation.people.field", Values: values, Problems: bad})
	v.Mistakes = page.Mistakes(v.Controls, bad)
	return a.Write(page, status, peopleBody(page, v))
}

func (v *peoplePage) take(page *web.Page, p *pack.Pack, base string, x Session) {
	if x.State == Called || x.State == Open {
		v.When, v.Place, v.State, v.File = whenOf(page, x, p.Zone), x.Place, stateTag(page, x), base+"/session.ics"
		v.Changed = page.T("mediation.people.changed", "when", page.Moment(x.Changed))
		if strings.HasPrefix(x.Place, "https://") {
			v.Link = x.Place
		}
		if x.Begins.IsZero() {
			v.File = ""
		}
		return
	}
	row := sessionRow{When: whenOf(page, x, p.Zone), Place: x.Place, State: stateTag(page, x)}
	if x.State == Reserved {
		row.State = stateTag(page, Session{State: PutOff})
	}
	v.Past = append(v.Past, row)
}

// peopleFile is the next session for the calendar of whoever has the key.
func (s *service) peopleFile(a *attendee) error {
	p, err := s.theirs(a.c)
	if err != nil {
		return err
	}
	ctx := a.R.Context()
	var list []Session
	if err := s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = sessionsOf(ctx, tx, a.c.ID); return err }); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(x Session) bool { return x.Begins.IsZero() || x.State == Held })
	if len(list) == 0 {
		return errNone
	}
	next := list[:1]
	if i := slices.IndexFunc(list, Session.live); i >= 0 { // it may come before one that will not be
		next = list[i : i+1]
	}
	page := a.Page("mediation.people.title")
	origin := a.Site.Origin(a.R)
	return send(a.W, page.Speaker, p, next, a.Site.Host(a.R), func(Session) string { return origin + a.base + "/session" })
}

// mostBusy bounds what one person states for one case.
const mostBusy = 60

// peopleAway keeps a time at which somebody cannot come, or takes one back.
func (s *service) peopleAway(a *attendee) error {
	p, err := s.theirs(a.c)
	if err != nil {
		return err
	}
	if a.member == "" || !a.c.Closed.IsZero() {
		return errNone
	}
	if err := web.ReadForm(a.R, "day", "from", "to", "drop"); err != nil {
		return err
	}
	ctx := a.R.Context()
	if drop := a.R.PostFormValue("drop"); drop != "" {
		id, err := number(drop)
		if err != nil {
			return err
		}
		if err := s.DB.Transact(ctx, func(tx *db.Tx) error { return dropUnavailable(ctx, tx, a.c.ID, a.member, id) }); err != nil {
			return err
		}
		return a.Go(a.base + "/session?done=dropped")
	}
	raw := map[string]string{}
	for _, f := range busyFields {
		if v := a.R.PostFormValue(f.Name); v != "" {
			raw[f.Name] = v
		}
	}
	u, bad := busyFrom(raw, p, a)
	if len(bad) > 0 {
		return s.showPeople(a, raw, bad, http.StatusUnprocessableEntity)
	}
	if err := s.keepBusy(ctx, u); err != nil {
		return err
	}
	return a.Go(a.base + "/session?done=kept")
}

func (s *service) keepBusy(ctx context.Context, u Unavailable) error {
	return s.DB.Transact(ctx, func(tx *db.Tx) error {
		have, err := unavailableOf(ctx, tx, casework.CaseID(u.Case), tx.Now)
		if err != nil {
			return err
		}
		mine := 0
		for _, h := range have {
			if h.Member != u.Member {
				continue
			}
			if mine++; h.Begins.Equal(u.Begins) && h.Ends.Equal(u.Ends) {
				return nil // the form was sent twice
			}
		}
		if mine >= mostBusy {
			return refuse("mediation.too_many")
		}
		return putUnavailable(ctx, tx, u)
	})
}

// busyFrom reads a time: a whole day where no hours are given.
func busyFrom(raw map[string]string, p *pack.Pack, a *attendee) (u Unavailable, bad []form.Problem) {
	clean, bad := form.Check(busyFields, raw)
	day, err := worktime.ParseDay(clean["day"])
	if err != nil || len(bad) > 0 {
		return u, bad
	}
	from, to := 0, 24*60
	for name, at := range map[string]*int{"from": &from, "to": &to} {
		if s := clean[name]; s != "" {
			m, ok := minutesOf(dashes.Replace(s))
			if !ok {
				bad = append(bad, form.Problem{Field: name, Rule: "mediation.time"})
			}
			*at = m
		}
	}
	u = Unavailable{Case: string(a.c.ID), Member: a.member, Begins: on(day, from, p.Zone), Ends: on(day, to, p.Zone)}
	switch now := a.Site.Now(); {
	case len(bad) > 0:
	case to <= from:
		bad = append(bad, form.Problem{Field: "to", Rule: "mediation.order"})
	case !u.Ends.After(now) || u.Begins.After(now.AddDate(2, 0, 0)):
		bad = append(bad, form.Problem{Field: "day", Rule: "mediation.past"})
	}
	return u, bad
}

// beside and partyBeside lead from the page of a matter to its sessions.
func (s *service) beside(ctx context.Context, page *web.Page, c casework.Case) ([]web.Link, error) {
	return s.ways(ctx, page, c, page.FollowAt(string(c.Code)))
}

func (s *service) partyBeside(ctx context.Context, page *web.Page, c casework.Case, m casework.Member) ([]web.Link, error) {
	return s.ways(ctx, page, c, "/p/"+string(m.Code))
}

func (s *service) ways(ctx context.Context, page *web.Page, c casework.Case, base string) ([]web.Link, error) {
	p, err := s.theirs(c)
	if err != nil {
		return nil, nil // no sessions for such a matter: no way there
	}
	var live Session
	var has bool
	if err := s.DB.View(ctx, func(tx *db.Tx) (err error) { live, has, err = liveSession(ctx, tx, c.ID); return err }); err != nil {
		return nil, err
	}
	l := web.Link{Href: base + "/session", Icon: "calendar", Label: page.T("mediation.people.way")}
	if has && live.State == Called {
		l.Label = page.T("mediation.people.way.has", "when", whenOf(page, live, p.Zone))
	}
	return []web.Link{l, {Href: "/mediators?unit=" + string(c.Holder), Icon: "people", Label: page.T("mediation.people.mediators")}}, nil
}
