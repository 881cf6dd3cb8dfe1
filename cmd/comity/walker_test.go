package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/text"
	"comity/internal/vault"
)

// walker asks every address the program has, as several kinds of visitors, and knows what no answer may
// hold. It starts the whole demo city in this process.
type walker struct {
	t        *testing.T
	c        *city
	card     demoCard
	h        http.Handler
	patterns []string
	log      *syncBuffer
	session  string              // cookie of an officer
	token    string              // of the same officer, for the API
	samples  map[string][]string // values that lead somewhere, by the name of the wildcard
	personal []string            // telephone numbers and codes that belong to somebody
	asked    int
}

// syncBuffer is a log that several requests write.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func (b *syncBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.Reset()
	return b.Buffer.String()
}

// played is a small year, played once for all tests of this file: none of them changes a case.
type played struct {
	c    *city
	card demoCard
	dir  string
}

var playedYear = sync.OnceValues(func() (played, error) {
	words, err := text.Base()
	if err != nil {
		return played{}, err
	}
	dir, err := os.MkdirTemp("", "comity-walk-*")
	if err != nil {
		return played{}, err
	}
	// The keys lie beside the data, so both get a folder to lie in.
	c, card, err := openDemo(context.Background(), demoConfig{data: filepath.Join(dir, "city"), cases: 250, seed: 1, say: words.In("en"), out: io.Discard})
	walkedDir = dir
	return played{c, card, dir}, err
})

// walkedDir is what TestMain clears away.
var walkedDir string

func TestMain(m *testing.M) {
	for _, name := range []string{"COMITY_DB", "COMITY_DATA", "COMITY_PACK", "COMITY_BASE", "COMITY_POST", "COMITY_KEYS", "COMITY_HOSTS", "COMITY_MAIL", "COMITY_MAPS", "COMITY_FILES", "COMITY_WITNESS", "COMITY_ARCHIVE", "COMITY_BACKUPS"} {
		os.Unsetenv(name) // what the machine sets must not decide a test
	}
	if raw := os.Getenv(drillEnv); raw != "" {
		fmt.Fprintln(os.Stderr, drillChild(raw))
		os.Exit(1)
	}
	status := m.Run()
	if walkedDir != "" {
		if y, err := playedYear(); err == nil {
			y.c.Close()
		}
		os.RemoveAll(walkedDir)
	}
	os.Exit(status)
}

// walkedCity serves the small year with these options.
func walkedCity(t *testing.T, o surfaceOptions) *walker {
	t.Helper()
	year, err := playedYear()
	if err != nil {
		t.Fatal(err)
	}
	c, card := year.c, year.card
	w := &walker{t: t, c: c, card: card, log: &syncBuffer{}, samples: map[string][]string{}}
	c.log = slog.New(slog.NewJSONHandler(w.log, nil))
	o.demo, o.dev = &card, true
	w.h, w.patterns = joined(c, o)
	w.gather()
	w.signIn("clerk")
	return w
}

// gather finds values that lead somewhere and data that belongs to somebody.
func (w *walker) gather() {
	ctx := w.t.Context()
	page, err := w.c.reader.Worklist(ctx, authz.Machine().Scope(), ledger.Filter{Limit: 200})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, it := range page.Items {
		w.samples["ref"] = append(w.samples["ref"], string(it.Ref))
	}
	for _, state := range slices.Sorted(maps.Keys(w.card.Codes)) {
		w.samples["code"] = append(w.samples["code"], w.card.Codes[state])
		w.samples["ref"] = append(w.samples["ref"], w.card.Refs[state])
		w.take(ctx, casework.Code(w.card.Codes[state]))
	}
	p := w.c.packs.Current()
	for _, id := range slices.Sorted(maps.Keys(p.Procedures)) {
		w.samples["procedure"] = append(w.samples["procedure"], id)
		for _, a := range p.Procedures[id].Acts {
			w.samples["act"] = append(w.samples["act"], a.ID)
		}
		for _, k := range p.Procedures[id].Clocks {
			w.samples["clock"] = append(w.samples["clock"], k.ID)
		}
	}
	for _, d := range p.Explorer.Doors {
		w.samples["door"] = append(w.samples["door"], d.ID)
	}
	for _, name := range []string{"act", "clock"} {
		slices.Sort(w.samples[name])
		w.samples[name] = slices.Compact(w.samples[name])
	}
	for _, name := range []string{"day", "booking", "promise", "seq"} {
		for n := range 12 {
			w.samples[name] = append(w.samples[name], fmt.Sprint(n+1))
		}
	}
}

