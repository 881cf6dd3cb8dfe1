package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"sync"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/translog"
)

// A city for measurements is filled by copying histories that were played honestly through the door. Each copy is a
// case of its own: its number, code and key, its own dates, its words sealed anew, its events hashed and recorded in the
// log anew. So everything the door promises of a case holds of a copy, and verification passes over it like over any
// other. What is not its own is what its people wrote. The mark of such a city lies in the table measured, and a database
// that holds any other case is never filled. Model cases are read in model.go, copies are written in copy.go.

// Filling says how a city for measurements is to be filled.
type Filling struct {
	Cases  int       `json:"cases"`  // copies, at least
	Events float64   `json:"events"` // of a whole history on average, as far as the models allow; 0: as they are
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Seed   uint64    `json:"seed"`
}

// Beside is a table of another room whose rows about a case its copies are to have too.
type Beside struct {
	Into db.Into
	// Rows are those of one case: texts, numbers and times. Texts sealed under the key of the case are sealed anew; a case's
	// id, number and code are exchanged wherever they stand in a text. A row whose first time is still to come for a
	// copy is left out there.
	Rows func(ctx context.Context, tx *db.Tx, id casework.CaseID) ([][]any, error)
}

// Filled is what stands in the mark of a city for measurements.
type Filled struct {
	Filling
	Begun, Ended time.Time // Ended is zero while it is being filled
	Done         int       // copies written
	left         plan
}

// plan is how the mark keeps what a filling that was broken off needs to go on.
type plan struct {
	Filling
	Models   []int64          `json:"models,omitempty"`   // first cases of the histories; none while they are being played
	Counters map[string]int64 `json:"counters,omitempty"` // series of numbers as they stood before the first copy
	Again    []string         `json:"again,omitempty"`    // indexes that are still to be made
}

// Playing tells that the histories to be copied are not all there yet.
func (f Filled) Playing() bool { return len(f.left.Models) == 0 }

// ErrNotEmpty says that a database holds cases and was not made for measurements.
var ErrNotEmpty = errors.New("ledger: the database holds cases of a city; only an empty one is filled for measurements")

// ErrHalfFilled says that a city for measurements is not whole yet.
var ErrHalfFilled = errors.New("ledger: the database is being filled for measurements and is not whole yet")

// Measured is the mark of a city for measurements; ok is false for every other one.
func (r *Reader) Measured(ctx context.Context) (f Filled, ok bool, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		f, ok, err = readMeasured(ctx, tx)
		return err
	})
	return f, ok, err
}

// whole refuses a city that is half filled.
func whole(ctx context.Context, d *db.DB, cfg Config) error {
	if cfg.Still || cfg.Filling {
		return nil
	}
	return d.View(ctx, func(tx *db.Tx) error {
		f, ok, err := readMeasured(ctx, tx)
		if err == nil && ok && f.Ended.IsZero() {
			err = fmt.Errorf("%w (since %s, %d of %d cases); give the same comity bench seed again, or take an empty database",
				ErrHalfFilled, f.Begun.Format("2006-01-02 15:04 MST"), f.Done, f.Cases)
		}
		return err
	})
}

// BeginFilling marks an empty database as a city for measurements, before the histories are played that will be copied. Only
// a ledger that was opened to be filled may do it.
func (l *Ledger) BeginFilling(ctx context.Context, f Filling) error {
	if !l.cfg.Filling {
		return errors.New("ledger: it was not opened to be filled")
	}
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := countCases(ctx, tx)
		if err != nil {
			return err
		}
		if n > 0 {
			return ErrNotEmpty
		}
		return putMeasured(ctx, tx, plan{Filling: f})
	})
}

// tables that copies fill, and whose indexes are made when all is there. The log's and those of other rooms come on top.
var filledTables = []string{"cases", "events", "worklist", "timers", "notable", "case_keys", "looks", "subjects", "member_keys", "case_files", string(words)}

// keptIndexes are those in whose order copies come, or by which models are found and a filling that was broken off
// finds its end.
var keptIndexes = []string{"events_case", "looks_case", "messages_case", "log_entries_pos", "log_entries_waiting"}

// Fill copies the histories that were played until there are as many cases as were asked for. What was broken off goes
// on where it stopped. Nobody else may use the database meanwhile. tell is told how many are written, dress how many
// indexes are still to be made afterwards.
func (l *Ledger) Fill(ctx context.Context, beside []Beside, tell, dress func(int)) (Filled, error) {
	f, err := l.readyToFill(ctx, beside)
	if err != nil {
		return f, err
	}
	if f.Done < f.Cases {
		if err := l.copies(ctx, &f, beside, tell); err != nil {
			return f, err
		}
	}
	tables := slices.Concat(filledTables, translog.Grown, besideTables(beside))
	for len(f.left.Again) > 0 {
		dress(len(f.left.Again))
		if err := l.db.Dress(ctx, f.left.Again[0]); err != nil {
			return f, fmt.Errorf("an index could not be made: %w", err)
		}
		f.left.Again = f.left.Again[1:]
		if err := l.db.Transact(ctx, func(tx *db.Tx) error { return replan(ctx, tx, f.left) }); err != nil {
			return f, err
		}
	}
	return f, l.db.Settle(ctx, tables)
}

