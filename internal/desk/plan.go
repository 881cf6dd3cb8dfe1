package desk

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

// Plan is a schematic map around one place, drawn from the pack alone: no tiles, no foreign host.
type Plan struct {
	View    string // viewBox
	Fills   []Shape
	Lines   []Shape
	Edges   []string // outline of the unit
	Names   []Name
	Pin     string // path of the pin, empty when only the unit is known
	Label   string // the drawing in words
	Caption string
}

// Shape is one feature of the map.
type Shape struct{ Class, Path, Width string }

// Name is a word on the map.
type Name struct{ X, Y, Words string }

const (
	planWidth  = 400.0
	planHeight = 220.0
)

// drawPlan shows the surroundings of a point, or of a unit's area when no point is known. nil when
// the pack has neither.
func drawPlan(p *web.Page, pk *pack.Pack, at *place.Point, unit org.UnitID, caption string) *Plan {
	area, known := areaOf(pk, unit)
	var sw, ne place.Point
	switch {
	case at != nil:
		const dLat = 0.011 // about 1.2 km up and down
		dLon := dLat * planWidth / planHeight / math.Cos(at.Lat*math.Pi/180)
		sw, ne = place.Point{Lat: at.Lat - dLat, Lon: at.Lon - dLon}, place.Point{Lat: at.Lat + dLat, Lon: at.Lon + dLon}
	case known:
		sw, ne = place.Map{Areas: []place.Area{area}}.Bounds()
	default:
		return nil
	}
	f := fit(sw, ne)
	plan := &Plan{View: fmt.Sprintf("0 0 %g %g", planWidth, planHeight), Caption: caption}
	for _, ft := range pk.Features {
		plan.feature(p, f, ft)
	}
	if known {
		plan.Edges = append(plan.Edges, f.path(area.Ring, true))
		x, y := f.xy(centre(area.Ring))
		if inside(x, y) {
			plan.Names = append(plan.Names, Name{num(x), num(y), p.T("unit." + string(unit))})
		}
	}
	plan.Label = p.T("desk.plan.unit", "unit", p.T("unit."+string(unit)))
	if at != nil {
		x, y := f.xy(*at)
		plan.Pin = fmt.Sprintf("M%s %sc-2-7-9-9-9-17a9 9 0 0 1 18 0c0 8-7 10-9 17z", num(x), num(y))
		plan.Label = p.T("desk.plan.point", "place", caption)
	}
	return plan
}

func areaOf(pk *pack.Pack, unit org.UnitID) (place.Area, bool) {
	for _, a := range pk.Map.Areas {
		if a.Unit == unit {
			return a, true
		}
	}
	return place.Area{}, false
}

func (plan *Plan) feature(p *web.Page, f frame, ft pack.Feature) {
	if len(ft.Line) < 2 || !f.touches(ft.Line) {
		return
	}
	closed := ft.Line[0] == ft.Line[len(ft.Line)-1]
	s := Shape{Class: ft.Kind, Path: f.path(ft.Line, closed)}
	if closed && ft.Kind != "road" {
		plan.Fills = append(plan.Fills, s)
	} else {
		s.Width = num(max(2, ft.Width*1.6))
		if s.Class == "edge" { // a railway: a thin line of its own kind
			s.Width = "1.5"
		}
		plan.Lines = append(plan.Lines, s)
	}
	if ft.Name == "" || len(plan.Names) >= 5 {
		return
	}
	pt := ft.Line[len(ft.Line)/2]
	if closed {
		pt = centre(ft.Line[:len(ft.Line)-1])
	}
	if x, y := f.xy(pt); inside(x, y) && plan.room(x, y) {
		plan.Names = append(plan.Names, Name{num(x), num(y), p.T(ft.Name)})
	}
}

// room keeps words from lying on each other.
func (plan *Plan) room(x, y float64) bool {
	for _, n := range plan.Names {
		nx, _ := strconv.ParseFloat(n.X, 64)
		ny, _ := strconv.ParseFloat(n.Y, 64)
		if math.Abs(nx-x) < 90 && math.Abs(ny-y) < 18 {
			return false
		}
	}
	return true
}

func inside(x, y float64) bool {
	return x > 40 && x < planWidth-40 && y > 14 && y < planHeight-8
}

func centre(ring []place.Point) place.Point {
	var c place.Point
	for _, p := range ring {
		c.Lat += p.Lat / float64(len(ring))
		c.Lon += p.Lon / float64(len(ring))
	}
	return c
}

// frame maps degrees to the drawing, north up, with one scale for both axes.
type frame struct{ lon, lat, sx, sy float64 }

func fit(sw, ne place.Point) frame {
	mid := place.Point{Lat: (sw.Lat + ne.Lat) / 2, Lon: (sw.Lon + ne.Lon) / 2}
	squeeze := math.Cos(mid.Lat * math.Pi / 180)
	scale := min(planWidth/max(1e-9, (ne.Lon-sw.Lon)*squeeze), planHeight/max(1e-9, ne.Lat-sw.Lat)) * 0.96
	return frame{lon: mid.Lon, lat: mid.Lat, sx: scale * squeeze, sy: scale}
}

func (f frame) xy(p place.Point) (x, y float64) {
	return planWidth/2 + (p.Lon-f.lon)*f.sx, planHeight/2 - (p.Lat-f.lat)*f.sy
}

func (f frame) touches(line []place.Point) bool {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range line {
		x, y := f.xy(p)
		minX, minY, maxX, maxY = min(minX, x), min(minY, y), max(maxX, x), max(maxY, y)
	}
	return maxX > 0 && minX < planWidth && maxY > 0 && minY < planHeight
}

func (f frame) path(line []place.Point, closed bool) string {
	var b strings.Builder
	for i, p := range line {
		if closed && i > 0 && i == len(line)-1 && p == line[0] {
			break
		}
		x, y := f.xy(p)
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(num(x) + " " + num(y))
	}
	if closed {
		b.WriteByte('Z')
	}
	return b.String()
}

func num(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
