package pdf

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// line is a line of text as it will be set.
type line struct {
	cells []cell
	ends  bool // the paragraph, or a line break somebody wrote, ends here: not stretched
}

// text is what the line says.
func (l line) text() string {
	var b strings.Builder
	for _, c := range l.cells {
		b.WriteRune(c.r)
	}
	return b.String()
}

// shown are the cells without the spaces at the end, which hang over the margin unseen.
func (l line) shown() []cell {
	n := len(l.cells)
	for n > 0 && l.cells[n-1].r == ' ' {
		n--
	}
	return l.cells[:n]
}

// wrap breaks a text into lines of a width, given at size 1, by the rules of Unicode (UAX 14): no closing
// sign begins a line and no opening one ends it. The first line is shorter by indent.
func (d *Doc) wrap(text string, width, indent float64) []line {
	var out []line
	for _, part := range strings.Split(plain(text), "\n") {
		out = append(out, d.wrapOne(part, width, indent)...)
	}
	return out
}

func (d *Doc) wrapOne(text string, width, indent float64) []line {
	var out []line
	var cur line
	room := width - indent
	used := 0.0 // trailing spaces included
	flush := func() {
		out = append(out, cur)
		cur, used, room = line{}, 0, width
	}
	all := d.cells(text)
	for _, n := range segments(text) {
		cells := all[:n]
		all = all[n:]
		if need := widthOf(line{cells: cells}.shown()); used > 0 && used+need > room+slop {
			flush()
		}
		for used+widthOf(line{cells: cells}.shown()) > room+slop {
			n := fitting(cells, room-used)
			cur.cells = append(cur.cells, cells[:n]...)
			cells = cells[n:]
			flush()
		}
		cur.cells = append(cur.cells, cells...)
		used += widthOf(cells)
	}
	cur.ends = true
	return append(out, cur)
}

const slop = 1e-6 // what sums of widths may be off by

// fitting is how many cells of something that has no place to break go into a room; at least one. Marks
// that stand on the letter before them stay with it.
func fitting(cells []cell, room float64) int {
	n, w := 0, 0.0
	for n < len(cells) && (n == 0 || w+cells[n].width <= room+slop) {
		w += cells[n].width
		n++
	}
	for n > 1 && n < len(cells) && unicode.Is(unicode.Mn, cells[n].r) {
		n--
	}
	return n
}

// segments is how many characters there are from one place where a line may break to the next.
func segments(text string) []int {
	var out []int
	rest, state := facing(text), -1
	for len(rest) > 0 {
		var seg string
		seg, rest, _, state = uniseg.FirstLineSegmentInString(rest, state)
		out = append(out, utf8.RuneCountInString(seg))
	}
	return out
}

// facing shows the line breaker which way curly quotes face in Chinese text. To Unicode they are quotes of
// either side that stick to both neighbours, which would let no line break near them; between Chinese
// characters an opening one is an opening bracket and a closing one a closing bracket.
func facing(text string) string {
	if !strings.ContainsAny(text, "\u2018\u2019\u201c\u201d") {
		return text
	}
	runes := []rune(text)
	for i, r := range runes {
		switch wide := narrow[r] != 0 && besideWide(runes, i); {
		case wide && (r == '\u201c' || r == '\u2018'):
			runes[i] = '\u300c'
		case wide && (r == '\u201d' || r == '\u2019'):
			runes[i] = '\u300d'
		}
	}
	return string(runes)
}

// isWide tells whether a character is set in a square of its own, as Chinese is.
func isWide(r rune) bool {
	return r >= 0x2e80 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xff00 && r <= 0xffe6 || r >= 0x20000
}

// Spaces between words may grow; between Chinese characters a gap stays below what programs that read
// the text would take for a space. A line that would need more stays ragged.
const (
	mostBetween = 0.09
	mostSpace   = 0.5
)

// stretch is how much is added behind each cell so that a line fills its width, all at size 1.
func stretch(cells []cell, slack float64) []float64 {
	if slack <= 0 || len(cells) < 2 {
		return nil
	}
	var spaces, between int
	for i := range cells[:len(cells)-1] {
		switch {
		case cells[i].r == ' ':
			spaces++
		case isWide(cells[i].r) || isWide(cells[i+1].r):
			between++
		}
	}
	if spaces+between == 0 {
		return nil
	}
	inner := min(slack/float64(spaces+between), mostBetween)
	outer := 0.0
	if spaces > 0 {
		outer = (slack - inner*float64(between)) / float64(spaces)
	}
	if outer > mostSpace || spaces == 0 && inner*float64(between) < slack-slop {
		return nil
	}
	out := make([]float64, len(cells))
	for i := range cells[:len(cells)-1] {
		switch {
		case cells[i].r == ' ':
			out[i] = outer
		case isWide(cells[i].r) || isWide(cells[i+1].r):
			out[i] = inner
		}
	}
	return out
}
