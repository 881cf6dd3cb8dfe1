package open311_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/casework"
	"comity/internal/open311"
)

// replay sends a request as it is written in testdata/client: a request line, headers, an empty line, the body. Line
// ends in bodies of parts are CRLF; KEY and DATES stand for what is drawn anew.
func (s *site) replay(name string, fill ...string) answer {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "client", name))
	must(s.t, err)
	words := strings.NewReplacer(fill...).Replace(string(raw))
	head, body, _ := strings.Cut(words, "\n\n")
	lines := strings.Split(head, "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	var headers []string
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		headers = append(headers, k, v)
		if strings.HasPrefix(v, "multipart/") {
			body = strings.ReplaceAll(body, "\n", "\r\n")
		} else if strings.HasPrefix(v, "application/x-www-form-urlencoded") {
			body = strings.ReplaceAll(strings.TrimSpace(body), "\n", "&")
		}
	}
	return s.send(httptest.NewRequest(method, path, strings.NewReader(body)), headers...)
}

func Test_the_real_client_reports_retries_and_hears_how_it_ended(t *testing.T) {
	each(t, func(s *site) {
		key := []string{"KEY", s.keys["above"]}
		s.replay("services.http").says(200, "<service_code>road.pothole</service_code>", "<keywords>")
		s.replay("definition.http").says(200, "<code>fixmystreet_id</code>", "<automated>server_set</automated>")
		ref := s.replay("report.http", key...).opened()
		before := s.count()
		for range 3 { // it did not hear the answer
			if again := s.replay("report.http", key...).opened(); again != ref {
				t.Fatalf("the retry opened %s", again)
			}
		}
		if s.count() != before {
			t.Error("a retry opened a case")
		}
		c, _ := s.caseOf(ref)
		if c.Contact.Name != "张伟" || c.Place.Point == nil || c.Place.Point.Lat != 28.1255 || !strings.Contains(c.Text, "\n\n") {
			t.Errorf("%+v", c)
		}
		photo := s.replay("report-with-photo.http", key...).opened()
		if c, _ := s.caseOf(photo); len(c.Files) != 1 {
			t.Errorf("%d pictures, text %q", len(c.Files), c.Text)
		}
		s.set(s.now.Add(90 * time.Minute))
		s.do(ref, "accept")
		s.do(ref, "begin")
		s.do(ref, "answer", "outcome", "solved", "answer", "Filled.")
		window := append(key, "START", s.now.Add(-2*time.Hour).UTC().Format(time.RFC3339), "END", s.now.UTC().Format(time.RFC3339))
		first := s.replay("updates.http", window...).says(200, "<update_id>"+ref+"-4</update_id>", "<status>fixed</status>", "<service_request_id>"+ref+"</service_request_id>")
		if again := s.replay("updates.http", window...); again.Body.String() != first.Body.String() {
			t.Error("the same window tells something else the second time")
		}
		s.replay("update.http", append(key, "REF", ref)...).says(200, "<update_id>815</update_id>")
		s.replay("update.http", append(key, "REF", ref)...).says(200, "<update_id>815</update_id>")
		_, events := s.caseOf(ref)
		notes := 0
		for _, e := range events {
			if e.Note != nil {
				notes++
				if e.Note.Public || !strings.Contains(e.Note.Text, "open again") || !strings.Contains(e.Note.Text, "open") {
					t.Errorf("the note is %+v", e.Note)
				}
			}
		}
		if notes != 1 {
			t.Errorf("%d notes", notes)
		}
		if got := s.replay("updates.http", window...); strings.Contains(got.Body.String(), "open again") {
			t.Error("the client hears its own update")
		}
	})
}

func Test_updates_are_those_of_the_window_and_never_a_part_of_them(t *testing.T) {
	each(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole()).opened()
		s.set(s.now.Add(10*time.Minute + 700*time.Millisecond))
		s.do(ref, "accept")
		at := s.now.Truncate(time.Second)
		ids := func(from, to time.Time) string {
			var out []string
			for _, l := range strings.Split(s.get("servicerequestupdates.xml", "start_date", from.Format(time.RFC3339), "end_date", to.Format(time.RFC3339)).want(200).Body.String(), "<update_id>")[1:] {
				id, _, _ := strings.Cut(l, "<")
				out = append(out, strings.TrimPrefix(id, ref+"-"))
			}
			return strings.Join(out, " ")
		}
		for name, c := range map[string]struct {
			from, to time.Duration
			want     string
		}{
			"both":                 {-time.Hour, 0, "1 2"},
			"to the very second":   {-time.Minute, 0, "2"},
			"from the very second": {0, time.Hour, "2"},
			"after":                {time.Second, time.Hour, ""},
			"before":               {-time.Hour, -time.Second, "1"},
		} {
			if got := ids(at.Add(c.from), at.Add(c.to)); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		s.get("servicerequestupdates.xml", "jurisdiction_id", "binjiang.example").want(200)
	})
}

