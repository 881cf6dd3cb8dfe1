package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/limit"
	"comity/internal/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The people of the tests: who works where in the demo city.
const (
	street   = "guiyuan"         // holds what its communities cannot do; route of road.pavement
	place    = "guiyuan-ganyuan" // a community of that street
	category = "road.pavement"
)

// The words below must never reach the holder of a follow code.
const (
	secretName, secretPhone = "何小敏测试", "13900001234"
	secretNote              = "内部备注不可公开"
	officerName             = "测试科员姓名"
)

type site struct {
	t      *testing.T
	mux    *http.ServeMux
	d      *db.DB
	l      *ledger.Ledger
	tokens map[string]string
	set    func(time.Time)

	accounts *account.Store
	scanned  func()                    // is called while a file is taken in
	followed func() (time.Time, error) // nil: nobody follows
}

func each(t *testing.T, run func(s *site)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(newSite(t, d, set)) })
}

func newSite(t *testing.T, d *db.DB, set func(time.Time)) *site {
	t.Helper()
	return siteOf(t, d, set, func() *ledgertest.City { return ledgertest.Open(t, d, "../../packs/demo") })
}

// siteOf is newSite with a ledger of the test's own.
func siteOf(t *testing.T, d *db.DB, set func(time.Time), open func() *ledgertest.City) *site {
	t.Helper()
	s := &site{t: t, d: d, mux: http.NewServeMux(), tokens: map[string]string{}}
	s.mux.HandleFunc("GET /", http.NotFound) // the pages live on the same mux
	now := dbtest.Start
	s.set = func(at time.Time) { now = at; set(at) }
	made := open()
	s.l = made.Ledger
	must(t, account.Migrate(t.Context(), d))
	must(t, jobs.Migrate(t.Context(), d))
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap()})
	must(t, err)
	runner, err := jobs.NewRunner(d, jobs.Kind{Name: "none", Run: func(context.Context, jobs.Job) error { return nil }})
	must(t, err)
	words, err := text.Base()
	must(t, err)
	s.accounts = accounts
	s.people(accounts)
	api.New(api.Deps{DB: d, Ledger: s.l, Reader: made.Reader, Packs: made.Packs, Text: words,
		Accounts: accounts, Files: file.Store{Dir: t.TempDir(), Scan: s.scan}, Jobs: runner, Now: func() time.Time { return now }, Metrics: true, Followed: s.follows}).Register(s.mux)
	return s
}

func (s *site) follows() (time.Time, error) {
	if s.followed == nil {
		return time.Time{}, nil
	}
	return s.followed()
}

// scan looks at what is taken in as the test says.
func (s *site) scan(_ context.Context, r io.Reader) (string, error) {
	if s.scanned != nil {
		s.scanned()
	}
	_, err := io.Copy(io.Discard, r)
	return "", err
}

func (s *site) people(accounts *account.Store) {
	for id, grants := range map[string][]authz.Grant{
		"officer": {{Role: "officer", Unit: street}, {Role: "clerk", Unit: street}},
		"other":   {{Role: "officer", Unit: street}},
		"clerk":   {{Role: "clerk", Unit: street}},
		"far":     {{Role: "head", Unit: "baita"}},
		"above":   {{Role: "head", Unit: "binjiang"}},
	} {
		name := map[string]string{"zh-CN": officerName + id, "en": "Officer " + id}
		_, err := accounts.Create(s.t.Context(), account.Account{ID: id, Login: id, Name: name, Grants: grants}, "long enough")
		must(s.t, err)
		s.tokens[id] = s.token(accounts, id, authz.Powers...)
		must(s.t, err)
	}
	s.tokens["wrong"] = "comity_wrong"
}

// token makes a token that lasts as long as one may.
func (s *site) token(accounts *account.Store, id string, powers ...authz.Power) string {
	s.t.Helper()
	_, plain, err := accounts.CreateToken(s.t.Context(), authz.Actor{}, account.Token{Account: id, Name: "test", Powers: powers,
		Expires: dbtest.Start.AddDate(0, 0, account.MaxTokenDays)})
	must(s.t, err)
	return plain
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

// call sends one request; headers are name, value, name, value.
func (s *site) call(who, method, path, body string, headers ...string) answer {
	s.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, in)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept-Language", "en")
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+s.tokens[who])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return answer{w, s.t}
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	return a
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), v); err != nil {
		a.t.Fatalf("%v in %s", err, a.Body)
	}
}

// no checks a problem document and returns it.
func (a answer) no(status int, rule string) api.Problem {
	a.t.Helper()
	var p api.Problem
	a.into(&p)
	if a.Code != status || p.Status != status || p.Rule != rule || p.Type != "/problems/"+rule {
		a.t.Fatalf("answer %d %+v, want %d %s", a.Code, p, status, rule)
	}
	if ct := a.Header().Get("Content-Type"); ct != "application/problem+json" {
		a.t.Errorf("content type %q", ct)
	}
	if p.Title == "" || p.Detail == "" || strings.Contains(a.Body.String(), "⟦") {
		a.t.Errorf("a problem without words: %s", a.Body)
	}
	return p
}

