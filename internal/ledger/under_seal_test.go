package ledger_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"sync"
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
	"comity/internal/vault"
)

// underSeal is the demo's pack with service requests that end under seal.
func underSeal(words string) (*pack.Pack, error) {
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		return nil, err
	}
	files := maps.Clone(p.Files)
	const name = "procedures/service-request.yaml"
	files[name] = append([]byte(words+"\n"), ledgertest.Alone(files[name])...)
	fsys, err := pack.FromFiles(files)
	if err != nil {
		return nil, err
	}
	return pack.LoadWith(fsys, pack.In(os.DirFS("../../packs")), pack.Unsearched())
}

const (
	sealsAtClosure = `under_seal: {when: closure, hours: 24, law: {id: LJ-SR, article: "2"}}`
	sealsOnOrder   = `under_seal: {when: order, hours: 24, law: {id: LJ-SR, article: "2"}}`
	breaksGlass    = `break_glass: {minutes: 60, tell_hours: 24, review_days: 3, law: {id: LJ-SR, article: "2"}}`
)

var (
	closing  = sync.OnceValues(func() (*pack.Pack, error) { return underSeal(sealsAtClosure) })
	ordering = sync.OnceValues(func() (*pack.Pack, error) { return underSeal(sealsOnOrder + "\n" + breaksGlass) })
)

// sealCity is a city with two custodians.
type sealCity struct {
	city
	set    func(time.Time)
	files  [2][]byte
	alarms []ledger.Alarm
}

const passphrase = "long enough for a test"

var custodianKeys = sync.OnceValues(func() (files [2][]byte, keys [2]vault.CustodianKey) {
	for i := range files {
		var err error
		if files[i], keys[i], err = vault.NewCustodian(passphrase); err != nil {
			panic(err)
		}
	}
	return files, keys
})

