package place_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"

	"comity/internal/org"
	"comity/internal/place"
)

// tiling cuts a square into rows of quadrangles with bent sides and some of them into triangles; all
// neighbours share their corners. The last ring is the outline of the whole.
func tiling(t *rapid.T) (tiles []place.Area, whole place.Area) {
	n := rapid.IntRange(1, 6).Draw(t, "rows")
	bend := rapid.Float64Range(-.3, .3)
	corner := make([][]place.Point, n+1)
	for i := range corner {
		for j := range n + 1 {
			p := place.Point{Lat: float64(i), Lon: float64(j)}
			if i > 0 && i < n {
				p.Lat += bend.Draw(t, "lat")
			}
			if j > 0 && j < n {
				p.Lon += bend.Draw(t, "lon")
			}
			corner[i] = append(corner[i], p)
		}
	}
	add := func(r ...place.Point) {
		tiles = append(tiles, place.Simple(org.UnitID(fmt.Sprint("t", len(tiles))), r))
	}
	for i := range n {
		for j := range n {
			a, b, c, d := corner[i][j], corner[i][j+1], corner[i+1][j+1], corner[i+1][j]
			switch rapid.IntRange(0, 2).Draw(t, "cut") {
			case 0:
				add(a, b, c, d)
			case 1:
				add(a, b, c)
				add(d, a, c)
			default:
				add(b, a, d)
				add(b, c, d)
			}
		}
	}
	var ring place.Ring
	for k := range n {
		ring = append(ring, corner[0][k])
	}
	for k := range n {
		ring = append(ring, corner[k][n])
	}
	for k := range n {
		ring = append(ring, corner[n][n-k])
	}
	for k := range n {
		ring = append(ring, corner[n-k][0])
	}
	return tiles, place.Simple("whole", ring)
}

// drawPoint draws a point anywhere, on a corner, or as near to a side as numbers can be.
func drawPoint(t *rapid.T, tiles []place.Area) place.Point {
	if rapid.IntRange(0, 2).Draw(t, "anywhere") == 0 {
		f := rapid.Float64Range(-.5, 6.5)
		return place.Point{Lat: f.Draw(t, "lat"), Lon: f.Draw(t, "lon")}
	}
	r := rapid.SampledFrom(tiles).Draw(t, "tile").Outline()
	i := rapid.IntRange(0, len(r)-1).Draw(t, "side")
	u, v := r[i], r[(i+1)%len(r)]
	share := rapid.Float64Range(0, 1).Draw(t, "share")
	return place.Point{Lat: u.Lat + share*(v.Lat-u.Lat), Lon: u.Lon + share*(v.Lon-u.Lon)}
}

func flatTree(t interface{ Fatal(...any) }, areas []place.Area) *org.Tree {
	units := []org.Unit{{ID: "whole", Level: org.City}}
	for _, a := range areas {
		if a.Unit != "whole" {
			units = append(units, org.Unit{ID: a.Unit, Parent: "whole", Level: org.Community})
		}
	}
	tree, err := org.NewTree(units)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func Test_of_a_tiling_every_point_of_the_whole_belongs_to_one_tile_and_no_other_point_to_any(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tiles, whole := tiling(t)
		p := drawPoint(t, tiles)
		claims := 0
		for _, a := range tiles {
			if a.Contains(p) {
				claims++
			}
		}
		if in := whole.Contains(p); in && claims != 1 || !in && claims != 0 {
			t.Fatalf("%v: inside the whole %v, claimed by %d", p, in, claims)
		}
	})
}

