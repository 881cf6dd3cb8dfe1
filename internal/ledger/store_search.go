package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	return tx.Send(ctx, `DELETE FROM words_missing WHERE n = ?1`, n)
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

// shortLists says how a search begins that is narrowed to a short list. Up to few cases it costs less to ask the index about
// each case of the list than to walk over those that have the word until a page is full: one such question costs as
// much as a hundred steps, and with a million cases the two meet near here. Up to rare cases the numbers of the list
// are read first, and the walk over the index stops at no other.
type shortLists struct{ few, rare int64 }

const (
	fewCases  = 700
	rareCases = 50_000
)

// narrowed adds what the lists have an index for, state, date and lateness, and reports whether there is any of it.
func (f Filter) narrowed(w *where, l lane) bool {
	if len(f.States) > 0 {
		w.in("w.state", f.States)
	}
	if f.Late || slices.ContainsFunc(f.Tests, func(t Test) bool { return t.Field == TestLate && !t.Not }) {
		w.parts = append(w.parts, "w.late = 1")
	}
	for _, r := range append(slices.Clone(f.Ranges), Range{Field: RangeDue, From: f.DueFrom, Before: f.DueBefore}) {
		if r.Field == RangeDue && !r.Not && !(r.From.IsZero() && r.Before.IsZero()) {
			w.span(r)
		}
	}
	if f.Both || len(w.parts) == 0 {
		return false
	}
	w.scope(l.root)
	w.parts = append(w.parts, fmt.Sprintf("w.is_open = %d", l.open))
	return true
}

// length counts the cases of a narrowed list, up to most; that is the answer also where it is not narrowed.
func (f Filter) length(ctx context.Context, tx *db.Tx, l lane, most int64) (int64, error) {
	w := &where{}
	if !f.narrowed(w, l) {
		return most, nil
	}
	text := w.String()
	return db.One(ctx, tx, `SELECT COUNT(*) FROM (SELECT 1 AS one FROM worklist w WHERE `+text+` ORDER BY w.sort_at LIMIT `+w.arg(most)+`) AS few`, w.args, scanInt)
}

// found adds the words of a search, and says where its statement begins: with hits of the index from the newest on, for
// which with is the first part of the statement, or with the lists where those are short. ok is false where nothing
// can be found.
//
// Without the lists' part a common word asked for in a rare state would be looked for in every case of the city.
func (k keeper) found(ctx context.Context, tx *db.Tx, w *where, l lane, f *Filter) (with, from string, ok bool, err error) {
	query, ok := k.query(tx, *f, l)
	if !ok {
		return "", "", false, nil
	}
	n, err := f.length(ctx, tx, l, k.short.rare)
	if err != nil {
		return "", "", false, err
	}
	if n < k.short.few {
		if short, ok := tx.MatchPhrases(k.askedOf(*f)); ok {
			query = short // which list it is, is known of each
		}
		w.parts = append(w.parts, words.HasText(tx, w.arg(query), "w.n"))
		return "", listedCases, true, nil
	}
	with = "WITH " + words.MatchText(tx, w.arg(query), f.falling()) + " "
	if n < k.short.rare {
		in := &where{args: w.args}
		f.narrowed(in, l)
		w.args, f.States = in.args, nil // they are asked for here; twice they might be more than a statement takes
		// The plus keeps the engine from asking the index about each of the numbers.
		w.parts = append(w.parts, "+m.id IN (SELECT w.n FROM worklist w WHERE "+in.String()+")")
	}
	w.parts = append(w.parts, "c.n = m.id", "w.n = c.n", "w.is_open = c.is_open", "w.sort_at = c.sort_at")
	// SQLite keeps the order of a cross join: from the newest hit on. Left free, it sometimes asks the index about each
	// case of a list in turn.
	return with, "m CROSS JOIN cases c CROSS JOIN worklist w", true, nil
}

// query is what the index is asked for a lane.
func (k keeper) query(tx *db.Tx, f Filter, l lane) (string, bool) {
	phrases, ok := k.asked(f, l)
	if !ok {
		return "", false
	}
	return tx.MatchPhrases(phrases)
}

// openedBits and openedSpan are how a case's key follows from when it was opened, see drawNumber: the microsecond
// and some bits drawn by chance, which reach into the next days only where thousands share a microsecond.
const (
	openedBits = 10
	openedSpan = int64(1) << 49
)

// firstKey is the least that a case can have for its key that was opened at a time.
func firstKey(at time.Time) int64 { return db.Micros(at) << openedBits }

// opened cuts a walk over keys to the times asked for, so that it does not begin with years that are not.
func (f Filter) opened(w *where, key string) {
	for _, r := range f.Ranges {
		if r.Field != RangeOpened || r.Not {
			continue
		}
		if !r.From.IsZero() {
			w.and(key+" >= %s", firstKey(r.From))
		}
		if !r.Before.IsZero() {
			w.and(key+" < %s", firstKey(r.Before)+openedSpan)
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
