package ledger

import (
	"context"
	"slices"
	"sync"

	"comity/internal/db"
)

// refBlock is how many numbers of a series a node takes at once on PostgreSQL.
const refBlock = 16

// numbered is a number that was drawn from a series; the zero value is none.
type numbered struct {
	series string
	n      int64
}

// refs draws the public numbers of cases. SQLite has one writer, so there they are drawn one by one in the writer's
// transaction, and a number whose case did not come to be is drawn again. On PostgreSQL the row of a series would be
// waited for by every node that opens a case, until the other's batch is stored: there a node takes some numbers at once,
// in a transaction of its own, and hands them out. A case's number stays its own for ever; what a node had left when
// it ended is not handed out again.
type refs struct {
	db    *db.DB
	mu    sync.Mutex
	spare map[string][]int64 // series → numbers in their order
}

func (r *refs) next(ctx context.Context, tx *db.Tx, series string) (numbered, error) {
	if tx.Engine() == db.SQLite {
		n, err := next(ctx, tx, series, 1)
		return numbered{series, n}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spare[series]) == 0 {
		if err := r.block(series); err != nil {
			return numbered{}, err
		}
	}
	n := r.spare[series][0]
	r.spare[series] = r.spare[series][1:]
	return numbered{series, n}, nil
}

// block takes numbers beside the caller's transaction, which therefore holds nothing that others wait for.
func (r *refs) block(series string) error {
	ctx := context.Background()
	var last int64
	err := r.db.Take(ctx, func(tx *db.Tx) (err error) { // who wants to be alone must not wait for it
		last, err = next(ctx, tx, series, refBlock)
		return err
	})
	if err != nil {
		return err
	}
	if r.spare == nil {
		r.spare = map[string][]int64{}
	}
	r.spare[series] = nil
	for n := last - refBlock + 1; n <= last; n++ {
		r.spare[series] = append(r.spare[series], n)
	}
	return nil
}

// give takes the number of a case back that did not come to be.
func (r *refs) give(a *result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := a.drawn; r.spare[d.series] != nil {
		at, _ := slices.BinarySearch(r.spare[d.series], d.n)
		r.spare[d.series] = slices.Insert(r.spare[d.series], at, d.n)
	}
	a.drawn = numbered{}
}

// back is give for a batch of which nothing was stored.
func (r *refs) back(results []result) {
	for i := range results {
		r.give(&results[i])
	}
}
