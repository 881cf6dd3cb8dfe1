package account

import (
	"context"
	"errors"
	"strings"

	"comity/internal/db"
)

// Entry is what a try at the door gave: a session, or the ticket for the next step.
type Entry struct {
	Account Account
	Token   string // of the session; empty while another proof is wanted
	Device  string // for the cookie by which this browser is known from now on
	Step    string // ticket for EnterCode when a second proof is wanted
	Passkey bool   // a passkey of the account would do as well
}

// Errors of the second step.
var (
	// ErrCode says that the code does not fit, or was used before.
	ErrCode = errors.New("account: the code does not fit or was used before")
	// ErrCodesClosed says that too many codes were guessed for this account from unknown browsers;
	// a recovery code, a passkey or a known browser still let its owner in.
	ErrCodesClosed = errors.New("account: too many codes were guessed; a recovery code, a passkey or a known browser still work")
)

const (
	stepKind      = "step"
	stepTries     = 5  // wrong codes before the password is wanted again
	strangerCodes = 20 // wrong codes an hour from unknown browsers before those alone do not do
)

// Enter checks login and password. An account with a second proof gets the ticket for it, any other a
// session. Any mismatch is ErrWrong; unknown logins take as long as known ones.
func (s *Store) Enter(ctx context.Context, login, password string, from From) (Entry, error) {
	known, err := s.login(ctx, tidyLogin(login))
	if err != nil {
		return Entry{}, err
	}
	own, err := s.isKnown(ctx, known.id, from)
	if err != nil {
		return Entry{}, err
	}
	ok, err := s.check(ctx, known, password, own)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		n := note{account: known.id, kind: Failed, method: ByPassword, reason: WhyWrong, known: own}
		if known.id == "" {
			n.login = login
		}
		return Entry{}, s.refused(ctx, n, from, ErrWrong)
	}
	var e Entry
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		p, err := s.proofs(ctx, tx, known.id)
		if err != nil {
			return err
		}
		if !p.TOTP && len(p.Passkeys) == 0 {
			e, err = s.arrive(ctx, tx, known.id, []string{ByPassword}, from)
			return err
		}
		e = Entry{Passkey: len(p.Passkeys) > 0}
		e.Step, err = s.challenge(ctx, tx, stepKind, known.id, "")
		return err
	})
	return e, err
}

// check compares a password. People known here have a gate of their own, so that a crowd of guessers
// does not keep them waiting.
func (s *Store) check(ctx context.Context, known sealedLogin, password string, own bool) (bool, error) {
	sealed, g := known.password, s.gate
	if known.password == "" { // nobody, or somebody who has no password
		known.id, sealed = "", s.decoy
	}
	if own {
		g = s.ownGate
	}
	ok, err := g.through(ctx, func() (bool, error) { return fits(sealed, password) })
	return ok && known.id != "" && !known.disabled, err
}

// refused writes a failure down and hands the error on.
func (s *Store) refused(ctx context.Context, n note, from From, why error) error {
	err := s.db.Transact(ctx, func(tx *db.Tx) error { return s.note(ctx, tx, n, from) })
	if err != nil {
		return errors.Join(why, err)
	}
	return why
}

// arrive opens a session, makes the browser a known one and writes the arrival down.
func (s *Store) arrive(ctx context.Context, tx *db.Tx, id string, methods []string, from From) (e Entry, err error) {
	if err = s.sweepDoor(ctx, tx); err != nil {
		return e, err
	}
	if e.Account, e.Token, err = s.open(ctx, tx, id, methods, from); err != nil {
		return Entry{}, err
	}
	own, err := s.knows(ctx, tx, id, from)
	if err != nil {
		return Entry{}, err
	}
	if e.Device, err = s.remember(ctx, tx, id, from); err != nil {
		return Entry{}, err
	}
	return e, s.note(ctx, tx, note{account: id, kind: SignedIn, method: strings.Join(methods, " "), known: own}, from)
}

