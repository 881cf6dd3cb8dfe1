package pack

import (
	"strings"
	"testing"
	"time"

	"comity/internal/place"
)

// ruled is the small city with two districts, a question, office hours and these rules.
func ruled(rules string) map[string]string {
	files := country()
	files["city/units.yaml"] = `units:
  - {id: town, level: city, roles: [clerk], name: {en: Town}}
  - {id: east, parent: town, level: district, roles: [clerk], name: {en: East}}
  - {id: east-light, parent: east, level: district, dept: light, roles: [clerk], name: {en: East Light}}
  - {id: west, parent: town, level: district, roles: [clerk], name: {en: West}}
  - {id: watch, parent: town, level: city, dept: watch, roles: [clerk], name: {en: Night Watch}}
  - {id: idle, parent: town, level: city, dept: idle, name: {en: Idle}}
`
	files["nation/calendars/nation.yaml"] += "hours: {opens: \"09:00\", closes: \"17:00\"}\n"
	files["city/categories.yaml"] = "categories:\n  - {id: bare, group: all, name: {en: Bare}}\n  - {id: road, route: {level: district}}\n"
	files["city/procedures/ask.yaml"] = `opening:
  fields:
    - {name: danger, kind: "yes", label: {en: Danger}}
    - {name: size, kind: choice, required: true, options: [small, large], label: {en: Size}, option_names: {small: {en: Small}, large: {en: Large}}}
    - {name: note, kind: text, label: {en: Note}}
`
	files["city/areas.yaml"] = `areas:
  - {unit: east, ring: [[112, 28], [113, 28], [113, 29], [112, 29]]}
  - {unit: west, ring: [[111, 28], [112, 28], [112, 29], [111, 29]]}
zones:
  - {id: quay, name: {en: The quay}, ring: [[111.9, 28], [112.1, 28], [112.1, 28.1], [111.9, 28.1]]}
  - {id: edge, name: {en: The edge}, units: [west]}
`
	files["city/routes.yaml"] = "routes:\n" + rules
	return files
}

const (
	night    = "  - {id: night, categories: [lamp], time: {working: \"no\"}, to: {dept: watch}, why: {en: At night the watch.}}\n"
	quay     = "  - {id: quay, groups: [all], in: [quay], to: {unit: town}, why: {en: The quay is the town's.}}\n"
	edge     = "  - {id: edge, in: [edge], answers: {danger: [\"yes\"], size: [large]}, to: {unit: east}, why: {en: East has the crane.}}\n"
	late     = "  - {id: late, categories: [road], time: {days: [fri, sat], from: \"22:00\", to: \"06:00\"}, to: {level: city}, why: {en: Late.}}\n"
	leftover = "  - {id: rest, categories: [bare], to: {unit: west}, why: {en: West takes the rest.}}\n"
)

