package pack

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"comity/internal/explore"
)

const guideFile = "nation/explorer.yaml"

// guided is country with a guide: three questions, one of them on two roads, and every kind of door.
func guided() map[string]string {
	files := country()
	files["nation/procedures/ask.yaml"] = strings.Replace(files["nation/procedures/ask.yaml"], "opening: {event: asked, past: {en: Asked}}",
		"opening:\n  event: asked\n  past: {en: Asked}\n  fields:\n    - {name: before, kind: choice, options: [none, court], option_names: {none: {en: None}, court: {en: Court}}, label: {en: Before}}", 1)
	files["nation/categories.yaml"] += "  - {id: inside, group: all, resident: false, name: {en: Inside}, route: {level: street}}\n"
	files[guideFile] = `most: 3
start: danger
emergency: police
otherwise: [ask]
questions:
  - id: danger
    text: {en: Is anybody in danger?}
    options:
      - {id: danger, to: police, text: {en: "Yes"}}
      - {id: safe, to: about, text: {en: "No"}}
  - id: about
    text: {en: What about?}
    options:
      - {id: light, to: before, text: {en: A lamp}, tells: {en: A lamp is out.}, category: lamp}
      - {id: way, to: before, text: {en: A road}, tells: {en: A road is broken.}}
      - {id: right, to: court, text: {en: Who is right}}
  - id: before
    text: {en: Has a court dealt with it?}
    options:
      - {id: new, to: ask, text: {en: "No"}, fields: {before: none}}
      - {id: pending, to: court, text: {en: "Yes"}}
doors:
  - id: police
    kind: elsewhere
    urgent: true
    name: {en: Call}
    what: {en: They come.}
    body: {en: Police}
    phone: "110"
    cost: {en: Nothing.}
    time: {en: At once.}
    bring: [{en: Nothing.}]
  - id: ask
    kind: ours
    category: road
    name: {en: Ask the town}
    what: {en: The town answers.}
    stub: {en: "Where:"}
    cost: {en: Nothing.}
    bring: [{en: Nothing.}]
    law: [{id: ACT, articles: ["1", "2"]}]
    also: [court]
  - id: court
    kind: elsewhere
    name: {en: Court}
    what: {en: It decides.}
    body: {en: The court}
    address: {en: Court Street 1}
    cost: {en: A fee.}
    time: {en: Six months.}
    bring: [{en: A complaint.}]
`
	return files
}

func follow(t *testing.T, p *Pack, answers ...string) ([]explore.Step, string) {
	t.Helper()
	road, at, whole := p.Explorer.Graph.Follow(answers)
	if !whole {
		t.Fatalf("the guide does not know %v", answers)
	}
	return road, at
}

func Test_answers_fill_in_the_words_the_fields_and_the_closest_category(t *testing.T) {
	p := loadCity(t, guided())
	road, door := follow(t, p, "safe", "light", "new")
	f, ok := p.Filing("en", road, door)
	if !ok || f.Category != "lamp" || f.Text != "A lamp is out.\nWhere:" || !maps.Equal(f.Fields, map[string]string{"before": "none"}) {
		t.Errorf("a lamp: %+v %v", f, ok)
	}
	road, door = follow(t, p, "safe", "way", "new")
	if f, _ = p.Filing("en", road, door); f.Category != "road" {
		t.Errorf("a road files under %q", f.Category)
	}
	road, door = follow(t, p, "safe", "right")
	if _, ok = p.Filing("en", road, door); ok || door != "court" {
		t.Errorf("something can be filed at %q", door)
	}
	if _, ok = p.Filing("en", road, "nowhere"); ok {
		t.Error("something can be filed at a door that does not exist")
	}
}

