package pack

import (
	"testing"
	"time"

	"comity/internal/worktime"
)

func Test_quiet_hours_end_in_the_morning_of_the_city(t *testing.T) {
	zone := time.FixedZone("city", 8*3600)
	known, err := worktime.ParseDay("2026-12-31")
	if err != nil {
		t.Fatal(err)
	}
	calendars := map[string]*worktime.Calendar{"city": {ID: "city", Version: "1", Zone: zone, Week: [7]bool{false, true, true, true, true, true, false}, KnownUntil: known}}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, zone) }
	night := Post{Channels: []string{"sms"}, Calendar: "city", From: 21*60 + 30, To: 8 * 60, Urgent: []string{"glass"}}
	free := night
	free.DaysOff = true
	noon := Post{Channels: []string{"sms"}, Calendar: "city", From: 12 * 60, To: 14 * 60}
	never := free
	never.Calendar = "closed"
	calendars["closed"] = &worktime.Calendar{ID: "closed", Version: "1", Zone: zone, KnownUntil: known}
	for _, c := range []struct {
		name              string
		p                 *Post
		channel, template string
		at, want          time.Time
	}{
		{"by day", &night, "sms", "x", at(2, 10, 0), at(2, 10, 0)}, {"at night", &night, "sms", "x", at(2, 22, 0), at(3, 8, 0)}, {"before dawn", &night, "sms", "x", at(3, 3, 0), at(3, 8, 0)},
		{"at its first minute", &night, "sms", "x", at(2, 21, 30), at(3, 8, 0)}, {"at its end", &night, "sms", "x", at(3, 8, 0), at(3, 8, 0)}, {"a minute before", &night, "sms", "x", at(2, 21, 29), at(2, 21, 29)},
		{"mail at night", &night, "mail", "x", at(2, 22, 0), at(2, 22, 0)}, {"what is urgent", &night, "sms", "glass", at(2, 22, 0), at(2, 22, 0)}, {"no pack file", nil, "sms", "x", at(2, 22, 0), at(2, 22, 0)},
		{"on a Saturday", &night, "sms", "x", at(7, 10, 0), at(7, 10, 0)}, {"on a Saturday that is quiet", &free, "sms", "x", at(7, 10, 0), at(9, 8, 0)}, {"on a Friday night", &free, "sms", "x", at(6, 23, 0), at(9, 8, 0)},
		{"at noon", &noon, "sms", "x", at(2, 12, 30), at(2, 14, 0)}, {"after noon", &noon, "sms", "x", at(2, 14, 0), at(2, 14, 0)},
	} {
		if got := c.p.Until(c.channel, c.template, c.at, calendars); !got.Equal(c.want) {
			t.Errorf("%s: a message leaves at %s, want %s", c.name, got.In(zone), c.want)
		}
	}
	if got := never.Until("sms", "x", at(2, 10, 0), calendars); got.Before(at(2, 10, 0)) {
		t.Error("a calendar without a working day sends into the past")
	}
}
