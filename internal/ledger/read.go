package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

// Reader reads what a scope may see. Nothing it returns was decided here: a case outside the scope is
// not found, by the same WHERE that builds the lists.
//
// What says something about people comes veiled from here (casework.Veil): to be shown it, ask
// Ledger.Look, which writes the look down first.
type Reader struct {
	keeper
	db    *db.DB
	defs  Definitions
	units func() *org.Tree
}

// Reader reads what this ledger writes; units gives the current tree, for names of roots only.
func (l *Ledger) Reader(units func() *org.Tree) *Reader {
	return &Reader{keeper: l.keeper, db: l.db, defs: l.cfg.Definitions, units: units}
}

// Filter narrows a worklist. The zero Filter lists every open case of the scope, nearest date first.
type Filter struct {
	Unit       org.UnitID // a unit inside the scope; empty = all of it
	Closed     bool       // closed cases instead of open ones
	States     []string
	Programme  string
	Category   string
	Assignee   string
	Unassigned bool
	Holder     bool // only cases the unit itself holds, not those below it
	Offered    bool // only cases offered to the unit
	Paused     bool
	Late       bool      // only cases whose promised date has passed without an answer
	DueFrom    time.Time // cases due at this time or later
	DueBefore  time.Time // cases due before
	Words      []Word    // of title, text or address; or a case number
	Both       bool      // open and closed cases, newest first
	Tests      []Test
	Ranges     []Range
	Sort       string // due (default), -due, opened, -opened; what is searched comes newest first
	Limit      int    // 1 to 200; 0 = 50
	After      string // cursor of the page before
}

// Sorts lists what Filter.Sort takes.
var Sorts = []string{"due", "-due", "opened", "-opened"}

// Item is one line of a worklist.
type Item struct {
	ID        casework.CaseID
	Ref       casework.Ref
	Pack      string
	Programme string
	Procedure string
	Category  string
	State     string
	Open      bool
	Due       time.Time // nearest date of a running clock; zero when none runs
	Clock     string    // which clock that is
	Paused    bool
	Holder    org.UnitID
	Assignee  string
	Offered   org.UnitID
	PlaceUnit org.UnitID
	Address   string
	Title     string
	Opened    time.Time
	Changed   time.Time
	Closed    time.Time
	Files     int
	Raised    int
	Late      bool
	Outcome   string
	Source    string
	Seq       int
	Joint     bool        // other units were asked to join
	Sealed    bool        // only one unit reads it; then Title, Address and PlaceUnit are empty
	Level     authz.Level // the most the reader's lists tell of it; below Story the same three are empty
}

// Page is one page of a worklist; Next is the cursor of the following one, empty at the end.
type Page struct {
	Items []Item
	Next  string
}

// BadFilter says which part of a filter cannot be used.
type BadFilter struct{ Field, Value string }

// Error names the field.
func (b *BadFilter) Error() string {
	return fmt.Sprintf("filter: %s %q cannot be used", b.Field, b.Value)
}

