package draw

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"comity/internal/procedure"
	"comity/internal/worktime"
)

// spoken says keys as a reader would see words of about that length.
func spoken() Words {
	t := func(key string, kv ...string) string {
		w := key[strings.LastIndexByte(key, '.')+1:]
		for i := 0; i+1 < len(kv); i += 2 {
			w += " " + kv[i+1]
		}
		return strings.ReplaceAll(w, "_", " ")
	}
	return Words{T: t, N: func(key string, n int, kv ...string) string { return fmt.Sprint(n, " ", t(key, kv...)) }}
}

// petition is as large as procedures get: registration, transfer, jurisdiction, hearing, outside
// bodies, review above, and what the clock does when nobody does anything.
func petition() *procedure.Definition {
	d := &procedure.Definition{ID: "petition", Start: "received"}
	for _, s := range strings.Fields(`received.in:holder supplement_asked.in:resident raised.in:holder
		registered.sort:holder offered.sort:offered disputed.sort:holder jurisdiction_asked.sort:outside not_accepted.sort:resident
		accepted.work:holder assigned.work:holder looking_into.work:holder waiting_for_resident.work:resident expert_opinion.work:outside
		mediation.work:child hearing_called.work:holder hearing_held.work:holder extended.work:holder
		answered.answer:resident carried_out.answer:holder review_open.answer:child second_review.answer:child contested.answer:holder
		closed.end: withdrawn.end: ended_above.end:`) {
		id, rest, _ := strings.Cut(s, ".")
		phase, owner, _ := strings.Cut(rest, ":")
		d.States = append(d.States, procedure.State{ID: id, Phase: phase, Owner: procedure.Owner(owner), Final: owner == ""})
	}
	const open = "received supplement_asked registered offered accepted assigned looking_into waiting_for_resident hearing_called hearing_held"
	for _, a := range strings.Split(strings.TrimSpace(`register_in_the_system|received raised|registered|officer
ask_for_missing_papers|received|supplement_asked|officer
supply_what_is_missing|supplement_asked|received|resident
papers_did_not_come|supplement_asked|not_accepted|system
registration_overdue|received|raised|system
accept|registered disputed|accepted|officer
refuse_with_reasons|registered disputed accepted|not_accepted|officer
offer_to_another_office|registered accepted|offered|officer
take_the_offer|offered|accepted|officer
return_the_offer|offered|registered|officer
nobody_replied_to_the_offer|offered|disputed|system
dispute_who_is_responsible|registered offered|disputed|officer
ask_who_is_responsible|disputed|jurisdiction_asked|officer
the_superior_named_an_office|jurisdiction_asked|accepted|officer
no_word_on_who_is_responsible|jurisdiction_asked|disputed|system
acceptance_overdue|registered disputed|raised|system
assign|accepted assigned looking_into|assigned|officer
begin|accepted assigned|looking_into|officer
ask_the_resident|looking_into|waiting_for_resident|officer
reply|waiting_for_resident|looking_into|resident
no_reply_work_goes_on|waiting_for_resident|looking_into|system
ask_for_an_expert_opinion|looking_into|expert_opinion|officer
the_opinion_is_here|expert_opinion|looking_into|officer
no_opinion_in_time|expert_opinion|looking_into|system
open_a_mediation|looking_into|mediation|officer
mediation_ended|mediation|looking_into|child
call_a_hearing|looking_into|hearing_called|officer
hold_the_hearing|hearing_called|hearing_held|officer
hearing_did_not_happen|hearing_called|looking_into|system
go_on_after_the_hearing|hearing_held|looking_into|officer
extend_the_term|looking_into hearing_held|extended|head
go_on_in_the_new_term|extended|looking_into|officer
answer_in_writing|looking_into hearing_held extended|answered|officer
answer_overdue|accepted assigned looking_into waiting_for_resident hearing_called hearing_held extended expert_opinion mediation|raised|system
carry_out|answered|carried_out|officer
carried_out_and_done|carried_out|closed|officer
not_carried_out_in_time|carried_out|raised|system
ask_for_a_review|answered not_accepted|review_open|resident
review_upheld|review_open|answered|child
review_changed|review_open|contested|child
ask_for_a_second_review|answered|second_review|resident
second_review_ended|second_review|closed|child
deal_with_it_again|contested|looking_into|officer
withdraw|`+open+`|withdrawn|resident
recalled_from_above|`+open+`|ended_above|parent
time_to_ask_for_a_review_is_over|answered not_accepted|closed|system
take_over|`+open+`|accepted|head
rate|answered|answered|resident
note_a_visit|looking_into||officer`), "\n") {
		f := strings.Split(a, "|")
		d.Acts = append(d.Acts, procedure.Act{ID: f[0], From: strings.Fields(f[1]), To: f[2], By: strings.Fields(f[3])})
		if f[3] == "system" {
			d.Clocks = append(d.Clocks, procedure.Clock{ID: f[0], Expire: f[0], Rule: worktime.Rule{N: 15, Unit: worktime.WorkingDays}})
		}
	}
	return d
}

// desk is the smallest: one state and its end.
func desk() *procedure.Definition {
	return &procedure.Definition{ID: "desk", Start: "open",
		States: []procedure.State{{ID: "open", Owner: "holder"}, {ID: "done", Final: true}},
		Acts:   []procedure.Act{{ID: "answer", From: []string{"open"}, To: "done", By: []string{"officer"}}}}
}

// each lays out every procedure in every number of columns.
func each(t *testing.T, f func(t *testing.T, d *procedure.Definition, s *Sheet, columns int)) {
	t.Helper()
	for _, d := range []*procedure.Definition{petition(), desk(), {ID: "empty"}} {
		for columns := 1; columns <= MaxColumns; columns++ {
			t.Run(fmt.Sprint(d.ID, " in ", columns), func(t *testing.T) {
				f(t, d, Draw(d, spoken(), Options{Columns: columns}), columns)
			})
		}
	}
}

func (c card) holds(p point) bool {
	return p.x > c.x+0.01 && p.x < c.x+c.w-0.01 && p.y > c.y+0.01 && p.y < c.y+c.h-0.01
}

func (c card) onEdge(p point) bool {
	return !c.holds(p) && p.x > c.x-0.01 && p.x < c.x+c.w+0.01 && p.y > c.y-0.01 && p.y < c.y+c.h+0.01
}

func Test_no_two_boxes_overlap_and_all_stand_on_the_sheet(t *testing.T) {
	each(t, func(t *testing.T, d *procedure.Definition, s *Sheet, _ int) {
		if len(s.cards) != len(d.States) {
			t.Fatalf("%d boxes for %d states", len(s.cards), len(d.States))
		}
		for i, a := range s.cards {
			if a.x < 0 || a.y < 0 || a.x+a.w > s.width || a.y+a.h > s.height {
				t.Errorf("%s sticks out", a.state)
			}
			for _, b := range s.cards[i+1:] {
				if a.x < b.x+b.w+8 && b.x < a.x+a.w+8 && a.y < b.y+b.h+8 && b.y < a.y+a.h+8 {
					t.Errorf("%s and %s overlap or touch", a.state, b.state)
				}
			}
		}
	})
}

func Test_every_act_has_a_line_that_ends_at_its_boxes_and_crosses_no_other(t *testing.T) {
	each(t, func(t *testing.T, d *procedure.Definition, s *Sheet, _ int) {
		g := graphOf(d, spoken(), Options{})
		drawn := map[int]bool{}
		for _, u := range s.bundles {
			for k, l := range u.full {
				r := g.roads[u.roads[k]]
				drawn[u.roads[k]] = true
				if !s.cards[r.from].onEdge(l[0]) || !s.cards[r.to].onEdge(l[len(l)-1]) {
					t.Errorf("%s to %s: the line runs %v", s.cards[r.from].state, s.cards[r.to].state, l)
				}
				for i := 0; i+1 < len(l); i++ {
					if l[i].x != l[i+1].x && l[i].y != l[i+1].y {
						t.Errorf("%s to %s: a slanted stretch %v", s.cards[r.from].state, s.cards[r.to].state, l)
					}
					for at := 0.0; at <= far(l[i], l[i+1]); at += 3 {
						p := toward(l[i], l[i+1], at)
						if j := slices.IndexFunc(s.cards, func(c card) bool { return c.holds(p) }); j >= 0 {
							t.Fatalf("%s to %s runs through %s", s.cards[r.from].state, s.cards[r.to].state, s.cards[j].state)
						}
						if p.x < 0 || p.x > s.width || p.y < 0 || p.y > s.height {
							t.Fatalf("%s to %s leaves the sheet at %v", s.cards[r.from].state, s.cards[r.to].state, p)
						}
					}
				}
			}
		}
		for i, r := range g.roads {
			if !drawn[i] {
				t.Errorf("%s to %s is not drawn", d.States[r.from].ID, d.States[r.to].ID)
			}
		}
	})
}

// Lines of different roads may cross; where they ran on each other nobody could tell them apart.
func Test_no_two_lines_run_on_each_other_unless_they_lead_to_the_same_box(t *testing.T) {
	each(t, func(t *testing.T, _ *procedure.Definition, s *Sheet, _ int) {
		for i, a := range s.bundles {
			for _, b := range s.bundles[i+1:] {
				if a.to == b.to && a.clock == b.clock {
					continue
				}
				for _, x := range a.full {
					for _, y := range b.full {
						if n := shared(x, y); n > 1 {
							t.Errorf("%q and %q run together for %.0f", a.title, b.title, n)
						}
					}
				}
			}
		}
	})
}

