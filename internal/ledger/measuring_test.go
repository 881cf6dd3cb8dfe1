package ledger_test

import (
	"errors"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
)

func Test_an_empty_city_is_marked_for_measuring_and_stays_so(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if marked, err := ledger.Measuring(t.Context(), d); err != nil || marked {
			t.Fatalf("a database without tables: %v, %v", marked, err)
		}
		c := newCity(t, d)
		if marked, err := ledger.Measuring(t.Context(), d); err != nil || marked {
			t.Fatalf("an empty city: %v, %v", marked, err)
		}
		for range 2 {
			if err := ledger.MarkMeasuring(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.open("a"); err != nil {
			t.Fatal(err)
		}
		if err := ledger.MarkMeasuring(t.Context(), d); err != nil {
			t.Errorf("marked again when it holds cases: %v", err)
		}
		if marked, err := ledger.Measuring(t.Context(), d); err != nil || !marked {
			t.Errorf("marked: %v, %v", marked, err)
		}
	})
}

func Test_a_city_with_cases_of_people_is_never_marked_for_measuring(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		if _, err := c.open("a"); err != nil {
			t.Fatal(err)
		}
		if err := ledger.MarkMeasuring(t.Context(), d); !errors.Is(err, ledger.ErrNotEmpty) {
			t.Errorf("got %v", err)
		}
		if marked, err := ledger.Measuring(t.Context(), d); err != nil || marked {
			t.Errorf("marked: %v, %v", marked, err)
		}
	})
}
