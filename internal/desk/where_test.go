package desk_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func Test_a_clerk_asks_the_guide_by_digits_and_the_answers_fill_the_intake_in(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-clerk")
	has(t, b.ok("/desk/new"), `href="/desk/where" data-key="w"`)
	page := b.ok("/desk/where?lang=en")
	for _, want := range []string{"Is anybody in danger now", `href="/desk/where?a=danger" data-key="1"`, `href="/desk/where?a=safe" data-key="2"`, `href="/desk/where/police"`} {
		has(t, page, want)
	}
	page = b.ok("/desk/where?a=safe,home")
	has(t, page, `href="/desk/where?a=safe" data-key="0"`)
	if n := strings.Count(page, "<h1"); n != 1 {
		t.Errorf("%d main headings", n)
	}
	// Every key of a page does one thing.
	keys := map[string]int{}
	for _, m := range regexp.MustCompile(`data-key="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if keys[m[1]]++; keys[m[1]] > 1 {
			t.Errorf("the key %s does two things", m[1])
		}
	}
	page = b.ok("/desk/where?a=safe,home,leak,flat,new")
	for _, want := range []string{"People&#39;s mediation", "What it costs", "What to bring", `href="/desk/new?where=safe,home,leak,flat,new&amp;door=mediation"`} {
		has(t, page, want)
	}
	page = b.ok("/desk/new?where=safe,home,leak,flat,new&door=mediation")
	has(t, page, "Water from a neighbour&#39;s flat damages mine.")
	has(t, page, `name="ask.elsewhere" value="none" checked`)
	has(t, b.ok("/desk/where?a=safe,work,pay,employed,arbitrate"), "Labour arbitration")
	for _, odd := range []string{"/desk/new?door=nowhere", "/desk/new?door=court", "/desk/new?where=gone&door=court"} {
		if page := b.ok(odd); strings.Contains(page, "damages mine") {
			t.Errorf("%s fills something in", odd)
		}
	}
	if a := b.get("/desk/where/nowhere"); a.status != http.StatusNotFound {
		t.Errorf("a door that does not exist answered %d", a.status)
	}
	if a := c.browser().get("/desk/where"); a.status != http.StatusSeeOther {
		t.Errorf("without a session it answered %d", a.status)
	}
}
