// Package jobs is the durable queue: work to do soon (send a notice) and timers
// (a statutory clock is due) are rows of one table.
//
// The life of a job: [Enqueue] writes it in the transaction of the change that
// needs it, so neither exists without the other. A [Runner] leases a batch of due
// jobs and calls the [Kind]'s Run. A job that ends well is done; one that fails
// runs again after a growing wait; after its last attempt it is dead, stays
// visible in [Runner.Dead] and waits for a person to [Runner.Retry] it. A runner
// that is killed keeps its jobs only until the lease ends.
//
// So a job may run twice. A Run whose effect is in the database calls [Done] in
// the same transaction as the effect; then the effect happens exactly once. A Run
// whose effect is outside (an SMS) needs a receiver that recognises repeats; the
// job's Key serves as the name of the attempt.
//
// Keys make enqueueing idempotent: a key names one job for as long as its row is
// kept, also after it is done.
//
// It refuses: payloads that are no JSON, kinds nobody registered (their jobs stay
// in the table), recurring jobs (let the run enqueue the next one).
//
// Open jobs.go first, then runner.go; SQL is in store.go only.
package jobs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"comity/internal/db"
)

// ErrLost says that a job is no longer held by this run: its lease ended and
// another run took it, or it was moved or cancelled meanwhile. The transaction
// that gets it must not commit.
var ErrLost = errors.New("jobs: the job is no longer held by this run")

// New is a job to enqueue.
type New struct {
	Kind string
	// Key makes the job unique: a second job with the same key is not stored.
	// Empty gives each job a key of its own.
	Key string
	// Payload is what Run needs, as JSON; nil is stored as null. Never put
	// what a resident wrote here; refer to it.
	Payload json.RawMessage
	// RunAt is when the job is due; zero means at once.
	RunAt time.Time
	// Prio orders due jobs, lower first. Equal ones go by RunAt.
	Prio int
	// MaxAttempts overrides the kind's when positive.
	MaxAttempts int
}

// Job is a stored job. While it runs it carries the proof of its lease.
type Job struct {
	ID          string
	Kind        string
	Key         string
	Payload     json.RawMessage
	RunAt       time.Time
	Prio        int
	Attempt     int // 1 for the first run; counts runs that never returned, too
	MaxAttempts int // 0: the kind's
	LastError   string

	token string
}

// Kind is what a runner knows about one sort of job.
type Kind struct {
	Name string
	// Run does the work. A nil error completes the job, unless [Done] has
	// done so already. Its context ends with the lease.
	Run func(ctx context.Context, job Job) error
	// Completes says that a Run without an error has always called [Done], so
	// that nothing is left to record.
	Completes bool
	// MaxAttempts until the job is dead; 0 means 10.
	MaxAttempts int
	// Lease is how long one run may take before the job is given to another;
	// 0 means one minute.
	Lease time.Duration
}

const (
	defaultAttempts = 10
	defaultLease    = time.Minute
)

func (k Kind) attempts(j Job) int {
	switch {
	case j.MaxAttempts > 0:
		return j.MaxAttempts
	case k.MaxAttempts > 0:
		return k.MaxAttempts
	}
	return defaultAttempts
}

func (k Kind) lease() time.Duration {
	if k.Lease > 0 {
		return k.Lease
	}
	return defaultLease
}

// Enqueue stores a job in the caller's transaction. A key that exists is no error
// and changes nothing; use [Move] to reschedule.
func Enqueue(ctx context.Context, tx *db.Tx, job New) error {
	if job.Kind == "" {
		return errors.New("jobs: enqueue: Kind is empty")
	}
	if job.Payload == nil {
		job.Payload = json.RawMessage("null")
	}
	if !json.Valid(job.Payload) {
		return fmt.Errorf("jobs: enqueue %s: the payload is not JSON", job.Kind)
	}
	if job.RunAt.IsZero() {
		job.RunAt = tx.Now
	}
	id := rand.Text()
	if job.Key == "" {
		job.Key = id
	}
	return insert(ctx, tx, id, job)
}

// Move reschedules the pending job with this key and takes it away from a run in
// progress, whose [Done] then fails. It reports whether there was one.
func Move(ctx context.Context, tx *db.Tx, key string, runAt time.Time) (moved bool, err error) {
	return reschedule(ctx, tx, key, runAt)
}

// Cancel removes the job with this key unless it is done, also from a run in
// progress, whose [Done] then fails. It reports whether there was one. The key
// may be enqueued again.
func Cancel(ctx context.Context, tx *db.Tx, key string) (cancelled bool, err error) {
	return remove(ctx, tx, key)
}

// Done completes a running job in the transaction that holds its effect, so that
// both are stored or neither. [ErrLost] means that the effect is not ours to have:
// return it, so that the transaction rolls back.
func Done(ctx context.Context, tx *db.Tx, job Job) error {
	held, err := complete(ctx, tx, job)
	if err == nil && !held {
		err = fmt.Errorf("%w (%s %s)", ErrLost, job.Kind, job.Key)
	}
	return err
}

// Backoff is the usual wait before another attempt: first, doubled each time, at
// most most, of which a random tenth to a whole is taken so that jobs that failed
// together do not come back together. random gives numbers in [0,1).
func Backoff(first, most time.Duration, random func() float64) func(attempt int) time.Duration {
	return func(attempt int) time.Duration {
		wait := math.Min(float64(first)*math.Pow(2, float64(attempt-1)), float64(most))
		return time.Duration(wait * (0.1 + 0.9*random()))
	}
}

// Waiting says whether a job is still to be done whose key begins with a prefix; it ends in a colon.
func Waiting(ctx context.Context, tx *db.Tx, prefix string) (bool, error) {
	return waiting(ctx, tx, prefix)
}

// Forget removes every job whose key begins with a prefix, done or not; it ends in a colon.
func Forget(ctx context.Context, tx *db.Tx, prefix string) error { return forget(ctx, tx, prefix) }

// Revive makes a dead job due now, with all its attempts; one that is not dead stays as it is.
func Revive(ctx context.Context, tx *db.Tx, id string) error {
	_, err := revive(ctx, tx, id)
	return err
}

// Held says by [ErrLost] that a job is no longer held by this run. A Run whose effect is outside asks in the
// transaction in which it writes down that it begins.
func Held(ctx context.Context, tx *db.Tx, job Job) error {
	held, err := touch(ctx, tx, job)
	if err == nil && !held {
		err = fmt.Errorf("%w (%s %s)", ErrLost, job.Kind, job.Key)
	}
	return err
}
