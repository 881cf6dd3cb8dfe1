package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"comity/internal/casework"
)

// childEnv holds the orders of a child: this program, run again, works at the door until it is killed.
const childEnv = "COMITY_FAULT_CHILD"

// orders are what a child is told.
type orders struct {
	Site    site              `json:"site"`
	Round   int               `json:"round"`
	Clients int               `json:"clients"`
	Left    []op              `json:"left"` // without an answer when the one before was killed
	Known   []casework.CaseID `json:"known"`
}

// grownUp is false in a child, which does not come back.
func grownUp() bool {
	raw := os.Getenv(childEnv)
	if raw == "" {
		return true
	}
	if err := liveUntilKilled(raw); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return false
}

// liveUntilKilled prints every operation when it begins and when it has ended, each in one write.
func liveUntilKilled(raw string) error {
	var o orders
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	h, err := openHouse(context.Background(), o.Site)
	if err != nil {
		return err
	}
	h.begin()
	b := &board{}
	b.put(o.Known...)
	var mu sync.Mutex
	h.load(context.Background(), b, o.Round, o.Clients, o.Left, func(p op) {
		line, err := json.Marshal(p)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
			os.Exit(1) // nobody listens any more
		}
	})
	return nil
}

var errEndedItself = errors.New("the child ended before it was killed")

// live runs a child until it has acknowledged enough and some time has passed, then kills it. It tells how long the
// child took from its start to its first acknowledged write.
func live(o orders, enough int, wait time.Duration, tell func(op)) (woke time.Duration, err error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	n := 0
	err = eachLine(out, func(p op) {
		tell(p)
		if p.Outcome != done || p.Kind == kindRead {
			return
		}
		if n++; n == 1 {
			woke = time.Since(began)
		}
		if n == enough {
			time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
	})
	_ = cmd.Wait()
	if n < enough {
		return woke, fmt.Errorf("%w, after %d acknowledgements", errEndedItself, n)
	}
	return woke, err
}

// eachLine reads what a child prints. The kill may cut the last line.
func eachLine(r io.Reader, tell func(op)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o op
		if err := json.Unmarshal(lines.Bytes(), &o); err == nil {
			tell(o)
		}
	}
	return lines.Err()
}
