package desk_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
)

// fieldSays is what the endpoints of the field answer.
type fieldSays struct {
	State, Ref, Type, Detail, Tag, Key string
	Again                              bool
	Seq                                int
	What                               []string
	Fields                             []struct{ Detail string }
	Cases                              []struct {
		Ref, Title, Due string
		Seq             int
	}
	status int
	raw    string
}

func (b *browser) field(path string, form url.Values, files map[string][]byte) fieldSays {
	b.t.Helper()
	var a answer
	if form != nil && !form.Has("tag") {
		form.Set("tag", b.tag())
	}
	b.asJSON = true
	if form == nil {
		a = b.get(path, "Accept", "application/json")
	} else {
		a = b.postForm(path, form, files)
	}
	b.asJSON = false
	out := fieldSays{status: a.status, raw: a.body}
	if a.status != http.StatusSeeOther {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			b.t.Fatalf("%s answered %d and no JSON: %s", path, a.status, brief(a.body))
		}
	}
	return out
}

// tag is what marks the entries of whoever is signed in, and none without a session.
func (b *browser) tag() string {
	return b.field("/desk/field/me", nil, nil).Tag
}

const fieldKey = "abcdefghijklmnopqrstuvwxyz"

func fieldReport() url.Values {
	return url.Values{"_key": {fieldKey}, "kind": {"report"}, "category": {"road.pavement"}, "text": {"The slabs wobble."}, "unit": {"guiyuan-ganyuan"}, "address": {"Gate 3"}}
}

