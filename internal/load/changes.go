package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
)

// Changes opens n cases through the door of a city and does the usual first act on each, and tells how long that took.
func Changes(ctx context.Context, r Rooms, clients, n int) (time.Duration, error) {
	return ChangesAt(ctx, r, clients, n, nil)
}

// ChangesAt is Changes that begins when ready returns, with everything it will say thought out before.
func ChangesAt(ctx context.Context, r Rooms, clients, n int, ready func() error) (time.Duration, error) {
	p, err := newPlan(r, n)
	if err == nil && ready != nil {
		err = ready()
	}
	if err != nil {
		return 0, err
	}
	opened, err := p.open(ctx, clients)
	if err != nil {
		return 0, err
	}
	acted, err := p.act(ctx, clients)
	return opened + acted, err
}

// plan is some cases to be opened and acted upon.
type plan struct {
	r        Rooms
	cmds     []casework.Command
	who      []authz.Actor
	acts     []string
	receipts []ledger.Receipt
}

func newPlan(r Rooms, n int) (*plan, error) {
	list, err := anywhere(r.Pack, r.Now())
	if err != nil {
		return nil, err
	}
	p := &plan{r: r, cmds: make([]casework.Command, n), who: make([]authz.Actor, n), acts: make([]string, n), receipts: make([]ledger.Receipt, n)}
	nonce := randomText(8) // a second plan for the same city opens other cases
	draw := rand.New(rand.NewPCG(1, 3))
	for i := range p.cmds {
		road := &list[draw.IntN(len(list))]
		if p.cmds[i], err = road.command(r.Pack, draw, fmt.Sprintf("b%sx%d", nonce, i), r.Now()); err != nil {
			return nil, err
		}
		var grants []authz.Grant
		for _, role := range road.roles {
			grants = append(grants, authz.Grant{Role: role, Unit: road.holder})
		}
		p.who[i], p.acts[i] = authz.Staff("load", grants).Under(r.Pack.Rules), road.act
	}
	return p, nil
}

func (p *plan) open(ctx context.Context, clients int) (time.Duration, error) {
	return InTurn(clients, len(p.cmds), func(i int) (err error) {
		p.receipts[i], err = p.r.Ledger.Do(ctx, authz.Reporter(), p.cmds[i])
		return err
	})
}

func (p *plan) act(ctx context.Context, clients int) (time.Duration, error) {
	return InTurn(clients, len(p.cmds), func(i int) error {
		_, err := p.r.Ledger.Do(ctx, p.who[i], casework.Command{Case: p.receipts[i].Case, Version: p.receipts[i].Seq, Act: p.acts[i], Key: "act-" + p.cmds[i].Key})
		return err
	})
}
