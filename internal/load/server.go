package load

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
)

// Program is how a program is started: its file, and what comes before its arguments.
type Program struct {
	Path   string
	Before []string
	Env    []string
}

// Command runs it. It is asked to end as by a keyboard, and killed only when it does not.
func (p Program) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Path, append(append([]string{}, p.Before...), args...)...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// Server is a server of its own process.
type Server struct {
	Address string
	Ready   time.Duration // from its start to the first time it answered
	cmd     *exec.Cmd
	ended   chan error
	said    *LastWords
	stop    context.CancelFunc
}

// LastWords keeps the end of what a process says.
type LastWords struct {
	mu   sync.Mutex
	text []byte
}

func (l *LastWords) Write(p []byte) (int, error) {
	const most = 4 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-most):]
	return len(p), nil
}

func (l *LastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.text))
}

// Serve starts the program as a server on a free port, which it is told by --addr, and waits until it answers a page.
func (p Program) Serve(ctx context.Context, page string, within time.Duration, args ...string) (*Server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{Address: "http://" + address, ended: make(chan error, 1), said: &LastWords{}, stop: cancel}
	s.cmd = p.Command(ctx, append(args, "--addr", address)...)
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
	for !answers(client, s.Address+page) {
		select {
		case err := <-s.ended:
			cancel()
			return nil, fmt.Errorf("the server ended before it was ready: %v\n%s", err, s.said)
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.Close())
		}
		if time.Since(began) > within {
			return nil, errors.Join(fmt.Errorf("the server was not ready within %s\n%s", within, s.said), s.Close())
		}
	}
	s.Ready = time.Since(began)
	return s, nil
}

func answers(c *http.Client, address string) bool {
	r, err := c.Get(address)
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

// Memory is how much the process holds, in megabytes.
func (s *Server) Memory() float64 { return resident(s.cmd.Process.Pid) }

// Close ends the server and says what it could not do.
func (s *Server) Close() error {
	s.stop()
	err := <-s.ended
	s.ended <- err // for whoever closes twice
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() == 130 || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("the server did not end well: %w\n%s", err, s.said)
}
