package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func Test_on_a_telephone_mail_that_was_not_taken_in_becomes_a_case_and_the_list_is_taken_along(t *testing.T) {
	b := openBrowserCity(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "mail.yaml")
	if err := os.WriteFile(config, []byte("address: help@city.example\nfolder: "+filepath.Join(dir, "mail")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.takeMail(config); err != nil {
		t.Fatal(err)
	}
	for name, head := range map[string]string{"a.eml": "Auto-Submitted: auto-replied\r\n", "b.eml": "Precedence: bulk\r\n"} {
		mail := "From: Li Meihua <li@home.example>\r\nTo: help@city.example\r\nMessage-ID: <" + name + "@home.example>\r\n" + head + "Subject: =?utf-8?B?5qGC5Zut6Lev55qE6Lev54Gv?= and a subject that is longer than a telephone is wide\r\n\r\nNobody sees the steps.\r\n"
		if err := os.WriteFile(filepath.Join(dir, "mail", "new", name), []byte(mail), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.mail.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(360, 740))
	b.signIn(b.head(string(b.packs.Current().Units.Root())))
	b.everywhere("mail not taken in", "/desk/post/mail")
	b.open("/desk/post/mail?lang=en")
	first := `table.list tbody tr a`
	b.submit(first)
	b.expect("桂园路的路灯", "It is written down that you opened this page.")
	b.everywhere("a mail not taken in", strings.TrimPrefix(b.where(), b.url))
	b.looks("mail-not-taken-in")
	b.open("/desk/post/mail?lang=en")
	b.submit(first)
	b.submit(`button[value="take"]`)
	b.expect("It is now case")
	b.accessible("a mail taken in")
	b.submit(first)
	b.submit(`button[value="aside"]`)
	b.expect("Set aside.", "Nothing lies here")
	b.everywhere("no mail", "/desk/post/mail")

	b.open("/desk/cases?lang=en")
	b.do(chromedp.Click(chromedp.CSS(".takeaway > summary")))
	if got := b.js(`[...document.querySelectorAll(".takeaway a")].filter(a => a.offsetHeight > 40).length`); got != "3" {
		t.Errorf("%s files can be reached", got)
	}
	b.accessible("a list to take along")
	b.looks("list-takeaway")
	b.do(chromedp.EmulateViewport(1280, 900))
	if got := b.js(`document.querySelector(".takeaway").offsetHeight`); got != "0" {
		t.Errorf("where there is room it stands twice")
	}
}
