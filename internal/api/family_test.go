package api_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"comity/internal/api"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger/ledgertest"
)

func petitions(t *testing.T, run func(s *site)) {
	t.Helper()
	p := ledgertest.Petitions(t, "../../packs/demo")
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		run(siteOf(t, d, set, func() *ledgertest.City { return ledgertest.OpenPack(t, d, p) }))
	})
}

func (s *site) petition(class string) api.Opened {
	s.t.Helper()
	var o api.Opened
	s.call("clerk", "POST", "/api/v1/cases", body(map[string]any{"category": ledgertest.Petition, "title": "About the quay", "text": "The wall leans.", "unit": place,
		"address": "柑园路3号", "fields": map[string]string{"class": class}, "contact": map[string]any{"channel": "sms", "address": secretPhone}})).want(http.StatusCreated).into(&o)
	return o
}

func Test_a_case_tells_its_facts_its_children_and_the_units_that_joined(t *testing.T) {
	petitions(t, func(s *site) {
		o := s.petition("A")
		s.act("officer", o.Ref, "begin", nil)
		s.act("officer", o.Ref, "invite", map[string]string{"unit": "wangchuan"})
		s.act("officer", o.Ref, "ask_opinion", nil)
		c := s.read("officer", o.Ref)
		if len(c.Facts) != 1 || c.Facts[0].Value.Name != "Ordinary" || len(c.Joint) != 1 || c.Joint[0].ID != "wangchuan" || c.Sealed || c.Parent != nil {
			s.t.Errorf("facts %+v joint %+v", c.Facts, c.Joint)
		}
		if len(c.Children) != 1 || c.Children[0].Link.Name != "Opinion of a department" || c.Children[0].State == nil || c.Children[0].Due.IsZero() || !c.Children[0].Open {
			s.t.Fatalf("children %+v", c.Children)
		}
		var events struct{ Events []api.EventView }
		s.call("officer", "GET", "/api/v1/cases/"+o.Ref+"/events", "").want(http.StatusOK).into(&events)
		last := events.Events[len(events.Events)-1]
		if len(last.Documents) != 1 || last.Documents[0].Name != "Internal plan" || len(last.Changes) != 2 || last.Changes[0].Ref != c.Children[0].Ref {
			s.t.Errorf("event %+v", last)
		}
		follow := s.call("", "GET", "/api/v1/follow/"+o.Code, "").want(http.StatusOK)
		if said := follow.Body.String(); strings.Contains(said, c.Children[0].Ref) || strings.Contains(said, "Internal plan") || !strings.Contains(said, "deals with it too") {
			s.t.Errorf("the resident is told %s", said)
		}
	})
}

func Test_a_refusal_names_the_rule_the_law_and_what_can_be_done_instead(t *testing.T) {
	petitions(t, func(s *site) {
		o := s.petition("A")
		s.act("officer", o.Ref, "begin", nil)
		s.act("officer", o.Ref, "ask_opinion", nil)
		version := s.read("officer", o.Ref).Version
		p := s.call("officer", "POST", "/api/v1/cases/"+o.Ref+"/acts/answer", body(map[string]any{"version": version,
			"fields": map[string]string{"outcome": "granted", "finding": "support", "answer": "Mended."}})).no(http.StatusUnprocessableEntity, "act.guard")
		if !strings.Contains(p.Detail, "has not come yet") || p.Law == nil || p.Law.Short != "the Rules, article 8" || p.Law.Text == "" || len(p.Can) == 0 {
			s.t.Fatalf("got %+v", p)
		}
		for _, can := range p.Can {
			if can.Name == "" || can.Href != "/api/v1/cases/"+o.Ref+"/acts/"+can.ID || can.ID == "answer" {
				s.t.Errorf("can %+v", can)
			}
		}
		p = s.call("", "POST", "/api/v1/follow/"+o.Code+"/acts/request_review", `{"fields":{"reason":"x"}}`).no(http.StatusUnprocessableEntity, "act.state")
		if len(p.Can) != 1 || p.Can[0].Href != "/api/v1/follow/"+o.Code+"/acts/withdraw" {
			s.t.Errorf("the resident can %+v", p.Can)
		}
	})
}

