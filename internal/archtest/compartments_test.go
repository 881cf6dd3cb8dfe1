package archtest

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"
)

func Test_a_room_that_holds_two_compartments_is_found(t *testing.T) {
	const head = "// Package bulk is a room.\npackage bulk\nimport \"comity/internal/ledger\"\n"
	for name, src := range map[string]string{
		"a list of ledgers":                   head + "type B struct{ all []*ledger.Ledger }",
		"a table of readers":                  head + "type B struct{ all map[string]*ledger.Reader }",
		"two ledgers":                         head + "type B struct{ civic, youth *ledger.Ledger }",
		"two fields":                          head + "type B struct{ a *ledger.Ledger; b *ledger.Ledger }",
		"a list of what holds one":            head + "type B struct{ l *ledger.Ledger }\nvar all []B",
		"a list of what holds what holds one": head + "type B struct{ l *ledger.Ledger }\ntype C struct{ B }\nfunc f(all ...*C) {}",
	} {
		s, err := Parse("internal/bulk/x.go", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if found := Check([]*Source{s}); !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == "crossings" }) {
			t.Errorf("%s: found %v", name, found)
		}
	}
	s, err := Parse("internal/bulk/x.go", []byte(head+"type B struct{ l *ledger.Ledger; r *ledger.Reader }\nvar b B"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Check([]*Source{s}) {
		t.Error(f)
	}
}

func Test_a_room_that_opens_another_ring_is_found(t *testing.T) {
	for _, call := range []string{`vault.Open("keys", "youth", "std")`, `vault.Memory("youth", "std")`, `vault.FromSeed("youth", "std", nil)`} {
		s, err := Parse("internal/ledger/x.go", []byte("// Package ledger is a room.\npackage ledger\nimport \"comity/internal/vault\"\nvar r, _ = "+call))
		if err != nil {
			t.Fatal(err)
		}
		if found := Check([]*Source{s}); len(found) != 1 || found[0].Rule != "rings" {
			t.Errorf("%s: found %v", call, found)
		}
	}
}

func Test_exceptions_of_compartments_say_why(t *testing.T) {
	for _, e := range slices.Concat(Rings, Crossings) {
		if len(strings.Fields(e.Reason)) < 6 {
			t.Errorf("the exception for %s has no reason", e.In)
		}
	}
}

// The compiler itself is asked: programs that mix the pseudonyms of two compartments do not type-check.
func Test_a_program_that_mixes_pseudonyms_of_two_compartments_does_not_compile(t *testing.T) {
	fset := token.NewFileSet()
	subject, err := os.ReadFile("../vault/subject.go")
	if err != nil {
		t.Fatal(err)
	}
	const around = `package vault
type Compartment string
type Ring struct{}
func (*Ring) Compartment() Compartment { return "" }
func (*Ring) Index(kind, value string) string { return "" }
func (*Ring) Pseudonym(kind, value string) (string, bool) { return "", false }
`
	from := importer.ForCompiler(fset, "source", nil)
	check := func(body string) error {
		var files []*ast.File
		for name, src := range map[string]string{"subject.go": string(subject), "around.go": around, "body.go": "package vault\nfunc take[C Place](a, b Subject[C]) {}\nfunc mix(y Subject[Youth], m Subject[Mental]) {\n" + body + "\n}"} {
			f, err := parser.ParseFile(fset, name, src, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		_, err := (&types.Config{Importer: from}).Check("vault", fset, files, nil)
		return err
	}
	for _, sound := range []string{"y = y; _ = m", "take(y, y)", "_ = y == y", "var n Subject[Youth] = y; _ = n"} {
		if err := check(sound); err != nil {
			t.Errorf("%s: %v", sound, err)
		}
	}
	for _, mixed := range []string{"y = m", "y = Subject[Youth](m)", "_ = y == m", "take(y, m)", "_ = []Subject[Youth]{y, m}", "_ = map[Subject[Youth]]int{m: 1}", "func(Subject[Mental]) {}(y)"} {
		if err := check(mixed); err == nil {
			t.Errorf("%s compiles", mixed)
		}
	}
}