func (w *walker) take(ctx context.Context, code casework.Code) {
	k, err := w.c.reader.ByCode(ctx, code)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range k.Files {
		w.samples["sha256"] = append(w.samples["sha256"], f.SHA256)
	}
	w.personal = append(w.personal, string(code))
	if len(k.Contact.Address) > 6 && !vault.Sealed(k.Contact.Address) {
		w.personal = append(w.personal, k.Contact.Address)
	}
}

// signIn finds somebody of that role among those the sign-in page shows, and signs in as a browser does.
func (w *walker) signIn(role string) {
	w.t.Helper()
	i := slices.IndexFunc(w.card.SignIns, func(s demoSignIn) bool { return slices.Contains(s.Roles, role) })
	if i < 0 {
		w.t.Fatalf("nobody shown holds the role %s", role)
	}
	w.signInAs(w.card.SignIns[i])
}

func (w *walker) signInAs(s demoSignIn) {
	w.t.Helper()
	w.session = ""
	a := w.post("/desk/signin", url.Values{"login": {s.Login}, "password": {s.Password}}, nobody)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if strings.HasSuffix(c.Name, "comity_desk") {
			w.session = c.Name + "=" + c.Value
		}
	}
	if w.session == "" {
		w.t.Fatalf("%s could not sign in: %d", s.Login, a.status)
	}
	w.token = w.card.Tokens[s.Login]
}

// visitor dresses a request.
type visitor struct {
	name  string
	dress func(w *walker, r *http.Request)
}

var (
	nobody  = visitor{"nobody", func(*walker, *http.Request) {}}
	officer = visitor{"an officer", func(w *walker, r *http.Request) { r.Header.Set("Cookie", w.session) }}
	program = visitor{"a program", func(w *walker, r *http.Request) { r.Header.Set("Authorization", "Bearer "+w.token) }}
	forger  = visitor{"a forger", func(w *walker, r *http.Request) {
		r.Header.Set("Cookie", w.session[:len(w.session)-4]+"AAAA; lang=../../x; theme=%00")
		r.Header.Set("Authorization", "Bearer "+w.token[:len(w.token)-4]+"AAAA")
	}}
	liar = visitor{"a liar", func(w *walker, r *http.Request) {
		for _, h := range []string{"X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Server"} {
			r.Header.Set(h, "zq7.evil.example")
		}
		r.Header.Set("Forwarded", "host=zq7.evil.example")
		r.Header.Set("X-HTTP-Method-Override", "DELETE")
		r.Header.Set("X-Method-Override", "POST")
		r.Header.Set("Accept-Language", "zq7"+strings.Repeat(",x", 900))
		r.Header.Set("Referer", "https://zq7.evil.example/")
	}}
)

type answered struct {
	status int
	header http.Header
	body   string
}

// send asks from an address nobody used before, so that one question's failures do not count against
// the next one's.
func (w *walker) send(r *http.Request, as visitor) answered {
	w.asked++
	r.Host = "localhost"
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:4000", w.asked>>16&255, w.asked>>8&255, w.asked&255)
	as.dress(w, r)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return answered{rec.Code, rec.Result().Header, rec.Body.String()}
}

