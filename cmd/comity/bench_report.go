package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"comity/internal/load"
	"comity/internal/procedure"
	"comity/internal/text"
)

const benchReportExamples = `  comity bench report --out docs/performance.md --sizes 10000,1000000
  comity bench report --out docs/performance.md --sizes 10000,10000000 --events 5 --dir /mnt/big --keep
    (short histories, where the disk holds no others; what was broken off goes on when the same command is given again)
  comity bench report --out docs/performance.md --sizes 10000,100000 --pg postgres://postgres@db.internal/postgres
    (PostgreSQL too: databases are created on that server and dropped again, by createdb and dropdb, which must be in PATH)
`

//go:embed performance.tmpl
var performancePage string

// reportFlags say what a report measures.
type reportFlags struct {
	pack, dir, pg, note   string
	sizes, pgSizes        []int // cases of the small and of the large city
	events                float64
	keep                  bool
	long                  time.Duration
	clients, cases, nodes int
	scale                 scaleFlags
}

// runBenchReport makes two cities on each engine, measures everything that is promised, and writes the page about it.
func runBenchReport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("bench report", "Makes a small and a large city on each engine, measures all that is promised about speed, and writes a page about it.", benchReportExamples, stderr)
	var r reportFlags
	out := f.String("out", "", "file to write the page to")
	sizes := f.String("sizes", "10000,100000", "cases of the small and of the large city")
	pgSizes := f.String("pg-sizes", "", "the same for PostgreSQL, where its cities are others (default: as --sizes)")
	f.Float64Var(&r.events, "events", promisedEvents, "events of a case that has ended, on average: fewer where the disk cannot hold more")
	f.StringVar(&r.note, "note", "", "a sentence of yours about this machine that the page shall say, such as what disk it has")
	f.StringVar(&r.pack, "pack", "demo", "pack of both: a folder, or the name of one in the program")
	f.StringVar(&r.dir, "dir", "", "folder for the cities (default: a temporary one)")
	f.StringVar(&r.pg, "pg", "", "postgres:// address of a server where databases may be created; without it SQLite alone is measured")
	f.BoolVar(&r.keep, "keep", false, "leave the cities and what was measured in --dir: a report that was broken off goes on there, and an engine that was measured is not measured again")
	f.DurationVar(&r.long, "for", 30*time.Second, "how long mixed traffic is counted")
	f.IntVar(&r.clients, "clients", 8, "clients of mixed traffic and at the door")
	f.IntVar(&r.cases, "baseline", 1000, "cases opened and acted upon in each turn with the baselines")
	f.IntVar(&r.nodes, "nodes", 4, "processes that share one PostgreSQL database")
	f.IntVar(&r.scale.turns, "turns", 5, "how often the two cities take turns")
	f.DurationVar(&r.scale.turn, "turn", 10*time.Second, "how long one is asked in its turn")
	f.IntVar(&r.scale.clocks, "clocks", 5, "clocks whose running out is waited for")
	f.IntVar(&r.scale.changes, "changes", 200, "cases opened and acted upon in each turn of the two cities")
	if err := parse(f, args); err != nil {
		return err
	}
	r.scale.clients, r.scale.within = 2, 10*time.Minute
	if *out == "" || f.NArg() > 0 {
		return usagef("name the page with --out, such as --out docs/performance.md")
	}
	var err error
	if r.sizes, err = twoSizes("sizes", *sizes); err != nil {
		return err
	}
	if r.pgSizes, err = twoSizes("pg-sizes", cmp.Or(*pgSizes, *sizes)); err != nil {
		return err
	}
	self, err := thisProgram()
	if err != nil {
		return err
	}
	fill := func(ctx context.Context, cf cityFlags, cases int) error {
		return runBench(ctx, []string{"seed", "--pack", *cf.pack, "--data", *cf.data, "--db", *cf.db, "--cases", strconv.Itoa(cases), "--events", fmt.Sprint(r.events)}, stderr, stderr)
	}
	page, err := r.measure(ctx, self, fill, stderr)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, page, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(stdout, *out)
	return nil
}

