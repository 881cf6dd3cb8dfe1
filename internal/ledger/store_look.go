package ledger

import (
	"context"

	"comity/internal/db"
	"comity/internal/vault"
)

// States of a case's key.
const (
	keyLive   = "live"
	keyHeld   = "held"   // kept by law although it would be due to go
	keySealed = "sealed" // wrapped once more; opens by order only
	keyErased = "erased"
)

type wrappedKey struct {
	n       int64
	slot    string
	wrapped vault.Wrapped
	state   string
}

func findCaseKey(ctx context.Context, tx *db.Tx, n int64, slot string) (wrappedKey, error) {
	return db.One(ctx, tx, `SELECT wrapped, state FROM case_keys WHERE n = ?1 AND slot = ?2`, []any{n, slot}, func(row db.Scanner) (k wrappedKey, err error) {
		return k, row.Scan(&k.wrapped, &k.state)
	})
}

func (k keeper) putCaseKey(ctx context.Context, tx *db.Tx, n int64, slot string, w vault.Wrapped) error {
	return tx.Send(ctx, `INSERT INTO case_keys (n, slot, wrapped, state, id, generation) VALUES (?1, ?2, ?3, 'live', ?4, ?5)`,
		n, slot, string(w), k.keyID(n, slot), int64(w.Generation()))
}

// lookRow is a look as it is stored.
type lookRow struct {
	Disclosure
	n    int64
	hash []byte
}

func putLook(ctx context.Context, tx *db.Tx, r lookRow) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO looks (ref, n, at, actor, for_actor, role, unit, purpose, ground, level, note, hash, order_ref)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING id`,
		[]any{r.Ref, r.n, db.Micros(r.At), r.Actor, r.For, r.Role, string(r.Unit), r.Purpose, r.Ground, r.Level.String(), r.Note, r.hash, r.Order}, scanInt)
}

// looksOf lists who was shown something of a case, newest first.
func looksOf(ctx context.Context, tx *db.Tx, n int64, limit int, before int64) ([]lookRow, error) {
	return db.All(ctx, tx, `SELECT id, ref, n, at, actor, for_actor, role, unit, purpose, ground, level, note, hash, order_ref FROM looks
 WHERE n = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`, []any{n, before, int64(limit)}, scanLook)
}

func scanLook(row db.Scanner) (r lookRow, err error) {
	var at int64
	var level string
	err = row.Scan(&r.ID, &r.Ref, &r.n, &at, &r.Actor, &r.For, &r.Role, &r.Unit, &r.Purpose, &r.Ground, &level, &r.Note, &r.hash, &r.Order)
	r.At = db.FromMicros(at)
	r.Level, _ = parseLevel(level)
	return r, err
}

// clearCodes turns follow codes that still stand in the clear into keyed ones, and reports how many. Once there was
// none it does not look again: only programs older than keys write such codes.
func (l *Ledger) clearCodes(ctx context.Context, tx *db.Tx) (int, error) {
	if done, err := marked(ctx, tx, codesKeyed); err != nil || done {
		return 0, err
	}
	type old struct {
		n    int64
		code string
	}
	list, err := db.All(ctx, tx, `SELECT n, code FROM cases WHERE code LIKE '____-____-____' LIMIT 500`, nil, func(row db.Scanner) (o old, err error) {
		return o, row.Scan(&o.n, &o.code)
	})
	if err != nil {
		return 0, err
	}
	for _, o := range list {
		if err := tx.Send(ctx, `UPDATE cases SET code = ?1 WHERE n = ?2`, l.ring.Index("code", o.code), o.n); err != nil {
			return 0, err
		}
	}
	if len(list) == 0 {
		return 0, mark(ctx, tx, codesKeyed)
	}
	return len(list), nil
}

func storedEvent(ctx context.Context, tx *db.Tx, n int64, seq int) (Stored, error) {
	return db.One(ctx, tx, `SELECT kind, at, hash FROM events WHERE n = ?1 AND seq = ?2`, []any{n, int64(seq)}, func(row db.Scanner) (s Stored, err error) {
		var at int64
		err = row.Scan(&s.Kind, &at, &s.Hash)
		s.At = db.FromMicros(at)
		return s, err
	})
}
