package translog

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
)

// Size is how many entries have a place in the tree.
func (l *Log) Size(ctx context.Context) (size int64, err error) {
	size, _, err = l.Tree(ctx)
	return size, err
}

// Tree is the tree as it stands, signed or not.
func (l *Log) Tree(ctx context.Context) (size int64, root tlog.Hash, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) (err error) {
		if size, err = treeSize(ctx, tx); err != nil {
			return err
		}
		root, err = tlog.TreeHash(size, stored(ctx, tx))
		return err
	})
	return size, root, err
}
