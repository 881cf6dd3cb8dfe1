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

// A view is a list of cases that an officer keeps under a name. It holds the question, never an answer: what it lists
// is cut by the scope of whoever opens it.

// Most views of one account, characters of a name, and bytes of a query.
const (
	MaxViews    = 50
	maxViewName = 60
	maxQuery    = 4000
)

// viewUndo is how long a removed view can be brought back.
const viewUndo = time.Hour

// View is one kept list.
type View struct {
	ID      string
	Account string // whose it is
	Name    string
	Query   string // of the list's address
	Unit    org.UnitID
	Removed bool // lately; else it is not there any more
	Start   bool // the desk of the account that asked begins with it
}

// Views are those of an account, then those that others share in its units, each by name. What somebody shared in a unit
// they left stays there, and is theirs again when they come back.
func (s *Store) Views(ctx context.Context, a Account) (out []View, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out, err = viewsOf(ctx, tx, a.ID, tx.Now.Add(-viewUndo))
		if err != nil {
			return err
		}
		start, err := startOf(ctx, tx, a.ID)
		if err != nil {
			return err
		}
		for _, unit := range unitsOf(a) {
			shared, err := viewsIn(ctx, tx, a.ID, unit)
			if err != nil {
				return err
			}
			out = append(out, shared...)
		}
		for i := range out {
			out[i].Start = out[i].ID == start && !out[i].Removed
		}
		return nil
	})
	return out, err
}

func unitsOf(a Account) (out []org.UnitID) {
	for _, g := range a.Grants {
		if !slices.Contains(out, g.Unit) {
			out = append(out, g.Unit)
		}
	}
	return out
}

// SaveView keeps a list under a name. The same name again takes the new list in place of the old one.
func (s *Store) SaveView(ctx context.Context, account, name, query string) (id string, err error) {
	if name, err = viewName(name); err != nil {
		return "", err
	}
	if query == "" || len(query) > maxQuery {
		return "", &Refused{Rule: "view.query"}
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		list, err := viewsOf(ctx, tx, account, tx.Now)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(v View) bool { return v.Name == name }); i >= 0 {
			id = list[i].ID
			return setViewQuery(ctx, tx, id, query)
		}
		if len(list) >= MaxViews {
			return &Refused{Rule: "view.many"}
		}
		id = "v" + strings.ToLower(fingerprint(newSecret())[:15])
		return putView(ctx, tx, View{ID: id, Account: account, Name: name, Query: query})
	})
	return id, err
}

func viewName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || utf8.RuneCountInString(name) > maxViewName {
		return "", &Refused{Rule: "view.name"}
	}
	return name, nil
}

// RenameView gives one of the account's own views another name.
func (s *Store) RenameView(ctx context.Context, account, id, name string) error {
	name, err := viewName(name)
	if err != nil {
		return err
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		list, err := viewsOf(ctx, tx, account, tx.Now)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(v View) bool { return v.Name == name && v.ID != id }) {
			return &Refused{Rule: "view.taken"}
		}
		return ownView(setViewName(ctx, tx, account, id, name))
	})
}

// RemoveView takes a view away; RestoreView brings it back while it is not long ago. Those removed longer ago are
// deleted: what somebody searched for may name people.
func (s *Store) RemoveView(ctx context.Context, account, id string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := dropViews(ctx, tx, account, tx.Now.Add(-viewUndo)); err != nil {
			return err
		}
		return ownView(setViewRemoved(ctx, tx, account, id, db.Micros(tx.Now)))
	})
}

// RestoreView is the inverse of RemoveView. It is refused where its name or its place was taken in the meantime.
func (s *Store) RestoreView(ctx context.Context, account, id string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		list, err := viewsOf(ctx, tx, account, tx.Now.Add(-viewUndo))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(v View) bool { return v.ID == id && v.Removed })
		if i < 0 {
			return ErrUnknown
		}
		name := list[i].Name
		list = slices.DeleteFunc(list, func(v View) bool { return v.Removed })
		if slices.ContainsFunc(list, func(v View) bool { return v.Name == name }) {
			return &Refused{Rule: "view.taken"}
		}
		if len(list) >= MaxViews {
			return &Refused{Rule: "view.many"}
		}
		return ownView(restoreView(ctx, tx, account, id, db.Micros(tx.Now.Add(-viewUndo))))
	})
}

// ShareView shows a view to everybody of a unit; an empty unit ends that. Only who leads the unit may share in it.
func (s *Store) ShareView(ctx context.Context, by Account, plan Plan, id string, unit org.UnitID) error {
	if unit != "" && !plan.headed(by, unit) {
		return &Refused{Rule: "view.share"}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error { return ownView(setViewUnit(ctx, tx, by.ID, id, unit)) })
}

// headed reports whether an account leads a unit.
func (p Plan) headed(a Account, unit org.UnitID) bool {
	return slices.ContainsFunc(a.Grants, func(g authz.Grant) bool { return g.Unit == unit && slices.Contains(p.Heads, g.Role) })
}

// DropShared takes a view out of the unit it is shared in, whoever shared it. Whoever leads the unit may; for all others
// there is no such view.
func (s *Store) DropShared(ctx context.Context, by Account, plan Plan, id string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		unit, err := sharedUnit(ctx, tx, id)
		if errors.Is(err, db.ErrNoRows) || err == nil && !plan.headed(by, unit) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		return endShared(ctx, tx, id, unit)
	})
}

// StartWith makes the desk of an account begin with a view it can see; an empty id with the unit's home again.
func (s *Store) StartWith(ctx context.Context, a Account, id string) error {
	if id != "" {
		list, err := s.Views(ctx, a)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(v View) bool { return v.ID == id && !v.Removed }) {
			return ErrUnknown
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error { return setStart(ctx, tx, a.ID, id) })
}

// ownView says that there was no such view of the account.
func ownView(changed int64, err error) error {
	if err == nil && changed == 0 {
		return ErrUnknown
	}
	return err
}
