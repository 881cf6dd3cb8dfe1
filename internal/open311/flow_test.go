package open311_test

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/open311"
)

func Test_every_answer_is_as_it_was(t *testing.T) {
	quick(t, func(s *site) {
		number := s.post("requests.xml", s.pothole()).opened()
		s.set(s.now.Add(time.Second))
		s.post("requests.xml", s.pothole("service_code", "waste.heap", "attribute[size]", "small", "lat", "28.1255", "long", "112.261", "address_string", "")).want(200).golden("posted.xml")
		s.set(s.now.Add(time.Second))
		s.post("requests.json", s.pothole("service_code", "lighting.out")).want(200).golden("posted.json")
		s.set(s.now.Add(time.Second))
		s.post("requests.xml", s.pothole("service_code", "building.wall")).want(200).golden("posted-batch.xml")
		s.set(s.now.Add(time.Second))
		s.post("requests.json", s.pothole("service_code", "building.wall")).want(200).golden("posted-batch.json")
		s.set(s.now.Add(time.Second))
		s.set(s.now.Add(time.Hour))
		s.do(number, "accept")
		s.do(number, "begin")
		s.do(number, "answer", "outcome", "solved", "answer", "已用热沥青修补 & 压实。")
		for _, f := range []string{"xml", "json"} {
			s.send(httptest.NewRequest(http.MethodGet, open311.Root+"discovery."+f, nil)).want(200).golden("discovery." + f)
			s.get("services." + f).want(200).golden("services." + f)
			s.get("services/road.pothole." + f).want(200).golden("definition." + f)
			s.get("requests." + f).want(200).nobody().golden("requests." + f)
			s.get("requests."+f, "extensions", "true").want(200).nobody().golden("requests-extended." + f)
			s.get("requests/" + number + "." + f).want(200).nobody().golden("request." + f)
			s.get("requests/"+number+"."+f, "extensions", "true").want(200).nobody().golden("request-extended." + f)
			s.get("requests."+f, "service_code", "water.leak").want(200).golden("none." + f)
			s.get("servicerequestupdates." + f).want(200).nobody().golden("updates." + f)
			s.post("servicerequestupdates."+f, url.Values{"api_key": {s.keys["above"]}, "jurisdiction_id": {"linjiang.example"}, "service_request_id": {number},
				"update_id": {"7"}, "status": {"OPEN"}, "updated_datetime": {"2026-03-02T10:00:00+08:00"}, "description": {"It is there again."}}).want(200).golden("updated." + f)
			s.post("requests."+f, url.Values{"jurisdiction_id": {"linjiang.example"}}).want(403).golden("no-key." + f)
			s.post("requests."+f, s.pothole("description", "", "lat", "28.1", "email", "nobody", "attribute[size]", "")).want(400).golden("wrong." + f)
			s.get("services/none." + f).want(404).golden("no-service." + f)
		}
	})
}

func Test_the_words_are_in_the_language_asked_for(t *testing.T) {
	quick(t, func(s *site) {
		for _, lang := range []string{"en", "zh-CN"} {
			r := httptest.NewRequest(http.MethodGet, open311.Endpoint+"services/road.pothole.xml?jurisdiction_id=linjiang.example", nil)
			s.send(r, "Accept-Language", lang).want(200).golden("definition-" + lang + ".xml")
			r = httptest.NewRequest(http.MethodGet, open311.Endpoint+"services.xml?jurisdiction_id=nowhere", nil)
			a := s.send(r, "Accept-Language", lang).want(404)
			a.golden("no-jurisdiction-" + lang + ".xml")
			if got := a.Header().Get("Content-Language"); got != lang {
				t.Errorf("Content-Language %q", got)
			}
		}
	})
}

