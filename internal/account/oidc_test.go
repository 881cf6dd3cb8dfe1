package account_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
)

const redirect = "http://127.0.0.1:8311/desk/signin/oidc/callback"

// authority is a real identity provider whose tokens can be spoilt on their way out.
type authority struct {
	t     *testing.T
	url   string
	store *storage.Storage
	spoil func(claims map[string]any) // nil = honest
	sign  func(payload []byte) string // nil = with the provider's own key
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	a := &authority{t: t, url: "http://" + server.Listener.Addr().String()}
	clients := map[string]*storage.Client{"comity": storage.WebClient("comity", "secret", redirect), "elsewhere": storage.WebClient("elsewhere", "secret", redirect)}
	a.store = storage.NewStorageWithClients(storage.NewUserStore(a.url), clients)
	provider := exampleop.SetupServer(a.url, a.store, slog.New(slog.DiscardHandler), false)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oauth/token" || a.spoil == nil && a.sign == nil {
			provider.ServeHTTP(w, r)
			return
		}
		seen := httptest.NewRecorder()
		provider.ServeHTTP(seen, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(seen.Code)
		w.Write(a.spoilt(seen.Body.Bytes()))
	})
	server.Start()
	t.Cleanup(server.Close)
	return a
}

func (a *authority) spoilt(body []byte) []byte {
	var answer map[string]any
	raw, ok := "", json.Unmarshal(body, &answer) == nil
	if ok {
		raw, ok = answer["id_token"].(string)
	}
	if !ok {
		return body
	}
	payload, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		a.t.Error(err)
		return body
	}
	var claims map[string]any
	json.Unmarshal(payload.UnsafePayloadWithoutVerification(), &claims)
	if a.spoil != nil {
		a.spoil(claims)
	}
	out, _ := json.Marshal(claims)
	sign := a.sign
	if sign == nil {
		sign = a.own
	}
	answer["id_token"] = sign(out)
	body, _ = json.Marshal(answer)
	return body
}

// own signs with the provider's key.
func (a *authority) own(payload []byte) string {
	key, err := a.store.SigningKey(a.t.Context())
	if err != nil {
		a.t.Error(err)
	}
	return a.with(jose.RS256, key.Key(), key.ID(), payload)
}

func (a *authority) with(alg jose.SignatureAlgorithm, key any, id string, payload []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		a.t.Error(err)
		return ""
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		a.t.Error(err)
		return ""
	}
	out, _ := jws.CompactSerialize()
	return out
}

var hiddenID = regexp.MustCompile(`name="id" value="([^"]*)"`)

// visit goes through the provider's pages as a browser does and returns what it is sent back with.
func (a *authority) visit(address, user string) url.Values {
	a.t.Helper()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := client.Get(address)
	if err != nil {
		a.t.Fatal(err)
	}
	body, _ := io.ReadAll(page.Body)
	page.Body.Close()
	m := hiddenID.FindSubmatch(body)
	if m == nil {
		a.t.Fatalf("the provider shows no form: %d %s", page.StatusCode, body)
	}
	back, err := client.PostForm(a.url+"/login/username", url.Values{"id": {string(m[1])}, "username": {user}, "password": {"verysecure"}})
	if err != nil {
		a.t.Fatal(err)
	}
	back.Body.Close()
	to, err := url.Parse(back.Header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		a.t.Fatalf("the provider did not send the browser back: %d to %q", back.StatusCode, to)
	}
	return to.Query()
}

func (a *authority) provider(change func(*account.OIDC)) *account.Provider {
	a.t.Helper()
	c := account.OIDC{Issuer: a.url, Client: "comity", Secret: "secret", Claim: "preferred_username", Now: time.Now}
	if change != nil {
		change(&c)
	}
	p, err := account.NewProvider(c)
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

// eachProvider is eachDoor with the clock at the real time, by which the provider makes its tokens, and an
// account whose login the provider knows.
func eachProvider(t *testing.T, run func(t *testing.T, s *account.Store, d *db.DB, a *authority)) {
	t.Helper()
	a := newAuthority(t)
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		set(time.Now())
		a.t, a.spoil, a.sign = t, nil, nil
		create(t, s, account.Account{ID: "second", Login: "test-user2", Grants: []authz.Grant{{Role: "clerk", Unit: "guiyuan"}}})
		run(t, s, d, a)
	})
}

