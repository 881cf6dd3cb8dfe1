package desk_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/text"
)

func TestWithout_a_session_every_page_leads_to_sign_in_and_back(t *testing.T) {
	c := newCity(t)
	b := c.browser()
	for _, path := range []string{"/desk", "/desk/cases?view=mine", "/desk/new", "/desk/clock"} {
		a := b.get(path)
		if a.status != http.StatusSeeOther || a.to != "/desk/signin?back="+url.QueryEscape(path) {
			t.Errorf("GET %s answered %d to %q", path, a.status, a.to)
		}
	}
	if a := b.post("/desk/new", url.Values{}); a.status != http.StatusForbidden || !strings.Contains(a.body, "Your session has ended") {
		t.Errorf("a form without a session answered %d: %s", a.status, brief(a.body))
	}
	page := b.ok("/desk/signin?back=/desk/cases")
	has(t, page, `value="guiyuan-head"`)
	a := b.post("/desk/signin", url.Values{"login": {"guiyuan-head"}, "password": {password}, "back": {"/desk/cases?view=mine"}})
	if a.to != "/desk/cases?view=mine" {
		t.Errorf("sign-in led to %q", a.to)
	}
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/;"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the session cookie lacks %s: %s", want, cookie)
		}
	}
	for _, evil := range []string{"//evil.example/", "https://evil.example/", `/\evil.example`, "/elsewhere"} {
		if a := c.browser().post("/desk/signin", url.Values{"login": {"guiyuan-head"}, "password": {password}, "back": {evil}}); a.to != "/desk" {
			t.Errorf("back=%s led to %q", evil, a.to)
		}
	}
}

func TestWrong_passwords_are_slowed_down_and_signing_out_ends_the_session(t *testing.T) {
	c := newCity(t)
	b := c.browser()
	for range 3 {
		if a := b.post("/desk/signin", url.Values{"login": {"guiyuan-head"}, "password": {"no"}}); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("a wrong password answered %d", a.status)
		}
	}
	if a := b.post("/desk/signin", url.Values{"login": {"guiyuan-head"}, "password": {password}}); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("the fourth try answered %d", a.status)
	}
	c.set(c.now().Add(time.Minute))
	b = c.as("guiyuan-head")
	b.ok("/desk")
	b.post("/desk/signout", nil)
	if a := b.get("/desk"); a.status != http.StatusSeeOther {
		t.Errorf("after signing out /desk answered %d", a.status)
	}
}

func TestA_case_of_another_unit_does_not_exist(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	ref := string(r.Ref)
	c.as("guiyuan-clerk").ok("/desk/cases/" + ref)
	c.as("binjiang-head").ok("/desk/cases/" + ref)
	other := c.as("donghu-head")
	for _, path := range []string{"/desk/cases/" + ref, "/desk/cases/" + ref + "/do/accept", "/desk?unit=guiyuan", "/desk/cases?unit=guiyuan", "/desk/cases/XX-26-1"} {
		if a := other.get(path); a.status != http.StatusNotFound {
			t.Errorf("GET %s answered %d to somebody else's officer", path, a.status)
		}
	}
	if a := other.act(r.Ref, "accept"); a.status != http.StatusNotFound {
		t.Errorf("accepting somebody else's case answered %d", a.status)
	}
	if a := other.post("/desk/cases/"+ref+"/note", url.Values{"text": {"x"}}); a.status != http.StatusNotFound {
		t.Errorf("a note on somebody else's case answered %d", a.status)
	}
	hasNot(t, other.ok("/desk/cases?q="+ref), "The pavement")
}

func TestThe_page_offers_exactly_what_the_ledger_would_accept(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	d := c.pack.Procedures["service-request"]
	for _, login := range []string{"guiyuan-clerk", "guiyuan-officer", "guiyuan-head", "binjiang-head"} {
		b := c.as(login)
		page := b.ok("/desk/cases/" + string(r.Ref))
		for _, a := range d.Acts {
			link := "/desk/cases/" + string(r.Ref) + "/do/" + a.ID + `"`
			offered := strings.Contains(page, link)
			got := b.get("/desk/cases/" + string(r.Ref) + "/do/" + a.ID)
			if offered != (got.status == http.StatusOK) {
				t.Errorf("%s: %s is offered: %v, but its page answers %d", login, a.ID, offered, got.status)
			}
		}
	}
	has(t, c.as("guiyuan-clerk").ok("/desk/cases/"+string(r.Ref)), "/do/accept")
	hasNot(t, c.as("guiyuan-clerk").ok("/desk/cases/"+string(r.Ref)), "/do/take_over")
	hasNot(t, c.as("binjiang-head").ok("/desk/cases/"+string(r.Ref)), "/do/accept")
	has(t, c.as("binjiang-head").ok("/desk/cases/"+string(r.Ref)), "/do/take_over")
}

