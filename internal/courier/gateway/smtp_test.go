package gateway_test

import (
	"context"
	"crypto/tls"
	"io"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"

	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/courier/gateway/smtptest"
	"comity/internal/outward"
)

func relay(t *testing.T, mode string) (*smtptest.Relay, *gateway.SMTP) {
	t.Helper()
	r := smtptest.Start(t, mode)
	return r, &gateway.SMTP{Name: "relay", Host: r.Host, Port: r.Port, Security: mode, From: mail.Address{Name: "临江市", Address: "noreply@linjiang.example"},
		Timeout: 5 * time.Second, Guard: outward.Guard{Hosts: []string{r.Host}}, Trust: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.Roots}}
}

var parcel = courier.Parcel{Key: "0123456789abcdef", Channel: "mail", Address: "li@example.org", Lang: "zh-CN", Subject: "临江市：关于您的事项 XF-26-000123 的消息，请您在方便的时候查看，谢谢您的耐心等待和配合",
	Text: "【临江市】已收到您反映的“地砖松动”。\n.\n..两个点\n进展：https://help.example/f/ABCD", At: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)}

// read is what a mail program makes of a letter.
func read(t *testing.T, raw string) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" || params["charset"] != "utf-8" {
		t.Errorf("the letter is %s %v, %v", kind, params, err)
	}
	body, err := io.ReadAll(decoded(m))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(body)
}

func Test_a_message_in_Chinese_arrives_at_a_relay_as_it_was_written(t *testing.T) {
	for _, mode := range []string{gateway.Plain, gateway.StartTLS, gateway.TLS} {
		r, g := relay(t, mode)
		if mode != gateway.Plain {
			keys := smtptest.Keys{Ways: []string{"LOGIN"}, User: "comity", Password: "secret"}
			if mode == gateway.TLS {
				keys.Ways = []string{"PLAIN", "LOGIN"}
			}
			r.Wants(keys)
			g.User, g.Password = keys.User, keys.Password
		}
		a := g.Send(t.Context(), parcel)
		if a.State != courier.Delivered || !strings.Contains(a.Words, "queued as 1") {
			t.Fatalf("%s: got %+v", mode, a)
		}
		got := r.Letters()
		if len(got) != 1 || got[0].To != parcel.Address || got[0].From != g.From.Address || got[0].Secure != (mode != gateway.Plain) || got[0].User != g.User {
			t.Fatalf("%s: got %+v", mode, got)
		}
		h, body := read(t, got[0].Raw)
		if want := strings.ReplaceAll(parcel.Text, "\n", "\r\n") + "\r\n"; body != want {
			t.Errorf("%s: the text is %q", mode, body)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
		if err != nil || subject != parcel.Subject {
			t.Errorf("%s: the subject is %q, %v", mode, subject, err)
		}
		from, err := h.AddressList("From")
		if err != nil || from[0].Name != "临江市" || h.Get("Auto-Submitted") != "auto-generated" || h.Get("Message-Id") != "<0123456789abcdef@linjiang.example>" {
			t.Errorf("%s: the headers are %v", mode, h)
		}
		for line := range strings.SplitSeq(got[0].Raw, "\r\n") {
			if len(line) > 78 {
				t.Errorf("%s: a long line: %s", mode, line)
			}
		}
		if len(r.Faults()) > 0 {
			t.Errorf("%s: %v", mode, r.Faults())
		}
	}
}

func Test_dots_and_long_lines_in_plain_ASCII_come_through_too(t *testing.T) {
	r, g := relay(t, gateway.Plain)
	p := parcel
	p.Text = ".\n.hidden\nX: " + strings.Repeat("word ", 400) + "\n.\nend = done\r\nafter\rlast"
	if a := g.Send(t.Context(), p); a.State != courier.Delivered {
		t.Fatalf("got %+v", a)
	}
	_, body := read(t, r.Letters()[0].Raw)
	if want := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(p.Text, "\r\n", "\n"), "\r", "\n"), "\n", "\r\n") + "\r\n"; body != want || len(r.Faults()) > 0 {
		t.Errorf("got %q, %v", body, r.Faults())
	}
}

func Test_nobody_writes_a_header_line_into_a_letter(t *testing.T) {
	r, g := relay(t, gateway.Plain)
	p := parcel
	p.Subject, p.Lang = "Hello\r\nBcc: victim@example.org\nX-A: b\u2028c", "en\r\nX-Evil: 1"
	g.From.Name = "City\r\nX-Evil: 2"
	p.Text = "X-Evil: 3\n\nbody"
	if a := g.Send(t.Context(), p); a.State != courier.Delivered {
		t.Fatalf("got %+v", a)
	}
	h, _ := read(t, r.Letters()[0].Raw)
	if h.Get("Bcc") != "" || h.Get("X-Evil") != "" || h.Get("X-A") != "" || !strings.Contains(h.Get("Subject"), "Bcc") {
		t.Errorf("the headers are %v", h)
	}
	for _, to := range []string{"a@example.org\r\nRCPT TO:<b@example.org>", "a@example.org, b@example.org", "<a@example.org>", "Li <a@example.org>", "a b@example.org", "", "@", "a",
		"\"a\r\nb\"@example.org", "李@example.org", strings.Repeat("a", 300) + "@example.org", "a@example.org>"} {
		p.Address = to
		if a := g.Send(t.Context(), p); a.State != courier.Permanent {
			t.Errorf("%q gives %+v", to, a)
		}
	}
	if n := len(r.Letters()); n != 1 || len(r.Faults()) > 0 {
		t.Errorf("%d letters, %v", n, r.Faults())
	}
}

