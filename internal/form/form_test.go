package form_test

import (
	"maps"
	"strings"
	"testing"

	"comity/internal/form"
)

func Test_every_kind_takes_its_answers_and_names_what_is_wrong_with_others(t *testing.T) {
	text := form.Field{Kind: form.Text, Min: 2, Max: 4}
	lines := form.Field{Kind: form.LongText, Max: 10}
	pick := form.Field{Kind: form.Choice, Options: []string{"good", "poor"}}
	count := form.Field{Kind: form.Number, Min: 1, Max: 5}
	for _, c := range []struct {
		name  string
		field form.Field
		raw   string
		want  string // the clean answer
		rule  string // or the rule that is broken
	}{
		{"text is trimmed", text, "  ab\t", "ab", ""},
		{"text is counted in characters, not bytes", text, "人行道坏", "人行道坏", ""},
		{"text too long by a character", text, "人行道坏了", "", "form.too_long"},
		{"text too short", text, "a", "", "form.too_short"},
		{"text of two lines", text, "a\nb", "", "form.one_line"},
		{"text without a limit has one", form.Field{Kind: form.Text}, strings.Repeat("长", form.MaxText+1), "", "form.too_long"},
		{"text at the limit of all", form.Field{Kind: form.Text}, strings.Repeat("长", form.MaxText), strings.Repeat("长", form.MaxText), ""},
		{"broken UTF-8", text, "a\xffb", "", "form.encoding"},
		{"a control character", text, "a\x00b", "", "form.control"},
		{"an escape", lines, "a\x1b[2Jb", "", "form.control"},
		{"a character of C1", lines, "a\u0085b", "", "form.control"},
		{"line ends of any machine", lines, "a\r\nb\rc", "a\nb\nc", ""},
		{"an offered choice", pick, "poor", "poor", ""},
		{"a choice nobody offered", pick, "fair", "", "form.choice"},
		{"an outcome nobody offered", form.Field{Kind: form.Outcome, Options: []string{"solved"}}, "lost", "", "form.choice"},
		{"an outcome", form.Field{Kind: form.Outcome, Options: []string{"solved"}}, "solved", "solved", ""},
		{"the smallest number", count, "1", "1", ""},
		{"the largest number", count, " 5 ", "5", ""},
		{"a number below", count, "0", "", "form.range"},
		{"a number above", count, "6", "", "form.range"},
		{"no number", count, "two", "", "form.number"},
		{"a broken number", count, "1.5", "", "form.number"},
		{"a number beyond all", count, "99999999999999999999", "", "form.number"},
		{"a day", form.Field{Kind: form.Date}, "2028-02-29", "2028-02-29", ""},
		{"a day that never comes", form.Field{Kind: form.Date}, "2026-02-29", "", "form.date"},
		{"a day in another order", form.Field{Kind: form.Date}, "28.02.2026", "", "form.date"},
		{"yes", form.Field{Kind: form.Yes}, "yes", "yes", ""},
		{"on is not yes", form.Field{Kind: form.Yes}, "on", "", "form.choice"},
		{"a phone number with signs", form.Field{Kind: form.Phone}, "+86 (731) 8888-0000", "+8673188880000", ""},
		{"digits of a Chinese input method", form.Field{Kind: form.Phone}, "（０７３１）８８８８－０００９", "073188880009", ""},
		{"the shortest hotline", form.Field{Kind: form.Phone}, "12345", "12345", ""},
		{"an emergency number is no contact", form.Field{Kind: form.Phone}, "110", "", "form.phone"},
		{"a phone number too long", form.Field{Kind: form.Phone}, strings.Repeat("1", 21), "", "form.phone"},
		{"a plus in the middle", form.Field{Kind: form.Phone}, "12345+6", "", "form.phone"},
		{"letters in a phone number", form.Field{Kind: form.Phone}, "12345a", "", "form.phone"},
		{"signs alone are no number", form.Field{Kind: form.Phone}, "(----)", "", "form.phone"},
		{"a unit", form.Field{Kind: form.Unit}, "guiyuan", "guiyuan", ""},
		{"a unit longer than any", form.Field{Kind: form.Unit}, strings.Repeat("长", 101), "", "form.choice"},
		{"an officer", form.Field{Kind: form.Officer}, "u1", "u1", ""},
		{"an officer longer than any", form.Field{Kind: form.Officer}, strings.Repeat("u", 101), "", "form.choice"},
		{"nothing where nothing is needed", text, " \r\n ", "", ""},
		{"nothing where something is", form.Field{Kind: form.LongText, Required: true}, " \r\n ", "", "form.required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.field.Name = "f"
			clean, bad := form.Check([]form.Field{c.field}, map[string]string{"f": c.raw})
			rule := ""
			if len(bad) > 0 {
				rule = bad[0].Rule
			}
			if clean["f"] != c.want || rule != c.rule || len(bad) > 1 || len(bad) == 1 && bad[0].Field != "f" {
				t.Errorf("got %q, %v; want %q, %q", clean["f"], bad, c.want, c.rule)
			}
		})
	}
}

