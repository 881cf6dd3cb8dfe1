package place_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"comity/internal/org"
	"comity/internal/place"
)

func Test_metres_agree_with_known_distances(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b place.Point
		want float64 // metres
		give float64
	}{
		{"a degree of a meridian", place.Point{Lat: 28, Lon: 112}, place.Point{Lat: 29, Lon: 112}, 111_195, 5},
		{"Paris to London", place.Point{Lat: 48.8566, Lon: 2.3522}, place.Point{Lat: 51.5074, Lon: -0.1278}, 343_556, 300},
		{"across the date line", place.Point{Lat: 0, Lon: 179.5}, place.Point{Lat: 0, Lon: -179.5}, 111_195, 5},
		{"pole to pole", place.Point{Lat: 90}, place.Point{Lat: -90, Lon: 77}, math.Pi * 6_371_008.8, 1},
		{"a point and itself", place.Point{Lat: 28.2, Lon: 112.9}, place.Point{Lat: 28.2, Lon: 112.9}, 0, 0},
	} {
		if got, back := place.Metres(c.a, c.b), place.Metres(c.b, c.a); math.Abs(got-c.want) > c.give || got != back {
			t.Errorf("%s: %.0f and %.0f, want %.0f", c.name, got, back, c.want)
		}
	}
}

// hook is an area like the letter C: open to the east.
var hook = place.Ring{{0, 0}, {0, 4}, {1, 4}, {1, 1}, {3, 1}, {3, 4}, {4, 4}, {4, 0}}

func Test_a_hollow_of_an_area_is_outside(t *testing.T) {
	for _, c := range []struct {
		p    place.Point
		want bool
	}{
		{place.Point{Lat: .5, Lon: 3}, true}, {place.Point{Lat: 3.5, Lon: 3}, true}, {place.Point{Lat: 2, Lon: .5}, true},
		{place.Point{Lat: 2, Lon: 2}, false}, {place.Point{Lat: 2, Lon: 5}, false}, {place.Point{Lat: -1, Lon: 2}, false}, {place.Point{Lat: 5, Lon: .5}, false},
	} {
		if got := place.Simple("hook", hook).Contains(c.p); got != c.want {
			t.Errorf("%v: %v", c.p, got)
		}
		back := slices.Clone(hook)
		slices.Reverse(back)
		if place.Simple("hook", back).Contains(c.p) != c.want {
			t.Errorf("%v: walking the ring the other way changes the answer", c.p)
		}
	}
	if (place.Area{}).Contains(place.Point{}) {
		t.Error("an area without outline holds a point")
	}
}

// A square is cut into four by a point inside it; whatever the cut, every point of the square belongs
// to exactly one of the four, those on the cuts too.
func Test_neighbours_never_both_claim_a_point_and_leave_none_out(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := rapid.Float64Range(0.01, 0.99)
		mid := place.Point{Lat: inner.Draw(t, "lat"), Lon: inner.Draw(t, "lon")}
		corners := []place.Point{{0, 0}, {0, 1}, {1, 1}, {1, 0}}
		var parts []place.Area
		for i, c := range corners {
			parts = append(parts, place.Simple("", place.Ring{c, corners[(i+1)%4], mid}))
		}
		p := place.Point{Lat: inner.Draw(t, "p.lat"), Lon: inner.Draw(t, "p.lon")}
		if rapid.Bool().Draw(t, "on a cut") { // as near to it as numbers can be
			to, share := rapid.SampledFrom(corners).Draw(t, "to"), inner.Draw(t, "share")
			p = place.Point{Lat: mid.Lat + share*(to.Lat-mid.Lat), Lon: mid.Lon + share*(to.Lon-mid.Lon)}
			if rapid.Bool().Draw(t, "exactly") {
				p.Lon = (mid.Lon-to.Lon)*(p.Lat-to.Lat)/(mid.Lat-to.Lat) + to.Lon
			}
		}
		claims := 0
		for _, a := range parts {
			if a.Contains(p) {
				claims++
			}
		}
		if claims != 1 {
			t.Fatalf("%v is claimed %d times when the square is cut at %v", p, claims, mid)
		}
	})
}

func box(unit org.UnitID, south, west, north, east float64) place.Area {
	return place.Simple(unit, place.Ring{{south, west}, {south, east}, {north, east}, {north, west}})
}

func Test_find_names_the_lowest_unit(t *testing.T) {
	tree, err := org.NewTree([]org.Unit{{ID: "city", Level: org.City}, {ID: "east", Parent: "city", Level: org.District}, {ID: "elm", Parent: "east", Level: org.Community}})
	if err != nil {
		t.Fatal(err)
	}
	areas := []place.Area{box("elm", 0, 6, 4, 10), box("city", 0, 0, 10, 10), box("east", 0, 5, 10, 10), box("not in the tree", 0, 0, 20, 20)}
	for range 2 {
		m := place.Map{Areas: areas}
		for p, want := range map[place.Point]org.UnitID{{1, 1}: "city", {8, 8}: "east", {1, 8}: "elm", {15, 15}: "", {-1, 5}: ""} {
			if got, ok := m.Find(tree, p); got != want || ok != (want != "") {
				t.Errorf("%v lies in %q, want %q", p, got, want)
			}
		}
		if sw, ne := m.Bounds(); sw != (place.Point{}) || ne != (place.Point{Lat: 20, Lon: 20}) {
			t.Errorf("bounds %v %v", sw, ne)
		}
		slices.Reverse(areas) // the order in the pack must not matter
	}
}

func Test_what_is_not_on_earth_is_no_position(t *testing.T) {
	for _, p := range []place.Point{{math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}, {0, math.Inf(-1)}, {90.001, 0}, {0, -180.001}} {
		if p.Check() == nil {
			t.Errorf("%v passes", p)
		}
	}
	for _, p := range []place.Point{{}, {90, 180}, {-90, -180}, {28.2, 112.9}} {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	}
}
