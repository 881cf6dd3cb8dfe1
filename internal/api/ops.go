package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"comity/internal/authz"
	"comity/internal/db"
)

// Ops answers the pages machines look at: is the process there, can it work, how busy is it. Nothing
// in it names a person, a case or a unit.
type Ops struct {
	a       *API
	set     *metrics.Set
	probing atomic.Bool
}

func newOps(a *API) *Ops { return &Ops{a: a, set: metrics.NewSet()} }

// readyLimit bounds how long the database and the writer may take to answer.
const readyLimit = 2 * time.Second

func (o *Ops) register(mux Router) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { word(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", o.ready)
	if o.a.Metrics {
		mux.HandleFunc("GET /metrics", o.metrics)
	}
}

func word(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, s)
}

// Observe counts one request. route is a pattern, never an address, so that no code or number of a
// case becomes a label.
func (o *Ops) Observe(route string, status int, took time.Duration) {
	o.set.GetOrCreateCounter(fmt.Sprintf(`comity_http_requests_total{route=%q,status="%d"}`, route, status)).Inc()
	o.set.GetOrCreatePrometheusHistogram(fmt.Sprintf(`comity_http_request_seconds{route=%q}`, route)).Update(took.Seconds())
}

func (o *Ops) ready(w http.ResponseWriter, r *http.Request) {
	if o.a.Unready != nil {
		if why := o.a.Unready(); why != "" { // it may well still answer; it is asked not to be sent more
			word(w, http.StatusServiceUnavailable, why)
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	if err := o.a.DB.Ping(ctx); err != nil {
		o.a.Log.Error("not ready: the database does not answer", "error", err)
		word(w, http.StatusServiceUnavailable, "database")
		return
	}
	if err := o.writer(ctx); err != nil {
		o.a.Log.Error("not ready: the writer does not answer", "error", err)
		word(w, http.StatusServiceUnavailable, "writer")
		return
	}
	word(w, http.StatusOK, "ready")
}

var errBusyWriter = errors.New("an earlier probe has not been answered")

// writer sends a row of its own through the whole line: a disk that is full or read only takes every command that is
// refused anyway. At most one such probe is under way, so that a stuck writer does not gather goroutines.
func (o *Ops) writer(ctx context.Context) error {
	if !o.probing.CompareAndSwap(false, true) {
		return errBusyWriter
	}
	answer := make(chan error, 1)
	go func() {
		defer o.probing.Store(false)
		answer <- o.a.Ledger.Probe(ctx)
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Ops) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	o.set.WritePrometheus(w)
	for _, c := range o.a.Journal.Counts() {
		metrics.WriteCounterUint64(w, fmt.Sprintf(`comity_refused_total{event=%q}`, c.Event), c.N)
	}
	s := o.a.Ledger.Stats()
	metrics.WriteCounterUint64(w, "comity_commands_total", uint64(s.Commands))
	metrics.WriteCounterUint64(w, "comity_commands_refused_total", uint64(s.Refused))
	metrics.WriteCounterUint64(w, "comity_batches_total", uint64(s.Batches))
	metrics.WriteCounterUint64(w, "comity_db_retries_total", uint64(s.Retries))
	if err := o.gauges(r.Context(), w); err != nil {
		o.a.Log.Error("some figures are missing from the metrics", "error", err)
		metrics.WriteGaugeUint64(w, "comity_metrics_incomplete", 1)
	}
}

func (o *Ops) gauges(ctx context.Context, w http.ResponseWriter) error {
	p := o.a.Packs.Current()
	now := o.a.Now().In(p.Zone)
	tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, p.Zone)
	counts, err := o.a.Reader.Counts(ctx, authz.Machine().Scope(), p.Units.Root(), tomorrow)
	if err != nil {
		return err
	}
	metrics.WriteGaugeUint64(w, "comity_cases_open", uint64(counts.Open))
	metrics.WriteGaugeUint64(w, "comity_cases_overdue", uint64(counts.Overdue))
	next, err := o.a.Ledger.NextTimer(ctx)
	if err != nil {
		return err
	}
	var lag float64
	if !next.IsZero() {
		lag = max(0, now.Sub(next).Seconds())
	}
	metrics.WriteGaugeFloat64(w, "comity_timer_lag_seconds", lag)
	if o.a.DB.Engine() == db.SQLite {
		metrics.WriteGaugeUint64(w, "comity_database_log_bytes", uint64(o.a.DB.Unwritten()))
	} else {
		line := o.a.DB.Listening()
		metrics.WriteGaugeUint64(w, "comity_listening", uint64(db.Flag(line.Up)))
		metrics.WriteCounterUint64(w, "comity_wakes_sent_total", uint64(line.Sent))
		metrics.WriteCounterUint64(w, "comity_wakes_heard_total", uint64(line.Heard))
		metrics.WriteCounterUint64(w, "comity_listening_lost_total", uint64(line.Lost))
	}
	found, err := o.a.Reader.Findings(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		metrics.WriteGaugeUint64(w, fmt.Sprintf("comity_invariant{name=%q}", f.Name), uint64(f.Count))
	}
	if len(found) > 0 {
		metrics.WriteGaugeFloat64(w, "comity_invariants_age_seconds", max(0, now.Sub(found[0].At).Seconds()))
	}
	fail := o.followed(w, now) // which takes none of the others along
	if o.a.Jobs == nil {
		return fail
	}
	dead, err := o.a.Jobs.CountDead(ctx)
	if err != nil {
		return errors.Join(fail, err)
	}
	metrics.WriteGaugeUint64(w, "comity_jobs_dead", uint64(dead))
	return fail
}

// followed tells how old the newest state is that a backup has.
func (o *Ops) followed(w http.ResponseWriter, now time.Time) error {
	if o.a.Followed == nil {
		return nil
	}
	at, err := o.a.Followed()
	if err == nil && !at.IsZero() {
		metrics.WriteGaugeFloat64(w, "comity_backup_age_seconds", max(0, now.Sub(at).Seconds()))
	}
	return err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
