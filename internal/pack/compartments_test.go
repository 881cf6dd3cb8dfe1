package pack

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/procedure"
)

// home is a town with three procedures, as small as they can be: help that people ask for (compartment
// reentry), supervision that the law orders (corrections), and a lamp that is out (civic).
func home() map[string]string {
	return map[string]string{
		"pack.yaml": `pack: home
version: "1"
name: {en: Home}
languages: [en]
zone: Asia/Shanghai
operator: {name: {en: Home}, phone: "0"}
consent_words: {en: [consent, agree]}
programmes:
  - {id: back, name: {en: Back home}}
  - {id: order, name: {en: Order}}
  - {id: street, name: {en: Street}}
laws:
  - id: ACT
    name: {en: The Act}
    articles: {"1": {en: "Anybody may ask."}, "2": {en: "The answer takes five days."}}
`,
		"units.yaml": "units: [{id: town, level: city, roles: [clerk, helper, guide], name: {en: Town}}]\n",
		"roles.yaml": `roles:
  - {id: clerk, name: {en: Clerk}, reads: [{reach: own, level: identity}]}
  - {id: helper, compartment: reentry, name: {en: Helper}, reads: [{reach: own, level: identity}]}
  - {id: guide, compartment: corrections, name: {en: Guide}, reads: [{reach: own, level: identity}]}
`,
		"calendars/cal.yaml": "calendar: cal\nversion: \"1\"\nzone: Asia/Shanghai\nweek: [mon, tue, wed, thu, fri]\nknown_until: 2026-12-31\n",
		"categories.yaml": `groups: [{id: all, name: {en: All}}]
categories:
  - {id: help, group: all, procedure: help, name: {en: Help}, route: {level: city}}
  - {id: duty, group: all, procedure: duty, name: {en: Duty}, route: {level: city}, resident: false}
  - {id: lamp, group: all, procedure: lamp, name: {en: Lamp}, route: {level: city}}
`,
		"procedures/help.yaml": cottage("help", "back", "reentry", "request", "helper", ""),
		"procedures/duty.yaml": cottage("duty", "order", "corrections", "duty", "guide", ""),
		"procedures/lamp.yaml": cottage("lamp", "street", "civic", "request", "clerk", ""),
	}
}

func cottage(id, programme, compartment, ground, role, fields string) string {
	return strings.NewReplacer("ID", id, "PROG", programme, "COMP", compartment, "GROUND", ground, "ROLE", role).Replace(`procedure: ID
programme: PROG
compartment: COMP
prefix: X
calendar: cal
law: {id: ACT, article: "1"}
retention: {class: ID, years: 5, law: {id: ACT, article: "1"}}
name: {en: ID}
start: open
opening:
  event: asked
  past: {en: Asked}
  basis: {ground: GROUND, law: {id: ACT, article: "1"}}
  fields:
    - {name: about, kind: text, label: {en: About}}
phases: [{id: begun, name: {en: Begun}}, {id: over, name: {en: Over}}]
states:
  - {id: open, phase: begun, owner: holder, name: {en: Open}, now: {en: Open.}}
  - {id: done, phase: over, final: true, name: {en: Done}, now: {en: Done.}}
facts:
  - {id: kind, values: [a, b], name: {en: Kind}, names: {a: {en: A}, b: {en: B}}}
links: []
acts:
  - id: note
    event: noted
    from: [open]
    by: [resident]
    times: 1
    name: {en: Note it}
    past: {en: Noted}
    fields:
      - {name: need, kind: choice, options: [home, work], option_names: {home: {en: Home}, work: {en: Work}}, label: {en: Need}}
  - id: answer
    event: answered
    from: [open]
    to: done
    by: [ROLE]
    answers: true
    remedy: none
    law: {id: ACT, article: "2"}
    name: {en: Answer}
    past: {en: Answered}
  - {id: late, event: late, from: [open], by: [system], name: {en: Late}, past: {en: Late}}
clocks:
  - {id: answer, n: 5, unit: working_days, in: [open], expire: late, name: {en: Answer by}, law: {id: ACT, article: "2"}}
`) + fields
}

func loadHome(files map[string]string) error {
	_, err := loadHomeKnowing(files, memory)
	return err
}

func loadHomeKnowing(files map[string]string, known *Memory) (*Pack, error) {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Load(m, known)
}

// link puts a link into the first procedure, and lets an act open it.
func link(from, yaml, when string) []edit {
	file := "procedures/" + from + ".yaml"
	out := []edit{{file, "links: []", "links:\n  - " + yaml}}
	pass := "  - {id: pass, event: passed, from: [open], by: [" + map[string]string{"help": "helper", "lamp": "clerk"}[from] + "], times: 1, spawn: [on], name: {en: Pass on}, past: {en: Passed on}"
	if when != "" {
		pass += ", when: \"" + when + "\", when_text: {en: Not yet.}"
	}
	return append(out, edit{file, "  - {id: late,", pass + "}\n  - {id: late,"})
}

