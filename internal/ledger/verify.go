package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/vault"
)

// Verification holds everything that is stored of a case against its events, and the events and looks against
// their records in the log. It needs no key: hashes cover what is sealed. The tree above the records is
// translog.Log.Check's to verify.

// What a Difference can be about.
const (
	DiffUnread    = "unread"     // the stored case is no case
	DiffEvent     = "event"      // an event is not what was stored
	DiffEventLeaf = "event_leaf" // an event has no record in the log, or another one
	DiffFold      = "fold"       // the stored case is not the fold of its events
	DiffColumns   = "columns"    // lists show something else than the case
	DiffList      = "list"       // a unit's list does not hold the case where it should, or one holds it that should not
	DiffTimer     = "timer"      // a clock and its timer do not agree
	DiffMember    = "member"     // the key of a member opens nothing, or another page
	DiffLook      = "look"       // a recorded look is not what was written
	DiffLookLeaf  = "look_leaf"  // a look has no record in the log, or another one
	DiffExport    = "export"     // the record of a list that left as a file is not what was written, or not in the log
	DiffStray     = "stray"      // rows that belong to no case
	DiffRecord    = "record"     // the log records an event or a look that is not there
	DiffTally     = "tally"      // a unit's figures are not those of its cases
)

// Differences lists them.
var Differences = []string{DiffUnread, DiffEvent, DiffEventLeaf, DiffFold, DiffColumns, DiffList, DiffTimer, DiffMember, DiffLook, DiffLookLeaf, DiffExport, DiffStray, DiffRecord, DiffTally}

// Difference is one thing that is not as the events say.
type Difference struct {
	What string
	Ref  casework.Ref // of the case; empty where it is about none
	Seq  int          // of the event, where it is about one
	Of   string       // which unit, clock, table, look or record, where it is about one
}

func (d *Difference) Error() string {
	s := d.What
	if d.Ref != "" {
		s = fmt.Sprintf("case %s: %s", d.Ref, d.What)
	}
	if d.Seq > 0 {
		s += fmt.Sprintf(" %d", d.Seq)
	}
	if d.Of != "" {
		s += " " + d.Of
	}
	return s + " is not as the events say"
}

// Verified is how much a verification went through.
type Verified struct {
	Cases, Events, Looks int
	Older                int // events that were stored before there was a log
}

// verification is one walk through all cases of a compartment.
type verification struct {
	r    *Reader
	bad  func(error)
	seen Verified
	rows expected
}

// expected is how many lists each case that was looked at should stand in; -1 is not known. It takes ten bytes a case:
// ten million are verified in one walk.
type expected struct {
	n     []int64 // in the order of the walk, which is theirs
	lists []int16
}

func (e *expected) set(n int64, lists int) {
	at, known := slices.BinarySearch(e.n, n)
	if !known {
		e.n, e.lists = slices.Insert(e.n, at, n), slices.Insert(e.lists, at, 0)
	}
	e.lists[at] = int16(min(lists, math.MaxInt16))
}

func (e *expected) of(n int64) (lists int, known bool) {
	at, known := slices.BinarySearch(e.n, n)
	if !known || e.lists[at] < 0 {
		return 0, false
	}
	return int(e.lists[at]), true
}

// VerifyAll verifies every case, oldest first, and what stands beside them. bad is told of each difference;
// the answer is how many cases were looked at. The error tells of a database that cannot be read.
func (r *Reader) VerifyAll(ctx context.Context, bad func(error)) (Verified, error) {
	return r.VerifyTelling(ctx, bad, func(int) {})
}

// Total is how many cases there are.
func (r *Reader) Total(ctx context.Context) (total int, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		n, err := countCases(ctx, tx)
		total = int(n)
		return err
	})
	return total, err
}

