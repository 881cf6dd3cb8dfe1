package place

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// turn is twice the signed area of a ring in square degrees: positive where it runs counter-clockwise, as
// outlines do in GeoJSON (RFC 7946, 3.1.6).
func (r Ring) turn() float64 {
	var sum float64
	for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
		sum += (r[j].Lon-r[0].Lon)*(r[i].Lat-r[0].Lat) - (r[i].Lon-r[0].Lon)*(r[j].Lat-r[0].Lat)
	}
	return sum
}

// Wound is the ring walked counter-clockwise, or clockwise: outlines go one way and holes the other, so
// that a drawing that fills by direction shows the same as we compute.
func (r Ring) Wound(counter bool) Ring {
	if (r.turn() > 0) == counter {
		return r
	}
	back := slices.Clone(r)
	slices.Reverse(back)
	return back
}

// Tidy drops the repeated last point and points that say nothing new.
func (r Ring) Tidy() Ring {
	out := slices.Compact(slices.Clone(r))
	for len(out) > 1 && out[0] == out[len(out)-1] {
		out = out[:len(out)-1]
	}
	return out
}

// SquareMetres is the area inside the ring, on a plane that touches the earth in its middle.
func (r Ring) SquareMetres() float64 {
	if len(r) < 3 {
		return 0
	}
	sw, ne := Area{Polygons: []Polygon{{r}}}.Bounds()
	return math.Abs(r.turn()) / 2 * squareMetres((sw.Lat+ne.Lat)/2)
}

// squareMetres is how many there are in a square degree at a latitude.
func squareMetres(lat float64) float64 {
	return metresPerDegree * metresPerDegree * math.Cos(lat*math.Pi/180)
}

// Crossing finds a place where the ring crosses itself.
func (r Ring) Crossing() (Point, bool) {
	edges := Area{Polygons: []Polygon{{r}}}.edges()
	var at Point
	found := false
	meet(edges, func(i, j int, p Point) bool {
		at, found = p, true
		return false
	})
	return at, found
}

// meet tells every pair of sides that cross in their inside, until do says no. Sides are taken from south
// to north, and each is held against those it shares latitudes with.
func meet(edges []edge, do func(i, j int, at Point) bool) {
	order := make([]int, len(edges))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(edges[a].u.Lat, edges[b].u.Lat) })
	var open []int
	for _, i := range order {
		open = slices.DeleteFunc(open, func(j int) bool { return edges[j].v.Lat < edges[i].u.Lat })
		for _, j := range open {
			if p, ok := edges[i].crosses(edges[j]); ok && !do(i, j, p) {
				return
			}
		}
		open = append(open, i)
	}
}

// crosses finds where two sides cross in their inside; sides that only touch do not.
func (e edge) crosses(o edge) (Point, bool) {
	if max(e.u.Lon, e.v.Lon) < min(o.u.Lon, o.v.Lon) || max(o.u.Lon, o.v.Lon) < min(e.u.Lon, e.v.Lon) {
		return Point{}, false
	}
	a, b := side(e, o.u), side(e, o.v)
	c, d := side(o, e.u), side(o, e.v)
	if a*b >= 0 || c*d >= 0 {
		return Point{}, false
	}
	along := a / (a - b)
	return Point{Lat: o.u.Lat + along*(o.v.Lat-o.u.Lat), Lon: o.u.Lon + along*(o.v.Lon-o.u.Lon)}, true
}

// side tells on which side of a line a point lies; 0 where rounding does not let one say.
func side(e edge, p Point) float64 {
	l := (e.v.Lon - e.u.Lon) * (p.Lat - e.u.Lat)
	r := (e.v.Lat - e.u.Lat) * (p.Lon - e.u.Lon)
	if d := l - r; math.Abs(d) > 1e-12*(math.Abs(l)+math.Abs(r))+1e-24 {
		return d
	}
	return 0
}

// Check refuses an area of which it cannot be said what is inside: too few corners, sides that cross, a
// hole that lies outside, outlines that lie over each other.
func (a Area) Check() error {
	for i, p := range a.Polygons {
		for k, r := range p {
			if at, ok := r.Crossing(); ok {
				return fmt.Errorf("%s crosses itself near [%.6f, %.6f]", a.ring(i, k), at.Lon, at.Lat)
			}
			if len(r.Tidy()) < 3 || r.turn() == 0 {
				return fmt.Errorf("%s has no inside: it needs at least three corners that do not lie on one line", a.ring(i, k))
			}
		}
		for k, hole := range p[min(1, len(p)):] {
			if !slices.ContainsFunc(hole, Area{Polygons: []Polygon{p[:1]}}.Contains) {
				return fmt.Errorf("%s lies outside of the outline it is a hole in", a.ring(i, k+1))
			}
		}
	}
	var crossing error
	meet(a.edges(), func(_, _ int, at Point) bool {
		crossing = fmt.Errorf("two of its rings cross near [%.6f, %.6f]", at.Lon, at.Lat)
		return false
	})
	if crossing != nil {
		return crossing
	}
	for i, p := range a.Polygons {
		for k, o := range a.Polygons {
			if k != i && len(p) > 0 && slices.ContainsFunc(p[0], Area{Polygons: []Polygon{o}}.Contains) {
				return fmt.Errorf("polygon %d lies in polygon %d; make them one, or cut a hole", i+1, k+1)
			}
		}
	}
	return nil
}

// ring names a ring as authors count.
func (a Area) ring(polygon, k int) string {
	name := "its outline"
	if k > 0 {
		name = fmt.Sprintf("hole %d", k)
	}
	if len(a.Polygons) > 1 {
		name += fmt.Sprintf(" of polygon %d", polygon+1)
	}
	return name
}
