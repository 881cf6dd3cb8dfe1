package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// way is how one road runs. Channel i lies left of column i; the last one lies right of the last
// column. A road leaves its box sideways into a channel and enters the other box sideways from one;
// where the two are not the same channel it crosses over in the gap above or below the row it leads to.
type way struct {
	straight    bool // from the bottom of a box to the top of the one below it
	out, in     int  // channels
	gap         int  // the gap it crosses over in, named by the row below it; -1 = it need not
	port, enter float64
}

// acrossID names one line across a gap, trackID one track in a channel. Roads of the same kind to the
// same state share both.
type acrossID struct {
	gap, to int
	clock   bool
}

type trackID struct {
	channel, to int
	clock       bool
	gap         int // -1 for the track that enters the box
}

// bundle is all roads that share the track into a box, drawn as one figure.
type bundle struct {
	to    int
	clock bool
	roads []int
	paths [][]point // the first runs whole, the others join what is drawn
	full  [][]point // every road from box to box
	title string
}

func (p *plan) route() {
	g := p.g
	for _, r := range g.roads {
		a, b := g.nodes[r.from], g.nodes[r.to]
		w := way{gap: -1}
		switch across := b.col - a.col; {
		case across == 0 && b.row == a.row+1 && !r.clock:
			w.straight = true
		case across == 0 && b.row > a.row:
			w.out, w.in = a.col+1, a.col+1
		case across == 0:
			w.out, w.in = a.col, a.col
		case across == 1:
			w.out, w.in = b.col, b.col
		case across == -1:
			w.out, w.in = a.col, a.col
		case across > 1:
			w.out, w.in, w.gap = a.col+1, b.col, b.row
		default:
			w.out, w.in, w.gap = a.col, b.col+1, b.row
		}
		if w.gap >= 0 && b.row < a.row {
			w.gap++ // comes from below
		}
		p.ways = append(p.ways, w)
	}
}

// tracksAcross shares the height of a gap between the lines that cross over in it.
func (p *plan) tracksAcross(gap int) int {
	reach := map[acrossID]span{}
	var ids []acrossID
	for i, w := range p.ways {
		if w.gap != gap {
			continue
		}
		id := acrossID{gap, p.g.roads[i].to, p.g.roads[i].clock}
		s, ok := reach[id]
		if !ok {
			ids = append(ids, id)
			s = span{float64(w.out), float64(w.out)}
		}
		reach[id] = s.with(float64(w.out)).with(float64(w.in))
	}
	var list []span
	for _, id := range ids {
		list = append(list, reach[id])
	}
	at, n := lay(list, 0.5)
	for i, id := range ids {
		p.across[id] = at[i]
	}
	return n
}

// ports settles where roads leave and enter boxes. In a channel between two columns lines come from
// both sides: none may leave at the height of one on the other side, or the two would read as one.
func (p *plan) ports() {
	type end struct {
		y    float64
		left bool // of the box it belongs to
	}
	used := map[int][]end{}
	for i := range p.ways {
		w, r := &p.ways[i], p.g.roads[i]
		if w.straight {
			continue
		}
		left := w.in == p.g.nodes[r.to].col
		w.enter = p.cards[r.to].y + entry(left, r.clock)
		used[w.in] = append(used[w.in], end{w.enter, left})
	}
	for n := range p.cards {
		for _, gr := range p.cards[n].groups {
			w := &p.ways[gr.road]
			if w.straight {
				continue
			}
			left := w.out == p.g.nodes[n].col
			mid := (gr.top + gr.bottom) / 2
			free := func(y float64) bool {
				return !slices.ContainsFunc(used[w.out], func(e end) bool { return e.left != left && max(e.y-y, y-e.y) < 3.5 })
			}
			w.port = mid
			for _, by := range []float64{0, 4, -4, 7, -7} {
				if free(mid + by) {
					w.port = mid + by
					break
				}
			}
			used[w.out] = append(used[w.out], end{w.port, left})
		}
	}
}

// entry is how far below the top of a box a line comes in.
func entry(left, clock bool) float64 {
	y := 13.0
	if !left {
		y += 4.5
	}
	if clock {
		y += 9
	}
	return y
}

func (p *plan) acrossY(i int) float64 {
	r := p.g.roads[i]
	return p.gapY[p.ways[i].gap] + trackStep*float64(p.across[acrossID{p.ways[i].gap, r.to, r.clock}])
}

