package db

import "context"

// PostgreSQL lets serializable transactions run beside each other and has one of them begin again when they could not
// have run one after the other. It judges by pages of tables and indexes, so that in a young city, whose tables have few
// pages, two nodes at work meet nearly every time, and whoever is unlucky often enough would be told that nothing was
// stored. Therefore whoever was unlucky some times waits until the others are done, and they wait for it once (decision 52).

// unlucky is how often a transaction is run among others before it runs alone.
const unlucky = 6

// tried is one try of a transaction that writes.
func (d *DB) tried(ctx context.Context, begin string, try int, fn func(*Tx) error) (again bool, err error) {
	if d.engine != Postgres || begin != beginWrite(d.engine) {
		return d.once(ctx, d.writers, begin, nil, fn)
	}
	if try > unlucky {
		return d.byItself(ctx, begin, fn)
	}
	return d.once(ctx, d.writers, begin, func(s *session) error { return s.later(ctx, amongOthers) }, fn)
}

// byItself holds the turn in a transaction of its own, on another connection: the one that is run must not see the state
// of things before it has the turn. It has its place among the writers by then, since those who wait for the end of the
// turn keep all others. A transaction that lasts long, as of a migration, is not waited for.
func (d *DB) byItself(ctx context.Context, begin string, fn func(*Tx) error) (again bool, err error) {
	if ctx.Value(nestKey{}) == d {
		return false, ErrNested
	}
	select {
	case d.lonely <- struct{}{}:
		defer func() { <-d.lonely }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	var turn *session
	defer func() {
		if turn != nil {
			turn.rollback()
			d.readers.release(turn)
		}
	}()
	return d.once(ctx, d.writers, begin, func(s *session) (err error) {
		if turn, err = d.readers.begin(ctx, "BEGIN"); err != nil {
			return err
		}
		for _, q := range toBeAlone {
			if err := turn.control(ctx, q); err != nil {
				if ctx.Err() != nil {
					return err
				}
				return s.later(ctx, amongOthers)
			}
		}
		return nil
	}, fn)
}