func Test_every_kind_of_the_list_is_in_the_table_of_the_fuzz_test(t *testing.T) {
	seen := map[form.Kind]bool{}
	for _, f := range every {
		seen[f.Kind] = true
	}
	for _, k := range form.Kinds {
		if !seen[k] {
			t.Errorf("kind %q is not tried", k)
		}
	}
}

func Test_a_field_is_needed_only_when_another_says_so(t *testing.T) {
	fields := []form.Field{
		{Name: "pick", Kind: form.Choice, Options: []string{"good", "poor", "bad"}},
		{Name: "why", Kind: form.Text, When: &form.When{Field: "pick", In: []string{"poor", "bad"}}},
	}
	for pick, needed := range map[string]bool{"good": false, "": false, "poor": true, " bad ": true} {
		_, bad := form.Check(fields, map[string]string{"pick": pick})
		if (len(bad) == 1 && bad[0].Field == "why" && bad[0].Rule == "form.required") != needed || !needed && len(bad) > 0 {
			t.Errorf("pick %q: %v", pick, bad)
		}
		clean, bad := form.Check(fields, map[string]string{"pick": pick, "why": "said anyway"})
		if len(bad) > 0 || clean["why"] != "said anyway" {
			t.Errorf("pick %q: what was said anyway is lost: %v %v", pick, clean, bad)
		}
	}
}

func Test_all_problems_are_named_at_once_in_field_order_and_unknown_names_last(t *testing.T) {
	fields := []form.Field{{Name: "b", Kind: form.Text, Required: true}, {Name: "a", Kind: form.Number}}
	clean, bad := form.Check(fields, map[string]string{"a": "x", "z": "1", "y": "", "bad\xff": "1"})
	var got []string
	for _, p := range bad {
		got = append(got, p.Field+" "+p.Rule)
	}
	want := "b form.required, a form.number, bad� form.unknown, y form.unknown, z form.unknown"
	if strings.Join(got, ", ") != want || len(clean) > 0 {
		t.Errorf("got %v and %v", got, clean)
	}
}

func Test_a_problem_carries_the_figures_its_words_need(t *testing.T) {
	_, bad := form.Check([]form.Field{{Name: "f", Kind: form.Text, Max: 3}}, map[string]string{"f": "人行道坏了"})
	if len(bad) != 1 || !maps.Equal(bad[0].Params, map[string]string{"max": "3", "got": "5"}) {
		t.Errorf("%v", bad)
	}
	_, bad = form.Check([]form.Field{{Name: "f", Kind: form.Number}}, map[string]string{"f": strings.Repeat("长", 200)})
	if len(bad) != 1 || bad[0].Params["got"] != strings.Repeat("长", 40)+"…" {
		t.Errorf("an echoed answer is not cut: %v", bad)
	}
}
