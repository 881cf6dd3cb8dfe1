package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testsOfTheProject are the names of every test below the root.
func testsOfTheProject(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, top := range []string{"internal", "cmd", "docs"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					out[f.Name.Name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

var (
	testName = regexp.MustCompile("`(Test\\w+)`( \\(landing\\))?")
	fileName = regexp.MustCompile("`((?:internal|cmd|docs|scripts|packs)/[\\w./-]+|go\\.mod)`")
	asvsLine = regexp.MustCompile(`^\| (\d[\d., ]*) \| .+ \| (met|part|landing|gap|n/a) \| (.+) \|$`)
	asvsID   = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
)

func Test_every_test_and_file_named_in_the_threat_model_exists(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := testsOfTheProject(t)
	named := 0
	for _, m := range testName.FindAllStringSubmatch(string(raw), -1) {
		named++
		switch landing := m[2] != ""; {
		case landing && known[m[1]]:
			t.Errorf("%s has landed; take the word away and look at the state of its line", m[1])
		case !landing && !known[m[1]]:
			t.Errorf("there is no test %s; if it is still being built, write (landing) behind it", m[1])
		}
	}
	if named < 100 {
		t.Errorf("only %d tests are named; the form of the names has changed", named)
	}
	for _, m := range fileName.FindAllStringSubmatch(string(raw), -1) {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Errorf("there is no file %s", m[1])
		}
	}
}

// levelTwo is how many requirements of level 1 and 2 each chapter of ASVS 5.0.0 has, 253 in all.
var levelTwo = map[string]int{"1": 27, "2": 11, "3": 19, "4": 10, "5": 9, "6": 35, "7": 18, "8": 7, "9": 7, "10": 29, "11": 14, "12": 9, "13": 13, "14": 9, "15": 13, "16": 16, "17": 7}

func Test_every_requirement_of_ASVS_level_two_has_one_line_with_a_state_and_a_reason(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	count := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		m := asvsLine.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| ") && line[2] >= '0' && line[2] <= '9' {
				t.Errorf("this line has no state, or no reason: %s", line)
			}
			continue
		}
		if (m[2] == "met") && !strings.Contains(m[3], "`") && len(m[3]) < 12 {
			t.Errorf("%s is met, and nothing shows it", m[1])
		}
		for id := range strings.SplitSeq(m[1], ", ") {
			chapter, _, _ := strings.Cut(id, ".")
			if !asvsID.MatchString(id) || seen[id] {
				t.Errorf("%q is no number, or stands twice", id)
			}
			seen[id] = true
			count[chapter]++
		}
	}
	for chapter, want := range levelTwo {
		if count[chapter] != want {
			t.Errorf("chapter %s has %d of %d lines", chapter, count[chapter], want)
		}
	}
}

func Test_the_check_before_every_change_asks_for_known_weaknesses(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "scripts", "check.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"go tool govulncheck ./...", "go tool staticcheck ./...", "go vet ./...", "go mod tidy -diff"} {
		if !strings.Contains(string(raw), tool) {
			t.Errorf("scripts/check.sh no longer runs %s", tool)
		}
	}
}
