package desk_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
)

// petitions is a city that has cases with facts, links, papers and seals.
func petitions(t *testing.T) *city {
	t.Helper()
	return cityOf(t, func(d *db.DB) *ledgertest.City {
		return ledgertest.OpenPack(t, d, ledgertest.Petitions(t, "../../packs/demo"))
	})
}

// petition opens one in Guiyuan; class B is sealed from its first event.
func (c *city) petition(class, text string) ledger.Receipt {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: ledgertest.Petition, Title: text, Text: text, Unit: "guiyuan-ganyuan", Source: "web", Address: "桂园路 38 号",
		Contact: casework.Contact{Channel: "sms", Address: "13812342075", Name: "Ms Chen", Lang: "en"}, Fields: map[string]string{"class": class}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (b *browser) done(ref casework.Ref, act string, kv ...string) {
	b.t.Helper()
	if a := b.act(ref, act, kv...); a.status != http.StatusSeeOther {
		b.t.Fatalf("%s answered %d: %s", act, a.status, brief(a.body))
	}
}

func (c *city) find(ref casework.Ref) casework.Case {
	c.t.Helper()
	k, err := c.reader.Case(c.t.Context(), authz.Machine().Scope(), string(ref))
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

func TestA_refused_act_says_the_rule_the_law_and_what_can_be_done_instead(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	b := c.as("guiyuan-officer")
	b.done(r.Ref, "begin")
	b.done(r.Ref, "ask_opinion")
	a := b.act(r.Ref, "answer", "outcome", "granted", "finding", "support", "answer", "It is mended.")
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("answered %d: %s", a.status, brief(a.body))
	}
	for _, want := range []string{"The opinion that was asked for has not come yet.", "act.guard", "the Rules, article 8", "The answer is due in writing within five working days",
		"/do/invite", "It is mended.", "What you can do now"} {
		has(t, a.body, want)
	}
	closed := b.get("/desk/cases/" + string(r.Ref) + "/do/begin")
	if closed.status != http.StatusUnprocessableEntity {
		t.Fatalf("an act that is over answered %d", closed.status)
	}
	has(t, closed.body, "The matter has moved on")
	has(t, closed.body, "act.state")
	has(t, closed.body, "/do/invite")
}

func TestThe_case_page_shows_facts_children_joint_units_and_how_long_it_is_kept(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	b := c.as("guiyuan-officer")
	b.done(r.Ref, "begin")
	b.done(r.Ref, "invite", "unit", "wangchuan")
	b.done(r.Ref, "ask_opinion")
	page := html.UnescapeString(b.ok("/desk/cases/" + string(r.Ref)))
	task := string(c.find(r.Ref).Children[0].Ref)
	for _, want := range []string{"Class", "Ordinary", "Opened from this matter", task, "Opinion of a department", "Must end first", "Answer by", "Units that deal with it too",
		"Wangchuan Subdistrict", "Petition files, 10 years after it ends", ">Internal plan</a>", "A unit was asked to join"} {
		has(t, page, want)
	}
	hasNot(t, page, `href="/desk/cases/`+task+`"`) // another unit holds it
	has(t, html.UnescapeString(b.ok("/desk/cases?view=open")), "Joint")
	letGo := b.ok("/desk/cases/" + string(r.Ref) + "/do/let_go")
	has(t, letGo, `value="wangchuan"`)
	hasNot(t, letGo, `value="baita"`)
	hasNot(t, b.ok("/desk/cases/"+string(r.Ref)+"/do/invite"), `value="wangchuan"`)
}

func TestA_review_leads_back_to_the_case_it_examines_and_its_end_is_told_there(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	b := c.as("guiyuan-officer")
	b.done(r.Ref, "begin")
	b.done(r.Ref, "answer", "outcome", "refused", "finding", "refuse", "answer", "The wall stands.")
	c.set(c.now().AddDate(0, 0, 1))
	clerk := c.as("guiyuan-clerk")
	clerk.done(r.Ref, "serve", "served_on", c.now().In(c.pack.Zone).Format(time.DateOnly))
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "request_review", Fields: map[string]string{"reason": "It leans."}}); err != nil {
		t.Fatal(err)
	}
	review := c.find(r.Ref).Children[0]
	above := c.as("binjiang-head")
	page := html.UnescapeString(above.ok("/desk/cases/" + string(review.Ref)))
	has(t, page, "Opened from")
	has(t, page, `href="/desk/cases/`+string(r.Ref)+`"`)
	has(t, page, "Review by the level above")
	above.done(review.Ref, "decide", "outcome", "upheld", "answer", "It stands.")
	page = html.UnescapeString(above.ok("/desk/cases/" + string(r.Ref)))
	has(t, page, "Review by the level above: "+string(review.Ref)+" ended. Result: Upheld")
	has(t, page, `href="/desk/cases/`+string(review.Ref)+`"`)
}

