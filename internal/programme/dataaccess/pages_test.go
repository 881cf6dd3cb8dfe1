package dataaccess

import (
	"bytes"
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

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/desk"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/portal"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

const password = "long enough for a test"

// house is the programme with both surfaces around it.
type house struct {
	*town
	server *httptest.Server
}

func newHouse(t *testing.T) *house {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "house.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := newTown(t, d, set)
	if err := account.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	site := &web.Site{Text: base.With(c.pack.Texts), Langs: []string{"en", "zh-CN"}, Now: now, Zone: c.pack.Zone, Missing: []error{ledger.ErrNotFound}, Log: slog.New(slog.DiscardHandler)}
	plugged := []programme.Programme{c.prog}
	mux := http.NewServeMux()
	site.Mount(mux)
	portal.New(portal.Deps{Site: site, Packs: c.city.Packs, Ledger: c.city.Ledger, Reader: c.city.Reader, Files: file.Store{Dir: t.TempDir()},
		Secret: []byte("0123456789abcdef"), Programmes: plugged}).Mount(mux)
	desk.New(desk.Deps{Site: site, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Accounts: accounts, Files: file.Store{Dir: t.TempDir()},
		Programmes: plugged}).Register(mux)
	h := &house{c, httptest.NewServer(site.Harden(mux))}
	t.Cleanup(h.server.Close)
	for login, role := range map[string]string{"guiyuan/officer": "officer", "guiyuan/clerk": "clerk", "wangchuan/head": "head"} {
		unit, _, _ := strings.Cut(login, "/")
		_, err := accounts.Create(t.Context(), account.Account{ID: login, Login: strings.ReplaceAll(login, "/", "-"), Name: map[string]string{"en": login},
			Grants: []authz.Grant{{Role: authz.Role(role), Unit: org.UnitID(unit)}}}, password)
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

func (h *house) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{h.t, h.server.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (h *house) as(login string) *browser {
	b := h.browser()
	if status, _, _ := b.post("/desk/signin", map[string]string{"login": login, "password": password}); status != http.StatusSeeOther {
		h.t.Fatalf("sign-in of %s answered %d", login, status)
	}
	return b
}

func (b *browser) do(r *http.Request) (int, string, string) {
	b.t.Helper()
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
	if strings.Contains(body, "<html") && (strings.Contains(body, "<img") || strings.Count(body, "<h1") != 1) {
		b.t.Errorf("%s %s shows a picture or not one heading", r.Method, r.URL.Path)
	}
	return res.StatusCode, body, res.Header.Get("Location")
}

func (b *browser) get(path string) (int, string) {
	r, _ := http.NewRequest(http.MethodGet, b.base+path, nil)
	status, body, _ := b.do(r)
	return status, body
}

func (b *browser) post(path string, form map[string]string) (int, string, string) {
	v := url.Values{}
	for k, x := range form {
		v.Set(k, x)
	}
	r, _ := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.base)
	return b.do(r)
}

func (b *browser) upload(path, name, content string, form map[string]string) (int, string, string) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for k, v := range form {
		w.WriteField(k, v)
	}
	f, _ := w.CreateFormFile("file", name)
	f.Write([]byte(content))
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

func Test_an_entry_is_made_changed_and_withdrawn_at_the_desk_and_everybody_reads_it(t *testing.T) {
	h := newHouse(t)
	lin, anyone := h.as("guiyuan-officer"), h.browser()
	status, body, _ := lin.post("/desk/cameras/new", with(market, "retention_days", "5", "why", "First."))
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("a recording kept five days was taken: %d", status)
	}
	holds(t, body, "at least 30 days", "article 17", "Market gate")
	status, _, to := lin.post("/desk/cameras/new", with(market, "why", "First entry."))
	if status != http.StatusSeeOther || !strings.HasPrefix(to, "/desk/cameras/1") {
		t.Fatalf("%d %s", status, to)
	}
	if status, _, _ := lin.post("/desk/cameras/new", with(market, "why", "Again.")); status != http.StatusUnprocessableEntity {
		t.Errorf("the same place was entered twice: %d", status)
	}
	if status, _, _ := lin.post("/desk/cameras/1/edit", with(market, "cameras", "6", "version", "1", "why", "Two more.")); status != http.StatusSeeOther {
		t.Fatalf("the change answered %d", status)
	}
	if status, body, _ := lin.post("/desk/cameras/1/edit", with(market, "cameras", "9", "version", "1", "why", "From an old page.")); status != http.StatusConflict {
		t.Errorf("an old page wrote over a newer one: %d", status)
	} else {
		holds(t, body, "meanwhile", "From an old page.")
	}
	_, body = anyone.get("/cameras?q=market")
	holds(t, body, "Market gate", "6 cameras", "1 entry", "/report?category=camera.footage")
	_, body = anyone.get("/cameras?q=nowhere")
	holds(t, body, "No entry fits")
	_, body = anyone.get("/cameras/1")
	holds(t, body, "Two more.", "Guiyuan Subdistrict")
	if strings.Contains(body, "guiyuan/officer") {
		t.Error("the public page names an account")
	}
	_, body = lin.get("/desk/cameras/1")
	holds(t, body, "guiyuan/officer")
	_, body = anyone.get("/cameras.json")
	holds(t, body, `"number": 1`, `"law": "VI"`, `"retention_days": 30`)
	if status, _, _ := lin.post("/desk/cameras/1/withdraw", map[string]string{"version": "2"}); status != http.StatusUnprocessableEntity {
		t.Errorf("withdrawn without a reason: %d", status)
	}
	if status, _, _ := lin.post("/desk/cameras/1/withdraw", map[string]string{"version": "2", "why": "Taken down."}); status != http.StatusSeeOther {
		t.Errorf("withdrawal answered %d", status)
	}
	if _, body = anyone.get("/cameras"); strings.Contains(body, "Market gate") {
		t.Error("a withdrawn entry is still listed")
	}
	_, body = anyone.get("/cameras/1")
	holds(t, body, "Taken down.", "First entry.")
	for _, path := range []string{"/cameras/2", "/cameras/x", "/cameras/99999999999999999999"} {
		if status, _ := anyone.get(path); status != http.StatusNotFound {
			t.Errorf("%s answered %d", path, status)
		}
	}
}

func Test_nobody_changes_a_part_of_the_register_that_others_keep(t *testing.T) {
	h := newHouse(t)
	if status, _, _ := h.as("guiyuan-officer").post("/desk/cameras/new", with(market, "why", "First.")); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	head := h.as("wangchuan-head")
	if status, _ := head.get("/desk/cameras/1"); status != http.StatusNotFound {
		t.Errorf("another street's entry answered %d", status)
	}
	if status, _, _ := head.post("/desk/cameras/1/withdraw", map[string]string{"version": "1", "why": "Mine now."}); status != http.StatusNotFound {
		t.Errorf("another street withdrew it: %d", status)
	}
	if status, _, _ := head.post("/desk/cameras/new", with(market, "why", "Mine.")); status != http.StatusUnprocessableEntity {
		t.Errorf("another street entered a camera here: %d", status)
	}
	if status, _ := h.as("guiyuan-clerk").get("/desk/cameras"); status != http.StatusForbidden {
		t.Errorf("a clerk keeps the register: %d", status)
	}
	if status, _ := h.browser().get("/desk/cameras"); status != http.StatusSeeOther && status != http.StatusUnauthorized {
		t.Errorf("somebody who is not signed in: %d", status)
	}
}

func Test_a_table_is_imported_whole_and_a_picture_is_not_a_table(t *testing.T) {
	h := newHouse(t)
	lin := h.as("guiyuan-officer")
	head := "area,place,operator,purpose,basis,retention_days,cameras,contact\n"
	status, body, _ := lin.upload("/desk/cameras/import", "x.csv", head+"guiyuan-ganyuan,Gate,Market,Safety of the gate,public_system,30,4,0000-1\nguiyuan-yandu,Steps,School,Safety,public_system,3,1,0000-2\n", map[string]string{"why": "List of 2026."})
	if status != http.StatusUnprocessableEntity {
		t.Fatal(status)
	}
	holds(t, body, "Nothing was taken in", ">3<", "at least 30 days")
	if _, list := lin.get("/desk/cameras"); strings.Contains(list, "Gate") {
		t.Error("half a table was stored")
	}
	if status, body, _ := lin.upload("/desk/cameras/import", "x.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF", map[string]string{"why": "A picture."}); status != http.StatusUnprocessableEntity || strings.Contains(body, "JFIF\x00") {
		t.Errorf("a picture answered %d", status)
	}
	if status, _, _ := lin.upload("/desk/cameras/import", "x.csv", head+"guiyuan-ganyuan,Gate,Market,Safety of the gate,public_system,30,4,0000-1\n", nil); status != http.StatusUnprocessableEntity {
		t.Errorf("a table without a reason answered %d", status)
	}
	status, _, to := lin.post("/desk/cameras/import", map[string]string{"why": "List of 2026.", "table": head + "guiyuan-ganyuan,Gate,Market,Safety of the gate,public_system,30,4,0000-1\r\nguiyuan-yandu,Steps,School,Safety,public_system,30,1,0000-2\r\n"})
	if status != http.StatusSeeOther {
		t.Fatal(status)
	}
	_, body = lin.get(to)
	holds(t, body, "2 entries were taken in", "Gate", "Steps")
}

func Test_the_register_of_questions_is_public_in_both_languages(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	_, body := b.get("/questions?lang=en")
	holds(t, body, "Is a pension being paid?", "Below the local threshold", "article 41", "An answer holds for 60 days", "statutory duty")
	_, body = b.get("/questions?lang=zh-CN")
	holds(t, body, "是否正在领取养老保险待遇", "低于当地标准", "第41条", "答复有效 60 天")
	_, body = b.get("/questions.json")
	holds(t, body, `"id": "car_owned"`, `"duty"`)
	k := h.must(h.ask("A-1", "car_owned"))
	_, body = b.get("/f/" + string(k.Code))
	holds(t, body, "/questions#car_owned")
}
