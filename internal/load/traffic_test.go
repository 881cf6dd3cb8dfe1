package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"comity/internal/org"
)

// invented are people of a city that is a few lines of this test.
func invented() *People {
	d := &desk{unit: "u", cookie: "c=1", refs: []string{"SR-1"}}
	r := road{category: "lamp", words: []string{"lamp"}, at: "u", holder: "u", act: "accept"}
	p := &People{roads: []road{r}, programs: map[org.UnitID]*pool[*program]{"u": {all: []*program{{"t"}}}}, desks: []*desk{d}, lists: map[org.Level][]*desk{}, words: []string{"lamp"}, nonce: "n"}
	for _, l := range Levels {
		p.lists[l] = []*desk{d}
	}
	for range 50 {
		p.add(opened{ref: "SR-1", code: "CODE", own: "k1", version: 1, road: &r})
	}
	return p
}

// small answers every kind of question rightly.
func small(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch path := r.URL.Path; {
	case path == "/api/v1/cases":
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"ref":"SR-2","code":"CODE","holder":{"id":"u"},"version":1}`)
	case strings.HasPrefix(path, "/api/"):
		io.WriteString(w, `{"ref":"`+strings.Split(path, "/")[4]+`","version":2}`)
	case path == "/report" && strings.Contains(string(body), "\r\nsend\r\n"):
		w.Header().Set("Location", "/sent/CODE")
		w.WriteHeader(http.StatusSeeOther)
	case path == "/report":
		io.WriteString(w, `<input name="_key" value="abc"><button value="send">`+string(body))
	case path == "/desk/cases":
		io.WriteString(w, `<form id="rows"><a href="/desk/cases/SR-1"><a href="/desk/cases/SR-2">`)
	case strings.HasPrefix(path, "/desk/cases/"):
		io.WriteString(w, `<span class="num">SR-1</span>`)
	default:
		io.WriteString(w, `CODE SR-1 SR-2 <a href="/f/CODE/note">`)
	}
}

func ran(t *testing.T, h http.HandlerFunc) *Result {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	r, err := Run(t.Context(), s.URL, invented(), Options{Clients: 2, Duration: 150 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func Test_right_answers_are_no_errors(t *testing.T) {
	r := ran(t, small)
	for _, m := range r.Kinds {
		if len(m.Errors) > 0 {
			t.Errorf("%s: %v", m.Kind, m.First)
		}
	}
	if len(r.Kinds) < 5 {
		t.Errorf("only %d kinds were asked for", len(r.Kinds))
	}
}

func Test_a_wrong_answer_is_an_error_of_the_run_however_fast_it_comes(t *testing.T) {
	for name, c := range map[string]struct {
		kind Kind
		path string
		h    http.HandlerFunc
		want string
	}{
		"a failure":                   {Page, "/desk/cases/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }, "status 500"},
		"the page of another case":    {Page, "/desk/cases/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `<span class="num">SR-9</span>`) }, "wrong page"},
		"the way to the sign-in page": {List(org.City), "/desk/cases", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/desk/signin", http.StatusSeeOther) }, "status 303"},
		"a list without rows":         {List(org.Group), "/desk/cases", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "welcome") }, "wrong page"},
		"a case that went elsewhere": {Create, "/api/v1/cases", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			io.WriteString(w, `{"ref":"a","code":"b","holder":{"id":"v"}}`)
		}, "wrong case"},
		"no JSON":                        {Create, "/api/v1/cases", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); io.WriteString(w, "<p>hello") }, "wrong form"},
		"an act that changed nothing":    {Act, "/api/v1/cases/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"ref":"SR-1","version":1}`) }, "wrong case"},
		"too many questions":             {Act, "/api/v1/cases/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, "status 429"},
		"a form that is shown once more": {Form, "/report", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }, "status 422"},
		"the page of another code":       {Follow, "/f/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "/f/OTHER/note") }, "wrong page"},
		"a search that finds nothing":    {Search, "/desk/cases", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `<form id="rows">`) }, "wrong page"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ran(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, c.path) {
					c.h(w, r)
					return
				}
				small(w, r)
			})
			m := r.Of(c.kind)
			if m.Errors[c.want] == 0 || m.First[c.want] == "" || r.Wrong() == 0 {
				t.Errorf("%s: errors %v, %v", c.kind, m.Errors, m.First)
			}
		})
	}
}

func Test_a_city_that_is_not_there_is_an_error_of_every_question(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(small))
	s.Close()
	r, err := Run(t.Context(), s.URL, invented(), Options{Clients: 1, Duration: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Kinds {
		if m.Times.Count() > 0 || m.Errors["no answer"] == 0 {
			t.Errorf("%s: %v", m.Kind, m.Errors)
		}
	}
	if r.Wrong() == 0 {
		t.Error("nothing was wrong")
	}
}

func Test_nobody_is_there_to_ask_for_a_level_without_units(t *testing.T) {
	p := invented()
	delete(p.lists, org.Group)
	if !p.Lacks(List(org.Group)) || p.Lacks(List(org.City)) || p.Lacks(Page) {
		t.Error("who is missing is not told")
	}
	if _, err := Run(t.Context(), "http://127.0.0.1:1", p, Options{Duration: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "list-group") {
		t.Errorf("got %v", err)
	}
	p.desks[0].refs = nil
	if !p.Lacks(Page) {
		t.Error("there is no case to open")
	}
}
