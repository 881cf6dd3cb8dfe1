// Package export writes tables that leave the house as files: CSV and XLSX for people who work with
// spreadsheets, JSON Lines for programs.
//
// It owns what every such file has to keep: a cell that begins like a formula never runs as one, dates are
// dates where the format has them, a CSV begins with the mark by which a common spreadsheet knows UTF-8, and
// rows go out as they come, so that a file of a million rows needs the memory of one.
//
// It refuses to know what the rows are about: whoever calls it cut the list by scope, left out what is sealed
// and wrote down that it leaves. It has no words of its own; headings come with the columns.
//
// Open this file first; text.go writes CSV and JSON Lines, sheet.go XLSX.
package export

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	XLSX  Format = "xlsx"
	Lines Format = "jsonl"
)

// Formats lists them, in the order in which they are offered.
var Formats = []Format{CSV, XLSX, Lines}

// Known reports whether a word names a format.
func Known(f string) bool { return slices.Contains(Formats, Format(f)) }

// Type is the media type of a format.
func (f Format) Type() string {
	switch f {
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case Lines:
		return "application/jsonl; charset=utf-8"
	}
	return "text/csv; charset=utf-8"
}

// Column is one column: its name for programs and its heading for people.
type Column struct{ ID, Head string }

// Cell is one value. Words is how a person reads it; Value what a program reads and a spreadsheet reckons
// with: a time.Time, an int, a bool or a string. A cell without a Value is its Words.
type Cell struct {
	Words string
	Value any
}

// Say is a cell of words alone.
func Say(words string) Cell { return Cell{Words: words} }

// Table takes rows until it is closed. After Close the file is whole; without it, it is not. Drop takes away what is
// kept on disk of a table that broke off; after Close there is nothing left to take.
type Table interface {
	Row([]Cell) error
	Close() error
	Drop() error
}

// Options is what a table is written with.
type Options struct {
	Columns []Column
	Zone    *time.Location // dates of spreadsheets are read without one
	Sheet   string         // name of the sheet in XLSX
}

// To begins a table.
func To(w io.Writer, f Format, o Options) (Table, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if len(o.Columns) == 0 {
		return nil, fmt.Errorf("export: a table without columns; name at least one")
	}
	switch f {
	case CSV:
		return newText(w, o)
	case Lines:
		return &lines{w: w, o: o}, nil
	case XLSX:
		return newSheet(w, o)
	}
	return nil, fmt.Errorf("export: there is no format %q; there are %v", f, Formats)
}

// fits refuses a row that would stand under the wrong headings.
func (o *Options) fits(row []Cell) error {
	if len(row) != len(o.Columns) {
		return fmt.Errorf("export: a row of %d cells under %d columns", len(row), len(o.Columns))
	}
	return nil
}
