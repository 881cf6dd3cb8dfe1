package open311_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/open311"
	"comity/internal/pack"
	"comity/internal/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Who works where in the city of the tests.
const (
	street = "guiyuan"         // of a community in it
	place  = "guiyuan-ganyuan" // where the reports of the tests are
)

// What must never be in an answer to nobody.
const (
	secretName, secretPhone, secretMail = "何小敏测试", "13900001234", "xiaomin@example.org"
	officerName                         = "测试科员姓名"
	secretNote                          = "内部备注不可公开"
)

type dbTx = db.Tx

type site struct {
	t      *testing.T
	mux    *http.ServeMux
	l      *ledger.Ledger
	city   *ledgertest.City
	keys   map[string]string
	set    func(time.Time)
	now    time.Time
	server *open311.Server
	files  file.Store
	db     *db.DB
}

// each runs a test on every engine.
func each(t *testing.T, run func(s *site)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(newSite(t, d, set, thePack(t))) })
}

// quick runs it on one: for what no engine can make different.
func quick(t *testing.T, run func(s *site)) { quickWith(t, thePack(t), run) }

func quickWith(t *testing.T, p *pack.Pack, run func(s *site)) {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), now)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	run(newSite(t, d, set, p))
}

func newSite(t *testing.T, d *db.DB, set func(time.Time), p *pack.Pack) *site {
	t.Helper()
	s := &site{t: t, mux: http.NewServeMux(), keys: map[string]string{}, now: dbtest.Start, db: d}
	s.mux.HandleFunc("GET /", http.NotFound) // the pages live on the same mux
	s.set = func(at time.Time) { s.now = at; set(at) }
	s.city = ledgertest.OpenPack(t, d, p)
	s.l = s.city.Ledger
	must(t, account.Migrate(t.Context(), d))
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap()})
	must(t, err)
	words, err := text.Base()
	must(t, err)
	for id, grants := range map[string][]authz.Grant{
		"officer": {{Role: "officer", Unit: street}, {Role: "clerk", Unit: street}}, "far": {{Role: "clerk", Unit: "baita"}}, "above": {{Role: "head", Unit: "binjiang"}, {Role: "head", Unit: "linjiang"}},
	} {
		_, err := accounts.Create(t.Context(), account.Account{ID: id, Login: id, Name: map[string]string{"zh-CN": officerName + id, "en": "Officer " + id}, Grants: grants}, "long enough")
		must(t, err)
		s.keys[id] = s.key(accounts, id, authz.Powers...)
	}
	s.keys["reader"] = s.key(accounts, "officer", authz.Read)
	s.keys["sender"] = s.key(accounts, "far", authz.Intake)
	s.files = file.Store{Dir: t.TempDir()}
	s.server = open311.New(open311.Deps{Ledger: s.l, Reader: s.city.Reader, Packs: s.city.Packs, Text: words, Accounts: accounts,
		Files: s.files, Secret: []byte("a secret of the tests"), Now: func() time.Time { return s.now },
		Base: "https://linjiang.example", Test: true, Hosts: []string{"localhost"}})
	s.server.Register(s.mux)
	return s
}

