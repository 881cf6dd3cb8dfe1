package main

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between a city and its PostgreSQL server and knows where messages end, so that it can cut a connection
// between any two of them, in either direction. Nothing of what they say is of interest to it, nor how many of them a
// transaction takes.
type proxy struct {
	listener net.Listener
	to       string // socket of the server
	dir      string

	mu    sync.Mutex
	pairs map[*pair]bool
	plan  plan
	storm atomic.Int64  // on the average every so many messages a connection is cut; 0: none
	stall chan struct{} // nothing passes until it is closed; nil: everything does
	cuts  atomic.Int64

	behind func() error // ends the server
}

// plan cuts the connection before the message that makes left 0.
type plan struct {
	toServer bool
	left     int // 0: nothing is planned
}

// pair is one connection with its other half.
type pair struct{ client, server net.Conn }

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

func newProxy(socket string) (*proxy, error) {
	dir, err := os.MkdirTemp("/tmp", "comity-cut-") // paths of sockets are short
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &proxy{listener: l, to: socket, dir: dir, pairs: map[*pair]bool{}}
	go p.accept()
	return p, nil
}

func (p *proxy) close() {
	p.listener.Close()
	p.cutAll()
	os.RemoveAll(p.dir)
	p.behind()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.to)
		if err != nil {
			client.Close()
			continue
		}
		both := &pair{client, server}
		p.mu.Lock()
		p.pairs[both] = true
		p.mu.Unlock()
		go p.carry(both, client, server, true)
		go p.carry(both, server, client, false)
	}
}

// carry passes messages on until one half closes or the plan says so.
func (p *proxy) carry(both *pair, from, to net.Conn, toServer bool) {
	defer func() {
		both.close()
		p.mu.Lock()
		delete(p.pairs, both)
		p.mu.Unlock()
	}()
	for started := !toServer; ; started = true { // the first message of a client has no kind before its length
		m, err := message(from, started)
		if err != nil || p.cutsHere(toServer) {
			return
		}
		p.held()
		if _, err := to.Write(m); err != nil {
			return
		}
	}
}

const longest = 64 << 20

var errNoMessage = errors.New("no message of PostgreSQL")

func message(from io.Reader, kind bool) ([]byte, error) {
	head := 4
	if kind {
		head = 5
	}
	m := make([]byte, head)
	if _, err := io.ReadFull(from, m); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(m[head-4:]))
	if n < 4 || n > longest {
		return nil, errNoMessage
	}
	m = append(m, make([]byte, n-4)...)
	_, err := io.ReadFull(from, m[head:])
	return m, err
}

func (p *proxy) cutsHere(toServer bool) bool {
	if every := p.storm.Load(); every > 0 && rand.Int64N(every) == 0 {
		p.cuts.Add(1)
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan.left == 0 || p.plan.toServer != toServer {
		return false
	}
	p.plan.left--
	if p.plan.left == 0 {
		p.cuts.Add(1)
		return true
	}
	return false
}

// arm plans a cut; disarm says whether it is still to come, and forgets it.
func (p *proxy) arm(toServer bool, k int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan{toServer, k}
}

func (p *proxy) disarm() (toCome bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	toCome = p.plan.left > 0
	p.plan = plan{}
	return toCome
}

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for both := range p.pairs {
		both.close()
	}
}

// hang lets nothing pass until the answer is called: a network that is there and carries nothing.
func (p *proxy) hang() (end func()) {
	stall := make(chan struct{})
	p.mu.Lock()
	p.stall = stall
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		p.stall = nil
		p.mu.Unlock()
		close(stall)
	}
}

func (p *proxy) held() {
	p.mu.Lock()
	stall := p.stall
	p.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-time.After(comeBack):
		}
	}
}
