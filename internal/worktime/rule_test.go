package worktime

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func Test_the_statutory_vectors_hold(t *testing.T) {
	c := chinese(t)
	calendar := Rule{Unit: CalendarDays, Roll: NextWorkingDay, At: EndOfDay}
	working := Rule{Unit: WorkingDays, At: EndOfDay}
	for _, v := range []struct {
		name     string
		rule     Rule
		n, extra int
		start    string
		pauses   []Span
		raw, due string
	}{
		{"60 days that end in a holiday week roll to its end", calendar, 60, 0, "2024-08-05", nil, "2024-10-04", "2024-10-08"},
		{"an extension of 30 days is counted before the roll", calendar, 60, 30, "2024-08-05", nil, "2024-11-03", "2024-11-04"},
		{"15 days that end in Spring Festival roll to its end", calendar, 15, 0, "2025-01-14", nil, "2025-01-29", "2025-02-05"},
		{"5 working days count a worked Sunday", working, 5, 0, "2024-09-27", nil, "2024-10-10", "2024-10-10"},
		{"20 working days count two make-up days", working, 20, 0, "2025-01-20", nil, "2025-02-21", "2025-02-21"},
		{"7 working days do not count a make-up day already past", working, 7, 0, "2025-04-28", nil, "2025-05-12", "2025-05-12"},
		{"a hearing pause of 9 days moves the end by 9 days", calendar, 30, 0, "2025-03-03",
			[]Span{{at(t, c, "2025-03-17 09:00"), at(t, c, "2025-03-26 09:00")}}, "2025-04-11", "2025-04-11"},
		{"60 working days across the New Year of 2026", working, 60, 0, "2025-12-01", nil, "2026-03-02", "2026-03-02"},
		{"60 working days in the autumn of 2026", working, 60, 0, "2026-08-03", nil, "2026-10-30", "2026-10-30"},
	} {
		t.Run(v.name, func(t *testing.T) {
			v.rule.N = v.n
			got := v.rule.Due(c, at(t, c, v.start+" 10:30"), v.pauses, v.extra)
			wantEnd := func(label, date string, got time.Time) {
				y, m, d := day(t, date).Date()
				if want := time.Date(y, m, d, 23, 59, 59, 0, c.Zone); !got.Equal(want) {
					t.Errorf("%s is %s, want %s", label, got, want)
				}
			}
			wantEnd("raw", v.raw, got.Raw)
			wantEnd("due", v.due, got.At)
			if got.Provisional || got.Paused {
				t.Errorf("the date is final, got %+v", got)
			}
		})
	}
}

func Test_a_date_beyond_the_schedule_is_provisional_only_if_the_schedule_matters(t *testing.T) {
	c := chinese(t)
	start := at(t, c, "2026-12-01 10:00")
	for _, v := range []struct {
		name string
		rule Rule
		want bool
	}{
		{"working days past the last known day", Rule{N: 60, Unit: WorkingDays}, true},
		{"working days that end before it", Rule{N: 20, Unit: WorkingDays}, false},
		{"calendar days that roll", Rule{N: 60, Unit: CalendarDays, Roll: NextWorkingDay}, true},
		{"calendar days that never ask the calendar", Rule{N: 60, Unit: CalendarDays}, false},
		{"hours around the clock", Rule{N: 24 * 60, Unit: Hours}, false},
		{"the last known day itself", Rule{N: 30, Unit: CalendarDays, Roll: NextWorkingDay}, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			if got := v.rule.Due(c, start, nil, 0); got.Provisional != v.want {
				t.Errorf("provisional %v at %s, want %v", got.Provisional, got.At, v.want)
			}
		})
	}
}

func Test_pauses_in_particular_cases(t *testing.T) {
	c := chinese(t)
	five := Rule{N: 5, Unit: WorkingDays}
	for _, v := range []struct {
		name     string
		rule     Rule
		from, to string
		due      string // empty: still paused
	}{
		{"a pause within one day loses no day", five, "2026-03-04 09:00", "2026-03-04 17:00", "2026-03-09"},
		{"a pause over a weekend costs a working-day clock nothing but Friday", five, "2026-03-06 17:00", "2026-03-09 09:00", "2026-03-10"},
		{"a pause that begins on the last day still stops the clock", five, "2026-03-09 15:00", "2026-03-11 09:00", "2026-03-11"},
		{"a pause that begins after the last day changes nothing", five, "2026-03-10 09:00", "2026-03-12 09:00", "2026-03-09"},
		{"a pause before the start changes nothing", five, "2026-02-25 09:00", "2026-03-02 09:00", "2026-03-09"},
		{"a pause that has not ended leaves no date", five, "2026-03-04 09:00", "", ""},
		{"a pause that has not ended but came too late leaves the date", five, "2026-03-10 09:00", "", "2026-03-09"},
		{"a roll passes over paused days", Rule{N: 5, Unit: CalendarDays, Roll: NextWorkingDay}, "2026-03-08 09:00", "2026-03-10 09:00", "2026-03-10"},
		{"a pause that begins when the hours are over changes nothing", Rule{N: 24, Unit: Hours}, "2026-03-03 10:00", "2026-03-05 10:00", "2026-03-03"},
		{"hours lose only what is paused after the start", Rule{N: 24, Unit: Hours}, "2026-02-28 10:00", "2026-03-02 11:00", "2026-03-03"},
		{"hours stand still to the minute", Rule{N: 24, Unit: Hours}, "2026-03-02 12:00", "2026-03-03 12:00", "2026-03-04"},
	} {
		t.Run(v.name, func(t *testing.T) {
			pause := Span{From: at(t, c, v.from)}
			if v.to != "" {
				pause.To = at(t, c, v.to)
			}
			got := v.rule.Due(c, at(t, c, "2026-03-02 10:00"), []Span{pause}, 0)
			if got.Paused != (v.due == "") || got.Paused != got.At.IsZero() {
				t.Fatalf("got %+v, want due %q", got, v.due)
			}
			if v.due != "" && c.DayAt(got.At) != day(t, v.due) {
				t.Errorf("due on %s, want %s", c.DayAt(got.At), v.due)
			}
		})
	}
}

