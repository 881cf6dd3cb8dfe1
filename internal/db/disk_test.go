package db_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/faultdisk"
)

// onDisk opens a database with one table on a disk that fails when it is told to.
func onDisk(t *testing.T, name string) (*faultdisk.Disk, *db.DB) {
	t.Helper()
	disk := faultdisk.New(name)
	t.Cleanup(disk.Remove)
	d, err := db.OpenOn(t.Context(), disk.Name(), "sqlite:"+filepath.Join(t.TempDir(), "x.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := put(t.Context(), d, `CREATE TABLE x (a TEXT)`); err != nil {
		t.Fatal(err)
	}
	return disk, d
}

func put(ctx context.Context, d *db.DB, q string) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, q)
		return err
	})
}

func rowsOf(t *testing.T, d *db.DB) (n int64) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		n, err = db.One(t.Context(), tx, `SELECT COUNT(*) FROM x`, nil, db.ScanID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func Test_a_full_disk_says_that_nothing_was_stored_and_is_written_again_when_there_is_space(t *testing.T) {
	disk, d := onDisk(t, "full")
	disk.Fill(true)
	err := put(t.Context(), d, `INSERT INTO x VALUES ('a')`)
	if !errors.Is(err, db.ErrDisk) || errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("got %v; want the disk, and no doubt about the change", err)
	}
	if n := rowsOf(t, d); n != 0 {
		t.Errorf("%d rows", n)
	}
	disk.Fill(false)
	if err := put(t.Context(), d, `INSERT INTO x VALUES ('a')`); err != nil || rowsOf(t, d) != 1 {
		t.Errorf("with space again: %v, %d rows", err, rowsOf(t, d))
	}
}

func Test_a_sync_that_fails_leaves_the_change_in_doubt(t *testing.T) {
	disk, d := onDisk(t, "sync")
	disk.FailSyncs(1)
	if err := put(t.Context(), d, `INSERT INTO x VALUES ('a')`); !errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("got %v; want that nobody knows", err)
	}
	if err := put(t.Context(), d, `INSERT INTO x VALUES ('b')`); err != nil {
		t.Errorf("the next change: %v", err)
	}
}

func Test_a_change_is_not_acknowledged_where_its_sync_succeeded_and_is_not_proven(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is asked for a proof")
	}
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := db.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := put(t.Context(), d, `CREATE TABLE x (a TEXT)`); err != nil {
		t.Fatal(err)
	}
	// The log can still be written and synced, and nobody will ever read it.
	if err := os.Rename(path+"-wal", path+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), d, `INSERT INTO x VALUES ('a')`); !errors.Is(err, db.ErrCommitUnknown) {
		t.Errorf("got %v; want that nobody knows", err)
	}
	if err := os.Rename(path+"-elsewhere", path+"-wal"); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), d, `INSERT INTO x VALUES ('b')`); err != nil {
		t.Errorf("the next change: %v", err)
	}
}
