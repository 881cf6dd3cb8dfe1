package main

import (
	"fmt"
	"strings"

	"comity/internal/org"
	"comity/internal/pack"
	geo "comity/internal/place"
)

// maxFlaws is how many pieces of ground are told one by one, the largest first.
const maxFlaws = 20

// ground tells what is odd about where units lie and who receives what there. Nothing of it keeps a pack
// from being served: the unit above, or the first of two, receives what comes from such a place.
func (k packChecking) ground(p *pack.Pack) {
	if p.Abstract {
		return
	}
	g := p.Ground()
	say := func(key string, kv ...string) { fmt.Fprintln(k.out, "  "+k.say.T(key, kv...)) }
	for _, file := range g.Sources {
		say("ground.converted", "file", file)
	}
	for i, f := range g.Flaws {
		if i == maxFlaws {
			say("ground.more", "n", fmt.Sprint(len(g.Flaws)-i))
			break
		}
		other := ""
		if len(f.Units) > 1 {
			other = k.unit(f.Units[1])
		}
		say("ground."+string(f.Kind), "metres", fmt.Sprintf("%.0f", f.SquareMetres), "unit", k.unit(f.Units[0]), "other", other, "at", position(f.At))
	}
	if len(g.NoArea) > 0 {
		say("ground.noarea", "n", fmt.Sprint(len(g.NoArea)), "units", k.units(g.NoArea))
	}
	for _, f := range p.Far() {
		say("ground.far", "category", k.say.T("category."+f.Category), "dept", f.Dept, "n", fmt.Sprint(len(f.Places)), "units", k.units(f.Places))
	}
}

func position(p geo.Point) string { return fmt.Sprintf("%.6f, %.6f", p.Lat, p.Lon) }

func (k packChecking) unit(id org.UnitID) string { return k.say.T("unit." + string(id)) }

// units names the first few.
func (k packChecking) units(ids []org.UnitID) string {
	const few = 5
	var names []string
	for _, id := range ids[:min(len(ids), few)] {
		names = append(names, k.unit(id))
	}
	if len(ids) > few {
		names = append(names, "…")
	}
	return strings.Join(names, k.say.T("here.comma"))
}
