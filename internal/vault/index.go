package vault

import (
	"crypto/hmac"
	"encoding/base32"
	"encoding/binary"
)

const (
	indexLength = 32 // characters: 160 bits, so that two values never meet
	tokenLength = 13 // characters: 65 bits; a chance meeting of two words costs a wrong find, no secret
)

// Index is what stands in a column in place of a value that must be found again but not read: a keyed hash,
// 32 letters and digits. Values of two kinds have nothing in common, and those of two compartments neither.
func (r *Ring) Index(kind, value string) string {
	return r.hashed(r.fixed.index, kind, value, indexLength)
}

// Token is what stands in the search index in place of a word: 13 small letters and digits.
func (r *Ring) Token(word string) string { return r.hashed(r.fixed.token, "", word, tokenLength) }

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// hashed writes the length of kind first, so that ("ab","c") and ("a","bc") differ.
func (r *Ring) hashed(key []byte, kind, value string, length int) string {
	m := hmac.New(r.suite.hash, key)
	m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(kind))))
	m.Write([]byte(kind))
	m.Write([]byte(value))
	return letters.EncodeToString(m.Sum(nil))[:length]
}
