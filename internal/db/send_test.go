package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/db/wire"
)

func send(tx *db.Tx, name string) error {
	return tx.Send(tx.Context(), `INSERT INTO pets (name) VALUES (?1)`, name)
}

func count(tx *db.Tx) (int64, error) {
	return db.One(tx.Context(), tx, `SELECT COUNT(*) FROM pets`, nil, number)
}

func TestWhat_is_sent_happens_in_its_order_and_is_seen_by_what_follows(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		transact(t, d, func(tx *db.Tx) error {
			name := []byte("first")
			if err := tx.Send(ctx, `INSERT INTO pets (name, photo) VALUES ('ann', ?1)`, name); err != nil {
				return err
			}
			copy(name, "other") // whoever sent it may use its bytes again
			if err := tx.Send(ctx, `UPDATE pets SET name = 'bob' WHERE name = ?1`, "ann"); err != nil {
				return err
			}
			if n, err := tx.Exec(ctx, `UPDATE pets SET weight = 3 WHERE name = 'bob'`); err != nil || n != 1 {
				t.Errorf("%d rows, %v", n, err)
			}
			if err := send(tx, "cat"); err != nil {
				return err
			}
			if n, err := count(tx); err != nil || n != 2 {
				t.Errorf("%d rows, %v", n, err)
			}
			if photo, err := db.One(ctx, tx, `SELECT photo FROM pets WHERE name = 'bob'`, nil, func(row db.Scanner) (b []byte, err error) {
				return b, row.Scan(&b)
			}); err != nil || string(photo) != "first" {
				t.Errorf("%q %v", photo, err)
			}
			return send(tx, "last")
		})
		wantNames(t, d, "bob cat last")
	})
}

func TestThousands_may_be_sent(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		err := d.Transact(context.Background(), func(tx *db.Tx) error {
			for i := range 1500 {
				if err := send(tx, strings.Repeat("x", i+1)); err != nil {
					return err
				}
			}
			if n, err := count(tx); err != nil || n != 1500 {
				t.Errorf("%d rows, %v", n, err)
			}
			return errStop
		})
		if !errors.Is(err, errStop) {
			t.Errorf("got %v", err)
		}
		wantNames(t, d, "")
	})
}

func TestA_failure_of_what_was_sent_stays_in_its_savepoint(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		unique := func(what string, err error) {
			t.Helper()
			if !db.IsUnique(err) {
				t.Errorf("%s: got %v", what, err)
			}
			if err != nil && !strings.Contains(err.Error(), "INSERT INTO pets") {
				t.Errorf("%s: the error does not name the statement that failed: %v", what, err)
			}
		}
		transact(t, d, func(tx *db.Tx) error {
			if err := send(tx, "ann"); err != nil {
				return err
			}
			unique("at the end of the savepoint", tx.Savepoint(ctx, func() error {
				return errors.Join(send(tx, "alone"), send(tx, "ann"), send(tx, "behind"))
			}))
			unique("at the next question, whatever is made of it", tx.Savepoint(ctx, func() error {
				_ = send(tx, "ann")
				if _, err := count(tx); err == nil {
					t.Error("a question was answered behind a failure")
				}
				_ = send(tx, "more")
				return nil
			}))
			unique("not inside the neighbour", tx.Savepoint(ctx, func() error {
				_ = send(tx, "ann")
				ran := false
				err := tx.Savepoint(ctx, func() error { ran = true; return send(tx, "inner") })
				if err == nil || ran {
					t.Errorf("an inner step ran behind a failure: %v", err)
				}
				return nil
			}))
			unique("nor outside of the inner one", tx.Savepoint(ctx, func() error {
				unique("inner", tx.Savepoint(ctx, func() error {
					_ = send(tx, "ann")
					return nil
				}))
				if err := send(tx, "outer"); err != nil {
					return err
				}
				return tx.Savepoint(ctx, func() error { return send(tx, "outer") })
			}))
			if err := tx.Savepoint(ctx, func() error { _ = send(tx, "never"); return errStop }); !errors.Is(err, errStop) {
				t.Errorf("got %v", err)
			}
			func() {
				defer func() { _ = recover() }()
				_ = tx.Savepoint(ctx, func() error { _ = send(tx, "panicked"); panic("boom") })
			}()
			if err := tx.Savepoint(ctx, func() error { return nil }); err != nil {
				t.Errorf("an empty step: %v", err)
			}
			return tx.Savepoint(ctx, func() error {
				return errors.Join(send(tx, "kept"), tx.Savepoint(ctx, func() error { return send(tx, "deep") }))
			})
		})
		wantNames(t, d, "ann deep kept")
		unique("at the end of the transaction", d.Transact(ctx, func(tx *db.Tx) error {
			_ = send(tx, "new")
			_ = send(tx, "ann")
			return nil
		}))
		wantNames(t, d, "ann deep kept")
	})
}

