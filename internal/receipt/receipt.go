// Package receipt is what outsiders need to check the log without us: the signed heads of the tree,
// and the receipt a resident gets for an event of their case. It is pure: no database, no clock, no
// network, so that the command line, the public pages and anybody else's program give the same answer.
//
// It owns how both are spelled: a head is a signed note, a receipt a small JSON file or one line of
// text that fits a QR code. A receipt holds a case number, the kind and time of an event, and hashes;
// never a name, an address or what somebody wrote.
//
// It refuses, each with its own reason: what is no receipt, a record that is not about this case, a key
// one did not expect, a head that key did not sign, a proof that does not lead to that head.
//
// Open this file first; head.go is the signed text, compact.go the line for a QR code, digest.go binds
// a record to its case.
package receipt

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// Receipt proves that an event of a case stands in the log.
type Receipt struct {
	Format int       `json:"comity_receipt"` // 1
	Case   string    `json:"case"`
	Event  string    `json:"event"`      // kind of the event, such as petition.accepted
	At     time.Time `json:"at"`         // when it happened, UTC, whole microseconds
	Hash   tlog.Hash `json:"event_hash"` // of the stored event
	Record Record    `json:"record"`
	Pos    int64     `json:"pos"` // of the record in the tree
	Proof  Path      `json:"proof"`
	Head   string    `json:"head"` // see [Head.Text]
	Key    string    `json:"key"`  // who signed the head; compare it with what the city publishes
}

// Record is the leaf of the tree.
type Record struct {
	Kind string    `json:"kind"`
	ID   string    `json:"id"` // opaque
	Hash tlog.Hash `json:"hash"`
}

// Leaf is the hash of the record in the tree.
func (r Record) Leaf() tlog.Hash {
	b := append([]byte(r.Kind+"\x00"+r.ID+"\x00"), r.Hash[:]...)
	return tlog.RecordHash(b)
}

// Path is the hashes from a leaf up to the root.
type Path = []tlog.Hash

// Problem is why a receipt proves nothing.
type Problem struct{ Reason string }

// Error is for logs; people read the words of [Problem.Key].
func (p *Problem) Error() string { return "receipt: refused: " + p.Reason }

// Key names the words that say it to a person.
func (p *Problem) Key() string { return "log.refused." + p.Reason }

// Reasons lists every reason there is.
var Reasons = []string{"malformed", "format", "case", "key", "origin", "head", "suite", "signature", "proof"}

func refuse(reason string) error { return &Problem{reason} }

// Expect is what the checker knows from elsewhere.
type Expect struct {
	Keys   []string // keys the city has published; none = the one in the receipt, which then proves only itself
	Origin string   // the log it must be in; empty = any
	Case   string   // the case it must be about; empty = any
	Verify Verifier // nil = [Ed25519]
}

// Verify checks a receipt and returns the head it leads to. The error is a [*Problem].
func (r Receipt) Verify(e Expect) (Head, error) {
	if err := r.shape(); err != nil {
		return Head{}, err
	}
	want := Digest(r.Case, r.Event, r.At, r.Hash[:])
	if !bytes.Equal(want, r.Record.Hash[:]) || e.Case != "" && e.Case != r.Case {
		return Head{}, refuse("case")
	}
	h, err := r.head(e)
	if err != nil {
		return Head{}, err
	}
	if tlog.CheckRecord(r.Proof, h.Size, h.Root, r.Pos, r.Record.Leaf()) != nil {
		return Head{}, refuse("proof")
	}
	return h, nil
}

func (r Receipt) head(e Expect) (Head, error) {
	if len(e.Keys) > 0 && !slices.Contains(e.Keys, r.Key) {
		return Head{}, refuse("key")
	}
	h, err := ParseHead(r.Head)
	if err != nil {
		return Head{}, err
	}
	verify := e.Verify
	if verify == nil {
		if _, ok := standard(r.Key); !ok {
			return Head{}, refuse("suite")
		}
		verify = Ed25519
	}
	switch {
	case e.Origin != "" && e.Origin != h.Origin:
		return Head{}, refuse("origin")
	case !h.Signed(r.Key, verify):
		return Head{}, refuse("signature")
	case r.Pos < 0 || r.Pos >= h.Size:
		return Head{}, refuse("proof")
	}
	return h, nil
}

const (
	maxReceipt = 16 << 10 // bytes of a file; a real one has three or four thousand
	maxProof   = 62       // hashes: no tree of 2⁶² records exists
	maxWord    = 100
)

// shape refuses what could be read in two ways.
func (r Receipt) shape() error {
	switch {
	case r.Format > 1:
		return refuse("format")
	case r.Format != 1 || !line(r.Case) || !line(r.Event) || !line(r.Record.Kind) || !line(r.Record.ID) || len(r.Proof) > maxProof,
		!printable(r.Key), !utf8.ValidString(r.Head),
		!r.At.Equal(r.At.Truncate(time.Microsecond)), r.At.Year() < 1970 || r.At.Year() > 9999:
		return refuse("malformed")
	}
	return nil
}

func line(s string) bool {
	return s != "" && len(s) <= maxWord && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// whyNot tells a receipt of a later format, which may have other fields, from what is none.
func whyNot(text []byte) string {
	var later struct {
		Format int `json:"comity_receipt"`
	}
	if json.Unmarshal(text, &later) == nil && later.Format > 1 {
		return "format"
	}
	return "malformed"
}

// printable tells whether s can be a key: ASCII without spaces, of a length that keys have.
func printable(s string) bool {
	return s != "" && len(s) <= 2*maxWord && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// JSON is the receipt as a file.
func (r Receipt) JSON() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		panic("receipt: a receipt that is no JSON: " + err.Error()) // a time before year 0: shape refuses it
	}
	return b.Bytes()
}

// Parse reads a receipt in either form: the file, the line, or an address that ends in the line.
func Parse(data []byte) (Receipt, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	if len(text) == 0 || len(text) > maxReceipt {
		return Receipt{}, refuse("malformed")
	}
	if text[0] != '{' {
		return parseCompact(string(text))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var r Receipt
	if err := dec.Decode(&r); err != nil {
		return Receipt{}, refuse(whyNot(text))
	}
	if _, err := dec.Token(); err != io.EOF {
		return Receipt{}, refuse("malformed")
	}
	r.At = r.At.UTC()
	return r, r.shape()
}
