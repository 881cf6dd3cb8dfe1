package dataaccess

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
)

// town is the programme over a real ledger.
type town struct {
	t    *testing.T
	db   *db.DB
	city *ledgertest.City
	pack *pack.Pack
	prog programme.Programme
	set  func(time.Time)
}

func newTown(t *testing.T, d *db.DB, set func(time.Time)) *town {
	t.Helper()
	if err := Migrate(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	p, err := ledgertest.Sound(os.DirFS("../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, db: d, pack: p, set: set}
	c.prog = New(Deps{DB: d, Packs: pack.NewRegistry(p), Index: func(kind, value string) string { return kind + " of " + value }})
	c.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) { cfg.Project = c.prog.Project })
	return c
}

func each(t *testing.T, run func(t *testing.T, c *town)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(t, newTown(t, d, set)) })
}

// staff is somebody of a unit.
func staff(id string, unit org.UnitID, role authz.Role) authz.Actor {
	return authz.Staff(id, []authz.Grant{{Role: role, Unit: unit}})
}

var clerk = staff("zhou", "guiyuan", "clerk")

// ask drafts a data request at the counter.
func (c *town) ask(application, question string) (casework.Case, error) {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "data.request", Title: "Means", Text: "Means of the household.", Unit: "guiyuan-ganyuan", Source: "counter",
		Fields: map[string]string{"application": application, "question": question, "need": "The condition of assistance."}})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.open(cmd)
}

func (c *town) open(cmd casework.Command) (casework.Case, error) {
	c.t.Helper()
	r, err := c.city.Ledger.Do(c.t.Context(), clerk, cmd)
	if err != nil {
		return casework.Case{}, err
	}
	k, err := c.city.Reader.ByCode(c.t.Context(), r.Code)
	if err != nil {
		c.t.Fatal(err)
	}
	return k, nil
}

func (c *town) must(k casework.Case, err error) casework.Case {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

func (c *town) does(who authz.Actor, k casework.Case, act string, kv ...string) error {
	fields := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		fields[kv[i]] = kv[i+1]
	}
	_, err := c.city.Ledger.Do(c.t.Context(), who, casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: act, Fields: fields})
	return err
}

func (c *town) done(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *town) try(step func(ctx context.Context, tx *db.Tx) error) error {
	ctx := c.t.Context()
	return c.db.Transact(ctx, func(tx *db.Tx) error { return step(ctx, tx) })
}

// said finds the rule by which a field was refused.
func said(t *testing.T, err error, field, rule string) {
	t.Helper()
	var no *casework.Refusal
	if !errors.As(err, &no) || len(no.Fields) != 1 || no.Fields[0].Field != field || no.Fields[0].Rule != rule {
		t.Fatalf("got %v, want field %s refused by %s", err, field, rule)
	}
}

var officer, holder = staff("zeng", "binjiang", "officer"), func(k casework.Case) authz.Actor { return authz.Holder(string(k.ID)) }

func noLaw(l procedure.Law) string { return l.ID }
