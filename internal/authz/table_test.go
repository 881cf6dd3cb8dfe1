package authz_test

import (
	"errors"
	"slices"
	"testing"

	"comity/internal/authz"
	"comity/internal/org"
)

func rule(reach authz.Reach, level authz.Level, programmes ...string) authz.Rule {
	return authz.Rule{Reach: reach, Level: level, Programmes: programmes}
}

// rules is a small pack's table.
func rules(t *testing.T) *authz.Table {
	return authz.NewTable(tree(t), []authz.Declared{
		{Role: "officer", Reads: []authz.Rule{rule(authz.Own, authz.Identity), rule(authz.Joint, authz.Story), rule(authz.Subtree, authz.Story)}},
		{Role: "sampler", Reads: []authz.Rule{rule(authz.Subtree, authz.Steps, "service")}},
		{Role: "secretary", Reads: []authz.Rule{rule(authz.Own, authz.Story)}},
		{Role: "keeper", Admin: true, Reads: []authz.Rule{rule(authz.Subtree, authz.Caucus)}},
		{Role: "mentor", Compartment: "youth", Supported: true, Reads: []authz.Rule{rule(authz.Own, authz.Caucus)}},
		{Role: "nurse", Compartment: "mental", Supported: true, Reads: []authz.Rule{rule(authz.Own, authz.Caucus)}},
	}, [][2]authz.Role{{"officer", "sampler"}})
}

func held(id string, grants ...authz.Grant) authz.Actor { return authz.Staff(id, grants) }

func in(role authz.Role, unit org.UnitID, programmes ...string) authz.Grant {
	return authz.Grant{Role: role, Unit: unit, Programmes: programmes}
}

func Test_a_decision_names_the_nearest_ground_and_the_most_that_is_open(t *testing.T) {
	table := rules(t)
	held := held
	plain := authz.Target{Case: "1", Holder: "east.1", Offered: "west", Programme: "service", Assignee: "ann"}
	joint := plain
	joint.Joint = []org.UnitID{"west"}
	joint.Offered = ""
	sealed := plain
	sealed.Sealed = "east.1"
	for name, c := range map[string]struct {
		who    authz.Actor
		of     authz.Target
		ground authz.Ground // empty: refused
		level  authz.Level
		why    string
	}{
		"whom it was given to":               {held("ann", in("officer", "east.1")), plain, authz.ByAssignee, authz.Identity, ""},
		"a colleague":                        {held("bo", in("officer", "east.1")), plain, authz.ByHolder, authz.Identity, ""},
		"the unit it is offered to":          {held("bo", in("officer", "west")), plain, authz.ByOffered, authz.Identity, ""},
		"a unit that joined":                 {held("bo", in("officer", "west")), joint, authz.ByJoint, authz.Story, ""},
		"the unit above":                     {held("bo", in("officer", "city")), plain, authz.BySuperior, authz.Story, ""},
		"the assignee's name on another":     {held("ann", in("officer", "city")), plain, authz.BySuperior, authz.Story, ""},
		"both above and in the unit":         {held("bo", in("officer", "city"), in("officer", "east.1")), plain, authz.ByHolder, authz.Identity, ""},
		"a role for one programme":           {held("bo", in("sampler", "city")), plain, authz.BySuperior, authz.Steps, ""},
		"a grant for another":                {held("bo", in("sampler", "city", "permits")), plain, "", 0, authz.WhyProgramme},
		"a role that reaches its own":        {held("bo", in("secretary", "city")), plain, "", 0, authz.WhyUnit},
		"the unit beside":                    {held("bo", in("officer", "east")), authz.Target{Holder: "west", Programme: "service"}, "", 0, authz.WhyUnit},
		"a role nobody declared":             {held("bo", in("mayor", "city")), plain, "", 0, authz.WhyRole},
		"who keeps the accounts":             {held("bo", in("keeper", "city")), plain, "", 0, authz.WhyRole},
		"who holds nothing":                  {held("bo"), plain, "", 0, authz.WhyNobody},
		"a role of another compartment":      {held("bo", in("mentor", "east.1")), plain, "", 0, authz.WhyCompartment},
		"the unit a case is sealed to":       {held("ann", in("officer", "east.1")), sealed, authz.ByAssignee, authz.Identity, ""},
		"above the unit it is sealed to":     {held("bo", in("officer", "east")), sealed, "", 0, authz.WhySealed},
		"an import":                          {authz.History("bo"), plain, "", 0, authz.WhyNobody},
		"nobody":                             {authz.Actor{}, plain, "", 0, authz.WhyNobody},
		"the resident":                       {authz.Holder("1"), plain, authz.ByCode, authz.Identity, ""},
		"another resident":                   {authz.Holder("2"), plain, "", 0, authz.WhyUnit},
		"somebody with a new matter":         {authz.Reporter(), authz.Target{Holder: "west"}, "", 0, authz.WhyUnit},
		"the machine":                        {authz.Machine(), plain, authz.ByMachine, authz.Caucus, ""},
		"a mentor in the mentor's own place": {held("bo", in("mentor", "east.1")), authz.Target{Holder: "east.1", Compartment: "youth"}, authz.ByHolder, authz.Caucus, ""},
	} {
		d := table.Decide(c.who, c.of)
		if d.Allowed != (c.ground != "") || d.Ground != c.ground || d.Level != c.level || d.Why != c.why {
			t.Errorf("%s: %+v; want ground %q, level %q, why %q", name, d, c.ground, c.level, c.why)
		}
	}
}

