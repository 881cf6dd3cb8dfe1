package intake_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"comity/internal/intake"
	"comity/internal/pack"
)

func boston(t *testing.T) (*pack.Pack, string) {
	t.Helper()
	p, err := pack.LoadFrom(os.DirFS("../../packs"), "us-boston-311", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../../packs/us-boston-311/mappings/boston-311.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p, string(raw)
}

func load(p *pack.Pack, raw string) (*intake.Mapping, error) {
	return intake.LoadMapping(fstest.MapFS{"mappings/m.yaml": {Data: []byte(raw)}}, p, "m")
}

func Test_a_mistake_in_a_mapping_is_named_with_file_and_line(t *testing.T) {
	p, good := boston(t)
	for name, v := range map[string]struct{ old, new, want string }{
		"a category the pack does not have":  {"animal.lost", "animal.stray", `no "animal.stray"`},
		"a unit the pack does not have":      {"Roxbury\": roxbury", "Roxbury\": roxburry", `no "roxburry"`},
		"an outcome the procedure lacks":     {"outcome: duplicate}", "outcome: twice}", `no "twice"`},
		"a name that is not known":           {"external:", "extern:", `did you mean "external"`},
		"a column that was forgotten":        {"  external: case_enquiry_id\n", "", "columns.external"},
		"a zone that does not exist":         {"zone: America/New_York", "zone: America/Bostn", "not a time zone"},
		"an undo that does not exist":        {"\nundo: local_read_as_utc", "\nundo: magic", "undo"},
		"a pattern that does not compile":    {"strip: '^Case", "strip: '^(Case", "columns.answer.strip"},
		"a procedure the pack does not have": {`procedure: "311"`, `procedure: "312"`, `no "312"`},
		"a list where a value is expected":   {"external: case_enquiry_id", "external: [a, b]", "one value is expected"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, v.old, v.new, 1)
			if bad == good {
				t.Fatalf("%q is not in the mapping", v.old)
			}
			_, err := load(p, bad)
			if err == nil || !strings.Contains(err.Error(), v.want) || !strings.Contains(err.Error(), "mappings/m.yaml:") {
				t.Errorf("got %v, want %q with file and line", err, v.want)
			}
		})
	}
	if _, err := load(p, good); err != nil {
		t.Error(err)
	}
}

func cells(pairs ...string) func(string) string {
	return func(column string) string {
		if i := slices.Index(pairs, column); i >= 0 {
			return pairs[i+1]
		}
		return ""
	}
}

func Test_a_stamp_read_as_UTC_is_moved_back_to_the_clock_of_the_city(t *testing.T) {
	p, good := boston(t)
	m, err := load(p, good)
	if err != nil {
		t.Fatal(err)
	}
	for printed, want := range map[string]string{
		"2018-01-08 03:30:00": "2018-01-08 08:30:00 EST",
		"2018-06-19 04:30:00": "2018-06-19 08:30:00 EDT",
		"2018-03-11 23:30:00": "2018-03-12 03:30:00 EDT", // the day the clocks changed
	} {
		row, err := m.Read(cells("case_enquiry_id", "1", "type", "Bed Bugs", "open_dt", printed))
		if err != nil || row.Report.At.Format("2006-01-02 15:04:05 MST") != want {
			t.Errorf("%s became %s (%v), want %s", printed, row.Report.At, err, want)
		}
	}
}

func Test_a_closed_row_answers_in_words_a_form_would_take(t *testing.T) {
	p, good := boston(t)
	m, err := load(p, good)
	if err != nil {
		t.Fatal(err)
	}
	read := func(reason string) intake.Row {
		t.Helper()
		row, err := m.Read(cells("case_enquiry_id", "1", "type", "Bed Bugs", "open_dt", "2018-01-08 03:30:00", "closed_dt", "2018-01-09 03:30:00",
			"case_status", "Closed", "closure_reason", reason, "neighborhood", "Back Bay", "department", "ISD"))
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	row := read("Case Closed. Closed date : 2018-01-09 08:30:00.397 Case Resolved  sprayed\x00 twice ")
	if row.Act != "answer" || row.Answer["outcome"] != "solved" || row.Answer["answer"] != "Case Resolved  sprayed  twice" {
		t.Errorf("answer %q", row.Answer)
	}
	if row.Holder != "back-bay" || row.Report.Text != "Bed Bugs\nInspectional Services Department" || row.Report.Source != "other" {
		t.Errorf("row %+v", row)
	}
	if got := read("Case Closed").Answer["answer"]; !strings.HasPrefix(got, "The city closed this request") {
		t.Errorf("an empty answer became %q", got)
	}
	if got := read(strings.Repeat("é", 5000)).Answer["answer"]; len([]rune(got)) != 4000 {
		t.Errorf("a long answer has %d characters", len([]rune(got)))
	}
	open, err := m.Read(cells("case_enquiry_id", "1", "type", "?", "open_dt", "2018-01-08 03:30:00", "closed_dt", "2018-01-09 03:30:00", "case_status", "Open"))
	if err != nil || !open.Closed.IsZero() || open.Report.Category != "other.other" || open.Holder != "boston" {
		t.Errorf("an open row: %+v, %v", open, err)
	}
}

func Test_text_written_as_UTF8_twice_is_mended_and_other_text_left_alone(t *testing.T) {
	p, err := pack.LoadFrom(os.DirFS("../../packs"), "us-nyc-311", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	m, err := intake.LoadMapping(os.DirFS("../../packs/us-nyc-311"), p, "nyc-311")
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{"The owner\u00e2\u0080\u0099s house": "The owner’s house", "café": "café", "café – 雨": "café – 雨"} {
		row, err := m.Read(cells("Unique Key", "1", "Created Date", "06/26/2018 10:58:54 AM", "Descriptor", got))
		if err != nil || row.Report.Title != want {
			t.Errorf("%q became %q (%v), want %q", got, row.Report.Title, err, want)
		}
	}
	if row, _ := m.Read(cells("Unique Key", "1", "Created Date", "06/26/2018 10:58:54 PM")); row.Report.At.Format(time.DateTime) != "2018-06-26 22:58:54" {
		t.Errorf("opened %s", row.Report.At)
	}
}
