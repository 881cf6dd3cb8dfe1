package desk

import (
	"net/http"
	"net/url"
	"slices"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/web"
)

// viewsPage is where an officer looks after kept lists.
type viewsPage struct {
	Mistakes []web.Mistake
	Removed  viewRow // the one that was just taken away, to bring it back
	Own      []viewRow
	Shared   []viewRow
	Can      bool // shares with the unit
	Unit     string
}

type viewRow struct {
	ID, Name, Href, Typed, By string
	Start, IsShared, Drop     bool
}

// keepsViews reports a desk where lists can be kept. They lie with the accounts, which all compartments share, and
// what is asked in a supported one is not for the others to see.
func (v *visit) keepsViews() bool { return v.name() == procedure.Civic }

// savedLinks shows the kept lists above a list, and offers to keep this one.
func (v *visit) savedLinks(p *web.Page, q listQuery, data *listPage) error {
	if !v.keepsViews() {
		return nil
	}
	list, err := v.Accounts.Views(v.ctx(), v.who)
	if err != nil {
		return err
	}
	here := keptQuery(q)
	for _, x := range list {
		if x.Removed {
			continue
		}
		data.Saved = append(data.Saved, viewLink{Href: viewHref(x), Label: x.Name, Current: x.Query == here})
	}
	if v.own() == nil && !slices.ContainsFunc(data.Saved, func(l viewLink) bool { return l.Current }) {
		data.Save = here
	}
	return nil
}

// keptQuery is a list as it is kept: its first page, with nobody's case open beside it.
func keptQuery(q listQuery) string {
	q = q.page("")
	if s := q.encode(); s != "" {
		return s
	}
	return "view=" + q.View
}

// viewQuery reads a kept list as an address is read: what is not known any more is left out.
func viewQuery(kept string) listQuery {
	u, err := url.ParseQuery(kept)
	if err != nil {
		u = nil
	}
	return readQuery(u).page("")
}

func viewHref(x account.View) string { return viewQuery(x.Query).href() }

// begin leads to the list the desk begins with; false where that is the unit's home.
func (v *visit) begin() (bool, error) {
	if !v.keepsViews() || len(v.r.URL.Query()) > 0 {
		return false, nil
	}
	list, err := v.Accounts.Views(v.ctx(), v.who)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(x account.View) bool { return x.Start })
	if i < 0 {
		return false, nil
	}
	http.Redirect(v.w, v.r, viewHref(list[i]), http.StatusSeeOther)
	return true, nil
}

func (v *visit) savedViews() error { return v.showViews(http.StatusOK, nil) }

func (v *visit) showViews(status int, mistakes []web.Mistake) error {
	if !v.keepsViews() {
		return web.ErrNotFound
	}
	if err := v.own(); err != nil {
		return err
	}
	p := v.page("query.views")
	p.Wrong = len(mistakes) > 0
	list, err := v.Accounts.Views(v.ctx(), v.who)
	if err != nil {
		return err
	}
	data := viewsPage{Mistakes: mistakes, Can: v.sharesViews(), Unit: p.T("unit." + string(v.who.Home()))}
	undo := v.r.URL.Query().Get("removed")
	for _, x := range list {
		q := viewQuery(x.Query)
		row := viewRow{ID: x.ID, Name: x.Name, Href: viewHref(x), Typed: v.typed(p, q), Start: x.Start, IsShared: x.Unit != ""}
		if row.Typed == "" {
			row.Typed = p.T("desk.view." + q.View)
		}
		switch {
		case x.Removed && x.ID == undo:
			data.Removed = row
		case x.Removed:
		case x.Account == v.who.ID:
			data.Own = append(data.Own, row)
		default:
			row.By, row.Drop = v.officer(p, x.Account), v.leadsUnit(x.Unit)
			data.Shared = append(data.Shared, row)
		}
	}
	return v.write(p, status, viewsBody(p, data))
}

// sharesViews reports somebody who leads the unit and may show lists to everybody in it.
func (v *visit) sharesViews() bool { return v.leadsUnit(v.who.Home()) }

func (v *visit) leadsUnit(unit org.UnitID) bool {
	return slices.ContainsFunc(v.who.Grants, func(g authz.Grant) bool { return g.Unit == unit && slices.Contains(v.Heads, g.Role) })
}

// viewSave keeps a list.
func (v *visit) viewSave() error {
	if err := v.fields("name", "query"); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	if !v.keepsViews() {
		return web.ErrNotFound
	}
	q := viewQuery(v.r.PostForm.Get("query"))
	_, err := v.Accounts.SaveView(v.ctx(), v.who.ID, v.r.PostForm.Get("name"), keptQuery(q))
	if err != nil {
		return v.viewsAgain(err)
	}
	http.Redirect(v.w, v.r, q.href(), http.StatusSeeOther)
	return nil
}

// viewChange renames a kept list, takes it away, brings it back, shares it, takes it out of the unit, or has the desk begin with it.
func (v *visit) viewChange() error {
	if err := v.fields("do", "name"); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	if !v.keepsViews() {
		return web.ErrNotFound
	}
	id, removed, err := v.r.PathValue("id"), "", error(nil)
	switch v.r.PostForm.Get("do") {
	case "rename":
		err = v.Accounts.RenameView(v.ctx(), v.who.ID, id, v.r.PostForm.Get("name"))
	case "remove":
		err, removed = v.Accounts.RemoveView(v.ctx(), v.who.ID, id), id
	case "restore":
		err = v.Accounts.RestoreView(v.ctx(), v.who.ID, id)
	case "share":
		err = v.Accounts.ShareView(v.ctx(), v.who, v.plan(), id, v.who.Home())
	case "unshare":
		err = v.Accounts.ShareView(v.ctx(), v.who, v.plan(), id, org.UnitID(""))
	case "drop":
		err = v.Accounts.DropShared(v.ctx(), v.who, v.plan(), id)
	case "start":
		err = v.Accounts.StartWith(v.ctx(), v.who, id)
	case "home":
		err = v.Accounts.StartWith(v.ctx(), v.who, "")
	default:
		return web.ErrNotFound
	}
	if err != nil {
		return v.viewsAgain(err)
	}
	return v.backTo("/desk/views", "removed", removed)
}

func (v *visit) viewsAgain(err error) error {
	mistakes, err := told(v.site.Page(v.r, "query.views"), err)
	if err != nil {
		return err
	}
	return v.showViews(http.StatusUnprocessableEntity, mistakes)
}
