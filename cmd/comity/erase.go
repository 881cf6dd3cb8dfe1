package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/text"
)

const eraseExamples = `  comity erase SR-26-000123 --ground request --law PIPL/47 --note "file 2026/17" --pack ./mycity --data /var/lib/comity
  comity erase --due --dry-run --pack ./mycity --data /var/lib/comity
    (counts what is due by the retention of the pack and changes nothing)
  comity erase --due --archive /srv/archive --pack ./mycity --data /var/lib/comity
`

// runErase destroys the content of one case, or of all whose retention is over. What it prints are numbers.
func runErase(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("erase", "Destroys the key of a closed case: what it says about people opens for nobody any more, in no backup either. Its steps and every proof remain.", eraseExamples, stderr)
	ground := f.String("ground", "", "why: "+strings.Join(ledger.EraseGrounds, ", "))
	law := f.String("law", "", "the article it rests on, as LAW/ARTICLE")
	note := f.String("note", "", "file number of the decision; no names")
	due := f.Bool("due", false, "every case whose retention is over, instead of one")
	dry := f.Bool("dry-run", false, "with --due: count and change nothing")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case *due && (f.NArg() > 0 || *ground != "" || *law != "" || *note != ""):
		return usagef("--due erases by the retention of the pack; it takes no case, --ground, --law or --note")
	case !*due && (f.NArg() != 1 || *ground == "" || *law == "" || *dry):
		return usagef("name one case with --ground and --law, or say --due")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	say := c.words.In(langOf(*lang))
	if *due {
		return c.eraseDue(ctx, *dry, stdout, stderr, say)
	}
	p, id, err := c.findCase(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	name, article, _ := strings.Cut(*law, "/")
	e, err := p.ledger.Erase(ctx, authz.Machine(), id, *ground, procedure.Law{ID: name, Article: article}, *note)
	if err != nil {
		return inWords(say, err)
	}
	fmt.Fprintln(stdout, say.T("cli.erase.done", "ref", f.Arg(0), "when", e.At.Format(time.RFC3339), "record", e.Ref))
	return nil
}

// findCase finds a case by its number in whichever compartment has it.
func (c *city) findCase(ctx context.Context, ref string) (*rooms, casework.CaseID, error) {
	for _, p := range c.all() {
		k, err := p.reader.Case(ctx, authz.Machine().Scope(), ref)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		return p, k.ID, err
	}
	return nil, "", usagef("there is no case %s", ref)
}

// inWords says a refusal in words.
func inWords(say text.Speaker, err error) error {
	var no *casework.Refusal
	if !errors.As(err, &no) || !say.Has("refusal."+no.Rule) {
		return err
	}
	var vars []string
	for k, v := range no.Params {
		vars = append(vars, k, v)
	}
	return errors.New(say.T("refusal."+no.Rule, vars...))
}

func (c *city) eraseDue(ctx context.Context, dry bool, stdout, stderr io.Writer, say text.Speaker) error {
	for _, p := range c.all() {
		counts, err := p.ledger.Retain(ctx, authz.Machine(), ledger.Retention{DryRun: dry, Archive: p.archiver(c.archive), Tell: meter(stderr, say, "cli.erase.progress", 0)})
		for _, n := range counts {
			fmt.Fprintln(stdout, say.T("cli.erase.count", "unit", string(n.Unit), "procedure", n.Procedure, "class", n.Class,
				"erased", strconv.Itoa(n.Erased), "held", strconv.Itoa(n.Held), "waiting", strconv.Itoa(n.Waiting)))
		}
		if err != nil {
			return err
		}
		if len(counts) == 0 {
			fmt.Fprintln(stdout, say.T("cli.erase.none", "compartment", string(p.ring.Compartment())))
		}
	}
	return nil
}

// retentions erases what is due: once soon after a start, and then each night.
func (c *city) retentions(ctx context.Context) {
	tick := time.NewTicker(surveyEvery)
	defer tick.Stop()
	var last time.Time
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := c.clock.Now().In(c.packs.Current().Zone)
		if !last.Before(lastNight(now)) {
			continue
		}
		if err := c.retain(ctx); err != nil {
			if ctx.Err() == nil {
				c.log.Error("retention did not come to its end; trying again", "error", err)
			}
			continue
		}
		last = now
	}
}

// retain erases what is due in every compartment and tells numbers.
func (c *city) retain(ctx context.Context) error {
	for _, p := range c.all() {
		counts, err := p.ledger.Retain(ctx, authz.Machine(), ledger.Retention{Archive: p.archiver(c.archive)})
		for _, n := range counts {
			c.log.Info("retention", "compartment", p.ring.Compartment(), "unit", n.Unit, "procedure", n.Procedure, "class", n.Class,
				"erased", n.Erased, "held", n.Held, "waiting for an archive", n.Waiting)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
