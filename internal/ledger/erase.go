package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/procedure"
	"comity/internal/translog"
	"comity/internal/vault"
)

// To erase a case is to destroy its key. Events, hashes and proofs stay as they are, in every copy of the
// tables and in every backup; what they say about people opens for nobody any more.
//
// One transaction decides it (erase). What follows outside the tables (the list beside the key file, the
// bytes of attachments, the database's own log file) is done by Settle, which may be killed anywhere and
// called again: after a crash it runs at the next start.

// Grounds on which content is erased.
const (
	GroundRetention = "retention" // the time for which it had to be kept is over
	GroundRequest   = "request"   // the person asked for it, and nothing demands that it be kept
	GroundConsent   = "consent"   // it rested on a consent, which was withdrawn
	GroundUnlawful  = "unlawful"  // it should not have been collected
	groundRestored  = "restored"  // it had been erased before, and an old backup brought it back
)

// EraseGrounds lists those somebody can name.
var EraseGrounds = []string{GroundRetention, GroundRequest, GroundConsent, GroundUnlawful}

// Leaves of the log about keys.
const (
	LeafErased  = "erased"
	LeafHold    = "hold"
	LeafRelease = "release"
	LeafKey     = "key"
)

// Erasure is what stays known of an erasure. Nothing in it is about a person.
type Erasure struct {
	Ref     string        `json:"ref"` // its name in the log
	Slot    string        `json:"slot,omitempty"`
	At      time.Time     `json:"at"`
	Actor   string        `json:"actor"`
	Ground  string        `json:"ground"`
	Law     procedure.Law `json:"law"`
	Note    string        `json:"note,omitempty"` // the file number of the decision
	KeyID   string        `json:"key_id"`
	KeyHash []byte        `json:"key_hash"` // of the key as it was wrapped
}

// maxEraseNote keeps the note a file number: a story would be the very thing that is erased.
const maxEraseNote = 80

// Erase destroys the key of a closed case, for ever. It answers a *casework.Refusal for a case that is
// open, held by an order, or still to be kept by law; a case that was erased before is answered with what
// is known of that. An error beside an Erasure says that the case is erased and something outside the
// tables is left for Settle.
//
// law: PIPL/47 (when handlers delete by themselves, and what they do where the time set by law is not over)
func (l *Ledger) Erase(ctx context.Context, who authz.Actor, id casework.CaseID, ground string, law procedure.Law, note string) (Erasure, error) {
	if !slices.Contains(EraseGrounds, ground) {
		return Erasure{}, &casework.Refusal{Rule: "erase.ground"}
	}
	if law.None() {
		return Erasure{}, &casework.Refusal{Rule: "erase.law"}
	}
	if utf8.RuneCountInString(note) > maxEraseNote {
		return Erasure{}, &casework.Refusal{Rule: "erase.note", Params: map[string]string{"max": fmt.Sprint(maxEraseNote)}}
	}
	var done Erasure
	err := l.db.Transact(ctx, func(tx *db.Tx) (err error) {
		done, err = l.erase(ctx, tx, who, id, Erasure{Actor: who.ID(), Ground: ground, Law: law, Note: note}, l.erasable)
		return err
	})
	if err != nil {
		return Erasure{}, err
	}
	if err := l.Settle(ctx); err != nil {
		return done, fmt.Errorf("ledger: the content is erased; what is left to tidy is done at the next start: %w", err)
	}
	return done, nil
}

// rule says why the content of a case must stay.
type rule func(ctx context.Context, tx *db.Tx, s *stored, ground string) error