func Test_an_update_from_outside_needs_a_key_a_case_and_words(t *testing.T) {
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610", "service_code", "road.pavement")).opened()
		good := func(more ...string) url.Values {
			v := url.Values{"jurisdiction_id": {"linjiang.example"}, "api_key": {s.keys["officer"]}, "service_request_id": {ref}, "update_id": {"1"}, "status": {"FIXED"},
				"updated_datetime": {"2026-03-02T10:00:00+08:00"}, "description": {"Done."}}
			for i := 0; i+1 < len(more); i += 2 {
				if v.Del(more[i]); more[i+1] != "" {
					v.Set(more[i], more[i+1])
				}
			}
			return v
		}
		for name, c := range map[string]struct {
			v      url.Values
			status int
			words  string
		}{
			"no key":                   {good("api_key", ""), 403, "api_key"},
			"a key for reading":        {good("api_key", s.keys["reader"]), 403, "act"},
			"a case of somebody else":  {good("api_key", s.keys["sender"]), 403, "act"},
			"no number":                {good("service_request_id", ""), 400, "service_request_id is missing"},
			"a number nobody has":      {good("service_request_id", "SR-26-999999"), 404, "SR-26-999999"},
			"no id":                    {good("update_id", ""), 400, "update_id is missing"},
			"a long id":                {good("update_id", strings.Repeat("1", 101)), 400, "update_id is longer"},
			"an unknown status":        {good("status", "SPLENDID"), 400, "splendid"},
			"a wrong date":             {good("updated_datetime", "today"), 400, "updated_datetime"},
			"nothing":                  {good("description", "", "status", ""), 400, "says nothing"},
			"markup":                   {good("description", "<b>Done</b>"), 400, "markup"},
			"too long":                 {good("description", strings.Repeat("x", 3801)), 400, "3800"},
			"an unknown jurisdiction":  {good("jurisdiction_id", "moon"), 404, "moon"},
			"the part of another city": {good("service_request_id", "SR-26-000000"), 404, "SR-26-000000"},
		} {
			if a := s.post("servicerequestupdates.xml", c.v); a.Code != c.status || !strings.Contains(a.Body.String(), c.words) {
				t.Errorf("%s: %d %s", name, a.Code, a.Body)
			}
		}
		_, before := s.caseOf(ref)
		s.post("servicerequestupdates.xml", good()).want(200)
		s.post("servicerequestupdates.xml", good("description", "Done, I say.")).want(200) // the same id: heard before
		_, after := s.caseOf(ref)
		if len(after) != len(before)+1 {
			t.Errorf("%d events more", len(after)-len(before))
		}
		for range 2 {
			s.post("servicerequestupdates.xml", good("update_id", "2", "media_url", "data:text/plain,It is gone.")).want(200)
		}
		s.post("servicerequestupdates.xml", good("update_id", "3", "media_url", "file:///x")).want(200)
		c, events := s.caseOf(ref)
		if last := events[len(events)-1]; len(c.Files) != 1 || !strings.Contains(last.Note.Text, "Could not be taken in") || len(events) != len(after)+3 {
			t.Errorf("%d files, and the last event is %+v", len(c.Files), last)
		}
	})
}

func Test_what_an_update_names_is_fetched_once_however_often_it_comes(t *testing.T) {
	asked := 0
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Write(picture(t, "jpeg"))
	}))
	defer remote.Close()
	at := strings.Replace(remote.URL, "127.0.0.1", "localhost", 1)
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610", "service_code", "road.pavement")).opened()
		for range 3 {
			s.post("servicerequestupdates.xml", url.Values{"jurisdiction_id": {"linjiang.example"}, "api_key": {s.keys["officer"]}, "service_request_id": {ref}, "update_id": {"1"},
				"status": {"OPEN"}, "description": {"Still there."}, "media_url": {at + "/photo.jpg"}}).want(200)
		}
		if c, _ := s.caseOf(ref); asked != 1 || len(c.Files) != 1 {
			t.Errorf("asked %d times for %d files", asked, len(c.Files))
		}
	})
}

func Test_an_update_is_the_act_a_pack_says_where_the_case_stands_for_it(t *testing.T) {
	p := changed(t, "withdrawn: cancelled}\n", "withdrawn: cancelled}\n    takes: [{status: in_progress, act: begin}]\n")
	quickWith(t, p, func(s *site) {
		ref := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610", "service_code", "road.pavement")).opened()
		send := func(id string) casework.Case {
			s.post("servicerequestupdates.xml", url.Values{"jurisdiction_id": {"linjiang.example"}, "api_key": {s.keys["officer"]}, "service_request_id": {ref}, "update_id": {id},
				"status": {"IN_PROGRESS"}, "description": {"They are digging."}}).want(200)
			c, _ := s.caseOf(ref)
			return c
		}
		if c := send("1"); c.State != "received" {
			t.Errorf("the case went to %s where it could not", c.State)
		}
		s.do(ref, "accept")
		if c := send("2"); c.State != "in_hand" {
			t.Errorf("the case stands at %s", c.State)
		}
	})
}

func Test_the_list_of_services_is_whole_in_every_language(t *testing.T) {
	quick(t, func(s *site) {
		for _, lang := range []string{"en", "zh-CN", "fr", ""} {
			r := httptest.NewRequest(http.MethodGet, open311.Endpoint+"services.xml?jurisdiction_id=linjiang.example", nil)
			if got, want := strings.Count(s.send(r, "Accept-Language", lang).want(200).Body.String(), "<service>"), len(s.city.Pack.Open311.Services); got != want {
				t.Errorf("%q: %d of %d services", lang, got, want)
			}
		}
		body := s.get("services.xml").Body.String()
		if !strings.Contains(body, "<keywords>private,gas,smell,leak</keywords>") || strings.Count(body, "private") != 1 {
			t.Error("a service whose requests are shown to nobody does not say private, or another one does")
		}
	})
}
