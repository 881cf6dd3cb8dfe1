package desk_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/procedure"
)

func Test_a_held_case_asks_for_its_order_and_an_erased_one_says_so(t *testing.T) {
	c := newCity(t)
	r := c.report("the third bench is loose")
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	page := "/desk/cases/" + string(r.Ref) + "?lang=en"
	b := c.as("guiyuan-officer")
	if a := b.get(page); !strings.Contains(a.body, "third bench") {
		t.Fatalf("the officer does not see the case: %d", a.status)
	}
	if _, err := c.ledger.Hold(t.Context(), authz.Machine(), r.Case, "Court 12/2026", time.Now().AddDate(10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if a := b.get(page); strings.Contains(a.body, "bench is loose") || !strings.Contains(a.body, `name="order"`) {
		t.Errorf("a held case is shown, or nobody asks for the order: %d", a.status)
	}
	ask := func(order string) answer {
		return b.post("/desk/cases/"+string(r.Ref)+"/look?lang=en", url.Values{"level": {"story"}, "purpose": {"handle"}, "order": {order}})
	}
	if a := ask("Court 1/2026"); strings.Contains(a.body, "bench is loose") || !strings.Contains(a.body, "kept by order") {
		t.Errorf("another order: %d", a.status)
	}
	if a := ask("Court 12/2026"); !strings.Contains(a.body, "bench is loose") {
		t.Errorf("the order: %d", a.status)
	}
	if _, err := c.ledger.Release(t.Context(), authz.Machine(), r.Case, "Court 12/2026"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ledger.Erase(t.Context(), authz.Machine(), r.Case, ledger.GroundUnlawful, procedure.Law{ID: c.pack.Laws[0], Article: "2"}, ""); err != nil {
		t.Fatal(err)
	}
	a := b.get(page)
	if !strings.Contains(a.body, "has been erased") || !strings.Contains(a.body, "should not have been collected") || strings.Contains(a.body, "bench is loose") {
		t.Errorf("an erased case: %d", a.status)
	}
}
