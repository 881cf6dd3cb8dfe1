package ledger

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"comity/internal/casework"
	"comity/internal/trace"
)

// steps are what the trace of a request tells of its way through the door: all of it, the time in line, and that of
// the commit it shares with whoever stood in line with it. All are nil where nobody is told.
type steps struct{ all, line, commit *trace.Span }

// begin begins the way of a request.
func (r *request) begin() {
	ctx, all := trace.Step(r.ctx, "ledger.do")
	if all == nil {
		return
	}
	all.Set(slog.String("comity.command", r.what()))
	r.ctx, r.steps.all = ctx, all
	_, r.steps.line = trace.Step(ctx, "ledger.line")
}

// what names the kind of a request by words of the program and of the pack.
func (r *request) what() string {
	c := r.cmd
	switch {
	case r.look != nil:
		return "look"
	case c.Open != nil:
		return "open"
	case c.Tick != nil:
		return "tick"
	}
	return cmp.Or(c.Act, "other")
}

func (s *steps) taken() { s.line.End(nil) }

// stored begins the commit; where the transaction is run again, the one before came to nothing.
func (s *steps) stored(ctx context.Context) {
	s.commit.Fail()
	s.commit.End(nil)
	_, s.commit = trace.Step(ctx, "ledger.commit")
}

func (s *steps) over(err error) {
	s.line.End(nil)
	s.commit.End(nil)
	s.all.Set(slog.Bool("comity.refused", err != nil && broken(err) == nil))
	s.all.End(broken(err))
}

// broken is err where something went wrong; a refusal is an answer like others.
func broken(err error) error {
	var no *casework.Refusal
	if errors.As(err, &no) {
		return nil
	}
	return err
}
