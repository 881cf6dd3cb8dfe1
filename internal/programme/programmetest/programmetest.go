// Package programmetest puts a programme behind the real portal and the real desk, and gives tests browsers that
// hold every page to what all pages promise.
//
// It refuses to know any programme: whoever tests one brings its city, its words and what is plugged in. It is for
// tests alone. This file is the whole package.
package programmetest

import (
	"bytes"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/desk"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/portal"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

// Password is everybody's.
const Password = "linjiang-2026"

// SQLite opens a database of the test's own, with a clock the test moves.
func SQLite(t testing.TB) (d *db.DB, now func() time.Time, set func(time.Time)) {
	t.Helper()
	now, set = dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "house.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, now, set
}

// Plan is what a house is built of.
type Plan struct {
	DB         *db.DB
	Now        func() time.Time
	City       *ledgertest.City
	Words      *text.Catalogue
	Files      file.Store // of the portal and the desk; the zero value is a folder that goes with the test
	Programmes []programme.Programme
	// Also mounts what stands beside the portal and the desk, such as the interface for programs; nil mounts nothing.
	Also func(mux *http.ServeMux, accounts *account.Store)
	// Sound is asked of every HTML page beside what all pages promise; nil asks nothing more.
	Sound func(t testing.TB, where, page string)
}

// House is a programme with both surfaces around it.
type House struct {
	t        testing.TB
	server   *httptest.Server
	accounts *account.Store
	sound    func(t testing.TB, where, page string)
}

// Open builds a house. It stands until the test ends.
func Open(t testing.TB, p Plan) *House {
	t.Helper()
	if err := account.Migrate(t.Context(), p.DB); err != nil {
		t.Fatal(err)
	}
	accounts, err := account.New(p.DB, account.Config{Hashing: account.Cheap(), Rules: func() *authz.Table { return p.City.Pack.Rules }})
	if err != nil {
		t.Fatal(err)
	}
	if p.Files.Dir == "" {
		p.Files = file.Store{Dir: t.TempDir()}
	}
	site := &web.Site{Text: p.Words, Langs: []string{"en", "zh-CN"}, Now: p.Now, Zone: p.City.Pack.Zone, Missing: []error{ledger.ErrNotFound}, Log: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	site.Mount(mux)
	portal.New(portal.Deps{Site: site, Packs: p.City.Packs, Ledger: p.City.Ledger, Reader: p.City.Reader, Files: p.Files,
		Secret: []byte("0123456789abcdef"), Programmes: p.Programmes}).Mount(mux)
	desk.New(desk.Deps{Site: site, Ledger: p.City.Ledger, Reader: p.City.Reader, Packs: p.City.Packs, Accounts: accounts, Files: p.Files, Secret: []byte("a secret of the tests for the field"),
		Programmes: p.Programmes}).Register(mux)
	if p.Also != nil {
		p.Also(mux, accounts)
	}
	h := &House{t: t, server: httptest.NewServer(site.Harden(mux)), accounts: accounts, sound: p.Sound}
	t.Cleanup(h.server.Close)
	return h
}

// Staff gives somebody an account; in English they are called name.
func (h *House) Staff(id, login, name string, grants ...authz.Grant) account.Account {
	h.t.Helper()
	a, err := h.accounts.Create(h.t.Context(), account.Account{ID: id, Login: login, Name: map[string]string{"en": name}, Grants: grants}, Password)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// Browser is nobody's.
func (h *House) Browser() *Browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &Browser{t: h.t, Base: h.server.URL, sound: h.sound,
		HTTP: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// As is the browser of somebody who has signed in.
func (h *House) As(login string) *Browser {
	h.t.Helper()
	b := h.Browser()
	if a := b.Post("/desk/signin", "login", login, "password", Password); a.Status != http.StatusSeeOther {
		h.t.Fatalf("sign-in of %s answered %d", login, a.Status)
	}
	return b
}

// Browser asks for pages and follows no redirect.
type Browser struct {
	t     testing.TB
	Base  string // address of the site
	HTTP  *http.Client
	Token string // sent along by a program, where it is not empty
	sound func(t testing.TB, where, page string)
}

// Reply is what came back. Body has its entities resolved.
type Reply struct {
	Status int
	Body   string
	To     string // where a redirect leads
	Header http.Header
}

var (
	gapForm = regexp.MustCompile(`⟦[^⟧]*⟧|\{[a-z_]+\}`)
	idForm  = regexp.MustCompile(` id="([^"]*)"`)
)

// Send asks, and holds the page to what all pages promise.
func (b *Browser) Send(r *http.Request) Reply {
	b.t.Helper()
	r.Header.Set("Origin", b.Base)
	if b.Token != "" {
		r.Header.Set("Authorization", "Bearer "+b.Token)
	}
	res, err := b.HTTP.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := Reply{res.StatusCode, string(raw), res.Header.Get("Location"), res.Header}
	where := r.Method + " " + r.URL.Path
	if strings.Contains(a.Body, "<html") {
		b.promises(where, a.Body)
	}
	a.Body = html.UnescapeString(a.Body)
	return a
}

func (b *Browser) promises(where, page string) {
	b.t.Helper()
	if gap := gapForm.FindString(page); gap != "" {
		b.t.Errorf("%s shows missing words or figures: %s", where, gap)
	}
	if n := strings.Count(page, "<h1"); n != 1 {
		b.t.Errorf("%s has %d main headings", where, n)
	}
	for _, banned := range []string{` style="`, "<style", " onclick=", "<script>"} {
		if strings.Contains(page, banned) {
			b.t.Errorf("%s holds %q", where, banned)
		}
	}
	ids := map[string]bool{}
	for _, m := range idForm.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			b.t.Errorf("%s: id %q stands twice", where, m[1])
		}
		ids[m[1]] = true
	}
	if b.sound != nil {
		b.sound(b.t, where, page)
	}
}

func (b *Browser) ask(method, path string, body io.Reader, kind string) Reply {
	b.t.Helper()
	r, err := http.NewRequest(method, b.Base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return b.Send(r)
}

// Get fetches a page.
func (b *Browser) Get(path string) Reply {
	b.t.Helper()
	return b.ask(http.MethodGet, path, nil, "")
}

// OK fetches a page that must be there.
func (b *Browser) OK(path string) string {
	b.t.Helper()
	a := b.Get(path)
	if a.Status != http.StatusOK {
		b.t.Fatalf("GET %s answered %d:\n%s", path, a.Status, a.Body)
	}
	return a.Body
}

// Post sends a form of names and values in turn. A name that stands again replaces its value; with a plus before it,
// it is sent once more.
func (b *Browser) Post(path string, kv ...string) Reply {
	b.t.Helper()
	return b.ask(http.MethodPost, path, strings.NewReader(formOf(kv).Encode()), "application/x-www-form-urlencoded")
}

func formOf(kv []string) url.Values {
	form := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if name, more := strings.CutPrefix(kv[i], "+"); more {
			form.Add(name, kv[i+1])
		} else {
			form.Set(name, kv[i+1])
		}
	}
	return form
}

// Sent posts a form that must be carried out, and gives where the browser is sent on to.
func (b *Browser) Sent(path string, kv ...string) string {
	b.t.Helper()
	a := b.Post(path, kv...)
	if a.Status != http.StatusSeeOther {
		b.t.Fatalf("POST %s answered %d:\n%s", path, a.Status, a.Body)
	}
	return a.To
}

// Upload posts a form with one file in a field; without a name there is none.
func (b *Browser) Upload(path, field, name, content string, kv ...string) Reply {
	b.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for name, values := range formOf(kv) {
		for _, v := range values {
			if err := w.WriteField(name, v); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if name != "" {
		f, err := w.CreateFormFile(field, name)
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.ask(http.MethodPost, path, &buf, w.FormDataContentType())
}

// Holds asks that a page says all of this.
func Holds(t testing.TB, page string, what ...string) {
	t.Helper()
	for _, w := range what {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

// Lacks asks that a page says nothing of this.
func Lacks(t testing.TB, page string, what ...string) {
	t.Helper()
	for _, w := range what {
		if strings.Contains(page, w) {
			t.Errorf("the page says %q", w)
		}
	}
}
