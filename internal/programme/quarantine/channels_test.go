package quarantine_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/file/filetest"
	formroom "comity/internal/form"
	"comity/internal/inmail"
	"comity/internal/intake"
	"comity/internal/intake/importer"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/open311"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/programme/programmetest"
	"comity/internal/programme/quarantine"
	"comity/internal/text"
)

// town is every channel over one store, with a scanner the test speaks for.
type town struct {
	*programmetest.House
	t      *testing.T
	db     *db.DB
	city   *ledgertest.City
	files  file.Store
	runner *jobs.Runner
	set    func(time.Time)
	now    func() time.Time
	scan   file.Scan
	tokens map[string]string
	remote *httptest.Server // where media_url points
	serves filetest.Sample
	looked int
	sent   int // mails and entries of the field
	mail   *inmail.Room
	folder string // where mail is put
}

const (
	street      = "guiyuan"
	description = "A hole in the road."
)

func newTown(t *testing.T) *town {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	return newTownOf(t, p)
}

func newTownOf(t *testing.T, p *pack.Pack) *town {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	for _, make := range []func(context.Context, *db.DB) error{jobs.Migrate, courier.Migrate, quarantine.Migrate} {
		if err := make(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, db: d, now: now, set: set, tokens: map[string]string{}}
	c.files = file.Store{Dir: t.TempDir(), Scan: func(ctx context.Context, r io.Reader) (string, error) {
		c.looked++
		if c.scan == nil {
			return "", nil
		}
		return c.scan(ctx, r)
	}}
	c.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) {
		cfg.Notify, cfg.Erased, cfg.Project = courier.Enqueue, quarantine.Erased, quarantine.Follow(func() *org.Tree { return p.Units })
	})
	g := quarantine.New(quarantine.Deps{DB: d, Ledger: c.city.Ledger, Packs: c.city.Packs, Files: c.files})
	if c.runner, err = jobs.NewRunner(d, g.Jobs...); err != nil {
		t.Fatal(err)
	}
	c.remote = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", c.serves.Declared)
		w.Write(c.serves.Data)
	}))
	t.Cleanup(c.remote.Close)
	c.House = programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: c.city, Words: base.With(p.Texts), Files: c.files, Programmes: []programme.Programme{g},
		Also: func(mux *http.ServeMux, a *account.Store) {
			api.New(api.Deps{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Text: base, Accounts: a, Files: c.files, Jobs: c.runner, Now: now}).Register(mux)
			open311.New(open311.Deps{Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Text: base, Accounts: a, Files: c.files, Secret: []byte("a secret of the tests"),
				Now: now, Base: "https://linjiang.example", Test: true, Hosts: []string{"localhost"}}).Register(mux)
			for _, who := range []struct{ login, unit, role string }{{"head", street, "head"}, {"far", "donghu", "head"}, {"officer", street, "officer"}} {
				grants := []authz.Grant{{Role: authz.Role(who.role), Unit: org.UnitID(who.unit)}}
				if who.role == "officer" {
					grants = append(grants, authz.Grant{Role: "clerk", Unit: street})
				}
				made, err := a.Create(t.Context(), account.Account{ID: who.login, Login: who.login, Name: map[string]string{"en": "Officer " + who.login}, Grants: grants}, programmetest.Password)
				if err != nil {
					t.Fatal(err)
				}
				_, plain, err := a.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: made.ID, Name: "test", Powers: authz.Powers, Expires: dbtest.Start.AddDate(0, 0, account.MaxTokenDays)})
				if err != nil {
					t.Fatal(err)
				}
				c.tokens[who.login] = plain
			}
		}})
	c.folder = t.TempDir()
	c.mail, err = inmail.New(inmail.Deps{Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Words: func(*pack.Pack) *text.Catalogue { return base.With(p.Texts) }, Files: c.files, Now: now,
		Door: inmail.Door{Address: "help@city.example", Secret: []byte("a secret of the tests")}, Folder: inmail.Folder{Dir: c.folder}, Keep: 24 * time.Hour, Every: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// opened is a case of the street, and its code.
func (c *town) opened() (casework.CaseID, casework.Ref, casework.Code) {
	c.t.Helper()
	cmd, err := intake.Command(c.city.Pack, intake.Report{Category: "road.pavement", Text: "A broken slab", Unit: "guiyuan-ganyuan", Source: "web", Contact: casework.Contact{Lang: "en"}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.city.Ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Case, r.Ref, r.Code
}

func (c *town) caseOf(id casework.CaseID) casework.Case {
	c.t.Helper()
	k, _ := c.city.Opened(c.t, id)
	return k
}

// form is a request with one file, as browsers and programs send it.
func form(t *testing.T, to string, values url.Values, field string, s filetest.Sample) *http.Request {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, list := range values {
		for _, v := range list {
			if err := w.WriteField(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	part, err := w.CreatePart(map[string][]string{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, field, s.Name)}, "Content-Type": {s.Declared}})
	if err == nil {
		_, err = part.Write(s.Data)
	}
	if err == nil {
		err = w.Close()
	}
	r, err2 := http.NewRequest(http.MethodPost, to, &b)
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

// channel sends a file to the city, and says which case it would be in and what the sender was told.
type channel struct {
	name string
	send func(s filetest.Sample) (casework.CaseID, programmetest.Reply)
}

var numberIn = regexp.MustCompile(`<service_request_id>([^<]+)</service_request_id>`)

func (c *town) channels() []channel {
	anybody, officer := c.Browser(), c.As("officer")
	program := c.Browser()
	program.Token = c.tokens["officer"]
	report := func(more ...string) url.Values {
		v := url.Values{"jurisdiction_id": {"linjiang.example"}, "api_key": {c.tokens["officer"]}, "service_code": {"road.pothole"}, "description": {description}, "address_string": {"Guiyuan 3"}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Add(more[i], more[i+1])
		}
		return v
	}
	filed := func(a programmetest.Reply) (casework.CaseID, programmetest.Reply) {
		m := numberIn.FindStringSubmatch(a.Body)
		if m == nil {
			return "", a
		}
		k, err := c.city.Reader.Case(c.t.Context(), authz.Machine().Scope(), m[1])
		if err != nil {
			c.t.Fatal(err)
		}
		return k.ID, a
	}
	byURL := func(address string) (casework.CaseID, programmetest.Reply) {
		r, err := http.NewRequest(http.MethodPost, program.Base+open311.Endpoint+"requests.xml", strings.NewReader(report("media_url", address).Encode()))
		if err != nil {
			c.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return filed(c.Browser().Send(r))
	}
	return []channel{
		{"web", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			id, _, code := c.opened()
			return id, anybody.Send(form(c.t, anybody.Base+"/f/"+string(code)+"/note", url.Values{"text": {"see this"}}, "photos", s))
		}},
		{"counter", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			id, ref, _ := c.opened()
			return id, officer.Send(form(c.t, officer.Base+"/desk/cases/"+string(ref)+"/files", nil, "files", s))
		}},
		{"API", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			id, ref, _ := c.opened()
			return id, program.Send(form(c.t, program.Base+"/api/v1/cases/"+string(ref)+"/files", nil, "files", s))
		}},
		{"Open311 multipart", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			return filed(c.Browser().Send(form(c.t, program.Base+open311.Endpoint+"requests.xml", report(), "photo1", s)))
		}},
		{"Open311 media_url", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			c.serves = s
			return byURL(strings.Replace(c.remote.URL, "127.0.0.1", "localhost", 1) + "/" + s.Name)
		}},
		{"mail", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			return c.mailed(s)
		}},
		{"field", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			var me struct{ Tag string }
			json.Unmarshal([]byte(officer.Get("/desk/field/me").Body), &me)
			r := form(c.t, officer.Base+"/desk/field/send", url.Values{"tag": {me.Tag}, "_key": {c.key()}, "kind": {"report"}, "category": {"road.pavement"}, "text": {description}, "unit": {"guiyuan-ganyuan"}, "address": {"Gate 3"}}, "files", s)
			r.Header.Set("Accept", "application/json")
			a := officer.Send(r)
			var out struct{ Ref string }
			if json.Unmarshal([]byte(a.Body), &out) != nil || out.Ref == "" {
				return "", a
			}
			k, err := c.city.Reader.Case(c.t.Context(), authz.Machine().Scope(), out.Ref)
			if err != nil {
				c.t.Fatal(err)
			}
			return k.ID, a
		}},
		{"data URI", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
			return byURL("data:" + s.Declared + ";base64," + base64.StdEncoding.EncodeToString(s.Data))
		}},
		{"import", func(s filetest.Sample) (casework.CaseID, programmetest.Reply) { return c.imported(s) }},
	}
}

