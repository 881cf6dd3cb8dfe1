// Package post has the pages on which officers look after messages: what is stuck or came back, letters to be
// printed, what receivers of webhooks were told, what is exchanged with units that work on a system of their own,
// every text as people read it, and mail that became part of no case.
//
// It owns no table: deliveries are the courier's, exchanges the neighbour office's. Who has these pages is the pack's (post.yaml, keepers): such a role
// reaches the deliveries of cases its unit or one below it holds, and the reach is part of every query. A page shows the
// number of a case, the kind of text, the channel, times and what a gateway said; of a sealed case nothing but its
// number. No page shows an address or what was written, but for letters, which are opened on record to be printed.
//
// It refuses to write a message or to change one. Open this file first, then list.go, one.go, unwritten.go, letters.go, more.go,
// mail.go and neighbours.go.
package post

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/courier"
	"comity/internal/inmail"
	"comity/internal/neighbour"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

// Name is the name of the programme.
const Name = "post"

// Deps is what the programme is built from.
type Deps struct {
	Courier *courier.Courier
	Packs   *pack.Registry
	Words   func(*pack.Pack) *text.Catalogue
	Mail    func() *inmail.Room // takes in what comes by mail; nil, or nil from it: nothing does
	// Neighbours is what is exchanged with units that work on a system of their own; nil: nothing.
	Neighbours *neighbour.Office
}

type office struct{ Deps }

// New plugs the programme in.
func New(d Deps) programme.Programme {
	o := &office{d}
	return programme.Programme{
		Name: Name,
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/post":                      o.list,
			"GET /desk/post/{id}":                 o.show,
			"POST /desk/post/{id}":                o.decide,
			"POST /desk/post/unwritten":           o.writeAgain,
			"GET /desk/post/letters":              o.letters,
			"POST /desk/post/letters":             o.newBatch,
			"GET /desk/post/letters/{batch}":      o.batch,
			"GET /desk/post/letters/{batch}/file": o.batchFile,
			"POST /desk/post/letters/{batch}":     o.posted,
			"GET /desk/post/texts":                o.texts,
			"GET /desk/post/webhooks":             o.hooks,
			"POST /desk/post/webhooks":            o.replay,
			"GET /desk/post/neighbours":           o.neighbours,
			"GET /desk/post/neighbours/{id}":      o.exchange,
			"POST /desk/post/neighbours/{id}":     o.exchangeDo,
			"GET /desk/post/mail":                 o.mails,
			"GET /desk/post/mail/{id}":            o.mailShow,
			"POST /desk/post/mail/{id}":           o.mailDo,
		},
		Menu: o.menu, DeskBeside: o.beside,
	}
}

// reach is what an officer may see of the deliveries: nothing without a role the pack names.
func reach(p *pack.Pack, who authz.Actor) []courier.Reach {
	if p.Post == nil {
		return nil
	}
	return courier.ReachOf(p.Units, who, func(r authz.Role) bool { return slices.Contains(p.Post.Keepers, r) })
}

// keeper is an officer who looks after messages.
func (x *office) keeper(o *programme.Officer) ([]courier.Reach, error) {
	in := reach(x.Packs.Current(), o.Actor)
	if len(in) == 0 {
		return nil, &web.Refused{Status: http.StatusForbidden, Rule: "post.not_yours"}
	}
	return in, nil
}

// whole says whether an officer looks after the messages of the whole city, which the webhooks belong to.
func whole(p *pack.Pack, who authz.Actor) bool {
	city := courier.Place(p.Units, p.Units.Root())
	return slices.ContainsFunc(reach(p, who), func(r courier.Reach) bool { return r.Place == city && len(r.Programmes) == 0 })
}

// menu leads to the messages whoever looks after some.
func (x *office) menu(page *web.Page, who authz.Actor, at string) []web.NavItem {
	if len(reach(x.Packs.Current(), who)) == 0 {
		return nil
	}
	return []web.NavItem{{Href: "/desk/post", Label: page.T("post.title"), Icon: "bell", Current: strings.HasPrefix(at, "/desk/post")}}
}

// ways are the parts of these pages.
func (x *office) ways(page *web.Page, o *programme.Officer) []web.Link {
	out := []web.Link{{Href: "/desk/post", Label: page.T("post.title")}, {Href: "/desk/post/letters", Label: page.T("post.letters.title")}, {Href: "/desk/post/texts", Label: page.T("post.texts.title")}}
	if whole(x.Packs.Current(), o.Actor) && x.Courier.Post != nil && len(x.Courier.Post.Hooks) > 0 {
		out = append(out, web.Link{Href: "/desk/post/webhooks", Label: page.T("post.hooks.title")})
	}
	if x.hasNeighbours() {
		out = append(out, web.Link{Href: nextDoor, Label: page.T("neighbour.title")})
	}
	if whole(x.Packs.Current(), o.Actor) && x.mail() != nil {
		out = append(out, web.Link{Href: mailAt, Label: page.T("post.mail.title")})
	}
	return out
}

func numberIn(o *programme.Officer, name string) (int64, error) {
	n, err := strconv.ParseInt(o.R.PathValue(name), 10, 64)
	if err != nil || n < 1 {
		return 0, web.ErrNotFound
	}
	return n, nil
}
