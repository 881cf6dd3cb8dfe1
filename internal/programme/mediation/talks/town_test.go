package talks

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/desk"
	"comity/internal/file"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/portal"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/selfview"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/internal/web"
)

const password = "long enough for a test"

// town is the programme over a real ledger with both surfaces around it.
type town struct {
	t      *testing.T
	city   *ledgertest.City
	pack   *pack.Pack
	server *httptest.Server
	set    func(time.Time)
	staff  authz.Actor
	token  string // of the same officer, for programs
	post   *courier.Courier
	jobs   *jobs.Runner
}

const unit = "guiyuan-ganyuan"

func newTown(t *testing.T) *town {
	t.Helper()
	now, set := dbtest.Clock(t)
	set(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "town.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	p, err := ledgertest.Sound(os.DirFS("../../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, pack: p, set: set}
	var prog programme.Programme
	ring := vault.FromSeed(procedure.Civic, "std", []byte("a town for tests"))
	c.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) {
		cfg.Project, cfg.Ring, cfg.Notify = (&service{Deps{Packs: pack.NewRegistry(p)}}).definite, ring, courier.Enqueue
	})
	files := file.Store{Dir: t.TempDir()}
	prog = New(Deps{Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Files: files})
	for _, migrate := range []func(context.Context, *db.DB) error{account.Migrate, jobs.Migrate, courier.Migrate, consent.Migrate, selfview.Migrate} {
		if err := migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	site := &web.Site{Text: base.With(p.Texts), Langs: []string{"en", "zh-CN"}, Now: now, Zone: p.Zone, Missing: []error{ledger.ErrNotFound}, Log: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	site.Mount(mux)
	c.post = &courier.Courier{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Words: func(*pack.Pack) *text.Catalogue { return site.Text },
		Link: func(casework.Case, bool) string { return "https://town.example" }, Party: func(casework.Code) string { return "https://town.example" }}
	own := &selfview.Room{Compartment: procedure.Civic, DB: d, Ring: ring, Ledger: c.city.Ledger, Reader: c.city.Reader, Courier: c.post,
		Consents: &consent.Book{DB: d, Ring: ring, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs}}
	if c.jobs, err = jobs.NewRunner(d, c.post.Kind(), own.Job()); err != nil {
		t.Fatal(err)
	}
	api.New(api.Deps{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Text: base, Accounts: accounts, Files: files, Jobs: c.jobs, Now: now}).Register(mux)
	portal.New(portal.Deps{Site: site, Packs: c.city.Packs, Ledger: c.city.Ledger, Reader: c.city.Reader, Files: files,
		Secret: []byte("0123456789abcdef"), Programmes: []programme.Programme{prog, selfview.New(selfview.Deps{Rooms: []*selfview.Room{own}, Packs: c.city.Packs}).Programme()}}).Mount(mux)
	desk.New(desk.Deps{Site: site, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Accounts: accounts, Files: files,
		Programmes: []programme.Programme{prog}}).Register(mux)
	c.server = httptest.NewServer(site.Harden(mux))
	t.Cleanup(c.server.Close)
	for login, roles := range map[string][]authz.Role{"zhou": {"mediator", "pmc_director", "clerk"}, "lin": {"pmc_director"}} {
		a := account.Account{ID: login, Login: login, Name: map[string]string{"en": login}}
		for _, r := range roles {
			a.Grants = append(a.Grants, authz.Grant{Role: r, Unit: unit})
		}
		made, err := accounts.Create(t.Context(), a, password)
		if err != nil {
			t.Fatal(err)
		}
		if login == "zhou" {
			c.staff = made.Actor(p.Rules)
			if _, c.token, err = accounts.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: made.ID, Name: "test", Powers: authz.Powers, Expires: now().AddDate(0, 1, 0)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// open files a mediation; the applicant is the first member.
func (c *town) open() casework.Case {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "dispute.neighbour", Title: "Water from above", Text: "Water runs through the ceiling.", Unit: unit, Source: "web",
		Contact: casework.Contact{Name: "段小雨", Channel: "sms", Address: "13700000009"}})
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Fields = map[string]string{"elsewhere": "none"}
	r, err := c.city.Ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.load(r.Case)
}

func (c *town) load(id casework.CaseID) casework.Case {
	c.t.Helper()
	look, err := c.city.Ledger.Look(c.t.Context(), authz.Machine(), ledger.Ticket{Case: id, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		c.t.Fatal(err)
	}
	return look.Case()
}

// do does an act of the mediator; answers are name, value in turn.
func (c *town) do(k casework.Case, act string, answers ...string) {
	c.t.Helper()
	if err := c.try(k, act, answers...); err != nil {
		c.t.Fatalf("%s: %v", act, err)
	}
}

func (c *town) try(k casework.Case, act string, answers ...string) error {
	_, err := c.city.Ledger.Do(c.t.Context(), c.staff, casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: act, Fields: pairs(answers)})
	return err
}

func pairs(list []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		out[list[i]] = list[i+1]
	}
	return out
}

// talking is a mediation in whose session both sides sit: the applicant is m1, the other side m2, the mediator m3.
func (c *town) talking() casework.Case {
	c.t.Helper()
	k := c.open()
	c.do(k, "add_party", "name", "钱大中", "phone", "13700000001", "side", "respondent", "way", "message")
	for _, m := range []string{"m1", "m2"} {
		c.do(k, "record_identity", "member", m, "proof", "identity card 1234", "capacity", "full")
	}
	c.do(k, "register", "source", "applied", "summary", "Water from above.")
	c.do(k, "consent", "member", "m2", "how", "spoken")
	c.do(k, "accept")
	for _, m := range []string{"m1", "m2"} {
		c.do(k, "serve_notice", "member", m, "how", "signed", "served_on", "2026-03-02")
	}
	c.do(k, "name_mediator", "name", "周调解", "chosen", "designated")
	c.do(k, "declare", "member", "m3", "interest", "none")
	c.do(k, "begin")
	c.do(k, "convene", "session_on", "2026-03-06", "session_at", "09:00-10:00", "where", "Room 1", "mode", "joint", "open", "private")
	c.do(k, "hold", "member", "m3", "present", "both sides", "told", "yes")
	return k
}

var repair = []string{"who", "钱大中", "what", "repairs the pipe", "amount", "300 yuan", "due_on", "2026-04-01", "where", "in the flat"}

func (c *town) offer(k casework.Case, member, issue string, more ...string) {
	c.t.Helper()
	c.do(k, "offer", append(append([]string{"member", member, "issue", issue}, repair...), more...)...)
}

var words = []string{"parties", "段小雨 and 钱大中", "facts", "Water ran.", "issues", "The pipe", "responsibility", "Shared", "scope", "full", "confirmable", "yes"}

func (c *town) drafted() casework.Case {
	c.t.Helper()
	k := c.talking()
	c.do(k, "record", "stated", "Both spoke.", "result", "agreed", "signers", "both")
	c.do(k, "draft", words...)
	c.do(k, "add_term", append([]string{"issue", "The pipe", "to_whom", "段小雨", "kind", "money"}, repair...)...)
	return c.load(k.ID)
}

type browser struct {
	t    *testing.T
	base string
	http *http.Client
	key  string // sent as a token where it is not empty
}

func (c *town) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{t: c.t, base: c.server.URL, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (c *town) as(login string) *browser {
	c.t.Helper()
	b := c.browser()
	if a := b.post("/desk/signin", "login", login, "password", password); a.status != http.StatusSeeOther {
		c.t.Fatalf("sign-in of %s answered %d", login, a.status)
	}
	return b
}

type answer struct {
	status   int
	body, to string
}

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	if b.key != "" {
		r.Header.Set("Authorization", "Bearer "+b.key)
	}
	res, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	body := string(raw)
	if gap := regexp.MustCompile(`⟦[^⟧]*⟧|\{[a-z_]+\}`).FindString(body); gap != "" && strings.Contains(body, "<html") {
		b.t.Errorf("%s %s shows missing words: %s", r.Method, r.URL.Path, gap)
	}
	if strings.Contains(body, "<html") && strings.Count(body, "<h1") != 1 {
		b.t.Errorf("%s %s has %d headings", r.Method, r.URL.Path, strings.Count(body, "<h1"))
	}
	return answer{res.StatusCode, body, res.Header.Get("Location")}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, answers ...string) answer {
	b.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(answers); i += 2 {
		v.Add(answers[i], answers[i+1])
	}
	r, _ := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.base)
	return b.do(r)
}

func (b *browser) upload(path, field, name, content string, answers ...string) answer {
	b.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for i := 0; i+1 < len(answers); i += 2 {
		w.WriteField(answers[i], answers[i+1])
	}
	if name != "" {
		f, _ := w.CreateFormFile(field, name)
		io.WriteString(f, content)
	}
	w.Close()
	r, _ := http.NewRequest(http.MethodPost, b.base+path, &buf)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Origin", b.base)
	return b.do(r)
}

func holds(t *testing.T, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(body, w) {
			t.Errorf("the page does not hold %q", w)
		}
	}
}

func lacks(t *testing.T, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(body, w) {
			t.Errorf("the page holds %q", w)
		}
	}
}

func (c *town) member(k casework.Case, id string) casework.Member {
	c.t.Helper()
	k = c.load(k.ID)
	m, ok := k.Member(id)
	if !ok {
		c.t.Fatalf("%s is not in %s", id, k.Ref)
	}
	return m
}
