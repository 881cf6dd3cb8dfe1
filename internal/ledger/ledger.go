// Package ledger is the one door: every change of a case, from the web, the API, an import or a
// timer, is one call of Do, and every list or page is read through Reader.
//
// Tables: cases (folded state), events (what happened, chained by hash), worklist (a row per unit
// that may list a case), notable (what became late or at risk, by unit), timers (running clocks),
// idempotency, counters, packs; case_keys, looks; erasures, holds, key_care and what serves them. The life of a change: Do puts the command in line; the writer takes
// what stands in line into one transaction with one now, a savepoint for each command; the case is
// read, casework.Decide decides, the events are stored with their hashes, the rows follow, notices
// become jobs; after the commit the caller gets a Receipt.
//
// It refuses to know a programme, to change or delete an event, and to answer before the commit.
//
// Open this file first, then do.go; erase.go, hold.go, retention.go and care.go are about keys; public.go
// is what a city shows to anybody; all SQL is in store.go and read.go's statements in store_read.go.
package ledger

import (
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/trace"
	"comity/internal/translog"
	"comity/internal/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// ErrNotFound says that there is no such case within the reader's scope.
var ErrNotFound = errors.New("ledger: no such case")

// ErrClosed says that the ledger has been closed.
var ErrClosed = errors.New("ledger: closed")

// Definitions finds the procedure a case was opened under. pack.Registry is one.
type Definitions interface {
	Definition(pack, procedure string) (*procedure.Definition, error)
}

// Config is what a Ledger needs beside the database.
type Config struct {
	Definitions Definitions
	// Opens names the pack digest and procedure for a category of a new case.
	Opens func(category string) (pack string, procedure string, ok bool)
	// Officer tells whether the account may be given a case of the unit. nil accepts any.
	Officer func(ctx context.Context, tx *db.Tx, unit org.UnitID, officer string) (bool, error)
	// Notify stores a job for a notice, in the same transaction. nil sends nothing.
	Notify func(ctx context.Context, tx *db.Tx, n Order) error
	// Purpose says whether whoever is entitled in this way may be shown a case for this purpose. nil takes any.
	Purpose func(c casework.Case, purpose string, ground authz.Ground) bool
	// Project lets programmes keep rows of their own beside every event, in the same transaction: the case as
	// the event leaves it, and the event in clear. A *casework.Refusal undoes the command; it may only say no
	// to what people ask for, since a clock cannot be told to wait. nil keeps nothing.
	Project func(ctx context.Context, tx *db.Tx, c casework.Case, e casework.Event) error
	// Owes says whether something about a closed case is still to be sent: it is not put under seal before.
	// nil owes nothing.
	Owes func(ctx context.Context, tx *db.Tx, id casework.CaseID) (bool, error)
	// Forget takes away what other rooms keep of a case that is put under seal. nil: there are none.
	Forget func(ctx context.Context, tx *db.Tx, id casework.CaseID, ref casework.Ref) error
	// Erased takes away what other rooms keep of a case whose words are destroyed. nil: there are none.
	Erased func(ctx context.Context, tx *db.Tx, id casework.CaseID) error
	// Alarm stores the job for a message about a look in an emergency. nil sends nothing.
	Alarm func(ctx context.Context, tx *db.Tx, a Alarm) error
	// Random fills b with random bytes, for numbers and codes.
	Random func(b []byte)
	// Remove takes the bytes of a stored file away; an absent one is no error. nil leaves them.
	Remove func(name string) error
	// Still leaves rows of older versions as they are: for who makes the tables a move fills, or only looks.
	Still bool
	// Filling opens a database that is to be filled for measurements, or half is: every other ledger refuses that one.
	Filling bool
	// Ring holds the keys of the compartment whose cases these are.
	Ring *vault.Ring
	Log  *slog.Logger
}

// Order is one notice to be sent: which event of which case ordered it.
type Order struct {
	Case  casework.CaseID
	Seq   int
	N     int
	Key   string // names the notice for ever; a second one with the same key is the same notice
	RunAt time.Time
}

// Receipt is what an accepted command leaves in the actor's hand.
type Receipt struct {
	Case     casework.CaseID
	Ref      casework.Ref
	Code     casework.Code
	Seq      int
	Hash     string // of the last event, hex
	Replayed bool   // the same command with the same key had been accepted before
}

// Ledger is the door. It is safe for concurrent use.
type Ledger struct {
	keeper
	db       *db.DB
	cfg      Config
	line     chan *request
	closed   chan struct{}
	done     sync.WaitGroup
	once     sync.Once
	entering sync.RWMutex
	shard    atomic.Int64 // see the table tallies
	refs     refs
	taken    map[int64]bool // keys of cases that the present batch has drawn; the writer's
	stats    Stats
	mu       sync.Mutex
}

// Stats counts what went through the door since start.
type Stats struct {
	Commands, Refused, Batches int64
	// Retries are transactions of the whole database that were run again because of others at the same time.
	Retries int64
}

// Open migrates the tables and starts the writer.
func Open(ctx context.Context, d *db.DB, cfg Config) (*Ledger, error) {
	if cfg.Ring == nil {
		return nil, errors.New("ledger: there is no key ring to seal cases with")
	}
	if err := Migrate(ctx, d); err != nil {
		return nil, err
	}
	if err := d.Transact(ctx, func(tx *db.Tx) error { return words.Create(ctx, tx) }); err != nil {
		return nil, fmt.Errorf("ledger: search index: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := whole(ctx, d, cfg); err != nil {
		return nil, err
	}
	l := &Ledger{keeper: keeper{cfg.Ring, shortLists{fewCases, rareCases}}, db: d, cfg: cfg, refs: refs{db: d}, line: make(chan *request, 1024), closed: make(chan struct{})}
	if cfg.Random != nil {
		l.move()
	}
	if !cfg.Still {
		if err := errors.Join(l.keyCodes(ctx), l.fillSubjects(ctx)); err != nil {
			return nil, err
		}
	}
	l.done.Go(l.write)
	return l, nil
}

// Migrate brings the tables of the ledger and of its log to this program's version.
func Migrate(ctx context.Context, d *db.DB) error {
	return errors.Join(migrate(ctx, d), migrateInvariants(ctx, d), translog.Migrate(ctx, d))
}

func migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "ledger", sub)
}

