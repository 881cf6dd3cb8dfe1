package petition

import (
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/desk"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/portal"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

const password = "linjiang-2026"

// house is the programme behind the real portal and the real desk.
type house struct {
	*town
	server *httptest.Server
	now    func() time.Time
}

func newHouse(t *testing.T, held bool) *house {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "house.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := newTown(t, d, set, held)
	if err := account.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	site := &web.Site{Text: c.words, Langs: []string{"en", "zh-CN"}, Now: now, Zone: c.pack.Zone, Missing: []error{ledger.ErrNotFound}, Log: slog.New(slog.DiscardHandler)}
	plugged := []programme.Programme{c.prog}
	mux := http.NewServeMux()
	site.Mount(mux)
	portal.New(portal.Deps{Site: site, Packs: c.city.Packs, Ledger: c.city.Ledger, Reader: c.city.Reader, Files: file.Store{Dir: t.TempDir()},
		Secret: []byte("0123456789abcdef"), Programmes: plugged}).Mount(mux)
	desk.New(desk.Deps{Site: site, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Accounts: accounts, Files: file.Store{Dir: t.TempDir()},
		Programmes: plugged}).Register(mux)
	h := &house{town: c, server: httptest.NewServer(site.Harden(mux)), now: now}
	t.Cleanup(h.server.Close)
	for _, who := range []struct{ login, unit, role string }{
		{"guiyuan-head", "guiyuan", "head"}, {"guiyuan-officer", "guiyuan", "officer"}, {"binjiang-head", "binjiang", "head"}, {"donghu-head", "donghu", "head"}, {"linjiang-head", "linjiang", "head"},
	} {
		_, err := accounts.Create(t.Context(), account.Account{ID: who.login, Login: who.login, Name: map[string]string{"en": who.login},
			Grants: []authz.Grant{{Role: authz.Role(who.role), Unit: org.UnitID(who.unit)}}}, password)
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

type reply struct {
	status int
	body   string
	to     string
	header http.Header
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{h.t, h.server.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (h *house) as(login string) *browser {
	h.t.Helper()
	b := h.browser()
	if a := b.post("/desk/signin", "login", login, "password", password); a.status != http.StatusSeeOther {
		h.t.Fatalf("sign-in of %s answered %d", login, a.status)
	}
	return b
}

// send holds every page of every test to what all pages promise.
func (b *browser) send(r *http.Request) reply {
	b.t.Helper()
	res, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := reply{res.StatusCode, string(raw), res.Header.Get("Location"), res.Header}
	where := r.Method + " " + r.URL.Path
	if gap := regexp.MustCompile(`⟦[^⟧]*⟧|\{[a-z_]+\}`).FindString(a.body); gap != "" && !strings.HasSuffix(r.URL.Path, ".css") {
		b.t.Errorf("%s shows missing words or figures: %s", where, gap)
	}
	if strings.Contains(a.body, "<html") {
		if n := strings.Count(a.body, "<h1"); n != 1 {
			b.t.Errorf("%s has %d main headings", where, n)
		}
		for _, banned := range []string{` style="`, "<style", " onclick=", "<script>"} {
			if strings.Contains(a.body, banned) {
				b.t.Errorf("%s holds %q", where, banned)
			}
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
			if ids[m[1]] {
				b.t.Errorf("%s: id %q stands twice", where, m[1])
			}
			ids[m[1]] = true
		}
	}
	a.body = html.UnescapeString(a.body)
	return a
}

func (b *browser) get(path string) reply {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(r)
}

func (b *browser) ok(path string) string {
	b.t.Helper()
	a := b.get(path)
	if a.status != http.StatusOK {
		b.t.Fatalf("GET %s answered %d:\n%s", path, a.status, a.body)
	}
	return a.body
}

func (b *browser) post(path string, kv ...string) reply {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(r)
}

func holds(t *testing.T, page string, what ...string) {
	t.Helper()
	for _, w := range what {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func hasNot(t *testing.T, page string, what ...string) {
	t.Helper()
	for _, w := range what {
		if strings.Contains(page, w) {
			t.Errorf("the page says %q", w)
		}
	}
}

var goodDay = []string{"unit", "guiyuan", "office", "Head of the subdistrict", "leader", "He Wanqing", "topics", "roads", "date", "2026-03-12",
	"from", "09:00", "to", "10:00", "slots", "2", "minutes", "30", "place", "Room 101"}

func with(kv []string, more ...string) []string { return append(append([]string{}, kv...), more...) }

// announced writes a day down at the desk and publishes it.
func (h *house) announced() (head *browser, path string) {
	h.t.Helper()
	head = h.as("guiyuan-head")
	a := head.post("/desk/reception/new", goodDay...)
	if a.status != http.StatusSeeOther {
		h.t.Fatalf("a good day was not stored: %d\n%s", a.status, a.body)
	}
	if p := head.post(a.to + "/publish"); p.status != http.StatusSeeOther {
		h.t.Fatalf("not published: %d\n%s", p.status, p.body)
	}
	return head, a.to
}

func Test_a_draft_is_seen_by_its_unit_and_a_published_day_by_everybody(t *testing.T) {
	h := newHouse(t, false)
	visitor := h.browser()
	holds(t, visitor.ok("/reception"), "No reception day is announced at present.")
	head := h.as("guiyuan-head")
	holds(t, head.ok("/desk/reception"), "No day to come.", "/desk/reception/new")
	a := head.post("/desk/reception/new", goodDay...)
	holds(t, head.ok(a.to), "Draft", "Room 101", "Publish")
	hasNot(t, visitor.ok("/reception"), "Room 101")
	if got := visitor.get("/reception/1.ics").status; got != http.StatusNotFound {
		t.Errorf("the calendar file of a draft answered %d", got)
	}
	head.post(a.to + "/publish")
	page := visitor.ok("/reception?lang=zh-CN")
	holds(t, page, "2026年3月", "2026年3月12日", "09:00—10:00", "He Wanqing", "Room 101", "还有2个时段，共2个", "2026年3月7日")
	holds(t, visitor.ok("/reception?unit=guiyuan&month=2026-03&lang=en"), "Room 101", "2 of 2 times free")
	holds(t, visitor.ok("/reception?unit=donghu"), "No day fits this choice.")
	holds(t, visitor.ok("/"), `href="/reception"`)
}

func Test_the_desk_shows_the_published_days_of_units_above_and_their_drafts_to_nobody_below(t *testing.T) {
	h := newHouse(t, false)
	district, street := h.as("binjiang-head"), h.as("guiyuan-officer")
	a := district.post("/desk/reception/new", with(goodDay, "unit", "binjiang")...)
	if got := street.get(a.to).status; got != http.StatusNotFound {
		t.Errorf("a draft of the district answered the street %d", got)
	}
	hasNot(t, street.ok("/desk/reception"), a.to)
	district.post(a.to + "/publish")
	holds(t, street.ok("/desk/reception"), a.to)
	hasNot(t, street.ok(a.to), "/cancel", "/edit")
	if got := h.as("donghu-head").get(a.to).status; got != http.StatusNotFound {
		t.Errorf("the day of one district answered another %d", got)
	}
}

func Test_a_day_that_cannot_be_is_not_stored_and_every_reason_is_said(t *testing.T) {
	h := newHouse(t, false)
	head := h.as("guiyuan-head")
	for _, c := range []struct {
		kv   []string
		says string
	}{
		{[]string{"date", "2026-02-27"}, "This day is over"},
		{[]string{"date", "2026-03-04"}, "5 days before a reception"},
		{[]string{"date", "2026-03-14"}, "The offices do not work on this date"},
		{[]string{"date", "2036-03-12"}, "too far ahead"},
		{[]string{"from", "9 o'clock"}, "characters"},
		{[]string{"from", "25:00"}, "hours and minutes"},
		{[]string{"to", "08:00"}, "The end must come after"},
		{[]string{"slots", "3"}, "Only 2 times of this length fit"},
		{[]string{"unit", "donghu"}, "donghu"},
		{[]string{"office", ""}, "Office of the leader"},
	} {
		a := head.post("/desk/reception/new", with(goodDay, c.kv...)...)
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%v answered %d", c.kv, a.status)
		}
		holds(t, a.body, c.says)
	}
	if a := head.post("/desk/reception/new", with(goodDay, "date", "2026-03-14", "why", "for people who work")...); a.status != http.StatusSeeOther {
		t.Errorf("a day off with a reason answered %d", a.status)
	}
	a := h.as("guiyuan-officer").post("/desk/reception/new", goodDay...)
	if a.status != http.StatusForbidden {
		t.Errorf("an officer without the role stored a day: %d", a.status)
	}
	if a := h.as("binjiang-head").get("/desk/reception/day/1"); a.status != http.StatusOK {
		t.Errorf("the district does not see the day of its street: %d", a.status)
	}
	if a := h.as("binjiang-head").post("/desk/reception/day/1/publish"); a.status != http.StatusForbidden {
		t.Errorf("the district published the day of its street: %d", a.status)
	}
	if a := h.as("donghu-head").get("/desk/reception/day/1"); a.status != http.StatusNotFound {
		t.Errorf("another district sees the day: %d", a.status)
	}
}

func Test_a_resident_books_looks_it_up_and_takes_it_back(t *testing.T) {
	h := newHouse(t, false)
	_, path := h.announced()
	k := h.report("lamp")
	r, base := h.browser(), "/f/"+string(k.Code)
	holds(t, r.ok(base), base+"/reception", "Ask for a time")
	holds(t, r.ok(base+"/reception"), "09:00", "09:30", "What to bring")
	if a := r.get(base + "/reception/book"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no choice answered %d", a.status)
	}
	holds(t, r.ok(base+"/reception/book?at=1-2"), "Thursday 12 March 2026 at 09:30", "Check and reserve", "What to bring")
	a := r.post(base+"/reception/book", "at", "1-2", "_key", "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	if a.status != http.StatusSeeOther {
		t.Fatalf("booking answered %d\n%s", a.status, a.body)
	}
	if again := r.post(base+"/reception/book", "at", "1-2", "_key", "aaaaaaaaaaaaaaaaaaaaaaaaaa"); again.status != http.StatusSeeOther {
		t.Errorf("the same form sent twice answered %d", again.status)
	}
	page := r.ok(a.to)
	holds(t, page, "Stored.", "09:30: your time is reserved", "Take the booking back")
	holds(t, r.ok(base), "09:30: your time is reserved", "Asked for a meeting with He Wanqing, Head of the subdistrict")
	holds(t, h.as("guiyuan-head").ok(path), "Broken pavement", string(k.Ref), "Reserved")
	if a := r.get("/f/0000-0000-0000/reception"); a.status != http.StatusNotFound {
		t.Errorf("a wrong code answered %d", a.status)
	}
	holds(t, r.ok(base+"/reception/withdraw"), "Take the booking back?")
	id := regexp.MustCompile(`name="at" value="(\d+)"`).FindStringSubmatch(r.ok(base + "/reception/withdraw"))[1]
	if a := r.post(base+"/reception/withdraw", "at", id); a.status != http.StatusSeeOther {
		t.Fatalf("taking it back answered %d\n%s", a.status, a.body)
	}
	holds(t, r.ok(base+"/reception?done=withdrawn"), "Taken back.", "09:30")
}

func Test_who_comes_second_is_told_and_offered_the_waiting_list(t *testing.T) {
	h := newHouse(t, false)
	h.announced()
	one, two, three := h.report("lamp"), h.report("drain"), h.report("noise")
	r := h.browser()
	for i, k := range []casework.Case{one, two} {
		r.post("/f/"+string(k.Code)+"/reception/book", "at", []string{"1-1", "1-2"}[i])
	}
	base := "/f/" + string(three.Code)
	a := r.post(base+"/reception/book", "at", "1-2")
	if a.status != http.StatusConflict {
		t.Fatalf("a slot that is taken answered %d", a.status)
	}
	holds(t, a.body, "Somebody else was first", "Join the waiting list", `value="1-0"`)
	r.post(base+"/reception/book", "at", "1-0")
	holds(t, r.ok(base+"/reception"), "number 1 on the waiting list")
	id := regexp.MustCompile(`name="at" value="(\d+)"`).FindStringSubmatch(r.ok("/f/" + string(one.Code) + "/reception/withdraw"))[1]
	if a := r.post(base+"/reception/withdraw", "at", id); a.status != http.StatusNotFound {
		t.Errorf("somebody else's booking was taken back: %d", a.status)
	}
	r.post("/f/"+string(one.Code)+"/reception/withdraw", "at", id)
	holds(t, r.ok(base), "09:00: your time is reserved")
	if told := h.letters(movedUp); len(told) != 1 || told[0].Ref != three.Ref {
		t.Errorf("told were %+v", told)
	}
}

func Test_only_the_days_of_responsible_units_are_offered(t *testing.T) {
	h := newHouse(t, false)
	head := h.as("donghu-head")
	a := head.post("/desk/reception/new", with(goodDay, "unit", "donghu")...)
	head.post(a.to + "/publish")
	k := h.report("lamp")
	base := "/f/" + string(k.Code)
	holds(t, h.browser().ok(base+"/reception"), "No reception day of the units responsible")
	if a := h.browser().post(base+"/reception/book", "at", "1-1"); a.status != http.StatusConflict {
		t.Errorf("a day of another district was booked: %d", a.status)
	}
}

func Test_a_cancelled_day_says_why_everywhere(t *testing.T) {
	h := newHouse(t, false)
	head, path := h.announced()
	k := h.report("lamp")
	base := "/f/" + string(k.Code)
	h.browser().post(base+"/reception/book", "at", "1-1")
	if a := head.post(path + "/cancel"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a day was cancelled without a reason: %d", a.status)
	}
	head.post(path+"/cancel", "reason", "flood duty")
	holds(t, h.browser().ok("/reception"), "Cancelled. Reason: flood duty")
	holds(t, h.browser().ok("/reception.ics"), "STATUS:CANCELLED", "flood duty")
	holds(t, h.browser().ok(base+"/reception"), "was cancelled. Reason: flood duty")
	holds(t, head.ok(path), "Cancelled", "flood duty")
}

// meeting books a matter, lets the day come and opens the desk on it.
func (h *house) meeting() (k casework.Case, head *browser, path string) {
	h.t.Helper()
	_, path = h.announced()
	k = h.report("lamp")
	h.browser().post("/f/"+string(k.Code)+"/reception/book", "at", "1-1")
	if page := h.as("guiyuan-head").ok(path); strings.Contains(page, "/held/") {
		h.t.Error("the meeting can be written down before its day")
	}
	h.set(time.Date(2026, 3, 12, 2, 0, 0, 0, time.UTC))
	return k, h.as("guiyuan-head"), path
}

func Test_what_came_of_a_meeting_is_an_act_of_the_case_and_its_promise_is_followed(t *testing.T) {
	h := newHouse(t, true)
	holds(t, h.browser().ok("/reception?lang=zh-CN"), "负责人定期接待来访", "《办理办法》")
	k, head, path := h.meeting()
	held := path + "/held/1"
	holds(t, head.ok(path), held)
	if a := head.post(held, "note", "Talked it over", "promise", "New lamp"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a promise without a day answered %d", a.status)
	}
	a := head.post(held, "note", "Talked it over", "promise", "A new lamp in Garden Road", "due", "2026-03-20")
	if a.status != http.StatusSeeOther {
		t.Fatalf("the outcome was not stored: %d\n%s", a.status, a.body)
	}
	_, events := h.city.Opened(t, k.ID)
	var act *casework.Event
	for i := range events {
		if events[i].Act == heldAct {
			act = &events[i]
		}
	}
	if act == nil || act.Fields["promise"] != "A new lamp in Garden Road" || act.By.Actor != "guiyuan-head" {
		t.Fatalf("the case holds no act with the outcome: %+v", act)
	}
	if again := head.post(held, "note", "once more"); again.status != http.StatusUnprocessableEntity {
		t.Errorf("a meeting was written down twice: %d", again.status)
	}
	holds(t, h.browser().ok("/f/"+string(k.Code)), "Talked it over", "A new lamp in Garden Road")
	page := head.ok("/desk/reception/promises")
	holds(t, page, "Guiyuan Subdistrict", "A new lamp in Garden Road", "by Friday 20 March 2026")
	hasNot(t, h.as("donghu-head").ok("/desk/reception/promises"), "Guiyuan", "new lamp")
	if a := head.post("/desk/reception/promises/1", "done", ""); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a promise was kept without a word: %d", a.status)
	}
	head.post("/desk/reception/promises/1", "done", "The lamp shines")
	hasNot(t, head.ok("/desk/reception/promises"), "A new lamp")
	holds(t, h.browser().ok("/f/"+string(k.Code)), "The lamp shines")
}

func Test_without_an_act_the_outcome_is_a_note_its_resident_reads(t *testing.T) {
	h := newHouse(t, false)
	k, head, path := h.meeting()
	if a := head.post(path+"/held/1", "note", "Talked it over", "promise", "A new lamp", "due", "2026-03-20"); a.status != http.StatusSeeOther {
		t.Fatalf("the outcome was not stored: %d\n%s", a.status, a.body)
	}
	holds(t, h.browser().ok("/f/"+string(k.Code)), "Meeting with He Wanqing, Head of the subdistrict on Thursday 12 March 2026: Talked it over", "Promised, to be done by Friday 20 March 2026: A new lamp")
	holds(t, h.browser().ok("/f/"+string(k.Code)+"/reception"), "took place")
	holds(t, head.ok("/desk/reception/promises"), "Promised, to be done by Friday 20 March 2026: A new lamp")
}

func Test_a_case_that_went_up_before_the_meeting_is_written_down_where_it_is_now(t *testing.T) {
	h := newHouse(t, true)
	k, street, path := h.meeting()
	for n := 1; n > 0; { // nobody accepted it, so it has gone up as far as it can
		var err error
		if n, err = h.city.Ledger.RunTimers(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	page := street.ok(path)
	hasNot(t, page, "Broken pavement", string(k.Ref), "/held/")
	holds(t, page, "/absent/")
	if a := street.post(path+"/held/1", "note", "x"); a.status != http.StatusNotFound {
		t.Errorf("the street wrote into a case it does not read: %d", a.status)
	}
	city := h.as("linjiang-head")
	holds(t, city.ok(path), "Broken pavement", path+"/held/1")
	hasNot(t, city.ok(path), "/absent/", "/cancel")
	if a := city.post(path+"/held/1", "note", "Talked it over"); a.status != http.StatusSeeOther {
		t.Errorf("the city could not write it down: %d\n%s", a.status, a.body)
	}
}

func Test_nobody_came_is_about_the_day_and_not_about_the_case(t *testing.T) {
	h := newHouse(t, false)
	k, head, path := h.meeting()
	if a := head.post(path + "/absent/1"); a.status != http.StatusSeeOther {
		t.Fatalf("answered %d\n%s", a.status, a.body)
	}
	events, err := h.city.Reader.Events(t.Context(), k.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.By.Actor == "guiyuan-head" {
			t.Errorf("the case says %+v", e)
		}
	}
	holds(t, h.browser().ok("/f/"+string(k.Code)+"/reception"), "nobody came")
}

func Test_a_case_the_officer_may_not_read_is_a_taken_slot_and_nothing_else(t *testing.T) {
	h := newHouse(t, false)
	head, path := h.announced()
	h.do(func(ctx context.Context, tx *db.Tx) error { // a case outside the officer's scope, as a sealed one is
		_, err := putBooking(ctx, tx, Booking{Day: 1, Slot: 1, Case: "zzzz", Ref: "SR-99-000001", State: Booked})
		return err
	})
	page := head.ok(path)
	holds(t, page, "a case you may not open")
	hasNot(t, page, "SR-99")
}

func Test_the_pages_are_closed_where_the_city_has_no_receptions(t *testing.T) {
	h := newHouse(t, false)
	h.pack.Parameters = map[string]int{"reception.offered.petition": 0}
	if a := h.browser().get("/reception"); a.status != http.StatusNotFound {
		t.Errorf("the calendar answered %d", a.status)
	}
	hasNot(t, h.browser().ok("/"), "/reception")
	k := h.report("lamp")
	hasNot(t, h.browser().ok("/f/"+string(k.Code)), "/reception")
	head := h.as("guiyuan-head")
	hasNot(t, head.ok("/desk"), "/desk/reception")
	if a := head.get("/desk/reception"); a.status != http.StatusNotFound {
		t.Errorf("the desk's list answered %d", a.status)
	}
}

func Test_the_desk_pages_need_a_session(t *testing.T) {
	h := newHouse(t, false)
	a := h.browser().get("/desk/reception")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, "/desk/signin") {
		t.Errorf("answered %d to %s", a.status, a.to)
	}
}

func Test_every_key_the_programme_names_has_words_in_both_languages(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`"(reception\.[a-z0-9_.]+[a-z0-9])"`)
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(src), -1) {
			if strings.HasPrefix(m[1], "reception.papers_") || m[1] == letterKind || m[1] == "reception.field" || strings.HasSuffix(m[1], ".ics") {
				continue // a parameter, a kind of job, a family of keys, a file
			}
			checked++
			for _, lang := range base.Languages() {
				if s := base.In(lang); !s.Has(m[1]) && !s.Has(m[1]+".other") && !s.Has("problem."+m[1]) && !s.Has("refusal."+m[1]) {
					t.Errorf("%s: %s has no words in %s", name, m[1], lang)
				}
			}
		}
	}
	if checked < 80 {
		t.Errorf("only %d keys were found; the search is broken", checked)
	}
}
