package courier

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
)

// Webhooks tell other systems that something happened in a civic case: its number, the kind of event, the state
// it left the case in and when. No text, name, place or contact is in them, and of a sealed case nothing at all is
// told. An event is kept in hook_events for as long as it can be told again; what each receiver was told stands
// in hook_sends, each with a job of its own, so that a receiver that is away keeps nobody else waiting.

// Hook is a receiver of events.
type Hook struct {
	Name   string
	Events []string // kinds; empty: all
	Send   func(ctx context.Context, id string, at time.Time, body []byte) Answer
}

func (h Hook) wants(kind string) bool { return len(h.Events) == 0 || slices.Contains(h.Events, kind) }

// Happened is one event as receivers are told it.
type Happened struct {
	n     int64
	ID    string // stays the same however often it is told
	Ref   casework.Ref
	Kind  string
	State string
	At    time.Time
}

// body is what is signed and sent.
func (e Happened) body() ([]byte, error) {
	type data struct {
		Ref   casework.Ref `json:"ref"`
		Event string       `json:"event"`
		State string       `json:"state"`
		At    time.Time    `json:"at"`
	}
	return json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      data      `json:"data"`
	}{"case." + e.Kind, e.At.UTC(), data{e.Ref, e.Kind, e.State, e.At.UTC()}})
}

// HookKind is the job kind of an event to be told.
const HookKind = "hook"

// Hooks is the job for jobs.NewRunner.
func (c *Courier) Hooks() jobs.Kind {
	return jobs.Kind{Name: HookKind, Run: c.tell, Completes: true, Lease: deliveryLease, MaxAttempts: endless}
}

func hookKey(id casework.CaseID) string { return "hook:" + string(id) + ":" }

type hookJob struct {
	Send int64 `json:"send"`
}

// Announce notes an event for every receiver that wants it, in the transaction of the event: what
// ledger.Config.Project is handed in the civic compartment.
func (p *Post) Announce(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
	if p == nil || k.Sealed != "" {
		return nil
	}
	var wanted []Hook
	for _, h := range p.Hooks {
		if h.wants(e.Kind) {
			wanted = append(wanted, h)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	at := e.Recorded
	if at.IsZero() {
		at = e.At
	}
	x := Happened{ID: fmt.Sprintf("evt_%s_%d", k.Ref, e.Seq), Ref: k.Ref, Kind: e.Kind, State: e.State, At: at}
	var err error
	if x.n, err = putHappened(ctx, tx, k.ID, x); err != nil {
		return err
	}
	for _, h := range wanted {
		if err := tellLater(ctx, tx, k.ID, h.Name, x.n, tx.Now); err != nil {
			return err
		}
	}
	return nil
}

// tellLater puts a receiver's line of an event at its beginning, with a job.
func tellLater(ctx context.Context, tx *db.Tx, id casework.CaseID, receiver string, event int64, at time.Time) error {
	send, err := putSend(ctx, tx, receiver, event)
	if err != nil {
		return err
	}
	return hookAt(ctx, tx, id, hookSend{ID: send, State: Created, First: tx.Now}, at)
}

// hookSend is what one receiver was told of one event.
type hookSend struct {
	ID       int64
	Receiver string
	Event    int64
	State    State
	Tries    int
	First    time.Time
	Words    string
	job      string
}

func hookAt(ctx context.Context, tx *db.Tx, id casework.CaseID, s hookSend, at time.Time) error {
	raw, err := json.Marshal(hookJob{s.ID})
	if err != nil {
		return err
	}
	s.job = fmt.Sprintf("%s%d:%s", hookKey(id), s.ID, rand.Text())
	return errors.Join(setSend(ctx, tx, s), jobs.Enqueue(ctx, tx, jobs.New{Kind: HookKind, Key: s.job, Payload: raw, RunAt: at}))
}

func (p *Post) hook(name string) (Hook, bool) {
	if p == nil {
		return Hook{}, false
	}
	i := slices.IndexFunc(p.Hooks, func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return Hook{}, false
	}
	return p.Hooks[i], true
}

// tell tells one receiver one event. Receivers know repeats by the name of the event, so a crash in between
// needs no more than to tell it again.
func (c *Courier) tell(ctx context.Context, job jobs.Job) error {
	var p hookJob
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("hook %s: %w", job.Key, err)
	}
	var s hookSend
	var e Happened
	var id casework.CaseID
	var now time.Time
	err := c.DB.Transact(ctx, func(tx *db.Tx) (err error) {
		if s, e, id, err = loadSend(ctx, tx, p.Send); errors.Is(err, db.ErrNoRows) || err == nil && s.job != job.Key {
			s = hookSend{}
			return jobs.Done(ctx, tx, job)
		}
		now = tx.Now
		return err
	})
	if err != nil || s.ID == 0 {
		return err
	}
	h, known := c.Post.hook(s.Receiver)
	a := Answer{State: Cancelled, Words: "the receiver is not configured any more"}
	if known {
		body, err := e.body()
		if err != nil {
			return err
		}
		a = h.Send(ctx, e.ID, now, body)
	}
	return c.told(context.WithoutCancel(ctx), job, id, s, a)
}

// told writes down what a receiver answered, and when it is told again.
func (c *Courier) told(ctx context.Context, job jobs.Job, id casework.CaseID, s hookSend, a Answer) error {
	return c.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := jobs.Done(ctx, tx, job); err != nil {
			return err
		}
		s := s // a transaction may run again
		s.Tries++
		s.State, s.Words = a.State, line(a.Words)
		if a.State != Temporary {
			return setSend(ctx, tx, s)
		}
		next := tx.Now.Add(c.Post.Wait(s.Tries))
		if s.Tries >= c.Post.Tries || next.After(s.First.Add(c.Post.Hours)) {
			s.State = Permanent
			return setSend(ctx, tx, s)
		}
		return hookAt(ctx, tx, id, s, next)
	})
}