func newSealCity(t *testing.T, d *db.DB, set func(time.Time), read func() (*pack.Pack, error)) *sealCity {
	t.Helper()
	p, err := read()
	if err != nil {
		t.Fatal(err)
	}
	c := &sealCity{set: set}
	town := ledgertest.OpenPack(t, d, p, func(o *ledger.Config) {
		o.Alarm = func(_ context.Context, _ *db.Tx, a ledger.Alarm) error { c.alarms = append(c.alarms, a); return nil }
	})
	c.city = city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: p}
	files, keys := custodianKeys()
	c.files = files
	for i, who := range []string{"custodian-one", "custodian-two"} {
		if err := c.l.Appoint(t.Context(), "the command line", who, keys[i], ""); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// person is somebody with a grant somewhere that has nothing to do with the cases of these tests.
func (c *sealCity) person(id string) authz.Actor {
	return authz.Staff(id, []authz.Grant{{Role: "officer", Unit: c.elsewhere()}})
}

func (c *sealCity) elsewhere() org.UnitID {
	far := org.UnitID("")
	for _, id := range c.pack.Units.All() {
		if u, _ := c.pack.Units.Unit(id); u.Level == org.Community && id != community(c.pack) {
			far = id
		}
	}
	return far
}

// closed opens a case and has the resident withdraw it.
func (c *sealCity) closed(key string) ledger.Receipt {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: request(c.pack), Title: "the quiet word quinceblossom", Text: "路面有一个大坑，已经三天了。", Unit: community(c.pack), Source: "web", Key: key,
		Contact: casework.Contact{Channel: "sms", Address: "13900000000", Name: "Li"}})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.l.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.l.Do(c.t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *sealCity) run() {
	c.t.Helper()
	if _, err := c.l.RunSeals(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// open has both custodians enter their halves.
func (c *sealCity) enter(id string) error {
	for i, who := range []string{"custodian-one", "custodian-two"} {
		v, err := c.l.Order(c.t.Context(), c.person(who), id)
		if err != nil {
			return err
		}
		half, err := vault.OpenShare(c.files[i], passphrase, v.Share)
		if err != nil {
			return err
		}
		if err := c.l.GiveShare(c.t.Context(), c.person(who), id, half); err != nil {
			return err
		}
	}
	return nil
}

func ask(ref string) ledger.Ask {
	return ledger.Ask{Case: ref, Reference: "(2026) 12", Authority: "the court", Law: "CPL 286", Why: "the file is needed", Hours: 24}
}

func (c *sealCity) ask(ref string) string {
	c.t.Helper()
	id, err := c.l.AskOrder(c.t.Context(), c.person("requester"), ask(ref), 24)
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

func refused(t *testing.T, err error, rule string) {
	t.Helper()
	var no *casework.Refusal
	if !errors.As(err, &no) || no.Rule != rule {
		t.Errorf("got %v, want the refusal %s", err, rule)
	}
}

func Test_a_case_that_ends_under_seal_is_to_everybody_as_if_it_had_never_been(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, closing)
		ctx := t.Context()
		r := c.closed("k")
		c.run()
		machine := authz.Machine().Scope()
		_, byRef := c.r.Case(ctx, machine, string(r.Ref))
		_, byCode := c.r.ByCode(ctx, r.Code)
		_, byID := c.r.ByID(ctx, machine, r.Case)
		_, look := c.l.Look(ctx, authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: "notice"})
		_, own := c.l.Look(ctx, authz.Holder(string(r.Case)), ledger.Ticket{Case: r.Case, Purpose: "own"})
		for name, err := range map[string]error{"number": byRef, "code": byCode, "key": byID, "the machine": look, "the resident": own, "verify": c.r.Verify(ctx, r.Case)} {
			if !errors.Is(err, ledger.ErrNotFound) && !errors.Is(err, db.ErrNoRows) {
				t.Errorf("by %s: %v, want that there is none", name, err)
			}
		}
		for _, f := range []ledger.Filter{{}, {Closed: true}, {Words: []ledger.Word{{Text: "quinceblossom"}}, Both: true}, {Words: []ledger.Word{{Text: "quinceblossom"}}, Closed: true}, {Words: []ledger.Word{{Text: string(r.Ref)}}, Closed: true}} {
			if page, err := c.r.Worklist(ctx, machine, f); err != nil || len(page.Items) > 0 {
				t.Errorf("%+v lists %d, %v", f, len(page.Items), err)
			}
		}
		if events, err := c.r.Events(ctx, r.Case); err != nil || len(events) > 0 {
			t.Errorf("%d events are still there, %v", len(events), err)
		}
		_, err := c.l.Do(ctx, everyone(c.pack), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "accept"})
		refused(t, err, "case.unknown")
		c.counts(map[string]int{"cases": 0, "events": 0, "worklist": 0, "timers": 0, "subjects": 0, "sealed_cases": 1, "seal_due": 0})
		if n, err := c.r.VerifyAll(ctx, func(bad error) { t.Error(bad) }); err != nil || n.Cases != 1 {
			t.Errorf("verified %d, %v", n, err)
		}
		again, err := c.open("k") // the same key with another command, which would be refused if the case were there
		if err != nil || again.Replayed || again.Case == r.Case {
			t.Errorf("the key of its command gave %+v, %v; want a case of its own", again, err)
		}
	})
}

func Test_only_a_closed_case_with_two_custodians_goes_under_seal(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, ordering)
		ctx := t.Context()
		r, err := c.open("o")
		if err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.Seal(ctx, authz.Machine(), r.Case, ledger.SealByOrder, procedure.Law{}), "seal.open")
		done := c.closed("k")
		refused(t, c.l.Seal(ctx, c.person("stranger"), done.Case, ledger.SealByOrder, procedure.Law{}), "case.unknown")
		if err := c.l.Seal(ctx, everyone(c.pack), done.Case, ledger.SealByOrder, procedure.Law{}); err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.Seal(ctx, everyone(c.pack), done.Case, ledger.SealByOrder, procedure.Law{}), "case.unknown")
	})
}