// EnterCode is the second step: a code of the authenticator app, or a recovery code.
func (s *Store) EnterCode(ctx context.Context, step, code string, from From) (e Entry, err error) {
	var outcome error
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		e, outcome = Entry{}, nil
		c, err := s.look(ctx, tx, stepKind, step)
		if err != nil {
			return err
		}
		method, err := s.code(ctx, tx, c.account, code, from)
		if errors.Is(err, ErrCode) || errors.Is(err, ErrCodesClosed) {
			outcome = err
			if c.tries+1 >= stepTries {
				return s.spend(ctx, tx, step)
			}
			return s.missed(ctx, tx, step)
		}
		if err != nil {
			return err
		}
		if err := s.spend(ctx, tx, step); err != nil {
			return err
		}
		e, err = s.arrive(ctx, tx, c.account, []string{ByPassword, method}, from)
		return err
	})
	return e, errors.Join(err, outcome)
}

// code checks a code of either kind and uses it up; a wrong one is written down.
func (s *Store) code(ctx context.Context, tx *db.Tx, id, code string, from From) (method string, err error) {
	code = tidyCode(code)
	own, err := s.knows(ctx, tx, id, from)
	if err != nil {
		return "", err
	}
	if len(code) != totpDigits {
		ok, err := s.useRecovery(ctx, tx, id, code)
		if err != nil || ok {
			return ByRecovery, err
		}
		return "", errors.Join(s.note(ctx, tx, note{account: id, kind: Failed, method: ByRecovery, reason: WhyWrong, known: own}, from), ErrCode)
	}
	if !own {
		n, err := s.codesMissed(ctx, tx, id)
		if err != nil {
			return "", err
		}
		if n >= strangerCodes {
			return "", ErrCodesClosed
		}
	}
	ok, err := s.useTOTP(ctx, tx, id, code)
	if err != nil || ok {
		return ByTOTP, err
	}
	return "", errors.Join(s.note(ctx, tx, note{account: id, kind: Failed, method: ByTOTP, reason: WhyWrong, known: own}, from), ErrCode)
}

// AgainPassword proves by password who is behind a session. The session gets the token returned; the old
// one is worth nothing from then on.
func (s *Store) AgainPassword(ctx context.Context, token, password string, from From) (string, error) {
	live, err := s.Live(ctx, token)
	if err != nil {
		return "", err
	}
	known, err := s.login(ctx, live.Account.Login)
	if err != nil {
		return "", err
	}
	ok, err := s.check(ctx, known, password, true)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", s.refused(ctx, note{account: live.Account.ID, kind: Failed, method: ByPassword, reason: WhyWrong, known: true}, from, ErrWrong)
	}
	return s.again(ctx, token, ByPassword, from)
}

// AgainCode is AgainPassword with a code.
func (s *Store) AgainCode(ctx context.Context, token, code string, from From) (fresh string, err error) {
	var outcome error
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		fresh, outcome = "", nil
		row, err := s.live(ctx, tx, token)
		if err != nil {
			return err
		}
		method, err := s.code(ctx, tx, row.account, code, from)
		if errors.Is(err, ErrCode) || errors.Is(err, ErrCodesClosed) {
			outcome = err
			return nil
		}
		if err != nil {
			return err
		}
		fresh, err = s.proved(ctx, tx, row, method, from)
		return err
	})
	return fresh, errors.Join(err, outcome)
}

func (s *Store) again(ctx context.Context, token, method string, from From) (fresh string, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		row, err := s.live(ctx, tx, token)
		if err != nil {
			return err
		}
		fresh, err = s.proved(ctx, tx, row, method, from)
		return err
	})
	return fresh, err
}

func (s *Store) proved(ctx context.Context, tx *db.Tx, row liveRow, method string, from From) (string, error) {
	if err := s.note(ctx, tx, note{account: row.account, kind: Proved, method: method, known: true}, from); err != nil {
		return "", err
	}
	return s.renew(ctx, tx, row, method)
}
