package web

import (
	"math"
	"strconv"
	"strings"

	"comity/internal/place"
)

// Plan is a schematic map drawn from a pack alone: no tiles, no foreign host. What stands on it and
// in which class is the page's choice; PlanSVG draws it.
type Plan struct {
	Width, Height float64 // of the drawing, in its own units
	Label         string  // the drawing in words
	Shapes        []PlanShape
	Names         []PlanName
	Pin           *PlanSpot
	// Box is south,west,north,east of the drawing, by which the script turns a click into a position.
	// Empty when the pin cannot be set; else the marker is in the page, hidden until it has a place.
	Box string
	// Live is what a map that can be moved needs beside the drawing; nil where there is none.
	Live *Live
}

// Live is a map in the browser: the same area over the operator's tiles, or over the pack's outlines alone.
type Live struct {
	Tiles       string // address of the tiles with {z}, {x} and {y}; empty: outlines alone
	Shapes      string // address of the outlines
	From, To    int    // levels of zoom
	Box, At     string // south,west,north,east and lat,lon in the system of the tiles; At may be empty
	System      string // of the tiles
	SystemField string // id of the field that takes it beside a position; empty where none is set
	Attribution string
	Approval    string // number under which the map was approved
}

// PlanShape is one path; later ones lie on earlier ones.
type PlanShape struct {
	Class, Path string
	Width       float64 // of the stroke; 0 leaves it to the class
	Title       string  // shown under the pointer, may be empty
}

// PlanSpot is a point of the drawing.
type PlanSpot struct{ X, Y float64 }

// PlanName is a word on the map, centred on its spot.
type PlanName struct {
	PlanSpot
	Class, Words string
}

// Frame maps degrees to a drawing: north up, equal steps in both directions at the middle latitude.
type Frame struct {
	Width, Height float64
	mid           place.Point
	sx, sy        float64 // units of the drawing per degree of longitude and latitude
}

// FrameWithin shows an extent inside a drawing of a given size; free is the part of it left empty on
// each side.
func FrameWithin(sw, ne place.Point, width, height, free float64) Frame {
	f := Frame{Width: width, Height: height, mid: between(sw, ne)}
	f.sy = min(width/max(1e-9, (ne.Lon-sw.Lon)*f.squeeze()), height/max(1e-9, ne.Lat-sw.Lat)) * (1 - 2*free)
	f.sx = f.sy * f.squeeze()
	return f
}

// FrameOver shows an extent as wide as the drawing; the height follows.
func FrameOver(sw, ne place.Point, width float64) Frame {
	f := Frame{Width: width, mid: between(sw, ne)}
	f.sx = width / (ne.Lon - sw.Lon)
	f.sy = f.sx / f.squeeze()
	f.Height = (ne.Lat - sw.Lat) * f.sy
	return f
}

func between(sw, ne place.Point) place.Point {
	return place.Point{Lat: (sw.Lat + ne.Lat) / 2, Lon: (sw.Lon + ne.Lon) / 2}
}

// squeeze is how much shorter a degree of longitude is than one of latitude.
func (f Frame) squeeze() float64 { return math.Cos(f.mid.Lat * math.Pi / 180) }

// At is where a point is drawn; it may lie outside.
func (f Frame) At(p place.Point) PlanSpot {
	return PlanSpot{X: f.Width/2 + (p.Lon-f.mid.Lon)*f.sx, Y: f.Height/2 - (p.Lat-f.mid.Lat)*f.sy}
}

// Box is the drawing's extent as Plan.Box wants it.
func (f Frame) Box() string {
	dLat, dLon := f.Height/2/f.sy, f.Width/2/f.sx
	var parts []string
	for _, x := range []float64{f.mid.Lat - dLat, f.mid.Lon - dLon, f.mid.Lat + dLat, f.mid.Lon + dLon} {
		parts = append(parts, strconv.FormatFloat(x, 'f', 6, 64))
	}
	return strings.Join(parts, ",")
}

// Path is a line as SVG has it; a closed one returns to its start, repeated there or not.
func (f Frame) Path(line []place.Point, closed bool) string {
	if closed && Closed(line) {
		line = line[:len(line)-1]
	}
	var b strings.Builder
	for i, p := range line {
		s := f.At(p)
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(planNum(s.X) + " " + planNum(s.Y))
	}
	if closed {
		b.WriteByte('Z')
	}
	return b.String()
}

// Area is an area as SVG has it: every outline and every hole, of which drawings fill every second.
func (f Frame) Area(a place.Area) string {
	var b strings.Builder
	for _, r := range a.Rings() {
		b.WriteString(f.Path(r, true))
	}
	return b.String()
}

// Closed reports a line that ends where it began.
func Closed(line []place.Point) bool { return len(line) > 2 && line[0] == line[len(line)-1] }

// Centre is the mean of the corners of a ring: good enough to write a name on.
func Centre(ring []place.Point) place.Point {
	var c place.Point
	for _, p := range ring {
		c.Lat += p.Lat / float64(len(ring))
		c.Lon += p.Lon / float64(len(ring))
	}
	return c
}

// Middle is where the name of a line is written.
func Middle(line []place.Point) place.Point {
	if Closed(line) {
		return Centre(line[1:])
	}
	return line[len(line)/2]
}

// planNum writes a coordinate with one decimal: a tenth of a unit is less than a pixel.
func planNum(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// move is the transform that brings the marker to the pin's place.
func (m *Plan) move() string {
	if m.Pin == nil {
		return ""
	}
	return "translate(" + planNum(m.Pin.X) + " " + planNum(m.Pin.Y) + ")"
}
