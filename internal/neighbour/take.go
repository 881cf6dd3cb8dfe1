package neighbour

import (
	"context"
	"errors"
	"slices"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/neighbour/georeport"
	"comity/internal/pack"
	"comity/internal/place"
)

// source is the channel of what comes from a neighbour.
const source = "open311"

// takeIn opens a case for every open request of theirs that the pack takes, once for each. Requests from before the
// first time they were asked stay theirs: those are under way there.
func (o *Office) takeIn(ctx context.Context, client *georeport.Client, n *pack.Neighbour, p *Poll, now time.Time) error {
	if p.requests.IsZero() {
		p.requests = now.Add(overlap) // so that from, which goes back by so much, never reaches behind this time
		return nil
	}
	var services []string
	for _, t := range n.Takes {
		services = append(services, t.Service)
	}
	since := from(p.requests, now)
	list, err := client.Since(ctx, services, "open", since, now)
	if err != nil {
		return err
	}
	for _, r := range list {
		if !r.Requested.IsZero() && r.Requested.Before(since.Truncate(time.Second)) {
			continue // it was not asked for: some leave dates aside
		}
		if err := o.take(ctx, n, r, now); err != nil {
			return err
		}
	}
	if p.requests.Before(now) {
		p.requests = now
	}
	return nil
}

// take opens the case of one request.
func (o *Office) take(ctx context.Context, n *pack.Neighbour, r georeport.Request, now time.Time) error {
	_, known, err := o.joined(ctx, n.ID, r.ID, false)
	i := slices.IndexFunc(n.Takes, func(t pack.Taking) bool { return t.Service == r.Service })
	if err != nil || known || i < 0 {
		return err
	}
	p := o.Packs.Current()
	cmd, err := o.command(p, n, n.Takes[i], r, now)
	if err != nil {
		return o.cannot(n, r, err)
	}
	_, err = o.Ledger.DoWith(ctx, o.actor(p, n), cmd, func(tx *db.Tx, receipt ledger.Receipt) error {
		k := casework.Case{State: p.ProcedureFor(n.Takes[i].Category).Start, Pack: p.Digest, Procedure: p.ProcedureFor(n.Takes[i].Category).ID}
		_, err := putLink(ctx, tx, Link{Neighbour: n.ID, Theirs: r.ID, Case: receipt.Case, Ref: receipt.Ref, Origin: n.Unit, Word: o.Public.Status(k)})
		return err
	})
	if err != nil {
		return o.cannot(n, r, err)
	}
	return nil
}

// cannot tells of a request that no case can be opened for. The others come in nevertheless, and this one is tried again
// for as long as it is in the time that is asked for.
func (o *Office) cannot(n *pack.Neighbour, r georeport.Request, err error) error {
	var no *casework.Refusal
	if !errors.As(err, &no) {
		return err
	}
	o.Log.Warn("a request of a neighbour cannot be taken in", "neighbour", n.ID, "request", r.ID, "rule", no.Rule, "error", no)
	return nil
}

// command makes of a request the command that opens its case. A point outside of the city goes to the neighbour's own
// unit's superior: it knows the border.
func (o *Office) command(p *pack.Pack, n *pack.Neighbour, t pack.Taking, r georeport.Request, now time.Time) (casework.Command, error) {
	say := o.Words(p).In(n.Lang)
	words := readable(r.Text)
	if words == "" {
		words = readable(r.Name)
	}
	if r.Media != "" {
		words += "\n" + say.T("neighbour.picture", "link", readable(r.Media))
	}
	words += "\n" + say.T("neighbour.from", "unit", o.unitName(p, n, n.Lang), "id", r.ID)
	report := intake.Report{Category: t.Category, Text: shortened(words, casework.MaxText), Address: shortened(readable(r.Address), 200), Source: source, External: n.ID + ":" + r.ID, Now: now, Key: Name + ":" + n.ID + ":" + r.ID}
	if r.Placed {
		report.Point = &place.Point{Lat: r.Lat, Lon: r.Lon}
	}
	cmd, err := intake.Command(p, report)
	var no *casework.Refusal
	if errors.As(err, &no) {
		report.Unit = p.Fallback // the point stays with the case, wherever it lies
		if report.Point != nil && report.Point.Check() != nil {
			report.Point = nil
		}
		cmd, err = intake.Command(p, report)
	}
	return cmd, err
}