func Test_a_date_is_explained_with_the_words_of_the_pages(t *testing.T) {
	petitions(t, func(s *site) {
		o := s.petition("A")
		for _, c := range []struct{ who, path string }{{"officer", "/api/v1/cases/" + o.Ref}, {"", "/api/v1/follow/" + o.Code}} {
			var k api.ClockView
			s.call(c.who, "GET", c.path+"/clocks/answer", "").want(http.StatusOK).into(&k)
			if len(k.Reasons) < 3 || k.Reasons[0].Text != "The term is 5 working days." || k.Reasons[0].Law != "the Rules, article 8" || k.Reasons[0].Says == "" {
				s.t.Errorf("reasons %+v", k.Reasons)
			}
			if last := k.Why[len(k.Why)-1]; last.Why != "due" || last.Text != "The last day" {
				s.t.Errorf("days %+v", k.Why)
			}
			s.call(c.who, "GET", c.path+"/clocks/nothing", "").no(http.StatusNotFound, "clock.unknown")
		}
		s.call("far", "GET", "/api/v1/cases/"+o.Ref+"/clocks/answer", "").no(http.StatusNotFound, "case.unknown")
	})
}

func Test_a_sealed_case_has_no_title_or_place_in_lists_and_is_not_found(t *testing.T) {
	petitions(t, func(s *site) {
		o := s.petition("B")
		list := s.call("officer", "GET", "/api/v1/cases", "").want(http.StatusOK)
		said := list.Body.String()
		if !strings.Contains(said, o.Ref) || !strings.Contains(said, "Sealed matter") || strings.Contains(said, "quay") || strings.Contains(said, "柑园路") || strings.Contains(said, place) {
			s.t.Errorf("the list says %s", said)
		}
		if found := s.call("officer", "GET", "/api/v1/cases?q=quay", "").want(http.StatusOK).Body.String(); strings.Contains(found, o.Ref) {
			s.t.Errorf("it is found: %s", found)
		}
		if c := s.read("officer", o.Ref); !c.Sealed || c.Title != "About the quay" {
			s.t.Errorf("its own unit reads %+v", c)
		}
		for _, who := range []string{"above", "far"} {
			s.call(who, "GET", "/api/v1/cases/"+o.Ref, "").no(http.StatusNotFound, "case.unknown")
			if said := s.call(who, "GET", "/api/v1/cases", "").want(http.StatusOK).Body.String(); strings.Contains(said, o.Ref) {
				s.t.Errorf("%s lists it", who)
			}
		}
	})
}

func Test_a_resident_s_act_is_recorded_only_with_the_signed_paper(t *testing.T) {
	petitions(t, func(s *site) {
		o := s.petition("A")
		path := "/api/v1/cases/" + o.Ref + "/acts/withdraw"
		s.call("clerk", "POST", path, body(map[string]any{"version": 1})).no(http.StatusForbidden, "actor.forbidden")
		p := s.call("clerk", "POST", path, body(map[string]any{"version": 1, "behalf": true})).no(http.StatusUnprocessableEntity, "form.invalid")
		if len(p.Fields) != 1 || p.Fields[0].Rule != "act.paper" || !strings.Contains(p.Fields[0].Detail, "signed paper") {
			s.t.Errorf("got %+v", p.Fields)
		}
		p = s.call("clerk", "POST", path, body(map[string]any{"version": 1, "behalf": true, "files": []string{"no"}})).no(http.StatusUnprocessableEntity, "form.invalid")
		if len(p.Fields) != 1 || p.Fields[0].Rule != "file.not_added" {
			s.t.Errorf("got %+v", p.Fields)
		}
		s.letter(o.Ref)
		c := s.read("clerk", o.Ref)
		s.call("clerk", "POST", path, body(map[string]any{"version": c.Version, "behalf": true, "files": []string{c.Files[0].SHA256}})).want(http.StatusOK)
		var events struct{ Events []api.EventView }
		s.call("clerk", "GET", "/api/v1/cases/"+o.Ref+"/events", "").want(http.StatusOK).into(&events)
		if last := events.Events[len(events.Events)-1]; !last.Behalf || len(last.Files) != 1 {
			s.t.Errorf("event %+v", last)
		}
	})
}

// letter adds a paper to a case.
func (s *site) letter(ref string) {
	s.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("files", "letter.txt")
	must(s.t, err)
	part.Write([]byte("I withdraw it. Signed."))
	m.Close()
	r := httptest.NewRequest("POST", "/api/v1/cases/"+ref+"/files", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+s.tokens["clerk"])
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	answer{w, s.t}.want(http.StatusCreated)
}
