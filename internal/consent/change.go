package consent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/translog"
)

// Status is how a consent stands.
type Status string

// The statuses.
const (
	Requested   Status = "requested"
	Given       Status = "given"
	Refused     Status = "refused"
	Withdrawn   Status = "withdrawn"
	Expired     Status = "expired"
	Renewed     Status = "renewed" // another took its place
	Invalidated Status = "invalidated"
)

// Statuses lists them.
var Statuses = []Status{Requested, Given, Refused, Withdrawn, Expired, Renewed, Invalidated}

// follows is what may come after what. Whatever is not here ends a consent for good.
var follows = map[Status][]Status{
	Requested: {Given, Refused, Invalidated},
	Given:     {Withdrawn, Expired, Renewed, Invalidated},
}

// change is a row as it is stored and hashed.
type change struct {
	Consent  Consent   `json:"consent"` // as it stands after the change
	At       time.Time `json:"at"`
	Actor    string    `json:"actor"`
	For      string    `json:"for,omitempty"`
	Evidence string    `json:"evidence,omitempty"` // sealed under the key of the case
	Replaces string    `json:"replaces,omitempty"` // of a renewal: what ends when this one is given
}

// begin writes the first row of a consent.
func (b *Book) begin(ctx context.Context, who authz.Actor, c Consent, replaces string) (Consent, error) {
	err := b.DB.Transact(ctx, func(tx *db.Tx) error {
		c.Requested, c.Seq = tx.Now.UTC().Truncate(time.Microsecond), 1
		return b.put(ctx, tx, change{Consent: c, At: c.Requested, Actor: who.ID(), For: who.For(), Replaces: replaces}, nil)
	})
	return c, err
}

// move appends a row. What it finds in the table decides, not what the caller had read.
func (b *Book) move(ctx context.Context, who authz.Actor, seen Consent, to Status, evidence string, fill func(*Consent, time.Time) error) (c Consent, err error) {
	if evidence, err = b.sealed(ctx, who, seen.Case, evidence); err != nil {
		return seen, err
	}
	err = b.DB.Transact(ctx, func(tx *db.Tx) error {
		row, prev, err := lastRow(ctx, tx, seen.ID)
		if err != nil {
			return err
		}
		c = row.Consent
		if !slices.Contains(follows[c.Status], to) {
			return refuse("consent.step")
		}
		now := tx.Now.UTC().Truncate(time.Microsecond)
		if now.Before(row.At) {
			now = row.At // a clock that was set back dates nothing before what it follows
		}
		if err := fill(&c, now); err != nil {
			return err
		}
		c.Status, c.Seq = to, c.Seq+1
		if err := b.put(ctx, tx, change{Consent: c, At: now, Actor: who.ID(), For: who.For(), Evidence: evidence, Replaces: row.Replaces}, prev); err != nil {
			return err
		}
		if to == Given && row.Replaces != "" {
			return b.replaced(ctx, tx, who, row.Replaces, c.ID, now)
		}
		return nil
	})
	return c, err
}

// replaced ends the consent that another takes the place of, if it still stands.
func (b *Book) replaced(ctx context.Context, tx *db.Tx, who authz.Actor, old, by string, now time.Time) error {
	row, prev, err := lastRow(ctx, tx, old)
	if err != nil || row.Consent.Status != Given {
		return err
	}
	c := row.Consent
	c.Status, c.Renewal, c.Ended, c.Seq = Renewed, by, now, c.Seq+1
	return b.put(ctx, tx, change{Consent: c, At: now, Actor: who.ID(), For: who.For()}, prev)
}

// sealed seals what was said as evidence; whoever writes it down is recorded as having looked.
func (b *Book) sealed(ctx context.Context, who authz.Actor, id casework.CaseID, evidence string) (string, error) {
	if evidence == "" {
		return "", nil
	}
	t := ledger.Ticket{Case: id, Purpose: ledger.PurposeHandle, Level: authz.Story}
	if who.Is(authz.Resident) {
		t.Purpose = ledger.PurposeOwn
	}
	look, err := b.Ledger.Look(ctx, who, t)
	if err != nil {
		return "", err
	}
	return look.Seal(evidence), nil
}

// put stores a row under the hash that covers it and all before it, with its leaf in the log.
func (b *Book) put(ctx context.Context, tx *db.Tx, row change, prev []byte) error {
	doc, err := json.Marshal(row)
	if err != nil {
		return err
	}
	hash := chain(prev, doc)
	if err := putRow(ctx, tx, row, string(doc), hash); err != nil {
		return err
	}
	return translog.Add(ctx, tx, Leaf, b.leaf(row.Consent), hash)
}

// leaf names a change without telling of which case.
func (b *Book) leaf(c Consent) string {
	return b.Ring.Index(Leaf, c.ID+"/"+strconv.Itoa(c.Seq))
}

func chain(prev, doc []byte) []byte {
	h := sha256.New()
	h.Write(prev)
	h.Write(doc)
	return h.Sum(nil)
}

// Verify goes through every row and names what does not agree: a hash, a step that may not follow, a date
// before the one it follows, and a consent that changed after it was given.
func (b *Book) Verify(ctx context.Context, bad func(error)) (seen int, err error) {
	var before change
	var prev []byte
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		return everyRow(ctx, tx, func(id string, seq int, doc string, hash []byte) {
			if seq == 1 {
				before, prev = change{}, nil
			}
			var row change
			if err := json.Unmarshal([]byte(doc), &row); err != nil {
				bad(fmt.Errorf("consent %s, row %d does not read: %w", id, seq, err))
				return
			}
			if want := chain(prev, []byte(doc)); !bytes.Equal(want, hash) {
				bad(fmt.Errorf("consent %s, row %d: the hash does not agree", id, seq))
			}
			if why := row.after(before, id, seq); why != "" {
				bad(fmt.Errorf("consent %s, row %d: %s", id, seq, why))
			}
			before, prev = row, hash
			seen++
		})
	})
	return seen, err
}

// after says what is wrong with a row that follows another; empty when nothing is.
func (r change) after(before change, id string, seq int) string {
	c, was := r.Consent, before.Consent
	switch {
	case c.ID != id || c.Seq != seq:
		return "it belongs elsewhere"
	case seq == 1 && c.Status != Requested:
		return "a consent begins by being asked for"
	case seq == 1:
		return ""
	case !slices.Contains(follows[was.Status], c.Status):
		return fmt.Sprintf("%s does not follow %s", c.Status, was.Status)
	case r.At.Before(before.At):
		return "it is dated before what it follows"
	case was.Status == Given && !sameTerms(c, was):
		return "what was given was changed"
	}
	return ""
}

// sameTerms reports whether two states of a consent agree in all that was given.
func sameTerms(a, b Consent) bool {
	return a.Notice == b.Notice && a.Version == b.Version && a.Digest == b.Digest && a.Giver == b.Giver && a.Case == b.Case &&
		a.Given.Equal(b.Given) && a.Until.Equal(b.Until) && a.Days == b.Days &&
		slices.Equal(a.Purposes, b.Purposes) && slices.Equal(a.Recipients, b.Recipients) && slices.Equal(a.Categories, b.Categories)
}
