package inmail

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// letter is a mail with a body; what head says comes before the usual headers.
func letter(head, body string) string {
	return strings.ReplaceAll("From: Li Na <li@home.example>\nTo: help@city.example\nMessage-ID: <a1@home.example>\n"+head+"\n"+body, "\n", "\r\n")
}

func in(t *testing.T, enc encoding.Encoding, s string) string {
	t.Helper()
	out, err := enc.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func coded(charset string, raw string) string {
	return "=?" + charset + "?B?" + base64.StdEncoding.EncodeToString([]byte(raw)) + "?="
}

func Test_a_mail_is_read_as_its_program_wrote_it(t *testing.T) {
	gb, gbk, big5 := simplifiedchinese.GB18030, simplifiedchinese.GBK, traditionalchinese.Big5
	lamp, big := "小区路灯坏了。\n已经三天。", "路燈壞了。"
	both := "Content-Type: multipart/alternative; boundary=b\n"
	for name, c := range map[string]struct{ mail, subject, text string }{
		"plain":            {letter("Subject: Lamp\n", "The lamp is out.\n"), "Lamp", "The lamp is out."},
		"no type":          {letter("Subject: Lamp\nContent-Type: nonsense\n", "The lamp is out."), "Lamp", "The lamp is out."},
		"utf-8":            {letter("Subject: "+mime.BEncoding.Encode("utf-8", "路灯")+"\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte(lamp))), "路灯", lamp},
		"gb18030":          {letter("Subject: "+coded("gb18030", in(t, gb, "路灯"))+"\nContent-Type: text/plain; charset=\"GB18030\"\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte(in(t, gb, lamp)))), "路灯", lamp},
		"gb2312 is gbk":    {letter("Subject: "+coded("GB2312", in(t, gbk, "路灯"))+"\nContent-Type: text/plain; charset=gb2312\n", in(t, gbk, lamp)), "路灯", lamp},
		"big5":             {letter("Subject: "+coded("big5", in(t, big5, "路燈"))+"\nContent-Type: text/plain; charset=Big5\nContent-Transfer-Encoding: 8bit\n", in(t, big5, big)), "路燈", big},
		"raw header":       {letter("Subject: "+in(t, gbk, "路灯")+"\n", in(t, gbk, lamp)), "路灯", lamp},
		"quoted printable": {letter("Subject: =?utf-8?q?L=C3=A4rm?=\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n", "Es ist L=C3=A4rm, und das sehr la=\nut."), "Lärm", "Es ist Lärm, und das sehr laut."},
		"alternative":      {letter("Subject: a\n"+both, "--b\nContent-Type: text/plain\n\nPlain words.\n--b\nContent-Type: text/html\n\n<p>Other words.</p>\n--b--\n"), "a", "Plain words."},
		"html alone":       {letter("Subject: a\nContent-Type: text/html; charset=utf-8\n", "<html><head><title>x</title><style>p{}</style></head><body><p>路灯<b>坏了</b>。</p><script>alert(1)</script><ul><li>one</li><li>two</li></ul>a &amp; b</body>"), "a", "路灯坏了。\n- one\n- two\na & b"},
		"empty plain":      {letter("Subject: a\n"+both, "--b\nContent-Type: text/plain\n\n \n--b\nContent-Type: text/html\n\n<div>Only here.</div>\n--b--\n"), "a", "Only here."},
		"torn":             {letter("Subject: a\n"+both, "--b\nContent-Type: text/plain\n\nThe end is miss"), "a", "The end is miss"},
		"no boundary":      {letter("Subject: a\nContent-Type: multipart/mixed\n", "Just words."), "a", "Just words."},
		"folded subject":   {letter("Subject: one\n two\n", "x"), "one two", "x"},
		"sent on":          {letter("Subject: Fwd\nContent-Type: multipart/mixed; boundary=b\n", "--b\nContent-Type: text/plain\n\nSee below.\n--b\nContent-Type: message/rfc822\n\nFrom: x@y.example\nSubject: Hole\n\nA deep hole.\n--b--\n"), "Fwd", "See below.\n\nHole\n\nA deep hole."},
		"unknown charset":  {letter("Subject: a\nContent-Type: text/plain; charset=x-klingon\n", "words"), "a", "words"},
		"no end of head":   {letter("Subject: a\nContent-Type: text/html\n", "<html><head><title>x</title><style>p{}</style><body><p>The lamp is out."), "a", "The lamp is out."},
		"broken words":     {letter("Subject: "+coded("gbk", in(t, gbk, "路灯")[:3])+"\n "+coded("GBK", in(t, gbk, "路灯坏了")[3:])+"\n", "x"), "路灯坏了", "x"},
		"broken, quoted":   {letter("Subject: =?gb2312?Q?=C2=B7_=B5?= =?gb2312?q?=C6_?= =?utf-8?q?ok?=\n", "x"), "路 灯 ok", "x"},
		"two charsets":     {letter("Subject: "+coded("gbk", in(t, gbk, "路"))+" "+coded("big5", in(t, big5, "燈"))+"\n", "x"), "路燈", "x"},
		"one mailbox file": {"From li@home.example Mon Mar  2 09:00:00 2026\n" + letter("Subject: a\n", "words"), "a", "words"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(c.mail))
			if err != nil {
				t.Fatal(err)
			}
			if m.Subject != c.subject || m.Text != c.text {
				t.Errorf("read is %q / %q, want %q / %q", m.Subject, m.Text, c.subject, c.text)
			}
			if m.From.Address != "li@home.example" || m.ID != "a1@home.example" {
				t.Errorf("from %q, id %q", m.From, m.ID)
			}
		})
	}
}

func Test_files_come_with_their_names(t *testing.T) {
	body := "--b\nContent-Type: text/plain\n\nSee the picture.\n" +
		"--b\nContent-Type: image/jpeg; name=\"" + coded("utf-8", "路灯.jpg") + "\"\nContent-Disposition: attachment; filename=\"" + coded("utf-8", "路灯.jpg") + "\"\nContent-Transfer-Encoding: base64\n\nAAEC\nAwQ=\n" +
		"--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''%E8%AF%81.pdf\n\nraw\n--b--\n"
	m, err := Parse([]byte(letter("Subject: a\nContent-Type: multipart/mixed; boundary=\"b\"\n", body)))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Parts) != 2 || m.Parts[0].Name != "路灯.jpg" || string(m.Parts[0].Data) != "\x00\x01\x02\x03\x04" || m.Parts[1].Name != "证.pdf" {
		t.Errorf("the parts are %+v", m.Parts)
	}
	if m.Text != "See the picture." {
		t.Errorf("the words are %q", m.Text)
	}
}

func Test_what_was_written_now_is_kept_and_what_is_repeated_is_not(t *testing.T) {
	for name, c := range map[string][2]string{
		"gmail":       {"It is still dark.\n\nOn Mon, 2 Mar 2026 at 09:00, City <help@city.example> wrote:\n> Dear Mrs Li\n> we mended it\n", "It is still dark."},
		"gmail, long": {"Still dark.\n\nOn Mon, 2 Mar 2026 at 09:00, City of Linjiang\n<help@city.example> wrote:\n> we mended it", "Still dark."},
		"qq":          {"还没修好。\n\n------------------ 原始邮件 ------------------\n发件人: \"市政\"<help@city.example>\n已修好。", "还没修好。"},
		"netease":     {"还没修好。\n\n在 2026-03-02 09:00:00，“市政” <help@city.example> 写道：\n> 已修好。", "还没修好。"},
		"outlook":     {"Not yet.\n\nFrom: City <help@city.example>\nSent: Monday\nTo: Li\nSubject: About\n\nWe mended it.", "Not yet."},
		"signature":   {"The lamp is out.\n-- \nLi Na\nSent from my phone", "The lamp is out."},
		"quote last":  {"No.\n> was it mended?\n", "No."},
		"below":       {"> was it mended?\nNo, it was not.", "> was it mended?\nNo, it was not."},
		"all quoted":  {"> was it mended?", "> was it mended?"},
		"sent on":     {"See below.\n---------- Forwarded message ---------\nFrom: Wang <w@x.example>\nDate: Monday\nTo: Li\n\nThere is a hole.", "See below.\n---------- Forwarded message ---------\nFrom: Wang <w@x.example>\nDate: Monday\nTo: Li\n\nThere is a hole."},
		"a sentence":  {"From: the corner to the school it is dark.\nThe mayor wrote: soon", "From: the corner to the school it is dark.\nThe mayor wrote: soon"},
	} {
		if got := fresh(c[0]); got != c[1] {
			t.Errorf("%s: %q, want %q", name, got, c[1])
		}
	}
	m, err := Parse([]byte(letter("Content-Type: text/html\n", "<div>No.</div><blockquote>Was it mended?<br>Yours</blockquote>")))
	if err != nil || fresh(m.Text) != "No." {
		t.Errorf("HTML: %q, %v", m.Text, err)
	}
}

func Test_a_mail_whose_subject_says_that_it_is_sent_on_is_kept_whole(t *testing.T) {
	body := "Please see to this.\n\nFrom: Wang <w@x.example>\nSent: Monday\nTo: Li\nSubject: Hole\n\nThere is a hole."
	for subject, whole := range map[string]bool{"FW: Hole": true, "Fwd: Hole": true, "转发：坑": true, "Re: Hole": false, "Forwarders": false} {
		m, err := Parse([]byte(letter("Subject: "+subject+"\n", body)))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.fresh(); strings.Contains(got, "There is a hole.") != whole || !strings.Contains(got, "Please see to this.") {
			t.Errorf("%s: kept is %q", subject, got)
		}
	}
}

func Test_what_a_machine_sent_is_known_by_what_it_says(t *testing.T) {
	for head, want := range map[string]string{
		"Auto-Submitted: auto-replied\n": whyAuto, "Auto-Submitted: auto-generated (away)\n": whyAuto, "Auto-Submitted: no\n": "", "X-Autoreply: yes\n": whyAuto,
		"Precedence: bulk\n": whyBulk, "Precedence: Auto_Reply\n": whyBulk, "Precedence: first-class\n": "",
		"List-Id: <news.example>\n": whyList, "List-Unsubscribe: <mailto:x@y>\n": whyList, "Return-Path: <>\n": whyBounce, "Return-Path: <li@home.example>\n": "",
		"Content-Type: multipart/report; boundary=b\n": whyBounce, "": "",
	} {
		m, err := Parse([]byte(letter(head, "words")))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.machine([]string{"help@city.example"}); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
	for mail, want := range map[string]string{
		"From: MAILER-DAEMON@relay.example\n\nx":                                      whyBounce,
		"From: help@city.example\n\nx":                                                whyOwn,
		"From: HELP@City.Example\n\nx":                                                whyOwn,
		"From: noreply@city.example\nMessage-ID: <k@city.example>\n\nx":               whyOwn,
		"Subject: nobody\n\nx":                                                        whySender,
		"From: \"a\\nBcc: x@y.example\" <not an address>\n\nx":                        whySender,
		"From: " + strings.Repeat("a", 300) + "@x.example\n\nx":                       whySender,
		"From: Clerk <clerk@city.example>\nMessage-ID: <k@outlook.example>\n\nA hole": "",
	} {
		m, err := Parse([]byte(mail))
		if err != nil {
			t.Fatal(mail, err)
		}
		if got := m.machine([]string{"help@city.example"}); got != want {
			t.Errorf("%q: %q, want %q", mail, got, want)
		}
	}
}

func Test_only_an_address_we_gave_out_proves_a_case(t *testing.T) {
	d := Door{"help@city.example", []byte("0123456789abcdef")}
	good := d.Reply("k3x")
	other := Door{"help@city.example", []byte("another secret..")}.Reply("k3x")
	for name, c := range map[string]struct {
		head            string
		claimed, proved bool
	}{
		"answer":        {"Cc: " + good + "\n", true, true},
		"capitals":      {"Cc: " + strings.ToUpper(good) + "\n", true, true},
		"delivered":     {"Delivered-To: " + good + "\n", true, true},
		"subject":       {"Subject: Re: lamp [#" + d.token("k3x") + "]\n", false, false},
		"wrong":         {"Cc: " + other + "\n", true, false},
		"another case":  {"Cc: " + strings.Replace(good, "k3x", "k3y", 1) + "\n", true, false},
		"cut":           {"Cc: " + strings.Replace(good, "@", "", 1)[:20] + "@city.example\n", true, false},
		"another house": {"Cc: " + strings.Replace(good, "city", "evil", 1) + "\n", false, false},
		"none":          {"", false, false},
		"wrong, right":  {"Cc: " + other + ", " + good + "\n", true, true},
	} {
		m, err := Parse([]byte(letter(c.head, "x")))
		if err != nil {
			t.Fatal(err)
		}
		id, claimed, proved := d.about(m)
		if claimed != c.claimed || proved != c.proved || proved && id != "k3x" {
			t.Errorf("%s: %q, claimed %t, proved %t", name, id, claimed, proved)
		}
	}
}

func sound(m *Mail) error {
	for what, s := range map[string]string{"subject": m.Subject, "name": m.From.Name, "address": m.From.Address, "id": m.ID, "language": m.Language} {
		if strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) {
			return fmt.Errorf("the %s is %q", what, s)
		}
	}
	for _, p := range m.Parts {
		if strings.ContainsAny(p.Name, "\r\n\x00") || !utf8.ValidString(p.Name) {
			return fmt.Errorf("a file is called %q", p.Name)
		}
	}
	bad := func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }
	if !utf8.ValidString(m.Text) || strings.ContainsFunc(m.Text, bad) {
		return fmt.Errorf("the words are %q", m.Text)
	}
	if f := fresh(m.Text); len(f) > len(m.Text) || m.Text != "" && f == "" {
		return fmt.Errorf("of %q is left %q", m.Text, f)
	}
	return nil
}

func Test_no_header_can_be_smuggled_in(t *testing.T) {
	m, err := Parse([]byte(letter("Subject: "+coded("utf-8", "a\r\nBcc: all@city.example")+"\n", "x")))
	if err != nil {
		t.Fatal(err)
	}
	if err := sound(m); err != nil {
		t.Error(err)
	}
	m, err = Parse([]byte("From: " + coded("utf-8", "Li\r\nBcc: x@y.example") + " <li@home.example>\r\nSubject: a\r\n\r\nx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sound(m); err != nil || m.From.Name != "Li Bcc: x@y.example" {
		t.Errorf("%q, %v", m.From.Name, err)
	}
}

func Test_a_mail_inside_a_mail_inside_a_mail_ends_somewhere(t *testing.T) {
	var b strings.Builder
	b.WriteString("From: li@home.example\n")
	for i := range 500 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	b.WriteString("\nwords")
	if _, err := Parse([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	b.WriteString("From: li@home.example\nContent-Type: multipart/mixed; boundary=b\n\n")
	for range 5000 {
		b.WriteString("--b\nContent-Type: image/png\n\nx\n")
	}
	m, err := Parse([]byte(b.String()))
	if err != nil || len(m.Parts) > maxParts {
		t.Errorf("%d parts, %v", len(m.Parts), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(letter("Subject: =?gb18030?b?wrfGtg==?=\nContent-Type: multipart/alternative; boundary=b\n", "--b\nContent-Type: text/html; charset=gbk\nContent-Transfer-Encoding: base64\n\nPHA+\n--b\n\nx\n--b--")))
	f.Add([]byte("From: a@b\nContent-Type: multipart/mixed; boundary=\"\"\n\n--\n"))
	f.Add([]byte("From: \"\n\nx"))
	f.Add([]byte("From: a@b.example\nContent-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nx"))
	f.Add([]byte("Subject: \xb2\xe2\xca\xd4\nContent-Transfer-Encoding: quoted-printable\n\n=C3=\n=X1"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		if err := sound(m); err != nil {
			t.Fatal(err)
		}
		m.machine([]string{"help@city.example"})
		Door{"help@city.example", []byte("secret")}.about(m)
		keyOf(m, raw)
	})
}
