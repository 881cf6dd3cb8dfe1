package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

var noon = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

var options = Options{Zone: time.FixedZone("there", 8*3600), Sheet: "Cases: 1/2", Columns: []Column{{"ref", "Number"}, {"title", "=Title"}, {"due", "Due"}, {"raised", "Raised"}, {"late", "Late"}}}

var evil = []string{`=HYPERLINK("http://evil.example","x")`, "+1", "-2", "@SUM(A1)", "\t=1", "　=1+1", "\u200b=1", "＝1", "%0", "|calc"}

func written(t *testing.T, f Format, rows ...[]Cell) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := To(&b, f, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func row(title string) []Cell {
	return []Cell{Say("A-1"), Say(title), {Value: noon}, {Value: 3}, {Words: "yes", Value: true}}
}

func Test_no_cell_of_a_spreadsheet_begins_like_a_formula(t *testing.T) {
	for _, bad := range evil {
		got := written(t, CSV, row(bad))
		all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(got), "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if all[1][1] != "'"+bad || all[0][1] != "'=Title" {
			t.Errorf("CSV: %q under %q", all[1][1], all[0][1])
		}
		f, err := excelize.OpenReader(bytes.NewReader(written(t, XLSX, row(bad))))
		if err != nil {
			t.Fatal(err)
		}
		name := f.GetSheetName(0)
		if formula, _ := f.GetCellFormula(name, "B2"); formula != "" {
			t.Errorf("XLSX: %q is the formula %q", bad, formula)
		}
		if words, _ := f.GetCellValue(name, "B2"); !strings.HasPrefix(words, "'") {
			t.Errorf("XLSX: %q would be one when it is saved as CSV", words)
		}
		f.Close()
	}
}

func Test_a_sheet_has_heads_that_stay_and_dates_that_are_dates(t *testing.T) {
	f, err := excelize.OpenReader(bytes.NewReader(written(t, XLSX, row("灯"))))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := f.GetSheetName(0)
	panes, err := f.GetPanes(name)
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes %+v, %v", panes, err)
	}
	raw, err := f.GetCellValue(name, "C2", excelize.Options{RawCellValue: true})
	if err != nil || raw != "46083.5" { // noon over there, as a number of days
		t.Errorf("the date is stored as %q, %v", raw, err)
	}
	if shown, _ := f.GetCellValue(name, "C2"); shown != "2026-03-02 12:00" {
		t.Errorf("the date is shown as %q", shown)
	}
	if kind, _ := f.GetCellType(name, "D2"); kind == excelize.CellTypeSharedString || kind == excelize.CellTypeInlineString {
		t.Error("a number is words")
	}
	if words, _ := f.GetCellValue(name, "B2"); words != "灯" {
		t.Errorf("the title is %q", words)
	}
}

func Test_a_list_longer_than_a_sheet_goes_on_in_another(t *testing.T) {
	var b bytes.Buffer
	s, err := newSheet(&b, options)
	if err != nil {
		t.Fatal(err)
	}
	s.most = 3
	for range 5 {
		if err := s.Row(row("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name)
		if err != nil || rows[0][0] != "Number" {
			t.Fatalf("%s begins with %v, %v", name, rows, err)
		}
		n += len(rows) - 1
	}
	if n != 5 || len(f.GetSheetList()) != 3 {
		t.Errorf("%d rows in %v", n, f.GetSheetList())
	}
}

func Test_a_sheet_that_breaks_off_leaves_nothing_on_the_disk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s, err := newSheet(&bytes.Buffer{}, options)
	if err != nil {
		t.Fatal(err)
	}
	kept := func() int {
		all, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for i := 0; kept() == 0; i++ {
		if i == 2000 {
			t.Fatal("nothing is kept on disk of 60 megabytes; what is this test for?")
		}
		if err := s.Row(row(strings.Repeat("x", 30_000))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drop(); err != nil || kept() != 0 {
		t.Errorf("%d files are left, %v", kept(), err)
	}
}

func Test_lines_for_programs_have_values_and_nothing_for_nothing(t *testing.T) {
	got := written(t, Lines, row("=1"), []Cell{Say("A-2"), Say(""), {Value: time.Time{}}, {Value: 0}, {Words: "", Value: false}})
	all := strings.Split(strings.TrimSpace(string(got)), "\n")
	if want := `{"ref":"A-1","title":"=1","due":"2026-03-02T04:00:00Z","raised":3,"late":true}`; all[0] != want {
		t.Errorf("got %s, want %s", all[0], want)
	}
	var second map[string]any
	if err := json.Unmarshal([]byte(all[1]), &second); err != nil || second["title"] != nil || second["due"] != nil || second["late"] != false {
		t.Errorf("%s: %v", all[1], err)
	}
}

func Test_a_csv_begins_with_the_mark_of_its_encoding(t *testing.T) {
	if !bytes.HasPrefix(written(t, CSV), []byte{0xef, 0xbb, 0xbf}) {
		t.Error("it does not")
	}
}

func Test_a_row_that_does_not_fit_its_heads_is_refused(t *testing.T) {
	for _, f := range Formats {
		w, err := To(&bytes.Buffer{}, f, options)
		if err != nil {
			t.Fatal(err)
		}
		if w.Row([]Cell{Say("alone")}) == nil {
			t.Errorf("%s takes it", f)
		}
	}
	if _, err := To(&bytes.Buffer{}, "pdf", options); err == nil {
		t.Error("a format nobody knows")
	}
}
