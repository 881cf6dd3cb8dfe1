package ledger

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/translog"
)

// Hold is an order to keep the content of a case although it would be due to go. As long as the case is
// open its holder works on; from its end on the content is stored and secured and nothing else: staff are
// shown it under the order only. The person's own access does not end.
//
// law: PIPL/47 (storage and security only)
type Hold struct {
	Ref   string    `json:"ref"` // its name in the log
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Until time.Time `json:"until"` // it ends by itself then
	Order string    `json:"order"` // keyed hash of the order's reference

	sealed string // the reference, under the key of the case
	what   string
}

const (
	whatHold    = "hold"
	whatRelease = "release"
)

const maxOrder = 120

// Hold records an order. Holding again under the same order gives it another end.
func (l *Ledger) Hold(ctx context.Context, who authz.Actor, id casework.CaseID, order string, until time.Time) (Hold, error) {
	return l.holdOrRelease(ctx, who, id, Hold{what: whatHold, Until: micro(until)}, order)
}

// Release ends an order before its time.
func (l *Ledger) Release(ctx context.Context, who authz.Actor, id casework.CaseID, order string) (Hold, error) {
	return l.holdOrRelease(ctx, who, id, Hold{what: whatRelease}, order)
}

func (l *Ledger) holdOrRelease(ctx context.Context, who authz.Actor, id casework.CaseID, h Hold, order string) (Hold, error) {
	order = strings.Join(strings.Fields(order), " ")
	if order == "" || utf8.RuneCountInString(order) > maxOrder {
		return h, &casework.Refusal{Rule: "hold.order"}
	}
	h.Actor, h.Order = who.ID(), l.orderKey(order)
	err := l.db.Transact(ctx, func(tx *db.Tx) (err error) {
		h, err = l.putHoldOf(ctx, tx, who, id, h, order)
		return err
	})
	return h, err
}

func (l *Ledger) putHoldOf(ctx context.Context, tx *db.Tx, who authz.Actor, id casework.CaseID, h Hold, order string) (Hold, error) {
	s, err := l.load(ctx, tx, id)
	if err != nil {
		return h, err
	}
	if !who.Is(authz.System) && (!who.IsStaff() || !s.readable(who.Scope())) {
		return h, &casework.Refusal{Rule: "case.unknown"}
	}
	if err := l.unlock(s); err != nil {
		return h, err
	}
	if s.key == nil {
		return h, &casework.Refusal{Rule: "erase.keyless"}
	}
	active, err := activeHolds(ctx, tx, s.n)
	if err != nil {
		return h, err
	}
	_, known := active[h.Order]
	switch {
	case h.what == whatHold && !h.Until.After(tx.Now):
		return h, &casework.Refusal{Rule: "hold.until"}
	case h.what == whatRelease && !known:
		return h, &casework.Refusal{Rule: "hold.unknown"}
	}
	h.Ref, h.At, h.sealed = l.drawLeaf(tx.Now), micro(tx.Now), s.key.Seal(l.context(s.c.ID), order)
	hash, err := holdHash(s.c.ID, h)
	if err != nil {
		return h, err
	}
	if err := putHold(ctx, tx, s.n, h, hash); err != nil {
		return h, err
	}
	if err := l.markHeld(ctx, tx, s.n); err != nil {
		return h, err
	}
	leaf := LeafHold
	if h.what == whatRelease {
		leaf = LeafRelease
	}
	return h, translog.Add(ctx, tx, leaf, h.Ref, hash)
}

// markHeld brings the state of a key in line with the orders that are in force.
func (l *Ledger) markHeld(ctx context.Context, tx *db.Tx, n int64) error {
	active, err := activeHolds(ctx, tx, n)
	if err != nil {
		return err
	}
	if len(active) > 0 {
		return moveKeys(ctx, tx, n, keyLive, keyHeld)
	}
	return moveKeys(ctx, tx, n, keyHeld, keyLive)
}

func holdHash(id casework.CaseID, h Hold) ([]byte, error) {
	h.At, h.Until = h.At.UTC(), h.Until.UTC()
	return hashOf(struct {
		Case casework.CaseID `json:"case"`
		What string          `json:"what"`
		Text string          `json:"text"`
		Hold
	}{id, h.what, h.sealed, h})
}

// orderKey is how an order's reference is found again.
func (k keeper) orderKey(order string) string {
	return k.ring.Index("order", strings.Join(strings.Fields(order), " "))
}

// kept refuses staff a closed case that is held, unless they come with the order.
func (l *Ledger) kept(ctx context.Context, tx *db.Tx, who authz.Actor, s *stored, state, order string) (byOrder bool, err error) {
	if state != keyHeld || !who.IsStaff() || s.c.Closed.IsZero() {
		return false, nil
	}
	active, err := activeHolds(ctx, tx, s.n)
	if err != nil || len(active) == 0 {
		return false, err
	}
	if _, ok := active[l.orderKey(order)]; order == "" || !ok {
		return false, &casework.Refusal{Rule: "look.held"}
	}
	return true, nil
}

// Holds lists the orders in force, for whoever may read the case.
func (r *Reader) Holds(ctx context.Context, id casework.CaseID) (out []Hold, err error) {
	n, ok := number(id)
	if !ok {
		return nil, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		active, err := activeHolds(ctx, tx, n)
		out = nil
		for _, h := range active {
			out = append(out, h)
		}
		return err
	})
	return out, err
}

// endHolds lets keys go whose orders have ended by themselves.
func (l *Ledger) endHolds(ctx context.Context) error {
	for after := int64(0); ; {
		var list []int64
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			list, err = heldAfter(ctx, tx, after, purgePage)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, n := range list {
			if err := l.db.Transact(ctx, func(tx *db.Tx) error { return l.markHeld(ctx, tx, n) }); err != nil {
				return err
			}
		}
		after = list[len(list)-1]
	}
}
