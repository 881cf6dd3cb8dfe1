package casefile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"comity/internal/pdf"
)

// book is a file laid out: its pages, and what each belongs to.
type book struct {
	f      File
	doc    *pdf.Doc
	pages  []leaf
	body   int // numbered pages
	ranges map[[2]int][2]int
}

// leaf is what a page belongs to.
type leaf struct {
	part   string
	name   string // of the part
	number int    // of the part; 0 for cover and index
	page   int    // its number; 0 where pages have none
	record Record
}

// lay lays the file out. The numbered pages come first, since index and cover say how many they are.
// Cover, index and back cover bear no number, as archives have it.
func lay(f File) (*book, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	doc, err := pdf.New(options(f))
	if err != nil {
		return nil, err
	}
	b := &book{f: f, doc: doc, ranges: map[[2]int][2]int{}}
	for i, p := range f.Parts {
		for j := range p.Papers {
			if err := b.paper(i, j); err != nil {
				return nil, err
			}
		}
	}
	b.body = doc.Pages()
	cover := doc.Before(1, b.cover)
	index := doc.Before(1+cover, b.index)
	b.pages = append(leaves(cover, leaf{part: partCover, name: f.Name}), append(leaves(index, leaf{part: partIndex, name: f.Say("casefile.index")}), b.pages...)...)
	b.back()
	b.pages = append(b.pages, leaves(doc.Pages()-len(b.pages), leaf{part: partBack, name: f.BackName, number: len(f.Parts) + 1})...)
	return b, nil
}

func leaves(n int, l leaf) []leaf {
	out := make([]leaf, n)
	for i := range out {
		out[i] = l
	}
	return out
}

// paper lays one paper out and notes its pages.
func (b *book) paper(part, n int) error {
	p, x := b.f.Parts[part], b.f.Parts[part].Papers[n]
	from := b.doc.Pages()
	b.doc.NewPage()
	if n == 0 {
		b.doc.Bookmark(1, itoa(part+1)+" "+p.Name)
	}
	b.doc.Bookmark(2, x.Title)
	if err := setPaper(b.doc, b.f.Say, x); err != nil {
		return err
	}
	for i := from; i < b.doc.Pages(); i++ {
		b.pages = append(b.pages, leaf{part: p.ID, name: p.Name, number: part + 1, page: i + 1, record: x.Record})
	}
	b.ranges[[2]int{part, n}] = [2]int{from + 1, b.doc.Pages()}
	return nil
}

