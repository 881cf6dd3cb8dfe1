package intake

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"comity/internal/casework"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
)

func demoPack(t *testing.T) *pack.Pack {
	t.Helper()
	p, err := pack.LoadFrom(os.DirFS("../../packs"), "demo", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func Test_the_first_words_of_a_report_are_its_title(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a Chinese sentence", "桂园路38号门前人行道塌了一块。晚上看不见，已经有人绊倒。", "桂园路38号门前人行道塌了一块"},
		{"an English sentence", "The lamp is out. It has been dark for days.", "The lamp is out"},
		{"a number with a point", "A hole of 1.5 metres in the road", "A hole of 1.5 metres in the road"},
		{"a question", "Who repairs this? I have asked twice.", "Who repairs this"},
		{"several lines and spaces", "  the lamp\n\tis   out ", "the lamp is out"},
		{"a long sentence ends with a word", "The lamp in front of the school gate has been out for three weeks now", "The lamp in front of the school gate…"},
		{"a long Chinese sentence", strings.Repeat("长", 60), strings.Repeat("长", titleRunes) + "…"},
		{"one long word", strings.Repeat("x", 60), strings.Repeat("x", titleRunes) + "…"},
		{"exactly as long as a title", strings.Repeat("长", titleRunes), strings.Repeat("长", titleRunes)},
		{"a sign alone", "。", "。"},
		{"nothing", " \n ", ""},
		{"broken UTF-8", "a\xffb", "a�b"},
	} {
		if got := firstWords(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func Test_a_report_goes_to_the_unit_its_category_names(t *testing.T) {
	p := demoPack(t)
	for _, c := range []struct {
		category string
		at       org.UnitID
		want     org.UnitID
	}{
		{"road.pavement", "guiyuan-ganyuan", "guiyuan"},
		{"road.pavement", "guiyuan-ganyuan-1", "guiyuan"},
		{"lighting.courtyard", "guiyuan-ganyuan-1", "guiyuan-ganyuan"},
		{"lighting.courtyard", "baita-nanyuan", "baita-nanyuan"},
		{"road.pothole", "guiyuan-ganyuan", "binjiang-roads"},
		{"road.pothole", "luming-zhuli-2", "donghu-roads"},
		{"hazard.gas", "luming-zhuli-2", "linjiang-gas"},
		{"lighting.courtyard", "guiyuan", "guiyuan"}, // no community is known: the street, never nobody
		{"road.pothole", "linjiang", "linjiang"},     // no district is known: the city
		{"road.pavement", "", "linjiang"},            // nothing is known: the pack's fallback
	} {
		cmd, err := Command(p, Report{Category: c.category, Unit: c.at, Text: "x"})
		if err != nil || cmd.Open.Unit != c.want {
			t.Errorf("%s at %q goes to %+v, %v; want %s", c.category, c.at, cmd.Open, err, c.want)
		}
		if c.at != "" && cmd.Open.Place.Unit != c.at {
			t.Errorf("%s at %q is placed at %q", c.category, c.at, cmd.Open.Place.Unit)
		}
	}
}

func Test_a_report_with_nothing_known_goes_to_the_fallback_of_the_pack(t *testing.T) {
	p := demoPack(t)
	cmd, err := Command(p, Report{Category: "other.other", Text: "Something is wrong."})
	if err != nil || cmd.Open.Place.Unit != p.Fallback || cmd.Open.Unit != "linjiang" || cmd.Open.Title != "Something is wrong." {
		t.Errorf("%+v, %v", cmd.Open, err)
	}
	if cmd.Version != casework.AnyVersion {
		t.Errorf("version %d", cmd.Version)
	}
}

func Test_a_point_finds_its_unit_and_a_chosen_unit_wins_over_it(t *testing.T) {
	p := demoPack(t)
	if len(p.Places) == 0 {
		t.Fatal("the demo pack names no places")
	}
	for _, spot := range p.Places {
		cmd, err := Command(p, Report{Category: "other.other", Text: "x", Point: &spot.Point})
		if err != nil || !p.Units.Under(spot.Unit, cmd.Open.Place.Unit) && !p.Units.Under(cmd.Open.Place.Unit, spot.Unit) {
			t.Errorf("%s: %+v, %v", spot.Key, cmd.Open, err)
		}
		cmd, err = Command(p, Report{Category: "other.other", Text: "x", Point: &spot.Point, Unit: "luming"})
		if err != nil || cmd.Open.Place.Unit != "luming" {
			t.Errorf("%s: the chosen unit is overruled: %+v, %v", spot.Key, cmd.Open, err)
		}
	}
}

func refusedAs(t *testing.T, p *pack.Pack, r Report) []string {
	t.Helper()
	cmd, err := Command(p, r)
	var no *casework.Refusal
	if !errors.As(err, &no) || no.Rule != "form.invalid" || cmd.Open != nil {
		t.Fatalf("got %+v, %v", cmd, err)
	}
	var got []string
	for _, f := range no.Fields {
		got = append(got, f.Field+" "+f.Rule)
	}
	return got
}

func Test_a_place_outside_the_city_and_one_not_on_earth_are_told_apart(t *testing.T) {
	p := demoPack(t)
	if got := refusedAs(t, p, Report{Category: "other.other", Text: "x", Point: &place.Point{Lat: 48.85, Lon: 2.35}}); strings.Join(got, ",") != "place place.outside" {
		t.Errorf("%v", got)
	}
	if got := refusedAs(t, p, Report{Category: "other.other", Text: "x", Unit: "luming", Point: &place.Point{Lat: 200}}); strings.Join(got, ",") != "place place.position" {
		t.Errorf("%v", got)
	}
}

func Test_all_that_is_wrong_with_a_report_is_named_at_once(t *testing.T) {
	got := refusedAs(t, demoPack(t), Report{Category: "no.such", Unit: "nowhere", Text: "x"})
	if strings.Join(got, ",") != "category category.unknown,unit unit.unknown" {
		t.Errorf("%v", got)
	}
}

func Test_a_title_that_was_given_is_kept(t *testing.T) {
	cmd, err := Command(demoPack(t), Report{Category: "other.other", Title: " Loose tile ", Text: "The tile is loose. It trips people.", Address: " 38 Guiyuan Road "})
	if err != nil || cmd.Open.Title != "Loose tile" || cmd.Open.Place.Address != "38 Guiyuan Road" {
		t.Errorf("%+v, %v", cmd.Open, err)
	}
}

func Test_the_rule_that_named_the_unit_is_kept_with_the_opening(t *testing.T) {
	p := demoPack(t)
	evening := time.Date(2026, 3, 3, 23, 0, 0, 0, p.Zone)
	report := Report{Category: "noise.night", Text: "They are driving piles.", Unit: "guiyuan-yandu", Now: evening}
	cmd, err := Command(p, report)
	if err != nil || cmd.Open.Unit != "binjiang-sanitation" || cmd.Open.Route != "noise-at-night" {
		t.Errorf("%+v %v", cmd.Open, err)
	}
	report.At = evening.Add(-10 * time.Hour) // history is routed as of when it happened
	if cmd, err = Command(p, report); err != nil || cmd.Open.Unit != "linjiang-ecology" || cmd.Open.Route != "" {
		t.Errorf("%+v %v", cmd.Open, err)
	}
	report.At, report.Now = time.Time{}, time.Time{}
	if _, err = Command(p, report); err == nil {
		t.Error("a rule by the hour was passed over because nobody said what time it is")
	}
}
