package mediation

import (
	"context"
	"maps"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/pack"
)

// wish is a session as somebody wants it.
type wish struct {
	Begins, Ends time.Time
	Room         Room // zero: none of ours
	Place        string
	Mode         string
	More         map[string]string // the other answers of the act that calls it
	Off          map[string]string // answers of the act that takes the old time away
}

// place is what the event says about where.
func (x wish) place() string {
	if x.Room.ID != 0 {
		return x.Room.Label()
	}
	return x.Place
}

// seen is the session as the page showed it; zero: none.
type seen struct {
	ID      int64
	Version int
}

// booking calls or moves one session.
type booking struct {
	*service
	p    *pack.Pack // the case's
	who  authz.Actor
	c    casework.Case
	key  string
	seen seen
}

func (b *booking) fields(x wish) map[string]string {
	out := maps.Clone(x.More)
	if out == nil {
		out = map[string]string{}
	}
	call := b.p.Mediation.Call
	out[call.On] = x.Begins.In(b.p.Zone).Format(time.DateOnly)
	out[call.At] = atOf(x.Begins, x.Ends, b.p.Zone)
	out[call.Where], out[call.Mode] = x.place(), x.Mode
	return out
}

func (b *booking) command(act, key string, fields map[string]string) casework.Command {
	return casework.Command{Case: b.c.ID, Version: casework.AnyVersion, Key: key, Act: act, Fields: fields}
}

// call does the act that calls a session; its row is stored in the same transaction, or neither is.
func (b *booking) call(ctx context.Context, x wish) error {
	cmd := b.command(b.p.Mediation.Call.Act, b.key, b.fields(x))
	_, err := b.Ledger.DoWith(ctx, b.who, cmd, func(tx *db.Tx, _ ledger.Receipt) error {
		now, has, err := liveSession(ctx, tx, b.c.ID)
		if err != nil {
			return err
		}
		// The row is what the event says; a room that was renamed meanwhile is not the one that was chosen.
		if !has || now.State != Called || now.Room != x.Room.ID {
			return refuse("mediation.changed")
		}
		return nil
	})
	return err
}

// move gives a called session another time. Where the pack has an act that takes the old time away first, that
// act keeps the new time for the second step: if it is not free, the session stays as it was.
func (b *booking) move(ctx context.Context, x wish) error {
	off := b.p.Mediation.PutOff
	if off == "" {
		return b.call(ctx, x)
	}
	cmd := b.command(off, b.key+"-off", x.Off)
	_, err := b.Ledger.DoWith(ctx, b.who, cmd, func(tx *db.Tx, _ ledger.Receipt) error { return b.reserve(ctx, tx, x) })
	if err != nil {
		return err
	}
	if err := b.call(ctx, x); err != nil {
		if back := b.release(ctx); back != nil {
			return back
		}
		return err
	}
	return nil
}

// reserve keeps the new time. Of two officers who move one session, the second has seen a session that is not
// there any more, and is refused with everything undone.
func (b *booking) reserve(ctx context.Context, tx *db.Tx, x wish) error {
	s, has, err := liveSession(ctx, tx, b.c.ID)
	if err != nil {
		return err
	}
	if !has || s.State != PutOff || s.ID != b.seen.ID || s.Version != b.seen.Version+1 {
		return refuse("mediation.moved")
	}
	s.State, s.Begins, s.Ends, s.Room, s.Place, s.Mode = Reserved, x.Begins, x.Ends, x.Room.ID, x.place(), x.Mode
	other, mediator, taken, err := clash(ctx, tx, s)
	if err != nil {
		return err
	}
	if taken {
		return inTheWay(other, mediator, b.p.Zone)
	}
	if err := noticed(b.p, tx.Now, x.Begins, x.More); err != nil {
		return err
	}
	_, err = putSession(ctx, tx, s)
	return err
}

// release lets go of a time that was kept and could not be called.
func (b *booking) release(ctx context.Context) error {
	return b.DB.Transact(ctx, func(tx *db.Tx) error {
		s, has, err := liveSession(ctx, tx, b.c.ID)
		if err != nil || !has || s.State != Reserved {
			return err
		}
		s.State = PutOff
		_, err = putSession(ctx, tx, s)
		return err
	})
}
