package main

import (
	"context"
	"io"
)

// runBench is what measures.
func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "seed" {
		return runBenchSeed(ctx, args[1:], stdout, stderr)
	}
	return usagef("say `comity bench seed`; --help shows how")
}