// imported brings a file as the attachment of a row of another system's.
func (c *town) imported(s filetest.Sample) (id casework.CaseID, told programmetest.Reply) {
	c.t.Helper()
	c.sent++
	mapping := "mapping: old\nprocedure: service-request\nlang: en\nzone: Asia/Shanghai\ncolumns:\n  external: id\n  opened: {column: at, layout: \"2006-01-02 15:04\"}\n" +
		"  title: what\n  category: {column: kind, map: {slab: road.pavement}}\n  outcome: {else: solved}\n  files: photos\n"
	m, err := intake.LoadMapping(fstest.MapFS{"mappings/old.yaml": {Data: []byte(mapping)}}, c.city.Pack, "old")
	if err != nil {
		c.t.Fatal(err)
	}
	rows := fmt.Sprintf("id,at,what,kind,photos\n%d,2026-03-01 10:00,A broken slab,slab,%s\n", c.sent, s.Name)
	_, err = importer.Run(c.t.Context(), importer.Options{Ledger: c.city.Ledger, Reader: c.city.Reader, Pack: c.city.Pack, Mapping: m, File: strings.NewReader(rows), Size: int64(len(rows)), AsOf: c.now(), Now: c.now,
		Say: func(key string, _ ...string) string { return key }, Rejects: io.Discard,
		Take: func(ctx context.Context, name string) (casework.File, error) {
			f, err := c.files.Take(ctx, bytes.NewReader(s.Data), name, file.Limits{})
			if no := (file.Refused{}); errors.As(err, &no) {
				told.Status = http.StatusUnprocessableEntity
				err = &casework.Refusal{Rule: "form.invalid", Fields: []formroom.Problem{{Field: name, Rule: no.Rule, Params: no.Params}}}
			}
			return f, err
		},
		Done: func(_ intake.Row, r ledger.Receipt) { id = r.Case }})
	if err != nil {
		c.t.Fatal(err)
	}
	return id, told
}

