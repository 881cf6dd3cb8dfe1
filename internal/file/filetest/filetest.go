// Package filetest has one file of every kind that comes in, honest and not, with what has to become of it; for tests
// alone. Every channel is held to the same list.
//
// This file is the whole package.
package filetest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"
	"sync"
)

// Secret stands in every file of the list where a program, a camera or a person leaves traces. Nothing that is kept
// may hold it.
const Secret = "Li-Mei-28.1127N-112.9834E"

// What becomes of a file.
const (
	Cleaned = "cleaned"
	Refused = "refused"
)

// Sample is one file.
type Sample struct {
	What     string
	Name     string
	Declared string
	Data     []byte
	Want     string // Cleaned or Refused
	Kind     string // of what is kept
	Rule     string // of the refusal
}

// All lists them.
func All() []Sample {
	jpg, pic, pdf, docx := JPEG(), PNG(), PDF("", ""), DOCX(nil)
	const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	const sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	const odt = "application/vnd.oasis.opendocument.text"
	html := []byte("<!doctype html><script>alert('" + Secret + "')</script>")
	return []Sample{
		{"JPEG with position, thumbnail, XMP and a comment", "lamp.jpg", "image/jpeg", jpg, Cleaned, "image/jpeg", ""},
		{"PNG with text, XMP and EXIF", "lamp.png", "image/png", pic, Cleaned, "image/jpeg", ""},
		{"WebP with XMP and EXIF", "lamp.webp", "image/webp", WebP(), Cleaned, "image/jpeg", ""},
		{"PDF with properties, XMP, program data, a comment and a photo", "letter.pdf", "application/pdf", pdf, Cleaned, "application/pdf", ""},
		{"DOCX with authors, changes and a photo", "letter.docx", word, docx, Cleaned, word, ""},
		{"XLSX with people, printer and path", "list.xlsx", sheet, XLSX(), Cleaned, sheet, ""},
		{"ODT with authors and settings", "letter.odt", odt, ODT(), Cleaned, odt, ""},
		{"plain text", "note.txt", "text/plain", []byte("The lamp is dark since Monday"), Cleaned, "text/plain", ""},
		{"JPEG that is a zip as well", "lamp.jpg", "image/jpeg", append(bytes.Clone(jpg), Zip("secret.txt", Secret)...), Cleaned, "image/jpeg", ""},
		{"PDF that is a zip as well", "letter.pdf", "application/pdf", append(bytes.Clone(pdf), Zip("secret.txt", Secret)...), Cleaned, "application/pdf", ""},

		{"HEIC", "IMG_0001.heic", "image/heic", append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), Secret...), Refused, "", "file.heic"},
		{"GIF", "lamp.gif", "image/gif", GIF(), Refused, "", "file.kind"},
		{"SVG with a script", "plan.svg", "image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), Refused, "", "file.kind"},
		{"SVG that says PNG", "plan.png", "image/png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), Refused, "", "file.mismatch"},
		{"HTML that says JPEG", "lamp.jpg", "image/jpeg", html, Refused, "", "file.mismatch"},
		{"JPEG that says PDF", "lamp.pdf", "application/pdf", jpg, Refused, "", "file.mismatch"},
		{"zip", "all.zip", "application/zip", Zip("a.txt", "a"), Refused, "", "file.kind"},
		{"zip that begins like an office paper and holds a PDF", "letter.pdf", "application/pdf", append(Zip("a.txt", "a"), pdf...), Refused, "", "file.mismatch"},
		{"zip bomb", "letter.docx", word, slices.Clone(zipBomb()), Refused, "", "file.unpacked"},
		{"pixel bomb", "lamp.png", "image/png", PixelBomb(), Refused, "", "file.too_many_pixels"},
		{"PDF with a script", "letter.pdf", "application/pdf", PDF("/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>", ""), Refused, "", "file.active"},
		{"PDF with a file inside", "letter.pdf", "application/pdf", PDF("/Names<</EmbeddedFiles<</Names[]>>>>", ""), Refused, "", "file.active"},
		{"DOCX with macros", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/vbaProject.bin": text("macro")}), Refused, "", "file.active"},
		{"DOCX with an object of another program", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/embeddings/oleObject1.bin": text("x")}), Refused, "", "file.active"},
		{"DOCX with a document type", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/document.xml": text(`<!DOCTYPE x [<!ENTITY a "b">]><w:document xmlns:w="w">&a;</w:document>`)}), Refused, "", "file.active"},
		{"DOCX that fetches a picture", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/_rels/document.xml.rels": text(`<Relationships><Relationship Id="r1" Type="x/image" Target="http://tracker.example/x.png" TargetMode="External"/></Relationships>`)}), Refused, "", "file.active"},
		{"DOCX with macros under a name in capitals", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/VBAPROJECT.xml": text("<x/>")}), Refused, "", "file.active"},
		{"DOCX with macros under another name", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/_rels/document.xml.rels": text(`<Relationships><Relationship Id="r1" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="words.xml"/></Relationships>`)}), Refused, "", "file.active"},
		{"DOCX that starts a program, cut into runs", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/document.xml": text(`<w:document xmlns:w="w"><w:fldChar/><w:r><w:instrText> D</w:instrText></w:r><w:r><w:instrText>DE<!-- -->AUTO c:\\a.exe</w:instrText></w:r><w:fldChar/></w:document>`)}), Refused, "", "file.active"},
		{"DOCX that fetches words", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/document.xml": text(`<w:document xmlns:w="w"><w:fldSimple w:instr=" IncludeText &quot;http://tracker.example/x&quot;"/></w:document>`)}), Refused, "", "file.active"},
		{"a sheet that fetches figures", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/charts/chart1.xml": text(`<c:chart xmlns:c="c"><c:f>"'"&amp;WebService<!-- --> ("http://tracker.example/x")&amp;"'"</c:f></c:chart>`)}), Refused, "", "file.active"},
		{"words without end", "letter.docx", word, DOCX(map[string]func(io.Writer){"word/document.xml": text(`<w:document xmlns:w="w"><w:t>` + strings.Repeat("a lamp ", 1<<20) + `</w:t></w:document>`)}), Refused, "", "file.unpacked"},
		{"program", "lamp.exe", "application/octet-stream", []byte("MZ\x90\x00\x03\x00\x00\x00"), Refused, "", "file.kind"},
		{"half a JPEG", "lamp.jpg", "image/jpeg", jpg[:len(jpg)-200], Refused, "", "file.broken"},
		{"nothing", "lamp.jpg", "image/jpeg", nil, Refused, "", "file.broken"},
		{"too large", "lamp.jpg", "image/jpeg", append(bytes.Clone(jpg), make([]byte, 21<<20)...), Refused, "", "file.too_big"},
	}
}

// Leaks tells where something that was kept holds the secret, packed or not; "" is nowhere.
func Leaks(data []byte) string {
	if bytes.Contains(data, []byte(Secret)) {
		return "in the bytes"
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return ""
	}
	for _, f := range z.File {
		if strings.Contains(f.Name, Secret) || strings.Contains(f.Comment, Secret) {
			return "in the name of " + f.Name
		}
		r, err := f.Open()
		if err != nil {
			return err.Error()
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return err.Error()
		}
		if bytes.Contains(b, []byte(Secret)) {
			return "in " + f.Name
		}
	}
	return ""
}

func must(err error) {
	if err != nil {
		panic(err) // buffers and pictures of our own
	}
}

func drawing() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 48, 36))
	for y := range 36 {
		for x := range 48 {
			m.Set(x, y, color.RGBA{uint8(x * 5), uint8(y * 7), 90, 255})
		}
	}
	return m
}

func plainJPEG() []byte {
	var b bytes.Buffer
	must(jpeg.Encode(&b, drawing(), nil))
	return b.Bytes()
}

// exif is a block with a description, a directory of positions and a thumbnail behind it.
func exif() []byte {
	o := binary.LittleEndian
	b := o.AppendUint32([]byte("II*\x00"), 8)
	b = o.AppendUint16(b, 2)
	entry := func(tag, kind uint16, count, value uint32) {
		b = o.AppendUint32(o.AppendUint32(o.AppendUint16(o.AppendUint16(b, tag), kind), count), value)
	}
	entry(0x010E, 2, uint32(len(Secret)), 8+2+24+4)
	entry(0x8825, 4, 1, 0)
	b = append(o.AppendUint32(b, 0), Secret...)
	return append(b, append(plainJPEG(), Secret...)...)
}

func segment(marker byte, payload string) []byte {
	return append([]byte{0xFF, marker, byte((len(payload) + 2) >> 8), byte(len(payload) + 2)}, payload...)
}

// JPEG is a photo with everything cameras and programs write into it.
func JPEG() []byte {
	plain := plainJPEG()
	out := append([]byte{}, plain[:2]...)
	out = append(out, segment(0xE1, "Exif\x00\x00"+string(exif()))...)
	out = append(out, segment(0xE1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+Secret+"</x:xmpmeta>")...)
	out = append(out, segment(0xED, "Photoshop 3.0\x00"+Secret)...)
	out = append(out, segment(0xFE, Secret)...)
	return append(append(out, plain[2:]...), Secret...)
}

func pngChunk(name, content string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	body := append([]byte(name), content...)
	return binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
}

// PNG is a drawing with chunks of text.
func PNG() []byte {
	var b bytes.Buffer
	must(png.Encode(&b, drawing()))
	const afterHead = 8 + 25
	out := append([]byte{}, b.Bytes()[:afterHead]...)
	out = append(out, pngChunk("tEXt", "Author\x00"+Secret)...)
	out = append(out, pngChunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+Secret)...)
	out = append(out, pngChunk("eXIf", string(exif()))...)
	return append(out, b.Bytes()[afterHead:]...)
}

// PixelBomb promises more pixels than anybody has memory for.
func PixelBomb() []byte {
	var b bytes.Buffer
	must(png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))))
	out := b.Bytes()
	binary.BigEndian.PutUint32(out[16:], 60000)
	binary.BigEndian.PutUint32(out[20:], 60000)
	binary.BigEndian.PutUint32(out[29:], crc32.ChecksumIEEE(out[12:29]))
	return out
}

// GIF is one frame with a comment.
func GIF() []byte {
	var b bytes.Buffer
	must(gif.Encode(&b, drawing(), nil))
	return b.Bytes()
}

// WebP is one pixel with chunks of metadata behind it.
func WebP() []byte {
	out, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	must(err)
	chunk := func(name, content string) {
		if len(content)%2 == 1 {
			content += " "
		}
		out = append(append(out, name...), binary.LittleEndian.AppendUint32(nil, uint32(len(content)))...)
		out = append(out, content...)
	}
	chunk("EXIF", string(exif()))
	chunk("XMP ", "<x:xmpmeta>"+Secret+"</x:xmpmeta>")
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// PDF is a page with a scanned photo. root is added to the catalogue, page to the page.
func PDF(root, page string) []byte {
	photo := JPEG()
	xmp := "<x:xmpmeta>" + Secret + "</x:xmpmeta>"
	draw := "q 48 0 0 36 10 10 cm /P Do Q"
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R/Metadata 6 0 R/PieceInfo<</App<</LastModified(" + Secret + ")>>>>" + root + ">>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</P 5 0 R>>>>/Thumb 5 0 R/Annots[8 0 R]/LastModified(" + Secret + ")" + page + ">>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(draw), draw),
		fmt.Sprintf("<</Type/XObject/Subtype/Image/Width 48/Height 36/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode/Metadata 6 0 R/Length %d>>\nstream\n%s\nendstream", len(photo), photo),
		fmt.Sprintf("<</Type/Metadata/Subtype/XML/Length %d>>\nstream\n%s\nendstream", len(xmp), xmp),
		"<</Author(" + Secret + ")/Producer(" + Secret + ")>>",
		"<</Type/Annot/Subtype/Text/Rect[10 10 20 20]/Contents(a remark)/T(" + Secret + ")/NM(" + Secret + ")/M(" + Secret + ")>>",
		"<</Left(over of an earlier version: " + Secret + ")>>",
	}
	var b bytes.Buffer
	var at []int
	b.WriteString("%PDF-1.7\n")
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R/Info 7 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}

// Zip is an archive of one file.
func Zip(name, content string) []byte { return archive([]entry{{name, text(content)}}) }

type entry struct {
	name  string
	write func(io.Writer)
}

func text(s string) func(io.Writer) { return func(w io.Writer) { must2(io.WriteString(w, s)) } }

func must2(_ int, err error) { must(err) }

// zipBomb is packed once: to pack 300 MB takes seconds, and a minute under the race detector.
var zipBomb = sync.OnceValue(func() []byte { return DOCX(map[string]func(io.Writer){"word/document.xml": bomb}) })

// bomb writes 300 MB that pack to 300 kB.
func bomb(w io.Writer) {
	must2(io.WriteString(w, `<w:document xmlns:w="w"><w:body>`))
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for range 300 {
		must2(w.Write(blank))
	}
	must2(io.WriteString(w, `</w:body></w:document>`))
}

func archive(list []entry) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, e := range list {
		w, err := z.Create(e.name)
		must(err)
		e.write(w)
	}
	must(z.Close())
	return b.Bytes()
}

