package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"comity/internal/db"
)

// A ticket is good for one thing: adding a passkey, coming in, or proving again.
const (
	passkeyAdd   = "passkey-add"
	passkeyIn    = "passkey-in"
	passkeyAgain = "passkey-again"
)

// handleBytes is the length the specification recommends for a random user handle.
const handleBytes = 64

func passkeysOf(ctx context.Context, tx *db.Tx, id string) ([]Passkey, error) {
	return db.All(ctx, tx, `SELECT id, name, made_at, used_at FROM account_passkeys WHERE account_id = ?1 ORDER BY made_at, id`, []any{id},
		func(r db.Scanner) (p Passkey, err error) {
			var made, used int64
			err = r.Scan(&p.ID, &p.Name, &made, &used)
			p.Made = db.FromMicros(made)
			if used > 0 {
				p.Used = db.FromMicros(used)
			}
			return p, err
		})
}

type keyRow struct{ account, handle, credential string }

func scanKey(r db.Scanner) (k keyRow, err error) {
	err = r.Scan(&k.account, &k.handle, &k.credential)
	return k, err
}

// holderOf is an account with its passkeys; its handle is drawn with the first.
func holderOf(ctx context.Context, tx *db.Tx, a Account) (holder, error) {
	h := holder{login: a.Login, name: a.NameIn(a.Lang)}
	rows, err := db.All(ctx, tx, `SELECT account_id, handle, credential FROM account_passkeys WHERE account_id = ?1 ORDER BY made_at, id`, []any{a.ID}, scanKey)
	if err != nil {
		return h, err
	}
	for _, r := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(r.credential), &c); err != nil {
			return h, fmt.Errorf("account: a passkey of %s cannot be read: %w", a.ID, err)
		}
		if h.handle, err = base64.RawURLEncoding.DecodeString(r.handle); err != nil {
			return h, fmt.Errorf("account: the handle of %s cannot be read: %w", a.ID, err)
		}
		h.credentials = append(h.credentials, c)
	}
	if h.handle == nil {
		h.handle = make([]byte, handleBytes)
		rand.Read(h.handle)
	}
	return h, nil
}

func (s *Store) begin(ctx context.Context, tx *db.Tx, kind, id string, session *webauthn.SessionData, options any) (Offer, error) {
	data, err := json.Marshal(session)
	if err != nil {
		return Offer{}, err
	}
	ticket, err := s.challenge(ctx, tx, kind, id, string(data))
	return Offer{Options: options, Ticket: ticket}, err
}

// PasskeyOffer begins to add a passkey. origin is the address of the site, site its name.
func (s *Store) PasskeyOffer(ctx context.Context, origin, site, accountID string) (o Offer, err error) {
	rp, err := relying(origin, site)
	if err != nil {
		return o, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		a, err := able(ctx, tx, accountID)
		if err != nil {
			return err
		}
		h, err := holderOf(ctx, tx, a)
		if err != nil {
			return err
		}
		options, session, err := rp.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.credentials).CredentialDescriptors()))
		if err != nil {
			return err
		}
		o, err = s.begin(ctx, tx, passkeyAdd, a.ID, session, options.Response)
		return err
	})
	return o, err
}

// PasskeyAdd takes the answer of the authenticator and keeps the passkey under a name.
func (s *Store) PasskeyAdd(ctx context.Context, origin, accountID, ticket, name string, answer []byte, from From) error {
	rp, err := relying(origin, origin)
	if err != nil {
		return err
	}
	n := note{account: accountID, kind: Rejected, method: ByPasskey, reason: WhyWrong, known: true}
	c, err := s.take(ctx, passkeyAdd, ticket)
	if errors.Is(err, ErrTicket) || err == nil && c.account != accountID {
		n.reason = WhyReplayed
		return s.refused(ctx, n, from, ErrTicket)
	}
	if err != nil {
		return err
	}
	var session webauthn.SessionData
	if err := json.Unmarshal([]byte(c.data), &session); err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return s.refused(ctx, n, from, fmt.Errorf("%w: %w", ErrPasskey, err))
	}
	made, err := rp.CreateCredential(holder{handle: session.UserID}, session, parsed)
	if err != nil {
		return s.refused(ctx, n, from, fmt.Errorf("%w: %w", ErrPasskey, err))
	}
	return s.keepPasskey(ctx, accountID, name, session.UserID, made, from)
}

