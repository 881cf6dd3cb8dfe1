// Package load measures a running city: mixed traffic over HTTP from many clients, how long each answer takes, and
// what the same machine does with the same rows without us.
//
// The life of a run: Prepare makes officers, tokens and the first cases in a city that is marked as one for measuring;
// Run asks for pages, opens cases and acts on them, in a closed loop (each client asks again when it has its answer) or
// an open one (questions come at a fixed rate, whatever the answers do, and waiting counts from the moment a question
// was due). Every answer is looked at: a page that is not the one asked for is an error of the run, however fast it
// came. A Result is kept as JSON, and two can be held against each other.
//
// It refuses a city that holds cases of people, and it refuses to judge: a figure is a ratio to something measured in
// the same run, and none decides whether a test passes.
//
// Open this file first, then traffic.go (what is asked and looked for), pace.go (the two loops), people.go (who asks),
// result.go (figures, kept and compared), bare.go (the same rows without us), pgbench.go (the same statements by the
// server's own tool), server.go (a program started as a server). All SQL is in store.go and store_rows.go.
package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/org"
)

// Kind is one kind of traffic.
type Kind string

// The kinds. A work list has one kind for each level of the administration.
const (
	Create Kind = "create" // a case is opened through the JSON API
	Form   Kind = "form"   // a resident fills in the form, looks it through, sends it and sees the receipt
	Act    Kind = "act"    // an officer's program does the usual first act on a case
	Page   Kind = "case"   // an officer opens a case: a logged look
	Follow Kind = "follow" // a resident opens the page behind a follow code
	Search Kind = "search" // an officer searches
)

// List is the work list as an officer of this level sees it.
func List(l org.Level) Kind { return Kind("list-" + l.String()) }

// Levels are the five levels, from the top.
var Levels = []org.Level{org.City, org.District, org.Street, org.Community, org.Group}

// Kinds lists every kind, in the order tables show them.
func Kinds() []Kind {
	out := []Kind{Create, Form, Act}
	for _, l := range Levels {
		out = append(out, List(l))
	}
	return append(out, Page, Follow, Search)
}

// Mix is how often each kind is asked for, relative to the others.
type Mix map[Kind]int

// Usual is the traffic of an ordinary day: much is read, and a case is acted upon about as often as one is opened.
func Usual() Mix {
	m := Mix{Create: 6, Form: 4, Act: 10, Page: 20, Follow: 20, Search: 5}
	for _, l := range Levels {
		m[List(l)] = 7
	}
	return m
}

// ParseMix reads what String writes: kind=weight, separated by commas. What is not named is not asked for.
func ParseMix(s string) (Mix, error) {
	m := Mix{}
	for part := range strings.SplitSeq(s, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(weight)
		if !slices.Contains(Kinds(), Kind(name)) || err != nil || n < 0 {
			return nil, fmt.Errorf("%q: write kind=weight with one of %s, such as create=1,act=1", part, strings.Join(names(), " "))
		}
		m[Kind(name)] = n
	}
	if m.total() == 0 {
		return nil, fmt.Errorf("%q: at least one kind needs a weight above 0", s)
	}
	return m, nil
}

func (m Mix) String() string {
	var parts []string
	for _, k := range Kinds() {
		if m[k] > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", k, m[k]))
		}
	}
	return strings.Join(parts, ",")
}

func (m Mix) total() (n int) {
	for w := range maps.Values(m) {
		n += w
	}
	return n
}

// pick is the kind that a number below the total stands for.
func (m Mix) pick(at int) Kind {
	for _, k := range Kinds() {
		if at -= m[k]; at < 0 {
			return k
		}
	}
	return ""
}

func names() (out []string) {
	for _, k := range Kinds() {
		out = append(out, string(k))
	}
	return out
}

// Options say how a city is asked.
type Options struct {
	Mix      Mix
	Clients  int           // of a closed loop
	Rate     float64       // questions a second of an open loop; 0 = closed
	Most     int           // questions of an open loop that may be under way at once
	Warm     time.Duration // asked and not counted
	Duration time.Duration
	Seed     uint64 // what is asked follows from it
}

// filled puts in what was left out.
func (o Options) filled() Options {
	if o.Mix.total() == 0 {
		o.Mix = Usual()
	}
	if o.Clients <= 0 {
		o.Clients = 16
	}
	if o.Most <= 0 {
		o.Most = 1024
	}
	if o.Duration <= 0 {
		o.Duration = 30 * time.Second
	}
	return o
}

// Run asks the city at an address (http://127.0.0.1:8311) and tells how it answered. An error is only what kept it
// from asking; wrong answers are in the result.
func Run(ctx context.Context, address string, people *People, o Options) (*Result, error) {
	o = o.filled()
	v := newVisitors(address, people, o)
	defer v.client.CloseIdleConnections()
	if err := v.able(); err != nil {
		return nil, err
	}
	began := time.Now()
	rec := newRecorder(began.Add(o.Warm))
	ask := func(n int, at time.Time) {
		kind, err := v.ask(ctx, n)
		if ctx.Err() == nil {
			rec.note(kind, at, time.Since(at), err)
		}
	}
	if o.Rate > 0 {
		openLoop(ctx, o.Rate, o.Warm+o.Duration, o.Most, ask)
	} else {
		closedLoop(ctx, o.Clients, o.Warm+o.Duration, ask)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return rec.result(o, time.Since(began.Add(o.Warm))), nil
}
