// Package account owns the people who work for a unit: who they are, what they hold, and how they
// prove it (password, passkey, one-time code, the city's identity provider, session, token).
//
// It refuses residents, who need no account, and any secret in the clear: passwords are kept as
// argon2id, tokens, tickets and recovery codes as SHA-256, secrets of authenticator apps sealed. It
// refuses locking people out: guessing slows down the place it comes from (guard.go), and no amount of
// it keeps the owner of an account from coming in by a known browser, a passkey or a recovery code.
//
// Open this file first, then enter.go, which tells the way in from top to bottom; store.go keeps
// accounts, and beside each proof (totp.go, passkey.go, oidc.go) stands its store.
package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// Account is one person who works for one or more units.
type Account struct {
	ID       string
	Login    string
	Name     map[string]string // language -> name as the unit shows it
	Grants   []authz.Grant
	Disabled bool
	Lang     string // preferred language; empty = as the browser asks

	limit authz.Limit // of the token it was found by
}

// Actor is the account as the rules of a pack know it (pack.Pack.Rules of the version in force): what its
// grants open is what they say, and without rules nothing. A disabled account is nobody.
func (a Account) Actor(rules *authz.Table) authz.Actor {
	if a.Disabled || a.ID == "" {
		return authz.Actor{}
	}
	return authz.Staff(a.ID, a.Grants).Under(rules).Limited(a.limit)
}

// NameIn is the name in a language, else in any other, else the login.
func (a Account) NameIn(lang string) string {
	if n := a.Name[lang]; n != "" {
		return n
	}
	for _, l := range slices.Sorted(maps.Keys(a.Name)) {
		if a.Name[l] != "" {
			return a.Name[l]
		}
	}
	return a.Login
}

// Home is the unit of the first grant: the one whose work the person sees first. Keeping accounts is no
// work on cases and counts only where there is nothing else.
func (a Account) Home() org.UnitID {
	for _, g := range a.Grants {
		if g.Role != authz.Admin {
			return g.Unit
		}
	}
	if len(a.Grants) == 0 {
		return ""
	}
	return a.Grants[0].Unit
}

// Errors that callers tell apart.
var (
	// ErrWrong says that login and password do not belong together, without saying which is wrong.
	ErrWrong = errors.New("account: login or password is wrong")
	// ErrProof says that the password is right and a second proof is wanted.
	ErrProof = errors.New("account: a second proof is wanted; sign in on the page")
	// ErrNoSession says that a session or token is unknown, ended or belongs to a disabled account.
	ErrNoSession = errors.New("account: no such session or token")
	// ErrUnknown says that there is no account with this id.
	ErrUnknown = errors.New("account: no such account")
	// ErrTaken says that the login or id is in use.
	ErrTaken = errors.New("account: login or id is taken; choose another")
)

// Config bounds sessions and prices passwords. Zero fields take the defaults.
type Config struct {
	Idle     time.Duration // a session ends after so long without a request; default 12 h
	Absolute time.Duration // and in any case after so long; default 7 days
	Hashing  Hashing       // default OWASP; tests and the demo may choose a cheaper one openly

	Keep     time.Duration // how long the journal remembers; default 180 days
	Remember time.Duration // how long a browser stays known; default 180 days
	Secret   []byte        // keys the hashes of the journal; none: drawn, and hashes differ after a restart
	Sealer   Sealer        // keeps the secrets of authenticator apps; none: there are no authenticator apps
	// Rules is the table of the pack in force, under which accounts act. nil: they read nothing.
	Rules func() *authz.Table
	// Forget drops the second factors of an account, when an administrator lets it begin anew. nil: there
	// are none.
	Forget func(ctx context.Context, tx *db.Tx, account string) error
}

func (c Config) filled() Config {
	if c.Idle <= 0 {
		c.Idle = 12 * time.Hour
	}
	if c.Absolute <= 0 {
		c.Absolute = 7 * 24 * time.Hour
	}
	if c.Keep <= 0 {
		c.Keep = 180 * 24 * time.Hour
	}
	if c.Remember <= 0 {
		c.Remember = 180 * 24 * time.Hour
	}
	if len(c.Secret) == 0 {
		c.Secret = drawn()
	}
	if c.Hashing == (Hashing{}) {
		c.Hashing = OWASP()
	}
	return c
}

// newSecret draws 256 random bits, spelled for a cookie or a header.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// fingerprint is what is stored of a secret. A plain hash is enough for 256 random bits.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// tidyLogin makes the login the same however it is typed.
func tidyLogin(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
