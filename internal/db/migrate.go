package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// ErrPending says that a database is older than the program, where it is only looked at.
var ErrPending = errors.New("was not applied yet, and this database is only looked at; open it once with comity serve")

// ErrNewer says that a newer program has been here.
var ErrNewer = errors.New("which this program does not know: it was opened by a newer version; start that version, or restore a backup")

// migration is one numbered file of a set.
type migration struct {
	number int64
	name   string // file name
	text   string
	sum    string // SHA-256 of text, hex
}

// applied is a row of db_migrations.
type applied struct {
	number    int64
	name, sum string
}

const migrationsDDL = `CREATE TABLE IF NOT EXISTS db_migrations (
	set_name TEXT NOT NULL,
	number INTEGER NOT NULL,
	name TEXT NOT NULL,
	checksum TEXT NOT NULL,
	applied_at INTEGER NOT NULL,
	PRIMARY KEY (set_name, number)
) STRICT;`

// Migrate applies the files of fsys that the database has not seen, in order of
// their numbers and in one transaction: all or none. Sets are independent; each
// package with tables has its own.
//
// A file is called NNNN_name.sql and holds SQL as SQLite spells it: tables end
// in ") STRICT;", types are INTEGER, TEXT, BLOB and REAL, "id INTEGER PRIMARY
// KEY" is a number the database gives out. For PostgreSQL the words are respelled
// (see respell in dialect.go). Where an engine needs a text of its own, a second
// file NNNN_name.sqlite.sql or NNNN_name.postgres.sql replaces the first for it.
//
// It refuses an applied file whose text changed, a number below one already
// applied, and a database with files this program does not have, which means
// that a newer program has been here.
func (d *DB) Migrate(ctx context.Context, set string, fsys fs.FS) error {
	files, err := readMigrations(d.engine, fsys)
	if err != nil {
		return fmt.Errorf("db: migrate %s: %w", set, err)
	}
	err = d.Transact(ctx, func(tx *Tx) error { return migrate(ctx, tx, set, files) })
	if err != nil {
		return fmt.Errorf("db: migrate %s: %w", set, err)
	}
	return nil
}

func migrate(ctx context.Context, tx *Tx, set string, files []migration) error {
	if !tx.d.reading {
		if lock := migrationLock(tx.d.engine); lock != "" {
			if err := tx.script(ctx, lock); err != nil {
				return err
			}
		}
		if err := tx.script(ctx, respell(tx.d.engine, migrationsDDL)); err != nil {
			return err
		}
	}
	done, err := All(ctx, tx, `SELECT number, name, checksum FROM db_migrations WHERE set_name = ?1 ORDER BY number`,
		[]any{set}, func(row Scanner) (a applied, err error) {
			err = row.Scan(&a.number, &a.name, &a.sum)
			return a, err
		})
	if err != nil {
		return err
	}
	pending, err := compare(files, done)
	if err != nil {
		return err
	}
	if len(pending) > 0 && tx.d.reading {
		return fmt.Errorf("%s %w", pending[0].name, ErrPending)
	}
	for _, m := range pending {
		if err := tx.script(ctx, respell(tx.d.engine, m.text)); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO db_migrations (set_name, number, name, checksum, applied_at)
			VALUES (?1, ?2, ?3, ?4, ?5)`, set, m.number, m.name, m.sum, Micros(tx.Now)); err != nil {
			return err
		}
	}
	return nil
}

// compare returns the files not yet applied, or says why the two do not fit.
func compare(files []migration, done []applied) ([]migration, error) {
	have := make(map[int64]migration, len(files))
	for _, m := range files {
		have[m.number] = m
	}
	last := int64(0)
	for _, a := range done {
		m, ok := have[a.number]
		switch {
		case !ok:
			return nil, fmt.Errorf("the database holds migration %s, %w", a.name, ErrNewer)
		case m.sum != a.sum:
			return nil, fmt.Errorf("%s was changed after it had been applied; restore the file and write the change as a new number", m.name)
		}
		last = a.number
		delete(have, a.number)
	}
	var pending []migration
	for _, m := range files {
		if _, ok := have[m.number]; !ok {
			continue
		}
		if m.number < last {
			return nil, fmt.Errorf("%s comes before %04d, which is applied already; give it a higher number", m.name, last)
		}
		pending = append(pending, m)
	}
	return pending, nil
}

var migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)(?:\.(sqlite|postgres))?\.sql$`)

// readMigrations picks, for each number, the engine's own file or else the
// common one.
func readMigrations(e Engine, fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	chosen, stem := map[int64]string{}, map[int64]string{}
	for _, name := range names {
		parts := migrationName.FindStringSubmatch(name)
		if parts == nil {
			return nil, fmt.Errorf("%s: a migration is called NNNN_name.sql, NNNN_name.sqlite.sql or NNNN_name.postgres.sql", name)
		}
		number, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || number == 0 {
			return nil, fmt.Errorf("%s: numbers begin at 0001", name)
		}
		if old, ok := stem[number]; ok && old != parts[2] {
			return nil, fmt.Errorf("%s: number %s is taken by %s", name, parts[1], old)
		}
		stem[number] = parts[2]
		if parts[3] == string(e) || parts[3] == "" && chosen[number] == "" {
			chosen[number] = name
		}
	}
	return loadMigrations(fsys, chosen)
}

func loadMigrations(fsys fs.FS, chosen map[int64]string) ([]migration, error) {
	var files []migration
	for number, name := range chosen {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		files = append(files, migration{number, name, string(text), hex.EncodeToString(sum[:])})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].number < files[j].number })
	return files, nil
}

// script runs several statements without arguments.
func (tx *Tx) script(ctx context.Context, text string) error {
	if err := tx.usable(); err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("the text is empty")
	}
	if err := tx.s.flush(ctx); err != nil { // several statements do not go in one line with others
		return tx.fail("BEGIN", err)
	}
	if err := tx.s.control(ctx, text); err != nil {
		return tx.fail(text, err)
	}
	return nil
}