func TestA_case_is_accepted_begun_and_answered_from_the_desk(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-officer")
	if a := b.act(r.Ref, "accept", "version", b.version(string(r.Ref))); a.status != http.StatusSeeOther || !strings.Contains(a.to, "done=accepted") {
		t.Fatalf("accepting answered %d to %q: %s", a.status, a.to, brief(a.body))
	}
	has(t, b.ok("/desk/cases/"+string(r.Ref)+"?done=accepted"), `role="status"`)
	b.act(r.Ref, "begin")
	a := b.act(r.Ref, "answer", "outcome", "solved", "answer", "x")
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("an answer that is too short answered %d", a.status)
	}
	has(t, a.body, `id="errors"`)
	has(t, a.body, ">x</textarea>")
	a = b.act(r.Ref, "answer", "outcome", "solved", "answer", "The slabs were laid again on Tuesday.")
	if a.status != http.StatusSeeOther {
		t.Fatalf("answering answered %d: %s", a.status, brief(a.body))
	}
	page := b.ok("/desk/cases/" + string(r.Ref))
	has(t, page, "The slabs were laid again on Tuesday.")
	has(t, page, "Name of guiyuan-officer")
	has(t, page, "Answered in time")
}

func TestA_contested_answer_is_promised_anew(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	b.act(r.Ref, "begin")
	b.act(r.Ref, "answer", "outcome", "solved", "answer", "The slabs were laid again on Tuesday.")
	_, err := c.ledger.Do(t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "contest", Fields: map[string]string{"reason": "They wobble still."}})
	if err != nil {
		t.Fatal(err)
	}
	page := c.as("binjiang-head").ok("/desk/cases/" + string(r.Ref))
	hasNot(t, page, "Answered in time")
	has(t, page, "Promised to the resident")
	has(t, page, "Must not act again")
}

func TestA_stale_form_keeps_its_text_and_shows_what_changed(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	head, clerk := c.as("guiyuan-head"), c.as("guiyuan-clerk")
	seen := clerk.version(string(r.Ref))
	head.act(r.Ref, "accept")
	a := clerk.act(r.Ref, "offer", "version", seen, "unit", "guiyuan-ganyuan", "reason", "It lies in their community.")
	if a.status != http.StatusConflict {
		t.Fatalf("a stale form answered %d: %s", a.status, brief(a.body))
	}
	has(t, a.body, "It lies in their community.")
	has(t, a.body, "Name of guiyuan-head")
	has(t, a.body, `value="guiyuan-ganyuan" selected`)
	again := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(a.body)
	if a = clerk.act(r.Ref, "offer", "version", again[1], "unit", "guiyuan-ganyuan", "reason", "It lies in their community."); a.status != http.StatusSeeOther {
		t.Fatalf("sending again answered %d: %s", a.status, brief(a.body))
	}
	has(t, clerk.ok("/desk/cases/"+string(r.Ref)), "stays responsible")
	has(t, c.as("ganyuan-officer").ok("/desk/cases?view=offered"), string(r.Ref))
}

func TestAfter_an_act_the_next_case_of_the_list_follows(t *testing.T) {
	c := newCity(t)
	first := c.report("First matter of the day.")
	second := c.report("Second matter of the day.")
	b := c.as("guiyuan-clerk")
	list := b.ok("/desk/cases")
	if strings.Index(list, string(first.Ref)) > strings.Index(list, string(second.Ref)) {
		first, second = second, first
	}
	page := b.ok("/desk/cases/" + string(first.Ref) + "?in=-")
	has(t, page, "/desk/cases/"+string(second.Ref)+"?in=-")
	a := b.post("/desk/cases/"+string(first.Ref)+"/do/accept?in=-", url.Values{"then": {"list"}})
	if a.to != "/desk/cases/"+string(second.Ref)+"?in=-" {
		t.Errorf("led to %q", a.to)
	}
}

