package petition

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/programme"
	"comity/internal/programme/programmetest"
	"comity/internal/text"
)

// house is the programme behind the real portal and the real desk.
type house struct {
	*town
	*programmetest.House
	now func() time.Time
}

func newHouse(t *testing.T, held bool) *house {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	c := newTown(t, d, set, held)
	h := &house{c, programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: c.city, Words: c.words, Programmes: []programme.Programme{c.prog}}), now}
	for _, who := range []struct{ login, unit, role string }{
		{"guiyuan-head", "guiyuan", "head"}, {"guiyuan-officer", "guiyuan", "officer"}, {"binjiang-head", "binjiang", "head"}, {"donghu-head", "donghu", "head"}, {"linjiang-head", "linjiang", "head"},
	} {
		h.Staff(who.login, who.login, who.login, authz.Grant{Role: authz.Role(who.role), Unit: org.UnitID(who.unit)})
	}
	return h
}

var goodDay = []string{"unit", "guiyuan", "office", "Head of the subdistrict", "leader", "He Wanqing", "topics", "roads", "date", "2026-03-12",
	"from", "09:00", "to", "10:00", "slots", "2", "minutes", "30", "place", "Room 101"}

func with(kv []string, more ...string) []string { return append(append([]string{}, kv...), more...) }

// announced writes a day down at the desk and publishes it.
func (h *house) announced() (head *programmetest.Browser, path string) {
	h.t.Helper()
	head = h.As("guiyuan-head")
	a := head.Post("/desk/reception/new", goodDay...)
	if a.Status != http.StatusSeeOther {
		h.t.Fatalf("a good day was not stored: %d\n%s", a.Status, a.Body)
	}
	if p := head.Post(a.To + "/publish"); p.Status != http.StatusSeeOther {
		h.t.Fatalf("not published: %d\n%s", p.Status, p.Body)
	}
	return head, a.To
}

func Test_a_draft_is_seen_by_its_unit_and_a_published_day_by_everybody(t *testing.T) {
	h := newHouse(t, false)
	visitor := h.Browser()
	programmetest.Holds(t, visitor.OK("/reception"), "No reception day is announced at present.")
	head := h.As("guiyuan-head")
	programmetest.Holds(t, head.OK("/desk/reception"), "No day to come.", "/desk/reception/new")
	a := head.Post("/desk/reception/new", goodDay...)
	programmetest.Holds(t, head.OK(a.To), "Draft", "Room 101", "Publish")
	programmetest.Lacks(t, visitor.OK("/reception"), "Room 101")
	if got := visitor.Get("/reception/1.ics").Status; got != http.StatusNotFound {
		t.Errorf("the calendar file of a draft answered %d", got)
	}
	head.Post(a.To + "/publish")
	page := visitor.OK("/reception?lang=zh-CN")
	programmetest.Holds(t, page, "2026年3月", "2026年3月12日", "09:00—10:00", "He Wanqing", "Room 101", "还有2个时段，共2个", "2026年3月7日")
	programmetest.Holds(t, visitor.OK("/reception?unit=guiyuan&month=2026-03&lang=en"), "Room 101", "2 of 2 times free")
	programmetest.Holds(t, visitor.OK("/reception?unit=donghu"), "No day fits this choice.")
	programmetest.Holds(t, visitor.OK("/"), `href="/reception"`)
}

func Test_the_desk_shows_the_published_days_of_units_above_and_their_drafts_to_nobody_below(t *testing.T) {
	h := newHouse(t, false)
	district, street := h.As("binjiang-head"), h.As("guiyuan-officer")
	a := district.Post("/desk/reception/new", with(goodDay, "unit", "binjiang")...)
	if got := street.Get(a.To).Status; got != http.StatusNotFound {
		t.Errorf("a draft of the district answered the street %d", got)
	}
	programmetest.Lacks(t, street.OK("/desk/reception"), a.To)
	district.Post(a.To + "/publish")
	programmetest.Holds(t, street.OK("/desk/reception"), a.To)
	programmetest.Lacks(t, street.OK(a.To), "/cancel", "/edit")
	if got := h.As("donghu-head").Get(a.To).Status; got != http.StatusNotFound {
		t.Errorf("the day of one district answered another %d", got)
	}
}

