// Package db opens the database and runs transactions in it. It is the only
// package that imports database/sql and the drivers; everyone else writes SQL
// text in a store.go file and hands it to a [Tx].
//
// One text serves SQLite and PostgreSQL. Placeholders are written ?1 ?2 …;
// migrations are written as SQLite STRICT tables and respelled for PostgreSQL
// (see [DB.Migrate]). What remains different lives in dialect.go, the drivers
// themselves in drivers.go.
//
// The same program means the same on both engines, therefore the stricter
// habit of either is enforced on both:
//   - a transaction whose statement failed cannot commit, unless the failure
//     happened inside [Tx.Savepoint];
//   - no statement runs while a [Query] is still being read;
//   - every placeholder 1…n is used, and there are exactly n arguments;
//   - an argument is never a time.Time: pass [Micros].
//
// What a transaction writes goes to PostgreSQL in few trips where it is sent by
// [Tx.Send] (docs/decisions/0045-what-nobody-waits-for.md).
//
// Left to the writer of a query: write CAST(x AS BIGINT), because INTEGER is
// narrower in PostgreSQL; avoid LIKE, which ignores case in SQLite only.
//
// It refuses: transactions inside transactions, unnumbered placeholders, a
// database written by a newer program, an applied migration that was edited.
//
// Open db.go first, then tx.go; what happens when a PostgreSQL server goes away is in
// reach.go; migrate.go, search.go and bigram.go stand apart, and so do bell.go and
// listen.go (who sleeps is woken) and take.go (work is chosen among rivals).
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"comity/internal/trace"
)

// Engine names the database engine behind a [DB].
type Engine string

// The two engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// ErrNoRows says that [One] found nothing.
var ErrNoRows = errors.New("db: no such row")

// ErrNested says that a transaction was asked for inside a transaction.
var ErrNested = errors.New("db: a transaction cannot begin inside another; hand the *Tx down instead")

// ErrBusy says that no connection became free in time.
var ErrBusy = errors.New("db: no connection became free")

// ErrClosed says that the database was closed.
var ErrClosed = errors.New("db: closed")

// ErrDisk says that the disk below an embedded database takes nothing: nothing was stored, reading goes on.
var ErrDisk = errors.New("db: the disk does not take what is written; is it full, or read only? Nothing was stored")

// ErrCommitUnknown says that the connection broke while committing: the
// transaction is either stored entirely or not at all, and the caller must look.
var ErrCommitUnknown = errors.New("db: the connection broke while committing; the change may or may not be stored")

// ErrAgain, returned by the function of [DB.Transact], has it run again as after a serialization failure: for who
// has met, as a row that is there already, what this transaction does not see yet.
var ErrAgain = errors.New("db: to be run again")

const (
	// acquireLimit bounds the wait for a connection. It turns a transaction
	// begun inside a transaction with a foreign context, which would wait
	// for ever on the single SQLite writer, into an error.
	acquireLimit = 60 * time.Second
	// closeLimit bounds how long Close waits for running transactions.
	closeLimit = 30 * time.Second
	// controlLimit bounds COMMIT and ROLLBACK, which ignore cancellation so
	// that their outcome is known.
	controlLimit = 30 * time.Second

	firstWait = 2 * time.Millisecond
	maxTries  = 12
	maxLosses = 3 // of connections during one transaction, which may be what ends them
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine  Engine
	now     func() time.Time
	sql     *sql.DB
	writers *pool
	readers *pool
	stop    func() // ends the checkpoint goroutine; no-op for PostgreSQL
	commit  func(commit func() error) error
	reading bool // nothing is ever written
	retries atomic.Int64
	bells   bells
	lonely  chan struct{}   // holds something while somebody runs by itself
	check   *checkpointer   // of SQLite
	config  *pgx.ConnConfig // of PostgreSQL, for Listen
	trace   func(q string, args []any)
	plan    *Plan // migrations are listed and not applied
	known   known // the migrations of this program
}

// Open opens "sqlite:/path/file.db" (or a plain path) or "postgres://…";
// "sqlite-volatile:/path/file.db" does not wait for the disk, for data that can be
// made again. A
// missing SQLite file is created with mode 0600, its folder with 0700. now is
// the clock from which every transaction takes its [Tx.Now]. No error text
// contains a password.
func Open(ctx context.Context, dsn string, now func() time.Time) (*DB, error) {
	if now == nil {
		return nil, errors.New("db: open: a clock is needed")
	}
	d, err := openEngine(ctx, dsn, now)
	if err != nil {
		return nil, fmt.Errorf("db: open: %w", err)
	}
	if err := d.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("db: open: %w", WithoutPassword(err, dsn)), d.Close())
	}
	return d, nil
}

// OpenReading is Open for who only looks, as at a database that is being moved: [DB.Transact] cannot write either,
// takes no lock others wait for, and [DB.Migrate] refuses where something would be left to apply.
func OpenReading(ctx context.Context, dsn string, now func() time.Time) (*DB, error) {
	d, err := Open(ctx, dsn, now)
	if err == nil {
		d.reading, d.writers = true, d.readers
	}
	return d, err
}

// OpenOn is Open of a SQLite file on a file system of the driver that was registered under a name: for tests in which
// a disk fails. See package faultdisk.
func OpenOn(ctx context.Context, disk, dsn string, now func() time.Time) (*DB, error) {
	file, lite := FileOf(dsn)
	if !lite {
		return nil, errors.New("db: open: only a SQLite file can be put on another file system")
	}
	return openSQLite(ctx, file, disk, "FULL", now)
}