func TestThe_list_keeps_every_filter_in_its_address(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("binjiang-head")
	page := b.ok("/desk/cases?unit=guiyuan&state=service-request.received&category=road.pavement&sort=-opened")
	has(t, page, "The pavement")
	for _, want := range []string{"unit=guiyuan", "category=road.pavement", "state=service-request.received"} {
		if n := strings.Count(page, want); n < 10 {
			t.Errorf("%s stands only %d times in the links of the page", want, n)
		}
	}
	hasNot(t, b.ok("/desk/cases?state=service-request.closed"), "The pavement")
	has(t, b.ok("/desk/cases?state=service-request.closed"), "No case fits")
	has(t, b.ok("/desk/cases?view=unassigned"), "The pavement")
	hasNot(t, b.ok("/desk/cases?view=mine"), "The pavement")
	has(t, b.ok("/desk/cases?q=pavement"), "The <mark>pavement</mark>")
	c.as("guiyuan-officer").act(r.Ref, "redirect", "told_where", "The water company, 96533", "answer", "The pipe belongs to the water company.")
	has(t, b.ok("/desk/cases?q=pavement"), "The <mark>pavement</mark>")
	hasNot(t, b.ok("/desk/cases?q=pavement&view=todo"), "The pavement")
	has(t, b.ok("/desk/cases?view=resident"), "The pavement")
	for _, bad := range []string{"due=yesterday", "sort=evil&after=%00", "unit=nowhere"} {
		if a := b.get("/desk/cases?" + bad); a.status >= 500 {
			t.Errorf("?%s answered %d", bad, a.status)
		}
	}
}