func Test_an_order_opens_one_case_for_one_person_for_a_time(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, closing)
		ctx := t.Context()
		r := c.closed("k")
		other := c.closed("k2")
		c.run()
		id := c.ask(string(r.Ref))
		_, err := c.l.LookUnder(ctx, c.person("requester"), ledger.Ticket{Order: id, Purpose: "review", Level: authz.Identity})
		if !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("before the shares: %v", err)
		}
		refused(t, c.l.GiveShare(ctx, c.person("custodian-one"), id, "half:AAAA"), "order.share")
		if err := c.enter(id); err != nil {
			t.Fatal(err)
		}
		look, err := c.l.LookUnder(ctx, c.person("requester"), ledger.Ticket{Order: id, Purpose: "review", Level: authz.Identity})
		if err != nil {
			t.Fatal(err)
		}
		if k := look.Case(); k.Contact.Name != "Li" || !strings.Contains(k.Title, "quinceblossom") || len(look.Events()) != 2 || look.Ground != "order" || look.Order != id {
			t.Errorf("the look shows %+v on ground %s under %s", k, look.Ground, look.Order)
		}
		for _, who := range []string{"custodian-one", "stranger"} {
			if _, err := c.l.LookUnder(ctx, c.person(who), ledger.Ticket{Order: id, Purpose: "review"}); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%s looks: %v", who, err)
			}
		}
		if _, err := c.l.Look(ctx, c.person("requester"), ledger.Ticket{Case: other.Case, Order: id, Purpose: "review"}); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a second case under the same order: %v", err)
		}
		set(dbtest.Start.Add(25 * time.Hour))
		if _, err := c.l.LookUnder(ctx, c.person("requester"), ledger.Ticket{Order: id, Purpose: "review"}); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("after its time: %v", err)
		}
		c.run()
		if kept := texts(t, d, `SELECT wrapped FROM seal_orders WHERE wrapped <> '' OR given_a <> '' OR given_b <> ''`); len(kept) > 0 {
			t.Error("a copy of the key outlived the order")
		}
		v, err := c.l.Order(ctx, c.person("requester"), id)
		if err != nil || v.State != ledger.OrderEnded {
			t.Fatalf("%+v, %v", v, err)
		}
		told := ""
		for _, x := range v.Steps {
			told += x.What + " "
		}
		for _, want := range []string{"asked", "wrong_share", "share", "opened", "look_refused", "ended"} {
			if !strings.Contains(told, want) {
				t.Errorf("%q is not among what was written down: %s", want, told)
			}
		}
		if n, err := c.r.VerifyAll(ctx, func(bad error) { t.Error(bad) }); err != nil || n.Cases != 2 {
			t.Errorf("verified %d, %v", n, err)
		}
	})
}

func Test_halves_that_were_entered_once_open_nothing_again(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, closing)
		r := c.closed("k")
		c.run()
		first, waiting := c.ask(string(r.Ref)), c.ask(string(r.Case))
		v, err := c.l.Order(t.Context(), c.person("custodian-one"), first)
		if err != nil {
			t.Fatal(err)
		}
		half, err := vault.OpenShare(c.files[0], passphrase, v.Share)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.enter(first); err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.GiveShare(t.Context(), c.person("custodian-one"), waiting, half), "order.share")
		if err := c.enter(waiting); err != nil { // with the fresh ones, by its key instead of its number
			t.Error(err)
		}
	})
}

func Test_who_asks_and_both_custodians_are_three_persons(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, closing)
		ctx := t.Context()
		r := c.closed("k")
		c.run()
		_, keys := custodianKeys()
		if err := c.l.Appoint(ctx, "x", "custodian-one", keys[1], "custodian-two"); err == nil {
			t.Error("one account became both custodians")
		}
		_, err := c.l.AskOrder(ctx, c.person("custodian-one"), ask(string(r.Ref)), 24)
		refused(t, err, "order.self")
		long := ask(string(r.Ref))
		long.Hours = 25
		_, err = c.l.AskOrder(ctx, c.person("requester"), long, 24)
		refused(t, err, "order.hours")
		id := c.ask(string(r.Ref))
		v, err := c.l.Order(ctx, c.person("custodian-one"), id)
		if err != nil {
			t.Fatal(err)
		}
		half, err := vault.OpenShare(c.files[0], passphrase, v.Share)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.GiveShare(ctx, c.person("custodian-two"), id, half), "order.share")
		refused(t, c.l.GiveShare(ctx, c.person("requester"), id, half), "order.self")
		if err := c.l.GiveShare(ctx, c.person("custodian-one"), id, half); err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.GiveShare(ctx, c.person("custodian-one"), id, half), "order.given")
		if _, err := c.l.Order(ctx, c.person("stranger"), id); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a stranger sees the order: %v", err)
		}
		if err := c.l.EndOrder(ctx, c.person("custodian-two"), id); err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.GiveShare(ctx, c.person("custodian-two"), id, half), "order.over")
	})
}

