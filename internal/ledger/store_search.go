package ledger

import (
	"context"
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
