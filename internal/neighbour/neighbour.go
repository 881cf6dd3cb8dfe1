// Package neighbour exchanges matters with units that work on a system of their own, spoken to by Open311 GeoReport v2.
//
// What such a unit is offered or holds is handed to its system: the order is a row beside the event, in its transaction
// (Project), and a job carries it (carry.go) from created over sending to delivered, or by a token to a number. What the
// system says is asked for now and then (hear.go) and becomes acts of the unit, as the pack's neighbours.yaml says, so
// that clocks, notices and remedies stay what they are in every case: the resident keeps one number, one date and one
// voice. Requests of theirs that the pack takes become cases here (take.go), and what becomes of those is told to them.
//
// It owns which matter of ours is which of theirs, what was tried, and how far they were heard. It refuses to hand over
// who brought a matter: an answer comes back through the city. It refuses to open more than one case for one request of
// theirs, to carry out anything they say that the procedure does not allow their unit, and to try for ever: what is
// stuck waits for a person (hand.go), and meanwhile the clock of the offer runs.
//
// Open this file first; georeport is how the wire is spoken, SQL is in store.go.
package neighbour

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/neighbour/georeport"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

//go:embed schema/*.sql
var schema embed.FS

// Name is the name of the room, for its tables.
const Name = "neighbour"

// Migrate makes the tables.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, Name, sub)
}

// Endpoint is where a neighbour's system is asked, as the operator says.
type Endpoint struct {
	Client *georeport.Client
	Every  time.Duration // how often it is asked what is new
}

// Deps is what an office is built from. It is of the civic compartment.
type Deps struct {
	DB        *db.DB
	Ledger    *ledger.Ledger
	Reader    *ledger.Reader
	Packs     *pack.Registry
	Words     func(*pack.Pack) *text.Catalogue
	Files     file.Store
	Endpoints map[string]Endpoint // by the neighbour's id; one that is not there is reached by nobody
	Tries     int                 // of one report or update
	Hours     time.Duration       // after which it is not tried again
	Wait      func(try int) time.Duration
	Public    Public
	Now       func() time.Time
	Log       *slog.Logger
}

// Public is how a case of ours is told in the words of GeoReport v2, which is for the room that serves it to say.
type Public struct {
	Status func(casework.Case) string
	// Told says an event of a case that was looked at: its status word and what may be told of it.
	Told func(k casework.Case, events []casework.Event, seq int, lang string) (status, words string)
}

// Office exchanges matters with every neighbour of the city.
type Office struct{ Deps }

// New makes the office.
func New(d Deps) *Office {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Office{d}
}

// Purpose is what the machine opens a case for that is handed over or told of.
const Purpose = "hand_over"

// Link is a request of theirs and a case of ours that are one matter.
type Link struct {
	ID        int64
	Neighbour string
	Theirs    string // service_request_id
	Ours      bool   // we handed it over; else it came from them
	Case      casework.CaseID
	Ref       casework.Ref
	Origin    org.UnitID // the unit it came from
	Word      string     // the status told last: theirs to us, or ours to them
	Ended     bool
}

// actor is the neighbour's system, which acts for its unit in the roles the pack gives it and in no other.
func (o *Office) actor(p *pack.Pack, n *pack.Neighbour) authz.Actor {
	return o.acting(n.Actor(), p, n)
}

// acting is somebody who acts for a neighbour's unit.
func (o *Office) acting(id string, p *pack.Pack, n *pack.Neighbour) authz.Actor {
	var grants []authz.Grant
	for _, r := range n.Roles {
		grants = append(grants, authz.Grant{Role: r, Unit: n.Unit})
	}
	return authz.Staff(id, grants).Under(p.Rules)
}

// turn is the unit that has to act on a case now; empty when it is none's turn.
func turn(d *procedure.Definition, k casework.Case) org.UnitID {
	st, ok := d.State(k.State)
	switch {
	case !ok || st.Final:
	case st.Owner == procedure.OwnerOffered:
		return k.Offered
	case st.Owner == procedure.OwnerHolder:
		return k.Holder
	}
	return ""
}

