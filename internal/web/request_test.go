package web

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/journal"
)

// sent is a request with a form as a browser sends it.
func sent(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/form", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func Test_a_form_may_hold_what_its_page_knows_and_nothing_else(t *testing.T) {
	for name, c := range map[string]struct{ body, rule, field string }{
		"what is known":               {"text=a&photo=1&photo=2&_key=k", "", ""},
		"nothing":                     {"", "", ""},
		"lines of text":               {"text=" + url.QueryEscape("a\r\nb\tc 桂园 😀"), "", ""},
		"a field that is not there":   {"text=a&role=admin", "web.field_unknown", "role"},
		"in other letters":            {"Text=a", "web.field_unknown", "Text"},
		"the method of another world": {"_method=delete", "web.field_unknown", "_method"},
		"in brackets":                 {"text[]=a", "web.field_unknown", "text[]"},
		"a prototype":                 {"__proto__[x]=1", "web.field_unknown", "__proto__[x]"},
		"an essay for a name":         {strings.Repeat("n", 500) + "=a", "web.field_unknown", strings.Repeat("n", 40)},
		"markup for a name":           {"%3Cb%3E=a", "web.field_unknown", "_b_"},
		"twice":                       {"text=a&text=b", "web.field_repeated", "text"},
		"the key twice":               {"_key=a&_key=b", "web.field_repeated", "_key"},
		"a null":                      {"text=a%00b", "web.field_text", "text"},
		"an escape":                   {"text=%1b[2J", "web.field_text", "text"},
		"no UTF-8":                    {"text=%ff%fe", "web.field_text", "text"},
		"a per cent sign alone":       {"text=%", "web.bad_form", ""},
		"a semicolon":                 {"text=a;b=c", "web.bad_form", ""},
	} {
		err := ReadForm(sent(c.body), "text", "photo*")
		no, is := err.(*Refused)
		switch {
		case c.rule == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.rule != "" && (!is || no.Rule != c.rule || no.Params["field"] != c.field || no.Status != http.StatusBadRequest):
			t.Errorf("%s: got %+v, want %s of %q", name, err, c.rule, c.field)
		}
	}
}

func Test_files_of_a_form_count_like_its_fields(t *testing.T) {
	for name, want := range map[string]string{"files": "", "upload": "web.field_unknown"} {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		part, err := m.CreateFormFile(name, "../../etc/passwd")
		if err != nil {
			t.Fatal(err)
		}
		part.Write([]byte("x"))
		m.Close()
		r := httptest.NewRequest(http.MethodPost, "/", &b)
		r.Header.Set("Content-Type", m.FormDataContentType())
		got := ""
		if no, is := ReadForm(r, "files*").(*Refused); is {
			got = no.Rule
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func Test_a_form_that_was_cut_off_is_not_read_as_an_empty_one(t *testing.T) {
	s := site(t)
	s.MaxBody = 10
	reached := false
	h := s.Harden(s.Serve(func(w http.ResponseWriter, r *http.Request) error {
		if err := ReadForm(r, "text"); err != nil {
			return err
		}
		reached = true
		return nil
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, sent("text=much+more+than+ten"))
	if w.Code != http.StatusRequestEntityTooLarge || reached {
		t.Errorf("answered %d, read: %v", w.Code, reached)
	}
}

func Test_the_site_answers_to_its_own_names_only(t *testing.T) {
	s := site(t)
	for _, c := range []struct {
		base  string
		hosts []string
		host  string
		want  bool
	}{
		{"", nil, "anything.example", true}, // a kit that is told nothing knows nothing
		{"", []string{}, "localhost:8311", true},
		{"", []string{}, "192.168.1.20:8311", true},
		{"", []string{}, "rebound.example", false},
		{"https://a.example", []string{"a.example"}, "a.example", true},
		{"https://a.example", []string{"a.example"}, "A.EXAMPLE.:443", true},
		{"https://a.example", []string{"a.example"}, "127.0.0.1:8311", true},
		{"https://a.example", []string{"a.example"}, "[::1]", true},
		{"https://a.example", []string{"a.example"}, "192.168.1.20", false},
		{"https://a.example", []string{"a.example"}, "b.a.example", false},
		{"https://a.example", []string{"a.example"}, "a.example.b", false},
		{"https://a.example", []string{"a.example"}, "a.example:80:80", false},
		{"https://a.example", []string{"a.example"}, "a.example:http", false},
		{"https://a.example", []string{"a.example"}, "b@a.example", false},
		{"https://a.example", []string{"a.example"}, "", false},
		{"https://a.example", []string{"a.example"}, "127.1", false},
	} {
		s.Base, s.Hosts = c.base, c.hosts
		r := get("/")
		r.Host = c.host
		w := httptest.NewRecorder()
		s.Harden(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if got := w.Code == http.StatusOK; got != c.want {
			t.Errorf("with base %q, host %q answered %d", c.base, c.host, w.Code)
		}
		if !c.want && (w.Code != http.StatusMisdirectedRequest || c.host != "" && strings.Contains(w.Body.String(), c.host)) {
			t.Errorf("host %q: %d, or the answer repeats it", c.host, w.Code)
		}
	}
}

func Test_probes_of_machines_are_answered_under_any_name(t *testing.T) {
	s := site(t)
	s.Base, s.Hosts = "https://a.example", []string{"a.example"}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 421, "/healthz/../desk": 421} {
		r := get("/")
		r.URL.Path, r.Host = path, "10.0.0.7:8311"
		w := httptest.NewRecorder()
		s.Harden(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s answered %d, want %d", path, w.Code, want)
		}
	}
}

// drip is a body that sends a piece now and then.
func drip(t *testing.T, addr string, pieces int, every time.Duration) int {
	t.Helper()
	body, feed := io.Pipe()
	go func() {
		for range pieces {
			if _, err := feed.Write([]byte("a")); err != nil {
				return
			}
			time.Sleep(every)
		}
		feed.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, addr, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.ContentLength = int64(pieces)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0 // cut off
	}
	a.Body.Close()
	return a.StatusCode
}

func Test_a_body_may_be_slow_but_has_to_keep_coming(t *testing.T) {
	s := site(t)
	s.Pause = 150 * time.Millisecond
	server := httptest.NewServer(s.Harden(s.Serve(func(w http.ResponseWriter, r *http.Request) error { return ReadForm(r, "aaaaa") })))
	defer server.Close()
	if got := drip(t, server.URL, 5, 50*time.Millisecond); got != http.StatusOK {
		t.Errorf("a slow body that keeps coming longer than one pause: %d", got)
	}
	if got := drip(t, server.URL, 2, 2*time.Second); got != http.StatusRequestTimeout && got != 0 {
		t.Errorf("a body that stops: %d", got)
	}
}

func Test_a_handler_may_think_longer_than_a_body_may_pause(t *testing.T) {
	s := site(t)
	s.Pause = 50 * time.Millisecond
	server := httptest.NewServer(s.Harden(s.Serve(func(w http.ResponseWriter, r *http.Request) error {
		if err := ReadForm(r, "a"); err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			return fmt.Errorf("the server took the pause for a client that went away")
		case <-time.After(200 * time.Millisecond):
			return nil
		}
	})))
	defer server.Close()
	a, err := http.PostForm(server.URL, url.Values{"a": {"1"}})
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", a, err)
	}
	a.Body.Close()
}

func Test_secrets_are_kept_as_browsers_guard_them_best(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := site(t)
		s.Secure = secure
		w := httptest.NewRecorder()
		s.KeepSecret(w, "comity_desk", "abc", 0)
		c := w.Result().Cookies()[0]
		if c.HttpOnly != true || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("secure %v: %v", secure, c)
		}
		r := get("/")
		r.AddCookie(c)
		if got := s.Secret(r, "comity_desk"); got != "abc" {
			t.Errorf("secure %v: read back %q", secure, got)
		}
		r.AddCookie(&http.Cookie{Name: c.Name, Value: "planted"})
		if got := s.Secret(r, "comity_desk"); got != "" {
			t.Errorf("a secret that came twice was taken: %q", got)
		}
		plain := get("/", "Cookie", "comity_desk=planted")
		if got := s.Secret(plain, "comity_desk"); secure && got != "" {
			t.Errorf("behind TLS a cookie without the prefix was taken: %q", got)
		}
	}
}

func Test_an_error_page_repeats_nothing_of_the_request(t *testing.T) {
	s := site(t)
	h := s.Harden(s.Serve(func(http.ResponseWriter, *http.Request) error { return ErrNotFound }))
	var bodies []string
	for _, path := range []string{"/desk/cases/SR-26-000001?q=zq7", "/f/zq7-zq7?lang=en&a=zq7", "/zq7"} {
		r := get(path, "Accept-Language", "en", "Referer", "https://zq7.example", "User-Agent", "zq7", "X-Forwarded-Host", "zq7")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "zq7") {
			t.Errorf("%s is repeated", path)
		}
		bodies = append(bodies, w.Body.String())
	}
	if bodies[0] != bodies[1] || bodies[1] != bodies[2] {
		t.Error("two pages that say that nothing is there differ")
	}
}

