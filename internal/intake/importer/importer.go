// Package importer plays the history of another system into the ledger: every row becomes the commands
// that would have led to it, at the times they really happened, through the one door.
//
// It refuses to lose a row quietly: what cannot be used goes to a file of rejects with line, reason and
// raw text. It refuses to make a case twice: a row has one key for ever, so that a file may be imported
// again, or an interrupted import go on. It keeps no state of its own but the checkpoint file.
//
// Open this file first; checkpoint.go and rejects.go stand apart. What columns mean is intake.Mapping.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/intake/csvin"
	"comity/internal/ledger"
	"comity/internal/pack"
)

// Options is what an import needs. Rejects, Checkpoint, Progress and Done may be left out.
type Options struct {
	Ledger  *ledger.Ledger
	Pack    *pack.Pack
	Mapping *intake.Mapping
	File    io.ReadSeeker
	Size    int64     // bytes of File, for the time left
	AsOf    time.Time // the history is played up to here: what happened later is left out, clocks that ran out by then are answered
	Now     func() time.Time
	Say     func(key string, kv ...string) string // words for the rejects: T of the speaker

	// Take takes in one attachment by its name in the mapping's column of files; nil: rows have none. A *casework.Refusal
	// rejects the row, any other error ends the run. Reader says which were taken in before.
	Take   func(ctx context.Context, name string) (casework.File, error)
	Reader *ledger.Reader

	Rejects    io.Writer
	Checkpoint string // path of the file that lets a broken import go on; removed at the end
	Progress   func(Progress)
	Done       func(intake.Row, ledger.Receipt) // after each row that became or was a case
	Window     int                              // rows on their way at once; 0 = 256
}

// Counts is what became of the rows read so far, those before an interruption included.
type Counts struct {
	Rows     int `json:"rows"`
	Opened   int `json:"opened"`   // new cases
	Again    int `json:"again"`    // rows whose case was there
	Answered int `json:"answered"` // of these, answered anew now
	Skipped  int `json:"skipped"`  // the mapping leaves them out, or they lie after AsOf
	Rejected int `json:"rejected"`
}

// Progress is how far an import is.
type Progress struct {
	Counts
	Bytes, Size int64
	Rate        float64       // rows a second since this run began
	Left        time.Duration // guessed from bytes; negative while nothing can be said
}

const (
	defaultWindow = 256
	actor         = "import" // one name whoever starts it, since keys are kept per actor
)

// Run imports the file. The error of a cancelled context comes back as it is; the checkpoint then
// stands at the last rows that were completely stored. Rows that cannot be used are no error.
func Run(ctx context.Context, o Options) (Counts, error) {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	r := &run{Options: o, who: authz.History(actor), began: o.Now()}
	if err := r.start(); err != nil {
		return r.at.Counts, err
	}
	for {
		more, err := r.window(ctx)
		if err != nil {
			return r.at.Counts, err
		}
		if err := r.keep(); err != nil {
			return r.at.Counts, err
		}
		r.report()
		if !more {
			return r.at.Counts, r.finish()
		}
	}
}

type run struct {
	Options
	who     authz.Actor
	began   time.Time
	in      *csvin.Reader
	rejects *rejects
	at      checkpoint
	before  int // rows done by earlier runs
}

// one is a row on its way through the window.
type one struct {
	span    csvin.Span
	raw     []string
	row     intake.Row
	receipt ledger.Receipt
	files   []casework.File // taken in, to be attached
	lost    bool            // rejected or skipped
}

// window reads and stores the next rows. Within it every stage is one batch of commands, so that a
// row's own commands stay in order while its neighbours share the commit.
func (r *run) window(ctx context.Context) (more bool, err error) {
	counts := r.at.Counts
	list, more, err := r.read(&counts)
	if err != nil {
		return false, err
	}
	if err := r.take(ctx, list, &counts); err != nil {
		return false, err
	}
	if err := r.open(ctx, list, &counts); err != nil {
		return false, err
	}
	if err := r.attach(ctx, list, &counts); err != nil {
		return false, err
	}
	if err := r.answer(ctx, list, &counts); err != nil {
		return false, err
	}
	if err := r.catchUp(ctx, list); err != nil {
		return false, err
	}
	for _, x := range list {
		if !x.lost && r.Done != nil {
			r.Done(x.row, x.receipt)
		}
	}
	r.at.Counts = counts
	return more, nil
}

func (r *run) read(n *Counts) (list []*one, more bool, err error) {
	for len(list) < r.Window {
		rec, err := r.in.Next()
		var bad *csvin.Bad
		switch {
		case errors.Is(err, io.EOF):
			return list, false, nil
		case errors.As(err, &bad):
			n.Rows++
			n.Rejected++
			if err := r.rejects.write(bad.Line, r.reason(bad), bad.Raw); err != nil {
				return nil, false, err
			}
			continue
		case err != nil:
			return nil, false, err
		}
		n.Rows++
		x := &one{span: rec.Span, raw: rec.Fields}
		if x.row, err = r.Mapping.Read(rec.Get); err != nil {
			if err := r.reject(x, err, n); err != nil {
				return nil, false, err
			}
			continue
		}
		if x.row.Skip || x.row.Report.At.After(r.AsOf) {
			n.Skipped++
			continue
		}
		list = append(list, x)
	}
	return list, true, nil
}

func (r *run) reject(x *one, why error, n *Counts) error {
	x.lost = true
	n.Rejected++
	return r.rejects.write(x.span.Line, r.reason(why), joinRaw(x.raw))
}

