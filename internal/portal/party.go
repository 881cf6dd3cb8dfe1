package portal

import (
	"errors"
	"net/http"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// partyPage is one matter as somebody sees it who takes part and did not open it.
type partyPage struct {
	casePage
	As    string     // roll they are on
	Marks []web.Fact // where they stand
}

func (p *Portal) party(w http.ResponseWriter, r *http.Request) error {
	m, err := p.partyMatter(r)
	if err != nil {
		return err
	}
	v := p.partyView(m, r)
	for _, g := range p.Programmes {
		if g.PartyBeside == nil || m.door.Compartment != procedure.Civic {
			continue
		}
		ways, err := g.PartyBeside(r.Context(), m.page, m.c, m.member)
		if err != nil {
			return err
		}
		v.Beside = append(v.Beside, ways...)
	}
	return m.page.Write(w, r, http.StatusOK, web.PublicLayout(m.page, partyBody(m.page, v)))
}

// member lets a programme's page run only for whoever holds the key of a member in its address.
func (p *Portal) member(h func(*programme.Party) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		m, err := p.partyMatter(r)
		if err != nil {
			return err
		}
		if m.door.Compartment != procedure.Civic {
			return web.ErrNotFound // programmes keep tables in the civic compartment only
		}
		return h(&programme.Party{Visitor: programme.Visitor{W: w, R: r, Site: p.Site}, Case: m.c, Member: m.member, Actor: m.who})
	}
}

func (p *Portal) partyDo(w http.ResponseWriter, r *http.Request) error {
	m, err := p.partyMatter(r)
	if err != nil {
		return err
	}
	return p.ask(m, w, r)
}

func (p *Portal) partyDoPost(w http.ResponseWriter, r *http.Request) error {
	m, err := p.partyMatter(r)
	if err != nil {
		return err
	}
	return m.act(w, r)
}

// partyMatter is the matter behind the key of a member: up to what it is about, never who the others are.
func (p *Portal) partyMatter(r *http.Request) (*matter, error) {
	code, err := casework.ParseCode(p.codeOf(r))
	if err != nil {
		return nil, web.ErrNotFound
	}
	door, c, member, err := p.byMember(r, code)
	if err != nil {
		return nil, err
	}
	d, err := p.Packs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return nil, err
	}
	who := authz.Party(string(c.ID), member.ID)
	look, err := door.Ledger.Look(r.Context(), who, ledger.Ticket{Case: c.ID, Purpose: ledger.PurposeOwn, Level: authz.Story})
	if err != nil {
		return nil, err
	}
	c, events := look.Case(), look.Events()
	return &matter{
		door: door, who: who, member: member, page: p.pageOf(r, c, "portal.party.title"), c: c, d: d, events: events,
		packs: p.Packs, phases: p.Packs.Pack(c.Pack).Phases[c.Procedure], now: p.Site.Now(),
	}, nil
}

// byMember finds the case and the member a key opens.
func (p *Portal) byMember(r *http.Request, code casework.Code) (at Door, c casework.Case, m casework.Member, err error) {
	at, err = p.behind(r, func(at Door) (err error) {
		c, m, err = at.Reader.ByMember(r.Context(), code)
		return err
	})
	return at, c, m, err
}

// pageBehind is the address of the page a typed code opens: of a case, or of somebody who takes part.
func (p *Portal) pageBehind(r *http.Request, code casework.Code) (string, error) {
	to := ""
	_, err := p.behind(r, func(at Door) error {
		_, err := at.Reader.ByCode(r.Context(), code)
		to = "/f/" + string(code)
		if errors.Is(err, ledger.ErrNotFound) {
			_, _, err = at.Reader.ByMember(r.Context(), code)
			to = "/p/" + string(code)
		}
		return err
	})
	return to, err
}

func (p *Portal) partyView(m *matter, r *http.Request) partyPage {
	v := partyPage{casePage: m.view(r.URL.Query().Get("done"))}
	v.Rules, v.HasWhy = "/law/"+m.d.ID, false
	roll, _ := m.d.Roll(m.member.Roll)
	now, _ := m.c.Member(m.member.ID)
	if roll != nil {
		v.As = m.page.T("roll." + m.d.ID + "." + roll.ID)
		for i := range roll.Marks {
			if x := now.Marks[roll.Marks[i].ID]; x != "" {
				key := "mark." + m.d.ID + "." + roll.ID + "." + roll.Marks[i].ID
				v.Marks = append(v.Marks, web.Fact{Label: m.page.T(key), Value: m.page.T(key + "." + x)})
			}
		}
	}
	return v
}
