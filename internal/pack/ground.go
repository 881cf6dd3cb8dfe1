package pack

import (
	"cmp"
	"slices"

	"comity/internal/org"
	"comity/internal/place"
)

// Ground is what is odd about the areas of a pack: people who stand there are served, by the unit above or
// by the first of two, but somebody should look at the lines.
type Ground struct {
	Flaws   []place.Flaw `json:"flaws,omitempty"`
	NoArea  []org.UnitID `json:"no_area,omitempty"` // units of the lowest level that is drawn, without an area
	Sources []string     `json:"converted,omitempty"`
}

// leastFlaw is the size, in square metres, below which a piece of ground is no more than the thickness of
// a line that was drawn twice.
const leastFlaw = 10

// Ground compares the areas of every unit with those of its parts. It takes a moment, so it is asked for
// when a pack is checked and not when it is loaded.
func (p *Pack) Ground() Ground {
	g := Ground{Sources: p.Converted}
	if len(p.Map.Areas) == 0 {
		return g
	}
	lowest := org.City
	for _, a := range p.Map.Areas {
		u, _ := p.Units.Unit(a.Unit)
		lowest = max(lowest, u.Level)
	}
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); u.Level == lowest && u.Dept == "" {
			if _, drawn := p.Map.Area(id); !drawn {
				g.NoArea = append(g.NoArea, id)
			}
		}
		var parts []place.Area
		for _, c := range p.Units.Children(id) {
			if a, ok := p.Map.Area(c); ok {
				parts = append(parts, a)
			}
		}
		if len(parts) == 0 {
			continue
		}
		whole, _ := p.Map.Area(id)
		whole.Unit = id
		g.Flaws = append(g.Flaws, place.Survey(whole, parts, leastFlaw)...)
	}
	slices.SortStableFunc(g.Flaws, func(a, b place.Flaw) int { return cmp.Compare(b.SquareMetres, a.SquareMetres) })
	return g
}
