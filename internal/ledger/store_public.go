package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"comity/internal/db"
)

// publicBatch is how many cases are read at once while a list is filled.
const publicBatch = 200

// drawnLater bounds how far the key of a case may lie behind the time it was opened (see drawNumber).
const drawnLater = time.Minute

// publicCases walks over the cases a filter names, newest first. The key of a case begins with the time it was
// opened, so that a span of time is a range of the primary key.
func publicCases(ctx context.Context, tx *db.Tx, f PublicFilter) iter.Seq2[*stored, error] {
	return func(yield func(*stored, error) bool) {
		if len(f.Categories) == 0 {
			return
		}
		last := int64(1<<63 - 1)
		if !f.Before.IsZero() {
			last = firstKey(f.Before.Add(drawnLater))
		}
		for {
			w := &where{parts: []string{"sealed = 0"}}
			w.and("n < %s", last)
			f.public(w)
			rows, err := db.All(ctx, tx, `SELECT n, doc FROM cases WHERE `+w.String()+` ORDER BY n DESC LIMIT `+w.arg(int64(publicBatch)), w.args, scanStored)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, s := range rows {
				if slices.Contains(f.Categories, s.c.Category) && !yield(s, nil) {
					return
				}
			}
			if len(rows) < publicBatch {
				return
			}
			last = rows[len(rows)-1].n
		}
	}
}

// public adds the parts of a filter beside the place in the list.
func (f PublicFilter) public(w *where) {
	w.category("category", f.Categories)
	if f.Open != f.Closed {
		w.and("is_open = %s", db.Flag(f.Open))
	}
	if !f.Since.IsZero() {
		w.and("n >= %s", firstKey(f.Since))
		w.and("opened_at >= %s", db.Micros(f.Since))
	}
	if !f.Before.IsZero() {
		w.and("opened_at < %s", db.Micros(f.Before))
	}
}

// maxNamed is how many categories a statement names; of a longer list each case is asked for its own.
const maxNamed = 80

// category asks for one category by an index that begins with it. Lists of several are read newest first, by number: what
// such an index gives would have to be sorted whole, so the column is kept from it.
func (w *where) category(column string, list []string) {
	switch {
	case len(list) == 1:
		w.and(column+" = %s", list[0])
	case len(list) <= maxNamed:
		w.in(column+" || ''", list)
	}
}

func scanStored(row db.Scanner) (*stored, error) {
	s := &stored{}
	var doc string
	if err := row.Scan(&s.n, &doc); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(doc), &s.c); err != nil {
		return nil, fmt.Errorf("%w: case %s: %w", errUnreadCase, caseID(s.n), err)
	}
	return s, nil
}

// eventMark is where an event stands.
type eventMark struct {
	n   int64
	seq int
}

// publicEvents lists what happened to cases of the categories in a span of time, oldest first.
func publicEvents(ctx context.Context, tx *db.Tx, categories []string, from, to time.Time, limit int) ([]eventMark, error) {
	if len(categories) == 0 {
		return nil, nil
	}
	w := &where{parts: []string{"c.sealed = 0"}}
	w.and("e.at >= %s AND e.at <= %s", db.Micros(from), db.Micros(to))
	w.category("c.category", categories)
	return db.All(ctx, tx, `SELECT e.n, e.seq FROM events e JOIN cases c ON c.n = e.n WHERE `+w.String()+` ORDER BY e.at, e.n, e.seq LIMIT `+w.arg(int64(limit)), w.args,
		func(row db.Scanner) (m eventMark, err error) { return m, row.Scan(&m.n, &m.seq) })
}