func (w *walker) get(target string, as visitor) answered {
	u, err := url.Parse(target)
	if err != nil {
		w.t.Fatalf("%s: %v", target, err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL, r.RequestURI = u, target
	return w.send(r, as)
}

func (w *walker) post(target string, form url.Values, as visitor) answered {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.send(r, as)
}

// routes are the patterns of a method, without it; a pattern without a method answers every one.
func (w *walker) routes(method string) []string {
	var out []string
	for _, p := range w.patterns {
		m, path, ok := strings.Cut(p, " ")
		if !ok {
			m, path = method, p
		}
		if m == method && path != "/api/" { // what is below it is listed by the API itself
			out = append(out, strings.TrimSuffix(path, "{$}"))
		}
	}
	return out
}

var wildcard = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

func wildcards(pattern string) (names []string) {
	for _, m := range wildcard.FindAllStringSubmatch(pattern, -1) {
		names = append(names, m[1])
	}
	return names
}

// fill puts values into a pattern; what is not given gets a sample.
func (w *walker) fill(pattern string, given map[string]string) string {
	return wildcard.ReplaceAllStringFunc(pattern, func(m string) string {
		name := wildcard.FindStringSubmatch(m)[1]
		if v, ok := given[name]; ok {
			return v
		}
		if s := w.samples[name]; len(s) > 0 {
			return s[0]
		}
		return "x1"
	})
}

// mark stands in every bad value that can hold it: an answer that repeats it echoes what was sent.
const mark = "zq7"

// badValues are put where a page expects a name, a number or a code; escaped as they go over the wire.
var badValues = []string{
	"..%2f..%2f..%2fetc%2f" + mark, "%2e%2e%2f" + mark, "..%5c..%5c" + mark, "%252e%252e%252f" + mark, mark + "%00.jpg", mark + "%ff%fe", mark + "%0d%0aSet-Cookie:%20a=b",
	mark + "%27%20OR%201=1--", mark + "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", mark + "%E2%80%AEgpj.exe", mark + "%F0%9F%98%80%E6%A1%82%E5%9B%AD", "$%7Bjndi:ldap:%2F%2F" + mark + "%7D",
	mark + strings.Repeat("a", 3000), "-1", "0", "99999999999999999999", "1e309", "NaN", "%E2%80%8B", "~1s.AAAA" + mark, "%20" + mark + "%20", "CON", mark + ";a=b",
}

// queries are put behind every address.
var queries = []string{
	"lang=..%2F..%2F" + mark, "q=" + mark + "%27%3B%20DROP%20TABLE%20cases--&unit=..%2F&view=" + mark + "&after=" + mark + "&in=" + mark + "&state=" + mark + "&sort=" + mark,
	"id=" + mark + "&id=x&procedure=" + mark + "&act=" + mark + "&format=" + mark + "&limit=-1&cursor=" + mark + "&since=99999-99-99&kind=" + mark,
	"back=https:%2F%2F" + mark + ".example&category=%3Cscript%3E" + mark + "&done=" + mark, "a=%00", "a=%ff", "a=%zz", "a;b", strings.Repeat("a=1&", 3000),
}

// calm are the statuses a bad question may get. 500 is not among them, nor is anything that was done.
var calm = []int{200, 301, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 409, 414, 415, 421, 422, 429}

// never is what no answer holds, whoever asks.
var never = []string{"goroutine ", "runtime error", "panic:", ".go:", "comity/internal", "SELECT ", "INSERT INTO", "sqlite", "SQLSTATE", "pgx", "constraint failed", "no such table",
	"$argon2", "no such file", "permission denied", "comity.db", "~1s.", "~1m.", "<script>alert", "json: ", "strconv."}

// leaks says what an answer holds that it may not.
func (w *walker) leaks(target string, a answered) (out []string) {
	if !slices.Contains(calm, a.status) {
		out = append(out, fmt.Sprintf("status %d", a.status))
	}
	hay := a.body
	for name, values := range a.header {
		if name != "Set-Cookie" {
			hay += "\n" + strings.Join(values, "\n")
		}
	}
	for _, s := range append([]string{w.card.Data, string(w.c.secret), w.token, strings.TrimPrefix(w.session, "comity_desk=")}, never...) {
		if s != "" && strings.Contains(hay, s) && !strings.Contains(target, s) { // sign-in leads back to where one was
			out = append(out, fmt.Sprintf("%q", s))
		}
	}
	if a.status >= 400 && a.status != 422 && strings.Contains(hay, mark) {
		out = append(out, "what was sent")
	}
	for _, s := range a.header.Values("Location") {
		if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") {
			out = append(out, "a redirect to "+s)
		}
	}
	for _, s := range w.personal {
		if strings.Contains(hay, s) && !strings.Contains(target, s) {
			out = append(out, "personal data "+s)
		}
	}
	return out
}

func Test_no_address_answers_bad_input_with_a_fault_or_a_leak(t *testing.T) {
	w := walkedCity(t, surfaceOptions{base: "https://help.linjiang.example", hosts: []string{"help.linjiang.example"}})
	if n := len(w.routes(http.MethodGet)); n < 50 {
		t.Fatalf("only %d routes to read are registered; the walker has lost them", n)
	}
	visitors := []visitor{nobody, officer, program, forger, liar}
	for _, pattern := range w.routes(http.MethodGet) {
		if strings.HasPrefix(pattern, "/assets/") && !strings.Contains(pattern, "{") {
			continue
		}
		var targets []string
		for _, q := range queries {
			targets = append(targets, w.fill(pattern, map[string]string{"ref": "SR-2020-" + mark, "code": "ABCD-EFGH-JKLM"})+"?"+q)
		}
		for _, name := range wildcards(pattern) {
			for _, v := range badValues {
				targets = append(targets, w.fill(pattern, map[string]string{name: v}))
			}
		}
		for i, target := range targets {
			for j, as := range visitors {
				if (i+j)%2 == 1 && as.name != officer.name { // the officer asks everything, the others every second question
					continue
				}
				if as.name == officer.name && strings.HasPrefix(pattern, "/api/") || as.name == program.name && !strings.HasPrefix(pattern, "/api/") {
					continue
				}
				a := w.get(target, as)
				for _, what := range w.leaks(target, a) {
					if as.name == officer.name || as.name == program.name {
						if strings.HasPrefix(what, "personal data") {
							continue // an officer may read cases of the unit
						}
					}
					t.Errorf("GET %.160s as %s (%d) holds %s", target, as.name, a.status, what)
				}
			}
		}
	}
	w.logIsClean(t)
}

// logIsClean reads what was logged meanwhile: no code, token, login, telephone number or typed text.
func (w *walker) logIsClean(t *testing.T) {
	t.Helper()
	log := w.log.take()
	if !strings.Contains(log, `"refused.`) {
		t.Error("nothing was written into the security journal")
	}
	for _, s := range append([]string{mark, w.token, strings.TrimPrefix(w.session, "comity_desk="), demoPassword}, w.personal...) {
		for line := range strings.Lines(log) {
			if strings.Contains(line, s) {
				t.Errorf("the log holds %q: %.300s", s, line)
				break
			}
		}
	}
}

// alike is an answer without what differs from one second to the next.
func (a answered) alike() string {
	h := maps.Clone(a.header)
	delete(h, "Date")
	doc, _ := json.Marshal(h) // strings always encode
	return fmt.Sprintf("%d\n%s\n%s", a.status, doc, a.body)
}

func Test_what_is_not_yours_and_what_is_not_there_are_answered_byte_for_byte_alike(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	missing := map[string]string{"ref": "SR-2020-000001", "code": "AAAA-AAAA-AAAA", "day": "999999", "booking": "999999", "promise": "999999", "seq": "999999",
		"sha256": strings.Repeat("0", 64), "id": "nothing", "token": "nothing", "procedure": "nothing", "file": "nothing", "act": "nothing", "clock": "nothing", "name": "nothing", "rest": "nothing"}
	owned := map[string]bool{}
	for name, page := range map[string]string{"ref": "/desk/cases/", "day": "/desk/reception/day/"} {
		for _, v := range w.samples[name] {
			owned[name+" "+v] = w.get(page+v, officer).status == http.StatusOK
		}
	}
	refused := map[string]int{}
	compared := 0
	for _, pattern := range w.routes(http.MethodGet) {
		as := officer
		if strings.HasPrefix(pattern, "/api/") {
			as = program
		}
		for _, name := range wildcards(pattern) {
			if slices.Contains([]string{"act", "clock", "door", "procedure", "code"}, name) {
				continue // names of the pack are public; a code is the right to its case
			}
			if name == "seq" && strings.HasPrefix(pattern, "/f/") {
				continue // whoever has the code has its receipts too
			}
			gone, ok := missing[name]
			if !ok {
				gone = "nothing"
			}
			none := w.get(w.fill(pattern, map[string]string{name: gone}), as)
			for _, v := range w.samples[name] {
				a := w.get(w.fill(pattern, map[string]string{name: v}), as)
				if owned[name+" "+v] {
					continue
				}
				if a.status == http.StatusOK && none.status != http.StatusOK {
					t.Errorf("%s with %s=%s is open to somebody it does not belong to", pattern, name, v)
				}
				if a.status < 400 {
					continue
				}
				refused[pattern+" "+name]++
				compared++
				if a.alike() != none.alike() {
					t.Errorf("%s with %s=%s answers otherwise than for what is not there:\n%s", pattern, name, v, firstDifferent(a.alike(), none.alike()))
				}
			}
		}
	}
	for _, must := range []string{"/desk/cases/{ref} ref", "/api/v1/cases/{ref} ref", "/desk/reception/day/{day}/edit day"} {
		if refused[must] == 0 {
			t.Errorf("%s: nothing that exists was refused, so nothing was compared", must)
		}
	}
	t.Logf("%d answers compared", compared)
}

func firstDifferent(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-60)
	return fmt.Sprintf("%.160s\n%.160s", a[from:], b[from:])
}