func Test_two_pauses_apart_both_lose_their_days(t *testing.T) {
	c := chinese(t)
	pauses := []Span{
		{at(t, c, "2026-03-11 09:00"), at(t, c, "2026-03-13 09:00")},
		{at(t, c, "2026-03-03 09:00"), at(t, c, "2026-03-05 09:00")},
	}
	for unit, want := range map[Unit]string{CalendarDays: "2026-03-13", WorkingDays: "2026-03-17"} {
		got := Rule{N: 7, Unit: unit}.Due(c, at(t, c, "2026-03-02 10:00"), pauses, 0)
		if c.DayAt(got.At) != day(t, want) {
			t.Errorf("7 %s end %s, want %s", unit, got.At, want)
		}
	}
}

func Test_a_term_of_no_length_that_rolls_leaves_a_paused_start_day(t *testing.T) {
	c := chinese(t)
	rule, start := Rule{Unit: CalendarDays, Roll: NextWorkingDay}, at(t, c, "2026-03-03 10:00")
	pauses := []Span{{at(t, c, "2026-03-03 11:00"), at(t, c, "2026-03-05 09:00")}}
	if got := rule.Due(c, start, pauses, 0); c.DayAt(got.At) != day(t, "2026-03-05") {
		t.Errorf("due %s", got.At)
	}
	if got, want := written(rule.Explain(c, start, pauses, 0)), "03-03 start, 03-04 paused, 03-05 due"; got != want {
		t.Errorf("explained as %s, want %s", got, want)
	}
}

func Test_a_roll_passes_over_two_pauses_that_touch_as_days(t *testing.T) {
	c := chinese(t)
	pauses := []Span{
		{at(t, c, "2026-03-08 09:00"), at(t, c, "2026-03-10 09:00")},
		{at(t, c, "2026-03-10 15:00"), at(t, c, "2026-03-12 09:00")},
	}
	got := Rule{N: 5, Unit: CalendarDays, Roll: NextWorkingDay}.Due(c, at(t, c, "2026-03-02 10:00"), pauses, 0)
	if c.DayAt(got.Raw) != day(t, "2026-03-07") || c.DayAt(got.At) != day(t, "2026-03-12") {
		t.Errorf("raw %s, due %s", got.Raw, got.At)
	}
}

func Test_an_event_outside_office_hours_arrives_at_the_next_opening(t *testing.T) {
	c := chinese(t)
	rule := Rule{N: 1, Unit: WorkingDays, At: SameTime, Arrival: Office}
	for event, want := range map[string]string{
		"2026-03-02 11:15": "2026-03-03 11:15", "2026-03-02 08:00": "2026-03-03 09:00",
		"2026-03-02 17:30": "2026-03-04 09:00", "2026-03-07 12:00": "2026-03-10 09:00",
	} {
		if got := rule.Due(c, at(t, c, event), nil, 0); !got.At.Equal(at(t, c, want)) {
			t.Errorf("%s is due %s, want %s", event, got.At, want)
		}
	}
	hours := Rule{N: 24, Unit: Hours, Roll: NextWorkingDay}
	if got := hours.Due(c, at(t, c, "2026-03-06 12:00"), nil, 0); !got.At.Equal(at(t, c, "2026-03-09 09:00")) || !got.Raw.Equal(at(t, c, "2026-03-07 12:00")) {
		t.Errorf("24 hours from Friday noon: raw %s, due %s", got.Raw, got.At)
	}
}

