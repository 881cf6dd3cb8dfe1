package main

import (
	"context"
	"crypto/rand"
	"errors"

	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/receipt"
	"comity/internal/translog"
)

// publicLog is the tamper-evident log of a compartment, signed by its ring. Each signed head is kept beside
// the keys too, so that the next start notices an older database.
func (r *rooms) publicLog(city string) *translog.Log {
	return &translog.Log{DB: r.db, Origin: receipt.Origin(city, r.compartment),
		Key: r.ring.Public().String(), Sign: r.ring.Sign, Verify: signedBy, Node: rand.Text(),
		Published: func(h receipt.Head) error { return r.ring.SaveHead(h.Size, h.Root[:], h.At) }}
}

// prove is the receipt of one event of a case, once it is under a signed head.
func (r *rooms) prove(ctx context.Context, c casework.Case, seq int) (receipt.Receipt, bool, error) {
	e, err := r.reader.Stored(ctx, c, seq)
	if err != nil {
		return receipt.Receipt{}, false, err
	}
	got, err := r.tree.Receipt(ctx, ledger.LeafEvent, e.Leaf, translog.Subject{Case: string(e.Ref), Event: e.Kind, At: e.At, Hash: e.Hash})
	if errors.Is(err, translog.ErrNotYet) || errors.Is(err, translog.ErrNoEntry) {
		return got, false, nil // older than the log, or younger than its last head
	}
	return got, err == nil, err
}
