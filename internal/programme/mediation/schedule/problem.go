// Package schedule proposes when sessions are held, by whom and in which room, and checks every such
// plan, whoever made it: the machine or a hand.
//
// It owns three answers. Propose places as many sessions as it can, says for each other one which rule
// stands in the way, and gives the facts it rests on. Verify finds every hard rule a plan breaks; it
// shares with the solver nothing but the types of this file, and no proposal leaves before it has
// found nothing. Conflicts and Alternatives serve a single session moved by hand.
//
// It refuses to know a case, a law or a calendar: terms, hours and who has a conflict of interest come
// in as times and lists. It refuses to weigh people. What comes first is the session whose term is
// nearest, and load is the hours of work that a mediator has in this plan, nothing about how they work.
//
// The same problem always gives the same plan. Open this file first, then verify.go (the rules),
// propose.go (the order of the work), grid.go (time as bits), place.go, repair.go, exact.go and
// even.go (how places are found and made better), reason.go (why not).
package schedule

import (
	"fmt"
	"time"
)

type (
	SessionID  string
	PartyID    string
	MediatorID string
	RoomID     string
	CaseID     string
	Field      string // of disputes
	Language   string
	Feature    string // what a room has, for example a step-free way in or a second room for a caucus
)

// Span is a time from From up to To, without To.
type Span struct{ From, To time.Time }

// Problem is all that is known before a plan.
type Problem struct {
	Horizon   Span           // nothing is placed outside
	Step      time.Duration  // proposals begin at whole steps; 0 = DefaultStep. Hands are free of it
	Zone      *time.Location // in which a mediator's days are counted; nil = UTC
	Sessions  []Session
	Parties   []Party
	Mediators []Mediator
	Rooms     []Room
}

// DefaultStep is the distance of two possible beginnings.
const DefaultStep = 15 * time.Minute

// Session is one sitting to be placed.
type Session struct {
	ID        SessionID
	Case      CaseID // empty = no mediator is barred from it
	Duration  time.Duration
	Parties   []PartyID
	Mediators []MediatorID // the pool, or the one who was chosen
	Need      int          // how many of them hold it
	Field     Field        // each of them works in; empty = any
	Language  Language     // each of them speaks; empty = any
	Room      Needs
	Earliest  time.Time // not before, for example the days of notice; zero = from the beginning
	Latest    time.Time // over by then, for example the term of the case; zero = to the end
	Fixed     *Placing  // agreed already; a proposal leaves it as it is
}

// Needs are what a session asks of its room.
type Needs struct {
	Remote   bool // held by video or telephone: no room
	Size     int  // people
	Features []Feature
}

// Party is somebody who has to be there.
type Party struct {
	ID       PartyID
	Possible []Span // empty = any time that is not busy
	Busy     []Span
}

// Mediator is somebody who holds sessions.
type Mediator struct {
	ID         MediatorID
	Free       []Span // working hours
	Away       []Span // absences, and what else is in their calendar
	Fields     []Field
	Languages  []Language
	Barred     []CaseID      // cases they must not hold: an interest that is not declared, or not waived
	MostPerDay int           // sessions; 0 = no bound
	Buffer     time.Duration // at least so long between two sessions
}

// Room is a place for sessions.
type Room struct {
	ID       RoomID
	Size     int
	Features []Feature
	Free     []Span
}

// Placing is one session with its time, people and place.
type Placing struct {
	Session   SessionID
	Begins    time.Time
	Mediators []MediatorID
	Room      RoomID // empty = remote
}

// Plan says of every session where it stands: placed, or not and why.
type Plan struct {
	Placed   []Placing // by beginning, then session
	Unplaced []Unplaced
	Facts    []Facts // what was checked of each placed session, in the same order; nil in a plan made by hand
}

// Unplaced is a session without a place.
type Unplaced struct {
	Session SessionID
	Reason  Reason
	Who     string // the party, mediator or feature the reason is about, when it is about one
}

// check finds what would make an answer meaningless, and names it.
func (p *Problem) check() error {
	if !p.Horizon.To.After(p.Horizon.From) {
		return fmt.Errorf("schedule: Horizon ends before it begins")
	}
	if p.Step < 0 || p.Step > 0 && p.Step < time.Minute {
		return fmt.Errorf("schedule: Step is %s; a minute is the least", p.Step)
	}
	if steps := p.Horizon.To.Sub(p.Horizon.From) / p.step(); steps > mostSteps {
		return fmt.Errorf("schedule: Horizon has %d steps of %s, more than %d; ask for less time or longer steps", steps, p.step(), mostSteps)
	}
	known := map[string]bool{}
	once := func(kind, id string) error {
		if id == "" || known[kind+id] {
			return fmt.Errorf("schedule: the id %q of a %s is empty or stands twice", id, kind)
		}
		known[kind+id] = true
		return nil
	}
	for _, x := range p.Parties {
		if err := once("party", string(x.ID)); err != nil {
			return err
		}
	}
	for _, m := range p.Mediators {
		if err := once("mediator", string(m.ID)); err != nil {
			return err
		}
		if m.Buffer < 0 || m.MostPerDay < 0 {
			return fmt.Errorf("schedule: mediator %s has a buffer or a number per day below zero", m.ID)
		}
	}
	for _, r := range p.Rooms {
		if err := once("room", string(r.ID)); err != nil {
			return err
		}
	}
	for _, s := range p.Sessions {
		if err := once("session", string(s.ID)); err != nil {
			return err
		}
		if err := s.check(known); err != nil {
			return fmt.Errorf("schedule: session %s: %w", s.ID, err)
		}
	}
	return nil
}

// mostSteps keeps a mistaken horizon from filling the memory: half a year in quarter hours.
const mostSteps = 20_000

func (s *Session) check(known map[string]bool) error {
	if s.Duration <= 0 {
		return fmt.Errorf("field Duration is %s", s.Duration)
	}
	if s.Need < 1 {
		return fmt.Errorf("field Need is %d; somebody has to hold it", s.Need)
	}
	for _, id := range s.Parties {
		if !known["party"+string(id)] {
			return fmt.Errorf("field Parties names %q, which is not among the parties of the problem", id)
		}
	}
	for _, id := range s.Mediators {
		if !known["mediator"+string(id)] {
			return fmt.Errorf("field Mediators names %q, which is not among the mediators of the problem", id)
		}
	}
	if s.Fixed == nil {
		return nil
	}
	if s.Fixed.Session != s.ID {
		return fmt.Errorf("field Fixed is a place of session %q", s.Fixed.Session)
	}
	for _, id := range s.Fixed.Mediators {
		if !known["mediator"+string(id)] {
			return fmt.Errorf("field Fixed names the mediator %q, who is not among those of the problem", id)
		}
	}
	if id := s.Fixed.Room; id != "" && !known["room"+string(id)] {
		return fmt.Errorf("field Fixed names the room %q, which is not among those of the problem", id)
	}
	return nil
}

func (p *Problem) step() time.Duration {
	if p.Step == 0 {
		return DefaultStep
	}
	return p.Step
}

func (p *Problem) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}
