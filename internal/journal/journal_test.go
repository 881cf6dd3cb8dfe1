package journal

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

func Test_an_address_is_cut_to_a_network(t *testing.T) {
	for in, want := range map[string]string{
		"198.51.100.23": "198.51.100.0/24", "198.51.100.23:4711": "198.51.100.0/24", "2001:db8:1:2:3::4": "2001:db8:1::/48",
		"2001:db8:1:2::/64": "2001:db8:1::/48", "[2001:db8:1:2::4]:80": "2001:db8:1::/48", "::ffff:198.51.100.23": "198.51.100.0/24",
		"fe80::1%eth0": "fe80::/48", "": "unknown", "li@example": "unknown",
	} {
		if got := Network(in); got != want {
			t.Errorf("Network(%q) = %q, want %q", in, got, want)
		}
	}
}

func Test_an_answer_is_a_refusal_by_its_rule_or_else_by_its_status(t *testing.T) {
	for _, c := range []struct {
		status int
		rule   string
		want   Event
	}{
		{200, "", ""}, {303, "", ""}, {404, "", ""}, {404, "web.not_found", ""}, {422, "form.invalid", ""}, {409, "case.conflict", ""}, {500, "web.incident", ""},
		{404, "code.unknown", Code}, {422, "desk.signin.wrong", SignIn}, {403, "web.cross_origin", Origin}, {403, "actor.forbidden", Access},
		{401, "token.invalid", Token}, {429, "portal.too_many", Rate}, {421, "web.host", Host}, {415, "", Media}, {413, "", Size}, {400, "web.address", Request},
		{408, "web.slow", Slow}, {422, "request.unknown", Field},
	} {
		got, ok := EventOf(c.status, c.rule)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%d %s is %q, want %q", c.status, c.rule, got, c.want)
		}
	}
}

func Test_every_event_is_counted_from_zero_and_nil_keeps_nothing(t *testing.T) {
	var j Journal
	r := httptest.NewRequest("GET", "/", nil)
	j.Refused(r, "GET /", http.StatusForbidden, "")
	j.Refused(r, "GET /", http.StatusOK, "")
	counts := j.Counts()
	if len(counts) != len(Events) || !slices.Contains(counts, Count{Access, 1}) || !slices.Contains(counts, Count{Host, 0}) {
		t.Errorf("counts are %v", counts)
	}
	var none *Journal
	none.Refused(r, "", 403, "")
	if len(none.Counts()) != 0 {
		t.Error("a journal that is not kept counts")
	}
}

func Test_every_event_has_a_rule_or_a_status_that_leads_to_it(t *testing.T) {
	for _, e := range Events {
		found := false
		for _, v := range byRule {
			found = found || v == e
		}
		for _, v := range byStatus {
			found = found || v == e
		}
		if !found {
			t.Errorf("nothing leads to %s", e)
		}
	}
}

// wrapped is a writer inside another, as recorders are.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type told struct {
	http.ResponseWriter
	rule string
}

func (t *told) Refused(rule string) { t.rule = rule }

func Test_a_rule_is_said_through_other_writers_and_to_nobody_without_harm(t *testing.T) {
	outer := &told{ResponseWriter: httptest.NewRecorder()}
	Say(wrapped{wrapped{outer}}, "web.host")
	if outer.rule != "web.host" {
		t.Errorf("the rule arrived as %q", outer.rule)
	}
	Say(httptest.NewRecorder(), "web.host")
}
