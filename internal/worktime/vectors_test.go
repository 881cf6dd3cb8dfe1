package worktime

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The vectors were counted with the State Council's schedules. K1 to K10 are the rules that all clocks
// share; K5's bounds and K6's proof of service are decided by package casework and tested there.
func Test_every_rule_that_clocks_share_has_its_vectors(t *testing.T) {
	c := chinese(t)
	calendar := func(n int) Rule { return Rule{N: n, Unit: CalendarDays, Roll: NextWorkingDay} }
	plain := func(n int) Rule { return Rule{N: n, Unit: CalendarDays} }
	working := func(n int) Rule { return Rule{N: n, Unit: WorkingDays} }
	hearing := []Span{{at(t, c, "2025-03-17 09:00"), at(t, c, "2025-03-26 09:00")}}
	for _, v := range []struct {
		k, why   string
		rule     Rule
		extra    int
		start    string
		pauses   []Span
		raw, due string
		unsure   bool
	}{
		{"K1", "the day of the event is not counted", plain(1), 0, "2026-03-02", nil, "2026-03-03", "2026-03-03", false},
		{"K1", "nor when it is worked", working(1), 0, "2026-03-06", nil, "2026-03-09", "2026-03-09", false},
		{"K1", "nor when it was a make-up day the day before", working(7), 0, "2025-04-28", nil, "2025-05-12", "2025-05-12", false},
		{"K2", "the last day lies in the National Day week", calendar(60), 0, "2024-08-05", nil, "2024-10-04", "2024-10-08", false},
		{"K2", "the last day is the first of Spring Festival", calendar(15), 0, "2025-01-14", nil, "2025-01-29", "2025-02-05", false},
		{"K2", "a last day that is worked stays", calendar(15), 0, "2026-03-05", nil, "2026-03-20", "2026-03-20", false},
		{"K2", "a last day on a worked Sunday stays", calendar(2), 0, "2024-09-27", nil, "2024-09-29", "2024-09-29", false},
		{"K3", "working days count a worked Sunday", working(5), 0, "2024-09-27", nil, "2024-10-10", "2024-10-10", false},
		{"K3", "and two make-up days around Spring Festival", working(20), 0, "2025-01-20", nil, "2025-02-21", "2025-02-21", false},
		{"K3", "calendar days count every day", plain(5), 0, "2024-09-27", nil, "2024-10-02", "2024-10-02", false},
		{"K4", "a hearing of nine days is left out where the rule says so", calendar(30), 0, "2025-03-03", hearing, "2025-04-11", "2025-04-11", false},
		{"K4", "and counted where it does not", calendar(30), 0, "2025-03-03", nil, "2025-04-02", "2025-04-02", false},
		{"K5", "an extension is counted before the roll", calendar(60), 30, "2024-08-05", nil, "2024-11-03", "2024-11-04", false},
		{"K6", "thirty days from the day of service", calendar(30), 0, "2025-03-10", nil, "2025-04-09", "2025-04-09", false},
		{"K7", "the target stays where the count ends, the date is rolled", calendar(10), 0, "2026-04-24", nil, "2026-05-04", "2026-05-06", false},
		{"K8", "a date beyond the schedule is provisional", working(60), 0, "2026-12-01", nil, "2027-02-23", "2027-02-23", true},
		{"K8", "the last day of the schedule is not", calendar(30), 0, "2026-12-01", nil, "2026-12-31", "2026-12-31", false},
	} {
		t.Run(v.k+" "+v.why, func(t *testing.T) {
			start := at(t, c, v.start+" 10:30")
			got := v.rule.Due(c, start, v.pauses, v.extra)
			if c.DayAt(got.Raw) != day(t, v.raw) || c.DayAt(got.At) != day(t, v.due) || got.Provisional != v.unsure {
				t.Errorf("raw %s, due %s, provisional %v; want %s, %s, %v", c.DayAt(got.Raw), c.DayAt(got.At), got.Provisional, v.raw, v.due, v.unsure)
			}
			// K10: the page that says why ends on this very day.
			lines := v.rule.Explain(c, start, v.pauses, v.extra)
			if last := lines[len(lines)-1]; last.Day != day(t, v.due) || last.Why != WhyDue {
				t.Errorf("K10: the last line is %+v", last)
			}
		})
	}
}

func Test_K9_a_new_holiday_moves_dates_counted_again_and_the_same_calendar_moves_none(t *testing.T) {
	c := chinese(t)
	start := at(t, c, "2026-03-02 10:30")
	rule := Rule{N: 5, Unit: WorkingDays}
	before := rule.Due(c, start, nil, 0)
	with := *c
	with.Version, with.Off = "next", maps.Clone(c.Off)
	with.Off[day(t, "2026-03-05")] = "flood"
	next, err := with.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if got := rule.Due(next, start, nil, 0); c.DayAt(before.At) != day(t, "2026-03-09") || c.DayAt(got.At) != day(t, "2026-03-10") {
		t.Errorf("due %s, counted again %s", before.At, got.At)
	}
	if next.Same(c) || !next.Same(next) {
		t.Error("a calendar with one more holiday is not the same")
	}
	again, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if got := rule.Due(again, start, nil, 0); got != before || !again.Same(c) {
		t.Errorf("counted again with the same days: %+v, want %+v", got, before)
	}
}

