// Package portal owns the pages of residents: report something, get a code, follow it, act on it.
// Nobody has an account here; whoever holds the follow code of a case is its resident.
//
// It refuses to know a programme: acts, forms, steps and terms come from the procedure a case was
// opened under. It refuses to show a person of the office, internal notes, or anything of another
// case. Filing needs neither map nor address search nor script.
//
// Open this file first; every page is a file named like its address (report.go, f_why.go), its HTML
// is in the .templ files, draft.go carries a report between its pages, plan.go draws the map.
package portal

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/maps"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/receipt"
	"comity/internal/web"
)

// Deps is what the pages stand on.
type Deps struct {
	Site   *web.Site
	Packs  *pack.Registry
	Ledger *ledger.Ledger
	Reader *ledger.Reader
	Files  file.Store
	// Secret signs the list of photos a report carries between its pages, at least 16 bytes. It must
	// be the same on every machine that serves the site.
	Secret []byte
	// Client names where a request comes from, for the limit on wrong codes; nil = its network
	// address. Behind a proxy it has to read the proxy's header.
	Client func(r *http.Request) string
	// Prove gives receipts of the civic log; nil leaves them out.
	Prove func(ctx context.Context, c casework.Case, seq int) (r receipt.Receipt, ok bool, err error)
	// Maps are the operator's; nil draws maps from the pack alone.
	Maps *maps.Source
	// Apart are the ways into the other compartments.
	Apart []Door
	// Programmes add their pages; the portal mounts them behind its own checks.
	Programmes []programme.Programme
}

// Door is the way into one compartment. A resident's page is drawn from the one that holds their case; no
// page is drawn from two.
type Door struct {
	Compartment string
	Ledger      *ledger.Ledger
	Reader      *ledger.Reader
	Files       file.Store
	// Prove gives the receipt of one event; ok is false while it is not yet under a signed head.
	Prove func(ctx context.Context, c casework.Case, seq int) (r receipt.Receipt, ok bool, err error)
	// Log is the address of the compartment's public log.
	Log string
}

// doors are the ways into every compartment, the civic one first.
func (d Deps) doors() []Door {
	return append([]Door{{procedure.Civic, d.Ledger, d.Reader, d.Files, d.Prove, "/log"}}, d.Apart...)
}

// doorOf is the compartment in which cases of a category lie.
func (d Deps) doorOf(category string) Door {
	p := d.Packs.Current()
	doors := d.doors()
	if c, ok := p.Category(category); ok && p.Procedures[c.Procedure] != nil {
		for _, door := range doors {
			if door.Compartment == p.Procedures[c.Procedure].Compartment {
				return door
			}
		}
	}
	return doors[0]
}

// Portal serves the pages.
type Portal struct {
	Deps
	wrong *limit.Limiter // wrong codes

	once   sync.Once
	begun  *limit.Limiter // uploads
	coming *file.Uploads
}

// New makes the portal. It panics on a short secret, because such a site must not start.
func New(d Deps) *Portal {
	if len(d.Secret) < 16 {
		panic("portal: Deps.Secret has fewer than 16 bytes; draw 32 random ones and keep them")
	}
	if d.Client == nil {
		d.Client = limit.AddressOf
	}
	return &Portal{Deps: d, wrong: limit.New(limit.CodesAtOnce, limit.CodesEvery)}
}

// Mount registers every page.
func (p *Portal) Mount(mux web.Router) {
	for pattern, h := range map[string]web.Handler{
		"GET /{$}":                          p.home,
		"GET /report":                       p.report,
		"POST /report":                      p.reportPost,
		"GET /report/photo/{token}":         p.reportPhoto,
		"GET /reports/{ref}/photo/{sha256}": p.publicPhoto,
		"GET /map/tiles/{z}/{x}/{y}":        p.tile,
		"GET /map/shapes":                   p.shapes,
		"GET /sent/{code}":                  p.sent,
		"GET /follow":                       p.follow,
		"POST /follow":                      p.followPost,
		"GET /report/upload.js":             p.uploadScript,
		"OPTIONS /upload":                   p.uploadOptions,
		"POST /upload":                      p.uploadBegin,
		"HEAD /upload/{name}":               p.uploadAt,
		"PATCH /upload/{name}":              p.uploadMore,
		"DELETE /upload/{name}":             p.uploadDrop,
		"GET /f/{code}":                     p.caseOf,
		"GET /f/{code}/why":                 p.why,
		"GET /f/{code}/proof":               p.proof,
		"GET /f/{code}/proof/{seq}":         p.proofFile,
		"GET /f/{code}/law":                 p.caseLaw,
		"GET /f/{code}/with/{ref}":          p.with,
		"GET /f/{code}/do/{act}":            p.do,
		"POST /f/{code}/do/{act}":           p.doPost,
		"GET /f/{code}/note":                p.note,
		"POST /f/{code}/note":               p.notePost,
		"GET /f/{code}/file/{sha256}":       p.file,
		"GET /p/{code}":                     p.party,
		"GET /p/{code}/do/{act}":            p.partyDo,
		"POST /p/{code}/do/{act}":           p.partyDoPost,
		"GET /kiosk":                        p.kiosk,
		"POST /kiosk":                       p.kioskOn,
		"GET /kiosk/end":                    p.kioskEnd,
		"POST /kiosk/end":                   p.kioskEnd,
		"GET /where":                        p.where,
		"GET /where/{door}":                 p.where,
		"GET /law":                          p.law,
		"GET /law/{procedure}":              p.lawOf,
		"GET /about/privacy":                p.privacy,
		"GET /about/accessibility":          p.accessibility,
		"/":                                 p.nothing,

		"GET /v":                         p.filePageForm,
		"GET /v/{ref}/{page}/{of}/{sum}": p.filePage,
	} {
		mux.Handle(pattern, p.Site.Serve(p.sheltered(h)))
	}
	for _, g := range p.Programmes {
		for pattern, h := range g.Public {
			mux.Handle(pattern, p.Site.Serve(func(w http.ResponseWriter, r *http.Request) error {
				return h(&programme.Visitor{W: w, R: r, Site: p.Site})
			}))
		}
		for pattern, h := range g.Resident {
			mux.Handle(pattern, p.Site.Serve(p.sheltered(p.resident(h))))
		}
		for pattern, h := range g.Party {
			mux.Handle(pattern, p.Site.Serve(p.sheltered(p.member(h))))
		}
	}
}

