package desk

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/web"
)

// delegationsPage shows who may act for the officer, and for whom the officer may act.
type delegationsPage struct {
	Mistakes      []web.Mistake
	Ended, Done   bool
	Given, Taken  []delegationRow
	Grants        []web.Choice // own grants, by number
	Chosen        []string
	Colleagues    []web.Choice
	Deputy        string
	For           string // whom it is for, when a head or an administrator arranges it
	ForName       string
	Others        []web.Choice // for whom the officer may arrange one
	From, To      string
	Today, Reason string
	Can           bool // the officer has something to pass on
}

type delegationRow struct {
	ID, Name, Reason, By string
	Grants               []string
	From, To             string
	Live, Ahead, Revoked bool
	Using                bool
}

func (v *visit) delegations() error { return v.showDelegations(http.StatusOK, delegationsPage{}) }

func (v *visit) showDelegations(status int, d delegationsPage) error {
	if err := v.own(); err != nil {
		return err
	}
	p := v.page("accounts.delegations.title")
	p.Wrong = len(d.Mistakes) > 0
	q := v.r.URL.Query()
	d.Ended, d.Done, d.Today = q.Get("ended") != "", q.Get("done") != "", v.today()
	away, err := v.away(q.Get("for"))
	if err != nil {
		return err
	}
	d.For, d.ForName = "", ""
	if away.ID != v.who.ID {
		d.For, d.ForName = away.ID, away.NameIn(p.Lang)
	}
	list, err := v.Accounts.Delegations(v.ctx(), away.ID)
	if err != nil {
		return err
	}
	for _, g := range list {
		row := v.delegationRow(p, g, away.ID)
		if g.For == away.ID {
			d.Given = append(d.Given, row)
		} else if d.For == "" {
			d.Taken = append(d.Taken, row)
		}
	}
	for i, g := range away.Actor(v.pack.Rules).Grants() {
		d.Grants = append(d.Grants, web.Choice{Value: strconv.Itoa(i), Label: grantWords(p, g)})
	}
	d.Can = len(d.Grants) > 0
	if d.Colleagues, err = v.colleagues(p, away); err != nil {
		return err
	}
	if d.Others, err = v.arrangedFor(p); err != nil {
		return err
	}
	return v.write(p, status, delegationsBody(p, d))
}

// away is whose delegations the page is about: the officer's own, or those of somebody they may arrange
// one for.
func (v *visit) away(id string) (account.Account, error) {
	if id == "" || id == v.who.ID {
		return v.who, nil
	}
	a, err := v.Accounts.ByID(v.ctx(), id)
	if err != nil || a.Disabled || !v.arranges(a) {
		return account.Account{}, web.ErrNotFound
	}
	return a, nil
}

// arranges reports whether the officer leads, or keeps the accounts of, a unit the person works for.
func (v *visit) arranges(a account.Account) bool {
	return slices.ContainsFunc(a.Actor(v.pack.Rules).Grants(), func(g authz.Grant) bool {
		return v.actor.Keeps(v.pack.Units, g.Unit) || slices.ContainsFunc(v.actor.Grants(), func(own authz.Grant) bool { return own.Unit == g.Unit && slices.Contains(v.Heads, own.Role) })
	})
}

func (v *visit) delegationRow(p *web.Page, d account.Delegation, about string) delegationRow {
	other := d.Deputy
	if d.For != about {
		other = d.For
	}
	r := delegationRow{ID: d.ID, Name: v.officer(p, other), Reason: d.Reason, From: p.Day(d.Starts), To: p.Day(d.Ends.Add(-time.Second)),
		Live: d.Live(v.now), Ahead: d.Revoked.IsZero() && v.now.Before(d.Starts), Revoked: !d.Revoked.IsZero()}
	if d.MadeBy != d.For {
		r.By = v.officer(p, d.MadeBy)
	}
	for _, g := range d.Chosen {
		r.Grants = append(r.Grants, grantWords(p, g))
	}
	return r
}

// colleagues are those of the person's own units and of the units right above, whom one names as deputy.
func (v *visit) colleagues(p *web.Page, away account.Account) ([]web.Choice, error) {
	var units []org.UnitID
	for _, g := range away.Actor(v.pack.Rules).Grants() {
		units = append(units, g.Unit)
		if up, ok := v.pack.Units.Superior(g.Unit); ok {
			units = append(units, up)
		}
	}
	return v.staffOf(p, units, func(a account.Account) bool { return a.ID != away.ID && a.ID != v.who.ID })
}

// arrangedFor are those of the units the officer leads.
func (v *visit) arrangedFor(p *web.Page) ([]web.Choice, error) {
	var units []org.UnitID
	for _, g := range v.actor.Grants() {
		if slices.Contains(v.Heads, g.Role) {
			units = append(units, g.Unit)
		}
	}
	return v.staffOf(p, units, func(a account.Account) bool { return a.ID != v.who.ID })
}

func (v *visit) staffOf(p *web.Page, units []org.UnitID, takes func(account.Account) bool) ([]web.Choice, error) {
	var out []web.Choice
	seen := map[string]bool{}
	for _, u := range units {
		list, err := v.Accounts.OfUnit(v.ctx(), u)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if !seen[a.ID] && takes(a) {
				seen[a.ID] = true
				out = append(out, web.Choice{Value: a.ID, Label: a.NameIn(p.Lang) + p.T("desk.sep") + short(p, u)})
			}
		}
	}
	return out, nil
}

func (v *visit) delegate() error {
	if err := v.fields("for", "deputy", "grant*", "from", "to", "reason"); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	sent := v.r.PostForm
	away, err := v.away(sent.Get("for"))
	if err != nil {
		return err
	}
	held := away.Actor(v.pack.Rules).Grants()
	d := account.Delegation{For: away.ID, Deputy: sent.Get("deputy"), Reason: sent.Get("reason"), Starts: v.dayBegins(sent.Get("from"), 0), Ends: v.dayBegins(sent.Get("to"), 1)}
	for _, n := range sent["grant"] {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i >= len(held) {
			return &web.Refused{Status: http.StatusBadRequest, Rule: "desk.form.extra", Params: map[string]string{"got": clip(n)}}
		}
		d.Chosen = append(d.Chosen, held[i])
	}
	if _, err = v.Accounts.Delegate(v.ctx(), v.actor, v.plan(), d); err != nil {
		mistakes, err := told(v.site.Page(v.r, "accounts.delegations.title"), err)
		if err != nil {
			return err
		}
		q := v.r.URL.Query()
		q.Set("for", sent.Get("for"))
		v.r.URL.RawQuery = q.Encode()
		return v.showDelegations(http.StatusUnprocessableEntity, delegationsPage{Mistakes: mistakes, Deputy: d.Deputy, Chosen: sent["grant"], From: sent.Get("from"), To: sent.Get("to"), Reason: d.Reason})
	}
	return v.backTo("/desk/me/delegations", "for", sent.Get("for"), "done", "1")
}

func (v *visit) delegationRevoke() error {
	if err := v.fields("for"); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	if _, err := told(v.site.Page(v.r, "accounts.delegations.title"), v.Accounts.Revoke(v.ctx(), v.actor, v.plan(), v.r.PathValue("id"))); err != nil {
		return err
	}
	return v.backTo("/desk/me/delegations", "for", v.r.PostForm.Get("for"))
}

// dayBegins is when a day of a form begins in the city, some days later; no day is no instant.
func (v *visit) dayBegins(day string, later int) time.Time {
	at, err := time.ParseInLocation(time.DateOnly, day, v.site.Zone)
	if err != nil {
		return time.Time{}
	}
	return at.AddDate(0, 0, later)
}
