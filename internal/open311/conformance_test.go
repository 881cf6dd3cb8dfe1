package open311_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func Test_every_line_of_the_published_table_is_held_by_a_test_that_exists(t *testing.T) {
	known := map[string]bool{}
	for _, dir := range []string{".", "../ledger", "../outward"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		must(t, err)
		for _, f := range files {
			raw, err := os.ReadFile(f)
			must(t, err)
			for _, m := range regexp.MustCompile(`(?m)^func (Test_\w+)\(`).FindAllStringSubmatch(string(raw), -1) {
				known[m[1]] = true
			}
		}
	}
	raw, err := os.ReadFile("../../docs/open311.md")
	must(t, err)
	_, table, _ := strings.Cut(string(raw), "| What | How | Tests |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 30 {
		t.Fatalf("the table has %d lines", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "|"), "|")
		tests := regexp.MustCompile("`(Test_\\w+)`").FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(tests) == 0 {
			t.Errorf("no test holds %q", row)
		}
		for _, m := range tests {
			if !known[m[1]] {
				t.Errorf("there is no test %s", m[1])
			}
		}
	}
}

func Test_every_refusal_has_words_in_both_languages(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	var source strings.Builder
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			raw, err := os.ReadFile(f)
			must(t, err)
			source.Write(raw)
		}
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:no\(http\.Status\w+, |slow\(|rule\{)"([a-z_.]+)"`).FindAllStringSubmatch(source.String(), -1) {
		used["open311.no."+m[1]] = true
	}
	for _, m := range regexp.MustCompile(`unreachable\{rule: "([a-z]+)"|return "(private|scheme|slow|failed)"`).FindAllStringSubmatch(source.String(), -1) {
		used["open311.media."+m[1]+m[2]] = true
	}
	for _, m := range regexp.MustCompile(`T\("(open311\.[a-z_.]+)"`).FindAllStringSubmatch(source.String(), -1) {
		used[m[1]] = true
	}
	if len(used) < 50 {
		t.Fatalf("only %d rules were found in the source", len(used))
	}
	for _, lang := range []string{"en", "zh-CN"} {
		raw, err := os.ReadFile("../text/base/open311." + lang + ".yaml")
		must(t, err)
		for key := range used {
			if !strings.HasSuffix(key, ".") && key != "open311.contact" && key != "open311.key_service" && !strings.Contains(string(raw), "\n"+key+": ") {
				t.Errorf("%s has no words in %s", key, lang)
			}
		}
	}
}
