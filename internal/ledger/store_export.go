package ledger

import (
	"context"

	"comity/internal/db"
)

func putExport(ctx context.Context, tx *db.Tx, e Export, hash []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO exports (ref, at, actor, for_actor, unit, list, format, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
		e.Ref, db.Micros(e.At), e.Actor, e.For, string(e.Unit), e.List, e.Format, hash)
	return err
}

func exportsOf(ctx context.Context, tx *db.Tx, actor string, limit int) ([]Export, error) {
	return db.All(ctx, tx, `SELECT ref, at, actor, for_actor, unit, list, format FROM exports WHERE actor = ?1 ORDER BY id DESC LIMIT ?2`,
		[]any{actor, int64(limit)}, func(row db.Scanner) (e Export, err error) {
			var at int64
			err = row.Scan(&e.Ref, &at, &e.Actor, &e.For, &e.Unit, &e.List, &e.Format)
			e.At = db.FromMicros(at)
			return e, err
		})
}