func Test_a_map_with_an_index_answers_as_one_without(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tiles, whole := tiling(t)
		areas := append([]place.Area{whole}, tiles...)
		if rapid.Bool().Draw(t, "overlapping") {
			areas = append(areas, place.Simple("z", tiles[len(tiles)/2].Outline()))
		}
		tree := flatTree(t, areas)
		reach := place.Reach{Nearest: 40_000, Boundary: 30_000}
		fast, slow := place.NewMap(areas, reach), place.Map{Areas: areas, Reach: reach}
		for range 8 {
			p := drawPoint(t, tiles)
			a, ok1 := fast.Find(tree, p)
			b, ok2 := slow.Find(tree, p)
			if a != b || ok1 != ok2 {
				t.Fatalf("%v: %q with, %q without", p, a, b)
			}
			fa, _ := fast.Locate(tree, p)
			fb, _ := slow.Locate(tree, p)
			if fmt.Sprint(fa) != fmt.Sprint(fb) {
				t.Fatalf("%v: %v with, %v without", p, fa, fb)
			}
		}
	})
}

// drawArea draws a star-shaped outline with a hole in it, and an island apart from it.
func drawArea(t *rapid.T) place.Area {
	star := func(lat, lon, least, most float64) place.Ring {
		n := rapid.IntRange(3, 40).Draw(t, "corners")
		var r place.Ring
		for i := range n {
			d, a := rapid.Float64Range(least, most).Draw(t, "far"), 2*math.Pi*float64(i)/float64(n)
			r = append(r, place.Point{Lat: lat + d*math.Sin(a), Lon: lon + d*math.Cos(a)})
		}
		return r
	}
	a := place.Area{Unit: "whole", Polygons: []place.Polygon{{star(28, 112, .4, 1)}, {star(28, 115, .1, 1)}}}
	if rapid.Bool().Draw(t, "hole") {
		a.Polygons[0] = append(a.Polygons[0], star(28, 112, .01, .15))
	}
	return a
}

func orbOf(a place.Area) orb.MultiPolygon {
	var out orb.MultiPolygon
	for _, p := range a.Polygons {
		var poly orb.Polygon
		for _, r := range p {
			var ring orb.Ring
			for _, at := range append(slices.Clone(r), r[0]) {
				ring = append(ring, orb.Point{at.Lon, at.Lat})
			}
			poly = append(poly, ring)
		}
		out = append(out, poly)
	}
	return out
}

func Test_areas_with_holes_and_islands_hold_what_orb_says_they_hold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawArea(t)
		tree := flatTree(t, []place.Area{a})
		m, oracle := place.NewMap([]place.Area{a}, place.Reach{}), orbOf(a)
		for range 20 {
			p := place.Point{Lat: rapid.Float64Range(26.8, 29.2).Draw(t, "lat"), Lon: rapid.Float64Range(110.8, 116.2).Draw(t, "lon")}
			if a.Distance(p) < 1e-3 {
				continue // orb gives sides to both neighbours
			}
			want := planar.MultiPolygonContains(oracle, orb.Point{p.Lon, p.Lat})
			if _, got := m.Find(tree, p); got != want || a.Contains(p) != want {
				t.Fatalf("%v: %v, orb says %v", p, got, want)
			}
		}
	})
}

func Test_what_fills_a_hole_and_what_is_around_it_share_every_point(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawArea(t)
		hole := place.Ring{{27.9, 111.9}, {27.95, 112.1}, {28.1, 112.1}, {28.05, 111.8}}
		a.Polygons[0] = place.Polygon{a.Polygons[0][0], hole}
		full := place.Area{Polygons: []place.Polygon{{a.Polygons[0][0]}}}
		lake := place.Simple("lake", hole)
		p := drawPoint(t, []place.Area{lake})
		if a.Contains(p) == lake.Contains(p) && full.Contains(p) {
			t.Fatalf("%v: around %v, inside %v", p, a.Contains(p), lake.Contains(p))
		}
	})
}

func Test_the_distance_to_an_outline_is_that_to_its_nearest_point(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat := rapid.Float64Range(-60, 60).Draw(t, "at")
		r := place.Ring{{lat, 10}, {lat + .01, 10.02}, {lat + .03, 10.005}}
		p := place.Point{Lat: lat + rapid.Float64Range(-.02, .05).Draw(t, "lat"), Lon: 10 + rapid.Float64Range(-.02, .04).Draw(t, "lon")}
		near := math.Inf(1)
		for i := range r {
			u, v := r[i], r[(i+1)%len(r)]
			for k := range 2001 {
				s := float64(k) / 2000
				near = min(near, place.Metres(p, place.Point{Lat: u.Lat + s*(v.Lat-u.Lat), Lon: u.Lon + s*(v.Lon-u.Lon)}))
			}
		}
		if got := place.Simple("a", r).Distance(p); math.Abs(got-near) > 2+near/500 {
			t.Fatalf("%v: %.2f, sampled %.2f", p, got, near)
		}
	})
}