// stays says whether a matter is still with a neighbour: it is its turn, or it holds the matter and waits for somebody.
func stays(d *procedure.Definition, k casework.Case, n *pack.Neighbour) bool {
	now := turn(d, k)
	st, ok := d.State(k.State)
	if now != "" || !ok || st.Final {
		return now == n.Unit
	}
	answered := slices.ContainsFunc(d.Acts, func(a procedure.Act) bool { return a.Answers && a.To == k.State })
	return k.Holder == n.Unit && !answered
}

// Project keeps, beside every event, what is to be handed over and what is to be told: in the transaction of the event,
// so that neither is without the other.
func (o *Office) Project(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
	p := o.Packs.Current()
	if len(p.Neighbours) == 0 || e.Sent != nil {
		return nil
	}
	if e.Opening == nil {
		if err := moveSends(ctx, tx, k.ID, courier.Place(p.Units, k.Holder)); err != nil {
			return err
		}
	}
	d, err := o.Packs.Definition(k.Pack, k.Procedure)
	if err != nil {
		return err
	}
	if err := o.leaves(ctx, tx, p, d, k, e); err != nil {
		return err
	}
	if err := o.owesWord(ctx, tx, k, e); err != nil {
		return err
	}
	n, ok := p.NeighbourOf(turn(d, k))
	if !ok || k.Sealed != "" {
		return nil
	}
	return o.comes(ctx, tx, p, n, k, e)
}

// comes orders that a matter be handed over whose turn is with a neighbour, unless it has it or is about to.
func (o *Office) comes(ctx context.Context, tx *db.Tx, p *pack.Pack, n *pack.Neighbour, k casework.Case, e casework.Event) error {
	if has, err := o.has(ctx, tx, k.ID, n.ID); err != nil || has {
		return err
	}
	var err error
	s := Send{Neighbour: n.ID, Kind: Report, Case: k.ID, Ref: k.Ref, Place: courier.Place(p.Units, k.Holder), Programme: k.Programme, State: courier.Created, seq: e.Seq, origin: origin(p, n, k)}
	if s.ID, err = putSend(ctx, tx, s); err != nil {
		return err
	}
	if _, ok := n.Gives(k.Category); !ok {
		return o.stops(ctx, tx, s, reasonNoService)
	}
	return o.begin(ctx, tx, s)
}

// has says whether a neighbour has a matter, or is about to.
func (o *Office) has(ctx context.Context, tx *db.Tx, id casework.CaseID, neighbour string) (bool, error) {
	links, err := linksOf(ctx, tx, id)
	if err != nil || slices.ContainsFunc(links, func(l Link) bool { return l.Ours && l.Neighbour == neighbour }) {
		return err == nil, err
	}
	live, err := liveReports(ctx, tx, id)
	return slices.ContainsFunc(live, func(s Send) bool { return s.Neighbour == neighbour }), err
}

// origin is the unit a matter came from: the one that offers it, else the one above.
func origin(p *pack.Pack, n *pack.Neighbour, k casework.Case) org.UnitID {
	if k.Holder != n.Unit {
		return k.Holder
	}
	up, _ := p.Units.Superior(n.Unit)
	return up
}

// leaves ends what a neighbour has of a case whose turn is no longer with it, and has the neighbour told. What ends by
// the neighbour's own word is not told back to it.
func (o *Office) leaves(ctx context.Context, tx *db.Tx, p *pack.Pack, d *procedure.Definition, k casework.Case, e casework.Event) error {
	live, err := liveReports(ctx, tx, k.ID)
	if err != nil {
		return err
	}
	for _, s := range live {
		if n, ok := p.Neighbour(s.Neighbour); !ok || !stays(d, k, n) {
			if err := o.calledOff(ctx, tx, s, reasonLeft); err != nil {
				return err
			}
		}
	}
	links, err := linksOf(ctx, tx, k.ID)
	if err != nil {
		return err
	}
	for _, l := range links {
		n, ok := p.Neighbour(l.Neighbour)
		if !l.Ours || ok && stays(d, k, n) {
			continue
		}
		if err := endLink(ctx, tx, l.ID); err != nil {
			return err
		}
		if ok && e.By.Actor == n.Actor() {
			continue
		}
		if err := o.tellLater(ctx, tx, p, l, k, e.Seq); err != nil {
			return err
		}
	}
	return nil
}

