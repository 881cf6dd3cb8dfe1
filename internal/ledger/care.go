package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/translog"
	"comity/internal/vault"
)

// Care is something done by hand to the keys or to the data as a whole. It has a leaf in the log.
type Care struct {
	Ref    string    `json:"ref"` // its name in the log
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	What   string    `json:"what"`
	Detail string    `json:"detail"`
}

// What is done by hand.
const (
	CareRotated  = "rotated"  // there is a new generation of keys
	CareDropped  = "dropped"  // older generations were destroyed
	CareRestored = "restored" // the data were brought back from before the last published head
)

func (l *Ledger) care(ctx context.Context, tx *db.Tx, who authz.Actor, what, detail string) error {
	c := Care{Ref: l.drawLeaf(tx.Now), At: micro(tx.Now), Actor: who.ID(), What: what, Detail: detail}
	hash, err := hashOf(c)
	if err != nil {
		return err
	}
	if err := putCare(ctx, tx, c, hash); err != nil {
		return err
	}
	return translog.Add(ctx, tx, LeafKey, c.Ref, hash)
}

// Keys counts the keys of cases by generation and state.
func (r *Reader) Keys(ctx context.Context) (out []KeyCount, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = countKeys(ctx, tx)
		return err
	})
	return out, err
}

// Rotate makes a new generation of the compartment's keys. Rewrap then wraps the keys of cases under it.
func (l *Ledger) Rotate(ctx context.Context, who authz.Actor) (generation int, err error) {
	var now time.Time
	if err := l.db.View(ctx, func(tx *db.Tx) error { now = tx.Now; return nil }); err != nil {
		return 0, err
	}
	if err := l.ring.Rotate(now); err != nil {
		return 0, err
	}
	generation = l.ring.Generation()
	return generation, l.db.Transact(ctx, func(tx *db.Tx) error { return l.care(ctx, tx, who, CareRotated, fmt.Sprint(generation)) })
}

// Rewrap wraps up to limit keys under the current generation that still are under an older one, and reports
// how many. It may be broken off anywhere and called again until it answers 0.
func (l *Ledger) Rewrap(ctx context.Context, limit int) (n int, err error) {
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		n = 0
		list, err := keysBefore(ctx, tx, int64(l.ring.Generation()), limit)
		if err != nil {
			return err
		}
		for _, k := range list {
			again, _, err := l.ring.Rewrap(k.wrapped)
			if err != nil {
				return fmt.Errorf("ledger: the key of case %s: %w", caseID(k.n), err)
			}
			if err := rewrapped(ctx, tx, k, again); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// ErrWrapped says that a generation cannot be dropped because keys are wrapped under it.
var ErrWrapped = errors.New("ledger: keys of cases are still wrapped under older generations")

// Drop destroys all generations before the current one, once nothing is wrapped under them.
func (l *Ledger) Drop(ctx context.Context, who authz.Actor) (generation int, err error) {
	generation = l.ring.Generation()
	// One writing transaction: on either engine whoever wrapped a key before has committed it, or tries again
	// and finds the generation that is in force now.
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		left, err := keysBefore(ctx, tx, int64(generation), 1)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%w than %d: wrap them anew first with: comity keys rotate --finish", ErrWrapped, generation)
		}
		return l.care(ctx, tx, who, CareDropped, fmt.Sprint(generation))
	})
	if err != nil {
		return 0, err
	}
	return generation, l.ring.DropBefore(generation)
}

// BackUpKeys hands out every wrapped key, for a backup that lies apart from that of the data.
func (r *Reader) BackUpKeys(ctx context.Context, each func(KeptKey) error) error {
	var last KeptKey
	for {
		var page []KeptKey
		err := r.db.View(ctx, func(tx *db.Tx) (err error) {
			page, err = keysAfter(ctx, tx, last.N, last.Slot, 500)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, k := range page {
			if k.Wrapped == "" {
				continue
			}
			if k.ID == "" {
				k.ID = r.keyID(k.N, k.Slot)
			}
			if err := each(k); err != nil {
				return err
			}
		}
		last = page[len(page)-1]
	}
}

// BringKeysBack stores wrapped keys of a backup where the data lack them, and reports how many. Keys that
// were destroyed, here or by the list beside the key file, stay away.
func (l *Ledger) BringKeysBack(ctx context.Context, keys []KeptKey) (n int, err error) {
	ids, err := l.ring.Destroyed()
	if err != nil {
		return 0, err
	}
	gone := setOf(ids)
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		n = 0
		if err := remember(ctx, tx); err != nil {
			return err
		}
		for _, k := range keys {
			if gone[k.ID] || k.ID != l.keyID(k.N, k.Slot) {
				continue
			}
			if _, err := l.ring.Unwrap(k.Wrapped); err != nil {
				return fmt.Errorf("the key of case %s in the backup: %w", caseID(k.N), err)
			}
			ok, err := bringBack(ctx, tx, k)
			if err != nil {
				return err
			}
			if ok {
				n++
			}
		}
		return nil
	})
	return n, err
}

