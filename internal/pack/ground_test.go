package pack

import (
	"fmt"
	"testing"

	"comity/internal/place"
)

func Test_holes_overlaps_and_units_without_an_area_are_found(t *testing.T) {
	files := cityWith(collection("",
		feature(`"town"`, "Polygon", "["+square(112, 28, .3)+"]"),
		feature(`"east"`, "Polygon", "["+square(112, 28, .2)+"]"),
		feature(`"west"`, "Polygon", "["+square(112.1, 28, .2)+"]")))
	files["city/units.yaml"] += "  - {id: west, parent: town, level: district, roles: [clerk], name: {en: West}}\n  - {id: north, parent: town, level: district, roles: [clerk], name: {en: North}}\n"
	g := loadCity(t, files).Ground()
	got := fmt.Sprint(g.NoArea)
	for _, f := range g.Flaws {
		got += fmt.Sprintf(" %s %v %.0f", f.Kind, f.Units, f.SquareMetres/1e6)
	}
	if want := "[north] hole [town] 327 overlap [east west] 218"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if f := g.Flaws[0]; f.At.Lat < 28.2 || f.At.Lat > 28.3 || f.Kind != place.Hole {
		t.Errorf("the hole lies at %v", f.At)
	}
}

func Test_the_ground_of_the_packs_that_ship_is_whole(t *testing.T) {
	for _, name := range []string{"demo"} {
		p, err := LoadKept(demo(t))
		if err != nil {
			t.Fatal(err)
		}
		if g := p.Ground(); len(g.Flaws)+len(g.NoArea) > 0 {
			t.Errorf("%s: %+v", name, g)
		}
	}
}