func body(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func report() map[string]any {
	return map[string]any{"category": category, "text": "人行道地砖松动。第二句。", "unit": place, "address": "柑园路3号",
		"contact": map[string]any{"channel": "sms", "address": secretPhone, "name": secretName}}
}

func (s *site) open(headers ...string) api.Opened {
	s.t.Helper()
	var o api.Opened
	s.call("clerk", "POST", "/api/v1/cases", body(report()), headers...).want(http.StatusCreated).into(&o)
	return o
}

func (s *site) read(who, ref string) api.CaseView {
	s.t.Helper()
	var c api.CaseView
	s.call(who, "GET", "/api/v1/cases/"+ref, "").want(http.StatusOK).into(&c)
	return c
}

func (s *site) act(who, ref, act string, fields map[string]string) api.Done {
	s.t.Helper()
	var d api.Done
	s.call(who, "POST", "/api/v1/cases/"+ref+"/acts/"+act, body(map[string]any{"version": s.read(who, ref).Version, "fields": fields})).want(http.StatusOK).into(&d)
	return d
}

func Test_a_case_is_opened_and_read_with_its_terms_and_acts(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		if o.Ref == "" || o.Code == "" || o.State.ID != "received" || o.State.Name == "" || o.Holder.ID != street || o.Promise.IsZero() || o.Version != 1 {
			t.Fatalf("opened %+v", o)
		}
		a := s.call("officer", "GET", "/api/v1/cases/"+o.Ref+"?level=identity&purpose=contact", "").want(http.StatusOK)
		if a.Header().Get("ETag") != `"1"` || a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Content-Language") != "en" {
			t.Errorf("headers %v", a.Header())
		}
		var c api.CaseView
		a.into(&c)
		if c.Title != "人行道地砖松动" || c.Contact.Name != secretName || c.Holder.Name != "Guiyuan Subdistrict" || c.Place.Unit.ID != place {
			t.Errorf("case %+v", c)
		}
		k := c.Clocks[slices.IndexFunc(c.Clocks, func(k api.ClockView) bool { return k.Promise })]
		if !k.Due.Equal(o.Promise) || k.Law == nil || k.Law.Text == "" || len(k.Why) < 2 || k.Why[len(k.Why)-1].Why != "due" || k.Rule.N == 0 {
			t.Errorf("promise clock %+v", k)
		}
		i := slices.IndexFunc(c.Acts, func(a api.ActView) bool { return a.ID == "offer" })
		if i < 0 || len(c.Acts[i].Fields) != 2 || c.Acts[i].Fields[0].Label == "" {
			t.Errorf("acts %+v", c.Acts)
		}
		if strings.Contains(a.Body.String(), "⟦") {
			t.Errorf("words are missing in %s", a.Body)
		}
	})
}

func Test_a_case_goes_through_its_acts_to_an_answer_the_resident_reads(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		s.act("clerk", o.Ref, "accept", nil)
		s.act("officer", o.Ref, "begin", nil)
		c := s.read("officer", o.Ref)
		i := slices.IndexFunc(c.Acts, func(a api.ActView) bool { return a.ID == "answer" })
		if i < 0 || len(c.Acts[i].Fields[0].Options) != 6 || c.Acts[i].Fields[0].Options[0].Name != "Solved" {
			t.Fatalf("the answer's form is %+v", c.Acts)
		}
		s.call("officer", "POST", "/api/v1/cases/"+o.Ref+"/notes", body(map[string]any{"text": secretNote})).want(http.StatusCreated)
		s.call("officer", "POST", "/api/v1/cases/"+o.Ref+"/notes", body(map[string]any{"text": "师傅明天到", "public": true})).want(http.StatusCreated)
		d := s.act("officer", o.Ref, "answer", map[string]string{"outcome": "solved", "answer": "地砖已经换好。"})
		if d.State.ID != "answered" || d.Hash == "" || d.Seq != 6 {
			t.Errorf("done %+v", d)
		}
		var f api.Follow
		a := s.call("", "GET", "/api/v1/follow/"+strings.ToLower(o.Code), "").want(http.StatusOK)
		a.into(&f)
		if f.Answer["answer"] != "地砖已经换好。" || f.Outcome.Name != "Solved" || f.Holder.Name != "Guiyuan Subdistrict" || f.Now == "" {
			t.Errorf("follow %+v", f)
		}
		if got := []string{f.Phases[0].At, f.Phases[3].At, f.Phases[4].At}; !slices.Equal(got, []string{"done", "current", "ahead"}) {
			t.Errorf("phases %+v", f.Phases)
		}
		if len(f.Clocks) == 0 || len(f.Clocks[0].Why) == 0 {
			t.Errorf("clocks %+v", f.Clocks)
		}
		if !slices.ContainsFunc(f.Events, func(e api.PublicEvent) bool { return e.Note == "师傅明天到" }) {
			t.Errorf("the note for the resident is missing: %+v", f.Events)
		}
		var ids []string
		for _, act := range f.Acts {
			ids = append(ids, act.ID)
		}
		if !slices.Equal(ids, []string{"contest", "rate"}) {
			t.Errorf("the resident may %v", ids)
		}
		noLeak(t, a.Body.String())
		a = s.call("", "POST", "/api/v1/follow/"+o.Code+"/acts/contest", body(map[string]any{"fields": map[string]string{"reason": "还是松的"}})).want(http.StatusOK)
		a.into(&f)
		if f.State.ID != "contested" || f.Holder.ID == street {
			t.Errorf("after contesting %+v", f)
		}
		noLeak(t, a.Body.String())
	})
}

