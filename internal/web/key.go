package web

import (
	"crypto/rand"
	"net/http"
	"strings"
)

// keyField is the form field that carries the idempotency key.
const keyField = "_key"

// NewKey draws a key for one rendered form; the same form posted twice carries the same key, so that
// the ledger makes one change of it.
func NewKey() string { return strings.ToLower(rand.Text()) }

// KeyOf reads the key of a posted form, whose body has been parsed. A key that is not one of ours is
// replaced: it may come from another surface, and an empty one would switch the protection off.
func KeyOf(r *http.Request) string {
	k := r.PostFormValue(keyField)
	if len(k) < 20 || len(k) > 64 || strings.Trim(k, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return NewKey()
	}
	return k
}