func Test_an_entry_from_the_field_that_is_sent_again_makes_one_case(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-officer")
	first := b.field("/desk/field/send", fieldReport(), map[string][]byte{"p.png": picture(t)})
	if first.status != http.StatusOK || first.State != "sent" || first.Again {
		t.Fatalf("the first time: %+v", first)
	}
	for range 3 {
		again := b.field("/desk/field/send", fieldReport(), map[string][]byte{"p.png": picture(t)})
		if again.status != http.StatusOK || again.Ref != first.Ref || !again.Again {
			t.Fatalf("sent again: %+v", again)
		}
	}
	k, err := c.reader.Case(t.Context(), authz.Machine().Scope(), first.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if k.Source != "field" || len(k.Files) != 1 || k.Files[0].Public {
		t.Errorf("the case is %+v", k)
	}
	if n, err := c.reader.Total(t.Context()); err != nil || n != 1 {
		t.Errorf("%d cases (%v), want one", n, err)
	}
	has(t, b.ok("/desk/cases/"+first.Ref+"?lang=en"), "On site")
}

func Test_an_entry_that_cannot_stand_is_refused_in_words_and_leaves_nothing(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-officer")
	f := fieldReport()
	f.Set("text", "")
	f.Set("category", "")
	no := b.field("/desk/field/send", f, nil)
	if no.status != http.StatusUnprocessableEntity || len(no.Fields) == 0 || no.Fields[0].Detail == "" {
		t.Errorf("without words: %+v", no)
	}
	f = fieldReport()
	f.Set("_key", "short")
	if no = b.field("/desk/field/send", f, nil); no.status != http.StatusBadRequest || !strings.Contains(no.Type, "field.key") {
		t.Errorf("without a key: %+v", no)
	}
	f = fieldReport()
	f.Set("lat", "91")
	f.Set("lon", "north")
	if no = b.field("/desk/field/send", f, nil); no.status != http.StatusUnprocessableEntity {
		t.Errorf("with a point that is none: %+v", no)
	}
	if no = b.field("/desk/field/send", fieldReport(), map[string][]byte{"p.jpg": []byte("<script>alert(1)</script>")}); no.status != http.StatusUnprocessableEntity {
		t.Errorf("with a photo that is none: %+v", no)
	}
	if n, _ := c.reader.Total(t.Context()); n != 0 {
		t.Errorf("%d cases", n)
	}
	if sent := b.field("/desk/field/send", fieldReport(), nil); sent.State != "sent" || sent.Again {
		t.Errorf("mended and sent again under the same key: %+v", sent)
	}
}

func Test_a_matter_about_people_is_not_taken_in_from_the_field(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-officer")
	page := b.ok("/desk/field?lang=en")
	for _, k := range c.pack.Categories {
		if c.pack.ProcedureFor(k.ID).Heading == "title" {
			continue
		}
		hasNot(t, page, `value="`+k.ID+`"`)
		f := fieldReport()
		f.Set("category", k.ID)
		if no := b.field("/desk/field/send", f, nil); no.status != http.StatusUnprocessableEntity || !strings.Contains(no.Type, "field.category") {
			t.Errorf("%s: %+v", k.ID, no)
		}
	}
}

// assigned is a case that the officer of the street deals with.
func (c *city) assigned() ledger.Receipt {
	c.t.Helper()
	r := c.report("The pavement is broken near the school.")
	took(c.t, c.as("guiyuan-clerk").act(r.Ref, "accept"))
	took(c.t, c.as("guiyuan-officer").act(r.Ref, "begin"))
	return r
}

func Test_a_visit_note_against_an_older_state_of_the_case_is_a_conflict_that_says_what_happened(t *testing.T) {
	c := newCity(t)
	r := c.assigned()
	b := c.as("guiyuan-officer")
	me := b.field("/desk/field/me", nil, nil)
	if len(me.Cases) != 1 || me.Cases[0].Ref != string(r.Ref) || me.Cases[0].Due == "" {
		t.Fatalf("the list is %+v", me)
	}
	note := url.Values{"_key": {fieldKey}, "kind": {"note"}, "ref": {string(r.Ref)}, "seq": {strconv.Itoa(me.Cases[0].Seq)}, "text": {"Three slabs are loose."}}
	c.as("guiyuan-head").post("/desk/cases/"+string(r.Ref)+"/note", url.Values{"text": {"Wait for the water works."}, "aud": {"internal"}})
	at := c.seq(r.Case)
	for range 2 {
		no := b.field("/desk/field/send", note, map[string][]byte{"p.png": picture(t)})
		if no.status != http.StatusConflict || no.State != "conflict" || len(no.What) != 1 || !strings.Contains(no.What[0], "Name of guiyuan-head") {
			t.Fatalf("the conflict: %+v", no)
		}
		if strings.Contains(no.raw, "water works") {
			t.Error("the conflict tells what was written, and nobody looked at the case")
		}
	}
	if c.seq(r.Case) != at {
		t.Fatal("a conflict wrote something")
	}
	note.Set("anyway", "yes")
	for i := range 2 {
		if sent := b.field("/desk/field/send", note, map[string][]byte{"p.png": picture(t)}); sent.State != "sent" || sent.Again != (i == 1) {
			t.Fatalf("anyway: %+v", sent)
		}
	}
	if got := c.seq(r.Case); got != at+1 {
		t.Errorf("the note was written %d times", got-at)
	}
	k, events := c.made.Opened(t, r.Case)
	if last := events[len(events)-1]; last.Note == nil || last.Note.Text != "Three slabs are loose." || last.Note.Public || len(k.Files) != 1 {
		t.Errorf("the note is %+v", last)
	}
}

func Test_two_notes_of_one_worker_on_one_case_are_no_conflict_between_themselves(t *testing.T) {
	c := newCity(t)
	r := c.assigned()
	b := c.as("guiyuan-officer")
	seq := strconv.Itoa(b.field("/desk/field/me", nil, nil).Cases[0].Seq)
	send := func(key, text string, files map[string][]byte) fieldSays {
		return b.field("/desk/field/send", url.Values{"_key": {key}, "kind": {"note"}, "ref": {string(r.Ref)}, "seq": {seq}, "text": {text}}, files)
	}
	for i, text := range []string{"The first visit.", "", "The third visit."} {
		if sent := send(strings.Repeat(strconv.Itoa(i+2), 26), text, map[string][]byte{"p.png": picture(t)}); sent.State != "sent" || sent.Again {
			t.Fatalf("note %d, written without a network against the same state: %+v", i, sent)
		}
	}
	c.as("guiyuan-head").post("/desk/cases/"+string(r.Ref)+"/note", url.Values{"text": {"Wait."}, "aud": {"internal"}})
	if no := send(strings.Repeat("5", 26), "The fourth visit.", nil); no.status != http.StatusConflict {
		t.Errorf("after somebody else's note: %+v", no)
	}
}

func Test_what_one_account_wrote_is_not_taken_under_another(t *testing.T) {
	c := newCity(t)
	f := fieldReport()
	f.Set("tag", c.as("guiyuan-officer").tag())
	b := c.as("ganyuan-officer")
	if no := b.field("/desk/field/send", f, nil); no.status != http.StatusForbidden || !strings.Contains(no.Type, "field.other") {
		t.Errorf("the entry of another account: %+v", no)
	}
	f.Set("tag", "")
	if no := b.field("/desk/field/send", f, nil); no.status != http.StatusForbidden {
		t.Errorf("an entry of nobody: %+v", no)
	}
	if n, _ := c.reader.Total(t.Context()); n != 0 {
		t.Errorf("%d cases", n)
	}
}

func (c *city) seq(id casework.CaseID) int {
	c.t.Helper()
	events, err := c.reader.Events(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return len(events)
}

func Test_the_list_a_telephone_keeps_holds_only_what_is_assigned_to_the_officer_and_a_key_of_their_own(t *testing.T) {
	c := newCity(t)
	r := c.assigned()
	mine, other := c.as("guiyuan-officer"), c.as("ganyuan-officer")
	a, again, b := mine.field("/desk/field/me", nil, nil), mine.field("/desk/field/me", nil, nil), other.field("/desk/field/me", nil, nil)
	if a.Key != again.Key || a.Tag != again.Tag || len(a.Key) != 44 {
		t.Error("the officer's own key differs the second time")
	}
	if a.Key == b.Key || a.Tag == b.Tag || strings.Contains(a.Tag, "officer") {
		t.Error("two officers share a key or a mark")
	}
	if len(b.Cases) != 0 || len(a.Cases) != 1 {
		t.Errorf("the lists: %+v, %+v", a.Cases, b.Cases)
	}
	for _, word := range []string{"13812342075", "Ms Chen"} {
		if strings.Contains(a.raw, word) {
			t.Errorf("the list holds %q", word)
		}
	}
	note := url.Values{"_key": {fieldKey}, "kind": {"note"}, "ref": {string(r.Ref)}, "seq": {"1"}, "text": {"x"}}
	if no := c.as("donghu-head").field("/desk/field/send", note, nil); no.status != http.StatusNotFound || strings.Contains(no.raw, string(r.Ref)) {
		t.Errorf("a case of others: %+v", no)
	}
}

func Test_without_a_session_the_page_of_the_field_opens_empty_and_nothing_is_taken(t *testing.T) {
	c := newCity(t)
	c.assigned()
	b := c.browser()
	page := b.get("/desk/field?lang=en")
	if page.status != http.StatusOK || !strings.Contains(page.header.Get("Content-Security-Policy"), "trusted-types comity-field") {
		t.Fatalf("the page: %d %v", page.status, page.header)
	}
	signed := c.as("guiyuan-officer").get("/desk/field?lang=en")
	if page.body != signed.body {
		t.Error("the page that is kept on the telephone differs for who is signed in")
	}
	if me := b.field("/desk/field/me", nil, nil); me.status != http.StatusSeeOther {
		t.Errorf("the list without a session: %+v", me)
	}
	if no := b.field("/desk/field/send", fieldReport(), nil); no.status != http.StatusForbidden || !strings.Contains(no.Type, "desk.session.ended") {
		t.Errorf("sent without a session: %+v", no)
	}
	worker := b.get("/desk/field/sw.js")
	for _, want := range []string{"/desk/field?lang=zh-CN", "/assets/field.js?v="} {
		has(t, worker.body, want)
	}
	if worker.header.Get("Service-Worker-Allowed") != "/desk/field" || worker.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the worker: %v", worker.header)
	}
	has(t, b.ok("/desk/field/app.webmanifest"), `"start_url":"/desk/field"`)
}

func Test_at_a_shared_counter_nothing_is_kept_for_the_field(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-officer")
	took(t, b.post("/desk/me/counter", form("pin", "483920")))
	if me := b.field("/desk/field/me", nil, nil); me.status != http.StatusForbidden || !strings.Contains(me.Type, "field.shared") || me.Key != "" {
		t.Errorf("the list at a shared counter: %+v", me)
	}
}
