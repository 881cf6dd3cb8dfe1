package ledger

import (
	"context"
	"errors"
	"fmt"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// Sealing stands between casework.Decide, which is pure and knows no keys, and the tables: what says
// something about people is sealed under the key of its case before the event is hashed. So hashes,
// proofs and verification need no key, and destroying the key leaves them whole.

// context ties a sealed text to its compartment and case: copied elsewhere it does not open.
func (k keeper) context(id casework.CaseID) string {
	return string(k.ring.Compartment()) + "/" + string(id)
}

// keeper is the part of ledger and reader that knows the keys.
type keeper struct {
	ring  *vault.Ring
	short shortLists
}

// sealed is the event as it is stored.
func (k keeper) sealed(key *vault.Key, d *procedure.Definition, id casework.CaseID, e casework.Event) casework.Event {
	in := k.context(id)
	return e.Private(d, func(_ authz.Level, s string) string { return key.Seal(in, s) })
}

// opening gives the strings of a case back as they were written, up to a level; the rest stays veiled. The
// code is for whoever holds it, and for the machine that sends it.
func (k keeper) opening(key *vault.Key, id casework.CaseID, upTo authz.Level) casework.Keep {
	in := k.context(id)
	return func(level authz.Level, s string) string {
		switch {
		case !vault.Sealed(s):
			return s // written before there were keys
		case level > upTo || key == nil:
			return casework.Veil
		}
		plain, err := key.Open(in, s)
		if err != nil {
			return casework.Veil // verify names it; a page shows nothing rather than something altered
		}
		return plain
	}
}

// veiled is what may be shown of a case to whoever reads it without a look.
func veiled(_ authz.Level, s string) string {
	if vault.Sealed(s) {
		return casework.Veil
	}
	return s
}

// unlock gives a stored case its key.
func (l *Ledger) unlock(s *stored) (err error) {
	s.key, err = l.unwrap(s.n, s.locked)
	if errors.Is(err, errErased) {
		return &casework.Refusal{Rule: "case.erased"}
	}
	if err == nil && s.key == nil && vault.Sealed(string(s.c.Code)) {
		return fmt.Errorf("ledger: the key of case %s is not in the database: bring the wrapped keys back with: comity restore keys", s.c.Ref)
	}
	return err
}

// errErased says that the key of a case was destroyed.
var errErased = errors.New("ledger: what the case held was erased")

// caseKey is the key of a case; nil for one that is older than keys.
func (k keeper) caseKey(ctx context.Context, tx *db.Tx, n int64) (*vault.Key, error) {
	row, err := findCaseKey(ctx, tx, n, "")
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return k.unwrap(n, row)
}

// unwrap opens the key of a case as it is stored; nil where there is none.
func (k keeper) unwrap(n int64, row wrappedKey) (*vault.Key, error) {
	switch row.state {
	case "":
		return nil, nil
	case keyErased:
		return nil, errErased
	}
	key, err := k.ring.Unwrap(row.wrapped)
	if err != nil {
		return nil, fmt.Errorf("ledger: the key of case %s does not open: %w", caseID(n), err)
	}
	return key, nil
}

// heading is what lists may show of a case in the clear: title and address where its procedure is about
// places rather than people, nothing otherwise.
func heading(d *procedure.Definition, title, address string) (string, string) {
	if d.Heading != procedure.HeadingTitle {
		return "", ""
	}
	return title, address
}

// tokens are what the search index holds of a text: keyed, so that the index alone tells no word.
func (k keeper) tokens(text string) []string {
	words := db.Bigrams(text)
	out := make([]string, len(words), 2*len(words))
	known := map[string]string{}
	token := func(word string) string {
		t, ok := known[word]
		if !ok {
			t = k.ring.Token(word)
			known[word] = t
		}
		return t
	}
	for i, w := range words {
		out[i] = token(w)
	}
	for _, w := range words { // behind all others, so that neighbours stay neighbours
		for _, p := range db.Prefixes(w) {
			if _, ok := known["^"+p]; !ok {
				out = append(out, token("^"+p))
			}
		}
	}
	return out
}

// keyedCode is how a follow code stands in the tables: whoever reads them cannot use it.
func (k keeper) keyedCode(code casework.Code) string { return k.ring.Index("code", string(code)) }

// keyedKey is how an idempotency key stands in the tables. Programs choose their keys, and one that takes the
// number of a person for it would have joined what the person has in two compartments.
func (k keeper) keyedKey(key string) string { return k.ring.Index("idempotency", key) }
