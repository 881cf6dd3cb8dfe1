// Package dbtest gives tests a database: every store test runs on SQLite, and on
// PostgreSQL where a server can be had.
//
// COMITY_TEST_POSTGRES names a server (postgres://…, a user who may create
// databases). Without it one temporary server is started per test binary from
// the installed programs, and removed when the process ends, however it ends.
// Where neither is possible the PostgreSQL half is skipped, except in CI, where
// it fails.
//
// Open dbtest.go first; server.go starts and ends the temporary server.
package dbtest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"comity/internal/db"
)

// Each runs one test on both engines, each time with an empty database and a
// clock that stands at [Start] until moved.
func Each(t *testing.T, run func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachAt(t, func(t *testing.T, d *db.DB, _ func(time.Time)) { run(t, d) })
}

// EachAt is [Each] with a way to set the database's clock.
func EachAt(t *testing.T, run func(t *testing.T, d *db.DB, set func(time.Time))) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		now, set := Clock(t)
		run(t, open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), now), set)
	})
	t.Run("postgres", func(t *testing.T) {
		now, set := Clock(t)
		run(t, open(t, postgresDatabase(t), now), set)
	})
}

// EachAddress is [Each] for what opens several databases by itself: address gives that of another empty
// database each time it is asked.
func EachAddress(t *testing.T, run func(t *testing.T, address func() string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		run(t, func() string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		run(t, func() string { return postgresDatabase(t) })
	})
}

// OpenSQLite gives an empty SQLite database.
func OpenSQLite(t testing.TB) *db.DB {
	t.Helper()
	now, _ := Clock(t)
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), now)
}

// Start is where every test clock stands at first: a Monday morning in Changsha.
var Start = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// Clock is a clock that stands still at [Start] until set. Both functions may be
// called from any goroutine.
func Clock(t testing.TB) (now func() time.Time, set func(time.Time)) {
	t.Helper()
	var mu sync.Mutex
	at := Start
	now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	}
	set = func(to time.Time) {
		mu.Lock()
		defer mu.Unlock()
		at = to
	}
	return now, set
}

func open(t testing.TB, dsn string, now func() time.Time) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), dsn, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return d
}
