package neighbour_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// endpoint is another system, in memory, that does what a test tells it: it answers like the specification unless wrong
// says otherwise.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	now      time.Time
	reports  []theirs
	updates  []theirNews
	told     []url.Values // updates it was told
	tokens   bool         // it answers reports with a token
	numbered bool         // and knows the number of a token
	silent   int          // so many reports it takes without answering
	wrong    func(w http.ResponseWriter, r *http.Request) bool
	asked    []string
}

// theirs is a request of theirs.
type theirs struct {
	id    string
	form  url.Values
	files []string
	sizes []int64
	key   string
	at    time.Time
	xml   string // told instead of what is made of the form
	state string
	notes string
}

type theirNews struct{ id, request, status, words, at string }

func newEndpoint(t *testing.T, now time.Time) *endpoint {
	e := &endpoint{now: now, numbered: true}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// clock is the time at the other system, which is that of the city.
func (e *endpoint) clock() (now time.Time) {
	e.set(func() { now = e.now })
	return now
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, r.Method+" "+r.URL.Path)
	if e.wrong != nil && e.wrong(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	switch {
	case r.Method == http.MethodPost && path == "requests.xml":
		e.report(w, r)
	case r.Method == http.MethodPost && path == "servicerequestupdates.xml":
		r.ParseForm()
		e.told = append(e.told, r.PostForm)
		fmt.Fprintf(w, `<?xml version="1.0"?><service_request_updates><request_update><update_id>%s</update_id></request_update></service_request_updates>`, escaped(r.PostForm.Get("update_id")))
	case strings.HasPrefix(path, "tokens/"):
		id := ""
		if e.numbered {
			id = strings.TrimSuffix(strings.TrimPrefix(path, "tokens/t"), ".xml")
		}
		fmt.Fprintf(w, `<service_requests><request><service_request_id>%s</service_request_id><token>t%s</token></request></service_requests>`, id, id)
	case path == "requests.xml":
		e.list(w, r)
	case path == "servicerequestupdates.xml":
		io.WriteString(w, "<service_request_updates>")
		for _, u := range e.updates {
			fmt.Fprintf(w, `<request_update><update_id>%s</update_id><service_request_id>%s</service_request_id><status>%s</status><updated_datetime>%s</updated_datetime><description>%s</description></request_update>`,
				u.id, u.request, strings.ToUpper(u.status), u.at, escaped(u.words))
		}
		io.WriteString(w, "</service_request_updates>")
	default:
		http.NotFound(w, r)
	}
}

func (e *endpoint) report(w http.ResponseWriter, r *http.Request) {
	one := theirs{key: r.Header.Get("Idempotency-Key"), at: e.now, state: "open"}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		r.ParseMultipartForm(1 << 20)
		for name, list := range r.MultipartForm.File {
			one.files, one.sizes = append(one.files, name+" "+list[0].Header.Get("Content-Type")), append(one.sizes, list[0].Size)
		}
	} else {
		r.ParseForm()
	}
	one.form, one.id = r.PostForm, fmt.Sprint(1001+len(e.reports))
	e.reports = append(e.reports, one)
	if e.silent > 0 {
		e.silent--
		hang(w)
		return
	}
	name := "service_request_id"
	if e.tokens {
		name, one.id = "token", "t"+one.id
	}
	fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><service_requests type="array"><request><%s>%s</%s><service_notice></service_notice></request></service_requests>`, name, one.id, name)
}

// hang takes a request and lets the line break.
func hang(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

func (e *endpoint) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	io.WriteString(w, "<service_requests>")
	for _, x := range e.reports {
		if ids := q.Get("service_request_id"); ids != "" && !strings.Contains(","+ids+",", ","+x.id+",") {
			continue
		}
		if x.xml != "" {
			io.WriteString(w, x.xml)
			continue
		}
		fmt.Fprintf(w, `<request><service_request_id>%s</service_request_id><status>%s</status><status_notes>%s</status_notes><service_code>%s</service_code><description>%s</description><requested_datetime>%s</requested_datetime></request>`,
			x.id, x.state, escaped(x.notes), x.form.Get("service_code"), escaped(x.form.Get("description")), x.at.Format(time.RFC3339))
	}
	io.WriteString(w, "</service_requests>")
}

func escaped(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}
