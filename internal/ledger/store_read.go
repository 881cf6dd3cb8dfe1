package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

const itemColumns = `c.n, c.ref, c.pack, c.programme, c.procedure, c.category, c.state, c.is_open, c.sort_at, c.clock, c.paused, c.holder,
 c.assignee, c.offered, c.place_unit, c.address, c.title, c.opened_at, c.changed_at, c.files, c.raised, c.late, c.outcome, c.source, c.seq`

func scanItem(row db.Scanner) (Item, error) {
	var i Item
	var n, open, sortAt, paused, opened, changed, late int64
	err := row.Scan(&n, &i.Ref, &i.Pack, &i.Programme, &i.Procedure, &i.Category, &i.State, &open, &sortAt, &i.Clock, &paused, &i.Holder,
		&i.Assignee, &i.Offered, &i.PlaceUnit, &i.Address, &i.Title, &opened, &changed, &i.Files, &i.Raised, &late, &i.Outcome, &i.Source, &i.Seq)
	i.ID, i.Open, i.Paused, i.Late = caseID(n), open == 1, paused == 1, late == 1
	i.Opened, i.Changed = db.FromMicros(opened), db.FromMicros(changed)
	switch {
	case !i.Open:
		i.Closed = db.FromMicros(sortAt)
	case sortAt != never:
		i.Due = db.FromMicros(sortAt)
	}
	return i, err
}

// where builds a condition and its numbered arguments side by side.
type where struct {
	parts []string
	args  []any
}

// arg binds a value and returns its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("?%d", len(w.args))
}

func (w *where) and(format string, values ...any) {
	marks := make([]any, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	w.parts = append(w.parts, fmt.Sprintf(format, marks...))
}

func (w *where) in(column string, values []string) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	w.parts = append(w.parts, column+" IN ("+strings.Join(marks, ", ")+")")
}

func (w *where) String() string { return strings.Join(w.parts, " AND ") }

// scope is the visibility rule of a list: rows written for one of the roots, of its programmes.
func (w *where) scope(roots []authz.Root) {
	var or []string
	for _, root := range roots {
		one := "w.unit = " + w.arg(string(root.Unit))
		if len(root.Programmes) > 0 {
			marks := make([]string, len(root.Programmes))
			for i, p := range root.Programmes {
				marks[i] = w.arg(p)
			}
			one = "(" + one + " AND w.programme IN (" + strings.Join(marks, ", ") + "))"
		}
		or = append(or, one)
	}
	if len(or) == 1 {
		w.parts = append(w.parts, or[0])
		return
	}
	w.parts = append(w.parts, "("+strings.Join(or, " OR ")+")")
}

func listItems(ctx context.Context, tx *db.Tx, roots []authz.Root, f Filter, after cursor) ([]Item, error) {
	w := &where{}
	from, order := "worklist w JOIN cases c ON c.n = w.n", ""
	with := ""
	if f.Query != "" {
		query, ok := tx.MatchQuery(f.Query)
		if ref := strings.ToUpper(strings.TrimSpace(f.Query)); looksLikeRef(ref) {
			w.and("c.ref = %s", ref)
			from = "cases c JOIN worklist w ON w.n = c.n AND w.is_open = c.is_open AND w.sort_at = c.sort_at"
		} else if !ok {
			return nil, nil
		} else {
			with = "WITH " + words.MatchText(tx, w.arg(query)) + " "
			from = "m JOIN cases c ON c.n = m.id JOIN worklist w ON w.n = c.n AND w.is_open = c.is_open AND w.sort_at = c.sort_at"
			f.Sort = "-opened" // newest first: ranking thousands of hits costs more than it tells
		}
	} else {
		w.and("w.is_open = %s", flag(!f.Closed))
	}
	w.scope(roots)
	f.narrow(w)
	keys, below := "w.sort_at, w.n", f.Sort[0] == '-'
	if strings.HasSuffix(f.Sort, "opened") {
		keys = "w.n"
	}
	order = strings.ReplaceAll(keys, ",", " ASC,") + " ASC"
	if below {
		order = strings.ReplaceAll(order, "ASC", "DESC")
	}
	if after.set {
		cmp := map[bool]string{false: ">", true: "<"}[below]
		if keys == "w.n" {
			w.and("w.n "+cmp+" %s", after.n)
		} else {
			w.and("(w.sort_at, w.n) "+cmp+" (%s, %s)", after.sortAt, after.n)
		}
	}
	q := with + "SELECT " + itemColumns + " FROM " + from + " WHERE " + w.String() + " ORDER BY " + order + " LIMIT " + w.arg(int64(f.Limit+1))
	items, err := db.All(ctx, tx, q, w.args, scanItem)
	if len(roots) > 1 {
		items = withoutRepeats(items)
	}
	return items, err
}

// withoutRepeats drops a case that two roots list: it stands twice in a row, being sorted alike.
func withoutRepeats(items []Item) []Item {
	var out []Item
	for i, it := range items {
		if i == 0 || it.ID != items[i-1].ID {
			out = append(out, it)
		}
	}
	return out
}

func looksLikeRef(s string) bool {
	return strings.Count(s, "-") == 2 && len(s) >= 8 && len(s) <= 24 && !strings.ContainsAny(s, " \t")
}

