package consent_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/vault"
)

// desk is a compartment with one case of its kind, and a worker who has it.
type desk struct {
	t      *testing.T
	book   *consent.Book
	worker authz.Actor
	holder authz.Actor
	id     casework.CaseID
	city   *ledgertest.City
}

func newDesk(t *testing.T, d *db.DB, category string) *desk {
	t.Helper()
	ctx := context.Background()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	compartment := p.ProcedureFor(category).Compartment
	ring := vault.FromSeed(vault.Compartment(compartment), "std", []byte("consents"))
	city := ledgertest.OpenPack(t, d, p, func(c *ledger.Config) { c.Ring = ring })
	if err := consent.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	x := &desk{t: t, city: city, book: &consent.Book{DB: d, Ring: ring, Ledger: city.Ledger, Reader: city.Reader, Packs: city.Packs}}
	unit := p.RouteTo(category, "guiyuan-ganyuan")
	x.worker = authz.Staff("w", []authz.Grant{{Role: authz.Role(compartment + "_worker"), Unit: unit}}).Under(p.Rules).In(compartment)
	fields := map[string]string{}
	switch category {
	case "support.young":
		fields = map[string]string{"source": "self", "from_14": "under"}
	case "support.carer", "support.mind":
		for _, f := range p.ProcedureFor(category).Intake {
			if len(f.Options) > 0 {
				fields[f.Name] = f.Options[0]
			}
		}
	}
	got, err := city.Ledger.Do(ctx, authz.Reporter(), casework.Command{Version: casework.AnyVersion, Fields: fields, Open: &casework.Opening{
		Unit: unit, Category: category, Title: "A matter", Text: "Words.", Source: "self", Place: casework.Place{Unit: org.UnitID("guiyuan-ganyuan")}}})
	if err != nil {
		t.Fatal(err)
	}
	x.id, x.holder = got.Case, authz.Holder(string(got.Case))
	return x
}

func (x *desk) ask(minor bool) consent.Consent {
	x.t.Helper()
	c, err := x.book.Ask(context.Background(), x.worker, consent.Ask{Case: x.id, Notice: "help-elsewhere", Version: "1", Minor: minor,
		Scope: consent.Scope{Purposes: []string{"work"}, Recipients: []string{"employment_office"}}})
	if err != nil {
		x.t.Fatal(err)
	}
	return c
}

func (x *desk) yes(c consent.Consent) (consent.Consent, consent.Receipt) {
	x.t.Helper()
	c, r, err := x.book.Answer(context.Background(), x.holder, c.ID, consent.Answer{Agree: true, Giver: consent.Self})
	if err != nil {
		x.t.Fatal(err)
	}
	return c, r
}

func (x *desk) allows(purpose string) bool {
	x.t.Helper()
	_, ok, err := x.book.Allows(context.Background(), x.id, purpose, "employment_office", "needs")
	if err != nil {
		x.t.Fatal(err)
	}
	return ok
}

// rule is the rule by which something was refused.
func rule(err error) string {
	var no *casework.Refusal
	if errors.As(err, &no) {
		return no.Rule
	}
	return ""
}

func sound(x *desk, want int) {
	x.t.Helper()
	n, err := x.book.Verify(context.Background(), func(err error) { x.t.Error(err) })
	if err != nil || n != want {
		x.t.Errorf("%d rows verified (%v), want %d", n, err, want)
	}
}

func Test_a_consent_is_asked_for_given_used_and_taken_back_and_the_matter_goes_on(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		x := newDesk(t, d, "support.carer")
		ctx := context.Background()
		before, err := x.city.Reader.ByID(ctx, authz.Machine().Scope(), x.id)
		if err != nil {
			t.Fatal(err)
		}
		c := x.ask(false)
		if x.allows("work") {
			t.Error("what was only asked for permits already")
		}
		c, r := x.yes(c)
		if !x.allows("work") || c.Status != consent.Given {
			t.Error("the consent permits nothing")
		}
		if x.allows("housing") {
			t.Error("it is used for another purpose")
		}
		if _, err := x.book.Withdraw(ctx, x.holder, c.ID); err != nil || x.allows("work") {
			t.Error(err, "it is used after it was taken back")
		}
		if _, status, err := x.book.Check(ctx, []byte(r.Compact())); err != nil || status != consent.Withdrawn || x.allows("work") {
			t.Error("a receipt shown again:", status, err)
		}
		after, err := x.city.Reader.ByID(ctx, authz.Machine().Scope(), x.id)
		if err != nil || after.State != before.State || after.Seq != before.Seq {
			t.Error("the withdrawal changed the case", err)
		}
		sound(x, 3)
	})
}

