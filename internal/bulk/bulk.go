// Package bulk does one act on many cases: it keeps the order until the time to undo is over, then
// does it case by case and remembers how each ended.
//
// The life of a bulk: Begin stores it with the versions the officer saw, and a job that is due when
// the time to undo is over. Until the job starts, Undo takes everything back. The job sends each case
// through the ledger with a key of its own and stores the result in the same transaction, so that a
// killed process goes on where it stopped and no case is done twice. A case that changed meanwhile is
// refused like any stale form and reported; it is never overwritten.
//
// It refuses to act with more rights than the officer has at that moment, more than Most cases, and
// to show a bulk to anybody but who ordered it.
//
// Open this file first; SQL is in store.go.
package bulk

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
)

//go:embed schema/*.sql
var schema embed.FS

// KindName is the job kind of a bulk.
const KindName = "bulk"

// Most is how many cases one bulk takes: as many as a person can look through.
const Most = 200

// lease is how long one run may take: Most commits, each with room to wait.
const lease = 5 * time.Minute

// ErrNotFound says that this officer ordered no such bulk.
var ErrNotFound = errors.New("bulk: there is no such bulk")

// Status is where a bulk stands.
type Status string

// The statuses.
const (
	Waiting Status = "waiting" // can be undone
	Running Status = "running"
	Done    Status = "done" // every case has a result
	Undone  Status = "undone"
)

// Result is how one case ended; Pending until it did.
type Result string

// The results.
const (
	Pending  Result = ""
	Acted    Result = "done"
	Declined Result = "refused"
)

// Bulk is one act ordered for many cases.
type Bulk struct {
	ID                     string
	Actor                  string
	Procedure, Act         string
	Fields                 map[string]string
	Ordered, Starts, Ended time.Time
	Status                 Status
	Items                  []Item
}

// Count is how many cases ended so.
func (b Bulk) Count(r Result) (n int) {
	for _, it := range b.Items {
		if it.Result == r {
			n++
		}
	}
	return n
}

// Item is one case of a bulk.
type Item struct {
	N       int
	Case    casework.CaseID
	Ref     casework.Ref
	Version int // the officer saw
	Result  Result
	Refusal *casework.Refusal // of a declined one
}

// Order is what an officer asks for.
type Order struct {
	Actor          string
	Key            string // of the form: sent twice it is one bulk
	Procedure, Act string
	Fields         map[string]string
	Items          []Item
}

// Book keeps and does bulks. All fields must be set, but Window may be zero: then nothing can be undone.
type Book struct {
	DB     *db.DB
	Ledger *ledger.Ledger
	Window time.Duration // how long an order can be undone
	// Actor is the officer as the rules know them now: asked before every case, so that a right that
	// was taken away ends the bulk.
	Actor func(ctx context.Context, id string) (authz.Actor, error)
}

// Migrate makes the tables.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "bulk", sub)
}

type payload struct {
	Bulk string `json:"bulk"`
}

func jobKey(id string) string { return "bulk:" + id }

// Begin stores an order and answers its id. It is done after the window.
func (k *Book) Begin(ctx context.Context, o Order) (id string, err error) {
	if len(o.Items) == 0 || len(o.Items) > Most {
		return "", fmt.Errorf("bulk: an order takes 1 to %d cases, not %d", Most, len(o.Items))
	}
	if o.Actor == "" || o.Key == "" {
		return "", errors.New("bulk: an order needs an actor and a key")
	}
	fresh := strings.ToLower(rand.Text())
	err = k.DB.Transact(ctx, func(tx *db.Tx) error {
		starts := tx.Now.Add(k.Window)
		stored, err := putBulk(ctx, tx, fresh, o, starts)
		if err != nil || stored != fresh {
			id = stored
			return err
		}
		for i, it := range o.Items {
			if err := putItem(ctx, tx, fresh, i, it); err != nil {
				return err
			}
		}
		raw, err := json.Marshal(payload{fresh})
		if err != nil {
			return err
		}
		id = fresh
		return jobs.Enqueue(ctx, tx, jobs.New{Kind: KindName, Key: jobKey(fresh), Payload: raw, RunAt: starts})
	})
	return id, err
}

