package file

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// blanked are attributes by which somebody or some time is named, whatever the prefix of their namespace: who
// commented or changed something and when, who shares a sheet.
var blanked = []string{"author", "initials", "userName", "lastModifiedBy", "lastEditedBy", "userId", "providerId", "name-of-author"}

// left are attributes that are left out.
var left = []string{"date", "dateUtc", "dt", "paraId", "textId", "durableId", "uniqueID", "uid", "creation-date-time"}

// skipped are elements that are left out with everything in them: marks of editing sessions, where the file lay, who
// reserved it, how threads hang together.
var skipped = []string{"rsids", "rsid", "absPath", "fileSharing", "docVars", "attachedTemplate", "mailMerge", "revisionPtr", "documentId", "docId", "writeProtection",
	"event-listeners", "custDataLst", "tracked-changes-author", "forms"}

// emptied are elements whose words are taken out: names in comments and changes.
var emptied = []string{"author", "creator", "creator-initials", "sender-initials", "initial-creator", "editing-cycles"}

// unknownTime stands where ODF says when a comment or change was made. An empty one would not read as a time.
const unknownTime = "1970-01-01T00:00:00"

// activeKinds are kinds of reference to what runs or belongs to another program, whatever the part is called.
var activeKinds = []string{"vbaProject", "wordVbaData", "xlMacrosheet", "xlIntlMacrosheet", "dialogsheet", "oleObject", "package", "control", "activeXControlBinary", "ctrlProp",
	"externalLink", "connections", "queryTable", "attachedToolbars", "keyMapCustomizations", "aFChunk", "webextension", "webextensiontaskpanes", "extensibility"}

// activeFields are the first words of fields that run something or fetch it from elsewhere.
var activeFields = []string{"DDE", "DDEAUTO", "MACROBUTTON", "INCLUDETEXT", "INCLUDEPICTURE", "INCLUDE", "IMPORT", "LINK", "EMBED", "DATABASE"}

// formulas are elements that hold what a sheet calculates; activeFunction is one that fetches or runs something, and
// quoted is what a formula only quotes: words, and names of sheets.
var (
	formulas       = []string{"f", "definedName", "formula", "formula1", "formula2", "calculatedColumnFormula", "totalsRowFormula"}
	activeFunction = regexp.MustCompile(`(?i)\b(DDE|WEBSERVICE|IMAGE|RTD)\s*\(`)
	quoted         = regexp.MustCompile(`"[^"]*"|'[^']*'`)
)

// fromElsewhere are kinds of reference that may point out of the paper, because a person has to follow them.
var fromElsewhere = []string{"/hyperlink"}

// rewriteXML copies one part. It reads tokens and writes them itself: nothing that is not an element, an attribute or
// words gets across, and no document type, with which one could write entities.
func rewriteXML(to io.Writer, from io.Reader, name string) error {
	x := &xmlCopy{out: bufio.NewWriterSize(to, 16<<10), part: name}
	piece := &onePiece{r: from}
	d := xml.NewDecoder(piece)
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, broken("", "encoding") }
	x.out.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n")
	for {
		piece.n = 0
		t, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := x.token(t); err != nil {
			return err
		}
	}
	if len(x.open) > 0 || !x.any {
		return broken("", "decode")
	}
	return x.out.Flush()
}

// maxPiece is how long one element's attributes or words may be: the decoder holds them.
const maxPiece = 4 << 20

// onePiece reads no more than that before the decoder has made something of it.
type onePiece struct {
	r io.Reader
	n int
}

func (o *onePiece) Read(p []byte) (int, error) {
	if o.n > maxPiece {
		return 0, unpacked()
	}
	n, err := o.r.Read(p)
	o.n += n
	return n, err
}

type xmlCopy struct {
	out     *bufio.Writer
	part    string
	open    []xml.Name
	skip    int // elements open within one that is left out
	any     bool
	field   []byte // how the instruction of a field begins, which may be cut up into runs
	formula []byte
}

const maxXMLDepth = 500

func (x *xmlCopy) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.Directive:
		return Refused{"file.active", map[string]string{"found": "DOCTYPE"}}
	case xml.StartElement:
		x.open, x.any = append(x.open, t.Name), true
		if len(x.open) > maxXMLDepth {
			return broken("", "hidden")
		}
		if x.skip > 0 {
			x.skip++
			return nil
		}
		return x.start(t)
	case xml.EndElement:
		if len(x.open) == 0 || x.open[len(x.open)-1] != t.Name {
			return broken("", "decode")
		}
		x.open = x.open[:len(x.open)-1]
		if x.skip > 0 {
			x.skip--
			return nil
		}
		if err := soundFormula(string(x.formula)); err != nil {
			return err
		}
		x.formula = x.formula[:0]
		x.out.WriteString("</" + qualified(t.Name) + ">")
	case xml.CharData:
		if x.skip == 0 && len(x.open) > 0 {
			return x.words(t)
		}
	}
	return nil
}

func (x *xmlCopy) words(t xml.CharData) error {
	in := x.open[len(x.open)-1]
	switch {
	case slices.Contains(emptied, in.Local):
		return nil
	case in.Local == "date" && in.Space == "dc":
		t = xml.CharData(unknownTime)
	case in.Local == "instrText":
		x.field = bytes.TrimLeft(append(x.field, t...), " \t\r\n")
		x.field = x.field[:min(len(x.field), maxFieldWord)]
		if err := soundField(string(x.field)); err != nil {
			return err
		}
	case slices.Contains(formulas, in.Local):
		if x.formula = append(x.formula, t...); len(x.formula) > maxFormula {
			return broken("", "hidden")
		}
	}
	return xml.EscapeText(x.out, t)
}

