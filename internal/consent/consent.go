// Package consent keeps what people agreed to: under which version of which notice, for what, until when,
// and that they took it back.
//
// A consent belongs to a case and names no person. It is a subset of a notice of the pack: never more than
// the person was told. Once given it does not change; what happens to it (withdrawn, expired, renewed,
// found invalid) is a further row with a leaf in the log, under a hash that covers all before it. The
// person gets a signed receipt at once.
//
// It refuses to be asked where the law leaves no choice, to take a minor's consent without a guardian, to
// date anything but now, and to take a receipt as a permission: who wants to use data asks Allows, which
// reads how the consent stands at that moment. Withdrawing changes no case: no service that is owed ends.
//
// Open this file first; change.go is the table of what may follow what, receipt.go what the person takes
// home, store.go has all SQL.
package consent

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Leaf is the kind of a consent's leaves in the log.
const Leaf = "consent"

// Who can give a consent.
const (
	Self           = "self"
	Guardian       = "guardian"
	Representative = "representative"
)

// Givers lists them.
var Givers = []string{Self, Guardian, Representative}

// Scope is what a consent covers. Every word is one of the notice's.
type Scope struct {
	Purposes   []string `json:"purposes"`
	Recipients []string `json:"recipients"`
	Categories []string `json:"categories"`
	Days       int      `json:"days"` // how long it lasts once given
}

