package talks

import (
	"context"
	"net/http"
	"strconv"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/programme"
	"comity/internal/web"
)

// place is one of the pages of a case, as each of them leads to the others.
type place struct {
	Href, Label string
	Here        bool
}

// head is what every page of the desk begins with.
type head struct {
	Ref, Title, Back string
	Places           []place
}

func (m *matter) head(p *web.Page, at string) head {
	h := head{Ref: string(m.c.Ref), Title: m.c.Title, Back: base(m.c)}
	for _, x := range []string{"talks", "draft", "sign", "parties", "serve"} {
		h.Places = append(h.Places, place{base(m.c) + "/" + x, p.T("talks.place." + x), x == at})
	}
	return h
}

// offerView is one offer as it is drawn.
type offerView struct {
	No, Who, When, ISO string
	Facts              []web.Fact
	Reply              string // in reply to which
	State              web.Tag
	Ways               []web.Link
}

// column is what one side offered on an issue.
type column struct {
	Side   string
	Offers []offerView
}

type issueView struct {
	Name    string
	State   web.Tag
	Columns []column
	Make    *web.Link // makes a term of what was agreed
}

// noteView is one thing that was said in confidence.
type noteView struct {
	Who, When, ISO string
	Facts          []web.Fact
}

type talksPage struct {
	head
	Issues       []issueView
	Agreed, Open []string
	New          *web.Link
	Sealed       bool // may be asked for
	Shown        bool // and was
	Notes        []noteView
}

// talks shows every offer beside what the other side said to it.
func (s *service) talks(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	return s.showTalks(o, m, false)
}

// sealed shows the same page with what was said in confidence. The look is on record with its level; the
// answer is kept nowhere, so whoever comes back asks again.
func (s *service) sealed(o *programme.Officer) error {
	if err := web.ReadForm(o.R); err != nil {
		return err
	}
	m, err := s.deskMatter(o, authz.Caucus)
	if err != nil {
		return err
	}
	return s.showTalks(o, m, true)
}

