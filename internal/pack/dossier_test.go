package pack

import (
	"strings"
	"testing"
	"testing/fstest"
)

const binder = `dossiers:
  - id: request
    programme: service
    before: [answer]
    law: {id: LJ-SR, article: "5"}
    name: {zh-CN: 案卷, en: File}
    number: {zh-CN: "{year} 第 {ref} 号", en: "{year} No. {ref}"}
    retention: {zh-CN: 十年, en: Ten years}
    cover: [{id: title, name: {zh-CN: 名称, en: Title}, value: {zh-CN: "{title}", en: "{title}"}}]
    parts:
      - {id: acceptance, required: true, documents: [acceptance], name: {zh-CN: 受理, en: Acceptance}}
      - {id: evidence, rest: true, name: {zh-CN: 证据, en: Evidence}}
    back: {name: {zh-CN: 封底, en: Back cover}}
`

func bound(t *testing.T, old, now string) fstest.MapFS {
	t.Helper()
	if !strings.Contains(binder, old) {
		t.Fatalf("the dossier has no %q", old)
	}
	m := demo(t)
	m["dossier.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(binder, old, now, 1))}
	return m
}

func Test_a_dossier_is_read_and_its_closing_act_is_claimed_to_come_after_every_required_part(t *testing.T) {
	// Whoever takes a case over has to write the paper too, or the file could lack it.
	p, err := Load(mutated(t, bound(t, "", ""), edit{proc, "    event: taken_over\n", "    event: taken_over\n    documents: [acceptance]\n"},
		edit{proc, "  - id: take\n", "  - id: take\n    documents: [acceptance]\n"}, edit{proc, "    event: parted\n", "    event: parted\n    documents: [acceptance]\n"},
		edit{proc, "    event: lead_ended\n", "    event: lead_ended\n    documents: [acceptance]\n"}), memory)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Procedures["service-request"]
	x, ok := p.DossierFor(d)
	if !ok || x.PartOf("acceptance") != "acceptance" || x.PartOf("other") != "evidence" || x.PartOfFiles("answer") != "evidence" || x.Beside("acceptance") || !x.Beside("other") {
		t.Errorf("the dossier is %+v", x)
	}
	last := d.Orders[len(d.Orders)-1]
	if last.Act != "answer" || strings.Join(last.After, " ") != "accept take part lead_ended take_over" || last.Law.Article != "5" {
		t.Errorf("the claim is %+v", last)
	}
}

func Test_a_pack_with_a_faulty_dossier_is_refused_with_the_line(t *testing.T) {
	for _, c := range []struct{ old, now, want string }{
		{"before: [answer]", "before: [answer]", "-> accepted -[begin]-> in_hand -[answer]->"},
		{"before: [answer]", "before: [nothing]", `has the act "nothing"`},
		{"programme: service", "programme: service\n    procedures: [service-request]", "one of the two"},
		{"programme: service", "procedures: [other]", `procedure "other" is not in`},
		{", rest: true", ", documents: [other]", "take the rest"},
		{"rest: true", "rest: true, documents: [acceptance]", "goes into part"},
		{"{title}\", en", "{phone}\", en", "{phone} is not one of"},
		{"id: evidence,", "id: evidence, required: true, documents: [photo],", "makes none of its documents"},
	} {
		if strings.HasPrefix(c.want, "-> ") && testing.Short() {
			continue // a search finds it, and nothing is searched with -short
		}
		_, err := Load(bound(t, c.old, c.now), memory)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q the answer is %v, not %q", c.now, err, c.want)
		}
	}
}
