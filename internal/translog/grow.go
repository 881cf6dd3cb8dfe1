package translog

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
)

// Growth puts many entries behind the tree at once, each with its place: for filling the log of a city that nobody
// uses meanwhile. It keeps no more of the tree than its right edge, so that what it takes does not grow with the log.
type Growth struct {
	size     int64
	frontier [64]tlog.Hash // the newest full subtree of each level that the size has one of
	entries  db.Rows
	hashes   db.Rows
}

// Grow reads the edge of the tree that stands. Entries that wait for their place must have got it before.
func Grow(ctx context.Context, tx *db.Tx) (*Growth, error) {
	n, err := countWaiting(ctx, tx)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		return nil, fmt.Errorf("translog: %d entries wait for their place in the tree; call Sequence before", n)
	}
	size, err := treeSize(ctx, tx)
	g := &Growth{size: size}
	for level := range g.frontier {
		if err != nil || size>>level == 0 {
			break
		}
		if (size>>level)&1 == 0 {
			continue
		}
		var h []tlog.Hash
		if h, err = stored(ctx, tx)([]int64{tlog.StoredHashIndex(level, size>>level-1)}); err == nil {
			g.frontier[level] = h[0]
		}
	}
	return g, err
}

// Leaf is an entry with its hash in the tree, which can be worked out before its place is known.
type Leaf struct {
	Entry
	leaf tlog.Hash
}

// NewLeaf is what [Growth.Add] takes. Kind, id and hash are those of [Add].
func NewLeaf(kind, id string, hash []byte) Leaf {
	e := Entry{Kind: kind, ID: id, Hash: hash}
	return Leaf{e, e.Leaf()}
}

// Add puts an entry behind the others.
func (g *Growth) Add(e Leaf) {
	leaf := e.leaf
	g.entries.Row(4).Text(e.Kind).Text(e.ID).Bytes(e.Hash).Int(g.size)
	index := tlog.StoredHashIndex(0, g.size)
	level := 0
	for {
		g.hashes.Row(2).Int(index).Bytes(leaf[:])
		if (g.size>>level)&1 == 0 {
			break
		}
		leaf = tlog.NodeHash(g.frontier[level], leaf) // a subtree is full, and the index behind it is that of the whole
		level++
		index++
	}
	g.frontier[level] = leaf
	g.size++
}

// Load writes what was added. Once that is committed, Stored says so.
func (g *Growth) Load(ctx context.Context, tx *db.Tx) error {
	if err := tx.Load(ctx, intoEntries, &g.entries); err != nil {
		return err
	}
	return tx.Load(ctx, intoHashes, &g.hashes)
}

// Stored forgets what was written.
func (g *Growth) Stored() {
	g.entries.Reset()
	g.hashes.Reset()
}