func through(t *testing.T, s *account.Store, a *authority, p *account.Provider, user string) (account.Entry, string, error) {
	t.Helper()
	address, browser, err := s.OIDCBegin(t.Context(), p, redirect, "/desk/cases", "")
	if err != nil {
		t.Fatal(err)
	}
	return s.OIDCFinish(t.Context(), p, redirect, a.visit(address, user), browser, "", account.From{Address: "10.0.0.1"})
}

func refusals(t *testing.T, s *account.Store, id string) (n int) {
	t.Helper()
	list, err := s.Journal(t.Context(), id, 100, account.From{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range list {
		if h.Kind == account.Rejected && h.Method == account.ByOIDC {
			n += h.Times
		}
	}
	return n
}

func TestSomebody_the_provider_knows_by_the_login_comes_in(t *testing.T) {
	eachProvider(t, func(t *testing.T, s *account.Store, d *db.DB, a *authority) {
		p := a.provider(nil)
		e, back, err := through(t, s, a, p, "test-user2")
		if err != nil || e.Account.ID != "second" || back != "/desk/cases" {
			t.Fatalf("%+v to %q, %v", e, back, err)
		}
		live, err := s.Live(t.Context(), e.Token)
		if err != nil || strings.Join(live.Methods, " ") != account.ByOIDC || len(live.Account.Grants) != 1 {
			t.Errorf("%+v, %v", live, err)
		}
		if e, _, err = through(t, s, a, p, "test-user2"); err != nil || e.Account.ID != "second" {
			t.Errorf("the second time: %+v, %v", e, err)
		}
		if n := refusals(t, s, "second") + refusals(t, s, ""); n != 0 {
			t.Errorf("%d refusals are written down", n)
		}
	})
}

func TestA_token_that_does_not_hold_is_refused_and_written_down(t *testing.T) {
	eachProvider(t, func(t *testing.T, s *account.Store, d *db.DB, a *authority) {
		p := a.provider(nil)
		n := 0
		set := func(claim string, value any) func() {
			return func() { a.spoil = func(c map[string]any) { c[claim] = value } }
		}
		for name, spoil := range map[string]func(){
			"another audience": set("aud", []string{"elsewhere"}),
			"no audience":      set("aud", []string{}),
			"two audiences, no party": func() {
				a.spoil = func(c map[string]any) { c["aud"] = []string{"comity", "elsewhere"}; delete(c, "azp") }
			},
			"another client's token": func() {
				a.spoil = func(c map[string]any) { c["aud"] = []string{"comity", "elsewhere"}; c["azp"] = "elsewhere" }
			},
			"another issuer":          set("iss", "https://evil.example"),
			"expired":                 set("exp", time.Now().Add(-time.Minute).Unix()),
			"another nonce":           set("nonce", "other"),
			"no nonce":                func() { a.spoil = func(c map[string]any) { delete(c, "nonce") } },
			"no subject":              set("sub", ""),
			"somebody else's subject": set("sub", "id1"),
			"alg none": func() {
				a.sign = func(payload []byte) string { return b64([]byte(`{"alg":"none"}`)) + "." + b64(payload) + "." }
			},
			"signed with the client secret": func() {
				a.sign = func(payload []byte) string {
					return a.with(jose.HS256, []byte(strings.Repeat("secret", 8)), "", payload)
				}
			},
			"signed with a foreign key": func() {
				a.sign = func(payload []byte) string { return a.with(jose.ES256, newDevice(t).key, "", payload) }
			},
			"a broken signature": func() {
				a.sign = func(payload []byte) string { s := a.own(payload); return s[:len(s)-8] + "AAAAAAAA" }
			},
			"no token": func() { a.sign = func([]byte) string { return "" } },
		} {
			a.spoil, a.sign = nil, nil
			spoil()
			e, _, err := through(t, s, a, p, "test-user2")
			if !errors.Is(err, account.ErrProvider) || e.Token != "" {
				t.Errorf("%s: %+v, %v", name, e, err)
			}
			if strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "client id, secret") {
				t.Errorf("%s: the error tells a secret: %v", name, err)
			}
			if n++; refusals(t, s, "") != n {
				t.Errorf("%s is not written down: %d of %d", name, refusals(t, s, ""), n)
			}
		}
		a.spoil, a.sign = nil, nil
		if e, _, err := through(t, s, a, p, "test-user2"); err != nil || e.Token == "" {
			t.Errorf("honest again: %v", err)
		}
	})
}

func TestState_code_and_browser_of_a_sign_in_are_good_once_and_together(t *testing.T) {
	eachProvider(t, func(t *testing.T, s *account.Store, d *db.DB, a *authority) {
		ctx, p, from := t.Context(), a.provider(nil), account.From{}
		begin := func() (url.Values, string) {
			address, browser, err := s.OIDCBegin(ctx, p, redirect, "/desk", "")
			if err != nil {
				t.Fatal(err)
			}
			q, _ := url.Parse(address)
			for _, want := range []string{"state", "nonce", "code_challenge"} {
				if len(q.Query().Get(want)) < 40 {
					t.Errorf("%s is %q", want, q.Query().Get(want))
				}
			}
			if q.Query().Get("code_challenge_method") != "S256" {
				t.Error("the code is not protected by PKCE with S256")
			}
			return a.visit(address, "test-user2"), browser
		}
		finish := func(q url.Values, browser string) error {
			_, _, err := s.OIDCFinish(ctx, p, redirect, q, browser, "", from)
			return err
		}
		q, browser := begin()
		if err := finish(q, browser); err != nil {
			t.Fatal(err)
		}
		wants(t, finish(q, browser), account.ErrTicket) // replayed
		other, otherBrowser := begin()
		code := other.Get("code")
		other.Set("code", q.Get("code"))
		wants(t, finish(other, otherBrowser), account.ErrProvider) // a code used before, in a new sign-in
		third, thirdBrowser := begin()
		third.Set("code", code)
		wants(t, finish(third, thirdBrowser), account.ErrProvider) // a code of another sign-in: PKCE
		fourth, fourthBrowser := begin()
		wants(t, finish(fourth, thirdBrowser), account.ErrTicket) // in another browser
		wants(t, finish(fourth, fourthBrowser), account.ErrTicket)
		fifth, fifthBrowser := begin()
		fifth.Set("iss", "https://evil.example")
		wants(t, finish(fifth, fifthBrowser), account.ErrProvider)
		wants(t, finish(url.Values{"state": {"forged"}, "code": {"x"}}, fifthBrowser), account.ErrTicket)
		sixth, sixthBrowser := begin()
		sixth.Set("error", "access_denied<script>")
		if err := finish(sixth, sixthBrowser); !errors.Is(err, account.ErrProvider) || strings.Contains(err.Error(), "script") {
			t.Errorf("%v", err)
		}
		if n := refusals(t, s, ""); n != 8 {
			t.Errorf("%d refusals are written down, want 8", n)
		}
	})
}

func TestNobody_gets_an_account_or_grants_from_the_provider_unless_that_is_configured(t *testing.T) {
	eachProvider(t, func(t *testing.T, s *account.Store, d *db.DB, a *authority) {
		stranger := "test-user@127.0.0.1"
		_, _, err := through(t, s, a, a.provider(nil), stranger)
		wants(t, err, account.ErrNobody)
		if accounts := column(t, d, `SELECT login FROM accounts`); accounts != "test-user2" {
			t.Errorf("accounts: %s", accounts)
		}
		e, _, err := through(t, s, a, a.provider(func(c *account.OIDC) { c.Create = true }), stranger)
		if err != nil || e.Account.Login != stranger || len(e.Account.Grants) != 0 || e.Account.NameIn("en") != "Test User" {
			t.Fatalf("%+v, %v", e, err)
		}
		for _, guess := range []string{"", "password"} {
			_, _, err = s.SignIn(t.Context(), stranger, guess)
			wants(t, err, account.ErrWrong)
		}
		if n := refusals(t, s, ""); n != 1 {
			t.Errorf("%d refusals", n)
		}
	})
}

func TestA_subject_kept_for_an_account_counts_more_than_the_name(t *testing.T) {
	eachProvider(t, func(t *testing.T, s *account.Store, d *db.DB, a *authority) {
		ctx := t.Context()
		bySubject := a.provider(func(c *account.OIDC) { c.Claim = "" })
		_, _, err := through(t, s, a, bySubject, "test-user2")
		wants(t, err, account.ErrNobody)
		if err := s.LinkSubject(ctx, "second", a.url, "id2"); err != nil {
			t.Fatal(err)
		}
		if e, _, err := through(t, s, a, bySubject, "test-user2"); err != nil || e.Account.ID != "second" {
			t.Errorf("%+v, %v", e, err)
		}
		// The name is given to somebody else at the provider: that is not the owner of the account.
		if err := s.LinkSubject(ctx, "second", a.url, "somebody-who-left"); err != nil {
			t.Fatal(err)
		}
		_, _, err = through(t, s, a, a.provider(nil), "test-user2")
		wants(t, err, account.ErrNobody)
		wants(t, s.LinkSubject(ctx, "nobody", a.url, "x"), account.ErrUnknown)
		if err := s.LinkSubject(ctx, "second", a.url, "id2"); err != nil {
			t.Fatal(err)
		}
		if err := s.Disable(ctx, "second", true); err != nil {
			t.Fatal(err)
		}
		_, _, err = through(t, s, a, a.provider(nil), "test-user2")
		wants(t, err, account.ErrNobody)
	})
}

func TestThe_provider_proves_again_who_is_behind_a_session(t *testing.T) {
	eachProvider(t, func(t *testing.T, s *account.Store, d *db.DB, a *authority) {
		ctx, p := t.Context(), a.provider(nil)
		e, _, err := through(t, s, a, p, "test-user2")
		if err != nil {
			t.Fatal(err)
		}
		again := func(user string) (account.Entry, error) {
			address, browser, err := s.OIDCBegin(ctx, p, redirect, "/desk", "second")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(address, "prompt=login") {
				t.Error("the provider is not told to ask again")
			}
			got, _, err := s.OIDCFinish(ctx, p, redirect, a.visit(address, user), browser, e.Token, account.From{})
			return got, err
		}
		_, err = again("test-user@127.0.0.1")
		wants(t, err, account.ErrNobody)
		a.spoil = func(c map[string]any) { c["auth_time"] = time.Now().Add(-time.Hour).Unix() }
		_, err = again("test-user2")
		wants(t, err, account.ErrProvider)
		a.spoil = nil
		got, err := again("test-user2")
		if err != nil || got.Token == "" || got.Token == e.Token {
			t.Fatalf("%+v, %v", got, err)
		}
		_, err = s.Live(ctx, e.Token)
		wants(t, err, account.ErrNoSession)
	})
}

func TestA_provider_that_is_not_there_says_what_to_check(t *testing.T) {
	for _, bad := range []account.OIDC{{}, {Issuer: "id.example.gov", Client: "x"}, {Issuer: "http://id.example.gov", Client: "x"}, {Issuer: "https://id.example.gov"}} {
		if _, err := account.NewProvider(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		p, err := account.NewProvider(account.OIDC{Issuer: "http://127.0.0.1:1", Client: "x"})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.OIDCBegin(t.Context(), p, redirect, "/desk", "")
		if !errors.Is(err, account.ErrProvider) || !strings.Contains(err.Error(), "check the issuer") {
			t.Errorf("%v", err)
		}
	})
}
