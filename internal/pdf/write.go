package pdf

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// file is the document as it is written: objects by number, then where each begins.
type file struct {
	d       *Doc
	out     bytes.Buffer
	offsets []int // by number less one
	next    int   // the number the next object gets
}

// The objects whose numbers are known beforehand.
const (
	numCatalog = iota + 1
	numPages
	numInfo
	numMeta
	numProfile
	firstFree
)

func (f *file) build() error {
	f.next = firstFree
	f.offsets = make([]int, firstFree-1)
	f.out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	profile, err := deflate(srgb())
	if err != nil {
		return err
	}
	f.stream(numProfile, "/N 3 /Filter /FlateDecode ", profile)
	f.stream(numMeta, "/Type /Metadata /Subtype /XML ", f.d.o.packet())
	f.object(numInfo, f.d.o.info())
	fonts, err := f.fonts()
	if err != nil {
		return err
	}
	images := f.pictures()
	pages, err := f.pages(fonts, images)
	if err != nil {
		return err
	}
	outline := f.outline(pages)
	lang := ""
	if f.d.o.Lang != "" {
		lang = "/Lang " + text(f.d.o.Lang) + " "
	}
	f.object(numCatalog, fmt.Sprintf("<</Type /Catalog /Pages %d 0 R /Metadata %d 0 R %s%s/ViewerPreferences <</DisplayDocTitle true>> "+
		"/OutputIntents [<</Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB IEC61966-2.1) /Info (sRGB IEC61966-2.1) /DestOutputProfile %d 0 R>>]>>",
		numPages, numMeta, lang, outline, numProfile))
	f.trailer()
	return nil
}

func (f *file) number() int {
	f.next++
	f.offsets = append(f.offsets, 0)
	return f.next - 1
}

func (f *file) object(n int, body string) {
	f.offsets[n-1] = f.out.Len()
	fmt.Fprintf(&f.out, "%d 0 obj\n%s\nendobj\n", n, body)
}

func (f *file) stream(n int, dict string, data []byte) {
	f.offsets[n-1] = f.out.Len()
	fmt.Fprintf(&f.out, "%d 0 obj\n<<%s/Length %d>>\nstream\n", n, dict, len(data))
	f.out.Write(data)
	f.out.WriteString("\nendstream\nendobj\n")
}

func deflate(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// fonts writes what is used of each font and gives the resources that name them.
func (f *file) fonts() (string, error) {
	var res strings.Builder
	for i, a := range f.d.fonts {
		if len(a.runes) == 1 {
			continue
		}
		n, err := f.font(a)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&res, "/F%d %d 0 R ", i, n)
	}
	return res.String(), nil
}

func (f *file) font(a *face) (int, error) {
	sub, err := a.font.Subset(a.gids)
	if err != nil {
		return 0, err
	}
	data, err := deflate(sub)
	if err != nil {
		return 0, err
	}
	whole, cid, desc, inside, back := f.number(), f.number(), f.number(), f.number(), f.number()
	name := a.name()
	f.object(whole, fmt.Sprintf("<</Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R>>", name, cid, back))
	var widths strings.Builder
	for _, g := range a.gids {
		widths.WriteString(num(float64(a.font.Advance(g))*a.scale*1000) + " ")
	}
	f.object(cid, fmt.Sprintf("<</Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo <</Registry (Adobe) /Ordering (Identity) /Supplement 0>> "+
		"/FontDescriptor %d 0 R /CIDToGIDMap /Identity /DW 1000 /W [0 [%s]]>>", name, desc, strings.TrimSpace(widths.String())))
	em := func(v int) string { return num(float64(v) * a.scale * 1000) }
	f.object(desc, fmt.Sprintf("<</Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [%s %s %s %s] /ItalicAngle 0 /Ascent %s /Descent %s /CapHeight %s /StemV 80 /FontFile2 %d 0 R>>",
		name, em(a.font.Box[0]), em(a.font.Box[1]), em(a.font.Box[2]), em(a.font.Box[3]), em(a.font.Ascent), em(a.font.Descent), em(a.font.CapHeight), inside))
	f.stream(inside, fmt.Sprintf("/Length1 %d /Filter /FlateDecode ", len(sub)), data)
	unicode, err := deflate(a.toUnicode())
	if err != nil {
		return 0, err
	}
	f.stream(back, "/Filter /FlateDecode ", unicode)
	return whole, nil
}

// name is the name of the subset: six letters that depend on what is in it, as PDF asks.
func (a *face) name() string {
	sum := sha256.Sum256([]byte(a.asked()))
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	return string(tag) + "+" + cmp.Or(a.font.Name, "Text")
}

