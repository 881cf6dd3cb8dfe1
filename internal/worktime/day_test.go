package worktime

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func Test_a_day_survives_being_written_and_read(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Day(rapid.Int32Range(int32(DayOf(0, 1, 1)), int32(DayOf(9999, 12, 31))).Draw(t, "day"))
		back, err := ParseDay(d.String())
		if err != nil || back != d {
			t.Fatalf("%s came back as %s, %v", d, back, err)
		}
		y, m, n := d.Date()
		if DayOf(y, m, n) != d || time.Date(y, m, n, 12, 0, 0, 0, time.UTC).Weekday() != d.Weekday() {
			t.Fatalf("date or weekday of %s is wrong", d)
		}
	})
}

func Test_ParseDay_refuses_what_is_not_a_real_date(t *testing.T) {
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "2026-1-01", "20260101", "2026-01-01 ", "2026/01/01", "+026-01-01"} {
		if d, err := ParseDay(s); err == nil {
			t.Errorf("%q was read as %s", s, d)
		}
	}
}

func FuzzParseDay(f *testing.F) {
	for _, s := range []string{"2026-10-01", "0000-01-01", "9999-12-31", "2024-02-29", "2026-02-30", "", "-001-01-01", "２026-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDay(s)
		if err == nil && d.String() != s {
			t.Fatalf("%q was accepted but is written %q", s, d)
		}
	})
}