func Test_a_report_becomes_a_case_and_is_followed_to_its_end(t *testing.T) {
	each(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610", "attribute[pole]", "A-7", "attribute[danger]", "true", "attribute[since]", "2026-03-01T20:00:00Z")).opened()
		c, _ := s.caseOf(ref)
		if c.Source != "open311" || c.Category != "road.pothole" || c.Place.Point == nil || c.Place.Address != "柑园路3号" || !strings.HasPrefix(c.Text, "路面有个大坑") {
			t.Errorf("the case is %+v", c)
		}
		if want := (casework.Contact{Channel: "mail", Address: secretMail, Name: secretName, Lang: "en"}); c.Contact != want {
			t.Errorf("contact %+v", c.Contact)
		}
		if c.Intake["pole"] != "A-7" || c.Intake["danger"] != "yes" || c.Intake["since"] != "2026-03-02" || c.Intake["size"] != "large" {
			t.Errorf("answers %v", c.Intake)
		}
		s.get("requests/"+ref+".xml").says(200, "<status>open</status>", "<service_code>road.pothole</service_code>", "<lat>28.1255</lat>", "<expected_datetime>2026-03-09T", "路面有个大坑").nobody()
		s.get("requests.xml", "status", "closed").want(200)
		s.set(s.now.Add(2 * time.Hour))
		s.note(ref, secretNote, false)
		s.note(ref, "A public word.", true)
		s.do(ref, "accept")
		s.do(ref, "begin")
		s.do(ref, "answer", "outcome", "planned", "answer", "Planned for May.")
		s.get("requests/"+ref+".xml").says(200, "<status_notes>Not solved: planned for later\nPlanned for May.</status_notes>", "<updated_datetime>2026-03-02T11:00:00+08:00</updated_datetime>").nobody()
		s.get("servicerequestupdates.xml", "start_date", "2026-03-02T00:00:00Z", "end_date", "2026-03-02T04:00:00Z").
			says(200, "<update_id>"+ref+"-1</update_id>", "<status>open</status>", "<status>investigating</status>", "<status>in_progress</status>", "<status>planned</status>", "A public word.", "Planned for May.").nobody()
		s.set(s.now.AddDate(0, 0, 30))
		for range 10 {
			n, err := s.l.RunTimers(t.Context(), 100)
			must(t, err)
			if n == 0 {
				break
			}
		}
		s.get("requests/"+ref+".xml").says(200, "<status>closed</status>", "<expected_datetime>2026-03-09T").nobody()
		s.get("requests.xml", "status", "closed").says(200, ref)
		if strings.Contains(s.get("requests.xml", "status", "open").want(200).Body.String(), ref) {
			t.Error("a closed request is listed as open")
		}
	})
}

func Test_a_retry_opens_no_second_case(t *testing.T) {
	each(t, func(s *site) {
		before := s.count()
		first := s.post("requests.xml", s.pothole("attribute[fixmystreet_id]", "4711")).opened()
		for name, v := range map[string]url.Values{
			"the same":             s.pothole("attribute[fixmystreet_id]", "4711"),
			"with other words":     s.pothole("attribute[fixmystreet_id]", "4711", "description", "Moderated meanwhile."),
			"with another picture": s.pothole("attribute[fixmystreet_id]", "4711", "media_url", "data:text/plain,hello"),
		} {
			if got := s.post("requests.xml", v).opened(); got != first {
				t.Errorf("%s: %s, want %s", name, got, first)
			}
		}
		byHeader := s.post("requests.xml", s.pothole(), "Idempotency-Key", "abc").opened()
		if got := s.post("requests.xml", s.pothole(), "Idempotency-Key", "abc").opened(); got != byHeader || got == first {
			t.Errorf("by header %s and %s", byHeader, got)
		}
		if got := s.post("requests.xml", s.pothole("attribute[fixmystreet_id]", "4711", "api_key", s.keys["sender"])).opened(); got == first {
			t.Error("the number of one sender is that of another")
		}
		if got := s.count() - before; got != 3 {
			t.Errorf("%d cases were opened, want 3", got)
		}
	})
}