// Stock is how much a city holds.
type Stock struct {
	Cases  int64 `json:"all_cases"`
	Open   int64 `json:"open"`
	Late   int64 `json:"late"`
	Events int64 `json:"events"`
	Looks  int64 `json:"looks"`
	Timers int64 `json:"timers"`
}

// Stock counts every row: not for a request.
func (r *Reader) Stock(ctx context.Context) (s Stock, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		s, err = countStock(ctx, tx)
		return err
	})
	return s, err
}

// EndFilling opens the city to whoever wants to measure it.
func (l *Ledger) EndFilling(ctx context.Context) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error { return endMeasured(ctx, tx) })
}

func besideTables(beside []Beside) (out []string) {
	for _, b := range beside {
		out = append(out, b.Into.Table)
	}
	return out
}

// readyToFill reads the mark and, the first time, notes which histories are copied and takes the indexes off.
func (l *Ledger) readyToFill(ctx context.Context, beside []Beside) (f Filled, err error) {
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		ok := false
		if f, ok, err = readMeasured(ctx, tx); err != nil {
			return err
		}
		switch {
		case !ok || !l.cfg.Filling:
			return ErrNotEmpty
		case !f.Ended.IsZero():
			return fmt.Errorf("ledger: the database was filled for measurements on %s and is whole; take an empty one", f.Ended.Format(time.DateOnly))
		case len(f.left.Models) > 0:
			return nil
		}
		if f.left.Models, err = endedCases(ctx, tx); err != nil {
			return err
		}
		if len(f.left.Models) == 0 {
			return errors.New("ledger: there is no ended case to copy")
		}
		if f.left.Counters, err = readCounters(ctx, tx); err != nil {
			return err
		}
		if f.left.Again, err = tx.Undress(ctx, slices.Concat(filledTables, translog.Grown, besideTables(beside)), keptIndexes); err != nil {
			return err
		}
		return replan(ctx, tx, f.left)
	})
	return f, err
}

// blockCases is how many cases are written in one transaction at most: enough that a commit costs nothing beside them,
// few enough that a few such blocks are all the memory it takes. A small filling has several blocks too.
const blockCases = 250

