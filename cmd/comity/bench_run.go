package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"comity/internal/account"
	"comity/internal/ledger"
	"comity/internal/load"
	"comity/internal/text"
)

const benchRunExamples = `  comity bench run --pack demo --data ./measured --mark
    (an empty folder becomes a city for measuring, is opened in this process and loaded for half a minute by 16 clients)
  comity bench run --pack demo --data ./measured --rate 200 --for 2m --save after.json --compare before.json
    (200 questions a second, whatever the answers do; how long each waited counts from when it was due)
  comity bench run --pack demo --data ./measured --mix create=1,act=1 --baseline 2000
    (cases alone, held against a bare loop that writes the same rows, and against pgbench on PostgreSQL)
  comity bench run --pack demo --data ./measured --at http://127.0.0.1:8311
    (a server that runs already on the same database)
`

// loadFlags say how a city is loaded.
type loadFlags struct {
	mix                        *string
	clients, most              *int
	rate                       *float64
	warm, long                 *time.Duration
	seed                       *uint64
	tokens, first, pages, base *int
	nodes                      *int
}

func addLoadFlags(f *flag.FlagSet) loadFlags {
	usual := load.Usual()
	return loadFlags{
		mix:     f.String("mix", "", "how often each kind of traffic is asked for, relative to the others (default: "+usual.String()+")"),
		clients: f.Int("clients", 16, "clients, each of which asks again when it has its answer"),
		rate:    f.Float64("rate", 0, "questions a second, whatever the answers do; 0 = --clients ask in turn"),
		most:    f.Int("most", 1024, "with --rate: questions that may be under way at once"),
		warm:    f.Duration("warm", 3*time.Second, "how long it is loaded before anything is counted"),
		long:    f.Duration("for", 30*time.Second, "how long is counted"),
		seed:    f.Uint64("seed", 1, "another number asks other things"),
		tokens:  f.Int("tokens", 128, "tokens for the API, each of which may ask ten times a second"),
		first:   f.Int("first", 200, "cases opened before anything is counted, to be followed and acted upon"),
		pages:   f.Int("pages", 600, "cases that each desk opens in turn"),
		nodes:   f.Int("nodes", 4, "with --baseline on PostgreSQL: processes that share one database; 0 = none"),
		base:    f.Int("baseline", 0, "cases opened and acted upon to compare with the same rows written by a bare loop, and by pgbench; 0 = no comparison"),
	}
}

func (l loadFlags) options() (load.Options, error) {
	o := load.Options{Clients: *l.clients, Rate: *l.rate, Most: *l.most, Warm: *l.warm, Duration: *l.long, Seed: *l.seed}
	for _, n := range []struct {
		flag  string
		value float64
	}{{"clients", float64(*l.clients)}, {"most", float64(*l.most)}, {"for", float64(*l.long)}, {"tokens", float64(*l.tokens)}, {"first", float64(*l.first)}, {"pages", float64(*l.pages)}} {
		if n.value <= 0 {
			return o, usagef("--%s: give more than 0", n.flag)
		}
	}
	if *l.rate < 0 || *l.warm < 0 || *l.base < 0 || *l.nodes < 0 {
		return o, usagef("--rate, --warm, --baseline and --nodes cannot be below 0")
	}
	if *l.mix != "" {
		mix, err := load.ParseMix(*l.mix)
		if err != nil {
			return o, usagef("--mix: %v", err)
		}
		o.Mix = mix
	}
	return o, nil
}

func (l loadFlags) crew() load.Crew {
	return load.Crew{Tokens: *l.tokens, First: *l.first, Pages: *l.pages}
}

