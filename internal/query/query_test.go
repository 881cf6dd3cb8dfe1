package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"comity/internal/query"
)

var vocabulary = query.Vocabulary{
	Keys: []query.Key{
		{ID: "state", Names: []string{"state", "环节", "状态"}, Values: []query.Value{
			{ID: "road.accepted", Names: []string{"Accepted", "已受理", "accepted"}}, {ID: "road.closed", Names: []string{"Closed", "已办结", "closed"}},
			{ID: "plea.accepted", Names: []string{"Accepted", "已登记", "accepted"}}, {ID: "plea.heard", Names: []string{"Being heard", "听证中"}},
		}},
		{ID: "is", Single: true, Names: []string{"is", "是"}, Values: []query.Value{{ID: "overdue", Names: []string{"overdue", "超期"}}, {ID: "open", Names: []string{"open", "在办"}}}},
		{ID: "due", Names: []string{"due", "到期"}, Kind: query.Date},
		{ID: "opened", Names: []string{"opened", "收件"}, Kind: query.Date, Back: true},
	},
	Days:  []query.Value{{ID: query.Today, Names: []string{"today", "今天"}}, {ID: query.Tomorrow, Names: []string{"tomorrow", "明天"}}, {ID: query.Yesterday, Names: []string{"yesterday", "昨天"}}},
	Steps: []query.Value{{ID: query.Day, Names: []string{"d", "天"}}, {ID: query.WorkDay, Names: []string{"wd", "工作日"}}, {ID: query.Week, Names: []string{"w", "周"}}},
}

// said is a query without its places, to compare by eye.
func said(q query.Query) string {
	var out []string
	for _, w := range q.Words {
		out = append(out, fmt.Sprintf("word(%s phrase=%v not=%v)", w.Text, w.Phrase, w.Not))
	}
	for _, t := range q.Terms {
		s := fmt.Sprintf("%s%s%s", t.Key, t.Op, strings.Join(t.IDs, "|"))
		if len(t.IDs) == 0 {
			s += fmt.Sprintf("%s%d%s", t.When.Date, t.When.N, t.When.Step)
		}
		if t.Not {
			s = "not " + s
		}
		out = append(out, s)
	}
	for _, p := range q.Problems {
		out = append(out, fmt.Sprintf("!%s %s %s near=%s at=%d-%d", p.Kind, p.Key, p.Got, p.Near, p.At.From, p.At.To))
	}
	return strings.Join(out, "; ")
}

func Test_words_phrases_terms_and_their_negations_are_read_in_both_languages(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"  lamp 路灯 ":                    "word(lamp phrase=false not=false); word(路灯 phrase=false not=false)",
		`"broken lamp" -井盖`:             "word(broken lamp phrase=true not=false); word(井盖 phrase=false not=true)",
		"“坏了 灯”":                        "word(坏了 灯 phrase=true not=false)",
		"「丁王台」":                         "word(丁王台 phrase=true not=false)",
		"state:accepted":                "state:road.accepted|plea.accepted",
		"环节：已受理":                        "state:road.accepted",
		"-state:closed":                 "not state:road.closed",
		"－状态：已办结":                       "not state:road.closed",
		`state:"Being heard",closed x`:  "word(x phrase=false not=false); state:road.closed|plea.heard",
		"state:road.closed":             "state:road.closed",
		"is:overdue,open 是:超期":          "is:overdue; !one is overdue,open near= at=0-15",
		"due<2026-12-01":                "due<2026-12-010",
		"due<=3d":                       "due<=3d",
		"到期≤3工作日":                       "due<=3wd",
		"到期＜＝2周":                        "due<=2w",
		"opened>=7d":                    "opened>=-7d",
		"opened:yesterday 收件>昨天":        "opened:-1d; opened>-1d",
		"due:今天":                        "due:0d",
		"due>2026/1/5":                  "!date due 2026/1/5 near= at=0-12",
		"see https://a.example/x 12:30": "word(see phrase=false not=false); word(https://a.example/x phrase=false not=false); word(12:30 phrase=false not=false)",
		"a - b":                         "word(a phrase=false not=false); word(b phrase=false not=false)",
		"stat:closed lamp":              "word(lamp phrase=false not=false); !key  stat near=state at=0-11",
		"lamp state:acepted":            "word(lamp phrase=false not=false); !value state acepted near=Accepted at=11-18",
		"state:closed,nowhere":          "state:road.closed; !value state nowhere near= at=13-20",
		"状太：已受理":                        "!key  状太 near=状态 at=0-18",
		"state:":                        "!empty state  near= at=0-6",
		"state<closed":                  "!op state < near= at=0-12",
		`"not closed`:                   "word(not closed phrase=true not=false); !quote   near= at=0-11",
		"due<soon":                      "!date due soon near= at=0-8",
		"due<99999d":                    "!date due 99999d near= at=0-10",
	} {
		if got := said(vocabulary.Parse(text)); got != want {
			t.Errorf("%q reads as\n  %s, want\n  %s", text, got, want)
		}
	}
}

