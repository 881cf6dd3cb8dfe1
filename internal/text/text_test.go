package text

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func program(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Base()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Languages(), []string{"en", "zh-CN"}) {
		t.Fatalf("languages %v; the tests below compare two", c.Languages())
	}
	return c
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func placeholders(words string) []string {
	found := placeholder.FindAllString(words, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// counted reports a singular: "key.one" beside "key.other". Chinese has none.
func counted(c *Catalogue, lang, key string) bool {
	stem, ok := strings.CutSuffix(key, ".one")
	return ok && c.In(lang).Has(stem+".other")
}

func Test_every_word_is_said_in_both_languages_with_the_same_figures(t *testing.T) {
	c := program(t)
	for _, pair := range [][2]string{{"en", "zh-CN"}, {"zh-CN", "en"}} {
		for _, key := range c.Keys(pair[0]) {
			words := c.words[pair[0]][key]
			if words == "" {
				t.Errorf("%s is empty in %s", key, pair[0])
			}
			other, ok := c.words[pair[1]][key]
			switch {
			case !ok && counted(c, pair[1], key):
			case !ok:
				t.Errorf("%s has words in %s and none in %s", key, pair[0], pair[1])
			case strings.HasSuffix(key, ".one"): // may say "one" and leave the figure out
			case !slices.Equal(placeholders(words), placeholders(other)) && !strings.HasPrefix(key, "date."):
				t.Errorf("%s asks for %v in %s and for %v in %s", key, placeholders(words), pair[0], placeholders(other), pair[1])
			}
		}
	}
}

func Test_what_is_filled_in_is_not_filled_again(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"{title} of {unit}", "{unit} of {title}"},
		{"{unit}{unit}", "{title}{title}"},
		{"{nobody} {title", "{nobody} {title"},
		{"no braces", "no braces"},
	} {
		if got := Fill(c.words, "title", "{unit}", "unit", "{title}"); got != c.want {
			t.Errorf("%q gives %q, want %q", c.words, got, c.want)
		}
	}
	if got := Fill("{a}"); got != "{a}" {
		t.Errorf("without figures: %q", got)
	}
}

func small(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Read(fstest.MapFS{
		"w/a.en.yaml":    {Data: []byte("cases.one: one case\ncases.other: \"{n} cases\"\nonly.en: English\n")},
		"w/a.zh-CN.yaml": {Data: []byte("cases.other: \"{n}件\"\n")},
	}, "w")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func Test_a_count_has_a_singular_where_the_language_has_one(t *testing.T) {
	c := small(t)
	for n, want := range map[int]string{0: "0 cases", 1: "one case", 2: "2 cases"} {
		if got := c.In("en").N("cases", n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := c.In("zh-CN").N("cases", 1); got != "1件" {
		t.Errorf("got %q", got)
	}
}

func Test_a_gap_is_shown_and_words_of_one_language_are_said_as_such(t *testing.T) {
	c := small(t)
	if got := c.In("en").T("no.such"); got != "⟦no.such⟧" {
		t.Errorf("got %q", got)
	}
	if got := c.In("en").N("no.such", 2); got != "⟦no.such.other⟧" {
		t.Errorf("got %q", got)
	}
	zh := c.In("zh-CN")
	if zh.T("only.en") != "English" || zh.Own("only.en") != "en" || zh.Has("only.en") || zh.Own("no.such") != "zh-CN" {
		t.Errorf("got %q in %q", zh.T("only.en"), zh.Own("only.en"))
	}
}

func Test_a_key_written_twice_is_refused_and_words_of_a_pack_lie_over_the_base(t *testing.T) {
	_, err := Read(fstest.MapFS{"w/a.en.yaml": {Data: []byte("k: a\n")}, "w/b.en.yaml": {Data: []byte("k: b\n")}}, "w")
	if err == nil || !strings.Contains(err.Error(), "w/b.en.yaml") || !strings.Contains(err.Error(), `"k"`) {
		t.Errorf("got %v", err)
	}
	c := small(t)
	over := c.With(map[string]map[string]string{"en": {"only.en": "Ours", "new": "New"}, "fr": {"new": "Nouveau"}})
	if over.In("en").T("only.en") != "Ours" || over.In("fr").T("new") != "Nouveau" || c.In("en").T("only.en") != "English" || c.In("en").Has("new") {
		t.Error("an overlay is not seen, or changes what it lies over")
	}
}

func Test_a_day_is_said_in_the_zone_and_the_order_of_the_language(t *testing.T) {
	c := program(t)
	zone := time.FixedZone("UTC+8", 8*3600)
	at := time.Date(2026, 3, 1, 16, 30, 0, 0, time.UTC) // Monday half past midnight in the zone
	en, zh := c.In("en"), c.In("zh-CN")
	for got, want := range map[string]string{
		en.Date(at, zone): "Monday 2 March 2026", zh.Date(at, zone): "2026年3月2日（星期一）",
		en.ShortDate(at, zone): "2 Mar", zh.ShortDate(at, zone): "3月2日",
		en.DateTime(at, zone): "Monday 2 March 2026, 00:30", zh.DateTime(at, zone): "2026年3月2日（星期一）00:30",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for i := range 366 {
		day := at.AddDate(0, 0, i)
		if s := en.Date(day, zone) + en.ShortDate(day, zone) + zh.Date(day, zone) + zh.ShortDate(day, zone); strings.ContainsAny(s, "⟦{") {
			t.Fatalf("%s", s)
		}
	}
}
