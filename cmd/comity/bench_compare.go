package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"comity/internal/load"
	"comity/internal/text"
)

const benchCompareExamples = `  comity bench compare --pack demo --small ./city-10k --large ./city-1m
    (two data folders made by comity bench seed; each is served by a process of its own, and asked in turns)
  comity bench compare --pack demo --small ./city-10k --small-db postgres://… --large ./city-1m --large-db postgres://… --save scale.json
`

// scaleFlags say how two cities are compared.
type scaleFlags struct {
	turns, clients, changes, clocks int
	turn, within                    time.Duration
}

// runBenchCompare asks a small and a large city in turns, and holds the large one's figures against the small one's.
func runBenchCompare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("bench compare", "Asks two cities that were made for measuring in turns: what a page costs, a change, a start, a clock that runs out, and memory, in the large one over the small one.", benchCompareExamples, stderr)
	var s scaleFlags
	small, smallDB := f.String("small", "", "data folder of the small city"), f.String("small-db", "", "its database, where that is not in the folder")
	large, largeDB := f.String("large", "", "data folder of the large city"), f.String("large-db", "", "its database, where that is not in the folder")
	pack := f.String("pack", os.Getenv("COMITY_PACK"), "pack of both: a folder, or the name of one in the program")
	f.IntVar(&s.turns, "turns", 5, "how often the two take turns; medians are over turns")
	f.DurationVar(&s.turn, "turn", 10*time.Second, "how long one is asked in its turn")
	f.IntVar(&s.clients, "clients", 2, "clients that ask at once: few, so that pages are measured and not how they wait for each other")
	f.IntVar(&s.changes, "changes", 200, "cases opened and acted upon in each turn")
	f.IntVar(&s.clocks, "clocks", 5, "clocks whose running out is waited for, one after the other")
	f.DurationVar(&s.within, "within", 10*time.Minute, "how long a server may take to start")
	save := f.String("save", "", "file to keep the result in, as JSON")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	if err := parse(f, args); err != nil {
		return err
	}
	if *small == "" || *large == "" || f.NArg() > 0 {
		return usagef("name two data folders with --small and --large; comity bench seed makes them")
	}
	if s.turns < 1 || s.clients < 1 || s.turn <= 0 || s.changes < 1 || s.clocks < 0 {
		return usagef("--turns, --turn, --clients and --changes need more than 0")
	}
	self, err := thisProgram()
	if err != nil {
		return err
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	m := measuring{say: words.In(langOf(*lang)), out: stdout, log: errorsTo(stderr)}
	got, err := m.scale(ctx, self, cityAt(*pack, *small, *smallDB), cityAt(*pack, *large, *largeDB), s)
	if err != nil {
		return err
	}
	m.tellScale(got)
	if *save != "" {
		if err := got.Save(*save); err != nil {
			return err
		}
	}
	if got.Wrong > 0 {
		return fmt.Errorf("%d answers were not what was asked for; comity bench run on either city shows which", got.Wrong)
	}
	return nil
}

// thisProgram is the one that runs.
func thisProgram() (load.Program, error) {
	path, err := os.Executable()
	return load.Program{Path: path}, err
}

// serveCity serves a city in a process of its own.
func serveCity(ctx context.Context, self load.Program, cf cityFlags, within time.Duration) (*load.Server, error) {
	return self.Serve(ctx, "/readyz", within, "serve", "--pack", *cf.pack, "--data", *cf.data, "--db", *cf.db, "--suite", *cf.suite, "--keys", keysFolder(cityConfig{Data: *cf.data, Keys: *cf.keys}))
}

// cityAt are the flags of a city in a folder.
func cityAt(pack, data, db string) cityFlags {
	none := ""
	suite := "std"
	return cityFlags{db: &db, data: &data, pack: &pack, base: &none, keys: &none, suite: &suite, witness: &none, archive: &none, maps: &none, post: &none, files: &none}
}

// side is one of the two cities.
type side struct {
	cf     cityFlags
	c      *city
	server *load.Server
	people *load.People
	figure func(*load.Pair) *[]float64
}

