package schedule_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/enough"
	"comity/internal/programme/mediation/schedule"
	"comity/internal/programme/mediation/schedule/scheduletest"
)

func proposed(t interface {
	Helper()
	Fatal(...any)
}, p schedule.Problem) schedule.Plan {
	t.Helper()
	got, err := schedule.Propose(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Standing) > 0 {
		t.Fatal("what is agreed breaks rules: ", got.Standing)
	}
	if found := schedule.Verify(p, got.Plan); len(found) > 0 {
		t.Fatal("the proposal breaks rules: ", found)
	}
	if len(got.Plan.Facts) != len(got.Plan.Placed) {
		t.Fatal("not every placed session carries its facts")
	}
	return got.Plan
}

func Test_a_centre_is_planned_for_two_weeks(t *testing.T) {
	for seed := range uint64(3) {
		p := scheduletest.Invent(seed, scheduletest.Centre)
		plan := proposed(t, p)
		if len(plan.Placed) < 490 {
			t.Errorf("seed %d: only %d of 500 sessions are placed", seed, len(plan.Placed))
		}
		if again := proposed(t, p); !reflect.DeepEqual(plan, again) {
			t.Errorf("seed %d: the same problem has two plans", seed)
		}
	}
}

func Test_a_centre_with_too_few_rooms_places_what_they_hold_and_says_so_of_the_rest(t *testing.T) {
	p := scheduletest.Invent(1, scheduletest.Size{Sessions: 500, Mediators: 40, Rooms: 6, Days: 14})
	plan := proposed(t, p)
	rooms := 0
	for _, u := range plan.Unplaced {
		if u.Reason == schedule.ReasonRoomsTaken || u.Reason == schedule.ReasonTaken {
			rooms++
		}
	}
	if rooms == 0 || len(plan.Placed) < 330 {
		t.Errorf("%d placed, %d wait for a room", len(plan.Placed), rooms)
	}
}

func Test_what_is_agreed_stays_and_the_rest_is_planned_around_it(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := scheduletest.Invent(rapid.Uint64().Draw(t, "seed"), scheduletest.Size{Sessions: 25, Mediators: 4, Rooms: 2, Days: 4})
		first := proposed(t, p)
		for i := range p.Sessions {
			for _, a := range first.Placed {
				if a.Session == p.Sessions[i].ID && rapid.Bool().Draw(t, "agreed") {
					p.Sessions[i].Fixed = &a
				}
			}
		}
		if second := proposed(t, p); len(second.Placed) < len(first.Placed)-3 {
			t.Fatalf("%d were placed, then %d", len(first.Placed), len(second.Placed))
		}
	})
}

func Test_what_is_agreed_against_the_rules_is_shown_and_does_not_stop_the_rest(t *testing.T) {
	p, plan := house()
	p.Sessions[1].Fixed = &schedule.Placing{Session: "b", Begins: clock(0, 8, 0), Mediators: plan.Placed[1].Mediators, Room: "r2"}
	got, err := schedule.Propose(p)
	if err != nil {
		t.Fatal(err)
	}
	if rules := rulesOf(got.Standing); !slices.Equal(rules, []schedule.Rule{schedule.RuleBuffer, schedule.RuleNotice}) {
		t.Errorf("standing: %+v", got.Standing)
	}
	if len(got.Plan.Placed) != 4 {
		t.Errorf("%d of 4 are placed", len(got.Plan.Placed))
	}
}

// most is the largest number of sessions that can be placed, found by trying everything.
func most(p schedule.Problem, placed []schedule.Placing, k int, best *int) {
	if k == len(p.Sessions) {
		*best = max(*best, len(placed))
		return
	}
	if len(placed)+len(p.Sessions)-k <= *best {
		return
	}
	s := p.Sessions[k]
	for at := p.Horizon.From; at.Before(p.Horizon.To); at = at.Add(p.Step) {
		for _, team := range teams(s) {
			for _, room := range roomsOf(p, s) {
				move := schedule.Placing{Session: s.ID, Begins: at, Mediators: team, Room: room}
				if len(schedule.Conflicts(p, schedule.Plan{Placed: placed}, move)) == 0 {
					most(p, append(placed[:len(placed):len(placed)], move), k+1, best)
				}
			}
		}
	}
	most(p, placed, k+1, best)
}

