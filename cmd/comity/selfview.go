package main

import (
	"context"
	"net/http"

	"comity/internal/authz"
	"comity/internal/consent"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/programme"
	"comity/internal/selfview"
)

// selfRoom is what the self view needs of one compartment's rooms.
func (c *city) selfRoom(r *rooms) *selfview.Room {
	return &selfview.Room{Compartment: r.compartment, DB: r.db, Ring: r.ring, Ledger: r.ledger, Reader: r.reader, Courier: r.courier,
		Consents: &consent.Book{DB: r.db, Ring: r.ring, Ledger: r.ledger, Reader: r.reader, Packs: c.packs}}
}

// migrateSelf makes the tables that the self view and consents have in every compartment.
func migrateSelf(ctx context.Context, d *db.DB) error {
	if err := consent.Migrate(ctx, d); err != nil {
		return err
	}
	return selfview.Migrate(ctx, d)
}

// selfJobs are those of one compartment's self view.
func (c *city) selfJobs(r *rooms) []jobs.Kind { return []jobs.Kind{c.selfRoom(r).Job()} }

// selfPages are the pages on which people see themselves: the one place below cmd that is handed all
// compartments.
func (c *city) selfPages(client func(*http.Request) string) programme.Programme {
	v := selfview.New(selfview.Deps{Packs: c.packs, Client: client})
	for _, r := range c.all() {
		v.Rooms = append(v.Rooms, c.selfRoom(r))
	}
	return v.Programme()
}

// expireConsents ends the consents of every compartment whose time is over.
func (c *city) expireConsents(ctx context.Context) error {
	for _, r := range c.all() {
		if _, err := c.selfRoom(r).Consents.Expire(ctx, authz.Machine()); err != nil {
			return err
		}
	}
	return nil
}
