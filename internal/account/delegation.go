package account

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// Plan is what the rules of accounts need to know of the city.
type Plan struct {
	Units      *org.Tree
	Programmes []string
	Heads      []authz.Role // roles that may arrange a deputy for others of the same unit
	Rules      *authz.Table // which roles one account may hold together; without it no grant is given
}

// Delegation is what an absent person has done by a deputy, from a day to a day.
type Delegation struct {
	ID          string
	For, Deputy string // accounts
	Chosen      []authz.Grant
	Starts      time.Time
	Ends        time.Time // the first instant at which it counts no longer
	Reason      string
	MadeBy      string
	Made        time.Time
	RevokedBy   string
	Revoked     time.Time // zero = not revoked
}

// Live reports whether the delegation counts at an instant, as far as it can say itself.
func (d Delegation) Live(now time.Time) bool {
	return d.Revoked.IsZero() && !now.Before(d.Starts) && now.Before(d.Ends)
}

const (
	maxReason = 200
	// maxAway keeps a delegation from becoming a second account: whoever is away longer is replaced.
	maxAway = 400 * 24 * time.Hour
)

// Delegate names a deputy. The absent person arranges it, or who keeps the accounts of every chosen unit,
// or who leads it. A deputy cannot pass on what was passed on: by must act for themselves, and only grants
// the absent person holds of their own can be chosen.
func (s *Store) Delegate(ctx context.Context, by authz.Actor, plan Plan, d Delegation) (Delegation, error) {
	if by.For() != "" || by.Limit().Bound() {
		return Delegation{}, &Refused{Rule: "delegation.passed_on"}
	}
	d.ID, d.MadeBy, d.Reason = "d"+newID(), by.ID(), strings.TrimSpace(d.Reason)
	d.RevokedBy, d.Revoked = "", time.Time{}
	if by.ID() == d.Deputy { // nobody gets a right by naming themselves
		return Delegation{}, &Refused{Rule: "delegation.named_self"}
	}
	err := s.db.Transact(ctx, func(tx *db.Tx) error {
		d.Made = tx.Now
		if err := d.check(tx.Now); err != nil {
			return err
		}
		away, err := able(ctx, tx, d.For)
		if err != nil {
			return &Refused{Rule: "delegation.away"}
		}
		if _, err := able(ctx, tx, d.Deputy); err != nil {
			return &Refused{Rule: "delegation.deputy"}
		}
		for _, g := range d.Chosen {
			if len(authz.Within([]authz.Grant{g}, away.Grants)) == 0 {
				return &Refused{Rule: "delegation.beyond", Params: map[string]string{"role": string(g.Role), "unit": string(g.Unit)}}
			}
		}
		if !plan.arranges(by, d) {
			return &Refused{Rule: "delegation.not_yours"}
		}
		if err := putDelegation(ctx, tx, d); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), d.For, "delegated", map[string]string{"id": d.ID, "deputy": d.Deputy, "until": day(d.Ends), "reason": d.Reason})
	})
	if err != nil {
		return Delegation{}, err
	}
	return d, nil
}

// check settles what can be said of a new delegation without looking anybody up.
func (d Delegation) check(now time.Time) error {
	switch {
	case d.For == d.Deputy:
		return &Refused{Rule: "delegation.self"}
	case len(d.Chosen) == 0:
		return &Refused{Rule: "delegation.none"}
	case d.Starts.IsZero() || d.Ends.IsZero() || !d.Ends.After(d.Starts):
		return &Refused{Rule: "delegation.dates"}
	case !d.Ends.After(now):
		return &Refused{Rule: "delegation.past"}
	case d.Ends.Sub(d.Starts) > maxAway:
		return &Refused{Rule: "delegation.long"}
	case d.Reason == "" || utf8.RuneCountInString(d.Reason) > maxReason:
		return &Refused{Rule: "delegation.reason"}
	}
	return nil
}

// arranges reports whether somebody may name this deputy for that person.
func (p Plan) arranges(by authz.Actor, d Delegation) bool {
	if by.IsStaff() && by.ID() == d.For {
		return true
	}
	return by.IsStaff() && !slices.ContainsFunc(d.Chosen, func(g authz.Grant) bool { return !by.Keeps(p.Units, g.Unit) && !p.leads(by, g.Unit) })
}

// leads reports whether somebody leads a unit.
func (p Plan) leads(by authz.Actor, unit org.UnitID) bool {
	return slices.ContainsFunc(by.Grants(), func(g authz.Grant) bool { return g.Unit == unit && slices.Contains(p.Heads, g.Role) })
}

// Revoke ends a delegation at once. Either of the two may, and whoever could arrange it.
func (s *Store) Revoke(ctx context.Context, by authz.Actor, plan Plan, id string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		d, err := getDelegation(ctx, tx, id)
		if err != nil {
			return err
		}
		if by.For() != "" || by.ID() != d.Deputy && !plan.arranges(by, d) {
			return ErrUnknown // not yours equals not there
		}
		if !d.Revoked.IsZero() {
			return nil
		}
		if err := revokeDelegation(ctx, tx, id, by.ID()); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), d.For, "delegation.revoked", map[string]string{"id": id, "deputy": d.Deputy})
	})
}

// Delegations lists what an account passed on and what was passed to it, newest first, ended ones included.
func (s *Store) Delegations(ctx context.Context, account string) (list []Delegation, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = delegationsOf(ctx, tx, account)
		return err
	})
	return list, err
}

// Standing is somebody who acts for an absent person at this moment.
type Standing struct {
	Delegation
	Actor  authz.Actor
	Absent Account
}

// StandIn makes the actor of a deputy. Everything is asked now: whether the delegation counts, whether both
// may still act, and what the absent person still holds. Anything amiss is ErrNoSession.
func (s *Store) StandIn(ctx context.Context, deputy Account, id string) (out Standing, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		d, err := getDelegation(ctx, tx, id)
		if err != nil || d.Deputy != deputy.ID || !d.Live(tx.Now) {
			return ErrNoSession
		}
		if deputy, err = able(ctx, tx, deputy.ID); err != nil {
			return err
		}
		away, err := able(ctx, tx, d.For)
		if err != nil {
			return err
		}
		actor := deputy.Actor(s.rules()).Acting(authz.Delegation{For: d.For, Chosen: d.Chosen, Held: away.Grants})
		if len(actor.Grants()) == 0 {
			return ErrNoSession
		}
		out = Standing{Delegation: d, Actor: actor, Absent: away}
		return nil
	})
	return out, err
}

// Worker spells who does a work that goes on after the request, so that Worked can ask for the rights again.
func Worker(account, delegation string) string {
	if delegation == "" {
		return account
	}
	return account + "/" + delegation
}

// Worked is the inverse of Worker, as of now. Who may act no longer is nobody.
func (s *Store) Worked(ctx context.Context, worker string) (authz.Actor, error) {
	id, delegation, standing := strings.Cut(worker, "/")
	a, err := s.ByID(ctx, id)
	if err != nil || !standing {
		return a.Actor(s.rules()), err
	}
	in, err := s.StandIn(ctx, a, delegation)
	if err == ErrNoSession {
		return authz.Actor{}, nil
	}
	return in.Actor, err
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// rules is the table in force.
func (s *Store) rules() *authz.Table {
	if s.config.Rules == nil {
		return nil
	}
	return s.config.Rules()
}
