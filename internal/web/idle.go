package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Idle is what a page does when nobody touches it: it leaves, and going back does not bring it again. With
// the script every key and touch begins the time anew; without it the time runs from when the page came.
type Idle struct {
	After time.Duration // with script, since the last touch
	Plain time.Duration // without script, since the page came
	To    string        // where it leads
	Visit string        // number of the visit, at a device that belongs to nobody; forms carry it
	Alive string        // address told once a minute that somebody is typing; empty = none
}

func (i *Idle) seconds() int { return int(i.Plain / time.Second) }

func (i *Idle) refresh() string { return strconv.Itoa(i.seconds()) + ";url=" + i.To }

func (i *Idle) attrs() templ.Attributes {
	return templ.Attributes{"data-idle": strconv.Itoa(int(i.After / time.Second)), "data-to": i.To, "data-alive": i.Alive, "data-visit": i.Visit, "data-warn": strconv.Itoa(int(warnBefore / time.Second))}
}

const (
	kioskCookie = "kiosk"
	visitCookie = "kiosk_visit"
	visitField  = "_v" // in the address a form of such a device is sent to
)

// warnBefore is how long before a page leaves it asks whether somebody is still there.
const warnBefore = 15 * time.Second

// kioskVisit gives every visit at such a device a number of its own, and answers a form of an earlier one
// with the first page. Browsers keep what was sent with a form and send it again when somebody goes back:
// what the person before typed would be shown to the next.
func (s *Site) kioskVisit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.IsKiosk(r) {
			next.ServeHTTP(w, r)
			return
		}
		now := s.Secret(r, visitCookie)
		if sent := r.URL.Query().Get(visitField); sent != "" && sent != now {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		if now == "" {
			r.AddCookie(&http.Cookie{Name: s.secretName(visitCookie), Value: s.NewVisit(w)})
		}
		next.ServeHTTP(w, r)
	})
}

// NewVisit begins the next visit at a device that belongs to nobody.
func (s *Site) NewVisit(w http.ResponseWriter) string {
	visit := NewKey()
	s.KeepSecret(w, visitCookie, visit, 0)
	return visit
}

// IsKiosk reports a request for a resident's page from a device that belongs to nobody.
func (s *Site) IsKiosk(r *http.Request) bool {
	if s.Kiosk <= 0 || strings.HasPrefix(r.URL.Path, "/desk") {
		return false
	}
	c, err := r.Cookie(kioskCookie)
	return s.KioskOnly || err == nil && c.Value == "on"
}

// CodeHandle stands in addresses in the place of a follow code at a device that belongs to nobody.
const CodeHandle = "_"

// FollowAt is the address of a case for whoever follows it. At a device that belongs to nobody the page must
// not hold the code: the cookie does.
func (p *Page) FollowAt(code string) string {
	if p.Kiosk {
		return "/f/" + CodeHandle
	}
	return "/f/" + code
}

// MakeKiosk marks a device as one that belongs to nobody. Nothing on a page takes that back: whoever keeps
// the device clears its cookies.
func (s *Site) MakeKiosk(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: kioskCookie, Value: "on", Path: "/", MaxAge: 31536000, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure || r.TLS != nil})
}

// ForgetPrefs takes the switches of the last person back.
func (s *Site) ForgetPrefs(w http.ResponseWriter) {
	for _, name := range []string{"lang", "theme", "size", "density", "keys"} {
		http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
	}
}

// Autocomplete is the attribute of a form: a device that belongs to nobody remembers nothing typed on it.
func (p *Page) Autocomplete() templ.Attributes {
	if p.Kiosk {
		return templ.Attributes{"autocomplete": "off"}
	}
	return nil
}
