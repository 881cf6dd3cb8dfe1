package simulate

import (
	"math"
	"slices"

	"comity/internal/casework"
	"comity/internal/org"
)

// tally is what one run counted.
type tally struct {
	arrived, closed, open int // every case, warm-up included: what came in is closed or still open
	units                 map[org.UnitID]*unitTally
	all                   *unitTally
	clocks                map[clockKey]*clockTally
	staff                 map[staffKey]*staffTally
	refused               map[string]int // act and rule, or state: what the scenario asked for and the procedure did not allow
}

// unitTally counts the cases a unit received.
type unitTally struct {
	cases, answered, late, openEnd int
	days                           []float64 // to the first answer, in office days; infinite for cases still waiting
	mean, median, p90              float64
	queue                          float64
	raised                         int // cases that came up from below
}

type clockKey struct {
	unit             org.UnitID
	procedure, clock string
}

type clockTally struct{ started, ranOut int }

type staffKey struct {
	unit org.UnitID
	role string
}

type staffTally struct {
	people       int
	busy, worked float64 // minutes in work, minutes at work
}

func newTally() *tally {
	return &tally{units: map[org.UnitID]*unitTally{}, all: &unitTally{}, clocks: map[clockKey]*clockTally{},
		staff: map[staffKey]*staffTally{}, refused: map[string]int{}}
}

func (t *tally) unit(id org.UnitID) *unitTally {
	u := t.units[id]
	if u == nil {
		u = &unitTally{}
		t.units[id] = u
	}
	return u
}

// record counts one event.
func (w *world) record(l *life, before *casework.Case, e *casework.Event) {
	t := w.tally
	if !l.settled && (e.Answers || e.Late || e.Final) {
		l.settled = true
		w.undecided--
	}
	if !l.counted {
		return
	}
	if e.Raised && before.Holder != e.Holder {
		t.unit(e.Holder).raised++
		t.all.raised++
	}
	if e.Answers && before.Answered.IsZero() {
		days := w.office.between(l.c.Opened, e.At) / w.office.day()
		for _, u := range []*unitTally{t.unit(l.first), t.all} {
			u.answered++
			u.days = append(u.days, days)
		}
	}
	for _, k := range e.Clocks {
		if l.resident[k.ID] {
			continue
		}
		if k.Running() && k.Start.Equal(e.At) {
			l.held[k.ID] = e.Holder
			t.clock(l, k.ID).started++
		}
	}
	if e.Expired != "" && !l.resident[e.Expired] {
		// A clock that starts anew as it runs out has just been given to the next unit.
		unit := before.Holder
		if !slices.ContainsFunc(e.Clocks, func(k casework.Clock) bool { return k.ID == e.Expired && k.Running() }) {
			unit = l.held[e.Expired]
		}
		t.clockOf(clockKey{unit, l.d.ID, e.Expired}).ranOut++
	}
}

func (t *tally) clock(l *life, id string) *clockTally {
	return t.clockOf(clockKey{l.held[id], l.d.ID, id})
}

func (t *tally) clockOf(k clockKey) *clockTally {
	c := t.clocks[k]
	if c == nil {
		c = &clockTally{}
		t.clocks[k] = c
	}
	return c
}

// end counts where a case stands when the run is over.
func (t *tally) end(l *life) {
	if l.c.Closed.IsZero() {
		t.open++
	} else {
		t.closed++
	}
	if !l.counted {
		return
	}
	for _, u := range []*unitTally{t.unit(l.first), t.all} {
		u.cases++
		if l.c.Late {
			u.late++
		}
		if l.c.Answered.IsZero() && l.c.Closed.IsZero() {
			u.openEnd++
			u.days = append(u.days, math.Inf(1)) // longer than any that was answered
		}
	}
}

// desks counts queues and work, and sums up.
func (t *tally) desks(w *world) {
	hours := w.office.between(w.count, w.stop)
	for id, d := range w.desks {
		if d.longest > 0 {
			t.unit(id).queue = float64(d.longest)
			t.all.queue = max(t.all.queue, float64(d.longest))
		}
		for _, p := range d.pools {
			t.staff[staffKey{id, p.role}] = &staffTally{people: p.n, busy: p.busy, worked: hours * float64(p.n)}
		}
	}
	t.all.sum()
	for _, u := range t.units {
		u.sum()
	}
}

// sum boils the times down to the figures of the report.
func (u *unitTally) sum() {
	slices.Sort(u.days)
	u.median, u.p90, u.mean = quantile(u.days, 0.5), quantile(u.days, 0.9), math.NaN()
	total, n := 0.0, 0
	for _, d := range u.days {
		if !math.IsInf(d, 1) {
			total += d
			n++
		}
	}
	if n > 0 {
		u.mean = total / float64(n)
	}
	u.days = nil
}

// quantile of sorted values: the smallest that at least this share does not exceed. NaN without values.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