// noLeak fails when a public answer holds anything that is not the resident's to read.
func noLeak(t *testing.T, got string) {
	t.Helper()
	for _, secret := range []string{secretName, secretPhone, secretNote, officerName, "Officer officer", `"officer"`, `"actor"`, `"contact"`, `"assignee"`} {
		if strings.Contains(got, secret) {
			t.Errorf("the public part holds %q: %s", secret, got)
		}
	}
	if strings.Contains(got, "⟦") {
		t.Errorf("words are missing: %s", got)
	}
}

func Test_what_an_officer_was_told_of_colleagues_stays_inside(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		s.act("clerk", o.Ref, "accept", nil)
		c := s.read("clerk", o.Ref)
		i := slices.IndexFunc(c.Acts, func(a api.ActView) bool { return a.ID == "assign" })
		if i < 0 || !slices.ContainsFunc(c.Acts[i].Fields[0].Options, func(n api.Named) bool { return n.ID == "officer" && n.Name == "Officer officer" }) {
			t.Fatalf("the clerk is not offered whom to assign: %+v", c.Acts)
		}
		s.act("clerk", o.Ref, "assign", map[string]string{"officer": "officer"})
		noLeak(t, s.call("", "GET", "/api/v1/follow/"+o.Code, "").want(http.StatusOK).Body.String())
		var ev struct{ Events []api.EventView }
		s.call("officer", "GET", "/api/v1/cases/"+o.Ref+"/events", "").want(http.StatusOK).into(&ev)
		if len(ev.Events) != 3 || ev.Events[0].Text == "" || ev.Events[2].Fields["officer"] != "officer" || ev.Events[1].By.Actor != "clerk" {
			t.Errorf("events %+v", ev.Events)
		}
	})
}

func Test_the_same_key_is_the_same_case_and_another_body_is_refused(t *testing.T) {
	each(t, func(s *site) {
		first := s.open("Idempotency-Key", "k-1")
		again := s.open("Idempotency-Key", "k-1")
		if !again.Replayed || again.Ref != first.Ref || again.Code != first.Code || first.Replayed {
			t.Errorf("first %+v, again %+v", first, again)
		}
		other := report()
		other["text"] = "另一件事"
		s.call("clerk", "POST", "/api/v1/cases", body(other), "Idempotency-Key", "k-1").no(http.StatusUnprocessableEntity, "idempotency.reused")
		if s.open("Idempotency-Key", "k-2").Ref == first.Ref {
			t.Error("another key must be another case")
		}
		path := "/api/v1/cases/" + first.Ref + "/acts/accept"
		var one, two api.Done
		s.call("clerk", "POST", path, `{"version":1}`, "Idempotency-Key", "a").want(http.StatusOK).into(&one)
		s.call("clerk", "POST", path, `{"version":1}`, "Idempotency-Key", "a").want(http.StatusOK).into(&two)
		if one.Replayed || !two.Replayed || one.Seq != two.Seq {
			t.Errorf("act twice: %+v and %+v", one, two)
		}
	})
}

func Test_two_residents_with_the_same_key_do_not_meet(t *testing.T) {
	each(t, func(s *site) {
		a, b := s.open(), s.open()
		for _, o := range []api.Opened{a, b, a} {
			var f api.Follow
			s.call("", "POST", "/api/v1/follow/"+o.Code+"/acts/withdraw", "{}", "Idempotency-Key", "same").want(http.StatusOK).into(&f)
			if f.Ref != o.Ref || f.State.ID != "withdrawn" {
				t.Errorf("withdrawing %s gave %s %s", o.Ref, f.Ref, f.State.ID)
			}
		}
	})
}

func Test_a_stale_version_is_a_conflict_that_names_the_one_that_stands(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		s.act("clerk", o.Ref, "accept", nil)
		p := s.call("officer", "POST", "/api/v1/cases/"+o.Ref+"/acts/begin", `{"version":1}`).no(http.StatusConflict, "version.stale")
		if p.Version != 2 {
			t.Errorf("the conflict names version %d, want 2", p.Version)
		}
	})
}

