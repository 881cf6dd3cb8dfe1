package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
)

// nodes opens one database as several processes would, each with connections of its own and one clock for all.
func nodes(t testing.TB, address string, n int) (list []*db.DB, set func(time.Time)) {
	t.Helper()
	now, set := dbtest.Clock(t)
	for range n {
		d, err := db.Open(context.Background(), address, now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		list = append(list, d)
	}
	if err := jobs.Migrate(context.Background(), list[0]); err != nil {
		t.Fatal(err)
	}
	return list, set
}

// enqueue stores many jobs, some in each transaction.
func enqueue(t testing.TB, d *db.DB, n int) {
	t.Helper()
	for from := 0; from < n; from += 500 {
		err := d.Transact(context.Background(), func(tx *db.Tx) error {
			for i := from; i < min(from+500, n); i++ {
				if err := jobs.Enqueue(tx.Context(), tx, jobs.New{Kind: "count", Key: fmt.Sprint(i)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func Test_four_nodes_share_the_jobs_and_one_that_dies_leaves_its_own_to_the_others(t *testing.T) {
	const total, dead = 2000, 3
	b := bench{T: t}
	list, set := nodes(t, dbtest.Postgres(t), 4)
	b.d = list[0]
	b.must(func(tx *db.Tx) error {
		_, err := tx.Exec(tx.Context(), `CREATE TABLE effects (what TEXT NOT NULL)`)
		return err
	})
	enqueue(t, list[0], total)

	var together sync.WaitGroup // every node has jobs in its hands at the same time
	together.Add(len(list))
	dies, lost := make(chan struct{}), atomic.Int64{}
	ran := make([]atomic.Int64, len(list))
	var work, last sync.WaitGroup
	for i, d := range list {
		var first sync.Once
		r, err := jobs.NewRunner(d, jobs.Kind{Name: "count", Completes: true, Run: func(ctx context.Context, job jobs.Job) error {
			first.Do(func() { together.Done(); together.Wait() })
			if i == dead {
				<-dies // and with it everything it holds
			}
			err := bench{T: t, d: d}.effect(context.WithoutCancel(ctx), job)
			if errors.Is(err, jobs.ErrLost) {
				lost.Add(1)
				return nil
			}
			ran[i].Add(1)
			return err
		}})
		if err != nil {
			t.Fatal(err)
		}
		if i == dead {
			last.Go(func() { r.RunDue(context.Background(), r.Batch) })
			continue
		}
		work.Go(func() {
			for {
				if n, err := r.RunDue(context.Background(), r.Batch); err != nil || n == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	work.Wait()
	if got := len(b.effects()); got != total-8 {
		t.Errorf("%d jobs were done, want all but the 8 of the dead node", got)
	}
	set(dbtest.Start.Add(time.Hour)) // its leases have run out
	r, err := jobs.NewRunner(list[0], jobs.Kind{Name: "count", Completes: true, Run: bench{T: t, d: list[0]}.effect})
	if err != nil {
		t.Fatal(err)
	}
	b.due(r, 8)
	close(dies) // it was not dead after all, but slow
	last.Wait()
	if lost.Load() != 8 {
		t.Errorf("%d late effects were refused, want 8", lost.Load())
	}
	seen := map[string]int{}
	for _, key := range b.effects() {
		seen[key]++
	}
	for i := range total {
		if n := seen[fmt.Sprint(i)]; n != 1 {
			t.Errorf("job %d had its effect %d times", i, n)
		}
	}
	for i := range list[:dead] {
		if ran[i].Load() < 8 {
			t.Errorf("node %d had %d jobs: another took all", i, ran[i].Load())
		}
	}
}

func Test_a_job_that_one_node_enqueues_wakes_the_runners_of_others(t *testing.T) {
	list, _ := nodes(t, dbtest.Postgres(t), 2)
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	ran := make(chan string, 1)
	r, err := jobs.NewRunner(list[1], jobs.Kind{Name: "count", Run: func(_ context.Context, job jobs.Job) error {
		ran <- job.Key
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.Idle = 24 * time.Hour
	for _, d := range list {
		work.Go(func() { d.Listen(ctx, slog.New(slog.DiscardHandler)) })
	}
	defer work.Wait()
	defer stop()
	for !list[0].Listening().Up || !list[1].Listening().Up {
		time.Sleep(5 * time.Millisecond)
	}
	work.Go(func() { r.Run(ctx) })
	for range 3 {
		enqueue(t, list[0], 1)
		if key := <-ran; key != "0" {
			t.Errorf("job %s ran", key)
		}
		for { // its end is recorded after it ran
			n, err := r.Purge(ctx, dbtest.Start.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// A claim costs the same whether a handful is due or a whole night's work; steps of the machine do not depend on the day.
func Test_a_claim_costs_the_same_among_many_due_jobs_as_among_few(t *testing.T) {
	steps := map[int]int64{}
	for _, due := range []int{100, 4000} {
		d := dbtest.OpenSQLite(t)
		if err := jobs.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		enqueue(t, d, due)
		r, err := jobs.NewRunner(d, jobs.Kind{Name: "count", Run: func(context.Context, jobs.Job) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		d.Spent()
		for range 3 {
			if n, err := r.RunDue(t.Context(), 8); n != 8 || err != nil {
				t.Fatal(n, err)
			}
		}
		for _, s := range d.Spent() {
			steps[due] += s.Steps
		}
	}
	if steps[4000] > steps[100]*11/10 {
		t.Errorf("steps by number of due jobs: %v", steps)
	}
}

// BenchmarkFourNodes is jobs that four nodes run and record, on one PostgreSQL.
func BenchmarkFourNodes(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		list, _ := nodes(b, dbtest.Postgres(b), 4)
		enqueue(b, list[0], 2000)
		b.StartTimer()
		var work sync.WaitGroup
		for _, d := range list {
			r, err := jobs.NewRunner(d, jobs.Kind{Name: "count", Run: func(context.Context, jobs.Job) error { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			work.Go(func() {
				for {
					if n, err := r.RunDue(context.Background(), 8); err != nil {
						b.Log(err)
					} else if n == 0 {
						return
					}
				}
			})
		}
		work.Wait()
	}
}
