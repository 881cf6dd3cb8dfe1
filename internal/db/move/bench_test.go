package move_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/db/move"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// Test_how_fast_a_city_moves measures a city that `go run ./internal/bench --only pages --keep DIR` has left, named by
// COMITY_BENCH_CITY: the whole move, and in the same run a bare COPY of the same rows from one table of PostgreSQL
// into another like it, through this process, with its indexes (left out with -short).
func Test_how_fast_a_city_moves(t *testing.T) {
	from := os.Getenv("COMITY_BENCH_CITY")
	if from == "" {
		t.Skip("COMITY_BENCH_CITY names no database")
	}
	ctx, to := t.Context(), dbtest.Postgres(t)
	m, err := move.Begin(ctx, from, to, "a city")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := errors.Join(m.Mark(ctx, dbtest.Start), tablesAt(ctx, to)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := m.Copy(ctx, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	copied := time.Since(began)
	c, err := m.Compare(ctx, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	all := time.Since(began)
	t.Logf("%d rows of %d tables: copied in %v, with comparing %v; memory at most %s", c.Rows, c.Tables, copied.Round(time.Millisecond), all.Round(time.Millisecond), peak(t))
	if testing.Short() { // a bare copy needs the space once more
		return
	}
	bare, rows, err := bareCopy(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bare COPY of %d rows in %v", rows, bare.Round(time.Millisecond))
	t.Logf("rows a second: copied %.0f, with comparing %.0f, bare %.0f", float64(c.Rows)/copied.Seconds(), float64(c.Rows)/all.Seconds(), float64(rows)/bare.Seconds())
}

// peak is the most memory this process has had.
func peak(t *testing.T) string {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func tablesAt(ctx context.Context, address string) error {
	d, err := db.Open(ctx, address, time.Now)
	if err != nil {
		return err
	}
	err = errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d))
	if err == nil {
		var l *ledger.Ledger
		if l, err = ledger.Open(ctx, d, ledger.Config{Still: true, Ring: vault.FromSeed(procedure.Civic, "std", []byte("a city for measurements"))}); err == nil {
			l.Close()
		}
	}
	return errors.Join(err, d.Close())
}

// bareCopy copies every table into one like it, and counts.
func bareCopy(ctx context.Context, address string) (took time.Duration, rows int64, err error) {
	out, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer out.Close(ctx)
	in, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer in.Close(ctx)
	names, err := in.Query(ctx, `SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'db_%'`)
	if err != nil {
		return 0, 0, err
	}
	all, err := pgx.CollectRows(names, pgx.RowTo[string])
	if err != nil {
		return 0, 0, err
	}
	for _, name := range all {
		if _, err := in.Exec(ctx, `CREATE TABLE bare_`+name+` (LIKE `+name+` INCLUDING ALL)`); err != nil {
			return 0, 0, err
		}
		began := time.Now()
		r, w := io.Pipe()
		go func() {
			_, err := out.PgConn().CopyTo(ctx, w, `COPY `+name+` TO STDOUT (FORMAT BINARY)`)
			w.CloseWithError(err)
		}()
		tag, err := in.PgConn().CopyFrom(ctx, r, `COPY bare_`+name+` FROM STDIN (FORMAT BINARY)`)
		if err != nil {
			return 0, 0, err
		}
		took, rows = took+time.Since(began), rows+tag.RowsAffected()
	}
	return took, rows, nil
}
