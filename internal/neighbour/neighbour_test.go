package neighbour_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/neighbour"
	"comity/internal/neighbour/georeport"
	"comity/internal/open311"
	"comity/internal/outward"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/text"
)

// city is a city whose district Donghe works on a system of its own.
type city struct {
	t      *testing.T
	db     *db.DB
	city   *ledgertest.City
	office *neighbour.Office
	runner *jobs.Runner
	theirs *endpoint
	files  file.Store
	at     time.Time
	set    func(time.Time)
}

const (
	words   = "银行门口的路面有一个很深的坑，电话 13900001234"
	contact = "13877776666"
)

// inside is how a system on the machine of the tests is called.
var inside = gateway.Neighbour{Guard: outward.Guard{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}

// number is the one a case has at the other system.
func (c *city) number(k casework.Case) string {
	c.t.Helper()
	for _, r := range c.theirs.reports {
		if strings.Contains(r.form.Get("description"), string(k.Ref)) {
			return r.id
		}
	}
	c.t.Fatalf("%s did not arrive", k.Ref)
	return ""
}

// thePack is that of docs/neighbours.md, changed where a test wants it.
func thePack(t *testing.T, change ...func(*pack.Neighbour)) *pack.Pack {
	t.Helper()
	files, err := ledgertest.Neighboured("../..")
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.LoadWith(files, pack.In(os.DirFS("../../packs")), pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(&p.Neighbours[0])
	}
	return p
}

func open(t *testing.T, d *db.DB, set func(time.Time), p *pack.Pack) *city {
	t.Helper()
	c := &city{t: t, db: d, files: file.Store{Dir: t.TempDir()}, at: dbtest.Start}
	c.theirs = newEndpoint(t, c.at)
	c.set = func(at time.Time) {
		c.at = at
		set(at)
		c.theirs.set(func() { c.theirs.now = at })
	}
	must(t, errors.Join(jobs.Migrate(t.Context(), d), neighbour.Migrate(t.Context(), d)))
	c.node(p)
	return c
}

// node opens the city on its database, as a process does that starts.
func (c *city) node(p *pack.Pack) {
	c.t.Helper()
	base, err := text.Base()
	must(c.t, err)
	d := neighbour.Deps{DB: c.db, Files: c.files, Now: c.theirs.clock, Tries: 4, Hours: 48 * time.Hour, Wait: func(int) time.Duration { return 10 * time.Minute },
		Endpoints: map[string]neighbour.Endpoint{"donghe": {Every: 5 * time.Minute, Client: &georeport.Client{Base: c.theirs.URL + "/v2/", Key: "secret-key", HTTP: inside.HTTP(), Timeout: 10 * time.Second}}}}
	c.city = ledgertest.OpenPack(c.t, c.db, p, func(cfg *ledger.Config) {
		cfg.Project = func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
			return c.office.Project(ctx, tx, k, e)
		}
		cfg.Erased = neighbour.Forget
	})
	d.Ledger, d.Reader, d.Packs = c.city.Ledger, c.city.Reader, c.city.Packs
	d.Words = func(p *pack.Pack) *text.Catalogue { return base.With(p.Texts) }
	of := func(k casework.Case) *procedure.Definition {
		def, err := c.city.Definition(k.Pack, k.Procedure)
		must(c.t, err)
		return def
	}
	d.Public.Status = func(k casework.Case) string { return open311.Status(p.Open311, of(k), k) }
	d.Public.Told = func(k casework.Case, events []casework.Event, seq int, lang string) (string, string) {
		return open311.Told(p.Open311, p, of(k), d.Words(p).In(lang), k, events, seq)
	}
	c.office = neighbour.New(d)
	c.runner, err = jobs.NewRunner(c.db, c.office.Jobs()...)
	must(c.t, err)
	must(c.t, c.office.Start(c.t.Context()))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// later lets time pass and does what is due.
func (c *city) later(by time.Duration) {
	c.t.Helper()
	c.set(c.at.Add(by))
	c.work()
}

func (c *city) work() {
	c.t.Helper()
	for range 50 {
		n, err := c.runner.RunDue(c.t.Context(), 100)
		must(c.t, err)
		if n == 0 {
			return
		}
	}
	c.t.Fatal("the work does not end")
}

var street = authz.Staff("wu", []authz.Grant{{Role: "officer", Unit: "linjiang"}, {Role: "clerk", Unit: "linjiang"}, {Role: "head", Unit: "linjiang"}})

// file opens a case that the city itself holds.
func (c *city) file(files ...casework.File) casework.Case {
	c.t.Helper()
	return c.wrote(words, files...)
}

func (c *city) wrote(words string, files ...casework.File) casework.Case {
	c.t.Helper()
	cmd, err := intake.Command(c.city.Pack, intake.Report{Category: "road.pothole", Text: words, Address: "银行路1号", Point: &place.Point{Lat: 28.1102, Lon: 112.2703}, Source: "web", Files: files,
		Contact: casework.Contact{Channel: "sms", Address: contact, Name: "何小敏", Lang: "zh-CN"}})
	must(c.t, err)
	cmd.Open.Unit = "linjiang"
	r, err := c.city.Ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	must(c.t, err)
	return c.get(r.Case)
}

func (c *city) get(id casework.CaseID) casework.Case {
	c.t.Helper()
	k, err := c.city.Reader.ByID(c.t.Context(), authz.Machine().Scope(), id)
	must(c.t, err)
	return k
}

func (c *city) act(who authz.Actor, k casework.Case, act string, kv ...string) {
	c.t.Helper()
	fields := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		fields[kv[i]] = kv[i+1]
	}
	_, err := c.city.Ledger.Do(c.t.Context(), who, casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: act, Fields: fields})
	must(c.t, err)
}

