package main

import (
	"comity/internal/inmail"
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
	return []programme.Programme{
		petition.New(petition.Deps{DB: c.db, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Courier: c.courier}),
		mediation.New(mediation.Deps{DB: c.db, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Courier: c.courier}),
		dataaccess.New(dataaccess.Deps{DB: c.db, Packs: c.packs, Index: c.ring.Index}),
		talks.New(talks.Deps{Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Files: c.files}),
		c.postPages(&c.rooms),
		c.openData().Programme(),
		c.heldPages(&c.rooms),
	}
}

// postPages are the pages of the messages of one compartment.
func (c *city) postPages(r *rooms) programme.Programme {
	d := post.Deps{Courier: r.courier, Packs: c.packs, Words: c.wordings}
	if r == &c.rooms { // mail comes to the civic compartment alone, and is taken in once the operator's file is read
		d.Mail = func() *inmail.Room { return c.mail }
	}
	return post.New(d)
}

// openData is what the city publishes of its civic cases.
func (c *city) openData() *opendata.Office {
	return opendata.New(opendata.Deps{DB: c.db, Reader: c.reader, Packs: c.packs, Now: c.clock.Now})
}
