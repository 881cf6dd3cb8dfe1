package pack

import (
	"strings"
	"testing"
)

// offering is the small town that offers its lamps to other programs.
func offering() map[string]string {
	files := home()
	lamp := files["procedures/lamp.yaml"]
	lamp = strings.Replace(lamp, "prefix: X\n", "prefix: X\nheading: title\noutcomes: [{id: mended, solved: true, name: {en: Mended}}]\n", 1)
	lamp = strings.Replace(lamp, "  - {id: late,", "  - {id: hear, event: heard, from: [open], by: [clerk], times: 1, name: {en: Hear}, past: {en: Heard}, fields: [{name: said, kind: longtext, label: {en: Said}}, {name: day, kind: date, label: {en: Day}}]}\n"+
		"  - {id: weigh, event: weighed, from: [open], by: [clerk], times: 1, name: {en: Weigh}, past: {en: Weighed}, fields: [{name: said, kind: longtext, label: {en: Said}}, {name: kilos, kind: number, required: true, label: {en: Kilos}}]}\n  - {id: late,", 1)
	files["procedures/lamp.yaml"] = lamp
	files["open311.yaml"] = `changeset: 2026-11-02
contact: {en: The town hall}
key_service: {en: Ask the town hall}
shown: place
jurisdictions: [{id: town.example, unit: town}]
statuses:
  - procedure: lamp
    phases: {begun: open, over: closed}
    outcomes: {mended: fixed}
    states: {done: no_further_action}
    takes: [{status: reopen, act: hear, field: said}]
services:
  - {code: street-lamp, category: lamp, name: {en: Lamp out}, keywords: {en: [dark, out]}, type: batch, shown: text}
`
	return files
}

func Test_what_is_offered_to_other_programs_is_read(t *testing.T) {
	p, err := loadHomeKnowing(offering(), memory)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := p.Open311.Service("street-lamp")
	if of, found := p.Open311.ServiceOf("lamp"); !ok || !found || of != s || !s.Batch || s.Shown != ShowText {
		t.Errorf("the service is read as %+v", s)
	}
	if got := p.Texts["en"]["open311.street-lamp.keywords"]; got != "dark,out" {
		t.Errorf("keywords %q", got)
	}
	if w := p.Open311.WordsOf("lamp"); w.Phases["begun"] != "open" || w.Takes[0] != (Taken{"reopen", "hear", "said"}) {
		t.Errorf("status words %+v", w)
	}
	if _, ok := (*Open311)(nil).Service("street-lamp"); ok {
		t.Error("a pack that offers nothing offers something")
	}
}

func Test_a_service_that_says_nothing_takes_code_name_and_status_from_its_category(t *testing.T) {
	files := offering()
	files["open311.yaml"] = strings.Replace(files["open311.yaml"], "{code: street-lamp, category: lamp, name: {en: Lamp out}, keywords: {en: [dark, out]}, type: batch, shown: text}", "{code: lamp}", 1)
	files["open311.yaml"] = strings.Replace(files["open311.yaml"], "shown: place\n", "", 1)
	files["categories.yaml"] = strings.Replace(files["categories.yaml"], "{id: lamp, group: all,", "{id: lamp, keywords: {en: [dark]}, group: all,", 1)
	p, err := loadHomeKnowing(files, memory)
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Open311.Services[0]; s != (Service{Code: "lamp", Category: "lamp", Shown: ShowStatus}) || p.Texts["en"]["open311.lamp.keywords"] != "dark" {
		t.Errorf("%+v, keywords %q", s, p.Texts["en"]["open311.lamp.keywords"])
	}
}

