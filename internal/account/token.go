package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// MaxTokenDays is how long a token lives at most: a key that nobody renews is a key nobody remembers.
const MaxTokenDays = 400

// Token is a key for programs: what it lets them do, and where. The secret itself is not kept.
type Token struct {
	ID, Account, Name string
	Powers            []authz.Power
	Programmes        []string     // none = all the account has
	Units             []org.UnitID // none = all the account has
	Made, Expires     time.Time
	Used              string // day of its last use, ISO; empty = never
}

// Endless reports a token from before they had to end. It opens nothing and must be replaced.
func (t Token) Endless() bool { return t.Expires.IsZero() }

// tokenPrefix lets scanners of leaked secrets recognise a token.
const tokenPrefix = "comity_"

// CreateToken makes a token for its account. The plain text is shown once and nowhere stored. by is empty
// for the console.
func (s *Store) CreateToken(ctx context.Context, by authz.Actor, t Token) (made Token, plain string, err error) {
	if by.For() != "" || by.Limit().Bound() {
		return Token{}, "", &Refused{Rule: "token.not_yours"}
	}
	plain = tokenPrefix + newSecret()
	t.ID, t.Name, t.Used = "t"+newID(), strings.TrimSpace(t.Name), ""
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		a, err := byID(ctx, tx, t.Account)
		if err != nil {
			return err
		}
		t.Made = tx.Now
		if err := t.check(a); err != nil {
			return err
		}
		if err := putToken(ctx, tx, t, fingerprint(plain)); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), a.ID, "token.made", map[string]string{"id": t.ID, "name": t.Name, "powers": joined(t.Powers), "until": day(t.Expires)})
	})
	if err != nil {
		return Token{}, "", err
	}
	return t, plain, nil
}

// check refuses a token without name, end or power, and one that reaches beyond its account.
func (t Token) check(a Account) error {
	actor := a.Actor(nil)
	units, programmes := reach(actor.Grants())
	switch {
	case t.Name == "" || utf8.RuneCountInString(t.Name) > 80:
		return &Refused{Rule: "token.name"}
	case t.Expires.IsZero() || !t.Expires.After(t.Made) || t.Expires.After(t.Made.Add(MaxTokenDays*24*time.Hour)):
		return &Refused{Rule: "token.days", Params: map[string]string{"max": "400"}}
	case len(t.Powers) == 0:
		return &Refused{Rule: "token.powers"}
	case len(actor.Grants()) == 0:
		return &Refused{Rule: "token.no_grants"}
	}
	for _, p := range t.Powers {
		if !slices.Contains(authz.Powers, p) {
			return &Refused{Rule: "token.power", Params: map[string]string{"got": clip(string(p))}}
		}
	}
	for _, u := range t.Units {
		if !slices.Contains(units, u) {
			return &Refused{Rule: "token.unit", Params: map[string]string{"got": clip(string(u))}}
		}
	}
	for _, p := range t.Programmes {
		if programmes != nil && !slices.Contains(programmes, p) {
			return &Refused{Rule: "token.programme", Params: map[string]string{"got": clip(p)}}
		}
	}
	return nil
}

// reach is what grants cover: their units, and their programmes; nil programmes = every one.
func reach(grants []authz.Grant) (units []org.UnitID, programmes []string) {
	every := false
	for _, g := range grants {
		units, programmes = append(units, g.Unit), append(programmes, g.Programmes...)
		every = every || len(g.Programmes) == 0
	}
	if every {
		return units, nil
	}
	return units, programmes
}

// narrow is what a token leaves of the grants of its account.
func (t Token) narrow(held []authz.Grant) []authz.Grant {
	var chosen []authz.Grant
	for _, g := range held {
		if len(t.Units) == 0 || slices.Contains(t.Units, g.Unit) {
			chosen = append(chosen, authz.Grant{Role: g.Role, Unit: g.Unit, Programmes: t.Programmes})
		}
	}
	return authz.Within(chosen, held)
}

// Token finds the account behind an API token, held back to what the token lets it do, or ErrNoSession.
func (s *Store) Token(ctx context.Context, plain string) (a Account, err error) {
	var t Token
	var today string
	err = s.db.View(ctx, func(tx *db.Tx) error {
		if t, err = tokenBy(ctx, tx, "hash", fingerprint(plain)); errors.Is(err, ErrUnknown) {
			return ErrNoSession
		} else if err != nil {
			return err
		}
		if t.Endless() || !tx.Now.Before(t.Expires) {
			return ErrNoSession
		}
		today = tx.Now.UTC().Format(time.DateOnly)
		a, err = able(ctx, tx, t.Account)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	a.Grants, a.limit = t.narrow(a.Grants), authz.Only(t.Powers...)
	if t.Used != today {
		err = s.db.Transact(ctx, func(tx *db.Tx) error { return touchToken(ctx, tx, t.ID, today) })
	}
	return a, err
}

// Tokens lists those of an account, newest first.
func (s *Store) Tokens(ctx context.Context, account string) (list []Token, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = tokensOf(ctx, tx, account)
		return err
	})
	return list, err
}

// RevokeToken ends a token: that of the actor's own account, of one whose accounts the actor keeps, or, for
// the console with no actor, any.
func (s *Store) RevokeToken(ctx context.Context, by authz.Actor, plan Plan, id string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		t, err := tokenBy(ctx, tx, "id", id)
		if err != nil {
			return err
		}
		a, err := byID(ctx, tx, t.Account)
		if err != nil {
			return err
		}
		own := by.ID() == a.ID && by.For() == "" && !by.Limit().Bound()
		if by.ID() != "" && !own && !plan.keeps(by, a) {
			return ErrUnknown
		}
		if err := dropToken(ctx, tx, id); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), a.ID, "token.revoked", map[string]string{"id": id, "name": t.Name})
	})
}

func joined[S ~string](list []S) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(s))
	}
	return b.String()
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
