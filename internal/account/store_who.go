package account

import (
	"context"
	"encoding/json"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// Holdings counts who holds what in these units, grant by grant: for the page that tells who sees a case.
// Accounts that are disabled do not count.
func (s *Store) Holdings(ctx context.Context, units []org.UnitID) (list []authz.Holding, err error) {
	if len(units) == 0 {
		return nil, nil
	}
	marks, args := marksOf(units)
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = db.All(ctx, tx, `SELECT g.unit, g.role, g.programmes, COUNT(DISTINCT g.account_id) FROM account_grants g
			JOIN accounts a ON a.id = g.account_id WHERE a.disabled = 0 AND g.unit IN (`+marks+`)
			GROUP BY g.unit, g.role, g.programmes ORDER BY g.unit, g.role, g.programmes`, args,
			func(r db.Scanner) (h authz.Holding, err error) {
				var unit, role, programmes string
				var n int64
				if err = r.Scan(&unit, &role, &programmes, &n); err != nil {
					return h, err
				}
				h.Grant.Unit, h.Grant.Role, h.People = org.UnitID(unit), authz.Role(role), int(n)
				return h, json.Unmarshal([]byte(programmes), &h.Grant.Programmes)
			})
		return err
	})
	return list, err
}

// Holders lists who holds a role in exactly this unit and is not disabled, by login, from after one on. It
// gives at most one more than the limit: whether there is a next page.
func (s *Store) Holders(ctx context.Context, unit org.UnitID, role authz.Role, after string, limit int) (list []Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = db.All(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts
			WHERE disabled = 0 AND login > ?3 AND id IN (SELECT account_id FROM account_grants WHERE unit = ?1 AND role = ?2) ORDER BY login LIMIT ?4`,
			[]any{string(unit), string(role), after, int64(limit + 1)}, scanAccount)
		if err != nil {
			return err
		}
		return grantsInto(ctx, tx, list)
	})
	return list, err
}
