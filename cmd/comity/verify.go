package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"comity/internal/ledger"
	"comity/internal/text"
)

const verifyExamples = `  comity verify --pack ./mycity --data /var/lib/comity
    (names every case that is not the fold of its events and counts what breaks an invariant; exit
    status 1 if there is anything)
  comity verify --pack ./mycity --data /var/lib/comity --invariants-only
  comity verify receipt FILE --key std:…
    (checks a resident's receipt, with no database)
`

// runVerify re-derives every case from its events and their hashes, and counts what breaks an invariant.
// It changes no case and may run beside the server; the desk shows what it found.
func runVerify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "receipt" {
		return runVerifyReceipt(args[1:], os.Stdin, stdout, stderr)
	}
	f := flags("verify", "Re-derives every case from its events: the chain of hashes, the folded case and the stored row must agree. Then counts what breaks an invariant.", verifyExamples, stderr)
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
		total, err := c.reader.Total(ctx)
		if err != nil {
			return err
		}
		seen, err = c.reader.VerifyTelling(ctx, func(bad error) {
			wrong++
			fmt.Fprintln(stdout, bad)
		}, progress("cli.verify.cases.progress", total))
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%d cases verified, %d wrong\n", seen, wrong)
	}
	found, err := c.survey(ctx, progress("cli.verify.open.progress", 0))
	if err != nil {
		return err
	}
	broken := printFindings(stdout, say, found)
	switch {
	case wrong > 0:
		return fmt.Errorf("%d of %d cases are not what their events say", wrong, seen)
	case broken > 0:
		return fmt.Errorf("%d invariants are broken; docs/operations.md says what each means and what to do", broken)
	}
	return nil
}

// printFindings prints a line for each invariant, and below it the cases it names; it tells how many are broken.
func printFindings(w io.Writer, say text.Speaker, found []ledger.Finding) (broken int) {
	for _, f := range found {
		fmt.Fprintln(w, say.T("cli.verify.invariant", "name", f.Name, "n", strconv.Itoa(f.Count)))
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
