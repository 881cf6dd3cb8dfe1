// Package opendata publishes figures of civic cases that anybody may take, and a feed of the requests that are
// public anyway.
//
// It owns the table open_data. A figure is how many cases of one category were opened in one month in one area
// and had one outcome when the month was published. For each month and category there is one table of areas by
// outcomes with its sums, protected by stat.Protect; tables share no case and no other sums are published, so
// what cannot be reckoned from one cannot be from all. A month is published once, when the time the pack gives
// has passed, and is never counted again: yesterday's file and today's tell the same.
//
// It refuses to count persons, cases about people, cases under seal and whatever lies in a compartment of its
// own. What is hidden is not stored here either.
//
// Open this file first, then publish.go (what is counted), files.go (how it is written), feed.go (the Atom feed).
package opendata

import (
	"context"
	"embed"
	"io/fs"
	"sync"
	"time"

	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

//go:embed schema/*.sql
var schema embed.FS

// Name is the name of the programme.
const Name = "opendata"

// Deps is what the programme is built from. Reader is of the civic compartment.
type Deps struct {
	DB     *db.DB
	Reader *ledger.Reader
	Packs  *pack.Registry
	Now    func() time.Time
}

// Office publishes.
type Office struct {
	Deps
	mu sync.Mutex // one publication at a time is enough
}

// New makes the office; Programme plugs it in.
func New(d Deps) *Office { return &Office{Deps: d} }

// Migrate makes the table.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, Name, sub)
}

// Programme is what the surfaces mount.
func (o *Office) Programme() programme.Programme {
	return programme.Programme{
		Name: Name, Migrate: Migrate, Front: o.front,
		Public: map[string]func(*programme.Visitor) error{
			"GET /data":                 o.page,
			"GET /data/cases.csv":       o.casesFile,
			"GET /data/cases.xlsx":      o.casesFile,
			"GET /data/cases.jsonl":     o.casesFile,
			"GET /data/dictionary.json": o.dictionary,
			"GET /data/catalog.jsonld":  o.catalog,
			"GET /data/requests.atom":   o.feed,
		},
	}
}

func (o *Office) front(page *web.Page) []web.Link {
	if o.Packs.Current().OpenData == nil {
		return nil
	}
	return []web.Link{{Href: "/data", Label: page.T("opendata.title"), Icon: "down"}}
}

// rules are those of the pack; a city that publishes nothing has no such pages.
func (o *Office) rules() (*pack.Pack, error) {
	p := o.Packs.Current()
	if p.OpenData == nil {
		return nil, web.ErrNotFound
	}
	return p, nil
}
