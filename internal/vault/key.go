package vault

import (
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Mark begins every sealed text. A page that shows it shows a mistake; tests look for it.
const Mark = "~1"

var (
	// ErrPlain: the text was never sealed. Whoever expected a sealed one must not show it as if it had been
	// opened by right.
	ErrPlain = errors.New("the text is not sealed")
	// ErrBroken: not made by this key for this context, or changed since. It does not say which, because
	// nobody can tell.
	ErrBroken = errors.New("the sealed text was changed, or belongs to another key or place")
)

// Key is the data key of one case (or of one party to it). It cannot be printed and is stored only wrapped.
type Key struct {
	suite *suite
	aead  cipher.AEAD
}

// Seal turns plain into a text that only this key opens, and only for the same context. The context says
// where the text belongs (case, event, field), so that a sealed text moved elsewhere does not open there.
// The empty string stays empty: that a field was left out is no secret that sealing could keep.
func (k *Key) Seal(context, plain string) string {
	if plain == "" {
		return ""
	}
	return k.head() + encode(seal(k.aead, k.bound(context), []byte(plain)))
}

// Open is the inverse of Seal. It answers ErrPlain or ErrBroken for every text that Seal did not make with
// this key and this context.
func (k *Key) Open(context, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	if !Sealed(sealed) {
		return "", ErrPlain
	}
	body, ok := strings.CutPrefix(sealed, k.head())
	if !ok {
		return "", ErrBroken // another suite's, so another key's
	}
	b, err := decode(body)
	if err != nil {
		return "", ErrBroken
	}
	plain, err := open(k.aead, k.bound(context), b)
	if err == nil && len(plain) == 0 {
		err = ErrBroken // Seal makes no such text
	}
	return string(plain), err
}

// Sealed tells whether s looks like what Seal makes.
func Sealed(s string) bool { return strings.HasPrefix(s, Mark) }

// Format writes that it is a key, whatever verb is asked for.
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "data key") }

func (k *Key) head() string { return Mark + string(k.suite.letter) + "." }

func (k *Key) bound(context string) string { return "comity seal\x00" + k.head() + "\x00" + context }

var spelling = base64.RawURLEncoding.Strict()

func encode(b []byte) string { return spelling.EncodeToString(b) }

// decode accepts exactly what encode writes. The library's decoder skips line breaks even when strict, and a
// sealed text must not have two spellings: it is hashed into the log.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("a line break")
	}
	return spelling.DecodeString(s)
}
