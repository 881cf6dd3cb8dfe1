package desk_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/org"
)

// filed opens a case with a title of its own in a community of Guiyuan.
func (c *city) filed(category, title string, unit org.UnitID) casework.Ref {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: category, Title: title, Text: title, Unit: unit, Source: "web"})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Ref
}

func Test_reports_that_look_alike_are_proposed_chosen_and_shown_on_both_sides(t *testing.T) {
	c := newCity(t)
	lead := c.filed("road.pavement", "Broken slab in front of the bank", "guiyuan-ganyuan")
	c.filed("road.pavement", "Weeds along the old wall", "guiyuan-yandu")
	c.filed("lighting.out", "Broken lamp in front of the bank", "guiyuan-ganyuan")
	second := c.filed("road.pavement", "A broken slab before the bank, children fall", "guiyuan-ganyuan")
	b := c.as("guiyuan-officer")
	at := "/desk/cases/" + string(second) + "/do/join"
	page := b.ok(at)
	has(t, page, "Broken slab in front of the bank")
	has(t, page, "f.lead="+string(lead))
	hasNot(t, page, "Weeds along the old wall")
	hasNot(t, page, "Broken lamp")
	hasNot(t, page, "f.lead="+string(second))
	has(t, b.ok(at+"?f.lead="+string(lead)), `value="`+string(lead)+`"`)

	wrong := b.act(second, "join", "version", b.version(string(second)), "lead", "SR-26-999999")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a number that is none answered %d", wrong.status)
	}
	has(t, wrong.body, "You can see no report with the number")
	b.done(second, "join", "version", b.version(string(second)), "lead", strings.ToLower(string(lead)))
	has(t, b.ok("/desk/cases/"+string(second)), "Goes with another report")
	has(t, b.ok("/desk/cases/"+string(second)), `href="/desk/cases/`+string(lead)+`"`)
	page = b.ok("/desk/cases/" + string(lead))
	has(t, page, "Reports that go with this one")
	has(t, page, string(second)+" is dealt with together with this one")

	home := b.ok("/desk")
	has(t, home, "Matters, each counted once")

	// An open form is not made stale by a report that joins.
	b.done(lead, "accept", "version", b.version(string(lead)))
	b.done(lead, "begin", "version", b.version(string(lead)))
	seen := strconv.Itoa(c.find(lead).Version)
	third := c.filed("road.pavement", "Slab broken near the bank", "guiyuan-ganyuan")
	hasNot(t, b.ok("/desk/cases/"+string(third)+"/do/join"), "f.lead="+string(second)) // it goes with another itself
	b.done(third, "join", "version", b.version(string(third)), "lead", string(lead))
	b.done(lead, "answer", "version", seen, "outcome", "solved", "answer", "A new slab was laid.")
	for _, ref := range []casework.Ref{lead, second, third} {
		if k := c.find(ref); k.State != "answered" || k.Outcome != "solved" {
			t.Errorf("%s is %s, %s", ref, k.State, k.Outcome)
		}
	}
}

func Test_the_counter_asks_whether_it_is_one_of_the_open_reports_before_it_takes_another_in(t *testing.T) {
	c := newCity(t)
	lead := c.filed("road.pavement", "Broken slab in front of the bank", "guiyuan-ganyuan")
	b := c.as("guiyuan-officer")
	form := url.Values{"category": {"road.pavement"}, "text": {"The slab in front of the bank is broken"}, "unit": {"guiyuan-ganyuan"}, "source": {"counter"}, "lang": {"en"}, "asked": {"service-request"}}
	send := func() answer {
		form.Set("_key", keyIn.FindStringSubmatch(b.ok("/desk/new"))[1])
		return b.post("/desk/new", form)
	}
	asked := send()
	has(t, asked.body, "Reports that may be about the same")
	has(t, asked.body, `name="same" value="`+string(lead)+`"`)
	form.Set("same", string(lead))
	k := c.byCode(send())
	if k.Alike != lead {
		t.Fatalf("the case is %+v", k)
	}
	page := b.ok("/desk/cases/" + string(k.Ref))
	has(t, page, "May be the same as")
	has(t, page, "/do/join?f.lead="+string(lead))
	b.done(k.Ref, "join", "version", b.version(string(k.Ref)), "lead", string(lead))
	hasNot(t, b.ok("/desk/cases/"+string(k.Ref)), "May be the same as")

	form.Set("same", "none")
	form.Set("text", "Another slab")
	if k := c.byCode(send()); k.Alike != "" {
		t.Errorf("none of them became %s", k.Alike)
	}
}

var keyIn = regexp.MustCompile(`name="_key" value="([^"]+)"`)