func Test_K10_the_reason_lists_start_count_days_off_pauses_and_end(t *testing.T) {
	c := chinese(t)
	pause := []Span{{at(t, c, "2024-09-29 09:00"), at(t, c, "2024-09-30 09:00")}}
	lines := Rule{N: 3, Unit: WorkingDays}.Explain(c, at(t, c, "2024-09-27 10:00"), pause, 0)
	var got string
	for _, l := range lines {
		got += fmt.Sprintf("%s %s %d; ", l.Day.String()[5:], l.Why, l.N)
	}
	// Friday; Saturday off; Sunday worked but paused; Monday; the holiday; two more.
	want := "09-27 start 0; 09-28 weekend 0; 09-29 paused 0; 09-30 counted 1; 10-01 holiday 0; 10-02 holiday 0; 10-03 holiday 0; 10-04 holiday 0; " +
		"10-05 holiday 0; 10-06 holiday 0; 10-07 holiday 0; 10-08 counted 2; 10-09 due 3; "
	if got != want {
		t.Errorf("explained as %s\nwant %s", got, want)
	}
}

func Test_a_pause_cut_in_two_loses_what_the_whole_one_loses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		minutes := func(label string) time.Duration {
			return time.Duration(rapid.IntRange(0, 20*24*60).Draw(t, label)) * time.Minute
		}
		a := start.Add(minutes("a") - 5*24*time.Hour)
		b := a.Add(minutes("b"))
		z := b.Add(minutes("c"))
		if got, want := r.Due(c, start, []Span{{a, b}, {b, z}}, 0), r.Due(c, start, []Span{{a, z}}, 0); got != want {
			t.Fatalf("[a,b) and [b,c) give %+v, [a,c) gives %+v", got, want)
		}
	})
}

func Test_a_rolled_date_is_worked_and_not_paused_and_never_before_its_target(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		r.Roll = NextWorkingDay
		pauses := anyPauses(t, start, true)
		due := r.Due(c, start, pauses, rapid.IntRange(0, 9).Draw(t, "extra"))
		if due.Paused {
			if !due.At.IsZero() {
				t.Fatalf("paused, and due %s", due.At)
			}
			return
		}
		if due.At.Before(due.Raw) || due.Raw.IsZero() {
			t.Fatalf("due %s lies before its target %s", due.At, due.Raw)
		}
		end := c.DayAt(due.At)
		if !c.Working(end) {
			t.Fatalf("due on %s, which is not worked", end)
		}
		if g, paused := gapAt(dayGaps(c, pauses), end); r.inDays() && paused {
			t.Fatalf("due on %s, inside the pause %v", end, g)
		}
	})
}

func Test_an_extension_by_calendar_days_moves_the_target_by_exactly_as_many(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, start := anyCalendar(t), anyInstant(t, "start")
		n, extra := rapid.IntRange(0, 90).Draw(t, "n"), rapid.IntRange(0, 60).Draw(t, "extra")
		for unit, moved := range map[Unit]func(a, b Day) int{
			CalendarDays: func(a, b Day) int { return int(b - a) },
			WorkingDays:  c.WorkingBetween,
		} {
			r := Rule{N: n, Unit: unit}
			a, b := c.DayAt(r.Due(c, start, nil, 0).Raw), c.DayAt(r.Due(c, start, nil, extra).Raw)
			if got := moved(a, b); got != extra {
				t.Fatalf("%d more %s move %s to %s, by %d", extra, unit, a, b, got)
			}
		}
	})
}

func Test_counting_again_with_the_same_days_changes_nothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses, extra := anyPauses(t, start, true), rapid.IntRange(0, 9).Draw(t, "extra")
		again, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		bare := *c
		bare.counts = nil // counts day by day
		for _, other := range []*Calendar{again, &bare} {
			if got, want := r.Due(other, start, pauses, extra), r.Due(c, start, pauses, extra); got != want || !other.Same(c) {
				t.Fatalf("counted again %+v, was %+v", got, want)
			}
		}
	})
}

func Test_the_reason_ends_on_the_day_of_the_date(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses, extra := anyPauses(t, start, true), rapid.IntRange(0, 9).Draw(t, "extra")
		due, lines := r.Due(c, start, pauses, extra), r.Explain(c, start, pauses, extra)
		last := lines[len(lines)-1]
		if due.Paused != (last.Why != WhyDue) {
			t.Fatalf("paused %v, last line %+v", due.Paused, last)
		}
		if !due.Paused && last.Day != c.DayAt(due.At) {
			t.Fatalf("due on %s, explained up to %s", c.DayAt(due.At), last.Day)
		}
	})
}

// The machine's own zone is what a careless program would count in.
func Test_the_zone_of_the_machine_does_not_matter(t *testing.T) {
	own := time.Local
	t.Cleanup(func() { time.Local = own })
	c := chinese(t)
	rule := Rule{N: 60, Unit: CalendarDays, Roll: NextWorkingDay}
	for _, name := range append(zoneNames, "Pacific/Apia") {
		time.Local = zone(t, name)
		start := time.Unix(at(t, c, "2024-08-05 23:30").Unix(), 0) // shown in the machine's zone
		if got := rule.Due(c, start, nil, 0); c.DayAt(got.At) != day(t, "2024-10-08") {
			t.Errorf("in %s due %s", name, got.At)
		}
	}
}
