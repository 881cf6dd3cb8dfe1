package inmail_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/inmail"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/text"
)

const ours = "help@linjiang.example"

var secret = []byte("0123456789abcdef")

// office is a room over a real door.
type office struct {
	*inmail.Room
	t    testing.TB
	deps inmail.Deps
	city *ledgertest.City
	dir  string
	now  func() time.Time
	set  func(time.Time)
}

func newOffice(t testing.TB, d *db.DB, set func(time.Time)) *office {
	t.Helper()
	set(time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC))
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	words := base.With(p.Texts)
	now := func() (at time.Time) {
		if err := d.View(t.Context(), func(tx *db.Tx) error { at = tx.Now; return nil }); err != nil {
			t.Fatal(err)
		}
		return at
	}
	o := &office{t: t, city: ledgertest.OpenPack(t, d, p), dir: t.TempDir(), now: now, set: set}
	o.deps = inmail.Deps{Ledger: o.city.Ledger, Reader: o.city.Reader, Packs: o.city.Packs, Words: func(*pack.Pack) *text.Catalogue { return words }, Files: file.Store{Dir: t.TempDir()},
		Now: now, Door: inmail.Door{Address: ours, Secret: secret}, Folder: inmail.Folder{Dir: o.dir}, Keep: 24 * time.Hour, Every: time.Second}
	o.again()
	return o
}

// again is the room after a start of the program.
func (o *office) again() {
	o.t.Helper()
	r, err := inmail.New(o.deps)
	if err != nil {
		o.t.Fatal(err)
	}
	o.Room = r
}

func quick(t *testing.T) *office {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "mail.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return newOffice(t, d, set)
}

func (o *office) put(name, mail string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, "new", name), []byte(strings.ReplaceAll(mail, "\n", "\r\n")), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) once() {
	o.t.Helper()
	if err := o.Once(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

// why reads what became of a mail: the folder it lies in and what is written beside it.
func (o *office) why(name string) (folder, why string) {
	o.t.Helper()
	for _, f := range []string{"new", "cur", "done", "failed", "review"} {
		if _, err := os.Stat(filepath.Join(o.dir, f, name)); err == nil {
			raw, _ := os.ReadFile(filepath.Join(o.dir, f, name+".why"))
			return f, string(raw)
		}
	}
	o.t.Fatalf("%s is lost", name)
	return "", ""
}

func (o *office) cases() []ledger.Item {
	o.t.Helper()
	page, err := o.city.Reader.Worklist(o.t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 200})
	if err != nil {
		o.t.Fatal(err)
	}
	return page.Items
}

func mailOf(id, head, body string) string {
	return "From: =?utf-8?B?5p2O5aic?= <li@home.example>\nTo: " + ours + "\nMessage-ID: <" + id + "@home.example>\n" + head + "\n" + body
}

func Test_a_mail_becomes_a_case_and_its_sender_is_told_the_code(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		o := newOffice(t, d, set)
		o.put("1.eml", mailOf("a1", "Subject: =?utf-8?B?6Lev54Gv?=\nContent-Type: text/plain; charset=utf-8\n", "小区路灯坏了，已经三天。\n-- \n李娜"))
		o.once()
		if folder, why := o.why("1.eml"); folder != "done" || !strings.Contains(why, "reason: opened") {
			t.Fatalf("it lies in %s: %s", folder, why)
		}
		list := o.cases()
		if len(list) != 1 || list[0].Category != o.city.Pack.Post.Inbound || list[0].Source != "mail" {
			t.Fatalf("the cases are %+v", list)
		}
		c, events := o.city.Opened(t, list[0].ID)
		if c.Title != "路灯" || c.Text != "小区路灯坏了，已经三天。" || c.Contact != (casework.Contact{Name: "李娜", Channel: "mail", Address: "li@home.example", Lang: "zh-CN"}) {
			t.Errorf("the case is %q, %q, %+v", c.Title, c.Text, c.Contact)
		}
		if len(events) == 0 || len(events[0].Notices) == 0 {
			t.Error("nobody is told that it arrived")
		}
	})
}

func Test_the_same_mail_is_one_case_however_often_it_comes(t *testing.T) {
	o := quick(t)
	o.put("1.eml", mailOf("a1", "Subject: Hole\n", "A deep hole."))
	o.put("2.eml", mailOf("a1", "Subject: Hole\nX-Relay: another way\n", "A deep hole."))
	o.once()
	// Killed between the door and the folder: the mail lies in new again, and a new program finds it.
	if err := os.Rename(filepath.Join(o.dir, "done", "1.eml"), filepath.Join(o.dir, "new", "1.eml")); err != nil {
		t.Fatal(err)
	}
	o.again()
	o.once()
	if n := len(o.cases()); n != 1 {
		t.Errorf("%d cases", n)
	}
	for _, name := range []string{"2.eml"} {
		if folder, why := o.why(name); folder != "done" || !strings.Contains(why, "known") {
			t.Errorf("%s lies in %s: %s", name, folder, why)
		}
	}
	// The same name of a message from somebody else is another message.
	o.put("3.eml", strings.Replace(mailOf("a1", "Subject: Lamp\n", "Dark."), "li@home.example>\nTo", "wang@home.example>\nTo", 1))
	o.once()
	if n := len(o.cases()); n != 2 {
		t.Errorf("%d cases after another's mail", n)
	}
}

