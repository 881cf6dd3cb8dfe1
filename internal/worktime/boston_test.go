package worktime

import (
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// The City of Boston published 311 requests with the target its own system computed. That makes an oracle for
// Rule.Due that nobody here wrote. README.md of the pack tells how the rules were found.
var bostonRules = map[string]Rule{
	"Pick up Dead Animal":            {N: 1, Unit: WorkingDays, At: SameTime, Arrival: Office},
	"Pest Infestation - Residential": {N: 120, Unit: CalendarDays, At: SameTime},
	"Bed Bugs":                       {N: 120, Unit: CalendarDays, At: SameTime},
}

// bostonFound is the share of targets that agreed when the rules were found.
const bostonFound = 4875.0 / 4893

// Most open_dt are cut to the minute while the target was computed from the full stamp, so a target may be up
// to a minute later than the rule says; where open_dt has seconds, one second is enough.
func bostonAgrees(open, got, target time.Time) bool {
	late, slack := target.Sub(got), time.Second
	if open.Second() == 0 {
		slack = time.Minute
	}
	return late >= -time.Second && late <= slack
}

func Test_the_targets_of_the_city_of_Boston_are_reproduced(t *testing.T) {
	rows := bostonRows(t)
	c := bostonCalendar(t)
	agree, total := map[string]int{}, map[string]int{}
	hits := 0
	for _, row := range rows {
		rule, known := bostonRules[row.kind]
		if !known {
			t.Errorf("type %q has a target but no rule", row.kind)
			continue
		}
		open, target := bostonClock(t, c, row.open), bostonClock(t, c, row.target)
		total[row.kind]++
		if got := rule.Due(c, open, nil, 0); bostonAgrees(open, got.At, target) {
			agree[row.kind]++
			hits++
		} else {
			t.Logf("%s opened %s: target %s, rule gives %s", row.kind, open, target, got.At)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%-32s %4d of %4d agree", kind, agree[kind], total[kind])
	}
	share := float64(hits) / float64(len(rows))
	t.Logf("%d of %d targets agree: %.2f %%", hits, len(rows), 100*share)
	if share < bostonFound-0.005 {
		t.Errorf("%.2f %% of the targets agree, it was %.2f %%", 100*share, 100*bostonFound)
	}
}

func Test_the_Boston_agreement_is_no_accident(t *testing.T) {
	rows := bostonRows(t)
	plain := func(t testing.TB, c *Calendar, s string) time.Time { return published(t, c, s) }
	for name, v := range map[string]struct {
		spoil func(*Calendar, map[string]Rule)
		read  func(testing.TB, *Calendar, string) time.Time
		most  float64 // per cent
	}{
		"stamps taken as printed":         {func(*Calendar, map[string]Rule) {}, plain, 50},
		"no holidays at all":              {func(c *Calendar, _ map[string]Rule) { clear(c.Off) }, bostonClock, 99.5},
		"a holiday that was not observed": {func(c *Calendar, _ map[string]Rule) { c.Off[DayOf(2018, 9, 3)] = "Labor Day" }, bostonClock, 99.5},
		"open until 17:30":                {func(c *Calendar, _ map[string]Rule) { c.Closes += 30 }, bostonClock, 98.5},
		"120 days as 2880 hours": {func(_ *Calendar, rules map[string]Rule) {
			rules["Bed Bugs"] = Rule{N: 2880, Unit: Hours}
			rules["Pest Infestation - Residential"] = Rule{N: 2880, Unit: Hours}
		}, bostonClock, 90},
		"open from 08:00": {func(c *Calendar, _ map[string]Rule) { c.Opens -= 30 }, bostonClock, 70},
	} {
		t.Run(name+" agrees less", func(t *testing.T) {
			c, rules := bostonCalendar(t), maps.Clone(bostonRules)
			v.spoil(c, rules)
			c, err := c.Compile()
			if err != nil {
				t.Fatal(err)
			}
			hits := 0
			for _, row := range rows {
				open, target := v.read(t, c, row.open), v.read(t, c, row.target)
				if bostonAgrees(open, rules[row.kind].Due(c, open, nil, 0).At, target) {
					hits++
				}
			}
			share := 100 * float64(hits) / float64(len(rows))
			t.Logf("%d of %d, %.2f %%", hits, len(rows), share)
			if share > v.most {
				t.Errorf("%.2f %% agree, expected at most %.1f %%", share, v.most)
			}
		})
	}
}

// published reads a stamp as printed, as New York time.
func published(t testing.TB, c *Calendar, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation(time.DateTime, s, c.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bostonClock returns the instant a published stamp stands for. The export took the wall clock for UTC and
// moved it to New York time, so every stamp is four or five hours early; this undoes it.
func bostonClock(t testing.TB, c *Calendar, s string) time.Time {
	t.Helper()
	wall := published(t, c, s).UTC()
	return c.InstantAt(DayOf(wall.Date()), wall.Hour(), wall.Minute(), wall.Second(), 0)
}

type bostonRow struct{ kind, open, target string }

// bostonRows returns the requests that have a target.
func bostonRows(t *testing.T) []bostonRow {
	t.Helper()
	folder := os.Getenv("COMITY_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(folder, "boston-311", "boston_2018.csv"))
	if os.IsNotExist(err) {
		t.Skipf("the Boston 311 requests are absent (%v); set COMITY_DATA to the folder that holds boston-311", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	var rows []bostonRow
	for _, r := range records[1:] {
		if target := r[column["sla_target_dt"]]; target != "" {
			rows = append(rows, bostonRow{r[column["type"]], r[column["open_dt"]], target})
		}
	}
	if len(rows) == 0 {
		t.Fatal("no request has a target; is this the file of 2018?")
	}
	return rows
}

// bostonCalendar reads the pack's file, so that what is tested is what is shipped.
func bostonCalendar(t *testing.T) *Calendar {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "packs", "us-boston-311", "calendars", "boston.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Calendar, Version, Zone, Source string
		Week                            []string
		KnownUntil                      string `yaml:"known_until"`
		Hours                           struct{ Opens, Closes string }
		DaysOff                         []struct {
			From, To string
			Name     map[string]string
		} `yaml:"days_off"`
	}
	if err := yaml.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	c := &Calendar{ID: f.Calendar, Version: f.Version, Source: f.Source, Zone: zone(t, f.Zone),
		KnownUntil: day(t, f.KnownUntil), Off: map[Day]string{}, Opens: minutes(t, f.Hours.Opens), Closes: minutes(t, f.Hours.Closes)}
	for _, name := range f.Week {
		c.Week[slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, name)] = true
	}
	for _, off := range f.DaysOff {
		for d := day(t, off.From); d <= day(t, off.To); d++ {
			c.Off[d] = off.Name["en"]
		}
	}
	compiled, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func minutes(t *testing.T, s string) int {
	t.Helper()
	var hour, minute int
	if _, err := fmt.Sscanf(s, "%d:%d", &hour, &minute); err != nil {
		t.Fatalf("time %q: %v", s, err)
	}
	return hour*60 + minute
}
