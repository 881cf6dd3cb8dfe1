package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// eachPets runs on both engines with the pets tables in place.
func eachPets(t *testing.T, run func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mustMigrate(t, d, set("0001_pets.sql", petTable))
		run(t, d)
	})
}

func transact(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Transact(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func add(tx *db.Tx, name string) error {
	_, err := tx.Exec(tx.Context(), `INSERT INTO pets (name) VALUES (?1)`, name)
	return err
}

func names(t *testing.T, d *db.DB) string {
	t.Helper()
	ctx := context.Background()
	var got []string
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		got, err = db.All(ctx, tx, `SELECT name FROM pets ORDER BY name`, nil, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func wantNames(t *testing.T, d *db.DB, want string) {
	t.Helper()
	if got := names(t, d); got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
}

var errStop = errors.New("stop")

func TestTransactions(t *testing.T) {
	ctx := context.Background()
	eachPets(t, func(t *testing.T, d *db.DB) {
		t.Run("an error rolls back and is returned", func(t *testing.T) {
			err := d.Transact(ctx, func(tx *db.Tx) error { return errors.Join(add(tx, "a"), errStop) })
			if !errors.Is(err, errStop) {
				t.Errorf("got %v", err)
			}
			wantNames(t, d, "")
		})
		t.Run("a panic rolls back and goes on", func(t *testing.T) {
			func() {
				defer func() {
					if r := recover(); r != "boom" {
						t.Errorf("recovered %v", r)
					}
				}()
				_ = d.Transact(ctx, func(tx *db.Tx) error {
					if err := add(tx, "b"); err != nil {
						t.Error(err)
					}
					panic("boom")
				})
			}()
			wantNames(t, d, "")
		})
		t.Run("nesting is refused", func(t *testing.T) {
			for _, begin := range []func(context.Context, func(*db.Tx) error) error{d.Transact, d.View} {
				err := d.Transact(ctx, func(tx *db.Tx) error {
					return begin(tx.Context(), func(*db.Tx) error { return nil })
				})
				if !errors.Is(err, db.ErrNested) {
					t.Errorf("got %v", err)
				}
			}
		})
		t.Run("the timestamp is the clock's, in whole microseconds of UTC", func(t *testing.T) {
			transact(t, d, func(tx *db.Tx) error {
				if !tx.Now.Equal(dbtest.Start) || tx.Now.Location() != time.UTC {
					t.Errorf("now is %v", tx.Now)
				}
				return nil
			})
			if at := dbtest.Start.Add(123456 * time.Microsecond); !db.FromMicros(db.Micros(at)).Equal(at) {
				t.Error("microseconds are lost on the way")
			}
		})
		t.Run("a view cannot write", func(t *testing.T) {
			if err := d.View(ctx, func(tx *db.Tx) error { return add(tx, "v") }); err == nil {
				t.Error("it could")
			}
		})
		t.Run("a cancelled context stores nothing", func(t *testing.T) {
			ctx, cancel := context.WithCancel(ctx)
			err := d.Transact(ctx, func(tx *db.Tx) error { defer cancel(); return add(tx, "c") })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			wantNames(t, d, "")
		})
		t.Run("a transaction whose statement failed cannot commit", func(t *testing.T) {
			err := d.Transact(ctx, func(tx *db.Tx) error {
				_ = add(tx, "twice")
				_ = add(tx, "twice")
				return nil
			})
			if !db.IsUnique(err) {
				t.Errorf("got %v", err)
			}
			wantNames(t, d, "")
		})
		t.Run("a commit may fail before or after it was stored", func(t *testing.T) {
			defer d.InterceptCommit(nil)
			d.InterceptCommit(func(func() error) error { return errStop })
			if err := d.Transact(ctx, func(tx *db.Tx) error { return add(tx, "lost") }); !errors.Is(err, errStop) {
				t.Errorf("got %v", err)
			}
			d.InterceptCommit(func(commit func() error) error { return errors.Join(commit(), errStop) })
			if err := d.Transact(ctx, func(tx *db.Tx) error { return add(tx, "stored") }); !errors.Is(err, errStop) {
				t.Errorf("got %v", err)
			}
			wantNames(t, d, "stored")
		})
	})
}

func TestA_savepoint_keeps_its_neighbours_whole(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		transact(t, d, func(tx *db.Tx) error {
			for _, name := range []string{"ann", "ann", "bob"} {
				err := tx.Savepoint(ctx, func() error { return errors.Join(add(tx, "x"+name), add(tx, name)) })
				if err != nil && !db.IsUnique(err) {
					return err
				}
			}
			err := tx.Savepoint(ctx, func() error {
				if err := tx.Savepoint(ctx, func() error { return add(tx, "inner") }); err != nil {
					return err
				}
				return errStop
			})
			if !errors.Is(err, errStop) {
				t.Errorf("got %v", err)
			}
			func() {
				defer func() { _ = recover() }()
				_ = tx.Savepoint(ctx, func() error { _ = add(tx, "panicked"); panic("boom") })
			}()
			return add(tx, "last")
		})
		wantNames(t, d, "ann bob last xann xbob")
	})
}

func TestUnique_is_told_by_code(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		transact(t, d, func(tx *db.Tx) error {
			if err := add(tx, "ann"); err != nil {
				return err
			}
			for q, want := range map[string]bool{
				`INSERT INTO pets (name) VALUES ('ann')`:              true,
				`INSERT INTO pets (id, name) VALUES (1, 'again')`:     true,
				`INSERT INTO pets (name, alive) VALUES ('unsure', 7)`: false,
				`INSERT INTO pets (name) VALUES (NULL)`:               false,
			} {
				err := tx.Savepoint(tx.Context(), func() error { _, err := tx.Exec(tx.Context(), q); return err })
				if err == nil || db.IsUnique(err) != want {
					t.Errorf("%s: unique %v, error %v", q, db.IsUnique(err), err)
				}
			}
			return nil
		})
	})
}

