package file

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// secret stands for everything a picture may carry along.
const secret = "GPS 28.1127N 112.9834E, Mrs Li's telephone"

// WebP pictures of one pixel: lossy and opaque, lossless and transparent.
const opaqueWebP = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"
const clearWebP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func webpBytes(t testing.TB, coded string) []byte {
	b, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quarters is red, green / blue, white: no two of the eight orientations look alike.
func quarters(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 0, 0, 255}
			switch {
			case x >= w/2 && y >= h/2:
				c = color.RGBA{255, 255, 255, 255}
			case x >= w/2:
				c = color.RGBA{0, 255, 0, 255}
			case y >= h/2:
				c = color.RGBA{0, 0, 255, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func jpegOf(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exifBlock is a TIFF block with an orientation, a GPS directory and the secret.
func exifBlock(order binary.AppendByteOrder, orientation int) []byte {
	head := "II*\x00"
	if order.String() == "BigEndian" {
		head = "MM\x00*"
	}
	b := order.AppendUint32([]byte(head), 8)
	b = order.AppendUint16(b, 3)
	entry := func(tag, kind uint16, count uint32) {
		b = order.AppendUint16(b, tag)
		b = order.AppendUint16(b, kind)
		b = order.AppendUint32(b, count)
	}
	entry(0x010E, 2, uint32(len(secret))) // ImageDescription
	b = order.AppendUint32(b, 8+2+3*12+4)
	entry(0x0112, 3, 1)
	b = order.AppendUint16(order.AppendUint16(b, uint16(orientation)), 0)
	entry(0x8825, 4, 1) // GPS directory
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, 0) // no further directory
	return append(b, secret...)
}

func withEXIF(jpg, block []byte) []byte {
	payload := append([]byte("Exif\x00\x00"), block...)
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xE1}, byte((len(payload)+2)>>8), byte(len(payload)+2))
	return append(append(out, payload...), jpg[2:]...)
}

func withChunk(pngData []byte, name string, content []byte) []byte {
	const afterIHDR = 8 + 12 + 13
	out := bytes.Clone(pngData[:afterIHDR])
	out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
	body := append([]byte(name), content...)
	out = append(out, body...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	return append(out, pngData[afterIHDR:]...)
}

// bigHeader is a PNG that promises w × h pixels in a few dozen bytes.
func bigHeader(t testing.TB, w, h uint32) []byte {
	b := pngOf(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// pdfOf is a PDF of one empty page, with one object more that its catalogue names.
func pdfOf(body string) []byte { return pdfWith(body, "") }

func pdfWith(body, trailer string) []byte {
	if body == "" {
		body = "null"
	}
	var b bytes.Buffer
	var at []int
	b.WriteString("%PDF-1.7\n")
	for i, o := range []string{"<</Type/Catalog/Pages 2 0 R/Extra 4 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>", body} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	b.WriteString("xref\n0 5\n0000000000 65535 f \n")
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<</Size 5/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", trailer, start)
	return b.Bytes()
}

func deflated(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

func pdfStream(dict, content string) []byte {
	return pdfOf(fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(content), content))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// oneOf describes the outcome of Clean for a table.
type trick struct {
	what string
	data []byte
	name string
	want string // media type, or the rule of the refusal
}

func tricks(t testing.TB) []trick {
	jpg, pic := jpegOf(t, quarters(64, 48)), pngOf(t, quarters(64, 48))
	clear := image.NewNRGBA(image.Rect(0, 0, 8, 8))
	zip := append([]byte("PK\x03\x04"), make([]byte, 64)...)
	html := []byte("<!doctype html><script>alert(1)</script>")
	filler := strings.Repeat("0 0 m ", 20000)
	return []trick{
		{"a JPEG with position and description", withEXIF(jpg, exifBlock(binary.LittleEndian, 1)), "lamp.jpg", KindJPEG},
		{"a JPEG with XMP", join(jpg[:2], []byte("\xFF\xE1\x00\x2C"), []byte(secret)[:42], jpg[2:]), "lamp.jpg", KindJPEG},
		{"a JPEG with a comment", join(jpg[:2], []byte("\xFF\xFE\x00\x2C"), []byte(secret)[:42], jpg[2:]), "lamp.jpeg", KindJPEG},
		{"a JPEG followed by a zip", join(jpg, zip, []byte(secret)), "lamp.jpg", KindJPEG},
		{"a JPEG followed by a script", join(jpg, html, []byte(secret)), "lamp.jpg", KindJPEG},
		{"a PNG with text", withChunk(pic, "tEXt", []byte("Comment\x00"+secret)), "lamp.png", KindJPEG},
		{"a PNG with EXIF", withChunk(pic, "eXIf", exifBlock(binary.BigEndian, 1)), "lamp.png", KindJPEG},
		{"a PNG followed by secrets", join(pic, []byte(secret)), "lamp.png", KindJPEG},
		{"a PNG with transparency and text", withChunk(pngOf(t, clear), "tEXt", []byte("Comment\x00"+secret)), "lamp.png", KindPNG},
		{"a WebP", webpBytes(t, opaqueWebP), "lamp.webp", KindJPEG},
		{"a transparent WebP", webpBytes(t, clearWebP), "lamp.webp", KindPNG},
		{"a JPEG without a name", jpg, "", KindJPEG},
		{"text", []byte("路灯不亮\r\nsince Monday\t5 < 6"), "note.txt", KindText},
		{"text without a name", []byte("x"), "", KindText},
		{"a PDF", pdfOf(""), "letter.pdf", KindPDF},
		{"a PDF with a deflated page", pdfStream("/Filter /FlateDecode", deflated(filler)), "letter.pdf", KindPDF},
		{"a PDF with an object stream", pdfStream("/Type /ObjStm /Filter /FlateDecode", deflated(filler)), "letter.pdf", KindPDF},

		{"nothing", nil, "lamp.jpg", "file.broken"},
		{"a JPEG cut in half", jpg[:len(jpg)/2], "lamp.jpg", "file.broken"},
		{"a JPEG cut after its header", jpg[:20], "lamp.jpg", "file.broken"},
		{"a JPEG header only", jpg[:3], "lamp.jpg", "file.broken"},
		{"a PNG cut in half", pic[:len(pic)/2], "lamp.png", "file.broken"},
		{"a PNG with a wrong checksum", join(pic[:40], []byte{pic[40] ^ 1}, pic[41:]), "lamp.png", "file.broken"},
		{"a WebP cut short", webpBytes(t, opaqueWebP)[:24], "lamp.webp", "file.broken"},
		{"random bytes named jpg", []byte{0, 1, 2, 3, 250, 251}, "lamp.jpg", "file.broken"},
		{"random bytes without a name", []byte{0, 1, 2, 3, 250, 251}, "", "file.kind"},
		{"broken UTF-8 named txt", []byte("caf\xE9"), "note.txt", "file.broken"},
		{"GBK named txt", []byte("\xC2\xB7\xB5\xC6\xB2\xBB\xC1\xC1"), "note.txt", "file.broken"},
		{"text with NUL", []byte("a\x00b"), "note.txt", "file.broken"},
		{"a zip named jpg", zip, "lamp.jpg", "file.mismatch"},
		{"a zip named JPG", zip, "LAMP.JPG", "file.mismatch"},
		{"HTML named png", html, "lamp.png", "file.mismatch"},
		{"HTML after spaces named png", join([]byte("\uFEFF \n"), html), "lamp.png", "file.mismatch"},
		{"a JPEG named exe", jpg, "lamp.exe", "file.mismatch"},
		{"a JPEG named png", jpg, "lamp.png", "file.mismatch"},
		{"a PNG named pdf", pic, "lamp.pdf", "file.mismatch"},
		{"a name that hides its end by bidi marks", jpg, "lamp\u202Egpj.exe", "file.mismatch"},
		{"HEIC named jpg", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "lamp.jpg", "file.mismatch"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "lamp.heic", "file.heic"},
		{"HTML named txt", html, "note.txt", "file.kind"},
		{"SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "lamp.svg", "file.kind"},
		{"a zip", zip, "all.zip", "file.kind"},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00"), "lamp.gif", "file.kind"},
		{"a program", []byte("MZ\x90\x00\x03\x00"), "lamp.exe", "file.kind"},
		{"a bomb of dimensions", bigHeader(t, 60000, 60000), "lamp.png", "file.too_many_pixels"},
		{"a bomb whose area overflows", bigHeader(t, 1<<31-1, 1<<31-1), "lamp.png", "file.broken"},
		{"a JPEG with a thousand scans", manyScans(jpg), "lamp.jpg", "file.too_many_pixels"},
		{"a PDF without end", []byte("%PDF-1.7\n1 0 obj\n"), "letter.pdf", "file.broken"},
		{"a PDF without version", join([]byte("%PDF-x"), pdfOf("")), "letter.pdf", "file.broken"},
		{"a PDF with a script", pdfOf("<< /S /JavaScript /JS (x) >>"), "letter.pdf", "file.active"},
		{"a PDF with a script spelled in hex", pdfOf("<< /S /J#61v#61Script >>"), "letter.pdf", "file.active"},
		{"a PDF that starts a program", pdfOf("<</S/Launch/F(x)>>"), "letter.pdf", "file.active"},
		{"a PDF with a file inside", pdfOf("<</Type/EmbeddedFile>>"), "letter.pdf", "file.active"},
		{"an encrypted PDF", pdfWith("<</Filter/Standard/V 1/R 2/O(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)/U(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)/P -4>>", "/Encrypt 4 0 R/ID[(a)(a)]"), "letter.pdf", "file.active"},
		{"a PDF with a script in an object stream", pdfStream("/Type /ObjStm /Filter /FlateDecode",
			deflated(filler+"<</S/JavaScript>>"+filler)), "letter.pdf", "file.active"},
		{"a PDF with a script in an unnamed stream", pdfStream("", deflated(filler+"<</S/JavaScript>>")), "letter.pdf", "file.active"},
		{"a PDF with an object stream in hex", pdfStream("/Type /ObjStm /Filter [/ASCIIHexDecode /FlateDecode]", "78"), "letter.pdf", "file.broken"},
	}
}

func manyScans(jpg []byte) []byte {
	at := bytes.Index(jpg, []byte{0xFF, markerSOS})
	scan := jpg[at : at+2+int(jpg[at+3])]
	return join(jpg[:at], bytes.Repeat(join(scan, []byte{1, 2, 3}), 1000), jpg[at:])
}

func TestClean_by_kind_and_trick(t *testing.T) {
	for _, c := range tricks(t) {
		t.Run(c.what, func(t *testing.T) {
			got, err := Clean(bytes.NewReader(c.data), c.name, Limits{})
			var r Refused
			switch {
			case errors.As(err, &r):
				if r.Rule != c.want {
					t.Fatalf("refused by %v, want %s", r, c.want)
				}
				if got.Data != nil {
					t.Fatal("a refusal returned data")
				}
			case err != nil:
				t.Fatalf("not a refusal: %v", err)
			case got.Kind != c.want:
				t.Fatalf("accepted as %s, want %s", got.Kind, c.want)
			default:
				checkKept(t, got)
			}
		})
	}
}

// checkKept holds for everything Clean ever returns.
func checkKept(t *testing.T, c Cleaned) {
	t.Helper()
	if c.Size != int64(len(c.Data)) || len(c.SHA256) != 64 || utf8.RuneCountInString(c.Name) > maxNameRunes ||
		!strings.HasSuffix(c.Name, trueExtension[c.Kind]) || strings.ContainsAny(c.Name, "/\\\x00\u202E") {
		t.Fatalf("odd result: %q %s %d", c.Name, c.SHA256, c.Size)
	}
	if c.Kind != KindJPEG && c.Kind != KindPNG {
		return
	}
	for _, trace := range []string{secret[:20], "Exif", "http://ns.adobe", "PK\x03\x04", "<script", "tEXt", "eXIf"} {
		if bytes.Contains(c.Data, []byte(trace)) {
			t.Fatalf("%q is still in the picture", trace)
		}
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(c.Data))
	if err != nil || "image/"+format != c.Kind || cfg.Width != c.Width || cfg.Height != c.Height {
		t.Fatalf("result is %s %dx%d (%v), said to be %s %dx%d", format, cfg.Width, cfg.Height, err, c.Kind, c.Width, c.Height)
	}
}

func TestClean_the_position_is_there_before_and_gone_after(t *testing.T) {
	data := withEXIF(jpegOf(t, quarters(64, 48)), exifBlock(binary.BigEndian, 6))
	if !bytes.Contains(data, []byte(secret)) || orientation(bytes.NewReader(data), KindJPEG) != 6 {
		t.Fatal("the test photo carries nothing: the test would prove nothing")
	}
	c, err := Clean(bytes.NewReader(data), "x.jpg", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(c.Data, []byte("GPS")) || jpegEXIF(bufio.NewReader(bytes.NewReader(c.Data))) != nil {
		t.Fatal("EXIF survived")
	}
}

func TestClean_turns_all_eight_orientations_upright(t *testing.T) {
	want := quarters(64, 48)
	for o := 1; o <= 8; o++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			stored := storedFor(want, o)
			photo := withEXIF(jpegOf(t, stored), exifBlock(order, o))
			drawing := withChunk(pngOf(t, stored), "eXIf", exifBlock(order, o))
			for _, data := range [][]byte{photo, drawing} {
				c, err := Clean(bytes.NewReader(data), "", Limits{})
				if err != nil {
					t.Fatal(err)
				}
				got, err := jpeg.Decode(bytes.NewReader(c.Data))
				if err != nil {
					t.Fatal(err)
				}
				if got.Bounds() != want.Bounds() {
					t.Fatalf("orientation %d: %v, want %v", o, got.Bounds(), want.Bounds())
				}
				for _, p := range []image.Point{{16, 12}, {48, 12}, {16, 36}, {48, 36}} {
					if !near(got.At(p.X, p.Y), want.At(p.X, p.Y)) {
						t.Errorf("orientation %d %v: %v is %v, want %v", o, order, p, got.At(p.X, p.Y), want.At(p.X, p.Y))
					}
				}
			}
		}
	}
}

// storedFor makes the picture a camera stores for an orientation by the words
// of the standard: where row 0 and column 0 of the stored picture are on the
// upright one. It shares no code with turn.
func storedFor(up *image.RGBA, o int) *image.RGBA {
	w, h := up.Rect.Dx(), up.Rect.Dy()
	row0 := [9]string{"", "top", "top", "bottom", "bottom", "left", "right", "right", "left"}[o]
	col0 := [9]string{"", "left", "right", "right", "left", "top", "top", "bottom", "bottom"}[o]
	sw, sh := w, h
	if o >= 5 {
		sw, sh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for row := range sh {
		for col := range sw {
			var x, y int
			for side, n := range map[string]int{row0: row, col0: col} {
				switch side {
				case "top":
					y = n
				case "bottom":
					y = h - 1 - n
				case "left":
					x = n
				case "right":
					x = w - 1 - n
				}
			}
			out.SetRGBA(col, row, up.RGBAAt(x, y))
		}
	}
	return out
}

func near(a, b color.Color) bool {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	d := func(x, y uint32) bool { return max(x, y)-min(x, y) < 0x3000 }
	return d(r1, r2) && d(g1, g2) && d(b1, b2)
}

func TestClean_scales_the_long_side_and_keeps_small_pictures_as_large_as_they_are(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{3200, 2400, 1600, 1200}, {2400, 3200, 1200, 1600}, {1600, 10, 1600, 10}, {5000, 1, 1600, 1}, {3, 2, 3, 2},
	} {
		got, err := Clean(bytes.NewReader(jpegOf(t, quarters(c.w, c.h))), "", Limits{})
		if err != nil || got.Width != c.wantW || got.Height != c.wantH {
			t.Errorf("%dx%d became %dx%d (%v)", c.w, c.h, got.Width, got.Height, err)
		}
	}
}

func TestClean_keeps_what_is_transparent_transparent(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	img.SetNRGBA(1, 2, color.NRGBA{200, 100, 50, 255})
	c, err := Clean(bytes.NewReader(pngOf(t, img)), "", Limits{})
	if err != nil || c.Kind != KindPNG {
		t.Fatalf("%s %v", c.Kind, err)
	}
	got, err := png.Decode(bytes.NewReader(c.Data))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, a := got.At(0, 0).RGBA(); a != 0 || !near(got.At(1, 2), img.At(1, 2)) {
		t.Fatalf("got %v and %v", got.At(0, 0), got.At(1, 2))
	}
}

func TestClean_refuses_a_declared_type_that_lies_and_takes_one_that_says_nothing(t *testing.T) {
	jpg := jpegOf(t, quarters(8, 8))
	for declared, ok := range map[string]bool{
		"": true, "application/octet-stream": true, "image/jpeg": true, "IMAGE/JPEG; q=1": true, "image/jpg": true, ";;": true,
		"image/png": false, "text/html": false, "application/pdf": false,
	} {
		_, err := Clean(bytes.NewReader(jpg), "", Limits{Declared: declared})
		var r Refused
		if ok != (err == nil) || !ok && (!errors.As(err, &r) || r.Rule != "file.mismatch") {
			t.Errorf("declared %q: %v", declared, err)
		}
	}
}

func TestClean_refuses_one_byte_too_many_and_takes_the_last_one_allowed(t *testing.T) {
	if _, err := Clean(strings.NewReader("12345"), "", Limits{MaxBytes: 5}); err != nil {
		t.Error(err)
	}
	_, err := Clean(strings.NewReader("123456"), "", Limits{MaxBytes: 5})
	var r Refused
	if !errors.As(err, &r) || r.Rule != "file.too_big" || r.Params["bytes"] != "5" {
		t.Error(err)
	}
}

func TestClean_does_not_read_a_flood_to_its_end(t *testing.T) {
	src := &counter{}
	if _, err := Clean(src, "", Limits{MaxBytes: 1000}); err == nil || src.n > 1<<16 {
		t.Fatalf("read %d bytes, %v", src.n, err)
	}
}

type counter struct{ n int }

func (c *counter) Read(p []byte) (int, error) { c.n += len(p); return len(p), nil }

func TestClean_a_broken_line_is_not_blamed_on_the_file(t *testing.T) {
	_, err := Clean(iotest.ErrReader(io.ErrClosedPipe), "x.jpg", Limits{})
	var r Refused
	if !errors.Is(err, io.ErrClosedPipe) || errors.As(err, &r) {
		t.Fatalf("got %v", err)
	}
}

func TestClean_the_same_photo_gets_the_same_name_in_the_store(t *testing.T) {
	jpg := jpegOf(t, quarters(64, 48))
	a, _ := Clean(bytes.NewReader(withEXIF(jpg, exifBlock(binary.BigEndian, 1))), "a.jpg", Limits{})
	b, _ := Clean(bytes.NewReader(jpg), "b.jpg", Limits{})
	if a.SHA256 == "" || a.SHA256 != b.SHA256 {
		t.Fatalf("%s, %s", a.SHA256, b.SHA256)
	}
}

func TestName_is_one_line_without_folders_and_ends_truly(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, want := range map[string]string{
		"":                         "abababab.jpg",
		".jpg":                     "abababab.jpg",
		"..":                       "abababab.jpg",
		"../../etc/passwd":         "passwd.jpg",
		`C:\Users\li\lamp.JPG`:     "lamp.jpg",
		"lamp.jpeg":                "lamp.jpg",
		"lamp v1.2":                "lamp v1.2.jpg",
		"路灯 不亮.jpg":                "路灯 不亮.jpg",
		"a\r\nSet-Cookie: x.jpg":   "aSet-Cookie_ x.jpg",
		"x\u202Ecod\u2066.jpg":     "xcod.jpg",
		"\xff\xfelamp.png":         "lamp.jpg",
		`"><img src=x>.jpg`:        "___img src=x_.jpg",
		"lamp.jpg\u200B":           "lamp.jpg",
		strings.Repeat("路", 300):   strings.Repeat("路", 116) + ".jpg",
		"lamp.jpg/":                "abababab.jpg",
		"no\u2028break\u0000.webp": "nobreak.jpg",
	} {
		if got := cleanName(name, KindJPEG, sum); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestEXIF_odd_blocks_mean_upright(t *testing.T) {
	good := exifBlock(binary.LittleEndian, 8)
	if exifOrientation(good) != 8 {
		t.Fatal("the good block is not read")
	}
	for n := range good[:8+2+24] {
		if o := exifOrientation(good[:n]); o != upright && n < 8+2+24 {
			t.Errorf("cut to %d bytes: %d", n, o)
		}
	}
	for _, v := range []int{0, 9, 65535} {
		if o := exifOrientation(exifBlock(binary.BigEndian, v)); o != upright {
			t.Errorf("value %d gives %d", v, o)
		}
	}
	far := bytes.Clone(good)
	binary.LittleEndian.PutUint32(far[4:], 0xFFFFFFFF)
	if exifOrientation(far) != upright {
		t.Error("a directory beyond the end")
	}
}

func TestCost_formats_that_need_more_memory_get_fewer_pixels(t *testing.T) {
	lim := Limits{MaxPixels: 100 * 100}
	if _, err := Clean(bytes.NewReader(pngOf(t, image.NewNRGBA(image.Rect(0, 0, 100, 100)))), "", lim); err != nil {
		t.Error(err)
	}
	_, err := Clean(bytes.NewReader(pngOf(t, image.NewNRGBA64(image.Rect(0, 0, 100, 100)))), "", lim)
	var r Refused
	if !errors.As(err, &r) || r.Rule != "file.too_many_pixels" {
		t.Errorf("16 bits per channel: %v", err)
	}
	jpg := jpegOf(t, quarters(100, 100))
	if _, err := Clean(bytes.NewReader(jpg), "", lim); err != nil {
		t.Error(err)
	}
	progressive := bytes.Replace(jpg, []byte{0xFF, 0xC0}, []byte{0xFF, 0xC2}, 1)
	if _, err = Clean(bytes.NewReader(progressive), "", lim); !errors.As(err, &r) || r.Rule != "file.too_many_pixels" {
		t.Errorf("progressive: %v", err)
	}
	frame := []byte{8, 0, 1, 0, 1, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0}
	if got := samplesPerPixel(frame); got != 2 { // 1.5 rounded up
		t.Errorf("4:2:0 has %d samples per pixel", got)
	}
}

func TestPDF_that_inflates_beyond_the_budget_is_refused(t *testing.T) {
	scan := inflater{budget: 1 << 20, buf: make([]byte, 64<<10)}
	body := []byte(deflated(string(make([]byte, 600<<10))))
	if err := scan.stream(body); err != nil {
		t.Fatalf("within the budget: %v", err)
	}
	var r Refused
	if err := scan.stream(body); !errors.As(err, &r) || r.Params["why"] != "hidden" {
		t.Fatalf("beyond the budget of all streams together: %v", err)
	}
}

func TestPDF_a_name_across_two_blocks_is_found(t *testing.T) {
	for shift := range 60 {
		scan := inflater{budget: 1 << 20, buf: make([]byte, 64<<10)}
		body := strings.Repeat(" ", 64<<10-shift) + "/#4a#61#76#61#53#63#72#69#70#74" + strings.Repeat(" ", 100)
		if err := scan.stream([]byte(deflated(body))); err == nil {
			t.Fatalf("missed when it begins %d bytes before the end of a block", shift)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, c := range tricks(f) {
		if len(c.data) < 100_000 {
			f.Add(c.data, c.name)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		c, err := Clean(bytes.NewReader(data), name, Limits{MaxPixels: 1 << 20})
		var r Refused
		if err != nil {
			if !errors.As(err, &r) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		checkKeptFuzz(t, c)
	})
}

// checkKeptFuzz leaves out the traces, which pixels may spell by accident.
func checkKeptFuzz(t *testing.T, c Cleaned) {
	if c.Width > defaultMaxSide || c.Height > defaultMaxSide || trueExtension[c.Kind] == "" || !utf8.ValidString(c.Name) ||
		utf8.RuneCountInString(c.Name) > maxNameRunes || strings.ContainsAny(c.Name, "/\\\n") {
		t.Fatalf("%q %s %dx%d", c.Name, c.Kind, c.Width, c.Height)
	}
	again, err := Clean(bytes.NewReader(c.Data), c.Name, Limits{})
	if err != nil || again.Kind != c.Kind || again.Width != c.Width {
		t.Fatalf("what was kept is not accepted again: %v", err)
	}
}

func FuzzEXIF(f *testing.F) {
	f.Add(exifBlock(binary.LittleEndian, 6))
	f.Add(exifBlock(binary.BigEndian, 3))
	f.Add([]byte("MM\x00*\xFF\xFF\xFF\xFF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		os := []int{exifOrientation(b), orientation(bytes.NewReader(b), KindJPEG), orientation(bytes.NewReader(b), KindPNG), orientation(bytes.NewReader(b), KindWebP)}
		for _, o := range os {
			if o < 1 || o > 8 {
				t.Fatalf("orientation %d", o)
			}
		}
		jpegWork(bytes.NewReader(b))
	})
}

// A 12 megapixel photo with noise, as a telephone sends it.
func BenchmarkClean_photo_of_12_megapixels(b *testing.B) {
	img := quarters(4000, 3000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = img.Pix[i]/2 + byte(rnd.IntN(24)) + byte(i/48000)
		}
	}
	photo := withEXIF(jpegOf(b, img), exifBlock(binary.LittleEndian, 6))
	b.SetBytes(int64(len(photo)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := Clean(bytes.NewReader(photo), "IMG_0001.jpg", Limits{})
		if err != nil || c.Width != 1200 || c.Height != 1600 {
			b.Fatal(fmt.Sprint(err, c.Width, c.Height))
		}
	}
}

func TestClean_refuses_what_carries_the_marker_of_a_virus_wherever_it_stands(t *testing.T) {
	var deflated bytes.Buffer
	z := zlib.NewWriter(&deflated)
	z.Write(bytes.Repeat([]byte("x"), 64<<10-30)) // the marker lies across two blocks
	z.Write(marker)
	z.Close()
	pdf := string(pdfStream("/Filter /FlateDecode", deflated.String()))
	for name, data := range map[string][]byte{"note.txt": marker, "scan.png": append(pngOf(t, quarters(4, 4)), marker...), "scan.pdf": []byte(pdf)} {
		_, err := Clean(bytes.NewReader(data), name, Limits{})
		var no Refused
		if !errors.As(err, &no) || no.Rule != "file.virus" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
