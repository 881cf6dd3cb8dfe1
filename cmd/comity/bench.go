package main

import (
	"context"
	"fmt"
	"io"
)

const benchVerbs = "seed (make a city for measuring), run (load it), compare (two of them in turn) and report (all of it, written as a page)"

// runBench measures a city that was made for it. Each verb has a file of its own.
func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verbs := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"seed": runBenchSeed, "run": runBenchRun, "compare": runBenchCompare, "node": runBenchNode, "report": runBenchReport}
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		fmt.Fprintf(stdout, "Measures a city that was made for it. comity bench has %s. Each has --help, with examples.\n", benchVerbs)
		return nil
	}
	if len(args) == 0 || verbs[args[0]] == nil {
		return usagef("say which: comity bench has %s; `comity bench run --help` shows how", benchVerbs)
	}
	return verbs[args[0]](ctx, args[1:], stdout, stderr)
}