// key is another one of the field each time.
func (c *town) key() string {
	c.sent++
	return fmt.Sprintf("abcdefghijklmnopqrst%06d", 222222+c.sent)
}

// mailed writes a mail with a file into the folder, and says what became of it.
func (c *town) mailed(s filetest.Sample) (casework.CaseID, programmetest.Reply) {
	c.t.Helper()
	c.sent++
	name := fmt.Sprintf("mail-%d", c.sent)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fmt.Fprintf(&b, "From: li%d@home.example\r\nTo: help@city.example\r\nMessage-ID: <%s@home.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n", c.sent, name, w.Boundary())
	words, err := w.CreatePart(map[string][]string{"Content-Type": {"text/plain; charset=utf-8"}})
	if err != nil {
		c.t.Fatal(err)
	}
	fmt.Fprint(words, description)
	part, err := w.CreatePart(map[string][]string{"Content-Type": {s.Declared}, "Content-Transfer-Encoding": {"base64"}, "Content-Disposition": {fmt.Sprintf("attachment; filename=%q", s.Name)}})
	if err != nil {
		c.t.Fatal(err)
	}
	for raw := base64.StdEncoding.EncodeToString(s.Data); raw != ""; raw = raw[min(76, len(raw)):] {
		fmt.Fprint(part, raw[:min(76, len(raw))]+"\r\n")
	}
	if err := errors.Join(w.Close(), os.WriteFile(path.Join(c.folder, "new", name), b.Bytes(), 0o600), c.mail.Once(c.t.Context())); err != nil {
		c.t.Fatal(err)
	}
	for _, at := range []string{"done", "failed", "review"} {
		why, err := os.ReadFile(path.Join(c.folder, at, name+".why"))
		if err != nil {
			continue
		}
		ref := mailNumber.FindString(string(why))
		if ref == "" {
			return "", programmetest.Reply{Status: http.StatusUnprocessableEntity, Body: string(why)}
		}
		k, err := c.city.Reader.Case(c.t.Context(), authz.Machine().Scope(), ref)
		if err != nil {
			c.t.Fatal(err)
		}
		return k.ID, programmetest.Reply{Status: http.StatusOK, Body: string(why)}
	}
	c.t.Fatalf("%s is lost", name)
	return "", programmetest.Reply{}
}

