package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"comity/internal/org"
	"comity/internal/place"
)

// placesPart times which unit a point belongs to, in a city of five thousand areas with bent borders,
// against looking at every area, which is what a map without an index does.
func placesPart(_ context.Context, o options, _ string, t *table) error {
	tree, areas, err := lattice()
	if err != nil {
		return err
	}
	reach := place.Reach{Nearest: 200, Boundary: 30}
	fast, slow := place.NewMap(areas, reach), place.Map{Areas: areas, Reach: reach}
	var find, locate, scan, build, typed series
	r := rand.New(rand.NewPCG(6, 3))
	point := func() place.Point { return place.Point{Lat: 28 + .6*r.Float64(), Lon: 112 + .8*r.Float64()} }
	for range o.rounds {
		for range 100 {
			p := point()
			a, _ := fast.Find(tree, p)
			if b, _ := slow.Find(tree, p); a != b {
				return fmt.Errorf("%v lies in %q by the index and in %q by looking at all", p, a, b)
			}
		}
		find = append(find, microseconds(20_000, func() { fast.Find(tree, point()) }))
		locate = append(locate, microseconds(20_000, func() { fast.Locate(tree, point()) }))
		scan = append(scan, microseconds(50, func() { slow.Find(tree, point()) }))
		build = append(build, microseconds(1, func() { place.NewMap(areas, reach) })/1000)
	}
	t.row(fmt.Sprintf("point to unit among %d areas, µs", len(areas)), find.String(), "looking at all: "+scan.format("%.0f"), scan.over(find).format("%.0f"), "≤ 20 µs", yes(find.median() <= 20))
	t.row("the same with its neighbours across the border, µs", locate.String(), "looking at all: "+scan.format("%.0f"), scan.over(locate).format("%.0f"), "≤ 20 µs", yes(locate.median() <= 20))
	t.row("index of those areas built, ms", build.format("%.0f"), "–", "–", "–", "–")

	names, words := manyNames(5000)
	for range o.rounds {
		typed = append(typed, microseconds(500, func() { names.Find(words[r.IntN(len(words))], 5) }))
	}
	t.row("typed address among 5,000 names, µs", typed.format("%.0f"), "–", "–", "≤ 1000 µs", yes(typed.median() <= 1000))
	return nil
}

// The lattice: communities in rows and columns, streets of 5 by 5 of them, districts of 4 by 4 streets.
const (
	latticeRows, latticeCols = 60, 80
	perStreet, perDistrict   = 5, 20
	bends                    = 10 // corners of a side
)

// lattice makes a city whose borders are bent and shared corner by corner.
func lattice() (*org.Tree, []place.Area, error) {
	r := rand.New(rand.NewPCG(5, 5))
	const step = .01
	side := map[[3]int][]place.Point{} // row, column, 0 to the east or 1 to the north → its points without the last
	for i := range latticeRows + 1 {
		for j := range latticeCols + 1 {
			for dir := range 2 {
				for k := range bends {
					p := place.Point{Lat: 28 + step*float64(i), Lon: 112 + step*float64(j)}
					bend := 0.0
					if k > 0 {
						bend = step * .2 * (r.Float64() - .5)
					}
					if along := step * float64(k) / bends; dir == 0 {
						p.Lon, p.Lat = p.Lon+along, p.Lat+bend
					} else {
						p.Lat, p.Lon = p.Lat+along, p.Lon+bend
					}
					side[[3]int{i, j, dir}] = append(side[[3]int{i, j, dir}], p)
				}
			}
		}
	}
	at := func(i, j int) place.Point {
		return place.Point{Lat: 28 + step*float64(i), Lon: 112 + step*float64(j)}
	}
	back := func(points []place.Point, end place.Point) []place.Point {
		out := append(slices.Clone(points[1:]), end)
		slices.Reverse(out)
		return out
	}
	block := func(i, j, rows, cols int) place.Ring {
		var ring place.Ring
		for c := range cols {
			ring = append(ring, side[[3]int{i, j + c, 0}]...)
		}
		for k := range rows {
			ring = append(ring, side[[3]int{i + k, j + cols, 1}]...)
		}
		for c := cols - 1; c >= 0; c-- {
			ring = append(ring, back(side[[3]int{i + rows, j + c, 0}], at(i+rows, j+c+1))...)
		}
		for k := rows - 1; k >= 0; k-- {
			ring = append(ring, back(side[[3]int{i + k, j, 1}], at(i+k+1, j))...)
		}
		return ring
	}
	units := []org.Unit{{ID: "city", Level: org.City}}
	areas := []place.Area{place.Simple("city", block(0, 0, latticeRows, latticeCols))}
	add := func(name string, level org.Level, size, above int, over string) {
		for i := 0; i < latticeRows; i += size {
			for j := 0; j < latticeCols; j += size {
				parent := org.UnitID("city")
				if over != "" {
					parent = org.UnitID(fmt.Sprintf("%s-%d-%d", over, i/above, j/above))
				}
				id := org.UnitID(fmt.Sprintf("%s-%d-%d", name, i/size, j/size))
				units = append(units, org.Unit{ID: id, Parent: parent, Level: level})
				areas = append(areas, place.Simple(id, block(i, j, size, size)))
			}
		}
	}
	add("district", org.District, perDistrict, 0, "")
	add("street", org.Street, perStreet, perDistrict, "district")
	add("community", org.Community, 1, perStreet, "street")
	tree, err := org.NewTree(units)
	return tree, areas, err
}

// manyNames invents names as streets and doors have them.
func manyNames(n int) (*place.Names, []string) {
	var out place.Names
	var typed []string
	r := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		word := string([]rune{rune(0x4e00 + r.IntN(2000)), rune(0x4e00 + r.IntN(2000)), rune(0x8def)})
		zh, en := fmt.Sprintf("%s%d", word, i), fmt.Sprintf("%d %x Road", i, r.IntN(1<<20))
		out.Add(place.Spot{}, zh, en)
		typed = append(typed, zh, en)
	}
	return &out, typed
}
