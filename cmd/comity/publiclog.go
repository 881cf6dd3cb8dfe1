package main

import (
	"crypto/rand"

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
