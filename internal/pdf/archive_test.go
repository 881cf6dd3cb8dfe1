package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"comity/internal/pdf/truetype"
)

// object is one object of a file, read back without help of the writer.
type object struct {
	dict   string
	stream []byte // as it lies there
}

// readBack reads a file by its table of offsets, and holds the table itself to the letter.
func readBack(t *testing.T, raw []byte) (objects map[int]object, trailer string) {
	t.Helper()
	tail := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(raw)
	if tail == nil {
		t.Fatal("the file does not end as files of PDF do")
	}
	at, _ := strconv.Atoi(string(tail[1]))
	head := regexp.MustCompile(`^xref\n0 (\d+)\n0000000000 65535 f \n`).FindSubmatch(raw[at:])
	if head == nil {
		t.Fatal("startxref does not point at the table")
	}
	n, _ := strconv.Atoi(string(head[1]))
	rows := raw[at+len(head[0])-20:]
	objects = map[int]object{}
	for i := 1; i < n; i++ {
		row := string(rows[20*i : 20*i+20])
		if !regexp.MustCompile(`^\d{10} 00000 n \n$`).MatchString(row) {
			t.Fatalf("row %d of the table is %q", i, row)
		}
		from, _ := strconv.Atoi(row[:10])
		objects[i] = readObject(t, raw[from:], i)
	}
	return objects, string(rows[20*n : bytes.LastIndex(rows, []byte("startxref"))])
}

func readObject(t *testing.T, raw []byte, n int) object {
	t.Helper()
	begin := fmt.Sprintf("%d 0 obj\n", n)
	if !bytes.HasPrefix(raw, []byte(begin)) {
		t.Fatalf("object %d is not where the table says", n)
	}
	raw = raw[len(begin):]
	end := bytes.Index(raw, []byte("\nendobj"))
	at := bytes.Index(raw, []byte("\nstream\n"))
	if at < 0 || at > end {
		return object{dict: string(raw[:end])}
	}
	o := object{dict: string(raw[:at])}
	size := number(t, o.dict, "Length")
	raw = raw[at+len("\nstream\n"):]
	if !bytes.HasPrefix(raw[size:], []byte("\nendstream\nendobj\n")) {
		t.Fatalf("object %d is not as long as it says", n)
	}
	o.stream = raw[:size]
	return o
}

