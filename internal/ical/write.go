package ical

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type writer struct{ strings.Builder }

// line writes a property whose value is already in its final form.
func (w *writer) line(name, value string) { w.WriteString(folded(name + ":" + value)) }

// words writes a text, and nothing when there is none.
func (w *writer) words(name, s string) {
	if s != "" {
		w.line(name, escaped(s))
	}
}

func (w *writer) calendar(c Calendar) {
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.words("PRODID", c.Product)
	w.line("CALSCALE", "GREGORIAN")
	w.line("METHOD", string(c.Method))
	w.words("X-WR-CALNAME", c.Name)
	for _, e := range c.Events {
		w.event(e)
	}
	w.line("END", "VCALENDAR")
}

func (w *writer) event(e Event) {
	w.line("BEGIN", "VEVENT")
	w.words("UID", e.UID)
	w.line("SEQUENCE", strconv.Itoa(e.Sequence))
	w.line("DTSTAMP", utc(e.Changed))
	w.line("LAST-MODIFIED", utc(e.Changed))
	w.line("DTSTART", utc(e.Begins))
	w.line("DTEND", utc(e.Ends))
	w.line("STATUS", status(e))
	w.words("SUMMARY", e.Summary)
	w.words("LOCATION", e.Location)
	w.words("DESCRIPTION", e.Description)
	if e.URL != "" {
		w.line("URL", bare(e.URL))
	}
	w.people(e)
	if !e.Cancelled {
		for _, a := range e.Alarms {
			w.alarm(a, e)
		}
	}
	w.line("END", "VEVENT")
}

func status(e Event) string {
	if e.Cancelled {
		return "CANCELLED"
	}
	return "CONFIRMED"
}

func (w *writer) people(e Event) {
	if e.Organizer.Address != "" {
		w.line("ORGANIZER"+named(e.Organizer), bare(e.Organizer.Address))
	}
	for _, p := range e.Attendees {
		w.line("ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION"+named(p), bare(p.Address))
	}
}

func (w *writer) alarm(a Alarm, e Event) {
	words := a.Words
	if words == "" {
		words = e.Summary
	}
	w.line("BEGIN", "VALARM")
	w.line("ACTION", "DISPLAY")
	w.line("TRIGGER", "-PT"+strconv.Itoa(int(a.Before/time.Minute))+"M")
	w.line("DESCRIPTION", escaped(words)) // required, even when empty
	w.line("END", "VALARM")
}

// utc needs no table of zones to go along with the file.
func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// named is a name as a parameter. Its own escapes are those of RFC 6868, because a quoted value
// cannot hold a quotation mark.
func named(p Person) string {
	if p.Name == "" {
		return ""
	}
	name := strings.NewReplacer("^", "^^", "\n", "^n", `"`, "^'").Replace(oneBreak(p.Name))
	return `;CN="` + bare(name) + `"`
}

// escaped makes a text value of words: a comma or a line break in them must not end the value.
func escaped(s string) string {
	return bare(strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(oneBreak(s)))
}

func oneBreak(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// bare drops control characters, which RFC 5545 allows in no value: a line break among them would
// begin a property that nobody wrote.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// folded breaks a line after 75 bytes at most, never inside a character.
func folded(s string) string {
	var b strings.Builder
	room := 75
	for _, r := range s {
		n := utf8.RuneLen(r)
		if n > room {
			b.WriteString("\r\n ")
			room = 74 // the space counts
		}
		b.WriteRune(r)
		room -= n
	}
	b.WriteString("\r\n")
	return b.String()
}
