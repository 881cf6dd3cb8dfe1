package pack

import (
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/authz"
	"comity/internal/org"
)

func Test_a_role_that_cannot_work_is_refused_where_it_stands(t *testing.T) {
	for name, c := range map[string]struct{ yaml, want string }{
		"a role nobody declares": {"roles: []", `roles.yaml" is not`},
		"an administrator who reads": {"roles:\n  - {id: clerk, admin: true, name: {en: Clerk}, reads: [{reach: own, level: story}]}\n",
			`base/nation/roles.yaml:2:56: role "clerk": an administrator manages accounts and sees no case; take out reads, or admin`},
		"an administrator who acts": {"roles:\n  - {id: clerk, admin: true, name: {en: Clerk}}\n", `role "clerk" is an administrator's: it does no acts and holds no cases`},
		"an unknown reach":          {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: all, level: story}]}\n", `reach "all" is not one of [own subtree joint]`},
		"an unknown level":          {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: everything}]}\n", `level "everything" is not one of [steps story identity caucus]`},
		"an unknown programme":      {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: story, programmes: [spying]}]}\n", `programme "spying" is not listed in pack.yaml`},
		"an unknown compartment":    {"roles:\n  - {id: clerk, compartment: cellar, name: {en: Clerk}, reads: [{reach: own, level: story}]}\n", `compartment "cellar" is not one of`},
		"another compartment":       {"roles:\n  - {id: clerk, compartment: youth, name: {en: Clerk}, reads: [{reach: own, level: story}]}\n", `role "clerk" counts in compartment youth, but the cases of this procedure lie in civic`},
		"the clock as a role":       {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: story}]}\n  - {id: system, name: {en: System}}\n", `role "system" is the system's own`},
		"a role listed twice":       {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: story}]}\n  - {id: clerk, name: {en: Clerk}}\n", `role "clerk" is listed twice`},
		"a pair with itself":        {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: story}]}\nexclusive:\n  - {id: x, roles: [clerk, clerk], why: {en: No}}\n", `exclusive "x": name two different roles`},
		"a pair with a stranger":    {"roles:\n  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: story}]}\nexclusive:\n  - {id: x, roles: [clerk, mayor], why: {en: No}}\n", `exclusive "x": role "mayor" is not declared here`},
	} {
		files := country()
		files["nation/roles.yaml"] = c.yaml
		want := strings.ReplaceAll(c.want, `roles.yaml" is not`, `role "clerk" is not declared in roles.yaml, so nobody who holds it could read a case`)
		if _, err := LoadFrom(fsOf(files), "city", memory); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %s, got:\n%v", name, want, err)
		}
	}
	files := country()
	delete(files, "nation/roles.yaml")
	if _, err := LoadFrom(fsOf(files), "city", memory); err == nil || !strings.Contains(err.Error(), "roles.yaml:1:1: the file is missing; declare in it what these roles may read: clerk") {
		t.Errorf("without the file: %v", err)
	}
}

func Test_a_role_nobody_uses_is_odd_and_a_city_changes_what_the_nation_says_of_one(t *testing.T) {
	files := country()
	files["city/roles.yaml"] = "roles:\n  - {id: clerk, reads: [{reach: own, level: steps, programmes: [help]}]}\n  - {id: herald, name: {en: Herald}, reads: [{reach: own, level: story}]}\n  - {id: admin, admin: true, name: {en: Administrator}}\n"
	p := loadCity(t, files)
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], `roles.yaml:3:5: role "herald" is declared, but no act and no unit names it`) {
		t.Errorf("warnings are %q", p.Warnings)
	}
	clerk, ok := p.Role("clerk")
	if !ok || len(clerk.Reads) != 1 || clerk.Reads[0].Level != authz.Steps || clerk.Reads[0].Reach != authz.Own || p.Texts["en"]["desk.role.clerk"] != "Clerk" {
		t.Errorf("the clerk is %+v", clerk)
	}
	of := authz.Target{Holder: "east", Programme: "help"}
	see := func(unit, programme string) bool {
		of.Programme = programme
		return len(p.Rules.Through(authz.Grant{Role: "clerk", Unit: org.UnitID(unit)}, of)) > 0
	}
	if !see("east", "help") || see("town", "help") || see("east", "other") {
		t.Error("the table does not say what the file says")
	}
}

func Test_a_version_kept_from_before_there_were_roles_loads_without(t *testing.T) {
	m := fsOf(country())
	delete(m, "nation/roles.yaml")
	sub := fstest.MapFS{}
	for name, f := range m {
		if rest, ok := strings.CutPrefix(name, "city/"); ok {
			sub[rest] = f
		} else {
			sub["base/"+name] = f
		}
	}
	p, err := LoadKept(sub)
	if err != nil {
		t.Fatal(err)
	}
	if p.Rules != nil {
		t.Error("it has rules nobody wrote")
	}
}
