package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

const verifyExamples = `  comity verify --pack ./mycity --data /var/lib/comity
    (names every case that is not the fold of its events; exit status 1 if there is one)
`

// runVerify re-derives every case from its events and their hashes. It changes nothing and may run
// beside the server.
func runVerify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("verify", "Re-derives every case from its events: the chain of hashes, the folded case and the stored row must agree.", verifyExamples, stderr)
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	wrong := 0
	seen, err := c.reader.VerifyAll(ctx, func(bad error) {
		wrong++
		fmt.Fprintln(stdout, bad)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d cases verified, %d wrong\n", seen, wrong)
	if wrong > 0 {
		return fmt.Errorf("%d of %d cases are not what their events say", wrong, seen)
	}
	return nil
}
