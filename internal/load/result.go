package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Times are kept from a microsecond to ten minutes with three digits.
const (
	shortest = 1
	longest  = int64(10 * time.Minute / time.Microsecond)
	digits   = 3
)

// Result is what a run found. It is kept as JSON.
type Result struct {
	At      time.Time     `json:"at"`
	Machine Machine       `json:"machine"`
	City    City          `json:"city"`
	Mix     string        `json:"mix"`
	Clients int           `json:"clients,omitempty"` // of a closed loop
	Rate    float64       `json:"rate,omitempty"`    // of an open one
	Warm    time.Duration `json:"warm_ns"`
	Took    time.Duration `json:"took_ns"`
	Kinds   []Measured    `json:"kinds"`
	Bases   []Base        `json:"baselines,omitempty"`
}

// Measured is what one kind of traffic did.
type Measured struct {
	Kind   Kind              `json:"kind"`
	Errors map[string]int    `json:"errors,omitempty"` // by what was wrong
	First  map[string]string `json:"first,omitempty"`  // the first error of each
	Times  Times             `json:"times"`
}

// Base is one baseline of the same run, or what is held against it.
type Base struct {
	Name      string    `json:"name"`
	PerSecond float64   `json:"per_second"`      // the median of the turns
	Turns     []float64 `json:"turns,omitempty"` // of each, in their order
	// Server is how many seconds of processor time a change cost the database server; 0 where that could not be seen.
	Server float64 `json:"server_seconds,omitempty"`
}

// Times is a histogram of how long answers took, in microseconds.
type Times struct{ h *hdrhistogram.Histogram }

func newTimes() Times { return Times{hdrhistogram.New(shortest, longest, digits)} }

// record takes a time in; what is longer than can be kept is kept as the longest.
func (t Times) record(d time.Duration) {
	us := min(max(d.Microseconds(), shortest), longest)
	_ = t.h.RecordValue(us) // fails outside the bounds only
}

// Count is how many answers were counted.
func (t Times) Count() int64 {
	if t.h == nil {
		return 0
	}
	return t.h.TotalCount()
}

// At is the time within which this share of the answers came: At(99) is p99.
func (t Times) At(percent float64) time.Duration {
	if t.Count() == 0 {
		return 0
	}
	return time.Duration(t.h.ValueAtPercentile(percent)) * time.Microsecond
}

// Max is the longest.
func (t Times) Max() time.Duration {
	if t.Count() == 0 {
		return 0
	}
	return time.Duration(t.h.Max()) * time.Microsecond
}

// MarshalJSON writes the figures for people, and the whole histogram for whoever goes on with it.
func (t Times) MarshalJSON() ([]byte, error) {
	raw, err := t.h.EncodeV2()
	if err != nil {
		return nil, err
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return json.Marshal(keptTimes{Count: t.Count(), P50: ms(t.At(50)), P90: ms(t.At(90)), P99: ms(t.At(99)), P999: ms(t.At(99.9)), Max: ms(t.Max()), Histogram: raw})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (t *Times) UnmarshalJSON(raw []byte) error {
	var k keptTimes
	if err := json.Unmarshal(raw, &k); err != nil {
		return err
	}
	h, err := hdrhistogram.Decode(k.Histogram)
	if err != nil {
		return fmt.Errorf("a histogram does not read: %w", err)
	}
	t.h = h
	return nil
}

// keptTimes is the stored form of Times. Fields may be added; histogram is in the V2 format of HdrHistogram.
type keptTimes struct {
	Count     int64   `json:"count"`
	P50       float64 `json:"p50_ms"`
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p999_ms"`
	Max       float64 `json:"max_ms"`
	Histogram []byte  `json:"histogram"`
}

// Wrong is how many answers were not what was asked for.
func (r *Result) Wrong() (n int) {
	for _, m := range r.Kinds {
		for _, k := range m.Errors {
			n += k
		}
	}
	return n
}

// Of is what a kind did; the zero Measured when it was not asked for.
func (r *Result) Of(k Kind) Measured {
	i := slices.IndexFunc(r.Kinds, func(m Measured) bool { return m.Kind == k })
	if i < 0 {
		return Measured{Kind: k}
	}
	return r.Kinds[i]
}

// PerSecond is how many right answers of a kind came in a second.
func (r *Result) PerSecond(k Kind) float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Of(k).Times.Count()) / r.Took.Seconds()
}

// Base is a baseline of the run by its name; all zero when it was not measured.
func (r *Result) Base(name string) Base {
	i := slices.IndexFunc(r.Bases, func(b Base) bool { return b.Name == name })
	if i < 0 {
		return Base{}
	}
	return r.Bases[i]
}

// Save writes the result to a file.
func (r *Result) Save(file string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o600)
}

// Read reads what Save wrote.
func Read(file string) (*Result, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s is no saved result of comity bench run: %w", file, err)
	}
	return r, nil
}

// Ratio holds one kind of a run against another run's: below 1 in times is faster, below 1 in rate is fewer.
type Ratio struct {
	Kind                     Kind
	P50, P99, Max, PerSecond float64
}

// Compare holds a run against an earlier one, kind by kind; kinds that one of them lacks are left out.
func Compare(now, then *Result) (out []Ratio) {
	over := func(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }
	for _, m := range now.Kinds {
		old := then.Of(m.Kind)
		if m.Times.Count() == 0 || old.Times.Count() == 0 {
			continue
		}
		out = append(out, Ratio{Kind: m.Kind, P50: over(m.Times.At(50), old.Times.At(50)), P99: over(m.Times.At(99), old.Times.At(99)), Max: over(m.Times.Max(), old.Times.Max()),
			PerSecond: now.PerSecond(m.Kind) / then.PerSecond(m.Kind)})
	}
	return out
}

// recorder takes in answers from many clients.
type recorder struct {
	from  time.Time // what was meant to be asked before is not counted
	mu    sync.Mutex
	kinds map[Kind]*Measured
}

func newRecorder(from time.Time) *recorder { return &recorder{from: from, kinds: map[Kind]*Measured{}} }

// wrongAnswer is an answer that is not what was asked for. Kind is a word or two that does not change.
type wrongAnswer struct{ kind, text string }

func (w *wrongAnswer) Error() string { return w.kind + ": " + w.text }

// note takes in one answer. An error counts even while it warms up: a city that answers wrongly then is not fit to be
// measured.
func (r *recorder) note(k Kind, at time.Time, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.kinds[k]
	if m == nil {
		m = &Measured{Kind: k, Errors: map[string]int{}, First: map[string]string{}, Times: newTimes()}
		r.kinds[k] = m
	}
	if err != nil {
		what := "no answer"
		var wrong *wrongAnswer
		if errors.As(err, &wrong) {
			what = wrong.kind
		}
		m.Errors[what]++
		if m.First[what] == "" {
			m.First[what] = strings.TrimSpace(err.Error())
		}
		return
	}
	if !at.Before(r.from) {
		m.Times.record(took)
	}
}

func (r *recorder) result(o Options, took time.Duration) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Result{Mix: o.Mix.String(), Rate: o.Rate, Warm: o.Warm, Took: took}
	if o.Rate == 0 {
		out.Clients = o.Clients
	}
	for _, k := range Kinds() {
		if m := r.kinds[k]; m != nil {
			out.Kinds = append(out.Kinds, *m)
		}
	}
	return out
}