func Test_the_same_report_twice_at_once_is_one_case(t *testing.T) {
	each(t, func(s *site) {
		before := s.count()
		got := make(chan string)
		for i := range 8 {
			go func() {
				v := s.pothole("attribute[fixmystreet_id]", "99", "media_url", "data:text/plain,"+strings.Repeat("x", i+1))
				r := httptest.NewRequest(http.MethodPost, open311.Endpoint+"requests.xml", strings.NewReader(v.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				s.mux.ServeHTTP(w, r)
				got <- w.Body.String()
			}()
		}
		first := <-got
		for range 7 {
			if next := <-got; numberIn.FindString(next) != numberIn.FindString(first) || numberIn.FindString(first) == "" {
				t.Errorf("%s\nand\n%s", first, next)
			}
		}
		if n := s.count() - before; n != 1 {
			t.Errorf("%d cases", n)
		}
	})
}

func Test_a_batch_service_gives_a_token_that_leads_to_the_number_and_to_nothing_else(t *testing.T) {
	quick(t, func(s *site) {
		var out []map[string]any
		s.post("requests.json", s.pothole("service_code", "building.wall")).want(200).json(&out)
		token, _ := out[0]["token"].(string)
		if _, has := out[0]["service_request_id"]; token == "" || has {
			t.Fatalf("%v", out)
		}
		a := s.get("tokens/"+token+".xml").says(200, "<token>"+token+"</token>")
		ref := a.opened()
		s.get("tokens/"+token+".json").says(200, `"service_request_id":"`+ref+`"`)
		s.get("requests/"+ref+".xml").says(200, ref)
		s.get("tokens/"+token+".xml", "jurisdiction_id", "binjiang.example").want(404)
		for i := range 12 {
			a := s.get("tokens/" + token[:len(token)-1] + "g.xml")
			if i < 10 {
				a.says(404, "There is no token")
			} else if a.says(429, "too many wrong tokens"); a.Header().Get("Retry-After") == "" {
				t.Error("nobody says how long to wait")
			}
		}
	})
}

func Test_filters_and_pages_narrow_the_list(t *testing.T) {
	each(t, func(s *site) {
		var refs []string
		for i := range 5 {
			s.set(s.now.Add(time.Hour))
			refs = append(refs, s.post("requests.xml", s.pothole("service_code", []string{"road.pothole", "lighting.out", "water.leak"}[i%3])).opened())
		}
		ask := func(query ...string) string {
			return strings.Join(all(s.get("requests.xml", query...).want(200).Body.String()), " ")
		}
		at := func(i int) string { return s.now.Add(time.Duration(i-4) * time.Hour).Format(time.RFC3339) }
		for name, c := range map[string]struct {
			query []string
			want  []int
		}{
			"everything, newest first":  {nil, []int{4, 3, 2, 1, 0}},
			"a service":                 {[]string{"service_code", "lighting.out"}, []int{4, 1}},
			"two services":              {[]string{"service_code", "lighting.out,water.leak"}, []int{4, 2, 1}},
			"from a time":               {[]string{"start_date", at(3)}, []int{4, 3}},
			"to a time":                 {[]string{"end_date", at(1)}, []int{1, 0}},
			"in a span":                 {[]string{"start_date", at(1), "end_date", at(2)}, []int{2, 1}},
			"open":                      {[]string{"status", "open"}, []int{4, 3, 2, 1, 0}},
			"closed":                    {[]string{"status", "closed"}, nil},
			"open and closed":           {[]string{"status", "open,closed"}, []int{4, 3, 2, 1, 0}},
			"a page":                    {[]string{"page_size", "2"}, []int{4, 3}},
			"the second page":           {[]string{"page_size", "2", "page", "2"}, []int{2, 1}},
			"the last page":             {[]string{"page_size", "2", "page", "3"}, []int{0}},
			"a page behind the last":    {[]string{"page", "9"}, nil},
			"numbers":                   {[]string{"service_request_id", refs[3] + "," + refs[0]}, []int{3, 0}},
			"numbers override the rest": {[]string{"service_request_id", refs[0], "status", "nonsense", "start_date", "never"}, []int{0}},
			"a number nobody has":       {[]string{"service_request_id", refs[0] + ",SR-26-999999"}, []int{0}},
			"empty is absent":           {[]string{"service_code", "", "status", "", "start_date", ""}, []int{4, 3, 2, 1, 0}},
		} {
			var want []string
			for _, i := range c.want {
				want = append(want, refs[i])
			}
			if got := ask(c.query...); got != strings.Join(want, " ") {
				t.Errorf("%s: %s, want %v", name, got, want)
			}
		}
		s.set(s.now.AddDate(0, 0, 91))
		if got := ask(); got != "" {
			t.Errorf("after ninety days: %s", got)
		}
	})
}

func all(body string) (out []string) {
	for _, m := range numberIn.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func Test_what_is_not_for_everybody_is_shown_to_those_whose_account_reads_it(t *testing.T) {
	each(t, func(s *site) {
		gas := s.post("requests.xml", s.pothole("service_code", "hazard.gas")).opened()
		heap := s.post("requests.xml", s.pothole("service_code", "noise.shop", "lat", "28.1255", "long", "112.2610")).opened()
		s.get("requests/" + gas + ".xml").want(404)
		if strings.Contains(s.get("requests.xml").want(200).Body.String(), gas) || strings.Contains(s.get("servicerequestupdates.xml").want(200).Body.String(), gas) {
			t.Error("what is shown to nobody is in a list")
		}
		s.get("requests/"+heap+".xml").says(200, "<description></description>", "<address></address>", "<lat></lat>").nobody()
		// The officer works at the street that holds the noise, and not at the city that holds the gas.
		full := s.get("requests/"+heap+".xml", "api_key", s.keys["officer"])
		full.says(200, "路面有个大坑", "柑园路3号")
		if strings.Contains(full.Body.String(), secretPhone) || strings.Contains(full.Body.String(), secretName) || strings.Contains(full.Body.String(), secretMail) {
			t.Errorf("a key shows who reported: %s", full.Body)
		}
		c, _ := s.caseOf(heap)
		looks, err := s.city.Reader.Looks(t.Context(), c.ID, 10)
		must(t, err)
		seen := 0
		for _, l := range looks {
			if l.Actor == "officer" {
				seen++
			}
		}
		if seen != 1 {
			t.Errorf("the look is recorded %d times", seen)
		}
		s.get("requests/"+gas+".xml", "api_key", s.keys["officer"]).want(404)
		s.get("requests/"+heap+".xml", "api_key", s.keys["reader"]).says(200, "<description></description>")
		s.get("requests/"+heap+".xml", "api_key", "comity_wrong").says(403, "api_key is unknown")
	})
}

func Test_what_is_sealed_is_as_if_it_were_not_there(t *testing.T) {
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole()).opened()
		c, _ := s.caseOf(ref)
		cmd := casework.Command{Open: &casework.Opening{Unit: c.Holder, Title: "坑", Text: "坑", Category: c.Category, Place: casework.Place{Unit: place}, Sealed: true}, Fields: map[string]string{"size": "small"}}
		r, err := s.l.Do(t.Context(), authz.Reporter(), cmd)
		must(t, err)
		for _, key := range []string{"", s.keys["officer"]} {
			s.get("requests/"+string(r.Ref)+".xml", "api_key", key).says(404, "There is no request")
			s.get("requests/SR-26-999999.xml", "api_key", key).says(404, "There is no request")
			if got := all(s.get("requests.xml", "api_key", key).want(200).Body.String()); len(got) != 1 || got[0] != ref {
				t.Errorf("the list holds %v", got)
			}
			if strings.Contains(s.get("servicerequestupdates.xml", "api_key", key).want(200).Body.String(), string(r.Ref)) {
				t.Error("an update tells of a sealed case")
			}
		}
		petition, err := s.l.Do(t.Context(), authz.Reporter(), casework.Command{Open: &casework.Opening{Unit: "linjiang", Title: "信访", Text: "信访", Category: "petition.suggestion"}})
		if err == nil {
			s.get("requests/" + string(petition.Ref) + ".xml").want(404)
		}
	})
}

