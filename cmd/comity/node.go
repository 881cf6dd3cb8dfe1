package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"comity/internal/db"
)

// node is this process among those that serve one city: every database has a row of it while it runs.
type node struct {
	c        *city
	id       string
	outdated atomic.Bool // a newer program has taken away what this one relies on
}

// joinNodes says that this process runs.
func (c *city) joinNodes(ctx context.Context) (*node, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "node"
	}
	n := &node{c: c, id: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), strings.ToLower(rand.Text()[:6]))}
	if err := n.beat(ctx); err != nil {
		n.leave(context.WithoutCancel(ctx))
		return nil, err
	}
	return n, nil
}

func (n *node) beat(ctx context.Context) (err error) {
	for _, r := range n.c.all() {
		err = errors.Join(err, r.db.Beat(ctx, n.id, version()))
	}
	return err
}

// run says so again and again until the context ends, and goodbye then.
func (n *node) run(ctx context.Context) {
	tick := time.NewTicker(db.NodeBeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			err := n.beat(ctx)
			if outdated := errors.Is(err, db.ErrOutdated); outdated || err == nil { // else nobody knows, and it stays as it was
				n.outdated.Store(outdated)
			}
			if err != nil && ctx.Err() == nil {
				n.c.log.Error("this node could not say that it runs", "node", n.id, "error", err)
			}
		case <-ctx.Done():
			n.leave(context.WithoutCancel(ctx))
			return
		}
	}
}

func (n *node) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, r := range n.c.all() {
		if err := r.db.Leave(ctx, n.id); err != nil {
			n.c.log.Warn("this node could not say goodbye; it counts as running for a while", "node", n.id, "error", err)
		}
	}
}

// unready is why no requests should be sent to this node; empty while there is no reason.
func (n *node) unready() string {
	if n.outdated.Load() {
		return "schema"
	}
	return ""
}
