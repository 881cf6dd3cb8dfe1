// Package docs_test reads the project's papers as a program would: links must lead somewhere, code
// that is named must exist, and the two READMEs must say the same things in the same order.
//
// It refuses to judge the prose. Open this file first; it is the whole package.
package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// paper is one Markdown file, cut into what the tests look at.
type paper struct {
	path     string // from the root of the project
	headings []string
	blocks   []string // fenced code, without the fences
	spans    []string // inline code
	links    []string
	lines    int
}

var (
	headingForm = regexp.MustCompile(`^#{1,6} `)
	spanForm    = regexp.MustCompile("`([^`]+)`")
	linkForm    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

func read(t *testing.T, path string) paper {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	p := paper{path: path}
	var block []string
	fenced := false
	for line := range strings.Lines(string(raw)) {
		p.lines++
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			if fenced {
				p.blocks = append(p.blocks, strings.Join(block, "\n"))
			}
			fenced, block = !fenced, nil
		case fenced:
			block = append(block, line)
		default:
			if headingForm.MatchString(line) {
				p.headings = append(p.headings, line)
			}
			for _, m := range spanForm.FindAllStringSubmatch(line, -1) {
				p.spans = append(p.spans, m[1])
			}
			for _, m := range linkForm.FindAllStringSubmatch(line, -1) {
				p.links = append(p.links, m[1])
			}
		}
	}
	if fenced {
		t.Errorf("%s: the last code block is not closed", path)
	}
	return p
}

// papers are the Markdown files beside README.md and all below docs.
func papers(t *testing.T) []paper {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []paper
	for _, path := range found {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, read(t, filepath.ToSlash(rel)))
	}
	if len(out) < 10 {
		t.Fatalf("only %d papers found; the test looks in the wrong folder", len(out))
	}
	return out
}

func Test_every_relative_link_leads_to_a_file_or_folder(t *testing.T) {
	for _, p := range papers(t) {
		for _, link := range p.links {
			target, _, _ := strings.Cut(link, "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(p.path), target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.path, link)
			}
		}
	}
}

var fileAndName = regexp.MustCompile(`^([a-z][\w./-]*\.go):(\w+)$`)

func Test_a_name_written_behind_a_file_is_declared_in_that_file(t *testing.T) {
	for _, p := range papers(t) {
		for _, span := range p.spans {
			m := fileAndName.FindStringSubmatch(span)
			if m == nil {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, m[1]), nil, 0)
			if err != nil {
				t.Errorf("%s: `%s`: %v", p.path, span, err)
				continue
			}
			names := names{}
			names.add(file)
			if !names.has(m[2]) {
				t.Errorf("%s: %s does not declare %s", p.path, m[1], m[2])
			}
		}
	}
}

// names are what a package declares: "Do", and for fields and methods "Ledger.Do".
type names map[string]bool

func (n names) add(file *ast.File) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				n[d.Name.Name] = true
				continue
			}
			n[receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				n.spec(s)
			}
		}
	}
}

func (n names) spec(s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			n[name.Name] = true
		}
	case *ast.TypeSpec:
		n[s.Name.Name] = true
		st, ok := s.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				n[s.Name.Name+"."+name.Name] = true
			}
		}
	}
}