func Test_a_day_that_cannot_be_is_not_stored_and_every_reason_is_said(t *testing.T) {
	h := newHouse(t, false)
	head := h.As("guiyuan-head")
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
		a := head.Post("/desk/reception/new", with(goodDay, c.kv...)...)
		if a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%v answered %d", c.kv, a.Status)
		}
		programmetest.Holds(t, a.Body, c.says)
	}
	if a := head.Post("/desk/reception/new", with(goodDay, "date", "2026-03-14", "why", "for people who work")...); a.Status != http.StatusSeeOther {
		t.Errorf("a day off with a reason answered %d", a.Status)
	}
	a := h.As("guiyuan-officer").Post("/desk/reception/new", goodDay...)
	if a.Status != http.StatusForbidden {
		t.Errorf("an officer without the role stored a day: %d", a.Status)
	}
	if a := h.As("binjiang-head").Get("/desk/reception/day/1"); a.Status != http.StatusOK {
		t.Errorf("the district does not see the day of its street: %d", a.Status)
	}
	if a := h.As("binjiang-head").Post("/desk/reception/day/1/publish"); a.Status != http.StatusForbidden {
		t.Errorf("the district published the day of its street: %d", a.Status)
	}
	if a := h.As("donghu-head").Get("/desk/reception/day/1"); a.Status != http.StatusNotFound {
		t.Errorf("another district sees the day: %d", a.Status)
	}
}

func Test_a_resident_books_looks_it_up_and_takes_it_back(t *testing.T) {
	h := newHouse(t, false)
	_, path := h.announced()
	k := h.report("lamp")
	r, base := h.Browser(), "/f/"+string(k.Code)
	programmetest.Holds(t, r.OK(base), base+"/reception", "Ask for a time")
	programmetest.Holds(t, r.OK(base+"/reception"), "09:00", "09:30", "What to bring")
	if a := r.Get(base + "/reception/book"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("no choice answered %d", a.Status)
	}
	programmetest.Holds(t, r.OK(base+"/reception/book?at=1-2"), "Thursday 12 March 2026 at 09:30", "Check and reserve", "What to bring")
	a := r.Post(base+"/reception/book", "at", "1-2", "_key", "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	if a.Status != http.StatusSeeOther {
		t.Fatalf("booking answered %d\n%s", a.Status, a.Body)
	}
	if again := r.Post(base+"/reception/book", "at", "1-2", "_key", "aaaaaaaaaaaaaaaaaaaaaaaaaa"); again.Status != http.StatusSeeOther {
		t.Errorf("the same form sent twice answered %d", again.Status)
	}
	page := r.OK(a.To)
	programmetest.Holds(t, page, "Stored.", "09:30: your time is reserved", "Take the booking back")
	programmetest.Holds(t, r.OK(base), "09:30: your time is reserved", "Asked for a meeting with He Wanqing, Head of the subdistrict")
	programmetest.Holds(t, h.As("guiyuan-head").OK(path), "Broken pavement", string(k.Ref), "Reserved")
	if a := r.Get("/f/0000-0000-0000/reception"); a.Status != http.StatusNotFound {
		t.Errorf("a wrong code answered %d", a.Status)
	}
	programmetest.Holds(t, r.OK(base+"/reception/withdraw"), "Take the booking back?")
	id := regexp.MustCompile(`name="at" value="(\d+)"`).FindStringSubmatch(r.OK(base + "/reception/withdraw"))[1]
	if a := r.Post(base+"/reception/withdraw", "at", id); a.Status != http.StatusSeeOther {
		t.Fatalf("taking it back answered %d\n%s", a.Status, a.Body)
	}
	programmetest.Holds(t, r.OK(base+"/reception?done=withdrawn"), "Taken back.", "09:30")
}

