package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"comity/internal/consent"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/translog"
)

const verifyExamples = `  comity verify --pack ./mycity --data /var/lib/comity
    (names everything that is not as the events and the log say, and counts what breaks an invariant;
    exit status 1 if there is anything)
  comity verify --pack ./mycity --data /var/lib/comity --invariants-only
  comity verify receipt FILE --key std:…
    (checks a resident's receipt, with no database)
`

// runVerify re-derives every case of every compartment from its events and their hashes, holds events and looks
// against the log and the log against its tree, and counts what breaks an invariant.
// It changes no case and may run beside the server; the desk shows what it found.
func runVerify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "receipt" {
		return runVerifyReceipt(args[1:], os.Stdin, stdout, stderr)
	}
	f := flags("verify", "Re-derives every case of every compartment from its events: the chain of hashes, the folded case, rows, lists, clocks, figures and the log must agree. Then counts what breaks an invariant.", verifyExamples, stderr)
	only := f.Bool("invariants-only", false, "leave the events alone and count what breaks an invariant: minutes instead of hours in a large city")
	quiet := f.Bool("quiet", false, "no progress")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	say := c.words.In(langOf(*lang))
	progress := func(key string, total int) func(int) {
		if *quiet {
			return func(int) {}
		}
		return meter(stderr, say, key, total)
	}
	seen, wrong := 0, 0
	if !*only {
		seen, wrong, err = c.verify(ctx, stdout, say, progress)
		if err != nil {
			return err
		}
	}
	broken := 0
	for _, r := range c.all() {
		found, err := c.surveyOf(ctx, r, progress("cli.verify.open.progress", 0))
		if err != nil {
			return err
		}
		broken += printFindings(stdout, say, r.compartment, found)
	}
	switch {
	case wrong > 0:
		return fmt.Errorf("%d differences in %d cases and their log; each is named above", wrong, seen)
	case broken > 0:
		return fmt.Errorf("%d invariants are broken; docs/operations.md says what each means and what to do", broken)
	}
	return nil
}

// verify holds every compartment against its events and its log, and prints each difference.
func (c *city) verify(ctx context.Context, w io.Writer, say text.Speaker, progress func(string, int) func(int)) (seen, wrong int, err error) {
	for _, r := range c.all() {
		total, err := r.reader.Total(ctx)
		if err != nil {
			return seen, wrong, err
		}
		here := 0
		found, err := r.verify(ctx, func(bad error) {
			here++
			fmt.Fprintln(w, say.T("verify.in", "compartment", r.compartment, "what", difference(say, bad)))
		}, progress("cli.verify.cases.progress", total))
		if err != nil {
			return seen, wrong, fmt.Errorf("compartment %s: %w", r.compartment, err)
		}
		seen, wrong = seen+found.Cases, wrong+here
		fmt.Fprintln(w, say.T("verify.done", "compartment", r.compartment, "cases", strconv.Itoa(found.Cases), "events", strconv.Itoa(found.Events), "looks", strconv.Itoa(found.Looks),
			"entries", strconv.FormatInt(found.Entries, 10), "hashes", strconv.FormatInt(found.Hashes, 10), "heads", strconv.FormatInt(found.Heads, 10), "wrong", strconv.Itoa(here)))
		if found.Older > 0 {
			fmt.Fprintln(w, say.T("verify.older", "compartment", r.compartment, "n", strconv.Itoa(found.Older)))
		}
	}
	return seen, wrong, nil
}

// verified is how much a compartment had to verify.
type verified struct {
	ledger.Verified
	translog.Checked
}

// verify re-derives the rows of one compartment, then the tree of its log. bad is told of each difference.
func (r *rooms) verify(ctx context.Context, bad func(error), tell func(int)) (verified, error) {
	rows, err := r.reader.VerifyTelling(ctx, bad, tell)
	if err != nil {
		return verified{Verified: rows}, err
	}
	if _, err := (&consent.Book{DB: r.db, Ring: r.ring}).Verify(ctx, bad); err != nil {
		return verified{Verified: rows}, err
	}
	tree, err := r.tree.Check(ctx, func(ctx context.Context, e translog.Entry) error { return r.recorded(ctx, e, bad) })
	var broken *translog.Difference
	if errors.As(err, &broken) || errors.Is(err, translog.ErrFork) {
		bad(err)
		err = nil
	}
	return verified{rows, tree}, err
}

// difference is a difference in words.
func difference(say text.Speaker, err error) string {
	var d *ledger.Difference
	var tree *translog.Difference
	switch {
	case errors.As(err, &d):
		return say.T("verify."+d.What, "ref", string(d.Ref), "seq", strconv.Itoa(d.Seq), "of", d.Of)
	case errors.As(err, &tree):
		return say.T("verify.tree", "of", strings.TrimPrefix(tree.Error(), "translog: "))
	}
	return say.T("verify.unknown", "of", err.Error())
}

// printFindings prints a line for each invariant, and below it the cases it names; it tells how many are broken.
func printFindings(w io.Writer, say text.Speaker, compartment string, found []ledger.Finding) (broken int) {
	for _, f := range found {
		name := f.Name
		if compartment != procedure.Civic {
			name = compartment + "/" + name
		}
		fmt.Fprintln(w, say.T("cli.verify.invariant", "name", name, "n", strconv.Itoa(f.Count)))
		if f.Count == 0 {
			continue
		}
		broken++
		var refs []string
		for _, r := range f.Examples {
			refs = append(refs, string(r))
		}
		fmt.Fprintln(w, say.T("cli.verify.examples", "refs", strings.Join(refs, " ")))
	}
	return broken
}

// meter draws how far a walk has come, with its rate and the time left: one line over and over on a
// terminal, and now and then a line elsewhere.
func meter(w io.Writer, say text.Speaker, key string, total int) func(done int) {
	every, start, end := 10*time.Second, "", "\n"
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, start, end = 200*time.Millisecond, "\r", "   "
		}
	}
	return meterOf(w, say, key, total, every, start, end)
}

func meterOf(w io.Writer, say text.Speaker, key string, total int, every time.Duration, start, end string) func(done int) {
	began, shown := time.Now(), time.Now()
	return func(done int) {
		last := total > 0 && done >= total && start != ""
		if time.Since(shown) < every && !last {
			return
		}
		shown = time.Now()
		rate := float64(done) / max(time.Since(began).Seconds(), 1e-3)
		left := time.Duration(float64(total-done) / max(rate, 1e-3) * float64(time.Second)).Round(time.Second)
		fmt.Fprint(w, start+say.T(key, "done", strconv.Itoa(done), "of", strconv.Itoa(total), "rate", strconv.Itoa(int(rate)), "left", left.String())+end)
		if last {
			fmt.Fprintln(w)
		}
	}
}

// recorded compares a record about keys with the row it is of. Events and looks were compared row by row.
func (r *rooms) recorded(ctx context.Context, e translog.Entry, bad func(error)) error {
	switch e.Kind {
	case ledger.LeafErased, ledger.LeafHold, ledger.LeafRelease, ledger.LeafKey, ledger.LeafExport:
	default:
		return nil
	}
	want, err := r.reader.RecordHash(ctx, e.Kind, e.ID)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	if err != nil || !bytes.Equal(want, e.Hash) {
		bad(&ledger.Difference{What: ledger.DiffRecord, Of: e.Kind + " " + e.ID})
	}
	return nil
}