// NeedsKeys tells whether the database holds cases sealed under keys: then a new key file would open
// nothing, and the old one has to be brought back. It migrates the tables of the ledger.
func NeedsKeys(ctx context.Context, d *db.DB) (needs bool, err error) {
	if err := migrate(ctx, d); err != nil {
		return false, err
	}
	err = d.View(ctx, func(tx *db.Tx) error {
		needs, err = hasKeys(ctx, tx)
		if err != nil || needs {
			return err
		}
		n, err := keyless(ctx, tx)
		needs = n > 0
		return err
	})
	return needs, err
}

// Why a city does not start. Each error tells the way out.
var (
	ErrKeysAway = errors.New("the keys of cases are not in the database")
	ErrOtherKey = errors.New("the key file does not open what the database holds")
	ErrRolled   = errors.New("the log in the database is older than what was published")
)

// ErrNoLoss answers AcceptLoss where the log in the database continues the published head.
var ErrNoLoss = errors.New("the log in the database is not older than what was published; nothing was changed")

// Reconciled is what Reconcile had to do.
type Reconciled struct {
	Destroyed int // keys of a restored database that had been destroyed before, destroyed again
	Marked    int // erasures that the list beside the key file did not know
}

// Reconcile compares database and key folder before anybody is let in: either may have come out of a
// backup. It refuses what cannot be put right by itself, and destroys again what had been destroyed. witness
// is a published head kept elsewhere, or nil.
func (l *Ledger) Reconcile(ctx context.Context, witness *vault.Head) (r Reconciled, err error) {
	same, err := l.inStep(ctx)
	if err != nil {
		return r, err
	}
	var before []string
	if !same {
		if before, err = l.ring.Destroyed(); err != nil {
			return r, err
		}
	}
	if !l.cfg.Filling { // no backup is of a city half filled, and without its indexes each of these reads every key
		if err := l.keysOpen(ctx, before); err != nil {
			return r, err
		}
	}
	last, err := l.ring.Head()
	if err != nil {
		return r, err
	}
	if err := l.follows(ctx, last, "remembered beside the key file"); err != nil {
		return r, err
	}
	if witness != nil {
		if err := l.follows(ctx, *witness, "of the witness"); err != nil {
			return r, err
		}
	}
	if err := errors.Join(l.nameKeys(ctx), l.listFiles(ctx)); err != nil {
		return r, err
	}
	if same {
		return r, l.tidy(ctx)
	}
	live, err := l.stillLive(ctx, before)
	if err != nil {
		return r, err
	}
	for _, id := range live {
		again, err := l.destroyAgain(ctx, id)
		if err != nil {
			return r, err
		}
		if again {
			r.Destroyed++
		}
	}
	erased, _, to, err := l.markAllErased(ctx)
	if err != nil {
		return r, err
	}
	after, err := l.ring.Destroyed()
	if err != nil {
		return r, err
	}
	r.Marked = len(after) - len(before)
	return r, errors.Join(l.tidy(ctx), l.compared(ctx, erased, to))
}

// keysOpen makes sure that the keys are there, but for those that were destroyed, and that this ring opens them.
func (l *Ledger) keysOpen(ctx context.Context, destroyed []string) error {
	gone := setOf(destroyed)
	return l.db.View(ctx, func(tx *db.Tx) error {
		away, err := keysAway(ctx, tx, len(gone)+1)
		if err != nil {
			return err
		}
		away = slices.DeleteFunc(away, func(id string) bool { return gone[id] })
		lacking, err := keyless(ctx, tx)
		if err != nil {
			return err
		}
		if len(away) > 0 || lacking > 0 {
			return fmt.Errorf("compartment %s: %w, since a backup of the data leaves them out; bring them back with: comity restore keys --from FOLDER",
				l.ring.Compartment(), ErrKeysAway)
		}
		samples, err := keySamples(ctx, tx)
		if err != nil {
			return err
		}
		for _, k := range samples {
			if _, err := l.ring.Unwrap(k.wrapped); err != nil {
				return fmt.Errorf("compartment %s: %w (case %s, generation %d): %w; put back the newest key file of this very city, from the backup of the key folder",
					l.ring.Compartment(), ErrOtherKey, caseID(k.n), k.wrapped.Generation(), err)
			}
		}
		return nil
	})
}

