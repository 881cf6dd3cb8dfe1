package desk_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
)

func form(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	return v
}

// took fails unless a form was taken, and gives where it led.
func took(t *testing.T, a answer) string {
	t.Helper()
	if a.status != http.StatusSeeOther {
		t.Fatalf("the form was not taken: %d %s", a.status, brief(a.body))
	}
	return a.to
}

// deputise lets the officer of the street name the clerk as deputy for a week, and gives the delegation.
func (c *city) deputise() string {
	c.t.Helper()
	took(c.t, c.as("guiyuan-officer").post("/desk/me/delegations", form("deputy", "guiyuan-clerk", "grant", "0", "from", c.now().Format(time.DateOnly), "to", c.now().AddDate(0, 0, 6).Format(time.DateOnly), "reason", "Leave")))
	list, err := c.accounts.Delegations(c.t.Context(), "guiyuan-clerk")
	if err != nil || len(list) != 1 {
		c.t.Fatalf("%+v, %v", list, err)
	}
	return list[0].ID
}

func Test_a_deputy_acts_for_the_absent_officer_and_every_page_names_both(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	id := c.deputise()
	b := c.as("guiyuan-clerk")
	b.act(r.Ref, "accept")
	hasNot(t, b.ok("/desk/cases/"+string(r.Ref)), "/do/begin")
	has(t, b.ok("/desk/me/delegations"), `value="`+id+`"`)
	if to := took(t, b.post("/desk/acting", form("delegation", id))); to != "/desk" {
		t.Errorf("acting led to %q", to)
	}
	page := b.ok("/desk/cases/" + string(r.Ref))
	has(t, page, "You act for Name of guiyuan-officer")
	has(t, page, "/do/begin")
	took(t, b.act(r.Ref, "begin"))
	both := "Name of guiyuan-clerk for Name of guiyuan-officer"
	has(t, b.ok("/desk/cases/"+string(r.Ref)), both)
	has(t, c.as("guiyuan-officer").ok("/desk/cases?view=mine"), string(r.Ref))
	has(t, b.ok("/desk/cases?view=mine"), string(r.Ref))
	has(t, c.as("guiyuan-head").ok("/desk/cases/"+string(r.Ref)), both)
	for _, path := range []string{"/desk/me/delegations", "/desk/me/tokens"} {
		if a := b.get(path); a.status != http.StatusForbidden {
			t.Errorf("a deputy opens %s of the absent officer: %d", path, a.status)
		}
	}
	if a := b.post("/desk/me/delegations", form("deputy", "guiyuan-head", "grant", "0", "from", "2026-03-01", "to", "2027-01-01", "reason", "x")); a.status != http.StatusForbidden {
		t.Errorf("what was passed on is passed on: %d", a.status)
	}
	took(t, b.post("/desk/acting", form("delegation", "")))
	hasNot(t, b.ok("/desk"), "You act for")
}

func Test_what_was_meant_for_somebody_is_not_done_in_ones_own_name_when_the_time_is_over(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	id := c.deputise()
	b := c.as("guiyuan-clerk")
	took(t, b.post("/desk/acting", form("delegation", id)))
	took(t, c.as("guiyuan-officer").post("/desk/me/delegations/"+id+"/revoke", form("for", "")))
	if a := b.act(r.Ref, "accept"); a.status != http.StatusForbidden || !strings.Contains(a.body, "may no longer act for that person") {
		t.Errorf("a revoked deputy accepts: %d %s", a.status, brief(a.body))
	}
	took(t, b.act(r.Ref, "accept")) // the choice is forgotten now: this is the clerk's own act
	hasNot(t, b.ok("/desk/cases/"+string(r.Ref)), "for Name of guiyuan-officer")
	if a := c.as("guiyuan-head").post("/desk/acting", form("delegation", id)); a.status != http.StatusForbidden {
		t.Errorf("somebody else uses the delegation: %d", a.status)
	}
}

