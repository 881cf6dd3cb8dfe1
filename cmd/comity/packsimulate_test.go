package main

import (
	"encoding/json"
	"strings"
	"testing"

	"comity/internal/simulate"
)

func Test_a_scenario_is_played_from_the_command_line_in_both_languages_and_for_programs(t *testing.T) {
	t.Parallel()
	args := []string{"pack", "simulate", "../../packs/demo", "street-office", "--runs", "1", "--unit", "guiyuan", "--add", "clerk@guiyuan=2"}
	for lang, want := range map[string][]string{
		"en":    {"Linjiang", "Guiyuan Subdistrict", "What if: +2 clerk in guiyuan", "One run has no range"},
		"zh-CN": {"临江市", "桂园街道", "如果：+2 clerk in guiyuan"},
	} {
		out, errs, err := said(t, append(args, "--lang", lang)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is not in\n%s", lang, w, out)
			}
		}
		if strings.Contains(out, "⟦") || strings.Contains(out, "Baita") || !strings.ContainsAny(errs, "0123456789") {
			t.Errorf("%s: words are missing, or other units are shown, or the speed is not told:\n%s\n%s", lang, out, errs)
		}
	}
	out, _, err := said(t, append(args, "--json")...)
	var r simulate.Result
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || r.Base.Cases == 0 || len(r.WhatIf) != 5 {
		t.Errorf("%v\n%.200s", err, out)
	}
}

func Test_a_scenario_that_is_not_there_is_named(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such scenario": {[]string{"../../packs/demo", "main-office"}, "scenarios/main-office.yaml"},
		"no such unit":     {[]string{"../../packs/demo", "street-office", "--unit", "atlantis"}, "--unit atlantis"},
		"no such role":     {[]string{"../../packs/demo", "street-office", "--add", "head@guiyuan-ganyuan=1"}, "nobody at guiyuan-ganyuan is head"},
		"no such pack":     {[]string{"../../packs/atlantis", "street-office"}, "comity pack check"},
	} {
		if _, _, err := said(t, append([]string{"pack", "simulate"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
