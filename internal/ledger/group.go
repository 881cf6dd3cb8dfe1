package ledger

import (
	"context"
	"errors"
	"strings"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/procedure"
)

// leading finds the case that an act of effect group names. Whoever may not read it is told what they would be told
// if there were none.
func (l *Ledger) leading(ctx context.Context, tx *db.Tx, r *request, s *stored) error {
	a, ok := s.d.Act(r.cmd.Act)
	if !ok || !a.Has(procedure.Group) {
		return nil
	}
	n, err := caseByRef(ctx, tx, strings.ToUpper(strings.TrimSpace(r.cmd.Fields[procedure.FieldLead])))
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	to, err := l.load(ctx, tx, caseID(n))
	if err == nil && to.readable(r.who.Scope()) {
		r.cmd.Lead = to.c.Leading()
	}
	return err
}

// groups lets the cases of a group hear of an event.
func (l *Ledger) groups(ctx context.Context, tx *db.Tx, s *stored, e casework.Event) error {
	for _, cmd := range s.c.TellsGroup(e) {
		err := l.tell(ctx, tx, cmd.Case, cmd, e)
		var no *casework.Refusal
		if errors.As(err, &no) && no.Rule == "case.erased" {
			continue // its record is gone, and with it whom it went with
		}
		if err != nil {
			return err
		}
	}
	return nil
}
