package translog

import (
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func Test_a_log_that_was_grown_at_once_is_the_log_that_came_one_by_one(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		l := testLog(d, 1)
		const first, grown, last = 13, 300, 5
		leaves := add(t, d, 0, first)
		if err := d.Transact(ctx, func(tx *db.Tx) error { _, err := Grow(ctx, tx); return err }); err == nil {
			t.Error("a log grows while entries wait for their place")
		}
		if _, err := l.Sequence(ctx); err != nil {
			t.Fatal(err)
		}
		for from := first; from < first+grown; from += 100 { // each time with what is left of the edge in the tables alone
			err := d.Transact(ctx, func(tx *db.Tx) error {
				g, err := Grow(ctx, tx)
				if err != nil {
					return err
				}
				for i := from; i < from+100; i++ {
					e := record(i)
					leaf := NewLeaf(e.Kind, e.ID, e.Hash)
					leaves = append(leaves, leaf.leaf)
					g.Add(leaf)
				}
				return g.Load(ctx, tx)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		leaves = append(leaves, add(t, d, first+grown, first+grown+last)...)
		if err := l.Tick(ctx); err != nil {
			t.Fatal(err)
		}
		h, err := l.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if h.Size != first+grown+last || h.Root != naive(leaves) {
			t.Errorf("the head has %d records and the root %v", h.Size, h.Root)
		}
		if seen, err := l.Check(ctx, nil); err != nil || seen.Entries != h.Size || seen.Waiting != 0 {
			t.Errorf("the check finds %+v, %v", seen, err)
		}
	})
}
