// Package vault keeps the keys of a compartment and seals with them.
//
// It owns one ring of keys for each compartment: a key file in a folder outside the data, and beside it
// the list of data keys that were destroyed and the last published head of the log. A case has a data key
// of its own; what is stored of it is the key wrapped under the ring's current generation, so that a case
// is erased by forgetting one wrapped key, and a backup of the data opens nothing.
//
// It refuses key files that others may read, that lie inside the data folder or that are not whole; it
// refuses to open a sealed text under any other context than the one it was sealed for; it has no master
// key over two compartments, and nothing computed in one compartment (index, token, pseudonym, public key)
// equals anything computed in another. It knows neither SQL nor what a case is: which key belongs to what is
// the ledger's business.
//
// Open first: this file for the ring, key.go for sealing, keyfile.go for what lies on disk.
package vault

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
)

// Compartment is a part of the city's records that shares no key and no identifier with any other.
type Compartment string

// Compartments lists all there are. The list is closed because each of them is also a type, see Place.
func Compartments() []Compartment {
	return []Compartment{Of[Civic](), Of[Residence](), Of[Reentry](), Of[Corrections](), Of[Youth](), Of[Mental]()}
}

// Known tells whether c is one of Compartments.
func (c Compartment) Known() bool { return slices.Contains(Compartments(), c) }

// Ring is the keys of one compartment. It may be used by many goroutines.
//
// Everything secret hangs on pointers, so that no way of printing a ring prints a key.
type Ring struct {
	compartment Compartment
	suite       *suite
	fixed       *fixed
	generations atomic.Pointer[generations]

	folder string                      // of the key file; "" for a ring in memory
	seen   atomic.Pointer[fs.FileInfo] // the key file as it was last read
	mu     sync.Mutex
	kept   *memory // what a ring in memory keeps in place of the files beside the key file
}

// fixed are the keys that outlive every generation, because what they made is stored in columns that are
// looked up, or was published.
type fixed struct {
	index, token, line, custody []byte
	signer                      signer
}

// Memory returns a ring whose keys are never written: for tests, and for a demo that ends with its process.
// It panics if there is no such compartment or suite.
func Memory(c Compartment, suiteName string) *Ring { return FromSeed(c, suiteName, random(rootSize)) }

// FromSeed returns a ring in memory with the keys of a seed, so that several processes of one test, or two
// runs of the demo, have the same. A seed is no place to keep real keys: it cannot be rotated away.
// Generations made by Rotate do not follow from the seed.
func FromSeed(c Compartment, suiteName string, seed []byte) *Ring {
	s, err := suiteNamed(suiteName)
	if err == nil && !c.Known() {
		err = unknown(c)
	}
	if err != nil {
		panic(err)
	}
	held := s.secretsFrom(func(what string, size int) []byte { return s.derive(seed, c, "seed "+what, size) })
	r, err := ringOf(c, s, held)
	if err != nil {
		panic(err) // of keys just made
	}
	r.kept = &memory{secrets: held}
	return r
}

// ringOf derives every key of a ring from what its key file holds.
func ringOf(c Compartment, s *suite, held secrets) (*Ring, error) {
	signs, err := s.signer(held.Sign)
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	gens, err := generationsOf(c, s, held)
	if err != nil {
		return nil, err
	}
	r := &Ring{compartment: c, suite: s, fixed: &fixed{
		index:   s.derive(held.Root, c, "index", s.hash().Size()),
		token:   s.derive(held.Root, c, "token", s.hash().Size()),
		line:    s.derive(held.Root, c, "line", s.hash().Size()),
		custody: s.derive(held.Root, c, "custody", s.hash().Size()),
		signer:  signs,
	}}
	r.generations.Store(gens)
	return r, nil
}

// Compartment names what the ring's keys are for.
func (r *Ring) Compartment() Compartment { return r.compartment }

// Suite names the algorithms of the ring, "std" or "sm".
func (r *Ring) Suite() string { return r.suite.name }

// Format writes which ring it is, whatever verb is asked for.
func (r *Ring) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "ring of %s (%s, generation %d)", r.compartment, r.suite.name, r.Generation())
}

func unknown(c Compartment) error {
	return fmt.Errorf("there is no compartment %q; there are %v", string(c), Compartments())
}

// random returns n bytes nobody can guess. crypto/rand.Read never fails: it ends the program instead.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
