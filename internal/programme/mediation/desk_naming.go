package mediation

import (
	"context"
	"net/http"
	"slices"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// candidate is somebody of the roster who could mediate a case: what they do, how much room they have, and what
// in this case to ask them about. Those nearest come first, and nothing else decides the order.
type candidate struct {
	Value, Name, Unit, Fields, Languages, Room string
	Fits                                       bool // works in the field of the dispute
	Hints                                      []string
	On                                         bool // mediates it already
}

type namingPage struct {
	Title, Case, To, Key string
	List                 []candidate
	Pick                 string
	More                 []web.Control
	Mistakes             []web.Mistake
	Refused              string
	Wishes               []string
	Plain                string // the act's own form, for somebody who is not on the roster
	Veiled               bool
}

const askMediator = "s_mediator"

func (s *service) naming(o *programme.Officer) error {
	x, err := s.openCase(o)
	if err != nil {
		return err
	}
	return s.showNaming(o, x, nil, nil, "", http.StatusOK)
}

// nameFields are the questions of the naming act beside those the roster answers.
func (x *opened) nameFields(a *procedure.Act) (out []form.Field) {
	n := x.p.Mediation.Name
	for _, f := range a.Fields {
		if f.Name != n.Name && f.Name != n.Phone && f.Name != n.Account {
			out = append(out, f)
		}
	}
	return out
}

func (s *service) showNaming(o *programme.Officer, x *opened, values map[string]string, bad []form.Problem, refused string, status int) error {
	a := x.act(o, x.p.Mediation.Name.Act, x.c)
	if a == nil {
		return &web.Refused{Status: http.StatusForbidden, Rule: "mediation.not_now"}
	}
	page := o.Page("mediation.naming.title", "ref", string(x.c.Ref))
	page.Wrong = status >= 400
	f := web.ActForm(x.d.ID, a.ID)
	f.Values, f.Problems = values, bad
	v := namingPage{Title: page.Title, Case: "/desk/cases/" + string(x.c.Ref), Key: web.NewKey(), Pick: values[askMediator], More: page.Controls(x.nameFields(a), f), Refused: refused}
	v.To, v.Plain = v.Case+"/mediator", v.Case+"/do/"+a.ID
	v.Mistakes = page.Mistakes(v.More, slices.DeleteFunc(slices.Clone(bad), func(p form.Problem) bool { return p.Field == askMediator }))
	if slices.ContainsFunc(bad, func(p form.Problem) bool { return p.Field == askMediator }) {
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: "list", Words: page.Problem("mediation.pick_mediator", nil)})
	}
	v.List = x.candidates(page)
	v.Veiled = x.c.Text == casework.Veil || slices.ContainsFunc(x.c.Members, func(m casework.Member) bool { return m.Name == casework.Veil })
	return o.Write(page, status, namingBody(page, v))
}

func (x *opened) candidates(page *web.Page) (out []candidate) {
	list := slices.DeleteFunc(slices.Clone(x.w.mediators), func(m Mediator) bool { return !m.Active() })
	near(x.p, x.c.Holder, list)
	field := x.c.Facts[x.p.Mediation.Field]
	for _, m := range list {
		c := candidate{Value: idOf(m.ID), Name: m.Name, Unit: page.T("unit." + string(m.Unit)), Fields: fieldWords(page, x.p, m.Fields), Languages: languageWords(page, m.Languages),
			Room: page.T("mediation.room_left", "n", spareText(x.w.spare(m))), Fits: field != "" && slices.Contains(m.Fields, field)}
		for _, seat := range x.seats {
			c.On = c.On || seat.Mediator == m.ID
		}
		for _, h := range hints(x.p.Mediation, x.c, m) {
			c.Hints = append(c.Hints, page.T("mediation.hint."+h.Rule, "who", memberName(page, x.c, h.With)))
		}
		out = append(out, c)
	}
	return out
}

// namingPost names the mediator, and notes in the same transaction whom of the roster that is.
func (s *service) namingPost(o *programme.Officer) error {
	x, err := s.openCase(o)
	if err != nil {
		return err
	}
	a := x.act(o, x.p.Mediation.Name.Act, x.c)
	if a == nil {
		return &web.Refused{Status: http.StatusForbidden, Rule: "mediation.not_now"}
	}
	fields := x.nameFields(a)
	raw, err := posted(o, fields, askMediator)
	if err != nil {
		return err
	}
	clean, bad := form.Check(fields, raw)
	raw[askMediator] = o.R.PostFormValue(askMediator)
	i := slices.IndexFunc(x.w.mediators, func(m Mediator) bool { return m.Active() && idOf(m.ID) == raw[askMediator] })
	if i < 0 {
		bad = append(bad, form.Problem{Field: askMediator, Rule: "mediation.pick_mediator"})
	}
	if len(bad) > 0 {
		return s.showNaming(o, x, raw, bad, "", http.StatusUnprocessableEntity)
	}
	err = s.name(o.R.Context(), o, x, a, x.w.mediators[i], clean)
	if no, is := isRefusal(err); is {
		return s.showNaming(o, x, raw, no.Fields, o.Page("mediation.roster.title").Problem(no.Rule, no.Params), http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return o.Go("/desk/cases/" + string(x.c.Ref) + "?done=" + a.ID)
}

func (s *service) name(ctx context.Context, o *programme.Officer, x *opened, a *procedure.Act, m Mediator, fields map[string]string) error {
	n := x.p.Mediation.Name
	fields[n.Name] = m.Name
	if n.Phone != "" && m.Phone != "" {
		fields[n.Phone] = m.Phone
	}
	if n.Account != "" && m.Account != "" {
		fields[n.Account] = m.Account
	}
	cmd := casework.Command{Case: x.c.ID, Version: casework.AnyVersion, Key: web.KeyOf(o.R), Act: a.ID, Fields: fields}
	_, err := s.Ledger.DoWith(ctx, o.Actor, cmd, func(tx *db.Tx, done ledger.Receipt) error {
		seats, err := seatsOf(ctx, tx, x.c.ID)
		if err != nil {
			return err
		}
		for _, seat := range seats { // read here: of two officers who name one mediator the second is told
			if seat.Mediator == m.ID && seat.Seq != done.Seq {
				return refuse("mediation.named_already")
			}
		}
		return seatMediator(ctx, tx, x.c.ID, done.Seq, m.ID)
	})
	return err
}