func teams(s schedule.Session) (out [][]schedule.MediatorID) {
	for i, a := range s.Mediators {
		if s.Need == 1 {
			out = append(out, []schedule.MediatorID{a})
			continue
		}
		for _, b := range s.Mediators[i+1:] {
			out = append(out, []schedule.MediatorID{a, b})
		}
	}
	return out
}

func roomsOf(p schedule.Problem, s schedule.Session) []schedule.RoomID {
	if s.Room.Remote {
		return []schedule.RoomID{""}
	}
	var out []schedule.RoomID
	for _, r := range p.Rooms {
		out = append(out, r.ID)
	}
	return out
}

// tiny is one afternoon with more sessions than fit.
func tiny(t *rapid.T) schedule.Problem {
	p := schedule.Problem{Horizon: span(0, 13, 17), Zone: scheduletest.Zone, Step: 30 * time.Minute}
	part := func(name string) []schedule.Span {
		from := rapid.IntRange(0, 4).Draw(t, name+" from")
		return []schedule.Span{{From: clock(0, 13, 30*from), To: clock(0, 13, 30*rapid.IntRange(from+1, 8).Draw(t, name+" to"))}}
	}
	for i := range 2 {
		p.Mediators = append(p.Mediators, schedule.Mediator{ID: schedule.MediatorID(fmt.Sprint("m", i)), Free: part("mediator"),
			MostPerDay: rapid.IntRange(0, 3).Draw(t, "most"), Buffer: time.Duration(rapid.IntRange(0, 1).Draw(t, "buffer")) * 30 * time.Minute})
	}
	for i := range 2 {
		p.Rooms = append(p.Rooms, schedule.Room{ID: schedule.RoomID(fmt.Sprint("r", i)), Size: 4 + i, Free: part("room")})
	}
	p.Parties = []schedule.Party{{ID: "p0", Possible: part("party")}, {ID: "p1"}}
	for i := range rapid.IntRange(1, 4).Draw(t, "sessions") {
		s := schedule.Session{ID: schedule.SessionID(fmt.Sprint("s", i)), Duration: time.Duration(rapid.IntRange(1, 4).Draw(t, "long")) * 30 * time.Minute,
			Need: rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "need"), Mediators: []schedule.MediatorID{"m0", "m1"}[rapid.IntRange(0, 1).Draw(t, "interest"):]}
		s.Room = schedule.Needs{Remote: rapid.IntRange(0, 4).Draw(t, "remote") == 0, Size: rapid.IntRange(4, 5).Draw(t, "size")}
		if who := rapid.IntRange(0, 3).Draw(t, "party"); who < 2 {
			s.Parties = []schedule.PartyID{p.Parties[who].ID}
		}
		if rapid.Bool().Draw(t, "near") {
			s.Latest = clock(0, 15, 30)
		}
		p.Sessions = append(p.Sessions, s)
	}
	return p
}

func Test_a_small_plan_places_as_many_as_can_be_and_another_room_never_fewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := tiny(t)
		got := len(proposed(t, p).Placed)
		best := 0
		most(p, nil, 0, &best)
		if got != best {
			t.Fatalf("%d placed, %d can be", got, best)
		}
		p.Rooms = append(p.Rooms, schedule.Room{ID: "r2", Size: 5, Free: []schedule.Span{span(0, 13, 17)}})
		if more := len(proposed(t, p).Placed); more < got {
			t.Fatalf("%d placed, and with one room more %d", got, more)
		}
	})
}

func Test_nothing_is_left_out_that_could_simply_be_placed(t *testing.T) {
	enough.Check(t, []string{"a session without a place"}, func(t *rapid.T, met func(string)) {
		p := scheduletest.Invent(rapid.Uint64().Draw(t, "seed"), scheduletest.Size{Sessions: 40, Mediators: 5, Rooms: 2, Days: 4})
		plan := proposed(t, p)
		for _, u := range plan.Unplaced {
			met("a session without a place")
			if free, err := schedule.Alternatives(p, plan, u.Session, 1); err != nil || len(free) > 0 {
				t.Fatalf("%s is not placed (%s), but could be: %+v %v", u.Session, u.Reason, free, err)
			}
			if !slices.Contains(schedule.Reasons, u.Reason) {
				t.Fatalf("%s is not placed for the reason %q", u.Session, u.Reason)
			}
			checkReason(t, p, u)
		}
	})
}

