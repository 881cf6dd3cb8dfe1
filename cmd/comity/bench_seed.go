package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/demo"
	"comity/internal/ledger"
	"comity/internal/text"
)

const benchSeedExamples = `  comity bench seed --data /var/tmp/measured --cases 100000
  comity bench seed --data /var/tmp/measured --cases 1000000 --db postgres://comity@db.internal/measured
  comity bench seed --data /var/tmp/measured --cases 10000000 --events 8
    (shorter histories where the disk is small; what was broken off goes on when the same command is given again)
  comity serve --pack demo --data /var/tmp/measured
    (the city it makes is like any other, and says that it is one for measurements)
`

// seedCardFile is kept beside the data of a city for measurements: how to sign in, and tokens.
const seedCardFile = "bench.json"

// benchSeed is what was asked for.
type benchSeed struct {
	cases, models int
	events        float64
	years         float64
	seed          uint64
	say           text.Speaker
	out           io.Writer // progress

	copied            int // and how long that took, with the indexes apart
	copying, dressing time.Duration
}

// runBenchSeed fills an empty database with cases to measure with. A few hundred are played through the door, like the
// demonstration's; the others are copies of those, each a case of its own under keys of its own.
func runBenchSeed(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("bench seed", "Fills an empty database with invented cases and their histories, to measure with. A few hundred are played through the program itself; the others are copies of them, each sealed under a key of its own and recorded in the log, so that comity verify passes.", benchSeedExamples, stderr)
	b := benchSeed{out: stderr}
	f.IntVar(&b.cases, "cases", 10_000, "how many cases")
	f.Float64Var(&b.events, "events", 20, "events of a case that has ended, on average, as far as what is played allows")
	f.Float64Var(&b.years, "years", 4, "over how many years before now they are spread")
	f.IntVar(&b.models, "models", 400, "how many cases are played")
	f.Uint64Var(&b.seed, "seed", 1, "another number makes another city")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
		return usagef("bench seed takes flags alone; --help shows them")
	case b.cases < 1 || b.cases > 100_000_000:
		return usagef("--cases %d: give a number from 1 to 100000000", b.cases)
	case b.years < 0.2 || b.years > 20:
		return usagef("--years %g: give a number from 0.2 to 20; it takes some weeks until a case has ended", b.years)
	case b.models < 10 || b.models > 3000:
		return usagef("--models %d: give a number from 10 to 3000", b.models)
	case b.events < 0:
		return usagef("--events %g: give how many a case shall have, or 0 for as many as are played", b.events)
	}
	dataGiven := os.Getenv("COMITY_DATA") != ""
	f.Visit(func(f *flag.Flag) { dataGiven = dataGiven || f.Name == "data" })
	if !dataGiven {
		return usagef("name a folder of its own with --data; this city is for measurements alone")
	}
	if *cf.pack == "" {
		*cf.pack = "demo"
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	b.say = words.In(langOf(*lang))
	return b.run(ctx, cf, stdout)
}

func (b *benchSeed) run(ctx context.Context, cf cityFlags, stdout io.Writer) error {
	file := ""
	c, err := cf.openWith(ctx, slog.New(slog.NewTextHandler(b.out, &slog.HandlerOptions{Level: slog.LevelWarn})), func(cfg *cityConfig) {
		cfg.Filling = true
		dsn, _ := databaseOf(*cfg, "civic")
		if path, lite := db.FileOf(dsn); lite { // what is broken off goes on or is thrown away, so it need not wait for the disk
			file, cfg.DB = path, "sqlite-volatile:"+path
		}
	})
	if err != nil {
		return err
	}
	fsys, err := packFS(*cf.pack)
	if err == nil {
		err = b.fill(ctx, c, fsys, *cf.data)
	}
	if err == nil {
		err = b.report(ctx, c, stdout)
	}
	err = errors.Join(err, c.Close())
	if err == nil && file != "" {
		err = flushed(file)
	}
	return err
}

