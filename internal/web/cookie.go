package web

import "net/http"

// A secret cookie of a site behind TLS has this prefix. Browsers then take it only over TLS, for the whole
// host and from this host alone, so that a neighbouring name cannot plant one.
const hostPrefix = "__Host-"

// KeepSecret gives the browser a secret: out of reach of scripts, not sent along by forms of other sites.
// An empty value takes it back. maxAge is in seconds; 0 keeps it until the browser is closed.
func (s *Site) KeepSecret(w http.ResponseWriter, name, value string, maxAge int) {
	if value == "" {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{Name: s.secretName(name), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure})
}

// Secret is what KeepSecret gave; empty when there is none. A secret that came twice is none: which of the
// two is the planted one cannot be told.
func (s *Site) Secret(r *http.Request, name string) string {
	if all := r.CookiesNamed(s.secretName(name)); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

func (s *Site) secretName(name string) string {
	if s.Secure {
		return hostPrefix + name
	}
	return name
}
