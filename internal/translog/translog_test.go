package translog

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func migrated(t *testing.T, d *db.DB) {
	t.Helper()
	if err := Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func record(i int) Entry {
	sum := sha256.Sum256([]byte(fmt.Sprint("record ", i)))
	return Entry{Kind: "event", ID: fmt.Sprintf("%x", sum[:12]), Hash: sum[:]}
}

func add(t *testing.T, d *db.DB, from, to int) (leaves []tlog.Hash) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		for i := from; i < to; i++ {
			e := record(i)
			leaves = append(leaves, e.Leaf())
			if err := Add(t.Context(), tx, e.Kind, e.ID, e.Hash); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaves
}

// naive is the tree hash as RFC 6962 section 2.1 writes it.
func naive(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := naive(leaves[:k]), naive(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func rootOf(t *testing.T, d *db.DB) (size int64, root tlog.Hash) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		if size, err = treeSize(t.Context(), tx); err == nil {
			root, err = tlog.TreeHash(size, stored(t.Context(), tx))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size, root
}

func Test_sequenced_entries_make_the_tree_of_RFC_6962(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		l := &Log{DB: d}
		var leaves []tlog.Hash
		for _, n := range []int{1, 1, 2, 5, batch - 3, 2*batch + 1} {
			leaves = append(leaves, add(t, d, len(leaves), len(leaves)+n)...)
			if got, err := l.Sequence(context.Background()); err != nil || got != n {
				t.Fatalf("sequenced %d, %v; want %d", got, err, n)
			}
			size, root := rootOf(t, d)
			if size != int64(len(leaves)) || root != naive(leaves) {
				t.Fatalf("size %d root %v, want %d %v", size, root, len(leaves), naive(leaves))
			}
		}
		if got, err := l.Sequence(context.Background()); err != nil || got != 0 {
			t.Fatalf("sequenced %d more, %v", got, err)
		}
	})
}

func Test_ids_one_could_count_with_and_short_hashes_are_refused(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	migrated(t, d)
	good := record(1)
	for _, e := range []Entry{
		{Kind: "event", ID: "17", Hash: good.Hash}, {Kind: "event", ID: "with a space in the id", Hash: good.Hash},
		{Kind: "", ID: good.ID, Hash: good.Hash}, {Kind: "a\x00b", ID: good.ID, Hash: good.Hash}, {Kind: "event", ID: good.ID, Hash: good.Hash[:31]},
	} {
		if err := d.Transact(t.Context(), func(tx *db.Tx) error { return Add(t.Context(), tx, e.Kind, e.ID, e.Hash) }); err == nil {
			t.Errorf("%+v was recorded", e)
		}
	}
	add(t, d, 1, 2)
	if err := d.Transact(t.Context(), func(tx *db.Tx) error { return Add(t.Context(), tx, good.Kind, good.ID, good.Hash) }); !db.IsUnique(err) {
		t.Errorf("recorded twice: %v", err)
	}
}
