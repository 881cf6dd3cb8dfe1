package file

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Papers of office programs are archives of XML and pictures (ECMA-376, OASIS ODF 1.3). They are put together anew:
//
//	words and figures       the XML is read and written anew, without names of authors, times of changes and marks by
//	                        which two papers are known to come from one hand (officexml.go)
//	pictures                JPEG and PNG pass cleanImage
//	about the paper         properties, previews, printers, custom data, people, threads: left out, and the
//	                        references to them with them
//	macros, other programs' objects, sheets of other files, scripts, what is fetched from elsewhere: refused
//	everything else         refused by its name, so that whoever sent it can take it out

// parts says what is done with the parts of one kind of paper.
type parts struct {
	main string // a part it does not exist without
	odf  bool
}

var office = map[string]*parts{
	KindDOCX: {main: "word/document.xml"}, KindXLSX: {main: "xl/workbook.xml"}, KindPPTX: {main: "ppt/presentation.xml"},
	KindODT: {main: "content.xml", odf: true}, KindODS: {main: "content.xml", odf: true}, KindODP: {main: "content.xml", odf: true},
}

// Bounds of an archive. XML of sheets shrinks to a hundredth, so the ratio counts only for what is large.
const (
	maxEntries    = 5000
	maxDirectory  = 256 * maxEntries // bytes in which the parts are listed
	maxUnpacked   = 200 << 20
	bigEntry      = 20 << 20
	maxRatio      = 250
	maxPartName   = 200
	mimetypeEntry = "mimetype"
)

func unpacked() error { return Refused{Rule: "file.unpacked"} }

// openZip reads which parts an archive lists. A list takes ten times its length when it is read, and what the archive
// says of its own length binds nobody: so no more than maxDirectory of it is handed out.
func openZip(src source) (*zip.Reader, error) {
	list := &directory{ReaderAt: src, left: maxDirectory}
	z, err := zip.NewReader(list, src.Size())
	if list.left < 0 || err == nil && len(z.File) > maxEntries {
		return nil, unpacked()
	}
	list.read = true
	return z, err
}

// directory hands out an archive, and of the list of its parts no more than may be.
type directory struct {
	io.ReaderAt
	left int64
	read bool // the list was
}

func (d *directory) ReadAt(p []byte, at int64) (int, error) {
	if !d.read {
		if d.left -= int64(len(p)); d.left < 0 {
			return 0, unpacked()
		}
	}
	return d.ReaderAt.ReadAt(p, at)
}

// officeKind says which paper an archive is; kindZip for none.
func officeKind(src source) string {
	z, err := openZip(src)
	if err != nil {
		return kindZip
	}
	for _, f := range z.File {
		if f.Name == mimetypeEntry && f.UncompressedSize64 < 100 {
			if kind := readSmall(f); office[kind] != nil && office[kind].odf {
				return kind
			}
		}
		for kind, p := range office {
			if !p.odf && f.Name == p.main {
				return kind
			}
		}
	}
	return kindZip
}

func readSmall(f *zip.File) string {
	r, err := f.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 200))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// what is done with a part.
type handling int

const (
	refusePart handling = iota
	refuseActive
	dropPart
	rewritePart
	redrawPart
)

// dropped are parts about the paper, by the beginning of their names.
var dropped = []string{"docProps/", "customXml/", "word/people", "word/commentsExtended", "word/commentsIds", "word/commentsExtensible",
	"xl/persons/", "xl/threadedComments/", "xl/printerSettings/", "word/printerSettings/", "ppt/printerSettings/", "xl/calcChain",
	"word/stylesWithEffects", "docMetadata/", "_xmlsignatures/", "xl/customProperty", "userCustomization/",
	"meta.xml", "settings.xml", "Thumbnails/", "Configurations2/", "layout-cache", "manifest.rdf", "META-INF/documentsignatures"}

// active are parts that run, or belong to programs nobody here can look into.
var active = []string{"vbaProject", "vbaData", "activeX/", "embeddings/", "macrosheets/", "dialogsheets/", "externalLinks/", "ctrlProps/",
	"attachedToolbars", "xl/connections", "xl/queryTables/", "xl/revisions/", "webextensions/", "customUI/", "Basic/", "Scripts/", "Dialogs/", "META-INF/macrosignatures", "Object "}

// handle goes by the name whatever its case: office programs find a part in any.
func handle(name string) handling {
	lower := strings.ToLower(name)
	for _, a := range active {
		if strings.Contains(lower, strings.ToLower(a)) {
			return refuseActive
		}
	}
	for _, d := range dropped {
		if strings.HasPrefix(lower, strings.ToLower(d)) {
			return dropPart
		}
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".xml", ".rels", ".vml":
		return rewritePart
	case ".jpg", ".jpeg", ".png":
		return redrawPart
	}
	return refusePart
}