func Test_what_has_ended_stays_ended(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.carer")
	ctx := context.Background()
	given, _ := x.yes(x.ask(false))
	if _, err := x.book.Withdraw(ctx, x.holder, given.ID); err != nil {
		t.Fatal(err)
	}
	refused := x.ask(false)
	if _, _, err := x.book.Answer(ctx, x.holder, refused.ID, consent.Answer{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{given.ID, refused.ID} {
		for name, act := range map[string]func() error{
			"yes": func() error {
				_, _, err := x.book.Answer(ctx, x.holder, id, consent.Answer{Agree: true, Giver: consent.Self})
				return err
			},
			"no":         func() error { _, _, err := x.book.Answer(ctx, x.holder, id, consent.Answer{}); return err },
			"invalidate": func() error { _, err := x.book.Invalidate(ctx, x.worker, id); return err },
			"renew":      func() error { _, err := x.book.Renew(ctx, x.worker, id); return err },
		} {
			if got := rule(act()); got != "consent.step" {
				t.Errorf("%s after the end: %q", name, got)
			}
		}
	}
	if x.allows("work") {
		t.Error("it permits something again")
	}
}

func Test_a_consent_never_goes_beyond_what_was_told_or_asked(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.carer")
	ctx := context.Background()
	ask := consent.Ask{Case: x.id, Notice: "help-elsewhere", Version: "1"}
	for want, change := range map[string]func(*consent.Ask){
		"consent.wider":  func(a *consent.Ask) { a.Scope.Purposes = []string{"advertising"} },
		"consent.longer": func(a *consent.Ask) { a.Scope.Days = 366 },
		"consent.notice": func(a *consent.Ask) { a.Version = "2" },
		"case.unknown":   func(a *consent.Ask) { a.Case = "zzz" },
	} {
		a := ask
		change(&a)
		if _, err := x.book.Ask(ctx, x.worker, a); rule(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	forged := ask
	forged.Digest = strings.Repeat("0", 64)
	if _, err := x.book.Ask(ctx, x.worker, forged); rule(err) != "consent.notice" {
		t.Error("a forged version of the notice was taken:", err)
	}
	c := x.ask(false)
	_, _, err := x.book.Answer(ctx, x.holder, c.ID, consent.Answer{Agree: true, Giver: consent.Self, Only: consent.Scope{Purposes: []string{"work", "care"}}})
	if rule(err) != "consent.wider" {
		t.Error("the yes was wider than the question:", err)
	}
}

func Test_nobody_else_answers_or_asks(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.carer")
	ctx := context.Background()
	c := x.ask(false)
	for _, who := range []authz.Actor{authz.Holder("another"), authz.Reporter(), {}, authz.Staff("stranger", []authz.Grant{{Role: "mental_worker", Unit: "guiyuan"}}).Under(x.city.Pack.Rules).In("mental")} {
		if _, _, err := x.book.Answer(ctx, who, c.ID, consent.Answer{Agree: true, Giver: consent.Self, Evidence: "paper"}); rule(err) == "" {
			t.Errorf("%q answered: %v", who.ID(), err)
		}
	}
	if _, err := x.book.Ask(ctx, x.holder, consent.Ask{Case: x.id, Notice: "help-elsewhere", Version: "1"}); rule(err) == "" {
		t.Error("a resident asked themselves")
	}
}

func Test_for_a_minor_a_guardian_agrees_and_says_how_that_is_known(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.young")
	ctx := context.Background()
	c := x.ask(true)
	for want, a := range map[string]consent.Answer{
		"consent.minor":    {Agree: true, Giver: consent.Self},
		"consent.evidence": {Agree: true, Giver: consent.Guardian, Evidence: "  "},
		"consent.giver":    {Agree: true, Giver: "neighbour", Evidence: "knows them"},
	} {
		if _, _, err := x.book.Answer(ctx, x.holder, c.ID, a); rule(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := x.book.Answer(ctx, x.holder, c.ID, consent.Answer{Agree: true, Giver: consent.Guardian, Evidence: "household register"}); err != nil {
		t.Error(err)
	}
}

func Test_where_a_duty_is_carried_out_nobody_is_asked(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.carer")
	d := x.city.Pack.Procedures["support-carer"]
	was := d.Basis
	defer func() { d.Basis = was }()
	d.Basis.Ground = "duty"
	if _, err := x.book.Ask(context.Background(), x.worker, consent.Ask{Case: x.id, Notice: "help-elsewhere", Version: "1"}); rule(err) != "consent.duty" {
		t.Error(err)
	}
}

func Test_a_consent_ends_with_its_time_and_a_clock_set_back_dates_nothing_earlier(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		x := newDesk(t, d, "support.carer")
		ctx := context.Background()
		c, _ := x.yes(x.ask(false))
		set(c.Given.Add(-48 * time.Hour))
		back := x.ask(false)
		if back, _, err := x.book.Answer(ctx, x.holder, back.ID, consent.Answer{Agree: true, Giver: consent.Self}); err != nil || back.Given.Before(back.Requested) {
			t.Error("given before it was asked for", err)
		}
		set(c.Until)
		if x.allows("work") {
			t.Error("it permits after its time, before anybody ended it")
		}
		if _, err := x.book.Expire(ctx, x.worker); rule(err) == "" {
			t.Error("somebody other than the machine ended it")
		}
		if n, err := x.book.Expire(ctx, authz.Machine()); err != nil || n != 2 {
			t.Error(n, err)
		}
		sound(x, 6)
	})
}

func Test_a_renewal_ends_the_old_consent_when_the_new_one_is_given_and_not_before(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.carer")
	ctx := context.Background()
	old, _ := x.yes(x.ask(false))
	next, err := x.book.Renew(ctx, x.worker, old.ID)
	if err != nil || !x.allows("work") {
		t.Fatal(err, "the old one ended with the question")
	}
	x.yes(next)
	got, err := x.book.For(ctx, x.holder, old.ID)
	if err != nil || got.Status != consent.Renewed || got.Renewal != next.ID || !x.allows("work") {
		t.Error(got, err)
	}
	sound(x, 5)
}

func Test_a_receipt_that_was_changed_or_made_by_others_is_not_believed(t *testing.T) {
	x := newDesk(t, dbtest.OpenSQLite(t), "support.carer")
	ctx := context.Background()
	_, r := x.yes(x.ask(false))
	key := x.book.Ring.Public().String()
	if _, err := consent.ParseReceipt([]byte("https://city.example/consent/receipt#"+r.Compact()), key); err != nil {
		t.Error(err)
	}
	wider := r
	wider.Purposes = append(wider.Purposes, "housing")
	raw, err := json.Marshal(wider)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consent.ParseReceipt(raw, key); !errors.Is(err, consent.ErrForged) {
		t.Error(err)
	}
	if _, _, err := x.book.Check(ctx, raw); !errors.Is(err, consent.ErrForged) {
		t.Error(err)
	}
	if _, err := consent.ParseReceipt([]byte(r.Compact()), "std:another"); !errors.Is(err, consent.ErrKey) {
		t.Error(err)
	}
	for _, bad := range []string{"", "C1.", "C1.e30", "{}", r.Compact()[:40]} {
		if _, err := consent.ParseReceipt([]byte(bad), key); err == nil {
			t.Errorf("%q was believed", bad)
		}
	}
}
