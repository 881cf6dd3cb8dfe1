// Package limit slows down who guesses: it counts failures per network address, so that a follow code
// cannot be found by trying.
//
// It refuses to lock anybody out for good and to remember more than a bounded number of names. What
// counts (a wrong code, a wrong password, a request of a program) and under which name is the caller's to
// say, and so is the time.
//
// Open this file first; it is the whole package.
package limit

import (
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Wrong codes one address may try at once, and how long until it gets one more: the same on every
// surface that takes a code.
const (
	CodesAtOnce = 10
	CodesEvery  = time.Minute
)

// Requests a token and its account may send at once, and how long until one more: ten a second for as long
// as it likes, which pages through a city in an hour and keeps one program from slowing all others.
const (
	AsksAtOnce = 600
	AsksEvery  = 100 * time.Millisecond
)

// Wrong sign-ins of one address, whatever the login: an office behind one address types wrong now and then,
// a list of stolen passwords does all the time.
const (
	SignInsAtOnce = 30
	SignInsEvery  = 20 * time.Second
)

// Limiter counts failures per address in a token bucket: burst at once, then one more each interval.
// It lives in memory: a restart forgives, which a random code of 53 bits can bear. It is safe for
// concurrent use.
type Limiter struct {
	burst float64
	every time.Duration

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	used float64 // failures not yet forgiven
	at   time.Time
}

// maxBuckets bounds the memory an attacker with many addresses can take.
const maxBuckets = 50_000

// New makes a limiter that lets burst failures pass at once and forgives one each interval.
func New(burst int, every time.Duration) *Limiter {
	return &Limiter{burst: float64(burst), every: every, buckets: map[string]bucket{}}
}

// Wait is how long the address has to wait before it may try again; zero when it may try now.
func (l *Limiter) Wait(from string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := l.now(from, now).used + 1 - l.burst // what one more failure would be too much
	if over <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(over * float64(l.every)))
}

// Count records one failure.
func (l *Limiter) Count(from string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.buckets[from]; !known && len(l.buckets) >= maxBuckets {
		l.forgive(now)
	}
	b := l.now(from, now)
	b.used++
	l.buckets[from] = b
}

func (l *Limiter) now(from string, now time.Time) bucket {
	b := l.buckets[from]
	if passed := now.Sub(b.at); passed > 0 {
		b.used = max(0, b.used-float64(passed)/float64(l.every))
	}
	b.at = now
	return b
}

// forgive drops who has nothing left to forgive; if that is nobody, everybody, so that memory stays bounded.
func (l *Limiter) forgive(now time.Time) {
	for from := range l.buckets {
		if l.now(from, now).used == 0 {
			delete(l.buckets, from)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// AddressOf is the network address of a request; of IPv6 the /64, since one household has that many.
func AddressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return Network(host)
}

// Network is the address failures are counted against: an IPv4 address itself, of IPv6 the /64.
// What is no address is kept as it is.
func Network(host string) string {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	net64, _ := ip.Prefix(64) // 64 is a valid length for IPv6
	return net64.String()
}
