package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"comity/internal/db"
	"comity/internal/trace"
)

// Runner runs due jobs of the kinds it was made with. Its methods may be called
// from several goroutines, and several runners may share a database.
type Runner struct {
	db    *db.DB
	kinds map[string]Kind
	names []string
	nudge chan struct{}

	// Backoff is the wait after a failed attempt (1 for the first). NewRunner
	// sets one from a second to an hour.
	Backoff func(attempt int) time.Duration
	// Idle is the longest that Run sleeps. Jobs that are enqueued wake it (see
	// db.Tx.Ring), those of another process where that can be; so it is how long
	// the jobs of a killed process wait beyond their lease. NewRunner sets 5 s.
	Idle time.Duration
	// Batch is how many jobs Run leases at once. They run one after another,
	// so a killed process holds them for at most the sum of their leases.
	// NewRunner sets 8.
	Batch int
	// Workers is how many leased jobs run at a time; 0 means one after another.
	// Jobs that end in the same store share its commits then.
	Workers int
	// Grace is how long jobs that run may go on when the context ends, before theirs
	// ends too and they are given back. NewRunner sets none.
	Grace time.Duration
	// Log gets one line per job; nil is silent.
	Log *slog.Logger
	// Traces hears how long each job took; nil hears nothing.
	Traces *trace.Tracer

	mu    sync.Mutex
	doubt []string // tokens of claims whose commit nobody answered
}

// maxKinds keeps the list of kinds within the placeholders of one statement.
const maxKinds = 90

// NewRunner makes a runner. The database must have been through [Migrate].
func NewRunner(d *db.DB, kinds ...Kind) (*Runner, error) {
	r := &Runner{db: d, kinds: map[string]Kind{}, nudge: make(chan struct{}, 1), Idle: 5 * time.Second, Batch: 8,
		Backoff: Backoff(time.Second, time.Hour, mathrand.Float64)}
	for _, k := range kinds {
		if k.Name == "" || k.Run == nil {
			return nil, fmt.Errorf("jobs: kind %q needs a name and a Run", k.Name)
		}
		if _, ok := r.kinds[k.Name]; ok {
			return nil, fmt.Errorf("jobs: kind %q is given twice", k.Name)
		}
		r.kinds[k.Name] = k
		r.names = append(r.names, k.Name)
	}
	if len(r.names) == 0 || len(r.names) > maxKinds {
		return nil, fmt.Errorf("jobs: a runner takes 1 to %d kinds, not %d", maxKinds, len(r.names))
	}
	slices.Sort(r.names)
	return r, nil
}

// Nudge wakes [Runner.Run] for another reason than a job that was enqueued, which wakes it by itself.
func (r *Runner) Nudge() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// Run runs jobs until ctx ends. A database that fails is asked again after Idle.
func (r *Runner) Run(ctx context.Context) {
	bell := r.db.Bell(topic)
	defer bell.Close()
	for ctx.Err() == nil {
		n, err := r.RunDue(ctx, r.Batch)
		if err != nil {
			r.log(slog.LevelError, "jobs cannot run", "error", err)
		}
		if err == nil && n > 0 {
			continue
		}
		r.wait(ctx, bell, err == nil)
	}
}

// soonest is how long a runner that found nothing sleeps at least, though something is due: another is taking it just now.
const soonest = 10 * time.Millisecond

// wait sleeps until a job is due, or may be, at most Idle; all of it where the database does not answer.
func (r *Runner) wait(ctx context.Context, bell *db.Bell, well bool) {
	wait, until := r.Idle, time.Time{}
	err := r.db.View(ctx, func(tx *db.Tx) error {
		until = tx.Now.Add(wait)
		next, err := nextDue(ctx, tx, r.names)
		if err == nil && well {
			wait, until = min(wait, max(next.Sub(tx.Now), soonest)), next
		}
		return err
	})
	if err != nil && !errors.Is(err, db.ErrNoRows) && ctx.Err() == nil {
		r.log(slog.LevelError, "the next job cannot be found", "error", err)
	}
	if !well {
		r.pause(ctx, wait)
		return
	}
	bell.Sleep(ctx, wait, until, r.nudge)
}

