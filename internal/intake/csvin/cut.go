package csvin

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// How a record is found
//
// A record begins where the one before ended. Without a quotation mark it is
// one physical line. With one, quoted fields are followed over line ends as RFC
// 4180 says, and the quoting is torn when
//   - a closing quote is followed by anything but a comma or a line end,
//   - a quote stands inside a field that does not begin with one, or
//   - the quote is not closed within MaxRecordLines lines, MaxRecord bytes or
//     the file.
// Then only the first physical line is given up, and the next line is taken for
// the beginning of a record. After a quote that was opened and never closed
// this is right; inside a long quoted text it yields more bad records, and a
// line of such a text that has the right number of commas passes for a record.
//
// A quote that is torn may find a partner many lines below, and what lies in
// between looks like one record. So when a record over several lines has the
// wrong number of fields and its second line alone has the right one, again
// only the first line is given up. A partner that also makes the number right
// cannot be told from a real text over several lines.

// cut returns the next record and moves the mark behind it.
func (r *Reader) cut() (Record, error) {
	if err := r.skipBlank(); err != nil {
		return Record{}, err // only at the very beginning are there blanks to skip
	}
	line, err := r.in.line(0, r.opt.MaxRecord)
	switch {
	case err == errLong:
		return Record{}, r.giveUpLong()
	case err != nil && err != io.EOF:
		return Record{}, err
	case len(line) == 0:
		return Record{}, io.EOF
	}
	if bytes.IndexByte(line, '"') < 0 {
		return r.finish(line, 1, r.plain(line), "")
	}
	whole, lines, err := r.quoted()
	if err != nil {
		return Record{}, err
	}
	if whole == 0 {
		line, _ = r.in.line(0, r.opt.MaxRecord) // the window may have moved
		return r.finish(line, 1, nil, "csv.quote")
	}
	fields := r.unquoted()
	if lines > 1 && r.wrongCount(fields) && r.secondLineFits(whole) {
		line, _ = r.in.line(0, r.opt.MaxRecord)
		return r.finish(line, 1, nil, "csv.quote")
	}
	return r.finish(r.in.bytes()[:whole], lines, fields, "")
}

func (r *Reader) wrongCount(fields []string) bool {
	return r.header != nil && len(fields) != len(r.header)
}

// finish judges the fields cut from raw, and moves behind raw and the empty
// lines that follow.
func (r *Reader) finish(raw []byte, lines int, fields []string, reason string) (Record, error) {
	if reason == "" {
		reason = r.fault(raw, fields)
	}
	span := Span{Line: r.mark.Line, Start: r.mark.Offset}
	kept := ""
	if reason != "" {
		kept = string(raw)
	}
	r.advance(len(raw), lines)
	_ = r.skipBlank() // an error of the source is sticky and comes with the next call
	span.Offset = r.mark.Offset
	if reason != "" {
		return Record{}, &Bad{Span: span, Reason: reason, Raw: kept}
	}
	return Record{Span: span, Fields: fields}, nil
}

func (r *Reader) fault(raw []byte, fields []string) string {
	if !utf8.Valid(raw) {
		return "csv.utf8"
	}
	if r.wrongCount(fields) {
		return "csv.columns"
	}
	if len(raw) > r.opt.MaxField {
		for _, f := range fields {
			if len(f) > r.opt.MaxField {
				return "csv.field_too_long"
			}
		}
	}
	return ""
}

// plain splits a line without quotes. The fields share one string.
func (r *Reader) plain(line []byte) []string {
	rest := string(withoutEnd(line))
	fields := make([]string, 0, max(len(r.header), 1))
	for {
		i := strings.IndexByte(rest, ',')
		if i < 0 {
			return append(fields, rest)
		}
		fields = append(fields, rest[:i])
		rest = rest[i+1:]
	}
}

// quoted follows the record at the beginning of the window to its end and
// leaves its unquoted fields in scratch and ends. It returns its length in
// bytes and physical lines; length 0 means that the quoting is torn.
func (r *Reader) quoted() (size, lines int, err error) {
	r.scratch, r.ends = r.scratch[:0], r.ends[:0]
	for {
		lineStart := size
		line, err := r.in.line(lineStart, r.opt.MaxRecord)
		if err == errLong || err == io.EOF && len(line) == 0 {
			return 0, 0, nil
		} else if err != nil && err != io.EOF {
			return 0, 0, err
		}
		lines++
		size += len(line)
		if lines > r.opt.MaxRecordLines || size > r.opt.MaxRecord {
			return 0, 0, nil
		}
		switch r.addLine(line, lines > 1) {
		case torn:
			return 0, 0, nil
		case complete:
			return size, lines, nil
		}
	}
}

type progress int