// twoSizes reads how many cases the small and the large city have.
func twoSizes(flag, text string) (sizes []int, err error) {
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, usagef("--%s %s: give two numbers of cases, such as 10000,100000", flag, text)
		}
		sizes = append(sizes, n)
	}
	if slices.Sort(sizes); len(sizes) != 2 {
		return nil, usagef("--%s %s: give two numbers of cases, such as 10000,100000", flag, text)
	}
	return sizes, nil
}

// performance is what the page shows.
type performance struct {
	Spare    float64 // more than so many processes that want a core are other work
	Promised int64   // how many cases the promises are for
	Long     int     // and how many events of each
	Engines  []engineFigures
}

// engineFigures is what was measured on one engine.
type engineFigures struct {
	At           time.Time
	Machine      load.Machine
	Small, Large load.City
	Set          string // settings of the server
	Note         string // what whoever measured says of the machine
	Promises     []promise
	Missed, Left []string
	Short        []string // lists that are shorter in one city than in the other
	Closed, Open *load.Result
	Traffic      []trafficLine
	Wrong        string
}

// promise is one line of what is promised.
type promise struct{ What, Figure, Base, Ratio, Bound, Reached string }

type trafficLine struct {
	Kind                                                           load.Kind
	Answers, P50, P99, Max, OpenAnswers, OpenP50, OpenP99, OpenMax string
}

