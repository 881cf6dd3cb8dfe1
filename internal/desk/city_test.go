package desk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/bulk"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/desk"
	"comity/internal/file"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/text"
	"comity/internal/web"
)

const password = "linjiang-2026"

// city is a whole small city on SQLite: real ledger, real pack, real accounts.
type city struct {
	t        *testing.T
	db       *db.DB
	accounts *account.Store
	ledger   *ledger.Ledger
	made     *ledgertest.City
	reader   *ledger.Reader
	pack     *pack.Pack
	server   *httptest.Server
	jobs     *jobs.Runner
	set      func(time.Time)
	now      func() time.Time
}

func newCity(t *testing.T) *city {
	t.Helper()
	return cityOf(t, func(d *db.DB) *ledgertest.City { return ledgertest.Open(t, d, "../../packs/demo") })
}

// newCityWith is a city whose pack differs in one passage of one file.
func newCityWith(t *testing.T, file, old, now string) *city {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(p.Files)
	if !strings.Contains(string(files[file]), old) {
		t.Fatalf("%s has no passage %q", file, old)
	}
	files[file] = []byte(strings.Replace(string(files[file]), old, now, 1))
	files["post.yaml"] = ledgertest.Unposted(files["post.yaml"]) // such a change may ask what a mail does not answer
	fsys, err := pack.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = pack.Load(fsys, pack.Unsearched()); err != nil {
		t.Fatal(err)
	}
	return cityOf(t, func(d *db.DB) *ledgertest.City { return ledgertest.OpenPack(t, d, p) })
}

// cityOf is newCity with a ledger of the test's own.
func cityOf(t *testing.T, open func(*db.DB) *ledgertest.City) *city {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(context.Background(), "sqlite:"+t.TempDir()+"/desk.db", now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := errors.Join(account.Migrate(t.Context(), d), jobs.Migrate(t.Context(), d), bulk.Migrate(t.Context(), d)); err != nil {
		t.Fatal(err)
	}
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap(), Secret: []byte("hashes"), Sealer: account.SealedBy([]byte("secrets"))})
	if err != nil {
		t.Fatal(err)
	}
	made := open(d)
	p, l := made.Pack, made.Ledger
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	c := &city{t: t, db: d, accounts: accounts, ledger: l, made: made, reader: made.Reader, pack: p, set: set, now: now}
	site := &web.Site{Text: base.With(p.Texts), Langs: []string{"en", "zh-CN"}, Now: now, Zone: p.Zone, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	advance := func(_ context.Context, by time.Duration) error { set(now().Add(by)); return nil }
	book := &bulk.Book{DB: d, Ledger: l, Window: 10 * time.Second, Actor: func(ctx context.Context, id string) (authz.Actor, error) {
		a, err := accounts.ByID(ctx, id)
		return a.Actor(p.Rules), err
	}}
	if c.jobs, err = jobs.NewRunner(d, book.Kind()); err != nil {
		t.Fatal(err)
	}
	dk := desk.New(desk.Deps{Site: site, Ledger: l, Reader: c.reader, Packs: made.Packs, Accounts: accounts, Files: file.Store{Dir: t.TempDir()}, Bulk: book, Heads: []authz.Role{"head"},
		Secret:  []byte("a secret of this test only"),
		Follow:  func(code casework.Code) string { return "/f/" + string(code) },
		SignIns: []desk.SignIn{{Login: "guiyuan-head", Password: password, Unit: "guiyuan", Role: "head"}},
		Messages: func(context.Context) ([]desk.Message, error) {
			return []desk.Message{{At: now(), To: "13800001111", Channel: "sms", Text: "hello <b>"}}, nil
		},
		Clock: &desk.Clock{Now: now, Advance: advance, Set: func(_ context.Context, at time.Time) error { set(at); return nil }}})
	mux := http.NewServeMux()
	site.Mount(mux)
	dk.Register(mux)
	c.server = httptest.NewServer(site.Harden(mux))
	t.Cleanup(c.server.Close)
	for _, who := range []struct{ login, unit, role string }{
		{"guiyuan-clerk", "guiyuan", "clerk"}, {"guiyuan-officer", "guiyuan", "officer"}, {"guiyuan-head", "guiyuan", "head"},
		{"ganyuan-officer", "guiyuan-ganyuan", "officer"}, {"binjiang-head", "binjiang", "head"}, {"donghu-head", "donghu", "head"},
		{"keeper", "linjiang", "admin"}, {"keeper-2", "linjiang", "admin"},
	} {
		_, err := accounts.Create(t.Context(), account.Account{ID: who.login, Login: who.login, Name: map[string]string{"en": "Name of " + who.login},
			Grants: []authz.Grant{{Role: authz.Role(who.role), Unit: org.UnitID(who.unit)}}}, password)
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// report opens a case whose route leads to a street.
func (c *city) report(text string) ledger.Receipt {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "road.pavement", Text: text, Unit: "guiyuan-ganyuan", Source: "web", Address: "桂园路 38 号",
		Contact: casework.Contact{Channel: "sms", Address: "13812342075", Name: "Ms Chen", Lang: "en"}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// browser is one officer's browser, or nobody's.
type browser struct {
	t      *testing.T
	base   string
	http   *http.Client
	asJSON bool // what a script of ours asks
}

func (c *city) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{t: c.t, base: c.server.URL, http: client}
}

func (c *city) as(login string) *browser {
	c.t.Helper()
	b := c.browser()
	a := b.post("/desk/signin", url.Values{"login": {login}, "password": {password}})
	if a.status != http.StatusSeeOther {
		c.t.Fatalf("sign-in of %s answered %d: %s", login, a.status, a.body)
	}
	return b
}

type answer struct {
	status int
	body   string
	to     string
	header http.Header
}

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	if b.asJSON {
		r.Header.Set("Accept", "application/json")
	}
	res, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, body: string(body), to: res.Header.Get("Location"), header: res.Header}
	if gap := regexp.MustCompile(`⟦[^⟧]*⟧`).FindString(a.body); gap != "" {
		b.t.Errorf("%s %s shows a missing text: %s", r.Method, r.URL.Path, gap)
	}
	if strings.Contains(a.body, "<html") && strings.Contains(a.body, ` style="`) {
		b.t.Errorf("%s %s has an inline style, which the policy forbids", r.Method, r.URL.Path)
	}
	return a
}

func (b *browser) get(path string, header ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// ok fetches a page that must exist.
func (b *browser) ok(path string) string {
	b.t.Helper()
	a := b.get(path)
	if a.status != http.StatusOK {
		b.t.Fatalf("GET %s answered %d: %s", path, a.status, brief(a.body))
	}
	return a.body
}

func (b *browser) version(ref string) string {
	b.t.Helper()
	m := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(b.ok("/desk/cases/" + ref))
	if m == nil {
		b.t.Fatalf("the page of %s offers no act", ref)
	}
	return m[1]
}

// act posts an act with the version the officer sees now.
func (b *browser) act(ref casework.Ref, act string, kv ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	return b.post(fmt.Sprintf("/desk/cases/%s/do/%s", ref, act), form)
}

func brief(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}

func has(t *testing.T, page, what string) {
	t.Helper()
	if !strings.Contains(page, what) {
		t.Errorf("the page lacks %q", what)
	}
}

func hasNot(t *testing.T, page, what string) {
	t.Helper()
	if strings.Contains(page, what) {
		t.Errorf("the page has %q and must not", what)
	}
}
