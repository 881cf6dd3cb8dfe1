package load

import (
	"context"

	"comity/internal/db"
)

func scanInt(row db.Scanner) (n int64, err error)   { return n, row.Scan(&n) }
func scanText(row db.Scanner) (s string, err error) { return s, row.Scan(&s) }

// contents counts what a city holds, once a run. The conditions, which all rows meet, have indexes of their own that were
// made when the city was filled and lie in one piece: along those that grew with it, ten million cases took half an hour.
func contents(ctx context.Context, d *db.DB) (c City, err error) {
	version := `SELECT 'SQLite ' || sqlite_version()`
	if d.Engine() == db.Postgres {
		version = `SELECT 'PostgreSQL ' || current_setting('server_version')`
	}
	err = d.View(ctx, func(tx *db.Tx) (err error) {
		if c.Version, err = db.One(ctx, tx, version, nil, scanText); err != nil {
			return err
		}
		if c.Cases, err = db.One(ctx, tx, `SELECT COUNT(*) FROM cases WHERE category >= ''`, nil, scanInt); err != nil {
			return err
		}
		c.Events, err = db.One(ctx, tx, `SELECT COUNT(*) FROM events WHERE at >= 0`, nil, scanInt)
		return err
	})
	return c, err
}

// serverProcess is the process of the server that answers this, as its machine counts processes.
func serverProcess(ctx context.Context, d *db.DB) (pid int64, err error) {
	err = d.View(ctx, func(tx *db.Tx) (err error) {
		pid, err = db.One(ctx, tx, `SELECT PG_BACKEND_PID()`, nil, scanInt)
		return err
	})
	return pid, err
}
