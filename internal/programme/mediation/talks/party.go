package talks

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/programme"
	"comity/internal/web"
)

// guest is one request of a party, by the follow code of whoever opened the case or by the key of a member.
type guest struct {
	programme.Visitor
	base   string // as the address has it: a device that belongs to nobody keeps the code out of it
	c      casework.Case
	member casework.Member
	actor  authz.Actor
	ticket ledger.Ticket
}

func ofResident(h func(*guest) error) func(*programme.Resident) error {
	return func(v *programme.Resident) error {
		g := &guest{Visitor: v.Visitor, base: "/f/" + url.PathEscape(v.R.PathValue("code")), c: v.Case, actor: v.Actor,
			ticket: ledger.Ticket{Case: v.Case.ID, Purpose: ledger.PurposeOwn, Level: authz.Identity}}
		for _, x := range v.Case.Members {
			if x.Own && !x.Left {
				g.member = x
			}
		}
		return h(g)
	}
}

func ofParty(h func(*guest) error) func(*programme.Party) error {
	return func(v *programme.Party) error {
		return h(&guest{Visitor: v.Visitor, base: "/p/" + url.PathEscape(v.R.PathValue("code")), c: v.Case, member: v.Member, actor: v.Actor,
			ticket: ledger.Ticket{Case: v.Case.ID, Purpose: ledger.PurposeAgree, Level: authz.Identity}})
	}
}

// page begins an answer that search engines are kept away from.
func (g *guest) page(title string) *web.Page {
	p := g.Page(title)
	p.Private = true
	return p
}

// open shows a party what was put to all of them to answer or to sign, in full: who is to do what is part of
// it. Of who the others are, and of what anybody said in confidence, the pages below take nothing.
func (s *service) open(g *guest) (*matter, error) {
	if t := s.Packs.Pack(g.c.Pack).Talks; !t.Of(g.c.Procedure) || g.member.Roll != t.Party {
		return nil, web.ErrNotFound
	}
	look, err := s.Ledger.Look(g.R.Context(), g.actor, g.ticket)
	if err != nil {
		return nil, err
	}
	return s.matter(look.Case(), look.Events())
}

type offersPage struct {
	Base, Ref, Title string
	Issues           []issueView
	New              *web.Link
}

// offersOf shows the offers that were made openly, with the ways to answer those of others.
func (s *service) offersOf(g *guest) error {
	m, err := s.open(g)
	if err != nil {
		return err
	}
	p := g.page("talks.party.title")
	s.speak(p, m.c)
	v := offersPage{Base: g.base, Ref: string(m.c.Ref), Title: m.c.Title}
	may := m.can(m.t.Offer.Act, g.actor, g.Site.Now())
	ways := func(x offer) []web.Link {
		if side := m.side(g.member.ID); !may || x.side == side || slices.Contains(x.accepted, side) {
			return nil
		}
		return m.answers(p, g.base+"/do/", x)
	}
	who := func(member string) string {
		if member == g.member.ID {
			return p.T("talks.you")
		}
		return m.sideName(p, m.side(member))
	}
	for _, x := range m.issues() {
		v.Issues = append(v.Issues, m.issueView(p, x, who, ways))
	}
	if may {
		v.New = &web.Link{Href: g.base + "/do/" + m.t.Offer.Act, Label: p.T("talks.new"), Icon: "plus"}
	}
	return g.Write(p, http.StatusOK, offersBody(p, v))
}

// signOf shows the very words that would be signed, with a tick for each term.
func (s *service) signOf(g *guest) error {
	m, err := s.open(g)
	if err != nil {
		return err
	}
	return s.showSign(g, m, http.StatusOK, signPage{}, nil)
}

func (s *service) showSign(g *guest, m *matter, status int, v signPage, no *casework.Refusal) error {
	p := g.page("talks.sign.own")
	s.speak(p, m.c)
	d, ok := m.last()
	v.Action, v.Back, v.Leave, v.Ticks = g.base+"/sign", g.base, p.T("talks.back"), true
	if ok {
		v.text(p, m, d)
	}
	v.Who, v.Ref, v.Title = p.T("talks.you"), string(m.c.Ref), m.c.Title
	v.refuse(p, no)
	x, _ := m.c.Member(g.member.ID)
	switch why := casework.WhyNot(m.d, m.c, m.act(m.t.Sign.Act), g.actor, g.Site.Now()); {
	case !ok:
		v.Closed = p.T("talks.sign.nothing")
	case !m.signedBy(x).IsZero():
		v.Done = p.T("talks.sign.did", "when", p.Moment(m.signedBy(x)))
	case why != nil && no == nil:
		v.Closed = p.Problem(why.Rule, why.Params)
	}
	return g.Write(p, status, signBody(p, v))
}

// signedBy is when a party signed the words that stand now; zero where it has not.
func (m *matter) signedBy(x casework.Member) (at time.Time) {
	for _, k := range m.signers() {
		if k.member.ID == x.ID && k.how != "" {
			return k.at
		}
	}
	return at
}

func (s *service) signPost(g *guest) error {
	m, err := s.open(g)
	if err != nil {
		return err
	}
	if err := web.ReadForm(g.R, "hash", "drawing", "typed", "read", "term*"); err != nil {
		return err
	}
	p := g.page("talks.sign.own")
	s.speak(p, m.c)
	d, ok := m.last()
	if !ok {
		return web.ErrNotFound
	}
	v, no, err := s.signed(g.R, p, m, func() (*matter, error) { return s.open(g) }, g.actor, "", m.t.Sign.Link, len(d.terms))
	if err != nil {
		return err
	}
	if no != nil {
		if m, err = s.open(g); err != nil {
			return err
		}
		return s.showSign(g, m, web.StatusOf(no), v, no)
	}
	return g.Go(g.base + "/sign")
}

// ways lead a party from the page of the case to what was offered and to what waits for a signature.
func (s *service) ways(p *web.Page, c casework.Case, member casework.Member, base string) ([]web.Link, error) {
	pk := s.Packs.Pack(c.Pack)
	if !pk.Talks.Of(c.Procedure) || member.Roll != pk.Talks.Party {
		return nil, nil
	}
	m, err := s.matter(c, nil)
	if err != nil {
		return nil, err
	}
	out := []web.Link{{Href: base + "/talks", Label: p.T("talks.party.title"), Icon: "chat"}}
	if slices.Contains(m.act(m.t.Sign.Act).From, c.State) {
		out = append(out, web.Link{Href: base + "/sign", Label: p.T("talks.sign.own"), Icon: "sign"})
	}
	return out, nil
}

func (s *service) residentBeside(_ context.Context, p *web.Page, c casework.Case) ([]web.Link, error) {
	for _, x := range c.Members {
		if x.Own && !x.Left {
			return s.ways(p, c, x, p.FollowAt(string(c.Code)))
		}
	}
	return nil, nil
}

func (s *service) partyBeside(_ context.Context, p *web.Page, c casework.Case, x casework.Member) ([]web.Link, error) {
	return s.ways(p, c, x, "/p/"+string(x.Code))
}

// tickOf is the name by which a term is ticked.
func tickOf(no string) string { return "term-" + no }