// keyCodes keys the follow codes of a database that is older than keys, a page at a time.
func (l *Ledger) keyCodes(ctx context.Context) error {
	for {
		n := 0
		err := l.db.Transact(ctx, func(tx *db.Tx) (err error) {
			n, err = l.clearCodes(ctx, tx)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// Close lets what stands in line finish and stops the writer. Later calls get ErrClosed.
func (l *Ledger) Close() {
	l.once.Do(func() {
		l.entering.Lock()
		close(l.closed)
		l.entering.Unlock()
	})
	l.done.Wait()
}

// Stats tells what went through the door.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Retries = l.db.Retries()
	return s
}

// Do carries out one command, or refuses it with a *casework.Refusal. When it returns a Receipt, the
// change is on disk.
func (l *Ledger) Do(ctx context.Context, who authz.Actor, cmd casework.Command) (Receipt, error) {
	return l.DoWith(ctx, who, cmd, nil)
}

// DoWith is Do with something more stored in the very same step: the end of a job, a message. When
// then fails, the command has not happened.
func (l *Ledger) DoWith(ctx context.Context, who authz.Actor, cmd casework.Command, then func(*db.Tx, Receipt) error) (Receipt, error) {
	return l.submit(&request{ctx: ctx, who: who, cmd: cmd, then: then})()
}

// Call is one command by one actor.
type Call struct {
	Who authz.Actor
	Cmd casework.Command
}

// DoEach carries out many commands in their order, in as few transactions as the line allows: for
// imports and simulations. Receipts and errors are in the order of the calls; one refusal does not
// stop the others.
func (l *Ledger) DoEach(ctx context.Context, calls []Call) ([]Receipt, []error) {
	waits := make([]func() (Receipt, error), len(calls))
	for i, c := range calls {
		waits[i] = l.submit(&request{ctx: ctx, who: c.Who, cmd: c.Cmd})
	}
	receipts, errs := make([]Receipt, len(calls)), make([]error, len(calls))
	for i, wait := range waits {
		receipts[i], errs[i] = wait()
	}
	return receipts, errs
}

// DoAll is DoEach for one actor.
func (l *Ledger) DoAll(ctx context.Context, who authz.Actor, cmds []casework.Command) ([]Receipt, []error) {
	calls := make([]Call, len(cmds))
	for i, cmd := range cmds {
		calls[i] = Call{who, cmd}
	}
	return l.DoEach(ctx, calls)
}

// submit puts a request in line and returns how to wait for its answer. Once in line the command may
// happen whatever the caller does, so the wait does not end before the answer is known.
func (l *Ledger) submit(r *request) func() (Receipt, error) {
	r.answer = make(chan result, 1)
	r.begin()
	l.entering.RLock() // Close waits for whoever is at the door, so nobody is left in line
	defer l.entering.RUnlock()
	fail := func(err error) func() (Receipt, error) {
		r.steps.over(err)
		return func() (Receipt, error) { return Receipt{}, err }
	}
	select {
	case <-l.closed:
		return fail(ErrClosed)
	default:
	}
	select {
	case l.line <- r:
	case <-r.ctx.Done():
		return fail(r.ctx.Err())
	}
	return func() (Receipt, error) {
		a := <-r.answer
		r.steps.over(a.err)
		return a.receipt, a.err
	}
}

// probes begins the names of the counters that [Ledger.Probe] moves on, one for each shard, so that nodes do not meet.
const probes = "probe "

// Probe says whether something can be stored: it goes through the whole line and writes a row of its own. A disk that is
// full or read only answers everything else that changes nothing.
func (l *Ledger) Probe(ctx context.Context) error {
	_, err := l.submit(&request{ctx: ctx, probe: true})()
	return err
}

type request struct {
	ctx    context.Context
	who    authz.Actor
	cmd    casework.Command
	then   func(*db.Tx, Receipt) error
	look   *Ticket // instead of a command
	seen   *Look   // where the answer to a look goes
	asked  bool    // the look was asked for by the person the case belongs to
	probe  bool    // nothing but a sign that it can be written
	answer chan result
	steps  steps

	trusting bool     // the command is taken to be new and its number to be free, see attempt
	drawn    numbered // what a new case was numbered with
}

type result struct {
	receipt Receipt
	err     error
	drawn   numbered // what the new case was numbered with
}

// maxBatch bounds one transaction, so that nobody waits behind a thousand others' commit.
const maxBatch = 256

// write is the single writer. It never lingers: what stands in line when it is free is one batch,
// which grows by itself under load.
func (l *Ledger) write() {
	for {
		var batch []*request
		select {
		case r := <-l.line:
			batch = append(batch, r)
		case <-l.closed:
			select {
			case r := <-l.line:
				batch = append(batch, r)
			default:
				return
			}
		}
		for len(batch) < maxBatch {
			select {
			case r := <-l.line:
				batch = append(batch, r)
				continue
			default:
			}
			break
		}
		l.commit(batch)
	}
}

func (l *Ledger) commit(batch []*request) {
	ctx := context.Background() // a caller who gives up must not undo its neighbours
	results := make([]result, len(batch))
	for _, r := range batch {
		r.steps.taken()
	}
	tries := 0
	err := l.db.Transact(ctx, func(tx *db.Tx) error {
		if tries++; tries > 1 {
			l.move()
			l.refs.back(results)
		}
		l.taken = map[int64]bool{}
		for i, r := range batch {
			if r.ctx.Err() != nil {
				results[i] = result{err: r.ctx.Err()}
				continue
			}
			_, step := trace.Step(r.ctx, "ledger.carry_out", slog.Int("batch", len(batch)))
			results[i] = l.attempt(ctx, tx, r)
			step.End(broken(results[i].err))
			if tries == 1 && tx.Engine() == db.Postgres && db.IsUnique(results[i].err) { // a node stored it after we began
				return fmt.Errorf("%w (%w)", db.ErrAgain, results[i].err)
			}
		}
		for _, r := range batch {
			r.steps.stored(r.ctx)
		}
		return nil
	})
	if err != nil && !errors.Is(err, db.ErrCommitUnknown) {
		l.refs.back(results)
	}
	var refused int64
	for i := range batch {
		switch {
		case errors.Is(err, db.ErrCommitUnknown): // asked again under its key, the answer is true
			results[i] = result{err: fmt.Errorf("ledger: nobody knows whether the change was stored: %w", err)}
		case err != nil:
			results[i] = result{err: fmt.Errorf("ledger: the change was not stored: %w", err)}
		}
		var no *casework.Refusal
		if errors.As(results[i].err, &no) {
			refused++
			results[i] = result{err: no}
		}
	}
	l.mu.Lock() // counted before anybody hears of it: whoever asks next sees it
	l.stats.Commands += int64(len(batch))
	l.stats.Refused += refused
	l.stats.Batches++
	l.mu.Unlock()
	for i, r := range batch {
		r.answer <- results[i]
	}
}

// attempt carries out one request of a batch. On PostgreSQL, where other nodes write at the same time, it trusts at
// first that the command is new and that the number of a new case is free. The keys of the tables know better, and
// then it begins anew and looks: to look first, at the very place where all others write, would be a conflict between
// any two batches (decision 0045). So what is refused was looked at, and what was done before is found.
func (l *Ledger) attempt(ctx context.Context, tx *db.Tx, r *request) result {
	if tx.Engine() == db.Postgres && r.look == nil && (r.cmd.Key != "" || r.cmd.Open != nil) {
		trusting := *r
		trusting.trusting = true
		a := l.step(ctx, tx, &trusting)
		var no *casework.Refusal
		if a.err == nil || r.cmd.Key == "" && errors.As(a.err, &no) {
			return a
		}
	}
	try := *r // carrying out fills the command in, and a transaction may be run again
	return l.step(ctx, tx, &try)
}

// step carries a request out in a savepoint of its own.
func (l *Ledger) step(ctx context.Context, tx *db.Tx, r *request) (a result) {
	a.err = tx.Savepoint(ctx, func() (err error) {
		switch {
		case r.look != nil:
			return l.look(ctx, tx, r)
		case r.probe:
			_, err := next(ctx, tx, probes+strconv.FormatInt(l.shard.Load(), 10), 1)
			return err
		}
		a.receipt, err = l.one(ctx, tx, r)
		return err
	})
	a.drawn = r.drawn
	if a.err != nil {
		l.refs.give(&a)
	}
	return a
}

// move chooses the rows in which this node counts. Two nodes that chose the same disturb each other, and part by it.
func (l *Ledger) move() {
	if l.cfg.Random == nil {
		return
	}
	var b [1]byte
	l.cfg.Random(b[:])
	l.shard.Store(int64(b[0] % 16))
}

// number is the stored key behind a CaseID.
func number(id casework.CaseID) (int64, bool) {
	n, err := strconv.ParseInt(string(id), 36, 64)
	return n, err == nil && n > 0
}

func caseID(n int64) casework.CaseID { return casework.CaseID(strconv.FormatInt(n, 36)) }

func hexOf(b []byte) string { return hex.EncodeToString(b) }