// Ordered finds the bulk that a form made when it was sent before; empty when it was not.
func (k *Book) Ordered(ctx context.Context, actor, key string) (id string, err error) {
	err = k.DB.View(ctx, func(tx *db.Tx) error {
		id, err = findBulk(ctx, tx, actor, key)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// Undo takes an order back that has not begun, and reports whether it could.
func (k *Book) Undo(ctx context.Context, actor, id string) (undone bool, err error) {
	err = k.DB.Transact(ctx, func(tx *db.Tx) error {
		if undone, err = move(ctx, tx, id, actor, Waiting, Undone); err != nil || !undone {
			return err
		}
		_, err := jobs.Cancel(ctx, tx, jobKey(id))
		return err
	})
	return undone, err
}

// Get is a bulk the actor ordered, with its cases in the order they were given.
func (k *Book) Get(ctx context.Context, actor, id string) (b Bulk, err error) {
	err = k.DB.View(ctx, func(tx *db.Tx) error {
		b, err = getBulk(ctx, tx, id)
		return err
	})
	if errors.Is(err, db.ErrNoRows) || (err == nil && b.Actor != actor) {
		return Bulk{}, ErrNotFound
	}
	return b, err
}

// Kind is the job for jobs.NewRunner.
func (k *Book) Kind() jobs.Kind {
	return jobs.Kind{Name: KindName, Run: k.run, Completes: true, Lease: lease}
}

func (k *Book) run(ctx context.Context, job jobs.Job) error {
	var p payload
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("%s: %w", job.Key, err)
	}
	b, err := k.start(ctx, p.Bulk)
	if err != nil {
		return err
	}
	for _, it := range b.Items {
		if b.Status != Running || it.Result != Pending {
			continue
		}
		if err := k.one(ctx, b, it); err != nil {
			return fmt.Errorf("%s: case %s: %w", job.Key, it.Ref, err)
		}
	}
	return k.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := jobs.Done(ctx, tx, job); err != nil {
			return err
		}
		return end(ctx, tx, b.ID)
	})
}

// start ends the time to undo. An order that was undone, or a run that had begun before, stays as it is.
func (k *Book) start(ctx context.Context, id string) (b Bulk, err error) {
	err = k.DB.Transact(ctx, func(tx *db.Tx) error {
		if b, err = getBulk(ctx, tx, id); err != nil {
			return err
		}
		moved, err := move(ctx, tx, id, b.Actor, Waiting, Running)
		if moved {
			b.Status = Running
		}
		return err
	})
	return b, err
}

// one does the act on one case. The result is stored with the change itself; a refusal changes nothing
// and is stored alone.
func (k *Book) one(ctx context.Context, b Bulk, it Item) error {
	who, err := k.Actor(ctx, b.Actor)
	if err != nil {
		return err
	}
	cmd := casework.Command{Case: it.Case, Version: it.Version, Key: fmt.Sprintf("bulk:%s:%d", b.ID, it.N), Act: b.Act, Fields: b.Fields}
	receipt, err := k.Ledger.DoWith(ctx, who, cmd, func(tx *db.Tx, _ ledger.Receipt) error {
		return settle(ctx, tx, b.ID, it.N, Acted, nil)
	})
	var no *casework.Refusal
	switch {
	case errors.As(err, &no):
		return k.settle(ctx, b.ID, it.N, Declined, no)
	case err == nil && receipt.Replayed: // done by a run that is thought dead
		return k.settle(ctx, b.ID, it.N, Acted, nil)
	}
	return err
}

func (k *Book) settle(ctx context.Context, id string, n int, r Result, no *casework.Refusal) error {
	return k.DB.Transact(ctx, func(tx *db.Tx) error { return settle(ctx, tx, id, n, r, no) })
}