func (l *Ledger) erase(ctx context.Context, tx *db.Tx, who authz.Actor, id casework.CaseID, e Erasure, may rule) (Erasure, error) {
	s, err := l.load(ctx, tx, id)
	if err != nil {
		return e, err
	}
	if !who.Is(authz.System) && (!who.IsStaff() || !s.readable(who.Scope())) {
		return e, &casework.Refusal{Rule: "case.unknown"}
	}
	keys, err := caseKeys(ctx, tx, s.n)
	if err != nil {
		return e, err
	}
	if len(keys) == 0 {
		return e, &casework.Refusal{Rule: "erase.keyless"} // written in the clear before there were keys
	}
	alive := slices.DeleteFunc(slices.Clone(keys), func(k wrappedKey) bool { return k.state == keyErased })
	if len(alive) == 0 {
		last, err := erasuresOf(ctx, tx, s.n, 1)
		if err == nil && len(last) == 1 {
			e = last[0]
		}
		return e, err
	}
	if err := may(ctx, tx, s, e.Ground); err != nil {
		return e, err
	}
	for _, k := range alive {
		if e, err = l.destroy(ctx, tx, s.n, s.c.ID, k, e); err != nil {
			return e, err
		}
	}
	return e, l.forget(ctx, tx, s)
}

// erasable is the rule for whatever was not erased before.
func (l *Ledger) erasable(ctx context.Context, tx *db.Tx, s *stored, ground string) error {
	held, err := activeHolds(ctx, tx, s.n)
	if err != nil {
		return err
	}
	until := keptUntil(s.d, s.c)
	kept := s.d.Retention.Years > 0 && tx.Now.Before(until)
	rule := ""
	switch {
	case len(held) > 0:
		rule = "erase.held"
	case s.c.Closed.IsZero():
		rule = "erase.open"
	case ground == GroundConsent && s.d.Basis.Ground != procedure.ByConsent:
		rule = "erase.consent"
	case kept && (ground == GroundRetention || ground == GroundRequest):
		return &casework.Refusal{Rule: "erase.kept", Law: s.d.Retention.Law, Params: map[string]string{"until": until.In(s.d.Calendar.Zone).Format(time.DateOnly)}}
	case ground == GroundRetention && s.d.Retention.Years == 0:
		rule = "erase.endless"
	default:
		return nil
	}
	return &casework.Refusal{Rule: rule}
}

// keptUntil is when the retention of a closed case ends.
func keptUntil(d *procedure.Definition, c casework.Case) time.Time {
	return c.Closed.In(d.Calendar.Zone).AddDate(d.Retention.Years, 0, 0)
}

// destroy takes one key away and writes that down, with its leaf.
func (l *Ledger) destroy(ctx context.Context, tx *db.Tx, n int64, id casework.CaseID, k wrappedKey, e Erasure) (Erasure, error) {
	sum := sha256.Sum256([]byte(k.wrapped))
	e.Law = procedure.Law{ID: e.Law.ID, Article: e.Law.Article}
	e.Ref, e.At, e.Slot, e.KeyID, e.KeyHash = l.drawLeaf(tx.Now), micro(tx.Now), k.slot, l.keyID(n, k.slot), sum[:]
	hash, err := erasureHash(id, e)
	if err != nil {
		return e, err
	}
	if err := eraseCaseKey(ctx, tx, n, k.slot); err != nil {
		return e, err
	}
	if err := putErasure(ctx, tx, n, e, hash); err != nil {
		return e, err
	}
	if err := addToCounter(ctx, tx, erasedHere, 1); err != nil {
		return e, err
	}
	return e, translog.Add(ctx, tx, LeafErased, e.Ref, hash)
}

// forget takes away what stands outside the sealed documents: what lists show, what search finds, and files
// that no other case names.
func (l *Ledger) forget(ctx context.Context, tx *db.Tx, s *stored) error {
	if err := clearHeading(ctx, tx, s.n); err != nil {
		return err
	}
	if err := dropWords(ctx, tx, s.n); err != nil {
		return err
	}
	if err := dropSubjects(ctx, tx, s.n); err != nil {
		return err
	}
	if err := dropMemberKeys(ctx, tx, s.n); err != nil {
		return err
	}
	if l.cfg.Erased != nil {
		if err := l.cfg.Erased(ctx, tx, s.c.ID); err != nil {
			return err
		}
	}
	return purgeFiles(ctx, tx, s.n)
}

