package ledger

import (
	"context"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// nearItems reads the newest open cases of one category in some units, of those that a root lists. It begins at the places,
// by an index: how long the root's list is does not matter.
func nearItems(ctx context.Context, tx *db.Tx, root authz.Root, category string, places []org.UnitID, since time.Time, limit int) ([]Item, error) {
	w := &where{parts: []string{"c.is_open = 1"}}
	w.and("c.category = %s", category)
	w.places("c.place_unit", places)
	if !since.IsZero() {
		w.and("c.n >= %s", since.UnixMicro()<<10)
	}
	w.scope(root)
	q := "SELECT " + itemColumns + " FROM cases c JOIN worklist w ON w.n = c.n AND w.is_open = c.is_open AND w.sort_at = c.sort_at WHERE " + w.String() +
		" ORDER BY c.n DESC LIMIT " + w.arg(int64(limit))
	items, err := db.All(ctx, tx, q, w.args, scanItem)
	for i := range items {
		items[i].tell(root.Level)
	}
	return items, err
}

// places narrows to units; none of them narrows nothing.
func (w *where) places(column string, units []org.UnitID) {
	if len(units) == 0 {
		return
	}
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = string(u)
	}
	w.in(column, names)
}
