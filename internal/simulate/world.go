package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// world is one run: a clock, an agenda, the cases and the desks.
type world struct {
	*plan
	seed   uint64
	now    time.Time
	agenda heap[happening]
	order  int
	lives  []*life
	byID   map[casework.CaseID]*life
	desks  map[org.UnitID]*desk
	tally  *tally

	coming    int // arrivals still to come
	undecided int // cases neither answered nor closed nor late
	serving   int // pieces of work in somebody's hands
	wakes     int // desks that wait for the office to open
}

// happening is something that comes up at a time. Those of one instant come in the order they were planned.
type happening struct {
	at    time.Time
	order int
	kind  string // arrive, tick, done, resident, ready, open
	life  *life
	new   *arrival
	clock string
	due   time.Time
	turn  int // of the life; another one means that the work was broken off
	act   *procedure.Act
	desk  *desk
}

// life is one case and what the simulation knows beside it.
type life struct {
	*way
	c       casework.Case
	key     uint64
	counts  []counter
	counted bool
	first   org.UnitID            // who received it
	held    map[string]org.UnitID // clock → who held the case when it started
	settled bool                  // answered, closed or late
	steps   int

	// The piece of work it waits for, or that is in somebody's hands.
	act     *procedure.Act
	desk    *desk
	turn    int
	pool    *pool // nil while it waits
	person  int
	began   time.Time
	refused []string // acts that were refused since the case last changed
	visit   int      // how often it came to a state
	waited  bool     // the delay of this visit is over
}

type counter struct {
	purpose uint64
	n       uint64
}

// key for the next draw of a purpose.
func (l *life) draw(purpose uint64) uint64 {
	i := slices.IndexFunc(l.counts, func(c counter) bool { return c.purpose == purpose })
	if i < 0 {
		i = len(l.counts)
		l.counts = append(l.counts, counter{purpose: purpose})
	}
	l.counts[i].n++
	return mix(mix(l.key, purpose), l.counts[i].n)
}

// maxSteps bounds what happens to one case: more is a scenario that goes round in circles.
const maxSteps = 5000

func newWorld(pl *plan, seed uint64) *world {
	w := &world{plan: pl, seed: seed, desks: map[org.UnitID]*desk{}, byID: map[casework.CaseID]*life{}, tally: newTally()}
	w.agenda.before = func(a, b *happening) bool {
		if c := a.at.Compare(b.at); c != 0 {
			return c < 0
		}
		return a.order < b.order
	}
	w.openDesks()
	return w
}

func (w *world) expect(h happening) {
	w.order++
	h.order = w.order
	w.agenda.push(h)
}

// run plays until the scenario ends, or until every case is decided and nobody can do more.
func (w *world) run(ctx context.Context, told *meter) (*tally, error) {
	matters := w.matters(w.seed)
	told.expect(len(matters))
	for i := range matters {
		w.expect(happening{at: matters[i].at, kind: "arrive", new: &matters[i]})
	}
	w.coming = len(matters)
	end, reported := w.end(), 0
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		h, ok := w.agenda.pop()
		if !ok || !end.IsZero() && !h.at.Before(end) {
			break
		}
		w.now = h.at
		if err := w.happen(h); err != nil {
			return nil, err
		}
		if h.kind == "arrive" && (len(w.lives)%256 == 0 || w.coming == 0) {
			told.add(len(w.lives) - reported)
			reported = len(w.lives)
		}
		if end.IsZero() && w.coming == 0 && w.undecided == 0 && w.serving == 0 && w.wakes == 0 {
			break
		}
	}
	w.close()
	return w.tally, nil
}

func (w *world) happen(h happening) error {
	switch h.kind {
	case "arrive":
		w.coming--
		return w.arrive(*h.new)
	case "tick":
		return w.tick(h)
	case "done":
		if h.turn == h.life.turn {
			return w.done(h.life)
		}
	case "ready":
		if l := h.life; h.turn == l.visit && l.act == nil {
			l.waited = true
			w.choose(l)
		}
	case "resident":
		return w.resident(h.life, h.act)
	case "open":
		w.wakes--
		h.desk.wake = time.Time{}
		w.dispatch(h.desk)
	}
	return nil
}

// arrive opens a case where the pack routes it.
func (w *world) arrive(a arrival) error {
	to, err := w.p.Route(pack.Matter{Category: a.category, At: a.unit, Now: a.at})
	if err != nil {
		return err
	}
	l := w.life(w.ways[w.p.ProcedureFor(to.Category).ID], to.Unit, a.key, !a.at.Before(w.count))
	id := caseID(len(w.lives))
	w.byID[id] = l
	open := &casework.Opening{ID: id, Ref: casework.Ref(id), Pack: w.p.Digest, Unit: l.first, Title: a.category, Text: a.category,
		Category: to.Category, Route: to.Rule, Place: casework.Place{Unit: a.unit}}
	if share(l.draw(purpose("contact"))) >= w.s.noContact {
		open.Contact.Address = a.category // where a message would go; none is sent
	}
	refusal, err := w.apply(l, casework.Command{Open: open, Fields: w.fill(l, "", l.d.Intake, "")}, authz.Reporter())
	if refusal != nil {
		return fmt.Errorf("a matter of category %s cannot be opened (%s %v); add the answers it needs under fields", a.category, refusal.Rule, refusal.Fields)
	}
	return err
}

