package schedule

import (
	"slices"
	"time"
)

// solver is a plan being made. Parties, mediators and rooms are calendars alike, known by number.
type solver struct {
	grid
	p         *Problem
	calendars []calendar
	names     []string // of the calendars
	jobs      []job
	spots     []spot   // of each job, where it stands now
	journal   []change // what can be taken back
	tries     int      // left for the session being searched for
	triesLeft int      // left for all
	moving    []bool   // jobs that a search has already in its hands
}

// calendar is the time of one party, mediator or room.
type calendar struct {
	hours  row   // by itself
	open   row   // without what is fixed
	now    row   // without anything that is placed
	held   []int // jobs placed
	load   time.Duration
	buffer time.Duration
	most   int         // sessions a day; 0 = no bound
	starts map[int]row // beginnings by steps, counted from now
	opens  map[int]row // the same from open
}

// job is a session in numbers.
type job struct {
	*Session
	steps     int
	window    row
	parties   []int
	mediators []int // calendars of those allowed
	rooms     []int // calendars of those that are large enough and have what is needed
}

// spot is where a job stands; the zero value is nowhere.
type spot struct {
	placed    bool
	span      Span
	day       int // in which it begins; move sets it
	mediators []int
	room      int // calendar; -1 = none
}

type change struct {
	job int
	was spot
}

func newSolver(p *Problem) *solver {
	s := &solver{grid: newGrid(p), p: p, spots: make([]spot, len(p.Sessions)), moving: make([]bool, len(p.Sessions)), triesLeft: triesInAll}
	number := map[user]int{}
	add := func(u user, c calendar) {
		number[u] = len(s.calendars)
		s.calendars = append(s.calendars, c)
		s.names = append(s.names, u.id)
	}
	for _, x := range p.Parties {
		add(user{KindParty, string(x.ID)}, calendar{hours: s.possible(x)})
	}
	for _, m := range p.Mediators {
		add(user{KindMediator, string(m.ID)}, calendar{hours: s.without(s.free(m.Free), m.Away), buffer: m.Buffer, most: m.MostPerDay})
	}
	for _, r := range p.Rooms {
		add(user{KindRoom, string(r.ID)}, calendar{hours: s.free(r.Free)})
	}
	for i := range s.calendars {
		s.calendars[i].open, s.calendars[i].opens = s.calendars[i].hours, map[int]row{}
		s.refresh(i)
	}
	for i := range p.Sessions {
		s.jobs = append(s.jobs, s.jobOf(&p.Sessions[i], number))
	}
	return s
}

func (s *solver) possible(x Party) row {
	r := s.free(x.Possible)
	if len(x.Possible) == 0 {
		r.fill(0, s.n)
	}
	return s.without(r, x.Busy)
}

func (s *solver) without(r row, busy []Span) row {
	for _, b := range busy {
		if b.To.After(b.From) {
			s.take(r, b)
		}
	}
	return r
}

func (s *solver) jobOf(x *Session, number map[user]int) job {
	j := job{Session: x, steps: s.n + 1} // longer than everything
	if x.Duration <= s.p.Horizon.To.Sub(s.p.Horizon.From) {
		j.steps = int((x.Duration + s.step - 1) / s.step)
	}
	window := Span{s.at(0), s.at(s.n)}
	if x.Earliest.After(window.From) {
		window.From = x.Earliest
	}
	if !x.Latest.IsZero() && x.Latest.Before(window.To) {
		window.To = x.Latest
	}
	j.window = s.free([]Span{window})
	for _, id := range x.Parties {
		j.parties = append(j.parties, number[user{KindParty, string(id)}])
	}
	for _, m := range s.p.Mediators {
		if fit(x, m) == "" {
			j.mediators = append(j.mediators, number[user{KindMediator, string(m.ID)}])
		}
	}
	slices.Sort(j.parties)
	j.parties = slices.Compact(j.parties)
	for _, r := range s.p.Rooms {
		if !x.Room.Remote && r.Size >= x.Room.Size && missing(x.Room.Features, r.Features) == "" {
			j.rooms = append(j.rooms, number[user{KindRoom, string(r.ID)}])
		}
	}
	return j
}

