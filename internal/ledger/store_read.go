package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

const itemColumns = `c.n, c.ref, c.pack, c.programme, c.procedure, c.category, c.state, c.is_open, c.sort_at, c.clock, c.paused, c.holder,
 c.assignee, c.offered, c.place_unit, c.address, c.title, c.opened_at, c.changed_at, c.files, c.raised, c.late, c.outcome, c.source, c.seq,
 c.joint, c.sealed`

func scanItem(row db.Scanner) (Item, error) {
	var i Item
	var n, open, sortAt, paused, opened, changed, late, joint, sealed int64
	err := row.Scan(&n, &i.Ref, &i.Pack, &i.Programme, &i.Procedure, &i.Category, &i.State, &open, &sortAt, &i.Clock, &paused, &i.Holder,
		&i.Assignee, &i.Offered, &i.PlaceUnit, &i.Address, &i.Title, &opened, &changed, &i.Files, &i.Raised, &late, &i.Outcome, &i.Source, &i.Seq,
		&joint, &sealed)
	i.Joint, i.Sealed = joint == 1, sealed == 1
	if i.Sealed { // here, so that no list of any surface can forget it
		i.Title, i.Address, i.PlaceUnit = "", "", ""
	}
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

// scope is the visibility rule of a list: rows written for the root, of its programmes.
func (w *where) scope(root authz.Root) { w.of("w.", root) }

// of is scope for a table under another name.
func (w *where) of(table string, root authz.Root) {
	w.and(table+"unit = %s", string(root.Unit))
	if len(root.Programmes) > 0 {
		w.in(table+"programme", root.Programmes)
	}
}

// lane is a part of a list that one range of one index holds in the order asked for.
type lane struct {
	root  authz.Root
	state string // empty: any
	open  int64
	whole bool // the list of the whole place
}

// maxLanes bounds the statements of one page; beyond it several states are one lane, which the
// database then filters or sorts.
const maxLanes = 60

// manyStates is from how many states on most open cases are in one of them: their list is walked in its order, for a page,
// and not gathered by states and sorted, which PostgreSQL takes for the shorter way. Few closed cases are in one of
// many states, and what is searched is few; those are looked up.
const manyStates = 30

// lanes cuts a list up. Asked for two units or two states at once, a database reads and sorts all of
// them before it shows the first line; asked one after another it reads a page of each.
func (f Filter) lanes(roots []authz.Root) (out []lane) {
	states, open := f.States, []int64{db.Flag(!f.Closed)}
	if len(f.Words) > 0 || len(states) == 0 || len(states)*len(roots) > maxLanes {
		states = []string{""}
	}
	if f.Both && len(f.Words) == 0 {
		open = []int64{1, 0}
	}
	for _, root := range roots {
		for _, state := range states {
			for _, o := range open {
				out = append(out, lane{root: root, state: state, open: o})
			}
		}
	}
	return out
}

// listItems gives at most one line more than the limit: whether there is a next page.
func (r *Reader) listItems(ctx context.Context, tx *db.Tx, roots []authz.Root, f Filter, after cursor) ([]Item, error) {
	lanes, top := f.lanes(roots), r.units().Root()
	var all []Item
	for _, l := range lanes {
		l.whole = l.root.Unit == top
		items, err := r.listLane(ctx, tx, l, f, after)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	if len(lanes) > 1 {
		slices.SortFunc(all, func(a, b Item) int { return cmp.Or(f.compare(a, b), cmp.Compare(b.Level, a.Level)) })
		all = slices.CompactFunc(all, func(a, b Item) bool { return a.ID == b.ID }) // two roots may list one case
	}
	return all[:min(len(all), f.Limit+1)], nil
}

// compare orders lines as listLane does.
func (f Filter) compare(a, b Item) int {
	an, _ := number(a.ID)
	bn, _ := number(b.ID)
	c := cmp.Compare(an, bn)
	if !strings.HasSuffix(f.Sort, "opened") {
		c = cmp.Or(cmp.Compare(a.sortAt(), b.sortAt()), c)
	}
	if f.falling() {
		return -c
	}
	return c
}

// listedCases begins a statement with the lists.
const listedCases = "worklist w JOIN cases c ON c.n = w.n"

// falling is whether the list begins with what is last in its order.
func (f Filter) falling() bool { return f.Sort[0] == '-' }

func (k keeper) listLane(ctx context.Context, tx *db.Tx, l lane, f Filter, after cursor) ([]Item, error) {
	search, ref := len(f.Words) > 0, f.ref()
	if search && ref == "" && l.root.Level < authz.Story {
		return nil, nil // what may not be read may not be searched either
	}
	w := &where{}
	from, with, keys := listedCases, "", "w.sort_at, w.n"
	const byCase = "cases c JOIN worklist w ON w.n = c.n AND w.is_open = c.is_open AND w.sort_at = c.sort_at"
	if search && !f.Both {
		w.parts = append(w.parts, fmt.Sprintf("w.is_open = %d", l.open))
	}
	switch {
	case ref != "":
		w.and("c.ref = %s", ref)
		from = byCase
	case search:
		var ok bool
		var err error
		if with, from, ok, err = k.found(ctx, tx, w, l, &f); err != nil || !ok {
			return nil, err
		}
	case f.Assignee != "" && !strings.HasSuffix(f.Sort, "opened"):
		from, keys = byCase, "c.sort_at, c.n" // what one person has is short, and has its own index
		w.and("c.is_open = %s", l.open)
		w.parts = append(w.parts, "c.assignee <> ''") // or the partial index is not seen
	default:
		w.parts = append(w.parts, fmt.Sprintf("w.is_open = %d", l.open)) // literal, for the partial index
	}
	w.scope(l.root)
	if l.state != "" {
		w.and("w.state = %s", l.state)
		f.States = nil
	}
	if !search && l.open == 1 && len(f.States) > manyStates {
		w.in("(w.state || '')", f.States) // the text is another one, and no index is of it
		f.States = nil
	}
	f.narrow(w)
	switch {
	case search && ref == "" && with == "":
		keys = "+w.n" // the plus keeps the engine from walking the whole unit in this order
	case with != "":
		keys = "m.id" // so that the engine takes the newest hits from the index, and no more than a page of them
	case strings.HasSuffix(f.Sort, "opened"):
		keys = "w.n"
	}
	if with != "" {
		f.opened(w, keys)
		if err := tx.ByArguments(ctx); err != nil { // how many rows have a word differs by millions
			return nil, err
		}
	}
	below := f.falling()
	order := strings.ReplaceAll(keys, ",", " ASC,") + " ASC"
	if below {
		order = strings.ReplaceAll(order, "ASC", "DESC")
	}
	if after.set {
		than := map[bool]string{false: ">", true: "<"}[below]
		if !strings.Contains(keys, ",") {
			w.and(keys+" "+than+" %s", after.n)
		} else {
			w.and("("+keys+") "+than+" (%s, %s)", after.sortAt, after.n)
		}
	}
	q := with + "SELECT " + itemColumns + " FROM " + from + " WHERE " + w.String() + " ORDER BY " + order + " LIMIT " + w.arg(int64(f.Limit+1))
	items, err := db.All(ctx, tx, q, w.args, scanItem)
	for i := range items {
		items[i].tell(l.root.Level)
	}
	return items, err
}

// tell leaves out of a line what the list it was found in does not tell.
func (i *Item) tell(level authz.Level) {
	i.Level = level
	if level < authz.Story {
		i.Title, i.Address, i.PlaceUnit = "", "", ""
	}
}

func looksLikeRef(s string) bool {
	s = strings.TrimSpace(s)
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
	if f.Late {
		w.and("w.late = 1")
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
	for _, t := range f.Tests {
		w.test(t)
	}
	for _, r := range f.Ranges {
		w.span(r)
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

// countUnit reads the tallies of a unit's lists; what is due today is a range of the worklist's key. Where two
// lists of different programmes hold one case it counts twice: tallies do not know cases.
func countUnit(ctx context.Context, tx *db.Tx, lists []authz.Root, endOfToday time.Time) (Counts, error) {
	var c Counts
	for _, list := range lists {
		w := &where{}
		w.of("", list)
		if err := c.tally(ctx, tx, w); err != nil {
			return c, err
		}
		n, err := countBetween(ctx, tx, list, db.Micros(tx.Now), db.Micros(endOfToday))
		if err != nil {
			return c, err
		}
		c.Today += n
	}
	slices.SortFunc(c.ByState, func(a, b StateCount) int {
		return cmp.Or(cmp.Compare(a.Programme, b.Programme), cmp.Compare(a.Procedure, b.Procedure), cmp.Compare(a.State, b.State))
	})
	return c, nil
}

// tally adds up the figures of one list.
func (c *Counts) tally(ctx context.Context, tx *db.Tx, w *where) error {
	for state, err := range db.Query(ctx, tx, `SELECT programme, procedure, state, CAST(SUM(cases) AS BIGINT), CAST(SUM(late) AS BIGINT), CAST(SUM(unassigned) AS BIGINT),
 CAST(SUM(offered) AS BIGINT), CAST(SUM(paused) AS BIGINT)
 FROM tallies WHERE `+w.String()+` GROUP BY programme, procedure, state HAVING SUM(cases) <> 0 ORDER BY 1, 2, 3`,
		w.args, func(row db.Scanner) (s StateCount, err error) {
			var late, unassigned, offered, paused int
			err = row.Scan(&s.Programme, &s.Procedure, &s.State, &s.N, &late, &unassigned, &offered, &paused)
			c.Open += s.N
			c.Overdue += late
			c.Unassigned += unassigned
			c.Offered += offered
			c.Paused += paused
			return s, err
		}) {
		if err != nil {
			return err
		}
		same := func(o StateCount) bool {
			return o.Programme == state.Programme && o.Procedure == state.Procedure && o.State == state.State
		}
		if i := slices.IndexFunc(c.ByState, same); i >= 0 {
			c.ByState[i].N += state.N
		} else {
			c.ByState = append(c.ByState, state)
		}
	}
	return nil
}

// below adds the figures of the lists below to ByUnit, which holds a line for each of these units, in their order.
func (c *Counts) below(ctx context.Context, tx *db.Tx, units []org.UnitID, programmes []string) error {
	if len(units) == 0 {
		return nil
	}
	w := &where{}
	w.places("unit", units)
	if len(programmes) > 0 {
		w.in("programme", programmes)
	}
	for more, err := range db.Query(ctx, tx, `SELECT unit, CAST(SUM(cases) AS BIGINT), CAST(SUM(late) AS BIGINT) FROM tallies WHERE `+w.String()+` GROUP BY unit`, w.args,
		func(row db.Scanner) (u UnitCount, err error) { return u, row.Scan(&u.Unit, &u.Open, &u.Overdue) }) {
		if err != nil {
			return err
		}
		u := &c.ByUnit[slices.Index(units, more.Unit)]
		u.Open, u.Overdue = u.Open+more.Open, u.Overdue+more.Overdue
	}
	return nil
}

// countBetween counts the open cases of a list due from one time and before another.
func countBetween(ctx context.Context, tx *db.Tx, list authz.Root, from, to int64) (int, error) {
	w := &where{}
	w.of("", list)
	w.and("is_open = 1 AND sort_at >= %s AND sort_at < %s", from, to)
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM worklist WHERE `+w.String(), w.args, scanInt)
	return int(n), err
}

// countDue counts the open cases of a list due between neighbouring edges, each to a limit, with one question.
func countDue(ctx context.Context, tx *db.Tx, list authz.Root, edges []time.Time, limit int) ([]int, error) {
	var args []any
	var bars []string
	for i := range len(edges) - 1 {
		w := &where{args: args}
		w.of("", list)
		w.and("is_open = 1 AND sort_at >= %s AND sort_at < %s", db.Micros(edges[i]), db.Micros(edges[i+1]))
		bars, args = append(bars, "("+w.few(limit)+")"), w.args
	}
	return db.One(ctx, tx, `SELECT `+strings.Join(bars, ", "), args, func(row db.Scanner) ([]int, error) {
		counts := make([]int, len(bars))
		into := make([]any, len(bars))
		for i := range counts {
			into[i] = &counts[i]
		}
		return counts, row.Scan(into...)
	})
}

// few counts to a limit, so that a page costs the same however much there is. The order has the engine walk the index of
// the list: left free it may walk the table, in the hope to meet enough of this list soon.
func (w *where) few(limit int) string {
	text := w.String()
	return `SELECT COUNT(*) FROM (SELECT 1 AS one FROM worklist WHERE ` + text + ` ORDER BY sort_at LIMIT ` + w.arg(int64(limit)) + `) AS few`
}

// micro is an instant as the database gives it back.
func micro(t time.Time) time.Time { return db.FromMicros(db.Micros(t)) }

func numbersAfter(ctx context.Context, tx *db.Tx, last int64, limit int) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM cases WHERE n > ?1 ORDER BY n LIMIT ?2`, []any{last, int64(limit)}, scanInt)
}

func sealedAfter(ctx context.Context, tx *db.Tx, last int64, limit int) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM sealed_cases WHERE n > ?1 ORDER BY n LIMIT ?2`, []any{last, int64(limit)}, scanInt)
}
