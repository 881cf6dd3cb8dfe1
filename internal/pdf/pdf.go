// Package pdf writes documents that can be kept: PDF/A-2u (ISO 19005-2), with every font inside, every
// glyph mapped to its character, and nothing that runs, points outside or needs a key.
//
// It owns the page (A4), how Chinese and Latin text is broken into lines and set, tables that go on over
// pages, forms, signature lines, pictures, QR codes, bookmarks and what the file says about itself. The
// same calls and the same time give the same bytes.
//
// A character no font has is never lost and never a blank: it is set as a geta mark (U+3013) that still
// says which character it is to whoever copies or searches, and [Doc.Missing] lists it.
//
// It refuses pictures other than JPEG and PNG, to take pages of other PDF files (nobody could promise
// what is in them), and to know what a document means: words, page numbers' wording included, come from
// the caller.
//
// Open this file first; flow.go sets blocks, table.go tables, lines.go breaks lines, page.go draws,
// font.go chooses glyphs, image.go takes pictures, write.go writes the file, icc.go and meta.go what
// PDF/A asks for.
package pdf

import (
	"io"
	"slices"
	"strings"
	"time"

	"comity/internal/pdf/truetype"
)

// Options is what a document says about itself.
type Options struct {
	Title, Author, Subject string
	Lang                   string // such as zh-CN
	Made                   time.Time
	Producer               string
	Fonts                  []*truetype.Font // looked into, in order, for what the font of the program has not
}

// A4 in points, and the margins of Chinese official papers (GB/T 9704-2012): 37 mm above, 28 mm at the
// side where files are bound, and between the margins 156 by 225 mm. In Chinese that is 22 lines of 28
// characters of size three; head, foot and QR code stand outside it.
const (
	Width, Height = 595.28, 841.89
	mm            = 72 / 25.4
	marginLeft    = 28 * mm
	marginRight   = 26 * mm
	marginTop     = 37 * mm
	marginBottom  = Height - marginTop - 225*mm
	bodyWidth     = Width - marginLeft - marginRight
	bodyBottom    = Height - marginBottom
)

// Doc is a document being made. Blocks are set one below the other; a full page is followed by another.
type Doc struct {
	o       Options
	body    Style // of plain text, by the language
	fonts   []*face
	pages   []*page
	cur     *page
	y       float64 // from the top of the page to where the next block begins
	images  []*picture
	outline []bookmark
	missing []rune
}

type bookmark struct {
	title string
	level int
	page  *page
	y     float64
}

// New begins a document without a page.
func New(o Options) (*Doc, error) {
	base, err := embedded()
	if err != nil {
		return nil, err
	}
	d := &Doc{o: o, body: bodyOf(o.Lang), fonts: []*face{newFace(base)}}
	for _, f := range o.Fonts {
		d.fonts = append(d.fonts, newFace(f))
	}
	return d, nil
}

// NewPage begins a page.
func (d *Doc) NewPage() {
	d.cur = &page{}
	d.pages = append(d.pages, d.cur)
	d.y = marginTop
}

// Pages is how many pages there are.
func (d *Doc) Pages() int { return len(d.pages) }

// Piece is a part of what a page says: a line of text, or a picture by its SHA-256.
type Piece struct {
	Text  string
	Image [32]byte
}

// Content is what a page says, in the order it was set, without what is stamped on it.
func (d *Doc) Content(n int) []Piece { return d.pages[n-1].pieces }

// Missing lists the characters no font has, each once, in the order they came.
func (d *Doc) Missing() []rune { return d.missing }

// MissingOn lists those of them that a page says.
func (d *Doc) MissingOn(page int) []rune {
	var out []rune
	for _, r := range d.missing {
		if slices.ContainsFunc(d.pages[page-1].pieces, func(p Piece) bool { return strings.ContainsRune(p.Text, r) }) {
			out = append(out, r)
		}
	}
	return out
}

// Before sets what fn sets on pages of their own, puts them before a page, and says how many they are.
func (d *Doc) Before(n int, fn func()) int {
	had, cur, y := d.pages, d.cur, d.y
	d.pages, d.cur = nil, nil
	fn()
	made := d.pages
	d.pages = slices.Concat(had[:n-1], made, had[n-1:])
	d.cur, d.y = cur, y
	return len(made)
}

// Stamp is what stands outside the text of a page.
type Stamp struct {
	Head, HeadRight string
	Foot, FootSmall string // lines of the foot, the second in small letters
	QR              string // drawn where it is not empty
}

// Stamp stamps every page. It comes last: only then is known how many pages there are.
func (d *Doc) Stamp(fn func(page, of int) Stamp) error {
	for i, p := range d.pages {
		if err := d.stamp(p, fn(i+1, len(d.pages))); err != nil {
			return err
		}
	}
	return nil
}

// WriteTo writes the file. A document has at least one page.
func (d *Doc) WriteTo(w io.Writer) (int64, error) {
	if len(d.pages) == 0 {
		d.NewPage()
	}
	f := &file{d: d}
	if err := f.build(); err != nil {
		return 0, err
	}
	n, err := w.Write(f.out.Bytes())
	return int64(n), err
}