// measure makes the cities and measures them, and returns the page.
func (r reportFlags) measure(ctx context.Context, self load.Program, fill filling, stderr io.Writer) (page []byte, err error) {
	words, err := text.Base()
	if err != nil {
		return nil, err
	}
	if r.dir == "" {
		if r.dir, err = os.MkdirTemp("", "comity-report-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	} else if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	m := measuring{say: words.In("en"), out: stderr, log: errorsTo(stderr)}
	p := performance{Spare: 1, Promised: promisedCases, Long: promisedEvents}
	engines := []engineOf{{"sqlite", r.sizes, r.onSQLite}}
	if r.pg != "" {
		engines = append(engines, engineOf{"postgres", r.pgSizes, r.onPostgres})
	}
	for _, engine := range engines {
		e, err := r.kept(engine, func() (engineFigures, error) { return r.engine(ctx, m, self, fill, engine) })
		if err != nil {
			return nil, err
		}
		p.Engines = append(p.Engines, e)
	}
	t, err := template.New("page").Parse(performancePage)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// engineOf is an engine and where its cities of some size are made.
type engineOf struct {
	name  string
	sizes []int
	place func(context.Context, int) (cityFlags, func() error, error)
}

// kept measures an engine, or takes what an earlier run with the same folder measured: cities of ten million take hours.
func (r reportFlags) kept(engine engineOf, measure func() (engineFigures, error)) (e engineFigures, err error) {
	if !r.keep {
		return measure()
	}
	file := filepath.Join(r.dir, fmt.Sprintf("%s-%d-%d.json", engine.name, engine.sizes[0], engine.sizes[1]))
	raw, err := os.ReadFile(file)
	if err == nil {
		if err = json.Unmarshal(raw, &e); err != nil {
			err = fmt.Errorf("%s: %w; take it away, and it is measured again", file, err)
		}
		return e, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	if e, err = measure(); err != nil {
		return e, err
	}
	if raw, err = json.Marshal(e); err == nil {
		err = os.WriteFile(file, raw, 0o644)
	}
	return e, err
}

// filling is how a city gets its cases.
type filling func(context.Context, cityFlags, int) error

// city is one with so many cases: that of an earlier report, whole or broken off, or a new one. away takes it away.
func (r reportFlags) city(ctx context.Context, fill filling, engine engineOf, cases int) (cf cityFlags, away func() error, err error) {
	if cf, away, err = engine.place(ctx, cases); err != nil {
		return cf, away, err
	}
	whole := filepath.Join(*cf.data, "filled")
	if _, err := os.Stat(whole); err == nil {
		return cf, away, nil
	}
	if err = fill(ctx, cf, cases); errors.Is(err, errBarelyBegun) { // the city is the report's own, and nothing is in it yet
		if err = away(); err == nil {
			cf, away, err = engine.place(ctx, cases)
		}
		if err == nil {
			err = fill(ctx, cf, cases)
		}
	}
	if err == nil {
		err = os.WriteFile(whole, nil, 0o600)
	}
	return cf, away, err
}

// engine measures both cities on one engine.
func (r reportFlags) engine(ctx context.Context, m measuring, self load.Program, fill filling, engine engineOf) (e engineFigures, err error) {
	var cities []cityFlags
	for _, n := range engine.sizes {
		cf, away, failed := r.city(ctx, fill, engine, n)
		if !r.keep && away != nil {
			defer func() { err = errors.Join(err, away()) }()
		}
		if failed != nil {
			return e, failed
		}
		cities = append(cities, cf)
	}
	e.At, e.Machine, e.Note = time.Now().UTC(), load.Here(), r.note // filling is not measured
	bases, err := r.traffic(ctx, m, self, cities[1], &e)
	if err != nil {
		return e, err
	}
	scale, err := m.scale(ctx, self, cities[0], cities[1], r.scale) // last: it moves the clocks of the cities
	if err != nil {
		return e, err
	}
	m.tellScale(scale)
	e.Small, e.Set = scale.Small, settingsOf(scale.Large)
	if n := e.Closed.Wrong() + e.Open.Wrong() + scale.Wrong; n > 0 {
		return e, fmt.Errorf("%d answers were not what was asked for; figures of such a city say nothing", n)
	}
	e.Wrong = m.say.T("bench.page.right", "n", strconv.FormatInt(answers(e.Closed)+answers(e.Open), 10))
	e.promises(m.say, bases, scale)
	return e, nil
}

func answers(r *load.Result) (n int64) {
	for _, k := range r.Kinds {
		n += k.Times.Count()
	}
	return n
}

// traffic loads a city in a closed and in an open loop, and takes turns with the baselines.
func (r reportFlags) traffic(ctx context.Context, m measuring, self load.Program, cf cityFlags, e *engineFigures) (*load.Result, error) {
	c, err := m.open(ctx, cf, false)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if e.Large, err = load.Describe(ctx, c.db); err != nil { // before the traffic adds to it
		return nil, err
	}
	warm := r.long / 5
	if e.Closed, err = m.load(ctx, c, "", load.Options{Clients: r.clients, Warm: warm, Duration: r.long, Seed: 1}, load.Crew{}); err != nil {
		return nil, err
	}
	m.tell(e.Closed)
	rate := max(1, float64(answers(e.Closed))/e.Closed.Took.Seconds()/2) // half of what it can
	if e.Open, err = m.load(ctx, c, "", load.Options{Rate: rate, Warm: warm, Duration: r.long, Seed: 2}, load.Crew{}); err != nil {
		return nil, err
	}
	m.tell(e.Open)
	e.Traffic = trafficLines(e.Closed, e.Open)
	b := &load.Result{}
	lf := loadFlags{clients: &r.clients, base: &r.cases, nodes: &r.nodes}
	b.Bases, err = load.Baselines(ctx, m.against(self, cf, c, lf))
	m.bases(b)
	return b, err
}

// trafficLines shows every kind as a multiple of the median of the cheapest one.
func trafficLines(closed, open *load.Result) (out []trafficLine) {
	unit := func(r *load.Result) (best time.Duration) {
		for _, k := range r.Kinds {
			if p := k.Times.At(50); k.Times.Count() > 0 && (best == 0 || p < best) {
				best = p
			}
		}
		return max(best, time.Microsecond)
	}
	over := func(d, unit time.Duration) string { return strconv.FormatFloat(float64(d)/float64(unit), 'f', 1, 64) }
	a, b := unit(closed), unit(open)
	for _, k := range closed.Kinds {
		t, o := k.Times, open.Of(k.Kind).Times
		out = append(out, trafficLine{Kind: k.Kind, Answers: fmt.Sprint(t.Count()), P50: over(t.At(50), a), P99: over(t.At(99), a), Max: over(t.Max(), a),
			OpenAnswers: fmt.Sprint(o.Count()), OpenP50: over(o.At(50), b), OpenP99: over(o.At(99), b), OpenMax: over(o.Max(), b)})
	}
	return out
}

// Promises, as the project makes them.
const (
	leastOverBare = 0.5
	leastOfNodes  = 0.8
	mostOverSmall = 1.3
	mostLate      = 1.0 // seconds
	mostStart     = 1.0
	mostIdle      = 100.0 // megabytes
	mostUnderLoad = 600.0
	flat          = 1.1 // what grows less is called flat
)

// The city that the promises have in mind.
const (
	promisedCases  = 10_000_000
	promisedEvents = 20 // of a case
)

// Each is how many events a case of the large city has.
func (e engineFigures) Each() float64 {
	return float64(e.Large.Events) / float64(max(e.Large.Cases, 1))
}

// Brief tells that histories are shorter than the promises have in mind.
func (e engineFigures) Brief() bool { return e.Each() < promisedEvents*0.9 }

// promises holds what was measured against what is promised.
func (e *engineFigures) promises(say text.Speaker, b *load.Result, s *load.Scale) {
	rate := func(f float64) string { return figure(f, 0) + "/s" }
	over := func(id string, value, base, least float64, bound string) {
		if value == 0 || base == 0 {
			e.line(say, id, promise{Bound: bound}, nil)
			return
		}
		met := value/base >= least
		e.line(say, id, promise{Figure: rate(value), Base: rate(base), Ratio: ratio(value / base), Bound: bound}, &met)
	}
	over("bare-one", b.Base(load.Door).PerSecond, b.Base(load.BareOne).PerSecond, leastOverBare, "≥ 0.50")
	over("bare", b.Base(load.Door).PerSecond, b.Base(load.Bare).PerSecond, leastOverBare, "≥ 0.50")
	if e.Large.Engine == "postgres" {
		over("pgbench", b.Base(load.Door).PerSecond, b.Base(load.PgBench).PerSecond, 0, "–")
		if b.Base(load.Nodes).PerSecond == 0 && b.Base(load.PgBench).PerSecond > 0 {
			no := false
			e.line(say, "nodes", promise{Figure: say.T("bench.page.failed"), Base: rate(b.Base(load.PgBench).PerSecond), Ratio: "–", Bound: "≥ 0.80"}, &no)
		} else {
			over("nodes", b.Base(load.Nodes).PerSecond, b.Base(load.PgBench).PerSecond, leastOfNodes, "≥ 0.80")
		}
		// Here nodes, server and pgbench share the processors; with machines of their own for the nodes, what the server
		// can do with its processors is what all of them together reach.
		e.server(say, b.Base(load.PgBench).Server, b.Base(load.Nodes).Server)
	}
	for _, l := range load.Levels {
		e.pair(say, "list", l.String(), *s.Page(load.List(l)), 1000, 1, mostOverSmall, 0, "≤ 1.30")
		if p := s.Page(load.List(l)); len(p.Rows) == 2 && min(p.Rows[0], p.Rows[1]) < fullList && p.Rows[0] != p.Rows[1] {
			e.Short = append(e.Short, say.T("bench.page.short", "level", l.String(), "small", strconv.Itoa(p.Rows[0]), "large", strconv.Itoa(p.Rows[1])))
		}
	}
	e.pair(say, "case", "", *s.Page(load.Page), 1000, 1, mostOverSmall, 0, "≤ 1.30")
	e.pair(say, "follow", "", *s.Page(load.Follow), 1000, 1, mostOverSmall, 0, "≤ 1.30")
	e.pair(say, "search", "", *s.Page(load.Search), 1000, 1, 0, 0, "–")
	e.pair(say, "append", "", s.Door, 1000, 2, flat, 0, "≤ 1.10")
	e.pair(say, "late", "", s.Late, 1, 2, 0, mostLate, "< 1 s")
	e.pair(say, "start", "", s.Start, 1, 2, 0, mostStart, "< 1 s")
	e.pair(say, "idle", "", s.Idle, 1, 0, 0, mostIdle, "< 100 MB")
	e.pair(say, "busy", "", s.Busy, 1, 0, 0, mostUnderLoad, "< 600 MB")
}

// server is the line about the processor time of the database server for a change: pgbench's over that of the nodes.
func (e *engineFigures) server(say text.Speaker, alone, nodes float64) {
	if alone == 0 || nodes == 0 {
		e.line(say, "server", promise{}, nil)
		return
	}
	met := alone/nodes >= leastOfNodes
	e.line(say, "server", promise{Figure: figure(1000*alone, 2) + " ms", Base: figure(1000*nodes, 2) + " ms", Ratio: ratio(alone / nodes), Bound: "≥ 0.80"}, &met)
}

// pair is a line about the large city over the small one: either the ratio or the large one's own figure is bounded.
func (e *engineFigures) pair(say text.Speaker, id, level string, p load.Pair, factor float64, digits int, mostRatio, mostLarge float64, bound string) {
	r, least, most := p.Ratio()
	if len(p.Large) == 0 || len(p.Small) == 0 {
		e.line(say, id, promise{Bound: bound}, nil, "level", level)
		return
	}
	large := load.Median(p.Large)
	x := promise{Figure: figure(large*factor, digits), Base: figure(load.Median(p.Small)*factor, digits), Ratio: "–", Bound: bound}
	if mostLarge > 0 { // it is promised of every turn
		x.Figure = fmt.Sprintf("%s [%s..%s]", x.Figure, figure(slices.Min(p.Large)*factor, digits), figure(slices.Max(p.Large)*factor, digits))
	}
	if r > 0 {
		x.Ratio = fmt.Sprintf("%s [%s..%s]", ratio(r), ratio(least), ratio(most))
	}
	met := (mostRatio == 0 || r <= mostRatio) && (mostLarge == 0 || slices.Max(p.Large) < mostLarge)
	e.line(say, id, x, &met, "level", level)
}

// line adds a promise, and what is to be said of it below; met is nil where it was not measured.
func (e *engineFigures) line(say text.Speaker, id string, p promise, met *bool, figures ...string) {
	p.What = say.T("bench.promise."+id, figures...)
	switch {
	case met == nil:
		p.Figure, p.Base, p.Ratio, p.Reached = "–", "–", "–", say.T("bench.page.unmeasured")
		e.Left = append(e.Left, p.What)
	case p.Bound == "–":
		p.Reached = "–"
	case *met:
		p.Reached = say.T("bench.page.yes")
	default:
		p.Reached = say.T("bench.page.no")
		e.Missed = append(e.Missed, p.What)
	}
	e.Promises = append(e.Promises, p)
}

// onSQLite names a city in a folder.
func (r reportFlags) onSQLite(_ context.Context, cases int) (cityFlags, func() error, error) {
	data := filepath.Join(r.dir, fmt.Sprintf("sqlite-%d", cases))
	return cityAt(r.pack, data, ""), func() error { return errors.Join(os.RemoveAll(data), os.RemoveAll(data+".keys")) }, nil
}

// onPostgres creates the databases of a city on the server, one for each compartment.
func (r reportFlags) onPostgres(ctx context.Context, cases int) (cityFlags, func() error, error) {
	data := filepath.Join(r.dir, fmt.Sprintf("postgres-%d", cases))
	u, err := url.Parse(r.pg)
	if err != nil {
		return cityFlags{}, nil, usagef("--pg does not read as an address; write postgres://user@host/name")
	}
	civic := fmt.Sprintf("comity_report_%d", cases)
	names := []string{civic}
	for _, c := range procedure.AllCompartments {
		if c != procedure.Civic {
			names = append(names, civic+"_"+c)
		}
	}
	u.Path = "/" + civic
	cf := cityAt(r.pack, data, u.String())
	away := func() error {
		err := errors.Join(os.RemoveAll(data), os.RemoveAll(data+".keys"))
		for _, name := range names {
			err = errors.Join(err, r.admin(context.WithoutCancel(ctx), "dropdb", "--if-exists", "--force", name))
		}
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return cf, nil, err
	}
	for _, name := range names {
		made := filepath.Join(data, name+".made")
		if _, err := os.Stat(made); err == nil { // by a report that was broken off, or whose cities were kept
			continue
		}
		if err := r.admin(ctx, "createdb", "--template", "template0", "--encoding", "UTF8", name); err != nil {
			return cf, nil, err
		}
		if err := os.WriteFile(made, nil, 0o600); err != nil {
			return cf, nil, err
		}
	}
	return cf, away, nil
}

// admin runs one of PostgreSQL's own programs on the server.
func (r reportFlags) admin(ctx context.Context, tool string, args ...string) error {
	to, env, err := load.ServerPrograms(r.pg)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, tool, append([]string{"--maintenance-db", to}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w; it belongs to the client programs of PostgreSQL\n%s", tool, err, out)
	}
	return nil
}