func Test_an_answer_joins_its_case_only_where_it_proves_that_we_wrote(t *testing.T) {
	o := quick(t)
	o.put("1.eml", mailOf("a1", "Subject: Hole\n", "A deep hole."))
	o.once()
	id := o.cases()[0].ID
	reply := inmail.Door{Address: ours, Secret: secret}.Reply(id)
	o.put("2.eml", strings.Replace(mailOf("a2", "Subject: Re: Hole\nIn-Reply-To: <x@linjiang.example>\n", "It is deeper now.\n\nOn Monday, City <"+ours+"> wrote:\n> we are on it\n"), "To: "+ours, "To: "+reply, 1))
	o.put("3.eml", strings.Replace(mailOf("a3", "Subject: Re: Hole\n", "I am Mrs Li, tell me everything."), "To: "+ours, "To: "+strings.Replace(reply, reply[len("help+")+len(id)+1:len("help+")+len(id)+5], "0000", 1), 1))
	o.put("4.eml", mailOf("a4", "Subject: Re: Hole ("+string(o.cases()[0].Ref)+")\n", "The From alone says who I am."))
	o.once()
	c, events := o.city.Opened(t, id)
	var notes []string
	for _, e := range events {
		if e.Note != nil {
			notes = append(notes, e.Note.Text)
		}
	}
	if len(notes) != 1 || notes[0] != "It is deeper now." {
		t.Errorf("the notes of %s are %q", c.Ref, notes)
	}
	if folder, why := o.why("3.eml"); folder != "review" || !strings.Contains(why, "token") {
		t.Errorf("a wrong token lies in %s: %s", folder, why)
	}
	if n := len(o.cases()); n != 2 { // the fourth is a matter of its own
		t.Errorf("%d cases", n)
	}
	if err := os.Rename(filepath.Join(o.dir, "done", "2.eml"), filepath.Join(o.dir, "new", "2.eml")); err != nil {
		t.Fatal(err)
	}
	o.again()
	o.once()
	if _, again := o.city.Opened(t, id); len(again) != len(events) {
		t.Errorf("the answer stands twice: %d events were %d", len(again), len(events))
	}
}

func Test_machines_are_laid_aside_and_get_no_answer(t *testing.T) {
	o := quick(t)
	for i, head := range []string{"Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "List-Id: <a.example>\n", "Return-Path: <>\n", "Content-Type: multipart/report; boundary=b\n"} {
		o.put(fmt.Sprintf("%d.eml", i), mailOf(fmt.Sprint("m", i), "Subject: Away\n"+head, "I am away."))
	}
	o.put("own.eml", strings.Replace(mailOf("m9", "Subject: Loop\n", "x"), "li@home.example>\nTo", ours+">\nTo", 1))
	o.once()
	for _, name := range []string{"0.eml", "1.eml", "2.eml", "3.eml", "4.eml", "own.eml"} {
		if folder, why := o.why(name); folder != "review" || !strings.HasPrefix(why, "reason: ") {
			t.Errorf("%s lies in %s: %s", name, folder, why)
		}
	}
	if n := len(o.cases()); n != 0 {
		t.Errorf("%d cases", n)
	}
}

func Test_a_program_that_goes_round_in_circles_is_slowed_down_and_nothing_is_lost(t *testing.T) {
	o := quick(t)
	for i := range 15 {
		o.put(fmt.Sprintf("%02d.eml", i), mailOf(fmt.Sprint("r", i), "Subject: Round\n", "and round"))
	}
	o.put("other.eml", strings.Replace(mailOf("o", "Subject: Hole\n", "A hole."), "li@home.example>\nTo", "wang@home.example>\nTo", 1))
	o.once()
	if n := len(o.cases()); n != 11 {
		t.Errorf("%d cases, want ten of the one and one of the other", n)
	}
	waiting := 0
	for i := range 15 {
		if folder, why := o.why(fmt.Sprintf("%02d.eml", i)); folder == "review" && strings.Contains(why, "many") {
			waiting++
		}
	}
	if waiting != 5 {
		t.Errorf("%d are laid aside", waiting)
	}
}