// runBenchRun loads a city and tells how it answered.
func runBenchRun(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("bench run", "Loads a city that was made for measuring: cases are opened, acted upon, listed, looked at, followed and searched for, and every answer is checked. Exit status 1 if one was wrong.", benchRunExamples, stderr)
	at := f.String("at", "", "address of a server that runs on this very database; without it the city is opened and served in this process")
	mark := f.Bool("mark", false, "make an empty city one for measuring, for ever")
	save := f.String("save", "", "file to keep the result in, as JSON")
	compare := f.String("compare", "", "file of an earlier result to hold this one against")
	profile := f.String("cpuprofile", "", "file for where processor time goes while it is loaded, to be read with go tool pprof; without --at, since a server elsewhere is another process")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	lf, cf := addLoadFlags(f), addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	o, err := lf.options()
	if err != nil {
		return err
	}
	if *profile != "" && *at != "" {
		return usagef("--cpuprofile sees this process alone: leave --at out")
	}
	if f.NArg() > 0 {
		return usagef("bench run takes flags alone; --help shows them")
	}
	var then *load.Result
	if *compare != "" {
		if then, err = load.Read(*compare); err != nil {
			return err
		}
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	m := measuring{say: words.In(langOf(*lang)), out: stdout, log: errorsTo(stderr)}
	c, err := m.open(ctx, cf, *mark)
	if err != nil {
		return err
	}
	defer c.Close()
	var r *load.Result
	err = load.Profiled(*profile, func() error {
		r, err = m.load(ctx, c, *at, o, lf.crew())
		return err
	})
	if err != nil {
		return err
	}
	if *lf.base > 0 {
		self, err := thisProgram()
		if err != nil {
			return err
		}
		if r.Bases, err = load.Baselines(ctx, m.against(self, cf, c, lf)); err != nil {
			return err
		}
	}
	m.tell(r)
	if then != nil {
		m.over(r, then)
	}
	if *save != "" {
		if err := r.Save(*save); err != nil {
			return err
		}
	}
	return rightAnswers(r)
}

// turns is how often the door and its baselines take turns.
const turns = 3

// rightAnswers is the error of a run with wrong answers: figures of such a city say nothing.
func rightAnswers(r *load.Result) error {
	if n := r.Wrong(); n > 0 {
		return fmt.Errorf("%d answers were not what was asked for; see above, and put that right before any figure is believed", n)
	}
	return nil
}

// measuring is a city being measured.
type measuring struct {
	say text.Speaker
	out io.Writer
	log *slog.Logger
}

// errorsTo is a log that is written like that of a server, so that its cost is measured too, of which only errors are shown.
func errorsTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(onlyErrors{w}, nil)) }

type onlyErrors struct{ w io.Writer }

func (e onlyErrors) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("level=ERROR")) {
		return e.w.Write(line)
	}
	return len(line), nil
}

// open opens a city that is marked for measuring; with mark, an empty one becomes one. Passwords of its invented
// officers are hashed cheaply, or signing them in would be half of the work.
func (m measuring) open(ctx context.Context, cf cityFlags, mark bool) (*city, error) {
	c, err := cf.openWith(ctx, m.log, func(cfg *cityConfig) { cfg.Hashing = account.Cheap() })
	if err != nil {
		return nil, err
	}
	if mark {
		if err := ledger.MarkMeasuring(ctx, c.db); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	marked, err := ledger.Measuring(ctx, c.db)
	if err == nil && !marked {
		err = load.ErrNotMeasuring
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// load asks the city, at an address or, without one, in this process behind a server of its own.
func (m measuring) load(ctx context.Context, c *city, at string, o load.Options, crew load.Crew) (*load.Result, error) {
	if at == "" {
		address, stop, err := serveHere(ctx, c)
		if err != nil {
			return nil, err
		}
		defer stop()
		at = address
	}
	machine := load.Here()
	people, err := load.Prepare(ctx, roomsOf(c), at, crew)
	if err != nil {
		return nil, err
	}
	if len(o.Mix) == 0 { // what nobody is there to ask for is left out
		o.Mix = load.Usual()
		maps.DeleteFunc(o.Mix, func(k load.Kind, _ int) bool { return people.Lacks(k) })
	}
	facts, err := load.Describe(ctx, c.db)
	if err != nil {
		return nil, err
	}
	r, err := load.Run(ctx, at, people, o)
	if err != nil {
		return nil, err
	}
	r.At, r.Machine, r.City = time.Now().UTC().Truncate(time.Second), machine, facts
	return r, nil
}

func roomsOf(c *city) load.Rooms {
	return load.Rooms{DB: c.db, Ledger: c.ledger, Reader: c.reader, Accounts: c.accounts, Pack: c.packs.Current(), Now: c.clock.Now}
}

// serveHere serves a city on a free port of this machine, with everything it does beside answering.
func serveHere(ctx context.Context, c *city) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := serve(ctx, c, l, surfaceOptions{}, os.Stderr); err != nil {
			c.log.Error("the server ended", "error", err)
		}
	})
	return "http://" + l.Addr().String(), func() { cancel(); wait.Wait() }, nil
}