func TestA_long_list_goes_on_page_by_page_without_repeats(t *testing.T) {
	c := newCity(t)
	for i := range 120 {
		c.report(fmt.Sprintf("Matter number %d of the day", i))
		c.set(c.now().Add(time.Second))
	}
	b := c.as("guiyuan-clerk")
	seen := map[string]bool{}
	next := "/desk/cases"
	pages := 0
	for next != "" {
		page := b.ok(next)
		pages++
		for _, m := range regexp.MustCompile(`name="id" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if seen[m[1]] {
				t.Errorf("%s is on two pages", m[1])
			}
			seen[m[1]] = true
		}
		m := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(page)
		next = ""
		if m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d cases on %d pages, want 120 on 3", len(seen), pages)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.get("/desk/cases", "Accept", "text/csv").body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 121 {
		t.Errorf("the table has %d rows, %v; want all 120 and a head", len(rows), err)
	}
	two := url.Values{"format": {"csv"}, "id": {rows[1][0], rows[120][0]}}
	if n := strings.Count(b.get("/desk/cases?"+two.Encode()).body, "Matter number"); n != 2 {
		t.Errorf("of two ticked cases the table has %d", n)
	}
}

func TestA_table_never_holds_a_formula(t *testing.T) {
	c := newCity(t)
	for _, evil := range []string{`=HYPERLINK("http://evil.example","x")`, "+1+1", "-2+3", "@SUM(A1)", "　=1+1"} {
		c.report(evil)
	}
	a := c.as("guiyuan-clerk").get("/desk/cases?format=csv")
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Fatalf("Content-Type is %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 6 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows[1:] {
		if !strings.HasPrefix(row[1], "'") {
			t.Errorf("the title %q would run as a formula", row[1])
		}
	}
}

func TestPhone_and_code_of_the_resident_are_not_on_the_page(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	page := c.as("guiyuan-head").ok("/desk/cases/" + string(r.Ref))
	hasNot(t, page, "13812342075")
	hasNot(t, page, "1234")
	hasNot(t, page, string(r.Code))
	has(t, page, casework.Veil)
	b := c.as("guiyuan-head")
	look := b.postForm("/desk/cases/"+string(r.Ref)+"/look", url.Values{"level": {"identity"}, "purpose": {"contact"}}, nil)
	has(t, look.body, "13812342075")
	hasNot(t, look.body, string(r.Code))
	if looks, err := c.reader.Looks(t.Context(), r.Case, 1); err != nil || len(looks) != 1 || looks[0].Purpose != "contact" || looks[0].Level != authz.Identity {
		t.Errorf("the look was recorded as %+v, %v", looks, err)
	}
}

func TestWords_of_a_resident_are_never_markup(t *testing.T) {
	c := newCity(t)
	r := c.report(`<script>alert(1)</script> "quoted" & done`)
	b := c.as("guiyuan-head")
	for _, path := range []string{"/desk", "/desk/cases", "/desk/cases?peek=" + string(r.Ref), "/desk/cases/" + string(r.Ref), "/desk/cases?q=%3Cscript%3Ealert(2)", "/desk/inbox"} {
		page := b.ok(path)
		hasNot(t, page, "<script>alert")
		hasNot(t, page, "hello <b>")
	}
}

func TestA_note_is_for_the_house_unless_it_is_said_to_be_public(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-clerk")
	path := "/desk/cases/" + string(r.Ref)
	b.post(path+"/note", url.Values{"text": {"Inside only"}, "aud": {"internal"}})
	b.post(path+"/note", url.Values{"text": {"For you to read"}, "aud": {"public"}})
	got, err := c.reader.ByCode(t.Context(), r.Code)
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.reader.Events(t.Context(), got.ID)
	if err != nil || len(events) != 3 || events[1].Note.Public || !events[2].Note.Public {
		t.Fatalf("events are %+v, %v", events, err)
	}
	has(t, b.ok(path), "Inside only")
	public := b.ok(path + "?show=public")
	hasNot(t, public, "Inside only")
	has(t, public, "For you to read")
	if a := b.post(path+"/note", url.Values{"text": {"  "}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an empty note answered %d", a.status)
	}
}

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (b *browser) upload(path, name string, data []byte) answer {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("files", name)
	if err != nil {
		b.t.Fatal(err)
	}
	part.Write(data)
	m.Close()
	r, err := http.NewRequest(http.MethodPost, b.base+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(r)
}

func TestA_file_is_kept_clean_and_handed_out_to_those_who_may_read_the_case(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-clerk")
	path := "/desk/cases/" + string(r.Ref)
	if a := b.upload(path+"/files", "photo.png", picture(t)); a.status != http.StatusSeeOther {
		t.Fatalf("the upload answered %d: %s", a.status, brief(a.body))
	}
	if a := b.upload(path+"/files", "evil.html", []byte("<html><script>1</script>")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("markup as a file answered %d", a.status)
	}
	m := regexp.MustCompile(`href="(` + path + `/files/[0-9a-f]{64})"`).FindStringSubmatch(b.ok(path))
	if m == nil {
		t.Fatal("the page has no link to the file")
	}
	a := b.get(m[1])
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/png" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the file answered %d with %v", a.status, a.header)
	}
	if a := c.as("donghu-head").get(m[1]); a.status != http.StatusNotFound {
		t.Errorf("somebody else's file answered %d", a.status)
	}
	if a := b.get(path + "/files/" + strings.Repeat("0", 64)); a.status != http.StatusNotFound {
		t.Errorf("a file the case does not have answered %d", a.status)
	}
}

func TestThe_counter_registers_a_matter_once_and_shows_the_code_once(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-clerk")
	key := regexp.MustCompile(`name="_key" value="([^"]+)"`).FindStringSubmatch(b.ok("/desk/new"))
	if key == nil {
		t.Fatal("the form has no key")
	}
	bad := b.post("/desk/new", url.Values{"_key": {key[1]}, "text": {"Lamp out"}, "category": {""}, "contact": {"abc"}, "unit": {"guiyuan-ganyuan"}})
	if bad.status != http.StatusUnprocessableEntity {
		t.Fatalf("a form with mistakes answered %d", bad.status)
	}
	has(t, bad.body, "Lamp out")
	form := url.Values{"_key": {key[1]}, "source": {"phone"}, "readback": {"yes"}, "category": {"road.pavement"}, "text": {"The slabs wobble."}, "unit": {"guiyuan-ganyuan"}, "contact": {"138 1234 2075"}, "lang": {"zh-CN"}}
	a := b.post("/desk/new", form)
	if a.status != http.StatusOK {
		t.Fatalf("registering answered %d: %s", a.status, brief(a.body))
	}
	code := regexp.MustCompile(`class="code">([^<]+)<`).FindStringSubmatch(a.body)
	if code == nil {
		t.Fatal("the slip shows no code")
	}
	got, err := c.reader.ByCode(t.Context(), casework.Code(code[1]))
	got, _ = c.made.Opened(t, got.ID)
	if err != nil || got.Source != "phone" || got.Contact.Address != "13812342075" || got.Holder != "guiyuan" {
		t.Errorf("the case is %+v, %v", got, err)
	}
	again := b.post("/desk/new", form)
	has(t, again.body, code[1])
	has(t, again.body, "sent before")
}

