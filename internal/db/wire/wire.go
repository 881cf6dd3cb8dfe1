// Package wire is a stretch of network between a program and its PostgreSQL server, for tests and measurements on
// one machine: it counts round trips, takes as long as it is told, and can be cut.
//
// It refuses to understand the protocol: a trip is that the client speaks again after the server has.
package wire

import (
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Wire passes connections on.
type Wire struct {
	listener net.Listener
	network  string
	address  string
	latency  time.Duration
	trips    atomic.Int64
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// Through gives a wire to the server that dsn names, and what to open instead of dsn. latency is that of a round trip.
func Through(dsn string, latency time.Duration) (*Wire, string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, "", errors.New("wire: the address is not of the form postgres://…")
	}
	w := &Wire{network: "tcp", address: u.Host, latency: latency, open: map[net.Conn]bool{}}
	q := u.Query()
	port := u.Port()
	if port == "" {
		port = "5432"
		w.address = net.JoinHostPort(u.Hostname(), port)
	}
	if folder := q.Get("host"); folder != "" {
		w.network, w.address = "unix", folder+"/.s.PGSQL."+port
	}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, "", err
	}
	q.Del("host")
	u.Host, u.RawQuery = w.listener.Addr().String(), strings.ReplaceAll(q.Encode(), "+", "%20")
	go w.accept()
	return w, u.String(), nil
}

// Trips tells how many round trips there were so far.
func (w *Wire) Trips() int64 { return w.trips.Load() }

// Cut breaks every connection; new ones pass.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close()
	}
}

// Close ends the wire and what passes through it.
func (w *Wire) Close() error {
	err := w.listener.Close()
	w.Cut()
	return err
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(w.network, w.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.open[client], w.open[server] = true, true
		w.mu.Unlock()
		var answered atomic.Bool
		answered.Store(true)
		go w.pass(server, client, func() {
			if answered.Swap(false) {
				w.trips.Add(1)
			}
		})
		go w.pass(client, server, func() { answered.Store(true) })
	}
}

type packet struct {
	bytes []byte
	due   time.Time
}

// pass carries bytes from one end to the other, half a round trip late.
func (w *Wire) pass(to, from net.Conn, seen func()) {
	line := make(chan packet, 1024)
	go func() {
		for p := range line {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.bytes); err != nil {
				_ = from.Close()
			}
		}
		w.end(to)
	}()
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if n > 0 {
			seen()
			line <- packet{buf[:n], time.Now().Add(w.latency / 2)}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = from.Close()
			}
			close(line)
			return
		}
	}
}

func (w *Wire) end(c net.Conn) {
	_ = c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}
