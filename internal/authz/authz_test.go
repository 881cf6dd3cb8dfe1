package authz_test

import (
	"slices"
	"testing"

	"comity/internal/authz"
	"comity/internal/org"
)

var everyRole = []authz.Role{"clerk", "officer", "head", authz.System, authz.Resident, authz.Importer}

func tree(t *testing.T) *org.Tree {
	t.Helper()
	tree, err := org.NewTree([]org.Unit{
		{ID: "city", Level: org.City},
		{ID: "east", Parent: "city", Level: org.District}, {ID: "east.1", Parent: "east", Level: org.Street},
		{ID: "west", Parent: "city", Level: org.District},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func Test_nobody_may_do_and_read_nothing(t *testing.T) {
	var nobody authz.Actor
	for name, a := range map[string]authz.Actor{"the zero actor": nobody, "staff without an id": authz.Staff("", []authz.Grant{{Role: "head", Unit: "city"}})} {
		for _, need := range []authz.Need{{}, {Roles: everyRole}, {Roles: everyRole, Unit: "city"}, {Roles: everyRole, Case: "1"}} {
			if g, ok := authz.Allow(a, need); ok {
				t.Errorf("%s is allowed %+v under %+v", name, need, g)
			}
		}
		s := a.Scope()
		if s.All || len(s.Roots) > 0 || s.Case != "" || s.Reads(tree(t), "", "city", "") || s.Reads(tree(t), "1", "city", "p") {
			t.Errorf("%s reads %+v", name, s)
		}
		if a.IsStaff() || slices.ContainsFunc(everyRole, a.Is) || a.Is("") {
			t.Errorf("%s is somebody", name)
		}
	}
}

func Test_a_grant_counts_for_its_own_unit_its_role_and_its_programmes(t *testing.T) {
	a := authz.Staff("u1", []authz.Grant{{Role: "officer", Unit: "east", Programmes: []string{"service"}}, {Role: "clerk", Unit: "east"}})
	for name, c := range map[string]struct {
		need authz.Need
		want authz.Role // empty: refused
	}{
		"its own unit":              {authz.Need{Roles: []authz.Role{"officer"}, Unit: "east", Programme: "service"}, "officer"},
		"another programme":         {authz.Need{Roles: []authz.Role{"officer"}, Unit: "east", Programme: "permits"}, ""},
		"a grant for all":           {authz.Need{Roles: []authz.Role{"officer", "clerk"}, Unit: "east", Programme: "permits"}, "clerk"},
		"a unit below":              {authz.Need{Roles: []authz.Role{"officer", "clerk"}, Unit: "east.1", Programme: "service"}, ""},
		"a unit above":              {authz.Need{Roles: []authz.Role{"officer", "clerk"}, Unit: "city", Programme: "service"}, ""},
		"a role not held":           {authz.Need{Roles: []authz.Role{"head"}, Unit: "east", Programme: "service"}, ""},
		"an act nobody may do":      {authz.Need{Unit: "east", Programme: "service"}, ""},
		"an act of the resident":    {authz.Need{Roles: []authz.Role{authz.Resident}, Unit: "east", Case: "1"}, ""},
		"an act of the clock":       {authz.Need{Roles: []authz.Role{authz.System}, Unit: "east"}, ""},
		"an act without unit named": {authz.Need{Roles: []authz.Role{"officer"}, Programme: "service"}, ""},
	} {
		g, ok := authz.Allow(a, c.need)
		if ok != (c.want != "") || g.Role != c.want {
			t.Errorf("%s: %+v, %v; want %q", name, g, ok, c.want)
		}
	}
}

func Test_no_unit_can_grant_a_role_of_the_kernel(t *testing.T) {
	for _, r := range []authz.Role{authz.System, authz.Resident, authz.Importer} {
		a := authz.Staff("u1", []authz.Grant{{Role: r, Unit: "east"}})
		if g, ok := authz.Allow(a, authz.Need{Roles: []authz.Role{r}, Unit: "east"}); ok {
			t.Errorf("a grant of %q lets a person act as %+v", r, g)
		}
		if a.Is(r) {
			t.Errorf("a grant of %q makes a person %q", r, r)
		}
	}
}

func Test_a_resident_may_touch_their_one_case_only(t *testing.T) {
	mine := authz.Holder("1")
	may := func(a authz.Actor, id string) bool {
		_, ok := authz.Allow(a, authz.Need{Roles: []authz.Role{"officer", authz.Resident}, Unit: "east", Case: id})
		return ok
	}
	if !may(mine, "1") || may(mine, "2") || may(mine, "") || may(authz.Reporter(), "1") || !may(authz.Reporter(), "") {
		t.Error("a code opens another case than its own, or not its own")
	}
	if _, ok := authz.Allow(mine, authz.Need{Roles: []authz.Role{"officer"}, Unit: "east", Case: "1"}); ok {
		t.Error("a resident does what an officer does")
	}
	s := mine.Scope()
	if !s.Reads(tree(t), "1", "east", "service") || s.Reads(tree(t), "2", "east", "service") || s.Reads(tree(t), "", "east", "") {
		t.Error("a code reads another case than its own, or not its own")
	}
	if authz.Reporter().Scope().Reads(tree(t), "", "city", "") {
		t.Error("who has no case yet reads one")
	}
}

func Test_an_import_replays_people_but_never_the_clock(t *testing.T) {
	for name, c := range map[string]struct {
		roles []authz.Role
		want  bool
	}{
		"an officer's act": {[]authz.Role{"officer"}, true}, "a resident's act": {[]authz.Role{authz.Resident}, true},
		"officer or clock": {[]authz.Role{authz.System, "officer"}, true}, "the clock's act": {[]authz.Role{authz.System}, false}, "nobody's act": {nil, false},
	} {
		if _, ok := authz.Allow(authz.History("u1"), authz.Need{Roles: c.roles, Unit: "east"}); ok != c.want {
			t.Errorf("%s: %v", name, ok)
		}
	}
	if s := authz.History("u1").Scope(); s.All || s.Reads(tree(t), "1", "east", "") {
		t.Error("an import reads cases")
	}
	if _, ok := authz.Allow(authz.Machine(), authz.Need{Roles: []authz.Role{"officer", authz.Resident}, Unit: "east"}); ok {
		t.Error("the machine does what a person does")
	}
}

func Test_nobody_but_the_machine_reads_everything(t *testing.T) {
	all := []authz.Grant{}
	for _, r := range everyRole {
		all = append(all, authz.Grant{Role: r, Unit: "city"}, authz.Grant{Role: r}, authz.Grant{Role: r, Unit: "*"})
	}
	for name, a := range map[string]authz.Actor{
		"staff with every grant": authz.Staff("u1", all), "staff called system": authz.Staff("system", all),
		"a resident": authz.Holder("1"), "a reporter": authz.Reporter(), "an import": authz.History("system"), "nobody": {},
	} {
		if a.Scope().All || a.Is(authz.System) {
			t.Errorf("%s reads everything", name)
		}
	}
	if !authz.Machine().Scope().All {
		t.Error("the machine's own jobs read nothing")
	}
}

// The ledger writes a worklist line for every unit on the path of the holder and asks for lines
// "unit = root AND (no programmes OR programme IN programmes)". Reads must say the same.
func Test_reading_in_Go_equals_the_where_clause(t *testing.T) {
	tree := tree(t)
	units := append(slices.Clone(tree.All()), "nowhere")
	for _, root := range units {
		for _, programmes := range [][]string{nil, {"service"}, {"service", "permits"}} {
			s := authz.Staff("u1", []authz.Grant{{Role: "clerk", Unit: root, Programmes: programmes}}).Scope()
			for _, unit := range tree.All() {
				for _, programme := range []string{"service", "permits", "parking"} {
					where := slices.Contains(tree.Path(unit), root) && (len(programmes) == 0 || slices.Contains(programmes, programme))
					if got := s.Reads(tree, "1", unit, programme); got != where {
						t.Errorf("root %s of %v, case at %s of %s: Reads %v, WHERE %v", root, programmes, unit, programme, got, where)
					}
				}
			}
		}
	}
}

func Test_what_is_handed_out_cannot_change_the_actor(t *testing.T) {
	given := []authz.Grant{{Role: "clerk", Unit: "east"}}
	a := authz.Staff("u1", given)
	given[0].Unit = "city"
	a.Grants()[0].Unit = "city"
	if _, ok := authz.Allow(a, authz.Need{Roles: []authz.Role{"clerk"}, Unit: "city"}); ok {
		t.Error("an actor can be changed from outside")
	}
}
