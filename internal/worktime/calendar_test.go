package worktime

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func Test_a_make_up_day_is_worked_and_a_holiday_is_not(t *testing.T) {
	c := chinese(t)
	for date, want := range map[string]DayKind{
		"2025-01-26": Makeup, "2025-01-27": Workday, "2025-01-28": Holiday, "2025-02-01": Holiday,
		"2025-02-08": Makeup, "2025-02-09": Weekend, "2026-02-28": Makeup, "2026-10-07": Holiday,
	} {
		kind, name := c.Why(day(t, date))
		if kind != want {
			t.Errorf("%s is %s, want %s", date, kind, want)
		}
		if named := kind == Makeup || kind == Holiday; named != (name != "") {
			t.Errorf("%s (%s) has the name %q", date, kind, name)
		}
	}
}

func Test_each_year_has_the_working_days_its_schedule_leaves(t *testing.T) {
	c := chinese(t)
	for _, v := range []struct{ year, weekdaysOff, weekendsWorked, working int }{
		{2024, 19, 8, 251}, {2025, 18, 5, 248}, {2026, 19, 6, 248},
	} {
		off, on := 0, 0
		first, last := DayOf(v.year, 1, 1), DayOf(v.year, 12, 31)
		for d := first; d <= last; d++ {
			if kind, _ := c.Why(d); kind == Makeup {
				on++
			} else if kind == Holiday && c.Week[d.Weekday()] {
				off++
			}
		}
		working := c.WorkingBetween(first-1, last)
		if off != v.weekdaysOff || on != v.weekendsWorked || working != v.working {
			t.Errorf("%d: %d weekdays off, %d weekend days worked, %d working days; want %d, %d, %d",
				v.year, off, on, working, v.weekdaysOff, v.weekendsWorked, v.working)
		}
	}
}

// naiveAdd is the definition AddWorking has to meet.
func naiveAdd(c *Calendar, d Day, n int) Day {
	dir := Day(1)
	if n < 0 {
		dir, n = -1, -n
	}
	for n > 0 {
		d += dir
		if c.Working(d) {
			n--
		}
	}
	return d
}

func Test_AddWorking_equals_walking_day_by_day(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, d, n := anyCalendar(t), anyDay(t, "day"), rapid.IntRange(-300, 300).Draw(t, "n")
		if got, want := c.AddWorking(d, n), naiveAdd(c, d, n); got != want {
			t.Fatalf("%s %+d working days: %s, walking gives %s", d, n, got, want)
		}
	})
}

func Test_WorkingBetween_equals_counting_and_adds_up(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a, b := anyCalendar(t), anyDay(t, "a"), anyDay(t, "b")
		want := 0
		for d := min(a, b) + 1; d <= max(a, b); d++ {
			if c.Working(d) {
				want++
			}
		}
		if b < a {
			want = -want
		}
		if got := c.WorkingBetween(a, b); got != want {
			t.Fatalf("(%s, %s]: %d, counting gives %d", a, b, got, want)
		}
	})
}

func Test_an_uncompiled_calendar_answers_the_same(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, d, n := anyCalendar(t), anyDay(t, "day"), rapid.IntRange(-90, 90).Draw(t, "n")
		raw := *c
		raw.counts = nil
		if got, want := raw.AddWorking(d, n), c.AddWorking(d, n); got != want {
			t.Fatalf("%s, compiled %s", got, want)
		}
	})
}

func Test_changing_the_maps_after_Compile_changes_nothing(t *testing.T) {
	c := &Calendar{ID: "x", Zone: time.UTC, Week: mondayToFriday(), Closes: 1440, Off: map[Day]string{}, KnownUntil: DayOf(2026, 12, 31)}
	compiled, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	c.Off[DayOf(2026, 11, 23)] = "late"
	if !compiled.Working(DayOf(2026, 11, 23)) {
		t.Error("the compiled calendar shares the caller's map")
	}
}

func Test_NextOpen_is_the_first_instant_the_office_is_open(t *testing.T) {
	c := chinese(t)
	for given, want := range map[string]string{
		"2025-01-24 08:59": "2025-01-24 09:00", "2025-01-24 09:00": "2025-01-24 09:00", "2025-01-24 17:29": "2025-01-24 17:29",
		"2025-01-24 17:30": "2025-01-26 09:00", "2025-01-25 12:00": "2025-01-26 09:00", "2025-01-28 12:00": "2025-02-05 09:00",
	} {
		if got := c.NextOpen(at(t, c, given)); !got.Equal(at(t, c, want)) {
			t.Errorf("after %s the office opens at %s, want %s", given, got, want)
		}
	}
}

func Test_NextOpen_keeps_the_seconds_of_an_instant_in_hours(t *testing.T) {
	c := chinese(t)
	first := at(t, c, "2025-01-24 09:00").Add(30 * time.Second)
	if got := c.NextOpen(first); !got.Equal(first) {
		t.Errorf("%s became %s", first, got)
	}
}

func Test_Check_names_each_contradiction(t *testing.T) {
	good := func() *Calendar {
		return &Calendar{ID: "x", Zone: time.UTC, Week: mondayToFriday(), Opens: 540, Closes: 1020, KnownUntil: DayOf(2026, 12, 31),
			Off: map[Day]string{DayOf(2026, 10, 3): "a holiday on a Saturday"}, On: map[Day]string{DayOf(2026, 10, 10): "a worked Saturday"}}
	}
	if errs := good().Check(); len(errs) > 0 {
		t.Fatalf("a sound calendar is refused: %v", errs)
	}
	for name, v := range map[string]struct {
		spoil func(*Calendar)
		want  string
	}{
		"no id":                          {func(c *Calendar) { c.ID = "" }, "id:"},
		"no zone":                        {func(c *Calendar) { c.Zone = nil }, "zone:"},
		"no working weekday":             {func(c *Calendar) { c.Week = [7]bool{} }, "week:"},
		"closing before opening":         {func(c *Calendar) { c.Closes = 500 }, "hours:"},
		"opening before midnight":        {func(c *Calendar) { c.Opens = -1 }, "hours:"},
		"closing after midnight":         {func(c *Calendar) { c.Closes = 1441 }, "hours:"},
		"a holiday beyond known_until":   {func(c *Calendar) { c.Off[DayOf(2027, 1, 1)] = "n" }, "days_off: 2027-01-01"},
		"a worked day beyond it":         {func(c *Calendar) { c.On[DayOf(2027, 1, 2)] = "n" }, "days_on: 2027-01-02"},
		"a day both off and on":          {func(c *Calendar) { c.Off[DayOf(2026, 10, 10)] = "n" }, "days_on: 2026-10-10 is also"},
		"a make-up day on a working day": {func(c *Calendar) { c.On[DayOf(2026, 10, 9)] = "n" }, "days_on: 2026-10-09 is a Friday"},
		"a mistyped century":             {func(c *Calendar) { c.Off[DayOf(1026, 10, 1)] = "n" }, "dates:"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			c := good()
			v.spoil(c)
			errs := c.Check()
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), v.want) {
				t.Errorf("got %v, want one error with %q", errs, v.want)
			}
			if _, err := c.Compile(); err == nil {
				t.Error("Compile accepts it")
			}
		})
	}
}

func BenchmarkAddWorking60(b *testing.B) {
	c, d := chinese(b), DayOf(2026, 1, 5)
	for b.Loop() {
		c.AddWorking(d, 60)
	}
}

func BenchmarkAddWorking60_walking_day_by_day(b *testing.B) {
	c, d := chinese(b), DayOf(2026, 1, 5)
	for b.Loop() {
		naiveAdd(c, d, 60)
	}
}