// narrow adds the parts of a filter beyond scope and open or closed.
func (f Filter) narrow(w *where) {
	if len(f.States) > 0 {
		w.in("w.state", f.States)
	}
	if f.Programme != "" {
		w.and("w.programme = %s", f.Programme)
	}
	if f.Category != "" {
		w.and("c.category = %s", f.Category)
	}
	if f.Assignee != "" {
		w.and("c.assignee = %s", f.Assignee)
	}
	if f.Unassigned {
		w.and("c.assignee = ''")
	}
	if f.Holder && f.Unit != "" {
		w.and("c.holder = %s", string(f.Unit))
	}
	if f.Offered {
		w.and("c.offered = w.unit")
	}
	if f.Paused {
		w.and("c.paused = 1")
	}
	if !f.DueFrom.IsZero() {
		w.and("w.sort_at >= %s", db.Micros(f.DueFrom))
	}
	if !f.DueBefore.IsZero() {
		w.and("w.sort_at < %s", db.Micros(f.DueBefore))
	}
}

func numberOf(ctx context.Context, tx *db.Tx, column, value string) (int64, error) {
	return db.One(ctx, tx, `SELECT n FROM cases WHERE `+column+` = ?1`, []any{value}, scanInt)
}

func scanInt(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) }

func listEvents(ctx context.Context, tx *db.Tx, n int64) ([]casework.Event, error) {
	return db.All(ctx, tx, `SELECT doc FROM events WHERE n = ?1 ORDER BY seq`, []any{n}, func(row db.Scanner) (e casework.Event, err error) {
		var doc string
		if err := row.Scan(&doc); err != nil {
			return e, err
		}
		return e, json.Unmarshal([]byte(doc), &e)
	})
}

func countUnit(ctx context.Context, tx *db.Tx, unit org.UnitID, endOfToday time.Time) (Counts, error) {
	var c Counts
	now := db.Micros(tx.Now)
	for state, err := range db.Query(ctx, tx, `SELECT c.programme, c.procedure, c.state, COUNT(*), SUM(CASE WHEN w.sort_at < ?2 THEN 1 ELSE 0 END),
 SUM(CASE WHEN w.sort_at >= ?2 AND w.sort_at < ?3 THEN 1 ELSE 0 END), SUM(CASE WHEN c.assignee = '' THEN 1 ELSE 0 END),
 SUM(CASE WHEN c.offered = ?1 THEN 1 ELSE 0 END), SUM(c.paused)
 FROM worklist w JOIN cases c ON c.n = w.n WHERE w.unit = ?1 AND w.is_open = 1 GROUP BY c.programme, c.procedure, c.state ORDER BY 1, 2, 3`,
		[]any{string(unit), now, db.Micros(endOfToday)}, func(row db.Scanner) (s StateCount, err error) {
			var overdue, today, unassigned, offered, paused int
			err = row.Scan(&s.Programme, &s.Procedure, &s.State, &s.N, &overdue, &today, &unassigned, &offered, &paused)
			c.Open += s.N
			c.Overdue += overdue
			c.Today += today
			c.Unassigned += unassigned
			c.Offered += offered
			c.Paused += paused
			return s, err
		}) {
		if err != nil {
			return c, err
		}
		c.ByState = append(c.ByState, state)
	}
	return c, nil
}

func countChild(ctx context.Context, tx *db.Tx, unit org.UnitID) (UnitCount, error) {
	return db.One(ctx, tx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN sort_at < ?2 THEN 1 ELSE 0 END), 0) FROM worklist WHERE unit = ?1 AND is_open = 1`,
		[]any{string(unit), db.Micros(tx.Now)}, func(row db.Scanner) (UnitCount, error) {
			u := UnitCount{Unit: unit}
			return u, row.Scan(&u.Open, &u.Overdue)
		})
}

func countDue(ctx context.Context, tx *db.Tx, unit org.UnitID, from, to time.Time, limit int) (int, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM (SELECT 1 AS one FROM worklist WHERE unit = ?1 AND is_open = 1 AND sort_at >= ?2 AND sort_at < ?3 LIMIT ?4) AS some`,
		[]any{string(unit), db.Micros(from), db.Micros(to), int64(limit)}, scanInt)
	return int(n), err
}

func verifyCase(ctx context.Context, tx *db.Tx, n int64) error {
	s, err := loadCase(ctx, tx, n)
	if err != nil {
		return err
	}
	hash := make([]byte, sha256.Size)
	var c casework.Case
	type row struct {
		seq       int
		hash, doc []byte
	}
	rows, err := db.All(ctx, tx, `SELECT seq, hash, doc FROM events WHERE n = ?1 ORDER BY seq`, []any{n}, func(sc db.Scanner) (r row, err error) {
		var doc string
		err = sc.Scan(&r.seq, &r.hash, &doc)
		r.doc = []byte(doc)
		return r, err
	})
	if err != nil {
		return err
	}
	for i, r := range rows {
		hash = chain(hash, r.doc)
		var e casework.Event
		if err := json.Unmarshal(r.doc, &e); err != nil || r.seq != i+1 || e.Seq != r.seq || !bytes.Equal(hash, r.hash) {
			return fmt.Errorf("case %s: event %d is not what was stored", s.c.Ref, i+1)
		}
		c = casework.Fold(c, e)
	}
	want, err := json.Marshal(c)
	if err != nil {
		return err
	}
	have, err := json.Marshal(s.c)
	if err != nil {
		return err
	}
	if !bytes.Equal(want, have) || !bytes.Equal(hash, s.hash) {
		return fmt.Errorf("case %s: the stored case is not the fold of its events", s.c.Ref)
	}
	return nil
}
