package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
)

// guarded are the tables of the record, with the column that finds a row and those whose every byte counts.
var guarded = []struct{ table, key, columns string }{
	{"events", "id", "n seq kind at hash doc"},
	{"looks", "id", "ref n at actor for_actor role unit purpose ground level note hash"},
	{"exports", "id", "ref at actor unit list format hash"},
	{"log_entries", "id", "kind ref hash pos"},
	{"log_hashes", "idx", "hash idx"},
	{"log_heads", "size", "at root signature key size"},
}

func Test_any_byte_of_an_event_a_look_a_log_entry_or_a_head_that_is_changed_is_named(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		w := openTrusted(t, func() string { return strings.Replace(address(), "sqlite:", "sqlite-volatile:", 1) }, 2)
		ref := w.smallRecord()
		if bad := w.differences(); bad != "" {
			t.Fatalf("untouched, verify names:\n%s", bad)
		}
		step := 1
		switch {
		case w.c.db.Engine() == db.Postgres:
			step = 101 // a sample: what is asked of the engine is the same
		case testing.Short():
			step = 17
		}
		flips := 0
		for _, g := range guarded {
			for _, name := range strings.Fields(g.columns) {
				flips += w.flipAll(g.table, g.key, name, ref, step)
			}
		}
		if flips < 60 {
			t.Errorf("only %d bytes were changed", flips)
		}
		if bad := w.differences(); bad != "" {
			t.Errorf("restored, verify still names:\n%s", bad)
		}
		if err := w.c.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM exports WHERE id = (SELECT MIN(id) FROM exports)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if bad := w.differences(); !strings.Contains(bad, "not there: export ") {
			t.Errorf("a record of an export that was taken away is not named:\n%s", bad)
		}
	})
}

// smallRecord is one case with events and looks, some of them under a signed head and some not yet in the tree.
func (w *trusted) smallRecord() casework.Ref {
	w.t.Helper()
	got := w.begin(openings[0], persons(1)[0])
	for round := range 2 {
		w.tick()
		if _, err := w.c.ledger.Do(w.t.Context(), authz.Machine(), casework.Command{Case: got.Case, Version: casework.AnyVersion, Note: &casework.Note{Text: "Seen."}}); err != nil {
			w.t.Log(err)
		}
		w.tick()
		if _, err := w.c.ledger.Look(w.t.Context(), authz.Machine(), ledger.Ticket{Case: got.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity, Note: "why"}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.c.ledger.Exporting(w.t.Context(), authz.Machine(), ledger.Export{Unit: w.c.packs.Current().Units.Root(), List: "open", Format: "csv"}); err != nil {
			w.t.Fatal(err)
		}
		if round == 0 {
			w.tick()
			if err := w.c.tree.Tick(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return got.Ref
}

// flipAll changes every step-th byte of a column, one at a time, and puts it back.
func (w *trusted) flipAll(table, key, name string, ref casework.Ref, step int) (flips int) {
	t, ctx := w.t, w.t.Context()
	type cell struct{ key, value any }
	var cells []cell
	err := w.c.db.View(ctx, func(tx *db.Tx) (err error) {
		cells, err = db.All(ctx, tx, `SELECT `+key+`, `+name+` FROM `+table+` ORDER BY 1`, nil, func(row db.Scanner) (c cell, err error) { return c, row.Scan(&c.key, &c.value) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		for _, other := range changed(c.value, step) {
			find, back := c.key, c.key
			if name == key {
				back = other
			}
			if err := w.set(table, key, name, find, other); err != nil {
				continue // the database itself refuses it
			}
			flips++
			var named []string
			_, err := w.c.rooms.verify(ctx, func(bad error) {
				named = append(named, bad.Error())
				var d *ledger.Difference
				if table == "events" && (name == "doc" || name == "hash") && errors.As(bad, &d) && (d.Ref != ref || d.What == ledger.DiffEvent && d.Seq == 0) {
					t.Errorf("%s.%s: named as %v", table, name, d)
				}
			}, func(int) {})
			if err == nil && len(named) == 0 {
				t.Errorf("%s.%s of row %v changed from %.60v to %.60v, and nothing was named", table, name, c.key, c.value, other)
			}
			if err := w.set(table, key, name, back, c.value); err != nil {
				t.Fatal(err)
			}
		}
	}
	return flips
}

func (w *trusted) set(table, key, name string, at, value any) error {
	return w.c.db.Transact(w.t.Context(), func(tx *db.Tx) error {
		n, err := tx.Exec(w.t.Context(), `UPDATE `+table+` SET `+name+` = ?1 WHERE `+key+` = ?2`, value, at)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rows of %s", n, table)
		}
		return err
	})
}

// changed are the values with one bit of one byte turned.
func changed(v any, step int) (out []any) {
	switch v := v.(type) {
	case int64:
		return []any{v ^ 1, v ^ 1<<20}
	case []byte:
		for i := 0; i < len(v); i += step {
			b := append([]byte{}, v...)
			b[i] ^= 1
			out = append(out, b)
		}
	case string:
		if v == "" {
			return []any{"x"}
		}
		for i := 0; i < len(v); i += step {
			b := []byte(v)
			b[i] ^= 1
			out = append(out, string(b))
		}
	}
	return out
}