// checkReason: what is said to stand in the way of a session alone keeps it out when it is alone, and
// what is said of others does not.
func checkReason(t *rapid.T, p schedule.Problem, u schedule.Unplaced) {
	alone := p
	alone.Sessions = slices.DeleteFunc(slices.Clone(p.Sessions), func(s schedule.Session) bool { return s.ID != u.Session })
	placed := len(proposed(t, alone).Placed)
	if ofOthers := strings.Contains(string(u.Reason), "taken"); ofOthers != (placed == 1) {
		t.Fatalf("%s is out because of %s; alone, %d is placed", u.Session, u.Reason, placed)
	}
}

func Test_every_reason_is_given_when_it_is_the_one(t *testing.T) {
	for _, c := range []struct {
		reason schedule.Reason
		who    string
		spoil  func(p *schedule.Problem, d *schedule.Session)
	}{
		{schedule.ReasonWindow, "", func(_ *schedule.Problem, d *schedule.Session) {
			d.Earliest, d.Latest = clock(0, 16, 0), clock(0, 16, 45)
		}},
		{schedule.ReasonParty, "pb", func(_ *schedule.Problem, d *schedule.Session) {
			d.Parties, d.Earliest = []schedule.PartyID{"pa", "pb"}, clock(0, 11, 15)
		}},
		{schedule.ReasonParties, "", func(p *schedule.Problem, d *schedule.Session) {
			p.Parties[0].Possible = []schedule.Span{span(0, 12, 18)}
			d.Parties = []schedule.PartyID{"pa", "pb"}
		}},
		{schedule.ReasonAllowed, "", func(_ *schedule.Problem, d *schedule.Session) { d.Need = 2 }},
		{schedule.ReasonField, "", func(_ *schedule.Problem, d *schedule.Session) { d.Field = "labour" }},
		{schedule.ReasonLanguage, "", func(_ *schedule.Problem, d *schedule.Session) { d.Field, d.Language = "homes", "hakka" }},
		{schedule.ReasonBarred, "", func(p *schedule.Problem, d *schedule.Session) {
			d.Case, p.Mediators[1].Barred = "kd", []schedule.CaseID{"kd"}
		}},
		{schedule.ReasonMediators, "", func(_ *schedule.Problem, d *schedule.Session) { d.Earliest = clock(0, 17, 15) }},
		{schedule.ReasonSize, "", func(_ *schedule.Problem, d *schedule.Session) { d.Room.Size = 7 }},
		{schedule.ReasonFeature, "hearing_loop", func(_ *schedule.Problem, d *schedule.Session) {
			d.Room.Features = []schedule.Feature{"caucus", "hearing_loop"}
		}},
		{schedule.ReasonFeature, "caucus", func(_ *schedule.Problem, d *schedule.Session) {
			d.Room = schedule.Needs{Size: 5, Features: []schedule.Feature{"caucus"}}
		}},
		{schedule.ReasonRooms, "", func(p *schedule.Problem, _ *schedule.Session) {
			for i := range p.Rooms {
				p.Rooms[i].Free = []schedule.Span{{From: clock(0, 7, 0), To: clock(0, 7, 45)}}
			}
			p.Sessions = p.Sessions[3:]
		}},
		{schedule.ReasonTogether, "", func(p *schedule.Problem, _ *schedule.Session) {
			p.Mediators[1].Free = []schedule.Span{span(0, 15, 16)}
			p.Sessions = p.Sessions[3:]
		}},
		{schedule.ReasonPartyTaken, "pa", func(_ *schedule.Problem, d *schedule.Session) {
			d.Parties, d.Latest = []schedule.PartyID{"pa"}, clock(0, 8, 0)
			d.Earliest = clock(0, 7, 0)
		}},
		{schedule.ReasonMediatorsTaken, "", func(_ *schedule.Problem, d *schedule.Session) {
			d.Mediators, d.Latest = []schedule.MediatorID{"m1"}, clock(0, 8, 0)
		}},
		{schedule.ReasonRoomsTaken, "", func(p *schedule.Problem, d *schedule.Session) {
			d.Room.Size, d.Latest = 6, clock(0, 8, 0)
		}},
		{schedule.ReasonTaken, "", func(p *schedule.Problem, d *schedule.Session) {
			d.Room.Size, d.Earliest, d.Latest = 6, clock(0, 7, 0), clock(0, 9, 0)
			p.Parties[2].Busy = append(p.Parties[2].Busy, span(0, 8, 9))
			p.Rooms[0].Free = []schedule.Span{span(0, 7, 9)}
		}},
	} {
		p, _ := house()
		p.Parties[2].Busy = append(p.Parties[2].Busy, span(0, 17, 18))
		spoiled := p.Sessions[3]
		c.spoil(&p, &spoiled)
		p.Sessions[len(p.Sessions)-1] = spoiled
		p.Mediators[0].Free[0].From = clock(0, 7, 0)
		got, err := schedule.Propose(p)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(got.Plan.Unplaced, func(u schedule.Unplaced) bool { return u.Session == "d" })
		if i < 0 {
			t.Errorf("%s: d was placed", c.reason)
		} else if u := got.Plan.Unplaced[i]; u.Reason != c.reason || u.Who != c.who {
			t.Errorf("got %s %q, want %s %q", u.Reason, u.Who, c.reason, c.who)
		}
		given[c.reason] = true
	}
	for _, r := range schedule.Reasons {
		if !given[r] {
			t.Errorf("no line of this test gives the reason %s", r)
		}
	}
}

