package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"comity/internal/org"
	"comity/internal/place"
)

// areas reads areas.yaml and areas.geojson. A city may have both, one, or none: without drawn areas a
// report is placed by unit.
func (l *loader) areas() {
	var f areasFile
	if l.hasFile("areas.yaml") && !readYAML(l.fsys, "areas.yaml", &f, &l.bad) {
		return
	}
	into := converter{l: l, system: l.system(f.Mark, "areas.yaml", f.System)}
	ground := &ground{loader: l, seen: map[org.UnitID]string{}}
	for _, a := range f.Areas {
		ring := place.Ring(into.points(a.Mark, a.Ring))
		if len(ring) < 3 {
			l.bad.on(a.Mark, "area of %q needs at least three points", a.Unit)
			continue
		}
		ground.add(a.Mark, "area", place.Simple(org.UnitID(a.Unit), ring))
	}
	for i, x := range f.Features {
		feature := Feature{Kind: x.Kind, Width: x.Width, Line: into.points(x.Mark, x.Line)}
		if len(x.Name) > 0 {
			feature.Name = fmt.Sprintf("feature.%d", i)
			l.say(x.Mark, feature.Name, x.Name, true)
		}
		l.p.Features = append(l.p.Features, feature)
	}
	for i, x := range f.Places {
		key := fmt.Sprintf("place.%d", i)
		l.say(x.Mark, key, x.Name, true)
		pts := into.points(x.Mark, [][]float64{x.Point})
		if _, ok := l.p.Units.Unit(org.UnitID(x.Unit)); !ok {
			l.bad.on(x.Mark, "place in unknown unit %q", x.Unit)
		}
		if len(pts) == 1 {
			l.p.Places = append(l.p.Places, NamedPlace{Key: key, Point: pts[0], Unit: org.UnitID(x.Unit)})
		}
	}
	l.geojson(ground)
	ground.swapped()
	l.p.Map = place.NewMap(ground.areas, place.Reach{Nearest: l.metres(f.Mark, "nearest", f.Nearest), Boundary: l.metres(f.Mark, "border", f.Border)})
	l.zones(f, into)
	l.landmarks()
}

func (l *loader) hasFile(file string) bool {
	_, err := fs.Stat(l.fsys, file)
	return !errors.Is(err, fs.ErrNotExist)
}

func (l *loader) metres(m mark, name string, n int) float64 {
	if n < 0 || n > place.MaxReach {
		l.bad.on(m.of(name), "%s is %d metres; use 0 to %d", name, n, place.MaxReach)
	}
	return float64(n)
}

// system reads a declared coordinate system, and notes that what follows is converted.
func (l *loader) system(m mark, file, name string) place.System {
	s, err := place.ParseSystem(name)
	if err != nil {
		l.bad.on(m.of("system"), "%v", err)
	}
	if s != place.WGS84 && err == nil {
		l.p.Converted = append(l.p.Converted, fmt.Sprintf("%s: %s", file, s))
	}
	return s
}

// converter reads points of one file into WGS 84.
type converter struct {
	l      *loader
	system place.System
}

func (c converter) points(m mark, raw [][]float64) []place.Point {
	var out []place.Point
	for _, x := range raw {
		if len(x) != 2 {
			c.l.bad.on(m, "a point is [longitude, latitude]")
			continue
		}
		p := place.Point{Lon: x[0], Lat: x[1]}
		if err := p.Check(); err != nil {
			c.l.bad.on(m, "%v%s", err, swapHint(p))
		}
		out = append(out, c.system.ToWGS84(p))
	}
	return out
}

// swapHint guesses why a position is not on earth.
func swapHint(p place.Point) string {
	if math.Abs(p.Lat) > 90 && math.Abs(p.Lat) <= 180 && math.Abs(p.Lon) <= 90 {
		return "; the two numbers seem to be swapped: longitude comes first"
	}
	return ""
}