// follows refuses a log that does not continue a published head.
func (l *Ledger) follows(ctx context.Context, h vault.Head, whose string) error {
	if h.Size == 0 {
		return nil
	}
	log := &translog.Log{DB: l.db}
	var root [32]byte
	copy(root[:], h.Root)
	err := log.Continues(ctx, h.Size, root)
	if !errors.Is(err, translog.ErrFork) {
		return err
	}
	size, e := log.Size(ctx)
	if e != nil {
		return e
	}
	return fmt.Errorf("compartment %s: %w: it has %d records, and the head %s, of %s, has %d (%w); bring back a newer backup of the database. "+
		"If there is none, what came after is lost: say so on the record with: comity restore --accept-loss",
		l.ring.Compartment(), ErrRolled, size, whose, h.At.Format(time.RFC3339), h.Size, err)
}

// stillLive gives those of some keys that are in the database and not erased there: none, but after a backup was brought
// back. In few questions, since the list is as long as what was ever erased.
func (l *Ledger) stillLive(ctx context.Context, ids []string) (live []string, err error) {
	for some := range slices.Chunk(ids, 90) { // a statement takes 99 arguments
		err := l.db.View(ctx, func(tx *db.Tx) error {
			found, err := liveAmong(ctx, tx, some)
			live = append(live, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return live, nil
}

// destroyAgain erases a case whose key is on the list and yet in the database.
func (l *Ledger) destroyAgain(ctx context.Context, id string) (again bool, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		_, err := liveKey(ctx, tx, id)
		again = err == nil
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || !again {
		return false, err
	}
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		k, err := liveKey(ctx, tx, id)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		who := authz.Machine()
		s, err := l.load(ctx, tx, caseID(k.n))
		if err != nil {
			return err
		}
		if _, err := l.destroy(ctx, tx, k.n, s.c.ID, k, Erasure{Actor: who.ID(), Ground: groundRestored}); err != nil {
			return err
		}
		return l.forget(ctx, tx, s)
	})
	return err == nil, err
}

// nameKeys names the keys that are older than their names.
func (l *Ledger) nameKeys(ctx context.Context) error {
	for {
		n := 0
		err := l.db.Transact(ctx, func(tx *db.Tx) error {
			list, err := unnamedKeys(ctx, tx, 500)
			if err != nil {
				return err
			}
			n = len(list)
			for _, k := range list {
				if err := nameKey(ctx, tx, k, l.keyID(k.n, k.slot)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// listFiles enters, once, the files of cases that are older than the list of files.
func (l *Ledger) listFiles(ctx context.Context) error {
	for last, done := int64(0), false; !done; {
		err := l.db.Transact(ctx, func(tx *db.Tx) (err error) {
			if done, err = marked(ctx, tx, filesListed); err != nil || done {
				return err
			}
			after, err := listFilesAfter(ctx, tx, last, 500)
			if err != nil {
				return err
			}
			if done = after == 0; done {
				return mark(ctx, tx, filesListed)
			}
			last = after
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AcceptLoss says on the record that the data were brought back from before the last published head and
// that nothing newer is left: from now on the log goes on from where it stands. Whoever kept the head can
// see it, and the record says why.
func (l *Ledger) AcceptLoss(ctx context.Context, who authz.Actor) (lost vault.Head, kept int64, err error) {
	lost, err = l.ring.Head()
	if err != nil {
		return lost, 0, err
	}
	log := &translog.Log{DB: l.db}
	kept, root, err := log.Tree(ctx)
	if err != nil {
		return lost, 0, err
	}
	if kept > lost.Size || kept == lost.Size && bytes.Equal(root[:], lost.Root) {
		return lost, kept, ErrNoLoss
	}
	detail, err := json.Marshal(struct {
		Published vault.Head `json:"published"`
		Kept      vault.Head `json:"kept"`
	}{lost, vault.Head{Size: kept, Root: root[:]}})
	if err != nil {
		return lost, 0, err
	}
	var now time.Time
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		now = tx.Now
		return l.care(ctx, tx, who, CareRestored, string(detail))
	})
	if err != nil {
		return lost, 0, err
	}
	return lost, kept, l.ring.ReplaceHead(kept, root[:], now)
}

// RecordHash is the hash that the log must hold of a record about keys; kind is one of the leaves above.
func (r *Reader) RecordHash(ctx context.Context, kind, ref string) (hash []byte, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		hash, err = recordHash(ctx, tx, kind, ref)
		return err
	})
	return hash, err
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
