package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule is one reason for a "no" that some line of Go can give.
type rule struct {
	name, where string
	kind        string            // refusal or problem
	params      map[string]string // figures that go along; nil: not known to this test
}

// wordsFor lists where the surfaces look for the words of a rule.
func wordsFor(r rule) []string {
	switch r.kind {
	case "Problem", "problem", "fail":
		return []string{"problem." + r.name, "api.problem." + r.name}
	case "Refusal", "refuse":
		return []string{"refusal." + r.name}
	case "Refused", "fileRefused":
		return []string{"problem." + r.name, "refusal." + r.name, "web.problem." + r.name}
	case "HeaderError":
		return []string{"import.header." + r.name}
	case "plain", "build":
		return []string{"refusal." + r.name, "api.refusal." + r.name}
	}
	return []string{"problem." + r.name, "refusal." + r.name, "api.problem." + r.name}
}

var ruleName = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.ArrayType:
		return nameOf(e.Elt)
	case *ast.StarExpr:
		return nameOf(e.X)
	}
	return ""
}

// rulesIn finds the rules one file names: in literals of refusals and problems, in calls that make
// them, and in what is assigned to a variable called rule.
func rulesIn(fset *token.FileSet, f *ast.File) (found []rule) {
	add := func(at ast.Node, kind, name string, params map[string]string) {
		if ruleName.MatchString(name) {
			found = append(found, rule{name: name, where: fset.Position(at.Pos()).String(), kind: kind, params: params})
		}
	}
	composite := func(c *ast.CompositeLit, elided string) {
		kind := nameOf(c.Type)
		if c.Type == nil { // an element of a list of problems
			kind = elided
		}
		name, params := "", map[string]string{}
		for i, e := range c.Elts {
			kv, keyed := e.(*ast.KeyValueExpr)
			switch {
			case keyed && nameOf(kv.Key) == "Rule":
				name, _ = literal(kv.Value)
			case keyed && nameOf(kv.Key) == "Params":
				params = mapKeys(kv.Value)
			case !keyed && kind == "Refused" && i == 0: // of package file, written in order
				name, _ = literal(e)
				kind, params = "fileRefused", nil
			}
		}
		if kind == "HeaderError" || kind == "CodeError" { // their figures are fields of their own
			params = nil
		}
		add(c, kind, name, params)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if n.Type != nil {
				composite(n, "")
			}
			if list, ok := n.Type.(*ast.ArrayType); ok {
				for _, e := range n.Elts {
					if c, ok := e.(*ast.CompositeLit); ok && c.Type == nil {
						composite(c, nameOf(list.Elt))
					}
				}
			}
		case *ast.CallExpr:
			kind := nameOf(n.Fun)
			at := map[string]int{"refuse": 0, "fail": 0, "plain": 0, "build": 0, "problem": 1}
			if i, ok := at[kind]; ok && i < len(n.Args) {
				if name, ok := literal(n.Args[i]); ok {
					add(n, kind, name, nil)
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if i < len(n.Rhs) && (nameOf(left) == "rule" || nameOf(left) == "Rule") {
					name, _ := literal(n.Rhs[i])
					add(n, "", name, nil)
				}
			}
		}
		return true
	})
	return found
}

// mapKeys are the names a map literal holds; nil when it is not a literal.
func mapKeys(e ast.Expr) map[string]string {
	c, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	keys := map[string]string{}
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if k, ok := literal(kv.Key); ok {
				keys[k] = ""
			}
		}
	}
	return keys
}

func rulesOfTheProgram(t *testing.T) (found []rule) {
	t.Helper()
	top := os.DirFS("../..")
	for _, dir := range []string{"internal", "cmd"} {
		err := fs.WalkDir(top, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			src, err := fs.ReadFile(top, name)
			if err != nil {
				return err
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, src, 0)
			if err == nil {
				found = append(found, rulesIn(fset, f)...)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func Test_every_no_that_Go_can_say_has_words_in_both_languages(t *testing.T) {
	c := program(t)
	found := rulesOfTheProgram(t)
	if len(found) < 60 {
		t.Fatalf("only %d rules were found; the search is broken", len(found))
	}
	kinds := map[string]bool{}
	for _, r := range found {
		kinds[r.kind] = true
		for _, lang := range c.Languages() {
			say := c.In(lang)
			i := slices.IndexFunc(wordsFor(r), say.Has)
			if i < 0 {
				t.Errorf("%s: rule %s has no words in %s; write %s", r.where, r.name, lang, wordsFor(r)[0])
				continue
			}
			for _, p := range placeholders(say.T(wordsFor(r)[i])) {
				if _, ok := r.params[strings.Trim(p, "{}")]; r.params != nil && !ok {
					t.Errorf("%s: the words of %s in %s ask for %s, which is not given", r.where, r.name, lang, p)
				}
			}
		}
	}
	for _, want := range []string{"refuse", "fail", "problem", "Refusal", "Problem", "Refused", "fileRefused", "HeaderError", "plain", "build"} {
		if !kinds[want] {
			t.Errorf("no rule was found in a %s; the search is broken", want)
		}
	}
}
