package place_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"comity/internal/org"
	"comity/internal/place"
)

func names() *place.Names {
	n := &place.Names{}
	for _, list := range [][]string{{"桂园街道", "Guiyuan Street Office"}, {"桂园路38号", "38 Guiyuan Road"}, {"桂园路", "Guiyuan Road"}, {"人民医院", "People's Hospital", "市一医院"}, {"湖滨公园", "Lakeside Park"}} {
		n.Add(place.Spot{Unit: org.UnitID(list[0])}, list...)
	}
	return n
}

func Test_places_are_found_by_what_people_type(t *testing.T) {
	n := names()
	for typed, want := range map[string]string{
		"桂园路":              "桂园路! 桂园路38号",
		"桂园":               "桂园路 桂园街道 桂园路38号",
		"临江市桂园路38号门口":      "桂园路38号 桂园路",
		"桂园路３８号":           "桂园路38号! 桂园路",
		"医院":               "人民医院",
		"一医院":              "人民医院",
		"guiyuan road":     "桂园路! 桂园路38号 桂园街道",
		"GUIYUAN  ROAD,38": "桂园路 桂园路38号",
		"Lakeside":         "湖滨公园",
		"park":             "湖滨公园",
		"pa":               "湖滨公园",
		"Guiyuen Road":     "桂园路 桂园路38号",
		"peoples hospital": "人民医院!",
		"路":                "",
		"":                 "",
		"、。!":              "",
		"没有的地方":            "",
	} {
		got := ""
		for i, h := range n.Find(typed, 3) {
			if i > 0 {
				got += " "
			}
			got += string(h.Spot.Unit)
			if h.Exact {
				got += "!"
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	if got := (*place.Names)(nil).Find("桂园", 3); got != nil {
		t.Errorf("no names find %v", got)
	}
}

func Test_a_name_typed_whole_is_found_first(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfNDistinct(rapid.StringMatching(`[一-十人民桂园路街a-f0-9]{2,8}`), 1, 30, func(s string) string { return s }).Draw(t, "names")
		n := &place.Names{}
		for i, w := range words {
			n.Add(place.Spot{Unit: org.UnitID(fmt.Sprint(i))}, w)
		}
		i := rapid.IntRange(0, len(words)-1).Draw(t, "which")
		hits := n.Find(words[i], 5)
		if len(hits) == 0 || !hits[0].Exact || hits[0].Spot.Unit != org.UnitID(fmt.Sprint(i)) {
			t.Fatalf("%q among %q: %v", words[i], words, hits)
		}
	})
}

func Benchmark_a_name_among_five_thousand(b *testing.B) {
	n := &place.Names{}
	for i := range 5000 {
		n.Add(place.Spot{}, fmt.Sprintf("%c%c路%d号", rune(0x4e00+i%90), rune(0x5200+i/90), i), fmt.Sprintf("%d Road number %d", i, i%77))
	}
	for b.Loop() {
		if len(n.Find("Road number 38, third house", 5)) == 0 {
			b.Fatal("nothing was found")
		}
	}
}

func Fuzz_what_is_typed_never_breaks_the_search(f *testing.F) {
	f.Add("桂园路 38号")
	f.Add("\xff\x00")
	n := names()
	f.Fuzz(func(t *testing.T, s string) {
		if got := n.Find(s, 3); len(got) > 3 {
			t.Errorf("%v", got)
		}
	})
}
