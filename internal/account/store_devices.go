package account

import (
	"context"

	"comity/internal/db"
)

// knows tells whether an account came in from this browser before.
func (s *Store) knows(ctx context.Context, tx *db.Tx, id string, from From) (bool, error) {
	if id == "" || from.Device == "" {
		return false, nil
	}
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM account_devices WHERE hash = ?1 AND account_id = ?2 AND seen_at >= ?3`,
		[]any{fingerprint(from.Device), id, db.Micros(tx.Now.Add(-s.config.Remember))}, scanCount)
	return n > 0, err
}

func (s *Store) isKnown(ctx context.Context, id string, from From) (known bool, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		known, err = s.knows(ctx, tx, id, from)
		return err
	})
	return known, err
}

// remember makes a browser known for an account. Its secret changes each time, for every account that
// uses it, so that a secret somebody planted or copied is soon worth nothing.
func (s *Store) remember(ctx context.Context, tx *db.Tx, id string, from From) (device string, err error) {
	device = newSecret()
	if from.Device != "" {
		if _, err = tx.Exec(ctx, `UPDATE account_devices SET hash = ?2 WHERE hash = ?1`, fingerprint(from.Device), fingerprint(device)); err != nil {
			return "", err
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO account_devices (hash, account_id, seen_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (hash, account_id) DO UPDATE SET seen_at = excluded.seen_at`, fingerprint(device), id, db.Micros(tx.Now))
	return device, err
}

// Place is by what a Guard counts the misses of a try at this login: the browser, if the account came in
// from it before, else the address. known also holds for a network the account came in from.
func (s *Store) Place(ctx context.Context, login string, from From) (place string, known bool, err error) {
	l, err := s.login(ctx, tidyLogin(login))
	if err != nil || l.id == "" {
		return from.Address, false, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		own, err := s.knows(ctx, tx, l.id, from)
		if err != nil {
			return err
		}
		if own {
			place, known = "browser "+fingerprint(from.Device), true
			return nil
		}
		net := s.keyed("network", network(from.Address))
		n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM account_events WHERE account_id = ?1 AND kind = 'in' AND at >= ?2 AND network = ?3 AND network <> ''`,
			[]any{l.id, db.Micros(tx.Now.Add(-s.config.Keep)), net}, scanCount)
		place, known = from.Address, n > 0
		return err
	})
	return place, known, err
}
