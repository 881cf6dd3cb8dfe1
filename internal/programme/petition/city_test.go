package petition

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
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
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/worktime"
)

// heldYAML is the act by which a procedure takes the outcome of a meeting in.
const heldYAML = `  - id: reception_held
    event: reception_held
    from: [received, raised, accepted, assigned, in_hand]
    by: [head]
    law: {id: LJ-SR, article: "14"}
    name: {zh-CN: 记录接访, en: Record a reception}
    past: {zh-CN: 领导已接访, en: A leader received the person}
    fields:
      - {name: note, kind: longtext, required: true, public: true, label: {zh-CN: 接访结果, en: What came of it}}
      - {name: promise, kind: longtext, public: true, label: {zh-CN: 承诺, en: Promise}}
      - {name: due, kind: date, public: true, label: {zh-CN: 办结日期, en: Due}}

`

// testPack is the demo pack with receptions for service requests instead of petitions; with held its procedure has an act for meetings, resting on an article.
func testPack(t *testing.T, held bool) *pack.Pack {
	t.Helper()
	files := fstest.MapFS{}
	src := os.DirFS("../../../packs")
	err := fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(src, name)
		files[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	edit(t, files, "demo/pack.yaml", "parameters:\n", "parameters:\n  reception.offered.service: 1\n  reception.offered.petition: 0\n")
	if held {
		edit(t, files, "demo/procedures/service-request.yaml", "  - id: rate\n", heldYAML+"  - id: rate\n")
		edit(t, files, "demo/pack.yaml", "    articles:\n", "    articles:\n      \"14\": {zh-CN: 负责人定期接待来访，时间地点提前公布。, en: Leaders receive people on days that are announced.}\n")
	}
	p, err := ledgertest.Sound(files, "demo")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func edit(t *testing.T, files fstest.MapFS, name, old, new string) {
	t.Helper()
	s := string(files[name].Data)
	if !strings.Contains(s, old) {
		t.Fatalf("%s does not hold %q any more", name, old)
	}
	files[name] = &fstest.MapFile{Data: []byte(strings.Replace(s, old, new, 1))}
}

// town is the programme over a real ledger, with a courier that keeps what it writes.
type town struct {
	post   *courier.Courier
	t      *testing.T
	db     *db.DB
	city   *ledgertest.City
	pack   *pack.Pack
	words  *text.Catalogue
	prog   programme.Programme
	runner *jobs.Runner
	set    func(time.Time)
}

// monday is where the clock of tests stands.
var monday = worktime.DayOf(2026, 3, 2)

func newTown(t *testing.T, d *db.DB, set func(time.Time), held bool) *town {
	t.Helper()
	ctx := context.Background()
	if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d), Migrate(ctx, d)); err != nil {
		t.Fatal(err)
	}
	p := testPack(t, held)
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, db: d, pack: p, words: base.With(p.Texts), set: set}
	c.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) { cfg.Notify = courier.Enqueue })
	post := &courier.Courier{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs,
		Words: func(*pack.Pack) *text.Catalogue { return c.words },
		Link:  func(k casework.Case, _ bool) string { return "/f/" + string(k.Code) }}
	c.post = post
	c.prog = New(Deps{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Courier: post})
	if c.runner, err = jobs.NewRunner(d, append(c.prog.Jobs, post.Kind())...); err != nil {
		t.Fatal(err)
	}
	return c
}

func each(t *testing.T, run func(t *testing.T, c *town)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(t, newTown(t, d, set, false)) })
}

// report opens a matter in a community of Guiyuan.
func (c *town) report(title string) casework.Case {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "road.pavement", Title: title, Text: title, Unit: "guiyuan-ganyuan", Source: "web",
		Contact: casework.Contact{Channel: "sms", Address: "13800001111", Lang: "en"}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.city.Ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	k, _ := c.city.Opened(c.t, r.Case)
	return k
}

// announce publishes a day of Guiyuan ten days after today.
func (c *town) announce(slots int) Day {
	c.t.Helper()
	d := Day{Unit: "guiyuan", Office: "Head of the subdistrict", Leader: "He Wanqing", Topics: "roads, housing", Place: "Room 101; 1 Garden Road, second door",
		Date: monday + 10, Begins: 9 * 60, Ends: 12 * 60, Slots: slots, Minutes: 20, Closes: monday + 5}
	c.do(func(ctx context.Context, tx *db.Tx) (err error) {
		if d.ID, err = putDay(ctx, tx, d); err == nil {
			err = publishDay(ctx, tx, d.ID)
		}
		return err
	})
	return c.load(d.ID)
}

func (c *town) do(step func(ctx context.Context, tx *db.Tx) error) {
	c.t.Helper()
	if err := c.try(step); err != nil {
		c.t.Fatal(err)
	}
}

func (c *town) try(step func(ctx context.Context, tx *db.Tx) error) error {
	ctx := c.t.Context()
	return c.db.Transact(ctx, func(tx *db.Tx) error { return step(ctx, tx) })
}

func (c *town) load(id int64) (d Day) {
	c.t.Helper()
	c.do(func(ctx context.Context, tx *db.Tx) (err error) { d, err = loadDay(ctx, tx, id); return err })
	return d
}

func (c *town) bookings(day int64) (out []Booking) {
	c.t.Helper()
	c.do(func(ctx context.Context, tx *db.Tx) (err error) { out, err = bookingsOf(ctx, tx, day); return err })
	return out
}

// book asks for a slot in a transaction of its own.
func (c *town) book(d Day, slot int, k casework.Case) (Booking, error) {
	var b Booking
	err := c.try(func(ctx context.Context, tx *db.Tx) (err error) {
		b, err = book(ctx, tx, d.ID, slot, k.ID, k.Ref, "resident", today(tx.Now, c.pack.Zone))
		return err
	})
	return b, err
}

func (c *town) mustBook(d Day, slot int, k casework.Case) Booking {
	c.t.Helper()
	b, err := c.book(d, slot, k)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *town) withdraw(b Booking, k casework.Case) error {
	return c.try(func(ctx context.Context, tx *db.Tx) error {
		return withdraw(ctx, tx, b.ID, k.ID, "resident", today(tx.Now, c.pack.Zone))
	})
}

func (c *town) state(b Booking) Booking {
	c.t.Helper()
	c.do(func(ctx context.Context, tx *db.Tx) (err error) { b, err = loadBooking(ctx, tx, b.ID); return err })
	return b
}

// letters carries what is owed and lists what was written under a template.
func (c *town) letters(template string) (out []courier.Message) {
	c.t.Helper()
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
		c.t.Fatalf("given up: %v %v", dead, err)
	}
	all, err := c.post.Inbox(c.t.Context(), 100)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, m := range all {
		if m.Template == template {
			out = append(out, m)
		}
	}
	return out
}

func refused(t *testing.T, err error, rule string) {
	t.Helper()
	if no, ok := isRefusal(err); !ok || no.Rule != rule {
		t.Fatalf("got %v, want the refusal %s", err, rule)
	}
}
