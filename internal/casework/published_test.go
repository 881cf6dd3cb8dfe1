package casework_test

import (
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
)

func Test_only_a_redacted_copy_is_shown_to_everybody_and_only_by_staff(t *testing.T) {
	c, do := played(t)
	mediator := authz.Staff("m1", []authz.Grant{{Role: "mediator", Unit: "street"}})
	show := func(sum string, yes bool) casework.Command {
		return casework.Command{Published: &casework.Published{SHA256: sum, Show: yes}}
	}
	do(authz.Reporter(), casework.Command{Open: &casework.Opening{ID: "1", Ref: "R", Code: "K", Unit: "street", Title: "A wall", Text: "It leans.", Category: "c"},
		Files: []casework.File{{SHA256: "photo"}, {SHA256: "sly", Redacts: "photo", Published: true}}})
	if c.Files[1].Published {
		t.Error("a file comes in published")
	}
	do(mediator, casework.Command{Files: []casework.File{{SHA256: "copy", Redacts: "photo"}, {SHA256: "held", Redacts: "photo", Held: "virus"}}})
	for sum, want := range map[string]string{"photo": "file.not_redacted", "held": "file.not_redacted", "nothing": "file.not_redacted"} {
		if no := do(mediator, show(sum, true)); no != want {
			t.Errorf("%s: %q", sum, no)
		}
	}
	for _, who := range []authz.Actor{authz.Holder("1"), authz.Machine(), authz.Staff("far", []authz.Grant{{Role: "mediator", Unit: "elsewhere"}}), {}} {
		if no := do(who, show("copy", true)); no != "actor.forbidden" {
			t.Errorf("by somebody else: %q", no)
		}
	}
	if no := do(mediator, show("copy", false)); no != "file.decided" {
		t.Errorf("taken back before: %q", no)
	}
	if no := do(mediator, show("copy", true)); no != "" || !c.Files[2].Published || c.Files[0].Published {
		t.Fatalf("%q %+v", no, c.Files)
	}
	if no := do(mediator, show("copy", false)); no != "" || c.Files[2].Published {
		t.Errorf("%q %+v", no, c.Files)
	}
	c.Sealed = "street"
	if no := do(mediator, show("copy", true)); no != "file.sealed" {
		t.Errorf("of a sealed case: %q", no)
	}
}
