package ledger

import (
	"bytes"

	"comity/internal/db/pages"
	"comity/internal/vault"
)

// How a row of case_keys begins (n, slot, wrapped, state), and all of one of seal_orders, whose last column is the key
// while a case under seal is open. A test holds both against the schema, and against every other table.
const (
	keyKinds   = "itt" + "t"
	orderKinds = "tiit" + "ttii" + "tttt" + "ttttt" + "t"
)

// KeyInPage is what [WithoutKeys] is for a backup that is made of pages: the column that holds a wrapped key, in a row
// that has one.
func KeyInPage(r pages.Row) (column int, secret bool) {
	kinds := r.Kinds()
	if kinds == orderKinds {
		return len(orderKinds) - 1, true
	}
	if len(kinds) < len(keyKinds) || kinds[:len(keyKinds)] != keyKinds {
		return 0, false
	}
	state, ok := r.Text(3)
	if !ok || !keyState(state) {
		return 0, false
	}
	wrapped, ok := r.Text(2)
	return 2, ok && vault.Wrapped(wrapped).Generation() > 0
}

func keyState(b []byte) bool {
	for _, s := range []string{keyLive, keyHeld, keySealed, keyErased} {
		if bytes.Equal(b, []byte(s)) {
			return true
		}
	}
	return false
}

// KeyOfPage is such a row as a backup of the keys holds it; false for the key of a case under seal, which its
// custodians can open again.
func KeyOfPage(r pages.Row) (k KeptKey, ok bool) {
	if r.Kinds() == orderKinds {
		return k, false
	}
	n, _ := r.Number(0)
	slot, _ := r.Text(1)
	wrapped, _ := r.Text(2)
	state, _ := r.Text(3)
	id, ok := r.Text(4)
	return KeptKey{N: n, Slot: string(slot), ID: string(id), State: string(state), Wrapped: vault.Wrapped(wrapped)}, ok
}
