// Package demo plays months of invented life into an empty city: residents report, officers accept,
// hand over, answer, forget; clocks run out; some answers are contested. Everything goes through the
// same door as in production, under a clock that is moved, so the result is what the program does and
// not what somebody drew.
//
// It refuses to write a case by any other way, and it is never linked to a city's own data: the
// command that calls it makes a new data folder.
//
// Open this file first, then agents.go and roads.go; the material is in packs/demo/seed.
package demo

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
)

// Play is one run of the demonstration.
type Play struct {
	Pack   *pack.Pack
	Seeds  fs.FS // the pack's folder, with seed/
	Ledger *ledger.Ledger
	Reader *ledger.Reader
	Jobs   *jobs.Runner
	People []Worker
	Set    func(time.Time) // moves the clock of the database
	From   time.Time
	Until  time.Time
	Cases  int
	Seed   uint64
	// Roads are played beside the cases: the matters of these files whose road is not longer than the play.
	Roads []string
	Say   func(Progress) // may be nil

	r       *rand.Rand
	seeds   *seedFile
	queue   agenda
	stories map[casework.CaseID]*story

	journeys []*story // in the order they came in
	order    int
	noticed  time.Time
	tally    Progress
}

// Worker is a person of the city with an account.
type Worker struct {
	ID    string // account
	Unit  org.UnitID
	Roles []string
}

// Reporter is an invented resident who reports something.
func Reporter() authz.Actor { return authz.Reporter() }

// Actor is the person as the city knows them at work.
func (w Worker) Actor() authz.Actor {
	var grants []authz.Grant
	for _, r := range w.Roles {
		grants = append(grants, authz.Grant{Role: authz.Role(r), Unit: w.Unit})
	}
	return authz.Staff(w.ID, grants)
}

// Progress tells how far the play is.
type Progress struct {
	At             time.Time
	Done, Of       int // cases opened
	Acts, Refusals int
}

// window bounds how much simulated time one batch of acts may span: the events of a batch carry one
// time, and nobody sees the difference of a few minutes.
const (
	window   = 12 * time.Minute
	maxBatch = 64
)

// Run plays until the end and leaves the clock there.
func (p *Play) Run(ctx context.Context) (Progress, error) {
	p.r = rand.New(rand.NewPCG(p.Seed, 0x9e3779b97f4a7c15))
	p.stories = map[casework.CaseID]*story{}
	var err error
	if p.seeds, err = readSeed(p.Seeds, p.Pack); err != nil {
		return p.tally, err
	}
	p.tally.Of = p.Cases
	p.arrivals()
	for _, file := range p.Roads {
		f, err := readRoads(p.Seeds, file, p.Pack)
		if err != nil {
			return p.tally, err
		}
		p.roadArrivals(f)
	}
	for p.queue.Len() > 0 && ctx.Err() == nil {
		next := p.queue.items[0].at
		if next.After(p.Until) {
			break
		}
		if err := p.clocks(ctx, next); err != nil {
			return p.tally, err
		}
		if err := p.batch(ctx, next); err != nil {
			return p.tally, err
		}
	}
	if err := p.clocks(ctx, p.Until); err != nil {
		return p.tally, err
	}
	p.Set(p.Until)
	return p.tally, errors.Join(ctx.Err(), p.notices(ctx))
}

// The play ends in a week of storms: every tenth report of the year arrives in its last days, so that
// a visitor finds full worklists.
const (
	stormShare = 10
	stormDays  = 7
)

// arrivals draws when what is reported.
func (p *Play) arrivals() {
	weights := map[string]int{}
	for id, c := range p.seeds.Categories {
		weights[id] = c.Weight
	}
	for i := range p.Cases {
		cat := weighted(p.r, weights)
		p.at(p.arrival(p.seeds.Categories[cat], i%stormShare == 0), nil, cat)
	}
}

// arrival draws when one report comes in: a day by its season or in the storm, an hour by its habit. A
// draw before or after the play is drawn again, so that every case asked for is played.
func (p *Play) arrival(c categorySeed, storm bool) time.Time {
	zone, length := p.Pack.Zone, p.Until.Sub(p.From)
	days := max(int(length.Hours()/24), 1)
	for range 1000 {
		day := p.From.In(zone).AddDate(0, 0, p.r.IntN(days+1))
		season := p.seeds.Seasons[c.Season]
		if storm {
			day = p.Until.In(zone).AddDate(0, 0, -p.r.IntN(stormDays))
		} else if p.r.IntN(slices.Max(season)) >= season[day.Month()-1] {
			continue
		}
		hour := weightedIndex(p.r, p.seeds.Hours[c.Hours])
		at := time.Date(day.Year(), day.Month(), day.Day(), hour, p.r.IntN(60), p.r.IntN(60), 0, zone)
		if at.Before(p.Until) && at.After(p.From) {
			return at
		}
	}
	return p.From.Add(time.Duration(p.r.Int64N(max(int64(length), 1)))) // a play too short for its seasons
}

// at puts something on the agenda: a new report of a category, or the next step of a story.
func (p *Play) at(t time.Time, s *story, category string) {
	p.order++
	heap.Push(&p.queue, item{at: t, order: p.order, story: s, category: category})
}

