package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/db"
	"comity/internal/inmail"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/maps"
	"comity/internal/neighbour"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/packs"
)

// noticeWorkers is how many notices are under way at a time: enough to share a commit, few enough to
// be gentle with a gateway.
const noticeWorkers = 16

// undoWindow is how long an officer can take a bulk act back.
const undoWindow = 10 * time.Second

// cityConfig says which city to open.
type cityConfig struct {
	DB      string                               // database; empty: SQLite in the data folder
	DBs     map[string]string                    // databases of other compartments, where they do not follow from DB
	Data    string                               // folder for the embedded database, attachments and secrets
	Suite   string                               // algorithms of new key files; empty: std
	Keys    string                               // folder of the key files; empty: beside the data folder, never in it
	Witness string                               // file or address of a published head the log must continue; empty: none
	Mending bool                                 // leave the comparison of keys, data and log out, for the commands that put them right
	Still   bool                                 // make the tables and change nothing in them, for a move; a database that is marked as half moved opens too
	Filling bool                                 // open a database that is to be filled for measurements, which no other command may
	Reading bool                                 // with Still: do not even make tables
	Maps    string                               // file that names the operator's tiles and address service; empty: maps are drawn from the pack
	Post    string                               // file that names gateways and receivers of webhooks; empty: messages stay in the house
	Files   string                               // file that names a scanner and a bucket; empty: nobody scans, and files rest in the data folder
	Archive string                               // folder that takes cases over before they are erased; empty: they wait
	Rings   func(compartment string) *vault.Ring // keys without key files, for tests; nil: those of the key files
	Pack    fs.FS
	Bases   pack.Finder // finds what the pack stands on; nil: the packs in the program
	Clock   *clock
	Log     *slog.Logger
	Random  func([]byte)
	Hashing account.Hashing
	Base    string // absolute address of the site, for links in messages; empty = relative links
}

// city is every room joined: the civic compartment's own, and apart from them those of the others.
type city struct {
	rooms
	apart    []*rooms
	packs    *pack.Registry
	accounts *account.Store
	plugged  []programme.Programme
	base     *text.Catalogue // the program's own words
	words    *text.Catalogue // and those of the current pack over them
	wordings func(*pack.Pack) *text.Catalogue
	clock    *clock
	log      *slog.Logger
	secret   []byte
	data     string // folder
	archive  string
	maps     *maps.Source         // the operator's; nil: drawn from the pack alone
	mail     *inmail.Room         // takes in what comes by mail; nil: nothing does
	post     *courier.Post        // how messages leave the house; nil: they do not
	next     []*gateway.Neighbour // where the systems of neighbours are asked
	nextDoor *neighbour.Office
}

