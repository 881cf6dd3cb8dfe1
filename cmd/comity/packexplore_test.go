package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func Test_every_road_of_a_guide_is_printed_for_who_reviews_it_in_both_languages(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"every road ends at a door", "Is anybody in danger now, or is a crime going on? No › What is it about?", "→ People's mediation (files under", "elsewhere: ",
			"What it costs: Nothing", "fills in: elsewhere = none", "by the terms of the procedure", "Stays open beside it: "},
		"zh-CN": {"每条路都有出口", "现在有人有危险，或者正在发生违法犯罪吗？ 没有 › 是哪方面的事？", "→ 人民调解（按", "要花多少钱：", "同时还可以："},
	} {
		out, errs, err := said(t, "pack", "explore", "--lang", lang, "../../packs/demo")
		for _, w := range want {
			if err != nil || !strings.Contains(out, w) || strings.Contains(out, "⟦") {
				t.Fatalf("%s: want %q, got %v %s\n%s", lang, w, err, errs, out)
			}
		}
	}
	out, _, err := said(t, "pack", "explore", "--lang", "en", "--door", "land-arbitration", "../../packs/demo")
	if err != nil || strings.Count(out, "   → ") != 1 || strings.Contains(out, "→ People's mediation") {
		t.Errorf("the roads to one door: %v\n%s", err, out)
	}
	if out, _, err = said(t, "pack", "explore", "--lang", "en", "../../packs/us-nyc-311"); err != nil || !strings.Contains(out, "no guide") {
		t.Errorf("a pack without one: %v\n%s", err, out)
	}
	if out, _, err = said(t, "pack", "law", "--lang", "en", "../../packs/demo"); err != nil || !strings.Contains(out, "guide before filing: door “Arbitration of contracted rural land”") {
		t.Errorf("the articles behind a door: %v", err)
	}
	var usage *usageError
	if _, _, err = said(t, "pack", "explore", "--door", "nowhere", "../../packs/demo"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "mediation") {
		t.Errorf("a door that does not exist: %v", err)
	}
	if _, _, err = said(t, "pack", "explore"); !errors.As(err, &usage) {
		t.Errorf("no folder: %v", err)
	}
}

func Test_pack_check_names_the_line_where_a_guide_loses_somebody(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lost")
	if err := os.CopyFS(dir, os.DirFS("../../packs/cn-changsha")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "explorer.yaml")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(raw), "to: service-water}", "to: service-watr}", 1)
	if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, err := said(t, "pack", "check", "--lang", "en", dir)
	if err == nil || !strings.Contains(out+errs+err.Error(), `explorer.yaml:9:`) || !strings.Contains(out+errs+err.Error(), `no-dead-answer: answer "street" of "leak" leads to "service-watr", which is neither a question nor a door`) {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
}
