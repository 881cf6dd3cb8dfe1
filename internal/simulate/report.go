package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"comity/internal/org"
	"comity/internal/pack"
)

// Result is the answer to a scenario.
type Result struct {
	Pack     string            `json:"pack"`
	Version  string            `json:"version"`
	Digest   string            `json:"digest"`
	Scenario string            `json:"scenario"`
	Name     map[string]string `json:"name,omitempty"`
	Seed     uint64            `json:"seed"`
	Runs     int               `json:"runs"`
	From     string            `json:"from"`
	To       string            `json:"to"`
	Count    string            `json:"count_from"`
	Until    string            `json:"until,omitempty"`
	Base     Report            `json:"base"`
	WhatIf   []WhatIf          `json:"what_if,omitempty"`
}

// Report is what the runs of one variant say.
type Report struct {
	Cases   int           `json:"cases"` // all runs together, warm-up not counted
	Arrived int           `json:"arrived"`
	Closed  int           `json:"closed"`
	Open    int           `json:"open"`
	All     UnitReport    `json:"all"`
	Units   []UnitReport  `json:"units"`
	Clocks  []ClockReport `json:"clocks"`
	Staff   []StaffReport `json:"staff"`
	Refused []Refused     `json:"refused,omitempty"`
}

// UnitReport is about the cases a unit received, wherever they went from there.
type UnitReport struct {
	Unit     org.UnitID `json:"unit,omitempty"`
	N        int        `json:"n"` // cases of all runs
	Cases    Estimate   `json:"cases"`
	Answered Estimate   `json:"answered"`
	Late     Estimate   `json:"late"`
	Share    Estimate   `json:"late_share"`
	Mean     Estimate   `json:"mean_days"` // of the answered ones
	Median   Estimate   `json:"median_days"`
	P90      Estimate   `json:"p90_days"`
	Queue    Estimate   `json:"longest_queue"`
	Raised   Estimate   `json:"raised_to"`
	Waiting  Estimate   `json:"unanswered"` // at the end
}

// ClockReport is about one term, counted where the case was when the term began.
type ClockReport struct {
	Unit      org.UnitID `json:"unit"`
	Procedure string     `json:"procedure"`
	Clock     string     `json:"clock"`
	N         int        `json:"n"`
	Started   Estimate   `json:"started"`
	RanOut    Estimate   `json:"ran_out"`
	Share     Estimate   `json:"ran_out_share"`
}

// StaffReport is about all people of a role at a unit together.
type StaffReport struct {
	Unit   org.UnitID `json:"unit"`
	Role   string     `json:"role"`
	People int        `json:"people"`
	Busy   Estimate   `json:"busy_share"`
}

// Refused is something the scenario asked for and the procedure did not allow.
type Refused struct {
	What string `json:"what"`
	N    int    `json:"n"`
}

// WhatIf is a variant beside the base, run by run with the same draws.
type WhatIf struct {
	Name    map[string]string `json:"name,omitempty"`
	Changes []string          `json:"changes"`
	Report  Report            `json:"report"`
	All     Difference        `json:"all"`
	Units   []Difference      `json:"units"`
}

// touches reports whether the variant changes the staff of a unit.
func (w *WhatIf) touches(id org.UnitID) bool {
	return slices.ContainsFunc(w.Changes, func(text string) bool {
		c, err := ParseChange(text)
		return err == nil && c.kind == "staff" && c.unit == string(id)
	})
}

// Difference is variant minus base, for one unit.
type Difference struct {
	Unit   org.UnitID `json:"unit,omitempty"`
	N      int        `json:"n"`
	Share  Estimate   `json:"late_share"`
	Median Estimate   `json:"median_days"`
	Mean   Estimate   `json:"mean_days"`
	Queue  Estimate   `json:"longest_queue"`
}

// Estimate is the mean over the runs with the range that holds the true mean in 95 of 100 such experiments.
// One run has no range. A time that some runs never reached, because too many cases were not answered, has
// no value at all: Runs is 0 then.
type Estimate struct {
	Value, Low, High float64
	Runs             int
}

// MarshalJSON writes null for what is not known.
func (e Estimate) MarshalJSON() ([]byte, error) {
	out := struct {
		Value *float64 `json:"value"`
		Low   *float64 `json:"low"`
		High  *float64 `json:"high"`
		Runs  int      `json:"runs"`
	}{Runs: e.Runs}
	if e.Runs > 0 {
		out.Value = &e.Value
	}
	if e.Runs > 1 {
		out.Low, out.High = &e.Low, &e.High
	}
	return json.Marshal(out)
}

