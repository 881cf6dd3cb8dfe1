package selfview

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/internal/web"
)

// Proof says who stands there. It cannot be made outside this file: Prove makes it from a follow code and
// the digits that were sent to its contact, seen makes it from a document an officer has in hand.
type Proof struct {
	facts  []ledger.Fact
	opened []string // compartments of supported people whose second proof was given
	until  time.Time
	desk   bool
}

// Times and numbers of a proof.
const (
	digitsLast       = 10 * time.Minute // how long the digits can be typed
	maxTries         = 5
	maxSent          = 6 // messages an hour for one case
	sentWithin       = time.Hour
	pageLasts        = 15 * time.Minute
	proofsRemembered = sentWithin
)

// States of a proof.
const (
	proofAsked  = "asked"
	proofProved = "proved"
	proofEnded  = "ended"
)

// ErrProof says that digits or a proof do not count: wrong, too old, too often tried. Which, nobody is told.
var ErrProof = errors.New("selfview: not proved")

// pending is what the browser holds between asking and typing, and afterwards. It is sealed.
type pending struct {
	Room   string        `json:"room"`
	Proof  string        `json:"proof"` // its id, which only the browser knows
	Next   string        `json:"next,omitempty"`
	Opens  string        `json:"opens,omitempty"` // the compartment the next digits open
	Facts  []ledger.Fact `json:"facts,omitempty"`
	Opened []string      `json:"opened,omitempty"`
	Case   string        `json:"case,omitempty"`
	Until  time.Time     `json:"until"`
}

const (
	cookie     = "comity_my"
	digitsKind = "mydata.digits"
	context_   = "the person's own page"
)

// seal turns what the browser holds into a cookie that only this house reads.
func (v *View) seal(p pending) (string, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	key, wrapped := v.Rooms[0].Ring.NewKey()
	return string(wrapped) + "|" + key.Seal(context_, string(raw)), nil
}

func (v *View) unseal(value string, now time.Time) (p pending, ok bool) {
	wrapped, sealed, found := strings.Cut(value, "|")
	if !found {
		return p, false
	}
	key, err := v.Rooms[0].Ring.Unwrap(vault.Wrapped(wrapped))
	if err != nil {
		return p, false
	}
	plain, err := key.Open(context_, sealed)
	if err != nil || json.Unmarshal([]byte(plain), &p) != nil {
		return pending{}, false
	}
	return p, now.Before(p.Until)
}

func (v *View) keep(site *web.Site, w http.ResponseWriter, p pending) error {
	value, err := v.seal(p)
	if err == nil {
		site.KeepSecret(w, cookie, value, 0)
	}
	return err
}

// begin starts a proof for whoever holds a follow code: digits are sent to the contact of its case, if
// there is a case and it has one. What comes back looks the same either way.
func (v *View) begin(ctx context.Context, typed string) (p pending, known bool, err error) {
	p = pending{Room: v.Rooms[0].Compartment, Proof: rand.Text()}
	var of casework.CaseID
	if code, err := casework.ParseCode(typed); err == nil {
		for _, r := range v.Rooms {
			c, err := r.Reader.ByCode(ctx, code)
			if errors.Is(err, ledger.ErrNotFound) {
				continue
			}
			if err != nil {
				return p, false, err
			}
			p.Room, of, known = r.Compartment, c.ID, true
			break
		}
	}
	r, _ := v.room(p.Room)
	p.Until, err = r.challenge(ctx, p.Proof, of)
	p.Case = string(of)
	return p, known, err
}

// challenge writes a proof down and orders its digits.
func (r *Room) challenge(ctx context.Context, proof string, of casework.CaseID) (until time.Time, err error) {
	err = r.DB.Transact(ctx, func(tx *db.Tx) error {
		until = tx.Now.Add(digitsLast)
		sent, err := proofsSince(ctx, tx, of, tx.Now.Add(-sentWithin))
		if err != nil {
			return err
		}
		if of != "" && sent >= maxSent {
			of = "" // no more messages for a while; nobody is told
		}
		if err := putProof(ctx, tx, r.proofID(proof), of, until); err != nil {
			return err
		}
		raw, err := json.Marshal(order{of, r.proofID(proof)})
		if err != nil {
			return err
		}
		return jobs.Enqueue(ctx, tx, jobs.New{Kind: digitsKind, Key: digitsKind + ":" + r.proofID(proof), Payload: raw, RunAt: tx.Now})
	})
	return until, err
}

// order is the job that sends digits. It does not hold them.
type order struct {
	Case  casework.CaseID `json:"case"`
	Proof string          `json:"proof"`
}

func (r *Room) proofID(proof string) string { return r.Ring.Index("self proof", proof) }