func Test_every_refusal_says_why_in_the_language_asked_for(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		acts := "/api/v1/cases/" + o.Ref + "/acts/"
		s.call("other", "POST", acts+"extend", `{"version":1,"fields":{"days":"1","reason":"x"}}`).no(http.StatusForbidden, "actor.forbidden")
		s.call("officer", "POST", acts+"answer", `{"version":1}`).no(http.StatusUnprocessableEntity, "act.state")
		s.call("officer", "POST", acts+"nonsense", `{"version":1}`).no(http.StatusUnprocessableEntity, "act.unknown")
		s.call("officer", "POST", acts+"raise", `{"version":1}`).no(http.StatusForbidden, "actor.forbidden")
		p := s.call("clerk", "POST", acts+"offer", `{"version":1,"fields":{"unit":"binjiang","rumour":"x"}}`).no(http.StatusUnprocessableEntity, "form.invalid")
		if p.Law == nil || p.Law.ID != "LJ-SR" || p.Law.Article != "7" || p.Law.Text == "" || len(p.Fields) != 2 || p.Fields[0].Field != "reason" {
			t.Errorf("problem %+v", p)
		}
		zh := s.call("clerk", "POST", acts+"offer", `{"version":1}`, "Accept-Language", "zh-Hans-CN,en;q=0.5").no(http.StatusUnprocessableEntity, "form.invalid")
		if zh.Detail == p.Detail || zh.Law.Text == p.Law.Text {
			t.Errorf("Chinese was asked for, got %+v", zh)
		}
		bad := report()
		bad["category"], bad["unit"] = "nonsense", "nowhere"
		p = s.call("clerk", "POST", "/api/v1/cases", body(bad)).no(http.StatusUnprocessableEntity, "form.invalid")
		if len(p.Fields) != 2 || p.Fields[0].Detail == "" {
			t.Errorf("problem %+v", p)
		}
	})
}

func Test_a_case_outside_the_scope_looks_like_one_that_does_not_exist(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		for _, path := range []string{"", "/events"} {
			there := s.call("far", "GET", "/api/v1/cases/"+o.Ref+path, "")
			nowhere := s.call("far", "GET", "/api/v1/cases/SR-26-999999"+path, "")
			there.no(http.StatusNotFound, "case.unknown")
			if there.Body.String() != nowhere.Body.String() {
				t.Errorf("%s: %s differs from %s", path, there.Body, nowhere.Body)
			}
		}
		s.call("far", "POST", "/api/v1/cases/"+o.Ref+"/acts/accept", `{"version":1}`).no(http.StatusNotFound, "case.unknown")
		s.call("far", "POST", "/api/v1/cases/"+o.Ref+"/notes", `{"text":"x"}`).no(http.StatusNotFound, "case.unknown")
	})
}

func Test_without_a_valid_token_nothing_is_told(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		for _, who := range []string{"", "wrong"} {
			for _, path := range []string{"/api/v1/cases", "/api/v1/cases/" + o.Ref, "/api/v1/cases/" + o.Ref + "/events", "/api/v1/procedures"} {
				a := s.call(who, "GET", path, "")
				a.no(http.StatusUnauthorized, "token.invalid")
				if !strings.HasPrefix(a.Header().Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s: WWW-Authenticate %q", path, a.Header().Get("WWW-Authenticate"))
				}
			}
			s.call(who, "POST", "/api/v1/cases", body(report())).no(http.StatusUnauthorized, "token.invalid")
		}
		s.call("", "GET", "/api/v1/cases", "", "Authorization", "Basic eDp5").no(http.StatusUnauthorized, "token.invalid")
		list, err := s.accounts.Journal(s.t.Context(), "", 10, account.From{})
		if err != nil || len(list) != 1 || list[0].Kind != account.Rejected || list[0].Method != account.ByToken || list[0].Times != 6 {
			s.t.Errorf("tokens that opened nothing are written down as %+v, %v", list, err)
		}
	})
}

