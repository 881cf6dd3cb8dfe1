package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/receipt"
	"comity/internal/translog"
)

const words = db.SearchTable("case_words")

// never sorts open cases without a running clock behind all others.
const never = int64(1) << 62

var errUnreadCase = errors.New("ledger: a stored case does not read")

// loadCase reads a case with its wrapped key, in one question.
func loadCase(ctx context.Context, tx *db.Tx, n int64) (*stored, error) {
	return db.One(ctx, tx, `SELECT c.hash, c.doc, COALESCE(k.wrapped, ''), COALESCE(k.state, '') FROM cases c
 LEFT JOIN case_keys k ON k.n = c.n AND k.slot = '' WHERE c.n = ?1`, []any{n}, func(row db.Scanner) (*stored, error) {
		s := &stored{n: n}
		var doc string
		if err := row.Scan(&s.hash, &doc, &s.locked.wrapped, &s.locked.state); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(doc), &s.c); err != nil {
			return nil, fmt.Errorf("%w: case %s: %w", errUnreadCase, caseID(n), err)
		}
		s.old, s.was, s.taken = rowsOf(s.c), s.c, s.c.Assignee != ""
		return s, nil
	})
}

// caseByRef finds the key of a case by its number.
func caseByRef(ctx context.Context, tx *db.Tx, ref string) (int64, error) {
	return db.One(ctx, tx, `SELECT n FROM cases WHERE ref = ?1`, []any{ref}, scanInt)
}