func Test_what_a_relay_answers_decides_whether_it_is_tried_again(t *testing.T) {
	for _, c := range []struct {
		command, says string
		want          courier.State
	}{
		{"HELLO", "421 too busy", courier.Temporary}, {"HELLO", "554 we do not talk to you", courier.Temporary}, {"HELLO", "200 what", courier.Temporary}, {"EHLO", "550 no", courier.Temporary},
		{"MAIL", "451 later", courier.Temporary}, {"MAIL", "550 sender unknown", courier.Permanent}, {"MAIL", "503 out of order", courier.Temporary},
		{"RCPT", "450 greylisted", courier.Temporary}, {"RCPT", "550 5.1.1 no such user", courier.Permanent}, {"RCPT", "421 closing", courier.Temporary}, {"RCPT", "999 nonsense", courier.Temporary},
		{"DATA", "451 disk", courier.Temporary}, {"DATA", "554 no", courier.Permanent},
		{".", "452 full", courier.Temporary}, {".", "552 5.7.1 content refused", courier.Permanent}, {".", "250 ok", courier.Delivered},
		{"HELLO", smtptest.Silent, courier.Temporary}, {"RCPT", smtptest.Silent, courier.Temporary}, {".", smtptest.Silent, courier.Temporary},
		{"HELLO", "220-" + strings.Repeat("x", 3<<20), courier.Temporary},
	} {
		r, g := relay(t, gateway.Plain)
		g.Timeout = 400 * time.Millisecond
		r.Says(func(command, _ string) string {
			if command == c.command {
				return c.says
			}
			return ""
		})
		if a := g.Send(t.Context(), parcel); a.State != c.want {
			t.Errorf("%s answered %.40q gives %+v, want %s", c.command, c.says, a, c.want)
		}
	}
}

func Test_a_wrong_password_and_a_relay_without_TLS_lose_no_message(t *testing.T) {
	r, g := relay(t, gateway.StartTLS)
	r.Wants(smtptest.Keys{Ways: []string{"PLAIN"}, User: "comity", Password: "secret"})
	g.User, g.Password = "comity", "wrong"
	if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || !strings.Contains(a.Words, "535") {
		t.Errorf("got %+v", a)
	}
	_, g = relay(t, gateway.Plain)
	g.Security = gateway.StartTLS
	if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || !strings.Contains(a.Words, "STARTTLS") {
		t.Errorf("got %+v", a)
	}
	r, g = relay(t, gateway.Plain)
	r.Wants(smtptest.Keys{Ways: []string{"LOGIN"}, User: "comity", Password: "secret"})
	g.User, g.Password = "comity", "secret"
	if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || len(r.Letters()) > 0 {
		t.Errorf("a password goes over an open line: %+v", a)
	}
	r, g = relay(t, gateway.TLS)
	g.Trust = nil
	if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || len(r.Letters()) > 0 {
		t.Errorf("a relay nobody vouches for gets mail: %+v", a)
	}
}

func Test_no_machine_in_a_private_range_is_called_unless_it_is_listed(t *testing.T) {
	r, g := relay(t, gateway.Plain)
	for name, guard := range map[string]outward.Guard{"nobody": {}, "another": {Hosts: []string{"10.0.0.1", "127.0.0.1:1"}}} {
		g.Guard = guard
		if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || !strings.Contains(a.Words, "private or reserved") {
			t.Errorf("%s is listed: %+v", name, a)
		}
	}
	g.Guard, g.Host = outward.Guard{}, "localhost"
	if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || !strings.Contains(a.Words, "private or reserved") {
		t.Errorf("a name that leads to this machine: %+v", a)
	}
	if len(r.Letters()) > 0 {
		t.Error("it got a letter")
	}
	for _, host := range []string{"10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.1.1", "::1", "fe80::1", "fd00::1", "0.0.0.0", "224.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
		"127.9.9.9", "198.18.0.1", "240.0.0.1", "::", "localhost", "a.localhost"} {
		if (outward.Guard{}).Refuses(host, "443") == nil {
			t.Errorf("%s may be called", host)
		}
	}
	for _, host := range []string{"8.8.8.8", "2606:4700::1", "gateway.example"} {
		if err := (outward.Guard{}).Refuses(host, "443"); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func Test_a_stop_does_not_wait_for_a_relay_that_is_silent(t *testing.T) {
	r, g := relay(t, gateway.Plain)
	g.Timeout = time.Minute
	ctx, stop := context.WithCancel(t.Context())
	r.Says(func(command, _ string) string {
		if command == "MAIL" {
			stop()
			return smtptest.Silent
		}
		return ""
	})
	done := make(chan courier.Answer)
	go func() { done <- g.Send(ctx, parcel) }()
	select {
	case a := <-done:
		if a.State != courier.Temporary {
			t.Errorf("got %+v", a)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits")
	}
}