func TestThe_case_page_explains_its_date_day_by_day(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	c.set(c.now().Add(5 * time.Hour))
	page := c.as("guiyuan-head").ok("/desk/cases/" + string(r.Ref))
	has(t, page, "5 working days")
	has(t, page, `class="run"`)
	if n := strings.Count(page, "Counted"); n < 4 {
		t.Errorf("only %d counted days are shown", n)
	}
	has(t, page, "Weekend, not counted")
	for _, lang := range []string{"zh-CN", "en"} {
		c.as("guiyuan-head").ok("/desk/cases/" + string(r.Ref) + "?print=1&lang=" + lang)
	}
}

func TestEvery_page_speaks_both_languages(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-head")
	b.act(r.Ref, "accept")
	for _, path := range []string{"/desk", "/desk/cases", "/desk/cases?view=closed", "/desk/cases?view=offered", "/desk/cases?view=paused", "/desk/cases?view=overdue", "/desk/cases?view=mine",
		"/desk/cases?peek=" + string(r.Ref), "/desk/cases/" + string(r.Ref), "/desk/cases/" + string(r.Ref) + "/do/assign",
		"/desk/cases/" + string(r.Ref) + "/do/offer", "/desk/cases/" + string(r.Ref) + "/do/redirect", "/desk/new", "/desk/new?source=letter", "/desk/news", "/desk/news?kind=risk", "/desk/bulk", "/desk/bulk?id=" + string(r.Ref), "/desk/bulk?procedure=service-request&act=assign&id=" + string(r.Ref), "/desk/me", "/desk/inbox", "/desk/clock", "/desk/cases?format=csv"} {
		for _, lang := range []string{"zh-CN", "en"} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			b.ok(path + sep + "lang=" + lang) // browser.do reports missing texts
		}
	}
}

func TestThe_demonstration_clock_only_moves_forward(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-head")
	before := c.now()
	b.post("/desk/clock", url.Values{"step": {"workday"}})
	if got := c.now().Sub(before); got != 24*time.Hour {
		t.Errorf("a working day from Monday moved the clock by %v", got)
	}
	if a := b.post("/desk/clock", url.Values{"step": {"at"}, "at": {"2020-01-01T10:00"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("moving back answered %d", a.status)
	}
}

// Keys are found in the sources, so that a word forgotten in the catalogue fails here and not on
// somebody's screen.
func TestEvery_key_the_desk_names_has_words_in_both_languages(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`"(desk\.[a-z0-9_.]+[a-z0-9])"`)
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".css") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(src), -1) {
			checked++
			for _, lang := range []string{"zh-CN", "en"} {
				if s := base.In(lang); !s.Has(m[1]) && !s.Has(m[1]+".other") && !s.Has("problem."+m[1]) {
					t.Errorf("%s: %s has no words in %s", name, m[1], lang)
				}
			}
		}
	}
	if checked < 150 {
		t.Errorf("only %d keys were found; the search is broken", checked)
	}
	for _, k := range base.Keys("en") {
		if strings.HasPrefix(k, "desk.") && !base.In("zh-CN").Has(k) && !strings.HasSuffix(k, ".one") {
			t.Errorf("%s exists in English only", k)
		}
	}
	for _, k := range base.Keys("zh-CN") {
		if strings.HasPrefix(k, "desk.") && !base.In("en").Has(k) {
			t.Errorf("%s exists in Chinese only", k)
		}
	}
}

func TestA_stock_reply_fills_the_field_with_the_facts_of_the_case(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	b.act(r.Ref, "begin")
	path := "/desk/cases/" + string(r.Ref) + "/do/answer"
	page := b.ok(path)
	has(t, page, "reply=repaired")
	has(t, page, "data-text=")
	filled := b.ok(path + "?reply=repaired")
	field := regexp.MustCompile(`(?s)<textarea[^>]*id="f-answer"[^>]*>(.*?)</textarea>`).FindStringSubmatch(filled)
	if field == nil {
		t.Fatal("the answer has no field")
	}
	for _, want := range []string{string(r.Ref), "The pavement is broken near the school", "March 2026"} {
		has(t, field[1], want)
	}
	hasNot(t, field[1], "{")
	head := c.as("guiyuan-head")
	hasNot(t, head.ok("/desk/cases/"+string(r.Ref)+"/do/extend?reply=repaired"), "looked at it again")
	has(t, head.ok("/desk/cases/"+string(r.Ref)+"/do/extend?reply=more-time"), "cannot be ready by Monday 9 March 2026")
	has(t, b.ok(path+"?lang=zh-CN&reply=repaired"), "答复模板")
}

