package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"
)

// Tx is one transaction. It is not safe for concurrent use and ends with the
// function it was given to.
type Tx struct {
	// Now is the one timestamp of this transaction, in UTC and whole
	// microseconds. A retried transaction gets a new one.
	Now time.Time

	d       *DB
	s       *session
	ctx     context.Context
	failed  error                // first failure that is not undone by a savepoint
	reading bool                 // a Query is being read
	depth   int                  // open savepoints
	rings   map[string]time.Time // whom to wake after the commit, see Ring
}

// Engine tells which engine the transaction runs on. Only a store that hands SQL
// to the other engine's own features should need it.
func (tx *Tx) Engine() Engine { return tx.d.engine }

// Context is the caller's context, marked so that a transaction begun with it
// fails with [ErrNested] instead of waiting for itself.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Exec runs one statement and returns how many rows it changed.
func (tx *Tx) Exec(ctx context.Context, q string, args ...any) (rows int64, err error) {
	st, args, err := tx.statement(ctx, q, args)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, tx.fail(q, err)
	}
	return res.RowsAffected()
}

// Send is Exec for who does not ask how many rows it changed. On SQLite the
// statement runs at once. On PostgreSQL it waits, and is sent together with the
// next statement that has an answer, or at the end of the savepoint or of the
// transaction: a row of them costs one trip over the network. The order stays, and
// every later statement sees the effect.
//
// What it has to report may therefore come late, but never strays: a failure is
// that of the savepoint (or transaction) in which Send was called. There, the next
// statement fails with it, and so does the savepoint, whatever fn makes of the
// error. Whoever wants to act on a failure alone, as on one that [IsUnique]
// recognises, wraps Send in a savepoint or calls Exec.
func (tx *Tx) Send(ctx context.Context, q string, args ...any) error {
	st, args, err := tx.statement(ctx, q, args)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return tx.fail(q, err)
	}
	if _, err := st.ExecContext(unanswered(ctx), args...); err != nil {
		return tx.fail(q, err)
	}
	return nil
}

// ByArguments has what follows in this transaction planned for its arguments. PostgreSQL otherwise plans a statement that
// has come often once and for all, for arguments it does not look at; SQLite always does so, and needs nothing.
func (tx *Tx) ByArguments(ctx context.Context) error {
	if tx.d.engine == SQLite {
		return nil
	}
	return tx.Send(ctx, `SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`)
}

// settle sends what waits in the part of the transaction that ends, or is left, here.
func (tx *Tx) settle(ctx context.Context) error {
	if tx.failed != nil || !tx.s.ahead.steps() {
		return nil
	}
	if err := tx.s.flush(ctx); err != nil {
		return tx.fail("BEGIN", err)
	}
	return nil
}

// Savepoint runs fn as one step inside the transaction: when fn returns an error
// or panics, or a statement in it failed, everything it changed is undone and the
// transaction goes on. The error is returned as it is.
func (tx *Tx) Savepoint(ctx context.Context, fn func() error) (err error) {
	if err := tx.usable(); err != nil {
		return err
	}
	if err := tx.settle(ctx); err != nil { // not this step's failure
		return err
	}
	name := fmt.Sprintf("sp%d", tx.depth+1)
	from := tx.s.ahead.end()
	if err := tx.s.later(ctx, "SAVEPOINT "+name); err != nil {
		return tx.fail("SAVEPOINT", err)
	}
	tx.depth++
	finished := false
	defer func() {
		tx.depth--
		if !finished {
			_ = tx.undo(ctx, name, from)
		}
	}()
	err = fn()
	finished = true
	if err == nil {
		err = tx.failed
	}
	if err == nil {
		err = tx.keep(ctx, name, from)
	}
	if err != nil {
		return errors.Join(err, tx.undo(ctx, name, from))
	}
	return nil
}

// keep ends a savepoint that went well, and learns whether what was sent in it did.
func (tx *Tx) keep(ctx context.Context, name string, from place) error {
	if tx.s.ahead.holds(from) && !tx.s.ahead.steps() {
		tx.s.ahead.drop(from) // nothing was done in it
		return nil
	}
	if !tx.s.ahead.steps() {
		ctx = context.WithoutCancel(ctx)
	}
	if err := tx.s.control(ctx, "RELEASE SAVEPOINT "+name); err != nil {
		return tx.fail("RELEASE SAVEPOINT", err)
	}
	return nil
}