var given = map[schedule.Reason]bool{}

func Test_alternatives_are_the_next_times_and_none_between_is_free(t *testing.T) {
	enough.Check(t, []string{"a time to compare"}, func(t *rapid.T, met func(string)) {
		p := scheduletest.Invent(rapid.Uint64().Draw(t, "seed"), scheduletest.Size{Sessions: 15, Mediators: 3, Rooms: 2, Days: 3})
		plan := proposed(t, p)
		if len(plan.Placed) == 0 {
			return
		}
		a := rapid.SampledFrom(plan.Placed).Draw(t, "session")
		i := slices.IndexFunc(p.Sessions, func(s schedule.Session) bool { return s.ID == a.Session })
		free, err := schedule.Alternatives(p, plan, a.Session, 3)
		if err != nil {
			t.Fatal(err)
		}
		for at := p.Horizon.From; at.Before(p.Horizon.To); at = at.Add(schedule.DefaultStep) {
			listed := slices.ContainsFunc(free, func(x schedule.Placing) bool { return x.Begins.Equal(at) })
			if at.Equal(a.Begins) || len(free) == 3 && at.After(free[2].Begins) {
				continue
			}
			possible := false
			for _, team := range teams(p.Sessions[i]) {
				for _, room := range roomsOf(p, p.Sessions[i]) {
					possible = possible || len(schedule.Conflicts(p, plan, schedule.Placing{Session: a.Session, Begins: at, Mediators: team, Room: room})) == 0
				}
			}
			if possible != listed {
				t.Fatalf("%s at %s: possible %t, listed %t", a.Session, at, possible, listed)
			}
			met("a time to compare")
		}
	})
}

func Test_the_nearest_term_chooses_first(t *testing.T) {
	p, _ := house()
	p.Sessions = []schedule.Session{
		{ID: "a", Duration: time.Hour, Mediators: []schedule.MediatorID{"m1"}, Need: 1, Room: schedule.Needs{Remote: true}, Latest: clock(0, 18, 0)},
		{ID: "b", Duration: time.Hour, Mediators: []schedule.MediatorID{"m1"}, Need: 1, Room: schedule.Needs{Remote: true}, Latest: clock(0, 17, 0)},
	}
	plan := proposed(t, p)
	if len(plan.Placed) != 2 || plan.Placed[0].Session != "b" || !plan.Placed[0].Begins.Equal(clock(0, 7, 0)) || !plan.Placed[1].Begins.Equal(clock(0, 8, 15)) {
		t.Errorf("placed %+v", plan.Placed)
	}
}

func Test_mediators_who_can_do_the_same_work_get_the_same_hours(t *testing.T) {
	p := schedule.Problem{Horizon: schedule.Span{From: clock(0, 0, 0), To: clock(5, 0, 0)}, Zone: scheduletest.Zone}
	var all []schedule.MediatorID
	for i := range 4 {
		m := schedule.Mediator{ID: schedule.MediatorID(fmt.Sprint("m", i))}
		for d := range 5 {
			m.Free = append(m.Free, span(d, 9, 17))
		}
		p.Mediators, all = append(p.Mediators, m), append(all, m.ID)
	}
	for i := range 40 {
		p.Sessions = append(p.Sessions, schedule.Session{ID: schedule.SessionID(fmt.Sprintf("s%02d", i)), Duration: time.Duration(1+i%3) * 30 * time.Minute, Need: 1,
			Mediators: all, Room: schedule.Needs{Remote: true}, Earliest: clock(i%5, 0, 0)})
	}
	hours := map[schedule.MediatorID]time.Duration{}
	for _, a := range proposed(t, p).Placed {
		i := slices.IndexFunc(p.Sessions, func(s schedule.Session) bool { return s.ID == a.Session })
		hours[a.Mediators[0]] += p.Sessions[i].Duration
	}
	least, greatest := hours["m0"], hours["m0"]
	for _, h := range hours {
		least, greatest = min(least, h), max(greatest, h)
	}
	if len(hours) != 4 || greatest-least > 90*time.Minute {
		t.Errorf("hours: %v", hours)
	}
}

