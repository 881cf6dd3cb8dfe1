package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
	"comity/internal/receipt"
)

var (
	// ErrNoEntry says that nothing is recorded under this kind and id.
	ErrNoEntry = errors.New("translog: there is no such record")
	// ErrNotYet says that the record is not under the head asked for; the next one, within a minute, has it.
	ErrNotYet = errors.New("translog: the record is not under that head yet")
	// ErrSizes says that a proof was asked for between sizes the log never had.
	ErrSizes = errors.New("translog: no proof between these sizes")
)

// Proof shows that a record stands in the tree of a size.
type Proof struct {
	Entry Entry
	Size  int64
	Path  receipt.Path
}

// Proof of inclusion in the tree of size records; 0 means the newest signed head.
func (l *Log) Proof(ctx context.Context, kind, id string, size int64) (p Proof, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		if size == 0 {
			last, err := lastHead(ctx, tx)
			if errors.Is(err, ErrNoHead) {
				return ErrNotYet
			}
			if err != nil {
				return err
			}
			size = last.size
		}
		p, err = prove(ctx, tx, kind, id, size)
		return err
	})
	return p, err
}

// Holds makes sure that a record stands in the log with this hash, whether it has its place yet or not:
// the side of a check that only who knows the ids can do. Of several ids, which are names one thing had in
// different times, the first that is there counts. The error is [ErrNoEntry] or a [*Difference].
func Holds(ctx context.Context, tx *db.Tx, kind string, hash []byte, ids ...string) error {
	e, err := firstOf(ctx, tx, kind, ids)
	if err != nil {
		return err
	}
	if !bytes.Equal(e.Hash, hash) {
		return &Difference{"entry", e.Pos, fmt.Sprintf("(%s %s) does not have the hash of what it records", kind, e.ID)}
	}
	return nil
}

// NameOf is the first of ids that stands in the log, or [ErrNoEntry].
func NameOf(ctx context.Context, tx *db.Tx, kind string, ids ...string) (string, error) {
	e, err := firstOf(ctx, tx, kind, ids)
	return e.ID, err
}

func firstOf(ctx context.Context, tx *db.Tx, kind string, ids []string) (Entry, error) {
	for _, id := range ids {
		if e, err := entryBy(ctx, tx, kind, id); !errors.Is(err, db.ErrNoRows) {
			return e, err
		}
	}
	return Entry{}, fmt.Errorf("%w: %s %s", ErrNoEntry, kind, ids[0])
}

func prove(ctx context.Context, tx *db.Tx, kind, id string, size int64) (Proof, error) {
	e, err := firstOf(ctx, tx, kind, []string{id})
	if err != nil {
		return Proof{}, err
	}
	have, err := treeSize(ctx, tx)
	switch {
	case err != nil:
		return Proof{}, err
	case size < 0 || size > have:
		return Proof{}, ErrSizes
	case e.Pos < 0 || e.Pos >= size:
		return Proof{}, ErrNotYet
	}
	path, err := tlog.ProveRecord(size, e.Pos, stored(ctx, tx))
	return Proof{Entry: e, Size: size, Path: receipt.Path(path)}, err
}

// Consistency proves that the tree of from records is the beginning of the tree of to records.
func (l *Log) Consistency(ctx context.Context, from, to int64) (path []tlog.Hash, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		have, err := treeSize(ctx, tx)
		if err != nil {
			return err
		}
		if from < 1 || from > to || to > have {
			return fmt.Errorf("%w: %d to %d of %d", ErrSizes, from, to, have)
		}
		path, err = tlog.ProveTree(to, from, stored(ctx, tx))
		return err
	})
	return path, err
}

// Subject is what a receipt is about.
type Subject struct {
	Case, Event string
	At          time.Time
	Hash        []byte // of the stored event; with the rest it makes the record's hash, see receipt.Digest
}

// Receipt is the proof for a resident, under the newest head. Until the record is under a signed head,
// at most a minute, the error is [ErrNotYet].
func (l *Log) Receipt(ctx context.Context, kind, id string, about Subject) (r receipt.Receipt, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		last, err := lastHead(ctx, tx)
		if errors.Is(err, ErrNoHead) {
			return ErrNotYet
		}
		if err != nil {
			return err
		}
		p, err := prove(ctx, tx, kind, id, last.size)
		if err != nil {
			return err
		}
		r, err = l.receipt(p, last, about)
		return err
	})
	return r, err
}

func (l *Log) receipt(p Proof, s signed, about Subject) (receipt.Receipt, error) {
	if len(p.Entry.Hash) != tlog.HashSize || len(about.Hash) != tlog.HashSize {
		return receipt.Receipt{}, fmt.Errorf("translog: a receipt for %s %s needs hashes of %d bytes", p.Entry.Kind, p.Entry.ID, tlog.HashSize)
	}
	r := receipt.Receipt{Format: 1, Case: about.Case, Event: about.Event, At: about.At.UTC(), Hash: tlog.Hash(about.Hash),
		Record: receipt.Record{Kind: p.Entry.Kind, ID: p.Entry.ID, Hash: tlog.Hash(p.Entry.Hash)},
		Pos:    p.Entry.Pos, Proof: p.Path, Head: l.head(s).Text(), Key: s.key}
	if _, err := r.Verify(receipt.Expect{Keys: l.Keys(), Origin: l.Origin, Verify: l.verify}); err != nil {
		return receipt.Receipt{}, fmt.Errorf("translog: %s %s proves nothing: %w; run comity verify", p.Entry.Kind, p.Entry.ID, err)
	}
	return r, nil
}
