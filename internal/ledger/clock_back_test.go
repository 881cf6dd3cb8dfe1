package ledger_test

import (
	"testing"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func Test_where_the_clock_was_set_back_no_event_is_older_than_the_one_before_it(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newCity(t, d)
		r, err := c.open("k")
		if err != nil {
			t.Fatal(err)
		}
		set(dbtest.Start.Add(-3 * time.Hour))
		if _, err := c.l.Do(t.Context(), everyone(c.pack), casework.Command{Case: r.Case, Version: 1, Act: "accept", Key: "a"}); err != nil {
			t.Fatal(err)
		}
		events, err := c.r.Events(t.Context(), r.Case)
		if err != nil || len(events) != 2 || events[1].At.Before(events[0].At) {
			t.Errorf("events %+v, %v", events, err)
		}
		c.whole()
	})
}
