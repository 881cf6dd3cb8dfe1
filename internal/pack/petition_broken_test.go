package pack

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/procedure"
	"comity/internal/text"
)

// change edits one thing of one file of the national pack: in is the line the thing begins with, old a
// passage inside it, up to the next thing. Without old the new passage is put before the thing.
type change struct{ file, in, old, now string }

const (
	petition = "procedures/petition.yaml"
	review   = "procedures/petition-review.yaml"
	rereview = "procedures/petition-rereview.yaml"
	hearing  = "procedures/petition-hearing.yaml"
	national = "calendars/cn.yaml"
)

// nation is the national pack with changes; the city stands on it unchanged.
func nation(t *testing.T, changes ...change) func(string) (fs.FS, error) {
	t.Helper()
	m := fstest.MapFS{}
	root := os.DirFS("../../packs/cn-national-2022")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(root, name)
		m[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		m[c.file] = &fstest.MapFile{Data: []byte(c.apply(t, string(m[c.file].Data)))}
	}
	return func(name string) (fs.FS, error) {
		if name == "cn-national-2022" {
			return m, nil
		}
		return nil, fs.ErrNotExist
	}
}

func (c change) apply(t *testing.T, src string) string {
	t.Helper()
	from := strings.Index(src, c.in)
	if c.in == "" || from < 0 {
		t.Fatalf("%s: %q is not there", c.file, c.in)
	}
	if c.old == "" {
		return src[:from] + c.now + src[from:]
	}
	to := len(src)
	if next := strings.Index(src[from+len(c.in):], "\n  - id: "); next >= 0 {
		to = from + len(c.in) + next + 1
	}
	thing := src[from:to]
	if strings.Count(thing, c.old) != 1 {
		t.Fatalf("%s: %q stands %d times in %q", c.file, c.old, strings.Count(thing, c.old), c.in)
	}
	return src[:from] + strings.Replace(thing, c.old, c.now, 1) + src[to:]
}

const (
	shelf = `  - id: shelved
    phase: handling
    owner: holder
    name: {zh-CN: 搁置, en: Shelved}
    now: {zh-CN: 没有进展。, en: Nothing moves.}
`
	shelve = `  - id: shelve
    event: shelved
    from: [verifying]
    to: shelved
    by: [officer]
    law: {id: XF, article: "31"}
    name: {zh-CN: 搁置, en: Shelve}
    past: {zh-CN: 已搁置, en: Shelved}
`
)