func Test_a_refusal_is_journaled_once_with_its_rule_and_without_what_was_typed(t *testing.T) {
	s := site(t)
	var log bytes.Buffer
	s.Journal = &journal.Journal{Log: slog.New(slog.NewJSONHandler(&log, nil))}
	mux := http.NewServeMux()
	mux.Handle("POST /form", s.Serve(func(w http.ResponseWriter, r *http.Request) error { return ReadForm(r, "text") }))
	r := sent("secret_word=hunter2")
	r.RemoteAddr = "198.51.100.23:5000"
	s.Harden(mux).ServeHTTP(httptest.NewRecorder(), r)
	got := log.String()
	if strings.Count(got, "\n") != 1 || strings.Contains(got, "hunter2") || strings.Contains(got, "secret_word") {
		t.Errorf("the journal holds %s", got)
	}
	for _, want := range []string{`"msg":"refused.field"`, `"rule":"web.field_unknown"`, `"route":"POST /form"`, `"network":"198.51.100.0/24"`, `"status":400`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
}

func Test_a_form_that_could_not_be_read_is_no_empty_one_the_second_time(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhalf of"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	for range 2 {
		if ReadForm(r, "text") == nil {
			t.Error("it was read")
		}
	}
}

func Test_the_files_of_a_form_are_there_until_it_is_answered(t *testing.T) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("files", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	part.Write([]byte("what was sent"))
	m.WriteField("text", "posted")
	m.Close()
	r := httptest.NewRequest(http.MethodPost, "/?lang=en&text=asked", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	s := site(t)
	h := s.Serve(func(w http.ResponseWriter, r *http.Request) error {
		for range 2 { // a second reading finds what the first did
			if err := ReadForm(r, "files*", "text"); err != nil {
				return err
			}
		}
		src, head, err := FormFile(r, "files")
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(src)
		if string(raw) != "what was sent" || head.Filename != "a.txt" || r.PostForm.Get("text") != "posted" || len(r.Form["text"]) != 2 || r.Form.Get("lang") != "en" {
			t.Errorf("read are %q, %+v, %v", raw, head, r.Form)
		}
		return err
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := File(r, r.MultipartForm.File["files"][0]); err == nil {
		t.Error("the file is still there")
	}
}
