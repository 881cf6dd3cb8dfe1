package casework_test

import (
	"testing"
	"time"

	"comity/internal/casework"
)

func Test_the_date_a_resident_was_told_is_that_of_the_promise_that_counts_now(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 9, 0, 0, 0, time.UTC) }
	route := casework.Clock{ID: "route", Promise: true, Start: day(2), Status: "running"}
	step := casework.Clock{ID: "step", Start: day(9), Status: "running"}
	opinion := casework.Clock{ID: "opinion", Promise: true, Start: day(5), Status: "running"}
	with := func(k casework.Clock, status string) casework.Clock { k.Status = status; return k }
	for name, c := range map[string]struct {
		clocks []casework.Clock
		want   string
	}{
		"no promise":                      {[]casework.Clock{step}, ""},
		"the first one":                   {[]casework.Clock{route, step}, "route"},
		"the one that runs":               {[]casework.Clock{with(route, "idle"), opinion}, "opinion"},
		"the one that stands still":       {[]casework.Clock{with(opinion, "paused"), with(route, "expired")}, "opinion"},
		"an older one that still runs":    {[]casework.Clock{route, with(opinion, "idle")}, "route"},
		"of those that ended, the latest": {[]casework.Clock{with(route, "idle"), with(opinion, "idle")}, "opinion"},
	} {
		k, ok := (&casework.Case{Clocks: c.clocks}).Promised()
		if k.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, k.ID, ok, c.want)
		}
	}
}