// Consent is one consent as it stands.
type Consent struct {
	ID      string          `json:"id"`
	Case    casework.CaseID `json:"case"`
	Notice  string          `json:"notice"`
	Version string          `json:"version"`
	Digest  string          `json:"digest"` // of the notice's lists and words
	Pack    string          `json:"pack"`   // version of the pack that has the words
	Minor   bool            `json:"minor,omitempty"`
	Scope
	Status    Status    `json:"status"`
	Requested time.Time `json:"requested"`
	Given     time.Time `json:"given,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Giver     string    `json:"giver,omitempty"`
	Renewal   string    `json:"renewal,omitempty"` // the consent that takes its place
	Seq       int       `json:"seq"`
}

// Live reports a consent that permits something at this moment.
func (c Consent) Live(now time.Time) bool { return c.Status == Given && now.Before(c.Until) }

// Covers reports whether the consent, if it is live, permits just this.
func (c Consent) Covers(purpose, recipient, category string) bool {
	return slices.Contains(c.Purposes, purpose) && slices.Contains(c.Recipients, recipient) && slices.Contains(c.Categories, category)
}

// Book keeps the consents of one compartment.
type Book struct {
	DB     *db.DB
	Ring   *vault.Ring
	Ledger *ledger.Ledger
	Reader *ledger.Reader
	Packs  *pack.Registry
}

// Migrate makes the table.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "consent", sub)
}

func refuse(rule string, kv ...string) *casework.Refusal {
	r := &casework.Refusal{Rule: rule, Params: map[string]string{}}
	for i := 0; i+1 < len(kv); i += 2 {
		r.Params[kv[i]] = kv[i+1]
	}
	return r
}

// Ask is what an officer asks a person to agree to.
type Ask struct {
	Case            casework.CaseID
	Notice, Version string
	Digest          string // what the officer's page showed; empty = the current words
	Minor           bool   // the person is one
	Scope           Scope  // zero lists mean all the notice has
}

// Ask writes down that a consent was asked for. The person answers it on the page of their case, or on paper.
func (b *Book) Ask(ctx context.Context, who authz.Actor, a Ask) (Consent, error) {
	k, err := b.mine(ctx, who, a.Case)
	if err != nil {
		return Consent{}, err
	}
	n, err := b.notice(k, a)
	if err != nil {
		return Consent{}, err
	}
	scope, err := within(n, a.Scope)
	if err != nil {
		return Consent{}, err
	}
	if a.Minor && !n.Guardian {
		return Consent{}, refuse("consent.minor")
	}
	c := Consent{ID: newID(), Case: k.ID, Notice: n.ID, Version: n.Version, Digest: n.Digest, Pack: b.Packs.Current().Digest,
		Minor: a.Minor, Scope: scope, Status: Requested}
	return b.begin(ctx, who, c, "")
}

// mine is the case, for staff who read it.
func (b *Book) mine(ctx context.Context, who authz.Actor, id casework.CaseID) (casework.Case, error) {
	if !who.IsStaff() {
		return casework.Case{}, refuse("case.unknown")
	}
	k, err := b.Reader.ByID(ctx, who.Scope(), id)
	if errors.Is(err, ledger.ErrNotFound) {
		return k, refuse("case.unknown")
	}
	return k, err
}

// notice finds the version that is asked under, in force now and meant for such a case.
func (b *Book) notice(k casework.Case, a Ask) (pack.Notice, error) {
	n, ok := b.Packs.Current().Notice(a.Notice, a.Version)
	switch {
	case !ok, a.Digest != "" && a.Digest != n.Digest:
		return n, refuse("consent.notice")
	case !slices.Contains(n.Procedures, k.Procedure):
		return n, refuse("consent.procedure")
	}
	d, err := b.Packs.Definition(k.Pack, k.Procedure)
	if err == nil && d.Basis.Ground == procedure.ByDuty {
		return n, refuse("consent.duty")
	}
	return n, err
}

// within fills a scope from the notice and refuses what the notice does not have.
func within(n pack.Notice, s Scope) (Scope, error) {
	for _, part := range []struct {
		has []string
		ask *[]string
	}{{n.Purposes, &s.Purposes}, {n.Recipients, &s.Recipients}, {n.Categories, &s.Categories}} {
		if len(*part.ask) == 0 {
			*part.ask = slices.Clone(part.has)
		}
		for _, x := range *part.ask {
			if !slices.Contains(part.has, x) {
				return s, refuse("consent.wider", "what", x)
			}
		}
		*part.ask = inOrder(part.has, *part.ask)
	}
	if s.Days == 0 {
		s.Days = n.Days
	}
	if s.Days < 0 || s.Days > n.Days {
		return s, refuse("consent.longer")
	}
	return s, nil
}

// inOrder is what of all is asked for, once each and in the order of the notice.
func inOrder(all, asked []string) (out []string) {
	for _, x := range all {
		if slices.Contains(asked, x) {
			out = append(out, x)
		}
	}
	return out
}

// Answer is what the person says to a consent that was asked for.
type Answer struct {
	Agree    bool
	Giver    string // Self, Guardian or Representative
	Evidence string // how it is known: needed of a guardian or representative, and of staff who write it down
	Only     Scope  // of what was asked, the part agreed to; zero lists mean all
}

// Answer records a yes or a no, and gives the receipt of a yes.
func (b *Book) Answer(ctx context.Context, who authz.Actor, id string, a Answer) (Consent, Receipt, error) {
	c, err := b.For(ctx, who, id)
	if err != nil {
		return c, Receipt{}, err
	}
	a.Evidence = strings.TrimSpace(a.Evidence)
	if !a.Agree {
		c, err = b.move(ctx, who, c, Refused, "", func(*Consent, time.Time) error { return nil })
		return c, Receipt{}, err
	}
	if err := a.sound(c, who); err != nil {
		return c, Receipt{}, err
	}
	only, err := narrowed(c.Scope, a.Only)
	if err != nil {
		return c, Receipt{}, err
	}
	c, err = b.move(ctx, who, c, Given, a.Evidence, func(c *Consent, now time.Time) error {
		c.Scope, c.Giver, c.Given, c.Until = only, a.Giver, now, now.AddDate(0, 0, only.Days)
		return nil
	})
	if err != nil {
		return c, Receipt{}, err
	}
	r, err := b.Receipt(ctx, c)
	return c, r, err
}

// sound refuses a yes that nobody could rely on.
func (a Answer) sound(c Consent, who authz.Actor) error {
	switch {
	case !slices.Contains(Givers, a.Giver):
		return refuse("consent.giver")
	case c.Minor && a.Giver == Self:
		return refuse("consent.minor")
	case a.Evidence == "" && (a.Giver != Self || who.IsStaff()):
		return refuse("consent.evidence")
	}
	return nil
}

// narrowed is the part of what was asked that is agreed to.
func narrowed(asked, only Scope) (Scope, error) {
	n := pack.Notice{Purposes: asked.Purposes, Recipients: asked.Recipients, Categories: asked.Categories, Days: asked.Days}
	return within(n, only)
}

// Withdraw takes a consent back. Nothing else changes: the case goes on.
//
// law: PIPL/15 (withdrawal), PIPL/16 (no service is refused for it)
func (b *Book) Withdraw(ctx context.Context, who authz.Actor, id string) (Consent, error) {
	c, err := b.For(ctx, who, id)
	if err != nil || c.Status == Withdrawn {
		return c, err // a second tap is not a mistake
	}
	return b.end(ctx, who, c, Withdrawn)
}

// Invalidate ends a consent that should not have been taken, such as one given under pressure.
func (b *Book) Invalidate(ctx context.Context, who authz.Actor, id string) (Consent, error) {
	c, err := b.For(ctx, who, id)
	if err != nil {
		return c, err
	}
	if !who.IsStaff() {
		return c, refuse("consent.unknown")
	}
	return b.end(ctx, who, c, Invalidated)
}

func (b *Book) end(ctx context.Context, who authz.Actor, c Consent, to Status) (Consent, error) {
	return b.move(ctx, who, c, to, "", func(c *Consent, now time.Time) error {
		c.Ended = now
		return nil
	})
}

// Renew asks again before a consent runs out: the old one ends when the new one is given, not before.
func (b *Book) Renew(ctx context.Context, who authz.Actor, id string) (Consent, error) {
	old, err := b.For(ctx, who, id)
	if err != nil {
		return old, err
	}
	if !who.IsStaff() || old.Status != Given {
		return old, refuse("consent.step")
	}
	k, err := b.mine(ctx, who, old.Case)
	if err != nil {
		return old, err
	}
	n, err := b.notice(k, Ask{Notice: old.Notice, Version: old.Version, Digest: old.Digest})
	if err != nil {
		return old, err
	}
	c := Consent{ID: newID(), Case: old.Case, Notice: n.ID, Version: n.Version, Digest: n.Digest, Pack: b.Packs.Current().Digest,
		Minor: old.Minor, Scope: old.Scope, Status: Requested}
	return b.begin(ctx, who, c, old.ID)
}

// Expire ends the consents whose time is over, and reports how many. Allows does not wait for it.
func (b *Book) Expire(ctx context.Context, who authz.Actor) (n int, err error) {
	if !who.Is(authz.System) {
		return 0, refuse("consent.unknown")
	}
	var due []Consent
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		due, err = lastGiven(ctx, tx)
		due = slices.DeleteFunc(due, func(c Consent) bool { return c.Live(tx.Now) })
		return err
	})
	for _, c := range due {
		if err == nil {
			_, err = b.end(ctx, who, c, Expired)
			n++
		}
	}
	return n, err
}

// Of lists the consents of a case, oldest first. Get the case through a scope before.
func (b *Book) Of(ctx context.Context, id casework.CaseID) (out []Consent, err error) {
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		out, err = ofCase(ctx, tx, id)
		return err
	})
	return out, err
}

// Allows reports whether something may be done with data of a case: under a consent that is live now, for
// this purpose, to this recipient, with this category of data. It names the consent.
func (b *Book) Allows(ctx context.Context, id casework.CaseID, purpose, recipient, category string) (consent string, ok bool, err error) {
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		list, err := ofCase(ctx, tx, id)
		for _, c := range list {
			if c.Live(tx.Now) && c.Covers(purpose, recipient, category) {
				consent, ok = c.ID, true
			}
		}
		return err
	})
	return consent, ok, err
}

// For is a consent as it stands, for its person or for staff who read its case. To others there is none.
func (b *Book) For(ctx context.Context, who authz.Actor, id string) (c Consent, err error) {
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		c, _, err = last(ctx, tx, id)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return c, refuse("consent.unknown")
	}
	if err != nil {
		return c, err
	}
	switch {
	case who.Is(authz.System), who.Is(authz.Resident) && who.Scope().Case == string(c.Case):
		return c, nil
	case who.IsStaff():
		_, err := b.mine(ctx, who, c.Case)
		return c, err
	}
	return Consent{}, refuse("consent.unknown")
}

func newID() string { return "c" + strings.ToLower(rand.Text()) }

func hexOf(b []byte) string { return hex.EncodeToString(b) }
