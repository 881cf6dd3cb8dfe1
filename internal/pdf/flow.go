package pdf

import (
	"strings"
	"unicode/utf8"
)

// Align says where lines stand between the margins.
type Align int

// The ways to align.
const (
	Left    Align = iota
	Justify       // lines fill the width, but for the last
	Right
	Center
)

// shift is how far a line with so much room left begins from the left.
func (a Align) shift(room float64) float64 {
	switch a {
	case Right:
		return room
	case Center:
		return room / 2
	}
	return 0
}

// Style is how a text is set. The zero Style is body text, aligned left.
type Style struct {
	Size    float64 // in points; 0 is 10.5, the size of body text
	Leading float64 // from line to line, as a multiple of the size; 0 is 1.7
	Bold    bool
	Align   Align
	Indent  float64 // of the first line, in characters
	Inset   float64 // of every line, in points
	Grey    bool    // less important
	Keep    bool    // the lines stay on one page
}

const bodySize = 10.5

func (s Style) filled() Style {
	if s.Size == 0 {
		s.Size = bodySize
	}
	if s.Leading == 0 {
		s.Leading = 1.7
	}
	return s
}

// need makes sure that so much height is left on the page, or begins another.
func (d *Doc) need(height float64) {
	if d.cur == nil || d.y+height > bodyBottom && d.y > marginTop {
		d.NewPage()
	}
}

// Text sets a paragraph and a little space behind it.
func (d *Doc) Text(s Style, text string) {
	s = s.filled()
	width := bodyWidth - s.Inset
	lines := d.wrap(text, width/s.Size, s.Indent)
	step := s.Size * s.Leading
	if s.Keep {
		d.need(step * float64(len(lines)))
	}
	for i, l := range lines {
		// Neither a first nor a last line stands alone, where the page holds the two.
		if i == 0 && len(lines) > 1 || i == len(lines)-2 && i > 0 {
			d.need(2 * step)
		} else {
			d.need(step)
		}
		indent := 0.0
		if i == 0 {
			indent = s.Indent * s.Size
		}
		d.line(marginLeft+s.Inset+indent, width-indent, s, l)
		d.y += step
	}
	d.y += s.Size * 0.45
}

// line sets one line at d.y and notes what it says.
func (d *Doc) line(x, width float64, s Style, l line) {
	cells := l.shown()
	slack := width - widthOf(cells)*s.Size
	var extra []float64
	if s.Align == Justify && !l.ends {
		extra = stretch(cells, slack/s.Size)
	}
	if extra == nil {
		x += s.Align.shift(slack)
	} else if n := len(l.cells) - len(cells); n > 0 {
		extra = append(extra, make([]float64, n)...)
	}
	if s.Grey {
		d.cur.op("0.35 g")
	}
	d.cur.show(d, x, d.y+s.Size*(s.Leading+0.75)/2, s.Size, s.Bold, l.cells, extra)
	if s.Grey {
		d.cur.op("0 g")
	}
	d.cur.pieces = append(d.cur.pieces, Piece{Text: l.text()})
}

var headings = []Style{
	{Size: 17, Leading: 1.5, Bold: true, Align: Center, Keep: true},
	{Size: 14, Leading: 1.5, Bold: true, Keep: true},
	{Size: 11.5, Leading: 1.6, Bold: true, Keep: true},
}

// Title sets the title of a paper: a heading that is no bookmark.
func (d *Doc) Title(text string) {
	d.Text(headings[0], text)
	d.y += headings[0].Size * 0.4
}

// Heading sets a heading, 1 to 3, and makes it a bookmark.
func (d *Doc) Heading(level int, text string) {
	s := headings[min(max(level, 1), len(headings))-1]
	d.Space(s.Size * 0.4)
	d.need(s.Size*s.Leading + 2*bodySize*1.7) // never alone at the foot
	d.Bookmark(level, text)
	d.Text(s, text)
}

// Bookmark makes a bookmark of the place where the next block begins.
func (d *Doc) Bookmark(level int, title string) {
	d.need(0)
	d.outline = append(d.outline, bookmark{plain(title), level, d.cur, d.y})
}

// Space leaves room, but not at the top of a page.
func (d *Doc) Space(points float64) {
	d.need(0)
	if d.y > marginTop {
		d.y += points
	}
}

// Skip leaves room also at the top of a page.
func (d *Doc) Skip(points float64) {
	d.need(0)
	d.y += points
}

// Rule draws a line across the page.
func (d *Doc) Rule() {
	d.need(8)
	d.cur.rule(marginLeft, d.y+3, marginLeft+bodyWidth, d.y+3, 0.5)
	d.y += 8
}

// List sets items, each behind a mark.
func (d *Doc) List(mark string, items []string) {
	for _, item := range items {
		s := Style{Inset: 1.6 * bodySize, Align: Justify}.filled()
		lines := d.wrap(item, (bodyWidth-s.Inset)/s.Size, 0)
		d.need(s.Size * s.Leading)
		d.cur.show(d, marginLeft+0.4*bodySize, d.y+s.Size*(s.Leading+0.75)/2, s.Size, false, d.cells(plain(mark)), nil)
		for _, l := range lines {
			d.need(s.Size * s.Leading)
			d.line(marginLeft+s.Inset, bodyWidth-s.Inset, s, l)
			d.y += s.Size * s.Leading
		}
	}
	d.y += bodySize * 0.45
}

// Signed sets the lines at the end of a letter, at the right and together. A line that ends with a colon
// waits for a hand, and gets a rule.
func (d *Doc) Signed(lines []string) {
	const height = 26
	d.need(24 + height*float64(len(lines)))
	d.y += 24
	for _, l := range lines {
		if last, _ := utf8.DecodeLastRuneInString(strings.TrimSpace(l)); last == ':' || last == '\uff1a' {
			d.Sign(l)
			continue
		}
		d.Text(Style{Align: Right, Keep: true}, l)
	}
}

// Sign sets lines to sign on: each a label, room for a hand or a seal, and a rule under it. They stay
// together.
func (d *Doc) Sign(labels ...string) {
	const height = 34
	d.need(height * float64(len(labels)))
	for _, label := range labels {
		cells := d.cells(plain(label))
		base := d.y + height - 8
		x := marginLeft + bodyWidth*0.42
		d.cur.show(d, x, base, bodySize, false, cells, nil)
		d.cur.pieces = append(d.cur.pieces, Piece{Text: plain(label)})
		from := x + widthOf(cells)*bodySize + 6
		if from < marginLeft+bodyWidth-60 {
			d.cur.rule(from, base+3, marginLeft+bodyWidth, base+3, 0.5)
		}
		d.y += height
	}
}
