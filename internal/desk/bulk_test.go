package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/ledger"
)

// switches are the forms of the shell around every page; they are sent alone.
var switches = regexp.MustCompile(`(?s)<form class="pref".*?</form>`)

// sentForm is what a browser would post of the form on a page: its hidden fields.
func sentForm(page string) url.Values {
	form := url.Values{}
	page = switches.ReplaceAllString(page, "")
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Add(m[1], m[2])
	}
	return form
}

func (c *city) reports(n int) (out []ledger.Receipt) {
	for i := range n {
		out = append(out, c.report(fmt.Sprintf("Matter number %d of the day.", i)))
	}
	return out
}

func ticked(list []ledger.Receipt) string {
	u := url.Values{}
	for _, r := range list {
		u.Add("id", string(r.Ref))
	}
	return u.Encode()
}

func (c *city) runJobs(t *testing.T) {
	t.Helper()
	if _, err := c.jobs.RunDue(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
}

func TestSeveral_cases_are_accepted_at_once_after_a_check_and_a_time_to_undo(t *testing.T) {
	c := newCity(t)
	list := c.reports(4)
	b := c.as("guiyuan-clerk")
	has(t, b.ok("/desk/cases"), `formaction="/desk/bulk"`)
	if got := strings.Count(b.ok("/desk/cases?pick=all"), `value="SR-`); got < 4 || !strings.Contains(b.ok("/desk/cases?pick=all"), " checked") {
		t.Error("the link that selects all selects none")
	}
	c.as("guiyuan-head").act(list[3].Ref, "accept")
	has(t, b.ok("/desk/bulk?"+ticked(list)), "3 of 4 cases")
	page := b.ok("/desk/bulk?procedure=service-request&act=accept&" + ticked(list))
	has(t, page, "3 cases will be done")
	has(t, page, "1 case is left out")
	has(t, page, "It stands at “Accepted, to assign”")
	form := sentForm(page)
	if len(form["_row"]) != 3 {
		t.Fatalf("the check page carries %v", form["_row"])
	}
	a := b.post("/desk/bulk", form)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, "/desk/bulk/") {
		t.Fatalf("ordering answered %d to %q: %s", a.status, a.to, brief(a.body))
	}
	if again := b.post("/desk/bulk", form); again.to != a.to {
		t.Errorf("the same form sent twice led to %q and %q", a.to, again.to)
	}
	waiting := b.get(a.to)
	has(t, waiting.body, "Until then you can undo it")
	if waiting.header.Get("Refresh") == "" {
		t.Error("the page does not come back by itself when the time is over")
	}
	if other := c.as("guiyuan-head").get(a.to); other.status != http.StatusNotFound {
		t.Errorf("somebody else's bulk answered %d", other.status)
	}
	c.as("guiyuan-head").act(list[0].Ref, "accept") // meanwhile
	c.set(c.now().Add(time.Minute))
	c.runJobs(t)
	done := b.ok(a.to)
	has(t, done, "2 of 3 cases are done")
	has(t, done, "Changed meanwhile")
	hasNot(t, done, "/undo")
	has(t, b.ok("/desk/cases/"+string(list[1].Ref)), "Name of guiyuan-clerk")
	if late := b.post(strings.TrimSuffix(a.to, "/")+"/undo", nil); !strings.Contains(late.to, "late=1") {
		t.Errorf("undoing too late led to %q", late.to)
	}
}

func TestA_bulk_with_a_form_asks_once_and_says_what_cannot_be_done_before_it_is_sent(t *testing.T) {
	c := newCity(t)
	list := c.reports(2)
	b := c.as("guiyuan-clerk")
	page := b.ok("/desk/bulk?procedure=service-request&act=offer&" + ticked(list))
	form := sentForm(page)
	a := b.post("/desk/bulk", form)
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="errors"`) {
		t.Fatalf("an empty form answered %d: %s", a.status, brief(a.body))
	}
	has(t, a.body, "2 cases will be done")
	form = sentForm(a.body)
	form.Set("unit", "guiyuan") // the very unit that has them
	form.Set("reason", "It belongs there.")
	a = b.post("/desk/bulk", form)
	if a.status != http.StatusConflict {
		t.Fatalf("a transfer to oneself answered %d: %s", a.status, brief(a.body))
	}
	has(t, a.body, "already with this unit")
	form.Set("unit", "guiyuan-ganyuan")
	c.as("guiyuan-head").act(list[0].Ref, "accept")
	a = b.post("/desk/bulk", form)
	if a.status != http.StatusConflict {
		t.Fatalf("with a case that changed it answered %d", a.status)
	}
	has(t, a.body, "Nothing was done: 1 case")
	has(t, a.body, "It belongs there.")
	if a = b.post("/desk/bulk", sentFormWith(a.body, form)); a.status != http.StatusSeeOther {
		t.Fatalf("sending what is left answered %d: %s", a.status, brief(a.body))
	}
	undone := b.post(a.to+"/undo", nil)
	has(t, b.ok(undone.to), "Undone in time")
	c.set(c.now().Add(time.Minute))
	c.runJobs(t)
	got, err := c.reader.ByCode(t.Context(), list[1].Code)
	if err != nil || got.State != "received" {
		t.Errorf("after undoing the case is %s (%v)", got.State, err)
	}
}

// sentFormWith is the hidden fields of a page with the answers typed before.
func sentFormWith(page string, typed url.Values) url.Values {
	form := sentForm(page)
	for name, v := range typed {
		if !strings.HasPrefix(name, "_") {
			form[name] = v
		}
	}
	return form
}

func TestA_bulk_never_takes_in_cases_of_others_nor_more_than_two_hundred(t *testing.T) {
	c := newCity(t)
	list := c.reports(1)
	b := c.as("donghu-head")
	has(t, b.ok("/desk/bulk?"+ticked(list)), "not in your lists")
	if a := b.get("/desk/bulk?procedure=service-request&act=accept&" + ticked(list)); a.status != http.StatusNotFound {
		t.Errorf("a check page of somebody else's case answered %d", a.status)
	}
	form := url.Values{"_procedure": {"service-request"}, "_act": {"accept"}, "_row": {string(list[0].Ref) + ":1"}}
	if a := b.post("/desk/bulk", form); a.status == http.StatusSeeOther {
		t.Error("a bulk on somebody else's case was ordered")
	}
	u := url.Values{}
	for i := range 201 {
		u.Add("id", fmt.Sprintf("SR-26-%06d", i))
	}
	if a := b.get("/desk/bulk?" + u.Encode()); a.status != http.StatusUnprocessableEntity {
		t.Errorf("201 cases answered %d", a.status)
	}
	has(t, c.as("guiyuan-clerk").ok("/desk/bulk"), "No case is selected")
}
