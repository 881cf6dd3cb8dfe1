package draw

import (
	"cmp"
	"slices"
	"strconv"
)

// Distances of the layout.
const (
	padX       = 11.0 // between the edge of a box and its words
	padY       = 7.0
	signWidth  = 17.0
	leadsRoom  = 38.0 // for the number of the state a label leads to
	groupGap   = 5.0  // between labels that lead to different states
	rowGap     = 24.0 // between two rows of one phase
	trackStep  = 7.0  // between two lines that run across
	arrowRoom  = 14.0 // from a box to the first track: a head has to fit
	outerRoom  = 5.0
	straightAt = 0.82 // where on its width a box is left for the one straight below
	wideStep   = 9.0
	wideCard   = 226.0
)

type point struct{ x, y float64 }

// line is one line of words at its place.
type line struct {
	class, words string
	x, y         float64
}

// card is a box: a state with what leads out of it.
type card struct {
	node       int
	state      string
	shape      shape
	here       bool
	href       string
	title      string
	x, y, w, h float64
	lines      []line
	signs      []signAt
	groups     []group
}

type signAt struct {
	sign sign
	x, y float64
}

// group is the labels of one road inside the box it leaves.
type group struct {
	road        int
	top, bottom float64
}

// band is the ground of one phase.
type band struct {
	y, w, h float64
	lines   []line
}

// keyLine is one line of the key below the drawing.
type keyLine struct {
	clock bool
	y     float64
	lines []line
}

// plan is a layout in the making.
type plan struct {
	g      *graph
	cardW  float64
	step   float64 // between two tracks
	cards  []card
	ways   []way
	bands  []band
	gapY   []float64 // where the lines across above each row begin
	across map[acrossID]int
	height float64
	width  float64
	ends   []float64 // left edge of each channel, then the width
}

// fit tries boxes from wide to small until the tracks beside them have room.
func (g *graph) fit(o Options) *Sheet {
	if o.Columns > 1 {
		p := g.place(wideCard)
		p.step = wideStep
		return p.finish()
	}
	var p *plan
	for _, least := range []float64{7.5, 6, 5, 4} {
		for _, w := range []float64{250, 236, 222, 208, 196, 184} {
			p = g.place(w)
			if p.step = p.room(NarrowWidth); p.step >= least {
				p.step = min(p.step, 10)
				return p.finish()
			}
		}
	}
	return p.finish() // more lines than a phone has room for: they run close to each other
}

// place settles everything but the horizontal position.
func (g *graph) place(cardW float64) *plan {
	p := &plan{g: g, cardW: cardW, across: map[acrossID]int{}}
	p.route()
	for i := range g.nodes {
		p.cards = append(p.cards, p.card(i))
	}
	p.stack()
	p.ports()
	return p
}

// card writes one box at 0,0.
func (p *plan) card(n int) card {
	g, node := p.g, &p.g.nodes[n]
	s := node.state
	c := card{node: n, state: s.ID, shape: shapeOf(s), w: p.cardW, here: g.o.Mark == s.ID, title: g.w.T("state." + g.d.ID + "." + s.ID)}
	if g.o.Link != nil {
		c.href = g.o.Link(s.ID)
	}
	inner := p.cardW - 2*padX
	y := padY
	put := func(class, words string, size, height, x, width float64) {
		for _, l := range wrap(words, size, width) {
			c.lines = append(c.lines, line{class, l, x, y + height*0.76})
			y += height
		}
	}
	if c.here {
		put("here", g.w.T("draw.here"), ownerSize*boldWider, ownerLine, padX, inner)
	}
	no := strconv.Itoa(node.number)
	c.lines = append(c.lines, line{"turn", no, padX, y + nameLine*0.76})
	indent := measure(no, ownerSize) + 6
	put("name", c.title, nameSize*boldWider, nameLine, padX+indent, inner-indent)
	put("turn", g.w.T(Turn(s)), ownerSize, ownerLine, padX, inner)
	y = max(y+3, 40)
	write := func(l label, room float64) {
		x := padX
		if l.sign != plain {
			c.signs = append(c.signs, signAt{l.sign, padX, y + rowLine/2})
			x += signWidth
		}
		put("act", l.words, rowSize, rowLine, x, inner-x+padX-room)
	}
	for _, l := range node.loops {
		write(l, 0)
	}
	if len(node.loops) > 0 {
		y += groupGap
	}
	for _, r := range p.leaving(n) {
		gr := group{road: r, top: y}
		for _, l := range g.roads[r].labels {
			write(l, leadsRoom)
		}
		gr.bottom = y
		leads := "→ " + strconv.Itoa(g.nodes[g.roads[r].to].number)
		c.lines = append(c.lines, line{"leads", leads, p.cardW - padX, (gr.top+gr.bottom)/2 + 4})
		c.groups = append(c.groups, gr)
		y += groupGap
	}
	c.h = y + padY - groupGap
	if len(c.groups) == 0 && len(node.loops) == 0 {
		c.h = y + padY - 3
	}
	return c
}

