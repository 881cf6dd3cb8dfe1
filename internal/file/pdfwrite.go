package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// Bounds of what a PDF may ask for while it is read.
const (
	maxPDFObjects = 200_000
	maxPDFDepth   = 60
	maxPDFTime    = 20 * time.Second
)

// aboutPDF are the entries by which a document, a page or a picture tells where it comes from.
var aboutPDF = []string{"Metadata", "PieceInfo", "LastModified", "Thumb", "ID", "SpiderInfo", "Perms", "DSS"}

// aboutNote are the entries by which a comment tells who made it and when. T of a form's field is its name.
var aboutNote = []string{"T", "M", "CreationDate", "NM", "Subj", "RC"}

// quiet keeps the library from making a folder for its configuration.
var quiet = sync.OnceFunc(api.DisableConfigDir)

// rewritten reads a PDF and writes it anew. The library only reads: what is written, and nothing else, is decided
// here.
func rewritten(src source) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, broken(KindPDF, "decode")
		}
	}()
	quiet()
	conf := model.NewDefaultConfiguration()
	conf.Offline, conf.Limits.MaxObjectCount, conf.Limits.MaxXRefEntries = true, maxPDFObjects, maxPDFObjects
	conf.Limits.MaxStreamBytes, conf.Limits.MaxDecodeBytes = maxInflated, maxInflated
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(context.Background(), maxPDFTime)
	defer stop()
	doc, err := pdfcpu.ReadWithContext(ctx, src, conf)
	if errors.Is(err, pdfcpu.ErrWrongPassword) || errors.Is(err, pdfcpu.ErrEncrypted) || doc != nil && doc.Encrypt != nil {
		return nil, Refused{"file.active", map[string]string{"found": "Encrypt"}}
	}
	if err != nil || doc.Root == nil {
		return nil, failed(err, broken(KindPDF, "decode"))
	}
	w := &pdfWriter{doc: doc, number: map[int]int{}}
	w.out.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	root, err := w.object(*doc.Root, 0)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(w.queue); i++ {
		if err := w.next(w.queue[i]); err != nil {
			return nil, err
		}
	}
	if !w.pages {
		return nil, broken(KindPDF, "decode")
	}
	w.end(root)
	return w.out.Bytes(), nil
}

// pdfWriter numbers objects in the order in which they are met from the root, so that the same document becomes
// the same bytes.
type pdfWriter struct {
	doc    *model.Context
	out    bytes.Buffer
	number map[int]int // of the document read → of the one written
	queue  []int       // numbers of the document read, in the order of the written ones
	at     []int       // where each written object begins
	pages  bool
}

// next writes one object under its number.
func (w *pdfWriter) next(old int) error {
	w.at = append(w.at, w.out.Len())
	fmt.Fprintf(&w.out, "%d 0 obj\n", len(w.at))
	e, ok := w.doc.Table[old]
	if !ok || e.Free || e.Object == nil {
		w.out.WriteString("null\nendobj\n")
		return nil
	}
	dict, raw, ok := stream(e.Object)
	if !ok {
		o, err := w.object(e.Object, 0)
		if err != nil {
			return err
		}
		w.out.WriteString(spelled(o) + "\nendobj\n")
		return nil
	}
	if isJPEG(dict) {
		raw = bareJPEG(raw)
	}
	dict = dict.Clone().(types.Dict)
	delete(dict, "Length")
	o, err := w.object(dict, 0)
	if err != nil {
		return err
	}
	d := o.(types.Dict)
	d["Length"] = types.Integer(len(raw))
	w.out.WriteString(d.PDFString() + "\nstream\n")
	w.out.Write(raw)
	w.out.WriteString("\nendstream\nendobj\n")
	return nil
}

// stream takes the stream objects of the library apart.
func stream(o types.Object) (types.Dict, []byte, bool) {
	switch s := o.(type) {
	case types.StreamDict:
		return s.Dict, s.Raw, true
	case *types.StreamDict:
		return s.Dict, s.Raw, true
	case types.ObjectStreamDict:
		return s.Dict, s.Raw, true
	case types.XRefStreamDict:
		return s.Dict, s.Raw, true
	}
	return nil, nil, false
}