const (
	complete progress = iota // the record ends with this line
	open                     // a quoted field goes on in the next line
	torn
)

// addLine adds the fields of one physical line; inside says that the line
// begins within a quoted field.
func (r *Reader) addLine(line []byte, inside bool) progress {
	end := line[len(withoutEnd(line)):]
	line = line[:len(line)-len(end)]
	for {
		if !inside && (len(line) == 0 || line[0] != '"') {
			field, rest, more := bytes.Cut(line, comma)
			if bytes.IndexByte(field, '"') >= 0 {
				return torn
			}
			r.addField(field)
			if !more {
				return complete
			}
			line = rest
			continue
		}
		if !inside {
			line = line[1:]
		}
		closing := r.addQuoted(line)
		if closing < 0 {
			if bytes.HasSuffix(end, newline) { // a line end inside a field is always \n
				r.scratch = append(r.scratch, '\n')
			}
			return open
		}
		line, inside = line[closing+1:], false
		r.addField(nil)
		if len(line) == 0 {
			return complete
		}
		if line[0] != ',' {
			return torn
		}
		line = line[1:]
	}
}

var comma, newline = []byte{','}, []byte{'\n'}

// addQuoted adds text up to its closing quote and returns where that is, -1
// when the text goes on.
func (r *Reader) addQuoted(text []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '"')
		if i < 0 {
			r.scratch = append(r.scratch, text[at:]...)
			return -1
		}
		r.scratch = append(r.scratch, text[at:at+i]...)
		at += i
		if at+1 >= len(text) || text[at+1] != '"' {
			return at
		}
		r.scratch = append(r.scratch, '"')
		at += 2
	}
}

func (r *Reader) addField(rest []byte) {
	r.scratch = append(r.scratch, rest...)
	r.ends = append(r.ends, len(r.scratch))
}

// unquoted returns the fields that quoted found. They share one string.
func (r *Reader) unquoted() []string {
	all := string(r.scratch)
	fields := make([]string, len(r.ends))
	start := 0
	for i, end := range r.ends {
		fields[i] = all[start:end]
		start = end
	}
	return fields
}

// secondLineFits reports whether the second physical line of the record of
// size bytes at the window's beginning is a record of the right size by itself.
func (r *Reader) secondLineFits(size int) bool {
	record := r.in.bytes()[:size]
	second := record[bytes.IndexByte(record, '\n')+1:]
	if i := bytes.IndexByte(second, '\n'); i >= 0 {
		second = second[:i+1]
	}
	r.scratch, r.ends = r.scratch[:0], r.ends[:0]
	return len(r.header) > 1 && r.addLine(second, false) == complete && len(r.ends) == len(r.header)
}

// giveUpLong skips a physical line longer than MaxRecord.
func (r *Reader) giveUpLong() error {
	b := &Bad{Span: Span{Line: r.mark.Line, Start: r.mark.Offset}, Reason: "csv.record_too_long"}
	b.Raw = string(r.in.bytes()[:r.opt.MaxRecord])
	for {
		line, err := r.in.line(0, r.opt.MaxRecord)
		if err == errLong {
			r.advance(r.opt.MaxRecord, 0)
			continue
		}
		if err != nil && err != io.EOF {
			return err
		}
		r.advance(len(line), 1)
		break
	}
	_ = r.skipBlank() // as in finish
	b.Offset = r.mark.Offset
	return b
}

// skipBlank moves over empty lines. Its error is the source's, never io.EOF.
func (r *Reader) skipBlank() error {
	for {
		if in := &r.in; in.r < in.w && in.buf[in.r] != '\n' && in.buf[in.r] != '\r' {
			return nil // by far the most common case, without a search
		}
		line, err := r.in.line(0, r.opt.MaxRecord)
		if err != nil && err != io.EOF && err != errLong {
			return err
		}
		if len(line) == 0 || len(withoutEnd(line)) > 0 {
			return nil
		}
		r.advance(len(line), 1)
	}
}

// skipMark moves over the byte order mark that spreadsheets write.
func (r *Reader) skipMark() error {
	const mark = "\uFEFF"
	for r.in.w-r.in.r < len(mark) && r.in.err == nil {
		r.in.fill()
	}
	if bytes.HasPrefix(r.in.bytes(), []byte(mark)) {
		r.advance(len(mark), 0)
	}
	if r.in.err != nil && r.in.err != io.EOF {
		return r.in.err
	}
	return nil
}

func (r *Reader) advance(n, lines int) {
	r.in.r += n
	r.mark.Offset += int64(n)
	r.mark.Line += lines
}

// withoutEnd cuts "\n" or "\r\n" off, and at the end of the file a lone "\r".
func withoutEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, newline)
	return bytes.TrimSuffix(line, []byte{'\r'})
}