// offered files a case and offers it to Donghe.
func (c *city) offered(files ...casework.File) casework.Case {
	c.t.Helper()
	k := c.file(files...)
	c.act(street, k, "offer", "unit", "donghe", "reason", "在东河区")
	return c.get(k.ID)
}

// whole sees everything that is exchanged.
func (c *city) whole() []courier.Reach {
	return []courier.Reach{{Place: courier.Place(c.city.Pack.Units, "linjiang")}}
}

func (c *city) sends(k casework.Case) []neighbour.Send {
	c.t.Helper()
	list, err := c.office.List(c.t.Context(), neighbour.Filter{Reach: c.whole(), Case: k.ID, Limit: 100})
	must(c.t, err)
	return list
}

// newest is what was exchanged last about a case.
func (c *city) newest(k casework.Case) neighbour.Send {
	c.t.Helper()
	list := c.sends(k)
	if len(list) == 0 {
		c.t.Fatalf("nothing is exchanged about %s", k.Ref)
	}
	return list[0]
}

func (c *city) tries(k casework.Case) []courier.Attempt {
	c.t.Helper()
	_, tried, _, err := c.office.Find(c.t.Context(), c.whole(), c.newest(k).ID)
	must(c.t, err)
	return tried
}

func (c *city) says(id, status, said string) {
	c.theirs.set(func() {
		c.theirs.updates = append(c.theirs.updates, theirNews{"u" + id + status, id, status, said, c.at.Format(time.RFC3339)})
	})
}

func (c *city) notes(k casework.Case) (out []string) {
	c.t.Helper()
	_, events := c.city.Opened(c.t, k.ID)
	for _, e := range events {
		if e.Note != nil {
			out = append(out, e.Note.Text)
		}
	}
	return out
}

func each(t *testing.T, run func(c *city), change ...func(*pack.Neighbour)) {
	t.Helper()
	p := thePack(t, change...)
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(open(t, d, set, p)) })
}