func Test_a_jurisdiction_is_a_part_of_the_city(t *testing.T) {
	quick(t, func(s *site) {
		here := s.post("requests.xml", s.pothole("jurisdiction_id", "binjiang.example", "lat", "28.1255", "long", "112.2610")).Code
		there := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610")).opened()
		c, _ := s.caseOf(there)
		inside := s.city.Pack.Units.Under("binjiang", c.Place.Unit)
		if here != 200 || !inside {
			t.Errorf("status %d of a place in %s", here, c.Place.Unit)
		}
		s.post("requests.xml", s.pothole("jurisdiction_id", "binjiang.example", "lat", "28.1350", "long", "112.3560")).says(400, "not in binjiang.example")
		s.get("services.xml", "jurisdiction_id", "").send400(t)
		s.get("services.xml", "jurisdiction_id", "nowhere.example").says(404, "nowhere.example", "linjiang.example")
		words := s.post("requests.xml", s.pothole("jurisdiction_id", "binjiang.example")).opened() // by its words alone: somewhere in it
		if c, _ := s.caseOf(words); c.Place.Unit != "binjiang" {
			t.Errorf("it lies in %s", c.Place.Unit)
		}
		s.get("requests/"+words+".xml", "jurisdiction_id", "binjiang.example").want(200)
	})
	quickWith(t, demoPack(t), func(s *site) { // one jurisdiction need not be named
		s.get("services.xml", "jurisdiction_id", "").want(200)
		s.get("services.xml", "jurisdiction_id", "nowhere.example").want(404)
	})
}

