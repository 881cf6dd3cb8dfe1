package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"comity/internal/db"
	"comity/internal/load"
)

// against is what the door of a city is held against.
func (m measuring) against(self load.Program, cf cityFlags, c *city, lf loadFlags) load.Against {
	a := load.Against{Empty: m.scratchOf(cf, c), Clients: *lf.clients, Cases: *lf.base, Turns: turns}
	if *lf.nodes > 0 && c.db.Engine() == db.Postgres {
		a.Nodes = func(ctx context.Context, s *load.Scratch, cases int, begun func()) (time.Duration, error) {
			took, err := nodes(ctx, self, *cf.pack, s, *lf.nodes, max(1, *lf.clients / *lf.nodes), cases, begun)
			if err != nil && ctx.Err() == nil { // a change that fails is a finding, and the rest is still to be measured
				fmt.Fprintln(m.out, m.say.T("bench.nodes.failed", "error", err.Error()))
				return 0, nil
			}
			return took, err
		}
	}
	return a
}

// nodes has some processes open and act upon cases in one city, all at once, and tells how long the slowest took.
func nodes(ctx context.Context, self load.Program, pack string, s *load.Scratch, many, clients, cases int, begun func()) (slowest time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var list []*workmate
	defer func() {
		for _, n := range list {
			err = errors.Join(err, n.end())
		}
	}()
	for range many {
		n, err := startNode(ctx, self, "bench", "node", "--pack", pack, "--folder", s.Folder, "--clients", strconv.Itoa(clients), "--cases", strconv.Itoa(max(1, cases/many)), s.Address)
		if err != nil {
			return 0, err
		}
		list = append(list, n)
	}
	for _, n := range list {
		if _, err := n.hear(); err != nil { // that it is ready
			return 0, err
		}
	}
	begun()
	for _, n := range list {
		if _, err := io.WriteString(n.tell, "go\n"); err != nil {
			return 0, err
		}
	}
	for _, n := range list {
		said, err := n.hear()
		if err != nil {
			return 0, err
		}
		took, err := time.ParseDuration(said)
		if err != nil {
			return 0, fmt.Errorf("a node said %q: %w", said, err)
		}
		slowest = max(slowest, took)
	}
	return slowest, nil
}

// workmate is a process at work on a city that others work on too.
type workmate struct {
	cmd  *exec.Cmd
	tell io.WriteCloser
	from *bufio.Scanner
	said *load.LastWords
}

func startNode(ctx context.Context, self load.Program, args ...string) (*workmate, error) {
	n := &workmate{cmd: self.Command(ctx, args...), said: &load.LastWords{}}
	n.cmd.Stderr = n.said
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		n.tell, err = n.cmd.StdinPipe()
	}
	if err != nil {
		return nil, err
	}
	n.from = bufio.NewScanner(out)
	return n, n.cmd.Start()
}

func (n *workmate) hear() (string, error) {
	if !n.from.Scan() {
		return "", fmt.Errorf("a node ended before it was done: %v\n%s", n.from.Err(), n.said)
	}
	return strings.TrimSpace(n.from.Text()), nil
}

func (n *workmate) end() error {
	if err := n.tell.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	if err := n.cmd.Wait(); err != nil {
		return fmt.Errorf("a node: %w\n%s", err, n.said)
	}
	return nil
}

// runBenchNode is one of several processes that work on one city: it says that it is ready, waits to be told, opens and
// acts upon its cases, and says how long that took. People have no use for it.
func runBenchNode(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("bench node", "One of the processes that comity bench run --baseline starts on one database.", "", stderr)
	pack, folder := f.String("pack", "", "pack of the city"), f.String("folder", "", "where the rest of the city lies")
	clients, cases := f.Int("clients", 1, "clients at its door"), f.Int("cases", 1, "cases opened and acted upon")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 || *folder == "" {
		return usagef("bench node is started by comity bench run --baseline, and by nobody else")
	}
	fsys, err := packFS(*pack)
	if err != nil {
		return err
	}
	s := scratch{dir: *folder, address: f.Arg(0)}
	if err := s.open(ctx, measuring{log: errorsTo(stderr)}, fsys, cityAt(*pack, *folder, "")); err != nil {
		return err
	}
	took, err := load.ChangesAt(ctx, roomsOf(s.c), *clients, *cases, func() error {
		fmt.Fprintln(stdout, "ready")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	})
	if err == nil {
		fmt.Fprintln(stdout, took)
	}
	return errors.Join(err, s.c.Close())
}
