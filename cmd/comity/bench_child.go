package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"comity/internal/load"
)

// executable is how this program is started once more: its file, and what comes before its arguments.
type executable struct {
	path   string
	before []string
	env    []string
}

// thisProgram is the one that runs.
func thisProgram() (executable, error) {
	path, err := os.Executable()
	return executable{path: path}, err
}

// command runs it. It is asked to end as by a keyboard, and killed only when it does not.
func (p executable) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, append(append([]string{}, p.before...), args...)...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// served is a server of its own process.
type served struct {
	address string
	ready   time.Duration // from its start to the first time it said that it is ready
	cmd     *exec.Cmd
	ended   chan error
	said    *lastWords
	stop    context.CancelFunc
}

// lastWords keeps the end of what a process says.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastWords) Write(p []byte) (int, error) {
	const most = 4 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-most):]
	return len(p), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.text))
}

// startServer starts comity serve for a city and waits until it is ready.
func (p executable) startServer(ctx context.Context, cf cityFlags, within time.Duration) (*served, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &served{address: "http://" + address, ended: make(chan error, 1), said: &lastWords{}, stop: cancel}
	args := []string{"serve", "--addr", address, "--pack", *cf.pack, "--data", *cf.data, "--db", *cf.db, "--suite", *cf.suite, "--keys", keysFolder(cityConfig{Data: *cf.data, Keys: *cf.keys})}
	s.cmd = p.command(ctx, args...)
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, s.said
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	client := &http.Client{Timeout: 10 * time.Second}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !isReady(client, s.address) {
		select {
		case err := <-s.ended:
			cancel()
			return nil, fmt.Errorf("the server ended before it was ready: %v\n%s", err, s.said)
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.close())
		}
		if time.Since(began) > within {
			return nil, errors.Join(fmt.Errorf("the server was not ready within %s\n%s", within, s.said), s.close())
		}
	}
	s.ready = time.Since(began)
	return s, nil
}

func isReady(c *http.Client, address string) bool {
	r, err := c.Get(address + "/readyz")
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

// memory is how much the process holds, in megabytes.
func (s *served) memory() float64 { return load.Resident(s.cmd.Process.Pid) }

// close ends the server and says what it could not do.
func (s *served) close() error {
	s.stop()
	err := <-s.ended
	s.ended <- err // for whoever closes twice
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() == 130 || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("the server did not end well: %w\n%s", err, s.said)
}
