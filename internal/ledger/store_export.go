package ledger

import (
	"context"
	"slices"
	"time"

	"comity/internal/db"
)

func putExport(ctx context.Context, tx *db.Tx, e Export, hash []byte) error {
	return tx.Send(ctx, `INSERT INTO exports (ref, at, actor, for_actor, unit, list, format, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
		e.Ref, db.Micros(e.At), e.Actor, e.For, string(e.Unit), e.List, e.Format, hash)
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

// keptExport is an export as it lies in its table.
type keptExport struct {
	Export
	id   int64
	hash []byte
}

func exportsAfter(ctx context.Context, tx *db.Tx, last int64, limit int) ([]keptExport, error) {
	return db.All(ctx, tx, `SELECT id, ref, at, actor, for_actor, unit, list, format, hash FROM exports WHERE id > ?1 ORDER BY id LIMIT ?2`,
		[]any{last, int64(limit)}, func(row db.Scanner) (e keptExport, err error) {
			var at int64
			err = row.Scan(&e.id, &e.Ref, &at, &e.Actor, &e.For, &e.Unit, &e.List, &e.Format, &e.hash)
			e.At = db.FromMicros(at)
			return e, err
		})
}

// countOpened reads a span of the primary key: the key of a case begins with the time it was opened.
func countOpened(ctx context.Context, tx *db.Tx, categories []string, from, before time.Time) ([]OpenedCount, error) {
	if len(categories) == 0 {
		return nil, nil
	}
	f := PublicFilter{Categories: categories, Since: from, Before: before}
	w := &where{parts: []string{"sealed = 0"}}
	w.and("n < %s", firstKey(before.Add(drawnLater)))
	f.public(w)
	all, err := db.All(ctx, tx, `SELECT category, place_unit, outcome, COUNT(*) FROM cases WHERE `+w.String()+` GROUP BY category, place_unit, outcome ORDER BY category, place_unit, outcome`, w.args,
		func(row db.Scanner) (c OpenedCount, err error) {
			return c, row.Scan(&c.Category, &c.Place, &c.Outcome, &c.N)
		})
	return slices.DeleteFunc(all, func(c OpenedCount) bool { return !slices.Contains(categories, c.Category) }), err
}