func Test_what_keeps_people_s_matters_apart_is_refused_when_it_is_missing(t *testing.T) {
	if err := loadHome(home()); err != nil {
		t.Fatalf("the pack itself does not load:\n%v", err)
	}
	const help, duty, lamp = "procedures/help.yaml", "procedures/duty.yaml", "procedures/lamp.yaml"
	field := func(file, yaml string) edit {
		return edit{file, "    fields:\n      - {name: need,", "    fields:\n      - " + yaml + "\n      - {name: need,"}
	}
	onward := "{id: on, kind: referral, sealed: true, procedure: duty, carry: [], purpose: {en: Go on}}"
	agreed := edit{help, "    by: [resident]\n    times: 1\n", "    by: [resident]\n    consent: true\n    times: 1\n"}
	for name, c := range map[string]struct {
		want  string // empty: it loads
		edits []edit
	}{
		"a compartment nobody knows": {`help.yaml:3:14: compartment "secret" is not one of [civic residence reentry`, []edit{{help, "compartment: reentry", "compartment: secret"}}},
		"a heading nobody knows":     {`heading "face" is not one of [title category]`, []edit{{lamp, "prefix: X", "prefix: X\nheading: face"}}},
		"a title in a compartment of people": {`heading: title is for civic matters; a case of compartment "reentry" is listed by its category`,
			[]edit{{help, "prefix: X", "prefix: X\nheading: title"}}},
		"a ground nobody knows": {`ground "habit" is not one of [consent duty request]`, []edit{{help, "ground: request", "ground: habit"}}},
		"no ground":             {`a case of compartment "reentry" says on which ground it is opened`, []edit{{help, "  basis: {ground: request, law: {id: ACT, article: \"1\"}}\n", ""}}},
		"no retention":          {`a procedure of compartment "reentry" says how long its cases are kept`, []edit{{help, "retention: {class: help, years: 5, law: {id: ACT, article: \"1\"}}\n", ""}}},
		"a retention without end": {`a procedure of compartment "reentry" says how long its cases are kept`,
			[]edit{{help, "years: 5, ", ""}}},
		"no retention where nobody is supported": {"", []edit{{lamp, "retention: {class: lamp, years: 5, law: {id: ACT, article: \"1\"}}\n", ""}}},
		"no calendar":                            {`calendar "moon" is not in calendars/`, []edit{{help, "calendar: cal", "calendar: moon"}}},

		"a clock without a law":      {`help.yaml:45:5: clock "answer" cites no article; give law its id and article, or say parameter: true and to_confirm`, []edit{{help, ", law: {id: ACT, article: \"2\"}}\n", "}\n"}}},
		"a clock without an article": {`clock "answer" cites no article`, []edit{{lamp, "name: {en: Answer by}, law: {id: ACT, article: \"2\"}}", "name: {en: Answer by}, law: {id: ACT}}"}}},
		"a parameter that says nothing": {`words in en are missing (parameter.lamp.answer)`,
			[]edit{{lamp, "name: {en: Answer by}, law: {id: ACT, article: \"2\"}}", "name: {en: Answer by}, parameter: true}"}}},
		"a parameter to confirm": {"", []edit{{lamp, "name: {en: Answer by}, law: {id: ACT, article: \"2\"}}", "name: {en: Answer by}, parameter: true, to_confirm: {en: The town settles it.}}"}}},
		"a parameter with a law": {`clock "answer" cites a law and calls itself a parameter; keep one`,
			[]edit{{lamp, "name: {en: Answer by}, law: {id: ACT, article: \"2\"}}", "name: {en: Answer by}, law: {id: ACT, article: \"2\"}, parameter: true, to_confirm: {en: The town settles it.}}"}}},

		"a consent under a duty": {`act "note" is a consent, but the ground of this procedure is duty`, []edit{{duty, "    by: [resident]\n", "    by: [resident]\n    consent: true\n"}}},
		"asking for agreement under a duty": {`"act.duty.note" says "agree", but the ground of procedure "duty" is duty`,
			[]edit{{duty, "name: {en: Note it}", "name: {en: Do you Agree}"}}},
		"the same words where people may refuse": {"", []edit{{help, "name: {en: Note it}", "name: {en: I agree}"}, agreed}},

		"a number about a person read by a guard": {`form.fits is a number about a person; no rule may depend on it`,
			[]edit{field(lamp, "{name: fits, kind: number, personal: true, label: {en: Fits}}"), {lamp, "    times: 1\n", "    times: 1\n    when: \"form.fits == '3'\"\n    when_text: {en: No.}\n"}}},
		"a personal answer read by a guard": {`form.work says something about a person; no rule may depend on it`,
			[]edit{field(lamp, "{name: work, kind: yes, personal: true, label: {en: Work}}"), {lamp, "    times: 1\n", "    times: 1\n    when: \"form.work\"\n    when_text: {en: No.}\n"}}},
		"a fact from a number about a person": {`set takes the fact "kind" from "fits", which is not a choice field here`,
			[]edit{field(lamp, "{name: fits, kind: number, personal: true, label: {en: Fits}}"), {lamp, "    times: 1\n", "    times: 1\n    set: {kind: $fits}\n"}}},
		"a fact from a personal answer": {`"sort" says something about a person; no rule may depend on it`,
			[]edit{field(lamp, "{name: sort, kind: choice, options: [a, b], option_names: {a: {en: A}, b: {en: B}}, personal: true, label: {en: Sort}}"), {lamp, "    times: 1\n", "    times: 1\n    set: {kind: $sort}\n"}}},
		"a number about a supported person": {`field "visits" is a number about a person; a compartment of people keeps none`,
			[]edit{field(help, "{name: visits, kind: number, personal: true, label: {en: Visits}}")}},
		"a score":                     {`field "risk_score" says "score" of a person; nobody is scored`, []edit{field(help, "{name: risk_score, kind: number, label: {en: Score}}")}},
		"a rank outside, of a person": {`field "rank" says "rank" of a person`, []edit{field(lamp, "{name: rank, kind: number, personal: true, label: {en: Rank}}")}},
		"a rank of a thing, outside":  {"", []edit{field(lamp, "{name: rank, kind: number, max: 9, label: {en: Rank of the road}}")}},
		"a scale in words":            {`field "state" is a scale [low high]; nobody is scored`, []edit{field(help, "{name: state, kind: choice, options: [low, high], option_names: {low: {en: Low}, high: {en: High}}, label: {en: State}}")}},
		"a scale in numbers":          {`field "state" is a scale [s0 s1 s2]`, []edit{field(help, "{name: state, kind: choice, options: [s0, s1, s2], option_names: {s0: {en: A}, s1: {en: B}, s2: {en: C}}, label: {en: State}}")}},
		"a fact that ranks":           {`fact "danger" says "danger" of a person; a compartment of people keeps no score`, []edit{{help, "  - {id: kind, values: [a, b], name: {en: Kind}, ", "  - {id: danger, values: [a, b], name: {en: Kind}, "}}},
		"a fact that is a scale":      {`fact "kind" is a scale [1 2]`, []edit{{help, "values: [a, b], name: {en: Kind}, names: {a: {en: A}, b: {en: B}}", "values: [\"1\", \"2\"], name: {en: Kind}, names: {\"1\": {en: A}, \"2\": {en: B}}"}}},
		"two programmes, one compartment": {`compartment "corrections" already belongs to programme "order"; two programmes of supported people never share one`,
			[]edit{{help, "compartment: reentry", "compartment: corrections"}}},
		"one programme, two compartments": {`programme "order" lies in the compartments "corrections" and "reentry"`, []edit{{help, "programme: back", "programme: order"}}},
		"a role in two compartments":      {`act "answer": role "guide" works in compartment "corrections" and in "reentry"`, []edit{{help, "by: [helper]", "by: [helper, guide]"}}},
		"a role of the street, too":       {`act "answer": role "helper" works in compartment "reentry" and in "civic"`, []edit{{lamp, "by: [clerk]", "by: [clerk, helper]"}}},

		"a sealed referral with nothing in it": {"", link("help", onward, "")},
		"a referral that is not sealed":        {`leads from compartment "reentry" to "corrections"; say sealed: true`, link("help", strings.Replace(onward, "sealed: true, ", "", 1), "")},
		"a child in another compartment":       {`leads from compartment "reentry" to "corrections" and is of kind child; only a referral may`, link("help", strings.Replace(onward, "referral", "child", 1), "")},
		"a referral without a purpose":         {`words in en are missing (link.help.on)`, link("help", strings.Replace(onward, ", purpose: {en: Go on}", "", 1), "")},
		"a referral with the text":             {`carries "text" from compartment "reentry" to "corrections"; each act that opens it needs when: "done('ACT')"`, link("help", strings.Replace(onward, "[]", "[text]", 1), "")},
		"with the contact after another act":   {`carries "contact" from compartment "reentry"`, link("help", strings.Replace(onward, "[]", "[contact]", 1), "done('note')")},
		"with the contact after a consent or without it": {`carries "contact" from compartment "reentry"`,
			append(link("help", strings.Replace(onward, "[]", "[contact]", 1), "done('note') || top"), agreed)},
		"with the contact after a consent": {"", append(link("help", strings.Replace(onward, "[]", "[contact, category]", 1), "done('note') && top"), agreed)},
		"with an answer of the form":       {`carries "about" from compartment "reentry"`, link("help", strings.Replace(onward, "[]", "[about]", 1), "")},
		"with a fact":                      {`set: fact "kind" of this case does not cross`, link("help", strings.Replace(onward, "carry: []", "carry: [], set: {kind: $kind}", 1), "")},
		"with who may not act there":       {`review, not_by and ended do not cross`, link("help", strings.Replace(onward, "carry: []", "carry: [], not_by: [answer]", 1), "")},
		"sealed to the same compartment":   {`sealed is for a referral to another compartment; "lamp" lies in the same one`, link("lamp", "{id: on, kind: referral, sealed: true, procedure: lamp, carry: [], purpose: {en: Go on}}", "")},
	} {
		t.Run(name, func(t *testing.T) {
			m := maps.Clone(home())
			for _, e := range c.edits {
				if !strings.Contains(m[e.file], e.old) {
					t.Fatalf("%s: the passage to mutate is not there: %q", e.file, e.old)
				}
				m[e.file] = strings.Replace(m[e.file], e.old, e.now, 1)
			}
			err := loadHome(m)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("it should load:\n%v", err)
			case c.want != "" && err == nil:
				t.Errorf("it loads; want %q", c.want)
			case c.want != "" && !strings.Contains(err.Error(), c.want):
				t.Errorf("want %q, got:\n%v", c.want, err)
			}
		})
	}
}

