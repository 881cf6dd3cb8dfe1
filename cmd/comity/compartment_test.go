package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
)

// refIn is a case of a compartment.
func refIn(t *testing.T, c *city, compartment string) string {
	t.Helper()
	r, ok := c.of(compartment)
	if !ok {
		t.Fatalf("there is no compartment %s", compartment)
	}
	page, err := r.reader.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 1})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("%s holds no case: %v", compartment, err)
	}
	return string(page.Items[0].Ref)
}

func (w *walker) enter(compartment string) answered {
	return w.post("/desk/compartment", url.Values{"compartment": {compartment}}, officer)
}

func Test_a_session_works_in_one_compartment_at_a_time_and_none_knows_the_others(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	refs := map[string]string{}
	for _, name := range procedure.AllCompartments {
		refs[name] = "/desk/cases/" + refIn(t, w.c, name)
	}
	for role, home := range map[string]string{"youth_worker": procedure.Youth, "reentry_worker": procedure.Reentry, "corrections_worker": procedure.Corrections,
		"mental_worker": procedure.Mental, "residence_clerk": procedure.Residence} {
		w.signIn(role)
		if a := w.get("/desk", officer); a.status != http.StatusSeeOther || a.header.Get("Location") != "/desk/compartment" {
			t.Fatalf("%s begins at %d %q", role, a.status, a.header.Get("Location"))
		}
		if a := w.get(refs[home], officer); a.status != http.StatusNotFound {
			t.Errorf("%s opens a case of %s before entering: %d", role, home, a.status)
		}
		if a := w.enter(home); a.status != http.StatusSeeOther {
			t.Fatalf("%s enters %s: %d", role, home, a.status)
		}
		if a := w.get("/desk", officer); a.status != http.StatusOK {
			t.Errorf("%s at home: %d", role, a.status)
		}
		var missing string
		for _, name := range procedure.AllCompartments {
			a := w.get(refs[name], officer)
			switch {
			case name == home && role != "residence_clerk" && a.status != http.StatusOK:
				t.Errorf("%s does not open its own case: %d", role, a.status)
			case name != home && a.status != http.StatusNotFound:
				t.Errorf("%s opens a case of %s: %d", role, name, a.status)
			case name != home && missing != "" && a.alike() != missing:
				t.Errorf("%s can tell a case of %s from none", role, name)
			case name != home:
				missing = a.alike()
			}
			if name != home {
				if a := w.enter(name); a.status != http.StatusNotFound {
					t.Errorf("%s enters %s: %d", role, name, a.status)
				}
			}
		}
		if nobodys := w.get("/desk/cases/ZZ-26-000001", officer); nobodys.alike() != missing {
			t.Errorf("%s can tell a case of another compartment from none", role)
		}
		list := w.get("/desk/cases?unit=&view=all", officer).body
		for name, ref := range refs {
			if name != home && strings.Contains(list, strings.TrimPrefix(ref, "/desk/cases/")) {
				t.Errorf("%s lists a case of %s", role, name)
			}
		}
	}
}

func Test_a_compartment_of_supported_people_is_entered_with_a_fresh_proof_only(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	w.signIn("youth_worker")
	now := w.c.clock.Now()
	defer w.c.clock.Fix(now)
	w.c.clock.Fix(now.Add(11 * time.Minute))
	if a := w.enter(procedure.Youth); a.status != http.StatusForbidden || !strings.Contains(a.body, `name="password"`) {
		t.Fatalf("an old proof: %d", a.status)
	}
	if a := w.get("/desk/cases/"+refIn(t, w.c, procedure.Youth), officer); a.status != http.StatusNotFound {
		t.Errorf("the session was bound all the same: %d", a.status)
	}
}

func Test_no_account_may_hold_roles_of_two_supported_compartments(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	p := w.c.packs.Current()
	unit := func(role string) org.UnitID {
		for _, id := range p.Units.All() {
			if u, _ := p.Units.Unit(id); len(u.Roles) > 0 {
				for _, r := range u.Roles {
					if r == role {
						return id
					}
				}
			}
		}
		t.Fatalf("no unit has %s", role)
		return ""
	}
	err := p.Rules.Conflicts([]authz.Grant{{Role: "youth_worker", Unit: unit("youth_worker")}, {Role: "corrections_worker", Unit: unit("corrections_worker")}})
	if err == nil {
		t.Error("an account may serve two compartments of supported people")
	}
}

func Test_a_follow_code_leads_into_its_own_compartment_and_the_resident_sees_the_matter(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	r, _ := w.c.of(procedure.Reentry)
	page, err := r.reader.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 1})
	if err != nil || len(page.Items) == 0 {
		t.Fatal(err)
	}
	look, err := r.ledger.Look(context.Background(), authz.Holder(string(page.Items[0].ID)), ledger.Ticket{Case: page.Items[0].ID, Purpose: ledger.PurposeOwn, Level: authz.Identity})
	if err != nil {
		t.Fatal(err)
	}
	a := w.get("/f/"+string(look.Case().Code), nobody)
	if a.status != http.StatusOK || !strings.Contains(a.body, string(page.Items[0].Ref)) {
		t.Fatalf("the page of the resident: %d", a.status)
	}
	if looks, err := r.reader.Looks(t.Context(), page.Items[0].ID, 1); err != nil || len(looks) != 1 || looks[0].Purpose != ledger.PurposeOwn {
		t.Errorf("their look was recorded as %+v, %v", looks, err)
	}
}
