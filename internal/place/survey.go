package place

import (
	"cmp"
	"slices"

	"comity/internal/org"
)

// Flaw is a piece of ground that belongs to nobody or to several.
type Flaw struct {
	Kind         FlawKind
	Units        []org.UnitID // the parent and nobody, the parent and who sticks out, or those that overlap
	At           Point        // inside the piece
	SquareMetres float64
}

// FlawKind says what is wrong with a piece of ground.
type FlawKind string

// The kinds.
const (
	Hole    FlawKind = "hole"    // the parent has it and none of its parts
	Overlap FlawKind = "overlap" // two parts have it
	Outside FlawKind = "outside" // a part has it and the parent has not
)

// Survey compares the areas of parts with each other and with that of what they are parts of. A parent
// without sides is not compared. Pieces smaller than least square metres are left out: lines that were
// drawn twice leave slivers.
//
// The ground is cut along the latitude of every corner and crossing. Between two cuts sides do not cross,
// so the strip falls into trapezia, and of each it is known who holds it.
func Survey(parent Area, parts []Area, least float64) []Flaw {
	s := &survey{parent: parent.Unit, parts: parts, hasParent: len(parent.edges()) > 0}
	for who, a := range append([]Area{parent}, parts...) {
		for _, e := range a.edges() {
			s.edges, s.who = append(s.edges, e), append(s.who, who-1)
		}
	}
	s.cut()
	return s.flaws(least)
}

type survey struct {
	parent    org.UnitID
	parts     []Area
	hasParent bool
	edges     []edge
	who       []int // of each side; -1 is the parent
	pieces    []piece
	root      []int // of each piece, the piece it hangs together with
}

// piece is one trapezium.
type piece struct {
	kind                 FlawKind
	a, b                 int // parts; -1 for none
	sw, se, nw, ne       float64
	south, north, square float64
}

func (s *survey) cut() {
	var lats []float64
	for _, e := range s.edges {
		lats = append(lats, e.u.Lat, e.v.Lat)
	}
	meet(s.edges, func(_, _ int, at Point) bool { lats = append(lats, at.Lat); return true })
	slices.Sort(lats)
	lats = slices.Compact(lats)

	order := make([]int, len(s.edges))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(s.edges[a].u.Lat, s.edges[b].u.Lat) })
	var open []int
	below := []int(nil) // pieces of the strip before
	for k := 0; k+1 < len(lats); k++ {
		south, north := lats[k], lats[k+1]
		open = slices.DeleteFunc(open, func(i int) bool { return s.edges[i].v.Lat <= south })
		for len(order) > 0 && s.edges[order[0]].u.Lat <= south {
			if e := s.edges[order[0]]; e.v.Lat > south {
				open = append(open, order[0])
			}
			order = order[1:]
		}
		below = s.strip(south, north, open, below)
	}
}

// strip walks from west to east through one strip and returns the flawed pieces it found.
func (s *survey) strip(south, north float64, open, below []int) []int {
	mid := south + (north-south)/2
	slices.SortFunc(open, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.edges[a].lonAt(mid), s.edges[b].lonAt(mid)), cmp.Compare(a, b))
	})
	var held []int // parts that hold the ground walked on
	inParent := false
	var found []int
	for i, at := range open {
		if who := s.who[at]; who < 0 {
			inParent = !inParent
		} else if k := slices.Index(held, who); k >= 0 {
			held = slices.Delete(held, k, k+1)
		} else {
			held = append(held, who)
			slices.Sort(held)
		}
		if i+1 == len(open) {
			break
		}
		kind, a, b := s.judge(inParent, held)
		west, east := s.edges[at], s.edges[open[i+1]]
		if kind == "" || west.lonAt(mid) == east.lonAt(mid) {
			continue
		}
		p := piece{kind: kind, a: a, b: b, south: south, north: north,
			sw: west.lonAt(south), nw: west.lonAt(north), se: east.lonAt(south), ne: east.lonAt(north)}
		p.square = max(0, (p.se-p.sw+p.ne-p.nw)/2) * (north - south) * squareMetres(mid)
		s.pieces, s.root = append(s.pieces, p), append(s.root, len(s.root))
		found = append(found, len(s.pieces)-1)
	}
	s.join(below, found)
	return found
}

// judge says what is wrong with ground held by these parts.
func (s *survey) judge(inParent bool, held []int) (FlawKind, int, int) {
	switch {
	case len(held) > 1:
		return Overlap, held[0], held[1]
	case s.hasParent && inParent && len(held) == 0 && len(s.parts) > 0:
		return Hole, -1, -1
	case s.hasParent && !inParent && len(held) == 1:
		return Outside, held[0], -1
	}
	return "", 0, 0
}

// join makes one of pieces that touch across a cut. Both lists run from west to east.
func (s *survey) join(below, above []int) {
	for i, j := 0, 0; i < len(below) && j < len(above); {
		b, a := &s.pieces[below[i]], &s.pieces[above[j]]
		if b.north == a.south && b.kind == a.kind && b.a == a.a && b.b == a.b && b.nw < a.se && a.sw < b.ne {
			s.root[s.top(above[j])] = s.top(below[i])
		}
		if b.ne < a.se {
			i++
		} else {
			j++
		}
	}
}

func (s *survey) top(i int) int {
	for s.root[i] != i {
		s.root[i] = s.root[s.root[i]]
		i = s.root[i]
	}
	return i
}

func (s *survey) flaws(least float64) []Flaw {
	whole, largest := map[int]float64{}, map[int]int{}
	for i, p := range s.pieces {
		t := s.top(i)
		whole[t] += p.square
		if l, ok := largest[t]; !ok || p.square > s.pieces[l].square {
			largest[t] = i
		}
	}
	var out []Flaw
	for t, l := range largest {
		if whole[t] < least {
			continue
		}
		p := s.pieces[l]
		f := Flaw{Kind: p.kind, SquareMetres: whole[t], At: Point{Lat: (p.south + p.north) / 2, Lon: (p.sw + p.se + p.nw + p.ne) / 4}}
		if p.kind != Overlap {
			f.Units = append(f.Units, s.parent)
		}
		for _, who := range []int{p.a, p.b} {
			if who >= 0 {
				f.Units = append(f.Units, s.parts[who].Unit)
			}
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Flaw) int {
		return cmp.Or(cmp.Compare(b.SquareMetres, a.SquareMetres), cmp.Compare(a.At.Lat, b.At.Lat), cmp.Compare(a.At.Lon, b.At.Lon))
	})
	return out
}
