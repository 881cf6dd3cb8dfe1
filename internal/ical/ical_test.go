package ical

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("there", 8*3600))

func session() Event {
	return Event{UID: "session-7@example.org", Sequence: 2, Changed: nine.AddDate(0, 0, -3), Begins: nine, Ends: nine.Add(90 * time.Minute),
		Summary: "Session", Location: "Room 2", Organizer: Person{"Centre", "mailto:centre@example.org"},
		Attendees: []Person{{`Li "Lily"`, "mailto:li@example.org"}}, Alarms: []Alarm{{24 * time.Hour, "Tomorrow"}}}
}

func written(t testing.TB, c Calendar) string {
	t.Helper()
	file, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

func unfolded(file string) []string {
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(file, "\r\n ", ""), "\r\n"), "\r\n")
}

func Test_an_invitation_holds_what_a_calendar_program_needs(t *testing.T) {
	got := unfolded(written(t, Calendar{Product: "-//Comity//Test//EN", Method: Request, Events: []Event{session()}}))
	want := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Comity//Test//EN", "CALSCALE:GREGORIAN", "METHOD:REQUEST",
		"BEGIN:VEVENT", "UID:session-7@example.org", "SEQUENCE:2", "DTSTAMP:20260227T010000Z", "LAST-MODIFIED:20260227T010000Z",
		"DTSTART:20260302T010000Z", "DTEND:20260302T023000Z", "STATUS:CONFIRMED", "SUMMARY:Session", "LOCATION:Room 2",
		`ORGANIZER;CN="Centre":mailto:centre@example.org`,
		`ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;CN="Li ^'Lily^'":mailto:li@example.org`,
		"BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT1440M", "DESCRIPTION:Tomorrow", "END:VALARM", "END:VEVENT", "END:VCALENDAR",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func Test_a_cancellation_names_the_same_appointment_and_rings_no_bell(t *testing.T) {
	e := session()
	e.Cancelled, e.Sequence, e.Attendees = true, 3, nil
	file := written(t, Calendar{Product: "-//Comity//Test//EN", Method: Cancel, Events: []Event{e}})
	for _, want := range []string{"METHOD:CANCEL\r\n", "UID:session-7@example.org\r\n", "SEQUENCE:3\r\n", "STATUS:CANCELLED\r\n"} {
		if !strings.Contains(file, want) {
			t.Errorf("the file lacks %q", want)
		}
	}
	if strings.Contains(file, "VALARM") {
		t.Error("a cancelled session still reminds")
	}
}

func Test_what_a_reader_would_misunderstand_is_refused(t *testing.T) {
	for name, spoil := range map[string]func(*Calendar){
		"Product":         func(c *Calendar) { c.Product = "" },
		"Method":          func(c *Calendar) { c.Method = "REPLY" },
		"UID is empty":    func(c *Calendar) { c.Events[0].UID = "" },
		"stands twice":    func(c *Calendar) { c.Events = append(c.Events, c.Events[0]) },
		"Sequence":        func(c *Calendar) { c.Events[0].Sequence = -1 },
		"Changed":         func(c *Calendar) { c.Events[0].Changed = time.Time{} },
		"Ends":            func(c *Calendar) { c.Events[0].Ends = c.Events[0].Begins },
		"Organizer":       func(c *Calendar) { c.Events[0].Organizer.Address = "" },
		"needs an att":    func(c *Calendar) { c.Events[0].Attendees = nil },
		"no address":      func(c *Calendar) { c.Events[0].Attendees[0].Address = "" },
		"alarm":           func(c *Calendar) { c.Events[0].Alarms[0].Before = time.Second },
		"is sent with":    func(c *Calendar) { c.Events[0].Cancelled = true },
		"that is not can": func(c *Calendar) { c.Method = Cancel },
	} {
		c := Calendar{Product: "-//Comity//Test//EN", Method: Request, Events: []Event{session()}}
		spoil(&c)
		if _, err := c.File(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func Test_words_never_become_lines_of_their_own_and_come_back_whole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("é漏水😀,;\\\r\n\"^:x")))).Draw(t, "words")
		e := session()
		e.Summary, e.Location, e.Description, e.URL, e.UID = words, words, words, words, "x"+words
		e.Attendees = []Person{{words, "mailto:" + words}}
		e.Alarms = []Alarm{{time.Hour, words}}
		file, err := Calendar{Product: "-//Comity//Test//EN", Name: words, Method: Request, Events: []Event{e}}.File()
		if err != nil {
			t.Fatal(err)
		}
		begins := 0
		for _, line := range strings.Split(strings.TrimSuffix(string(file), "\r\n"), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("a line of %d bytes: %q", len(line), line)
			}
		}
		for _, line := range unfolded(string(file)) {
			if strings.HasPrefix(line, "BEGIN:") {
				begins++
			}
			if d, ok := strings.CutPrefix(line, "SUMMARY:"); ok && unescaped(d) != kept(words) {
				t.Fatalf("%q came back as %q", kept(words), unescaped(d))
			}
		}
		if begins != 3 {
			t.Fatalf("%d parts begin, not 3", begins)
		}
	})
}

func unescaped(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(s)
}

// kept is what of the words a calendar can hold.
func kept(s string) string {
	lines := strings.Split(oneBreak(s), "\n")
	for i := range lines {
		lines[i] = bare(lines[i])
	}
	return strings.ToValidUTF8(strings.Join(lines, "\n"), "\uFFFD")
}