// undo returns to a savepoint and forgets the failure, unless the failure asks
// for the whole transaction to be run again. What still waits was never done.
func (tx *Tx) undo(ctx context.Context, name string, from place) error {
	sent := !tx.s.ahead.holds(from)
	tx.s.ahead.drop(from)
	if sent {
		ctx = context.WithoutCancel(ctx)
		err := tx.s.later(ctx, "ROLLBACK TO SAVEPOINT "+name)
		if err == nil {
			err = tx.s.control(ctx, "RELEASE SAVEPOINT "+name)
		}
		if err != nil {
			return tx.fail("ROLLBACK TO SAVEPOINT", err)
		}
	}
	if !retryable(tx.failed) {
		tx.failed = nil
	}
	return nil
}

// Scanner is one row.
type Scanner interface{ Scan(dest ...any) error }

// Query returns the rows of q, each turned into a T by scan. The first error ends
// the sequence. No other statement may run on tx until the loop ends.
func Query[T any](ctx context.Context, tx *Tx, q string, args []any, scan func(Scanner) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := tx.query(ctx, q, args)
		if err != nil {
			yield(zero, err)
			return
		}
		defer func() {
			tx.reading = false
			if err := rows.Close(); err != nil { // rows nobody read may hide the answer that all must be run again
				_ = tx.fail(q, err)
			}
		}()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				yield(zero, fmt.Errorf("db: scan: %w in %s", err, brief(q)))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, tx.fail(q, err))
		}
	}
}

// All collects [Query]. No rows give a nil slice.
func All[T any](ctx context.Context, tx *Tx, q string, args []any, scan func(Scanner) (T, error)) ([]T, error) {
	var all []T
	for v, err := range Query(ctx, tx, q, args, scan) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// One returns the first row of q, or [ErrNoRows].
func One[T any](ctx context.Context, tx *Tx, q string, args []any, scan func(Scanner) (T, error)) (T, error) {
	for v, err := range Query(ctx, tx, q, args, scan) {
		return v, err
	}
	var zero T
	return zero, ErrNoRows
}

func (tx *Tx) query(ctx context.Context, q string, args []any) (*sql.Rows, error) {
	st, args, err := tx.statement(ctx, q, args)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, tx.fail(q, err)
	}
	tx.reading = true
	return rows, nil
}

func (tx *Tx) statement(ctx context.Context, q string, args []any) (*statement, []any, error) {
	if err := tx.usable(); err != nil {
		return nil, nil, err
	}
	st, err := tx.s.prepare(ctx, q)
	if err != nil {
		return nil, nil, tx.fail(q, err)
	}
	if st.params != len(args) {
		return nil, nil, fmt.Errorf("db: %d arguments for %d placeholders in %s", len(args), st.params, brief(q))
	}
	args, err = plain(args)
	if err != nil {
		return nil, nil, fmt.Errorf("db: %w in %s", err, brief(q))
	}
	if tx.d.trace != nil {
		tx.d.trace(q, args)
	}
	return st, args, nil
}

func (tx *Tx) usable() error {
	switch {
	case tx.s == nil:
		return errors.New("db: the transaction has ended")
	case tx.reading:
		return errors.New("db: a query is still being read; finish its loop (or use All) before the next statement")
	case tx.failed != nil:
		return fmt.Errorf("db: the transaction has failed already: %w", tx.failed)
	}
	return nil
}

func (tx *Tx) fail(q string, err error) error {
	if early, ok := errors.AsType[*earlyError](err); ok {
		q = early.text
	}
	err = fmt.Errorf("db: %w in %s", onDisk(err), brief(q))
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

func (tx *Tx) mayCommit(ctx context.Context) error {
	_ = tx.settle(ctx) // a failure is kept
	if tx.failed != nil {
		return fmt.Errorf("db: not committed, a statement failed (use Savepoint for a step that may fail): %w", tx.failed)
	}
	return ctx.Err()
}

// plain brings arguments to what both drivers take alike: flags become 0 and 1.
func plain(args []any) ([]any, error) {
	var out []any
	for i, a := range args {
		v := a
		if _, ok := a.(time.Time); ok {
			return nil, fmt.Errorf("argument %d is a time.Time, pass db.Micros(t)", i+1)
		}
		if r := reflect.ValueOf(a); r.Kind() == reflect.Bool {
			v = int64(0)
			if r.Bool() {
				v = int64(1)
			}
			if out == nil {
				out = append([]any(nil), args...)
			}
			out[i] = v
		}
	}
	if out == nil {
		return args, nil
	}
	return out, nil
}

// brief is the beginning of a statement on one line. Arguments never enter an
// error: they may be what a resident wrote.
func brief(q string) string {
	const most = 160
	q = strings.Join(strings.Fields(q), " ")
	if r := []rune(q); len(r) > most {
		q = string(r[:most]) + "…"
	}
	return "[" + q + "]"
}

func scanInt(row Scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}
