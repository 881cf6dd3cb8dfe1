package ledger_test

import (
	"errors"
	"slices"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
)

func Test_a_member_has_a_key_that_opens_their_part_of_one_case_and_nothing_else(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := ledgertest.Quarrel(t, "../../packs")
		made := ledgertest.OpenPack(t, d, p)
		c := &city{t: t, db: d, l: made.Ledger, r: made.Reader, pack: p}
		open := func(key string) casework.Case {
			cmd, err := intake.Command(p, intake.Report{Category: request(p), Title: told, Text: told, Unit: community(p), Source: "web", Key: key,
				Contact: casework.Contact{Name: "段小雨", Channel: "sms", Address: phone}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.l.Do(t.Context(), authz.Reporter(), cmd)
			if err != nil {
				t.Fatal(err)
			}
			return c.all(r.Case)
		}
		do := func(k casework.Case, who authz.Actor, act string, fields map[string]string) error {
			_, err := c.l.Do(t.Context(), who, casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: act, Fields: fields})
			return err
		}
		k, other := open("one"), open("two")
		clerk := authz.Staff("chen", []authz.Grant{{Role: "clerk", Unit: k.Holder}, {Role: "officer", Unit: k.Holder}})
		for _, name := range []string{"钱大中", "孙小梅"} {
			if err := do(k, clerk, "add_party", map[string]string{"name": name, "phone": "13700000001"}); err != nil {
				t.Fatal(err)
			}
		}
		if own := c.member(k.ID, "m1"); !own.Own || own.Code != "" {
			t.Errorf("whoever filed is %+v; the code of the case is their key", own)
		}
		second := c.member(k.ID, "m2")
		third := c.member(k.ID, "m3")
		if second.Code == "" || second.Code == third.Code || second.Code == k.Code {
			t.Fatalf("keys %q, %q and %q of the case", second.Code, third.Code, k.Code)
		}
		found, m, err := c.r.ByMember(t.Context(), second.Code)
		if err != nil || found.ID != k.ID || m.ID != "m2" || found.Title != casework.Veil && found.Text != casework.Veil {
			t.Fatalf("the key finds %s %+v: %v", found.Ref, m, err)
		}
		if _, _, err := c.r.ByMember(t.Context(), k.Code); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the code of the case opens a member's page: %v", err)
		}
		if _, err := c.r.ByCode(t.Context(), second.Code); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the key of a member opens the case: %v", err)
		}
		zhao := authz.Party(string(k.ID), "m2")
		look, err := c.l.Look(t.Context(), zhao, ledger.Ticket{Case: k.ID, Purpose: ledger.PurposeOwn, Level: authz.Story})
		if err != nil {
			t.Fatal(err)
		}
		seen := look.Case()
		if seen.Title != told || seen.Contact.Address != casework.Veil || seen.Contact.Name != casework.Veil || seen.Code != casework.Veil {
			t.Errorf("a member is shown %q, %+v, code %q", seen.Title, seen.Contact, seen.Code)
		}
		for _, x := range seen.Members[1:] {
			if x.Name != casework.Veil || x.Contact.Address != casework.Veil || x.Code != casework.Veil {
				t.Errorf("a member is shown of another one %+v", x)
			}
		}
		for what, err := range map[string]error{
			"who the others are": lookErr(c, zhao, k.ID, authz.Identity),
			"another case":       lookErr(c, zhao, other.ID, authz.Story),
			"a member not there": lookErr(c, authz.Party(string(k.ID), "m9"), k.ID, authz.Story),
		} {
			if !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := do(k, zhao, "agree", nil); err != nil {
			t.Errorf("a member agrees: %v", err)
		}
		var no *casework.Refusal
		if err := do(k, zhao, "agree", map[string]string{"member": "m3"}); !errors.As(err, &no) {
			t.Errorf("a member agrees for another: %v", err)
		}
		if err := do(other, zhao, "agree", nil); !errors.As(err, &no) {
			t.Errorf("a member agrees in another case: %v", err)
		}
		now := c.all(k.ID)
		if x, _ := now.Member("m2"); x.Marks["consent"] != "given" {
			t.Errorf("agreed, and stands at %v", x.Marks)
		}
		if x, _ := now.Member("m3"); x.Marks["consent"] != "asked" {
			t.Errorf("another stands at %v", x.Marks)
		}
		c.verified()
		if err := do(k, clerk, "remove", map[string]string{"member": "m2"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.r.ByMember(t.Context(), second.Code); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the key of one who left still opens the case: %v", err)
		}
		if err := lookErr(c, zhao, k.ID, authz.Story); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("one who left still looks: %v", err)
		}
		c.verified()
		// Somebody with the tables under their hands gives a key they know to a member.
		if err := d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE member_keys SET code = ?1 WHERE member = 'm3'`, "forged")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := c.differences(); !slices.Contains(got, ledger.DiffMember+" m3") {
			t.Errorf("verify finds %v", got)
		}
		if err := do(k, authz.Holder(string(k.ID)), "withdraw", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.l.Erase(t.Context(), authz.Machine(), k.ID, ledger.GroundUnlawful, pipl, "file 7"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.r.ByMember(t.Context(), third.Code); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a key opens what was erased: %v", err)
		}
		c.verified()
	})
}

// all is the case with everything in it, as the courier reads it.
func (c *city) all(id casework.CaseID) casework.Case {
	c.t.Helper()
	look, err := c.l.Look(c.t.Context(), authz.Machine(), ledger.Ticket{Case: id, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		c.t.Fatal(err)
	}
	return look.Case()
}

func (c *city) member(id casework.CaseID, name string) casework.Member {
	c.t.Helper()
	k := c.all(id)
	m, ok := k.Member(name)
	if !ok {
		c.t.Fatalf("case %s has no member %s", k.Ref, name)
	}
	return m
}

func lookErr(c *city, who authz.Actor, id casework.CaseID, level authz.Level) error {
	_, err := c.l.Look(c.t.Context(), who, ledger.Ticket{Case: id, Purpose: ledger.PurposeOwn, Level: level})
	return err
}

func (c *city) differences() []string {
	c.t.Helper()
	var out []string
	_, err := c.r.VerifyAll(c.t.Context(), func(err error) {
		var d *ledger.Difference
		if errors.As(err, &d) {
			out = append(out, d.What+" "+d.Of)
		} else {
			c.t.Error(err)
		}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *city) verified() {
	c.t.Helper()
	if got := c.differences(); len(got) > 0 {
		c.t.Errorf("verify finds %v", got)
	}
}
