package pack_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// The terms of residence and support, as the laws and the table of parameters set them, written down by hand: procedure, clock,
// how many of what, whether the end rolls over days off, from which written date, until which, and the article.
var clockTable = []struct {
	procedure, clock string
	n                int
	unit             worktime.Unit
	roll             worktime.Roll
	from, until      string
	law, article     string
}{
	{"residence-permit", "look", 0, worktime.CalendarDays, "", "", "", "JZ", "9"},
	{"residence-permit", "issue", 15, worktime.CalendarDays, "", "", "", "JZ", "9"},
	{"residence-permit", "window", 0, worktime.CalendarDays, "", "", "window_opens", "JZ", "10"},
	{"residence-permit", "endorse", 0, worktime.CalendarDays, "", "", "year_ends", "JZ", "10"},
	{"residence-permit", "contest", 60, worktime.CalendarDays, worktime.NextWorkingDay, "", "", "FY", "20"},
	{"tenancy-registration", "landlord", 3, worktime.WorkingDays, "", "", "", "", ""},
	{"tenancy-registration", "end", 3, worktime.WorkingDays, "", "", "", "", ""},
	{"support-corrections", "papers", 10, worktime.CalendarDays, "", "effective_on", "", "SJ", "20"},
	{"support-corrections", "report_in", 10, worktime.CalendarDays, "", "effective_on", "", "SJ", "21"},
	{"support-corrections", "device", 0, worktime.CalendarDays, "", "", "device_ends", "SJ", "29"},
	{"support-corrections", "device_limit", 89, worktime.CalendarDays, "", "", "", "SP", "15"},
	{"support-corrections", "search", 0, worktime.CalendarDays, "", "", "", "SJ", "30"},
	{"support-corrections", "arrest", 48, worktime.Hours, "", "", "", "SJ", "47"},
	{"support-corrections", "ruling", 30, worktime.CalendarDays, "", "court_has_it", "", "SJ", "48"},
	{"support-corrections", "certificate", 0, worktime.CalendarDays, "", "", "ends_on", "SJ", "44"},
	{"support-corrections", "leave", 3, worktime.WorkingDays, "", "", "", "SP", "9"},
	{"support-reentry", "meet", 7, worktime.CalendarDays, worktime.NextWorkingDay, "", "", "SP", "1"},
	{"support-reentry", "plan", 10, worktime.WorkingDays, "", "", "", "SP", "2"},
	{"support-reentry", "review", 90, worktime.CalendarDays, worktime.NextWorkingDay, "", "", "SP", "4"},
	{"support-reentry", "five_years", 1826, worktime.CalendarDays, "", "", "", "SP", "12"},
	{"support-reentry", "aid_decision", 7, worktime.CalendarDays, "", "asked_on", "", "FA", "43"},
	{"support-reentry", "aid_lawyer", 3, worktime.CalendarDays, "", "decided_on", "", "FA", "43"},
	{"support-youth", "term", 0, worktime.CalendarDays, "", "", "term_ends", "YF", "46"},
	{"support-mental", "visit", 0, worktime.CalendarDays, "", "", "next_visit", "SP", "14"},
	{"support-mental", "second", 3, worktime.CalendarDays, worktime.NextWorkingDay, "received_on", "", "JS", "32"},
	{"support-carer", "offer", 14, worktime.CalendarDays, "", "", "", "SP", "3"},
}

// elsewhere are terms of the table that no procedure of support counts: the prison's notice, the days of
// registration, answers about one's own data, and the review of an opened file.
var elsewhere = []worktime.Rule{
	{N: 3, Unit: worktime.CalendarDays}, {N: 5, Unit: worktime.CalendarDays}, {N: 10, Unit: worktime.CalendarDays},
	{N: 30, Unit: worktime.CalendarDays}, {N: 24, Unit: worktime.Hours}, {N: 3, Unit: worktime.WorkingDays},
	{N: 14, Unit: worktime.CalendarDays}, {N: 90, Unit: worktime.CalendarDays},
}

