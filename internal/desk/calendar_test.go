package desk_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func Test_the_calendar_of_an_officer_has_their_dates_and_nothing_that_was_written(t *testing.T) {
	c := newCity(t)
	mine, other := c.report("The pavement of Mrs Li is broken."), c.report("Another matter altogether.")
	b := c.as("guiyuan-head")
	b.done(mine.Ref, "accept")
	b.done(mine.Ref, "assign", "officer", "guiyuan-officer")
	b.done(other.Ref, "accept")
	o := c.as("guiyuan-officer")
	hasNot(t, o.ok("/desk/me/calendar"), "Take the address back")
	a := o.post("/desk/me/calendar", nil)
	address := regexp.MustCompile(`/desk/calendar/[\w-]+`).FindString(a.body)
	if address == "" {
		t.Fatalf("no address: %d %s", a.status, brief(a.body))
	}
	stranger := c.browser()
	file := stranger.ok(address)
	lines := strings.ReplaceAll(file, "\r\n ", "")
	has(t, lines, "BEGIN:VEVENT")
	has(t, lines, string(mine.Ref))
	hasNot(t, lines, string(other.Ref))
	for _, secret := range []string{"Mrs Li", "is broken", "1381", "Road"} {
		hasNot(t, strings.ReplaceAll(lines, "Publish", ""), secret)
	}
	hasNot(t, o.ok("/desk/me/calendar"), address) // it is shown once
	if a := stranger.get("/desk/cases"); a.status != http.StatusSeeOther {
		t.Errorf("the address opens the desk: %d", a.status)
	}
	o.post("/desk/me/calendar", nil)
	if a := stranger.get(address); a.status != http.StatusNotFound {
		t.Errorf("the old address answers %d", a.status)
	}
	again := regexp.MustCompile(`/desk/calendar/[\w-]+`).FindString(o.post("/desk/me/calendar", nil).body)
	stranger.ok(again)
	o.post("/desk/me/calendar/drop", nil)
	if a := stranger.get(again); a.status != http.StatusNotFound {
		t.Errorf("what was taken back answers %d", a.status)
	}
}
