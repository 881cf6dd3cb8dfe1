// Package place owns points, areas and which unit's area a point lies in.
//
// It refuses people: a place here is where a matter is, never where a person is or was. It draws
// nothing and asks no map service; surfaces draw from what it knows.
//
// Open this file first; it is the whole package.
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

const earthRadius = 6371008.8 // metres, mean radius (IUGG)

// Metres is the great-circle distance between two points, by the haversine formula.
func Metres(a, b Point) float64 {
	rad := math.Pi / 180
	dlat, dlon := (b.Lat-a.Lat)*rad, (b.Lon-a.Lon)*rad
	h := math.Pow(math.Sin(dlat/2), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(dlon/2), 2)
	return 2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Area is the outline of a unit: one ring, first point not repeated at the end.
type Area struct {
	Unit org.UnitID
	Ring []Point
}

// Contains tells whether the point is inside the ring (even-odd rule; points exactly on an edge
// belong to one side, so neighbouring areas never both claim them).
func (a Area) Contains(p Point) bool {
	in := false
	for i, j := 0, len(a.Ring)-1; i < len(a.Ring); j, i = i, i+1 {
		u, v := a.Ring[i], a.Ring[j]
		if u.Lat > v.Lat { // two neighbours walk an edge in opposite directions and must round alike
			u, v = v, u
		}
		if (u.Lat > p.Lat) != (v.Lat > p.Lat) &&
			p.Lon < (v.Lon-u.Lon)*(p.Lat-u.Lat)/(v.Lat-u.Lat)+u.Lon {
			in = !in
		}
	}
	return in
}

// Map is every area of a pack.
type Map struct{ Areas []Area }

// Find names the lowest unit whose area holds the point; false when the point is outside the city.
func (m Map) Find(t *org.Tree, p Point) (org.UnitID, bool) {
	var best org.UnitID
	var level org.Level
	for _, a := range m.Areas {
		if u, ok := t.Unit(a.Unit); ok && u.Level > level && a.Contains(p) {
			best, level = a.Unit, u.Level
		}
	}
	return best, best != ""
}

// Bounds is the smallest box around all areas: south-west and north-east corners.
func (m Map) Bounds() (sw, ne Point) {
	sw, ne = Point{Lat: 90, Lon: 180}, Point{Lat: -90, Lon: -180}
	for _, a := range m.Areas {
		for _, p := range a.Ring {
			sw.Lat, sw.Lon = min(sw.Lat, p.Lat), min(sw.Lon, p.Lon)
			ne.Lat, ne.Lon = max(ne.Lat, p.Lat), max(ne.Lon, p.Lon)
		}
	}
	return sw, ne
}