func Test_a_malformed_request_is_refused_and_changes_nothing(t *testing.T) {
	each(t, func(s *site) {
		post := func(body string, headers ...string) answer {
			return s.call("clerk", "POST", "/api/v1/cases", body, headers...)
		}
		post("").no(http.StatusBadRequest, "request.malformed")
		post("{").no(http.StatusBadRequest, "request.malformed")
		post(`{"category":"`+category+`","text":"`+"\xff\xfe"+`"}`).no(http.StatusBadRequest, "request.malformed")
		post(`null`).no(http.StatusUnprocessableEntity, "request.invalid")
		post(`[]`).no(http.StatusUnprocessableEntity, "request.invalid")
		post(strings.Repeat(" ", 1<<20)+"{}").no(http.StatusRequestEntityTooLarge, "request.too_large")
		post(`{"category":"x","text":"`+strings.Repeat("a", 2<<20)+`"}`).no(http.StatusRequestEntityTooLarge, "request.too_large")
		post(body(report()), "Content-Type", "text/csv").no(http.StatusUnsupportedMediaType, "request.media_type")
		p := post(`{"category":1,"text":"x","colour":"red"}`).no(http.StatusUnprocessableEntity, "request.invalid")
		if len(p.Fields) != 2 {
			t.Errorf("problem %+v", p)
		}
		p = post(`{"category":"x"}`).no(http.StatusUnprocessableEntity, "request.invalid")
		if len(p.Fields) != 1 || p.Fields[0].Field != "body.text" || p.Fields[0].Rule != "form.required" {
			t.Errorf("problem %+v", p)
		}
		post(`{"category":"x","text":"y","point":{"lat":200,"lon":0}}`).no(http.StatusUnprocessableEntity, "request.invalid")
		s.call("clerk", "GET", "/api/v1/cases?due_before=yesterday", "").no(http.StatusUnprocessableEntity, "request.invalid")
		s.call("clerk", "GET", "/api/v1/cases?limit=1000", "").no(http.StatusUnprocessableEntity, "request.invalid")
		s.call("clerk", "GET", "/api/v1/cases?cursor=nonsense", "").no(http.StatusUnprocessableEntity, "request.invalid")
		s.call("clerk", "GET", "/api/v1/cases?stats=open", "").no(http.StatusUnprocessableEntity, "request.invalid")
		s.call("", "GET", "/api/v1/follow/abc", "").no(http.StatusUnprocessableEntity, "form.invalid")
		s.call("", "GET", "/api/v1/nothing", "").no(http.StatusNotFound, "request.address")
		a := s.call("clerk", "DELETE", "/api/v1/cases", "")
		a.no(http.StatusMethodNotAllowed, "request.method")
		if !strings.Contains(a.Header().Get("Allow"), "POST") {
			t.Errorf("Allow %q", a.Header().Get("Allow"))
		}
		var list struct{ Items []api.ItemView }
		s.call("clerk", "GET", "/api/v1/cases", "").want(http.StatusOK).into(&list)
		if len(list.Items) != 0 {
			t.Errorf("%d cases were opened by refused requests", len(list.Items))
		}
	})
}

func Test_a_well_formed_code_that_opens_nothing_is_not_found(t *testing.T) {
	each(t, func(s *site) {
		s.call("", "GET", "/api/v1/follow/2222-2222-2222", "").no(http.StatusNotFound, "case.unknown")
		s.call("", "POST", "/api/v1/follow/2222-2222-2222/acts/rate", "{}").no(http.StatusNotFound, "case.unknown")
		o := s.open()
		s.call("", "POST", "/api/v1/follow/"+o.Code+"/acts/accept", "{}").no(http.StatusForbidden, "actor.forbidden")
	})
}

func Test_a_list_is_filtered_and_paged_by_its_own_link(t *testing.T) {
	each(t, func(s *site) {
		var refs []string
		for range 5 {
			refs = append(refs, s.open().Ref)
		}
		s.act("clerk", refs[0], "accept", nil)
		s.act("officer", refs[0], "begin", nil)
		count := func(query string) int {
			var list struct{ Items []api.ItemView }
			s.call("officer", "GET", "/api/v1/cases?"+query, "").want(http.StatusOK).into(&list)
			return len(list.Items)
		}
		for query, want := range map[string]int{
			"": 5, "state=in_hand": 1, "state=in_hand,received": 5, "state=in_hand&state=received": 5, "holder=me": 1, "holder=nobody": 0,
			"unit=" + street: 5, "unit=baita": 0, "programme=service": 5, "programme=x": 0, "category=" + category: 5, "closed=true": 0,
			"due_before=2026-03-02T01:00:00Z": 0, "due_before=2027-01-01T00:00:00%2B08:00": 5, "q=" + refs[1]: 1, "sort=-opened&limit=2": 2,
		} {
			if got := count(query); got != want {
				t.Errorf("%q lists %d, want %d", query, got, want)
			}
		}
		seen := map[string]bool{}
		path := "/api/v1/cases?limit=2&state=received,in_hand&programme=service"
		for range 5 {
			a := s.call("officer", "GET", path, "").want(http.StatusOK)
			var list struct {
				Items []api.ItemView
				Next  string
			}
			a.into(&list)
			for _, i := range list.Items {
				if seen[i.Ref] {
					t.Errorf("%s is on two pages", i.Ref)
				}
				seen[i.Ref] = true
			}
			link := a.Header().Get("Link")
			if (link == "") != (list.Next == "") {
				t.Fatalf("link %q beside cursor %q", link, list.Next)
			}
			if link == "" {
				break
			}
			path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
		}
		if len(seen) != 5 {
			t.Errorf("paging saw %d of 5 cases", len(seen))
		}
	})
}

func Test_words_find_closed_cases_also_in_a_state_few_are_in(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		s.open()
		s.call("", "POST", "/api/v1/follow/"+o.Code+"/acts/withdraw", "{}", "Idempotency-Key", "one").want(http.StatusOK)
		var list struct{ Items []api.ItemView }
		s.call("officer", "GET", "/api/v1/cases?q=%E5%9C%B0%E7%A0%96&state=withdrawn", "").want(http.StatusOK).into(&list)
		if len(list.Items) != 1 || list.Items[0].Ref != o.Ref {
			t.Errorf("found are %+v", list.Items)
		}
	})
}