func Test_who_comes_second_is_told_and_offered_the_waiting_list(t *testing.T) {
	h := newHouse(t, false)
	h.announced()
	one, two, three := h.report("lamp"), h.report("drain"), h.report("noise")
	r := h.Browser()
	for i, k := range []casework.Case{one, two} {
		r.Post("/f/"+string(k.Code)+"/reception/book", "at", []string{"1-1", "1-2"}[i])
	}
	base := "/f/" + string(three.Code)
	a := r.Post(base+"/reception/book", "at", "1-2")
	if a.Status != http.StatusConflict {
		t.Fatalf("a slot that is taken answered %d", a.Status)
	}
	programmetest.Holds(t, a.Body, "Somebody else was first", "Join the waiting list", `value="1-0"`)
	r.Post(base+"/reception/book", "at", "1-0")
	programmetest.Holds(t, r.OK(base+"/reception"), "number 1 on the waiting list")
	id := regexp.MustCompile(`name="at" value="(\d+)"`).FindStringSubmatch(r.OK("/f/" + string(one.Code) + "/reception/withdraw"))[1]
	if a := r.Post(base+"/reception/withdraw", "at", id); a.Status != http.StatusNotFound {
		t.Errorf("somebody else's booking was taken back: %d", a.Status)
	}
	r.Post("/f/"+string(one.Code)+"/reception/withdraw", "at", id)
	programmetest.Holds(t, r.OK(base), "09:00: your time is reserved")
	if told := h.letters(movedUp); len(told) != 1 || told[0].Ref != three.Ref {
		t.Errorf("told were %+v", told)
	}
}

func Test_only_the_days_of_responsible_units_are_offered(t *testing.T) {
	h := newHouse(t, false)
	head := h.As("donghu-head")
	a := head.Post("/desk/reception/new", with(goodDay, "unit", "donghu")...)
	head.Post(a.To + "/publish")
	k := h.report("lamp")
	base := "/f/" + string(k.Code)
	programmetest.Holds(t, h.Browser().OK(base+"/reception"), "No reception day of the units responsible")
	if a := h.Browser().Post(base+"/reception/book", "at", "1-1"); a.Status != http.StatusConflict {
		t.Errorf("a day of another district was booked: %d", a.Status)
	}
}

func Test_a_cancelled_day_says_why_everywhere(t *testing.T) {
	h := newHouse(t, false)
	head, path := h.announced()
	k := h.report("lamp")
	base := "/f/" + string(k.Code)
	h.Browser().Post(base+"/reception/book", "at", "1-1")
	if a := head.Post(path + "/cancel"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a day was cancelled without a reason: %d", a.Status)
	}
	head.Post(path+"/cancel", "reason", "flood duty")
	programmetest.Holds(t, h.Browser().OK("/reception"), "Cancelled. Reason: flood duty")
	programmetest.Holds(t, h.Browser().OK("/reception.ics"), "STATUS:CANCELLED", "flood duty")
	programmetest.Holds(t, h.Browser().OK(base+"/reception"), "was cancelled. Reason: flood duty")
	programmetest.Holds(t, head.OK(path), "Cancelled", "flood duty")
}

// meeting books a matter, lets the day come and opens the desk on it.
func (h *house) meeting() (k casework.Case, head *programmetest.Browser, path string) {
	h.t.Helper()
	_, path = h.announced()
	k = h.report("lamp")
	h.Browser().Post("/f/"+string(k.Code)+"/reception/book", "at", "1-1")
	if page := h.As("guiyuan-head").OK(path); strings.Contains(page, "/held/") {
		h.t.Error("the meeting can be written down before its day")
	}
	h.set(time.Date(2026, 3, 12, 2, 0, 0, 0, time.UTC))
	return k, h.As("guiyuan-head"), path
}

func Test_what_came_of_a_meeting_is_an_act_of_the_case_and_its_promise_is_followed(t *testing.T) {
	h := newHouse(t, true)
	programmetest.Holds(t, h.Browser().OK("/reception?lang=zh-CN"), "负责人定期接待来访", "《办理办法》")
	k, head, path := h.meeting()
	held := path + "/held/1"
	programmetest.Holds(t, head.OK(path), held)
	if a := head.Post(held, "note", "Talked it over", "promise", "New lamp"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a promise without a day answered %d", a.Status)
	}
	a := head.Post(held, "note", "Talked it over", "promise", "A new lamp in Garden Road", "due", "2026-03-20")
	if a.Status != http.StatusSeeOther {
		t.Fatalf("the outcome was not stored: %d\n%s", a.Status, a.Body)
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
	if again := head.Post(held, "note", "once more"); again.Status != http.StatusUnprocessableEntity {
		t.Errorf("a meeting was written down twice: %d", again.Status)
	}
	programmetest.Holds(t, h.Browser().OK("/f/"+string(k.Code)), "Talked it over", "A new lamp in Garden Road")
	page := head.OK("/desk/reception/promises")
	programmetest.Holds(t, page, "Guiyuan Subdistrict", "A new lamp in Garden Road", "by Friday 20 March 2026")
	programmetest.Lacks(t, h.As("donghu-head").OK("/desk/reception/promises"), "Guiyuan", "new lamp")
	if a := head.Post("/desk/reception/promises/1", "done", ""); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a promise was kept without a word: %d", a.Status)
	}
	head.Post("/desk/reception/promises/1", "done", "The lamp shines")
	programmetest.Lacks(t, head.OK("/desk/reception/promises"), "A new lamp")
	programmetest.Holds(t, h.Browser().OK("/f/"+string(k.Code)), "The lamp shines")
}

