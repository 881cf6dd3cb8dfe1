package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"comity/internal/authz"
	"comity/internal/text"
)

const keysExamples = `  comity keys status --pack ./mycity --data /var/lib/comity
  comity keys rotate --pack ./mycity --data /var/lib/comity
    (a new generation, under which the keys of all cases are wrapped anew; the city may be open)
  comity keys rotate --finish …
    (goes on with a rotation that was broken off)
  comity keys drop …
    (destroys the older generations, and with them every older backup of the keys)
`

// rewrapBatch keeps a transaction short, so that nobody waits at the door behind a rotation.
const rewrapBatch = 500

// runKeys looks after the keys of every compartment.
func runKeys(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	do := map[string]func(context.Context, *rooms, text.Speaker, keysCall) error{"status": keysStatus, "rotate": keysRotate, "drop": keysDrop}[verb]
	if do == nil {
		return usagef("say `comity keys status`, `comity keys rotate` or `comity keys drop`; --help shows how")
	}
	f := flags("keys "+verb, "Looks after the keys of every compartment.", keysExamples, stderr)
	finish := f.Bool("finish", false, "with rotate: no new generation, only go on wrapping anew")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	say := c.words.In(langOf(*lang))
	for _, p := range c.all() {
		if err := do(ctx, p, say, keysCall{stdout, stderr, *finish}); err != nil {
			return err
		}
	}
	return nil
}

type keysCall struct {
	out, progress io.Writer
	finish        bool
}

func keysStatus(ctx context.Context, p *rooms, say text.Speaker, call keysCall) error {
	gone, err := p.ring.Destroyed()
	if err != nil {
		return err
	}
	head, err := p.ring.Head()
	if err != nil {
		return err
	}
	fmt.Fprintln(call.out, say.T("cli.keys.ring", "compartment", string(p.ring.Compartment()), "suite", p.ring.Suite(), "generation", strconv.Itoa(p.ring.Generation()),
		"destroyed", strconv.Itoa(len(gone)), "head", strconv.FormatInt(head.Size, 10)))
	counts, err := p.reader.Keys(ctx)
	for _, n := range counts {
		fmt.Fprintln(call.out, say.T("cli.keys.count", "generation", strconv.Itoa(n.Generation), "state", n.State, "keys", strconv.Itoa(n.Keys)))
	}
	return err
}

func keysRotate(ctx context.Context, p *rooms, say text.Speaker, call keysCall) error {
	if !call.finish {
		if _, err := p.ledger.Rotate(ctx, authz.Machine()); err != nil {
			return err
		}
	}
	tell := meter(call.progress, say, "cli.keys.progress", 0)
	total := 0
	for {
		n, err := p.ledger.Rewrap(ctx, rewrapBatch)
		if err != nil {
			return fmt.Errorf("%w; go on with: comity keys rotate --finish", err)
		}
		if n == 0 {
			break
		}
		total += n
		tell(total)
	}
	fmt.Fprintln(call.out, say.T("cli.keys.rotated", "compartment", string(p.ring.Compartment()), "generation", strconv.Itoa(p.ring.Generation()), "keys", strconv.Itoa(total)))
	return nil
}

func keysDrop(ctx context.Context, p *rooms, say text.Speaker, call keysCall) error {
	g, err := p.ledger.Drop(ctx, authz.Machine())
	if err != nil {
		return err
	}
	fmt.Fprintln(call.out, say.T("cli.keys.dropped", "compartment", string(p.ring.Compartment()), "generation", strconv.Itoa(g)))
	return nil
}
