package db_test

import (
	"context"
	"slices"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func Test_rivals_take_different_rows_at_once_and_a_hung_one_is_ended_by_the_server(t *testing.T) {
	ctx := context.Background()
	now, _ := dbtest.Clock(t)
	d, err := db.Open(ctx, dbtest.Postgres(t), now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mustMigrate(t, d, set("0001_work.sql", `CREATE TABLE work (id INTEGER NOT NULL PRIMARY KEY, taken INTEGER NOT NULL) STRICT;`))
	transact(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO work (id, taken) VALUES (1, 0), (2, 0), (3, 0)`)
		return err
	})
	take := func(tx *db.Tx) ([]int64, error) {
		return db.All(ctx, tx, `WITH free AS MATERIALIZED (SELECT id AS free_id FROM work WHERE taken = 0 ORDER BY id LIMIT 1`+tx.SkipLocked()+`)
			UPDATE work SET taken = 1 FROM free WHERE id = free_id RETURNING id`, nil, db.ScanID)
	}
	var got []int64
	err = d.Take(ctx, func(tx *db.Tx) error {
		mine, err := take(tx)
		if err != nil {
			return err
		}
		for range 2 { // rivals, while this one is not done
			if err := d.Take(ctx, func(tx *db.Tx) error {
				theirs, err := take(tx)
				got = append(got, theirs...)
				return err
			}); err != nil {
				return err
			}
		}
		got = append(got, mine...)
		return nil
	})
	if slices.Sort(got); err != nil || !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("taken %v (%v)", got, err)
	}
	for name, begin := range map[string]func(context.Context, func(*db.Tx) error) error{"0": d.View, "30s": d.Transact} {
		err := begin(ctx, func(tx *db.Tx) error {
			limit, err := db.One(ctx, tx, `SHOW idle_in_transaction_session_timeout`, nil, text)
			if limit != name {
				t.Errorf("the limit is %s, want %s", limit, name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
