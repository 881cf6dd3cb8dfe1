package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/bulk"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme/quarantine"
	"comity/internal/translog"
	"comity/internal/vault"
)

// rooms are those of one compartment: a database, keys, a ledger and a log of its own, and whatever works on
// them. No identifier, sequence or key is shared with another compartment's rooms, and no code below cmd
// is handed two.
type rooms struct {
	compartment string
	db          *db.DB
	ring        *vault.Ring
	ledger      *ledger.Ledger
	reader      *ledger.Reader
	files       file.Store
	courier     *courier.Courier
	bulk        *bulk.Book
	runner      *jobs.Runner
	tree        *translog.Log
}

// openDatabase opens the database of a compartment and the tables that every one of them has.
func openDatabase(ctx context.Context, cfg cityConfig, compartment string) (*rooms, error) {
	dsn, err := databaseOf(cfg, compartment)
	if err != nil {
		return nil, err
	}
	open := db.Open
	if cfg.Reading {
		open = db.OpenReading
	}
	d, err := open(ctx, dsn, cfg.Clock.Now)
	if err != nil {
		return nil, fmt.Errorf("the database of compartment %s: %w", compartment, err)
	}
	if err := wholeCity(ctx, cfg, d); err != nil {
		return nil, errors.Join(fmt.Errorf("the database of compartment %s: %w", compartment, err), d.Close())
	}
	files, err := cfg.storeOf(compartment)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	r := &rooms{compartment: compartment, db: d, files: files}
	// One after the other: behind a lock of somebody else's each would wait, and say the same.
	for _, migrate := range []func(context.Context, *db.DB) error{jobs.Migrate, courier.Migrate, bulk.Migrate, migrateSelf, quarantine.Migrate} {
		if err := migrate(ctx, d); err != nil {
			return nil, errors.Join(fmt.Errorf("the database of compartment %s: %w", compartment, err), d.Close())
		}
	}
	return r, nil
}

// missing names every database of the city that its server does not have, where opening failed because one is missing:
// whoever sets a city up makes them all at once. Any other error stays as it is.
func missing(ctx context.Context, cfg cityConfig, p *pack.Pack, err error) error {
	if !db.NoDatabase(err) {
		return err
	}
	var names []string
	for _, compartment := range append([]string{procedure.Civic}, others(p)...) {
		dsn, err := databaseOf(cfg, compartment)
		if err != nil {
			return err
		}
		d, err := db.OpenReading(ctx, dsn, cfg.Clock.Now)
		switch {
		case err == nil:
			if err := d.Close(); err != nil {
				return err
			}
		case db.NoDatabase(err):
			if u, err := url.Parse(dsn); err == nil {
				names = append(names, strings.TrimPrefix(u.Path, "/"))
			}
		}
	}
	if len(names) == 0 { // somebody has just made it
		return err
	}
	return fmt.Errorf("the server has no database named %s. Every compartment of the pack has one of its own; make each of them, and start again:\n"+
		"CREATE DATABASE %s OWNER … ENCODING 'UTF8' TEMPLATE template0", strings.Join(names, ", "), names[0])
}

// wholeCity refuses a database into which a move has not ended: half of a city must not be opened as one.
func wholeCity(ctx context.Context, cfg cityConfig, d *db.DB) error {
	if cfg.Still {
		return nil
	}
	since, unfinished, err := d.MoveUnfinished(ctx)
	if err == nil && unfinished {
		err = fmt.Errorf("it is the target of a move that began at %s and has not ended, so it may hold half of the city; give the same comity move again and it goes on, or open the old database",
			since.Format("2006-01-02 15:04 MST"))
	}
	return err
}

// databaseOf names the database of a compartment: the civic one is the one that was named, the others have
// its name with their own behind it.
func databaseOf(cfg cityConfig, compartment string) (string, error) {
	if dsn := cfg.DBs[compartment]; dsn != "" {
		return dsn, nil
	}
	base := cfg.DB
	if base == "" {
		base = "sqlite:" + filepath.Join(cfg.Data, "comity.db")
	}
	if compartment == procedure.Civic {
		return base, nil
	}
	if !strings.Contains(base, "://") {
		ext := filepath.Ext(base)
		return strings.TrimSuffix(base, ext) + "-" + compartment + ext, nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", usagef("--db does not read as an address; write postgres://user@host/name")
	}
	u.Path += "_" + compartment
	return u.String(), nil
}

func filesOf(data, compartment string) string {
	if compartment == procedure.Civic {
		return filepath.Join(data, "files")
	}
	return filepath.Join(data, "files-"+compartment)
}

// openKeys opens the ring of the compartment. The keys lie outside the data folder, so that a copy of the
// data alone opens nothing.
func (r *rooms) openKeys(cfg cityConfig) (err error) {
	if cfg.Rings != nil {
		r.ring = cfg.Rings(r.compartment)
		return nil
	}
	dir := keysFolder(cfg)
	if err := vault.Outside(dir, cfg.Data); err != nil {
		return err
	}
	suite := cfg.Suite
	if suite == "" {
		suite = "std"
	}
	r.ring, err = vault.Open(dir, vault.Compartment(r.compartment), suite)
	return err
}

func keysFolder(cfg cityConfig) string {
	if cfg.Keys != "" {
		return cfg.Keys
	}
	return filepath.Clean(cfg.Data) + ".keys"
}

