package translog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
	"comity/internal/receipt"
)

var (
	// ErrNoHead says that nothing has been signed yet.
	ErrNoHead = errors.New("translog: no head has been signed yet")
	// ErrFork says that the tree is not a continuation of what was signed or published before.
	ErrFork = errors.New("translog: the log is not a continuation of its last signed head")
)

const (
	every     = time.Minute
	heartbeat = time.Hour // a log in which nothing happens still says that it lives
)

// SignHead signs the tree as it stands and stores the head. Where nothing was added since the last head
// it returns that one, and signs again only after an hour. It never signs a tree that does not continue
// the last signed one: the error then is [ErrFork], and [Log.Check] tells where they part.
func (l *Log) SignHead(ctx context.Context) (h receipt.Head, err error) {
	err = l.DB.Transact(ctx, func(tx *db.Tx) error {
		h, err = l.signHead(ctx, tx)
		return err
	})
	return h, err
}

func (l *Log) signHead(ctx context.Context, tx *db.Tx) (receipt.Head, error) {
	size, err := treeSize(ctx, tx)
	if err != nil {
		return receipt.Head{}, err
	}
	last, err := lastHead(ctx, tx)
	fresh := errors.Is(err, ErrNoHead)
	if err != nil && !fresh {
		return receipt.Head{}, err
	}
	if !fresh {
		if err := continues(ctx, tx, size, last.size, last.root); err != nil {
			return receipt.Head{}, err
		}
	}
	at := tx.Now.Truncate(time.Second)
	if !fresh && db.Micros(at) < last.at {
		at = db.FromMicros(last.at) // the clock was set back
	}
	if !fresh && size == last.size && at.Sub(db.FromMicros(last.at)) < heartbeat {
		return l.head(last), nil
	}
	root, err := tlog.TreeHash(size, stored(ctx, tx))
	if err != nil {
		return receipt.Head{}, err
	}
	h := receipt.Head{Origin: l.Origin, Size: size, Root: root, At: at}.Sign(l.Key, l.Sign)
	if _, err := receipt.ParseHead(h.Text()); err != nil {
		return receipt.Head{}, fmt.Errorf("translog: the origin %q does not fit into a head: %w", l.Origin, err)
	}
	if !h.Signed(l.Key, l.verify) {
		return receipt.Head{}, fmt.Errorf("translog: the signature does not fit the key %s; give the Log the key that belongs to Sign", l.Key)
	}
	return h, insertHead(ctx, tx, signed{size: size, at: db.Micros(at), root: root, signature: h.Marks[0].Sig, key: l.Key})
}

// continues makes sure that the tree of today begins with the tree that had this root.
func continues(ctx context.Context, tx *db.Tx, size, old int64, root tlog.Hash) error {
	if size < old {
		return fmt.Errorf("%w: it has %d records, the head has %d; records were taken away, or an old backup was restored", ErrFork, size, old)
	}
	now, err := tlog.TreeHash(old, stored(ctx, tx))
	if err != nil {
		return err
	}
	if now != root {
		return fmt.Errorf("%w: the first %d records now have the root %v, then %v", ErrFork, old, now, root)
	}
	return nil
}

// Continues compares the log with a head kept elsewhere, such as beside the keys: a restored backup
// that is older than what was published gives [ErrFork].
func (l *Log) Continues(ctx context.Context, size int64, root tlog.Hash) error {
	return l.DB.View(ctx, func(tx *db.Tx) error {
		now, err := treeSize(ctx, tx)
		if err != nil {
			return err
		}
		return continues(ctx, tx, now, size, root)
	})
}

func lastHead(ctx context.Context, tx *db.Tx) (signed, error) {
	some, err := headsBefore(ctx, tx, math.MaxInt64, 0, 1)
	if err != nil {
		return signed{}, err
	}
	if len(some) == 0 {
		return signed{}, ErrNoHead
	}
	return some[0], nil
}

func (l *Log) head(s signed) receipt.Head {
	h := receipt.Head{Origin: l.Origin, Size: s.size, Root: s.root, At: db.FromMicros(s.at)}
	return h.Sign(s.key, func([]byte) []byte { return s.signature })
}

// Head is the newest signed head, or [ErrNoHead].
func (l *Log) Head(ctx context.Context) (h receipt.Head, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		s, err := lastHead(ctx, tx)
		if err == nil {
			h = l.head(s)
		}
		return err
	})
	return h, err
}

// Heads lists signed heads from the newest back, at most limit; before is the last one of the page
// before, or nil.
func (l *Log) Heads(ctx context.Context, before *receipt.Head, limit int) (out []receipt.Head, err error) {
	size, at := int64(math.MaxInt64), int64(0)
	if before != nil {
		size, at = before.Size, db.Micros(before.At)
	}
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		list, err := headsBefore(ctx, tx, size, at, limit)
		out = nil
		for _, s := range list {
			out = append(out, l.head(s))
		}
		return err
	})
	return out, err
}

// First is the oldest head: since when the log is signed. [ErrNoHead] if there is none.
func (l *Log) First(ctx context.Context) (h receipt.Head, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		list, err := headsAfter(ctx, tx, -1, 0, 1)
		if err == nil && len(list) == 0 {
			err = ErrNoHead
		}
		if err != nil {
			return err
		}
		h = l.head(list[0])
		return nil
	})
	return h, err
}

// Tick does what is due: gives places to what waits and, where the last head is old enough, signs the
// next. Call it every second; it is cheap when there is nothing to do.
func (l *Log) Tick(ctx context.Context) error {
	if _, err := l.Sequence(ctx); err != nil {
		return err
	}
	due := false
	err := l.DB.View(ctx, func(tx *db.Tx) error {
		last, err := lastHead(ctx, tx)
		since := tx.Now.Sub(db.FromMicros(last.at))
		// Before the last head lies a clock that was set back; waiting until it has caught up could take years.
		due = errors.Is(err, ErrNoHead) || err == nil && (since >= cmp.Or(l.Every, every) || since <= -cmp.Or(l.Every, every))
		if due {
			return nil
		}
		return err
	})
	if err != nil || !due {
		return err
	}
	h, err := l.SignHead(ctx)
	if err != nil || l.Published == nil {
		return err
	}
	return l.Published(h)
}

// Run ticks until the context ends. Errors go to tell, and the next tick tries again.
func (l *Log) Run(ctx context.Context, tell func(error)) {
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for {
		if err := l.Tick(ctx); err != nil && ctx.Err() == nil {
			tell(err)
		}
		select {
		case <-ctx.Done():
			if err := l.giveBack(ctx); err != nil {
				tell(err)
			}
			return
		case <-beat.C:
		}
	}
}

// giveBack lets another node go on at once where this one was stopped amid a batch.
func (l *Log) giveBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return l.DB.Transact(ctx, func(tx *db.Tx) error { return dropLease(ctx, tx, l.node()) })
}
