package stat

import "math/big"

// Reckoned lists the hidden numbers of a table that follow from those shown. It knows nothing of
// networks: it writes down every sum as an equation over the hidden numbers and solves by elimination,
// in fractions. A hidden number has one value exactly when a line is left that holds it alone, which
// is to say when its unit vector lies in the row space of the equations.
func Reckoned(p Published) []Place {
	hidden := map[Place]int{}
	var places []Place
	each(len(p.Rows), len(p.Cols), func(at Place) {
		if _, shown := p.At(at).Value(); !shown {
			hidden[at] = len(places)
			places = append(places, at)
		}
	})
	lines := equations(len(p.Rows), len(p.Cols), hidden)
	reduce(lines, len(places))
	var out []Place
	for _, line := range lines {
		if k := alone(line); k >= 0 {
			out = append(out, places[k])
		}
	}
	return out
}

// each visits every place of a table with its sums.
func each(rows, cols int, visit func(Place)) {
	for i := All; i < rows; i++ {
		for j := All; j < cols; j++ {
			visit(Place{i, j})
		}
	}
}

// equations has a line for every sum: its parts less itself, of which only the hidden ones are left.
// What is shown stands on the other side and does not matter for whether there is one solution.
func equations(rows, cols int, hidden map[Place]int) [][]*big.Rat {
	var lines [][]*big.Rat
	say := func(sum Place, parts []Place) {
		line := make([]*big.Rat, len(hidden))
		for k := range line {
			line[k] = new(big.Rat)
		}
		for _, at := range parts {
			if k, ok := hidden[at]; ok {
				line[k].SetInt64(1)
			}
		}
		if k, ok := hidden[sum]; ok {
			line[k].SetInt64(-1)
		}
		lines = append(lines, line)
	}
	for i := All; i < rows; i++ {
		var parts []Place
		for j := range cols {
			parts = append(parts, Place{i, j})
		}
		say(Place{i, All}, parts)
	}
	for j := All; j < cols; j++ {
		var parts []Place
		for i := range rows {
			parts = append(parts, Place{i, j})
		}
		say(Place{All, j}, parts)
	}
	return lines
}

// reduce brings lines into reduced row echelon form.
func reduce(lines [][]*big.Rat, width int) {
	top := 0
	for k := 0; k < width && top < len(lines); k++ {
		pivot := top
		for pivot < len(lines) && lines[pivot][k].Sign() == 0 {
			pivot++
		}
		if pivot == len(lines) {
			continue
		}
		lines[top], lines[pivot] = lines[pivot], lines[top]
		by := new(big.Rat).Inv(lines[top][k])
		for _, x := range lines[top] {
			x.Mul(x, by)
		}
		for i := range lines {
			if i != top {
				less(lines[i], lines[top], new(big.Rat).Set(lines[i][k]))
			}
		}
		top++
	}
}

// less takes a multiple of one line from another.
func less(from, line []*big.Rat, times *big.Rat) {
	if times.Sign() == 0 {
		return
	}
	for k, x := range line {
		if x.Sign() != 0 {
			from[k].Sub(from[k], new(big.Rat).Mul(times, x))
		}
	}
}

// alone is the only number a line holds, or -1.
func alone(line []*big.Rat) int {
	at := -1
	for k, x := range line {
		if x.Sign() == 0 {
			continue
		}
		if at >= 0 {
			return -1
		}
		at = k
	}
	return at
}
