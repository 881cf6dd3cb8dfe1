package desk_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"comity/internal/casework"
)

// postForm sends a form with files, as a browser does.
func (b *browser) postForm(path string, form url.Values, files map[string][]byte) answer {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, values := range form {
		for _, v := range values {
			m.WriteField(name, v)
		}
	}
	for name, data := range files {
		part, err := m.CreateFormFile("files", name)
		if err != nil {
			b.t.Fatal(err)
		}
		part.Write(data)
	}
	m.Close()
	r, err := http.NewRequest(http.MethodPost, b.base+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(r)
}

var codeOnSlip = regexp.MustCompile(`class="code">([^<]+)<`)

func (c *city) byCode(a answer) casework.Case {
	c.t.Helper()
	code := codeOnSlip.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || code == nil {
		c.t.Fatalf("no slip; it answered %d: %s", a.status, brief(a.body))
	}
	k, err := c.reader.ByCode(c.t.Context(), casework.Code(code[1]))
	if err != nil {
		c.t.Fatal(err)
	}
	k, _ = c.made.Opened(c.t, k.ID)
	return k
}

func TestA_caller_hears_what_will_be_stored_before_it_is(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-clerk")
	form := url.Values{"source": {"phone"}, "category": {"road.pavement"}, "text": {"The slabs wobble."}, "unit": {"guiyuan-ganyuan"}, "contact": {"138 1234 2075"}, "lang": {"zh-CN"}}
	a := b.postForm("/desk/new", form, nil)
	if a.status != http.StatusOK || codeOnSlip.MatchString(a.body) {
		t.Fatalf("without reading back it answered %d: %s", a.status, brief(a.body))
	}
	for _, want := range []string{"Read back to the caller", "The slabs wobble.", "138 1234 2075", "Guiyuan Subdistrict"} {
		has(t, a.body, want)
	}
	if a = b.postForm("/desk/new", sentForm(a.body), nil); a.status != http.StatusUnprocessableEntity {
		t.Fatalf("without the tick it answered %d", a.status)
	}
	has(t, a.body, `href="#n-readback"`)
	carried := sentForm(a.body)
	carried.Set("do", "edit")
	edit := b.postForm("/desk/new", carried, nil)
	has(t, edit.body, "The slabs wobble.</textarea>")
	has(t, edit.body, `value="phone" checked`)
	carried.Del("do")
	carried.Set("readback", "yes")
	k := c.byCode(b.postForm("/desk/new", carried, nil))
	if k.Source != "phone" || k.Text != "The slabs wobble." || k.Contact.Address != "13812342075" {
		t.Errorf("the case is %+v", k)
	}
}

func TestA_letter_is_registered_with_its_scan_and_the_day_it_came_in(t *testing.T) {
	c := newCity(t) // it is 2 March 2026
	b := c.as("guiyuan-clerk")
	form := url.Values{"source": {"letter"}, "category": {"road.pavement"}, "text": {"The slabs wobble."}, "unit": {"guiyuan-ganyuan"}}
	a := b.postForm("/desk/new", form, nil)
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("a letter without scan and day answered %d", a.status)
	}
	has(t, a.body, `href="#n-files"`)
	has(t, a.body, `href="#n-received"`)
	form.Set("received", "2026-03-03")
	a = b.postForm("/desk/new", form, map[string][]byte{"letter.png": picture(t)})
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "has not come yet") {
		t.Fatalf("a day to come answered %d: %s", a.status, brief(a.body))
	}
	form.Set("received", "2026-02-26")
	a = b.postForm("/desk/new", form, map[string][]byte{"letter.png": picture(t)})
	k := c.byCode(a)
	if k.Source != "letter" || len(k.Files) != 1 || !k.Files[0].Public || k.Opened != c.now() {
		t.Errorf("the case is %+v", k)
	}
	has(t, a.body, "26 February 2026")
	has(t, a.body, `class="qr"`)
	has(t, b.ok("/desk/cases/"+string(k.Ref)), "The letter was received on Thursday 26 February 2026")
}

func TestWhat_a_procedure_asks_at_the_opening_is_asked_at_the_desk_too(t *testing.T) {
	c := newCityWith(t, "procedures/service-request.yaml", "  notices: [{to: resident, template: received}]", `  fields:
    - {name: received_on, kind: date, required: true, label: {zh-CN: 收到日期, en: Received on}}
    - {name: floor, kind: number, required: true, min: 1, max: 99, label: {zh-CN: 楼层, en: Which floor}}
  notices: [{to: resident, template: received}]`)
	b := c.as("guiyuan-clerk")
	form := url.Values{"source": {"counter"}, "category": {"road.pavement"}, "text": {"The slabs wobble."}, "unit": {"guiyuan-ganyuan"}}
	a := b.postForm("/desk/new", form, nil)
	if a.status != http.StatusOK || codeOnSlip.MatchString(a.body) {
		t.Fatalf("the first sending answered %d", a.status)
	}
	has(t, a.body, "Which floor")
	hasNot(t, a.body, "Received on")
	has(t, a.body, "asks a little more")
	form.Set("asked", sentForm(a.body).Get("asked"))
	if a = b.postForm("/desk/new", form, nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `href="#n-floor"`) {
		t.Fatalf("without the answer it answered %d: %s", a.status, brief(a.body))
	}
	form.Set("ask.floor", "3")
	k := c.byCode(b.postForm("/desk/new", form, nil))
	if k.Intake["floor"] != "3" || k.Intake["received_on"] != "2026-03-02" {
		t.Errorf("the answers are %v", k.Intake)
	}
	form.Set("source", "letter")
	form.Set("received", "2026-02-26")
	k = c.byCode(b.postForm("/desk/new", form, map[string][]byte{"letter.png": picture(t)}))
	if k.Intake["received_on"] != "2026-02-26" || k.Seq != 1 {
		t.Errorf("the letter's answers are %v, with %d events", k.Intake, k.Seq)
	}
}
