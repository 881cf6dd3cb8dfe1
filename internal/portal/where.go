package portal

import (
	"net/http"
	"net/url"
	"strings"

	"comity/internal/web"
)

// At a device that belongs to nobody the answers wait in a cookie that ends with the time of the device, as
// follow codes do: the list of visited pages tells nobody what the person before them asked about.
const guideCookie = "kiosk_guide"

// guideStart is the address of the first question. On a device that belongs to nobody it lets go of what
// the last person answered.
func guideStart(page *web.Page) string {
	if page.Kiosk {
		return "/where?a="
	}
	return "/where"
}

// where is the guide before filing: one question a page, then the door. Everything it knows of the person
// is the list of answers in the address.
func (p *Portal) where(w http.ResponseWriter, r *http.Request) error {
	pk, q := p.Packs.Current(), r.URL.Query()
	if pk.Explorer == nil {
		return web.ErrNotFound
	}
	at := web.GuideAt{Base: "/where", File: "/report", Answers: web.Answered(q.Get("a")), Door: r.PathValue("door")}
	if _, ok := pk.Explorer.Door(at.Door); at.Door != "" && !ok {
		return web.ErrNotFound
	}
	if p.Site.IsKiosk(r) {
		if q.Has("a") || at.Door != "" {
			p.keepGuide(w, at)
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, at.Base, http.StatusSeeOther)
			return nil
		}
		at = p.keptGuide(r, at)
		p.keepGuide(w, at) // it counts from the last page
	}
	page := p.Site.Page(r, "where.title")
	v, ok := page.Guide(pk, at)
	if !ok {
		return web.ErrNotFound
	}
	page.Title = v.Title()
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, web.GuideOf(page, v, false)))
}

func (p *Portal) keepGuide(w http.ResponseWriter, at web.GuideAt) {
	value := url.Values{"a": {strings.Join(at.Answers, ",")}, "door": {at.Door}}.Encode()
	p.Site.KeepSecret(w, guideCookie, value, int(p.Site.Kiosk.Seconds()))
}

// keptGuide is the place that keepGuide kept; the start where there is none, or where the guide changed.
func (p *Portal) keptGuide(r *http.Request, at web.GuideAt) web.GuideAt {
	at.Kept = true
	v, err := url.ParseQuery(p.Site.Secret(r, guideCookie))
	if err != nil {
		return at
	}
	at.Answers = web.Answered(v.Get("a"))
	if _, ok := p.Packs.Current().Explorer.Door(v.Get("door")); ok {
		at.Door = v.Get("door")
	}
	return at
}

// fromGuide begins a report with what the guide's answers fill in. back is the page they came from.
func (p *Portal) fromGuide(r *http.Request, d *draft) (back string) {
	pk, q := p.Packs.Current(), r.URL.Query()
	if pk.Explorer == nil || q.Get("door") == "" {
		return ""
	}
	at := web.GuideAt{Base: "/where", Answers: web.Answered(q.Get("where")), Door: q.Get("door")}
	kept := p.Site.IsKiosk(r)
	if kept {
		at = p.keptGuide(r, web.GuideAt{Base: "/where"})
	}
	road, end, _ := pk.Explorer.Graph.Follow(at.Answers)
	if at.Door == "" {
		at.Door = end
	}
	f, ok := pk.Filing(p.Site.Lang(r), road, at.Door)
	if !ok {
		return ""
	}
	d.Category, d.Text, d.Fields = f.Category, f.Text, f.Fields
	if kept {
		return at.Base
	}
	return at.Address(road)
}
