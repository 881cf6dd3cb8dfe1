package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listening serves the small year on a real port.
func listening(t *testing.T, o surfaceOptions) (*walker, string) {
	t.Helper()
	w := walkedCity(t, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(w.h, slog.New(slog.DiscardHandler))
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return w, l.Addr().String()
}

// overTheWire sends bytes as they are and reads every answer until the server closes, or has nothing more to say.
func overTheWire(t *testing.T, addr, raw string) []*http.Response {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(3 * time.Second))
	go io.WriteString(c, raw) // the server may stop reading before everything is sent
	var out []*http.Response
	from := bufio.NewReader(c)
	for {
		a, err := http.ReadResponse(from, nil)
		if err != nil {
			return out
		}
		body, _ := io.ReadAll(a.Body)
		a.Body = io.NopCloser(strings.NewReader(string(body)))
		out = append(out, a)
		if a.Close || a.Header.Get("Connection") == "close" {
			return out
		}
	}
}

func Test_malformed_requests_are_refused_on_the_wire(t *testing.T) {
	_, addr := listening(t, surfaceOptions{base: "https://help.linjiang.example", hosts: []string{"help.linjiang.example"}})
	const host = "Host: localhost\r\nConnection: close\r\n"
	for name, c := range map[string]struct {
		raw  string
		want int
	}{
		"an honest request":              {"GET / HTTP/1.1\r\n" + host + "\r\n", 200},
		"by the site's own name":         {"GET / HTTP/1.1\r\nHost: help.linjiang.example\r\nConnection: close\r\n\r\n", 200},
		"with a port and in capitals":    {"GET / HTTP/1.1\r\nHost: HELP.linjiang.example:443\r\nConnection: close\r\n\r\n", 200},
		"to this machine's IPv6 number":  {"GET / HTTP/1.1\r\nHost: [::1]:8311\r\nConnection: close\r\n\r\n", 200},
		"a header of 20 KiB":             {"GET / HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", 431},
		"a thousand headers":             {"GET / HTTP/1.1\r\n" + host + strings.Repeat("X-Some-Header: value\r\n", 1000) + "\r\n", 431},
		"a cookie of 20 KiB":             {"GET / HTTP/1.1\r\n" + host + "Cookie: comity_desk=" + strings.Repeat("a", 20<<10) + "\r\n\r\n", 431},
		"an address of 10 KiB":           {"GET /" + strings.Repeat("a", 10<<10) + " HTTP/1.1\r\n" + host + "\r\n", 414},
		"an unknown host":                {"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421},
		"a host that begins like ours":   {"GET / HTTP/1.1\r\nHost: help.linjiang.example.evil.example\r\nConnection: close\r\n\r\n", 421},
		"a foreign number":               {"GET / HTTP/1.1\r\nHost: 203.0.113.9\r\nConnection: close\r\n\r\n", 421},
		"a host with a user":             {"GET / HTTP/1.1\r\nHost: help.linjiang.example@evil.example\r\nConnection: close\r\n\r\n", 400},
		"no host":                        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
		"no host, HTTP/1.0":              {"GET / HTTP/1.0\r\n\r\n", 421},
		"two hosts":                      {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400},
		"a whole address, foreign":       {"GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n", 421},
		"a whole address, ours":          {"GET http://help.linjiang.example/ HTTP/1.1\r\n" + host + "\r\n", 200},
		"a whole address with slashes":   {"GET //evil.example/%2e%2e HTTP/1.1\r\n" + host + "\r\n", 400},
		"a step up":                      {"GET /assets/../../etc/passwd HTTP/1.1\r\n" + host + "\r\n", 400},
		"a step up, escaped":             {"GET /assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n" + host + "\r\n", 400},
		"a backslash":                    {"GET /%5cevil.example HTTP/1.1\r\n" + host + "\r\n", 400},
		"a null in the address":          {"GET /f/%00 HTTP/1.1\r\n" + host + "\r\n", 400},
		"a null in a header":             {"GET / HTTP/1.1\r\n" + host + "X-A: a\x00b\r\n\r\n", 400},
		"a header folded":                {"GET / HTTP/1.1\r\n" + host + "X-A: a\r\n b\r\n\r\n", 200}, // joined by the library as old rules say
		"a space before the colon":       {"GET / HTTP/1.1\r\n" + host + "X-A : a\r\n\r\n", 400},
		"two lengths":                    {"POST /follow HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400},
		"a length that is none":          {"POST /follow HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nabcde", 400},
		"an unknown transfer coding":     {"POST /follow HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
		"a coding that nearly is one":    {"POST /follow HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		"two codings":                    {"POST /follow HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501},
		"a packed body":                  {"POST /follow HTTP/1.1\r\n" + host + "Content-Encoding: gzip\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n\r\nabcd", 415},
		"a body beyond the limit":        {"POST /follow HTTP/1.1\r\n" + host + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("a", 2000000), 413},
		"a method nobody knows":          {"BREW /report HTTP/1.1\r\n" + host + "\r\n", 404},
		"a tunnel":                       {"CONNECT evil.example:443 HTTP/1.1\r\n" + host + "\r\n", 421},
		"HTTP/2 spoken without being so": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421},
	} {
		t.Run(name, func(t *testing.T) {
			answers := overTheWire(t, addr, c.raw)
			if len(answers) == 0 {
				t.Fatal("no answer")
			}
			a := answers[0]
			body, _ := io.ReadAll(a.Body)
			if a.StatusCode != c.want {
				t.Errorf("answered %d, want %d: %.120s", a.StatusCode, c.want, body)
			}
			if strings.Contains(string(body), "evil") || strings.Contains(a.Header.Get("Location"), "evil") {
				t.Errorf("the answer repeats the foreign name: %.200s", body)
			}
		})
	}
}

func Test_what_stands_behind_a_body_without_length_is_not_answered(t *testing.T) {
	_, addr := listening(t, surfaceOptions{})
	const second = "GET /law HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, head := range map[string]string{
		"length and chunks":         "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		"chunks and length":         "Transfer-Encoding: chunked\r\nContent-Length: 48\r\n",
		"chunks alone":              "Transfer-Encoding: chunked\r\n",
		"chunks in capitals":        "Transfer-Encoding: Chunked\r\n",
		"chunks and a length of 0":  "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
		"chunks that end in a line": "Transfer-Encoding: chunked\r\nTrailer: X-A\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			raw := "POST /follow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" + head + "\r\n0\r\n\r\n" + second
			if n := len(overTheWire(t, addr, raw)); n != 1 {
				t.Errorf("%d answers, want one", n)
			}
		})
	}
	two := strings.Repeat(second, 2)
	if n := len(overTheWire(t, addr, two)); n != 2 {
		t.Errorf("two honest requests on one connection got %d answers", n)
	}
}

func Test_a_redirect_never_repeats_a_foreign_address(t *testing.T) {
	_, addr := listening(t, surfaceOptions{})
	for _, back := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example", "/.//evil.example", "/..//evil.example", "javascript:alert(1)", "/\tevil",
		"%09//evil.example", "http:evil.example", "/desk/../..//evil.example", "\x00/evil", "/desk@evil.example:80", "https:/evil.example"} {
		form := "size=large&back=" + strings.NewReplacer("%", "%25", "\\", "%5c", "\t", "%09", "\x00", "%00").Replace(back)
		raw := fmt.Sprintf("POST /prefs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form)
		answers := overTheWire(t, addr, raw)
		if len(answers) != 1 {
			t.Fatalf("%q: %d answers", back, len(answers))
		}
		to := answers[0].Header.Get("Location")
		if answers[0].StatusCode != http.StatusBadRequest && to != "/" && to != "/desk@evil.example:80" { // the last is a page of ours that is not there
			t.Errorf("%q led to %q (%d)", back, to, answers[0].StatusCode)
		}
	}
}
