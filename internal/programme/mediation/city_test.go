package mediation

import (
	"context"
	"errors"
	"io/fs"
	"maps"
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
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/worktime"
)

// testFiles are the demo pack, standing on the national one, with a category of disputes for the communities and
// people to mediate them.
func testFiles(t *testing.T) fstest.MapFS {
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
	units := string(files["demo/units.yaml"].Data)
	if !strings.Contains(units, "pmc_director") {
		units = strings.ReplaceAll(units, "roles: [clerk,", "roles: [mediator, pmc_director, centre_dispatcher, justice_officer, court_liaison, police_liaison, clerk,")
	}
	files["demo/units.yaml"] = &fstest.MapFile{Data: []byte(units)}
	files["demo/categories.yaml"] = &fstest.MapFile{Data: append(files["demo/categories.yaml"].Data,
		[]byte("\n  - {id: test.quarrel, group: other, procedure: mediation, name: {zh-CN: 纠纷, en: Quarrel}, route: {level: community}, keywords: {zh-CN: [吵架], en: [quarrel]}, resident: true}\n")...)}
	return files
}

func testPack(t *testing.T) *pack.Pack {
	t.Helper()
	p, err := ledgertest.Sound(testFiles(t), "demo")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// town is the programme over a real ledger, with a courier that keeps what it writes.
type town struct {
	t      *testing.T
	db     *db.DB
	city   *ledgertest.City
	pack   *pack.Pack
	words  *text.Catalogue
	s      *service
	prog   programme.Programme
	post   *courier.Courier
	runner *jobs.Runner
	set    func(time.Time)
}

// monday is where the clock of tests stands.
var monday = worktime.DayOf(2026, 3, 2)

const ganyuan = org.UnitID("guiyuan-ganyuan")

func newTown(t *testing.T, d *db.DB, set func(time.Time)) *town {
	t.Helper()
	ctx := context.Background()
	if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d), Migrate(ctx, d)); err != nil {
		t.Fatal(err)
	}
	p := testPack(t)
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, db: d, pack: p, words: base.With(p.Texts), set: set}
	var project func(context.Context, *db.Tx, casework.Case, casework.Event) error
	c.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) {
		cfg.Notify = courier.Enqueue
		cfg.Project = func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
			return project(ctx, tx, k, e)
		}
	})
	c.post = &courier.Courier{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs,
		Words: func(*pack.Pack) *text.Catalogue { return c.words },
		Link:  func(k casework.Case, _ bool) string { return "/f/" + string(k.Code) },
		Party: func(code casework.Code) string { return "/p/" + string(code) }}
	deps := Deps{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Courier: c.post}
	c.prog, c.s = New(deps), &service{deps}
	project = c.prog.Project
	if c.runner, err = jobs.NewRunner(d, append(c.prog.Jobs, c.post.Kind())...); err != nil {
		t.Fatal(err)
	}
	return c
}

func each(t *testing.T, run func(t *testing.T, c *town)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(t, newTown(t, d, set)) })
}

// director is somebody who may do everything with disputes of Ganyuan.
func director(id string) authz.Actor {
	return authz.Staff(id, []authz.Grant{{Role: "pmc_director", Unit: ganyuan}, {Role: "mediator", Unit: ganyuan}})
}

// quarrel opens a dispute in Ganyuan.
func (c *town) quarrel(title string) casework.CaseID {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "test.quarrel", Title: title, Text: title, Unit: ganyuan, Source: "web",
		Contact: casework.Contact{Channel: "sms", Address: "13800001111", Name: "Li Applicant", Lang: "en"}})
	if err != nil {
		c.t.Fatal(err)
	}
	if cmd.Fields == nil {
		cmd.Fields = map[string]string{}
	}
	maps.Copy(cmd.Fields, opening(c.pack))
	r, err := c.city.Ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Case
}

// opening answers what the opening of the procedure asks.
func opening(p *pack.Pack) map[string]string {
	out := map[string]string{}
	for _, f := range p.Procedures["mediation"].Intake {
		if f.Required && len(f.Options) > 0 {
			out[f.Name] = f.Options[0]
		}
	}
	return out
}

// act does one act as the director, answering what is required with something that stands.
func (c *town) act(id casework.CaseID, act string, fields map[string]string) error {
	c.t.Helper()
	a, ok := c.pack.Procedures["mediation"].Act(act)
	if !ok {
		c.t.Fatalf("the procedure has no act %s any more", act)
	}
	all := map[string]string{}
	for _, f := range a.Fields {
		if !f.Required {
			continue
		}
		switch {
		case len(f.Options) > 0:
			all[f.Name] = f.Options[0]
		case f.Kind == "yes":
			all[f.Name] = "yes"
		case f.Kind == "date":
			all[f.Name] = monday.String()
		case f.Kind == "phone":
			all[f.Name] = "13900002222"
		default:
			all[f.Name] = "as it was"
		}
	}
	maps.Copy(all, fields)
	_, err := c.city.Ledger.Do(c.t.Context(), director("boss"), casework.Command{Case: id, Version: casework.AnyVersion, Act: act, Fields: all})
	return err
}

