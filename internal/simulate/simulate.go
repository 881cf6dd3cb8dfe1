// Package simulate plays arrivals and staffing against the procedures of a pack and reports lateness by
// unit, so that whoever answers for a unit can ask what two more clerks would change before asking for them.
//
// The cases are real ones: every step is a casework.Decide and a casework.Fold, every term runs out as in
// production. Only the world around them is drawn: when matters arrive, how long work takes, which act
// comes next, what residents do. The draws belong to the case and not to the run, so that two variants
// meet the same matters and their difference is not noise.
//
// It refuses persons: staff are numbers per role and unit, nobody is named or ranked, and no figure belongs
// to one of them. It refuses a database and the time of day, and it has no numbers of its own: rates,
// minutes, weights and terms come from the scenario and the pack.
//
// Open this file first, then scenario.go (what is asked), world.go and desks.go (how one run goes), report.go
// (what is answered); read.go checks a scenario, plan.go lays it out, print.go puts the answer into words.
package simulate

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"comity/internal/pack"
)

// Options change a scenario from the command line.
type Options struct {
	Seed     uint64             // 0: the scenario's
	Runs     int                // 0: the scenario's
	Add      []Change           // one more variant with these changes
	Progress func(done, of int) // told now and then, from one goroutine at a time: cases arrived, of about so many
}

// Run plays the scenario and each of its variants, every one with the same seeds. The result does not
// depend on the machine: the same pack, scenario and seed give the same bytes.
func Run(ctx context.Context, p *pack.Pack, s *Scenario, o Options) (*Result, error) {
	seed, runs := s.Seed, s.Runs
	if o.Seed != 0 {
		seed = o.Seed
	}
	if o.Runs != 0 {
		runs = o.Runs
	}
	variants := []Variant{{}}
	variants = append(variants, s.Variants...)
	if len(o.Add) > 0 {
		variants = append(variants, Variant{Changes: o.Add})
	}
	jobs := make([]job, 0, runs*len(variants))
	for _, v := range variants {
		pl, err := s.plan(p, v.Changes)
		if err != nil {
			return nil, err
		}
		for run := range runs {
			jobs = append(jobs, job{plan: pl, seed: mix(seed, uint64(run)+1)})
		}
	}
	tallies, err := play(ctx, jobs, o.Progress)
	if err != nil {
		return nil, err
	}
	return compare(p, s, seed, runs, variants, tallies), nil
}

// job is one run of one variant.
type job struct {
	plan *plan
	seed uint64
}

// play does the jobs on every core. Each run stands alone and has its place in the result, so the order in
// which they end changes nothing.
func play(ctx context.Context, jobs []job, progress func(done, of int)) ([]*tally, error) {
	out, errs := make([]*tally, len(jobs)), make([]error, len(jobs))
	var next atomic.Int64
	told := meter{tell: progress, runs: len(jobs)}
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) || ctx.Err() != nil {
					return
				}
				out[i], errs[i] = newWorld(jobs[i].plan, jobs[i].seed).run(ctx, &told)
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", i+1, err)
		}
	}
	return out, nil
}

// meter adds up what the runs have done. How much there is to do is known from the first run on.
type meter struct {
	mu       sync.Mutex
	tell     func(done, of int)
	runs     int
	done, of int
}

// expect tells how many cases one run has.
func (m *meter) expect(cases int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == 0 {
		m.of = cases * m.runs
	}
}

func (m *meter) add(cases int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += cases
	if m.tell != nil {
		m.tell(m.done, max(m.of, m.done))
	}
}
