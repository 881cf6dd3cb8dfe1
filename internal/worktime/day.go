package worktime

import (
	"fmt"
	"time"
)

// Day is a civil date, counted in days since 1970-01-01. It carries no zone: Calendar.DayAt says which
// Day an instant falls on for the office that keeps the calendar.
type Day int32

// DayOf returns the day with this civil date. Out-of-range months and days are carried over as in time.Date.
func DayOf(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400) // exact: midnight
}

// ParseDay is the inverse of Day.String for the years 0000 to 9999. It accepts exactly YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("date %q: write a real date as YYYY-MM-DD, for example 2026-10-01", s)
	}
	return DayOf(t.Date()), nil
}

// Date returns the civil date of d.
func (d Day) Date() (year int, month time.Month, day int) { return d.utc().Date() }

// Weekday returns the day of the week of d.
func (d Day) Weekday() time.Weekday {
	return time.Weekday(((int64(d)+4)%7 + 7) % 7) // 1970-01-01 was a Thursday
}

// String returns d as YYYY-MM-DD.
func (d Day) String() string { return d.utc().Format(time.DateOnly) }

func (d Day) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }
