package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sound is a small guide with a shared question and every kind of door.
func sound() *Graph {
	return &Graph{Start: "danger", Most: 3, Emergency: "police", Otherwise: []string{"report"},
		Questions: []Question{
			{"danger", []Option{{ID: "yes", To: "police"}, {ID: "no", To: "about"}}},
			{"about", []Option{{ID: "neighbour", To: "talked"}, {ID: "shop", To: "talked"}, {ID: "office", To: "petition"}}},
			{"talked", []Option{{ID: "yes", To: "court"}, {ID: "no", To: "mediation"}}},
		},
		Doors: []Door{{ID: "police", Urgent: true}, {ID: "petition"}, {ID: "mediation", Also: []string{"aid"}}, {ID: "court"}, {ID: "aid"}, {ID: "report"}}}
}

func tell(road []Step) string {
	var out []string
	for _, s := range road {
		out = append(out, s.Question+"="+s.Option)
	}
	return strings.Join(out, " ")
}

func Test_a_sound_guide_breaks_no_rule_and_its_roads_are_counted(t *testing.T) {
	g := sound()
	if bad := Check(g); len(bad) > 0 {
		t.Fatalf("%+v", bad)
	}
	var roads []string
	for road, door := range g.Roads() {
		roads = append(roads, tell(road)+" "+door)
	}
	if len(roads) != 6 || g.Count() != 6 || roads[1] != "danger=no about=neighbour talked=yes court" {
		t.Errorf("%d counted, %q", g.Count(), roads)
	}
	if g.Left("danger") != 3 || g.Left("talked") != 1 || g.Left("court") != 0 {
		t.Error("the longest road is not measured")
	}
}

func Test_answers_are_followed_as_far_as_they_are_known(t *testing.T) {
	g := sound()
	for answers, want := range map[string]string{
		"":                "danger true",
		"no":              "about true",
		"no,shop,no":      "mediation true",
		"no,gone,no":      "about false",
		"no,shop,no,more": "mediation false",
	} {
		_, at, whole := g.Follow(strings.FieldsFunc(answers, func(r rune) bool { return r == ',' }))
		if got := fmt.Sprint(at, " ", whole); got != want {
			t.Errorf("%q leads to %q, want %q", answers, got, want)
		}
	}
}

func Test_every_rule_is_broken_by_its_own_shortest_road(t *testing.T) {
	for name, c := range map[string]struct {
		rule Rule
		at   string // question/option/door
		road string
		do   func(g *Graph)
	}{
		"no first question":            {EndsAtDoor, "//", "", func(g *Graph) { g.Start = "nowhere" }},
		"a question without answers":   {EndsAtDoor, "talked//", "danger=no about=neighbour", func(g *Graph) { g.Questions[2].Options = nil }},
		"an answer that leads nowhere": {NoDeadAnswer, "talked/no/", "danger=no about=neighbour talked=no", func(g *Graph) { g.Questions[2].Options[1].To = "lost" }},
		"a circle of two":              {NoCircle, "talked/no/", "danger=no about=neighbour talked=no", func(g *Graph) { g.Questions[2].Options[1].To = "about" }},
		"a question that asks itself":  {NoCircle, "about/office/", "danger=no about=office", func(g *Graph) { g.Questions[1].Options[2].To = "about" }},
		"a question nobody is asked":   {Reachable, "alone//", "", func(g *Graph) { g.Questions = append(g.Questions, Question{"alone", g.Questions[0].Options}) }},
		"a door on no page":            {Reachable, "//secret", "", func(g *Graph) { g.Doors = append(g.Doors, Door{ID: "secret"}) }},
		"a question that decides nothing": {Decides, "talked//", "danger=no about=neighbour", func(g *Graph) {
			g.Questions[2].Options[0].To = "mediation"
			g.Emergency = "police"
			g.Doors[2].Also = []string{"aid", "court"}
		}},
		"a question with one answer": {Decides, "talked//", "danger=no about=neighbour", func(g *Graph) {
			g.Questions[2].Options = g.Questions[2].Options[:1]
			g.Otherwise = []string{"report", "mediation"}
		}},
		"a road that is too long":         {ShortEnough, "talked//", "danger=no about=neighbour", func(g *Graph) { g.Most = 2 }},
		"a question far from urgent help": {HelpAtOnce, "about//", "danger=no", func(g *Graph) { g.Emergency = "" }},
		"an exit that is not urgent":      {HelpAtOnce, "danger//", "", func(g *Graph) { g.Doors[0].Urgent = false }},
	} {
		t.Run(name, func(t *testing.T) {
			g := sound()
			c.do(g)
			bad := Check(g)
			i := slices.IndexFunc(bad, func(b Broken) bool { return b.Rule == c.rule })
			if i < 0 {
				t.Fatalf("not found: %+v", bad)
			}
			b := bad[i]
			if at := b.Question + "/" + b.Option + "/" + b.Door; at != c.at || tell(b.Road) != c.road {
				t.Errorf("found at %q by %q, want %q by %q", at, tell(b.Road), c.at, c.road)
			}
		})
	}
}

