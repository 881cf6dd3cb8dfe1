package account

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
)

// Administrators keep accounts: they invite, change grants, disable, end sessions and revoke tokens, inside
// the subtree of their grant of authz.Admin. They see no case. Every change is recorded (Changes). Two
// things wait for a second administrator (Waiting): whatever an administrator would be granted by
// themselves, and a new administrator as soon as there are two.

// InviteLife is how long the link of an invitation or of the first run opens.
const (
	InviteLife = 72 * time.Hour
	SetupLife  = 30 * time.Minute
	// MinPassphrase is the shortest passphrase somebody chooses on a page of their own, in characters.
	MinPassphrase = 12
)

// keeps reports whether an administrator keeps an account: every unit it works for, and at least one.
func (p Plan) keeps(by authz.Actor, a Account) bool {
	if by.For() != "" || by.Limit().Bound() {
		return false
	}
	if len(a.Grants) == 0 { // was left without any; only who keeps the whole city finds it
		return by.Keeps(p.Units, p.Units.Root())
	}
	return !slices.ContainsFunc(a.Grants, func(g authz.Grant) bool { return !by.Keeps(p.Units, g.Unit) })
}

// checkGrants refuses what the pack does not know, units the administrator does not keep, and grants that one
// account may not hold together.
func (p Plan) checkGrants(by authz.Actor, grants []authz.Grant) error {
	for _, g := range grants {
		u, ok := p.Units.Unit(g.Unit)
		if !ok {
			return &Refused{Rule: "account.unit", Params: map[string]string{"got": clip(string(g.Unit))}}
		}
		if g.Role != authz.Admin && (authz.Kernel(g.Role) || !slices.Contains(u.Roles, string(g.Role))) {
			return &Refused{Rule: "account.role", Params: map[string]string{"got": clip(string(g.Role)), "unit": string(g.Unit), "roles": strings.Join(u.Roles, ", ")}}
		}
		for _, programme := range g.Programmes {
			if !slices.Contains(p.Programmes, programme) {
				return &Refused{Rule: "account.programme", Params: map[string]string{"got": clip(programme)}}
			}
		}
		if !by.Keeps(p.Units, g.Unit) {
			return &Refused{Rule: "account.beyond", Params: map[string]string{"got": string(g.Unit)}}
		}
	}
	if c, clash := errors.AsType[*authz.Conflict](p.Rules.Conflicts(grants)); clash {
		return &Refused{Rule: "grant." + c.Kind, Params: map[string]string{"a": string(c.Roles[0]), "b": string(c.Roles[1]), "unit": string(c.Unit)}}
	}
	return nil
}

