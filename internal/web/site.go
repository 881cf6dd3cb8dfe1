package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"comity/internal/journal"
	"comity/internal/text"
	"comity/internal/trace"
)

// Site is what every page of one installation shares. Fill it once; it is not changed afterwards.
type Site struct {
	Text      *text.Catalogue
	Langs     []string         // offered languages; the first one is the fallback
	Now       func() time.Time // the only clock of the surfaces
	Zone      *time.Location
	Base      string        // absolute address without a slash at the end, for QR codes; empty = from the request
	Hosts     []string      // names the site answers to, in small letters; nil = any. This machine's own always count
	Emergency []string      // telephone numbers, shown on every resident page
	Phone     string        // where people help who cannot use the page
	Demo      bool          // every page says that people and places are invented
	Secure    bool          // served over TLS: cookies are marked so and browsers told to stay there
	MaxBody   int64         // largest request in bytes; 0 = 1 MiB, multipart 120 MiB
	Pause     time.Duration // how long a body may stop arriving; 0 = 30 seconds
	Missing   []error       // errors that mean "not found", such as the ledger's
	Unsure    []error       // errors after which nobody knows whether something was stored, such as the database's
	Full      []error       // errors that say that nothing was stored, since the disk takes nothing
	Log       *slog.Logger
	Journal   *journal.Journal // what was refused; nil = not recorded
	Traces    *trace.Tracer    // how long requests take; nil = nobody is told
	// Kiosk is how long a device that belongs to nobody may stand before it forgets; 0 = there are none.
	// A device is one when its cookie says so, or every one is (KioskOnly).
	Kiosk     time.Duration
	KioskOnly bool

	// Shell wraps error pages; nil = the resident shell. The desk serves a copy of Site with its own.
	Shell func(p *Page, r *http.Request, body templ.Component) templ.Component
}

// Page is what a layout needs to draw one answer to one request.
type Page struct {
	text.Speaker
	Site    *Site
	Title   string // words of the title, without the name of the site
	Wrong   bool   // the page answers a form with mistakes: the title says so first
	Private bool   // only whoever holds the address may see it: search engines are told to stay away
	Here    string // path and query of this page without the language, for switches

	Theme   string // light, dark
	Size    string // normal, large
	Density string // roomy, compact
	Keys    string // on, off

	Manifest string // address that lets the page be put among the applications of a telephone; empty = it cannot

	Idle    *Idle  // what happens when nobody touches the page; nil = nothing
	Kiosk   bool   // the device belongs to nobody: the page says so and lets it be ended
	Officer *Shell // what the officer layout shows around the page; nil on resident pages
	icons   map[string]bool
}

// Page begins the answer to a request. title is a key of the catalogue; kv fill it.
func (s *Site) Page(r *http.Request, title string, kv ...string) *Page {
	p := &Page{
		Speaker: s.Text.In(s.Lang(r)), Site: s, Here: here(r.URL), icons: map[string]bool{},
		Theme:   pref(r, "theme"),
		Size:    pref(r, "size"),
		Density: pref(r, "density"),
		Keys:    pref(r, "keys"),
	}
	if s.IsKiosk(r) {
		p.Kiosk, p.Private = true, true
		p.Idle = &Idle{After: s.Kiosk, Plain: s.Kiosk, To: "/kiosk/end", Visit: s.Secret(r, visitCookie)}
		if _, err := r.Cookie("size"); err != nil {
			p.Size = "large" // read standing, by people who left their glasses at home
		}
	}
	p.Title = p.T(title, kv...)
	return p
}

// Lang is the language of the answer: ?lang=, then the cookie, then what the browser asks for.
func (s *Site) Lang(r *http.Request) string {
	if l := r.URL.Query().Get("lang"); slices.Contains(s.Langs, l) {
		return l
	}
	if c, err := r.Cookie("lang"); err == nil && slices.Contains(s.Langs, c.Value) {
		return c.Value
	}
	return s.asked(r.Header.Get("Accept-Language"))
}

// asked finds the best offered language of an Accept-Language header. Only the primary subtag has to
// fit ("zh-Hant" gets zh-CN), because a neighbouring language is better than a foreign one.
func (s *Site) asked(header string) string {
	best, weight := s.Langs[0], 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		for _, l := range s.Langs {
			if q > weight && primary(l) == primary(tag) {
				best, weight = l, q
			}
		}
	}
	return best
}

func primary(tag string) string {
	first, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(first)
}

// Origin is the absolute address of the site, for links that leave it on paper.
func (s *Site) Origin(r *http.Request) string {
	if s.Base != "" {
		return s.Base
	}
	if s.Secure || r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Host is the name of the site, for what is known by a name of its own in other programs.
func (s *Site) Host(r *http.Request) string {
	_, host, _ := strings.Cut(s.Origin(r), "://")
	return HostName(host)
}

// Write renders the component whole before the first byte leaves, so that a fault in a template
// becomes an error page instead of half a page.
func (p *Page) Write(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Lang)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store") // pages hold what one person may read
	}
	w.WriteHeader(status)
	_, err := b.WriteTo(w)
	return err
}

// FullTitle is the text of the title element.
func (p *Page) FullTitle() string {
	t := p.Title + " - " + p.Name()
	if p.Wrong {
		return p.T("web.title.wrong", "title", t)
	}
	return t
}

// Name is the name of the site: the city's, or the program's own.
func (p *Page) Name() string { return p.either("city", "web.site") }

// Notice is what the pack wants said on every page, such as that this is a demonstration.
func (p *Page) Notice() string {
	if p.Site.Demo {
		return p.either("city.notice", "web.foot.demo")
	}
	return p.either("city.notice", "")
}

// Operator is who runs the site, in the pack's words; empty when the pack does not say.
func (p *Page) Operator() string { return p.either("operator", "") }

func (p *Page) either(key, fallback string) string {
	if p.Has(key) || p.Own(key) != p.Lang {
		return p.T(key)
	}
	if fallback == "" {
		return ""
	}
	return p.T(fallback)
}

// Day says the day of an instant in the zone of the site.
func (p *Page) Day(t time.Time) string { return p.Date(t, p.Site.Zone) }

// Short says day and month of an instant in the zone of the site.
func (p *Page) Short(t time.Time) string { return p.ShortDate(t, p.Site.Zone) }

// Moment says day and time of an instant in the zone of the site.
func (p *Page) Moment(t time.Time) string { return p.DateTime(t, p.Site.Zone) }

// ISO is the machine form of an instant for the datetime attribute, with the zone.
func (p *Page) ISO(t time.Time) string { return t.In(p.Site.Zone).Format(time.RFC3339) }

// Others lists the languages the page can be switched to.
func (p *Page) Others() []Link {
	var out []Link
	for _, l := range p.Site.Langs {
		if l != p.Lang {
			out = append(out, Link{Href: withLang(p.Here, l), Label: p.Site.Text.In(l).T("web.lang.name"), Lang: l})
		}
	}
	return out
}

// here is path and query of the page without the language.
func here(u *url.URL) string {
	q := u.Query()
	q.Del("lang")
	q.Del(visitField)
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: q.Encode()}).RequestURI()
}

func withLang(here, lang string) string {
	u, err := url.Parse(here)
	if err != nil {
		return "/?lang=" + lang
	}
	q := u.Query()
	q.Set("lang", lang)
	u.RawQuery = q.Encode()
	return u.RequestURI()
}
