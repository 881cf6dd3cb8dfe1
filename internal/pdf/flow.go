package pdf

import (
	"cmp"
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
	Size    float64 // in points; 0 is that of body text
	Leading float64 // from line to line, as a multiple of the size; 0 is that of body text
	Bold    bool
	Align   Align
	Indent  float64 // of the first line, in characters
	Inset   float64 // of every line, in points
	Grey    bool    // less important
	Keep    bool    // the lines stay on one page
}

// bodyOf is how plain text is set. Chinese papers are set in size three, 28 characters to a line and 22
// lines to a page; letters of others would look shouted at that size.
func bodyOf(lang string) Style {
	if chinese(lang) {
		return Style{Size: 15.75, Leading: 225 * mm / 22 / 15.75}
	}
	return Style{Size: 11, Leading: 1.6}
}

func chinese(lang string) bool { return strings.HasPrefix(lang, "zh") }

func (d *Doc) filled(s Style) Style {
	if s.Leading == 0 && s.Size == 0 {
		s.Leading = d.body.Leading
	}
	s.Size = cmp.Or(s.Size, d.body.Size)
	s.Leading = cmp.Or(s.Leading, 1.6)
	return s
}

// Paragraph sets plain text as the language has it: in Chinese the first line stands two characters in and
// nothing is between paragraphs; otherwise there is room between them.
func (d *Doc) Paragraph(text string) {
	s := d.filled(Style{Align: Justify})
	if !chinese(d.o.Lang) {
		d.Text(s, text)
		return
	}
	s.Indent = 2
	for _, part := range strings.Split(plain(text), "\n") {
		d.set(s, part)
	}
}

// need makes sure that so much height is left on the page, or begins another.
func (d *Doc) need(height float64) {
	if d.cur == nil || d.y+height > bodyBottom+slop && d.y > marginTop {
		d.NewPage()
	}
}

// Text sets a paragraph and a little space behind it.
func (d *Doc) Text(s Style, text string) {
	s = d.filled(s)
	d.set(s, text)
	d.y += s.Size * 0.45
}

func (d *Doc) set(s Style, text string) {
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

// heading is how a heading is set: a title in size two in Chinese, the others as large as the text.
func (d *Doc) heading(level int) Style {
	size := []float64{1.4, 1.15, 1}[min(max(level, 1), 3)-1]
	s := Style{Size: d.body.Size * size, Leading: 1.5, Bold: true, Keep: true}
	if level == 1 {
		s.Align = Center
	}
	return s
}

// Title sets the title of a paper: a heading that is no bookmark.
func (d *Doc) Title(text string) {
	s := d.heading(1)
	d.Text(s, text)
	d.y += s.Size * 0.6
}

// Heading sets a heading, 1 to 3, and makes it a bookmark.
func (d *Doc) Heading(level int, text string) {
	s := d.heading(level)
	d.Space(s.Size * 0.4)
	d.need(s.Size*s.Leading + 2*d.body.Size*d.body.Leading) // never alone at the foot
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

// List sets items, each behind a mark.
func (d *Doc) List(mark string, items []string) {
	for _, item := range items {
		s := d.filled(Style{Inset: 2 * d.body.Size, Align: Justify})
		lines := d.wrap(item, (bodyWidth-s.Inset)/s.Size, 0)
		d.need(s.Size * s.Leading)
		d.cur.show(d, marginLeft+0.8*s.Size, d.y+s.Size*(s.Leading+0.75)/2, s.Size, false, d.cells(plain(mark)), nil)
		for _, l := range lines {
			d.need(s.Size * s.Leading)
			d.line(marginLeft+s.Inset, bodyWidth-s.Inset, s, l)
			d.y += s.Size * s.Leading
		}
	}
	d.y += d.body.Size * 0.45
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
	const height, room = 36, 140 // for one hand
	d.need(height * float64(len(labels)))
	for _, label := range labels {
		cells := d.cells(plain(label))
		base := d.y + height - 8
		x := marginLeft + max(0, min(bodyWidth*0.42, bodyWidth-widthOf(cells)*d.body.Size-room))
		d.cur.show(d, x, base, d.body.Size, false, cells, nil)
		d.cur.pieces = append(d.cur.pieces, Piece{Text: plain(label)})
		from := x + widthOf(cells)*d.body.Size + 6
		if from < marginLeft+bodyWidth-60 {
			d.cur.rule(from, base+3, marginLeft+bodyWidth, base+3, 0.5)
		}
		d.y += height
	}
}
