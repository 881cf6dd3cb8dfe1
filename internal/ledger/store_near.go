package ledger

import (
	"context"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// nearLooked is how many cases around a place are held against a root's list: with it the price is bounded, however many there
// are in a large city.
const nearLooked = 400

// nearItems reads of the newest open cases of one category in some units those that a root lists. It begins at the places, by
// an index that has all it needs: how long the root's list is does not matter.
func nearItems(ctx context.Context, tx *db.Tx, root authz.Root, f PublicFilter) ([]Item, error) {
	w := &where{}
	inner := f.newest(w, nearLooked)
	w.parts = nil
	w.scope(root)
	q := "SELECT " + itemColumns + " FROM (" + inner + ") k JOIN cases c ON c.n = k.n JOIN worklist w ON w.n = c.n AND w.is_open = c.is_open AND w.sort_at = c.sort_at WHERE " +
		w.String() + " ORDER BY c.n DESC LIMIT " + w.arg(int64(f.Limit))
	items, err := db.All(ctx, tx, q, w.args, scanItem)
	for i := range items {
		items[i].tell(root.Level)
	}
	return items, err
}

// newest selects the numbers of the newest cases of one category around a place.
func (f PublicFilter) newest(w *where, limit int) string {
	w.and("is_open = %s", db.Flag(f.Open))
	w.and("category = %s", f.Categories[0])
	w.places("place_unit", f.Places)
	if !f.Since.IsZero() {
		w.and("n >= %s", firstKey(f.Since))
	}
	return "SELECT n FROM cases WHERE " + w.String() + " ORDER BY n DESC LIMIT " + w.arg(int64(limit))
}

// publicNear reads the newest public cases around a place. The numbers come from an index; of the rest only what is shown is
// read.
func publicNear(ctx context.Context, tx *db.Tx, f PublicFilter) ([]*stored, error) {
	w := &where{}
	inner := f.newest(w, f.Limit)
	return db.All(ctx, tx, "SELECT c.n, c.doc FROM ("+inner+") k JOIN cases c ON c.n = k.n WHERE c.sealed = 0 ORDER BY c.n DESC", w.args, scanStored)
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