func Test_the_first_rule_that_fits_says_who_receives_a_matter(t *testing.T) {
	p := loadCity(t, ruled(night+quay+edge+late+leftover))
	at := func(s string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", s, p.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	monday := at("2026-03-02 10:00")
	for name, c := range map[string]struct {
		m    Matter
		want string
	}{
		"no rule fits":                     {Matter{Category: "lamp", At: "east", Now: monday}, "east-light lamp "},
		"out of hours":                     {Matter{Category: "lamp", At: "east", Now: at("2026-03-02 17:00")}, "watch lamp night"},
		"the last minute of the office":    {Matter{Category: "lamp", At: "east", Now: at("2026-03-02 16:59")}, "east-light lamp "},
		"a holiday":                        {Matter{Category: "lamp", At: "east", Now: at("2026-10-01 10:00")}, "watch lamp night"},
		"in the zone that is drawn":        {Matter{Category: "lamp", At: "east", Now: monday, Point: &place.Point{Lat: 28.05, Lon: 112.05}}, "town lamp quay"},
		"beside it":                        {Matter{Category: "road", At: "east", Now: monday, Point: &place.Point{Lat: 28.5, Lon: 112.05}}, "east road "},
		"a zone of units, and the answers": {Matter{Category: "road", At: "west", Now: monday, Answers: map[string]string{"danger": "yes", "size": "large"}}, "east road edge"},
		"one answer is another":            {Matter{Category: "road", At: "west", Now: monday, Answers: map[string]string{"danger": "yes", "size": "small"}}, "west road "},
		"friday night":                     {Matter{Category: "road", At: "west", Now: at("2026-03-06 23:00")}, "town road late"},
		"early on saturday":                {Matter{Category: "road", At: "west", Now: at("2026-03-07 05:59")}, "town road late"},
		"early on sunday":                  {Matter{Category: "road", At: "west", Now: at("2026-03-08 05:00")}, "west road "},
		"a category without its own route": {Matter{Category: "bare", At: "east", Now: monday}, "west bare rest"},
	} {
		got, err := p.Route(c.m)
		if s := string(got.Unit) + " " + got.Category + " " + got.Rule; err != nil || s != c.want {
			t.Errorf("%s: %q %v, want %q", name, s, err, c.want)
		}
	}
	if _, err := p.Route(Matter{Category: "lamp", At: "east"}); err == nil {
		t.Error("a rule by the hour is passed over when nobody says what time it is")
	}
	if got, ok := p.Ruled("edge", "road", "west"); !ok || got.Unit != "east" {
		t.Errorf("%v %v", got, ok)
	}
	for _, b := range p.Procedures["ask"].Begins {
		if len(b.Units) == 0 {
			t.Errorf("%v", b)
		}
	}
}

func Test_rules_that_cannot_be_met_or_lead_nowhere_are_refused(t *testing.T) {
	all := "  - {id: all, categories: [lamp], to: {unit: town}, why: {en: All.}}\n"
	for name, c := range map[string]struct{ rules, want string }{
		"behind one that takes all":        {all + night, `routes.yaml:3:5: route "night" can never be met: the rules before it take every matter it fits`},
		"behind two that share all":        {night + strings.ReplaceAll(strings.Replace(night, "night", "day", 1), `"no"`, `"yes"`) + all, `routes.yaml:4:5: route "all" can never be met`},
		"in a part of what is taken":       {"  - {id: a, in: [town], to: {unit: west}, why: {en: A.}}\n" + edge + leftover, `route "edge" can never be met`},
		"at an hour that is taken":         {strings.Replace(night, "working: \"no\"", "from: \"20:00\", to: \"08:00\"", 1) + "  - {id: b, categories: [lamp], time: {from: \"21:00\", to: \"22:00\"}, to: {unit: town}, why: {en: B.}}\n", `route "b" can never be met`},
		"working time at night":            {"  - {id: a, categories: [lamp], time: {working: \"yes\", from: \"20:00\", to: \"21:00\"}, to: {unit: west}, why: {en: A.}}\n", `route "a" can never be met`},
		"a hole":                           {strings.Replace(leftover, "categories: [bare]", "categories: [bare], in: [west]", 1), `category "bare" has no route of its own, and none of its rules fits a place in "town"; add a last rule`},
		"a hole in the answers":            {strings.Replace(leftover, "categories: [bare]", "categories: [bare], answers: {size: [small]}", 1), `none of its rules fits a place in "town", size="large"`},
		"a hole at night":                  {strings.Replace(leftover, "categories: [bare]", "categories: [bare], time: {working: \"yes\"}", 1), `none of its rules fits a place in "town", sun 00:00`},
		"twice":                            {leftover + leftover, `route "rest" is listed twice`},
		"an unknown category":              {strings.Replace(leftover, "[bare]", "[bear]", 1), `category "bear" is not listed`},
		"an empty group":                   {strings.Replace(quay, "[all]", "[none]", 1), `no category is of group "none"`},
		"an unknown place":                 {strings.Replace(quay, "[quay]", "[key]", 1), `"key" is neither a unit nor a zone`},
		"a question nobody asks":           {strings.Replace(edge, "danger:", "dangr:", 1), `"dangr" is not asked when a matter of category "`},
		"words":                            {strings.Replace(edge, "size: [large]", "note: [large]", 1), `"note" is a text; a route looks at choices and ticks`},
		"no answer":                        {strings.Replace(edge, "[large]", "[huge]", 1), `"huge" is no answer to "size"`},
		"no such hour":                     {strings.Replace(late, "22:00", "25:00", 1), `"25:00" is not a time of day`},
		"no such day":                      {strings.Replace(late, "fri", "fry", 1), `"fry" is not one of`},
		"half a range":                     {strings.Replace(late, ", to: \"06:00\"", "", 1), `from and to go together`},
		"working perhaps":                  {strings.Replace(night, `"no"`, "perhaps", 1), `working is "perhaps"; use yes or no`},
		"nobody there":                     {strings.Replace(quay, "unit: town", "unit: idle", 1), `"idle" is not a unit with roles; nobody would receive the matter`},
		"no such department":               {strings.Replace(night, "dept: watch", "dept: wotch", 1), `no unit is department "wotch"`},
		"to two":                           {strings.Replace(night, "dept: watch", "dept: watch, unit: town", 1), `to needs one of unit, dept and level`},
		"to nothing":                       {strings.Replace(night, "{dept: watch}", "{}", 1), `to needs one of unit, dept and level, or a category`},
		"without a why":                    {strings.Replace(leftover, ", why: {en: West takes the rest.}", "", 1), `words in en are missing (route.rest.why)`},
		"as a category that is not listed": {strings.Replace(night, "dept: watch", "dept: watch, category: lump", 1), `category "lump" is not listed`},
	} {
		_, err := LoadFrom(fsOf(ruled(c.rules)), "city", memory)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

func Test_a_rule_may_hand_a_matter_to_another_procedure_that_asks_the_same(t *testing.T) {
	files := ruled("  - {id: big, categories: [road], answers: {size: [large]}, to: {category: works}, why: {en: Works.}}\n")
	files["city/categories.yaml"] += "  - {id: works, group: all, procedure: build, resident: \"false\", name: {en: Works}, route: {level: city}}\n"
	files["city/procedures/build.yaml"] = "procedure: build\nlike: ask\nprefix: B\nname: {en: Build}\n"
	p := loadCity(t, files)
	got, err := p.Route(Matter{Category: "road", At: "east", Answers: map[string]string{"size": "large"}})
	if err != nil || got != (Routed{Unit: "town", Category: "works", Rule: "big"}) {
		t.Errorf("%v %v", got, err)
	}
	files["city/procedures/build.yaml"] += "opening:\n  fields:\n    - {name: size, remove: true}\n"
	if _, err := LoadFrom(fsOf(files), "city", memory); err == nil || !strings.Contains(err.Error(), `"size" is asked for category "road" and not in the same way for "works"; the answer would be lost`) {
		t.Error(err)
	}
}