func Test_a_head_arranges_a_deputy_for_an_officer_of_the_unit_and_for_nobody_else(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-head")
	has(t, b.ok("/desk/me/delegations"), `<option value="guiyuan-officer"`)
	has(t, b.ok("/desk/me/delegations?for=guiyuan-officer"), "of Name of guiyuan-officer")
	for who, path := range map[string]string{"guiyuan-head": "?for=donghu-head", "guiyuan-clerk": "?for=guiyuan-officer", "donghu-head": "?for=guiyuan-officer"} {
		if a := c.as(who).get("/desk/me/delegations" + path); a.status != http.StatusNotFound {
			t.Errorf("%s opens %s: %d", who, path, a.status)
		}
	}
	took(t, b.post("/desk/me/delegations", form("for", "guiyuan-officer", "deputy", "guiyuan-clerk", "grant", "0", "from", c.now().Format(time.DateOnly), "to", c.now().Format(time.DateOnly), "reason", "Ill")))
	has(t, c.as("guiyuan-officer").ok("/desk/me/delegations"), "Arranged by Name of guiyuan-head")
	for _, bad := range []url.Values{
		form("deputy", "guiyuan-clerk", "grant", "7", "from", "2026-03-01", "to", "2026-03-02", "reason", "x"),
		form("deputy", "guiyuan-clerk", "grant", "0", "from", "2026-03-01", "to", "2026-03-02", "reason", "x", "made_by", "root"),
	} {
		if a := b.post("/desk/me/delegations", bad); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, a.status)
		}
	}
	a := b.post("/desk/me/delegations", form("deputy", "guiyuan-clerk", "grant", "0", "from", "2026-03-01", "reason", "x"))
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "A delegation without an end is not made") {
		t.Errorf("no end: %d", a.status)
	}
}

func Test_who_keeps_accounts_sees_no_case_on_any_page(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("keeper")
	if a := b.get("/desk"); a.to != "/desk/admin" {
		t.Errorf("the first page is %d to %q", a.status, a.to)
	}
	for _, path := range []string{"/desk/cases", "/desk/cases?view=todo", "/desk/cases?q=pavement", "/desk/cases?unit=guiyuan", "/desk/cases?format=csv", "/desk/news", "/desk/new", "/desk/invariants", "/desk/bulk",
		"/desk/cases/" + string(r.Ref), "/desk/cases/" + string(r.Ref) + "/do/accept", "/desk/admin", "/desk/me"} {
		a := b.get(path)
		if strings.Contains(a.body, "pavement is broken") || strings.Contains(a.body, "Ms Chen") || strings.Contains(strings.ReplaceAll(a.body, "q="+string(r.Ref), ""), string(r.Ref)+"<") {
			t.Errorf("%s shows a case to who keeps accounts", path)
		}
		if strings.HasPrefix(path, "/desk/cases/") && a.status != http.StatusNotFound {
			t.Errorf("%s answered %d", path, a.status)
		}
	}
	if a := b.act(r.Ref, "accept"); a.status != http.StatusNotFound {
		t.Errorf("an administrator accepts: %d", a.status)
	}
	for _, path := range []string{"/desk/admin", "/desk/admin/new", "/desk/admin/guiyuan-clerk"} {
		if a := c.as("guiyuan-head").get(path); a.status != http.StatusNotFound {
			t.Errorf("a head opens %s: %d", path, a.status)
		}
		if a := c.as("guiyuan-head").post("/desk/admin/guiyuan-clerk/do", form("do", "disable")); a.status != http.StatusNotFound {
			t.Errorf("a head disables: %d", a.status)
		}
	}
}

