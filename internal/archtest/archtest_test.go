package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func Test_the_house_keeps_its_walls(t *testing.T) {
	sources, err := Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 50 {
		t.Fatalf("only %d files were found; is this still the top of the project?", len(sources))
	}
	for _, f := range Check(sources) {
		t.Error(f)
	}
}

func Test_every_rule_and_every_exception_says_why(t *testing.T) {
	for _, r := range Rules {
		if r.Name == "" || len(strings.Fields(r.Reason)) < 5 {
			t.Errorf("rule %q has no reason", r.Name)
		}
	}
	for _, e := range slices.Concat(Clocks, Actors, Hans) {
		if len(strings.Fields(e.Reason)) < 4 {
			t.Errorf("the exception for %s has no reason", e.In)
		}
		if _, ok := Rooms[e.In]; !ok && !strings.HasSuffix(e.In, ".go") {
			t.Errorf("the exception for %s is for no room", e.In)
		}
	}
	for name, r := range Rooms {
		if r.Why == "" {
			t.Errorf("room %s does not say what it is", name)
		}
		for _, on := range r.Rooms {
			if _, ok := Rooms["internal/"+on]; !ok && on != "*" {
				t.Errorf("room %s may import %s, which is no room", name, on)
			}
			if r.Kernel && !Rooms["internal/"+on].Kernel {
				t.Errorf("the kernel room %s may import %s, which is above it", name, on)
			}
		}
	}
}

func Test_the_plan_has_no_loop(t *testing.T) {
	var visit func(name string, road []string)
	visit = func(name string, road []string) {
		if slices.Contains(road, name) {
			t.Fatalf("rooms in a loop: %v", append(road, name))
		}
		for _, on := range Rooms["internal/"+name].Rooms {
			visit(on, append(slices.Clone(road), name))
		}
	}
	for name, r := range Rooms {
		if !slices.Contains(r.Rooms, "*") {
			visit(strings.TrimPrefix(name, "internal/"), nil)
		}
	}
}

// Each breach is planted where it must be found, by the rule named and, beside it, by no other.
func Test_a_planted_breach_is_found(t *testing.T) {
	for name, c := range map[string]struct{ rule, file, src string }{
		"a room nobody planned":                   {"room", "internal/gadgets/g.go", "package gadgets"},
		"a programme nobody planned":              {"room", "internal/programme/patrol/p.go", "package patrol"},
		"the kernel imports a room above":         {"imports", "internal/casework/x.go", `package casework; import _ "comity/internal/text"`},
		"a kernel room imports its sibling":       {"imports", "internal/form/x.go", `package form; import _ "comity/internal/org"`},
		"the ledger imports the pack":             {"imports", "internal/ledger/x.go", `package ledger; import _ "comity/internal/pack"`},
		"web learns of the ledger":                {"imports", "internal/web/x.go", `package web; import _ "comity/internal/ledger"`},
		"a foreign module in the kernel":          {"imports", "internal/org/x.go", `package org; import _ "golang.org/x/text/language"`},
		"a foreign module nobody decided on":      {"imports", "internal/desk/x.go", `package desk; import _ "github.com/other/thing"`},
		"a module whose name begins like another": {"imports", "internal/file/x.go", `package file; import _ "golang.org/x/imagery"`},
		"a package imports cmd":                   {"imports", "internal/demo/x.go", `package demo; import _ "comity/cmd/comity"`},
		"the kernel opens files":                  {"kernel", "internal/worktime/x.go", `package worktime; import _ "os"`},
		"the kernel serves pages":                 {"kernel", "internal/casework/x.go", `package casework; import _ "net/http"`},
		"the kernel draws lots":                   {"kernel", "internal/casework/x.go", `package casework; import _ "math/rand/v2"`},
		"the kernel looks at the clock":           {"kernel", "internal/casework/x.go", `package casework; import "time"; var at = time.Now`},
		"the kernel renames the clock":            {"kernel", "internal/casework/x.go", `package casework; import clock "time"; func f() { clock.Sleep(1) }`},
		"the kernel reads the zone of the box":    {"kernel", "internal/worktime/x.go", `package worktime; import "time"; var z = time.Local`},
		"an init function":                        {"no-init", "internal/text/x.go", "package text; func init() {}"},
		"an init function in the kernel":          {"no-init", "internal/org/x.go", "package org; func init() {}"},
		"a driver outside db, in cmd":             {"sql-driver", "cmd/comity/x.go", `package main; import _ "database/sql"`},
		"SQL in a handler":                        {"sql-store", "internal/desk/x.go", "package desk; const q = `SELECT n FROM cases`"},
		"SQL with a line break":                   {"sql-store", "internal/ledger/do.go", "package ledger; const q = `\n\tUPDATE cases\n SET n = 1`"},
		"a table made on the way":                 {"sql-store", "internal/jobs/x.go", "package jobs; func f() string { return \"CREATE TABLE x (n INTEGER)\" }"},
		"a recursive query":                       {"sql-store", "cmd/comity/x.go", "package main; const q = `WITH RECURSIVE up (id) AS (SELECT 1)`"},
		"a handler asks the time":                 {"clock", "internal/portal/x.go", `package portal; import "time"; var n = time.Now()`},
		"a service hands the clock on":            {"clock", "internal/api/x.go", `package api; import "time"; type D struct{ Now func() time.Time }; var d = D{Now: time.Now}`},
		"a surface measures":                      {"clock", "internal/desk/x.go", `package desk; import "time"; func f(t time.Time) { _ = time.Since(t) }`},
		"a desk makes staff":                      {"actors", "internal/desk/x.go", `package desk; import "comity/internal/authz"; var a = authz.Staff("x", nil)`},
		"an api makes a reporter":                 {"actors", "internal/api/x.go", `package api; import "comity/internal/authz"; var a = authz.Reporter()`},
		"an importer under another name":          {"actors", "internal/intake/x.go", `package intake; import z "comity/internal/authz"; var f = z.History`},
		"a phrase in Go":                          {"words", "internal/desk/x.go", "package desk; const s = \"受理\""},
		"a phrase in a rune":                      {"words", "internal/desk/x.go", "package desk; const s = '案'"},
		"a convenient package":                    {"names", "internal/web/x.go", "package helpers"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(c.file, []byte(c.src))
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, r := range Rules {
				for _, f := range r.Apply(s) {
					found = append(found, f.Rule)
				}
			}
			if !slices.Equal(found, []string{c.rule}) {
				t.Errorf("found %v, want one finding by %q", found, c.rule)
			}
		})
	}
}

