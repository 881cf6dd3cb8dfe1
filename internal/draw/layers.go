package draw

import (
	"cmp"
	"slices"
)

// layer gives every state a row and a column. The phases stand one below the other, because that is
// how a resident is told about them; within a phase the states stand in the order of their rank, the
// longest way from the start once the ways back are left out.
func (g *graph) layer(columns int) {
	order := g.rank()
	number := 0
	for ph := range g.phases {
		var in []int
		for i := range g.nodes {
			if g.nodes[i].phase == ph {
				in = append(in, i)
			}
		}
		slices.SortStableFunc(in, func(a, b int) int {
			return cmp.Or(cmp.Compare(g.nodes[a].rank, g.nodes[b].rank), cmp.Compare(order[a], order[b]))
		})
		for _, n := range in {
			number++
			g.nodes[n].number = number
		}
		for n := (len(in) + columns - 1) / columns; n > 0; n-- { // rows as even as they go
			k := (len(in) + n - 1) / n
			g.rows = append(g.rows, in[:k])
			in = in[k:]
		}
	}
	g.seat()
	if columns > 1 {
		g.sweep()
		g.settle(columns)
	}
}

// rank walks from the start, people's acts before the clock's. A road to an earlier phase leads back,
// and so does one to a state that is still on the way there; the rank is the longest way over the
// other roads. The answer is the order in which states are met.
func (g *graph) rank() []int {
	const fresh, open, done = 0, 1, 2
	mark, order, met := make([]int, len(g.nodes)), make([]int, len(g.nodes)), 0
	var finished []int // last first: an order in which every road leads on
	back := map[int]bool{}
	ways := make([][]int, len(g.nodes))
	for _, clock := range []bool{false, true} {
		for i, r := range g.roads {
			if g.nodes[r.to].phase < g.nodes[r.from].phase {
				back[i] = true
			} else if r.clock == clock {
				ways[r.from] = append(ways[r.from], i)
			}
		}
	}
	var visit func(int)
	visit = func(n int) {
		mark[n], order[n] = open, met
		met++
		for _, i := range ways[n] {
			switch to := g.roads[i].to; mark[to] {
			case fresh:
				visit(to)
			case open:
				back[i] = true
			}
		}
		mark[n] = done
		finished = append(finished, n)
	}
	for i := range g.nodes {
		if g.nodes[i].state.ID == g.d.Start {
			visit(i)
		}
	}
	for i := range g.nodes {
		if mark[i] == fresh {
			visit(i)
		}
	}
	for _, n := range slices.Backward(finished) {
		for _, i := range ways[n] {
			if to := &g.nodes[g.roads[i].to]; !back[i] {
				to.rank = max(to.rank, g.nodes[n].rank+1)
			}
		}
	}
	return order
}

// seat writes rows and columns into the nodes, filling each row from the left.
func (g *graph) seat() {
	for r, row := range g.rows {
		for c, n := range row {
			g.nodes[n].row, g.nodes[n].col = r, c
		}
	}
}

// slot is a place in a row for the sweeps: a state, or where a long road passes through.
type slot struct {
	node int // -1 for a passing road
	pos  float64
	up   []*slot // neighbours in the row above and below
	down []*slot
}

// sweep orders the states of each row by the middle of their neighbours, down and up in turn, and
// keeps the order in which the fewest roads cross. Long roads take a place in each row they pass.
func (g *graph) sweep() {
	rows := make([][]*slot, len(g.rows))
	of := make([]*slot, len(g.nodes))
	for r, row := range g.rows {
		for _, n := range row {
			of[n] = &slot{node: n}
			rows[r] = append(rows[r], of[n])
		}
	}
	for _, road := range g.roads {
		a, b := road.from, road.to
		if g.nodes[a].row > g.nodes[b].row {
			a, b = b, a
		}
		last := of[a]
		for r := g.nodes[a].row + 1; r <= g.nodes[b].row; r++ {
			next := of[b]
			if r < g.nodes[b].row {
				next = &slot{node: -1}
				rows[r] = append(rows[r], next)
			}
			last.down, next.up = append(last.down, next), append(next.up, last)
			last = next
		}
	}
	number(rows)
	best, fewest := snapshot(rows), crossings(rows)
	for turn := range 12 {
		for i := range rows {
			r := i
			if turn%2 == 1 {
				r = len(rows) - 1 - i
			}
			byMiddle(rows[r], turn%2 == 0)
			number(rows[r : r+1])
		}
		if n := crossings(rows); n < fewest {
			best, fewest = snapshot(rows), n
		}
	}
	copy(g.rows, best)
	g.seat()
}

