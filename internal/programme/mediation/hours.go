package mediation

import (
	"slices"
	"strings"
	"time"

	"comity/internal/programme/mediation/schedule"
	"comity/internal/worktime"
)

// Weekdays are the names of the days in stored hours, in forms and in texts.
var Weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// Stretch is a time of a day, in minutes after midnight.
type Stretch struct{ From, To int }

// Hours are the times of a week at which somebody works, or a room is open, from Monday on.
type Hours [7][]Stretch

// parseDay reads the hours of one day: "09:00-12:00 14:00-17:30".
func parseDay(s string) ([]Stretch, bool) {
	var out []Stretch
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;、，；", r) }) {
		from, to, ok := parseStretch(part)
		if !ok || len(out) > 0 && from < out[len(out)-1].To {
			return nil, false
		}
		out = append(out, Stretch{from, to})
	}
	return out, true
}

// dashes are the ways in which people write "from to".
var dashes = strings.NewReplacer("–", "-", "—", "-", "～", "-", "~", "-", "：", ":")

// parseStretch reads "09:00-10:30".
func parseStretch(s string) (from, to int, ok bool) {
	a, b, ok := strings.Cut(dashes.Replace(strings.TrimSpace(s)), "-")
	if !ok {
		return 0, 0, false
	}
	from, ok1 := minutesOf(strings.TrimSpace(a))
	to, ok2 := minutesOf(strings.TrimSpace(b))
	return from, to, ok1 && ok2 && to > from
}

// minutesOf reads a time of day; 24:00 is the end of it.
func minutesOf(s string) (int, bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

// clock spells minutes after midnight the way a form takes them.
func clock(minutes int) string {
	if minutes == 24*60 {
		return "24:00"
	}
	return time.Unix(int64(minutes)*60, 0).UTC().Format("15:04")
}

// day spells the hours of one day.
func (h Hours) day(i int) string {
	var parts []string
	for _, s := range h[i] {
		parts = append(parts, clock(s.From)+"-"+clock(s.To))
	}
	return strings.Join(parts, " ")
}

// String is how hours are stored; parseHours is its inverse.
func (h Hours) String() string {
	var parts []string
	for i, name := range Weekdays {
		if len(h[i]) > 0 {
			parts = append(parts, name+" "+h.day(i))
		}
	}
	return strings.Join(parts, "; ")
}

func parseHours(s string) (h Hours, ok bool) {
	for part := range strings.SplitSeq(s, ";") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		if name == "" {
			continue
		}
		i := slices.Index(Weekdays, name)
		if i < 0 {
			return h, false
		}
		if h[i], ok = parseDay(rest); !ok {
			return h, false
		}
	}
	return h, true
}

// spans are the hours as times, day by day, as far as they lie in a time. On a weekday on which offices do not work, nobody does.
func (h Hours) spans(in schedule.Span, zone *time.Location, cal *worktime.Calendar) (out []schedule.Span) {
	for d := dayOf(in.From, zone); d <= dayOf(in.To, zone); d++ {
		year, month, date := d.Date()
		at := func(minute int) time.Time { return time.Date(year, month, date, 0, minute, 0, 0, zone) }
		i := weekdayOf(d)
		if i < 5 && cal != nil && !cal.Working(d) {
			continue
		}
		for _, s := range h[i] {
			span := schedule.Span{From: at(s.From), To: at(s.To)}
			if span.From.Before(in.From) {
				span.From = in.From
			}
			if span.To.After(in.To) {
				span.To = in.To
			}
			if span.To.After(span.From) {
				out = append(out, span)
			}
		}
	}
	return out
}

// dayOf is the civil day of an instant where the city is.
func dayOf(t time.Time, zone *time.Location) worktime.Day { return worktime.DayOf(t.In(zone).Date()) }

// weekdayOf counts from Monday.
func weekdayOf(d worktime.Day) int { return (int(d.Weekday()) + 6) % 7 }

func mondayOf(d worktime.Day) worktime.Day { return d - worktime.Day(weekdayOf(d)) }

// on is a minute of a civil day as an instant.
func on(d worktime.Day, minute int, zone *time.Location) time.Time {
	year, month, day := d.Date()
	return time.Date(year, month, day, 0, minute, 0, 0, zone)
}
