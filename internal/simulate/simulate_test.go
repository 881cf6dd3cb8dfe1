package simulate

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"comity/internal/pack"
	"comity/internal/text"
	"comity/internal/worktime"
)

const demoDir = "../../packs/demo"

func demoPack(t testing.TB) *pack.Pack {
	t.Helper()
	p, err := pack.LoadFrom(os.DirFS(filepath.Dir(demoDir)), filepath.Base(demoDir), pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// streetOffice is the scenario of the demo pack with some lines written differently; pairs of old and new.
func streetOffice(t testing.TB, p *pack.Pack, change ...string) *Scenario {
	t.Helper()
	raw, err := os.ReadFile(demoDir + "/scenarios/street-office.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(change); i += 2 {
		if !bytes.Contains(raw, []byte(change[i])) {
			t.Fatalf("the scenario has no %q", change[i])
		}
		raw = bytes.ReplaceAll(raw, []byte(change[i]), []byte(change[i+1]))
	}
	return read(t, p, string(raw))
}

func read(t testing.TB, p *pack.Pack, yaml string) *Scenario {
	t.Helper()
	s, err := Read(fstest.MapFS{"s.yaml": {Data: []byte(yaml)}}, "s.yaml", p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t testing.TB, p *pack.Pack, s *Scenario, o Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), p, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const short = "to: 2026-05-15"

func Test_the_same_seed_gives_the_same_bytes_on_one_core_and_on_many(t *testing.T) {
	p := demoPack(t)
	said := func(seed uint64) string {
		r := run(t, p, streetOffice(t, p, short, "to: 2026-03-20"), Options{Runs: 2, Seed: seed})
		raw, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		base, err := text.Base()
		if err != nil {
			t.Fatal(err)
		}
		return string(raw) + r.Text(base.With(p.Texts).In("en"), nil)
	}
	many := said(7)
	was := runtime.GOMAXPROCS(1)
	one := said(7)
	runtime.GOMAXPROCS(was)
	if many != one {
		t.Error("two runs with one seed differ")
	}
	if many == said(8) {
		t.Error("another seed gives the same report")
	}
}

func Test_what_arrived_is_closed_or_open_and_nothing_asked_for_is_refused_for_no_reason(t *testing.T) {
	p := demoPack(t)
	r := run(t, p, streetOffice(t, p, short, "to: 2026-04-10"), Options{Runs: 3})
	reports := []Report{r.Base}
	for _, w := range r.WhatIf {
		reports = append(reports, w.Report)
	}
	for i, x := range reports {
		if x.Arrived == 0 || x.Arrived != x.Closed+x.Open || x.Cases >= x.Arrived {
			t.Errorf("variant %d: %d arrived, %d closed, %d open, %d counted", i, x.Arrived, x.Closed, x.Open, x.Cases)
		}
		sum := 0
		for _, u := range x.Units {
			sum += u.N
		}
		if sum != x.Cases || x.All.N != x.Cases {
			t.Errorf("variant %d: the units have %d cases, the whole %d", i, sum, x.Cases)
		}
		for _, no := range x.Refused {
			if !strings.HasPrefix(no.What, "extend ") || no.N > x.Cases/100 {
				t.Errorf("variant %d: %d × %s", i, no.N, no.What)
			}
		}
	}
}

func Test_with_staff_without_end_nothing_is_late(t *testing.T) {
	p := demoPack(t)
	s := streetOffice(t, p, short, "to: 2026-04-10", "n: 1}", "n: 100000}", "n: 2}", "n: 100000}", "n: 4}", "n: 100000}")
	all := run(t, p, s, Options{Runs: 2}).Base.All
	if all.N == 0 || all.Late.Value != 0 || all.Waiting.Value != 0 || all.Median.Value > 1 {
		t.Errorf("%+v", all)
	}
}

func Test_without_staff_everything_that_is_not_withdrawn_is_late(t *testing.T) {
	p := demoPack(t)
	s := streetOffice(t, p, short, "to: 2026-04-10", "n: 1}", "n: 0}", "n: 2}", "n: 0}", "n: 4}", "n: 0}", "withdraw, chance: 0.03", "withdraw, chance: 0")
	base := run(t, p, s, Options{Runs: 2}).Base
	if all := base.All; all.N == 0 || all.Late.Value != all.Cases.Value || all.Answered.Value != 0 || all.Share.Value != 1 || all.Share.Low >= 1 || all.Median.Runs != 0 {
		t.Errorf("%+v", all)
	}
	if base.Closed != 0 || len(base.Staff) != 0 {
		t.Errorf("%d closed by nobody, staff %v", base.Closed, base.Staff)
	}
}

func Test_one_queue_with_one_officer_waits_as_the_theory_of_queues_says(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and no other goroutines than in the other tests; make check runs it without -short")
	}
	p := demoWith(t, map[string]string{"service-request": "one-act"})
	// A day has 510 minutes; 13.6 matters of 30 minutes keep one officer at work for 0.8 of it.
	s := read(t, p, `
scenario: queue
seed: 11
runs: 20
from: 2025-01-02
count_from: 2025-02-05
to: 2026-12-31
policy: oldest
arrivals: [{category: other.other, at: guiyuan-ganyuan, per_day: 13.6}]
staff: [{unit: guiyuan-ganyuan, role: officer, n: 1}]
service: [{act: "*", minutes: 30}]
`)
	base := run(t, p, s, Options{}).Base
	all, want := base.All, 1/(1.0/30-13.6/510)/510
	if math.Abs(all.Mean.Value/want-1) > 0.05 || all.Mean.Low > want || all.Mean.High < want {
		t.Errorf("mean time to answer %+v days, theory says %.4f", all.Mean, want)
	}
	if len(base.Staff) != 1 || math.Abs(base.Staff[0].Busy.Value-0.8) > 0.02 {
		t.Errorf("time in work %+v, theory says 0.8", base.Staff)
	}
	// Times to answer of this queue are exponential: half of them within ln 2 of the mean.
	if math.Abs(all.Median.Value/(want*math.Ln2)-1) > 0.06 {
		t.Errorf("median %+v, theory says %.4f", all.Median, want*math.Ln2)
	}
}

// demoWith is the demo pack with procedures of testdata in place of its own.
func demoWith(t *testing.T, procedures map[string]string) *pack.Pack {
	t.Helper()
	files := fstest.MapFS{}
	demo := os.DirFS(demoDir)
	err := fs.WalkDir(demo, ".", func(name string, d fs.DirEntry, err error) error {
		apart := strings.HasPrefix(name, "stories/") || strings.HasPrefix(name, "documents/") || name == "replies.yaml" || name == "explorer.yaml"
		if err != nil || d.IsDir() || apart {
			return err
		}
		raw, err := fs.ReadFile(demo, name)
		if name == "pack.yaml" { // the city alone, without the law of the country
			raw = regexp.MustCompile(`(?m)^base: .*\n`).ReplaceAll(raw, nil)
		}
		files[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range procedures {
		raw, err := os.ReadFile("testdata/" + file + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		files["procedures/"+name+".yaml"] = &fstest.MapFile{Data: raw}
	}
	p, err := pack.LoadKept(files) // too small to hold every property of a city's law
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func Test_more_staff_never_lengthens_the_mean_wait_in_the_demo_scenario(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and no other goroutines than in the other tests; make check runs it without -short")
	}
	p := demoPack(t)
	s := streetOffice(t, p, short, "to: 2026-04-30")
	s.Variants = nil
	for _, text := range []string{"+1 officer in guiyuan", "+2 officer in guiyuan", "+4 officer in guiyuan", "+1 officer in guiyuan-ganyuan", "+2 clerk in guiyuan", "+1 head in guiyuan"} {
		c, err := ParseChange(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Variants = append(s.Variants, Variant{Changes: []Change{c}})
	}
	r := run(t, p, s, Options{Runs: 3})
	for _, w := range r.WhatIf {
		if w.All.Mean.Value > 0 || w.All.Mean.Low > 0 {
			t.Errorf("%v: the mean time to answer changes by %+v", w.Changes, w.All.Mean)
		}
	}
	one, two := r.WhatIf[0].All.Mean, r.WhatIf[1].All.Mean
	if !one.Clear() || !two.Clear() || two.Value > one.Value {
		t.Errorf("one officer more: %+v, two: %+v", one, two)
	}
}

func Test_variants_meet_the_same_matters_at_the_same_times(t *testing.T) {
	p := demoPack(t)
	s := streetOffice(t, p)
	base, err := s.plan(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Variants {
		then, err := s.plan(p, v.Changes)
		if err != nil {
			t.Fatal(err)
		}
		a, b := base.matters(5), then.matters(5)
		if v.Changes[0].kind != "arrivals" {
			if !slices.Equal(a, b) {
				t.Errorf("%s changes what arrives", v.Changes[0].Text)
			}
		} else if len(b) < len(a)*11/10 {
			t.Errorf("%s: %d instead of %d", v.Changes[0].Text, len(b), len(a))
		}
	}
}

func Test_no_output_tells_one_person_from_another(t *testing.T) {
	p := demoPack(t)
	r := run(t, p, streetOffice(t, p, short, "to: 2026-03-31"), Options{Runs: 2})
	raw, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	out := string(raw)
	for _, lang := range []string{"en", "zh-CN"} {
		said := r.Text(base.With(p.Texts).In(lang), nil)
		if strings.Contains(said, "⟦") {
			t.Errorf("words are missing in %s:\n%s", lang, said)
		}
		out += said
	}
	for _, role := range []string{"/clerk/", "/officer/", "/head/"} {
		if strings.Contains(out, role) {
			t.Errorf("a person of a pool (%s) is in the output", role)
		}
	}
}

func Test_arrivals_can_be_replayed_from_a_file(t *testing.T) {
	p := demoPack(t)
	csv := "at,category,unit\n2026-03-02 09:10,waste.heap,guiyuan-ganyuan\n2026-03-02T21:30:00+08:00,lighting.out,guiyuan-ganyuan\n2026-04-30 10:00,waste.heap,guiyuan\n"
	yaml := "scenario: replay\ncalendar: linjiang\nseed: 1\nruns: 2\nfrom: 2026-03-02\nto: 2026-03-31\narrivals: [{file: seen.csv}]\n" +
		"staff: [{each: community, role: officer, n: 1}, {each: district, role: officer, n: 1}]\nservice: [{act: \"*\", minutes: 30, spread: fixed}]\n"
	s, err := Read(fstest.MapFS{"d/s.yaml": {Data: []byte(yaml)}, "d/seen.csv": {Data: []byte(csv)}}, "d/s.yaml", p)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, s, Options{})
	if r.Base.Cases != 4 || r.Base.All.Answered.Value != 2 {
		t.Fatalf("%+v", r.Base.All)
	}
	for _, u := range r.Base.Units { // accept, begin, answer: 90 minutes of a day of 510
		if math.Abs(u.Mean.Value-90.0/510) > 1e-9 || u.N != 2 {
			t.Errorf("%s: %+v", u.Unit, u.Mean)
		}
	}
	if _, err := s.plan(p, []Change{{Text: "arrivals * 2", kind: "arrivals", times: 2}}); err == nil {
		t.Error("what happened can be made more")
	}
	bad := strings.Replace(csv, "waste.heap", "waste.heaps", 1)
	if _, err := Read(fstest.MapFS{"s.yaml": {Data: []byte(yaml)}, "seen.csv": {Data: []byte(bad)}}, "s.yaml", p); err == nil || !strings.Contains(err.Error(), `seen.csv:2: category "waste.heaps"`) {
		t.Errorf("got %v", err)
	}
}

func Test_a_case_waits_for_the_case_it_opened_and_the_unit_above_has_the_work(t *testing.T) {
	p := demoWith(t, map[string]string{"service-request": "asks-above", "z-second-look": "second-look"})
	yaml := `
scenario: above
seed: 3
runs: 2
from: 2026-03-02
to: 2026-03-31
until: 2026-05-29
arrivals: [{category: waste.heap, at: guiyuan-ganyuan, per_day: 3}]
staff: [{each: community, role: officer, n: 1}, {unit: guiyuan, role: officer, n: 1}]
service: [{act: "*", minutes: 20, spread: fixed}]
next: [{state: ready, acts: {answer: 1}}]
`
	base := run(t, p, read(t, p, yaml), Options{}).Base
	if len(base.Units) != 2 || base.Units[0].Unit != "guiyuan" || base.Units[0].N != base.Units[1].N || base.Open != 0 || base.Arrived != base.Closed || len(base.Refused) > 0 {
		t.Fatalf("%+v", base)
	}
	if above, below := base.Units[0], base.Units[1]; below.Answered != below.Cases || below.Mean.Value < 59.99/510 || above.Mean.Value < 19.99/510 || above.Mean.Value > 40.0/510 {
		t.Errorf("above %+v, below %+v", base.Units[0].Mean, base.Units[1].Mean)
	}
	// Without anybody above, every matter waits there until its date has passed, and both terms run out.
	alone := run(t, p, read(t, p, strings.Replace(yaml, "{unit: guiyuan, role: officer, n: 1}", "{unit: guiyuan, role: officer, n: 0}", 1)), Options{}).Base
	if below := alone.Units[1]; below.Late != below.Cases || below.Answered.Value != 0 || alone.Open != alone.Arrived {
		t.Errorf("%+v", alone.Units)
	}
	// An answer from elsewhere takes its time, although nobody works on it meanwhile.
	slow := run(t, p, read(t, p, strings.Replace(yaml, "{state: ready,", "{state: ready, after_hours: 400,", 1)), Options{}).Base
	if slow.Units[1].Late.Value == 0 || math.Abs(slow.Units[0].Mean.Value-base.Units[0].Mean.Value) > 1e-6 {
		t.Errorf("%+v", slow.Units)
	}
}

func Test_a_mistake_in_a_scenario_is_named_with_its_line(t *testing.T) {
	p := demoPack(t)
	raw, err := os.ReadFile(demoDir + "/scenarios/street-office.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"an unknown name":          {"seed: 20260302", "sead: 1", `s.yaml:9:1: "sead" is not a name that is known here; did you mean "seed"?`},
		"a wrong type":             {"runs: 12", "runs: many", `s.yaml:10:7: runs: "many" is not a whole number`},
		"an unknown category":      {"category: waste.heap,", "category: waste.heaps,", `category "waste.heaps" is not in the pack`},
		"an unknown unit":          {"{unit: linjiang, role: clerk", "{unit: atlantis, role: clerk", `unit "atlantis" is not in the pack`},
		"an unknown level":         {"{each: community, role: clerk", "{each: county, role: clerk", `unknown level "county"`},
		"a role nobody holds":      {"{each: community, role: clerk", "{each: community, role: head", `role "head" is held by nobody there`},
		"dates out of order":       {"to: 2026-05-15", "to: 2026-01-15", "dates must follow each other"},
		"no such state":            {"state: in_hand", "state: in_hands", `state "in_hands" is not in the procedure`},
		"an act of another state":  {"answer: 88", "accept: 88", `act "accept" is not something staff can do in state "in_hand"`},
		"an act of residents":      {"{act: ask, minutes", "{act: reply, minutes", `act "reply" is not something staff do`},
		"a chance above 1":         {"reply, chance: 0.8", "reply, chance: 8", "chance: 8 is not between 0 and 1"},
		"no default service time":  {`{act: "*", minutes: 10}`, `{act: extend, minutes: 10}`, "service: say how long an act takes"},
		"no time at all":           {"answer, minutes: 95", "answer, minutes: 0", "minutes: even the quickest act takes some time"},
		"an unknown policy":        {"policy: due ", "policy: loudest ", `policy: "loudest" is not due or oldest`},
		"a change nobody knows":    {`"policy oldest"`, `"fewer rules"`, `change "fewer rules" is not understood`},
		"more of a role not there": {"+2 clerk in guiyuan", "+2 head in guiyuan-ganyuan", "nobody at guiyuan-ganyuan is head"},
		"fewer than nobody":        {"+2 clerk in guiyuan", "-2 clerk in guiyuan", "fewer than nobody"},
		"a field nobody asks":      {"field: outcome", "field: outcomes", `act "answer" has no field "outcomes"`},
		"a calendar not there":     {"calendar: linjiang", "calendar: moon", `calendar: "moon" is none`},
		"where twice":              {"at: guiyuan-ganyuan,", "at: guiyuan-ganyuan, each: street,", "name either one unit or each"},
	} {
		t.Run(name, func(t *testing.T) {
			src := bytes.Replace(raw, []byte(c.old), []byte(c.new), 1)
			_, err := Read(fstest.MapFS{"s.yaml": {Data: src}}, "s.yaml", p)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "s.yaml:") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func Test_a_scenario_that_goes_round_in_circles_is_stopped(t *testing.T) {
	p := demoPack(t)
	s := read(t, p, `
scenario: circles
calendar: linjiang
seed: 1
runs: 1
from: 2026-03-02
to: 2026-03-02
until: 2026-12-31
arrivals: [{category: waste.heap, at: guiyuan-ganyuan, per_day: 3}]
staff: [{each: community, role: clerk, n: 1}]
service: [{act: "*", minutes: 0.001}]
next: [{state: accepted, acts: {assign: 1}}, {state: assigned, acts: {assign: 1}}]
`)
	_, err := Run(t.Context(), p, s, Options{})
	if err == nil || !strings.Contains(err.Error(), "goes round in circles at state assigned") {
		t.Errorf("got %v", err)
	}
}

func Test_a_run_stops_when_it_is_told_to(t *testing.T) {
	p := demoPack(t)
	ctx, stop := context.WithCancel(t.Context())
	_, err := Run(ctx, p, streetOffice(t, p), Options{Progress: func(done, of int) {
		if done <= 0 || done > of {
			t.Errorf("%d of %d", done, of)
		}
		stop()
	}})
	if err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func Test_office_time_is_counted_and_added_alike(t *testing.T) {
	p := demoPack(t)
	h := newHours(p.Calendars["linjiang"], worktime.DayOf(2026, 4, 1))
	start := time.Date(2026, 4, 3, 16, 0, 0, 0, p.Zone) // Friday; the Qingming festival follows
	for _, minutes := range []float64{1, 89, 90, 91, 600, 5000} {
		end := h.after(start, minutes)
		if got := h.between(start, end); math.Abs(got-minutes) > 1e-6 {
			t.Errorf("%v minutes after %v is %v, which is %v minutes", minutes, start, end, got)
		}
	}
	if end := h.after(start, 91); !end.Equal(time.Date(2026, 4, 7, 9, 1, 0, 0, p.Zone)) {
		t.Errorf("91 minutes of work from Friday 16:00 end at %v", end)
	}
}

func Test_a_range_is_students_and_agreement_is_not_certainty(t *testing.T) {
	e := estimate([]float64{1, 2, 3, math.NaN()})
	if e.Runs != 3 || e.Value != 2 || math.Abs(e.High-2-4.303/math.Sqrt(3)) > 1e-9 || math.Abs(e.High+e.Low-4) > 1e-9 {
		t.Errorf("%+v", e)
	}
	if e := estimate([]float64{1, math.Inf(1)}); e.Runs != 0 {
		t.Errorf("a time that is never reached has a mean: %+v", e)
	}
	if e := proportion([]float64{0, 0, 0}, 30); e.Low != 0 || e.High < 0.1 || e.High > 0.13 {
		t.Errorf("none of 30: %+v", e)
	}
	if a, b := student(30), student(31); b >= a || math.Abs(b-2.0395) > 0.001 || math.Abs(student(1000)-1.9623) > 0.001 {
		t.Errorf("%v %v", a, b)
	}
	if (Estimate{Value: 1, Low: -1, High: 3, Runs: 5}).Clear() || !(Estimate{Value: 2, Low: 1, High: 3, Runs: 5}).Clear() || (Estimate{Value: 2, Low: 2, High: 2, Runs: 1}).Clear() {
		t.Error("a difference is clear when, and only when, its range leaves out 0")
	}
}

func Test_changes_are_read_in_both_spellings(t *testing.T) {
	a, err1 := ParseChange("+2 clerk in guiyuan")
	b, err2 := MoreStaff("clerk@guiyuan=2")
	if err1 != nil || err2 != nil || a != b || a.n != 2 || a.role != "clerk" || a.unit != "guiyuan" {
		t.Errorf("%+v %v, %+v %v", a, err1, b, err2)
	}
	if c, err := MoreStaff("clerk@guiyuan=-1"); err != nil || c.n != -1 {
		t.Errorf("%+v %v", c, err)
	}
	for _, bad := range []string{"", "clerk", "clerk@guiyuan", "clerk@guiyuan=many", "@guiyuan=1", "clerk@=1"} {
		if _, err := MoreStaff(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for _, bad := range []string{"+2 clerk", "arrivals * 0", "answer takes", "policy loudest"} {
		if _, err := ParseChange(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func Test_draws_are_even_and_their_means_are_right(t *testing.T) {
	const n = 100_000
	sum, waits := 0.0, 0.0
	picked := make([]int, 3)
	for i := range uint64(n) {
		sum += share(mix(1, i))
		waits += Exponential.wait(7, mix(2, i))
		picked[pick([]float64{1, 0, 3}, mix(3, i))]++
	}
	if math.Abs(sum/n-0.5) > 0.005 || math.Abs(waits/n-7) > 0.1 || picked[1] != 0 || math.Abs(float64(picked[0])/n-0.25) > 0.005 {
		t.Errorf("mean %v, wait %v, picked %v", sum/n, waits/n, picked)
	}
	if pick([]float64{0, 0}, 1) != -1 || Fixed.wait(3, 1) != 3 {
		t.Error("nothing to pick is not -1, or a fixed time is not fixed")
	}
}

func Benchmark_cases_of_the_demo_scenario(b *testing.B) {
	p := demoPack(b)
	s := streetOffice(b, p)
	s.Variants = nil
	cases := 0
	for b.Loop() {
		r, err := Run(b.Context(), p, s, Options{Runs: 1})
		if err != nil {
			b.Fatal(err)
		}
		cases += r.Base.Arrived
	}
	b.ReportMetric(float64(cases)/b.Elapsed().Seconds(), "cases/s")
}

func Test_every_scenario_that_is_shipped_plays_against_its_pack(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and no other goroutines than in the other tests; make check runs it without -short")
	}
	files, err := filepath.Glob("../../packs/*/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario is found, %v", err)
	}
	for _, file := range files {
		dir := filepath.Dir(filepath.Dir(file))
		t.Run(filepath.Base(dir)+"/"+filepath.Base(file), func(t *testing.T) {
			p, err := pack.LoadFrom(os.DirFS("../../packs"), filepath.Base(dir), pack.Unsearched())
			if err != nil {
				t.Fatal(err)
			}
			s, err := Read(os.DirFS(dir), "scenarios/"+filepath.Base(file), p)
			if err != nil {
				t.Fatal(err)
			}
			if r := run(t, p, s, Options{Runs: 1}); r.Base.Cases == 0 || len(r.WhatIf) == 0 {
				t.Errorf("%d cases and %d what-ifs were played", r.Base.Cases, len(r.WhatIf))
			}
		})
	}
}
