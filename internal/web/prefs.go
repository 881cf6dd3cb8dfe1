package web

import (
	"maps"
	"net/http"
	"slices"
)

// prefs are the switches a person sets for themselves; the first value is what a first visit gets.
// They live in cookies that the script sets too, so that the server renders them before first paint.
var prefs = map[string][]string{
	"theme":   {"light", "dark"},
	"size":    {"normal", "large"},
	"density": {"roomy", "compact"},
	"keys":    {"on", "off"},
}

func pref(r *http.Request, name string) string {
	if c, err := r.Cookie(name); err == nil && slices.Contains(prefs[name], c.Value) {
		return c.Value
	}
	return prefs[name][0]
}

// Other is the value a switch would change to.
func (p *Page) Other(name string) string {
	now := map[string]string{"theme": p.Theme, "size": p.Size, "density": p.Density, "keys": p.Keys}[name]
	values := prefs[name]
	return values[(slices.Index(values, now)+1)%len(values)]
}

// savePrefs answers POST /prefs: the road for browsers without script.
func (s *Site) savePrefs(w http.ResponseWriter, r *http.Request) error {
	if err := ReadForm(r, slices.AppendSeq([]string{"lang", "back"}, maps.Keys(prefs))...); err != nil {
		return err
	}
	for name, values := range prefs {
		if v := r.PostForm.Get(name); slices.Contains(values, v) {
			s.cookie(w, name, v)
		}
	}
	if l := r.PostForm.Get("lang"); slices.Contains(s.Langs, l) {
		s.cookie(w, "lang", l)
	}
	http.Redirect(w, r, Local(r.PostForm.Get("back")), http.StatusSeeOther)
	return nil
}

// cookie keeps a preference for a year. It is readable by script on purpose and holds nothing personal.
func (s *Site) cookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 31536000, SameSite: http.SameSiteLaxMode, Secure: s.Secure})
}