// fit is what a mediator lacks to hold a session at any time, or "".
func fit(x *Session, m Mediator) Reason {
	switch {
	case !slices.Contains(x.Mediators, m.ID):
		return ReasonAllowed
	case x.Field != "" && !slices.Contains(m.Fields, x.Field):
		return ReasonField
	case x.Language != "" && !slices.Contains(m.Languages, x.Language):
		return ReasonLanguage
	case x.Case != "" && slices.Contains(m.Barred, x.Case):
		return ReasonBarred
	}
	return ""
}

// missing is the first feature wanted that is not there.
func missing(want, have []Feature) Feature {
	for _, f := range want {
		if !slices.Contains(have, f) {
			return f
		}
	}
	return ""
}

// refresh counts anew when a calendar is free.
func (s *solver) refresh(i int) {
	c := &s.calendars[i]
	c.now, c.load, c.starts = c.open.copy(), 0, nil
	var perDay map[int]int
	for _, j := range c.held {
		span := s.spots[j].span
		c.load += span.To.Sub(span.From)
		s.take(c.now, Span{span.From.Add(-c.buffer), span.To.Add(c.buffer)})
		if d := s.spots[j].day; c.most > 0 && d >= 0 {
			if perDay == nil {
				perDay = map[int]int{}
			}
			if perDay[d]++; perDay[d] >= c.most {
				c.now.clear(s.begins[d], s.begins[d+1])
			}
		}
	}
}

// startable are the beginnings at which a calendar is free for so many steps.
func (s *solver) startable(i, steps int) row {
	c := &s.calendars[i]
	r, ok := c.starts[steps]
	if !ok {
		r = c.now.runs(steps)
		if c.starts == nil {
			c.starts = map[int]row{}
		}
		c.starts[steps] = r
	}
	return r
}

// users are the calendars a job takes up where it stands.
func (s *solver) users(j int, at spot) []int {
	out := append(slices.Clone(s.jobs[j].parties), at.mediators...)
	if at.room >= 0 {
		out = append(out, at.room)
	}
	return out
}

// set puts a job somewhere, or nowhere, and notes where it was.
func (s *solver) set(j int, to spot) {
	s.journal = append(s.journal, change{j, s.spots[j]})
	s.move(j, to)
}

func (s *solver) move(j int, to spot) {
	was := s.spots[j]
	if to.placed {
		to.day = s.dayOf(to.span.From)
	}
	s.spots[j] = to
	if was.placed {
		for _, i := range s.users(j, was) {
			c := &s.calendars[i]
			c.held = slices.DeleteFunc(c.held, func(x int) bool { return x == j })
			s.refresh(i)
		}
	}
	if to.placed {
		for _, i := range s.users(j, to) {
			s.calendars[i].held = append(s.calendars[i].held, j)
			s.refresh(i)
		}
	}
}

// undo takes back everything since the journal had this length.
func (s *solver) undo(mark int) {
	for len(s.journal) > mark {
		last := s.journal[len(s.journal)-1]
		s.journal = s.journal[:len(s.journal)-1]
		s.move(last.job, last.was)
	}
}

// adopt takes over a place from outside; ids unknown to the problem are Verify's to name.
func (s *solver) adopt(j int, a Placing) {
	at := spot{placed: true, span: Span{a.Begins, a.Begins.Add(s.jobs[j].Duration)}, room: -1}
	mediators := len(s.p.Parties)
	rooms := mediators + len(s.p.Mediators)
	for i, m := range s.p.Mediators {
		if slices.Contains(a.Mediators, m.ID) {
			at.mediators = append(at.mediators, mediators+i)
		}
	}
	for i, r := range s.p.Rooms {
		if r.ID == a.Room {
			at.room = rooms + i
		}
	}
	s.move(j, at)
}

// placing is the other way round.
func (s *solver) placing(j int) Placing {
	at := s.spots[j]
	a := Placing{Session: s.jobs[j].ID, Begins: at.span.From}
	for _, i := range at.mediators {
		a.Mediators = append(a.Mediators, MediatorID(s.names[i]))
	}
	if at.room >= 0 {
		a.Room = RoomID(s.names[at.room])
	}
	return a
}

// fix places what is agreed and closes that time for everything else.
func (s *solver) fix() {
	for j := range s.jobs {
		if s.fixed(j) {
			s.adopt(j, *s.jobs[j].Fixed)
		}
	}
	for i := range s.calendars {
		s.calendars[i].open = s.calendars[i].now
	}
}

func (s *solver) fixed(j int) bool { return s.jobs[j].Fixed != nil }
