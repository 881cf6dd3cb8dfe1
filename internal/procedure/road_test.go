package procedure

import (
	"slices"
	"testing"
)

// The toy has a term of one working day, extended once by one more, and a wait of one working day for
// the resident. Without a calendar a working day counts as three days at its longest: Friday to Monday.
func Test_the_longest_road_counts_terms_extensions_and_waits_that_the_law_allows(t *testing.T) {
	d := desk(t)
	r := Check(d).Road
	if !slices.Equal(r.Repeats, []string{"ask"}) {
		t.Errorf("a question that stops the term can be asked again and again; left out: %v", r.Repeats)
	}
	if !r.Worst.Known || r.Worst.First != 3+3 || r.Worst.Final != 6 {
		t.Errorf("term and extension are 3 + 3 days, got %+v", r.Worst)
	}
	want := []Stay{{"open", 3, "term", "", "extend"}, {"open", 3, "term", "", "answer"}}
	if !slices.Equal(r.Worst.ToFinal, want) {
		t.Errorf("the road is %v, want %v", r.Worst.ToFinal, want)
	}
	ask, _ := d.Act("ask")
	ask.Times = 2
	if r = Check(d).Road; len(r.Repeats) != 0 || r.Worst.First != 6+3+3 {
		t.Errorf("two questions may each take 3 days more: %+v, left out %v", r.Worst.First, r.Repeats)
	}
	raise, _ := d.Act("raise")
	if slices.ContainsFunc(r.Worst.ToFinal, func(s Stay) bool { return s.Act == raise.ID }) {
		t.Error("a term of the office that runs out is a breach, not a lawful road")
	}
}

func Test_a_dispute_between_offices_lengthens_only_the_road_with_disputes(t *testing.T) {
	d := desk(t)
	ask, _ := d.Act("ask")
	ask.Times, ask.Dispute = 1, true
	r := Check(d).Road
	if r.Ordinary.First != 6 || r.Worst.First != 9 {
		t.Errorf("ordinary %d, with the dispute %d", r.Ordinary.First, r.Worst.First)
	}
}

func Test_a_dispute_that_can_be_had_again_and_again_has_no_longest_road(t *testing.T) {
	d := desk(t)
	ask, _ := d.Act("ask")
	ask.Dispute = true
	r := Check(d).Road
	if !r.Ordinary.Known || r.Ordinary.First != 6 || r.Worst.Known || len(r.Repeats) != 0 {
		t.Errorf("%+v", r)
	}
}

func Test_a_case_that_waits_for_a_child_waits_as_long_as_the_child_may_take(t *testing.T) {
	d := desk(t)
	d.States = append(d.States, State{ID: "reviewed", Owner: OwnerChild})
	d.Links = []Link{{ID: "review", Kind: Child, Procedure: "r", Unit: UnitHolder, Ended: map[string]string{"*": "back"}}}
	d.Ends, d.ChildDays = map[string][]string{"r": {"upheld"}}, map[string]int{"r": 30}
	d.Acts = append(d.Acts,
		Act{ID: "send", Event: "sent", From: []string{"open"}, To: "reviewed", By: []string{"officer"}, Of: OfHolder, Times: 1, Spawn: []string{"review"}},
		Act{ID: "back", Event: "came_back", From: []string{"reviewed"}, To: "open", By: []string{ByChild}})
	d.Clocks[0].Pause = []string{"waiting", "reviewed"}
	ask, _ := d.Act("ask")
	ask.Times = 1
	r := Check(d)
	if len(r.Violations) > 0 || r.Road.Worst.First != 6+3+30 {
		t.Errorf("6 days of work, 3 for a question, 30 for the review: %+v %v", r.Road, r.Violations)
	}
}
