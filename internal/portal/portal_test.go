package portal

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/limit"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/text"
	"comity/internal/web"
)

// city is the whole portal over the demo pack and a real ledger.
type city struct {
	t      *testing.T
	pack   *pack.Pack
	ledger *ledger.Ledger
	reader *ledger.Reader
	made   *ledgertest.City
	site   *web.Site
	portal *Portal
	set    func(time.Time)
	now    func() time.Time
	http   http.Handler
}

func newCity(t *testing.T) *city {
	t.Helper()
	return cityOf(t, func(d *db.DB) *ledgertest.City { return ledgertest.Open(t, d, "../../packs/demo") })
}

// cityOf is newCity with a ledger of the test's own.
func cityOf(t *testing.T, open func(*db.DB) *ledgertest.City) *city {
	t.Helper()
	ctx := context.Background()
	now, set := dbtest.Clock(t)
	d, err := db.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	made := open(d)
	pk := made.Pack
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	c := &city{t: t, pack: pk, made: made, ledger: made.Ledger, reader: made.Reader, set: set, now: now}
	c.site = &web.Site{
		Text: words.With(pk.Texts), Langs: pk.Langs, Now: now, Zone: pk.Zone, Emergency: pk.Emergency, Phone: pk.Phone,
		Missing: []error{ledger.ErrNotFound}, Log: slog.New(slog.DiscardHandler),
	}
	c.portal = New(Deps{Site: c.site, Packs: made.Packs, Ledger: made.Ledger, Reader: c.reader, Files: file.Store{Dir: t.TempDir()}, Secret: []byte("0123456789abcdef")})
	mux := http.NewServeMux()
	c.site.Mount(mux)
	c.portal.Mount(mux)
	c.http = c.site.Harden(mux)
	return c
}

// answer is a page as tests look at it.
type answer struct {
	Code int
	Body string // with entities resolved
	To   string
	Head http.Header
}

func (c *city) send(r *http.Request) answer {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.http.ServeHTTP(w, r)
	a := answer{w.Code, html.UnescapeString(w.Body.String()), w.Header().Get("Location"), w.Header()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && w.Code != http.StatusSeeOther {
		c.sound(r, w.Body.String())
	}
	return a
}

// sound holds every page of every test to what all pages promise.
func (c *city) sound(r *http.Request, page string) {
	c.t.Helper()
	where := r.Method + " " + r.URL.Path
	if m := regexp.MustCompile(`⟦[^⟧]*⟧`).FindString(page); m != "" {
		c.t.Errorf("%s: missing words %s", where, m)
	}
	if n := strings.Count(page, "<h1"); n != 1 {
		c.t.Errorf("%s: %d main headings", where, n)
	}
	own := regexp.MustCompile(`<a [^>]*href="https://[^"]*" rel="noreferrer">`).ReplaceAllString(page, "") // a way to another body's page says nothing of this one
	for _, banned := range []string{" style=", "<style", " onclick=", "<script>", `href="http`} {
		if strings.Contains(own, banned) {
			c.t.Errorf("%s holds %q", where, banned)
		}
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]]++; ids[m[1]] == 2 {
			c.t.Errorf("%s: id %q stands twice", where, m[1])
		}
	}
	for _, m := range regexp.MustCompile(`<label for="([^"]*)"|href="#([^"]+)"|aria-labelledby="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if to := m[1] + m[2] + m[3]; ids[to] == 0 {
			c.t.Errorf("%s: something points at %q, which is not there", where, to)
		}
	}
}

func (c *city) get(path string) answer {
	c.t.Helper()
	return c.send(httptest.NewRequest("GET", path, nil))
}

func (c *city) post(path string, v url.Values) answer {
	c.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.send(r)
}

type upload struct {
	Name, Kind string
	Data       []byte
}

func (c *city) upload(path string, v url.Values, files ...upload) answer {
	c.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, list := range v {
		for _, s := range list {
			m.WriteField(name, s)
		}
	}
	for _, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="photos"; filename=%q`, f.Name))
		h.Set("Content-Type", f.Kind)
		part, err := m.CreatePart(h)
		if err != nil {
			c.t.Fatal(err)
		}
		part.Write(f.Data)
	}
	m.Close()
	r := httptest.NewRequest("POST", path, &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return c.send(r)
}

