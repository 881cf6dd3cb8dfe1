package place

import (
	"math"
	"slices"
)

// index finds the few areas near a point and, of each, the few sides on its latitude. It only leaves out
// what cannot matter and asks the same questions of what is left as a scan does, so that both give the
// same answer to the last bit: numbers are put into rows by functions that never fall when the number
// rises, rounding included.
type index struct {
	south, west float64
	perLat      float64 // rows per degree
	perLon      float64 // columns per degree
	rows, cols  int
	cells       [][]int32 // areas whose box touches the cell, in the order of the areas
	shapes      []shape
}

// shape is an area with its sides sorted into strips of latitude.
type shape struct {
	sw, ne Point
	perLat float64
	strips [][]edge
}

// perStrip is how many sides a strip is meant for: few to look at, and few copies of long sides.
const perStrip = 4

func newIndex(areas []Area) *index {
	x := &index{south: 90, west: 180}
	north, east := -90.0, -180.0
	for _, a := range areas {
		s := newShape(a)
		x.shapes = append(x.shapes, s)
		x.south, x.west = min(x.south, s.sw.Lat), min(x.west, s.sw.Lon)
		north, east = max(north, s.ne.Lat), max(east, s.ne.Lon)
	}
	n := int(math.Ceil(2 * math.Sqrt(float64(len(areas)))))
	x.rows, x.cols = max(1, n), max(1, n)
	x.perLat, x.perLon = per(x.rows, north-x.south), per(x.cols, east-x.west)
	x.cells = make([][]int32, x.rows*x.cols)
	for i := range x.shapes {
		s := &x.shapes[i]
		x.each(s.sw, s.ne, func(cell int) { x.cells[cell] = append(x.cells[cell], int32(i)) })
	}
	return x
}

// per is how many rows there are to a degree; all in one row where there is no extent.
func per(n int, extent float64) float64 {
	if extent <= 0 {
		return 0
	}
	return float64(n) / extent
}

// row puts a number into a row, and what lies outside into the outermost one.
func row(x, from, per float64, n int) int {
	return max(0, min(n-1, int(max(-1, min(float64(n), (x-from)*per)))))
}

func newShape(a Area) shape {
	var s shape
	s.sw, s.ne = a.Bounds()
	edges := a.edges()
	n := max(1, len(edges)/perStrip)
	s.perLat = per(n, s.ne.Lat-s.sw.Lat)
	s.strips = make([][]edge, n)
	for _, e := range edges {
		for k := s.strip(e.u.Lat); k <= s.strip(e.v.Lat); k++ {
			s.strips[k] = append(s.strips[k], e)
		}
	}
	return s
}

func (s *shape) strip(lat float64) int { return row(lat, s.sw.Lat, s.perLat, len(s.strips)) }

// contains is Area.Contains, of the sides on the latitude of the point alone.
func (s *shape) contains(p Point) bool {
	if p.Lat < s.sw.Lat || p.Lat > s.ne.Lat || p.Lon < s.sw.Lon || p.Lon > s.ne.Lon {
		return false
	}
	in := false
	for _, e := range s.strips[s.strip(p.Lat)] {
		if e.east(p) {
			in = !in
		}
	}
	return in
}

// edge is the distance of a point to the nearest side, if that is not more than limit metres.
func (s *shape) edge(p Point, limit float64) (float64, bool) {
	lat := limit / metresPerDegree
	best, found := limit, false
	if p.Lat+lat < s.sw.Lat || p.Lat-lat > s.ne.Lat {
		return 0, false
	}
	for k := s.strip(p.Lat - lat); k <= s.strip(p.Lat+lat); k++ {
		for _, e := range s.strips[k] {
			if d := e.metres(p); d <= best {
				best, found = d, true
			}
		}
	}
	return best, found
}

// each visits the cells that a box touches.
func (x *index) each(sw, ne Point, do func(cell int)) {
	for r := row(sw.Lat, x.south, x.perLat, x.rows); r <= row(ne.Lat, x.south, x.perLat, x.rows); r++ {
		for c := row(sw.Lon, x.west, x.perLon, x.cols); c <= row(ne.Lon, x.west, x.perLon, x.cols); c++ {
			do(r*x.cols + c)
		}
	}
}

// at lists the areas whose box may hold a point.
func (x *index) at(p Point) []int32 {
	return x.cells[row(p.Lat, x.south, x.perLat, x.rows)*x.cols+row(p.Lon, x.west, x.perLon, x.cols)]
}

// near lists the areas whose box may lie within so many metres of a point, each once.
func (x *index) near(p Point, metres float64) []int32 {
	sw, ne := around(p, metres)
	var out []int32
	x.each(sw, ne, func(cell int) { out = append(out, x.cells[cell]...) })
	slices.Sort(out)
	return slices.Compact(out)
}

// around is a box that holds everything within so many metres.
func around(p Point, metres float64) (sw, ne Point) {
	lat := metres / metresPerDegree
	lon := lat / max(1e-6, math.Cos(min(90, math.Abs(p.Lat)+lat)*math.Pi/180))
	return Point{p.Lat - lat, p.Lon - lon}, Point{p.Lat + lat, p.Lon + lon}
}