// batch does what is due within a short window, at most one step for each case, in one go.
func (p *Play) batch(ctx context.Context, from time.Time) error {
	var calls []ledger.Call
	var tellers []func(ledger.Receipt, error)
	busy := map[*story]bool{}
	now := from
	var later []item
	for p.queue.Len() > 0 && len(calls) < maxBatch {
		it := p.queue.items[0]
		if it.at.After(from.Add(window)) || it.at.After(p.Until) {
			break
		}
		heap.Pop(&p.queue)
		if it.story != nil && busy[it.story] {
			later = append(later, it)
			continue
		}
		now = it.at
		call, tell, err := p.step(ctx, it, now)
		if err != nil {
			return err
		}
		if it.story != nil {
			busy[it.story] = true
		}
		if call != nil {
			calls, tellers = append(calls, *call), append(tellers, tell)
		}
	}
	for _, it := range later {
		it.at = now.Add(time.Minute)
		heap.Push(&p.queue, it)
	}
	p.Set(now)
	receipts, errs := p.Ledger.DoEach(ctx, calls)
	for i := range calls {
		var no *casework.Refusal
		switch {
		case errs[i] == nil:
			p.tally.Acts++
		case errors.As(errs[i], &no):
			p.tally.Refusals++ // two people reached for the same case; that is life
		default:
			return errs[i]
		}
		tellers[i](receipts[i], errs[i])
	}
	p.tally.At = now
	if p.Say != nil {
		p.Say(p.tally)
	}
	return nil
}

// clocks lets every term that ends before a time run out at its own time; once an hour it first sends
// what was written.
func (p *Play) clocks(ctx context.Context, until time.Time) error {
	if until.Sub(p.noticed) >= time.Hour { // before the clock moves on: notices leave soon after what they tell
		if err := p.notices(ctx); err != nil {
			return err
		}
		p.noticed = until
	}
	for {
		at, err := p.Ledger.NextTimer(ctx)
		if err != nil {
			return err
		}
		if at.IsZero() || at.After(until) {
			break
		}
		p.Set(at)
		n, err := p.Ledger.RunTimers(ctx, 500)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("demo: a clock is due at %s and does not run out", at)
		}
		p.tally.Acts += n
	}
	return nil
}

// notices sends what was written since the last time.
func (p *Play) notices(ctx context.Context) error {
	for {
		n, err := p.Jobs.RunDue(ctx, 256)
		if err != nil || n == 0 {
			return err
		}
	}
}

type item struct {
	at       time.Time
	order    int
	story    *story
	category string
}

// agenda is a heap by time, then by order of entry.
type agenda struct{ items []item }

func (a *agenda) Len() int { return len(a.items) }
func (a *agenda) Less(i, j int) bool {
	if !a.items[i].at.Equal(a.items[j].at) {
		return a.items[i].at.Before(a.items[j].at)
	}
	return a.items[i].order < a.items[j].order
}
func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }
func (a *agenda) Push(x any)    { a.items = append(a.items, x.(item)) }
func (a *agenda) Pop() any {
	last := a.items[len(a.items)-1]
	a.items = a.items[:len(a.items)-1]
	return last
}

// report draws one report: who, where, in which words.
func (p *Play) report(category string, s *story) intake.Report {
	c := p.seeds.Categories[category]
	s.lang = "zh-CN"
	if p.r.IntN(100) < 18 {
		s.lang = "en"
	}
	spot := p.Pack.Places[p.r.IntN(len(p.Pack.Places))]
	name := p.Pack.Texts[s.lang][spot.Key]
	text := p.seeds.fill(p.r, pick(p.r, c.Reports[s.lang]), s.lang, name)
	rep := intake.Report{
		Category: category, Text: text, Address: name, Source: weighted(p.r, p.seeds.Sources),
		Title: p.seeds.fill(p.r, pick(p.r, c.Titles[s.lang]), s.lang, name),
	}
	if p.r.IntN(100) < 70 {
		rep.Point = &place.Point{Lat: spot.Point.Lat + (p.r.Float64()-.5)*.0008, Lon: spot.Point.Lon + (p.r.Float64()-.5)*.0008}
		if _, ok := p.Pack.Map.Find(p.Pack.Units, *rep.Point); !ok {
			rep.Point = &spot.Point
		}
	} else {
		rep.Unit = spot.Unit
	}
	if p.r.IntN(100) < 55 {
		rep.Contact = casework.Contact{Channel: "sms", Lang: s.lang, Address: fmt.Sprintf("1380000%04d", p.r.IntN(10000))}
		if p.r.IntN(2) == 0 {
			rep.Contact.Name = pick(p.r, p.seeds.Residents[s.lang])
		}
	}
	return rep
}

// Samples picks cases worth showing: for each state one that a visitor can open by its code.
func (p *Play) Samples(ctx context.Context) (map[string]casework.Case, error) {
	out := map[string]casework.Case{}
	for _, id := range slices.SortedFunc(maps.Keys(p.stories), func(a, b casework.CaseID) int { return -cmpID(a, b) }) {
		c, err := p.Reader.ByID(ctx, authz.Machine().Scope(), id)
		if err != nil {
			return nil, err
		}
		if _, have := out[c.State]; !have {
			if out[c.State], err = p.opened(ctx, id); err != nil {
				return nil, err
			}
		}
		if len(out) == len(p.Pack.Procedures[c.Procedure].States) {
			break
		}
	}
	return out, nil
}

// opened is a case with its code, which lies sealed: its holder opens it.
func (p *Play) opened(ctx context.Context, id casework.CaseID) (casework.Case, error) {
	own, err := p.Ledger.Look(ctx, authz.Holder(string(id)), ledger.Ticket{Case: id, Purpose: ledger.PurposeOwn})
	if err != nil {
		return casework.Case{}, err
	}
	return own.Case(), nil
}

func cmpID(a, b casework.CaseID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
