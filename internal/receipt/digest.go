package receipt

import (
	"crypto/sha256"
	"strconv"
	"time"
)

// Digest is the hash that goes into the log for an event: it binds the event's own hash to case, kind
// and time, so that a receipt cannot be shown for another case. Its lines cannot be shifted into each
// other: neither a case number nor a kind holds a line break, and the hash comes last.
func Digest(ref, event string, at time.Time, hash []byte) []byte {
	h := sha256.New()
	h.Write([]byte("comity receipt 1\n" + ref + "\n" + event + "\n" + strconv.FormatInt(at.UnixMicro(), 10) + "\n"))
	h.Write(hash)
	return h.Sum(nil)
}