// Worklist answers one page by keyset: a page costs the same wherever it stands and however many
// cases there are.
func (r *Reader) Worklist(ctx context.Context, in authz.Scope, f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	if f.Sort == "" {
		f.Sort = "due"
	}
	if !slices.Contains(Sorts, f.Sort) {
		return Page{}, &BadFilter{"sort", f.Sort}
	}
	if err := f.usable(); err != nil {
		return Page{}, err
	}
	roots := r.roots(in, f.Unit)
	if len(roots) == 0 {
		return Page{}, nil
	}
	if f.Both || len(f.Words) > 0 {
		f.Sort = "-opened" // ranking thousands of hits costs more than it tells
	}
	after, err := parseCursor(f.After, f.Sort)
	if err != nil {
		return Page{}, err
	}
	var items []Item
	err = r.db.View(ctx, func(tx *db.Tx) (err error) {
		items, err = r.listItems(ctx, tx, roots, f, after)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	p := Page{Items: items}
	if len(items) > f.Limit {
		p.Items = items[:f.Limit]
		last := p.Items[f.Limit-1]
		p.Next = last.cursor(f.Sort)
	}
	return p, nil
}

// maxValues of a filter leave room for all else that a statement asks.
const maxValues = 75

// usable refuses fields that do not exist, and more values than a statement takes.
func (f Filter) usable() error {
	n := len(f.States)
	for _, t := range f.Tests {
		if n += len(t.Values); n > maxValues {
			return &BadFilter{"values", t.Field}
		}
		if !knownTest(t.Field) {
			return &BadFilter{"test", t.Field}
		}
	}
	for _, r := range f.Ranges {
		if rangeFields[r.Field] == "" {
			return &BadFilter{"range", r.Field}
		}
	}
	return nil
}

// roots are the lists to read, by their names: those the rules reach, or of the asked unit what is inside
// them, and what is sealed to exactly a unit of the scope.
func (r *Reader) roots(in authz.Scope, unit org.UnitID) []authz.Root {
	open, sealed := r.reached(in, unit)
	for i, root := range open {
		switch root.Reach {
		case authz.Own:
			open[i].Unit = ownOf(root.Unit)
		case authz.Joint:
			open[i].Unit = jointOf(root.Unit)
		}
	}
	for _, root := range sealed {
		root.Unit = sealedIn(root.Unit)
		open = append(open, root)
	}
	return open
}

// reached are the roots of the scope, cut to the asked unit, and those that open what is sealed. What
// another one holds already is left out.
func (r *Reader) reached(in authz.Scope, unit org.UnitID) (open, sealed []authz.Root) {
	t := r.units()
	if in.All {
		if unit == "" {
			unit = t.Root()
		}
		return []authz.Root{{Unit: unit, Level: authz.Caucus}}, nil
	}
	for _, root := range in.Roots {
		near := unit == "" || unit == root.Unit
		if near && root.Reach != authz.Joint {
			sealed = append(sealed, authz.Root{Unit: root.Unit, Programmes: root.Programmes, Reach: authz.Own, Level: root.Level})
		}
		if !near && root.Reach == authz.Subtree && t.Under(root.Unit, unit) {
			root.Unit, near = unit, true
		}
		if near {
			open = append(open, root)
		}
	}
	return dropNested(t, open), dropNested(t, sealed)
}

// dropNested leaves out roots whose lists another one holds whole; of two equal ones the first stays.
func dropNested(t *org.Tree, roots []authz.Root) []authz.Root {
	var out []authz.Root
	for i, a := range roots {
		inner := false
		for j, b := range roots {
			inner = inner || i != j && holds(t, b, a) && (j < i || !holds(t, a, b))
		}
		if !inner {
			out = append(out, a)
		}
	}
	return out
}

// holds says whether the lists of root b hold all that those of a do, with no less told of each case. Lists
// tell nothing above the story.
func holds(t *org.Tree, b, a authz.Root) bool {
	whole := len(b.Programmes) == 0 || len(a.Programmes) > 0 && !slices.ContainsFunc(a.Programmes, func(p string) bool { return !slices.Contains(b.Programmes, p) })
	near := a.Unit == b.Unit && a.Reach == b.Reach || b.Reach == authz.Subtree && t.Under(b.Unit, a.Unit)
	return whole && near && min(b.Level, authz.Story) >= min(a.Level, authz.Story)
}

type cursor struct {
	set    bool
	sortAt int64
	n      int64
}

// sortAt is where the line stands by date, as it is stored.
func (i Item) sortAt() int64 {
	switch {
	case !i.Open:
		return db.Micros(i.Closed)
	case !i.Due.IsZero():
		return db.Micros(i.Due)
	}
	return never
}

func (i Item) cursor(sort string) string {
	n, _ := number(i.ID)
	return base64.RawURLEncoding.EncodeToString([]byte(sort + "," + strconv.FormatInt(i.sortAt(), 36) + "," + strconv.FormatInt(n, 36)))
}

func parseCursor(s, sort string) (cursor, error) {
	if s == "" {
		return cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(raw), ",")
	if err != nil || len(parts) != 3 || parts[0] != sort {
		return cursor{}, &BadFilter{"cursor", s}
	}
	at, err1 := strconv.ParseInt(parts[1], 36, 64)
	n, err2 := strconv.ParseInt(parts[2], 36, 64)
	if errors.Join(err1, err2) != nil {
		return cursor{}, &BadFilter{"cursor", s}
	}
	return cursor{set: true, sortAt: at, n: n}, nil
}

// Case finds a case by its number within the scope.
func (r *Reader) Case(ctx context.Context, in authz.Scope, ref string) (casework.Case, error) {
	return r.find(ctx, in, func(tx *db.Tx) (int64, error) { return numberOf(ctx, tx, "ref", strings.ToUpper(ref)) })
}

// ByCode finds the case a follow code opens. Holding the code is the right to read it.
func (r *Reader) ByCode(ctx context.Context, code casework.Code) (casework.Case, error) {
	c, err := r.find(ctx, authz.Machine().Scope(), func(tx *db.Tx) (int64, error) { return numberOf(ctx, tx, "code", r.keyedCode(code)) })
	if err == nil {
		c.Code = code // whoever asked has it
	}
	return c, err
}

// ByID finds a case by its key within the scope.
func (r *Reader) ByID(ctx context.Context, in authz.Scope, id casework.CaseID) (casework.Case, error) {
	return r.find(ctx, in, func(*db.Tx) (int64, error) {
		n, ok := number(id)
		if !ok {
			return 0, db.ErrNoRows
		}
		return n, nil
	})
}

func (r *Reader) find(ctx context.Context, in authz.Scope, key func(*db.Tx) (int64, error)) (casework.Case, error) {
	var c casework.Case
	err := r.db.View(ctx, func(tx *db.Tx) error {
		n, err := key(tx)
		if err != nil {
			return err
		}
		s, err := loadCase(ctx, tx, n)
		if err != nil {
			return err
		}
		c = s.c.Private(nil, veiled)
		return nil
	})
	if errors.Is(err, db.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, err
	}
	if !c.ReadableBy(in, r.units()) {
		return casework.Case{}, ErrNotFound
	}
	return c, nil
}

// Filed lists the files a case was put together into, with the case as the log knows it. It is for whoever
// holds a page of one and asks whether it is true: a case under seal, and one that only a unit may read,
// are as if they were not there.
func (r *Reader) Filed(ctx context.Context, ref string) (casework.Case, error) {
	c, err := r.Case(ctx, authz.Machine().Scope(), ref)
	if err == nil && (c.Sealed != "" || len(c.Filed) == 0) {
		err = ErrNotFound
	}
	return casework.Case{ID: c.ID, Ref: c.Ref, Filed: c.Filed}, err
}

// Children finds the cases that this one opened, by their key. Get the case through a scope before: whoever
// reads it may know how its children stand, but reads their papers only within their own scope.
func (r *Reader) Children(ctx context.Context, c casework.Case) (map[casework.CaseID]casework.Case, error) {
	out := make(map[casework.CaseID]casework.Case, len(c.Children))
	for _, k := range c.Children {
		child, err := r.ByID(ctx, authz.Scope{Case: string(k.Case)}, k.Case)
		if err != nil {
			return nil, fmt.Errorf("case %s: its child %s: %w", c.Ref, k.Ref, err)
		}
		out[k.Case] = child
	}
	return out, nil
}

// Events lists what happened to a case, oldest first. Get the case through a scope before.
func (r *Reader) Events(ctx context.Context, id casework.CaseID) (out []casework.Event, err error) {
	n, ok := number(id)
	if !ok {
		return nil, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = listEvents(ctx, tx, n)
		for i := range out {
			out[i] = out[i].Private(nil, veiled)
		}
		return err
	})
	return out, err
}

// Counts are the figures of a unit's home page, over its whole subtree.
type Counts struct {
	Open, Overdue, Today, Unassigned, Offered, Paused int
	ByState                                           []StateCount
	ByUnit                                            []UnitCount
}

// StateCount is how many open cases stand in one state.
type StateCount struct {
	Programme, Procedure, State string
	N                           int
}

// UnitCount is how many cases a unit directly below has open and overdue.
type UnitCount struct {
	Unit          org.UnitID
	Open, Overdue int
}

// counted is the scope as figures are read by: how much of a case a list may tell makes no difference to how many
// there are, and a case that two lists hold, one of which tells more, counts once.
func counted(in authz.Scope) authz.Scope {
	in.Roots = slices.Clone(in.Roots)
	for i := range in.Roots {
		in.Roots[i].Level = authz.Steps
	}
	return in
}

// Counts counts the open cases of a unit inside the scope. endOfToday bounds what is due today.
func (r *Reader) Counts(ctx context.Context, in authz.Scope, unit org.UnitID, endOfToday time.Time) (Counts, error) {
	var c Counts
	roots := r.roots(counted(in), unit)
	if len(roots) == 0 {
		return c, ErrNotFound
	}
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		c, err = countUnit(ctx, tx, roots, endOfToday)
		if err != nil {
			return err
		}
		children := r.units().Children(unit)
		for _, u := range children {
			c.ByUnit = append(c.ByUnit, UnitCount{Unit: u})
		}
		for _, root := range roots {
			if root.Unit != unit {
				continue // a list of this very unit tells nothing of those below
			}
			if err := c.below(ctx, tx, children, root.Programmes); err != nil {
				return err
			}
		}
		return nil
	})
	return c, err
}

// Strip counts the open cases due between each pair of neighbouring edges, at most limit each: the
// bars above a worklist. A bounded count keeps the page's price independent of the city's size.
func (r *Reader) Strip(ctx context.Context, in authz.Scope, f Filter, edges []time.Time, limit int) ([]int, error) {
	roots := r.roots(counted(in), f.Unit)
	counts := make([]int, max(len(edges)-1, 0))
	if len(counts) == 0 {
		return counts, nil
	}
	err := r.db.View(ctx, func(tx *db.Tx) error {
		for _, root := range roots {
			few, err := countDue(ctx, tx, root, edges, limit)
			if err != nil {
				return err
			}
			for i, n := range few {
				counts[i] = min(counts[i]+n, limit)
			}
		}
		return nil
	})
	return counts, err
}
