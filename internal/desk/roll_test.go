package desk_test

import (
	"net/http"
	"strings"
	"testing"

	"comity/internal/db"
	"comity/internal/ledger/ledgertest"
)

func Test_the_desk_shows_who_takes_part_and_asks_whom_an_act_is_about(t *testing.T) {
	c := cityOf(t, func(d *db.DB) *ledgertest.City {
		return ledgertest.OpenPack(t, d, ledgertest.Quarrel(t, "../../packs"))
	})
	ref := c.report("The wall leans").Ref
	b := c.as("guiyuan-clerk")
	page := b.ok("/desk/cases/" + string(ref))
	if !strings.Contains(page, `id="roll-party"`) || !strings.Contains(page, "Ms Chen") {
		t.Fatal("whoever filed is not on the roll")
	}
	if strings.Contains(page, "/do/agree") {
		t.Error("agreeing is offered though nobody is asked")
	}
	for _, name := range []string{"Qian Dazhong", "Sun Xiaomei"} {
		if a := b.act(ref, "add_party", "name", name, "phone", "13700000001", "version", b.version(string(ref))); a.status != http.StatusSeeOther {
			t.Fatalf("adding answers %d: %s", a.status, brief(a.body))
		}
	}
	page = b.ok("/desk/cases/" + string(ref))
	for _, want := range []string{"Qian Dazhong", "13700000001", "Asked", "/do/agree?member=m2", "/do/agree?member=m3"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "/do/agree?member=m1") {
		t.Error("agreeing is offered for whoever has agreed by filing")
	}
	form := b.ok("/desk/cases/" + string(ref) + "/do/agree?member=m3")
	if !strings.Contains(form, "Sun Xiaomei") || !strings.Contains(form, `name="member"`) {
		t.Error("the form does not ask whom it is about")
	}
	if a := b.act(ref, "agree", "version", b.version(string(ref))); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="member"`) {
		t.Errorf("naming nobody answers %d", a.status)
	}
	if a := b.act(ref, "agree", "member", "m1", "version", b.version(string(ref))); a.status == http.StatusSeeOther {
		t.Error("who has agreed already agrees again")
	}
	if a := b.act(ref, "agree", "member", "m3", "version", b.version(string(ref))); a.status != http.StatusSeeOther {
		t.Errorf("agreeing answers %d: %s", a.status, brief(a.body))
	}
	if a := b.act(ref, "confide", "member", "m3", "note", "She would take half.", "version", b.version(string(ref))); a.status != http.StatusSeeOther {
		t.Fatalf("confiding answers %d: %s", a.status, brief(a.body))
	}
	if page := b.ok("/desk/cases/" + string(ref)); strings.Contains(page, "She would take half") {
		t.Error("what was said in confidence stands on the page of the case")
	}
}
