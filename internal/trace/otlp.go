package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The protocol is OTLP 1 over HTTP, in its JSON form: one message of one kind is all that is said here, and the
// library for it would bring gRPC and twelve modules into the program for that (decision 51).

const (
	tracesPath = "/v1/traces"
	patience   = 10 * time.Second
	tries      = 3
	pause      = time.Second // before the second try, and twice as long before the third
)

// exporter hands spans to the collector.
type exporter struct {
	to, name, authorization string // name is to without a password
	client                  *http.Client
	log                     *slog.Logger
	silent                  atomic.Bool // the collector did not take the last ones
}

// ExportSpans implements sdk.SpanExporter. It returns no error, because the library would print it.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := json.Marshal(message(spans))
	if err == nil {
		err = e.deliver(ctx, body)
	}
	switch was := e.silent.Swap(err != nil); {
	case err != nil && !was:
		e.log.Warn("the collector does not take traces; they are dropped until it does", "error", err)
	case err == nil && was:
		e.log.Info("the collector takes traces again")
	}
	return nil
}

// Shutdown implements sdk.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

func (e *exporter) deliver(ctx context.Context, body []byte) error {
	wait := pause
	for try := 1; ; try++ {
		again, err := e.post(ctx, body)
		if err == nil || !again || try == tries {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			wait *= 2
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// post is one try; again says that the collector may take the same later.
func (e *exporter) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.to, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	if e.authorization != "" {
		r.Header.Set("Authorization", e.authorization)
	}
	answer, err := e.client.Do(r)
	if err != nil {
		return true, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	switch answer.StatusCode {
	case http.StatusOK:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("%s answered %s", e.name, answer.Status)
}

// The shapes of the message, as far as they are used.
// paper: OTLP 1.x, ExportTraceServiceRequest in JSON: numbers of spans in hex, 64-bit numbers as text, enums as numbers.
type (
	otlpRequest struct {
		ResourceSpans []otlpResource `json:"resourceSpans"`
	}
	otlpResource struct {
		Resource   otlpAttributes `json:"resource"`
		ScopeSpans []otlpScope    `json:"scopeSpans"`
	}
	otlpAttributes struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScope struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		ParentID   string          `json:"parentSpanId,omitempty"`
		Flags      uint32          `json:"flags"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Status     *otlpStatus     `json:"status,omitempty"`
	}
	otlpAttribute struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
	otlpStatus struct {
		Code int `json:"code"`
	}
)

// The numbers the protocol gives: a failed step, and a parent in another process or in this one.
const (
	statusError     = 2
	parentIsKnown   = 0x100
	parentIsOutside = 0x200
)

// message says spans, all of which are of this process, as the protocol wants them.
func message(spans []sdk.ReadOnlySpan) otlpRequest {
	if len(spans) == 0 {
		return otlpRequest{ResourceSpans: []otlpResource{}}
	}
	s := otlpScope{Spans: make([]otlpSpan, len(spans))}
	s.Scope.Name = scope
	for i, sp := range spans {
		s.Spans[i] = spanOf(sp)
	}
	return otlpRequest{ResourceSpans: []otlpResource{{
		Resource:   otlpAttributes{list(spans[0].Resource().Attributes())},
		ScopeSpans: []otlpScope{s},
	}}}
}

func spanOf(s sdk.ReadOnlySpan) otlpSpan {
	own, parent := s.SpanContext(), s.Parent()
	out := otlpSpan{TraceID: own.TraceID().String(), SpanID: own.SpanID().String(), Name: s.Name(), Kind: kindOf(s.SpanKind()),
		Start: nanos(s.StartTime()), End: nanos(s.EndTime()), Attributes: list(s.Attributes()),
		Flags: uint32(own.TraceFlags()) | parentIsKnown}
	if parent.IsValid() {
		out.ParentID = parent.SpanID().String()
	}
	if parent.IsRemote() {
		out.Flags |= parentIsOutside
	}
	if s.Status().Code == codes.Error {
		out.Status = &otlpStatus{statusError}
	}
	return out
}

func kindOf(k trace.SpanKind) int {
	if k == trace.SpanKindServer {
		return 2
	}
	return 1 // internal
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func list(attrs []attribute.KeyValue) []otlpAttribute {
	out := make([]otlpAttribute, len(attrs))
	for i, a := range attrs {
		out[i] = otlpAttribute{string(a.Key), map[string]any{"stringValue": a.Value.String()}}
		switch a.Value.Type() {
		case attribute.INT64:
			out[i].Value = map[string]any{"intValue": strconv.FormatInt(a.Value.AsInt64(), 10)}
		case attribute.BOOL:
			out[i].Value = map[string]any{"boolValue": a.Value.AsBool()}
		case attribute.FLOAT64:
			out[i].Value = map[string]any{"doubleValue": a.Value.AsFloat64()}
		}
	}
	return out
}
