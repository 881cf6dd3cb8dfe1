package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"comity/internal/account"
	"comity/internal/db"
	"comity/internal/load"
	"comity/internal/procedure"
)

// scratchOf makes empty cities like the one that is measured, with the same pack, on the same disk or in the same
// server, one after the other, and throws each away.
func (m measuring) scratchOf(cf cityFlags, c *city) func(context.Context) (*load.Scratch, error) {
	return func(ctx context.Context) (*load.Scratch, error) {
		fsys, err := packFS(*cf.pack)
		if err != nil {
			return nil, err
		}
		dir, err := os.MkdirTemp(filepath.Dir(filepath.Clean(*cf.data)), "scratch-")
		if err != nil {
			return nil, err
		}
		s := scratch{dir: dir, address: "sqlite:" + filepath.Join(dir, "civic.db")}
		if c.db.Engine() == db.Postgres {
			s.beside = c.db
			s.schema = "comity_scratch_" + strings.ToLower(rand.Text()[:10])
			if s.address, err = inSchema(*cf.db, s.schema); err == nil {
				err = load.MakeSchema(ctx, c.db, s.schema)
			}
			if err != nil {
				return nil, errors.Join(err, os.RemoveAll(dir))
			}
		}
		if err := s.open(ctx, m, fsys, cf); err != nil {
			return nil, errors.Join(err, s.close())
		}
		return &load.Scratch{Rooms: roomsOf(s.c), Address: s.address, Folder: s.dir, Close: s.close}, nil
	}
}

// scratch is a city that is thrown away.
type scratch struct {
	dir, address string
	schema       string // of PostgreSQL
	beside       *db.DB // where the schema was made
	c            *city
}

func (s *scratch) open(ctx context.Context, m measuring, fsys fs.FS, cf cityFlags) (err error) {
	cfg := cityConfig{DB: s.address, DBs: map[string]string{}, Data: filepath.Join(s.dir, "city"), Suite: *cf.suite, Pack: fsys, Bases: basesOf(*cf.pack), Clock: &clock{}, Log: m.log, Hashing: account.Cheap()}
	for _, name := range procedure.AllCompartments {
		if name != procedure.Civic { // which nothing touches
			cfg.DBs[name] = "sqlite:" + filepath.Join(s.dir, name+".db")
		}
	}
	s.c, err = openCity(ctx, cfg)
	return err
}

func (s *scratch) close() (err error) {
	if s.c != nil {
		err = s.c.Close()
	}
	if s.schema != "" {
		err = errors.Join(err, load.DropSchema(context.Background(), s.beside, s.schema))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// inSchema is the address of a place of its own in a PostgreSQL database.
func inSchema(address, schema string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", usagef("--db does not read as an address; write postgres://user@host/name")
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
