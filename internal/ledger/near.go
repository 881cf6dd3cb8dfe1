package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

// Near lists at most limit open cases of one category that lie in some units and were opened at a time or later, as far as a
// scope lists them, newest first. Without units it looks everywhere.
func (r *Reader) Near(ctx context.Context, in authz.Scope, category string, places []org.UnitID, since time.Time, limit int) (out []Item, err error) {
	roots := r.roots(in, "")
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		for _, root := range roots {
			items, err := nearItems(ctx, tx, root, PublicFilter{Categories: []string{category}, Places: places, Open: true, Since: since, Limit: limit})
			if err != nil {
				return err
			}
			out = append(out, items...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	newest := func(a, b Item) int {
		return cmp.Or(Filter{Sort: "-opened"}.compare(a, b), cmp.Compare(b.Level, a.Level))
	}
	slices.SortFunc(out, newest)
	out = slices.CompactFunc(out, func(a, b Item) bool { return a.ID == b.ID }) // two roots may list one case
	return out[:min(limit, len(out))], nil
}

// PublishedNear lists the newest open cases of one category around a place, as far as show says. Of f it reads one category, the
// places, the time and the limit.
func (r *Reader) PublishedNear(ctx context.Context, f PublicFilter, show Show) (out []casework.Case, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		list, err := publicNear(ctx, tx, f)
		if err != nil {
			return err
		}
		for _, s := range list {
			p := show(s.c.Private(nil, veiled))
			if p == PublicNothing {
				continue
			}
			c, err := r.publish(ctx, tx, s, p)
			if err != nil {
				return err
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}
