package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/web"
)

// At a device that belongs to nobody no address holds a follow code, so that neither "back" nor the list of
// visited pages opens the matter of whoever stood there before: the code waits in a cookie that ends with
// the time of the device, and the address says handle instead.
const (
	codeCookie = "kiosk_code"
	handle     = web.CodeHandle
)

// sheltered keeps codes out of the addresses of such a device.
func (p *Portal) sheltered(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		typed := r.PathValue("code")
		if typed == "" || !p.Site.IsKiosk(r) {
			return h(w, r)
		}
		if typed == handle {
			if code := p.Site.Secret(r, codeCookie); code != "" {
				p.keepCode(w, code, p.Site.Kiosk) // it counts from the last page
			}
			return h(w, r)
		}
		if r.Method != http.MethodGet {
			return h(w, r)
		}
		code, err := casework.ParseCode(typed)
		if err != nil {
			return web.ErrNotFound
		}
		p.keepCode(w, string(code), p.Site.Kiosk)
		to := url.URL{Path: strings.Replace(r.URL.Path, "/"+typed, "/"+handle, 1), RawQuery: r.URL.RawQuery}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to.RequestURI(), http.StatusSeeOther)
		return nil
	}
}

// codeOf is the code of a request: in the address, or at a device of nobody in its cookie.
func (p *Portal) codeOf(r *http.Request) string {
	typed := r.PathValue("code")
	if typed != handle || !p.Site.IsKiosk(r) {
		return typed
	}
	return p.Site.Secret(r, codeCookie)
}

// keepCode holds the code for as long as the device waits; no time forgets it.
func (p *Portal) keepCode(w http.ResponseWriter, code string, life time.Duration) {
	age := int(life / time.Second)
	if age <= 0 {
		age = -1
	}
	p.Site.KeepSecret(w, codeCookie, code, age)
}

// with leads at such a device from a matter to one that was opened from it. The link names the number of
// that matter, which opens nothing by itself: the code goes from one page to the other in the cookie.
func (p *Portal) with(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("code") != handle || !p.Site.IsKiosk(r) {
		return web.ErrNotFound
	}
	m, err := p.matter(r, "portal.case.title")
	if err != nil {
		return err
	}
	for _, k := range m.c.Children {
		if string(k.Ref) == r.PathValue("ref") && m.member.ID == "" && explain.Theirs(m.d, k.Link) {
			p.keepCode(w, string(m.kids[k.Case].Code), p.Site.Kiosk)
			http.Redirect(w, r, "/f/"+handle, http.StatusSeeOther)
			return nil
		}
	}
	return web.ErrNotFound
}

// kiosk explains the mode and switches it on.
func (p *Portal) kiosk(w http.ResponseWriter, r *http.Request) error {
	if p.Site.Kiosk <= 0 {
		return web.ErrNotFound
	}
	page := p.Site.Page(r, "portal.kiosk.title")
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, kioskBody(page, int(p.Site.Kiosk/time.Second))))
}

func (p *Portal) kioskOn(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r); err != nil {
		return err
	}
	if p.Site.Kiosk <= 0 {
		return web.ErrNotFound
	}
	p.Site.MakeKiosk(w, r)
	p.forget(w)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// kioskEnd forgets who was here. It may be opened by anybody at any time; on a device of somebody's own it
// touches nothing that the browser keeps, since an officer's telephone holds reports that were not sent yet.
func (p *Portal) kioskEnd(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r); err != nil {
		return err
	}
	if p.Site.IsKiosk(r) {
		p.forget(w)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// forget takes back the code, the answers to the guide, the switches, and what the browser kept.
func (p *Portal) forget(w http.ResponseWriter) {
	p.keepCode(w, "", 0)
	p.Site.KeepSecret(w, guideCookie, "", 0)
	p.Site.ForgetPrefs(w)
	p.Site.NewVisit(w)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
}