func Test_a_text_that_is_too_long_is_cut_and_says_so(t *testing.T) {
	q := vocabulary.Parse(strings.Repeat("灯 ", 200))
	if len(q.Words) != query.MaxParts || q.Problems[len(q.Problems)-1].Kind != query.Long {
		t.Errorf("%d words, %v", len(q.Words), q.Problems)
	}
	q = vocabulary.Parse(strings.Repeat("灯", 600))
	if n := utf8.RuneCountInString(q.Words[0].Text); n != query.MaxRunes || q.Problems[0].Kind != query.Long || q.Problems[0].At.From != 3*query.MaxRunes {
		t.Errorf("a word of %d characters, %v", n, q.Problems)
	}
}

func Test_a_part_is_cut_out_and_the_rest_stays(t *testing.T) {
	text := "路灯 state:accepted  -is:open"
	q := vocabulary.Parse(text)
	if got := query.Without(text, q.Terms[0].At); got != "路灯 -is:open" {
		t.Errorf("%q", got)
	}
	if got := query.Without(text, q.Words[0].At); got != "state:accepted  -is:open" {
		t.Errorf("%q", got)
	}
}

func Test_a_day_is_counted_from_today_by_days_working_days_and_weeks(t *testing.T) {
	today := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	working := func(d time.Time, n int) time.Time { return d.AddDate(0, 0, 10*n) }
	for text, want := range map[string]string{"due<3d": "2026-11-29", "due<2w": "2026-12-10", "due<1wd": "2026-12-06", "opened>1wd": "2026-11-16",
		"opened>2d": "2026-11-24", "due:yesterday": "2026-11-25", "opened:tomorrow": "2026-11-27", "due:2027-01-02": "2027-01-02"} {
		if got := vocabulary.Parse(text).Terms[0].When.From(today, working).Format(time.DateOnly); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// bare is a query as it is meant: without places, and without what does not count.
func bare(q query.Query) query.Query {
	q.Words, q.Terms, q.Problems = slices.Clone(q.Words), slices.Clone(q.Terms), nil
	for i := range q.Words {
		q.Words[i].At = query.Span{}
	}
	for i := range q.Terms {
		q.Terms[i].At = query.Span{}
	}
	return q
}

func FuzzWhat_is_written_reads_as_what_was_read(f *testing.F) {
	for _, s := range []string{"lamp", `"a b" -c`, "环节：已受理，closed 路灯", "due<3d opened>=2026-01-02 -is:overdue", `state:"Being heard"`, `-"x`, "“「”」", "::a:", "state:,,x", "a\xff:b", "- -", "due:-1d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := vocabulary.Parse(text)
		for _, at := range places(q) {
			if at.From < 0 || at.From > at.To || at.To > len(text) {
				t.Fatalf("%q: a part at %v", text, at)
			}
		}
		if len(q.Words)+len(q.Terms) > query.MaxParts+query.MaxParts {
			t.Fatalf("%q has %d parts", text, len(q.Words)+len(q.Terms))
		}
		if len(q.Problems) > 0 {
			return // what does not count is not written, and what stood in it may be longer without it
		}
		again := vocabulary.Write(q)
		if got := vocabulary.Parse(again); utf8.RuneCountInString(again) <= query.MaxRunes && fmt.Sprint(bare(got)) != fmt.Sprint(bare(q)) {
			t.Fatalf("%q reads as %s, is written %q, and reads as %s", text, said(q), again, said(got))
		}
	})
}

func places(q query.Query) (out []query.Span) {
	for _, w := range q.Words {
		out = append(out, w.At)
	}
	for _, x := range q.Terms {
		out = append(out, x.At)
	}
	for _, p := range q.Problems {
		out = append(out, p.At)
	}
	return out
}