func Test_what_is_offered_to_a_neighbour_goes_to_its_system_and_comes_back_as_its_answer(t *testing.T) {
	each(t, func(c *city) {
		var b bytes.Buffer
		must(c.t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))))
		photo, err := c.files.Take(c.t.Context(), &b, "hole.png", file.Limits{})
		must(c.t, err)
		copied, err := c.files.Redact(c.t.Context(), photo, []image.Rectangle{image.Rect(2, 2, 20, 20)}, "hole redacted")
		must(c.t, err)
		k := c.offered(photo, copied)
		c.work()

		if len(c.theirs.reports) != 1 {
			c.t.Fatalf("%d reports arrived", len(c.theirs.reports))
		}
		got := c.theirs.reports[0]
		for name, want := range map[string]string{"service_code": "road.pothole", "jurisdiction_id": "donghe.example", "api_key": "secret-key", "lat": "28.110200", "long": "112.270300", "address_string": "银行路1号", "attribute[fixmystreet_id]": string(k.Ref)} {
			if got.form.Get(name) != want {
				c.t.Errorf("%s is %q, want %q", name, got.form.Get(name), want)
			}
		}
		if said := got.form.Get("description"); !strings.Contains(said, "很深的坑") || !strings.Contains(said, string(k.Ref)) {
			c.t.Errorf("it is told %q", said)
		}
		if all := got.form.Encode(); strings.Contains(all, contact) || strings.Contains(fmt.Sprint(got.form), "何小敏") {
			c.t.Errorf("it is told who reported: %v", got.form)
		}
		if got.key == "" || len(got.files) != 1 || got.sizes[0] != copied.Size {
			c.t.Errorf("key %q, files %v", got.key, got.files)
		}
		now := c.get(k.ID)
		if now.Holder != "donghe" || now.State != "accepted" || c.newest(k).State != courier.Delivered {
			c.t.Errorf("the case is %s at %s, the report %s", now.State, now.Holder, c.newest(k).State)
		}
		if notes := c.notes(k); len(notes) != 1 || !strings.Contains(notes[0], "1001") {
			c.t.Errorf("noted %q", notes)
		}

		c.says("1001", "investigating", "我们的人在路上。")
		c.later(6 * time.Minute)
		if now = c.get(k.ID); now.State != "in_hand" {
			c.t.Fatalf("the case is %s", now.State)
		}
		if notes := c.notes(k); len(notes) != 2 || !strings.Contains(notes[1], "我们的人在路上") {
			c.t.Errorf("noted %q", notes)
		}
		c.says("1001", "fixed", "已修补并压实。")
		c.says("9999", "fixed", "of somebody else")
		c.later(6 * time.Minute)
		opened, events := c.city.Opened(c.t, k.ID)
		if opened.State != "answered" || opened.Outcome != "solved" || !strings.HasPrefix(opened.Answer["answer"], "已修补并压实。") {
			c.t.Errorf("the case is %s, %s, %v", opened.State, opened.Outcome, opened.Answer)
		}
		c.later(6 * time.Minute)
		c.later(30 * time.Hour)
		if _, again := c.city.Opened(c.t, k.ID); len(again) != len(events) {
			c.t.Errorf("what was heard is heard again: %d events, then %d", len(events), len(again))
		}
		if len(c.theirs.reports) != 1 || len(c.theirs.told) != 0 {
			c.t.Errorf("%d reports, told %v", len(c.theirs.reports), c.theirs.told)
		}
		must(c.t, c.city.Reader.Verify(c.t.Context(), k.ID))
	})
}

func Test_a_report_whose_answer_was_lost_is_looked_for_and_not_made_twice(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() { c.theirs.silent = 1 })
		k := c.offered()
		c.work()
		if s := c.newest(k); s.State != courier.Temporary {
			c.t.Fatalf("after the line broke it is %s (%s)", s.State, s.Reason)
		}
		c.later(11 * time.Minute)
		if len(c.theirs.reports) != 1 {
			c.t.Errorf("%d reports arrived", len(c.theirs.reports))
		}
		if now := c.get(k.ID); now.Holder != "donghe" || c.newest(k).State != courier.Delivered {
			c.t.Errorf("the case is with %s, the report %s", now.Holder, c.newest(k).State)
		}
	})
}

