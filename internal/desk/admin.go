package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/web"
)

// accountsPage is the list of accounts an administrator keeps.
type accountsPage struct {
	Words, Next string
	Rows        []accountRow
	Waiting     []waitingRow
	Done        string
	Mistakes    []web.Mistake
}

type accountRow struct {
	Href, Name, Login string
	Grants            []string
	Off               bool
}

type waitingRow struct {
	ID, Name, By, When string
	Grants             []string
	Mine               bool // asked for by the reader, or for the reader: somebody else confirms
}

// accountPage is one account as its administrator sees it.
type accountPage struct {
	ID, Name, Login string
	Off, Self       bool
	Mistakes        []web.Mistake
	Done            string
	Link            string // of the invitation, shown once
	Waits           bool
	Grants          []web.Choice // by number
	Was             string
	Units, Roles    []web.Choice
	Programmes      []web.Choice
	Sent            url.Values
	Tokens          []tokenRow
	Delegations     []delegationRow
	Changes         []changeRow
	Older           string
}

type changeRow struct{ When, ISO, Who, What, Detail string }

const accountsOnPage = 50

// keeper lets administrators in; for everybody else the page does not exist.
func (v *visit) keeper() error {
	if len(v.actor.Administers()) == 0 {
		return web.ErrNotFound
	}
	return nil
}

func (v *visit) admin() error { return v.showAccounts(http.StatusOK, nil) }

func (v *visit) showAccounts(status int, mistakes []web.Mistake) error {
	if err := v.keeper(); err != nil {
		return err
	}
	p := v.page("accounts.admin.title")
	q := v.r.URL.Query()
	d := accountsPage{Words: q.Get("find"), Mistakes: mistakes, Done: doneWords(p, q.Get("done"))}
	list, next, err := v.Accounts.List(v.ctx(), v.actor, v.plan(), d.Words, q.Get("after"), accountsOnPage)
	if err != nil {
		return err
	}
	for _, a := range list {
		row := accountRow{Href: "/desk/admin/" + url.PathEscape(a.ID), Name: a.NameIn(p.Lang), Login: a.Login, Off: a.Disabled}
		for _, g := range a.Grants {
			row.Grants = append(row.Grants, grantWords(p, g))
		}
		d.Rows = append(d.Rows, row)
	}
	if next != "" {
		d.Next = "/desk/admin?" + url.Values{"find": {d.Words}, "after": {next}}.Encode()
	}
	waiting, err := v.Accounts.AllWaiting(v.ctx(), v.actor, v.plan())
	if err != nil {
		return err
	}
	for _, w := range waiting {
		row := waitingRow{ID: w.ID, Name: v.officer(p, w.Account), By: v.officer(p, w.By), When: p.Moment(w.At), Mine: w.By == v.who.ID || w.Account == v.who.ID}
		for _, g := range w.Grants {
			row.Grants = append(row.Grants, grantWords(p, g))
		}
		d.Waiting = append(d.Waiting, row)
	}
	return v.write(p, status, accountsBody(p, d))
}

func doneWords(p *web.Page, done string) string {
	if key := "accounts.done." + done; done != "" && p.Has(key) {
		return p.T(key)
	}
	return ""
}

func (v *visit) waitingDo() error {
	if err := v.fields("answer"); err != nil {
		return err
	}
	if err := v.keeper(); err != nil {
		return err
	}
	err := v.Accounts.Settle(v.ctx(), v.actor, v.plan(), v.r.PathValue("id"), v.r.PostForm.Get("answer") == "yes")
	if err == nil {
		return v.backTo("/desk/admin", "done", "settled")
	}
	mistakes, err := told(v.site.Page(v.r, "accounts.admin.title"), err)
	if err != nil {
		return err
	}
	return v.showAccounts(http.StatusForbidden, mistakes)
}

// newAccount asks for a new account.
func (v *visit) newAccount() error {
	return v.showAccount(http.StatusOK, account.Account{}, accountPage{})
}

func (v *visit) newAccountDo() error {
	if err := v.fields("login", "name.zh-CN", "name.en", "unit", "role", "programme*"); err != nil {
		return err
	}
	if err := v.keeper(); err != nil {
		return err
	}
	sent := v.r.PostForm
	a := account.Account{Login: sent.Get("login"), Name: sentNames(sent)}
	if g, ok := v.sentGrant(sent); ok {
		a.Grants = append(a.Grants, g)
	}
	in, err := v.Accounts.Invite(v.ctx(), v.actor, v.plan(), a)
	if err != nil {
		mistakes, err := told(v.site.Page(v.r, "accounts.new.title"), err)
		if err != nil {
			return err
		}
		return v.showAccount(http.StatusUnprocessableEntity, account.Account{}, accountPage{Mistakes: mistakes, Sent: sent})
	}
	return v.showAccount(http.StatusOK, in.Account, accountPage{Link: v.welcomeLink(in.Secret), Waits: in.Waits})
}

