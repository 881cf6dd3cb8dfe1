// Package scheduletest invents problems of scheduling for tests and measurements.
//
// It owns the numbers of an invented centre: hours, sizes, how often somebody cannot come. The same
// seed always gives the same problem. It refuses to be used outside tests and measurements: none of
// its numbers is anybody's rule. This file is the whole package.
package scheduletest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"comity/internal/programme/mediation/schedule"
)

// Size says how large a problem is.
type Size struct{ Sessions, Mediators, Rooms, Days int }

// Centre is the size that must be planned within seconds: two weeks of a district's centre.
var Centre = Size{Sessions: 500, Mediators: 40, Rooms: 12, Days: 14}

// Zone is eight hours ahead, so that days there are not days in UTC.
var Zone = time.FixedZone("there", 8*3600)

// Monday is the first day of every invented problem.
var Monday = time.Date(2026, 3, 2, 0, 0, 0, 0, Zone)

// Fields of which each mediator knows some.
const fields = 5

// Invent gives a problem of a size.
func Invent(seed uint64, size Size) schedule.Problem {
	r := rand.New(rand.NewPCG(seed, 7))
	p := schedule.Problem{Horizon: schedule.Span{From: Monday, To: Monday.AddDate(0, 0, size.Days)}, Zone: Zone}
	mediators(r, &p, size)
	rooms(r, &p, size)
	for i := range size.Sessions {
		p.Sessions = append(p.Sessions, session(r, &p, i, size))
	}
	return p
}

func field(i int) schedule.Field { return schedule.Field(fmt.Sprint("f", i)) }

func mediators(r *rand.Rand, p *schedule.Problem, size Size) {
	for i := range size.Mediators {
		m := schedule.Mediator{ID: schedule.MediatorID(fmt.Sprintf("m%02d", i)), MostPerDay: 3 + r.IntN(2), Buffer: 15 * time.Minute}
		for _, h := range hours(size.Days) {
			switch r.IntN(10) { // away for a fifth of the half days
			case 0:
			case 1:
				m.Away = append(m.Away, h)
				fallthrough
			default:
				m.Free = append(m.Free, h)
			}
		}
		for f := range fields {
			if i%fields == f || r.IntN(3) == 0 {
				m.Fields = append(m.Fields, field(f))
			}
		}
		if r.IntN(3) == 0 {
			m.Languages = append(m.Languages, "second")
		}
		p.Mediators = append(p.Mediators, m)
	}
}

func rooms(r *rand.Rand, p *schedule.Problem, size Size) {
	for i := range size.Rooms {
		room := schedule.Room{ID: schedule.RoomID(fmt.Sprintf("r%02d", i)), Size: []int{6, 8, 10, 16}[i%4], Free: hours(size.Days)}
		if i%2 == 0 {
			room.Features = append(room.Features, "step_free")
		}
		if i%3 != 1 {
			room.Features = append(room.Features, "caucus")
		}
		if k := r.IntN(len(room.Free)); i%5 == 4 { // closed for half a day
			room.Free = append(room.Free[:k:k], room.Free[k+1:]...)
		}
		p.Rooms = append(p.Rooms, room)
	}
}

func session(r *rand.Rand, p *schedule.Problem, i int, size Size) schedule.Session {
	s := schedule.Session{ID: schedule.SessionID(fmt.Sprintf("s%03d", i)), Duration: []time.Duration{60, 60, 90, 90, 90, 120}[r.IntN(6)] * time.Minute, Need: 1}
	if r.IntN(8) == 0 {
		s.Need = 2
	}
	for k := range 2 + r.IntN(3) {
		s.Parties = append(s.Parties, party(r, p, fmt.Sprintf("%s-%d", s.ID, k), size.Days))
	}
	s.Case, s.Field = schedule.CaseID("case of "+s.ID), field(r.IntN(fields))
	if r.IntN(20) == 0 {
		s.Language = "second"
	}
	for k := range p.Mediators {
		s.Mediators = append(s.Mediators, p.Mediators[k].ID)
		if r.IntN(12) == 0 { // some have an interest in the matter
			p.Mediators[k].Barred = append(p.Mediators[k].Barred, s.Case)
		}
	}
	s.Room = schedule.Needs{Remote: r.IntN(7) == 0, Size: len(s.Parties) + 1 + r.IntN(4)}
	if r.IntN(6) == 0 {
		s.Room.Features = append(s.Room.Features, "step_free")
	}
	if r.IntN(3) == 0 {
		s.Room.Features = append(s.Room.Features, "caucus")
	}
	s.Earliest = Monday.AddDate(0, 0, r.IntN(4))
	s.Latest = Monday.AddDate(0, 0, 6+r.IntN(2*size.Days))
	return s
}

func party(r *rand.Rand, p *schedule.Problem, id string, days int) schedule.PartyID {
	x := schedule.Party{ID: schedule.PartyID(id)}
	for _, h := range hours(days) {
		if r.IntN(6) == 0 {
			x.Busy = append(x.Busy, h)
		}
	}
	if r.IntN(10) == 0 { // can come in the afternoon only
		for d := range days {
			x.Possible = append(x.Possible, schedule.Span{From: clock(d, 13, 0), To: clock(d, 20, 0)})
		}
	}
	p.Parties = append(p.Parties, x)
	return x.ID
}

// hours are the mornings and afternoons of the working days.
func hours(days int) []schedule.Span {
	var out []schedule.Span
	for d := range days {
		if w := Monday.AddDate(0, 0, d).Weekday(); w != time.Saturday && w != time.Sunday {
			out = append(out, schedule.Span{From: clock(d, 9, 0), To: clock(d, 12, 0)}, schedule.Span{From: clock(d, 13, 30), To: clock(d, 17, 30)})
		}
	}
	return out
}

func clock(day, hour, minute int) time.Time {
	return Monday.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}
