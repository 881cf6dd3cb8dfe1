package worktime

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the zone files of the machine

	"pgregory.net/rapid"
)

// chinese is the calendar the vectors were computed with; testdata names its sources.
func chinese(t testing.TB) *Calendar {
	t.Helper()
	c := &Calendar{ID: "cn", Version: "test", Zone: zone(t, "Asia/Shanghai"), Week: mondayToFriday(),
		Off: map[Day]string{}, On: map[Day]string{}, Opens: 9 * 60, Closes: 17*60 + 30}
	file, err := os.Open("testdata/cn-2024-2026.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		if err := readLine(c, strings.Fields(scanner.Text())); err != nil {
			t.Fatalf("testdata line %d: %v", n, err)
		}
	}
	compiled, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func readLine(c *Calendar, f []string) (err error) {
	switch {
	case len(f) == 0 || f[0] == "#":
	case f[0] == "known_until" && len(f) == 2:
		c.KnownUntil, err = ParseDay(f[1])
	case f[0] == "on" && len(f) == 3:
		var d Day
		d, err = ParseDay(f[1])
		c.On[d] = f[2]
	case f[0] == "off" && len(f) == 4:
		from, err := ParseDay(f[1])
		if err != nil {
			return err
		}
		to, err := ParseDay(f[2])
		for d := from; d <= to; d++ {
			c.Off[d] = f[3]
		}
		return err
	default:
		return fmt.Errorf("not understood: %v", f)
	}
	return err
}

func mondayToFriday() [7]bool { return [7]bool{false, true, true, true, true, true, false} }

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func day(t testing.TB, s string) Day {
	t.Helper()
	d, err := ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// at reads "2006-01-02 15:04" as a wall-clock time of the calendar.
func at(t testing.TB, c *Calendar, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", s, c.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var zoneNames = []string{"UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "America/St_Johns"}

// anyCalendar draws calendars that Check accepts, around the year 2026.
func anyCalendar(t *rapid.T) *Calendar {
	z, err := time.LoadLocation(rapid.SampledFrom(zoneNames).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Calendar{ID: "drawn", Zone: z, Off: map[Day]string{}, On: map[Day]string{}}
	for i := range c.Week {
		c.Week[i] = rapid.Bool().Draw(t, "works")
	}
	c.Week[rapid.IntRange(0, 6).Draw(t, "worked")] = true
	c.KnownUntil = DayOf(2026, 7, 1)
	for _, d := range rapid.SliceOfN(rapid.IntRange(0, 180), 0, 40).Draw(t, "dates") {
		d := DayOf(2026, 1, 1) + Day(d)
		if c.Week[d.Weekday()] {
			c.Off[d] = "off"
		} else {
			c.On[d] = "on"
		}
	}
	c.Opens = rapid.IntRange(0, 1439).Draw(t, "opens")
	c.Closes = rapid.IntRange(c.Opens+1, 1440).Draw(t, "closes")
	out, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func anyDay(t *rapid.T, label string) Day {
	return DayOf(2025, 10, 1) + Day(rapid.IntRange(0, 500).Draw(t, label))
}

func anyInstant(t *rapid.T, label string) time.Time {
	first := time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC)
	return first.Add(time.Duration(rapid.Int64Range(0, 400*86400).Draw(t, label)) * time.Second)
}

func anyRule(t *rapid.T) Rule {
	r := Rule{
		N:       rapid.IntRange(0, 90).Draw(t, "n"),
		Unit:    rapid.SampledFrom([]Unit{CalendarDays, WorkingDays, Hours, Minutes}).Draw(t, "unit"),
		Roll:    rapid.SampledFrom([]Roll{NoRoll, NextWorkingDay}).Draw(t, "roll"),
		Arrival: rapid.SampledFrom([]Arrival{AnyTime, Office}).Draw(t, "arrival"),
	}
	if r.inDays() {
		r.At = rapid.SampledFrom([]At{EndOfDay, SameTime, "12:00"}).Draw(t, "at")
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// anyPauses draws pauses near start, so that several of them matter.
func anyPauses(t *rapid.T, start time.Time, open bool) []Span {
	var spans []Span
	near := func(label string) time.Time {
		return start.Add(time.Duration(rapid.IntRange(-5*24*60, 40*24*60).Draw(t, label)) * time.Minute)
	}
	for range rapid.IntRange(0, 4).Draw(t, "pauses") {
		from := near("from")
		spans = append(spans, Span{from, from.Add(time.Duration(rapid.IntRange(0, 10*24*60).Draw(t, "minutes")) * time.Minute)})
	}
	if open && rapid.Bool().Draw(t, "still paused") {
		spans = append(spans, Span{From: near("open from")})
	}
	return spans
}