func Test_what_may_not_be_offered_is_refused_at_its_line(t *testing.T) {
	lamp := "category: lamp,"
	for name, c := range map[string]struct{ old, now, want string }{
		"a category of a compartment": {lamp, "category: help,", `only civic procedures are offered`},
		"a category for staff":        {lamp, "category: duty,", `residents may not choose category "duty"`},
		"no category":                 {lamp, "category: lamb,", `category "lamb" is not in categories.yaml`},
		"a category twice":            {"services:\n", "services:\n  - {code: other, category: lamp}\n", `is offered as "other" already`},
		"a code twice":                {"services:\n", "services:\n  - {code: street-lamp, category: lamp}\n", `"street-lamp" is listed twice`},
		"a code with a slash":         {"code: street-lamp", "code: street/lamp", `use small letters`},
		"a type":                      {"type: batch", "type: blackbox", `type "blackbox" is not realtime or batch`},
		"what is shown":               {"shown: text", "shown: all", `shown "all" is not one of`},
		"what is shown of all":        {"shown: place\n", "shown: everything\n", `shown "everything" is not one of`},
		"a keyword that hides":        {"[dark, out]", "[dark, staff]", `hide a category with the keyword "staff"`},
		"a language":                  {"{en: Lamp out}", "{de: Laterne}", `language "de" is not one`},
		"no contact":                  {"contact: {en: The town hall}\n", "", `(open311.contact)`},
		"a day":                       {"2026-11-02", "yesterday", `changeset "yesterday"`},
		"no jurisdiction":             {"jurisdictions: [{id: town.example, unit: town}]\n", "", `name at least one`},
		"a jurisdiction without unit": {"unit: town}", "unit: village}", `there is no unit "village"`},
		"a jurisdiction twice":        {"[{id: town.example, unit: town}]", "[{id: town.example, unit: town}, {id: town.example, unit: town}]", `listed twice`},
		"a procedure without words":   {"procedure: lamp\n", "procedure: lamb\n", `procedure "lamb" is not in this pack`},
		"a phase without a word":      {"begun: open, ", "", `phase "begun" has no status word`},
		"a phase":                     {"begun: open", "begun: open, middle: open", `phase "middle" is not one`},
		"a word":                      {"over: closed", "over: finished", `"finished" is not a status word`},
		"an outcome":                  {"mended: fixed", "broken: fixed", `outcome "broken" is not one`},
		"a state":                     {"{done: no_further", "{gone: no_further", `state "gone" is not one`},
		"an act":                      {"act: hear", "act: listen", `it has no act "listen"`},
		"an act of residents":         {"act: hear, field: said", "act: note", `staff cannot do act "note"`},
		"an act of the clock":         {"act: hear, field: said", "act: late", `staff cannot do act "late"`},
		"an act that asks for more":   {"act: hear", "act: weigh", `act "weigh" asks for "kilos" too`},
		"a field":                     {"field: said", "field: told", `act "hear" has no field "told"`},
		"a field that takes no words": {"field: said", "field: day", `field "day" does not take words`},
		"a status of an update":       {"status: reopen", "status: again", `"again" is not a status word`},
	} {
		t.Run(name, func(t *testing.T) {
			files := offering()
			before := files["open311.yaml"]
			if files["open311.yaml"] = strings.Replace(before, c.old, c.now, 1); files["open311.yaml"] == before {
				t.Fatalf("%q is not in the file", c.old)
			}
			err := loadHome(files)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "open311.yaml:") {
				t.Errorf("%v", err)
			}
		})
	}
}

func Test_places_and_words_are_shown_of_procedures_about_places_only(t *testing.T) {
	for _, shown := range shownWords {
		files := offering()
		files["procedures/lamp.yaml"] = strings.Replace(files["procedures/lamp.yaml"], "heading: title\n", "", 1)
		files["open311.yaml"] = strings.Replace(files["open311.yaml"], "shown: text", "shown: "+shown, 1)
		err := loadHome(files)
		if refused := err != nil && strings.Contains(err.Error(), "needs a procedure about places"); refused != (shown == "place" || shown == "text") {
			t.Errorf("shown %s: %v", shown, err)
		}
	}
}

func Test_a_procedure_that_is_offered_needs_status_words(t *testing.T) {
	files := offering()
	before, after, _ := strings.Cut(files["open311.yaml"], "statuses:\n")
	_, after, _ = strings.Cut(after, "services:\n")
	files["open311.yaml"] = before + "services:\n" + after
	if err := loadHome(files); err == nil || !strings.Contains(err.Error(), `procedure "lamp" is offered and has no status words`) {
		t.Errorf("%v", err)
	}
}

func Test_an_empty_offer_is_refused_since_programs_would_delete_everything(t *testing.T) {
	files := offering()
	before, _, _ := strings.Cut(files["open311.yaml"], "services:\n")
	files["open311.yaml"] = before + "services: []\n"
	if err := loadHome(files); err == nil || !strings.Contains(err.Error(), "take the file away instead") {
		t.Errorf("%v", err)
	}
}
