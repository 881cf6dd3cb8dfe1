package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func Test_whoever_reports_a_lamp_that_was_reported_before_is_shown_it_and_keeps_a_code(t *testing.T) {
	c := newCity(t)
	first := c.file(lamp())
	ref := string(c.caseOf(first).Ref)
	mine := lamp()
	mine.Set("phone", "139 1111 3333")
	check := c.post("/report?lang=en", mine)
	c.holds(check, "Has it been reported already?", `name="same" value="`+ref+`"`, "It is <dark>.", "None of these", "Received · reported", "Ganyuan")
	c.lacks(check, "2075", first)
	c.holds(c.post("/report?lang=zh-CN", lamp()), "是不是已经有人反映过", "都不是")

	send := fields(check.Body)
	send.Set("do", "send")
	send.Set("same", ref)
	sent := c.post("/report", send)
	if sent.Code != http.StatusSeeOther {
		t.Fatalf("%d", sent.Code)
	}
	second := strings.TrimPrefix(sent.To, "/sent/")
	if k := c.caseOf(second); string(k.Alike) != ref || second == first || k.Lead != nil {
		t.Errorf("the second case is %+v", k)
	}
	c.staff(first, "redirect", map[string]string{"told_where": "The railway", "answer": "The lamp belongs to the railway."})
	if again := c.post("/report", send); again.To != sent.To {
		t.Errorf("sent again, with the first one answered: %d, %q", again.Code, again.To)
	}
}

func Test_a_number_nobody_was_shown_is_not_kept(t *testing.T) {
	c := newCity(t)
	quiet := lamp()
	quiet.Set("category", "hazard.gas") // of which the pack shows nothing
	gas := string(c.caseOf(c.file(quiet)).Ref)
	other := lamp()
	other.Set("category", "lighting.flicker")
	flicker := string(c.caseOf(c.file(other)).Ref)
	for _, ref := range []string{gas, flicker, "SR-26-999999", "none", "<b>"} {
		check := c.post("/report?lang=en", lamp())
		c.lacks(check, "Has it been reported already?")
		send := fields(check.Body)
		send.Set("do", "send")
		send.Set("same", ref)
		sent := c.post("/report", send)
		k := c.caseOf(strings.TrimPrefix(sent.To, "/sent/"))
		if k.Alike != "" {
			t.Errorf("%q was kept as %q", ref, k.Alike)
		}
		withdraw := fields(c.get("/f/" + strings.TrimPrefix(sent.To, "/sent/") + "/do/withdraw").Body)
		if a := c.post("/f/"+strings.TrimPrefix(sent.To, "/sent/")+"/do/withdraw", url.Values(withdraw)); a.Code != http.StatusSeeOther {
			t.Fatalf("withdrawn: %d", a.Code)
		}
	}
}
