package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"comity/internal/authz"
	"comity/internal/ledger"
	"comity/internal/text"
)

const whoExamples = `  comity who --pack ./mycity --data /var/lib/comity XF-26-000123
    (the roles and units that see the case, through which ground and how much of it)
  comity who --pack ./mycity --people XF-26-000123
`

// runWho tells who can see a case and why, from the pack's roles and the grants. It shows nothing of the case
// itself.
func runWho(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("who CASE", "Tells who can see a case, and why.", whoExamples, stderr)
	people := f.Bool("people", false, "name the people of each role too")
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one case by its number: comity who XF-26-000123")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	k, err := c.reader.Case(ctx, authz.Machine().Scope(), f.Arg(0))
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("there is no case %s", f.Arg(0))
	}
	if err != nil {
		return err
	}
	d, err := c.packs.Definition(k.Pack, k.Procedure)
	if err != nil {
		return err
	}
	of := k.Target()
	of.Compartment = d.Compartment
	p := c.packs.Current()
	w := whoTelling{out: stdout, say: c.words.With(p.Texts).In(langOf(*lang)), city: c, of: of, people: *people}
	fmt.Fprintln(stdout, w.say.T("cli.who.case", "ref", string(k.Ref), "programme", w.say.T("programme."+k.Programme), "unit", w.say.T("unit."+string(k.Holder))))
	return w.tell(ctx)
}

type whoTelling struct {
	out    io.Writer
	say    text.Speaker
	city   *city
	of     authz.Target
	people bool
}

func (w whoTelling) tell(ctx context.Context) error {
	rules := w.city.packs.Current().Rules
	held, err := w.city.accounts.Holdings(ctx, rules.Concerned(w.of))
	if err != nil {
		return err
	}
	seers := rules.Seers(w.of, held)
	if len(seers) == 0 {
		fmt.Fprintln(w.out, w.say.T("cli.who.none"))
	}
	ground := authz.Ground("")
	for _, s := range seers {
		if s.Ground != ground {
			ground = s.Ground
			fmt.Fprintln(w.out, w.say.T("who.ground."+string(ground)))
		}
		fmt.Fprintln(w.out, "  "+w.say.T("cli.who.row", "level", w.say.T("who.level."+s.Level.String()), "role", w.say.T("desk.role."+string(s.Role)),
			"unit", w.say.T("unit."+string(s.Unit)), "people", w.say.N("who.people", s.People)))
		if w.people {
			if err := w.names(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// names lists the people of one row, a page at a time.
func (w whoTelling) names(ctx context.Context, s authz.Seer) error {
	const page = 200
	for after := ""; ; {
		list, err := w.city.accounts.Holders(ctx, s.Unit, s.Role, after, page)
		if err != nil {
			return err
		}
		for _, a := range list[:min(len(list), page)] {
			if a.Actor(w.city.packs.Current().Rules).In(w.of.Compartment).Decide(w.city.packs.Current().Units, w.of).Allowed {
				fmt.Fprintf(w.out, "    %s (%s)\n", a.NameIn(w.say.Lang), a.Login)
			}
		}
		if len(list) <= page {
			return nil
		}
		after = list[page-1].Login
	}
}
