package post_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/inmail"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/pdf/pdftest"
	"comity/internal/programme"
	"comity/internal/programme/post"
	"comity/internal/programme/programmetest"
	"comity/internal/text"
)

// house is the programme behind the real desk, over a courier with a gateway of the test's own.
type house struct {
	*programmetest.House
	t      *testing.T
	city   *ledgertest.City
	post   *courier.Courier
	says   courier.Answer
	told   int
	mail   *inmail.Room
	runner *jobs.Runner
	set    func(time.Time)
}

func newHouse(t *testing.T, p *pack.Pack) *house {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	for _, make := range []func() error{func() error { return jobs.Migrate(t.Context(), d) }, func() error { return courier.Migrate(t.Context(), d) }} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, set: set, says: courier.Answer{State: courier.Permanent, Words: "550 number unknown"}}
	h.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) {
		cfg.Notify, cfg.Erased, cfg.Project = courier.Enqueue, courier.Erased, courier.Follow(func() *org.Tree { return p.Units })
	})
	words := base.With(p.Texts)
	h.post = &courier.Courier{DB: d, Ledger: h.city.Ledger, Reader: h.city.Reader, Packs: h.city.Packs, Words: func(*pack.Pack) *text.Catalogue { return words },
		Link:  func(k casework.Case, _ bool) string { return "/f/" + string(k.Code) },
		Party: func(c casework.Code) string { return "/p/" + string(c) },
		Post: &courier.Post{Letters: true, Tries: 3, Hours: 24 * time.Hour, Wait: func(int) time.Duration { return 10 * time.Minute },
			Gateways: map[string]courier.Gateway{"sms": {Name: "texts", Send: func(context.Context, courier.Parcel) courier.Answer { return h.says }}},
			Hooks: []courier.Hook{{Name: "statistics", Send: func(context.Context, string, time.Time, []byte) courier.Answer {
				h.told++
				return courier.Answer{State: courier.Delivered}
			}}}}}
	if h.runner, err = jobs.NewRunner(d, h.post.Kind(), h.post.Deliveries(), h.post.Hooks()); err != nil {
		t.Fatal(err)
	}
	g := post.New(post.Deps{Courier: h.post, Packs: h.city.Packs, Words: h.post.Words, Mail: func() *inmail.Room { return h.mail }})
	h.House = programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: h.city, Words: words, Programmes: []programme.Programme{g}})
	for _, who := range []struct{ login, unit, role string }{{"guiyuan-head", "guiyuan", "head"}, {"donghu-head", "donghu", "head"}, {"city-head", "linjiang", "head"}, {"guiyuan-clerk", "guiyuan", "clerk"}} {
		h.Staff(who.login, who.login, "Officer "+who.login, authz.Grant{Role: authz.Role(who.role), Unit: org.UnitID(who.unit)})
	}
	set(time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC))
	return h
}

