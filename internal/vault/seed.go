package vault

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// FromSeed returns a ring in memory whose keys all follow from a seed: for tests whose child processes must
// open what their parent sealed, and for a demo that starts again. A seed in a program protects nothing. It
// panics if there is no such compartment or suite.
func FromSeed(c Compartment, suiteName string, seed []byte) *Ring {
	s, err := suiteNamed(suiteName)
	if err == nil && !c.Known() {
		err = unknown(c)
	}
	if err != nil {
		panic(err)
	}
	secret := func(purpose string, size int) []byte {
		b, err := hkdf.Key(sha256.New, seed, nil, "comity seed\x00"+string(c)+"\x00"+purpose, size)
		if err != nil {
			panic(err) // only for sizes beyond 255 hashes
		}
		return b
	}
	held := secrets{Root: secret("root", rootSize), Sign: secret("sign", seedSize), Generations: []generation{{N: 1, Key: secret("generation", rootSize)}}}
	r, err := ringOf(c, s, held)
	if err != nil {
		panic(err) // of keys just derived
	}
	r.kept = &memory{secrets: held}
	return r
}
