package account

import (
	"context"

	"comity/internal/db"
	"comity/internal/org"
)

// Works tells, inside the caller's transaction, whether an account may be given work of exactly this
// unit: it holds a grant there and is not disabled.
func Works(ctx context.Context, tx *db.Tx, unit org.UnitID, id string) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM account_grants g JOIN accounts a ON a.id = g.account_id WHERE g.account_id = ?1 AND g.unit = ?2 AND a.disabled = 0`,
		[]any{id, string(unit)}, func(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) })
	return n > 0, err
}

// Known says which of these accounts exist and are not disabled.
func (s *Store) Known(ctx context.Context, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	err := s.db.View(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM accounts WHERE id = ?1 AND disabled = 0`, []any{id}, scanCount)
			if err != nil {
				return err
			}
			out[id] = n > 0
		}
		return nil
	})
	return out, err
}

// ByLogin finds an account by the name it signs in with.
func (s *Store) ByLogin(ctx context.Context, login string) (a Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		a, err = one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE login = ?1`, tidyLogin(login))
		return err
	})
	return a, err
}