// erasureHash is what the log holds of an erasure.
func erasureHash(id casework.CaseID, e Erasure) ([]byte, error) {
	e.At = e.At.UTC()
	return hashOf(struct {
		Case casework.CaseID `json:"case"`
		Erasure
	}{id, e})
}

func hashOf(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	sum := sha256.Sum256(doc)
	return sum[:], err
}

// keyID names a key for ever, whatever it is wrapped under. It follows from the case, so that an older
// backup gives its keys the same names.
func (k keeper) keyID(n int64, slot string) string {
	return k.ring.Index("case key", string(caseID(n))+"/"+slot)
}

// Settle finishes outside the tables what erasures began: keys go on the list of destroyed ones, bytes of
// files are removed, and the database's log is emptied of what was overwritten. It can be called at any
// time and as often as one likes.
func (l *Ledger) Settle(ctx context.Context) error {
	if err := l.markErased(ctx); err != nil {
		return err
	}
	return l.tidy(ctx)
}

// tidy is what is left to do once the list is whole.
func (l *Ledger) tidy(ctx context.Context) error {
	if err := l.removeFiles(ctx); err != nil {
		return err
	}
	return l.db.Scrub(ctx)
}

// markErased puts every erased key on the list that a restored database is compared with, unless both are in step.
func (l *Ledger) markErased(ctx context.Context) error {
	if same, err := l.inStep(ctx); err != nil || same {
		return err
	}
	erased, from, to, err := l.markAllErased(ctx)
	if err != nil {
		return err
	}
	return l.listed(ctx, from, to, func(tx *db.Tx) error { return putCounter(ctx, tx, erasedListed, erased) })
}

// markAllErased tells how many keys were erased, and how far the list reached before and reaches with all of them on it.
func (l *Ledger) markAllErased(ctx context.Context) (erased int64, from, to vault.ListEnd, err error) {
	var ids []string
	err = l.db.View(ctx, func(tx *db.Tx) error {
		s, err := loadStep(ctx, tx)
		if err != nil {
			return err
		}
		erased = s.counts[erasedHere]
		ids, err = erasedKeys(ctx, tx)
		return err
	})
	if err != nil {
		return 0, from, to, err
	}
	from, to, err = l.ring.AddDestroyed(ids...)
	return erased, from, to, err
}

const purgePage = 100

func (l *Ledger) removeFiles(ctx context.Context) error {
	if l.cfg.Remove == nil {
		return nil
	}
	for {
		var names []string
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			names, err = filesToPurge(ctx, tx, purgePage)
			return err
		})
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if err := l.removeFile(ctx, name); err != nil {
				return err
			}
		}
	}
}

// removeFile removes bytes first and the row after, so that a crash in between does it twice and never not
// at all. A case that has come to name the file meanwhile keeps it.
func (l *Ledger) removeFile(ctx context.Context, name string) error {
	named := false
	err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		named, err = fileNamed(ctx, tx, name)
		return err
	})
	if err != nil {
		return err
	}
	if !named {
		if err := l.cfg.Remove(name); err != nil {
			return fmt.Errorf("the bytes of an erased file are still there: %w", err)
		}
	}
	return l.db.Transact(ctx, func(tx *db.Tx) error { return purged(ctx, tx, name) })
}

// Erased is what is known of the erasure of a case; ok is false for one whose content is there. Get the
// case through a scope before.
func (r *Reader) Erased(ctx context.Context, id casework.CaseID) (e Erasure, ok bool, err error) {
	n, known := number(id)
	if !known {
		return e, false, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		row, err := findCaseKey(ctx, tx, n, "")
		if errors.Is(err, db.ErrNoRows) || err == nil && row.state != keyErased {
			return nil
		}
		if err != nil {
			return err
		}
		list, err := erasuresOf(ctx, tx, n, 1)
		if err == nil && len(list) == 1 {
			e, ok = list[0], true
		}
		return err
	})
	return e, ok, err
}