func Test_procedures_are_told_in_the_language_asked_for(t *testing.T) {
	each(t, func(s *site) {
		var out struct{ Procedures []api.ProcedureView }
		a := s.call("clerk", "GET", "/api/v1/procedures", "").want(http.StatusOK)
		a.into(&out)
		i := slices.IndexFunc(out.Procedures, func(p api.ProcedureView) bool { return p.ID == "service-request" })
		if i < 0 {
			t.Fatalf("no service requests among %d procedures", len(out.Procedures))
		}
		p := out.Procedures[i]
		if len(p.States) != 13 || p.States[0].Name == "" || len(p.Acts) < 10 || len(p.Clocks) == 0 || p.Law.Text == "" {
			t.Errorf("procedure %+v", p)
		}
		zh := s.call("clerk", "GET", "/api/v1/procedures", "", "Accept-Language", "zh-CN").want(http.StatusOK)
		if zh.Body.String() == a.Body.String() || strings.Contains(a.Body.String()+zh.Body.String(), "⟦") {
			t.Error("the words do not follow the language, or some are missing")
		}
	})
}

func Test_a_failure_inside_is_answered_with_an_incident_number_only(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	s := newSite(t, d, func(time.Time) {})
	must(t, d.Transact(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), "DROP TABLE account_tokens")
		return err
	}))
	p := s.call("clerk", "GET", "/api/v1/cases", "").no(http.StatusInternalServerError, "incident")
	if p.Incident == "" || !strings.Contains(p.Detail, p.Incident) || strings.Contains(p.Detail, "account") {
		t.Errorf("incident %+v", p)
	}
}

// upload sends files as a form of several parts; names and contents alternate.
func (s *site) upload(who, ref, query string, files ...string) answer {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		part, err := w.CreateFormFile("files", files[i])
		must(s.t, err)
		_, err = part.Write([]byte(files[i+1]))
		must(s.t, err)
	}
	must(s.t, w.Close())
	return s.call(who, "POST", "/api/v1/cases/"+ref+"/files"+query, b.String(), "Content-Type", w.FormDataContentType())
}

func Test_files_are_attached_all_or_none_and_only_public_ones_are_the_residents(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		s.upload("officer", o.Ref, "", "plan.txt", "内部图纸").want(http.StatusCreated)
		s.upload("officer", o.Ref, "?public=true", "a.txt", "地砖照片说明", "b.txt", "第二份").want(http.StatusCreated)
		p := s.upload("officer", o.Ref, "", "ok.txt", "fine", "virus.exe", "MZ\x90\x00\x03\x00\x00").no(http.StatusUnprocessableEntity, "form.invalid")
		if len(p.Fields) != 1 || p.Fields[0].Field != "files" || !strings.HasPrefix(p.Fields[0].Rule, "file.") {
			t.Errorf("problem %+v", p)
		}
		c := s.read("officer", o.Ref)
		if len(c.Files) != 3 || c.Files[0].Public || !c.Files[1].Public || c.Files[0].Kind != "text/plain" {
			t.Errorf("files %+v", c.Files)
		}
		s.upload("far", o.Ref, "", "a.txt", "x").no(http.StatusNotFound, "case.unknown")
		s.upload("", o.Ref, "", "a.txt", "x").no(http.StatusUnauthorized, "token.invalid")
		s.upload("officer", o.Ref, "").no(http.StatusUnprocessableEntity, "request.invalid")
		s.upload("officer", o.Ref, "", "big.txt", strings.Repeat("x", 33<<20)).no(http.StatusRequestEntityTooLarge, "request.too_large")
		s.upload("officer", o.Ref, "", slices.Repeat([]string{"a.txt", "x"}, 1001)...).no(http.StatusRequestEntityTooLarge, "request.too_large")
		s.call("officer", "POST", "/api/v1/cases/"+o.Ref+"/files", "{}").no(http.StatusUnprocessableEntity, "request.invalid")
	})
}

func Test_a_file_of_a_form_lies_nowhere_in_the_clear_while_it_is_taken_in(t *testing.T) {
	dir := t.TempDir()
	s := newSite(t, dbtest.OpenSQLite(t), func(time.Time) {})
	o := s.open()
	t.Setenv("TMPDIR", dir)
	looked := false
	s.scanned = func() {
		looked = true
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("there lie %v, %v", list, err)
		}
	}
	s.upload("officer", o.Ref, "", "plan.txt", strings.Repeat("内部图纸\n", 5000)).want(http.StatusCreated)
	if !looked {
		t.Error("nothing was taken in")
	}
}

func Test_a_closed_writer_is_reported_as_not_ready(t *testing.T) {
	each(t, func(s *site) {
		s.call("", "GET", "/healthz", "").want(http.StatusOK)
		s.call("", "GET", "/readyz", "").want(http.StatusOK)
		s.l.Close()
		s.call("", "GET", "/healthz", "").want(http.StatusOK)
		if a := s.call("", "GET", "/readyz", "").want(http.StatusServiceUnavailable); strings.TrimSpace(a.Body.String()) != "writer" {
			t.Errorf("readyz says %q", a.Body)
		}
		s.call("clerk", "POST", "/api/v1/cases", body(report())).no(http.StatusServiceUnavailable, "service.closing")
	})
}

