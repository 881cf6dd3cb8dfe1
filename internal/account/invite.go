package account

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// ErrNoInvite says that a link or code is unknown, spent or too old.
var ErrNoInvite = errors.New("account: no such invitation")

// putInvite stores the hash of a new link, in place of every older one of the account.
func putInvite(ctx context.Context, tx *db.Tx, account string, life time.Duration) (secret string, err error) {
	secret = newSecret()
	return secret, putInviteRow(ctx, tx, fingerprint(secret), account, db.Micros(tx.Now.Add(life)))
}

// Welcome finds whom a link is for, so that the page can greet.
func (s *Store) Welcome(ctx context.Context, secret string) (a Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		id, err := invited(ctx, tx, fingerprint(secret))
		if err != nil {
			return err
		}
		if a, err = able(ctx, tx, id); err != nil {
			return ErrNoInvite
		}
		return nil
	})
	return a, err
}

// Accept spends a link: the account has the passphrase from now on.
func (s *Store) Accept(ctx context.Context, secret, passphrase string) (a Account, err error) {
	sealed, err := s.passphrase(passphrase)
	if err != nil {
		return Account{}, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		id, err := invited(ctx, tx, fingerprint(secret))
		if err != nil {
			return err
		}
		if a, err = able(ctx, tx, id); err != nil {
			return ErrNoInvite
		}
		if err := errors.Join(dropInvite(ctx, tx, fingerprint(secret)), setPassword(ctx, tx, id, sealed), endSessions(ctx, tx, id)); err != nil {
			return err
		}
		return record(ctx, tx, id, id, "password", nil)
	})
	return a, err
}

// passphrase seals what somebody chose on a page.
func (s *Store) passphrase(chosen string) (string, error) {
	if utf8.RuneCountInString(chosen) < MinPassphrase || len(chosen) > maxPassword {
		return "", &Refused{Rule: "account.passphrase", Params: map[string]string{"min": "12"}}
	}
	return s.config.Hashing.seal(chosen)
}

// Empty reports a city nobody can sign in to yet.
func (s *Store) Empty(ctx context.Context) (empty bool, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		n, err := countAccounts(ctx, tx)
		empty = n == 0
		return err
	})
	return empty, err
}

// SetupCode draws the code of the first run, in place of an older one. Where there is an account there is
// none: ErrNoInvite.
func (s *Store) SetupCode(ctx context.Context) (code string, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if n, err := countAccounts(ctx, tx); err != nil || n > 0 {
			return errors.Join(err, ErrNoInvite)
		}
		code, err = putInvite(ctx, tx, "", SetupLife)
		return err
	})
	return code, err
}

// SetupOpen reports whether a code of the first run still opens.
func (s *Store) SetupOpen(ctx context.Context, code string) error {
	return s.db.View(ctx, func(tx *db.Tx) error { return setupOpen(ctx, tx, code) })
}

func setupOpen(ctx context.Context, tx *db.Tx, code string) error {
	account, err := invited(ctx, tx, fingerprint(code))
	if err != nil || account != "" {
		return errors.Join(err, ErrNoInvite)
	}
	if n, err := countAccounts(ctx, tx); err != nil || n > 0 {
		return errors.Join(err, ErrNoInvite)
	}
	return nil
}

// Setup spends the code of the first run: the first administrator, of the whole city. Of two who try at once
// one is refused.
func (s *Store) Setup(ctx context.Context, code string, root org.UnitID, a Account, passphrase string) (Account, error) {
	a.Login = tidyLogin(a.Login)
	if !loginForm.MatchString(a.Login) {
		return Account{}, &Refused{Rule: "account.login"}
	}
	if !named(a.Name) {
		return Account{}, &Refused{Rule: "account.name"}
	}
	sealed, err := s.passphrase(passphrase)
	if err != nil {
		return Account{}, err
	}
	a.ID, a.Grants = "u"+newID(), []authz.Grant{{Role: authz.Admin, Unit: root}}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := setupOpen(ctx, tx, code); err != nil {
			return err
		}
		if err := errors.Join(dropInvite(ctx, tx, fingerprint(code)), putAccount(ctx, tx, a, sealed)); err != nil {
			return err
		}
		return record(ctx, tx, "", a.ID, "setup", map[string]string{"login": a.Login})
	})
	return a, err
}

// InviteAdmin makes an administrator of the whole city from the console, where whoever stands holds the
// machine anyway. It is recorded as the console's act.
func (s *Store) InviteAdmin(ctx context.Context, root org.UnitID, a Account) (out Invited, err error) {
	a.Login = tidyLogin(a.Login)
	if !loginForm.MatchString(a.Login) || !named(a.Name) {
		return out, &Refused{Rule: "account.login"}
	}
	a.ID, a.Grants = "u"+newID(), []authz.Grant{{Role: authz.Admin, Unit: root}}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := byLogin(ctx, tx, a.Login); err == nil {
			return ErrTaken
		}
		if err := putAccount(ctx, tx, a, noPassword); err != nil {
			return err
		}
		if err := record(ctx, tx, "", a.ID, "invited", map[string]string{"login": a.Login, "grants": said(a.Grants)}); err != nil {
			return err
		}
		out.Secret, err = putInvite(ctx, tx, a.ID, InviteLife)
		return err
	})
	out.Account = a
	return out, err
}
