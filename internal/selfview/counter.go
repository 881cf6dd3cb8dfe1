package selfview

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// How many people an officer can look up at once, and how long until one more: a counter serves people who
// stand before it, a search would ask faster.
const (
	counterAtOnce = 12
	counterEvery  = 5 * time.Minute
)

// serves reports whether an officer may serve at the counter: by a role the pack names with the parameter
// mydata.role.ROLE. A pack that names none has no such counter.
func serves(p *pack.Pack, who authz.Actor) bool {
	return who.IsStaff() && who.For() == "" && slices.ContainsFunc(who.Grants(), func(g authz.Grant) bool { return p.Parameters["mydata.role."+string(g.Role)] > 0 })
}

func (v *View) menu(p *web.Page, who authz.Actor, at string) []web.NavItem {
	if !serves(v.Packs.Current(), who) {
		return nil
	}
	return []web.NavItem{{Href: "/desk/counter/mydata", Label: p.T("mydata.counter.link"), Icon: "eye", Current: at == "/desk/counter/mydata"}}
}

// counterPage asks for what the document says.
type counterPage struct {
	Number, Phone, Mail string
	Wrong               string
	Data                *dataPage
	Shown               bool // parts that were hidden are shown again
}

func (v *View) counter(o *programme.Officer) error {
	if !serves(v.Packs.Current(), o.Actor) {
		return web.ErrNotFound
	}
	if err := o.Fresh(); err != nil {
		return err
	}
	p := o.Page("mydata.counter.title")
	return o.Write(p, http.StatusOK, counterBody(p, counterPage{}))
}

func (v *View) counterPost(o *programme.Officer) error {
	if !serves(v.Packs.Current(), o.Actor) {
		return web.ErrNotFound
	}
	if err := o.Fresh(); err != nil {
		return err
	}
	if err := web.ReadForm(o.R, "number", "phone", "mail", "seen", "unhide"); err != nil {
		return err
	}
	f := o.R.PostForm
	d := counterPage{Number: strings.TrimSpace(f.Get("number")), Phone: strings.TrimSpace(f.Get("phone")), Mail: strings.TrimSpace(f.Get("mail"))}
	p := o.Page("mydata.counter.title")
	if d.Number == "" || f.Get("seen") == "" {
		d.Wrong, p.Wrong = p.T("mydata.counter.wrong"), true
		return o.Write(p, http.StatusUnprocessableEntity, counterBody(p, d))
	}
	if wait := v.asked.Wait(o.Actor.ID(), o.Site.Now()); wait > 0 {
		return &web.Refused{Status: http.StatusTooManyRequests, Rule: "portal.too_many", Wait: wait}
	}
	v.asked.Count(o.Actor.ID(), o.Site.Now())
	view, err := v.answer(o, p, seen(factsOf(d), o.Actor.Compartment()), f.Get("unhide") != "")
	if err != nil {
		return err
	}
	d.Data, d.Shown = &view, f.Get("unhide") != ""
	return o.Write(p, http.StatusOK, counterBody(p, d))
}

// answer shows the civic part and the one the officer's session is bound to. Each case is recorded as looked
// up because its person asked, before anything of it is shown.
func (v *View) answer(o *programme.Officer, p *web.Page, proof Proof, unhide bool) (dataPage, error) {
	ctx := o.R.Context()
	at := View{Deps: v.Deps}
	at.Rooms = nil
	for _, r := range v.Rooms {
		if r.Compartment == procedure.Civic || r.Compartment == o.Actor.Compartment() {
			at.Rooms = append(at.Rooms, r)
		}
	}
	if unhide {
		for _, r := range at.Rooms {
			if err := v.showAll(ctx, r, proof); err != nil {
				return dataPage{}, err
			}
		}
	}
	s, err := at.See(ctx, proof)
	if err != nil {
		return dataPage{}, err
	}
	for _, part := range s.Parts {
		r, _ := v.room(part.Compartment)
		for _, g := range part.Programmes {
			for _, m := range g.Matters {
				if err := r.Ledger.Asked(ctx, o.Actor, m.Case.ID); err != nil {
					return dataPage{}, err
				}
			}
		}
	}
	if s, err = at.See(ctx, proof); err != nil { // with the looks that this one made
		return dataPage{}, err
	}
	d := v.shown(p, s)
	d.Person = false
	return d, nil
}

// factsOf are what the person showed.
func factsOf(d counterPage) (out []ledger.Fact) {
	for _, f := range []ledger.Fact{{Kind: ledger.ByNumber, Value: d.Number}, {Kind: ledger.ByPhone, Value: d.Phone}, {Kind: ledger.ByMail, Value: d.Mail}} {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}