func Test_a_rule_that_opens_a_case_does_not_open_more_of_it(t *testing.T) {
	of := authz.Target{Holder: "east", Programme: "service", Level: authz.Identity}
	d := rules(t).Decide(held("bo", in("officer", "city")), of)
	if d.Allowed || d.Why != authz.WhyLevel || d.Level != authz.Story || d.Ground != authz.BySuperior || d.Grant.Unit != "city" {
		t.Errorf("%+v", d)
	}
	of.Level = authz.Caucus
	if d := rules(t).Decide(authz.Holder("1"), authz.Target{Case: "1", Level: authz.Caucus}); d.Allowed || d.Why != authz.WhyLevel {
		t.Errorf("a code opens what the other party said in confidence: %+v", d)
	}
}

func Test_without_rules_nothing_is_open(t *testing.T) {
	who := held("bo", in("officer", "city"))
	of := authz.Target{Case: "1", Holder: "city", Programme: "service"}
	var none *authz.Table
	for name, a := range map[string]authz.Actor{"the nil table": who.Under(none), "an empty table": who.Under(authz.NewTable(tree(t), nil, nil))} {
		if s := a.Scope(); len(s.Roots) > 0 || s.All || a.Decide(tree(t), of).Allowed || len(a.Opens(in("officer", "city"))) > 0 {
			t.Errorf("%s opens %+v", name, s)
		}
	}
	if none.Decide(who, of).Allowed || len(none.Ways(who, of)) > 0 || len(none.Seers(of, []authz.Holding{{Grant: in("officer", "city"), People: 1}})) > 0 {
		t.Error("the nil table decides for somebody")
	}
	if d := who.Decide(tree(t), of); !d.Allowed || d.Level != authz.Identity {
		t.Errorf("a person of a story, under no table, does not read their own unit: %+v", d)
	}
}

func Test_a_role_counts_in_its_own_compartment_only(t *testing.T) {
	a := held("bo", in("mentor", "east"), in("officer", "east")).Under(rules(t))
	if s := a.Scope(); s.Level(tree(t), authz.Target{Holder: "east"}) != authz.Identity {
		t.Errorf("in the civic compartment: %+v", s)
	}
	if s := a.In("civic").Scope(); len(s.Roots) != len(a.Scope().Roots) {
		t.Error("the civic compartment has two names with two meanings")
	}
	if s := a.In("youth").Scope(); len(s.Roots) != 1 || s.Roots[0].Level != authz.Caucus {
		t.Errorf("in the mentor's compartment: %+v", s)
	}
	if s := a.In("mental").Scope(); len(s.Roots) != 0 {
		t.Errorf("in a third: %+v", s)
	}
}

func Test_grants_that_one_account_may_not_hold_together_are_refused(t *testing.T) {
	for name, c := range map[string]struct {
		grants []authz.Grant
		want   string
	}{
		"nothing":                       {nil, ""},
		"a role nobody declared":        {[]authz.Grant{in("mayor", "city")}, "grant.unknown"},
		"who acts and who re-checks":    {[]authz.Grant{in("sampler", "east"), in("officer", "east")}, "grant.exclusive"},
		"the same in two units":         {[]authz.Grant{in("sampler", "east"), in("officer", "west")}, ""},
		"two kinds of supported people": {[]authz.Grant{in("mentor", "east"), in("nurse", "west")}, "grant.compartments"},
		"one kind in two units":         {[]authz.Grant{in("mentor", "east"), in("mentor", "west"), in("officer", "west")}, ""},
		"accounts and cases":            {[]authz.Grant{in("officer", "east"), in("keeper", "city")}, "grant.admin"},
		"accounts alone":                {[]authz.Grant{in("keeper", "city"), in("keeper", "east")}, ""},
	} {
		err := rules(t).Conflicts(c.grants)
		conflict, _ := errors.AsType[*authz.Conflict](err)
		if (err == nil) != (c.want == "") || err != nil && (conflict == nil || "grant."+conflict.Kind != c.want || err.Error() == "") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	var none *authz.Table
	if none.Conflicts([]authz.Grant{in("officer", "east")}) == nil {
		t.Error("without rules a grant is given")
	}
}

func Test_who_sees_a_case_is_told_by_unit_and_role_nearest_first(t *testing.T) {
	of := authz.Target{Holder: "east.1", Offered: "west", Programme: "service", Assignee: "ann"}
	table := rules(t)
	if got, want := table.Concerned(of), []org.UnitID{"east.1", "east", "city", "west"}; !slices.Equal(got, want) {
		t.Errorf("concerned are %v, want %v", got, want)
	}
	got := table.Seers(of, []authz.Holding{
		{in("sampler", "city"), 2}, {in("officer", "city"), 3}, {in("officer", "city", "service"), 1}, {in("officer", "city", "permits"), 9},
		{in("officer", "west"), 4}, {in("officer", "east.1"), 5}, {in("secretary", "east"), 6}, {in("keeper", "city"), 1},
	})
	want := []authz.Seer{
		{Unit: "east.1", Role: "officer", People: 5, Ground: authz.ByHolder, Level: authz.Identity},
		{Unit: "west", Role: "officer", People: 4, Ground: authz.ByOffered, Level: authz.Identity},
		{Unit: "city", Role: "officer", People: 4, Ground: authz.BySuperior, Level: authz.Story},
		{Unit: "city", Role: "sampler", People: 2, Ground: authz.BySuperior, Level: authz.Steps},
	}
	same := func(a, b authz.Seer) bool {
		return a.Unit == b.Unit && a.Role == b.Role && a.People == b.People && a.Ground == b.Ground && a.Level == b.Level && a.Rule.Level == a.Level
	}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("got %+v", got)
	}
	of.Sealed = "east.1"
	if got := table.Concerned(of); !slices.Equal(got, []org.UnitID{"east.1"}) {
		t.Errorf("of a sealed case concerned are %v", got)
	}
}
