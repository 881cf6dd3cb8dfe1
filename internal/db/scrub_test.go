package db_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func Test_a_copy_is_consistent_and_holds_no_byte_of_what_was_taken_out_of_it(t *testing.T) {
	dir := t.TempDir()
	now, _ := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "one.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `CREATE TABLE secrets (id INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT`)
		for i := int64(0); i < 500 && err == nil; i++ {
			_, err = tx.Exec(t.Context(), `INSERT INTO secrets (id, words) VALUES (?1, ?2)`, i, "a very long secret indeed")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "copy.db")
	if err := d.CopyTo(t.Context(), to, `UPDATE secrets SET words = '' WHERE id > 0`); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(to)
	if err != nil || bytes.Count(raw, []byte("long secret")) != 1 {
		t.Errorf("the copy holds %d secrets, want the one that was left in; %v", bytes.Count(raw, []byte("long secret")), err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if list, err := filepath.Glob(filepath.Join(dir, ".copy-*")); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
	if err := d.CopyTo(t.Context(), to, ""); err == nil {
		t.Error("a copy was written over another")
	}
	again, err := db.Open(t.Context(), "sqlite:"+to, now)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	err = again.View(t.Context(), func(tx *db.Tx) error {
		n, err := db.One(t.Context(), tx, `SELECT COUNT(*) FROM secrets`, nil, func(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) })
		if n != 500 {
			t.Errorf("the copy has %d rows", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func Test_PostgreSQL_is_copied_by_its_own_tools(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Scrub(t.Context()); err != nil {
			t.Error(err)
		}
		err := d.CopyTo(t.Context(), filepath.Join(t.TempDir(), "x"), "")
		if d.Engine() == db.Postgres && !errors.Is(err, db.ErrElsewhere) || d.Engine() == db.SQLite && err != nil {
			t.Error(err)
		}
	})
}