func TestWhat_cannot_be_sent_is_said_at_once(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(context.Background())
		transact(t, d, func(tx *db.Tx) error {
			for q, arg := range map[string]any{`UPDATE pets SET name = ?1`: time.Time{}, `UPDATE pets SET name = ?2`: "x", `UPDATE`: "x"} {
				if err := tx.Savepoint(tx.Context(), func() error { return tx.Send(tx.Context(), q, arg) }); err == nil {
					t.Errorf("%s was taken", q)
				}
			}
			if err := send(tx, "before"); err != nil {
				return err
			}
			cancel()
			err := tx.Savepoint(tx.Context(), func() error { return tx.Send(ctx, `INSERT INTO pets (name) VALUES ('late')`) })
			if err == nil {
				t.Error("it was taken although nobody waits for it any more")
			}
			return send(tx, "after")
		})
		wantNames(t, d, "after before")
		err := d.View(context.Background(), func(tx *db.Tx) error { return send(tx, "viewer") })
		if err == nil {
			t.Error("a view sent a change")
		}
		err = d.Transact(ctx, func(tx *db.Tx) error { return send(tx, "cancelled") })
		if err == nil {
			t.Error("it was stored although nobody waits for it any more")
		}
		wantNames(t, d, "after before")
	})
}

// overWire gives a PostgreSQL database behind a wire, with the pets in place.
func overWire(t *testing.T) (*db.DB, *wire.Wire) {
	t.Helper()
	w, dsn, err := wire.Through(dbtest.Postgres(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	now, _ := dbtest.Clock(t)
	d, err := db.Open(context.Background(), dsn, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	return d, w
}

func TestA_row_of_statements_costs_one_trip(t *testing.T) {
	d, w := overWire(t)
	ctx := context.Background()
	trips := func(do func()) int64 {
		for range 20 { // every session of the pool prepares its statements
			do()
		}
		least := int64(1 << 32)
		for range 5 { // what a slow machine sends in pieces counts for several
			before := w.Trips()
			do()
			least = min(least, w.Trips()-before)
		}
		return least
	}
	n := 0
	step := func(tx *db.Tx) error {
		for range 5 {
			n++
			if err := tx.Send(ctx, `INSERT INTO pets (name) VALUES (?1)`, strings.Repeat("y", n)); err != nil {
				return err
			}
		}
		return nil
	}
	for what, c := range map[string]struct {
		most int64
		do   func()
	}{
		"BEGIN goes with the statements, COMMIT waits for them": {2, func() { transact(t, d, step) }},
		"a step is over with one trip": {3, func() {
			transact(t, d, func(tx *db.Tx) error {
				return errors.Join(tx.Savepoint(ctx, func() error { return step(tx) }), tx.Savepoint(ctx, func() error { return step(tx) }))
			})
		}},
		"a step that is refused before it was sent costs nothing": {0, func() {
			transact(t, d, func(tx *db.Tx) error {
				_ = tx.Savepoint(ctx, func() error { _ = step(tx); return errStop })
				return nil
			})
		}},
		"a step that is refused after a question costs one trip": {3, func() {
			transact(t, d, func(tx *db.Tx) error {
				_ = tx.Savepoint(ctx, func() error { _, _ = count(tx); return errStop })
				return nil
			})
		}},
		"a transaction that does nothing costs nothing":                {0, func() { transact(t, d, func(*db.Tx) error { return nil }) }},
		"a look begins with its question":                              {2, func() { _ = d.View(ctx, func(tx *db.Tx) error { _, err := count(tx); return err }) }},
		"a transaction that is given up before it began costs nothing": {0, func() { _ = d.Transact(ctx, func(tx *db.Tx) error { _ = step(tx); return errStop }) }},
	} {
		if got := trips(c.do); got > c.most {
			t.Errorf("%s: %d trips, at most %d", what, got, c.most)
		}
	}
}

func TestNothing_is_half_stored_when_the_connection_ends(t *testing.T) {
	d, w := overWire(t)
	ctx := context.Background()
	for what, end := range map[string]func(*db.Tx) error{
		"while statements wait": func(tx *db.Tx) error { w.Cut(); return send(tx, "b") },
		"in the middle of them": func(tx *db.Tx) error {
			return errors.Join(tx.Send(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`), send(tx, "b"))
		},
		"and a question follows": func(tx *db.Tx) error { w.Cut(); _, err := count(tx); return err },
		"in a step that is undone": func(tx *db.Tx) error {
			_ = tx.Savepoint(ctx, func() error { w.Cut(); return send(tx, "b") })
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			err := d.Transact(ctx, func(tx *db.Tx) error {
				if _, err := count(tx); err != nil { // the transaction has begun
					return err
				}
				if err := tx.Savepoint(ctx, func() error { return send(tx, "a") }); err != nil {
					return err
				}
				return end(tx)
			})
			if err == nil || errors.Is(err, db.ErrCommitUnknown) {
				t.Errorf("got %v; it was never asked to commit", err)
			}
			wantNames(t, d, "")
			transact(t, d, func(tx *db.Tx) error { return errors.Join(send(tx, "c"), tx.Send(ctx, `DELETE FROM pets`)) })
		})
	}
	t.Run("idle, it is replaced unnoticed, statements and all", func(t *testing.T) {
		for i := range 3 {
			for range 20 { // every session of the pool
				transact(t, d, func(tx *db.Tx) error { return tx.Send(ctx, `UPDATE pets SET alive = ?1`, true) })
			}
			w.Cut()
			transact(t, d, func(tx *db.Tx) error {
				return tx.Savepoint(ctx, func() error { return send(tx, strings.Repeat("z", i+1)) })
			})
		}
		wantNames(t, d, "z zz zzz")
	})
}

func TestWhat_was_sent_is_run_again_after_a_conflict(t *testing.T) {
	d, _ := overWire(t)
	ctx := context.Background()
	transact(t, d, func(tx *db.Tx) error { return send(tx, "ann") })
	tries := 0
	transact(t, d, func(tx *db.Tx) error {
		tries++
		n, err := count(tx)
		if err != nil {
			return err
		}
		if tries == 1 {
			transact(t, d, func(tx *db.Tx) error { return tx.Send(ctx, `UPDATE pets SET weight = 10 WHERE name = 'ann'`) })
		}
		_ = tx.Savepoint(ctx, func() error {
			return tx.Send(ctx, `UPDATE pets SET weight = COALESCE(weight, 0) + ?1 WHERE name = 'ann'`, float64(n))
		})
		return nil
	})
	err := d.View(ctx, func(tx *db.Tx) error {
		w, err := db.One(ctx, tx, `SELECT weight FROM pets`, nil, weight)
		if w != 11 || tries != 2 {
			t.Errorf("after %d tries the weight is %v", tries, w)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
