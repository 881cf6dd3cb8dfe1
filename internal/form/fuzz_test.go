package form_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"comity/internal/form"
)

// every is one field of each kind, as a pack might ask them.
var every = []form.Field{
	{Name: "line", Kind: form.Text, Required: true, Min: 2, Max: 40},
	{Name: "lines", Kind: form.LongText, Max: 80},
	{Name: "pick", Kind: form.Choice, Options: []string{"good", "fair", "poor"}},
	{Name: "count", Kind: form.Number, Min: 1, Max: 5},
	{Name: "day", Kind: form.Date},
	{Name: "sure", Kind: form.Yes},
	{Name: "phone", Kind: form.Phone},
	{Name: "unit", Kind: form.Unit},
	{Name: "officer", Kind: form.Officer},
	{Name: "outcome", Kind: form.Outcome, Options: []string{"solved", "planned"}},
	{Name: "why", Kind: form.Text, When: &form.When{Field: "pick", In: []string{"poor"}}},
}

func FuzzCheck(f *testing.F) {
	for _, v := range []string{"", "  ", "good", "poor", "7", "-1", "999999999999999999999", "2026-02-30", "2026-02-28", "yes", "+86 731-8888 0000",
		"１２３４５", "\xff", "a\x00b", "two\nlines", "\r\n x \r", "人行道", "solved", strings.Repeat("长", 101), "\u202e"} {
		for i := range every {
			f.Add(uint8(i), v, v)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, v, other string) {
		field := every[int(which)%len(every)]
		raw := map[string]string{"line": "given", field.Name: v, "pick2": other}
		before := maps.Clone(raw)
		clean, bad := form.Check(every, raw)
		if !maps.Equal(raw, before) {
			t.Fatal("the answers were changed")
		}
		if !slices.ContainsFunc(bad, func(p form.Problem) bool { return p.Field == "pick2" && p.Rule == "form.unknown" }) {
			t.Fatal("an unknown name was dropped in silence")
		}
		_, kept := clean[field.Name]
		refused := slices.ContainsFunc(bad, func(p form.Problem) bool { return p.Field == field.Name })
		if kept && refused {
			t.Fatalf("%s: kept and refused", field.Name)
		}
		if !kept && !refused && strings.TrimSpace(v) != "" {
			t.Fatalf("%s: %q is neither kept nor refused", field.Name, v)
		}
		for name, got := range clean {
			if !utf8.ValidString(got) || got != strings.TrimSpace(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
				t.Fatalf("%s: %q is not clean", name, got)
			}
		}
		again, still := form.Check(every, clean)
		if !maps.Equal(again, clean) {
			t.Fatalf("what was clean changes when it is checked again: %q and %q", clean, again)
		}
		if len(bad) == 1 && len(still) > 0 {
			t.Fatalf("what was clean has problems when it is checked again: %v", still)
		}
		for _, p := range bad {
			if !utf8.ValidString(p.Field) || !strings.Contains(p.Rule, ".") {
				t.Fatalf("a problem that cannot be shown: %+v", p)
			}
			for _, v := range p.Params {
				if !utf8.ValidString(v) || utf8.RuneCountInString(v) > 60 {
					t.Fatalf("a figure that cannot be shown: %+v", p)
				}
			}
		}
	})
}