// object is a copy of o with the numbers of the written document and without what tells where it comes from.
func (w *pdfWriter) object(o types.Object, depth int) (types.Object, error) {
	if depth > maxPDFDepth {
		return nil, broken(KindPDF, "hidden")
	}
	switch v := o.(type) {
	case types.IndirectRef:
		old := v.ObjectNumber.Value()
		n, ok := w.number[old]
		if !ok {
			n = len(w.queue) + 1
			if n > maxPDFObjects {
				return nil, broken(KindPDF, "hidden")
			}
			w.number[old] = n
			w.queue = append(w.queue, old)
		}
		return *types.NewIndirectRef(n, 0), nil
	case *types.IndirectRef:
		return w.object(*v, depth)
	case types.Array:
		out := make(types.Array, 0, len(v))
		for _, e := range v {
			c, err := w.object(e, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
		return out, nil
	case types.Dict:
		return w.dict(v, depth)
	}
	return o, nil
}

func (w *pdfWriter) dict(d types.Dict, depth int) (types.Object, error) {
	out := types.Dict{}
	kind, sub := nameOf(d["Type"]), nameOf(d["Subtype"])
	w.pages = w.pages || kind == "Pages"
	for key, value := range d {
		if slices.Contains(activePDF, key) {
			return nil, Refused{"file.active", map[string]string{"found": key}}
		}
		if n := nameOf(value); (key == "S" || key == "Subtype" || key == "Type") && slices.Contains(activePDF, n) {
			return nil, Refused{"file.active", map[string]string{"found": n}}
		}
		switch {
		case slices.Contains(aboutPDF, key) && !(key == "ID" && kind != "" && kind != "Catalog"):
			continue
		case (kind == "Annot" || d["Rect"] != nil) && sub != "Widget" && slices.Contains(aboutNote, key):
			continue
		case kind == "Sig" && key != "Type" && key != "Filter": // a signature no longer holds, and names who signed
			continue
		}
		c, err := w.object(value, depth+1)
		if err != nil {
			return nil, err
		}
		out[key] = c
	}
	return out, nil
}

func nameOf(o types.Object) string {
	n, ok := o.(types.Name)
	if !ok {
		return ""
	}
	return n.Value()
}

func spelled(o types.Object) string {
	if o == nil {
		return "null"
	}
	return o.PDFString()
}

// end writes the table of objects.
func (w *pdfWriter) end(root types.Object) {
	start := w.out.Len()
	fmt.Fprintf(&w.out, "xref\n0 %d\n0000000000 65535 f \n", len(w.at)+1)
	for _, at := range w.at {
		fmt.Fprintf(&w.out, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&w.out, "trailer\n<</Size %d/Root %s>>\nstartxref\n%d\n%%%%EOF\n", len(w.at)+1, root.PDFString(), start)
}

func isJPEG(d types.Dict) bool {
	f := d["Filter"]
	if list, ok := f.(types.Array); ok && len(list) == 1 {
		f = list[0]
	}
	return nameOf(f) == "DCTDecode"
}

// bareJPEG leaves out of a scanned page what cameras and programs write into a JPEG: every segment that does not
// change a pixel. What does not read like a JPEG becomes nothing.
func bareJPEG(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("\xFF\xD8")) {
		return nil
	}
	out := []byte("\xFF\xD8")
	const adobe, comment = 0xEE, 0xFE // the former tells how colours are coded
	for at := 2; at+4 <= len(data) && data[at] == 0xFF; {
		marker, size := data[at+1], int(data[at+2])<<8|int(data[at+3])
		switch {
		case marker == 0xFF:
			at++
			continue
		case marker == markerSOS:
			end := bytes.LastIndex(data, []byte("\xFF\xD9"))
			if end < at {
				return append(out, data[at:]...)
			}
			return append(out, data[at:end+2]...)
		case size < 2 || at+2+size > len(data):
			return nil
		}
		if app := marker >= 0xE0 && marker <= 0xEF; !app && marker != comment || marker == adobe {
			out = append(out, data[at:at+2+size]...)
		}
		at += 2 + size
	}
	return out
}