// settingsOf are the settings of a server on which its promises rest.
func settingsOf(c load.City) string {
	var set []string
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		set = append(set, name+"="+c.Settings[name])
	}
	return strings.Join(set, " ")
}

// millis is a time as tables show it.
func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
}

func ratio(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

// tell prints what a run found.
func (m measuring) tell(r *load.Result) {
	say := m.say.T
	fmt.Fprintln(m.out, say("bench.machine", "cores", fmt.Sprint(r.Machine.Cores), "system", r.Machine.System, "go", r.Machine.Go, "busy", ratio(r.Machine.Busy)))
	fmt.Fprintln(m.out, say("bench.city", "engine", r.City.Version, "settings", settingsOf(r.City), "cases", fmt.Sprint(r.City.Cases), "events", fmt.Sprint(r.City.Events)))
	if r.Rate > 0 {
		fmt.Fprintln(m.out, say("bench.open", "rate", ratio(r.Rate), "took", r.Took.Round(time.Second).String(), "mix", r.Mix))
	} else {
		fmt.Fprintln(m.out, say("bench.closed", "clients", fmt.Sprint(r.Clients), "took", r.Took.Round(time.Second).String(), "mix", r.Mix))
	}
	w := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, say("bench.col.kind")+"\t"+say("bench.col.count")+"\t"+say("bench.col.rate")+"\tp50\tp90\tp99\tp99.9\t"+say("bench.col.max")+"\t"+say("bench.col.wrong")+"\t")
	for _, k := range r.Kinds {
		n := 0
		for _, e := range k.Errors {
			n += e
		}
		t := k.Times
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\t%s\t%s\t%s\t%s\t%d\t\n", k.Kind, t.Count(), r.PerSecond(k.Kind), millis(t.At(50)), millis(t.At(90)), millis(t.At(99)), millis(t.At(99.9)), millis(t.Max()), n)
	}
	w.Flush()
	fmt.Fprintln(m.out, say("bench.unit"))
	m.bases(r)
	for _, k := range r.Kinds {
		for _, what := range slices.Sorted(maps.Keys(k.Errors)) {
			fmt.Fprintln(m.out, say("bench.wrong", "kind", string(k.Kind), "n", fmt.Sprint(k.Errors[what]), "what", what, "first", k.First[what]))
		}
	}
}

// bases prints changes a second, through the door and by HTTP, over what the same machine does without us.
func (m measuring) bases(r *load.Result) {
	if len(r.Bases) == 0 {
		return
	}
	fmt.Fprintln(m.out, m.say.T("bench.bases"))
	door, pages := r.Base(load.Door).PerSecond, r.PerSecond(load.Create)+r.PerSecond(load.Act)
	w := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', 0)
	for _, b := range r.Bases {
		server := ""
		if b.Server > 0 {
			server = m.say.T("bench.server", "ms", figure(1000*b.Server, 2))
		}
		if b.Name == load.Door || b.Name == load.Nodes {
			fmt.Fprintf(w, "  %s\t%.0f\t%s\t\n", m.say.T("bench.base."+b.Name), b.PerSecond, server)
			continue
		}
		over := m.say.T("bench.over", "door", ratio(door/b.PerSecond))
		if pages > 0 {
			over += m.say.T("bench.over.pages", "pages", ratio(pages/b.PerSecond))
		}
		fmt.Fprintf(w, "  %s\t%.0f\t%s\t%s\n", m.say.T("bench.base."+b.Name), b.PerSecond, server, over)
	}
	w.Flush()
}

// over prints a run held against an earlier one.
func (m measuring) over(now, then *load.Result) {
	fmt.Fprintln(m.out, m.say.T("bench.against", "at", then.At.Format(time.DateTime)))
	if now.Mix != then.Mix || now.Clients != then.Clients || now.Rate != then.Rate || now.City.Version != then.City.Version || now.Machine.Cores != then.Machine.Cores {
		fmt.Fprintln(m.out, m.say.T("bench.unlike"))
	}
	w := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, m.say.T("bench.col.kind")+"\tp50\tp99\t"+m.say.T("bench.col.max")+"\t"+m.say.T("bench.col.rate")+"\t")
	for _, x := range load.Compare(now, then) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", x.Kind, ratio(x.P50), ratio(x.P99), ratio(x.Max), ratio(x.PerSecond))
	}
	w.Flush()
}
