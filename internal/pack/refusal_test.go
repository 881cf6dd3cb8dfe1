package pack

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every line of an error of the loader begins with file:line:column.
var placed = regexp.MustCompile(`^[a-zA-Z0-9_./-]+:[1-9][0-9]*:[1-9][0-9]*: .`)

func Test_every_error_says_file_line_and_column(t *testing.T) {
	files := country()
	for name, c := range map[string]struct{ file, old, now, want string }{
		"no languages":              {"nation/pack.yaml", "languages: [en]", "languages: []", "base/nation/pack.yaml:5:12: languages: name at least one"},
		"no zone":                   {"nation/pack.yaml", "Asia/Shanghai", "Asia/Nowhere", `base/nation/pack.yaml:6:7: zone "Asia/Nowhere"`},
		"a name with blanks":        {"city/pack.yaml", "pack: city", "pack: my city", `pack.yaml:1:7: pack "my city"`},
		"no operator":               {"city/pack.yaml", "operator: {name: {en: Town hall}}", "", "pack.yaml:1:1: words in en are missing (operator)"},
		"a law that never was":      {"nation/procedures/ask.yaml", "law: {id: ACT, article: \"1\"}", "law: {id: ACTS, article: \"1\"}", `base/nation/procedures/ask.yaml:5:6: law "ACTS" is not listed`},
		"a law since no day":        {"nation/procedures/ask.yaml", "article: \"1\"}", "article: \"1\", since: 2026-02-30}", `base/nation/procedures/ask.yaml:5:37: since: date "2026-02-30"`},
		"an unknown group":          {"nation/categories.yaml", "{id: lamp, group: all", "{id: lamp, group: some", `base/nation/categories.yaml:3:23: category "lamp": group "some"`},
		"an unknown department":     {"nation/categories.yaml", "dept: light", "dept: lite", `no unit is department "lite"`},
		"a unit below nothing":      {"city/units.yaml", "parent: town", "parent: tower", `units.yaml:3:5: unit "east": parent "tower"`},
		"a unit on no level":        {"city/units.yaml", "level: district", "level: county", `units.yaml:3:5: unit "east": unknown level "county"`},
		"an unknown start":          {"nation/procedures/ask.yaml", "start: open", "start: opened", `base/nation/procedures/ask.yaml:7:8: start "opened"`},
		"no such day":               {"city/calendars/nation.yaml", "2026-04-03", "2026-02-30", `calendars/nation.yaml:2:5: date "2026-02-30"`},
		"a day off twice":           {"city/calendars/nation.yaml", "2026-04-03", "2026-10-02", `calendars/nation.yaml:2:5: 2026-10-02 is listed twice`},
		"a day off beyond":          {"city/calendars/nation.yaml", "2026-04-03", "2027-04-03", `calendars/nation.yaml:2:5: 2027-04-03 lies after known_until 2026-12-31`},
		"both off and on":           {"city/calendars/nation.yaml", "days_off:", "days_on:\n  - {date: 2026-10-03, name: {en: Shift}}\ndays_off:", `calendars/nation.yaml:2:5: 2026-10-03 is also in days_off`},
		"worked anyway":             {"city/calendars/nation.yaml", "days_off:", "days_on:\n  - {date: 2026-09-30, name: {en: Shift}}\ndays_off:", `calendars/nation.yaml:2:5: 2026-09-30 is a Wednesday, worked every week`},
		"a range of years":          {"city/calendars/nation.yaml", "date: 2026-04-03", "from: 2020-01-01, to: 2026-04-03", `calendars/nation.yaml:2:5: dates "2020-01-01" to "2026-04-03"`},
		"a week of eight days":      {"nation/calendars/nation.yaml", "fri]", "fri, fry]", `base/nation/calendars/nation.yaml:3:7: week: "fry"`},
		"one calendar in two files": {"city/calendars/nation.yaml", "days_off:", "calendar: province\ndays_off:", `calendar "nation" is not in calendars/`},
		"text that is a list":       {"nation/texts/en.yaml", "Hello", "[Hello]", `base/nation/texts/en.yaml:1:15: notice.hello: one value is expected`},
		"a removal without a base":  {"nation/procedures/ask.yaml", "final: true", "remove: true", `base/nation/procedures/ask.yaml:14:29: states[1]: there is nothing to remove here`},
		"a second document":         {"city/pack.yaml", "version: \"7\"", "version: \"7\"\n---\nversion: \"8\"", `pack.yaml:4:1: a second document`},
		"no YAML":                   {"city/pack.yaml", "version: \"7\"", "version: \"7", `pack.yaml:6:1: this is not YAML`},
	} {
		t.Run(name, func(t *testing.T) {
			broken := maps.Clone(files)
			broken[c.file] = strings.Replace(files[c.file], c.old, c.now, 1)
			if broken[c.file] == files[c.file] {
				t.Fatal("the passage to break is not there")
			}
			_, err := LoadFrom(fsOf(broken), "city", memory)
			if err == nil {
				t.Fatal("the pack loads")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %s, got:\n%v", c.want, err)
			}
			for line := range strings.Lines(err.Error()) {
				if !placed.MatchString(line) {
					t.Errorf("a line without a place: %s", line)
				}
			}
		})
	}
}

