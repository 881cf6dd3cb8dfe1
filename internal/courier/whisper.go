package courier

import (
	"context"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
)

// Whisper is Send without an event of the case: for what is between the house and the person alone, such
// as digits that prove who they are. It is kept sealed like every message. A case without an address gets
// none, and the job ends all the same. Somebody is waiting for it, so no hour holds it.
func (c *Courier) Whisper(ctx context.Context, job jobs.Job, l Letter) error {
	look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: l.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		return err
	}
	k := look.Case()
	m, ok := c.letter(k, job.Key, l)
	return c.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := jobs.Done(ctx, tx, job); err != nil || !ok {
			return err
		}
		return c.dispatch(ctx, tx, m.sealed(look), k, true)
	})
}
