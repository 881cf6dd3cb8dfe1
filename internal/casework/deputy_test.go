package casework_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/procedure"
)

// stage is a request in Guiyuan, of which "answer" may not be done by who did "begin".
type stage struct {
	t      *testing.T
	d      *procedure.Definition
	c      casework.Case
	events []casework.Event
	now    time.Time
}

// read is the procedure of the demonstration, read once: checking it takes a second.
var read sync.Map

func newStage(t *testing.T) *stage {
	kept, ok := read.Load("request")
	if !ok {
		kept, _ = read.LoadOrStore("request", demoRequest(t))
	}
	d := *kept.(*procedure.Definition)
	d.Acts = slices.Clone(d.Acts)
	for i := range d.Acts {
		if d.Acts[i].ID == "answer" {
			d.Acts[i].NotBy = []string{"begin"}
		}
	}
	s := &stage{t: t, d: &d, now: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)}
	o := &casework.Opening{ID: "k1", Ref: "SR-1", Pack: "p", Unit: "guiyuan", Title: "t", Text: "t", Category: "waste.heap"}
	if rule := s.do(authz.Reporter(), casework.Command{Open: o}); rule != "" {
		t.Fatal(rule)
	}
	return s
}

// do answers the rule of the refusal, or nothing.
func (s *stage) do(who authz.Actor, cmd casework.Command) string {
	s.t.Helper()
	s.now = s.now.Add(time.Hour)
	cmd.Version = casework.AnyVersion
	if cmd.Open == nil {
		cmd.Case = "k1"
	}
	events, err := casework.Decide(s.d, s.c, cmd, who, s.now)
	if no, ok := err.(*casework.Refusal); ok {
		return no.Rule
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range events {
		s.c = casework.Fold(s.c, e)
		s.events = append(s.events, e)
	}
	return ""
}

func (s *stage) must(who authz.Actor, act string, fields ...string) {
	s.t.Helper()
	if rule := s.act(who, act, fields...); rule != "" {
		s.t.Fatalf("%s by %s for %q: %s", act, who.ID(), who.For(), rule)
	}
}

func (s *stage) act(who authz.Actor, act string, fields ...string) string {
	s.t.Helper()
	cmd := casework.Command{Act: act, Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		cmd.Fields[fields[i]] = fields[i+1]
	}
	return s.do(who, cmd)
}

var all = []authz.Grant{{Role: "clerk", Unit: "guiyuan"}, {Role: "officer", Unit: "guiyuan"}, {Role: "head", Unit: "guiyuan"}}

func person(id string) authz.Actor { return authz.Staff(id, all) }

func standsIn(id, absent string) authz.Actor {
	return authz.Staff(id, nil).Acting(authz.Delegation{For: absent, Chosen: all, Held: all})
}

func Test_the_record_names_the_deputy_and_the_absent_person(t *testing.T) {
	s := newStage(t)
	s.must(standsIn("deputy", "absent"), "accept")
	s.must(standsIn("deputy", "absent"), "begin")
	if rule := s.do(standsIn("deputy", "absent"), casework.Command{Note: &casework.Note{Text: "Seen."}}); rule != "" {
		t.Fatal(rule)
	}
	for _, e := range s.events[1:] {
		if e.By.Actor != "deputy" || e.By.For != "absent" || e.By.Unit != "guiyuan" {
			t.Errorf("%s is recorded by %+v", e.Kind, e.By)
		}
	}
	if s.c.Assignee != "absent" {
		t.Errorf("what a deputy took on is on the desk of %q", s.c.Assignee)
	}
}

// Whoever begins, however they do it, does not answer, however they do it.
func Test_nobody_gets_round_the_separation_of_duties_by_standing_in(t *testing.T) {
	people := map[string]authz.Actor{
		"absent": person("absent"), "deputy": person("deputy"), "deputy for absent": standsIn("deputy", "absent"), "absent for deputy": standsIn("absent", "deputy"),
		"third": person("third"), "third for absent": standsIn("third", "absent"), "deputy for third": standsIn("deputy", "third"), "third for fourth": standsIn("third", "fourth"),
	}
	for first, begins := range people {
		for second, answers := range people {
			s := newStage(t)
			s.must(person("clerk"), "accept")
			s.must(begins, "begin")
			apart := !slices.ContainsFunc(begins.Persons(), func(id string) bool { return slices.Contains(answers.Persons(), id) })
			want := "actor.did_before"
			if apart {
				want = ""
			}
			if got := s.act(answers, "answer", "outcome", "solved", "answer", "The heap was carried away on Tuesday."); got != want {
				t.Errorf("%s begins, %s answers: %q, want %q", first, second, got, want)
			}
		}
	}
}

func Test_who_is_barred_does_not_come_back_as_a_deputy_nor_through_one(t *testing.T) {
	s := newStage(t)
	s.must(standsIn("deputy", "absent"), "accept")
	s.must(standsIn("deputy", "absent"), "begin")
	for i := range s.d.Acts {
		s.d.Acts[i].NotBy = nil // this is about being barred alone
	}
	s.must(standsIn("deputy", "absent"), "answer", "outcome", "solved", "answer", "The heap was carried away on Tuesday.")
	if !slices.Contains(s.c.Stood, "deputy") || !slices.Contains(s.c.Stood, "absent") {
		t.Fatalf("stood in: %v", s.c.Stood)
	}
	for i := range s.d.Acts {
		if a := &s.d.Acts[i]; a.Has(procedure.BarHandler) {
			if rule := s.act(authz.Holder("k1"), a.ID, "reason", "The heap is still there, all of it."); rule != "" {
				t.Fatalf("%s: %s", a.ID, rule)
			}
		}
	}
	for _, id := range []string{"deputy", "absent"} {
		if !slices.Contains(s.c.Barred, id) {
			t.Errorf("%s handled the case and is not barred: %v", id, s.c.Barred)
		}
	}
	above := []authz.Grant{{Role: "clerk", Unit: s.c.Holder}, {Role: "officer", Unit: s.c.Holder}, {Role: "head", Unit: s.c.Holder}}
	for name, who := range map[string]authz.Actor{
		"the absent person":           authz.Staff("absent", above),
		"the deputy":                  authz.Staff("deputy", above),
		"the deputy for a new person": authz.Staff("deputy", nil).Acting(authz.Delegation{For: "new", Chosen: above, Held: above}),
		"a new deputy":                authz.Staff("new", nil).Acting(authz.Delegation{For: "absent", Chosen: above, Held: above}),
	} {
		if rule := s.act(who, "accept"); rule != "actor.barred" {
			t.Errorf("%s: %q", name, rule)
		}
	}
	if rule := s.act(authz.Staff("new", above), "accept"); rule != "" {
		t.Errorf("somebody new is refused: %s", rule)
	}
}