func (v *visit) welcomeLink(secret string) string {
	return v.site.Origin(v.r) + "/desk/welcome/" + secret
}

// sentNames are the names a form gives, by language.
func sentNames(sent url.Values) map[string]string {
	out := map[string]string{}
	for _, lang := range []string{"zh-CN", "en"} {
		if n := strings.TrimSpace(sent.Get("name." + lang)); n != "" {
			out[lang] = n
		}
	}
	return out
}

// sentGrant is the grant a form adds: none when neither unit nor role was named. A unit may be named by its
// id or by its name.
func (v *visit) sentGrant(sent url.Values) (authz.Grant, bool) {
	g := authz.Grant{Role: authz.Role(sent.Get("role")), Unit: v.unitNamed(strings.TrimSpace(sent.Get("unit"))), Programmes: sent["programme"]}
	return g, g.Role != "" || g.Unit != ""
}

func (v *visit) unitNamed(said string) org.UnitID {
	if _, ok := v.pack.Units.Unit(org.UnitID(said)); ok {
		return org.UnitID(said)
	}
	for _, u := range v.pack.Units.All() {
		for _, lang := range v.pack.Langs {
			if v.pack.Texts[lang]["unit."+string(u)] == said {
				return u
			}
		}
	}
	return org.UnitID(said)
}

func (v *visit) accountShow() error {
	if err := v.keeper(); err != nil {
		return err
	}
	a, err := v.Accounts.Kept(v.ctx(), v.actor, v.plan(), v.r.PathValue("id"))
	if err != nil {
		_, err = told(v.site.Page(v.r, "accounts.admin.title"), err)
		return err
	}
	return v.showAccount(http.StatusOK, a, accountPage{})
}

const changesOnPage = 30

// showAccount draws an account, or the form for a new one.
func (v *visit) showAccount(status int, a account.Account, d accountPage) error {
	if err := v.keeper(); err != nil {
		return err
	}
	title := "accounts.new.title"
	if a.ID != "" {
		title = "accounts.one.title"
	}
	p := v.page(title)
	p.Wrong = len(d.Mistakes) > 0
	if d.Sent == nil {
		d.Sent = url.Values{}
	}
	v.grantChoices(p, &d)
	if a.ID == "" {
		return v.write(p, status, newAccountBody(p, d))
	}
	d.ID, d.Name, d.Login, d.Off, d.Self = a.ID, a.NameIn(p.Lang), a.Login, a.Disabled, a.ID == v.who.ID
	d.Was = spelledGrants(a.Grants)
	for i, g := range a.Grants {
		d.Grants = append(d.Grants, web.Choice{Value: strconv.Itoa(i), Label: grantWords(p, g)})
	}
	if d.Done == "" {
		d.Done = doneWords(p, v.r.URL.Query().Get("done"))
	}
	tokens, err := v.Accounts.Tokens(v.ctx(), a.ID)
	if err != nil {
		return err
	}
	d.Tokens = v.tokenRows(p, tokens)
	delegations, err := v.Accounts.Delegations(v.ctx(), a.ID)
	if err != nil {
		return err
	}
	for _, g := range delegations {
		if g.For == a.ID && g.Revoked.IsZero() && v.now.Before(g.Ends) {
			d.Delegations = append(d.Delegations, v.delegationRow(p, g, a.ID))
		}
	}
	return v.showChanges(p, status, a, d)
}

func (v *visit) showChanges(p *web.Page, status int, a account.Account, d accountPage) error {
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64) // what is no number is no page
	changes, err := v.Accounts.Changes(v.ctx(), a.ID, before, changesOnPage+1)
	if err != nil {
		return err
	}
	if len(changes) > changesOnPage {
		changes = changes[:changesOnPage]
		d.Older = "/desk/admin/" + url.PathEscape(a.ID) + "?before=" + strconv.FormatInt(changes[changesOnPage-1].N, 10)
	}
	for _, c := range changes {
		row := changeRow{When: p.Moment(c.At), ISO: p.ISO(c.At), Who: p.T("accounts.console"), What: p.T("accounts.change." + c.Kind)}
		if c.By != "" {
			row.Who = v.officer(p, c.By)
		}
		row.Detail = v.changeDetail(p, c)
		d.Changes = append(d.Changes, row)
	}
	return v.write(p, status, accountBody(p, d))
}

// changeDetail says what of a change is worth a line: names, and grants before and after.
func (v *visit) changeDetail(p *web.Page, c account.Change) string {
	var parts []string
	for _, k := range []string{"name", "powers", "login", "grants", "reason"} {
		if c.Detail[k] != "" {
			parts = append(parts, c.Detail[k])
		}
	}
	if d := c.Detail["deputy"]; d != "" {
		parts = append(parts, v.officer(p, d))
	}
	if after, ok := c.Detail["after"]; ok {
		parts = append(parts, c.Detail["before"]+" → "+after)
	}
	return strings.Join(parts, p.T("desk.sep"))
}

