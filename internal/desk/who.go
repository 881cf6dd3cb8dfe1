package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/org"
	"comity/internal/web"
)

// whoPage tells who can see a case and why: for those who can.
type whoPage struct {
	Ref, Back string
	Mine      []string // what the viewer sees, through which grant, and what not
	Assignee  string
	Seal      string
	Groups    []whoGroup
	People    *whoPeople // those of one role in one unit, unfolded
}

// whoGroup are the roles that see the case on one ground.
type whoGroup struct {
	Ground, Words string
	Rows          []whoRow
}

type whoRow struct {
	Unit, Role, Why, Law string
	Level                string
	Count, Href          string
	Current              bool
}

// whoPeople is one page of the people of a role in a unit.
type whoPeople struct {
	Heading string
	Names   []whoName
	Pager   web.Pager
}

type whoName struct{ Name, Level string }

const whoPageSize = 50

// whoShow is the page that answers who can see this case, and why.
func (v *visit) whoShow() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	d, err := v.definition(c)
	if err != nil {
		return err
	}
	p := v.page("who.title", "ref", string(c.Ref))
	v.speak(p, c)
	of := c.Target()
	of.Compartment = d.Compartment
	held, err := v.Accounts.Holdings(v.ctx(), v.pack.Rules.Concerned(of))
	if err != nil {
		return err
	}
	page := whoPage{Ref: string(c.Ref), Back: caseAddress(string(c.Ref), v.r.URL.Query().Get("in")), Mine: v.mine(p, of)}
	if c.Assignee != "" {
		page.Assignee = p.T("who.assignee", "name", v.officer(p, c.Assignee))
	}
	if c.Sealed != "" {
		page.Seal = p.T("who.sealed", "unit", p.T("unit."+string(c.Sealed)))
	}
	seers := v.pack.Rules.Seers(of, held)
	page.Groups = v.whoGroups(p, c, seers)
	if page.People, err = v.whoPeople(p, c, of, seers); err != nil {
		return err
	}
	return v.write(p, http.StatusOK, whoBody(p, page))
}

// mine says what the viewer sees of the case, through which grant, and what stays shut.
func (v *visit) mine(p *web.Page, of authz.Target) []string {
	d := v.actor.Decide(v.pack.Units, of)
	if !d.Allowed {
		return []string{p.T("who.not." + d.Why)}
	}
	ground := p.T("who.ground." + string(d.Ground))
	out := []string{p.T("who.mine", "level", p.T("who.level."+d.Level.String()), "role", roleName(p, d.Grant.Role), "unit", p.T("unit."+string(d.Grant.Unit)), "ground", ground)}
	if d.Ground.StatesPurpose() {
		out = append(out, p.T("who.purpose"))
	}
	if d.Level < authz.Caucus {
		out = append(out, p.T("who.mine.shut", "level", p.T("who.level."+(d.Level+1).String())))
	}
	return out
}

func roleName(p *web.Page, r authz.Role) string {
	if key := "desk.role." + string(r); p.Has(key) {
		return p.T(key)
	}
	return string(r)
}

func (v *visit) whoGroups(p *web.Page, c casework.Case, seers []authz.Seer) []whoGroup {
	var out []whoGroup
	for _, s := range seers {
		if len(out) == 0 || out[len(out)-1].Ground != string(s.Ground) {
			out = append(out, whoGroup{Ground: string(s.Ground), Words: p.T("who.ground." + string(s.Ground))})
		}
		g := &out[len(out)-1]
		r := whoRow{Unit: "unit." + string(s.Unit), Role: roleName(p, s.Role), Level: p.T("who.level." + s.Level.String()), Count: p.N("who.people", s.People),
			Href:    v.whoHref(c, s.Unit, s.Role, ""),
			Current: v.asked(s)}
		if key := "role." + string(s.Role) + ".why"; p.Has(key) {
			r.Why = p.T(key)
		}
		if role, ok := v.pack.Role(s.Role); ok {
			r.Law = p.Law(role.Law)
		}
		g.Rows = append(g.Rows, r)
	}
	return out
}

// asked reports the group the address asks to unfold.
func (v *visit) asked(s authz.Seer) bool {
	q := v.r.URL.Query()
	return q.Get("unit") == string(s.Unit) && q.Get("role") == string(s.Role)
}

func (v *visit) whoHref(c casework.Case, unit org.UnitID, role authz.Role, after string) string {
	q := url.Values{"unit": {string(unit)}, "role": {string(role)}}
	if in := v.r.URL.Query().Get("in"); in != "" {
		q.Set("in", in)
	}
	if after != "" {
		q.Set("after", after)
	}
	return caseHref(string(c.Ref)) + "/who?" + q.Encode() + "#people"
}

// whoPeople unfolds one group of those that see the case; anybody else's accounts are not told here.
func (v *visit) whoPeople(p *web.Page, c casework.Case, of authz.Target, seers []authz.Seer) (*whoPeople, error) {
	i := slices.IndexFunc(seers, v.asked)
	if i < 0 {
		return nil, nil
	}
	s, after := seers[i], v.r.URL.Query().Get("after")
	list, err := v.Accounts.Holders(v.ctx(), s.Unit, s.Role, after, whoPageSize)
	if err != nil {
		return nil, err
	}
	out := &whoPeople{Heading: p.T("who.people.of", "role", roleName(p, s.Role), "unit", p.T("unit."+string(s.Unit)))}
	more := len(list) > whoPageSize
	list = list[:min(len(list), whoPageSize)]
	for _, a := range list {
		if d := a.Actor(v.pack.Rules).In(of.Compartment).Decide(v.pack.Units, of); d.Allowed {
			out.Names = append(out.Names, whoName{a.NameIn(p.Lang), p.T("who.level." + d.Level.String())})
		}
	}
	out.Pager.Words = p.N("who.people", s.People)
	if after != "" {
		out.Pager.Prev = v.whoHref(c, s.Unit, s.Role, "")
	}
	if more {
		out.Pager.Next = v.whoHref(c, s.Unit, s.Role, list[len(list)-1].Login)
	}
	return out, nil
}

func whoAddress(ref, in string) string {
	if in == "" {
		return caseHref(ref) + "/who"
	}
	return caseHref(ref) + "/who?" + url.Values{"in": {in}}.Encode()
}

func joined(p *web.Page, parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, p.T("desk.sep"))
}
