package main

import (
	"slices"
	"sync"
	"time"

	"comity/internal/casework"
)

// What a client asks for.
const (
	kindOpen = "open"
	kindAct  = "act"
	kindRead = "read"
	kindSelf = "self" // what the city did by itself: read from the record, never asked for
)

// How it ended. An operation that nobody answered has no outcome.
const (
	done    = "done"
	refused = "refused" // in words, by a rule
	failed  = "failed"  // an error that says: not stored
	unknown = "unknown" // an error that says: nobody knows
)

// op is one operation of one client. It is told when it begins and again when it has ended.
type op struct {
	ID       int64           `json:"id"` // of this operation; a retry is another one with the same key
	Client   int             `json:"client"`
	Kind     string          `json:"kind"`
	Act      string          `json:"act,omitempty"`
	Key      string          `json:"key,omitempty"`
	Case     casework.CaseID `json:"case,omitempty"`
	Version  int             `json:"version,omitempty"` // of an act: what the client has seen
	Call     int64           `json:"call"`
	Return   int64           `json:"return,omitempty"`
	Outcome  string          `json:"outcome,omitempty"`
	Seq      int             `json:"seq,omitempty"`
	Now      int             `json:"now,omitempty"` // of a read: the version
	Hash     string          `json:"hash,omitempty"`
	State    string          `json:"state,omitempty"`
	Replayed bool            `json:"replayed,omitempty"`
	Said     string          `json:"said,omitempty"` // rule or error
	Quiet    bool            `json:"quiet,omitempty"`
}

// open says that nobody knows whether it happened.
func (o op) open() bool { return o.Outcome == "" || o.Outcome == unknown }

// retried says that the client sends it again under its key.
func (o op) retried() bool { return o.Key != "" && (o.open() || o.Outcome == failed) }

// history gathers operations from many clients and processes.
type history struct {
	mu    sync.Mutex
	order []int64
	ops   map[int64]op
}

func newHistory() *history { return &history{ops: map[int64]op{}} }

// tell takes an operation in, at its call and at its return.
func (h *history) tell(o op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.ops[o.ID]; !known {
		h.order = append(h.order, o.ID)
	}
	h.ops[o.ID] = o
}

// all lists the operations in the order in which they began.
func (h *history) all() []op {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]op, len(h.order))
	for i, id := range h.order {
		out[i] = h.ops[id]
	}
	return out
}

// count is how many operations ended in a way.
func (h *history) count(outcome string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		if o.Outcome == outcome {
			n++
		}
	}
	return n
}

// doneSince is how many writes were acknowledged that began after an instant.
func (h *history) doneSince(at time.Time) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		if o.Outcome == done && o.Kind != kindRead && o.Call >= at.UnixNano() {
			n++
		}
	}
	return n
}

// firstDone is when the first write was acknowledged that ended after an instant; zero if none was.
func (h *history) firstDone(after time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	best := int64(0)
	for _, o := range h.ops {
		if o.Outcome == done && o.Kind != kindRead && o.Return > after.UnixNano() && (best == 0 || o.Return < best) {
			best = o.Return
		}
	}
	if best == 0 {
		return time.Time{}
	}
	return time.Unix(0, best)
}

// typical is the median time of acknowledged reads and writes that ended within a span.
func (h *history) typical(from, to time.Time) (read, wrote time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	took := map[bool][]time.Duration{}
	for _, o := range h.ops {
		if o.Outcome == done && o.Return >= from.UnixNano() && o.Return <= to.UnixNano() {
			took[o.Kind == kindRead] = append(took[o.Kind == kindRead], time.Duration(o.Return-o.Call))
		}
	}
	median := func(all []time.Duration) time.Duration {
		if len(all) == 0 {
			return 0
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return median(took[true]), median(took[false])
}

// during counts what was asked for and answered within a span: reads, acknowledged writes, and writes that failed.
func (h *history) during(from, to time.Time) (reads, writes, failures int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		switch {
		case o.Call < from.UnixNano() || o.Return > to.UnixNano() || o.Return == 0:
		case o.Kind == kindRead && o.Outcome == done:
			reads++
		case o.Outcome == done:
			writes++
		case o.Outcome == failed || o.Outcome == unknown:
			failures++
		}
	}
	return reads, writes, failures
}
