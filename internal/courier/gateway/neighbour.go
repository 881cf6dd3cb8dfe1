package gateway

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/outward"
)

// Neighbour is where the system of a neighbour is asked by Open311 GeoReport v2.
type Neighbour struct {
	Name    string // its id in the pack
	URL     string // ends with a slash
	Key     string
	Every   time.Duration // between two questions what is new
	Timeout time.Duration // of one call; pictures may go along
	Guard   outward.Guard
}

// HTTP is how it is called.
func (n *Neighbour) HTTP() *http.Client { return client(n.Guard) }

// mostTime is longest for a call that pictures go along with; the job that makes it is held for three minutes.
const mostTime = 2 * time.Minute

func (r *reader) neighbour(s *section) {
	n := &Neighbour{Name: s.text("neighbour", true), URL: r.address(s), Key: r.secret(s, "key"), Every: s.time("every", 5*time.Minute, 10*time.Second, 24*time.Hour),
		Timeout: s.time("timeout", time.Minute, time.Second, mostTime), Guard: r.guard}
	if slices.ContainsFunc(r.c.Next, func(o *Neighbour) bool { return o.Name == n.Name }) {
		s.bad("neighbour", "%q stands twice", n.Name)
	}
	if strings.ContainsAny(n.URL, "?#{") {
		s.bad("url", "is the address below which requests.xml lies, without anything behind it")
	}
	if n.URL != "" && !strings.HasSuffix(n.URL, "/") {
		n.URL += "/"
	}
	if n.Key == "" && !s.has("key") {
		s.bad("key_file", "is missing; requests are handed over by a key of the neighbour's")
	}
	r.c.Next = append(r.c.Next, n)
	s.rest()
}