func (c *town) do(id casework.CaseID, act string, fields map[string]string) {
	c.t.Helper()
	if err := c.act(id, act, fields); err != nil {
		c.t.Fatalf("%s: %v", act, describe(err))
	}
}

func describe(err error) any {
	if no, ok := isRefusal(err); ok {
		return *no
	}
	return err
}

// accepted takes a dispute to where a mediator is named: both sides willing, seen and told.
func (c *town) accepted(title string) casework.CaseID {
	c.t.Helper()
	id := c.quarrel(title)
	c.do(id, "add_party", map[string]string{"name": "Wang Respondent", "phone": "13900003333", "side": "respondent"})
	c.do(id, "record_identity", map[string]string{"member": "m1"})
	c.do(id, "record_identity", map[string]string{"member": "m2"})
	c.do(id, "consent", map[string]string{"member": "m2"})
	c.do(id, "register", nil)
	c.do(id, "accept", nil)
	c.do(id, "serve_notice", map[string]string{"member": "m1"})
	c.do(id, "serve_notice", map[string]string{"member": "m2"})
	return id
}

// ready takes a dispute to where a session can be called, mediated by somebody of the roster.
func (c *town) ready(title, mediator string) casework.CaseID {
	c.t.Helper()
	id := c.accepted(title)
	c.do(id, "name_mediator", map[string]string{"name": mediator})
	c.do(id, "declare", map[string]string{"member": "m3", "interest": "none"})
	c.do(id, "begin", nil)
	return id
}

// mediator puts somebody on the roster of Ganyuan.
func (c *town) mediator(name string) Mediator {
	c.t.Helper()
	h, _ := parseHours(officeWeek)
	m := Mediator{Unit: ganyuan, Name: name, Fields: []string{"neighbour"}, Languages: []string{"mandarin"}, Hours: h, Listed: true, ChangedBy: "boss", Phone: "073112345678"}
	c.tx(func(ctx context.Context, tx *db.Tx) (err error) { m.ID, err = putMediator(ctx, tx, m); return err })
	m.Version = 1
	return m
}

func (c *town) room(name string, seats int) Room {
	c.t.Helper()
	h, _ := parseHours(officeWeek)
	r := Room{Unit: "guiyuan", Name: name, Place: "1 Garden Road", Seats: seats, Hours: h, ChangedBy: "boss"}
	c.tx(func(ctx context.Context, tx *db.Tx) (err error) { r.ID, err = putRoom(ctx, tx, r); return err })
	r.Version = 1
	return r
}

func (c *town) tx(step func(ctx context.Context, tx *db.Tx) error) {
	c.t.Helper()
	ctx := c.t.Context()
	if err := c.db.Transact(ctx, func(tx *db.Tx) error { return step(ctx, tx) }); err != nil {
		c.t.Fatal(err)
	}
}

// at is a time on a day counted from monday.
func (c *town) at(days, hour, minute int) time.Time {
	return on(monday+worktime.Day(days), hour*60+minute, c.pack.Zone)
}

// wish is a session of an hour and a half.
func (c *town) wish(r Room, begins time.Time) wish {
	return wish{Begins: begins, Ends: begins.Add(90 * time.Minute), Room: r, Mode: "joint", More: map[string]string{"open": "private"}, Off: map[string]string{"reason": "another time"}}
}

func (c *town) booking(who authz.Actor, id casework.CaseID) *booking {
	c.t.Helper()
	k, _ := c.city.Opened(c.t, id)
	l, _ := c.live(id)
	return &booking{service: c.s, p: c.pack, who: who, c: k, seen: seen{l.ID, l.Version}}
}

func (c *town) live(id casework.CaseID) (s Session, has bool) {
	c.t.Helper()
	c.tx(func(ctx context.Context, tx *db.Tx) (err error) { s, has, err = liveSession(ctx, tx, id); return err })
	return s, has
}

// letters carries what is owed and lists what was written under a template.
func (c *town) letters(template string) (out []courier.Message) {
	c.t.Helper()
	for {
		n, err := c.runner.RunDue(c.t.Context(), 100)
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
	all, err := c.post.Inbox(c.t.Context(), 200)
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
		t.Fatalf("got %v, want the refusal %s", describe(err), rule)
	}
}
