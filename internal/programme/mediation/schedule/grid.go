package schedule

import (
	"math/bits"
	"time"
)

// row is time as bits, one for each step of the horizon.
type row []uint64

func newRow(n int) row { return make(row, (n+63)/64) }

func (r row) has(i int) bool { return i >= 0 && i < len(r)*64 && r[i>>6]&(1<<(i&63)) != 0 }

// fill sets the bits from a up to b, without b.
func (r row) fill(a, b int) {
	for i := max(a, 0); i < min(b, len(r)*64); i++ {
		r[i>>6] |= 1 << (i & 63)
	}
}

// clear is the opposite of fill.
func (r row) clear(a, b int) {
	for i := max(a, 0); i < min(b, len(r)*64); i++ {
		r[i>>6] &^= 1 << (i & 63)
	}
}

func (r row) copy() row { return append(row(nil), r...) }

// and leaves in r what is in o, too.
func (r row) and(o row) {
	for i := range r {
		r[i] &= o[i]
	}
}

func (r row) empty() bool { return r.next(0) < 0 }

func (r row) count() int {
	n := 0
	for _, w := range r {
		n += bits.OnesCount64(w)
	}
	return n
}

// next is the first bit set from i on, or -1.
func (r row) next(i int) int {
	for w := i >> 6; w < len(r); w++ {
		x := r[w]
		if w == i>>6 {
			x &= ^uint64(0) << (i & 63)
		}
		if x != 0 {
			return w<<6 + bits.TrailingZeros64(x)
		}
	}
	return -1
}

// andShifted leaves in r the bits i for which bit i+k is set in r, too.
func (r row) andShifted(k int) {
	words, rest := k>>6, uint(k&63)
	for i := range r {
		var x uint64
		if i+words < len(r) {
			x = r[i+words] >> rest
		}
		if rest > 0 && i+words+1 < len(r) {
			x |= r[i+words+1] << (64 - rest)
		}
		r[i] &= x
	}
}

// runs are the beginnings of d set bits in a row.
func (r row) runs(d int) row {
	out := r.copy()
	for have := 1; have < d; {
		k := min(have, d-have)
		out.andShifted(k)
		have += k
	}
	return out
}

// atLeast are the bits set in k of the rows or more.
func atLeast(rows []row, k int, words int) row {
	if k > len(rows) {
		return make(row, words)
	}
	level := make([]row, k) // level[i]: set in more than i rows
	for i := range level {
		level[i] = make(row, words)
	}
	for _, r := range rows {
		for w, x := range r {
			for i := range level {
				level[i][w], x = level[i][w]|x, level[i][w]&x
			}
		}
	}
	return level[k-1]
}

// grid turns instants into steps. What is free is counted in whole steps, what is taken in every step
// it touches, so that rounding can lose a place but never invent one.
type grid struct {
	origin time.Time
	step   time.Duration
	n      int
	zone   *time.Location
	day    []int // of each step, counted from 0
	begins []int // the first step of each day, and n at the end
}

func newGrid(p *Problem) grid {
	zone, step := p.zone(), p.step()
	y, m, d := p.Horizon.From.In(zone).Date()
	origin := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if late := p.Horizon.From.Sub(origin); late > 0 {
		origin = origin.Add((late + step - 1) / step * step)
	}
	g := grid{origin: origin, step: step, n: max(0, int(p.Horizon.To.Sub(origin)/step)), zone: zone}
	last := ""
	for i := range g.n {
		if date := g.at(i).In(zone).Format(time.DateOnly); date != last {
			g.begins = append(g.begins, i)
			last = date
		}
		g.day = append(g.day, len(g.begins)-1)
	}
	g.begins = append(g.begins, g.n)
	return g
}

func (g *grid) at(i int) time.Time { return g.origin.Add(time.Duration(i) * g.step) }

// down is the step in which t lies, up the first one that does not begin before t.
func (g *grid) down(t time.Time) int {
	d := t.Sub(g.origin)
	i := int(d / g.step)
	if d < 0 && d%g.step != 0 {
		i--
	}
	return i
}

func (g *grid) up(t time.Time) int { return -(&grid{origin: t, step: g.step}).down(g.origin) }

// free are the steps that lie wholly in one of the spans.
func (g *grid) free(spans []Span) row {
	r := newRow(g.n)
	for _, s := range spans {
		r.fill(g.up(s.From), min(g.down(s.To), g.n))
	}
	return r
}

// take clears every step that a span touches.
func (g *grid) take(r row, s Span) { r.clear(g.down(s.From), g.up(s.To)) }

// dayOf is the day t is in, or -1 when no step of it begins inside the horizon. What is agreed keeps to
// no steps: a step may reach over midnight, and a horizon may begin at noon, when what was held that
// morning counts for the day.
func (g *grid) dayOf(t time.Time) int {
	if g.n == 0 {
		return -1
	}
	i := g.down(t)
	if i >= 0 && i < g.n && (g.at(i).Equal(t) || i+1 < g.n && g.day[i] == g.day[i+1]) {
		return g.day[i]
	}
	date := t.In(g.zone).Format(time.DateOnly)
	for _, k := range []int{i, i + 1, 0, g.n - 1} {
		if k >= 0 && k < g.n && g.at(k).In(g.zone).Format(time.DateOnly) == date {
			return g.day[k]
		}
	}
	return -1
}
