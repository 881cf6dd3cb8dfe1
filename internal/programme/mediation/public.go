package mediation

import (
	"net/http"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

// publicPage is the list parties choose from: names, what they mediate, which languages they speak.
type publicPage struct {
	Unit, Field   string
	Units, Fields []web.Choice
	Groups        []publicGroup
	Law, Article  string
	Filtered      bool
}

type publicGroup struct {
	Unit string
	List []publicView
}

type publicView struct{ Name, Fields, Languages string }

// public lists mediators by committee. A committee's own come first, then those of the units above it, who may be
// asked as well.
func (s *service) public(v *programme.Visitor) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	page := v.Page("mediation.public.title")
	q := v.R.URL.Query()
	out := publicPage{Unit: q.Get("unit"), Field: q.Get("field"), Law: page.Law(p.Mediation.Law), Article: page.Article(p.Mediation.Law)}
	var all []Mediator
	ctx := v.R.Context()
	if err := s.DB.View(ctx, func(tx *db.Tx) (err error) { all, err = allMediators(ctx, tx); return err }); err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m Mediator) bool { return !m.Active() || !m.Listed })
	out.choices(page, p, all)
	out.Filtered = out.Unit != "" || out.Field != ""
	unit := org.UnitID(out.Unit)
	near(p, unit, all)
	for _, m := range all {
		if out.Unit != "" && !p.Units.Under(m.Unit, unit) && !p.Units.Under(unit, m.Unit) || out.Field != "" && !slices.Contains(m.Fields, out.Field) {
			continue
		}
		name := page.T("unit." + string(m.Unit))
		if n := len(out.Groups); n == 0 || out.Groups[n-1].Unit != name {
			out.Groups = append(out.Groups, publicGroup{Unit: name})
		}
		g := &out.Groups[len(out.Groups)-1]
		g.List = append(g.List, publicView{m.Name, fieldWords(page, p, m.Fields), languageWords(page, m.Languages)})
	}
	return v.Write(page, http.StatusOK, publicBody(page, out))
}

func (out *publicPage) choices(page *web.Page, p *pack.Pack, all []Mediator) {
	var units []org.UnitID
	for _, m := range all {
		if !slices.Contains(units, m.Unit) {
			units = append(units, m.Unit)
		}
	}
	if out.Unit != "" && !slices.Contains(ids(units), out.Unit) {
		if _, known := p.Units.Unit(org.UnitID(out.Unit)); known {
			units = append(units, org.UnitID(out.Unit))
		} else {
			out.Unit = ""
		}
	}
	out.Units = unitChoices(page, units)
	values, key := fieldsOf(p)
	for _, f := range values {
		out.Fields = append(out.Fields, web.Choice{Value: f, Label: page.T(key[f])})
	}
}

// front leads from the first page to the list.
func (s *service) front(page *web.Page) []web.Link {
	if _, err := s.open(); err != nil {
		return nil
	}
	return []web.Link{{Href: "/mediators", Label: page.T("mediation.public.title"), Icon: "people"}}
}

// menu leads to the centre desk where the officer reads matters of mediation.
func (s *service) menu(page *web.Page, who authz.Actor, at string) []web.NavItem {
	p, err := s.open()
	if err != nil || !who.IsStaff() {
		return nil
	}
	for _, g := range who.Grants() {
		if sees(p, who, g.Unit) {
			return []web.NavItem{{Href: href(), Label: page.T("mediation.centre.title"), Icon: "calendar", Current: strings.HasPrefix(at, href())}}
		}
	}
	return nil
}
