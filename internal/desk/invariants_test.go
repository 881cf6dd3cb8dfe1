package desk_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/text"
)

func Test_what_is_broken_is_told_to_who_answers_for_the_city_and_to_nobody_else(t *testing.T) {
	c := newCity(t)
	accounts, err := account.New(c.db, account.Config{Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = accounts.Create(t.Context(), account.Account{ID: "mayor", Login: "mayor", Grants: []authz.Grant{{Role: "head", Unit: "linjiang"}}}, password)
	if err != nil {
		t.Fatal(err)
	}
	r := c.report("The pavement is broken near the school.")
	mayor, street := c.as("mayor"), c.as("guiyuan-head")
	if home := mayor.ok("/desk"); !strings.Contains(home, "/desk/invariants") || !strings.Contains(home, "Nobody has looked yet") {
		t.Error("the home does not say that nobody has looked")
	}
	mayor.ok("/desk/invariants")

	found := []ledger.Finding{}
	for _, name := range ledger.Invariants {
		found = append(found, ledger.Finding{Name: name, At: dbtest.Start})
	}
	keep := func() {
		t.Helper()
		if err := c.ledger.Keep(t.Context(), found); err != nil {
			t.Fatal(err)
		}
	}
	keep()
	if home := mayor.ok("/desk"); !strings.Contains(home, fmt.Sprintf("All %d hold", len(ledger.Invariants))) {
		t.Error("the home does not say that all is well")
	}
	found[0].Count, found[0].Examples = 60, []casework.Ref{r.Ref, "SR-26-999999"} // the second one is not theirs to open
	keep()
	if home := mayor.ok("/desk"); !strings.Contains(home, "60 cases need a hand") {
		t.Error("the home does not say what is broken")
	}
	page := mayor.ok("/desk/invariants")
	for _, want := range []string{"/desk/cases/" + string(r.Ref), "and 1 that you may not open", "and 58 more", "Put the unit back into the pack"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "SR-26-999999") {
		t.Error("the page names a case that may not be opened")
	}
	mayor.ok("/desk/invariants?lang=zh-CN")
	mayor.ok("/desk?lang=zh-CN")
	if strings.Contains(street.ok("/desk"), "/desk/invariants") || street.get("/desk/invariants").status != http.StatusNotFound {
		t.Error("a street office is shown the whole city")
	}
}

func Test_each_invariant_has_words_that_say_what_to_do(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range ledger.Invariants {
		for _, lang := range []string{"en", "zh-CN"} {
			for _, key := range []string{"invariant." + name, "invariant." + name + ".way"} {
				if !base.In(lang).Has(key) {
					t.Errorf("%s has no words in %s", key, lang)
				}
			}
		}
	}
}
