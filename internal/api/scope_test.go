package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db/dbtest"
	"comity/internal/limit"
	"comity/internal/org"
)

func Test_a_token_may_do_what_it_was_given_and_the_answer_names_what_is_missing(t *testing.T) {
	each(t, func(s *site) {
		open := `{"category":"road.pavement","text":"The pavement is broken.","unit":"guiyuan-ganyuan"}`
		ref := s.call("officer", "POST", "/api/v1/cases", open).field("ref")
		for name, powers := range map[string][]authz.Power{"reads": {authz.Read}, "acts": {authz.Do}, "takes in": {authz.Intake}, "exports": {authz.Export}, "sealed": {authz.Tell, authz.Identify}} {
			s.tokens[name] = s.token(s.accounts, "officer", powers...)
		}
		for _, c := range []struct {
			method, path, body string
			needs              authz.Power
			name               string
		}{
			{"GET", "/api/v1/cases", "", authz.Read, "reads"}, {"GET", "/api/v1/cases/" + ref, "", authz.Read, "reads"}, {"GET", "/api/v1/cases/" + ref + "/events", "", authz.Read, "reads"},
			{"POST", "/api/v1/cases/" + ref + "/acts/accept", `{"version":1}`, authz.Do, "acts"}, {"POST", "/api/v1/cases/" + ref + "/notes", `{"text":"x"}`, authz.Do, "acts"},
			{"POST", "/api/v1/cases", open, authz.Intake, "takes in"},
		} {
			for _, who := range []string{"reads", "acts", "takes in", "exports", "sealed"} {
				if who == c.name {
					continue
				}
				a := s.call(who, c.method, c.path, c.body)
				if a.Code != http.StatusForbidden || a.field("rule") != "token.scope" || a.field("scope") != string(c.needs) || !strings.Contains(a.Header().Get("WWW-Authenticate"), `scope="`+string(c.needs)+`"`) {
					t.Errorf("%s %s with the token that %s: %d %s", c.method, c.path, who, a.Code, a.Body)
				}
			}
			if a := s.call(c.name, c.method, c.path, c.body); a.Code >= 300 {
				t.Errorf("%s %s with the token that %s: %d %s", c.method, c.path, c.name, a.Code, a.Body)
			}
		}
		if a := s.call("reads", "GET", "/api/v1/cases?cursor=x", ""); a.field("scope") != "export" {
			t.Errorf("a token that only reads takes the whole list away: %d %s", a.Code, a.Body)
		}
		if a := s.call("exports", "GET", "/api/v1/procedures", ""); a.Code != http.StatusOK {
			t.Errorf("what is public asks for a power: %d", a.Code)
		}
	})
}

func Test_a_token_for_one_unit_or_programme_sees_no_other(t *testing.T) {
	each(t, func(s *site) {
		open := `{"category":"road.pavement","text":"The pavement is broken.","unit":"guiyuan-ganyuan"}`
		ref := s.call("officer", "POST", "/api/v1/cases", open).field("ref")
		narrow := func(t account.Token) string {
			t.Account, t.Name, t.Powers, t.Expires = "officer", "narrow", authz.Powers, dbtest.Start.Add(time.Hour)
			_, plain, err := s.accounts.CreateToken(s.t.Context(), authz.Actor{}, t)
			must(s.t, err)
			return plain
		}
		s.tokens["same"] = narrow(account.Token{Units: []org.UnitID{street}})
		s.tokens["other"] = narrow(account.Token{Programmes: []string{"petition"}})
		if a := s.call("same", "GET", "/api/v1/cases/"+ref, ""); a.Code != http.StatusOK {
			t.Errorf("the unit itself: %d", a.Code)
		}
		if a := s.call("other", "GET", "/api/v1/cases/"+ref, ""); a.Code != http.StatusNotFound {
			t.Errorf("another programme: %d", a.Code)
		}
	})
}

func Test_a_program_that_asks_too_much_waits_and_others_do_not(t *testing.T) {
	each(t, func(s *site) {
		var last answer
		for range limit.AsksAtOnce + 1 {
			last = s.call("officer", "GET", "/api/v1/procedures", "")
		}
		if last.Code != http.StatusTooManyRequests || last.field("rule") != "token.too_many" || last.Header().Get("Retry-After") == "" {
			t.Errorf("one request too many: %d %s", last.Code, last.Header())
		}
		if a := s.call("far", "GET", "/api/v1/procedures", ""); a.Code != http.StatusOK {
			t.Errorf("another account waits too: %d", a.Code)
		}
		s.tokens["second"] = s.token(s.accounts, "officer", authz.Powers...)
		if a := s.call("second", "GET", "/api/v1/procedures", ""); a.Code != http.StatusTooManyRequests {
			t.Errorf("a second token of the account gets round the limit: %d", a.Code)
		}
		s.set(dbtest.Start.Add(time.Second))
		if a := s.call("officer", "GET", "/api/v1/procedures", ""); a.Code != http.StatusOK {
			t.Errorf("a second later: %d", a.Code)
		}
		for range limit.SignInsAtOnce {
			s.call("wrong", "GET", "/api/v1/cases", "")
		}
		if a := s.call("wrong", "GET", "/api/v1/cases", ""); a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") == "" {
			t.Errorf("an address that guesses tokens: %d", a.Code)
		}
	})
}

// field is one text of an answer.
func (a answer) field(name string) string {
	a.t.Helper()
	var v map[string]any
	a.into(&v)
	s, _ := v[name].(string)
	return s
}
