package stat

import "math"

// network is a table with its sums as a circulation: a node for every row and column and one for each
// end, an arc for every number. A cell flows from its row to its column, the sum of a row into the row,
// the sum of a column out of the column, the whole sum back from end to end. What goes into a node
// comes out of it; that is all a reader knows, beside the numbers shown.
//
// How far a hidden number can be from what it is, given all this, is then how much flow finds its way
// around its arc through other hidden ones.
//
// Sources: D. Gusfield, A graph theoretic approach to statistical data security, SIAM Journal on
// Computing 17 (1988) 552–571; L. H. Cox, Network models for complementary cell suppression, Journal
// of the American Statistical Association 90 (1995) 1453–1462.
type network struct {
	arcs  []arc
	touch [][]int // arcs at each node
}

type arc struct {
	at       Place
	from, to int
	n        int
	small    bool // has to be hidden
	hidden   bool
	price    int // of hiding it, for what readers lose
}

// Prices: a cell is lost before a sum, a sum before the whole, a small number before a large one.
const (
	priceCell = 1_000
	priceSum  = 100 * priceCell
	priceAll  = 100 * priceSum
)

func networkOf(t Table, least int) *network {
	rows, cols := len(t.Rows), len(t.Cols)
	first, last := 0, rows+cols+1
	g := &network{touch: make([][]int, rows+cols+2)}
	add := func(at Place, from, to, n, price int) {
		g.touch[from], g.touch[to] = append(g.touch[from], len(g.arcs)), append(g.touch[to], len(g.arcs))
		g.arcs = append(g.arcs, arc{at: at, from: from, to: to, n: n, small: n < least, hidden: n < least, price: price + min(n, priceCell-1)})
	}
	sums, all := make([]int, cols), 0
	for i, row := range t.N {
		sum := 0
		for j, n := range row {
			add(Place{i, j}, 1+i, 1+rows+j, n, priceCell)
			sum += n
			sums[j] += n
		}
		add(Place{i, All}, first, 1+i, sum, priceSum)
		all += sum
	}
	for j, n := range sums {
		add(Place{All, j}, 1+rows+j, last, n, priceSum)
	}
	add(Place{All, All}, last, first, all, priceAll)
	return g
}

// close hides more until every small number could be any small number.
func (g *network) close(least int) {
	for a := range g.arcs {
		if g.arcs[a].small {
			g.around(a, least, true)
		}
	}
}

// spare shows again what turned out not to be needed, the dearest first.
func (g *network) spare(least int) {
	for _, price := range []int{priceAll, priceSum, 0} {
		for a := range g.arcs {
			if b := &g.arcs[a]; b.hidden && !b.small && b.price >= price {
				b.hidden = false
				if !g.closed(least) {
					b.hidden = true
				}
			}
		}
	}
}

func (g *network) closed(least int) bool {
	for a := range g.arcs {
		if g.arcs[a].small && !g.around(a, least, false) {
			return false
		}
	}
	return true
}

// around says whether a small number could as well be anything from zero to least-1: more of it comes
// back from its end to its beginning, less of it takes another way.
func (g *network) around(a, least int, hide bool) bool {
	b := g.arcs[a]
	return g.send(b.to, b.from, a, least-1-b.n, hide) && g.send(b.from, b.to, a, b.n, hide)
}

// send looks for ways for an amount that do not use one arc. With hide it may take arcs that are shown,
// which are hidden then; such a way always exists, over the sums at the latest.
func (g *network) send(from, to, without, amount int, hide bool) bool {
	change := make([]int, len(g.arcs))
	for amount > 0 {
		way := g.cheapest(from, to, without, change, hide)
		if way == nil {
			return false
		}
		part := amount
		for _, s := range way {
			if !s.forward {
				part = min(part, g.arcs[s.arc].n+change[s.arc])
			}
		}
		for _, s := range way {
			g.arcs[s.arc].hidden = true
			if s.forward {
				change[s.arc] += part
			} else {
				change[s.arc] -= part
			}
		}
		amount -= part
	}
	return true
}

type step struct {
	arc     int
	forward bool
}

// cheapest is Dijkstra's way between two nodes, or nil.
func (g *network) cheapest(from, to, without int, change []int, hide bool) []step {
	cost, by, done := make([]int, len(g.touch)), make([]step, len(g.touch)), make([]bool, len(g.touch))
	for v := range cost {
		cost[v] = math.MaxInt
	}
	cost[from] = 0
	for {
		v := nearest(cost, done)
		if v < 0 {
			return nil
		}
		if v == to {
			return g.trace(from, to, by)
		}
		done[v] = true
		for _, a := range g.touch[v] {
			b := g.arcs[a]
			s := step{a, b.from == v}
			if a == without || !b.hidden && !hide || !s.forward && b.n+change[a] == 0 {
				continue // a number does not go below zero
			}
			price := 0
			if !b.hidden {
				price = b.price
			}
			if w := g.end(s); cost[v]+price < cost[w] {
				cost[w], by[w] = cost[v]+price, s
			}
		}
	}
}

func nearest(cost []int, done []bool) int {
	best := -1
	for v, c := range cost {
		if !done[v] && c < math.MaxInt && (best < 0 || c < cost[best]) {
			best = v
		}
	}
	return best
}

// end is the node a step leads to.
func (g *network) end(s step) int {
	if s.forward {
		return g.arcs[s.arc].to
	}
	return g.arcs[s.arc].from
}

func (g *network) trace(from, to int, by []step) []step {
	out := []step{}
	for v := to; v != from; {
		s := by[v]
		out = append(out, s)
		v = g.arcs[s.arc].from + g.arcs[s.arc].to - v
	}
	return out
}

func (g *network) published(t Table, least int) Published {
	p := Published{Rows: t.Rows, Cols: t.Cols, Least: least, RowSums: make([]Count, len(t.Rows)), ColSums: make([]Count, len(t.Cols))}
	for range t.Rows {
		p.Cells = append(p.Cells, make([]Count, len(t.Cols)))
	}
	for _, b := range g.arcs {
		c := Count{b.n, true}
		if b.hidden {
			c = Count{}
		}
		switch at := b.at; {
		case at.Row == All && at.Col == All:
			p.Sum = c
		case at.Row == All:
			p.ColSums[at.Col] = c
		case at.Col == All:
			p.RowSums[at.Row] = c
		default:
			p.Cells[at.Row][at.Col] = c
		}
	}
	return p
}