func Test_metrics_count_requests_and_cases_and_name_nobody(t *testing.T) {
	each(t, func(s *site) {
		o := s.open()
		s.call("", "GET", "/api/v1/follow/"+o.Code, "").want(http.StatusOK)
		s.set(dbtest.Start.Add(60 * 24 * time.Hour))
		got := s.call("", "GET", "/metrics", "").want(http.StatusOK).Body.String()
		for _, want := range []string{`comity_http_requests_total{route="POST /api/v1/cases",status="201"} 1`, "comity_cases_open 1", "comity_commands_total 2" /* the look with the code is one */, "comity_jobs_dead 0", "comity_cases_overdue 0"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in\n%s", want, got)
			}
		}
		if strings.Contains(got, "comity_timer_lag_seconds 0\n") || strings.Contains(got, "incomplete") {
			t.Errorf("sixty days late there must be a lag:\n%s", got)
		}
		// Once the clocks have been answered, the lag is gone and the broken promise shows.
		for {
			n, err := s.l.RunTimers(context.Background(), 10)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		got = s.call("", "GET", "/metrics", "").want(http.StatusOK).Body.String()
		for _, want := range []string{"comity_cases_overdue 1", "comity_timer_lag_seconds 0\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in\n%s", want, got)
			}
		}
		if strings.Contains(got, "comity_invariant") {
			t.Error("metrics tell of a survey that nobody has taken")
		}
		if err := s.l.Keep(t.Context(), []ledger.Finding{{Name: ledger.Unowned, At: dbtest.Start.Add(60*24*time.Hour - time.Minute), Count: 3, Examples: []casework.Ref{casework.Ref(o.Ref)}}}); err != nil {
			t.Fatal(err)
		}
		got = s.call("", "GET", "/metrics", "").want(http.StatusOK).Body.String()
		for _, want := range []string{`comity_invariant{name="unowned"} 3`, "comity_invariants_age_seconds 60\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in\n%s", want, got)
			}
		}
		for _, secret := range []string{o.Code, o.Ref, secretName, secretPhone} {
			if strings.Contains(got, secret) {
				t.Errorf("metrics hold %q", secret)
			}
		}
	})
}

func Test_a_disk_that_takes_nothing_is_said_and_the_change_comes_later_under_its_key(t *testing.T) {
	each(t, func(s *site) {
		s.open()
		s.d.InterceptCommit(func(func() error) error { return fmt.Errorf("%w (code 13)", db.ErrDisk) })
		a := s.call("clerk", "POST", "/api/v1/cases", body(report()), "Idempotency-Key", "k")
		if a.no(http.StatusServiceUnavailable, "disk.full"); a.Header().Get("Retry-After") == "" || strings.Contains(a.Body.String(), "code 13") {
			t.Errorf("%v %s", a.Header(), a.Body)
		}
		s.d.InterceptCommit(nil)
		if o := s.open("Idempotency-Key", "k"); o.Replayed {
			t.Error("it was stored all the same")
		}
	})
}

func Test_metrics_tell_how_far_behind_a_backup_is_that_follows(t *testing.T) {
	s := newSite(t, dbtest.OpenSQLite(t), func(time.Time) {})
	age := func(at time.Time, err error) string {
		s.followed = func() (time.Time, error) { return at, err }
		return s.call("", "GET", "/metrics", "").want(http.StatusOK).Body.String()
	}
	if got := age(dbtest.Start.Add(-90*time.Second), nil); !strings.Contains(got, "comity_backup_age_seconds 90\n") {
		t.Error(got)
	}
	if got := age(time.Time{}, nil); strings.Contains(got, "comity_backup") || strings.Contains(got, "incomplete") {
		t.Errorf("nobody follows, and there is\n%s", got)
	}
	if got := age(time.Time{}, errors.New("unread")); !strings.Contains(got, "comity_metrics_incomplete 1") || !strings.Contains(got, "comity_jobs_dead") {
		t.Errorf("what cannot be read is passed over:\n%s", got)
	}
}