// digitsOf are the six digits of a proof: whoever has the tables and not the key cannot tell them.
func (r *Room) digitsOf(id string) string {
	sum := sha256.Sum256([]byte(r.Ring.Index("self digits", id)))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum[:8])%1_000_000)
}

// send carries the digits to the contact of the case. It leaves no event: that somebody asked for their
// data is not for those who work on the case.
func (r *Room) send(ctx context.Context, job jobs.Job) error {
	var o order
	if err := json.Unmarshal(job.Payload, &o); err != nil {
		return fmt.Errorf("digits %s: %w", job.Key, err)
	}
	if o.Case == "" {
		return r.DB.Transact(ctx, func(tx *db.Tx) error { return jobs.Done(ctx, tx, job) })
	}
	return r.Courier.Whisper(ctx, job, courier.Letter{Case: o.Case, Template: "mydata.digits", Figures: func(text.Speaker) []string {
		return []string{"digits", r.digitsOf(o.Proof), "minutes", fmt.Sprint(int(digitsLast / time.Minute))}
	}})
}

// prove holds digits against a proof; each try counts, right or wrong.
func (r *Room) prove(ctx context.Context, proof, digits string) (of casework.CaseID, err error) {
	id, right := r.proofID(proof), false
	err = r.DB.Transact(ctx, func(tx *db.Tx) error {
		p, err := findProof(ctx, tx, id)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil || p.state != proofAsked || p.tries >= maxTries || !tx.Now.Before(p.until) {
			return err
		}
		p.tries++
		right = p.c != "" && subtle.ConstantTimeCompare([]byte(r.digitsOf(id)), []byte(bareDigits(digits))) == 1
		if right {
			p.state, p.until, of = proofProved, tx.Now.Add(pageLasts), p.c
		}
		return setProof(ctx, tx, id, p)
	})
	if err == nil && !right {
		err = ErrProof
	}
	return of, err
}

// bareDigits are the digits of what was typed, wide ones too.
func bareDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if '\uff10' <= c && c <= '\uff19' {
			c -= '\uff10' - '0'
		}
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}

// stands reports whether a proof that was given still counts.
func (r *Room) stands(ctx context.Context, proof string) (ok bool, err error) {
	err = r.DB.View(ctx, func(tx *db.Tx) error {
		p, err := findProof(ctx, tx, r.proofID(proof))
		ok = err == nil && p.state == proofProved && tx.Now.Before(p.until)
		if errors.Is(err, db.ErrNoRows) {
			err = nil
		}
		return err
	})
	return ok, err
}

// over ends a proof before its time.
func (r *Room) over(ctx context.Context, proof string) error {
	return r.DB.Transact(ctx, func(tx *db.Tx) error {
		p, err := findProof(ctx, tx, r.proofID(proof))
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		p.state = proofEnded
		return errors.Join(err, setProof(ctx, tx, r.proofID(proof), p))
	})
}

// Prove takes the digits of what begin started. The contact of the case is what is proved, and nothing else:
// what else its opener said about themselves, such as a number, anybody could have written.
func (v *View) Prove(ctx context.Context, p pending, digits string) (pending, error) {
	r, ok := v.room(p.Room)
	if !ok {
		return p, ErrProof
	}
	proof := p.Proof
	if p.Opens != "" {
		proof = p.Next
	}
	of, err := r.prove(ctx, proof, digits)
	if err != nil {
		return p, err
	}
	if p.Opens != "" {
		p.Opened = append(p.Opened, p.Opens)
		p.Opens, p.Next = "", ""
		return p, nil
	}
	look, err := r.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: of, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		return p, err
	}
	fact, ok := ledger.Known(look.Case().Contact)
	if !ok {
		return p, ErrProof
	}
	p.Case, p.Facts, p.Until = string(of), []ledger.Fact{fact}, look.At.Add(pageLasts)
	return p, nil
}

// proofOf is the proof of a request; ErrProof when there is none or it is over.
func (v *View) proofOf(ctx context.Context, p pending) (Proof, error) {
	r, ok := v.room(p.Room)
	if !ok || len(p.Facts) == 0 {
		return Proof{}, ErrProof
	}
	stands, err := r.stands(ctx, p.Proof)
	if err == nil && !stands {
		err = ErrProof
	}
	return Proof{facts: p.Facts, opened: p.Opened, until: p.Until}, err
}

// seen is the proof of somebody who stands at the counter with a document. compartment is the one of the
// supported people that the officer's session is bound to, if any.
func seen(facts []ledger.Fact, compartment string) Proof {
	p := Proof{facts: facts, desk: true}
	if compartment != "" {
		p.opened = []string{compartment}
	}
	return p
}

func (p Proof) has(compartment string) bool { return slices.Contains(p.opened, compartment) }
