package pack

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/procedure"
	"comity/internal/text"
)

const (
	request  = "procedures/data-request.yaml"
	footage  = "procedures/footage-request.yaml"
	register = "questions.yaml"
	cameras  = "cameras.yaml"
)

// Every way round consent, duty and showing is found by the search, whatever an overlay of a city does to
// the states: the order is a claim about all roads.
func Test_a_data_request_that_goes_round_the_person_does_not_load(t *testing.T) {
	if testing.Short() {
		t.Skip("the search runs in one goroutine and has no race to find; make check runs it without -short")
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		order   string
		tells   string
		changes []change
	}{
		"a question sent while the person still decides": {"ground-before-question", "consent or a named duty",
			[]change{{request, "  - id: send\n    event", "from: [agreed, told]", "from: [asked, agreed, told]"}}},
		"an answer that comes before any question": {"ground-before-answer", "consent or a named duty",
			[]change{{request, "  - id: answer\n    event", "from: [sent]", "from: [drafted, sent]"}}},
		"an answer used although consent was taken back": {"ground-before-use", "taken back",
			[]change{{request, "  - id: take_back\n", "to: refused", "to: ready"}, {request, "  - id: validity\n", "stop: [used, struck, dropped, consent_taken_back, sent_again]", "stop: [used, struck, dropped, sent_again]"}}},
		"an answer used before it is shown": {"shown-before-used", "has not been shown",
			[]change{{request, "  - id: use\n", "from: [ready]", "from: [answered, ready]"}}},
		"a corrected answer used unseen": {"shown-before-used", "has not been shown",
			[]change{{request, "  - id: accept_answer\n", "from: [shown]", "from: [answered, shown]"}}},
		"a refusal before anybody asked to keep the recording": {"hold-before-refusal", "keep the recording",
			[]change{{footage, "  - id: refuse\n", "from: [hold_asked, held]", "from: [received, hold_asked, held]"}}},
		"an appointment for a recording that may be gone": {"held-before-granted", "known to be kept",
			[]change{{footage, "  - id: grant\n    event", "from: [held]", "from: [hold_asked, held]"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadWith(os.DirFS("../../packs/cn-changsha"), nation(t, c.changes...), memory)
			i := slices.IndexFunc(Failures(err), func(f *Failed) bool {
				return f.Violation.Property == procedure.InOrder && f.Violation.Order == c.order
			})
			if i < 0 {
				t.Fatalf("want the order %s to be found broken, got: %v", c.order, err)
			}
			f := Failures(err)[i]
			if n := len(f.Violation.Road); n < 2 || f.Violation.Road[n-1].Act != f.Violation.Act {
				t.Errorf("the road does not end with the act at fault: %v", f.Violation)
			}
			for lang, want := range map[string]string{"en": c.tells, "zh-CN": "规定是"} {
				if story := Story(f, base.With(f.Pack.Texts).In(lang)); !strings.Contains(story, want) || strings.Contains(story, "⟦") || strings.Contains(story, "{") {
					t.Errorf("the story in %s:\n%s", lang, story)
				}
			}
		})
	}
}

func Test_mistakes_in_the_registers_are_named_where_they_stand(t *testing.T) {
	for name, c := range map[string]struct {
		want    string
		changes []change
	}{
		"an answer that is not in the list":          {`answer "1240"`, []change{{register, "  - id: car_owned\n", `answers: ["yes", "no"]`, `answers: ["yes", "1240"]`}}},
		"a question with one answer":                 {"at least two answers", []change{{register, "  - id: car_owned\n", `answers: ["yes", "no"]`, `answers: ["yes"]`}}},
		"a question that rests on nothing":           {"rests on nothing", []change{{register, "  - id: car_owned\n", "consent: true", "consent: false"}}},
		"a question without a law":                   {"name the law", []change{{register, "  - id: car_owned\n", "    law: {id: SA, article: \"41\", verified: 2026-11-25}\n", ""}}},
		"a question to nobody":                       {`body "police"`, []change{{register, "  - id: car_owned\n", "body: vehicles", "body: police"}}},
		"a question anybody may ask":                 {"which levels", []change{{register, "  - id: car_owned\n", "levels: [district, city]", "levels: []"}}},
		"a question without what is never told":      {"question.car_owned.never", []change{{register, "  - id: car_owned\n", "    never: {zh-CN: 不告知号牌、型号和行踪。, en: \"No number plates, models or movements are told.\"}\n", ""}}},
		"a procedure that lost its question":         {"which then needs", []change{{request, "    - {name: question,", "name: question", "name: query"}}},
		"a camera basis without a law":               {"name its law", []change{{cameras, "  - id: duty_of_care\n", "    law: {id: VI, article: \"9\", verified: 2026-11-25}\n", ""}}},
		"a register of cameras kept by nobody":       {`role "watcher"`, []change{{cameras, "roles: ", "roles: [registrar, officer, head]", "roles: [watcher]"}}},
		"a recording asked for under no category":    {`category "camera.film"`, []change{{cameras, "footage: ", "footage: camera.footage", "footage: camera.film"}}},
		"an order about an act that is not there":    {`the act "reveal"`, []change{{request, "  - id: shown-before-used\n", "after: [show]", "after: [reveal]"}}},
		"a register that takes free text for answer": {"which then needs", []change{{request, "      - {name: answer, kind: choice, required: true, public: true, label: {zh-CN: 答复（只有", "name: answer, kind: choice", "name: answer, kind: text"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadWith(os.DirFS("../../packs/cn-changsha"), nation(t, c.changes...), memory)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "base/cn-national-2022/") {
				t.Fatalf("want %q in the refusal, got: %v", c.want, err)
			}
		})
	}
}

func Test_a_city_takes_a_question_out_of_the_register_and_it_cannot_be_asked(t *testing.T) {
	files := mutated(t, demo(t))
	files["questions.yaml"] = &fstest.MapFile{Data: []byte("questions:\n  - {id: car_owned, remove: true}\n")}
	p, err := LoadWith(files, In(os.DirFS("../../packs")), memory)
	if p == nil {
		t.Fatal(err)
	}
	if _, there := p.Register.Question("car_owned"); there || len(p.Register.Questions) != 5 {
		t.Error("the question is still in the register")
	}
	if fact, _ := p.Procedures["data-request"].Fact(AskField); slices.Contains(fact.Values, "car_owned") || len(fact.Values) != 5 {
		t.Errorf("the procedure still knows the question: %v", fact.Values)
	}
}