// grantChoices fills what the forms offer: units the administrator keeps, every role of the pack, programmes.
func (v *visit) grantChoices(p *web.Page, d *accountPage) {
	roles := map[string]bool{}
	for _, id := range v.pack.Units.All() {
		u, _ := v.pack.Units.Unit(id)
		if !v.actor.Keeps(v.pack.Units, id) {
			continue
		}
		d.Units = append(d.Units, web.Choice{Value: string(id), Label: p.T("unit." + string(id))})
		for _, r := range u.Roles {
			if !roles[r] {
				roles[r] = true
				d.Roles = append(d.Roles, web.Choice{Value: r, Label: roleName(p, authz.Role(r))})
			}
		}
	}
	d.Roles = append(d.Roles, web.Choice{Value: string(authz.Admin), Label: roleName(p, authz.Admin)})
	for _, g := range v.pack.Programmes {
		d.Programmes = append(d.Programmes, web.Choice{Value: g.ID, Label: p.T("programme." + g.ID)})
	}
}

// spelledGrants marks what a form was drawn from, so that a change made meanwhile is noticed.
func spelledGrants(grants []authz.Grant) string {
	var parts []string
	for _, g := range grants {
		parts = append(parts, string(g.Role)+"@"+string(g.Unit)+":"+strings.Join(g.Programmes, "+"))
	}
	return strings.Join(parts, ",")
}

func (v *visit) grantsDo() error {
	if err := v.fields("was", "keep*", "unit", "role", "programme*"); err != nil {
		return err
	}
	if err := v.keeper(); err != nil {
		return err
	}
	a, err := v.Accounts.Kept(v.ctx(), v.actor, v.plan(), v.r.PathValue("id"))
	if err != nil {
		_, err = told(v.site.Page(v.r, "accounts.one.title"), err)
		return err
	}
	sent := v.r.PostForm
	if sent.Get("was") != spelledGrants(a.Grants) {
		return &web.Refused{Status: http.StatusConflict, Rule: "accounts.changed"}
	}
	var wanted []authz.Grant
	for i, g := range a.Grants {
		if slices.Contains(sent["keep"], strconv.Itoa(i)) {
			wanted = append(wanted, g)
		}
	}
	if g, ok := v.sentGrant(sent); ok {
		wanted = append(wanted, g)
	}
	waits, err := v.Accounts.ChangeGrants(v.ctx(), v.actor, v.plan(), a.ID, wanted)
	if err != nil {
		mistakes, err := told(v.site.Page(v.r, "accounts.one.title"), err)
		if err != nil {
			return err
		}
		return v.showAccount(http.StatusUnprocessableEntity, a, accountPage{Mistakes: mistakes, Sent: sent})
	}
	done := "grants"
	if waits {
		done = "waits"
	}
	to := "/desk/admin/" + url.PathEscape(a.ID)
	if len(wanted) == 0 || !waits && !v.stillKept(a.ID) {
		to = "/desk/admin" // it is out of reach now
	}
	return v.backTo(to, "done", done)
}

func (v *visit) stillKept(id string) bool {
	_, err := v.Accounts.Kept(v.ctx(), v.actor, v.plan(), id)
	return err == nil
}

// accountDo does one of the buttons of an account.
func (v *visit) accountDo() error {
	if err := v.fields("do", "id"); err != nil {
		return err
	}
	if err := v.keeper(); err != nil {
		return err
	}
	id, what := v.r.PathValue("id"), v.r.PostForm.Get("do")
	a, err := v.Accounts.Kept(v.ctx(), v.actor, v.plan(), id)
	secret := ""
	if err == nil {
		switch what {
		case "disable", "enable":
			err = v.Accounts.Shut(v.ctx(), v.actor, v.plan(), id, what == "disable")
		case "sessions":
			err = v.Accounts.EndSessions(v.ctx(), v.actor, v.plan(), id)
		case "reset":
			secret, err = v.Accounts.InviteAgain(v.ctx(), v.actor, v.plan(), id)
		case "token":
			err = v.Accounts.RevokeToken(v.ctx(), v.actor, v.plan(), v.r.PostForm.Get("id"))
		case "delegation":
			err = v.Accounts.Revoke(v.ctx(), v.actor, v.plan(), v.r.PostForm.Get("id"))
		default:
			return &web.Refused{Status: http.StatusBadRequest, Rule: "desk.form.extra", Params: map[string]string{"got": clip(what)}}
		}
	}
	if err != nil {
		mistakes, err := told(v.site.Page(v.r, "accounts.one.title"), err)
		if err != nil {
			return err
		}
		return v.showAccount(http.StatusUnprocessableEntity, a, accountPage{Mistakes: mistakes})
	}
	if secret != "" {
		return v.showAccount(http.StatusOK, a, accountPage{Link: v.welcomeLink(secret)})
	}
	return v.backTo("/desk/admin/"+url.PathEscape(id), "done", what)
}
