package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
)

// RetentionCount is what a night's retention did for one kind of case of a unit. It is all that is reported:
// numbers of cases, nobody's name.
type RetentionCount struct {
	Unit                  org.UnitID
	Procedure, Class      string
	Erased, Held, Waiting int
}

// Retention says how a run goes about it.
type Retention struct {
	DryRun bool // count what is due and change nothing
	// Archive hands a case over to the archive where its procedure says so, before it is erased. nil: such
	// cases wait.
	Archive func(ctx context.Context, look *Look) error
	// Tell is told now and then how many cases have been looked at; it may be nil.
	Tell func(seen int)
}

// retentionBatch bounds one transaction: nobody at the door waits longer for it.
const retentionBatch = 200

// PurposeArchive is why the machine opens a case it hands to the archive.
const PurposeArchive = "archive"

// Retain erases every closed case whose time is over: as many years after its end as its procedure says,
// and never under an order to hold it. It may be broken off anywhere; the next run goes on.
func (l *Ledger) Retain(ctx context.Context, who authz.Actor, how Retention) ([]RetentionCount, error) {
	if !how.DryRun {
		if err := l.endHolds(ctx); err != nil {
			return nil, err
		}
	}
	run := retention{l: l, who: who, how: how, counts: map[RetentionCount]*RetentionCount{}}
	err := run.walk(ctx)
	out := run.sum()
	if err != nil || how.DryRun {
		return out, err
	}
	if err := l.keepRun(ctx, out); err != nil {
		return out, err
	}
	if err := words.Compact(ctx, l.db); err != nil {
		return out, err
	}
	return out, l.Settle(ctx)
}

type retention struct {
	l      *Ledger
	who    authz.Actor
	how    Retention
	seen   int
	counts map[RetentionCount]*RetentionCount // by unit, procedure and class
}

// walk goes through the closed cases in the order of their end. What was erased leaves the list behind it.
func (r *retention) walk(ctx context.Context) error {
	var closed, n int64
	for {
		var page []endedCase
		var now time.Time
		err := r.l.db.View(ctx, func(tx *db.Tx) (err error) {
			now = tx.Now
			page, err = endedAfter(ctx, tx, closed, n, db.Micros(now), retentionBatch)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		due, err := r.due(page, now)
		if err != nil {
			return err
		}
		if err := r.erase(ctx, due); err != nil {
			return err
		}
		last := page[len(page)-1]
		closed, n = last.closed, last.n
		if r.seen += len(page); r.how.Tell != nil {
			r.how.Tell(r.seen)
		}
	}
}

// dueCase is a case whose time is over.
type dueCase struct {
	endedCase
	d *procedure.Definition
}

func (r *retention) due(page []endedCase, now time.Time) (out []dueCase, err error) {
	for _, e := range page {
		d, err := r.l.cfg.Definitions.Definition(e.pack, e.procedure)
		if err != nil {
			return nil, err
		}
		c := casework.Case{Closed: db.FromMicros(e.closed)}
		if d.Retention.Years > 0 && !now.Before(keptUntil(d, c)) {
			out = append(out, dueCase{e, d})
		}
	}
	return out, nil
}

func (r *retention) count(c dueCase) *RetentionCount {
	key := RetentionCount{Unit: org.UnitID(c.unit), Procedure: c.procedure, Class: c.d.Retention.Class}
	if r.counts[key] == nil {
		mine := key
		r.counts[key] = &mine
	}
	return r.counts[key]
}

func (r *retention) sum() []RetentionCount {
	var out []RetentionCount
	for _, c := range r.counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b RetentionCount) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Procedure, b.Procedure), cmp.Compare(a.Class, b.Class))
	})
	return out
}

func (r *retention) erase(ctx context.Context, due []dueCase) error {
	var now []dueCase
	for _, c := range due {
		switch {
		case c.state == keyHeld:
			r.count(c).Held++
		case c.d.Retention.Then == procedure.ThenArchive && r.how.Archive == nil:
			r.count(c).Waiting++
		case r.how.DryRun:
			r.count(c).Erased++
		default:
			if err := r.hand(ctx, c); err != nil {
				return err
			}
			now = append(now, c)
		}
	}
	if len(now) == 0 {
		return nil
	}
	return r.destroy(ctx, now)
}

// hand hands a case to the archive, if that is what its procedure wants.
func (r *retention) hand(ctx context.Context, c dueCase) error {
	if c.d.Retention.Then != procedure.ThenArchive {
		return nil
	}
	look, err := r.l.Look(ctx, authz.Machine(), Ticket{Case: caseID(c.n), Purpose: PurposeArchive, Level: authz.Identity})
	if err == nil {
		err = r.how.Archive(ctx, look)
	}
	if err != nil {
		return fmt.Errorf("case %s could not be handed to the archive and stays: %w", caseID(c.n), err)
	}
	return nil
}

// destroy erases a batch in one transaction; a case that has come to be held or reopened meanwhile stays.
func (r *retention) destroy(ctx context.Context, due []dueCase) error {
	var done map[int64]string // key by case
	err := r.l.db.Transact(ctx, func(tx *db.Tx) error {
		done = map[int64]string{}
		for _, c := range due {
			law := c.d.Retention.Law
			if law.None() {
				law = c.d.Law
			}
			var e Erasure
			err := tx.Savepoint(ctx, func() (err error) {
				e, err = r.l.erase(ctx, tx, r.who, caseID(c.n), Erasure{Actor: r.who.ID(), Ground: GroundRetention, Law: law}, r.l.erasable)
				return err
			})
			var no *casework.Refusal
			if errors.As(err, &no) {
				continue
			}
			if err != nil {
				return err
			}
			done[c.n] = e.KeyID
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range due {
		if _, ok := done[c.n]; ok {
			r.count(c).Erased++
		} else {
			r.count(c).Held++
		}
	}
	return r.l.list(ctx, erasedListed, slices.Sorted(maps.Values(done)))
}

func (l *Ledger) keepRun(ctx context.Context, counts []RetentionCount) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		for _, c := range counts {
			if err := putRetentionRun(ctx, tx, db.Micros(tx.Now), c); err != nil {
				return err
			}
		}
		return nil
	})
}

// LastRetention is what the last run that found anything did; a zero time if there was none.
func (r *Reader) LastRetention(ctx context.Context) (at time.Time, counts []RetentionCount, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		us, list, err := lastRetentionRun(ctx, tx)
		if us > 0 {
			at = db.FromMicros(us)
		}
		counts = list
		return err
	})
	return at, counts, err
}
