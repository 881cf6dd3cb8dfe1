package desk_test

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
)

func TestWho_sees_a_case_is_told_to_those_who_see_it(t *testing.T) {
	c := newCity(t)
	r := c.report("A loose tile.")
	path := "/desk/cases/" + string(r.Ref) + "/who"
	b := c.as("guiyuan-officer")
	has(t, b.ok("/desk/cases/"+string(r.Ref)), path)
	page := html.UnescapeString(b.ok(path))
	for _, want := range []string{"You see up to: whose it is. You do as Officer of Guiyuan Subdistrict: the unit has the case.",
		"Not open to you: what was said in confidence.", "the unit stands above", "Head of unit · ", "Binjiang District", "Nobody else sees it."} {
		has(t, page, want)
	}
	hasNot(t, page, "Name of guiyuan-clerk") // people are unfolded one role at a time
	hasNot(t, page, "Donghu")
	hasNot(t, page, "Ganyuan Community") // below the unit that holds it
	above := html.UnescapeString(c.as("binjiang-head").ok(path))
	has(t, above, "You see up to: what it is about. You do as Head of unit of Binjiang District: the unit stands above.")
	has(t, above, "you say what for")
	for _, who := range []string{"donghu-head", "ganyuan-officer"} {
		if a := c.as(who).get(path); a.status != http.StatusNotFound {
			t.Errorf("%s, who does not see the case, is told who does: %d", who, a.status)
		}
	}
}

func TestThe_people_of_a_role_are_unfolded_page_by_page(t *testing.T) {
	c := newCity(t)
	r := c.report("A loose tile.")
	for i := range 60 {
		login := fmt.Sprintf("zz-%03d", i)
		_, err := accountsOf(c).Create(t.Context(), account.Account{ID: login, Login: login, Name: map[string]string{"en": "Person " + login}, Grants: []authz.Grant{{Role: "clerk", Unit: "binjiang"}}}, password)
		if err != nil {
			t.Fatal(err)
		}
	}
	b := c.as("guiyuan-officer")
	path := "/desk/cases/" + string(r.Ref) + "/who"
	has(t, b.ok(path), "60 people")
	first := html.UnescapeString(b.ok(path + "?unit=binjiang&role=clerk"))
	has(t, first, "Person zz-000")
	has(t, first, "what it is about")
	hasNot(t, first, "Person zz-050")
	_, rest, _ := strings.Cut(first, `rel="next" href="`)
	next, _, _ := strings.Cut(rest, `"`)
	second := b.ok(strings.TrimSuffix(next, "#people"))
	has(t, second, "Person zz-059")
	hasNot(t, second, "Person zz-049")
	for _, other := range []string{"?unit=donghu&role=head", "?unit=guiyuan-ganyuan&role=officer", "?unit=binjiang&role=nobody"} {
		if page := b.ok(path + other); strings.Contains(page, "Name of donghu") || strings.Contains(page, "Name of ganyuan") || strings.Contains(page, `id="people"`) {
			t.Errorf("%s unfolds people who do not see the case", other)
		}
	}
}

func TestA_sealed_case_tells_that_its_unit_alone_sees_it(t *testing.T) {
	c := petitions(t)
	r := c.petition("B", "Secret words about the quay.")
	page := html.UnescapeString(c.as("guiyuan-officer").ok("/desk/cases/" + string(r.Ref) + "/who"))
	has(t, page, "not even that it exists")
	hasNot(t, page, "the unit stands above")
	if a := c.as("binjiang-head").get("/desk/cases/" + string(r.Ref) + "/who"); a.status != http.StatusNotFound {
		t.Errorf("above the seal the page answers %d", a.status)
	}
}

func TestWho_keeps_the_accounts_sees_no_case_and_opens_none(t *testing.T) {
	c := newCity(t)
	r := c.report("A loose tile.")
	b := c.as("keeper")
	for _, path := range []string{"", "/who"} {
		if a := b.get("/desk/cases/" + string(r.Ref) + path); a.status != http.StatusNotFound {
			t.Errorf("the case answers %d to who keeps the accounts", a.status)
		}
	}
	hasNot(t, b.get("/desk/cases?view=open").body, string(r.Ref))
	a, err := accountsOf(c).ByID(t.Context(), "keeper")
	if err != nil {
		t.Fatal(err)
	}
	open := &casework.Opening{Unit: "linjiang", Title: "x", Text: "x", Category: "road.pavement", Source: "desk"}
	if _, err := c.ledger.Do(t.Context(), a.Actor(c.pack.Rules), casework.Command{Open: open}); err == nil {
		t.Error("who keeps the accounts writes down a case")
	}
}

func accountsOf(c *city) *account.Store {
	c.t.Helper()
	s, err := account.New(c.db, account.Config{Hashing: account.Cheap()})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}