// ground collects areas, each unit once.
type ground struct {
	*loader
	areas []place.Area
	marks []mark
	names []string // what each is called in errors
	seen  map[org.UnitID]string
}

// add takes an area that can be used; what is wrong with one that cannot is told with its name.
func (g *ground) add(m mark, name string, a place.Area) {
	switch first, twice := g.seen[a.Unit]; {
	case !g.known(a.Unit):
		g.bad.on(m, "%s of unknown unit %q", name, a.Unit)
		return
	case twice && !g.kept:
		g.bad.on(m, "%s: unit %q has an area already (%s); join them in one MultiPolygon", name, a.Unit, first)
		return
	}
	for i, p := range a.Polygons {
		for k, r := range p {
			a.Polygons[i][k] = r.Tidy().Wound(k == 0)
		}
	}
	if err := a.Check(); err != nil && !g.kept {
		g.bad.on(m, "%s of %q: %v", name, a.Unit, err)
		return
	}
	g.seen[a.Unit] = m.String()
	g.areas, g.marks, g.names = append(g.areas, a), append(g.marks, m), append(g.names, name)
}

func (g *ground) known(id org.UnitID) bool { _, ok := g.p.Units.Unit(id); return ok }

// farOff is from how many degrees away an area is suspected to have longitude and latitude swapped.
const farOff = 5

// swapped looks for areas that lie far from the rest of the city and would lie in it with the two numbers
// of each position the other way round.
func (g *ground) swapped() {
	var all []place.Point
	for _, a := range g.areas {
		all = append(all, middle(a))
	}
	for _, p := range g.p.Places {
		all = append(all, p.Point)
	}
	if len(all) == 0 || g.kept {
		return
	}
	centre := place.Point{Lat: median(all, func(p place.Point) float64 { return p.Lat }), Lon: median(all, func(p place.Point) float64 { return p.Lon })}
	for i := range g.areas {
		at := all[i]
		if other := (place.Point{Lat: at.Lon, Lon: at.Lat}); degrees(at, centre) > farOff && degrees(other, centre) < degrees(at, centre)/10 {
			g.bad.on(g.marks[i], "%s of %q lies near [%.2f, %.2f], far from the rest of the city; the two numbers seem to be swapped: longitude comes first", g.names[i], g.areas[i].Unit, at.Lon, at.Lat)
		}
	}
	if polar := 66.5; len(g.areas) > 0 && math.Abs(centre.Lat) > polar && math.Abs(centre.Lon) < polar {
		g.p.Warnings = append(g.p.Warnings, g.marks[0].Errorf("the areas lie beyond a polar circle, near [%.2f, %.2f]; if the city does not, longitude and latitude are swapped", centre.Lon, centre.Lat).Error())
	}
}

func degrees(a, b place.Point) float64 { return math.Hypot(a.Lat-b.Lat, a.Lon-b.Lon) }

func middle(a place.Area) place.Point {
	sw, ne := a.Bounds()
	return place.Point{Lat: (sw.Lat + ne.Lat) / 2, Lon: (sw.Lon + ne.Lon) / 2}
}