// shared is the longest stretch two lines have in common.
func shared(a, b []point) float64 {
	most := 0.0
	for i := 0; i+1 < len(a); i++ {
		for j := 0; j+1 < len(b); j++ {
			for _, flip := range []bool{false, true} {
				p, q, r, s := a[i], a[i+1], b[j], b[j+1]
				if flip {
					p, q, r, s = point{p.y, p.x}, point{q.y, q.x}, point{r.y, r.x}, point{s.y, s.x}
				}
				if p.x == q.x && r.x == s.x && max(p.x-r.x, r.x-p.x) < 1 {
					most = max(most, min(max(p.y, q.y), max(r.y, s.y))-max(min(p.y, q.y), min(r.y, s.y)))
				}
			}
		}
	}
	return most
}

func Test_every_label_lies_in_its_own_box_and_the_names_of_phases_in_none(t *testing.T) {
	each(t, func(t *testing.T, _ *procedure.Definition, s *Sheet, _ int) {
		for _, c := range s.cards {
			if len(c.lines) < 3 {
				t.Errorf("%s says only %v", c.state, c.lines)
			}
			for _, l := range c.lines {
				from, to := l.x, l.x+measure(l.words, sizeOf(l.class))
				if l.class == "leads" {
					from, to = l.x-measure(l.words, sizeOf(l.class)), l.x
				}
				if from < c.x || to > c.x+c.w || l.y < c.y || l.y > c.y+c.h {
					t.Errorf("%q sticks out of %s", l.words, c.state)
				}
			}
		}
		for _, b := range s.bands {
			for _, l := range b.lines {
				for x := l.x; x < l.x+measure(l.words, bandSize*boldWider); x += 4 {
					if slices.ContainsFunc(s.cards, func(c card) bool { return c.holds(point{x, l.y}) || c.holds(point{x, l.y - 8}) }) {
						t.Errorf("the phase %q is written on a box", l.words)
					}
				}
			}
		}
	})
}

func sizeOf(class string) float64 {
	switch class {
	case "name":
		return nameSize * boldWider
	case "turn", "here":
		return ownerSize
	}
	return rowSize
}

func Test_one_column_is_no_wider_than_a_phone_and_four_than_a_screen(t *testing.T) {
	each(t, func(t *testing.T, _ *procedure.Definition, s *Sheet, columns int) {
		most := float64(NarrowWidth)
		if columns > 1 {
			most = 420 * float64(columns)
		}
		if s.width > most+0.01 {
			t.Errorf("%.0f wide", s.width)
		}
	})
}

func Test_the_same_procedure_gives_the_same_drawing(t *testing.T) {
	each(t, func(t *testing.T, d *procedure.Definition, s *Sheet, columns int) {
		if again := Draw(d, spoken(), Options{Columns: columns}); again.File() != s.File() {
			t.Error("drawn twice, it differs")
		}
	})
	if os.Getenv("COMITY_LOOK") != "" { // to look at what no golden file holds
		for _, columns := range []int{1, 3} {
			f := Draw(petition(), spoken(), Options{Columns: columns}).File()
			if err := os.WriteFile(fmt.Sprintf("%s/petition.%d.svg", os.Getenv("COMITY_LOOK"), columns), []byte(f), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func Test_roads_that_lead_back_do_not_change_who_comes_first(t *testing.T) {
	order := Order(petition(), nil)
	if len(order) != 25 {
		t.Fatalf("%d states", len(order))
	}
	at := func(s string) int { return slices.Index(order, s) }
	for _, pair := range [][2]string{{"received", "registered"}, {"accepted", "assigned"}, {"assigned", "looking_into"}, {"answered", "closed"}} {
		if at(pair[0]) > at(pair[1]) {
			t.Errorf("%s stands after %s in %v", pair[0], pair[1], order)
		}
	}
}

func Test_several_acts_between_two_states_share_one_line(t *testing.T) {
	d := desk()
	d.Acts = append(d.Acts, procedure.Act{ID: "settle", From: []string{"open"}, To: "done", By: []string{"officer"}},
		procedure.Act{ID: "lapse", From: []string{"open"}, To: "done", By: []string{"system"}},
		procedure.Act{ID: "note", From: []string{"open"}, By: []string{"officer"}})
	g := graphOf(d, spoken(), Options{})
	if len(g.roads) != 2 || len(g.roads[0].labels) != 2 || !g.roads[1].clock || len(g.nodes[0].loops) != 1 {
		t.Errorf("roads %+v, loops %+v", g.roads, g.nodes[0].loops)
	}
}

func Test_words_are_broken_where_readers_expect_it(t *testing.T) {
	for _, c := range []struct {
		words string
		width float64
		want  []string
	}{
		{"one two three", 40, []string{"one two", "three"}},
		{"答复期限，五个工作日内。", 60, []string{"答复期限，五", "个工作日内。"}},
		{"满（五日）", 20, []string{"满", "（五", "日）"}},
		{"异议期满（满15日）", 80, []string{"异议期满（满", "15日）"}},
		{"incomprehensible", 40, []string{"incompr", "ehensib", "le"}},
		{"", 40, []string{""}},
	} {
		if got := wrap(c.words, 10, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q at %.0f: %q, want %q", c.words, c.width, got, c.want)
		}
	}
	if measure("受", 10) != 10 || measure("a", 10) >= 7 {
		t.Error("a wide letter is not a square")
	}
}
