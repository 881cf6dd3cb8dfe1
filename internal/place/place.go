// Package place owns points, areas and which unit's area a point lies in.
//
// It refuses people: a place here is where a matter is, never where a person is or was. It draws
// nothing and asks no map service; surfaces draw from what it knows.
//
// Open this file first; find.go tells which unit a point belongs to and how sure that is, index.go makes
// it fast, ring.go knows what an outline may look like, system.go converts coordinates, survey.go
// looks for holes and overlaps between areas, names.go finds places by what people type.
package place

import (
	"fmt"
	"math"

	"comity/internal/org"
)

// Point is a position in degrees, WGS 84.
type Point struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// Check refuses positions that are not on earth or not numbers.
func (p Point) Check() error {
	if math.IsNaN(p.Lat) || math.IsNaN(p.Lon) || p.Lat < -90 || p.Lat > 90 || p.Lon < -180 || p.Lon > 180 {
		return fmt.Errorf("position %g,%g is outside latitude -90..90 and longitude -180..180", p.Lat, p.Lon)
	}
	return nil
}

const (
	earthRadius     = 6371008.8 // metres, mean radius (IUGG)
	metresPerDegree = earthRadius * math.Pi / 180
)

// Metres is the great-circle distance between two points, by the haversine formula.
func Metres(a, b Point) float64 {
	rad := math.Pi / 180
	dlat, dlon := (b.Lat-a.Lat)*rad, (b.Lon-a.Lon)*rad
	h := math.Pow(math.Sin(dlat/2), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(dlon/2), 2)
	return 2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Ring is a closed line, its first point not repeated at the end.
type Ring []Point

// Polygon is an outline and the holes in it.
type Polygon []Ring

// Area is what belongs to a unit: one polygon or several that lie apart.
type Area struct {
	Unit     org.UnitID
	Polygons []Polygon
}

// Simple is an area of one outline without holes.
func Simple(unit org.UnitID, outline Ring) Area {
	return Area{Unit: unit, Polygons: []Polygon{{outline}}}
}

// Rings lists every outline and every hole.
func (a Area) Rings() []Ring {
	var out []Ring
	for _, p := range a.Polygons {
		out = append(out, p...)
	}
	return out
}

// Outline is the largest ring: where a name is written.
func (a Area) Outline() Ring {
	var best Ring
	size := -1.0
	for _, p := range a.Polygons {
		if len(p) == 0 {
			continue
		}
		if s := math.Abs(p[0].turn()); s > size {
			best, size = p[0], s
		}
	}
	return best
}

// edge is a side of a ring, its southern end first: two neighbours walk a side in opposite directions
// and must round alike.
type edge struct{ u, v Point }

func edgeOf(a, b Point) edge {
	if a.Lat > b.Lat || a.Lat == b.Lat && a.Lon > b.Lon {
		return edge{b, a}
	}
	return edge{a, b}
}

// east reports a side that a line from p to the east crosses. A side counts its southern end and not
// its northern one, so that a corner is counted once.
func (e edge) east(p Point) bool {
	return (e.u.Lat > p.Lat) != (e.v.Lat > p.Lat) && p.Lon < e.lonAt(p.Lat)
}

// lonAt is where the side crosses a latitude.
func (e edge) lonAt(lat float64) float64 {
	return (e.v.Lon-e.u.Lon)*(lat-e.u.Lat)/(e.v.Lat-e.u.Lat) + e.u.Lon
}

// edges lists the sides of all rings.
func (a Area) edges() []edge {
	var out []edge
	for _, p := range a.Polygons {
		for _, r := range p {
			for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
				if r[i] != r[j] {
					out = append(out, edgeOf(r[i], r[j]))
				}
			}
		}
	}
	return out
}

// Contains tells whether the point is inside: it crosses an odd number of sides on its way out. A point
// exactly on a side belongs to one of the two areas that share it, so neighbours never both claim it and
// never leave it out.
func (a Area) Contains(p Point) bool {
	in := false
	for _, poly := range a.Polygons {
		for _, r := range poly {
			for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
				if edgeOf(r[i], r[j]).east(p) {
					in = !in
				}
			}
		}
	}
	return in
}

// Bounds is the smallest box around the area: south-west and north-east corners.
func (a Area) Bounds() (sw, ne Point) {
	sw, ne = Point{Lat: 90, Lon: 180}, Point{Lat: -90, Lon: -180}
	for _, r := range a.Rings() {
		for _, p := range r {
			sw.Lat, sw.Lon = min(sw.Lat, p.Lat), min(sw.Lon, p.Lon)
			ne.Lat, ne.Lon = max(ne.Lat, p.Lat), max(ne.Lon, p.Lon)
		}
	}
	return sw, ne
}

// Map is every area of a pack. NewMap makes it fast; one written down as a literal looks at every area
// for every question and answers the same.
type Map struct {
	Areas []Area
	Reach Reach

	index *index
}

// NewMap prepares areas for many questions.
func NewMap(areas []Area, reach Reach) Map {
	return Map{Areas: areas, Reach: reach, index: newIndex(areas)}
}

// Area finds the area of a unit.
func (m Map) Area(unit org.UnitID) (Area, bool) {
	for _, a := range m.Areas {
		if a.Unit == unit {
			return a, true
		}
	}
	return Area{}, false
}

// Bounds is the smallest box around all areas: south-west and north-east corners.
func (m Map) Bounds() (sw, ne Point) {
	sw, ne = Point{Lat: 90, Lon: 180}, Point{Lat: -90, Lon: -180}
	for _, a := range m.Areas {
		s, n := a.Bounds()
		sw.Lat, sw.Lon = min(sw.Lat, s.Lat), min(sw.Lon, s.Lon)
		ne.Lat, ne.Lon = max(ne.Lat, n.Lat), max(ne.Lon, n.Lon)
	}
	return sw, ne
}
