package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/vault"
)

// Due clocks must be found as fast among a million as among ten, so the plan may not read the table.
func Test_due_clocks_are_found_through_their_index(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	ctx := context.Background()
	l, err := Open(ctx, d, Config{Ring: vault.Memory("civic", "std")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	for _, q := range []struct {
		text string
		args []any
	}{
		{"claim", []any{int64(1), int64(0), int64(1), int64(1)}},
		{nextText, []any{int64(0)}},
	} {
		var plan []string
		err := d.Transact(ctx, func(tx *db.Tx) (err error) {
			if q.text == "claim" {
				q.text = claimText(tx)
			}
			plan, err = db.All(ctx, tx, `EXPLAIN QUERY PLAN `+q.text, q.args, func(row db.Scanner) (detail string, err error) {
				var id, parent, unused int64
				return detail, row.Scan(&id, &parent, &unused, &detail)
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(plan, "\n")
		if !strings.Contains(all, "timers_due") || strings.Contains(all, "SCAN timers") || strings.Contains(all, "TEMP B-TREE") {
			t.Errorf("the plan reads more than what is due:\n%s", all)
		}
	}
}

func Test_clocks_of_unassigned_cases_come_first(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		l, err := Open(ctx, d, Config{Ring: vault.Memory("civic", "std")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		at := func(minutes int) int64 { return db.Micros(dbtest.Start.Add(time.Duration(minutes) * time.Minute)) }
		err = d.Transact(ctx, func(tx *db.Tx) error {
			for i, r := range []struct {
				clock       string
				prio, fires int64
			}{{"c", 1, at(-9)}, {"c", 0, at(-2)}, {"c", 0, at(-5)}, {"c", 0, at(5)}, {"c", 1, at(-1)}, {"z", 0, at(-3)}, {"a", 0, at(-3)}} {
				_, err := tx.Exec(ctx, `INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (?1, ?2, ?3, ?4, 0)`, int64(min(i+1, 6)), r.clock, r.fires, r.prio)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 4 {
			err := d.Transact(ctx, func(tx *db.Tx) error {
				due, err := claimTimers(ctx, tx, 2)
				for _, t := range due {
					got = append(got, fmt.Sprint(t.n, t.clock))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"3c", "6a", "6z", "2c", "1c", "5c"}; !slices.Equal(got, want) {
			t.Errorf("claimed %v, want %v: unassigned first, then by date, of one instant by clock, none twice, none early", got, want)
		}
	})
}

// After a new calendar a million dates are counted again in small batches; each batch may read what it
// takes, and no more.
func Test_dates_to_count_again_are_found_through_their_index(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	l, err := Open(t.Context(), d, Config{Ring: vault.Memory("civic", "std")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	var plan []string
	err = d.View(t.Context(), func(tx *db.Tx) (err error) {
		plan, err = db.All(t.Context(), tx, `EXPLAIN QUERY PLAN `+otherwiseText, []any{"a", "b", int64(1)}, func(row db.Scanner) (detail string, err error) {
			var id, parent, unused int64
			return detail, row.Scan(&id, &parent, &unused, &detail)
		})
		return err
	})
	if all := strings.Join(plan, "\n"); err != nil || !strings.Contains(all, "COVERING INDEX timers_calendar") || strings.Contains(all, "TEMP B-TREE") {
		t.Errorf("the plan reads more than a batch (%v):\n%s", err, all)
	}
}

// One clock runs out among many that do not: what it costs to find it, and to find out that there is none, does not
// depend on how many.
func Test_a_clock_that_runs_out_is_found_among_many_as_among_few(t *testing.T) {
	steps := map[int]int64{}
	for _, others := range []int{10, 5000} {
		d := dbtest.OpenSQLite(t)
		ctx := context.Background()
		l, err := Open(ctx, d, Config{Ring: vault.Memory("civic", "std")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		err = d.Transact(ctx, func(tx *db.Tx) error {
			for i := range others + 1 {
				at := dbtest.Start.Add(time.Duration(i) * time.Hour)
				if _, err := tx.Exec(ctx, `INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (?1, 'c', ?2, ?3, 0)`, i+1, db.Micros(at), i%2); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		d.Spent()
		for _, want := range []int{1, 0} {
			err := d.Take(ctx, func(tx *db.Tx) error {
				due, err := claimTimers(ctx, tx, 200)
				if len(due) != want {
					t.Errorf("%d clocks among %d, want %d", len(due), others, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if next, err := l.NextFree(ctx); err != nil || !next.Equal(dbtest.Start.Add(time.Hour)) {
				t.Errorf("next %v (%v)", next, err)
			}
		}
		for _, s := range d.Spent() {
			steps[others] += s.Steps
		}
	}
	if steps[5000] > steps[10]*11/10 {
		t.Errorf("steps by number of clocks: %v", steps)
	}
}
