package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"comity/internal/load"
)

// start builds the program as it ships, measures its size, and how long it takes from the start of the
// process on a folder with a year in it to the first answered page. The baseline is the same program
// printing its version: what starting any process costs here.
func start(ctx context.Context, o options, dir string, t *table) error {
	bin := filepath.Join(dir, "comity")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", bin, "comity/cmd/comity")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		return err
	}
	mb := float64(info.Size()) / 1e6
	t.row("binary, stripped, no cgo, MB", fmt.Sprintf("%.1f", mb), "–", "–", "< 50", yes(mb < 50))

	data := filepath.Join(dir, fmt.Sprintf("year-%d", o.played))
	if _, err := os.Stat(filepath.Join(data, "demo.json")); err != nil {
		if err := playYear(ctx, bin, data, o.played); err != nil {
			return err
		}
	}
	var ready, bare series
	for round := range o.rounds*2 + 1 {
		began := time.Now()
		// Usage is printed before anything is opened.
		_ = exec.CommandContext(ctx, bin, "serve", "-h").Run()
		idle := time.Since(began).Seconds()
		s, err := firstPage(ctx, bin, data)
		if err != nil {
			return err
		}
		if round > 0 { // the first one warms up
			ready, bare = append(ready, s), append(bare, idle)
		}
	}
	t.row(fmt.Sprintf("start to first page, %d cases, s", o.played), ready.format("%.3f"), "usage printed: "+bare.format("%.3f"),
		ready.over(bare).format("%.1f"), "< 0.300 s", yes(ready.median() < 0.3))
	return nil
}

func playYear(ctx context.Context, bin, data string, cases int) error {
	began := time.Now()
	s, err := (load.Program{Path: bin}).Serve(ctx, "/", 10*time.Minute, "demo", "--data", data, "--cases", fmt.Sprint(cases))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "a year of %d cases played in %s\n", cases, time.Since(began).Round(time.Second))
	return s.Close()
}

func firstPage(ctx context.Context, bin, data string) (seconds float64, err error) {
	s, err := (load.Program{Path: bin}).Serve(ctx, "/", time.Minute, "serve", "--pack", "demo", "--data", data)
	if err != nil {
		return 0, err
	}
	return s.Ready.Seconds(), s.Close()
}
