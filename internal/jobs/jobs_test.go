package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
)

var errBroken = errors.New("the gateway is down")

// bench is one database with the jobs table and a table for effects.
type bench struct {
	*testing.T
	d   *db.DB
	set func(time.Time)
}

func each(t *testing.T, run func(b bench)) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		ctx := context.Background()
		if err := jobs.Migrate(ctx, d); err != nil {
			t.Fatal(err)
		}
		b := bench{t, d, set}
		b.must(func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `CREATE TABLE effects (what TEXT NOT NULL)`)
			return err
		})
		run(b)
	})
}

func (b bench) must(fn func(tx *db.Tx) error) {
	b.Helper()
	if err := b.d.Transact(context.Background(), fn); err != nil {
		b.Fatal(err)
	}
}

func (b bench) enqueue(list ...jobs.New) {
	b.Helper()
	b.must(func(tx *db.Tx) error {
		for _, j := range list {
			if err := jobs.Enqueue(tx.Context(), tx, j); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b bench) runner(kinds ...jobs.Kind) *jobs.Runner {
	b.Helper()
	r, err := jobs.NewRunner(b.d, kinds...)
	if err != nil {
		b.Fatal(err)
	}
	r.Backoff = jobs.Backoff(time.Minute, time.Hour, func() float64 { return 1 })
	return r
}

func (b bench) due(r *jobs.Runner, want int) {
	b.Helper()
	if n, err := r.RunDue(context.Background(), 100); err != nil || n != want {
		b.Fatalf("%d jobs ran, want %d (%v)", n, want, err)
	}
}

func (b bench) effects() (list []string) {
	b.Helper()
	err := b.d.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = db.All(tx.Context(), tx, `SELECT what FROM effects ORDER BY what`, nil, func(row db.Scanner) (s string, err error) {
			err = row.Scan(&s)
			return s, err
		})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// effect is a Run whose effect and completion commit together.
func (b bench) effect(ctx context.Context, job jobs.Job) error {
	return b.d.Transact(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO effects (what) VALUES (?1)`, job.Key); err != nil {
			return err
		}
		return jobs.Done(ctx, tx, job)
	})
}

// recorder is a kind that notes the keys of the jobs it ran.
func recorder(name string, keys *[]string) jobs.Kind {
	var mu sync.Mutex
	return jobs.Kind{Name: name, Run: func(_ context.Context, job jobs.Job) error {
		mu.Lock()
		defer mu.Unlock()
		*keys = append(*keys, job.Key)
		return nil
	}}
}

func TestJobs_run_once_in_order_of_prio_then_time(t *testing.T) {
	each(t, func(b bench) {
		var got []string
		r := b.runner(recorder("note", &got))
		at := func(s int) time.Time { return dbtest.Start.Add(time.Duration(s) * time.Second) }
		b.enqueue(
			jobs.New{Kind: "note", Key: "late", RunAt: at(-1), Prio: 5},
			jobs.New{Kind: "note", Key: "early", RunAt: at(-2), Prio: 5},
			jobs.New{Kind: "note", Key: "urgent", RunAt: at(0), Prio: 1},
			jobs.New{Kind: "note", Key: "future", RunAt: at(60), Prio: 0},
			jobs.New{Kind: "unknown here", Key: "foreign"},
		)
		b.due(r, 3)
		b.due(r, 0)
		b.set(at(60))
		b.due(r, 1)
		if want := []string{"urgent", "early", "late", "future"}; !slices.Equal(got, want) {
			t.Errorf("ran %v, want %v", got, want)
		}
	})
}

func TestA_key_is_one_job(t *testing.T) {
	each(t, func(b bench) {
		var got []string
		r := b.runner(recorder("note", &got))
		b.enqueue(jobs.New{Kind: "note", Key: "k"}, jobs.New{Kind: "note", Key: "k"}, jobs.New{Kind: "note"}, jobs.New{Kind: "note"})
		b.due(r, 3)
		b.enqueue(jobs.New{Kind: "note", Key: "k"})
		b.due(r, 0)
		for i, want := range []int64{0, 3} { // done at Start: not before Start, but before the microsecond after
			n, err := r.Purge(context.Background(), dbtest.Start.Add(time.Duration(i)*time.Microsecond))
			if err != nil || n != want {
				t.Errorf("purged %d, want %d (%v)", n, want, err)
			}
		}
		b.enqueue(jobs.New{Kind: "note", Key: "k"})
		b.due(r, 1)
	})
}

func TestA_job_is_stored_with_its_transaction_or_not_at_all(t *testing.T) {
	each(t, func(b bench) {
		var got []string
		r := b.runner(recorder("note", &got))
		err := b.d.Transact(context.Background(), func(tx *db.Tx) error {
			return errors.Join(jobs.Enqueue(tx.Context(), tx, jobs.New{Kind: "note"}), errBroken)
		})
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		b.due(r, 0)
		err = b.d.Transact(context.Background(), func(tx *db.Tx) error {
			return jobs.Enqueue(tx.Context(), tx, jobs.New{Kind: "note", Payload: json.RawMessage("{")})
		})
		if err == nil || !strings.Contains(err.Error(), "not JSON") {
			t.Errorf("got %v", err)
		}
	})
}

func TestA_failing_job_waits_longer_each_time_and_then_is_dead(t *testing.T) {
	each(t, func(b bench) {
		ctx := context.Background()
		broken := true
		var attempts []int
		r := b.runner(jobs.Kind{Name: "send", MaxAttempts: 3, Run: func(_ context.Context, job jobs.Job) error {
			attempts = append(attempts, job.Attempt)
			if !broken {
				return nil
			}
			if job.Attempt == 2 {
				panic("nil gateway")
			}
			return errBroken
		}})
		b.enqueue(jobs.New{Kind: "send", Key: "sms", Payload: json.RawMessage(`{"to":1}`)})
		b.due(r, 1)
		b.set(dbtest.Start.Add(time.Minute - 1*time.Microsecond))
		b.due(r, 0)
		b.set(dbtest.Start.Add(time.Minute))
		b.due(r, 1)
		b.set(dbtest.Start.Add(3*time.Minute - 1*time.Microsecond))
		b.due(r, 0)
		b.set(dbtest.Start.Add(3 * time.Minute))
		b.due(r, 1)
		b.set(dbtest.Start.Add(1000 * time.Hour))
		b.due(r, 0)

		dead, err := r.Dead(ctx)
		if err != nil || len(dead) != 1 || dead[0].Key != "sms" || dead[0].LastError != errBroken.Error() || string(dead[0].Payload) != `{"to":1}` {
			t.Fatalf("dead: %+v %v", dead, err)
		}
		if err := r.Retry(ctx, "nobody"); err == nil {
			t.Error("an unknown job was retried")
		}
		broken = false
		if err := r.Retry(ctx, dead[0].ID); err != nil {
			t.Fatal(err)
		}
		b.due(r, 1)
		if dead, err := r.Dead(ctx); err != nil || len(dead) != 0 {
			t.Errorf("still dead: %+v %v", dead, err)
		}
		if want := []int{1, 2, 3, 1}; !slices.Equal(attempts, want) {
			t.Errorf("attempts %v, want %v", attempts, want)
		}
	})
}

func TestBackoff_doubles_up_to_its_limit(t *testing.T) {
	most := jobs.Backoff(time.Second, 10*time.Second, func() float64 { return 1 })
	least := jobs.Backoff(time.Second, 10*time.Second, func() float64 { return 0 })
	for attempt, want := range []time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 6: 10} {
		if attempt == 0 {
			continue
		}
		want *= time.Second
		if got := most(attempt); got != want {
			t.Errorf("attempt %d waits %v, want %v", attempt, got, want)
		}
		if got := least(attempt); got != want/10 {
			t.Errorf("attempt %d waits at least %v, want %v", attempt, got, want/10)
		}
	}
	if got := most(5000); got != 10*time.Second {
		t.Errorf("a very late attempt waits %v", got)
	}
}

func TestEight_runners_never_share_a_job(t *testing.T) {
	const total, runners = 200, 8
	each(t, func(b bench) {
		var mu sync.Mutex
		ran := map[string]int{}
		kind := jobs.Kind{Name: "count", Run: func(ctx context.Context, job jobs.Job) error {
			mu.Lock()
			defer mu.Unlock()
			ran[job.Key]++
			return nil
		}}
		var list []jobs.New
		for i := range total {
			list = append(list, jobs.New{Kind: "count", Key: fmt.Sprint(i)})
		}
		b.enqueue(list...)
		var wg sync.WaitGroup
		for range runners {
			r := b.runner(kind)
			wg.Go(func() {
				for {
					n, err := r.RunDue(context.Background(), 5)
					if err != nil {
						b.Error(err)
						return
					}
					if n == 0 {
						return
					}
				}
			})
		}
		wg.Wait()
		if len(ran) != total {
			t.Errorf("%d of %d jobs ran", len(ran), total)
		}
		for key, n := range ran {
			if n != 1 {
				t.Errorf("job %s ran %d times", key, n)
			}
		}
	})
}

// What a killed process leaves behind is made by a Run that never lets its
// runner record the end: the commit is intercepted from then on.
func TestA_crash_between_effect_and_finish(t *testing.T) {
	each(t, func(b bench) {
		ctx := context.Background()
		crash := func(stored bool) {
			b.d.InterceptCommit(func(commit func() error) error {
				if stored {
					return errors.Join(commit(), errBroken)
				}
				return errBroken
			})
		}
		for _, step := range []struct {
			name, key      string
			stored, repeat bool
		}{
			{"failed: the job runs again and the effect happens once", "failed", false, true},
			{"failed but stored: the job is done and never runs again", "stored", true, false},
		} {
			b.T.Run(step.name, func(t *testing.T) {
				b.set(dbtest.Start)
				runs := 0
				r := b.runner(jobs.Kind{Name: "effect", Lease: time.Minute, Run: func(ctx context.Context, job jobs.Job) error {
					if runs++; runs == 1 {
						crash(step.stored)
						_ = b.effect(ctx, job)
						b.d.InterceptCommit(func(func() error) error { return errBroken }) // nothing is recorded any more
						return errBroken
					}
					return b.effect(ctx, job)
				}})
				b.enqueue(jobs.New{Kind: "effect", Key: step.key})
				if _, err := r.RunDue(ctx, 1); !errors.Is(err, errBroken) {
					t.Errorf("the runner reports %v", err)
				}
				b.d.InterceptCommit(nil)
				b.due(r, 0) // the lease holds
				b.set(dbtest.Start.Add(time.Minute))
				want := 0
				if step.repeat {
					want = 1
				}
				b.due(r, want)
				b.set(dbtest.Start.Add(time.Hour))
				b.due(r, 0)
				if runs != 1+want {
					t.Errorf("ran %d times", runs)
				}
				if n := count(b.effects(), step.key); n != 1 {
					t.Errorf("the effect happened %d times", n)
				}
			})
		}
	})
}

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

func TestA_run_that_outlives_its_lease_has_no_effect(t *testing.T) {
	each(t, func(b bench) {
		ctx := context.Background()
		var second *jobs.Runner
		first := b.runner(jobs.Kind{Name: "effect", Lease: time.Minute, Run: func(ctx context.Context, job jobs.Job) error {
			b.set(dbtest.Start.Add(time.Minute))
			b.due(second, 1)
			err := b.effect(ctx, job)
			if !errors.Is(err, jobs.ErrLost) {
				b.Errorf("the slow run got %v", err)
			}
			return err
		}})
		second = b.runner(jobs.Kind{Name: "effect", Run: b.effect})
		b.enqueue(jobs.New{Kind: "effect", Key: "once"})
		if _, err := first.RunDue(ctx, 1); err != nil {
			t.Error(err)
		}
		b.set(dbtest.Start.Add(time.Hour))
		b.due(second, 0)
		if got := b.effects(); !slices.Equal(got, []string{"once"}) {
			t.Errorf("effects %v", got)
		}
	})
}

func TestA_moved_or_cancelled_job_is_taken_from_its_run(t *testing.T) {
	each(t, func(b bench) {
		var change func(tx *db.Tx) (bool, error)
		var got error
		r := b.runner(jobs.Kind{Name: "clock", Run: func(ctx context.Context, job jobs.Job) error {
			if change != nil {
				b.must(func(tx *db.Tx) error {
					found, err := change(tx)
					if !found {
						b.Error("the job was not found")
					}
					return err
				})
			}
			got = b.effect(ctx, job)
			return got
		}})
		later := dbtest.Start.Add(time.Hour)
		b.enqueue(jobs.New{Kind: "clock", Key: "c"})
		change = func(tx *db.Tx) (bool, error) { return jobs.Move(tx.Context(), tx, "c", later) }
		b.due(r, 1)
		if !errors.Is(got, jobs.ErrLost) {
			t.Errorf("moved: %v", got)
		}
		b.due(r, 0)
		b.set(later)
		change = func(tx *db.Tx) (bool, error) { return jobs.Cancel(tx.Context(), tx, "c") }
		b.due(r, 1)
		if !errors.Is(got, jobs.ErrLost) {
			t.Errorf("cancelled: %v", got)
		}
		b.due(r, 0)
		change = nil
		b.enqueue(jobs.New{Kind: "clock", Key: "c"})
		b.due(r, 1)
		if got != nil || !slices.Equal(b.effects(), []string{"c"}) {
			t.Errorf("got %v, effects %v", got, b.effects())
		}
		b.must(func(tx *db.Tx) error {
			for _, key := range []string{"c", "nobody"} {
				moved, err := jobs.Move(tx.Context(), tx, key, later)
				cancelled, err2 := jobs.Cancel(tx.Context(), tx, key)
				if moved || cancelled || err != nil || err2 != nil {
					t.Errorf("%s: moved %v, cancelled %v, %v %v", key, moved, cancelled, err, err2)
				}
			}
			return nil
		})
	})
}

func TestA_process_that_dies_in_every_attempt_does_not_try_for_ever(t *testing.T) {
	each(t, func(b bench) {
		ctx := context.Background()
		r := b.runner(jobs.Kind{Name: "crash", MaxAttempts: 2, Lease: time.Minute, Run: func(context.Context, jobs.Job) error {
			b.d.InterceptCommit(func(func() error) error { return errBroken })
			return nil
		}})
		b.enqueue(jobs.New{Kind: "crash"})
		for i := range 2 {
			b.set(dbtest.Start.Add(time.Duration(i) * time.Minute))
			if n, err := r.RunDue(ctx, 1); n != 0 || !errors.Is(err, errBroken) {
				t.Fatalf("%d %v", n, err)
			}
			b.d.InterceptCommit(nil)
		}
		b.set(dbtest.Start.Add(time.Hour))
		b.due(r, 1)
		if dead, err := r.Dead(ctx); err != nil || len(dead) != 1 {
			t.Errorf("dead: %+v %v", dead, err)
		}
	})
}

func TestA_stop_gives_jobs_back_without_counting_the_attempt(t *testing.T) {
	each(t, func(b bench) {
		ctx, cancel := context.WithCancel(context.Background())
		var attempts []int
		r := b.runner(jobs.Kind{Name: "slow", Run: func(ctx context.Context, job jobs.Job) error {
			attempts = append(attempts, job.Attempt)
			cancel()
			return ctx.Err()
		}})
		b.enqueue(jobs.New{Kind: "slow"}, jobs.New{Kind: "slow"})
		if _, err := r.RunDue(ctx, 10); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		b.due(r, 2)
		if !slices.Equal(attempts, []int{1, 1, 1}) {
			t.Errorf("attempts %v", attempts)
		}
	})
}

func TestRun_wakes_on_a_nudge(t *testing.T) {
	each(t, func(b bench) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ran := make(chan string)
		r := b.runner(jobs.Kind{Name: "note", Run: func(_ context.Context, job jobs.Job) error {
			ran <- job.Key
			return nil
		}})
		r.Idle = time.Hour
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(ctx) })
		for _, key := range []string{"one", "two"} {
			b.enqueue(jobs.New{Kind: "note", Key: key})
			r.Nudge()
			if got := <-ran; got != key {
				t.Errorf("ran %s, want %s", got, key)
			}
		}
		cancel()
		wg.Wait()
	})
}

func TestKinds_are_checked(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	ok := jobs.Kind{Name: "a", Run: func(context.Context, jobs.Job) error { return nil }}
	for name, kinds := range map[string][]jobs.Kind{"none": nil, "twice": {ok, ok}, "no name": {{Run: ok.Run}}, "no run": {{Name: "b"}}} {
		if _, err := jobs.NewRunner(d, kinds...); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func Test_a_job_under_way_is_heard_out_when_the_program_ends_but_not_for_ever(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := jobs.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			grace time.Duration
			ends  bool
		}{{time.Minute, true}, {time.Millisecond, false}} {
			ctx, stop := context.WithCancel(t.Context())
			r, err := jobs.NewRunner(d, jobs.Kind{Name: "letter", Run: func(ctx context.Context, _ jobs.Job) error {
				stop()
				if c.ends {
					return ctx.Err()
				}
				<-ctx.Done()
				return ctx.Err()
			}})
			if err != nil {
				t.Fatal(err)
			}
			r.Grace = c.grace
			err = d.Transact(t.Context(), func(tx *db.Tx) error {
				return jobs.Enqueue(t.Context(), tx, jobs.New{Kind: "letter", Key: c.grace.String()})
			})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := r.RunDue(ctx, 1); (n == 1) != c.ends || (err == nil) != c.ends {
				t.Errorf("with %v: %d ended, %v", c.grace, n, err)
			}
		}
		r, err := jobs.NewRunner(d, jobs.Kind{Name: "letter", Run: func(_ context.Context, job jobs.Job) error {
			if job.Attempt != 1 {
				t.Errorf("what was given back counts: attempt %d", job.Attempt)
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.RunDue(t.Context(), 5); n != 1 || err != nil {
			t.Errorf("%d jobs were given back, %v", n, err)
		}
	})
}
