package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/trace"
)

// collector takes spans as a real one does.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  [][]byte
	headers []http.Header
	answer  func(n int) int // status of the n-th post; nil: good
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		if r.URL.Path != "/v1/traces" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s with %q", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		c.bodies, c.headers = append(c.bodies, body), append(c.headers, r.Header)
		if c.answer != nil {
			w.WriteHeader(c.answer(len(c.bodies)))
		}
	}))
	t.Cleanup(c.Close)
	return c
}

type attribute struct {
	Key   string
	Value map[string]any
}

type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind, Flags                         int
	StartTimeUnixNano, EndTimeUnixNano  int64 `json:",string"`
	Attributes                          []attribute
	Status                              struct{ Code int }
}

func (s span) get(key string) any {
	for _, a := range s.Attributes {
		if a.Key == key {
			for _, v := range a.Value {
				return v
			}
		}
	}
	return nil
}

// spans are those that came, by name.
func (c *collector) spans(t *testing.T) map[string]span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]span{}
	for _, b := range c.bodies {
		var m struct {
			ResourceSpans []struct {
				Resource   struct{ Attributes []attribute }
				ScopeSpans []struct{ Spans []span }
			}
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		for _, r := range m.ResourceSpans {
			if who := (span{Attributes: r.Resource.Attributes}); who.get("service.name") != "comity" || who.get("service.version") != "1.2" {
				t.Errorf("the spans are of %v", r.Resource)
			}
			for _, s := range r.ScopeSpans {
				for _, sp := range s.Spans {
					out[sp.Name] = sp
				}
			}
		}
	}
	return out
}

func open(t *testing.T, c trace.Config) *trace.Tracer {
	t.Helper()
	c.Attributes = []slog.Attr{slog.String("service.version", "1.2")}
	tr, err := trace.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func Test_a_request_and_its_steps_arrive_as_one_tree(t *testing.T) {
	c := newCollector(t)
	tr := open(t, trace.Config{Collector: c.URL, Share: 1, Authorization: "Bearer secret"})
	ctx, root := tr.Request(httptest.NewRequest("POST", "/f/SECRET-CODE?q=typed", nil))
	root.Name("POST /f/{code}")
	ctx, outer := trace.Step(ctx, "outer", slog.Int("batch", 3), slog.Bool("late", true), slog.Float64("part", .5))
	_, inner := trace.Step(ctx, "inner")
	inner.End(fmt.Errorf("what Mrs Li wrote: %w", &json.SyntaxError{}))
	outer.End(nil)
	root.Set(slog.Int("http.response.status_code", 303))
	root.End(nil)
	id := trace.ID(ctx)
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := c.spans(t)
	r, o, i := s["POST /f/{code}"], s["outer"], s["inner"]
	if len(s) != 3 || r.TraceID != id || len(id) != 32 || o.TraceID != id || i.TraceID != id {
		t.Fatalf("trace %q came as %+v", id, s)
	}
	if r.ParentSpanID != "" || len(r.SpanID) != 16 || o.ParentSpanID != r.SpanID || i.ParentSpanID != o.SpanID {
		t.Errorf("the spans hang together as %+v", s)
	}
	if r.Kind != 2 || o.Kind != 1 || r.Flags&1 != 1 || i.Status.Code != 2 || o.Status.Code != 0 {
		t.Errorf("kinds, flags and ends are %+v", s)
	}
	if o.get("batch") != "3" || o.get("late") != true || o.get("part") != .5 || i.get("error.type") != "*json.SyntaxError" || r.get("http.response.status_code") != "303" {
		t.Errorf("the spans tell %+v", s)
	}
	if i.StartTimeUnixNano == 0 || i.EndTimeUnixNano < i.StartTimeUnixNano || o.EndTimeUnixNano < i.EndTimeUnixNano || time.Since(time.Unix(0, i.StartTimeUnixNano)) > time.Hour {
		t.Errorf("the times are %+v", s)
	}
	for _, b := range c.bodies {
		for _, word := range []string{"SECRET", "typed", "Mrs Li"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%q left the house: %s", word, b)
			}
		}
	}
	if c.headers[0].Get("Authorization") != "Bearer secret" {
		t.Error("the collector was not shown who tells")
	}
}

