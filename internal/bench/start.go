package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
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
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	err = served(ctx, exec.CommandContext(ctx, bin, "demo", "--data", data, "--cases", fmt.Sprint(cases), "--addr", addr), addr, 10*time.Minute)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "a year of %d cases played in %s\n", cases, time.Since(began).Round(time.Second))
	return nil
}

func firstPage(ctx context.Context, bin, data string) (seconds float64, err error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = served(ctx, exec.CommandContext(ctx, bin, "serve", "--pack", "demo", "--data", data, "--addr", addr), addr, time.Minute,
		func() { seconds = time.Since(began).Seconds() })
	return seconds, err
}

// served runs a server until it answers its first page, then ends it.
func served(ctx context.Context, cmd *exec.Cmd, addr string, limit time.Duration, answered ...func()) error {
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	client := &http.Client{Timeout: 10 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !ok(client, "http://"+addr+"/") {
		if err, done := within(ctx, time.Millisecond, ended); done {
			return fmt.Errorf("the server ended: %v\n%s", err, said.String())
		}
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("no page was answered within %s: %w", limit, ctx.Err()), cmd.Process.Kill())
		}
	}
	for _, f := range answered {
		f()
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if _, done := within(context.WithoutCancel(ctx), 30*time.Second, ended); !done {
		return errors.Join(errors.New("the server does not end when interrupted"), cmd.Process.Kill())
	}
	return nil
}

// within waits for the end of a process, but not longer than d.
func within(ctx context.Context, d time.Duration, ended <-chan error) (end error, done bool) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case err := <-ended:
		return err, true
	case <-ctx.Done():
		return nil, false
	}
}

func ok(c *http.Client, url string) bool {
	r, err := c.Get(url)
	if err != nil {
		return false
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil && r.StatusCode == http.StatusOK
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