func Test_an_order_for_what_never_was_looks_the_same_until_both_halves_are_there(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, closing)
		ctx := t.Context()
		r := c.closed("k")
		c.run()
		real, none := c.ask(string(r.Ref)), c.ask("SR-20-999999")
		for _, who := range []string{"requester", "custodian-one", "custodian-two"} {
			a, err := c.l.Order(ctx, c.person(who), real)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.l.Order(ctx, c.person(who), none)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Share) != len(b.Share) || a.State != b.State || a.Given != b.Given || a.Custodians != b.Custodians || len(a.Steps) != len(b.Steps) || !a.Until.Equal(b.Until) {
				t.Errorf("%s can tell them apart: %+v and %+v", who, a, b)
			}
		}
		if err := c.enter(none); err != nil {
			t.Fatal(err)
		}
		if v, err := c.l.Order(ctx, c.person("requester"), none); err != nil || v.State != ledger.OrderVoid {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func Test_a_case_that_an_old_backup_brings_back_is_sealed_again(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		ring := vault.Memory("civic", "std")
		p, err := closing()
		if err != nil {
			t.Fatal(err)
		}
		c := newSealCity(t, d, set, closing)
		town := ledgertest.OpenPack(t, d, p, func(o *ledger.Config) { o.Ring = ring })
		c.l, c.r = town.Ledger, town.Reader
		r := c.closed("k")
		if _, err := c.l.Reconcile(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if n, err := c.l.SealAgain(t.Context()); err != nil || n != 0 {
			t.Fatalf("%d to be sealed again before anything was sealed, %v", n, err)
		}
		if err := ring.MarkDestroyed("sealed:" + string(r.Case)); err != nil { // as if it had been sealed after this backup
			t.Fatal(err)
		}
		if n, err := c.l.SealAgain(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d to be sealed again, %v", n, err)
		}
		c.run()
		c.counts(map[string]int{"cases": 0, "sealed_cases": 1})
	})
}

func (c *sealCity) glass(who authz.Actor, ref string) (string, error) {
	return c.l.BreakGlass(c.t.Context(), who, ref, "life", "somebody may be hurt")
}

func Test_in_an_emergency_one_case_opens_for_its_minutes_and_everybody_is_told(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, ordering)
		ctx := t.Context()
		r, err := c.open("a")
		if err != nil {
			t.Fatal(err)
		}
		second, err := c.open("b")
		if err != nil {
			t.Fatal(err)
		}
		who := c.person("worker")
		if _, err := c.l.Look(ctx, who, ledger.Ticket{Case: r.Case, Purpose: "review"}); !errors.Is(err, ledger.ErrNotFound) {
			t.Fatalf("the worker reads the case anyway: %v", err)
		}
		id, err := c.glass(who, string(r.Ref))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.alarms) != 1 || c.alarms[0].To != "unit" || c.alarms[0].Unit == "" {
			t.Errorf("told at once: %+v", c.alarms)
		}
		look, err := c.l.LookUnder(ctx, who, ledger.Ticket{Order: id, Purpose: "review", Level: authz.Identity})
		if err != nil || look.Ground != "break_glass" || look.Order != id || look.Case().Text == casework.Veil {
			t.Fatalf("the look: %+v, %v", look, err)
		}
		if again, err := c.glass(who, string(r.Ref)); err != nil || again != id {
			t.Errorf("the same case again: %s, %v; want the same emergency", again, err)
		}
		_, err = c.glass(who, string(second.Ref))
		refused(t, err, "glass.second")
		if _, err := c.l.LookUnder(ctx, c.person("colleague"), ledger.Ticket{Order: id, Purpose: "review"}); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a colleague looks: %v", err)
		}
		if page, err := c.r.Worklist(ctx, who.Scope(), ledger.Filter{}); err != nil || len(page.Items) > 0 {
			t.Errorf("lists hold %d, %v", len(page.Items), err)
		}
		if _, err := c.r.Case(ctx, who.Scope(), string(r.Ref)); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the reader finds it: %v", err)
		}
		set(dbtest.Start.Add(61 * time.Minute))
		if _, err := c.l.LookUnder(ctx, who, ledger.Ticket{Order: id, Purpose: "review"}); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("after its minutes: %v", err)
		}
		set(dbtest.Start.Add(13 * time.Hour))
		c.run()
		if len(c.alarms) != 2 || c.alarms[1].To != "resident" {
			t.Errorf("the person was not told within the day: %+v", c.alarms)
		}
		set(dbtest.Start.Add(10 * 24 * time.Hour))
		_, err = c.glass(who, string(second.Ref))
		refused(t, err, "glass.review")
		refused(t, c.l.ReviewGlass(ctx, who, id, "justified", "it was"), "glass.self")
		guard := c.guard("guard")
		if err := c.l.ReviewGlass(ctx, guard, id, "not_justified", "a call would have done"); err != nil {
			t.Fatal(err)
		}
		refused(t, c.l.ReviewGlass(ctx, guard, id, "justified", "again"), "glass.reviewed")
		if _, err := c.glass(who, string(second.Ref)); err != nil {
			t.Errorf("after the review: %v", err)
		}
	})
}

