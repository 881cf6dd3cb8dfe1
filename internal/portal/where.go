package portal

import (
	"net/http"

	"comity/internal/web"
)

// where is the guide before filing: one question a page, then the door. Everything it knows of the person
// is the list of answers in the address.
func (p *Portal) where(w http.ResponseWriter, r *http.Request) error {
	pk := p.Packs.Current()
	if pk.Explorer == nil {
		return web.ErrNotFound
	}
	page := p.Site.Page(r, "where.title")
	v, ok := page.Guide(pk, web.GuideAt{Base: "/where", File: "/report", Answers: web.Answered(r.URL.Query().Get("a")), Door: r.PathValue("door")})
	if !ok {
		return web.ErrNotFound
	}
	page.Title = v.Title()
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, web.GuideOf(page, v, false)))
}

// fromGuide begins a report with what the guide's answers fill in. back is the page they came from.
func (p *Portal) fromGuide(r *http.Request, d *draft) (back string) {
	pk, q := p.Packs.Current(), r.URL.Query()
	if pk.Explorer == nil || q.Get("door") == "" {
		return ""
	}
	road, _, _ := pk.Explorer.Graph.Follow(web.Answered(q.Get("where")))
	f, ok := pk.Filing(p.Site.Lang(r), road, q.Get("door"))
	if !ok {
		return ""
	}
	d.Category, d.Text, d.Fields = f.Category, f.Text, f.Fields
	return web.GuideAt{Base: "/where", Door: q.Get("door")}.Address(road)
}