func (s *site) key(accounts *account.Store, id string, powers ...authz.Power) string {
	s.t.Helper()
	_, plain, err := accounts.CreateToken(s.t.Context(), authz.Actor{}, account.Token{Account: id, Name: "test", Powers: powers,
		Expires: dbtest.Start.AddDate(0, 0, account.MaxTokenDays)})
	must(s.t, err)
	return plain
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// thePack is the demo pack whose service requests ask questions of every kind, with a second jurisdiction.
func thePack(t *testing.T) *pack.Pack { t.Helper(); return changed(t, "", "") }

// demoPack is the demo pack as it is offered.
func demoPack(t *testing.T) *pack.Pack {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	must(t, err)
	return p
}

// questions are what the service requests of the tests ask.
const questions = `  fields:
    - {name: pole, kind: text, max: 20, label: {zh-CN: 灯杆编号, en: Number of the pole}}
    - {name: details, kind: longtext, max: 200, label: {zh-CN: 详情, en: Details}}
    - {name: size, kind: choice, options: [small, large], option_names: {small: {zh-CN: 小, en: Small}, large: {zh-CN: 大, en: Large}}, required: true, label: {zh-CN: 大小, en: Size}}
    - {name: depth, kind: number, min: 1, max: 300, label: {zh-CN: 深度（厘米）, en: Depth in centimetres}}
    - {name: since, kind: date, label: {zh-CN: 何时起, en: Since when}}
    - {name: danger, kind: yes, label: {zh-CN: 有危险, en: Dangerous}}
    - {name: callback, kind: phone, personal: true, label: {zh-CN: 回电, en: Call back}}
    - {name: near, kind: unit, label: {zh-CN: 附近单位, en: Unit nearby}}
`

var packs = map[string]*pack.Pack{}

// changed is thePack with a change in its offer.
func changed(t *testing.T, old, now string) *pack.Pack {
	t.Helper()
	if p := packs[old+now]; p != nil {
		return p
	}
	files := fstest.MapFS{}
	for _, dir := range []string{"demo", "cn-national-2022"} {
		must(t, filepath.WalkDir("../../packs/"+dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(name)
			if d.Name() == "post.yaml" {
				raw = ledgertest.Unposted(raw) // a mail does not answer what is asked here
			}
			files[strings.TrimPrefix(filepath.ToSlash(name), "../../packs/")] = &fstest.MapFile{Data: raw}
			return err
		}))
	}
	edit := func(name, old, now string) {
		before := string(files[name].Data)
		if !strings.Contains(before, old) {
			t.Fatalf("%s has no %q", name, old)
		}
		files[name] = &fstest.MapFile{Data: []byte(strings.Replace(before, old, now, 1))}
	}
	edit("demo/procedures/service-request.yaml", "  event: received\n", "  event: received\n"+questions)
	edit("demo/open311.yaml", "jurisdictions:\n", "jurisdictions:\n  - {id: binjiang.example, unit: binjiang}\n")
	if old != "" {
		edit("demo/open311.yaml", old, now)
	}
	p, err := pack.LoadWith(must2(t, files, "demo"), pack.In(files), pack.Unsearched())
	must(t, err)
	packs[old+now] = p
	return p
}

func must2(t *testing.T, files fstest.MapFS, dir string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for name, f := range files {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			out[rest] = f
		}
	}
	return out
}

type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

func (s *site) send(r *http.Request, headers ...string) answer {
	s.t.Helper()
	if r.Header.Get("Accept-Language") == "" {
		r.Header.Set("Accept-Language", "en")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return answer{w, s.t}
}

// get asks the endpoint; the jurisdiction is the whole city where the query names none.
func (s *site) get(what string, query ...string) answer {
	s.t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Add(query[i], query[i+1])
	}
	if !q.Has("jurisdiction_id") {
		q.Set("jurisdiction_id", "linjiang.example")
	}
	return s.send(httptest.NewRequest(http.MethodGet, open311.Endpoint+what+"?"+q.Encode(), nil))
}

// post sends a form.
func (s *site) post(what string, v url.Values, headers ...string) answer {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, open311.Endpoint+what, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return s.send(r, headers...)
}

// part is one file of a form.
type part struct {
	name, file, kind string
	data             []byte
}

func (s *site) upload(what string, v url.Values, parts ...part) answer {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, list := range v {
		for _, one := range list {
			must(s.t, w.WriteField(name, one))
		}
	}
	for _, p := range parts {
		h := map[string][]string{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, p.name, p.file)}, "Content-Type": {p.kind}}
		dst, err := w.CreatePart(h)
		must(s.t, err)
		_, err = dst.Write(p.data)
		must(s.t, err)
	}
	must(s.t, w.Close())
	r := httptest.NewRequest(http.MethodPost, open311.Endpoint+what, &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return s.send(r)
}

// pothole is a good report.
func (s *site) pothole(more ...string) url.Values {
	v := url.Values{"jurisdiction_id": {"linjiang.example"}, "api_key": {s.keys["officer"]}, "service_code": {"road.pothole"},
		"description": {"路面有个大坑。晚上看不见。"}, "address_string": {"柑园路3号"}, "attribute[size]": {"large"},
		"first_name": {secretName}, "email": {secretMail}, "phone": {secretPhone}}
	for i := 0; i+1 < len(more); i += 2 {
		if v.Del(more[i]); more[i+1] != "" {
			v.Add(more[i], more[i+1])
		}
	}
	return v
}

