package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/oauth2"

	"comity/internal/db"
)

const oidcKind = "oidc"

// OIDCBegin begins a sign-in with the provider, or with an account the proof again who it is. address is
// where to send the browser, browser the secret of a cookie by which it is known when it comes back.
func (s *Store) OIDCBegin(ctx context.Context, p *Provider, redirect, back, accountID string) (address, browser string, err error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	browser = newSecret()
	b := begun{Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Browser: fingerprint(browser), Back: back}
	data, err := json.Marshal(b)
	if err != nil {
		return "", "", err
	}
	var state string
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if err = s.sweepDoor(ctx, tx); err != nil {
			return err
		}
		state, err = s.challenge(ctx, tx, oidcKind, accountID, string(data))
		return err
	})
	if err != nil {
		return "", "", err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(b.Verifier), oauth2.SetAuthURLParam("nonce", b.Nonce)}
	if accountID != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return p.oauth(found, redirect).AuthCodeURL(state, options...), browser, nil
}

// OIDCFinish takes the answer with which the provider sent the browser back. token is the session the
// browser is signed in with, for a proof given again; back is where the sign-in was begun for.
func (s *Store) OIDCFinish(ctx context.Context, p *Provider, redirect string, answer url.Values, browser, token string, from From) (e Entry, back string, err error) {
	n := note{kind: Rejected, method: ByOIDC, reason: WhyReplayed}
	c, err := s.take(ctx, oidcKind, answer.Get("state"))
	if errors.Is(err, ErrTicket) {
		return e, "", s.refused(ctx, n, from, ErrTicket)
	}
	if err != nil {
		return e, "", err
	}
	var b begun
	if err := json.Unmarshal([]byte(c.data), &b); err != nil {
		return e, "", err
	}
	n.account, n.reason = c.account, WhyForged
	if browser == "" || fingerprint(browser) != b.Browser {
		return e, "", s.refused(ctx, n, from, ErrTicket)
	}
	n.reason = WhyProvider
	if iss := answer.Get("iss"); iss != "" && iss != p.config.Issuer {
		return e, b.Back, s.refused(ctx, n, from, fmt.Errorf("%w: the answer comes from another issuer", ErrProvider))
	}
	if answer.Get("error") != "" || answer.Get("code") == "" {
		return e, b.Back, s.refused(ctx, n, from, fmt.Errorf("%w: it answered %s", ErrProvider, denied(answer)))
	}
	who, err := p.ask(ctx, redirect, answer.Get("code"), b)
	if err != nil {
		return e, b.Back, s.refused(ctx, n, from, err)
	}
	if c.account == "" {
		e, err = s.enterAs(ctx, p, who, from)
		return e, b.Back, err
	}
	e.Token, err = s.againAs(ctx, p, who, token, c.account, from)
	return e, b.Back, err
}

// enterAs opens a session for the account a person of the provider is.
func (s *Store) enterAs(ctx context.Context, p *Provider, who person, from From) (e Entry, err error) {
	n := note{kind: Rejected, method: ByOIDC}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		n.account, n.reason = "", WhyNobody
		id, err := s.accountOf(ctx, tx, p, who)
		if err != nil {
			return err
		}
		n.account, n.reason = id, WhyDisabled
		e, err = s.arrive(ctx, tx, id, []string{ByOIDC}, from)
		return err
	})
	if errors.Is(err, ErrNobody) || errors.Is(err, ErrWrong) {
		return Entry{}, s.refused(ctx, n, from, ErrNobody)
	}
	return e, err
}

func (s *Store) againAs(ctx context.Context, p *Provider, who person, token, accountID string, from From) (fresh string, err error) {
	n := note{account: accountID, kind: Rejected, method: ByOIDC, reason: WhyOther}
	var outcome error
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		outcome = nil
		row, err := s.live(ctx, tx, token)
		if err != nil {
			return err
		}
		id, err := s.accountOf(ctx, tx, p, who)
		switch {
		case errors.Is(err, ErrNobody) || err == nil && (id != accountID || row.account != accountID):
			outcome = ErrNobody
			return nil
		case err != nil:
			return err
		case !who.asked:
			outcome = fmt.Errorf("%w: it did not ask again who it is (auth_time)", ErrProvider)
			return nil
		}
		fresh, err = s.proved(ctx, tx, row, ByOIDC, from)
		return err
	})
	if err == nil && outcome != nil {
		return "", s.refused(ctx, n, from, outcome)
	}
	return fresh, err
}

// accountOf finds the account: by the subject kept for it, else by the claim, which then ties the two for
// good, so that a name given to somebody else at the provider does not open the account of its first owner.
func (s *Store) accountOf(ctx context.Context, tx *db.Tx, p *Provider, who person) (string, error) {
	id, err := text(ctx, tx, `SELECT account_id FROM account_subjects WHERE issuer = ?1 AND subject = ?2`, who.issuer, who.subject)
	if err != nil || id != "" {
		return id, err
	}
	if who.login != "" {
		if id, err = text(ctx, tx, `SELECT id FROM accounts WHERE login = ?1`, who.login); err != nil {
			return "", err
		}
	}
	if id == "" {
		if !p.config.Create {
			return "", ErrNobody
		}
		if id, err = s.createFor(ctx, tx, p, who); err != nil {
			return "", err
		}
	}
	return id, tie(ctx, tx, who.issuer, who.subject, id)
}

// createFor makes an account nobody has a password for.
func (s *Store) createFor(ctx context.Context, tx *db.Tx, p *Provider, who person) (string, error) {
	login := who.login
	if login == "" {
		login = "oidc-" + fingerprint(who.issuer + "\x00" + who.subject)[:12]
	}
	names, err := json.Marshal(who.names(login))
	if err != nil {
		return "", err
	}
	id := "u" + fingerprint(newSecret())[:15]
	_, err = tx.Exec(ctx, `INSERT INTO accounts (id, login, names, lang, password, disabled, created_at) VALUES (?1, ?2, ?3, '', '', 0, ?4)`,
		id, login, string(names), db.Micros(tx.Now))
	if err != nil {
		return "", err
	}
	return id, insertGrants(ctx, tx, id, slices.Clone(p.config.Grants))
}

// tie keeps which subject an account is; an account that is another one already is nobody's.
func tie(ctx context.Context, tx *db.Tx, issuer, subject, id string) error {
	other, err := text(ctx, tx, `SELECT subject FROM account_subjects WHERE issuer = ?1 AND account_id = ?2`, issuer, id)
	if err != nil {
		return err
	}
	if other != "" {
		return ErrNobody
	}
	_, err = tx.Exec(ctx, `INSERT INTO account_subjects (issuer, subject, account_id) VALUES (?1, ?2, ?3)`, issuer, subject, id)
	return err
}

// LinkSubject says which account a subject of a provider is. It replaces what was said before of either.
func (s *Store) LinkSubject(ctx context.Context, accountID, issuer, subject string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1`, accountID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM account_subjects WHERE issuer = ?1 AND (subject = ?2 OR account_id = ?3)`, issuer, subject, accountID); err != nil {
			return err
		}
		return tie(ctx, tx, issuer, subject, accountID)
	})
}

// text is one value, or empty when there is no row.
func text(ctx context.Context, tx *db.Tx, q string, args ...any) (string, error) {
	v, err := db.One(ctx, tx, q, args, func(r db.Scanner) (v string, err error) {
		err = r.Scan(&v)
		return v, err
	})
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return v, err
}
