package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func partsOf(t *testing.T, files map[string]string, name string, of func(fs.FS, Finder) ([]Part, error)) []Part {
	t.Helper()
	dir := fsOf(files)
	sub, err := fs.Sub(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := of(sub, In(dir))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// told is one change in a line.
func told(c Change) string {
	p := c.Part()
	s := fmt.Sprintf("%s %s %s", c.What, p.Kind, p.ID)
	if p.Law != "" {
		s += fmt.Sprintf(" [%s %s]", p.Law, p.Article)
	}
	if c.Old != nil {
		s += " was " + c.Old.Place.String()
	}
	if c.New != nil {
		s += " is " + c.New.Place.String()
	}
	for _, v := range c.Values {
		s += fmt.Sprintf("; %s: %q → %q", v.Name, v.Old, v.New)
	}
	return s
}

func tell(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(told(c) + "\n")
	}
	return b.String()
}

func Test_a_pack_is_compared_with_its_base_part_by_part(t *testing.T) {
	files := country()
	got := tell(Diff(partsOf(t, files, "province", BaseParts), partsOf(t, files, "province", Parts)))
	want := `changed article ACT/2 [ACT 2] was base/nation/pack.yaml:13:12 is pack.yaml:9:12; words.en: "The answer takes five days." → "The answer takes three days here."
changed pack pack was base/nation/pack.yaml:1:1 is pack.yaml:1:1; pack: "nation" → "province"; name.en: "Nation" → "Province"; base: "" → "nation"
changed clock ask/term [ACT 2] was base/nation/procedures/ask.yaml:36:5 is procedures/ask.yaml:2:5; n: "5" → "3"
`
	for line := range strings.Lines(want) {
		if !strings.Contains(got, line) {
			t.Errorf("want %sgot\n%s", line, got)
		}
	}
	if strings.Count(got, "\n") != 3 {
		t.Errorf("got\n%s", got)
	}
}

func Test_each_kind_of_part_that_changes_is_named_with_its_law_and_place(t *testing.T) {
	for name, c := range map[string]struct{ file, old, now, want string }{
		"an act's law":    {"nation/procedures/ask.yaml", "law: {id: ACT, article: \"2\"}\n    name", "law: {id: ACT, article: \"1\"}\n    name", `changed act ask/answer [ACT 1] was base/nation/procedures/ask.yaml:16:5 is base/nation/procedures/ask.yaml:16:5; law.article: "2" → "1"`},
		"a field":         {"nation/procedures/ask.yaml", "max: 500", "max: 900", `fields.text.max: "500" → "900"`},
		"a state":         {"nation/procedures/ask.yaml", "final: true, name: {en: Done}", "final: true, name: {en: Over}", `changed state ask/done [ACT 1]`},
		"the procedure":   {"nation/procedures/ask.yaml", "prefix: A", "prefix: B", `changed procedure ask [ACT 1] was base/province/procedures/ask.yaml:1:1`},
		"a day less":      {"nation/calendars/nation.yaml", "to: 2026-10-03", "to: 2026-10-02", `removed day nation/2026-10-03 was base/nation/calendars/nation.yaml:6:5`},
		"a range split":   {"nation/calendars/nation.yaml", "  - {from: 2026-10-01, to: 2026-10-03, name: {en: National Day}}", "  - {from: 2026-10-01, to: 2026-10-02, name: {en: National Day}}\n  - {date: 2026-10-03, name: {en: National Day}}", ""},
		"a category more": {"nation/categories.yaml", "  - {id: road", "  - {id: tree, group: all, name: {en: Tree}}\n  - {id: road", `added category tree is base/nation/categories.yaml:4:5`},
		"a text":          {"nation/texts/en.yaml", "Hello", "Good day", `changed text en/notice.hello was base/nation/texts/en.yaml:1:15 is base/nation/texts/en.yaml:1:15; text: "Hello" → "Good day"`},
		"a document":      {"nation/documents/letter.en.md", "# Letter", "# Note", `changed file documents/letter.en.md was base/nation/documents/letter.en.md:1:1 is base/nation/documents/letter.en.md:1:1; 1: "# Letter" → "# Note"`},
		"a fact":          {"nation/procedures/ask.yaml", "acts:\n", "facts:\n  - {id: class, values: [A], name: {en: Class}, names: {A: {en: A}}}\nacts:\n", `added fact ask/class [ACT 1] is base/nation/procedures/ask.yaml:16:5`},
		"a link":          {"nation/procedures/ask.yaml", "acts:\n", "links:\n  - {id: review, kind: child, procedure: ask, purpose: {en: Look again}, law: {id: ACT, article: \"2\"}}\nacts:\n", `added link ask/review [ACT 2] is base/nation/procedures/ask.yaml:16:5`},
		"a paper":         {"nation/procedures/ask.yaml", "acts:\n", "documents:\n  - {id: letter, name: {en: Letter}}\nacts:\n", `added document ask/letter [ACT 1]`},
		"a unit":          {"city/units.yaml", "name: {en: East}", "name: {en: West}", `changed unit east`},
	} {
		t.Run(name, func(t *testing.T) {
			before := country()
			after := country()
			after[c.file] = strings.Replace(after[c.file], c.old, c.now, 1)
			if after[c.file] == before[c.file] {
				t.Fatal("the passage to change is not there")
			}
			got := tell(Diff(partsOf(t, before, "city", Parts), partsOf(t, after, "city", Parts)))
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") || strings.Count(got, "\n") > 1 {
				t.Errorf("want %s, got\n%s", c.want, got)
			}
			back := tell(Diff(partsOf(t, after, "city", Parts), partsOf(t, before, "city", Parts)))
			if strings.Count(back, "\n") != strings.Count(got, "\n") {
				t.Errorf("the other way round:\n%s", back)
			}
		})
	}
}

func Test_the_same_pack_differs_in_nothing_and_a_pack_without_a_base_says_so(t *testing.T) {
	files := country()
	if got := tell(Diff(partsOf(t, files, "city", Parts), partsOf(t, files, "city", Parts))); got != "" {
		t.Errorf("got %s", got)
	}
	sub, _ := fs.Sub(fsOf(files), "nation")
	if _, err := BaseParts(sub, nil); !errors.Is(err, ErrNoBase) {
		t.Errorf("got %v", err)
	}
}