// copies plans, makes and writes blocks: one goroutine plans, as many as there are processors make, this one writes.
func (l *Ledger) copies(ctx context.Context, f *Filled, beside []Beside, tell func(int)) error {
	models, err := l.models(ctx, f.left.Models, beside)
	if err != nil {
		return err
	}
	var growth *translog.Growth
	if err := l.db.View(ctx, func(tx *db.Tx) (err error) { growth, err = translog.Grow(ctx, tx); return err }); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type task struct {
		orders []order
		out    chan made
	}
	into := l.tablesOf(beside)
	spare := &sync.Pool{New: func() any { return &block{rows: make([]db.Rows, len(into))} }}
	makers := max(runtime.GOMAXPROCS(0), 1)
	work, queue := make(chan task), make(chan task, makers+1)
	go func() {
		defer close(work)
		defer close(queue)
		s := newSchedule(f.Filling, f.Done, f.left.Counters, models)
		for orders, skip := s.next(); len(orders) > 0; orders, skip = s.next() {
			if skip {
				continue
			}
			t := task{orders, make(chan made, 1)}
			select {
			case queue <- t:
			case <-ctx.Done():
				return
			}
			select {
			case work <- t:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range makers {
		go func() {
			m := maker{l: l, models: models, until: f.Until, spare: spare}
			for t := range work {
				b, err := m.block(t.orders)
				t.out <- made{b, err}
			}
		}()
	}
	for t := range queue {
		select {
		case m := <-t.out:
			if m.err != nil {
				return m.err
			}
			if err := l.writeBlock(ctx, f, growth, into, m.block); err != nil {
				return err
			}
			m.block.forget()
			spare.Put(m.block)
			tell(f.Done)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// made is a block, or why there is none.
type made struct {
	block *block
	err   error
}

// order is one copy that is to be made of a model.
type order struct {
	model       int
	weeks, wait time.Duration
	n           []int64        // for each case of the model
	refs        []casework.Ref // empty for a case that does not exist yet at the end
	cases       int            // that do
	last        map[string]int64
}

// schedule decides which copy is made when. It follows from the seed, so that a filling that was broken off goes on
// with the copies it would have made.
type schedule struct {
	f        Filling
	done     int // cases written before
	models   []*model
	r        *rand.Rand
	picks    []float64 // weights of the models, added up
	counters map[string]int64
	week     int
	weeks    int
	planned  int // cases in weeks before this one
	ahead    []order
	seen     int // cases handed out
	lastN    int64
}

const week = 7 * 24 * time.Hour

func newSchedule(f Filling, done int, counters map[string]int64, models []*model) *schedule {
	s := &schedule{f: f, done: done, models: models, r: rand.New(rand.NewPCG(f.Seed, 0x6d656173)), counters: map[string]int64{}}
	maps.Copy(s.counters, counters)
	s.weeks = max(int(f.Until.Sub(f.From)/week), 1)
	s.picks = tilted(models, f.Events)
	return s
}

// tilted weighs models so that a case has so many events on average: each by the same factor for every event more.
func tilted(models []*model, events float64) []float64 {
	weigh := func(tilt float64) (out []float64, mean float64) {
		var weight, perCase float64
		for _, m := range models {
			w := math.Exp(tilt * (m.perCase() - events))
			weight += w * float64(len(m.cases))
			perCase += w * float64(m.events)
			out = append(out, w)
		}
		return out, perCase / weight
	}
	low, high := -1.0, 1.0
	if events <= 0 {
		low, high, events = 0, 0, 0
	}
	for range 50 {
		mid := (low + high) / 2
		if _, mean := weigh(mid); mean < events {
			low = mid
		} else {
			high = mid
		}
	}
	out, _ := weigh((low + high) / 2)
	for i := 1; i < len(out); i++ {
		out[i] += out[i-1]
	}
	return out
}

// next is the next block; skip says that it was written before.
func (s *schedule) next() (orders []order, skip bool) {
	cases, most := 0, min(blockCases, max(s.f.Cases/4, 1))
	for cases < most && s.seen < s.f.Cases {
		if len(s.ahead) == 0 {
			s.plan()
			continue
		}
		o := s.ahead[0]
		s.ahead = s.ahead[1:]
		s.name(&o)
		orders = append(orders, o)
		cases += o.cases
		s.seen += o.cases
	}
	if len(orders) == 0 {
		return nil, false
	}
	orders[len(orders)-1].last = maps.Clone(s.counters)
	return orders, s.seen <= s.done
}

// plan draws the copies that begin in the next week, in the order in which they do.
func (s *schedule) plan() {
	end := s.f.Until.Add(-week * time.Duration(s.weeks-1-s.week))
	if s.week >= s.weeks {
		end = s.f.Until // what rounding left over
	}
	s.week++
	quota := s.f.Cases*min(s.week, s.weeks)/s.weeks - s.planned
	if s.week > s.weeks {
		quota = s.f.Cases - s.planned
	}
	for quota > 0 {
		m := s.models[s.pick()]
		o := order{model: m.index, wait: time.Duration(s.r.Int64N(int64(30 * time.Minute)))}
		o.weeks = time.Duration(math.Floor(float64(end.Sub(m.opened))/float64(week))) * week
		if at := m.opened.Add(o.weeks + o.wait); at.After(s.f.Until) {
			o.wait = 0
		}
		o.cases = m.casesBy(s.f.Until.Add(-o.weeks - o.wait))
		s.ahead = append(s.ahead, o)
		quota -= o.cases
		s.planned += o.cases
	}
	slices.SortStableFunc(s.ahead, func(a, b order) int { return s.begins(a).Compare(s.begins(b)) })
}

func (s *schedule) begins(o order) time.Time { return s.models[o.model].opened.Add(o.weeks + o.wait) }

func (s *schedule) pick() int {
	return sort.SearchFloat64s(s.picks, s.r.Float64()*s.picks[len(s.picks)-1])
}

// name draws keys and public numbers the way the door does: a key by the time of opening.
func (s *schedule) name(o *order) {
	m := s.models[o.model]
	o.n, o.refs = make([]int64, len(m.cases)), make([]casework.Ref, len(m.cases))
	for i := range m.cases {
		at := m.cases[i].opened().Add(o.weeks + o.wait)
		o.n[i] = firstKey(at) + s.r.Int64N(1<<openedBits)
		if i == 0 {
			o.n[i] = max(o.n[i], s.lastN+1)
			s.lastN = o.n[i]
		}
		if at.After(s.f.Until) {
			continue
		}
		d := m.cases[i].d
		year := at.In(d.Calendar.Zone).Year()
		series := refSeries(d.Prefix, year)
		s.counters[series]++
		o.refs[i] = refOfSeries(d.Prefix, year, s.counters[series])
	}
}

// decodePlan reads the plan of a mark.
func decodePlan(text string) (p plan, err error) {
	return p, json.Unmarshal([]byte(text), &p)
}