func Test_a_process_that_dies_while_it_hands_over_leaves_a_try_without_an_end_and_the_next_one_looks(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		s := c.newest(k)
		dies, err := jobs.NewRunner(c.db, jobs.Kind{Name: "neighbour.carry", MaxAttempts: 10, Run: func(ctx context.Context, job jobs.Job) error {
			if err := c.office.Starts(ctx, job, s.ID); err != nil {
				return err
			}
			// What it sent arrived; that it did, it did not live to write down.
			c.theirs.set(func() {
				c.theirs.reports = append(c.theirs.reports, theirs{id: "77", at: c.at, state: "open", form: map[string][]string{"service_code": {"road.pothole"}, "description": {"… " + string(k.Ref)}}})
			})
			return errors.New("killed")
		}})
		must(c.t, err)
		_, err = dies.RunDue(c.t.Context(), 1)
		must(c.t, err)
		if s := c.newest(k); s.State != courier.Sending {
			c.t.Fatalf("it is %s", s.State)
		}
		c.node(c.city.Pack)
		c.later(10 * time.Minute)
		if s := c.newest(k); s.State != courier.Delivered || len(c.theirs.reports) != 1 {
			c.t.Errorf("it is %s (%s), and %d reports arrived", s.State, s.Reason, len(c.theirs.reports))
		}
		if tried := c.tries(k); len(tried) != 2 || tried[0].Outcome != "unclear" || tried[1].External != "77" {
			c.t.Errorf("tried %+v", tried)
		}
	})
}

func Test_a_token_is_asked_about_until_there_is_a_number_and_not_for_ever(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() { c.theirs.tokens, c.theirs.numbered = true, false })
		k, lost := c.offered(), c.offered()
		c.work()
		if s := c.newest(k); s.State != neighbour.Token || s.Token != "t"+c.number(k) || c.get(k.ID).Holder != "linjiang" {
			c.t.Fatalf("it is %s %q", s.State, s.Token)
		}
		c.later(11 * time.Minute)
		if s := c.newest(k); s.State != neighbour.Token {
			c.t.Fatalf("it is %s", s.State)
		}
		c.theirs.set(func() { c.theirs.numbered = true })
		must(c.t, c.decide(lost, neighbour.Cancel, "x"))
		c.later(11 * time.Minute)
		if s := c.newest(k); s.State != courier.Delivered || c.get(k.ID).Holder != "donghe" {
			c.t.Errorf("it is %s", s.State)
		}

		c.theirs.set(func() { c.theirs.numbered = false })
		k = c.offered()
		for range 8 {
			c.later(11 * time.Minute)
		}
		if s := c.newest(k); s.State != courier.Permanent || s.Reason != "no_number" {
			c.t.Errorf("it is %s (%s)", s.State, s.Reason)
		}
		if len(c.theirs.reports) != 3 {
			c.t.Errorf("%d reports arrived", len(c.theirs.reports))
		}
	})
}

func (c *city) decide(k casework.Case, deed neighbour.Deed, words string) error {
	return c.office.Decide(c.t.Context(), c.whole(), c.newest(k).ID, deed, words, "wu")
}

