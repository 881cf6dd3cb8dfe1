package selfview

import (
	"context"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
)

// proofRow is a proof under way as it is stored.
type proofRow struct {
	c     casework.CaseID
	until time.Time
	tries int
	state string
}

func putProof(ctx context.Context, tx *db.Tx, id string, c casework.CaseID, until time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM self_proofs WHERE until < ?1`, db.Micros(tx.Now.Add(-proofsRemembered))); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO self_proofs (id, n, at, until, tries, state) VALUES (?1, ?2, ?3, ?4, 0, 'asked')`, id, string(c), db.Micros(tx.Now), db.Micros(until))
	return err
}

func findProof(ctx context.Context, tx *db.Tx, id string) (proofRow, error) {
	return db.One(ctx, tx, `SELECT n, until, tries, state FROM self_proofs WHERE id = ?1`, []any{id}, func(s db.Scanner) (p proofRow, err error) {
		var until, tries int64
		err = s.Scan(&p.c, &until, &tries, &p.state)
		p.until, p.tries = db.FromMicros(until), int(tries)
		return p, err
	})
}

func setProof(ctx context.Context, tx *db.Tx, id string, p proofRow) error {
	_, err := tx.Exec(ctx, `UPDATE self_proofs SET tries = ?1, state = ?2, until = ?3 WHERE id = ?4`, int64(p.tries), p.state, db.Micros(p.until), id)
	return err
}

// proofsSince counts the digits lately sent for a case.
func proofsSince(ctx context.Context, tx *db.Tx, c casework.CaseID, since time.Time) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM self_proofs WHERE n = ?1 AND at >= ?2`, []any{string(c), db.Micros(since)}, func(s db.Scanner) (n int64, err error) {
		return n, s.Scan(&n)
	})
}

func hide(ctx context.Context, tx *db.Tx, tokens []string) error {
	for _, t := range tokens {
		if _, err := tx.Exec(ctx, `INSERT INTO self_hidden (token) VALUES (?1) ON CONFLICT (token) DO NOTHING`, t); err != nil {
			return err
		}
	}
	return nil
}

func unhide(ctx context.Context, tx *db.Tx, tokens []string) error {
	for _, t := range tokens {
		if _, err := tx.Exec(ctx, `DELETE FROM self_hidden WHERE token = ?1`, t); err != nil {
			return err
		}
	}
	return nil
}

func isHidden(ctx context.Context, tx *db.Tx, tokens []string) (bool, error) {
	for _, t := range tokens {
		n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM self_hidden WHERE token = ?1`, []any{t}, func(s db.Scanner) (n int64, err error) {
			return n, s.Scan(&n)
		})
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}
