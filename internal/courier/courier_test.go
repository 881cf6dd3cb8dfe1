package courier_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/vault"
)

// street holds what the tests report: the route of road.pavement in its community.
const street, community = "guiyuan", "guiyuan-ganyuan"

type city struct {
	t       *testing.T
	db      *db.DB
	ledger  *ledger.Ledger
	reader  *ledger.Reader
	pack    *pack.Pack
	post    *courier.Courier
	kind    jobs.Kind
	runner  *jobs.Runner
	set     func(time.Time)
	project func(context.Context, *db.Tx, casework.Case, casework.Event) error // beside what follows cases; nil: nothing
}

func each(t *testing.T, run func(c *city)) {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(newCity(t, d, p, set)) })
}

func newCity(t *testing.T, d *db.DB, p *pack.Pack, set func(time.Time)) *city {
	t.Helper()
	if err := errors.Join(jobs.Migrate(t.Context(), d), courier.Migrate(t.Context(), d)); err != nil {
		t.Fatal(err)
	}
	reg := pack.NewRegistry(p)
	var c *city
	l, err := ledger.Open(t.Context(), d, ledger.Config{
		Definitions: reg,
		Opens: func(category string) (string, string, bool) {
			c, ok := p.Category(category)
			return p.Digest, c.Procedure, ok
		},
		Notify: courier.Enqueue,
		Project: func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
			err := courier.Follow(func() *org.Tree { return p.Units })(ctx, tx, k, e)
			if err == nil && c.project != nil {
				err = c.project(ctx, tx, k, e)
			}
			return err
		},
		Erased: courier.Erased,
		Random: func(b []byte) { rand.Read(b) },
		Ring:   vault.Memory(procedure.Civic, "std"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	c = &city{t: t, db: d, ledger: l, pack: p, set: set, reader: l.Reader(func() *org.Tree { return p.Units })}
	c.post = &courier.Courier{DB: d, Ledger: l, Reader: c.reader, Packs: reg,
		Words: func(p *pack.Pack) *text.Catalogue { return base.With(p.Texts) },
		Link: func(k casework.Case, resident bool) string {
			if resident {
				return "/f/" + string(k.Code)
			}
			return "/desk/cases/" + string(k.Ref)
		}}
	c.kind = c.post.Kind()
	if c.runner, err = jobs.NewRunner(d, c.kind); err != nil {
		t.Fatal(err)
	}
	return c
}

// mobile is how the resident of most tests can be reached.
var mobile = casework.Contact{Channel: "sms", Address: "13800001111", Lang: "en"}

func (c *city) report(title string, contact casework.Contact) ledger.Receipt {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "road.pavement", Title: title, Text: "A tile is loose.", Unit: community, Source: "web", Contact: contact})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// act does something at the street, at the version given.
func (c *city) act(r ledger.Receipt, version int, act string, fields map[string]string) error {
	var grants []authz.Grant
	for _, role := range []authz.Role{"clerk", "officer", "head"} {
		grants = append(grants, authz.Grant{Role: role, Unit: street})
	}
	_, err := c.ledger.Do(c.t.Context(), authz.Staff("chen", grants), casework.Command{Case: r.Case, Version: version, Act: act, Fields: fields})
	return err
}

func (c *city) must(r ledger.Receipt, act string, kv ...string) {
	c.t.Helper()
	fields := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		fields[kv[i]] = kv[i+1]
	}
	if err := c.act(r, casework.AnyVersion, act, fields); err != nil {
		c.t.Fatal(act, err)
	}
}

// carry delivers what is owed and returns what was written about it, oldest first.
func (c *city) carry() []courier.Message {
	c.t.Helper()
	before := len(c.messages())
	for {
		n, err := c.runner.RunDue(c.t.Context(), 50)
		if err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if dead, err := c.runner.Dead(c.t.Context()); err != nil || len(dead) > 0 {
		c.t.Fatalf("given up: %v, %v", dead, err)
	}
	return c.messages()[before:]
}

func (c *city) messages() (out []courier.Message) {
	c.t.Helper()
	list, err := c.post.Inbox(c.t.Context(), 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range list { // newest first
		out = append(out, list[len(list)-1-i])
	}
	return out
}

// one is the only message there is, which must say these things.
func (c *city) one(list []courier.Message, template, to string, says ...string) courier.Message {
	c.t.Helper()
	if len(list) != 1 || list[0].Template != template || list[0].Recipient != to {
		c.t.Fatalf("want one %s to the %s, got %+v", template, to, list)
	}
	for _, s := range says {
		if !strings.Contains(list[0].Body, s) {
			c.t.Errorf("%s does not say %q: %s", template, s, list[0].Body)
		}
	}
	if strings.ContainsAny(list[0].Body, "⟦{—") {
		c.t.Errorf("%s has gaps: %s", template, list[0].Body)
	}
	return list[0]
}

func at(day, hour int) time.Time { return time.Date(2026, 3, day, hour-8, 0, 0, 0, time.UTC) }

func Test_a_resident_is_told_the_promised_date_and_on_their_turn_the_date_they_have(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("Loose tile", mobile)
		m := c.one(c.carry(), "received", "resident", "Monday 9 March 2026", string(r.Ref), string(r.Code), "/f/"+string(r.Code), `"Loose tile"`, "Linjiang")
		if m.Channel != "sms" || m.Address != mobile.Address || m.Lang != "en" || m.Ref != r.Ref || !m.At.Equal(dbtest.Start) {
			c.t.Errorf("got %+v", m)
		}
		// The unit's own term ends sooner, on the 3rd; the resident is told the promise.
		c.must(r, "accept")
		c.one(c.carry(), "accepted", "resident", "Monday 9 March 2026", "Guiyuan Subdistrict")
		c.must(r, "begin")
		c.one(c.carry(), "begun", "resident", "Monday 9 March 2026")
		c.set(at(3, 10))
		c.must(r, "ask", "question", "Which entrance?")
		c.one(c.carry(), "asked", "resident", "Tuesday 10 March 2026")
		_, err := c.ledger.Do(c.t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "reply", Fields: map[string]string{"reply": "The left one."}})
		if err != nil {
			c.t.Fatal(err)
		}
		c.carry()
		c.must(r, "answer", "outcome", "solved", "answer", "The tile was set anew.")
		c.one(c.carry(), "answered", "resident", "Wednesday 18 March 2026") // 15 calendar days to contest
	})
}