// packed is an archive in which some parts are exchanged or added.
func packed(list []entry, other map[string]func(io.Writer)) []byte {
	for i, e := range list {
		if w, ok := other[e.name]; ok {
			list[i].write = w
			delete(other, e.name)
		}
	}
	for name, w := range other {
		list = append(list, entry{name, w})
	}
	return archive(list)
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

const coreProps = xmlHead + `<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:creator>` + Secret + `</dc:creator><cp:lastModifiedBy>` + Secret + `</cp:lastModifiedBy></cp:coreProperties>`

const rootRels = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="%s"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`

const types = xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Default Extension="jpeg" ContentType="image/jpeg"/><Override PartName="/%s" ContentType="%s"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`

// DOCX is a letter with a comment, a change, marks of sessions and a photo. other exchanges or adds parts.
func DOCX(other map[string]func(io.Writer)) []byte {
	return packed([]entry{
		{"[Content_Types].xml", text(fmt.Sprintf(types, "word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"))},
		{"_rels/.rels", text(fmt.Sprintf(rootRels, "word/document.xml"))},
		{"docProps/core.xml", text(coreProps)},
		{"docProps/app.xml", text(xmlHead + `<Properties><Company>` + Secret + `</Company></Properties>`)},
		{"docProps/thumbnail.jpeg", text(string(JPEG()))},
		{"customXml/item1.xml", text(`<x>` + Secret + `</x>`)},
		{"word/document.xml", text(xmlHead + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><!-- ` + Secret + ` --><w:body><w:p w:rsidR="` + Secret + `"><w:r><w:t xml:space="preserve">The lamp &amp; the road </w:t></w:r><w:ins w:id="1" w:author="` + Secret + `" w:date="` + Secret + `"><w:r><w:t>are dark</w:t></w:r></w:ins></w:p></w:body></w:document>`)},
		{"word/_rels/document.xml.rels", text(xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" Target="media/image1.jpeg"/><Relationship Id="rId2" Type="x/people" Target="people.xml"/></Relationships>`)},
		{"word/comments.xml", text(xmlHead + `<w:comments xmlns:w="w"><w:comment w:id="0" w:author="` + Secret + `" w:initials="` + Secret + `" w:date="` + Secret + `"><w:p><w:r><w:t>a remark</w:t></w:r></w:p></w:comment></w:comments>`)},
		{"word/people.xml", text(`<w15:people xmlns:w15="w"><w15:person w15:author="` + Secret + `"/></w15:people>`)},
		{"word/settings.xml", text(xmlHead + `<w:settings xmlns:w="w"><w:rsids><w:rsidRoot w:val="` + Secret + `"/></w:rsids><w:zoom w:percent="100"/></w:settings>`)},
		{"word/media/image1.jpeg", text(string(JPEG()))},
	}, other)
}

// XLSX is a list with a remark, people, a printer and the folder it lay in.
func XLSX() []byte {
	return packed([]entry{
		{"[Content_Types].xml", text(fmt.Sprintf(types, "xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"))},
		{"_rels/.rels", text(fmt.Sprintf(rootRels, "xl/workbook.xml"))},
		{"docProps/core.xml", text(coreProps)},
		{"xl/workbook.xml", text(xmlHead + `<workbook xmlns="w" xmlns:x15ac="x"><fileSharing userName="` + Secret + `"/><x15ac:absPath url="C:\` + Secret + `"/><sheets><sheet name="Lamps" sheetId="1"/></sheets></workbook>`)},
		{"xl/worksheets/sheet1.xml", text(xmlHead + `<worksheet xmlns="w" xmlns:r="r"><sheetData><row r="1"><c r="A1"><v>3</v></c></row></sheetData><pageSetup r:id="rId1"/></worksheet>`)},
		{"xl/worksheets/_rels/sheet1.xml.rels", text(`<Relationships><Relationship Id="rId1" Type="x/printerSettings" Target="../printerSettings/printerSettings1.bin"/></Relationships>`)},
		{"xl/printerSettings/printerSettings1.bin", text(Secret)},
		{"xl/persons/person.xml", text(`<personList><person displayName="` + Secret + `"/></personList>`)},
		{"xl/comments1.xml", text(`<comments><authors><author>` + Secret + `</author></authors><commentList/></comments>`)},
	}, nil)
}

// ODT is a letter with a remark, a change and settings.
func ODT() []byte {
	return packed([]entry{
		{"mimetype", text("application/vnd.oasis.opendocument.text")},
		{"META-INF/manifest.xml", text(xmlHead + `<manifest:manifest xmlns:manifest="m"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.text"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/><manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/></manifest:manifest>`)},
		{"content.xml", text(xmlHead + `<office:document-content xmlns:office="o" xmlns:text="t" xmlns:dc="d"><office:body><office:text><text:p>The lamp<office:annotation><dc:creator>` + Secret + `</dc:creator><dc:date>` + Secret + `</dc:date><text:p>a remark</text:p></office:annotation></text:p></office:text></office:body></office:document-content>`)},
		{"meta.xml", text(`<office:document-meta xmlns:office="o"><dc:creator xmlns:dc="d">` + Secret + `</dc:creator></office:document-meta>`)},
		{"settings.xml", text(`<s>` + Secret + `</s>`)},
		{"Thumbnails/thumbnail.png", text(string(PNG()))},
	}, nil)
}

// Part is one part of an archive; "" where it has none of that name.
func Part(data []byte, name string) string {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	must(err)
	for _, f := range z.File {
		if f.Name == name {
			r, err := f.Open()
			must(err)
			b, err := io.ReadAll(r)
			must(err)
			return string(b)
		}
	}
	return ""
}