func Test_a_guide_that_loses_somebody_is_refused_where_it_does(t *testing.T) {
	for name, c := range map[string]struct {
		at, want string // the passage whose line is named, the message
		edits    []edit
	}{
		"an answer that leads nowhere":            {"  - {id: way,", `no-dead-answer: answer "way" of "about" leads to "befor", which is neither a question nor a door; the road: Is anybody in danger? No › What about? A road`, []edit{{guideFile, "{id: way, to: before", "{id: way, to: befor"}}},
		"a question without answers":              {"  - id: before", `ends-at-door: question "before" has no answers`, []edit{{guideFile, "    options:\n      - {id: new, to: ask, text: {en: \"No\"}, fields: {before: none}}\n      - {id: pending, to: court, text: {en: \"Yes\"}}\n", "    options: []\n"}}},
		"a start that is no question":             {"start: dangr", `ends-at-door: start "dangr" is not a question`, []edit{{guideFile, "start: danger", "start: dangr"}}},
		"a circle":                                {"  - {id: pending,", `no-circle: answer "pending" of "before" leads back to a question that was asked before; the road:`, []edit{{guideFile, "{id: pending, to: court", "{id: pending, to: about"}}},
		"a question nobody is asked":              {"  - id: before", `reachable: no road leads to question "before"`, []edit{{guideFile, "{id: light, to: before", "{id: light, to: ask"}, {guideFile, "{id: way, to: before", "{id: way, to: ask"}}},
		"a door nobody sees":                      {"  - {id: museum", `reachable: no page leads to door "museum"`, []edit{{guideFile, "  - id: court\n", "  - {id: museum, kind: elsewhere, name: {en: M}, what: {en: M}, body: {en: M}, phone: \"1\", cost: {en: M}, time: {en: M}, bring: [{en: M}]}\n  - id: court\n"}}},
		"a question that decides nothing":         {"  - id: danger", `decides: question "danger" decides nothing`, []edit{{guideFile, "{id: danger, to: police", "{id: danger, to: about"}}},
		"a road that is too long":                 {"  - id: before", `short-enough: the longest road asks 3 questions, most is 2; "before" is one too many`, []edit{{guideFile, "most: 3", "most: 2"}}},
		"help that cannot be reached":             {"  - id: about", `help-at-once: no urgent door can be reached from question "about"`, []edit{{guideFile, "emergency: police\n", ""}}},
		"a door for a category that is not there": {"  category: roads", `door-files: door "ask": category "roads" is not in categories.yaml`, []edit{{guideFile, "    category: road\n", "    category: roads\n"}}},
		"a door for a category of staff":          {"  category: inside", `door-files: door "ask": residents may not choose category "inside"`, []edit{{guideFile, "    category: road\n", "    category: inside\n"}}},
		"an answer to what the form does not ask": {"  - {id: new,", `answer "new" of "before" leads to door "ask": the form of category "road" (procedure "ask") has no field "befor"`, []edit{{guideFile, "fields: {before: none}", "fields: {befor: none}"}}},
		"an answer the form does not take":        {"  - {id: new,", `field "before" of category "road" does not take "never"`, []edit{{guideFile, "fields: {before: none}", "fields: {before: never}"}}},
		"a closer category that is not there":     {"  - {id: light,", `answer "light" of "about": category "lamps" is not in categories.yaml`, []edit{{guideFile, "category: lamp}", "category: lamps}"}}},
		"a closer category of no door behind":     {"  - {id: right,", `answer "right" of "about": no door behind it files under the procedure of category "lamp"`, []edit{{guideFile, "text: {en: Who is right}}", "text: {en: Who is right}, category: lamp}"}}},
		"a closer category of staff":              {"  - {id: light,", `answer "light" of "about": residents may not choose category "inside"`, []edit{{guideFile, "category: lamp}", "category: inside}"}}},
		"nothing to file for whom nothing fits":   {"otherwise: [court]", `door "court" is elsewhere; whoever finds no answer that fits must be able to file`, []edit{{guideFile, "otherwise: [ask]", "otherwise: [court]"}}},
		"a door that does not say what it costs":  {"  - id: court", `door-tells: door "court" does not say what it costs`, []edit{{guideFile, "    cost: {en: A fee.}\n", ""}}},
		"a door that does not say how long":       {"  - id: court", `door-tells: door "court" does not say how long it takes`, []edit{{guideFile, "    time: {en: Six months.}\n", ""}}},
		"a door nobody can find":                  {"  - id: court", `door-tells: door "court" gives no telephone, address or page`, []edit{{guideFile, "    address: {en: Court Street 1}\n", ""}}},
		"a term of ours written by hand":          {"  time: {en: Soon.}", `door-tells: door "ask" is ours: how long it takes comes from the terms of its procedure`, []edit{{guideFile, "    stub: {en: \"Where:\"}\n", "    time: {en: Soon.}\n"}}},
		"a question without words":                {"  - id: before", `words in en are missing (guide.q.before)`, []edit{{guideFile, "    text: {en: Has a court dealt with it?}\n", ""}}},
		"a question and a door of the same name":  {"  - id: about\n    kind", `the id is taken; questions and doors share their ids`, []edit{{guideFile, "  - id: court\n", "  - id: about\n"}}},
		"a page without a secure connection":      {"  url: http://court.example", `does not begin with https://`, []edit{{guideFile, "    address: {en: Court Street 1}\n", "    url: http://court.example\n"}}},
		"a law without the article of the limit":  {"  limit_law:", `article "9" of law "ACT" has no words`, []edit{{guideFile, "    address: {en: Court Street 1}\n", "    address: {en: Court Street 1}\n    limit: {en: Soon}\n    limit_law: {id: ACT, article: \"9\"}\n"}}},
		"a law that stands twice":                 {"    law: [{id: ACT, articles: [\"1\"]}", `door "ask": law "ACT" stands twice; write its articles in one list`, []edit{{guideFile, `law: [{id: ACT, articles: ["1", "2"]}]`, `law: [{id: ACT, articles: ["1"]}, {id: ACT, articles: ["2"]}]`}}},
		"a door beside it that is not there":      {"  also: [curt]", `also: "curt" is not a door`, []edit{{guideFile, "    also: [court]\n", "    also: [curt]\n"}}},
		"a number nobody can dial":                {"  phone: police", `phone "police" is not a number one can dial`, []edit{{guideFile, `    phone: "110"`, "    phone: police"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := mutated(t, fsOf(guided()), c.edits...)
			_, err := LoadFrom(m, "city", memory)
			if err == nil {
				t.Fatal("the pack loads")
			}
			place := fmt.Sprintf("base/%s:%d:", guideFile, lineOfText(t, m, guideFile, c.at))
			for line := range strings.Lines(err.Error()) {
				if strings.HasPrefix(line, place) && strings.Contains(line, c.want) {
					return
				}
			}
			t.Errorf("want %s … %s, got:\n%v", place, c.want, err)
		})
	}
}

func Test_a_city_leads_an_answer_to_its_own_door_and_a_pack_may_have_no_guide(t *testing.T) {
	files := guided()
	files["city/explorer.yaml"] = `questions:
  - id: about
    options:
      - {id: way, to: roads}
doors:
  - {id: roads, kind: ours, category: road, name: {en: Roads}, what: {en: Mended.}, cost: {en: Nothing.}, bring: [{en: Nothing.}]}
  - {id: court, address: {en: Town Square 3}}
`
	p := loadCity(t, files)
	if _, door := follow(t, p, "safe", "way"); door != "roads" {
		t.Errorf("a road leads to %q", door)
	}
	if got := p.Texts["en"]["guide.door.court.address"]; got != "Town Square 3" {
		t.Errorf("the court is at %q", got)
	}
	if p = loadCity(t, country()); p.Explorer != nil {
		t.Error("a pack without explorer.yaml has a guide")
	}
	if _, ok := p.Explorer.Door("court"); ok {
		t.Error("no guide has a door")
	}
}

// fresh has searched everything itself: what ships is held against it.
var fresh = &Memory{}

// projectPacks are the packs of the project, each loaded once for all tests.
var projectPacks = sync.OnceValues(func() (map[string]*Pack, error) {
	dirs, err := fs.Glob(os.DirFS("../../packs"), "*/pack.yaml")
	if err != nil {
		return nil, err
	}
	known := fresh
	if testing.Short() {
		known = memory // the race detector has nothing to find in a search that is only long
	}
	out := map[string]*Pack{}
	for _, d := range dirs {
		name := strings.TrimSuffix(d, "/pack.yaml")
		if out[name], err = LoadFrom(os.DirFS("../../packs"), name, known); err != nil {
			return nil, fmt.Errorf("%s:\n%w", name, err)
		}
	}
	return out, nil
})

func Test_whoever_answers_anything_in_the_guide_of_any_pack_comes_to_a_door_in_time(t *testing.T) {
	packs, err := projectPacks()
	if err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(5, 29))
	guides := 0
	for name, p := range packs {
		if p.Explorer == nil {
			continue
		}
		guides++
		g := &p.Explorer.Graph
		for range 5000 {
			at, asked := g.Start, 0
			var answers []string
			for q, ok := g.Question(at); ok; q, ok = g.Question(at) {
				if left := g.Left(at); asked+left > g.Most {
					t.Fatalf("%s: after %v the guide may still ask %d", name, answers, left)
				}
				o := q.Options[dice.IntN(len(q.Options))]
				answers, at, asked = append(answers, o.ID), o.To, asked+1
			}
			road, end := follow(t, p, answers...)
			d, ok := p.Explorer.Door(end)
			if !ok || end != at || asked > g.Most {
				t.Fatalf("%s: %v ends at %q after %d questions", name, answers, at, asked)
			}
			p.fillsWhatIsAsked(t, road, d)
		}
		for road, door := range g.Roads() { // and every road there is, once
			d, _ := p.Explorer.Door(door)
			p.fillsWhatIsAsked(t, road, d)
		}
	}
	if guides < 2 {
		t.Errorf("%d packs have a guide", guides)
	}
}

// fillsWhatIsAsked holds that a filing can be sent on as it was filled in, in every language.
func (p *Pack) fillsWhatIsAsked(t *testing.T, road []explore.Step, d Door) {
	t.Helper()
	for _, lang := range p.Langs {
		f, ok := p.Filing(lang, road, d.ID)
		if ok == d.Elsewhere() {
			t.Fatalf("door %s: filing is %v", d.ID, ok)
		}
		if c, has := p.Category(f.Category); ok && (!has || !c.Resident) {
			t.Fatalf("door %s files under %q", d.ID, f.Category)
		}
		for name, value := range f.Fields {
			if why := p.takes(f.Category, name, value); why != "" {
				t.Fatal(why)
			}
		}
	}
}