// leaving lists the roads out of a state in the order in which their lines do not cross beside the
// box: the nearest of those that lead up first, the nearest of those that lead down last.
func (p *plan) leaving(n int) []int {
	var out []int
	for i, r := range p.g.roads {
		if r.from == n {
			out = append(out, i)
		}
	}
	class := func(i int) int {
		switch a, b := p.g.nodes[n], p.g.nodes[p.g.roads[i].to]; {
		case p.ways[i].straight:
			return 3
		default:
			return 1 + cmp.Compare(b.row, a.row)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(p.g.nodes[p.g.roads[b].to].row, p.g.nodes[p.g.roads[a].to].row))
	})
	return out
}

// stack gives rows, bands and lines across their heights.
func (p *plan) stack() {
	g := p.g
	y := 0.0
	phase := -1
	for r := 0; r <= len(g.rows); r++ {
		p.gapY = append(p.gapY, y+8)
		tracks := p.tracksAcross(r)
		if tracks > 0 {
			y += 4 + trackStep*float64(tracks)
		}
		if r == len(g.rows) {
			y += 12
			p.endBand(y)
			break
		}
		if ph := g.nodes[g.rows[r][0]].phase; ph != phase {
			if r > 0 {
				y += 12
				p.endBand(y)
				y += 5
			}
			phase = ph
			y = p.beginBand(y, ph)
		} else {
			y += rowGap
		}
		tallest := 0.0
		for _, n := range g.rows[r] {
			p.cards[n].move(0, y)
			tallest = max(tallest, p.cards[n].h)
		}
		y += tallest
	}
	p.height = y
}

func (p *plan) beginBand(y float64, phase int) float64 {
	b := band{y: y}
	at := y + 6
	for _, words := range wrap(p.g.w.T("phase."+p.g.d.ID+"."+p.g.phases[phase]), bandSize*boldWider, p.cardW*(straightAt-0.08)) {
		b.lines = append(b.lines, line{"phase", words, 0, at + bandLine*0.76})
		at += bandLine
	}
	p.bands = append(p.bands, b)
	return max(at+4, y+26)
}

func (p *plan) endBand(y float64) {
	if len(p.bands) == 0 {
		return // a procedure without states
	}
	b := &p.bands[len(p.bands)-1]
	b.h = y - b.y
}

func (c *card) move(dx, dy float64) {
	c.x, c.y = c.x+dx, c.y+dy
	for i := range c.lines {
		c.lines[i].x += dx
		c.lines[i].y += dy
	}
	for i := range c.signs {
		c.signs[i].x += dx
		c.signs[i].y += dy
	}
	for i := range c.groups {
		c.groups[i].top += dy
		c.groups[i].bottom += dy
	}
}

// finish gives everything its horizontal place and draws the lines.
func (p *plan) finish() *Sheet {
	p.channels()
	for i := range p.cards {
		p.cards[i].move(p.cardX(p.g.nodes[i].col), 0)
	}
	for i := range p.bands {
		b := &p.bands[i]
		b.w = p.width
		for j := range b.lines {
			b.lines[j].x = p.cardX(0)
		}
	}
	s := &Sheet{width: p.width, cards: p.cards, bands: p.bands, bundles: p.trace()}
	if i := slices.IndexFunc(p.cards, func(c card) bool { return c.state == p.g.d.Start }); i >= 0 {
		c := p.cards[i]
		s.startTo = point{c.x + c.w*straightAt, c.y}
		s.start = point{s.startTo.x, c.y - 18}
	}
	s.height = p.writeKey(s)
	return s
}

// writeKey explains the lines below the drawing.
func (p *plan) writeKey(s *Sheet) float64 {
	y := p.height + 8
	s.keyY = y
	for _, clock := range []bool{false, true} {
		k := keyLine{clock: clock, y: y + ownerLine/2}
		words := p.g.w.T("draw.key.act")
		if clock {
			words = p.g.w.T("draw.key.clock")
		}
		for _, l := range wrap(words, ownerSize, p.width-64) {
			k.lines = append(k.lines, line{"turn", l, 58, y + ownerLine*0.76})
			y += ownerLine
		}
		s.key = append(s.key, k)
		y += 3
	}
	return y + 4
}
