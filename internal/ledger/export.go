package ledger

import (
	"context"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/translog"
)

// Export is one list that left the house as a file. A list on a screen is gone when it is closed, a file is
// not: who took one is written down, with a leaf in the log, before its first row goes out. What was searched
// for is not kept, since people type names there.
//
// law: PIPL/55, PIPL/56 (records of handling)
type Export struct {
	Ref    string     `json:"ref"` // its name in the log
	At     time.Time  `json:"at"`
	Actor  string     `json:"actor"`
	For    string     `json:"for,omitempty"` // whom the actor stood in for
	Unit   org.UnitID `json:"unit"`
	List   string     `json:"list"`   // which list, without the words that were searched for
	Format string     `json:"format"` // of the file
}

// LeafExport is the kind of its leaf.
const LeafExport = "export"

// Exporting writes down that somebody takes a list with them. Whoever hands out the file asks first.
func (l *Ledger) Exporting(ctx context.Context, who authz.Actor, e Export) (Export, error) {
	e.Actor, e.For = who.ID(), who.For()
	err := l.db.Transact(ctx, func(tx *db.Tx) error {
		e.Ref, e.At = l.drawLeaf(tx.Now), micro(tx.Now)
		hash, err := hashOf(e)
		if err != nil {
			return err
		}
		if err := putExport(ctx, tx, e, hash); err != nil {
			return err
		}
		return translog.Add(ctx, tx, LeafExport, e.Ref, hash)
	})
	return e, err
}

// Exports lists what an account took with it, newest first.
func (r *Reader) Exports(ctx context.Context, actor string, limit int) (out []Export, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = exportsOf(ctx, tx, actor, limit)
		return err
	})
	return out, err
}

// OpenedCount is how many cases were opened in one place about one thing, by how they stand.
type OpenedCount struct {
	Category string
	Place    org.UnitID
	Outcome  string
	N        int
}

// Opened counts the cases of categories that were opened in a span of time, without those under seal. The
// numbers are as they are: whoever shows them to anybody hides the small ones.
func (r *Reader) Opened(ctx context.Context, categories []string, from, before time.Time) (out []OpenedCount, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = countOpened(ctx, tx, categories, from, before)
		return err
	})
	return out, err
}
