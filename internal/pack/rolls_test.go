package pack

import (
	"maps"
	"strings"
	"testing"

	"comity/internal/procedure"
)

// quarrel is the small town with a procedure in which two sides are asked, told and heard.
func quarrel() map[string]string {
	files := home()
	lamp := files["procedures/lamp.yaml"]
	lamp = strings.Replace(lamp, "start: open\n", `start: open
rolls:
  - id: party
    most: 3
    name: {en: Party}
    marks:
      - {id: consent, values: [asked, given], name: {en: Consent}, names: {asked: {en: Asked}, given: {en: Given}}}
      - {id: side, values: [home, work], name: {en: Side}, names: {home: {en: Home}, work: {en: Work}}}
`, 1)
	lamp = strings.Replace(lamp, "  event: asked\n", "  event: asked\n  joins: {roll: party, marks: {consent: given}}\n", 1)
	lamp = strings.Replace(lamp, "  - {id: late,", `  - id: add
    event: added
    from: [open]
    by: [clerk]
    adds: party
    marks: {consent: asked, side: $side}
    name: {en: Add}
    past: {en: Added}
    fields:
      - {name: name, kind: text, personal: true, label: {en: Name}}
      - {name: side, kind: choice, options: [home, work], option_names: {home: {en: Home}, work: {en: Work}}, label: {en: Side}}
  - {id: agree, event: agreed, from: [open], by: [member, clerk], about: party, marks: {consent: given}, when: "member('consent') == 'asked'", when_text: {en: Asked first.}, name: {en: Agree}, past: {en: Agreed}}
  - {id: hear, event: heard, from: [open], by: [clerk], times: 1, when: "all('party.consent', 'given') && !some('party.side', 'work')", when_text: {en: All agree.}, name: {en: Hear}, past: {en: Heard}}
  - {id: late,`, 1)
	files["procedures/lamp.yaml"] = lamp
	return files
}

func Test_a_roll_is_read_with_its_marks_and_what_acts_do_to_it(t *testing.T) {
	if err := loadHome(quarrel()); err != nil {
		t.Fatal(err)
	}
}

func Test_a_roll_that_does_not_hold_together_is_refused_at_its_line(t *testing.T) {
	for name, c := range map[string]struct{ old, now, want string }{
		"a mark nobody declared":           {"marks: {consent: asked,", "marks: {assent: asked,", `roll "party" has no mark "assent"`},
		"a value the mark cannot have":     {"marks: {consent: asked,", "marks: {consent: waived,", `mark "consent" cannot be "waived"; it can be [asked given]`},
		"a mark from an answer that isn't": {"side: $side", "side: $name", `which is not a choice field here`},
		"a roll nobody declared":           {"adds: party", "adds: crowd", `the roll "crowd", which is not listed`},
		"a roll called like somebody told": {"  - id: party\n", "  - id: resident\n", `notices use this word for something else`},
		"both adds and about":              {"adds: party", "adds: party\n    about: party", `an act does one of the two`},
		"marks of nobody":                  {"about: party, marks: {consent: given}", "marks: {consent: given}", `marks needs adds or about`},
		"leaves without about":             {"times: 1, when: \"all", "times: 1, leaves: true, when: \"all", `leaves needs about`},
		"a guard about nobody":             {"all('party.consent', 'given') &&", "member('consent') == 'given' &&", `the act is about nobody; say about: ROLL`},
		"a guard about a mark nobody has":  {"all('party.consent', 'given')", "all('party.assent', 'given')", `party.assent`},
		"a guard about no value":           {"all('party.consent', 'given')", "all('party.consent')", `at least one value`},
		"a guard that counts":              {"all('party.consent', 'given')", "count('party.consent', 'given')", `this is not part of guards`},
		"a field that is there by itself":  {"name: name, kind: text, personal: true", "name: member, kind: text", `the field "member" is there by itself`},
		"words of no value":                {"given: {en: Given}}}", "given: {en: Given}, no: {en: No}}}", `"no" has a name but is not one of its values`},
	} {
		files := maps.Clone(quarrel())
		const at = "procedures/lamp.yaml"
		if !strings.Contains(files[at], c.old) {
			t.Fatalf("%s: %q is not there", name, c.old)
		}
		files[at] = strings.Replace(files[at], c.old, c.now, 1)
		err := loadHome(files)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), at+":") {
			t.Errorf("%s: %v\nwant %q with a line of %s", name, err, c.want, at)
		}
	}
}

func Test_guards_over_rolls_are_read_whatever_the_syntax_library_calls_its_own(t *testing.T) {
	for src, want := range map[string]procedure.Node{
		"all('party.consent', 'given')":              {Op: procedure.OpAll, Name: "party.consent", List: []string{"given"}},
		"all('mediator.interest', 'none', 'waived')": {Op: procedure.OpAll, Name: "mediator.interest", List: []string{"none", "waived"}},
		"some('party.signed', 'no')":                 {Op: procedure.OpSome, Name: "party.signed", List: []string{"no"}},
	} {
		g, err := parseGuard(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if g.Root.Op != want.Op || g.Root.Name != want.Name || strings.Join(g.Root.List, " ") != strings.Join(want.List, " ") {
			t.Errorf("%s is read as %+v", src, *g.Root)
		}
	}
}
