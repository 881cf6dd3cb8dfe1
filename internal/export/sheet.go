package export

import (
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Bounds of the format. A list that is longer goes on in another sheet.
const (
	sheetRows = 1_048_576
	sheetCell = 32_767
)

// sheet is a table as XLSX. The library keeps what does not fit a few megabytes in a file of its own, which
// Close and Drop take away.
type sheet struct {
	w     io.Writer
	o     Options
	file  *excelize.File
	flow  *excelize.StreamWriter
	n     int // rows in this sheet, heads included
	pages int
	most  int // rows a sheet takes
	head  int // style of the heads
	day   int // style of a time
}

func newSheet(w io.Writer, o Options) (*sheet, error) {
	s := &sheet{w: w, o: o, file: excelize.NewFile(), most: sheetRows}
	if s.o.Sheet == "" {
		s.o.Sheet = "1"
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

func (s *sheet) begin() (err error) {
	if s.head, err = s.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	dated := "yyyy-mm-dd hh:mm"
	if s.day, err = s.file.NewStyle(&excelize.Style{CustomNumFmt: &dated}); err != nil {
		return err
	}
	if err := s.file.SetSheetName("Sheet1", sheetName(s.o.Sheet, 1)); err != nil {
		return err
	}
	return s.page()
}

// sheetName is a name the format takes: short, and without the signs it keeps for itself.
func sheetName(name string, page int) string {
	var out []rune
	for _, r := range name {
		switch r {
		case '[', ']', ':', '*', '?', '/', '\\', '\'':
			r = ' '
		}
		if out = append(out, r); len(out) == 24 {
			break
		}
	}
	if page > 1 {
		out = append(out, ' ', rune('0'+page/10%10), rune('0'+page%10))
	}
	return string(out)
}

// page begins a sheet with the heads, which stay in sight.
func (s *sheet) page() (err error) {
	s.pages++
	name := sheetName(s.o.Sheet, s.pages)
	if s.pages > 1 {
		if _, err := s.file.NewSheet(name); err != nil {
			return err
		}
	}
	if s.flow, err = s.file.NewStreamWriter(name); err != nil {
		return err
	}
	if err := s.flow.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	if err := s.flow.SetColWidth(1, len(s.o.Columns), 18); err != nil {
		return err
	}
	heads := make([]any, len(s.o.Columns))
	for i, c := range s.o.Columns {
		heads[i] = excelize.Cell{StyleID: s.head, Value: Safe(c.Head)}
	}
	s.n = 1
	return s.flow.SetRow("A1", heads)
}

func (s *sheet) Row(row []Cell) error {
	if err := s.o.fits(row); err != nil {
		return err
	}
	if s.n == s.most {
		if err := s.flow.Flush(); err != nil {
			return err
		}
		if err := s.page(); err != nil {
			return err
		}
	}
	out := make([]any, len(row))
	for i, c := range row {
		out[i] = s.cell(c)
	}
	s.n++
	at, err := excelize.CoordinatesToCellName(1, s.n)
	if err != nil {
		return err
	}
	return s.flow.SetRow(at, out)
}

// cell gives numbers and times as such and all else as words. Words are stored as words, so that none is a
// formula here; they are made safe all the same, for whoever saves the sheet as CSV.
func (s *sheet) cell(c Cell) any {
	switch v := c.Value.(type) {
	case int:
		return v
	case time.Time:
		if v.IsZero() {
			return nil
		}
		local := v.In(s.o.Zone)
		return excelize.Cell{StyleID: s.day, Value: time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)}
	}
	words := Safe(c.Words)
	if len(words) > sheetCell {
		words = words[:sheetCell-4]
		for !utf8.ValidString(words) {
			words = words[:len(words)-1]
		}
		words += "…"
	}
	return words
}

func (s *sheet) Close() error {
	if err := s.flow.Flush(); err != nil {
		return errors.Join(err, s.Drop())
	}
	_, err := s.file.WriteTo(s.w)
	return errors.Join(err, s.Drop())
}

func (s *sheet) Drop() error { return s.file.Close() }
