// Package selfview is where a person sees what the house holds about them: in every programme of every
// compartment the matters that are theirs, why and until when they are kept, who looked and for what, what
// was passed on, what they agreed to; and where they take it back, ask for a correction, an erasure, a copy
// or an explanation, and complain.
//
// A person exists here for the length of one request. Proof says who stands there and is made in two ways
// only: by a follow code with what was sent to its contact, or by an officer who has seen a document. From
// it come the pseudonyms, a different one in each programme; each compartment is asked in its turn; the
// page is written and forgotten. Nothing that joins two compartments is stored, not even which of them was
// opened: that travels in the browser's own sealed cookie.
//
// It refuses to list people, to count them, to be asked without a Proof, and to say whether a follow code
// exists, whether it reaches anybody, and whether there is nothing in a compartment or its bearer hid it.
// Beside cmd it is the one room that is handed the readers of several compartments.
//
// Open this file first, then proof.go (who stands there) and view.go (what they see); pages.go and ask.go
// are the pages, counter.go the one of the desk; store.go has all SQL.
package selfview

import (
	"context"
	"embed"
	"io/fs"
	"net/http"

	"comity/internal/consent"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/vault"
	"comity/internal/web"
)

//go:embed schema/*.sql
var schema embed.FS

// Name is what the socket knows these pages by.
const Name = "selfview"

// Room is one compartment, with what this room needs of it.
type Room struct {
	Compartment string
	DB          *db.DB
	Ring        *vault.Ring
	Ledger      *ledger.Ledger
	Reader      *ledger.Reader
	Courier     *courier.Courier
	Consents    *consent.Book
}

// Deps is what the pages are built from.
type Deps struct {
	Rooms []*Room // the civic one first
	Packs *pack.Registry
	// Client names where a request comes from, for the limit on wrong codes; nil = its network address.
	Client func(r *http.Request) string
}

// View serves the pages.
type View struct {
	Deps
	wrong *limit.Limiter // follow codes and digits, by address
	asked *limit.Limiter // looks at the counter, by officer
}

// New makes the view.
func New(d Deps) *View {
	if d.Client == nil {
		d.Client = limit.AddressOf
	}
	return &View{Deps: d, wrong: limit.New(limit.CodesAtOnce, limit.CodesEvery), asked: limit.New(counterAtOnce, counterEvery)}
}

// Migrate makes the tables of one compartment.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, Name, sub)
}

// Job carries the digits of one compartment.
func (r *Room) Job() jobs.Kind { return jobs.Kind{Name: digitsKind, Run: r.send, Completes: true} }

// Programme plugs the pages in.
func (v *View) Programme() programme.Programme {
	return programme.Programme{
		Name: Name,
		Public: map[string]func(*programme.Visitor) error{
			"GET /my":              v.start,
			"POST /my":             v.startPost,
			"GET /my/code":         v.digits,
			"POST /my/code":        v.digitsPost,
			"GET /my/data":         v.data,
			"GET /my/data.json":    v.copyOut,
			"POST /my/open":        v.openPart,
			"POST /my/hide":        v.hidePart,
			"GET /my/show":         v.show,
			"POST /my/show":        v.showPost,
			"GET /my/ask":          v.ask,
			"POST /my/ask":         v.askPost,
			"POST /my/withdraw":    v.withdraw,
			"POST /my/end":         v.end,
			"GET /consent/receipt": v.receipt,
			"POST /consent/check":  v.checkPost,
		},
		Resident: map[string]func(*programme.Resident) error{
			"GET /f/{code}/consent/{consent}":  v.consentPage,
			"POST /f/{code}/consent/{consent}": v.consentPost,
		},
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/counter/mydata":           v.counter,
			"POST /desk/counter/mydata":          v.counterPost,
			"GET /desk/cases/{ref}/consent":      v.deskConsent,
			"POST /desk/cases/{ref}/consent":     v.deskConsentPost,
			"POST /desk/cases/{ref}/consent/end": v.deskConsentEnd,
		},
		Front:  func(p *web.Page) []web.Link { return []web.Link{{Href: "/my", Label: p.T("mydata.link")}} },
		Beside: v.beside,
		Menu:   v.menu,
	}
}

// room finds a compartment.
func (v *View) room(compartment string) (*Room, bool) {
	for _, r := range v.Rooms {
		if r.Compartment == compartment {
			return r, true
		}
	}
	return nil, false
}