// furnish joins what works on the database of a compartment.
func (c *city) furnish(ctx context.Context, cfg cityConfig, r *rooms, kinds ...jobs.Kind) (err error) {
	if err := keyFileThere(ctx, r.db, keysFolder(cfg), vault.Compartment(r.compartment)); err != nil {
		return err
	}
	if err := r.openKeys(cfg); err != nil {
		return err
	}
	r.files.Suite = r.ring.Suite()
	r.ledger, err = ledger.Open(ctx, r.db, ledger.Config{
		Ring:        r.ring,
		Definitions: c.packs,
		Opens:       func(category string) (string, string, bool) { return opens(c.packs.Current(), r.compartment, category) },
		Officer:     c.officerOf(r),
		Purpose:     c.purpose,
		Remove:      r.files.Remove,
		Notify:      courier.Enqueue,
		Project:     c.projectOf(r),
		Owes:        courier.Owes,
		Alarm:       courier.Alarm,
		Forget:      c.forget(r),
		Erased:      erased(r.compartment),
		Random:      cfg.Random,
		Still:       cfg.Still,
		Filling:     cfg.Filling,
		Log:         cfg.Log,
	})
	if err != nil {
		return err
	}
	if err := r.sealAgain(ctx, cfg); err != nil {
		return fmt.Errorf("compartment %s: what is under seal could not be compared with the list beside the keys: %w", r.compartment, err)
	}
	r.reader = r.ledger.Reader(func() *org.Tree { return c.packs.Current().Units })
	r.courier = &courier.Courier{DB: r.db, Ledger: r.ledger, Reader: r.reader, Packs: c.packs, Words: c.wordings, Link: linkOf(cfg.Base), Party: partyOf(cfg.Base), Desk: cfg.Base, Post: c.outgoing(r)}
	r.bulk = &bulk.Book{DB: r.db, Ledger: r.ledger, Window: undoWindow, Actor: func(ctx context.Context, id string) (authz.Actor, error) {
		a, err := c.accounts.Worked(ctx, id)
		return a.In(r.compartment), err
	}}
	r.tree = r.publicLog(c.packs.Current().ID)
	kinds = append(append(kinds, c.selfJobs(r)...), c.heldPages(r).Jobs...)
	r.runner, err = jobs.NewRunner(r.db, append([]jobs.Kind{r.courier.Kind(), r.courier.Alarms(), r.courier.Deliveries(), r.courier.Hooks(), r.bulk.Kind()}, kinds...)...)
	if err != nil {
		return err
	}
	r.runner.Workers, r.runner.Grace = noticeWorkers, jobGrace
	r.runner.Log = cfg.Log
	return nil
}

func (r *rooms) sealAgain(ctx context.Context, cfg cityConfig) error {
	if cfg.Still {
		return nil
	}
	_, err := r.ledger.SealAgain(ctx)
	return err
}

func linkOf(base string) func(casework.Case, bool) string {
	return func(k casework.Case, resident bool) string {
		if resident {
			return base + "/f/" + string(k.Code)
		}
		return base + "/desk/cases/" + string(k.Ref)
	}
}

func partyOf(base string) func(casework.Code) string {
	return func(code casework.Code) string { return base + "/p/" + string(code) }
}

// opens finds the procedure for a category, if its cases lie in this compartment: a ledger opens no case
// that belongs to another.
func opens(p *pack.Pack, compartment, category string) (digest, id string, ok bool) {
	cat, ok := p.Category(category)
	if !ok {
		return "", "", false
	}
	d, ok := p.Procedures[cat.Procedure]
	return p.Digest, cat.Procedure, ok && d.Compartment == compartment
}

// officerOf tells whether an account may be given a case. Accounts live in the civic database; the others
// ask it, and write down nothing but the account's id.
func (c *city) officerOf(r *rooms) func(context.Context, *db.Tx, org.UnitID, string) (bool, error) {
	if r.compartment == procedure.Civic {
		return account.Works
	}
	return func(ctx context.Context, _ *db.Tx, unit org.UnitID, officer string) (works bool, err error) {
		err = c.db.View(ctx, func(tx *db.Tx) error {
			works, err = account.Works(ctx, tx, unit, officer)
			return err
		})
		return works, err
	}
}

// projectOf lets deliveries follow their cases and, in the civic compartment, receivers of webhooks hear of events
// and the programmes that bring code keep rows beside them; no programme and no receiver sees another compartment.
func (c *city) projectOf(r *rooms) func(context.Context, *db.Tx, casework.Case, casework.Event) error {
	follow := followed(func() *org.Tree { return c.packs.Current().Units })
	if r.compartment != procedure.Civic {
		return follow
	}
	return func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
		for _, keep := range []func(context.Context, *db.Tx, casework.Case, casework.Event) error{follow, c.post.Announce, c.project} {
			if err := keep(ctx, tx, k, e); err != nil {
				return err
			}
		}
		return nil
	}
}

// outgoing is how the messages of a compartment leave the house. Only civic events are told to receivers of
// webhooks.
func (c *city) outgoing(r *rooms) *courier.Post {
	if c.post == nil || r.compartment == procedure.Civic {
		return c.post
	}
	apart := *c.post
	apart.Hooks = nil
	return &apart
}

// others are the compartments beside the civic one that the pack has procedures for.
func others(p *pack.Pack) (out []string) {
	for _, name := range procedure.AllCompartments {
		for _, d := range p.Procedures {
			if name != procedure.Civic && d.Compartment == name {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// all are the rooms of every compartment, the civic ones first.
func (c *city) all() []*rooms { return append([]*rooms{&c.rooms}, c.apart...) }

// of are the rooms of a compartment.
func (c *city) of(compartment string) (*rooms, bool) {
	for _, r := range c.all() {
		if r.compartment == compartment {
			return r, true
		}
	}
	return nil, false
}

// Close stops the door, then the database.
func (r *rooms) Close() error {
	if r.ledger != nil {
		r.ledger.Close()
	}
	return r.db.Close()
}
