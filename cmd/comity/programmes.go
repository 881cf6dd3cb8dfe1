package main

import (
	"comity/internal/casework"
	"comity/internal/courier/gateway"
	"comity/internal/inmail"
	"comity/internal/neighbour"
	"comity/internal/neighbour/georeport"
	"comity/internal/open311"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/programme/dataaccess"
	"comity/internal/programme/mediation"
	"comity/internal/programme/mediation/talks"
	"comity/internal/programme/opendata"
	"comity/internal/programme/petition"
	"comity/internal/programme/post"
)

// programmes lists those that bring code of their own: one line each. What a pack can say needs none.
func programmes(c *city) []programme.Programme {
	c.nextDoor = c.neighbours()
	return []programme.Programme{
		petition.New(petition.Deps{DB: c.db, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Courier: c.courier}),
		mediation.New(mediation.Deps{DB: c.db, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Courier: c.courier}),
		dataaccess.New(dataaccess.Deps{DB: c.db, Packs: c.packs, Index: c.ring.Index}),
		talks.New(talks.Deps{Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Files: c.files}),
		c.postPages(&c.rooms),
		c.openData().Programme(),
		c.heldPages(&c.rooms),
		{Name: neighbour.Name, Migrate: neighbour.Migrate, Jobs: c.nextDoor.Jobs(), Project: c.nextDoor.Project, Forget: neighbour.Forget},
	}
}

// postPages are the pages of the messages of one compartment.
func (c *city) postPages(r *rooms) programme.Programme {
	d := post.Deps{Courier: r.courier, Packs: c.packs, Words: c.wordings}
	if r.compartment == procedure.Civic {
		d.Neighbours = c.nextDoor                      // nothing of another compartment is exchanged
		d.Mail = func() *inmail.Room { return c.mail } // taken in once the operator's file is read
	}
	return post.New(d)
}

// openData is what the city publishes of its civic cases.
func (c *city) openData() *opendata.Office {
	return opendata.New(opendata.Deps{DB: c.db, Reader: c.reader, Packs: c.packs, Now: c.clock.Now})
}

// endpointOf is the system of a neighbour as the operator's file names it.
func endpointOf(n *gateway.Neighbour) *georeport.Client {
	return &georeport.Client{Base: n.URL, Key: n.Key, HTTP: n.HTTP(), Timeout: n.Timeout}
}

// neighbours is what exchanges matters with units that work on a system of their own.
func (c *city) neighbours() *neighbour.Office {
	d := neighbour.Deps{DB: c.db, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Words: c.wordings, Files: c.files, Endpoints: map[string]neighbour.Endpoint{}, Now: c.clock.Now, Log: c.log}
	d.Tries, d.Hours, d.Wait = c.post.Patience()
	for _, n := range c.next {
		d.Endpoints[n.Name] = neighbour.Endpoint{Every: n.Every, Client: endpointOf(n)}
	}
	d.Public.Status = func(k casework.Case) string {
		of, err := c.packs.Definition(k.Pack, k.Procedure)
		if err != nil {
			return "unchanged"
		}
		return open311.Status(c.packs.Current().Open311, of, k)
	}
	d.Public.Told = func(k casework.Case, events []casework.Event, seq int, lang string) (status, words string) {
		of, err := c.packs.Definition(k.Pack, k.Procedure)
		if err != nil {
			return "unchanged", ""
		}
		p := c.packs.Pack(k.Pack)
		return open311.Told(c.packs.Current().Open311, p, of, c.wordings(p).In(lang), k, events, seq)
	}
	return neighbour.New(d)
}
