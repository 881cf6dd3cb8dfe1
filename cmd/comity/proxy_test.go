package main

import (
	"net/http/httptest"
	"testing"
)

func Test_behind_a_proxy_limits_go_by_what_the_nearest_proxy_saw(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"one hop":                           {[]string{"203.0.113.7"}, "203.0.113.7"},
		"what the visitor claims is before": {[]string{"1.2.3.4, 203.0.113.7"}, "203.0.113.7"},
		"in a header of their own":          {[]string{"1.2.3.4", "203.0.113.7"}, "203.0.113.7"},
		"one household of IPv6":             {[]string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		"no header":                         {nil, "10.0.0.1"},
		"an empty one":                      {[]string{" "}, "10.0.0.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:4711"
		for _, h := range c.headers {
			r.Header.Add("X-Forwarded-For", h)
		}
		if got := forwardedFor(r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
