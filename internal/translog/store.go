package translog

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

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
	return tx.Send(ctx, `INSERT INTO log_entries (kind, ref, hash) VALUES (?1, ?2, ?3)`, e.Kind, e.ID, e.Hash)
}

// takeLease makes holder the one who gives positions, unless another is at it.
func takeLease(ctx context.Context, tx *db.Tx, holder string, until int64) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE log_lease SET holder = ?1, until = ?2 WHERE one = 1 AND (holder = ?1 OR until <= ?3)`,
		holder, until, db.Micros(tx.Now))
	return n > 0, err
}

// dropLease lets the next one begin at once.
func dropLease(ctx context.Context, tx *db.Tx, holder string) error {
	return tx.Send(ctx, `UPDATE log_lease SET until = 0 WHERE one = 1 AND holder = ?1`, holder)
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

// place gives an entry its position, unless it has one already; see countPlaced.
func place(ctx context.Context, tx *db.Tx, row, pos int64) error {
	return tx.Send(ctx, `UPDATE log_entries SET pos = ?2 WHERE id = ?1 AND pos IS NULL`, row, pos)
}

// countPlaced is how many entries have a position from a given one on.
func countPlaced(ctx context.Context, tx *db.Tx, from int64) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM log_entries WHERE pos IS NOT NULL AND pos >= ?1`, []any{from}, scanInt)
}

func insertHash(ctx context.Context, tx *db.Tx, index int64, h tlog.Hash) error {
	return tx.Send(ctx, `INSERT INTO log_hashes (idx, hash) VALUES (?1, ?2)`, index, h[:])
}

// treeSize is how many entries have a position.
func treeSize(ctx context.Context, tx *db.Tx) (int64, error) {
	last, err := db.One(ctx, tx, `SELECT pos FROM log_entries WHERE pos IS NOT NULL ORDER BY pos DESC LIMIT 1`, nil, scanInt)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return last + 1, err
}

const headColumns = `size, at, root, signature, key`

// signed is a stored head.
type signed struct {
	size, at  int64
	root      tlog.Hash
	signature []byte
	key       string
}

func scanHead(row db.Scanner) (s signed, err error) {
	var root []byte
	if err := row.Scan(&s.size, &s.at, &root, &s.signature, &s.key); err != nil {
		return s, err
	}
	copy(s.root[:], root)
	if len(root) != tlog.HashSize {
		return s, fmt.Errorf("the head of size %d has a root of %d bytes", s.size, len(root))
	}
	return s, nil
}

func insertHead(ctx context.Context, tx *db.Tx, s signed) error {
	return tx.Send(ctx, `INSERT INTO log_heads (`+headColumns+`) VALUES (?1, ?2, ?3, ?4, ?5)`, s.size, s.at, s.root[:], s.signature, s.key)
}

// headsBefore lists heads from the newest back, behind a given one.
func headsBefore(ctx context.Context, tx *db.Tx, size, at int64, limit int) ([]signed, error) {
	return db.All(ctx, tx, `SELECT `+headColumns+` FROM log_heads WHERE (size, at) < (?1, ?2) ORDER BY size DESC, at DESC LIMIT ?3`,
		[]any{size, at, limit}, scanHead)
}

// headsAfter lists heads in order, behind a given one.
func headsAfter(ctx context.Context, tx *db.Tx, size, at int64, limit int) ([]signed, error) {
	return db.All(ctx, tx, `SELECT `+headColumns+` FROM log_heads WHERE (size, at) > (?1, ?2) ORDER BY size, at LIMIT ?3`,
		[]any{size, at, limit}, scanHead)
}

func entryBy(ctx context.Context, tx *db.Tx, kind, id string) (Entry, error) {
	return db.One(ctx, tx, `SELECT kind, ref, hash, COALESCE(pos, -1) FROM log_entries WHERE ref = ?2 AND kind = ?1`, []any{kind, id}, scanEntry)
}