func Test_the_OpenAPI_document_lists_every_route_and_stays_as_published(t *testing.T) {
	s := newSite(t, dbtest.OpenSQLite(t), func(time.Time) {})
	if a := s.call("", "GET", "/api", "").want(http.StatusSeeOther); a.Header().Get("Location") != "/api/openapi.json" {
		t.Errorf("location %q", a.Header().Get("Location"))
	}
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	a := s.call("", "GET", "/api/openapi.json", "").want(http.StatusOK)
	a.into(&doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Components.Schemas["Problem"] == nil || doc.Components.Schemas["ErrorModel"] != nil {
		t.Errorf("openapi %q, schemas without Problem or with a foreign error: %v", doc.OpenAPI, slices.Sorted(maps.Keys(doc.Components.Schemas)))
	}
	if strings.Contains(a.Body.String(), "⟦") {
		t.Error("words are missing in the document")
	}
	var lines []string
	for path, ops := range doc.Paths {
		for method := range ops {
			lines = append(lines, fmt.Sprintf("%s %s", strings.ToUpper(method), path))
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/paths.txt"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if got != string(want) {
		t.Errorf("the paths changed; run with -update if that is meant:\n%s", got)
	}
}

func Test_every_word_of_the_API_exists_in_both_languages(t *testing.T) {
	c, err := text.Base()
	must(t, err)
	pick := func(lang string) (out []string) {
		for _, k := range c.Keys(lang) {
			if strings.HasPrefix(k, "api.") {
				out = append(out, k)
			}
		}
		return out
	}
	if en, zh := pick("en"), pick("zh-CN"); len(en) == 0 || !slices.Equal(en, zh) {
		t.Errorf("English has %v\nChinese has %v", en, zh)
	}
}

func Test_many_at_once_get_a_case_each_and_one_key_gets_one(t *testing.T) {
	each(t, func(s *site) {
		const n = 200
		var mu sync.Mutex
		refs, shared := map[string]int{}, map[string]int{}
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				key, into := fmt.Sprint("own-", i), refs
				if i%4 == 0 {
					key, into = "shared", shared
				}
				a := s.call("clerk", "POST", "/api/v1/cases", body(report()), "Idempotency-Key", key)
				var o api.Opened
				if err := json.Unmarshal(a.Body.Bytes(), &o); err != nil || a.Code != http.StatusCreated {
					t.Errorf("%d: %s, %v", a.Code, a.Body, err)
				}
				mu.Lock()
				defer mu.Unlock()
				into[o.Ref]++
			})
		}
		wait.Wait()
		if len(refs) != n*3/4 || len(shared) != 1 {
			t.Errorf("%d requests made %d cases, %d under one key", n, len(refs), len(shared))
		}
	})
}

func Test_who_guesses_codes_is_stopped_for_a_while_and_nobody_else(t *testing.T) {
	each(t, func(s *site) {
		code := s.open().Code
		follow := func(from, method, path, lang string) answer {
			r := httptest.NewRequest(method, "/api/v1/follow/"+path, strings.NewReader("{}"))
			r.RemoteAddr = from
			r.Header.Set("Accept-Language", lang)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.mux.ServeHTTP(w, r)
			return answer{w, t}
		}
		const guesser, household, other = "[2001:db8:1:2::1]:5000", "[2001:db8:1:2:ffff::9]:6000", "[2001:db8:1:3::1]:5000"
		for range limit.CodesAtOnce + 3 { // a mistyped code is no guess, and neither is the right one
			follow(guesser, "GET", "abc", "en").no(http.StatusUnprocessableEntity, "form.invalid")
			follow(guesser, "GET", code, "en").want(http.StatusOK)
		}
		for i := range limit.CodesAtOnce {
			if i%2 == 0 {
				follow(guesser, "GET", "2222-2222-2222", "en").no(http.StatusNotFound, "case.unknown")
			} else {
				follow(guesser, "POST", "2222-2222-2222/acts/rate", "en").no(http.StatusNotFound, "case.unknown")
			}
		}
		for _, path := range []string{"2222-2222-2222", code} {
			a := follow(household, "GET", path, "zh-CN")
			p := a.no(http.StatusTooManyRequests, "code.too_many")
			if got := a.Header().Get("Retry-After"); got != "60" {
				t.Errorf("Retry-After is %q", got)
			}
			if !strings.Contains(p.Detail, "查询码") {
				t.Errorf("got %+v", p)
			}
		}
		follow(household, "POST", code+"/acts/withdraw", "en").no(http.StatusTooManyRequests, "code.too_many")
		follow(other, "GET", code, "en").want(http.StatusOK)
		s.call("officer", "GET", "/api/v1/cases", "").want(http.StatusOK) // only codes are counted
		s.set(dbtest.Start.Add(limit.CodesEvery))
		follow(guesser, "GET", code, "en").want(http.StatusOK)
	})
}

func Test_a_change_nobody_answered_is_asked_for_again_under_its_key(t *testing.T) {
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(s *site) {
				s.open() // so that the token has been used today, which is a change too
				s.d.InterceptCommit(func(commit func() error) error {
					if stored {
						if err := commit(); err != nil {
							t.Error(err)
						}
					}
					return db.ErrCommitUnknown
				})
				a := s.call("clerk", "POST", "/api/v1/cases", body(report()), "Idempotency-Key", "k")
				if a.no(http.StatusServiceUnavailable, "outcome.unknown"); a.Header().Get("Retry-After") == "" {
					t.Error("it does not say when to ask again")
				}
				s.d.InterceptCommit(nil)
				if o := s.open("Idempotency-Key", "k"); o.Replayed != stored {
					t.Errorf("it was stored: %v, and is answered %+v", stored, o)
				}
			})
		})
	}
}
