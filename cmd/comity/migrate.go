package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"comity/internal/account"
	"comity/internal/bulk"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/neighbour"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme/dataaccess"
	"comity/internal/programme/mediation"
	"comity/internal/programme/opendata"
	"comity/internal/programme/petition"
	"comity/internal/programme/quarantine"
	"comity/internal/text"
)

const migrateExamples = `  comity migrate status --pack ./mycity --data /var/lib/comity --db postgres://comity@db.internal/comity
  comity migrate expand …     (with the new program, while the nodes of the old one go on: adds what the new one needs)
  comity migrate fill …       (once every node runs the new program: brings old rows up, and goes on where it was broken off)
  comity migrate fill --share 20 …
    (works a fifth of the time and rests the others)
  comity migrate contract …   (when nobody will go back: takes away what only the old program read)
  comity migrate partition …  (for millions of cases: the events of each year come into a table of their own)
SQLite needs none of this: one program uses it, and does everything when it starts.
`

type migrateVerb struct {
	name, line string
	run        func(context.Context, *migrating) error
}

var migrateVerbs = []migrateVerb{
	{"status", "Lists the steps that are not done, and the nodes that run. Changes nothing.", migrateStatus},
	{"expand", "Adds tables, columns and indexes a newer program needs, one at a time and without making anybody wait long. Older nodes go on.", migrateExpand},
	{"fill", "Brings rows of older programs up in small batches, while the city goes on. Every node has to know the step.", migrateFill},
	{"partition", "Brings events into parts by the year their case was opened in, without writing a row anew; the city goes on. For cities that archive or move old years.", migratePartition},
	{"contract", "Takes away what only older programs read. They refuse the database from then on.", migrateContract},
}

// migrating is one call of the command for one compartment.
type migrating struct {
	compartment   string
	db            *db.DB
	plan          *db.Plan
	out, progress io.Writer
	say           text.Speaker
	pace          db.Pace
}

func runMigrate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	for _, v := range migrateVerbs {
		if v.name == name {
			return v.call(ctx, args[1:], stdout, stderr)
		}
	}
	return usagef("say `comity migrate status`, `expand`, `fill`, `contract` or `partition`; --help behind each shows how")
}

func (v migrateVerb) call(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("migrate "+v.name, v.line, migrateExamples, stderr)
	share := f.Int("share", 50, "with fill: how many hundredths of the time it works; it rests in the others")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 || *share < 1 || *share > 100 {
		return usagef("migrate %s takes flags alone, and --share from 1 to 100; --help shows them", v.name)
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	say := words.In(langOf(*lang))
	cfg, err := moveConfig(cf, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	cfg.Clock.Release() // how long something takes is of interest here
	current, err := pack.LoadWith(cfg.Pack, cfg.Bases, remembered(cfg.Data))
	if err != nil {
		return fmt.Errorf("the pack does not load:\n%w", err)
	}
	for _, name := range append([]string{procedure.Civic}, others(current)...) {
		m := &migrating{compartment: name, out: stdout, progress: stderr, say: say, pace: db.Pace{Share: float64(*share) / 100}}
		if err := m.within(ctx, cfg, v.run); err != nil {
			return fmt.Errorf("compartment %s: %w", name, err)
		}
	}
	return nil
}

// within opens the database of a compartment and nothing else: the city may not be able to open yet.
func (m *migrating) within(ctx context.Context, cfg cityConfig, do func(context.Context, *migrating) error) (err error) {
	dsn, err := databaseOf(cfg, m.compartment)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, dsn, cfg.Clock.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if since, unfinished, err := d.MoveUnfinished(ctx); err != nil || unfinished {
		return errors.Join(err, fmt.Errorf("it is the target of a move that began at %s and has not ended", since.Format("2006-01-02 15:04 MST")))
	}
	if m.plan, err = d.Plan(ctx, migrations(m.compartment)...); err != nil {
		return err
	}
	m.db = d
	return do(ctx, m)
}

// migrations are those of the rooms of a compartment, in the order in which a start runs them.
func migrations(compartment string) []func(context.Context, *db.DB) error {
	list := []func(context.Context, *db.DB) error{jobs.Migrate, courier.Migrate, bulk.Migrate, migrateSelf, quarantine.Migrate, ledger.Migrate}
	if compartment == procedure.Civic {
		list = append(list, account.Migrate, petition.Migrate, mediation.Migrate, dataaccess.Migrate, opendata.Migrate, neighbour.Migrate)
	}
	return list
}

func (m *migrating) tell(key string, kv ...string) {
	fmt.Fprintln(m.out, m.say.T("migrate."+key, append([]string{"compartment", m.compartment}, kv...)...))
}

func migrateStatus(_ context.Context, m *migrating) error {
	steps := m.plan.Steps()
	if len(steps) == 0 {
		m.tell("status.none")
	}
	for _, s := range steps {
		m.tell("status."+s.Next, "set", s.Set, "step", s.Name, "rows", strconv.FormatInt(s.Rows, 10), "of", strconv.FormatInt(s.All, 10))
		if s.Next != db.Expand && len(s.Behind) > 0 {
			var names []string
			for _, n := range s.Behind {
				names = append(names, n.ID+" ("+n.Version+")")
			}
			m.tell("status.behind", "nodes", strings.Join(names, ", "))
		}
	}
	for _, n := range m.plan.Nodes {
		key := "status.node"
		if !n.Alive {
			key = "status.gone"
		}
		m.tell(key, "node", n.ID, "version", n.Version, "since", n.Since.Format("2006-01-02 15:04:05Z"), "seen", n.Seen.Format("2006-01-02 15:04:05Z"))
	}
	return nil
}

func migrateExpand(ctx context.Context, m *migrating) error {
	return m.count(func(did func(set, name string)) error { return m.plan.Expand(ctx, did) }, db.Expand)
}

func migrateContract(ctx context.Context, m *migrating) error {
	for _, s := range m.plan.Steps() {
		if s.Next == db.Filled || s.Next == db.Expand {
			m.tell("contract.early", "set", s.Set, "step", s.Name)
		}
	}
	return m.count(func(did func(set, name string)) error { return m.plan.Contract(ctx, did) }, db.Contract)
}

// count tells each step that was carried on, and that there was none.
func (m *migrating) count(do func(did func(set, name string)) error, state string) error {
	n := 0
	err := do(func(set, name string) {
		n++
		m.tell("did."+state, "set", set, "step", name)
	})
	if err == nil && n == 0 {
		m.tell("did.none")
	}
	return err
}

func migrateFill(ctx context.Context, m *migrating) error {
	var show func(int)
	var first int64
	which, n := "", 0
	err := m.plan.Fill(ctx, m.pace, func(p db.Progress) {
		if p.Name != which { // what an earlier call did is no part of the rate
			which, first = p.Name, p.Rows
			show = meter(m.progress, m.say, "migrate.fill.progress", int(p.All-first))
		}
		show(int(p.Rows - first))
		if p.Done {
			n++
			m.tell("did."+db.Filled, "set", p.Set, "step", p.Name, "rows", strconv.FormatInt(p.Rows, 10))
		}
	})
	if err == nil && n == 0 {
		m.tell("did.none")
	}
	return err
}

func migratePartition(ctx context.Context, m *migrating) error {
	if fresh, err := m.db.Fresh(ctx); err != nil || fresh {
		return errors.Join(err, usagef("there are no tables yet; start the city once, then give this command"))
	}
	if err := ledger.Partition(ctx, m.db); err != nil {
		return err
	}
	m.tell("partitioned")
	return nil
}
