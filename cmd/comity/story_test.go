package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func Test_comity_story_shows_what_happened_and_fails_with_file_and_line(t *testing.T) {
	const good = "../../packs/demo/stories/nobody-answers.txtar"
	var out, errs bytes.Buffer
	if err := runStory(t.Context(), []string{good}, &out, &errs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"clock accept due 2026-03-03 23:59:59", "notice to unit binjiang raised", "1 of 1 stories come true"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	src, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.txtar")
	if err := os.WriteFile(bad, bytes.Replace(src, []byte("state raised"), []byte("state closed"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	err = runStory(t.Context(), []string{"--quiet", "--pack", "../../packs/demo", bad, good}, &out, &errs)
	if err == nil || !strings.Contains(err.Error(), "1 of 2 stories") || !strings.Contains(err.Error(), "bad.txtar:12:8: state\n\twant closed\n\tgot  raised") {
		t.Errorf("got %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("--quiet says\n%s", &out)
	}
}

func Test_comity_story_without_a_story_says_how_it_is_called(t *testing.T) {
	var out, errs bytes.Buffer
	if err := runStory(t.Context(), nil, &out, &errs); err == nil || !strings.Contains(err.Error(), "comity story FILE") {
		t.Errorf("got %v", err)
	}
	if err := runStory(t.Context(), []string{"no-such.txtar"}, &out, &errs); err == nil || !strings.Contains(err.Error(), "no-such.txtar") {
		t.Errorf("got %v", err)
	}
}
