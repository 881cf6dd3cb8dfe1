package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"comity/internal/authz"
	"comity/internal/limit"
)

// needs lists what a token must have been given for an operation. An operation that takes a token and is
// not listed asks for a valid one only.
var needs = map[string]authz.Power{
	"open-case": authz.Intake, "list-cases": authz.Read, "read-case": authz.Read, "explain-clock": authz.Read, "list-events": authz.Read,
	"do-act": authz.Do, "write-note": authz.Do, "add-files": authz.Do,
}

// scopesOf is the security requirement of an operation as the OpenAPI document shows it.
func scopesOf(id string) []string {
	if p, ok := needs[id]; ok {
		return []string{string(p)}
	}
	return []string{}
}

// lacks answers what a token may not do, naming the power it was not given; nil when it may.
func (a *API) lacks(who authz.Actor, p authz.Power, lang string) *Problem {
	if who.Limit().Leaves(p) {
		return nil
	}
	say := a.say("", lang)
	no := a.build("token.scope", http.StatusForbidden, say, map[string]string{"scope": string(p)})
	no.Scope = string(p)
	return no
}

// missing is the first power of an operation that the token lacks.
func (a *API) missing(op *huma.Operation, who authz.Actor, lang string) *Problem {
	for _, s := range scopesOf(op.OperationID) {
		if no := a.lacks(who, authz.Power(s), lang); no != nil {
			return no
		}
	}
	return nil
}

// brake holds back who asks too much: a token, its account, and an address that guesses tokens.
type brake struct {
	asked   *limit.Limiter // requests, by token and by account
	guessed *limit.Limiter // wrong tokens, by address
}

func newBrake() brake {
	return brake{asked: limit.New(limit.AsksAtOnce, limit.AsksEvery), guessed: limit.New(limit.SignInsAtOnce, limit.SignInsEvery)}
}

// tooMany counts a request under each name, and says how long it has to wait.
func (b brake) tooMany(now time.Time, names ...string) time.Duration {
	for _, n := range names {
		if wait := b.asked.Wait(n, now); wait > 0 {
			return wait
		}
	}
	for _, n := range names {
		b.asked.Count(n, now)
	}
	return 0
}

// nameOf is the token of a header as the brake remembers it: not the secret itself.
func nameOf(header string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(header)))
	return "token:" + hex.EncodeToString(sum[:8])
}

func (a *API) slow(rule, lang string, wait time.Duration) *Problem {
	p := a.plain(rule, http.StatusTooManyRequests, lang)
	p.wait = wait
	return p
}