// settle sorts the answers of a stage: a refusal rejects the row, any other error ends the run.
func (r *run) settle(list []*one, receipts []ledger.Receipt, errs []error, n *Counts, accepted func(*one, ledger.Receipt)) error {
	for i, x := range list {
		var no *casework.Refusal
		switch {
		case errs[i] == nil:
			accepted(x, receipts[i])
		case errors.As(errs[i], &no):
			if err := r.reject(x, errs[i], n); err != nil {
				return err
			}
		default:
			return fmt.Errorf("line %d: %w", x.span.Line, errs[i])
		}
	}
	return nil
}

// take takes in the attachments of rows that have not had theirs, before their cases are opened: a row of which one cannot
// be taken is rejected whole, and comes in when the file is mended. What a row had before is not taken in twice.
func (r *run) take(ctx context.Context, list []*one, n *Counts) error {
	for _, x := range list {
		if r.Take == nil || len(x.row.Files) == 0 {
			continue
		}
		_, _, err := r.Reader.OpenedBy(ctx, r.who, filesKey(x))
		if err == nil {
			continue
		}
		if !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		for _, name := range x.row.Files {
			f, err := r.Take(ctx, name)
			var no *casework.Refusal
			if errors.As(err, &no) {
				if err := r.reject(x, err, n); err != nil {
					return err
				}
				break
			}
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", x.span.Line, name, err)
			}
			x.files = append(x.files, f)
		}
	}
	return nil
}

// filesKey names the command by which a row gets its attachments.
func filesKey(x *one) string { return x.row.Report.Key + ":files" }

// attach gives cases their attachments, at the time at which they were opened; one that has gone on since, because it was
// imported without them before, gets them now.
func (r *run) attach(ctx context.Context, list []*one, n *Counts) error {
	var cmds []casework.Command
	var rows []*one
	for _, x := range list {
		if x.lost || len(x.files) == 0 {
			continue
		}
		cmds = append(cmds, casework.Command{Case: x.receipt.Case, Version: casework.AnyVersion, At: x.row.Report.At, Key: filesKey(x), Files: x.files})
		rows = append(rows, x)
	}
	receipts, errs := r.Ledger.DoAll(ctx, r.who, cmds)
	for i, err := range errs {
		var no *casework.Refusal
		if errors.As(err, &no) && no.Rule == "history.order" {
			cmds[i].At = time.Time{}
			receipts[i], errs[i] = r.Ledger.Do(ctx, r.who, cmds[i])
		}
	}
	return r.settle(rows, receipts, errs, n, func(*one, ledger.Receipt) {})
}

func (r *run) open(ctx context.Context, list []*one, n *Counts) error {
	var cmds []casework.Command
	var rows []*one
	for _, x := range list {
		if x.lost {
			continue
		}
		x.row.Report.Now = r.began // of a row without a date
		cmd, err := intake.Command(r.Pack, x.row.Report)
		if err != nil {
			if err := r.reject(x, err, n); err != nil {
				return err
			}
			continue
		}
		if x.row.Holder != "" {
			cmd.Open.Unit = x.row.Holder // who held it there, not who would receive it today
		}
		cmds, rows = append(cmds, cmd), append(rows, x)
	}
	receipts, errs := r.Ledger.DoAll(ctx, r.who, cmds)
	return r.settle(rows, receipts, errs, n, func(x *one, got ledger.Receipt) {
		x.receipt = got
		if got.Replayed {
			n.Again++
		} else {
			n.Opened++
		}
	})
}

func (r *run) answer(ctx context.Context, list []*one, n *Counts) error {
	var cmds []casework.Command
	var rows []*one
	for _, x := range list {
		if x.lost || x.row.Closed.IsZero() || x.row.Closed.After(r.AsOf) {
			continue
		}
		cmds = append(cmds, casework.Command{Case: x.receipt.Case, Version: casework.AnyVersion, At: x.row.Closed,
			Key: x.row.Report.Key + ":answer", Act: x.row.Act, Fields: x.row.Answer})
		rows = append(rows, x)
	}
	receipts, errs := r.Ledger.DoAll(ctx, r.who, cmds)
	return r.settle(rows, receipts, errs, n, func(_ *one, got ledger.Receipt) {
		if !got.Replayed {
			n.Answered++
		}
	})
}

// catchUp lets the ledger answer, at their own times, the clocks that ran out before AsOf. The tick
// itself names no clock and therefore does nothing: before a piece of history the ledger always
// answers what ran out earlier.
func (r *run) catchUp(ctx context.Context, list []*one) error {
	var cmds []casework.Command
	for _, x := range list {
		if !x.lost {
			cmds = append(cmds, casework.Command{Case: x.receipt.Case, Version: casework.AnyVersion, At: r.AsOf, Tick: &casework.Tick{}})
		}
	}
	_, errs := r.Ledger.DoAll(ctx, r.who, cmds)
	for _, err := range errs {
		var no *casework.Refusal
		if errors.As(err, &no) && no.Rule == "history.order" {
			continue // the case went on after AsOf, here or in an earlier import
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) report() {
	if r.Progress == nil {
		return
	}
	p := Progress{Counts: r.at.Counts, Bytes: r.in.Offset(), Size: r.Size, Left: -1}
	took := r.Now().Sub(r.began)
	if took > 0 {
		p.Rate = float64(p.Rows-r.before) / took.Seconds()
	}
	if done := p.Bytes - r.at.began; done > 0 && took > 0 {
		p.Left = time.Duration(float64(took) * float64(p.Size-p.Bytes) / float64(done))
	}
	r.Progress(p)
}
