package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// one carries out one command inside the batch's transaction. An error undoes it alone.
func (l *Ledger) one(ctx context.Context, tx *db.Tx, r *request) (Receipt, error) {
	digest := l.digestOf(r.cmd)
	if r.cmd.Key != "" && !r.trusting {
		old, err := findKey(ctx, tx, r.who.ID(), l.keyedKey(r.cmd.Key))
		if err == nil {
			again, live, err := l.replay(ctx, tx, old, digest)
			if err != nil || live {
				return again, err
			}
			if err := dropKey(ctx, tx, r.who.ID(), l.keyedKey(r.cmd.Key)); err != nil { // its case is under seal: there never was one
				return Receipt{}, err
			}
		} else if !errors.Is(err, db.ErrNoRows) {
			return Receipt{}, err
		}
	}
	s, err := l.stored(ctx, tx, r)
	if err != nil {
		return Receipt{}, err
	}
	if r.who.Is(authz.Importer) && !r.cmd.At.IsZero() {
		if err := l.catchUp(ctx, tx, r.who, s, r.cmd.At); err != nil {
			return Receipt{}, err
		}
		if r.cmd.Version != casework.AnyVersion && r.cmd.Open == nil {
			r.cmd.Version = s.c.Version
		}
	}
	if err := l.officer(ctx, tx, r, s); err != nil {
		return Receipt{}, err
	}
	if err := l.leading(ctx, tx, r, s); err != nil {
		return Receipt{}, err
	}
	events, err := casework.Decide(s.d, s.c, r.cmd, r.who, tx.Now)
	if err != nil {
		return Receipt{}, err
	}
	for _, e := range events {
		if err := l.append(ctx, tx, s, e); err != nil {
			return Receipt{}, err
		}
	}
	if r.cmd.Recount && len(events) == 0 {
		return s.receipt(), s.restamp(ctx, tx)
	}
	receipt := s.receipt()
	if err := l.settle(ctx, tx, s); err != nil {
		return Receipt{}, err
	}
	if r.cmd.Key != "" {
		if err := putKey(ctx, tx, r.who.ID(), l.keyedKey(r.cmd.Key), digest, s.n, receipt.Seq); err != nil {
			return Receipt{}, err
		}
	}
	if r.then != nil {
		if err := r.then(tx, receipt); err != nil {
			return Receipt{}, err
		}
	}
	return receipt, nil
}

// open case with its row, as one transaction works on it.
type stored struct {
	n     int64
	c     casework.Case
	d     *procedure.Definition
	hash  []byte
	fresh bool
	old   place            // the worklist rows that stand now
	news  []eventRow       // events that save will store
	was   casework.Case    // the case as the tallies know it
	shard int64            // which of the tallies are this node's
	taken bool             // somebody is assigned, as the timers that stand now know it
	clock map[string]bool  // clocks whose timer must be rewritten
	told  []casework.Event // events that other cases must hear of, as they were decided

	locked  wrappedKey        // the key as it was read
	key     *vault.Key        // what says something about people is sealed with it; nil for a case older than keys
	wrapped vault.Wrapped     // the key of a fresh case, for save to store
	given   map[string]string // what else the opening answered, as it was written
	open    *casework.Opening // of a fresh case, as it was written: save needs it for lists and search
}

// receipt is what the actor gets. The code is in it for whoever has just opened the case, and nobody else.
func (s *stored) receipt() Receipt {
	r := Receipt{Case: s.c.ID, Ref: s.c.Ref, Seq: s.c.Seq, Hash: hexOf(s.hash)}
	if s.open != nil {
		r.Code = s.open.Code
	}
	return r
}

