package translog

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
)

//go:embed schema/*.sql
var schema embed.FS

// Migrate brings the tables to this program's version.
func Migrate(ctx context.Context, d *db.DB) error {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "translog", files)
}

func insertEntry(ctx context.Context, tx *db.Tx, e Entry) error {
	_, err := tx.Exec(ctx, `INSERT INTO log_entries (kind, ref, hash) VALUES (?1, ?2, ?3)`, e.Kind, e.ID, e.Hash)
	return err
}

// takeLease makes holder the one who gives positions, unless another is at it.
func takeLease(ctx context.Context, tx *db.Tx, holder string, until int64) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE log_lease SET holder = ?1, until = ?2 WHERE one = 1 AND (holder = ?1 OR until <= ?3)`,
		holder, until, db.Micros(tx.Now))
	return n > 0, err
}

// dropLease lets the next one begin at once.
func dropLease(ctx context.Context, tx *db.Tx, holder string) error {
	_, err := tx.Exec(ctx, `UPDATE log_lease SET until = 0 WHERE one = 1 AND holder = ?1`, holder)
	return err
}

// waiting is read in a snapshot that takes no part in conflicts: on PostgreSQL a serializable read of
// the open end of the table would make every writer of events a possible loser.
func waiting(ctx context.Context, tx *db.Tx, limit int) ([]Entry, error) {
	return db.All(ctx, tx, `SELECT id, kind, ref, hash FROM log_entries WHERE pos IS NULL ORDER BY id LIMIT ?1`, []any{limit},
		func(row db.Scanner) (e Entry, err error) {
			err = row.Scan(&e.row, &e.Kind, &e.ID, &e.Hash)
			e.Pos = -1
			return e, err
		})
}

// place gives an entry its position; false if it has one already.
func place(ctx context.Context, tx *db.Tx, row, pos int64) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE log_entries SET pos = ?2 WHERE id = ?1 AND pos IS NULL`, row, pos)
	return n > 0, err
}

func insertHash(ctx context.Context, tx *db.Tx, index int64, h tlog.Hash) error {
	_, err := tx.Exec(ctx, `INSERT INTO log_hashes (idx, hash) VALUES (?1, ?2)`, index, h[:])
	return err
}

// treeSize is how many entries have a position.
func treeSize(ctx context.Context, tx *db.Tx) (int64, error) {
	last, err := db.One(ctx, tx, `SELECT pos FROM log_entries WHERE pos IS NOT NULL ORDER BY pos DESC LIMIT 1`, nil, scanInt)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return last + 1, err
}

func scanInt(row db.Scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// stored reads hashes of the tree as tlog asks for them.
func stored(ctx context.Context, tx *db.Tx) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, err := db.One(ctx, tx, `SELECT hash FROM log_hashes WHERE idx = ?1`, []any{index}, scanHash)
			if err != nil {
				return nil, fmt.Errorf("translog: hash %d of the tree: %w", index, err)
			}
			out[i] = h
		}
		return out, nil
	}
}

func scanHash(row db.Scanner) (h tlog.Hash, err error) {
	var b []byte
	if err := row.Scan(&b); err != nil {
		return h, err
	}
	if len(b) != tlog.HashSize {
		return h, fmt.Errorf("a hash of %d bytes", len(b))
	}
	return tlog.Hash(b), nil
}