func scanEntry(row db.Scanner) (e Entry, err error) {
	err = row.Scan(&e.Kind, &e.ID, &e.Hash, &e.Pos)
	return e, err
}

// placedAfter lists entries in the order of the tree.
func placedAfter(ctx context.Context, tx *db.Tx, pos int64, limit int) ([]Entry, error) {
	return db.All(ctx, tx, `SELECT kind, ref, hash, pos FROM log_entries WHERE pos IS NOT NULL AND pos > ?1 ORDER BY pos LIMIT ?2`,
		[]any{pos, limit}, scanEntry)
}

// indexed is a stored hash of the tree as it lies there.
type indexed struct {
	index int64
	hash  []byte
}

func hashesAfter(ctx context.Context, tx *db.Tx, index int64, limit int) ([]indexed, error) {
	return db.All(ctx, tx, `SELECT idx, hash FROM log_hashes WHERE idx > ?1 ORDER BY idx LIMIT ?2`, []any{index, limit},
		func(row db.Scanner) (x indexed, err error) {
			err = row.Scan(&x.index, &x.hash)
			return x, err
		})
}

func countWaiting(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM log_entries WHERE pos IS NULL`, nil, scanInt)
}

func countKind(ctx context.Context, tx *db.Tx, kind string) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM log_entries WHERE kind = ?1`, []any{kind}, scanInt)
}

func namesOf(ctx context.Context, tx *db.Tx, kind string) iter.Seq2[string, error] {
	return db.Query(ctx, tx, `SELECT ref FROM log_entries WHERE kind = ?1`, []any{kind}, func(row db.Scanner) (ref string, err error) {
		return ref, row.Scan(&ref)
	})
}

// lastHash is the highest index of a stored hash, −1 if there is none.
func lastHash(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT COALESCE(MAX(idx), -1) FROM log_hashes`, nil, scanInt)
}

func scanInt(row db.Scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// stored reads hashes of the tree as tlog asks for them.
func stored(ctx context.Context, tx *db.Tx) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		found := map[int64]tlog.Hash{}
		for part := range slices.Chunk(indexes, 64) { // a statement takes 99 arguments
			if err := readHashes(ctx, tx, part, found); err != nil {
				return nil, err
			}
		}
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, ok := found[index]
			if !ok {
				return nil, fmt.Errorf("translog: hash %d of the tree: %w", index, db.ErrNoRows)
			}
			out[i] = h
		}
		return out, nil
	}
}

func readHashes(ctx context.Context, tx *db.Tx, indexes []int64, into map[int64]tlog.Hash) error {
	marks, args := make([]string, len(indexes)), make([]any, len(indexes))
	for i, index := range indexes {
		marks[i], args[i] = fmt.Sprintf("?%d", i+1), index
	}
	rows, err := db.All(ctx, tx, `SELECT idx, hash FROM log_hashes WHERE idx IN (`+strings.Join(marks, ", ")+`)`, args, func(row db.Scanner) (x indexed, err error) {
		return x, row.Scan(&x.index, &x.hash)
	})
	if err != nil {
		return fmt.Errorf("translog: hashes of the tree: %w", err)
	}
	for _, x := range rows {
		if len(x.hash) != tlog.HashSize {
			return fmt.Errorf("translog: hash %d of the tree has %d bytes", x.index, len(x.hash))
		}
		into[x.index] = tlog.Hash(x.hash)
	}
	return nil
}

// Where a [Growth] puts its rows, and the tables it fills.
var (
	intoEntries = db.Into{Table: "log_entries", Columns: "kind, ref, hash, pos", Kinds: "ttbi"}
	intoHashes  = db.Into{Table: "log_hashes", Columns: "idx, hash", Kinds: "ib"}
)

// Grown are the tables that a [Growth] fills.
var Grown = []string{intoEntries.Table, intoHashes.Table}