func TestStatements(t *testing.T) {
	ctx := context.Background()
	eachPets(t, func(t *testing.T, d *db.DB) {
		transact(t, d, func(tx *db.Tx) error {
			t.Run("placeholders go by number, also ?10 and repeated", func(t *testing.T) {
				args := make([]any, 11)
				for i := range args {
					args[i] = string(rune('a' + i))
				}
				got, err := db.One(ctx, tx, `SELECT CAST(?11 AS TEXT) || CAST(?10 AS TEXT) || CAST(?1 AS TEXT) || ?2 || ?3 || ?4 || ?5 || ?6 || ?7 || ?8 || ?9 || CAST(?1 AS TEXT) || '?12 $1' -- ?13`, args, text)
				if err != nil || got != "kjabcdefghia?12 $1" {
					t.Errorf("got %q %v", got, err)
				}
			})
			t.Run("wrong placeholders are refused", func(t *testing.T) {
				for q, n := range map[string]int{`SELECT name FROM pets WHERE name = ?`: 1, `SELECT name FROM pets WHERE name = $1`: 1,
					`SELECT name FROM pets WHERE name = ?2`: 2, `SELECT name FROM pets WHERE name = ?1`: 0} {
					err := tx.Savepoint(ctx, func() error { _, err := tx.Exec(ctx, q, make([]any, n)...); return err })
					if err == nil {
						t.Errorf("%s with %d arguments was taken", q, n)
					}
				}
			})
			t.Run("flags, numbers, bytes and nothing come back as they went in", func(t *testing.T) {
				photo := []byte{0, 1, 0xff}
				n, err := tx.Exec(ctx, `INSERT INTO pets (name, photo, weight, alive) VALUES (?1, ?2, ?3, ?4)`, "袁隆平", photo, 2.5, false)
				if err != nil || n != 1 {
					t.Fatalf("%d rows, %v", n, err)
				}
				_, err = db.One(ctx, tx, `SELECT photo, weight, alive, kind FROM pets WHERE name = ?1`, []any{"袁隆平"}, func(row db.Scanner) (x struct{}, err error) {
					var p []byte
					var w float64
					var alive bool
					var kind *string
					err = row.Scan(&p, &w, &alive, &kind)
					if !bytes.Equal(p, photo) || w != 2.5 || alive || *kind != "INTEGER" {
						t.Errorf("got %v %v %v %v", p, w, alive, *kind)
					}
					return x, err
				})
				if err != nil {
					t.Error(err)
				}
			})
			t.Run("sums of integers are integers", func(t *testing.T) {
				if n, err := db.One(ctx, tx, `SELECT SUM(id) + COUNT(*) FROM pets`, nil, number); err != nil || n != 2 {
					t.Errorf("got %d %v", n, err)
				}
			})
			t.Run("a time is not an argument", func(t *testing.T) {
				if _, err := tx.Exec(ctx, `UPDATE pets SET weight = ?1`, time.Time{}); err == nil || !strings.Contains(err.Error(), "Micros") {
					t.Errorf("got %v", err)
				}
			})
			t.Run("no row is ErrNoRows", func(t *testing.T) {
				if _, err := db.One(ctx, tx, `SELECT name FROM pets WHERE name = ?1`, []any{"nobody"}, text); !errors.Is(err, db.ErrNoRows) {
					t.Errorf("got %v", err)
				}
			})
			t.Run("text sorts by bytes", func(t *testing.T) {
				got, err := db.All(ctx, tx, `WITH w AS (SELECT 1 AS n) SELECT name FROM pets UNION ALL SELECT 'b' FROM w UNION ALL SELECT 'B' FROM w UNION ALL SELECT 'a' FROM w ORDER BY 1`, nil, text)
				if err != nil || !slices.Equal(got, []string{"B", "a", "b", "袁隆平"}) {
					t.Errorf("got %v %v", got, err)
				}
			})
			t.Run("no statement runs while a query is read", func(t *testing.T) {
				for _, err := range db.Query(ctx, tx, `SELECT name FROM pets`, nil, text) {
					if err != nil {
						t.Fatal(err)
					}
					if err := add(tx, "meanwhile"); err == nil || !strings.Contains(err.Error(), "still being read") {
						t.Errorf("got %v", err)
					}
				}
				if err := add(tx, "afterwards"); err != nil {
					t.Error(err)
				}
			})
			return nil
		})
	})
}

