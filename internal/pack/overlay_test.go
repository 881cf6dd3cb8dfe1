package pack

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/worktime"
)

// A nation, a province and a city, as small as they can be.
func country() map[string]string {
	return map[string]string{
		"nation/pack.yaml": `pack: nation
version: "1"
abstract: true
name: {en: Nation}
languages: [en]
zone: Asia/Shanghai
programmes: [{id: help, name: {en: Help}}]
laws:
  - id: ACT
    name: {en: The Act}
    articles:
      "1": {en: "Anybody may ask."}
      "2": {en: "The answer takes five days."}
`,
		"nation/calendars/nation.yaml": `calendar: nation
zone: Asia/Shanghai
week: [mon, tue, wed, thu, fri]
known_until: 2026-12-31
days_off:
  - {from: 2026-10-01, to: 2026-10-03, name: {en: National Day}}
`,
		"nation/categories.yaml": `groups: [{id: all, name: {en: All}}]
categories:
  - {id: lamp, group: all, name: {en: Lamp}, route: {dept: light, level: district}}
  - {id: road, group: all, name: {en: Road}, route: {level: street}}
`,
		"nation/roles.yaml": `roles:
  - {id: clerk, name: {en: Clerk}, reads: [{reach: subtree, level: identity}]}
`,
		"nation/documents/letter.en.md": "# Letter\n",
		"nation/texts/en.yaml":          "notice.hello: Hello\nnotice.bye: Bye\n",
		"nation/procedures/ask.yaml": `procedure: ask
programme: help
prefix: A
calendar: nation
law: {id: ACT, article: "1"}
name: {en: Ask}
start: open
opening: {event: asked, past: {en: Asked}}
phases:
  - {id: begun, name: {en: Begun}}
  - {id: over, name: {en: Over}}
states:
  - {id: open, phase: begun, owner: holder, name: {en: Open}, now: {en: Open.}}
  - {id: done, phase: over, final: true, name: {en: Done}, now: {en: Done.}}
acts:
  - id: answer
    event: answered
    from: [open]
    to: done
    by: [clerk]
    answers: true
    remedy: none
    law: {id: ACT, article: "2"}
    name: {en: Answer}
    past: {en: Answered}
    fields:
      - {name: text, kind: longtext, required: true, max: 500, public: true, label: {en: Text}}
    notices: [{to: resident, template: hello}]
  - id: remind
    event: reminded
    from: [open]
    by: [system]
    name: {en: Remind}
    past: {en: Reminded}
clocks:
  - {id: term, n: 5, unit: working_days, start: [asked, reminded], stop: [answered], expire: remind, promise: true, law: {id: ACT, article: "2"}, name: {en: Term}}
`,
		"province/pack.yaml": `pack: province
base: nation
version: "1"
abstract: true
name: {en: Province}
laws:
  - id: ACT
    articles:
      "2": {en: "The answer takes three days here."}
`,
		"province/procedures/ask.yaml": `clocks:
  - id: term
    n: 3
`,
		"city/pack.yaml": `pack: city
base: province
version: "7"
name: {en: City}
operator: {name: {en: Town hall}}
`,
		"city/units.yaml": `units:
  - {id: town, level: city, roles: [clerk], name: {en: Town}}
  - {id: east, parent: town, level: district, roles: [clerk], name: {en: East}}
  - {id: east-light, parent: east, level: district, dept: light, roles: [clerk], name: {en: East Light}}
`,
		"city/calendars/nation.yaml": `days_off:
  - {date: 2026-04-03, name: {en: Third of March fair}}
`,
	}
}

func fsOf(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, s := range files {
		m[name] = &fstest.MapFile{Data: []byte(s)}
	}
	return m
}