// soundName reports the name of a part that leads nowhere else.
func soundName(name string) bool {
	return name != "" && len(name) <= maxPartName && !strings.HasPrefix(name, "/") && !strings.ContainsAny(name, "\\:\x00") &&
		path.Clean(name) == name
}

// cleanOffice puts a paper together anew.
func cleanOffice(out io.Writer, src source, kind string, lim Limits) error {
	z, err := openZip(src)
	var no Refused
	if err != nil && !errors.As(err, &no) {
		return failed(err, broken(kind, "decode"))
	}
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(slices.Clone(z.File), func(f *zip.File) bool { return strings.HasSuffix(f.Name, "/") })
	seen := map[string]bool{}
	for _, f := range files {
		lower := strings.ToLower(f.Name)
		if !soundName(f.Name) || seen[lower] || f.Flags&1 != 0 { // the flag: encrypted
			return broken(kind, "hidden")
		}
		seen[lower] = true
	}
	w := &officeWriter{kind: kind, zip: zip.NewWriter(out), budget: maxUnpacked, lim: lim}
	if office[kind].odf {
		m, err := w.zip.CreateHeader(&zip.FileHeader{Name: mimetypeEntry, Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(m, kind)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range files {
		if f.Name == mimetypeEntry && office[kind].odf {
			continue
		}
		if err := w.part(f); err != nil {
			return err
		}
	}
	if !w.main {
		return broken(kind, "decode")
	}
	return w.zip.Close()
}

type officeWriter struct {
	kind   string
	zip    *zip.Writer
	budget int64
	lim    Limits
	main   bool
}

func (w *officeWriter) part(f *zip.File) error {
	how := handle(f.Name)
	switch how {
	case refuseActive:
		return Refused{"file.active", map[string]string{"found": path.Base(f.Name)}}
	case refusePart:
		return Refused{"file.inside", map[string]string{"part": path.Base(f.Name)}}
	case dropPart:
		return nil
	}
	w.main = w.main || f.Name == office[w.kind].main
	in, err := f.Open()
	if err != nil {
		return broken(w.kind, "decode")
	}
	defer in.Close()
	bounded := &bounded{r: in, left: &w.budget, packed: int64(f.CompressedSize64)}
	to, err := w.zip.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate}) // no time of change
	if err != nil {
		return err
	}
	if how == redrawPart {
		return w.picture(to, bounded, f)
	}
	return w.sorted(bounded, rewriteXML(ours{to}, bounded, f.Name))
}

// ours marks trouble with what we write, which is not the fault of the paper.
type ours struct{ io.Writer }

func (o ours) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = unread{err}
	}
	return n, err
}

// sorted tells trouble with the archive from what was found in it.
func (w *officeWriter) sorted(b *bounded, err error) error {
	var no Refused
	switch {
	case err == nil:
		return nil
	case b.burst:
		return unpacked()
	case errors.As(err, &no):
		return err
	}
	return failed(err, broken(w.kind, "decode"))
}

// picture redraws a picture of a paper as what its name says. It is at most as large as an upload, and unpacked anew
// each time a decoder goes over it, so that nobody has to hold it.
func (w *officeWriter) picture(to io.Writer, in *bounded, f *zip.File) error {
	look := newSurvey()
	if _, err := io.Copy(look, io.LimitReader(in, w.lim.MaxBytes+1)); err != nil || look.size > w.lim.MaxBytes {
		return w.sorted(in, errors.Join(err, unpacked()))
	}
	kind, as := look.kind(), KindJPEG
	if strings.EqualFold(path.Ext(f.Name), ".png") {
		as = KindPNG
	}
	if kind != KindJPEG && kind != KindPNG {
		return Refused{"file.inside", map[string]string{"part": path.Base(f.Name)}}
	}
	again := &repeated{f: f}
	defer again.close()
	_, err := cleanImage(to, again, kind, as, w.lim)
	return err
}

// repeated reads one entry as often as it is sent back to its beginning, and can go nowhere else.
type repeated struct {
	f   *zip.File
	now io.ReadCloser
}

func (r *repeated) Read(p []byte) (int, error) { return r.now.Read(p) }

func (r *repeated) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.New("file: an entry is read from its beginning")
	}
	r.close()
	var err error
	r.now, err = r.f.Open()
	return 0, err
}

func (r *repeated) close() {
	if r.now != nil {
		r.now.Close()
		r.now = nil
	}
}

// bounded reads one entry within what is left of the whole archive, whatever the archive says about its sizes.
type bounded struct {
	r      io.Reader
	left   *int64
	packed int64
	n      int64
	burst  bool
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	*b.left -= int64(n)
	if *b.left < 0 || b.n > bigEntry && b.n/max(1, b.packed) > maxRatio {
		b.burst = true
		return 0, errors.New("the archive unpacks to " + strconv.FormatInt(b.n, 10) + " bytes and more")
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("unpack: %w", err)
	}
	return n, err
}