func (s *Store) keepPasskey(ctx context.Context, accountID, name string, handle []byte, made *webauthn.Credential, from From) error {
	raw, err := json.Marshal(made)
	if err != nil {
		return err
	}
	id := credentialID(made.ID)
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		have, err := passkeysOf(ctx, tx, accountID)
		if err != nil {
			return err
		}
		n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM account_passkeys WHERE id = ?1`, []any{id}, scanCount)
		if err != nil {
			return err
		}
		if n > 0 || len(have) >= maxPasskeys {
			return ErrTaken
		}
		name = cut(strings.TrimSpace(name), maxPasskeyName)
		if name == "" {
			name = deviceName(from.Agent)
		}
		_, err = tx.Exec(ctx, `INSERT INTO account_passkeys (id, account_id, handle, name, credential, made_at, used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)`,
			id, accountID, base64.RawURLEncoding.EncodeToString(handle), name, string(raw), db.Micros(tx.Now))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, note{account: accountID, kind: Changed, method: ByPasskey, reason: WhyAdded, known: true}, from)
	})
}

// PasskeyAsk begins to come in with a passkey, or with an account to prove again who it is.
func (s *Store) PasskeyAsk(ctx context.Context, origin, accountID string) (o Offer, err error) {
	rp, err := relying(origin, origin)
	if err != nil {
		return o, err
	}
	kind := passkeyIn
	if accountID != "" {
		kind = passkeyAgain
	}
	options, session, err := rp.BeginDiscoverableLogin()
	if err != nil {
		return o, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if err = s.sweepDoor(ctx, tx); err != nil {
			return err
		}
		o, err = s.begin(ctx, tx, kind, accountID, session, options.Response)
		return err
	})
	return o, err
}

// PasskeyEnter comes in with a passkey alone. Nothing slows it down: there is nothing to guess.
func (s *Store) PasskeyEnter(ctx context.Context, origin, ticket string, answer []byte, from From) (e Entry, err error) {
	id, err := s.passkey(ctx, origin, passkeyIn, "", ticket, answer, from)
	if err != nil {
		return e, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		e, err = s.arrive(ctx, tx, id, []string{ByPasskey}, from)
		return err
	})
	if errors.Is(err, ErrWrong) {
		return Entry{}, s.refused(ctx, note{account: id, kind: Failed, method: ByPasskey, reason: WhyDisabled}, from, ErrWrong)
	}
	return e, err
}

// AgainPasskey is AgainPassword with a passkey.
func (s *Store) AgainPasskey(ctx context.Context, origin, token, ticket string, answer []byte, from From) (string, error) {
	live, err := s.Live(ctx, token)
	if err != nil {
		return "", err
	}
	if _, err := s.passkey(ctx, origin, passkeyAgain, live.Account.ID, ticket, answer, from); err != nil {
		return "", err
	}
	return s.again(ctx, token, ByPasskey, from)
}

// passkey checks the answer of an authenticator and tells whose it is. The ticket is spent either way.
func (s *Store) passkey(ctx context.Context, origin, kind, accountID, ticket string, answer []byte, from From) (id string, err error) {
	rp, err := relying(origin, origin)
	if err != nil {
		return "", err
	}
	n := note{account: accountID, kind: Rejected, method: ByPasskey, reason: WhyWrong}
	c, err := s.take(ctx, kind, ticket)
	if errors.Is(err, ErrTicket) || err == nil && c.account != accountID {
		n.reason = WhyReplayed
		return "", s.refused(ctx, n, from, ErrTicket)
	}
	if err != nil {
		return "", err
	}
	var session webauthn.SessionData
	if err := json.Unmarshal([]byte(c.data), &session); err != nil {
		return "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return "", s.refused(ctx, n, from, fmt.Errorf("%w: %w", ErrPasskey, err))
	}
	var outcome error
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		outcome = nil
		id, outcome, err = s.usePasskey(ctx, tx, rp, session, parsed)
		if err == nil && outcome == nil && accountID != "" && id != accountID {
			outcome = fmt.Errorf("%w: it belongs to somebody else", ErrPasskey)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if outcome != nil {
		if n.account == "" {
			n.account = id
		}
		return "", s.refused(ctx, n, from, outcome)
	}
	return id, nil
}

// usePasskey checks a parsed answer; outcome says why it does not hold, and id whose the passkey is as
// far as that is known.
func (s *Store) usePasskey(ctx context.Context, tx *db.Tx, rp *webauthn.WebAuthn, session webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (id string, outcome, err error) {
	key := credentialID(parsed.RawID)
	row, err := db.One(ctx, tx, `SELECT account_id, handle, credential FROM account_passkeys WHERE id = ?1`, []any{key}, scanKey)
	if errors.Is(err, db.ErrNoRows) {
		return "", fmt.Errorf("%w: it is not known here", ErrPasskey), nil
	}
	if err != nil {
		return "", nil, err
	}
	a, err := one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1`, row.account)
	if err != nil {
		return "", nil, err
	}
	h, err := holderOf(ctx, tx, a)
	if err != nil {
		return "", nil, err
	}
	if h.handle, err = base64.RawURLEncoding.DecodeString(row.handle); err != nil { // two begun at once have two handles
		return "", nil, err
	}
	used, err := rp.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return h, nil }, session, parsed)
	if err != nil {
		return a.ID, fmt.Errorf("%w: %w", ErrPasskey, err), nil
	}
	if used.Authenticator.CloneWarning {
		return a.ID, fmt.Errorf("%w: its counter went backwards, as that of a copy would", ErrPasskey), nil
	}
	raw, err := json.Marshal(used)
	if err != nil {
		return "", nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE account_passkeys SET credential = ?2, used_at = ?3 WHERE id = ?1`, key, string(raw), db.Micros(tx.Now))
	return a.ID, nil, err
}

// PasskeyRemove takes a passkey away. One that is gone, or somebody else's, is no error.
func (s *Store) PasskeyRemove(ctx context.Context, accountID, id string, from From) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM account_passkeys WHERE id = ?1 AND account_id = ?2`, id, accountID)
		if err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, note{account: accountID, kind: Changed, method: ByPasskey, reason: WhyRemoved, known: true}, from)
	})
}

// PasskeyRename gives a passkey another name.
func (s *Store) PasskeyRename(ctx context.Context, accountID, id, name string) error {
	name = cut(strings.TrimSpace(name), maxPasskeyName)
	if name == "" {
		return nil
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE account_passkeys SET name = ?3 WHERE id = ?1 AND account_id = ?2`, id, accountID, name)
		return err
	})
}