// owesWord has neighbours told of what is new in cases that came from them: where their public status changed, and when
// there is an answer or a public note.
func (o *Office) owesWord(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
	if k.Sealed != "" || e.Opening != nil {
		return nil // they know what they reported
	}
	links, err := linksOf(ctx, tx, k.ID)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Ours {
			continue
		}
		word := o.Public.Status(k)
		if word == l.Word && !e.Answers && (e.Note == nil || !e.Note.Public) {
			continue
		}
		if err := errors.Join(setWord(ctx, tx, l.ID, word), o.tellLater(ctx, tx, o.Packs.Current(), l, k, e.Seq)); err != nil {
			return err
		}
		if e.Final {
			if err := endLink(ctx, tx, l.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellLater orders that a neighbour be told of an event.
func (o *Office) tellLater(ctx context.Context, tx *db.Tx, p *pack.Pack, l Link, k casework.Case, seq int) error {
	if n, ok := p.Neighbour(l.Neighbour); !ok || !n.Updates {
		return nil // it could not be heard
	}
	s := Send{Neighbour: l.Neighbour, Kind: Update, Case: k.ID, Ref: k.Ref, Place: courier.Place(p.Units, k.Holder), Programme: k.Programme, State: courier.Created, link: l.ID, seq: seq}
	busy, err := telling(ctx, tx, l.ID)
	if err != nil {
		return err
	}
	if s.ID, err = putSend(ctx, tx, s); err != nil || busy {
		return err // it goes when the one before it is through
	}
	return o.begin(ctx, tx, s)
}

// Forget takes away what is kept of a case that is erased or goes under seal, and its jobs.
func Forget(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	return errors.Join(jobs.Forget(ctx, tx, carryKey(id)), jobs.Forget(ctx, tx, arrivedKey(id)), removeCase(ctx, tx, id))
}

// Jobs are the kinds for jobs.NewRunner.
func (o *Office) Jobs() []jobs.Kind {
	return []jobs.Kind{
		{Name: kindCarry, Run: o.carry, Completes: true, Lease: lease, MaxAttempts: endless},
		{Name: kindArrived, Run: o.arrived, Lease: lease, MaxAttempts: endless},
		{Name: kindPoll, Run: o.poll, Lease: lease, MaxAttempts: endless, Completes: true},
	}
}

// Names of jobs.
const (
	kindCarry   = "neighbour.carry"
	kindArrived = "neighbour.arrived"
	kindPoll    = "neighbour.poll"
)

const (
	lease   = 10 * time.Minute // a try looks before it sends, and a poll makes many calls; a second run means that the first one died
	endless = 1 << 30          // its own tries and hours decide when something is given up
)

func carryKey(id casework.CaseID) string   { return kindCarry + ":" + string(id) + ":" }
func arrivedKey(id casework.CaseID) string { return kindArrived + ":" + string(id) + ":" }

type sendJob struct {
	Send int64 `json:"send"`
}

type linkJob struct {
	Link int64 `json:"link"`
	Send int64 `json:"send"`
}

func payloadOf(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("neighbour: %T does not encode: %v", v, err))
	}
	return raw
}

// unitName calls the unit of a neighbour by its name.
func (o *Office) unitName(p *pack.Pack, n *pack.Neighbour, lang string) string {
	return o.Words(p).In(lang).T("unit." + string(n.Unit))
}