func jpegPhoto(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for x := range 40 {
		img.Set(x, 10, color.RGBA{uint8(x * 6), 90, 10, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lamp is a report that can be sent as it is.
func lamp() url.Values {
	return url.Values{"category": {"lighting.out"}, "text": {"The lamp is out.\nIt is <dark>."}, "unit": {"guiyuan-ganyuan"}, "who": {"phone"}, "phone": {"138 0000 2075"}, "do": {"check"}}
}

// fields reads the hidden fields of a page's form.
func fields(page string) url.Values {
	v := url.Values{}
	for _, m := range regexp.MustCompile(`(?s)<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if m[1] != "back" {
			v.Add(m[1], m[2])
		}
	}
	return v
}

// file sends a report through the check page and returns its code.
func (c *city) file(v url.Values) string {
	c.t.Helper()
	check := c.post("/report?lang=en", v)
	if check.Code != http.StatusOK {
		c.t.Fatalf("check page: %d\n%s", check.Code, check.Body)
	}
	send := fields(check.Body)
	send.Set("do", "send")
	sent := c.post("/report", send)
	if sent.Code != http.StatusSeeOther || !strings.HasPrefix(sent.To, "/sent/") {
		c.t.Fatalf("sending: %d to %q", sent.Code, sent.To)
	}
	return strings.TrimPrefix(sent.To, "/sent/")
}

func (c *city) caseOf(code string) casework.Case {
	c.t.Helper()
	k, err := c.reader.ByCode(context.Background(), casework.Code(code))
	if err != nil {
		c.t.Fatal(err)
	}
	k, _ = c.made.Opened(c.t, k.ID)
	return k
}

// staff does an act in the name of the unit that holds the case.
func (c *city) staff(code, act string, answers map[string]string) {
	c.t.Helper()
	k := c.caseOf(code)
	who := authz.Staff("zhou-hang", []authz.Grant{{Role: "officer", Unit: k.Holder}, {Role: "head", Unit: k.Holder}})
	_, err := c.ledger.Do(context.Background(), who, casework.Command{Case: k.ID, Version: k.Seq, Act: act, Fields: answers})
	if err != nil {
		c.t.Fatalf("%s: %v", act, err)
	}
}

// both gives the page in both languages.
func (c *city) both(path string) map[string]answer {
	c.t.Helper()
	out := map[string]answer{}
	for _, lang := range c.pack.Langs {
		out[lang] = c.get(path + "?lang=" + lang)
		if out[lang].Code != http.StatusOK {
			c.t.Errorf("%s in %s: %d", path, lang, out[lang].Code)
		}
		if !strings.Contains(out[lang].Body, `<html lang="`+lang+`"`) {
			c.t.Errorf("%s is not in %s", path, lang)
		}
	}
	return out
}

func (c *city) holds(a answer, what ...string) {
	c.t.Helper()
	for _, s := range what {
		if !strings.Contains(a.Body, s) {
			c.t.Errorf("the page lacks %q:\n%s", s, a.Body)
		}
	}
}

func (c *city) lacks(a answer, what ...string) {
	c.t.Helper()
	for _, s := range what {
		if strings.Contains(a.Body, s) {
			c.t.Errorf("the page holds %q", s)
		}
	}
}

func TestEvery_page_without_a_case_is_there_in_both_languages(t *testing.T) {
	c := newCity(t)
	for _, path := range []string{"/", "/report", "/follow", "/about/privacy", "/about/accessibility"} {
		for _, a := range c.both(path) {
			c.holds(a, `href="tel:110"`, `action="/prefs"`)
		}
	}
	if a := c.get("/nowhere"); a.Code != http.StatusNotFound {
		t.Errorf("an address that leads nowhere: %d", a.Code)
	}
}

func TestThe_form_offers_every_category_a_resident_may_choose_and_a_drawn_map(t *testing.T) {
	c := newCity(t)
	a := c.get("/report?lang=en")
	for _, k := range c.pack.Categories {
		if got := strings.Contains(a.Body, `value="`+k.ID+`"`); got != k.Resident {
			t.Errorf("category %s: on the form %v, for residents %v", k.ID, got, k.Resident)
		}
	}
	c.holds(a, `<svg class="plan"`, "Wang River", `<option value="guiyuan-ganyuan">`, `<option value="Ganyuan Primary School">`)
}

func TestAn_empty_form_comes_back_with_a_summary_and_loses_nothing(t *testing.T) {
	c := newCity(t)
	a := c.post("/report?lang=en", url.Values{"address": {"by the old bridge"}, "who": {"phone"}, "do": {"check"}})
	if a.Code != http.StatusUnprocessableEntity {
		t.Errorf("got %d", a.Code)
	}
	c.holds(a, "<title>Error: ", `href="#text"`, `href="#kinds"`, `href="#phone"`, `value="by the old bridge"`, "3 things to fix")
}

func TestA_report_is_looked_through_then_sent_once_however_often_it_is_posted(t *testing.T) {
	c := newCity(t)
	check := c.upload("/report?lang=en", lamp(), upload{"lamp.jpg", "image/jpeg", jpegPhoto(t)})
	c.holds(check, "Street lamp out", "138", "It is <dark>.", "Binjiang Street Lighting Office", `formaction="/report#text"`)
	send := fields(check.Body)
	send.Set("do", "send")
	first, again := c.post("/report", send), c.post("/report", send)
	if first.Code != http.StatusSeeOther || first.To != again.To {
		t.Fatalf("first %d to %q, again %d to %q", first.Code, first.To, again.Code, again.To)
	}
	code := strings.TrimPrefix(first.To, "/sent/")
	k := c.caseOf(code)
	if len(k.Files) != 1 || k.Contact.Channel != "sms" || k.Contact.Address != "13800002075" || k.Place.Unit != "guiyuan-ganyuan" {
		t.Errorf("the case is %+v", k)
	}
	for _, a := range c.both("/sent/" + code) {
		c.holds(a, code, string(k.Ref), `<svg xmlns="http://www.w3.org/2000/svg" class="qr"`, "http://example.com/f/"+code, `data-draft-done="report"`)
	}
	c.holds(c.get("/sent/"+code+"?lang=en"), "You get an answer by Monday 9 March 2026")
	pic := c.get("/f/" + code + "/file/" + k.Files[0].SHA256)
	if pic.Code != http.StatusOK || pic.Head.Get("Content-Type") != "image/jpeg" || pic.Head.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(pic.Head.Get("Content-Disposition"), "inline") {
		t.Errorf("the photo: %d %v", pic.Code, pic.Head)
	}
	other := c.file(lamp())
	if a := c.get("/f/" + other + "/file/" + k.Files[0].SHA256); a.Code != http.StatusNotFound {
		t.Errorf("another case's code opened the photo: %d", a.Code)
	}
}

// Whoever goes back from the answer has the browser send the first form again.
func Test_a_report_that_is_looked_through_twice_is_one_case(t *testing.T) {
	c := newCity(t)
	form := lamp()
	form.Set("_key", web.NewKey())
	var to []string
	for range 2 {
		send := fields(c.post("/report?lang=en", form).Body)
		send.Set("do", "send")
		send.Set("same", "none")
		a := c.post("/report", send)
		if a.Code != http.StatusSeeOther {
			t.Fatalf("%d: %s", a.Code, a.Body)
		}
		to = append(to, a.To)
	}
	if to[0] != to[1] {
		t.Errorf("two cases: %v", to)
	}
}

func TestChange_on_the_check_page_brings_every_answer_and_photo_back(t *testing.T) {
	c := newCity(t)
	check := c.upload("/report?lang=en", lamp(), upload{"lamp.jpg", "image/jpeg", jpegPhoto(t)})
	v := fields(check.Body)
	v.Set("do", "edit")
	a := c.post("/report?lang=en", v)
	if a.Code != http.StatusOK {
		t.Errorf("got %d", a.Code)
	}
	c.holds(a, "It is <dark>.", `value="138 0000 2075"`, "lamp.jpg", `value="guiyuan-ganyuan" selected`, "data-kept")
	token := v.Get("photo")
	if a := c.get("/report/photo/" + token); a.Code != http.StatusOK || a.Head.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the waiting photo: %d", a.Code)
	}
	v.Set("drop", token)
	c.lacks(c.post("/report?lang=en", v), "lamp.jpg")
}

func TestA_file_that_cannot_be_taken_is_named_and_the_good_one_stays(t *testing.T) {
	c := newCity(t)
	a := c.upload("/report?lang=en", lamp(), upload{"good.jpg", "image/jpeg", jpegPhoto(t)}, upload{"bad.jpg", "image/jpeg", []byte("not a picture")})
	if a.Code != http.StatusUnprocessableEntity {
		t.Errorf("got %d", a.Code)
	}
	c.holds(a, "bad.jpg: ", `href="#photos"`, "good.jpg", "It is <dark>.")
	if len(fields(a.Body)["photo"]) != 1 {
		t.Error("the good photo is not carried on")
	}
}

func TestMore_than_five_photos_are_refused_and_five_are_kept(t *testing.T) {
	c := newCity(t)
	var six []upload
	for range 6 {
		six = append(six, upload{"p.jpg", "image/jpeg", jpegPhoto(t)})
	}
	a := c.upload("/report?lang=en", lamp(), six...)
	if n := len(fields(a.Body)["photo"]); a.Code != http.StatusUnprocessableEntity || n != maxPhotos {
		t.Errorf("got %d with %d photos", a.Code, n)
	}
}

func TestA_receipt_looked_at_later_leaves_the_draft_of_another_report_alone(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	a := c.get("/sent/" + code + "?again=1&lang=en")
	c.holds(a, code, "<h1>Receipt</h1>", `content="noindex, nofollow"`)
	c.lacks(a, "data-draft-done")
}

func TestA_form_that_is_too_large_or_broken_is_told_and_no_incident(t *testing.T) {
	c := newCity(t)
	c.site.MaxBody = 2000
	if a := c.upload("/report?lang=en", lamp(), upload{"lamp.jpg", "image/jpeg", make([]byte, 5000)}); a.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", a.Code)
	}
	r := httptest.NewRequest("POST", "/report", strings.NewReader("--x\r\nnonsense"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	if a := c.send(r); a.Code != http.StatusBadRequest {
		t.Errorf("broken: %d", a.Code)
	}
}

func TestA_photo_ticket_that_is_forged_or_too_old_is_refused(t *testing.T) {
	c := newCity(t)
	token := c.portal.sign(casework.File{SHA256: strings.Repeat("a", 64), Name: "x", Kind: file.KindJPEG})
	if _, ok := c.portal.unsign(token); !ok {
		t.Fatal("a fresh ticket is refused")
	}
	if _, ok := c.portal.unsign(token[:len(token)-2] + "xx"); ok {
		t.Error("a changed ticket is taken")
	}
	c.set(c.now().Add(photoLife + time.Minute))
	if _, ok := c.portal.unsign(token); ok {
		t.Error("an old ticket is taken")
	}
	v := lamp()
	v.Set("photo", "forged")
	if a := c.post("/report?lang=en", v); a.Code != http.StatusUnprocessableEntity {
		t.Errorf("a forged ticket: %d", a.Code)
	}
}

func TestA_report_without_any_place_reaches_the_unit_the_pack_names_for_that(t *testing.T) {
	c := newCity(t)
	v := lamp()
	v.Del("unit")
	v.Set("category", "waste.heap")
	code := c.file(v)
	if k := c.caseOf(code); k.Holder != c.pack.Fallback {
		t.Errorf("held by %s", k.Holder)
	}
	c.holds(c.post("/report?lang=en", v), "Not given", "City of Linjiang receives it first")
}

func TestA_landmark_typed_by_its_name_is_as_good_as_a_point(t *testing.T) {
	c := newCity(t)
	v := lamp()
	v.Del("unit")
	v.Set("address", "Ganyuan Primary School")
	if k := c.caseOf(c.file(v)); k.Place.Unit != "guiyuan-ganyuan" || k.Place.Point == nil {
		t.Errorf("the place is %+v", k.Place)
	}
}

func TestAn_address_that_may_mean_several_places_is_asked_about_once_and_without_script(t *testing.T) {
	c := newCity(t)
	v := lamp()
	v.Del("unit")
	v.Set("address", "市一医院门口")
	v.Set("do", "check")
	asked := c.post("/report?lang=en", v)
	if asked.Code != http.StatusOK {
		t.Errorf("got %d", asked.Code)
	}
	c.holds(asked, "Did you mean one of these places?", `value="landmark.linjiang-first-hospital"`, "Linjiang First Hospital, in Maixiang", `name="meant" value="none"`, "It is <dark>.")
	v.Set("meant", "landmark.linjiang-first-hospital")
	if k := c.caseOf(c.file(v)); k.Place.Unit != "baita-maixiang" || k.Place.Point == nil || k.Place.Address != "市一医院门口" {
		t.Errorf("the place is %+v", k.Place)
	}
	v.Set("meant", "none")
	if k := c.caseOf(c.file(v)); k.Place.Point != nil || k.Place.Unit != c.pack.Fallback {
		t.Errorf("none of them, and the place is %+v", k.Place)
	}
	v.Set("meant", "landmark.white-pagoda") // of another address
	c.holds(c.post("/report?lang=en", v), "Did you mean one of these places?")
	v.Set("address", "Zhongnanhai")
	c.lacks(c.post("/report?lang=en", v), "Did you mean")
	v.Set("address", "夜市") // another name of the night market
	v.Del("meant")
	if k := c.caseOf(c.file(v)); k.Place.Unit != "baita-maixiang" {
		t.Errorf("the other name leads to %+v", k.Place)
	}
}

func TestA_case_says_why_this_office_received_it(t *testing.T) {
	c := newCity(t)
	v := lamp()
	v.Del("unit")
	for _, x := range []struct{ category, lat, lon, holder, en, zh string }{
		{"park.fitness", "28.0800", "112.3450", "donghu-parks", "Lawns and equipment inside East Lake Park", "由区园林绿化中心管养"},
		{"waste.heap", "28.0860", "112.2208", "wangchuan-hongfang", "outside of every area that is drawn; Hongfang", "不在任何已画的范围内"},
		{"waste.heap", "28.1021", "112.3049", "", "near the border: ", "靠近边界："},
		{"lighting.out", "28.1265", "112.2790", "binjiang-lighting", "by the nearest department for them", "由最近的主管部门办理"},
	} {
		v.Set("category", x.category)
		v.Set("lat", x.lat)
		v.Set("lon", x.lon)
		code := c.file(v)
		if k := c.caseOf(code); x.holder != "" && string(k.Holder) != x.holder {
			t.Errorf("%s: held by %s", x.category, k.Holder)
		}
		c.holds(c.get("/f/"+code+"?lang=en"), "Why this office", x.en)
		c.holds(c.get("/f/"+code+"?lang=zh-CN"), "为什么由这个单位受理", x.zh)
	}
}

func TestA_point_on_the_map_finds_its_unit_and_one_outside_is_told(t *testing.T) {
	c := newCity(t)
	v := lamp()
	v.Del("unit")
	v.Set("lat", "28.1265")
	v.Set("lon", "112.2790")
	if k := c.caseOf(c.file(v)); k.Place.Unit != "guiyuan-ganyuan" {
		t.Errorf("found %s", k.Place.Unit)
	}
	v.Set("lat", "39.9")
	a := c.post("/report?lang=en", v)
	if a.Code != http.StatusUnprocessableEntity {
		t.Errorf("got %d", a.Code)
	}
	c.holds(a, `href="#map"`, "outside the city")
}

func TestWith_a_code_only_no_number_is_kept(t *testing.T) {
	c := newCity(t)
	v := lamp()
	v.Set("who", "code")
	if k := c.caseOf(c.file(v)); k.Contact.Address != "" || k.Contact.Channel != "" {
		t.Errorf("kept %+v", k.Contact)
	}
}

func TestA_wrong_code_is_told_what_is_wrong_with_it(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	typo := []byte(code)
	typo[0] = map[bool]byte{true: '3', false: '2'}[typo[0] == '2']
	for typed, want := range map[string]string{
		"": "Please fill this in", "K7MQ": "wrong number", "K7MQ-2XPT-9WD!": "never occurs", string(typo): "does not add up",
	} {
		a := c.post("/follow?lang=en", url.Values{"code": {typed}})
		if a.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", typed, a.Code)
		}
		c.holds(a, want, "<title>Error: ")
	}
	if a := c.post("/follow", url.Values{"code": {strings.ToLower(strings.ReplaceAll(code, "-", " "))}}); a.Code != http.StatusSeeOther || a.To != "/f/"+code {
		t.Errorf("the right code in small letters: %d to %q", a.Code, a.To)
	}
}

func TestGuessing_codes_is_stopped_for_a_while_and_only_for_who_guesses(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	guess := func() int {
		var b [16]byte
		rand.Read(b[:])
		return c.get("/f/" + string(casework.NewCode(b))).Code
	}
	for range limit.CodesAtOnce {
		if got := guess(); got != http.StatusNotFound {
			t.Fatalf("a guess gave %d", got)
		}
	}
	if got := c.get("/f/" + code).Code; got != http.StatusTooManyRequests {
		t.Errorf("after too many guesses even a right code gave %d", got)
	}
	r := httptest.NewRequest("GET", "/f/"+code, nil)
	r.RemoteAddr = "198.51.100.7:1"
	if a := c.send(r); a.Code != http.StatusOK {
		t.Errorf("somebody else got %d", a.Code)
	}
	c.set(c.now().Add(limit.CodesEvery))
	if got := c.get("/f/" + code).Code; got != http.StatusOK {
		t.Errorf("a minute later: %d", got)
	}
}

func TestA_matter_is_followed_from_question_to_contest_in_both_languages(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	base := "/f/" + code
	c.holds(c.get(base+"?lang=en"), "Monday 9 March 2026", "Binjiang Street Lighting Office", "5 working days left", "***2075", `aria-current="step"`, base+"/why", base+"/do/withdraw")
	c.staff(code, "accept", nil)
	c.staff(code, "begin", nil)
	c.staff(code, "ask", map[string]string{"question": "Which lamps east of number 46?"})
	for _, a := range c.both(base) {
		c.holds(a, "Which lamps east of number 46?", `action="`+base+`/do/reply"`)
		c.lacks(a, "zhou-hang")
	}
	wrong := c.post(base+"/do/reply?lang=en", url.Values{})
	if wrong.Code != http.StatusUnprocessableEntity {
		t.Errorf("an empty reply: %d", wrong.Code)
	}
	c.holds(wrong, "<title>Error: ", `href="#f-reply"`)
	done := c.post(base+"/do/reply", url.Values{"reply": {"Two of them."}})
	if done.Code != http.StatusSeeOther {
		t.Fatalf("reply: %d %s", done.Code, done.Body)
	}
	c.holds(c.get(done.To+"&lang=en"), `role="status"`, "Two of them.")
	c.staff(code, "answer", map[string]string{"outcome": "solved", "answer": "All lamps work again."})
	for _, a := range c.both(base) {
		c.holds(a, "All lamps work again.", base+"/do/contest", base+"/do/rate")
		c.lacks(a, base+"/do/withdraw", "zhou-hang")
	}
	c.holds(c.get(base+"?lang=en"), "Solved", "Within 15 calendar days")
	for _, a := range c.both(base + "/do/rate") {
		c.holds(a, `value="good"`, `name="remark"`)
	}
	if a := c.post(base+"/do/rate", url.Values{"rating": {"fair"}}); a.Code != http.StatusSeeOther {
		t.Errorf("rating: %d", a.Code)
	}
	c.holds(c.get(base+"?lang=en"), "Fair")
	c.both(base + "/do/contest")
	if a := c.post(base+"/do/contest", url.Values{"reason": {"Number 48 is dark."}}); a.Code != http.StatusSeeOther {
		t.Errorf("contest: %d %s", a.Code, a.Body)
	}
	for _, a := range c.both(base) {
		c.holds(a, "Number 48 is dark.")
		c.lacks(a, base+"/do/contest")
	}
	c.holds(c.get(base+"?lang=en"), "Binjiang District")
}

func TestWithdrawing_asks_first_and_a_closed_matter_offers_nothing_more(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	base := "/f/" + code
	for _, a := range c.both(base + "/do/withdraw") {
		c.holds(a, `class="btn bad"`)
	}
	if c.caseOf(code).State == "withdrawn" {
		t.Fatal("opening the page withdrew it")
	}
	if a := c.post(base+"/do/withdraw", nil); a.Code != http.StatusSeeOther {
		t.Fatalf("got %d", a.Code)
	}
	for _, a := range c.both(base) {
		c.lacks(a, base+"/do/")
	}
	c.lacks(c.get(base+"/do/withdraw?lang=en"), "<button class=\"btn bad\"")
	c.both(base + "/why")
	c.both("/sent/" + code)
}

func TestOffice_acts_are_not_found_here(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	for _, act := range []string{"accept", "overdue", "nothing"} {
		if a := c.post("/f/"+code+"/do/"+act, nil); a.Code != http.StatusNotFound {
			t.Errorf("%s: %d", act, a.Code)
		}
	}
	if s := c.caseOf(code).State; s != "received" {
		t.Errorf("the state is %s", s)
	}
}

func TestNotes_of_the_office_stay_inside_unless_they_are_public(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	k := c.caseOf(code)
	who := authz.Staff("zhou-hang", []authz.Grant{{Role: "officer", Unit: k.Holder}})
	for i, n := range []casework.Note{{Text: "spare parts ordered", Public: true}, {Text: "caller was rude"}} {
		if _, err := c.ledger.Do(context.Background(), who, casework.Command{Case: k.ID, Version: k.Seq + i, Note: &n}); err != nil {
			t.Fatal(err)
		}
	}
	a := c.get("/f/" + code + "?lang=en")
	c.holds(a, "spare parts ordered")
	c.lacks(a, "caller was rude", "zhou-hang")
}

func TestWords_and_photos_can_be_added_and_nothing_at_all_is_refused(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	base := "/f/" + code
	c.both(base + "/note")
	if a := c.upload(base+"/note?lang=en", url.Values{}); a.Code != http.StatusUnprocessableEntity {
		t.Errorf("an empty addition: %d", a.Code)
	}
	if a := c.upload(base+"/note", url.Values{"text": {"Now two are out."}}, upload{"b.jpg", "image/jpeg", jpegPhoto(t)}); a.Code != http.StatusSeeOther {
		t.Fatalf("got %d %s", a.Code, a.Body)
	}
	if a := c.upload(base+"/note", url.Values{}, upload{"c.jpg", "image/jpeg", jpegPhoto(t)}); a.Code != http.StatusSeeOther {
		t.Errorf("a photo alone: %d %s", a.Code, a.Body)
	}
	k := c.caseOf(code)
	if len(k.Files) != 2 {
		t.Errorf("the case has %d files", len(k.Files))
	}
	c.holds(c.get(base+"?lang=en"), "Now two are out.", base+"/file/"+k.Files[0].SHA256)
}

func TestThe_page_why_this_date_counts_every_day_with_its_reason(t *testing.T) {
	c := newCity(t)
	c.set(time.Date(2026, 9, 28, 2, 0, 0, 0, time.UTC)) // before the National Day holidays
	code := c.file(lamp())
	for _, a := range c.both("/f/" + code + "/why") {
		if n := strings.Count(a.Body, `scope="row"`); n < 7 {
			t.Errorf("only %d days are listed", n)
		}
	}
	a := c.get("/f/" + code + "/why?lang=en")
	c.holds(a, "5 working days.", "It began", "Day 1", "Day 5", "Public holiday, not counted (", "within five working days", "the Rules, article 8")
	c.set(time.Date(2026, 11, 19, 2, 0, 0, 0, time.UTC))
	c.holds(c.get("/f/"+c.file(lamp())+"/why?lang=en"), "Weekend, not counted")
	days := regexp.MustCompile(`(?s)class="due-day"><th scope="row"><time datetime="([^"]*)"`).FindStringSubmatch(a.Body)
	if promised, ok := c.promised(code); !ok || days == nil || days[1] != promised.Due.In(c.pack.Zone).Format(time.DateOnly) {
		t.Errorf("the last day is %v, the promise %v ", days, promised.Due)
	}
}

// promised is the term whose date the resident is told.
func (c *city) promised(code string) (casework.Clock, bool) {
	k := c.caseOf(code)
	d, ok := c.pack.Procedures[k.Procedure].Promise()
	if !ok {
		return casework.Clock{}, false
	}
	return k.Clock(d.ID)
}

func TestA_date_that_passed_is_admitted_and_not_promised_again(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	c.staff(code, "accept", nil)
	c.staff(code, "begin", nil)
	c.set(c.now().Add(10 * 24 * time.Hour))
	for range 5 {
		if _, err := c.ledger.RunTimers(context.Background(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if !c.caseOf(code).Late {
		t.Fatal("the clock did not run out")
	}
	a := c.get("/f/" + code + "?lang=en")
	c.holds(a, "We did not answer by the date", "has to act by")
	c.lacks(a, "You get an answer by")
}

func TestA_pack_without_a_map_still_has_a_form(t *testing.T) {
	c := newCity(t)
	bare := *c.pack
	bare.Map, bare.Features, bare.Places = place.Map{}, nil, nil
	page := c.site.Page(httptest.NewRequest("GET", "/", nil), "portal.report.title")
	if c.portal.planOf(page, &bare, &draft{}) != nil {
		t.Error("a map was drawn from nothing")
	}
	if len(unitsOf(page, &bare)) == 0 {
		t.Error("no community can be chosen")
	}
}

func TestEvery_key_the_portal_names_has_words_in_every_language(t *testing.T) {
	c := newCity(t)
	files, _ := filepath.Glob("*.go")
	templates, _ := filepath.Glob("*.templ")
	literal := regexp.MustCompile(`"(portal\.[a-z_.]*[a-z_])"`)
	seen := 0
	for _, f := range append(files, templates...) {
		if strings.HasSuffix(f, "_test.go") || strings.HasSuffix(f, "_templ.go") {
			continue
		}
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(src), -1) {
			seen++
			for _, lang := range c.pack.Langs {
				say := c.site.Text.In(lang)
				if !slices.ContainsFunc([]string{m[1], m[1] + ".other", "problem." + m[1]}, say.Has) {
					t.Errorf("%s names %s, which has no words in %s", f, m[1], lang)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d keys were found; the search is broken", seen)
	}
	for _, key := range c.site.Text.Keys("en") {
		if strings.HasPrefix(key, "portal.") && !strings.HasSuffix(key, ".one") && !c.site.Text.In("zh-CN").Has(key) {
			t.Errorf("%s has no Chinese words", key)
		}
	}
}

func TestA_number_is_masked_but_for_its_end(t *testing.T) {
	for in, want := range map[string]string{"13800002075": "*******2075", "123": "***", "": ""} {
		if got := masked(in); got != want {
			t.Errorf("masked(%q) = %q", in, got)
		}
	}
}

func TestFields_of_the_opening_are_asked_and_carried(t *testing.T) {
	c := newCity(t)
	page := c.site.Page(httptest.NewRequest("GET", "/", nil), "portal.report.title")
	d := &draft{Fields: map[string]string{"party": "Li"}}
	controls := intakeControls(page, "x", []form.Field{{Name: "party", Kind: form.Text, Required: true}}, d, []form.Problem{{Field: "in.party", Rule: "form.required"}})
	if controls[0].Name != "in.party" || controls[0].Value != "Li" || controls[0].Wrong == "" {
		t.Errorf("got %+v", controls[0])
	}
	if h := d.hidden(); !slices.Contains(h, [2]string{"in.party", "Li"}) {
		t.Errorf("the check page carries %v", h)
	}
}
