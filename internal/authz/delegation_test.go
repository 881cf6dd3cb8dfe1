package authz_test

import (
	"reflect"
	"slices"
	"testing"

	"comity/internal/authz"
)

func away(chosen, held []authz.Grant) authz.Delegation {
	return authz.Delegation{For: "absent", Chosen: chosen, Held: held}
}

func Test_a_deputy_has_what_was_chosen_and_is_still_held_and_nothing_of_their_own(t *testing.T) {
	own := authz.Staff("deputy", []authz.Grant{{Role: "head", Unit: "west"}})
	held := []authz.Grant{{Role: "officer", Unit: "east", Programmes: []string{"service", "permits"}}, {Role: "clerk", Unit: "east"}}
	for name, c := range map[string]struct{ chosen, want []authz.Grant }{
		"one of two":                    {[]authz.Grant{{Role: "clerk", Unit: "east"}}, []authz.Grant{{Role: "clerk", Unit: "east"}}},
		"fewer programmes":              {[]authz.Grant{{Role: "officer", Unit: "east", Programmes: []string{"permits", "petition"}}}, []authz.Grant{{Role: "officer", Unit: "east", Programmes: []string{"permits"}}}},
		"all programmes are those held": {[]authz.Grant{{Role: "officer", Unit: "east"}}, held[:1]},
		"another programme":             {[]authz.Grant{{Role: "officer", Unit: "east", Programmes: []string{"petition"}}}, nil},
		"some of all":                   {[]authz.Grant{{Role: "clerk", Unit: "east", Programmes: []string{"service"}}}, []authz.Grant{{Role: "clerk", Unit: "east", Programmes: []string{"service"}}}},
		"a role no longer held":         {[]authz.Grant{{Role: "head", Unit: "east"}}, nil},
		"a unit never held":             {[]authz.Grant{{Role: "clerk", Unit: "city"}}, nil},
		"a unit below":                  {[]authz.Grant{{Role: "clerk", Unit: "east.1"}}, nil},
		"nothing":                       {nil, nil},
	} {
		a := own.Acting(away(c.chosen, held))
		if !slices.EqualFunc(a.Grants(), c.want, func(x, y authz.Grant) bool { return reflect.DeepEqual(x, y) }) {
			t.Errorf("%s: the deputy has %+v, want %+v", name, a.Grants(), c.want)
		}
		if _, ok := authz.Allow(a, authz.Need{Roles: []authz.Role{"head"}, Unit: "west"}); ok || a.Scope().Reads(tree(t), "1", "west", "service") {
			t.Errorf("%s: a deputy uses their own right under another's name", name)
		}
		if a.ID() != "deputy" || a.For() != "absent" || a.Seat() != "absent" || !slices.Equal(a.Persons(), []string{"deputy", "absent"}) {
			t.Errorf("%s: %q for %q at the seat of %q, persons %v", name, a.ID(), a.For(), a.Seat(), a.Persons())
		}
	}
	if own.Seat() != "deputy" || own.For() != "" || !slices.Equal(own.Persons(), []string{"deputy"}) {
		t.Error("who stands in for nobody stands in for somebody")
	}
}

func Test_a_right_that_was_passed_on_is_not_passed_on_again(t *testing.T) {
	grants := []authz.Grant{{Role: "clerk", Unit: "east"}}
	deputy := authz.Staff("deputy", grants).Acting(away(grants, grants))
	for name, a := range map[string]authz.Actor{
		"a deputy of a deputy": deputy.Acting(authz.Delegation{For: "other", Chosen: grants, Held: grants}),
		"for themselves":       authz.Staff("absent", grants).Acting(away(grants, grants)),
		"for nobody":           authz.Staff("deputy", grants).Acting(authz.Delegation{Chosen: grants, Held: grants}),
		"a resident":           authz.Holder("1").Acting(away(grants, grants)),
		"the machine":          authz.Machine().Acting(away(grants, grants)),
		"nobody":               authz.Actor{}.Acting(away(grants, grants)),
	} {
		if a.ID() != "" || len(a.Grants()) > 0 {
			t.Errorf("%s acts as %q for %q", name, a.ID(), a.For())
		}
	}
}

func Test_who_keeps_accounts_sees_no_case_and_passes_that_on_to_nobody(t *testing.T) {
	keys := []authz.Grant{{Role: authz.Admin, Unit: "city"}}
	a := authz.Staff("keeper", keys)
	if !a.IsStaff() || !a.Keeps(tree(t), "east.1") || len(a.Administers()) != 1 {
		t.Error("a keeper of accounts keeps none")
	}
	if authz.Staff("keeper", []authz.Grant{{Role: authz.Admin, Unit: "east"}}).Keeps(tree(t), "west") {
		t.Error("a keeper of the east keeps the west")
	}
	s := a.Scope()
	if s.All || len(s.Roots) > 0 || s.Reads(tree(t), "1", "city", "service") || s.ReadsSealed("1", "city", "service") || len(a.Grants()) > 0 {
		t.Errorf("a keeper of accounts reads %+v", s)
	}
	if g, ok := authz.Allow(a, authz.Need{Roles: append(slices.Clone(everyRole), authz.Admin), Unit: "city"}); ok {
		t.Errorf("a keeper of accounts acts under %+v", g)
	}
	deputy := authz.Staff("deputy", nil).Acting(away(keys, keys))
	if deputy.Keeps(tree(t), "city") {
		t.Error("a deputy keeps accounts")
	}
	if both := authz.Staff("keeper", append(keys, authz.Grant{Role: "clerk", Unit: "east"})).Acting(away([]authz.Grant{{Role: "clerk", Unit: "west"}}, []authz.Grant{{Role: "clerk", Unit: "west"}})); both.Keeps(tree(t), "east") {
		t.Error("a keeper who stands in for somebody still keeps accounts under that name")
	}
}

func Test_a_token_opens_only_what_was_asked_for(t *testing.T) {
	levels := []authz.Level{authz.Steps, authz.Story, authz.Identity, authz.Caucus}
	for name, c := range map[string]struct {
		limit authz.Limit
		want  []bool
	}{
		"a person":         {authz.Limit{}, []bool{true, true, true, true}},
		"nothing":          {authz.Only(), []bool{false, false, false, false}},
		"everything plain": {authz.Only(authz.Read, authz.Do, authz.Intake, authz.Export), []bool{true, false, false, false}},
		"story":            {authz.Only(authz.Read, authz.Tell), []bool{true, true, false, false}},
		"identity":         {authz.Only(authz.Read, authz.Identify), []bool{true, true, true, false}},
	} {
		for i, level := range levels {
			if got := c.limit.Opens(level); got != c.want[i] {
				t.Errorf("%s opens %v: %v", name, level, got)
			}
		}
	}
	grants := []authz.Grant{{Role: "clerk", Unit: "east"}}
	a := authz.Staff("u1", grants).Limited(authz.Only(authz.Read)).Limited(authz.Limit{}).Limited(authz.Only(authz.Read, authz.Tell))
	if a.Limit().Leaves(authz.Tell) || !a.Limit().Leaves(authz.Read) {
		t.Error("a limit was widened")
	}
	if a = a.Acting(away(grants, grants)); a.Limit().Leaves(authz.Tell) || !a.Limit().Bound() {
		t.Error("standing in for somebody loses the limit")
	}
}
