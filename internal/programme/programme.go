// Package programme is the socket: what a programme that needs code of its own plugs into the house.
//
// A programme is a value of type Programme, made by cmd and handed to the surfaces. Each kind of page
// comes with its own check, made by the surface that mounts it: a page under Resident runs only after
// the follow code was found, one under Party after the key of a member was, a page under Desk only for a signed-in officer, so a programme cannot
// forget either and never makes an actor itself.
//
// It refuses to know any programme, and any surface. What a procedure of a pack can say needs no
// Programme at all. Open this file first; it is the whole package.
package programme

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ical"
	"comity/internal/jobs"
	"comity/internal/org"
	"comity/internal/web"
)

// Programme is what one programme adds to the house beyond its pack. All but Name may be zero.
type Programme struct {
	Name    string
	Migrate func(context.Context, *db.DB) error // its own tables
	Jobs    []jobs.Kind
	Forget  func(context.Context, *db.Tx, casework.CaseID) error // takes away what its tables hold of a case that goes under seal
	// Project keeps rows of its own beside an event of any case, in the same transaction; a refusal undoes
	// what somebody asked for.
	Project func(ctx context.Context, tx *db.Tx, c casework.Case, e casework.Event) error

	// Pages by the pattern of http.ServeMux. Those of residents and of members of a case hold {code}, those
	// of the desk begin with /desk/.
	Public   map[string]func(*Visitor) error
	Resident map[string]func(*Resident) error
	Party    map[string]func(*Party) error
	Desk     map[string]func(*Officer) error

	Front  func(*web.Page) []web.Link                                          // ways from the first page of the portal
	Beside func(context.Context, *web.Page, casework.Case) ([]web.Link, error) // ways from the resident's page of a case
	Menu   func(p *web.Page, officer authz.Actor, at string) []web.NavItem     // places of the desk; at is the path of the page
	// Instead names the page, below that of a case, on which an act is done better than on a form of its own.
	Instead func(c casework.Case, act string) (page string, ok bool)
	// Agenda are the appointments of whoever works at the desk, for their calendar. They name nobody.
	Agenda func(ctx context.Context, p *web.Page, officer authz.Actor, host, origin string) ([]ical.Event, error)
	// Ways from the page of a case as a member of it sees it, and as the desk does.
	PartyBeside func(context.Context, *web.Page, casework.Case, casework.Member) ([]web.Link, error)
	DeskBeside  func(context.Context, *web.Page, casework.Case, authz.Actor) ([]web.Link, error)
}

// Visitor is one request of anybody.
type Visitor struct {
	W    http.ResponseWriter
	R    *http.Request
	Site *web.Site
}

// Page begins the answer.
func (v *Visitor) Page(title string, kv ...string) *web.Page { return v.Site.Page(v.R, title, kv...) }

// Write sends a page in the shell of residents.
func (v *Visitor) Write(p *web.Page, status int, body templ.Component) error {
	return p.Write(v.W, v.R, status, web.PublicLayout(p, body))
}

// Go sends the browser on after a form was carried out.
func (v *Visitor) Go(to string) error {
	http.Redirect(v.W, v.R, to, http.StatusSeeOther)
	return nil
}

// Resident is one request of somebody whose follow code was found.
type Resident struct {
	Visitor
	Case  casework.Case
	Actor authz.Actor // the holder of this one case
}

// Page begins an answer that search engines are kept away from.
func (v *Resident) Page(title string, kv ...string) *web.Page {
	p := v.Visitor.Page(title, kv...)
	p.Private = true
	return p
}

// Party is one request of somebody whose key of one member of one case was found. Case shows what a member
// may see of it; Member is who they are.
type Party struct {
	Visitor
	Case   casework.Case
	Member casework.Member
	Actor  authz.Actor // the holder of the key of this one member
}

// Page begins an answer that search engines are kept away from.
func (v *Party) Page(title string, kv ...string) *web.Page {
	p := v.Visitor.Page(title, kv...)
	p.Private = true
	return p
}

// Officer is one request of somebody signed in at the desk.
type Officer struct {
	Visitor
	Actor   authz.Actor
	Home    org.UnitID
	Name    func(p *web.Page, account string) string // what an account is called; the account itself where it is unknown
	Shell   func(*web.Page) *web.Shell               // what the desk shows around a page
	Sheet   templ.Component                          // its styles
	Fresh   func() error                             // lets go on only who proved within minutes who they are; hand its error on
	Uploads func() ([]casework.File, error)          // takes in the files of the posted form, through the one pipeline
	Hand    func(to string)                          // binds the browser to pages below an address; any other page of the desk ends the session
}

// Page begins an answer in the desk's shell.
func (o *Officer) Page(title string, kv ...string) *web.Page {
	p := o.Visitor.Page(title, kv...)
	p.Officer = o.Shell(p)
	return p
}

// Write sends a page in the desk's shell.
func (o *Officer) Write(p *web.Page, status int, body templ.Component) error {
	return p.Write(o.W, o.R, status, web.OfficerLayout(p, templ.Join(o.Sheet, body)))
}