func Test_no_route_that_changes_something_takes_a_form_of_another_site(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	origins := map[string]map[string]string{
		"cross-site":       {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"a sibling name":   {"Sec-Fetch-Site": "same-site", "Origin": "https://other.localhost"},
		"an older browser": {"Origin": "https://evil.example"},
		"a sandbox":        {"Origin": "null"},
	}
	n := 0
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		for _, pattern := range w.routes(method) {
			for name, headers := range origins {
				r := httptest.NewRequest(method, w.fill(pattern, nil), strings.NewReader("a=b"))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				for k, v := range headers {
					r.Header.Set(k, v)
				}
				a := w.send(r, visitor{"both", func(w *walker, r *http.Request) { officer.dress(w, r); program.dress(w, r) }})
				if a.status != http.StatusForbidden || !strings.Contains(a.body, "another site") && !strings.Contains(a.body, "web.cross_origin") && !strings.Contains(a.body, "别的网站") {
					t.Errorf("%s %s from %s answered %d", method, pattern, name, a.status)
				}
				n++
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d questions were asked; the walker has lost the routes", n)
	}
	if log := w.log.take(); strings.Count(log, `"refused.origin"`) != n {
		t.Errorf("%d of %d refusals are in the security journal", strings.Count(log, `"refused.origin"`), n)
	}
}

// unreached are routes that change something and answer "not there" before they read the form, because
// the demo city has nothing they are about.
var unreached = map[string]string{
	"/desk/cameras/{id}/edit":                  "an entry of the register that an officer shown keeps",
	"/desk/cameras/{id}/withdraw":              "such an entry",
	"/desk/reception/promises/{promise}":       "a leader's promise that waits",
	"/desk/reception/day/{day}/held/{booking}": "a booking of a day that has passed and has no result",
	"/p/{code}/do/{act}":                       "the key of a member, which only their messages hold",
	"/p/{code}/sign":                           "such a key",
	"/p/{code}/session/away":                   "such a key",
	"/f/{code}/sign":                           "the code of a dispute; those of the demonstration were taken in at the counter",
	"/desk/mediation/plan":                     "a unit whose waiting cases the form lists",
	"/desk/mediation/mediators/{id}/away":      "somebody on the roster, whose page no officer shown walked to",
	"/desk/mediation/mediators/{id}/edit":      "the same",
	"/desk/mediation/mediators/{id}/training":  "the same",
	"/desk/mediation/rooms/{id}/edit":          "a room, the same",
	"/f/{code}/session/away":                   "such a code",
	"/desk/held/{id}":                          "a file that waits for a scanner, and none is configured",
	"/desk/cases/{ref}/files/{sha256}/redact":  "a photo and the case it belongs to, which are filled in apart",
}

// forPrograms reports routes that are no pages: programs send them what their own contract says, and their own tests send
// them what it does not.
func forPrograms(pattern string) bool {
	return strings.HasPrefix(pattern, "/api/") || strings.HasPrefix(pattern, "/open311/") || strings.HasPrefix(pattern, "/upload")
}

func Test_every_page_refuses_a_field_it_does_not_have_and_names_it(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	sessions := map[string]string{}
	for _, role := range []string{"clerk", "head", "officer", "mediator"} {
		w.signIn(role)
		sessions[role] = w.session
	}
	for _, pattern := range w.routes(http.MethodPost) {
		if forPrograms(pattern) || pattern == "/" { // the last one answers what is not there
			continue
		}
		if _, known := unreached[pattern]; known {
			continue
		}
		if !w.refusesField(pattern, sessions) {
			t.Errorf("POST %s never named a field it does not know; read its form with web.ReadForm", pattern)
		}
	}
}

// refusesField tries the route with many samples until one reaches the form.
func (w *walker) refusesField(pattern string, sessions map[string]string) bool {
	names := wildcards(pattern)
	tries := []map[string]string{{}}
	for _, name := range names {
		var next []map[string]string
		for _, t := range tries {
			for _, v := range w.samples[name] {
				given := maps.Clone(t)
				given[name] = v
				next = append(next, given)
			}
		}
		if len(next) > 0 {
			tries = next
		}
	}
	for _, given := range tries[:min(len(tries), 4000)] {
		for _, session := range sessions {
			w.session = session
			a := w.post(w.fill(pattern, given), url.Values{mark + "_extra": {"1"}}, officer)
			if a.status == http.StatusBadRequest && strings.Contains(a.body, mark+"_extra") {
				return true
			}
			if !slices.Contains([]int{http.StatusNotFound, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusConflict}, a.status) { // not theirs, or not now
				w.t.Errorf("POST %s with an unknown field answered %d", w.fill(pattern, given), a.status)
				return false
			}
		}
	}
	return false
}

var (
	formOf  = regexp.MustCompile(`(?s)<form[^>]*>.*?</form>`)
	actOf   = regexp.MustCompile(`^<form[^>]*\saction="([^"]*)"`)
	actLink = regexp.MustCompile(`href="(/(?:desk/cases|f)/[^"/]+(/do/[^"?]+)[^"]*)"`)
	fieldOf = regexp.MustCompile(`<(?:input|textarea|select|button)[^>]*\sname="([^"]+)"`)
)

func Test_every_form_on_a_page_holds_only_fields_its_target_knows(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	checked, followed := map[string]bool{}, map[string]bool{}
	for _, s := range w.card.SignIns {
		w.signInAs(s)
		for _, pattern := range w.routes(http.MethodGet) {
			if !strings.HasPrefix(pattern, "/api/") {
				w.formsBelow(pattern, checked, followed)
			}
		}
	}
	if len(checked) < 25 || len(followed) < 15 {
		t.Errorf("only %d forms and %d acts were found: %q, %v", len(checked), len(followed), slices.Sorted(maps.Keys(checked)), followed)
	}
}

// formsBelow opens the pages of a pattern with every sample, and the page of every act some case offers once.
func (w *walker) formsBelow(pattern string, checked, followed map[string]bool) {
	tries := []string{w.fill(pattern, nil)}
	for _, name := range wildcards(pattern) {
		samples := w.samples[name]
		if pattern != "/desk/cases/{ref}" {
			samples = samples[:min(len(samples), 4)] // acts are found by their links
		}
		for _, v := range samples {
			tries = append(tries, w.fill(pattern, map[string]string{name: v}))
		}
	}
	for len(tries) > 0 {
		target := tries[0]
		tries = tries[1:]
		a := w.get(target, officer)
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, form := range formOf.FindAllString(a.body, -1) {
			w.formIsKnown(target, form, checked)
		}
		for _, m := range actLink.FindAllStringSubmatch(a.body, -1) {
			if !followed[m[2]] {
				followed[m[2]] = true
				tries = append(tries, strings.ReplaceAll(m[1], "&amp;", "&"))
			}
		}
	}
}

// formIsKnown posts the names of a form's fields with one more that sorts last: the refusal must name that
// one and none of the page's own, and nothing is changed.
func (w *walker) formIsKnown(page, form string, checked map[string]bool) {
	if !strings.Contains(form, `method="post"`) {
		return
	}
	to := page
	if m := actOf.FindStringSubmatch(form); m != nil {
		to = strings.ReplaceAll(m[1], "&amp;", "&")
	}
	values := url.Values{}
	hidden := regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form, -1)
	for _, m := range fieldOf.FindAllStringSubmatch(form, -1) {
		values.Set(m[1], "")
	}
	for _, m := range hidden {
		values.Set(m[1], m[2])
	}
	key := strings.Join(slices.Sorted(maps.Keys(values)), " ")
	if checked[key] {
		return
	}
	checked[key] = true
	values.Set("zzzz_extra", "1")
	a := w.post(to, values, officer)
	if a.status == http.StatusBadRequest && strings.Contains(a.body, "zzzz_extra") {
		return
	}
	named := regexp.MustCompile(`does not have: ([^ <]+)|没有的一项：([^ <。]+)`).FindString(a.body)
	w.t.Errorf("the form on %s to %s holds %q; its target answered %d %s", page, to, key, a.status, named)
}

func Test_a_post_that_is_no_form_is_not_read(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	for name, c := range map[string]struct {
		header map[string]string
		want   int
	}{
		"JSON":                  {map[string]string{"Content-Type": "application/json"}, 415},
		"plain text":            {map[string]string{"Content-Type": "text/plain"}, 415},
		"XML":                   {map[string]string{"Content-Type": "text/xml"}, 415},
		"no kind":               {nil, 415},
		"a kind that is none":   {map[string]string{"Content-Type": ";;;"}, 415},
		"another character set": {map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=gbk"}, 415},
		"packed":                {map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}, 415},
		"no boundary":           {map[string]string{"Content-Type": "multipart/form-data"}, 400},
	} {
		for _, pattern := range w.routes(http.MethodPost) {
			if forPrograms(pattern) || strings.Contains(pattern, "{") || c.want == 400 && slices.Contains([]string{"/", "/desk/reception/new", "/desk/cameras/new", "/desk/cameras/import", "/desk/counter/mydata", "/desk/mediation/mediators/import", "/desk/mediation/mediators/new", "/desk/mediation/plan", "/desk/mediation/rooms/new"}, pattern) {
				continue // those say that there is nothing, or nothing for a clerk, before they read
			}
			r := httptest.NewRequest(http.MethodPost, pattern, strings.NewReader(`{"code":"x"}`))
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			if a := w.send(r, officer); a.status != c.want {
				t.Errorf("%s to %s answered %d, want %d", name, pattern, a.status, c.want)
			}
		}
	}
}

func Test_links_on_paper_never_come_from_the_request_when_the_site_has_an_address(t *testing.T) {
	w := walkedCity(t, surfaceOptions{base: "https://help.linjiang.example", hosts: []string{"help.linjiang.example"}})
	for _, target := range []string{"/reception.ics", "/sent/" + w.samples["code"][0]} {
		for _, as := range []visitor{nobody, liar} {
			a := w.get(target, as)
			if a.status != http.StatusOK || strings.Contains(a.body, "localhost") || strings.Contains(a.body, "evil") {
				t.Errorf("%s as %s answered %d with a foreign address", target, as.name, a.status)
			}
		}
	}
	if a := w.get("/reception.ics", nobody); !strings.Contains(strings.ReplaceAll(a.body, "\r\n ", ""), "https://help.linjiang.example/") {
		t.Error("the calendar does not lead to the site")
	}
}

func Test_pages_may_not_be_kept_and_what_may_be_kept_says_so(t *testing.T) {
	w := walkedCity(t, surfaceOptions{secure: true})
	for _, pattern := range w.routes(http.MethodGet) {
		a := w.get(w.fill(pattern, nil), officer)
		kept := a.header.Get("Cache-Control")
		public := strings.HasPrefix(pattern, "/assets/") || pattern == "/desk/desk.css" || strings.HasPrefix(pattern, "/data/") || strings.HasPrefix(pattern, "/reception") || pattern == "/favicon.ico" ||
			slices.Contains([]string{"/desk/passkey.js", "/desk/redact.js", "/report/upload.js", "/map/shapes", "/talks/sign.js", "/cameras.csv", "/cameras.json", "/questions.json"}, pattern) || strings.HasPrefix(pattern, "/log") && (strings.HasSuffix(pattern, ".css") || strings.HasSuffix(pattern, ".js"))
		if !public && !strings.Contains(kept, "no-store") {
			t.Errorf("GET %s may be kept: %q", pattern, kept)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Embedder-Policy": "require-corp", "Referrer-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("GET %s: %s is %q, want %q", pattern, name, got, want)
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src '") || !strings.Contains(csp, "sandbox") && !strings.Contains(csp, "require-trusted-types-for 'script'") {
			t.Errorf("GET %s: policy %q", pattern, csp)
		}
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			for _, inline := range []string{" style=\"", "<style", " onclick=", " onload=", "javascript:", "<script>"} {
				if strings.Contains(a.body, inline) {
					t.Errorf("GET %s holds %s, which its own policy forbids", pattern, inline)
				}
			}
		}
	}
	for _, c := range []string{w.session} {
		if !strings.HasPrefix(c, "__Host-") {
			t.Errorf("behind TLS the session is kept as %.20s…", c)
		}
	}
}