// Twenty ways to break the petition procedures, each caught by the property that names it, with a story in
// both languages. A pack with one of them does not load.
func Test_each_broken_copy_of_the_petition_pack_is_refused_by_the_property_it_breaks(t *testing.T) {
	if testing.Short() {
		t.Skip("the search runs in one goroutine and has no race to find; make check runs it without -short")
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		property procedure.Property
		tells    string // what the English story must speak of
		changes  []change
	}{
		"a dead end": {procedure.CanFinish, "Shelved",
			[]change{{petition, "  - id: to_serve\n", "", shelf}, {petition, "  - id: verify_more\n", "", shelve}}},
		"a state nothing leads to": {procedure.Reachable, "Shelved",
			[]change{{petition, "  - id: to_serve\n", "", shelf}}},
		"an opinion without review notice": {procedure.RemedyNamed, "Give the written opinion",
			[]change{{petition, "  - id: opinion\n    event", "    remedy: review_window        # which starts with the proof of service and not before\n", ""}}},
		"an opinion on a paper that names no remedy": {procedure.RemedyNamed, "Give the written opinion",
			[]change{{petition, "  - {id: opinion, template", "template: opinion, remedies: true", "template: opinion, remedies: false"}}},
		"a review by the unit that gave the opinion": {procedure.OtherReviews, "Review",
			[]change{{petition, "  - id: review\n", "unit: superior", "unit: holder"}}},
		"a review by those who gave the opinion": {procedure.OtherReviews, "Review",
			[]change{{petition, "  - id: review\n", "opinion, ", ""}}},
		"a term whose end nobody hears": {procedure.Heard, "Opinion by",
			[]change{{petition, "  - id: overdue\n", "verifying, ", ""}}},
		"a class put right that gives the office a new term": {procedure.ClassKeeps, "Opinion by",
			[]change{{petition, "  - id: opinion\n    promise", "stop: [served,", "stop: [fixed, served,"}, {petition, "  - id: fix\n", "event: branch_corrected", "event: fixed"}}},
		"offices that can send a matter to and fro": {procedure.TransferEnds, "Object",
			[]change{{petition, "  - id: object\n", "to: objected", "to: registered"}}},
		"an escalation that stops after one level": {procedure.EscalationGoes, "raise",
			[]change{{petition, "  - id: overdue_again", "expire: still_overdue", "expire: overdue_noted"},
				{petition, "  - id: still_overdue\n", "", `  - id: overdue_noted
    event: overdue_noted
    from: [accepted, listening, verifying, deciding, in_hearing, to_serve, studying, handing_over]
    by: [system]
    law: {id: PT, article: "5"}
    name: {zh-CN: 记下逾期, en: Note the delay}
    past: {zh-CN: 已记下逾期, en: Delay noted}
`}}},
		"a final state that something leads out of": {procedure.FinalStays, "Withdrawn",
			[]change{{petition, "  - id: take_over\n", "from: [", "from: [withdrawn, "}}},
		"an officer who withdraws a petition": {procedure.OwnWithdrawal, "Withdraw",
			[]change{{petition, "  - id: withdraw\n", "by: [resident]", "by: [resident, registrar]"}}},
		"an office that rates itself": {procedure.OwnRating, "Rate",
			[]change{{petition, "  - id: rate\n", "by: [resident]", "by: [registrar]"}}},
		"an extension after the term has run out": {procedure.ExtensionBound, "Extend",
			[]change{{petition, "  - id: extend\n", "    while: opinion\n", ""}}},
		"an extension the petitioner is not told of": {procedure.ExtensionBound, "Extend",
			[]change{{petition, "  - id: extend\n", "    notices: [{to: resident, template: petition.extended}]\n", ""}}},
		"a right that runs out without proof of service": {procedure.ServiceFirst, "review",
			[]change{{petition, "  - id: serve\n", "proof: true", "proof: false"}}},
		"a term that stands still without a rule": {procedure.PauseLawful, "Re-review by",
			[]change{{rereview, "  - id: rereview\n    promise", "    pause_law: {id: XF, article: \"36\"}\n", ""}}},
		"a transfer that gives the office a new term": {procedure.MoveKeeps, "Take over",
			[]change{{petition, "  - id: opinion\n    promise", "stop: [served,", "stop: [taken_over, served,"}}},
		"a hearing nobody waits for the end of": {procedure.ChildHeard, "hearing",
			[]change{{petition, "  - id: hearing_done\n", "from: [in_hearing]", "from: [deciding]"}}},
		"a hearing that goes on after the petition is withdrawn": {procedure.ChildRecalled, "Held, to report",
			[]change{{hearing, "    event: recalled\n", "from: [called, announced, held]", "from: [called, announced]"}}},
		"a petition closed over an open task": {procedure.NoOrphans, "Rate by",
			[]change{{petition, "  - id: close\n", "", `  - id: rush
    event: rushed
    from: [standing]
    to: done
    by: [head]
    effects: [outcome]
    law: {id: XF, article: "36"}
    name: {zh-CN: 先行办结, en: Close in haste}
    past: {zh-CN: 已先行办结, en: Closed in haste}
    fields:
      - {name: outcome, kind: outcome, required: true, public: true, label: {zh-CN: 结果, en: Outcome}}
`}}},
		"a petition closed without an answer": {procedure.Answered, "Withdrawn",
			[]change{{petition, "  - id: withdraw\n", "    withdraw: true\n", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadWith(os.DirFS("../../packs/cn-changsha"), nation(t, c.changes...), memory)
			failures := Failures(err)
			if len(failures) == 0 {
				t.Fatalf("the broken pack is not refused by a property: %v", err)
			}
			var said []string
			for _, f := range failures {
				said = append(said, string(f.Violation.Property))
				if f.Violation.Property != c.property {
					continue
				}
				for lang, want := range map[string]string{"en": c.tells, "zh-CN": "“"} {
					story := Story(f, base.With(f.Pack.Texts).In(lang))
					if !strings.Contains(story, want) || strings.Contains(story, "⟦") || !strings.Contains(story, fmt.Sprint(f.Line)) {
						t.Errorf("the story in %s does not tell of %q:\n%s", lang, want, story)
					}
				}
				return
			}
			t.Errorf("want %s, the pack fails %v", c.property, said)
		})
	}
}

// What is no property but a mistake is refused where it stands, by file, line and column.
func Test_mistakes_in_the_petition_pack_are_named_where_they_stand(t *testing.T) {
	for name, c := range map[string]struct {
		want    string
		changes []change
	}{
		"a guard that compares a class with a number": {`class == 3`, []change{{petition, "  - id: opinion\n    event", "    when: \"class", "    when: \"class == 3\" # \"class"}}},
		"a guard with a fact that does not exist":     {`severity`, []change{{petition, "  - id: opinion\n    event", "    when: \"class", "    when: \"severity == 'high'\" # \"class"}}},
		"a guard that can never hold":                 {`"E"`, []change{{petition, "  - id: opinion\n    event", "    when: \"class", "    when: \"class == 'E'\" # \"class"}}},
		"a guard that calls a function":               {`only open, outcome`, []change{{petition, "  - id: opinion\n    event", "    when: \"class", "    when: \"visits('me')\" # \"class"}}},
		"an act that opens a link nobody declared":    {`"revue"`, []change{{petition, "  - id: ask_review\n", "spawn: [review]", "spawn: [revue]"}}},
		"procedures that open each other in a circle": {"in a circle", []change{{review, "acts:\n", "", "links:\n  - {id: again, kind: child, procedure: petition, unit: holder, purpose: {zh-CN: 再来, en: Again}, law: {id: XF, article: \"35\"}}\n\n"}}},
		"a day that does not exist":                   {"2025-02-30", []change{{national, "days_on:", "", "  - {date: 2025-02-30, name: {zh-CN: 没有, en: None}}\n"}}},
		"a day that is worked and off at once":        {"also in days_off", []change{{national, "days_on:\n", "days_on:\n", "days_on:\n  - {date: 2025-10-01, name: {zh-CN: 上班, en: Worked}}\n"}}},
		"an article the law does not have":            {`article "351"`, []change{{petition, "  - id: extend\n", `article: "34"`, `article: "351"`}}},
		"a term with a word for a number":             {`"sixty" is not a whole number`, []change{{petition, "  - id: opinion\n    promise", "n: 60", "n: sixty"}}},
		"a document without words":                    {`documents/verdict`, []change{{petition, "  - {id: opinion, template", "template: opinion, rem", "template: verdict, rem"}}},
		"a class from a field that is no choice":      {`not a choice field`, []change{{petition, "  - id: register\n", "class: $class", "class: $reason"}}},
		"a role nobody holds":                         {`"overlord"`, []change{{petition, "  - id: extend\n", "by: [head]", "by: [overlord]"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadWith(os.DirFS("../../packs/cn-changsha"), nation(t, c.changes...), memory)
			if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(c.want, "class == 3")) {
				t.Fatalf("want %q in the refusal, got: %v", c.want, err)
			}
			if !strings.Contains(err.Error(), "base/cn-national-2022/procedures/") && !strings.Contains(err.Error(), "base/cn-national-2022/"+c.changes[0].file+":") {
				t.Errorf("the refusal does not name the file: %v", err)
			}
		})
	}
}
