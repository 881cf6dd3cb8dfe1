package main

import (
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// leaving is how a node goes: it first says so and goes on answering, until the proxy before it has noticed, then lets
// what is under way finish.
type leaving struct {
	drain time.Duration // how long it says that it leaves and goes on answering; 0 where nobody else would answer
	grace time.Duration // how long what is under way may take from then on; 0 = usualGrace
	gone  atomic.Bool
}

const (
	usualGrace = 30 * time.Second // a photo over a weak line; who restarts one node of several can be more patient
	jobGrace   = 10 * time.Second // for a notice under way: a gateway that was asked should be heard out
)

// unready is why no more requests should be sent to this node; empty while there is no reason.
func (v *leaving) unready() string {
	if v.gone.Load() {
		return "leaving"
	}
	return ""
}

// closing asks whoever is connected to come back over another connection once the node leaves. Connections that stand
// open unused are left alone meanwhile: a proxy may be sending over one of them at this very moment.
func (v *leaving) closing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.gone.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// wait lets the proxy notice. A second signal, or the end of the server, cuts it short.
func (v *leaving) wait(failed <-chan error) {
	v.gone.Store(true)
	if v.drain <= 0 {
		return
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	timer := time.NewTimer(v.drain)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-again:
	case <-failed:
	}
}

func (v *leaving) patience() time.Duration {
	if v.grace > 0 {
		return v.grace
	}
	return usualGrace
}