var mailNumber = regexp.MustCompile(`[A-Z]{2}-\d\d-\d{6}`)

func Test_no_kind_of_file_gets_through_any_channel_unclean(t *testing.T) {
	c := newTown(t)
	for i, ch := range c.channels() {
		for k, s := range filetest.All() {
			if testing.Short() && (i+k)%4 != 0 {
				continue // the race detector looks at every channel, not at every file of each
			}
			if ch.name == "data URI" && s.What == "program" {
				continue // without a name and a type there is nothing that makes it one but its bytes; see the other doors
			}
			t.Run(ch.name+"/"+s.What, func(t *testing.T) {
				id, told := ch.send(s)
				var kept []casework.File
				if id != "" {
					kept = c.caseOf(id).Files
				}
				if s.Want == filetest.Refused {
					if len(kept) != 0 {
						t.Fatalf("it was kept: %+v", kept)
					}
					if strings.HasPrefix(ch.name, "Open311") || ch.name == "data URI" || ch.name == "mail" {
						switch { // the report is opened without its file, and says so; a body that is too long is not read at all
						case id == "" && s.What == "too large" && told.Status >= 400 && told.Status < 500:
						case id == "":
							t.Errorf("the report is lost with its file: %d %s", told.Status, told.Body)
						case c.caseOf(id).Text == description:
							t.Errorf("the report does not say what is missing: %s", told.Body)
						}
					} else if told.Status < 400 || told.Status >= 500 {
						t.Errorf("answered %d", told.Status)
					}
					return
				}
				if len(kept) != 1 || kept[0].Held != "" || kept[0].Kind != s.Kind {
					t.Fatalf("answered %d, kept %+v; want one %s", told.Status, kept, s.Kind)
				}
				r, err := c.files.Open(kept[0].SHA256, kept[0].Key)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				b, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if where := filetest.Leaks(b); where != "" {
					t.Errorf("what is kept still tells %s", where)
				}
			})
		}
	}
	if c.looked == 0 {
		t.Error("the scanner was never asked")
	}
}

