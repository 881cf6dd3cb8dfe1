package ledger

import (
	"context"

	"comity/internal/db"
)

func putMemberKey(ctx context.Context, tx *db.Tx, code string, n int64, member string) error {
	return tx.Send(ctx, `INSERT INTO member_keys (code, n, member) VALUES (?1, ?2, ?3)`, code, n, member)
}

func dropMemberKeys(ctx context.Context, tx *db.Tx, n int64) error {
	return tx.Send(ctx, `DELETE FROM member_keys WHERE n = ?1`, n)
}

func findMemberKey(ctx context.Context, tx *db.Tx, code string) (n int64, member string, err error) {
	type row struct {
		n      int64
		member string
	}
	r, err := db.One(ctx, tx, `SELECT n, member FROM member_keys WHERE code = ?1`, []any{code}, func(s db.Scanner) (r row, err error) {
		return r, s.Scan(&r.n, &r.member)
	})
	return r.n, r.member, err
}

// memberKeys are the keys of a case by member, as they are stored.
func memberKeys(ctx context.Context, tx *db.Tx, n int64) (map[string]string, error) {
	out := map[string]string{}
	_, err := db.All(ctx, tx, `SELECT member, code FROM member_keys WHERE n = ?1`, []any{n}, func(s db.Scanner) (x struct{}, err error) {
		var member, code string
		if err = s.Scan(&member, &code); err == nil {
			out[member] = code
		}
		return x, err
	})
	return out, err
}