func demo(t *testing.T) *pack.Pack {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const secretPhone, secretTitle = "13800001111", "The tile of Mrs Li"

func (h *house) report(category string, contact casework.Contact, fields map[string]string) ledger.Receipt {
	h.t.Helper()
	cmd, err := intake.Command(h.city.Pack, intake.Report{Category: category, Title: secretTitle, Text: "It is loose.", Unit: "guiyuan-ganyuan", Source: "web", Contact: contact, Fields: fields})
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := h.city.Ledger.Do(h.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) work() {
	h.t.Helper()
	for {
		n, err := h.runner.RunDue(h.t.Context(), 50)
		if err != nil {
			h.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// deliveryOf is the page of the one message about a case: which of two messages is written first, the queue decides.
func (h *house) deliveryOf(r ledger.Receipt) string {
	h.t.Helper()
	list, err := h.post.List(h.t.Context(), courier.Filter{Reach: []courier.Reach{{Place: "/linjiang/"}}, Limit: 100})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range list {
		if d.Ref == r.Ref {
			return fmt.Sprint("/desk/post/", d.ID)
		}
	}
	h.t.Fatalf("there is no message about %s", r.Ref)
	return ""
}

var phone = casework.Contact{Channel: "sms", Address: secretPhone, Lang: "en", Name: "Li Meihua"}

func Test_what_did_not_arrive_is_found_by_those_who_look_after_it_and_sent_again(t *testing.T) {
	h := newHouse(t, demo(t))
	r := h.report("road.pavement", phone, nil)
	h.work()
	head := h.As("guiyuan-head")
	for _, lang := range []string{"en", "zh-CN"} {
		page := head.OK("/desk/post?lang=" + lang)
		programmetest.Holds(t, page, string(r.Ref), `href="/desk/post/1"`, map[string]string{"en": "Not delivered", "zh-CN": "未送达"}[lang])
		programmetest.Lacks(t, page, secretPhone, secretTitle, "Meihua", string(r.Code))
	}
	one := head.OK("/desk/post/1?lang=en")
	programmetest.Holds(t, one, "550 number unknown", "The gateway refuses it for good", "Send again", "Delivered by hand", "It came back", "texts")
	programmetest.Lacks(t, one, secretPhone, secretTitle, "Meihua", string(r.Code))
	h.says = courier.Answer{State: courier.Delivered, Words: "ok", ID: "4711"}
	programmetest.Holds(t, head.OK(head.Sent("/desk/post/1", "do", "again")), "Done.", "Sent again by hand", "Officer guiyuan-head")
	h.work()
	programmetest.Holds(t, head.OK("/desk/post/1"), "Delivered", "Number of the gateway: 4711")
	if a := head.Post("/desk/post/1", "do", "cancel"); a.Status == http.StatusSeeOther {
		t.Error("what was delivered is called off")
	}
	if a := head.Post("/desk/post/1", "do", "burn"); a.Status == http.StatusSeeOther {
		t.Error("an unknown deed is done")
	}
	programmetest.Lacks(t, head.OK("/desk/post"), string(r.Ref)) // nothing is stuck any more
	programmetest.Holds(t, head.OK("/desk/post?state=delivered&channel=sms"), string(r.Ref))
	programmetest.Lacks(t, head.OK("/desk/post?state=delivered&channel=mail"), string(r.Ref))
}

func Test_a_notice_whose_writer_died_each_time_is_shown_and_written_again(t *testing.T) {
	h := newHouse(t, demo(t))
	r := h.report("road.pavement", phone, nil)
	if err := h.post.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE jobs SET attempts = 10 WHERE kind = 'notice'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.work()
	head := h.As("guiyuan-head")
	var notice string
	for _, lang := range []string{"zh-CN", "en"} {
		page := head.OK("/desk/post?lang=" + lang)
		programmetest.Holds(t, page, string(r.Ref), map[string]string{"en": "could not be written", "zh-CN": "未能写成"}[lang])
		programmetest.Lacks(t, page, secretPhone, secretTitle, "Meihua", string(r.Code))
		_, rest, _ := strings.Cut(page, `name="notice" value="`)
		notice, _, _ = strings.Cut(rest, `"`)
	}
	programmetest.Lacks(t, h.As("donghu-head").OK("/desk/post"), string(r.Ref))
	for who, status := range map[string]int{"donghu-head": http.StatusNotFound, "guiyuan-clerk": http.StatusForbidden} {
		if got := h.As(who).Post("/desk/post/unwritten", "notice", notice).Status; got != status {
			t.Errorf("%s has it written again: %d", who, got)
		}
	}
	if got := head.Post("/desk/post/unwritten", "notice", "none").Status; got != http.StatusNotFound {
		t.Errorf("what is not there is written again: %d", got)
	}
	h.work()
	if list, err := h.post.List(t.Context(), courier.Filter{Reach: []courier.Reach{{Place: "/linjiang/"}}, Limit: 10}); err != nil || len(list) != 0 {
		t.Fatalf("somebody else has it written: %+v, %v", list, err)
	}
	programmetest.Holds(t, head.OK(head.Sent("/desk/post/unwritten", "notice", notice)), "It is being written again.")
	h.work()
	programmetest.Lacks(t, head.OK("/desk/post"), "could not be written")
	programmetest.Holds(t, head.OK(h.deliveryOf(r)), "550 number unknown")
}

func Test_only_roles_the_pack_names_have_the_pages_and_only_for_their_units(t *testing.T) {
	h := newHouse(t, demo(t))
	r := h.report("road.pavement", phone, nil)
	h.work()
	other, clerk := h.As("donghu-head"), h.As("guiyuan-clerk")
	programmetest.Lacks(t, other.OK("/desk/post?state=all"), string(r.Ref))
	for _, path := range []string{"/desk/post/1", "/desk/post/99", "/desk/post/x", "/desk/post/letters/1", "/desk/post/webhooks"} {
		if got := other.Get(path).Status; got != http.StatusNotFound {
			t.Errorf("%s answers another district %d", path, got)
		}
	}
	if got := other.Post("/desk/post/1", "do", "again").Status; got != http.StatusNotFound {
		t.Errorf("another district sends it again: %d", got)
	}
	for _, path := range []string{"/desk/post", "/desk/post/1", "/desk/post/letters", "/desk/post/texts", "/desk/post/webhooks"} {
		if got := clerk.Get(path).Status; got != http.StatusForbidden {
			t.Errorf("%s answers a clerk %d", path, got)
		}
	}
	programmetest.Lacks(t, clerk.OK("/desk/cases"), `href="/desk/post"`)
	programmetest.Holds(t, other.OK("/desk/cases"), `href="/desk/post"`)
	if got := h.Browser().Get("/desk/post").Status; got == http.StatusOK {
		t.Error("nobody in particular reads it")
	}
}

func Test_of_a_sealed_case_nothing_is_told_but_its_number(t *testing.T) {
	h := newHouse(t, ledgertest.Petitions(t, "../../../packs/demo"))
	r := h.report(ledgertest.Petition, phone, map[string]string{"class": "B"})
	h.work()
	head := h.As("city-head")
	page := head.OK("/desk/post?state=all&lang=en")
	programmetest.Holds(t, page, string(r.Ref), "Sealed case")
	one := head.OK("/desk/post/1?lang=en")
	programmetest.Holds(t, one, string(r.Ref))
	for begins, p := range map[string]string{"<tbody": page, "<dl": one} {
		_, main, found := strings.Cut(p, begins)
		if !found {
			t.Fatalf("there is no %s", begins)
		}
		programmetest.Lacks(t, main, "petition", "The resident", "Text message", secretTitle, secretPhone)
	}
}

func Test_letters_are_printed_in_batches_and_marked_as_posted_or_returned(t *testing.T) {
	h := newHouse(t, demo(t))
	home := casework.Contact{Channel: "letter", Address: "Garden Lane 3\nGuiyuan", Lang: "en", Name: "Li Meihua"}
	r := h.report("road.pavement", home, nil)
	h.report("road.pavement", casework.Contact{Channel: "letter", Address: "柑园路3号", Lang: "zh-CN", Name: "李美华"}, nil)
	h.work()
	head := h.As("guiyuan-head")
	programmetest.Holds(t, head.OK("/desk/post/letters?lang=en"), "2 letters wait to be printed.", "Make a batch")
	batch := head.Sent("/desk/post/letters")
	programmetest.Holds(t, head.OK(batch), string(r.Ref), "Fetch the file", "All of them are posted")
	programmetest.Holds(t, head.OK("/desk/post/letters"), "2 of 2 not posted yet", "0 letters wait")
	if a := head.Sent("/desk/post/letters"); !strings.Contains(a, "none") {
		t.Errorf("an empty batch is made: %s", a)
	}
	file := head.Get(batch + "/file")
	words := strings.Join(strings.Fields(pdftest.Text(t, []byte(file.Body))), " ")
	if file.Header.Get("Content-Type") != "application/pdf" || !strings.Contains(words, "Garden Lane 3") || !strings.Contains(words, "Li Meihua") || !strings.Contains(words, string(r.Ref)) {
		t.Errorf("the file is %s: %s", file.Header.Get("Content-Type"), words)
	}
	if got := h.As("donghu-head").Get(batch + "/file").Status; got != http.StatusNotFound {
		t.Errorf("another district fetches the letters: %d", got)
	}
	looks, err := h.city.Reader.Looks(t.Context(), r.Case, 50)
	if err != nil || len(looks) < 2 {
		t.Errorf("the look at the case is not on record: %+v, %v", looks, err)
	}
	head.Sent(batch)
	programmetest.Holds(t, head.OK("/desk/post?state=delivered"), string(r.Ref))
	programmetest.Lacks(t, head.OK(batch), "All of them are posted")
	one := h.deliveryOf(r)
	head.Sent(one, "do", "returned")
	programmetest.Holds(t, head.OK("/desk/post"), string(r.Ref), "Came back")
	head.Sent(one, "do", "again")
	programmetest.Holds(t, head.OK("/desk/post/letters"), "1 letter waits to be printed.")
}

func Test_every_text_can_be_read_in_both_languages_before_anybody_is_sent_it(t *testing.T) {
	h := newHouse(t, demo(t))
	for _, lang := range []string{"en", "zh-CN"} {
		page := h.As("guiyuan-head").OK("/desk/post/texts?lang=" + lang)
		programmetest.Holds(t, page, "XF-26-000123", "we have your report", "已收到您反映的", "公交站前的地砖松动", "Loose paving stone", "21:30", "08:00")
		programmetest.Lacks(t, page, "⟦")
	}
}

func Test_a_receiver_is_told_again_from_the_page(t *testing.T) {
	h := newHouse(t, demo(t))
	head := h.As("city-head")
	programmetest.Holds(t, head.OK("/desk/post/webhooks?lang=en"), "statistics")
	to := head.Sent("/desk/post/webhooks", "receiver", "statistics", "from", "2026-03-01T00:00", "to", "2026-03-03T00:00")
	programmetest.Holds(t, head.OK(to), "0 events are told again.")
	for _, bad := range [][]string{{"receiver", "nobody", "from", "2026-03-01T00:00", "to", "2026-03-03T00:00"}, {"receiver", "statistics", "from", "yesterday", "to", "2026-03-03T00:00"},
		{"receiver", "statistics", "from", "2026-03-04T00:00", "to", "2026-03-03T00:00"}} {
		if a := head.Post("/desk/post/webhooks", bad...); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%v answers %d", bad, a.Status)
		}
	}
}

func Test_a_long_list_has_pages(t *testing.T) {
	h := newHouse(t, demo(t))
	for i := range 52 {
		h.report("road.pavement", casework.Contact{Channel: "sms", Address: fmt.Sprintf("138%08d", i), Lang: "en"}, nil)
	}
	h.work()
	head := h.As("city-head")
	first := head.OK("/desk/post?lang=en")
	if n := strings.Count(first, `href="/desk/post/`); n < 50 || !strings.Contains(first, "before=3") {
		t.Errorf("the first page has %d lines", n)
	}
	second := head.OK("/desk/post?before=3")
	programmetest.Holds(t, second, `href="/desk/post/1"`, `href="/desk/post/2"`)
	programmetest.Lacks(t, second, `href="/desk/post/3"`)
}
