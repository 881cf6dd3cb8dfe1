package desk_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
)

const head = "guiyuan-head"

// cookie is what the browser holds under a name; empty = nothing.
func (b *browser) cookie(name string) string {
	at, _ := url.Parse(b.base + "/desk")
	for _, c := range b.http.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(name, value string) {
	at, _ := url.Parse(b.base + "/desk")
	b.http.Jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// code is what an authenticator app shows at the city's time.
func (c *city) code(secret string) string {
	c.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(secret, " ", ""))
	if err != nil {
		c.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, uint64(c.now().Unix()/30))
	sum := mac.Sum(nil)
	off := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[off:])&0x7fffffff)%1_000_000)
}

func (c *city) pass(d time.Duration) { c.set(c.now().Add(d)) }

func find(t *testing.T, page, form string) string {
	t.Helper()
	m := regexp.MustCompile(form).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page lacks %s: %s", form, brief(page))
	}
	return html.UnescapeString(m[1])
}

func TestSign_in_leads_only_to_pages_of_the_desk(t *testing.T) {
	c := newCity(t)
	signed := c.as(head)
	for back, want := range map[string]string{
		"/desk/cases?view=mine&q=%2F%2Fevil": "/desk/cases?view=mine&q=%2F%2Fevil", "/desk": "/desk", "/desk/cases/SR-26-000001": "/desk/cases/SR-26-000001",
		"": "/desk", "//evil.example": "/desk", `/\evil.example`: "/desk", `\/evil.example`: "/desk", "/%2f%2fevil.example": "/desk", "/%5cevil.example": "/desk",
		"https://evil.example/desk": "/desk", "javascript:alert(1)": "/desk", "/deskevil": "/desk", "/desk/../../evil": "/desk", "/desk/%2e%2e/evil": "/desk",
		"/desk//evil.example": "/desk", "/desk/%2f/evil.example": "/desk", `/desk/\evil`: "/desk", "/desk/%5cevil": "/desk", "/desk/\r\nSet-Cookie: x=1": "/desk",
		"/desk/%0d%0aSet-Cookie:x": "/desk", "/\t/evil.example": "/desk", " /desk/cases": "/desk", "/desk/signin": "/desk", "/desk/signout": "/desk",
		"/desk/again?back=/desk": "/desk", "//desk@evil.example/desk": "/desk", "/desk?x=1#//evil": "/desk?x=1",
	} {
		if a := signed.get("/desk/signin?back=" + url.QueryEscape(back)); a.to != want {
			t.Errorf("signed in, back=%q leads to %q, want %q", back, a.to, want)
		}
		if a := c.browser().post("/desk/signin", url.Values{"login": {head}, "password": {password}, "back": {back}}); a.to != want {
			t.Errorf("signing in, back=%q leads to %q, want %q", back, a.to, want)
		}
		if a := signed.post("/desk/again", url.Values{"how": {"password"}, "password": {password}, "back": {back}}); a.to != want {
			t.Errorf("proving again, back=%q leads to %q, want %q", back, a.to, want)
		}
	}
}