func Test_an_older_version_is_read_without_rules_that_came_later(t *testing.T) {
	m := fstest.MapFS{}
	for name, text := range home() {
		text = strings.ReplaceAll(text, ", law: {id: ACT, article: \"2\"}}\n", "}\n")
		m[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, "retention: {class: help, years: 5, law: {id: ACT, article: \"1\"}}\n", ""))}
	}
	p, err := LoadKept(m)
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Procedures["lamp"]; d.Compartment != procedure.Civic || d.Heading != procedure.HeadingCategory {
		t.Errorf("a procedure that says nothing lies in %q and is listed by %q", d.Compartment, d.Heading)
	}
}

func Test_a_pack_has_the_purposes_of_all_and_may_add_its_own(t *testing.T) {
	load := func(purposes string) (*Pack, error) {
		m := fstest.MapFS{}
		for name, text := range home() {
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if purposes != "" {
			m["purposes.yaml"] = &fstest.MapFile{Data: []byte(purposes)}
		}
		return Load(m, memory)
	}
	p, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{PurposeHandle, PurposeContact, PurposeSupervise, PurposeAnswer, PurposeOwn, PurposeNotice, PurposeReview, PurposeTransfer} {
		if x, ok := p.Purpose(id); !ok || len(x.Offered) == 0 {
			t.Errorf("purpose %q is missing, or offered to nobody: %v", id, x)
		}
	}
	if got := p.PurposesFor("code"); len(got) != 1 || got[0].ID != PurposeOwn {
		t.Errorf("whoever holds the code is offered %v", got)
	}
	p, err = load(`purposes:
  - {id: handle, law: {id: ACT, article: "1"}}
  - {id: audit, offered: [order], law: {id: ACT, article: "2"}, name: {en: An audit by order}}
`)
	if err != nil {
		t.Fatal(err)
	}
	if x, _ := p.Purpose(PurposeHandle); x.Law.Article != "1" || len(x.Offered) != 3 {
		t.Errorf("handle is %v", x)
	}
	if x, ok := p.Purpose("audit"); !ok || p.Texts["en"]["purpose.audit"] == "" || x.Law.Article != "2" {
		t.Errorf("audit is %v", x)
	}
	for src, want := range map[string]string{
		"purposes: [{id: audit, name: {en: A}}]":                     `purpose "audit" is the pack's own; say to whom it is offered`,
		"purposes: [{id: handle, offered: [anybody]}]":               `purposes.yaml:1:34: purpose "handle": offered "anybody" is not one of [holder`,
		"purposes: [{id: handle, law: {id: NO}}]":                    `law "NO" is not listed in pack.yaml`,
		"purposes: [{id: audit, offered: [order]}]":                  `words in en are missing (purpose.audit)`,
		"purposes: [{id: handle}, {id: handle}]":                     `purpose "handle" is listed twice`,
		"purposes: [{id: handle, offered: [holder], level: caucus}]": `level`,
	} {
		if _, err := load(src + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", src, want, err)
		}
	}
}