func TestA_sealed_case_shows_no_title_place_or_name_in_any_list(t *testing.T) {
	c := petitions(t)
	r := c.petition("B", "Secret words about the quay.")
	b := c.as("guiyuan-officer")
	ref := string(r.Ref)
	for _, path := range []string{"/desk", "/desk/cases?view=open", "/desk/cases?view=open&peek=" + ref, "/desk/cases?view=search&q=" + ref} {
		page := b.ok(path)
		has(t, page, ref)
		has(t, page, "Sealed matter")
		for _, secret := range []string{"Secret words", "桂园路", "Ms Chen", "2075", "Ganyuan Community\"", "Report of wrongdoing"} {
			if strings.Contains(page, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
	}
	hasNot(t, b.ok("/desk/cases?view=search&q=quay"), ref)
	for _, other := range []string{"binjiang-head", "ganyuan-officer", "donghu-head"} {
		o := c.as(other)
		if a := o.get("/desk/cases/" + ref); a.status != http.StatusNotFound {
			t.Errorf("%s reads a sealed case: %d", other, a.status)
		}
		hasNot(t, o.ok("/desk/cases?view=open"), ref)
		hasNot(t, o.ok("/desk/cases?view=search&q="+ref), "Sealed matter")
	}
	page := html.UnescapeString(b.ok("/desk/cases/" + ref))
	has(t, page, "Sealed: only Guiyuan Subdistrict reads this matter.")
	has(t, page, "Who can open it: Name of guiyuan-clerk, Name of guiyuan-head, Name of guiyuan-officer")
	has(t, page, "Secret words about the quay.")
	if title := regexp.MustCompile(`<title>[^<]*`).FindString(page); strings.Contains(title, "Secret") {
		t.Errorf("the title of the page, which browsers keep, is %q", title)
	}
}

func TestOf_a_sealed_child_only_its_number_is_shown(t *testing.T) {
	c := petitions(t)
	r := c.petition("B", "Secret words about the quay.")
	b := c.as("guiyuan-officer")
	b.done(r.Ref, "begin")
	b.done(r.Ref, "ask_opinion")
	task := string(c.find(r.Ref).Children[0].Ref)
	page := html.UnescapeString(b.ok("/desk/cases/" + string(r.Ref)))
	has(t, page, task)
	hasNot(t, page, "/desk/cases/"+task)
	hasNot(t, page, "To answer") // its state
}

func TestA_resident_s_act_is_recorded_from_a_signed_paper_and_only_so(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	b := c.as("guiyuan-clerk")
	page := b.ok("/desk/cases/" + string(r.Ref))
	has(t, page, "Record for the resident")
	to := "/desk/cases/" + string(r.Ref) + "/do/withdraw"
	has(t, page, to+"?behalf=1")
	if a := b.get(to); a.status == http.StatusOK {
		t.Error("the resident's act is offered to staff as their own")
	}
	has(t, b.ok(to+"?behalf=1"), `enctype="multipart/form-data"`)
	a := b.post(to+"?behalf=1", nil)
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("without a paper it answered %d", a.status)
	}
	has(t, html.UnescapeString(a.body), "Please attach the signed paper")
	has(t, a.body, `href="#f-files"`)
	if a = b.upload(to, "letter.png", picture(t)); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
		t.Errorf("as an act of the officer it answered %d", a.status)
	}
	if a = b.upload(to+"?behalf=1", "letter.png", picture(t)); a.status != http.StatusSeeOther {
		t.Fatalf("with the paper it answered %d: %s", a.status, brief(a.body))
	}
	page = html.UnescapeString(b.ok("/desk/cases/" + string(r.Ref)))
	has(t, page, "Name of guiyuan-clerk, for the resident")
	has(t, page, "Recorded for the resident from a signed paper")
	has(t, page, "letter.png")
	hasNot(t, c.as("binjiang-head").ok("/desk/cases/"+string(r.Ref)), "Record for the resident")
}

func TestEvery_date_has_a_page_that_explains_it(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	b := c.as("guiyuan-officer")
	b.done(r.Ref, "begin")
	b.done(r.Ref, "set_visit", "visit_on", c.now().In(c.pack.Zone).AddDate(0, 0, 2).Format(time.DateOnly), "how", "alone")
	page := html.UnescapeString(b.ok("/desk/cases/" + string(r.Ref)))
	has(t, page, "/desk/cases/"+string(r.Ref)+"/why/visit")
	has(t, page, "The term is 5 working days.")
	has(t, html.UnescapeString(b.ok("/desk/cases/"+string(r.Ref)+"/why/visit")), "Guiyuan Subdistrict set it on")
	has(t, html.UnescapeString(b.ok("/desk/cases/"+string(r.Ref)+"/why/answer?lang=zh-CN")), "期限为 5 个工作日")
	if a := b.get("/desk/cases/" + string(r.Ref) + "/why/nothing"); a.status != http.StatusNotFound {
		t.Errorf("a term that is not there answered %d", a.status)
	}
}

func TestForms_of_every_kind_keep_what_was_typed(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	b := c.as("guiyuan-officer")
	b.done(r.Ref, "begin")
	a := b.act(r.Ref, "set_visit", "visit_on", "2099-13-01", "indoors", "yes", "how", "with")
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("answered %d", a.status)
	}
	page := html.UnescapeString(a.body)
	for _, want := range []string{`type="date" value="2099-13-01"`, `value="yes" checked`, `value="with" checked`, "Needed if “How” is: With somebody", `href="#f-whom"`, `href="#f-visit_on"`} {
		has(t, page, want)
	}
	head := c.as("guiyuan-head")
	has(t, head.ok("/desk/cases/"+string(r.Ref)+"/do/extend"), "Counted in working days; at most 10 more.")
}

func TestThe_timeline_tells_what_nobody_did(t *testing.T) {
	c := petitions(t)
	r := c.petition("A", "The wall leans.")
	stored := c.find(r.Ref)
	k, _ := stored.Clock("answer")
	c.set(k.Alert)
	if _, err := c.ledger.Do(t.Context(), authz.Machine(), casework.Command{Case: r.Case, Version: casework.AnyVersion, Tick: &casework.Tick{Clock: "answer", Due: k.Alert, Alert: true}}); err != nil {
		t.Fatal(err)
	}
	b := c.as("guiyuan-officer")
	has(t, html.UnescapeString(b.ok("/desk/cases/"+string(r.Ref))), "Opinion by: the date comes near; the unit was told")
	hasNot(t, html.UnescapeString(b.ok("/desk/cases/"+string(r.Ref)+"?show=public")), "the date comes near")
}
