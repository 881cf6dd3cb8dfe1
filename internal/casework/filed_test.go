package casework_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
)

// played is a case that does what it is told, a minute later each time, and the rule by which it refuses.
func played(t *testing.T) (c *casework.Case, do func(authz.Actor, casework.Command) (rule string)) {
	d := table(t)
	c = &casework.Case{}
	now := time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC)
	return c, func(who authz.Actor, cmd casework.Command) string {
		t.Helper()
		now = now.Add(time.Minute)
		if cmd.Open == nil {
			cmd.Case, cmd.Version = c.ID, casework.AnyVersion
		}
		events, err := casework.Decide(d, *c, cmd, who, now)
		if no := (*casework.Refusal)(nil); errors.As(err, &no) {
			return no.Rule
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			*c = casework.Fold(*c, e)
		}
		return ""
	}
}

func Test_the_file_of_a_case_is_put_on_record_when_it_has_ended_and_stays_for_good(t *testing.T) {
	c, do := played(t)
	mediator := authz.Staff("m1", []authz.Grant{{Role: "mediator", Unit: "street"}})
	if no := do(authz.Reporter(), casework.Command{Open: &casework.Opening{ID: "1", Ref: "R", Code: "K", Unit: "street", Title: "A wall", Text: "It leans.", Category: "c"}}); no != "" {
		t.Fatal(no)
	}
	sum := strings.Repeat("0a", 32)
	file := casework.Command{Filed: &casework.Filed{Sum: sum, Pages: 12}, Files: []casework.File{{SHA256: "f", Name: "file.pdf"}}}
	if no := do(mediator, file); no != "filed.open" {
		t.Errorf("of an open case the answer is %q", no)
	}
	if no := do(mediator, casework.Command{Act: "refuse", Fields: map[string]string{"member": c.Members[0].ID}}); no != "" {
		t.Fatal(no)
	}
	for name, bad := range map[string]casework.Filed{"short": {Sum: "0a", Pages: 1}, "capitals": {Sum: strings.ToUpper(sum), Pages: 1}, "no pages": {Sum: sum}, "letters": {Sum: strings.Repeat("z", 64), Pages: 1}} {
		if no := do(mediator, casework.Command{Filed: &bad}); no != "filed.sum" {
			t.Errorf("%s: the answer is %q", name, no)
		}
	}
	for _, who := range []authz.Actor{authz.Holder("1"), authz.Party("1", c.Members[0].ID), authz.Machine(), {}} {
		if no := do(who, file); no != "actor.forbidden" {
			t.Errorf("to somebody who is not staff the answer is %q", no)
		}
	}
	before := *c
	if no := do(mediator, file) + do(mediator, file); no != "" {
		t.Fatal(no)
	}
	if len(c.Filed) != 2 || c.Filed[0].Sum != sum || c.Filed[0].Pages != 12 || c.Filed[1].Seq != c.Seq || c.Filed[1].At.IsZero() {
		t.Errorf("on record is %+v", c.Filed)
	}
	if c.State != before.State || !c.Closed.Equal(before.Closed) || len(c.Files) != len(before.Files)+2 {
		t.Error("filing changes more than the record and the attachments")
	}
	if hidden := c.Private(nil, func(authz.Level, string) string { return casework.Veil }); hidden.Filed[0].Sum != sum {
		t.Error("the hash of the pages is hidden from whoever checks them")
	}
}
