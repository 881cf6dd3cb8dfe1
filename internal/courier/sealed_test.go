package courier_test

import (
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger/ledgertest"
)

func Test_a_notice_to_a_unit_says_nothing_of_what_a_sealed_case_is_about(t *testing.T) {
	p := ledgertest.Petitions(t, "../../packs/demo")
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newCity(t, d, p, set)
		for class, sealed := range map[string]bool{"A": false, "B": true} {
			cmd, err := intake.Command(p, intake.Report{Category: ledgertest.Petition, Title: "About the quay", Text: "Words.", Unit: community, Source: "web",
				Contact: mobile, Fields: map[string]string{"class": class}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
			if err != nil {
				t.Fatal(err)
			}
			told := map[string]string{}
			for _, m := range c.carry() {
				told[m.Recipient] = m.Body
			}
			if len(told) != 2 || !strings.Contains(told["resident"], "About the quay") || !strings.Contains(told["unit"], string(r.Ref)) {
				t.Fatalf("class %s: told %v", class, told)
			}
			if hidden := !strings.Contains(told["unit"], "About the quay") && strings.Contains(told["unit"], "保密件"); hidden != sealed {
				t.Errorf("class %s: the unit is told %s", class, told["unit"])
			}
			if strings.Contains(told["unit"], string(r.Code)) {
				t.Errorf("class %s: the unit is told the code", class)
			}
		}
	})
}
