package db_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// writerEnv names the database file that this binary, run again, fills until it
// is killed.
const writerEnv = "COMITY_TEST_DURABLE_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		if err := writeUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled prints each number after its transaction was acknowledged.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, path, time.Now)
	if err != nil {
		return err
	}
	for {
		var n int64
		err := d.Transact(ctx, func(tx *db.Tx) (err error) {
			n, err = db.One(ctx, tx, `INSERT INTO pets (name, kind) SELECT 'p' || (COUNT(*) + 1), 'a' FROM pets RETURNING id`, nil, number)
			if err != nil {
				return err
			}
			// The other half of the transaction: both or neither must be found.
			_, err = tx.Exec(ctx, `INSERT INTO owners (pet, owner) VALUES (?1, 'o')`, n)
			return err
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// This is death of the process. Loss of power cannot be staged here; it is
// covered by synchronous=FULL, which the next test looks at.
func TestAcknowledged_rows_survive_kill_9(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "d.db")
	d, err := db.Open(ctx, path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		acknowledged := killedWriter(t, path, 40*(round+1))
		d, err := db.Open(ctx, path, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		err = d.View(ctx, func(tx *db.Tx) error {
			for q, least := range map[string]int64{
				`SELECT MAX(id) FROM pets`: acknowledged, `SELECT COUNT(*) FROM pets`: acknowledged,
				`SELECT COUNT(*) FROM owners o JOIN pets p ON p.id = o.pet`: acknowledged,
			} {
				if n, err := db.One(ctx, tx, q, nil, number); err != nil || n < least || n > least+1 {
					t.Errorf("round %d: %s is %d, acknowledged %d (%v)", round, q, n, least, err)
				}
			}
			state, err := db.One(ctx, tx, `PRAGMA integrity_check`, nil, text)
			if state != "ok" {
				t.Errorf("integrity: %s", state)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// killedWriter lets a child acknowledge some rows more, kills it without warning
// and returns the last number it acknowledged.
func killedWriter(t *testing.T, path string, rows int) (last int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if last, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			t.Errorf("line %q: %v", lines.Text(), err)
		}
		if n == rows {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // says that it was killed
	if last == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	return last
}

func TestThe_SQLite_file_is_private_and_synced(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "new")
	d, err := db.Open(ctx, "sqlite:"+filepath.Join(dir, "x?y %41.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	for name, want := range map[string]fs.FileMode{"": 0o700, "x?y %41.db": 0o600, "x?y %41.db-wal": 0o600, "x?y %41.db-shm": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v %v, want %v", name, info, err, want)
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		for where, begin := range map[string]func(context.Context, func(*db.Tx) error) error{"writer": d.Transact, "reader": d.View} {
			err := begin(ctx, func(tx *db.Tx) error {
				got, err := db.One(ctx, tx, "PRAGMA "+pragma, nil, text)
				if got != want {
					t.Errorf("%s: %s is %s, want %s", where, pragma, got, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// Twice the log's limit is written. Had nobody checkpointed, the log would hold
// all of it.
func TestThe_log_is_copied_back_while_writing(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "w.db")
	d, err := db.Open(ctx, path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	chunk := make([]byte, 1<<20)
	size := func(name string) int64 {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for i := 0; size(path) < 30<<20; i++ {
		if i == 400 {
			t.Fatalf("after 400 MB the file has %d bytes and the log %d", size(path), size(path+"-wal"))
		}
		transact(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO pets (name, photo) VALUES (?1, ?2)`, strconv.Itoa(i), chunk)
			return err
		})
	}
}

func Test_readers_do_not_wait_for_a_writer_that_takes_long(t *testing.T) {
	ctx := context.Background()
	d := dbtest.OpenSQLite(t)
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	count := func() (n int64) {
		err := d.View(ctx, func(tx *db.Tx) (err error) {
			n, err = db.One(ctx, tx, `SELECT COUNT(*) FROM pets`, nil, db.ScanID)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	transact(t, d, func(tx *db.Tx) error {
		for i := range 50 {
			if _, err := tx.Exec(ctx, `INSERT INTO pets (name, photo) VALUES (?1, ?2)`, strconv.Itoa(i), make([]byte, 100_000)); err != nil {
				return err
			}
			if n := count(); n != 0 { // in the middle of it
				t.Errorf("%d rows that were not committed", n)
			}
		}
		return nil
	})
	if n := count(); n != 50 {
		t.Errorf("%d rows", n)
	}
}

// Somebody who reads one snapshot for long keeps the log from beginning anew. That is seen, and ends with the reader.
func Test_a_reader_that_stays_lets_the_log_grow_and_the_figure_says_so(t *testing.T) {
	ctx := context.Background()
	d := dbtest.OpenSQLite(t)
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	chunk, i := make([]byte, 1<<20), 0
	write := func() {
		i++
		transact(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO pets (name, photo) VALUES (?1, ?2)`, strconv.Itoa(i), chunk)
			return err
		})
	}
	err := d.View(ctx, func(tx *db.Tx) error {
		if _, err := db.One(ctx, tx, `SELECT COUNT(*) FROM pets`, nil, db.ScanID); err != nil {
			return err
		}
		for d.Unwritten() < 2*db.LogLimit {
			if i == 400 {
				t.Fatalf("the log has %d bytes after 400 MB", d.Unwritten())
			}
			write()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for from := i; d.Unwritten() > db.LogLimit; {
		if i == from+400 {
			t.Fatalf("the log has %d bytes, 400 MB after the reader left", d.Unwritten())
		}
		write()
	}
}