// tracks are the vertical runs of every channel with the heights they cover.
func (p *plan) tracks() (ids []trackID, reach map[trackID]span) {
	reach = map[trackID]span{}
	cover := func(id trackID, ys ...float64) {
		s, ok := reach[id]
		if !ok {
			ids = append(ids, id)
			s = span{ys[0], ys[0]}
		}
		for _, y := range ys {
			s = s.with(y)
		}
		reach[id] = s
	}
	for i, w := range p.ways {
		r := p.g.roads[i]
		enters := trackID{w.in, r.to, r.clock, -1}
		switch {
		case w.straight:
		case w.gap < 0:
			cover(enters, w.port, w.enter)
		default:
			cover(trackID{w.out, r.to, r.clock, w.gap}, w.port, p.acrossY(i))
			cover(enters, p.acrossY(i), w.enter)
		}
	}
	return ids, reach
}

// share gives each track of each channel its number, the shortest nearest to the boxes.
func (p *plan) share() (number map[trackID]int, many []int) {
	ids, reach := p.tracks()
	number, many = map[trackID]int{}, make([]int, p.columns()+1)
	for ch := range many {
		var mine []trackID
		var list []span
		for _, id := range ids {
			if id.channel == ch {
				mine, list = append(mine, id), append(list, reach[id])
			}
		}
		at, n := lay(list, 6)
		for i, id := range mine {
			number[id] = at[i]
		}
		many[ch] = n
	}
	return number, many
}

func (p *plan) columns() int {
	n := 1
	for _, node := range p.g.nodes {
		n = max(n, node.col+1)
	}
	return n
}

// room is the step between tracks that makes a one-column drawing as wide as asked.
func (p *plan) room(width float64) float64 {
	_, many := p.share()
	gaps := 0.0
	for _, n := range many {
		gaps += float64(max(n-1, 0))
	}
	return (width - p.cardW - 2*(arrowRoom+outerRoom)) / max(gaps, 1)
}

// channels settles where each channel begins.
func (p *plan) channels() {
	_, many := p.share()
	x := 0.0
	for ch, n := range many {
		p.ends = append(p.ends, x)
		left, right := arrowRoom, arrowRoom
		if ch == 0 {
			left = outerRoom
		}
		if ch == len(many)-1 {
			right = outerRoom
		}
		x += left + right
		if n > 0 {
			x += p.step * float64(n-1)
		}
		if ch < len(many)-1 {
			x += p.cardW
		}
	}
	p.width = x
	p.ends = append(p.ends, x)
}

// cardX is the left edge of a column.
func (p *plan) cardX(col int) float64 { return p.ends[col+1] - p.cardW }

func (p *plan) trackX(number map[trackID]int, id trackID) float64 {
	n := float64(number[id])
	if id.channel == 0 {
		return p.cardX(0) - arrowRoom - n*p.step
	}
	return p.ends[id.channel] + arrowRoom + n*p.step
}

// trace draws every road and gathers what shares a track into one figure.
func (p *plan) trace() []bundle {
	number, _ := p.share()
	var out []bundle
	index := map[trackID]int{}
	for i, w := range p.ways {
		r := p.g.roads[i]
		id := trackID{w.in, r.to, r.clock, -1}
		if w.straight {
			id = trackID{-1, r.to, r.clock, r.from}
		}
		k, ok := index[id]
		if !ok {
			k = len(out)
			index[id] = k
			out = append(out, bundle{to: r.to, clock: r.clock})
		}
		out[k].roads = append(out[k].roads, i)
		out[k].full = append(out[k].full, p.line(i, number))
	}
	for k := range out {
		out[k].paths = joined(out[k].full)
		out[k].title = p.title(out[k].roads)
	}
	return out
}

// title tells the roads of a bundle in words, one a line.
func (p *plan) title(roads []int) string {
	var lines []string
	for _, i := range roads {
		r := p.g.roads[i]
		var acts []string
		for _, l := range r.labels {
			acts = append(acts, l.words)
		}
		lines = append(lines, p.g.w.T("draw.road", "from", p.cards[r.from].title, "to", p.cards[r.to].title, "acts", strings.Join(acts, "; ")))
	}
	return strings.Join(lines, "\n")
}

