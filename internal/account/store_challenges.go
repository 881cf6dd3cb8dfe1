package account

import (
	"context"
	"errors"
	"time"

	"comity/internal/db"
)

// ErrTicket says that what was begun has expired, was used already or was never begun.
var ErrTicket = errors.New("account: this was used already or has expired; begin again")

// challengeFor is how long what was begun may take.
const challengeFor = 10 * time.Minute

type challenge struct {
	account, data string
	tries         int64
}

// challenge begins something of single use and returns its ticket, which is nowhere stored.
func (s *Store) challenge(ctx context.Context, tx *db.Tx, kind, accountID, data string) (ticket string, err error) {
	ticket = newSecret()
	_, err = tx.Exec(ctx, `INSERT INTO account_challenges (hash, kind, account_id, data, tries, expires_at) VALUES (?1, ?2, ?3, ?4, 0, ?5)`,
		fingerprint(ticket), kind, accountID, data, db.Micros(tx.Now.Add(challengeFor)))
	return ticket, err
}

func (s *Store) look(ctx context.Context, tx *db.Tx, kind, ticket string) (challenge, error) {
	c, err := db.One(ctx, tx, `SELECT account_id, data, tries FROM account_challenges WHERE hash = ?1 AND kind = ?2 AND expires_at >= ?3`,
		[]any{fingerprint(ticket), kind, db.Micros(tx.Now)}, func(r db.Scanner) (c challenge, err error) {
			err = r.Scan(&c.account, &c.data, &c.tries)
			return c, err
		})
	if errors.Is(err, db.ErrNoRows) {
		return c, ErrTicket
	}
	return c, err
}

// take uses a ticket up in a transaction of its own: whatever becomes of the answer, the ticket is spent.
func (s *Store) take(ctx context.Context, kind, ticket string) (c challenge, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = s.look(ctx, tx, kind, ticket); err != nil {
			return err
		}
		return s.spend(ctx, tx, ticket)
	})
	return c, err
}

func (s *Store) spend(ctx context.Context, tx *db.Tx, ticket string) error {
	n, err := tx.Exec(ctx, `DELETE FROM account_challenges WHERE hash = ?1`, fingerprint(ticket))
	if err == nil && n == 0 {
		return ErrTicket
	}
	return err
}

func (s *Store) missed(ctx context.Context, tx *db.Tx, ticket string) error {
	_, err := tx.Exec(ctx, `UPDATE account_challenges SET tries = tries + 1 WHERE hash = ?1`, fingerprint(ticket))
	return err
}