func nationalPack(t *testing.T) *pack.Pack {
	t.Helper()
	p, err := pack.LoadFrom(os.DirFS("../../packs"), "cn-national-2022", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// slow is the end of a term by walking day after day, as somebody with a calendar on the wall counts it.
func slow(cal *worktime.Calendar, r worktime.Rule, start time.Time) time.Time {
	at := start.In(cal.Zone)
	if r.Unit == worktime.Hours {
		return at.Add(time.Duration(r.N) * time.Hour)
	}
	if r.Arrival == worktime.Office {
		open := func(d time.Time) time.Time {
			return time.Date(d.Year(), d.Month(), d.Day(), cal.Opens/60, cal.Opens%60, 0, 0, cal.Zone)
		}
		minutes := at.Hour()*60 + at.Minute()
		if !works(cal, at) || minutes >= cal.Closes {
			for at = at.AddDate(0, 0, 1); !works(cal, at); {
				at = at.AddDate(0, 0, 1)
			}
			at = open(at)
		}
	}
	day := time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, cal.Zone)
	for left := r.N; left > 0; {
		day = day.AddDate(0, 0, 1)
		if r.Unit == worktime.CalendarDays || works(cal, day) {
			left--
		}
	}
	for r.Roll == worktime.NextWorkingDay && !works(cal, day) {
		day = day.AddDate(0, 0, 1)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, 0, cal.Zone)
}

// works reads the published schedule and nothing the calendar has worked out from it.
func works(cal *worktime.Calendar, t time.Time) bool {
	d, err := worktime.ParseDay(t.Format("2006-01-02"))
	if err != nil {
		panic(err)
	}
	if _, on := cal.On[d]; on {
		return true
	}
	if _, off := cal.Off[d]; off {
		return false
	}
	return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday
}

func Test_the_terms_of_residence_and_support_are_those_of_the_table(t *testing.T) {
	p := nationalPack(t)
	for _, want := range clockTable {
		d := p.Procedures[want.procedure]
		c, ok := d.Clock(want.clock)
		if !ok {
			t.Errorf("%s has no clock %s", want.procedure, want.clock)
			continue
		}
		got := fmt.Sprint(c.Rule.N, c.Rule.Unit, c.Rule.Roll, c.From, c.Until, c.Law.ID, c.Law.Article)
		if w := fmt.Sprint(want.n, want.unit, want.roll, want.from, want.until, want.law, want.article); got != w {
			t.Errorf("%s/%s: the pack says %s, the table %s", want.procedure, want.clock, got, w)
		}
		if c.Parameter != (want.law == "") {
			t.Errorf("%s/%s: parameter %v", want.procedure, want.clock, c.Parameter)
		}
	}
	issue, _ := p.Procedures["residence-permit"].Clock("issue")
	if len(issue.Pause) > 0 || issue.Extend.Times > 0 {
		t.Error("the fifteen days can be paused or extended")
	}
}

func Test_every_term_of_the_compartments_ends_when_a_calendar_on_the_wall_says_so(t *testing.T) {
	p := nationalPack(t)
	rules := map[string]worktime.Rule{}
	for i, r := range elsewhere {
		rules[fmt.Sprint("elsewhere ", i)] = r
	}
	for id, d := range p.Procedures {
		if d.Compartment == procedure.Civic {
			continue
		}
		for _, c := range d.Clocks {
			if c.Until == "" {
				rules[id+"/"+c.ID] = c.Rule
			}
		}
	}
	cal := p.Calendars["cn"]
	r := rand.New(rand.NewPCG(8, 12))
	first, last := time.Date(2024, 1, 1, 0, 0, 0, 0, cal.Zone), time.Date(2026, 12, 30, 0, 0, 0, 0, cal.Zone)
	starts := []time.Time{ // the edges: around Spring Festival and its make-up days, Labour Day, National Day, midnight
		time.Date(2026, 2, 13, 17, 30, 0, 0, cal.Zone), time.Date(2026, 2, 14, 9, 0, 0, 0, cal.Zone), time.Date(2026, 2, 28, 23, 59, 59, 0, cal.Zone),
		time.Date(2026, 4, 30, 17, 29, 0, 0, cal.Zone), time.Date(2026, 5, 9, 8, 0, 0, 0, cal.Zone), time.Date(2025, 9, 28, 12, 0, 0, 0, cal.Zone), time.Date(2024, 2, 29, 0, 0, 0, 0, cal.Zone),
	}
	for range 400 {
		starts = append(starts, first.Add(time.Duration(r.Int64N(int64(last.Sub(first))))).Truncate(time.Second))
	}
	makeUp := 0
	for name, rule := range rules {
		for _, start := range starts {
			got := rule.Due(cal, start, nil, 0)
			want := slow(cal, rule, start)
			if !got.At.Equal(want) {
				t.Fatalf("%s (%+v) from %s: %s, by hand %s", name, rule, start, got.At.In(cal.Zone), want)
			}
			if d, _ := worktime.ParseDay(want.Format("2006-01-02")); cal.On[d] != "" {
				makeUp++
			}
		}
	}
	if makeUp == 0 {
		t.Error("no term ended on a make-up working day, so they were not tried")
	}
}

func Test_three_months_are_never_shorter_than_the_limit_of_a_location_device(t *testing.T) {
	for day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2033; day = day.AddDate(0, 0, 1) {
		months := time.Date(day.Year(), day.Month()+3, 1, 0, 0, 0, 0, time.UTC)
		end := min(day.Day(), months.AddDate(0, 1, -1).Day()) // the last day of a short month
		if limit := day.AddDate(0, 0, 89); limit.After(months.AddDate(0, 0, end-1)) {
			t.Fatalf("from %s the limit %s lies after three months, %s", day, limit, months.AddDate(0, 0, end-1))
		}
	}
}
