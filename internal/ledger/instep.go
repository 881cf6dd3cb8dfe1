package ledger

import (
	"context"
	"errors"

	"comity/internal/db"
	"comity/internal/vault"
)

// Database and key folder may have been brought back from different times, so at a start each is asked what the other
// does not know of: which keys on the list of destroyed ones are in the database, and which that are gone there lack on
// the list. With millions of them that takes long, and nearly always nothing has happened. Therefore the database counts
// what it destroys and what of it was put on the list, and keeps how far the list reached then. Where all three agree,
// neither can be older than the other: an older database has the end of a shorter list, an older list another end. Whatever
// breaks off in between leaves them apart, and the next start asks in full.

// The counters of it.
const (
	erasedHere   = "keys erased"
	erasedListed = "keys erased and listed"
	sealedHere   = "cases sealed"
	sealedListed = "cases sealed and listed"
	listSize     = "list of destroyed keys: size"
	listCheck    = "list of destroyed keys: check"
)

// step is what the database knows of the list.
type step struct {
	counts map[string]int64
	known  bool // it was compared in full once
}

func (s step) list() vault.ListEnd {
	return vault.ListEnd{Size: s.counts[listSize], Check: s.counts[listCheck]}
}

func loadStep(ctx context.Context, tx *db.Tx) (s step, err error) {
	s.counts, err = countersOf(ctx, tx, erasedHere, erasedListed, sealedHere, sealedListed, listSize, listCheck)
	_, s.known = s.counts[listCheck]
	return s, err
}

// inStep tells whether database and list know the same.
func (l *Ledger) inStep(ctx context.Context) (bool, error) {
	var s step
	err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		s, err = loadStep(ctx, tx)
		return err
	})
	if err != nil || !s.known || s.counts[erasedHere] != s.counts[erasedListed] || s.counts[sealedHere] != s.counts[sealedListed] {
		return false, err
	}
	end, err := l.ring.DestroyedEnd()
	return end == s.list(), err
}

// list puts what was just destroyed on the list; counter is that of what is listed.
func (l *Ledger) list(ctx context.Context, counter string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	from, to, err := l.ring.JustDestroyed(ids...)
	if err != nil {
		return err
	}
	return l.listed(ctx, from, to, func(tx *db.Tx) error { return addToCounter(ctx, tx, counter, int64(len(ids))) })
}

// listed keeps that the list goes on from where the database knew it, and what of the database's is on it now. Where
// somebody else has written to it meanwhile, the next start compares in full.
func (l *Ledger) listed(ctx context.Context, from, to vault.ListEnd, counted func(*db.Tx) error) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		s, err := loadStep(ctx, tx)
		if err != nil || !s.known || s.list() != from {
			return err
		}
		return errors.Join(counted(tx), keepEnd(ctx, tx, to))
	})
}

// compared keeps that everything up to an end of the list was compared, both ways.
func (l *Ledger) compared(ctx context.Context, erased int64, to vault.ListEnd) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		if err := putCounter(ctx, tx, erasedListed, erased); err != nil {
			return err
		}
		return keepEnd(ctx, tx, to)
	})
}

func keepEnd(ctx context.Context, tx *db.Tx, to vault.ListEnd) error {
	if err := putCounter(ctx, tx, listSize, to.Size); err != nil {
		return err
	}
	return putCounter(ctx, tx, listCheck, to.Check)
}
