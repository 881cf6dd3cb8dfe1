package db

import (
	"context"
	"time"
)

// Connections is how many connections one process may hold to a database of PostgreSQL.
const Connections = postgresWriters + postgresReaders + 1 // the last is that of Listen

// settings are those of a PostgreSQL server on which the promises of a city rest.
const settings = `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_compression',
	'max_connections', 'superuser_reserved_connections', 'server_version_num', 'server_version', 'server_encoding')`

// Settings tells what a PostgreSQL server is set to, by name, and what its clock says; SQLite has neither.
func (d *DB) Settings(ctx context.Context) (set map[string]string, clock time.Time, err error) {
	if d.engine != Postgres {
		return nil, time.Time{}, nil
	}
	set = map[string]string{}
	err = d.View(ctx, func(tx *Tx) error {
		rows := Query(ctx, tx, settings, nil, func(row Scanner) (pair [2]string, err error) {
			return pair, row.Scan(&pair[0], &pair[1])
		})
		for pair, err := range rows {
			if err != nil {
				return err
			}
			set[pair[0]] = pair[1]
		}
		at, err := One(ctx, tx, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`, nil, scanInt)
		clock = FromMicros(at)
		return err
	})
	return set, clock, err
}

// Fresh tells whether no program has made tables here yet.
func (d *DB) Fresh(ctx context.Context) (fresh bool, err error) {
	err = d.View(ctx, func(tx *Tx) error {
		n, err := One(ctx, tx, tableThere(d.engine, "db_migrations"), nil, scanInt)
		fresh = n == 0
		return err
	})
	return fresh, err
}

// Size is how many bytes the database takes on its disk, without a log that is still to be taken in.
func (d *DB) Size(ctx context.Context) (bytes int64, err error) {
	err = d.View(ctx, func(tx *Tx) error {
		bytes, err = One(ctx, tx, sizeOf(d.engine), nil, scanInt)
		return err
	})
	return bytes, err
}
