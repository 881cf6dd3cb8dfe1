// Command fault pulls plugs and looks at what is left: it kills processes and servers, cuts the power of a disk, fills
// it, cuts connections after every message, sets clocks, and checks each time that nothing acknowledged is lost, nothing
// happens twice, and every proof is whole. `make reliability` writes docs/reliability.md from such a run.
//
// A scene makes a city ([house]), lets clients work at its door ([client]) whose operations become a [history], breaks
// something, and has [house.check] hold the history against the record. A few rounds of each scene are among the tests.
//
// It refuses to judge speed: times are printed as multiples of another time of the same run, and none decides anything.
// It is no part of the program that is shipped.
//
// Open this file first, then house.go, load.go, model.go (what one case may answer) and check.go; the other files are a
// scene each. SQL is in store.go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	rounds  int
	clients int
	seed    int64
	only    string
	dir     string // for what a scene writes
	out     string // the page to write
	keep    string // file of what scenes that have ended came to
}

func main() {
	if !grownUp() {
		os.Exit(1)
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 500, "kills per engine; the other scenes do a part of that")
	flag.IntVar(&o.clients, "clients", 8, "clients at the door at once")
	flag.Int64Var(&o.seed, "seed", time.Now().UnixNano(), "of the random moments; printed, so that a run can be had again as far as chance allows")
	flag.StringVar(&o.only, "only", "", "comma-separated names of scenes (default: all)")
	flag.StringVar(&o.out, "out", "", "write the page to this file (default: print the table)")
	flag.StringVar(&o.keep, "keep", "", "keep what scenes came to in this file, and go on there when given it again: a scene that came out whole is not played again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "comity-fault-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before, err := readKept(&o)
	if err != nil {
		return err
	}
	wanted := strings.FieldsFunc(o.only, func(r rune) bool { return r == ',' })
	var rows []row
	var broken []string
	for _, s := range scenes {
		if len(wanted) > 0 && !slices.Contains(wanted, s.name) {
			continue
		}
		if r, ok := before.Scenes[s.name]; ok && len(r.Broken) == 0 && r.Skipped == "" {
			rows = append(rows, row{s, r})
			continue
		}
		o.dir = dir + "/" + s.name
		if err := os.MkdirAll(o.dir, 0o700); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s …\n", s.name)
		r, err := s.run(ctx, o)
		if err != nil {
			r.say("%v", err)
		}
		for _, b := range r.Broken[:min(3, len(r.Broken))] {
			broken = append(broken, s.name+": "+b)
		}
		rows = append(rows, row{s, r})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		before.Scenes[s.name] = r
		if err := before.write(o.keep); err != nil {
			return err
		}
		if err := os.RemoveAll(o.dir); err != nil {
			return err
		}
	}
	if err := write(o, rows); err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("seed %d:\n%s", o.seed, strings.Join(broken, "\n"))
	}
	return nil
}

// result is what a scene comes to.
type result struct {
	verdict
	Rounds  int
	Back    []float64 // how long until writes were answered again, as a multiple of what the scene says
	Words   []string  // what users were told meanwhile, in the words of rules and states
	Skipped string    // why the scene could not be played here

	Sectors, Old, FailedSyncs int // of a disk: written and not synced when the power went, of them as they were before

	of          int       // how many rounds it will be, where the scene knows it
	began, told time.Time // of the first round; when somebody was last told how far it is
}

// kept is what a run of hours came to so far, in the file of -keep.
type kept struct {
	Rounds, Clients int
	Seed            int64
	Scenes          map[string]result
}

// readKept reads the file, and takes over its seed. A run with other numbers is another run.
func readKept(o *options) (kept, error) {
	k := kept{o.rounds, o.clients, o.seed, map[string]result{}}
	if o.keep == "" {
		return k, nil
	}
	raw, err := os.ReadFile(o.keep)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil {
		return k, fmt.Errorf("%s: %w", o.keep, err)
	}
	if k.Rounds != o.rounds || k.Clients != o.clients {
		return k, fmt.Errorf("%s is of a run with -rounds %d -clients %d: give the same numbers, or another file", o.keep, k.Rounds, k.Clients)
	}
	o.seed = k.Seed
	return k, nil
}

func (k kept) write(file string) error {
	if file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// saw notes what users were told, each once.
func (r *result) saw(what string) {
	if !slices.Contains(r.Words, what) {
		r.Words = append(r.Words, what)
	}
}

// played counts a round. A scene that takes long tells once a minute how far it is, and what is left at its pace.
func (r *result) played() {
	r.Rounds++
	now := time.Now()
	if r.Rounds == 1 {
		r.began, r.told = now, now
	}
	if now.Sub(r.told) < time.Minute {
		return
	}
	r.told = now
	if r.of == 0 {
		fmt.Fprintf(os.Stderr, "  %d rounds\n", r.Rounds)
		return
	}
	left := now.Sub(r.began) / time.Duration(r.Rounds-1) * time.Duration(r.of-r.Rounds)
	fmt.Fprintf(os.Stderr, "  %d of %d rounds, %s left\n", r.Rounds, r.of, left.Round(time.Second))
}

// median of how long it took to come back.
func (r *result) median() string {
	if len(r.Back) == 0 {
		return "–"
	}
	s := slices.Sorted(slices.Values(r.Back))
	return fmt.Sprintf("%.2f", s[len(s)/2])
}

type row struct {
	scene
	result
}

// scene is one way to break something.
type scene struct {
	name  string
	title string
	back  string // what the time to come back is a multiple of
	run   func(context.Context, options) (result, error)
}

var scenes = []scene{
	{"kill-sqlite", "`kill -9` of the process, SQLite", "an undisturbed start", killSQLite},
	{"power", "the power of the disk is cut, SQLite", "an undisturbed start", powerCuts},
	{"fsync", "syncs of the disk fail, then its power is cut, SQLite", "an undisturbed start", failingSyncs},
	{"slow", "the disk is slow, SQLite", "the slow time", slowDisk},
	{"full", "the disk is full, SQLite", "the full time", fullDisk},
	{"readonly", "the disk becomes read only, SQLite", "an undisturbed start", readOnlyDisk},
	{"torn", "copies of database and log, taken at any byte and damaged, SQLite", "", tornCopies},
	{"clock", "the clock is set, both engines", "", clockJumps},
	{"kill-postgres", "`kill -9` of the process, PostgreSQL", "an undisturbed start", killNodePostgres},
	{"kill-server", "the PostgreSQL server dies (`kill -9`, SIGQUIT)", "the outage", killServer},
	{"restart", "PostgreSQL is restarted; every connection is ended as in a failover", "the outage", restarted},
	{"cut", "the connection to PostgreSQL is cut before each message", "", cutEverywhere},
	{"storm", "connections are cut at random under load", "the storm", cutStorm},
	{"hang", "the network to PostgreSQL carries nothing for a while", "the outage", netHangs},
}

func killSQLite(ctx context.Context, o options) (result, error) {
	n := 0
	return killNode(ctx, o, func() (string, error) {
		n++
		return fmt.Sprintf("sqlite:%s/city%d.db", o.dir, n), nil
	})
}
