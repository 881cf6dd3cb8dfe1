package vault

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNoGeneration: the data key was wrapped under a generation this ring does not hold, because it was
// destroyed, or because the key file is older than the data.
var ErrNoGeneration = errors.New("the generation of keys is gone")

// Wrapped is a data key as it is stored: "3.…", the number of the generation and the key sealed under it.
type Wrapped string

// Generation tells under which generation the key is wrapped, 0 if the text is none.
func (w Wrapped) Generation() int {
	n, _, _ := w.split()
	return n
}

func (w Wrapped) split() (n int, body string, ok bool) {
	number, body, ok := strings.Cut(string(w), ".")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || strconv.Itoa(n) != number {
		return 0, "", false
	}
	return n, body, true
}

// generations are what data keys are wrapped with. A value is never changed, so that readers need no lock.
type generations struct {
	current int
	wraps   map[int]cipher.AEAD
}

func generationsOf(c Compartment, s *suite, held secrets) (*generations, error) {
	g := &generations{wraps: map[int]cipher.AEAD{}}
	for _, one := range held.Generations {
		if one.N <= g.current || len(one.Key) != rootSize {
			return nil, fmt.Errorf("generation %d is out of order or has no key of %d bytes", one.N, rootSize)
		}
		a, err := s.aead(s.derive(one.Key, c, "wrap", s.keySize))
		if err != nil {
			return nil, err
		}
		g.current, g.wraps[one.N] = one.N, a
	}
	if g.current == 0 {
		return nil, errors.New("there is no generation")
	}
	return g, nil
}

// Generation is the number of the current one.
func (r *Ring) Generation() int { return r.generations.Load().current }

// NewKey makes a data key, and the form in which it is stored.
func (r *Ring) NewKey() (*Key, Wrapped) {
	r.follow()
	raw := random(r.suite.keySize)
	key, err := r.keyOf(raw)
	if err != nil {
		panic(err) // of a key just made
	}
	return key, r.wrap(raw)
}

// Unwrap is the inverse of wrapping: ErrNoGeneration if the generation is gone, ErrBroken if the text was
// not made by this ring.
func (r *Ring) Unwrap(w Wrapped) (*Key, error) {
	raw, err := r.unwrap(w)
	if err != nil {
		return nil, err
	}
	return r.keyOf(raw)
}

// Rewrap wraps a data key under the current generation; changed is false if it already was.
func (r *Ring) Rewrap(w Wrapped) (again Wrapped, changed bool, err error) {
	r.follow()
	raw, err := r.unwrap(w)
	if err != nil {
		return "", false, err
	}
	if w.Generation() == r.Generation() {
		return w, false, nil
	}
	return r.wrap(raw), true, nil
}

// follow keeps a process from wrapping under a generation that another one is about to drop. If the file
// cannot be read, the keys in memory still are those of its backup, and Refresh reports the loss.
func (r *Ring) follow() {
	if r.renewed() {
		_ = r.Refresh()
	}
}

func (r *Ring) keyOf(raw []byte) (*Key, error) {
	a, err := r.suite.aead(raw)
	if err != nil {
		return nil, ErrBroken
	}
	return &Key{suite: r.suite, aead: a}, nil
}

func (r *Ring) wrap(raw []byte) Wrapped {
	g := r.generations.Load()
	return Wrapped(strconv.Itoa(g.current) + "." + encode(seal(g.wraps[g.current], r.wrapped(g.current), raw)))
}

func (r *Ring) unwrap(w Wrapped) ([]byte, error) {
	n, body, ok := w.split()
	if !ok {
		return nil, ErrBroken
	}
	b, err := decode(body)
	if err != nil {
		return nil, ErrBroken
	}
	a, err := r.wrapper(n)
	if err != nil {
		return nil, err
	}
	return open(a, r.wrapped(n), b)
}

// wrapped is what a wrapped key is bound to.
func (r *Ring) wrapped(n int) string {
	return "comity wrap\x00" + string(r.compartment) + "\x00" + strconv.Itoa(n)
}

// wrapper finds a generation. One newer than any known was made by another process with the same key file,
// so the file is read again.
func (r *Ring) wrapper(n int) (cipher.AEAD, error) {
	g := r.generations.Load()
	if n > g.current && r.folder != "" {
		if err := r.Refresh(); err != nil {
			return nil, err
		}
		g = r.generations.Load()
	}
	if a, ok := g.wraps[n]; ok {
		return a, nil
	}
	return nil, fmt.Errorf("%w: generation %d of compartment %s; it was destroyed, or the key file is older than the data: bring back the newest key file",
		ErrNoGeneration, n, r.compartment)
}

// Rotate makes a new generation, which wraps from now on, and saves it. Older ones still unwrap until
// DropBefore; in between somebody rewraps every stored key.
func (r *Ring) Rotate(now time.Time) error {
	return r.change(func(held *secrets) error {
		last := held.Generations[len(held.Generations)-1]
		held.Generations = append(held.Generations, generation{N: last.N + 1, Key: random(rootSize), Made: now.UTC().Truncate(time.Second)})
		return nil
	})
}

// DropBefore destroys the generations before n. Whatever is still wrapped under one of them is lost, in
// every backup too, so the caller has rewrapped all keys first, those of transactions that were open while it
// did so included; the ring cannot know. Another process with the same key file forgets them at its next
// Refresh.
func (r *Ring) DropBefore(n int) error {
	return r.change(func(held *secrets) error {
		if last := held.Generations[len(held.Generations)-1]; n > last.N {
			return fmt.Errorf("generation %d of compartment %s is the current one and cannot be dropped; rotate first", last.N, r.compartment)
		}
		held.Generations = slices.DeleteFunc(held.Generations, func(g generation) bool { return g.N < n })
		return nil
	})
}
