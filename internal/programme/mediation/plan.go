package mediation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme/mediation/schedule"
	"comity/internal/worktime"
)

// world is what a plan has to fit into, read in one go.
type world struct {
	p         *pack.Pack
	now       time.Time
	from, to  time.Time
	mediators []Mediator
	away      []Away
	rooms     []Room
	taking    []Session
	loads     []load // from the Monday of the week on
	seats     []Seat
}

// horizon is the time a plan looks at: from the next quarter of an hour on, as many days as the pack says.
func horizon(p *pack.Pack, now time.Time) (from, to time.Time) {
	from = now.Truncate(schedule.DefaultStep).Add(schedule.DefaultStep)
	return from, on(dayOf(now, p.Zone)+1, 0, p.Zone).AddDate(0, 0, p.Mediation.Figures.Ahead)
}

func readWorld(ctx context.Context, tx *db.Tx, p *pack.Pack, now time.Time) (w world, err error) {
	w.p, w.now = p, now
	w.from, w.to = horizon(p, now)
	if w.mediators, err = allMediators(ctx, tx); err != nil {
		return w, err
	}
	if w.away, err = awayAfter(ctx, tx, w.from); err != nil {
		return w, err
	}
	if w.rooms, err = allRooms(ctx, tx); err != nil {
		return w, err
	}
	if w.taking, err = takingBetween(ctx, tx, w.from.AddDate(0, 0, -1), w.to); err != nil {
		return w, err
	}
	if w.loads, err = loadBetween(ctx, tx, on(mondayOf(dayOf(now, p.Zone)), 0, p.Zone), w.to.AddDate(0, 0, 7)); err != nil {
		return w, err
	}
	w.seats, err = openSeats(ctx, tx)
	return w, err
}

// load is time that somebody holds a session.
type load struct {
	mediator     int64
	of           string // the case
	held         bool   // it is over
	begins, ends time.Time
}

// overWeek lists which of some mediators would hold more hours in a week than they gave for one, with a session of a case
// that takes the place of the one called now. Nobody is kept from it: the officer who asks them knows.
func (w *world) overWeek(c casework.CaseID, mediators []int64, begins, ends time.Time) (out []Mediator) {
	monday := func(t time.Time) worktime.Day { return mondayOf(dayOf(t, w.p.Zone)) }
	for _, m := range w.mediators {
		if m.WeekHours == 0 || !slices.Contains(mediators, m.ID) {
			continue
		}
		sum := ends.Sub(begins)
		for _, l := range w.loads {
			if l.mediator == m.ID && monday(l.begins) == monday(begins) && (l.held || l.of != string(c)) {
				sum += l.ends.Sub(l.begins)
			}
		}
		if sum > time.Duration(m.WeekHours)*time.Hour {
			out = append(out, m)
		}
	}
	return out
}

// seated lists who of the roster has seats.
func seated(seats []Seat) (out []int64) {
	for _, s := range seats {
		if s.Mediator != 0 && !slices.Contains(out, s.Mediator) {
			out = append(out, s.Mediator)
		}
	}
	return out
}

// sitting is one session to be placed: of a case, with who mediates it and who has to be there.
type sitting struct {
	c       casework.Case
	seats   []Seat
	busy    []Unavailable
	minutes int
	mode    string
	step    bool // a step-free room
	latest  time.Time
	sooner  bool // everybody agrees to less notice
	free    bool // no room of ours is needed: remote, or somewhere else
}

func mediatorID(id int64) schedule.MediatorID { return schedule.MediatorID(strconv.FormatInt(id, 10)) }

func roomID(id int64) schedule.RoomID { return schedule.RoomID(strconv.FormatInt(id, 10)) }

func sessionID(id casework.CaseID) schedule.SessionID {
	return schedule.SessionID("case:" + string(id))
}

// Features of rooms, as the solver knows them.
const (
	stepFree schedule.Feature = "step_free"
	second   schedule.Feature = "second"
)

// outside stands for a mediator who is not on the roster: nobody knows their hours.
func outside(seat Seat) schedule.MediatorID {
	return schedule.MediatorID("out:" + seat.Case + ":" + seat.Member)
}

// problem is the world as the solver takes it: what is agreed is fixed, the sittings are to be placed.
func (w *world) problem(sittings []sitting) schedule.Problem {
	h := schedule.Span{From: w.from, To: w.to}
	pr := schedule.Problem{Horizon: h, Zone: w.p.Zone}
	cal := calendarOf(w.p)
	for _, m := range w.mediators {
		x := schedule.Mediator{ID: mediatorID(m.ID), MostPerDay: m.DayMost, Buffer: time.Duration(w.p.Mediation.Figures.Buffer) * time.Minute}
		if m.Active() {
			x.Free = m.Hours.spans(h, w.p.Zone, cal)
		}
		for _, a := range w.away {
			if a.Mediator == m.ID {
				x.Away = append(x.Away, schedule.Span{From: a.Begins, To: a.Ends})
			}
		}
		for _, seat := range w.seats {
			if seat.Mediator == m.ID && !seat.Settled {
				x.Barred = append(x.Barred, schedule.CaseID(seat.Case))
			}
		}
		pr.Mediators = append(pr.Mediators, x)
	}
	for _, r := range w.rooms {
		x := schedule.Room{ID: roomID(r.ID), Size: r.Seats}
		if r.Open() {
			x.Free = r.Hours.spans(h, w.p.Zone, cal)
		}
		if r.StepFree {
			x.Features = append(x.Features, stepFree)
		}
		if r.Second {
			x.Features = append(x.Features, second)
		}
		pr.Rooms = append(pr.Rooms, x)
	}
	for _, s := range w.taking {
		if !slices.ContainsFunc(sittings, func(x sitting) bool { return string(x.c.ID) == s.Case }) {
			pr.Sessions = append(pr.Sessions, w.fixed(s))
		}
	}
	for _, x := range sittings {
		w.place(&pr, x)
	}
	return pr
}