// setPaper sets what a paper says and the scans behind it.
func setPaper(d *pdf.Doc, say Say, x Paper) error {
	if len(x.Blocks) == 0 {
		d.Title(x.Title)
	}
	setBlocks(d, x.Blocks)
	for _, s := range x.Scans {
		err := d.Image(s.Data, s.Name)
		if errors.Is(err, pdf.ErrImage) {
			sheet(d, say, s)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func setBlocks(d *pdf.Doc, blocks []Block) {
	for _, x := range blocks {
		switch x.Kind {
		case Title:
			d.Title(strings.Join(x.Lines, "\n"))
		case Heading:
			d.Heading(3, strings.Join(x.Lines, "\n"))
		case List:
			d.List("\u2022", x.Lines)
		case Signature:
			d.Signed(x.Lines)
		case Sign:
			d.Sign(x.Lines...)
		case Form:
			d.Form(pairs(x.Rows))
		case Table:
			d.Table(table(x.Rows))
		default:
			d.Paragraph(strings.Join(x.Lines, "\n"))
		}
	}
}

func pairs(rows [][]string) [][2]string {
	var out [][2]string
	for _, r := range rows {
		var pair [2]string
		copy(pair[:], r)
		out = append(out, pair)
	}
	return out
}

// table gives each column room by the longest word it holds, within bounds, so that a column of dates is
// narrower than one of sentences.
func table(rows [][]string) pdf.Table {
	if len(rows) == 0 {
		return pdf.Table{}
	}
	t := pdf.Table{Head: rows[0], Rows: rows[1:], Widths: make([]float64, len(rows[0]))}
	for _, r := range rows {
		for i := range min(len(r), len(t.Widths)) {
			t.Widths[i] = max(t.Widths[i], min(columns(r[i])+3, 44))
		}
	}
	return t
}

// columns is about how wide a text is, a Chinese character being two columns.
func columns(s string) (n float64) {
	for _, r := range s {
		n++
		if r > 0x2e7f {
			n++
		}
	}
	return n
}

// sheet stands in the place of a file that cannot be set.
func sheet(d *pdf.Doc, say Say, s Scan) {
	sum := sha256.Sum256(s.Data)
	d.Heading(3, say("casefile.sheet"))
	d.Paragraph(say("casefile.sheet.why"))
	rows := [][2]string{
		{say("casefile.sheet.name"), s.Name},
		{say("casefile.sheet.kind"), s.Kind},
		{say("casefile.sheet.size"), say("casefile.sheet.bytes", "n", itoa(len(s.Data)))},
		{"SHA-256", hex.EncodeToString(sum[:])},
	}
	if s.Where != "" {
		rows = append(rows, [2]string{say("casefile.sheet.where"), s.Where})
	}
	d.Form(rows)
}

func (b *book) cover() {
	d := b.doc
	d.NewPage()
	d.Bookmark(1, b.f.Name)
	d.Skip(30)
	d.Text(pdf.Style{Size: 13, Align: pdf.Center, Keep: true}, b.f.Organ)
	d.Skip(40)
	d.Text(pdf.Style{Size: 30, Leading: 1.4, Bold: true, Align: pdf.Center, Keep: true}, b.f.Name)
	d.Text(pdf.Style{Size: 13, Align: pdf.Center, Keep: true}, b.f.Number)
	d.Skip(50)
	b.rows(b.f.Cover)
	if len(b.f.Missing()) > 0 {
		d.Text(pdf.Style{Bold: true}, b.f.Say("casefile.incomplete", "n", itoa(len(b.f.Missing()))))
	}
}

// rows sets rows of cover and back cover, higher where somebody has to write.
func (b *book) rows(rows []Row) {
	t := pdf.Table{Widths: []float64{26, 74}, Labels: true}
	for _, r := range rows {
		value := strings.ReplaceAll(r.Value, "{pages}", itoa(b.body))
		if value == "" {
			value = "\n\n"
		}
		t.Rows = append(t.Rows, []string{r.Label, value})
	}
	b.doc.Table(t)
}

const indexSize = 10.5

// index lists the parts and their papers with their pages.
func (b *book) index() {
	d, say := b.doc, b.f.Say
	d.NewPage()
	d.Bookmark(1, say("casefile.index"))
	d.Title(say("casefile.index"))
	t := pdf.Table{Widths: []float64{10, 51, 19, 13, 20}, Size: indexSize, Align: []pdf.Align{pdf.Center, pdf.Left, pdf.Left, pdf.Center, pdf.Left},
		Head: []string{say("casefile.col.number"), say("casefile.col.paper"), say("casefile.col.date"), say("casefile.col.pages"), say("casefile.col.remark")}}
	for i, p := range b.f.Parts {
		t.Rows = append(t.Rows, []string{itoa(i + 1), p.Name, "", b.partPages(i), b.remark(p)})
		for j, x := range p.Papers {
			r := b.ranges[[2]int{i, j}]
			t.Rows = append(t.Rows, []string{"", "\u3000" + x.Title, x.Date, span(r[0], r[1]), ""})
		}
	}
	t.Rows = append(t.Rows, []string{itoa(len(b.f.Parts) + 1), b.f.BackName, "", "", ""})
	d.Table(t)
	d.Text(pdf.Style{Size: 9}, say("casefile.index.note", "pages", itoa(b.body)))
}

func (b *book) partPages(part int) string {
	n := len(b.f.Parts[part].Papers)
	if n == 0 {
		return ""
	}
	return span(b.ranges[[2]int{part, 0}][0], b.ranges[[2]int{part, n - 1}][1])
}

func span(from, to int) string {
	if from == to {
		return itoa(from)
	}
	return itoa(from) + "\u2013" + itoa(to)
}

func (b *book) remark(p Part) string {
	switch {
	case p.full() || len(p.Papers) > 0 && !p.Required:
		return ""
	case p.Required && b.f.excused():
		return b.f.Say("casefile.excused")
	case p.Required:
		return b.f.Say("casefile.missing")
	}
	return b.f.Say("casefile.none")
}

func (b *book) back() {
	d := b.doc
	d.NewPage()
	d.Bookmark(1, b.f.BackName)
	d.Title(b.f.BackName)
	if b.f.BackText != "" {
		d.Paragraph(b.f.BackText)
	}
	b.rows(b.f.Back)
}

// glyphless names the characters of a page that no font has, by their numbers: the page shows a mark in
// their place, and whoever reads it has to know what stood there.
func glyphless(d *pdf.Doc, page int) string {
	var out []string
	for _, r := range d.MissingOn(page) {
		out = append(out, fmt.Sprintf("U+%04X", r))
	}
	return strings.Join(out, " ")
}

// stamp puts head, foot and QR code on every page.
func (b *book) stamp() error {
	sum := b.sum()
	return b.doc.Stamp(func(n, _ int) pdf.Stamp {
		l := b.pages[n-1]
		s := pdf.Stamp{Head: b.f.Number, HeadRight: l.name, FootSmall: b.f.Say("casefile.sum", "sum", sum.String())}
		if l.number > 0 {
			s.HeadRight = itoa(l.number) + " " + l.name
		}
		if l.page > 0 {
			s.Foot = b.f.Say("casefile.page", "page", itoa(l.page), "of", itoa(b.body))
		} else {
			s.Foot = l.name
		}
		if l.record.Hash != "" {
			s.FootSmall += "\n" + b.f.Say("casefile.record", "seq", itoa(l.record.Seq), "hash", l.record.Hash)
		}
		if b.f.Check == "" {
			s.FootSmall = b.f.Say("casefile.draft")
		} else {
			s.QR = b.mark(n-1, sum).Address(b.f.Check)
		}
		if absent := glyphless(b.doc, n); absent != "" {
			s.FootSmall += "\n" + b.f.Say("casefile.glyphs", "list", absent)
		}
		return s
	})
}
