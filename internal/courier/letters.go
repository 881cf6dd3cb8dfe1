package courier

import (
	"context"
	"errors"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
)

// Letters wait until somebody makes a batch of them, prints it, and says that it was posted. What is printed is
// opened on record, in the name of the machine with a note of who printed it.

// Batch is a number of letters printed together.
type Batch struct {
	ID      int64
	Actor   string
	At      time.Time
	Waiting int // not yet posted
	All     int
}

// mostLetters bounds a batch: one file, and one look at each case.
const mostLetters = 100

// Printed is one letter opened for printing.
type Printed struct {
	Ref                       casework.Ref
	Lang, Name, Address, Text string
}

// NewBatch takes the letters within reach that wait into a batch, the oldest first. Without any it gives 0.
func (c *Courier) NewBatch(ctx context.Context, reach []Reach, actor string) (id int64, err error) {
	err = c.DB.Transact(ctx, func(tx *db.Tx) error {
		id = 0
		list, err := waitingLetters(ctx, tx, reach, mostLetters)
		if err != nil || len(list) == 0 {
			return err
		}
		if id, err = putBatch(ctx, tx, actor); err != nil {
			return err
		}
		for _, d := range list {
			d.Batch, d.Reason = id, reasonPrinting
			if err := setDelivery(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// Batches lists those with letters within reach, newest first.
func (c *Courier) Batches(ctx context.Context, reach []Reach, limit int) (out []Batch, waiting int, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		if out, err = listBatches(ctx, tx, reach, limit); err != nil {
			return err
		}
		waiting, err = countWaitingLetters(ctx, tx, reach)
		return err
	})
	return out, waiting, err
}

// Open opens the letters of a batch within reach for printing. A case whose words are gone has none.
func (c *Courier) Open(ctx context.Context, reach []Reach, batch int64, actor string) (out []Printed, err error) {
	var list []Delivery
	messages := map[string]Message{}
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		if list, err = lettersOf(ctx, tx, reach, batch); err != nil {
			return err
		}
		for _, d := range list {
			if messages[d.Key], err = loadMessage(ctx, tx, d.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNone
	}
	for _, d := range list {
		look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: d.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity, Note: actor})
		if err != nil {
			return nil, err
		}
		if look.Erased() {
			continue
		}
		k, m := look.Case(), messages[d.Key]
		p := Printed{Ref: d.Ref, Lang: d.Lang, Address: look.Text(authz.Identity, m.Address), Text: look.Text(authz.Identity, m.Body), Name: k.Contact.Name}
		if x, ok := k.Member(d.Whom); d.Whom != "" && ok {
			p.Name = x.Contact.Name
		}
		out = append(out, p)
	}
	return out, nil
}

// Posted says that the letters of a batch which are within reach and not yet done with went to the post.
func (c *Courier) Posted(ctx context.Context, reach []Reach, batch int64, actor string) (n int, err error) {
	err = c.DB.Transact(ctx, func(tx *db.Tx) error {
		n = 0
		list, err := lettersOf(ctx, tx, reach, batch)
		if err != nil {
			return err
		}
		for _, d := range list {
			if d.State != Created {
				continue
			}
			if err := c.decide(ctx, tx, d, ByHand, actor); err != nil {
				return err
			}
			n++
		}
		if len(list) == 0 {
			return ErrNone
		}
		return nil
	})
	if errors.Is(err, db.ErrNoRows) {
		err = ErrNone
	}
	return n, err
}