func (a answer) send400(t *testing.T) {
	t.Helper()
	a.says(400, "jurisdiction_id is missing")
}

func Test_a_pack_without_an_offer_offers_nothing(t *testing.T) {
	p := *demoPack(t)
	p.Open311 = nil
	quickWith(t, &p, func(s *site) {
		s.get("services.xml").says(404, "offers nothing")
		s.get("discovery.json").says(404, `"code":404`)
	})
}

// elements walks an answer in XML, so that a broken one is found.
func Test_every_answer_in_XML_is_well_formed(t *testing.T) {
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("description", "a < b & c > d ]]> \"quoted\" 'too' \u2028 \U0001F6A7")).opened()
		for _, what := range []string{"services.xml", "services/road.pothole.xml", "requests.xml", "requests/" + ref + ".xml", "servicerequestupdates.xml", "nothing.xml", "requests/none.xml"} {
			a := s.get(what, "extensions", "true")
			if !strings.HasPrefix(a.Body.String(), `<?xml version="1.0" encoding="utf-8"?>`) || strings.Contains(a.Body.String(), "xmlns") {
				t.Errorf("%s begins with %.60s", what, a.Body)
			}
			d := xml.NewDecoder(strings.NewReader(a.Body.String()))
			for {
				if _, err := d.Token(); err != nil {
					if err.Error() != "EOF" {
						t.Errorf("%s: %v", what, err)
					}
					break
				}
			}
		}
	})
}

// A rule of routing may ask for the time of day: every service that is offered has to be one that can be reported.
func Test_every_service_that_is_offered_takes_a_report(t *testing.T) {
	quickWith(t, demoPack(t), func(s *site) {
		for _, v := range s.city.Pack.Open311.Services {
			s.post("requests.xml", s.pothole("service_code", v.Code, "attribute[size]", "")).want(200)
		}
	})
}