// resident lets a programme's page run only for whoever holds the follow code in its address.
func (p *Portal) resident(h func(*programme.Resident) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		door, c, err := p.held(r)
		if err != nil {
			return err
		}
		if door.Compartment != procedure.Civic {
			return web.ErrNotFound // programmes keep tables in the civic compartment only
		}
		look, err := door.look(r, c)
		if err != nil {
			return err
		}
		c = look.Case()
		return h(&programme.Resident{Visitor: programme.Visitor{W: w, R: r, Site: p.Site}, Case: c, Actor: authz.Holder(string(c.ID))})
	}
}

// nothing answers every address that leads nowhere with a page in the person's language.
func (p *Portal) nothing(http.ResponseWriter, *http.Request) error { return web.ErrNotFound }

// held finds the case of the code in the address. Failures count against the address they come from.
func (p *Portal) held(r *http.Request) (Door, casework.Case, error) {
	code, err := casework.ParseCode(p.codeOf(r))
	if err != nil {
		return Door{}, casework.Case{}, web.ErrNotFound
	}
	return p.byCode(r, code)
}

// look opens the case for whoever holds its code. That they looked is written down like everybody's look:
// who lost the code sees that somebody else used it.
func (d Door) look(r *http.Request, c casework.Case) (*ledger.Look, error) {
	return d.Ledger.Look(r.Context(), authz.Holder(string(c.ID)), ledger.Ticket{Case: c.ID, Purpose: ledger.PurposeOwn, Level: authz.Identity})
}

// byCode finds the case and the compartment it lies in. A code tells neither, so every compartment is asked.
func (p *Portal) byCode(r *http.Request, code casework.Code) (at Door, c casework.Case, err error) {
	at, err = p.behind(r, func(at Door) (err error) {
		c, err = at.Reader.ByCode(r.Context(), code)
		return err
	})
	return at, c, err
}

// behind asks every compartment for what a code opens, and counts codes that open nothing.
func (p *Portal) behind(r *http.Request, find func(Door) error) (at Door, err error) {
	from, now := p.Client(r), p.Site.Now()
	if wait := p.wrong.Wait(from, now); wait > 0 {
		return at, &web.Refused{Status: http.StatusTooManyRequests, Rule: "portal.too_many", Wait: wait}
	}
	for _, at = range p.doors() {
		if err = find(at); !errors.Is(err, ledger.ErrNotFound) {
			return at, err
		}
	}
	p.wrong.Count(from, now)
	return at, &web.Noted{Err: err, As: "code.unknown"}
}

// take copies photos that waited for their report into the folder of the compartment it goes to, where they
// get another name and key: no two compartments share either. They stay known by what was sent.
func (d Door) take(ctx context.Context, from file.Store, list []casework.File) error {
	if d.Files.Dir == from.Dir {
		return nil
	}
	for i, f := range list {
		if f.Sent == "" {
			list[i].Sent = f.SHA256
		}
		key := &list[i].Key
		if f.Held != "" {
			key = &list[i].Locked
		}
		if err := d.carry(ctx, from, &list[i].SHA256, key); err != nil {
			return err
		}
		if err := d.carry(ctx, from, &list[i].Original, &list[i].OriginalKey); err != nil {
			return err
		}
	}
	return nil
}

// carry copies one stored file, if there is one, and puts its new name and key in place of the old.
func (d Door) carry(ctx context.Context, from file.Store, name, key *string) error {
	if *name == "" {
		return nil
	}
	src, err := from.Open(*name, *key)
	if err != nil {
		return err
	}
	*name, *key, err = d.Files.PutFrom(ctx, src)
	return errors.Join(err, src.Close())
}