func Test_two_answers_that_lead_to_the_same_place_are_asked_for_if_one_fills_the_filing(t *testing.T) {
	g := sound()
	g.Questions[2].Options[0] = Option{ID: "yes", To: "mediation", Fills: true}
	g.Doors[2].Also = []string{"aid", "court"}
	if bad := Check(g); len(bad) > 0 {
		t.Fatalf("%+v", bad)
	}
}

// wild draws a guide of any shape: circles, dead answers and lonely questions included.
func wild(dice *rand.Rand) *Graph {
	g := &Graph{Start: "q0", Most: 1 + dice.IntN(6)}
	n := 1 + dice.IntN(6)
	for i := range n {
		q := Question{ID: fmt.Sprint("q", i)}
		for j := range dice.IntN(4) {
			to := fmt.Sprint("q", dice.IntN(n+1)) // one more than there are
			if dice.IntN(3) > 0 {
				to = fmt.Sprint("d", dice.IntN(3))
			}
			q.Options = append(q.Options, Option{ID: fmt.Sprint("o", j), To: to})
		}
		g.Questions = append(g.Questions, q)
	}
	for i := range 3 {
		g.Doors = append(g.Doors, Door{ID: fmt.Sprint("d", i), Urgent: i == 0})
	}
	return g
}

// stroll answers at random and says where it ended; lost where no door was reached in so many answers.
func stroll(g *Graph, dice *rand.Rand, most int) (asked int, lost bool) {
	at := g.Start
	for range most + 1 {
		if _, door := g.Door(at); door {
			return asked, false
		}
		q, ok := g.Question(at)
		if !ok || len(q.Options) == 0 {
			return asked, true
		}
		at = q.Options[dice.IntN(len(q.Options))].To
		asked++
	}
	return asked, true
}

func Test_in_guides_of_any_shape_nobody_is_lost_unless_a_rule_says_so(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	sound := 0
	for i := range 20000 {
		g := wild(dice)
		lost, longest := false, 0
		for range 60 {
			asked, gone := stroll(g, dice, len(g.Questions))
			lost, longest = lost || gone, max(longest, asked)
		}
		var roads []Broken
		for _, b := range Check(g) {
			if b.Rule == EndsAtDoor || b.Rule == NoDeadAnswer || b.Rule == NoCircle {
				roads = append(roads, b)
			}
		}
		switch {
		case lost && len(roads) == 0:
			t.Fatalf("guide %d loses somebody and no rule says so: %+v", i, g)
		case len(roads) == 0:
			sound++
			if longest > g.Left(g.Start) {
				t.Fatalf("guide %d asked %d questions where at most %d were promised", i, longest, g.Left(g.Start))
			}
		}
		for _, b := range roads { // what is shown is a road that can be walked
			for j, at := 0, g.Start; j < len(b.Road); j++ {
				q, ok := g.Question(at)
				if !ok || q.ID != b.Road[j].Question {
					t.Fatalf("guide %d: %+v is no road", i, b)
				}
				o, _ := q.Option(b.Road[j].Option)
				at = o.To
			}
		}
	}
	if sound < 1000 {
		t.Errorf("only %d of the guides were sound: nothing was tried", sound)
	}
}