// pause is for a database that does not answer: nothing that is rung for makes it.
func (r *Runner) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.nudge:
	case <-timer.C:
	}
}

// RunDue leases at most limit due jobs, lowest Prio first and then earliest, and
// runs them in that order. n counts the jobs that were run, well or not. A job
// that fails is no error of RunDue; a database that fails is. When ctx ends, jobs
// not begun, and after Grace those not finished, are given back without counting the attempt.
func (r *Runner) RunDue(ctx context.Context, limit int) (n int, err error) {
	batch, err := r.lease(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("jobs: lease: %w", err)
	}
	var next, done atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, len(batch))
	for range min(max(r.Workers, 1), len(batch)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(batch) {
					return
				}
				if ctx.Err() != nil {
					errs[i] = errors.Join(ctx.Err(), r.release(ctx, batch[i:i+1]))
					continue
				}
				if errs[i] = r.one(ctx, batch[i]); errs[i] == nil {
					done.Add(1)
				}
			}
		})
	}
	wait.Wait()
	return int(done.Load()), errors.Join(errs...)
}

// lease claims a batch. Jobs run one after another, so each lease begins where
// the one before it ends.
func (r *Runner) lease(ctx context.Context, limit int) (batch []Job, err error) {
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	token := rand.Text()
	err = r.db.Take(ctx, func(tx *db.Tx) error {
		batch, err = claim(ctx, tx, token, limit, r.names)
		if err != nil {
			return err
		}
		slices.SortFunc(batch, func(a, b Job) int {
			return cmp.Or(cmp.Compare(a.Prio, b.Prio), a.RunAt.Compare(b.RunAt), cmp.Compare(a.ID, b.ID))
		})
		until := tx.Now
		for _, job := range batch {
			until = until.Add(r.kinds[job.Kind].lease())
			if err := extend(ctx, tx, job, until); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, db.ErrCommitUnknown) {
		r.mu.Lock()
		r.doubt = append(r.doubt, token)
		r.mu.Unlock()
	}
	return batch, err
}

// settle gives back what was claimed when the database went away: nobody runs it, and everybody would wait for the end
// of its lease.
func (r *Runner) settle(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.doubt) > 0 {
		err := r.db.Transact(ctx, func(tx *db.Tx) error { return giveAllBack(ctx, tx, r.doubt[0]) })
		if err != nil {
			return err
		}
		r.doubt = r.doubt[1:]
	}
	return nil
}

// one runs a job and records how it ended.
func (r *Runner) one(ctx context.Context, job Job) error {
	kind := r.kinds[job.Kind]
	ctx, span := r.Traces.Begin(ctx, "job "+job.Kind, slog.Int("attempt", job.Attempt))
	var failure error
	defer func() { span.End(failure) }()
	if job.Attempt > kind.attempts(job) {
		failure = errors.New("no attempt came to an end; last known: " + job.LastError)
	} else {
		longer, stop := lingering(ctx, r.Grace)
		defer stop()
		failure = call(longer, kind, job)
		if failure != nil && longer.Err() != nil {
			return errors.Join(ctx.Err(), r.release(ctx, []Job{job}))
		}
	}
	if failure == nil && kind.Completes {
		r.log(slog.LevelInfo, "job", "kind", job.Kind, "id", job.ID, "attempt", job.Attempt, "error", "")
		return nil
	}
	// What happened is recorded even if ctx ended just now.
	ctx = context.WithoutCancel(ctx)
	err := r.db.Transact(ctx, func(tx *db.Tx) error { return r.record(ctx, tx, job, failure) })
	if err != nil {
		return fmt.Errorf("jobs: recording the end of %s %s: %w", job.Kind, job.Key, err)
	}
	level, text := slog.LevelInfo, ""
	if failure != nil {
		level, text = slog.LevelWarn, brief(failure)
	}
	r.log(level, "job", "kind", job.Kind, "id", job.ID, "attempt", job.Attempt, "error", text)
	return nil
}

// lingering is a context that ends a while after another has.
func lingering(ctx context.Context, by time.Duration) (context.Context, func()) {
	if by <= 0 {
		return ctx, func() {}
	}
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(by):
			cancel()
		}
	})
	return longer, func() { stop(); cancel() }
}