func loadCity(t *testing.T, files map[string]string) *Pack {
	t.Helper()
	p, err := LoadFrom(fsOf(files), "city", memory)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func Test_a_city_on_a_province_on_a_nation_is_laid_over_both(t *testing.T) {
	p := loadCity(t, country())
	if !slices.Equal(p.Base, []string{"province", "nation"}) || p.Abstract || p.ID != "city" || p.Version != "7" {
		t.Errorf("base %v abstract %v id %s version %s", p.Base, p.Abstract, p.ID, p.Version)
	}
	d := p.Procedures["ask"]
	if c, _ := d.Clock("term"); c.Rule.N != 3 || c.Rule.Unit != worktime.WorkingDays || !c.Promise {
		t.Errorf("the province's three days over the nation's clock: %+v", c.Rule)
	}
	for key, want := range map[string]string{"law.ACT.article.1": "Anybody may ask.", "law.ACT.article.2": "The answer takes three days here.", "city": "City", "notice.bye": "Bye"} {
		if got := p.Texts["en"][key]; got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	cal := p.Calendars["nation"]
	for day, want := range map[string]bool{"2026-04-03": false, "2026-10-01": false, "2026-04-02": true} {
		if at, _ := worktime.ParseDay(day); cal.Working(at) != want {
			t.Errorf("%s is worked: %v", day, !want)
		}
	}
	if raw, ok := p.File("documents/letter.en.md"); !ok || string(raw) != "# Letter\n" {
		t.Errorf("the nation's letter: %q", raw)
	}
}

func Test_a_version_can_be_read_again_without_the_packs_it_stood_on(t *testing.T) {
	p := loadCity(t, country())
	for _, name := range []string{"base/nation/procedures/ask.yaml", "base/province/pack.yaml", "base/nation/documents/letter.en.md", "units.yaml"} {
		if p.Files[name] == nil {
			t.Errorf("%s is not kept; kept are %v", name, slices.Sorted(maps.Keys(p.Files)))
		}
	}
	files, err := FromFiles(p.Files)
	if err != nil {
		t.Fatal(err)
	}
	for how, load := range map[string]func(fs.FS) (*Pack, error){"Load": func(f fs.FS) (*Pack, error) { return Load(f, memory) }, "LoadKept": LoadKept} {
		again, err := load(files)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if again.Digest != p.Digest || again.Texts["en"]["law.ACT.article.2"] != p.Texts["en"]["law.ACT.article.2"] || len(again.Files) != len(p.Files) {
			t.Errorf("%s: %d files %.8s, were %d files %.8s", how, len(again.Files), again.Digest, len(p.Files), p.Digest)
		}
	}
	moved := country()
	moved["nation/documents/letter.en.md"] += "more\n"
	if other := loadCity(t, moved); other.Digest == p.Digest {
		t.Error("the base has changed, the version has not")
	}
}

func Test_what_an_overlay_says_is_merged_by_rule(t *testing.T) {
	for name, c := range map[string]struct {
		file, yaml string
		check      func(p *Pack) any
		want       string
	}{
		"an item is removed": {"categories.yaml", "categories: [{id: road, remove: true}]",
			func(p *Pack) any { return len(p.Categories) }, "1"},
		"a new item stands after the one named before it": {"procedures/ask.yaml", "phases:\n  - id: begun\n  - {id: middle, name: {en: Middle}}",
			func(p *Pack) any { return p.Phases["ask"] }, "[begun middle over]"},
		"a new item stands at the end otherwise": {"procedures/ask.yaml", "phases:\n  - {id: later, name: {en: Later}}",
			func(p *Pack) any { return p.Phases["ask"] }, "[begun over later]"},
		"a plain list is replaced": {"procedures/ask.yaml", "clocks: [{id: term, start: [reminded, asked]}]",
			func(p *Pack) any { c, _ := p.Procedures["ask"].Clock("term"); return c.Start }, "[reminded asked]"},
		"a list of things without ids is replaced": {"procedures/ask.yaml", "acts: [{id: answer, notices: [{to: resident, template: bye}, {to: holder, template: bye}]}]",
			func(p *Pack) any { a, _ := p.Procedures["ask"].Act("answer"); return a.Notices }, "[{resident bye} {holder bye}]"},
		"a list is emptied": {"procedures/ask.yaml", "acts: [{id: answer, notices: []}]",
			func(p *Pack) any { a, _ := p.Procedures["ask"].Act("answer"); return len(a.Notices) }, "0"},
		"fields merge by their name": {"procedures/ask.yaml", "acts: [{id: answer, fields: [{name: text, max: 900}, {name: more, kind: text, label: {en: More}}]}]",
			func(p *Pack) any {
				a, _ := p.Procedures["ask"].Act("answer")
				return fmt.Sprint(len(a.Fields), a.Fields[0].Max, a.Fields[0].Required)
			}, "2 900 true"},
		"a value is taken away": {"procedures/ask.yaml", "clocks: [{id: term, law: {remove: true}, parameter: true, to_confirm: {en: The city settles it.}}]",
			func(p *Pack) any { c, _ := p.Procedures["ask"].Clock("term"); return c.Law.ID == "" }, "true"},
		"a text is replaced": {"texts/en.yaml", "notice.hello: Good day",
			func(p *Pack) any { return p.Texts["en"]["notice.hello"] + p.Texts["en"]["notice.bye"] }, "Good dayBye"},
		"a document is replaced": {"documents/letter.en.md", "# Note\n",
			func(p *Pack) any { raw, _ := p.File("documents/letter.en.md"); return strings.TrimSpace(string(raw)) }, "# Note"},
		"days off are added by date": {"calendars/nation.yaml", "days_off: [{from: 2026-10-01, to: 2026-10-05, name: {en: Long National Day}}]",
			func(p *Pack) any { return len(p.Calendars["nation"].Off) }, "5"},
	} {
		t.Run(name, func(t *testing.T) {
			files := country()
			files["city/"+c.file] = c.yaml
			if got := fmt.Sprint(c.check(loadCity(t, files))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func Test_a_file_of_the_base_can_be_taken_away(t *testing.T) {
	files := country()
	files["nation/procedures/other.yaml"] = strings.ReplaceAll(files["nation/procedures/ask.yaml"], "procedure: ask", "procedure: other")
	if p := loadCity(t, files); len(p.Procedures) != 2 {
		t.Fatalf("%d procedures", len(p.Procedures))
	}
	files["city/procedures/other.yaml"] = "# not done here\nremove: true\n"
	if p := loadCity(t, files); len(p.Procedures) != 1 {
		t.Errorf("%d procedures", len(p.Procedures))
	}
}

func Test_a_mistake_is_reported_in_the_layer_that_made_it(t *testing.T) {
	for name, c := range map[string]struct{ file, yaml, want string }{
		"in the city":              {"city/procedures/ask.yaml", "acts:\n  - id: answer\n    to: dune\n", `procedures/ask.yaml:2:5: act "answer" names the state "dune"`},
		"a wrong type":             {"city/procedures/ask.yaml", "clocks:\n  - {id: term, n: many}\n", `procedures/ask.yaml:2:19: clocks[0].n: "many" is not a whole number`},
		"an unknown name":          {"city/procedures/ask.yaml", "acts:\n  - id: answer\n    fron: [open]\n", `procedures/ask.yaml:3:5: acts[0]: "fron" is not a name that is known here; did you mean "from"?`},
		"in the province":          {"province/procedures/ask.yaml", "clocks:\n  - {id: term, n: -3}\n", `base/province/procedures/ask.yaml:2:5: clock "term"`},
		"in the nation":            {"nation/texts/en.yaml", "notice.hello: [1]\nnotice.bye: Bye\n", `base/nation/texts/en.yaml:1:15: notice.hello`},
		"nothing to remove":        {"city/procedures/ask.yaml", "acts:\n  - {id: nothing, remove: true}\n", `procedures/ask.yaml:2:5: there is no "nothing" in the base to remove`},
		"half a removal":           {"city/procedures/ask.yaml", "acts:\n  - {id: answer, remove: perhaps}\n", `procedures/ask.yaml:2:26: remove: say true`},
		"an item given twice":      {"city/procedures/ask.yaml", "acts:\n  - {id: answer, key: q}\n  - {id: answer, key: w}\n", `act "answer" is listed twice`},
		"a name given twice":       {"city/procedures/ask.yaml", "prefix: B\nprefix: C\n", `procedures/ask.yaml:2:1: "prefix" stands here twice`},
		"one procedure, two files": {"city/procedures/other.yaml", country()["nation/procedures/ask.yaml"], `procedure "ask" is in two files; to change one of a base, use the name of its file`},
		"a base that is missing":   {"province/pack.yaml", "pack: province\nbase: moon\n", `base/province/pack.yaml:2:7: base "moon" is not found`},
		"a base outside":           {"province/pack.yaml", "pack: province\nbase: ../nation\n", `base/province/pack.yaml:2:7: base "../nation": use the name of a folder`},
		"a loop":                   {"nation/pack.yaml", "pack: nation\nbase: city\n", `base/nation/pack.yaml:2:7: base "city": it stands on this pack itself`},
		"a loop of bases":          {"nation/pack.yaml", "pack: nation\nbase: province\n", `base/nation/pack.yaml:2:7: base "province": it stands on this pack itself`},
		"itself":                   {"city/pack.yaml", "pack: city\nbase: city\n", `pack.yaml:2:7: base "city": it stands on this pack itself`},
	} {
		t.Run(name, func(t *testing.T) {
			files := country()
			files[c.file] = c.yaml
			_, err := LoadFrom(fsOf(files), "city", memory)
			if err == nil || !strings.Contains("\n"+err.Error(), "\n"+c.want) && !strings.Contains(err.Error(), ": "+c.want) {
				t.Errorf("want %s, got:\n%v", c.want, err)
			}
		})
	}
}

func Test_a_base_is_checked_by_itself_in_a_sample_city(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing is searched with -short, and this is about what a search finds")
	}
	files := country()
	p, err := LoadFrom(fsOf(files), "province", memory)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Abstract || len(p.Units.All()) != 7 || p.Reports["ask"].States == 0 {
		t.Errorf("abstract %v, units %v, %d situations", p.Abstract, p.Units.All(), p.Reports["ask"].States)
	}
	if at := p.RouteTo("lamp", "group"); at != "district-light" {
		t.Errorf("a lamp goes to %s", at)
	}
	files["nation/procedures/ask.yaml"] = strings.Replace(files["nation/procedures/ask.yaml"], "final: true", "owner: holder", 1)
	_, err = LoadFrom(fsOf(files), "province", memory)
	if len(Failures(err)) == 0 {
		t.Errorf("a procedure that never ends passes: %v", err)
	}
	files = country()
	files["nation/units.yaml"] = files["city/units.yaml"]
	if _, err := LoadFrom(fsOf(files), "nation", memory); err == nil || !strings.Contains(err.Error(), "units.yaml:1:1: an abstract pack has no units") {
		t.Errorf("an abstract pack with units: %v", err)
	}
}

func Test_the_sample_city_has_every_role_and_department_that_is_named(t *testing.T) {
	l := &loader{fsys: layers{{fsys: fsOf(map[string]string{
		"procedures/a.yaml": "acts:\n  - {id: x, by: [clerk, system, child], behalf: [registrar], dept: discipline}\n  - {id: y, by: [resident, parent, clerk]}\nlinks: [{id: l, unit: dept:review}, {id: m, unit: superior}]\n",
		"categories.yaml":   "categories: [{id: c, route: {dept: light}}, {id: d, route: {level: street}}]\n",
	})}}}
	roles, depts := l.rolesAndDepts()
	if !slices.Equal(roles, []string{"clerk", "registrar"}) || !slices.Equal(depts, []string{"discipline", "review", "light"}) {
		t.Errorf("roles %v, departments %v", roles, depts)
	}
}

func Test_words_of_a_base_in_other_languages_are_left_aside(t *testing.T) {
	files := country()
	files["nation/pack.yaml"] = strings.Replace(files["nation/pack.yaml"], "languages: [en]", "languages: [en, fr]", 1)
	files["nation/pack.yaml"] = strings.Replace(files["nation/pack.yaml"], "name: {en: The Act}", "name: {en: The Act, fr: La loi}", 1)
	files["city/pack.yaml"] += "languages: [en]\n"
	p := loadCity(t, files)
	if !slices.Equal(p.Langs, []string{"en"}) || len(p.Texts) != 1 {
		t.Errorf("languages %v, texts in %d", p.Langs, len(p.Texts))
	}
}
