package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"comity/internal/db"
)

func putWords(ctx context.Context, tx *db.Tx, n int64, tokens []string) error {
	if err := words.IndexTokens(ctx, tx, n, tokens); err != nil {
		return err
	}
	return doneWords(ctx, tx, n)
}

func dropWords(ctx context.Context, tx *db.Tx, n int64) error {
	if err := words.RemoveText(ctx, tx, n); err != nil {
		return err
	}
	return doneWords(ctx, tx, n)
}

func doneWords(ctx context.Context, tx *db.Tx, n int64) error {
	_, err := tx.Exec(ctx, `DELETE FROM words_missing WHERE n = ?1`, n)
	return err
}

func missingWords(ctx context.Context, tx *db.Tx, limit int) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM words_missing ORDER BY n LIMIT ?1`, []any{int64(limit)}, scanInt)
}

// testColumns are the fields of a Test that compare a column, testFlags those that ask yes or no.
var (
	testColumns = map[string]string{TestCategory: "c.category", TestProcedure: "c.procedure", TestProgramme: "w.programme",
		TestSource: "c.source", TestAssignee: "c.assignee", TestOffered: "c.offered"}
	testFlags   = map[string]string{TestLate: "w.late = 1", TestPaused: "c.paused = 1", TestRaised: "c.raised > 0", TestJoint: "c.joint = 1"}
	rangeFields = map[string]string{RangeDue: "w.sort_at", RangeOpened: "c.opened_at"}
)

func knownTest(field string) bool {
	return testColumns[field] != "" || testFlags[field] != "" || slices.Contains([]string{TestState, TestUnit}, field)
}

// test adds one Test. Values that do not exist find nothing, and leave out nothing.
func (w *where) test(t Test) {
	text := testFlags[t.Field]
	switch column := testColumns[t.Field]; {
	case text != "":
	case len(t.Values) == 0:
		text = "1 = 0"
	case t.Field == TestUnit:
		text = `EXISTS (SELECT 1 FROM worklist x WHERE x.unit IN (` + w.marks(t.Values) + `) AND x.is_open = w.is_open AND x.sort_at = w.sort_at AND x.n = w.n)`
	case t.Field == TestState:
		text = w.states(t.Values)
	default:
		text = column + " IN (" + w.marks(t.Values) + ")"
	}
	if t.Not {
		text = "NOT (" + text + ")"
	}
	w.parts = append(w.parts, "("+text+")")
}

// fewCases is up to where it costs less to ask the index about each case of a list than to walk over those that have
// the word until a page is full. One such question costs as much as a hundred steps; with a million cases the two
// meet near here.
const fewCases = 700

// few reports a search that is narrowed to few cases by what the lists have an index for: state, date, lateness.
// Without it a common word asked for in a rare state would be looked for in every case of the city.
func (f Filter) few(ctx context.Context, tx *db.Tx, l lane) (bool, error) {
	w := &where{}
	if len(f.States) > 0 {
		w.in("w.state", f.States)
	}
	if f.Late || slices.ContainsFunc(f.Tests, func(t Test) bool { return t.Field == TestLate && !t.Not }) {
		w.parts = append(w.parts, "w.late = 1")
	}
	for _, r := range append(f.Ranges, Range{Field: RangeDue, From: f.DueFrom, Before: f.DueBefore}) {
		if r.Field == RangeDue && !r.Not && !(r.From.IsZero() && r.Before.IsZero()) {
			w.span(r)
		}
	}
	if f.Both || len(w.parts) == 0 {
		return false, nil
	}
	w.scope(l.root)
	w.parts = append(w.parts, fmt.Sprintf("w.is_open = %d", l.open))
	text := w.String()
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM (SELECT 1 AS one FROM worklist w WHERE `+text+` LIMIT `+w.arg(int64(fewCases))+`) AS few`, w.args, scanInt)
	return n < fewCases, err
}

// openedBits and openedSpan are how a case's key follows from when it was opened, see drawNumber: the microsecond
// and some bits drawn by chance, which reach into the next days only where thousands share a microsecond.
const (
	openedBits = 10
	openedSpan = int64(1) << 49
)

// opened cuts a walk over keys to the times asked for, so that it does not begin with years that are not.
func (f Filter) opened(w *where, key string) {
	for _, r := range f.Ranges {
		if r.Field != RangeOpened || r.Not {
			continue
		}
		if !r.From.IsZero() {
			w.and(key+" >= %s", db.Micros(r.From)<<openedBits)
		}
		if !r.Before.IsZero() {
			w.and(key+" < %s", db.Micros(r.Before)<<openedBits+openedSpan)
		}
	}
}

// states compares states, each in its procedure; one without a procedure in all of them.
func (w *where) states(values []string) string {
	byProcedure := map[string][]string{}
	for _, v := range values {
		procedure, state, ok := strings.Cut(v, ".")
		if !ok {
			procedure, state = "", v
		}
		byProcedure[procedure] = append(byProcedure[procedure], state)
	}
	var out []string
	for _, procedure := range slices.Sorted(maps.Keys(byProcedure)) {
		text := "w.state IN (" + w.marks(byProcedure[procedure]) + ")"
		if procedure != "" {
			text += " AND c.procedure = " + w.arg(procedure)
		}
		out = append(out, "("+text+")")
	}
	return strings.Join(out, " OR ")
}

func (w *where) marks(values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	return strings.Join(marks, ", ")
}

// span adds one Range. What has no date lies behind all others.
func (w *where) span(r Range) {
	column, parts := rangeFields[r.Field], []string{"1 = 1"}
	if !r.From.IsZero() {
		parts = append(parts, column+" >= "+w.arg(db.Micros(r.From)))
	}
	switch {
	case !r.Before.IsZero():
		parts = append(parts, column+" < "+w.arg(db.Micros(r.Before)))
	case r.Field == RangeDue:
		parts = append(parts, column+" < "+w.arg(never))
	}
	text := strings.Join(parts, " AND ")
	if r.Not {
		text = "NOT (" + text + ")"
	}
	w.parts = append(w.parts, text)
}
