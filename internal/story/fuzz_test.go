package story_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"comity/internal/story"
)

var placed = regexp.MustCompile(`^s\.txtar:[1-9][0-9]*:[1-9][0-9]*: .+$`)

// FuzzParse feeds the parser what nobody would write. It either reads a story whose lines it kept, or
// says on which line and column it cannot.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../packs/*/stories/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for _, s := range []string{"", "pack", "pack x\nat", "pack x\nat 2026-13-01 09:00 tick", "expect ;;", "pack x\n-- a --\n-- a --", "at 'x", "\xff",
		"pack x\nat 2026-01-01 10:00 resident a files b @c", "pack x\nat 2026-01-01 10:00 resident a files b c\nexpect events ,", "pack x\nexpect worklist of a shows b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := story.Parse("s.txtar", src)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !placed.MatchString(strings.TrimSuffix(line, "\n")) {
					t.Fatalf("an error without line and column: %q", line)
				}
			}
			return
		}
		if s.Pack == "" {
			t.Fatal("a story without a pack")
		}
		for i, l := range s.Lines {
			if l.No < 1 || i > 0 && l.No <= s.Lines[i-1].No || l.Kind == story.Expects && len(l.Expect) == 0 {
				t.Fatalf("line %d: %+v", i, l)
			}
		}
	})
}
