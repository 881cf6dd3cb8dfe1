package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/translog"
	"comity/internal/vault"
)

// Ticket asks to be shown what is sealed in one case. It is answered only after the look has been written
// down, with its leaf in the log: what cannot be recorded is not shown.
//
// law: PIPL/51, PIPL/55 (access by role, records of handling)
type Ticket struct {
	Case    casework.CaseID
	Purpose string      // one of the pack's purposes
	Level   authz.Level // how much; Story where it is zero
	Note    string      // a reason in the actor's own words, where the purpose asks for one
	Order   string      // the order or emergency it is opened under; empty for everyday work
}

// Disclosure is one recorded look.
type Disclosure struct {
	ID      int64       `json:"id"`
	Ref     string      `json:"ref"` // its name in the log
	At      time.Time   `json:"at"`
	Actor   string      `json:"actor"`
	For     string      `json:"for,omitempty"` // whom the actor stood in for
	Role    string      `json:"role"`
	Unit    org.UnitID  `json:"unit,omitempty"`
	Purpose string      `json:"purpose"`
	Ground  string      `json:"ground"` // what entitled the actor
	Level   authz.Level `json:"level"`
	Order   string      `json:"order,omitempty"` // the order or emergency it was made under
	Note    string      `json:"note,omitempty"`  // sealed under the key of the case, as it is stored
}

// Look is a case opened under a ticket, up to its level.
type Look struct {
	Disclosure
	c      casework.Case
	d      *procedure.Definition
	key    *vault.Key
	events []casework.Event
	keep   casework.Keep
	in     string // what its texts are tied to
	erased bool

	// No is why Show gave only the steps; nil after a look.
	No *casework.Refusal
}

// Case is the case as it stood when it was opened.
func (k *Look) Case() casework.Case { return k.c.Private(k.d, k.keep) }

// Events is what happened to it, oldest first.
func (k *Look) Events() []casework.Event {
	out := make([]casework.Event, len(k.events))
	for i, e := range k.events {
		out[i] = e.Private(k.d, k.keep)
	}
	return out
}

// Erased tells that the key is gone: the case's steps can be shown, and nothing that was said.
func (k *Look) Erased() bool { return k.erased }

// Text opens one sealed text that belongs to the case but stands in a table of another room.
func (k *Look) Text(level authz.Level, sealed string) string { return k.keep(level, sealed) }

// Look shows a case to somebody, after the look was recorded. It answers ErrNotFound where the case is not
// the actor's to read, and a *casework.Refusal where the ticket is not good enough.
func (l *Ledger) Look(ctx context.Context, who authz.Actor, t Ticket) (*Look, error) {
	if t.Level == 0 {
		t.Level = authz.Story
	}
	n, ok := number(t.Case)
	if !ok {
		return nil, ErrNotFound
	}
	k := &Look{}
	if _, err := l.submit(&request{ctx: ctx, who: who, look: &t, seen: k})(); err != nil {
		return nil, err
	}
	err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		k.events, k.key, err = l.behind(ctx, tx, who, n, t)
		return err
	})
	if k.erased = errors.Is(err, errErased); k.erased {
		err = nil // the steps remain, the words are gone
	}
	if err != nil {
		return nil, err
	}
	k.events = k.events[:min(len(k.events), k.c.Seq)] // what came in between belongs to the next look
	k.in = l.context(k.c.ID)
	k.keep = l.opening(k.key, k.c.ID, k.shown(who))
	if who.Is(authz.Resident) {
		k.keep = confided(k.keep)
	}
	return k, nil
}

// behind reads what happened in a case and its key, wherever the ticket leads.
func (l *Ledger) behind(ctx context.Context, tx *db.Tx, who authz.Actor, n int64, t Ticket) (events []casework.Event, key *vault.Key, err error) {
	if strings.HasPrefix(t.Order, orderMark) {
		o, err := openedFor(ctx, tx, who, t)
		if err != nil {
			return nil, nil, err
		}
		if events, err = listSealedEvents(ctx, tx, o.n); err != nil {
			return nil, nil, err
		}
		key, err = l.ring.Unwrap(o.wrapped)
		return events, key, err
	}
	if events, err = listEvents(ctx, tx, n); err != nil {
		return nil, nil, err
	}
	key, err = l.caseKey(ctx, tx, n)
	return events, key, err
}

// Show is Look for pages that have something to say without one: where the ticket is refused it gives the
// steps of the case, veiled, and why there is no more of it. Nothing was shown then, and nothing recorded.
func (l *Ledger) Show(ctx context.Context, who authz.Actor, t Ticket) (*Look, error) {
	k, err := l.Look(ctx, who, t)
	var no *casework.Refusal
	if !errors.As(err, &no) {
		return k, err
	}
	n, _ := number(t.Case)
	k = &Look{No: no, keep: veiled, in: l.context(t.Case)}
	k.Level = authz.Steps
	err = l.db.View(ctx, func(tx *db.Tx) error {
		s, err := l.load(ctx, tx, t.Case)
		if err != nil {
			return err
		}
		k.c, k.d = s.c, s.d
		k.events, err = listEvents(ctx, tx, n)
		return err
	})
	return k, err
}