func Test_through_every_channel_a_file_waits_while_the_scanner_is_away_and_is_released_when_it_is_back(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "", errors.New("away") }
	photo := filetest.All()[0]
	cases := map[string]casework.CaseID{}
	for _, ch := range c.channels() {
		id, told := ch.send(photo)
		if id == "" {
			t.Fatalf("%s: %d %s", ch.name, told.Status, told.Body)
		}
		k := c.caseOf(id)
		if len(k.Files) != 1 || k.Files[0].Held != file.HeldUnseen || k.Files[0].Key != "" {
			t.Fatalf("%s: %d %+v", ch.name, told.Status, k.Files)
		}
		cases[ch.name] = id
	}
	c.work(2 * time.Minute)
	for name, id := range cases {
		if f := c.caseOf(id).Files[0]; f.Held != file.HeldUnseen {
			t.Errorf("%s: released though nobody has looked: %+v", name, f)
		}
	}
	c.scan = nil
	c.work(20 * time.Minute)
	for name, id := range cases {
		f := c.caseOf(id).Files[0]
		if f.Held != "" || f.Key == "" || f.Locked != "" {
			t.Errorf("%s: %+v", name, f)
			continue
		}
		r, err := c.files.Open(f.SHA256, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	programmetest.Holds(t, c.As("head").OK("/desk/held"), "No file is waiting.")
}

func Test_a_scanner_that_stays_away_is_asked_less_and_less_and_an_erased_case_leaves_no_job(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "", errors.New("away") }
	id, _ := c.channels()[0].send(filetest.All()[0])
	c.looked = 0
	for range 48 {
		c.work(30 * time.Minute)
	}
	if c.looked < 6 || c.looked > 12 {
		t.Errorf("in a day the case was looked at %d times", c.looked)
	}
	waits := func() (yes bool) {
		t.Helper()
		if err := c.db.View(t.Context(), func(tx *db.Tx) (err error) {
			yes, err = jobs.Waiting(t.Context(), tx, "file.look:"+string(id)+":")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if !waits() {
		t.Error("it is not looked at again")
	}
	if err := c.db.Transact(t.Context(), func(tx *db.Tx) error { return quarantine.Erased(t.Context(), tx, id) }); err != nil {
		t.Fatal(err)
	}
	if waits() {
		t.Error("a job of it is left")
	}
	programmetest.Holds(t, c.As("head").OK("/desk/held"), "No file is waiting.")
}

func Test_without_a_scanner_nobody_looks_at_a_case_for_nothing(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "", errors.New("away") }
	id, _ := c.channels()[0].send(filetest.All()[0])
	c.files.Scan = nil
	g := quarantine.New(quarantine.Deps{DB: c.db, Ledger: c.city.Ledger, Packs: c.city.Packs, Files: c.files})
	var err error
	if c.runner, err = jobs.NewRunner(c.db, g.Jobs...); err != nil {
		t.Fatal(err)
	}
	looks := func() int {
		t.Helper()
		list, err := c.city.Reader.Looks(t.Context(), id, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := looks()
	c.work(2 * time.Minute)
	c.work(time.Hour)
	if n := looks() - before; n != 0 {
		t.Errorf("%d looks are on record", n)
	}
	if f := c.caseOf(id).Files[0]; f.Held != file.HeldUnseen {
		t.Errorf("released though nobody has looked: %+v", f)
	}
}

func Test_of_a_sealed_case_the_list_tells_nothing_but_its_number(t *testing.T) {
	p := ledgertest.Petitions(t, "../../../packs/demo")
	c, n := newTownOf(t, p), 0
	for class, sealed := range map[string]bool{"A": false, "B": true} {
		f := casework.File{SHA256: strings.Repeat(strings.ToLower(class)+"1", 32), Name: "lamp.jpg", Kind: file.KindJPEG, Size: 5000, Held: file.HeldUnseen, Locked: "k"}
		cmd, err := intake.Command(p, intake.Report{Category: ledgertest.Petition, Title: "About the quay", Text: "Words.", Unit: street, Source: "web", Fields: map[string]string{"class": class}, Files: []casework.File{f}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.city.Ledger.Do(t.Context(), authz.Reporter(), cmd); err != nil {
			t.Fatal(err)
		}
		n++
		page := c.As("head").OK("/desk/held/" + strconv.Itoa(n))
		if strings.Contains(page, "Photo") == sealed || strings.Contains(page, f.SHA256[:16]) == sealed || strings.Contains(page, "Sealed case") != sealed {
			t.Errorf("class %s: the page says %s", class, page)
		}
	}
	if list := c.As("head").OK("/desk/held"); strings.Count(list, "Photo") != 1 || strings.Count(list, "Sealed case") != 1 {
		t.Errorf("the list says %s", list)
	}
}

// work moves the clock on and does what is due.
func (c *town) work(by time.Duration) {
	c.t.Helper()
	c.set(c.now().Add(by))
	for {
		n, err := c.runner.RunDue(c.t.Context(), 50)
		if err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func Test_somebody_decides_about_a_file_in_which_something_was_found(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "Eicar-Test-Signature", nil }
	photo := filetest.All()[0]
	send := c.channels()[0].send
	first, _ := send(photo)
	second, _ := send(photo)
	k := c.caseOf(first)
	page := "/desk/cases/" + string(k.Ref) + "/files/" + k.Files[0].SHA256

	officer, head := c.As("officer"), c.As("head")
	anybody := c.Browser()
	programmetest.Holds(t, anybody.OK("/f/"+string(k.Code)), "Waiting for a check", "You need not send it again")
	if a := anybody.Get("/f/" + string(k.Code) + "/file/" + k.Files[0].SHA256); a.Status != http.StatusNotFound {
		t.Errorf("the resident gets %d", a.Status)
	}
	programmetest.Holds(t, officer.OK("/desk/cases/"+string(k.Ref)), "Waiting for a check")
	if a := officer.Get(page); a.Status != http.StatusNotFound {
		t.Errorf("the officer gets %d", a.Status)
	}
	if a := officer.Get("/desk/held"); a.Status != http.StatusForbidden {
		t.Errorf("whoever looks after nothing gets %d", a.Status)
	}
	programmetest.Holds(t, c.As("far").OK("/desk/held"), "No file is waiting.")
	list := head.OK("/desk/held")
	programmetest.Holds(t, list, string(k.Ref), "Virus found", "Photo")
	if strings.Contains(list, photo.Name) {
		t.Error("the list shows what the sender called the file")
	}
	c.work(time.Hour) // the machine does not release what it was warned of
	if c.caseOf(first).Files[0].Held != file.HeldVirus {
		t.Fatal("released by itself")
	}
	if a := c.As("far").Get("/desk/held/1"); a.Status != http.StatusNotFound {
		t.Errorf("another street's head gets %d", a.Status)
	}
	programmetest.Holds(t, head.OK("/desk/held/1"), "found something in this file", "Reason")
	for _, wrong := range [][]string{{"reason", "false alarm"}, {"do", "release"}, {"do", "burn", "reason", "x"}} {
		if a := head.Post("/desk/held/1", wrong...); a.Status != http.StatusUnprocessableEntity && a.Status != http.StatusConflict {
			t.Errorf("%v answered %d", wrong, a.Status)
		}
	}
	if a := head.Post("/desk/held/1", "do", "release", "reason", "a false alarm of 2 March"); a.Status != http.StatusSeeOther {
		t.Fatalf("released: %d %s", a.Status, a.Body)
	}
	if f := c.caseOf(first).Files[0]; f.Held != "" || f.Key == "" {
		t.Errorf("released, but %+v", f)
	}
	if a := officer.Get(page); a.Status != http.StatusOK || filetest.Leaks([]byte(a.Body)) != "" {
		t.Errorf("the officer gets %d", a.Status)
	}
	if a := head.Post("/desk/held/2", "do", "refuse", "reason", "a real one"); a.Status != http.StatusSeeOther {
		t.Fatalf("refused: %d", a.Status)
	}
	gone := c.caseOf(second)
	if f := gone.Files[0]; f.Held != casework.HeldRefused || f.Key != "" || f.Locked == "" {
		t.Errorf("refused, but %+v", f)
	}
	programmetest.Holds(t, c.Browser().OK("/f/"+string(gone.Code)), "Not released")
	programmetest.Holds(t, head.OK("/desk/held"), "No file is waiting.")
	_, events := c.city.Opened(t, second)
	last := events[len(events)-1]
	if last.Kind != "file.refused" || last.Checked == nil || last.Checked.Reason != "a real one" || last.By.Actor == "" {
		t.Errorf("on record is %+v", last)
	}
}

func Test_programs_are_told_that_a_file_waits(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "", errors.New("away") }
	for _, ch := range c.channels() {
		if ch.name != "API" {
			continue
		}
		id, _ := ch.send(filetest.All()[0])
		program := c.Browser()
		program.Token = c.tokens["officer"]
		a := program.Get("/api/v1/cases/" + path.Base(string(c.caseOf(id).Ref)))
		var got struct {
			Files []struct{ Held string }
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || len(got.Files) != 1 || got.Files[0].Held != "unseen" {
			t.Errorf("%v %s", err, a.Body)
		}
	}
}
