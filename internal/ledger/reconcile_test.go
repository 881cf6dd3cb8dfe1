package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
)

// snapshot reads every table a backup would hold; the answer puts them back as they were.
func snapshot(t *testing.T, d *db.DB) (restore func()) {
	t.Helper()
	tables := strings.Fields("cases events case_keys looks erasures holds case_files file_purges key_care log_entries log_hashes log_heads worklist tallies idempotency counters timers notable")
	kept, columns := map[string][][]any{}, map[string][]string{}
	for _, table := range tables {
		q := `SELECT name FROM pragma_table_info(?1)`
		if d.Engine() == db.Postgres {
			q = `SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_name = ?1 AND table_schema = current_schema() ORDER BY ordinal_position`
		}
		columns[table] = texts(t, d, q, table)
		kept[table] = column(t, d, `SELECT `+strings.Join(columns[table], ", ")+` FROM `+table, func(row db.Scanner) ([]any, error) {
			values, into := make([]any, len(columns[table])), make([]any, len(columns[table]))
			for i := range values {
				into[i] = &values[i]
			}
			return values, row.Scan(into...)
		})
	}
	return func() {
		t.Helper()
		err := d.Transact(context.Background(), func(tx *db.Tx) error {
			for _, table := range tables {
				if _, err := tx.Exec(context.Background(), `DELETE FROM `+table); err != nil {
					return err
				}
				var marks []string
				for i := range columns[table] {
					marks = append(marks, fmt.Sprintf("?%d", i+1))
				}
				for _, row := range kept[table] {
					if _, err := tx.Exec(context.Background(), `INSERT INTO `+table+` (`+strings.Join(columns[table], ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, row...); err != nil {
						return fmt.Errorf("%s: %w", table, err)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// copyKeys keeps a copy of the key folder; the answer puts it back.
func copyKeys(t *testing.T, dir string) (restore func()) {
	t.Helper()
	kept := t.TempDir()
	if err := os.CopyFS(kept+"/keys", os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(kept+"/keys"))); err != nil {
			t.Fatal(err)
		}
		list, err := os.ReadDir(dir)
		for _, e := range list {
			err = errors.Join(err, os.Chmod(dir+"/"+e.Name(), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// start opens the city again as the program does.
func (c *registry) start() (*registry, ledger.Reconciled, error) {
	c.t.Helper()
	again := openRegistry(c.t, c.db, c.pack, c.dir, c.files)
	r, err := again.l.Reconcile(c.t.Context(), nil)
	return again, r, err
}

// inStep is a city whose database and list were compared.
func inStep(t *testing.T, d *db.DB) *registry {
	t.Helper()
	c := newRegistry(t, d, keeping(t, 0, ""))
	if _, _, err := c.start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func Test_a_start_asks_no_more_however_many_keys_were_destroyed_unless_something_came_back(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newRegistry(t, d, keeping(t, 0, ""))
		id := c.closed("a")
		c.publish()
		asked := func() (n int) {
			t.Helper()
			d.Trace(func(string, []any) { n++ })
			defer d.Trace(nil)
			if _, r, err := c.start(); err != nil || r.Destroyed+r.Marked > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			return n
		}
		asked()
		few := asked()
		ids := make([]string, 4000)
		for i := range ids {
			ids[i] = fmt.Sprint("key-", i)
		}
		if err := c.ring.MarkDestroyed(ids...); err != nil {
			t.Fatal(err)
		}
		if n := asked(); n < few+len(ids)/99 {
			t.Errorf("of a list that others have written to only %d statements ask", n)
		}
		if n := asked(); n != few {
			t.Errorf("with %d destroyed keys a start has %d statements, with none %d", len(ids), n, few)
		}
		c.erase(id)
		if n := asked(); n > few { // there is a key less to try
			t.Errorf("after an erasure that ended well a start has %d statements, before %d", n, few)
		}
	})
}

func Test_data_without_a_key_file_are_noticed_before_new_keys_are_made(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if needs, err := ledger.NeedsKeys(t.Context(), d); err != nil || needs {
			t.Fatalf("an empty database needs keys: %v, %v", needs, err)
		}
		c := newRegistry(t, d, keeping(t, 0, ""))
		c.filed("a")
		if needs, err := ledger.NeedsKeys(t.Context(), d); err != nil || !needs {
			t.Fatalf("a database with a sealed case needs none: %v", err)
		}
	})
}

func Test_old_keys_with_new_data_are_put_right_or_refused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := inStep(t, d)
		id, other := c.closed("a"), c.closed("b")
		c.publish()
		old := copyKeys(t, c.dir)
		c.erase(id)
		c.publish()
		old()
		again, r, err := c.start()
		if err != nil || r.Marked != 1 || r.Destroyed != 0 {
			t.Fatalf("the list that forgot an erasure: %+v, %v", r, err)
		}
		again.gone(id)

		if _, err := again.l.Rotate(t.Context(), authz.Machine()); err != nil {
			t.Fatal(err)
		}
		if _, err := again.l.Rewrap(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		old()
		if _, _, err := c.start(); !errors.Is(err, ledger.ErrOtherKey) || !strings.Contains(err.Error(), "newest key file") {
			t.Fatalf("keys from before a rotation: %v", err)
		}
		if look, err := again.looked(other); err != nil || look.Case().Text != told+"b" {
			t.Errorf("the refused start changed something: %v", err)
		}
	})
}

func Test_old_data_with_new_keys_bring_no_erased_case_back(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := inStep(t, d)
		id, other := c.closed("a", "photo-1"), c.closed("b")
		c.publish()
		old := snapshot(t, d)
		c.erase(id)
		c.filed("lost")
		lost := c.publish()
		old()
		c.files["photo-1"] = true
		again, _, err := c.start()
		if !errors.Is(err, ledger.ErrRolled) || !strings.Contains(err.Error(), fmt.Sprint("has ", lost.Size)) || !strings.Contains(err.Error(), "--accept-loss") {
			t.Fatalf("a log older than its head: %v", err)
		}
		if _, _, err := again.l.AcceptLoss(t.Context(), authz.Machine()); err != nil {
			t.Fatal(err)
		}
		again, r, err := c.start()
		if err != nil || r.Destroyed != 1 {
			t.Fatalf("after the loss was accepted: %+v, %v", r, err)
		}
		again.gone(id)
		if c.files["photo-1"] {
			t.Error("the photo of the erased case is back")
		}
		if look, err := again.looked(other); err != nil || look.Case().Text != told+"b" {
			t.Errorf("the neighbour: %v", err)
		}
		if e, ok, err := again.r.Erased(t.Context(), id); err != nil || !ok || e.Ground != "restored" {
			t.Errorf("the record: %+v %v", e, err)
		}
		if _, r, err := c.start(); err != nil || r.Destroyed != 0 || r.Marked != 0 {
			t.Errorf("one start more: %+v, %v", r, err)
		}
		if _, _, err := again.l.AcceptLoss(t.Context(), authz.Machine()); err == nil {
			t.Error("a loss that is none was accepted")
		}
	})
}

func Test_both_old_is_noticed_by_a_witness_alone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := inStep(t, d)
		id := c.closed("a")
		c.publish()
		data, keys := snapshot(t, d), copyKeys(t, c.dir)
		c.erase(id)
		head := c.publish()
		data()
		keys()
		again, _, err := c.start()
		if err != nil {
			t.Fatalf("nothing on this machine can tell, and yet: %v", err)
		}
		if _, err := again.l.Reconcile(t.Context(), &head); !errors.Is(err, ledger.ErrRolled) || !strings.Contains(err.Error(), "of the witness") {
			t.Errorf("with the published head of a witness: %v", err)
		}
	})
}

func Test_a_backup_without_keys_does_not_start_until_they_are_brought_back(t *testing.T) {
	for _, left := range []string{`UPDATE case_keys SET wrapped = ''`, `DELETE FROM case_keys`} {
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			c := newRegistry(t, d, keeping(t, 0, ""))
			id, other := c.closed("a"), c.closed("b")
			var keys []ledger.KeptKey
			if err := c.r.BackUpKeys(t.Context(), func(k ledger.KeptKey) error { keys = append(keys, k); return nil }); err != nil {
				t.Fatal(err)
			}
			c.erase(id)
			change(t, d, left)
			again, _, err := c.start()
			if !errors.Is(err, ledger.ErrKeysAway) {
				t.Fatalf("%s: %v", left, err)
			}
			if _, err := again.l.Do(t.Context(), everyone(c.pack), casework.Command{Case: other, Version: casework.AnyVersion, Note: &casework.Note{Text: "in the clear"}}); err == nil {
				t.Error("something was added to a case without its key")
			}
			if n, err := again.l.BringKeysBack(t.Context(), keys); err != nil || n != 1 {
				t.Errorf("%s: %d keys came back, want the one that was not erased; %v", left, n, err)
			}
			if look, err := again.looked(other); err != nil || look.Case().Text != told+"b" {
				t.Errorf("%s: %v", left, err)
			}
			again.gone(id)
		})
	}
}

func change(t *testing.T, d *db.DB, q string) {
	t.Helper()
	if err := d.Transact(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), q); return err }); err != nil {
		t.Fatal(err)
	}
}