// What another system answers, and what becomes of the report.
func Test_every_answer_is_read_for_what_it_is(t *testing.T) {
	xmlError := func(code int, words string) string {
		return fmt.Sprintf(`<?xml version="1.0"?><errors><error><code>%d</code><description>%s</description></error></errors>`, code, words)
	}
	p := thePack(t)
	for name, a := range map[string]struct {
		status int
		body   string
		state  courier.State
		said   string
	}{
		"it does not fit":               {400, xmlError(400, "attribute size is required"), courier.Permanent, "400 attribute size is required"},
		"no such service":               {404, xmlError(404, "unknown service_code"), courier.Permanent, "404 unknown service_code"},
		"nobody there":                  {404, "not found", courier.Temporary, "404"},
		"a wrong key":                   {403, xmlError(403, "bad api_key"), courier.Temporary, "403 bad api_key"},
		"too many":                      {429, "", courier.Temporary, "429"},
		"it broke":                      {500, "<html>oops</html>", courier.Temporary, "500"},
		"yes with an error":             {200, xmlError(400, "lat is out of range"), courier.Permanent, "400 lat is out of range"},
		"yes with a page":               {200, "<html><body>Welcome</body></html>", courier.Temporary, "no document of GeoReport"},
		"yes with nothing":              {200, "", courier.Temporary, "no document of GeoReport"},
		"yes without a number":          {200, "<service_requests><request><service_notice>thanks</service_notice></request></service_requests>", courier.Temporary, "neither a number nor a token"},
		"yes with an empty number":      {201, "<service_requests><request><service_request_id/></request></service_requests>", courier.Temporary, "neither a number nor a token"},
		"elsewhere":                     {302, "", courier.Temporary, "redirects"},
		"an entity that grows":          {200, `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><service_requests><request><service_request_id>&a;</service_request_id></request></service_requests>`, courier.Temporary, "no document of GeoReport"},
		"another script":                {200, `<?xml version="1.0" encoding="gb2312"?><service_requests></service_requests>`, courier.Temporary, "not in UTF-8"},
		"deeper than deep":              {200, "<service_requests>" + strings.Repeat("<a>", 200_000), courier.Temporary, "no document of GeoReport"},
		"what it was told is not kept":  {400, xmlError(400, "bad text: "+words), courier.Permanent, "400 bad text:…"},
		"longer than anybody will read": {200, "<service_requests>" + strings.Repeat(" ", 17<<20), courier.Temporary, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			now, set := dbtest.Clock(t)
			d, err := db.Open(t.Context(), "sqlite:"+t.TempDir()+"/test.db", now)
			must(t, err)
			t.Cleanup(func() { d.Close() })
			c := open(t, d, set, p)
			c.theirs.set(func() {
				c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method != http.MethodPost {
						return false
					}
					w.Header().Set("Location", "https://elsewhere.example/")
					w.WriteHeader(a.status)
					fmt.Fprint(w, a.body)
					return true
				}
			})
			k := c.offered()
			c.work()
			tried := c.tries(k)
			if s := c.newest(k); s.State != a.state || len(tried) != 1 || !strings.Contains(tried[0].Words, a.said) {
				t.Errorf("it is %s, after %+v", s.State, tried)
			}
			if strings.Contains(fmt.Sprint(tried), "13900001234") || strings.Contains(fmt.Sprint(tried), "secret-key") {
				t.Errorf("kept %+v", tried)
			}
		})
	}
}

