package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
)

// Difference is the first thing in which the log is not what it must be.
type Difference struct {
	What string // entry, hash, head
	At   int64  // position of the entry, index of the hash, size of the head
	Why  string
}

func (d *Difference) Error() string {
	return fmt.Sprintf("translog: %s %d: %s", d.What, d.At, d.Why)
}

// Checked is what a check has been through.
type Checked struct{ Entries, Hashes, Heads, Waiting int64 }

// Check derives the whole tree again from the entries, compares every stored hash, and every signed
// head with its signature; the first difference is the error, a [*Difference]. record, unless nil, is
// asked about each entry outside any transaction and compares it with what it records. It may run beside
// the server: what is added meanwhile is left for the next check.
func (l *Log) Check(ctx context.Context, record func(context.Context, Entry) error) (Checked, error) {
	c := &checker{l: l, record: record, next: math.MinInt64, hash: math.MinInt64, headSize: math.MinInt64}
	if err := l.DB.View(ctx, func(tx *db.Tx) (err error) { c.size, err = treeSize(ctx, tx); return err }); err != nil {
		return c.seen, err
	}
	if err := c.heads(ctx); err != nil {
		return c.seen, err
	}
	for c.seen.Entries < c.size {
		if err := c.page(ctx); err != nil {
			return c.seen, err
		}
	}
	return c.seen, c.tail(ctx)
}

// checker walks the entries once. hashes and heads are read beside them, both in the order of the tree.
type checker struct {
	l      *Log
	record func(context.Context, Entry) error
	seen   Checked
	size   int64

	next     int64 // last position read
	hash     int64 // last index of a stored hash read
	headSize int64 // last head read
	headAt   int64
	ahead    []signed // heads read and not yet met
	allHeads bool     // the last has been read

	frontier [64]tlog.Hash // the newest full subtree of each level: all that later hashes depend on
}

const checkPage = 512

func (c *checker) page(ctx context.Context) error {
	var entries []Entry
	var hashes []indexed
	err := c.l.DB.View(ctx, func(tx *db.Tx) (err error) {
		if entries, err = placedAfter(ctx, tx, c.next, checkPage); err != nil {
			return err
		}
		hashes, err = hashesAfter(ctx, tx, c.hash, 2*checkPage+64)
		return err
	})
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return &Difference{"entry", c.seen.Entries, "is missing"}
	}
	for _, e := range entries {
		if c.seen.Entries == c.size {
			return nil
		}
		if hashes, err = c.entry(e, hashes); err != nil {
			return err
		}
		if c.record != nil {
			if err := c.record(ctx, e); err != nil {
				return err
			}
		}
		if err := c.heads(ctx); err != nil {
			return err
		}
	}
	return nil
}

// entry checks one entry and the hashes that came into the tree with it.
func (c *checker) entry(e Entry, hashes []indexed) ([]indexed, error) {
	n := c.seen.Entries
	if e.Pos != n {
		return nil, &Difference{"entry", n, "is missing"}
	}
	if !kinds.MatchString(e.Kind) || !ids.MatchString(e.ID) || len(e.Hash) != tlog.HashSize {
		return nil, &Difference{"entry", n, "has a kind, an id or a hash that could not have been recorded"}
	}
	want, err := tlog.StoredHashesForRecordHash(n, e.Leaf(), c.reader())
	if err != nil {
		return nil, err
	}
	first := tlog.StoredHashIndex(0, n)
	for level, h := range want {
		index := first + int64(level)
		switch {
		case len(hashes) == 0 || hashes[0].index != index:
			return nil, &Difference{"hash", index, "is missing"}
		case !bytes.Equal(hashes[0].hash, h[:]) && level == 0:
			return nil, &Difference{"entry", n, fmt.Sprintf("(%s %s) is not what was put into the tree", e.Kind, e.ID)}
		case !bytes.Equal(hashes[0].hash, h[:]):
			return nil, &Difference{"hash", index, "does not follow from the entries"}
		}
		c.frontier[level] = h
		c.hash = index
		hashes = hashes[1:]
		c.seen.Hashes++
	}
	c.next = n
	c.seen.Entries++
	return hashes, nil
}

func (c *checker) reader() tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, _ := tlog.SplitStoredHashIndex(index)
			out[i] = c.frontier[level]
		}
		return out, nil
	}
}

// heads checks every head of the tree as it is now.
func (c *checker) heads(ctx context.Context) error {
	for {
		if err := c.readHeads(ctx); err != nil {
			return err
		}
		if len(c.ahead) == 0 || c.ahead[0].size > c.seen.Entries {
			return nil
		}
		s := c.ahead[0]
		if err := c.head(s); err != nil {
			return err
		}
		c.ahead = c.ahead[1:]
		c.headSize, c.headAt = s.size, s.at
		c.seen.Heads++
	}
}

// readHeads reads on when all that were read have been met.
func (c *checker) readHeads(ctx context.Context) error {
	if len(c.ahead) > 0 || c.allHeads {
		return nil
	}
	err := c.l.DB.View(ctx, func(tx *db.Tx) (err error) {
		c.ahead, err = headsAfter(ctx, tx, c.headSize, c.headAt, checkPage)
		return err
	})
	c.allHeads = err == nil && len(c.ahead) == 0
	return err
}

func (c *checker) head(s signed) error {
	root, err := tlog.TreeHash(c.seen.Entries, c.reader())
	if err != nil {
		return err
	}
	switch {
	case s.size != c.seen.Entries:
		return &Difference{"head", s.size, "has a size no tree can have"}
	case s.root != root:
		return &Difference{"head", s.size, fmt.Sprintf("has the root %v, the entries give %v", s.root, root)}
	case !slices.Contains(c.l.Keys(), s.key):
		return &Difference{"head", s.size, "is signed by a key that is not ours: " + s.key}
	case s.at%1e6 != 0 || !c.l.head(s).Signed(s.key, c.l.verify): // heads are signed in whole seconds
		return &Difference{"head", s.size, "is not signed by its key"}
	}
	return nil
}

// tail looks behind the end of the tree, where nothing may be that was there when the check began.
func (c *checker) tail(ctx context.Context) error {
	return c.l.DB.View(ctx, func(tx *db.Tx) error {
		now, err := treeSize(ctx, tx)
		if err != nil {
			return err
		}
		c.seen.Waiting, err = countWaiting(ctx, tx)
		if err != nil {
			return err
		}
		last, err := lastHash(ctx, tx)
		if err != nil {
			return err
		}
		if count := tlog.StoredHashCount(now); last >= count {
			return &Difference{"hash", last, "belongs to no entry"}
		}
		head, err := lastHead(ctx, tx)
		if err == nil && head.size > now {
			return &Difference{"head", head.size, fmt.Sprintf("was signed over records that are gone: there are %d", now)}
		}
		if errors.Is(err, ErrNoHead) {
			return nil
		}
		return err
	})
}

// Count is how many entries of a kind there are, placed or waiting.
func Count(ctx context.Context, tx *db.Tx, kind string) (int64, error) {
	return countKind(ctx, tx, kind)
}

// Names are the ids of all entries of a kind, placed or waiting.
func Names(ctx context.Context, tx *db.Tx, kind string) iter.Seq2[string, error] {
	return namesOf(ctx, tx, kind)
}
