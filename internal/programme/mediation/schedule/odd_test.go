package schedule_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/enough"
	"comity/internal/programme/mediation/schedule"
	"comity/internal/programme/mediation/schedule/scheduletest"
)

// oddSpan is any time around the horizon, also empty, backwards, or off every step.
func oddSpan(t *rapid.T, name string) schedule.Span {
	at := func(end string) time.Time {
		return clock(0, 0, 0).Add(time.Duration(rapid.IntRange(-600, 4000).Draw(t, name+end)) * time.Minute)
	}
	s := schedule.Span{From: at(" from"), To: at(" to")}
	if rapid.IntRange(0, 3).Draw(t, name+" turned") > 0 && s.To.Before(s.From) {
		s.From, s.To = s.To, s.From
	}
	return s
}

// oddSpans are some of these, and often one in which everything is possible.
func oddSpans(t *rapid.T, name string, most int, wide bool) (out []schedule.Span) {
	if wide && rapid.IntRange(0, 2).Draw(t, name+" wide") < 2 {
		out = append(out, schedule.Span{From: clock(0, 0, 0), To: clock(3, 0, 0)})
	}
	for range rapid.IntRange(0, most).Draw(t, name+"s") {
		out = append(out, oddSpan(t, name))
	}
	return out
}

// odd is a problem nobody would ask on purpose.
func odd(t *rapid.T) schedule.Problem {
	p := schedule.Problem{Horizon: schedule.Span{From: clock(0, 11, 40), To: clock(2, 12, 0)}, Zone: scheduletest.Zone, Step: time.Duration(rapid.SampledFrom([]int{0, 7, 15, 90}).Draw(t, "step")) * time.Minute}
	if rapid.IntRange(0, 2).Draw(t, "other") == 2 {
		p.Horizon = oddSpan(t, "horizon")
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "parties") {
		p.Parties = append(p.Parties, schedule.Party{ID: schedule.PartyID(fmt.Sprint("p", i)), Possible: oddSpans(t, "possible", 2, true), Busy: oddSpans(t, "busy", 2, false)})
	}
	for i := range rapid.SampledFrom([]int{2, 3, 1, 0}).Draw(t, "mediators") {
		p.Mediators = append(p.Mediators, schedule.Mediator{ID: schedule.MediatorID(fmt.Sprint("m", i)), Free: oddSpans(t, "free", 3, true), Away: oddSpans(t, "away", 1, false),
			Fields: []schedule.Field{"a", "b"}[:rapid.SampledFrom([]int{2, 1, 0}).Draw(t, "fields")], Barred: []schedule.CaseID{"", "k0", "k1"}[:rapid.SampledFrom([]int{0, 1, 1, 2, 3}).Draw(t, "barred")],
			MostPerDay: rapid.IntRange(0, 3).Draw(t, "most"), Buffer: time.Duration(rapid.SampledFrom([]int64{0, 0, 11, 45, math.MaxInt64 / int64(time.Minute)}).Draw(t, "buffer")) * time.Minute})
	}
	for i := range rapid.SampledFrom([]int{2, 1, 0}).Draw(t, "rooms") {
		p.Rooms = append(p.Rooms, schedule.Room{ID: schedule.RoomID(fmt.Sprint("r", i)), Size: rapid.IntRange(-1, 9).Draw(t, "size"), Free: oddSpans(t, "open", 3, true)})
	}
	for i := range rapid.SampledFrom([]int{4, 6, 2, 1, 0}).Draw(t, "sessions") {
		p.Sessions = append(p.Sessions, oddSession(t, &p, i))
	}
	return p
}

