// Package dataaccess owns what a pack cannot say of two public registers: the questions one body may ask
// another about a person, and the cameras in public places.
//
// Tables: data_requests (which application has a request open, and which questions were refused for it),
// camera_entries and camera_changes (the register of cameras and everything that was ever changed in it).
// The life of a data request is a procedure of the pack; here is only what lies between two of them: an
// application has one request at a time, and a question that was refused for it is not asked again. The life
// of a camera entry: somebody of the unit writes it down or imports a table, everybody reads it, each change
// is kept with who and why, and what is withdrawn stays to be read.
//
// It refuses pictures: none can be attached to a case of this programme, and the register holds no link to
// one. It refuses to copy an answer, to know who a person is, and to lead from an application to a case: it
// keeps a keyed hash of the number.
//
// Open this file first, then requests.go for the rules between requests, camera.go for what an entry is,
// table.go for import; store.go has all SQL; questions.go, public.go and staff.go are the pages.
package dataaccess

import (
	"context"
	"embed"
	"io/fs"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

//go:embed schema/*.sql
var schema embed.FS

// Name is the programme of the pack whose cases this package looks after.
const Name = "dataaccess"

// errNone says that there is no such thing for whoever asks.
var errNone = web.ErrNotFound

func refuse(rule string, kv ...string) *casework.Refusal {
	r := &casework.Refusal{Rule: rule, Params: map[string]string{}}
	for i := 0; i+1 < len(kv); i += 2 {
		r.Params[kv[i]] = kv[i+1]
	}
	return r
}

// Deps is what the programme is built from.
type Deps struct {
	DB    *db.DB
	Packs *pack.Registry
	Index func(kind, value string) string // a keyed hash, apart for each kind
}

type access struct{ Deps }

// New plugs the programme in.
func New(d Deps) programme.Programme {
	a := &access{d}
	return programme.Programme{
		Name: Name, Migrate: Migrate, Project: a.project,
		Public: map[string]func(*programme.Visitor) error{
			"GET /questions":      a.questions,
			"GET /cameras":        a.cameras,
			"GET /cameras.csv":    a.camerasCSV,
			"GET /cameras.json":   a.camerasJSON,
			"GET /cameras/{id}":   a.camera,
			"GET /questions.json": a.questionsJSON,
		},
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/cameras":                a.list,
			"GET /desk/cameras/new":            a.newShow,
			"POST /desk/cameras/new":           a.newPost,
			"GET /desk/cameras/import":         a.importShow,
			"POST /desk/cameras/import":        a.importPost,
			"GET /desk/cameras/{id}":           a.show,
			"GET /desk/cameras/{id}/edit":      a.editShow,
			"POST /desk/cameras/{id}/edit":     a.editPost,
			"GET /desk/cameras/{id}/withdraw":  a.withdrawShow,
			"POST /desk/cameras/{id}/withdraw": a.withdrawPost,
		},
		Front: a.front, Beside: a.beside, Menu: a.menu,
	}
}

// Migrate makes the tables.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "dataaccess", sub)
}

// front leads from the first page to the registers the city has.
func (a *access) front(page *web.Page) []web.Link {
	p := a.Packs.Current()
	var out []web.Link
	if p.Cameras != nil {
		out = append(out, web.Link{Href: "/cameras", Label: page.T("cameras.title"), Icon: "camera"})
	}
	if p.Register != nil {
		out = append(out, web.Link{Href: "/questions", Label: page.T("questions.title"), Icon: "eye"})
	}
	return out
}

// beside leads from the page of a case to the entry of the register it rests on.
func (a *access) beside(_ context.Context, page *web.Page, c casework.Case) ([]web.Link, error) {
	p := a.Packs.Current()
	if q, ok := p.Register.Question(c.Facts[pack.AskField]); ok && c.Procedure == p.Register.Procedure {
		return []web.Link{{Href: "/questions#" + q.ID, Label: page.T("questions.beside"), Icon: "eye"}}, nil
	}
	if p.Cameras != nil && c.Category == p.Cameras.Footage {
		return []web.Link{{Href: "/cameras", Label: page.T("cameras.beside"), Icon: "camera"}}, nil
	}
	return nil, nil
}

// menu leads to the register of cameras whoever keeps a part of it.
func (a *access) menu(page *web.Page, who authz.Actor, at string) []web.NavItem {
	p := a.Packs.Current()
	if p.Cameras == nil || len(keeping(p, who)) == 0 {
		return nil
	}
	return []web.NavItem{{Href: "/desk/cameras", Label: page.T("cameras.desk.title"), Icon: "camera", Current: strings.HasPrefix(at, "/desk/cameras")}}
}