func number(t *testing.T, dict, name string) int {
	t.Helper()
	m := regexp.MustCompile(`/` + name + ` (\d+)`).FindStringSubmatch(dict)
	if m == nil {
		t.Fatalf("there is no /%s in %s", name, dict)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func (o object) data(t *testing.T) []byte {
	t.Helper()
	if !strings.Contains(o.dict, "/FlateDecode") {
		return o.stream
	}
	z, err := zlib.NewReader(bytes.NewReader(o.stream))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// written is the sample with everything on its pages.
func written(t *testing.T, lang string) (*Doc, []byte) {
	t.Helper()
	d := sampleIn(t, lang)
	if err := d.Stamp(func(n, of int) Stamp {
		return Stamp{Head: "雨花亭街道人民调解委员会", HeadRight: "第17号", Foot: "第 " + strconv.Itoa(n) + " 页", FootSmall: "SHA-256", QR: "https://gov.example.cn/v/TJ-2026-000417/" + strconv.Itoa(n) + "/" + strconv.Itoa(of) + "/" + strings.Repeat("ab", 16)}
	}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return d, b.Bytes()
}

func Test_a_file_is_what_an_archive_asks_for(t *testing.T) {
	_, raw := written(t, "zh-CN")
	if !bytes.HasPrefix(raw, []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")) {
		t.Error("the first two lines are not those of a PDF with binary content")
	}
	objects, trailer := readBack(t, raw)
	if !regexp.MustCompile(`/ID \[<([0-9A-F]{32})> <([0-9A-F]{32})>\]`).MatchString(trailer) {
		t.Errorf("the trailer names no file: %s", trailer)
	}
	// What PDF/A-2 forbids, and what these files have no use for.
	for n, o := range objects {
		for _, name := range []string{"Encrypt", "JavaScript", "JS", "AA", "OpenAction", "Launch", "URI", "AcroForm", "XFA", "EmbeddedFile", "EmbeddedFiles", "FileAttachment", "Annots",
			"SMask", "Group", "BM", "CA", "ca", "TR", "TR2", "HTP", "LZWDecode", "Alternates", "OPI", "PS", "Interpolate", "Ref", "DeviceCMYK", "Movie", "Sound", "Requirements", "AlternatePresentations", "PresSteps", "OCProperties"} {
			if regexp.MustCompile(`/` + name + `\b`).MatchString(o.dict) {
				t.Errorf("object %d has /%s", n, name)
			}
		}
	}
	if strings.Contains(trailer, "/Encrypt") {
		t.Error("the file is locked")
	}
	catalog := objects[number(t, trailer, "Root")].dict
	checkIntent(t, objects, catalog)
	checkWords(t, objects, catalog, trailer)
	for _, o := range objects {
		if strings.Contains(o.dict, "/Type /Page ") {
			checkPage(t, objects, o.dict)
		}
		if strings.Contains(o.dict, "/Subtype /Image") && number(t, o.dict, "BitsPerComponent") != 8 {
			t.Error("a picture has pixels of another depth")
		}
	}
}

// checkIntent wants the meaning of colours named, by a profile that lies in the file.
func checkIntent(t *testing.T, objects map[int]object, catalog string) {
	t.Helper()
	if !strings.Contains(catalog, "/S /GTS_PDFA1") || !strings.Contains(catalog, "/OutputConditionIdentifier (sRGB IEC61966-2.1)") {
		t.Errorf("the catalogue has no intent of output: %s", catalog)
	}
	o := objects[number(t, catalog, "DestOutputProfile")]
	icc := o.data(t)
	if number(t, o.dict, "N") != 3 || len(icc) < 132 || int(binary.BigEndian.Uint32(icc)) != len(icc) || string(icc[36:40]) != "acsp" || string(icc[12:24]) != "mntrRGB XYZ " || icc[8] > 4 {
		t.Error("the profile of colours is none of a display in RGB")
	}
	tags := int(binary.BigEndian.Uint32(icc[128:]))
	for i := range tags {
		row := icc[132+12*i:]
		if from, size := binary.BigEndian.Uint32(row[4:]), binary.BigEndian.Uint32(row[8:]); int(from+size) > len(icc) || from%4 != 0 {
			t.Errorf("part %q of the profile lies outside", row[:4])
		}
	}
}

// checkWords wants the packet to say PDF/A-2u, unpacked, and the same of the file as the old dictionary.
func checkWords(t *testing.T, objects map[int]object, catalog, trailer string) {
	t.Helper()
	meta := objects[number(t, catalog, "Metadata")]
	if strings.Contains(meta.dict, "/Filter") || !strings.Contains(meta.dict, "/Type /Metadata /Subtype /XML") {
		t.Errorf("the packet is not there to be read: %s", meta.dict)
	}
	xmp := string(meta.stream)
	info := objects[number(t, trailer, "Info")].dict
	for name, tag := range map[string]string{"Title": `<dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li>`, "Author": "<dc:creator><rdf:Seq><rdf:li>%s</rdf:li>", "Producer": "<pdf:Producer>%s</pdf:Producer>", "Creator": "<xmp:CreatorTool>%s</xmp:CreatorTool>"} {
		m := regexp.MustCompile(`/` + name + ` <FEFF([0-9A-F]*)>`).FindStringSubmatch(info)
		if m == nil || !strings.Contains(xmp, fmt.Sprintf(tag, html.EscapeString(fromHex(t, m[1])))) {
			t.Errorf("the two do not agree about %s", name)
		}
	}
	for _, want := range []string{"<pdfaid:part>2</pdfaid:part>", "<pdfaid:conformance>U</pdfaid:conformance>", "<xmp:CreateDate>2026-03-09T01:02:03Z<", "<xmp:ModifyDate>2026-03-09T01:02:03Z<", `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>`} {
		if !strings.Contains(xmp, want) {
			t.Errorf("the packet has no %s", want)
		}
	}
	if !strings.Contains(info, "/CreationDate (D:20260309010203Z) /ModDate (D:20260309010203Z)") {
		t.Errorf("the dictionary has other dates: %s", info)
	}
	if !strings.Contains(catalog, "/Lang <FEFF007A0068002D0043004E>") {
		t.Error("the language is not said")
	}
}

func fromHex(t *testing.T, s string) string {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	var u []uint16
	for i := 0; i < len(raw); i += 2 {
		u = append(u, binary.BigEndian.Uint16(raw[i:]))
	}
	return string(utf16.Decode(u))
}

// checkPage wants fonts inside, every glyph that is drawn in its font and mapped to a character, widths that
// are those of the font, and no operator beyond the few this package writes.
func checkPage(t *testing.T, objects map[int]object, page string) {
	t.Helper()
	fonts := map[string]map[int]string{}
	for _, m := range regexp.MustCompile(`/(F\d+) (\d+) 0 R`).FindAllStringSubmatch(page, -1) {
		n, _ := strconv.Atoi(m[2])
		fonts[m[1]] = checkFont(t, objects, objects[n].dict)
	}
	content := string(objects[number(t, page, "Contents")].data(t))
	depth, font := 0, ""
	for _, tok := range regexp.MustCompile(`<[0-9A-F]*>|/\w+|[A-Za-z*]+|\[|\]|-?[\d.]+`).FindAllString(content, -1) {
		switch {
		case tok[0] == '<':
			for i := 1; i+4 < len(tok); i += 4 {
				g, _ := strconv.ParseInt(tok[i:i+4], 16, 32)
				if c := fonts[font][int(g)]; c == "" || g == 0 {
					t.Fatalf("glyph %d of %s stands for no character", g, font)
				}
			}
		case tok[0] == '/':
			if strings.HasPrefix(tok, "/F") {
				font = tok[1:]
			}
		case tok == "q":
			if depth++; depth > 28 {
				t.Fatal("states lie too deep")
			}
		case tok == "Q":
			depth--
		case tok[0] >= 'A' && tok[0] != '[' && tok[0] != ']' && !slices.Contains([]string{"BT", "ET", "Tf", "Tm", "TJ", "Tr", "w", "cm", "re", "f", "m", "l", "S", "g", "Do"}, tok):
			t.Fatalf("the operator %q is not one of those", tok)
		}
	}
	if depth != 0 {
		t.Error("states do not close")
	}
}

var checkedFonts = map[string]map[int]string{}

func checkFont(t *testing.T, objects map[int]object, dict string) map[int]string {
	t.Helper()
	if had := checkedFonts[dict]; had != nil {
		return had
	}
	if !strings.Contains(dict, "/Subtype /Type0") || !strings.Contains(dict, "/Encoding /Identity-H") {
		t.Errorf("a font is of another kind: %s", dict)
	}
	cid := objects[number(t, strings.Replace(dict, "[", "", 1), "DescendantFonts")].dict
	name := regexp.MustCompile(`/BaseFont /(\S+)`).FindStringSubmatch(dict)[1]
	desc := objects[number(t, cid, "FontDescriptor")].dict
	for _, d := range []string{cid, desc} {
		if !strings.Contains(d, "/"+name+" ") {
			t.Errorf("the font %s has another name in %s", name, d)
		}
	}
	if !regexp.MustCompile(`^[A-Z]{6}\+`).MatchString(name) || !strings.Contains(cid, "/CIDToGIDMap /Identity") || !strings.Contains(cid, "/Registry (Adobe) /Ordering (Identity)") {
		t.Errorf("the font %s is not a subset addressed by glyph: %s", name, cid)
	}
	program := objects[number(t, desc, "FontFile2")]
	data := program.data(t)
	if number(t, program.dict, "Length1") != len(data) {
		t.Error("the font is not as long as it says")
	}
	chars := mapBack(t, objects[number(t, dict, "ToUnicode")].data(t))
	checkWidths(t, cid, data)
	for g, c := range chars {
		if c == "" || strings.ContainsAny(c, "\x00\ufeff\ufffe") {
			t.Errorf("glyph %d is mapped to %q", g, c)
		}
	}
	checkedFonts[dict] = chars
	return chars
}

// checkWidths reads hmtx of the embedded font: the widths the file tells must be those the glyphs have.
func checkWidths(t *testing.T, cid string, font []byte) {
	t.Helper()
	be := binary.BigEndian
	table := func(tag string) []byte {
		for i := range int(be.Uint16(font[4:])) {
			row := font[12+16*i:]
			if string(row[:4]) == tag {
				return font[be.Uint32(row[8:]):][:be.Uint32(row[12:])]
			}
		}
		t.Fatalf("the font inside has no table %q", tag)
		return nil
	}
	upem, hmtx := float64(be.Uint16(table("head")[18:])), table("hmtx")
	m := regexp.MustCompile(`/W \[0 \[([^\]]*)\]\]`).FindStringSubmatch(cid)
	if m == nil {
		t.Fatal("the font tells no widths")
	}
	for i, w := range strings.Fields(m[1]) {
		told, _ := strconv.ParseFloat(w, 64)
		if has := float64(be.Uint16(hmtx[4*i:])) / upem * 1000; told-has > 1 || has-told > 1 {
			t.Fatalf("glyph %d is %g wide and said to be %g", i, has, told)
		}
	}
}

func mapBack(t *testing.T, cmap []byte) map[int]string {
	t.Helper()
	out := map[int]string{}
	for _, m := range regexp.MustCompile(`(?m)^<([0-9A-F]{4})> <([0-9A-F]+)>$`).FindAllSubmatch(cmap, -1) {
		g, _ := strconv.ParseInt(string(m[1]), 16, 32)
		if g != 0 || string(m[2]) != "FFFF" {
			out[int(g)] = fromHex(t, string(m[2]))
		}
	}
	return out
}

func Test_text_that_is_copied_out_of_a_page_is_the_text_that_was_set(t *testing.T) {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		t.Skip("poppler-utils are not installed here")
	}
	for _, lang := range []string{"zh-CN", "en"} {
		d, raw := written(t, lang)
		at := filepath.Join(t.TempDir(), "it.pdf")
		if err := os.WriteFile(at, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= d.Pages(); n++ {
			out, err := exec.Command("pdftotext", "-raw", "-f", strconv.Itoa(n), "-l", strconv.Itoa(n), at, "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			got := packed(string(out))
			for _, p := range d.Content(n) {
				if want := packed(p.Text); !strings.Contains(got, want) {
					t.Errorf("page %d has no %q", n, p.Text)
				}
			}
		}
	}
}

func packed(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u3000", " ")), "")
}

func Test_other_programs_find_no_fault_with_a_file(t *testing.T) {
	_, raw := written(t, "zh-CN")
	at := filepath.Join(t.TempDir(), "it.pdf")
	if err := os.WriteFile(at, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("qpdf"); err == nil {
		if out, err := exec.Command("qpdf", "--check", at).CombinedOutput(); err != nil || !strings.Contains(string(out), "No syntax or stream encoding errors") {
			t.Errorf("%v: %s", err, out)
		}
	}
	if _, err := exec.LookPath("pdffonts"); err == nil {
		out, err := exec.Command("pdffonts", at).Output()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		for _, l := range lines[min(2, len(lines)):] {
			if f := strings.Fields(l); len(f) < 8 || strings.Join(f[len(f)-5:len(f)-2], " ") != "yes yes yes" {
				t.Errorf("a font is not inside, a subset and mapped: %s", l)
			}
		}
		if err != nil || len(lines) < 3 {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func Test_no_line_begins_with_a_closing_sign_or_ends_with_an_opening_one(t *testing.T) {
	d, err := New(Options{Lang: "zh-CN"})
	if err != nil {
		t.Fatal(err)
	}
	for width := 6.0; width < 34; width += 0.25 {
		for _, indent := range []float64{0, 2} {
			for i, l := range d.wrap(words, width, indent) {
				first, last := l.cells[0].r, l.shown()[len(l.shown())-1].r
				if strings.ContainsRune("，。、；：？！”’）》」』】…—%", first) {
					t.Errorf("at %g, line %d begins with %c: %s", width, i, first, l.text())
				}
				if strings.ContainsRune("“‘（《「『【", last) {
					t.Errorf("at %g, line %d ends with %c: %s", width, i, last, l.text())
				}
			}
		}
	}
}

func Test_a_page_of_Chinese_has_22_lines_of_28_characters(t *testing.T) {
	d, err := New(Options{Lang: "zh-CN"})
	if err != nil {
		t.Fatal(err)
	}
	d.Paragraph(strings.Repeat("调", 28*22-2))
	if d.Pages() != 1 || len(d.Content(1)) != 22 {
		t.Errorf("%d pages, %d lines on the first", d.Pages(), len(d.Content(1)))
	}
	if first, second := d.Content(1)[0].Text, d.Content(1)[1].Text; len([]rune(first)) != 26 || len([]rune(second)) != 28 {
		t.Errorf("the first line has %d characters, the second %d", len([]rune(first)), len([]rune(second)))
	}
	d.Paragraph("解")
	if d.Pages() != 2 {
		t.Error("a page has room for a 23rd line")
	}
}

func Test_a_character_no_font_has_is_marked_named_and_given_back(t *testing.T) {
	d, err := New(Options{Title: "x", Lang: "zh-CN", Made: made})
	if err != nil {
		t.Fatal(err)
	}
	d.NewPage()
	d.Paragraph("申请人王\U0002b7e9")
	d.NewPage()
	d.Paragraph("被申请人李某")
	if got := string(d.MissingOn(1)); got != "\U0002b7e9" {
		t.Errorf("missing on the first page is %q", got)
	}
	if got := d.MissingOn(2); len(got) != 0 {
		t.Errorf("missing on the second page is %q", got)
	}
	g, _ := d.fonts[0].font.Glyph(geta)
	c := d.cells("\U0002b7e9")[0]
	if d.fonts[0].gids[c.glyph] != g || c.r != '\U0002b7e9' {
		t.Error("it is not drawn as the mark, or does not say what it is")
	}
	if _, err := truetype.Parse([]byte("no font")); err == nil {
		t.Error("anything is taken for a font")
	}
}

func Test_the_same_calls_give_the_same_bytes(t *testing.T) {
	_, a := written(t, "zh-CN")
	_, b := written(t, "zh-CN")
	if !bytes.Equal(a, b) {
		t.Error("two files of the same calls differ")
	}
}
