package maps

import (
	"math"

	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
)

// Shapes is the pack's map as GeoJSON, in the system of the tiles. It holds boundaries and drawn features and nothing else: no
// case, no person, no position of either.
type Shapes struct {
	Type     string  `json:"type"`
	Features []Shape `json:"features"`
}

// Shape is a feature of GeoJSON.
type Shape struct {
	Type       string            `json:"type"`
	Properties map[string]string `json:"properties"`
	Geometry   Geometry          `json:"geometry"`
}

// Geometry is a MultiLineString: boundaries are drawn as lines, so that the map below stays readable.
type Geometry struct {
	Type        string         `json:"type"`
	Coordinates [][][2]float64 `json:"coordinates"`
}

// ShapesOf draws the areas of streets and communities, and, where no tiles lie below them, roads, water and green too. name
// says a text key in the language of whoever looks.
func (s *Source) ShapesOf(p *pack.Pack, name func(key string) string) Shapes {
	out := Shapes{Type: "FeatureCollection", Features: []Shape{}}
	add := func(kind, words string, lines ...[]place.Point) {
		g := Geometry{Type: "MultiLineString"}
		for _, line := range lines {
			var c [][2]float64
			for _, pt := range line {
				pt = s.System().FromWGS84(pt)
				c = append(c, [2]float64{fine(pt.Lon), fine(pt.Lat)})
			}
			g.Coordinates = append(g.Coordinates, c)
		}
		out.Features = append(out.Features, Shape{Type: "Feature", Properties: map[string]string{"kind": kind, "name": words}, Geometry: g})
	}
	if !s.HasTiles() {
		for _, f := range p.Features {
			words := ""
			if f.Name != "" {
				words = name(f.Name)
			}
			add(f.Kind, words, f.Line)
		}
	}
	for _, a := range p.Map.Areas {
		u, _ := p.Units.Unit(a.Unit)
		if u.Level != org.Street && u.Level != org.Community {
			continue
		}
		var lines [][]place.Point
		for _, r := range a.Rings() {
			lines = append(lines, append(append([]place.Point{}, r...), r[0]))
		}
		add(u.Level.String(), name("unit."+string(a.Unit)), lines...)
	}
	return out
}

// fine keeps six decimals of a degree: a tenth of a metre.
func fine(x float64) float64 { return math.Round(x*1e6) / 1e6 }