func Test_without_a_collector_or_a_share_nobody_is_told_and_nothing_fails(t *testing.T) {
	var none *trace.Tracer
	ctx, s := none.Begin(t.Context(), "job", slog.Int("attempt", 1))
	ctx, step := trace.Step(ctx, "step")
	step.Set(slog.Int("n", 1))
	step.Name("other")
	step.End(errors.New("broken"))
	s.End(nil)
	if trace.ID(ctx) != "" || none.Close(t.Context()) != nil {
		t.Error("something was traced")
	}
	c := newCollector(t)
	tr := open(t, trace.Config{Collector: c.URL, Share: 0, Quiet: []string{"/readyz"}, Continue: true})
	ctx, s = tr.Begin(t.Context(), "job")
	_, step = trace.Step(ctx, "step")
	step.End(nil)
	s.End(nil)
	probe := httptest.NewRequest("GET", "/readyz", nil)
	probe.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	_, s = tr.Request(probe)
	s.End(nil)
	if err := tr.Close(t.Context()); err != nil || trace.ID(ctx) != "" || len(c.bodies) != 0 {
		t.Errorf("%v; %d messages", err, len(c.bodies))
	}
}

func Test_what_a_proxy_began_is_carried_on_only_where_there_is_one(t *testing.T) {
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	for _, proxied := range []bool{true, false} {
		c := newCollector(t)
		tr := open(t, trace.Config{Collector: c.URL + "/v1/traces", Share: 0, Continue: proxied})
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("traceparent", "00-"+theirs+"-b7ad6b7169203331-01")
		_, s := tr.Request(r)
		s.End(nil)
		if err := tr.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := c.spans(t)["GET"]
		if proxied && (got.TraceID != theirs || got.ParentSpanID != "b7ad6b7169203331" || got.Flags&0x300 != 0x300) {
			t.Errorf("the trace goes on as %+v", got)
		}
		if !proxied && len(c.bodies) > 0 {
			t.Errorf("a stranger decided what is told: %+v", got)
		}
	}
}

func Test_a_collector_that_is_away_is_told_of_once_and_asked_again(t *testing.T) {
	c := newCollector(t)
	c.answer = func(n int) int {
		if n == 1 {
			return http.StatusServiceUnavailable // asked again
		}
		return http.StatusOK
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	tr := open(t, trace.Config{Collector: c.URL, Share: 1, Log: logger})
	_, s := tr.Begin(t.Context(), "job")
	s.End(nil)
	if err := tr.Close(t.Context()); err != nil || len(c.bodies) != 2 || log.Len() > 0 {
		t.Errorf("%v; %d messages; %s", err, len(c.bodies), &log)
	}

	c.answer = func(int) int { return http.StatusUnauthorized }
	tr = open(t, trace.Config{Collector: c.URL, Share: 1, Log: logger})
	_, s = tr.Begin(t.Context(), "job")
	s.End(nil)
	if err := tr.Close(t.Context()); err != nil || len(c.bodies) != 3 || strings.Count(log.String(), "does not take traces") != 1 || !strings.Contains(log.String(), "401") {
		t.Errorf("%v; %d messages; %s", err, len(c.bodies), &log)
	}
}

func Test_the_end_does_not_wait_for_a_collector_for_ever(t *testing.T) {
	held := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
	defer s.Close()
	defer close(held)
	tr := open(t, trace.Config{Collector: s.URL, Share: 1})
	_, sp := tr.Begin(t.Context(), "job")
	sp.End(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tr.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}

func Test_a_collector_without_an_address_is_refused_in_words(t *testing.T) {
	for _, c := range []trace.Config{{Collector: "localhost:4318"}, {Collector: "http://"}, {Collector: "http://127.0.0.1:4318", Share: 1.5}} {
		if tr, err := trace.Open(c); err == nil || tr != nil {
			t.Errorf("%+v was taken", c)
		}
		if trace.Greet(t.Context(), c) == nil {
			t.Errorf("%+v was greeted", c)
		}
	}
}

func Test_a_greeting_hears_whether_the_collector_takes_traces(t *testing.T) {
	c := newCollector(t)
	if err := trace.Greet(t.Context(), trace.Config{Collector: c.URL}); err != nil || len(c.spans(t)) != 0 || len(c.bodies) != 1 {
		t.Errorf("%v; %q", err, c.bodies)
	}
	c.answer = func(int) int { return http.StatusForbidden }
	if err := trace.Greet(t.Context(), trace.Config{Collector: c.URL}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("it says %v", err)
	}
}
