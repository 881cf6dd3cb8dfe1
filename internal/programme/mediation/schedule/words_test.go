package schedule_test

import (
	"testing"

	"comity/internal/programme/mediation/schedule"
	"comity/internal/text"
)

func Test_every_rule_and_every_reason_has_words_in_every_language(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range base.Languages() {
		for _, r := range schedule.Rules {
			if !base.In(lang).Has("schedule.rule." + string(r)) {
				t.Errorf("%s: no words for the rule %s", lang, r)
			}
		}
		for _, r := range schedule.Reasons {
			if !base.In(lang).Has("schedule.reason." + string(r)) {
				t.Errorf("%s: no words for the reason %s", lang, r)
			}
		}
	}
}