// Clear reports a difference whose range leaves out 0.
func (e Estimate) Clear() bool { return e.Runs > 1 && (e.Low > 0 || e.High < 0) }

// estimate takes one value per run; NaN where a run has none, infinite where it never came to one.
func estimate(values []float64) Estimate {
	var e Estimate
	for _, v := range values {
		if math.IsInf(v, 0) {
			return Estimate{}
		}
		if !math.IsNaN(v) {
			e.Runs++
			e.Value += v
		}
	}
	if e.Runs == 0 {
		return e
	}
	e.Value /= float64(e.Runs)
	squares := 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			squares += (v - e.Value) * (v - e.Value)
		}
	}
	half := 0.0
	if e.Runs > 1 {
		half = student(e.Runs-1) * math.Sqrt(squares/float64(e.Runs-1)/float64(e.Runs))
	}
	e.Low, e.High = e.Value-half, e.Value+half
	return e
}

// count is an estimate of something that is never below 0.
func count(values []float64) Estimate {
	e := estimate(values)
	e.Low = max(e.Low, 0)
	return e
}

// proportion is an estimate of a share. Where all runs agree on none or all, the spread says nothing; the
// range is then Wilson's for all n cases together, so that "0 of 12" does not look like certainty.
func proportion(values []float64, n int) Estimate {
	e := estimate(values)
	if e.Runs > 1 && e.Low == e.High && (e.Value == 0 || e.Value == 1) && n > 0 {
		const z = 1.959964
		edge := z * z / (float64(n) + z*z)
		if e.Value == 0 {
			e.High = edge
		} else {
			e.Low = 1 - edge
		}
	}
	e.Low, e.High = max(e.Low, 0), min(e.High, 1)
	return e
}

// student is the 97.5 % point of Student's t. Beyond the table the error of the formula is below 0.001.
func student(df int) float64 {
	table := [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
		2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042}
	if df <= len(table) {
		return table[df-1]
	}
	return 1.95996 + 2.3722/float64(df) + 2.8225/float64(df)/float64(df)
}

// compare makes the result of all runs; tallies stand variant by variant, run by run.
func compare(p *pack.Pack, s *Scenario, seed uint64, runs int, variants []Variant, tallies []*tally) *Result {
	r := &Result{Pack: p.ID, Version: p.Version, Digest: p.Digest, Scenario: s.ID, Name: s.Name, Seed: seed, Runs: runs,
		From: s.from.String(), To: s.to.String(), Count: s.count.String()}
	if s.until != 0 {
		r.Until = s.until.String()
	}
	base := tallies[:runs]
	r.Base = report(p, base)
	for i, v := range variants[1:] {
		w := WhatIf{Name: v.Name}
		for _, c := range v.Changes {
			w.Changes = append(w.Changes, c.Text)
		}
		then := tallies[(i+1)*runs : (i+2)*runs]
		w.Report = report(p, then)
		w.All = difference("", base, then, w.Report.All.N)
		for _, u := range w.Report.Units {
			if u.N > 0 {
				w.Units = append(w.Units, difference(u.Unit, base, then, u.N))
			}
		}
		r.WhatIf = append(r.WhatIf, w)
	}
	return r
}

// each takes one figure from every run.
func each[T any](runs []T, figure func(T) float64) []float64 {
	out := make([]float64, len(runs))
	for i, t := range runs {
		out[i] = figure(t)
	}
	return out
}

// of is the tally of a unit in one run; the empty unit is the whole city.
func (t *tally) of(id org.UnitID) *unitTally {
	if id == "" {
		return t.all
	}
	if u := t.units[id]; u != nil {
		return u
	}
	return &unitTally{mean: math.NaN(), median: math.NaN(), p90: math.NaN()}
}

func (u *unitTally) share() float64 { return float64(u.late) / float64(u.cases) } // NaN without cases