func Test_two_files_cannot_be_one_calendar(t *testing.T) {
	files := country()
	files["city/calendars/zz.yaml"] = files["nation/calendars/nation.yaml"]
	_, err := LoadFrom(fsOf(files), "city", memory)
	if err == nil || !strings.Contains(err.Error(), `calendars/zz.yaml:1:11: calendar "nation" is in two files`) {
		t.Errorf("got %v", err)
	}
}

func Test_a_hostile_file_is_refused_in_bounded_time_and_words(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, src := range map[string]string{
		"an alias bomb":          bomb,
		"an alias":               "notice.hello: &a Hello\nnotice.bye: *a\n",
		"a merge key":            "notice.hello: Hello\n<<: {notice.bye: Bye}\n",
		"a million empty lists":  "a: [" + strings.Repeat("[],", 1<<20) + "]\n",
		"a hundred thousand bad": strings.Repeat("x: [1]\n", 100_000),
		"one huge word":          "notice.hello: [" + strings.Repeat("x", 1<<20) + "]\nnotice." + strings.Repeat("y", 1<<20) + ": [1]\n",
		"a deep hole":            "a: " + strings.Repeat("[", 100_000) + "\n",
		"nine mebibytes":         strings.Repeat("# nothing\n", 1_000_000),
		"no UTF-8":               "a: \xff\n",
	} {
		for _, where := range []string{"city/texts/en.yaml", "nation/texts/en.yaml", "province/procedures/ask.yaml", "city/pack.yaml"} {
			files := country()
			files[where] = src
			began := time.Now()
			_, err := LoadFrom(fsOf(files), "city", memory)
			if err == nil {
				t.Errorf("%s in %s loads", name, where)
				continue
			}
			if n := len(err.Error()); n > 100_000 || time.Since(began) > 20*time.Second {
				t.Errorf("%s in %s: %d bytes of error after %s", name, where, n, time.Since(began))
			}
			if !strings.Contains(err.Error(), strings.Join(strings.Split(where, "/")[1:], "/")+":") {
				t.Errorf("%s in %s is not named: %.300v", name, where, err)
			}
		}
	}
}

func Test_a_copy_of_the_base_changes_nothing(t *testing.T) {
	files := country()
	before := partsOf(t, files, "city", Parts)
	for name, src := range country() {
		if rest, ok := strings.CutPrefix(name, "nation/"); ok && rest != "pack.yaml" {
			if _, there := files["province/"+rest]; !there {
				files["province/"+rest] = src
			}
		}
	}
	for _, c := range Diff(before, partsOf(t, files, "city", Parts)) {
		t.Errorf("%s", told(c))
	}
	loadCity(t, files)
}

// FuzzOverlay lays arbitrary text over a procedure of the base: it loads, or is refused with a place.
func FuzzOverlay(f *testing.F) {
	for _, s := range []string{"", "remove: true", "acts: [{id: answer, remove: true}]", "acts: [{id: answer}, {id: answer, to: open}]", "clocks: []", "clocks: [{id: term, n: 1}, {id: new}]",
		"phases: [{id: over}, {id: begun}]", "states: {id: open}", "acts: [[], 7, {remove: true}, {id: x, remove: no}]", "law: {remove: true}", "name: {en: {remove: true}}", "acts: &a [*a]", "? {a: b}\n: c", "<<: {prefix: B}"} {
		f.Add(s)
	}
	base := country()
	f.Fuzz(func(t *testing.T, src string) {
		files := maps.Clone(base)
		files["city/procedures/ask.yaml"] = src
		p, err := LoadFrom(fsOf(files), "city", memory)
		if err == nil {
			again, err := FromFiles(p.Files)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := LoadKept(again); err != nil || kept.Digest != p.Digest || !slices.Equal(kept.Base, p.Base) {
				t.Fatalf("a pack that loads cannot be kept: %v", err)
			}
			return
		}
		if !placed.MatchString(err.Error()) {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}
