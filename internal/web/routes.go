package web

import (
	"net/http"
	"slices"
)

// Router is where pages are put: an http.ServeMux, or a Routes that remembers them.
type Router interface {
	Handle(pattern string, h http.Handler)
	HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request))
}

// Routes is a mux that can tell what was put on it, so that a test can ask every page there is, also one
// that was added yesterday.
type Routes struct {
	http.ServeMux
	patterns []string
}

// Handle registers a handler.
func (m *Routes) Handle(pattern string, h http.Handler) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.Handle(pattern, h)
}

// HandleFunc registers a function.
func (m *Routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// Patterns lists what was registered, in order of the alphabet.
func (m *Routes) Patterns() []string {
	out := slices.Clone(m.patterns)
	slices.Sort(out)
	return out
}