// stored finds the case a command is about, or draws the numbers of a new one.
func (l *Ledger) stored(ctx context.Context, tx *db.Tx, r *request) (*stored, error) {
	if r.cmd.Open != nil {
		return l.fresh(ctx, tx, r)
	}
	s, err := l.load(ctx, tx, r.cmd.Case)
	if err != nil {
		return nil, err
	}
	if err := l.unlock(s); err != nil {
		return nil, err
	}
	if r.who.IsStaff() && !s.readable(r.who.Scope()) {
		return nil, &casework.Refusal{Rule: "case.unknown"} // not yours equals not there
	}
	return s, nil
}

func (s *stored) readable(in authz.Scope) bool {
	return s.c.ReadableBy(in, s.d.Units)
}

func (l *Ledger) fresh(ctx context.Context, tx *db.Tx, r *request) (*stored, error) {
	o := *r.cmd.Open
	packDigest, proc, ok := l.cfg.Opens(o.Category)
	if !ok {
		return nil, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "category", Rule: "category.unknown", Params: map[string]string{"got": o.Category}}}}
	}
	d, err := l.cfg.Definitions.Definition(packDigest, proc)
	if err != nil {
		return nil, err
	}
	at := tx.Now
	if !r.cmd.At.IsZero() {
		at = r.cmd.At
	}
	n, ref, drawn, err := l.drawRef(ctx, tx, d, at, r.trusting && r.cmd.At.IsZero())
	if err != nil {
		return nil, err
	}
	r.drawn = drawn
	o.ID, o.Ref, o.Pack, o.Code = caseID(n), ref, packDigest, l.drawCode()
	r.cmd.Open = &o
	return l.blank(d, n), nil
}

// blank is a case before its first event.
func (l *Ledger) blank(d *procedure.Definition, n int64) *stored {
	s := &stored{d: d, shard: l.shard.Load(), fresh: true, n: n, hash: make([]byte, sha256.Size)}
	s.key, s.wrapped = l.ring.NewKey()
	return s
}

func (l *Ledger) drawCode() casework.Code {
	var random [16]byte
	l.cfg.Random(random[:])
	return casework.NewCode(random)
}

// drawRef draws the key and the public number of a new case.
func (l *Ledger) drawRef(ctx context.Context, tx *db.Tx, d *procedure.Definition, at time.Time, trusting bool) (int64, casework.Ref, numbered, error) {
	n, err := l.drawNumber(ctx, tx, at, trusting)
	if err != nil {
		return 0, "", numbered{}, err
	}
	year := at.In(d.Calendar.Zone).Year()
	drawn, err := l.refs.next(ctx, tx, refSeries(d.Prefix, year))
	return n, refOfSeries(d.Prefix, year, drawn.n), drawn, err
}

// refSeries names what the public numbers of a procedure are counted in: one for each year.
func refSeries(prefix string, year int) string { return fmt.Sprintf("ref %s %d", prefix, year) }

func refOfSeries(prefix string, year int, number int64) casework.Ref {
	return casework.Ref(fmt.Sprintf("%s-%02d-%06d", prefix, year%100, number))
}

// drawNumber makes a key that sorts by opening time: microseconds and ten random bits, so that two
// nodes do not meet. Cases of one batch share their microsecond, and history is often dated by whole
// days, so a number that is taken is drawn again from a span after it that doubles each time.
//
// Whoever trusts asks only which ones this batch has taken.
func (l *Ledger) drawNumber(ctx context.Context, tx *db.Tx, at time.Time, trusting bool) (int64, error) {
	for try := range 40 {
		var b [8]byte
		l.cfg.Random(b[:])
		random := int64(binary.BigEndian.Uint64(b[:]) & (1<<(openedBits+try) - 1))
		n := firstKey(at) + random
		taken, err := l.taken[n], error(nil)
		if !trusting && !taken {
			taken, err = hasCase(ctx, tx, n)
		}
		if err != nil || !taken {
			if trusting {
				l.taken[n] = true
			}
			return n, err
		}
	}
	return 0, fmt.Errorf("ledger: no number is free for a case opened at %s", at)
}

