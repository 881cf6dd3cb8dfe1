package db_test

import (
	"errors"
	"slices"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

var errPurpose = errors.New("on purpose")

func Test_loaded_rows_are_those_that_were_inserted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		const words = db.SearchTable("found_words")
		into := db.Into{Table: "things", Columns: "n, name, body", Kinds: "itb"}
		tokens := []string{"lamp", "lane", "lamp", "dark"}
		var list db.Rows
		list.Row(3).Int(1).Text("one").Bytes([]byte{0, 1, 255})
		list.Row(3).Int(-2).Text("").Bytes(nil)
		if list.Len() != 2 || list.Size() == 0 {
			t.Errorf("%d rows in %d bytes", list.Len(), list.Size())
		}
		var found db.Rows
		found.Row(2).Int(7).Bytes(words.Tokens(d.Engine(), tokens))
		err := d.Transact(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `CREATE TABLE things (n BIGINT NOT NULL, name TEXT NOT NULL, body `+map[db.Engine]string{db.SQLite: "BLOB", db.Postgres: "BYTEA"}[d.Engine()]+` NOT NULL)`); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `CREATE UNIQUE INDEX things_n ON things (n)`); err != nil {
				return err
			}
			if err := words.Create(ctx, tx); err != nil {
				return err
			}
			if err := tx.Load(ctx, words.Into(d.Engine()), &found); err != nil {
				return err
			}
			return tx.Load(ctx, into, &list)
		})
		if err != nil {
			t.Fatal(err)
		}
		names, err := read(t, d)
		if err != nil || !slices.Equal(names, []string{"-2  0", "1 one 3"}) {
			t.Errorf("the rows are %q, %v", names, err)
		}
		err = d.View(ctx, func(tx *db.Tx) error {
			for _, q := range []struct {
				phrase []string
				hits   int
			}{{[]string{"lamp", "lane"}, 1}, {[]string{"lane", "dark"}, 0}, {[]string{"lamp", "dark"}, 1}} {
				text, _ := tx.MatchPhrases([]db.Phrase{{Tokens: q.phrase}})
				ids, err := db.All(ctx, tx, `WITH `+words.MatchText(tx, "?1", true)+` SELECT id FROM m`, []any{text}, db.ScanID)
				if err != nil || len(ids) != q.hits {
					t.Errorf("%q is found in %v, %v", q.phrase, ids, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}

		if err := d.Settle(ctx, []string{"things", string(words)}); err != nil {
			t.Error(err)
		}
		if d.Engine() == db.Postgres {
			err := d.View(ctx, func(tx *db.Tx) error {
				n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
					WHERE s.schemaname = current_schema() AND s.relname = 'things' AND c.reltuples = 2 AND s.last_vacuum IS NOT NULL`, nil, db.ScanID)
				if err == nil && n != 1 {
					t.Error("the server did not count the rows, or did not mark them as seen by all")
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}

		if err := d.Transact(ctx, func(tx *db.Tx) error { return tx.Load(ctx, into, &list) }); !db.IsUnique(err) {
			t.Errorf("rows that are there are loaded again: %v", err)
		}
		err = d.Transact(ctx, func(tx *db.Tx) error {
			var more db.Rows
			more.Row(3).Int(3).Text("three").Bytes(nil)
			if err := tx.Load(ctx, into, &more); err != nil {
				t.Error(err)
			}
			return errPurpose
		})
		if names, fail := read(t, d); !errors.Is(err, errPurpose) || fail != nil || len(names) != 2 {
			t.Errorf("a transaction that came to nothing (%v) left %q, %v", err, names, fail)
		}
		var again []string
		undress := func(keep ...string) error {
			return d.Transact(ctx, func(tx *db.Tx) (err error) {
				again, err = tx.Undress(ctx, []string{"things"}, keep)
				return err
			})
		}
		if err := undress("things_n"); err != nil || len(again) != 0 {
			t.Errorf("undressed of %q, which was to stay: %v", again, err)
		}
		if err := undress(); err != nil || len(again) != 1 {
			t.Fatalf("undressed of %q, %v", again, err)
		}
		for range 2 { // what was broken off is done again
			if err := d.Dress(ctx, again[0]); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Transact(ctx, func(tx *db.Tx) error { return tx.Load(ctx, into, &list) }); !db.IsUnique(err) {
			t.Errorf("the index that was made again holds nothing: %v", err)
		}
		if n, err := d.Size(ctx); err != nil || n < 4096 {
			t.Errorf("the database takes %d bytes, %v", n, err)
		}
	})
}

func read(t *testing.T, d *db.DB) (out []string, err error) {
	t.Helper()
	err = d.View(t.Context(), func(tx *db.Tx) error {
		out, err = db.All(t.Context(), tx, `SELECT CAST(n AS TEXT) || ' ' || name || ' ' || CAST(LENGTH(body) AS TEXT) FROM things ORDER BY n`, nil, func(row db.Scanner) (s string, err error) {
			return s, row.Scan(&s)
		})
		return err
	})
	return out, err
}
