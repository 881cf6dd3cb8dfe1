package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"comity/internal/db"
)

// note is what is written down of one try.
type note struct {
	account, login       string // login only when there is no account
	kind, method, reason string
	known                bool
}

// note writes one line. Failures of one hour that differ in nothing are one line, so that a flood stays short.
func (s *Store) note(ctx context.Context, tx *db.Tx, n note, from From) error {
	net, device := s.keyed("network", network(from.Address)), deviceName(from.Agent)
	login := s.keyed("login", tidyLogin(n.login))
	id := newSecret()
	if n.kind == Failed || n.kind == Rejected {
		hour := tx.Now.Truncate(time.Hour).Unix()
		mac := hmac.New(sha256.New, s.config.Secret)
		fmt.Fprintf(mac, "%d\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%t\x00%s", hour, n.account, login, n.kind, n.method, n.reason, net, n.known, device)
		id = hex.EncodeToString(mac.Sum(nil)[:16])
	}
	_, err := tx.Exec(ctx, `INSERT INTO account_events (id, at, account_id, login_hash, kind, method, reason, network, known, device, times)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)
		ON CONFLICT (id) DO UPDATE SET times = account_events.times + 1, at = excluded.at`,
		id, db.Micros(tx.Now), n.account, login, n.kind, n.method, n.reason, net, n.known, device)
	return err
}

// Refuse writes down a token that was refused. Without an account the line belongs to nobody.
func (s *Store) Refuse(ctx context.Context, accountID, method, reason string, from From) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		return s.note(ctx, tx, note{account: accountID, kind: Rejected, method: method, reason: reason}, from)
	})
}

// Journal is what was tried at the door of an account, the latest first, each kind up to a limit: what
// failed in thousands does not push away when its owner came in. The empty account is what belonged to nobody.
func (s *Store) Journal(ctx context.Context, accountID string, limit int, from From) (list []Happening, err error) {
	here := s.keyed("network", network(from.Address))
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = db.All(ctx, tx, `SELECT at, kind, method, reason, network, known, device, times FROM (
				SELECT id, at, kind, method, reason, network, known, device, times,
					ROW_NUMBER() OVER (PARTITION BY CASE WHEN kind IN ('failed', 'refused') THEN 1 ELSE 0 END ORDER BY at DESC, id) AS n
				FROM account_events WHERE account_id = ?1 AND at >= ?2) ranked
			WHERE n <= ?3 ORDER BY at DESC, id`, []any{accountID, db.Micros(tx.Now.Add(-s.config.Keep)), limit},
			func(r db.Scanner) (h Happening, err error) {
				var at, known, times int64
				var net string
				err = r.Scan(&at, &h.Kind, &h.Method, &h.Reason, &net, &known, &h.Device, &times)
				h.At, h.Known, h.Times, h.Here = db.FromMicros(at), known != 0, int(times), net != "" && net == here
				return h, err
			})
		return err
	})
	return list, err
}

// sweepDoor forgets what has expired: journal, challenges, browsers not seen for long.
func (s *Store) sweepDoor(ctx context.Context, tx *db.Tx) error {
	_, a := tx.Exec(ctx, `DELETE FROM account_events WHERE at < ?1`, db.Micros(tx.Now.Add(-s.config.Keep)))
	_, b := tx.Exec(ctx, `DELETE FROM account_challenges WHERE expires_at < ?1`, db.Micros(tx.Now))
	_, c := tx.Exec(ctx, `DELETE FROM account_devices WHERE seen_at < ?1`, db.Micros(tx.Now.Add(-s.config.Remember)))
	return errors.Join(a, b, c)
}

// codesMissed is how many codes strangers got wrong lately: whoever gets so far knows the password.
func (s *Store) codesMissed(ctx context.Context, tx *db.Tx, id string) (int64, error) {
	return db.One(ctx, tx, `SELECT COALESCE(SUM(times), 0) FROM account_events WHERE account_id = ?1 AND kind = 'failed' AND at >= ?2 AND method = 'totp' AND known = 0`,
		[]any{id, db.Micros(tx.Now.Add(-time.Hour))}, scanCount)
}
