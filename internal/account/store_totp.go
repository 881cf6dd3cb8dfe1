package account

import (
	"context"
	"errors"

	"comity/internal/db"
)

// ErrNoSeal says that secrets of authenticator apps cannot be kept here.
var ErrNoSeal = errors.New("account: no key to seal secrets with was given; set Config.Sealer")

// Proofs is what an account can prove itself with beside its password.
type Proofs struct {
	TOTP     bool
	Passkeys []Passkey
	Recovery int // recovery codes not used yet
}

// Second tells whether a password alone does not let in.
func (p Proofs) Second() bool { return p.TOTP || len(p.Passkeys) > 0 }

// Proofs lists what an account can prove itself with.
func (s *Store) Proofs(ctx context.Context, accountID string) (p Proofs, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		p, err = s.proofs(ctx, tx, accountID)
		return err
	})
	return p, err
}

func (s *Store) proofs(ctx context.Context, tx *db.Tx, id string) (p Proofs, err error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM account_totp WHERE account_id = ?1 AND confirmed_at > 0`, []any{id}, scanCount)
	if err != nil {
		return p, err
	}
	p.TOTP = n > 0
	if p.Passkeys, err = passkeysOf(ctx, tx, id); err != nil {
		return p, err
	}
	n, err = db.One(ctx, tx, `SELECT COUNT(*) FROM account_recovery WHERE account_id = ?1`, []any{id}, scanCount)
	p.Recovery = int(n)
	return p, err
}

type totpRow struct {
	sealed          string
	confirmed, last int64
}

func totpOf(ctx context.Context, tx *db.Tx, id string) (totpRow, error) {
	return db.One(ctx, tx, `SELECT sealed, confirmed_at, last_step FROM account_totp WHERE account_id = ?1`, []any{id},
		func(r db.Scanner) (t totpRow, err error) {
			err = r.Scan(&t.sealed, &t.confirmed, &t.last)
			return t, err
		})
}

// TOTPBegin draws the secret for an authenticator app and keeps it until it is confirmed; begun twice, the
// first secret is shown again. ErrTaken says that there is a confirmed one.
func (s *Store) TOTPBegin(ctx context.Context, accountID string) (secret string, err error) {
	if s.config.Sealer.Seal == nil || s.config.Sealer.Open == nil {
		return "", ErrNoSeal
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		row, err := totpOf(ctx, tx, accountID)
		switch {
		case err == nil && row.confirmed > 0:
			return ErrTaken
		case err == nil:
			secret, err = s.config.Sealer.Open("totp "+accountID, row.sealed)
			return err
		case !errors.Is(err, db.ErrNoRows):
			return err
		}
		secret = b32.EncodeToString(newTOTP())
		_, err = tx.Exec(ctx, `INSERT INTO account_totp (account_id, sealed, confirmed_at, last_step) VALUES (?1, ?2, 0, 0)`,
			accountID, s.config.Sealer.Seal("totp "+accountID, secret))
		return err
	})
	return secret, err
}

// TOTPConfirm takes the first code of an authenticator app: from then on a password wants one too.
func (s *Store) TOTPConfirm(ctx context.Context, accountID, code string, from From) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		row, err := totpOf(ctx, tx, accountID)
		if errors.Is(err, db.ErrNoRows) {
			return ErrTicket
		}
		if err != nil {
			return err
		}
		if row.confirmed > 0 {
			return ErrTaken
		}
		ok, err := s.useStep(ctx, tx, accountID, row, tidyCode(code))
		if err != nil {
			return err
		}
		if !ok {
			return ErrCode
		}
		if _, err = tx.Exec(ctx, `UPDATE account_totp SET confirmed_at = ?2 WHERE account_id = ?1`, accountID, db.Micros(tx.Now)); err != nil {
			return err
		}
		return s.note(ctx, tx, note{account: accountID, kind: Changed, method: ByTOTP, reason: WhyAdded, known: true}, from)
	})
}

// TOTPRemove takes the authenticator app away, confirmed or not.
func (s *Store) TOTPRemove(ctx context.Context, accountID string, from From) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM account_totp WHERE account_id = ?1`, accountID)
		if err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, note{account: accountID, kind: Changed, method: ByTOTP, reason: WhyRemoved, known: true}, from)
	})
}

// useTOTP checks a code and uses its step up.
func (s *Store) useTOTP(ctx context.Context, tx *db.Tx, id, code string) (bool, error) {
	row, err := totpOf(ctx, tx, id)
	if errors.Is(err, db.ErrNoRows) || err == nil && row.confirmed == 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.useStep(ctx, tx, id, row, code)
}

func (s *Store) useStep(ctx context.Context, tx *db.Tx, id string, row totpRow, code string) (bool, error) {
	if s.config.Sealer.Open == nil {
		return false, ErrNoSeal
	}
	plain, err := s.config.Sealer.Open("totp "+id, row.sealed)
	if err != nil {
		return false, err
	}
	secret, err := b32.DecodeString(plain)
	if err != nil {
		return false, errBroken
	}
	step := totpFits(secret, code, tx.Now, row.last)
	if step == 0 {
		return false, nil
	}
	n, err := tx.Exec(ctx, `UPDATE account_totp SET last_step = ?2 WHERE account_id = ?1 AND last_step < ?2`, id, step)
	return n == 1, err
}

// NewRecovery draws recovery codes and forgets the old ones. They are shown once and nowhere stored.
func (s *Store) NewRecovery(ctx context.Context, accountID string, from From) (codes []string, err error) {
	for range recoveryCodes {
		codes = append(codes, newRecovery())
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM account_recovery WHERE account_id = ?1`, accountID); err != nil {
			return err
		}
		for _, c := range codes {
			if _, err := tx.Exec(ctx, `INSERT INTO account_recovery (hash, account_id) VALUES (?1, ?2)`, fingerprint(tidyCode(c)), accountID); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, note{account: accountID, kind: Changed, method: ByRecovery, reason: WhyAdded, known: true}, from)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// ClearProofs takes away everything but the password and ends every session: for somebody who lost phone,
// passkeys and recovery codes, after an administrator has seen who it is.
func (s *Store) ClearProofs(ctx context.Context, accountID string, from From) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1`, accountID); err != nil {
			return err
		}
		if err := ForgetProofs(ctx, tx, accountID); err != nil {
			return err
		}
		for _, method := range []string{ByTOTP, ByPasskey, ByRecovery} {
			if err := s.note(ctx, tx, note{account: accountID, kind: Changed, method: method, reason: WhyRemoved}, from); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetProofs is ClearProofs inside the caller's transaction, without a line in the journal.
func ForgetProofs(ctx context.Context, tx *db.Tx, accountID string) error {
	for _, q := range []string{
		`DELETE FROM account_totp WHERE account_id = ?1`, `DELETE FROM account_passkeys WHERE account_id = ?1`,
		`DELETE FROM account_recovery WHERE account_id = ?1`, `DELETE FROM account_challenges WHERE account_id = ?1`,
		`DELETE FROM account_devices WHERE account_id = ?1`, `DELETE FROM account_sessions WHERE account_id = ?1`,
	} {
		if _, err := tx.Exec(ctx, q, accountID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) useRecovery(ctx context.Context, tx *db.Tx, id, code string) (bool, error) {
	n, err := tx.Exec(ctx, `DELETE FROM account_recovery WHERE hash = ?1 AND account_id = ?2`, fingerprint(code), id)
	return n == 1, err
}
