package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"comity/internal/synced"
)

// ErrElsewhere says that PostgreSQL has tools of its own for this.
var ErrElsewhere = errors.New("db: PostgreSQL copies itself with pg_dump")

// Scrub sees to it that what was deleted or overwritten is not left in the files of the database. SQLite
// overwrites it at once (secure_delete); here its log, in which older pages stand, is written back and cut to
// nothing. In PostgreSQL old rows go with VACUUM and the log when it is recycled: that is its administrator's
// business, see docs/operations.md.
func (d *DB) Scrub(ctx context.Context) error {
	if d.engine != SQLite {
		return nil
	}
	return d.alone(ctx, func(c *sqlite3.Conn) error {
		var err error
		for try := range 20 { // a page that is just being read keeps the log
			if _, _, err = c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE); !errors.Is(err, sqlite3.BUSY) {
				break
			}
			if stopped := sleep(ctx, time.Duration(try+1)*10*time.Millisecond); stopped != nil {
				return stopped
			}
		}
		if err != nil {
			return fmt.Errorf("db: the log could not be emptied of what was erased: %w", err)
		}
		return nil
	})
}

// alone runs fn on a connection of its own, outside any transaction.
func (d *DB) alone(ctx context.Context, fn func(*sqlite3.Conn) error) error {
	conn, err := d.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error { return fn(c.(driver.Conn).Raw()) })
}

// CopyTo writes a consistent copy of a SQLite database to a file that must not exist, while work goes on.
// edit is SQL that is run on the copy before it takes its name: what it removes is in none of its bytes.
// On PostgreSQL it answers ErrElsewhere.
func (d *DB) CopyTo(ctx context.Context, path, edit string) (err error) {
	if d.engine != SQLite {
		return ErrElsewhere
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("db: %s is there already; copy to a new file", path)
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), ".copy-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	raw, clean := filepath.Join(temp, "raw"), filepath.Join(temp, "clean")
	for _, name := range []string{raw, clean} { // VACUUM INTO takes an empty file, and keeps its mode
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
	}
	if err := d.alone(ctx, func(c *sqlite3.Conn) error { return c.Exec(`VACUUM INTO ` + sqlite3.Quote(raw)) }); err != nil {
		return fmt.Errorf("db: copy: %w", err)
	}
	if err := cleaned(raw, clean, edit); err != nil {
		return fmt.Errorf("db: copy: %w", err)
	}
	if err := synced.Path(clean); err != nil {
		return err
	}
	if err := os.Rename(clean, path); err != nil {
		return err
	}
	return synced.Path(filepath.Dir(path))
}

// cleaned edits the raw copy and writes it anew, so that no free page holds what the edit took away.
func cleaned(raw, clean, edit string) (err error) {
	pool, err := sql.Open("sqlite3", FileURI(raw))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	for _, text := range []string{edit, `VACUUM INTO ` + sqlite3.Quote(clean)} {
		if _, err := pool.Exec(text); err != nil {
			return err
		}
	}
	return nil
}
