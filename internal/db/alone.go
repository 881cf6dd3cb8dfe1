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
		return d.once(ctx, d.writers, begin, "", fn)
	}
	if try > unlucky {
		return d.byItself(ctx, begin, fn)
	}
	return d.once(ctx, d.writers, begin, amongOthers, fn)
}

// byItself holds the turn in a transaction of its own, on another connection: the one that is run must not begin, and so
// see the state of things, before it has the turn. A transaction that lasts long, as of a migration, is not waited for.
func (d *DB) byItself(ctx context.Context, begin string, fn func(*Tx) error) (again bool, err error) {
	if ctx.Value(nestKey{}) == d {
		return false, ErrNested
	}
	d.lonely.Lock()
	defer d.lonely.Unlock()
	turn, err := d.readers.begin(ctx, "BEGIN")
	if err != nil {
		return false, err
	}
	defer func() {
		turn.rollback()
		d.readers.release(turn)
	}()
	among := ""
	for _, q := range toBeAlone {
		if err := turn.control(ctx, q); err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			among = amongOthers
			break
		}
	}
	return d.once(ctx, d.writers, begin, among, fn)
}