func Test_an_administrator_invites_and_changes_accounts_and_each_change_is_shown(t *testing.T) {
	c := newCity(t)
	b := c.as("keeper")
	a := b.post("/desk/admin/new", form("login", "new.clerk", "name.en", "Ko Lin", "unit", "Guiyuan Subdistrict", "role", "clerk"))
	link := regexp.MustCompile(`/desk/welcome/[A-Za-z0-9_-]{20,}`).FindString(a.body)
	if a.status != http.StatusOK || link == "" {
		t.Fatalf("an invitation answered %d: %s", a.status, brief(a.body))
	}
	nobody := c.browser()
	has(t, nobody.ok(link), "Welcome, Ko Lin")
	if a := nobody.post(link, form("passphrase", "seven slow rivers", "again", "seven slow river")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a passphrase typed differently: %d", a.status)
	}
	if to := took(t, nobody.post(link, form("passphrase", "seven slow rivers", "again", "seven slow rivers"))); to != "/desk/signin" {
		t.Errorf("led to %q", to)
	}
	if a := nobody.get(link); a.status != http.StatusNotFound {
		t.Errorf("the link opens twice: %d", a.status)
	}
	took(t, nobody.post("/desk/signin", form("login", "new.clerk", "password", "seven slow rivers")))
	nobody.ok("/desk")

	page := b.ok("/desk/admin?find=ko+lin")
	one := regexp.MustCompile(`href="(/desk/admin/u[a-f0-9]+)"`).FindStringSubmatch(page)[1]
	was := func() string {
		return html.UnescapeString(regexp.MustCompile(`name="was" value="([^"]*)"`).FindStringSubmatch(b.ok(one))[1])
	}
	for rule, f := range map[string]url.Values{
		"There is no unit moon":                      form("was", was(), "keep", "0", "unit", "moon", "role", "clerk"),
		"has no role mayor":                          form("was", was(), "keep", "0", "unit", "guiyuan", "role", "mayor"),
		"There is no programme taxes":                form("was", was(), "keep", "0", "unit", "guiyuan", "role", "clerk", "programme", "taxes"),
		"holds a field that this page does not have": form("was", was(), "keep", "0", "disabled", "0"),
		"Somebody else changed this account":         form("was", "clerk@elsewhere:", "keep", "0"),
	} {
		if a := b.post(one+"/grants", f); a.status < 400 || a.status >= 500 || !strings.Contains(a.body, rule) {
			t.Errorf("%s: %d %s", rule, a.status, brief(a.body))
		}
	}
	took(t, b.post(one+"/grants", form("was", was(), "keep", "0", "unit", "guiyuan", "role", "officer")))
	has(t, b.ok(one), "clerk@guiyuan → clerk@guiyuan, officer@guiyuan")
	took(t, b.post(one+"/do", form("do", "sessions")))
	if a := nobody.get("/desk"); a.status != http.StatusSeeOther {
		t.Errorf("signed out everywhere, and still in: %d", a.status)
	}
	took(t, b.post(one+"/do", form("do", "disable")))
	if a := nobody.post("/desk/signin", form("login", "new.clerk", "password", "seven slow rivers")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a disabled account signs in: %d", a.status)
	}
	took(t, b.post(one+"/do", form("do", "enable")))
	if a := b.post(one+"/do", form("do", "reset")); a.status != http.StatusOK || !strings.Contains(a.body, "/desk/welcome/") {
		t.Errorf("beginning anew: %d", a.status)
	}
	page = b.ok(one)
	for _, what := range []string{"Invited", "Passphrase chosen", "Rights changed", "Signed out everywhere", "Disabled", "Opened again", "Begun anew"} {
		has(t, page, "<b>"+what+"</b>")
	}
	if a := b.post("/desk/admin/new", form("login", "x2", "name.en", "X", "unit", "guiyuan", "role", "clerk", "id", "root", "grants", "all")); a.status != http.StatusBadRequest {
		t.Errorf("a form with more fields than the page has: %d", a.status)
	}
}

func Test_an_administrator_takes_no_office_without_a_second_one(t *testing.T) {
	c := newCity(t)
	b := c.as("keeper")
	if a := b.post("/desk/admin/keeper/grants", form("was", "admin@linjiang:", "keep", "0", "unit", "guiyuan", "role", "head")); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "keeps accounts and sees no case") {
		t.Errorf("accounts and cases together: %d", a.status)
	}
	took(t, b.post("/desk/admin/keeper/grants", form("was", "admin@linjiang:", "unit", "guiyuan", "role", "head")))
	page := b.ok("/desk/admin")
	has(t, page, "Somebody else has to confirm it")
	hasNot(t, page, `value="yes"`)
	way := regexp.MustCompile(`/desk/waiting/w[a-f0-9]+`).FindString(page)
	if a := b.post(way, form("answer", "yes")); a.status != http.StatusForbidden || !strings.Contains(a.body, "A second administrator has to confirm") {
		t.Errorf("she confirms herself: %d", a.status)
	}
	if a := c.as("guiyuan-head").post(way, form("answer", "yes")); a.status != http.StatusNotFound {
		t.Errorf("a head confirms: %d", a.status)
	}
	if a := b.get("/desk"); a.to != "/desk/admin" {
		t.Error("she is at work on cases already")
	}
	took(t, c.as("keeper-2").post(way, form("answer", "yes")))
	b.ok("/desk")
}

func Test_a_token_is_shown_once_and_listed_without_its_secret(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-officer")
	for words, f := range map[string]url.Values{
		"1 to 400":                                   form("name", "x", "days", "401", "power", "read"),
		"A token without an end":                     form("name", "x", "power", "read"),
		"Choose at least one thing":                  form("name", "x", "days", "9"),
		"There is no scope everything":               form("name", "x", "days", "9", "power", "everything"),
		"does not work for the unit":                 form("name", "x", "days", "9", "power", "read", "unit", "donghu"),
		"holds a field that this page does not have": form("name", "x", "days", "9", "power", "read", "account", "donghu-head"),
	} {
		if a := b.post("/desk/me/tokens", f); a.status < 400 || !strings.Contains(a.body, words) {
			t.Errorf("%s: %d", words, a.status)
		}
	}
	a := b.post("/desk/me/tokens", form("name", "lamp sensors", "days", "30", "power", "read", "power", "intake"))
	secret := regexp.MustCompile(`comity_[A-Za-z0-9_-]{40,}`).FindString(a.body)
	if a.status != http.StatusOK || secret == "" {
		t.Fatalf("a token: %d %s", a.status, brief(a.body))
	}
	who, err := c.accounts.Token(t.Context(), secret)
	if err != nil || !who.Actor(nil).Limit().Leaves(authz.Intake) || who.Actor(nil).Limit().Leaves(authz.Do) {
		t.Errorf("the token acts as %+v, %v", who.Actor(nil), err)
	}
	page := b.ok("/desk/me/tokens")
	has(t, page, "lamp sensors")
	hasNot(t, page, secret)
	way := regexp.MustCompile(`/desk/me/tokens/t[a-f0-9]+/revoke`).FindString(page)
	if a := c.as("guiyuan-head").post(way, nil); a.status != http.StatusNotFound {
		t.Errorf("a colleague revokes it: %d", a.status)
	}
	has(t, c.as("keeper").ok("/desk/admin/guiyuan-officer"), "lamp sensors")
	took(t, b.post(way, nil))
	hasNot(t, b.ok("/desk/me/tokens"), "lamp sensors")
}