var numberIn = regexp.MustCompile(`<service_request_id>([^<]+)</service_request_id>`)

// opened is the number an answer in XML gives.
func (a answer) opened() string {
	a.t.Helper()
	m := numberIn.FindStringSubmatch(a.want(http.StatusOK).Body.String())
	if m == nil {
		a.t.Fatalf("no number in %s", a.Body)
	}
	return m[1]
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	if strings.Contains(a.Body.String(), "⟦") {
		a.t.Errorf("an answer without words: %s", a.Body)
	}
	return a
}

// says looks for words in an answer.
func (a answer) says(status int, words ...string) answer {
	a.t.Helper()
	a.want(status)
	for _, w := range words {
		if !strings.Contains(a.Body.String(), w) {
			a.t.Errorf("no %q in %s", w, a.Body)
		}
	}
	return a
}

func (a answer) json(v any) answer {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.Body.Bytes()))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		a.t.Fatalf("%v in %s", err, a.Body)
	}
	return a
}

// golden compares an answer with the file kept of it.
func (a answer) golden(name string) {
	a.t.Helper()
	head := fmt.Sprintf("%d %s\n", a.Code, a.Header().Get("Content-Type"))
	got := head + stable(a.Body.String())
	file := filepath.Join("testdata", name)
	if *update {
		must(a.t, os.MkdirAll("testdata", 0o755))
		must(a.t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	must(a.t, err)
	if got != string(want) {
		a.t.Errorf("%s is now\n%s\nand was\n%s", name, got, want)
	}
}

var drawn = regexp.MustCompile(`[0-9a-z]{12}-[0-9a-f]{24}`)

// stable takes out what is drawn anew in every run.
func stable(s string) string { return drawn.ReplaceAllString(s, "TOKEN") }

// caseOf opens a case behind its number.
func (s *site) caseOf(ref string) (casework.Case, []casework.Event) {
	s.t.Helper()
	c, err := s.city.Reader.Case(s.t.Context(), authz.Machine().Scope(), ref)
	must(s.t, err)
	return s.city.Opened(s.t, c.ID)
}

// do lets an officer of the street act.
func (s *site) do(ref, act string, fields ...string) {
	s.t.Helper()
	c, _ := s.caseOf(ref)
	cmd := casework.Command{Case: c.ID, Version: c.Version, Act: act}
	for i := 0; i+1 < len(fields); i += 2 {
		if cmd.Fields == nil {
			cmd.Fields = map[string]string{}
		}
		cmd.Fields[fields[i]] = fields[i+1]
	}
	who := authz.Staff("head", []authz.Grant{{Role: "head", Unit: c.Holder}, {Role: "officer", Unit: c.Holder}, {Role: "clerk", Unit: c.Holder}})
	_, err := s.l.Do(s.t.Context(), who, cmd)
	must(s.t, err)
}

func (s *site) note(ref, words string, public bool) {
	s.t.Helper()
	c, _ := s.caseOf(ref)
	who := authz.Staff("head", []authz.Grant{{Role: "head", Unit: c.Holder}})
	_, err := s.l.Do(s.t.Context(), who, casework.Command{Case: c.ID, Version: casework.AnyVersion, Note: &casework.Note{Text: words, Public: public}})
	must(s.t, err)
}

// count is how many cases there are.
func (s *site) count() int {
	s.t.Helper()
	n, err := s.city.Reader.Total(s.t.Context())
	must(s.t, err)
	return n
}

// nobody checks that an answer says nothing about people.
func (a answer) nobody() answer {
	a.t.Helper()
	for _, secret := range []string{secretName, secretPhone, secretMail, officerName, secretNote, casework.Veil} {
		if strings.Contains(a.Body.String(), secret) {
			a.t.Errorf("%q is in a public answer: %s", secret, a.Body)
		}
	}
	return a
}
