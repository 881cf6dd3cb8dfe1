package org_test

import (
	"slices"
	"strings"
	"testing"

	"comity/internal/org"
)

// small is a city with two districts, a street with two communities, and one community with a group.
func small() []org.Unit {
	return []org.Unit{
		{ID: "city", Level: org.City, Roles: []string{"head"}},
		{ID: "east", Parent: "city", Level: org.District, Roles: []string{"head", "officer"}},
		{ID: "west", Parent: "city", Level: org.District, Roles: []string{"clerk"}},
		{ID: "street", Parent: "east", Level: org.Street, Roles: []string{"clerk"}},
		{ID: "oak", Parent: "street", Level: org.Community},
		{ID: "elm", Parent: "street", Level: org.Community, Roles: []string{"officer"}},
		{ID: "elm.1", Parent: "elm", Level: org.Group},
	}
}

func build(t *testing.T) *org.Tree {
	t.Helper()
	tree, err := org.NewTree(small())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func Test_a_tree_that_does_not_hold_together_is_refused(t *testing.T) {
	for name, c := range map[string]struct {
		more []org.Unit
		want string
	}{
		"a unit listed twice":     {append(small(), org.Unit{ID: "elm", Parent: "city", Level: org.District}), `"elm" is listed twice`},
		"a parent nobody knows":   {append(small(), org.Unit{ID: "new", Parent: "south", Level: org.Street}), `parent "south" is not a unit`},
		"two roots":               {append(small(), org.Unit{ID: "other", Level: org.City}), "one root"},
		"no root":                 {[]org.Unit{{ID: "a", Parent: "b", Level: org.City}, {ID: "b", Parent: "a", Level: org.City}}, "needs one root"},
		"no units at all":         {nil, "needs one root"},
		"a loop beside the root":  {append(small(), org.Unit{ID: "a", Parent: "b", Level: org.Street}, org.Unit{ID: "b", Parent: "a", Level: org.Street}), "loop"},
		"a unit above itself":     {append(small(), org.Unit{ID: "a", Parent: "a", Level: org.Street}), "loop"},
		"a parent on lower level": {append(small(), org.Unit{ID: "new", Parent: "elm", Level: org.Street}), `parent "elm" is on a lower level (community)`},
		"a unit without id":       {append(small(), org.Unit{Parent: "city", Level: org.Street}), "no id"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := org.NewTree(c.more); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func Test_a_department_may_stand_on_the_level_of_its_parent(t *testing.T) {
	if _, err := org.NewTree(append(small(), org.Unit{ID: "roads", Parent: "east", Level: org.District})); err != nil {
		t.Error(err)
	}
}

func Test_paths_lead_to_the_root_and_everything_is_under_them(t *testing.T) {
	tree := build(t)
	if got := tree.Path("elm.1"); !slices.Equal(got, []org.UnitID{"elm.1", "elm", "street", "east", "city"}) {
		t.Errorf("path %v", got)
	}
	if len(tree.Path("nowhere")) > 0 || tree.Under("nowhere", "nowhere") || tree.Under("city", "nowhere") || tree.Under("nowhere", "elm") {
		t.Error("an unknown unit stands somewhere")
	}
	for _, top := range tree.All() {
		for _, id := range tree.All() {
			if tree.Under(top, id) != slices.Contains(tree.Path(id), top) {
				t.Errorf("Under(%s, %s) contradicts the path", top, id)
			}
		}
	}
	if _, ok := tree.Superior("city"); ok {
		t.Error("somebody is above the root")
	}
	if up, ok := tree.Superior("elm"); !ok || up != "street" {
		t.Errorf("above elm is %q", up)
	}
	if got := tree.All(); got[0] != "city" || slices.Index(got, "elm") < slices.Index(got, "street") || len(got) != len(small()) {
		t.Errorf("order %v", got)
	}
}

func Test_the_common_superior_stands_strictly_above_both(t *testing.T) {
	tree := build(t)
	for _, c := range []struct {
		name       string
		a, b, want org.UnitID
	}{
		{"siblings", "oak", "elm", "street"}, {"cousins", "elm.1", "oak", "street"}, {"across districts", "elm", "west", "city"},
		{"one above the other", "elm", "street", "east"}, {"a district and its street", "east", "street", "city"},
		{"a unit and itself", "elm", "elm", "street"}, {"the root and a unit", "city", "elm", "city"}, {"the root and itself", "city", "city", "city"},
	} {
		if got, back := tree.CommonSuperior(c.a, c.b), tree.CommonSuperior(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%s: %s and %s, want %s", c.name, got, back, c.want)
		}
	}
}

func Test_roles_are_counted_by_level(t *testing.T) {
	at := build(t).RolesAt()
	if !at[org.City]["head"] || at[org.City]["officer"] || !at[org.District]["officer"] || !at[org.District]["clerk"] || at[org.Street]["officer"] || len(at[org.Group]) > 0 || at[org.Group] == nil {
		t.Errorf("%v", at)
	}
}

func Test_levels_are_read_as_they_are_written(t *testing.T) {
	for l := org.City; l <= org.Group; l++ {
		if got, err := org.ParseLevel(l.String()); err != nil || got != l {
			t.Errorf("%s: %v, %v", l, got, err)
		}
	}
	for _, bad := range []string{"", "village", "City", "level(0)"} {
		if l, err := org.ParseLevel(bad); err == nil {
			t.Errorf("%q is %v", bad, l)
		}
	}
}