// flushed asks the disk to keep a file that was written without waiting for it.
func flushed(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

var errBarelyBegun = errors.New("an earlier try was broken off before anything was copied; take an empty database and an empty folder")

// fill plays, copies and signs, from wherever an earlier try stopped.
func (b *benchSeed) fill(ctx context.Context, c *city, fsys fs.FS, data string) error {
	mark, known, err := c.reader.Measured(ctx)
	switch {
	case err != nil:
		return err
	case !known:
		err = b.begin(ctx, c, fsys, data)
	case !mark.Ended.IsZero():
		err = fmt.Errorf("the database was filled for measurements on %s with %d cases; take an empty one", mark.Ended.Format(time.DateOnly), mark.Done)
	case mark.Playing():
		err = errBarelyBegun
	case mark.Cases != b.cases || mark.Seed != b.seed:
		err = fmt.Errorf("the database is being filled with %d cases of seed %d; give the same numbers and it goes on, or take an empty one", mark.Cases, mark.Seed)
	}
	if err != nil {
		return err
	}
	begun, written := time.Now(), time.Time{}
	if _, err := c.ledger.Fill(ctx, []ledger.Beside{courier.Beside()}, meter(b.out, b.say, "cli.bench.seed.progress", b.cases), func(left int) {
		if written.IsZero() {
			written = time.Now()
		}
		fmt.Fprintln(b.out, b.say.T("cli.bench.seed.indexes", "n", strconv.Itoa(left)))
	}); err != nil {
		return err
	}
	b.copied, b.copying, b.dressing = b.cases-mark.Done, written.Sub(begun), time.Since(written)
	return errors.Join(c.tree.Tick(ctx), c.ledger.EndFilling(ctx))
}

// begin marks the database, opens the accounts and lives some hundred cases from the first to the last day.
func (b *benchSeed) begin(ctx context.Context, c *city, fsys fs.FS, data string) error {
	people, err := demo.People(fsys)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("there is no seed/people.yaml in the pack, so nobody can play its cases; take --pack demo")
	}
	if err != nil {
		return err
	}
	if empty, err := c.accounts.Empty(ctx); err != nil || !empty {
		return errors.Join(err, errors.New("the database has accounts, so it is somebody's; only an empty one is filled for measurements"))
	}
	until := time.Now().Truncate(time.Second)
	from := until.Add(-time.Duration(b.years * 365.25 * 24 * float64(time.Hour))).Truncate(time.Second)
	if err := c.ledger.BeginFilling(ctx, ledger.Filling{Cases: b.cases, Events: b.events, From: from, Until: until, Seed: b.seed}); err != nil {
		return err
	}
	card := demoCard{Data: data, Cases: b.cases, Tokens: map[string]string{}, Roles: map[string]string{}, Codes: map[string]string{}, Refs: map[string]string{}}
	password := strings.ToLower(rand.Text())
	c.clock.Fix(until)
	var workers []demo.Worker
	for _, p := range people {
		w, err := addPersonWith(ctx, c, p, password, &card)
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	c.clock.Fix(from)
	p := demo.Play{Pack: c.packs.Current(), Seeds: fsys, Ledger: c.ledger, Reader: c.reader, Jobs: c.runner, People: workers,
		Set: c.clock.Fix, From: from, Until: until, Cases: b.models, Seed: b.seed, Say: progress(b.out, b.say)}
	if _, err := fs.Stat(fsys, "seed/petitions.yaml"); err == nil {
		p.Roads = []string{"seed/petitions.yaml"}
	}
	done, err := p.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\r%s\n", b.say.T("cli.demo.played", "cases", strconv.Itoa(done.Done), "acts", strconv.Itoa(done.Acts)))
	c.clock.Release()
	samples, err := p.Samples(ctx)
	if err != nil {
		return err
	}
	for state, k := range samples {
		card.Codes[state], card.Refs[state] = string(k.Code), string(k.Ref)
	}
	if err := writeCard(filepath.Join(data, seedCardFile), card); err != nil {
		return err
	}
	_, err = c.tree.Sequence(ctx)
	return err
}

// seeded is what was made, for programs.
type seeded struct {
	Copies  int     `json:"copies"`         // that this call made
	Copying float64 `json:"copy_seconds"`   // and how long it took
	Indexes float64 `json:"index_seconds"`  // beside that
	Rate    float64 `json:"cases_a_second"` // of both
	Bytes   int64   `json:"bytes"`          // of the civic database
	PerCase int64   `json:"bytes_per_case"`
	ledger.Stock
}

func (b *benchSeed) report(ctx context.Context, c *city, stdout io.Writer) error {
	stock, err := c.reader.Stock(ctx)
	if err != nil {
		return err
	}
	size, err := c.db.Size(ctx)
	if err != nil {
		return err
	}
	took := (b.copying + b.dressing).Seconds()
	s := seeded{b.copied, b.copying.Seconds(), b.dressing.Seconds(), float64(b.copied) / max(took, 1e-3), size, size / max(stock.Cases, 1), stock}
	line, err := json.Marshal(s)
	if err == nil {
		fmt.Fprintln(stdout, string(line))
		fmt.Fprintln(b.out, b.say.T("cli.bench.seed.done", "cases", strconv.FormatInt(stock.Cases, 10), "events", strconv.FormatInt(stock.Events, 10),
			"open", strconv.FormatInt(stock.Open, 10), "late", strconv.FormatInt(stock.Late, 10), "rate", strconv.Itoa(int(s.Rate)), "bytes", strconv.FormatInt(s.PerCase, 10)))
	}
	return err
}

// tellMeasured says at the start that a city is one for measurements.
func (c *city) tellMeasured(ctx context.Context) error {
	mark, ok, err := c.reader.Measured(ctx)
	if err == nil && ok {
		c.log.Warn("this is a city for measurements: all its cases are invented, and nobody's matter belongs into it", "cases", mark.Done, "made", mark.Ended.Format(time.DateOnly))
	}
	return err
}
