package pdf

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"comity/internal/pdf/truetype"
)

//go:embed font/NotoSansSC-cut.ttf.gz
var notoSansSC []byte

// embedded is the font the program carries, read when the first document needs it.
var embedded = sync.OnceValues(func() (*truetype.Font, error) {
	z, err := gzip.NewReader(bytes.NewReader(notoSansSC))
	if err != nil {
		return nil, fmt.Errorf("pdf: the font in the program: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("pdf: the font in the program: %w", err)
	}
	return truetype.Parse(raw)
})

// face is a font as one document uses it. Glyphs get numbers in the order of their first use, one for
// each character, so that the way back from glyph to character is exact.
type face struct {
	font  *truetype.Font
	scale float64 // units of the font → size 1
	runes []rune  // by number; 0 stands for nothing
	gids  []uint16
	at    map[drawn]uint16
}

// drawn is a character and the one whose glyph it is drawn with.
type drawn struct{ r, as rune }

func newFace(f *truetype.Font) *face {
	return &face{font: f, scale: 1 / float64(f.UnitsPerEm), runes: []rune{0}, gids: []uint16{0}, at: map[drawn]uint16{}}
}

func (f *face) use(c drawn, gid uint16) uint16 {
	n, ok := f.at[c]
	if !ok {
		n = uint16(len(f.runes))
		f.runes, f.gids, f.at[c] = append(f.runes, c.r), append(f.gids, gid), n
	}
	return n
}

// cell is one character as it is set.
type cell struct {
	r     rune
	face  int
	glyph uint16
	width float64 // at size 1
}

const geta = '\u3013'

// stand lists characters whose glyph is that of another, where a font does not draw them itself.
var stand = map[rune]rune{'\u00a0': ' ', '\u2002': ' ', '\u2003': '\u3000', '\u2009': ' ', '\u202f': ' ', '\u2010': '-', '\u2011': '-', '\u2212': '-'}

// cells chooses a glyph for each character. The font draws curly quotes as wide as Chinese ones are;
// between Latin letters they get the glyph of the straight ones, and stay what they are for who reads the
// file by program.
func (d *Doc) cells(text string) []cell {
	runes := []rune(text)
	out := make([]cell, len(runes))
	for i, r := range runes {
		as := r
		if straight := narrow[r]; straight != 0 && !besideWide(runes, i) {
			as = straight
		}
		out[i] = d.cell(r, as)
	}
	return out
}

var narrow = map[rune]rune{'\u2018': '\'', '\u2019': '\'', '\u201c': '"', '\u201d': '"'}

// besideWide tells whether a sign stands beside Chinese, its own kind left aside.
func besideWide(runes []rune, i int) bool {
	from, to := i-1, i+1
	for from >= 0 && narrow[runes[from]] != 0 {
		from--
	}
	for to < len(runes) && narrow[runes[to]] != 0 {
		to++
	}
	return from >= 0 && isWide(runes[from]) || to < len(runes) && isWide(runes[to])
}

// cell is a character, drawn with the glyph of another where as is not the same.
func (d *Doc) cell(r, as rune) cell {
	for i, f := range d.fonts {
		if n, ok := f.at[drawn{r, as}]; ok {
			return cell{r, i, n, float64(f.font.Advance(f.gids[n])) * f.scale}
		}
		if g, ok := f.font.Glyph(as); ok {
			return cell{r, i, f.use(drawn{r, as}, g), float64(f.font.Advance(g)) * f.scale}
		}
	}
	other, ok := stand[r]
	if !ok {
		other = geta
		d.missing = append(d.missing, r)
	}
	base := d.fonts[0]
	g, _ := base.font.Glyph(other)
	return cell{r, 0, base.use(drawn{r, as}, g), float64(base.font.Advance(g)) * base.scale}
}

// plain takes out of a text what is no character to be set: controls, marks of direction, joiners.
func plain(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\t", "  ")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029':
			return '\n'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || r&0xfffe == 0xfffe:
			return -1
		}
		return r
	}, text)
}

func widthOf(cells []cell) (w float64) {
	for _, c := range cells {
		w += c.width
	}
	return w
}

// asked lists the characters of a face, for the name of the subset.
func (f *face) asked() string { return string(f.runes[1:]) }