// scale compares two cities. Whatever is measured, one follows the other within seconds.
func (m measuring) scale(ctx context.Context, self load.Program, small, large cityFlags, s scaleFlags) (out *load.Scale, err error) {
	out = &load.Scale{At: time.Now().UTC().Truncate(time.Second), Machine: load.Here(), Clients: s.clients, Turns: s.turns, Turn: s.turn}
	sides := []*side{
		{cf: small, figure: func(p *load.Pair) *[]float64 { return &p.Small }},
		{cf: large, figure: func(p *load.Pair) *[]float64 { return &p.Large }},
	}
	defer func() {
		for _, x := range sides {
			err = errors.Join(err, x.close())
		}
	}()
	facts := []*load.City{&out.Small, &out.Large}
	for i, x := range sides {
		if x.c, err = m.open(ctx, x.cf, false); err != nil {
			return nil, fmt.Errorf("%s: %w", *x.cf.data, err)
		}
		if *facts[i], err = load.Describe(ctx, x.c.db); err != nil {
			return nil, err
		}
	}
	steps := []func(context.Context, load.Program, []*side, scaleFlags, *load.Scale) error{starts, m.changes, m.pages, m.clocks}
	for _, step := range steps {
		if err := step(ctx, self, sides, s, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (x *side) close() (err error) {
	if x.server != nil {
		err, x.server = x.server.Close(), nil
	}
	if x.c != nil {
		err, x.c = errors.Join(err, x.c.Close()), nil
	}
	return err
}

// add notes a figure of a side.
func (x *side) add(p *load.Pair, figure float64) {
	list := x.figure(p)
	*list = append(*list, figure)
}

// settled is how long after a start nobody asks: what reading packs took is given back, and the clocks and messages that
// fell due while the city was closed are done.
const settled = 8 * time.Second

// starts starts both servers several times, and looks how much memory each holds when nobody asks.
func starts(ctx context.Context, self load.Program, sides []*side, s scaleFlags, out *load.Scale) error {
	var bare []float64
	for range s.turns {
		began := time.Now()
		if err := self.Command(ctx, "version").Run(); err != nil {
			return err
		}
		bare = append(bare, time.Since(began).Seconds())
		for _, x := range sides {
			server, err := serveCity(ctx, self, x.cf, s.within)
			if err != nil {
				return err
			}
			x.add(&out.Start, server.Ready.Seconds())
			if err := pause(ctx, settled); err != nil {
				return errors.Join(err, server.Close())
			}
			x.add(&out.Idle, server.Memory())
			if err := server.Close(); err != nil {
				return err
			}
		}
	}
	out.Process = load.Median(bare)
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// changes opens and acts upon cases in both.
func (m measuring) changes(ctx context.Context, _ load.Program, sides []*side, s scaleFlags, out *load.Scale) error {
	const clients = 8
	for turn := range s.turns + 1 {
		for _, x := range sides {
			took, err := load.Changes(ctx, roomsOf(x.c), clients, s.changes)
			if err != nil {
				return err
			}
			if turn > 0 { // the first one warms up
				x.add(&out.Door, took.Seconds()/float64(s.changes))
			}
		}
	}
	return nil
}

// fullList is how many cases stand in each list that is compared: more than a page shows, so that both cities are asked
// for pages of one length. A short page is quicker than a full one, however much lies behind it.
const fullList = 60

// pages asks both servers for pages, in turns, and watches their memory meanwhile.
func (m measuring) pages(ctx context.Context, self load.Program, sides []*side, s scaleFlags, out *load.Scale) (err error) {
	mix := load.Reads()
	for _, x := range sides {
		if x.server, err = serveCity(ctx, self, x.cf, s.within); err != nil {
			return err
		}
		if x.people, err = load.Prepare(ctx, roomsOf(x.c), x.server.Address, load.Crew{Tokens: 1, First: 100, Pages: 2000, Rows: fullList}); err != nil {
			return err
		}
		maps.DeleteFunc(mix, func(k load.Kind, _ int) bool { return x.people.Lacks(k) })
	}
	for _, l := range load.Levels {
		for _, x := range sides {
			if p := out.Page(load.List(l)); mix[p.Kind] > 0 {
				p.Rows = append(p.Rows, x.people.Rows(p.Kind))
			}
		}
	}
	for turn := range s.turns + 1 {
		for _, x := range sides {
			busy, stop := watch(x.server)
			o := load.Options{Mix: mix, Clients: s.clients, Duration: s.turn, Warm: s.turn / 5, Seed: uint64(turn)}
			r, err := load.Run(ctx, x.server.Address, x.people, o)
			stop()
			if err != nil {
				return err
			}
			out.Wrong += r.Wrong()
			if turn == 0 { // the first one warms up
				continue
			}
			x.add(&out.Busy, *busy)
			for _, k := range r.Kinds {
				x.add(out.Page(k.Kind), k.Times.At(99).Seconds())
			}
		}
	}
	for _, x := range sides {
		if err := x.server.Close(); err != nil {
			return err
		}
		x.server = nil
	}
	return nil
}

// watch keeps the most memory that is seen until it is stopped.
func watch(s *load.Server) (most *float64, stop func()) {
	most = new(float64)
	end := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			*most = max(*most, s.Memory())
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	})
	return most, func() { close(end); wait.Wait() }
}

// clocks lets single clocks run out in both, among all others, while the city does its own work.
func (m measuring) clocks(ctx context.Context, _ load.Program, sides []*side, s scaleFlags, out *load.Scale) error {
	for _, x := range sides {
		late, err := x.c.lateness(ctx, s.clocks)
		if err != nil {
			return err
		}
		for _, d := range late {
			x.add(&out.Late, d.Seconds())
		}
	}
	return nil
}

// lateness brings the clock of a city to some seconds before the next clock of a case runs out, and waits for its
// event, so many times. The events stand in the log with times that are yet to come, which is why such a city is for
// measuring alone.
func (c *city) lateness(ctx context.Context, times int) (out []time.Duration, err error) {
	const before = 3 * time.Second
	if err := c.Due(ctx); err != nil { // what has run out long ago
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	defer func() { cancel(); wait.Wait() }()
	for range times {
		due, err := c.ledger.NextTimer(ctx)
		if err != nil {
			return nil, err
		}
		if due.IsZero() {
			return out, nil
		}
		c.clock.Advance(due.Sub(c.clock.Now()) - before)
		if len(out) == 0 {
			wait.Go(func() { c.Work(ctx) })
		}
		late, err := c.answered(ctx, due)
		if err != nil {
			return nil, err
		}
		out = append(out, late)
	}
	return out, nil
}

// answered waits until the clock that is due then was answered, and tells how late that was; one that is not answered
// is as late as was waited.
func (c *city) answered(ctx context.Context, due time.Time) (time.Duration, error) {
	const patience = 30 * time.Second
	for {
		next, err := c.ledger.NextTimer(ctx)
		now := c.clock.Now()
		switch {
		case err != nil:
			return 0, err
		case next.IsZero() || next.After(due):
			return max(0, now.Sub(due)), nil
		case now.Sub(due) > patience:
			return patience, nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// tellScale prints a comparison.
func (m measuring) tellScale(s *load.Scale) {
	say := m.say.T
	fmt.Fprintln(m.out, say("bench.machine", "cores", fmt.Sprint(s.Machine.Cores), "system", s.Machine.System, "go", s.Machine.Go, "busy", ratio(s.Machine.Busy)))
	for _, c := range []load.City{s.Small, s.Large} {
		fmt.Fprintln(m.out, say("bench.city", "engine", c.Version, "settings", settingsOf(c), "cases", fmt.Sprint(c.Cases), "events", fmt.Sprint(c.Events)))
	}
	fmt.Fprintln(m.out, say("bench.scale", "turns", fmt.Sprint(s.Turns)))
	w := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, say("bench.col.what")+"\t"+say("bench.col.small")+"\t"+say("bench.col.large")+"\t"+say("bench.col.ratio")+"\t"+say("bench.col.bound"))
	for _, l := range scaleLines(s) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", say("bench.scale."+l.what, "kind", l.kind), l.small, l.large, l.ratio, l.bound)
	}
	w.Flush()
}

// scaleLine is one line of a comparison, without words.
type scaleLine struct{ what, kind, small, large, ratio, bound string }

// scaleLines are the figures of a comparison, with what is promised beside them.
func scaleLines(s *load.Scale) (out []scaleLine) {
	line := func(what, kind string, p load.Pair, factor float64, digits int, bound string) {
		if len(p.Small)+len(p.Large) == 0 {
			return
		}
		l := scaleLine{what: what, kind: kind, small: figure(load.Median(p.Small)*factor, digits), large: figure(load.Median(p.Large)*factor, digits), ratio: "–", bound: bound}
		if r, least, most := p.Ratio(); r > 0 {
			l.ratio = fmt.Sprintf("%s [%s..%s]", ratio(r), ratio(least), ratio(most))
		}
		out = append(out, l)
	}
	for _, p := range s.Pages {
		bound := "≤ 1.30"
		if p.Kind == load.Search {
			bound = "–"
		}
		line("page", string(p.Kind), p, 1000, 1, bound)
	}
	line("door", "", s.Door, 1000, 2, "≈ 1")
	line("start", "", s.Start, 1, 2, "< 1 s")
	line("idle", "", s.Idle, 1, 0, "< 100 MB")
	line("busy", "", s.Busy, 1, 0, "< 600 MB")
	line("late", "", s.Late, 1, 2, "< 1 s")
	return out
}

func figure(f float64, digits int) string { return strconv.FormatFloat(f, 'f', digits, 64) }
