package portal

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/ledger/ledgertest"
)

// petitions is a city with cases that open others.
func petitions(t *testing.T) *city {
	t.Helper()
	return cityOf(t, func(d *db.DB) *ledgertest.City {
		return ledgertest.OpenPack(t, d, ledgertest.Petitions(t, "../../packs/demo"))
	})
}

// petition opens one and returns its code.
func (c *city) petition(class string) string {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: ledgertest.Petition, Text: "The wall leans.", Unit: "guiyuan-ganyuan", Source: "web",
		Contact: casework.Contact{Channel: "sms", Address: "13800002075"}, Fields: map[string]string{"class": class}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.ledger.Do(context.Background(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(r.Code)
}

func (c *city) today() string { return c.now().In(c.pack.Zone).Format(time.DateOnly) }

func Test_a_resident_follows_the_review_they_asked_for_with_its_own_date(t *testing.T) {
	c := petitions(t)
	code := c.petition("A")
	c.staff(code, "begin", nil)
	c.staff(code, "answer", map[string]string{"outcome": "refused", "finding": "refuse", "answer": "It stands."})
	c.as("he-min", "clerk", code, "serve", map[string]string{"served_on": c.today()})
	if a := c.post("/f/"+code+"/do/request_review", url.Values{"reason": {"It leans."}}); a.Code != 303 {
		t.Fatalf("asking for a review answered %d: %s", a.Code, a.Body)
	}
	k := c.caseOf(code)
	child := k.Children[0]
	pages := c.both("/f/" + code)
	c.holds(pages["en"], "Review by the level above", string(child.Ref), "With Binjiang District.", "It is being reviewed.", "Opinion due: ",
		"Reconsideration: within 60 days.", "The court: within six months.", "was opened with Binjiang District")
	c.holds(pages["zh-CN"], "由滨江区办理。", "复查意见期限：")
	review, _ := c.made.Opened(t, child.Case)
	c.holds(pages["en"], `href="/f/`+string(review.Code)+`"`)
	own := c.get("/f/" + string(review.Code) + "?lang=en")
	c.holds(own, "Part of "+string(k.Ref)+": Review by the level above.")
	if strings.Contains(own.Body, code) {
		t.Error("the code of the review gives away that of the matter it came from")
	}
	c.as("lin-yue", "head", string(review.Code), "decide", map[string]string{"outcome": "changed", "answer": "It leans."})
	c.holds(c.get("/f/"+code+"?lang=en"), "Ended. Result: Changed", "ended. Result: Changed")
}

// as does an act in the name of the unit that holds the case, by somebody else than staff does.
func (c *city) as(who string, role authz.Role, code, act string, answers map[string]string) {
	c.t.Helper()
	k := c.caseOf(code)
	actor := authz.Staff(who, []authz.Grant{{Role: role, Unit: k.Holder}})
	if _, err := c.ledger.Do(context.Background(), actor, casework.Command{Case: k.ID, Version: k.Seq, Act: act, Fields: answers}); err != nil {
		c.t.Fatalf("%s: %v", act, err)
	}
}

func Test_what_offices_ask_each_other_is_not_the_resident_s(t *testing.T) {
	c := petitions(t)
	code := c.petition("A")
	c.staff(code, "begin", nil)
	c.staff(code, "invite", map[string]string{"unit": "wangchuan"})
	c.staff(code, "ask_opinion", nil)
	task := string(c.caseOf(code).Children[0].Ref)
	page := c.get("/f/" + code + "?lang=en")
	c.holds(page, "Wangchuan Subdistrict deals with it too")
	for _, inside := range []string{task, "Opinion of a department", "Internal plan"} {
		if strings.Contains(page.Body, inside) {
			t.Errorf("the resident sees %q", inside)
		}
	}
}

func Test_why_this_date_explains_pauses_extensions_service_and_who_set_it(t *testing.T) {
	c := petitions(t)
	code := c.petition("A")
	c.staff(code, "begin", nil)
	c.set(c.now().AddDate(0, 0, 1))
	c.staff(code, "ask", map[string]string{"question": "Which wall?"})
	c.holds(c.get("/f/"+code+"/why?lang=en"), "It has stood still since", "there is no date now")
	c.set(c.now().AddDate(0, 0, 1))
	c.post("/f/"+code+"/do/reply", url.Values{"reply": {"The southern one."}})
	c.staff(code, "extend", map[string]string{"days": "2", "reason": "The surveyor is ill."})
	c.holds(c.get("/f/"+code+"/why?lang=en"), "The term is 5 working days.", "It stood still from", "the Rules, article 9", "the answer term stands still",
		"extended it on", "the new date is", "The surveyor is ill.", "The last day")
	c.both("/f/" + code + "/why")
	c.staff(code, "answer", map[string]string{"outcome": "refused", "finding": "refuse", "answer": "It stands."})
	c.as("he-min", "clerk", code, "serve", map[string]string{"served_on": c.today()})
	c.holds(c.get("/f/"+code+"/why?lang=en"), "the day on which receipt of the document is proved (Day of receipt)", "Guiyuan Subdistrict recorded it")
}

func Test_an_act_that_is_not_open_says_the_rule_the_law_and_the_ways_on(t *testing.T) {
	c := petitions(t)
	code := c.petition("A")
	a := c.get("/f/" + code + "/do/request_review?lang=en")
	c.holds(a, "act.state", "The matter has moved on", "the Rules, article 11", "What you can do now", `href="/f/`+code+`/do/withdraw"`)
	if a = c.post("/f/"+code+"/do/request_review?lang=zh-CN", url.Values{"reason": {"x"}}); a.Code != 422 {
		t.Errorf("answered %d", a.Code)
	}
	c.holds(a, "act.state", "《办理办法》第11条")
}

func Test_the_holder_of_the_code_reads_a_sealed_matter_and_who_reads_it(t *testing.T) {
	c := petitions(t)
	c.holds(c.get("/f/"+c.petition("B")+"?lang=en"), "The wall leans.", "From here on only Guiyuan Subdistrict reads this matter")
}
