package file

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
)

// activePDF are the names of PDF features that run something, send something,
// hide files or hide everything (ISO 32000-1, 7.6, 7.11.4, 12.6.4). An action
// with a script always carries the name JavaScript or Rendition, so the short
// key JS, which turns up in compressed bytes by accident, is not needed.
var activePDF = []string{"JavaScript", "Launch", "EmbeddedFile", "EmbeddedFiles", "Encrypt", "RichMedia",
	"Rendition", "XFA", "SubmitForm", "ImportData", "GoToR", "GoToE"}

const (
	longestPDFName = 13        // "EmbeddedFiles"
	maxInflated    = 256 << 20 // bytes of all compressed parts of one PDF
	trailerWindow  = 1024      // readers look for %%EOF in the last 1024 bytes
)

// cleanPDF writes a PDF anew from what its pages need. What a document says about itself (Info, XMP, the data of
// programs, previews, who commented and when), what earlier versions of it left behind and what is hidden between its
// objects do not come along. What runs, sends or hides something is refused and not left out, because whoever sent it
// should learn that something is missing.
//
// The objects are held in memory while this runs. byMarker looks for the marker of virus.go in compressed parts.
func cleanPDF(out io.Writer, src source, byMarker bool) error {
	defer heavy()()
	if err := framePDF(src); err != nil {
		return err
	}
	data, err := rewritten(src)
	if err != nil {
		return err
	}
	if err := checkPDF(data, byMarker); err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// framePDF looks at the beginning and the end.
func framePDF(src source) error {
	head, end := make([]byte, 8), make([]byte, min(trailerWindow, src.Size()))
	if _, err := src.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := src.ReadAt(end, src.Size()-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case head[5] < '1' || head[5] > '2' || head[6] != '.':
		return broken(KindPDF, "header")
	case !bytes.Contains(end, []byte("%%EOF")) || !bytes.Contains(end, []byte("startxref")):
		return broken(KindPDF, "trailer")
	}
	return nil
}

// checkPDF accepts what cleanPDF wrote, if it has no active parts. It scans for names, also where they are spelled
// with #xx and inside compressed streams, and so sees what was not understood when it was read: it refuses what it
// cannot look into, and may refuse a harmless page that quotes such a name.
func checkPDF(data []byte, byMarker bool) error {
	if byMarker && marked(data) {
		return Refused{Rule: "file.virus"}
	}
	if found := activeName(data); found != "" {
		return Refused{"file.active", map[string]string{"found": found}}
	}
	return checkStreams(data, byMarker)
}

// checkStreams looks into the compressed parts. Objects, and with them actions,
// may be stored in "object streams"; what a stream is called does not have to
// be true, so each one that inflates is scanned.
func checkStreams(data []byte, byMarker bool) error {
	scan := inflater{byMarker: byMarker, budget: maxInflated, buf: make([]byte, 64<<10)}
	keyword := []byte("stream")
	before := 0 // end of the previous keyword: the dictionary lies in between
	for {
		i := bytes.Index(data[before:], keyword)
		if i < 0 {
			return nil
		}
		at := before + i
		dict, body := data[before:at], data[at+len(keyword):]
		before = at + len(keyword)
		if bytes.HasSuffix(dict, []byte("end")) {
			continue
		}
		if hasName(dict, "ObjStm") && !plainlyDeflated(dict) {
			return broken(KindPDF, "hidden")
		}
		// No zlib stream begins with white space, so more than the one line
		// end the standard allows may be skipped.
		if err := scan.stream(bytes.TrimLeft(body, " \r\n")); err != nil {
			return err
		}
	}
}

// plainlyDeflated reports a dictionary with no other coding than deflate, and
// none that hides the text from a scan after inflating.
func plainlyDeflated(dict []byte) bool {
	for _, other := range []string{"ASCIIHexDecode", "AHx", "ASCII85Decode", "A85", "LZWDecode", "LZW",
		"RunLengthDecode", "RL", "Predictor", "Crypt"} {
		if hasName(dict, other) {
			return false
		}
	}
	return true
}

// inflater scans compressed streams of one PDF within a budget of bytes.
type inflater struct {
	budget   int64
	buf      []byte
	byMarker bool
}

// stream scans body when it begins like a zlib stream. A broken one is read as
// far as it goes, as viewers do.
func (f *inflater) stream(body []byte) error {
	z, err := zlib.NewReader(bytes.NewReader(body))
	if errors.Is(err, zlib.ErrDictionary) {
		return broken(KindPDF, "hidden")
	}
	if err != nil {
		return nil // not deflated, and the plain bytes have been scanned
	}
	defer z.Close()
	// The tail of the last block is kept, lest a name fall between two blocks.
	const tail = 3*longestPDFName + 42 // longer than the marker of virus.go
	const perStream = 4 << 10          // so that a million empty streams cost something too
	f.budget -= perStream
	for kept := 0; ; {
		n, err := io.ReadFull(z, f.buf[kept:])
		if f.budget -= int64(n); f.budget < 0 {
			return broken(KindPDF, "hidden")
		}
		block := f.buf[:kept+n]
		if f.byMarker && marked(block) {
			return Refused{Rule: "file.virus"}
		}
		if found := activeName(block); found != "" {
			return Refused{"file.active", map[string]string{"found": found}}
		}
		if err != nil {
			return nil
		}
		kept = copy(f.buf, block[len(block)-tail:])
	}
}

// activeName returns the first active name in b, "" when there is none.
func activeName(b []byte) string {
	found := ""
	eachName(b, func(name []byte) bool {
		for _, a := range activePDF {
			if string(name) == a {
				found = a
			}
		}
		return found == ""
	})
	return found
}

func hasName(b []byte, want string) bool {
	found := false
	eachName(b, func(name []byte) bool {
		found = string(name) == want
		return !found
	})
	return found
}

// eachName calls visit for each /Name in b, with #xx decoded and cut off one
// byte after the longest name we look for, until visit returns false.
func eachName(b []byte, visit func(name []byte) bool) {
	var name [longestPDFName + 2]byte
	for {
		i := bytes.IndexByte(b, '/')
		if i < 0 {
			return
		}
		b = b[i+1:]
		n := 0
		for at := 0; at < len(b) && n < len(name) && !endsName(b[at]); at++ {
			name[n] = b[at]
			if b[at] == '#' && at+2 < len(b) && unhex(b[at+1]) >= 0 && unhex(b[at+2]) >= 0 {
				name[n] = byte(unhex(b[at+1])<<4 | unhex(b[at+2]))
				at += 2
			}
			n++
		}
		if !visit(name[:n]) {
			return
		}
	}
}

func endsName(c byte) bool {
	switch c {
	case 0, '\t', '\n', '\f', '\r', ' ', '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
