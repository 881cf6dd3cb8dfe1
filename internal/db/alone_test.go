package db_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// A rival of another node reads and writes what the transaction reads and writes, and is done first, each time. Only one
// of them can have run, as often as this one begins again.
func Test_whoever_is_in_the_way_of_others_again_and_again_runs_while_they_wait(t *testing.T) {
	at := dbtest.Postgres(t)
	nodes := nodesWithSums(t, at)
	ctx := context.Background()
	var rivals sync.WaitGroup
	tries := 0
	err := nodes[0].Transact(ctx, func(tx *db.Tx) error {
		tries++
		n, err := sum(tx)
		if err != nil {
			return err
		}
		over := make(chan error, 1)
		rivals.Go(func() { over <- nodes[1].Transact(ctx, addUp) })
		select {
		case err := <-over:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Second): // it waits
		}
		_, err = tx.Exec(ctx, `INSERT INTO sums (sum) VALUES (?1)`, n)
		return err
	})
	rivals.Wait()
	if err != nil || tries < 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if nodes[0].Retries() != int64(tries-1) {
		t.Errorf("%d further tries are counted, %d were made", nodes[0].Retries(), tries-1)
	}
}

func nodesWithSums(t *testing.T, at string) (nodes [2]*db.DB) {
	t.Helper()
	for i := range nodes {
		d, err := db.Open(t.Context(), at, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		nodes[i] = d
	}
	transact(t, nodes[0], func(tx *db.Tx) error {
		_, err := tx.Exec(tx.Context(), `CREATE TABLE sums (sum BIGINT NOT NULL)`)
		return err
	})
	return nodes
}

func Test_a_node_that_falls_silent_while_it_runs_alone_does_not_stop_the_others(t *testing.T) {
	nodes := nodesWithSums(t, dbtest.Postgres(t))
	t.Cleanup(db.HasteTurn())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tries := 0
	err := nodes[0].Transact(ctx, func(tx *db.Tx) error {
		if tries++; tries <= db.Unlucky {
			return db.ErrAgain
		}
		return nodes[1].Transact(ctx, addUp)
	})
	if err != nil {
		t.Error(err)
	}
}

func sum(tx *db.Tx) (int64, error) {
	return db.One(tx.Context(), tx, `SELECT COUNT(*) FROM sums`, nil, number)
}

// addUp adds a row that says how many there were.
func addUp(tx *db.Tx) error {
	n, err := sum(tx)
	if err == nil {
		_, err = tx.Exec(tx.Context(), `INSERT INTO sums (sum) VALUES (?1)`, n)
	}
	return err
}

// Those who come while it waits for its turn take every place that becomes free, and keep it until the turn is over.
func Test_whoever_runs_alone_does_not_wait_for_those_who_wait_for_it(t *testing.T) {
	d := nodesWithSums(t, dbtest.Postgres(t))[0]
	var others sync.WaitGroup
	work := func(do func()) {
		others.Go(func() {
			if err := d.Transact(context.Background(), func(tx *db.Tx) error {
				_, err := sum(tx)
				do()
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // else the server ends the turn after thirty
	defer cancel()
	tries := 0
	err := d.Transact(ctx, func(tx *db.Tx) error {
		if tries++; tries > db.Unlucky {
			return nil
		}
		if tries == db.Unlucky { // all places but ours are taken
			in, out := make(chan bool, db.Places), make(chan bool)
			for range db.Places - 1 {
				work(func() { in <- true; <-out })
			}
			for range db.Places - 1 {
				<-in
			}
			others.Go(func() {
				defer close(out)
				for range 100 {
					if waits, err := waiting(d); err != nil || waits > 0 {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				for range 2 * db.Places {
					work(func() {})
				}
				time.Sleep(100 * time.Millisecond) // they stand in line
			})
		}
		return db.ErrAgain
	})
	if err != nil || tries != db.Unlucky+1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	others.Wait()
}

func waiting(d *db.DB) (n int64, err error) {
	err = d.View(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.One(tx.Context(), tx, `SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted`, nil, number)
		return err
	})
	return n, err
}
