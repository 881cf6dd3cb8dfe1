package account

import (
	"context"
	"errors"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
)

// MakeCalendar gives the actor an address for their calendar; the one from before ends. The plain secret is
// shown once.
func (s *Store) MakeCalendar(ctx context.Context, by authz.Actor) (plain string, err error) {
	if by.For() != "" || by.Limit().Bound() {
		return "", &Refused{Rule: "token.not_yours"}
	}
	plain = newSecret()
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := able(ctx, tx, by.ID()); err != nil {
			return err
		}
		if err := putCalendar(ctx, tx, by.ID(), fingerprint(plain)); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), by.ID(), "calendar.made", nil)
	})
	if err != nil {
		return "", err
	}
	return plain, nil
}

// DropCalendar takes the address back.
func (s *Store) DropCalendar(ctx context.Context, by authz.Actor) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := dropCalendar(ctx, tx, by.ID()); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), by.ID(), "calendar.revoked", nil)
	})
}

// CalendarMade is when the address of an account was made; zero where there is none.
func (s *Store) CalendarMade(ctx context.Context, account string) (at time.Time, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		at, err = calendarMade(ctx, tx, account)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}

// Calendar finds the account behind an address, which may do nothing but read, or ErrNoSession.
func (s *Store) Calendar(ctx context.Context, plain string) (a Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		id, err := calendarOwner(ctx, tx, fingerprint(plain))
		if errors.Is(err, db.ErrNoRows) {
			return ErrNoSession
		}
		if err != nil {
			return err
		}
		a, err = able(ctx, tx, id)
		return err
	})
	a.limit = authz.Only(authz.Read)
	return a, err
}
