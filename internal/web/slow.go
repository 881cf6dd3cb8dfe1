package web

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// How long a request may take to arrive. A body has to keep coming: each piece within pause, all of it
// within the time for its kind. Photos over a weak network need minutes; a form of words does not.
const (
	pause      = 30 * time.Second
	wordsTime  = 2 * time.Minute
	filesTime  = 20 * time.Minute
	answerTime = 5 * time.Minute // for a reader to take the answer, after the body has arrived
)

// patient is a body with a deadline that moves as long as something arrives, so that neither a slow
// upload is cut off nor a connection held open by a byte now and then.
type patient struct {
	io.ReadCloser
	conn  *http.ResponseController
	pause time.Duration
	until time.Time
}

// await gives the body of a request its deadline. Connections that have none, as in tests, go without.
func (s *Site) await(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	conn, now := http.NewResponseController(w), time.Now()
	all := wordsTime
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		all = filesTime
	}
	if conn.SetWriteDeadline(now.Add(all+answerTime)) != nil || r.Body == http.NoBody {
		return r.Body
	}
	return &patient{r.Body, conn, cmp.Or(s.Pause, pause), now.Add(all)}
}

func (p *patient) Read(b []byte) (int, error) {
	next := time.Now().Add(p.pause)
	if next.After(p.until) {
		next = p.until
	}
	if err := p.conn.SetReadDeadline(next); err != nil {
		return 0, err
	}
	n, err := p.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		// The server listens on for a client that goes away; that must not be taken for one.
		if e := p.conn.SetReadDeadline(time.Time{}); e != nil {
			return n, e
		}
	}
	return n, err
}
