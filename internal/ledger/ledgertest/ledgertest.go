// Package ledgertest gives tests a city: a pack behind a real ledger, on a database of the test's own.
//
// It refuses to know surfaces, accounts and couriers: a test that wants them adds them. It is for
// tests alone; nothing that runs in production imports it.
//
// This file is the whole package.
package ledgertest

import (
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// City is a ledger with the pack it works by.
type City struct {
	Ledger *ledger.Ledger
	Reader *ledger.Reader
	Pack   *pack.Pack     // the version new cases open under
	Packs  *pack.Registry // that one and all before it
	used   []*pack.Pack
}

// Option changes how the ledger is opened, for example what it does with notices.
type Option func(*ledger.Config)

// Open reads the pack in packDir, a folder seen from the test's own, and opens a ledger that is
// closed when the test ends.
func Open(t testing.TB, d *db.DB, packDir string, options ...Option) *City {
	t.Helper()
	return OpenPack(t, d, once(t, packDir, func() (*pack.Pack, error) {
		var searched pack.Memory // what ships beside the packs of the project
		if raw, err := os.ReadFile(filepath.Join(filepath.Dir(packDir), "searched.json")); err == nil {
			if err := searched.Learn(raw); err != nil {
				return nil, err
			}
		}
		return pack.LoadFrom(os.DirFS(filepath.Dir(packDir)), filepath.Base(packDir), &searched)
	}), options...)
}

// Sound reads a pack of a folder of packs without searching it: for tests that do not judge its law, which
// package pack's own tests do.
func Sound(dir fs.FS, name string) (*pack.Pack, error) {
	files, err := fs.Sub(dir, name)
	if err != nil {
		return nil, err
	}
	return pack.LoadWith(files, pack.In(dir), pack.Unsearched())
}

// loaded keeps what was read: a pack is immutable, and its checks take longer than most tests.
var loaded = struct {
	sync.Mutex
	packs map[string]*pack.Pack
}{packs: map[string]*pack.Pack{}}

// once reads a pack the first time a test asks for it.
func once(t testing.TB, name string, read func() (*pack.Pack, error)) *pack.Pack {
	t.Helper()
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.packs[name] == nil {
		p, err := read()
		if err != nil {
			t.Fatal(err)
		}
		loaded.packs[name] = p
	}
	return loaded.packs[name]
}

// OpenPack is Open with a pack that has been read; a second one on the same database is a second node.
func OpenPack(t testing.TB, d *db.DB, p *pack.Pack, options ...Option) *City {
	t.Helper()
	c, err := New(context.Background(), d, p, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Ledger.Close)
	return c
}

// New is OpenPack where there is no test, as in a process that a test starts and ends. The caller
// closes the ledger.
func New(ctx context.Context, d *db.DB, p *pack.Pack, options ...Option) (*City, error) {
	c := &City{}
	c.Change(p)
	config := ledger.Config{Definitions: c, Opens: c.opens, Random: func(b []byte) { rand.Read(b) },
		Ring: vault.FromSeed(procedure.Civic, "std", []byte("a city for tests"))}
	for _, o := range options {
		o(&config)
	}
	var err error
	if c.Ledger, err = ledger.Open(ctx, d, config); err != nil {
		return nil, err
	}
	c.Reader = c.Ledger.Reader(func() *org.Tree { return c.Pack.Units })
	return c, nil
}

// Change puts a new version of the pack in force. Packs is a new registry then; whoever was handed
// the old one has to be handed this one. No command may be under way.
func (c *City) Change(p *pack.Pack) {
	c.Pack, c.Packs = p, pack.NewRegistry(p, c.used...)
	c.used = append(c.used, p)
}

// Definition asks the registry of the moment, since Change replaces it.
func (c *City) Definition(digest, id string) (*procedure.Definition, error) {
	return c.Packs.Definition(digest, id)
}

func (c *City) opens(category string) (digest, procedure string, ok bool) {
	k, ok := c.Pack.Category(category)
	return c.Pack.Digest, k.Procedure, ok
}

// Opened is a case with everything that is sealed in it, looked at by the machine.
func (c *City) Opened(t testing.TB, id casework.CaseID) (casework.Case, []casework.Event) {
	t.Helper()
	look, err := c.Ledger.Look(context.Background(), authz.Machine(), ledger.Ticket{Case: id, Purpose: "notice", Level: authz.Identity})
	if err != nil {
		t.Fatal(err)
	}
	return look.Case(), look.Events()
}