func (s *service) showTalks(o *programme.Officer, m *matter, sealed bool) error {
	p := o.Page("talks.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	v := talksPage{head: m.head(p, "talks"), Shown: sealed}
	now := o.Site.Now()
	offers := m.can(m.t.Offer.Act, o.Actor, now)
	ways := func(x offer) []web.Link {
		if !offers {
			return nil
		}
		return m.answers(p, base(m.c)+"/do/", x)
	}
	for _, x := range m.issues() {
		iv := m.issueView(p, x, func(member string) string {
			k, _ := m.c.Member(member)
			return m.name(p, k, o.Name)
		}, ways)
		if x.agreed > 0 {
			v.Agreed = append(v.Agreed, x.name)
			if m.can(m.t.Term.Act, o.Actor, now) {
				iv.Make = &web.Link{Href: m.termOf(x), Label: p.T("talks.make"), Icon: "plus"}
			}
		} else {
			v.Open = append(v.Open, x.name)
		}
		v.Issues = append(v.Issues, iv)
	}
	if offers {
		v.New = &web.Link{Href: base(m.c) + "/do/" + m.t.Offer.Act, Label: p.T("talks.new"), Icon: "plus"}
	}
	of := m.c.Target()
	of.Compartment, of.Level = m.d.Compartment, authz.Caucus
	v.Sealed = o.Actor.Decide(m.d.Units, of).Allowed
	if sealed {
		v.Notes = m.notes(p, o.Name)
	}
	return o.Write(p, http.StatusOK, talksBody(p, v))
}

// answers are the ways to answer an offer that is open: say another, or say the same.
func (m *matter) answers(p *web.Page, do string, x offer) []web.Link {
	if m.settled(x) || x.accepts || x.answered {
		return nil
	}
	reply := map[string]string{m.t.Offer.Issue: x.issue, m.t.Offer.ReplyTo: strconv.Itoa(x.no)}
	counter := web.Link{Href: web.WithPrefill(do+m.t.Offer.Act, reply), Label: p.T("talks.counter", "n", strconv.Itoa(x.no))}
	for i, name := range m.t.Offer.List() {
		reply[name] = x.points[i]
	}
	return []web.Link{{Href: web.WithPrefill(do+m.t.Offer.Act, reply), Label: p.T("talks.accept", "n", strconv.Itoa(x.no))}, counter}
}

// termOf is the form of a term, filled with the offer that was accepted.
func (m *matter) termOf(x issue) string {
	answers := map[string]string{m.t.Term.Issue: x.name}
	for _, o := range x.offers {
		if o.no != x.agreed {
			continue
		}
		for i, name := range m.t.Term.List() {
			answers[name] = o.points[i]
		}
	}
	return web.WithPrefill(base(m.c)+"/do/"+m.t.Term.Act, answers)
}

// issueView puts the offers of an issue into one column for each side.
func (m *matter) issueView(p *web.Page, x issue, who func(member string) string, ways func(offer) []web.Link) issueView {
	v := issueView{Name: x.name, State: web.Tag{Class: "warn", Icon: "clock", Label: p.T("talks.open")}}
	if x.agreed > 0 {
		v.State = web.Tag{Class: "ok", Icon: "check", Label: p.T("talks.agreed", "n", strconv.Itoa(x.agreed))}
	}
	sides := m.sides()
	for _, o := range x.offers {
		i := indexOf(&sides, o.side)
		for len(v.Columns) < len(sides) {
			v.Columns = append(v.Columns, column{Side: m.sideName(p, sides[len(v.Columns)])})
		}
		v.Columns[i].Offers = append(v.Columns[i].Offers, m.offerView(p, o, who(o.member), ways(o)))
	}
	return v
}

// indexOf finds a side among those shown, and adds one that nobody is on any more.
func indexOf(sides *[]string, side string) int {
	for i, s := range *sides {
		if s == side {
			return i
		}
	}
	*sides = append(*sides, side)
	return len(*sides) - 1
}

func (m *matter) offerView(p *web.Page, o offer, who string, ways []web.Link) offerView {
	v := offerView{No: strconv.Itoa(o.no), Who: who, When: p.Moment(o.at), ISO: p.ISO(o.at), Ways: ways,
		Facts: m.pointFacts(p, m.t.Offer.Act, m.t.Offer.List(), o.points)}
	if o.reply > 0 {
		v.Reply = p.T("talks.reply", "n", strconv.Itoa(o.reply))
	}
	switch {
	case m.settled(o):
		v.State = web.Tag{Class: "ok", Icon: "check", Label: p.T("talks.accepted")}
	case o.accepts:
		v.State = web.Tag{Class: "ok", Icon: "check", Label: p.T("talks.accepts", "n", strconv.Itoa(o.reply))}
	case o.answered:
		v.State = web.Tag{Class: "line", Label: p.T("talks.answered")}
	default:
		v.State = web.Tag{Class: "line", Label: p.T("talks.standing")}
	}
	return v
}

// notes are what was said in confidence, newest first. Only a case opened up to that level gives any words.
func (m *matter) notes(p *web.Page, staff func(*web.Page, string) string) []noteView {
	var out []noteView
	for _, e := range m.events {
		a, ok := m.d.Act(e.Act)
		if !ok {
			continue
		}
		f := web.ActForm(m.d.ID, a.ID)
		v := noteView{When: p.Moment(e.At), ISO: p.ISO(e.At)}
		for _, field := range a.Fields {
			if x := e.Fields[field.Name]; field.Caucus && x != "" {
				v.Facts = append(v.Facts, web.Fact{Label: p.T(f.Prefix + "." + field.Name), Value: p.Answer(f, field, x)})
			}
		}
		if len(v.Facts) == 0 {
			continue
		}
		if x, ok := m.c.Member(e.Member); ok {
			v.Who = m.name(p, x, staff)
		}
		out = append([]noteView{v}, out...)
	}
	return out
}

// deskBeside leads from the page of a case to the pages that make sense where it stands.
func (s *service) deskBeside(_ context.Context, p *web.Page, c casework.Case, who authz.Actor) ([]web.Link, error) {
	pk := s.Packs.Pack(c.Pack)
	if !pk.Talks.Of(c.Procedure) {
		return nil, nil
	}
	m, err := s.matter(c, nil)
	if err != nil {
		return nil, err
	}
	now := p.Site.Now()
	out := []web.Link{{Href: base(c) + "/talks", Label: p.T("talks.place.talks"), Icon: "chat"}}
	for _, a := range m.t.Adds {
		if m.can(a, who, now) {
			out = append(out, web.Link{Href: base(c) + "/parties", Label: p.T("talks.place.parties"), Icon: "people"})
			break
		}
	}
	if m.can(m.t.Serve, who, now) {
		out = append(out, web.Link{Href: base(c) + "/serve", Label: p.T("talks.place.serve"), Icon: "doc"})
	}
	if m.can(m.t.Sign.Act, who, now) || m.can(m.t.Term.Act, who, now) {
		out = append(out, web.Link{Href: base(c) + "/draft", Label: p.T("talks.place.draft"), Icon: "doc"},
			web.Link{Href: base(c) + "/sign", Label: p.T("talks.place.sign"), Icon: "check"})
	}
	return out, nil
}