func Test_what_is_stuck_is_sent_again_noted_by_hand_or_given_back(t *testing.T) {
	each(t, func(c *city) {
		refuse := true
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				if refuse && r.Method == http.MethodPost {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return refuse && r.Method == http.MethodPost
			}
		})
		again, number, back := c.offered(), c.offered(), c.offered()
		for range 6 {
			c.later(11 * time.Minute)
		}
		for _, k := range []casework.Case{again, number, back} {
			if s := c.newest(k); s.State != courier.Permanent || s.Reason != "given_up" || s.Tries != 4 {
				c.t.Fatalf("it is %s (%s) after %d tries", s.State, s.Reason, s.Tries)
			}
		}
		counts, err := c.office.Count(c.t.Context(), neighbour.Filter{Reach: c.whole()})
		if err != nil || counts[courier.Permanent] != 3 {
			c.t.Errorf("counted %v (%v)", counts, err)
		}
		far := []courier.Reach{{Place: courier.Place(c.city.Pack.Units, "binjiang")}}
		if err := c.office.Decide(c.t.Context(), far, c.newest(again).ID, neighbour.Again, "", "wu"); !errors.Is(err, courier.ErrNone) {
			c.t.Errorf("somebody else's keeper: %v", err)
		}
		var no *casework.Refusal
		if err := c.decide(number, neighbour.Number, " "); !errors.As(err, &no) || no.Rule != neighbour.RuleNumber {
			c.t.Errorf("no number: %v", err)
		}
		c.theirs.set(func() { refuse = false })
		must(c.t, errors.Join(c.decide(again, neighbour.Again, ""), c.decide(number, neighbour.Number, "A-17"), c.decide(back, neighbour.Cancel, "电话里说不归他们管")))
		c.work()
		if k := c.get(again.ID); k.Holder != "donghe" || len(c.theirs.reports) != 1 {
			c.t.Errorf("sent again: with %s, %d reports", k.Holder, len(c.theirs.reports))
		}
		if k := c.get(number.ID); k.Holder != "donghe" || !strings.Contains(strings.Join(c.notes(k), ""), "A-17") {
			c.t.Errorf("noted by hand: with %s, %q", k.Holder, c.notes(k))
		}
		if k, _ := c.city.Opened(c.t, back.ID); k.Holder != "linjiang" || k.State != "received" {
			c.t.Errorf("given back: %s with %s", k.State, k.Holder)
		}
		if err := c.decide(again, neighbour.Again, ""); !errors.As(err, &no) || no.Rule != "post.not_now" {
			c.t.Errorf("again, although it is there: %v", err)
		}
	})
}

func Test_a_neighbour_gives_back_what_is_not_its_to_do(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		c.work()
		c.says("1001", "not_councils_responsibility", "这段路归市里管。")
		c.later(6 * time.Minute)
		now, events := c.city.Opened(c.t, k.ID)
		if now.State != "offered" || now.Offered != "linjiang" || now.Holder != "donghe" || events[len(events)-1].Fields["reason"] != "这段路归市里管。" {
			c.t.Errorf("it is %s, offered to %s by %s", now.State, now.Offered, now.Holder)
		}
		c.act(street, k, "take")
		c.work()
		if len(c.theirs.told) != 0 || len(c.theirs.reports) != 1 {
			c.t.Errorf("told %v, %d reports", c.theirs.told, len(c.theirs.reports))
		}
	})
}

func Test_a_neighbour_is_told_when_the_city_takes_a_matter_back(t *testing.T) {
	each(t, func(c *city) {
		overtaken, withdrawn, early := c.offered(), c.offered(), c.offered()
		c.act(authz.Holder(string(early.ID)), early, "withdraw") // before it went
		c.work()
		if len(c.theirs.reports) != 2 || c.newest(early).State != courier.Cancelled {
			c.t.Fatalf("%d reports arrived; the one withdrawn early is %s", len(c.theirs.reports), c.newest(early).State)
		}
		c.act(street, overtaken, "take_over", "reason", "市里直接处理")
		c.act(authz.Holder(string(withdrawn.ID)), withdrawn, "withdraw")
		c.work()
		told := map[string]string{}
		for _, u := range c.theirs.told {
			told[u.Get("service_request_id")] = u.Get("status") + " " + u.Get("api_key") + " " + u.Get("description")
		}
		if len(told) != 2 || !strings.HasPrefix(told[c.number(overtaken)], "INVESTIGATING secret-key ") || !strings.HasPrefix(told[c.number(withdrawn)], "CANCELLED ") || !strings.Contains(told[c.number(overtaken)], string(overtaken.Ref)) {
			c.t.Errorf("told %q", told)
		}
		before := len(c.notes(overtaken))
		c.says(c.number(overtaken), "fixed", "已修好")
		c.later(6 * time.Minute)
		if k := c.get(overtaken.ID); k.State != "accepted" || len(c.notes(k)) != before {
			c.t.Errorf("what they say afterwards changes it: %s", k.State)
		}
	})
}

