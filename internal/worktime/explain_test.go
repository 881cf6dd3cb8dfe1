package worktime

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func Test_a_due_date_is_explained_day_by_day(t *testing.T) {
	c := chinese(t)
	for _, v := range []struct {
		name, start string
		rule        Rule
		pauses      []Span
		want        string
	}{
		{"make-up Sunday and holiday week", "2024-09-27 10:00", Rule{N: 3, Unit: WorkingDays}, nil,
			`09-27 start, 09-28 weekend, 09-29 makeup 1 国庆节调休上班, 09-30 counted 2, 10-01 holiday 国庆节, 10-02 holiday 国庆节,
			10-03 holiday 国庆节, 10-04 holiday 国庆节, 10-05 holiday 国庆节, 10-06 holiday 国庆节, 10-07 holiday 国庆节, 10-08 due 3`},
		{"roll over a weekend", "2026-03-05 10:00", Rule{N: 2, Unit: CalendarDays, Roll: NextWorkingDay}, nil,
			`03-05 start, 03-06 counted 1, 03-07 rolled 2, 03-08 weekend, 03-09 due`},
		{"late arrival and pause", "2026-03-06 18:00", Rule{N: 2, Unit: WorkingDays, Arrival: Office},
			[]Span{{at(t, c, "2026-03-10 10:00"), at(t, c, "2026-03-11 10:00")}},
			`03-06 start, 03-07 weekend, 03-08 weekend, 03-09 arrives, 03-10 paused, 03-11 counted 1, 03-12 due 2`},
		{"still paused", "2026-03-02 10:00", Rule{N: 9, Unit: WorkingDays}, []Span{{From: at(t, c, "2026-03-04 10:00")}},
			`03-02 start, 03-03 counted 1, 03-04 paused`},
		{"hours with a pause of a day and a half", "2026-03-02 18:00", Rule{N: 24, Unit: Hours},
			[]Span{{at(t, c, "2026-03-03 00:00"), at(t, c, "2026-03-04 12:00")}},
			`03-02 start 6, 03-03 paused 6, 03-04 counted 18, 03-05 due 24`},
		{"hours within the day", "2026-03-02 10:00", Rule{N: 2, Unit: Hours}, nil, `03-02 start 2, 03-02 due 2`},
		{"hours that stand still", "2026-03-02 10:00", Rule{N: 48, Unit: Hours}, []Span{{From: at(t, c, "2026-03-03 06:00")}},
			`03-02 start 14, 03-03 paused 20`},
		{"hours that end while the office is closed", "2026-03-06 12:00", Rule{N: 24, Unit: Hours, Roll: NextWorkingDay}, nil,
			`03-06 start 12, 03-07 rolled 24, 03-08 weekend, 03-09 due`},
		{"no term from a Saturday, rolled", "2026-03-07 10:00", Rule{Unit: CalendarDays, Roll: NextWorkingDay}, nil,
			`03-07 start, 03-08 weekend, 03-09 due`},
		{"no term at all", "2026-03-02 10:00", Rule{Unit: CalendarDays}, nil, `03-02 start, 03-02 due`},
	} {
		t.Run(v.name, func(t *testing.T) {
			got := v.rule.Explain(c, at(t, c, v.start), v.pauses, 0)
			if want := strings.Join(strings.Fields(v.want), " "); written(got) != want {
				t.Errorf("got  %s\nwant %s", written(got), want)
			}
		})
	}
}

// written gives lines as "MM-DD why n name", leaving out what is zero.
func written(lines []Line) string {
	var out []string
	for _, l := range lines {
		s := l.Day.String()[5:] + " " + l.Why
		if l.N > 0 {
			s += fmt.Sprint(" ", l.N)
		}
		if l.Name != "" {
			s += " " + l.Name
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func Test_the_explanation_ends_on_the_due_day_and_counts_the_whole_term(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r, start := anyCalendar(t), anyRule(t), anyInstant(t, "start")
		pauses := anyPauses(t, start, true)
		extra := rapid.IntRange(0, 9).Draw(t, "extra")
		due, lines := r.Due(c, start, pauses, extra), r.Explain(c, start, pauses, extra)
		last := lines[len(lines)-1]
		if lines[0].Day != c.DayAt(start) || lines[0].Why != WhyStart {
			t.Fatalf("begins with %+v", lines[0])
		}
		highest, counted := 0, 0
		for i, l := range lines {
			highest = max(highest, l.N)
			if l.Counted {
				counted++
			}
			sameDay := i == len(lines)-1 && i > 0 && l.Day == lines[i-1].Day
			if i > 0 && l.Day != lines[i-1].Day+1 && !sameDay {
				t.Fatalf("a day is missing before %s in %s", l.Day, written(lines))
			}
			if (l.Why == WhyDue) != (i == len(lines)-1 && !due.Paused) {
				t.Fatalf("due %+v, explained as %s", due, written(lines))
			}
		}
		if due.Paused {
			if last.Why != WhyPaused || highest > r.total(extra) {
				t.Fatalf("still paused, explained as %s", written(lines))
			}
			return
		}
		if last.Day != c.DayAt(due.At) || highest != r.total(extra) {
			t.Fatalf("due %s after %d, explained as %s", due.At, r.total(extra), written(lines))
		}
		if r.inDays() && counted != r.total(extra) {
			t.Fatalf("%d days counted of %d in %s", counted, r.total(extra), written(lines))
		}
	})
}
