package talks

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func said(list []piece, fates ...int) string {
	var b strings.Builder
	for _, x := range list {
		for _, f := range fates {
			if x.fate == f {
				b.WriteString(x.text)
			}
		}
	}
	return b.String()
}

func Test_a_comparison_holds_both_texts_and_keeps_as_much_as_can_be_kept(t *testing.T) {
	words := []string{"支", "付", "甲", "乙", "300", "元", " ", "pay", "paid", "\n", "，", "三"}
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range rnd.IntN(9) {
			b.WriteString(words[rnd.IntN(len(words))])
		}
		return b.String()
	}
	for range 3000 {
		old, now := text(), text()
		list := compare(old, now)
		if got := said(list, same, gone); got != old {
			t.Fatalf("%q → %q: same and gone give %q", old, now, got)
		}
		if got := said(list, same, fresh); got != now {
			t.Fatalf("%q → %q: same and fresh give %q", old, now, got)
		}
		for i := 1; i < len(list); i++ {
			if list[i].fate == list[i-1].fate {
				t.Fatalf("%q → %q: two pieces of one fate beside each other: %v", old, now, list)
			}
		}
		kept := 0
		for _, x := range list {
			if x.fate == same {
				kept += len(units(x.text))
			}
		}
		if best := longest(units(old), units(now)); kept < best-joints(list) {
			t.Fatalf("%q → %q keeps %d of %d units: %v", old, now, kept, best, list)
		}
	}
}

// joints is how many places there are at which two units that were kept apart read as one afterwards.
func joints(list []piece) int {
	n := 0
	for _, x := range list {
		if x.fate == same {
			n++
		}
	}
	return n * 2
}

// longest counts the longest common subsequence the slow way.
func longest(a, b []string) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case a[0] == b[0]:
		return 1 + longest(a[1:], b[1:])
	}
	return max(longest(a[1:], b), longest(a, b[1:]))
}

func Test_a_comparison_goes_by_characters_of_chinese_and_by_words_and_figures(t *testing.T) {
	list := compare("乙于3月1日前支付300元", "乙于3月15日前支付280元")
	if got := said(list, gone) + "|" + said(list, fresh); got != "1300|15280" {
		t.Errorf("%s in %v", got, list)
	}
	if list := compare("pays rent", "paid rent"); said(list, gone) != "pays" || said(list, fresh) != "paid" {
		t.Errorf("%v", list)
	}
	if list := compare("", ""); len(list) != 0 {
		t.Errorf("%v", list)
	}
	long := strings.Repeat("甲乙", 2000)
	if list := compare(long, strings.Repeat("丙丁", 2000)); said(list, same) != "" || said(list, gone) != long {
		t.Error("long texts that share nothing are not shown as replaced")
	}
}

func Test_a_pasted_list_is_read_by_any_comma_and_a_heading_is_left_out(t *testing.T) {
	list := entries("姓名，电话\r\n张三，13700000001\n\n李四\t0731-8888 8888\t li@example.org\n\"Wang Wu\"; \n")
	if len(list) != 4 || !list[0].heading || list[1].heading {
		t.Fatalf("%+v", list)
	}
	if e := list[2]; e.name != "李四" || e.phone != "0731-8888 8888" || e.mail != "li@example.org" {
		t.Errorf("%+v", e)
	}
	if e := list[3]; e.name != "Wang Wu" || e.phone != "" {
		t.Errorf("%+v", e)
	}
}
