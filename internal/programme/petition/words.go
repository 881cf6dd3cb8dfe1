package petition

import (
	"time"

	"comity/internal/text"
	"comity/internal/web"
	"comity/internal/worktime"
)

// noon stands for a civil day where words are made of an instant.
func noon(day worktime.Day) time.Time {
	year, month, date := day.Date()
	return time.Date(year, month, date, 12, 0, 0, 0, time.UTC)
}

// dateOf says a day with its weekday.
func dateOf(say text.Speaker, day worktime.Day) string { return say.Date(noon(day), time.UTC) }

// hoursOf says from when to when a day lasts.
func hoursOf(say text.Speaker, d Day, zone *time.Location) string {
	return say.T("reception.hours", "from", web.HourOf(d.at(d.Begins, zone), zone), "to", web.HourOf(d.at(d.Ends, zone), zone))
}

// clock spells minutes after midnight the way a form takes them.
func clock(minutes int) string { return time.Unix(int64(minutes)*60, 0).UTC().Format("15:04") }

// minutesOf reads what clock spells; ok is false for anything else.
func minutesOf(s string) (int, bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

// whoOf names the leader with the office, as the calendar shows them.
func whoOf(say text.Speaker, d Day) string {
	if d.Leader == "" {
		return d.Office
	}
	return say.T("reception.who", "office", d.Office, "leader", d.Leader)
}

// today is the civil day of an instant where the city is.
func today(now time.Time, zone *time.Location) worktime.Day {
	return worktime.DayOf(now.In(zone).Date())
}

// papers says what to bring: the pack's words, else those of the house.
func papers(p *web.Page) string {
	if p.Has("petition.reception.papers") {
		return p.T("petition.reception.papers")
	}
	return p.T("reception.papers")
}