// has also finds a method or field by its name alone.
func (n names) has(name string) bool {
	if n[name] {
		return true
	}
	for full := range n {
		if strings.HasSuffix(full, "."+name) {
			return true
		}
	}
	return false
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// declared reads every package below internal and cmd, by package name.
func declared(t *testing.T) map[string]names {
	t.Helper()
	out := map[string]names{}
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			if out[file.Name.Name] == nil {
				out[file.Name.Name] = names{}
			}
			out[file.Name.Name].add(file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

var codeName = regexp.MustCompile(`^([a-z]+)\.([A-Za-z]\w*(?:\.[A-Za-z]\w*)?)(?:\(.*\))?$`)

// elsewhere are packages of the standard library the tour may name, and endings of file names, which
// look like code.
var elsewhere = []string{"http", "context", "time", "slog", "sql", "fs"}

var endings = []string{"yaml", "go", "md", "sql", "db", "csv", "txtar", "json", "geojson", "css", "js", "mod"}

func Test_code_named_in_the_tour_and_the_glossary_exists(t *testing.T) {
	known := declared(t)
	for _, path := range []string{"docs/tour.md", "docs/glossary.md"} {
		seen := 0
		for _, span := range read(t, path).spans {
			m := codeName.FindStringSubmatch(span)
			if m == nil || slices.Contains(endings, m[2]) || slices.Contains(elsewhere, m[1]) {
				continue
			}
			seen++
			switch pkg, ok := known[m[1]]; {
			case !ok:
				t.Errorf("%s: `%s`: there is no package %s", path, span, m[1])
			case !pkg[m[2]]:
				t.Errorf("%s: `%s`: package %s does not declare %s", path, span, m[1], m[2])
			}
		}
		if seen < 20 {
			t.Errorf("only %d names of code were found in %s; the form of the names has changed", seen, path)
		}
	}
}

func Test_both_READMEs_have_the_same_headings_and_the_same_code(t *testing.T) {
	en, zh := read(t, "README.md"), read(t, "README.zh-CN.md")
	if a, b := levels(en), levels(zh); !slices.Equal(a, b) {
		t.Errorf("levels of the headings differ:\nREADME.md       %v\nREADME.zh-CN.md %v", a, b)
	}
	if !slices.Equal(en.blocks, zh.blocks) {
		t.Errorf("the code blocks differ:\n%s", firstDifference(en.blocks, zh.blocks))
	}
	if en.lines > 235 {
		t.Errorf("README.md has %d lines; at most 235, or nobody reads it", en.lines)
	}
}

func levels(p paper) (out []int) {
	for _, h := range p.headings {
		out = append(out, strings.IndexByte(h, ' '))
	}
	return out
}

func firstDifference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("block %d\nREADME.md:\n%s\nREADME.zh-CN.md:\n%s", i+1, x, y)
		}
	}
	return ""
}

var (
	makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):`)
	makeCall   = regexp.MustCompile(`(?m)^make ([a-z-]+)`)
	verbEntry  = regexp.MustCompile(`\{"([a-z]+)", "`)
	verbCall   = regexp.MustCompile(`(?m)(?:^|go run \./cmd/|\./)comity ([a-z]+)`)
)

func Test_make_targets_and_commands_that_are_shown_exist(t *testing.T) {
	targets := listed(t, "Makefile", makeTarget)
	verbs := listed(t, "cmd/comity/main.go", verbEntry)
	for _, p := range papers(t) {
		for _, block := range p.blocks {
			for _, m := range makeCall.FindAllStringSubmatch(block, -1) {
				if !slices.Contains(targets, m[1]) {
					t.Errorf("%s: the Makefile has no target %q", p.path, m[1])
				}
			}
			for _, m := range verbCall.FindAllStringSubmatch(block, -1) {
				if !slices.Contains(verbs, m[1]) {
					t.Errorf("%s: comity has no command %q", p.path, m[1])
				}
			}
		}
	}
}

func listed(t *testing.T, path string, form *regexp.Regexp) (out []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range form.FindAllStringSubmatch(string(raw), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("nothing found in %s; its form has changed", path)
	}
	return out
}

func Test_decisions_are_numbered_without_gaps_and_stay_short(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(root, "docs", "decisions", "[0-9]*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no decisions found: %v", err)
	}
	slices.Sort(found)
	for i, path := range found {
		name := filepath.Base(path)
		if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("%s should begin with %s", name, want)
		}
		if p := read(t, "docs/decisions/"+name); p.lines > 40 {
			t.Errorf("%s has %d lines; at most 40", name, p.lines)
		}
	}
}
