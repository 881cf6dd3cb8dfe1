package db

import "context"

// Take is [DB.Transact] for a short transaction that chooses rows which rivals choose from too, such as jobs, with
// [Tx.SkipLocked]. On PostgreSQL each statement sees what was committed before it, so that rivals take different rows
// at once; a serializable transaction would make all but one of them begin again. fn must be right whatever others
// commit between its statements: it changes only rows it has just taken.
func (d *DB) Take(ctx context.Context, fn func(*Tx) error) error {
	begin := d.begin()
	if !d.reading {
		begin = beginTake(d.engine)
	}
	return d.transact(ctx, begin, fn)
}

// SkipLocked ends a SELECT inside [DB.Take]: the rows are this transaction's, and those that another holds are passed
// over. SQLite has one writer and needs nothing.
func (tx *Tx) SkipLocked() string { return skipLocked(tx.d.engine) }