// ErrNoHook says that no receiver has this name.
var ErrNoHook = errors.New("courier: no receiver of this name is configured")

// replayBatch keeps a transaction short.
const replayBatch = 200

// Replay tells a receiver again what happened from one time up to another, and how many events that are. It can
// be broken off and done again: a receiver knows events by their names.
func (c *Courier) Replay(ctx context.Context, receiver string, from, to time.Time) (total int, err error) {
	h, ok := c.Post.hook(receiver)
	if !ok {
		return 0, ErrNoHook
	}
	for after := int64(0); ; {
		var list []kept
		told := 0
		err := c.DB.Transact(ctx, func(tx *db.Tx) (err error) {
			told = 0 // a transaction may run again, from the same place
			if list, err = listHappened(ctx, tx, from, to, after, replayBatch); err != nil {
				return err
			}
			for _, e := range list {
				if !h.wants(e.Kind) {
					continue
				}
				if err := tellLater(ctx, tx, e.id, receiver, e.n, tx.Now); err != nil {
					return err
				}
				told++
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		if total += told; len(list) < replayBatch {
			return total, nil
		}
		after = list[len(list)-1].n
	}
}

// HookState is how one receiver stands.
type HookState struct {
	Name   string
	Counts map[State]int
	Last   string    // what it said last when it refused
	Since  time.Time // the oldest event it has not taken; zero: none
}

// HookStates says how the receivers stand, in the order of the operator's file.
func (c *Courier) HookStates(ctx context.Context) (out []HookState, err error) {
	if c.Post == nil {
		return nil, nil
	}
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		out = nil
		for _, h := range c.Post.Hooks {
			s := HookState{Name: h.Name}
			if s.Counts, err = countSends(ctx, tx, h.Name); err != nil {
				return err
			}
			if s.Last, s.Since, err = lastRefusal(ctx, tx, h.Name); err != nil {
				return err
			}
			out = append(out, s)
		}
		return nil
	})
	return out, err
}

// TidyHooks forgets events that happened before a time: they cannot be told again then.
func (c *Courier) TidyHooks(ctx context.Context, before time.Time) error {
	return c.DB.Transact(ctx, func(tx *db.Tx) error { return removeHappenedBefore(ctx, tx, before) })
}
