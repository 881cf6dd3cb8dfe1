package desk

import (
	"math"

	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/web"
)

// Plan is the surroundings of one place, with the words below the drawing.
type Plan struct {
	web.Plan
	Caption string
}

const (
	planWidth  = 400.0
	planHeight = 220.0
	planFree   = 0.02 // of the drawing, left free on each side
)

// drawPlan shows the surroundings of a point, or of a unit's area when no point is known. nil when
// the pack has neither.
func (d *Desk) drawPlan(p *web.Page, pk *pack.Pack, at *place.Point, unit org.UnitID, caption string) *Plan {
	area, known := pk.Map.Area(unit)
	var sw, ne place.Point
	switch {
	case at != nil:
		const dLat = 0.011 // about 1.2 km up and down
		dLon := dLat * planWidth / planHeight / math.Cos(at.Lat*math.Pi/180)
		sw, ne = place.Point{Lat: at.Lat - dLat, Lon: at.Lon - dLon}, place.Point{Lat: at.Lat + dLat, Lon: at.Lon + dLon}
	case known:
		sw, ne = area.Bounds()
	default:
		return nil
	}
	f := web.FrameWithin(sw, ne, planWidth, planHeight, planFree)
	plan := &Plan{Plan: web.Plan{Width: f.Width, Height: f.Height, Label: p.T("desk.plan.unit", "unit", p.T("unit."+string(unit)))}, Caption: caption}
	plan.features(p, f, pk.Features)
	if known {
		plan.Shapes = append(plan.Shapes, web.PlanShape{Class: "edge", Path: f.Area(area)})
		if s := f.At(web.Centre(area.Outline())); inside(s) {
			plan.name(s, p.T("unit."+string(unit)))
		}
	}
	if at != nil {
		pin := f.At(*at)
		plan.Pin = &pin
		plan.Label = p.T("desk.plan.point", "place", caption)
	}
	plan.Live = d.Maps.Live(p, sw, ne, at)
	return plan
}

// features draws what lies within the frame: surfaces first, lines over them.
func (plan *Plan) features(p *web.Page, f web.Frame, all []pack.Feature) {
	var lines []web.PlanShape
	for _, ft := range all {
		if len(ft.Line) < 2 || !touches(f, ft.Line) {
			continue
		}
		closed := web.Closed(ft.Line)
		path := f.Path(ft.Line, closed)
		if closed && ft.Kind != "road" {
			plan.Shapes = append(plan.Shapes, web.PlanShape{Class: ft.Kind, Path: path})
		} else {
			lines = append(lines, web.PlanShape{Class: lineClass(ft.Kind), Path: path, Width: lineWidth(ft)})
		}
		if ft.Name == "" || len(plan.Names) >= 5 {
			continue
		}
		if s := f.At(web.Middle(ft.Line)); inside(s) && plan.room(s) {
			plan.name(s, p.T(ft.Name))
		}
	}
	plan.Shapes = append(plan.Shapes, lines...)
}

// lineClass gives lines of water and green a stroke of their kind.
func lineClass(kind string) string {
	switch kind {
	case "water":
		return "river"
	case "edge":
		return "rail"
	case "road":
		return "road"
	case "green":
		return "strip"
	}
	return "line " + kind
}

func lineWidth(ft pack.Feature) float64 {
	if ft.Kind == "edge" { // a railway: a thin line of its own kind
		return 1.5
	}
	return max(2, ft.Width*1.6)
}

func (plan *Plan) name(s web.PlanSpot, words string) {
	plan.Names = append(plan.Names, web.PlanName{Class: "name", PlanSpot: s, Words: words})
}

// room keeps words from lying on each other.
func (plan *Plan) room(s web.PlanSpot) bool {
	for _, n := range plan.Names {
		if math.Abs(n.X-s.X) < 90 && math.Abs(n.Y-s.Y) < 18 {
			return false
		}
	}
	return true
}

func inside(s web.PlanSpot) bool {
	return s.X > 40 && s.X < planWidth-40 && s.Y > 14 && s.Y < planHeight-8
}

func touches(f web.Frame, line []place.Point) bool {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range line {
		s := f.At(p)
		minX, minY, maxX, maxY = min(minX, s.X), min(minY, s.Y), max(maxX, s.X), max(maxY, s.Y)
	}
	return maxX > 0 && minX < planWidth && maxY > 0 && minY < planHeight
}
