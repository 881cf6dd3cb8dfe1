package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"comity/internal/programme/mediation/schedule"
	"comity/internal/programme/mediation/schedule/scheduletest"
)

// mostSeconds is what a proposal for a centre may take.
const mostSeconds = 5

// scheduling times proposals against what a person with a list would do: the first time, mediators
// and room that fit, in the order of the list. The proposal is verified inside the time measured. It
// runs on one core, as the search does.
func scheduling(_ context.Context, o options, _ string, t *table) error {
	for _, c := range []struct {
		name string
		size scheduletest.Size
	}{
		{"12 rooms", scheduletest.Centre},
		{"6 rooms, too few", scheduletest.Size{Sessions: 500, Mediators: 40, Rooms: 6, Days: 14}},
	} {
		if err := scheduled(c.name, c.size, o.rounds, t); err != nil {
			return err
		}
	}
	return nil
}

func scheduled(name string, size scheduletest.Size, rounds int, t *table) error {
	var took, simple, placed, byList, bound series
	for round := range rounds {
		p := scheduletest.Invent(uint64(round), size)
		began := time.Now()
		got, err := schedule.Propose(p)
		took = append(took, time.Since(began).Seconds())
		if err != nil {
			return err
		}
		if found := schedule.Verify(p, got.Plan); len(found) > 0 {
			return fmt.Errorf("a proposal breaks %d rules, first %+v", len(found), found[0])
		}
		began = time.Now()
		first := firstFit(p)
		simple = append(simple, time.Since(began).Seconds())
		placed = append(placed, float64(len(got.Plan.Placed)))
		byList = append(byList, float64(first))
		bound = append(bound, float64(atMost(p)))
	}
	what := fmt.Sprintf("%d sessions, %d mediators, %s", size.Sessions, size.Mediators, name)
	t.row("proposal with proof: "+what+", s", took.String(), simple.String(), took.over(simple).String(), fmt.Sprintf("< %d s", mostSeconds), yes(took.median() < mostSeconds))
	t.row("placed, against first fit", placed.format("%.0f"), byList.format("%.0f"), placed.over(byList).String(), "–", "–")
	t.row("placed, against an upper bound", placed.format("%.0f"), bound.format("%.0f"), placed.over(bound).String(), "–", "–")
	return nil
}

// taker is a list of what somebody, or a room, has to do.
type taker map[string][]schedule.Span

func (k taker) clear(id string, s schedule.Span) bool {
	return !slices.ContainsFunc(k[id], func(b schedule.Span) bool { return b.From.Before(s.To) && s.From.Before(b.To) })
}

// firstFit counts what is placed when each session in the order of the list takes what comes first.
func firstFit(p schedule.Problem) int {
	parties := map[schedule.PartyID]schedule.Party{}
	for _, x := range p.Parties {
		parties[x.ID] = x
	}
	held := taker{}
	n := 0
	for _, s := range p.Sessions {
		if fitFirst(p, s, parties, held) {
			n++
		}
	}
	return n
}

func fitFirst(p schedule.Problem, s schedule.Session, parties map[schedule.PartyID]schedule.Party, held taker) bool {
	end := p.Horizon.To
	if s.Latest.Before(end) {
		end = s.Latest
	}
	for at := p.Horizon.From; !at.Add(s.Duration).After(end); at = at.Add(schedule.DefaultStep) {
		when := schedule.Span{From: at, To: at.Add(s.Duration)}
		if at.Before(s.Earliest) || !allCome(s, when, parties) {
			continue
		}
		team, room, ok := firstTeam(p, s, when, held)
		if !ok {
			continue
		}
		for _, m := range team {
			held["m"+string(m.ID)] = append(held["m"+string(m.ID)], schedule.Span{From: when.From.Add(-m.Buffer), To: when.To.Add(m.Buffer)})
			day := "d" + string(m.ID) + at.Format(time.DateOnly)
			held[day] = append(held[day], when)
		}
		held["r"+room] = append(held["r"+room], when)
		return true
	}
	return false
}

func allCome(s schedule.Session, when schedule.Span, parties map[schedule.PartyID]schedule.Party) bool {
	for _, id := range s.Parties {
		x := parties[id]
		if !(taker{"": x.Busy}).clear("", when) || len(x.Possible) > 0 && !open(x.Possible, when) {
			return false
		}
	}
	return true
}

func open(free []schedule.Span, when schedule.Span) bool {
	return slices.ContainsFunc(free, func(f schedule.Span) bool { return !when.From.Before(f.From) && !when.To.After(f.To) })
}

func firstTeam(p schedule.Problem, s schedule.Session, when schedule.Span, held taker) (team []schedule.Mediator, room string, ok bool) {
	for _, m := range p.Mediators {
		busy := len(held["d"+string(m.ID)+when.From.Format(time.DateOnly)]) >= m.MostPerDay
		if len(team) < s.Need && !busy && mayHold(s, m) && open(m.Free, when) && (taker{"": m.Away}).clear("", when) && held.clear("m"+string(m.ID), when) {
			team = append(team, m)
		}
	}
	if len(team) < s.Need {
		return nil, "", false
	}
	if s.Room.Remote {
		return team, "", true
	}
	for _, r := range p.Rooms {
		fits := r.Size >= s.Room.Size && !slices.ContainsFunc(s.Room.Features, func(f schedule.Feature) bool { return !slices.Contains(r.Features, f) })
		if fits && open(r.Free, when) && held.clear("r"+string(r.ID), when) {
			return team, string(r.ID), true
		}
	}
	return nil, "", false
}

func mayHold(s schedule.Session, m schedule.Mediator) bool {
	return slices.Contains(s.Mediators, m.ID) && !slices.Contains(m.Barred, s.Case) && (s.Field == "" || slices.Contains(m.Fields, s.Field)) &&
		(s.Language == "" || slices.Contains(m.Languages, s.Language))
}

// atMost cannot be exceeded by any plan: sessions that could be held if they were alone, and of those
// with a room no more than the shortest that fill the hours of all rooms together.
func atMost(p schedule.Problem) int {
	var hours time.Duration
	for _, r := range p.Rooms {
		for _, f := range r.Free {
			hours += f.To.Sub(f.From)
		}
	}
	parties := map[schedule.PartyID]schedule.Party{}
	for _, x := range p.Parties {
		parties[x.ID] = x
	}
	n := 0
	var housed []time.Duration
	for _, s := range p.Sessions {
		switch {
		case !fitFirst(p, s, parties, taker{}):
		case s.Room.Remote:
			n++
		default:
			housed = append(housed, s.Duration)
		}
	}
	slices.Sort(housed)
	for _, d := range housed {
		if hours -= d; hours < 0 {
			break
		}
		n++
	}
	return n
}
