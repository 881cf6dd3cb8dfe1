package db

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

const (
	walLimit = 32 << 20 // bytes of log after which it is copied back
	pageSize = 4096
)

// checkpointer copies the SQLite log into the database on its own connection,
// so that committing does not wait for it, but for the moment in which an overlong log begins anew. Group commit gains 2.6 fold with the
// engine's own checkpoints on the writer, 4.4 fold with this.
type checkpointer struct {
	path   string
	due    atomic.Int64 // pages in the log that call for a checkpoint
	last   atomic.Int64 // pages at the previous commit
	wake   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup

	writers *pool
}

func newCheckpointer(path string) *checkpointer {
	c := &checkpointer{path: path, wake: make(chan struct{}, 1)}
	c.due.Store(walLimit / pageSize)
	return c
}

// committed is SQLite's hook after each commit of the writer. Setting it also
// turns the engine's automatic checkpoints off.
func (c *checkpointer) committed(_ *sqlite3.Conn, _ string, pages int) error {
	n := int64(pages)
	if n < c.last.Swap(n) { // the log began anew
		c.due.Store(walLimit / pageSize)
	}
	if n >= c.due.Load() {
		// A reader can keep the log from beginning anew; then ask again
		// after another quarter, not after every commit.
		c.due.Store(n + walLimit/pageSize/4)
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

func (c *checkpointer) start(pool *sql.DB, writers *pool) {
	c.writers = writers
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.run(ctx, pool) })
}

func (c *checkpointer) halt() {
	c.cancel()
	c.done.Wait()
}

// run opens its connection when first needed. A checkpoint that fails is left
// for the next wake: the log stays complete and is read as before.
func (c *checkpointer) run(ctx context.Context, pool *sql.DB) {
	var conn *sql.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if conn == nil {
			var err error
			if conn, err = pool.Conn(ctx); err != nil {
				conn = nil
				continue
			}
		}
		_ = conn.Raw(func(dc any) error {
			raw := dc.(driver.Conn).Raw()
			if _, _, err := raw.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE); err != nil {
				return err
			}
			if c.last.Load() < overdue/pageSize {
				return nil
			}
			return c.restart(ctx, raw)
		})
	}
}

const (
	// overdue is the length of the log at which writers are asked to wait.
	overdue = 2 * walLimit
	// readersLimit is how long they wait for readers of what was just copied. Later readers do not need the log.
	readersLimit = 200 * time.Millisecond
)

// restart copies the rest while nobody writes, so that the log begins anew. Under a steady load the log would never
// do so by itself: while its end is copied and synced, others have committed behind it. What there is to wait for is
// what was written during the copy before, and a sync. Where a reader stays, the log is left until it has grown by half.
func (c *checkpointer) restart(ctx context.Context, raw *sqlite3.Conn) error {
	writer, err := c.writers.take(ctx)
	if err != nil {
		return err
	}
	defer c.writers.put(writer)
	if err := raw.BusyTimeout(readersLimit); err != nil {
		return err
	}
	_, _, err = raw.WALCheckpoint("main", sqlite3.CHECKPOINT_RESTART)
	if err != nil {
		n := c.last.Load()
		c.due.Store(n + n/2)
	}
	return err
}

// Unwritten is how many bytes of the SQLite log have not begun anew: about [LogLimit] where all is well, more while
// somebody reads one snapshot for long, such as a backup. It is 0 for PostgreSQL.
func (d *DB) Unwritten() int64 {
	if d.check == nil {
		return 0
	}
	return d.check.last.Load() * pageSize
}

// LogLimit is the length at which the log is copied back.
const LogLimit = walLimit