func Test_a_system_without_updates_is_asked_by_number(t *testing.T) {
	each(t, func(c *city) {
		k, other := c.offered(), c.offered()
		c.work()
		c.theirs.set(func() {
			for i := range c.theirs.reports {
				if r := &c.theirs.reports[i]; r.id == c.number(k) {
					r.state, r.notes = "closed", "坑已填平。"
				}
			}
		})
		c.later(6 * time.Minute)
		c.later(6 * time.Minute)
		now, _ := c.city.Opened(c.t, k.ID)
		if now.State != "answered" || now.Outcome != "below_threshold" || now.Answer["answer"] != "坑已填平。" {
			c.t.Errorf("it is %s, %s, %v", now.State, now.Outcome, now.Answer)
		}
		if s := c.get(other.ID).State; s != "accepted" || len(c.notes(other)) != 1 { // its number; that it is open says nothing new
			c.t.Errorf("the other is %s, noted %q", s, c.notes(other))
		}
		if slices.Contains(c.theirs.asked, "GET /v2/servicerequestupdates.xml") {
			c.t.Error("it was asked for updates")
		}
	}, func(n *pack.Neighbour) { n.Updates, n.Takes = false, nil })
}

func Test_words_that_say_nothing_are_told_as_that(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		c.work()
		c.says("1001", "fixed", "")
		c.says("1001", "for_triage", "")
		c.later(6 * time.Minute)
		now, _ := c.city.Opened(c.t, k.ID)
		if now.State != "answered" || !strings.Contains(now.Answer["answer"], "东河区已办理") {
			c.t.Errorf("it is %s, %v", now.State, now.Answer)
		}
	})
}

// request is a lamp that is out, as their list tells it.
func request(id, more string) theirs {
	return theirs{xml: `<request><service_request_id>` + id + `</service_request_id><status>open</status><service_code>lighting.out</service_code><service_name>路灯</service_name><description>桥头路灯不亮</description>` +
		`<requested_datetime>2026-03-02T09:00:00+08:00</requested_datetime>` + more + `</request>`}
}

func Test_a_request_of_theirs_is_one_case_here_and_its_answer_is_told_back(t *testing.T) {
	each(t, func(c *city) {
		c.work() // from here on
		c.theirs.set(func() {
			c.theirs.reports = []theirs{
				request("L1", "<address>桥头1号</address><lat>28.1102</lat><long>112.2703</long><media_url>https://donghe.example/p/1.jpg</media_url>"),
				request("L2", "<lat>1.5</lat><long>100</long>"), request("L3", "<lat>900</lat><long>x</long>"),
				{xml: `<request><service_request_id>P1</service_request_id><status>open</status><service_code>road.pothole</service_code><description>ours</description></request>`},
			}
		})
		c.later(6 * time.Minute)
		c.later(6 * time.Minute)
		c.node(c.city.Pack)
		c.later(6 * time.Minute)
		list, err := c.city.Reader.Worklist(c.t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 100})
		must(c.t, err)
		if len(list.Items) != 3 {
			c.t.Fatalf("%d cases", len(list.Items))
		}
		var k casework.Case
		for _, i := range list.Items {
			one, _ := c.city.Opened(c.t, i.ID)
			if one.External == "donghe:L1" {
				k = one
			}
			if one.Contact.Address != "" || one.Category != "lighting.out" {
				c.t.Errorf("%s is %+v", one.External, one)
			}
		}
		if k.Place.Point == nil || k.Place.Address != "桥头1号" || !strings.Contains(k.Text, "桥头路灯不亮") || !strings.Contains(k.Text, "https://donghe.example/p/1.jpg") || !strings.Contains(k.Text, "L1") {
			c.t.Fatalf("it is %+v", k)
		}
		holder := authz.Staff("zhou", []authz.Grant{{Role: "officer", Unit: k.Holder}, {Role: "clerk", Unit: k.Holder}, {Role: "head", Unit: k.Holder}})
		c.act(holder, k, "accept")
		c.act(holder, k, "begin")
		_, err = c.city.Ledger.Do(c.t.Context(), holder, casework.Command{Case: k.ID, Version: casework.AnyVersion, Note: &casework.Note{Text: "内部：灯杆编号有误"}})
		must(c.t, err)
		c.act(holder, k, "answer", "outcome", "solved", "answer", "灯已换好。")
		c.work()
		var told []string
		for _, u := range c.theirs.told {
			told = append(told, u.Get("service_request_id")+" "+u.Get("status")+" "+u.Get("description"))
		}
		if len(told) != 3 || !strings.HasPrefix(told[0], "L1 INVESTIGATING") || !strings.HasPrefix(told[1], "L1 IN_PROGRESS") || !strings.HasPrefix(told[2], "L1 FIXED") || !strings.Contains(told[2], "灯已换好。") {
			c.t.Errorf("told %q", told)
		}
		if strings.Contains(strings.Join(told, ""), "内部") {
			c.t.Errorf("told what is not public: %q", told)
		}
	})
}