func Test_a_surface_that_imports_another_is_found_twice_and_a_programme_too(t *testing.T) {
	for _, src := range []string{`package desk; import _ "comity/internal/portal"`, `package desk; import _ "comity/internal/programme/mediation"`} {
		s, err := Parse("internal/desk/x.go", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if found := Check([]*Source{s}); !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == "surfaces" }) {
			t.Errorf("%s: %v", src, found)
		}
	}
}

func Test_what_is_allowed_is_not_found(t *testing.T) {
	for file, src := range map[string]string{
		"internal/ledger/store_x.go": "// Package ledger is here.\npackage ledger\nconst q = `SELECT n FROM cases`",
		"internal/desk/x.go":         "// Package desk is here.\npackage desk\nimport _ \"comity/internal/ledger\"\nconst s = \"Select a unit; update it\" // 受理",
		"internal/casework/x.go":     "// Package casework is here.\npackage casework\nimport \"time\"\nvar zero time.Time\nfunc now() {}",
		"internal/account/x.go":      "// Package account is here.\npackage account\nimport \"comity/internal/authz\"\nvar a = authz.Staff(\"x\", nil)",
		"cmd/comity/x.go":            "// Command comity is here.\npackage main\nimport (\"time\"; _ \"comity/internal/desk\")\nvar n = time.Now()",
		"internal/web/x.go":          "// Package web is here.\npackage web\ntype d struct { F int `json:\"受\"` }",
	} {
		s, err := Parse(file, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Check([]*Source{s}) {
			t.Error(f)
		}
	}
}

func Test_a_package_without_a_comment_is_found(t *testing.T) {
	a, err := Parse("internal/desk/a.go", []byte("package desk"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("internal/desk/b.go", []byte("// Package desk is what officers see.\npackage desk"))
	if err != nil {
		t.Fatal(err)
	}
	if got := Check([]*Source{a}); len(got) != 1 || got[0].Rule != "package-comment" {
		t.Errorf("found %v", got)
	}
	if got := Check([]*Source{a, b}); len(got) != 0 {
		t.Errorf("one file may carry the comment for all: %v", got)
	}
}
