package inmail_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/inmail"
)

const keeper = "officer-7"

// laidApart is the one mail that lies apart.
func (o *office) laidApart() inmail.Apart {
	o.t.Helper()
	list, of, err := o.Apart(0, 9)
	if err != nil || len(list) != 1 || of != 1 {
		o.t.Fatalf("apart lie %+v, %v", list, err)
	}
	return list[0]
}

func Test_a_mail_taken_for_a_machines_is_taken_in_by_whoever_sees_that_it_is_none(t *testing.T) {
	o := quick(t)
	o.put("1.eml", mailOf("a1", "Subject: The lamp\nAuto-Submitted: auto-generated\n", "It is dark."))
	o.once()
	a := o.laidApart()
	if a.Reason != "auto_submitted" || a.Size == 0 {
		t.Errorf("it is %+v", a)
	}
	_, head, err := o.Look(keeper, a.ID)
	if err != nil || head != (inmail.Head{From: "李娜 <li@home.example>", Subject: "The lamp", Read: true}) {
		t.Errorf("outside it says %+v, %v", head, err)
	}
	if _, why := o.why("1.eml"); !strings.Contains(why, "seen: "+keeper+" 2026-03-02T02:") {
		t.Errorf("the look is not written down: %s", why)
	}
	ref, reason, err := o.Again(t.Context(), keeper, a.ID)
	if err != nil || ref == "" || reason != "opened" {
		t.Fatalf("%q, %q, %v", ref, reason, err)
	}
	c, _ := o.city.Opened(t, o.cases()[0].ID)
	if c.Ref != ref || c.Title != "The lamp" || c.Contact.Address != "li@home.example" {
		t.Errorf("the case is %+v", c)
	}
	folder, why := o.why("1.eml")
	if folder != "done" || !strings.HasPrefix(why, "reason: opened\ncase: "+string(ref)+"\nby: "+keeper) || !strings.Contains(why, "\treason: auto_submitted") {
		t.Errorf("it lies in %s: %s", folder, why)
	}
	if left, _ := filepath.Glob(filepath.Join(o.dir, "review", "*")); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	if _, _, err := o.Again(t.Context(), keeper, a.ID); !errors.Is(err, inmail.ErrNone) {
		t.Errorf("a second time: %v", err)
	}
}

func Test_nobody_is_answered_who_cannot_be_and_nobody_proves_a_case_by_hand(t *testing.T) {
	o := quick(t)
	o.put("1.eml", mailOf("a1", "Subject: Undelivered\nReturn-Path: <>\n", "It came back."))
	o.once()
	if _, _, err := o.Again(t.Context(), keeper, o.laidApart().ID); err != nil {
		t.Fatal(err)
	}
	if c, _ := o.city.Opened(t, o.cases()[0].ID); c.Contact.Address != "" {
		t.Errorf("who sends back would be answered: %+v", c.Contact)
	}
	first := o.cases()[0].ID
	forged := inmail.Door{Address: ours, Secret: []byte("not the secret..")}.Reply(first)
	o.put("2.eml", strings.Replace(mailOf("a2", "Subject: Re\n", "Tell me."), "To: "+ours, "To: "+forged, 1))
	o.once()
	ref, _, err := o.Again(t.Context(), keeper, o.laidApart().ID)
	if err != nil || len(o.cases()) != 2 || ref == o.cases()[0].Ref && o.cases()[0].ID == first {
		t.Errorf("%q, %v, %d cases", ref, err, len(o.cases()))
	}
}

func Test_what_cannot_be_read_stays_apart_until_it_is_set_aside(t *testing.T) {
	o := quick(t)
	o.put("1.eml", "nothing of a mail\n")
	o.once()
	a := o.laidApart()
	if _, head, err := o.Look(keeper, a.ID); err != nil || head.Read {
		t.Errorf("%+v, %v", head, err)
	}
	if ref, reason, err := o.Again(t.Context(), keeper, a.ID); err != nil || ref != "" || reason != "unread" {
		t.Errorf("%q, %q, %v", ref, reason, err)
	}
	if again := o.laidApart(); again.ID != a.ID || again.Reason != "unread" {
		t.Errorf("afterwards %+v", again)
	}
	long := o.now().Add(-90 * 24 * time.Hour)
	if err := os.Chtimes(filepath.Join(o.dir, "failed", "1.eml"), long, long); err != nil {
		t.Fatal(err)
	}
	if err := o.Aside(keeper, a.ID); err != nil {
		t.Fatal(err)
	}
	o.once() // what is old and done goes; this is done since now
	if folder, why := o.why("1.eml"); folder != "done" || !strings.HasPrefix(why, "reason: aside\nby: "+keeper) {
		t.Errorf("it lies in %s: %s", folder, why)
	}
	if _, _, err := o.Look(keeper, a.ID); !errors.Is(err, inmail.ErrNone) {
		t.Errorf("looked at once more: %v", err)
	}
}

func Test_of_a_flood_of_mail_a_page_is_read_and_no_more(t *testing.T) {
	o := quick(t)
	for _, name := range []string{"1.eml", "2.eml", "3.eml"} {
		o.put(name, "nothing of a mail\n")
	}
	o.once()
	old := o.now().Add(-time.Hour)
	beside := filepath.Join(o.dir, "failed", "1.eml.why")
	if err := errors.Join(os.Chtimes(filepath.Join(o.dir, "failed", "1.eml"), old, old), os.Remove(beside), os.Mkdir(beside, 0o700)); err != nil { // which cannot be read
		t.Fatal(err)
	}
	for from, want := range map[int]int{-1: 2, 0: 2, 1: 1, 3: 0, 9: 0} {
		list, of, err := o.Apart(from, min(want, 2))
		if err != nil || len(list) != want || of != 3 {
			t.Errorf("from %d: %+v of %d, %v", from, list, of, err)
		}
	}
	if _, _, err := o.Apart(0, 3); err == nil {
		t.Error("the last one was read")
	}
}