func Test_a_mediator_stays_in_a_room(t *testing.T) {
	p := schedule.Problem{Horizon: span(0, 8, 18), Zone: scheduletest.Zone, Mediators: []schedule.Mediator{{ID: "m", Free: []schedule.Span{span(0, 8, 18)}}},
		Rooms: []schedule.Room{{ID: "r1", Size: 9, Free: []schedule.Span{span(0, 8, 18)}}, {ID: "r2", Size: 4, Free: []schedule.Span{span(0, 8, 18)}}}}
	for i, size := range []int{4, 8, 4, 4} {
		p.Sessions = append(p.Sessions, schedule.Session{ID: schedule.SessionID(fmt.Sprint("s", i)), Duration: time.Hour, Need: 1,
			Mediators: []schedule.MediatorID{"m"}, Room: schedule.Needs{Size: size}})
	}
	for _, a := range proposed(t, p).Placed {
		if a.Room != "r1" {
			t.Errorf("%s is in %s; all could be in r1", a.Session, a.Room)
		}
	}
}

func Test_a_problem_that_means_nothing_is_refused_by_name(t *testing.T) {
	for want, spoil := range map[string]func(*schedule.Problem){
		"Horizon ends":     func(p *schedule.Problem) { p.Horizon.To = p.Horizon.From },
		"Step is":          func(p *schedule.Problem) { p.Step = -1 },
		"Horizon has":      func(p *schedule.Problem) { p.Horizon.To = p.Horizon.From.AddDate(9, 0, 0) },
		"of a party":       func(p *schedule.Problem) { p.Parties[1].ID = "pa" },
		"of a mediator":    func(p *schedule.Problem) { p.Mediators[1].ID = "" },
		"of a room":        func(p *schedule.Problem) { p.Rooms[1].ID = "r1" },
		"of a session":     func(p *schedule.Problem) { p.Sessions[1].ID = "a" },
		"buffer":           func(p *schedule.Problem) { p.Mediators[0].Buffer = -1 },
		"Duration is":      func(p *schedule.Problem) { p.Sessions[1].Duration = 0 },
		"Need is":          func(p *schedule.Problem) { p.Sessions[1].Need = 0 },
		"Parties names":    func(p *schedule.Problem) { p.Sessions[1].Parties[0] = "x" },
		"Mediators names":  func(p *schedule.Problem) { p.Sessions[1].Mediators[0] = "x" },
		"Fixed is a place": func(p *schedule.Problem) { p.Sessions[0].Fixed.Session = "b" },
		"names the med":    func(p *schedule.Problem) { p.Sessions[0].Fixed.Mediators[0] = "x" },
		"names the room":   func(p *schedule.Problem) { p.Sessions[0].Fixed.Room = "x" },
	} {
		p, _ := house()
		spoil(&p)
		if _, err := schedule.Propose(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	p, plan := house()
	if _, err := schedule.Alternatives(p, plan, "x", 1); err == nil {
		t.Error("alternatives of a session that is not there")
	}
}

// Found by Test_nothing_is_left_out_that_could_simply_be_placed: giving mediators even hours freed one for a session that had been left out.
func Test_a_place_that_evening_out_has_freed_is_used(t *testing.T) {
	p := scheduletest.Invent(0x21eec0f5d, scheduletest.Size{Sessions: 40, Mediators: 5, Rooms: 2, Days: 4})
	plan := proposed(t, p)
	for _, u := range plan.Unplaced {
		if free, err := schedule.Alternatives(p, plan, u.Session, 1); err != nil || len(free) > 0 || u.Reason == "" {
			t.Errorf("%s is not placed (%s), but could be: %+v %v", u.Session, u.Reason, free, err)
		}
	}
}