func median(all []place.Point, of func(place.Point) float64) float64 {
	var list []float64
	for _, p := range all {
		list = append(list, of(p))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func (l *loader) zones(f areasFile, into converter) {
	for _, x := range f.Zones {
		if !l.id(x.Mark, "zone", x.ID) {
			continue
		}
		if _, ok := l.p.Units.Unit(org.UnitID(x.ID)); ok || slices.ContainsFunc(l.p.Zones, func(z Zone) bool { return z.ID == x.ID }) {
			l.bad.on(x.Mark, "zone %q: the name is taken by a unit or another zone", x.ID)
		}
		if (len(x.Units) == 0) == (len(x.Ring) == 0) {
			l.bad.on(x.Mark, "zone %q: give either its units or a ring around it", x.ID)
		}
		z := Zone{ID: x.ID}
		for _, u := range x.Units {
			if _, ok := l.p.Units.Unit(org.UnitID(u)); !ok {
				l.bad.on(x.Mark.of("units"), "zone %q: unknown unit %q", x.ID, u)
			}
			z.Units = append(z.Units, org.UnitID(u))
		}
		if len(x.Ring) > 0 {
			z.Area = place.Simple(org.UnitID(x.ID), place.Ring(into.points(x.Mark.of("ring"), x.Ring)).Tidy().Wound(true))
			if err := z.Area.Check(); err != nil {
				l.bad.on(x.Mark.of("ring"), "zone %q: %v", x.ID, err)
			}
		}
		l.say(x.Mark, "zone."+x.ID, x.Name, true)
		l.p.Zones = append(l.p.Zones, z)
	}
}

func (l *loader) landmarks() {
	var f landmarksFile
	if !l.hasFile("landmarks.yaml") || !readYAML(l.fsys, "landmarks.yaml", &f, &l.bad) {
		return
	}
	into := converter{l: l, system: l.system(f.Mark, "landmarks.yaml", f.System)}
	seen := map[string]bool{}
	for _, x := range f.Landmarks {
		if !l.id(x.Mark, "landmark", x.ID) {
			continue
		}
		if seen[x.ID] {
			l.bad.on(x.Mark, "landmark %q is listed twice", x.ID)
		}
		seen[x.ID] = true
		key := "landmark." + x.ID
		l.say(x.Mark, key, x.Name, true)
		for lang := range x.Aliases {
			if !slices.Contains(l.langs, lang) {
				l.bad.on(x.Mark.of("aliases"), "language %q is not one of the pack's languages %v", lang, l.p.Langs)
			}
		}
		pts := into.points(x.Mark, [][]float64{x.Point})
		if len(pts) == 0 {
			continue
		}
		at := NamedPlace{Key: key, Point: pts[0], Unit: org.UnitID(x.Unit), Aliases: x.Aliases}
		found, ok := l.p.Map.Locate(l.p.Units, at.Point)
		switch _, known := l.p.Units.Unit(at.Unit); {
		case at.Unit == "" && ok:
			at.Unit = found.Unit
		case at.Unit == "":
			l.bad.on(x.Mark, "landmark %q: no area holds its point; name its unit", x.ID)
		case !known:
			l.bad.on(x.Mark, "landmark %q lies in unknown unit %q", x.ID, at.Unit)
		case ok && !l.p.Units.Under(at.Unit, found.Unit) && !l.p.Units.Under(found.Unit, at.Unit) && found.Reason == place.Inside:
			l.p.Warnings = append(l.p.Warnings, x.Mark.Errorf("landmark %q is said to lie in %q, but its point lies in the area of %q", x.ID, at.Unit, found.Unit).Error())
		}
		l.p.Places = append(l.p.Places, at)
	}
}

// names lets landmarks and units be found by what people type: a unit by its name in any language, with
// the name of the unit above before it or without.
func (l *loader) names() {
	n := &place.Names{}
	for i := range l.p.Places {
		at := &l.p.Places[i]
		var list []string
		for _, lang := range l.p.Langs {
			list = append(append(list, l.p.Texts[lang][at.Key]), at.Aliases[lang]...)
		}
		n.Add(place.Spot{Key: at.Key, Unit: at.Unit, Point: &at.Point}, list...)
	}
	for _, id := range l.p.Units.All() {
		if u, _ := l.p.Units.Unit(id); u.Dept != "" || l.p.Abstract {
			continue
		}
		key := "unit." + string(id)
		var list []string
		for _, lang := range l.p.Langs {
			list = append(list, l.p.Texts[lang][key], l.p.Texts[lang][key+".short"])
		}
		n.Add(place.Spot{Key: key, Unit: id}, list...)
	}
	l.p.Names = n
}
