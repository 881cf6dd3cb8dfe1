package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/receipt"
	"comity/internal/translog"
)

// publicLog is the tamper-evident log of the civic compartment, signed by its ring.
func (c *city) publicLog() *translog.Log {
	return &translog.Log{DB: c.db, Origin: receipt.Origin(c.packs.Current().ID, string(c.ring.Compartment())),
		Key: c.ring.Public().String(), Sign: c.ring.Sign, Verify: signedBy, Node: rand.Text(),
		Published: func(h receipt.Head) error { return c.ring.SaveHead(h.Size, h.Root[:], h.At) }}
}

// continues refuses a database whose log is older than the head kept beside the keys, or another: a backup
// was restored, or records were taken away.
func continues(ctx context.Context, c *city, l *translog.Log) error {
	kept, err := c.ring.Head()
	if err != nil || kept.Size == 0 {
		return err
	}
	if len(kept.Root) != tlog.HashSize {
		return fmt.Errorf("the head kept beside the keys has a root of %d bytes; restore that file", len(kept.Root))
	}
	return l.Continues(ctx, kept.Size, tlog.Hash(kept.Root))
}
