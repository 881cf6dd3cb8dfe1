package account

import (
	"context"
	"encoding/json"
	"errors"

	"comity/internal/db"
)

const tokenColumns = `SELECT id, account_id, name, powers, programmes, units, created_at, expires_at, used_on FROM account_tokens `

func putToken(ctx context.Context, tx *db.Tx, t Token, hash string) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_tokens (hash, id, account_id, name, powers, programmes, units, created_at, expires_at, used_on)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '')`,
		hash, t.ID, t.Account, t.Name, spell(t.Powers), spell(orEmpty(t.Programmes)), spell(orEmpty(t.Units)), db.Micros(t.Made), db.Micros(t.Expires))
	return err
}

// orEmpty makes an empty list of none, so that documents hold [] and not null.
func orEmpty[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// tokenBy finds a token by its column "id" or "hash".
func tokenBy(ctx context.Context, tx *db.Tx, column, value string) (Token, error) {
	q := tokenColumns + `WHERE id = ?1`
	if column == "hash" {
		q = tokenColumns + `WHERE hash = ?1`
	}
	t, err := db.One(ctx, tx, q, []any{value}, scanToken)
	if errors.Is(err, db.ErrNoRows) {
		return Token{}, ErrUnknown
	}
	return t, err
}

func tokensOf(ctx context.Context, tx *db.Tx, account string) ([]Token, error) {
	return db.All(ctx, tx, tokenColumns+`WHERE account_id = ?1 ORDER BY created_at DESC, id`, []any{account}, scanToken)
}

func touchToken(ctx context.Context, tx *db.Tx, id, day string) error {
	_, err := tx.Exec(ctx, `UPDATE account_tokens SET used_on = ?2 WHERE id = ?1`, id, day)
	return err
}

func dropToken(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_tokens WHERE id = ?1`, id)
	return err
}

func scanToken(r db.Scanner) (t Token, err error) {
	var powers, programmes, units string
	var made, expires int64
	if err = r.Scan(&t.ID, &t.Account, &t.Name, &powers, &programmes, &units, &made, &expires, &t.Used); err != nil {
		return t, err
	}
	t.Made, t.Expires = db.FromMicros(made), since(expires)
	return t, errors.Join(json.Unmarshal([]byte(powers), &t.Powers), json.Unmarshal([]byte(programmes), &t.Programmes), json.Unmarshal([]byte(units), &t.Units))
}
