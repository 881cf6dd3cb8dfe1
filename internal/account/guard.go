package account

import (
	"sync"
	"time"
)

// Guard says how long a try at a login has to wait. Misses slow down the place they come from: a browser
// the account came in from before, else an address. When a login is tried at from everywhere, unknown
// places wait once before each try; known ones do not notice. Nobody is ever shut out: guessing at a
// login cannot keep its owner from coming in.
//
// It lives in memory: a restart forgives. The zero Guard is ready and safe for concurrent use.
type Guard struct {
	near Throttle

	mu     sync.Mutex
	all    map[string]misses    // by login, from unknown places
	knocks map[string]time.Time // by login and place: when a place under pressure first asked
}

const (
	pressedAt = 30               // misses of a login from unknown places until all of those wait
	pressWait = 10 * time.Second // before each try
)

// Try tells how long the next try has to wait; zero: it may go ahead, and counts as a miss until Hit says
// otherwise. Counting beforehand is what bounds tries sent all at once.
func (g *Guard) Try(login, place string, known bool, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := g.near.Wait(login, place, now)
	if !known {
		wait = max(wait, g.pressure(login, place, now))
	}
	if wait > 0 {
		return wait
	}
	g.near.Miss(login, place, now)
	if !known {
		g.count(login, place, now)
	}
	return 0
}

// pressure is the wait of an unknown place at a login that is tried at from everywhere.
func (g *Guard) pressure(login, place string, now time.Time) time.Duration {
	if m := g.all[tidyLogin(login)]; m.n < pressedAt || now.Sub(m.last) > forget {
		return 0
	}
	key := throttleKey(login, place)
	asked, ok := g.knocks[key]
	if !ok || now.Sub(asked) > forget {
		g.room(now)
		g.knocks[key], asked = now, now
	}
	return asked.Add(pressWait).Sub(now)
}

func (g *Guard) count(login, place string, now time.Time) {
	g.room(now)
	delete(g.knocks, throttleKey(login, place)) // the wait buys one try
	m := g.all[tidyLogin(login)]
	if now.Sub(m.last) > forget {
		m.n = 0
	}
	g.all[tidyLogin(login)] = misses{n: m.n + 1, last: now}
}

// Hit forgets the misses of a place after the right proof. Those of other places stay.
func (g *Guard) Hit(login, place string, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.near.Hit(login, place)
	if m, ok := g.all[tidyLogin(login)]; ok && !known && m.n > 0 {
		m.n--
		g.all[tidyLogin(login)] = m
	}
}

// room bounds what a flood of invented logins and addresses can take.
func (g *Guard) room(now time.Time) {
	if g.all == nil || len(g.all) >= maxSeen {
		g.all = stillFresh(g.all, now, func(m misses) time.Time { return m.last })
	}
	if g.knocks == nil || len(g.knocks) >= maxSeen {
		g.knocks = stillFresh(g.knocks, now, func(t time.Time) time.Time { return t })
	}
}

func stillFresh[V any](m map[string]V, now time.Time, at func(V) time.Time) map[string]V {
	out := map[string]V{}
	for k, v := range m {
		if now.Sub(at(v)) <= forget {
			out[k] = v
		}
	}
	if len(out) >= maxSeen {
		clear(out)
	}
	return out
}