func Test_a_unit_is_told_in_the_language_of_the_city_and_never_the_code(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("Loose tile", casework.Contact{})
		c.must(r, "offer", "unit", "wangchuan", "reason", "The tile lies on your side.")
		m := c.one(c.carry(), "offered", "unit", string(r.Ref), "Loose tile", "/desk/cases/"+string(r.Ref), "2026年3月3日")
		if m.Unit != "wangchuan" || m.Lang != "zh-CN" || m.Channel != "inbox" || m.Address != "" {
			c.t.Errorf("got %+v", m)
		}
		if strings.Contains(m.Body, string(r.Code)) {
			c.t.Errorf("staff are told the code: %s", m.Body)
		}
	})
}

func Test_who_left_no_contact_is_sent_nothing(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("Loose tile", casework.Contact{})
		c.must(r, "accept")
		c.must(r, "begin")
		if list := c.carry(); len(list) > 0 {
			c.t.Errorf("sent %+v", list)
		}
	})
}

func Test_an_unknown_language_is_answered_in_the_first_of_the_pack(t *testing.T) {
	each(t, func(c *city) {
		c.report("Loose tile", casework.Contact{Channel: "sms", Address: "13800001111", Lang: "fr"})
		if m := c.one(c.carry(), "received", "resident", "2026年3月9日"); m.Lang != "zh-CN" {
			c.t.Errorf("got %+v", m)
		}
	})
}

func (c *city) sent(r ledger.Receipt) (n int) {
	c.t.Helper()
	events, err := c.reader.Events(c.t.Context(), r.Case)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == "notice.sent" {
			n++
		}
	}
	if err := c.reader.Verify(c.t.Context(), r.Case); err != nil {
		c.t.Error(err)
	}
	return n
}

func Test_a_job_that_runs_twice_writes_and_records_once(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("Loose tile", mobile)
		twice := c.kind
		var second error
		runs := 0
		twice.Run = func(ctx context.Context, job jobs.Job) error {
			runs++
			err := c.kind.Run(ctx, job)
			second = c.kind.Run(ctx, job)
			return err
		}
		var err error
		if c.runner, err = jobs.NewRunner(c.db, twice); err != nil {
			c.t.Fatal(err)
		}
		if list := c.carry(); len(list) != 1 || runs != 1 {
			c.t.Errorf("%d runs wrote %+v", runs, list)
		}
		if !errors.Is(second, jobs.ErrLost) {
			c.t.Errorf("the second run ends with %v", second)
		}
		if n := c.sent(r); n != 1 {
			c.t.Errorf("recorded as sent %d times", n)
		}
		if list := c.carry(); len(list) > 0 {
			c.t.Errorf("sent again: %+v", list)
		}
	})
}

func Test_braces_a_resident_writes_are_left_alone(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("{code} {unit} {due}", mobile)
		list := c.carry()
		if len(list) != 1 || !strings.Contains(list[0].Body, `"{code} {unit} {due}"`) || strings.Count(list[0].Body, string(r.Code)) != 2 { // the code and the link
			c.t.Errorf("got %+v", list)
		}
	})
}

func Test_a_message_that_leaves_does_not_make_the_page_of_an_officer_stale(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("Loose tile", mobile)
		seen := r.Seq
		c.one(c.carry(), "received", "resident")
		k, err := c.reader.ByCode(c.t.Context(), r.Code)
		if err != nil || k.Seq != seen+1 {
			c.t.Fatalf("the message is not in the record: %d after %d, %v", k.Seq, seen, err)
		}
		if err := c.act(r, seen, "accept", nil); err != nil {
			c.t.Errorf("the page seen before the message is refused: %v", err)
		}
		var no *casework.Refusal
		if err := c.act(r, seen, "begin", nil); !errors.As(err, &no) || no.Rule != casework.Conflict {
			c.t.Errorf("a page from before somebody acted gives %v", err)
		}
	})
}

func Test_a_notice_says_how_the_case_stood_when_it_was_ordered(t *testing.T) {
	each(t, func(c *city) {
		r := c.report("Loose tile", mobile)
		c.must(r, "accept")
		c.set(at(5, 10))
		c.must(r, "extend", "days", "3", "reason", "The stone has to be ordered.")
		list := c.carry()
		if len(list) != 3 {
			c.t.Fatalf("got %+v", list)
		}
		for _, m := range list {
			want := "Monday 9 March 2026"
			if m.Template == "extended" {
				want = "Thursday 12 March 2026"
			}
			if !strings.Contains(m.Body, want) {
				c.t.Errorf("%s does not say %s: %s", m.Template, want, m.Body)
			}
		}
	})
}