func Test_at_a_shared_counter_the_one_who_unlocked_it_acts(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-officer")
	if a := b.post("/desk/me/counter", form("pin", "1234")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a short PIN: %d", a.status)
	}
	took(t, b.post("/desk/me/counter", form("pin", "271828")))
	took(t, b.post("/desk/signin", form("login", "guiyuan-clerk", "password", password)))
	took(t, b.post("/desk/me/counter", form("pin", "314159")))
	page := b.ok("/desk/cases/" + string(r.Ref))
	has(t, page, "Shared counter")
	has(t, page, `data-to="/desk/locked"`)
	has(t, page, `<noscript><meta http-equiv="refresh" content="300;url=/desk/locked"`)

	page = b.ok("/desk/locked")
	has(t, page, "<h1>Locked</h1>")
	hasNot(t, page, string(r.Ref))
	if a := b.get("/desk/cases/" + string(r.Ref)); a.status != http.StatusSeeOther {
		t.Errorf("locked, and a case opens: %d", a.status)
	}
	if a := b.post("/desk/unlock", form("who", "guiyuan-clerk", "pin", "271828")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the PIN of another: %d", a.status)
	}
	if a := c.browser().post("/desk/unlock", form("who", "guiyuan-clerk", "pin", "314159")); a.status != http.StatusNotFound {
		t.Errorf("the PIN at another browser: %d", a.status)
	}
	took(t, b.post("/desk/unlock", form("who", "guiyuan-clerk", "pin", "314159")))
	took(t, b.act(r.Ref, "accept"))
	has(t, b.ok("/desk/cases/"+string(r.Ref)), "Name of guiyuan-clerk")
	took(t, b.post("/desk/unlock", form("who", "guiyuan-officer", "pin", "271828")))
	took(t, b.act(r.Ref, "begin"))
	has(t, b.ok("/desk/cases/"+string(r.Ref)), "Name of guiyuan-officer")

	c.set(c.now().Add(account.CounterIdle + time.Second))
	if a := b.act(r.Ref, "answer", "outcome", "solved", "answer", "The slabs were laid again on Tuesday."); a.status != http.StatusForbidden || !strings.Contains(a.body, "locked") {
		t.Errorf("a counter that stood acts: %d", a.status)
	}
	if a := b.get("/desk/cases"); a.to != "/desk/locked" {
		t.Errorf("a counter that stood shows %d to %q", a.status, a.to)
	}
}

func Test_the_first_run_makes_an_administrator_with_the_code_from_the_console_only(t *testing.T) {
	c := newCity(t)
	for _, code := range []string{"", "guess"} {
		if a := c.browser().get("/desk/setup?code=" + code); a.status != http.StatusNotFound {
			t.Errorf("setup in a city that has accounts: %d", a.status)
		}
	}
	if a := c.browser().post("/desk/setup", form("code", "guess", "login", "eve", "name.en", "Eve", "passphrase", "a long passphrase", "again", "a long passphrase")); a.status != http.StatusNotFound {
		t.Errorf("setup by guess: %d", a.status)
	}
}

func Test_an_address_that_guesses_at_invitations_waits(t *testing.T) {
	c := newCity(t)
	b := c.browser()
	var seen []int
	for i := range 40 {
		a := b.get("/desk/welcome/guess-" + strconv.Itoa(i))
		seen = append(seen, a.status)
		if a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			break
		}
	}
	if !slices.Contains(seen, http.StatusTooManyRequests) {
		t.Errorf("forty invitations were tried from one address: %v", seen)
	}
	c.set(c.now().Add(time.Minute))
	took(t, b.post("/desk/signin", form("login", "guiyuan-head", "password", password)))
}