// line is one road from the edge of its box to the edge of the other.
func (p *plan) line(i int, number map[trackID]int) []point {
	r, w := p.g.roads[i], p.ways[i]
	a, b := p.cards[r.from], p.cards[r.to]
	if w.straight {
		x := a.x + a.w*straightAt
		return []point{{x, a.y + a.h}, {x, b.y}}
	}
	side := func(c card, channel int) float64 {
		if channel == p.g.nodes[c.node].col {
			return c.x
		}
		return c.x + c.w
	}
	enters := p.trackX(number, trackID{w.in, r.to, r.clock, -1})
	line := []point{{side(a, w.out), w.port}}
	if w.gap < 0 {
		line = append(line, point{enters, w.port})
	} else {
		leaves := p.trackX(number, trackID{w.out, r.to, r.clock, w.gap})
		line = append(line, point{leaves, w.port}, point{leaves, p.acrossY(i)}, point{enters, p.acrossY(i)})
	}
	return append(line, point{enters, w.enter}, point{side(b, w.in), w.enter})
}

// joined cuts each line where it meets what is drawn already, so that dashes stay dashes. The longest
// are drawn whole, hence no track is left out.
func joined(full [][]point) [][]point {
	lines := slices.Clone(full)
	slices.SortStableFunc(lines, func(a, b []point) int { return cmp.Compare(length(b), length(a)) })
	var drawn [][2]point
	var out [][]point
	for _, l := range lines {
		cut := l
		for k := 1; k+1 < len(l); k++ {
			on := toward(l[k], l[k+1], 5)
			if slices.ContainsFunc(drawn, func(s [2]point) bool { return lies(l[k], s) && lies(on, s) }) {
				cut = append(slices.Clone(l[:k+1]), on)
				break
			}
		}
		for k := 0; k+1 < len(cut); k++ {
			drawn = append(drawn, [2]point{cut[k], cut[k+1]})
		}
		out = append(out, cut)
	}
	return out
}

func length(l []point) float64 {
	sum := 0.0
	for k := 0; k+1 < len(l); k++ {
		sum += far(l[k], l[k+1])
	}
	return sum
}

// far is the distance along the axes; every line runs along one of them.
func far(a, b point) float64 { return max(a.x-b.x, b.x-a.x) + max(a.y-b.y, b.y-a.y) }

// toward is the point some way from a to b, b at the most.
func toward(a, b point, by float64) point {
	d := far(a, b)
	if d <= by || d == 0 {
		return b
	}
	return point{a.x + (b.x-a.x)*by/d, a.y + (b.y-a.y)*by/d}
}

// lies reports a point on a stretch along an axis.
func lies(p point, s [2]point) bool {
	const near = 0.01
	return p.x >= min(s[0].x, s[1].x)-near && p.x <= max(s[0].x, s[1].x)+near &&
		p.y >= min(s[0].y, s[1].y)-near && p.y <= max(s[0].y, s[1].y)+near
}

// span is a stretch of heights or channels.
type span struct{ from, to float64 }

func (s span) with(x float64) span { return span{min(s.from, x), max(s.to, x)} }

// lay puts stretches into as few tracks as a simple rule finds, short ones first, so that stretches
// in one track keep a distance. It answers the track of each and how many there are.
func lay(list []span, apart float64) (at []int, tracks int) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(list[a].to-list[a].from, list[b].to-list[b].from), cmp.Compare(list[a].from, list[b].from))
	})
	at = make([]int, len(list))
	var taken [][]span
	for _, i := range order {
		t := slices.IndexFunc(taken, func(in []span) bool {
			return !slices.ContainsFunc(in, func(s span) bool { return s.from < list[i].to+apart && list[i].from < s.to+apart })
		})
		if t < 0 {
			t = len(taken)
			taken = append(taken, nil)
		}
		taken[t] = append(taken[t], list[i])
		at[i] = t
	}
	return at, len(taken)
}

// pathOf writes a line with rounded corners.
func pathOf(l []point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%s %s", num(l[0].x), num(l[0].y))
	for k := 1; k < len(l); k++ {
		if k+1 == len(l) {
			fmt.Fprintf(&b, "L%s %s", num(l[k].x), num(l[k].y))
			break
		}
		r := min(5, far(l[k-1], l[k])/2, far(l[k], l[k+1])/2)
		from, to := toward(l[k], l[k-1], r), toward(l[k], l[k+1], r)
		fmt.Fprintf(&b, "L%s %sQ%s %s %s %s", num(from.x), num(from.y), num(l[k].x), num(l[k].y), num(to.x), num(to.y))
	}
	return b.String()
}
