package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"comity/internal/authz"
)

const holdExamples = `  comity hold SR-26-000123 --order "Court 12/2026" --until 2028-01-01 --pack ./mycity --data /var/lib/comity
  comity hold SR-26-000123 --order "Court 12/2026" --release --pack ./mycity --data /var/lib/comity
`

// runHold keeps a case by order, or ends that.
func runHold(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("hold", "Keeps a case by order: it is not erased, and once it is closed it is shown to staff under the order only.", holdExamples, stderr)
	order := f.String("order", "", "reference of the order; no names")
	until := f.String("until", "", "day on which it ends by itself, as 2028-01-01")
	release := f.Bool("release", false, "end the order now")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 || *order == "" || (*until == "") == !*release {
		return usagef("name one case, --order, and --until DAY or --release")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	say := c.words.In(langOf(*lang))
	p, id, err := c.findCase(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	if *release {
		h, err := p.ledger.Release(ctx, authz.Machine(), id, *order)
		if err != nil {
			return inWords(say, err)
		}
		fmt.Fprintln(stdout, say.T("cli.hold.released", "ref", f.Arg(0), "record", h.Ref))
		return nil
	}
	day, err := time.ParseInLocation(time.DateOnly, *until, c.packs.Current().Zone)
	if err != nil {
		return usagef("--until %s: write a day as 2028-01-01", *until)
	}
	h, err := p.ledger.Hold(ctx, authz.Machine(), id, *order, day.AddDate(0, 0, 1)) // that whole day
	if err != nil {
		return inWords(say, err)
	}
	fmt.Fprintln(stdout, say.T("cli.hold.held", "ref", f.Arg(0), "until", *until, "record", h.Ref))
	return nil
}