func TestReaders_see_what_was_committed_before_they_began(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		transact(t, d, func(tx *db.Tx) error {
			if err := add(tx, "ann"); err != nil {
				return err
			}
			wantNames(t, d, "")
			return nil
		})
		err := d.View(ctx, func(tx *db.Tx) error {
			before, err := db.All(ctx, tx, `SELECT name FROM pets`, nil, text)
			if err != nil {
				return err
			}
			transact(t, d, func(tx *db.Tx) error { return add(tx, "bob") })
			after, err := db.All(ctx, tx, `SELECT name FROM pets`, nil, text)
			if !slices.Equal(before, after) {
				t.Errorf("the view changed from %v to %v", before, after)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, d, "ann bob")
	})
}

func TestNo_update_is_lost_among_many_writers(t *testing.T) {
	const writers, rounds = 6, 10
	eachPets(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		transact(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO pets (name, weight) VALUES ('scale', 0)`)
			return err
		})
		var wg sync.WaitGroup
		done := make([]int, writers)
		for w := range writers {
			wg.Go(func() {
				for range rounds {
					err := d.Transact(ctx, func(tx *db.Tx) error {
						n, err := db.One(ctx, tx, `SELECT CAST(weight AS INTEGER) FROM pets WHERE name = 'scale'`, nil, number)
						if err != nil {
							return err
						}
						_, err = tx.Exec(ctx, `UPDATE pets SET weight = ?1 WHERE name = 'scale'`, n+1)
						return err
					})
					if err == nil {
						done[w]++
					}
				}
			})
		}
		wg.Wait()
		sum := 0
		for _, n := range done {
			sum += n
		}
		var stored int64
		err := d.View(ctx, func(tx *db.Tx) (err error) {
			stored, err = db.One(ctx, tx, `SELECT CAST(weight AS INTEGER) FROM pets WHERE name = 'scale'`, nil, number)
			return err
		})
		if err != nil || stored != int64(sum) || sum < writers*rounds/2 {
			t.Errorf("%d acknowledged, %d stored (%v)", sum, stored, err)
		}
		if d.Engine() == db.SQLite && sum != writers*rounds {
			t.Errorf("SQLite refused %d", writers*rounds-sum)
		}
	})
}

func TestOpen_refuses_what_it_cannot_open(t *testing.T) {
	now, _ := dbtest.Clock(t)
	for _, dsn := range []string{"mysql://root:s3cret@h/x", "postgres://u:s3cret@127.0.0.1:1/x?connect_timeout=1",
		"postgres://u:s3cret@[bad/x", "postgres://u:s3cret@h/x?sslmode=perhaps", "sqlite::memory:", "",
		"host=h user=u password=s3cret", "postgres://127.0.0.1:1/x?user=u&password=s3cret&connect_timeout=1"} {
		d, err := db.Open(context.Background(), dsn, now)
		if err == nil {
			d.Close()
			t.Errorf("%s was opened", dsn)
			continue
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), "s3cret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// SQLite's writers queue, so only PostgreSQL can meet these.
func TestPostgreSQL_failures_are_survived(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		if d.Engine() != db.Postgres {
			return
		}
		ctx := context.Background()
		t.Run("a serialization failure runs the transaction again", func(t *testing.T) {
			transact(t, d, func(tx *db.Tx) error { return add(tx, "ann") })
			tries := 0
			transact(t, d, func(tx *db.Tx) error {
				tries++
				w, err := db.One(ctx, tx, `SELECT COALESCE(weight, 0) FROM pets WHERE name = 'ann'`, nil, weight)
				if err != nil {
					return err
				}
				if tries == 1 {
					transact(t, d, func(tx *db.Tx) error {
						_, err := tx.Exec(ctx, `UPDATE pets SET weight = 10 WHERE name = 'ann'`)
						return err
					})
				}
				// Swallowed by the caller's savepoint, the failure must still be seen.
				_ = tx.Savepoint(ctx, func() error {
					_, err := tx.Exec(ctx, `UPDATE pets SET weight = ?1 WHERE name = 'ann'`, w+1)
					return err
				})
				return nil
			})
			err := d.View(ctx, func(tx *db.Tx) error {
				w, err := db.One(ctx, tx, `SELECT weight FROM pets WHERE name = 'ann'`, nil, weight)
				if w != 11 || tries != 2 {
					t.Errorf("after %d tries the weight is %v", tries, w)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		t.Run("a connection that ends is replaced", func(t *testing.T) {
			for range 3 {
				err := d.Transact(ctx, func(tx *db.Tx) error {
					_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
					return err
				})
				if err == nil {
					t.Fatal("the connection did not end")
				}
				wantNames(t, d, "ann")
				transact(t, d, func(tx *db.Tx) error { _, err := tx.Exec(ctx, `UPDATE pets SET alive = ?1`, true); return err })
			}
		})
		t.Run("a connection that ended while idle is replaced unnoticed", func(t *testing.T) {
			transact(t, d, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
					WHERE pid <> pg_backend_pid() AND application_name = current_setting('application_name')`)
				return err
			})
			for range 20 {
				wantNames(t, d, "ann")
				transact(t, d, func(tx *db.Tx) error { _, err := tx.Exec(ctx, `UPDATE pets SET alive = ?1`, true); return err })
			}
		})
	})
}