func picture(t *testing.T) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for x := range 40 {
		img.Set(x, x%30, color.RGBA{uint8(x * 6), 90, 10, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func Test_pictures_are_kept_and_what_cannot_be_is_told(t *testing.T) {
	o := quick(t)
	body := "--b\nContent-Type: text/plain; charset=utf-8\n\nSee the pictures.\n" +
		"--b\nContent-Type: image/jpeg\nContent-Disposition: attachment; filename=hole.jpg\nContent-Transfer-Encoding: base64\n\n" + picture(t) + "\n" +
		"--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"run.exe\"\nContent-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA\n--b--\n"
	o.put("1.eml", mailOf("p1", "Subject: Hole\nContent-Type: multipart/mixed; boundary=b\n", body))
	o.once()
	c, _ := o.city.Opened(t, o.cases()[0].ID)
	if len(c.Files) != 1 || c.Files[0].Kind != "image/jpeg" {
		t.Errorf("the files are %+v", c.Files)
	}
	if !strings.Contains(c.Text, "See the pictures.") || !strings.Contains(c.Text, "Not taken in: run.exe.") {
		t.Errorf("the words are %q", c.Text)
	}
}

func Test_what_cannot_be_taken_in_waits_with_its_reason(t *testing.T) {
	o := quick(t)
	o.put("1.eml", "this is no mail")
	o.put("2.eml", mailOf("l1", "Subject: Long\n", strings.Repeat("A very long story. ", 5000)))
	o.put("3.eml", mailOf("l2", "", ""))
	if err := os.Symlink("/etc/hostname", filepath.Join(o.dir, "new", "link.eml")); err != nil {
		t.Fatal(err)
	}
	o.once()
	if folder, why := o.why("1.eml"); folder != "failed" || !strings.Contains(why, "unread") {
		t.Errorf("no mail lies in %s: %s", folder, why)
	}
	if folder, why := o.why("3.eml"); folder != "review" || !strings.Contains(why, "empty") {
		t.Errorf("an empty mail lies in %s: %s", folder, why)
	}
	if folder, _ := o.why("2.eml"); folder != "done" {
		t.Errorf("a long mail lies in %s", folder)
	}
	c, _ := o.city.Opened(t, o.cases()[0].ID)
	if !strings.Contains(c.Text, "The mail is longer.") {
		t.Error("a long mail was cut and nobody told")
	}
	if _, err := os.Lstat(filepath.Join(o.dir, "new", "link.eml")); err != nil {
		t.Error("a link was followed")
	}
}

func Test_a_mail_of_which_not_all_can_be_read_waits_for_a_person(t *testing.T) {
	o := quick(t)
	o.put("parts.eml", mailOf("b1", "Subject: Many\nContent-Type: multipart/mixed; boundary=b\n", strings.Repeat("--b\nContent-Type: text/plain\n\nA hole.\n", 300)+"--b--\n"))
	o.put("words.eml", mailOf("b2", "Subject: Long\nContent-Type: text/html\n", "<p>A hole.<img src=\"data:,"+strings.Repeat("x", 1<<20)+"\"><p>And where it is."))
	o.once()
	for _, name := range []string{"parts.eml", "words.eml"} {
		if folder, why := o.why(name); folder != "failed" || !strings.Contains(why, "oversize") {
			t.Errorf("%s lies in %s: %s", name, folder, why)
		}
	}
	if n := len(o.cases()); n != 0 {
		t.Errorf("%d cases of what nobody read whole", n)
	}
}

func Test_who_sends_a_picture_without_a_word_is_answered_in_the_language_of_their_program(t *testing.T) {
	o := quick(t)
	for i, lang := range []string{"zh-CN", "en"} {
		o.put(fmt.Sprintf("%d.eml", i), strings.Replace(mailOf(fmt.Sprint("w", i), "Content-Language: "+lang+"\nContent-Type: image/jpeg; name=hole.jpg\nContent-Transfer-Encoding: base64\n", picture(t)), "li@home", lang+"@home", 1))
	}
	o.once()
	list := o.cases()
	if len(list) != 2 {
		t.Fatalf("%d cases", len(list))
	}
	for _, it := range list {
		c, _ := o.city.Opened(t, it.ID)
		if !strings.HasPrefix(c.Contact.Address, c.Contact.Lang+"@") {
			t.Errorf("%s is answered in %s", c.Contact.Address, c.Contact.Lang)
		}
	}
}

func Test_what_is_done_goes_after_its_days_and_what_waits_for_a_person_stays(t *testing.T) {
	o := quick(t)
	o.put("1.eml", mailOf("a1", "Subject: Hole\n", "A deep hole."))
	o.put("2.eml", mailOf("a2", "Subject: Away\nAuto-Submitted: auto-replied\n", "I am away."))
	o.once()
	old := o.now().Add(-48 * time.Hour)
	for _, name := range []string{"done/1.eml", "done/1.eml.why", "review/2.eml"} {
		if err := os.Chtimes(filepath.Join(o.dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	o.once()
	if _, err := os.Stat(filepath.Join(o.dir, "done", "1.eml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is done is still there: %v", err)
	}
	o.why("2.eml")
}
