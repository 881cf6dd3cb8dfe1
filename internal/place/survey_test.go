package place_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"pgregory.net/rapid"

	"comity/internal/place"
)

func told(flaws []place.Flaw) string {
	out := ""
	for _, f := range flaws {
		out += fmt.Sprintf("%s %v %.0f;", f.Kind, f.Units, f.SquareMetres/1e6)
	}
	return out
}

func Test_holes_overlaps_and_what_sticks_out_are_found_with_their_size(t *testing.T) {
	whole := box("whole", 0, 0, 1, 1)
	for name, c := range map[string]struct {
		parts []place.Area
		want  string // square kilometres; a square degree has 12,364 here
	}{
		"a tiling":           {[]place.Area{box("a", 0, 0, 1, .5), box("b", 0, .5, 1, 1)}, ""},
		"a gap":              {[]place.Area{box("a", 0, 0, 1, .5), box("b", 0, .6, 1, 1)}, "hole [whole] 1236;"},
		"two gaps":           {[]place.Area{box("a", 0, .1, 1, .5), box("b", 0, .7, 1, 1)}, "hole [whole] 2473;hole [whole] 1236;"},
		"an overlap":         {[]place.Area{box("a", 0, 0, 1, .6), box("b", 0, .5, 1, 1)}, "overlap [a b] 1236;"},
		"one sticks out":     {[]place.Area{box("a", 0, 0, 1, .5), box("b", 0, .5, 1, 1.1)}, "outside [whole b] 1236;"},
		"a hole in a part":   {[]place.Area{{Unit: "a", Polygons: []place.Polygon{{box("", 0, 0, 1, 1).Outline(), box("", .4, .4, .6, .5).Outline()}}}}, "hole [whole] 247;"},
		"a ring around one":  {[]place.Area{{Unit: "a", Polygons: []place.Polygon{{box("", 0, 0, 1, 1).Outline(), box("", .4, .4, .6, .6).Outline()}}}, box("b", .4, .4, .6, .6)}, ""},
		"no parts":           {nil, ""},
		"a crossing of both": {[]place.Area{place.Simple("a", place.Ring{{0, 0}, {0, 1}, {1, 1}}), place.Simple("b", place.Ring{{0, 0}, {0, 1}, {1, 0}})}, "overlap [a b] 3091;hole [whole] 3091;"},
	} {
		if got := told(place.Survey(whole, c.parts, 1)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := told(place.Survey(place.Area{Unit: "whole"}, []place.Area{box("a", 0, 0, 1, .6), box("b", 0, .5, 1, 1)}, 1)); got != "overlap [a b] 1236;" {
		t.Errorf("without an area of the parent: %q", got)
	}
}

func Test_a_tiling_has_no_flaws_and_without_one_tile_one_hole_of_its_size(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tiles, whole := tiling(t)
		if got := place.Survey(whole, tiles, 1); len(got) != 0 {
			t.Fatalf("%v", got)
		}
		k := rapid.IntRange(0, len(tiles)-1).Draw(t, "missing")
		gone := tiles[k]
		got := place.Survey(whole, append(tiles[:k:k], tiles[k+1:]...), 1)
		if len(tiles) == 1 {
			return // nothing is left to compare
		}
		size := gone.Outline().SquareMetres()
		if len(got) != 1 || got[0].Kind != place.Hole || math.Abs(got[0].SquareMetres-size) > size/500 || !gone.Contains(got[0].At) {
			t.Fatalf("%v, want one hole of %.0f in %v", got, size, gone)
		}
		twice := place.Survey(whole, append(tiles[:len(tiles):len(tiles)], place.Simple("twice", gone.Outline())), 1)
		if len(twice) != 1 || twice[0].Kind != place.Overlap || !gone.Contains(twice[0].At) {
			t.Fatalf("%v, want one overlap", twice)
		}
	})
}

func Test_the_size_of_a_ring_is_what_orb_says(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat := rapid.Float64Range(-60, 60).Draw(t, "lat")
		r := place.Ring{{lat, 10}, {lat, 10.05}, {lat + rapid.Float64Range(.01, .05).Draw(t, "high"), 10.02}}
		ring := orb.Ring{{r[0].Lon, r[0].Lat}, {r[1].Lon, r[1].Lat}, {r[2].Lon, r[2].Lat}, {r[0].Lon, r[0].Lat}}
		want := math.Abs(geo.Area(ring)) * math.Pow(6371008.8/orb.EarthRadius, 2)
		if got := r.SquareMetres(); math.Abs(got-want) > want/200 {
			t.Fatalf("%.0f, orb says %.0f", got, want)
		}
	})
}

func Test_a_ring_that_crosses_itself_is_caught_and_one_that_does_not_is_not(t *testing.T) {
	if at, ok := (place.Ring{{0, 0}, {1, 1}, {1, 0}, {0, 1}}).Crossing(); !ok || at != (place.Point{Lat: .5, Lon: .5}) {
		t.Errorf("the bow: %v %v", at, ok)
	}
	for name, r := range map[string]place.Ring{
		"a hook": hook, "a triangle": {{0, 0}, {0, 1}, {1, 0}}, "a corner that touches a side": {{0, 0}, {0, 2}, {2, 2}, {0, 1}, {2, 0}},
		"nothing": nil, "a point": {{1, 1}}, "there and back": {{0, 0}, {1, 1}},
	} {
		if at, ok := r.Crossing(); ok {
			t.Errorf("%s crosses itself at %v", name, at)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range drawArea(t).Rings() {
			if at, ok := r.Crossing(); ok {
				t.Fatalf("a star crosses itself at %v", at)
			}
		}
	})
}

func Test_rings_are_wound_and_tidied(t *testing.T) {
	r := place.Ring{{0, 0}, {1, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}}
	tidy := r.Tidy()
	if len(tidy) != 4 || len(r) != 6 {
		t.Errorf("%v", tidy)
	}
	if got := tidy.Wound(true); got[0] != (place.Point{Lat: 0, Lon: 1}) || tidy[0] != (place.Point{}) {
		t.Errorf("%v", got)
	}
	if got := tidy.Wound(false); got[0] != tidy[0] {
		t.Errorf("%v", got)
	}
}
