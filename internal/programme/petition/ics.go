package petition

import (
	"strconv"
	"strings"
	"time"

	"comity/internal/ical"
	"comity/internal/text"
)

// icalendar writes days as a calendar to subscribe to. host makes the names of the days unique in
// the world.
func icalendar(say text.Speaker, days []Day, zone *time.Location, host, site string) ([]byte, error) {
	c := ical.Calendar{
		Product: "-//Comity//Reception days//" + strings.ToUpper(say.Lang),
		Name:    say.T("reception.title") + " - " + say.T("city"),
		Method:  ical.Publish,
	}
	for _, d := range days {
		c.Events = append(c.Events, event(say, d, zone, host, site))
	}
	return c.File()
}

func event(say text.Speaker, d Day, zone *time.Location, host, site string) ical.Event {
	e := ical.Event{
		UID:         "reception-" + strconv.FormatInt(d.ID, 10) + "@" + host,
		Changed:     d.Changed,
		Begins:      d.at(d.Begins, zone),
		Ends:        d.at(d.Ends, zone),
		Summary:     say.T("reception.summary", "who", whoOf(say, d), "unit", say.T("unit."+string(d.Unit))),
		Location:    d.Place,
		Description: say.T("reception.topics") + say.T("web.colon") + d.Topics + "\n" + say.T("reception.closes", "when", dateOf(say, d.Closes)),
		URL:         site + "/reception",
	}
	if !d.Cancelled.IsZero() {
		e.Cancelled, e.Sequence = true, 1
		e.Description = say.T("reception.cancelled", "why", d.CancelledWhy)
	}
	return e
}