func number(rows [][]*slot) {
	for _, row := range rows {
		for i, s := range row {
			s.pos = float64(i) / float64(len(row)) // rows differ in length: compare parts of a row
		}
	}
}

func byMiddle(row []*slot, fromAbove bool) {
	middle := map[*slot]float64{}
	for _, s := range row {
		near := s.down
		if fromAbove {
			near = s.up
		}
		middle[s] = s.pos
		if len(near) > 0 {
			sum := 0.0
			for _, n := range near {
				sum += n.pos
			}
			middle[s] = sum / float64(len(near))
		}
	}
	slices.SortStableFunc(row, func(a, b *slot) int { return cmp.Compare(middle[a], middle[b]) })
}

func snapshot(rows [][]*slot) [][]int {
	out := make([][]int, len(rows))
	for r, row := range rows {
		for _, s := range row {
			if s.node >= 0 {
				out[r] = append(out[r], s.node)
			}
		}
	}
	return out
}

func crossings(rows [][]*slot) int {
	n := 0
	for _, row := range rows {
		for i, a := range row {
			for _, b := range row[i+1:] {
				for _, x := range a.down {
					for _, y := range b.down {
						if x.pos > y.pos {
							n++
						}
					}
				}
			}
		}
	}
	return n
}

// settle moves the states of one row at a time to other columns as long as the roads get shorter.
func (g *graph) settle(columns int) {
	for range 6 {
		better := false
		for _, row := range g.rows {
			least := g.cost()
			best := g.columnsOf(row)
			eachSeating(len(row), columns, func(cols []int) {
				g.put(row, cols)
				if c := g.cost(); c < least-1e-9 {
					least, best, better = c, slices.Clone(cols), true
				}
			})
			g.put(row, best)
		}
		if !better {
			break
		}
	}
	for _, row := range g.rows {
		slices.SortFunc(row, func(a, b int) int { return cmp.Compare(g.nodes[a].col, g.nodes[b].col) })
	}
}

func (g *graph) columnsOf(row []int) []int {
	var out []int
	for _, n := range row {
		out = append(out, g.nodes[n].col)
	}
	return out
}

func (g *graph) put(row, cols []int) {
	for i, n := range row {
		g.nodes[n].col = cols[i]
	}
}

// eachSeating calls f with every way to put n states into different columns.
func eachSeating(n, columns int, f func([]int)) {
	cols := make([]int, 0, n)
	var next func()
	next = func() {
		if len(cols) == n {
			f(cols)
			return
		}
		for c := range columns {
			if !slices.Contains(cols, c) {
				cols = append(cols, c)
				next()
				cols = cols[:len(cols)-1]
			}
		}
	}
	next()
}

// cost is how hard the drawing is to follow: roads between neighbouring columns are easy, a road
// straight down is easiest, one that passes a column is hard. Reading order breaks ties.
func (g *graph) cost() float64 {
	total := 0.0
	for _, r := range g.roads {
		a, b := g.nodes[r.from], g.nodes[r.to]
		switch across := max(a.col-b.col, b.col-a.col); {
		case across > 1:
			total += 3 * float64(across)
		case across == 1:
			total++
		case b.row == a.row+1 && !r.clock:
			total -= 0.5
		default:
			total += 0.6
		}
	}
	for _, row := range g.rows {
		for i, a := range row {
			total += 0.1 * float64(g.nodes[a].col)
			for _, b := range row[i+1:] {
				if g.nodes[a].rank != g.nodes[b].rank && (g.nodes[a].rank < g.nodes[b].rank) != (g.nodes[a].col < g.nodes[b].col) {
					total += 0.7
				}
			}
		}
	}
	return total
}
