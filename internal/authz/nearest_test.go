package authz_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"comity/internal/authz"
	"comity/internal/org"
)

func Test_a_decision_is_the_first_of_all_ways_that_shows_enough(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	table := rules(t)
	units := append([]org.UnitID{"", "nowhere"}, tree(t).All()...)
	unit := func() org.UnitID { return units[r.IntN(len(units))] }
	some := func(list ...string) []string { return list[:r.IntN(len(list)+1)] }
	roles := []authz.Role{"unknown", "officer", "officer", "sampler", "secretary", "keeper", "mentor"}
	opened, refused := 0, 0
	for range 20_000 {
		var grants []authz.Grant
		for range r.IntN(4) {
			grants = append(grants, authz.Grant{Role: roles[r.IntN(len(roles))], Unit: unit(), Programmes: some("service", "dispute")})
		}
		who := authz.Staff("wang", grants).Under(table)
		of := authz.Target{Case: "c", Holder: unit(), Offered: unit(), Programme: []string{"", "service", "dispute", "petition"}[r.IntN(4)], Level: authz.Level(r.IntN(6)),
			Compartment: []string{"", "civic", "youth"}[r.IntN(3)], Assignee: []string{"", "wang", "li"}[r.IntN(3)]}
		if r.IntN(3) == 0 {
			of.Joint = []org.UnitID{unit(), unit()}
		}
		if r.IntN(5) == 0 {
			of.Sealed = unit()
		}
		got, want := table.Decide(who, of), first(table.Ways(who, of), max(of.Level, authz.Steps))
		if want.Why == "" && !want.Allowed {
			want.Why = got.Why // which reason nothing is open for is another test's
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v of %+v:\n got %+v\nwant %+v", grants, of, got, want)
		}
		if got.Allowed {
			opened++
		} else {
			refused++
		}
	}
	if opened < 1000 || refused < 1000 {
		t.Errorf("%d opened and %d refused: too few to tell", opened, refused)
	}
}

// first is the decision as its words have it.
func first(ways []authz.Decision, asked authz.Level) (d authz.Decision) {
	if len(ways) == 0 {
		return d
	}
	d, d.Why = ways[0], authz.WhyLevel
	d.Allowed = false
	most := authz.Level(0)
	for _, w := range ways {
		if !d.Allowed && w.Level >= asked {
			d = w
		}
		most = max(most, w.Level)
	}
	d.Level = most
	return d
}