var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,39}$`)

// Invited is a new account and the secret of its link, shown once.
type Invited struct {
	Account Account
	Secret  string
	Waits   bool // grants wait for a second administrator
}

// Invite makes an account without a password. Whoever opens the link chooses one.
func (s *Store) Invite(ctx context.Context, by authz.Actor, plan Plan, a Account) (out Invited, err error) {
	a.Login = tidyLogin(a.Login)
	switch {
	case !loginForm.MatchString(a.Login):
		return out, &Refused{Rule: "account.login"}
	case !named(a.Name):
		return out, &Refused{Rule: "account.name"}
	case len(a.Grants) == 0:
		return out, &Refused{Rule: "account.grants"}
	}
	if err := plan.checkGrants(by, a.Grants); err != nil {
		return out, err
	}
	a.ID, a.Disabled = "u"+newID(), false
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := byLogin(ctx, tx, a.Login); err == nil {
			return &Refused{Rule: "account.taken"}
		}
		wanted := a.Grants
		if out.Waits, err = needsSecond(ctx, tx, by, a.ID, nil, wanted); err != nil {
			return err
		}
		if out.Waits {
			a.Grants = withoutAdmin(wanted)
		}
		if err := putAccount(ctx, tx, a, noPassword); err != nil {
			return err
		}
		if err := record(ctx, tx, by.ID(), a.ID, "invited", map[string]string{"login": a.Login, "grants": said(a.Grants)}); err != nil {
			return err
		}
		if out.Waits {
			if err := wait(ctx, tx, by, a.ID, wanted); err != nil {
				return err
			}
		}
		out.Secret, err = putInvite(ctx, tx, a.ID, InviteLife)
		return err
	})
	out.Account = a
	return out, err
}

// noPassword is stored for an account that has not chosen one; nothing fits it.
const noPassword = ""

func named(names map[string]string) bool {
	for lang, n := range names {
		if lang == "" || strings.TrimSpace(n) == "" || len(n) > 200 {
			return false
		}
	}
	return len(names) > 0
}

func withoutAdmin(grants []authz.Grant) []authz.Grant {
	return slices.DeleteFunc(slices.Clone(grants), func(g authz.Grant) bool { return g.Role == authz.Admin })
}

// needsSecond reports whether grants an account would get wait for a second administrator.
func needsSecond(ctx context.Context, tx *db.Tx, by authz.Actor, id string, held, wanted []authz.Grant) (bool, error) {
	more := slices.DeleteFunc(slices.Clone(wanted), func(g authz.Grant) bool { return holds(held, g) })
	if by.ID() == id {
		return len(more) > 0, nil
	}
	if !slices.ContainsFunc(more, func(g authz.Grant) bool { return g.Role == authz.Admin }) {
		return false, nil
	}
	n, err := countAdmins(ctx, tx)
	return n >= 2, err
}

// holds reports whether a grant lies inside those held.
func holds(held []authz.Grant, g authz.Grant) bool {
	return slices.ContainsFunc(held, func(h authz.Grant) bool {
		return h.Role == g.Role && h.Unit == g.Unit && (len(h.Programmes) == 0 || len(g.Programmes) > 0 && !slices.ContainsFunc(g.Programmes, func(p string) bool { return !slices.Contains(h.Programmes, p) }))
	})
}

// ChangeGrants replaces what an account holds, or lets the change wait for a second administrator.
func (s *Store) ChangeGrants(ctx context.Context, by authz.Actor, plan Plan, id string, wanted []authz.Grant) (waits bool, err error) {
	if err := plan.checkGrants(by, wanted); err != nil {
		return false, err
	}
	err = s.kept(ctx, by, plan, id, func(tx *db.Tx, a Account) error {
		if waits, err = needsSecond(ctx, tx, by, a.ID, a.Grants, wanted); err != nil {
			return err
		}
		if waits {
			return wait(ctx, tx, by, id, wanted)
		}
		return setGrants(ctx, tx, by.ID(), a, wanted)
	})
	return waits, err
}

func setGrants(ctx context.Context, tx *db.Tx, by string, a Account, wanted []authz.Grant) error {
	if lastAdmin, err := onlyAdmin(ctx, tx, a); err != nil {
		return err
	} else if lastAdmin && !slices.ContainsFunc(wanted, func(g authz.Grant) bool { return g.Role == authz.Admin }) {
		return &Refused{Rule: "account.last_admin"}
	}
	if err := replaceGrants(ctx, tx, a.ID, wanted); err != nil {
		return err
	}
	return record(ctx, tx, by, a.ID, "grants", map[string]string{"before": said(a.Grants), "after": said(wanted)})
}

// onlyAdmin reports the one administrator who is left.
func onlyAdmin(ctx context.Context, tx *db.Tx, a Account) (bool, error) {
	if !slices.ContainsFunc(a.Grants, func(g authz.Grant) bool { return g.Role == authz.Admin }) {
		return false, nil
	}
	n, err := countAdmins(ctx, tx)
	return n <= 1, err
}

func wait(ctx context.Context, tx *db.Tx, by authz.Actor, id string, wanted []authz.Grant) error {
	if err := dropWaiting(ctx, tx, id, by.ID()); err != nil {
		return err
	}
	w := Waiting{ID: "w" + newID(), Account: id, By: by.ID(), Grants: wanted}
	if err := putWaiting(ctx, tx, w); err != nil {
		return err
	}
	return record(ctx, tx, by.ID(), id, "grants.wait", map[string]string{"after": said(wanted), "id": w.ID})
}

// Waiting is a change of grants that a second administrator has to confirm.
type Waiting struct {
	ID, Account, By string
	Grants          []authz.Grant
	At              time.Time
}

// AllWaiting lists the changes that wait and that the administrator may see: those of accounts they keep.
func (s *Store) AllWaiting(ctx context.Context, by authz.Actor, plan Plan) (out []Waiting, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		all, err := allWaiting(ctx, tx)
		if err != nil {
			return err
		}
		for _, w := range all {
			a, err := byID(ctx, tx, w.Account)
			if err != nil {
				return err
			}
			if a.Grants = append(a.Grants, w.Grants...); plan.keeps(by, a) {
				out = append(out, w)
			}
		}
		return nil
	})
	return out, err
}

// Settle confirms a change that waits, or declines it. Who asked for it and who would get it cannot
// confirm, but may take it back.
func (s *Store) Settle(ctx context.Context, by authz.Actor, plan Plan, id string, yes bool) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		w, err := getWaiting(ctx, tx, id)
		if err != nil {
			return err
		}
		a, err := byID(ctx, tx, w.Account)
		if err != nil {
			return err
		}
		with := a
		with.Grants = slices.Concat(a.Grants, w.Grants)
		if !plan.keeps(by, with) {
			return ErrUnknown
		}
		if yes && (by.ID() == w.By || by.ID() == w.Account) {
			return &Refused{Rule: "account.second"}
		}
		if err := endWaiting(ctx, tx, id, by.ID()); err != nil {
			return err
		}
		if !yes {
			return record(ctx, tx, by.ID(), w.Account, "grants.declined", map[string]string{"after": said(w.Grants), "id": id})
		}
		if err := plan.checkGrants(by, w.Grants); err != nil {
			return err // the pack changed meanwhile
		}
		if err := record(ctx, tx, by.ID(), w.Account, "grants.confirmed", map[string]string{"asked": w.By, "id": id}); err != nil {
			return err
		}
		return setGrants(ctx, tx, by.ID(), a, w.Grants)
	})
}

// Shut disables an account or opens it again. Its sessions, and what it passed on, end with it.
func (s *Store) Shut(ctx context.Context, by authz.Actor, plan Plan, id string, shut bool) error {
	return s.kept(ctx, by, plan, id, func(tx *db.Tx, a Account) error {
		if shut && a.ID == by.ID() {
			return &Refused{Rule: "account.self"}
		}
		last, err := onlyAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if shut && last && !a.Disabled {
			return &Refused{Rule: "account.last_admin"}
		}
		if err := shutAccount(ctx, tx, id, shut); err != nil {
			return err
		}
		kind := "opened"
		if shut {
			kind = "disabled"
		}
		return record(ctx, tx, by.ID(), id, kind, nil)
	})
}

// EndSessions signs an account out everywhere.
func (s *Store) EndSessions(ctx context.Context, by authz.Actor, plan Plan, id string) error {
	return s.kept(ctx, by, plan, id, func(tx *db.Tx, a Account) error {
		if err := endSessions(ctx, tx, id); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), id, "sessions.ended", nil)
	})
}

// InviteAgain makes a new link for somebody who lost password or second factor: the old ones count no
// longer, every session ends, and a new password is chosen behind the link.
func (s *Store) InviteAgain(ctx context.Context, by authz.Actor, plan Plan, id string) (secret string, err error) {
	err = s.kept(ctx, by, plan, id, func(tx *db.Tx, a Account) error {
		if a.Disabled {
			return &Refused{Rule: "account.disabled"}
		}
		if s.config.Forget != nil {
			if err := s.config.Forget(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := clearPassword(ctx, tx, id); err != nil {
			return err
		}
		if secret, err = putInvite(ctx, tx, id, InviteLife); err != nil {
			return err
		}
		return record(ctx, tx, by.ID(), id, "reset", nil)
	})
	return secret, err
}

// kept runs a change of an account the administrator keeps; any other does not exist for them.
func (s *Store) kept(ctx context.Context, by authz.Actor, plan Plan, id string, change func(tx *db.Tx, a Account) error) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		a, err := byID(ctx, tx, id)
		if err != nil {
			return err
		}
		if !plan.keeps(by, a) {
			return ErrUnknown
		}
		return change(tx, a)
	})
}

// Kept finds an account the administrator keeps, or ErrUnknown.
func (s *Store) Kept(ctx context.Context, by authz.Actor, plan Plan, id string) (Account, error) {
	a, err := s.ByID(ctx, id)
	if err == nil && !plan.keeps(by, a) {
		return Account{}, ErrUnknown
	}
	return a, err
}

// List pages through the accounts an administrator keeps, by login; words narrow it to logins and names
// that contain them. next is the login to go on after; empty at the end.
func (s *Store) List(ctx context.Context, by authz.Actor, plan Plan, words, after string, most int) (out []Account, next string, err error) {
	words = strings.ToLower(strings.TrimSpace(words))
	err = s.db.View(ctx, func(tx *db.Tx) error {
		for len(out) <= most {
			batch, err := accountsAfter(ctx, tx, after, 200)
			if err != nil || len(batch) == 0 {
				return err
			}
			for _, a := range batch {
				after = a.Login
				if plan.keeps(by, a) && a.matches(words) {
					out = append(out, a)
				}
				if len(out) > most {
					break
				}
			}
		}
		return nil
	})
	if len(out) > most {
		out = out[:most]
		next = out[most-1].Login
	}
	return out, next, err
}

func (a Account) matches(words string) bool {
	if words == "" || strings.Contains(a.Login, words) {
		return true
	}
	for _, n := range a.Name {
		if strings.Contains(strings.ToLower(n), words) {
			return true
		}
	}
	return false
}

// said spells grants for the record, short enough to be read in a line.
func said(grants []authz.Grant) string {
	var parts []string
	for _, g := range grants {
		s := string(g.Role) + "@" + string(g.Unit)
		if len(g.Programmes) > 0 {
			s += "[" + strings.Join(g.Programmes, " ") + "]"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}
