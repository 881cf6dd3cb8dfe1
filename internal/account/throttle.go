package account

import (
	"sync"
	"time"
)

// Throttle slows repeated wrong passwords down, per login and address. It lives in memory: a
// restart forgives, and another address is not punished for this one. It never locks anybody out:
// the wait is at most maxWait.
//
// The zero Throttle is ready. It is safe for concurrent use.
type Throttle struct {
	mu   sync.Mutex
	seen map[string]misses
}

type misses struct {
	n    int
	last time.Time
}

const (
	freeMisses = 3 // typing errors cost nothing
	maxWait    = 30 * time.Second
	forget     = 15 * time.Minute
	maxSeen    = 10_000
)

func throttleKey(login, address string) string { return tidyLogin(login) + "\x00" + address }

// Wait tells how long the next try has to wait from now; zero or less: it may go ahead.
func (t *Throttle) Wait(login, address string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.seen[throttleKey(login, address)]
	if m.n < freeMisses || now.Sub(m.last) > forget {
		return 0
	}
	wait := min(time.Second<<min(m.n-freeMisses, 10), maxWait)
	return max(0, m.last.Add(wait).Sub(now))
}

// Miss records a wrong password.
func (t *Throttle) Miss(login, address string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]misses{}
	}
	if len(t.seen) >= maxSeen {
		t.sweep(now)
	}
	k := throttleKey(login, address)
	m := t.seen[k]
	if now.Sub(m.last) > forget {
		m.n = 0
	}
	t.seen[k] = misses{n: m.n + 1, last: now}
}

// Hit forgets the misses after the right password.
func (t *Throttle) Hit(login, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.seen, throttleKey(login, address))
}

// sweep makes room: first what would be forgotten anyway, else everything, because a flood of
// invented logins must not cost memory without end.
func (t *Throttle) sweep(now time.Time) {
	for k, m := range t.seen {
		if now.Sub(m.last) > forget {
			delete(t.seen, k)
		}
	}
	if len(t.seen) >= maxSeen {
		clear(t.seen)
	}
}
