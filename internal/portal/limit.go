package portal

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// limiter counts failures per address in a token bucket: burst at once, then one more each interval.
// It lives in memory: a restart forgives, which a random code of 53 bits can bear.
type limiter struct {
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

func newLimiter(burst int, every time.Duration) *limiter {
	return &limiter{burst: float64(burst), every: every, buckets: map[string]bucket{}}
}

// open reports whether the address may try now.
func (l *limiter) open(from string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now(from, now).used < l.burst
}

// count records one failure.
func (l *limiter) count(from string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buckets) >= maxBuckets {
		l.forgive(now)
	}
	b := l.now(from, now)
	b.used++
	l.buckets[from] = b
}

func (l *limiter) now(from string, now time.Time) bucket {
	b := l.buckets[from]
	if passed := now.Sub(b.at); passed > 0 {
		b.used = max(0, b.used-float64(passed)/float64(l.every))
	}
	b.at = now
	return b
}

// forgive drops who has nothing left to forgive; if that is nobody, everybody, so that memory stays bounded.
func (l *limiter) forgive(now time.Time) {
	for from := range l.buckets {
		if l.now(from, now).used == 0 {
			delete(l.buckets, from)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// addressOf is the network address of a request; of IPv6 the /64, since one household has that many.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Unmap().Is4() {
		return host
	}
	net64, _ := ip.Prefix(64) // 64 is a valid length for IPv6
	return net64.String()
}
