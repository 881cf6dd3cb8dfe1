package pack

import (
	"strings"
	"testing"
)

// talking is the small town whose quarrels have offers, drafts and signatures.
func talking() map[string]string {
	files := quarrel()
	lamp := files["procedures/lamp.yaml"]
	lamp = strings.Replace(lamp, "      - {id: side,", "      - {id: signed, values: [link, paper, tablet], name: {en: Signed}, names: {link: {en: Link}, paper: {en: Paper}, tablet: {en: Tablet}}}\n      - {id: side,", 1)
	point := func(name, kind string) string {
		return "{name: " + name + ", kind: " + kind + ", label: {en: " + name + "}}"
	}
	points := strings.Join([]string{point("issue", "text"), point("who", "text"), point("what", "text"), point("amount", "text"), point("day", "date"), point("place", "text"), point("more", "text")}, ", ")
	act := func(id, rest string) string {
		return "  - {id: " + id + ", event: " + id + "d, from: [open], by: [clerk], name: {en: " + id + "}, past: {en: " + id + "}, " + rest + "}\n"
	}
	lamp = strings.Replace(lamp, "  - {id: hear,", act("offer", "about: party, fields: ["+points+"]")+act("term", "fields: ["+points+"]")+act("draft", "fields: ["+point("left", "text")+"]")+
		act("sign", "about: party, marks: {signed: $how}, fields: [{name: how, kind: choice, options: [link, paper, tablet], option_names: {link: {en: Link}, paper: {en: Paper}, tablet: {en: Tablet}}, label: {en: How}}, "+point("read", "text")+"]")+
		act("witness", "about: party")+"  - {id: hear,", 1)
	files["procedures/lamp.yaml"] = lamp
	p := "issue: issue, who: who, what: what, amount: amount, day: day, place: place"
	files["talks.yaml"] = "procedures: [lamp]\nparty: party\nside: side\nmediator: party\noffer: {act: offer, reply_to: more, " + p + "}\ndraft: {act: draft, left_open: left}\nterm: {act: term, kind: more, " + p + "}\n" +
		"sign: {act: sign, mark: signed, how: how, read: read, paper: paper, tablet: tablet, link: link}\nwitness: {act: witness, mark: signed}\nseals: [hear]\nadds: [add]\nserve: agree\noral: {act: draft, what: left}\nvague: [soon]\n"
	return files
}

func Test_the_acts_of_the_talks_are_read(t *testing.T) {
	if err := loadHome(talking()); err != nil {
		t.Fatal(err)
	}
}

func Test_talks_that_name_what_is_not_there_are_refused_at_their_line(t *testing.T) {
	for name, c := range map[string]struct{ old, now, want string }{
		"an act":                  {"offer: {act: offer", "offer: {act: ofer", `it has no act "ofer"`},
		"a field of the term":     {"kind: more, issue: issue", "kind: more, issue: point", `act "term" has no field "point"`},
		"a day that is no date":   {"day: day", "day: place", `the last day is a date`},
		"an act of no writing":    {"oral: {act: draft", "oral: {act: draught", `it has no act "draught"`},
		"a field of no writing":   {"what: left}", "what: right}", `act "draft" has no field "right"`},
		"a mark":                  {"side: side", "side: edge", `its roll "party" has no mark "edge"`},
		"a roll":                  {"mediator: party", "mediator: judge", `it has no roll "judge"`},
		"a way to sign":           {"tablet: tablet", "tablet: slate", `cannot be "slate"`},
		"an act that adds nobody": {"adds: [add]", "adds: [agree]", `act "agree" puts nobody on a roll`},
		"an act about nobody":     {"serve: agree", "serve: hear", `act "hear" is not about a member of the roll "party"`},
		"a procedure":             {"procedures: [lamp]", "procedures: [lamb]", `procedure "lamb" is not in this pack`},
	} {
		t.Run(name, func(t *testing.T) {
			files := talking()
			files["talks.yaml"] = strings.Replace(files["talks.yaml"], c.old, c.now, 1)
			err := loadHome(files)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "talks.yaml:") {
				t.Errorf("%v", err)
			}
		})
	}
}

func Test_an_answer_in_confidence_is_never_public(t *testing.T) {
	files := talking()
	files["procedures/lamp.yaml"] = strings.Replace(files["procedures/lamp.yaml"], "{name: more, kind: text,", "{name: more, kind: text, caucus: true, public: true,", 1)
	if err := loadHome(files); err == nil || !strings.Contains(err.Error(), "in confidence") {
		t.Error(err)
	}
}