func weight(row db.Scanner) (w float64, err error) { err = row.Scan(&w); return w, err }

func TestA_closed_database_says_so(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for _, begin := range []func(context.Context, func(*db.Tx) error) error{d.Transact, d.View} {
			if err := begin(context.Background(), func(*db.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestA_transaction_does_not_outlive_its_function(t *testing.T) {
	eachPets(t, func(t *testing.T, d *db.DB) {
		var kept *db.Tx
		transact(t, d, func(tx *db.Tx) error { kept = tx; return nil })
		if err := add(kept, "late"); err == nil || !strings.Contains(err.Error(), "has ended") {
			t.Errorf("got %v", err)
		}
		wantNames(t, d, "")
	})
}

// SQLite by itself plans a statement anew whenever another value is bound to its LIMIT, which every list does.
func Test_a_prepared_statement_keeps_its_plan_whatever_is_bound(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	ctx := context.Background()
	const q = `SELECT name FROM pets WHERE name > ?1 ORDER BY name LIMIT ?2`
	for i := range 5 {
		err := d.View(ctx, func(tx *db.Tx) error {
			_, err := db.All(ctx, tx, q, []any{fmt.Sprint("p", i), int64(10 + i)}, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if s := d.Spent()[q]; s.Runs != 5 || s.Plans != 0 {
		t.Errorf("%d runs, planned anew in %d", s.Runs, s.Plans)
	}
}
