package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
)

// text is a table as CSV.
type text struct {
	csv *csv.Writer
	o   Options
}

// mark is without meaning in UTF-8, but without it a common spreadsheet reads the file as something else.
const mark = "\ufeff"

func newText(w io.Writer, o Options) (*text, error) {
	if _, err := io.WriteString(w, mark); err != nil {
		return nil, err
	}
	t := &text{csv.NewWriter(w), o}
	var heads []string
	for _, c := range o.Columns {
		heads = append(heads, Safe(c.Head))
	}
	return t, t.csv.Write(heads)
}

func (t *text) Row(row []Cell) error {
	if err := t.o.fits(row); err != nil {
		return err
	}
	out := make([]string, len(row))
	for i, c := range row {
		switch v := c.Value.(type) {
		case int:
			out[i] = strconv.Itoa(v)
		case time.Time:
			if out[i] = ""; !v.IsZero() {
				out[i] = v.In(t.o.Zone).Format("2006-01-02 15:04")
			}
		default:
			out[i] = Safe(c.Words)
		}
	}
	return t.csv.Write(out)
}

func (t *text) Close() error {
	t.csv.Flush()
	return t.csv.Error()
}

func (t *text) Drop() error { return nil }

// Safe keeps what somebody wrote from running as a formula in a spreadsheet: a cell that begins like one
// gets an apostrophe in front, also after blanks that some programs skip.
func Safe(s string) string {
	t := strings.TrimLeft(s, " \u00a0\u3000\ufeff\u200b")
	if t != "" && strings.ContainsAny(t[:1], "=+-@\t\r\n|%") || strings.HasPrefix(t, "＝") || strings.HasPrefix(t, "＋") || strings.HasPrefix(t, "－") || strings.HasPrefix(t, "＠") {
		return "'" + s
	}
	return s
}

// lines is a table as JSON, one object a line, with the names for programs in the order of the columns.
type lines struct {
	w io.Writer
	o Options
	b bytes.Buffer
}

func (l *lines) Row(row []Cell) error {
	if err := l.o.fits(row); err != nil {
		return err
	}
	l.b.Reset()
	for i, c := range row {
		l.b.WriteByte("{,"[min(i, 1)])
		name, err := json.Marshal(l.o.Columns[i].ID)
		if err != nil {
			return err
		}
		value, err := json.Marshal(c.forPrograms())
		if err != nil {
			return err
		}
		l.b.Write(name)
		l.b.WriteByte(':')
		l.b.Write(value)
	}
	l.b.WriteString("}\n")
	_, err := l.w.Write(l.b.Bytes())
	return err
}

func (l *lines) Close() error { return nil }

func (l *lines) Drop() error { return nil }

// forPrograms is null for nothing, so that an empty word and no word are told apart by nobody.
func (c Cell) forPrograms() any {
	switch v := c.Value.(type) {
	case nil:
		if c.Words == "" {
			return nil
		}
		return c.Words
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC().Format(time.RFC3339)
	case string:
		if v == "" {
			return nil
		}
	}
	return c.Value
}
