package procedure

import (
	"fmt"
	"slices"
	"testing"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/worktime"
)

// desk is the smallest procedure that has every property: somebody answers, or the clock raises the
// case again and again.
func desk(t *testing.T) *Definition {
	t.Helper()
	units, err := org.NewTree([]org.Unit{
		{ID: "city", Level: org.City, Roles: []string{"officer"}},
		{ID: "street", Parent: "city", Level: org.Street, Roles: []string{"officer"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	day := worktime.Rule{N: 1, Unit: worktime.WorkingDays}
	return &Definition{
		ID: "p", Start: "open", Opening: "received", Units: units,
		States: []State{{ID: "open", Owner: OwnerHolder}, {ID: "waiting", Owner: OwnerResident}, {ID: "done", Final: true}},
		Acts: []Act{
			{ID: "answer", Event: "answered", From: []string{"open"}, To: "done", By: []string{"officer"}, Of: OfHolder, Answers: true, Remedy: RemedyNone, Law: Law{ID: "L"}},
			{ID: "ask", Event: "asked", From: []string{"open"}, To: "waiting", By: []string{"officer"}, Of: OfHolder},
			{ID: "reply", Event: "replied", From: []string{"waiting"}, To: "open", By: []string{"resident"}},
			{ID: "extend", Event: "extended", From: []string{"open"}, By: []string{"officer"}, Of: OfHolder, Extends: "term", While: "term",
				Fields: []form.Field{{Name: "reason", Kind: form.LongText, Required: true, Public: true}}, Notices: []Notice{{To: "resident", Template: "extended"}}},
			{ID: "raise", Event: "raised", From: []string{"open", "waiting"}, To: "open", By: []string{"system"}, Effects: []Effect{Escalate}},
			{ID: "lapse", Event: "lapsed", From: []string{"waiting"}, To: "open", By: []string{"system"}},
		},
		Clocks: []Clock{
			{ID: "term", Rule: day, Start: []string{"received", "raised"}, Stop: []string{"answered"}, Pause: []string{"waiting"}, PauseLaw: Law{ID: "L"}, Expire: "raise", Promise: true, Extend: Extend{Max: 1, Times: 1}},
			{ID: "wait", Rule: day, In: []string{"waiting"}, Expire: "lapse"},
		},
	}
}

func broken(t *testing.T, change func(*Definition)) Report {
	t.Helper()
	d := desk(t)
	change(d)
	return Check(d)
}

func Test_a_sound_procedure_has_no_violation(t *testing.T) {
	if r := Check(desk(t)); len(r.Violations) != 0 || r.States == 0 {
		t.Fatalf("%d situations, %v", r.States, r.Violations)
	}
}

func Test_each_broken_procedure_fails_its_own_property_with_a_road_that_ends_there(t *testing.T) {
	act := func(d *Definition, id string) *Act { a, _ := d.Act(id); return a }
	for name, c := range map[string]struct {
		change func(*Definition)
		want   Property
		state  string
	}{
		"a state nothing leads to":                        {func(d *Definition) { d.States = append(d.States, State{ID: "attic", Owner: OwnerHolder}) }, Reachable, "attic"},
		"a final state with a way out":                    {func(d *Definition) { a := act(d, "ask"); a.From = append(a.From, "done") }, FinalStays, "done"},
		"an end without an answer":                        {func(d *Definition) { act(d, "answer").Answers = false }, Answered, "done"},
		"an expiry nobody hears":                          {func(d *Definition) { act(d, "lapse").From = []string{"open"} }, Heard, "waiting"},
		"a wait without an end":                           {func(d *Definition) { d.Clocks = d.Clocks[:1] }, Owned, "waiting"},
		"a state that is nobody's":                        {func(d *Definition) { d.States[0].Owner = "" }, Owned, "open"},
		"an answer only a missing role gives":             {func(d *Definition) { act(d, "answer").By = []string{"mayor"} }, CanFinish, "open"},
		"an end only the resident can bring":              {func(d *Definition) { act(d, "answer").By = []string{"resident"} }, CanFinish, "open"},
		"an answer whose guard never holds":               {func(d *Definition) { act(d, "answer").When = Guard{Root: &Node{Op: OpJoint}} }, CanFinish, "open"},
		"an answer without a word on how to challenge it": {func(d *Definition) { act(d, "answer").Remedy = "" }, RemedyNamed, "done"},
		"a pause no rule allows":                          {func(d *Definition) { d.Clocks[0].PauseLaw = Law{} }, PauseLawful, "waiting"},
		"an extension without a reason":                   {func(d *Definition) { act(d, "extend").Fields = nil }, ExtensionBound, ""},
		"an extension after the date":                     {func(d *Definition) { act(d, "extend").While = "" }, ExtensionBound, ""},
		"a right lost without proof of service":           {func(d *Definition) { d.Clocks[1].TimeBar = true }, ServiceFirst, "waiting"},
		"a withdrawal by an officer": {func(d *Definition) {
			d.Acts = append(d.Acts, Act{ID: "drop", Event: "dropped", From: []string{"open"}, To: "done", By: []string{"officer"}, Of: OfHolder, Withdraw: true})
		}, OwnWithdrawal, ""},
		"an escalation that stops after one level": {func(d *Definition) { d.Clocks[0].Start = []string{"received"} }, EscalationGoes, "open"},
	} {
		t.Run(name, func(t *testing.T) {
			r := broken(t, c.change)
			i := slices.IndexFunc(r.Violations, func(v Violation) bool { return v.Property == c.want && v.State == c.state })
			if i < 0 {
				t.Fatalf("want %s at %s, got %v", c.want, c.state, r.Violations)
			}
			road := r.Violations[i].Road
			if len(road) > 0 && road[len(road)-1].State != c.state {
				t.Errorf("the road ends at %q, not %q: %v", road[len(road)-1].State, c.state, road)
			}
		})
	}
}

func Test_a_term_stands_still_while_the_resident_is_asked_and_runs_out_only_when_it_runs(t *testing.T) {
	d := desk(t)
	status := map[string]Status{}
	step := func(act, event, from, to, expired string) string {
		var a *Act
		if act != "" {
			a, _ = d.Act(act)
		}
		var said string
		for _, m := range d.Moves(a, event, from, to, expired, func(c string) Status { return status[c] }) {
			status[m.Clock] = m.Op.After()
			said += fmt.Sprintf("%s %s;", m.Clock, m.Op)
		}
		return said
	}
	for _, s := range []struct{ act, event, from, to, expired, want string }{
		{"", "received", "", "open", "", "term start;"},
		{"ask", "asked", "open", "waiting", "", "term pause;wait start;"},
		{"reply", "replied", "waiting", "open", "", "term resume;wait stop;"},
		{"extend", "extended", "open", "open", "", "term extend;"},
		{"raise", "raised", "open", "open", "term", "term expire;term start;"},
		{"answer", "answered", "open", "done", "", "term stop;"},
	} {
		if got := step(s.act, s.event, s.from, s.to, s.expired); got != s.want {
			t.Errorf("%s: %q, want %q", s.event, got, s.want)
		}
	}
	if status["term"] != Idle || status["wait"] != Idle {
		t.Errorf("after the end the clocks stand at %v", status)
	}
}

func Test_the_search_is_bounded_whatever_the_pack_says(t *testing.T) {
	d := desk(t)
	for i := range 200 {
		d.Clocks = append(d.Clocks, Clock{ID: fmt.Sprint("c", i), In: []string{"open"}, Expire: "raise"})
	}
	if r := Check(d); r.States != 0 || len(r.Violations) != 1 || r.Violations[0].Property != Bounded {
		t.Errorf("two hundred clocks: %d situations, %v", r.States, r.Violations)
	}
	if testing.Short() {
		t.Skip("the long half searches to the bound; make check runs it without -short")
	}
	d = desk(t)
	for i := range 25 { // each may be idle or running: far more situations than are searched
		e := fmt.Sprint("e", i)
		d.Acts = append(d.Acts, Act{ID: e, Event: e, From: []string{"open"}, By: []string{"officer"}, Of: OfHolder})
		d.Clocks = append(d.Clocks, Clock{ID: fmt.Sprint("c", i), Start: []string{e}, Expire: "raise"})
	}
	r := Check(d)
	if r.States > MaxStates+1000 || !slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Property == Bounded }) {
		t.Errorf("%d situations, %v", r.States, r.Violations)
	}
}

func Test_an_event_that_stops_a_clock_and_starts_it_makes_it_begin_anew(t *testing.T) {
	d := &Definition{Opening: "received", Clocks: []Clock{{ID: "visit", Start: []string{"planned", "visited"}, Stop: []string{"visited", "ended"}}}}
	for _, c := range []struct {
		event  string
		before Status
		want   string
	}{
		{"planned", Idle, "[{visit start}]"},
		{"planned", Running, "[]"},
		{"visited", Running, "[{visit stop} {visit start}]"},
		{"visited", Paused, "[{visit stop} {visit start}]"},
		{"visited", Expired, "[{visit start}]"},
		{"visited", Idle, "[{visit start}]"},
		{"ended", Running, "[{visit stop}]"},
	} {
		if got := fmt.Sprint(d.Moves(nil, c.event, "s", "s", "", func(string) Status { return c.before })); got != c.want {
			t.Errorf("%s while %s: %s, not %s", c.event, c.before, got, c.want)
		}
	}
}