// Engine tells which engine this is.
func (d *DB) Engine() Engine { return d.engine }

// Ping asks the database one trivial question.
func (d *DB) Ping(ctx context.Context) error {
	return d.View(ctx, func(tx *Tx) error {
		_, err := One(ctx, tx, `SELECT 1`, nil, scanInt)
		return err
	})
}

// Close waits for running transactions (at most 30 s), closes statements, then
// connections. The database cannot be used afterwards.
func (d *DB) Close() error {
	d.stop()
	return errors.Join(d.writers.close(), d.readers.close(), d.sql.Close())
}

// Transact runs fn in a read-write transaction and commits when fn returns nil.
// An error or a panic of fn rolls back; the panic goes on. On PostgreSQL a
// serialization failure, a deadlock or a connection lost before the commit rolls
// back and runs fn again after a doubling wait, so fn must have no effect outside
// the transaction. Isolation is
// serializable on both engines. Who was unlucky six times runs while others wait. On SQLite transactions stand in line for the one
// writer connection.
//
// A call with a context taken from [Tx.Context] fails with [ErrNested].
func (d *DB) Transact(ctx context.Context, fn func(*Tx) error) error {
	return d.transact(ctx, d.begin(), fn)
}

func (d *DB) transact(ctx context.Context, begin string, fn func(*Tx) error) error {
	ctx, span := trace.Step(ctx, "db.transact", slog.String("db.system.name", string(d.engine)))
	wait, before := firstWait, d.writers.reach.era()
	for try := 1; ; try++ {
		again, err := d.tried(ctx, begin, try, fn)
		if err == nil || !again || try == maxTries || try > maxLosses && d.writers.reach.era()-before > maxLosses {
			span.Set(slog.Int("tries", try))
			span.End(err)
			return err
		}
		// The random part keeps two rivals from meeting again in step.
		if err := sleep(ctx, wait+rand.N(wait)); err != nil {
			span.End(err)
			return err
		}
		wait *= 2
		d.retries.Add(1)
	}
}

// Retries tells how many transactions were run again since the start, because of others that ran at the same time.
func (d *DB) Retries() int64 { return d.retries.Load() }

func (d *DB) begin() string {
	if d.reading {
		return beginRead(d.engine)
	}
	return beginWrite(d.engine)
}

// View runs fn against a read-only snapshot. Writing fails.
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error {
	ctx, span := trace.Step(ctx, "db.view", slog.String("db.system.name", string(d.engine)))
	_, err := d.once(ctx, d.readers, beginRead(d.engine), nil, fn)
	span.End(err)
	return err
}

// InterceptCommit lets a test stand between a finished transaction and its
// commit: hook may refuse (nothing is stored), or call commit and then report a
// failure all the same (stored, but the caller is told otherwise). nil removes
// the hook. Call it only while no transaction runs.
func (d *DB) InterceptCommit(hook func(commit func() error) error) { d.commit = hook }

// once is one try of a transaction; again says that another may succeed.
// first, where it is given, comes when it has its place and before it sees anything.
func (d *DB) once(ctx context.Context, from *pool, begin string, first func(*session) error, fn func(*Tx) error) (again bool, err error) {
	if ctx.Value(nestKey{}) == d {
		return false, ErrNested
	}
	s, err := from.begin(ctx, begin)
	if err != nil {
		return false, err
	}
	if first != nil {
		if err := first(s); err != nil {
			s.rollback()
			from.release(s)
			return false, err
		}
	}
	tx := &Tx{Now: d.now().UTC().Truncate(time.Microsecond), d: d, s: s}
	tx.ctx = context.WithValue(ctx, nestKey{}, d)
	finished := false
	defer func() {
		if !finished { // fn panicked, or called runtime.Goexit
			s.rollback()
		}
		tx.s = nil
		from.release(s)
	}()
	err = fn(tx)
	finished = true
	if err == nil {
		err = tx.mayCommit(ctx)
	}
	if err != nil {
		gone := ctx.Err() == nil && (s.dead() || notPrimary(err) || notPrimary(tx.failed))
		s.rollback()
		if gone { // nothing was stored, and a new connection may find the primary
			s.broken = true
			from.reach.lost()
		}
		return gone || retryable(err) || retryable(tx.failed), err
	}
	commit := s.commit
	if d.commit != nil && from == d.writers {
		commit = func() error { return d.commit(s.commit) }
	}
	if err := commit(); err != nil {
		if errors.Is(err, ErrCommitUnknown) { // it may be stored
			d.bells.committed(tx.rings)
		}
		s.rollback()
		if errors.Is(err, ErrCommitUnknown) {
			from.reach.lost()
			return false, err
		}
		return retryable(err), err
	}
	d.bells.committed(tx.rings)
	return false, nil
}

type nestKey struct{}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Micros is an instant as it is stored: microseconds since 1970 UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros is the inverse of [Micros], in UTC.
func FromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// MicrosOrNone is an instant as it is stored where there may be none: the zero time is 0.
func MicrosOrNone(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return Micros(t)
}

// FromMicrosOrNone is the inverse of [MicrosOrNone].
func FromMicrosOrNone(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return FromMicros(us)
}

// Flag is a truth as it is stored: 1 or 0.
func Flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ScanID reads a row of one number.
func ScanID(row Scanner) (id int64, err error) { return id, row.Scan(&id) }
