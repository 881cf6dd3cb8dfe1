package portal

import (
	"math"

	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/web"
)

const (
	planWidth = 400.0
	planEdge  = 0.02 // of the city's extent, left free around it
)

// planOf draws the pack's whole map, about ten kilobytes; nil when the pack has no areas to draw.
func (p *Portal) planOf(page *web.Page, pk *pack.Pack, d *draft) *web.Plan {
	if len(pk.Map.Areas) == 0 {
		return nil
	}
	f := wholeCity(pk.Map)
	out := &web.Plan{Width: f.Width, Height: math.Round(f.Height), Box: f.Box(), Label: page.T("portal.map.name")}
	root := pk.Units.Root()
	for _, a := range pk.Map.Areas {
		if a.Unit == root {
			out.Shapes = append(out.Shapes, web.PlanShape{Class: "area ground", Path: f.Area(a)})
		}
	}
	for _, ft := range pk.Features {
		out.Shapes = append(out.Shapes, feature(f, ft))
		if ft.Name != "" && ft.Kind == "water" {
			out.Names = append(out.Names, web.PlanName{Class: "name wet", PlanSpot: f.At(web.Middle(ft.Line)), Words: page.T(ft.Name)})
		}
	}
	for _, a := range pk.Map.Areas {
		u, _ := pk.Units.Unit(a.Unit)
		name := page.T("unit." + string(a.Unit))
		if u.Level == org.Community || u.Level == org.Street {
			out.Shapes = append(out.Shapes, web.PlanShape{Class: "area " + u.Level.String(), Path: f.Area(a), Title: name})
		}
		if u.Level == org.Street {
			out.Names = append(out.Names, web.PlanName{Class: "name", PlanSpot: f.At(web.Centre(a.Outline())), Words: name})
		}
	}
	if pt, bad := d.point(); pt != nil && bad == nil {
		at := f.At(*pt)
		out.Pin = &at
	}
	sw, ne := pk.Map.Bounds()
	at, _ := d.point()
	out.Live = p.Maps.Live(page, sw, ne, at)
	out.Live.SystemField = "coords"
	return out
}

func wholeCity(m place.Map) web.Frame {
	sw, ne := m.Bounds()
	dLat, dLon := (ne.Lat-sw.Lat)*planEdge, (ne.Lon-sw.Lon)*planEdge
	return web.FrameOver(place.Point{Lat: sw.Lat - dLat, Lon: sw.Lon - dLon}, place.Point{Lat: ne.Lat + dLat, Lon: ne.Lon + dLon}, planWidth)
}

// feature draws water and green as a surface when its line closes, else as a band.
func feature(f web.Frame, ft pack.Feature) web.PlanShape {
	s := web.PlanShape{Path: f.Path(ft.Line, false), Class: ft.Kind}
	closed := web.Closed(ft.Line)
	switch {
	case ft.Kind == "water" && !closed:
		s.Class = "river"
	case ft.Kind == "green" && !closed:
		s.Class = "strip"
	case ft.Kind == "edge":
		s.Class = "rail"
	}
	if !closed {
		s.Width = max(ft.Width, 1)
	}
	return s
}