// toUnicode is the way back from numbers of glyphs to characters.
func (a *face) toUnicode() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for from := 1; from < len(a.runes); from += 100 {
		part := a.runes[from:min(from+100, len(a.runes))]
		fmt.Fprintf(&b, "%d beginbfchar\n", len(part))
		for i, r := range part {
			fmt.Fprintf(&b, "<%04X> <", from+i)
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, "%04X", u)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}

func (f *file) pictures() []int {
	var out []int
	for _, p := range f.d.images {
		n := f.number()
		f.stream(n, fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /%s /BitsPerComponent 8 /Filter /%s %s", p.w, p.h, p.space, p.filter, p.parms), p.data)
		out = append(out, n)
	}
	return out
}

// pages writes the pages and gives their numbers.
func (f *file) pages(fonts string, images []int) (map[*page]int, error) {
	at := map[*page]int{}
	var kids strings.Builder
	for _, p := range f.d.pages {
		data, err := deflate(p.out.Bytes())
		if err != nil {
			return nil, err
		}
		n, content := f.number(), f.number()
		at[p] = n
		res := "<</Font <<" + fonts + ">>"
		if len(p.images) > 0 {
			res += " /XObject <<"
			for _, i := range slices.Sorted(slices.Values(p.images)) {
				res += fmt.Sprintf("/I%d %d 0 R ", i, images[i])
			}
			res += ">>"
		}
		f.object(n, fmt.Sprintf("<</Type /Page /Parent %d 0 R /MediaBox [0 0 %s %s] /Resources %s>> /Contents %d 0 R>>", numPages, num(Width), num(Height), res, content))
		f.stream(content, "/Filter /FlateDecode ", data)
		fmt.Fprintf(&kids, "%d 0 R ", n)
	}
	f.object(numPages, fmt.Sprintf("<</Type /Pages /Count %d /Kids [%s]>>", len(f.d.pages), strings.TrimSpace(kids.String())))
	return at, nil
}

// outlineItem is a bookmark with its place in the tree.
type outlineItem struct {
	bookmark
	num                     int
	parent                  int // index, or -1
	first, last, prev, next int // numbers of objects, or 0
	under                   int
}

// inOrder are the bookmarks as a reader meets them.
func (d *Doc) inOrder() []bookmark {
	at := map[*page]int{}
	for i, p := range d.pages {
		at[p] = i + 1
	}
	out := slices.Clone(d.outline)
	slices.SortStableFunc(out, func(a, b bookmark) int {
		return cmp.Or(cmp.Compare(at[a.page], at[b.page]), cmp.Compare(a.y, b.y))
	})
	return out
}

// outline writes the bookmarks, open, and gives what the catalogue says of them.
func (f *file) outline(pages map[*page]int) string {
	root := f.number()
	items := []outlineItem{{num: root, parent: -1}}
	open := []int{0}
	for _, b := range f.d.inOrder() {
		for len(open) > 1 && items[open[len(open)-1]].level >= b.level {
			open = open[:len(open)-1]
		}
		up := open[len(open)-1]
		it := outlineItem{bookmark: b, num: f.number(), parent: up, prev: items[up].last}
		if it.prev != 0 {
			items[it.prev-root].next = it.num
		} else {
			items[up].first = it.num
		}
		items[up].last = it.num
		for _, above := range open {
			items[above].under++
		}
		open = append(open, len(items))
		items = append(items, it)
	}
	for i, it := range items {
		var b strings.Builder
		b.WriteString("<<")
		if i == 0 {
			b.WriteString("/Type /Outlines ")
		} else {
			fmt.Fprintf(&b, "/Title %s /Parent %d 0 R /Dest [%d 0 R /XYZ 0 %s 0] ", text(it.title), items[it.parent].num, pages[it.page], num(Height-it.y))
		}
		for _, ref := range []struct {
			name string
			n    int
		}{{"Prev", it.prev}, {"Next", it.next}, {"First", it.first}, {"Last", it.last}} {
			if ref.n != 0 {
				fmt.Fprintf(&b, "/%s %d 0 R ", ref.name, ref.n)
			}
		}
		if it.under > 0 {
			fmt.Fprintf(&b, "/Count %d ", it.under)
		}
		f.object(it.num, b.String()+">>")
	}
	if len(items) == 1 {
		return ""
	}
	return fmt.Sprintf("/Outlines %d 0 R /PageMode /UseOutlines ", root)
}

func (f *file) trailer() {
	id := fmt.Sprintf("%X", sha256.Sum256(f.out.Bytes()))[:32]
	at := f.out.Len()
	fmt.Fprintf(&f.out, "xref\n0 %d\n0000000000 65535 f \n", len(f.offsets)+1)
	for _, o := range f.offsets {
		fmt.Fprintf(&f.out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&f.out, "trailer\n<</Size %d /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>]>>\nstartxref\n%d\n%%%%EOF\n", len(f.offsets)+1, numCatalog, numInfo, id, id, at)
}