// fixed is a session that is agreed. One by somebody outside the roster takes nobody's time.
func (w *world) fixed(s Session) schedule.Session {
	id := schedule.SessionID("session:" + strconv.FormatInt(s.ID, 10))
	x := schedule.Session{ID: id, Duration: s.Ends.Sub(s.Begins), Need: 1, Room: schedule.Needs{Remote: s.Room == 0}}
	x.Fixed = &schedule.Placing{Session: id, Begins: s.Begins}
	for _, m := range s.Mediators {
		x.Mediators = append(x.Mediators, mediatorID(m))
	}
	x.Fixed.Mediators = x.Mediators
	if x.Need = len(x.Mediators); x.Need == 0 {
		x.Need = 1
	}
	if s.Room != 0 {
		x.Fixed.Room = roomID(s.Room)
	}
	return x
}

func (w *world) place(pr *schedule.Problem, x sitting) {
	m := w.p.Mediation
	s := schedule.Session{ID: sessionID(x.c.ID), Case: schedule.CaseID(x.c.ID), Duration: time.Duration(x.minutes) * time.Minute, Latest: x.latest}
	if !x.sooner {
		s.Earliest = earliest(w.p, w.now)
	}
	for _, seat := range x.seats {
		id := mediatorID(seat.Mediator)
		if seat.Mediator == 0 {
			id = outside(seat)
			pr.Mediators = append(pr.Mediators, schedule.Mediator{ID: id, Free: []schedule.Span{pr.Horizon}})
		}
		if !slices.Contains(s.Mediators, id) {
			s.Mediators = append(s.Mediators, id)
		}
	}
	s.Need = max(1, len(s.Mediators))
	people := len(s.Mediators)
	for _, who := range x.c.Members {
		if who.Left || who.Roll != m.Party && !slices.Contains(m.Others, who.Roll) {
			continue
		}
		people++
		party := schedule.Party{ID: schedule.PartyID(string(x.c.ID) + ":" + who.ID)}
		for _, u := range x.busy {
			if u.Member == who.ID {
				party.Busy = append(party.Busy, schedule.Span{From: u.Begins, To: u.Ends})
			}
		}
		s.Parties = append(s.Parties, party.ID)
		pr.Parties = append(pr.Parties, party)
	}
	s.Room = schedule.Needs{Remote: x.free || x.mode == m.Call.Remote && x.mode != ""}
	if !s.Room.Remote {
		s.Room.Size = people
		if len(x.c.On(m.Party)) > crowd { // many send representatives
			s.Room.Size = crowd
		}
		if x.step {
			s.Room.Features = append(s.Room.Features, stepFree)
		}
		if x.mode == m.Call.Apart && x.mode != "" {
			s.Room.Features = append(s.Room.Features, second)
		}
	}
	pr.Sessions = append(pr.Sessions, s)
}

// crowd is the number of parties above which a room is not asked to hold them all.
const crowd = 12

// agreed is the plan as it stands: what is fixed.
func agreed(pr schedule.Problem) (plan schedule.Plan) {
	for _, s := range pr.Sessions {
		if s.Fixed != nil {
			plan.Placed = append(plan.Placed, *s.Fixed)
		}
	}
	return plan
}

// hard are the rules nobody can set aside; the others are for the officer to weigh.
var hard = []schedule.Rule{schedule.RuleTwoPlaces, schedule.RuleBarred, schedule.RuleKnown, schedule.RuleNumber, schedule.RuleAllowed, schedule.RuleRemote, schedule.RuleNotice}

// told are the rules a hand-made choice is held against, one of each kind of person or room.
func told(found []schedule.Violation) (out []schedule.Violation) {
	for _, v := range found {
		if !slices.ContainsFunc(out, func(x schedule.Violation) bool { return x.Rule == v.Rule && x.Who == v.Who }) {
			out = append(out, v)
		}
	}
	return out
}

// nameOf names whom a rule is about: a mediator or room by name, a party by their place on the roll.
func (w *world) nameOf(kind schedule.Kind, who string, member func(id string) string) string {
	id, err := strconv.ParseInt(who, 10, 64)
	switch kind {
	case schedule.KindMediator:
		for _, m := range w.mediators {
			if err == nil && m.ID == id {
				return m.Name
			}
		}
	case schedule.KindRoom:
		for _, r := range w.rooms {
			if err == nil && r.ID == id {
				return r.Name
			}
		}
	case schedule.KindParty:
		if _, m, ok := strings.Cut(who, ":"); ok && member != nil {
			return member(m)
		}
	}
	return ""
}

// room finds a room by its id as the solver writes it.
func (w *world) room(id schedule.RoomID) (Room, bool) {
	n, err := strconv.ParseInt(string(id), 10, 64)
	i := slices.IndexFunc(w.rooms, func(r Room) bool { return err == nil && r.ID == n })
	if i < 0 {
		return Room{}, false
	}
	return w.rooms[i], true
}

// within narrows the rooms to those of some units: nobody is sent across the city for a free table.
func (w *world) within(units []org.UnitID) {
	w.rooms = slices.DeleteFunc(slices.Clone(w.rooms), func(r Room) bool { return !slices.Contains(units, r.Unit) })
}

// about lists the units whose rooms serve a unit: its own, those above it, and those right below.
func about(p *pack.Pack, unit org.UnitID) []org.UnitID {
	return slices.Concat(p.Units.Path(unit), p.Units.Children(unit))
}

// errPlan wraps a failure of the solver.
func errPlan(err error) error { return fmt.Errorf("mediation: plan: %w", err) }