// guard is somebody who looks after data in the whole city.
func (c *sealCity) guard(id string) authz.Actor {
	table := authz.NewTable(c.pack.Units, []authz.Declared{{Role: "privacy", Privacy: true}}, nil)
	return authz.Staff(id, []authz.Grant{{Role: "privacy", Unit: c.pack.Units.Root()}}).Under(table)
}

func Test_telling_the_person_waits_only_under_an_article_and_until_a_day(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, ordering)
		ctx := t.Context()
		r, err := c.open("a")
		if err != nil {
			t.Fatal(err)
		}
		who, guard := c.person("worker"), c.guard("guard")
		id, err := c.glass(who, string(r.Ref))
		if err != nil {
			t.Fatal(err)
		}
		until := dbtest.Start.Add(5 * 24 * time.Hour)
		refused(t, c.l.DelayTelling(ctx, guard, id, procedure.Law{ID: "PIPL"}, until), "glass.delay.law")
		refused(t, c.l.DelayTelling(ctx, who, id, procedure.Law{ID: "PIPL", Article: "18"}, until), "glass.self")
		if err := c.l.DelayTelling(ctx, guard, id, procedure.Law{ID: "PIPL", Article: "18"}, until); err != nil {
			t.Fatal(err)
		}
		set(dbtest.Start.Add(25 * time.Hour))
		if c.run(); len(c.alarms) != 1 {
			t.Errorf("the person was told although it was delayed: %+v", c.alarms)
		}
		set(until.Add(time.Minute))
		if c.run(); len(c.alarms) != 2 {
			t.Error("the delay is over and the person has not been told")
		}
		refused(t, c.l.DelayTelling(ctx, guard, id, procedure.Law{ID: "PIPL", Article: "18"}, until.Add(time.Hour)), "glass.told")
	})
}

func Test_the_glass_breaks_only_where_the_pack_says_so_and_never_under_seal(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newSealCity(t, d, set, closing) // no break_glass in this one
		r, err := c.open("a")
		if err != nil {
			t.Fatal(err)
		}
		sealed := c.closed("k")
		c.run()
		for name, ref := range map[string]string{"a pack that does not say so": string(r.Ref), "a case under seal": string(sealed.Ref), "a case that never was": "SR-20-999999"} {
			if _, err := c.glass(c.person("worker"), ref); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(c.alarms) > 0 {
			t.Errorf("alarms: %+v", c.alarms)
		}
		_, err = c.l.BreakGlass(t.Context(), c.person("worker"), string(r.Ref), "curiosity", "x")
		refused(t, err, "glass.reason")
		_, err = c.l.BreakGlass(t.Context(), c.person("worker"), string(r.Ref), "life", " ")
		refused(t, err, "glass.words")
	})
}