func oddSession(t *rapid.T, p *schedule.Problem, i int) schedule.Session {
	s := schedule.Session{ID: schedule.SessionID(fmt.Sprint("s", i)), Case: schedule.CaseID(fmt.Sprint("k", i%2)),
		Duration: time.Duration(rapid.SampledFrom([]int64{30, 30, 50, 50, 90, 90, 1, 400, 3000, math.MaxInt64 / int64(time.Minute)}).Draw(t, "long")) * time.Minute,
		Need:     rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 2, math.MaxInt}).Draw(t, "need"), Field: rapid.SampledFrom([]schedule.Field{"", "", "", "a", "b"}).Draw(t, "field"),
		Room: schedule.Needs{Remote: rapid.Bool().Draw(t, "remote"), Size: rapid.IntRange(-2, 6).Draw(t, "people")}}
	if rapid.IntRange(0, 3).Draw(t, "near") == 3 {
		w := oddSpan(t, "window")
		s.Earliest, s.Latest = w.From, w.To
	}
	for range rapid.IntRange(0, 2).Draw(t, "invited") {
		if len(p.Parties) > 0 {
			s.Parties = append(s.Parties, rapid.SampledFrom(p.Parties).Draw(t, "party").ID) // also twice
		}
	}
	for range rapid.SampledFrom([]int{3, 2, 1, 0}).Draw(t, "pool") {
		if len(p.Mediators) > 0 {
			s.Mediators = append(s.Mediators, rapid.SampledFrom(p.Mediators).Draw(t, "mediator").ID)
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "agreed") == 2 {
		s.Fixed = &schedule.Placing{Session: s.ID, Begins: oddSpan(t, "begins").From, Mediators: slices.Clone(s.Mediators[:min(1, len(s.Mediators))])}
		if len(p.Rooms) > 0 && rapid.Bool().Draw(t, "housed") {
			s.Fixed.Room = rapid.SampledFrom(p.Rooms).Draw(t, "room").ID
		}
	}
	return s
}

func Test_no_problem_however_odd_gets_a_plan_that_breaks_a_rule_by_itself(t *testing.T) {
	enough.Check(t, []string{"a placed session", "a refused problem"}, func(t *rapid.T, met func(string)) {
		p := odd(t)
		got, err := schedule.Propose(p)
		if err != nil {
			if p.Horizon.To.After(p.Horizon.From) {
				t.Fatal(err)
			}
			met("a refused problem")
			return
		}
		for _, v := range schedule.Verify(p, got.Plan) {
			if !slices.Contains(got.Standing, v) {
				t.Fatalf("the proposal breaks %+v", v)
			}
		}
		if again, _ := schedule.Propose(p); !reflect.DeepEqual(got, again) {
			t.Fatal("the same problem has two plans")
		}
		for _, s := range p.Sessions {
			if _, err := schedule.Alternatives(p, got.Plan, s.ID, 3); err != nil {
				t.Fatal(err)
			}
			if s.Fixed == nil && slices.ContainsFunc(got.Plan.Placed, func(a schedule.Placing) bool { return a.Session == s.ID }) {
				met("a placed session")
			}
		}
	})
}

func Test_what_was_held_before_the_horizon_counts_for_its_day(t *testing.T) {
	p, _ := house()
	p.Horizon.From = clock(0, 12, 0)
	p.Mediators[0].MostPerDay = 1
	p.Sessions = []schedule.Session{p.Sessions[0], {ID: "e", Duration: time.Hour, Mediators: []schedule.MediatorID{"m1"}, Need: 1, Room: schedule.Needs{Remote: true}}}
	got, err := schedule.Propose(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Plan.Unplaced) != 1 || got.Plan.Unplaced[0].Reason != schedule.ReasonMediatorsTaken {
		t.Errorf("got %+v; the mediator has held the one session of the day", got.Plan)
	}
}

func Test_what_begins_at_midnight_within_a_long_step_counts_for_the_new_day(t *testing.T) {
	p, _ := house()
	p.Horizon, p.Step = schedule.Span{From: clock(0, 11, 40), To: clock(2, 0, 0)}, 7*time.Minute
	p.Mediators[0].MostPerDay, p.Mediators[0].Free = 1, []schedule.Span{span(0, 0, 47)}
	p.Sessions[0].Fixed.Begins = clock(1, 0, 0)
	p.Sessions = []schedule.Session{p.Sessions[0], {ID: "e", Duration: time.Hour, Mediators: []schedule.MediatorID{"m1"}, Need: 1, Room: schedule.Needs{Remote: true}, Earliest: clock(1, 6, 0)}}
	got, err := schedule.Propose(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Plan.Unplaced) != 1 || got.Plan.Unplaced[0].Reason != schedule.ReasonMediatorsTaken {
		t.Errorf("got %+v; the mediator holds the one session of that day at midnight", got.Plan)
	}
}