// openCity opens the database, keeps the pack's version, and joins the rooms. What it opened is closed
// again when a later step fails.
func openCity(ctx context.Context, cfg cityConfig) (*city, error) {
	if cfg.Bases == nil {
		cfg.Bases = pack.In(packs.FS)
	}
	memory := remembered(cfg.Data)
	current, err := pack.LoadWith(cfg.Pack, cfg.Bases, memory)
	if err != nil {
		return nil, fmt.Errorf("the pack does not load:\n%w", err)
	}
	if !cfg.Reading {
		if err := remember(cfg.Data, memory); err != nil {
			return nil, err
		}
	}
	if current.Abstract {
		return nil, fmt.Errorf("pack %s is a base without units and cannot be served; name a pack that stands on it (base: %s)", current.ID, current.ID)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Random == nil {
		cfg.Random = func(b []byte) { rand.Read(b) }
	}
	civic, err := openDatabase(ctx, cfg, procedure.Civic)
	if err != nil {
		return nil, missing(ctx, cfg, current, err)
	}
	c := &city{rooms: *civic, clock: cfg.Clock, log: cfg.Log, data: cfg.Data, archive: cfg.Archive}
	if err := c.join(ctx, cfg, current); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *city) join(ctx context.Context, cfg cityConfig, current *pack.Pack) error {
	err := account.Migrate(ctx, c.db)
	if err != nil {
		return err
	}
	if c.secret, err = secret(filepath.Join(cfg.Data, "secret")); err != nil {
		return err
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	c.base, c.words, c.wordings = base, base.With(current.Texts), func(p *pack.Pack) *text.Catalogue { return base.With(p.Texts) }
	if c.accounts, err = account.New(c.db, account.Config{Hashing: cfg.Hashing, Secret: c.secret, Sealer: account.SealedBy(c.secret),
		Forget: account.ForgetProofs, Rules: func() *authz.Table { return c.packs.Current().Rules }}); err != nil {
		return err
	}
	if cfg.Maps != "" {
		if c.maps, err = maps.Load(cfg.Maps); err != nil {
			return err
		}
	}
	if cfg.Post != "" {
		post, err := gateway.Load(cfg.Post)
		if err != nil {
			return err
		}
		c.post, c.next = post.Post, post.Next
	}
	for _, n := range c.next {
		if _, ok := current.Neighbour(n.Name); !ok {
			return fmt.Errorf("%s names the neighbour %q, which the pack (neighbours.yaml) does not know", cfg.Post, n.Name)
		}
	}
	c.packs = pack.NewRegistry(current)
	if err := c.furnishCivic(ctx, cfg); err != nil {
		return err
	}
	if err := c.keepPacks(ctx, current, cfg.Still); err != nil {
		return err
	}
	for _, name := range others(current) {
		r, err := openDatabase(ctx, cfg, name)
		if err != nil {
			return missing(ctx, cfg, current, err)
		}
		c.apart = append(c.apart, r)
		if err := c.furnish(ctx, cfg, r); err != nil {
			return err
		}
	}
	if cfg.Still {
		return nil
	}
	for _, r := range c.all() {
		if err := r.indexWords(ctx, c.log); err != nil {
			return err
		}
		if err := r.reconcile(ctx, cfg, c.log); err != nil {
			return err
		}
	}
	return nil
}

// indexWords brings the search index up to this version, and says so while it takes long: pages are not served before.
func (r *rooms) indexWords(ctx context.Context, log *slog.Logger) error {
	const often = 10_000
	told := 0
	return r.ledger.IndexWords(ctx, func(done int) {
		if done/often > told {
			told = done / often
			log.Info("cases are indexed for searching, once after the upgrade", "compartment", r.compartment, "done", done)
		}
	})
}

// furnishCivic joins the civic rooms, with the programmes that bring code and tables of their own.
func (c *city) furnishCivic(ctx context.Context, cfg cityConfig) error {
	if err := c.furnish(ctx, cfg, &c.rooms); err != nil {
		return err
	}
	c.plugged = programmes(c)
	kinds := append([]jobs.Kind{c.courier.Kind(), c.courier.Alarms(), c.courier.Deliveries(), c.courier.Hooks(), c.bulk.Kind()}, c.selfJobs(&c.rooms)...)
	for _, g := range c.plugged {
		if g.Migrate != nil {
			if err := g.Migrate(ctx, c.db); err != nil {
				return err
			}
		}
		kinds = append(kinds, g.Jobs...)
	}
	runner, err := jobs.NewRunner(c.db, kinds...)
	if err != nil {
		return err
	}
	runner.Workers, runner.Grace, runner.Log, runner.Traces = c.runner.Workers, c.runner.Grace, c.runner.Log, c.runner.Traces
	c.runner = runner
	return nil
}

// purpose says whether the pack a case was opened under offers a purpose to whoever is entitled in this way.
// Those who were asked to join or offered the case work on it like those who hold it.
func (c *city) purpose(k casework.Case, purpose string, ground authz.Ground) bool {
	p, ok := c.packs.Pack(k.Pack).Purpose(purpose)
	word := string(ground)
	if ground == authz.ByOffered || ground == authz.ByJoint {
		word = string(authz.ByHolder)
	}
	return ok && slices.Contains(p.Offered, word)
}

// project hands every event to the programmes that keep rows of their own.
func (c *city) project(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
	for _, g := range c.plugged {
		if g.Project == nil {
			continue
		}
		if err := g.Project(ctx, tx, k, e); err != nil {
			return err
		}
	}
	return nil
}

// keepPacks stores the current version and loads every older one, so that no case loses its law.
func (c *city) keepPacks(ctx context.Context, current *pack.Pack, still bool) error {
	if !still {
		version := ledger.PackVersion{Digest: current.Digest, Name: current.ID, Version: current.Version}
		if err := c.ledger.KeepPack(ctx, version, current.Files); err != nil {
			return err
		}
	}
	all, err := ledger.KeptPacks(ctx, c.db)
	if err != nil {
		return err
	}
	var older []*pack.Pack
	for _, k := range all {
		if k.Digest == current.Digest {
			continue
		}
		files, err := ledger.KeptFiles(ctx, c.db, k.Digest)
		if err != nil {
			return err
		}
		fsys, err := pack.FromFiles(files)
		if err != nil {
			return err
		}
		p, err := pack.LoadKept(fsys)
		if err != nil {
			return fmt.Errorf("pack %s %s, under which cases are open, no longer loads:\n%w", k.Name, k.Version, err)
		}
		older = append(older, p)
	}
	if err := sameCalendars(current, older); err != nil {
		return err
	}
	c.packs.Keep(older...)
	return nil
}

// sameCalendars refuses a calendar that was changed without a new version: the dates of open cases are
// counted again when the version changes, and would silently stay wrong.
func sameCalendars(current *pack.Pack, older []*pack.Pack) error {
	for _, old := range older {
		for id, was := range old.Calendars {
			now := current.Calendars[id]
			if now != nil && now.Version == was.Version && !now.Same(was) {
				return fmt.Errorf("calendar %s was changed since pack %s %s and is still called version %q; give it another version, so that open dates are counted again", id, old.ID, old.Version, now.Version)
			}
		}
	}
	return nil
}

// secret reads the machine's signing secret, or makes one.
func secret(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw = []byte(rand.Text())
		return raw, os.WriteFile(path, raw, 0o600)
	}
	if err == nil && len(raw) < 16 {
		return nil, fmt.Errorf("%s holds fewer than 16 characters; remove it and start again", path)
	}
	return raw, err
}

// Work answers clocks, carries notices, counts dates again, looks at night for what must not be and erases what is due, until
// the context ends.
func (c *city) Work(ctx context.Context) {
	var wait sync.WaitGroup
	if err := c.nextDoor.Start(ctx); err != nil {
		c.log.Error("neighbours are not asked until the next start", "error", err)
	}
	for _, r := range c.all() {
		wait.Go(func() { r.db.Listen(ctx, c.log.With("compartment", r.compartment)) })
		wait.Go(func() { r.runner.Run(ctx) })
		wait.Go(func() { c.timers(ctx, r) })
		wait.Go(func() { c.watchLog(ctx, r) })
		wait.Go(func() {
			r.tree.Run(ctx, func(err error) {
				c.log.Error("the log could not be carried on; trying again", "compartment", r.compartment, "error", err)
			})
		})
	}
	if c.mail != nil {
		wait.Go(func() { c.mail.Run(ctx) })
	}
	wait.Go(func() { c.recounts(ctx) })
	wait.Go(func() { c.surveys(ctx) })
	wait.Go(func() { c.retentions(ctx) })
	wait.Go(func() { c.pulses(ctx) })
	wait.Go(func() { c.parts(ctx) })
	wait.Wait()
}

// recounts brings the dates of open cases up to the calendars in force: after the start, and hourly,
// for what another node still wrote under the old ones.
func (c *city) recounts(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		c.recountAndTell(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *city) recountAndTell(ctx context.Context) {
	n, err := c.Recount(ctx)
	if err != nil && ctx.Err() == nil {
		c.log.Error("some dates could not be counted again with the new calendar; trying again in an hour", "error", err)
	}
	if n > 0 {
		c.log.Info("open clocks were counted again with the calendars in force", "cases", n)
	}
}

// parts makes the parts of tables for the years to come long before they begin.
func (c *city) parts(ctx context.Context) {
	tick := time.NewTicker(12 * time.Hour)
	defer tick.Stop()
	for {
		for _, r := range c.all() {
			if err := ledger.EnsureParts(ctx, r.db); err != nil && ctx.Err() == nil {
				c.log.Error("parts of tables for the years to come could not be made; trying again", "compartment", r.compartment, "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// recountBatch keeps a transaction short, so that nobody waits at the door behind a new holiday.
const recountBatch = 100

// Recount counts every clock again that another version of its calendar counted (K9), and reports how
// many cases that were. It may be broken off anywhere: what is left is found again.
func (c *city) Recount(ctx context.Context) (total int, err error) {
	calendars := c.packs.Current().CalendarVersions()
	for _, r := range c.all() {
		for ctx.Err() == nil {
			n, fail := r.ledger.Recount(ctx, calendars, recountBatch)
			total, err = total+n, errors.Join(err, fail)
			if n == 0 || fail != nil {
				break
			}
		}
	}
	return total, err
}

// Due answers every clock that has run out by now.
func (c *city) Due(ctx context.Context) error {
	for _, r := range c.all() {
		if err := r.due(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Seals puts under seal what is due, ends orders whose time is over, and has people told of emergencies.
func (c *city) Seals(ctx context.Context) (err error) {
	for _, r := range c.all() {
		err = errors.Join(err, r.seals(ctx))
	}
	return err
}

// NextTimer is when the next clock of any compartment is due; zero when none runs.
func (c *city) NextTimer(ctx context.Context) (next time.Time, err error) {
	for _, r := range c.all() {
		at, err := r.ledger.NextTimer(ctx)
		if err != nil {
			return next, err
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// Close stops every compartment.
func (c *city) Close() error {
	var err error
	for _, r := range c.all() {
		err = errors.Join(err, r.Close())
	}
	return err
}

// langOf is the language for the program's own output: --lang, else the environment, else English.
func langOf(flag string) string {
	if flag == "" {
		flag = os.Getenv("LANG")
	}
	if strings.HasPrefix(flag, "zh") {
		return "zh-CN"
	}
	return "en"
}
