package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/ledger"
)

// verdict is what a checked run comes to. The sums of several are the sums of their numbers.
type verdict struct {
	Ops, Acked, Refused, Failed, Unknown int
	Cases, Events, Leaves, Heads         int
	Lost, Twice                          int // acknowledged and gone; one key or notice carried out twice
	Handed, Repeated                     int // to the gateway; of them again under the same name, which the record tells
	Revived                              int // jobs that were given up and that a person had to start again
	Broken                               []string
}

func (v *verdict) say(format string, args ...any) {
	if len(v.Broken) < 20 {
		v.Broken = append(v.Broken, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) add(w verdict) {
	v.Ops, v.Acked, v.Refused, v.Failed, v.Unknown = v.Ops+w.Ops, v.Acked+w.Acked, v.Refused+w.Refused, v.Failed+w.Failed, v.Unknown+w.Unknown
	v.Cases, v.Events, v.Leaves, v.Heads = v.Cases+w.Cases, v.Events+w.Events, v.Leaves+w.Leaves, v.Heads+w.Heads
	v.Lost, v.Twice, v.Handed, v.Repeated = v.Lost+w.Lost, v.Twice+w.Twice, v.Handed+w.Handed, v.Repeated+w.Repeated
	v.Revived += w.Revived
	v.Broken = append(v.Broken, w.Broken...)
}

// check holds everything clients were told against everything that is stored. The house has no visitors meanwhile.
func (h *house) check(ctx context.Context, ops []op) (v verdict, err error) {
	if err := h.settle(ctx); err != nil {
		return v, err
	}
	v.count(ops)
	v.Revived = h.revived
	return v, errors.Join(h.proofs(ctx, &v), h.kept(ctx, ops, &v), h.sent(ctx, &v))
}

func (v *verdict) count(ops []op) {
	for _, o := range ops {
		v.Ops++
		switch {
		case o.Outcome == done:
			v.Acked++
		case o.Outcome == refused:
			v.Refused++
		case o.Outcome == failed:
			v.Failed++
		default:
			v.Unknown++
		}
	}
}

// proofs re-derives every row from the events, the tree from its leaves, and counts the invariants.
func (h *house) proofs(ctx context.Context, v *verdict) error {
	seen, err := h.reader.VerifyAll(ctx, func(err error) { v.say("%v", err) })
	if err != nil {
		return err
	}
	tree, err := h.tree.Check(ctx, nil)
	if err != nil {
		v.say("%v", err)
	}
	v.Cases, v.Events, v.Leaves, v.Heads = seen.Cases, seen.Events, int(tree.Entries), int(tree.Heads)
	if tree.Waiting > 0 {
		v.say("%d records have no place in the log after it came to rest", tree.Waiting)
	}
	found, err := h.ledger.Survey(ctx, ledger.Beyond{Units: h.pack.Units, Calendars: h.pack.CalendarVersions(), Patience: time.Minute,
		Unsent: func(ctx context.Context, each func(casework.CaseID, int) error) error {
			return courier.Unsent(ctx, h.db, each)
		}}, nil)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Count > 0 {
			v.say("the invariant %s is broken by %d cases, such as %v", f.Name, f.Count, f.Examples[0])
		}
	}
	stray, err := h.stray(ctx)
	for _, what := range slices.Sorted(maps.Keys(stray)) {
		v.say("%d %s", stray[what], what)
	}
	return err
}

// kept holds the history against the record.
func (h *house) kept(ctx context.Context, ops []op, v *verdict) error {
	rows, err := h.events(ctx)
	if err != nil {
		return err
	}
	titles, err := h.titles(ctx)
	if err != nil {
		return err
	}
	record := map[casework.CaseID][]stored{}
	for _, s := range rows {
		record[caseOf(s.n)] = append(record[caseOf(s.n)], s)
	}
	for title, ids := range titles {
		if len(ids) > 1 {
			v.Twice++
			v.say("%s was opened %d times", title, len(ids))
		}
	}
	byCase := map[casework.CaseID][]op{}
	for _, o := range ops {
		if o.Case == "" && o.Key != "" && len(titles[o.Key]) > 0 {
			o.Case = titles[o.Key][0]
		}
		if o.Case == "" {
			continue // it was asked for, and nothing came of it
		}
		v.receipt(o, record[o.Case])
		byCase[o.Case] = append(byCase[o.Case], o)
	}
	for id, events := range record {
		v.inOrder(id, events)
		v.notices(id, events)
		if len(ops) > 0 { // a scene of single steps has no history, and judges each step itself
			v.linear(id, append(byCase[id], bySelf(events)...), events)
		}
	}
	return nil
}

// receipt looks an acknowledgement up.
func (v *verdict) receipt(o op, events []stored) {
	if o.Outcome != done {
		return
	}
	if o.Seq < 1 || o.Seq > len(events) || events[o.Seq-1].hash != o.Hash {
		v.Lost++
		v.say("%s of case %s: event %d with hash %.12s was acknowledged, and is not there", o.Kind, o.Case, o.Seq, o.Hash)
	}
}

// inOrder says that the events of a case do not go back in time, and that no act stands there twice.
func (v *verdict) inOrder(id casework.CaseID, events []stored) {
	given := map[string]bool{}
	for i, s := range events {
		if i > 0 && s.at < events[i-1].at {
			v.say("case %s: event %d is %s older than the one before it", id, s.seq, time.Duration(events[i-1].at-s.at)*time.Microsecond)
		}
		if to := s.e.Fields["officer"]; to != "" {
			if given[to] {
				v.Twice++
				v.say("case %s: the act under key %s stands there twice", id, to)
			}
			given[to] = true
		}
	}
}

// notices says that each notice an event owes was written once, by the record of the case.
func (v *verdict) notices(id casework.CaseID, events []stored) {
	type name struct{ seq, n int }
	owed, sent := map[name]bool{}, map[name]int{}
	for _, s := range events {
		for n := range s.e.Notices {
			owed[name{s.seq, n}] = true
		}
		if s.e.Sent != nil {
			sent[name{s.e.Sent.Seq, s.e.Sent.N}]++
		}
	}
	for at := range owed {
		if sent[at] != 1 {
			v.say("case %s: notice %d of event %d was written %d times", id, at.n, at.seq, sent[at])
		}
		if sent[at] > 1 {
			v.Twice++
		}
	}
}

// bySelf are the events nobody asked for: notices that were sent, clocks that ran out.
func bySelf(events []stored) (out []op) {
	for _, s := range events {
		if s.e.By.Actor == staff || s.e.Opening != nil {
			continue
		}
		out = append(out, op{Kind: kindSelf, Outcome: done, Seq: s.seq, Hash: s.hash, Quiet: s.e.Quiet()})
	}
	return out
}

// linear asks the judge, with one look more at the end that sees everything.
func (v *verdict) linear(id casework.CaseID, ops []op, events []stored) {
	last, end := events[len(events)-1], int64(0)
	version := 0
	for _, s := range events {
		if !s.e.Quiet() {
			version = s.seq
		}
	}
	for _, o := range ops {
		end = max(end, o.Call, o.Return)
	}
	ops = append(ops, op{Kind: kindRead, Outcome: done, Case: id, Seq: last.seq, Now: version, Hash: last.hash, State: last.e.State, Call: end + 1, Return: end + 2})
	switch linearizable(ops) {
	case porcupine.Illegal:
		v.say("case %s: its %d operations have no order that keeps to their times: %s", id, len(ops), told(ops))
	case porcupine.Unknown:
		v.say("case %s: no verdict on its %d operations within the time allowed", id, len(ops))
	}
}

// told shows a history.
func told(ops []op) string {
	slices.SortStableFunc(ops, func(a, b op) int { return int(min(1, max(-1, a.Call-b.Call))) })
	var b strings.Builder
	first := int64(0)
	for _, o := range ops {
		if first == 0 {
			first = o.Call
		}
		fmt.Fprintf(&b, "\n  %9d–%9d %s %s key=%s on=%d %s seq=%d now=%d hash=%.6s %s replayed=%v %s", (o.Call-first)/1000, max(0, o.Return-first)/1000, o.Kind, o.Act, o.Key, o.Version, o.Outcome, o.Seq, o.Now, o.Hash, o.State, o.Replayed, o.Said)
	}
	return b.String()
}

// courierKey is the name by which a gateway knows a message; package courier makes it so.
func courierKey(key string) string {
	sum := sha256.Sum256([]byte("comity delivery\x00" + key))
	return hex.EncodeToString(sum[:16])
}

// sent holds what the gateway was handed against the record. A message may be handed over again, under the same name,
// only where the record says that nobody knows how a try ended.
func (h *house) sent(ctx context.Context, v *verdict) error {
	handed := map[string]int{}
	raw, err := os.ReadFile(h.site.Sent)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for lines := bufio.NewScanner(strings.NewReader(string(raw))); lines.Scan(); {
		var p parcel
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return fmt.Errorf("what the gateway wrote down: %w", err)
		}
		v.Handed++
		handed[p.Key]++
	}
	known, err := h.tries(ctx)
	if err != nil {
		return err
	}
	for name, n := range handed {
		t := known[name]
		v.Repeated += n - 1
		if n > t.all || n-1 > t.unclear {
			v.Twice++
			v.say("the gateway was handed message %s %d times; the record has %d tries, of %d of which no end is known", name, n, t.all, t.unclear)
		}
	}
	return nil
}
