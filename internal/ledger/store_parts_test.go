package ledger_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
)

// A move to SQLite needs the number of each event to be its own.
func Test_events_keep_numbers_of_their_own_while_they_come_into_parts(t *testing.T) {
	ctx, dsn := t.Context(), dbtest.Postgres(t)
	d, other := node(t, dsn), node(t, dsn)
	newCity(t, d)
	number := func(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) }
	write := func(seq int64) {
		t.Helper()
		err := d.Transact(ctx, func(tx *db.Tx) error {
			_, err := db.One(ctx, tx, `INSERT INTO events (n, seq, kind, at, hash, doc) VALUES (1, ?1, 'k', 0, '', '') RETURNING id`, []any{seq}, number)
			// The commit comes when somebody waits for the table, or after a while.
			var waits int64
			for end := time.Now().Add(300 * time.Millisecond); waits == 0 && err == nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
				waits, err = db.One(ctx, tx, `SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass('events')`, nil, number)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	parted := make(chan struct{})
	var seq atomic.Int64
	var working sync.WaitGroup
	for range 3 { // there is always one that is under way
		working.Go(func() {
			for !t.Failed() {
				select {
				case <-parted:
					return
				default:
					write(seq.Add(1))
				}
			}
		})
	}
	if err := ledger.Partition(ctx, other); err != nil {
		t.Error(err)
	}
	close(parted)
	working.Wait()
	write(seq.Add(1))
	twice, err := func() (n int64, err error) {
		err = d.View(ctx, func(tx *db.Tx) error {
			n, err = db.One(ctx, tx, `SELECT COUNT(*) - COUNT(DISTINCT id) FROM events`, nil, number)
			return err
		})
		return n, err
	}()
	if err != nil || twice != 0 {
		t.Errorf("%d events have the number of another, %v", twice, err)
	}
}
