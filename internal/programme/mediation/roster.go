package mediation

import (
	"cmp"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/worktime"
)

// Mediator is somebody of the roster. What is kept is what a party needs to choose and a desk to arrange;
// nothing here says how well anybody works.
type Mediator struct {
	ID           int64
	Unit         org.UnitID // the committee
	Name         string
	Account      string // at the desk; may be empty
	Phone        string // of the office; never public
	Organisation string // where they work beside; for hints of a conflict, never public
	Fields       []string
	Languages    []string
	Hours        Hours
	WeekHours    int  // hours of sessions in a week, at most; 0: no bound
	DayMost      int  // sessions in a day, at most; 0: no bound
	Listed       bool // parties may choose them
	Left         time.Time
	Version      int
	Changed      time.Time
	ChangedBy    string
}

// Active reports somebody who mediates.
func (m Mediator) Active() bool { return m.Left.IsZero() }

// Training is one entry of a mediator's training record.
type Training struct {
	ID    int64
	Day   worktime.Day
	Hours int
	Topic string
	At    time.Time
	By    string
}

// Away is a time at which a mediator cannot hold sessions.
type Away struct {
	ID           int64
	Mediator     int64
	Begins, Ends time.Time
}

// Room is a place for sessions.
type Room struct {
	ID          int64
	Unit        org.UnitID
	Name, Place string
	Seats       int
	StepFree    bool
	Second      bool // a second room for talks with each side alone
	Hours       Hours
	Closed      time.Time
	Version     int
	Changed     time.Time
	ChangedBy   string
}

// Label is what parties are told, and how an event of a case names the room.
func (r Room) Label() string {
	if r.Place == "" {
		return r.Name
	}
	return r.Name + " · " + r.Place
}

// Open reports a room in use.
func (r Room) Open() bool { return r.Closed.IsZero() }

// keeps reports whether the officer keeps the roster and rooms of a unit: by a grant there or above it.
func keeps(p *pack.Pack, who authz.Actor, unit org.UnitID) bool {
	return who.IsStaff() && slices.ContainsFunc(who.Grants(), func(g authz.Grant) bool {
		return slices.Contains(p.Mediation.Keepers, string(g.Role)) && p.Units.Under(g.Unit, unit) && forProgramme(p, g.Programmes)
	})
}

// kept lists the units whose roster and rooms the officer keeps: those at which somebody works.
func kept(p *pack.Pack, who authz.Actor) (out []org.UnitID) {
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); len(u.Roles) > 0 && keeps(p, who, id) {
			out = append(out, id)
		}
	}
	return out
}

// sees reports whether a unit lies in what the officer may read of mediation.
func sees(p *pack.Pack, who authz.Actor, unit org.UnitID) bool {
	return keeps(p, who, unit) || slices.ContainsFunc(who.Scope().Roots, func(r authz.Root) bool {
		near := r.Unit == unit || r.Reach == authz.Subtree && p.Units.Under(r.Unit, unit)
		return near && forProgramme(p, r.Programmes)
	})
}

// serves reports a unit above one of the officer's, whose rooms their sessions may be held in.
func serves(p *pack.Pack, who authz.Actor, unit org.UnitID) bool {
	return slices.ContainsFunc(who.Grants(), func(g authz.Grant) bool { return p.Units.Under(unit, g.Unit) && forProgramme(p, g.Programmes) })
}

// forProgramme reports a grant or rule that covers matters of mediation.
func forProgramme(p *pack.Pack, list []string) bool {
	return len(list) == 0 || slices.ContainsFunc(programmesOf(p), func(id string) bool { return slices.Contains(list, id) })
}

// programmesOf are the programmes of the procedures that have sessions.
func programmesOf(p *pack.Pack) (out []string) {
	for _, id := range p.Mediation.Procedures {
		if g := p.Procedures[id].Programme; !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}

// fieldsOf are the kinds of disputes, as the procedures list them, with where their words are.
func fieldsOf(p *pack.Pack) (ids []string, key map[string]string) {
	key = map[string]string{}
	for _, id := range p.Mediation.Procedures {
		f, ok := p.Procedures[id].Fact(p.Mediation.Field)
		if !ok {
			continue
		}
		for _, v := range f.Values {
			if key[v] == "" {
				ids, key[v] = append(ids, v), "fact."+id+"."+f.ID+"."+v
			}
		}
	}
	return ids, key
}

// calendarOf is the calendar the offices work by.
func calendarOf(p *pack.Pack) *worktime.Calendar {
	for _, id := range p.Mediation.Procedures {
		if c := p.Procedures[id].Calendar; c != nil {
			return c
		}
	}
	return nil
}

// near orders mediators for a unit: its own first, then those of units above it, then the others, each by name.
func near(p *pack.Pack, unit org.UnitID, list []Mediator) {
	path := p.Units.Path(unit)
	rank := func(m Mediator) int {
		if i := slices.Index(path, m.Unit); i >= 0 {
			return i
		}
		return len(path)
	}
	slices.SortStableFunc(list, func(a, b Mediator) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name))
	})
}
