package web

import (
	"errors"
	"net/http"
	"strings"
)

// inMemory is how much of a multipart form stays in memory; the rest goes to temporary files, which
// the server removes after the request.
const inMemory = 8 << 20

// ParseForm reads a posted form of either encoding, whatever is in it: pages use ReadForm, which says what may
// be. A body over the limit stays that error; any other
// fault is the sender's and becomes a refusal instead of an incident.
func ParseForm(r *http.Request) error {
	// One or the other: ParseMultipartForm forgets what went wrong with a body that is not multipart, and
	// a form that was cut off would be read as an empty one.
	read := r.ParseForm
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Type"))), "multipart/") {
		read = func() error { return r.ParseMultipartForm(inMemory) }
	}
	err := read()
	var large *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &large):
		return err
	case late(err):
		return &Refused{Status: http.StatusRequestTimeout, Rule: "web.slow"}
	case r.Context().Err() != nil:
		return r.Context().Err()
	}
	return &Refused{Status: http.StatusBadRequest, Rule: "web.bad_form"}
}