func Test_the_figures_count_what_was_refused(t *testing.T) {
	w := walkedCity(t, surfaceOptions{metrics: true})
	before := w.get("/metrics", nobody).body
	if !strings.Contains(before, `comity_refused_total{event="refused.host"} 0`) {
		t.Errorf("a count that is zero is not shown: %.400s", before)
	}
	r := httptest.NewRequest(http.MethodGet, "/report", nil)
	w.h.ServeHTTP(httptest.NewRecorder(), r) // its host is example.com
	w.post("/desk/signin", url.Values{"login": {"zhou.hang"}, "password": {"guess-" + mark}}, nobody)
	w.get("/f/ABCD-EFGH-JKLM", nobody)
	w.get("/api/v1/cases", forger)
	after := w.get("/metrics", nobody).body
	for _, want := range []string{`"refused.host"} 1`, `"refused.sign_in"} 1`, `"refused.token"} 1`} {
		if !strings.Contains(after, want) {
			t.Errorf("the figures lack %s", want)
		}
	}
	for line := range strings.Lines(w.log.take()) {
		var e struct{ Msg, Rule, Route, Network string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(e.Msg, "refused.") && (e.Rule == "" || e.Route == "" || !strings.HasSuffix(e.Network, ".0/24")) {
			t.Errorf("a line of the journal lacks something: %s", line)
		}
	}
}

func Test_every_operation_refuses_a_member_it_does_not_have_and_names_it(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	send := func(pattern, kind, body string) answered {
		r := httptest.NewRequest(http.MethodPost, w.fill(pattern, nil), strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		return w.send(r, program)
	}
	for _, ref := range w.samples["ref"] {
		if w.get("/api/v1/cases/"+ref, program).status == http.StatusOK { // one of the unit's own: files are read after it is found
			w.samples["ref"] = []string{ref}
			break
		}
	}
	operations := 0
	for _, pattern := range w.routes(http.MethodPost) {
		if !strings.HasPrefix(pattern, "/api/v1/") {
			continue
		}
		operations++
		if strings.HasSuffix(pattern, "/files") {
			a := send(pattern, "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\""+mark+"_extra\"\r\n\r\n1\r\n--b--\r\n")
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, mark+"_extra") {
				t.Errorf("POST %s with an unknown part answered %d %.200s", pattern, a.status, a.body)
			}
			continue
		}
		for name, c := range map[string]struct {
			kind, body string
			want       int
			says       string
		}{
			"an unknown member":       {"application/json", `{"` + mark + `_extra":true}`, 422, mark + "_extra"},
			"in other letters":        {"application/json", `{"FIELDS":{"a":"b"},"Holder":"x"}`, 422, "Holder"},
			"a member twice":          {"application/json", `{"fields":{},"fields":{}}`, 400, ""},
			"an answer twice":         {"application/json", `{"fields":{"a":"1","a":"2"}}`, 400, ""},
			"a null character":        {"application/json", `{"text":"a\u0000b"}`, 400, ""},
			"no UTF-8":                {"application/json", "{\"text\":\"\xff\"}", 400, ""},
			"a deep nest":             {"application/json", strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000), 400, ""},
			"two values":              {"application/json", `{} {}`, 400, ""},
			"a form":                  {"application/x-www-form-urlencoded", "text=a", 415, ""},
			"text that looks like it": {"text/plain", `{}`, 415, ""},
		} {
			a := send(pattern, c.kind, c.body)
			if a.status != c.want || !strings.Contains(a.body, c.says) {
				t.Errorf("POST %s with %s answered %d, want %d and %q: %.300s", pattern, name, a.status, c.want, c.says, a.body)
			}
			for _, what := range w.leaks("", a) {
				t.Errorf("POST %s with %s holds %s", pattern, name, what)
			}
		}
	}
	if operations < 4 {
		t.Errorf("only %d operations that change something were found", operations)
	}
	if !strings.Contains(w.log.take(), `"refused.field"`) {
		t.Error("unknown members are not in the security journal")
	}
}