// life is a new case, not yet opened.
func (w *world) life(in *way, unit org.UnitID, key uint64, counted bool) *life {
	l := &life{way: in, first: unit, key: key, counted: counted, held: map[string]org.UnitID{}}
	if _, promised := in.d.Promise(); promised || w.end().IsZero() && !in.linked {
		w.undecided++
	} else {
		l.settled = true // nobody was told a date; the run does not wait for it
	}
	w.lives = append(w.lives, l)
	w.tally.arrived++
	return l
}

// family lets the cases around hear of an event, as the ledger does: those it opens, those it recalls, and
// the one that opened it.
func (w *world) family(l *life, e *casework.Event) error {
	carry := func(to *life, cmd casework.Command) error {
		refusal, err := w.apply(to, cmd, authz.Machine())
		if refusal != nil {
			return fmt.Errorf("procedure %s brings about in %s what is refused there: %s %v", l.d.ID, to.d.ID, refusal.Rule, refusal.Fields)
		}
		return err
	}
	for _, s := range e.Spawn {
		cmd := casework.ChildOf(l.c, s)
		cmd.Open.Pack = l.c.Pack
		if err := carry(w.byID[s.Case], cmd); err != nil {
			return err
		}
	}
	for _, id := range e.Recalled {
		if err := carry(w.byID[id], casework.Command{Case: id, Version: casework.AnyVersion, Recall: true}); err != nil {
			return err
		}
	}
	if p := l.c.Parent; e.Final && p != nil {
		end := &casework.Ended{Case: l.c.ID, Outcome: l.c.Outcome}
		return carry(w.byID[p.Case], casework.Command{Case: p.Case, Version: casework.AnyVersion, Ended: end})
	}
	return nil
}

// number draws the numbers of the cases an event opens.
func (w *world) number(l *life, e *casework.Event) {
	for i := range e.Spawn {
		s := &e.Spawn[i]
		child := w.life(w.ways[s.Procedure], s.Unit, l.draw(purpose("link", s.Link)), l.counted)
		s.Case = caseID(len(w.lives))
		s.Ref = casework.Ref(s.Case)
		w.byID[s.Case] = child
	}
}

// tick lets a clock run out, as the timers do in production. Alerts are left out: they tell, and change nothing.
func (w *world) tick(h happening) error {
	l := h.life
	k, ok := l.c.Clock(h.clock)
	if !ok || !k.Running() || !k.Due.Equal(h.due) {
		return nil
	}
	before := l.c.Seq
	cmd := casework.Command{Case: l.c.ID, Version: casework.AnyVersion, Tick: &casework.Tick{Clock: h.clock, Due: h.due}}
	refusal, err := w.apply(l, cmd, authz.Machine())
	if refusal != nil {
		return fmt.Errorf("clock %s ran out in state %s and was refused: %s", h.clock, l.c.State, refusal.Rule)
	}
	if k, ok := l.c.Clock(h.clock); err == nil && ok && l.c.Seq > before && k.Running() && k.Due.Equal(h.due) {
		w.expect(happening{at: w.now, kind: "tick", life: l, clock: h.clock, due: h.due}) // another term went first
	}
	return err
}

// resident lets the resident do what they meant to, if it is still possible.
func (w *world) resident(l *life, a *procedure.Act) error {
	who := authz.Holder(string(l.c.ID))
	if !casework.CanAct(l.d, l.c, a, who, w.now) {
		return nil
	}
	cmd := casework.Command{Case: l.c.ID, Version: casework.AnyVersion, Act: a.ID, Fields: w.about(l, a, who, w.fill(l, a.ID, a.Fields, ""))}
	refusal, err := w.apply(l, cmd, who)
	if refusal != nil {
		w.tally.refused[a.ID+" "+refusal.Rule]++
	}
	return err
}

// apply does a command to a case and lets the world follow.
func (w *world) apply(l *life, cmd casework.Command, who authz.Actor) (*casework.Refusal, error) {
	if l.steps++; l.steps > maxSteps {
		return nil, fmt.Errorf("a case of category %s goes round in circles at state %s; look at the weights under next and residents", l.c.Category, l.c.State)
	}
	was := l.c
	events, err := casework.Decide(l.d, l.c, cmd, who, w.now)
	if err != nil {
		var no *casework.Refusal
		if errors.As(err, &no) {
			return no, nil
		}
		return nil, err
	}
	for i := range events {
		e := &events[i]
		w.number(l, e)
		before := l.c
		l.c = casework.Fold(l.c, *e)
		w.record(l, &before, e)
		for _, k := range e.Clocks {
			if k.Running() {
				w.expect(happening{at: later(k.Due, w.now), kind: "tick", life: l, clock: k.ID, due: k.Due})
			}
		}
	}
	if len(events) > 0 {
		w.residents(l, was.State)
		w.work(l, &was)
	}
	for i := range events {
		if err := w.family(l, &events[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// residents draws what the resident will do with each act that has just become possible.
func (w *world) residents(l *life, before string) {
	for i := range l.way.residents {
		h := &l.way.residents[i]
		if !slices.Contains(h.act.From, l.c.State) || slices.Contains(h.act.From, before) {
			continue
		}
		key := l.draw(h.key)
		if share(key) >= h.chance {
			continue
		}
		hours := h.spread.wait(h.hours, mix(key, 1))
		w.expect(happening{at: w.now.Add(time.Duration(hours * float64(time.Hour))), kind: "resident", life: l, act: h.act})
	}
}

// close ends the run: what is still in hand counts as worked, what is open as open.
func (w *world) close() {
	for _, l := range w.lives {
		if l.pool != nil {
			w.release(l)
		}
		w.tally.end(l)
	}
	w.tally.desks(w)
}
