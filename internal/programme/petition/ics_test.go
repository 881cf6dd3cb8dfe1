package petition

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"comity/internal/pack"
	"comity/internal/programme/programmetest"
	"comity/internal/text"
)

func Test_a_calendar_file_reads_as_it_was_written_whatever_stands_in_it(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("there", 8*3600)
	d := Day{ID: 7, Unit: "guiyuan", Office: `Head, "first"; deputy`, Topics: strings.Repeat("道路和住房，", 20), Place: "Room 1,\r\nBEGIN:VALARM\\",
		Date: monday, Begins: 7 * 60, Ends: 8*60 + 30, Slots: 1, Minutes: 10, Closes: monday - 5, Changed: time.Unix(0, 0)}
	raw, err := icalendar(base.In("en"), []Day{d}, zone, "example.org", "https://example.org")
	if err != nil {
		t.Fatal(err)
	}
	file := string(raw)
	for line := range strings.SplitSeq(strings.TrimSuffix(file, "\r\n"), "\r\n") {
		if len(line) > 75 {
			t.Errorf("a line of %d bytes: %q", len(line), line)
		}
		if strings.ContainsAny(line, "\r\n") || !utf8.ValidString(line) {
			t.Errorf("a line is broken inside: %q", line)
		}
	}
	whole := strings.ReplaceAll(file, "\r\n ", "")
	for _, want := range []string{
		"DTSTART:20260301T230000Z\r\n", "DTEND:20260302T003000Z\r\n", // seven in the morning there is the evening before in UTC
		`LOCATION:Room 1\,\nBEGIN:VALARM\\` + "\r\n", `Head\, "first"\; deputy`, "UID:reception-7@example.org\r\n", strings.Repeat("道路和住房，", 20),
	} {
		if !strings.Contains(whole, want) {
			t.Errorf("the file lacks %q in\n%s", want, whole)
		}
	}
	if strings.Contains(whole, "\r\nBEGIN:VALARM") {
		t.Error("words of a place became a part of the calendar")
	}
}

func Test_the_receptions_of_the_demonstration_can_be_announced(t *testing.T) {
	var f struct {
		Receptions []Draft `yaml:"receptions"`
	}
	if err := pack.ReadYAML(os.DirFS("../../../packs/demo"), "seed/receptions.yaml", &f); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, false)
	for _, draft := range f.Receptions {
		if err := Announce(t.Context(), h.db, h.pack, "he", draft, h.now()); err != nil {
			t.Error(err)
		}
	}
	page := h.Browser().OK("/reception?lang=zh-CN")
	for _, draft := range f.Receptions {
		programmetest.Holds(t, page, draft.Leader, draft.Place)
	}
	bad := f.Receptions[0]
	bad.Slots = 60
	if err := Announce(t.Context(), h.db, h.pack, "he", bad, h.now()); err == nil {
		t.Error("a day that cannot be was announced")
	}
}
