package vault

import (
	"fmt"
	"strings"
)

// PublicKey checks what a ring has signed. It may be published.
type PublicKey struct {
	Suite string
	Bytes []byte
}

// String is the form in which it is published, "std:" or "sm:" and base64url.
func (p PublicKey) String() string { return p.Suite + ":" + encode(p.Bytes) }

// ParsePublicKey is the inverse of String.
func ParsePublicKey(text string) (PublicKey, error) {
	name, body, ok := strings.Cut(text, ":")
	if !ok {
		return PublicKey{}, fmt.Errorf("public key %.40q: expected a suite, a colon and base64url, like std:…", text)
	}
	if _, err := suiteNamed(name); err != nil {
		return PublicKey{}, fmt.Errorf("public key: %w", err)
	}
	b, err := decode(body)
	if err != nil || len(b) == 0 {
		return PublicKey{}, fmt.Errorf("public key %.40q: what follows the colon is not base64url", text)
	}
	return PublicKey{Suite: name, Bytes: b}, nil
}

// Public is the key that checks what Sign signs. It does not change with the generations.
func (r *Ring) Public() PublicKey {
	return PublicKey{Suite: r.suite.name, Bytes: r.fixed.signer.public}
}

// Sign signs a message. Messages of two kinds begin differently, else a signature of one could be shown as
// one of the other: that is the caller's part.
func (r *Ring) Sign(msg []byte) []byte { return r.fixed.signer.sign(msg) }

// Verify tells whether sig was made of msg by the ring whose public key this is.
func Verify(public PublicKey, msg, sig []byte) bool {
	s, err := suiteNamed(public.Suite)
	return err == nil && s.verify(public.Bytes, msg, sig)
}
