package pack

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/paper"
)

const (
	stock    = "replies.yaml"
	notice   = "documents/request_acceptance.en.md"
	fromHere = "  - id: repaired\n"
)

func Test_replies_and_documents_are_read_in_every_language(t *testing.T) {
	p, err := Load(demo(t), memory)
	if err != nil {
		t.Fatal(err)
	}
	list := p.RepliesFor("service-request", "answer")
	if len(list) < 2 || list[0].Field != "answer" {
		t.Fatalf("the replies of the answer are %+v", list)
	}
	for _, lang := range p.Langs {
		if p.Texts[lang]["reply.repaired"] == "" || !strings.Contains(p.Texts[lang]["reply.repaired.text"], "{ref}") {
			t.Errorf("the words of a reply are missing in %s", lang)
		}
		if b := p.Documents["request_acceptance"][lang].Blocks; len(b) < 4 || b[0].Kind != paper.Title || b[len(b)-1].Kind != paper.Signature {
			t.Errorf("the paper in %s is %+v", lang, b)
		}
	}
	if len(p.RepliesFor("service-request", "accept")) != 0 {
		t.Error("an act without replies has some")
	}
	if p.Files[notice] == nil {
		t.Error("a version does not keep its papers")
	}
}

func Test_a_change_of_a_document_is_a_new_version(t *testing.T) {
	a, err := Load(demo(t), memory)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load(mutated(t, demo(t), edit{notice, "Telephone", "Phone"}), memory)
	if err != nil || a.Digest == b.Digest {
		t.Errorf("the digest is the same (%v)", err)
	}
}

func Test_a_reply_or_document_that_cannot_be_filled_is_refused_by_file_and_line(t *testing.T) {
	for name, c := range map[string]struct {
		file, at, want string
		edits          []edit
	}{
		"a reply of no procedure": {stock, fromHere, `procedure "service-requests" is not in procedures/; did you mean "service-request"?`, []edit{{stock, "procedure: service-request", "procedure: service-requests"}}},
		"a reply for no act":      {stock, fromHere, `act "answers" is not one of service-request; did you mean "answer"?`, []edit{{stock, "acts: [answer]", "acts: [answers]"}}},
		"a reply to no field":     {stock, fromHere, `act "answer" has no field "answers"`, []edit{{stock, "field: answer", "field: answers"}}},
		"a reply to a choice":     {stock, fromHere, "takes no text", []edit{{stock, "field: answer", "field: outcome"}}},
		"a reply without acts":    {stock, fromHere, "name the acts", []edit{{stock, "acts: [answer]", "acts: []"}}},
		"a reply with the code":   {stock, fromHere, "en: {code} is not known here", []edit{{stock, "dealt with {ref}", "dealt with {code}"}}},
		"a reply by no clock":     {stock, fromHere, `zh-CN: {clock.anser.due}: there is no clock "anser"`, []edit{{stock, "{today} 到现场", "{clock.anser.due} 到现场"}}},
		"a reply in one language": {stock, fromHere, "words in en are missing", []edit{{stock, "name: {zh-CN: 已修好, en: Repaired}", "name: {zh-CN: 已修好}"}}},
		"a reply listed twice":    {stock, "  - id: repaired\n    procedure: service-request\n    acts: [answer]\n    field: answer\n    name: {zh-CN: 已列入", "is listed twice", []edit{{stock, "id: planned", "id: repaired"}}},
		"a name unknown":          {notice, "- Telephone", "{unit.phon} is not known here", []edit{{notice, "{unit.phone}", "{unit.phon}"}}},
		"a field unknown":         {notice, "Number:", `no act and no opening has a field "nothing"`, []edit{{notice, "{ref}", "{field.nothing}"}}},
		"a fact unknown":          {notice, "Number:", `there is no fact "colour"`, []edit{{notice, "{ref}", "{fact.colour}"}}},
		"a link unknown":          {notice, "Number:", `there is no link "repair"`, []edit{{notice, "{ref}", "{child.repair.ref}"}}},
		"a clock unknown":         {notice, "- Answer by", `there is no clock "anser"`, []edit{{notice, "clock.answer", "clock.anser"}}},
		"a brace left open":       {notice, "Number:", "a brace that is no place", []edit{{notice, "{ref}", "{ref"}}},
		"no title":                {notice, "Notice", "begins with its title", []edit{{notice, "# Notice", "Notice"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := mutated(t, demo(t), c.edits...)
			_, err := Load(m, memory)
			if err == nil {
				t.Fatal("the pack loads")
			}
			place := fmt.Sprintf("%s:%d:", c.file, lineOfText(t, m, c.file, c.at))
			if !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %s … %s, got:\n%v", place, c.want, err)
			}
		})
	}
}

func Test_a_document_that_is_missing_in_a_language_or_named_otherwise_is_refused(t *testing.T) {
	m := demo(t)
	delete(m, notice)
	if _, err := Load(m, memory); err == nil || !strings.Contains(err.Error(), `the paper "request_acceptance" does not exist in en`) {
		t.Errorf("without English: %v", err)
	}
	m = demo(t)
	delete(m, notice)
	delete(m, "documents/request_acceptance.zh-CN.md")
	if _, err := Load(m, memory); err == nil || !strings.Contains(err.Error(), `document "acceptance" has no paper; write it in documents/request_acceptance.zh-CN.md`) {
		t.Errorf("without the paper of a document: %v", err)
	}
	m = demo(t)
	m["documents/letter.fr.md"] = &fstest.MapFile{Data: []byte("# T\n")}
	if _, err := Load(m, memory); err == nil || !strings.Contains(err.Error(), "documents/letter.fr.md:1:1: a paper is called NAME.LANGUAGE.md") {
		t.Errorf("in a language the pack has not: %v", err)
	}
}
