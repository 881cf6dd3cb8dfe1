// Package csvin reads CSV for imports and never loses its place: a damaged
// record costs that record, not the rest of the file.
//
// It owns the cutting of bytes into records, with the line where each begins
// and the offset where each ends, so that an import can name the line in the
// officer's spreadsheet and go on after an interruption. It refuses to know
// what the columns mean, to guess separators and encodings (comma and UTF-8
// only), and to repair: what is damaged is handed back as it is, as a Bad.
//
// Open csvin.go for the API, then cut.go for how a record is found.
package csvin

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Options is what the import demands. Zero fields take the default.
type Options struct {
	// Columns must all be in the header, each exactly once; their order in the
	// file does not matter, and other columns may be there.
	Columns []string
	// MaxField is the longest field in bytes after unquoting; default 64 KiB.
	MaxField int
	// MaxRecordLines is how many physical lines one record may take; default
	// 100. It bounds how far a quote that nobody closed can reach.
	MaxRecordLines int
	// MaxRecord is how many bytes one record may take; default 1 MiB.
	MaxRecord int
}

func (o Options) filled() Options {
	if o.MaxField <= 0 {
		o.MaxField = 64 << 10
	}
	if o.MaxRecordLines <= 0 {
		o.MaxRecordLines = 100
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = 1 << 20
	}
	return o
}

// A Mark is a place between two records from which reading can go on.
type Mark struct {
	Offset int64 // bytes from the beginning of the file
	Line   int   // physical line that begins there, counted from 1
}

// A Span is the part of the file a record was cut from. The spans of header,
// records and bad records follow each other without gap or overlap; empty
// lines belong to the record before them.
type Span struct {
	Line   int   // physical line where the record begins, counted from 1
	Start  int64 // offset of its first byte
	Offset int64 // offset after its last byte: where to resume
}

// A Record is one good record.
type Record struct {
	Span
	Fields  []string
	columns map[string]int
}

// Get returns the field of the named column, "" when there is no such column.
// Columns demanded in Options are always there.
func (r Record) Get(column string) string {
	if i, ok := r.columns[column]; ok {
		return r.Fields[i]
	}
	return ""
}

// Bad is a record that cannot be used. It is an error after which reading goes
// on with the next call of Next.
type Bad struct {
	Span
	// Reason is the key of an explanation in the pack: "csv.quote" (torn
	// quoting), "csv.columns" (not as many fields as the header), "csv.utf8",
	// "csv.field_too_long" or "csv.record_too_long".
	Reason string
	// Raw is what stands there, line end included; of a record that is too
	// long only the beginning.
	Raw string
}

// Error is for the log and does not repeat the content.
func (b *Bad) Error() string { return fmt.Sprintf("line %d: %s", b.Line, b.Reason) }

// A HeaderError ends the import before it begins. Rule is the key of an
// explanation in the pack: "csv.empty", "csv.header" (unreadable, Reason says
// why), "csv.column_missing" or "csv.column_twice".
type HeaderError struct {
	Rule   string
	Column string // for the rules about a column
	Reason string // for csv.header, a reason of Bad
}

func (e *HeaderError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("csv header: %s %s%s", e.Rule, e.Column, e.Reason))
}

// A Reader reads one file. It is not safe for concurrent use.
type Reader struct {
	opt     Options
	in      window
	header  []string
	columns map[string]int
	mark    Mark
	scratch []byte
	ends    []int
}

// NewReader reads the header and returns a Reader placed after it. Offsets
// count from where src stands. The error is a *HeaderError or comes from src.
func NewReader(src io.Reader, o Options) (*Reader, error) {
	r := &Reader{opt: o.filled(), in: window{src: src}, mark: Mark{Line: 1}}
	if err := r.skipMark(); err != nil {
		return nil, err
	}
	rec, err := r.cut()
	var bad *Bad
	switch {
	case err == io.EOF:
		return nil, &HeaderError{Rule: "csv.empty"}
	case errors.As(err, &bad):
		return nil, &HeaderError{Rule: "csv.header", Reason: bad.Reason}
	case err != nil:
		return nil, err
	}
	for i, name := range rec.Fields {
		rec.Fields[i] = strings.TrimSpace(name)
	}
	return r.withHeader(rec.Fields)
}

// NewReaderAt goes on at a place that Mark gave earlier, with the header read
// then, in the same file.
func NewReaderAt(src io.ReadSeeker, at Mark, header []string, o Options) (*Reader, error) {
	if _, err := src.Seek(at.Offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("resume at byte %d: %w", at.Offset, err)
	}
	r := &Reader{opt: o.filled(), in: window{src: src}, mark: at}
	return r.withHeader(header)
}

// Header returns the names of all columns in the order of the file.
func (r *Reader) Header() []string { return slices.Clone(r.header) }

// Offset returns the number of bytes before the next record.
func (r *Reader) Offset() int64 { return r.mark.Offset }

// Mark returns the place of the next record, for NewReaderAt.
func (r *Reader) Mark() Mark { return r.mark }

// Next returns the next record. A *Bad is a damaged one, and reading goes on;
// io.EOF is the end; any other error comes from the source and is final.
func (r *Reader) Next() (Record, error) {
	rec, err := r.cut()
	rec.columns = r.columns
	return rec, err
}

func (r *Reader) withHeader(header []string) (*Reader, error) {
	r.header = slices.Clone(header)
	r.columns = make(map[string]int, len(header))
	for i, name := range header {
		if _, twice := r.columns[name]; !twice {
			r.columns[name] = i
		} else if slices.Contains(r.opt.Columns, name) {
			return nil, &HeaderError{Rule: "csv.column_twice", Column: name}
		}
	}
	for _, name := range r.opt.Columns {
		if _, ok := r.columns[name]; !ok {
			return nil, &HeaderError{Rule: "csv.column_missing", Column: name}
		}
	}
	return r, nil
}