// drawn are the keys every rendered form gets anew.
var drawn = regexp.MustCompile(`value="[a-z2-7]{26}"`)

func Test_headers_that_claim_another_host_method_or_path_change_nothing(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	both := visitor{"a lying officer", func(w *walker, r *http.Request) { liar.dress(w, r); officer.dress(w, r); program.dress(w, r) }}
	honest := visitor{"an officer", func(w *walker, r *http.Request) { officer.dress(w, r); program.dress(w, r) }}
	for _, pattern := range w.routes(http.MethodGet) {
		if pattern == "/metrics" {
			continue // it counts the questions themselves
		}
		target := w.fill(pattern, nil)
		a, b := w.get(target, honest), w.get(target, both)
		if a.status != b.status || drawn.ReplaceAllString(a.body, "") != drawn.ReplaceAllString(b.body, "") {
			t.Errorf("GET %s answers %d, and with claims in its header %d: %s", target, a.status, b.status, firstDifferent(drawn.ReplaceAllString(a.body, ""), drawn.ReplaceAllString(b.body, "")))
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/prefs", strings.NewReader("size=large"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-HTTP-Method-Override", "GET")
	if a := w.send(r, nobody); a.status != http.StatusSeeOther {
		t.Errorf("a POST that claims to be something else answered %d", a.status)
	}
}
