package desk

import (
	"net/http"

	"comity/internal/procedure"
	"comity/internal/web"
)

// whereShow is the guide before filing at the counter: the clerk asks, a digit answers, and the answers
// fill in the intake. Where somebody belongs is asked in the civic desk only.
func (v *visit) whereShow() error {
	if !v.guided() {
		return web.ErrNotFound
	}
	p := v.page("where.title")
	g, ok := p.Guide(v.pack, web.GuideAt{Base: "/desk/where", File: "/desk/new", Answers: web.Answered(v.r.URL.Query().Get("a")), Door: v.r.PathValue("door"), Takes: v.here})
	if !ok {
		return web.ErrNotFound
	}
	p.Title = g.Title()
	p.Officer.Keys = append(p.Officer.Keys, web.KeyGroup{Title: p.T("where.keys"), Keys: []web.KeyHelp{
		{Keys: []string{"1", "9"}, Label: p.T("where.keys.choose")}, {Keys: []string{"0"}, Label: p.T("where.keys.back")},
	}})
	return v.write(p, http.StatusOK, whereBody(p, g))
}

func (v *visit) guided() bool { return v.pack.Explorer != nil && v.name() == procedure.Civic }

// fromGuide fills the intake in with what the guide's answers say.
func (v *visit) fromGuide(f *newForm) {
	q := v.r.URL.Query()
	if !v.guided() || q.Get("door") == "" {
		return
	}
	road, _, _ := v.pack.Explorer.Graph.Follow(web.Answered(q.Get("where")))
	filing, ok := v.pack.Filing(v.site.Lang(v.r), road, q.Get("door"))
	d := v.pack.ProcedureFor(filing.Category)
	if !ok || d == nil || !v.here(d.ID) {
		return
	}
	f.Category, f.Text, f.Fields = filing.Category, filing.Text, filing.Fields
}