// confided hides from whoever opened a case what was said in it in confidence: the case is theirs, what the
// other side told the mediator is not.
func confided(keep casework.Keep) casework.Keep {
	return func(level authz.Level, s string) string {
		if level == authz.Caucus {
			return casework.Veil
		}
		return keep(level, s)
	}
}

// shown is the level to open up to: the ticket's, and the code itself for whoever holds it already.
func (k *Look) shown(who authz.Actor) authz.Level {
	if who.Is(authz.Resident) || who.Is(authz.System) {
		return authz.Key
	}
	return min(k.Level, authz.Caucus)
}

// look records a look inside the batch's transaction.
func (l *Ledger) look(ctx context.Context, tx *db.Tx, r *request) error {
	s, d, err := l.entitled(ctx, tx, r)
	if err != nil {
		return err
	}
	if err := l.underOrder(ctx, tx, r.who, s, r.look.Order, &d); err != nil {
		return err
	}
	d.At, d.Ref = micro(tx.Now), l.drawLeaf(tx.Now)
	row := lookRow{Disclosure: d, n: s.n}
	if row.hash, err = lookHash(s.c.ID, d); err != nil {
		return err
	}
	if row.ID, err = putLook(ctx, tx, row); err != nil {
		return err
	}
	if err := translog.Add(ctx, tx, LeafLook, d.Ref, row.hash); err != nil {
		return err
	}
	*r.seen = Look{Disclosure: row.Disclosure, c: s.c, d: s.d}
	return nil
}

// underOrder unlocks the case, unless it is held and the actor comes without the order; the note of the look
// is sealed like everything else that was written about the case.
func (l *Ledger) underOrder(ctx context.Context, tx *db.Tx, who authz.Actor, s *stored, order string, d *Disclosure) error {
	row, err := findCaseKey(ctx, tx, s.n, "")
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	byOrder, err := l.kept(ctx, tx, who, s, row.state, order)
	if err != nil {
		return err
	}
	if byOrder {
		d.Ground = GroundOrder
	}
	if d.Note == "" {
		return nil
	}
	if row.state == keyErased || row.state == keySealed && s.key == nil {
		d.Note = "" // nothing is shown, or nothing is at hand to seal it with
		return nil
	}
	if s.key == nil {
		if s.key, err = l.caseKey(ctx, tx, s.n); err != nil {
			return err
		}
	}
	d.Note = s.key.Seal(l.context(s.c.ID), d.Note)
	return nil
}

// GroundOrder: whoever looks holds an order that names the case.
const GroundOrder = "order"

// entitled finds the case of a ticket and what entitles the actor to it: the rules, or the order or emergency
// that the ticket names.
func (l *Ledger) entitled(ctx context.Context, tx *db.Tx, r *request) (s *stored, d Disclosure, err error) {
	switch t := *r.look; {
	case strings.HasPrefix(t.Order, orderMark):
		s, d, err = l.underSeal(ctx, tx, r.who, t)
	case strings.HasPrefix(t.Order, glassMark):
		s, d, err = l.behindGlass(ctx, tx, r.who, t)
	default:
		s, err = l.load(ctx, tx, t.Case)
		var no *casework.Refusal
		if errors.As(err, &no) {
			return nil, d, ErrNotFound
		}
		if err != nil {
			return nil, d, err
		}
		if r.asked {
			d, err = permitAsked(r.who, t)
		} else {
			d, err = l.permit(r.who, s, t)
		}
		return s, d, err
	}
	if err == nil && s.c.ID != r.look.Case {
		err = ErrNotFound // one case, and no other
	}
	return s, d, err
}

// permit finds what entitles the actor to the look.
func (l *Ledger) permit(who authz.Actor, s *stored, t Ticket) (Disclosure, error) {
	d := Disclosure{Actor: who.ID(), For: who.For(), Purpose: t.Purpose, Level: t.Level, Note: t.Note}
	switch {
	case who.Is(authz.System):
		d.Role, d.Ground = string(authz.System), string(authz.ByMachine)
		return d, nil
	case who.Is(authz.Resident):
		if who.Scope().Case != string(s.c.ID) {
			return d, ErrNotFound
		}
		d.Role, d.Ground = string(authz.Resident), string(authz.ByCode)
		return d, nil
	case who.Is(authz.Member):
		most := authz.Story
		if t.Purpose == PurposeAgree {
			most = authz.Identity
		}
		if m, ok := s.c.Member(who.MemberID()); who.Scope().Case != string(s.c.ID) || !ok || m.Left || t.Level > most {
			return d, ErrNotFound
		}
		d.Role, d.Ground = string(authz.Member), string(authz.ByCode)
		return d, nil
	case !who.IsStaff() || !s.readable(who.Scope()):
		return d, ErrNotFound
	}
	way := l.way(who, s, t)
	d.Role, d.Unit, d.Ground = string(way.Grant.Role), way.Grant.Unit, string(way.Ground)
	switch {
	case !way.Allowed, !who.Limit().Opens(t.Level):
		return d, &casework.Refusal{Rule: "look.level"}
	case way.Ground.StatesPurpose() && (t.Purpose == "" || t.Purpose == PurposeHandle):
		return d, &casework.Refusal{Rule: "look.purpose"} // whoever does not work on the case says what for
	case l.cfg.Purpose != nil && !l.cfg.Purpose(s.c, t.Purpose, way.Ground):
		return d, &casework.Refusal{Rule: "look.purpose"}
	}
	return d, nil
}

