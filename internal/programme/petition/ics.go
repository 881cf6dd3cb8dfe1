package petition

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/text"
)

// icalendar writes days as a calendar other programs read (RFC 5545). Times are in UTC, so that no
// table of zones has to go along. host makes the names of the days unique in the world.
func icalendar(say text.Speaker, days []Day, zone *time.Location, host, site string) string {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(folded(name + ":" + value)) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//Comity//Reception days//"+strings.ToUpper(say.Lang))
	line("CALSCALE", "GREGORIAN")
	line("METHOD", "PUBLISH")
	line("X-WR-CALNAME", escaped(say.T("reception.title")+" - "+say.T("city")))
	for _, d := range days {
		event(line, say, d, zone, host, site)
	}
	line("END", "VCALENDAR")
	return b.String()
}

func event(line func(name, value string), say text.Speaker, d Day, zone *time.Location, host, site string) {
	line("BEGIN", "VEVENT")
	line("UID", "reception-"+strconv.FormatInt(d.ID, 10)+"@"+host)
	line("DTSTAMP", utc(d.Changed))
	line("LAST-MODIFIED", utc(d.Changed))
	line("DTSTART", utc(d.at(d.Begins, zone)))
	line("DTEND", utc(d.at(d.Ends, zone)))
	line("SUMMARY", escaped(say.T("reception.summary", "who", whoOf(say, d), "unit", say.T("unit."+string(d.Unit)))))
	line("LOCATION", escaped(d.Place))
	about := say.T("reception.topics") + say.T("web.colon") + d.Topics + "\n" + say.T("reception.closes", "when", dateOf(say, d.Closes))
	if d.Cancelled.IsZero() {
		line("STATUS", "CONFIRMED")
		line("SEQUENCE", "0")
	} else {
		about = say.T("reception.cancelled", "why", d.CancelledWhy)
		line("STATUS", "CANCELLED")
		line("SEQUENCE", "1")
	}
	line("DESCRIPTION", escaped(about))
	line("URL", site+"/reception")
	line("END", "VEVENT")
}

func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// escaped makes a text value of words: a comma or a line break in them must not end the value.
func escaped(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
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