// town has two streets side by side, each with two communities, and a district around them.
func town(t *testing.T) (*org.Tree, place.Map) {
	t.Helper()
	tree, err := org.NewTree([]org.Unit{
		{ID: "city", Level: org.City}, {ID: "west", Parent: "city", Level: org.Street}, {ID: "east", Parent: "city", Level: org.Street},
		{ID: "w1", Parent: "west", Level: org.Community}, {ID: "w2", Parent: "west", Level: org.Community},
		{ID: "e1", Parent: "east", Level: org.Community}, {ID: "e2", Parent: "east", Level: org.Community},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree, place.NewMap([]place.Area{
		box("city", 0, 0, .02, .02), box("west", 0, 0, .02, .01), box("east", 0, .01, .02, .02),
		box("w1", 0, 0, .01, .01), box("w2", .01, 0, .02, .01), box("e1", 0, .01, .01, .02), box("e2", .01, .01, .02, .02),
	}, place.Reach{Nearest: 100, Boundary: 20})
}

func Test_who_else_might_be_meant_near_a_border_is_told(t *testing.T) {
	tree, m := town(t)
	const metre = 1 / 111_195.0
	for name, c := range map[string]struct {
		p    place.Point
		want string
	}{
		"in the middle":                 {place.Point{Lat: .005, Lon: .005}, "w1 inside 0"},
		"near one neighbour":            {place.Point{Lat: .005, Lon: .01 - 5*metre}, "w1 border 0 e1:5"},
		"near the part of a street":     {place.Point{Lat: .01 - 15*metre, Lon: .005}, "w1 border 0 w2:15"},
		"where four meet":               {place.Point{Lat: .01 - 3*metre, Lon: .01 - 4*metre}, "w1 border 0 w2:3 e1:4 e2:5"},
		"just too far":                  {place.Point{Lat: .005, Lon: .01 - 21*metre}, "w1 inside 0"},
		"near the edge of the city":     {place.Point{Lat: .005, Lon: 5 * metre}, "w1 inside 0"},
		"outside of all":                {place.Point{Lat: .005, Lon: -60 * metre}, "w1 nearest 60"},
		"outside, between two":          {place.Point{Lat: -40 * metre, Lon: .01 + 10*metre}, "e1 nearest 40 w1:41"},
		"outside, and too far":          {place.Point{Lat: .005, Lon: -101 * metre}, ""},
		"on the border belongs to one":  {place.Point{Lat: .005, Lon: .01}, "e1 border 0 w1:0"},
		"on the outer border to nobody": {place.Point{Lat: .005, Lon: .02}, "e1 nearest 0"},
	} {
		f, ok := m.Locate(tree, c.p)
		got := ""
		if ok {
			got = fmt.Sprintf("%s %s %.0f", f.Unit, f.Reason, f.Metres)
			for _, n := range f.Near {
				got += fmt.Sprintf(" %s:%.0f", n.Unit, n.Metres)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	m.Reach = place.Reach{}
	if f, ok := m.Locate(tree, place.Point{Lat: .005, Lon: .01}); !ok || f.Reason != place.Inside {
		t.Errorf("without reach nobody looks around: %v", f)
	}
	if _, ok := m.Locate(tree, place.Point{Lat: .005, Lon: -metre}); ok {
		t.Error("without reach what is outside is outside")
	}
	empty := place.NewMap(nil, place.Reach{Nearest: 100, Boundary: 100})
	if _, ok := empty.Locate(tree, place.Point{}); ok {
		t.Error("an empty map finds something")
	}
}