func TestAn_app_is_set_up_and_asked_for_without_any_script(t *testing.T) {
	c := newCity(t)
	b := c.as(head)
	has(t, b.ok("/desk/me"), "/desk/me/security")
	has(t, b.ok("/desk/me/security"), "protected by a password alone")
	page := b.ok("/desk/me/security/totp")
	has(t, page, `class="qr"`)
	secret := find(t, page, `secretline">([^<]+)<`)
	a := b.post("/desk/me/security/totp", url.Values{"code": {"12"}})
	if a.status != http.StatusUnprocessableEntity || find(t, a.body, `secretline">([^<]+)<`) != secret {
		t.Errorf("a wrong code answered %d, or drew another secret", a.status)
	}
	a = b.post("/desk/me/security/totp", url.Values{"code": {c.code(secret)}})
	codes := regexp.MustCompile(`<li>([a-z2-7]{4}(-[a-z2-7]{4}){3})</li>`).FindAllStringSubmatch(a.body, -1)
	if a.status != http.StatusOK || len(codes) != 10 {
		t.Fatalf("%d with %d recovery codes", a.status, len(codes))
	}
	hasNot(t, b.ok("/desk/me/security"), codes[0][1])

	c.pass(time.Minute)
	b = c.browser()
	if a := b.get("/desk/signin/step"); a.to != "/desk/signin" {
		t.Errorf("the second step without the first leads to %q", a.to)
	}
	a = b.post("/desk/signin", url.Values{"login": {head}, "password": {password}, "back": {"/desk/cases?view=mine"}})
	if !strings.HasPrefix(a.to, "/desk/signin/step?back=") || b.cookie("comity_desk") != "" {
		t.Fatalf("the password led to %q and gave the session %q", a.to, b.cookie("comity_desk"))
	}
	has(t, b.ok(a.to), `name="back" value="/desk/cases?view=mine"`)
	if a := b.post("/desk/signin/step", url.Values{"code": {"000 00"}, "back": {"/desk/cases?view=mine"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code answered %d", a.status)
	}
	a = b.post("/desk/signin/step", url.Values{"code": {c.code(secret)}, "back": {"/desk/cases?view=mine"}})
	if a.to != "/desk/cases?view=mine" || b.cookie("comity_step") != "" {
		t.Fatalf("the code led to %q: %s", a.to, brief(a.body))
	}
	has(t, b.ok("/desk/me/security"), "password, authenticator app")
	if a := b.post("/desk/me/security/totp/remove", nil); a.status != http.StatusSeeOther {
		t.Errorf("removing it answered %d", a.status)
	}
	c.as(head)
}

func TestA_session_is_new_after_sign_in_and_after_each_proof(t *testing.T) {
	c := newCity(t)
	b := c.as(head)
	first := b.cookie("comity_desk")
	b.post("/desk/signin", url.Values{"login": {head}, "password": {password}})
	second := b.cookie("comity_desk")
	b.post("/desk/again", url.Values{"how": {"password"}, "password": {password}, "back": {"/desk"}})
	third := b.cookie("comity_desk")
	if first == second || second == third || first == "" || third == "" {
		t.Fatal("a token stayed the same")
	}
	for _, old := range []string{first, second} {
		thief := c.browser()
		thief.setCookie("comity_desk", old)
		if a := thief.get("/desk"); a.status != http.StatusSeeOther {
			t.Errorf("a token of before still opens: %d", a.status)
		}
	}
	b.ok("/desk")
}

func TestA_stale_session_keeps_the_form_until_the_proof_and_then_sends_it_again(t *testing.T) {
	c := newCity(t)
	b := c.as(head)
	c.pass(account.FreshFor + time.Second)
	if a := b.get("/desk/me/security/totp"); a.to != "/desk/again?back=%2Fdesk%2Fme%2Fsecurity%2Ftotp" {
		t.Errorf("a page that needs a proof led to %q", a.to)
	}
	a := b.post("/desk/me/security/passkey/change", url.Values{"id": {`x"><script>`}, "name": {"a"}})
	if a.status != http.StatusForbidden {
		t.Fatalf("a form without a fresh proof answered %d", a.status)
	}
	form := url.Values{"how": {"password"}, "password": {"wrong"}, "back": {find(t, a.body, `name="back" value="([^"]*)"`)}, "keep": {find(t, a.body, `name="keep" value="([^"]*)"`)}}
	if a := b.post("/desk/again", form); a.status != http.StatusUnprocessableEntity || find(t, a.body, `name="keep" value="([^"]*)"`) != form.Get("keep") {
		t.Fatalf("a wrong proof answered %d, or lost the form", a.status)
	}
	form.Set("password", password)
	a = b.post("/desk/again", form)
	for _, want := range []string{`action="/desk/me/security/passkey/change"`, `name="id" value="x&#34;&gt;&lt;script&gt;"`, `name="name" value="a"`} {
		has(t, a.body, want)
	}
	if a := b.post("/desk/me/security/passkey/change", url.Values{"id": {"x"}}); a.status != http.StatusSeeOther {
		t.Errorf("after the proof the act answered %d", a.status)
	}
	form.Set("keep", "%%%")
	if a := b.post("/desk/again", form); a.status != http.StatusBadRequest {
		t.Errorf("a broken kept form answered %d", a.status)
	}
	form.Set("back", "//evil.example/")
	form.Set("keep", "YT1i")
	has(t, b.post("/desk/again", form).body, `action="/desk"`)
}

func TestGuessing_at_the_same_network_does_not_slow_down_a_browser_that_is_known(t *testing.T) {
	c := newCity(t)
	owner := c.as(head)
	owner.post("/desk/signout", nil)
	attacker := c.browser()
	for range 3 {
		attacker.post("/desk/signin", url.Values{"login": {head}, "password": {"guess"}})
	}
	if a := attacker.post("/desk/signin", url.Values{"login": {head}, "password": {"guess"}}); a.status != http.StatusTooManyRequests {
		t.Errorf("the attacker's fourth guess answered %d", a.status)
	}
	if a := owner.post("/desk/signin", url.Values{"login": {head}, "password": {password}}); a.status != http.StatusSeeOther {
		t.Errorf("the owner's own browser answered %d", a.status)
	}
	has(t, owner.ok("/desk/me/security"), "Not accepted, 3 times")
}

func TestGuessing_the_password_in_a_stolen_session_is_slowed_down(t *testing.T) {
	c := newCity(t)
	b := c.as(head)
	for range 3 {
		b.post("/desk/again", url.Values{"how": {"password"}, "password": {"guess"}})
	}
	if a := b.post("/desk/again", url.Values{"how": {"password"}, "password": {password}}); a.status != http.StatusTooManyRequests {
		t.Errorf("the fourth guess answered %d", a.status)
	}
	c.as(head) // the owner is not slowed down elsewhere
}

func TestPeople_end_their_own_sessions_and_nobody_elses(t *testing.T) {
	c := newCity(t)
	here, there, other := c.as(head), c.as(head), c.as("guiyuan-clerk")
	handles := regexp.MustCompile(`name="session" value="([^"]+)"`)
	foreign := handles.FindStringSubmatch(other.ok("/desk/me/security"))[1]
	here.post("/desk/me/security/session", url.Values{"session": {foreign}})
	other.ok("/desk")
	if n := len(handles.FindAllString(here.ok("/desk/me/security"), -1)); n != 2 {
		t.Errorf("%d sessions are shown", n)
	}
	for _, token := range []string{here.cookie("comity_desk"), there.cookie("comity_desk")} {
		hasNot(t, here.ok("/desk/me/security"), token)
	}
	if a := here.post("/desk/me/security/others", nil); a.status != http.StatusSeeOther {
		t.Errorf("signing out everywhere else answered %d", a.status)
	}
	if a := there.get("/desk"); a.status != http.StatusSeeOther {
		t.Errorf("the other session answered %d", a.status)
	}
	own := handles.FindStringSubmatch(here.ok("/desk/me/security"))[1]
	if a := here.post("/desk/me/security/session", url.Values{"session": {own}}); a.to != "/desk/signin" {
		t.Errorf("ending this very session led to %q", a.to)
	}
}

func TestA_forged_or_replayed_session_cookie_is_refused_written_down_and_taken_away(t *testing.T) {
	c := newCity(t)
	ended := c.as(head)
	replayed := ended.cookie("comity_desk")
	ended.post("/desk/signout", nil)
	for _, value := range []string{replayed, "forged", strings.Repeat("A", 43), strings.Repeat("x", 3000), "' OR 1=1 --"} {
		b := c.browser()
		b.setCookie("comity_desk", value)
		if a := b.get("/desk"); a.status != http.StatusSeeOther || b.cookie("comity_desk") != "" {
			t.Errorf("%.20q answered %d and left %q", value, a.status, b.cookie("comity_desk"))
		}
	}
	list, err := c.accounts.Journal(t.Context(), "", 10, account.From{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, h := range list {
		if h.Kind == account.Rejected && h.Method == account.BySession {
			n += h.Times
		}
	}
	if n != 5 {
		t.Errorf("%d refusals are written down: %+v", n, list)
	}
}

func TestPasskeys_are_offered_by_a_script_of_the_site_and_need_a_fresh_proof_to_add(t *testing.T) {
	c := newCity(t)
	hasNot(t, c.browser().ok("/desk/signin"), "data-passkey=")
	c.server.URL = strings.Replace(c.server.URL, "127.0.0.1", "localhost", 1) // passkeys belong to names
	page := c.browser().ok("/desk/signin")
	has(t, page, `data-passkey="/desk/signin/passkey/ask" hidden`)
	script := find(t, page, `<script src="(/desk/passkey.js[^"]*)"`)
	if a := c.browser().get(script); a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("the script answered %d as %s", a.status, a.header.Get("Content-Type"))
	}
	a := c.browser().post("/desk/signin/passkey/ask", nil)
	has(t, a.body, `"userVerification":"required"`)
	if a = c.browser().post("/desk/signin/passkey", url.Values{"ticket": {find(t, a.body, `"ticket":"([^"]+)"`)}, "answer": {"{}"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an empty answer got %d", a.status)
	}
	b := c.as(head)
	c.pass(time.Hour)
	if a := b.post("/desk/me/security/passkey/ask", nil); a.status != http.StatusForbidden || !strings.Contains(a.body, `"again":"/desk/again?back=/desk/me/security"`) {
		t.Errorf("without a fresh proof the offer answered %d: %s", a.status, brief(a.body))
	}
	if a := c.browser().post("/desk/me/security/passkey/ask", nil); a.status != http.StatusForbidden {
		t.Errorf("without a session the offer answered %d", a.status)
	}
}

func TestA_form_from_another_site_signs_nobody_in_or_out(t *testing.T) {
	c := newCity(t)
	for _, path := range []string{"/desk/signin", "/desk/signin/step", "/desk/signin/passkey", "/desk/again", "/desk/signout", "/desk/me/security/others", "/desk/me/security/recovery"} {
		b := c.as(head)
		r, _ := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader("login=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://evil.example")
		if a := b.do(r); a.status != http.StatusForbidden {
			t.Errorf("POST %s from another site answered %d", path, a.status)
		}
		b.ok("/desk")
	}
}
