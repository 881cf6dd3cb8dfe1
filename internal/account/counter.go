package account

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"comity/internal/db"
)

// A counter is one browser that several officers share. Each sits down once a day with a full sign-in and a
// PIN of their own; afterwards the PIN unlocks the screen for them. Who unlocked it is who acts: there is
// one session at a time, and it is a session like any other.

// CounterIdle is how long a counter may stand without a request before only "locked" is shown.
const (
	CounterIdle = 5 * time.Minute
	seatLife    = 12 * time.Hour
	maxMisses   = 5 // of a PIN; then the full sign-in is asked again, which locks nobody out
)

var pinForm = regexp.MustCompile(`^[0-9]{6,12}$`)

// Counter is a shared browser.
type Counter struct {
	Secret string // of its cookie; only of a new one
	Seen   time.Time
	Seats  []Account // who can unlock it, by login
}

// OpenCounter makes a browser a shared one; by is the account signed in there.
func (s *Store) OpenCounter(ctx context.Context, by Account) (secret string, err error) {
	secret = newSecret()
	return secret, s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := putCounter(ctx, tx, fingerprint(secret), by.ID); err != nil {
			return err
		}
		return record(ctx, tx, by.ID, by.ID, "counter.opened", nil)
	})
}

// Sit gives an account that has just signed in fully a PIN at the counter.
func (s *Store) Sit(ctx context.Context, secret string, a Account, pin string) error {
	if !pinForm.MatchString(pin) || strings.Count(pin, pin[:1]) == len(pin) {
		return &Refused{Rule: "counter.pin"}
	}
	sealed, err := s.config.Hashing.seal(pin + pinPepper(secret))
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := seenCounter(ctx, tx, fingerprint(secret)); err != nil {
			return err
		}
		if err := putSeat(ctx, tx, fingerprint(secret), a.ID, sealed, db.Micros(tx.Now.Add(seatLife))); err != nil {
			return err
		}
		return record(ctx, tx, a.ID, a.ID, "counter.seat", nil)
	})
}

// pinPepper makes a PIN worth nothing without the cookie of its counter: six digits alone would be found
// from the stored hash.
func pinPepper(secret string) string { return ":" + secret }

// CounterOf finds a shared browser by its cookie, and who can unlock it. ErrNoSession: it is none.
func (s *Store) CounterOf(ctx context.Context, secret string) (c Counter, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		if c.Seen, err = seenCounter(ctx, tx, fingerprint(secret)); err != nil {
			return err
		}
		c.Seats, err = seatsOf(ctx, tx, fingerprint(secret))
		return err
	})
	return c, err
}

// Stale reports a counter that stood too long.
func (c Counter) Stale(now time.Time) bool { return now.Sub(c.Seen) > CounterIdle }

// TouchCounter notes a request of whoever unlocked it, every few seconds at most.
func (s *Store) TouchCounter(ctx context.Context, secret string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error { return touchCounter(ctx, tx, fingerprint(secret)) })
}

// Unlock opens a session for who sits at the counter and types the right PIN. Anything amiss is ErrWrong; a
// PIN missed too often counts no longer.
func (s *Store) Unlock(ctx context.Context, secret, account, pin string) (a Account, token string, err error) {
	counter := fingerprint(secret)
	var sealed string
	err = s.db.View(ctx, func(tx *db.Tx) error {
		sealed, err = seatPIN(ctx, tx, counter, account)
		return err
	})
	if err != nil {
		return Account{}, "", err
	}
	ok, err := s.gate.through(ctx, func() (bool, error) { return fits(sealed, pin+pinPepper(secret)) })
	if err != nil {
		return Account{}, "", err
	}
	token = newSecret()
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		now, err := seatPIN(ctx, tx, counter, account) // it may have been dropped meanwhile
		if err != nil {
			return err
		}
		if !ok || now != sealed {
			return missSeat(ctx, tx, counter, account, maxMisses)
		}
		if a, err = able(ctx, tx, account); err != nil {
			return ErrWrong
		}
		return errors.Join(hitSeat(ctx, tx, counter, account), touchCounter(ctx, tx, counter), putSession(ctx, tx, fingerprint(token), a.ID))
	})
	if err == nil && a.ID == "" {
		err = ErrWrong
	}
	if err != nil {
		return Account{}, "", err
	}
	return a, token, nil
}

// CloseCounter makes the browser an ordinary one again.
func (s *Store) CloseCounter(ctx context.Context, by Account, secret string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := dropCounter(ctx, tx, fingerprint(secret)); err != nil {
			return err
		}
		return record(ctx, tx, by.ID, by.ID, "counter.closed", nil)
	})
}
