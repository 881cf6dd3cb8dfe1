package pack

import (
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"comity/internal/text"
)

// demoFiles are the files of the demo pack and its base; it is checked once for all tests.
var demoFiles = sync.OnceValues(func() (map[string][]byte, error) {
	p, err := LoadFrom(os.DirFS("../../packs"), "demo", memory)
	if err != nil {
		return nil, err
	}
	return p.Files, nil
})

func demo(t *testing.T) fstest.MapFS {
	t.Helper()
	files, err := demoFiles()
	if err != nil {
		t.Fatalf("the demo pack does not load:\n%v", err)
	}
	m := fstest.MapFS{}
	for name, raw := range files {
		m[name] = &fstest.MapFile{Data: raw}
	}
	return m
}

func Test_every_pack_of_the_project_loads(t *testing.T) {
	packs, err := projectPacks()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range packs {
		for id, r := range p.Reports {
			t.Logf("%s %s: %d situations", name, id, r.States)
		}
	}
	if !testing.Short() {
		remembered(t, fresh)
	}
}

func Test_a_failed_property_is_told_as_a_story_in_both_languages(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing is searched with -short, and this is about what a search finds")
	}
	m := demo(t)
	name := "procedures/service-request.yaml"
	src := string(m[name].Data)
	// Nobody hears the reply clock any more: waiting has no act of the system.
	broken := strings.Replace(src, "  - id: no_reply\n    event: reply_lapsed\n    from: [waiting]", "  - id: no_reply\n    event: reply_lapsed\n    from: [in_hand]", 1)
	if broken == src {
		t.Fatal("the mutation did not apply")
	}
	m[name] = &fstest.MapFile{Data: []byte(broken)}
	_, err := Load(m, memory)
	fails := Failures(err)
	if len(fails) == 0 {
		t.Fatalf("a reply clock nobody hears loads; err = %v", err)
	}
	base, berr := text.Base()
	if berr != nil {
		t.Fatal(berr)
	}
	for lang, want := range map[string]string{"en": "can run out and nothing happens", "zh-CN": "到期后什么也不会发生"} {
		story := ""
		for _, f := range fails {
			story += Story(f, base.With(f.Pack.Texts).In(lang))
		}
		if !strings.Contains(story, want) || strings.Contains(story, "⟦") || !strings.Contains(story, name) {
			t.Errorf("%s story:\n%s", lang, story)
		}
	}
}

func Test_a_version_that_cases_keep_loads_although_a_later_check_would_refuse_it(t *testing.T) {
	m := demo(t)
	name := "procedures/service-request.yaml"
	old := strings.Replace(string(m[name].Data), "    key: b\n    prime: true", "    key: g\n    prime: true", 1)
	m[name] = &fstest.MapFile{Data: []byte(old)}
	if _, err := Load(m, memory); err == nil {
		t.Fatal("a new pack with the desk's own key loads")
	}
	p, err := LoadKept(m)
	if err != nil {
		t.Fatal(err)
	}
	files, err := FromFiles(p.Files)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadKept(files)
	if err != nil || again.Digest != p.Digest {
		t.Errorf("kept and loaded again: %v", err)
	}
}

func Test_units_of_a_CSV_may_be_departments(t *testing.T) {
	m := demo(t)
	want, err := Load(m, memory)
	if err != nil {
		t.Fatal(err)
	}
	rows := "id,parent,level,kind,dept,roles,name_zh,name_en\n"
	for _, id := range want.Units.All() {
		u, _ := want.Units.Unit(id)
		rows += strings.Join([]string{string(id), string(u.Parent), u.Level.String(), u.Kind, want.Dept[id], strings.Join(u.Roles, " "), "名", ""}, ",") + "\n"
	}
	delete(m, "units.yaml")
	m["units.csv"] = &fstest.MapFile{Data: []byte(rows)}
	m["pack.yaml"] = &fstest.MapFile{Data: append(m["pack.yaml"].Data, "\nunits_csv: {file: units.csv}\n"...)}
	got, err := Load(m, memory)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.Dept, want.Dept) {
		t.Errorf("departments are %v; the same units in YAML give %v", got.Dept, want.Dept)
	}
}
