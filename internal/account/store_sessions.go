package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"comity/internal/db"
)

const sessionColumns = `hash, account_id, created_at, seen_at, compartment, auth_at, methods, device`

type liveRow struct {
	hash, account string
	Session
}

func scanLive(r db.Scanner) (s liveRow, err error) {
	var created, seen, auth int64
	var methods string
	err = r.Scan(&s.hash, &s.account, &created, &seen, &s.Compartment, &auth, &methods, &s.Device)
	if err != nil {
		return s, err
	}
	s.Handle = handleOf(s.hash)
	s.Created, s.Seen, s.Methods = db.FromMicros(created), db.FromMicros(seen), strings.Fields(methods)
	if auth > 0 {
		s.AuthAt = db.FromMicros(auth)
	}
	return s, nil
}

// live finds a session that has not ended, inside the caller's transaction.
func (s *Store) live(ctx context.Context, tx *db.Tx, token string) (liveRow, error) {
	row, err := db.One(ctx, tx, `SELECT `+sessionColumns+` FROM account_sessions WHERE hash = ?1`, []any{fingerprint(token)}, scanLive)
	if errors.Is(err, db.ErrNoRows) {
		return row, ErrNoSession
	}
	if err != nil {
		return row, err
	}
	if s.ended(row.Session, tx.Now) {
		return row, ErrNoSession
	}
	row.Account, err = able(ctx, tx, row.account)
	return row, err
}

func (s *Store) ended(row Session, now time.Time) bool {
	return now.Sub(row.Seen) > s.config.Idle || now.Sub(row.Created) > s.config.Absolute
}

// Live finds the session behind a token, or ErrNoSession.
func (s *Store) Live(ctx context.Context, token string) (Session, error) {
	var row liveRow
	var touch bool
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		row, err = s.live(ctx, tx, token)
		touch = tx.Now.Sub(row.Seen) > touchAfter
		return err
	})
	if err != nil || !touch {
		return row.Session, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE account_sessions SET seen_at = ?2 WHERE hash = ?1`, row.hash, db.Micros(tx.Now))
		return err
	})
	return row.Session, err
}

// Session finds the account behind a session's token, or ErrNoSession.
func (s *Store) Session(ctx context.Context, token string) (Account, error) {
	live, err := s.Live(ctx, token)
	return live.Account, err
}

// open begins a session for an account whose proofs have just been checked. The account is looked at
// again: it may have been disabled meanwhile.
func (s *Store) open(ctx context.Context, tx *db.Tx, id string, methods []string, from From) (a Account, token string, err error) {
	if err := s.sweep(ctx, tx); err != nil {
		return Account{}, "", err
	}
	a, err = able(ctx, tx, id)
	if errors.Is(err, ErrNoSession) {
		return Account{}, "", ErrWrong
	}
	if err != nil {
		return Account{}, "", err
	}
	token = newSecret()
	_, err = tx.Exec(ctx, `INSERT INTO account_sessions (hash, account_id, created_at, seen_at, compartment, auth_at, methods, device)
		VALUES (?1, ?2, ?3, ?3, '', ?3, ?4, ?5)`, fingerprint(token), a.ID, db.Micros(tx.Now), strings.Join(methods, " "), deviceName(from.Agent))
	return a, token, err
}

// renew gives a session a new token and notes the proof just given: a token that leaked before is worth
// nothing afterwards.
func (s *Store) renew(ctx context.Context, tx *db.Tx, row liveRow, method string) (token string, err error) {
	token = newSecret()
	_, err = tx.Exec(ctx, `UPDATE account_sessions SET hash = ?2, auth_at = ?3, seen_at = ?3, methods = ?4 WHERE hash = ?1`,
		row.hash, fingerprint(token), db.Micros(tx.Now), strings.Join(withMethod(row.Methods, method), " "))
	return token, err
}

// Bind binds a session to a compartment; the empty one frees it. Binding needs a fresh proof, else
// ErrStale. Whether the account may enter the compartment is the caller's question.
func (s *Store) Bind(ctx context.Context, token, compartment string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		row, err := s.live(ctx, tx, token)
		if err != nil || row.Compartment == compartment {
			return err
		}
		if compartment != "" && !Fresh(row.Session, tx.Now) {
			return ErrStale
		}
		_, err = tx.Exec(ctx, `UPDATE account_sessions SET compartment = ?2 WHERE hash = ?1`, row.hash, compartment)
		return err
	})
}

// Sessions lists where an account is signed in, the latest used first.
func (s *Store) Sessions(ctx context.Context, accountID string) (list []Session, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		rows, err := db.All(ctx, tx, `SELECT `+sessionColumns+` FROM account_sessions WHERE account_id = ?1 ORDER BY seen_at DESC, hash`, []any{accountID}, scanLive)
		list = nil
		for _, r := range rows {
			if !s.ended(r.Session, tx.Now) {
				list = append(list, r.Session)
			}
		}
		return err
	})
	return list, err
}

// EndSession ends one session of an account by its handle. One that is gone, or somebody else's, is no error.
func (s *Store) EndSession(ctx context.Context, accountID, handle string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM account_sessions WHERE account_id = ?1 AND SUBSTR(hash, 1, ?3) = ?2`, accountID, handle, handleLen)
		return err
	})
}

// EndOthers ends every session of the token's account but this one, and forgets its other known browsers.
func (s *Store) EndOthers(ctx context.Context, token string, from From) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		row, err := s.live(ctx, tx, token)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, `DELETE FROM account_sessions WHERE account_id = ?1 AND hash <> ?2`, row.account, row.hash); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM account_devices WHERE account_id = ?1 AND hash <> ?2`, row.account, fingerprint(from.Device))
		return err
	})
}
