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
	var nodes [2]*db.DB
	for i := range nodes {
		d, err := db.Open(t.Context(), at, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		nodes[i] = d
	}
	ctx := context.Background()
	transact(t, nodes[0], func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE sums (sum BIGINT NOT NULL)`)
		return err
	})
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