// record changes nothing when the job is not held any more: then it was
// completed by [Done], or is somebody else's.
func (r *Runner) record(ctx context.Context, tx *db.Tx, job Job, failure error) error {
	switch {
	case failure == nil:
		_, err := complete(ctx, tx, job)
		return err
	case job.Attempt >= r.kinds[job.Kind].attempts(job):
		return bury(ctx, tx, job, brief(failure))
	}
	return again(ctx, tx, job, tx.Now.Add(r.Backoff(job.Attempt)), brief(failure))
}

// call is the boundary at which a panic becomes an error: one broken job must not
// end the process that runs the others.
func call(ctx context.Context, kind Kind, job Job) (err error) {
	ctx, cancel := context.WithTimeout(ctx, kind.lease())
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return kind.Run(ctx, job)
}

func (r *Runner) release(ctx context.Context, batch []Job) error {
	ctx = context.WithoutCancel(ctx)
	return r.db.Transact(ctx, func(tx *db.Tx) error {
		for _, job := range batch {
			if err := giveBack(ctx, tx, job); err != nil {
				return err
			}
		}
		return nil
	})
}

// Dead lists the jobs that failed at every attempt, earliest first.
func (r *Runner) Dead(ctx context.Context) (dead []Job, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		dead, err = listDead(ctx, tx)
		return err
	})
	return dead, err
}

// CountDead tells how many jobs failed at every attempt.
func (r *Runner) CountDead(ctx context.Context) (n int64, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		n, err = countDead(ctx, tx)
		return err
	})
	return n, err
}

// Unfinished tells of every job of a kind that is not done: the dead ones first, then those that wait, in the order
// in which they are taken. It reads in pages, so that a queue that has grown long is not held in memory.
func Unfinished(ctx context.Context, d *db.DB, kind string, each func(job Job, dead bool) error) error {
	for _, dead := range []bool{true, false} {
		var last Job
		for {
			var page []Job
			err := d.View(ctx, func(tx *db.Tx) (err error) {
				page, err = listUnfinished(ctx, tx, kind, dead, last)
				return err
			})
			if err != nil {
				return err
			}
			for _, job := range page {
				if err := each(job, dead); err != nil {
					return err
				}
				last = job
			}
			if len(page) == 0 {
				break
			}
		}
	}
	return nil
}

// Retry makes a dead job due now, with all its attempts.
func (r *Runner) Retry(ctx context.Context, id string) error {
	err := r.db.Transact(ctx, func(tx *db.Tx) error {
		found, err := revive(ctx, tx, id)
		if err == nil && !found {
			err = fmt.Errorf("jobs: there is no dead job %q", id)
		}
		return err
	})
	if err == nil {
		r.Nudge()
	}
	return err
}

// Purge forgets jobs that were done before an instant, and with them their keys.
func (r *Runner) Purge(ctx context.Context, before time.Time) (n int64, err error) {
	err = r.db.Transact(ctx, func(tx *db.Tx) error {
		n, err = purge(ctx, tx, before)
		return err
	})
	return n, err
}

func (r *Runner) log(level slog.Level, msg string, args ...any) {
	if r.Log != nil {
		r.Log.Log(context.Background(), level, msg, args...)
	}
}

// brief keeps an error readable in a list.
func brief(err error) string {
	const most = 300
	text := []rune(err.Error())
	return string(text[:min(len(text), most)])
}