// VerifyTelling is VerifyAll that tells how many it has done, after each page.
func (r *Reader) VerifyTelling(ctx context.Context, bad func(error), tell func(seen int)) (Verified, error) {
	v := &verification{r: r, bad: bad}
	const page = 200
	for last := int64(0); ; {
		var ids []int64
		err := r.db.View(ctx, func(tx *db.Tx) (err error) {
			if ids, err = numbersAfter(ctx, tx, last, page); err != nil {
				return err
			}
			for _, n := range ids {
				if err := v.verifyCase(ctx, tx, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return v.seen, err
		}
		if len(ids) == 0 {
			break
		}
		v.seen.Cases += len(ids)
		tell(v.seen.Cases)
		last = ids[len(ids)-1]
	}
	if err := v.underSeal(ctx, tell); err != nil {
		return v.seen, err
	}
	return v.seen, errors.Join(v.lists(ctx), r.db.View(ctx, func(tx *db.Tx) error {
		return errors.Join(v.exports(ctx, tx), v.strays(ctx, tx), v.tallies(ctx, tx), v.records(ctx, tx))
	}))
}

// underSeal goes through the cases under seal, without opening any.
func (v *verification) underSeal(ctx context.Context, tell func(seen int)) error {
	const page = 200
	for last := int64(0); ; {
		var ids []int64
		err := v.r.db.View(ctx, func(tx *db.Tx) (err error) {
			if ids, err = sealedAfter(ctx, tx, last, page); err != nil {
				return err
			}
			for _, n := range ids {
				if err := v.r.verifySealed(ctx, tx, n); err != nil {
					v.bad(err)
				}
			}
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		v.seen.Cases += len(ids)
		tell(v.seen.Cases)
		last = ids[len(ids)-1]
	}
}

// Verify re-derives one case from its events: the chain of hashes and their records, the fold, what lists
// show, its timers and the looks must agree. The error joins every difference.
func (r *Reader) Verify(ctx context.Context, id casework.CaseID) error {
	n, ok := number(id)
	if !ok {
		return ErrNotFound
	}
	var all []error
	v := &verification{r: r, bad: func(err error) { all = append(all, err) }}
	err := r.db.View(ctx, func(tx *db.Tx) error { return v.verifyCase(ctx, tx, n) })
	return errors.Join(err, errors.Join(all...))
}

func (v *verification) verifyCase(ctx context.Context, tx *db.Tx, n int64) error {
	v.rows.set(n, -1)
	s, err := loadCase(ctx, tx, n)
	if errors.Is(err, errUnreadCase) {
		ref, err := refOf(ctx, tx, n)
		v.bad(&Difference{What: DiffUnread, Ref: ref})
		return err
	}
	if err != nil {
		return err
	}
	say := func(d Difference) { d.Ref = s.c.Ref; v.bad(&d) }
	if s.c.ID != caseID(n) || s.c.Ref == "" {
		ref, err := refOf(ctx, tx, n)
		v.bad(&Difference{What: DiffFold, Ref: ref})
		return err
	}
	c, whole, err := v.events(ctx, tx, s, say)
	if err != nil || !whole {
		return err // the rest follows from the events
	}
	v.rows.set(n, len(listers(v.r.units().Path, rowsOf(c))))
	return errors.Join(v.listed(ctx, tx, n, c, say), v.timers(ctx, tx, n, c, say), v.memberKeys(ctx, tx, n, c, say), v.looks(ctx, tx, n, c, say))
}

// events folds what is stored. whole is false where the events themselves cannot be believed.
func (v *verification) events(ctx context.Context, tx *db.Tx, s *stored, say func(Difference)) (c casework.Case, whole bool, err error) {
	rows, err := eventRowsOf(ctx, tx, s.n)
	if err != nil {
		return c, false, err
	}
	_, err = findCaseKey(ctx, tx, s.n, "")
	old := errors.Is(err, db.ErrNoRows) // than keys, and so than the log
	if err != nil && !old {
		return c, false, err
	}
	hash, whole := make([]byte, sha256.Size), true
	for i, row := range rows {
		hash = chain(hash, row.doc)
		var e casework.Event
		err := json.Unmarshal(row.doc, &e)
		if err != nil || row.seq != i+1 || e.Seq != row.seq || e.Kind != row.kind || db.Micros(e.At) != row.at || !bytes.Equal(hash, row.hash) {
			say(Difference{What: DiffEvent, Seq: i + 1})
			return c, false, nil
		}
		c = casework.Fold(c, e)
		err = translog.Holds(ctx, tx, LeafEvent, receipt.Digest(string(c.Ref), e.Kind, micro(e.At), row.hash), v.r.eventLeaves(caseID(s.n), row.seq, e.At)...)
		switch bad := (*translog.Difference)(nil); {
		case errors.Is(err, translog.ErrNoEntry) && old:
			v.seen.Older++
		case errors.Is(err, translog.ErrNoEntry), errors.As(err, &bad):
			say(Difference{What: DiffEventLeaf, Seq: row.seq})
			whole = false
		case err != nil:
			return c, false, err
		default:
			old = false // from here on the log knows every event
		}
	}
	v.seen.Events += len(rows)
	want, err := json.Marshal(c)
	if err != nil {
		return c, false, err
	}
	have, err := json.Marshal(s.c)
	if err != nil {
		return c, false, err
	}
	if !bytes.Equal(want, have) || !bytes.Equal(hash, s.hash) {
		say(Difference{What: DiffFold})
		return c, false, nil
	}
	return c, whole, nil
}

// listed checks what lists show: the columns of the case's row, and that each unit that may list
// the case finds it where its dates put it.
func (v *verification) listed(ctx context.Context, tx *db.Tx, n int64, c casework.Case, say func(Difference)) error {
	have, err := itemOf(ctx, tx, n)
	if err != nil {
		return err
	}
	title, address, err := v.r.heading(ctx, tx, n, c)
	if err != nil {
		return err
	}
	p := rowsOf(c)
	if have != itemFrom(c, p, title, address) {
		say(Difference{What: DiffColumns})
	}
	for _, unit := range listers(v.r.units().Path, p) {
		found, err := countListed(ctx, tx, unit, n, p)
		if err != nil {
			return err
		}
		if found != 1 {
			say(Difference{What: DiffList, Of: string(unit)})
		}
	}
	return nil
}

// itemFrom is the line that lists should show of a case.
func itemFrom(c casework.Case, p place, title, address string) Item {
	k, _ := c.Due()
	i := Item{ID: c.ID, Ref: c.Ref, Pack: c.Pack, Programme: c.Programme, Procedure: c.Procedure, Category: c.Category, State: c.State, Open: p.open,
		Clock: k.ID, Paused: isPaused(c), Holder: c.Holder, Assignee: c.Assignee, Offered: c.Offered, PlaceUnit: c.Place.Unit, Address: address,
		Title: title, Opened: micro(c.Opened), Changed: micro(c.Changed), Files: len(c.Files), Raised: c.Raised, Late: p.late, Outcome: c.Outcome, Source: c.Source, Seq: c.Seq,
		Joint: p.joint != "", Sealed: p.sealed != ""}
	if i.Sealed {
		i.Title, i.Address, i.PlaceUnit = "", "", ""
	}
	switch {
	case !p.open:
		i.Closed = micro(c.Closed)
	case k.ID != "":
		i.Due = micro(k.Due)
	}
	return i
}

// heading is what the lists should show of a case in the clear.
func (r *Reader) heading(ctx context.Context, tx *db.Tx, n int64, c casework.Case) (title, address string, err error) {
	d, err := r.defs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return "", "", err
	}
	key, err := r.caseKey(ctx, tx, n)
	if errors.Is(err, errErased) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	open := c.Private(d, r.opening(key, c.ID, authz.Story))
	if !vault.Sealed(c.Title) {
		return open.Title, open.Place.Address, nil // older than keys
	}
	title, address = heading(d, open.Title, open.Place.Address)
	return title, address, nil
}

// timers holds the clocks of the folded case against the table that wakes them. With which calendar a timer
// was counted is left out: a new one restamps timers whose dates stay.
func (v *verification) timers(ctx context.Context, tx *db.Tx, n int64, c casework.Case, say func(Difference)) error {
	have, err := timersOf(ctx, tx, n)
	if err != nil {
		return err
	}
	want := map[string]wake{}
	for _, k := range c.Clocks {
		if !k.Running() || !c.Closed.IsZero() {
			continue
		}
		want[k.ID] = wake{db.Micros(k.Due), db.Flag(c.Assignee != "")}
		if !k.Alert.IsZero() {
			want[k.ID+alertMark] = wake{db.Micros(k.Alert), db.Flag(c.Assignee != "")}
		}
	}
	for id, at := range want {
		if have[id] != at {
			say(Difference{What: DiffTimer, Of: id})
		}
		delete(have, id)
	}
	for id := range have {
		say(Difference{What: DiffTimer, Of: id})
	}
	return nil
}

// memberKeys holds the keys that open a member's page against the codes in the case. What is under seal and
// what was erased has none.
func (v *verification) memberKeys(ctx context.Context, tx *db.Tx, n int64, c casework.Case, say func(Difference)) error {
	if len(c.Members) == 0 {
		return nil
	}
	have, err := memberKeys(ctx, tx, n)
	if err != nil {
		return err
	}
	key, err := v.r.caseKey(ctx, tx, n)
	gone := errors.Is(err, errErased)
	if err != nil && !gone {
		return err
	}
	for _, m := range c.Members {
		want := ""
		if m.Code != "" && c.Sealed == "" && !gone {
			want = v.r.keyedCode(m.Private(v.r.opening(key, c.ID, authz.Key)).Code)
		}
		if have[m.ID] != want {
			say(Difference{What: DiffMember, Of: m.ID})
		}
		delete(have, m.ID)
	}
	for id := range have {
		say(Difference{What: DiffMember, Of: id})
	}
	return nil
}

// looks computes the hash of every look again and finds its record.
func (v *verification) looks(ctx context.Context, tx *db.Tx, n int64, c casework.Case, say func(Difference)) error {
	rows, err := looksOf(ctx, tx, n, 1<<31-1, 1<<62)
	if err != nil {
		return err
	}
	v.seen.Looks += len(rows)
	for _, row := range rows {
		hash, err := lookHash(c.ID, row.Disclosure)
		if err != nil {
			return err
		}
		if !bytes.Equal(hash, row.hash) {
			say(Difference{What: DiffLook, Of: row.Ref})
			continue
		}
		err = translog.Holds(ctx, tx, LeafLook, row.hash, row.Ref)
		switch bad := (*translog.Difference)(nil); {
		case errors.Is(err, translog.ErrNoEntry), errors.As(err, &bad):
			say(Difference{What: DiffLookLeaf, Of: row.Ref})
		case err != nil:
			return err
		}
	}
	return nil
}

// exports computes the hash of every list that left the house again and finds its record.
func (v *verification) exports(ctx context.Context, tx *db.Tx) error {
	const page = 500
	for last := int64(0); ; {
		list, err := exportsAfter(ctx, tx, last, page)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, row := range list {
			hash, err := hashOf(row.Export)
			if err != nil {
				return err
			}
			if err = translog.Holds(ctx, tx, LeafExport, hash, row.Ref); err == nil && bytes.Equal(hash, row.hash) {
				continue
			}
			if bad := (*translog.Difference)(nil); err != nil && !errors.Is(err, translog.ErrNoEntry) && !errors.As(err, &bad) {
				return err
			}
			v.bad(&Difference{What: DiffExport, Of: row.Ref})
		}
		last = list[len(list)-1].id
	}
}

// lists finds rows of worklists that no case put there. A case that changed meanwhile is looked at again.
func (v *verification) lists(ctx context.Context) error {
	var doubted []int64
	err := v.r.db.View(ctx, func(tx *db.Tx) error {
		for row, err := range listedCounts(ctx, tx) {
			if err != nil {
				return err
			}
			if want, known := v.rows.of(row.n); known && want != row.count {
				doubted = append(doubted, row.n)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range doubted {
		err := v.r.db.View(ctx, func(tx *db.Tx) error {
			s, err := loadCase(ctx, tx, n)
			if err != nil {
				return err
			}
			units, err := listersOf(ctx, tx, n)
			if err != nil {
				return err
			}
			for _, unit := range units {
				if !slices.Contains(listers(v.r.units().Path, s.old), unit) {
					v.bad(&Difference{What: DiffList, Ref: s.c.Ref, Of: string(unit)})
				}
			}
			if want := len(listers(v.r.units().Path, s.old)); len(units) > want && len(slices.Compact(units)) <= want {
				v.bad(&Difference{What: DiffList, Ref: s.c.Ref}) // one unit, at two dates
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// strays finds rows that belong to no case.
func (v *verification) strays(ctx context.Context, tx *db.Tx) error {
	for _, table := range caseTables {
		numbers, err := strayNumbers(ctx, tx, table)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			v.bad(&Difference{What: DiffStray, Ref: casework.Ref(caseID(n)), Of: table})
		}
	}
	return nil
}

// tallies counts every unit's figures again, from rows that were verified one by one.
func (v *verification) tallies(ctx context.Context, tx *db.Tx) error {
	want, err := countedTallies(ctx, tx)
	if err != nil {
		return err
	}
	have, err := storedTallies(ctx, tx)
	if err != nil {
		return err
	}
	for k, n := range want {
		if have[k] != n {
			v.bad(&Difference{What: DiffTally, Of: k})
		}
		delete(have, k)
	}
	for k, n := range have {
		if n != (counts{}) {
			v.bad(&Difference{What: DiffTally, Of: k})
		}
	}
	return nil
}

// records makes sure that the log records no event and no look that is not there. Each that is there was found
// in the log by its own name, so the numbers tell; only where they do not agree are the names asked.
func (v *verification) records(ctx context.Context, tx *db.Tx) error {
	events, looks, err := countRecorded(ctx, tx)
	if err != nil {
		return err
	}
	loggedEvents, err := translog.Count(ctx, tx, LeafEvent)
	if err != nil {
		return err
	}
	loggedLooks, err := translog.Count(ctx, tx, LeafLook)
	if err != nil {
		return err
	}
	if loggedEvents > events-int64(v.seen.Older) {
		if err := v.unrecorded(ctx, tx, LeafEvent, eventNames(ctx, tx, v.r.eventLeaves)); err != nil {
			return err
		}
	}
	if loggedLooks > looks {
		return v.unrecorded(ctx, tx, LeafLook, lookNames(ctx, tx))
	}
	return nil
}

// unrecorded names the records of a kind that stand for nothing there is, and those that stand for a thing which has
// a record under another of its names.
func (v *verification) unrecorded(ctx context.Context, tx *db.Tx, kind string, names func(func(...string)) error) error {
	first := map[string]string{} // of all names of a thing
	if err := names(func(of ...string) {
		for _, name := range of {
			first[name] = of[0]
		}
	}); err != nil {
		return err
	}
	recorded := map[string]bool{}
	for name, err := range translog.Names(ctx, tx, kind) {
		if err != nil {
			return err
		}
		of, ok := first[name]
		if !ok || recorded[of] {
			v.bad(&Difference{What: DiffRecord, Of: kind + " " + name})
		}
		recorded[of] = true
	}
	return nil
}
