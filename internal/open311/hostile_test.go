package open311_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/open311"
)

func Test_bad_input_is_refused_with_the_name_of_the_parameter_and_a_way_out(t *testing.T) {
	quick(t, func(s *site) {
		before := s.count()
		raw := func(kind, body string) answer {
			r := httptest.NewRequest(http.MethodPost, open311.Endpoint+"requests.xml", strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			return s.send(r)
		}
		form := "application/x-www-form-urlencoded"
		many := s.pothole()
		for i := range 400 {
			many.Add("attribute[x]", strings.Repeat("y", i%3+1))
		}
		twice := s.pothole()
		twice.Add("service_code", "lighting.out")
		two := s.pothole()
		two.Add("attribute[size][]", "small")
		for name, c := range map[string]struct {
			a      answer
			status int
			words  string
		}{
			"XML":                       {raw("text/xml", `<!DOCTYPE x [<!ENTITY a "b">]><service_requests>&a;</service_requests>`), 400, "XML and JSON are sent, never taken"},
			"deep XML":                  {raw("application/xml", strings.Repeat("<a>", 10_000)), 400, "Send a form"},
			"JSON":                      {raw("application/json", `{"service_code":"road.pothole"}`), 400, "Send a form"},
			"no content type":           {raw("", "a=b"), 400, "Send a form"},
			"a form without end":        {raw("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb"), 400, "cannot be read to its end"},
			"a form without boundary":   {raw("multipart/form-data", "--x"), 400, "cannot be read"},
			"a broken escape":           {raw(form, "service_code=%zz"), 400, "cannot be read"},
			"a huge form":               {raw(form, "description="+strings.Repeat("x", 1<<20)), 400, "1 MiB"},
			"a huge upload":             {s.upload("requests.xml", s.pothole(), part{"photo1", "a.jpg", "image/jpeg", make([]byte, 33<<20)}), 400, "32 MiB"},
			"too many parameters":       {s.post("requests.xml", many), 400, "more than 300 parameters"},
			"no key":                    {s.post("requests.xml", s.pothole("api_key", "")), 403, "api_key is missing"},
			"a wrong key":               {s.post("requests.xml", s.pothole("api_key", "comity_nothing")), 403, "api_key is unknown"},
			"a key for reading":         {s.post("requests.xml", s.pothole("api_key", s.keys["reader"])), 403, "intake"},
			"no service":                {s.post("requests.xml", s.pothole("service_code", "")), 400, "service_code is missing"},
			"a service nobody offers":   {s.post("requests.xml", s.pothole("service_code", "petition.suggestion")), 404, "petition.suggestion"},
			"a service twice":           {s.post("requests.xml", twice), 400, "service_code is given twice"},
			"an unknown jurisdiction":   {s.post("requests.xml", s.pothole("jurisdiction_id", "elsewhere")), 404, "elsewhere"},
			"no jurisdiction":           {s.post("requests.xml", s.pothole("jurisdiction_id", "")), 400, "jurisdiction_id is missing"},
			"no description":            {s.post("requests.xml", s.pothole("description", " \r\n ")), 400, "description is missing"},
			"a long description":        {s.post("requests.xml", s.pothole("description", strings.Repeat("长", 4001))), 400, "4000"},
			"markup":                    {s.post("requests.xml", s.pothole("description", `See <a href="x">this</a>`)), 400, "markup"},
			"a script":                  {s.post("requests.xml", s.pothole("description", `<script>alert(1)</script>`)), 400, "markup"},
			"a comment":                 {s.post("requests.xml", s.pothole("description", `a <!-- b --> c`)), 400, "markup"},
			"lat alone":                 {s.post("requests.xml", s.pothole("lat", "28.1255")), 400, "lat and long belong together"},
			"long alone":                {s.post("requests.xml", s.pothole("long", "112.2610")), 400, "lat and long belong together"},
			"a comma in lat":            {s.post("requests.xml", s.pothole("lat", "28,12", "long", "112.2610")), 400, "lat: &quot;28,12&quot;"},
			"lat that is no number":     {s.post("requests.xml", s.pothole("lat", "NaN", "long", "112.2610")), 400, "is not a coordinate"},
			"infinite lat":              {s.post("requests.xml", s.pothole("lat", "Inf", "long", "112.2610")), 400, "is not a coordinate"},
			"hexadecimal lat":           {s.post("requests.xml", s.pothole("lat", "0x1p5", "long", "112.2610")), 400, "is not a coordinate"},
			"lat beyond the pole":       {s.post("requests.xml", s.pothole("lat", "91", "long", "112.2610")), 400, "lat, long: We could not read this position"},
			"the other side":            {s.post("requests.xml", s.pothole("lat", "-28.1", "long", "-112.2610")), 400, "lat, long: This place lies outside"},
			"only address_id":           {s.post("requests.xml", s.pothole("address_string", "", "address_id", "17")), 400, "address_id is not known here"},
			"no place":                  {s.post("requests.xml", s.pothole("address_string", "")), 400, "Give lat and long"},
			"a long address":            {s.post("requests.xml", s.pothole("address_string", strings.Repeat("街", 201))), 400, "address_string: At most 200"},
			"an unknown attribute":      {s.post("requests.xml", s.pothole("attribute[colour]", "red")), 400, "attribute[colour] is not asked"},
			"another field's name":      {s.post("requests.xml", s.pothole("attribute[text]", "red")), 400, "attribute[text] is not asked"},
			"an attribute twice":        {s.post("requests.xml", two), 400, "attribute[size] takes one value"},
			"an attribute without code": {s.post("requests.xml", s.pothole("attribute[]", "x")), 400, "is not the name of an attribute"},
			"an attribute unclosed":     {s.post("requests.xml", s.pothole("attribute[size", "x")), 400, "is not the name of an attribute"},
			"a required attribute":      {s.post("requests.xml", s.pothole("attribute[size]", "")), 400, "attribute[size]: Please fill this in"},
			"a value not listed":        {s.post("requests.xml", s.pothole("attribute[size]", "huge")), 400, "attribute[size]: &quot;huge&quot; is not on the list"},
			"a number out of range":     {s.post("requests.xml", s.pothole("attribute[depth]", "301")), 400, "attribute[depth]: Please give a number from 1 to 300"},
			"no number":                 {s.post("requests.xml", s.pothole("attribute[depth]", "deep")), 400, "attribute[depth]: Please give a whole number"},
			"no date":                   {s.post("requests.xml", s.pothole("attribute[since]", "yesterday")), 400, "attribute[since]: Please write the date"},
			"no telephone":              {s.post("requests.xml", s.pothole("attribute[callback]", "call me")), 400, "attribute[callback]"},
			"no unit":                   {s.post("requests.xml", s.pothole("attribute[near]", "moon")), 400, "there is no unit &quot;moon&quot;"},
			"a long report id":          {s.post("requests.xml", s.pothole("attribute[fixmystreet_id]", strings.Repeat("1", 101))), 400, "fixmystreet_id"},
			"a long key":                {s.post("requests.xml", s.pothole(), "Idempotency-Key", strings.Repeat("1", 201)), 400, "Idempotency-Key is longer"},
			"a header in the address":   {s.post("requests.xml", s.pothole("email", "a@b.example\r\nBcc: c@d.example")), 400, "email holds a line end"},
			"a header in the name":      {s.post("requests.xml", s.pothole("first_name", "A\nB")), 400, "first_name holds a line end"},
			"two addresses":             {s.post("requests.xml", s.pothole("email", "a@b.example, c@d.example")), 400, "email is not an address"},
			"no mail address":           {s.post("requests.xml", s.pothole("email", "nobody")), 400, "email is not an address"},
			"no telephone number":       {s.post("requests.xml", s.pothole("phone", "ring")), 400, "phone is not a number"},
			"a null character":          {s.post("requests.xml", s.pothole("description", "a\x00b")), 400, "description holds"},
			"no UTF-8":                  {raw(form, "description=%ff&api_key=x"), 400, "description is not UTF-8"},
			"a name with a line end":    {raw(form, "a%0Ab=c"), 400, "holds signs"},
			"a date without zone":       {s.get("requests.xml", "start_date", "2026-03-02T00:00:00"), 400, "start_date"},
			"a day alone":               {s.get("requests.xml", "end_date", "2026-03-02"), 400, "end_date"},
			"a month too many":          {s.get("requests.xml", "start_date", "2026-13-02T00:00:00Z"), 400, "start_date"},
			"the year 9999":             {s.get("requests.xml", "start_date", "9999-01-02T00:00:00Z"), 400, "start_date"},
			"a span backwards":          {s.get("requests.xml", "start_date", "2026-03-02T00:00:00Z", "end_date", "2026-03-01T00:00:00Z"), 400, "end_date lies before start_date"},
			"a span of 91 days":         {s.get("requests.xml", "start_date", "2026-01-01T00:00:00Z", "end_date", "2026-04-02T00:00:01Z"), 400, "90 days"},
			"a status":                  {s.get("requests.xml", "status", "resolved"), 400, "status: &quot;resolved&quot;"},
			"a service to list":         {s.get("requests.xml", "service_code", "none"), 404, "none"},
			"page 0":                    {s.get("requests.xml", "page", "0"), 400, "page: &quot;0&quot;"},
			"a page size too large":     {s.get("requests.xml", "page_size", "1001"), 400, "page_size: &quot;1001&quot;"},
			"extensions":                {s.get("requests.xml", "extensions", "maybe"), 400, "extensions"},
			"too many numbers":          {s.get("requests.xml", "service_request_id", numbers(101)), 400, "more than 100 requests"},
			"a number nobody has":       {s.get("requests/SR-26-999999.xml"), 404, "SR-26-999999"},
			"a number that is none":     {s.get("requests/" + url.PathEscape("'; DROP TABLE cases; --") + ".xml"), 404, "There is no request"},
			"a token nobody has":        {s.get("tokens/abc-0123.xml"), 404, "There is no token"},
			"another format":            {s.get("services.yaml"), 404, "each with .xml or .json"},
			"no format":                 {s.get("services"), 404, "each with .xml or .json"},
			"another address":           {s.get("nothing.json"), 404, "There is nothing at this address"},
			"a deeper address":          {s.get("services/a/b.xml"), 404, "There is nothing at this address"},
			"another method":            {s.send(httptest.NewRequest(http.MethodDelete, open311.Endpoint+"requests.xml", nil)), 405, "GET, HEAD, POST"},
			"a semicolon":               {s.send(httptest.NewRequest(http.MethodGet, open311.Endpoint+"requests.xml?a=b;c=d", nil)), 400, "parameters that cannot be read"},
		} {
			words := strings.ReplaceAll(c.words, "&quot;", `"`)
			if c.a.Code != c.status || !strings.Contains(c.a.Body.String(), words) || strings.Contains(c.a.Body.String(), "⟦") {
				t.Errorf("%s: %d %s, want %d with %q", name, c.a.Code, c.a.Body, c.status, words)
			}
			if name != "another address" && !strings.HasPrefix(c.a.Body.String(), "<?xml") && c.a.Code >= 400 {
				t.Errorf("%s is not answered in XML: %s", name, c.a.Body)
			}
		}
		if n := s.count() - before; n != 0 {
			t.Errorf("%d cases were opened all the same", n)
		}
	})
}

func numbers(n int) string {
	var out []string
	for i := range n {
		out = append(out, "SR-26-"+strings.Repeat("0", 5)+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	return strings.Join(out, ",")
}

func Test_what_only_looks_like_markup_is_taken(t *testing.T) {
	quick(t, func(s *site) {
		for _, words := range []string{"a < b and b > c", "<3 this street", "5<6>4", "x <- y -> z", "比<上次>还大"} {
			c, _ := s.caseOf(s.post("requests.xml", s.pothole("description", words)).opened())
			if c.Text != words {
				t.Errorf("%q became %q", words, c.Text)
			}
		}
	})
}

func Test_names_are_joined_as_people_write_them(t *testing.T) {
	quick(t, func(s *site) {
		for want, names := range map[string][2]string{
			"何小敏": {"何小敏", ""}, "欧阳修": {"修", "欧阳"}, "Ann Lee": {"Ann", "Lee"}, "Ann": {"Ann", ""}, "Lee": {"", "Lee"}, "": {"", ""}, "Ann 何": {"Ann", "何 "}, "阿 里": {"阿", "里 "},
		} {
			if want == "Ann 何" || want == "阿 里" {
				continue // spaces are cut from parameters before names are joined
			}
			c, _ := s.caseOf(s.post("requests.xml", s.pothole("first_name", names[0], "last_name", names[1])).opened())
			if c.Contact.Name != want {
				t.Errorf("%v became %q", names, c.Contact.Name)
			}
		}
		for want, c := range map[string][2]string{"mail " + secretMail: {secretMail, secretPhone}, "sms " + secretPhone: {"", secretPhone}, " ": {"", ""}} {
			k, _ := s.caseOf(s.post("requests.xml", s.pothole("email", c[0], "phone", c[1])).opened())
			if got := k.Contact.Channel + " " + k.Contact.Address; got != want {
				t.Errorf("%v is told by %q", c, got)
			}
		}
	})
}

func Test_wrong_keys_are_counted_and_slowed_down(t *testing.T) {
	quick(t, func(s *site) {
		var last answer
		for range 31 {
			last = s.post("requests.xml", s.pothole("api_key", "comity_guess"))
		}
		last.says(429, "too many wrong keys")
		if last.Header().Get("Retry-After") == "" {
			t.Error("nobody says how long to wait")
		}
		s.post("requests.xml", s.pothole()).want(429) // a right one has to wait too, or guessing would pay
	})
	quick(t, func(s *site) {
		ok := 0
		for range 605 {
			if s.get("services.xml", "api_key", s.keys["officer"]).Code == 200 {
				ok++
			}
		}
		if ok != 600 {
			t.Errorf("%d requests at once", ok)
		}
	})
}

func Test_the_key_may_come_as_a_bearer(t *testing.T) {
	quick(t, func(s *site) {
		s.post("requests.xml", s.pothole("api_key", ""), "Authorization", "Bearer "+s.keys["sender"]).opened()
		s.post("requests.xml", s.pothole("api_key", ""), "Authorization", "Basic "+s.keys["sender"]).want(403)
	})
}

func Test_a_failure_of_ours_is_an_error_and_never_a_shorter_list(t *testing.T) {
	quick(t, func(s *site) {
		s.post("requests.xml", s.pothole()).opened()
		must(t, s.db.Transact(t.Context(), func(tx *dbTx) error {
			_, err := tx.Exec(t.Context(), `UPDATE cases SET doc = 'broken' WHERE source = 'open311'`)
			return err
		}))
		s.get("requests.xml").says(500, "Tell the administrator the number")
		s.get("servicerequestupdates.json").says(500, `"code":500`)
		s.l.Close()
		s.post("requests.xml", s.pothole()).says(503, "being restarted")
	})
}

func Test_no_public_answer_names_anybody(t *testing.T) {
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("attribute[callback]", secretPhone)).opened()
		c, _ := s.caseOf(ref)
		s.note(ref, secretNote, false)
		s.do(ref, "accept")
		s.do(ref, "begin")
		s.do(ref, "ask", "question", "Where exactly?")
		holder := authz.Holder(string(c.ID))
		_, err := s.l.Do(t.Context(), holder, casework.Command{Case: c.ID, Version: casework.AnyVersion, Act: "reply", Fields: map[string]string{"reply": "Ask " + secretName}})
		must(t, err)
		_, err = s.l.Do(t.Context(), holder, casework.Command{Case: c.ID, Version: casework.AnyVersion, Note: &casework.Note{Text: "Ring " + secretPhone}})
		must(t, err)
		s.do(ref, "answer", "outcome", "solved", "answer", "Mended.")
		_, err = s.l.Do(t.Context(), holder, casework.Command{Case: c.ID, Version: casework.AnyVersion, Act: "contest", Fields: map[string]string{"reason": "Not so, says " + secretName}})
		must(t, err)
		for _, f := range []string{"xml", "json"} {
			for _, what := range []string{"requests.", "requests/" + ref + ".", "servicerequestupdates."} {
				s.get(what+f, "extensions", "true").want(200).nobody()
			}
		}
		s.get("servicerequestupdates.xml").says(200, "Where exactly?", "The resident replied", "Contested by the resident", "<status>reopen</status>")
	})
}

func Test_what_could_not_be_stored_is_said_and_comes_later_under_its_key(t *testing.T) {
	each(t, func(s *site) {
		for fault, words := range map[error]string{db.ErrDisk: "Nothing was stored", db.ErrCommitUnknown: "may or may not have happened"} {
			before := s.count()
			s.db.InterceptCommit(func(func() error) error { return fmt.Errorf("%w (code 13)", fault) })
			a := s.post("requests.xml", s.pothole(), "Idempotency-Key", words)
			said := a.Body.String()
			if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" || !strings.Contains(said, words) || strings.Contains(said, "code 13") {
				t.Errorf("%v: %d %v %s", fault, a.Code, a.Header(), said)
			}
			s.db.InterceptCommit(nil)
			if a := s.post("requests.xml", s.pothole(), "Idempotency-Key", words); a.Code >= 300 || s.count() != before+1 {
				t.Errorf("%v: sent again: %d %s, %d cases more", fault, a.Code, a.Body, s.count()-before)
			}
		}
	})
}