func TestA_document_is_printed_with_the_facts_of_its_own_day_in_both_languages(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement <b>is</b> broken.")
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	b.act(r.Ref, "begin")
	address := "/desk/cases/" + string(r.Ref) + "/documents/2/acceptance"
	page := b.ok("/desk/cases/" + string(r.Ref))
	if strings.Count(page, address) != 2 {
		t.Errorf("the paper is not listed once on the page and once on the timeline")
	}
	c.set(c.now().AddDate(0, 0, 14))
	b = c.as("guiyuan-officer")
	letter := b.ok(address)
	for _, want := range []string{"Notice of acceptance", string(r.Ref), "2 March 2026", "9 March 2026", "Guiyuan Subdistrict", "Rule: "} {
		has(t, letter, want)
	}
	hasNot(t, letter, "<b>is</b>")
	hasNot(t, letter, "{")
	has(t, b.ok(address+"?lang=zh-CN"), "受理告知书")
	has(t, letter, address+"/pdf?lang=en")
	for _, lang := range []string{"en", "zh-CN"} {
		a := b.get(address + "/pdf?lang=" + lang)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(a.body, "%PDF-1.7") {
			t.Errorf("the paper as PDF in %s: %d %s", lang, a.status, a.header.Get("Content-Type"))
		}
		has(t, a.body, "<pdfaid:part>2</pdfaid:part>")
	}
	for _, wrong := range []string{"/documents/1/acceptance", "/documents/2/other/pdf", "/documents/1/acceptance/pdf", "/documents/2/other", "/documents/99/acceptance", "/documents/x/acceptance"} {
		if a := b.get("/desk/cases/" + string(r.Ref) + wrong); a.status != http.StatusNotFound {
			t.Errorf("%s answered %d", wrong, a.status)
		}
	}
	if a := c.as("donghu-head").get(address + "/pdf"); a.status != http.StatusNotFound {
		t.Errorf("somebody else's paper as PDF answered %d", a.status)
	}
	if a := c.as("donghu-head").get(address); a.status != http.StatusNotFound {
		t.Errorf("somebody else's paper answered %d", a.status)
	}
}

func TestThe_news_shows_what_became_late_and_at_risk_since_the_last_working_day(t *testing.T) {
	c := newCityWith(t, "procedures/service-request.yaml", "    name: {zh-CN: 答复期限, en: Answer by}", "    alert: [2]\n    name: {zh-CN: 答复期限, en: Answer by}")
	r := c.report("The pavement is broken near the school.") // on a Monday; the answer is due on the next
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	b.act(r.Ref, "begin")
	hasNot(t, c.as("guiyuan-head").ok("/desk/news"), string(r.Ref))
	run := func(days int) {
		until := c.now().AddDate(0, 0, days)
		for {
			at, err := c.ledger.NextTimer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if at.IsZero() || at.After(until) {
				c.set(until)
				return
			}
			c.set(at)
			if _, err := c.ledger.RunTimers(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(6)
	head := c.as("binjiang-head")
	has(t, head.ok("/desk/news?kind=risk"), string(r.Ref))
	hasNot(t, head.ok("/desk/news"), string(r.Ref))
	run(2)
	head = c.as("binjiang-head")
	late := head.ok("/desk/news")
	has(t, late, string(r.Ref))
	has(t, late, "since Monday 9 March 2026")
	hasNot(t, head.ok("/desk/news?since=2026-03-10"), string(r.Ref))
	hasNot(t, c.as("donghu-head").ok("/desk/news"), string(r.Ref))
	if a := c.as("donghu-head").get("/desk/news?unit=binjiang"); a.status != http.StatusNotFound {
		t.Errorf("the news of a unit outside the scope answered %d", a.status)
	}
	if a := head.get("/desk/news?after=nonsense"); a.status != http.StatusNotFound {
		t.Errorf("a cursor of nobody's answered %d", a.status)
	}
}