func Test_without_an_act_the_outcome_is_a_note_its_resident_reads(t *testing.T) {
	h := newHouse(t, false)
	k, head, path := h.meeting()
	if a := head.Post(path+"/held/1", "note", "Talked it over", "promise", "A new lamp", "due", "2026-03-20"); a.Status != http.StatusSeeOther {
		t.Fatalf("the outcome was not stored: %d\n%s", a.Status, a.Body)
	}
	programmetest.Holds(t, h.Browser().OK("/f/"+string(k.Code)), "Meeting with He Wanqing, Head of the subdistrict on Thursday 12 March 2026: Talked it over", "Promised, to be done by Friday 20 March 2026: A new lamp")
	programmetest.Holds(t, h.Browser().OK("/f/"+string(k.Code)+"/reception"), "took place")
	programmetest.Holds(t, head.OK("/desk/reception/promises"), "Promised, to be done by Friday 20 March 2026: A new lamp")
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
	page := street.OK(path)
	programmetest.Lacks(t, page, "Broken pavement", string(k.Ref), "/held/")
	programmetest.Holds(t, page, "/absent/")
	if a := street.Post(path+"/held/1", "note", "x"); a.Status != http.StatusNotFound {
		t.Errorf("the street wrote into a case it does not read: %d", a.Status)
	}
	city := h.As("linjiang-head")
	programmetest.Holds(t, city.OK(path), "Broken pavement", path+"/held/1")
	programmetest.Lacks(t, city.OK(path), "/absent/", "/cancel")
	if a := city.Post(path+"/held/1", "note", "Talked it over"); a.Status != http.StatusSeeOther {
		t.Errorf("the city could not write it down: %d\n%s", a.Status, a.Body)
	}
}

func Test_nobody_came_is_about_the_day_and_not_about_the_case(t *testing.T) {
	h := newHouse(t, false)
	k, head, path := h.meeting()
	if a := head.Post(path + "/absent/1"); a.Status != http.StatusSeeOther {
		t.Fatalf("answered %d\n%s", a.Status, a.Body)
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
	programmetest.Holds(t, h.Browser().OK("/f/"+string(k.Code)+"/reception"), "nobody came")
}

func Test_a_case_the_officer_may_not_read_is_a_taken_slot_and_nothing_else(t *testing.T) {
	h := newHouse(t, false)
	head, path := h.announced()
	h.do(func(ctx context.Context, tx *db.Tx) error { // a case outside the officer's scope, as a sealed one is
		_, err := putBooking(ctx, tx, Booking{Day: 1, Slot: 1, Case: "zzzz", Ref: "SR-99-000001", State: Booked})
		return err
	})
	page := head.OK(path)
	programmetest.Holds(t, page, "a case you may not open")
	programmetest.Lacks(t, page, "SR-99")
}

func Test_the_pages_are_closed_where_the_city_has_no_receptions(t *testing.T) {
	h := newHouse(t, false)
	h.pack.Parameters = map[string]int{"reception.offered.petition": 0}
	if a := h.Browser().Get("/reception"); a.Status != http.StatusNotFound {
		t.Errorf("the calendar answered %d", a.Status)
	}
	programmetest.Lacks(t, h.Browser().OK("/"), "/reception")
	k := h.report("lamp")
	programmetest.Lacks(t, h.Browser().OK("/f/"+string(k.Code)), "/reception")
	head := h.As("guiyuan-head")
	programmetest.Lacks(t, head.OK("/desk"), "/desk/reception")
	if a := head.Get("/desk/reception"); a.Status != http.StatusNotFound {
		t.Errorf("the desk's list answered %d", a.Status)
	}
}

func Test_the_desk_pages_need_a_session(t *testing.T) {
	h := newHouse(t, false)
	a := h.Browser().Get("/desk/reception")
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.To, "/desk/signin") {
		t.Errorf("answered %d to %s", a.Status, a.To)
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
