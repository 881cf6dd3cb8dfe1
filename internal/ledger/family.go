package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
)

// number draws keys and numbers for the cases an event opens and for who is put on a roll, before the event is hashed.
func (l *Ledger) number(ctx context.Context, tx *db.Tx, s *stored, e *casework.Event) error {
	for i := range e.Spawn {
		d, err := l.cfg.Definitions.Definition(s.c.Pack, e.Spawn[i].Procedure)
		if err != nil {
			return err
		}
		n, ref, _, err := l.drawRef(ctx, tx, d, e.At, false)
		if err != nil {
			return err
		}
		e.Spawn[i].Case, e.Spawn[i].Ref = caseID(n), ref
	}
	l.drawKey(e)
	return nil
}

// settle stores a case with its new events, and then lets the cases around it hear of them, in the same
// transaction: the ones it opens, the ones it recalls, and the one that opened it. Links between
// procedures make no circle, so this ends.
func (l *Ledger) settle(ctx context.Context, tx *db.Tx, s *stored) error {
	if err := l.save(ctx, tx, s); err != nil {
		return err
	}
	told := s.told
	s.told = nil
	for _, e := range told {
		for _, spawn := range e.Spawn {
			if err := l.openChild(ctx, tx, s, e, spawn); err != nil {
				return err
			}
		}
		for _, id := range e.Recalled {
			if err := l.tell(ctx, tx, id, casework.Command{Case: id, Version: casework.AnyVersion, Recall: true}, e); err != nil {
				return err
			}
		}
		if err := l.groups(ctx, tx, s, e); err != nil {
			return err
		}
		if p := s.c.Parent; e.Final && p != nil {
			end := &casework.Ended{Case: s.c.ID, Outcome: s.c.Outcome}
			if err := l.tell(ctx, tx, p.Case, casework.Command{Case: p.Case, Version: casework.AnyVersion, Ended: end}, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Ledger) openChild(ctx context.Context, tx *db.Tx, s *stored, e casework.Event, spawn casework.Spawn) error {
	d, err := l.cfg.Definitions.Definition(s.c.Pack, spawn.Procedure)
	if err != nil {
		return err
	}
	if d.Compartment != string(l.ring.Compartment()) {
		return fmt.Errorf("ledger: case %s opens one of compartment %s; a case is handed to another compartment by a person, never by an act", s.c.Ref, d.Compartment)
	}
	n, ok := number(spawn.Case)
	if !ok {
		return fmt.Errorf("ledger: case %s opens a case without a number", s.c.Ref)
	}
	cmd := casework.ChildOf(s.c.Private(s.d, l.opening(s.key, s.c.ID, authz.Identity)), spawn)
	cmd.Open.Pack, cmd.Open.Code = s.c.Pack, l.drawCode()
	child := l.blank(d, n)
	return l.carry(ctx, tx, child, cmd, e)
}

// tell brings a command of one case to another one.
func (l *Ledger) tell(ctx context.Context, tx *db.Tx, id casework.CaseID, cmd casework.Command, e casework.Event) error {
	s, err := l.load(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := l.unlock(s); err != nil {
		return err
	}
	return l.carry(ctx, tx, s, cmd, e)
}

// carry decides and stores what one case brings about in another, at the time of the event that did.
func (l *Ledger) carry(ctx context.Context, tx *db.Tx, s *stored, cmd casework.Command, e casework.Event) error {
	cmd.At = e.At
	if cmd.At.Before(s.c.Changed) {
		cmd.At = s.c.Changed // history of one case may be told after the other one has moved on
	}
	events, err := casework.Decide(s.d, s.c, cmd, authz.Machine(), tx.Now)
	if err != nil {
		return err
	}
	for _, next := range events {
		if err := l.append(ctx, tx, s, next); err != nil {
			return err
		}
	}
	return l.settle(ctx, tx, s)
}

// load finds a case by its key, with the law it was opened under.
func (l *Ledger) load(ctx context.Context, tx *db.Tx, id casework.CaseID) (*stored, error) {
	n, ok := number(id)
	if !ok {
		return nil, &casework.Refusal{Rule: "case.unknown"}
	}
	s, err := loadCase(ctx, tx, n)
	if errors.Is(err, db.ErrNoRows) {
		return nil, &casework.Refusal{Rule: "case.unknown"}
	}
	if err != nil {
		return nil, err
	}
	s.shard = l.shard.Load()
	s.d, err = l.cfg.Definitions.Definition(s.c.Pack, s.c.Procedure)
	return s, err
}

// Recount counts the clocks of up to limit cases again whose dates were counted with another version of
// one of the calendars (K9), and reports how many it counted. calendars are written ID@VERSION, as the
// clocks of cases name them; the definitions must hold these very calendars. Cases that fail are
// named in the error and do not keep the others from being counted.
func (l *Ledger) Recount(ctx context.Context, calendars []string, limit int) (int, error) {
	var ids []int64
	err := l.db.View(ctx, func(tx *db.Tx) error {
		ids = nil
		for _, c := range calendars {
			more, err := countedOtherwise(ctx, tx, c, limit-len(ids))
			if err != nil {
				return err
			}
			ids = append(ids, more...)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		return nil
	})
	if err != nil {
		return 0, err
	}
	calls := make([]Call, len(ids))
	for i, n := range ids {
		calls[i] = Call{authz.Machine(), casework.Command{Case: caseID(n), Version: casework.AnyVersion, Recount: true}}
	}
	done := 0
	_, errs := l.DoEach(ctx, calls)
	for i := range errs {
		if errs[i] == nil {
			done++
		} else {
			errs[i] = fmt.Errorf("case %s: %w", caseID(ids[i]), errs[i])
		}
	}
	return done, errors.Join(errs...)
}
