// Package quarantine looks after files that are held: those in which the scanner found something, and those it could
// not look at.
//
// Such a file belongs to its case, which says that it waits, and nobody can open it. Here is a row for it (table
// held_files, written by Follow in the transaction of the event that brought it), a job that has it looked at again
// until the scanner answers, and the pages on which somebody decides. A file the scanner finds nothing in is released
// by the machine. One it finds something in waits for a person, who releases or refuses it and says why; both is an
// event of the case, on record like any other. A file that is refused stays sealed with its case: it may be evidence.
//
// It refuses to open a file to anybody, and to know what a scanner is. Open this file first, then pages.go; SQL is in
// store.go.
package quarantine

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
)

// Name is the name of the programme.
const Name = "quarantine"

//go:embed schema/*.sql
var schema embed.FS

// Migrate makes the table.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, Name, sub)
}

// Deps is what the programme is built from.
type Deps struct {
	DB     *db.DB
	Ledger *ledger.Ledger
	Packs  *pack.Registry
	Files  file.Store
}

type office struct{ Deps }

const (
	kindName = "file.look"
	soon     = time.Minute // until the scanner is asked once more
)

// wait grows while the scanner is away: each time it is asked, the case is looked at, which stays on record.
var wait = jobs.Backoff(10*time.Minute, 6*time.Hour, func() float64 { return 1 })

// New plugs the programme in.
func New(d Deps) programme.Programme {
	o := &office{d}
	return programme.Programme{
		Name: Name,
		Jobs: []jobs.Kind{{Name: kindName, Run: o.look, Lease: 5 * time.Minute}},
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/held":       o.list,
			"GET /desk/held/{id}":  o.show,
			"POST /desk/held/{id}": o.decide,
		},
		Menu: o.menu,
	}
}

type payload struct {
	Case   casework.CaseID `json:"case"`
	SHA256 string          `json:"sha256"`
}

// Follow keeps a row for each file that waits, where its case is: what ledger.Config.Project is handed.
func Follow(units func() *org.Tree) func(context.Context, *db.Tx, casework.Case, casework.Event) error {
	return func(ctx context.Context, tx *db.Tx, c casework.Case, e casework.Event) error {
		place := courier.Place(units(), c.Holder)
		for _, f := range e.Files {
			if f.Held == "" || f.Held == casework.HeldRefused {
				continue
			}
			if err := putHeld(ctx, tx, c, f, place); err != nil {
				return err
			}
			if err := lookLater(ctx, tx, payload{c.ID, f.SHA256}, soon); err != nil {
				return err
			}
		}
		if v := e.Checked; v != nil {
			return removeHeld(ctx, tx, c.ID, v.SHA256)
		}
		if e.Opening != nil || e.Sent != nil || !slices.ContainsFunc(c.Files, func(f casework.File) bool { return f.Held != "" }) {
			return nil
		}
		return moveHeld(ctx, tx, c.ID, place, c.Sealed != "")
	}
}

// Erased takes away the rows of a case that is erased or goes under seal, and its jobs.
func Erased(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	return errors.Join(jobs.Forget(ctx, tx, jobKey(id)), removeCase(ctx, tx, id))
}

func jobKey(id casework.CaseID) string { return kindName + ":" + string(id) + ":" }

// lookLater has the scanner asked after a while. The name of the job is new each time: a key names one job for ever.
func lookLater(ctx context.Context, tx *db.Tx, p payload, in time.Duration) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, jobs.New{Kind: kindName, Key: jobKey(p.Case) + rand.Text(), Payload: raw, RunAt: tx.Now.Add(in)})
}

// look has the scanner look at a file once more. What it found something in waits for a person.
func (x *office) look(ctx context.Context, job jobs.Job) error {
	var p payload
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return err
	}
	var h held
	err := x.DB.View(ctx, func(tx *db.Tx) (err error) {
		h, err = heldByName(ctx, tx, p.Case, p.SHA256)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return nil // decided meanwhile
	}
	if err != nil || h.Why == file.HeldVirus {
		return err
	}
	why := file.HeldUnseen // for as long as nobody is configured who could look
	if x.Files.Scan != nil {
		why, err = x.seen(ctx, p)
	}
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if why == "" {
		_, err := x.Ledger.DoWith(ctx, authz.Machine(), casework.Command{Case: p.Case, Version: casework.AnyVersion, Checked: &casework.Checked{SHA256: p.SHA256, Release: true}},
			func(tx *db.Tx, _ ledger.Receipt) error { return jobs.Done(ctx, tx, job) })
		var no *casework.Refusal
		if errors.As(err, &no) {
			return nil // somebody was faster
		}
		return err
	}
	return x.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := noteLook(ctx, tx, h.ID, why); err != nil {
			return err
		}
		if why == file.HeldUnseen {
			if err := lookLater(ctx, tx, p, wait(h.Tries+1)); err != nil {
				return err
			}
		}
		return jobs.Done(ctx, tx, job)
	})
}

var errGone = errors.New("quarantine: the file is no longer held")

// seen asks the scanner about what was sent. The case is opened by a look of the machine, on record like every look.
func (x *office) seen(ctx context.Context, p payload) (why string, err error) {
	look, err := x.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: p.Case, Purpose: PurposeCheck, Level: authz.Story})
	if err != nil {
		return "", err
	}
	files := look.Case().Files
	i := slices.IndexFunc(files, func(f casework.File) bool { return f.SHA256 == p.SHA256 && f.Held != "" })
	if i < 0 || look.Erased() {
		return "", errGone
	}
	return x.Files.Look(ctx, files[i].Original, files[i].OriginalKey)
}

// PurposeCheck is what the machine opens a case for when a file of it is to be looked at again.
const PurposeCheck = "file_check"
