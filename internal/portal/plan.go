package portal

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/web"
)

// plan is the schematic map as drawn: no tiles, no foreign host, about ten kilobytes.
type plan struct {
	Width, Height float64
	Box           string // south,west,north,east of the drawing, for the script
	Shapes        []shape
	Labels        []label
	Pin           string // transform of the marker; empty = not set
}

type shape struct {
	Class, Path, Width, Title string
}

type label struct{ Class, X, Y, Text string }

const (
	planWidth = 400.0
	planEdge  = 0.02 // of the city's extent, left free around it
)

// planOf draws the pack's map; nil when the pack has no areas to draw.
func planOf(page *web.Page, pk *pack.Pack, d *draft) *plan {
	if len(pk.Map.Areas) == 0 {
		return nil
	}
	v := newView(pk.Map)
	out := &plan{Width: planWidth, Height: math.Round(v.height), Box: v.box()}
	root := pk.Units.Root()
	for _, a := range pk.Map.Areas {
		if a.Unit == root {
			out.Shapes = append(out.Shapes, shape{Class: "area ground", Path: v.path(a.Ring, true)})
		}
	}
	for _, f := range pk.Features {
		out.Shapes = append(out.Shapes, v.feature(f))
		if f.Name != "" && f.Kind == "water" {
			out.Labels = append(out.Labels, v.label("name wet", middle(f.Line), page.T(f.Name)))
		}
	}
	for _, a := range pk.Map.Areas {
		u, _ := pk.Units.Unit(a.Unit)
		name := page.T("unit." + string(a.Unit))
		if u.Level == org.Community || u.Level == org.Street {
			out.Shapes = append(out.Shapes, shape{Class: "area " + u.Level.String(), Path: v.path(a.Ring, true), Title: name})
		}
		if u.Level == org.Street {
			out.Labels = append(out.Labels, v.label("name", centre(a.Ring), name))
		}
	}
	if pt, bad := d.point(); pt != nil && bad == nil {
		x, y := v.at(*pt)
		out.Pin = fmt.Sprintf("translate(%s %s)", x, y)
	}
	return out
}

// view projects degrees to the drawing: equal steps in both directions at the city's own latitude.
type view struct {
	sw, ne        place.Point
	height        float64
	perLat, perLo float64
}

func newView(m place.Map) view {
	sw, ne := m.Bounds()
	dLat, dLon := (ne.Lat-sw.Lat)*planEdge, (ne.Lon-sw.Lon)*planEdge
	v := view{sw: place.Point{Lat: sw.Lat - dLat, Lon: sw.Lon - dLon}, ne: place.Point{Lat: ne.Lat + dLat, Lon: ne.Lon + dLon}}
	v.perLo = planWidth / (v.ne.Lon - v.sw.Lon)
	v.perLat = v.perLo / math.Cos((sw.Lat+ne.Lat)/2*math.Pi/180)
	v.height = (v.ne.Lat - v.sw.Lat) * v.perLat
	return v
}

func (v view) at(p place.Point) (x, y string) {
	return short((p.Lon - v.sw.Lon) * v.perLo), short((v.ne.Lat - p.Lat) * v.perLat)
}

func (v view) box() string {
	f := func(x float64) string { return strconv.FormatFloat(x, 'f', 6, 64) }
	return strings.Join([]string{f(v.sw.Lat), f(v.sw.Lon), f(v.ne.Lat), f(v.ne.Lon)}, ",")
}

func (v view) path(line []place.Point, closed bool) string {
	var b strings.Builder
	for i, p := range line {
		x, y := v.at(p)
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(x + " " + y)
	}
	if closed {
		b.WriteByte('Z')
	}
	return b.String()
}

// feature draws water and green as a surface when its line closes, else as a band.
func (v view) feature(f pack.Feature) shape {
	s := shape{Path: v.path(f.Line, false), Class: f.Kind}
	closed := len(f.Line) > 2 && f.Line[0] == f.Line[len(f.Line)-1]
	switch {
	case f.Kind == "water" && !closed:
		s.Class = "river"
	case f.Kind == "green" && !closed:
		s.Class = "strip"
	case f.Kind == "edge":
		s.Class = "rail"
	}
	if !closed {
		s.Width = short(max(f.Width, 1))
	}
	return s
}

func (v view) label(class string, p place.Point, words string) label {
	x, y := v.at(p)
	return label{Class: class, X: x, Y: y, Text: words}
}

// centre is the mean of the corners: good enough to write a name on.
func centre(ring []place.Point) place.Point {
	var c place.Point
	for _, p := range ring {
		c.Lat += p.Lat / float64(len(ring))
		c.Lon += p.Lon / float64(len(ring))
	}
	return c
}

// middle is where the name of a line is written.
func middle(line []place.Point) place.Point {
	if len(line) > 2 && line[0] == line[len(line)-1] {
		return centre(line[1:])
	}
	return line[len(line)/2]
}

// short writes a coordinate with one decimal: a tenth of a unit is less than a pixel.
func short(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }
