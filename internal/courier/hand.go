package courier

import (
	"context"
	"errors"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/org"
)

// What people do with deliveries: look at those that are stuck, send them again, and write down what they did
// by hand. Each is refused beyond the reach of whoever asks, as if there were no such delivery.

// ReachOf is what an officer reaches by the roles that look after something: cases of the unit in which they are held
// and of those below it. A role of another compartment opens nothing here.
func ReachOf(t *org.Tree, who authz.Actor, keeps func(authz.Role) bool) (out []Reach) {
	if !who.IsStaff() {
		return nil
	}
	for _, g := range who.Grants() {
		if keeps(g.Role) && len(who.Opens(g)) > 0 {
			out = append(out, Reach{Place: Place(t, g.Unit), Programmes: g.Programmes})
		}
	}
	return out
}

// ErrNone says that there is no such delivery within reach.
var ErrNone = errors.New("courier: no such delivery")

// Deed is what a person decides about a delivery.
type Deed string

// The deeds.
const (
	Again    Deed = "again"     // it is sent again, with all its tries
	Cancel   Deed = "cancel"    // it is not sent
	ByHand   Deed = "delivered" // a person handed it over
	CameBack Deed = "returned"  // it came back
)

// Deeds lists them in the order in which a page offers them.
var Deeds = []Deed{Again, ByHand, CameBack, Cancel}

// leads is the state a deed brings a delivery into.
var leads = map[Deed]State{Again: Created, Cancel: Cancelled, ByHand: Delivered, CameBack: Returned}

// Possible lists what can be done with a delivery.
func (d Delivery) Possible() (out []Deed) {
	for _, deed := range Deeds {
		if d.State != Sending && d.State.May(leads[deed]) {
			out = append(out, deed)
		}
	}
	return out
}

// List gives a page of deliveries, newest first.
func (c *Courier) List(ctx context.Context, f Filter) (out []Delivery, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listDeliveries(ctx, tx, f)
		return err
	})
	return out, err
}

// Count says how many deliveries within reach are in each state.
func (c *Courier) Count(ctx context.Context, f Filter) (out map[State]int, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		out, err = countDeliveries(ctx, tx, f)
		return err
	})
	return out, err
}

// Delivery gives one delivery and what was tried, oldest first.
func (c *Courier) Delivery(ctx context.Context, reach []Reach, id int64) (d Delivery, list []Attempt, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		if d, err = findDelivery(ctx, tx, reach, id); errors.Is(err, db.ErrNoRows) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		list, err = listAttempts(ctx, tx, id)
		return err
	})
	return d, list, err
}

// Decide carries out what a person decided about a delivery, and writes it down among its attempts.
func (c *Courier) Decide(ctx context.Context, reach []Reach, id int64, deed Deed, actor string) error {
	return c.DB.Transact(ctx, func(tx *db.Tx) error {
		d, err := findDelivery(ctx, tx, reach, id)
		if errors.Is(err, db.ErrNoRows) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		return c.decide(ctx, tx, d, deed, actor)
	})
}

func (c *Courier) decide(ctx context.Context, tx *db.Tx, d Delivery, deed Deed, actor string) error {
	to, known := leads[deed]
	if !known || d.State == Sending || !d.State.May(to) {
		return &casework.Refusal{Rule: "post.not_now"}
	}
	if _, err := putAttempt(ctx, tx, d, Attempt{Began: tx.Now, Ended: tx.Now, Actor: actor, Outcome: string(to)}); err != nil {
		return err
	}
	if d.job != "" {
		if _, err := jobs.Cancel(ctx, tx, d.job); err != nil {
			return err
		}
	}
	if deed == Again {
		if !c.Post.way(d.Channel) {
			return &casework.Refusal{Rule: "post.no_way"}
		}
		return c.begin(ctx, tx, d)
	}
	d.State, d.Reason, d.Next, d.job = to, reasonByHand, time.Time{}, ""
	return setDelivery(ctx, tx, d)
}
