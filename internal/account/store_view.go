package account

import (
	"context"
	"errors"
	"time"

	"comity/internal/db"
	"comity/internal/org"
)

const viewColumns = `id, account_id, name, query, unit, removed_at`

func scanView(r db.Scanner) (v View, err error) {
	var removed int64
	err = r.Scan(&v.ID, &v.Account, &v.Name, &v.Query, &v.Unit, &removed)
	v.Removed = removed != 0
	return v, err
}

// ownViews are those an account has a say over. What it shared in a unit is the unit's as long as it has nothing to do
// there.
const ownViews = `account_id = ?1 AND (unit = '' OR unit IN (SELECT unit FROM account_grants WHERE account_id = ?1))`

// viewsOf are an account's own, with those removed after a time.
func viewsOf(ctx context.Context, tx *db.Tx, account string, removedAfter time.Time) ([]View, error) {
	return db.All(ctx, tx, `SELECT `+viewColumns+` FROM account_views WHERE `+ownViews+` AND (removed_at = 0 OR removed_at > ?2) ORDER BY name, id`,
		[]any{account, db.Micros(removedAfter)}, scanView)
}

// viewsIn are what others share in a unit.
func viewsIn(ctx context.Context, tx *db.Tx, account string, unit org.UnitID) ([]View, error) {
	return db.All(ctx, tx, `SELECT `+viewColumns+` FROM account_views WHERE unit = ?1 AND unit <> '' AND account_id <> ?2 AND removed_at = 0 ORDER BY name, id`,
		[]any{string(unit), account}, scanView)
}

func putView(ctx context.Context, tx *db.Tx, v View) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_views (id, account_id, name, query, unit, made_at, removed_at) VALUES (?1, ?2, ?3, ?4, '', ?5, 0)`,
		v.ID, v.Account, v.Name, v.Query, db.Micros(tx.Now))
	return err
}

func setViewQuery(ctx context.Context, tx *db.Tx, id, query string) error {
	_, err := tx.Exec(ctx, `UPDATE account_views SET query = ?2 WHERE id = ?1`, id, query)
	return err
}

func setViewName(ctx context.Context, tx *db.Tx, account, id, name string) (int64, error) {
	return tx.Exec(ctx, `UPDATE account_views SET name = ?3 WHERE `+ownViews+` AND id = ?2 AND removed_at = 0`, account, id, name)
}

func setViewRemoved(ctx context.Context, tx *db.Tx, account, id string, at int64) (int64, error) {
	return tx.Exec(ctx, `UPDATE account_views SET removed_at = ?3 WHERE `+ownViews+` AND id = ?2 AND removed_at = 0`, account, id, at)
}

// dropViews deletes what was removed before a time.
func dropViews(ctx context.Context, tx *db.Tx, account string, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_views WHERE account_id = ?1 AND removed_at <> 0 AND removed_at <= ?2`, account, db.Micros(before))
	return err
}

func restoreView(ctx context.Context, tx *db.Tx, account, id string, after int64) (int64, error) {
	return tx.Exec(ctx, `UPDATE account_views SET removed_at = 0 WHERE `+ownViews+` AND id = ?2 AND removed_at > ?3`, account, id, after)
}

func setViewUnit(ctx context.Context, tx *db.Tx, account, id string, unit org.UnitID) (int64, error) {
	return tx.Exec(ctx, `UPDATE account_views SET unit = ?3 WHERE `+ownViews+` AND id = ?2 AND removed_at = 0`, account, id, string(unit))
}

// sharedUnit is the unit a view is shared in; none is ErrNoRows.
func sharedUnit(ctx context.Context, tx *db.Tx, id string) (org.UnitID, error) {
	return db.One(ctx, tx, `SELECT unit FROM account_views WHERE id = ?1 AND unit <> '' AND removed_at = 0`, []any{id}, func(r db.Scanner) (u org.UnitID, err error) { return u, r.Scan(&u) })
}

// endShared takes a view out of its unit: who shared it has it back, or nobody where they left.
func endShared(ctx context.Context, tx *db.Tx, id string, unit org.UnitID) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_views WHERE id = ?1 AND unit = ?2 AND NOT EXISTS
		(SELECT 1 FROM account_grants g JOIN accounts a ON a.id = g.account_id WHERE g.account_id = account_views.account_id AND g.unit = ?2 AND a.disabled = 0)`, id, string(unit))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE account_views SET unit = '' WHERE id = ?1 AND unit = ?2`, id, string(unit))
	return err
}

func startOf(ctx context.Context, tx *db.Tx, account string) (string, error) {
	id, err := db.One(ctx, tx, `SELECT view_id FROM account_starts WHERE account_id = ?1`, []any{account}, func(r db.Scanner) (s string, err error) { return s, r.Scan(&s) })
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func setStart(ctx context.Context, tx *db.Tx, account, id string) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_starts (account_id, view_id) VALUES (?1, ?2) ON CONFLICT (account_id) DO UPDATE SET view_id = excluded.view_id`, account, id)
	return err
}
