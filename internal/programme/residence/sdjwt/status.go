package sdjwt

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"time"
)

// typeStatus is the type of a list of states.
const typeStatus = "statuslist+jwt"

// List has a bit for each copy of a card: set, it is suspended or has ended. Readers fetch the whole list
// now and then, so that nobody learns which card was looked up.
type List struct{ bits []byte }

// NewList makes a list of n good cards. A list is large from the beginning: a small one says much.
func NewList(n int) *List { return &List{make([]byte, (n+7)/8)} }

// Set marks a copy.
func (l *List) Set(index int, bad bool) error {
	if index < 0 || index/8 >= len(l.bits) {
		return refuse("the list has no place %d", index)
	}
	bit := byte(1) << (index % 8)
	l.bits[index/8] &^= bit
	if bad {
		l.bits[index/8] |= bit
	}
	return nil
}

// Bad reports a copy that is marked; a place that is not there is an error.
func (l *List) Bad(index int) (bool, error) {
	if index < 0 || index/8 >= len(l.bits) {
		return false, refuse("the list has no place %d", index)
	}
	return l.bits[index/8]>>(index%8)&1 == 1, nil
}

// Sign publishes the list under its address, good until a time.
func (l *List) Sign(key *ecdsa.PrivateKey, address string, now, until time.Time) (string, error) {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(l.bits); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return sign(key, typeStatus, map[string]any{"sub": address, "iat": now.Unix(), "exp": until.Unix(),
		"status_list": map[string]any{"bits": 1, "lst": b64.EncodeToString(packed.Bytes())}})
}

// maxList bounds an unpacked list: eight million cards.
const maxList = 1 << 20

// OpenList checks a published list and reads it.
func OpenList(key *ecdsa.PublicKey, address, token string, now time.Time) (*List, error) {
	b, err := open(key, typeStatus, token)
	if err != nil {
		return nil, err
	}
	if got, err := text(b["sub"]); err != nil || got != address {
		return nil, refuse("it is the list of %q", got)
	}
	if until, err := b.time("exp"); err != nil || !until.After(now) {
		return nil, refuse("the list is too old; fetch it again")
	}
	var s struct {
		Bits int    `json:"bits"`
		List string `json:"lst"`
	}
	if err := json.Unmarshal(b["status_list"], &s); err != nil || s.Bits != 1 {
		return nil, refuse("it is a list of another kind")
	}
	packed, err := b64.Strict().DecodeString(s.List)
	if err != nil {
		return nil, refuse("the list is not base64url")
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, refuse("the list is not packed")
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxList+1))
	if err != nil || len(raw) > maxList {
		return nil, refuse("the list is broken, or too large")
	}
	return &List{raw}, nil
}
