// Package translog is the tamper-evident log of one compartment: an RFC 6962 tree over the hashes of
// everything that happened and everything that was looked at, inside the database it speaks of.
//
// It owns the tables log_*. An entry is written by [Add] in the transaction of what it records, so
// neither exists without the other. [Log.Sequence] gives entries their places in the tree, on whichever
// node gets the lease; [Log.SignHead] signs the tree as it stands. From then on no entry can be changed,
// left out or put in between without [Log.Check], or anybody who kept an older head, being able to tell.
//
// A leaf is kind 0x00 id 0x00 hash. It holds no personal data, and ids must be opaque: whoever can ask
// for a proof must not be able to count cases by guessing ids.
//
// It refuses: ids that look like numbers to count with, hashes of another length than 32 bytes, the
// same kind and id twice, and signing with a key that does not verify its own signature.
//
// Open this file first, then sequence.go; head.go signs, proof.go answers outsiders, check.go re-derives
// everything. How heads and receipts are spelled and checked without a database is room receipt.
package translog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
	"comity/internal/receipt"
)

// Entry is one record of the log.
type Entry struct {
	Kind string // what was recorded: event, look, erased, hold, order, key
	ID   string // opaque name of it
	Hash []byte // 32 bytes that only it has
	Pos  int64  // place in the tree, −1 until sequenced

	row int64
}

// Leaf is the hash of the entry in the tree.
func (e Entry) Leaf() tlog.Hash { return tlog.RecordHash(e.data()) }

func (e Entry) data() []byte {
	b := make([]byte, 0, len(e.Kind)+len(e.ID)+len(e.Hash)+2)
	b = append(append(b, e.Kind...), 0)
	b = append(append(b, e.ID...), 0)
	return append(b, e.Hash...)
}

var (
	kinds = regexp.MustCompile(`^[a-z][a-z_.]{0,23}$`)
	ids   = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
)

// ErrEntry says that an entry cannot be recorded as given.
var ErrEntry = errors.New("translog: not a record")

// Add records one thing in the caller's transaction. id is 16 to 64 letters, digits, - or _, and tells
// nothing by itself: a keyed hash, or a number drawn by chance. hash has 32 bytes; for what a resident
// may get a receipt for it is receipt.Digest of it, which binds the case.
func Add(ctx context.Context, tx *db.Tx, kind, id string, hash []byte) error {
	switch {
	case !kinds.MatchString(kind):
		return fmt.Errorf("%w: the kind %q is not a short lower-case word", ErrEntry, kind)
	case !ids.MatchString(id):
		return fmt.Errorf("%w: an id of kind %s must be 16 to 64 letters and digits that tell nothing; use a keyed hash of what it names", ErrEntry, kind)
	case len(hash) != tlog.HashSize:
		return fmt.Errorf("%w: the hash of %s %s has %d bytes, not %d", ErrEntry, kind, id, len(hash), tlog.HashSize)
	}
	return insertEntry(ctx, tx, Entry{Kind: kind, ID: id, Hash: hash})
}

// nameLen is how much of what tells nothing goes into a name: 26 letters of base 32 are 130 bits, of hex 104.
const nameLen = 26

// Dated is a name for what was written at a time: the day, as UTC has it, and then what tells nothing. Entries of a day stand
// together in the index of names, so that writing one touches a page that is at hand, however long the log is
// (docs/decisions/0055-names-in-the-log-begin-with-the-day.md). It says nothing that the place in the tree does not.
// opaque has 26 letters or more.
func Dated(at time.Time, opaque string) string {
	return at.UTC().Format("060102") + opaque[:nameLen]
}

// Log is the log of one compartment.
type Log struct {
	DB     *db.DB
	Origin string                  // what heads begin with: names city and compartment, see receipt.Origin
	Key    string                  // text form of the public key that belongs to Sign
	Sign   func(msg []byte) []byte // signs heads
	Former []string                // keys that signed before Key and are still believed
	Verify receipt.Verifier        // checks signatures; nil = receipt.Ed25519
	Every  time.Duration           // between heads while there is news; 0 = a minute
	// Published, unless nil, is told each head that Tick has signed: to keep it where a restored backup
	// of the database does not reach, see [Log.Continues].
	Published func(receipt.Head) error
	Node      string // name of this process among those that share the database; any, if it is alone
}

func (l *Log) verify(key string, msg, sig []byte) bool {
	if l.Verify == nil {
		return receipt.Ed25519(key, msg, sig)
	}
	return l.Verify(key, msg, sig)
}

// Keys lists the keys whose heads are believed, the present one first.
func (l *Log) Keys() []string { return slices.Concat([]string{l.Key}, l.Former) }
