package desk

import (
	"net/http"

	"comity/internal/web"
)

// braked holds back an address that fails too often, whatever it tries: every answer of 401 or 422 counts.
// The brake of each account stands behind it and locks nobody out.
func (d *Desk) braked(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		from, now := d.Client(r), d.site.Now()
		if wait := d.guesses.Wait(from, now); wait > 0 {
			return &web.Refused{Status: http.StatusTooManyRequests, Rule: "desk.too_many", Wait: wait}
		}
		seen := &statusOf{ResponseWriter: w}
		err := h(seen, r)
		if seen.status == http.StatusUnprocessableEntity || seen.status == http.StatusUnauthorized {
			d.guesses.Count(from, now)
		}
		return err
	}
}

// statusOf remembers what was answered.
type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusOf) Unwrap() http.ResponseWriter { return s.ResponseWriter }
