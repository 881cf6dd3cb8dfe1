package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/text"
)

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func site(t *testing.T) *Site {
	t.Helper()
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	return &Site{
		Text: words, Langs: []string{"zh-CN", "en"}, Now: func() time.Time { return monday }, Zone: time.UTC,
		Emergency: []string{"110", "119"}, Log: slog.New(slog.DiscardHandler),
	}
}

func get(path string, header ...string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestThe_language_comes_from_the_address_then_the_cookie_then_the_browser(t *testing.T) {
	s := site(t)
	for _, c := range []struct {
		why  string
		r    *http.Request
		want string
	}{
		{"the address wins", get("/?lang=en", "Cookie", "lang=zh-CN"), "en"},
		{"the cookie beats the browser", get("/", "Cookie", "lang=en", "Accept-Language", "zh"), "en"},
		{"the browser's best offered language", get("/", "Accept-Language", "fr, en-GB;q=0.8, zh;q=0.5"), "en"},
		{"a script variant finds its language", get("/", "Accept-Language", "zh-Hant-HK, en;q=0.2"), "zh-CN"},
		{"an unknown language gets the first", get("/?lang=xx", "Accept-Language", "fr"), "zh-CN"},
		{"nothing gets the first", get("/"), "zh-CN"},
	} {
		if got := s.Lang(c.r); got != c.want {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
	}
}

func TestA_redirect_never_leaves_the_site(t *testing.T) {
	for in, want := range map[string]string{
		"/report?x=1": "/report?x=1", "": "/", "https://evil.example/": "/", "//evil.example": "/", "/\\evil.example": "/",
		"javascript:alert(1)": "/", "report": "/", "/a\nb": "/", "/%2f%2fevil": "/",
	} {
		if got := LocalPath(in); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPreferences_work_without_script(t *testing.T) {
	mux := http.NewServeMux()
	s := site(t)
	s.Mount(mux)
	body := url.Values{"size": {"large"}, "theme": {"purple"}, "back": {"/follow"}}.Encode()
	r := httptest.NewRequest("POST", "/prefs", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.Harden(mux).ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/follow" {
		t.Fatalf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != "size" || cookies[0].Value != "large" {
		t.Errorf("only the known value is kept, got %v", cookies)
	}
	if p := s.Page(get("/", "Cookie", "size=large"), "web.site"); p.Size != "large" || p.Theme != "light" {
		t.Errorf("page has size %q theme %q", p.Size, p.Theme)
	}
}

func TestErrors_become_answers_once(t *testing.T) {
	s := site(t)
	gone := errors.New("gone")
	s.Missing = []error{gone}
	for _, c := range []struct {
		err    error
		status int
	}{
		{&casework.Refusal{Rule: casework.Conflict}, 409},
		{fmt.Errorf("door: %w", &casework.Refusal{Rule: "actor.forbidden"}), 403},
		{&casework.Refusal{Rule: "case.unknown"}, 404},
		{&casework.Refusal{Rule: "act.state", Fields: []form.Problem{{Field: "x", Rule: "form.required"}}}, 422},
		{ErrNotFound, 404},
		{fmt.Errorf("read: %w", gone), 404},
		{&Refused{Status: 429, Rule: "web.too_large"}, 429},
		{errors.New("secret detail"), 500},
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			w := httptest.NewRecorder()
			s.Serve(func(http.ResponseWriter, *http.Request) error { return c.err }).ServeHTTP(w, get("/", "Accept", accept))
			if w.Code != c.status {
				t.Errorf("%v (%s): got %d, want %d", c.err, accept, w.Code, c.status)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%v: the answer tells the inside", c.err)
			}
			if strings.Contains(w.Body.String(), "⟦") {
				t.Errorf("%v: words are missing: %s", c.err, w.Body.String())
			}
		}
	}
}

// To go back would fetch the form anew, with another key, and what was stored would be stored twice.
func Test_who_cannot_be_told_whether_it_was_stored_is_asked_to_send_the_same_request_again(t *testing.T) {
	s := site(t)
	unsure := errors.New("nobody knows")
	s.Unsure = []error{unsure}
	for err, again := range map[error]bool{fmt.Errorf("commit: %w", unsure): true, errors.New("a plain fault"): false} {
		for lang, words := range map[string]string{"en": "Reload this page", "zh-CN": "请刷新本页"} {
			w := httptest.NewRecorder()
			s.Serve(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, get("/x?lang="+lang))
			page := w.Body.String()
			if w.Code != http.StatusInternalServerError || strings.Contains(page, "data-again") != again || strings.Contains(page, words) != again || strings.Contains(page, "Nothing was changed") == (again || lang != "en") {
				t.Errorf("%v in %s is told as\n%s", err, lang, page)
			}
		}
	}
}

func Test_a_disk_that_takes_nothing_is_told_as_that_and_the_operator_gets_a_number(t *testing.T) {
	s := site(t)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	full := errors.New("the disk takes nothing")
	s.Full = []error{full}
	for lang, words := range map[string]string{"en": "Nothing was stored", "zh-CN": "没有保存任何内容"} {
		w := httptest.NewRecorder()
		s.Serve(func(http.ResponseWriter, *http.Request) error { return fmt.Errorf("commit: %w", full) }).ServeHTTP(w, get("/x?lang="+lang))
		page := w.Body.String()
		n := regexp.MustCompile(`E-[A-Z2-7]{8}`).FindString(page)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(page, "data-again") || !strings.Contains(page, words) || n == "" || !strings.Contains(log.String(), n) {
			t.Errorf("in %s: %d, number %q\n%s", lang, w.Code, n, page)
		}
	}
}

func TestAn_unknown_error_gets_an_incident_number_that_the_log_has_too(t *testing.T) {
	s := site(t)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	w := httptest.NewRecorder()
	s.Serve(func(http.ResponseWriter, *http.Request) error { return errors.New("disk full") }).ServeHTTP(w, get("/"))
	n := regexp.MustCompile(`E-[A-Z2-7]{8}`).FindString(w.Body.String())
	if n == "" || !strings.Contains(log.String(), n) || !strings.Contains(log.String(), "disk full") {
		t.Errorf("number %q, log %q", n, log.String())
	}
}

func TestA_panic_becomes_a_page_and_every_answer_carries_the_policy(t *testing.T) {
	s := site(t)
	w := httptest.NewRecorder()
	s.Harden(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") })).ServeHTTP(w, get("/"))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "<h1>") {
		t.Errorf("got %d %q", w.Code, w.Body.String())
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
}

func TestA_form_from_another_site_is_refused(t *testing.T) {
	s := site(t)
	r := httptest.NewRequest("POST", "/prefs", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	s.Harden(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d", w.Code)
	}
}

func TestAn_asset_is_kept_for_good_only_under_its_own_hash(t *testing.T) {
	mux := http.NewServeMux()
	s := site(t)
	s.Mount(mux)
	for path, want := range map[string]string{Asset("comity.css"): "immutable", "/assets/comity.css?v=old": "no-cache"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, get(path, "Accept-Encoding", "gzip"))
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), want) || w.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, get("/assets/nothing.js"))
	if w.Code != 404 {
		t.Errorf("an unknown asset: %d", w.Code)
	}
}

func TestA_pill_says_in_words_how_a_term_stands(t *testing.T) {
	p := site(t).Page(get("/?lang=en"), "web.site")
	h := time.Hour
	for _, c := range []struct {
		term  Term
		class string
		words string
	}{
		{Term{}, "", ""},
		{Term{Paused: true}, "hold", "Paused"},
		{Term{Due: monday.Add(-30 * h)}, "over", "1 day overdue"},
		{Term{Due: monday.Add(-2 * h)}, "over", "2 hours overdue"},
		{Term{Due: monday.Add(5 * h)}, "today", "Today 15:00"},
		{Term{Due: monday.Add(20 * h)}, "today", "Tomorrow 06:00"},
		{Term{Start: monday.Add(-20 * 24 * h), Due: monday.Add(48 * h)}, "soon", "2 days left"},
		{Term{Start: monday, Due: monday.Add(240 * h), Working: 8, InWorking: true}, "good", "8 working days left"},
	} {
		if got := p.Pill(c.term); got.Class != c.class || got.Words != c.words {
			t.Errorf("%+v: got %+v", c.term, got)
		}
	}
}

func TestA_key_that_is_not_ours_is_replaced_and_ours_is_kept(t *testing.T) {
	mine := NewKey()
	for in, keep := range map[string]bool{mine: true, "": false, "short": false, strings.Repeat("Ü", 30): false} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(url.Values{keyField: {in}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := KeyOf(r); (got == in) != keep || got == "" {
			t.Errorf("key %q became %q", in, got)
		}
	}
}

// every draws all parts of the kit on one page.
func every(p *Page) templ.Component {
	fields := []form.Field{
		{Name: "a", Kind: form.Text, Required: true}, {Name: "b", Kind: form.LongText}, {Name: "c", Kind: form.Choice, Options: []string{"x", "y"}},
		{Name: "d", Kind: form.Number}, {Name: "e", Kind: form.Date}, {Name: "f", Kind: form.Yes}, {Name: "g", Kind: form.Phone},
		{Name: "h", Kind: form.Unit}, {Name: "i", Kind: form.Officer}, {Name: "j", Kind: form.Outcome, Options: []string{"x"}},
	}
	bad := []form.Problem{{Field: "a", Rule: "form.required"}, {Field: "c", Rule: "form.choice"}, {Field: "zz", Rule: "form.unknown"}}
	controls := p.Controls(fields, Form{Prefix: "web", Options: "web", Outcomes: "web.j", Values: map[string]string{"b": "<kept>"}, Problems: bad})
	parts := []templ.Component{
		Summary(p, p.Mistakes(controls, bad)), ControlsOf(p, controls), KeyField(NewKey()),
		Btn(p, Button{Label: "B", Icon: "check", Key: "a"}), Btn(p, Button{Label: "L", Href: "/x"}), Btn(p, Button{Label: "D", Open: "keymap", Hidden: true}),
		TagOf(p, Tag{Class: "info", Icon: "people", Label: "T"}), Clock(p, p.Pill(Term{Paused: true})), Note(p, "warn", "alert"),
		BlankOf(p, Blank{Icon: "check2", Title: "none", Way: Link{Href: "/", Label: "on"}}), Facts("", []Fact{{Label: "l", Value: "v\nw"}}), Facts("wide", []Fact{{Label: "l", Rich: Lines("r")}}),
		Timeline(p, []Entry{{Icon: "chat", Class: "pub", Title: "t", When: "now", Text: "say", Public: true}}),
		Steps(p, []Step{{"was", "a", ""}, {"is", "b", "s"}, {"next", "c", ""}}), Checks(p, []Check{{Label: "l", Value: "v", Change: "#x"}}),
		PagerOf(p, Pager{Prev: "/1", Next: "/3"}), ErrorBody(p, Answer{Title: "t", Law: "l", Incident: "E-1", Again: true, Fields: []AnswerField{{Field: "f"}}}),
	}
	return templ.Join(parts...)
}

func TestEvery_part_is_drawn_in_both_layouts_without_style_script_or_missing_words(t *testing.T) {
	s := site(t)
	for _, lang := range s.Langs {
		for _, officer := range []bool{false, true} {
			p := s.Page(get("/x?lang="+lang), "web.site")
			p.Wrong = true
			layout := PublicLayout(p, every(p))
			if officer {
				p.Officer = &Shell{
					Home: "/desk", Where: []string{"city", "street"}, Search: Link{Href: "/desk", Label: "?"}, New: Button{Label: "new", Key: "c", Href: "/new"},
					Person: "何敏", SignOut: "/out", Nav: []NavGroup{{Title: "n", Items: []NavItem{{Href: "/w", Label: "work", Icon: "list", Key: "g w", Count: "3", Current: true}}}},
					Tabs: []NavItem{{Href: "/w", Label: "work", Icon: "list"}}, Keys: []KeyGroup{p.ListKeys()},
				}
				layout = OfficerLayout(p, every(p))
			}
			var b bytes.Buffer
			if err := layout.Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
			page := b.String()
			for _, banned := range []string{" style=", "<style", " onclick=", "<script>", "javascript:", "<kept>"} {
				if strings.Contains(page, banned) {
					t.Errorf("%s officer=%v: the page holds %q", lang, officer, banned)
				}
			}
			for _, m := range regexp.MustCompile(`⟦[^⟧]*⟧`).FindAllString(page, -1) {
				if !regexp.MustCompile(`^⟦web\.([a-j]|[cj]\.[xy])⟧$`).MatchString(m) { // the labels of the invented form
					t.Errorf("%s: missing words %s", lang, m)
				}
			}
			for _, use := range regexp.MustCompile(`href="#(i-[a-z0-9]+)"`).FindAllStringSubmatch(page, -1) {
				if strings.Count(page, `<symbol id="`+use[1]+`"`) != 1 {
					t.Errorf("symbol %s is not drawn exactly once", use[1])
				}
			}
			if strings.Contains(page, `id="i-fire"`) {
				t.Error("an unused symbol is on the page")
			}
			if strings.Count(page, "<h1>") > 1 || !strings.Contains(page, `aria-invalid="true"`) || !strings.Contains(page, `href="#f-c-0"`) {
				t.Errorf("%s officer=%v: headings, invalid marks or summary links are not as they should be", lang, officer)
			}
		}
	}
}

func TestA_law_is_named_with_its_article_and_without_one(t *testing.T) {
	s := site(t)
	s.Text = s.Text.With(map[string]map[string]string{"en": {"law.X.short": "By-law X"}})
	p := s.Page(get("/?lang=en"), "web.site")
	if got := p.Law(procedure.Law{ID: "X", Article: "8"}); got != "By-law X, article 8" {
		t.Error(got)
	}
	if got := p.Law(procedure.Law{}); got != "" {
		t.Error(got)
	}
}

// keyLike finds the catalogue keys named in a source text.
var keyLike = regexp.MustCompile(`"(web\.[a-z_.]*[a-z_]|form\.[a-z_]+)"`)

func TestEvery_key_the_kit_names_has_words_in_every_language(t *testing.T) {
	s := site(t)
	var files []string
	for _, pattern := range []string{"*.go", "*.templ"} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	seen := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasSuffix(f, "_templ.go") {
			continue
		}
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range keyLike.FindAllStringSubmatch(string(src), -1) {
			key := m[1]
			seen++
			for _, lang := range s.Langs {
				say := s.Text.In(lang)
				if !say.Has(key) && !say.Has(key+".other") && !say.Has("web.problem."+key) && !say.Has("problem."+key) {
					t.Errorf("%s names %s, which has no words in %s", f, key, lang)
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d keys were found; the search is broken", seen)
	}
}

func TestBoth_languages_have_the_same_keys_of_the_kit(t *testing.T) {
	s := site(t)
	for _, key := range s.Text.Keys("en") {
		if strings.HasPrefix(key, "web.") && !strings.HasSuffix(key, ".one") && !s.Text.In("zh-CN").Has(key) {
			t.Errorf("%s has no Chinese words", key)
		}
	}
	for _, key := range s.Text.Keys("zh-CN") {
		if strings.HasPrefix(key, "web.") && !s.Text.In("en").Has(key) {
			t.Errorf("%s has no English words", key)
		}
	}
}
