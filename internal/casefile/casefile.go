// Package casefile makes the file of a case as it goes to the archive: cover, index, the parts in their
// order, back cover, as one PDF/A. It is pure: whoever calls it has opened the case, chosen the papers and
// found the words; the same [File] gives the same bytes.
//
// It owns how such a file is laid out, what a complete one is ([File.Missing]), and what can be checked
// about a printed page: the [Sum] over what the pages say, the [Mark] in the QR code of each page, and
// [Verify], which tells whether a page with such a mark belongs to a file on record.
//
// It refuses to look into a case, to know a law or a kind of case (parts are data of a pack), to speak
// (every word comes with the file, or by [Say]), and to put a PDF somebody handed in into the file: what
// lies in it cannot be vouched for, so a sheet stands in its place that names it, its hash and where it
// is kept.
//
// Open this file first; layout.go lays out, sum.go is what can be checked, single.go is one paper alone.
package casefile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"comity/internal/pdf"
	"comity/internal/pdf/truetype"
)

// Say gives the words of a key in the language of the file, with {name} filled from pairs.
type Say func(key string, pairs ...string) string

// File is the file of one case.
type File struct {
	Case     string // its number
	Name     string // what stands on the cover, such as "case file of mediation"
	Number   string // of the file, as archives write it
	Organ    string // who keeps it
	Lang     string
	Made     time.Time
	Cover    []Row
	Parts    []Part
	BackName string
	BackText string
	Back     []Row
	Check    string // address of the page that checks marks; empty: a draft, whose pages say so and bear none
	Say      Say
	Fonts    []*truetype.Font // for characters the font of the program has not
}

// Row is a label and what stands beside it; without a value it is room to write. {pages} in a value is
// how many numbered pages the file has.
type Row struct{ Label, Value string }

// Part is one part of the file. An empty part has no page; the index says so.
type Part struct {
	ID, Name string
	Required bool
	Excuses  bool // a paper here says why required ones are not there
	Papers   []Paper
}

// Paper is one paper of a part. It begins on a page of its own.
type Paper struct {
	Title  string // as the index and the bookmarks call it
	Beside bool   // it belongs here and does not make the part complete
	Date   string // in words
	Blocks []Block
	Scans  []Scan
	Record Record // the event it belongs to, in the log
}

// Kind says what a block is.
type Kind string

// The kinds of blocks; the first four are those of a paper of a pack.
const (
	Title     Kind = "title"
	Paragraph Kind = "paragraph"
	List      Kind = "list"
	Signature Kind = "signature"
	Heading   Kind = "heading"
	Table     Kind = "table" // the first row is its head
	Form      Kind = "form"  // each row a label and what stands beside it
	Sign      Kind = "sign"  // lines to sign on
)

// Block is one part of a paper. Rows are for tables and forms, Lines for everything else.
type Block struct {
	Kind  Kind
	Lines []string
	Rows  [][]string
}

// Scan is a file somebody handed in. JPEG and PNG are set on the page; of anything else there is a sheet
// in its place.
type Scan struct {
	Name  string
	Kind  string // such as application/pdf, for the sheet
	Data  []byte
	Where string // how to get it, for the sheet
}

// Record is the event a paper belongs to: which of the case, counted from 1, and its hash in hexadecimal,
// by which it stands in the log. The zero Record says nothing.
type Record struct {
	Seq  int
	Hash string
}

// Hex writes a hash as pages have it.
func Hex(hash []byte) string { return hex.EncodeToString(hash) }

// Missing lists the required parts that hold nothing, unless a paper of the file says why. A file with
// none is complete.
func (f File) Missing() []Part {
	if f.excused() {
		return nil
	}
	var out []Part
	for _, p := range f.Parts {
		if p.Required && !p.full() {
			out = append(out, p)
		}
	}
	return out
}

func (p Part) full() bool {
	return slices.ContainsFunc(p.Papers, func(x Paper) bool { return !x.Beside })
}

func (f File) excused() bool {
	return slices.ContainsFunc(f.Parts, func(p Part) bool { return p.Excuses && p.full() })
}

// Write writes the file. A file with missing parts is written too, and its index says which are missing:
// a supervisor may want to see it as it is.
func Write(w io.Writer, f File) error {
	m, err := Make(f)
	if err != nil {
		return err
	}
	_, err = w.Write(m.Data)
	return err
}

// Made is a file as written, with what goes on record about it.
type Made struct {
	Known
	Data []byte
}

// Make writes a file into memory and says what is to be put on record.
func Make(f File) (Made, error) {
	b, err := lay(f)
	if err != nil {
		return Made{}, err
	}
	if err := b.stamp(); err != nil {
		return Made{}, err
	}
	var out bytes.Buffer
	if _, err := b.doc.WriteTo(&out); err != nil {
		return Made{}, err
	}
	return Made{Known{b.sum(), b.body}, out.Bytes()}, nil
}

// check refuses what would make a file that says something wrong.
func (f File) check() error {
	switch {
	case f.Say == nil:
		return fmt.Errorf("casefile: File.Say gives the words of head and foot; it is missing")
	case f.Case == "":
		return fmt.Errorf("casefile: File.Case is the number of the case; it is missing")
	case f.Made.IsZero():
		return fmt.Errorf("casefile: File.Made is when the file was made; it is missing")
	}
	seen := map[string]bool{partCover: true, partIndex: true, partBack: true}
	for i, p := range f.Parts {
		if p.ID == "" || seen[p.ID] {
			return fmt.Errorf("casefile: part %d has the id %q, which is empty or taken", i+1, p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// The parts of a page that belongs to none of the file's own.
const (
	partCover = "cover"
	partIndex = "index"
	partBack  = "back"
)

func options(f File) pdf.Options {
	return pdf.Options{Title: f.Name + " " + f.Number, Author: f.Organ, Subject: f.Case, Lang: f.Lang, Made: f.Made, Producer: "Comity", Fonts: f.Fonts}
}

func itoa(n int) string { return strconv.Itoa(n) }
