package ledger

import (
	"context"
	"fmt"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
)

// notableOf says what of an event is news to the units above: a promised date that passed, or a date
// that comes near.
func notableOf(e casework.Event) (kind NewsKind, clock string) {
	switch {
	case e.Late:
		return NewsLate, e.Expired
	case e.Alert != "":
		return NewsRisk, e.Alert
	}
	return "", ""
}

// putNotable writes the news of an event, a row for each unit that lists the case after it.
func (s *stored) putNotable(ctx context.Context, tx *db.Tx, e casework.Event) error {
	kind, clock := notableOf(e)
	if kind == "" {
		return nil
	}
	var b strings.Builder
	b.WriteString(`INSERT INTO notable (at, n, kind, clock, unit) VALUES `)
	args := []any{db.Micros(e.At), s.n, string(kind), clock}
	for i, unit := range listers(s.d.Units.Path, rowsOf(s.c)) {
		if i > 0 {
			b.WriteString(", ")
		}
		args = append(args, string(unit))
		fmt.Fprintf(&b, "(?1, ?2, ?3, ?4, ?%d)", len(args))
	}
	b.WriteString(` ON CONFLICT (unit, kind, at, n, clock) DO NOTHING`)
	return tx.Send(ctx, b.String(), args...)
}

// newsText reads one page of a unit's news. The range and its order are the key's; the case must still
// stand in the unit's list.
func newsText(root authz.Root, f NewsFilter, after newsCursor) (string, []any) {
	w := &where{}
	w.and("m.unit = %s", string(root.Unit))
	w.and("m.kind = %s", string(f.Kind))
	w.and("m.at >= %s", db.Micros(f.Since))
	if after.set {
		w.and("(m.at, m.n, m.clock) < (%s, %s, %s)", after.at, after.n, after.clock)
	}
	w.scope(root)
	q := `SELECT m.at, m.clock, ` + itemColumns + ` FROM notable m JOIN cases c ON c.n = m.n
 JOIN worklist w ON w.unit = m.unit AND w.is_open = c.is_open AND w.sort_at = c.sort_at AND w.n = c.n
 WHERE ` + w.String() + ` ORDER BY m.at DESC, m.n DESC, m.clock DESC LIMIT ` + w.arg(int64(f.Limit+1))
	return q, w.args
}

func listNews(ctx context.Context, tx *db.Tx, root authz.Root, f NewsFilter, after newsCursor) ([]News, error) {
	q, args := newsText(root, f, after)
	news, err := db.All(ctx, tx, q, args, scanNews)
	for i := range news {
		news[i].Item.tell(root.Level)
	}
	return news, err
}

func scanNews(row db.Scanner) (n News, err error) {
	var at int64
	n.Item, err = scanItem(headed{row, []any{&at, &n.Clock}})
	n.At = db.FromMicros(at)
	return n, err
}

// headed reads columns of its own before those the reader behind it asks for.
type headed struct {
	row  db.Scanner
	head []any
}

func (h headed) Scan(into ...any) error { return h.row.Scan(append(h.head, into...)...) }
