package desk

import (
	"errors"
	"net/http"
	"strings"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/web"
)

// standingCookie holds which delegation the browser uses. It is a choice and no right: whether the
// delegation counts is asked with every request.
const standingCookie = "comity_for"

// stand finds who the officer acts for. A choice that counts no longer is an error: what was meant to be
// done for somebody must not be done in one's own name instead.
func (d *Desk) stand(r *http.Request, who account.Account) (*account.Standing, error) {
	chosen := d.site.Secret(r, standingCookie)
	if chosen == "" {
		return nil, nil
	}
	in, err := d.Accounts.StandIn(r.Context(), who, chosen)
	if err != nil {
		return nil, err
	}
	return &in, nil
}

// ended answers a request under a delegation that counts no longer: the choice is forgotten.
func (d *Desk) ended(w http.ResponseWriter, r *http.Request) error {
	d.keepStanding(w, "")
	if r.Method != http.MethodGet {
		return &web.Refused{Status: http.StatusForbidden, Rule: "desk.standing.ended"}
	}
	http.Redirect(w, r, "/desk/me/delegations?ended=1", http.StatusSeeOther)
	return nil
}

// keepStanding keeps the choice like a secret, so that no neighbouring site can make it for somebody.
func (d *Desk) keepStanding(w http.ResponseWriter, id string) {
	d.site.KeepSecret(w, standingCookie, id, 0)
}

// sit puts the officer at the seat of the absent person, for the pages that ask whose work it is.
func (v *visit) sit(in *account.Standing) {
	v.standing = in
	v.actor = in.Actor.In(v.Compartment)
	v.scope = v.actor.Scope()
	v.who.Grants = in.Actor.Grants()
}

// worker is who ordered a work that goes on after the request.
func (v *visit) worker() string {
	if v.standing == nil {
		return v.who.ID
	}
	return account.Worker(v.who.ID, v.standing.ID)
}

// standDo begins or ends acting for somebody.
func (v *visit) standDo() error {
	if err := v.fields("delegation"); err != nil {
		return err
	}
	id := v.r.PostForm.Get("delegation")
	if id != "" {
		if _, err := v.Accounts.StandIn(v.ctx(), v.who, id); errors.Is(err, account.ErrNoSession) {
			return v.ended(v.w, v.r)
		} else if err != nil {
			return err
		}
	}
	v.keepStanding(v.w, id)
	http.Redirect(v.w, v.r, "/desk", http.StatusSeeOther)
	return nil
}

// own refuses what a deputy may not do in the name of the absent person.
func (v *visit) own() error {
	if v.standing != nil {
		return &web.Refused{Status: http.StatusForbidden, Rule: "desk.standing.own"}
	}
	return nil
}

// front is the first page: an administrator without work on cases begins with the accounts.
func (v *visit) front() error {
	if v.keepsOnly() {
		http.Redirect(v.w, v.r, "/desk/admin", http.StatusSeeOther)
		return nil
	}
	if v.elsewhere() {
		http.Redirect(v.w, v.r, "/desk/compartment", http.StatusSeeOther)
		return nil
	}
	if led, err := v.begin(); led || err != nil {
		return err
	}
	return v.home()
}

func (v *visit) keepsOnly() bool { return len(v.actor.Grants()) == 0 && len(v.actor.Administers()) > 0 }

// plan is what the rules of accounts need to know of the city.
func (v *visit) plan() account.Plan {
	p := account.Plan{Units: v.pack.Units, Heads: v.Heads, Rules: v.pack.Rules}
	for _, g := range v.pack.Programmes {
		p.Programmes = append(p.Programmes, g.ID)
	}
	return p
}

// fields reads the posted form, which may hold the named fields only (web.ReadForm).
func (v *visit) fields(names ...string) error { return web.ReadForm(v.r, names...) }

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// told turns an error of the accounts into what a page shows: a mistake of the form, or the error itself.
func told(p *web.Page, err error) ([]web.Mistake, error) {
	var no *account.Refused
	if errors.As(err, &no) {
		return []web.Mistake{{Words: p.Problem(no.Rule, named(p, no))}}, nil
	}
	if errors.Is(err, account.ErrUnknown) {
		return nil, web.ErrNotFound
	}
	return nil, err
}

// named puts the words of roles and units where a refusal of grants has their ids.
func named(p *web.Page, no *account.Refused) map[string]string {
	if !strings.HasPrefix(no.Rule, "grant.") {
		return no.Params
	}
	return map[string]string{"a": roleName(p, authz.Role(no.Params["a"])), "b": roleName(p, authz.Role(no.Params["b"])), "unit": p.T("unit." + no.Params["unit"])}
}

// grantWords says a grant in a line.
func grantWords(p *web.Page, g authz.Grant) string {
	said := roleName(p, g.Role) + p.T("desk.sep") + p.T("unit."+string(g.Unit))
	for i, programme := range g.Programmes {
		sep := p.T("desk.comma")
		if i == 0 {
			sep = p.T("desk.sep")
		}
		said += sep + p.T("programme."+programme)
	}
	return said
}
