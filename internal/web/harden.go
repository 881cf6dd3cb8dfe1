package web

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"comity/internal/trace"
)

// Policy is the content security policy of every page: nothing inline, nothing from elsewhere, and no
// script may make markup out of text.
const Policy = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Largest request bodies in bytes when the site names no limit. Photos come as multipart.
const (
	maxForm      = 1 << 20
	maxMultipart = 120 << 20
)

// Harden puts around the whole site what no page may forget: security headers, refusal of requests no
// browser makes and of forms posted from other sites, a limit and a deadline for the request, one log
// line per request, a line in the security journal for what was refused, and a page instead of a broken
// connection when a handler panics.
func (s *Site) Harden(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(s.Serve(func(http.ResponseWriter, *http.Request) error {
		return &Refused{Status: http.StatusForbidden, Rule: "web.cross_origin"}
	}))
	guarded := guard.Handler(s.remember(s.kioskVisit(next)))
	inner := s.Serve(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.vet(r); err != nil {
			return err
		}
		guarded.ServeHTTP(w, r)
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		ctx, span := s.Traces.Request(r)
		r = r.WithContext(ctx)
		s.headers(w)
		if len(r.TransferEncoding) > 0 {
			// A body without a length: where it ends may look different to a proxy. Whatever stands behind
			// it on this connection is not answered.
			w.Header().Set("Connection", "close")
		}
		seen := &recorder{ResponseWriter: w}
		defer func() { s.finish(seen, r, start, span, recover()) }()
		if r.Body != nil {
			r.Body = http.MaxBytesReader(seen, s.await(w, r), s.bodyLimit(r))
		}
		inner.ServeHTTP(seen, r)
	})
}

func (s *Site) headers(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store") // what may be kept says so itself
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // follow codes stand in addresses
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(self)")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if s.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

func (s *Site) bodyLimit(r *http.Request) int64 {
	switch {
	case s.MaxBody > 0:
		return s.MaxBody
	case strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/"), r.Header.Get("Content-Type") == "application/offset+octet-stream":
		return maxMultipart
	}
	return maxForm
}

// remember keeps a language chosen by ?lang= for the pages that follow.
func (s *Site) remember(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l := r.URL.Query().Get("lang"); slices.Contains(s.Langs, l) {
			s.cookie(w, "lang", l)
		}
		next.ServeHTTP(w, r)
	})
}

// finish logs the request by its route, never by its address: addresses hold follow codes.
func (s *Site) finish(w *recorder, r *http.Request, start time.Time, span *trace.Span, panicked any) {
	defer span.End(nil)
	if panicked == http.ErrAbortHandler {
		panic(panicked)
	}
	if panicked != nil {
		s.logger().Error("handler panicked", "route", r.Pattern, "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
		if w.status == 0 {
			s.fail(w, r, fmt.Errorf("panic: %v", panicked))
		}
	}
	s.Journal.Refused(r, r.Pattern, w.code(), w.rule)
	span.Name(cmp.Or(r.Pattern, r.Method))
	span.Set(slog.String("http.route", r.Pattern), slog.Int("http.response.status_code", w.code()))
	if w.code() >= http.StatusInternalServerError {
		span.Fail()
	}
	s.logger().Info("request", "method", r.Method, "route", r.Pattern, "status", w.code(), "bytes", w.bytes, "ms", s.Now().Sub(start).Milliseconds(), traced(r))
}

// traced names the trace of a request in its line of the log, where there is one.
func traced(r *http.Request) slog.Attr {
	if id := trace.ID(r.Context()); id != "" {
		return slog.String("trace", id)
	}
	return slog.Attr{}
}

// recorder remembers status and size for the log, and the rule for the journal.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	rule   string
}

// Refused is how journal.Say reaches the recorder.
func (w *recorder) Refused(rule string) { w.rule = rule }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
