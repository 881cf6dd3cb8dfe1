package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/pack"
	"comity/packs"
)

// town writes a pack that stands on the Boston pack of the program and changes one term and one office.
func town(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "town")
	for name, src := range map[string]string{
		"pack.yaml": "pack: town\nbase: us-boston-311\nversion: \"1\"\n",
		"procedures/311.yaml": `clocks:
  - id: answer
    n: 9
`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func Test_a_pack_on_a_base_in_the_program_is_sound_and_compared_in_both_languages(t *testing.T) {
	dir := town(t)
	if out, errs, err := said(t, "pack", "check", "--lang", "en", dir); err != nil || !strings.HasPrefix(out, "town 1 is sound: ") {
		t.Errorf("%s%s%v", out, errs, err)
	}
	for lang, want := range map[string][]string{
		"en":    {"2 differences between the base of", "~ term 311/answer “", "was at base/us-boston-311/procedures/311.yaml:", "now at ", "n: 90 → 9"},
		"zh-CN": {"有 2 处差异", "~ 期限 311/answer“", "原在 base/us-boston-311/procedures/311.yaml:", "现在 ", "n：90 → 9"},
	} {
		out, _, err := said(t, "pack", "diff", "--lang", lang, dir)
		for _, w := range want {
			if err != nil || !strings.Contains(out, w) || strings.Contains(out, "⟦") {
				t.Errorf("%s: want %q, got %v\n%s", lang, w, err, out)
			}
		}
	}
	out, _, err := said(t, "pack", "diff", "--json", dir)
	var answer struct{ Changes []pack.Change }
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || len(answer.Changes) != 2 || answer.Changes[1].New.Line != 2 || answer.Changes[1].Values[0].Old != "90" {
		t.Errorf("%v\n%s", err, out)
	}
}

func Test_two_versions_that_say_the_same_have_no_difference(t *testing.T) {
	for lang, want := range map[string]string{"en": "No difference between", "zh-CN": "没有差异"} {
		out, _, err := said(t, "pack", "diff", "--lang", lang, "../../packs/demo", "demo")
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", lang, err, out)
		}
	}
}

func Test_every_kind_of_part_has_a_name_in_both_languages(t *testing.T) {
	for lang := range map[string]bool{"en": true, "zh-CN": true} {
		out, _, err := said(t, "pack", "diff", "--lang", lang, "demo", "us-nyc-311")
		if err != nil || strings.Contains(out, "⟦") || strings.Count(out, "\n") < 100 {
			t.Errorf("%s: %v\n%s", lang, err, out)
		}
	}
}

func Test_a_base_without_units_is_not_served(t *testing.T) {
	dir := t.TempDir()
	src := "pack: nowhere\nabstract: true\nversion: \"1\"\nname: {en: Nowhere}\nlanguages: [en]\nzone: Europe/Berlin\n"
	if err := os.WriteFile(filepath.Join(dir, "pack.yaml"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _, err := said(t, "pack", "check", "--lang", "en", dir)
	if err != nil || !strings.Contains(out, "It is a base") {
		t.Errorf("check: %v\n%s", err, out)
	}
	_, _, err = said(t, "verify", "--pack", dir, "--data", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "is a base without units and cannot be served") {
		t.Errorf("verify: %v", err)
	}
}

func Test_schemas_and_the_reference_are_printed(t *testing.T) {
	list, _, err := said(t, "pack", "schema")
	if err != nil || !strings.Contains(list, "procedures/*.yaml") {
		t.Errorf("%v\n%s", err, list)
	}
	one, _, err := said(t, "pack", "schema", "procedure")
	if err != nil || !json.Valid([]byte(one)) {
		t.Errorf("%v\n%s", err, one)
	}
	dir := t.TempDir()
	if _, _, err := said(t, "pack", "schema", "--dir", dir); err != nil {
		t.Error(err)
	}
	if written, err := os.ReadFile(filepath.Join(dir, "procedure.json")); err != nil || string(written) != one {
		t.Errorf("what is written is not what is printed: %v", err)
	}
	if page, _, err := said(t, "pack", "docs"); err != nil || !strings.Contains(page, "## procedures/*.yaml") {
		t.Errorf("%v\n%s", err, page)
	}
}

func Test_the_program_carries_every_file_of_its_packs(t *testing.T) {
	top := os.DirFS("../../packs")
	n := 0
	err := fs.WalkDir(top, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".go" || name == "searched.json" || /* packs.Searched */ path.Ext(name) == ".md" && !strings.Contains(name, "/documents/") {
			return err
		}
		n++
		if _, err := fs.Stat(packs.FS, name); err != nil {
			t.Errorf("packs/%s is not in the program; extend the patterns in packs.go", name)
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Errorf("%d files, %v", n, err)
	}
}
