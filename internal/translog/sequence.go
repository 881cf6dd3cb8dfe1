package translog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
)

const (
	batch = 256              // entries that get their places in one transaction
	lease = 20 * time.Second // longer than a batch takes; after a crash nobody sequences for so long
)

// errLost says that another node did this one's work while it was slow.
var errLost = errors.New("translog: another node was faster")

// Sequence gives every waiting entry its place in the tree and returns how many got one. Where another
// node is at it, it returns 0 at once. A batch is one transaction: places and hashes of the tree appear
// together or not at all, so it may be killed anywhere and simply called again.
func (l *Log) Sequence(ctx context.Context) (n int, err error) {
	mine, err := l.lease(ctx)
	if err != nil || !mine {
		return 0, err
	}
	for {
		got, placed, err := l.sequenceBatch(ctx)
		n += placed
		switch {
		case errors.Is(err, errLost):
			return n, nil
		case err != nil:
			return n, err
		case got < batch:
			return n, l.DB.Transact(ctx, func(tx *db.Tx) error { return dropLease(ctx, tx, l.node()) })
		}
	}
}

func (l *Log) node() string {
	if l.Node == "" {
		return "only"
	}
	return l.Node
}

func (l *Log) lease(ctx context.Context) (mine bool, err error) {
	var some []Entry
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		some, err = waiting(ctx, tx, 1)
		return err
	})
	if err != nil || len(some) == 0 {
		return false, err
	}
	err = l.DB.Transact(ctx, func(tx *db.Tx) error {
		mine, err = takeLease(ctx, tx, l.node(), db.Micros(tx.Now.Add(lease)))
		return err
	})
	return mine, err
}

func (l *Log) sequenceBatch(ctx context.Context) (got, placed int, err error) {
	var entries []Entry
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		entries, err = waiting(ctx, tx, batch)
		return err
	})
	if err != nil || len(entries) == 0 {
		return 0, 0, err
	}
	err = l.DB.Transact(ctx, func(tx *db.Tx) error {
		placed = 0
		mine, err := takeLease(ctx, tx, l.node(), db.Micros(tx.Now.Add(lease)))
		if err != nil {
			return err
		}
		if !mine {
			return errLost
		}
		placed, err = appendAll(ctx, tx, entries)
		return err
	})
	if err != nil {
		placed = 0
	}
	return len(entries), placed, err
}

// appendAll puts the entries behind the tree, in their order. Writing the lease row before has made sure
// that nobody else does the same between reading the size and committing.
func appendAll(ctx context.Context, tx *db.Tx, entries []Entry) (placed int, err error) {
	size, err := treeSize(ctx, tx)
	if err != nil {
		return 0, err
	}
	tree := growing{old: stored(ctx, tx), fresh: map[int64]tlog.Hash{}}
	from := size
	for _, e := range entries {
		if err := place(ctx, tx, e.row, size); err != nil {
			return 0, err
		}
		hashes, err := tlog.StoredHashesForRecordHash(size, e.Leaf(), tree)
		if err != nil {
			return 0, fmt.Errorf("translog: entry %d: %w", size, err)
		}
		first := tlog.StoredHashIndex(0, size)
		for i, h := range hashes {
			tree.fresh[first+int64(i)] = h
			if err := insertHash(ctx, tx, first+int64(i), h); err != nil {
				return 0, err
			}
		}
		size++
	}
	n, err := countPlaced(ctx, tx, from)
	if err == nil && n != size-from {
		err = errLost // another node placed some of them after we had looked
	}
	return int(n), err
}

// growing reads hashes written in this transaction from memory, older ones from the table.
type growing struct {
	old   tlog.HashReaderFunc
	fresh map[int64]tlog.Hash
}

func (g growing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var older []int64
	var at []int // where they go
	for i, index := range indexes {
		if h, ok := g.fresh[index]; ok {
			out[i] = h
			continue
		}
		older, at = append(older, index), append(at, i)
	}
	hashes, err := g.old(older)
	if err != nil {
		return nil, err
	}
	for i, h := range hashes {
		out[at[i]] = h
	}
	return out, nil
}
