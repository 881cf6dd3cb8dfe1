package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func Test_a_pack_lists_its_procedures_and_draws_one_of_them(t *testing.T) {
	out, _, err := said(t, "pack", "draw", "--lang", "en", "../../packs/demo")
	if err != nil || !strings.Contains(out, "service-request\tService request") {
		t.Errorf("the list: %q, %v", out, err)
	}
	out, _, err = said(t, "pack", "draw", "../../packs/demo", "service-request", "--lang", "zh-CN")
	if err != nil || !strings.HasPrefix(out, "<?xml") || !strings.Contains(out, "待受理") || !strings.Contains(out, "<style>") {
		t.Errorf("the drawing begins %.80q, %v", out, err)
	}
	name := filepath.Join(t.TempDir(), "request.svg")
	if out, _, err = said(t, "pack", "draw", "../../packs/demo", "service-request", "--columns", "1", "--out", name); err != nil || out != "" {
		t.Errorf("got %q, %v", out, err)
	}
	if svg, err := os.ReadFile(name); err != nil || !strings.Contains(string(svg), `width="344"`) {
		t.Errorf("the file holds %.200q, %v", svg, err)
	}
}

func Test_a_wrong_call_of_draw_names_the_way_out(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "pack draw DIR"},
		{[]string{"../../packs/demo", "no-such"}, "service-request"},
		{[]string{"../../packs/demo", "service-request", "--columns", "9"}, "from 1 to 4"},
	} {
		_, _, err := said(t, append([]string{"pack", "draw"}, c.args...)...)
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
	if _, _, err := said(t, "pack", "draw", t.TempDir()); err == nil || !strings.Contains(err.Error(), "pack check") {
		t.Errorf("an empty folder: %v", err)
	}
}
