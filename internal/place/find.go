package place

import (
	"cmp"
	"math"
	"slices"

	"comity/internal/org"
)

// Reach is how far, in metres, areas are looked for around a point. Zero looks no further than the point.
type Reach struct {
	Nearest  float64 // a point outside every area goes to one that lies so near
	Boundary float64 // another area so near is told
}

// MaxReach bounds both: who is further away stands in another place.
const MaxReach = 5000

// Reason says why a point belongs to a unit.
type Reason string

// The reasons.
const (
	Inside  Reason = "inside"  // the area holds the point
	Border  Reason = "border"  // it holds it, and another unit's area is near: see Finding.Near
	Nearest Reason = "nearest" // no area holds it, this one is the nearest
)

// Finding is a unit, why it was found, and who else might be it.
type Finding struct {
	Unit   org.UnitID
	Reason Reason
	Metres float64     // how far outside of the area the point lies
	Near   []Neighbour // the nearest first
}

// Neighbour is another unit whose area lies near a point.
type Neighbour struct {
	Unit   org.UnitID
	Metres float64
}

// maxNear bounds the neighbours that are told: four meet in a crossing.
const maxNear = 4

// together is within how many metres two areas count as equally near: lines drawn for several levels
// agree to about that.
const together = 0.5

// Find names the lowest unit whose area holds the point; false when the point is outside of all. Where
// areas of one level overlap, the first by id has it.
func (m Map) Find(t *org.Tree, p Point) (org.UnitID, bool) {
	var best org.UnitID
	var level org.Level
	consider := func(i int) {
		id := m.Areas[i].Unit
		u, ok := t.Unit(id)
		if !ok || u.Level < level || u.Level == level && id >= best {
			return
		}
		if m.contains(i, p) {
			best, level = id, u.Level
		}
	}
	if m.index == nil {
		for i := range m.Areas {
			consider(i)
		}
	} else {
		for _, i := range m.index.at(p) {
			consider(int(i))
		}
	}
	return best, best != ""
}

func (m Map) contains(i int, p Point) bool {
	if m.index == nil {
		return m.Areas[i].Contains(p)
	}
	return m.index.shapes[i].contains(p)
}

// Locate is Find with what there is to say about it: the nearest area for a point that lies just outside
// of all, and the units on the other side of a border that is near.
func (m Map) Locate(t *org.Tree, p Point) (Finding, bool) {
	unit, ok := m.Find(t, p)
	if !ok {
		return m.nearest(t, p)
	}
	f := Finding{Unit: unit, Reason: Inside, Near: m.neighbours(t, p, unit)}
	if len(f.Near) > 0 {
		f.Reason = Border
	}
	return f, true
}

// nearest is the lowest unit among those that are as near as the nearest.
func (m Map) nearest(t *org.Tree, p Point) (Finding, bool) {
	all := m.Within(t, p, m.Reach.Nearest)
	if len(all) == 0 {
		return Finding{}, false
	}
	first := slices.MinFunc(all, byMetres)
	best := first
	for _, n := range all {
		if n.Metres <= first.Metres+together && lower(t, n, best) {
			best = n
		}
	}
	f := Finding{Unit: best.Unit, Reason: Nearest, Metres: best.Metres}
	f.Near = others(t, all, best.Unit, best.Metres+m.Reach.Boundary)
	return f, true
}

// lower prefers the lower of two units, then the nearer, then the first by id.
func lower(t *org.Tree, a, b Neighbour) bool {
	ua, _ := t.Unit(a.Unit)
	ub, _ := t.Unit(b.Unit)
	return cmp.Or(cmp.Compare(ub.Level, ua.Level), byMetres(a, b)) < 0
}

func byMetres(a, b Neighbour) int {
	return cmp.Or(cmp.Compare(a.Metres, b.Metres), cmp.Compare(a.Unit, b.Unit))
}

func (m Map) neighbours(t *org.Tree, p Point, unit org.UnitID) []Neighbour {
	if m.Reach.Boundary <= 0 {
		return nil
	}
	return others(t, m.Within(t, p, m.Reach.Boundary), unit, m.Reach.Boundary)
}

// Within lists the units whose area lies within so many metres; 0 for one that holds the point.
func (m Map) Within(t *org.Tree, p Point, metres float64) []Neighbour {
	if metres <= 0 {
		return nil
	}
	x := m.index
	if x == nil {
		x = newIndex(m.Areas)
	}
	var out []Neighbour
	for _, i := range x.near(p, metres) {
		s, id := &x.shapes[i], m.Areas[i].Unit
		if _, known := t.Unit(id); !known {
			continue
		}
		if s.contains(p) {
			out = append(out, Neighbour{Unit: id})
		} else if d, ok := s.edge(p, metres); ok {
			out = append(out, Neighbour{Unit: id, Metres: d})
		}
	}
	return out
}

// others leaves of the units around a point those that say something new: not the unit itself nor what it
// is part of, and of a unit and a part of it only the part.
func others(t *org.Tree, all []Neighbour, unit org.UnitID, limit float64) []Neighbour {
	var out []Neighbour
	for _, n := range all {
		covers := func(o Neighbour) bool { return o.Unit != n.Unit && o.Metres <= limit && t.Under(n.Unit, o.Unit) }
		if n.Metres > limit || t.Under(n.Unit, unit) || slices.ContainsFunc(all, covers) {
			continue
		}
		out = append(out, n)
	}
	slices.SortFunc(out, byMetres)
	return out[:min(len(out), maxNear)]
}

// Distance is how many metres a point lies from the outline or a hole of an area, whichever is nearer;
// infinite for an area without sides.
func (a Area) Distance(p Point) float64 {
	best := math.Inf(1)
	for _, e := range a.edges() {
		best = min(best, e.metres(p))
	}
	return best
}

// metres is the distance of a point to a side, on the plane that touches the earth at the point: for the
// few kilometres asked about here it differs from the sphere by less than a thousandth.
func (e edge) metres(p Point) float64 {
	east := metresPerDegree * math.Cos(p.Lat*math.Pi/180)
	ux, uy := (e.u.Lon-p.Lon)*east, (e.u.Lat-p.Lat)*metresPerDegree
	vx, vy := (e.v.Lon-p.Lon)*east, (e.v.Lat-p.Lat)*metresPerDegree
	dx, dy := vx-ux, vy-uy
	along := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		along = max(0, min(1, -(ux*dx+uy*dy)/l))
	}
	return math.Hypot(ux+along*dx, uy+along*dy)
}
