package open311

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/limit"
)

// caller is who asks. Without a key it is nobody, who sees what everybody sees.
type caller struct {
	who   authz.Actor
	keyed bool
}

// brake holds back who asks too much: a key, its account, and an address that guesses.
type brake struct {
	asked   *limit.Limiter // requests, by key and by account
	guessed *limit.Limiter // wrong keys, by address
	tokens  *limit.Limiter // wrong tokens of reports, by address
}

func newBrake() brake {
	return brake{asked: limit.New(limit.AsksAtOnce, limit.AsksEvery), guessed: limit.New(limit.SignInsAtOnce, limit.SignInsEvery),
		tokens: limit.New(limit.CodesAtOnce, limit.CodesEvery)}
}

// identify finds out who asks. A key that is given must be good, also where none is needed.
func (s *Server) identify(c *call) error {
	key, err := c.form.one("api_key")
	if err != nil {
		return err
	}
	if key == "" {
		scheme, token, ok := strings.Cut(c.Header.Get("Authorization"), " ")
		if ok && strings.EqualFold(scheme, "Bearer") {
			key = strings.TrimSpace(token)
		}
	}
	if key == "" {
		return nil
	}
	now := s.Now()
	if wait := s.brake.guessed.Wait(c.from, now); wait > 0 {
		return slow("key.guessed", wait)
	}
	acc, err := s.Accounts.Token(c.Context(), key)
	if err == nil {
		c.by = caller{who: acc.Actor(c.pack.Rules).In(""), keyed: true}
	}
	if errors.Is(err, account.ErrNoSession) || err == nil && c.by.who.ID() == "" {
		return s.forged(c, now)
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(key))
	names := []string{"token:" + hex.EncodeToString(sum[:8]), "account:" + c.by.who.ID()}
	for _, n := range names {
		if wait := s.brake.asked.Wait(n, now); wait > 0 {
			return slow("key.too_many", wait)
		}
	}
	for _, n := range names {
		s.brake.asked.Count(n, now)
	}
	return nil
}

// forged counts and writes down a key that opens nothing.
func (s *Server) forged(c *call, now time.Time) error {
	s.brake.guessed.Count(c.from, now)
	if err := s.Accounts.Refuse(c.Context(), "", account.ByToken, account.WhyForged, account.From{Address: c.from, Agent: c.UserAgent()}); err != nil {
		return err
	}
	r := no(http.StatusForbidden, "key.wrong")
	r.as = "token.invalid"
	return r
}

// must asks for a key that was given a power.
func (c *call) must(p authz.Power) error {
	if !c.by.keyed {
		return no(http.StatusForbidden, "key.needed")
	}
	if !c.by.who.Limit().Leaves(p) {
		r := no(http.StatusForbidden, "key.scope", "scope", string(p))
		r.as = "token.scope"
		return r
	}
	return nil
}

func slow(name string, wait time.Duration) *refused {
	r := no(http.StatusTooManyRequests, name)
	r.wait = wait
	return r
}
