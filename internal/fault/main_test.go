package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a scene came to stands in the file; only a scene that is not there, or came out broken, is played.
func Test_a_run_that_was_broken_off_goes_on_with_the_scenes_that_are_left(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options{rounds: 7, clients: 2, seed: 1, only: "kill-sqlite", keep: filepath.Join(dir, "kept.json"), out: filepath.Join(dir, "page.md")}
	whole := result{Rounds: 7, Back: []float64{0.5}, Words: []string{"as it was"}, Skipped: ""}
	whole.Ops, whole.Acked, whole.Cases = 4321, 1234, 99
	if err := (kept{7, 2, 42, map[string]result{"kill-sqlite": whole}}).write(o.keep); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 7 | 4321 | 1234 |", "seed 42", "0.50 ×", "99 cases", "`as it was`"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not on the page:\n%s", want, page)
		}
	}
	o.rounds = 8
	if err := run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "-rounds 7 -clients 2") {
		t.Errorf("a run of other numbers went on there: %v", err)
	}
}