func report(p *pack.Pack, runs []*tally) Report {
	var r Report
	for _, t := range runs {
		r.Arrived += t.arrived
		r.Closed += t.closed
		r.Open += t.open
	}
	r.All = unitReport("", runs)
	r.Cases = r.All.N
	for _, id := range p.Units.All() {
		if u := unitReport(id, runs); u.N > 0 || u.Queue.Value > 0 || u.Raised.Value > 0 {
			r.Units = append(r.Units, u)
		}
		r.Clocks = append(r.Clocks, clockReports(p, id, runs)...)
		unit, _ := p.Units.Unit(id)
		for _, role := range unit.Roles {
			if x := staffReport(staffKey{id, role}, runs); x.People > 0 {
				r.Staff = append(r.Staff, x)
			}
		}
	}
	refused := map[string]int{}
	for _, t := range runs {
		for what, n := range t.refused {
			refused[what] += n
		}
	}
	for _, what := range slices.Sorted(maps.Keys(refused)) {
		r.Refused = append(r.Refused, Refused{what, refused[what]})
	}
	return r
}

func unitReport(id org.UnitID, runs []*tally) UnitReport {
	u := UnitReport{Unit: id}
	for _, t := range runs {
		u.N += t.of(id).cases
	}
	of := func(figure func(*unitTally) float64) []float64 {
		return each(runs, func(t *tally) float64 { return figure(t.of(id)) })
	}
	u.Cases = count(of(func(x *unitTally) float64 { return float64(x.cases) }))
	u.Answered = count(of(func(x *unitTally) float64 { return float64(x.answered) }))
	u.Late = count(of(func(x *unitTally) float64 { return float64(x.late) }))
	u.Waiting = count(of(func(x *unitTally) float64 { return float64(x.openEnd) }))
	u.Queue = count(of(func(x *unitTally) float64 { return x.queue }))
	u.Raised = count(of(func(x *unitTally) float64 { return float64(x.raised) }))
	u.Mean = count(of(func(x *unitTally) float64 { return x.mean }))
	u.Median = count(of(func(x *unitTally) float64 { return x.median }))
	u.P90 = count(of(func(x *unitTally) float64 { return x.p90 }))
	u.Share = proportion(of((*unitTally).share), u.N)
	return u
}

func clockReports(p *pack.Pack, id org.UnitID, runs []*tally) (out []ClockReport) {
	for _, proc := range slices.Sorted(maps.Keys(p.Procedures)) {
		for i := range p.Procedures[proc].Clocks {
			k := clockKey{id, proc, p.Procedures[proc].Clocks[i].ID}
			of := func(figure func(clockTally) float64) []float64 {
				return each(runs, func(t *tally) float64 { return figure(*cmp.Or(t.clocks[k], &clockTally{})) })
			}
			c := ClockReport{Unit: id, Procedure: proc, Clock: k.clock}
			for _, t := range runs {
				if x := t.clocks[k]; x != nil {
					c.N += x.started
				}
			}
			if c.N == 0 {
				continue
			}
			c.Started = count(of(func(x clockTally) float64 { return float64(x.started) }))
			c.RanOut = count(of(func(x clockTally) float64 { return float64(x.ranOut) }))
			c.Share = proportion(of(func(x clockTally) float64 { return float64(x.ranOut) / float64(x.started) }), c.N)
			out = append(out, c)
		}
	}
	return out
}

func staffReport(k staffKey, runs []*tally) StaffReport {
	out := StaffReport{Unit: k.unit, Role: k.role}
	busy := each(runs, func(t *tally) float64 {
		x := t.staff[k]
		if x == nil {
			return math.NaN()
		}
		out.People = x.people
		return x.busy / x.worked
	})
	out.Busy = estimate(busy)
	out.Busy.Low, out.Busy.High = max(out.Busy.Low, 0), min(out.Busy.High, 1)
	return out
}

// difference pairs the runs: each pair met the same matters.
func difference(id org.UnitID, base, then []*tally, n int) Difference {
	of := func(figure func(*unitTally) float64) Estimate {
		out := make([]float64, len(base))
		for i := range base {
			out[i] = figure(then[i].of(id)) - figure(base[i].of(id))
		}
		return estimate(out)
	}
	return Difference{Unit: id, N: n, Share: of((*unitTally).share),
		Median: of(func(u *unitTally) float64 { return u.median }), Mean: of(func(u *unitTally) float64 { return u.mean }),
		Queue: of(func(u *unitTally) float64 { return u.queue })}
}

// JSON is the result for programs.
func (r *Result) JSON() ([]byte, error) {
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the result: %w", err)
	}
	return append(out, '\n'), nil
}
