package post_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/file"
	"comity/internal/inmail"
	"comity/internal/ledger"
	"comity/internal/programme/programmetest"
)

// withMail gives the house a room for mail, and puts mails into it.
func (h *house) withMail(mails ...string) (dir string) {
	h.t.Helper()
	dir = h.t.TempDir()
	now := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	r, err := inmail.New(inmail.Deps{Ledger: h.city.Ledger, Reader: h.city.Reader, Packs: h.city.Packs, Words: h.post.Words, Files: file.Store{Dir: h.t.TempDir()},
		Now: func() time.Time { return now }, Door: inmail.Door{Address: "help@linjiang.example", Secret: []byte("0123456789abcdef")}, Folder: inmail.Folder{Dir: dir}, Keep: 24 * time.Hour, Every: time.Second})
	if err != nil {
		h.t.Fatal(err)
	}
	for i, m := range mails {
		if err := os.WriteFile(filepath.Join(dir, "new", string(rune('a'+i))+".eml"), []byte(strings.ReplaceAll(m, "\n", "\r\n")), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := r.Once(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.mail = r
	return dir
}

const absence = "From: Li Meihua <li@home.example>\nTo: help@linjiang.example\nMessage-ID: <1@home.example>\nAuto-Submitted: auto-replied\nSubject: The lamp at the gate\n\nNobody sees the steps.\n"

var mailLink = regexp.MustCompile(`href="(/desk/post/mail/[0-9a-f]+)"`)

func Test_mail_that_became_no_case_is_found_looked_at_and_taken_in(t *testing.T) {
	h := newHouse(t, demo(t))
	dir := h.withMail(absence)
	head := h.As("city-head")
	programmetest.Holds(t, head.OK("/desk/post?lang=en"), `href="/desk/post/mail"`)
	list := head.OK("/desk/post/mail?lang=en")
	programmetest.Holds(t, list, "Mail not taken in", "A machine says that it wrote it", "KB")
	programmetest.Lacks(t, list, "Li Meihua", "li@home", "lamp", "steps", "⟦")
	one := mailLink.FindStringSubmatch(list)[1]
	page := head.OK(one)
	programmetest.Holds(t, page, "Li Meihua <li@home.example>", "The lamp at the gate", "It is written down that you opened this page.", "Take in", "Set aside")
	programmetest.Lacks(t, page, "steps", "⟦")
	beside, err := os.ReadFile(filepath.Join(dir, "review", "a.eml.why"))
	if err != nil || !strings.Contains(string(beside), "seen: ") {
		t.Errorf("beside it lies %s, %v", beside, err)
	}
	programmetest.Lacks(t, head.OK(one+"?lang=zh-CN"), "⟦")
	head.OK("/desk?lang=en")
	to := head.Sent(one, "do", "take")
	items, err := h.city.Reader.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 9})
	if err != nil || len(items.Items) != 1 {
		t.Fatalf("%+v, %v", items.Items, err)
	}
	ref := string(items.Items[0].Ref)
	programmetest.Holds(t, head.OK(to), "It is now case "+ref, `href="/desk/cases/`+ref+`"`, "Nothing lies here")
	if got := head.Get(one).Status; got != http.StatusNotFound {
		t.Errorf("it is still there: %d", got)
	}
	programmetest.Lacks(t, head.OK("/desk/post/mail?taken=Call+0900-1234&lang=en"), "It is now case")
}

func Test_mail_that_cannot_be_read_stays_until_it_is_set_aside(t *testing.T) {
	h := newHouse(t, demo(t))
	dir := h.withMail("no mail at all\n")
	head := h.As("city-head")
	one := mailLink.FindStringSubmatch(head.OK("/desk/post/mail?lang=en"))[1]
	programmetest.Holds(t, head.OK(one), "It cannot be read", "Ask whoever runs the program")
	programmetest.Holds(t, head.OK(head.Sent(one, "do", "take")), "It could not be taken in", one)
	programmetest.Holds(t, head.OK(head.Sent(one, "do", "aside")), "Set aside.", "Nothing lies here")
	if _, err := os.Stat(filepath.Join(dir, "done", "a.eml")); err != nil {
		t.Error(err)
	}
	if got := head.Post(one, "do", "aside").Status; got != http.StatusNotFound {
		t.Errorf("a second time: %d", got)
	}
}

func Test_mail_is_for_those_alone_who_look_after_the_whole_city(t *testing.T) {
	h := newHouse(t, demo(t))
	if got := h.As("city-head").Get("/desk/post/mail").Status; got != http.StatusNotFound {
		t.Errorf("where nothing takes mail in: %d", got)
	}
	programmetest.Lacks(t, h.As("city-head").OK("/desk/post"), "/desk/post/mail")
	h.withMail(absence)
	one := mailLink.FindStringSubmatch(h.As("city-head").OK("/desk/post/mail"))[1]
	for who, want := range map[string]int{"guiyuan-head": http.StatusNotFound, "donghu-head": http.StatusNotFound, "guiyuan-clerk": http.StatusForbidden} {
		b := h.As(who)
		for _, got := range []int{b.Get("/desk/post/mail").Status, b.Get(one).Status, b.Post(one, "do", "take").Status, b.Post(one, "do", "aside").Status} {
			if got != want {
				t.Errorf("%s: %d, want %d", who, got, want)
			}
		}
	}
	programmetest.Lacks(t, h.As("guiyuan-head").OK("/desk/post"), "/desk/post/mail")
}