func Test_a_due_day_never_moves_earlier_when_the_start_the_term_or_the_extension_grows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses := anyPauses(t, start, false)
		base := r.Due(c, start, pauses, 0)
		longer := r
		longer.N += rapid.IntRange(0, 20).Draw(t, "more")
		shift := time.Duration(rapid.IntRange(0, 3*86400).Draw(t, "later")) * time.Second
		for name, other := range map[string]Due{
			"later start": r.Due(c, start.Add(shift), pauses, 0),
			"longer term": longer.Due(c, start, pauses, 0),
			"extension":   r.Due(c, start, pauses, 3),
		} {
			if c.DayAt(other.At) < c.DayAt(base.At) || c.DayAt(other.Raw) < c.DayAt(base.Raw) {
				t.Fatalf("%s moves %s / %s to %s / %s", name, base.Raw, base.At, other.Raw, other.At)
			}
			// same_time keeps the hour of the start, so only its day is ordered.
			if r.At != SameTime && other.At.Before(base.At) {
				t.Fatalf("%s moves %s to %s", name, base.At, other.At)
			}
		}
		if base.At.Before(base.Raw) {
			t.Fatalf("due %s lies before raw %s", base.At, base.Raw)
		}
	})
}

func Test_an_extension_equals_a_longer_term(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses := anyPauses(t, start, true)
		extra := rapid.IntRange(-5, 30).Draw(t, "extra")
		longer := r
		longer.N += max(extra, 0)
		if got, want := r.Due(c, start, pauses, extra), longer.Due(c, start, pauses, 0); got != want {
			t.Fatalf("extension gives %+v, a longer term %+v", got, want)
		}
	})
}

func Test_pauses_add_up_however_they_are_cut_repeated_or_ordered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses := anyPauses(t, start, true)
		var cut []Span
		for _, p := range pauses {
			middle := p.From.Add(p.To.Sub(p.From) / 3)
			if p.To.IsZero() {
				middle = p.From.Add(50 * time.Hour)
			}
			cut = append(cut, Span{middle, p.To}, Span{p.From, middle}, p)
		}
		seed := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		seed.Shuffle(len(cut), func(i, j int) { cut[i], cut[j] = cut[j], cut[i] })
		if got, want := r.Due(c, start, cut, 0), r.Due(c, start, pauses, 0); got != want {
			t.Fatalf("cut pauses give %+v, whole ones %+v", got, want)
		}
	})
}

func Test_a_pause_costs_calendar_days_exactly_the_days_it_loses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar(t)
		start, n := anyDay(t, "start"), rapid.IntRange(1, 90).Draw(t, "n")
		from := start + 1 + Day(rapid.IntRange(0, n-1).Draw(t, "after"))
		lost := rapid.IntRange(0, 40).Draw(t, "lost")
		pause := Span{c.InstantAt(from, 15, 0, 0, 0), c.InstantAt(from+Day(lost), 9, 0, 0, 0)}
		got := Rule{N: n, Unit: CalendarDays}.Due(c, c.InstantAt(start, 10, 0, 0, 0), []Span{pause}, 0)
		if want := start + Day(n+lost); c.DayAt(got.At) != want {
			t.Fatalf("due %s, want %s", c.DayAt(got.At), want)
		}
	})
}

func Test_the_zone_an_instant_is_shown_in_does_not_matter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses := anyPauses(t, start, true)
		z, err := time.LoadLocation(rapid.SampledFrom(zoneNames).Draw(t, "shown in"))
		if err != nil {
			t.Fatal(err)
		}
		shown := make([]Span, len(pauses))
		for i, p := range pauses {
			shown[i].From = p.From.In(z)
			if !p.To.IsZero() {
				shown[i].To = p.To.In(z)
			}
		}
		if got, want := r.Due(c, start.In(z), shown, 0), r.Due(c, start, pauses, 0); got != want {
			t.Fatalf("%+v in %s, %+v in UTC", got, z, want)
		}
		if got, want := fmt.Sprint(r.Explain(c, start.In(z), shown, 0)), fmt.Sprint(r.Explain(c, start, pauses, 0)); got != want {
			t.Fatalf("%s in %s, %s in UTC", got, z, want)
		}
	})
}

func Test_Check_names_the_field_of_a_bad_rule(t *testing.T) {
	good := Rule{N: 5, Unit: WorkingDays, Roll: NextWorkingDay, At: "16:30", Arrival: Office}
	for _, r := range []Rule{good, {Unit: CalendarDays}, {N: 24, Unit: Hours, At: SameTime}} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v is refused: %v", r, err)
		}
	}
	for want, spoil := range map[string]func(*Rule){
		"unit:":                   func(r *Rule) { r.Unit = "weeks" },
		"n: -1":                   func(r *Rule) { r.N = -1 },
		"n: 99999":                func(r *Rule) { r.N = 99999 },
		"roll:":                   func(r *Rule) { r.Roll = "previous" },
		"arrival:":                func(r *Rule) { r.Arrival = "post" },
		"at: \"24":                func(r *Rule) { r.At = "24:00" },
		"at: \"9:":                func(r *Rule) { r.At = "9:00" },
		"does not fit unit hours": func(r *Rule) { r.Unit, r.At = Hours, EndOfDay },
	} {
		r := good
		spoil(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v gives %v, want %q", r, err, want)
		}
	}
}
