package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"comity/internal/trace"
)

// flushTraces is how long the end of the process waits for a collector.
const flushTraces = 5 * time.Second

// traceFlags say who hears how long requests and jobs take. What the collector is to be told beside the address is a
// secret, and therefore no flag.
type traceFlags struct {
	collector *string
	share     *float64
}

func addTraceFlags(f *flag.FlagSet) traceFlags {
	share := 0.05
	if said := os.Getenv("COMITY_TRACE_SHARE"); said != "" {
		var err error
		if share, err = strconv.ParseFloat(said, 64); err != nil {
			share = -1 // refused with the others that are no share
		}
	}
	return traceFlags{
		collector: f.String("traces", os.Getenv("COMITY_TRACES"), "collector of OpenTelemetry traces, such as http://127.0.0.1:4318; without it nobody is told (COMITY_TRACES_AUTHORIZATION: the header it wants)"),
		share:     f.Float64("trace-share", share, "share of requests and jobs that are traced, from 0 to 1 (COMITY_TRACE_SHARE)"),
	}
}

func (t traceFlags) config() trace.Config {
	return trace.Config{Collector: *t.collector, Authorization: os.Getenv("COMITY_TRACES_AUTHORIZATION"), Share: *t.share}
}

// open makes the tracer of a server, or none. A proxy of ours may have begun a trace; anybody else's header is ignored, or
// whoever sends it would decide how much is told.
func (t traceFlags) open(proxied bool, log *slog.Logger) (*trace.Tracer, error) {
	if *t.collector == "" {
		return nil, nil
	}
	host, _ := os.Hostname()
	cfg := t.config()
	cfg.Continue, cfg.Log, cfg.Quiet = proxied, log, []string{"/healthz", "/readyz", "/metrics"}
	cfg.Attributes = []slog.Attr{slog.String("service.version", version()), slog.String("service.instance.id", fmt.Sprintf("%s-%d", host, os.Getpid()))}
	tracer, err := trace.Open(cfg)
	if err != nil {
		return nil, usagef("--traces (COMITY_TRACES) and --trace-share (COMITY_TRACE_SHARE): %v", err)
	}
	return tracer, nil
}

// traced has the jobs of every compartment told, and returns what ends it.
func (c *city) traced(t *trace.Tracer) (end func()) {
	for _, r := range c.all() {
		r.runner.Traces = t
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTraces)
		defer cancel()
		_ = t.Close(ctx) // what could not be told is in the log
	}
}
