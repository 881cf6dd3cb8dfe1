// Package trace tells a collector of the operator's how long each step of a request or a job took, in the words of
// OpenTelemetry: which of a page's two seconds were the line at the door, the database, or another machine.
//
// It owns the spans and how they leave the house. It refuses whatever was typed or says who somebody is: a span has a
// route and not an address, a kind of job and not its load, the type of an error and not its words. No span holds the
// number of a case: traces go to a machine that many may read, and a list of who was busy with what would be one.
//
// A [Tracer] begins a trace where something comes in; whoever stands below says [Step] and needs no tracer, because
// the trace is in the context. Without a collector both do nothing.
//
// Open this file first; otlp.go is how spans travel.
package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name under which spans are told.
const scope = "comity"

// Config says where traces go.
type Config struct {
	Collector     string      // address of a collector that takes OTLP over HTTP, without or with /v1/traces
	Authorization string      // the header of that name; empty = none
	Share         float64     // of the traces that begin here, from 0 to 1
	Continue      bool        // what a proxy of ours began (traceparent) is carried on, whatever the share
	Quiet         []string    // paths nobody is told of, such as those of probes
	Attributes    []slog.Attr // of this process: service.version, service.instance.id
	Log           *slog.Logger
}

// Tracer begins traces. A nil Tracer begins none.
type Tracer struct {
	provider *sdk.TracerProvider
	from     propagation.TextMapPropagator // nil: nobody else's traces are carried on
	quiet    []string
}

// Open makes a tracer. The collector need not be there yet: what cannot be told is dropped, and the log says so once
// until it can be told again.
func Open(c Config) (*Tracer, error) {
	e, err := c.exporter()
	if err != nil {
		return nil, err
	}
	t := &Tracer{provider: sdk.NewTracerProvider(
		sdk.WithBatcher(e),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Share))),
		sdk.WithResource(resource.NewSchemaless(append(attributes(c.Attributes), attribute.String("service.name", scope))...)),
	), quiet: c.Quiet}
	if c.Continue {
		t.from = propagation.TraceContext{}
	}
	return t, nil
}

// Greet tells a collector nothing, and hears whether it would take more.
func Greet(ctx context.Context, c Config) error {
	e, err := c.exporter()
	if err != nil {
		return err
	}
	body, err := json.Marshal(message(nil))
	if err != nil {
		return err
	}
	_, err = e.post(ctx, body)
	return errors.Join(err, e.Shutdown(ctx))
}

func (c Config) exporter() (*exporter, error) {
	u, err := url.Parse(c.Collector)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the collector of traces needs an address such as http://127.0.0.1:4318")
	}
	if c.Share < 0 || c.Share > 1 {
		return nil, fmt.Errorf("the share of traces is a number from 0 to 1, not %g", c.Share)
	}
	if !strings.HasSuffix(u.Path, tracesPath) {
		u = u.JoinPath(tracesPath)
	}
	e := &exporter{to: u.String(), name: u.Redacted(), authorization: c.Authorization, client: &http.Client{Timeout: patience}, log: c.Log}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	return e, nil
}

// Close tells what is left, as long as ctx lasts.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Span is one step that takes time. A nil Span is one that nobody hears of.
type Span struct{ span trace.Span }

// Begin begins a trace for work that nobody is waiting for, such as a job.
func (t *Tracer) Begin(ctx context.Context, name string, attrs ...slog.Attr) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.begin(ctx, name, trace.SpanKindInternal, attrs)
}

// Request begins the trace of a request that came in, or carries on the one its sender began. Name says what it was
// when that is known.
func (t *Tracer) Request(r *http.Request) (context.Context, *Span) {
	ctx := r.Context()
	if t == nil || slices.Contains(t.quiet, r.URL.Path) {
		return ctx, nil
	}
	if t.from != nil {
		ctx = t.from.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	return t.begin(ctx, r.Method, trace.SpanKindServer, []slog.Attr{slog.String("http.request.method", r.Method)})
}

func (t *Tracer) begin(ctx context.Context, name string, kind trace.SpanKind, attrs []slog.Attr) (context.Context, *Span) {
	ctx, s := t.provider.Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes(attrs)...))
	return ctx, &Span{s}
}

// Step begins a step of the trace in ctx. Where there is none, or nobody is told of it, it costs next to nothing.
func Step(ctx context.Context, name string, attrs ...slog.Attr) (context.Context, *Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, nil
	}
	ctx, s := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithAttributes(attributes(attrs)...))
	return ctx, &Span{s}
}

// Name gives a span the name under which others of its kind are found.
func (s *Span) Name(name string) {
	if s != nil {
		s.span.SetName(name)
	}
}

// Set adds what is known about a step by now.
func (s *Span) Set(attrs ...slog.Attr) {
	if s != nil {
		s.span.SetAttributes(attributes(attrs)...)
	}
}

// End ends a step. Of an error only the type is told: its words may be somebody's.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.Set(slog.String("error.type", typeOf(err)))
		s.Fail()
	}
	s.span.End()
}

// Fail marks a step as one that went wrong.
func (s *Span) Fail() {
	if s != nil {
		s.span.SetStatus(codes.Error, "")
	}
}

// typeOf is the type of the innermost error, which the others only explain.
func typeOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}

// ID is the number of the trace in ctx, for the line of a log that belongs to it; empty where nobody is told of it.
func ID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.IsSampled() {
		return c.TraceID().String()
	}
	return ""
}

func attributes(list []slog.Attr) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(list))
	for i, a := range list {
		switch v := a.Value.Resolve(); v.Kind() {
		case slog.KindInt64:
			out[i] = attribute.Int64(a.Key, v.Int64())
		case slog.KindBool:
			out[i] = attribute.Bool(a.Key, v.Bool())
		case slog.KindFloat64:
			out[i] = attribute.Float64(a.Key, v.Float64())
		default:
			out[i] = attribute.String(a.Key, v.String())
		}
	}
	return out
}