// Purposes that the house itself knows; a pack names and explains them, and adds its own.
const (
	PurposeHandle  = "handle"  // to do the work the case asks of the unit that has it
	PurposeContact = "contact" // to write to or call the person about the case
	PurposeOwn     = "own"     // the person looks at their own matter
	PurposeNotice  = "notice"  // to tell somebody what they are owed
	PurposeAgree   = "agree"   // a member reads in full what was put to them to answer or to sign
)

// way finds the nearest reason for which staff may be shown so much of a case.
func (l *Ledger) way(who authz.Actor, s *stored, t Ticket) authz.Decision {
	of := s.c.Target()
	of.Compartment, of.Level = s.d.Compartment, t.Level
	return who.Decide(s.d.Units, of)
}

// lookHash is what the log holds of a look.
func lookHash(id casework.CaseID, d Disclosure) ([]byte, error) {
	d.ID, d.At = 0, d.At.UTC()
	doc, err := json.Marshal(struct {
		Case casework.CaseID `json:"case"`
		Disclosure
	}{id, d})
	sum := sha256.Sum256(doc)
	return sum[:], err
}

// Kinds of leaves in the log.
const (
	LeafEvent = "event"
	LeafLook  = "look"
)

// EventLeaf names the leaf of an event, which was stored at a time, without telling which case it belongs to.
func (k keeper) EventLeaf(id casework.CaseID, seq int, at time.Time) string {
	return translog.Dated(at, k.eventName(id, seq))
}

// eventLeaves are the names that the leaf of an event may have: that of now, and that of before names began with the day.
func (k keeper) eventLeaves(id casework.CaseID, seq int, at time.Time) []string {
	name := k.eventName(id, seq)
	return []string{translog.Dated(at, name), name}
}

func (k keeper) eventName(id casework.CaseID, seq int) string {
	return k.ring.Index("event", string(id)+"/"+strconv.Itoa(seq))
}

// Stored is what a receipt says of one event: nothing of what was written.
type Stored struct {
	Ref  casework.Ref
	Kind string
	At   time.Time
	Hash []byte
	Leaf string // name of its leaf in the log
}

// Stored finds an event as the log knows it. Get the case through a scope before.
func (r *Reader) Stored(ctx context.Context, c casework.Case, seq int) (out Stored, err error) {
	n, ok := number(c.ID)
	if !ok {
		return out, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) (err error) {
		if out, err = storedEvent(ctx, tx, n, seq); err != nil {
			return err
		}
		out.Leaf, err = translog.NameOf(ctx, tx, LeafEvent, r.eventLeaves(c.ID, seq, out.At)...)
		if errors.Is(err, translog.ErrNoEntry) { // older than the log; who asks for a proof is told
			out.Leaf, err = r.EventLeaf(c.ID, seq, out.At), nil
		}
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		err = ErrNotFound
	}
	out.Ref = c.Ref
	return out, err
}

// drawName draws a name that tells nothing.
func (l *Ledger) drawName() string {
	var b [16]byte
	l.cfg.Random(b[:])
	return hexOf(b[:])
}

// drawLeaf draws a name for a leaf of the log.
func (l *Ledger) drawLeaf(at time.Time) string { return translog.Dated(at, l.drawName()) }

// Seal seals a text under the key of the case, for a table of another room; Text opens it again.
func (k *Look) Seal(text string) string {
	if k.key == nil {
		return text
	}
	return k.key.Seal(k.in, text)
}

// Looks lists who was shown something of a case, newest first. Get the case through a scope before.
func (r *Reader) Looks(ctx context.Context, id casework.CaseID, limit int) (out []Disclosure, err error) {
	n, ok := number(id)
	if !ok {
		return nil, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		rows, err := looksOf(ctx, tx, n, limit, 1<<62)
		for _, row := range rows {
			out = append(out, row.Disclosure)
		}
		return err
	})
	return out, err
}

func parseLevel(s string) (authz.Level, bool) { return authz.ParseLevel(s) }