func Test_a_neighbour_that_does_not_answer_is_shown_and_asked_again(t *testing.T) {
	each(t, func(c *city) {
		c.work()
		away := true
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, _ *http.Request) bool {
				if away {
					hang(w)
				}
				return away
			}
		})
		c.later(6 * time.Minute)
		polls, err := c.office.Polls(c.t.Context())
		must(c.t, err)
		if len(polls) != 1 || polls[0].Failed.IsZero() || polls[0].Words == "" {
			c.t.Errorf("polled %+v", polls)
		}
		c.theirs.set(func() { away = false })
		c.later(6 * time.Minute)
		if polls, err = c.office.Polls(c.t.Context()); err != nil || !polls[0].Failed.IsZero() || !polls[0].Reached.Equal(c.at) {
			c.t.Errorf("polled %+v (%v)", polls, err)
		}
	})
}

func Test_two_nodes_hand_over_once_and_hear_once(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		other := *c
		other.node(c.city.Pack)
		for range 3 {
			done := make(chan error)
			for _, r := range []*jobs.Runner{c.runner, other.runner} {
				go func() {
					var err error
					for range 20 {
						_, e := r.RunDue(c.t.Context(), 10)
						err = errors.Join(err, e)
					}
					done <- err
				}()
			}
			must(c.t, errors.Join(<-done, <-done))
			c.says("1001", "in_progress", "")
			c.set(c.at.Add(6 * time.Minute))
		}
		begun := 0
		for _, e := range c.events(k) {
			if e.Kind == "begun" {
				begun++
			}
		}
		if len(c.theirs.reports) != 1 || begun != 1 {
			c.t.Errorf("%d reports arrived, begun %d times", len(c.theirs.reports), begun)
		}
	})
}

func (c *city) events(k casework.Case) []casework.Event {
	_, events := c.city.Opened(c.t, k.ID)
	return events
}

func Test_of_an_erased_case_nothing_is_kept_or_sent(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		must(c.t, c.db.Transact(c.t.Context(), func(tx *db.Tx) error { return neighbour.Forget(c.t.Context(), tx, k.ID) }))
		c.work()
		if len(c.sends(k)) != 0 || len(c.theirs.reports) != 0 {
			c.t.Errorf("kept %v, sent %d", c.sends(k), len(c.theirs.reports))
		}
	})
}

func Test_what_comes_from_a_neighbour_is_routed_by_the_time_of_day_too(t *testing.T) {
	each(t, func(c *city) {
		c.work()
		c.theirs.set(func() { c.theirs.reports = []theirs{request("N1", "<lat>28.1102</lat><long>112.2703</long>")} })
		c.later(6 * time.Minute)
		list, err := c.city.Reader.Worklist(c.t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 10})
		must(c.t, err)
		if len(list.Items) != 1 {
			c.t.Fatalf("%d cases", len(list.Items))
		}
	}, func(n *pack.Neighbour) { n.Takes[0].Category = "noise.night" })
}