const (
	maxFieldWord = 64       // bytes of an instruction that are looked at: its first word decides
	maxFormula   = 64 << 10 // bytes; office programs stop at an eighth
)

// soundField refuses an instruction of a field that runs or fetches something.
func soundField(instruction string) error {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(instruction)), " ")
	if slices.Contains(activeFields, word) {
		return Refused{"file.active", map[string]string{"found": word}}
	}
	return nil
}

// soundFormula refuses a formula that does.
func soundFormula(formula string) error {
	if found := activeFunction.FindStringSubmatch(quoted.ReplaceAllString(formula, "''")); found != nil {
		return Refused{"file.active", map[string]string{"found": strings.ToUpper(found[1])}}
	}
	return nil
}

func (x *xmlCopy) start(t xml.StartElement) error {
	drop, err := x.leavesOut(t)
	if err != nil {
		return err
	}
	if drop {
		x.skip = 1
		return nil
	}
	x.out.WriteString("<" + qualified(t.Name))
	for _, a := range t.Attr {
		local := a.Name.Local
		declares := a.Name.Space == "xmlns" || a.Name.Space == "" && local == "xmlns"
		switch {
		case declares:
		case strings.HasPrefix(local, "rsid"), slices.Contains(left, local) && (local == "dt" || a.Name.Space != "" && a.Name.Space != "office"):
			continue
		case t.Name.Local == "pageSetup" && local == "id": // of the printer, whose part is left out
			continue
		case slices.Contains(blanked, local) || local == "name" && (t.Name.Local == "cmAuthor" || t.Name.Local == "author"):
			a.Value = ""
		case unsafeAddress(a.Value):
			return Refused{"file.active", map[string]string{"found": local}}
		case local == "formula":
			if err := soundFormula(a.Value); err != nil {
				return err
			}
		}
		x.out.WriteString(" " + qualified(a.Name) + `="`)
		if err := xml.EscapeText(x.out, []byte(a.Value)); err != nil {
			return err
		}
		x.out.WriteString(`"`)
	}
	x.out.WriteString(">")
	return nil
}

// unsafeAddress reports what runs when it is followed.
func unsafeAddress(v string) bool {
	v = strings.ToLower(strings.TrimSpace(v))
	return strings.HasPrefix(v, "javascript:") || strings.HasPrefix(v, "vbscript:") || strings.HasPrefix(v, "vnd.sun.star.script:") || strings.HasPrefix(v, "macro:")
}

// leavesOut says whether an element is left out, or the paper refused for it.
func (x *xmlCopy) leavesOut(t xml.StartElement) (bool, error) {
	local := t.Name.Local
	switch {
	case slices.Contains(skipped, local):
		return true, nil
	case local == "Relationship":
		return x.relation(t)
	case local == "Override" && x.part == "[Content_Types].xml":
		return handle(strings.TrimPrefix(attr(t, "PartName"), "/")) == dropPart, nil
	case local == "file-entry":
		return handle(attr(t, "full-path")) == dropPart && attr(t, "full-path") != "/", nil
	case local == "script" || local == "event-listener" || local == "ddeLink" || local == "oleLink" || local == "dde-source" || local == "object-ole":
		return false, Refused{"file.active", map[string]string{"found": local}}
	case local == "fldChar": // between two of them stands one instruction
		x.field = x.field[:0]
	case local == "fldSimple":
		return false, soundField(attr(t, "instr"))
	case local == "image" && t.Name.Space == "draw", local == "fill-image", local == "background-image", local == "section-source", local == "plugin", local == "applet":
		if href := attr(t, "href"); strings.Contains(href, ":") || strings.HasPrefix(href, "/") || strings.HasPrefix(href, "..") {
			return false, Refused{"file.active", map[string]string{"found": local}}
		}
	}
	return false, nil
}

// relation keeps a reference to a part that is kept, and out of the paper only what a person follows.
func (x *xmlCopy) relation(t xml.StartElement) (bool, error) {
	kind, target := attr(t, "Type"), attr(t, "Target")
	if name := path.Base(kind); slices.ContainsFunc(activeKinds, func(s string) bool { return strings.EqualFold(s, name) }) {
		return false, Refused{"file.active", map[string]string{"found": name}}
	}
	if strings.EqualFold(attr(t, "TargetMode"), "External") {
		if slices.ContainsFunc(fromElsewhere, func(s string) bool { return strings.HasSuffix(kind, s) }) && !unsafeAddress(target) {
			return false, nil
		}
		if strings.HasSuffix(kind, "/attachedTemplate") { // a path on somebody's machine, or a trap
			return true, nil
		}
		return false, Refused{"file.active", map[string]string{"found": path.Base(kind)}}
	}
	base := path.Dir(path.Dir(x.part)) // word/_rels/document.xml.rels speaks of word/
	if base == "." {
		base = ""
	}
	to := path.Join(base, target)
	if strings.HasPrefix(target, "/") {
		to = target[1:]
	}
	return handle(to) == dropPart || handle(target) == dropPart, nil
}

func attr(t xml.StartElement, local string) string {
	for _, a := range t.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}
