// Command bench measures what Comity promises about speed, each figure as a ratio to a baseline of
// the same run: rounds are interleaved, medians and extremes are shown. A ratio survives a busy or a
// slower machine; an absolute rate does not.
//
// It refuses to judge: no figure decides its exit code, which is not zero only when something could
// not be measured at all.
//
// How cases are opened and acted upon, what a loop is that writes the same rows, and how a server is started, is
// internal/load's, which `comity bench` measures whole cities with. Here is what needs no city, or one of rows alone.
//
// Open this file first; door.go (changes through the door), nodes.go (the same on PostgreSQL, over a network, by several nodes), pages.go (lists of a large city),
// search.go (first pages of a search in a large city), alike.go (which reports may repeat another), trust.go (what looks, keyed
// search and the log cost), start.go (the built program), kernel.go, schedule.go, stat.go and places.go (figures without a
// database), dossier.go (a case file as PDF/A), open311.go
// (reports of other programs against the JSON API). All SQL is in store.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	quick   bool
	only    string
	cases   int // per round of the door
	rounds  int
	clients int
	n       int // open cases of the large city
	small   int // open cases of the small one
	pages   int // pages of each kind and round
	played  int // cases of the demonstration that the program is started on
	keep    string
	profile string
	server  string // address of a PostgreSQL database
	latency time.Duration
	nodes   int
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "small sizes: under a minute, for a first look")
	flag.StringVar(&o.only, "only", "", "comma-separated parts to run: kernel, schedule, stat, places, dossier, door, nodes, open311, trust, start, pages, alike, search (default: all)")
	flag.IntVar(&o.cases, "cases", 1000, "cases opened and acted upon per round")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; medians are over rounds")
	flag.IntVar(&o.clients, "clients", 8, "clients at the door at once")
	flag.IntVar(&o.n, "n", 1_000_000, "open cases of the large city")
	flag.IntVar(&o.small, "small", 10_000, "open cases of the small city")
	flag.IntVar(&o.pages, "pages", 200, "pages of each kind and round")
	flag.IntVar(&o.played, "played", 5000, "cases of the demonstration year the program is started on")
	flag.StringVar(&o.keep, "keep", "", "folder for the databases; kept, and cities found there are used again (default: a temporary one)")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the parts `door` and trust to this file; name one of them with --only")
	flag.StringVar(&o.server, "postgres", "", "postgres:// address of an empty database: looks, and changes through the door, are measured there too")
	flag.DurationVar(&o.latency, "latency", 500*time.Microsecond, "how long a round trip to that database takes in the part nodes")
	flag.IntVar(&o.nodes, "nodes", 4, "how many doors stand before one database in the part nodes")
	flag.Parse()
	if o.quick {
		o.cases, o.rounds, o.n, o.pages, o.played = 500, 3, 100_000, 100, 300
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir := o.keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "comity-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	t := &table{}
	parts := []struct {
		name string
		run  func(context.Context, options, string, *table) error
	}{{"kernel", kernel}, {"schedule", scheduling}, {"stat", statistics}, {"places", placesPart}, {"dossier", dossier}, {"door", door}, {"nodes", nodes}, {"open311", geoReport}, {"trust", trust}, {"start", start}, {"pages", pages}, {"alike", likely}, {"search", search}}
	began := time.Now()
	for _, p := range parts {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), p.name) {
			continue
		}
		at := time.Now()
		if err := p.run(ctx, o, dir, t); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s measured in %s\n", p.name, time.Since(at).Round(time.Second))
	}
	t.print()
	fmt.Printf("\nIn %s. Medians of rounds, least..most in brackets; a ratio compares with the baseline of the same round.\n",
		time.Since(began).Round(time.Second))
	return nil
}

// table is what is printed at the end.
type table struct{ lines [][]string }

// row adds one line; empty cells are for figures that stand alone.
func (t *table) row(what, value, baseline, ratio, aim, met string) {
	t.lines = append(t.lines, []string{what, value, baseline, ratio, aim, met})
}

func (t *table) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tvalue\tbaseline\tratio\taim\tmet")
	for _, l := range t.lines {
		fmt.Fprintln(w, strings.Join(l, "\t"))
	}
	w.Flush()
}

// series is one figure per round.
type series []float64

func (s series) median() float64 {
	c := slices.Sorted(slices.Values(s))
	if len(c) == 0 {
		return 0
	}
	return (c[(len(c)-1)/2] + c[len(c)/2]) / 2
}

func (s series) String() string { return s.format("%.2f") }

func (s series) format(f string) string {
	if len(s) == 0 {
		return "–"
	}
	return fmt.Sprintf(f+" ["+f+".."+f+"]", s.median(), slices.Min(s), slices.Max(s))
}

// over divides round by round.
func (s series) over(base series) series {
	out := make(series, min(len(s), len(base)))
	for i := range out {
		out[i] = s[i] / base[i]
	}
	return out
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "no"
}