// officer checks that an assignee works where the case is; accounts are not the kernel's to know.
func (l *Ledger) officer(ctx context.Context, tx *db.Tx, r *request, s *stored) error {
	id := r.cmd.Fields["officer"]
	a, ok := s.d.Act(r.cmd.Act)
	if l.cfg.Officer == nil || id == "" || !ok || !a.Has(procedure.Assign) || r.who.Is(authz.Importer) {
		return nil
	}
	known, err := l.cfg.Officer(ctx, tx, s.c.Holder, id)
	if err == nil && !known {
		return &casework.Refusal{Rule: "form.invalid", Law: a.Law, Fields: []form.Problem{{Field: "officer", Rule: "officer.unknown"}}}
	}
	return err
}

// catchUp answers, at their own times, the clocks that ran out before a piece of history.
func (l *Ledger) catchUp(ctx context.Context, tx *db.Tx, who authz.Actor, s *stored, at time.Time) error {
	for range 1000 {
		k, ok := s.c.Due()
		if !ok || !k.Due.Before(at) {
			return nil
		}
		tick := casework.Command{Case: s.c.ID, Version: casework.AnyVersion, At: k.Due, Tick: &casework.Tick{Clock: k.ID, Due: k.Due}}
		events, err := casework.Decide(s.d, s.c, tick, who, tx.Now)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			if err := l.append(ctx, tx, s, e); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("ledger: case %s: clocks ran out a thousand times before %s; the rule is too short for this history", s.c.Ref, at)
}

// append takes one event in, for save to store, under the hash that covers it and all before it, and orders its notices.
func (l *Ledger) append(ctx context.Context, tx *db.Tx, s *stored, e casework.Event) error {
	if err := l.number(ctx, tx, s, &e); err != nil {
		return err
	}
	stored := e
	if s.key != nil {
		stored = l.sealed(s.key, s.d, e.Case, e)
	}
	doc, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	s.hash = chain(s.hash, doc)
	s.news = append(s.news, eventRow{e.Seq, e.Kind, e.At, s.hash, doc})
	s.c = casework.Fold(s.c, stored)
	if e.Opening != nil {
		s.open, s.given = e.Opening, e.Fields
	}
	if l.cfg.Project != nil {
		if err := l.cfg.Project(ctx, tx, s.c, e); err != nil {
			return err
		}
	}
	if err := l.keepKey(ctx, tx, s, e); err != nil {
		return err
	}
	for _, k := range e.Clocks {
		s.mark(k.ID)
	}
	if len(e.Spawn)+len(e.Recalled) > 0 || e.Final || len(s.c.TellsGroup(e)) > 0 {
		s.told = append(s.told, e)
	}
	for _, f := range e.Files {
		for _, name := range f.Stored() {
			if err := putCaseFile(ctx, tx, s.n, name); err != nil {
				return err
			}
		}
	}
	if err := s.putNotable(ctx, tx, e); err != nil {
		return err
	}
	if l.cfg.Notify == nil {
		return nil
	}
	for i := range e.Notices {
		o := Order{Case: s.c.ID, Seq: e.Seq, N: i, Key: fmt.Sprintf("notice:%s:%d:%d", s.c.ID, e.Seq, i), RunAt: tx.Now}
		if err := l.cfg.Notify(ctx, tx, o); err != nil {
			return err
		}
	}
	return nil
}

// mark has the timer of a clock written again.
func (s *stored) mark(clock string) {
	if s.clock == nil {
		s.clock = map[string]bool{}
	}
	s.clock[clock] = true
}

// chain is SHA-256 over the previous hash and the stored bytes of the event.
func chain(prev, doc []byte) []byte {
	h := sha256.New()
	h.Write(prev)
	h.Write(doc)
	return h.Sum(nil)
}

// replay answers a command that was accepted before under the same key.
// live is false where the case is gone from the tables.
func (l *Ledger) replay(ctx context.Context, tx *db.Tx, old keyRow, digest []byte) (again Receipt, live bool, err error) {
	s, err := loadCase(ctx, tx, old.n)
	if errors.Is(err, db.ErrNoRows) {
		return Receipt{}, false, nil
	}
	if err != nil {
		return Receipt{}, false, err
	}
	if string(old.digest) != string(digest) {
		return Receipt{}, true, &casework.Refusal{Rule: "idempotency.reused"}
	}
	then, err := storedEvent(ctx, tx, s.n, old.seq) // others may have gone on since: the receipt is of what was done then
	if err != nil {
		return Receipt{}, true, err
	}
	r := s.receipt()
	r.Seq, r.Hash, r.Replayed = old.seq, hexOf(then.Hash), true
	if old.seq == 1 { // the command opened the case: whoever sent it was given the code then
		if s.key, err = l.caseKey(ctx, tx, s.n); err != nil && !errors.Is(err, errErased) {
			return Receipt{}, true, err
		}
		r.Code = s.c.Private(nil, l.opening(s.key, s.c.ID, authz.Key)).Code
	}
	return r, true, nil
}

// digestOf tells two commands under one key apart. Version and time are left out: a retry may have
// seen a newer page.
func (k keeper) digestOf(cmd casework.Command) []byte {
	cmd.Version, cmd.At, cmd.Key = 0, time.Time{}, ""
	cmd.Files = asSent(cmd.Files)
	doc, err := json.Marshal(cmd)
	if err != nil {
		panic(fmt.Sprintf("ledger: a command cannot be written down: %v", err)) // plain data only; a programming mistake
	}
	return []byte(k.ring.Index("command", string(doc))) // keyed: what was asked for could be guessed
}

// asSent names files by what was sent: each time it is kept it gets another key, and with it another name.
func asSent(list []casework.File) []casework.File {
	list = slices.Clone(list)
	for i, f := range list {
		if f.Sent != "" {
			list[i].SHA256, list[i].Key = f.Sent, ""
			list[i].Held, list[i].Locked, list[i].Original, list[i].OriginalKey = "", "", "", ""
		}
	}
	return list
}

// RunTimers answers up to limit clocks that are due, unassigned cases first, and reports how many.
// A clock that cannot be answered is logged, counted and tried again later; it is never dropped.
func (l *Ledger) RunTimers(ctx context.Context, limit int) (int, error) {
	var due []timer
	err := l.db.Take(ctx, func(tx *db.Tx) (err error) {
		due, err = claimTimers(ctx, tx, limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	calls := make([]Call, len(due))
	for i, t := range due {
		clock, alert := strings.CutSuffix(t.clock, alertMark)
		calls[i] = Call{authz.Machine(), casework.Command{Case: caseID(t.n), Version: casework.AnyVersion, Tick: &casework.Tick{Clock: clock, Due: t.at, Alert: alert}}}
	}
	_, errs := l.DoEach(context.WithoutCancel(ctx), calls) // claimed clocks are answered, or nobody would look at them until their lease ends
	for i, t := range due {
		if errs[i] != nil {
			l.cfg.Log.Error("a clock ran out and could not be answered", "case", caseID(t.n), "clock", t.clock, "due", t.at, "error", errs[i])
		}
	}
	return len(due), nil
}

// NextTimer is when the next clock is due; zero when none runs.
func (l *Ledger) NextTimer(ctx context.Context) (at time.Time, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		at, err = nextTimer(ctx, tx)
		return err
	})
	return at, err
}

// NextFree is when the next clock is due that no node is answering just now; zero when none runs. It differs from
// NextTimer where a node has died with clocks in its hands, or one cannot be answered.
func (l *Ledger) NextFree(ctx context.Context) (at time.Time, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		at, err = nextFree(ctx, tx)
		return err
	})
	return at, err
}

// TimersBell is rung when a clock begins to run that is due within [db.Soon]. Close it after use.
func (l *Ledger) TimersBell() *db.Bell { return l.db.Bell(timersTopic) }
