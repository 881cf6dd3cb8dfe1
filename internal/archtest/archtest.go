// Package archtest holds the walls of the house as rules over its source: which room may import
// which, where SQL, the time of day and actors may be made, and what no room may contain.
//
// It refuses silence about new rooms: a package that is not in the table of rooms is a finding. Every
// rule and every exception carries its reason. It reads source with go/parser and imports nothing of
// the house.
//
// Open this file first, then rooms.go for the table and rules.go for the rules.
package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the prefix of the house's own import paths.
const Module = "comity/"

// Source is one file of production code: tests may use anything.
type Source struct {
	Room string // folder, for example internal/ledger
	File string // path from the top of the project
	fset *token.FileSet
	ast  *ast.File
}

// Finding is one breach of a rule.
type Finding struct {
	Rule   string
	File   string
	Line   int
	What   string
	Reason string // why the rule exists
}

// String is one line for people and editors.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s (%s: %s)", f.File, f.Line, f.What, f.Rule, f.Reason)
}

// Rule is one wall.
type Rule struct {
	Name   string
	Reason string
	check  func(s *Source, say func(n ast.Node, format string, args ...any))
}

// Parse reads one file.
func Parse(file string, src []byte) (*Source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &Source{Room: path.Dir(file), File: file, fset: fset, ast: f}, nil
}

// Read parses all production code below the top of the project.
func Read(top fs.FS) ([]*Source, error) {
	var out []*Source
	err := fs.WalkDir(top, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if base == "testdata" || base == "node_modules" || name != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(top, name)
		if err != nil {
			return err
		}
		s, err := Parse(name, src)
		out = append(out, s)
		return err
	})
	return out, err
}

// Check applies every rule to every file, and the rules over whole packages.
func Check(sources []*Source) []Finding {
	var out []Finding
	for _, s := range sources {
		for _, r := range Rules {
			out = append(out, r.Apply(s)...)
		}
	}
	out = append(out, comments(sources)...)
	out = append(out, crossings(sources)...)
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return out
}

// Apply checks one file.
func (r Rule) Apply(s *Source) []Finding {
	var out []Finding
	r.check(s, func(n ast.Node, format string, args ...any) {
		out = append(out, Finding{r.Name, s.File, s.fset.Position(n.Pos()).Line, fmt.Sprintf(format, args...), r.Reason})
	})
	return out
}

// imports lists what a file imports, with the node for the position.
func (s *Source) imports(yield func(spec *ast.ImportSpec, path string)) {
	for _, spec := range s.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			yield(spec, p)
		}
	}
}

// name is what the file calls an imported package; empty when it is not imported.
func (s *Source) name(importPath string) string {
	found := ""
	s.imports(func(spec *ast.ImportSpec, p string) {
		if p == importPath {
			found = path.Base(p)
			if spec.Name != nil {
				found = spec.Name.Name
			}
		}
	})
	return found
}

// uses visits every pkg.Name of an imported package.
func (s *Source) uses(importPath string, visit func(n ast.Node, name string)) {
	local := s.name(importPath)
	if local == "" {
		return
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
				visit(sel, sel.Sel.Name)
			}
		}
		return true
	})
}

// texts visits every string literal, without its quotes. Tags of struct fields are not texts.
func (s *Source) texts(visit func(n ast.Node, text string)) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			return n.Tag == nil
		case *ast.BasicLit:
			if n.Kind == token.STRING || n.Kind == token.CHAR {
				if t, err := strconv.Unquote(n.Value); err == nil {
					visit(n, t)
				}
			}
		}
		return true
	})
}

// comments asks every package for a comment that says what it is.
func comments(sources []*Source) []Finding {
	said, first := map[string]bool{}, map[string]*Source{}
	for _, s := range sources {
		if first[s.Room] == nil {
			first[s.Room] = s
		}
		if doc := s.ast.Doc; doc != nil {
			text := doc.Text()
			said[s.Room] = said[s.Room] || strings.HasPrefix(text, "Package "+s.ast.Name.Name) || s.ast.Name.Name == "main" && strings.HasPrefix(text, "Command ")
		}
	}
	var out []Finding
	for room, s := range first {
		if !said[room] {
			out = append(out, Finding{"package-comment", s.File, 1, "package " + s.ast.Name.Name + " has no comment beginning \"Package " + s.ast.Name.Name + "\"",
				"a newcomer reads what a room owns and refuses before reading its code"})
		}
	}
	return out
}
