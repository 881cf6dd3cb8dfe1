package ledger

import (
	"context"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
)

// drawKey gives somebody new on a roll a key of their own. Who opened the case has its follow code, and who
// works here has a desk.
func (l *Ledger) drawKey(e *casework.Event) {
	for _, m := range newMembers(e) {
		if !m.Own && m.Account == "" {
			m.Code = l.drawCode()
		}
	}
}

// newMembers are those who come onto a roll with an event: with the case, where another one opened it, or one
// by one.
func newMembers(e *casework.Event) []*casework.Member {
	var out []*casework.Member
	if o := e.Opening; o != nil {
		for i := range o.Members {
			out = append(out, &o.Members[i])
		}
	}
	if e.Joins != nil {
		out = append(out, e.Joins)
	}
	return out
}

// keepKey stores the key of a new member, keyed, so that the page of the case finds it.
func (l *Ledger) keepKey(ctx context.Context, tx *db.Tx, s *stored, e casework.Event) error {
	if e.Sealed != "" {
		return dropMemberKeys(ctx, tx, s.n)
	}
	for _, m := range newMembers(&e) {
		if m.Code == "" || s.c.Sealed != "" {
			continue
		}
		if err := putMemberKey(ctx, tx, l.keyedCode(m.Code), s.n, m.ID); err != nil {
			return err
		}
	}
	return nil
}

// ByMember finds the case and the member that a key of one opens. Holding the key is the right to read the
// case as that member does.
func (r *Reader) ByMember(ctx context.Context, code casework.Code) (c casework.Case, m casework.Member, err error) {
	var id string
	c, err = r.find(ctx, authz.Machine().Scope(), func(tx *db.Tx) (n int64, err error) {
		n, id, err = findMemberKey(ctx, tx, r.keyedCode(code))
		return n, err
	})
	if err != nil {
		return c, m, err
	}
	m, ok := c.Member(id)
	if !ok || m.Left {
		return casework.Case{}, m, ErrNotFound
	}
	m.Code = code // whoever asked has it
	return c, m, nil
}