func hasCase(ctx context.Context, tx *db.Tx, n int64) (bool, error) {
	_, err := db.One(ctx, tx, `SELECT n FROM cases WHERE n = ?1 UNION ALL SELECT n FROM sealed_cases WHERE n = ?1`, []any{n}, scanInt)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// place is what decides the worklist rows of a case.
type place struct {
	open, late      bool
	sortAt          int64
	state           string
	holder, offered org.UnitID
	joint           string // ids, separated by spaces
	sealed          org.UnitID
}

func rowsOf(c casework.Case) place {
	p := place{open: c.Closed.IsZero(), late: c.Overdue(), sortAt: never, state: c.State, holder: c.Holder, offered: c.Offered, sealed: c.Sealed}
	for _, u := range c.Joint {
		p.joint += string(u) + " "
	}
	if !p.open {
		p.sortAt = db.Micros(c.Closed)
	} else if k, ok := c.Due(); ok {
		p.sortAt = db.Micros(k.Due)
	}
	return p
}

const caseColumns = `n, ref, code, pack, programme, procedure, category, state, is_open, sort_at, clock, paused, holder, assignee, offered,
 place_unit, address, title, opened_at, changed_at, files, raised, late, outcome, source, seq, hash, doc, joint, sealed`

// save writes the folded case, its new events, its worklist rows and its timers. The case's row comes
// first: where another node changes the same case, PostgreSQL makes the later one run again, while two
// events with one number would be an error for whoever sent the command.
func (l *Ledger) save(ctx context.Context, tx *db.Tx, s *stored) error {
	if len(s.news) == 0 {
		return nil
	}
	doc, err := json.Marshal(s.c)
	if err != nil {
		return err
	}
	p := rowsOf(s.c)
	k, _ := s.c.Due()
	moving := []any{s.c.State, db.Flag(p.open), p.sortAt, k.ID, db.Flag(isPaused(s.c)), string(s.c.Holder), s.c.Assignee, string(s.c.Offered),
		db.Micros(s.c.Changed), int64(len(s.c.Files)), int64(s.c.Raised), db.Flag(p.late), s.c.Outcome, int64(s.c.Seq), s.hash, string(doc), db.Flag(p.joint != ""), db.Flag(p.sealed != "")}
	if s.fresh {
		title, address := heading(s.d, s.open.Title, s.open.Place.Address)
		fixed := []any{s.n, string(s.c.Ref), l.keyedCode(s.open.Code), s.c.Pack, s.c.Programme, s.c.Procedure, s.c.Category,
			string(s.c.Place.Unit), address, title, db.Micros(s.c.Opened), s.c.Source}
		err = tx.Send(ctx, `INSERT INTO cases (`+caseColumns+`) VALUES
 (?19, ?20, ?21, ?22, ?23, ?24, ?25, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?26, ?27, ?28, ?29, ?9, ?10, ?11, ?12, ?13, ?30, ?14, ?15, ?16, ?17, ?18)`, append(moving, fixed...)...)
		if err == nil {
			err = l.putCaseKey(ctx, tx, s.n, "", s.wrapped)
		}
	} else {
		if s.c.Sealed != "" && s.old.sealed == "" {
			if err := tx.Send(ctx, `UPDATE cases SET title = '', address = '' WHERE n = ?1`, s.n); err != nil {
				return err
			}
		}
		err = tx.Send(ctx, `UPDATE cases SET state = ?1, is_open = ?2, sort_at = ?3, clock = ?4, paused = ?5, holder = ?6, assignee = ?7, offered = ?8,
 changed_at = ?9, files = ?10, raised = ?11, late = ?12, outcome = ?13, seq = ?14, hash = ?15, doc = ?16, joint = ?17, sealed = ?18 WHERE n = ?19`, append(moving, s.n)...)
	}
	if err != nil {
		return err
	}
	if err := l.saveSubjects(ctx, tx, s); err != nil {
		return err
	}
	if err := l.saveWords(ctx, tx, s, p); err != nil {
		return err
	}
	for _, e := range s.news {
		if err := putEvent(ctx, tx, s.n, e); err != nil {
			return err
		}
		leaf := receipt.Digest(string(s.c.Ref), e.kind, micro(e.at), e.hash)
		if err := translog.Add(ctx, tx, LeafEvent, l.EventLeaf(s.c.ID, e.seq, e.at), leaf); err != nil {
			return err
		}
	}
	if !p.open && s.d.Sealing.When == procedure.AtClosure && s.c.Parent == nil {
		if err := putDue(ctx, tx, s.n); err != nil {
			return err
		}
	}
	if err := s.saveTallies(ctx, tx); err != nil {
		return err
	}
	if err := s.saveWorklist(ctx, tx, p); err != nil {
		return err
	}
	return s.saveTimers(ctx, tx, p)
}

func isPaused(c casework.Case) bool {
	return slices.ContainsFunc(c.Clocks, func(c casework.Clock) bool { return c.Status == "paused" })
}

// tally is one row of the table tallies: of one unit, in one state.
type tally struct {
	unit  org.UnitID
	state string
}

// counts are a tally's figures: cases, late, unassigned, offered, paused.
type counts [5]int64

// count adds a case to the tallies it stands in, times by.
func (s *stored) count(into map[tally]counts, c casework.Case, by int64) {
	if c.ID == "" || !c.Closed.IsZero() {
		return
	}
	for _, unit := range listers(s.d.Units.Path, rowsOf(c)) {
		n := into[tally{unit, c.State}]
		n[0] += by
		n[1] += by * db.Flag(c.Overdue())
		n[2] += by * db.Flag(c.Assignee == "")
		n[3] += by * db.Flag(c.Offered != "" && (unit == c.Offered || unit == ownOf(c.Offered)))
		n[4] += by * db.Flag(isPaused(c))
		into[tally{unit, c.State}] = n
	}
}

// saveTallies moves the case from the tallies it stood in to those it stands in now.
func (s *stored) saveTallies(ctx context.Context, tx *db.Tx) error {
	moved := map[tally]counts{}
	s.count(moved, s.was, -1)
	s.count(moved, s.c, 1)
	s.was = s.c
	maps.DeleteFunc(moved, func(_ tally, n counts) bool { return n == counts{} })
	// In one order everywhere, so that two transactions do not hold what the other waits for.
	keys := slices.SortedFunc(maps.Keys(moved), func(a, b tally) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.state, b.state))
	})
	for part := range slices.Chunk(keys, 12) { // a statement takes 99 arguments
		var b strings.Builder
		b.WriteString(`INSERT INTO tallies (programme, procedure, shard, unit, state, cases, late, unassigned, offered, paused) VALUES `)
		args := []any{s.c.Programme, s.c.Procedure, s.shard}
		for i, k := range part {
			if i > 0 {
				b.WriteString(", ")
			}
			n, at := moved[k], len(args)
			args = append(args, string(k.unit), k.state, n[0], n[1], n[2], n[3], n[4])
			fmt.Fprintf(&b, "(?1, ?2, ?3, ?%d, ?%d, ?%d, ?%d, ?%d, ?%d, ?%d)", at+1, at+2, at+3, at+4, at+5, at+6, at+7)
		}
		b.WriteString(` ON CONFLICT (unit, programme, procedure, state, shard) DO UPDATE SET cases = tallies.cases + excluded.cases, late = tallies.late + excluded.late,
 unassigned = tallies.unassigned + excluded.unassigned, offered = tallies.offered + excluded.offered, paused = tallies.paused + excluded.paused`)
		if err := tx.Send(ctx, b.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *stored) saveWorklist(ctx context.Context, tx *db.Tx, p place) error {
	if !s.fresh && p == s.old {
		return nil
	}
	units := listers(s.d.Units.Path, p)
	if !s.fresh {
		if err := s.leaveWorklist(ctx, tx, p, units); err != nil {
			return err
		}
	}
	var b strings.Builder
	b.WriteString(`INSERT INTO worklist (is_open, sort_at, n, state, programme, late, unit) VALUES `)
	args := []any{db.Flag(p.open), p.sortAt, s.n, p.state, s.c.Programme, db.Flag(p.late)}
	for i, unit := range units {
		if i > 0 {
			b.WriteString(", ")
		}
		args = append(args, string(unit))
		fmt.Fprintf(&b, "(?1, ?2, ?3, ?4, ?5, ?6, ?%d)", len(args))
	}
	b.WriteString(` ON CONFLICT (unit, is_open, sort_at, n) DO UPDATE SET state = excluded.state, late = excluded.late`)
	err := tx.Send(ctx, b.String(), args...)
	s.old = p
	return err
}

// leaveWorklist takes the case off the lists it no longer stands in at the same place. Rows that stay are written
// over without being read: on PostgreSQL a row that is looked for is a conflict with whoever writes beside it.
func (s *stored) leaveWorklist(ctx context.Context, tx *db.Tx, p place, stays []org.UnitID) error {
	if p.open != s.old.open || p.sortAt != s.old.sortAt {
		stays = nil
	}
	args := []any{db.Flag(s.old.open), s.old.sortAt, s.n}
	var in []string
	for _, unit := range listers(s.d.Units.Path, s.old) {
		if slices.Contains(stays, unit) {
			continue
		}
		args = append(args, string(unit))
		in = append(in, fmt.Sprintf("?%d", len(args)))
	}
	if len(in) == 0 {
		return nil
	}
	return tx.Send(ctx, `DELETE FROM worklist WHERE is_open = ?1 AND sort_at = ?2 AND n = ?3 AND unit IN (`+strings.Join(in, ", ")+`)`, args...)
}

// sealedIn names the list of what is sealed to a unit. It is a list of its own, so that no list, figure or
// search of the unit that somebody above it may open can hold such a case.
func sealedIn(unit org.UnitID) org.UnitID { return "!" + unit }

// listers are the units whose lists hold the case.
func listers(path func(org.UnitID) []org.UnitID, p place) []org.UnitID {
	if p.sealed != "" {
		return []org.UnitID{sealedIn(p.sealed)}
	}
	c := casework.Case{Holder: p.holder, Offered: p.offered, Sealed: p.sealed}
	for _, u := range strings.Fields(p.joint) {
		c.Joint = append(c.Joint, org.UnitID(u))
	}
	return append(c.Listed(path), nearLists(c)...)
}

// ownOf names the list of what a unit itself holds or is offered, and jointOf that of what it was asked to
// join: lists of their own beside that of the subtree, for roles whose rule reaches no further.
func ownOf(unit org.UnitID) org.UnitID   { return "=" + unit }
func jointOf(unit org.UnitID) org.UnitID { return "+" + unit }

func nearLists(c casework.Case) []org.UnitID {
	lists := []org.UnitID{ownOf(c.Holder)}
	if c.Offered != "" && c.Offered != c.Holder {
		lists = append(lists, ownOf(c.Offered))
	}
	for _, u := range c.Joint {
		if list := jointOf(u); !slices.Contains(lists, list) {
			lists = append(lists, list)
		}
	}
	return lists
}

func (s *stored) saveTimers(ctx context.Context, tx *db.Tx, p place) error {
	prio := db.Flag(s.c.Assignee != "")
	if taken := s.c.Assignee != ""; taken != s.taken {
		s.taken = taken
		for _, k := range s.c.Clocks { // the others keep their date, but not their place in line
			if k.Running() {
				s.mark(k.ID)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.clock)) {
		k, _ := s.c.Clock(id)
		var due, alert time.Time
		if p.open && k.Running() {
			due, alert = k.Due, k.Alert
		}
		if err := s.saveTimer(ctx, tx, id, due, prio, k.Calendar); err != nil {
			return err
		}
		if cl, ok := s.d.Clock(id); ok && len(cl.Alerts) > 0 {
			if err := s.saveTimer(ctx, tx, id+alertMark, alert, prio, k.Calendar); err != nil {
				return err
			}
		}
	}
	if !p.open {
		return tx.Send(ctx, `DELETE FROM timers WHERE n = ?1`, s.n)
	}
	return nil
}

// alertMark ends the name of the timer that fires before a clock does, when its date comes near.
const alertMark = "~"

// saveTimer writes when a timer fires; a zero time takes it away.
func (s *stored) saveTimer(ctx context.Context, tx *db.Tx, name string, at time.Time, prio int64, calendar string) error {
	if at.IsZero() {
		if s.fresh {
			return nil
		}
		return tx.Send(ctx, `DELETE FROM timers WHERE n = ?1 AND clock = ?2`, s.n, name)
	}
	tx.Ring(timersTopic, at)
	return tx.Send(ctx, `INSERT INTO timers (n, clock, fires_at, prio, lease_until, calendar) VALUES (?1, ?2, ?3, ?4, 0, ?5)
 ON CONFLICT (n, clock) DO UPDATE SET fires_at = excluded.fires_at, prio = excluded.prio, lease_until = 0, calendar = excluded.calendar`,
		s.n, name, db.Micros(at), prio, calendar)
}

// restamp notes on the timers of a case that its dates agree with the calendar in force, so that whoever
// looks for dates counted otherwise does not find it for ever.
func (s *stored) restamp(ctx context.Context, tx *db.Tx) error {
	return tx.Send(ctx, `UPDATE timers SET calendar = ?1 WHERE n = ?2`, s.d.Calendar.ID+"@"+s.d.Calendar.Version, s.n)
}

// countedOtherwise lists cases with a running clock whose date was counted with another version of the
// calendar, which is written ID@VERSION: three ranges of an index, so that the price is that of what is
// found. Timers that name no calendar are older than the column and are asked about too.
func countedOtherwise(ctx context.Context, tx *db.Tx, calendar string, limit int) ([]int64, error) {
	id, _, _ := strings.Cut(calendar, "@")
	var out []int64
	for _, r := range [][2]string{{id + "@", calendar}, {calendar + "\x01", id + "A"}, {"", "\x01"}} {
		more, err := db.All(ctx, tx, otherwiseText, []any{r[0], r[1], int64(limit - len(out))}, scanInt)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

const otherwiseText = `SELECT n FROM timers WHERE calendar >= ?1 AND calendar < ?2 ORDER BY calendar, n LIMIT ?3`

// eventRow is an event as it is stored.
type eventRow struct {
	seq       int
	kind      string
	at        time.Time
	hash, doc []byte
}

func putEvent(ctx context.Context, tx *db.Tx, n int64, e eventRow) error {
	return tx.Send(ctx, `INSERT INTO events (n, seq, kind, at, hash, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		n, int64(e.seq), e.kind, db.Micros(e.at), e.hash, string(e.doc))
}

type keyRow struct {
	digest []byte
	n      int64
	seq    int
}

func findKey(ctx context.Context, tx *db.Tx, actor, key string) (keyRow, error) {
	return db.One(ctx, tx, `SELECT digest, n, seq FROM idempotency WHERE actor = ?1 AND idem_key = ?2`, []any{actor, key}, func(row db.Scanner) (k keyRow, err error) {
		return k, row.Scan(&k.digest, &k.n, &k.seq)
	})
}

func putKey(ctx context.Context, tx *db.Tx, actor, key string, digest []byte, n int64, seq int) error {
	return tx.Send(ctx, `INSERT INTO idempotency (actor, idem_key, digest, n, seq, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		actor, key, digest, n, int64(seq), db.Micros(tx.Now))
}

func dropKey(ctx context.Context, tx *db.Tx, actor, key string) error {
	return tx.Send(ctx, `DELETE FROM idempotency WHERE actor = ?1 AND idem_key = ?2`, actor, key)
}

// next draws the next numbers of a series and returns the last of them.
func next(ctx context.Context, tx *db.Tx, series string, many int64) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = counters.value + ?2 RETURNING value`,
		[]any{series, many}, scanInt)
}

// addToCounter is next for who does not ask what comes of it.
func addToCounter(ctx context.Context, tx *db.Tx, name string, many int64) error {
	return tx.Send(ctx, `INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = counters.value + ?2`, name, many)
}

// countersOf reads those of some counters that are there.
func countersOf(ctx context.Context, tx *db.Tx, names ...string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, name := range names {
		n, err := db.One(ctx, tx, `SELECT value FROM counters WHERE name = ?1`, []any{name}, scanInt)
		if errors.Is(err, db.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, nil
}

type timer struct {
	n     int64
	clock string
	at    time.Time
}

// timerLease is how long a claimed timer is left to the one who claimed it.
const timerLease = time.Minute

// claimText leases due timers; those that another node is taking are passed over. MATERIALIZED, or the engine might look
// for rows once for each it finds.
func claimText(tx *db.Tx) string {
	return `WITH due AS MATERIALIZED (SELECT n AS due_n, clock AS due_clock FROM timers
 WHERE prio = ?2 AND fires_at <= ?3 AND lease_until <= ?3 ORDER BY fires_at, n, clock LIMIT ?4` + tx.SkipLocked() + `)
 UPDATE timers SET lease_until = ?1 FROM due WHERE n = due_n AND clock = due_clock RETURNING n, clock, fires_at`
}

const (
	nextText = `SELECT fires_at FROM timers WHERE prio = ?1 ORDER BY fires_at LIMIT 1`
	// freeText is the next that nobody holds; leased ones are few, and stand where the walk begins.
	freeText = `SELECT fires_at FROM timers WHERE prio = ?1 AND lease_until <= ?2 ORDER BY fires_at LIMIT 1`
)

// timersTopic is what nodes sleep for until a timer is due, see db.Tx.Ring.
const timersTopic = "timers"

func claimTimers(ctx context.Context, tx *db.Tx, limit int) ([]timer, error) {
	var due []timer
	for prio := int64(0); prio <= 1 && len(due) < limit; prio++ {
		got, err := db.All(ctx, tx, claimText(tx),
			[]any{db.Micros(tx.Now.Add(timerLease)), prio, db.Micros(tx.Now), int64(limit - len(due))}, func(row db.Scanner) (t timer, err error) {
				var at int64
				err = row.Scan(&t.n, &t.clock, &at)
				t.at = db.FromMicros(at)
				return t, err
			})
		if err != nil {
			return nil, err
		}
		// RETURNING promises no order, and what ends in one second has one on every engine.
		slices.SortFunc(got, func(a, b timer) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n), cmp.Compare(a.clock, b.clock))
		})
		due = append(due, got...)
	}
	return due, nil
}

func nextTimer(ctx context.Context, tx *db.Tx) (time.Time, error) {
	return earliest(ctx, tx, nextText)
}

// nextFree is when the next timer is due that nobody holds.
func nextFree(ctx context.Context, tx *db.Tx) (time.Time, error) {
	return earliest(ctx, tx, freeText, db.Micros(tx.Now))
}

// earliest asks for each prio and gives the earliest answer; zero where there is none.
func earliest(ctx context.Context, tx *db.Tx, text string, args ...any) (best time.Time, err error) {
	for prio := int64(0); prio <= 1; prio++ {
		at, err := db.One(ctx, tx, text, append([]any{prio}, args...), scanInt)
		if errors.Is(err, db.ErrNoRows) {
			continue
		}
		if err != nil {
			return best, err
		}
		if t := db.FromMicros(at); best.IsZero() || t.Before(best) {
			best = t
		}
	}
	return best, nil
}

// PackVersion names a stored pack version.
type PackVersion struct{ Digest, Name, Version string }

// KeepPack stores a pack version so that cases opened under it can always be read; a version that is
// there already is left alone. Its files are megabytes, so a start asks before it sends them.
func (l *Ledger) KeepPack(ctx context.Context, p PackVersion, files map[string][]byte) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		if n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM packs WHERE digest = ?1`, []any{p.Digest}, scanInt); err != nil || n > 0 {
			return err
		}
		doc, err := json.Marshal(files)
		if err != nil {
			return err
		}
		return tx.Send(ctx, `INSERT INTO packs (digest, name, version, loaded_at, files) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (digest) DO NOTHING`,
			p.Digest, p.Name, p.Version, db.Micros(tx.Now), string(doc))
	})
}

// KeptPacks lists every stored version, the one that was stored last at the end.
func KeptPacks(ctx context.Context, d *db.DB) (out []PackVersion, err error) {
	err = d.View(ctx, func(tx *db.Tx) error {
		out, err = db.All(ctx, tx, `SELECT digest, name, version FROM packs ORDER BY loaded_at`, nil, func(row db.Scanner) (p PackVersion, err error) {
			return p, row.Scan(&p.Digest, &p.Name, &p.Version)
		})
		return err
	})
	return out, err
}

// KeptFiles returns the files of a stored version.
func KeptFiles(ctx context.Context, d *db.DB, digest string) (files map[string][]byte, err error) {
	var doc string
	err = d.View(ctx, func(tx *db.Tx) error {
		doc, err = db.One(ctx, tx, `SELECT files FROM packs WHERE digest = ?1`, []any{digest}, scanText)
		return err
	})
	if err != nil {
		return nil, err
	}
	return files, json.Unmarshal([]byte(doc), &files)
}
